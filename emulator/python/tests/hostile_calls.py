"""Calls the native classes with random arguments, most of them wrong, from several threads that share the objects.

    python hostile_calls.py --seed 1 --calls 100000 --threads 3 FOLDER_WITH_CARTRIDGES

The last line counts the calls that raised anything but the exceptions for bad input.
"""

from __future__ import annotations

import argparse
import array
import copy
import math
import pickle
import random
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from atari_emulator._ale_py import Action, ALEInterface, ALEState, ALEVectorInterface, AutoresetMode, LoggerMode

#: What bad input may raise.
EXPECTED = (TypeError, ValueError, IndexError, RuntimeError, OSError)

SETTINGS = """cpu system_random_seed random_seed repeat_action_probability max_num_frames_per_episode max_num_frames
truncate_on_loss_of_life reward_min reward_max color_averaging paddle_min paddle_max display_screen sound sound_obs
record_sound_filename rom_file run_length_encoding palette volume no_such_key""".split()


#: Arguments of a vector besides its cartridge and number of environments.
VECTOR_SETTINGS = """frame_skip stack_num img_height img_width grayscale maxpool noop_max use_fire_reset episodic_life
life_loss_info reward_clipping max_episode_steps repeat_action_probability full_action_space batch_size num_threads
thread_affinity_offset autoreset_mode no_such_argument""".split()


