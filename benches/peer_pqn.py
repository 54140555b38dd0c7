#!/usr/bin/env python3
"""PQN's peer for speed comparisons: Gallici et al. 2025 in PyTorch, on ale-py's vector of environments.

Written for these measurements, with the settings of CleanRL's `pqn_atari_envpool`: 8 environments, rollouts of 128 steps, 4 epochs
of minibatches of 256, RAdam, the Nature network with a LayerNorm over each whole picture before each ReLU. Where that program
and the paper leave a choice, this is the method that atari-dqn implements too: a finished game is reset in the step that ended it,
a lost life ends the learning episode but not the game, and a game that was cut off is bootstrapped.

    benches/peer_pqn.py          # checks the targets against numbers worked out by hand
    benches/vs_peers.py pqn      # measures (installs what is needed)
"""

import os

# Threads that wait for the next part of a layer sleep instead of spinning: the environments need the cores in between, and
# spinning next to any other load makes decisions for 8 states many times slower. It must be set before PyTorch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy
import torch
from timing import rate
from torch import nn

ENVIRONMENTS = 8
HORIZON = 128
EPOCHS = 4
MINIBATCH = 256
TRANSITIONS = ENVIRONMENTS * HORIZON
GAMMA = 0.99
LAMBDA = 0.65
GRADIENT_NORM = 10.0
LEARNING_RATE = 2.5e-4
TOTAL_STEPS = 10_000_000  # The learning rate falls to 0 over them.
# Epsilon after its decay, from the start, as in `atari-dqn bench train`: the games are then of the length of later ones.
EPSILON = 0.01


def cores():
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def network(actions):
    layers = nn.Sequential(
        nn.Conv2d(4, 32, 8, stride=4), nn.LayerNorm([32, 20, 20]), nn.ReLU(),
        nn.Conv2d(32, 64, 4, stride=2), nn.LayerNorm([64, 9, 9]), nn.ReLU(),
        nn.Conv2d(64, 64, 3), nn.LayerNorm([64, 7, 7]), nn.ReLU(),
        nn.Flatten(), nn.Linear(3136, 512), nn.LayerNorm(512), nn.ReLU(), nn.Linear(512, actions),
    )  # fmt: skip
    for layer in layers:
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.orthogonal_(layer.weight, 2**0.5)
            nn.init.zeros_(layer.bias)
    # Pictures with the channels last: an update takes a fifth less time on the CPU.
    return layers.to(memory_format=torch.channels_last)


def targets(rewards, terminal, truncated, best, boot, last, gamma=GAMMA, trace=LAMBDA):
    """Q(lambda) targets [T, E], Peng's form.

    `best` [T, E] is the largest Q-value of each state, `boot` [E] that of the states after the rollout, `last` [T, E] that of the
    states with which games were cut off.
    """
    wanted = numpy.empty_like(rewards)
    ahead = following = boot
    for t in reversed(range(len(rewards))):
        ahead = rewards[t] + gamma * (trace * ahead + (1 - trace) * following)
        ahead = numpy.where(truncated[t], rewards[t] + gamma * last[t], ahead)
        ahead = numpy.where(terminal[t], rewards[t], ahead)
        wanted[t] = ahead
        following = best[t]
    return wanted


def check_targets():
    """Compares `targets` with numbers worked out by hand: gamma 0.9, four steps."""
    best, boot = [0.5, 0.6, 0.2, 0.4], 0.8
    cases = [
        # lambda, rewards, step that is terminal, step that is truncated (with a value of 0.7), targets
        (0.5, [0, 1, 0, 0], None, None, [0.86256, 1.3168, 0.504, 0.72]),
        (0.0, [0, 1, 0, 0], None, None, [0.54, 1.18, 0.36, 0.72]),
        (1.0, [0, 1, 0, 0], None, None, [1.42488, 1.5832, 0.648, 0.72]),
        (0.5, [0, 1, 0, -1], 2, None, [0.7605, 1.09, 0, -0.28]),
        (0.5, [0, 1, 0, 0], None, 1, [1.0035, 1.63, 0.504, 0.72]),
    ]
    column = lambda values: numpy.array(values, numpy.float64).reshape(4, 1)
    flag = lambda step: (numpy.arange(4) == (-1 if step is None else step)).reshape(4, 1)
    for trace, rewards, terminal, truncated, expected in cases:
        found = targets(
            column(rewards), flag(terminal), flag(truncated), column(best), numpy.array([boot]), column([0.7] * 4), 0.9, trace
        )
        assert numpy.allclose(found, column(expected), rtol=0, atol=1e-9), (trace, found.ravel(), expected)


