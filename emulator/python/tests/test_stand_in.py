"""Standing in for ale-py: unchanged programs, child processes, pickles, and programs that come too late."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import outputs_of_python, run_python

import atari_emulator
from atari_emulator.stand_in import SHIM_FOLDER

#: Is true in programs to which this package is ale_py.
IS_OURS = "ale_py.AtariEnv.__module__ == 'atari_emulator.env'"

CHECK_NAMES = """
import atari_emulator, gymnasium, importlib, sys
import ale_py, ale_py._ale_py, ale_py.env, ale_py.vector_env, ale_py.registration, ale_py.roms
from ale_py import AtariEnv, ALEInterface, ALEState, AtariVectorEnv, LoggerMode, Action
from ale_py.env import AtariEnv as Again
from ale_py.roms import get_rom_path
assert ale_py is atari_emulator
assert AtariEnv is Again is atari_emulator.AtariEnv
assert ale_py.roms.get_rom_path is get_rom_path is atari_emulator.roms.get_rom_path
for name in ("_ale_py", "env", "vector_env", "registration", "roms"):
    assert importlib.import_module("ale_py." + name) is sys.modules["atari_emulator." + name]
of_ale_py = [spec for spec in gymnasium.registry.values() if spec.entry_point == "ale_py.env:AtariEnv"]
assert len(of_ale_py) == 352
assert gymnasium.spec("ALE/Pong-v5").vector_entry_point == "ale_py.vector_env:AtariVectorEnv"
assert type(gymnasium.make("ALE/Bricks-v5").unwrapped) is AtariEnv
assert not [spec for spec in gymnasium.registry.values() if str(spec.entry_point) == "atari_emulator.env:AtariEnv"]
"""


def test_names_of_the_package() -> None:
    assert atari_emulator.__version__ == "0.12.1"
    assert atari_emulator.SDL_SUPPORT is False
    ale_pys = {
        "Action",
        "ALEInterface",
        "ALEState",
        "LoggerMode",
        "SDL_SUPPORT",
        "AtariEnv",
        "AtariEnvStepMetadata",
        "AtariVectorEnv",
        "ALEVectorInterface",
    }
    assert ale_pys < set(atari_emulator.__all__)
    assert all(hasattr(atari_emulator, name) for name in atari_emulator.__all__)
    for name in ("register_v0_v4_envs", "register_v5_envs", "_ale_py", "env", "vector_env", "registration", "roms"):
        assert hasattr(atari_emulator, name)
    # The members of the enums are names of the native module only.
    assert not hasattr(atari_emulator, "FIRE")
    assert atari_emulator._ale_py.FIRE is atari_emulator.Action.FIRE


def test_importing_prints_nothing_and_has_no_alias() -> None:
    program = "import atari_emulator as ale_py, sys; assert 'ale_py' not in sys.modules"
    assert outputs_of_python("-W", "error", "-c", program) == ("", "")


def test_the_alias_covers_all_submodules() -> None:
    run_python("-W", "error", "-c", "import atari_emulator; atari_emulator.install_as_ale_py()" + CHECK_NAMES)
    run_python("-W", "error", "-m", "atari_emulator", "-c", CHECK_NAMES)


def test_installing_twice_changes_nothing() -> None:
    program = """
import sys, gymnasium, atari_emulator
atari_emulator.install_as_ale_py()
before = dict(sys.modules), list(sys.path), dict(gymnasium.registry)
atari_emulator.install_as_ale_py()
assert before == (dict(sys.modules), list(sys.path), dict(gymnasium.registry))
"""
    run_python("-W", "error", "-c", program)


def test_too_late_is_a_clear_error(ale_py: None) -> None:
    program = """
import warnings, ale_py
warnings.simplefilter("ignore")
import atari_emulator
try:
    atari_emulator.install_as_ale_py()
except RuntimeError as problem:
    assert "too late" in str(problem) and ale_py.__file__ in str(problem), problem
