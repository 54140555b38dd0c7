#!/usr/bin/env python3
"""Kills a training run at random moments, resumes it each time, and compares the result with an uninterrupted run.

    cargo build --release
    scripts/kill_and_resume.py                                   # 20 kills on the built-in game
    scripts/kill_and_resume.py --rom pong --kills 5
    scripts/kill_and_resume.py --preset pqn-cpu                  # another algorithm
    scripts/kill_and_resume.py --preset cartpole-reinforce       # in a classic environment
    scripts/kill_and_resume.py --preset gridworld --steps 20000  # tables learn fast
    scripts/kill_and_resume.py --set double=true --set n_step=3  # any configuration
    scripts/kill_and_resume.py --sweep                           # kills a sweep of two runs, which end with it
    scripts/kill_and_resume.py --full-disk                       # as root: the run fills a file system of 32 MB instead
    scripts/kill_and_resume.py --preset pqn-cpu --full-disk 12   # of 12 MB: these checkpoints hold no replay

The kills are SIGKILL: the program gets no chance to save anything. The network must be byte-identical, and the rows of
metrics.jsonl equal except for times; of a sweep also the evaluations. With --full-disk the run writes to a tmpfs that is too small for its checkpoints: it must exit with an
error and leave the last good checkpoint; after the tmpfs has grown, the resumed run must end with the same network and rows.

Exit status: 0 when everything is equal.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import training_runs

# A run of half a minute with everything in it: learning, evaluations, checkpoints, and the parts of each algorithm.
SETTINGS = [
    "metrics_every_steps=100", "checkpoint_every_steps=60", "evaluation_every_steps=700", "evaluation_steps=200",
    "final_evaluation_episodes=0",
]  # fmt: skip
TABULAR = ["epsilon_anneal_games=100"]
OF_ALGORITHMS = {
    "dqn": ["epsilon_anneal_steps=1000", "learning_starts_steps=200", "target_sync_steps=150", "replay_capacity=3000"],
    # Checkpoints are between iterations: 64 steps.
    "pqn": ["epsilon_anneal_steps=1000", "num_envs=8", "horizon=8", "minibatch_size=32"],
    # Several games wait for an update, and each environment has one that has begun.
    "reinforce": ["num_envs=3", "games_per_update=4"],
    "q-learning": TABULAR,
    "sarsa": TABULAR,
    "double-q": TABULAR,
}
# Of runs that see pictures.
PICTURES = ["network=small"]
PRESET = "bricks"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rom", metavar="FILE|NAME", help="cartridge [the built-in game]")
    parser.add_argument("--env", metavar="NAME", help="classic environment [the preset's]")
    parser.add_argument("--preset", default=PRESET, metavar="NAME", help="preset that this script's settings override [%(default)s]")
    parser.add_argument("--steps", type=int, default=6000, metavar="N", help="length of the run [%(default)s]")
    parser.add_argument("--kills", type=int, default=20, metavar="N", help="kills, at random moments [%(default)s]")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="seed of the run and of the moments [%(default)s]")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="configuration key, overrides this script's")
    parser.add_argument("--sweep", action="store_true", help="kill a sweep instead of a run")
    parser.add_argument("--full-disk", type=int, nargs="?", const=32, metavar="MB", help="fill a small file system instead of killing [32]")
    training_runs.add_binary_option(parser)
    args = parser.parse_args()
    training_runs.require_binary(args.binary)
    return args


def result(run, folder):
    """What must be equal, by name: the network's bytes and the rows; of a sweep those of its runs, and their scores."""
    if isinstance(run, training_runs.Sweep):
        found = {}
        for cell in run.cells():
            evaluation = json.loads((folder / cell / "evaluation.json").read_text())
            found |= {f"scores of {cell}": [evaluation[who]["summary"] for who in ("trained", "random")]}
            found |= {f"{name} of {cell}": value for name, value in result(None, folder / cell).items()}
        return found
    return {"network": (folder / "model.safetensors").read_bytes(), "rows": training_runs.rows(folder)}


def standing(run, folder):
    """How far the run is, in words; of a sweep how far each run is."""
    if isinstance(run, training_runs.Sweep):
        return "; ".join(standing(None, folder / cell) for cell in run.cells())
    if (folder / "evaluation.json").exists():
        return "evaluated"
    return "checkpoints of steps " + (", ".join(str(step) for step in training_runs.checkpoints(folder)) or "none")


def killed_run(args, run, folder, seconds):
    """Kills and resumes `args.kills` times; an uninterrupted run takes `seconds`."""
    generator = random.Random(args.seed)
    for kill in range(args.kills):
        line = run.command(args.binary, folder)
        process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait = generator.uniform(0.02, 1.3 * seconds / args.kills)
        try:
            process.wait(wait)
        except subprocess.TimeoutExpired:
            process.kill()
        errors = process.communicate()[1].decode()
        how = "killed" if process.returncode < 0 else f"ended by itself with {process.returncode}"
        what = "started" if "--set" in line else "resumed"
        print(f"{kill + 1:2}: {what}, {how} after {wait:5.2f} s, {standing(run, folder)}", flush=True)
        if process.returncode > 0 and "steps already" not in errors:
            sys.exit(f"error: the run failed: {errors.strip()}")
    last = subprocess.run(run.command(args.binary, folder), capture_output=True, text=True)
    if last.returncode != 0 and "steps already" not in last.stderr:
        sys.exit(f"error: the run failed: {last.stderr.strip()}")


def full_disk(args, run, folder):
    """Lets the run fill its file system, then grows that and resumes."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={args.full_disk}m", "tmpfs", str(folder)]
    if subprocess.run(mount).returncode != 0:
        sys.exit("error: cannot mount a small file system (message above); --full-disk needs root")
    try:
        inside = folder / "run"
        failed = subprocess.run(run.command(args.binary, inside), capture_output=True, text=True)
        print(f"with {args.full_disk} MB: exit status {failed.returncode}, {failed.stderr.strip().splitlines()[-1]}")
        if failed.returncode == 0 or not training_runs.checkpoints(inside):
            sys.exit("error: the run should have failed and left a checkpoint")
        subprocess.run(["mount", "-o", "remount,size=512m", str(folder)], check=True)
        run.finish(args.binary, inside)
        return result(run, inside)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def main():
    args = parse_arguments()
    settings = SETTINGS + training_runs.short_settings(OF_ALGORITHMS, args.binary, args.preset)
    if (args.env or training_runs.kind(args.binary, args.preset, "environment") or "atari") == "atari":
        settings += PICTURES
    settings += args.set
    run = training_runs.Run(args.steps, args.rom, args.preset, args.seed, settings, args.env)
    if args.sweep:
        run = training_runs.Sweep(args.steps, args.preset, settings + ["final_evaluation_episodes=2", "evaluation_max_episode_frames=400"])
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        seconds = run.finish(args.binary, folder / "alone")
        expected = result(run, folder / "alone")
        count = sum(len(value) for name, value in expected.items() if name.startswith("rows"))
        print(f"uninterrupted run: {args.steps} steps in {seconds:.1f} s, {count} rows", flush=True)
        if args.full_disk:
            found = full_disk(args, run, folder / "small")
        else:
            killed_run(args, run, folder / "killed", seconds)
            found = result(run, folder / "killed")
    if different := [name for name in expected if found[name] != expected[name]]:
        sys.exit(f"DIFFERENT: not equal are {', '.join(different)}")
    if args.sweep:
        print("equal: the networks byte for byte, every row except for times, and the scores")
    else:
        print("equal: the network byte for byte, and every row except for times")


if __name__ == "__main__":
    main()
