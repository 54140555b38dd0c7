//! A value that Python threads use in turn, in the order in which they ask.
//!
//! A thread that has its turn may release the GIL for long work. Another one then waits without the GIL, and takes over
//! as soon as the first has finished. A plain mutex has two faults here. A thread that waits for it with the GIL stops
//! all other threads. A thread that uses it in a loop leaves the others no gap.
//!
//! A forked process has a copy of the value but not the other threads. So nothing here is locked while the GIL is free
//! (a fork holds it), and a value that another thread was using during the fork is reported as lost instead of being
//! waited for.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyCFunction;
use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{sync_channel, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

/// While a thread waits for its turn, it looks this often whether the user wants to interrupt it.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// Forks that led to this process since the module was loaded.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// Has Python count the forks.
pub(crate) fn count_forks(py: Python<'_>) -> PyResult<()> {
    let os = py.import("os")?;
    // Windows has no forks.
    if os.hasattr("register_at_fork")? {
        let count = PyCFunction::new_closure(py, Some(c"count_fork"), None, |_, _| {
            FORKS.fetch_add(1, Ordering::Relaxed);
        })?;
        let options = pyo3::types::PyDict::new(py);
        options.set_item("after_in_child", count)?;
        os.call_method("register_at_fork", (), Some(&options))?;
    }
    Ok(())
}

/// How many forks led to this process. What another number is noted with belongs to a parent.
pub(crate) fn forks() -> u32 {
    FORKS.load(Ordering::Relaxed)
}

/// A value, or none, and the threads that wait for it. Used with the GIL only.
pub(crate) struct Turns<T>(Mutex<Queue<T>>);

struct Queue<T> {
    place: Place<T>,
    waiting: VecDeque<(ThreadId, SyncSender<Box<T>>)>,
}

enum Place<T> {
    Nowhere,
    Here(Box<T>),
    /// A thread has it.
    With(ThreadId, /* forks when it took it */ u32),
}

/// The value while it is this thread's turn. Ends when it is dropped.
pub(crate) struct Turn<'a, 'py, T> {
    turns: &'a Turns<T>,
    /// `None` only while it is dropped.
    value: Option<Box<T>>,
    /// The value is given back with the GIL.
    _py: Python<'py>,
}

/// Why there is no turn.
pub(crate) enum NoTurn {
    /// There is no value.
    Nothing,
    /// This thread has its turn already: a signal handler or a destructor runs within a call.
    WithinACall,
    /// Another thread of the parent process had it during the fork.
    LostInFork,
    /// A signal handler raised this exception.
    Interrupted(PyErr),
}

impl<T: Send> Turns<T> {
    /// No value.
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Queue { place: Place::Nowhere, waiting: VecDeque::new() }))
    }

    /// Waits for this thread's turn, without the GIL if another thread has its turn.
    pub(crate) fn take<'a, 'py>(&'a self, py: Python<'py>) -> Result<Turn<'a, 'py, T>, NoTurn> {
        let thread = thread::current().id();
        let receiver = {
            let mut queue = self.queue();
            match std::mem::replace(&mut queue.place, Place::With(thread, forks())) {
                Place::Here(value) => return Ok(Turn { turns: self, value: Some(value), _py: py }),
                before => queue.place = before,
            }
            match queue.place {
                Place::With(_, since) if since != forks() => return Err(NoTurn::LostInFork),
                Place::With(owner, _) if owner == thread => return Err(NoTurn::WithinACall),
                Place::With(..) => {}
                Place::Nowhere | Place::Here(_) => return Err(NoTurn::Nothing),
            }
            let (sender, receiver) = sync_channel(1);
            queue.waiting.push_back((thread, sender));
            receiver
        };
        self.wait(py, receiver)
    }

    /// Waits for the value that another thread hands over.
    fn wait<'a, 'py>(&'a self, py: Python<'py>, mut receiver: Receiver<Box<T>>) -> Result<Turn<'a, 'py, T>, NoTurn> {
        loop {
            let handed;
            (handed, receiver) = py.detach(move || (receiver.recv_timeout(BETWEEN_LOOKS), receiver));
            match handed {
                Ok(value) => return Ok(Turn { turns: self, value: Some(value), _py: py }),
                Err(RecvTimeoutError::Disconnected) => return Err(NoTurn::LostInFork),
                Err(RecvTimeoutError::Timeout) => {}
            }
            if let Err(error) = py.check_signals() {
                // What was handed over in the meantime goes to the next. Nothing can be from now on, because that needs
                // the GIL.
                let value = receiver.try_recv().ok();
                drop(Turn { turns: self, value, _py: py });
                return Err(NoTurn::Interrupted(error));
            }
        }
    }

    /// Replaces the value, after the turns of the threads that use it or wait for it.
    pub(crate) fn set(&self, py: Python<'_>, value: T) -> Result<(), NoTurn> {
        match self.take(py) {
            Ok(mut turn) => *turn = value,
            Err(why @ (NoTurn::WithinACall | NoTurn::Interrupted(_))) => return Err(why),
            Err(NoTurn::Nothing | NoTurn::LostInFork) => {
                let mut queue = self.queue();
                queue.waiting.clear();
                queue.place = Place::Here(Box::new(value));
            }
        }
        Ok(())
    }

    /// Locked for a few instructions at a time, and with the GIL, so that nobody ever waits for it.
    fn queue(&self) -> MutexGuard<'_, Queue<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Deref for Turn<'_, '_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        match &self.value {
            Some(value) => value,
            None => unreachable!("the value is given back when the turn is dropped"),
        }
    }
}

impl<T> DerefMut for Turn<'_, '_, T> {
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.value {
            Some(value) => value,
            None => unreachable!("the value is given back when the turn is dropped"),
        }
    }
}

impl<T> Drop for Turn<'_, '_, T> {
    fn drop(&mut self) {
        let Some(mut value) = self.value.take() else { return };
        let mut queue = self.turns.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((thread, next)) = queue.waiting.pop_front() {
            match next.send(value) {
                Ok(()) => {
                    queue.place = Place::With(thread, forks());
                    return;
                }
                Err(refused) => value = refused.0,
            }
        }
        queue.place = Place::Here(value);
    }
}

impl NoTurn {
    /// The exception, given what `nothing` means and what the value is called.
    pub(crate) fn error(self, nothing: &str, name: &str) -> PyErr {
        PyRuntimeError::new_err(match self {
            Self::Nothing => nothing.to_string(),
            Self::WithinACall => format!(
                "this {name} is in the middle of another call of the same thread: \
                 a signal handler or a destructor must not use it"
            ),
            Self::LostInFork => format!(
                "this {name} was being used by another thread when the process was forked, \
                 so the child has no usable copy of it; load a cartridge into it, or make a new one"
            ),
            Self::Interrupted(error) => return error,
        })
    }
}
