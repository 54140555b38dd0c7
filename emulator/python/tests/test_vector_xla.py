"""`AtariVectorEnv.xla()`: its functions equal `reset` and `step`, also inside programs that JAX compiles."""

from __future__ import annotations

import sys
from typing import Any

import gymnasium
import numpy as np
import pytest
from atari_emulator.vector_env import AtariVectorEnv

jax = pytest.importorskip("jax", reason="xla() needs jax")
pytest.importorskip("chex", reason="xla() needs chex")
jnp = jax.numpy


def assert_same(results: tuple, expected: tuple, compiled: bool = False) -> None:
    """Arrays of JAX with the values and types of numpy's. The last is the info: compiled programs sort its keys."""
    keys = sorted(expected[-1]) if compiled else list(expected[-1])
    assert len(results) == len(expected) and list(results[-1]) == keys
    pairs = [*zip(results[:-1], expected[:-1]), *((results[-1][key], expected[-1][key]) for key in expected[-1])]
    for array, numbers in pairs:
        assert isinstance(array, jax.Array) and array.dtype == numbers.dtype
        np.testing.assert_array_equal(array, numbers)


def some_actions(env: Any, steps: int) -> list[np.ndarray]:
    env.action_space.seed(1)
    return [env.action_space.sample() for _ in range(steps)]


@pytest.mark.parametrize("seed", [None, 7, [5, 1, 9]])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"stack_num": 6, "img_height": 210, "img_width": 160},
        {"frameskip": 1, "grayscale": False},
        {"continuous": True, "continuous_action_threshold": 0.2},
        {"continuous": True, "continuous_action_threshold": 0.8},
        {"batch_size": 2, "max_num_frames_per_episode": 40},
    ],
)
def test_its_functions_do_what_reset_and_step_do(settings: dict[str, Any], seed: Any) -> None:
    plain, env = (AtariVectorEnv("breakout", 3, **settings) for _ in range(2))
    handle, reset, step = env.xla()
    assert (handle.dtype, handle.shape) == (jnp.uint8, (8,))
    if seed is None:
        # Both go on with the generators of seed 3.
        plain.reset(seed=3)
        handle, _ = reset(handle, 3)
    seeds = np.array(seed) if isinstance(seed, list) else seed
    handle, results = reset(handle, seed=seeds)
    assert_same(results, plain.reset(seed=seeds))
    for actions in some_actions(env, 50):
        handle, results = step(handle, actions)
        assert_same(results, plain.step(actions))


@pytest.mark.parametrize("continuous", [False, True])
def test_a_compiled_scan_is_traced_once_and_gives_the_plain_run(continuous: bool) -> None:
    plain, env = (AtariVectorEnv("breakout", 2, continuous=continuous) for _ in range(2))
    handle, reset, step = env.xla()
    actions = np.stack(some_actions(env, 100))
    traced = []

    @jax.jit
    def rollout(handle: Any, actions: Any) -> Any:
        traced.append(1)
        return jax.lax.scan(step, handle, actions)

    for seed in (1, 2):
        handle, results = reset(handle, seed)
        assert_same(results, plain.reset(seed=seed))
        handle, (observations, *others, info) = rollout(handle, actions)
        for number, action in enumerate(actions):
            told = {key: info[key][number] for key in ("env_id", "lives", "frame_number", "episode_frame_number")}
            assert_same((observations[number], *(other[number] for other in others), told), plain.step(action))
    assert len(traced) == 1


