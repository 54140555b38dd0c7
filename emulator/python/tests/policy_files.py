"""Files of networks for the tests of policies: written here, and computed value by value in Python's own arithmetic."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

# (kernel, stride, output channels) of the convolutions: fewer channels than atari-dqn's own networks have.
CONVOLUTIONS = {
    "nature": [(8, 4, 2), (4, 2, 3), (3, 1, 2)],
    "nips": [(8, 4, 2), (4, 2, 3)],
    "small": [(8, 4, 3), (4, 2, 2)],
    "cpu": [(5, 5, 2), (5, 5, 3)],
    "mlp": [],
}
HIDDEN = 5
# Far above the real one, so that a test fails if it is not read from the file.
NORM_EPSILON = 0.01

Arrays = dict[str, np.ndarray]


def safetensors(metadata: dict[str, Any], arrays: Arrays, **changes: Any) -> bytes:
    """The bytes of a file. `changes` replaces or adds entries of the header by name."""
    header: dict[str, Any] = {"__metadata__": metadata}
    numbers = b""
    for name, array in arrays.items():
        begin = len(numbers)
        numbers += array.tobytes()
        dtype = {"float32": "F32", "float64": "F64"}[array.dtype.name]
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [begin, len(numbers)]}
    text = json.dumps(header | changes).encode()
    return len(text).to_bytes(8, "little") + text + numbers


def picture_metadata(**changes: str) -> dict[str, str]:
    """Metadata of a plain network `small` for a game with three actions and two pictures of 44 x 44, with changes."""
    metadata = {
        "format_version": "1", "game": "breakout", "actions": "[0,1,4]", "stack": "2", "side": "44", "frame_skip": "4",
        "resize": "area", "fire_reset": "true", "network": "small", "dueling": "false", "noisy": "false",
        "steps_trained": "7",
    }  # fmt: skip
    return metadata | changes


def network_arrays(metadata: dict[str, str], generator: np.random.Generator) -> Arrays:
    """Random parameters of the network that the metadata describe."""
    arrays: Arrays = {}
    norm, noisy = metadata.get("norm") == "channels", metadata["noisy"] == "true"

    def draw(name: str, shape: tuple[int, ...], mean: float, deviation: float) -> None:
        arrays[name] = generator.normal(mean, deviation, shape).astype(np.float32)

    def layer(name: str, outputs: int, inputs: tuple[int, ...], last: bool = False) -> int:
        draw(f"{name}.weight", (outputs, *inputs), 0, 1.5 / math.sqrt(math.prod(inputs)))
        draw(f"{name}.bias", (outputs,), 0, 0.5)
        if noisy and not name.startswith("conv"):
            # Large: a test fails if noise is added.
            draw(f"{name}.weight_sigma", (outputs, *inputs), 5, 1)
            draw(f"{name}.bias_sigma", (outputs,), 5, 1)
        if norm and not last:
            draw(f"{name}_norm.weight", (outputs,), 1, 0.5)
            draw(f"{name}_norm.bias", (outputs,), 0, 0.5)
        return outputs

    if "environment" in metadata:
        features, actions = int(metadata["observation_size"]), int(metadata["actions"])
    else:
        side, channels, actions = int(metadata["side"]), int(metadata["stack"]), len(json.loads(metadata["actions"]))
        for number, (kernel, stride, outputs) in enumerate(CONVOLUTIONS[metadata["network"]], 1):
            channels = layer(f"conv{number}", outputs, (channels, kernel, kernel))
            side = (side - kernel) // stride + 1
        features = channels * side * side
    for number, width in enumerate(json.loads(metadata.get("layers", "[5]"))[:-1], 1):
        features = layer(f"dense{number}", width, (features,))
    atoms = int(metadata.get("atoms", 1))
    if metadata["dueling"] == "false":
        layer("head", actions * atoms, (layer("fc", HIDDEN, (features,)),), last=True)
    elif metadata.get("dueling_hidden") == "false":
        features = layer("fc", HIDDEN, (features,))
        layer("value", atoms, (features,), last=True)
        layer("advantage", actions * atoms, (features,), last=True)
    else:
        layer("value", atoms, (layer("value_fc", HIDDEN, (features,)),), last=True)
        layer("advantage", actions * atoms, (layer("advantage_fc", HIDDEN, (features,)),), last=True)
    return arrays


def expected_outputs(metadata: dict[str, str], arrays: Arrays, observation: np.ndarray) -> list[float]:
    """Q-values or probabilities of one observation, worked out number by number without numpy's arithmetic."""
    lists = {name: array.tolist() for name, array in arrays.items()}

    def activate(name: str, units: list[float]) -> list[float]:
        if f"{name}_norm.weight" in lists:
            mean = sum(units) / len(units)
            deviation = math.sqrt(sum((unit - mean) ** 2 for unit in units) / len(units) + NORM_EPSILON)
            gain, shift = lists[f"{name}_norm.weight"], lists[f"{name}_norm.bias"]
            units = [(unit - mean) / deviation * g + s for unit, g, s in zip(units, gain, shift)]
        elu = metadata.get("activation") == "elu"
        return [unit if unit > 0 else math.exp(unit) - 1 if elu else 0.0 for unit in units]

    def linear(name: str, inputs: list[float]) -> list[float]:
        rows = zip(lists[f"{name}.weight"], lists[f"{name}.bias"])
        return [sum(w * x for w, x in zip(weights, inputs)) + bias for weights, bias in rows]

    def hidden(name: str, inputs: list[float]) -> list[float]:
        return activate(name, linear(name, inputs)) if f"{name}.weight" in lists else inputs

    if observation.ndim == 3:
        planes = (observation / 255).tolist()
        for number, (kernel, stride, _) in enumerate(CONVOLUTIONS[metadata["network"]], 1):
            planes = _convolved(planes, lists[f"conv{number}.weight"], lists[f"conv{number}.bias"], kernel, stride)
            for row in range(len(planes[0])):
                for column in range(len(planes[0][0])):
                    units = activate(f"conv{number}", [plane[row][column] for plane in planes])
                    for plane, unit in zip(planes, units):
                        plane[row][column] = unit
        features = [value for plane in planes for row in plane for value in row]
    elif observation.ndim == 0:
        features = [float(state == observation) for state in range(int(metadata["observation_size"]))]
    else:
        features = observation.tolist()
    for number in range(1, len(json.loads(metadata.get("layers", "[5]")))):
        features = hidden(f"dense{number}", features)
    features = hidden("fc", features)
    atoms = int(metadata.get("atoms", 1))
    if metadata["dueling"] == "true":
        value = linear("value", hidden("value_fc", features))
        advantage = linear("advantage", hidden("advantage_fc", features))
        actions = len(advantage) // atoms
        outputs = []
        for place, number in enumerate(advantage):
            others = advantage[place % atoms :: atoms]
            baseline = max(others) if metadata.get("dueling_form") == "maximum" else sum(others) / actions
            outputs.append(value[place % atoms] + number - baseline)
    else:
        outputs = linear("head", features)
    if metadata.get("head") == "policy":
        return _softmax(outputs)
    if atoms == 1:
        return outputs
    least, most = float(metadata["value_min"]), float(metadata["value_max"])
    returns = [least + (most - least) * atom / (atoms - 1) for atom in range(atoms)]
    rows = [_softmax(outputs[begin : begin + atoms]) for begin in range(0, len(outputs), atoms)]
    return [sum(p * z for p, z in zip(row, returns)) for row in rows]


def _softmax(logits: list[float]) -> list[float]:
    exponentials = [math.exp(logit) for logit in logits]
    return [exponential / sum(exponentials) for exponential in exponentials]


def _convolved(planes: list, weights: list, biases: list, kernel: int, stride: int) -> list:
    places = range(0, len(planes[0]) - kernel + 1, stride)
    return [
        [
            [
                bias
                + sum(
                    weight[channel][i][j] * plane[row + i][column + j]
                    for channel, plane in enumerate(planes)
                    for i in range(kernel)
                    for j in range(kernel)
                )
                for column in places
            ]
            for row in places
        ]
        for weight, bias in zip(weights, biases)
    ]


def write(path: Path, metadata: dict[str, str], seed: int = 0) -> tuple[Path, Arrays]:
    """Writes a network with random parameters; returns its path and parameters."""
    arrays = network_arrays(metadata, np.random.default_rng(seed))
    path.write_bytes(safetensors(metadata, arrays))
    return path, arrays
