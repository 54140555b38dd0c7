//! `atari-dqn`: parses the command line, runs the command, and prints an error as one line.
use std::process::ExitCode;

fn main() -> ExitCode {
    match atari_dqn::commands::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
