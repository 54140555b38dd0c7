#!/usr/bin/env python3
"""Installs a wheel of the Python package into a new virtual environment, target/python-tests, and runs the package's tests there.

    scripts/test_python_package.py $(scripts/build-wheel.sh)
    scripts/test_python_package.py WHEEL -k vector             # what follows the wheel goes to pytest

The tests compare with ale-py, which is installed too, as are Gymnasium, pytest and what else the wheel's extra `test` names. Those
of load_policy train networks with the program that $ATARI_DQN_BINARY names, or with target/release/atari-dqn. Those of the examples
that learn need PyTorch and Stable-Baselines3, those of xla() need JAX; they are skipped here. CI runs them in .venv, which has these.

Exit status: that of pytest; 1 if the wheel cannot be installed.
"""

import argparse
import os
import pathlib
import subprocess
import sys

from training_runs import ROOT, default_binary

VENV = ROOT / "target" / "python-tests"
TESTS = ROOT / "emulator" / "python" / "tests"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=pathlib.Path, help="what scripts/build-wheel.sh printed")
    args, for_pytest = parser.parse_known_args()
    if not args.wheel.is_file():
        parser.error(f"{args.wheel} does not exist; scripts/build-wheel.sh builds a wheel and prints its path")
    python = VENV / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for command in [[sys.executable, "-m", "venv", "--clear", VENV], [*pip, f"{args.wheel.resolve()}[test,vector]"]]:
        if subprocess.run(command).returncode != 0:
            sys.exit("error: the wheel could not be installed (message above); is there a network connection?")
    environment = os.environ | {"ATARI_DQN_BINARY": str(default_binary().resolve())}
    # Not in the source folder, whose package has no native module.
    tests = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", TESTS, *for_pytest]
    sys.exit(subprocess.run(tests, env=environment, cwd=VENV).returncode)


if __name__ == "__main__":
    main()
