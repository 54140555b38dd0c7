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

pub mod agent;
pub mod aggregate;
pub mod bench;
pub mod candle_network;
pub mod chart;
pub mod checkpoint;
pub mod cli;
pub mod config;
pub mod conv;
pub mod cpu_network;
pub mod device;
pub mod differences;
pub mod eval;
pub mod head;
pub mod learner;
pub mod memory;
pub mod metrics;
pub mod network;
pub mod noise;
pub mod optimizer;
#[cfg(test)]
mod plain_network;
pub mod play;
pub mod player;
pub mod plot;
pub mod preprocess;
pub mod random;
pub mod recording;
pub mod replay;
pub mod report;
pub mod roms;
pub mod run_checkpoints;
pub mod run_log;
pub mod run_record;
pub mod schedule;
pub mod scores;
pub mod sealed_file;
pub mod sweep;
#[cfg(test)]
mod switches;
pub mod tensorboard;
pub mod trace;
pub mod train;
pub mod trainer;
