"""`AtariEnv`: one game as a Gymnasium environment, with ale-py's arguments, spaces, draws and errors."""

from __future__ import annotations

import difflib
import json
import re
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import gymnasium
import numpy as np
from gymnasium import error, spaces, utils
from gymnasium.utils import seeding

from atari_emulator import roms
from atari_emulator._ale_py import Action, ALEInterface, ALEState, LoggerMode
from atari_emulator.window import Window

if sys.version_info >= (3, 11):
    from typing import NotRequired
else:
    from typing_extensions import NotRequired

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: What an action's name is made of, and the key of each part, in the order of `get_keys_to_action`.
_KEYS = {"UP": "w", "DOWN": "s", "RIGHT": "d", "LEFT": "a", "FIRE": " "}
_KEY_OF_NOOP = "e"
_VERTICAL = {-1: "DOWN", 0: "", 1: "UP"}
_HORIZONTAL = {-1: "LEFT", 0: "", 1: "RIGHT"}

#: First bytes of what `AtariEnv.save` gives.
_SAVED = b"atari_emulator.AtariEnv 1 "


class AtariEnvStepMetadata(TypedDict):
    """The info that `AtariEnv.reset` and `AtariEnv.step` return."""

    lives: int
    """Lives left; 0 in games without lives."""
    episode_frame_number: int
    """Frames since the episode began."""
    frame_number: int
    """Frames since the cartridge was loaded."""
    seeds: NotRequired[tuple[int, int]]
    """Seeds of the frame skips and of the emulator, as `numpy.uint32`. Only a reset with a seed has them."""


