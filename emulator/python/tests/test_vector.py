"""`AtariVectorEnv` and `ALEVectorInterface`: equality with ale-py's, and what python-level callers may rely on."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable

import gymnasium
import numpy as np
import pytest
from atari_emulator import roms
from atari_emulator._ale_py import Action, ALEVectorInterface
from atari_emulator.vector_env import AtariVectorEnv
from gymnasium.vector import AutoresetMode

WRONG_ARGUMENTS = r"incompatible function arguments\. The following argument types are supported"


@pytest.fixture(scope="session")
def ale_vector_env() -> Callable[..., Any]:
    """ale-py's class of the same name."""
    from ale_py.vector_env import AtariVectorEnv as Theirs

    return Theirs


def breakout_file() -> str:
    return str(roms.get_rom_path("breakout"))


def assert_same(ours: Any, theirs: Any) -> None:
    """The same types, shapes and values; dicts with their keys in the same order."""
    if isinstance(theirs, tuple):
        assert isinstance(ours, tuple) and len(ours) == len(theirs)
        for one, other in zip(ours, theirs):
            assert_same(one, other)
    elif isinstance(theirs, dict):
        assert list(ours) == list(theirs)
        for key in theirs:
            assert_same(ours[key], theirs[key])
    else:
        assert (ours.dtype, ours.shape, ours.flags.writeable) == (theirs.dtype, theirs.shape, theirs.flags.writeable)
        np.testing.assert_array_equal(ours, theirs)


def without_unfinished(results: tuple, ended: np.ndarray) -> tuple:
    """Results with only those final observations that belong to an end. ale-py leaves the others as the memory was."""
    info = dict(results[4])
    if "final_obs" in info:
        info["final_obs"] = info["final_obs"][ended]
    return (*results[:4], info)


def random_actions(env: Any, rng: np.random.Generator) -> np.ndarray:
    if not env.continuous:
        return rng.integers(env.single_action_space.n, size=env.batch_size)
    low, high = env.single_action_space.low, env.single_action_space.high
    return rng.uniform(low, high, size=(env.batch_size, 3)).astype(np.float32)


def play_both(ours: Any, theirs: Any, steps: int, seed: int = 0, only_flagged: bool = False) -> dict[str, int]:
    """Steps both with the same actions, compares everything, and counts what happened.

    `only_flagged` says that lost lives are flagged without ending an episode.
    """
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    rng = np.random.default_rng(seed)
    first = ours.reset(seed=seed)
    assert_same(first, theirs.reset(seed=seed))
    before = first[1]["episode_frame_number"]
    seen = {"rewards": 0, "terminations": 0, "truncations": 0, "finals": 0}
    for _ in range(steps):
        actions = random_actions(ours, rng)
        one, other = ours.step(actions), theirs.step(actions)
        # The frame number falls where another episode began.
        ended = one[4]["episode_frame_number"] < before if only_flagged else one[2] | one[3]
        assert_same(without_unfinished(one, ended), without_unfinished(other, ended))
        if "final_obs" in one[4]:
            np.testing.assert_array_equal(one[4]["final_obs"][~ended], one[0][~ended])
        before = one[4]["episode_frame_number"]
        seen["rewards"] += np.count_nonzero(one[1])
        seen["terminations"] += np.count_nonzero(one[2])
        seen["truncations"] += np.count_nonzero(one[3])
        seen["finals"] += "final_obs" in one[4]
    return seen


CONFIGURATIONS = [
    ("breakout", {}),
    ("pong", {"stack_num": 6, "img_height": 210, "img_width": 160}),
    ("space_invaders", {"grayscale": False, "frameskip": 1, "stack_num": 1}),
    ("ms_pacman", {"img_height": 100, "img_width": 50, "maxpool": False, "frameskip": 3}),
    ("air_raid", {"noop_max": 0, "use_fire_reset": False}),
    ("montezuma_revenge", {"full_action_space": True, "noop_max": 10}),
    ("seaquest", {"repeat_action_probability": 0.25, "reward_clipping": False}),
    ("skiing", {"repeat_action_probability": 0.5}),
]


