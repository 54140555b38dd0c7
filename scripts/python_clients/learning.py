"""Clients that learn: PPO in the manner of CleanRL, and Stable-Baselines3's DQN. Their parameters are in the digest."""

from typing import Any

import numpy as np
from recording import Recorder


def add_parameters(record: Recorder, module: Any) -> None:
    for name, tensor in module.state_dict().items():
        record.add(name, tensor.detach().cpu().numpy())


def make_wrapped(seed: int) -> Any:
    """Breakout with the wrappers that CleanRL takes from Stable-Baselines3."""
    import gymnasium
    from gymnasium import wrappers
    from stable_baselines3.common import atari_wrappers

    env = gymnasium.make("BreakoutNoFrameskip-v4")
    env = wrappers.RecordEpisodeStatistics(env)
    env = atari_wrappers.NoopResetEnv(env, noop_max=30)
    env = atari_wrappers.MaxAndSkipEnv(env, skip=4)
    env = atari_wrappers.EpisodicLifeEnv(env)
    env = atari_wrappers.FireResetEnv(env)
    env = atari_wrappers.ClipRewardEnv(env)
    env = wrappers.ResizeObservation(env, (84, 84))
    env = wrappers.GrayscaleObservation(env)
    env = wrappers.FrameStackObservation(env, 4)
    env.action_space.seed(seed)
    return env


def ppo(record: Recorder, fast: bool) -> None:
    """Two updates of PPO (Schulman et al. 2017) on four environments."""
    import ale_py
    import gymnasium
    import torch
    from torch import nn

    gymnasium.register_envs(ale_py)
    torch.manual_seed(1)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    count, steps = 4, 32 if fast else 128
    envs = gymnasium.vector.SyncVectorEnv([lambda seed=seed: make_wrapped(seed) for seed in range(count)])
    body = nn.Sequential(
        nn.Conv2d(4, 16, 8, 4), nn.ReLU(), nn.Conv2d(16, 32, 4, 2), nn.ReLU(),
        nn.Flatten(), nn.Linear(2592, 128), nn.ReLU(),
    )  # fmt: skip
    network = nn.ModuleDict({"body": body, "policy": nn.Linear(128, 4), "value": nn.Linear(128, 1)})
    optimizer = torch.optim.Adam(network.parameters(), 2.5e-4, eps=1e-5)

    def evaluate(pictures: torch.Tensor) -> tuple[Any, torch.Tensor]:
        features = network["body"](pictures.float() / 255)
        return torch.distributions.Categorical(logits=network["policy"](features)), network["value"](features)[:, 0]

    record.segment("breakout")
    seen = torch.from_numpy(envs.reset(seed=1)[0])
    for update in range(2):
        rows = []
        for step in range(steps):
            with torch.no_grad():
                policy, value = evaluate(seen)
                action = policy.sample()
            observations, rewards, terminated, truncated, _ = envs.step(action.numpy())
            record.add(f"update {update}, step {step}", [observations, rewards, terminated, truncated])
            ended = torch.from_numpy(terminated | truncated).float()
            rows.append((seen, action, policy.log_prob(action), value, torch.from_numpy(rewards).float(), ended))
            seen = torch.from_numpy(observations)
        with torch.no_grad():
            following = evaluate(seen)[1]
        learn(rows, following, evaluate, network, optimizer)
        add_parameters(record, network)
    envs.close()


def learn(rows: list, following: Any, evaluate: Any, network: Any, optimizer: Any) -> None:
    """One epoch of minibatches on generalized advantages (Schulman et al. 2016)."""
    import torch

    seen, actions, old, values, rewards, ended = (torch.stack(column) for column in zip(*rows))
    advantages, advantage = torch.zeros_like(rewards), 0.0
    for step in reversed(range(len(rows))):
        delta = rewards[step] + 0.99 * following * (1 - ended[step]) - values[step]
        advantage = delta + 0.99 * 0.95 * (1 - ended[step]) * advantage
        advantages[step], following = advantage, values[step]
    returns = advantages + values
    seen, actions, old, returns, advantages = (x.flatten(0, 1) for x in (seen, actions, old, returns, advantages))
    for batch in torch.randperm(len(seen)).split(32):
        policy, value = evaluate(seen[batch])
        ratio = (policy.log_prob(actions[batch]) - old[batch]).exp()
        gain = advantages[batch]
        clipped = torch.minimum(gain * ratio, gain * ratio.clamp(0.9, 1.1)).mean()
        loss = 0.5 * (value - returns[batch]).square().mean() - clipped - 0.01 * policy.entropy().mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 0.5)
        optimizer.step()


def sb3_dqn(record: Recorder, fast: bool) -> None:
    """Stable-Baselines3's DQN("CnnPolicy") with its own Atari wrappers."""
    import ale_py
    import gymnasium
    import torch
    from stable_baselines3 import DQN
    from stable_baselines3.common.env_util import make_atari_env

    gymnasium.register_envs(ale_py)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    steps = 400 if fast else 2000
    env = make_atari_env("BreakoutNoFrameskip-v4", n_envs=1, seed=0)
    model = DQN("CnnPolicy", env, buffer_size=steps, learning_starts=100, seed=0, device="cpu")
    model.learn(steps)
    record.segment("replay buffer")
    buffer = model.replay_buffer
    for name in ("observations", "actions", "rewards", "dones"):
        record.add(name, np.asarray(getattr(buffer, name)))
    record.segment("parameters")
    add_parameters(record, model.policy)
