#!/usr/bin/env python3
"""Fails each file operation of a short run, one per try, resumes the run, and compares it with a run left alone.

    cargo build --release
    scripts/fail_file_operations.py                                  # every operation of every variant: an hour
    scripts/fail_file_operations.py --variant pqn --how once         # of one variant, failing in one way
    scripts/fail_file_operations.py --part 2/4                       # a quarter of the tries
    scripts/fail_file_operations.py --every 47                       # as in CI

Variants: `dqn` and `pqn` are runs with evaluations during and after training; `sweep` is a sweep of two such runs whose own process
has the fault, and `cells` one whose runs have it. The operations are open, write, fsync, rename and the like, below the run's folder
(scripts/failing_files.c, built with cc). Ways to fail: `once` and `forever` with ENOSPC, `half` with ENOSPC after half a write, and
`eio`.

After the fault the program is started as its message says, or else by the same command, and must succeed. Network, best network,
evaluation, recording, configuration and rows must then be equal to those of the run left alone, byte for byte; only times in the
rows may differ.

Exit status: 0 when everything is equal.
"""

import argparse
import collections
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import training_runs

HOWS = ["once", "forever", "half", "eio"]
SOURCE = pathlib.Path(__file__).parent / "failing_files.c"
# Short games, so that there are rows of all kinds; two checkpoints before the last, two evaluations during training and one after.
COMMON = [
    "network=cpu", "metrics_every_steps=40", "checkpoint_every_steps=48", "evaluation_every_steps=60", "evaluation_steps=30",
    "max_episode_frames=120", "evaluation_max_episode_frames=120", "final_evaluation_episodes=2", "epsilon_anneal_steps=50",
    "noop_max=4", "keep_best=true",
]  # fmt: skip
SETTINGS = {
    "dqn": ["learning_starts_steps=24", "target_sync_steps=50", "replay_capacity=100", "batch_size=4", "epsilon_starts_steps=24"],
    "pqn": ["num_envs=2", "horizon=8", "minibatch_size=8"],
}
PRESETS = {"dqn": "bricks", "pqn": "pqn-cpu"}
STEPS = 120
# Compared byte for byte.
FILES = ["model.safetensors", "best.safetensors", "evaluation.json", "best-game.gif", "config.toml", "run.toml"]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variant", choices=[*SETTINGS, "sweep", "cells"], action="append", help="may be repeated [all]")
    parser.add_argument("--how", choices=HOWS, action="append", help="way to fail; may be repeated [all]")
    parser.add_argument("--every", type=int, default=1, metavar="K", help="only every K-th try [%(default)s]")
    parser.add_argument("--part", default="1/1", metavar="I/N", help="only the I-th of N parts of the tries [%(default)s]")
    training_runs.add_binary_option(parser)
    args = parser.parse_args()
    training_runs.require_binary(args.binary)
    return args


class Variant:
    """A command with a fault in it, and its results."""

    def __init__(self, name, binary):
        self.name, self.binary = name, binary

    def start(self, folder):
        kind = self.name if self.name in SETTINGS else "dqn"
        settings = [word for setting in COMMON + SETTINGS[kind] for word in ("--set", setting)]
        common = ["--preset", PRESETS[kind], "--steps", str(STEPS), *settings]
        if self.name in SETTINGS:
            return [str(self.binary), "train", "--rom", "bricks", "--seed", "1", "--run-dir", str(folder), *common]
        return [str(self.binary), "sweep", "--out", str(folder), "--roms", "bricks", "--seeds", "2", "--jobs", "1", *common]

    def run(self, folder, line=None, **environment):
        command = self.start(folder) if line is None else line
        # One thread: the runs are too short for more.
        environment = {**os.environ, "RAYON_NUM_THREADS": "1", **environment}
        return subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace")

    def fault(self, library, folder, number, how, log=None):
        process = "train" if self.name in (*SETTINGS, "cells") else "sweep"
        more = {"FAIL_LOG": str(log)} if log else {}
        return self.run(
            folder, LD_PRELOAD=str(library), FAIL_FOLDER=str(folder), FAIL_AT=str(number), FAIL_HOW=how, FAIL_COMMAND=process, **more
        )  # fmt: skip

    def again(self, folder, failed):
        """The command with which to go on after a fault."""
        if self.name in SETTINGS and "train --resume" in failed.stderr:
            return [str(self.binary), "train", "--rom", "bricks", "--resume", str(folder)]
        return self.start(folder)

    def result(self, folder):
        """Everything that must be equal, by name."""
        if self.name in SETTINGS:
            return result_of_run(folder)
        found = {"summary.json": read(folder / "summary.json"), "summary.md": read(folder / "summary.md")}
        for cell in ("bricks-bricks-s0", "bricks-bricks-s1"):
            found |= {f"{cell}/{name}": value for name, value in result_of_run(folder / cell).items()}
        return found


