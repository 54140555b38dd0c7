"""The native module: ale-py's classes over the emulator.

Wherever an array is returned it is a new one, C-contiguous and writable. An argument of a wrong type or out of range is
a TypeError. Before `loadROM`, everything that needs a game is a RuntimeError.
"""

import enum
import os
from collections.abc import Sequence
from typing import Any, Final, SupportsIndex, overload

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Buffer

__version__: Final[str]
"""Version of ale-py that this module stands in for."""
SDL_SUPPORT: Final[bool]
"""Whether the setting `display_screen` opens a window: False, windows are the business of `AtariEnv`."""

class Action(enum.Enum):
    """The 18 positions of joystick and button. Members are not integers; `value` is ALE's number."""

    NOOP = 0
    FIRE = 1
    UP = 2
    RIGHT = 3
    LEFT = 4
    DOWN = 5
    UPRIGHT = 6
    UPLEFT = 7
    DOWNRIGHT = 8
    DOWNLEFT = 9
    UPFIRE = 10
    RIGHTFIRE = 11
    LEFTFIRE = 12
    DOWNFIRE = 13
    UPRIGHTFIRE = 14
    UPLEFTFIRE = 15
    DOWNRIGHTFIRE = 16
    DOWNLEFTFIRE = 17
    # ale-py's stub declares these two, so programs that check against it may use them. Neither package has them.
    def __int__(self) -> int: ...
    def __index__(self) -> int: ...

class LoggerMode(enum.Enum):
    """Which messages are written to stderr: this kind and graver ones."""

    Info = 0
    Warning = 1
    Error = 2
    def __int__(self) -> int: ...
    def __index__(self) -> int: ...

class AutoresetMode(enum.Enum):
    """How the next episode of a vector's environment starts."""

    NextStep = 0
    """The step after the last of an episode resets and ignores its action."""
    SameStep = 1
    """The last step of an episode resets at its end."""

NOOP: Final = Action.NOOP
FIRE: Final = Action.FIRE
UP: Final = Action.UP
RIGHT: Final = Action.RIGHT
LEFT: Final = Action.LEFT
DOWN: Final = Action.DOWN
UPRIGHT: Final = Action.UPRIGHT
UPLEFT: Final = Action.UPLEFT
DOWNRIGHT: Final = Action.DOWNRIGHT
DOWNLEFT: Final = Action.DOWNLEFT
UPFIRE: Final = Action.UPFIRE
RIGHTFIRE: Final = Action.RIGHTFIRE
LEFTFIRE: Final = Action.LEFTFIRE
DOWNFIRE: Final = Action.DOWNFIRE
UPRIGHTFIRE: Final = Action.UPRIGHTFIRE
UPLEFTFIRE: Final = Action.UPLEFTFIRE
DOWNRIGHTFIRE: Final = Action.DOWNRIGHTFIRE
DOWNLEFTFIRE: Final = Action.DOWNLEFTFIRE
Info: Final = LoggerMode.Info
Warning: Final = LoggerMode.Warning
Error: Final = LoggerMode.Error

class ALEState:
    """A position of a game, without the screen and the action that sticks. It can be pickled; it compares by value."""

    @overload
    def __init__(self) -> None: ...
    @overload
    def __init__(self, serialized: bytes, /) -> None:
        """The state that `serialize` wrote.

        Raises:
            ValueError: The bytes are no state.
        """

    @overload
    def __init__(self, other: ALEState, console: bytes, /) -> None:
        """Frame numbers, mode and difficulty of `other`, and the console's part from bytes."""

    def equals(self, other: ALEState, /) -> bool:
        """Whether both are the same position. A state with the generator never equals one without."""

    def getFrameNumber(self) -> int:
        """Frames since the cartridge was loaded."""

    def getEpisodeFrameNumber(self) -> int:
        """Frames since the episode began."""

    def getDifficulty(self) -> int: ...
    def getCurrentMode(self) -> int: ...
    def serialize(self) -> bytes:
        """The state as bytes, in ale-py's layout."""

    def __getstate__(self) -> bytes: ...
    def __setstate__(self, serialized: bytes, /) -> None: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...

class Snapshot:
    """A complete position in memory, some 200 KB, from `ALEInterface.snapshot`."""

