//! `ALEInterface`: a console, its cartridge and its settings.
//!
//! `interface/options.rs` has the methods for settings, `interface/pictures.rs` those for screen, RAM and sound, and
//! `interface/states.rs` those for saved states. `interface/game.rs` is the loaded game that they all work on.

mod game;
mod options;
mod pictures;
mod states;

use crate::arguments::{boolean, float, integer, path, Named, Positional, Signature};
use crate::cartridge_files;
use crate::enums::{action_member, action_number};
use crate::logging::{log, Level};
use crate::settings::SettingTexts;
use crate::turns::{NoTurn, Turn, Turns};
use atari_emulator::Action;
use game::LoadedGame;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One Atari 2600 with one cartridge, played by actions: ale-py's `ALEInterface`, bit for bit.
///
/// ```python
/// ale = ALEInterface()
/// ale.setInt("random_seed", 1)
/// ale.loadROM("breakout.bin")
/// while not ale.game_over():
///     reward = ale.act(Action.FIRE)
///     screen = ale.getScreenRGB()
/// ```
///
/// Settings count from the next `loadROM` on. Sticky actions are on unless `repeat_action_probability` is set to 0 (it
/// is 0.25), and two interfaces differ unless `random_seed` is set (it is -1, the clock). Before `loadROM`, methods
/// that need a game raise RuntimeError. Wrong types or numbers of arguments, and integers out of range, raise
/// TypeError.
///
/// Several threads may use one interface: each waits for its turn. Loading, resets and acts of 500 frames and more
/// release the GIL. An interface cannot be pickled or copied; `cloneState()`, `save()` and `snapshot()` copy its
/// position.
#[pyclass(name = "ALEInterface", module = "atari_emulator._ale_py", subclass, frozen)]
pub(crate) struct AleInterface {
    /// Used with the GIL only.
    settings: Mutex<SettingTexts>,
    game: Turns<LoadedGame>,
}

static INIT: Signature =
    Signature { name: "__init__", overloads: &["__init__(self) -> None"], parameters: &[], required: 0 };
static LOAD_ROM: Signature = Signature {
    name: "loadROM",
    overloads: &["loadROM(self, path: str | bytes | os.PathLike, /) -> None"],
    parameters: &[""],
    required: 1,
};
static IS_SUPPORTED_ROM: Signature = Signature {
    name: "isSupportedROM",
    overloads: &["isSupportedROM(path: str | bytes | os.PathLike, /) -> str | None"],
    parameters: &[""],
    required: 1,
};
static ACT: Signature = Signature {
    name: "act",
    overloads: &[
        "act(self, action: int, paddle_strength: float = 1.0) -> int",
        "act(self, action: Action, paddle_strength: float = 1.0) -> int",
    ],
    parameters: &["action", "paddle_strength"],
    required: 1,
};
static GAME_OVER: Signature = Signature {
    name: "game_over",
    overloads: &["game_over(self, with_truncation: bool = True) -> bool"],
    parameters: &["with_truncation"],
    required: 0,
};
static SET_MODE: Signature =
    Signature { name: "setMode", overloads: &["setMode(self, mode: int, /) -> None"], parameters: &[""], required: 1 };
static SET_DIFFICULTY: Signature = Signature {
    name: "setDifficulty",
    overloads: &["setDifficulty(self, difficulty: int, /) -> None"],
    parameters: &[""],
    required: 1,
};

impl AleInterface {
    /// This thread's turn with the loaded game.
    fn game<'a, 'py>(&'a self, py: Python<'py>) -> PyResult<Turn<'a, 'py, LoadedGame>> {
        self.game.take(py).map_err(no_turn)
    }

    fn settings(&self) -> MutexGuard<'_, SettingTexts> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn no_turn(why: NoTurn) -> PyErr {
    why.error("ROM not set", "ALEInterface")
}

fn members(py: Python<'_>, actions: Vec<Action>) -> Vec<Py<PyAny>> {
    actions.into_iter().map(|action| action_member(py, action)).collect()
}

