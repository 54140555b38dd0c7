#!/usr/bin/env python3
"""Compares torch_network.py, which runs atari-dqn's networks in PyTorch, with a computation in numpy that shares nothing with it.

    scripts/check_torch_network.py

Networks with random parameters: each kind of convolutions, plain and dueling, without a norm and with one over the
channels; and dense networks with elu, both forms of dueling, and probabilities. A row of numbers worked out by hand checks the norm itself. The first run installs ale-py and PyTorch (some GB) into .venv.

Exit status: 0 when all Q-values are equal but for rounding.
"""

import itertools
import json
import sys

import compare_with_ale

TORCH = "torch==2.15.0"
ACTIONS = 3
# Kernels and strides of the convolutions, and their outputs: fewer than in the real networks.
KINDS = {
    "nature": [(8, 4, 6), (4, 2, 7), (3, 1, 5)],
    "nips": [(8, 4, 6), (4, 2, 7)],
    "small": [(8, 4, 5), (4, 2, 6)],
    "cpu": [(5, 5, 6), (5, 5, 7)],
}
HIDDEN = 9
# Far above the real one, so that it shows if it is not read from the file.
EPSILON = 0.01


def parameters(generator, layers, dueling, norm):
    """Random parameters by name."""
    tensors = {}

    def linear(name, outputs, *inputs, hidden=True):
        tensors[f"{name}.weight"] = generator.normal(0, 0.2, (outputs, *inputs))
        tensors[f"{name}.bias"] = generator.normal(0, 0.2, outputs)
        if norm and hidden:
            tensors[f"{name}_norm.weight"] = generator.normal(1, 0.5, outputs)
            tensors[f"{name}_norm.bias"] = generator.normal(0, 0.5, outputs)

    channels, side = 4, 84
    for number, (kernel, stride, outputs) in enumerate(layers, 1):
        linear(f"conv{number}", outputs, channels, kernel, kernel)
        channels, side = outputs, (side - kernel) // stride + 1
    pixels = channels * side * side
    if dueling:
        linear("value_fc", HIDDEN, pixels)
        linear("value", 1, HIDDEN, hidden=False)
        linear("advantage_fc", HIDDEN, pixels)
        linear("advantage", ACTIONS, HIDDEN, hidden=False)
    else:
        linear("fc", HIDDEN, pixels)
        linear("head", ACTIONS, HIDDEN, hidden=False)
    return tensors


# (metadata, layers by name and outputs) of dense networks for observations of so many numbers.
NUMBERS = 7
DENSE = [
    ({}, [("dense1", 6), ("dense2", 8), ("fc", 5), ("head", ACTIONS)]),
    ({"head": "policy", "activation": "elu"}, [("fc", 5), ("head", ACTIONS)]),
    ({"dueling": "true"}, [("dense1", 6), ("value_fc", 5), ("value", 1), ("advantage_fc", 5), ("advantage", ACTIONS)]),
    (
        {"dueling": "true", "dueling_hidden": "false", "dueling_form": "maximum", "activation": "elu"},
        [("dense1", 6), ("fc", 5), ("value", 1), ("advantage", ACTIONS)],
    ),
]


def dense_network(generator, metadata, layers):
    """Random parameters of a dense network, and a function of its outputs for one observation, written out layer by layer."""
    import numpy

    tensors, inputs, shared = {}, NUMBERS, NUMBERS
    for name, outputs in layers:
        if name in ("value_fc", "advantage_fc"):
            inputs = shared
        elif name in ("value", "advantage") and f"{name}_fc" not in dict(layers):
            inputs = shared
        tensors[f"{name}.weight"] = generator.normal(0, 0.7, (outputs, inputs))
        tensors[f"{name}.bias"] = generator.normal(0, 0.7, outputs)
        inputs = outputs
        if name.startswith("dense") or name == "fc":
            shared = outputs
    linear = lambda name, x: tensors[f"{name}.weight"] @ x + tensors[f"{name}.bias"]

    def hidden(name, x):
        if f"{name}.weight" not in tensors:
            return x
        x = linear(name, x)
        return numpy.where(x > 0, x, numpy.exp(x) - 1) if metadata.get("activation") == "elu" else numpy.maximum(x, 0)

    def outputs_of(x):
        x = hidden("fc", hidden("dense2", hidden("dense1", x)))
        if metadata.get("dueling") == "true":
            value, advantage = linear("value", hidden("value_fc", x)), linear("advantage", hidden("advantage_fc", x))
            return value + advantage - (max(advantage) if metadata.get("dueling_form") == "maximum" else advantage.mean())
        outputs = linear("head", x)
        return numpy.exp(outputs) / numpy.exp(outputs).sum() if metadata.get("head") == "policy" else outputs

    return tensors, outputs_of