else:
    raise SystemExit("no error")
import sys, ale_py.env
assert sys.modules["ale_py"] is ale_py and ale_py.AtariEnv.__module__ == "ale_py.env"
"""
    run_python("-c", program)


def test_a_package_of_that_name_on_the_path_will_do() -> None:
    run_python("-W", "error", "-c", "import ale_py.env\n" + CHECK_NAMES, PYTHONPATH=SHIM_FOLDER)
    run_python("-W", "error", "-c", "from ale_py import roms\n" + CHECK_NAMES, PYTHONPATH=SHIM_FOLDER)


# The command


SCRIPT = """
import os, sys, ale_py
if __name__ == "__main__":
    print(sys.argv, __name__, os.path.basename(__file__), sys.path[0], beside())
"""


def script(folder: Path, program: str) -> Path:
    path = folder / "program.py"
    path.write_text(program)
    return path


def test_a_script_runs_as_with_python(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("def beside(): return 'imported'")
    path = script(tmp_path, "from beside import beside" + SCRIPT)
    output = run_python("-m", "atari_emulator", path, "--steps", "-h", "")
    assert output == f"{[str(path), '--steps', '-h', '']} __main__ program.py {tmp_path} imported\n"


def test_a_module_runs_as_with_python(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package/__init__.py").touch()
    (tmp_path / "package/__main__.py").write_text(
        f"import ale_py, sys; from . import inside; print(sys.argv[1:], __name__, {IS_OURS})"
    )
    (tmp_path / "package/inside.py").touch()
    output = run_python("-m", "atari_emulator", "-m", "package", "-c", "--help", cwd=tmp_path)
    assert output == "['-c', '--help'] __main__ True\n"


def test_code_runs_as_with_python() -> None:
    program = f"import ale_py, sys; print(sys.argv, __name__, {IS_OURS}, '__file__' in globals())"
    assert run_python("-m", "atari_emulator", "-c", program, "-m", "x") == "['-c', '-m', 'x'] __main__ True False\n"


def test_the_status_is_the_programs(tmp_path: Path) -> None:
    run_python("-m", "atari_emulator", "-c", "raise SystemExit(7)", status=7)
    run_python("-m", "atari_emulator", script(tmp_path, "import sys; sys.exit(3)"), status=3)
    failing = script(tmp_path, "\nassert 1 == 2, 'the reason'")
    _, errors = outputs_of_python("-m", "atari_emulator", failing, status=1)
    assert 'program.py", line 2' in errors and errors.endswith("AssertionError: the reason\n")


def test_wrong_use_of_the_command() -> None:
    assert run_python("-m", "atari_emulator", "--help").startswith("usage: python -m atari_emulator SCRIPT")
    for arguments, problem in (
        ([], "nothing to run"),
        (["-x"], "unknown option -x"),
        (["-m"], "-m needs a module"),
        (["-c"], "-c needs a program"),
        (["absent.py"], "there is no file absent.py"),
    ):
        output, errors = outputs_of_python("-m", "atari_emulator", *arguments, status=2)
        assert errors.startswith(f"error: {problem}") and "usage:" in errors and output == ""


# Child processes


CHILD = f"""
import os, subprocess, sys
child = subprocess.run([sys.executable, "-c", "import ale_py; print({IS_OURS})"], capture_output=True, text=True)
print(child.stdout, child.stderr)
"""


def test_a_program_that_the_command_runs_starts_programs() -> None:
    assert run_python("-m", "atari_emulator", "-c", CHILD).split() == ["True"]
    assert run_python("-m", "atari_emulator", "-c", CHILD, PYTHONPATH="/nowhere").split() == ["True"]


PARALLEL = """
import hashlib, multiprocessing, sys
import gymnasium
HEAD

def make():
    return gymnasium.make("ALE/Bricks-v5", obs_type="ram")

def where():
    import ale_py
    return ale_py.AtariEnv.__module__

