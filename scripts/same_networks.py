#!/usr/bin/env python3
"""Trains short runs with an old and a new program and compares the networks byte for byte.

    scripts/same_networks.py OLD NEW                 # all runs: 3 minutes on two cores
    scripts/same_networks.py OLD NEW --only rainbow --only soft
    scripts/same_networks.py OLD NEW --rename gamma=algorithm.gamma --rename batch_size=algorithm.batch_size

Each run is trained three times: by OLD, by NEW, and by NEW once more, killed (SIGKILL) after a checkpoint in its middle and
resumed. All three must end with the same model.safetensors. Both programs run on this machine: with older programs a network's
bytes depend on the processor.

If two files differ, their tensors and their metadata are compared apart. A change of the metadata alone is reported, and
allowed only with --allow-metadata.

OLD's configuration keys are used for both programs. If NEW spells a key with its section, --rename KEY=SECTION.KEY translates
it for NEW; --new-set KEY=VALUE sets a key for NEW only. Cartridges come from ./roms or $ATARI_ROMS (scripts/get-roms.sh).
Python's standard library is enough.

Exit status: 0 when all networks are the same, 1 on a difference or a failed run.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import training_runs
from training_runs import Run

# Learning soon, and every part of a run often: target copies, evaluations, checkpoints, a replay that overflows.
ANY = [
    "epsilon_anneal_steps=1000", "metrics_every_steps=200", "checkpoint_every_steps=100", "evaluation_every_steps=900",
    "evaluation_steps=200", "final_evaluation_episodes=0",
]  # fmt: skip
SHORT = ANY + ["learning_starts_steps=400", "replay_capacity=1500", "target_sync_steps=200", "epsilon_starts_steps=400"]
RUNS = {
    "bricks": Run(3000, preset="bricks", settings=SHORT),
    "pong-cpu": Run(2400, rom="pong", preset="pong-cpu", settings=SHORT + ["learning_rate_anneal_updates=300"]),
    "rainbow": Run(1200, rom="breakout", preset="rainbow", settings=SHORT),
    "nature": Run(1600, rom="seaquest", preset="nature", settings=SHORT),
    "concurrent": Run(3000, rom="pong", preset="cleanrl", settings=SHORT + ["schedule=concurrent", "network=small"]),
    "soft": Run(
        3000,
        preset="bricks",
        settings=SHORT + ["target_tau=0.005", "epsilon_schedule=exponential", "epsilon_decay=0.9", "max_episode_frames=400"],
    ),
    "pqn": Run(6400, rom="breakout", preset="pqn-cpu", settings=ANY + ["num_envs=8", "horizon=16", "minibatch_size=32"]),
}  # fmt: skip


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=pathlib.Path, metavar="OLD", help="the program as it was")
    parser.add_argument("new", type=pathlib.Path, metavar="NEW", help="the program to judge")
    parser.add_argument("--only", action="append", choices=RUNS, metavar="RUN", help=f"one of the runs: {', '.join(RUNS)} [all]")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="seed of all runs [%(default)s]")
    parser.add_argument("--rename", action="append", default=[], metavar="KEY=NEW_KEY", help="how NEW spells a configuration key")
    parser.add_argument("--new-set", action="append", default=[], metavar="KEY=VALUE", help="configuration of NEW only")
    parser.add_argument("--allow-metadata", action="store_true", help="accept different metadata if all tensors are the same")
    parser.add_argument("--keep", type=pathlib.Path, metavar="FOLDER", help="leave the run folders here, which must not exist yet")
    args = parser.parse_args()
    for name in ("old", "new"):
        training_runs.require_binary(getattr(args, name))
        setattr(args, name, getattr(args, name).resolve())
    if not all("=" in pair for pair in args.rename + args.new_set):
        parser.error("--rename and --new-set take KEY=...")
    if args.keep and args.keep.exists():
        parser.error(f"--keep: {args.keep} exists already")
    return args


def for_new(run, args):
    """The run with its keys as NEW spells them."""
    names = dict(pair.split("=", 1) for pair in args.rename)
    pairs = (setting.split("=", 1) for setting in run.settings)
    return dataclasses.replace(run, settings=[f"{names.get(key, key)}={value}" for key, value in pairs] + args.new_set)


def kill_and_resume(run, binary, folder):
    """Trains with one SIGKILL after the first checkpoint past the middle; returns the step of the last checkpoint left."""
    killed = subprocess.Popen(run.command(binary, folder), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        while killed.poll() is None and max(training_runs.checkpoints(folder), default=0) < run.steps // 2:
            time.sleep(0.005)
        # Some of the work after the checkpoint must be lost, or nothing is done again.
        time.sleep(0.05)
    finally:
        killed.kill()
    errors = killed.communicate()[1]
    if killed.returncode >= 0:
        sys.exit(f"error: the run to be killed ended by itself with {killed.returncode}: {errors.strip() or 'it was too short'}")
    step = max(training_runs.checkpoints(folder))
    run.finish(binary, folder)
    return step


def read_safetensors(data):
    """(metadata, name -> (type, shape, bytes)) of a safetensors file."""
    begin = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:begin])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        first, end = entry["data_offsets"]
        tensors[name] = entry["dtype"], entry["shape"], data[begin + first : begin + end]
    return metadata, tensors


def shown(names):
    """Some names, not all of a hundred."""
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


@dataclasses.dataclass
class Comparison:
    tensors: str | None = None
    metadata: str | None = None
    # The files differ, but neither in a tensor nor in the metadata: their order, say.
    layout: bool = False

    def __str__(self):
        if self.tensors:
            return f"DIFFERENT tensors: {self.tensors}" + (f"; metadata too: {self.metadata}" if self.metadata else "")
        if self.metadata:
            return f"same tensors, different metadata: {self.metadata}"
        return "same tensors and metadata in another layout" if self.layout else "same"

    def accepted(self, allow_metadata):
        return not self.tensors and (allow_metadata or not (self.metadata or self.layout))


def compare(expected, found):
    """Compares two network files."""
    expected, found = (path.read_bytes() for path in (expected, found))
    if expected == found:
        return Comparison()
    (metadata, tensors), (other_metadata, other_tensors) = read_safetensors(expected), read_safetensors(found)
    differing = sorted(name for name in tensors.keys() | other_tensors.keys() if tensors.get(name) != other_tensors.get(name))
    keys = sorted(key for key in metadata.keys() | other_metadata.keys() if metadata.get(key) != other_metadata.get(key))
    changes = [f"{key} {metadata.get(key)!r} -> {other_metadata.get(key)!r}" for key in keys]
    return Comparison(shown(differing) or None, shown(changes) or None, layout=not differing and not keys)


def first_different_row(expected, found):
    """Where the runs part, as far as their metrics tell."""
    try:
        for a, b in zip(training_runs.rows(expected), training_runs.rows(found)):
            fields = [key for key in a if key in b and a[key] != b[key]]
            if fields:
                return f"the rows first differ at step {a.get('step')} ({a.get('kind')}): {shown(fields)}"
    except (OSError, ValueError) as error:
        return f"the rows cannot be compared: {error}"
    return "all fields that both have in their rows are equal"


def main():
    args = parse_arguments()
    # The runs' folders are relative to a scratch folder, the cartridges to the repository.
    os.chdir(training_runs.ROOT)
    failures = []
    print(f"{'run':12} {'steps':>6} {'updates':>7} {'old s':>6} {'new s':>6} {'resumed at':>10}   new / killed and resumed", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = args.keep or pathlib.Path(scratch)
        for name in args.only or RUNS:
            run = dataclasses.replace(RUNS[name], seed=args.seed)
            folder = {side: scratch / name / side for side in ("old", "new", "resumed")}
            (scratch / name).mkdir(parents=True)
            old_seconds = run.finish(args.old, folder["old"])
            new_seconds = for_new(run, args).finish(args.new, folder["new"])
            step = kill_and_resume(for_new(run, args), args.new, folder["resumed"])
            updates = max((row.get("updates") or 0 for row in training_runs.rows(folder["old"])), default=0)
            results, notes = [], []
            for side in ("new", "resumed"):
                comparison = compare(folder["old"] / "model.safetensors", folder[side] / "model.safetensors")
                results.append(str(comparison))
                if not comparison.accepted(args.allow_metadata):
                    failures.append(f"{name} ({side})")
                if comparison.tensors:
                    notes.append(f"{'':12} {side}: {first_different_row(folder['old'], folder[side])}")
            print(
                f"{name:12} {run.steps:6} {updates:7} {old_seconds:6.1f} {new_seconds:6.1f} {step:10}   " + " / ".join(results),
                *notes, sep="\n", flush=True,
            )  # fmt: skip
            if updates < 100:
                failures.append(f"{name} (only {updates} updates)")
    if failures:
        sys.exit(f"NOT the same: {', '.join(failures)}")
    print("same: all networks" + (", metadata not counted" if args.allow_metadata else " byte for byte"))


if __name__ == "__main__":
    main()
