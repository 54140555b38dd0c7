//! Trains, evaluates and shows agents that learn Atari 2600 games and classic environments.
//!
//! The games run in the crate `atari_emulator`. This crate has environments that show them to a learner, the algorithms that
//! learn, and everything around a run: its configuration, its files, evaluations and reports. A room is a module with its
//! folder. Rooms import only rooms of lower floors; `tests/architecture.rs` checks that. From the top floor down:
//!
//! - [`commands`]: the command line, one file a command; the only room that parses options.
//! - [`sweep`]: many runs, here or as Slurm jobs, and their summary.
//! - [`reports`]: learning curves and the page of a run.
//! - [`play`]: a window with the game in it, for a person or a policy.
//! - [`run`]: a run from its configuration to its last evaluation: the loop around an algorithm, rows, checkpoints.
//! - [`evaluation`]: whole games of a policy under a stated protocol, and their statistics.
//! - [`algorithms`]: ways to learn: the trait [`Algorithm`](algorithms::Algorithm), DQN, PQN, REINFORCE, tables.
//! - [`policy`]: what can act: a network, a table, a rule, chance or one action forever; networks and tables in files.
//! - [`environments`]: what is acted in: the trait [`Environment`](environments::Environment), Atari games, classics, several together.
//! - [`experience`]: remembered steps, and the batches drawn from them.
//! - [`networks`]: layers, losses, optimizers, on the CPU or on a GPU.
//! - [`config`]: every key of a configuration, with its range, unit and source.
//! - [`classics`]: CartPole, LunarLander, grids and tables, equal to Gymnasium's where Gymnasium has them.
//! - [`observations`]: what is seen, in one form for environments, networks and the replay.
//! - [`random`]: one generator for each thing that is random, all derived from the run's seed.
//! - [`drawing`]: charts as SVG and PNG, games as GIF.
//! - [`saving`]: named parts of a checkpoint, and files that are whole or refused.
//! - [`system`]: the limits of the operating system: memory, disk, threads, signals, special files.
//! - [`arithmetic`]: exponentials, logarithms and powers with the same bits on every processor.
//! - [`files`]: files that people bring or name: what they are by content, encodings of text, suffixes.
//! - [`terminal`]: what the terminal can show, and lines of progress that fit it.
//! - [`text`]: numbers, durations and similar names as text.
//!
//! A new algorithm is a file in `algorithms/` with its keys in `config/keys.rs`. A new classic environment is a file in `classics/`, its
//! keys included.

/// Prints a line on standard output. If the reader has ended (`train | head`), `println!` would panic and end the run. Any other
/// error (a full disk) is remembered, and the program ends with status 1.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write;
        $crate::text::output::note(writeln!(std::io::stdout(), $($text)*));
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
pub mod arithmetic;
pub mod classics;
pub mod commands;
pub mod config;
pub mod drawing;
pub mod environments;
pub mod evaluation;
pub mod experience;
pub mod files;
pub mod networks;
pub mod observations;
pub mod play;
pub mod policy;
pub mod random;
pub mod reports;
pub mod run;
pub mod saving;
pub mod sweep;
pub mod system;
pub mod terminal;
pub mod text;
