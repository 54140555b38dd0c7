#!/usr/bin/env python3
"""Runs programs twice, with ale_py and with this project's package in its place, and compares everything they see.

    scripts/compare_python_clients.py                        # builds and installs emulator/python first
    scripts/compare_python_clients.py --fast                 # a small part of everything
    scripts/compare_python_clients.py --client all-games --steps 5000
    scripts/compare_python_clients.py --package dist/atari_emulator-0.1.0-cp310-abi3-linux_x86_64.whl
    scripts/compare_python_clients.py --check-clients        # ale_py against itself: are the clients deterministic?

Each client is started in two fresh processes at the same time, as `python client.py NAME` and as
`python -m atari_emulator client.py NAME`. SHA-256 digests of observations, rewards, flags, infos, texts of errors and
learned parameters must be equal in every segment, e.g. a game. If one differs, both sides run again and show the
first entry that does.

The first run installs ale-py and Gymnasium into .venv, and for the clients that need them some GB of
Stable-Baselines3, PyTorch and JAX.

Exit status: 0 when everything is equal, 1 when anything differs or could not be run.
"""

import argparse
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import compare_with_ale
from training_runs import ROOT

FOLDER = ROOT / "scripts" / "python_clients"
CLIENT = FOLDER / "client.py"
PACKAGE = ROOT / "emulator" / "python"
VERSIONS = {
    "torch": "torch==2.15.0", "stable-baselines3": "stable-baselines3==2.9.2",
    "jax": "jax==0.10.2", "chex": "chex==0.1.92",
}  # fmt: skip
# Client -> packages it needs besides Gymnasium and OpenCV.
CLIENTS = {
    "interface": [], "rollouts": [], "ids": [], "all-games": [], "preprocessing": [], "go-explore": [], "make-vec": [],
    "envpool-style": [], "spawn": [], "ppo": ["torch", "stable-baselines3"], "sb3-dqn": ["torch", "stable-baselines3"],
    "xla": ["jax", "chex"],
}  # fmt: skip
REFERENCE, OURS = "ale_py", "atari_emulator"
# For one client; ale-py can hang.
LONGEST_SECONDS = 3600


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--client", action="append", choices=CLIENTS, metavar="NAME", help="only this one; may be repeated [all]"
    )
    parser.add_argument("--list", action="store_true", help="print the clients' names")
    parser.add_argument("--fast", action="store_true", help="a small part of everything")
    parser.add_argument(
        "--steps", type=int, metavar="N", help="steps of each game in the client `all-games` [1000; 100 with --fast]"
    )
    parser.add_argument(
        "--package", type=pathlib.Path, metavar="PATH", help="wheel or folder to install first [emulator/python]"
    )
    parser.add_argument("--installed", action="store_true", help="take the package that is in .venv already")
    parser.add_argument("--check-clients", action="store_true", help="compare ale_py with itself")
    args = parser.parse_args()
    if args.steps is not None and args.steps < 1:
        parser.error("--steps must be 1 or more")
    if args.package and (args.installed or args.check_clients):
        parser.error("--package installs a package; leave it out with --installed and --check-clients")
    return args


def install_package(path):
    """Installs this project's package into .venv, from a wheel or from its source."""
    print(f"installing {path}", file=sys.stderr)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--force-reinstall",
    ]
    if subprocess.run([*pip, str(path)]).returncode != 0:
        sys.exit(f"error: cannot install {path} (message above); building it from source needs Rust")


class Side:
    """One run of a client."""

    def __init__(self, module, name, out, args, trace=None):
        self.module, self.out = module, out
        command = [sys.executable] + (["-m", OURS] if module == OURS else [])
        command += [str(CLIENT), name, "--out", str(out)] + ["--fast"] * args.fast
        command += ["--steps", str(args.steps)] if args.steps else []
        command += ["--trace", trace] if trace else []
        # One thread: sums of floating-point numbers have one order, and both sides have a core.
        environment = os.environ | {"OMP_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu", "PYTHONWARNINGS": "ignore"}
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=self.errors, env=environment)

    def lines(self):
        """What the client wrote; None, after its last words are printed, if it failed."""
        try:
            status = self.process.wait(LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            status = f"none within {LONGEST_SECONDS} seconds"
        self.errors.seek(0)
        last = self.errors.read().decode(errors="replace").strip().splitlines()[-15:]
        self.errors.close()
        if status != 0:
            print(f"  with {self.module}: exit status {status}\n    " + "\n    ".join(last))
            return None
        head, *lines = [json.loads(line) for line in self.out.read_text().splitlines()]
        if (OURS in pathlib.Path(head["native"]).parts) != (self.module == OURS):
            print(f"  with {self.module}: the client's ale_py is {head['native']}")
            return None
        return lines


def run_both(name, modules, args, folder, trace=None):
    sides = [Side(module, name, folder / f"side{number}", args, trace) for number, module in enumerate(modules)]
    return [side.lines() for side in sides]


def first_difference(first, second):
    """Names of both sides' first lines that differ, as text."""
    for one, other in zip(first, second):
        if one != other:
            return [f"{line.get('entry', 'the end')}: {line.get('value', '')}" for line in (one, other)]
    return [f"{len(lines)} entries" for lines in (first, second)]


def compare(name, modules, args, folder):
    """Runs a client on both sides; prints a comparison and returns whether they are equal."""
    begun = time.monotonic()
    first, second = run_both(name, modules, args, folder)
    if first is None or second is None:
        print(f"{name}: could not be compared")
        return False
    segments, others = ({line["segment"]: line for line in lines} for lines in (first, second))
    differing = [segment for segment in segments | others if segments.get(segment) != others.get(segment)]
    entries = sum(line["entries"] for line in first)
    digest = hashlib.sha256("".join(line["digest"] for line in first).encode()).hexdigest()[:16]
    if not differing:
        seconds = time.monotonic() - begun
        print(
            f"{name}: {len(segments)} segments, {entries:,} entries equal, digest {digest}, {seconds:.0f} s", flush=True
        )
        return True
    print(f"{name}: {len(differing)} of {len(segments)} segments differ: {', '.join(differing[:8])}")
    traced = run_both(name, modules, args, folder, trace=differing[0])
    if None not in traced:
        print(f"  the first difference in {differing[0]}:")
        for module, line in zip(
            modules, first_difference(*([line for line in lines if "entry" in line] for lines in traced))
        ):
            print(f"    {module:15} {line}")
    sys.stdout.flush()
    return False


def main():
    args = parse_arguments()
    if args.list:
        print("\n".join(CLIENTS))
        return
    compare_with_ale.enter_virtual_environment()
    names = args.client or list(CLIENTS)
    for package in dict.fromkeys(package for name in names for package in CLIENTS[name]):
        compare_with_ale.install(VERSIONS[package])
    modules = [REFERENCE, REFERENCE if args.check_clients else OURS]
    if not args.check_clients and not args.installed:
        install_package(args.package or PACKAGE)
    with tempfile.TemporaryDirectory() as folder:
        results = [compare(name, modules, args, pathlib.Path(folder)) for name in names]
    print("equal" if all(results) else f"not equal: {results.count(False)} of {len(results)} clients")
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