@pytest.mark.parametrize("autoreset_mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
@pytest.mark.parametrize("game, settings", CONFIGURATIONS)
def test_everything_equals_ale_pys_step_by_step(
    ale_vector_env: Callable[..., Any], game: str, settings: dict[str, Any], autoreset_mode: AutoresetMode
) -> None:
    limit = 17 * settings.get("frameskip", 4) + 2
    settings = {**settings, "autoreset_mode": autoreset_mode, "max_num_frames_per_episode": limit}
    ours, theirs = (make(game, 3, num_threads=2, **settings) for make in (AtariVectorEnv, ale_vector_env))
    seen = play_both(ours, theirs, 100)
    assert seen["truncations"] > 5
    assert (seen["finals"] > 1) == (autoreset_mode == AutoresetMode.SAME_STEP)


@pytest.mark.parametrize("autoreset_mode", ["NextStep", "SameStep"])
@pytest.mark.parametrize("settings", [{"episodic_life": True}, {"life_loss_info": True}])
def test_lost_lives_end_or_flag_episodes_as_in_ale_py(
    ale_vector_env: Callable[..., Any], settings: dict[str, Any], autoreset_mode: str
) -> None:
    ours, theirs = (
        make("breakout", 2, autoreset_mode=autoreset_mode, **settings) for make in (AtariVectorEnv, ale_vector_env)
    )
    assert play_both(ours, theirs, 250, only_flagged="life_loss_info" in settings)["terminations"] > 5


@pytest.mark.parametrize("game", ["breakout", "space_invaders"])
@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8])
def test_positions_of_a_stick_are_what_they_are_in_ale_py(
    ale_vector_env: Callable[..., Any], game: str, threshold: float
) -> None:
    ours, theirs = (
        make(game, 4, continuous=True, continuous_action_threshold=threshold)
        for make in (AtariVectorEnv, ale_vector_env)
    )
    play_both(ours, theirs, 60, seed=1)
    # On and around the threshold, where rounding decides.
    angles = np.linspace(-np.pi, np.pi, 400, dtype=np.float32)
    radii = np.float32(threshold) / np.maximum(np.abs(np.cos(angles)), np.abs(np.sin(angles)))
    positions = np.stack([radii, angles, np.resize(np.float32([0, threshold, 1]), 400)], axis=1)
    for actions in positions.reshape(-1, 4, 3):
        assert_same(ours.step(actions), theirs.step(actions))
    # Outside of the action space they are used as they are.
    for actions in np.float32([[2.5, 0, 2], [-1.5, 0.1, -1], [1, 9, 0], [1, np.nan, 1]]).repeat(4, 0).reshape(-1, 4, 3):
        assert_same(ours.step(actions), theirs.step(actions))


def test_a_negative_threshold_is_what_it_is_in_ale_py(ale_vector_env: Callable[..., Any]) -> None:
    ours, theirs = (
        make("space_invaders", 2, continuous=True, continuous_action_threshold=-0.5)
        for make in (AtariVectorEnv, ale_vector_env)
    )
    play_both(ours, theirs, 40)


def test_the_games_with_nine_actions_take_a_sticks_number_as_an_index(ale_vector_env: Callable[..., Any]) -> None:
    for game in ("skiing", "lost_luggage"):
        ours, theirs = (make(game, 1, continuous=True, noop_max=0) for make in (AtariVectorEnv, ale_vector_env))
        assert_same(ours.reset(seed=1), theirs.reset(seed=1))
        for angle in np.linspace(-np.pi / 2, np.pi, 50, dtype=np.float32):
            actions = np.float32([[1, angle, 0]])
            assert_same(ours.step(actions), theirs.step(actions))
        # Down-left and everything with the button has no place among the nine: ale-py waits for ever.
        nothing = AtariVectorEnv(game, 1, noop_max=0)
        ours.reset(seed=1)
        nothing.reset(seed=1)
        for action in ([1, -2.3, 0], [1, 0, 1], [1, 1.5, 1]):
            assert_same(ours.step(np.float32([action])), nothing.step(np.array([0])))


def test_a_limit_of_no_frames_is_what_it_is_in_ale_py(ale_vector_env: Callable[..., Any]) -> None:
    for mode in ("NextStep", "SameStep"):
        for limit in (0, -1, 1):
            settings = {"autoreset_mode": mode, "max_num_frames_per_episode": limit}
            ours, theirs = (make("breakout", 2, **settings) for make in (AtariVectorEnv, ale_vector_env))
            play_both(ours, theirs, 6)


@pytest.mark.parametrize("probability", [-1.0, 2.0, float("nan"), 0.123456789])
def test_any_probability_is_what_it_is_in_ale_py(ale_vector_env: Callable[..., Any], probability: float) -> None:
    ours, theirs = (make("pong", 2, repeat_action_probability=probability) for make in (AtariVectorEnv, ale_vector_env))
    play_both(ours, theirs, 60)


