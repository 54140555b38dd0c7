#!/usr/bin/env python3
"""Counts the instructions of an emulated frame with valgrind's callgrind: a slowdown shows on a busy machine too.

    cargo build --release
    benches/instructions.py                        # bricks, and breakout and seaquest where they are found
    benches/instructions.py --check                # fails where a count is more than 3 % above benches/instructions.json
    benches/instructions.py --update               # writes the counts to that file
    benches/instructions.py pong qbert             # other games

`atari-dqn bench --frames` plays the same random actions twice, the second time longer. The difference of the counts, divided
by the extra frames, is an instruction count without start-up. "raw" is `bench emulator`: one environment, screen not read.
"vector" is `bench vector`: 8 environments on one thread, frame skip 4, 84x84 observations, counted per frame of one environment.
Both include resets after game over. Counts differ by 0.01 % between runs, slightly with another processor, and more with
another compiler; so the reference file names both.

Exit status: 0, or 1 if --check found a count too high or something could not be run.
"""

import argparse
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "benches" / "instructions.json"
BUILT_IN = "bricks"
GAMES = [BUILT_IN, "breakout", "seaquest"]
KINDS = ["raw", "vector"]
ENVIRONMENTS = 8
FRAME_SKIP = 4
# Counts depend on what happens in the game, so the longer run must include some play.
FEWER, MORE = 320, 1920
# Allowed for irrelevant changes: order of functions, patch level of a library.
TOLERANCE = 0.03


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("games", nargs="*", metavar="GAME", help="cartridges by name, or `bricks` [%s]" % " ".join(GAMES))
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--check", action="store_true", help=f"fail where a count is more than {TOLERANCE:.0%} above the reference")
    action.add_argument("--update", action="store_true", help="write the counts to the reference; keeps other games if compiler and processor are the same")
    parser.add_argument("--reference", type=pathlib.Path, default=REFERENCE, metavar="FILE")
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/atari-dqn", metavar="FILE")
    args = parser.parse_args()
    if not args.binary.is_file():
        parser.error(f"{args.binary} does not exist; run `cargo build --release`, or name the program with --binary")
    if shutil.which("valgrind") is None:
        parser.error("valgrind is missing; on Debian, `apt install valgrind`, on Fedora, `dnf install valgrind`")
    if args.check and not args.reference.is_file():
        parser.error(f"{args.reference} does not exist; --update writes it")
    return args


def instructions(binary, kind, rom, frames):
    """Instructions of a whole run of the program."""
    command = [binary, "bench", "emulator" if kind == "raw" else "vector", "--rom", rom]
    if kind == "vector":
        command += ["--envs", ENVIRONMENTS, "--threads", 1]
    with tempfile.TemporaryDirectory() as scratch:
        out = pathlib.Path(scratch) / "callgrind.out"
        valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
        # Another thread translates cartridge code, at a different time in every run: interpret, to get repeatable counts.
        command = valgrind + command + ["--frames", frames, "--interpret"]
        line = [str(part) for part in command]
        result = subprocess.run(line, capture_output=True, text=True, cwd=ROOT)
        if result.returncode != 0:
            # The program's own messages, without valgrind's ==123==.
            words = [line for line in result.stderr.splitlines() if not line.startswith("==")] or [result.stderr.strip()]
            sys.exit(f"error: {rom}: status {result.returncode}: {' '.join(words)}")
        return int(re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.MULTILINE)[1])


def count(binary, kind, rom):
    """Instructions of a frame."""
    step = 1 if kind == "raw" else ENVIRONMENTS * FRAME_SKIP
    assert FEWER % step == MORE % step == 0, "a vector plays whole steps"
    fewer, more = (instructions(binary, kind, rom, frames) for frames in (FEWER, MORE))
    return round((more - fewer) / (MORE - FEWER))


def find_rom(game):
    """The cartridge's file in ./roms or $ATARI_ROMS; None if there is none."""
    folders = [ROOT / "roms"] + [pathlib.Path(folder) for folder in [os.environ.get("ATARI_ROMS")] if folder]
    return next((path for folder in folders for path in sorted(folder.glob(f"{game}.*")) if path.is_file()), None)


def processor():
    try:
        models = re.findall(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        models = []
    return models[0] if models else platform.machine()


def made_with():
    """Compiler and processor: the counts depend on them."""
    try:
        compiler = subprocess.run(["rustc", "--version"], capture_output=True, text=True, cwd=ROOT).stdout.strip()
    except OSError:
        compiler = ""
    return {"compiler": compiler or "unknown", "processor": processor()}


def compare(game, counts, reference):
    """Table cells with the differences from the reference, and whether any count is too high."""
    known = reference.get(game)
    if known is None:
        return ["-"] * len(KINDS), False
    ratios = [counts[kind] / known[kind] - 1 for kind in KINDS]
    return [f"{ratio:+.2%}" for ratio in ratios], any(ratio > TOLERANCE for ratio in ratios)


def main():
    args = parse_arguments()
    reference = json.loads(args.reference.read_text()) if args.reference.is_file() else {"games": {}}
    counted, too_high = {}, []
    print(f"{'game':20} {'raw':>9} {'vector':>9}   {'against the reference':>21}   (instructions per frame)")
    for game in args.games or GAMES:
        rom = BUILT_IN if game == BUILT_IN else find_rom(game)
        if rom is None:
            if args.games:
                sys.exit(f"error: no cartridge {game} in ./roms or $ATARI_ROMS; scripts/get-roms.sh fetches them")
            print(f"{game:20} not found; scripts/get-roms.sh fetches the cartridges")
            continue
        counted[game] = {kind: count(args.binary.resolve(), kind, rom) for kind in KINDS}
        cells, high = compare(game, counted[game], reference["games"])
        too_high += [game] * high
        raw, vector = (counted[game][kind] for kind in KINDS)
        print(f"{game:20} {raw:9,} {vector:9,}   {cells[0]:>10} {cells[1]:>10}", flush=True)
    now = made_with()
    if args.update:
        # Counts of another compiler or processor are dropped.
        kept = reference["games"] if all(reference.get(key) == value for key, value in now.items()) else {}
        games = dict(sorted({**kept, **counted}.items()))
        args.reference.write_text(json.dumps({**now, "frames": [FEWER, MORE], "games": games}, indent=2) + "\n")
        print(f"wrote {args.reference}")
    elif args.check:
        for key, value in now.items():
            if reference.get(key) not in (None, value):
                print(f"the reference was counted with another {key}: {reference[key]}; here it is {value}")
        unknown = [game for game in counted if game not in reference["games"]]
        if unknown:
            sys.exit(f"error: {args.reference.name} has no count of {', '.join(unknown)}; --update adds it")
        if too_high:
            sys.exit(f"error: more than {TOLERANCE:.0%} above the reference: {', '.join(too_high)}")
        print(f"no count is more than {TOLERANCE:.0%} above the reference")


if __name__ == "__main__":
    main()
