//! `atari-dqn`: parses the command line, runs the command, and prints an error as one line.
use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    match atari_dqn::commands::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // If nobody can read it, the status must do.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
