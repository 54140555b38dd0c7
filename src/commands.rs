//! The command line: names and help of the commands. Each command has a file with its options (a clap struct), their
//! meaning in plain values, and the call. No other room imports this one, or knows clap beyond deriving `ValueEnum` for
//! its own choices.

pub mod bench;
mod envs;
mod eval;
mod interrupt;
mod numbers;
mod play;
mod plot;
mod presets;
mod report;
mod roms;
mod sweep;
mod trace;
mod train;

use crate::algorithms::needs::ENVIRONMENT_BYTES;
use crate::system::{memory, threads};
use crate::text::output;
use anyhow::Result;
use atari_emulator::vector::VectorSettings;
use atari_emulator::Translation;
use bench::BenchArgs;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use envs::EnvsArgs;
use eval::EvalArgs;
use play::PlayArgs;
use plot::PlotArgs;
use presets::PresetsArgs;
use report::ReportArgs;
use roms::RomsArgs;
use std::io::{self, Write};
use sweep::SweepArgs;
use trace::TraceArgs;
use train::TrainArgs;

/// Train, evaluate and watch agents on Atari 2600 games and classic environments, equal to the Arcade Learning Environment and to
/// Gymnasium
#[derive(Debug, Parser)]
#[command(name = "atari-dqn", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train an agent, then evaluate it; on the built-in game `bricks` unless --rom or --env names another
    Train(TrainArgs),
    /// Train a grid of games, presets and seeds, here or on a Slurm cluster, and summarize the scores
    Sweep(SweepArgs),
    /// Play whole games with a trained network or a baseline policy and report the scores
    Eval(EvalArgs),
    /// Draw the learning curves of one or more runs of a game, as SVG and PNG
    Plot(PlotArgs),
    /// Write an HTML page about a run: curves, best game, evaluation, configuration
    Report(ReportArgs),
    /// Open a window and play, or watch an agent play
    Play(PlayArgs),
    /// Replay an action list and print a checksum per step, for comparison with ale-py
    Trace(TraceArgs),
    /// Measure this machine: speed of the emulator, the environment, the learner or training
    Bench(BenchArgs),
    /// List the ROMs found and which games have rewards
    Roms(RomsArgs),
    /// List the classic environments of `train --env`, or describe one
    Envs(EnvsArgs),
    /// List the presets of `train`, or print one with every key, its unit and its source
    Presets(PresetsArgs),
}

impl Command {
    /// Runs the command.
    ///
    /// # Errors
    /// Any error of the command; `main` prints it with its causes.
    pub fn run(&self) -> Result<()> {
        if !matches!(self, Self::Plot(_) | Self::Report(_) | Self::Roms(_) | Self::Envs(_) | Self::Presets(_)) {
            threads::start_pool()?;
        }
        match self {
            Self::Train(args) => train::run(args),
            Self::Sweep(args) => sweep::run(args),
            Self::Eval(args) => eval::run(args),
            Self::Plot(args) => plot::run(args),
            Self::Report(args) => report::run(args),
            Self::Play(args) => play::run(args),
            Self::Trace(args) => trace::run(args),
            Self::Bench(args) => bench::run(args),
            Self::Roms(args) => roms::run(args),
            Self::Envs(args) => envs::run(args),
            Self::Presets(args) => presets::run(args),
        }
    }
}

/// The emulator's setting for `--interpret`.
fn translation(interpret: bool) -> Translation {
    if interpret {
        Translation::Off
    } else {
        Translation::Usual
    }
}

/// Refuses a vector of environments that would take more memory than is free.
fn ensure_room_for(settings: &VectorSettings) -> Result<()> {
    // Observations, final observations and the stacks that they come from.
    let each = settings.observation_bytes().unwrap_or(usize::MAX) as u64;
    let each = each.saturating_mul(3).saturating_add(ENVIRONMENT_BYTES);
    let what = format!("a vector of {} environments", settings.num_envs);
    memory::ensure_free(&what, each.saturating_mul(settings.num_envs as u64))
}

/// The command line as clap knows it. Options with a number take one that begins with a hyphen too, so that their parsers can
/// answer with the range.
fn command_line() -> clap::Command {
    let is_number = |name: &str| numbers::NAMES.contains(&name);
    Cli::command().mut_subcommands(|command| {
        command.mut_args(|argument| {
            let number = argument.get_value_names().is_some_and(|names| names.iter().any(|name| is_number(name)));
            if number {
                argument.allow_hyphen_values(true)
            } else {
                argument
            }
        })
    })
}

/// Prints help or version. A reader that has ended is no error.
fn print_help(help: &clap::Error) -> Result<()> {
    output::checked(help.print().and_then(|()| io::stdout().flush()))
}

/// Parses the command line and runs its command. Wrong usage ends the program with status 2.
///
/// # Errors
/// Any error of the command, and text that could not be printed.
pub fn run() -> Result<()> {
    let parsed = command_line().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => error.exit(),
        Err(help) => return print_help(&help),
    };
    cli.command.run()?;
    output::ensure_complete()
}
