"""Tables of action values that atari-dqn has learned, and how observations are numbered as states."""

import math
from collections.abc import Mapping

import numpy as np

from atari_emulator import _network

# Most values of a table, as in atari-dqn.
MOST_VALUES = 50_000_000
# Arrays of each kind of table: Q-learning's, the two of Double Q-learning (van Hasselt 2010), value iteration's.
KINDS = ("q", "q1 q2", "q v")


class Table:
    """Values of actions in each of a finite number of states."""

    def __init__(
        self,
        metadata: Mapping[str, str],
        arrays: Mapping[str, np.ndarray],
        states: int | None,
        shape: tuple[int, ...],
        actions: int,
    ) -> None:
        """`states` is the number of states; None if observations are numbers of this `shape`, divided into cells.

        Raises ValueError if the arrays are not those of the table that the metadata describe.
        """
        kind = _network.text(metadata, "table")
        if kind == "possible v":
            raise ValueError(
                "its table holds values of states, which choose no action; tables of action values work (Q-learning, "
                "SARSA, value iteration), and all networks"
            )
        _network.choice(metadata, "table", KINDS)
        self._limits: np.ndarray | None = None
        if states is None:
            self._limits, self._edges = _edges(metadata, shape)
            states = (self._edges.shape[1] + 1) ** len(self._limits)
        if states * actions > MOST_VALUES:
            raise ValueError(f"its table would have {states:,} states and {actions} actions, which are too many")
        names = kind.split()
        unknown = set(arrays) - set(names)
        if unknown:
            raise ValueError(f"it holds `{min(unknown)}`, and its table consists of {', '.join(names)}")
        tables = {name: _array(arrays, name, (states,) if name == "v" else (states, actions)) for name in names}
        # Double Q-learning acts by the sum of its tables; their mean is on the scale of returns.
        values = (tables["q1"] + tables["q2"]) / 2 if "q1" in tables else tables["q"]
        none = np.isneginf(values).all(1, keepdims=True)
        # Where no action is possible the episode has ended, and nothing is earned.
        self._values = np.where(none, 0.0, values).astype(np.float32)

    def q_values(self, observations: np.ndarray) -> np.ndarray:
        """float32 (count, actions); negative infinity where an action is impossible."""
        return self._values[observations if self._limits is None else self._cells(observations)]

    def _cells(self, observations: np.ndarray) -> np.ndarray:
        """The cell of each row of numbers: digits of a number, the last one changing fastest."""
        cells = np.zeros(len(observations), np.int64)
        for column, edges in enumerate(self._edges):
            # A number's digit is how many edges are less than or equal to it.
            digits = np.searchsorted(edges, observations[:, column].astype(np.float64), side="right")
            cells = cells * (len(edges) + 1) + digits
        return cells


def _edges(metadata: Mapping[str, str], shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The limit of each number, and its edges (numbers, count): equally spaced from minus the limit to the limit."""
    said = _network.text(metadata, "table_limits")
    try:
        limits = np.array([float(limit) for limit in said.split(" ")])
    except ValueError:
        limits = np.array([])
    if limits.shape != shape or not np.isfinite(limits).all() or not (limits > 0).all():
        raise ValueError(f"its metadata have `table_limits` = `{said}`, expected {shape[0]} numbers above 0")
    count = _network.number(metadata, "table_edges", 2, MOST_VALUES)
    if len(limits) * math.log(count + 1) > math.log(MOST_VALUES):
        raise ValueError(f"its table would have {count + 1} to the power of {len(limits)} states, which are too many")
    steps = np.arange(count) * (2 * limits[:, None] / (count - 1))
    edges = steps - limits[:, None]
    edges[:, -1] = limits
    return limits, edges


def _array(arrays: Mapping[str, np.ndarray], name: str, shape: tuple[int, ...]) -> np.ndarray:
    array = arrays.get(name)
    if array is None:
        raise ValueError(f"it lacks `{name}`")
    if array.dtype != np.float64 or array.shape != shape:
        raise ValueError(f"`{name}` is {array.dtype} {list(array.shape)}, expected float64 {list(shape)}")
    impossible = np.isneginf(array) if name != "v" else np.zeros(shape, bool)
    if not (np.isfinite(array) | impossible).all():
        raise ValueError(f"`{name}` holds a number that is not finite; the file is damaged")
    return array
