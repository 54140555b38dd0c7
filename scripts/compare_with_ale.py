#!/usr/bin/env python3
"""Compares this emulator with the Arcade Learning Environment, step by step.

For each game, ale-py and `atari-dqn trace` play the same list of random actions. Reward, lives, end of the episode, frame
numbers, RAM, screen and the 84x84 observation must be equal after every action. The result is a table: the steps played per
game and, for every column that differs, the first step at which it does. A different screen is reported with its first wrong
pixel and a PNG of both pictures (in target/compare).

The first run installs ale-py into .venv; its own cartridges are used.

    cargo build --release
    scripts/compare_with_ale.py                                  # 12 games and the built-in one
    scripts/compare_with_ale.py --all                            # the 104 games ale-py supports, and the built-in one
    scripts/compare_with_ale.py --all --modes --frames 300       # in every mode at every difficulty
    scripts/compare_with_ale.py --all --vector --frames 500      # ale-py's AtariVectorEnv, 4 environments
    scripts/compare_with_ale.py pong --frames 100000 --frame-skip 4 --sticky 0.25
    scripts/compare_with_ale.py --report docs/ale-equality.md    # everything: the table in docs

Exit status: 0 when everything is equal, 1 when anything differs or could not be run.
"""

import argparse
import concurrent.futures
import dataclasses
import datetime
import multiprocessing
import os
import pathlib
import platform
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib

import training_runs
from training_runs import ROOT

VENV = ROOT / ".venv"
PACKAGES = [
    "ale-py==0.12.1", "gymnasium==1.4.0", "numpy==2.4.6", "opencv-python-headless==5.0.0.93", "pillow==13.0.0",
]  # fmt: skip
PICTURES = ROOT / "target" / "compare"

BUILT_IN = "bricks"
GAMES = [
    "breakout", "pong", "space_invaders", "seaquest", "qbert", "beam_rider", "enduro", "ms_pacman", "freeway",
    "montezuma_revenge", "boxing", "pitfall2", BUILT_IN,
]  # fmt: skip
# ale-py carries these cartridges but has no rules for them.
UNSUPPORTED = {"combat", "joust", "maze_craze", "warlords"}

# Environments in a vector comparison.
ENVIRONMENTS = 4
# Far more than any game needs; ale-py can hang.
LONGEST_SECONDS = 1800


@dataclasses.dataclass
class Options:
    """How a game is played on both sides."""

    frames: int = 2000
    frame_skip: int = 1
    sticky: float = 0.0
    seed: int = 0
    system_seed: int | None = None
    mode: int | None = None
    difficulty: int | None = None
    max_frames: int = 0
    truncate_on_life_loss: bool = False
    reward_range: tuple[int, int] | None = None
    color_averaging: bool = False
    strengths: bool = False
    observation: bool = True
    audio: bool = False
    modes: bool = False
    # Keywords of AtariVectorEnv.
    vector: dict | None = None


