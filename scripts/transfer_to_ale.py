#!/usr/bin/env python3
"""Plays a network trained by atari-dqn in the Arcade Learning Environment and compares the games.

A whole greedy game (epsilon 0, the first of equal Q-values) is played twice: by `atari-dqn eval`, and by ale-py, OpenCV and
PyTorch without any part of this program. They get only the network's file and the number of no-op frames at the start.
Observation, action and reward must be equal after every step, and score and number of frames at the end. Q-values may differ
by rounding, because sums are added in another order; "the closest choice" is the smallest gap between the two best actions.

A weak network may repeat one action all the time. So in a second game every other action is random (epsilon 0.5): ale-py
gets the actions of `atari-dqn eval`, and both networks must have made the same choices.

Without --model a small network is trained first. The first run installs ale-py and PyTorch (some GB) into .venv.

    cargo build --release
    scripts/transfer_to_ale.py                                   # a network trained for 600 steps of Pong
    scripts/transfer_to_ale.py --rom breakout --set network=nature --set dueling=true
    scripts/transfer_to_ale.py --preset pqn-cpu                  # a small network of another algorithm
    scripts/transfer_to_ale.py --model runs/breakout --games 5   # a trained one, 5 games with different no-ops

Exit status: 0 when everything is equal, 1 when anything differs or could not be run.
"""

import argparse
import csv
import dataclasses
import json
import pathlib
import subprocess
import sys
import tempfile
import zlib

import compare_with_ale
import training_runs

TORCH = "torch==2.15.0"
# A short training, for each algorithm.
SETTINGS = {
    "dqn": [
        "learning_starts_steps=200", "epsilon_starts_steps=200", "epsilon_anneal_steps=500", "target_sync_steps=100",
        "replay_capacity=5000", "final_evaluation_episodes=0",
    ],
    # Many updates at a high rate, so that the norms' parameters are far from their initial values too.
    "pqn": [
        "num_envs=8", "horizon=8", "minibatch_size=16", "epochs=4", "learning_rate=2e-3", "anneal_learning_rate=false",
        "epsilon_anneal_steps=500", "final_evaluation_episodes=0",
    ],
}  # fmt: skip
# The largest difference of two Q-values that rounding can explain, as a share of the largest Q-value.
LIMIT = 1e-4
# One game each.
EPSILONS = (0, 0.5)
FIRE = 1


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, metavar="RUN_DIR|FILE", help="the network [trains a small one]")
    parser.add_argument("--rom", metavar="FILE|NAME", help="cartridge [the network's game; pong without --model]")
    parser.add_argument("--games", type=int, default=1, metavar="N", help="games of each kind [%(default)s]")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="game i has seed N + i, which draws its no-ops [%(default)s]")
    parser.add_argument("--max-episode-frames", type=int, default=18_000, metavar="N", help="longest game [%(default)s]")
    parser.add_argument("--steps", type=int, default=600, metavar="N", help="training steps without --model [%(default)s]")
    parser.add_argument("--preset", metavar="NAME", help="preset of the training without --model [pong-cpu]")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="configuration of the training without --model")
    training_runs.add_binary_option(parser)
    args = parser.parse_args()
    if args.model and (args.set or args.preset):
        parser.error("--preset and --set configure training; with --model nothing is trained")
    if args.games < 1 or args.max_episode_frames < 1 or args.steps < 1 or args.seed < 0:
        parser.error("--games, --max-episode-frames and --steps must be 1 or more, --seed 0 or more")
    training_runs.require_binary(args.binary)
    return args


def run(command):
    """Runs the program; its own message is enough if it fails."""
    if subprocess.run([str(part) for part in command], stdout=subprocess.DEVNULL).returncode != 0:
        sys.exit(f"error: {' '.join(str(part) for part in command)} failed (message above)")


def train(args, cartridge, folder):
    """Trains a small network; returns its file."""
    preset = args.preset or "pong-cpu"
    command = [args.binary, "train", "--preset", preset, "--rom", cartridge, "--run-dir", folder, "--steps", args.steps]
    for assignment in training_runs.short_settings(SETTINGS, args.binary, preset) + args.set:
        command += ["--set", assignment]
    run(command)
    return folder / "model.safetensors"


def network_file(model):
    """The network's file that `atari-dqn eval` would play."""
    if not model.is_dir():
        return model
    files = [model / name for name in ("best.safetensors", "model.safetensors") if (model / name).is_file()]
    return files[0] if files else sys.exit(f"error: {model} holds neither best.safetensors nor model.safetensors")