class ALEInterface:
    """One console: its settings, its game, its screen, sound and memory.

    Settings count from the next `loadROM` on. Calls from several threads wait for each other.
    """

    def __init__(self) -> None: ...
    @staticmethod
    def setLoggerMode(mode: LoggerMode | SupportsIndex, /) -> None:
        """Which messages are written to stderr, by all interfaces of the process."""

    def getString(self, key: str, /) -> str:
        """A setting as text; "" for an unknown one."""

    def getInt(self, key: str, /) -> int:
        """A setting as a number; -1 for an unknown one."""

    def getBool(self, key: str, /) -> bool:
        """A setting as a truth value; False for an unknown one."""

    def getFloat(self, key: str, /) -> float:
        """A setting as a number with 6 digits; -1.0 for an unknown one."""

    def setString(self, key: str, value: str, /) -> None:
        """
        Raises:
            RuntimeError: There is no such setting, or it has another type. The same for the three others.
        """

    def setInt(self, key: str, value: SupportsIndex, /) -> None: ...
    def setBool(self, key: str, value: bool, /) -> None: ...
    def setFloat(self, key: str, value: float, /) -> None: ...
    def loadROM(self, path: str | bytes | os.PathLike[Any], /) -> None:
        """Loads a cartridge with the present settings, and starts its first episode. "" loads the present one anew.

        Raises:
            RuntimeError: There is no such file, or it is not a cartridge of a supported game.
        """

    @staticmethod
    def isSupportedROM(path: str | bytes | os.PathLike[Any], /) -> str | None:
        """The name of the game, if the file's MD5 is that of a supported one.

        Raises:
            RuntimeError: There is no such file.
        """

    def act(self, action: Action | SupportsIndex, paddle_strength: float = 1.0) -> int:
        """Plays the setting `frame_skip` of frames with an action, and returns the reward.

        `paddle_strength` scales the motion of a paddle, and nothing else.

        Raises:
            ValueError: A joystick has no such action.
        """

    def reset_game(self) -> None:
        """Starts an episode."""

    def game_over(self, with_truncation: bool = True) -> bool:
        """Whether the game is over, or with `with_truncation` the episode is, for whatever reason."""

    def game_truncated(self) -> bool:
        """Whether the episode was cut off."""

    def lives(self) -> int:
        """Lives left; 0 in games without lives."""

    def getFrameNumber(self) -> int:
        """Frames since the cartridge was loaded."""

    def getEpisodeFrameNumber(self) -> int:
        """Frames since the episode began."""

    def getLegalActionSet(self) -> list[Action]:
        """All actions: 18, or 9 for skiing and lost_luggage."""

    def getMinimalActionSet(self) -> list[Action]:
        """The actions that do something in this game."""

    def getAvailableModes(self) -> list[int]: ...
    def setMode(self, mode: SupportsIndex, /) -> None:
        """Chooses a game mode, from the next `reset_game` on.

        Raises:
            RuntimeError: It is none of `getAvailableModes`.
        """

    def getAvailableDifficulties(self) -> list[int]: ...
    def setDifficulty(self, difficulty: SupportsIndex, /) -> None:
        """Sets the difficulty switches, from the next frame on.

        Raises:
            RuntimeError: It is none of `getAvailableDifficulties`.
        """

    def getScreenDims(self) -> tuple[int, int]:
        """Height and width of the screen, in pixels. The width is 160."""

    @overload
    def getScreen(self) -> NDArray[np.uint8]:
        """Palette indices of the screen, uint8 of (height, 160)."""

    @overload
    def getScreen(self, buffer: NDArray[np.uint8] | Buffer) -> None:
        """Writes them into a buffer of that shape.

        Raises:
            RuntimeError: The buffer has another shape. The same for the two others.
        """

    @overload
    def getScreenRGB(self) -> NDArray[np.uint8]:
        """The screen's colors, uint8 of (height, 160, 3)."""

    @overload
    def getScreenRGB(self, buffer: NDArray[np.uint8] | Buffer) -> None: ...
    @overload
    def getScreenGrayscale(self) -> NDArray[np.uint8]:
        """The screen's gray values, uint8 of (height, 160)."""

    @overload
    def getScreenGrayscale(self, buffer: NDArray[np.uint8] | Buffer) -> None: ...
    def getRAMSize(self) -> int:
        """128."""

    @overload
    def getRAM(self) -> NDArray[np.uint8]:
        """The console's memory, uint8 of (128,)."""

    @overload
    def getRAM(self, buffer: NDArray[np.uint8] | Buffer) -> None: ...
    def setRAM(self, index: SupportsIndex, value: SupportsIndex, /) -> None:
        """
        Raises:
            RuntimeError: The index is above 127.
        """

    def getAudioSize(self) -> int:
        """512."""

    @overload
    def getAudio(self) -> NDArray[np.uint8]:
        """Sound of the last frame, uint8 of (512,); all 0 unless `sound_obs` was set when the cartridge was loaded."""

    @overload
    def getAudio(self, buffer: NDArray[np.uint8] | Buffer) -> None: ...
    def cloneState(self, include_rng: bool = False) -> ALEState:
        """The position, with `include_rng` also the generator of the actions that stick."""

    def restoreState(self, state: ALEState, /) -> None:
        """Continues from a state. The screen shows it after the next `act`.

        Raises:
            RuntimeError: The state is empty, or of another game.
        """

    def cloneSystemState(self) -> ALEState:
        """`cloneState(True)`."""

    def restoreSystemState(self, state: ALEState, /) -> None:
        """`restoreState`."""

    def saveScreenPNG(self, path: str, /) -> None:
        """Writes the screen to a file, every pixel twice as wide. A message on stderr if it cannot be written."""

    def save(self) -> bytes:
        """Everything that decides how the game goes on, with screen, sticking action, generators. Not in ale-py."""

    def restore(self, saved: bytes, /) -> None:
        """Continues from what `save` gave. Not in ale-py.

        Raises:
            ValueError: The bytes are no saved position.
            RuntimeError: They are of another cartridge. After any error the interface is as it was.
        """

    def snapshot(self) -> Snapshot:
        """What `save` gives, but in microseconds and in memory: for search. Not in ale-py."""

    def restore_snapshot(self, snapshot: Snapshot, /) -> None:
        """Continues from a snapshot of this interface or another one. Not in ale-py.

        Raises:
            RuntimeError: The snapshot is of another cartridge. The interface is as it was.
        """