@pytest.mark.parametrize("autoreset_mode", ["NextStep", "SameStep"])
def test_resets_of_some_environments_equal_ale_pys(ale_vector_env: Callable[..., Any], autoreset_mode: str) -> None:
    settings = {"max_num_frames_per_episode": 30, "autoreset_mode": autoreset_mode}
    ours, theirs = (make("breakout", 3, **settings) for make in (AtariVectorEnv, ale_vector_env))
    rng = np.random.default_rng(3)
    assert_same(ours.reset(seed=5), theirs.reset(seed=5))
    for round_ in range(40):
        if round_ % 4 == 3:
            mask = rng.random(3) < 0.5
            seed = [None, 7 * round_, rng.integers(1000, size=mask.sum())][round_ // 4 % 3]
            options = {"reset_mask": mask}
            assert_same(ours.reset(seed=seed, options=options), theirs.reset(seed=seed, options=options))
        actions = rng.integers(4, size=3)
        one, other = ours.step(actions), theirs.step(actions)
        assert_same(without_unfinished(one, one[2] | one[3]), without_unfinished(other, one[2] | one[3]))


@pytest.mark.parametrize("mask", [[True, False, False], [True, False, True], [False] * 3, [True] * 3])
def test_masked_environments_start_afresh_and_the_others_go_on(mask: list[bool]) -> None:
    env, other = AtariVectorEnv("breakout", 3), AtariVectorEnv("breakout", 3)
    env.reset(seed=10)
    for _ in range(20):
        before = env.step(np.array([1, 2, 3]))
    chosen = np.array(mask)
    seeds = np.arange(3)
    observations, info = env.reset(seed=seeds[chosen], options={"reset_mask": chosen})
    fresh, fresh_info = other.reset(seed=seeds)
    np.testing.assert_array_equal(observations[chosen], fresh[chosen])
    np.testing.assert_array_equal(observations[~chosen], before[0][~chosen])
    np.testing.assert_array_equal(
        info["frame_number"], np.where(chosen, fresh_info["frame_number"], before[4]["frame_number"])
    )
    np.testing.assert_array_equal(info["env_id"], [0, 1, 2])
    after = env.step(np.array([0, 0, 0]))[4]
    np.testing.assert_array_equal(after["frame_number"], info["frame_number"] + 4)


@pytest.mark.parametrize("settings", [{}, {"stack_num": 6, "grayscale": False}, {"img_height": 210, "img_width": 160}])
@pytest.mark.parametrize("num_envs", [1, 3])
def test_results_are_members_of_the_spaces(num_envs: int, settings: dict[str, Any]) -> None:
    env = AtariVectorEnv("breakout", num_envs, **settings)
    shape = (settings.get("stack_num", 4), settings.get("img_height", 84), settings.get("img_width", 84))
    shape += () if settings.get("grayscale", True) else (3,)
    assert env.single_observation_space == gymnasium.spaces.Box(0, 255, shape, np.uint8)
    assert env.observation_space.shape == (num_envs, *shape)
    assert env.single_action_space == gymnasium.spaces.Discrete(4)
    observations, info = env.reset()
    assert observations in env.observation_space
    observations, rewards, terminations, truncations, info = env.step(env.action_space.sample())
    assert observations in env.observation_space and observations.flags.c_contiguous
    for array, dtype in [(rewards, np.int32), (terminations, np.bool_), (truncations, np.bool_)]:
        assert (array.dtype, array.shape) == (dtype, (num_envs,))
    assert list(info) == ["env_id", "lives", "frame_number", "episode_frame_number"]
    assert all((value.dtype, value.shape) == (np.int32, (num_envs,)) for value in info.values())


def test_attributes_say_what_was_asked_for() -> None:
    env = AtariVectorEnv("breakout", 3, batch_size=2, continuous=True, continuous_action_threshold=0.3, grayscale=False)
    assert (env.num_envs, env.batch_size, env.continuous, env.continuous_action_threshold) == (3, 2, True, 0.3)
    assert (env.grayscale, env.spec, env.closed, env.render_mode) == (False, None, False, None)
    assert env.single_action_space.shape == (3,) and env.action_space.shape == (2, 3)
    assert env.observation_space.shape == (2, 4, 84, 84, 3)
    map_ = env.map_action_idx
    assert (map_.dtype, map_.shape) == (np.int32, (3, 3, 2))
    assert [map_[2, 1, 0], map_[0, 2, 1], map_[1, 1, 0]] == [Action.RIGHT.value, Action.UPLEFTFIRE.value, 0]
    assert env.ale.get_num_envs() == 3 and env.ale.get_observation_shape() == (4, 84, 84, 3)


def test_every_environment_has_metadata_of_its_own() -> None:
    of_all = dict(gymnasium.vector.VectorEnv.metadata)
    next_step = AtariVectorEnv("breakout", 1)
    same_step = AtariVectorEnv("breakout", 1, autoreset_mode=AutoresetMode.SAME_STEP)
    assert next_step.metadata["autoreset_mode"] == next_step.autoreset_mode == AutoresetMode.NEXT_STEP
    assert same_step.metadata["autoreset_mode"] == same_step.autoreset_mode == AutoresetMode.SAME_STEP
    assert gymnasium.vector.VectorEnv.metadata == of_all


def test_arrays_of_two_calls_share_no_memory() -> None:
    env = AtariVectorEnv("breakout", 2)
    kept = [env.reset(seed=1)[0]]
    copies = [kept[0].copy()]
    for _ in range(5):
        kept.append(env.step(np.array([1, 2]))[0])
        copies.append(kept[-1].copy())
    assert not any(np.shares_memory(kept[i], kept[j]) for i in range(6) for j in range(i))
    np.testing.assert_array_equal(kept, copies)
    kept[-1][:] = 0
    assert env.step(np.array([1, 2]))[0].any()


@pytest.mark.parametrize("num_threads", [1, 2])
@pytest.mark.parametrize("batch_size", [1, 3, 4])
def test_small_batches_go_round_and_give_each_environment_its_own_sequence(batch_size: int, num_threads: int) -> None:
    settings = {"max_num_frames_per_episode": 40, "repeat_action_probability": 0.25, "num_threads": num_threads}
    together, apart = AtariVectorEnv("breakout", 8, **settings), AtariVectorEnv(
        "breakout", 8, batch_size=batch_size, **settings
    )
    plan = np.random.default_rng(0).integers(4, size=(40, 8))
    expected: list[list[Any]] = [[] for _ in range(8)]

    def tell(told: list[list[Any]], results: tuple) -> None:
        info = results[-1]
        for place, env_id in enumerate(info["env_id"]):
            # Not a reset's rewards and flags, which are told only with a batch that is smaller.
            columns = [*results[: -1 if told[env_id] else 1], info["lives"], info["frame_number"]]
            told[env_id].append([column[place].tobytes() for column in columns])

    tell(expected, together.reset(seed=3))
    for actions in plan:
        tell(expected, together.step(actions))
    told: list[list[Any]] = [[] for _ in range(8)]
    results: tuple = apart.reset(seed=3)
    order: list[int] = []
    while True:
        tell(told, results)
        env_ids = results[-1]["env_id"]
        order.extend(env_ids)
        if max(map(len, told)) > 40:
            break
        results = apart.step(np.array([plan[len(told[env_id]) - 1, env_id] for env_id in env_ids]))
    assert min(map(len, told)) >= 38
    assert order == [place % 8 for place in range(len(order))]
    for one, other in zip(told, expected):
        assert one == other[: len(one)]


def test_two_sends_and_two_recvs_give_both_batches_in_order() -> None:
    plain, env = AtariVectorEnv("breakout", 2), AtariVectorEnv("breakout", 2)
    assert_same(env.reset(seed=1), plain.reset(seed=1))
    first, second = np.array([1, 2]), np.array([3, 1])
    env.send(first)
    env.send(second)
    assert_same(env.recv(), plain.step(first))
    assert_same(env.recv(), plain.step(second))
    # What was sent is received first by a step too.
    env.send(first)
    expected = plain.step(first)
    assert_same(env.step(second), expected)
    assert_same(env.recv(), plain.step(second))


def test_a_reset_of_small_batches_starts_the_round_again() -> None:
    env = AtariVectorEnv("breakout", 4, batch_size=2)
    first = env.reset(seed=1)
    for _ in range(3):
        env.step(np.array([1, 1]))
    assert_same(env.reset(seed=1), first)


def test_what_makes_ale_py_wait_or_crash_is_an_error_that_says_why() -> None:
    for settings, told in [
        ({"num_envs": 0}, "num_envs is 0"),
        ({"num_envs": -1}, "num_envs is -1"),
        ({"num_envs": 2, "batch_size": 3}, "batch_size is 3, allowed is 1 to 2"),
        ({"num_envs": 2, "batch_size": -1}, "batch_size is -1"),
        ({"num_envs": 2, "img_height": 0}, "img_height is 0"),
        ({"num_envs": 2, "img_width": -1}, "img_width is -1"),
        ({"num_envs": 2, "img_width": 5000}, "img_width is 5000, allowed is 1 to 4096"),
        ({"num_envs": 2, "stack_num": 0}, "stack_num is 0"),
        ({"num_envs": 2**31 - 1}, "do not fit the memory"),
    ]:
        with pytest.raises(ValueError, match=told):
            AtariVectorEnv("breakout", **settings)
    env = AtariVectorEnv("breakout", 2)
    with pytest.raises(RuntimeError, match="send actions first"):
        env.recv()
    before = env.reset(seed=1)
    with pytest.raises(RuntimeError, match="send actions first"):
        env.recv()
    for action in (-1, 4, 2**31 - 1):
        with pytest.raises(ValueError, match=f"action {action} .*0 to 3"):
            env.step(np.array([0, action]))
        with pytest.raises(ValueError, match=f"action {action} .*0 to 3"):
            env.send(np.array([0, action]))
    with pytest.raises(TypeError, match=WRONG_ARGUMENTS):
        env.step(np.array([0, 2**31]))
    env.send(np.array([1, 1]))
    with pytest.raises(RuntimeError, match="1 batches were sent and not received"):
        env.reset(seed=1)
    env.recv()
    assert_same(env.reset(seed=1), before)
    with pytest.raises(RuntimeError, match="combat needs two players"):
        ALEVectorInterface(str(roms.get_rom_path("combat")), 1)
    for path, told in (("", "doesn't exist"), ("/nowhere/pong.bin", "doesn't exist"), ("/", "is a folder")):
        with pytest.raises(RuntimeError, match=told):
            ALEVectorInterface(path, 1)


def test_wrong_settings_are_refused_with_ale_pys_texts() -> None:
    for frameskip, told in [
        (0, "frameskip of 0"),
        (-1, "frameskip of -1"),
        (4.0, "frameskip type"),
        (True, "frameskip type"),
    ]:
        with pytest.raises(gymnasium.error.Error, match=told):
            AtariVectorEnv("breakout", 1, frameskip=frameskip)
    for mode in (AutoresetMode.DISABLED, "Disabled", "same-step"):
        with pytest.raises(ValueError, match="Invalid autoreset_mode: "):
            AtariVectorEnv("breakout", 1, autoreset_mode=mode)
    for settings in [
        {"grayscale": 1},
        {"maxpool": None},
        {"full_action_space": 1},
        {"continuous": 1},
        {"episodic_life": 0},
        {"img_height": 84.0},
        {"repeat_action_probability": "0.25"},
        {"autoreset_mode": None},
        {"batch_size": None},
    ]:
        with pytest.raises(TypeError, match=WRONG_ARGUMENTS):
            AtariVectorEnv("breakout", 1, **settings)
    with pytest.raises(TypeError, match="render_mode"):
        AtariVectorEnv("breakout", 1, render_mode="rgb_array")
    told = "Breakout is not a ROM name, it should be snake_case not camel-case"
    with pytest.warns(UserWarning, match="not supported"), pytest.raises(AssertionError, match=told):
        AtariVectorEnv("Breakout", 1)


def test_wrong_seeds_and_masks_are_refused_with_ale_pys_texts() -> None:
    env = AtariVectorEnv("breakout", 3)
    with pytest.raises(RuntimeError, match=r"The first reset\(\) must reset every environment \(got 1 of 3\)"):
        env.reset(options={"reset_mask": np.array([True, False, False])})
    with pytest.raises(RuntimeError, match=r"send\(\) called before reset\(\)"):
        env.step(np.zeros(3, int))
    with pytest.raises(RuntimeError, match=r"send\(\) called before reset\(\)"):
        env.send(np.zeros(3, int))
    env.reset(seed=1)
    for seed in ([1, 2, 3], np.int64(1), 1.0, "1"):
        with pytest.raises(TypeError, match="Unsupported seed type"):
            env.reset(seed=seed)
    for seed in (2**31, -(2**31) - 1, 2**70, np.array([1, 2, 2**31]), np.array([1.0, 2.0, 3.0])):
        with pytest.raises(TypeError, match=WRONG_ARGUMENTS):
            env.reset(seed=seed)
    told = r"`seed` must have one entry per sub-environment being reset, expected shape \(3,\), got \(2,\)"
    with pytest.raises(ValueError, match=told):
        env.reset(seed=np.array([1, 2]))
    told = r"`reset_mask` must be a boolean numpy array, got <class 'list'> with dtype None"
    with pytest.raises(TypeError, match=told):
        env.reset(options={"reset_mask": [True, False, True]})
    told = r"`reset_mask` must be a boolean numpy array, got <class 'numpy.ndarray'> with dtype int64"
    with pytest.raises(TypeError, match=told):
        env.reset(options={"reset_mask": np.array([1, 0, 1])})
    with pytest.raises(ValueError, match=r"`reset_mask` must have shape \(3,\), got \(2,\)"):
        env.reset(options={"reset_mask": np.array([True, False])})
    small = AtariVectorEnv("breakout", 4, batch_size=2)
    small.reset(seed=1)
    told = r"Partial reset is not supported for async mode .*\(got batch_size=2, num_envs=4\)"
    with pytest.raises(ValueError, match=told):
        small.reset(options={"reset_mask": np.array([True, False, True, True])})


def test_wrong_actions_are_refused() -> None:
    env = AtariVectorEnv("breakout", 3)
    env.reset()
    with pytest.raises(AssertionError, match=r"actions\.shape=\(2,\), self\.batch_size=3"):
        env.step(np.zeros(2, int))
    for actions in ([0, 0, 0], (0, 0, 0), np.zeros(3, np.int8), np.zeros(3), np.zeros(3, ">i8"), None):
        with pytest.raises(AssertionError):
            env.step(actions)
    env.step(np.zeros(3, np.int32))
    env.step(np.zeros(6, np.int64)[::2])
    stick = AtariVectorEnv("breakout", 3, continuous=True)
    stick.reset()
    for actions in (np.zeros((3, 3)), np.zeros((2, 3), np.float32), np.zeros(3, int), [[0, 0, 0]] * 3):
        with pytest.raises(AssertionError):
            stick.step(actions)


def test_seeds_are_taken_as_ale_py_takes_them() -> None:
    env = AtariVectorEnv("breakout", 3)
    expected = env.reset(seed=1)
    assert_same(env.reset(seed=True), expected)
    assert_same(env.reset(seed=np.array([1, 2, 3])), expected)
    assert_same(env.reset(seed=np.array([1, 2, 3], np.uint8)), expected)
    # Negative seeds are none: the generators and the frame number go on.
    assert (env.reset(seed=-9)[1]["frame_number"] > expected[1]["frame_number"]).all()
    assert (env.reset()[1]["frame_number"] > expected[1]["frame_number"]).all()
    seeded = AtariVectorEnv("breakout", 2).reset(seed=np.array([-1, 2]))
    assert_same(seeded[1]["frame_number"][1], expected[1]["frame_number"][1])


def test_closed_environments_step_and_cannot_be_copied() -> None:
    env = AtariVectorEnv("breakout", 2)
    env.reset()
    env.close()
    env.close()
    assert env.closed
    env.step(np.zeros(2, int))
    with pytest.raises(NotImplementedError):
        env.render()
    for fails in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot pickle 'ALEVectorInterface' object"):
            fails(env)
    with pytest.raises(TypeError, match="cannot pickle 'ALEVectorInterface' object"):
        copy.copy(env.ale)


def test_gymnasiums_wrapper_of_statistics_works_on_it() -> None:
    env = gymnasium.wrappers.vector.RecordEpisodeStatistics(
        AtariVectorEnv("breakout", 2, max_num_frames_per_episode=20)
    )
    env.reset(seed=1)
    infos = [env.step(env.action_space.sample())[4] for _ in range(6)]
    assert [info["episode"]["l"].tolist() for info in infos if "episode" in info] == [[5, 5]]


def test_make_vec_makes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gymnasium.envs.registration, "registry", dict(gymnasium.registry))
    gymnasium.register(
        "Vector/Breakout-v5",
        entry_point="atari_emulator.env:AtariEnv",
        vector_entry_point="atari_emulator.vector_env:AtariVectorEnv",
        kwargs={
            "game": "breakout",
            "repeat_action_probability": 0.25,
            "full_action_space": False,
            "frameskip": 4,
            "max_num_frames_per_episode": 108000,
        },
    )
    plain = AtariVectorEnv("breakout", 2, repeat_action_probability=0.25, img_height=50)
    for mode in (None, "vector_entry_point"):
        env = gymnasium.make_vec("Vector/Breakout-v5", 2, vectorization_mode=mode, img_height=50)
        assert type(env) is AtariVectorEnv and env.spec.id == "Vector/Breakout-v5"
        play_both(env, plain, 30)


