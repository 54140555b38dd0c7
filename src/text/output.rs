//! Results on standard output.
//!
//! A result that could not be printed is an error, and the program's exit status says so. Only a reader that has ended, `head` for
//! instance, is no error. Lines that are printed in passing, by the macro `say` of `lib.rs`, do not stop the work: the first error is
//! [noted](note), and [`ensure_complete`] returns it at the end.

use anyhow::{bail, Context, Result};
use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;

/// The first error that was noted.
static NOTED: OnceLock<io::Error> = OnceLock::new();

/// Prints `text` on standard output, up to the last byte.
///
/// # Errors
/// When it cannot be written, to a full disk for instance.
pub fn print(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    checked(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// What came of writing to standard output. A reader that has ended is no error.
///
/// # Errors
/// The error of `written`, any other than that.
pub fn checked(written: io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Remembers the first error of standard output. A reader that has ended is no error.
pub fn note(written: io::Result<()>) {
    if let Err(error) = written {
        if error.kind() != ErrorKind::BrokenPipe {
            let _ = NOTED.set(error);
        }
    }
}

/// Whether all that was [noted](note) was written.
///
/// # Errors
/// The first error that was noted.
pub fn ensure_complete() -> Result<()> {
    match NOTED.get() {
        Some(error) => bail!("cannot write to standard output: {error}"),
        None => Ok(()),
    }
}
