#!/usr/bin/env python3
"""Measures this program against its peers: in one call, in turns, so that a busy machine disturbs both alike.

    cargo build --release
    benches/vs_peers.py emulator                   # ale-py's core, frame by frame, screen not read
    benches/vs_peers.py vector                     # ale-py's AtariVectorEnv: 8 environments on one thread, 84x84 observations
    benches/vs_peers.py emulator pong breakout --rounds 5 --seconds 2
    benches/vs_peers.py emulator --report FILE     # the table as Markdown

Both sides play uniformly random actions of the minimal set and start the game anew when it is over. A game's ratio is that
of the medians over the rounds; the spread is the least and the greatest ratio of one round. The last line has the geometric
mean over the games.

ale-py is installed into .venv by the first run, as for scripts/compare_with_ale.py; the cartridges are the ones it carries.
"""

import argparse
import json
import pathlib
import random
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import compare_with_ale  # noqa: E402

ENVIRONMENTS = 8
FRAME_SKIP = 4


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["emulator", "vector"])
    parser.add_argument("games", nargs="*", metavar="GAME", help="cartridges by name [all 104 that ale-py supports]")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="[%(default)s]")
    parser.add_argument("--seconds", type=float, default=0.5, metavar="S", help="of each side and round [%(default)s]")
    parser.add_argument("--report", type=pathlib.Path, metavar="FILE", help="write the table as Markdown")
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/atari-dqn", metavar="FILE")
    args = parser.parse_args()
    if args.rounds < 1 or not args.seconds > 0:
        parser.error("--rounds and --seconds must be above 0")
    if not args.binary.is_file():
        parser.error(f"{args.binary} is not there; run `cargo build --release`, or name the program with --binary")
    return args


def rate(seconds, chunk, step):
    """Calls of `step` a second."""
    steps = 0
    begun = time.perf_counter()
    while (elapsed := time.perf_counter() - begun) < seconds:
        for _ in range(chunk):
            step()
        steps += chunk
    return steps / elapsed


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
    # Drawn beforehand: drawing costs Python more than a call of act.
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


def ours(kind, game, args):
    import ale_py.roms

    command = [args.binary, "bench", kind, "--rom", ale_py.roms.get_rom_path(game), "--json"]
    if kind == "vector":
        command += ["--envs", ENVIRONMENTS, "--threads", 1]

    def measure(seconds):
        output = subprocess.run([str(part) for part in command + ["--seconds", seconds]], capture_output=True, text=True)
        if output.returncode != 0:
            sys.exit(f"error: {game}: {output.stderr.strip()}")
        return json.loads(output.stdout.splitlines()[-1])["frames_per_second"]

    return measure


def main():
    compare_with_ale.enter_virtual_environment()
    args = parse_arguments()
    games = args.games or compare_with_ale.supported_games()
    peer = "ale-py" if args.kind == "emulator" else "AtariVectorEnv"
    rows, ratios = [], []
    for game in games:
        sides = [ours(args.kind, game, args), (ale_emulator if args.kind == "emulator" else ale_vector)(game)]
        rounds = [[side(args.seconds) for side in sides] for _ in range(args.rounds)]
        mine, theirs = (statistics.median(column) for column in zip(*rounds))
        each = [a / b for a, b in rounds]
        ratios.append(mine / theirs)
        rows.append(f"| {game} | {mine:,.0f} | {theirs:,.0f} | {mine / theirs:.2f} | {min(each):.2f} to {max(each):.2f} |")
        print(rows[-1].strip("| ").replace(" | ", "  "), flush=True)
    mean = statistics.geometric_mean(ratios)
    last = f"geometric mean over {len(games)} games: {mean:.2f} times {peer}; least {min(ratios):.2f}, greatest {max(ratios):.2f}"
    print(last)
    if args.report:
        head = f"| game | atari-dqn, frames/s | {peer}, frames/s | ratio | spread |\n|---|---:|---:|---:|---|\n"
        args.report.write_text(head + "\n".join(rows) + f"\n\n{last[0].upper()}{last[1:]}.\n")


if __name__ == "__main__":
    main()
