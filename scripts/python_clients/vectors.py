"""Clients of AtariVectorEnv, and of Gymnasium's own vectors of AtariEnv."""

from typing import Any

import numpy as np
from recording import Recorder


def add_step(record: Recorder, label: str, results: Any) -> np.ndarray:
    """Adds what a step returned; returns which environments ended.

    Of the final observations only those of environments that ended count: the others are uninitialized in ale-py.
    """
    observations, rewards, terminated, truncated, info = results
    info = dict(info)
    ended = terminated | truncated
    if isinstance(info.get("final_obs"), np.ndarray):
        info["final_obs"] = info["final_obs"][ended]
    record.add(label, [observations, rewards, terminated, truncated, {key: plain(info[key]) for key in info}])
    return ended


def plain(value: Any) -> Any:
    """Arrays of Python objects as lists."""
    if isinstance(value, np.ndarray) and value.dtype == object:
        return [plain(part) for part in value]
    return {key: plain(part) for key, part in value.items()} if isinstance(value, dict) else value


def rollout(record: Recorder, envs: Any, steps: int, seed: int = 0) -> None:
    observations, info = envs.reset(seed=seed)
    envs.action_space.seed(seed)
    record.add("spaces", f"{envs.single_observation_space} {envs.action_space} {envs.num_envs}")
    record.add("reset", [observations, {key: plain(info[key]) for key in info}])
    for step in range(steps):
        add_step(record, f"step {step}", envs.step(envs.action_space.sample()))


# Keywords of the native vector; one thread, so that small batches come in the same order every time.
NATIVE: dict[str, dict[str, Any]] = {
    "next step": {"num_envs": 4, "max_num_frames_per_episode": 200},
    "same step": {"num_envs": 3, "autoreset_mode": "SameStep", "max_num_frames_per_episode": 120, "noop_max": 5},
    "RGB, continuous": {"num_envs": 2, "grayscale": False, "continuous": True, "continuous_action_threshold": 0.2},
    "life loss": {
        "num_envs": 4, "episodic_life": True, "img_height": 60, "img_width": 50, "stack_num": 2, "frameskip": 3,
    },
    "no preprocessing": {
        "num_envs": 2, "img_height": 210, "img_width": 160, "maxpool": False, "reward_clipping": False,
        "life_loss_info": True,
    },
    "small batches": {"num_envs": 5, "batch_size": 2, "repeat_action_probability": 0.0, "use_fire_reset": False},
}  # fmt: skip


def native_autoreset(keywords: dict[str, Any]) -> dict[str, Any]:
    from gymnasium.vector import AutoresetMode

    mode = keywords.get("autoreset_mode")
    return keywords if mode is None else keywords | {"autoreset_mode": AutoresetMode(mode)}


def make_vec(record: Recorder, fast: bool) -> None:
    """gymnasium.make_vec: the native vector in several ways, sync and async; resets of some environments."""
    import ale_py
    import gymnasium

    gymnasium.register_envs(ale_py)
    for game in ["Breakout", "Qbert"][: 1 if fast else None]:
        for way, keywords in NATIVE.items():
            record.segment(f"{game}, {way}")
            envs = gymnasium.make_vec(f"ALE/{game}-v5", num_threads=1, **native_autoreset(keywords))
            rollout(record, envs, 80 if fast else 400, seed=3)
            if "batch_size" not in keywords:
                mask = np.arange(envs.num_envs) % 2 == 1
                again = envs.reset(seed=np.arange(mask.sum()) + 50, options={"reset_mask": mask})
                record.add("reset of some", [again[0], dict(again[1])])
            envs.close()
        for mode in ("sync", "async"):
            record.segment(f"{game}, {mode}")
            envs = gymnasium.make_vec(f"ALE/{game}-v5", num_envs=2, vectorization_mode=mode)
            rollout(record, envs, 20 if fast else 100)
            envs.close()


def envpool_style(record: Recorder, fast: bool) -> None:
    """send and recv, and a linear Q-function in numpy that learns from what they return."""
    from ale_py.vector_env import AtariVectorEnv

    record.segment("pong")
    envs = AtariVectorEnv("pong", num_envs=4, num_threads=1)
    generator = np.random.default_rng(0)
    actions = int(envs.single_action_space.n)
    weights = np.zeros((actions, 4 * 21 * 21))
    # Every fourth pixel of every picture.
    look = lambda observations: observations[:, :, ::4, ::4].reshape(len(observations), -1) / 255
    features = look(envs.reset(seed=0)[0])
    for step in range(100 if fast else 1000):
        values = features @ weights.T
        chosen = np.where(generator.random(4) < 0.3, generator.integers(actions, size=4), values.argmax(1))
        envs.send(chosen)
        results = envs.recv()
        ended = add_step(record, f"step {step}", results)
        after = look(results[0])
        goals = results[1] + 0.9 * (after @ weights.T).max(1) * ~ended
        errors = goals - values[np.arange(4), chosen]
        np.add.at(weights, chosen, 1e-4 * errors[:, None] * features)
        features = after
    record.add("weights", weights)
    envs.close()


def make_breakout() -> Any:
    """In a process that has imported nothing."""
    import ale_py
    import gymnasium

    gymnasium.register_envs(ale_py)
    return gymnasium.make("ALE/Breakout-v5", obs_type="grayscale")


def spawned(record: Recorder, fast: bool) -> None:
    """AsyncVectorEnv whose processes are spawned, not forked: each imports everything itself."""
    from gymnasium.vector import AsyncVectorEnv

    record.segment("breakout")
    envs = AsyncVectorEnv([make_breakout] * 2, context="spawn")
    try:
        rollout(record, envs, 20 if fast else 200)
    finally:
        envs.close()


def xla(record: Recorder, fast: bool) -> None:
    """xla(): a reset, and a scan under jit."""
    import jax
    import numpy
    from ale_py.vector_env import AtariVectorEnv

    record.segment("breakout")
    envs = AtariVectorEnv("breakout", num_envs=3, num_threads=1, max_num_frames_per_episode=160)
    handle, reset, step = envs.xla()
    handle, (observations, info) = reset(handle, seed=5)
    record.add("reset", [numpy.asarray(observations), {key: numpy.asarray(value) for key, value in info.items()}])
    count = 50 if fast else 200
    actions = numpy.random.default_rng(0).integers(4, size=(count, 3)).astype(numpy.int32)
    _, results = jax.jit(lambda handle, actions: jax.lax.scan(step, handle, actions))(handle, actions)
    observations, rewards, terminated, truncated, info = jax.tree.map(numpy.asarray, results)
    record.add("scan", [observations, rewards, terminated, truncated, dict(info)])