#[pymethods]
impl AleInterface {
    // A subclass may take arguments of its own; `__init__` refuses the others.
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "()")]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self { settings: Mutex::new(SettingTexts::new()), game: Turns::new() }
    }

    #[pyo3(signature = (*args, **kwargs))]
    fn __init__(&self, args: Positional<'_, '_>, kwargs: Option<Named<'_, '_>>) -> PyResult<()> {
        INIT.take(args, kwargs)?;
        log(
            Level::Info,
            format_args!(
                "atari_emulator {}, standing in for ale-py {}\n[an Atari 2600 written in Rust]",
                env!("CARGO_PKG_VERSION"),
                crate::STANDS_IN_FOR
            ),
        );
        Ok(())
    }

    fn __reduce__(slf: &Bound<'_, Self>) -> PyResult<()> {
        let class: Bound<'_, PyType> = slf.get_type();
        Err(PyTypeError::new_err(format!("cannot pickle '{}' object", class.name()?)))
    }

    /// Powers the console on with the cartridge in the file `path` and starts an episode. All settings take effect. ""
    /// loads the current cartridge again.
    ///
    /// The game is recognized by the file's content, else by its name (with a warning on stderr). Takes some
    /// milliseconds, without the GIL.
    ///
    /// Raises RuntimeError if the file cannot be read, or is no cartridge of a supported game. The interface then stays
    /// as it was.
    #[pyo3(name = "loadROM", signature = (*args, **kwargs), text_signature = "($self, path, /)")]
    fn load_rom(&self, py: Python<'_>, args: Positional<'_, '_>, kwargs: Option<Named<'_, '_>>) -> PyResult<()> {
        let mut path = LOAD_ROM.take(args, kwargs)?.required(0, path)?;
        if path.as_os_str().is_empty() {
            path = match self.game.take(py) {
                Ok(game) => game.path().to_path_buf(),
                Err(NoTurn::Nothing) => {
                    let what =
                        "loadROM(\"\") loads the current cartridge again, but none is loaded; give the path of one";
                    return Err(PyRuntimeError::new_err(what));
                }
                Err(other) => return Err(no_turn(other)),
            };
        }
        let image = cartridge_files::load(py, &path)?;
        let settings = self.settings().clone();
        let game = LoadedGame::load(py, &image, &path, &settings)?;
        self.game.set(py, game).map_err(no_turn)?;
        self.settings().set_rom_file(path.to_string_lossy().into_owned());
        Ok(())
    }

    /// The name of the game in the file `path`, as "space_invaders", or None if its content is no supported cartridge.
    /// The file's name does not matter.
    ///
    /// Raises RuntimeError if the file cannot be read.
    #[staticmethod]
    #[pyo3(name = "isSupportedROM", signature = (*args, **kwargs), text_signature = "(path, /)")]
    fn is_supported_rom(
        py: Python<'_>,
        args: Positional<'_, '_>,
        kwargs: Option<Named<'_, '_>>,
    ) -> PyResult<Option<&'static str>> {
        cartridge_files::supported_game(py, &IS_SUPPORTED_ROM.take(args, kwargs)?.required(0, path)?)
    }

    /// Holds `action` for `frame_skip` frames and returns the sum of their rewards, clamped to `reward_min` and
    /// `reward_max`.
    ///
    /// `action` is an Action or its number. Actions that the game does not have act as NOOP. `paddle_strength` is how
    /// far a paddle turns: 1 is 23,000 ohm a frame; its sign does not matter, and joysticks ignore it. Once the game is
    /// over, nothing happens and the reward is 0. Acts of 500 frames and more release the GIL, and can be interrupted
    /// by Ctrl-C.
    ///
    /// Raises ValueError for a number that is no action, in games with joysticks (40 acts as NOOP; with paddles all
    /// such numbers do), and OSError if `record_screen_dir` is set and a picture cannot be written.
    #[pyo3(signature = (*args, **kwargs), text_signature = "($self, action, paddle_strength=1.0)")]
    fn act(&self, py: Python<'_>, args: Positional<'_, '_>, kwargs: Option<Named<'_, '_>>) -> PyResult<i32> {
        let arguments = ACT.take(args, kwargs)?;
        let number = arguments.required(0, action_number)?;
        let strength = arguments.optional(1, float)?.unwrap_or(1.0);
        let mut game = self.game(py)?;
        let action = game.action(number)?;
        game.act(py, action, strength as f32)
    }

    /// Starts a new episode, in the mode that was chosen last. RAM is not cleared and no random generator is seeded, so
    /// the new episode may start differently. Takes about a millisecond, without the GIL.
    fn reset_game(&self, py: Python<'_>) -> PyResult<()> {
        let mut game = self.game(py)?;
        let environment = &mut game.environment;
        py.detach(|| environment.reset());
        Ok(())
    }

    /// Whether the episode has ended: by the game's rules or, unless `with_truncation` is False, because it was cut
    /// off.
    #[pyo3(signature = (*args, **kwargs), text_signature = "($self, with_truncation=True)")]
    fn game_over(&self, py: Python<'_>, args: Positional<'_, '_>, kwargs: Option<Named<'_, '_>>) -> PyResult<bool> {
        let with_truncation = GAME_OVER.take(args, kwargs)?.optional(0, boolean)?.unwrap_or(true);
        let game = self.game(py)?;
        Ok(game.environment.terminal() || with_truncation && game.environment.truncated())
    }

    /// Whether the episode was cut off: after `max_num_frames_per_episode` frames, or by a lost life with
    /// `truncate_on_loss_of_life`.
    fn game_truncated(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.game(py)?.environment.truncated())
    }

    /// Lives left by the game's own counting; 0 or 1 in games without lives.
    fn lives(&self, py: Python<'_>) -> PyResult<i32> {
        Ok(self.game(py)?.environment.lives())
    }

    /// Frames since the cartridge was loaded.
    #[pyo3(name = "getFrameNumber")]
    fn frame_number(&self, py: Python<'_>) -> PyResult<u32> {
        Ok(self.game(py)?.environment.frame_number())
    }

    /// Frames since the episode began. Some games start above 0, because choosing the mode takes frames.
    #[pyo3(name = "getEpisodeFrameNumber")]
    fn episode_frame_number(&self, py: Python<'_>) -> PyResult<u32> {
        Ok(self.game(py)?.environment.episode_frame_number())
    }

    /// The actions that the game accepts, a list of Action: all 18, or 9 in skiing and lost_luggage.
    #[pyo3(name = "getLegalActionSet")]
    fn legal_action_set(&self, py: Python<'_>) -> PyResult<Vec<Py<PyAny>>> {
        let actions = self.game(py)?.environment.legal_actions();
        Ok(members(py, actions))
    }

    /// The actions that make a difference in the game, a list of Action.
    #[pyo3(name = "getMinimalActionSet")]
    fn minimal_action_set(&self, py: Python<'_>) -> PyResult<Vec<Py<PyAny>>> {
        let actions = self.game(py)?.environment.minimal_actions();
        Ok(members(py, actions))
    }

    /// The game's modes, a list of int, ascending; the first is the default.
    #[pyo3(name = "getAvailableModes")]
    fn available_modes(&self, py: Python<'_>) -> PyResult<&'static [u32]> {
        Ok(self.game(py)?.environment.available_modes())
    }

    /// The game's difficulties, a list of int, ascending.
    #[pyo3(name = "getAvailableDifficulties")]
    fn available_difficulties(&self, py: Python<'_>) -> PyResult<&'static [u32]> {
        Ok(self.game(py)?.environment.available_difficulties())
    }

    /// Chooses the game mode, from the next reset on. Raises RuntimeError if the game does not have it.
    #[pyo3(name = "setMode", signature = (*args, **kwargs), text_signature = "($self, mode, /)")]
    fn set_mode(&self, py: Python<'_>, args: Positional<'_, '_>, kwargs: Option<Named<'_, '_>>) -> PyResult<()> {
        let mode = SET_MODE.take(args, kwargs)?.required(0, integer)?;
        let result = self.game(py)?.environment.set_mode(mode);
        result.map_err(|error| PyRuntimeError::new_err(format!("Invalid game mode requested: {error}")))
    }

    /// Sets the difficulty switches (bit 0 the left one, bit 1 the right one), from the next frame on. Raises
    /// RuntimeError if the game does not have this difficulty.
    #[pyo3(name = "setDifficulty", signature = (*args, **kwargs), text_signature = "($self, difficulty, /)")]
    fn set_difficulty(&self, py: Python<'_>, args: Positional<'_, '_>, kwargs: Option<Named<'_, '_>>) -> PyResult<()> {
        let difficulty = SET_DIFFICULTY.take(args, kwargs)?.required(0, integer)?;
        let result = self.game(py)?.environment.set_difficulty(difficulty);
        result.map_err(|error| PyRuntimeError::new_err(format!("Invalid difficulty requested: {error}")))
    }
}
