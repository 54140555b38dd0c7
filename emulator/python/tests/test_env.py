"""AtariEnv: the statements about ale-py's environment, one by one."""

from __future__ import annotations

import copy
import hashlib
import pickle
import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from conftest import missing
from gymnasium import error, spaces
from gymnasium.utils.env_checker import check_env

from atari_emulator import Action, ALEState, AtariEnv, roms

pytestmark = pytest.mark.usefixtures("cartridges")

V5_IDS = sorted(name for name in gymnasium.registry if name.startswith("ALE/"))

#: Gymnasium's advice on the space of continuous actions.
ADVICE = ("symmetric and normalized space", "Box action space")


def make(game: str = "breakout", **arguments: Any) -> AtariEnv:
    return AtariEnv(game, **arguments)


def play(env: gymnasium.Env, steps: int) -> None:
    """Random steps, over the ends of episodes."""
    for _ in range(steps):
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        if terminated or truncated:
            env.reset()


def warnings_of_check(env: gymnasium.Env) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_env(env.unwrapped, skip_render_check=True)
    return [str(warning.message) for warning in caught]


# Gymnasium's own checker


@pytest.mark.parametrize("name", V5_IDS)
def test_gymnasiums_checker_has_nothing_to_say(name: str) -> None:
    assert warnings_of_check(gymnasium.make(name, obs_type="ram")) == []


@pytest.mark.parametrize("obs_type", ["rgb", "grayscale", "ram"])
@pytest.mark.parametrize("sound", [False, True])
@pytest.mark.parametrize("game", ["pong", "air_raid", "bricks"])
def test_gymnasiums_checker_has_nothing_to_say_about_any_observation(game: str, sound: bool, obs_type: str) -> None:
    assert warnings_of_check(make(game, obs_type=obs_type, sound_obs=sound)) == []


@pytest.mark.parametrize("name", [*V5_IDS[::13], "Breakout-v0", "PongNoFrameskip-v4"])
def test_gymnasiums_checker_only_advises_on_continuous_actions(name: str) -> None:
    for message in warnings_of_check(gymnasium.make(name, obs_type="ram", continuous=True)):
        assert any(advice in message for advice in ADVICE), message


@pytest.mark.parametrize("name", ["Breakout-v0", "Breakout-v4", "BreakoutNoFrameskip-v0", "BreakoutNoFrameskip-v4"])
def test_gymnasiums_checker_has_nothing_to_say_about_older_ids(name: str) -> None:
    assert warnings_of_check(gymnasium.make(name)) == []


def test_gymnasiums_checker_has_nothing_to_say_about_rendering(monkeypatch: pytest.MonkeyPatch) -> None:
    # It makes environments of all render modes, the window included.
    import_pygame(monkeypatch)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make("ALE/Pong-v5", render_mode="rgb_array").unwrapped)


# Arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"obs_type": "x"}, "Invalid observation type: x. Expecting: rgb, grayscale, ram."),
        ({"obs_type": None}, "Invalid observation type: None. Expecting: rgb, grayscale, ram."),
        ({"frameskip": 4.0}, "Invalid frameskip type: <class 'float'>."),
        ({"frameskip": True}, "Invalid frameskip type: <class 'bool'>."),
        ({"frameskip": np.int64(4)}, "Invalid frameskip type: <class 'numpy.int64'>."),
        ({"frameskip": [2, 5]}, "Invalid frameskip type: <class 'list'>."),
        ({"frameskip": 0}, "Invalid frameskip of 0, frameskip must be positive."),
        ({"frameskip": -1}, "Invalid frameskip of -1, frameskip must be positive."),
        ({"frameskip": (1, 2, 3)}, "Invalid stochastic frameskip length of 3, expected length 2."),
        (
            {"frameskip": (4, 4)},
            "Invalid stochastic frameskip, lower bound must be strictly less than upper bound.",
        ),
        (
            {"frameskip": (5, 2)},
            "Invalid stochastic frameskip, lower bound must be strictly less than upper bound.",
        ),
        ({"frameskip": (0, 5)}, "Invalid stochastic frameskip, lower bound must be positive."),
        ({"frameskip": (-1, 5)}, "Invalid stochastic frameskip, lower bound must be positive."),
        ({"render_mode": "ansi"}, "Render mode ansi not supported (rgb_array, human)."),
        # The first of several faults is reported.
        (
            {"obs_type": "x", "frameskip": 0, "render_mode": "ansi"},
            "Invalid observation type: x. Expecting: rgb, grayscale, ram.",
        ),
    ],
)
def test_arguments_that_make_no_environment(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(error.Error) as caught:
        make(**arguments)
    assert str(caught.value) == message
    # They are found before the cartridge is looked for.
    with pytest.raises(error.Error), warnings.catch_warnings():
        warnings.simplefilter("error")
        make("no_such_game", **arguments)


def test_a_mode_or_difficulty_that_the_game_lacks() -> None:
    assert make("breakout", mode=0, difficulty=0).ale.getAvailableModes()[:2] == [0, 4]
    with pytest.raises(RuntimeError, match="Invalid game mode requested"):
        make(mode=3)
    with pytest.raises(RuntimeError, match="Invalid difficulty requested"):
        make(difficulty=3)


def test_arguments_of_another_type() -> None:
    text = r"incompatible function arguments\. The following argument types are supported"
    for arguments in (
        {"mode": 1.0},
        {"repeat_action_probability": "x"},
        {"max_num_frames_per_episode": "x"},
        {"sound_obs": 1},
        {"sound_obs": None},
    ):
        with pytest.raises(TypeError, match=text):
            make(**arguments)
    with pytest.raises(TypeError):
        AtariEnv()  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        make(sound=True)


def test_arguments_that_nobody_checks() -> None:
    make(repeat_action_probability=2.0)
    assert make(max_num_frames_per_episode=-5).ale.getInt("max_num_frames_per_episode") == -5
    assert make(full_action_space=1).action_space == spaces.Discrete(18)


def test_arguments_can_be_given_by_position() -> None:
    env = AtariEnv("breakout", 4, 1, "ram", 3, 0.0, True, False, 0.3, 60, "rgb_array", True)
    assert (env._game, env._game_mode, env._game_difficulty) == ("breakout", 4, 1)
    assert (env._obs_type, env._frameskip, env.sound_obs, env.render_mode) == ("ram", 3, True, "rgb_array")
    assert (env.continuous, env.continuous_action_threshold) == (False, 0.3)
    assert env.ale.getFloat("repeat_action_probability") == 0.0
    assert env.ale.getInt("max_num_frames_per_episode") == 60


@pytest.mark.parametrize(("game", "guess"), [("Pong", "pong"), ("MsPacman", "ms_pacman"), ("brick", "bricks")])
def test_an_unknown_game_is_answered_with_the_nearest_name(game: str, guess: str) -> None:
    with pytest.warns(UserWarning, match=f"Rom {game} not supported"), pytest.raises(TypeError, match=guess):
        make(game)


@pytest.mark.parametrize("game", ["combat", "joust", "maze_craze", "warlords"])
def test_a_game_without_rules_is_an_exception(game: str) -> None:
    with pytest.raises(RuntimeError):
        make(game)


# Spaces


@pytest.mark.parametrize(
    ("game", "height"),
    [("breakout", 210), ("carnival", 214), ("pooyan", 220), ("journey_escape", 230), ("air_raid", 250)],
)
def test_observation_spaces(game: str, height: int) -> None:
    for obs_type, shape in (("rgb", (height, 160, 3)), ("grayscale", (height, 160)), ("ram", (128,))):
        image = spaces.Box(0, 255, shape, np.uint8)
        env = make(game, obs_type=obs_type)
        assert env.observation_space == image
        observation, _ = env.reset(seed=1)
        assert observation in image and observation.dtype == np.uint8
        env = make(game, obs_type=obs_type, sound_obs=True)
        assert env.observation_space == spaces.Dict(image=image, sound=spaces.Box(0, 255, (512,), np.uint8))
        assert env.reset()[0] in env.observation_space
        assert env.step(0)[0] in env.observation_space


def test_observations_of_two_steps_share_no_memory() -> None:
    env = make("pong")
    first, _ = env.reset(seed=0)
    kept = first.copy()
    second = env.step(0)[0]
    play(env, 20)
    assert not np.shares_memory(first, second)
    assert np.array_equal(first, kept)
    first[:] = 7
    assert env.render_mode is None and first.flags.writeable


def test_action_spaces() -> None:
    assert make("breakout").action_space == spaces.Discrete(4)
    assert make("breakout").get_action_meanings() == ["NOOP", "FIRE", "RIGHT", "LEFT"]
    assert make("breakout", full_action_space=True).get_action_meanings() == [action.name for action in Action]
    for game in ("skiing", "lost_luggage"):
        assert make(game, full_action_space=True).action_space == spaces.Discrete(9)
    env = make("breakout", continuous=True)
    assert env.action_space == spaces.Box(
        np.array([0, -np.pi, 0], np.float32), np.array([1, np.pi, 1], np.float32), dtype=np.float32
    )
    assert env._action_set == list(Action)


@pytest.mark.parametrize(
    ("game", "keys"),
    [
        ("breakout", {("e",): 0, (" ",): 1, ("d",): 2, ("a",): 3}),
        ("tetris", {("e",): 0, (" ",): 1, ("d",): 2, ("a",): 3, ("s",): 4}),
    ],
)
def test_keys(game: str, keys: dict[tuple[str, ...], int]) -> None:
    assert make(game).get_keys_to_action() == keys


@pytest.mark.parametrize("game", ["pong", "ms_pacman", "skiing"])
def test_as_many_keys_as_actions(game: str) -> None:
    env = make(game, full_action_space=True)
    keys = env.get_keys_to_action()
    assert len(keys) == env.action_space.n
    assert all(isinstance(keyboard, tuple) and all(isinstance(key, str) for key in keyboard) for keyboard in keys)
    assert all(action in env.action_space for action in keys.values())
    # Vertical, horizontal, fire.
    for keyboard, action in keys.items():
        assert keyboard == tuple(sorted(keyboard, key="wsda e".index))
        assert ("FIRE" in env.get_action_meanings()[action]) == (" " in keyboard)


def test_a_stick_has_no_keys() -> None:
    with pytest.raises(AttributeError) as caught:
        make(continuous=True).get_keys_to_action()
    assert str(caught.value) == (
        "`get_keys_to_action` can't be provided for this Atari environment as `continuous=True`."
    )


def test_positions_of_the_stick() -> None:
    assert AtariEnv.map_action_idx(0, 0, False) is Action.NOOP
    assert AtariEnv.map_action_idx(0, 0, True) is Action.FIRE
    assert AtariEnv.map_action_idx(-1, -1, False) is Action.DOWNLEFT
    assert AtariEnv.map_action_idx(left_center_right=1, down_center_up=1, fire=True) is Action.UPRIGHTFIRE
    all_positions = {AtariEnv.map_action_idx(x, y, fire) for x in (-1, 0, 1) for y in (-1, 0, 1) for fire in (0, 1)}
    assert all_positions == set(Action)
    for left_center_right, down_center_up in ((2, 0), (0, -2), ("a", 0)):
        with pytest.raises(LookupError, match="-1, 0 or 1"):
            AtariEnv.map_action_idx(left_center_right, down_center_up, False)


# Seeds


def test_seeds_as_ale_py_draws_them() -> None:
    env = make()
    _, info = env.reset(seed=3)
    assert info["seeds"] == (1576890651, 2902887791)
    assert all(type(seed) is np.uint32 for seed in info["seeds"])
    assert env.np_random_seed == 3
    assert env.reset(seed=5)[1]["seeds"] == (16823399, 2940995229)
    assert env.ale.getInt("random_seed") == -1353972067
    assert "seeds" not in env.reset()[1]
    assert env.reset(seed=2**80)[1]["seeds"] != env.reset(seed=2**80 + 1)[1]["seeds"]


@pytest.mark.parametrize("seed", [np.int64(1), 1.0, "1", -1])
def test_what_is_no_seed(seed: Any) -> None:
    with pytest.raises(error.Error, match="Seed must be"):
        make().reset(seed=seed)


def test_frame_skips_are_drawn_from_the_seed() -> None:
    env = make(frameskip=(2, 5))
    env.reset(seed=1)
    assert [env.step(0)[4]["frame_number"] for _ in range(12)] == [2, 6, 10, 12, 14, 17, 20, 22, 24, 26, 30, 34]
    # An unseeded reset continues with the generator and the frame number.
    env.reset()
    assert [env.step(0)[4]["frame_number"] for _ in range(5)] == [37, 41, 43, 47, 51]


def test_the_same_seed_gives_the_same_game() -> None:
    one, two = (gymnasium.make("ALE/Pong-v5") for _ in range(2))
    assert np.array_equal(one.reset(seed=7)[0], two.reset(seed=7)[0])
    one.action_space.seed(7)
    for _ in range(100):
        action = one.action_space.sample()
        (picture, *rest), (other_picture, *other_rest) = one.step(action), two.step(action)
        assert np.array_equal(picture, other_picture)
        assert rest == other_rest


def test_two_environments_without_a_seed_differ() -> None:
    one, two = make("space_invaders", obs_type="ram"), make("space_invaders", obs_type="ram")
    assert one.ale.getInt("random_seed") != two.ale.getInt("random_seed")
    assert one.seed_game() != one.seed_game()


@pytest.mark.parametrize(
    ("game", "digest", "score"),
    [("Breakout", "29c1f7dde8e84026", 3), ("Pong", "35e81b38e700b6c3", -4), ("SpaceInvaders", "b810e6ec1d56c5c0", 20)],
)
def test_digests_of_ale_py(game: str, digest: str, score: float) -> None:
    env = gymnasium.make(f"ALE/{game}-v5")
    observation, _ = env.reset(seed=0)
    env.action_space.seed(0)
    seen, total = hashlib.sha256(observation.tobytes()), 0.0
    for _ in range(200):
        observation, reward, terminated, truncated, _ = env.step(env.action_space.sample())
        seen.update(observation.tobytes())
        total += reward
        if terminated or truncated:
            env.reset()
    assert (seen.hexdigest()[:16], total) == (digest, score)


ROLLOUT = """
import hashlib, numpy, ale_py
seen = hashlib.sha256()
def see(observation):
    for part in observation.values() if isinstance(observation, dict) else [observation]:
        seen.update(numpy.ascontiguousarray(part).tobytes())
def rollout(game, steps, **arguments):
    env = ale_py.AtariEnv(game, **arguments)
    observation, info = env.reset(seed=3)
    env.action_space.seed(1)
    for _ in range(steps):
        see(observation)
        seen.update(repr(sorted(info.items())).encode())
        observation, *rest, info = env.step(env.action_space.sample())
        seen.update(repr(rest).encode())
        if any(rest[1:]):
            see(observation)
            observation, info = env.reset()
for game, steps, arguments in ROLLOUTS:
    rollout(game, steps, **arguments)
print(seen.hexdigest())
"""


@pytest.mark.parametrize(
    "rollouts",
    [
        [
            ("breakout", 200, {}),
            ("pong", 100, {"frameskip": (2, 5)}),
            ("air_raid", 100, {"sound_obs": True, "mode": 2}),
        ],
        [("ms_pacman", 200, {"obs_type": "grayscale", "full_action_space": True})],
        [
            (game, 600, {"obs_type": "ram", "continuous": True, "continuous_action_threshold": threshold})
            for game, threshold in (("seaquest", 0.5), ("breakout", 0.5), ("pong", 0.0), ("breakout", -0.2))
        ],
        [
            ("space_invaders", 200, {"obs_type": "ram", "max_num_frames_per_episode": 30}),
            ("freeway", 200, {"mode": 3, "difficulty": 1, "repeat_action_probability": 0.0, "frameskip": 1}),
        ],
    ],
)
def test_rollouts_equal_those_of_ale_py(rollouts: list[Any], same_as_ale_py: Any) -> None:
    same_as_ale_py(ROLLOUT.replace("ROLLOUTS", repr(rollouts)))


WRAPPED = """
import hashlib, gymnasium, ale_py
from gymnasium.wrappers import AtariPreprocessing, FrameStackObservation, RecordEpisodeStatistics
gymnasium.register_envs(ale_py)
seen = hashlib.sha256()
for options in ({}, {"grayscale_obs": False, "frame_skip": 2, "noop_max": 0}, {"terminal_on_life_loss": True}):
    env = gymnasium.make("ALE/Breakout-v5", frameskip=1, max_num_frames_per_episode=400)
    env = RecordEpisodeStatistics(FrameStackObservation(AtariPreprocessing(env, **options), 4))
    observation, info = env.reset(seed=1)
    env.action_space.seed(1)
    for _ in range(150):
        seen.update(observation.tobytes())
        observation, *rest, info = env.step(env.action_space.sample())
        info.get("episode", {}).pop("t", None)
        seen.update(repr((rest, sorted(info.items()))).encode())
        if any(rest[1:]):
            observation, info = env.reset()
print(seen.hexdigest())
"""


def test_wrappers_of_gymnasium_give_what_they_give_on_ale_py(same_as_ale_py: Any) -> None:
    same_as_ale_py(WRAPPED)


# Steps


def test_types_of_what_a_step_returns() -> None:
    env = make()
    env.reset(seed=0)
    _, reward, terminated, truncated, info = env.step(1)
    assert (type(reward), type(terminated), type(truncated)) == (float, bool, bool)
    assert list(info) == ["lives", "episode_frame_number", "frame_number"]
    assert all(type(value) is int for value in info.values())
    assert info == {"lives": 5, "episode_frame_number": 4, "frame_number": 4}


def test_an_action_is_an_index() -> None:
    env = make()
    # Before the first reset, too.
    for action in (0, 3, True, -1, -4, np.int8(1), np.uint64(2), np.array(3)):
        env.step(action)
    for action in (4, -5):
        with pytest.raises(IndexError):
            env.step(action)
    for action in (Action.FIRE, 1.0, None, "1", np.array([1]), np.float32(1), slice(0, 1)):
        with pytest.raises(TypeError):
            env.step(action)
    # Refused actions have played nothing.
    assert env.ale.getFrameNumber() == 8 * 4


def test_minus_one_is_the_last_action() -> None:
    frames = []
    for action in (-1, 3):
        env = make(obs_type="ram")
        env.reset(seed=4)
        env.step(1)
        frames.append([env.step(action)[0].tolist() for _ in range(10)])
    assert frames[0] == frames[1]


def test_a_continuous_action_is_an_array_of_three() -> None:
    env = make(continuous=True)
    for action in (0, [0.0, 0.0, 0.0], np.zeros(3), np.zeros(2, np.float32), np.zeros((1, 3), np.float32), None):
        with pytest.raises(AssertionError):
            env.step(action)
    # Numbers outside the space are used as they are.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for action in ([5, 0, 0], [-1, 0.5, 2], [np.nan, 0, 0], [np.inf, 0, 0], [0.3, 0.2, np.nan]):
            env.step(np.array(action, np.float32))
    assert env.ale.getFrameNumber() == 20


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8])
def test_a_stick_moves_as_its_angle_says(threshold: float) -> None:
    env = make("ms_pacman", continuous=True, continuous_action_threshold=threshold)
    moves = {
        (0.0, 0.0, 0.0): Action.NOOP,
        (1.0, 0.0, 0.0): Action.RIGHT,
        (1.0, np.pi, 1.0): Action.LEFTFIRE,
        (1.0, np.pi / 2, 0.0): Action.UP,
        (1.0, -np.pi / 2, 1.0): Action.DOWNFIRE,
        (threshold, 0.0, threshold): Action.NOOP,
    }
    for position, action in moves.items():
        move, strength = env._move_of_stick(np.array(position, np.float32))
        assert move is action
        assert strength == np.float32(position[0])


