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
    """Convolutions, a hidden layer and an output layer; a dueling network has two such branches. Noisy layers use their means.

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
        self.actions = len(json.loads(metadata["actions"]))
        self.dueling = metadata["dueling"] == "true"
        # Support of a categorical network: the returns its atoms stand for.
        self.atoms = None
        if "atoms" in metadata:
            ends = float(metadata["value_min"]), float(metadata["value_max"])
            self.atoms = torch.linspace(*ends, int(metadata["atoms"]))

    def activate(self, layer, x):
        """The ReLU of a layer's output, after its norm if it has one: over the channels of each position, or the units."""
        norm = getattr(self, f"{layer}_norm", None)
        if norm is not None:
            x = norm(x.movedim(1, -1)).movedim(-1, 1)
        return functional.relu(x)

    def forward(self, observations):
        """Q-values [n, actions] of observations [n, 4, 84, 84], gray values from 0 to 255, oldest frame first."""
        x = observations.float() / 255
        for layer in self.convolutions:
            x = self.activate(layer, getattr(self, layer)(x))
        x = x.flatten(1)
        if self.dueling:
            value = self.value(self.activate("value_fc", self.value_fc(x))).unsqueeze(1)
            hidden = self.activate("advantage_fc", self.advantage_fc(x))
            advantage = self.advantage(hidden).unflatten(1, (self.actions, -1))
            outputs = value + advantage - advantage.mean(1, keepdim=True)
        else:
            outputs = self.head(self.activate("fc", self.fc(x))).unflatten(1, (self.actions, -1))
        if self.atoms is None:
            return outputs.squeeze(2)
        return functional.softmax(outputs, 2) @ self.atoms
