#!/usr/bin/env python3
"""Trains with the README's first command and compares the output with the block that the README shows. Times are left out.

    cargo build --release
    scripts/check_readme.py

The same seed gives the same network on every x86-64 processor with FMA, so the scores must be equal too. Python 3.9's standard library is
enough.

Exit status: 0 when they are equal, 1 when they differ or the command fails.
"""

import argparse
import re
import shlex
import subprocess
import sys
import tempfile

import training_runs

COMMAND = re.compile(r"^cargo run --release -- (train[^#\n]*)", re.MULTILINE)
BLOCK = re.compile(r"```text\n(trained .*?)```", re.DOTALL)
TIME = re.compile(r"\d+:\d\d (min|h)")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    training_runs.add_binary_option(parser)
    args = parser.parse_args()
    training_runs.require_binary(args.binary)
    return args


def found(pattern, text, what):
    """The first group of the first match."""
    match = pattern.search(text)
    if not match:
        raise SystemExit(f"error: README.md has no {what}; see the patterns in this script")
    return match.group(1)


def lines(text):
    """The lines that are not empty, without times and needless spaces."""
    return [re.sub(r" +", " ", TIME.sub("TIME", line)).strip() for line in text.splitlines() if line.strip()]


def main():
    args = parse_arguments()
    readme = (training_runs.ROOT / "README.md").read_text()
    command = shlex.split(found(COMMAND, readme, "training command"))
    expected = lines(found(BLOCK, readme, "block with the output of training"))
    with tempfile.TemporaryDirectory() as folder:
        line = [str(args.binary.resolve()), *command]
        ended = subprocess.run(line, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if ended.returncode != 0:
        print(f"exit status {ended.returncode} of `{' '.join(line)}`:\n{ended.stderr}")
        return 1
    printed = lines(ended.stdout)
    missing = [line for line in expected if line not in printed]
    if missing:
        print("README.md shows what the program does not print:")
        print("".join(f"  {line}\n" for line in missing), end="")
        print(f"`{' '.join(command)}` prints:\n{ended.stdout}")
        return 1
    print(f"equal: {len(expected)} lines of README.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
