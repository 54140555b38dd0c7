//! Signals that ask the program to end: Ctrl-C, `kill`, a closed terminal, and USR1, which batch systems send before a time limit.
//!
//! A program catches them only while it has something to save; before that they end it at once, as they do any program. A signal
//! that was ignored when the program started stays ignored: `nohup`, `trap '' HUP` and shells that start jobs in the background
//! rely on it.

#[cfg(unix)]
use signal_hook::consts::{SIGHUP, SIGUSR1};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;
use std::thread::{self, Builder};
use std::time::Duration;

/// Exit status after a second signal.
pub const ENDED_AT_ONCE: i32 = 130;

/// Time after the first signal during which another one does not end the program. A terminal that closes sends two at once.
const RESPITE: Duration = Duration::from_secs(1);
/// Time between two looks for a signal.
const LOOK: Duration = Duration::from_millis(50);

#[cfg(unix)]
const TO_END: [i32; 4] = [SIGINT, SIGTERM, SIGHUP, SIGUSR1];
#[cfg(not(unix))]
const TO_END: [i32; 2] = [SIGINT, SIGTERM];

/// From now on a signal to end sets `stop` and prints `message`; a second one, at least a second later, ends the program at once. Where
/// signals cannot be caught, warns that they end the program without saving.
pub fn stop_on_signal(stop: &Arc<AtomicBool>, message: &'static str) {
    let armed = Arc::new(AtomicBool::new(false));
    let catch = || -> io::Result<()> {
        for signal in to_catch() {
            // In this order: the first signal finds nothing armed.
            flag::register_conditional_shutdown(signal, ENDED_AT_ONCE, Arc::clone(&armed))?;
            flag::register(signal, Arc::clone(stop))?;
        }
        Ok(())
    };
    if let Err(error) = catch() {
        warn!("warning: signals cannot be caught ({error}); Ctrl-C ends the program without saving");
        return;
    }
    let (stop, armed) = (Arc::clone(stop), Arc::clone(&armed));
    let watch = move || {
        while !stop.load(Ordering::Relaxed) {
            thread::sleep(LOOK);
        }
        warn!("\n{message}; a second signal ends at once");
        thread::sleep(RESPITE);
        armed.store(true, Ordering::Relaxed);
    };
    if let Err(error) = Builder::new().name("signals".into()).spawn(watch) {
        warn!("warning: no thread can be started to watch for a second signal ({error}); the first one still saves and stops");
    }
}

/// Counts signals to end.
#[derive(Clone, Debug, Default)]
pub struct SignalCount {
    /// One flag for each signal caught; a signal adds to none, it sets its flag.
    caught: Vec<Arc<AtomicBool>>,
    count: Arc<AtomicUsize>,
}

impl SignalCount {
    /// Counts from now on. Where signals cannot be caught, warns that they end the program.
    pub fn begin() -> Self {
        let mut caught = Vec::new();
        for signal in to_catch() {
            let flag = Arc::new(AtomicBool::new(false));
            if let Err(error) = flag::register(signal, Arc::clone(&flag)) {
                warn!("warning: signals cannot be caught ({error}); Ctrl-C ends the program, and not the runs it has started");
                break;
            }
            caught.push(flag);
        }
        Self { caught, count: Arc::default() }
    }

    /// Signals until now. Signals of one kind between two calls count as one.
    pub fn count(&self) -> usize {
        let new = self.caught.iter().filter(|flag| flag.swap(false, Ordering::Relaxed)).count();
        self.count.fetch_add(new, Ordering::Relaxed) + new
    }
}

/// The signals to end that were not ignored when the program started.
fn to_catch() -> impl Iterator<Item = i32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = ignored(&status);
    TO_END.into_iter().filter(move |signal| ignored >> (signal - 1) & 1 == 0)
}

/// The ignored signals, signal 1 in the lowest bit, from the text of `/proc/self/status`; none where there is no such text.
fn ignored(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        assert_eq!(
            ignored("Name:\tx\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\nSigCgt:\t0\n"),
            1 << 12 | 1
        );
        assert_eq!(ignored(""), 0);
    }
}
