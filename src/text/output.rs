//! Results on standard output.
//!
//! A result that could not be printed is an error, and the program's exit status says so. Only a reader that has ended, `head` for
//! instance, is no error. Lines about progress are printed by the macros of `lib.rs`, which ignore errors.

use anyhow::{Context, Result};
use std::io::{self, ErrorKind, Write};

/// Prints `text` on standard output, up to the last byte.
///
/// # Errors
/// When it cannot be written, to a full disk for instance.
pub fn print(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}
