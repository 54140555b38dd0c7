"""Clients of ALEInterface and ALEState."""

import copy
import pickle
import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from recording import Recorder

GAMES = ["breakout", "montezuma_revenge", "carnival", "air_raid", "double_dunk", "skiing"]
ACTS = 300
# (key, setter's type, value) of a game's number: every setting is used by some game.
SETTINGS: list[list[tuple[str, str, Any]]] = [
    [("random_seed", "Int", 7), ("sound_obs", "Bool", True)],
    [("random_seed", "Int", -5), ("repeat_action_probability", "Float", 0.5), ("frame_skip", "Int", 4)],
    [("random_seed", "Int", 3), ("color_averaging", "Bool", True), ("repeat_action_probability", "Float", 0.0)],
    [("random_seed", "Int", 4), ("max_num_frames_per_episode", "Int", 200), ("reward_max", "Int", 20)],
    [("random_seed", "Int", 2**31 - 1), ("system_random_seed", "Int", 99), ("truncate_on_loss_of_life", "Bool", True)],
    [("random_seed", "Int", 0), ("reward_min", "Int", -1), ("repeat_action_probability", "Float", 1.0)],
]


def all_getters(record: Recorder, label: str, ale: Any) -> None:
    """Everything that can be read, in new arrays and in buffers."""
    record.add(f"{label}: RGB, gray and index screen", [ale.getScreenRGB(), ale.getScreenGrayscale(), ale.getScreen()])
    record.add(f"{label}: RAM and sound", [ale.getRAM(), ale.getAudio()])
    height, width = ale.getScreenDims()
    buffers = [np.full(shape, 77, np.uint8) for shape in ((height, width, 3), (height, width), (height, width))]
    ale.getScreenRGB(buffers[0])
    ale.getScreenGrayscale(buffer=buffers[1])
    ale.getScreen(buffers[2])
    rest = [bytearray(ale.getRAMSize()), bytearray(ale.getAudioSize())]
    ale.getRAM(rest[0])
    ale.getAudio(buffer=rest[1])
    record.add(f"{label}: buffers", [*buffers, *map(bytes, rest)])
    flags = [ale.game_over(), ale.game_over(False), ale.game_over(with_truncation=True), ale.game_truncated()]
    record.add(f"{label}: flags", flags)
    record.add(f"{label}: lives and frames", [ale.lives(), ale.getFrameNumber(), ale.getEpisodeFrameNumber()])


def about(state: Any) -> list[int]:
    numbers = [state.getFrameNumber(), state.getEpisodeFrameNumber(), state.getCurrentMode(), state.getDifficulty()]
    return [*numbers, len(state.serialize()) > 36]


def interface(record: Recorder, fast: bool) -> None:
    """A script on ALEInterface: settings, last mode and difficulty, all getters, states through pickle and bytes."""
    import ale_py

    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    record.segment("before loading")
    before_loading(record, ale_py.ALEInterface())
    for game, settings in zip(GAMES, SETTINGS):
        record.segment(game)
        ale = ale_py.ALEInterface()
        for key, kind, value in settings:
            getattr(ale, f"set{kind}")(key, value)
            readings = [getattr(ale, f"get{kind}")(key) for kind in ("String", "Int", "Bool", "Float")]
            record.add(f"setting {key}", readings)
        path = ale_py.roms.get_rom_path(game)
        ale.loadROM(path)
        record.add("supported", ale_py.ALEInterface.isSupportedROM(path))
        play(record, ale, game, fast)


def before_loading(record: Recorder, ale: Any) -> None:
    keys = ["random_seed", "repeat_action_probability", "frame_skip", "sound_obs", "rom_file", "nothing"]
    for key in keys:
        record.add(key, [ale.getString(key), ale.getInt(key), ale.getBool(key), ale.getFloat(key)])
    ale.setFloat("repeat_action_probability", 0.123456789)
    record.add("six digits", ale.getFloat("repeat_action_probability"))
    record.call("unknown key", ale.setInt, "nothing", 3)
    record.call("wrong type", ale.setInt, "sound_obs", 3)
    record.call("lives", ale.lives)
    record.call("legal actions", ale.getLegalActionSet)
    for arguments in [("random_seed", 2**31), ("random_seed", 1.0), (b"random_seed", 1), ("random_seed",)]:
        record.call(f"setInt {arguments}", ale.setInt, *arguments, text=False)


def play(record: Recorder, ale: Any, game: str, fast: bool) -> None:
    sets = [ale.getLegalActionSet(), ale.getMinimalActionSet(), ale.getAvailableModes(), ale.getAvailableDifficulties()]
    record.add("sets", [*sets, ale.getScreenDims(), ale.getRAMSize(), ale.getAudioSize()])
    all_getters(record, "after loading", ale)
    ale.setMode(sets[2][-1])
    ale.setDifficulty(sets[3][-1])
    ale.reset_game()
    all_getters(record, "after mode and difficulty", ale)
    record.call("a mode there is not", ale.setMode, 12345)
    record.call("a difficulty there is not", ale.setDifficulty, 77)
    record.call("RAM there is not", ale.setRAM, 128, 0)
    record.call("a value that RAM cannot hold", ale.setRAM, 0, 256, text=False)
    record.call("an action of another type", ale.act, 1.0, text=False)
    draw = random.Random(game)
    state, at = ale.cloneState(), 0
    for number in range(60 if fast else ACTS):
        action = draw.choice(sets[1]) if draw.random() < 0.8 else draw.randrange(18)
        if draw.random() < 0.2:
            record.add(f"act {number} with a strength", ale.act(action, paddle_strength=draw.uniform(0, 1)))
        else:
            record.add(f"act {number}", ale.act(action))
        if number % 20 == 19:
            all_getters(record, f"after act {number}", ale)
            state = restored(record, ale, state, at, number)
            at = number
        if ale.game_over():
            ale.reset_game()
            record.add(f"reset after act {number}", [ale.getRAM(), ale.getFrameNumber(), ale.getEpisodeFrameNumber()])
    ale.setRAM(10, 200)
    record.add("RAM set", ale.getRAM())
    with tempfile.TemporaryDirectory() as folder:
        ale.saveScreenPNG(f"{folder}/a.png")
        record.add("PNG", picture(Path(folder) / "a.png"))
    ale.loadROM("")
    all_getters(record, "loaded again", ale)


def restored(record: Recorder, ale: Any, state: Any, at: int, number: int) -> Any:
    """Goes back to `state`, plays, and returns to the present; returns a state of the present."""
    present, system = ale.cloneState(), ale.cloneSystemState()
    full = ale.cloneState(include_rng=True)
    record.add(f"states after {number}", [about(state), about(present), present == state, present.equals(present)])
    record.add("with and without generators", [system == full, present == system, present != full])
    copies = [pickle.loads(pickle.dumps(full, protocol)) for protocol in range(2, 6)]
    copies += [copy.copy(full), copy.deepcopy(full), type(full)(full.serialize())]
    record.add("copies", [one == full for one in copies])
    ale.restoreState(pickle.loads(pickle.dumps(state)))
    # The picture is still the one from before, the RAM is the state's.
    all_getters(record, f"state of act {at} restored", ale)
    for action in (2, 5, 1):
        record.add("act of the past", [ale.act(action), ale.getRAM(), ale.getScreenRGB()])
    ale.restoreSystemState(copies[number % len(copies)])
    record.add("the present again", [ale.getRAM(), ale.lives(), ale.getFrameNumber(), ale.game_over()])
    return present


def picture(path: Path) -> np.ndarray:
    """The pixels of a picture's file, whatever its compression."""
    import cv2

    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
