//! `ALEVectorInterface`: many environments of one game on threads of their own.
//!
//! Every call that steps or waits runs without the GIL. The queue of environments is locked meanwhile, so a second
//! thread that calls waits for the first.

mod conversions;
mod errors;
mod settings;

use crate::arguments::{Arguments, Signature};
use crate::enums::action_member;
use atari_emulator::vector::{IndexedAction, VectorError, VectorQueue, VectorResults};
use conversions::{floats_or_none, integers, Flags, Numbers, Rewards};
use errors::to_python;
use numpy::{IntoPyArray, PyArray1, PyArrayDyn, PyArrayMethods};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

/// Many environments of one game, stepped together on threads: preprocessed, stacked, restarted after their episodes.
///
/// `reset` starts the episodes, `send` has the environments take actions in the background, and `recv` waits for the
/// results of `batch_size` of them: the observations, a uint8 array of shape (batch_size, stack, height, width), in
/// color with a last axis of 3; rewards, int32; terminations and truncations, bool; and a dict with env_id, lives,
/// frame_number and episode_frame_number, int32. With `autoreset_mode` "SameStep" the dict has final_obs, uint8 of the
/// observations' shape, in steps with a termination or truncation: the last observations of the episodes that ended,
/// the observations of the others.
///
/// Results come in the order in which their actions were sent. `thread_affinity_offset` is accepted and has no effect.
#[pyclass(module = "atari_emulator._ale_py", subclass, frozen)]
pub(crate) struct ALEVectorInterface {
    made: OnceLock<Arc<Made>>,
}

/// What `__init__` makes.
struct Made {
    queue: Mutex<VectorQueue>,
    /// The process that made or took over the queue.
    process: AtomicU32,
    /// Shape of a batch of observations.
    shape: Vec<usize>,
    num_envs: usize,
    num_actions: usize,
}

static RESET: Signature = Signature {
    name: "reset",
    overloads: &["reset(self, arg0: collections.abc.Sequence[int], arg1: collections.abc.Sequence[int], /) -> tuple"],
    parameters: &["", ""],
    required: 2,
};

static SEND: Signature = Signature {
    name: "send",
    overloads: &["send(self, arg0: collections.abc.Sequence[int], arg1: collections.abc.Sequence[float], /) -> None"],
    parameters: &["", ""],
    required: 2,
};

static STEP: Signature = Signature {
    name: "step",
    overloads: &["step(self, arg0: collections.abc.Sequence[int], arg1: collections.abc.Sequence[float] | None = None, /) -> tuple"],
    parameters: &["", ""],
    required: 1,
};

static RECV: Signature = Signature { name: "recv", overloads: &["recv(self) -> tuple"], parameters: &[], required: 0 };

static STEP_INTO: Signature = Signature {
    name: "step_into",
    overloads: &["step_into(self, action_ids: collections.abc.Sequence[int], observations: numpy.ndarray[dtype=uint8], rewards: numpy.ndarray[dtype=int32] | numpy.ndarray[dtype=float32], terminations: numpy.ndarray[dtype=bool], truncations: numpy.ndarray[dtype=bool], strengths: collections.abc.Sequence[float] | None = None, final_observations: numpy.ndarray[dtype=uint8] | None = None, env_ids: numpy.ndarray[dtype=int32] | None = None, lives: numpy.ndarray[dtype=int32] | None = None) -> None"],
    parameters: &[
        "action_ids",
        "observations",
        "rewards",
        "terminations",
        "truncations",
        "strengths",
        "final_observations",
        "env_ids",
        "lives",
    ],
    required: 5,
};

static RESET_INTO: Signature = Signature {
    name: "reset_into",
    overloads: &["reset_into(self, indices: collections.abc.Sequence[int], seeds: collections.abc.Sequence[int], observations: numpy.ndarray[dtype=uint8], env_ids: numpy.ndarray[dtype=int32] | None = None, lives: numpy.ndarray[dtype=int32] | None = None) -> None"],
    parameters: &["indices", "seeds", "observations", "env_ids", "lives"],
    required: 3,
};

