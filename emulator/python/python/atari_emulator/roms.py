"""Where the cartridges are: the names of the games, and the file of each.

The package holds one cartridge, `bricks`. The others are looked for in three places, in this order:

1. the folder that the environment variable `ALE_ROMS_DIR` names;
2. this project's folders: `./roms`, then the folder that `ATARI_ROMS` names;
3. the `roms` folder of an installed ale-py, which is not imported for that.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
import warnings
from importlib.machinery import PathFinder
from pathlib import Path

from atari_emulator.cartridges import MD5
from atari_emulator.stand_in import SHIM_FOLDER

#: Name of the game that is part of this package. It is not among ale-py's 108.
BUILT_IN = "bricks"

_ROM_IDS = list(MD5)


def get_all_rom_ids() -> list[str]:
    """Names of ale-py's 108 cartridges in snake case. Every call returns the same list.

    104 of them are games with rules. combat, joust, maze_craze and warlords are for two players only, and have none.
    `bricks` is not listed.
    """
    return _ROM_IDS


def get_rom_path(name: str) -> Path | None:
    """The file of the game called `name`, such as "ms_pacman". "bricks" is always there.

    The first file found decides. Gives None, with a UserWarning, for an unknown name. If `ALE_ROMS_DIR` is set, every
    call prints a line that says so to stdout, as ale-py's does.

    Raises:
        NotADirectoryError: `ALE_ROMS_DIR` names something that is not a folder.
        FileNotFoundError: No folder has the file. The message names the folders, and three ways to get cartridges.
        OSError: The file is another image: its MD5 is not the expected one.
    """
    if name == BUILT_IN:
        return Path(__file__).with_name("bricks.bin")
    users_folder = _users_folder()
    if name not in MD5:
        warnings.warn(f"Rom {name} not supported.", stacklevel=2)
        return None
    for folder in [*users_folder, *_project_folders(), *_ale_py_folder()]:
        path = folder / f"{name}.bin"
        if path.is_file():
            _check(path, MD5[name])
            return path
    raise FileNotFoundError(_how_to_get(name))


def _users_folder() -> list[Path]:
    """The folder that `ALE_ROMS_DIR` names, if it is set."""
    variable = os.environ.get("ALE_ROMS_DIR")
    if not variable:
        return []
    print(f"Loading roms from {variable}...")
    folder = Path(variable)
    if not folder.exists():
        raise NotADirectoryError(f"ROM directory {variable} doesn't exist")
    if not folder.is_dir():
        raise NotADirectoryError(f"ROM directory {variable} isn't a directory")
    return [folder]


def _project_folders() -> list[Path]:
    """The folders in which the program `atari-dqn` looks for names."""
    variable = os.environ.get("ATARI_ROMS")
    return [Path("roms"), *([Path(variable)] if variable else [])]


@functools.lru_cache(maxsize=1)
def _ale_py_folder() -> list[Path]:
    """The cartridges of an installed ale-py. It is not imported, since that would register its environments."""
    folders = [folder for folder in sys.path if folder != SHIM_FOLDER]
    spec = PathFinder.find_spec("ale_py", folders)
    if spec is None or spec.origin is None:
        return []
    return [Path(spec.origin).with_name("roms")]


def _check(path: Path, expected: str) -> None:
    found = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    if found != expected:
        raise OSError(
            f"The hash of {path.name} does not match what was expected!\n"
            f"Expected ({expected}),\nObtained ({found}).\nThe file is {path}"
        )


def _how_to_get(name: str) -> str:
    user = os.environ.get("ALE_ROMS_DIR")
    project = os.environ.get("ATARI_ROMS")
    ale_py = [str(folder) for folder in _ale_py_folder()]
    return (
        f"no cartridge of {name}: {name}.bin is in none of these folders: $ALE_ROMS_DIR ({user or 'not set'}), "
        f"./roms ({Path('roms').resolve()}), $ATARI_ROMS ({project or 'not set'}), "
        f"the cartridges of ale-py ({ale_py[0] if ale_py else 'not installed'}). Three ways to get it: "
        f"(1) set ALE_ROMS_DIR to a folder that has {name}.bin; "
        "(2) put it into ./roms or the folder $ATARI_ROMS, which scripts/get-roms.sh of this project does for all 108; "
        "(3) pip install ale-py, whose cartridges are then used without importing it. "
        f'The game "{BUILT_IN}" needs no file.'
    )