# The columns of docs/ale-equality.md.
REPORT = [
    ("skip 1, seed 1", Options(frames=5000, seed=1)),
    ("skip 1, seed 2", Options(frames=5000, seed=2)),
    ("skip 4, sticky", Options(frames=1500, frame_skip=4, sticky=0.25, seed=3)),
    ("modes", Options(frames=300, seed=4, modes=True)),
    (
        "options",
        Options(
            frames=1000, frame_skip=3, sticky=0.1, seed=5, system_seed=6, max_frames=900, reward_range=(-2, 3),
            color_averaging=True, strengths=True, observation=False,
        ),
    ),
    ("life loss", Options(frames=1000, frame_skip=4, seed=6, truncate_on_life_loss=True)),
    ("vector", Options(frames=500, seed=7, vector={})),
    (
        "vector options",
        Options(
            frames=200, seed=8,
            vector={
                "autoreset_mode": "SameStep", "episodic_life": True, "repeat_action_probability": 0.25, "reward_clipping": False,
                "max_num_frames_per_episode": 300, "full_action_space": True, "frameskip": 3, "noop_max": 7, "grayscale": False,
                "img_height": 60, "img_width": 50, "stack_num": 2,
            },
        ),
    ),
    ("sound", Options(frames=300, seed=9, audio=True)),
]  # fmt: skip
REPORT_LEGEND = f"""\
* **skip 1**: {REPORT[0][1].frames:,} random actions of one frame; two seeds, for the actions and for ALE.
* **skip 4, sticky**: {REPORT[2][1].frames:,} random actions of four frames, sticky actions with probability 0.25.
* **modes**: {REPORT[3][1].frames} actions in each mode of the game at each of its difficulties (number of combinations in brackets).
* **options**: {REPORT[4][1].frames:,} actions with ALE's own frame skip (3), another system seed, sticky actions (0.1), episodes of at most 900
  frames, rewards clamped to -2..3, color averaging, paddle strengths.
* **life loss**: {REPORT[5][1].frames:,} actions of four frames, the episode truncated at every lost life.
* **vector**: ale-py's `AtariVectorEnv` with its defaults, {ENVIRONMENTS} environments, {REPORT[6][1].frames} steps; every environment's step counts.
* **vector options**: {REPORT[7][1].frames} steps of the same with SAME_STEP, episodic life, sticky actions (0.25), unclipped rewards, episodes of at
  most 300 frames, all actions, frame skip 3, up to 6 no-ops, color pictures of 60x50, a stack of two.
* **sound**: {REPORT[8][1].frames} actions; the 512 sound samples are compared too.

Compared after every step: reward, lives, terminal, truncated, both frame numbers, all 128 bytes of RAM, the whole screen, and
the 84x84 observation (gray, maximum of two frames, area resize by OpenCV; not under *options*). A cell holds the number of
equal steps, or the column that differs first and its step. `bricks` is the built-in game, which ale-py plays by breakout's
rules. Left out: combat, joust, maze_craze and warlords, which ale-py carries but has no rules for; this program shows them
without a score.
"""

# The end of the report: what no game shows.
DEPARTURES = """\
## Cartridges that are no game of ALE

Under the file name of a supported game, ale-py runs any image. `scripts/fuzz_against_ale.py` compares random ones, whose code runs
outside ROM too (counts in [reliability.md](reliability.md)). Schemes that ale-py's detection can choose, all emulated but one:

| size in bytes | schemes |
|---|---|
| 2,048 | 2K, CV |
| 4,096 | 2K, 4K, CV |
| 8,192 | F8, F8SC, 4K, E0, 3E, 3F, UA, FE |
| 10,240, 10,495, 10,496 | DPC |
| 12,288 | FASC |
| 16,384 | F6, F6SC, E7, 3E, 3F |
| 32,768 | F4, F4SC, 3E, 3F |
| 65,536 | MB, 3E, 3F |
| 131,072 | MC, 3E, 3F |
| multiples of 8,448 | AR, not emulated |
| any other | 3E, 3F, or refused by both |

Departures that remain:

* **AR** (Supercharger tapes) is refused by name. It needs a loader with its own timing, and a circuit that counts the CPU's accesses.
* **CV in 2,048 bytes** often crashes ale-py, which reads a pointer that it never set. Here it runs.
* **MC** before the program has chosen blocks: ale-py shows the blocks that uninitialized memory of the host names, which depend on
  what the process did before (and on glibc's MALLOC_PERTURB_), this program block 0 of the RAM.
* **Images over 524,288 bytes** are refused. ale-py plays their first 524,288 bytes.
* **SELECT for ever**: under the name of a game with several modes, ale-py presses SELECT until the image shows the first mode, and hangs
  if it never does. This program gives up after a number of presses.
* **klax** under another image: its rules read the cartridge's RAM, which the image may not have.
* **The value left on the data bus**, which code outside ROM can read: it is ALE's after every frame, reset and action, but not compared
  while SELECT is pressed to choose a mode, after RAM was set from outside, and after the reads that only some rules of beam_rider, qbert,
  boxing, atlantis2 and darkchambers make.
"""


def enter_virtual_environment():
    """Creates .venv with the pinned packages if necessary, and restarts the script in it."""
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
            hint = "on Debian, `apt install python3-venv`" if "venv" in error.cmd else "is there a network connection?"
            sys.exit(f"error: cannot set up {VENV} (message above); {hint}")
        stamp.write_text(wanted)
    if pathlib.Path(sys.prefix).resolve() != VENV.resolve():
        sys.stdout.flush()
        os.execv(python, [str(python), *sys.argv])


