#!/usr/bin/env python3
"""Plays random cartridges with ale-py and with this program, and compares them after every action.

Games are polite: they execute ROM and keep the stack in RAM. A random cartridge also executes the registers of the TIA and the
RIOT, code in RAM and mirrors, lets its stack wander over registers, and switches banks in the middle of an instruction. Each
program is a cartridge image of a random scheme under the name of a random game, whose rules both sides apply; compared are the
columns of `scripts/compare_with_ale.py`: reward, lives, end, frame numbers, RAM, screen, sometimes sound.

    scripts/fuzz_against_ale.py                      # 200 programs from seed 1
    scripts/fuzz_against_ale.py --programs 2000 --seed 7
    scripts/fuzz_against_ale.py --seed 7 --only 123  # one of them again; its image stays in target/fuzz
    scripts/fuzz_against_ale.py --scheme MB

Program N of a seed is the same every time. Different programs are written to target/fuzz. Exit status: 0 when all are equal, 1
when one differs.
"""

import argparse
import collections
import concurrent.futures
import multiprocessing
import os
import pathlib
import random
import sys
import tempfile

import compare_with_ale
import training_runs
from training_runs import ROOT

KEPT = ROOT / "target" / "fuzz"
# Seconds after which a program counts as one that ale-py never finishes.
LONGEST_SECONDS = 60
# Programs that one process with ale-py plays.
BATCH = 20

# Games without modes to choose: with a foreign cartridge ale-py presses SELECT for ever to reach the first one.
GAMES = """
    amidar assault asterix atlantis2 beam_rider blackjack boxing carnival darkchambers donkey_kong earthworld
    elevator_action enduro entombed fishing_derby journey_escape kaboom keystone_kapers koolaid krull kung_fu_master
    laser_gates miniature_golf montezuma_revenge phoenix pitfall2 pitfall qbert riverraid road_runner robotank seaquest
    sir_lancelot skiing solaris superman tetris time_pilot trondead up_n_down venture wizard_of_wor
""".split()

# Bytes by which both sides recognize a scheme, and addresses that switch its banks or reach its RAM.
SCHEMES = {
    "2K": (2048, [], []),
    "4K": (4096, [], []),
    "CV": (4096, [b"\x9d\xff\xf3"], [0xF400, 0xF4FF, 0xF000]),
    "F8": (8192, [], [0xFFF8, 0xFFF9]),
    "F8SC": (8192, ["superchip"], [0xFFF8, 0xFFF9, 0xF000, 0xF07F, 0xF080, 0xF0FF]),
    "E0": (8192, [b"\x8d\xe0\x1f"], [0xFFE0, 0xFFE7, 0xFFEA, 0xFFF3, 0xFFF7]),
    "FE": (8192, [b"\x20\x00\xd0\xc6\xc5"], [0xD000, 0xF000]),
    "UA": (8192, [b"\x8d\x40\x02"], [0x0220, 0x0240, 0x0220, 0x0240]),
    "3F": (8192, [b"\x85\x3f\xea\x85\x3f"], [0x003F, 0x0000, 0x0010, 0xF03F]),
    "3E": (32768, [b"\x85\x3e\xa9\x00"], [0x003F, 0x003E, 0xF000, 0xF400, 0xF7FF]),
    "DPC": (10240, [], [0xF000, 0xF008, 0xF010, 0xF040, 0xF048, 0xF05F, 0xFFF8, 0xFFF9]),
    "FASC": (12288, [], [0xFFF8, 0xFFF9, 0xFFFA, 0xF000, 0xF100]),
    "F6": (16384, [], [0xFFF6, 0xFFF7, 0xFFF8, 0xFFF9]),
    "F6SC": (16384, ["superchip"], [0xFFF6, 0xFFF7, 0xFFF8, 0xFFF9, 0xF000, 0xF080]),
    "E7": (16384, ["e7"], [0xFFE0, 0xFFE6, 0xFFE7, 0xFFE8, 0xFFEB, 0xF000, 0xF400, 0xF800, 0xF900]),
    "F4": (32768, [], [0xFFF4, 0xFFF5, 0xFFFA, 0xFFFB]),
    "F4SC": (32768, ["superchip"], [0xFFF4, 0xFFF5, 0xFFFA, 0xFFFB, 0xF000, 0xF080]),
    "MB": (65536, [], [0xFFF0, 0x1FF0]),
    "MC": (131072, ["megacart"], [0x003C, 0x003D, 0x003E, 0x003F]),
}  # fmt: skip