def test_an_episode_is_cut_off_at_its_limit_of_frames() -> None:
    env = make(frameskip=1, max_num_frames_per_episode=10)
    env.reset(seed=0)
    assert [env.step(0)[3] for _ in range(10)] == [False] * 9 + [True]
    env = make(frameskip=4, max_num_frames_per_episode=10)
    env.reset(seed=0)
    steps = [env.step(0) for _ in range(4)]
    assert [(step[3], step[4]["episode_frame_number"]) for step in steps] == [
        (False, 4),
        (False, 8),
        (True, 10),
        (True, 10),
    ]
    assert all(step[2] is False for step in steps)


def test_terminated_is_the_emulators_game_over() -> None:
    env = make("breakout", obs_type="ram")
    env.reset(seed=1)
    env.action_space.seed(1)
    terminated = False
    for _ in range(3000):
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        assert terminated == env.ale.game_over() and not truncated
        if terminated:
            break
    assert terminated
    # Later steps change nothing.
    observation, reward, terminated, _, info = env.step(1)
    again = env.step(2)
    assert np.array_equal(again[0], observation) and again[1:] == (0.0, True, False, info)


def test_options_of_a_reset_are_ignored() -> None:
    make().reset(seed=1, options={"mode": 4, "nonsense": object()})


def test_a_game_can_be_loaded_anew() -> None:
    env = make("breakout", mode=4)
    play(env, 10)
    env.load_game()
    assert env.ale.getFrameNumber() == 0
    assert env.clone_state().getCurrentMode() == 4


