"""Wrong calls raise exceptions; they never crash, hang or end the process."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from native_support import BRICKS, game_path, run_program


@pytest.mark.parametrize("seed", [1, 2])
def test_random_calls_from_several_threads(seed: int, tmp_path: Path) -> None:
    for source in (BRICKS, game_path("breakout"), game_path("pong"), game_path("tennis")):
        shutil.copy(source, tmp_path)
    program = Path(__file__).with_name("hostile_calls.py")
    report = run_program(program, "--seed", str(seed), "--calls", "9000", "--threads", "3", str(tmp_path))
    assert report.splitlines()[-1] == "9000 calls, 0 unexpected", report
    outcomes = report.splitlines()[-2]
    for what in ("fine", "TypeError", "RuntimeError", "ValueError"):
        found = re.search(rf"'{what}': (\d+)", outcomes)
        assert found is not None and int(found[1]) > 20, outcomes