def normalized(z, epsilon=EPSILON):
    """Over the last axis: mean 0, mean square 1."""
    centered = z - z.sum(-1, keepdims=True) / z.shape[-1]
    return centered / ((centered**2).sum(-1, keepdims=True) / z.shape[-1] + epsilon) ** 0.5


def q_values(tensors, layers, dueling, pixels):
    """Q-values of one observation [4, 84, 84], position by position."""
    import numpy

    def hidden(name, z):
        """z ends with the channels."""
        if f"{name}_norm.weight" in tensors:
            z = normalized(z) * tensors[f"{name}_norm.weight"] + tensors[f"{name}_norm.bias"]
        return numpy.maximum(z, 0)

    dense = lambda name, x: tensors[f"{name}.weight"] @ x + tensors[f"{name}.bias"]
    x = pixels / 255
    for number, (kernel, stride, outputs) in enumerate(layers, 1):
        name, side = f"conv{number}", (x.shape[1] - kernel) // stride + 1
        picture = numpy.empty((outputs, side, side))
        for i, j in itertools.product(range(side), repeat=2):
            patch = x[:, i * stride : i * stride + kernel, j * stride : j * stride + kernel]
            picture[:, i, j] = hidden(name, (tensors[f"{name}.weight"] * patch).sum((1, 2, 3)) + tensors[f"{name}.bias"])
        x = picture
    x = x.reshape(-1)
    if not dueling:
        return dense("head", hidden("fc", dense("fc", x)))
    value = dense("value", hidden("value_fc", dense("value_fc", x)))
    advantage = dense("advantage", hidden("advantage_fc", dense("advantage_fc", x)))
    return value + advantage - advantage.mean()


def main():
    compare_with_ale.enter_virtual_environment()
    compare_with_ale.install(TORCH)
    import numpy
    import torch
    import torch_network

    by_hand = normalized(numpy.array([1.0, 2, 3, 6]), 1e-6)
    assert numpy.allclose(by_hand, [-1.069045, -0.534522, 0, 1.603567], rtol=0, atol=1e-6), by_hand
    generator = numpy.random.default_rng(0)
    pixels = generator.integers(256, size=(2, 4, 84, 84), dtype=numpy.uint8)
    worst = 0.0
    for kind, dueling, norm in itertools.product(KINDS, (False, True), ("none", "channels")):
        tensors = parameters(generator, KINDS[kind], dueling, norm == "channels")
        metadata = {"network": kind, "dueling": str(dueling).lower(), "actions": json.dumps(list(range(ACTIONS)))}
        if norm == "channels":
            metadata |= {"norm": norm, "norm_epsilon": str(EPSILON)}
        network = torch_network.Network(metadata, {name: torch.from_numpy(tensor).float() for name, tensor in tensors.items()})
        with torch.inference_mode():
            found = network(torch.from_numpy(pixels)).numpy()
        wanted = numpy.array([q_values(tensors, KINDS[kind], dueling, observation) for observation in pixels])
        difference = abs(found - wanted).max() / abs(wanted).max()
        worst = max(worst, difference)
        if difference > 1e-5:
            sys.exit(f"error: {kind}, dueling {dueling}, norm {norm}: {found} in PyTorch, {wanted} in numpy")
    numbers = generator.normal(0, 1, (5, NUMBERS))
    for metadata, layers in DENSE:
        tensors, outputs_of = dense_network(generator, metadata, layers)
        described = {"network": "mlp", "dueling": "false"} | metadata
        network = torch_network.Network(described, {name: torch.from_numpy(tensor).float() for name, tensor in tensors.items()})
        with torch.inference_mode():
            found = network(torch.from_numpy(numbers)).numpy()
        wanted = numpy.array([outputs_of(observation) for observation in numbers])
        difference = abs(found - wanted).max() / abs(wanted).max()
        worst = max(worst, difference)
        if difference > 1e-5:
            sys.exit(f"error: mlp, {metadata}: {found} in PyTorch, {wanted} in numpy")
    print(f"equal: {2 * 2 * len(KINDS) + len(DENSE)} networks; the largest difference is {worst:.1e} of the largest Q-value")


if __name__ == "__main__":
    main()