def test_resets_of_some_environments_work_with_masks_of_all_kinds() -> None:
    plain, env = (AtariVectorEnv("breakout", 3) for _ in range(2))
    handle, reset, step = env.xla()
    plain.reset(seed=1)
    handle, _ = reset(handle, 1)
    mask = np.array([True, False, True])
    options = {"reset_mask": mask}
    for given in (mask, jnp.array(mask), mask.tolist()):
        handle, results = reset(handle, seed=5, reset_mask=given)
        assert_same(results, plain.reset(seed=5, options=options))
    handle, results = reset(handle, seed=np.array([7, 8]), reset_mask=mask)
    assert_same(results, plain.reset(seed=np.array([7, 8]), options=options))
    handle, results = reset(handle, reset_mask=np.zeros(3, bool))
    assert_same(results, plain.reset(options={"reset_mask": np.zeros(3, bool)}))
    # What ale-py cannot do: a mask that is computed in the program.
    handle, results = jax.jit(lambda handle, mask: reset(handle, reset_mask=mask))(handle, jnp.array(mask))
    assert_same(results, plain.reset(options=options), compiled=True)
    seeds = jnp.array([4, 5, 6])
    handle, results = jax.jit(lambda handle, mask: reset(handle, seed=seeds, reset_mask=mask))(handle, jnp.array(mask))
    assert_same(results, plain.reset(seed=np.array([4, 6]), options=options), compiled=True)
    handle, results = jax.jit(reset)(handle, seeds)
    assert_same(results, plain.reset(seed=np.array([4, 5, 6])), compiled=True)
    assert_same(step(handle, [0, 1, 2])[1], plain.step(np.array([0, 1, 2])))


def test_wrong_shapes_and_types_are_refused() -> None:
    env = AtariVectorEnv("breakout", 3)
    handle, reset, step = env.xla()
    with pytest.raises(jax.errors.JaxRuntimeError, match=r"Exception during step: send\(\) called before reset\(\)"):
        jax.block_until_ready(step(handle, np.zeros(3, np.int32)))
    mask = np.array([True, False, True])
    with pytest.raises(jax.errors.JaxRuntimeError, match=r"The first reset\(\) must reset every environment"):
        jax.block_until_ready(reset(handle, 1, mask))
    handle, _ = reset(handle, 1)
    for seed, given in [
        (np.array([1, 2]), None),
        (1.0, None),
        (np.array([1, 2, 3]), mask),
        (1, np.array([1, 0, 1])),
        (1, np.array([True, False])),
    ]:
        with pytest.raises(AssertionError):
            reset(handle, seed, given)
    for seed in (2**31 - 1, -(2**31) - 1):
        with pytest.raises(TypeError, match="must be C ints"):
            reset(handle, seed)
    for actions in (np.zeros(2, int), np.zeros(3, np.int8), np.zeros(3), np.zeros((3, 1), int)):
        with pytest.raises(AssertionError):
            step(handle, actions)
    with pytest.raises(jax.errors.JaxRuntimeError, match="action 4 for environment 1"):
        jax.block_until_ready(step(handle, [0, 4, 0]))
    with pytest.raises(jax.errors.JaxRuntimeError, match="Invalid vectorizer pointer in step"):
        jax.block_until_ready(step(jnp.zeros(8, jnp.uint8), [0, 0, 0]))
    jax.block_until_ready(step(handle, [0, 3, 0]))
    stick = AtariVectorEnv("breakout", 3, continuous=True)
    handle, reset, step = stick.xla()
    reset(handle, 1)
    for actions in (np.zeros((2, 3)), np.zeros(3)):
        with pytest.raises(AssertionError):
            step(handle, actions)


def test_it_needs_the_usual_autoreset_mode_and_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="NEXT_STEP"):
        AtariVectorEnv("breakout", 1, autoreset_mode="SameStep").xla()
    for missing in ("chex", "jax"):
        monkeypatch.setitem(sys.modules, missing, None)
        with pytest.raises(gymnasium.error.DependencyNotInstalled, match=r"pip install \"atari-emulator\[xla\]\""):
            AtariVectorEnv("breakout", 1).xla()


def test_its_arrays_are_on_a_device_of_jax() -> None:
    env = AtariVectorEnv("breakout", 2)
    handle, reset, _ = env.xla()
    _, (observations, info) = reset(handle, 1)
    for array in (handle, observations, *info.values()):
        assert array.devices() == {jax.devices()[0]}