def install(package):
    """Adds one more package to .venv. A change of PACKAGES creates .venv again, without it."""
    stamp = VENV / f"{package.partition('=')[0]}.txt"
    if stamp.exists() and stamp.read_text() == package:
        return
    print(f"installing {package} into {VENV}", file=sys.stderr)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
    # Naming PACKAGES again keeps pip from replacing any of them by another version.
    if subprocess.run([*pip, package, *PACKAGES]).returncode != 0:
        sys.exit(f"error: cannot install {package} (message above); is there a wheel of it for this Python?")
    stamp.write_text(package)


def parse_arguments():
    default = Options()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("games", nargs="*", metavar="GAME", help="cartridges by name, or `bricks` [%s]" % " ".join(GAMES))
    parser.add_argument("--all", action="store_true", help="all games ale-py supports, and `bricks`")
    parser.add_argument("--frames", type=int, default=default.frames, metavar="N", help="actions a game [%(default)s]")
    parser.add_argument("--frame-skip", type=int, default=1, metavar="N", help="frames each action is held for [%(default)s]")
    parser.add_argument("--sticky", type=float, default=0.0, metavar="P", help="repeat_action_probability [%(default)s]")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the actions, and ALE's random_seed [%(default)s]")
    parser.add_argument("--system-seed", type=int, metavar="N", help="ALE's system_random_seed")
    parser.add_argument("--mode", type=int, metavar="M")
    parser.add_argument("--difficulty", type=int, metavar="D")
    parser.add_argument("--modes", action="store_true", help="every mode at every difficulty, --frames actions each")
    parser.add_argument("--max-frames", type=int, default=0, metavar="N", help="max_num_frames_per_episode [%(default)s]")
    parser.add_argument("--truncate-on-life-loss", action="store_true", help="ALE's truncate_on_loss_of_life")
    parser.add_argument("--reward-range", type=int, nargs=2, metavar=("MIN", "MAX"), help="ALE's reward_min, reward_max")
    parser.add_argument("--color-averaging", "--colour-averaging", action="store_true", help="ALE's color_averaging")
    parser.add_argument("--strengths", action="store_true", help="turn paddles by random strengths")
    parser.add_argument(
        "--observation", action=argparse.BooleanOptionalAction, default=True, help="compare the 84x84 observation too [yes]"
    )
    parser.add_argument("--audio", action="store_true", help="compare the sound samples too")
    parser.add_argument("--vector", action="store_const", const={}, help=f"compare AtariVectorEnv, {ENVIRONMENTS} environments, instead")
    parser.add_argument("--report", type=pathlib.Path, metavar="FILE", help="write the whole table of docs/ale-equality.md to FILE")
    parser.add_argument("--share", type=float, default=1.0, metavar="S", help="share of the report's actions to play, for a quick look [1]")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N", help="games at a time [one a core]")
    training_runs.add_binary_option(parser)
    args = parser.parse_args()
    if args.frames < 0 or args.frame_skip < 1 or args.jobs < 1 or not 0 <= args.sticky <= 1 or args.seed == -1:
        parser.error("--frames, --frame-skip, --jobs and --sticky must make sense; seed -1 means the clock to ALE")
    if args.reward_range and args.observation:
        parser.error("--reward-range clamps whole actions; combine it with --no-observation, because observations are played frame by frame")
    if not 0 < args.share <= 1:
        parser.error("--share is a number above 0, at most 1")
    if args.all and args.games:
        parser.error("either --all or names of games")
    return args


def random_actions(count, minimal, seed):
    """Random actions in stretches: uniform ones, and minimal ones held for a while, which make more progress in a game."""
    draw = random.Random(f"actions {seed}")
    actions = []
    while len(actions) < count:
        length = draw.randint(20, 80)
        kind = draw.random()
        if kind < 0.3:  # all eighteen, including those that the game ignores
            actions += [draw.randrange(18) for _ in range(length)]
        elif kind < 0.5:
            actions += [draw.choice(minimal) for _ in range(length)]
        else:
            while length > 0:
                held = draw.randint(2, 20)
                actions += [draw.choice(minimal)] * held
                length -= held
    return actions[:count]


def random_strengths(count, seed):
    """Paddle strengths, exact in float32: half of them 1, most others weaker, some stronger."""
    draw = random.Random(f"strengths {seed}")
    exact = lambda value: struct.unpack("f", struct.pack("f", value))[0]
    return [1.0 if draw.random() < 0.5 else exact(draw.uniform(0, 1.5)) for _ in range(count)]