def cartridge_of(game, scratch):
    """(cartridge for `atari-dqn`, cartridge for ale-py): a file stays as it is, a name stands for ale-py's own cartridge."""
    if game == compare_with_ale.BUILT_IN:
        return game, compare_with_ale.rom_of(game, scratch)
    if pathlib.Path(game).is_file():
        return game, game
    import ale_py.roms

    path = ale_py.roms.get_rom_path(game)
    return (path, path) if path else sys.exit(f"error: {game} is neither a file nor a cartridge that ale-py carries")


@dataclasses.dataclass
class Step:
    """One step of a game, as one side played it."""

    observation: str
    """Checksum of the stack of frames."""
    action: int
    reward: int
    q_values: list

    def choice(self):
        """The index of the first of the largest Q-values."""
        return self.q_values.index(max(self.q_values))

    def closeness(self):
        """The gap between the two largest Q-values."""
        second, best = sorted(self.q_values)[-2:]
        return best - second


def games_of_the_program(args, epsilon, model, cartridge, scratch):
    """Plays the games with `atari-dqn eval`; returns (entry of its report, steps) for each."""
    actions, report = scratch / "actions.csv", scratch / "games.json"
    command = [args.binary, "eval", model, "--rom", cartridge, "--episodes", args.games, "--seed", args.seed]
    command += ["--epsilon", epsilon, "--max-episode-frames", args.max_episode_frames, "--device", "cpu"]
    command += ["--actions", actions, "--json", report]
    run(command)
    [evaluation] = json.loads(report.read_text())
    episodes = evaluation["episodes"]
    steps = {episode["seed"]: [] for episode in episodes}
    with open(actions, newline="") as lines:
        for row in csv.DictReader(lines):
            q_values = [float(q_value) for q_value in row["q_values"].split()]
            step = Step(row["observation_crc32"], int(row["action"]), int(row["reward"]), q_values)
            steps[int(row["seed"])].append(step)
    return [(episode, steps[episode["seed"]]) for episode in episodes]


class Game:
    """A game in ale-py with the preprocessing that the network was trained with."""

    def __init__(self, cartridge, metadata, seed, max_episode_frames):
        import ale_py
        import numpy

        ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
        self.ale = ale_py.ALEInterface()
        self.ale.setInt("random_seed", seed)
        self.ale.setFloat("repeat_action_probability", 0.0)  # ALE's default is 0.25
        self.ale.setInt("max_num_frames_per_episode", max_episode_frames)
        self.ale.loadROM(str(cartridge))
        self.frame_skip = int(metadata["frame_skip"])
        self.resize = metadata["resize"]
        self.fire_reset = metadata["fire_reset"] == "true" and FIRE in json.loads(metadata["actions"])
        self.stack = numpy.zeros((4, 84, 84), numpy.uint8)

    def gray(self):
        import numpy

        screen = numpy.empty(self.ale.getScreenDims(), numpy.uint8)
        self.ale.getScreenGrayscale(screen)
        return screen

    def observe(self, before_last):
        """Adds a frame to the stack: the maximum of the last two screens, or the last alone."""
        import cv2
        import numpy

        gray = self.gray()
        if before_last is not None:
            gray = numpy.maximum(gray, before_last)
        method = {"area": cv2.INTER_AREA, "bilinear": cv2.INTER_LINEAR}[self.resize]
        self.stack[:-1] = self.stack[1:]
        self.stack[-1] = cv2.resize(gray, (84, 84), interpolation=method)

    def begin(self, noops):
        self.ale.reset_game()
        if self.fire_reset:
            self.ale.act(FIRE)
        for _ in range(noops):
            self.ale.act(0)
            if self.ale.game_over():
                self.ale.reset_game()
        self.observe(None)

    def step(self, action):
        """Repeats the action for the frame skip, or until game over; returns the sum of the rewards."""
        reward, before_last = 0, None
        for left in reversed(range(self.frame_skip)):
            reward += self.ale.act(action)
            if self.ale.game_over():
                break
            if left == 1:
                before_last = self.gray()
        self.observe(before_last)
        return reward


