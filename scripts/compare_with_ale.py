#!/usr/bin/env python3
"""Compares this emulator with the Arcade Learning Environment, step by step.

For each game a list of random actions is played by ale-py and by `atari-dqn trace`; RAM, screen, reward, lives, game
over and the 84x84 observation must be equal after every one. The first difference is reported, for a screen with the
first wrong pixel and a PNG of both pictures (in target/compare).

ale-py is installed into .venv by the first run; the cartridges are the ones it carries.

    cargo build --release
    scripts/compare_with_ale.py                                  # 12 games and the built-in one
    scripts/compare_with_ale.py pong --frames 100000 --frame-skip 4 --sticky 0.25

Exit status: 0 when everything is equal, 1 when anything differs or could not be run.
"""

import argparse
import concurrent.futures
import multiprocessing
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PACKAGES = ["ale-py==0.12.1", "numpy==2.4.6", "opencv-python-headless==5.0.0.93", "pillow==13.0.0"]
PICTURES = ROOT / "target" / "compare"

BUILT_IN = "bricks"
GAMES = [
    "breakout", "pong", "space_invaders", "seaquest", "qbert", "beam_rider", "enduro", "ms_pacman", "freeway",
    "montezuma_revenge", "boxing", "pitfall2", BUILT_IN,
]  # fmt: skip


def enter_virtual_environment():
    """Makes .venv with the pinned packages if need be, and goes on in it."""
    python = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = VENV / "compare_with_ale.txt"
    wanted = "\n".join(PACKAGES)
    if not (python.exists() and stamp.exists() and stamp.read_text() == wanted):
        print(f"installing {', '.join(PACKAGES)} into {VENV}", file=sys.stderr)
        try:
            subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True, stdout=sys.stderr)
            subprocess.run(
                [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:", *PACKAGES],
                check=True,
            )
        except subprocess.CalledProcessError as error:
            hint = "on Debian, `apt install python3-venv`" if "venv" in error.cmd else "is the network there?"
            sys.exit(f"error: cannot set up {VENV} (message above); {hint}")
        stamp.write_text(wanted)
    if pathlib.Path(sys.prefix).resolve() != VENV.resolve():
        sys.stdout.flush()
        os.execv(python, [str(python), __file__, *sys.argv[1:]])


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("games", nargs="*", metavar="GAME", help="cartridges by name, `bricks`, or `all` [default: %s]" % " ".join(GAMES))
    parser.add_argument("--frames", type=int, default=2000, metavar="N", help="actions a game [%(default)s]")
    parser.add_argument("--frame-skip", type=int, default=1, metavar="N", help="frames each action is held for [%(default)s]")
    parser.add_argument("--sticky", type=float, default=0.0, metavar="P", help="repeat_action_probability [%(default)s]")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the actions, and ALE's random_seed [%(default)s]")
    parser.add_argument("--system-seed", type=int, metavar="N", help="ALE's system_random_seed")
    parser.add_argument("--mode", type=int, metavar="M")
    parser.add_argument("--difficulty", type=int, metavar="D")
    parser.add_argument(
        "--observation", action=argparse.BooleanOptionalAction, default=True, help="compare the 84x84 observation too [yes]"
    )
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="games at a time [%(default)s]")
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/atari-dqn", metavar="FILE")
    args = parser.parse_args()
    if args.frames < 0 or args.frame_skip < 1 or args.jobs < 1 or not 0 <= args.sticky <= 1 or args.seed == -1:
        parser.error("--frames, --frame-skip, --jobs and --sticky must make sense; seed -1 means the clock to ALE")
    return args


def random_actions(count, minimal, seed):
    """Random actions in stretches: uniform ones, and the game's own ones held for a while, which gets games further."""
    draw = random.Random(f"actions {seed}")
    actions = []
    while len(actions) < count:
        length = draw.randint(20, 80)
        kind = draw.random()
        if kind < 0.3:  # all eighteen, also those that the game ignores
            actions += [draw.randrange(18) for _ in range(length)]
        elif kind < 0.5:
            actions += [draw.choice(minimal) for _ in range(length)]
        else:
            while length > 0:
                held = draw.randint(2, 20)
                actions += [draw.choice(minimal)] * held
                length -= held
    return actions[:count]


