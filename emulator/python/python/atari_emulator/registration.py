"""The environment ids in Gymnasium's registry: ale-py's 352, and `ALE/Bricks-v5`.

Entry points are in the package by whose name the program imports this one: `atari_emulator.env:AtariEnv`, or
`ale_py.env:AtariEnv` once `install_as_ale_py` was called. So an id never loads an installed ale-py in place of this
package.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import gymnasium

from atari_emulator.cartridges import MD5, WITHOUT_RULES
from atari_emulator.roms import BUILT_IN
from atari_emulator.stand_in import is_installed

#: The games that have ids of the versions v0 and v4.
_GAMES_OF_V0_AND_V4 = (
    "adventure air_raid alien amidar assault asterix asteroids atlantis bank_heist battle_zone beam_rider berzerk "
    "bowling boxing breakout carnival centipede chopper_command crazy_climber defender demon_attack double_dunk "
    "elevator_action enduro fishing_derby freeway frostbite gopher gravitar hero ice_hockey jamesbond "
    "journey_escape kangaroo krull kung_fu_master montezuma_revenge ms_pacman name_this_game phoenix pitfall pong "
    "pooyan private_eye qbert riverraid road_runner robotank seaquest skiing solaris space_invaders star_gunner "
    "tennis time_pilot tutankham up_n_down venture video_pinball wizard_of_wor yars_revenge zaxxon"
).split()

#: Frames after which an episode is truncated: half an hour of play at 60 frames a second.
_MOST_FRAMES_PER_EPISODE = 108_000


def rom_id_to_name(rom: str) -> str:
    """The game's name as environment ids have it: "SpaceInvaders" for "space_invaders"."""
    return rom.title().replace("_", "")


def register_v0_v4_envs() -> None:
    """Registers the older ids of 62 games: for Pong `Pong-v0`, `PongNoFrameskip-v0` and the same two of v4."""
    for environment, arguments in _v0_v4():
        gymnasium.register(id=environment, entry_point=f"{_package()}.env:AtariEnv", kwargs=arguments)


def register_v5_envs() -> None:
    """Registers one id for each of the 104 games with rules: `ALE/Pong-v5` for Pong."""
    for environment, arguments in _v5():
        gymnasium.register(
            id=environment,
            entry_point=f"{_package()}.env:AtariEnv",
            vector_entry_point=f"{_package()}.vector_env:AtariVectorEnv",
            kwargs=arguments,
        )


def register_bricks() -> None:
    """Registers `ALE/Bricks-v5`, whose game is part of this package.

    Its entry point is another name of the same class: who counts the ids with ale-py's entry point finds ale-py's 352.
    """
    gymnasium.register(
        id=_BRICKS,
        entry_point="atari_emulator:AtariEnv",
        vector_entry_point="atari_emulator:AtariVectorEnv",
        kwargs=_arguments(BUILT_IN, 0.25, 4),
    )


def register_environments() -> None:
    """Registers all ids, in place of those that are registered already.

    As always in Gymnasium, the last registration counts. If the ids were another package's, one warning says so.
    """
    ids = [environment for environment, _ in [*_v0_v4(), *_v5()]] + [_BRICKS]
    replaced = [gymnasium.registry.pop(environment) for environment in ids if environment in gymnasium.registry]
    others = {str(spec.entry_point) for spec in replaced if not _is_ours(str(spec.entry_point))}
    if others:
        warnings.warn(
            f"the ids of the Atari environments made {', '.join(sorted(others))}; now they make atari_emulator's. To "
            "use both packages in one process, construct ale_py.AtariEnv and atari_emulator.AtariEnv without "
            "gymnasium.make",
            stacklevel=2,
        )
    register_v0_v4_envs()
    register_v5_envs()
    register_bricks()


_BRICKS = f"ALE/{rom_id_to_name(BUILT_IN)}-v5"


def _v0_v4() -> Iterator[tuple[str, dict[str, Any]]]:
    """The ids, and with which arguments they make their environments."""
    for game in _GAMES_OF_V0_AND_V4:
        name = rom_id_to_name(game)
        for variant, frameskip in (("", (2, 5)), ("NoFrameskip", 1)):
            yield f"{name}{variant}-v0", _arguments(game, 0.25, frameskip)
            yield f"{name}{variant}-v4", _arguments(game, 0.0, frameskip)


def _v5() -> Iterator[tuple[str, dict[str, Any]]]:
    for game in MD5:
        if game not in WITHOUT_RULES:
            yield f"ALE/{rom_id_to_name(game)}-v5", _arguments(game, 0.25, 4)


def _arguments(game: str, sticky: float, frameskip: int | tuple[int, int]) -> dict[str, Any]:
    return {
        "game": game,
        "repeat_action_probability": sticky,
        "full_action_space": False,
        "frameskip": frameskip,
        "max_num_frames_per_episode": _MOST_FRAMES_PER_EPISODE,
    }


def _package() -> str:
    return "ale_py" if is_installed() else "atari_emulator"


def _is_ours(entry_point: str) -> bool:
    return entry_point.startswith("atari_emulator") or is_installed()
