#!/usr/bin/env python3
"""Kills a training run at random moments, resumes it each time, and compares the end with that of a run left alone.

    cargo build --release
    scripts/kill_and_resume.py                                   # 20 kills on the built-in game
    scripts/kill_and_resume.py --rom pong --kills 5
    scripts/kill_and_resume.py --set double=true --set n_step=3  # any configuration
    scripts/kill_and_resume.py --full-disk                       # as root: a file system of some MB runs full instead

The kills are SIGKILL: the program gets no chance to save anything. Equal must be the network (byte for byte) and the rows of
metrics.jsonl, but for times. With --full-disk the run is in a tmpfs that is too small; it must say so and end, the last good
checkpoint must be left, and with the file system grown the run must end like the others.

Exit status: 0 when everything is equal.
"""

import argparse
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
# A run of half a minute with everything in it: learning, target copies, evaluations, checkpoints.
SETTINGS = [
    "learning_starts_steps=200", "epsilon_anneal_steps=1000", "target_sync_steps=150", "replay_capacity=3000",
    "metrics_every_steps=100", "checkpoint_every_steps=60", "evaluation_every_steps=700", "evaluation_steps=200",
    "final_evaluation_episodes=0", "network=small",
]  # fmt: skip
TIMES = {"wall_seconds", "steps_per_second", "updates_per_second"}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rom", metavar="FILE|NAME", help="cartridge [the built-in game]")
    parser.add_argument("--steps", type=int, default=6000, metavar="N", help="length of the run [%(default)s]")
    parser.add_argument("--kills", type=int, default=20, metavar="N", help="[%(default)s]")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the moments and of the run [%(default)s]")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="configuration, beside that of a short run")
    parser.add_argument("--full-disk", action="store_true")
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/atari-dqn", metavar="FILE")
    return parser.parse_args()


def command(args, folder):
    """The command that starts a run in `folder`, or goes on with the one in it."""
    line = [str(args.binary), "train", "--steps", str(args.steps)]
    if args.rom:
        line += ["--rom", args.rom]
    if any((folder / "checkpoints").glob("*.checkpoint")):
        return line + ["--resume", str(folder)]
    shutil.rmtree(folder, ignore_errors=True)
    line += ["--seed", str(args.seed), "--run-dir", str(folder)]
    for assignment in SETTINGS + args.set:
        line += ["--set", assignment]
    return line


def finish(args, folder):
    """Lets the run in `folder` go to its end."""
    subprocess.run(command(args, folder), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def result(folder):
    """What must be equal: the network's bytes and the rows."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    rows = [{key: value for key, value in json.loads(line).items() if key not in TIMES} for line in lines]
    return (folder / "model.safetensors").read_bytes(), rows


def killed_run(args, folder, seconds):
    """Kills and resumes as often as asked; `seconds` is what a run takes that is left alone."""
    generator = random.Random(args.seed)
    for kill in range(args.kills):
        line = command(args, folder)
        process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait = generator.uniform(0.02, 1.3 * seconds / args.kills)
        try:
            process.wait(wait)
        except subprocess.TimeoutExpired:
            process.kill()
        errors = process.communicate()[1].decode()
        steps = [str(int(path.stem.removeprefix("step-"))) for path in sorted((folder / "checkpoints").glob("*.checkpoint"))]
        how = "killed" if process.returncode < 0 else f"ended by itself with {process.returncode}"
        what = "resumed" if "--resume" in line else "started"
        print(f"{kill + 1:2}: {what}, {how} after {wait:5.2f} s, checkpoints of steps {', '.join(steps) or 'none'}")
        if process.returncode > 0 and "steps already" not in errors:
            sys.exit(f"error: the run failed: {errors.strip()}")
    last = subprocess.run(command(args, folder), capture_output=True, text=True)
    if last.returncode != 0 and "steps already" not in last.stderr:
        sys.exit(f"error: the run failed: {last.stderr.strip()}")


def full_disk(args, folder):
    """Lets the run's file system run full, then grows it and resumes."""
    folder.mkdir()
    megabytes = 32
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if subprocess.run(mount).returncode != 0:
        sys.exit("error: cannot mount a small file system (message above); --full-disk needs root")
    try:
        run = folder / "run"
        failed = subprocess.run(command(args, run), capture_output=True, text=True)
        print(f"with {megabytes} MB: exit status {failed.returncode}, {failed.stderr.strip().splitlines()[-1]}")
        if failed.returncode == 0 or not list((run / "checkpoints").glob("*.checkpoint")):
            sys.exit("error: the run should have failed and left a checkpoint")
        subprocess.run(["mount", "-o", "remount,size=512m", str(folder)], check=True)
        finish(args, run)
        return result(run)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def main():
    args = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        begun = time.monotonic()
        finish(args, folder / "alone")
        seconds = time.monotonic() - begun
        expected = result(folder / "alone")
        print(f"a run left alone: {args.steps} steps in {seconds:.1f} s, {len(expected[1])} rows")
        if args.full_disk:
            found = full_disk(args, folder / "small")
        else:
            killed_run(args, folder / "killed", seconds)
            found = result(folder / "killed")
    if found[0] != expected[0] or found[1] != expected[1]:
        what = "networks" if found[0] != expected[0] else "rows"
        sys.exit(f"DIFFERENT: the {what} are not equal")
    print("equal: the network byte for byte, and every row but for the times")


if __name__ == "__main__":
    main()