# Pictures


def test_render() -> None:
    env = make(render_mode="rgb_array")
    env.reset(seed=0)
    observation, *_, info = env.step(0)
    picture = env.render()
    assert picture.shape == (210, 160, 3) and np.array_equal(picture, observation)
    assert "rgb" not in info
    assert env.render() is not picture
    with pytest.raises(error.Error) as caught:
        make().render()
    assert str(caught.value) == "Invalid render mode `None`. Supported modes: `human`, `rgb_array`."


def test_render_takes_no_argument() -> None:
    for env in (make(render_mode="rgb_array"), gymnasium.make("ALE/Breakout-v5", render_mode="rgb_array")):
        env.reset()
        with pytest.raises(TypeError):
            env.render(mode="human")  # type: ignore[call-arg]


def test_metadata() -> None:
    assert AtariEnv.metadata == {"render_modes": ["human", "rgb_array"], "render_fps": 30}


def test_a_window_shows_the_game(monkeypatch: pytest.MonkeyPatch) -> None:
    pygame = import_pygame(monkeypatch)
    env = make("bricks", render_mode="human", frameskip=2)
    env.reset(seed=0)
    assert env.render() is None
    assert env.step(0)[0].shape == (210, 160, 3)
    window = pygame.display.get_surface()
    assert window is not None
    shown = pygame.surfarray.array3d(pygame.transform.scale(window, (160, 210))).swapaxes(0, 1)
    assert np.array_equal(shown, env.ale.getScreenRGB())
    env.close()
    assert pygame.display.get_surface() is None
    # It opens again, until the user closes it.
    env.step(0)
    assert pygame.display.get_surface() is not None
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    env.step(0)
    env.step(0)
    assert pygame.display.get_surface() is None
    env.close()