class Index:
    """An object with `__index__`, which may itself fail or use an interface."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work

    def __index__(self) -> int:
        return self.work()

    __float__ = __index__
    __fspath__ = __index__


class Caller:
    """One thread's random calls."""

    def __init__(
        self,
        seed: int,
        interfaces: list[ALEInterface],
        vectors: list[ALEVectorInterface],
        states: list[ALEState],
        paths: list[Path],
    ) -> None:
        self.dice = random.Random(seed)
        self.interfaces = interfaces
        self.vectors = vectors
        self.states = states
        self.paths = paths
        self.saved: list[Any] = [b""]
        self.outcomes: Counter[str] = Counter()

    def number(self) -> Any:
        small = self.dice.randrange(-2, 20)
        return self.dice.choice([small, small, small, 127, 128, 255, 256, 2**31 - 1, 2**31, -(2**31), 2**32, 2**64, -1])

    def size(self) -> tuple[int, ...]:
        return self.dice.choice(
            [(210, 160), (210, 160, 3), (128,), (512,), (209, 160), (1,), (), (0,), (33600,), (160, 210), (1, 128)]
        )

    def buffer(self) -> Any:
        shape = self.size()
        size = math.prod(shape)
        dtypes: list[Any] = [np.uint8, np.uint8, np.uint8, np.int8, np.float64, bool, "S1", object]
        plain: Any = np.zeros(shape, self.dice.choice(dtypes))
        if self.dice.random() < 0.1:
            plain.flags.writeable = False
        if self.dice.random() < 0.1 and plain.ndim:
            plain = plain[:: self.dice.choice([-1, 2])]
        others = [bytearray(size), memoryview(bytearray(size)), array.array("B", bytes(size)), bytes(size), [0] * 3]
        return self.dice.choice([plain, plain, plain, *others])

    def value(self) -> Any:
        """Any argument."""
        dice = self.dice
        kinds: list[Callable[[], Any]] = [
            self.number,
            self.number,
            self.buffer,
            self.buffer,
            lambda: dice.choice([None, True, False, np.True_, b"", "", "x", "\ud800", "a\0b", (), [], {}, object()]),
            lambda: dice.choice([0.5, math.nan, math.inf, -1e300, np.float32(0.1), np.array(3), np.array([3]), 1j]),
            lambda: dice.choice([np.int64(3), np.uint8(255), np.uint64(2**64 - 1), np.int8(-1), np.datetime64(1, "s")]),
            lambda: dice.choice([*Action, *LoggerMode, *AutoresetMode]),
            lambda: dice.choice(self.states),
            lambda: dice.choice(self.saved),
            lambda: dice.choice(self.interfaces),
            lambda: dice.choice([ALEInterface, ALEState, Action, int, len, self.value]),
            lambda: dice.choice([str(path) for path in self.paths] + list(self.paths)),
            lambda: bytes(dice.randrange(256) for _ in range(dice.randrange(300))),
            self.damaged,
            lambda: Index(
                dice.choice([lambda: 1, lambda: 1 // 0, lambda: "x", self.interfaces[0].lives, lambda: 2**70])
            ),
        ]
        return dice.choice(kinds)()

    def damaged(self) -> bytes:
        data = bytearray(self.dice.choice(self.states).serialize())
        for _ in range(self.dice.randrange(4)):
            data[self.dice.randrange(len(data))] ^= 1 << self.dice.randrange(8)
        return bytes(data[: self.dice.choice([len(data), self.dice.randrange(len(data))])])

    def call(self) -> None:
        """One call. Raises what the call raises."""
        dice = self.dice
        ale = dice.choice(self.interfaces)
        roll = dice.random()
        if roll < 0.02:
            kind = dice.choice(["String", "Int", "Bool", "Float"])
            getattr(ale, f"set{kind}")(dice.choice(SETTINGS), self.value())
        elif roll < 0.03:
            # A long act is no fault, but takes long.
            ale.setInt("frame_skip", dice.randrange(-2, 30))
        elif roll < 0.05:
            ale.loadROM(dice.choice([*self.paths, self.value()]))
        elif roll < 0.07:
            self.states[dice.randrange(len(self.states))] = dice.choice(
                [ale.cloneState, ale.cloneSystemState, lambda: ALEState(self.damaged()), lambda: ALEState(self.value())]
            )()
        elif roll < 0.09:
            self.saved = [*self.saved[-8:], dice.choice([ale.save, ale.snapshot])()]
        elif roll < 0.12:
            restore = dice.choice([ale.restoreState, ale.restoreSystemState, ale.restore, ale.restore_snapshot])
            restore(dice.choice([*self.states, *self.saved]))
        elif roll < 0.14:
            copiers: list[Any] = [copy.copy, copy.deepcopy, pickle.dumps, hash, repr, str, bool, dir]
            dice.choice(copiers)(dice.choice([ale, *self.states, *self.saved]))
        elif roll < 0.16:
            state = dice.choice(self.states)
            dice.choice([state.equals, state.__eq__, state.__ne__, state.__setstate__])(self.value())
        elif roll < 0.5:
            ale.act(dice.randrange(18))
        else:
            methods = [name for name in dir(ALEInterface) if not name.startswith(("_", "set", "load"))]
            methods += ["setRAM", "setMode", "setDifficulty"]
            arguments = [self.value() for _ in range(dice.choice([0, 0, 1, 1, 1, 2, 3]))]
            names = ["buffer", "action", "paddle_strength", "with_truncation", "include_rng", "x", ""]
            named = {dice.choice(names): self.value()} if dice.random() < 0.1 else {}
            name = dice.choice(methods)
            if name == "saveScreenPNG" and arguments and isinstance(arguments[0], str):
                arguments[0] = str(Path(tempfile.gettempdir()) / "no such folder" / "screen.png")
            getattr(ale, name)(*arguments, **named)

    def numbers(self) -> Any:
        """A row of numbers for a vector: as many as it has environments, or not."""
        row = [self.dice.randrange(-1, 5) for _ in range(self.dice.choice([3, 3, 3, 2, 0]))]
        return self.dice.choice([row, row, tuple(row), np.array(row), np.array(row, float), self.value()])

    def call_vector(self) -> None:
        """One call of a vector. Raises what the call raises."""
        dice = self.dice
        vector = dice.choice(self.vectors)
        roll = dice.random()
        if roll < 0.03:
            count = dice.choice([3, 3, 0, -1, 1.0, 2**31, 2**64, None])
            path = dice.choice([*self.paths, *self.paths, self.value()])
            setting = {dice.choice(VECTOR_SETTINGS): dice.choice([0, -1, 1, 2, True, math.nan, "SameStep", 2**40, None])}
            made = ALEVectorInterface(path, count, **setting)
            if made.get_num_envs() == 3:
                self.vectors[dice.randrange(len(self.vectors))] = made
        elif roll < 0.3:
            vector.reset([0, 1, 2], self.numbers())
        elif roll < 0.35:
            vector.reset(self.numbers(), self.numbers())
        elif roll < 0.55:
            vector.send(self.numbers(), dice.choice([[1.0] * 3, self.numbers(), None]))
        elif roll < 0.65:
            vector.recv()
        elif roll < 0.85:
            vector.step(self.numbers())
        elif roll < 0.9:
            flags = dice.choice([np.zeros(3, bool), np.zeros(2, bool), self.value()])
            observations = dice.choice([np.zeros((3, 4, 84, 84), np.uint8), self.buffer()])
            vector.step_into(self.numbers(), observations, dice.choice([np.zeros(3, np.int32), self.value()]), flags, flags)
        else:
            names = [name for name in dir(ALEVectorInterface) if not name.startswith("_")]
            getattr(vector, dice.choice(names))(*(self.value() for _ in range(dice.randrange(4))))

    def run(self, calls: int) -> None:
        for _ in range(calls):
            try:
                self.dice.choice([self.call, self.call, self.call, self.call_vector])()
                self.outcomes["fine"] += 1
            except EXPECTED as error:
                self.outcomes[type(error).__name__] += 1
            except BaseException as error:
                self.outcomes[f"UNEXPECTED {error!r}"] += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--threads", type=int, default=3)
    parser.add_argument("folder", type=Path, help="cartridges, and other files if there are any")
    options = parser.parse_args()
    ALEInterface.setLoggerMode(LoggerMode.Error)
    paths = sorted(options.folder.iterdir())
    interfaces = [ALEInterface() for _ in range(5)]
    for ale, path in zip(interfaces[1:], paths * 4, strict=False):
        ale.loadROM(path)
    states = [ALEState(), *(ale.cloneState() for ale in interfaces[1:])]
    vectors = [ALEVectorInterface(paths[0], 3, num_threads=threads) for threads in (1, 2)]
    callers = [
        Caller(options.seed + 1000 * place, interfaces, vectors, list(states), paths) for place in range(options.threads)
    ]
    calls = options.calls // options.threads
    threads = [threading.Thread(target=caller.run, args=(calls,)) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ALEInterface.setLoggerMode(LoggerMode.Error)
    # The interfaces still play, and as fresh ones do.
    for ale in interfaces:
        ale.setInt("frame_skip", 1)
        ale.setInt("random_seed", 1)
        ale.setInt("system_random_seed", 1)
        ale.setFloat("repeat_action_probability", 0.0)
        ale.setBool("truncate_on_loss_of_life", False)
        ale.setInt("max_num_frames_per_episode", 0)
        ale.setBool("color_averaging", False)
        ale.loadROM(paths[0])
        for action in range(18):
            ale.act(action)
    assert len({(ale.getRAM().tobytes(), ale.getScreenRGB().tobytes()) for ale in interfaces}) == 1
    outcomes = sum((caller.outcomes for caller in callers), Counter())
    print(dict(outcomes))
    unexpected = sum(count for what, count in outcomes.items() if what.startswith("UNEXPECTED"))
    print(f"{sum(outcomes.values())} calls, {unexpected} unexpected")


if __name__ == "__main__":
    main()
