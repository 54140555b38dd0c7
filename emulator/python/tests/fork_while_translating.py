"""Forks while other threads play, and so while their cartridges' code is translated, and plays on in the children.

python fork_while_translating.py CARTRIDGE...
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from numpy.random import default_rng

from atari_emulator._ale_py import ALEInterface, LoggerMode

CHILDREN = 10


def load(path: str) -> ALEInterface:
    ale = ALEInterface()
    ale.setInt("random_seed", 1)
    ale.setInt("frame_skip", 600)
    ale.loadROM(path)
    return ale


def play(ale: ALEInterface, acts: int) -> None:
    for action in default_rng(0).integers(0, 4, acts):
        if ale.game_over():
            ale.reset_game()
        ale.act(action)


def child(own: list[ALEInterface], paths: list[str]) -> None:
    for ale in own:
        play(ale, 3)
    for path in paths:
        play(load(path), 3)


def main() -> None:
    paths = sys.argv[1:]
    ALEInterface.setLoggerMode(LoggerMode.Error)
    done = threading.Event()

    def keep_playing(path: str, folder: str) -> None:
        number = 0
        while not done.is_set():
            # A file of another name has translations of its own, so there is always something to translate.
            number += 1
            copy = Path(folder) / f"{Path(path).stem}{number}.bin"
            shutil.copy(path, copy)
            play(load(str(copy)), 3)

    own = [load(path) for path in paths]
    folder = tempfile.TemporaryDirectory()
    threads = [threading.Thread(target=keep_playing, args=(path, folder.name)) for path in paths[:2]]
    for thread in threads:
        thread.start()
    succeeded = 0
    for number in range(CHILDREN):
        time.sleep(0.002 * (number % 20))
        if os.fork() == 0:
            signal.alarm(60)
            child(own, paths)
            os._exit(0)
        succeeded += os.waitstatus_to_exitcode(os.wait()[1]) == 0
    done.set()
    for thread in threads:
        thread.join()
    folder.cleanup()
    print(f"{succeeded} children succeeded")


if __name__ == "__main__":
    main()
