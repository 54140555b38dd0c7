"""Evaluates the networks of atari-dqn with numpy.

A network is convolutions, dense layers that all branches share, and one branch, or two branches for value and advantage
(dueling, Wang et al. 2016). A branch is a hidden layer and an output layer. Parameters have PyTorch's names and shapes.
Shapes tell widths; kernels and strides follow from the kind of network.
"""

import dataclasses
import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

# (kernel, stride) of the convolutions, in pixels.
CONVOLUTIONS: dict[str, tuple[tuple[int, int], ...]] = {
    "nature": ((8, 4), (4, 2), (3, 1)),
    "nips": ((8, 4), (4, 2)),
    "small": ((8, 4), (4, 2)),
    "cpu": ((5, 5), (5, 5)),
    "mlp": (),
}
# Returns in a distribution, at most, as in atari-dqn.
MOST_ATOMS = 100_000
FLOAT32_MAX = float(np.finfo(np.float32).max)
# Observations evaluated together: their patches stay below 20 MB.
CHUNK = 32

Array = np.ndarray


@dataclasses.dataclass(frozen=True)
class Layer:
    """A linear map, and a LayerNorm (Ba et al. 2016) after it if the network has norms and this is a hidden layer."""

    weight: Array
    """(outputs, inputs), or (outputs, inputs, kernel, kernel)."""
    bias: Array
    norm: tuple[Array, Array] | None = None
    """Gain and shift."""


def _relu(x: Array) -> Array:
    return np.maximum(x, 0)


def _elu(x: Array) -> Array:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {"relu": _relu, "elu": _elu}


