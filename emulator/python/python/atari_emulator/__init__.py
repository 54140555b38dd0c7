"""An Atari 2600 that equals the Arcade Learning Environment bit for bit, and stands in for ale_py.

`import atari_emulator as ale_py` has ale_py's names, submodules and, if Gymnasium is there, environment ids.
`install_as_ale_py()` and `python -m atari_emulator SCRIPT` make unchanged programs use it that import `ale_py`
themselves.
"""

from atari_emulator import roms
from atari_emulator._ale_py import SDL_SUPPORT, ALEInterface, ALEState, Action, LoggerMode, __version__
from atari_emulator.policy import Policy, load_policy
from atari_emulator.stand_in import install_as_ale_py

__all__ = ["Action", "ALEInterface", "ALEState", "LoggerMode", "SDL_SUPPORT"]
__all__ += ["Policy", "install_as_ale_py", "load_policy"]

try:
    import gymnasium
except ImportError:
    # The native classes need no Gymnasium; there are no environments and no ids then.
    pass
else:
    del gymnasium
    from atari_emulator._ale_py import ALEVectorInterface
    from atari_emulator.env import AtariEnv, AtariEnvStepMetadata
    from atari_emulator.registration import register_environments, register_v0_v4_envs, register_v5_envs
    from atari_emulator.vector_env import AtariVectorEnv

    __all__ += ["AtariEnv", "AtariEnvStepMetadata", "AtariVectorEnv", "ALEVectorInterface"]
    register_environments()
    del register_environments
