"""ALEInterface: what ale-py's users rely on, method by method."""

from __future__ import annotations

import array
import copy
import importlib.util
import math
import os
import pickle
import shutil
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from native_support import BRICKS, MISMATCH, game_path, load, run_program

from atari_emulator import _ale_py
from atari_emulator._ale_py import Action, ALEInterface, LoggerMode


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    ALEInterface.setLoggerMode(LoggerMode.Error)
    yield
    ALEInterface.setLoggerMode(LoggerMode.Info)


# The object.


def test_the_module_stands_in_for_a_version_of_ale_py() -> None:
    assert _ale_py.__version__ == "0.12.1"
    assert isinstance(ALEInterface(), ALEInterface)
    assert isinstance(load(), ALEInterface)


@pytest.mark.parametrize("copier", [pickle.dumps, copy.copy, copy.deepcopy, lambda ale: ale.__reduce__()])
def test_it_cannot_be_pickled_or_copied(copier: Callable[[ALEInterface], object]) -> None:
    with pytest.raises(TypeError, match="^cannot pickle 'ALEInterface' object$"):
        copier(load())


def test_it_takes_no_other_attributes_and_no_weak_references() -> None:
    ale = ALEInterface()
    with pytest.raises(AttributeError):
        ale.speed = 1  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        weakref.ref(ale)


def test_it_compares_and_hashes_by_identity() -> None:
    one, other = load(), load()
    assert one == one and one != other
    assert len({one, other}) == 2


def test_the_constructor_takes_no_arguments() -> None:
    for wrong in (lambda: ALEInterface(1), lambda: ALEInterface(x=1)):  # type: ignore[call-arg]
        with pytest.raises(TypeError, match=MISMATCH):
            wrong()


def test_subclasses_have_attributes_and_arguments_of_their_own() -> None:
    class Named(ALEInterface):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    ale = Named("pong")
    ale.loadROM(BRICKS)
    assert (ale.name, ale.act(0)) == ("pong", 0)
    with pytest.raises(TypeError, match="^cannot pickle 'Named' object$"):
        pickle.dumps(ale)


GETTERS = """act reset_game game_over game_truncated lives getFrameNumber getEpisodeFrameNumber getLegalActionSet
getMinimalActionSet getAvailableModes getAvailableDifficulties setMode setDifficulty getScreenDims getScreen
getScreenRGB getScreenGrayscale getRAM setRAM getAudioSize getAudio cloneState cloneSystemState restoreState
restoreSystemState saveScreenPNG save restore snapshot restore_snapshot""".split()


@pytest.mark.parametrize("name", GETTERS)
def test_before_a_cartridge_is_loaded_methods_that_need_one_raise(name: str) -> None:
    loaded = load()
    arguments: dict[str, tuple[Any, ...]] = {
        "act": (0,),
        "setMode": (0,),
        "setDifficulty": (0,),
        "setRAM": (0, 0),
        "restoreState": (loaded.cloneState(),),
        "restoreSystemState": (loaded.cloneState(),),
        "saveScreenPNG": ("screen.png",),
        "restore": (loaded.save(),),
        "restore_snapshot": (loaded.snapshot(),),
    }
    with pytest.raises(RuntimeError, match="^ROM not set$"):
        getattr(ALEInterface(), name)(*arguments.get(name, ()))


def test_some_methods_need_no_cartridge() -> None:
    ale = ALEInterface()
    assert ale.getRAMSize() == 128
    assert ale.getInt("frame_skip") == 1
    assert ALEInterface.isSupportedROM(BRICKS) == "bricks"


# Settings.