def import_pygame(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setenv("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    try:
        import pygame
    except ImportError:
        missing("pygame is not installed")
    return pygame


def test_without_pygame_a_window_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(error.DependencyNotInstalled, match="pip install pygame"):
        make("bricks", render_mode="human")


# States


@pytest.mark.parametrize("include_rng", [False, True])
def test_a_restored_state_is_where_it_was(include_rng: bool) -> None:
    env = make("montezuma_revenge", repeat_action_probability=0.0)
    env.reset(seed=0)
    play(env, 20)
    for steps in (0, 50):
        ram, state = env.ale.getRAM(), env.clone_state(include_rng=include_rng)
        after = env.step(2)[0]
        play(env, steps)
        env.restore_state(state)
        assert np.array_equal(env.ale.getRAM(), ram)
        assert env.clone_state(include_rng=include_rng) == state
        assert np.array_equal(env.step(2)[0], after)


def test_a_state_travels_to_another_environment() -> None:
    one, two = make("montezuma_revenge"), make("montezuma_revenge")
    one.reset(seed=0)
    two.reset(seed=1)
    play(one, 30)
    for include_rng in (False, True):
        state = one.clone_state(include_rng)
        for copied in (state, pickle.loads(pickle.dumps(state)), ALEState(state.serialize()), copy.deepcopy(state)):
            play(two, 10)
            two.restore_state(copied)
            assert np.array_equal(two.ale.getRAM(), one.ale.getRAM())
            assert two.clone_state(include_rng) == state


def test_everything_is_saved() -> None:
    env, other = (make("space_invaders", frameskip=(2, 5), repeat_action_probability=0.5) for _ in range(2))
    env.reset(seed=0)
    other.reset(seed=1)
    play(env, 50)
    saved = env.save()
    assert isinstance(saved, bytes)
    actions = [int(env.action_space.sample()) for _ in range(50)]
    picture = env._get_obs()
    future = [env.step(action) for action in actions]
    for continued in (env, other):
        continued.restore(saved)
        # The picture is there at once, as it is not after restore_state.
        assert np.array_equal(continued._get_obs(), picture)
        for action, (observation, *rest) in zip(actions, future):
            again, *others = continued.step(action)
            assert np.array_equal(again, observation)
            assert others == rest


def test_what_cannot_be_restored_leaves_the_environment_as_it_was() -> None:
    env, other = make("pong"), make("breakout")
    env.reset(seed=0)
    play(env, 10)
    saved, foreign = env.save(), other.save()
    head = saved.split(b"\n", 1)[0]
    for wrong in (
        b"",
        b"nonsense",
        saved[:-1],
        head,
        saved + b"\0",
        saved[: len(saved) // 2],
        saved.replace(b"PCG64", b"MT19937", 1),
        saved.replace(b'"state"', b'"stale"'),
        head.replace(b"{", b"[" * 100_000) + b"\n",
        foreign,
    ):
        with pytest.raises(RuntimeError if wrong is foreign else ValueError):
            env.restore(wrong)
        assert env.save() == saved


# Copies


def test_a_copy_is_a_new_environment_of_the_same_arguments() -> None:
    env = make("breakout", obs_type="ram", frameskip=3)
    env.reset(seed=0)
    play(env, 30)
    for copied in (pickle.loads(pickle.dumps(env)), copy.deepcopy(env), copy.copy(env)):
        assert copied._frameskip == 3 and copied.observation_space == env.observation_space
        assert copied.ale is not env.ale
        assert copied.ale.getFrameNumber() == 0
        assert copied.step(0)[4]["frame_number"] == 3


def test_a_closed_environment_still_steps() -> None:
    env = make()
    env.reset()
    env.close()
    env.close()
    env.step(0)


def test_attributes_that_wrappers_use() -> None:
    env = make("pong", frameskip=1)
    assert env._action_set == env.ale.getMinimalActionSet()
    assert (env._game_mode, env._game_difficulty, env._obs_type) == (None, None, "rgb")
    wrapped = gymnasium.wrappers.AtariPreprocessing(env, noop_max=10)
    observation, _ = wrapped.reset(seed=0)
    assert observation.shape == (84, 84)
    # Wrappers and programs change the frame skip of a living environment.
    env._frameskip = 7
    frames = env.ale.getFrameNumber()
    env.step(0)
    assert env.ale.getFrameNumber() == frames + 7


def test_every_game_has_an_environment() -> None:
    for game in roms.get_all_rom_ids()[::9]:
        if game not in ("combat", "joust", "maze_craze", "warlords"):
            env = make(game, obs_type="ram")
            env.reset(seed=0)
            play(env, 3)