KINDS = ["registers", "pieces", "pieces", "pieces", "sparse", "noise"]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, default=200, metavar="N", help="cartridges to play [%(default)s]")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="another seed makes other programs [%(default)s]")
    parser.add_argument("--only", type=int, metavar="N", help="play program N only, and keep its image")
    parser.add_argument("--scheme", choices=SCHEMES, help="make cartridges of this scheme only [all]")
    parser.add_argument("--frames", type=int, default=10, metavar="N", help="actions a program [%(default)s]")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N", help="programs at a time [one a core]")
    training_runs.add_binary_option(parser)
    args = parser.parse_args()
    if args.programs < 1 or args.frames < 0 or args.jobs < 1:
        parser.error("--programs and --jobs must be at least 1, --frames at least 0")
    return args


class Program:
    """Program `number` of `seed`: a game's name, an image, and how it is played."""

    def __init__(self, seed, number, scheme=None):
        self.number = number
        self.draw = random.Random(f"program {seed} {number}")
        self.game = self.draw.choice(GAMES)
        self.kind = self.draw.choice(KINDS)
        # Two draws even if the scheme is given, so that the rest of a program does not depend on the option.
        drawn = self.draw.choice(["4K", self.draw.choice(list(SCHEMES))])
        self.scheme = scheme or drawn
        size, self.marks, self.hot_spots = SCHEMES[self.scheme]
        self.image = bytearray(size)
        self.options = compare_with_ale.Options(
            frame_skip=self.draw.choice([1, 1, 1, 2, 3]), seed=number, observation=False, audio=self.draw.random() < 0.2
        )
        {"registers": self.registers, "pieces": self.pieces, "sparse": self.sparse, "noise": self.noise}[self.kind]()
        self.mark()

    def __str__(self):
        return f"program {self.number} ({self.kind}, {self.scheme}, {self.game})"

    def banks(self):
        """Offset and size of the parts that can be at the end of the window, where the vectors are."""
        size = min(len(self.image), 2048 if self.scheme in ("2K", "CV", "3F", "3E", "E7") else 4096)
        if self.scheme in ("E0", "MC"):
            size = 1024
        return [(start, size) for start in range(0, len(self.image) - size + 1, size)]

    def noise(self):
        """Random bytes; half of them with vectors into the window."""
        self.image[:] = self.draw.randbytes(len(self.image))
        if self.draw.random() < 0.5:
            self.set_vectors(lambda: self.draw.randrange(0xF000, 0x10000))

    def sparse(self):
        """One opcode all over, and a few other bytes."""
        filler = self.draw.choice([0xEA, 0xEA, 0x00, 0x68, 0x48, 0x60, 0x40, 0x08, 0x28, 0xE8, 0xE6, 0x95])
        self.image[:] = bytes([filler]) * len(self.image)
        for _ in range(self.draw.randint(1, 30)):
            self.put(self.draw.randrange(len(self.image)), self.draw.randbytes(self.draw.randint(1, 8)))
        self.set_vectors(lambda: self.draw.randrange(0xF000, 0x10000))

    def registers(self):
        """Straight into the registers: a stack, perhaps cleared RAM, and BRK with a vector outside ROM."""
        self.image[:] = b"\xea" * len(self.image)
        code = bytes([0xA2, self.draw.choice([0xFF, 0x7F, 0x3F, 0x00, self.draw.randrange(256)]), 0x9A])
        if self.draw.random() < 0.5:
            code += bytes.fromhex("78 D8 A9 00 A2 80 95 00 E8 D0 FB")
        for _ in range(self.draw.randint(0, 6)):
            code += bytes([0xA9, self.draw.randrange(256), 0x85, self.draw.choice([self.draw.randrange(256), self.register()])])
        code += self.draw.choice([b"\x00", self.jump()])
        for start, _ in self.banks():
            self.put(start, code)
        self.set_vectors(lambda: 0xF000, self.outside)

    def pieces(self):
        """Pieces of code as programs have them, mixed with jumps to where no code is."""
        for start, size in self.banks():
            code = bytes([0xA2, self.draw.choice([0xFF, 0xFF, 0xFF, 0x7F, self.draw.randrange(256)]), 0x9A])
            length = self.draw.randint(20, 200)
            while len(code) < length:
                code += self.piece()
            code += self.draw.choice([bytes([0x4C, 0x00, 0xF0]), self.frame() + bytes([0x4C, 0x00, 0xF0]), self.jump(), b""])
            if self.draw.random() < 0.5:
                self.image[start : start + size] = bytes([self.draw.choice([0xEA, 0x00, 0x60])]) * size
            else:
                self.image[start : start + size] = self.draw.randbytes(size)
            self.put(start + (256 if "superchip" in self.marks or self.scheme in ("FASC", "DPC") else 0), code)
        self.set_vectors(lambda: 0xF000 | self.draw.choice([0, 0, 0, 0x100, 0x200, 0x400, 0x800]))

    def piece(self):
        draw = self.draw
        value, index = draw.randrange(256), draw.randrange(256)
        kind = draw.randrange(16)
        if kind <= 2:
            return bytes([0xA9, value, draw.choice([0x85, 0x86, 0x84, 0x87]), self.register()])
        if kind == 3:
            return bytes([0xA2, index, 0xA9, value, draw.choice([0x95, 0x94, 0xD6, 0xF6, 0x36]), self.register()])
        if kind == 4:
            address = draw.choice(self.hot_spots or [draw.randrange(0x10000)])
            store = draw.choice([0x8D, 0xAD, 0x2C, 0xAE, 0x8C, 0xEE, 0x0C])
            return bytes([0xA9, draw.randrange(8), store]) + address.to_bytes(2, "little")
        if kind == 5:
            return bytes([draw.choice([0xAD, 0x8D, 0x2C, 0xCE, 0xEE, 0xBD, 0x9D, 0xB9, 0x99, 0x6E])]) + self.outside().to_bytes(2, "little")
        if kind == 6:
            return bytes([draw.choice([0x48, 0x08, 0x68, 0x28])]) * draw.randint(1, 6)
        if kind == 7:
            return bytes([0xA2, draw.choice([0xFF, 0x80, 0x7F, 0x20, 0x00, index]), 0x9A])
        if kind == 8:
            body = bytes([0xA9, value, 0x85, self.register()]) if draw.random() < 0.5 else draw.choice([b"\x48", b"\x68", b"\x08", b"\x28", b"\xea"])
            return bytes([0xA2, draw.choice([index, 3, 255])]) + body + bytes([0xCA, 0xD0, 256 - len(body) - 3])
        if kind == 9:
            # Code in RAM, called there.
            body = bytes([draw.choice([0xE6, 0xC6, 0xA5, 0x85, 0xA9, 0x06]), self.register(), 0x60])
            at = draw.randint(0x80, 0xF0)
            stores = b"".join(bytes([0xA9, byte, 0x85, at + i]) for i, byte in enumerate(body))
            return stores + bytes([0x20, at, draw.choice([0x00, 0x01, 0x20])])
        if kind == 10:
            return self.jump()
        if kind == 11:
            return self.frame()
        if kind == 12:
            return bytes([draw.choice([0xB1, 0x91, 0xA1, 0x81, 0xB3, 0x93, 0x83]), draw.choice([0xFF, 0x80, value])])
        if kind == 13:
            # A wait for the timer.
            return bytes([0xA9, draw.randrange(30), 0x8D, 0x94 + draw.randrange(3), 0x02, 0xAD, 0x84, 0x02, 0xD0, 0xFB])
        if kind == 14:
            return bytes([draw.choice([0x10, 0x30, 0x50, 0x70, 0x90, 0xB0, 0xD0, 0xF0]), draw.randrange(0, 12)])
        return draw.randbytes(draw.randint(1, 4))

    def jump(self):
        """A jump or call to anywhere but the next piece."""
        kind = self.draw.randrange(4)
        if kind == 0:
            return b"\x00"
        if kind == 1:
            return self.draw.choice([b"\x60", b"\x40", b"\x6c" + self.outside().to_bytes(2, "little")])
        return bytes([self.draw.choice([0x4C, 0x20])]) + self.outside().to_bytes(2, "little")

    def outside(self):
        """An address in no ROM: registers, RAM, their mirrors; sometimes any."""
        draw = self.draw
        address = draw.choice(
            [draw.randrange(0x80), draw.randrange(0x10), 0x80 + draw.randrange(0x80), 0x280 + draw.randrange(0x20),
             0x284, 0xEA, draw.randrange(0x1000), draw.randrange(0x10000), *self.hot_spots[:2]]
        )  # fmt: skip
        return address ^ draw.choice([0, 0, 0, 0x2000, 0x6000, 0x0100, 0x0400])

    def register(self):
        """A TIA register, the ones that change time and frames more often, or RAM."""
        return self.draw.choice([0x00, 0x01, 0x02, 0x02, 0x10, 0x1B, 0x2A, self.draw.randrange(0x2D), self.draw.randrange(0x40), 0x80 + self.draw.randrange(0x80)])

    def frame(self):
        """The end of a frame: three lines of VSYNC, then some lines."""
        lines = bytes([0xA2, self.draw.randint(1, 255), 0x85, 0x02, 0xCA, 0xD0, 0xFB])
        return bytes.fromhex("A9 02 85 02 85 00 85 02 85 02 85 02 A9 00 85 00") + lines * self.draw.randint(0, 2)

    def set_vectors(self, reset, brk=None):
        """Reset and BRK vectors of every bank. The reset vector keeps within the window most of the time."""
        for start, size in self.banks():
            there = reset() if self.draw.random() < 0.95 else self.outside()
            breaks = brk() if brk else self.draw.choice([0xF000, self.outside(), self.draw.randrange(0x10000)])
            self.put(start + size - 4, there.to_bytes(2, "little") + breaks.to_bytes(2, "little"))

    def put(self, at, data):
        end = min(at + len(data), len(self.image))
        self.image[at:end] = data[: end - at]

    def mark(self):
        """Writes the scheme's signs into the image, last, so that nothing overwrites them."""
        for mark in self.marks:
            if mark == "superchip":
                for start in range(0, len(self.image), 4096):
                    self.image[start : start + 256] = bytes([self.draw.randrange(256)]) * 256
            elif mark == "megacart":
                # ale-py's registers hold anything at power-on, so the program begins by choosing blocks, most of them ROM.
                blocks = [self.draw.choice([0x80 + self.draw.randrange(128), self.draw.randrange(128)]) for _ in range(3)]
                blocks = [0x80 + self.draw.randrange(127), *blocks]
                code = b"".join(bytes([0xA9, block, 0x85, 0x3C + i]) for i, block in enumerate(blocks))
                self.put(len(self.image) - 1024, code + bytes([0x4C, 0x00, 0xF0]))
                self.image[-4:-2] = b"\x00\xfc"
            elif mark == "e7":
                self.image[0x3800:0x3A00] = bytes([self.draw.randrange(256)]) * 512
                self.image[0x37F0], self.image[0x37F1] = 1, 2
            else:
                self.put(self.draw.randrange(0x300, len(self.image) - 64), mark)

    def write(self, folder):
        path = folder / f"{self.game}.bin"
        path.write_bytes(self.image)
        return path

    def actions(self, count, minimal):
        actions = compare_with_ale.random_actions(count, minimal, f"fuzz {self.number}")
        return [(action, 1.0) for action in actions]


