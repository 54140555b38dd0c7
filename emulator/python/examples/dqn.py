"""DQN (Mnih et al. 2015) in one file, on a vector of environments: PyTorch learns, AtariVectorEnv plays.

    python dqn.py --game pong --steps 2000000

Needs torch, numpy and gymnasium. The replay keeps single pictures, and builds the stacks of four when they are drawn.
"""

import argparse
import collections
import time

import atari_emulator as ale_py  # with the reference: import ale_py
import numpy as np
import torch
from torch import nn

GAMMA, LEARNING_RATE, BATCH, STACK = 0.99, 1e-4, 32, 4
# Steps: of all environments together, four frames each.
TRAIN_EVERY, SYNC_TARGET_EVERY, REPORT_EVERY = 4, 4_000, 10_000


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--game", default="pong", help="as in ale_py.roms [%(default)s]")
    parser.add_argument("--steps", type=int, default=2_000_000, help="of all environments together [%(default)s]")
    parser.add_argument("--num-envs", type=int, default=8, help="environments [%(default)s]")
    parser.add_argument(
        "--learning-starts", type=int, default=20_000, help="steps before the first update [%(default)s]"
    )
    parser.add_argument("--replay", type=int, default=200_000, help="transitions, 7 kB each [%(default)s]")
    parser.add_argument("--seed", type=int, default=0, help="of everything random [%(default)s]")
    return parser.parse_args()


class Replay:
    """A ring of the last pictures of each environment, with what was done and what came of it."""

    def __init__(self, rows, num_envs):
        self.frames = np.zeros((rows, num_envs, 84, 84), np.uint8)
        self.ages = np.zeros((rows, num_envs), np.int64)  # steps since the episode began
        self.actions = np.zeros((rows, num_envs), np.int64)
        self.rewards = np.zeros((rows, num_envs), np.float32)
        self.terminated = np.zeros((rows, num_envs), bool)
        self.acted = np.zeros((rows, num_envs), bool)  # False: the environment ignored the action and began an episode
        self.rows, self.count = rows, 0

    def add(self, frames, ages, actions, rewards, terminated, acted):
        row = self.count % self.rows
        self.frames[row], self.ages[row], self.actions[row] = frames, ages, actions
        self.rewards[row], self.terminated[row], self.acted[row] = rewards, terminated, acted
        self.count += 1

    def stacks(self, rows, envs):
        """The newest picture and the three before it; black before the episode began, as AtariVectorEnv has it."""
        back = np.arange(STACK - 1, -1, -1)
        pictures = self.frames[(rows[:, None] - back) % self.rows, envs[:, None]]
        pictures[back > self.ages[rows % self.rows, envs][:, None]] = 0
        return pictures

    def sample(self, generator):
        """Observations, actions, rewards, next observations, and whether the game was over."""
        # Rows that have the three before them and the one after them.
        first = max(self.count - self.rows, 0) + STACK - 1
        rows, envs = generator.integers((first, 0), (self.count - 1, self.frames.shape[1]), (4 * BATCH, 2)).T
        drawn = np.flatnonzero(self.acted[rows % self.rows, envs])[:BATCH]
        rows, envs = rows[drawn], envs[drawn]
        at = (rows % self.rows, envs)
        nexts = self.stacks(rows + 1, envs)
        return self.stacks(rows, envs), self.actions[at], self.rewards[at], nexts, self.terminated[at]


def make_network(actions):
    return nn.Sequential(
        nn.Conv2d(STACK, 32, 8, 4), nn.ReLU(), nn.Conv2d(32, 64, 4, 2), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.ReLU(),
        nn.Flatten(), nn.Linear(3136, 512), nn.ReLU(), nn.Linear(512, actions),
    )  # fmt: skip


def q_values(network, pictures):
    return network(torch.from_numpy(pictures).to(network[0].weight) / 255)


def update(network, target, optimizer, batch):
    observations, actions, rewards, nexts, terminated = batch
    with torch.no_grad():
        best = q_values(target, nexts).amax(1).cpu()
    goals = torch.from_numpy(rewards) + GAMMA * best * torch.from_numpy(~terminated)
    chosen = q_values(network, observations).cpu().gather(1, torch.from_numpy(actions)[:, None])[:, 0]
    loss = nn.functional.smooth_l1_loss(chosen, goals)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def main():
    args = parse_arguments()
    torch.manual_seed(args.seed)
    generator = np.random.default_rng(args.seed)
    # Rewards are clipped in the replay only, so that the returns shown are the game's scores.
    envs = ale_py.AtariVectorEnv(args.game, args.num_envs, reward_clipping=False)
    actions = int(envs.single_action_space.n)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network, target = make_network(actions).to(device), make_network(actions).to(device)
    target.load_state_dict(network.state_dict())
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    replay = Replay(max(args.replay // args.num_envs, STACK + 2), args.num_envs)

    observations, _ = envs.reset(seed=args.seed)
    ages, acted = np.zeros(args.num_envs, np.int64), np.ones(args.num_envs, bool)
    returns, scores, begun = np.zeros(args.num_envs), collections.deque(maxlen=100), time.perf_counter()
    for step in range(0, args.steps, args.num_envs):
        epsilon = max(0.01, 1 - 0.99 * step / (0.1 * args.steps))
        with torch.no_grad():
            greedy = q_values(network, observations).argmax(1).cpu().numpy()
        explores = generator.random(args.num_envs) < epsilon
        chosen = np.where(explores, generator.integers(actions, size=args.num_envs), greedy)
        nexts, rewards, terminated, truncated, _ = envs.step(chosen)
        replay.add(observations[:, -1], ages, chosen, np.sign(rewards), terminated, acted)
        returns += rewards
        ended = terminated | truncated
        scores.extend(returns[ended])
        returns[ended] = 0
        # After an episode's end the next step only begins the next one, whatever the action.
        ages = np.where(acted, ages + 1, 0)
        observations, acted = nexts, ~ended
        if step >= args.learning_starts and replay.count > STACK + 1:
            for _ in range(max(1, args.num_envs // TRAIN_EVERY)):
                update(network, target, optimizer, replay.sample(generator))
        if step // SYNC_TARGET_EVERY != (step + args.num_envs) // SYNC_TARGET_EVERY:
            target.load_state_dict(network.state_dict())
        if step // REPORT_EVERY != (step + args.num_envs) // REPORT_EVERY or step + args.num_envs >= args.steps:
            speed = (step + args.num_envs) / (time.perf_counter() - begun)
            score = f"mean score of {len(scores)} games {np.mean(scores):.1f}" if scores else "no game has ended"
            print(f"step {step + args.num_envs:,}: {score}, epsilon {epsilon:.2f}, {speed:.0f} steps/s", flush=True)
    envs.close()


if __name__ == "__main__":
    main()
