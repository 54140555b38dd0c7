//! Saved states: ale-py's, and complete ones.

use super::AleInterface;
use crate::arguments::{boolean, Named, Positional, Signature};
use crate::state::{state_argument, AleState, Snapshot};
use atari_emulator::StateError;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

static CLONE_STATE: Signature = Signature {
    name: "cloneState",
    overloads: &["cloneState(self, include_rng: bool = False) -> ALEState"],
    parameters: &["include_rng"],
    required: 0,
};
static RESTORE_STATE: Signature = Signature {
    name: "restoreState",
    overloads: &["restoreState(self, state: ALEState, /) -> None"],
    parameters: &[""],
    required: 1,
};
static RESTORE_SYSTEM_STATE: Signature = Signature {
    name: "restoreSystemState",
    overloads: &["restoreSystemState(self, state: ALEState, /) -> None"],
    parameters: &[""],
    required: 1,
};
static RESTORE: Signature = Signature {
    name: "restore",
    overloads: &["restore(self, data: bytes, /) -> None"],
    parameters: &[""],
    required: 1,
};
static RESTORE_SNAPSHOT: Signature = Signature {
    name: "restore_snapshot",
    overloads: &["restore_snapshot(self, snapshot: Snapshot, /) -> None"],
    parameters: &[""],
    required: 1,
};

/// `RuntimeError` for a state of another game, `ValueError` for bytes that are no state.
fn state_error(error: StateError) -> PyErr {
    match error {
        StateError::OtherGame { .. } => PyRuntimeError::new_err(error.to_string()),
        _ => PyValueError::new_err(error.to_string()),
    }
}

impl AleInterface {
    fn restore_ale_state(
        &self,
        py: Python<'_>,
        signature: &'static Signature,
        args: Positional<'_, '_>,
        kwargs: Option<Named<'_, '_>>,
    ) -> PyResult<()> {
        let state = state_argument(&signature.take(args, kwargs)?)?;
        let position = state.borrow().position();
        let mut game = self.game(py)?;
        if position.is_empty() {
            return Err(PyRuntimeError::new_err("the state is empty; restore one that cloneState() returned"));
        }
        game.environment.restore_as_ale(&position).map_err(|error| PyRuntimeError::new_err(error.to_string()))
    }
}

#[pymethods]
impl AleInterface {
    /// The position as an ALEState, with the generator of the sticky actions if `include_rng` is True. It leaves out
    /// what ale-py's states leave out: the screen, the sound, the action that sticky actions repeat, and the settings.
    /// See `save` and `snapshot`.
    #[pyo3(name = "cloneState", signature = (*args, **kwargs), text_signature = "($self, include_rng=False)")]
    fn clone_state(
        &self,
        py: Python<'_>,
        args: Positional<'_, '_>,
        kwargs: Option<Named<'_, '_>>,
    ) -> PyResult<AleState> {
        let include_rng = CLONE_STATE.take(args, kwargs)?.optional(0, boolean)?.unwrap_or(false);
        Ok(AleState::of(&mut self.game(py)?.environment, include_rng))
    }

    /// `cloneState(True)`.
    #[pyo3(name = "cloneSystemState")]
    fn clone_system_state(&self, py: Python<'_>) -> PyResult<AleState> {
        Ok(AleState::of(&mut self.game(py)?.environment, true))
    }

    /// Returns to the position of an ALEState. What the state does not hold stays as it is, as in ale-py: the screen
    /// shows the old picture until the next act, a sticky action may repeat an action from before, and unless the state
    /// has the generator of the sticky actions, that goes on too.
    ///
    /// Raises RuntimeError if the state is empty or of another cartridge. The interface then stays as it was.
    #[pyo3(name = "restoreState", signature = (*args, **kwargs), text_signature = "($self, state, /)")]
    fn restore_state(&self, py: Python<'_>, args: Positional<'_, '_>, kwargs: Option<Named<'_, '_>>) -> PyResult<()> {
        self.restore_ale_state(py, &RESTORE_STATE, args, kwargs)
    }

    /// The same as `restoreState`.
    #[pyo3(name = "restoreSystemState", signature = (*args, **kwargs), text_signature = "($self, state, /)")]
    fn restore_system_state(
        &self,
        py: Python<'_>,
        args: Positional<'_, '_>,
        kwargs: Option<Named<'_, '_>>,
    ) -> PyResult<()> {
        self.restore_ale_state(py, &RESTORE_SYSTEM_STATE, args, kwargs)
    }

    /// The complete position as bytes, 6,000 to 9,000 of them: also screen, sound, the action that sticky actions
    /// repeat, and both random generators; all but the settings. After `restore`, also in another process, everything
    /// continues exactly as it would have.
    ///
    /// ale-py has no such method.
    fn save<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let saved = self.game(py)?.environment.save();
        Ok(PyBytes::new(py, &saved))
    }

    /// Returns to the position in bytes that `save` returned, for the same cartridge.
    ///
    /// Raises ValueError if the bytes are damaged, cut off or no saved position, RuntimeError if they are of another
    /// cartridge. The interface then stays as it was.
    #[pyo3(signature = (*args, **kwargs), text_signature = "($self, data, /)")]
    fn restore(&self, py: Python<'_>, args: Positional<'_, '_>, kwargs: Option<Named<'_, '_>>) -> PyResult<()> {
        let bytes = |object: &Bound<'_, PyAny>| object.cast::<PyBytes>().ok().map(|bytes| bytes.as_bytes().to_vec());
        let bytes = RESTORE.take(args, kwargs)?.required(0, bytes)?;
        self.game(py)?.environment.restore(&bytes).map_err(state_error)
    }

    /// The complete position in memory, as `save` has it, but within some microseconds: for search, which returns to
    /// many positions many times. It takes some 200 KB until it is deleted.
    ///
    /// ale-py has no such method.
    fn snapshot(&self, py: Python<'_>) -> PyResult<Snapshot> {
        Ok(Snapshot(self.game(py)?.environment.clone()))
    }

    /// Returns to the position of a snapshot, taken by this interface or another one with the same cartridge, within
    /// some microseconds. The interface's settings stay.
    ///
    /// Raises RuntimeError if the snapshot is of another cartridge. The interface then stays as it was.
    #[pyo3(signature = (*args, **kwargs), text_signature = "($self, snapshot, /)")]
    fn restore_snapshot(
        &self,
        py: Python<'_>,
        args: Positional<'_, '_>,
        kwargs: Option<Named<'_, '_>>,
    ) -> PyResult<()> {
        let snapshot = |object: &Bound<'_, PyAny>| object.cast::<Snapshot>().ok().map(|found| found.clone().unbind());
        let snapshot = RESTORE_SNAPSHOT.take(args, kwargs)?.required(0, snapshot)?;
        self.game(py)?.environment.continue_from(&snapshot.get().0).map_err(state_error)
    }
}
