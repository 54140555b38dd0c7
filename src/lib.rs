//! Training, evaluating and watching DQN agents on the Atari 2600.

/// A line on standard output. Where nobody reads any more (`train | head`) `println!` would panic, and the run with it.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

/// A line on standard error, likewise.
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
