#!/usr/bin/env python3
"""Trains the same short runs on this processor and on emulated ones, and compares the results byte for byte.

    cargo build --release
    scripts/same_on_processors.py                        # all runs here and on an emulated processor with AVX2: half a minute
    scripts/same_on_processors.py --only pqn             # one of them
    scripts/same_on_processors.py --cpu Haswell --cpu EPYC-Milan --cpu Nehalem

The same program and seed must give the same network whatever vectors and caches the processor has. qemu-user runs the program
on another model of an x86-64 processor, without root and without another system; on Debian, `apt-get install qemu-user`.
`qemu-x86_64 -cpu help` lists the models. Its 7.2 emulates AVX2 and FMA but not AVX-512, whatever the model has. Models before
Haswell have no FMA.

Equal must be: model.safetensors, and the rows of metrics.jsonl except for times. The level is that of the x86-64 psABI as the system's
dynamic loader sees it: v2 is SSE4, v3 AVX2 and FMA, v4 AVX-512. Runs use one thread each and go on side by side on all cores.

Exit status: 0 when everything is equal, 1 on a difference or a failed run.
"""

import argparse
import concurrent.futures
import dataclasses
import hashlib
import json
import os
import pathlib
import platform
import re
import resource
import shutil
import subprocess
import sys
import tempfile

import same_networks
import training_runs
from training_runs import Run

EMULATOR = "qemu-x86_64"
# Its newest features, without AVX-512.
CPU = "max"
LOADER = "/lib64/ld-linux-x86-64.so.2"
# Emulated arithmetic is some hundred times slower, so these runs are as short as they can be with every part of a run in them.
RUNS = {
    "dqn": Run(
        260,
        preset="pong-cpu",
        settings=[
            "batch_size=32", "learning_starts_steps=200", "epsilon_starts_steps=100", "epsilon_anneal_steps=100", "target_sync_steps=24",
            "replay_capacity=1000", "metrics_every_steps=130", "final_evaluation_episodes=0",
        ],
    ),
    "rainbow": Run(
        100,
        preset="rainbow",
        settings=[
            "learning_starts_steps=80", "target_sync_steps=8", "replay_capacity=1000", "batch_size=16", "metrics_every_steps=100",
            "evaluation_every_steps=0", "final_evaluation_episodes=0",
        ],
    ),
    "pqn": Run(
        256,
        preset="pqn-cpu",
        settings=[
            "num_envs=16", "horizon=8", "epochs=2", "minibatch_size=64", "epsilon_anneal_steps=128", "metrics_every_steps=128",
            "final_evaluation_episodes=0",
        ],
    ),
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Processor:
    """This processor, or an emulated one."""

    model: str | None

    @property
    def name(self):
        return self.model or "this processor"

    def prefix(self):
        return [EMULATOR, "-cpu", self.model] if self.model else []

    def level(self):
        """The highest level of x86-64 that the dynamic loader finds here; empty if it cannot tell."""
        try:
            said = subprocess.run([*self.prefix(), LOADER, "--help"], capture_output=True, text=True).stdout
        except OSError:
            return ""
        return "x86-64-" + max(re.findall(r"x86-64-(v\d) \(supported", said), default="v1") if "x86-64-v" in said else ""


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpu", action="append", metavar="MODEL", help=f"emulated processor; may be repeated [{CPU}]")
    parser.add_argument("--only", action="append", choices=RUNS, metavar="RUN", help=f"one of the runs: {', '.join(RUNS)} [all]")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="configuration key, overrides this script's")
    parser.add_argument("--steps", type=int, metavar="N", help="length of the runs [260 for dqn, 100 for rainbow, 256 for pqn]")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="seed of all runs [%(default)s]")
    parser.add_argument("--keep", type=pathlib.Path, metavar="FOLDER", help="leave the run folders here, which must not exist yet")
    training_runs.add_binary_option(parser)
    args = parser.parse_args()
    training_runs.require_binary(args.binary)
    if platform.machine() not in ("x86_64", "AMD64"):
        sys.exit(f"error: this machine is {platform.machine()}; the script compares x86-64 processors with each other")
    if not shutil.which(EMULATOR):
        sys.exit(f"error: {EMULATOR} is not installed; on Debian, `apt-get install qemu-user`")
    known = subprocess.run([EMULATOR, "-cpu", "help"], capture_output=True, text=True).stdout.split()
    for model in args.cpu or []:
        if model not in known:
            parser.error(f"--cpu: {EMULATOR} has no model {model}; `{EMULATOR} -cpu help` lists them")
    if args.keep and args.keep.exists():
        parser.error(f"--keep: {args.keep} exists already")
    return args


def digest(folder):
    """SHA-256 of the network, and of the rows without times."""
    rows = json.dumps(training_runs.rows(folder), sort_keys=True).encode()
    return [hashlib.sha256(data).hexdigest() for data in ((folder / "model.safetensors").read_bytes(), rows)]


def main():
    args = parse_arguments()
    # One thread a run: the runs themselves use the cores, and what several threads compute is tested elsewhere.
    os.environ["RAYON_NUM_THREADS"] = "1"
    processors = [Processor(None)] + [Processor(model) for model in args.cpu or [CPU]]
    width = max(len(processor.name) for processor in processors)
    print(f"program: {args.binary}")
    failures = []
    with tempfile.TemporaryDirectory() as scratch, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        scratch = args.keep or pathlib.Path(scratch)

        def train(name, processor):
            run = dataclasses.replace(RUNS[name], seed=args.seed, settings=RUNS[name].settings + args.set)
            run = dataclasses.replace(run, steps=args.steps or run.steps)
            folder = scratch / name / (processor.model or "here")
            return folder, run.finish(args.binary, folder, processor.prefix())

        running = {(name, cpu): pool.submit(train, name, cpu) for name in args.only or RUNS for cpu in processors}
        expected = None
        for (name, processor), result in running.items():
            try:
                folder, seconds = result.result()
            except SystemExit as failure:
                print(f"{name:8} {processor.name:{width}} {failure}", flush=True)
                failures.append(f"{name} on {processor.name}")
                expected = None if processor.model is None else expected
                continue
            found = digest(folder)
            network, rows = (sum_of[:16] for sum_of in found)
            line = f"{name:8} {processor.name:{width}} {processor.level():9} {seconds:6.1f} s   network {network}  rows {rows}"
            if processor.model is None:
                expected = folder, found
            elif expected is None:
                line += "   nothing to compare with"
            elif found == expected[1]:
                line += "   same"
            else:
                failures.append(f"{name} on {processor.name}")
                difference = same_networks.compare(expected[0] / "model.safetensors", folder / "model.safetensors")
                line += f"\n{'':8} network: {difference}\n{'':8} {same_networks.first_different_row(expected[0], folder)}"
            print(line, flush=True)
    print(f"{resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime:.0f} s of processor time")
    if failures:
        sys.exit(f"NOT the same: {', '.join(failures)}")
    print("same: all networks and rows")


if __name__ == "__main__":
    main()
