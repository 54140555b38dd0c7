#!/usr/bin/env python3
"""Compares the TensorBoard event file of a short run with metrics.jsonl.

    cargo build --release
    scripts/check_tensorboard.py

The run is interrupted and resumed once. Every number of every row must be in the event file exactly once, under its name and
step. The first run installs tensorboard into .venv. Exit status: 0 when everything is there.
"""

import argparse
import collections
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import compare_with_ale
import training_runs

TENSORBOARD = "tensorboard==2.21.0"
SETTINGS = [
    "learning_starts_steps=100", "metrics_every_steps=100", "evaluation_every_steps=400", "evaluation_steps=100",
    "final_evaluation_episodes=0", "replay_capacity=1000",
]  # fmt: skip


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    training_runs.add_binary_option(parser)
    args = parser.parse_args()
    training_runs.require_binary(args.binary)
    return args


def train(binary, folder):
    """Trains in two parts."""
    line = [binary, "train", "--run-dir", folder, "--steps", "700"]
    for assignment in SETTINGS:
        line += ["--set", assignment]
    subprocess.run(line, check=True, capture_output=True)
    subprocess.run([binary, "train", "--resume", folder, "--steps", "1200"], check=True, capture_output=True)


def expected(folder):
    """The numbers in metrics.jsonl: name -> [(step, value)]."""
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
    args = parse_arguments()
    compare_with_ale.install(TENSORBOARD)
    from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder) / "run"
        train(args.binary, folder)
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
