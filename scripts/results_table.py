#!/usr/bin/env python3
"""Prints the table with which docs/results.md begins, from finished runs.

    cargo build --release
    atari-dqn sweep --roms pong,breakout --preset pqn-cpu --seeds 3 --jobs 1 --out sweeps/table
    scripts/results_table.py sweeps/table runs/bricks-pqn-cpu-s0

A folder is a run, or holds runs, as a sweep's does. Runs that differ in nothing but their seed share a row. Python 3.11's
standard library is enough.

score       mean over the seeds of the final evaluation's mean; the interval is a 95 % bootstrap that resamples the seeds, and
            within each of them the games (with one seed the games only, which says nothing about other seeds)
of seeds    the mean of each seed, in the order of the seeds
minutes     median over the seeds of the wall-clock time of training, without the final evaluation; a run that was interrupted
            counts the time it ran
random      mean of the random player's games of the same evaluation
human, DQN  published scores for games of that length (src/evaluation/scores.rs)
command     trains one of the runs: the preset, and --set for each key that differs from it today

Runs without a final evaluation are named on standard error and left out.
"""

import argparse
import functools
import json
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tomllib

import training_runs

SCORES = training_runs.ROOT / "src/evaluation/scores.rs"
RESAMPLES = 2000
# Keys that the command gives with options of their own.
OPTIONS = {"run.seed", "run.total_steps"}
ANNEAL = "algorithm.learning_rate_anneal_steps"
# Tables of scores.rs, with the longest games they are about, in frames.
TABLES = {"SHORT_GAMES": 18_000, "LONG_GAMES": float("inf")}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=pathlib.Path, metavar="FOLDER", help="a run, or a folder of runs")
    training_runs.add_binary_option(parser)
    args = parser.parse_args()
    training_runs.require_binary(args.binary)
    return args


def flat(table, prefix=""):
    """The keys of a TOML table as SECTION.KEY."""
    keys = {}
    for key, value in table.items():
        keys |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return keys


def preset_keys(binary, name):
    shown = subprocess.run([str(binary), "presets", name], capture_output=True, text=True)
    if shown.returncode != 0:
        sys.exit(shown.stderr.strip())
    return flat(tomllib.loads(shown.stdout))


class Run:
    """A finished run, from its folder."""

    def __init__(self, folder, presets):
        told = tomllib.loads((folder / "run.toml").read_text())
        self.game, self.preset, self.seed = told["game"], told["preset"], told["seed"]
        keys = flat(tomllib.loads((folder / "config.toml").read_text()))
        usual = presets(self.preset)
        self.total = keys["run.total_steps"]
        # A preset's 0 stands for the length of the run.
        if keys.get(ANNEAL) == self.total:
            usual = usual | {ANNEAL: self.total}
        self.changes = {key: value for key, value in keys.items() if key not in OPTIONS and usual.get(key) != value}
        self.total_is_usual = self.total == usual.get("run.total_steps")
        evaluation = json.loads((folder / "evaluation.json").read_text())
        self.trained, self.random = evaluation["trained"], evaluation["random"]
        self.scores = [episode["score"] for episode in self.trained["episodes"]]
        rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        self.minutes = max((row["wall_seconds"] for row in rows), default=float("nan")) / 60

    def kind(self):
        """Runs with the same kind share a row."""
        return self.game, self.preset, self.total, json.dumps(self.changes, sort_keys=True), json.dumps(self.protocol(), sort_keys=True)

    def protocol(self):
        return {key: value for key, value in self.trained["protocol"].items() if key != "seed"}

    def command(self):
        words = ["atari-dqn", "train", *(["--rom", self.game] if self.game != "bricks" else []), "--preset", self.preset]
        if not self.total_is_usual:
            words += ["--steps", str(self.total)]
        for key, value in self.changes.items():
            shown = str(value).lower() if isinstance(value, bool) else str(value)
            words += ["--set", f"{key.rpartition('.')[2]}={shown}"]
        return " ".join(words)


def interval(runs):
    """The 95 % bootstrap interval of the mean over the seeds."""
    generator = random.Random(0)
    means = []
    for _ in range(RESAMPLES):
        seeds = generator.choices(runs, k=len(runs))
        means.append(statistics.fmean(statistics.fmean(generator.choices(run.scores, k=len(run.scores))) for run in seeds))
    means.sort()
    return means[RESAMPLES * 25 // 1000], means[RESAMPLES * 975 // 1000 - 1]


def published(game, frames):
    """(human, DQN) for games of at most so many frames; dashes if there is none."""
    name = next(name for name, longest in TABLES.items() if frames <= longest)
    table = re.search(rf"const {name}: .*?\];", SCORES.read_text(), re.DOTALL)
    if table is None:
        sys.exit(f"error: {SCORES} has no table {name}")
    row = re.search(rf'\("{game}", [-0-9._]+, ([-0-9._]+), ([-0-9._]+)\)', table[0])
    return [f"{float(number.replace('_', '')):,.1f}" for number in row.groups()] if row else ["-", "-"]


def row(runs):
    runs = sorted(runs, key=lambda run: run.seed)
    first = runs[0]
    means = [statistics.fmean(run.scores) for run in runs]
    low, high = interval(runs)
    return [
        first.game, first.preset, str(len(runs)), f"{first.trained['steps_trained']:,}",
        f"{statistics.median(run.minutes for run in runs):.1f}",
        f"**{statistics.fmean(means):.1f}** ({low:.1f} to {high:.1f})", ", ".join(f"{mean:.1f}" for mean in means),
        f"{statistics.fmean(run.random['summary']['mean'] for run in runs):.1f}",
        *published(first.game, first.protocol()["max_episode_frames"]), f"`{first.command()}`",
    ]  # fmt: skip


def main():
    args = parse_arguments()
    presets = functools.cache(lambda name: preset_keys(args.binary, name))
    groups = {}
    for folder in args.folders:
        candidates = [folder] if (folder / "run.toml").is_file() else sorted(path.parent for path in folder.glob("*/run.toml"))
        if not candidates:
            sys.exit(f"error: {folder} is not a run and holds none (no run.toml)")
        for candidate in candidates:
            if not (candidate / "evaluation.json").is_file():
                print(f"{candidate}: not evaluated yet", file=sys.stderr)
                continue
            run = Run(candidate, presets)
            groups.setdefault(run.kind(), []).append(run)
    protocols = {json.dumps(runs[0].protocol(), sort_keys=True) for runs in groups.values()}
    heads = ["game", "preset", "seeds", "steps", "minutes", "score", "of seeds", "random", "human", "DQN", "command"]
    print(f"| {' | '.join(heads)} |\n|---|---|---:|---:|---:|---|---|---:|---:|---:|---|")
    for runs in groups.values():
        print(f"| {' | '.join(row(runs))} |")
    for protocol in sorted(protocols):
        print(f"\nEvaluation: {', '.join(f'{key} {value}' for key, value in json.loads(protocol).items())}.")


if __name__ == "__main__":
    main()
