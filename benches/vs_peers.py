#!/usr/bin/env python3
"""Measures this program against its peers in alternation, so that other load on the machine affects all sides equally.

    cargo build --release
    benches/vs_peers.py emulator                   # ale-py's core, frame by frame, without reading the screen
    benches/vs_peers.py vector                     # ale-py's AtariVectorEnv: 8 environments on one thread, 84x84 observations
    benches/vs_peers.py vector --envpool           # EnvPool as well, in the same rounds
    benches/vs_peers.py scaling                    # no peer: this program's vector on all cores against one thread, and
                                                   # against one single-threaded program per core
    benches/vs_peers.py learner                    # PyTorch: updates of the Nature network, batch 32, and decisions on one state
    benches/vs_peers.py train                      # PyTorch, gymnasium and ale-py: training steps with CleanRL's settings
    benches/vs_peers.py pqn                        # PyTorch and AtariVectorEnv: training steps of PQN with CleanRL's settings
    benches/vs_peers.py classic                    # Gymnasium: steps of CartPole and LunarLander with random actions
    benches/vs_peers.py lander                     # PyTorch and Gymnasium: training steps of DQN on LunarLander
    benches/vs_peers.py variants                   # no peer: training steps of each DQN variant against plain DQN
    benches/vs_peers.py presets                    # no peer: training steps of presets against each other, on Pong
    benches/vs_peers.py presets seaquest --pair pqn-cpu:pong-cpu --threads 1
    benches/vs_peers.py emulator pong breakout --rounds 5 --seconds 2
    benches/vs_peers.py emulator --report FILE     # the table as Markdown

For `emulator` and `vector` all sides play uniformly random minimal actions and reset after game over; for `learner` and
`train` the peer is benches/peer_dqn.py, for `pqn` benches/peer_pqn.py. These and `presets` use all cores, or as many threads
as --threads says, on all sides. A ratio is the ratio of the medians over the rounds; the spread is the lowest and the
highest ratio of a single round. The last lines hold geometric means over the games. A dash marks a game that a peer lacks.

The first run installs ale-py into .venv, like scripts/compare_with_ale.py. The first --envpool installs EnvPool (300 MB to
download, 1 GB on disk: it requires the assets of all its environments), and the first `learner`, `train` or `pqn` installs
PyTorch (some GB, as its wheel includes CUDA). The cartridges are ale-py's; EnvPool uses its own, identical copies.
"""

import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import compare_with_ale  # noqa: E402
import compare_with_gymnasium  # noqa: E402
from timing import rate  # noqa: E402

