//! Threads, where the system may give none (`ulimit -u`, a container's limit on processes): work is then done on fewer of them,
//! the results are the same.

use anyhow::{bail, Context, Result};
use rayon::{ThreadBuilder, ThreadPoolBuilder};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, Builder};

/// The most threads that can be asked for.
pub const MOST: usize = 1_024;

/// The environment variable with the number of threads of the common pool.
const VARIABLE: &str = "RAYON_NUM_THREADS";

/// The calling thread is all there is: it is the pool's only thread, and others that wait for the pool would wait for ever.
static ALONE: AtomicBool = AtomicBool::new(false);

/// Starts the pool of threads that networks and environments share: as many as `RAYON_NUM_THREADS` says, or one for each core.
/// Where fewer can be had, says so and takes those; the program's first thread alone if there are none.
///
/// # Errors
/// When the variable is no number of threads, or there is a pool already.
pub fn start_pool() -> Result<()> {
    let wanted = match wanted(std::env::var_os(VARIABLE).as_ref().map(|value| value.to_string_lossy()).as_deref())? {
        Some(wanted) => wanted,
        None => thread::available_parallelism().map_or(1, usize::from).min(MOST),
    };
    let (waiting, refusal) = spawn_up_to(wanted);
    let had = waiting.len();
    let pool = if had > 0 {
        let hand_over = |thread: ThreadBuilder| {
            let gone = || io::Error::other("a thread of the pool has ended");
            waiting.get(thread.index()).ok_or_else(gone)?.send(thread).map_err(|_| gone())
        };
        ThreadPoolBuilder::new().num_threads(had).spawn_handler(hand_over).build_global()
    } else {
        ALONE.store(true, Ordering::Relaxed);
        ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global()
    };
    pool.context("cannot start threads")?;
    if let Some(refusal) = refusal {
        warn!(
            "warning: {had} of {wanted} threads could be started ({refusal}); the results are the same, but take longer; \
             `ulimit -u` shows how many processes and threads are allowed"
        );
    }
    Ok(())
}

/// The number of threads that the variable asks for; `None` without one.
fn wanted(value: Option<&str>) -> Result<Option<usize>> {
    let Some(text) = value.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    match text.parse::<usize>() {
        // As rayon takes it.
        Ok(0) => Ok(None),
        Ok(wanted) if wanted <= MOST => Ok(Some(wanted)),
        _ => bail!("{VARIABLE} is {text}, allowed is 1 to {MOST}, or 0 for one thread per core"),
    }
}

/// Threads that wait for their part in a pool, `wanted` or as many as can be had, and why there are no more. They are started
/// before the pool, because a pool that fails to start cannot be started again.
fn spawn_up_to(wanted: usize) -> (Vec<Sender<ThreadBuilder>>, Option<io::Error>) {
    let mut waiting = Vec::new();
    for index in 0..wanted {
        let (sender, receiver) = mpsc::channel::<ThreadBuilder>();
        let run = move || {
            if let Ok(thread) = receiver.recv() {
                thread.run();
            }
        };
        match Builder::new().name(format!("worker {}", index + 1)).spawn(run) {
            Ok(_) => waiting.push(sender),
            Err(error) => return (waiting, Some(error)),
        }
    }
    (waiting, None)
}

/// Runs `first` on another thread while `second` runs on this one, or one after the other where no thread can be had. A panic of
/// either goes on here.
pub fn join<A: Send, B>(first: impl FnOnce() -> A + Send, second: impl FnOnce() -> B) -> (A, B) {
    let first = Mutex::new(Some(first));
    let run_first = || first.lock().unwrap_or_else(PoisonError::into_inner).take().map(|first| first());
    let (first, second) = thread::scope(|scope| match scoped(|builder| builder.spawn_scoped(scope, run_first)) {
        Some(other) => {
            let second = second();
            (other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), second)
        }
        None => (run_first(), second()),
    });
    let Some(first) = first else { unreachable!("it is taken by the one thread that runs it") };
    (first, second)
}

/// Runs `work` on `count` threads at the same time, this one among them, or on as many as can be had.
///
/// # Errors
/// When a thread panics.
pub fn run_on(count: usize, work: impl Fn() + Sync) -> Result<()> {
    let panicked = thread::scope(|scope| {
        let mut others = Vec::new();
        for _ in 1..count.min(MOST) {
            let Some(other) = scoped(|builder| builder.spawn_scoped(scope, &work)) else { break };
            others.push(other);
        }
        work();
        // All are waited for, so that the scope ends without a panic of its own.
        others.into_iter().fold(false, |any, other| any | other.join().is_err())
    });
    anyhow::ensure!(!panicked, "a thread broke down");
    Ok(())
}

/// The thread that `spawn` starts; `None` if none can be had.
fn scoped<T>(spawn: impl FnOnce(Builder) -> io::Result<T>) -> Option<T> {
    if ALONE.load(Ordering::Relaxed) {
        return None;
    }
    spawn(Builder::new()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn the_variable_has_a_range() {
        assert_eq!(
            [None, Some(""), Some("0"), Some(" 3 ")].map(|value| wanted(value).unwrap()),
            [None, None, None, Some(3)]
        );
        for text in ["1025", "99999999999999999999", "-1", "two", "1.5"] {
            let message = wanted(Some(text)).unwrap_err().to_string();
            assert!(message.contains(text) && message.contains("allowed is 1 to 1024"), "{message}");
        }
    }

    #[test]
    fn both_parts_are_done_and_a_panic_of_the_other_thread_arrives() {
        assert_eq!(join(|| 1, || 2), (1, 2));
        let panic = std::panic::catch_unwind(|| join(|| panic!("over there"), || 2));
        assert_eq!(panic.unwrap_err().downcast_ref::<&str>(), Some(&"over there"));
    }

    #[test]
    fn work_is_done_on_every_thread_or_is_an_error() {
        let calls = AtomicUsize::new(0);
        run_on(4, || {
            calls.fetch_add(1, Ordering::Relaxed);
        })
        .unwrap();
        assert!((1..=4).contains(&calls.into_inner()));
        let this = thread::current().id();
        assert!(run_on(2, || assert_eq!(thread::current().id(), this)).is_err());
    }
}
