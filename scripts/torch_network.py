"""Loads a network of atari-dqn from its file into a PyTorch module.

Used by scripts/transfer_to_ale.py; stands alone, so it can be copied. Needs PyTorch and numpy.
"""

import json

import numpy
import torch
from torch.nn import functional

# Strides of the convolutions; the shapes of the parameters determine everything else.
STRIDES = {"nature": (4, 2, 1), "nips": (4, 2), "small": (4, 2), "cpu": (5, 5)}


def read_safetensors(path):
    """(metadata, name -> tensor). The file holds the header's length (8 bytes), a header in JSON, and the numbers."""
    data = path.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:begin])
    metadata = header.pop("__metadata__")
    numbers = torch.from_numpy(numpy.frombuffer(data, "<f4", offset=begin).copy())
    tensors = {}
    for name, entry in header.items():
        first, end = entry["data_offsets"]
        tensors[name] = numbers[first // 4 : end // 4].reshape(entry["shape"])
    return metadata, tensors


class Network(torch.nn.Module):
    """Convolutions or dense layers that all branches share, then a hidden layer and an output layer; a dueling network has two such
    branches, perhaps without hidden layers. Noisy layers use their means.

    The metadata name what shapes do not show: `activation` (relu unless it is elu), `dueling_form` (the mean of the advantages is
    subtracted unless it is maximum), `head` (Q-values unless it is policy).

    With `norm = "channels"` every hidden layer NAME has a LayerNorm NAME_norm between its linear map and its ReLU.
    """

    def __init__(self, metadata, tensors):
        super().__init__()
        means = {name: tensor for name, tensor in tensors.items() if not name.endswith("_sigma")}
        self.convolutions = []
        for name, tensor in means.items():
            layer, _, part = name.partition(".")
            if part != "weight":
                continue
            if tensor.dim() == 1:
                self.add_module(layer, torch.nn.LayerNorm(len(tensor), eps=float(metadata["norm_epsilon"])))
            elif tensor.dim() == 4:
                outputs, inputs, kernel, _ = tensor.shape
                stride = STRIDES[metadata["network"]][int(layer.removeprefix("conv")) - 1]
                self.add_module(layer, torch.nn.Conv2d(inputs, outputs, kernel, stride))
                self.convolutions.append(layer)
            else:
                outputs, inputs = tensor.shape
                self.add_module(layer, torch.nn.Linear(inputs, outputs))
        self.convolutions.sort()
        self.load_state_dict(means)
        self.dueling = metadata["dueling"] == "true"
        self.shared = sorted(name for name, _ in self.named_children() if name.startswith("dense") and not name.endswith("_norm"))
        if self.dueling and hasattr(self, "fc"):
            # The branches have no hidden layers of their own.
            self.shared.append("fc")
        self.activation = {"relu": functional.relu, "elu": functional.elu}[metadata.get("activation", "relu")]
        self.dueling_form = metadata.get("dueling_form", "mean")
        self.policy = metadata.get("head") == "policy"
        width = int(metadata.get("atoms", 1))
        self.actions = len((self.advantage if self.dueling else self.head).bias) // width
        # Support of a categorical network: the returns its atoms stand for.
        self.atoms = None
        if "atoms" in metadata:
            ends = float(metadata["value_min"]), float(metadata["value_max"])
            self.atoms = torch.linspace(*ends, int(metadata["atoms"]))

    def activate(self, layer, x):
        """The activation of a layer's output, after its norm if it has one: over the channels of each position, or the units."""
        norm = getattr(self, f"{layer}_norm", None)
        if norm is not None:
            x = norm(x.movedim(1, -1)).movedim(-1, 1)
        return self.activation(x)

    def hidden(self, layer, x):
        """A hidden layer of x, or x itself if the network has no such layer."""
        linear = getattr(self, layer, None)
        return x if linear is None else self.activate(layer, linear(x))

    def forward(self, observations):
        """Q-values [n, actions], or the probabilities of a policy, of observations.

        Observations are gray values from 0 to 255 of type uint8, [n, 4, 84, 84], oldest frame first; or numbers of another type,
        [n, numbers], where a state is a 1 in its place among 0s.
        """
        x = observations.float() / 255 if observations.dtype == torch.uint8 else observations.float()
        for layer in self.convolutions:
            x = self.hidden(layer, x)
        x = x.flatten(1)
        for layer in self.shared:
            x = self.hidden(layer, x)
        if self.dueling:
            value = self.value(self.hidden("value_fc", x)).unsqueeze(1)
            advantage = self.advantage(self.hidden("advantage_fc", x)).unflatten(1, (self.actions, -1))
            largest = self.dueling_form == "maximum"
            baseline = advantage.amax(1, keepdim=True) if largest else advantage.mean(1, keepdim=True)
            outputs = value + advantage - baseline
        else:
            outputs = self.head(self.hidden("fc", x)).unflatten(1, (self.actions, -1))
        if self.policy:
            return functional.softmax(outputs.squeeze(2), 1)
        if self.atoms is None:
            return outputs.squeeze(2)
        return functional.softmax(outputs, 2) @ self.atoms
