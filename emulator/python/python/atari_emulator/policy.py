"""Plays what atari-dqn has trained, with numpy alone.

from atari_emulator.policy import load_policy

policy = load_policy("runs/pong-pqn-cpu-s0")
actions = policy.act(observations)      # AtariVectorEnv's observations, uint8 (n, 4, 84, 84) -> int64 (n,)
policy.q_values(observations)           # float32 (n, actions)
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from atari_emulator import _network, _safetensors, _table
from atari_emulator._ale_py import Action

FORMAT_VERSION = "1"
# Files of a run folder: the network that scored best in the run's own evaluations, and the one of the last checkpoint.
BEST_FILE = "best.safetensors"
LAST_FILE = "model.safetensors"
# Games that the choice of the best network must rest on. The mean of fewer is mostly chance.
LEAST_GAMES = 10
MOST_ACTIONS = 65_536
# Side of a picture in pixels, and most pictures in an observation.
LARGEST_PICTURE = 1024


class Policy:
    """A network or a table trained by atari-dqn. `load_policy` makes one."""

    game: str
    """The game's name as in `ale_py.roms` ("bricks" is the built-in one), or a classic environment's ("cartpole")."""
    observation_shape: tuple[int, ...]
    """Shape of one observation: (4, 84, 84), gray values of type uint8, oldest picture first; (n,), numbers; (), the
    number of a state."""
    actions: tuple[int, ...]
    """ALE's number of each action, in the order of the columns of `q_values`; 0, 1, ... in a classic environment."""
    action_names: tuple[str, ...]
    """ALE's name of each action ("NOOP"); the number as text in a classic environment."""
    metadata: dict[str, str]
    """All that the file says about the training, e.g. `preset`, `steps_trained`, `frame_skip`."""
    is_stochastic: bool
    """Whether it gives probabilities of actions (REINFORCE) in place of Q-values."""

    def __init__(self, metadata: dict[str, str], arrays: Mapping[str, np.ndarray]) -> None:
        """From the metadata and the arrays of a file; ValueError if these are not a policy that this package plays."""
        version = _network.text(metadata, "format_version")
        if version != FORMAT_VERSION:
            raise ValueError(f"its format version is {version}, and this package reads version {FORMAT_VERSION}")
        self.metadata = dict(metadata)
        environment = metadata.get("environment", "atari")
        # The number of states if observations are numbers of states.
        self._states: int | None = None
        if environment == "atari":
            self.game = _network.text(metadata, "game")
            self.actions = _ale_actions(metadata)
            self.action_names = tuple(Action(number).name for number in self.actions)
            side = _network.number(metadata, "side", most=LARGEST_PICTURE)
            self.observation_shape = (_network.number(metadata, "stack", most=LARGEST_PICTURE), side, side)
        else:
            self.game = environment
            self.actions = tuple(range(_network.number(metadata, "actions", most=MOST_ACTIONS)))
            self.action_names = tuple(map(str, self.actions))
            size = _network.number(metadata, "observation_size", most=_table.MOST_VALUES)
            if _network.choice(metadata, "observations", ("numbers", "states")) == "states":
                self._states, self.observation_shape = size, ()
            else:
                self.observation_shape = (size,)
        # From a batch to Q-values or logits, float32 (n, actions).
        self._outputs: Callable[[np.ndarray], np.ndarray]
        if "table" in metadata:
            table = _table.Table(metadata, arrays, self._states, self.observation_shape, len(self.actions))
            self._outputs, self._kind, self.is_stochastic = table.q_values, "table", False
        else:
            inputs = self.observation_shape if self._states is None else (self._states,)
            network = _network.Network(metadata, arrays, inputs, len(self.actions))
            self._outputs, self.is_stochastic = network.outputs, network.is_policy
            self._kind = f"network {network.kind}"

    def __repr__(self) -> str:
        trained = self.metadata.get("steps_trained", "?")
        return f"<Policy of {self.game}: {self._kind}, {len(self.actions)} actions, {trained} steps trained>"

    def vector_settings(self) -> dict[str, Any]:
        """Keywords of AtariVectorEnv with which it makes the observations that the network was trained on.

        ValueError if there are none: classic environments, and pictures resized by bilinear interpolation, where
        AtariVectorEnv averages areas.
        """
        if "environment" in self.metadata:
            raise ValueError(f"{self.game} is no Atari game; make it with gymnasium.make")
        resize = _network.choice(self.metadata, "resize", ("area", "bilinear"))
        if resize != "area":
            raise ValueError(
                "it was trained on pictures resized by bilinear interpolation, and AtariVectorEnv averages areas; make "
                "observations with cv2.resize(..., interpolation=cv2.INTER_LINEAR), or train with `--set resize=area`"
            )
        stack, height, width = self.observation_shape
        return {
            "frameskip": _network.number(self.metadata, "frame_skip"),
            "use_fire_reset": _network.flag(self.metadata, "fire_reset"),
            "full_action_space": self.actions == tuple(range(len(Action))),
            "stack_num": stack,
            "img_height": height,
            "img_width": width,
        }

    def q_values(self, observations: Any) -> np.ndarray:
        """Q-values of a batch of observations (n, *observation_shape), or of a single one: float32 (n, actions).

        A table has negative infinity for impossible actions. Raises ValueError for observations of another shape,
        TypeError for another type, and ValueError for a policy that `is_stochastic`, which has no Q-values.
        """
        if self.is_stochastic:
            raise ValueError("this network gives probabilities of actions, no Q-values; call probabilities()")
        return self._outputs(self._batch(observations)[0])

    def probabilities(self, observations: Any) -> np.ndarray:
        """Probability of each action, float64 (n, actions), of a policy that `is_stochastic`.

        Arguments and errors as for `q_values`; ValueError for a policy with Q-values.
        """
        if not self.is_stochastic:
            raise ValueError("this policy gives Q-values, no probabilities of actions; call q_values()")
        return _network.softmax(self._outputs(self._batch(observations)[0]).astype(np.float64))

    def act(self, observations: Any, epsilon: float = 0.0, rng: np.random.Generator | int | None = None) -> Any:
        """Indices of actions, which AtariEnv and AtariVectorEnv take: int64 (n,), or an int for a single observation.

        Each is the first of the largest Q-values, or with probability `epsilon` a random one (if possible in a table).
        A policy that `is_stochastic` draws actions from its probabilities, as in its training, and ignores `epsilon`.
        `rng` is a numpy Generator or a seed; by default a fresh one. Errors as for `q_values`; ValueError also for an
        epsilon outside 0 to 1, and for outputs that are not finite, since then no action is the best.
        """
        if not 0 <= epsilon <= 1:
            raise ValueError(f"epsilon is {epsilon}, expected a probability from 0 to 1")
        batch, single = self._batch(observations)
        generator = np.random.default_rng(rng)
        values = self._outputs(batch)
        possible = values > -np.inf
        # Not `isfinite`: a table has negative infinity for impossible actions.
        if np.isnan(values).any() or (values == np.inf).any() or not possible.any(1).all():
            raise ValueError(
                "the outputs for an observation are not finite, so no action is the best; are its numbers finite?"
            )
        if self.is_stochastic:
            actions = _draw(_network.softmax(values.astype(np.float64)), generator)
        else:
            actions = values.argmax(1)
            if epsilon > 0:
                random = generator.random(len(batch)) < epsilon
                drawn = _draw(possible / possible.sum(1, keepdims=True), generator)
                actions = np.where(random, drawn, actions)
        return int(actions[0]) if single else actions

    def _batch(self, observations: Any) -> tuple[np.ndarray, bool]:
        """The observations as an array (n, *observation_shape), and whether it was a single one without the axis n."""
        array = np.asarray(observations)
        shape = self.observation_shape
        single = array.shape == shape
        if not single and (array.ndim == 0 or array.shape[1:] != shape):
            raise ValueError(
                f"the observations have the shape {array.shape}, expected (n, {', '.join(map(str, shape))}) or {shape}"
            )
        if len(shape) == 3:
            if array.dtype != np.uint8:
                raise TypeError(
                    f"the pictures are of type {array.dtype}, expected gray values from 0 to 255 of type uint8"
                )
        elif self._states is not None:
            if array.dtype.kind not in "iu":
                raise TypeError(f"the states are of type {array.dtype}, expected whole numbers")
            if array.size and not 0 <= array.min() <= array.max() < self._states:
                raise ValueError(f"the states are {array.min()} to {array.max()}, expected 0 to {self._states - 1}")
        elif array.dtype.kind not in "iufb":
            raise TypeError(f"the observations are of type {array.dtype}, expected numbers")
        else:
            array = array.astype(np.float32)
        return array[None] if single else array, single


