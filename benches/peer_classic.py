"""The peers of the classic environments: Gymnasium itself, and DQN on LunarLander in PyTorch.

Written for these measurements. `training` has the settings of the preset `lunar-lander`: two hidden layers of 64, batch 64, an update
every 4 steps, Adam, mean squared TD error, a target network that follows by 1e-3, one environment. Both functions return a function that
measures for some seconds and returns steps a second.
"""

import numpy
import torch
from timing import rate
from torch import nn

GYMNASIUM = {"cartpole": "CartPole-v1", "lunar-lander": "LunarLander-v3"}
BATCH = 64
CAPACITY = 100_000
GAMMA = 0.995
EPSILON = 0.01
TRAIN_EVERY = 4
TAU = 1e-3
WARM_UP_STEPS = 1_000


def steps(name):
    """Steps a second with random actions, drawn in advance."""
    import gymnasium

    environment = gymnasium.make(GYMNASIUM[name])
    environment.reset(seed=0)
    draws = numpy.random.default_rng(0).integers(environment.action_space.n, size=65_536).tolist()
    actions = iter(draws * 256)

    def step():
        _, _, terminated, truncated, _ = environment.step(next(actions))
        if terminated or truncated:
            environment.reset()

    return lambda seconds: rate(seconds, 64, step)


class Replay:
    """Transitions in arrays."""

    def __init__(self, numbers):
        self.observations = numpy.zeros((CAPACITY, numbers), numpy.float32)
        self.next_observations = numpy.zeros((CAPACITY, numbers), numpy.float32)
        self.actions = numpy.zeros((CAPACITY, 1), numpy.int64)
        self.rewards = numpy.zeros(CAPACITY, numpy.float32)
        self.terminals = numpy.zeros(CAPACITY, numpy.float32)
        self.added = 0

    def add(self, observation, action, reward, following, terminal):
        place = self.added % CAPACITY
        self.observations[place], self.next_observations[place] = observation, following
        self.actions[place], self.rewards[place], self.terminals[place] = action, reward, terminal
        self.added += 1

    def sample(self, generator):
        drawn = generator.integers(min(self.added, CAPACITY), size=BATCH)
        arrays = self.observations, self.actions, self.rewards, self.next_observations, self.terminals
        return [torch.from_numpy(array[drawn]) for array in arrays]


def training():
    """Training steps a second, after a warm-up that fills the replay."""
    import gymnasium

    environment = gymnasium.make("LunarLander-v3")
    numbers, actions = environment.observation_space.shape[0], int(environment.action_space.n)
    network = lambda: nn.Sequential(nn.Linear(numbers, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, actions))
    online, target = network(), network()
    target.load_state_dict(online.state_dict())
    optimizer = torch.optim.Adam(online.parameters(), lr=1e-3)
    replay, generator = Replay(numbers), numpy.random.default_rng(0)
    observation, _ = environment.reset(seed=0)
    taken = 0

    def act(observation):
        with torch.no_grad():
            return int(online(torch.from_numpy(observation)).argmax())

    def update():
        observations, chosen, rewards, following, terminals = replay.sample(generator)
        with torch.no_grad():
            wanted = rewards + GAMMA * target(following).max(dim=1)[0] * (1 - terminals)
        predicted = online(observations).gather(1, chosen).squeeze(1)
        loss = nn.functional.mse_loss(predicted, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for theirs, ours in zip(target.parameters(), online.parameters()):
                theirs.lerp_(ours, TAU)

    def step():
        nonlocal observation, taken
        action = int(generator.integers(actions)) if generator.random() < EPSILON else act(observation)
        following, reward, terminated, truncated, _ = environment.step(action)
        replay.add(observation, action, reward, following, terminated)
        observation = environment.reset()[0] if terminated or truncated else following
        taken += 1
        if taken > WARM_UP_STEPS and taken % TRAIN_EVERY == 0:
            update()

    for _ in range(WARM_UP_STEPS):
        step()
    return lambda seconds: rate(seconds, 16, step)