class AtariEnv(gymnasium.Env, utils.EzPickle):
    """A game of the Atari 2600 as a Gymnasium environment.

    Observations are uint8 arrays: pictures of (height, 160, 3) or (height, 160), or the RAM of (128,). The height is
    the game's, 210 for most. Actions are indices into the game's actions, or three numbers of a joystick
    (`continuous`).

    Pickling and copying an environment makes a new one of the same arguments, not at the same position: for that,
    `clone_state` and `restore_state` copy what ale-py's do, and `save` and `restore` copy everything.

    Args:
        game: Name in snake case, such as "ms_pacman", or "bricks"; see `atari_emulator.roms`.
        mode: Game mode, one of `ale.getAvailableModes()`. None: the game's own.
        difficulty: Position of the difficulty switches, one of `ale.getAvailableDifficulties()`. None: 0.
        obs_type: What observations are: "rgb", "grayscale" or "ram".
        frameskip: Frames a step, at least 1; or a tuple of the least number and the one past the largest, between
            which each step draws.
        repeat_action_probability: Probability, in each frame, that the previous action is used in place of the new
            one.
        full_action_space: Whether all 18 actions are offered instead of those that do something in this game.
        continuous: Whether an action is a float32 array of radius, angle (radians) and fire.
        continuous_action_threshold: Deflection above which the stick counts as moved, and the button as pressed.
        max_num_frames_per_episode: Frames after which an episode is truncated. None or 0: never.
        render_mode: "rgb_array": `render` returns pictures; "human": a window shows the game at its own speed.
        sound_obs: Whether observations are dicts of "image" and "sound", 512 samples of the last frame's sound.

    Raises:
        gymnasium.error.Error: `obs_type`, `frameskip` or `render_mode` is none of these.
        gymnasium.error.DependencyNotInstalled: The window needs pygame.
        FileNotFoundError: There is no cartridge of the game.
        RuntimeError: The game has no such mode or difficulty, or no rules for one player.
        TypeError: There is no such game, or an argument has another type.
    """

    # No annotation: Gymnasium declares it, with a type that depends on its version.
    metadata = {"render_modes": ["human", "rgb_array"], "render_fps": 30}

    def __init__(
        self,
        game: str,
        mode: int | None = None,
        difficulty: int | None = None,
        obs_type: Literal["rgb", "grayscale", "ram"] = "rgb",
        frameskip: tuple[int, int] | int = 4,
        repeat_action_probability: float = 0.25,
        full_action_space: bool = False,
        continuous: bool = False,
        continuous_action_threshold: float = 0.5,
        max_num_frames_per_episode: int | None = None,
        render_mode: Literal["human", "rgb_array"] | None = None,
        sound_obs: bool = False,
    ):
        _check_arguments(obs_type, frameskip, render_mode)
        utils.EzPickle.__init__(
            self,
            game=game,
            mode=mode,
            difficulty=difficulty,
            obs_type=obs_type,
            frameskip=frameskip,
            repeat_action_probability=repeat_action_probability,
            full_action_space=full_action_space,
            continuous=continuous,
            continuous_action_threshold=continuous_action_threshold,
            max_num_frames_per_episode=max_num_frames_per_episode,
            render_mode=render_mode,
            sound_obs=sound_obs,
        )
        self._window = Window(f"{game} - atari_emulator") if render_mode == "human" else None
        self.ale = ALEInterface()
        ALEInterface.setLoggerMode(LoggerMode.Error)
        self.ale.setFloat("repeat_action_probability", repeat_action_probability)
        if max_num_frames_per_episode is not None:
            self.ale.setInt("max_num_frames_per_episode", max_num_frames_per_episode)
        self.ale.setBool("sound_obs", sound_obs)
        if self._window is not None:
            self.ale.setBool("display_screen", True)
            self.ale.setBool("sound", True)

        self._game = game
        self._game_mode = mode
        self._game_difficulty = difficulty
        self._frameskip = frameskip
        self._obs_type = obs_type
        self.render_mode = render_mode
        self.sound_obs = sound_obs
        self.continuous = continuous
        self.continuous_action_threshold = continuous_action_threshold
        self.seed_game()
        self.load_game()

        self._action_set = (
            self.ale.getLegalActionSet() if continuous or full_action_space else self.ale.getMinimalActionSet()
        )
        self.action_space = _joystick_space() if continuous else spaces.Discrete(len(self._action_set))
        self.observation_space = self._space_of_observations()

    def _space_of_observations(self) -> spaces.Space[Any]:
        height, width = self.ale.getScreenDims()
        shapes = {"rgb": (height, width, 3), "grayscale": (height, width), "ram": (self.ale.getRAMSize(),)}
        image = spaces.Box(0, 255, shapes[self._obs_type], np.uint8)
        if not self.sound_obs:
            return image
        return spaces.Dict(image=image, sound=spaces.Box(0, 255, (self.ale.getAudioSize(),), np.uint8))

    def seed_game(self, seed: int | None = None) -> tuple[int, int]:
        """Seeds the frame skips at once, and the emulator from the next `load_game` on.

        Without a seed both are seeded from the operating system. Returns the two seeds, as `numpy.uint32`.
        """
        for_skips, for_emulator = np.random.SeedSequence(seed).generate_state(2)
        self._np_random, _ = seeding.np_random(int(for_skips))
        # The setting is a signed number of 32 bits.
        self.ale.setInt("random_seed", int(for_emulator.astype(np.int32)))
        return for_skips, for_emulator

    def load_game(self) -> None:
        """Loads the cartridge, which applies all settings and seeds the emulator, then sets mode and difficulty."""
        path = roms.get_rom_path(self._game)
        if path is None:
            raise TypeError(_unknown_game(self._game))
        self.ale.loadROM(path)
        if self._game_mode is not None:
            self.ale.setMode(self._game_mode)
        if self._game_difficulty is not None:
            self.ale.setDifficulty(self._game_difficulty)

    # Gymnasium types infos as dict, which no TypedDict is to a type checker.
    def reset(  # type: ignore[override]
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, AtariEnvStepMetadata]:
        """Starts an episode. `options` are ignored.

        With a seed, an int of at least 0, the cartridge is loaded anew, and the same actions give the same game.

        Returns:
            The first observation, and the info, with `seeds` after a reset with a seed.
        """
        super().reset(seed=seed, options=options)
        seeds = None
        if seed is not None:
            seeds = self.seed_game(seed)
            self.load_game()
        self.ale.reset_game()
        if self._window is not None:
            self._window.show(self.ale.getScreenRGB())
        info = self._get_info()
        if seeds is not None:
            info["seeds"] = seeds
        return self._get_obs(), info

    def step(  # type: ignore[override]
        self, action: int | np.integer[Any] | NDArray[Any]
    ) -> tuple[np.ndarray, float, bool, bool, AtariEnvStepMetadata]:
        """Plays the frames of one step with the same action.

        `action` is an index into the actions of `get_action_meanings`, or with `continuous` a float32 array of radius,
        angle (radians) and fire. After the end of an episode, steps play nothing and have reward 0.

        Returns:
            Observation, reward (change of the score), whether the game is over, whether the episode was cut off, and
            the info.
        """
        strength = 1.0
        if self.continuous:
            move, strength = self._move_of_stick(action)
        else:
            move = self._action_set[action]
        frames = self._frameskip
        if isinstance(frames, tuple):
            frames = int(self.np_random.integers(*frames))
        ale, reward = self.ale, 0.0
        for _ in range(frames):
            reward += ale.act(move, strength)
            if self._window is not None:
                self._window.show(ale.getScreenRGB())
        return self._get_obs(), reward, ale.game_over(False), ale.game_truncated(), self._get_info()

    def _move_of_stick(self, action: Any) -> tuple[Action, float]:
        """The action that a stick and a button in these positions stand for, and how far the stick is moved."""
        if not isinstance(action, np.ndarray) or action.dtype != np.float32 or action.shape != (3,):
            raise AssertionError(
                "a continuous action is a numpy array of three float32 (radius, angle, fire), not a "
                f"{type(action).__name__} of type {getattr(action, 'dtype', 'unknown')}"
                f" and shape {getattr(action, 'shape', 'unknown')}"
            )
        radius, angle, fire = action
        right, up = radius * np.cos(angle), radius * np.sin(angle)
        threshold = self.continuous_action_threshold
        move = self.map_action_idx(
            int(right > threshold) - int(right < -threshold),
            int(up > threshold) - int(up < -threshold),
            bool(fire > threshold),
        )
        return move, float(radius)

    def render(self) -> NDArray[np.uint8] | None:
        """The screen as a new uint8 array of (height, 160, 3) for "rgb_array".

        None for "human", whose window is drawn while the game plays.

        Raises:
            gymnasium.error.Error: The environment was made without a render mode.
        """
        if self.render_mode == "rgb_array":
            return self.ale.getScreenRGB()
        if self.render_mode == "human":
            return None
        raise error.Error(f"Invalid render mode `{self.render_mode}`. Supported modes: `human`, `rgb_array`.")

    def close(self) -> None:
        """Closes the window, if there is one. The environment can still be used: the window opens again."""
        if self._window is not None:
            self._window.close()

    # An array, or with sound a dict of two. ale-py types observations as arrays, and so do programs that use them.
    def _get_obs(self) -> Any:
        if self._obs_type == "rgb":
            image = self.ale.getScreenRGB()
        elif self._obs_type == "grayscale":
            image = self.ale.getScreenGrayscale()
        else:
            image = self.ale.getRAM()
        return {"image": image, "sound": self.ale.getAudio()} if self.sound_obs else image

    def _get_info(self) -> AtariEnvStepMetadata:
        ale = self.ale
        return {
            "lives": ale.lives(),
            "episode_frame_number": ale.getEpisodeFrameNumber(),
            "frame_number": ale.getFrameNumber(),
        }

    def get_action_meanings(self) -> list[str]:
        """Names of the actions that `step` takes by index: `["NOOP", "FIRE", "RIGHT", "LEFT"]` for breakout."""
        return [action.name for action in self._action_set]

    def get_keys_to_action(self) -> dict[tuple[str, ...], int | np.ndarray]:
        """Which keys of a keyboard stand for which action: w, a, s, d, space, and e for none of them.

        `gymnasium.utils.play` uses it.

        Raises:
            AttributeError: The environment is continuous.
        """
        if self.continuous:
            raise AttributeError(
                "`get_keys_to_action` can't be provided for this Atari environment as `continuous=True`."
            )
        return {_keys_of(action): index for index, action in enumerate(self._action_set)}

    @staticmethod
    @lru_cache(maxsize=18)
    def map_action_idx(left_center_right: int, down_center_up: int, fire: bool) -> Action:
        """The action of a stick moved by -1, 0 or 1 to the right and -1, 0 or 1 upwards, and of the button.

        Raises:
            LookupError: The stick is somewhere else.
        """
        try:
            direction = _VERTICAL[down_center_up] + _HORIZONTAL[left_center_right]
        except KeyError:
            raise LookupError(
                "no action has the stick there: left_center_right and down_center_up must each be -1, 0 or 1, not "
                f"{left_center_right!r} and {down_center_up!r}"
            ) from None
        return Action[(direction + ("FIRE" if fire else "")) or "NOOP"]

    def clone_state(self, include_rng: bool = False) -> ALEState:
        """The position of the game, as ale-py's states hold it: without the screen and the action that sticks.

        With `include_rng` the state also holds the emulator's generator, so that what follows it is repeated.
        """
        return self.ale.cloneState(include_rng=include_rng)

    def restore_state(self, state: ALEState) -> None:
        """Continues from `state`. The screen shows it after the next step; RAM, lives and frame numbers do at once."""
        self.ale.restoreState(state)

    def save(self) -> bytes:
        """Everything that decides how the game goes on, the screen and all generators included.

        Unlike `clone_state`, which leaves out what ale-py's states leave out. The bytes stay valid in other processes.
        """
        generator = json.dumps(self.np_random.bit_generator.state, default=lambda array: array.tolist()).encode()
        return _SAVED + generator + b"\n" + self.ale.save()

    def restore(self, saved: bytes) -> None:
        """Continues from what `save` gave, in an environment of the same game and the same arguments.

        Raises:
            ValueError: The bytes are not from `save`, are damaged, or are of another kind of generator.
            RuntimeError: They are of another cartridge. After any error the environment is as it was.
        """
        head, _, position = saved.partition(b"\n")
        if not head.startswith(_SAVED):
            raise ValueError(f"these {len(saved)} bytes are not from AtariEnv.save: they begin with {saved[:24]!r}")
        generator = _generator_of(head.removeprefix(_SAVED), type(self.np_random.bit_generator))
        self.ale.restore(position)
        self._np_random = generator