def compare(program, frames, binary, scratch):
    rom = program.write(scratch)
    ale = compare_with_ale.Ale(rom, program.options)
    actions = program.actions(frames, ale.minimal_actions())
    actions_file = scratch / "actions.txt"
    compare_with_ale.write_actions(actions_file, actions)
    command = compare_with_ale.trace_command(binary, rom, actions_file, program.options)
    want, got, status, complaint = compare_with_ale.run_both(command, ale.lines(actions), scratch)
    return compare_with_ale.compare_lines(program.game, want, got, status, complaint)


def worker(numbers, args, binary, scratch, answer):
    # ale-py writes a line for every undefined opcode.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    for number in numbers:
        answer.send(number)
        outcome = compare(Program(args.seed, number, args.scheme), args.frames, binary, pathlib.Path(scratch))
        answer.send((number, outcome.cell() if not outcome.failure else f"failed: {outcome.failure[:300]}", outcome.steps))


def play(numbers, args, binary):
    """Plays programs in a process of their own, and in another one after ale-py has crashed or hung. Returns number, result and
    steps of each."""
    results = []
    left = list(numbers)
    while left:
        with tempfile.TemporaryDirectory() as scratch:
            context = multiprocessing.get_context("spawn")
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(target=worker, args=(left, args, binary, scratch, sender))
            process.start()
            sender.close()
            playing = left[0]
            end = ""
            try:
                while left:
                    if not receiver.poll(LONGEST_SECONDS):
                        end = "ale-py hung"
                        process.kill()
                    message = receiver.recv()
                    if isinstance(message, tuple):
                        results.append(message)
                        left.remove(message[0])
                    else:
                        playing = message
            except EOFError:
                process.join()
                results.append((playing, end or f"ale-py ended the process with status {process.exitcode}", 0))
                left.remove(playing)
            process.join()
    return results


