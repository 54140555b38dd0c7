"""The stubs: programs that type-check against ale-py do so against this package, and wrong ones do not."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from conftest import missing, run_python

#: Uses everything that ale-py has names for.
PROGRAM = """
from pathlib import Path

import gymnasium
import numpy as np
import PACKAGE as ale_py
from PACKAGE import Action, ALEInterface, ALEState, AtariEnv, LoggerMode, roms


def play(ale: ALEInterface, path: Path) -> float:
    ALEInterface.setLoggerMode(LoggerMode.Error)
    ale.setInt("random_seed", 1)
    ale.setFloat("repeat_action_probability", 0)
    ale.setBool("sound_obs", False)
    ale.setString("record_screen_dir", "")
    setting: float = ale.getFloat("repeat_action_probability") + ale.getInt("frame_skip")
    name: str | None = ALEInterface.isSupportedROM(path)
    ale.loadROM(path)
    ale.loadROM(str(path))
    total = 0
    legal: list[Action] = ale.getLegalActionSet()
    for action in ale.getMinimalActionSet():
        total += ale.act(action)
        total += ale.act(action, 0.5)
        total += ale.act(1, paddle_strength=0.5)
    if ale.game_over() or ale.game_over(with_truncation=False) or ale.game_truncated():
        ale.reset_game()
    height, width = ale.getScreenDims()
    buffer = np.empty((height, width, 3), np.uint8)
    ale.getScreenRGB(buffer)
    picture = ale.getScreenRGB()
    bright = int(picture.max()) + int(ale.getScreenGrayscale()[0, 0]) + int(ale.getScreen().sum())
    bright += int(ale.getRAM()[3])
    ale.setRAM(3, 4)
    ale.setMode(ale.getAvailableModes()[0])
    ale.setDifficulty(ale.getAvailableDifficulties()[0])
    state: ALEState = ale.cloneState()
    system = ale.cloneSystemState()
    ale.restoreState(state)
    ale.restoreSystemState(system)
    copied = ALEState(state.serialize())
    assert copied == state and copied.equals(state) and state != system
    ale.saveScreenPNG("x.png")
    frames = ale.getFrameNumber() + ale.getEpisodeFrameNumber() + state.getFrameNumber() + state.getCurrentMode()
    return total + setting + bright + frames + len(name or "") + ale.lives() + len(legal) + Action.FIRE.value


gymnasium.register_envs(ale_py)
paths = [roms.get_rom_path(name) for name in roms.get_all_rom_ids()]
env = AtariEnv("pong", obs_type="rgb", frameskip=(2, 5), render_mode="rgb_array", sound_obs=False)
observation, info = env.reset(seed=1)
print(observation.shape, info)
observation, reward, terminated, truncated, info = env.step(0)
print(observation.mean() + reward, terminated and truncated)
saved: ALEState = env.clone_state(include_rng=True)
env.restore_state(saved)
meanings: list[str] = env.get_action_meanings()
keys = env.get_keys_to_action()
vector = ale_py.AtariVectorEnv("pong", 4, frameskip=4, reward_clipping=False)
print(ale_py.__version__, ale_py.SDL_SUPPORT, AtariEnv.map_action_idx(0, 1, True).name, keys[("e",)], vector.num_envs)
"""


#: Each line has a fault that a type checker must find: it reports an "ignore" that ignores nothing.
WRONG = """
import atari_emulator

ale = atari_emulator.ALEInterface()
ale.setBool("sound_obs", "yes")  # type: ignore[arg-type]
ale.act("FIRE")  # type: ignore[arg-type]
ale.act(action=atari_emulator.LoggerMode.Error.name)  # type: ignore[arg-type]
ale.getScreenRGB([1, 2])  # type: ignore[call-overload]
ale.getRam()  # type: ignore[attr-defined]
ale.restoreState(b"")  # type: ignore[arg-type]
atari_emulator.AtariEnv("pong", obs_type="pixels")  # type: ignore[arg-type]
atari_emulator.AtariEnv("pong").render(mode="human")  # type: ignore[call-arg]
atari_emulator.FIRE  # type: ignore[attr-defined]
dimensions: int = ale.getScreenDims()  # type: ignore[assignment]
"""


def check_types(folder: Path, **programs: str) -> None:
    if importlib.util.find_spec("mypy") is None:
        missing("mypy is not installed")
    for name, program in programs.items():
        (folder / f"{name}.py").write_text(program)
    files = [f"{name}.py" for name in programs]
    run_python("-m", "mypy", "--warn-unused-ignores", *files, cwd=folder)


def test_programs_for_ale_py_are_accepted_and_wrong_ones_are_not(tmp_path: Path) -> None:
    check_types(tmp_path, right=PROGRAM.replace("PACKAGE", "atari_emulator"), wrong=WRONG)


def test_the_program_is_one_that_ale_pys_stub_accepts(tmp_path: Path, ale_py: None) -> None:
    check_types(tmp_path, program=PROGRAM.replace("PACKAGE", "ale_py"))
