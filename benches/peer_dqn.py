"""The learner's peer for speed comparisons: DQN in PyTorch on a gymnasium environment, as in CleanRL.

Written for these measurements. Settings of the preset `cleanrl`: Nature network, batch of 32, one update every 4 steps, Adam,
mean squared TD error, target network copied every 1,000 steps, one environment, epsilon 0.01. `updates`, `decisions` and
`training` return a function that measures for some seconds and returns a rate.
"""

import numpy
import torch
from timing import rate
from torch import nn

BATCH = 32
CAPACITY = 20_000
GAMMA = 0.99
EPSILON = 0.01
TRAIN_EVERY = 4
SYNC_EVERY = 1_000
WARM_UP_STEPS = 1_000


def network(actions):
    return nn.Sequential(
        nn.Conv2d(4, 32, 8, stride=4), nn.ReLU(),
        nn.Conv2d(32, 64, 4, stride=2), nn.ReLU(),
        nn.Conv2d(64, 64, 3), nn.ReLU(),
        nn.Flatten(), nn.Linear(3136, 512), nn.ReLU(), nn.Linear(512, actions),
    )  # fmt: skip


class Learner:
    """The online and the target network with Adam."""

    def __init__(self, actions):
        self.online, self.target = network(actions), network(actions)
        self.sync()
        self.optimizer = torch.optim.Adam(self.online.parameters(), lr=1e-4)

    def sync(self):
        self.target.load_state_dict(self.online.state_dict())

    def update(self, observations, actions, rewards, next_observations, terminals):
        with torch.no_grad():
            best, _ = self.target(next_observations / 255.0).max(dim=1)
            wanted = rewards + GAMMA * best * (1 - terminals)
        predicted = self.online(observations / 255.0).gather(1, actions).squeeze(1)
        loss = nn.functional.mse_loss(wanted, predicted)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def act(self, observation):
        with torch.no_grad():
            return int(self.online(torch.from_numpy(observation).unsqueeze(0) / 255.0).argmax())


class Replay:
    """Stores whole stacks in arrays, as most programs do."""

    def __init__(self):
        self.observations = numpy.zeros((CAPACITY, 4, 84, 84), numpy.uint8)
        self.next_observations = numpy.zeros((CAPACITY, 4, 84, 84), numpy.uint8)
        self.actions = numpy.zeros((CAPACITY, 1), numpy.int64)
        self.rewards = numpy.zeros(CAPACITY, numpy.float32)
        self.terminals = numpy.zeros(CAPACITY, numpy.float32)
        self.added = 0

    def add(self, observation, action, reward, next_observation, terminal):
        place = self.added % CAPACITY
        self.observations[place], self.next_observations[place] = observation, next_observation
        self.actions[place], self.rewards[place], self.terminals[place] = action, reward, terminal
        self.added += 1

    def sample(self, generator):
        drawn = generator.integers(min(self.added, CAPACITY), size=BATCH)
        arrays = self.observations, self.actions, self.rewards, self.next_observations, self.terminals
        return [torch.from_numpy(array[drawn]) for array in arrays]


def updates():
    """Updates a second on a batch of random pixels."""
    learner, replay, generator = Learner(6), Replay(), numpy.random.default_rng(0)
    pixels = lambda: generator.integers(256, size=(4, 84, 84), dtype=numpy.uint8)
    for _ in range(BATCH):
        replay.add(pixels(), generator.integers(6), generator.integers(-1, 2), pixels(), generator.random() < 0.1)
    batch = replay.sample(generator)
    learner.update(*batch)
    return lambda seconds: rate(seconds, 4, lambda: learner.update(*batch))


def decisions():
    """Greedy actions a second, one state at a time."""
    learner = Learner(6)
    observation = numpy.random.default_rng(0).integers(256, size=(4, 84, 84), dtype=numpy.uint8)
    learner.act(observation)
    return lambda seconds: rate(seconds, 16, lambda: learner.act(observation))


def training(game):
    """Training steps a second, after a warm-up that fills the replay with different transitions."""
    import ale_py
    import gymnasium

    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    gymnasium.register_envs(ale_py)
    name = "".join(part.capitalize() for part in game.split("_"))
    environment = gymnasium.make(f"ALE/{name}-v5", frameskip=1, repeat_action_probability=0.0, full_action_space=False)
    environment = gymnasium.wrappers.AtariPreprocessing(environment, noop_max=30, terminal_on_life_loss=True)
    environment = gymnasium.wrappers.FrameStackObservation(environment, 4)
    learner, replay = Learner(environment.action_space.n), Replay()
    generator = numpy.random.default_rng(0)
    observation, steps = numpy.asarray(environment.reset(seed=0)[0]), 0

    def step():
        nonlocal observation, steps
        explore = generator.random() < EPSILON
        action = int(generator.integers(environment.action_space.n)) if explore else learner.act(observation)
        following, reward, terminal, truncated, _ = environment.step(action)
        following = numpy.asarray(following)
        replay.add(observation, action, float(numpy.sign(reward)), following, terminal)
        if terminal or truncated:
            following = numpy.asarray(environment.reset()[0])
        observation = following
        steps += 1
        if steps > WARM_UP_STEPS and steps % TRAIN_EVERY == 0:
            learner.update(*replay.sample(generator))
        if steps % SYNC_EVERY == 0:
            learner.sync()

    for _ in range(WARM_UP_STEPS):
        step()
    return lambda seconds: rate(seconds, TRAIN_EVERY, step)
