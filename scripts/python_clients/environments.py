"""Clients of AtariEnv, through Gymnasium's registry and wrappers."""

import pickle
import random
import warnings
from typing import Any

import numpy as np
from recording import Recorder

# In Gymnasium's registry, but not of the package that is stood in for.
ADDED_GAME = "bricks"
UNSUPPORTED = {"combat", "joust", "maze_craze", "warlords"}


def games() -> list[str]:
    import ale_py.roms

    return [game for game in ale_py.roms.get_all_rom_ids() if game not in UNSUPPORTED and game != ADDED_GAME]


def rollout(record: Recorder, env: Any, steps: int, seed: int = 0, render: bool = False) -> None:
    """Random steps; an episode's end is followed by a reset without a seed."""
    observation, info = env.reset(seed=seed)
    env.action_space.seed(seed)
    record.add("reset", [observation, info])
    for step in range(steps):
        observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
        record.add(f"step {step}", [observation, reward, terminated, truncated, info])
        if render:
            record.add(f"picture {step}", env.render())
        if terminated or truncated:
            record.add(f"reset after step {step}", list(env.reset()))


def spaces(env: Any) -> str:
    return f"{env.observation_space} {env.action_space} {env.unwrapped.metadata} {env.unwrapped.render_mode}"


ROLLOUTS: list[dict[str, Any]] = [
    {},
    {"obs_type": "ram", "render_mode": "rgb_array"},
    {"obs_type": "grayscale", "full_action_space": True, "frameskip": (2, 5), "max_num_frames_per_episode": 300},
    {"continuous": True, "continuous_action_threshold": 0.3, "repeat_action_probability": 0.0},
    {"sound_obs": True, "render_mode": "rgb_array", "mode": 0, "difficulty": 0},
]
ROLLOUT_IDS = [
    "ALE/Breakout-v5",
    "ALE/MontezumaRevenge-v5",
    "Pong-v4",
    "SpaceInvadersNoFrameskip-v0",
    "ALE/Carnival-v5",
]


def rollouts(record: Recorder, fast: bool) -> None:
    """check_env and random play of five ids with five sets of keywords."""
    import ale_py
    import gymnasium
    from gymnasium.utils.env_checker import check_env

    gymnasium.register_envs(ale_py)
    for id in ROLLOUT_IDS[: 2 if fast else None]:
        for number, keywords in enumerate(ROLLOUTS):
            record.segment(f"{id} {keywords}")
            env = gymnasium.make(id, **keywords)
            record.add("spaces", spaces(env))
            record.add("meanings", env.unwrapped.get_action_meanings())
            record.call("keys", lambda: [list(item) for item in env.unwrapped.get_keys_to_action().items()])
            rollout(record, env, 20 if fast else 100, number, "render_mode" in keywords)
            if fast and number > 1:
                continue
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                check_env(gymnasium.make(id, **keywords).unwrapped, skip_render_check=True)
            record.add("warnings", sorted(f"{w.category.__name__} {w.message}" for w in caught))


def ids(record: Recorder, fast: bool) -> None:
    """Every id is registered with its arguments; 12 steps of every game."""
    import ale_py
    import gymnasium

    gymnasium.register_envs(ale_py)
    record.segment("registry")
    own = [spec for spec in gymnasium.registry.values() if "AtariEnv" in str(spec.entry_point)]
    for spec in own:
        if spec.kwargs["game"] != ADDED_GAME:
            limits = [
                spec.max_episode_steps,
                spec.reward_threshold,
                spec.nondeterministic,
                str(spec.vector_entry_point),
            ]
            record.add(spec.id, [spec.id, str(spec.entry_point), dict(spec.kwargs), *limits])
    current = [spec for spec in own if spec.id.startswith("ALE/") and spec.kwargs["game"] != ADDED_GAME]
    for spec in current[:: 4 if fast else 1]:
        record.segment(spec.id)
        rollout(record, gymnasium.make(spec.id), 12)


def all_games(record: Recorder, fast: bool, steps: int | None) -> None:
    """Long random play of every game, pictures and RAM, with sticky actions and seeds."""
    from ale_py.env import AtariEnv

    every = 4 if fast else 1
    for number, game in enumerate(games()):
        if number % every:
            continue
        for obs_type in ("rgb", "ram"):
            record.segment(f"{game} {obs_type}")
            env = AtariEnv(game, obs_type=obs_type, repeat_action_probability=0.25, max_num_frames_per_episode=108_000)
            rollout(record, env, steps or (100 if fast else 1000), seed=number)


def preprocessing(record: Recorder, fast: bool) -> None:
    """AtariPreprocessing in three ways, FrameStackObservation, RecordEpisodeStatistics."""
    import ale_py
    import gymnasium
    from gymnasium.wrappers import AtariPreprocessing, FrameStackObservation, RecordEpisodeStatistics

    gymnasium.register_envs(ale_py)
    ways: list[dict[str, Any]] = [
        {},
        {"grayscale_obs": False, "screen_size": (96, 72), "noop_max": 7, "terminal_on_life_loss": True},
        {"scale_obs": True, "frame_skip": 3, "noop_max": 0, "grayscale_newaxis": True},
    ]
    for game in ["Breakout", "Seaquest", "Pooyan"][: 1 if fast else None]:
        for way in ways:
            record.segment(f"{game} {way}")
            env = gymnasium.make(f"{game}NoFrameskip-v4")
            env = RecordEpisodeStatistics(FrameStackObservation(AtariPreprocessing(env, **way), 4))
            observation, info = env.reset(seed=1)
            env.action_space.seed(1)
            record.add("reset", [np.asarray(observation), info])
            for step in range(60 if fast else 600):
                observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
                # The time that the episode took differs every time.
                info.get("episode", {}).pop("t", None)
                record.add(f"step {step}", [np.asarray(observation), reward, terminated, truncated, info])
                if terminated or truncated:
                    record.add("reset", [np.asarray(env.reset()[0])])


def go_explore(record: Recorder, fast: bool) -> None:
    """Search from saved states: clone, try all actions, restore, pickled states, a pickled environment."""
    import ale_py
    import gymnasium

    gymnasium.register_envs(ale_py)
    draw = random.Random(0)
    for id in ["ALE/MontezumaRevenge-v5", "ALE/PrivateEye-v5", "Pitfall-v0"][: 1 if fast else None]:
        record.segment(id)
        env = gymnasium.make(id, obs_type="ram").unwrapped
        env.reset(seed=2)
        archive = {env.ale.getRAM().tobytes(): (pickle.dumps(env.clone_state()), 0.0)}
        for step in range(20 if fast else 150):
            saved, score = draw.choice(list(archive.values()))
            for action in range(env.action_space.n):
                env.restore_state(pickle.loads(saved))
                rewards = 0.0
                for _ in range(draw.randint(1, 4)):
                    observation, reward, terminated, truncated, info = env.step(action)
                    rewards += reward
                record.add(f"step {step}, action {action}", [observation, rewards, terminated, truncated, info])
                archive.setdefault(env.ale.getRAM().tobytes(), (pickle.dumps(env.clone_state()), score + rewards))
            with_generator = env.clone_state(include_rng=True)
            again = []
            for _ in range(2):
                env.restore_state(with_generator)
                again.append([env.step(0)[0] for _ in range(5)])
            record.add("twice the same", again)
        record.add("archive", [len(archive), [score for _, score in archive.values()]])
        copy = pickle.loads(pickle.dumps(env))
        record.add("a pickled environment", [list(copy.reset(seed=9)), copy.step(1)[0]])
