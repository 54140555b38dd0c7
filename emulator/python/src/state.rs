//! `ALEState`, a position that ale-py's users save, and `Snapshot`, a complete one in memory.
//!
//! The bytes of an `ALEState`, all numbers little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `ALESTATE` |
//! | 4 | [`VERSION`] |
//! | 4 each | frame number, episode frame number, mode, difficulty |
//! | 4 | length of the position |
//! | ... | the position, as the emulator saves it |
//! | 4 | CRC-32 of everything before |

use crate::arguments::{Arguments, Named, Positional, Signature};
use atari_emulator::Environment;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

const MAGIC: [u8; 8] = *b"ALESTATE";
/// The version of the layout. Others are not read.
const VERSION: u32 = 1;
/// Bytes before the position, and after it.
const HEADER: usize = 32;
const CHECKSUM: usize = 4;

/// A saved position of a game: `ALEState()` is an empty one, `ALEState(data)` reads the bytes of `serialize()`, and
/// `ALEState(other, data)` has the frame numbers, mode and difficulty of `other` and the console in `data`.
///
/// It holds what ale-py's states hold: the console, RAM, lives, score, frame numbers, mode and difficulty, and the
/// console's random generator; the generator of the sticky actions only if it was asked for (`cloneState(True)`,
/// `cloneSystemState()`). It does not hold the screen, the sound, the action that sticky actions repeat, and the
/// settings. `ALEInterface.save()` leaves none of these out.
///
/// States are equal if all that they hold is. They can be pickled (protocols 2 to 5) and copied.
///
/// Raises ValueError if the bytes are damaged, cut off, or no state.
#[pyclass(name = "ALEState", module = "atari_emulator._ale_py", subclass)]
pub(crate) struct AleState {
    numbers: Numbers,
    /// The position as [`Environment::save_as_ale`] writes it; empty in an empty state.
    position: Arc<[u8]>,
}

/// What is shown of a state.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Numbers {
    frame: u32,
    episode_frame: u32,
    mode: u32,
    difficulty: u32,
}

static NEW: Signature = Signature {
    name: "__init__",
    overloads: &[
        "__init__(self) -> None",
        "__init__(self, data: bytes, /) -> None",
        "__init__(self, other: ALEState, data: bytes, /) -> None",
    ],
    parameters: &["", ""],
    required: 0,
};
static EQUALS: Signature = Signature {
    name: "equals",
    overloads: &["equals(self, other: ALEState, /) -> bool"],
    parameters: &[""],
    required: 1,
};

impl AleState {
    /// The position of `environment` now.
    pub(crate) fn of(environment: &mut Environment, include_random: bool) -> Self {
        let numbers = Numbers {
            frame: environment.frame_number(),
            episode_frame: environment.episode_frame_number(),
            mode: environment.mode(),
            difficulty: environment.difficulty(),
        };
        Self { numbers, position: environment.save_as_ale(include_random).into() }
    }

    /// The position, for [`Environment::restore_as_ale`].
    pub(crate) fn position(&self) -> Arc<[u8]> {
        Arc::clone(&self.position)
    }

    fn to_bytes(&self) -> Vec<u8> {
        let Numbers { frame, episode_frame, mode, difficulty } = self.numbers;
        let mut bytes = Vec::with_capacity(HEADER + self.position.len() + CHECKSUM);
        bytes.extend(MAGIC);
        for number in [VERSION, frame, episode_frame, mode, difficulty, self.position.len() as u32] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(&*self.position);
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> PyResult<Self> {
        let fault = |what: String| Err(PyValueError::new_err(what));
        let length = bytes.len();
        if bytes.get(..MAGIC.len()) != Some(&MAGIC[..]) {
            let start = String::from_utf8_lossy(&bytes[..length.min(8)]).escape_debug().to_string();
            return fault(format!(
                "these {length} bytes are no ALEState: they begin with \"{start}\" where \"ALESTATE\" is expected; \
                 give what serialize() returned (states that ale-py itself wrote cannot be read)"
            ));
        }
        let number = |place: usize| {
            let bytes = bytes.get(MAGIC.len() + 4 * place..)?.first_chunk()?;
            Some(u32::from_le_bytes(*bytes))
        };
        let fields = [0, 1, 2, 3, 4, 5].map(number);
        let [Some(version), Some(frame), Some(episode_frame), Some(mode), Some(difficulty), Some(size)] = fields else {
            return fault(format!(
                "the state ends after {length} bytes, within its header; it was not copied completely"
            ));
        };
        if version != VERSION {
            return fault(format!("the state has layout version {version}, this package reads version {VERSION} only"));
        }
        let expected = size as usize + HEADER + CHECKSUM;
        if length != expected {
            return fault(format!(
                "the state has {length} bytes and should have {expected}; it was not copied completely"
            ));
        }
        let (checked, checksum) = bytes.split_at(length - CHECKSUM);
        let found = crc32fast::hash(checked);
        if found.to_le_bytes() != checksum {
            return fault(format!(
                "the state is damaged: the checksum of its bytes is {found:08x}, which is not the one saved"
            ));
        }
        let numbers = Numbers { frame, episode_frame, mode, difficulty };
        Ok(Self { numbers, position: checked[HEADER..].into() })
    }
}

fn bytes<'py>(object: &Bound<'py, PyAny>) -> Option<Bound<'py, PyBytes>> {
    object.cast::<PyBytes>().ok().cloned()
}