/// All environments that were made and may still be there.
static LIVING: Mutex<Vec<Weak<Made>>> = Mutex::new(Vec::new());

fn living() -> MutexGuard<'static, Vec<Weak<Made>>> {
    LIVING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds the class to the module, and has Python call `_wait_before_fork` before a fork.
pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ALEVectorInterface>()?;
    let os = module.py().import("os")?;
    // Only systems that can fork have it.
    if let Ok(register) = os.getattr("register_at_fork") {
        let options = PyDict::new(module.py());
        options.set_item("before", wrap_pyfunction!(_wait_before_fork, module)?)?;
        register.call((), Some(&options))?;
    }
    Ok(())
}

/// Waits until no environments are at work in the background. Their state could not be used in the forked process.
#[pyfunction]
fn _wait_before_fork(py: Python<'_>) {
    py.detach(|| {
        let all: Vec<_> = living().iter().filter_map(Weak::upgrade).collect();
        for made in all {
            // Environments that cannot be waited for say so when they are used.
            let _ = made.queue().and_then(|mut queue| queue.wait());
        }
    });
}

impl Made {
    /// The queue, once no other thread uses it. Not to be called with the GIL held: the other thread may need it.
    ///
    /// # Errors
    /// [`VectorError::Forked`] in a forked process in whose parent a thread had the queue at that moment.
    fn queue(&self) -> Result<MutexGuard<'_, VectorQueue>, VectorError> {
        let process = process::id();
        if self.process.load(Ordering::Relaxed) == process {
            return Ok(self.queue.lock().unwrap_or_else(PoisonError::into_inner));
        }
        let queue = self.queue.try_lock().map_err(|_| VectorError::Forked)?;
        self.process.store(process, Ordering::Relaxed);
        Ok(queue)
    }

    /// Calls `work` with the queue and the bytes of `observations`, without the GIL.
    fn with_observations<T: Send>(
        &self,
        observations: &Bound<'_, PyArrayDyn<u8>>,
        work: impl FnOnce(&mut VectorQueue, &mut [u8]) -> Result<T, VectorError> + Send,
    ) -> PyResult<T> {
        let mut view = observations.try_readwrite().map_err(|error| PyValueError::new_err(error.to_string()))?;
        let bytes = view.as_slice_mut().map_err(|error| PyValueError::new_err(error.to_string()))?;
        observations.py().detach(|| work(&mut *self.queue()?, bytes)).map_err(to_python)
    }

    /// A new array for a batch's observations, all 0.
    fn new_observations<'py>(&self, py: Python<'py>) -> Bound<'py, PyArrayDyn<u8>> {
        PyArrayDyn::zeros(py, self.shape.as_slice(), false)
    }

    /// Actions by index, with their strengths: 1 unless given.
    fn actions(&self, ids: &[i64], strengths: Option<Vec<f32>>) -> PyResult<Vec<IndexedAction>> {
        if strengths.as_ref().is_some_and(|strengths| strengths.len() != ids.len()) {
            return Err(PyValueError::new_err("action_ids and paddle_strengths must have same size"));
        }
        let strengths = strengths.unwrap_or_else(|| vec![1.0; ids.len()]);
        let actions = ids.iter().zip(strengths).map(|(&id, strength)| {
            let index = usize::try_from(id).map_err(|_| {
                PyValueError::new_err(format!("action {id} is out of range, allowed is 0 to {}", self.num_actions - 1))
            })?;
            Ok(IndexedAction { index, strength })
        });
        actions.collect()
    }

    /// The dict of a batch.
    fn info<'py>(&self, py: Python<'py>, results: &mut VectorResults) -> PyResult<Bound<'py, PyDict>> {
        let info = PyDict::new(py);
        let ids: Vec<i32> = results.env_ids.iter().map(|&id| id as i32).collect();
        // Frame numbers are C ints in ale-py: they wrap after 2^31 frames.
        let wrapped = |numbers: &[u32]| numbers.iter().map(|&number| number as i32).collect::<Vec<_>>();
        info.set_item(pyo3::intern!(py, "env_id"), PyArray1::from_slice(py, &ids))?;
        info.set_item(pyo3::intern!(py, "lives"), PyArray1::from_slice(py, &results.lives))?;
        info.set_item(pyo3::intern!(py, "frame_number"), PyArray1::from_slice(py, &wrapped(&results.frame_numbers)))?;
        let numbers = PyArray1::from_slice(py, &wrapped(&results.episode_frame_numbers));
        info.set_item(pyo3::intern!(py, "episode_frame_number"), numbers)?;
        if !results.final_observations.is_empty() {
            let last = std::mem::take(&mut results.final_observations).into_pyarray(py);
            info.set_item(pyo3::intern!(py, "final_obs"), last.reshape(self.shape.as_slice())?)?;
        }
        Ok(info)
    }

    /// The tuple of a step: observations, rewards, terminations, truncations, info.
    fn step_tuple<'py>(
        &self,
        observations: Bound<'py, PyArrayDyn<u8>>,
        mut results: VectorResults,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let py = observations.py();
        let info = self.info(py, &mut results)?;
        let rewards = PyArray1::from_slice(py, &results.rewards);
        let terminated = PyArray1::from_slice(py, &results.terminated);
        let truncated = PyArray1::from_slice(py, &results.truncated);
        (observations, rewards, terminated, truncated, info).into_pyobject(py)
    }

    /// Pairs of environment and seed from the two first arguments of `reset`.
    fn starts(&self, arguments: &Arguments<'_, '_>) -> PyResult<Vec<(usize, i64)>> {
        let indices = arguments.required(0, integers)?;
        let seeds = arguments.required(1, integers)?;
        if indices.len() != seeds.len() {
            return Err(PyValueError::new_err("env_ids and seeds must have same size"));
        }
        let pairs = indices.into_iter().zip(seeds);
        pairs
            .map(|(id, seed)| {
                Ok((usize::try_from(id).map_err(|_| errors::no_such_environment(id, self.num_envs))?, seed))
            })
            .collect()
    }
}

