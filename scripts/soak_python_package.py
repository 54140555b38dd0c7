#!/usr/bin/env python3
"""Makes, uses and drops objects of the Python package for a long time, and prints the resident memory as it goes.

    scripts/soak_python_package.py                             # 10^5 objects, then 10^6 steps of a vector
    scripts/soak_python_package.py --objects 1000 --steps 8000

Needs the package and Gymnasium in the Python that runs it. Half of the objects are ALEInterfaces, whose states are copied and pickled
too, a quarter AtariEnvs, a quarter AtariVectorEnvs of two environments. The game is bricks.

Exit status: 1 if the memory at the end is more than 20 % above that after a tenth.
"""

import argparse
import pickle
import resource
import sys

import atari_emulator
import numpy as np

PATH = atari_emulator.roms.get_rom_path("bricks")


def resident_kib():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() // 1024


def use_an_interface():
    ale = atari_emulator.ALEInterface()
    ale.loadROM(PATH)
    state = pickle.loads(pickle.dumps(ale.cloneState(True)))
    ale.act(1)
    ale.getScreenRGB()
    ale.restoreState(state)
    ale.restore(ale.save())


def use_an_environment():
    env = atari_emulator.AtariEnv("bricks")
    env.reset(seed=1)
    env.step(0)


def use_a_vector():
    envs = atari_emulator.AtariVectorEnv("bricks", 2)
    envs.reset(seed=1)
    envs.step(np.zeros(2, np.int64))


def watched(what, total, each):
    """Calls `each` `total` times and returns whether the memory stayed flat."""
    print(f"{what:>12}  resident KiB")
    early = None
    for number in range(1, total + 1):
        each(number)
        if number % max(total // 10, 1) == 0:
            now = resident_kib()
            early = early or now
            print(f"{number:>12,}  {now:>12,}", flush=True)
    return now <= 1.2 * early


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=100_000, help="objects to make [%(default)s]")
    parser.add_argument("--steps", type=int, default=1_000_000, help="steps of environments in a vector of 8 [%(default)s]")
    args = parser.parse_args()
    if args.objects < 10 or args.steps < 80:
        parser.error("--objects must be 10 or more, --steps 80 or more")
    atari_emulator.ALEInterface.setLoggerMode(atari_emulator.LoggerMode.Error)
    uses = [use_an_interface, use_an_environment, use_an_interface, use_a_vector]
    flat = watched("objects", args.objects, lambda number: uses[number % 4]())
    envs = atari_emulator.AtariVectorEnv("bricks", 8)
    envs.reset(seed=1)
    random = np.random.default_rng(1)
    flat &= watched("steps of 8", args.steps // 8, lambda _: envs.step(random.integers(0, 4, 8)))
    sys.exit(not flat)


if __name__ == "__main__":
    main()