def main():
    compare_with_ale.enter_virtual_environment()
    args = parse_arguments()
    training_runs.require_binary(args.binary)
    binary = args.binary.resolve()
    numbers = [args.only] if args.only is not None else list(range(args.programs))
    batches = [numbers[start : start + BATCH] for start in range(0, len(numbers), BATCH)]
    counts, steps, by_scheme = collections.Counter(), 0, collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for results in pool.map(lambda batch: play(batch, args, binary), batches):
            for number, result, played in results:
                program = Program(args.seed, number, args.scheme)
                kind = "equal" if result == "equal" else "not played by ale-py" if result.startswith("ale-py") else "different"
                counts[kind] += 1
                by_scheme[program.scheme] += 1
                steps += played
                if kind != "equal" or args.only is not None:
                    folder = KEPT / f"{args.seed}-{number}"
                    folder.mkdir(parents=True, exist_ok=True)
                    print(f"{program}: {result}; {program.write(folder)}", flush=True)
    print("schemes: " + ", ".join(f"{scheme} {count}" for scheme, count in sorted(by_scheme.items())))
    print(f"seed {args.seed}: {sum(counts.values()):,} programs in {steps:,} steps: " + ", ".join(f"{counts[kind]:,} {kind}" for kind in ["equal", "different", "not played by ale-py"]))
    if counts["different"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