impl ALEVectorInterface {
    /// What `__init__` made. Without it every method refuses, as in ale-py.
    fn made(&self, arguments: &Arguments<'_, '_>) -> PyResult<&Made> {
        self.made.get().map(Arc::as_ref).ok_or_else(|| arguments.mismatch())
    }

    /// The same for methods without arguments.
    fn made_or(&self, name: &str) -> PyResult<&Made> {
        let refuse =
            || PyTypeError::new_err(format!("{name}(): this object was not initialized; call super().__init__()"));
        self.made.get().map(Arc::as_ref).ok_or_else(refuse)
    }
}

#[pymethods]
impl ALEVectorInterface {
    /// An object without environments; `__init__` makes them.
    #[new]
    #[pyo3(signature = (*_arguments, **_named))]
    fn new(_arguments: &Bound<'_, PyTuple>, _named: Option<&Bound<'_, PyDict>>) -> Self {
        Self { made: OnceLock::new() }
    }

    /// Makes the environments; they must be reset before their first step.
    #[pyo3(signature = (*arguments, **named))]
    fn __init__(&self, arguments: &Bound<'_, PyTuple>, named: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
        let made = Arc::new(settings::make(arguments.py(), &settings::INIT.take(arguments, named)?)?);
        living().retain(|other| other.strong_count() > 0);
        living().push(Arc::downgrade(&made));
        let again = |_| PyRuntimeError::new_err("these environments are made already; make another object");
        self.made.set(made).map_err(again)
    }

