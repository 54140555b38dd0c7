"""The ids in Gymnasium's registry: which there are, what they make, and what happens beside ale-py."""

from __future__ import annotations

import warnings

import gymnasium
import pytest
from conftest import run_python

from atari_emulator import AtariEnv, AtariVectorEnv, registration, roms

ALE_PYS = [spec for spec in gymnasium.registry.values() if spec.entry_point == "atari_emulator.env:AtariEnv"]


def test_ale_pys_352_ids_and_nothing_else() -> None:
    assert len(ALE_PYS) == 352
    ids = [spec.id for spec in ALE_PYS]
    for version in ("v0", "v4"):
        of_version = [name for name in ids if version in name]
        assert len(of_version) == 124
        assert sum("NoFrameskip" in name for name in of_version) == 62
    of_v5 = [name for name in ids if "v5" in name]
    assert len(of_v5) == 104 and all(name.startswith("ALE/") for name in of_v5)
    assert ids[:5] == [
        "Adventure-v0",
        "Adventure-v4",
        "AdventureNoFrameskip-v0",
        "AdventureNoFrameskip-v4",
        "AirRaid-v0",
    ]
    assert ids[-1] == "ALE/Zaxxon-v5"


@pytest.mark.parametrize(
    ("name", "game", "sticky", "frameskip"),
    [
        ("ALE/Pong-v5", "pong", 0.25, 4),
        ("ALE/TicTacToe3D-v5", "tic_tac_toe_3d", 0.25, 4),
        ("ALE/Et-v5", "et", 0.25, 4),
        ("MsPacman-v0", "ms_pacman", 0.25, (2, 5)),
        ("MsPacman-v4", "ms_pacman", 0.0, (2, 5)),
        ("SpaceInvadersNoFrameskip-v0", "space_invaders", 0.25, 1),
        ("SpaceInvadersNoFrameskip-v4", "space_invaders", 0.0, 1),
    ],
)
def test_arguments_of_an_id(name: str, game: str, sticky: float, frameskip: int | tuple[int, int]) -> None:
    spec = gymnasium.spec(name)
    assert spec.kwargs == {
        "game": game,
        "repeat_action_probability": sticky,
        "full_action_space": False,
        "frameskip": frameskip,
        "max_num_frames_per_episode": 108_000,
    }
    assert (spec.max_episode_steps, spec.reward_threshold, spec.nondeterministic) == (None, None, False)
    assert spec.additional_wrappers == ()
    has_vector = name.startswith("ALE/")
    assert spec.vector_entry_point == ("atari_emulator.vector_env:AtariVectorEnv" if has_vector else None)


def test_every_id_is_registered_as_ale_py_registers_it(ale_py: None) -> None:
    program = """
import gymnasium, ale_py
for spec in gymnasium.registry.values():
    if "AtariEnv" in str(spec.entry_point) and spec.id != "ALE/Bricks-v5":
        print(spec)
"""
    theirs = run_python("-c", program)
    assert theirs.count("EnvSpec(") == 352
    assert run_python("-m", "atari_emulator", "-c", program) == theirs


def test_names_of_games() -> None:
    for game, name in (("space_invaders", "SpaceInvaders"), ("tic_tac_toe_3d", "TicTacToe3D"), ("et", "Et")):
        assert registration.rom_id_to_name(game) == name


@pytest.mark.parametrize("name", ["Pong-ramNoFrameskip-v4", "PongDeterministic-v4", "ALE/Pong-ram-v5", "ALE/Combat-v5"])
def test_ids_that_there_are_not(name: str) -> None:
    with pytest.raises(gymnasium.error.UnregisteredEnv):
        gymnasium.spec(name)


@pytest.mark.usefixtures("cartridges")
def test_what_make_gives() -> None:
    env = gymnasium.make("ALE/Breakout-v5")
    assert str(env) == "<OrderEnforcing<PassiveEnvChecker<AtariEnv<ALE/Breakout-v5>>>>"
    assert isinstance(env, gymnasium.Env) and type(env.unwrapped) is AtariEnv
    with pytest.warns(UserWarning, match="latest versioned environment `ALE/Breakout-v5`"):
        gymnasium.make("ALE/Breakout")


@pytest.mark.usefixtures("cartridges")
def test_an_id_of_the_users_own() -> None:
    gymnasium.register("TestPong-v0", "atari_emulator.env:AtariEnv", kwargs={"game": "pong", "obs_type": "ram"})
    try:
        env = gymnasium.make("TestPong-v0")
        assert isinstance(env, gymnasium.Env) and env.observation_space.shape == (128,)
    finally:
        del gymnasium.registry["TestPong-v0"]


def test_bricks_has_an_id_and_is_not_counted_among_ale_pys() -> None:
    assert gymnasium.spec("ALE/Bricks-v5") not in ALE_PYS
    env = gymnasium.make("ALE/Bricks-v5")
    assert type(env.unwrapped) is AtariEnv
    assert env.reset(seed=0)[0].shape == (210, 160, 3)
    vector = gymnasium.make_vec("ALE/Bricks-v5", num_envs=2)
    assert isinstance(vector, AtariVectorEnv)
    vector.close()


def test_register_envs_does_nothing() -> None:
    import atari_emulator

    before = dict(gymnasium.registry)
    assert gymnasium.register_envs(atari_emulator) is None
    assert gymnasium.registry == before


def test_registering_again_warns() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        registration.register_v5_envs()
    assert sum("Overriding environment ALE/" in str(warning.message) for warning in caught) == 104
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        registration.register_environments()


def test_a_name_that_imports_the_module() -> None:
    print_env = "import gymnasium; print(gymnasium.make('atari_emulator:ALE/Bricks-v5'))"
    assert "AtariEnv<ALE/Bricks-v5>" in run_python("-W", "error", "-c", print_env)
    print_env = print_env.replace("atari_emulator:", "ale_py:")
    assert "AtariEnv<ALE/Bricks-v5>" in run_python("-W", "error", "-m", "atari_emulator", "-c", print_env)


def test_beside_ale_py_the_last_import_counts_and_is_not_silent(ale_py: None) -> None:
    program = """
import sys, warnings, gymnasium
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for name in sys.argv[1:]:
        __import__(name)
messages = [str(warning.message) for warning in caught]
assert messages and all("Atari environments" in text or "Overriding environment" in text for text in messages), messages
assert len(messages) == 1 or sys.argv[-1] == "ale_py", messages
classes = {name: sys.modules[name].AtariEnv for name in sys.argv[1:]}
assert gymnasium.spec("ALE/Pong-v5").entry_point == sys.argv[-1] + ".env:AtariEnv"
assert len({env.__module__ for env in classes.values()}) == 2
"""
    run_python("-c", program, "ale_py", "atari_emulator")
    run_python("-c", program, "atari_emulator", "ale_py")


def test_only_the_packages_ids_are_replaced() -> None:
    program = """
import gymnasium
gymnasium.register("Mine-v0", "somewhere:AtariEnv")
import atari_emulator
atari_emulator.install_as_ale_py()
assert gymnasium.spec("Mine-v0").entry_point == "somewhere:AtariEnv"
"""
    run_python("-W", "error", "-c", program)


def test_games_with_ids_are_the_games_with_rules() -> None:
    games = {spec.kwargs["game"] for spec in ALE_PYS}
    assert set(roms.get_all_rom_ids()) - games == {"combat", "joust", "maze_craze", "warlords"}