fn state<'py>(object: &Bound<'py, PyAny>) -> Option<Bound<'py, AleState>> {
    object.cast::<AleState>().ok().cloned()
}

/// The only argument, an `ALEState`.
pub(crate) fn state_argument<'py>(arguments: &Arguments<'_, 'py>) -> PyResult<Bound<'py, AleState>> {
    arguments.required(0, state)
}

#[pymethods]
impl AleState {
    #[new]
    #[pyo3(signature = (*args, **kwargs), text_signature = "(*args)")]
    fn new(args: Positional<'_, '_>, kwargs: Option<Named<'_, '_>>) -> PyResult<Self> {
        let arguments = NEW.take(args, kwargs)?;
        match (arguments.get(0)?, arguments.get(1)?) {
            (None, _) => Ok(Self { numbers: Numbers::default(), position: Arc::default() }),
            (Some(_), None) => Self::from_bytes(arguments.required(0, bytes)?.as_bytes()),
            (Some(_), Some(_)) => {
                let (other, data) = (arguments.required(0, state)?, arguments.required(1, bytes)?);
                let numbers = other.borrow().numbers;
                Ok(Self { numbers, position: data.as_bytes().into() })
            }
        }
    }

    /// Whether both states hold the same.
    #[pyo3(signature = (*args, **kwargs), text_signature = "($self, other, /)")]
    fn equals(&self, args: Positional<'_, '_>, kwargs: Option<Named<'_, '_>>) -> PyResult<bool> {
        let other = state_argument(&EQUALS.take(args, kwargs)?)?;
        Ok(self.__eq__(&other.borrow()))
    }

    fn __eq__(&self, other: &Self) -> bool {
        (self.numbers, &self.position) == (other.numbers, &other.position)
    }

    /// Equal states have the same hash.
    fn __hash__(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.numbers, &self.position).hash(&mut hasher);
        hasher.finish()
    }

    /// Frames since the cartridge was loaded; 0 in an empty state.
    #[pyo3(name = "getFrameNumber")]
    fn frame_number(&self) -> u32 {
        self.numbers.frame
    }

    /// Frames since the last reset; 0 in an empty state.
    #[pyo3(name = "getEpisodeFrameNumber")]
    fn episode_frame_number(&self) -> u32 {
        self.numbers.episode_frame
    }

    /// The difficulty: bit 0 is the left switch, bit 1 the right one; 0 in an empty state.
    #[pyo3(name = "getDifficulty")]
    fn difficulty(&self) -> u32 {
        self.numbers.difficulty
    }

    /// The game mode; 0 in an empty state.
    #[pyo3(name = "getCurrentMode")]
    fn current_mode(&self) -> u32 {
        self.numbers.mode
    }

    /// The state as bytes: some 3,000, or 5,000 with the generator of the sticky actions. `ALEState(data)` reads them.
    fn serialize<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.to_bytes())
    }

    fn __getstate__<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        self.serialize(py)
    }

    fn __setstate__(&mut self, data: &Bound<'_, PyBytes>) -> PyResult<()> {
        *self = Self::from_bytes(data.as_bytes())?;
        Ok(())
    }
}

/// A complete position of a game in memory, made by `ALEInterface.snapshot()` and copied back by
/// `ALEInterface.restore_snapshot()`, both in some microseconds. It cannot be pickled: `ALEInterface.save()` gives
/// bytes.
#[pyclass(name = "Snapshot", module = "atari_emulator._ale_py", frozen)]
pub(crate) struct Snapshot(pub(crate) Environment);

#[pymethods]
impl Snapshot {
    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("cannot pickle 'Snapshot' object; ALEInterface.save() gives bytes"))
    }
}