def play(network, cartridge, metadata, episode, max_episode_frames, given):
    """Plays a game with PyTorch and ale-py; returns (steps, frames). Takes the `given` actions first, then its own choices."""
    import torch

    actions = json.loads(metadata["actions"])
    game = Game(cartridge, metadata, episode["seed"], max_episode_frames)
    game.begin(episode["noops"])
    steps = []
    while not game.ale.game_over():
        with torch.inference_mode():
            q_values = network(torch.from_numpy(game.stack).unsqueeze(0))[0].tolist()
        step = Step(f"{zlib.crc32(game.stack):08x}", 0, 0, q_values)
        step.action = given[len(steps)] if len(steps) < len(given) else actions[step.choice()]
        step.reward = game.step(step.action)
        steps.append(step)
    return steps, game.ale.getEpisodeFrameNumber()


def compare(episode, epsilon, theirs, ours, frames):
    """Prints a comparison of two games; returns whether they are equal. `theirs` are the steps of `atari-dqn`."""
    looks = {
        "observations": lambda step: step.observation, "actions": lambda step: step.action, "choices": Step.choice,
        "rewards": lambda step: step.reward,
    }  # fmt: skip
    pairs = list(zip(theirs, ours))
    differing = {name: sum(look(a) != look(b) for a, b in pairs) for name, look in looks.items()}
    totals = [
        ("steps", len(theirs), len(ours)),
        ("frames", episode["frames"], frames),
        ("score", episode["score"], sum(step.reward for step in ours)),
    ]
    equal = all(a == b for _, a, b in totals) and not any(differing.values())
    # Only steps with equal observations: after a first difference the games go separate ways.
    same = [(a, b) for a, b in pairs if a.observation == b.observation]
    difference = max((abs(p - q) for a, b in same for p, q in zip(a.q_values, b.q_values)), default=0.0)
    largest = max((abs(q) for a, _ in same for q in a.q_values), default=0.0)
    closest = min((a.closeness() for a, _ in same), default=0.0)
    print(f"  seed {episode['seed']}, {episode['noops']} no-ops, epsilon {epsilon}".ljust(36) + "atari-dqn   ale-py and PyTorch")
    choices = ("different choices", *(len({step.choice() for step in steps}) for steps in (theirs, ours)))
    for name, a, b in [*totals, choices]:
        print(f"    {name:27} {a:13,} {b:12,}")
    print("    differing: " + ", ".join(f"{count} {name}" for name, count in differing.items()))
    print(f"    Q-values differ by {difference:.1e} at most, the largest is {largest:.3g}; the closest choice was {closest:.1e} apart")
    if difference > LIMIT * max(1.0, largest):
        print("    that is more than the order of additions explains")
        equal = False
    for number, (a, b) in enumerate(pairs, 1):
        if any(look(a) != look(b) for look in looks.values()):
            print(f"    the first difference is in step {number}:\n      atari-dqn           {a}\n      ale-py and PyTorch  {b}")
            break
    return equal


def main():
    compare_with_ale.enter_virtual_environment()
    args = parse_arguments()
    compare_with_ale.install(TORCH)
    import torch
    import torch_network

    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        if args.model:
            model = network_file(args.model)
        else:
            cartridge, _ = cartridge_of(args.rom or "pong", scratch)
            model = train(args, cartridge, scratch / "run")
        metadata, tensors = torch_network.read_safetensors(model)
        network = torch_network.Network(metadata, tensors)
        kind = [word for word in ("dueling", "noisy") if metadata.get(word) == "true"] + ["categorical"] * ("atoms" in metadata)
        if metadata.get("norm", "none") != "none":
            kind.append(f"norm over {metadata['norm']}")
        print(
            f"{metadata['game']}, {metadata['steps_trained']} steps trained, network {' '.join([metadata['network'], *kind])}, "
            f"{sum(parameter.numel() for parameter in network.parameters()):,} parameters; PyTorch {torch.__version__}",
            flush=True,
        )
        cartridge, ales = cartridge_of(args.rom or metadata["game"], scratch)
        equal = True
        for epsilon in EPSILONS:
            for episode, theirs in games_of_the_program(args, epsilon, model, cartridge, scratch):
                given = [step.action for step in theirs] if epsilon > 0 else []
                ours, frames = play(network, ales, metadata, episode, args.max_episode_frames, given)
                equal &= compare(episode, epsilon, theirs, ours, frames)
    print("equal" if equal else "not equal")
    sys.exit(0 if equal else 1)


if __name__ == "__main__":
    main()