ENVIRONMENTS = 8
FRAME_SKIP = 4
ENVPOOL = "envpool==1.2.5"
TORCH = "torch==2.15.0"
# Default games of `scaling`: a few are enough, as scaling hardly depends on the game.
SCALING_GAMES = ["breakout", "pong", "seaquest", "space_invaders"]
# Default games of `train` and `pqn`, where the emulator takes little of the time.
TRAINING_GAMES = ["breakout", "pong"]
# Default pairs of `presets`: a method for a CPU, and a method with the network of the papers.
PAIRS = ["pqn-cpu:pong-cpu", "pqn:cleanrl"]
# Rows of `learner`, and their keys in the JSON of `bench learner`.
LEARNER_ROWS = {"update": "updates_per_second", "decision": "decisions_per_second"}
# Rows of `variants`, and the configuration keys that differ from plain DQN.
VARIANTS = {
    "n-step": ["n_step=3"],
    "Double": ["double=true"],
    "Dueling": ["dueling=true"],
    "prioritised": ["prioritized=true"],
    "noisy": ["noisy=true"],
    "C51": ["categorical=true"],
}
VARIANTS["all six"] = sum(VARIANTS.values(), [])
# Where the preset `pqn` differs from the settings of peer_pqn.py. (Its learning rate is constant; that costs no time.)
PQN_SETTINGS = ["num_envs=8", "horizon=128", "epochs=4", "minibatch_size=256", "epsilon_final=0.01", "fire_reset=true"]
# Units of the rates, per second.
UNITS = {
    "learner": "", "train": "steps", "pqn": "steps", "classic": "steps", "lander": "steps", "variants": "steps", "presets": "steps",
}  # fmt: skip
# Seconds per side and round, where it is not half a second.
SECONDS = {"learner": 5, "train": 5, "pqn": 15, "classic": 1, "lander": 5, "variants": 5, "presets": 10}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["emulator", "vector", "scaling", *UNITS])
    parser.add_argument(
        "games", nargs="*", metavar="GAME",
        help=f"cartridges by name [all 104 that ale-py supports; scaling: {' '.join(SCALING_GAMES)}; train and pqn: "
        f"{' '.join(TRAINING_GAMES)}; presets: pong]",
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="rounds of measurements [%(default)s]")
    parser.add_argument("--seconds", type=float, metavar="S", help="seconds per side and round [0.5; pqn 15, presets 10, other training 5]")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of learning and training, on all sides [all cores]")
    parser.add_argument("--pair", action="append", metavar="A:B", help=f"presets to compare, with `presets` [{' '.join(PAIRS)}]")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="configuration of this program, with `pqn` and `presets`")
    parser.add_argument("--envpool", action="store_true", help="measure EnvPool too (with `vector`)")
    parser.add_argument("--report", type=pathlib.Path, metavar="FILE", help="write the table as Markdown")
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/atari-dqn", metavar="FILE")
    args = parser.parse_args()
    if args.seconds is None:
        args.seconds = SECONDS.get(args.kind, 0.5)
    if args.kind in ("learner", "variants") and args.games:
        parser.error(f"`{args.kind}` takes no games")
    if args.rounds < 1 or not args.seconds > 0:
        parser.error("--rounds and --seconds must be above 0")
    if args.threads is not None and (args.threads < 1 or args.kind not in UNITS):
        parser.error(f"--threads goes with {', '.join(UNITS)}, and is 1 or more")
    if args.pair and (args.kind != "presets" or not all(pair.count(":") == 1 for pair in args.pair)):
        parser.error("--pair goes with `presets` and names two presets, as in pqn-cpu:pong-cpu")
    if args.set and args.kind not in ("pqn", "presets"):
        parser.error("--set goes with `pqn` and `presets`")
    if args.envpool and args.kind != "vector":
        parser.error("--envpool goes with `vector`: EnvPool has no way to play single frames without observing them")
    if not args.binary.is_file():
        parser.error(f"{args.binary} does not exist; run `cargo build --release`, or name the program with --binary")
    return args


def ale_emulator(game):
    """Returns a function that measures ale-py's frames a second."""
    import ale_py
    import ale_py.roms

    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    ale = ale_py.ALEInterface()
    ale.setInt("random_seed", 0)
    ale.setFloat("repeat_action_probability", 0.0)
    ale.loadROM(str(ale_py.roms.get_rom_path(game)))
    draw = random.Random(game)
    minimal = ale.getMinimalActionSet()
    # Drawn in advance: drawing an action takes Python longer than a call of act.
    actions = iter([draw.choice(minimal) for _ in range(4096)] * 256)

    def step():
        ale.act(next(actions))
        if ale.game_over():
            ale.reset_game()

    return lambda seconds: rate(seconds, 64, step)


def ale_vector(game):
    """Returns a function that measures AtariVectorEnv's frames a second."""
    import ale_py
    import numpy
    from ale_py.vector_env import AtariVectorEnv

    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    envs = AtariVectorEnv(game, num_envs=ENVIRONMENTS, num_threads=1)
    envs.reset(seed=0)
    generator = numpy.random.default_rng(0)
    choices = envs.single_action_space.n
    rows = iter(list(generator.integers(choices, size=(4096, ENVIRONMENTS))) * 64)
    step = lambda: envs.step(next(rows))
    return lambda seconds: rate(seconds, 4, step) * ENVIRONMENTS * FRAME_SKIP


