"""An Atari 2600 that equals the Arcade Learning Environment bit for bit, and stands in for ale_py."""

from atari_emulator._ale_py import SDL_SUPPORT, Action, LoggerMode, __version__