def load_policy(path: str | os.PathLike[str]) -> Policy:
    """Loads what atari-dqn has trained from a run folder or a .safetensors file.

    Of a run folder it takes the network that `atari-dqn eval` would play: best.safetensors, or model.safetensors if
    there is no best one or its choice rests on fewer than 10 games. All networks and tables of action values are
    supported: convolutions and dense layers, norms, dueling, noisy (without noise), categorical, and the policies of
    REINFORCE.

    Raises FileNotFoundError if there is no such file, OSError if it cannot be read, ValueError if it is damaged or not
    such a network; the message says what was found and what was expected.
    """
    file = Path(path)
    if file.is_dir():
        return _from_folder(file)
    return _from_file(file)


def _from_folder(folder: Path) -> Policy:
    files = [file for file in (folder / BEST_FILE, folder / LAST_FILE) if file.is_file()]
    if not files:
        raise FileNotFoundError(
            f"{folder} holds neither {BEST_FILE} nor {LAST_FILE}; atari-dqn writes them with a run's first checkpoint, "
            "so wait for that, or give another run folder or a .safetensors file"
        )
    policy = _from_file(files[0])
    chosen = policy.metadata.get("chosen_games", "")
    if len(files) > 1 and chosen.isdecimal() and int(chosen) < LEAST_GAMES:
        return _from_file(files[1])
    return policy