class Ale:
    """ale-py, driven the way `atari-dqn trace` documents itself."""

    def __init__(self, rom, args):
        import ale_py

        ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
        self.ale = ale_py.ALEInterface()
        self.ale.setInt("random_seed", args.seed)
        if args.system_seed is not None:
            self.ale.setInt("system_random_seed", args.system_seed)
        self.ale.setFloat("repeat_action_probability", args.sticky)  # ALE's default is 0.25
        self.ale.setInt("frame_skip", 1)
        self.ale.loadROM(str(rom))
        if args.mode is not None:
            self.ale.setMode(args.mode)
        if args.difficulty is not None:
            self.ale.setDifficulty(args.difficulty)
        if args.mode is not None or args.difficulty is not None:
            self.ale.reset_game()
        self.frame_skip = args.frame_skip
        self.observation = args.observation

    def minimal_actions(self):
        return [action.value for action in self.ale.getMinimalActionSet()]

    def lines(self, actions):
        """Generates the lines of the trace; the environment is left at the step of the line generated last."""
        import numpy

        height, width = self.ale.getScreenDims()
        screen = numpy.empty((height, width), numpy.uint8)
        gray = numpy.empty((height, width), numpy.uint8)
        before_last = numpy.empty((height, width), numpy.uint8)
        ram = numpy.empty(self.ale.getRAMSize(), numpy.uint8)
        yield self.header()
        yield self.line(0, 0, screen, gray, None, ram)
        for step, number in enumerate(actions, 1):
            if self.ale.game_over():
                self.ale.reset_game()
            reward = 0
            # Frame by frame, to see the last screen but one.
            for left in reversed(range(self.frame_skip)):
                reward += self.ale.act(number)
                if left == 1 and self.observation:
                    self.ale.getScreenGrayscale(before_last)
            yield self.line(step, reward, screen, gray, before_last if self.frame_skip > 1 else None, ram)

    def header(self):
        return "step,reward,lives,game_over,ram_crc32,screen_crc32" + (",observation_crc32" if self.observation else "")

    def line(self, step, reward, screen, gray, before_last, ram):
        import cv2
        import numpy

        self.ale.getRAM(ram)
        self.ale.getScreen(screen)
        line = f"{step},{reward},{self.ale.lives()},{int(self.ale.game_over())},{zlib.crc32(ram):08x},{zlib.crc32(screen):08x}"
        if self.observation:
            self.ale.getScreenGrayscale(gray)
            if before_last is not None:
                gray = numpy.maximum(gray, before_last)
            observation = cv2.resize(gray, (84, 84), interpolation=cv2.INTER_AREA)
            line += f",{zlib.crc32(observation):08x}"
        return line


def trace_command(rom, actions_file, args):
    command = [args.binary, "trace", "--rom", rom, "--actions", actions_file, "--frame-skip", args.frame_skip]
    command += ["--sticky", args.sticky, "--seed", args.seed]
    for flag, value in [("--system-seed", args.system_seed), ("--mode", args.mode), ("--difficulty", args.difficulty)]:
        if value is not None:
            command += [flag, value]
    if args.observation:
        command.append("--observation")
    return [str(part) for part in command]


def compare(game, args, scratch):
    """Runs both sides; a verdict of several lines, and whether they were equal."""
    import ale_py.roms
    import cv2

    cv2.setNumThreads(1)
    if game == BUILT_IN:
        # ALE knows a game by its sum or its file's name; under this one the built-in game gets the rules it was made for.
        rom = scratch / "breakout.bin"
        shutil.copy(ROOT / "emulator/cartridges/bricks.bin", rom)
    else:
        rom = ale_py.roms.get_rom_path(game)
        if rom is None:
            return f"{game}: ale-py carries no such cartridge", False
    ale = Ale(rom, args)
    actions = random_actions(args.frames, ale.minimal_actions(), f"{game} {args.seed}")
    actions_file = scratch / "actions.txt"
    actions_file.write_text("".join(f"{action}\n" for action in actions))
    output, errors = scratch / "trace.csv", scratch / "trace.err"
    with open(output, "w") as out, open(errors, "w") as err:
        trace = subprocess.Popen(trace_command(rom, actions_file, args), stdout=out, stderr=err)
        want = list(ale.lines(actions))
        status = trace.wait()
    got = output.read_text().splitlines()

    first = next((i for i, (w, g) in enumerate(zip(want, got)) if w != g), None)
    if first is None and len(want) == len(got) and status == 0:
        fields = [line.split(",") for line in want[1:]]
        games = sum(line[3] == "1" for line in fields)
        score = sum(int(line[1]) for line in fields)
        return f"{game}: {args.frames} actions equal ({games} games ended, rewards {score}, {len(set(f[5] for f in fields))} screens)", True
    if first is None:
        complaint = errors.read_text().strip()
        return f"{game}: trace gave {len(got)} of {len(want)} lines and status {status}: {complaint}", False
    if first == 0:
        return f"{game}: header differs: ale-py {want[0]!r}, trace {got[0]!r}", False
    return describe_difference(game, args, rom, actions, actions_file, scratch, want, got, first), False


