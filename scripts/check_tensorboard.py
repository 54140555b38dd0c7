#!/usr/bin/env python3
"""Reads the event file of a short run with the tensorboard package and compares it with metrics.jsonl.

    cargo build --release
    scripts/check_tensorboard.py

The run is stopped and resumed once on its way. Every number of every row must be there once, under its name and step.
tensorboard is installed into .venv by the first run. Exit status: 0 when everything is there.
"""

import collections
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import compare_with_ale

TENSORBOARD = "tensorboard==2.21.0"
BINARY = compare_with_ale.ROOT / "target/release/atari-dqn"
SETTINGS = [
    "learning_starts_steps=100", "metrics_every_steps=100", "evaluation_every_steps=400", "evaluation_steps=100",
    "final_evaluation_episodes=0", "replay_capacity=1000",
]  # fmt: skip


def train(folder):
    """A run in two parts."""
    line = [BINARY, "train", "--run-dir", folder, "--steps", "700"]
    for assignment in SETTINGS:
        line += ["--set", assignment]
    subprocess.run(line, check=True, capture_output=True)
    subprocess.run([BINARY, "train", "--resume", folder, "--steps", "1200"], check=True, capture_output=True)


def expected(folder):
    """The numbers of the rows: name -> [(step, value)]."""
    numbers = collections.defaultdict(list)
    for line in (folder / "metrics.jsonl").read_text().splitlines():
        row = json.loads(line)
        kind, step = row.pop("kind"), row.pop("step")
        for field, value in row.items():
            if isinstance(value, list):
                value = sum(value) / len(value) if value else None
            if value is not None:
                numbers[f"{kind}/{field}"].append((step, float(value)))
    return numbers


def main():
    compare_with_ale.enter_virtual_environment()
    compare_with_ale.install(TENSORBOARD)
    from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder) / "run"
        train(folder)
        events = EventAccumulator(str(folder), size_guidance={SCALARS: 0})
        events.Reload()
        wanted = expected(folder)
        found = {name: [(event.step, event.value) for event in events.Scalars(name)] for name in events.Tags()["scalars"]}
    if wanted.keys() != found.keys():
        sys.exit(f"error: names differ: {sorted(wanted.keys() ^ found.keys())}")
    for name, values in wanted.items():
        same = len(values) == len(found[name]) and all(
            a[0] == b[0] and math.isclose(a[1], b[1], rel_tol=1e-6, abs_tol=1e-30) for a, b in zip(values, found[name])
        )
        if not same:
            sys.exit(f"error: {name} differs: {values[:5]} in metrics.jsonl, {found[name][:5]} in the event file")
    print(f"tensorboard reads all {sum(map(len, wanted.values()))} numbers of {len(wanted)} scalars")


if __name__ == "__main__":
    main()
