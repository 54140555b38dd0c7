"""ALEState, and the complete positions that ale-py does not have."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from native_support import MISMATCH, game_path, load, run_program

from atari_emulator._ale_py import Action, ALEInterface, ALEState, LoggerMode, Snapshot


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    ALEInterface.setLoggerMode(LoggerMode.Error)
    yield
    ALEInterface.setLoggerMode(LoggerMode.Info)


def play(ale: ALEInterface, seed: int, acts: int) -> list[tuple[int, bytes, bytes]]:
    """Plays random actions. Returns reward, RAM and screen after each."""
    rng = np.random.default_rng(seed)
    seen = []
    for action in rng.integers(0, 18, acts):
        if ale.game_over():
            ale.reset_game()
        reward = ale.act(action)
        seen.append((reward, ale.getRAM().tobytes(), ale.getScreen().tobytes()))
    return seen


def without_screens(seen: list[tuple[int, bytes, bytes]]) -> list[tuple[int, bytes]]:
    return [(reward, ram) for reward, ram, _ in seen]


# The state as an object.


def test_an_empty_state() -> None:
    state = ALEState()
    numbers = (state.getFrameNumber(), state.getEpisodeFrameNumber(), state.getDifficulty(), state.getCurrentMode())
    assert numbers == (0, 0, 0, 0)
    assert state == ALEState() == ALEState(state.serialize()) == pickle.loads(pickle.dumps(state))
    ale = load()
    before = ale.save()
    with pytest.raises(RuntimeError, match="the state is empty"):
        ale.restoreState(state)
    assert ale.save() == before


def test_numbers_of_a_state() -> None:
    ale = load(game_path("breakout"), frame_skip=3)
    ale.setMode(8)
    ale.reset_game()
    ale.setDifficulty(1)
    play(ale, 1, 5)
    ale.reset_game()
    play(ale, 1, 2)
    state = ale.cloneState()
    # The mode is chosen by presses that take 8 frames.
    assert (state.getFrameNumber(), state.getEpisodeFrameNumber()) == (37, 14)
    assert (state.getCurrentMode(), state.getDifficulty()) == (8, 1)
    assert type(state.getFrameNumber()) is int


@pytest.mark.parametrize("include_rng", [False, True])
def test_bytes_pickles_and_copies_are_equal(include_rng: bool) -> None:
    ale = load()
    play(ale, 1, 30)
    state = ale.cloneState(include_rng)
    data = state.serialize()
    assert type(data) is bytes and state.__getstate__() == data
    copies = [ALEState(data), copy.copy(state), copy.deepcopy(state)]
    copies += [pickle.loads(pickle.dumps(state, protocol)) for protocol in (2, 3, 4, 5)]
    for other in copies:
        assert other is not state and other == state and not other != state and other.equals(state)
        assert other.serialize() == data and hash(other) == hash(state)
    for protocol in (0, 1):
        with pytest.raises(TypeError):
            pickle.dumps(state, protocol)


def test_states_of_different_moments_differ() -> None:
    ale = load()
    state = ale.cloneState()
    assert state == ale.cloneState()
    play(ale, 1, 10)
    assert state != ale.cloneState() and not state.equals(ale.cloneState())
    ale.restoreState(state)
    assert state == ale.cloneState()


def test_a_state_with_the_generator_is_not_one_without() -> None:
    ale = load()
    assert ale.cloneState(True) != ale.cloneState(False)
    assert ale.cloneSystemState() == ale.cloneState(True)
    assert ale.cloneSystemState().serialize() == ale.cloneState(include_rng=True).serialize()


def test_a_state_equals_nothing_but_states() -> None:
    state = load().cloneState()
    assert not state == 1 and state != 1 and state != None and state not in [None, b""]  # noqa: E711
    with pytest.raises(TypeError):
        state < state  # type: ignore[operator]
    for wrong in ((1,), (), (None,), (state, state)):
        with pytest.raises(TypeError, match=rf"^equals\(\): {MISMATCH}"):
            state.equals(*wrong)


def test_numbers_of_one_state_and_the_console_of_another() -> None:
    ale = load()
    play(ale, 1, 5)
    state = ale.cloneState()
    mixed = ALEState(state, state.serialize())
    assert mixed.getFrameNumber() == 5
    assert mixed != state
    before = ale.save()
    with pytest.raises(RuntimeError):
        ale.restoreState(mixed)
    assert ale.save() == before


@pytest.mark.parametrize("arguments", [("x",), (bytearray(8),), (1, 2, 3), (None,), (b"", b""), (ALEState(), "x")])
def test_other_arguments_are_type_errors(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match=rf"^__init__\(\): {MISMATCH}"):
        ALEState(*arguments)
    with pytest.raises(TypeError, match=MISMATCH):
        ALEState(ALEState())  # type: ignore[call-overload]


def test_damaged_bytes_are_value_errors() -> None:
    data = load().cloneState().serialize()
    messages = {
        b"": "these 0 bytes are no ALEState",
        b"abc": 'begin with "abc"',
        data[:20]: "ends after 20 bytes",
        data[: len(data) // 2]: f"and should have {len(data)}",
        data + b"x": f"has {len(data) + 1} bytes",
        data[:8] + b"\x07" + data[9:]: "layout version 7",
    }
    for wrong, message in messages.items():
        for build in (ALEState, ALEState().__setstate__):
            with pytest.raises(ValueError, match=message):
                build(wrong)
    for place in range(0, len(data), 7):
        wrong = data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :]
        with pytest.raises(ValueError):
            ALEState(wrong)


# Restoring.


def test_a_state_of_another_game_is_refused_and_the_game_goes_on() -> None:
    pong, breakout = load(game_path("pong")), load(game_path("breakout"))
    before = breakout.save()
    for restore in (breakout.restoreState, breakout.restoreSystemState):
        with pytest.raises(RuntimeError, match="belongs to pong.*plays breakout"):
            restore(pong.cloneState())
    assert breakout.save() == before


@pytest.mark.parametrize("probability", [0.0, 0.25])
def test_a_state_with_the_generator_repeats_the_future(probability: float) -> None:
    ale = load(game_path("tetris"), repeat_action_probability=probability, random_seed=0)
    play(ale, 1, 50)
    # The remembered action is in no state.
    ale.act(Action.NOOP)
    for _ in range(30):
        ale.act(Action.NOOP)
    state = ale.cloneState(True)
    first = play(ale, 2, 100)
    ale.restoreState(state)
    again = play(ale, 2, 100)
    assert without_screens(again) == without_screens(first)


def test_a_state_without_the_generator_does_not() -> None:
    ale = load(game_path("tetris"), repeat_action_probability=0.25, random_seed=0)
    play(ale, 1, 50)
    for clone, same in ((ale.cloneState, False), (ale.cloneSystemState, True)):
        state = clone()
        first = play(ale, 2, 200)
        ale.restoreState(state)
        assert (without_screens(play(ale, 2, 200)) == without_screens(first)) == same


def test_episodes_differ_from_their_repetitions() -> None:
    ale = load(game_path("tetris"), repeat_action_probability=0.25, random_seed=0)
    histories = []
    for _ in range(2):
        ale.reset_game()
        states = []
        for action in np.random.default_rng(4).integers(0, 5, 100):
            ale.act(action)
            states.append(ale.cloneState())
        histories.append(states)
    assert histories[0] != histories[1]


def test_system_states_repeat_states_exactly() -> None:
    ale = load(game_path("tetris"), random_seed=0)
    # The reset ends within a frame, and neither ale-py's states nor these hold that.
    ale.act(0)
    start = ale.cloneSystemState()

    def states() -> list[ALEState]:
        found = []
        for action in np.random.default_rng(4).integers(0, 5, 100):
            ale.act(action)
            found.append(ale.cloneSystemState())
        return found

    first = states()
    ale.restoreSystemState(start)
    assert states() == first


def test_states_travel_between_interfaces_and_processes(tmp_path: Path) -> None:
    ale = load()
    play(ale, 1, 60)
    file = tmp_path / "state"
    file.write_bytes(pickle.dumps(ale.cloneSystemState()))
    expected = without_screens(play(ale, 5, 30))
    other = load(random_seed=7, system_random_seed=9)
    other.restoreState(pickle.loads(file.read_bytes()))
    assert without_screens(play(other, 5, 30)) == expected
    program = (
        "import pickle, sys; from native_support import load; from test_state import play, without_screens;"
        "ale = load(); ale.restoreState(pickle.load(open(sys.argv[1], 'rb')));"
        "print(without_screens(play(ale, 5, 30)))"
    )
    assert run_program(program, str(file)).splitlines()[-1] == str(expected)


def test_what_states_leave_out_stays() -> None:
    ale = load(sound_obs=True)
    play(ale, 1, 40)
    state = ale.cloneState(True)
    ram, lives, frame = ale.getRAM(), ale.lives(), ale.getFrameNumber()
    play(ale, 2, 150)
    kept = ("getScreen", "getScreenRGB", "getScreenGrayscale", "getAudio")
    before = [getattr(ale, name)() for name in kept]
    ale.restoreState(state)
    assert np.array_equal(ale.getRAM(), ram) and (ale.lives(), ale.getFrameNumber()) == (lives, frame)
    # The screen is the old one until the next act.
    for name, old in zip(kept, before, strict=True):
        assert np.array_equal(getattr(ale, name)(), old), name
    ale.act(0)
    assert not np.array_equal(ale.getScreen(), before[0])


def test_the_action_that_sticks_is_in_no_state() -> None:
    ale = load(game_path("space_invaders"), repeat_action_probability=0.5)

    def right() -> list[bytes]:
        rams = []
        for _ in range(40):
            ale.act(Action.RIGHT)
            rams.append(ale.getRAM().tobytes())
        return rams

    for _ in range(100):
        ale.act(Action.NOOP)
    state = ale.cloneSystemState()
    first = right()
    for _ in range(50):
        ale.act(Action.LEFT)
    ale.restoreSystemState(state)
    assert right() != first


# Complete positions.


@pytest.mark.parametrize(
    ("save", "restore"),
    [(ALEInterface.save, ALEInterface.restore), (ALEInterface.snapshot, ALEInterface.restore_snapshot)],
)
def test_complete_positions_leave_nothing_out(
    save: Callable[[ALEInterface], Any], restore: Callable[[ALEInterface, Any], None]
) -> None:
    settings: dict[str, Any] = {"repeat_action_probability": 0.5, "sound_obs": True}
    ale = load(game_path("space_invaders"), **settings)
    play(ale, 1, 100)
    position = save(ale)
    pictures = [ale.getScreenRGB(), ale.getScreenGrayscale(), ale.getAudio()]
    first = play(ale, 2, 150)
    other = load(game_path("space_invaders"), **settings, random_seed=9)
    for used in (ale, other):
        for _ in range(2):
            restore(used, position)
            shown = [used.getScreenRGB(), used.getScreenGrayscale(), used.getAudio()]
            assert all(np.array_equal(one, two) for one, two in zip(shown, pictures, strict=True))
            assert play(used, 2, 150) == first
    assert save(ale) != position


def test_positions_of_another_game_are_refused_and_the_game_goes_on() -> None:
    pong, breakout = load(game_path("pong")), load(game_path("breakout"))
    before = breakout.save()
    with pytest.raises(RuntimeError, match="belongs to pong.*plays breakout"):
        breakout.restore(pong.save())
    with pytest.raises(RuntimeError, match="belongs to pong.*plays breakout"):
        breakout.restore_snapshot(pong.snapshot())
    for wrong in (b"", b"x" * 100, before[:-1], before + b"x", before[:50] + b"\xff\xfe" + before[52:]):
        with pytest.raises(ValueError):
            breakout.restore(wrong)
    assert breakout.save() == before


def test_a_restored_position_keeps_the_interfaces_settings() -> None:
    ale, other = load(frame_skip=4), load(frame_skip=1)
    for restore in (lambda: other.restore(ale.save()), lambda: other.restore_snapshot(ale.snapshot())):
        restore()
        start = other.getFrameNumber()
        other.act(0)
        assert other.getFrameNumber() == start + 1


def test_a_snapshot_is_made_by_an_interface_only() -> None:
    snapshot = load().snapshot()
    assert isinstance(snapshot, Snapshot)
    with pytest.raises(TypeError):
        Snapshot()  # type: ignore[call-arg]
    for copier in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot pickle 'Snapshot' object"):
            copier(snapshot)