if __name__ == "__main__":
    MAIN
    method = sys.argv[1]
    if ALIASED:
        with multiprocessing.get_context(method).Pool(1) as pool:
            assert pool.apply(where) == "atari_emulator.env"
    seen = hashlib.sha256()
    for envs in (
        gymnasium.vector.AsyncVectorEnv([make, make], context=method),
        gymnasium.make_vec("ALE/Bricks-v5", 2, "async", vector_kwargs={"context": method}, obs_type="ram"),
    ):
        observations, _ = envs.reset(seed=0)
        envs.action_space.seed(0)
        for _ in range(10):
            seen.update(observations.tobytes())
            observations = envs.step(envs.action_space.sample())[0]
        envs.close()
    print(seen.hexdigest())
"""


def parallel(head: str = "pass", main: str = "pass", aliased: bool = True) -> str:
    return PARALLEL.replace("HEAD", head).replace("MAIN", main).replace("ALIASED", str(aliased))


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_environments_in_processes(tmp_path: Path, method: str) -> None:
    digests = {
        run_python("-W", "error", *command, script(tmp_path, program), method)
        for command, program in (
            # Everything that a program can do to have this package's environments in its processes.
            ([], parallel(head="import atari_emulator", aliased=False)),
            ([], parallel(head="import atari_emulator; atari_emulator.install_as_ale_py(); import ale_py")),
            (["-m", "atari_emulator"], parallel(head="import ale_py")),
        )
    }
    assert len(digests) == 1


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_processes_inherit_an_alias_that_only_the_parent_installed(tmp_path: Path, method: str) -> None:
    program = parallel(main="import atari_emulator; atari_emulator.install_as_ale_py()").replace(
        "def make():", "def make():\n    import ale_py"
    )
    run_python("-W", "error", script(tmp_path, program), method)


# Pickles


def test_pickles_of_ale_py_load_under_the_alias(ale_py: None, tmp_path: Path) -> None:
    path = tmp_path / "pickle"
    members = "import pickle, ale_py; members = [*ale_py.Action, ale_py.LoggerMode.Error]\n"
    run_python("-c", f"{members}pickle.dump(members, open({str(path)!r}, 'wb'))")
    load = f"{members}print(pickle.load(open({str(path)!r}, 'rb')) == members)"
    assert run_python("-m", "atari_emulator", "-c", load) == "True\n"


def test_pickles_name_this_package() -> None:
    program = """
import pickle, ale_py
environment = ale_py.AtariEnv("bricks", obs_type="ram")
for thing in (ale_py.Action.FIRE, ale_py.LoggerMode.Info, environment, environment.clone_state()):
    written = pickle.dumps(thing)
    assert b"atari_emulator" in written and b"ale_py.env" not in written, written
    assert type(pickle.loads(written)) is type(thing)
"""
    run_python("-m", "atari_emulator", "-c", program)


# Without Gymnasium


WITHOUT_GYMNASIUM = """
import sys
sys.modules["gymnasium"] = None
import atari_emulator
assert sorted(atari_emulator.__all__) == NAMES, atari_emulator.__all__
assert not hasattr(atari_emulator, "AtariEnv")
assert atari_emulator.roms.get_rom_path("bricks").is_file()
atari_emulator.install_as_ale_py()
import ale_py
assert ale_py.ALEInterface is atari_emulator.ALEInterface
try:
    from ale_py import AtariEnv
except ImportError:
    pass
else:
    raise SystemExit("there is an AtariEnv without Gymnasium")
"""


def test_without_gymnasium_there_are_the_native_names() -> None:
    names = ["ALEInterface", "ALEState", "Action", "LoggerMode", "Policy", "SDL_SUPPORT", "install_as_ale_py", "load_policy"]
    program = WITHOUT_GYMNASIUM.replace("NAMES", repr(names))
    assert outputs_of_python("-W", "error", "-c", program) == ("", "")