def test_the_native_class_takes_sequences_and_says_what_is_wrong() -> None:
    env = ALEVectorInterface(breakout_file(), 3, stack_num=2, autoreset_mode="SameStep")
    expected = env.reset([0, 1, 2], [1, 2, 3])
    for ids, seeds in [
        ((2, 1, 0), (3, 2, 1)),
        (range(3), np.array([1, 2, 3], np.int16)),
        (np.arange(3, dtype=np.int32), np.array([1, 2, 3])),
        ([True, 0, 2], [2, 1, 3]),
    ]:
        assert_same(env.reset(ids, seeds), expected)
    for ids, seeds, kind, told in [
        ([0, 0], [1, 2], ValueError, "reset has a duplicate env_id=0"),
        ([3], [1], IndexError, r"reset env_id 3 is out of range \[0, 3\)"),
        ([-1], [1], IndexError, r"reset env_id -1 is out of range \[0, 3\)"),
        ([0, 1], [1], ValueError, "env_ids and seeds must have same size"),
    ]:
        with pytest.raises(kind, match=told):
            env.reset(ids, seeds)
    for wrong in ("012", b"012", {0: 1}, 5, None, [0, 1, 2.0], iter([0]), [None], [2**31]):
        with pytest.raises(TypeError, match=WRONG_ARGUMENTS):
            env.reset(wrong, [1, 2, 3])
        with pytest.raises(TypeError, match=WRONG_ARGUMENTS):
            env.send(wrong, [1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match="action_ids and paddle_strengths must have same size"):
        env.send([0, 1, 2], [1.0])
    with pytest.raises(ValueError, match="Expected 3 actions, got 2"):
        env.send([0, 1], [1.0, 1.0])
    assert env.send([0, 1, 2], np.ones(3)) is None
    results = env.recv()
    env.reset([0, 1, 2], [1, 2, 3])
    assert_same(env.step(np.array([0, 1, 2])), results)
    assert env.get_action_set() == [Action.NOOP, Action.FIRE, Action.RIGHT, Action.LEFT]
    assert env.get_observation_shape() == (2, 84, 84)
    handle = env.handle()
    assert (handle.dtype, handle.shape) == (np.uint8, (8,)) and (handle == env.handle()).all()


def test_the_native_class_takes_all_its_settings_by_position_and_can_be_subclassed() -> None:
    settings = (2, 4, 3, 50, 60, False, True, 30, True, False, False, True, 100, 0.0, True, 1, 2, -1, "SameStep")
    env = ALEVectorInterface(breakout_file().encode(), *settings)
    assert (env.get_num_envs(), env.get_observation_shape(), len(env.get_action_set())) == (2, (3, 50, 60, 3), 18)
    assert env.reset([0, 1], [1, 2])[0].shape == (1, 3, 50, 60, 3)

    class Unfinished(ALEVectorInterface):
        def __init__(self, other: int) -> None:
            self.other = other

    class Finished(ALEVectorInterface):
        def __init__(self, other: int) -> None:
            super().__init__(breakout_file(), other)

    assert Finished(2).get_num_envs() == 2
    unfinished = Unfinished(3)
    calls: list[Callable[[], Any]] = [
        lambda: unfinished.reset([0], [1]),
        lambda: unfinished.send([0], [1.0]),
        unfinished.recv,
        unfinished.get_num_envs,
        unfinished.get_action_set,
    ]
    for call in calls:
        with pytest.raises(TypeError):
            call()
    for arguments, named in [
        ((), {}),
        ((breakout_file(),), {}),
        ((None, 2), {}),
        ((breakout_file(), 2), {"continuous": True}),
    ]:
        with pytest.raises(TypeError, match=WRONG_ARGUMENTS):
            ALEVectorInterface(*arguments, **named)
    with pytest.raises(AttributeError):
        env.something = 1


def buffers(env: Any, dtype: Any = np.int32) -> dict[str, np.ndarray]:
    shape = (env.batch_size,)
    return {
        "observations": np.zeros(env.observation_space.shape, np.uint8),
        "rewards": np.zeros(shape, dtype),
        "terminations": np.zeros(shape, bool),
        "truncations": np.zeros(shape, bool),
    }


@pytest.mark.parametrize("settings", [{}, {"continuous": True}, {"batch_size": 1}, {"autoreset_mode": "SameStep"}])
def test_a_step_into_arrays_of_the_caller_says_what_a_step_returns(settings: dict[str, Any]) -> None:
    plain, env = (AtariVectorEnv("breakout", 3, max_num_frames_per_episode=40, **settings) for _ in range(2))
    storage = np.zeros((31, *env.observation_space.shape), np.uint8)
    lives, env_ids = np.zeros(env.batch_size, np.int32), np.zeros(env.batch_size, np.int32)
    last = np.full(env.observation_space.shape, 7, np.uint8)
    expected = plain.reset(seed=1)
    env.ale.reset_into([0, 1, 2], [1, 2, 3], storage[0], env_ids=env_ids, lives=lives)
    assert_same((storage[0], env_ids, lives), (expected[0], expected[1]["env_id"], expected[1]["lives"]))
    rng = np.random.default_rng(0)
    finals = 0
    for step in range(1, 31):
        actions = random_actions(env, rng)
        arrays = buffers(env, np.float32 if step % 2 else np.int32) | {"observations": storage[step]}
        last.fill(7)
        env.step_into(actions, **arrays, env_ids=env_ids, lives=lives, final_observations=last)
        results = plain.step(actions)
        np.testing.assert_array_equal(arrays["rewards"], results[1])
        assert_same(
            (storage[step], arrays["terminations"], arrays["truncations"], env_ids, lives),
            (results[0], results[2], results[3], results[4]["env_id"], results[4]["lives"]),
        )
        if "final_obs" in results[4]:
            finals += 1
            ended = results[2] | results[3]
            np.testing.assert_array_equal(last[ended], results[4]["final_obs"][ended])
            assert (last[~ended] == 7).all()
        else:
            assert (last == 7).all()
    assert (finals > 0) == (settings == {"autoreset_mode": "SameStep"})


def test_arrays_that_cannot_be_written_into_are_refused() -> None:
    env = AtariVectorEnv("breakout", 2)
    env.reset(seed=1)
    actions = np.zeros(2, int)
    good = buffers(env)
    wrong_types = {
        "observations": [good["observations"].astype(np.int32), good["observations"].tobytes(), None, [0]],
        "rewards": [np.zeros(2), np.zeros(2, np.int64), [0, 0], None],
        "terminations": [np.zeros(2, np.uint8), [False, False]],
        "truncations": [np.zeros(2, np.int32), None],
    }
    for name, arrays in wrong_types.items():
        for array in arrays:
            with pytest.raises(TypeError, match=WRONG_ARGUMENTS):
                env.step_into(actions, **{**good, name: array})
    read_only = np.zeros_like(good["observations"])
    read_only.flags.writeable = False
    wrong_shapes = {
        "observations": [good["observations"][:1], np.zeros((2, 4, 84, 168), np.uint8)[..., ::2], read_only],
        "rewards": [np.zeros(3, np.int32), np.zeros((2, 1), np.float32)],
        "terminations": [np.zeros(1, bool)],
        "truncations": [np.zeros(1, bool), good["terminations"].reshape(1, 2)],
        "lives": [np.zeros(1, np.int32)],
        "env_ids": [np.zeros(5, np.int32)],
        "final_observations": [np.zeros((2, 4, 84, 85), np.uint8)],
    }
    for name, arrays in wrong_shapes.items():
        for array in arrays:
            with pytest.raises(ValueError, match=f"{name} (has the shape|must be a writable)"):
                env.step_into(actions, **{**good, name: array})
    env.step_into(actions, **good)
    with pytest.raises(ValueError, match="action 4"):
        env.step_into(np.array([0, 4]), **good)


def test_another_thread_runs_while_environments_are_stepped() -> None:
    # Nothing ever happens to an explorer who stands still, so the step has all its frames.
    env = AtariVectorEnv("montezuma_revenge", 2, frameskip=10000, num_threads=1, max_num_frames_per_episode=10**6)
    env.reset(seed=1)
    turns, done = [], threading.Event()

    def take_turns() -> None:
        while not done.is_set():
            turns.append(time.monotonic())
            time.sleep(0.001)

    thread = threading.Thread(target=take_turns)
    thread.start()
    begun = time.monotonic()
    env.step(np.array([0, 0]))
    ended = time.monotonic()
    done.set()
    thread.join()
    assert sum(begun < turn < ended for turn in turns) > 3


def test_threads_that_use_the_same_environments_wait_for_each_other() -> None:
    env = AtariVectorEnv("breakout", 2, max_num_frames_per_episode=40)
    env.reset(seed=1)
    errors: list[BaseException] = []

    def use(number: int) -> None:
        try:
            for _ in range(50):
                if number == 0:
                    env.reset()
                elif number == 1:
                    env.ale.get_action_set()
                else:
                    assert env.step(np.array([1, 1]))[0].shape == (2, 4, 84, 84)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


FORK = """
import os
import sys

import numpy as np
from atari_emulator.vector_env import AtariVectorEnv

env = AtariVectorEnv("breakout", 4, num_threads=2, batch_size=int(sys.argv[1]))
plan = np.random.default_rng(0).integers(4, size=(40, env.batch_size))
env.reset(seed=1)
for actions in plan[:20]:
    # Threads of all kinds exist at the fork.
    env.send(actions)
    env.recv()
for actions in plan[20:25]:
    env.step(actions)
if sys.argv[2] == "sent":
    env.send(plan[25])
inside, outside = os.pipe()
child = os.fork()
results = [env.recv()] if sys.argv[2] == "sent" else []
results += [env.step(actions) for actions in plan[25:]]
told = str(hash(b"".join(part.tobytes() for result in results for part in result[:4])))
if child == 0:
    os.write(outside, told.encode())
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert os.read(inside, 100).decode() == told
print("same")
"""


def run_script(script: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("batch_size", ["4", "2", "3"])
@pytest.mark.parametrize("moment", ["received", "sent"])
def test_a_forked_child_steps_its_own_copy(batch_size: str, moment: str) -> None:
    assert run_script(FORK, batch_size, moment) == "same\n"


FORK_BEHIND_PYTHONS_BACK = """
import ctypes
import os
import time

import numpy as np
from atari_emulator.vector_env import AtariVectorEnv

env = AtariVectorEnv("montezuma_revenge", 2, frameskip=50000, max_num_frames_per_episode=10**6)
env.reset(seed=1)
env.send(np.array([0, 0]))
time.sleep(0.2)
child = ctypes.CDLL(None).fork()
if child == 0:
    try:
        env.recv()
    except RuntimeError as error:
        assert "the process was forked while these environments were stepped" in str(error)
        AtariVectorEnv("breakout", 2).reset(seed=1)
        os._exit(7)
    os._exit(8)
env.recv()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_child_that_was_forked_in_the_middle_of_a_step_is_told_so() -> None:
    assert run_script(FORK_BEHIND_PYTHONS_BACK) == "7\n"


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads as Linux shows them")
def test_the_threads_of_environments_end_with_them() -> None:
    def threads() -> int:
        return len(list(Path("/proc/self/task").iterdir()))

    before = threads()
    for number in range(30):
        env = AtariVectorEnv("breakout", 3, batch_size=1 + number % 3, num_threads=2)
        env.reset()
        # Some are thrown away with work to do.
        for _ in range(number % 4):
            env.send(np.zeros(env.batch_size, int))
    assert threads() > before
    del env
    begun = time.monotonic()
    while threads() > before:
        assert time.monotonic() - begun < 30
        time.sleep(0.01)
