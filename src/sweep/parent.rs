//! The runs of a sweep end with it, however it ends: killed by SIGKILL, it can tell nobody.
//!
//! Each run reads its standard input from a pipe whose other end only the sweep has. The system closes that end with the sweep's
//! process, and the run then reads the end of its input. A run that trained on alone would hold its folder against the next sweep.

use anyhow::{Context, Result};
use std::io::{ErrorKind, Read};
use std::process::Stdio;
use std::thread;

/// Exit status of a run whose sweep has ended.
const ALONE: i32 = 130;

/// The standard input of a run; the sweep never writes to it.
pub(super) fn pipe() -> Stdio {
    Stdio::piped()
}

/// Ends this process at once when standard input ends. Its run continues from the last checkpoint.
///
/// # Errors
/// When there is no thread for it.
pub fn end_with_input() -> Result<()> {
    let wait = || {
        let mut input = std::io::stdin();
        loop {
            match input.read(&mut [0; 64]) {
                Ok(1..) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => std::process::exit(ALONE),
            }
        }
    };
    thread::Builder::new().name("input".to_string()).spawn(wait).context("cannot start a thread")?;
    Ok(())
}
