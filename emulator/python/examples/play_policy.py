"""Plays games with a network that atari-dqn has trained. Needs numpy and gymnasium, no PyTorch.

atari-dqn train --rom pong --preset pqn-cpu --run-dir runs/pong
python play_policy.py runs/pong --games 30
"""

import argparse

import atari_emulator as ale_py  # with the reference: import ale_py
import numpy as np
from atari_emulator.policy import load_policy

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("policy", help="run folder of atari-dqn, or a .safetensors file")
parser.add_argument("--games", type=int, default=30, help="played side by side [%(default)s]")
parser.add_argument("--steps", type=int, default=4_500, help="longest game, in acts [%(default)s: 5 minutes]")
parser.add_argument("--epsilon", type=float, default=0.05, help="share of random actions [%(default)s]")
parser.add_argument("--seed", type=int, default=0, help="game i has seed SEED + i [%(default)s]")
args = parser.parse_args()

policy = load_policy(args.policy)
print(policy)
envs = ale_py.AtariVectorEnv(policy.game, args.games, reward_clipping=False, **policy.vector_settings())
generator = np.random.default_rng(args.seed)
scores, playing = np.zeros(args.games), np.ones(args.games, bool)
observations, _ = envs.reset(seed=args.seed)
for _ in range(args.steps):
    actions = policy.act(observations, args.epsilon, generator)
    observations, rewards, terminated, truncated, _ = envs.step(actions)
    scores += rewards * playing
    playing &= ~(terminated | truncated)
    if not playing.any():
        break
print(f"mean score of {args.games} games: {scores.mean():.1f}, from {scores.min():g} to {scores.max():g}")