def envpool_vector(game):
    """Returns a function that measures EnvPool's frames a second; None if EnvPool lacks the game."""
    import envpool
    import numpy

    task = "".join(part.capitalize() for part in game.split("_")) + "-v5"
    task = {known.lower(): known for known in envpool.list_all_envs()}.get(task.lower())
    if task is None:
        return None
    envs = envpool.make(
        task, env_type="gymnasium", num_envs=ENVIRONMENTS, num_threads=1, seed=0, frame_skip=FRAME_SKIP, stack_num=4, img_height=84,
        img_width=84, gray_scale=True, use_inter_area_resize=True, noop_max=30, use_fire_reset=True, reward_clip=True,
    )  # fmt: skip
    envs.reset()
    generator = numpy.random.default_rng(0)
    rows = iter(list(generator.integers(envs.action_space.n, size=(4096, ENVIRONMENTS))) * 64)
    step = lambda: envs.step(next(rows))
    return lambda seconds: rate(seconds, 4, step) * ENVIRONMENTS * FRAME_SKIP


def ours(kind, game, args, envs=ENVIRONMENTS, threads=1, programs=1, key="frames_per_second", preset="cleanrl", settings=()):
    """Returns a function that measures this program's rate `key`; the sum, for several `programs` at the same time."""
    import ale_py.roms

    command = [args.binary, "bench", kind, "--json"]
    if game and kind != "env":
        command += ["--rom", ale_py.roms.get_rom_path(game)]
    if kind == "vector":
        command += ["--envs", envs, "--threads", threads]
    if kind == "env":
        command = [args.binary, "bench", "env", "--json", "--env", game]
    if kind in UNITS:
        command += ["--preset", preset, "--device", "cpu"]
    for setting in settings:
        command += ["--set", setting]

    environment = dict(os.environ, RAYON_NUM_THREADS=str(args.threads)) if args.threads else None
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment}

    def measure(seconds):
        line = [str(part) for part in command + ["--seconds", seconds]]
        running = [subprocess.Popen(line, **pipes) for _ in range(programs)]
        together = 0
        for program in running:
            output, errors = program.communicate()
            if program.returncode != 0:
                sys.exit(f"error: `{' '.join(line)}`: {errors.strip()}")
            together += json.loads(output.splitlines()[-1])[key]
        return together

    return measure


