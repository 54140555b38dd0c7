"""Standing in for ale-py: programs that import `ale_py` get this package, in this process and in its children."""

from __future__ import annotations

import os
import sys
from types import ModuleType

#: A folder with nothing in it but a package `ale_py` that installs the alias. Put before other folders of `sys.path` or
#: `PYTHONPATH`, it makes `import ale_py` give this package in processes in which nobody called `install_as_ale_py`.
SHIM_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "as_ale_py")

_PACKAGE = "atari_emulator"
_ALIAS = "ale_py"


def install_as_ale_py() -> None:
    """Makes `import ale_py`, and the import of its submodules, give this package from now on.

    Call it before anything imports ale_py; a second call does nothing. An installed ale-py is neither used nor changed.
    The environments are registered again, with entry points in `ale_py`. Processes that multiprocessing starts inherit
    the alias, whatever the start method, because they inherit `sys.path`, in which a folder is inserted. Other child
    processes do not: start the program with `python -m atari_emulator` for those.

    Raises:
        RuntimeError: The real ale_py has been imported already. Modules that hold its classes could not be switched.
    """
    if is_installed():
        return
    present = sys.modules.get(_ALIAS)
    if present is not None and not _is_being_imported(present):
        origin = getattr(present, "__file__", None) or "an unknown place"
        raise RuntimeError(
            f"install_as_ale_py() came too late: ale_py has been imported already, from {origin}. Call it before "
            "the first import of ale_py (some libraries import it themselves), or start the program with "
            "`python -m atari_emulator SCRIPT`"
        )
    for name, module in list(sys.modules.items()):
        if name == _PACKAGE or name.startswith(f"{_PACKAGE}."):
            sys.modules[_ALIAS + name.removeprefix(_PACKAGE)] = module
    if SHIM_FOLDER not in sys.path:
        # Not first: some programs take sys.path[0] for the folder of the script.
        sys.path.insert(1, SHIM_FOLDER)
    if f"{_PACKAGE}.registration" in sys.modules:
        from atari_emulator.registration import register_environments

        register_environments()


def is_installed() -> bool:
    """Whether the name `ale_py` stands for this package in this process."""
    package = sys.modules.get(_PACKAGE)
    return package is not None and sys.modules.get(_ALIAS) is package


def _is_being_imported(module: ModuleType) -> bool:
    """Whether the module's own code is still running: it is a shim that called us."""
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))
