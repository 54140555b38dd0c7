"""What the tests of the native classes share: cartridges, and programs in processes of their own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from atari_emulator._ale_py import ALEInterface

#: The game that comes with the emulator.
BRICKS = Path(__file__).parents[2] / "cartridges" / "bricks.bin"

#: ale-py's text for arguments that do not fit.
MISMATCH = r"incompatible function arguments\. The following argument types are supported"

#: Seconds after which a program counts as hanging.
TIME_LIMIT = 900


def game_path(name: str) -> Path:
    """A game's cartridge, of `ALE_ROMS_DIR` or of an installed ale-py. Without it the test is skipped, in CI it fails."""
    folders = [Path(os.environ["ALE_ROMS_DIR"])] if os.environ.get("ALE_ROMS_DIR") else []
    # Importing ale-py would register its environments beside this package's.
    spec = importlib.util.find_spec("ale_py")
    if spec is not None and spec.origin is not None:
        folders.append(Path(spec.origin).parent / "roms")
    for folder in folders:
        if (folder / f"{name}.bin").is_file():
            return folder / f"{name}.bin"
    what = f"{name}.bin is missing: set ALE_ROMS_DIR, or pip install ale-py==0.12.1"
    if os.environ.get("CI"):
        pytest.fail(f"{what}, and CI is set")
    pytest.skip(what)


def load(path: Path = BRICKS, **settings: bool | int | float | str) -> ALEInterface:
    """An interface that plays a cartridge, without sticky actions unless they are among the settings."""
    ale = ALEInterface()
    settings = {"random_seed": 1, "repeat_action_probability": 0.0, **settings}
    for key, value in settings.items():
        setters = {bool: ale.setBool, int: ale.setInt, float: ale.setFloat, str: ale.setString}
        setters[type(value)](key, value)
    ale.loadROM(path)
    return ale


def run_program(program: str | Path, *arguments: str) -> str:
    """Runs a Python program, a text or a file, in a new process. Returns its stdout and stderr; it must succeed."""
    how = [str(program)] if isinstance(program, Path) else ["-c", program]
    process = subprocess.run(
        [sys.executable, "-W", "ignore", *how, *arguments],
        cwd=Path(__file__).parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIME_LIMIT,
    )
    assert process.returncode == 0, f"status {process.returncode}:\n{process.stdout}"
    return process.stdout