def sides(args):
    """Names of the sides (this program first), and a function that returns their measuring functions for a game."""
    if args.kind == "emulator":
        return ["atari-dqn", "ale-py"], lambda game: [ours("emulator", game, args), ale_emulator(game)]
    if args.kind == "scaling":
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        if cores < 2:
            sys.exit("error: there is one core only, so there is nothing to compare")
        envs = max(ENVIRONMENTS, 4 * cores)
        # Programs that share nothing show what the cores can deliver under the present load: an upper bound for the vector.
        return [f"{cores} threads", "1 thread", f"{cores} programs"], lambda game: [
            ours("vector", game, args, envs, cores),
            ours("vector", game, args, envs),
            ours("vector", game, args, envs // cores, programs=cores),
        ]
    if args.kind == "variants":
        training = lambda settings: ours("train", "breakout", args, key="steps_per_second", settings=settings)
        return ["variant", "plain"], lambda row: [training(VARIANTS[row]), training([])]
    if args.kind == "presets":

        def pair(row):
            game, presets = row.split(" ")
            training = lambda preset: ours("train", game, args, key="steps_per_second", preset=preset, settings=args.set)
            return [training(preset) for preset in presets.split(":")]

        return ["first", "second"], pair
    if args.kind == "pqn":
        compare_with_ale.install(TORCH)
        import peer_pqn

        settings = PQN_SETTINGS + args.set
        training = lambda game: ours("train", game, args, key="steps_per_second", preset="pqn", settings=settings)
        return ["atari-dqn", "PyTorch"], lambda game: [training(game), peer_pqn.training(game, args.threads)]
    if args.kind in ("classic", "lander"):
        compare_with_ale.install(TORCH)
        compare_with_ale.install(compare_with_gymnasium.PACKAGE)
        import peer_classic
        import torch

        if args.threads:
            torch.set_num_threads(args.threads)
        if args.kind == "classic":
            return ["atari-dqn", "Gymnasium"], lambda name: [ours("env", name, args, key="steps_per_second"), peer_classic.steps(name)]
        training = ours("train", None, args, key="steps_per_second", preset="lunar-lander")
        return ["atari-dqn", "PyTorch"], lambda _: [training, peer_classic.training()]
    if args.kind in UNITS:
        compare_with_ale.install(TORCH)
        import peer_dqn
        import torch

        if args.threads:
            torch.set_num_threads(args.threads)
        if args.kind == "train":
            key = "steps_per_second"
            return ["atari-dqn", "PyTorch"], lambda game: [ours("train", game, args, key=key), peer_dqn.training(game)]
        peers = {"update": peer_dqn.updates, "decision": peer_dqn.decisions}
        return ["atari-dqn", "PyTorch"], lambda row: [ours("learner", None, args, key=LEARNER_ROWS[row]), peers[row]()]
    names, makers = ["atari-dqn", "AtariVectorEnv"], [ale_vector]
    if args.envpool:
        compare_with_ale.install(ENVPOOL)
        names.append("EnvPool")
        makers.append(envpool_vector)
    return names, lambda game: [ours("vector", game, args)] + [make(game) for make in makers]


def main():
    compare_with_ale.enter_virtual_environment()
    args = parse_arguments()
    usual = {
        "scaling": SCALING_GAMES, "train": TRAINING_GAMES, "pqn": TRAINING_GAMES, "presets": ["pong"], "learner": LEARNER_ROWS,
        "variants": VARIANTS, "classic": ["cartpole", "lunar-lander"], "lander": ["lunar-lander"],
    }  # fmt: skip
    games = args.games or usual.get(args.kind) or compare_with_ale.supported_games()
    if args.kind == "presets":
        games = [f"{game} {pair}" for game in games for pair in args.pair or PAIRS]
    (name, *peers), make = sides(args)
    rows, ratios = [], {peer: [] for peer in peers}
    for game in games:
        measures = make(game)
        rounds = [[side(args.seconds) if side else None for side in measures] for _ in range(args.rounds)]
        mine, *others = zip(*rounds)
        cells = [game, f"{statistics.median(mine):,.0f}"]
        for peer, theirs in zip(peers, others):
            if theirs[0] is None:
                cells += ["-"] * 3
                continue
            ratio = statistics.median(mine) / statistics.median(theirs)
            ratios[peer].append(ratio)
            each = [a / b for a, b in zip(mine, theirs)]
            cells += [f"{statistics.median(theirs):,.0f}", f"{ratio:.2f}", f"{min(each):.2f} to {max(each):.2f}"]
        rows.append(f"| {' | '.join(cells)} |")
        print("  ".join(cells), flush=True)
    what = {"learner": "row", "variants": "variant", "presets": "pair"}.get(args.kind, "game")
    unit = "a second" if args.kind == "learner" else f"{UNITS.get(args.kind, 'frames')}/s"
    last = [
        f"geometric mean over {len(of)} {what}s: {statistics.geometric_mean(of):.2f} times {peer}; "
        f"least {min(of):.2f}, greatest {max(of):.2f}"
        for peer, of in ratios.items()
        if of and args.kind != "presets"
    ]
    print("\n".join(last))
    if args.report:
        head = f"| {what} | {name}, {unit} |" + "".join(f" {peer}, {unit} | ratio | spread |" for peer in peers)
        head += "\n|---|---:|" + "---:|---:|---|" * len(peers) + "\n"
        sentences = "".join(f"\n{line[0].upper()}{line[1:]}.\n" for line in last)
        args.report.write_text(head + "\n".join(rows) + "\n" + sentences)


if __name__ == "__main__":
    main()