@pytest.mark.parametrize(
    ("kind", "key", "value", "read"),
    [
        ("String", "record_sound_filename", "sound.wav", "sound.wav"),
        ("String", "cpu", "high", "high"),
        ("Bool", "color_averaging", True, True),
        ("Bool", "sound_obs", np.True_, True),
        ("Int", "frame_skip", 7, 7),
        ("Int", "random_seed", -(2**31), -(2**31)),
        ("Int", "random_seed", np.uint8(200), 200),
        ("Int", "random_seed", np.array(3), 3),
        ("Int", "random_seed", True, 1),
        ("Float", "repeat_action_probability", 1.0, 1.0),
        ("Float", "repeat_action_probability", 1, 1.0),
        ("Float", "repeat_action_probability", np.float32(0.5), 0.5),
        ("Float", "repeat_action_probability", 0.123456789, 0.12345699965953827),
        ("Float", "repeat_action_probability", 1e30, 1.0000000150474662e30),
        ("Float", "repeat_action_probability", 1e-10, 1.000000013351432e-10),
        ("Float", "repeat_action_probability", 16777217.0, 16777200.0),
        ("Float", "repeat_action_probability", -1.0, -1.0),
        ("Float", "repeat_action_probability", 1e300, math.inf),
        ("String", "sound", "true", "true"),
        ("Int", "fragsize", 12, 12),
    ],
)
def test_settings_read_back_as_they_were_set(kind: str, key: str, value: object, read: object) -> None:
    ale = ALEInterface()
    assert getattr(ale, f"set{kind}")(key, value) is None
    found = getattr(ale, f"get{kind}")(key)
    assert found == read and type(found) is type(read)


def test_nan_is_kept() -> None:
    ale = ALEInterface()
    ale.setFloat("repeat_action_probability", math.nan)
    assert math.isnan(ale.getFloat("repeat_action_probability"))
    assert ale.getString("repeat_action_probability") == "nan"


def test_defaults_and_conversions_are_those_of_ale_py() -> None:
    ale = ALEInterface()
    assert ale.getString("repeat_action_probability") == "0.25"
    assert ale.getInt("repeat_action_probability") == 0
    assert ale.getBool("frame_skip") is True
    assert ale.getInt("random_seed") == -1
    assert ale.getInt("system_random_seed") == 4753849
    assert ale.getFloat("reward_max") == 2147483648.0
    assert ale.getBool("run_length_encoding") is True and ale.getInt("run_length_encoding") == 1
    assert ale.getBool("clipvol") is True and ale.getString("sound") == "false"


@pytest.mark.parametrize(
    ("text", "integer", "flag", "number"),
    [
        ("1", 1, True, 1.0),
        ("true", 0, True, 0.0),
        ("True", 0, False, 0.0),
        ("01", 1, False, 1.0),
        (" 12abc", 12, False, 12.0),
        ("+5", 5, False, 5.0),
        ("-", 0, False, 0.0),
        ("99999999999", 1215752191, False, 99999997952.0),
        ("-.5e1x", 0, False, -5.0),
        ("1e+", 1, False, 1.0),
        ("inf", 0, False, math.inf),
        ("", 0, False, 0.0),
        ("é", 0, False, 0.0),
    ],
)
def test_the_text_of_a_setting_is_converted_as_far_as_it_is_a_number(
    text: str, integer: int, flag: bool, number: float
) -> None:
    ale = ALEInterface()
    ale.setString("cpu", text)
    assert ale.getString("cpu") == text
    assert (ale.getInt("cpu"), ale.getBool("cpu"), ale.getFloat("cpu")) == (integer, flag, number)


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("String", "no_such_key", "x"),
        ("Int", "no_such_key", 1),
        ("Bool", "no_such_key", True),
        ("Float", "no_such_key", 1.0),
        ("Int", "repeat_action_probability", 0),
        ("Float", "frame_skip", 1.0),
        ("Bool", "frame_skip", True),
        ("String", "sound_obs", "true"),
    ],
)
def test_unknown_settings_and_other_types_are_refused(kind: str, key: str, value: object) -> None:
    message = f"^The key {key} you are trying to set does not exist or has incorrect value type.\n$"
    with pytest.raises(RuntimeError, match=message):
        getattr(ALEInterface(), f"set{kind}")(key, value)


def test_unknown_settings_read_as_nothing() -> None:
    ale = ALEInterface()
    assert (ale.getString("x"), ale.getInt("x"), ale.getBool("x"), ale.getFloat("x")) == ("", -1, False, -1.0)