class Ale:
    """ale-py, driven as the help of `atari-dqn trace` describes."""

    def __init__(self, rom, options):
        import ale_py

        ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
        self.ale = ale_py.ALEInterface()
        self.options = options
        # The observation needs the last screen but one, so each action is played frame by frame.
        self.steps_a_action = options.frame_skip if options.observation else 1
        self.ale.setInt("random_seed", options.seed)
        if options.system_seed is not None:
            self.ale.setInt("system_random_seed", options.system_seed)
        self.ale.setFloat("repeat_action_probability", options.sticky)  # ALE's default is 0.25
        self.ale.setInt("frame_skip", 1 if options.observation else options.frame_skip)
        self.ale.setInt("max_num_frames_per_episode", options.max_frames)
        self.ale.setBool("truncate_on_loss_of_life", options.truncate_on_life_loss)
        self.ale.setBool("color_averaging", options.color_averaging)
        self.ale.setBool("sound_obs", options.audio)
        if options.reward_range:
            self.ale.setInt("reward_min", options.reward_range[0])
            self.ale.setInt("reward_max", options.reward_range[1])
        self.ale.loadROM(str(rom))
        if options.mode is not None:
            self.ale.setMode(options.mode)
        if options.difficulty is not None:
            self.ale.setDifficulty(options.difficulty)
        if options.mode is not None or options.difficulty is not None:
            self.ale.reset_game()

    def minimal_actions(self):
        return [action.value for action in self.ale.getMinimalActionSet()]

    def modes_and_difficulties(self):
        return [(mode, difficulty) for mode in self.ale.getAvailableModes() for difficulty in self.ale.getAvailableDifficulties()]

    def lines(self, actions):
        """Generates the lines of the trace; the environment stays at the step of the last line."""
        import numpy

        height, width = self.ale.getScreenDims()
        screen = numpy.empty((height, width), numpy.uint8)
        gray = numpy.empty((height, width), numpy.uint8)
        before_last = numpy.empty((height, width), numpy.uint8)
        ram = numpy.empty(self.ale.getRAMSize(), numpy.uint8)
        yield self.header()
        yield self.line(0, 0, screen, gray, None, ram)
        for step, action in enumerate(actions, 1):
            if action[0] == "reset":
                _, mode, difficulty = action
                self.ale.setMode(mode)
                self.ale.setDifficulty(difficulty)
                self.ale.reset_game()
                yield self.line(step, 0, screen, gray, None, ram)
                continue
            if self.ale.game_over():
                self.ale.reset_game()
            reward = 0
            for left in reversed(range(self.steps_a_action)):
                reward += self.ale.act(*action)
                if left == 1:
                    self.ale.getScreenGrayscale(before_last)
            yield self.line(step, reward, screen, gray, before_last if self.steps_a_action > 1 else None, ram)

    def header(self):
        header = "step,reward,lives,terminal,truncated,frame_number,episode_frame_number,ram_crc32,screen_crc32"
        return header + ",observation_crc32" * self.options.observation + ",audio_crc32" * self.options.audio

    def line(self, step, reward, screen, gray, before_last, ram):
        import cv2
        import numpy

        ale = self.ale
        ale.getRAM(ram)
        ale.getScreen(screen)
        terminal, truncated = ale.game_over(with_truncation=False), ale.game_truncated()
        line = f"{step},{reward},{ale.lives()},{int(terminal)},{int(truncated)},{ale.getFrameNumber()},{ale.getEpisodeFrameNumber()}"
        line += f",{zlib.crc32(ram):08x},{zlib.crc32(screen):08x}"
        if self.options.observation:
            ale.getScreenGrayscale(gray)
            if before_last is not None:
                gray = numpy.maximum(gray, before_last)
            observation = cv2.resize(gray, (84, 84), interpolation=cv2.INTER_AREA)
            line += f",{zlib.crc32(observation):08x}"
        if self.options.audio:
            line += f",{zlib.crc32(ale.getAudio()):08x}"
        return line


def trace_command(binary, rom, actions_file, options):
    command = [binary, "trace", "--rom", rom, "--actions", actions_file, "--frame-skip", options.frame_skip]
    command += ["--sticky", options.sticky, "--seed", options.seed, "--max-frames", options.max_frames]
    reward_min, reward_max = options.reward_range or (None, None)
    values = [
        ("--system-seed", options.system_seed), ("--mode", options.mode), ("--difficulty", options.difficulty),
        ("--reward-min", reward_min), ("--reward-max", reward_max),
    ]  # fmt: skip
    for flag, value in values:
        if value is not None:
            command += [flag, value]
    flags = [
        ("--truncate-on-life-loss", options.truncate_on_life_loss), ("--color-averaging", options.color_averaging),
        ("--observation", options.observation), ("--audio", options.audio),
    ]  # fmt: skip
    command += [flag for flag, wanted in flags if wanted]
    return [str(part) for part in command]


