"""Stable-Baselines3 learns as it does with ale_py. Needs stable-baselines3, torch and opencv-python-headless."""

import argparse

import atari_emulator as ale_py  # with the reference: import ale_py
import gymnasium
from stable_baselines3 import DQN
from stable_baselines3.common.env_util import make_atari_env
from stable_baselines3.common.vec_env import VecFrameStack

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--steps", type=int, default=1_000_000, help="[%(default)s]")
args = parser.parse_args()

gymnasium.register_envs(ale_py)
envs = VecFrameStack(make_atari_env("BreakoutNoFrameskip-v4", n_envs=4, seed=0), n_stack=4)
model = DQN("CnnPolicy", envs, buffer_size=50_000, seed=0, verbose=1)
model.learn(args.steps, log_interval=100)
print(f"{model.num_timesteps} steps learned")
