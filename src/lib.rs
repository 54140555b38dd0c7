//! Training, evaluating and watching DQN agents on the Atari 2600.

/// Prints a line on standard output. If the reader has ended (`train | head`), `println!` would panic and end the run.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

/// Prints a line on standard error; a reader that has ended is no error either.
macro_rules! warn {
    ($($text:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), $($text)*);
    }};
}

pub mod algorithms;
pub mod commands;
pub mod config;
pub mod drawing;
pub mod environments;
pub mod evaluation;
pub mod experience;
pub mod networks;
pub mod observations;
pub mod play;
pub mod policy;
pub mod random;
pub mod reports;
pub mod run;
pub mod saving;
pub mod sweep;
pub mod text;
