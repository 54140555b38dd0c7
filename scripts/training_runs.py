"""Training runs as the scripts start, kill and resume them. Python's standard library only."""

import dataclasses
import json
import os
import pathlib
import re
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Times in the rows of metrics.jsonl, which differ from run to run.
TIMES = {"wall_seconds", "steps_per_second", "updates_per_second"}


def default_binary():
    """The program to test: $ATARI_DQN_BINARY, or what `cargo build --release` builds."""
    return pathlib.Path(os.environ.get("ATARI_DQN_BINARY") or ROOT / "target/release/atari-dqn")


def add_binary_option(parser):
    parser.add_argument(
        "--binary", type=pathlib.Path, default=default_binary(), metavar="FILE",
        help="program to run [$ATARI_DQN_BINARY, or target/release/atari-dqn]",
    )  # fmt: skip


def require_binary(binary):
    """Ends the script if there is no program at `binary`."""
    if not binary.is_file():
        raise SystemExit(f"error: {binary} does not exist; run `cargo build --release`, or name the program with --binary")


def kind(binary, preset, section):
    """The kind of a section of a preset: `algorithm` has e.g. `dqn`, `environment` e.g. `atari`."""
    shown = subprocess.run([str(binary), "presets", preset], capture_output=True, text=True)
    if shown.returncode != 0:
        raise SystemExit(shown.stderr.strip())
    found = re.search(r'^kind = "([^"]*)"', shown.stdout.partition(f"[{section}]")[2], re.MULTILINE)
    return found[1] if found else None


def algorithm(binary, preset):
    """The kind of algorithm that a preset configures, e.g. `dqn`."""
    return kind(binary, preset, "algorithm") or "dqn"


def short_settings(choices, binary, preset):
    """The settings in `choices`, by kind of algorithm, that fit the preset."""
    found = algorithm(binary, preset)
    if found not in choices:
        raise SystemExit(f"error: {preset} is {found}; this script has settings for short runs of {', '.join(choices)} only")
    return choices[found]


@dataclasses.dataclass
class Run:
    """A training run; `settings` are KEY=VALUE. None leaves the choice to the program."""

    steps: int
    rom: str | None = None
    preset: str | None = None
    seed: int = 1
    settings: list[str] = dataclasses.field(default_factory=list)
    env: str | None = None

    def command(self, binary, folder):
        """The command that starts the run in `folder`, or resumes the one that began there."""
        line = [str(binary), "train", "--steps", str(self.steps)]
        if self.rom:
            line += ["--rom", self.rom]
        if (pathlib.Path(folder) / "run.toml").exists():
            return line + ["--resume", str(folder)]
        if self.env:
            line += ["--env", self.env]
        if self.preset:
            line += ["--preset", self.preset]
        line += ["--seed", str(self.seed), "--run-dir", str(folder)]
        for setting in self.settings:
            line += ["--set", setting]
        return line

    def finish(self, binary, folder, prefix=()):
        """Runs to the end, from the last checkpoint if there is one; returns the seconds it took. `prefix` is put before the command."""
        begun = time.monotonic()
        line = [*prefix, *self.command(binary, folder)]
        ended = subprocess.run(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
        if ended.returncode != 0:
            raise SystemExit(f"error: exit status {ended.returncode} of `{' '.join(line)}`:\n{ended.stderr.strip()}")
        return time.monotonic() - begun


@dataclasses.dataclass
class Sweep:
    """A sweep of two runs of the built-in game at a time."""

    steps: int
    preset: str
    settings: list[str] = dataclasses.field(default_factory=list)

    # Ended and timed in the same way.
    finish = Run.finish

    def cells(self):
        return [f"bricks-{self.preset}-s{seed}" for seed in range(2)]

    def command(self, binary, folder):
        """The command that starts the sweep in `folder`, or continues the one that is there."""
        if (pathlib.Path(folder) / "sweep.toml").exists():
            return [str(binary), "sweep", "--out", str(folder), "--jobs", "2"]
        line = [str(binary), "sweep", "--out", str(folder), "--jobs", "2", "--roms", "bricks", "--preset", self.preset]
        line += ["--seeds", "2", "--steps", str(self.steps)]
        for setting in self.settings:
            line += ["--set", setting]
        return line


def checkpoints(folder):
    """The steps at which the run in `folder` has checkpoints, in order."""
    paths = (pathlib.Path(folder) / "checkpoints").glob("*.checkpoint")
    return sorted(int(path.stem.removeprefix("step-")) for path in paths)


def rows(folder):
    """The rows of metrics.jsonl without the times."""
    lines = (pathlib.Path(folder) / "metrics.jsonl").read_text().splitlines()
    return [{key: value for key, value in json.loads(line).items() if key not in TIMES} for line in lines]