class ALEVectorInterface:
    """Many environments of one game with preprocessed screens, on threads."""

    def __init__(
        self,
        rom_path: str | bytes | os.PathLike[Any],
        num_envs: int,
        frame_skip: int = 4,
        stack_num: int = 4,
        img_height: int = 84,
        img_width: int = 84,
        grayscale: bool = True,
        maxpool: bool = True,
        noop_max: int = 30,
        use_fire_reset: bool = True,
        episodic_life: bool = False,
        life_loss_info: bool = False,
        reward_clipping: bool = True,
        max_episode_steps: int = 108000,
        repeat_action_probability: float = 0.0,
        full_action_space: bool = False,
        batch_size: int = 0,
        num_threads: int = 0,
        thread_affinity_offset: int = -1,
        autoreset_mode: str = "NextStep",
    ) -> None: ...
    def reset(
        self, indices: Sequence[int] | NDArray[Any], seeds: Sequence[int] | NDArray[Any]
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]: ...
    def send(
        self, action_ids: Sequence[int] | NDArray[Any], strengths: Sequence[float] | NDArray[Any] | None, /
    ) -> None: ...
    def recv(
        self,
    ) -> tuple[NDArray[np.uint8], NDArray[np.int32], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]: ...
    def step(
        self, action_ids: Sequence[int] | NDArray[Any], strengths: Sequence[float] | NDArray[Any] | None = None, /
    ) -> tuple[NDArray[np.uint8], NDArray[np.int32], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """`send`, then `recv`, in one call. ale-py does not have it."""

    def reset_into(
        self,
        indices: Sequence[int] | NDArray[Any],
        seeds: Sequence[int] | NDArray[Any],
        observations: NDArray[np.uint8],
        env_ids: NDArray[np.int32] | None = None,
        lives: NDArray[np.int32] | None = None,
    ) -> None:
        """`reset`, with the results written into arrays of the caller. ale-py does not have it."""

    def step_into(
        self,
        action_ids: Sequence[int] | NDArray[Any],
        observations: NDArray[np.uint8],
        rewards: NDArray[np.int32] | NDArray[np.float32],
        terminations: NDArray[np.bool_],
        truncations: NDArray[np.bool_],
        strengths: Sequence[float] | NDArray[Any] | None = None,
        final_observations: NDArray[np.uint8] | None = None,
        env_ids: NDArray[np.int32] | None = None,
        lives: NDArray[np.int32] | None = None,
    ) -> None:
        """`step`, with the results written into arrays of the caller. ale-py does not have it."""

    def get_action_set(self) -> list[Action]: ...
    def get_num_envs(self) -> int: ...
    def get_observation_shape(self) -> tuple[int, ...]: ...
    def handle(self) -> NDArray[np.uint8]: ...