@dataclasses.dataclass
class Outcome:
    """Result of one comparison, or of several that share a cell of the table."""

    game: str
    steps: int = 0
    runs: int = 1
    # The first step that differs, by column.
    differences: dict = dataclasses.field(default_factory=dict)
    # Why the comparison could not be made; empty if it was.
    failure: str = ""
    details: str = ""
    seconds: float = 0.0

    def equal(self):
        return not self.differences and not self.failure

    def cell(self):
        """The text of the table's cell."""
        if self.failure:
            return "failed"
        if self.differences:
            return ", ".join(f"{column} at {step}" for column, step in sorted(self.differences.items(), key=lambda item: item[1]))
        return "equal"


def compare_lines(game, want, got, status, complaint):
    """Compares two traces, each a header line and a line a step."""
    # Lines of step 0 hold the state before the first action.
    steps = sum(not line.startswith("0,") for line in want[1:])
    outcome = Outcome(game, steps=steps)
    if want[:1] != got[:1] or len(want) != len(got) or status != 0:
        outcome.failure = f"{len(got)} of {len(want)} lines and status {status}: {complaint}"
        if got and want[0] != got[0]:
            outcome.failure = f"ale-py has the columns {want[0]}, this program {got[0]}"
        return outcome
    names = want[0].split(",")
    for row, (w, g) in enumerate(zip(want, got)):
        if w != g:
            for name, a, b in zip(names, w.split(","), g.split(",")):
                if a != b:
                    # A line begins with its step.
                    outcome.differences.setdefault(name.removesuffix("_crc32"), int(w.split(",")[0]))
    return outcome


def supported_games():
    """The games that ale-py carries and can play."""
    import ale_py.roms

    return [game for game in ale_py.roms.get_all_rom_ids() if game not in UNSUPPORTED]


def rom_of(game, scratch):
    import ale_py.roms

    if game != BUILT_IN:
        return ale_py.roms.get_rom_path(game)
    # ALE identifies a game by its MD5 or file name; under breakout's name the built-in game gets the rules it was made for.
    rom = scratch / "breakout.bin"
    shutil.copy(ROOT / "emulator/cartridges/bricks.bin", rom)
    return rom


def compare(game, options, binary, scratch):
    """Plays a game on both sides and compares them."""
    import cv2

    cv2.setNumThreads(1)
    rom = rom_of(game, scratch)
    if rom is None:
        return Outcome(game, failure="ale-py carries no such cartridge")
    if options.vector is not None:
        return compare_vector(game, options, binary, rom, scratch)
    return compare_interface(game, options, binary, rom, scratch)


def run_both(command, want, scratch):
    """Runs `command` and the generator `want` at the same time. Returns wanted lines, printed lines, exit status, stderr."""
    output, errors = scratch / "trace.csv", scratch / "trace.err"
    with open(output, "w") as out, open(errors, "w") as err:
        trace = subprocess.Popen(command, stdout=out, stderr=err)
        want = list(want)
        status = trace.wait()
    return want, output.read_text().splitlines(), status, errors.read_text().strip()


def write_actions(path, actions):
    path.write_text("".join(" ".join(str(part) for part in action) + "\n" for action in actions))


def compare_interface(game, options, binary, rom, scratch):
    ale = Ale(rom, options)
    actions = []
    runs = ale.modes_and_difficulties() if options.modes else [None]
    if options.modes and game == BUILT_IN:
        runs = [(0, 0)]  # it has one mode; ale-py would press SELECT forever to reach breakout's other modes
    for run in runs:
        if run is not None:
            actions.append(("reset", *run))
        seed = f"{game} {options.seed} {run}"
        strengths = random_strengths(options.frames, seed) if options.strengths else [1.0] * options.frames
        actions += zip(random_actions(options.frames, ale.minimal_actions(), seed), strengths)
    actions_file = scratch / "actions.txt"
    write_actions(actions_file, actions)
    command = trace_command(binary, rom, actions_file, options)
    want, got, status, complaint = run_both(command, ale.lines(actions), scratch)
    outcome = compare_lines(game, want, got, status, complaint)
    outcome.runs = len(runs)
    if outcome.differences:
        first = next(i for i, (w, g) in enumerate(zip(want, got)) if w != g)
        outcome.details = describe_difference(game, options, command, rom, actions, actions_file, scratch, want, got, first)
    return outcome