def _from_file(file: Path) -> Policy:
    if not file.exists():
        raise FileNotFoundError(f"there is no {file}; give a run folder of atari-dqn or a .safetensors file of one")
    if not file.is_file():
        raise ValueError(f"{file} is no regular file; give a run folder of atari-dqn or a .safetensors file of one")
    try:
        return Policy(*_safetensors.read(file))
    except ValueError as error:
        raise ValueError(f"{file} cannot be played: {error}") from None


def _ale_actions(metadata: Mapping[str, str]) -> tuple[int, ...]:
    """ALE's numbers of a network's actions."""
    numbers = _network.parsed(metadata, "actions")
    known = [action.value for action in Action]
    if (
        not isinstance(numbers, list)
        or not numbers
        or any(type(number) is not int or number not in known for number in numbers)
    ):
        raise ValueError(
            f"its metadata have `actions` = `{metadata['actions']}`, expected a list of numbers from 0 to {max(known)}"
        )
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"its metadata have `actions` = `{metadata['actions']}`, which names one twice")
    return tuple(numbers)


def _draw(probabilities: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """An index for each row, drawn with these probabilities; one number of the generator a row."""
    fractions = generator.random((len(probabilities), 1))
    # By rounding, the sum of a row differs from 1, and a product with it can reach it.
    sums = np.cumsum(probabilities, 1)
    places = np.minimum(fractions * sums[:, -1:], np.nextafter(sums[:, -1:], 0))
    indices: np.ndarray = (places >= sums).sum(1)
    return indices