def remove(folder):
    shutil.rmtree(folder, ignore_errors=True)


def read(path):
    return path.read_bytes() if path.exists() else None


def result_of_run(folder):
    found = {name: read(folder / name) for name in FILES}
    found["rows"] = training_runs.rows(folder) if (folder / "metrics.jsonl").exists() else None
    events = folder / "events.out.tfevents.run"
    # Its records hold times.
    found["length of the event file"] = events.stat().st_size if events.exists() else None
    found["checkpoints"] = training_runs.checkpoints(folder)[-2:]
    found["unfinished files"] = sorted(path.name for path in folder.rglob("*-part"))
    return found


def tried(variant, library, folder, number, how, expected):
    """Fails one operation and resumes; returns what came of it and, if that is not right, why."""
    failed = variant.fault(library, folder, number, how)
    if failed.returncode < 0 or "panicked" in failed.stderr:
        return "crashed", failed.stderr
    outcome = "noticed"
    if failed.returncode == 0:
        outcome = "did not matter"
        if variant.result(folder) != expected:
            outcome = "went unnoticed at first"
    if outcome != "did not matter":
        resumed = variant.run(folder, variant.again(folder, failed))
        if resumed.returncode != 0:
            return "cannot resume", f"{failed.stderr.strip()}\n  then: {resumed.stderr.strip()}"
    found = variant.result(folder)
    different = [name for name in expected if found[name] != expected[name]]
    if different or outcome == "went unnoticed at first":
        return "DIFFERENT", f"{outcome}; {', '.join(different)}\n{failed.stderr.strip()}"
    return outcome, None


def main():
    args = parse_arguments()
    part, parts = (int(word) for word in args.part.split("/"))
    wrong, begun = 0, time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        library = scratch / "failing_files.so"
        subprocess.run(["cc", "-std=gnu11", "-O1", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl", "-lpthread"], check=True)
        for name in args.variant or [*SETTINGS, "sweep", "cells"]:
            variant = Variant(name, args.binary)
            # The same folder each time, because evaluations name it.
            folder, log = scratch / name, scratch / f"{name}.log"
            ended = variant.run(folder)
            if ended.returncode != 0:
                sys.exit(f"error: the run left alone fails: {ended.stderr.strip()}")
            expected = variant.result(folder)
            if missing := [what for what, value in expected.items() if value is None]:
                sys.exit(f"error: the run left alone has no {', '.join(missing)}")
            remove(folder)
            variant.fault(library, folder, 0, "once", log)
            operations = [line.split(maxsplit=2) for line in log.read_text().splitlines()]
            count = max(int(number) for number, _, _ in operations)
            tries = [(number, how) for number in range(1, count + 1) for how in args.how or HOWS][:: args.every]
            outcomes = collections.Counter()
            for index, (number, how) in enumerate(tries):
                if index % parts != part - 1:
                    continue
                remove(folder)
                outcome, reason = tried(variant, library, folder, number, how, expected)
                outcomes[outcome] += 1
                if reason is not None:
                    wrong += 1
                    what = next(f"{kind} {pathlib.Path(path).name}" for of, kind, path in operations if int(of) == number)
                    print(f"{name}: operation {number} ({what}), {how}: {outcome}: {reason}", flush=True)
            counts = ", ".join(f"{number} {outcome}" for outcome, number in sorted(outcomes.items()))
            print(f"{name}: {count} operations, {outcomes.total()} tries: {counts}", flush=True)
    print(f"{wrong} wrong ({time.monotonic() - begun:.0f} s)")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
