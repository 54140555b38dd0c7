//! Messages on stderr. The level is global to the process, as in ale-py.

use std::fmt::Arguments;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How grave a message is; the places of `LoggerMode`'s members.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
#[repr(usize)]
pub(crate) enum Level {
    Info = 0,
    Warning = 1,
}

/// The least grave messages that are written.
static LEVEL: AtomicUsize = AtomicUsize::new(Level::Info as usize);

/// From now on, only messages as grave as the `LoggerMode` at `place` are written.
pub(crate) fn set_level(place: usize) {
    LEVEL.store(place, Ordering::Relaxed);
}

/// Writes a line, unless such messages are switched off.
pub(crate) fn log(level: Level, message: Arguments<'_>) {
    if level as usize >= LEVEL.load(Ordering::Relaxed) {
        // A closed stderr is no reason to fail.
        let _ = writeln!(std::io::stderr(), "{message}");
    }
}
