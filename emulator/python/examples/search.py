"""Explores a game by random play from saved states, as Go-Explore (Ecoffet et al. 2021) does, without any learning.

    python search.py --game montezuma_revenge --steps 200000

Pictures that look alike when they are shrunk to 8 x 11 pixels of 8 gray values are one cell. Each cell keeps the state
with the best score that led there. The search restores a cell that was seldom chosen, plays random actions from it, and
adds the cells that it finds.
"""

import argparse
import random
import time

import atari_emulator as ale_py  # with the reference: import ale_py
import numpy as np

# Acts of four frames from each restored state; an action is repeated 1 to 10 times.
ACTS, REPEATS = 100, 10


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--game", default="montezuma_revenge", help="as in ale_py.roms [%(default)s]")
    parser.add_argument("--steps", type=int, default=200_000, help="acts of four frames [%(default)s]")
    parser.add_argument("--seed", type=int, default=0, help="of everything random [%(default)s]")
    return parser.parse_args()


def load(game, seed):
    """A game without random numbers of its own: a state and actions determine what follows."""
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    ale = ale_py.ALEInterface()
    ale.setInt("random_seed", seed)
    ale.setInt("frame_skip", 4)
    ale.setFloat("repeat_action_probability", 0.0)
    ale.loadROM(ale_py.roms.get_rom_path(game))
    return ale


def cell_of(ale, screen):
    """What the picture looks like from afar. Only after an act: restoring a state does not restore the picture."""
    ale.getScreenGrayscale(screen)
    height = len(screen) // 11 * 11
    means = screen[:height].reshape(11, -1, 8, 20).mean((1, 3))
    return (means // 32).astype(np.uint8).tobytes()


class Place:
    """A cell's best way there: the state, the score on the way, and how often it was chosen."""

    def __init__(self, state, score):
        self.state, self.score, self.chosen = state, score, 0


def main():
    args = parse_arguments()
    draw = random.Random(args.seed)
    ale = load(args.game, args.seed)
    actions = ale.getMinimalActionSet()
    screen = np.empty(ale.getScreenDims(), np.uint8)
    ale.act(actions[0])
    places = {cell_of(ale, screen): Place(ale.cloneState(), 0)}
    steps, begun, best = 0, time.perf_counter(), 0
    while steps < args.steps:
        # Of 16 drawn places the one that was chosen least, for its turn comes without sorting them all.
        place = min(draw.choices(list(places.values()), k=16), key=lambda place: place.chosen)
        place.chosen += 1
        ale.restoreState(place.state)
        score, lives, left = place.score, ale.lives(), 0
        for _ in range(ACTS):
            if left == 0:
                action, left = draw.choice(actions), draw.randint(1, REPEATS)
            score, left, steps = score + ale.act(action), left - 1, steps + 1
            if ale.game_over() or ale.lives() < lives:
                break
            cell = cell_of(ale, screen)
            known = places.get(cell)
            if known is None or score > known.score:
                places[cell] = Place(ale.cloneState(), score)
            best = max(best, score)
    speed = steps / (time.perf_counter() - begun)
    print(f"{args.game}: {steps:,} acts, {len(places):,} cells, best score {best:,}, {speed:,.0f} acts/s")


if __name__ == "__main__":
    main()
