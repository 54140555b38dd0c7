"""Names and files of the cartridges: where they are looked for, and what a miss says."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from conftest import run_python

from atari_emulator import roms
from atari_emulator.cartridges import MD5, WITHOUT_RULES


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, without any cartridge in reach."""
    monkeypatch.chdir(tmp_path)
    for variable in ("ALE_ROMS_DIR", "ATARI_ROMS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(roms, "_ale_py_folder", lambda: [])
    return tmp_path


def fake(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that passes for the cartridge called `name`."""
    folder.mkdir(exist_ok=True, parents=True)
    path = folder / f"{name}.bin"
    path.write_bytes(bytes([len(str(path))]) * 64)
    monkeypatch.setitem(roms.MD5, name, hashlib.md5(path.read_bytes()).hexdigest())
    return path


def test_names() -> None:
    names = roms.get_all_rom_ids()
    assert len(names) == len(set(names)) == 108
    assert roms.get_all_rom_ids() is names
    assert names[:2] == ["adventure", "air_raid"] and names[-1] == "zaxxon"
    # The second parts come first, as in ale-py.
    assert names.index("atlantis2") + 1 == names.index("atlantis")
    assert names.index("pitfall2") + 1 == names.index("pitfall")
    assert WITHOUT_RULES < set(names)
    assert "bricks" not in names


def test_names_and_images_are_those_of_ale_py(ale_py: None) -> None:
    program = "from ale_py import roms; print(*[(n, roms.get_rom_path(n)) for n in roms.get_all_rom_ids()], sep='\\n')"
    listed = [eval(line, {"PosixPath": Path, "WindowsPath": Path}) for line in run_python("-c", program).splitlines()]
    assert [name for name, _ in listed] == roms.get_all_rom_ids()
    assert {name: hashlib.md5(path.read_bytes()).hexdigest() for name, path in listed} == MD5


@pytest.mark.usefixtures("cartridges")
def test_every_cartridge_is_found() -> None:
    for name in roms.get_all_rom_ids():
        path = roms.get_rom_path(name)
        assert isinstance(path, Path) and path.name == f"{name}.bin"
        assert hashlib.md5(path.read_bytes()).hexdigest() == MD5[name]


def test_bricks_is_always_there(nowhere: Path) -> None:
    path = roms.get_rom_path("bricks")
    assert isinstance(path, Path) and path.is_file()
    assert len(path.read_bytes()) == 4096


@pytest.mark.parametrize("name", ["Pong", "pong.bin", "", None, "../pong", "no_such_game"])
def test_an_unknown_name_is_a_warning_and_none(name: str) -> None:
    with pytest.warns(UserWarning, match=f"^Rom {name} not supported.$"):
        assert roms.get_rom_path(name) is None


def test_the_order_of_the_folders(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ale_pys = fake(nowhere / "site/ale_py/roms", "pong", monkeypatch)
    monkeypatch.setattr(roms, "_ale_py_folder", lambda: [ale_pys.parent])
    assert roms.get_rom_path("pong") == ale_pys

    variables = fake(nowhere / "of_variable", "pong", monkeypatch)
    monkeypatch.setenv("ATARI_ROMS", str(variables.parent))
    assert roms.get_rom_path("pong") == variables

    local = fake(nowhere / "roms", "pong", monkeypatch)
    assert roms.get_rom_path("pong") == local.relative_to(nowhere)

    users = fake(nowhere / "users", "pong", monkeypatch)
    monkeypatch.setenv("ALE_ROMS_DIR", str(users.parent))
    assert roms.get_rom_path("pong") == users
    # A game that is not there is looked for in the others.
    elsewhere = fake(nowhere / "of_variable", "qbert", monkeypatch)
    assert roms.get_rom_path("qbert") == elsewhere


def test_the_users_folder_is_named_at_every_call(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake(nowhere / "users", "pong", monkeypatch)
    monkeypatch.setenv("ALE_ROMS_DIR", "users")
    roms.get_rom_path("pong")
    roms.get_rom_path("pong")
    assert capsys.readouterr().out == "Loading roms from users...\n" * 2
    monkeypatch.setenv("ALE_ROMS_DIR", "")
    monkeypatch.setenv("ATARI_ROMS", "users")
    roms.get_rom_path("pong")
    assert capsys.readouterr().out == ""


def test_a_users_folder_that_is_none(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (nowhere / "file").touch()
    for folder, problem in (("absent", "doesn't exist"), ("file", "isn't a directory")):
        monkeypatch.setenv("ALE_ROMS_DIR", folder)
        with pytest.raises(NotADirectoryError) as caught:
            roms.get_rom_path("pong")
        assert str(caught.value) == f"ROM directory {folder} {problem}"


def test_another_image_is_an_error(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (nowhere / "roms").mkdir()
    (nowhere / "roms/pong.bin").write_bytes(b"another dump")
    found = hashlib.md5(b"another dump").hexdigest()
    with pytest.raises(OSError) as caught:
        roms.get_rom_path("pong")
    assert str(caught.value).startswith(
        "The hash of pong.bin does not match what was expected!\n"
        f"Expected (60e0ea3cbe0913d39803477945e9e5ec),\nObtained ({found})."
    )
    assert "roms" in str(caught.value).splitlines()[-1]


def test_a_miss_says_how_to_get_cartridges(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (nowhere / "users").mkdir()
    monkeypatch.setenv("ALE_ROMS_DIR", "users")
    with pytest.raises(FileNotFoundError) as caught:
        roms.get_rom_path("pong")
    message = str(caught.value)
    for part in (
        "pong.bin",
        "ALE_ROMS_DIR",
        "users",
        "./roms",
        "ATARI_ROMS",
        "get-roms.sh",
        "pip install ale-py",
        "bricks",
    ):
        assert part in message


def test_an_installed_ale_py_is_found_and_not_imported(tmp_path: Path) -> None:
    # A package of that name which must not run.
    (tmp_path / "ale_py/roms").mkdir(parents=True)
    (tmp_path / "ale_py/__init__.py").write_text("raise SystemExit('ale_py was imported')")
    image = roms.get_rom_path("bricks")
    assert image is not None
    shutil.copy(image, tmp_path / "ale_py/roms/pong.bin")
    program = f"""
import hashlib, sys, atari_emulator
from atari_emulator import roms
roms.MD5["pong"] = hashlib.md5(open({str(image)!r}, "rb").read()).hexdigest()
if "alias" in sys.argv:
    atari_emulator.install_as_ale_py()
path = roms.get_rom_path("pong")
assert path == __import__("pathlib").Path({str(tmp_path)!r}, "ale_py/roms/pong.bin"), path
"""
    for arguments in ([], ["alias"]):
        run_python("-c", program, *arguments, cwd=tmp_path, PYTHONPATH=str(tmp_path), ALE_ROMS_DIR="", ATARI_ROMS="")
