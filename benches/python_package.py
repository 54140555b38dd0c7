#!/usr/bin/env python3
"""Measures the Python package against ale-py, call by call, in alternation, so that other load affects both alike.

    pip install ./emulator/python                  # in .venv, or scripts/compare_python_clients.py has done it
    benches/python_package.py                      # all 104 games
    benches/python_package.py --games 8            # eight of them
    benches/python_package.py pong breakout --calls act step --rounds 5
    benches/python_package.py --games 4 --check    # ale-py against itself: how far from 1 a ratio is by chance
    benches/python_package.py --report FILE        # the table as Markdown in a file too

Both packages are in one process and play the same games with the same seeds and random actions. In each round each side
makes as many calls as ale-py makes in --seconds, so both go through the same frames. A game's ratio is the ratio of the
medians over the rounds. The table has the median of the times over the games, the geometric mean of the ratios, and the
games with the least and the greatest ratio. Times are wall-clock times: on a busy machine single ratios are chance.
"""

import argparse
import importlib
import itertools
import pathlib
import random
import statistics
import sys
import time
import warnings

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import compare_with_ale  # noqa: E402

OURS, REFERENCE = "atari_emulator", "ale_py"
ENVIRONMENTS = 8
# Fewest calls of a round.
LEAST_CALLS = 3
SEED = 1


def load(module, game, frame_skip):
    """An ALEInterface with sticky actions, and a function that acts at random and resets after game over."""
    ale = module.ALEInterface()
    ale.setInt("random_seed", SEED)
    ale.setInt("frame_skip", frame_skip)
    ale.loadROM(module.roms.get_rom_path(game))
    minimal = ale.getMinimalActionSet()
    draw = random.Random(game)
    # Drawn in advance: drawing an action takes Python longer than some calls.
    actions = itertools.cycle([draw.choice(minimal) for _ in range(4096)])

    def act():
        ale.act(next(actions))
        if ale.game_over():
            ale.reset_game()

    return ale, act


def timed(step):
    """A function that calls `step` so many times; returns the seconds it took."""

    def repeat(count):
        begun = time.perf_counter()
        for _ in range(count):
            step()
        return time.perf_counter() - begun

    return repeat


def act(frame_skip):
    return lambda module, game: timed(load(module, game, frame_skip)[1])


def getter(name):
    """Only the time of reading a screen, each after an act of its own."""

    def make(module, game):
        ale, step = load(module, game, 1)
        read = getattr(ale, name)

        def repeat(count):
            total = 0
            for _ in range(count):
                step()
                begun = time.perf_counter_ns()
                read()
                total += time.perf_counter_ns() - begun
            return total / 1e9

        return repeat

    return make


def random_steps(env, game):
    """Random steps of an environment with discrete actions."""
    draw = random.Random(game)
    actions = itertools.cycle([draw.randrange(int(env.action_space.n)) for _ in range(4096)])
    env.reset(seed=SEED)

    def step():
        _, _, terminated, truncated, _ = env.step(next(actions))
        if terminated or truncated:
            env.reset()

    return timed(step)


def environment(obs_type):
    return lambda module, game: random_steps(module.AtariEnv(game, obs_type=obs_type), game)


def reset(module, game):
    env, seeds = module.AtariEnv(game), itertools.count()
    return timed(lambda: env.reset(seed=next(seeds)))


def preprocessing(module, game):
    from gymnasium.wrappers import AtariPreprocessing, FrameStackObservation

    # No random no-ops: some games have no NOOP among their actions.
    env = AtariPreprocessing(module.AtariEnv(game, frameskip=1), noop_max=0)
    return random_steps(FrameStackObservation(env, 4), game)


def vector(threads):
    """Steps of a vector; the time is of one environment's step."""

    def make(module, game):
        import numpy

        envs = module.AtariVectorEnv(game, num_envs=ENVIRONMENTS, num_threads=threads)
        envs.reset(seed=SEED)
        generator = numpy.random.default_rng(0)
        rows = itertools.cycle(generator.integers(int(envs.single_action_space.n), size=(1024, ENVIRONMENTS)))
        repeat = timed(lambda: envs.step(next(rows)))
        return lambda count: repeat(count) / ENVIRONMENTS

    return make