def _generator_of(state: bytes, kind: type[np.random.BitGenerator]) -> np.random.Generator:
    """The generator that `AtariEnv.save` wrote as JSON."""
    bits = kind()
    try:
        bits.state = json.loads(state)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as fault:
        raise ValueError(
            f"the saved state of the generator cannot be used, a {kind.__name__} is expected: {fault}"
        ) from fault
    return np.random.Generator(bits)


def _check_arguments(obs_type: object, frameskip: object, render_mode: object) -> None:
    """Raises for what an environment cannot be made with, before anything is loaded."""
    if obs_type not in ("rgb", "grayscale", "ram"):
        raise error.Error(f"Invalid observation type: {obs_type}. Expecting: rgb, grayscale, ram.")
    # bool is a subclass of int, and numpy's integers are none; ale-py takes neither.
    if type(frameskip) is int:
        if frameskip <= 0:
            raise error.Error(f"Invalid frameskip of {frameskip}, frameskip must be positive.")
    elif isinstance(frameskip, tuple):
        if len(frameskip) != 2:
            raise error.Error(f"Invalid stochastic frameskip length of {len(frameskip)}, expected length 2.")
        lowest, past_highest = frameskip
        if past_highest <= lowest:
            raise error.Error("Invalid stochastic frameskip, lower bound must be strictly less than upper bound.")
        if lowest <= 0:
            raise error.Error("Invalid stochastic frameskip, lower bound must be positive.")
    else:
        raise error.Error(f"Invalid frameskip type: {type(frameskip)}.")
    if render_mode not in (None, "rgb_array", "human"):
        raise error.Error(f"Render mode {render_mode} not supported (rgb_array, human).")


def _unknown_game(game: object) -> str:
    near = difflib.get_close_matches(
        re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", str(game)).lower(), [*roms.get_all_rom_ids(), roms.BUILT_IN], n=3
    )
    guess = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"no game is called {game!r}: names are in snake case, such as ms_pacman{guess}"


def _joystick_space() -> spaces.Box:
    lowest, highest = [0.0, -np.pi, 0.0], [1.0, np.pi, 1.0]
    return spaces.Box(np.array(lowest, np.float32), np.array(highest, np.float32), dtype=np.float32)


def _keys_of(action: Action) -> tuple[str, ...]:
    return tuple(key for part, key in _KEYS.items() if part in action.name) or (_KEY_OF_NOOP,)