def softmax(logits: Array) -> Array:
    """Over the last axis."""
    exponentials = np.exp(logits - logits.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


class Network:
    """A network of atari-dqn. Noisy layers use their means, as in the program's evaluations."""

    def __init__(
        self, metadata: Mapping[str, str], arrays: Mapping[str, Array], observation_shape: tuple[int, ...], actions: int
    ):
        """`observation_shape` is (channels, height, width), or (inputs,) of a network on numbers or of one-hot states.

        Raises ValueError if the arrays are not those of the network that the metadata describe.
        """
        # Arrays that are not read yet.
        self._left = dict(arrays)
        self.kind = choice(metadata, "network", tuple(CONVOLUTIONS))
        self.activation = ACTIVATIONS[choice(metadata, "activation", tuple(ACTIVATIONS), "relu")]
        self.noisy = flag(metadata, "noisy", False)
        self.norm_epsilon = _norm_epsilon(metadata)
        self.dueling = flag(metadata, "dueling")
        self.largest_advantage = choice(metadata, "dueling_form", ("mean", "maximum"), "mean") == "maximum"
        branches_hidden = flag(metadata, "dueling_hidden", True) or not self.dueling
        self.is_policy = choice(metadata, "head", ("policy",), "none") == "policy"
        self.support = _support(metadata)
        self.actions = actions
        features = self.inputs = self._read_convolutions(observation_shape)
        self.shared, features = self._read_shared(features, branches_hidden)
        width = 1 if self.support is None else len(self.support)
        if self.dueling:
            self.branches = [
                self._read_branch("value_fc", "value", features, width, branches_hidden),
                self._read_branch("advantage_fc", "advantage", features, actions * width, branches_hidden),
            ]
        else:
            self.branches = [self._read_branch("fc", "head", features, actions * width, True)]
        if self._left:
            raise ValueError(
                f"it holds `{min(self._left)}`, which a network `{self.kind}` as its metadata describe it does not have"
            )

    def _take(self, name: str, shape: tuple[int | None, ...]) -> Array:
        """The array of this name; None in `shape` stands for any size but 0."""
        array = self._left.pop(name, None)
        if array is None:
            raise ValueError(f"it lacks `{name}`")
        fits = array.ndim == len(shape) and all(
            have > 0 if want is None else have == want for have, want in zip(array.shape, shape)
        )
        if array.dtype != np.float32 or not fits:
            wanted = ", ".join("any" if size is None else str(size) for size in shape)
            raise ValueError(f"`{name}` is {array.dtype} {list(array.shape)}, expected float32 [{wanted}]")
        if not np.isfinite(array).all():
            raise ValueError(
                f"`{name}` holds a number that is not finite; the training had diverged, or the file is damaged"
            )
        return array

    def _take_layer(
        self, name: str, inputs: tuple[int, ...], outputs: int | None = None, noisy: bool = False, last: bool = False
    ) -> Layer:
        weight = self._take(f"{name}.weight", (outputs, *inputs))
        width = (len(weight),)
        bias = self._take(f"{name}.bias", width)
        if noisy:
            # Deviations of the noise: checked, then left out.
            self._take(f"{name}.weight_sigma", weight.shape)
            self._take(f"{name}.bias_sigma", width)
        if self.norm_epsilon is None or last:
            return Layer(weight, bias)
        return Layer(weight, bias, (self._take(f"{name}_norm.weight", width), self._take(f"{name}_norm.bias", width)))

    def _read_convolutions(self, observation_shape: tuple[int, ...]) -> int:
        """Reads the convolutions; returns the number of features they leave to the dense layers."""
        self.convolutions: list[tuple[Layer, int]] = []
        kernels = CONVOLUTIONS[self.kind]
        if kernels and len(observation_shape) != 3:
            raise ValueError(
                f"its network `{self.kind}` has convolutions, and its observations are {observation_shape}, no pictures"
            )
        shape = observation_shape
        for number, (kernel, stride) in enumerate(kernels, 1):
            channels, rows, columns = shape
            layer = self._take_layer(f"conv{number}", (channels, kernel, kernel))
            self.convolutions.append((layer, stride))
            shape = (len(layer.weight), (rows - kernel) // stride + 1, (columns - kernel) // stride + 1)
        return int(np.prod(shape))

    def _read_shared(self, features: int, branches_hidden: bool) -> tuple[list[Layer], int]:
        """The dense layers below the branches, and the number of features they leave to these."""
        numbered = (f"dense{index}" for index in itertools.count(1))
        names = list(itertools.takewhile(lambda name: f"{name}.weight" in self._left, numbered))
        layers = []
        for name in names if branches_hidden else [*names, "fc"]:
            layers.append(self._take_layer(name, (features,), noisy=self.noisy))
            features = len(layers[-1].weight)
        return layers, features

    def _read_branch(self, hidden: str, output: str, features: int, outputs: int, has_hidden: bool) -> list[Layer]:
        layers = []
        if has_hidden:
            layers.append(self._take_layer(hidden, (features,), noisy=self.noisy))
            features = len(layers[0].weight)
        return [*layers, self._take_layer(output, (features,), outputs, self.noisy, last=True)]

    def outputs(self, observations: Array) -> Array:
        """Q-values, or the logits of a policy: float32 (count, actions).

        Takes uint8 pictures (count, channels, height, width), float32 numbers (count, inputs), or states (count,).
        """
        results = np.empty((len(observations), self.actions), np.float32)
        for begin in range(0, len(observations), CHUNK):
            results[begin : begin + CHUNK] = self._forward(observations[begin : begin + CHUNK])
        return results

    def _forward(self, observations: Array) -> Array:
        if observations.ndim == 4:
            # Channels last from here on: norms and products are over the last axis.
            x = np.moveaxis(observations, 1, -1).astype(np.float32) / np.float32(255)
            for layer, stride in self.convolutions:
                x = self._hidden(layer, _patches(x, layer.weight.shape[2], stride))
            # The weights of the first dense layer expect channel by channel.
            x = np.moveaxis(x, -1, 1).reshape(len(observations), -1)
        elif observations.ndim == 1:
            # One-hot: a 1 in the state's place.
            x = np.zeros((len(observations), self.inputs), np.float32)
            x[np.arange(len(observations)), observations] = 1
        else:
            x = observations
        for layer in self.shared:
            x = self._hidden(layer, x)
        branches = []
        for *hidden, output in self.branches:
            y = self._hidden(hidden[0], x) if hidden else x
            branches.append(y @ output.weight.T + output.bias)
        return self._combine(branches)

    def _hidden(self, layer: Layer, x: Array) -> Array:
        """Linear map, norm, activation."""
        y = x @ layer.weight.reshape(len(layer.weight), -1).T + layer.bias
        if layer.norm is not None:
            gain, shift = layer.norm
            y = y - y.mean(-1, keepdims=True)
            y = y / np.sqrt(np.square(y).mean(-1, keepdims=True) + np.float32(self.norm_epsilon)) * gain + shift
        return self.activation(y)

    def _combine(self, branches: list[Array]) -> Array:
        """Q-values of the branches' outputs.

        A categorical network (C51, Bellemare et al. 2017) gives a logit for each return of its support. The Q-value is
        the mean of that distribution.
        """
        outputs = branches[-1].reshape(len(branches[-1]), self.actions, -1)
        if self.dueling:
            baseline = outputs.max(1, keepdims=True) if self.largest_advantage else outputs.mean(1, keepdims=True)
            outputs = branches[0][:, None] + outputs - baseline
        return outputs[..., 0] if self.support is None else softmax(outputs) @ self.support


def _patches(x: Array, kernel: int, stride: int) -> Array:
    """The patches that a convolution looks at, (count, rows, columns, channels * kernel * kernel)."""
    windows = sliding_window_view(x, (kernel, kernel), (1, 2))[:, ::stride, ::stride]
    return windows.reshape(*windows.shape[:3], -1)


def text(metadata: Mapping[str, str], key: str) -> str:
    """The value of a key that must be there."""
    if key not in metadata:
        raise ValueError(f"its metadata lack `{key}`")
    return metadata[key]


def parsed(metadata: Mapping[str, str], key: str) -> Any:
    """The value of a key that must be there and is JSON."""
    value = text(metadata, key)
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError(f"its metadata have `{key}` = `{value}`, which is not JSON") from None


def number(metadata: Mapping[str, str], key: str, least: int = 1, most: int = 2**31) -> int:
    """A whole number between these limits."""
    value = parsed(metadata, key)
    if type(value) is not int or not least <= value <= most:
        raise ValueError(
            f"its metadata have `{key}` = `{metadata[key]}`, expected a whole number from {least} to {most:,}"
        )
    return value


def choice(metadata: Mapping[str, str], key: str, known: tuple[str, ...], missing: str | None = None) -> str:
    """One of the `known` values, or `missing` if the key may be left out and is."""
    if missing is not None and key not in metadata:
        return missing
    value = text(metadata, key)
    if value not in known:
        raise ValueError(f"its metadata have `{key}` = `{value}`; this package plays {', '.join(known)}")
    return value


def flag(metadata: Mapping[str, str], key: str, missing: bool | None = None) -> bool:
    """`true` or `false`."""
    default = None if missing is None else str(missing).lower()
    return choice(metadata, key, ("true", "false"), default) == "true"


def _real(metadata: Mapping[str, str], key: str) -> float:
    value = parsed(metadata, key)
    if type(value) not in (int, float) or not -FLOAT32_MAX <= value <= FLOAT32_MAX:
        raise ValueError(f"its metadata have `{key}` = `{metadata[key]}`, expected a number that float32 can hold")
    return float(value)


def _norm_epsilon(metadata: Mapping[str, str]) -> float | None:
    """What norms add to the variance; None if there are no norms."""
    if choice(metadata, "norm", ("none", "channels"), "none") == "none":
        return None
    epsilon = _real(metadata, "norm_epsilon")
    if epsilon <= 0:
        raise ValueError(f"its metadata have `norm_epsilon` = `{metadata['norm_epsilon']}`, expected a number above 0")
    return epsilon


def _support(metadata: Mapping[str, str]) -> Array | None:
    """The returns that the atoms of a categorical network stand for; None if its outputs are Q-values."""
    if "atoms" not in metadata:
        return None
    atoms = number(metadata, "atoms", 2, MOST_ATOMS)
    least, most = _real(metadata, "value_min"), _real(metadata, "value_max")
    if not least < most:
        raise ValueError(f"its metadata have returns from {least} to {most}, expected from a number to a larger one")
    return np.linspace(least, most, atoms, dtype=np.float32)