# Arguments.


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("setInt", ("random_seed", 1.0)),
        ("setInt", ("random_seed", np.float32(1))),
        ("setInt", ("random_seed", "1")),
        ("setInt", ("random_seed", None)),
        ("setInt", ("random_seed", 2**31)),
        ("setInt", ("random_seed", -(2**31) - 1)),
        ("setInt", ("random_seed", 2**100)),
        ("setInt", ("random_seed", np.array([1]))),
        ("setInt", ("random_seed",)),
        ("setInt", ("random_seed", 1, 2)),
        ("setBool", ("sound_obs", 1)),
        ("setBool", ("sound_obs", None)),
        ("setFloat", ("repeat_action_probability", "0.5")),
        ("setFloat", ("repeat_action_probability", None)),
        ("setFloat", ("repeat_action_probability", 10**400)),
        ("setString", ("cpu", b"low")),
        ("setString", ("cpu", Path("low"))),
        ("setString", ("cpu", "\ud800")),
        ("getString", (b"cpu",)),
        ("getInt", ()),
        ("act", ()),
        ("act", (-1,)),
        ("act", (2**32,)),
        ("act", (1.0,)),
        ("act", ("FIRE",)),
        ("act", (None,)),
        ("act", (0, None)),
        ("act", (0, "1")),
        ("act", (0, 1.0, 2)),
        ("act", (LoggerMode.Info,)),
        ("game_over", (1,)),
        ("game_over", (None,)),
        ("setRAM", (-1, 0)),
        ("setRAM", (10, 1000)),
        ("setRAM", (10, -1)),
        ("setRAM", (10, 1.0)),
        ("setRAM", (2**64, 0)),
        ("setMode", (-1,)),
        ("setMode", (2**32,)),
        ("setDifficulty", (1.0,)),
        ("cloneState", (1,)),
        ("restoreState", ()),
        ("restoreState", (None,)),
        ("restoreState", (b"state",)),
        ("restoreSystemState", (1,)),
        ("loadROM", ()),
        ("loadROM", (1,)),
        ("loadROM", (None,)),
        ("isSupportedROM", (1,)),
        ("isSupportedROM", (None,)),
        ("saveScreenPNG", (b"screen.png",)),
        ("saveScreenPNG", (Path("screen.png"),)),
        ("setLoggerMode", (7,)),
        ("setLoggerMode", ("Error",)),
        ("restore", (bytearray(8),)),
        ("restore_snapshot", (None,)),
    ],
)
def test_arguments_that_do_not_fit_are_type_errors(name: str, arguments: tuple[Any, ...]) -> None:
    ale = load()
    before = ale.save()
    with pytest.raises(TypeError, match=rf"^{name}\(\): {MISMATCH}") as caught:
        getattr(ale, name)(*arguments)
    assert f"    1. {name}(" in str(caught.value) and "\nInvoked with types: " in str(caught.value)
    assert ale.save() == before


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("setInt", {"key": "random_seed", "value": 1}),
        ("loadROM", {"path": "x"}),
        ("setMode", {"mode": 0}),
        ("setRAM", {"index": 0, "value": 0}),
        ("restoreState", {"state": None}),
        ("saveScreenPNG", {"path": "x"}),
        ("act", {"strength": 1.0}),
        ("act", {"paddle_strength": 1.0}),
        ("getScreen", {"out": None}),
    ],
)
def test_parameters_are_positional_unless_they_have_a_name(name: str, named: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=MISMATCH):
        getattr(load(), name)(**named)


def test_some_parameters_have_names() -> None:
    ale = load()
    ale.act(action=0, paddle_strength=0.5)
    ale.act(0, paddle_strength=1)
    ale.game_over(with_truncation=False)
    ale.restoreState(ale.cloneState(include_rng=True))
    ale.getScreen(buffer=np.zeros((210, 160), np.uint8))


# Cartridges.


@pytest.mark.parametrize("convert", [str, os.fsencode, Path, lambda path: os.path.join(*os.path.split(path))])
def test_paths_are_text_bytes_or_path_objects(convert: Callable[[Path], Any]) -> None:
    ale = ALEInterface()
    ale.loadROM(convert(BRICKS))
    assert ale.getString("rom_file") == str(BRICKS)
    assert ALEInterface.isSupportedROM(convert(BRICKS)) == "bricks"


def test_an_empty_path_loads_the_current_cartridge_again() -> None:
    ale = load()
    ale.act(0)
    ale.setInt("frame_skip", 3)
    ale.setString("rom_file", "elsewhere.bin")
    ale.loadROM("")
    assert ale.getFrameNumber() == 0
    ale.act(0)
    assert ale.getFrameNumber() == 3
    with pytest.raises(RuntimeError, match="none is loaded"):
        ALEInterface().loadROM("")


