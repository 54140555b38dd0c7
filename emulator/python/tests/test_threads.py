"""One ALEInterface used by several threads, and by forked processes."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from native_support import BRICKS, game_path, load, run_program

from atari_emulator._ale_py import Action, ALEInterface, LoggerMode


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    ALEInterface.setLoggerMode(LoggerMode.Error)
    yield
    ALEInterface.setLoggerMode(LoggerMode.Info)


def in_thread(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_a_second_thread_waits_for_its_turn() -> None:
    ale = load(frame_skip=20_000)
    started = threading.Event()

    def act() -> None:
        started.set()
        ale.act(Action.FIRE)

    thread = in_thread(act)
    started.wait()
    seen = ale.getFrameNumber()
    thread.join()
    assert seen in (0, ale.getFrameNumber())
    assert ale.getFrameNumber() > 0


def test_threads_in_a_loop_leave_each_other_a_turn() -> None:
    ale = load(frame_skip=600)
    done = threading.Event()
    turns = [0, 0, 0]

    def use(place: int) -> None:
        while not done.is_set():
            ale.act(0) if place < 2 else ale.getRAM()
            ale.reset_game()
            turns[place] += 1

    threads = [in_thread(lambda place=place: use(place)) for place in range(3)]  # type: ignore[misc]
    while min(turns) < 5:
        time.sleep(0.001)
    done.set()
    for thread in threads:
        thread.join()


def test_long_calls_let_other_threads_run() -> None:
    ale = load(frame_skip=100_000, max_num_frames_per_episode=0)
    path = game_path("video_cube")
    count = 0
    done = threading.Event()

    def work() -> None:
        ale.act(0)
        for _ in range(20):
            ale.loadROM(path)
            ale.reset_game()
        done.set()

    thread = in_thread(work)
    while not done.is_set():
        count += 1
    thread.join()
    assert count > 1000


def test_interfaces_of_different_threads_are_independent() -> None:
    def play(seed: int) -> list[bytes]:
        ale = load(frame_skip=4, random_seed=seed, repeat_action_probability=0.25)
        seen = []
        for action in np.random.default_rng(seed).integers(0, 18, 300):
            if ale.game_over():
                ale.reset_game()
            ale.act(action)
            seen.append(ale.getScreenRGB().tobytes())
        return seen

    results: dict[int, list[bytes]] = {}
    threads = [in_thread(lambda seed=seed: results.__setitem__(seed, play(seed))) for seed in range(3)]  # type: ignore[misc]
    for thread in threads:
        thread.join()
    assert results == {seed: play(seed) for seed in range(3)}


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Has SIGINT raise KeyboardInterrupt, also where the tests were started with the signal ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_long_act_can_be_interrupted(interruptible: None) -> None:
    ale = load(frame_skip=2**31 - 1)
    timer = threading.Timer(0.2, lambda: signal.raise_signal(signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        ale.act(0)
    timer.join()
    assert 0 < ale.getFrameNumber() < 2**31 - 1
    ale.loadROM(BRICKS)
    assert ale.getFrameNumber() == 0


def test_waiting_for_a_turn_can_be_interrupted(interruptible: None) -> None:
    ale = load(frame_skip=100_000_000)
    started = threading.Event()

    def act() -> None:
        started.set()
        ale.act(0)

    thread = in_thread(act)
    started.wait()
    time.sleep(0.05)
    timer = threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        ale.getRAM()
        time.sleep(60)
    timer.join()
    thread.join()
    ale.reset_game()
    assert not ale.game_over()


def test_the_interpreter_ends_while_daemon_threads_play() -> None:
    program = (
        "import sys, threading, time; from native_support import load;"
        "ale = load(frame_skip=int(sys.argv[1]));"
        "play = lambda: [(ale.act(0), ale.reset_game()) for _ in iter(int, 1)];"
        "[threading.Thread(target=play, daemon=True).start() for _ in range(2)];"
        "time.sleep(0.2); print('end')"
    )
    for frame_skip in ("1", "700", "20000"):
        assert run_program(program, frame_skip).splitlines()[-1] == "end"


def test_a_signal_handler_within_a_call_is_refused_and_does_not_wait_for_ever() -> None:
    ale = load(frame_skip=50_000)
    refused = []

    def handle(*_: object) -> None:
        try:
            ale.getRAM()
        except RuntimeError as error:
            refused.append(str(error))

    before = signal.signal(signal.SIGALRM, handle)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        ale.act(0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert len(refused) <= 1
    assert all("in the middle of another call" in text for text in refused)
    ale.getRAM()


def in_child(work: Callable[[], None]) -> None:
    """Runs `work` in a forked process, which must succeed within a minute."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            signal.alarm(60)
            work()
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_goes_on_with_its_own_copy() -> None:
    ale = load(game_path("breakout"), frame_skip=4)
    for _ in range(50):
        ale.act(Action.FIRE)
    position = ale.snapshot()

    def play() -> bytes:
        for action in np.random.default_rng(3).integers(0, 4, 200):
            ale.act(action)
        return ale.getScreenRGB().tobytes() + ale.getRAM().tobytes()

    expected = play()
    ale.restore_snapshot(position)
    start = ale.getFrameNumber()

    def child() -> None:
        assert play() == expected
        ale.reset_game()
        ale.loadROM("")
        other = load(game_path("pong"))
        other.act(0)

    in_child(child)
    assert ale.getFrameNumber() == start
    assert play() == expected


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_forked_during_another_threads_act_is_told_so() -> None:
    ale = load(frame_skip=2**31 - 1)
    started = threading.Event()

    def act() -> None:
        started.set()
        with pytest.raises(RuntimeError, match="ended"):
            ale.act(0)

    def end(*_: object) -> None:
        raise RuntimeError("ended")

    def child() -> None:
        for _ in range(2):
            with pytest.raises(RuntimeError, match="used by another thread when the process was forked"):
                ale.getRAM()
        ale.setInt("frame_skip", 1)
        ale.loadROM(BRICKS)
        assert ale.act(0) == 0 and ale.getFrameNumber() == 1

    before = signal.signal(signal.SIGUSR1, end)
    forker = threading.Timer(0.05, lambda: None)
    try:
        # Only the main thread's acts are interrupted by signals, so it acts and another one forks.
        failures: list[BaseException] = []

        def fork() -> None:
            started.wait()
            time.sleep(0.05)
            try:
                in_child(child)
            except BaseException as failure:
                failures.append(failure)
            os.kill(os.getpid(), signal.SIGUSR1)

        forker = threading.Timer(0, fork)
        forker.start()
        act()
    finally:
        forker.join()
        signal.signal(signal.SIGUSR1, before)
    assert not failures


def test_children_forked_while_code_is_translated_do_not_wait_for_the_translator() -> None:
    # The translator's thread is missing in the children, whatever it had locked.
    program = Path(__file__).with_name("fork_while_translating.py")
    paths = [str(game_path(name)) for name in ("seaquest", "breakout", "pitfall2")]
    report = run_program(program, *paths)
    assert report.splitlines()[-1] == "10 children succeeded", report
