//! Signals to end, for commands that report what they have when one comes.

use anyhow::{Context, Result};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;

/// Exit status of a program that a signal ended: this plus the signal's number.
const SIGNALLED: i32 = 128;

/// A first signal asks to stop; a second one ends the program at once.
pub(super) struct Interrupt {
    stop: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Watches for Ctrl-C and TERM. A signal that was ignored when the program began stays ignored.
    ///
    /// # Errors
    /// When signals cannot be watched.
    pub(super) fn watch() -> Result<Self> {
        use signal_hook::consts::{SIGINT, SIGTERM};
        let (stop, signal) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        for number in [SIGINT, SIGTERM].into_iter().filter(|number| !ignored(*number)) {
            let watch = || -> std::io::Result<()> {
                // In this order: the first signal finds `stop` not set yet.
                signal_hook::flag::register_conditional_shutdown(number, SIGNALLED + number, Arc::clone(&stop))?;
                signal_hook::flag::register_usize(number, Arc::clone(&signal), number as usize)?;
                signal_hook::flag::register(number, Arc::clone(&stop))?;
                Ok(())
            };
            watch().context("cannot watch for signals")?;
        }
        Ok(Self { stop, signal })
    }

    /// Set when a signal came.
    pub(super) fn stop(&self) -> &AtomicBool {
        &self.stop
    }

    /// The exit status that says which signal came; `None` if none came.
    pub(super) fn exit_status(&self) -> Option<i32> {
        let signal = self.signal.load(Ordering::Relaxed);
        (signal > 0).then(|| SIGNALLED + signal as i32)
    }
}

/// Whether the program was started with this signal ignored, as the shell starts background jobs of a script. Only Linux tells.
fn ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    mask >> (signal - 1) & 1 == 1
}