def test_files_that_are_no_cartridge_are_refused_and_the_game_goes_on(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    files = {
        "missing.bin": (None, "ROM file doesn't exist"),
        "empty.bin": (b"", "is empty"),
        "odd.bin": (rng.bytes(5000), "5000 bytes"),
        "huge.bin": (bytes(600_000), "more than the largest"),
        "unknown.bin": (rng.bytes(4096), "none of the supported games'"),
    }
    ale = load()
    before = ale.save()
    for name, (content, message) in files.items():
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(RuntimeError, match=message) as caught:
            ale.loadROM(path)
        assert name in str(caught.value)
    with pytest.raises(RuntimeError, match="is a folder"):
        ale.loadROM(tmp_path)
    with pytest.raises(RuntimeError):
        ale.loadROM("bricks\0.bin")
    assert ale.save() == before
    assert ale.getString("rom_file") == str(BRICKS)


def test_what_could_be_waited_for_is_not_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pong.bin"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(RuntimeError, match="not a regular file"):
            ALEInterface().loadROM(path)
        with pytest.raises(RuntimeError, match="not a regular file"):
            ALEInterface.isSupportedROM(path)


def test_support_is_a_matter_of_content(tmp_path: Path) -> None:
    shutil.copy(game_path("tetris"), tmp_path / "anything")
    assert ALEInterface.isSupportedROM(tmp_path / "anything") == "tetris"
    for name in ("combat", "joust", "maze_craze", "warlords"):
        assert ALEInterface.isSupportedROM(game_path(name)) is None
    for size in (0, 2000, 2048, 600_000):
        (tmp_path / "pong.bin").write_bytes(np.random.default_rng(size).bytes(size))
        assert ALEInterface.isSupportedROM(tmp_path / "pong.bin") is None
    for wrong in (tmp_path / "missing.bin", tmp_path):
        with pytest.raises(RuntimeError):
            ALEInterface.isSupportedROM(wrong)
    with pytest.raises(RuntimeError, match="ROM file doesn't exist"):
        ALEInterface.isSupportedROM("missing.bin")


@pytest.mark.parametrize("name", ["combat", "joust", "maze_craze", "warlords"])
def test_games_for_two_players_are_refused(name: str) -> None:
    with pytest.raises(RuntimeError, match=f"{name} needs two players"):
        ALEInterface().loadROM(game_path(name))


def test_another_cartridge_plays_by_the_rules_of_its_name_with_a_warning(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(BRICKS, tmp_path / "Tennis.BIN")
    shutil.copy(game_path("combat"), tmp_path / "Seaquest.bin")
    ALEInterface.setLoggerMode(LoggerMode.Warning)
    ale = ALEInterface()
    ale.loadROM(tmp_path / "Seaquest.bin")
    assert capfd.readouterr().err.startswith("WARNING: Possibly unsupported ROM: mismatched MD5.\n")
    assert len(ale.getMinimalActionSet()) == 18
    # The content decides before the name does.
    ale.loadROM(tmp_path / "Tennis.BIN")
    assert len(ale.getMinimalActionSet()) == 4
    assert capfd.readouterr().err == ""


def test_loading_replaces_the_game() -> None:
    ale = load(game_path("breakout"))
    ale.loadROM(game_path("seaquest"))
    assert len(ale.getMinimalActionSet()) == 18
    with pytest.raises(ValueError, match="18 is no action"):
        ale.act(18)


# Messages.


def test_messages_follow_the_level(capfd: pytest.CaptureFixture[str]) -> None:
    def messages(mode: LoggerMode) -> str:
        ALEInterface.setLoggerMode(mode)
        load(frame_skip=0, random_seed=-1)
        return capfd.readouterr().err

    info = messages(LoggerMode.Info)
    assert "Running ROM file...\n" in info and "bricks" in info and "Random seed is " in info
    warning = "Warning: frame skip set to < 1. Setting to 1.\n"
    assert warning in info
    assert messages(LoggerMode.Warning) == warning
    assert messages(LoggerMode.Error) == ""
    assert capfd.readouterr().out == ""


def test_the_level_can_be_given_by_value_and_on_an_instance(capfd: pytest.CaptureFixture[str]) -> None:
    ale = ALEInterface()
    for mode in (0, 1, 2, True, LoggerMode.Info, LoggerMode.Warning, LoggerMode.Error):
        assert ale.setLoggerMode(mode) is None
    ALEInterface()
    assert capfd.readouterr().err == ""


# Acting.


def test_actions_are_members_or_numbers() -> None:
    results = []
    for actions in ([Action.FIRE, Action.RIGHT], [1, 3], [np.int64(1), np.uint8(3)], [True, np.array(3)]):
        ale = load()
        rewards = [ale.act(action) for _ in range(100) for action in actions]
        results.append((rewards, ale.getRAM().tobytes()))
    assert all(result == results[0] for result in results)
    assert type(load().act(0)) is int


def test_numbers_that_are_no_action() -> None:
    joysticks = load(game_path("seaquest"))
    for number in (18, 35, 36, 41, 45, 100, 2**32 - 1):
        with pytest.raises(ValueError, match=f"^{number} is no action"):
            joysticks.act(number)
    assert joysticks.getFrameNumber() == 0
    # 40 is RESET, which acts as NOOP.
    noop = load(game_path("seaquest"))
    for _ in range(30):
        joysticks.act(40)
        noop.act(0)
    assert np.array_equal(joysticks.getRAM(), noop.getRAM())
    paddles, noop = load(game_path("pong")), load(game_path("pong"))
    for number in (18, 21, 40, 41, 1000, 2**32 - 1) * 10:
        paddles.act(number)
        noop.act(0)
    assert np.array_equal(paddles.getRAM(), noop.getRAM())


@pytest.mark.parametrize("strength", [0.0, 0.5, -0.5, 2, True, np.float32(0.3), math.inf, 1e300])
def test_paddles_turn_by_the_strength(strength: float) -> None:
    ale = load(game_path("breakout"))
    for _ in range(20):
        ale.act(Action.LEFT, strength)
    full = load(game_path("breakout"))
    for _ in range(20):
        full.act(Action.LEFT)
    moved = not np.array_equal(ale.getRAM(), full.getRAM())
    assert moved == (abs(strength) < 1)


def test_episodes_end_and_begin() -> None:
    ale = load(frame_skip=4)
    assert not ale.game_over() and not ale.game_over(False)
    while not ale.game_over():
        ale.act(Action.FIRE)
    assert ale.game_over() is True and ale.game_over(True) is True and ale.game_over(False) is True
    assert ale.game_truncated() is False
    frames = ale.getFrameNumber()
    assert ale.act(Action.FIRE) == 0 and ale.getFrameNumber() == frames
    ale.reset_game()
    assert not ale.game_over() and ale.getEpisodeFrameNumber() == 0 and ale.getFrameNumber() == frames
    for _ in range(10):
        ale.act(0)
    assert (ale.getEpisodeFrameNumber(), ale.getFrameNumber()) == (40, frames + 40)


def test_a_frame_limit_truncates() -> None:
    ale = load(max_num_frames_per_episode=10)
    for _ in range(10):
        assert not ale.game_over()
        ale.act(0)
    assert ale.getEpisodeFrameNumber() == 10
    assert ale.game_over(True) and not ale.game_over(False) and ale.game_truncated()


def test_a_lost_life_truncates() -> None:
    ale = load(truncate_on_loss_of_life=True)
    lives = ale.lives()
    while not ale.game_over():
        ale.act(Action.FIRE)
    assert ale.lives() == lives - 1
    assert ale.game_truncated() and not ale.game_over(False)


def test_rewards_are_clamped() -> None:
    rewards = []
    for most in (2**31 - 1, 0):
        ale = load(frame_skip=50, reward_max=most)
        rewards.append(sum(ale.act(Action.FIRE) for _ in range(20)))
    assert rewards[0] > 0 and rewards[1] == 0


@pytest.mark.parametrize("skip", [-3, 0, 1])
def test_a_frame_skip_below_1_is_1(skip: int) -> None:
    ale = load(frame_skip=skip)
    ale.act(0)
    assert ale.getFrameNumber() == 1
    assert ale.getInt("frame_skip") == skip


def test_seeds() -> None:
    def ram(seed: int) -> bytes:
        ale = load(random_seed=seed, repeat_action_probability=0.5)
        for action in np.random.default_rng(0).integers(0, 4, 300):
            ale.act(ale.getMinimalActionSet()[action])
        return ale.getRAM().tobytes()

    assert ram(1) == ram(1)
    assert len({ram(1), ram(2), ram(-2), ram(-(2**31))}) == 4
    # -1 is the clock.
    assert len({ram(-1) for _ in range(6)}) > 1
    rams = [load(game_path("seaquest"), system_random_seed=seed).getRAM().tobytes() for seed in (1, 1, 2)]
    assert rams[0] == rams[1] != rams[2]


def test_settings_count_from_the_next_load_on() -> None:
    ale = load()
    ale.setInt("frame_skip", 5)
    ale.act(0)
    ale.reset_game()
    ale.act(0)
    assert ale.getFrameNumber() == 2
    ale.loadROM("")
    ale.act(0)
    assert ale.getFrameNumber() == 5


# Facts of the game.


def test_action_sets() -> None:
    ale = load(game_path("breakout"))
    assert ale.getLegalActionSet() == list(Action)
    assert ale.getMinimalActionSet() == [Action.NOOP, Action.FIRE, Action.RIGHT, Action.LEFT]
    assert [len(load(game_path(name)).getLegalActionSet()) for name in ("skiing", "lost_luggage")] == [9, 9]


def test_modes_and_difficulties() -> None:
    ale = load(game_path("breakout"))
    assert ale.getAvailableModes() == list(range(0, 48, 4))
    assert ale.getAvailableDifficulties() == [0, 1]
    assert ale.setMode(44) is None and ale.setDifficulty(np.int32(1)) is None
    ale.reset_game()
    state = ale.cloneState()
    assert (state.getCurrentMode(), state.getDifficulty()) == (44, 1)
    with pytest.raises(RuntimeError, match="^Invalid game mode requested"):
        ale.setMode(8 + 1)
    with pytest.raises(RuntimeError, match="^Invalid difficulty requested"):
        ale.setDifficulty(8)
    tetris = load(game_path("tetris"))
    assert (tetris.getAvailableModes(), tetris.getAvailableDifficulties(), tetris.lives()) == ([0], [0], 0)


@pytest.mark.parametrize(
    ("name", "height"), [("pong", 210), ("carnival", 214), ("pooyan", 220), ("journey_escape", 230), ("air_raid", 250)]
)
def test_screens_have_the_games_height(name: str, height: int) -> None:
    ale = load(game_path(name))
    assert ale.getScreenDims() == (height, 160) and type(ale.getScreenDims()) is tuple
    assert ale.getScreen().shape == ale.getScreenGrayscale().shape == (height, 160)
    assert ale.getScreenRGB().shape == (height, 160, 3)


# Arrays and buffers.

SCREENS = ["getScreen", "getScreenGrayscale", "getScreenRGB"]
ROWS = ["getRAM", "getAudio"]


def test_sizes() -> None:
    assert (load().getRAMSize(), load().getAudioSize()) == (128, 512)


@pytest.mark.parametrize("name", SCREENS + ROWS)
def test_arrays_are_new_and_belong_to_the_caller(name: str) -> None:
    ale = load(sound_obs=True)
    for _ in range(30):
        ale.act(Action.FIRE)
    one, other = getattr(ale, name)(), getattr(ale, name)()
    assert one.dtype == np.uint8 and one.flags.c_contiguous and one.flags.writeable
    assert one.any() and np.array_equal(one, other) and not np.shares_memory(one, other)
    one[...] = 77
    assert np.array_equal(getattr(ale, name)(), other)
    ale.act(Action.LEFT)
    del ale
    assert (one == 77).all()


def buffers(shape: tuple[int, ...]) -> dict[str, Any]:
    """Buffers of this shape that can be filled."""
    size = math.prod(shape)
    flat: dict[str, Any] = {
        "bytearray": bytearray(size),
        "memoryview": memoryview(bytearray(size)),
        "array": array.array("B", bytes(size)),
    }
    whole = {
        "numpy": np.zeros(shape, np.uint8),
        "part of a larger array": np.zeros((2, *shape), np.uint8)[1],
        "subclass": np.zeros(shape, np.uint8).view(np.recarray),
        "memoryview with a shape": memoryview(bytearray(size)).cast("B", shape),
    }
    return whole | (flat if len(shape) == 1 else {})


@pytest.mark.parametrize("name", SCREENS + ROWS)
def test_buffers_are_filled_in_place(name: str) -> None:
    ale = load(sound_obs=True)
    for _ in range(40):
        ale.act(Action.FIRE)
    expected = getattr(ale, name)()
    for kind, buffer in buffers(expected.shape).items():
        assert getattr(ale, name)(buffer) is None, kind
        assert np.array_equal(np.asarray(buffer), expected), kind
        assert getattr(ale, name)(buffer=buffer) is None, kind


@pytest.mark.parametrize("name", SCREENS + ROWS)
def test_other_buffers_are_type_errors(name: str) -> None:
    ale = load()
    shape = getattr(ale, name)().shape
    size = math.prod(shape)
    read_only = np.zeros(shape, np.uint8)
    read_only.flags.writeable = False
    wrong = [
        *(np.zeros(shape, dtype) for dtype in (np.int8, np.bool_, np.int32, np.float32, "S1")),
        np.zeros((2 * shape[0], *shape[1:]), np.uint8)[::2],
        read_only,
        bytes(size),
        [0] * size,
        [np.uint8(0)] * size,
        array.array("b", bytes(size)),
        memoryview(bytearray(size)).cast("c"),
        memoryview(bytes(size)).cast("B", shape),
        "buffer",
        None,
        7,
    ]
    if len(shape) > 1:
        wrong.append(np.asfortranarray(np.zeros(shape, np.uint8)))
    for buffer in wrong:
        with pytest.raises(TypeError, match=rf"^{name}\(\): {MISMATCH}"):
            getattr(ale, name)(buffer)
    with pytest.raises(TypeError, match=MISMATCH):
        getattr(ale, name)(np.zeros(shape, np.uint8), 1)


@pytest.mark.parametrize("name", ROWS)
def test_rows_of_another_shape_are_type_errors(name: str) -> None:
    ale = load()
    size = len(getattr(ale, name)())
    for shape in [(1,), (size + 1,), (1, size), (), (0,)]:
        with pytest.raises(TypeError, match=MISMATCH):
            getattr(ale, name)(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("name", SCREENS)
def test_screens_of_another_shape_are_runtime_errors(name: str) -> None:
    ale = load()
    shape = getattr(ale, name)().shape
    dimensions = "three" if len(shape) == 3 else "two"
    comma = "," if name == "getScreen" else ""
    for wrong in [(math.prod(shape),), (1, *shape), (), (0,)]:
        with pytest.raises(RuntimeError, match=f"^Expected a numpy array with {dimensions} dimensions.$"):
            getattr(ale, name)(np.zeros(wrong, np.uint8))
    with pytest.raises(TypeError, match=MISMATCH):
        getattr(ale, name)(memoryview(bytes(math.prod(shape))))
    for wrong in [(209, *shape[1:]), shape[::-1], (0,) * len(shape)]:
        with pytest.raises(RuntimeError) as caught:
            getattr(ale, name)(np.zeros(wrong, np.uint8))
        assert str(caught.value) == f"Invalid shape{comma} {wrong}, expecting shape {shape}"


def test_ram_can_be_changed() -> None:
    ale = load()
    assert ale.setRAM(10, 10) is None
    assert ale.getRAM()[10] == 10
    ale.setRAM(np.int64(127), True)
    assert ale.getRAM()[127] == 1
    for index in (128, 1000, 2**32, 2**63 - 1):
        with pytest.raises(RuntimeError, match="^setRAM index out of bounds.$"):
            ale.setRAM(index, 0)


def test_ram_after_a_reset_is_that_after_loading() -> None:
    ale = load(game_path("tetris"))
    first = ale.getRAM()
    for _ in range(20):
        ale.act(0)
    ale.reset_game()
    assert np.array_equal(ale.getRAM(), first)


def test_without_the_setting_there_is_no_sound() -> None:
    quiet, loud = load(), load(sound_obs=True)
    for ale in (quiet, loud):
        for _ in range(60):
            ale.act(Action.FIRE)
    assert not quiet.getAudio().any() and loud.getAudio().any()


def test_screens_are_saved_as_png_files(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    ale = load(game_path("pong"))
    for _ in range(50):
        ale.act(0)
    assert ale.saveScreenPNG(str(tmp_path / "screen.png")) is None
    picture = cv2.imread(str(tmp_path / "screen.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(picture[..., ::-1], ale.getScreenRGB().repeat(2, axis=1))


def test_a_picture_that_cannot_be_written_is_an_os_error(tmp_path: Path) -> None:
    ale = load()
    with pytest.raises(FileNotFoundError, match="missing.*check that its folder exists"):
        ale.saveScreenPNG(str(tmp_path / "missing" / "screen.png"))
    with pytest.raises(IsADirectoryError):
        ale.saveScreenPNG(str(tmp_path))
    with pytest.raises(OSError):
        ale.saveScreenPNG("screen\0.png")


def test_every_frame_can_be_recorded(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    ale = load(record_screen_dir=str(tmp_path), frame_skip=2)
    before = ale.getScreenRGB()
    ale.act(Action.FIRE)
    between = ale.getScreenRGB()
    ale.act(Action.FIRE)
    assert sorted(file.name for file in tmp_path.iterdir()) == [f"{number:06}.png" for number in range(4)]
    for number, screen in ((0, before), (2, between)):
        picture = cv2.imread(str(tmp_path / f"{number:06}.png"))
        assert np.array_equal(picture[..., ::-1], screen.repeat(2, axis=1))
    ale.reset_game()
    ale.act(0)
    assert len(list(tmp_path.iterdir())) == 6
    shutil.rmtree(tmp_path)
    with pytest.raises(FileNotFoundError):
        ale.act(0)
    with pytest.raises(RuntimeError, match="record_screen_dir.*is no folder"):
        ale.loadROM("")


# The same as ale-py.


@pytest.fixture
def ale_py() -> None:
    """For tests that compare with ale-py in other processes."""
    game_path("pong")
    if importlib.util.find_spec("ale_py") is None:
        pytest.skip("ale-py is not installed: pip install ale-py==0.12.1")


@pytest.mark.parametrize("options", [("--seed", "1", "--acts", "60"), ("--seed", "2", "--acts", "20", "--states", "8")])
def test_games_are_the_same_as_ale_pys(ale_py: None, options: tuple[str, ...]) -> None:
    report = run_program(Path(__file__).with_name("lockstep.py"), *options)
    assert report.splitlines()[-1] == "104 games, 0 differ", report


def test_programs_that_changes_of_ram_lead_astray_are_the_same_as_ale_pys(ale_py: None) -> None:
    # They execute addresses at which the byte that was on the bus last matters.
    program = """
import random, sys, ale_py
from native_support import load
from atari_emulator import _ale_py as ours

ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
ours.ALEInterface.setLoggerMode(ours.LoggerMode.Error)
for path, seed in ((sys.argv[1], 1), (sys.argv[1], 9), (sys.argv[1], 23), (sys.argv[2], 1), (sys.argv[2], 43)):
    both = [module.ALEInterface() for module in (ale_py, ours)]
    for ale in both:
        ale.setInt("random_seed", 3)
        ale.setInt("frame_skip", 2)
        ale.setFloat("repeat_action_probability", 0.0)
        ale.loadROM(path)
    dice = random.Random(seed)
    for _ in range(40):
        if dice.random() < 0.35:
            index, value = dice.randrange(128), dice.choice([0, 255, 1, dice.randrange(256)])
            for ale in both:
                ale.setRAM(index, value)
        action = dice.randrange(18)
        assert both[0].act(action) == both[1].act(action)
        assert both[0].getRAM().tobytes() == both[1].getRAM().tobytes()
print("the same")
"""
    report = run_program(program, str(game_path("superman")), str(game_path("sir_lancelot")))
    assert report.splitlines()[-1] == "the same", report


def test_members_are_written_as_their_names() -> None:
    for member in (Action.FIRE, LoggerMode.Error):
        name = f"{type(member).__name__}.{member.name}"
        assert (repr(member), str(member), f"{[member]}") == (name, name, f"[{name}]")
