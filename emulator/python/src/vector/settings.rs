//! Makes the environments of an `ALEVectorInterface` from its arguments.

use super::errors::to_python;
use super::Made;
use crate::arguments::{boolean, float, integer, path, text, Arguments, Signature};
use crate::cartridge_files;
use atari_emulator::vector::{ActionSpace, Autoreset, VectorQueue, VectorSettings};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::process;
use std::sync::atomic::AtomicU32;
use std::sync::Mutex;
use std::thread;

pub(super) static INIT: Signature = Signature {
    name: "__init__",
    overloads: &["__init__(self, rom_path: str | os.PathLike, num_envs: int, frame_skip: int = 4, stack_num: int = 4, img_height: int = 84, img_width: int = 84, grayscale: bool = True, maxpool: bool = True, noop_max: int = 30, use_fire_reset: bool = True, episodic_life: bool = False, life_loss_info: bool = False, reward_clipping: bool = True, max_episode_steps: int = 108000, repeat_action_probability: float = 0.0, full_action_space: bool = False, batch_size: int = 0, num_threads: int = 0, thread_affinity_offset: int = -1, autoreset_mode: str = 'NextStep') -> None"],
    parameters: &[
        "rom_path",
        "num_envs",
        "frame_skip",
        "stack_num",
        "img_height",
        "img_width",
        "grayscale",
        "maxpool",
        "noop_max",
        "use_fire_reset",
        "episodic_life",
        "life_loss_info",
        "reward_clipping",
        "max_episode_steps",
        "repeat_action_probability",
        "full_action_space",
        "batch_size",
        "num_threads",
        "thread_affinity_offset",
        "autoreset_mode",
    ],
    required: 2,
};

/// Makes the environments that the arguments describe.
///
/// # Errors
/// `TypeError` for wrong types, `ValueError` for values out of range, `RuntimeError` for a cartridge that cannot be
/// used.
pub(super) fn make(py: Python<'_>, arguments: &Arguments<'_, '_>) -> PyResult<Made> {
    let py_int = |place| arguments.optional(place, integer::<i32>);
    let py_bool = |place| arguments.optional(place, boolean);
    let rom_path = arguments.required(0, path)?;
    let num_envs = arguments.required(1, integer::<i32>)?;
    let frame_skip = py_int(2)?.unwrap_or(4);
    let stack = py_int(3)?.unwrap_or(4);
    let height = py_int(4)?.unwrap_or(84);
    let width = py_int(5)?.unwrap_or(84);
    let defaults = VectorSettings::default();
    let settings = VectorSettings::default()
        .with_grayscale(py_bool(6)?.unwrap_or(defaults.grayscale))
        .with_maxpool(py_bool(7)?.unwrap_or(defaults.maxpool))
        .with_noop_max(from_zero(py_int(8)?.unwrap_or(30)))
        .with_use_fire_reset(py_bool(9)?.unwrap_or(defaults.use_fire_reset))
        .with_episodic_life(py_bool(10)?.unwrap_or(defaults.episodic_life))
        .with_life_loss_info(py_bool(11)?.unwrap_or(defaults.life_loss_info))
        .with_reward_clipping(py_bool(12)?.unwrap_or(defaults.reward_clipping))
        .with_max_episode_frames(from_zero(py_int(13)?.unwrap_or(108_000)))
        .with_sticky_probability(sticky_probability(arguments.optional(14, float)?.unwrap_or(0.0)));
    let full_action_space = py_bool(15)?.unwrap_or(false);
    let batch_size = py_int(16)?.unwrap_or(0);
    let num_threads = py_int(17)?.unwrap_or(0);
    py_int(18)?; // thread_affinity_offset
    let autoreset = match arguments.optional(19, text)?.as_deref() {
        None | Some("NextStep") => Autoreset::NextStep,
        Some("SameStep") => Autoreset::SameStep,
        Some(other) => return Err(PyValueError::new_err(format!("Invalid autoreset_mode: {other}"))),
    };
    let settings = settings
        .with_num_envs(size("num_envs", num_envs)?)
        .with_frame_skip(size("frame_skip", frame_skip)? as u32)
        .with_stack(size("stack_num", stack)?)
        .with_height(size("img_height", height)?)
        .with_width(size("img_width", width)?)
        .with_num_threads(threads(num_threads))
        .with_action_space(if full_action_space { ActionSpace::Full } else { ActionSpace::Minimal })
        .with_autoreset(autoreset);
    let batch_size = if batch_size == 0 { settings.num_envs } else { size("batch_size", batch_size)? };
    let image = cartridge_files::load(py, &rom_path)?;
    py.detach(|| {
        let queue = VectorQueue::new(&image, settings, batch_size).map_err(to_python)?;
        let mut shape = vec![batch_size];
        shape.extend(queue.settings().observation_shape());
        Ok(Made {
            shape,
            num_envs: queue.settings().num_envs,
            num_actions: queue.actions().len(),
            queue: Mutex::new(queue),
            process: AtomicU32::new(process::id()),
        })
    })
}

/// A limit of frames; ale-py takes negative ones for 0.
fn from_zero(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

/// A size, which cannot be less than 1.
fn size(name: &str, number: i32) -> PyResult<usize> {
    usize::try_from(number)
        .ok()
        .filter(|&number| number > 0)
        .ok_or_else(|| PyValueError::new_err(format!("{name} is {number}, allowed is at least 1")))
}

/// The number of threads: 0, one for each core, unless a number was given; never more than there are cores.
fn threads(asked: i32) -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    usize::try_from(asked).unwrap_or(0).min(cores)
}

/// ale-py's setting: it keeps six digits, and draws numbers from 0 to less than 1 to compare with.
fn sticky_probability(probability: f64) -> f32 {
    let kept: f32 = format!("{:.5e}", probability as f32).parse().unwrap_or(0.0);
    if kept.is_nan() {
        // No drawn number is at least NaN, so every action is repeated.
        1.0
    } else {
        kept.clamp(0.0, 1.0)
    }
}
