#!/usr/bin/env python3
"""Plays the classic environments with Gymnasium and with this program, and compares every observation and reward bit by bit.

    scripts/compare_with_gymnasium.py                    # 200 episodes of each environment, half of them scripted
    scripts/compare_with_gymnasium.py --episodes 2000 --seed 7 lunar-lander

The first episode of a seed is `reset(seed=N)`, the following ones go on with the same generator. Random actions come from a generator
of their own; scripted ones from a rule that looks at Gymnasium's observation. Exit status: 0 when all are equal, 1 when one differs.
"""

import argparse
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

import compare_with_ale
import training_runs

PACKAGE = "gymnasium[box2d]==1.4.0"
# Episodes on one generator.
CHAIN = 5


def cartpole_rule(seen):
    return int(seen[2] + 0.5 * seen[3] + 0.05 * seen[0] + 0.1 * seen[1] > 0)


def lander_rule(seen):
    """The rule of Gymnasium's demonstration, in its own words: turn towards the pad, brake with the main engine."""
    target = min(max(0.5 * seen[0] + seen[2], -0.4), 0.4)
    turn = (target - seen[4]) * 0.5 - seen[5]
    lift = (0.55 * abs(seen[0]) - seen[1]) * 0.5 - seen[3] * 0.5
    if seen[6] or seen[7]:
        turn, lift = 0.0, -0.5 * seen[3]
    if lift > abs(turn) and lift > 0.05:
        return 2
    return 3 if turn < -0.05 else 1 if turn > 0.05 else 0


# Name here: Gymnasium's name, its options, this program's keys, and a rule.
ENVIRONMENTS = {
    "cartpole": ("CartPole-v1", {}, [], cartpole_rule),
    "cartpole (v0)": ("CartPole-v0", {}, ["version=0"], cartpole_rule),
    "lunar-lander": ("LunarLander-v3", {}, [], lander_rule),
    "lunar-lander (wind)": ("LunarLander-v3", {"enable_wind": True}, ["enable_wind=true"], lander_rule),
    "lunar-lander (gravity)": ("LunarLander-v3", {"gravity": -3.5}, ["gravity=-3.5"], lander_rule),
    "frozen-lake": ("FrozenLake-v1", {}, [], lambda state: 1 + state % 2),
    "frozen-lake (8x8)": ("FrozenLake8x8-v1", {}, ["size=8"], lambda state: 1 + state % 2),
    "frozen-lake (not slippery)": ("FrozenLake-v1", {"is_slippery": False}, ["slippery=false"], lambda state: 1 + state % 2),
    "cliff-walking": ("CliffWalking-v1", {}, ["max_episode_steps=1000000"], lambda state: 0 if state == 36 else 2 if state % 12 == 11 else 1),
}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="environments whose names begin with one of these [all]")
    parser.add_argument("--episodes", type=int, default=200, metavar="N", help="episodes of each environment [%(default)s]")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the first episode; the next chains have the next ones [%(default)s]")
    training_runs.add_binary_option(parser)
    args = parser.parse_args()
    training_runs.require_binary(args.binary)
    return args


def line(step, seen, reward, terminated, truncated):
    if hasattr(seen, "tobytes") and getattr(seen, "ndim", 0) == 1:
        shown = ":".join(struct.pack(">f", number).hex() for number in seen)
    else:
        shown = str(int(seen))
    return f"{step},{shown},{struct.pack('>d', float(reward)).hex()},{int(terminated)},{int(truncated)}"


def play(environment, seed, episodes, choose):
    """The actions of these episodes and the lines that the program must print."""
    seen, _ = environment.reset(seed=seed)
    actions, lines = [], ["step,observation,reward,terminated,truncated", line(0, seen, 0.0, False, False)]
    ended = 0
    # Cliff walking has no limit of its own.
    while ended < episodes and len(actions) < 20_000:
        action = choose(seen)
        seen, reward, terminated, truncated, _ = environment.step(action)
        actions.append(action)
        lines.append(line(len(actions), seen, reward, terminated, truncated))
        if terminated or truncated:
            ended += 1
            if ended < episodes:
                seen, _ = environment.reset()
    return actions, lines, ended


def traced(binary, name, keys, seed, actions, folder):
    path = folder / "actions.txt"
    path.write_text("\n".join(map(str, actions)))
    settings = [word for key in keys for word in ("--set", key)]
    command = [binary, "trace", "--env", name, "--seed", str(seed), "--actions", path, *settings]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"error: {' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout.splitlines()


def compare(args, label, folder):
    import gymnasium

    gymnasium.logger.min_level = gymnasium.logger.ERROR
    gym_name, options, keys, rule = ENVIRONMENTS[label]
    name = label.partition(" ")[0]
    environment = gymnasium.make(gym_name, **options)
    done = steps = chain = 0
    while done < args.episodes:
        seed = args.seed + chain
        draw = random.Random(seed)
        count = int(environment.action_space.n)
        # Chains take turns: random, scripted, scripted with slips.
        slips = [1.0, 0.0, 0.2][chain % 3]
        choose = lambda seen: draw.randrange(count) if draw.random() < slips else int(rule(seen))
        actions, expected, ended = play(environment, seed, min(CHAIN, args.episodes - done), choose)
        found = traced(args.binary.resolve(), name, keys, seed, actions, folder)
        for theirs, ours in zip(expected, found):
            if theirs != ours:
                print(f"{label}: seed {seed} differs\n  Gymnasium    {theirs}\n  this program {ours}")
                return False
        if len(expected) != len(found):
            print(f"{label}: seed {seed} has {len(found)} lines instead of {len(expected)}")
            return False
        done += max(ended, 1)
        steps += len(actions)
        chain += 1
    print(f"{label}: {done} episodes, {steps:,} steps equal", flush=True)
    return True


def main():
    compare_with_ale.enter_virtual_environment()
    args = parse_arguments()
    compare_with_ale.install(PACKAGE)
    labels = [label for label in ENVIRONMENTS if not args.names or any(label.startswith(name) for name in args.names)]
    if not labels:
        sys.exit(f"error: no environment begins with {' or '.join(args.names)}; there are {', '.join(ENVIRONMENTS)}")
    with tempfile.TemporaryDirectory() as folder:
        results = [compare(args, label, pathlib.Path(folder)) for label in labels]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