    /// Starts new episodes in the environments `indices` with these seeds, two sequences of ints; a negative seed is
    /// none.
    ///
    /// Returns (observations, info) of the first batch, also of environments that were not reset. The first reset must
    /// be of all environments, and so must every one if batches are smaller than their number.
    ///
    /// Raises ValueError, IndexError, RuntimeError for wrong numbers of environments, and for batches sent but not
    /// received.
    #[pyo3(signature = (*arguments, **named))]
    fn reset<'py>(
        &self,
        py: Python<'py>,
        arguments: &Bound<'py, PyTuple>,
        named: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let arguments = RESET.take(arguments, named)?;
        let made = self.made(&arguments)?;
        let starts = made.starts(&arguments)?;
        let observations = made.new_observations(py);
        let mut results = made.with_observations(&observations, |queue, bytes| queue.reset(&starts, bytes))?;
        (observations, made.info(py, &mut results)?).into_pyobject(py)
    }

    /// As `reset`, with the observations written into `observations`: uint8, C-contiguous, of the shape of a batch.
    /// `env_ids` and `lives` are int32 arrays of shape (batch_size,) to be filled, if given.
    #[pyo3(signature = (*arguments, **named))]
    fn reset_into(&self, arguments: &Bound<'_, PyTuple>, named: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
        let arguments = RESET_INTO.take(arguments, named)?;
        let made = self.made(&arguments)?;
        let starts = made.starts(&arguments)?;
        let shape = made.shape.as_slice();
        let observations = arguments.required(2, conversions::bytes)?;
        let observations = conversions::with_shape(observations, "observations", shape)?;
        let env_ids = Numbers::optional(&arguments, 3, "env_ids", shape[0])?;
        let lives = Numbers::optional(&arguments, 4, "lives", shape[0])?;
        let results = made.with_observations(&observations, |queue, bytes| queue.reset(&starts, bytes))?;
        Numbers::fill(env_ids, results.env_ids.iter().map(|&id| id as i32))?;
        Numbers::fill(lives, results.lives.iter().copied())
    }

    /// Has the environments of the batch received last take these actions, and returns at once.
    ///
    /// `action_ids` index `get_action_set()`; paddles turn by `strengths` times the usual distance (None: 1). Both are
    /// sequences of `batch_size`. Raises ValueError for other sizes and for actions out of range, RuntimeError before
    /// the first reset.
    #[pyo3(signature = (*arguments, **named))]
    fn send(&self, py: Python<'_>, arguments: &Bound<'_, PyTuple>, named: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
        let arguments = SEND.take(arguments, named)?;
        let made = self.made(&arguments)?;
        let actions = made.actions(&arguments.required(0, integers)?, arguments.required(1, floats_or_none)?)?;
        py.detach(|| made.queue()?.send(&actions)).map_err(to_python)
    }

    /// Waits for the next batch: (observations, rewards, terminations, truncations, info). Raises RuntimeError if
    /// nothing was sent.
    #[pyo3(signature = (*arguments, **named))]
    fn recv<'py>(
        &self,
        py: Python<'py>,
        arguments: &Bound<'py, PyTuple>,
        named: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let made = self.made(&RECV.take(arguments, named)?)?;
        let observations = made.new_observations(py);
        let results = made.with_observations(&observations, VectorQueue::recv)?;
        made.step_tuple(observations, results)
    }

    /// `send`, then `recv`, in one call; `strengths` may be left out. ale-py does not have it. It needs no thread in the
    /// background: the calling thread takes part in the work.
    #[pyo3(signature = (*arguments, **named))]
    fn step<'py>(
        &self,
        py: Python<'py>,
        arguments: &Bound<'py, PyTuple>,
        named: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let arguments = STEP.take(arguments, named)?;
        let made = self.made(&arguments)?;
        let actions =
            made.actions(&arguments.required(0, integers)?, arguments.optional(1, floats_or_none)?.flatten())?;
        let observations = made.new_observations(py);
        let results = made.with_observations(&observations, |queue, bytes| queue.step(&actions, bytes))?;
        made.step_tuple(observations, results)
    }

    /// One step, with the results written into arrays of the caller. Nothing is allocated that Python would see.
    ///
    /// * `observations`: uint8, C-contiguous, of the shape of a batch, (batch_size, *get_observation_shape());
    /// * `rewards`: int32 or float32, `terminations`, `truncations`: bool, of shape (batch_size,);
    /// * `final_observations`: like `observations`, with "SameStep" only: the rows of environments that are terminated
    ///   or truncated are written, the others left as they are;
    /// * `env_ids`, `lives`: int32 of shape (batch_size,).
    ///
    /// Parts of larger arrays will do, for instance `buffer[t]`. Raises TypeError for other types, ValueError for other
    /// shapes.
    #[pyo3(signature = (*arguments, **named))]
    fn step_into(&self, arguments: &Bound<'_, PyTuple>, named: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
        let arguments = STEP_INTO.take(arguments, named)?;
        let made = self.made(&arguments)?;
        let (shape, batch_size) = (made.shape.as_slice(), made.shape[0]);
        let observations = arguments.required(1, conversions::bytes)?;
        let observations = conversions::with_shape(observations, "observations", shape)?;
        let rewards = arguments.required(2, Rewards::of)?.checked(batch_size)?;
        let terminations = Flags::required(&arguments, 3, "terminations", batch_size)?;
        let truncations = Flags::required(&arguments, 4, "truncations", batch_size)?;
        let last = arguments.optional(6, conversions::bytes_or_none)?.flatten();
        let last = last.map(|last| conversions::with_shape(last, "final_observations", shape)).transpose()?;
        let env_ids = Numbers::optional(&arguments, 7, "env_ids", batch_size)?;
        let lives = Numbers::optional(&arguments, 8, "lives", batch_size)?;
        let strengths = arguments.optional(5, floats_or_none)?.flatten();
        let actions = made.actions(&arguments.required(0, integers)?, strengths)?;

        let results = made.with_observations(&observations, |queue, bytes| queue.step(&actions, bytes))?;
        rewards.fill(&results.rewards)?;
        terminations.fill(&results.terminated)?;
        truncations.fill(&results.truncated)?;
        if let Some(last) = last {
            let over = results.terminated.iter().zip(&results.truncated).map(|(one, other)| one | other);
            conversions::fill_rows(&last, &results.final_observations, &over.collect::<Vec<_>>())?;
        }
        Numbers::fill(env_ids, results.env_ids.iter().map(|&id| id as i32))?;
        Numbers::fill(lives, results.lives.iter().copied())
    }

    /// The actions by index, members of `Action`.
    fn get_action_set(&self, py: Python<'_>) -> PyResult<Vec<Py<PyAny>>> {
        let made = self.made_or("get_action_set")?;
        let actions = py.detach(|| made.queue().map(|queue| queue.actions().to_vec())).map_err(to_python)?;
        Ok(actions.into_iter().map(|action| action_member(py, action)).collect())
    }

    /// How many environments there are.
    fn get_num_envs(&self) -> PyResult<usize> {
        Ok(self.made_or("get_num_envs")?.num_envs)
    }

    /// Shape of one environment's observation: (stack, height, width), in color with a last 3.
    fn get_observation_shape<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.made_or("get_observation_shape")?.shape[1..])
    }

    /// Eight bytes that identify this object among those alive, a uint8 array of shape (8,).
    fn handle<'py>(slf: &Bound<'py, Self>) -> Bound<'py, PyArray1<u8>> {
        PyArray1::from_slice(slf.py(), &(slf.as_ptr() as u64).to_ne_bytes())
    }

    /// Environments on threads cannot be pickled or copied.
    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err("cannot pickle 'ALEVectorInterface' object"))
    }
}