# Call -> (its maker, the ratio that is required; None: nothing is).
CALLS = {
    "act, frame_skip 1": (act(1), 4.5),
    "act, frame_skip 4": (act(4), 4.5),
    "getScreenRGB after act": (getter("getScreenRGB"), 2),
    "getScreenGrayscale after act": (getter("getScreenGrayscale"), None),
    "AtariEnv.step, rgb": (environment("rgb"), 3.5),
    "AtariEnv.step, grayscale": (environment("grayscale"), None),
    "AtariEnv.step, ram": (environment("ram"), None),
    "AtariEnv.reset(seed=)": (reset, 15),
    "AtariPreprocessing, FrameStackObservation: step": (preprocessing, None),
    "AtariVectorEnv.step, 1 thread": (vector(1), 4.8),
    "AtariVectorEnv.step, 2 threads": (vector(2), 4.8),
}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="GAME", help="games by name [all 104 that ale-py supports]")
    parser.add_argument("--games", type=int, metavar="N", help="so many games, evenly from the list [all]")
    parser.add_argument("--calls", nargs="+", metavar="TEXT", help="only calls that contain one of these texts")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds of measurements [%(default)s]")
    parser.add_argument(
        "--seconds", type=float, default=0.1, metavar="S", help="seconds of ale-py in a round [%(default)s]"
    )
    parser.add_argument("--check", action="store_true", help="measure ale-py against itself")
    parser.add_argument("--report", type=pathlib.Path, metavar="FILE", help="write the table to a file too")
    args = parser.parse_args()
    if args.rounds < 1 or not args.seconds > 0 or (args.games is not None and args.games < 1):
        parser.error("--rounds, --seconds and --games must be above 0")
    if args.names and args.games:
        parser.error("either --games or names of games")
    args.calls = [name for name in CALLS if not args.calls or any(text in name for text in args.calls)]
    if not args.calls:
        parser.error(f"no call contains that; there are {'; '.join(CALLS)}")
    return args


def measure(make, modules, game, args):
    """Microseconds of a call, of both sides in the order of `modules`; the reference is the last."""
    sides = [make(module, game) for module in modules]
    # As many calls as the reference makes in the time, then as many of the other side: both have played the same frames.
    count = 0
    begun = time.perf_counter()
    while count < LEAST_CALLS or time.perf_counter() - begun < args.seconds:
        sides[-1](1)
        count += 1
    for side in sides[:-1]:
        side(count)
    # Once more: the first frames, and this package's translation of the cartridge's code, are not what is measured.
    for side in sides:
        side(count)
    rounds = [[side(count) / count * 1e6 for side in sides] for _ in range(args.rounds)]
    return [statistics.median(column) for column in zip(*rounds)]


def row(name, results):
    """A row of the table; `results` has a game's name and microseconds of both sides."""
    required = CALLS[name][1]
    ratios = {game: theirs / mine for game, (mine, theirs) in results.items()}
    least, greatest = min(ratios, key=ratios.get), max(ratios, key=ratios.get)
    medians = [f"{statistics.median(column):,.1f}" for column in zip(*results.values())]
    spread = f"{ratios[least]:.2f} ({least}) to {ratios[greatest]:.2f} ({greatest})"
    mean = f"**{statistics.geometric_mean(ratios.values()):.2f}**"
    return f"| {name} | {' | '.join(medians)} | {mean} | {spread} | {required or ''} |"


def main():
    compare_with_ale.enter_virtual_environment()
    args = parse_arguments()
    # Both packages register the same ids in Gymnasium.
    warnings.simplefilter("ignore")
    modules = [importlib.import_module(REFERENCE if args.check else OURS), importlib.import_module(REFERENCE)]
    for module in modules:
        importlib.import_module(f"{module.__name__}.roms")
        module.ALEInterface.setLoggerMode(module.LoggerMode.Error)
    games = args.names or compare_with_ale.supported_games()
    if args.games:
        games = [games[number * len(games) // args.games] for number in range(min(args.games, len(games)))]
    results = {name: {} for name in args.calls}
    for game in games:
        for name in args.calls:
            results[name][game] = measure(CALLS[name][0], modules, game, args)
        ratios = "  ".join(f"{theirs / mine:.2f}" for mine, theirs in (results[name][game] for name in args.calls))
        print(f"{game}: {ratios}", file=sys.stderr, flush=True)
    names = [f"{REFERENCE}, once more" if args.check else OURS, REFERENCE]
    lines = [
        f"| call | {names[0]}, µs | {names[1]}, µs | ratio | least to greatest | required |",
        "|---|---:|---:|---:|---|---:|",
    ]
    table = "\n".join([*lines, *(row(name, results[name]) for name in args.calls)])
    print(table)
    if args.report:
        args.report.write_text(table + "\n")


if __name__ == "__main__":
    main()