class Learner:
    def __init__(self, actions):
        self.network = network(actions)
        self.parameters = list(self.network.parameters())
        self.optimizer = torch.optim.RAdam(self.parameters, lr=LEARNING_RATE)

    def q_values(self, observations):
        """Q-values [n, actions] of gray values [n, 84, 84, 4] from 0 to 255."""
        return self.network(observations.permute(0, 3, 1, 2).float().div_(255))

    @torch.inference_mode()
    def evaluate(self, observations):
        """The best action of each state and its Q-value, in numpy."""
        best, actions = self.q_values(observations).max(dim=1)
        return actions.numpy(), best.numpy()

    def update(self, observations, actions, wanted):
        taken = self.q_values(observations).gather(1, actions).squeeze(1)
        loss = 0.5 * nn.functional.mse_loss(taken, wanted)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, GRADIENT_NORM)
        self.optimizer.step()

    def learn(self, observations, actions, wanted):
        """All epochs on one rollout: tensors [n, ...] of its transitions."""
        for _ in range(EPOCHS):
            for chosen in torch.randperm(len(actions)).split(MINIBATCH):
                self.update(observations[chosen], actions[chosen], wanted[chosen])

    def set_progress(self, done):
        """Sets the learning rate for a share of the whole training."""
        for group in self.optimizer.param_groups:
            group["lr"] = LEARNING_RATE * max(0.0, 1 - done)


def pictures(observations):
    """Observations of the vector [n, 4, 84, 84] with the channels last, not copied."""
    return torch.from_numpy(observations).permute(0, 2, 3, 1)


class Rollout:
    """Plays the environments and keeps what an iteration learns from."""

    def __init__(self, game, threads):
        import ale_py
        from ale_py.vector_env import AtariVectorEnv
        from gymnasium.vector import AutoresetMode

        ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
        # With `life_loss_info` a lost life is reported as terminal, and the game goes on. The default of the vector is one more
        # step with an ignored action to reset a game, which would have to be left out of the rollout.
        self.environments = AtariVectorEnv(
            game, num_envs=ENVIRONMENTS, num_threads=threads, autoreset_mode=AutoresetMode.SAME_STEP, life_loss_info=True
        )
        self.choices = int(self.environments.single_action_space.n)
        self.now = self.environments.reset(seed=0)[0]
        self.generator = numpy.random.default_rng(0)
        shape = HORIZON, ENVIRONMENTS
        self.observations = torch.empty((*shape, 84, 84, 4), dtype=torch.uint8)
        self.actions = numpy.empty(shape, numpy.int64)
        self.rewards, self.best, self.last = (numpy.zeros(shape, numpy.float32) for _ in range(3))
        self.terminal, self.truncated = (numpy.zeros(shape, bool) for _ in range(2))

    def play(self, learner):
        """Plays an iteration's steps and returns (observations, actions, targets), one row a transition."""
        for t in range(HORIZON):
            shown = self.observations[t]
            shown.copy_(pictures(self.now))
            actions, self.best[t] = learner.evaluate(shown)
            explore = self.generator.random(ENVIRONMENTS) < EPSILON
            actions = numpy.where(explore, self.generator.integers(self.choices, size=ENVIRONMENTS), actions)
            self.actions[t] = actions
            self.now, self.rewards[t], terminal, truncated, extra = self.environments.step(actions)
            self.terminal[t], self.truncated[t] = terminal, truncated
            if truncated.any():
                _, self.last[t] = learner.evaluate(pictures(extra["final_obs"]))
        _, boot = learner.evaluate(pictures(self.now))
        wanted = targets(self.rewards, self.terminal, self.truncated, self.best, boot, self.last)
        return self.observations.flatten(0, 1), torch.from_numpy(self.actions).view(-1, 1), torch.from_numpy(wanted).view(-1)


def training(game, threads=None):
    """Returns a function that measures training steps a second, in whole iterations, on `threads` threads [all cores]."""
    check_targets()
    threads = threads or cores()
    torch.set_num_threads(threads)
    rollout = Rollout(game, threads)
    learner = Learner(rollout.choices)
    steps = 0

    def iteration():
        nonlocal steps
        learner.set_progress(steps / TOTAL_STEPS)
        learner.learn(*rollout.play(learner))
        steps += TRANSITIONS

    iteration()
    return lambda seconds: rate(seconds, 1, iteration) * TRANSITIONS


if __name__ == "__main__":
    check_targets()
    print("the targets are right")
