"""Stands for ale-py where this folder comes first on the path: gives atari_emulator under the name `ale_py`."""

from atari_emulator.stand_in import install_as_ale_py

# Replaces this module in sys.modules, so that whoever imports `ale_py` gets atari_emulator itself.
install_as_ale_py()
