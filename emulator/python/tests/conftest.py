"""What the tests share: programs in processes of their own, and what to do without ale-py or without cartridges."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium
import pytest

#: Seconds after which a program counts as hanging.
TIME_LIMIT = 240


@pytest.fixture(autouse=True)
def same_ids_in_every_test() -> Iterator[None]:
    """Gives back the environment ids: a test that imports ale_py in this process makes them ale-py's."""
    registry = dict(gymnasium.registry)
    yield
    gymnasium.registry.clear()
    gymnasium.registry.update(registry)


def missing(what: str) -> None:
    """Ends the test because something is not installed: a failure in CI, which has everything, and else a skip."""
    if os.environ.get("CI"):
        pytest.fail(f"{what}, and CI is set")
    pytest.skip(what)


def run_python(*arguments: str | Path, **options: Any) -> str:
    """Runs Python in a new process and returns its stdout. The options are those of `outputs_of_python`."""
    return outputs_of_python(*arguments, **options)[0]


def outputs_of_python(
    *arguments: str | Path, status: int = 0, cwd: Path | None = None, **environment: str
) -> tuple[str, str]:
    """Runs Python in a new process, with additional environment variables, and returns its stdout and stderr."""
    process = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, **environment},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=TIME_LIMIT,
    )
    outputs = process.stdout, process.stderr
    assert process.returncode == status, f"status {process.returncode} in place of {status}:\n" + "\n".join(outputs)
    return outputs


@pytest.fixture
def ale_py() -> None:
    """For tests that compare with ale-py. They run it in other processes: importing it here would register its ids."""
    if importlib.util.find_spec("ale_py") is None:
        missing("ale-py is not installed: pip install ale-py==0.12.1")


@pytest.fixture
def same_as_ale_py(ale_py: None) -> Callable[[str], str]:
    """Runs a program that imports ale_py twice, with ale-py and with this package, and expects the same last line."""

    def compare(program: str) -> str:
        theirs = run_python("-W", "ignore", "-c", program).splitlines()[-1]
        ours = run_python("-W", "ignore", "-m", "atari_emulator", "-c", program).splitlines()[-1]
        assert ours == theirs
        return ours

    return compare


@pytest.fixture(scope="session")
def cartridges() -> None:
    """For tests that play games whose cartridges are not in the package."""
    from atari_emulator import roms

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for name in roms.get_all_rom_ids():
                roms.get_rom_path(name)
    except FileNotFoundError as problem:
        missing(str(problem))