def compare_vector(game, options, binary, rom, scratch):
    import ale_vector

    settings = {"num_envs": ENVIRONMENTS, "num_threads": 1, "seed": options.seed, **options.vector}
    envs = ale_vector.make(rom, settings)
    actions = envs.single_action_space.n
    draw = random.Random(f"vector {game} {options.seed}")
    rows = [[draw.randrange(actions) for _ in range(ENVIRONMENTS)] for _ in range(options.frames)]
    actions_file = scratch / "actions.txt"
    actions_file.write_text("".join(f"{ale_vector.action_text(row)}\n" for row in rows))
    command = [str(part) for part in [binary, "trace", "--rom", rom, "--actions", actions_file]]
    command += ale_vector.trace_flags(settings)
    want, got, status, complaint = run_both(command, ale_vector.vector_lines(envs, rows, settings), scratch)
    return compare_lines(game, want, got, status, complaint)


def describe_difference(game, options, command, rom, actions, actions_file, scratch, want, got, first):
    """Plays both sides again up to the first different step and describes RAM and screen there."""
    import numpy
    from PIL import Image

    step = first - 1
    doing = " ".join(str(part) for part in actions[step - 1]) if step else "after loading"
    modes = [action[1:] for action in actions[:step] if action[0] == "reset"]
    if modes:
        doing += f", in mode {modes[-1][0]} at difficulty {modes[-1][1]}"
    report = [f"  step {step} of {len(actions)} ({doing}):"]
    for name, w, g in zip(want[0].split(","), want[first].split(","), got[first].split(",")):
        if w != g:
            report.append(f"    {name}: want {w}, got {g}")
    report.append(f"    {sum(w != g for w, g in zip(want, got))} of {len(want) - 1} lines differ in all")

    ale = Ale(rom, options)
    lines = ale.lines(actions)
    for _ in range(first + 1):
        next(lines)
    dump = scratch / "dump"
    write_actions(actions_file, actions[:step])
    command = command + ["--dump-step", str(step), "--dump-file", str(dump)]
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
        colors = numpy.zeros((256, 3), numpy.uint8)
        colors[screen] = ale.ale.getScreenRGB()  # the colors that this screen uses
        unseen = ~numpy.isin(numpy.arange(256), screen)
        colors[unseen] = (255, 0, 255)
        mark = numpy.where((screen != our_screen)[..., None], numpy.uint8(255), colors[screen] // 4)
        row_of_three = numpy.concatenate([colors[screen], colors[our_screen], mark], axis=1)
        Image.fromarray(row_of_three.repeat(2, axis=1)).save(picture)
        report.append(f"    {picture}: ale-py, this emulator (magenta: colors that ale-py does not show here), wrong pixels")
    return "\n".join(report)


def worker(game, passes, binary, scratch, answer):
    for _, options in passes:
        began = time.monotonic()
        try:
            outcome = compare(game, options, binary, pathlib.Path(scratch))
        except Exception as error:
            outcome = Outcome(game, failure=f"{type(error).__name__}: {error}")
        outcome.seconds = time.monotonic() - began
        answer.send(outcome)


def compare_apart(game, passes, binary):
    """`compare` in its own process: ale-py exits on a cartridge without rules, and can hang."""
    outcomes = []
    with tempfile.TemporaryDirectory() as scratch:
        context = multiprocessing.get_context("spawn")
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=worker, args=(game, passes, binary, scratch, sender))
        process.start()
        sender.close()
        try:
            for name, _ in passes:
                if not receiver.poll(LONGEST_SECONDS):
                    process.kill()
                outcomes.append(receiver.recv())
                print_outcome(name, outcomes[-1])
        except EOFError:
            process.join()
            outcome = Outcome(game, failure=f"ale-py hung, or ended the process, with status {process.exitcode}")
            print_outcome(passes[len(outcomes)][0], outcome)
            outcomes += [outcome] * (len(passes) - len(outcomes))
        process.join()
    return outcomes


