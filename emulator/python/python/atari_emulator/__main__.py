"""`python -m atari_emulator SCRIPT ARGUMENTS`: runs a Python program to which this package is ale_py."""

from __future__ import annotations

import os
import runpy
import sys
from types import ModuleType

from atari_emulator.stand_in import SHIM_FOLDER, install_as_ale_py

USAGE = """\
usage: python -m atari_emulator SCRIPT [ARGUMENT ...]
       python -m atari_emulator -m MODULE [ARGUMENT ...]
       python -m atari_emulator -c CODE [ARGUMENT ...]

Runs a Python program as `python` does. In it and in the Python programs that it starts, `import ale_py` gives
atari_emulator, whether ale-py is installed or not. Nothing of an installed ale-py is changed.
"""


def main(arguments: list[str]) -> int | None:
    """Runs what the arguments name. Returns an exit status if there is nothing to run."""
    if arguments[:1] in (["-h"], ["--help"]):
        print(USAGE, end="")
        return 0
    if arguments[:1] in (["-m"], ["-c"]) and len(arguments) < 2:
        return _usage_error(f"{arguments[0]} needs a {'module' if arguments[0] == '-m' else 'program'} after it")
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("-m", "-c")):
        return _usage_error(f"unknown option {arguments[0]}" if arguments else "nothing to run")
    if arguments[0] not in ("-m", "-c") and not os.path.exists(arguments[0]):
        return _usage_error(f"there is no file {arguments[0]}")
    stand_in_for_children()
    install_as_ale_py()
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    elif arguments[0] == "-c":
        sys.argv = ["-c", *arguments[2:]]
        program = ModuleType("__main__")
        sys.modules["__main__"] = program
        exec(compile(arguments[1], "<string>", "exec"), program.__dict__)
    else:
        sys.argv = arguments
        sys.path[0] = os.path.dirname(os.path.realpath(arguments[0]))
        runpy.run_path(arguments[0], run_name="__main__")
    return None


def stand_in_for_children() -> None:
    """Lets the Python programs that this one starts find the alias first."""
    others = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = SHIM_FOLDER + (os.pathsep + others if others else "")


def _usage_error(problem: str) -> int:
    print(f"error: {problem}\n{USAGE}", end="", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