def describe_difference(game, args, rom, actions, actions_file, scratch, want, got, first):
    """Plays both sides again up to the first step that differs and looks closer."""
    names = want[0].split(",")
    wanted, found = want[first].split(","), got[first].split(",")
    step = first - 1
    columns = [name for name, w, g in zip(names, wanted, found) if w != g]
    doing = f"action {actions[step - 1]}" if step else "after loading"
    report = [f"{game}: DIFFERENT at step {step} of {len(actions)} ({doing}): {', '.join(columns)}"]
    report += [f"    {name}: want {w}, got {g}" for name, w, g in zip(names, wanted, found) if w != g]
    wrong_lines = sum(w != g for w, g in zip(want, got))
    report.append(f"    {wrong_lines} of {len(want) - 1} lines differ in all")

    import numpy
    from PIL import Image

    ale = Ale(rom, args)
    lines = ale.lines(actions)
    for _ in range(first + 1):
        next(lines)
    dump = scratch / "dump"
    actions_file.write_text("".join(f"{action}\n" for action in actions[:step]))
    command = trace_command(rom, actions_file, args) + ["--dump-step", str(step), "--dump-file", str(dump)]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    bytes_ = numpy.frombuffer(dump.read_bytes(), numpy.uint8)
    our_ram, our_screen = bytes_[:128], bytes_[128:].reshape(-1, 160)
    ram, screen = ale.ale.getRAM(), ale.ale.getScreen()
    cells = numpy.flatnonzero(ram != our_ram)
    if len(cells):
        shown = ", ".join(f"${0x80 + cell:02X} want {ram[cell]:02x} got {our_ram[cell]:02x}" for cell in cells[:8])
        report.append(f"    RAM: {len(cells)} bytes: {shown}{' ...' if len(cells) > 8 else ''}")
    if screen.shape != our_screen.shape:
        report.append(f"    screen: want {screen.shape[0]} rows, got {our_screen.shape[0]}")
    elif (screen != our_screen).any():
        wrong = numpy.argwhere(screen != our_screen)
        row, x = wrong[0]
        report.append(
            f"    screen: {len(wrong)} pixels in {len(set(wrong[:, 0]))} rows; the first at row {row}, x {x}: "
            f"want {screen[row, x]}, got {our_screen[row, x]}"
        )
        PICTURES.mkdir(parents=True, exist_ok=True)
        picture = PICTURES / f"{game}-{step}.png"
        colours = numpy.zeros((256, 3), numpy.uint8)
        colours[screen] = ale.ale.getScreenRGB()  # the palette, as far as this screen shows it
        unseen = ~numpy.isin(numpy.arange(256), screen)
        colours[unseen] = (255, 0, 255)
        mark = numpy.where((screen != our_screen)[..., None], numpy.uint8(255), colours[screen] // 4)
        row_of_three = numpy.concatenate([colours[screen], colours[our_screen], mark], axis=1)
        Image.fromarray(row_of_three.repeat(2, axis=1)).save(picture)
        report.append(f"    {picture}: ale-py, this emulator (colours ale-py does not show here in magenta), wrong pixels")
    return "\n".join(report)


def worker(game, args, scratch, answer):
    try:
        answer.send(compare(game, args, pathlib.Path(scratch)))
    except Exception as error:
        answer.send((f"{game}: {type(error).__name__}: {error}", False))


def compare_apart(game, args):
    """`compare` in a process of its own: ale-py ends the process over a cartridge it has no rules for."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        context = multiprocessing.get_context("spawn")
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=worker, args=(game, args, scratch, sender))
        process.start()
        sender.close()
        try:
            text, equal = receiver.recv()
        except EOFError:
            process.join()
            text, equal = f"{game}: ale-py ended the process with status {process.exitcode}", False
        process.join()
    return text, equal, time.monotonic() - began


def main():
    enter_virtual_environment()
    args = parse_arguments()
    args.binary = args.binary.resolve()
    if not args.binary.is_file():
        sys.exit(f"error: {args.binary} is not there; run `cargo build --release`, or name the program with --binary")
    games = args.games or GAMES
    if games == ["all"]:
        import ale_py.roms

        unplayable = {"combat", "joust", "maze_craze", "warlords"}  # ale-py has no rules for them
        games = [game for game in ale_py.roms.get_all_rom_ids() if game not in unplayable] + [BUILT_IN]
    settings = f"frame skip {args.frame_skip}, sticky {args.sticky}, seed {args.seed}"
    print(f"{len(games)} games, {args.frames} actions each, {settings}", flush=True)
    different = []
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        futures = {pool.submit(compare_apart, game, args): game for game in games}
        for future in concurrent.futures.as_completed(futures):
            text, equal, seconds = future.result()
            print(f"{text}  [{seconds:.1f} s]", flush=True)
            if not equal:
                different.append(futures[future])
    if different:
        print(f"{len(different)} of {len(games)} games differ: {' '.join(sorted(different))}")
        sys.exit(1)
    print(f"all {len(games)} games equal")


if __name__ == "__main__":
    main()