def compare_game(game, passes, binary):
    """Plays a game's passes. Two kinds need a fresh process. With color averaging, ale-py reads table entries of odd colors that
    it never wrote: they are zero only in fresh memory. With truncation on a lost life, after many consoles in one process,
    ale-py once reported game over right after loading (cause unknown)."""
    groups = [[]]
    for one in passes:
        if one[1].color_averaging or one[1].truncate_on_life_loss:
            groups += [[one], []]
        else:
            groups[-1].append(one)
    return [outcome for group in groups if group for outcome in compare_apart(game, group, binary)]


def print_outcome(name, outcome):
    runs = f" in {outcome.runs} modes" if outcome.runs > 1 else ""
    steps = f"{outcome.steps} steps{runs}"
    lines = [f"{outcome.game:20} {name:15} {steps:28} {outcome.cell()}  [{outcome.seconds:.1f} s]"]
    print("\n".join(lines + [more for more in [outcome.failure, outcome.details] if more]), flush=True)


def compare_all(games, passes, binary, jobs):
    """The outcomes of all games in the order of `games`, each a list in the order of `passes`."""
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        # video_cube has by far the most modes: started first, it does not run alone at the end.
        order = sorted(games, key=lambda game: game != "video_cube")
        futures = {game: pool.submit(compare_game, game, passes, binary) for game in order}
        return [futures[game].result() for game in games]


def summary(outcomes):
    """The last line of the output."""
    steps = sum(outcome.steps for outcome in outcomes)
    different = sorted({outcome.game for outcome in outcomes if not outcome.equal()})
    games = len({outcome.game for outcome in outcomes})
    if different:
        return f"{len(different)} of {games} games differ: {' '.join(different)}"
    return f"all {games} games equal in {steps:,} steps"


def write_report(path, passes, rows, seconds):
    """Writes the Markdown table: a row per game, a column per pass."""
    import ale_py
    import cv2

    lines = []
    for row in rows:
        cells = []
        for outcome in row:
            runs = f" ({outcome.runs})" if outcome.runs > 1 else ""
            cells.append(f"{outcome.steps:,}{runs}" if outcome.equal() else f"**{outcome.cell()}**")
        lines.append(f"| {row[0].game} | {' | '.join(cells)} |")
    totals = [f"{sum(outcome.steps for outcome in column):,}" for column in zip(*rows)]
    outcomes = [outcome for row in rows for outcome in row]
    today = datetime.date.today().isoformat()
    path.write_text(
        "# Equality with the Arcade Learning Environment\n\n"
        f"Made on {today} by `scripts/compare_with_ale.py --report {path}` in {seconds / 60:.0f} minutes: this program against\n"
        f"ale-py {ale_py.__version__}, OpenCV {cv2.__version__}, Python {platform.python_version()}.\n\n"
        f"{REPORT_LEGEND}\n"
        f"| game | {' | '.join(name for name, _ in passes)} |\n|---|{'---:|' * len(passes)}\n" + "\n".join(lines) + "\n"
        f"| **steps** | {' | '.join(totals)} |\n\n"
        f"{today}, ale-py {ale_py.__version__}: {summary(outcomes)}.\n\n{DEPARTURES}"
    )


def main():
    enter_virtual_environment()
    args = parse_arguments()
    training_runs.require_binary(args.binary)
    binary = args.binary.resolve()
    games = args.games or GAMES
    if args.all or args.report:
        games = supported_games() + [BUILT_IN]
    chosen = {field.name: getattr(args, field.name) for field in dataclasses.fields(Options)}
    chosen["reward_range"] = tuple(args.reward_range) if args.reward_range else None
    passes = [("", Options(**chosen))]
    if args.report:
        passes = [
            (name, dataclasses.replace(options, frames=max(1, round(options.frames * args.share)))) for name, options in REPORT
        ]
    began = time.monotonic()
    for name, options in passes:
        differing = [f"{field.name} {getattr(options, field.name)}" for field in dataclasses.fields(Options)
                     if getattr(options, field.name) != field.default]  # fmt: skip
        print(f"{name or 'comparison'}: {len(games)} games, {', '.join(differing) or 'defaults'}", flush=True)
    rows = compare_all(games, passes, binary, args.jobs)
    if args.report:
        write_report(args.report, passes, rows, time.monotonic() - began)
    outcomes = [outcome for row in rows for outcome in row]
    print(summary(outcomes))
    if not all(outcome.equal() for outcome in outcomes):
        sys.exit(1)


if __name__ == "__main__":
    main()
