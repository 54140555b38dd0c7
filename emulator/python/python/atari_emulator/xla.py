"""`AtariVectorEnv` inside programs that JAX compiles: an ordered callback to the host around `reset` and `step`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

import numpy as np
from gymnasium.error import DependencyNotInstalled
from gymnasium.vector import AutoresetMode

if TYPE_CHECKING:
    from atari_emulator.vector_env import AtariVectorEnv

_SEEDS = np.iinfo(np.int32)
_INFO = ("env_id", "lives", "frame_number", "episode_frame_number")


def functions(env: AtariVectorEnv) -> tuple[Any, Callable[..., Any], Callable[..., Any]]:
    """The handle of the environments, `reset` and `step`; `AtariVectorEnv.xla` describes them.

    The functions keep the environments alive. The handle only says which environments are meant.
    """
    try:
        import chex
        import jax
        import jax.numpy as jnp
    except ImportError as missing:
        raise DependencyNotInstalled(
            f"atari_emulator is missing {missing.name}, necessary for using the vector XLA support, "
            'use `pip install "atari-emulator[xla]"` to import'
        ) from missing
    if env.autoreset_mode != AutoresetMode.NEXT_STEP:
        raise AssertionError(f"xla() needs the autoreset mode NEXT_STEP, this is {env.autoreset_mode}")
    call_reset, call_step = _compiled(env)

    def reset(handle: Any, seed: Any = None, reset_mask: Any = None) -> Any:
        """Starts new episodes, as `AtariVectorEnv.reset`.

        Under `jax.jit` an int as seed must not be traced. If the mask is traced, an array of seeds has one for each
        environment, also for those that are not reset.
        """
        mask = jnp.ones(env.num_envs, bool) if reset_mask is None else jnp.asarray(reset_mask)
        chex.assert_shape(mask, (env.num_envs,))
        chex.assert_type(mask, jnp.bool_)
        count = env.num_envs if isinstance(mask, jax.core.Tracer) else int(mask.sum())
        if seed is None:
            seeds = jnp.full((count,), -1, jnp.int32)
        elif isinstance(seed, int):
            if not _SEEDS.min <= seed <= _SEEDS.max - count + 1:
                raise TypeError(f"seed is {seed}, but the seeds of {count} environments from it on must be C ints")
            seeds = jnp.int32(seed)
        else:
            seeds = jnp.asarray(seed, jnp.int32)
            chex.assert_shape(seeds, (count,))
        handle, (observations, info) = call_reset(handle, seeds, mask)
        return handle, (observations, _in_order(info))

    def step(handle: Any, actions: Any) -> Any:
        """One step, as `AtariVectorEnv.step`; actions are int32 (batch_size,) or float32 (batch_size, 3)."""
        if env.continuous:
            actions = jnp.asarray(actions, jnp.float32)
            chex.assert_shape(actions, (env.batch_size, 3))
        else:
            actions = jnp.asarray(actions)
            actions = actions.astype(jnp.int32) if actions.dtype == jnp.int64 else actions
            chex.assert_shape(actions, (env.batch_size,))
            chex.assert_type(actions, jnp.int32)
        handle, (*results, info) = call_step(handle, actions)
        return handle, (*results, _in_order(info))

    return jnp.asarray(env.ale.handle()), reset, step


def _compiled(env: AtariVectorEnv) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """`reset(handle, seeds, mask)` and `step(handle, actions)` as compiled programs that call back."""
    import jax
    import jax.numpy as jnp
    from jax.experimental import io_callback

    numbers = jax.ShapeDtypeStruct((env.batch_size,), jnp.int32)
    flags = jax.ShapeDtypeStruct((env.batch_size,), jnp.bool_)
    observations = jax.ShapeDtypeStruct(env.observation_space.shape, jnp.uint8)
    info = dict.fromkeys(_INFO, numbers)

    def host_reset(seeds: np.ndarray, mask: np.ndarray) -> Any:
        # One seed for the first environment that is reset, or one for each that is reset, or one for each there is.
        seed = int(seeds) if seeds.ndim == 0 else seeds[mask] if seeds.size == mask.size else seeds
        return env.reset(seed=seed, options=None if mask.all() else {"reset_mask": mask})

    def on_host(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(handle: Any, *arguments: Any) -> Any:
            if not np.array_equal(handle, env.ale.handle()):
                raise ValueError(f"Invalid vectorizer pointer in {name}: this is not the handle that xla() returned")
            try:
                return function(*map(np.asarray, arguments))
            except Exception as reason:
                raise RuntimeError(f"Exception during {name}: {reason}") from reason

        return call

    @jax.jit
    def reset(handle: Any, seeds: Any, mask: Any) -> Any:
        host = on_host("reset", host_reset)
        return handle, io_callback(host, (observations, info), handle, seeds, mask, ordered=True)

    @jax.jit
    def step(handle: Any, actions: Any) -> Any:
        host = on_host("step", env.step)
        shapes = (observations, numbers, flags, flags, info)
        return handle, io_callback(host, shapes, handle, actions, ordered=True)

    return reset, step


def _in_order(info: dict[str, Any]) -> dict[str, Any]:
    """The info with its keys in the usual order: JAX sorts them."""
    return {key: info[key] for key in _INFO}
