//! The game in an `ALEInterface`.

use crate::logging::{log, Level};
use crate::png_files;
use crate::settings::SettingTexts;
use atari_emulator::screen::{Colors, Pictures};
use atari_emulator::{game, Action, CartridgeImage, Environment};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Acts of this many frames release the GIL. They take 5 ms, as long as Python lets a thread run before it gives others
/// a turn. Releasing the GIL for less would make a thread that acts wait longer for a busy one than it works itself.
const MANY_FRAMES: u32 = 500;
/// Frames of such an act between two looks at whether the user wants to interrupt it.
const FRAMES_BETWEEN_LOOKS: u32 = 1_000;
/// RESET, which ale-py turns into NOOP.
const RESET: u32 = 40;

/// A loaded cartridge.
pub(super) struct LoadedGame {
    pub(super) environment: Environment,
    pub(super) rgb: Pictures,
    pub(super) gray: Pictures,
    path: PathBuf,
    recording: Option<Recording>,
}

/// Pictures of every frame, in files.
struct Recording {
    folder: PathBuf,
    /// The number of the next picture.
    next: u32,
}

impl LoadedGame {
    /// Powers a console on with `image`, which was read from `path`.
    ///
    /// # Errors
    /// `RuntimeError` if the pictures are to be recorded in a folder that does not exist.
    pub(super) fn load(py: Python<'_>, image: &CartridgeImage, path: &Path, texts: &SettingTexts) -> PyResult<Self> {
        let recording = Recording::of(texts)?;
        if texts.integer("frame_skip").is_some_and(|frames| frames < 1) {
            log(Level::Warning, format_args!("Warning: frame skip set to < 1. Setting to 1."));
        }
        let seed = texts.integer("random_seed").unwrap_or(-1);
        let seed = if seed == -1 { seed_by_clock() } else { seed };
        // ale-py takes the bits of a negative seed as they are.
        let settings = texts.environment().with_random_seed(seed as u32);
        let averaging = settings.color_averaging;
        let mut environment = py.detach(|| Environment::new(image, settings));
        if averaging {
            // The table of averages is made for the first such picture. Nothing else needs to wait for it later, also
            // after a fork.
            environment.screen();
        }
        describe(image, &environment, path);
        if texts.integer("random_seed") == Some(-1) {
            log(Level::Info, format_args!("Random seed is {seed}"));
        }
        let (rgb, gray) = (Pictures::new(Colors::Rgb), Pictures::new(Colors::Gray));
        Ok(Self { environment, rgb, gray, path: path.to_path_buf(), recording })
    }

    /// The cartridge's file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The action with ALE's `number`.
    ///
    /// # Errors
    /// `ValueError` if there is none and the game is played with joysticks.
    pub(super) fn action(&self, number: u32) -> PyResult<Action> {
        if let Ok(action) = Action::from_number(number) {
            return Ok(action);
        }
        if number == RESET || self.environment.properties().has_paddles() {
            return Ok(Action::Noop);
        }
        Err(PyValueError::new_err(format!("{number} is no action: the actions are 0 (NOOP) to 17 (DOWNLEFTFIRE)")))
    }

    /// See [`Environment::act_with_strength`].
    ///
    /// # Errors
    /// `OSError` if a picture cannot be recorded, and whatever a signal handler raises. The act then ends early.
    pub(super) fn act(&mut self, py: Python<'_>, action: Action, strength: f32) -> PyResult<i32> {
        let Self { environment, recording, .. } = self;
        if recording.is_none() && environment.settings().frame_skip < MANY_FRAMES {
            return Ok(environment.act_with_strength(action, strength));
        }
        let interruptible = handles_signals(py)?;
        py.detach(|| {
            let mut frames = 0u32;
            let mut fault = None;
            let reward = environment.act_watched(action, strength, |environment| {
                let recorded = recording.as_mut().map_or(Ok(()), |recording| recording.record(environment));
                frames = frames.wrapping_add(1);
                let look = interruptible && frames.is_multiple_of(FRAMES_BETWEEN_LOOKS);
                let noticed =
                    recorded.and_then(|()| if look { Python::attach(|py| py.check_signals()) } else { Ok(()) });
                match noticed {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(error) => {
                        fault = Some(error);
                        ControlFlow::Break(())
                    }
                }
            });
            fault.map_or(Ok(reward), Err)
        })
    }
}

/// Whether this is the main thread, in which Python handles signals. It is also the only one that may ask for the GIL
/// at any time: the others can still run while Python shuts down.
fn handles_signals(py: Python<'_>) -> PyResult<bool> {
    let threading = py.import("threading")?;
    let main = threading.call_method0("main_thread")?.getattr("ident")?;
    threading.call_method0("get_ident")?.eq(main)
}

impl Recording {
    /// The recording that the setting `record_screen_dir` asks for.
    fn of(texts: &SettingTexts) -> PyResult<Option<Self>> {
        let folder = texts.text("record_screen_dir").unwrap_or("");
        if folder.is_empty() {
            return Ok(None);
        }
        let folder = PathBuf::from(folder);
        if !folder.is_dir() {
            return Err(PyRuntimeError::new_err(format!(
                "the setting record_screen_dir is {folder:?}, which is no folder; \
                 make it, or set \"\" to record nothing"
            )));
        }
        Ok(Some(Self { folder, next: 0 }))
    }

    /// Writes the screen as it is now: 000000.png, 000001.png and so on.
    fn record(&mut self, environment: &mut Environment) -> PyResult<()> {
        let file = self.folder.join(format!("{:06}.png", self.next));
        self.next = self.next.wrapping_add(1);
        png_files::write(&file, &environment.screen())
    }
}

/// A seed that differs between any two calls; 0 to 2^31 - 1, so that it can be set by hand.
fn seed_by_clock() -> i32 {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let calls = CALLS.fetch_add(1, Ordering::Relaxed);
    // Steps of the golden ratio lie far apart, and so do seeds that are taken within one tick of the clock.
    let mixed =
        (since.as_nanos() as u32).wrapping_add(since.as_secs() as u32).wrapping_add(calls.wrapping_mul(0x9E37_79B9));
    (mixed & 0x7FFF_FFFF) as i32
}

/// Tells on stderr what was loaded.
fn describe(image: &CartridgeImage, environment: &Environment, path: &Path) {
    let known = game::identify(image.md5(), None);
    let name = environment.game().map_or("", |game| game.name);
    log(
        Level::Info,
        format_args!(
            "Cartridge {}: {name}, {} bytes, bank switching {}, {} frames per second, md5 {}\nRunning ROM file...",
            path.display(),
            image.bytes().len(),
            image.scheme(),
            environment.frames_per_second(),
            image.md5()
        ),
    );
    if known.is_none() {
        log(
            Level::Warning,
            format_args!(
                "WARNING: Possibly unsupported ROM: mismatched MD5.\n\
                 {} plays by the rules of {name} because of its name, but its md5 is {} and {name}'s is {}. \
                 Score, lives and the end of the game may be wrong.",
                path.display(),
                image.md5(),
                environment.game().map_or("", |game| game.md5)
            ),
        );
    }
}
