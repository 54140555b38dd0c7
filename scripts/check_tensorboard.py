#!/usr/bin/env python3
"""Compares the TensorBoard event files of short runs with metrics.jsonl.

    cargo build --release
    scripts/check_tensorboard.py                     # a run of DQN and a run of PQN
    scripts/check_tensorboard.py --preset pong-cpu

Each run is interrupted and resumed once. Every number of every row must be in the event file exactly once, under its name and
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
PRESETS = ["bricks", "pqn-cpu"]
SETTINGS = [
    "metrics_every_steps=100", "evaluation_every_steps=400", "evaluation_steps=100", "final_evaluation_episodes=0",
]  # fmt: skip
OF_ALGORITHMS = {
    "dqn": ["learning_starts_steps=100", "replay_capacity=1000"],
    "pqn": ["num_envs=4", "horizon=25", "minibatch_size=50"],
}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", action="append", metavar="NAME", help=f"preset to train with; may be repeated [{' '.join(PRESETS)}]")
    training_runs.add_binary_option(parser)
    args = parser.parse_args()
    training_runs.require_binary(args.binary)
    return args


def train(binary, preset, folder):
    """Trains in two parts."""
    line = [binary, "train", "--preset", preset, "--run-dir", folder, "--steps", "700"]
    for assignment in SETTINGS + training_runs.short_settings(OF_ALGORITHMS, binary, preset):
        line += ["--set", assignment]
    for command in line, [binary, "train", "--resume", folder, "--steps", "1200"]:
        ended = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if ended.returncode != 0:
            sys.exit(f"error: {' '.join(map(str, command))}: {ended.stderr.strip()}")


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


def check(binary, preset):
    """Trains and compares; ends the script at the first difference."""
    from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder) / "run"
        train(binary, preset, folder)
        events = EventAccumulator(str(folder), size_guidance={SCALARS: 0})
        events.Reload()
        wanted = expected(folder)
        found = {name: [(event.step, event.value) for event in events.Scalars(name)] for name in events.Tags()["scalars"]}
    if wanted.keys() != found.keys():
        sys.exit(f"error: {preset}: names differ: {sorted(wanted.keys() ^ found.keys())}")
    for name, values in wanted.items():
        same = len(values) == len(found[name]) and all(
            a[0] == b[0] and math.isclose(a[1], b[1], rel_tol=1e-6, abs_tol=1e-30) for a, b in zip(values, found[name])
        )
        if not same:
            sys.exit(f"error: {preset}: {name} differs: {values[:5]} in metrics.jsonl, {found[name][:5]} in the event file")
    print(f"{preset}: tensorboard reads all {sum(map(len, wanted.values()))} numbers of {len(wanted)} scalars")


def main():
    compare_with_ale.enter_virtual_environment()
    args = parse_arguments()
    compare_with_ale.install(TENSORBOARD)
    for preset in args.preset or PRESETS:
        check(args.binary, preset)


if __name__ == "__main__":
    main()
