from atari_emulator import _ale_py as _ale_py
from atari_emulator import env as env
from atari_emulator import registration as registration
from atari_emulator import roms as roms
from atari_emulator import vector_env as vector_env
from atari_emulator._ale_py import SDL_SUPPORT as SDL_SUPPORT
from atari_emulator._ale_py import Action as Action
from atari_emulator._ale_py import ALEInterface as ALEInterface
from atari_emulator._ale_py import ALEState as ALEState
from atari_emulator._ale_py import ALEVectorInterface as ALEVectorInterface
from atari_emulator._ale_py import LoggerMode as LoggerMode
from atari_emulator._ale_py import __version__ as __version__
from atari_emulator.env import AtariEnv as AtariEnv
from atari_emulator.env import AtariEnvStepMetadata as AtariEnvStepMetadata
from atari_emulator.policy import Policy as Policy
from atari_emulator.policy import load_policy as load_policy
from atari_emulator.registration import register_v0_v4_envs as register_v0_v4_envs
from atari_emulator.registration import register_v5_envs as register_v5_envs
from atari_emulator.stand_in import install_as_ale_py as install_as_ale_py
from atari_emulator.vector_env import AtariVectorEnv as AtariVectorEnv

__all__ = [
    "ALEInterface",
    "ALEState",
    "ALEVectorInterface",
    "Action",
    "AtariEnv",
    "AtariEnvStepMetadata",
    "AtariVectorEnv",
    "LoggerMode",
    "Policy",
    "SDL_SUPPORT",
    "install_as_ale_py",
    "load_policy",
]
