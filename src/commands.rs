//! The command line: names and help of the commands. One file a command holds what was typed (a clap struct), what it means in
//! plain values, and the call. No other room imports this one, or knows clap beyond deriving `ValueEnum` for its own choices.

pub mod bench;
mod presets;
mod roms;
mod sweep;
mod trace;
mod train;

use crate::networks::device::DeviceChoice;
use crate::{evaluation, play, reports};
use anyhow::Result;
use bench::BenchArgs;
use clap::{Args, Parser, Subcommand, ValueEnum};
use presets::PresetsArgs;
use roms::RomsArgs;
use std::io::{self, Write};
use std::path::PathBuf;
use sweep::SweepArgs;
use trace::TraceArgs;
use train::TrainArgs;

/// Train, evaluate and watch DQN agents on Atari 2600 games, with an emulator equal to the Arcade Learning Environment
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
    /// Train an agent, then evaluate it; on the built-in game `bricks` unless --rom names another
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
    /// List the presets of `train`, or print one with every key, its unit and its source
    Presets(PresetsArgs),
}

impl Command {
    /// Runs the command.
    ///
    /// # Errors
    /// Whatever makes it fail; `main` prints it with its causes.
    pub fn run(&self) -> Result<()> {
        match self {
            Self::Train(args) => train::run(args),
            Self::Sweep(args) => sweep::run(args),
            Self::Eval(args) => evaluation::run(args),
            Self::Plot(args) => reports::curves::run(args),
            Self::Report(args) => reports::page::run(args),
            Self::Play(args) => play::run(args),
            Self::Trace(args) => trace::run(args),
            Self::Bench(args) => bench::run(args),
            Self::Roms(args) => roms::run(args),
            Self::Presets(args) => presets::run(args),
        }
    }
}

/// Prints `text` on standard output. A reader that has ended, `head` for instance, is no error.
fn print(text: &str) -> io::Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Parses the command line and runs its command. Wrong usage ends the program with status 2.
///
/// # Errors
/// Whatever makes the command fail.
pub fn run() -> Result<()> {
    Cli::parse().command.run()
}

/// Policies that need no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BaselinePolicy {
    /// A new uniformly random action every step
    Random,
    /// A new uniformly random action every 6th frame (the paper's 10 Hz random agent)
    #[value(name = "random-10hz")]
    Random10Hz,
    /// Never touches the stick
    Noop,
}

/// Conditions that published scores were measured under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProtocolName {
    /// Mnih et al. 2015: epsilon 0.05, 18,000 frames, up to 30 no-ops, no sticky actions
    Nature,
    /// Machado et al. 2018: epsilon 0.01, 18,000 frames, no no-ops, sticky actions 0.25
    Machado,
    /// Dopamine: epsilon 0.001, 108,000 frames, no no-ops, sticky actions 0.25
    Dopamine,
}

/// Options of `eval`.
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// Run folders or .safetensors files, of several one table; the newest run in ./runs when left out and no --policy is given
    #[arg(value_name = "RUN_DIR|FILE.safetensors")]
    pub models: Vec<PathBuf>,
    /// Cartridge file or name; by default the one the network was trained on
    #[arg(long, value_name = "FILE|NAME")]
    pub rom: Option<String>,
    /// Conditions of the games; the options below change single ones
    #[arg(long, value_enum, default_value = "nature")]
    pub protocol: ProtocolName,
    /// Whole games to play [default: 30]
    #[arg(long, value_name = "N")]
    pub episodes: Option<u32>,
    /// Probability of a random action [default: the protocol's]
    #[arg(long, value_name = "P")]
    pub epsilon: Option<f64>,
    /// Frames after which a game is cut off (18,000 = 5 minutes) [default: the protocol's]
    #[arg(long, value_name = "N")]
    pub max_episode_frames: Option<u32>,
    /// Each game starts with 0 to N no-op frames [default: the protocol's]
    #[arg(long, value_name = "N")]
    pub noop_max: Option<u32>,
    /// Probability, per frame, that the previous action is repeated [default: the protocol's]
    #[arg(long, value_name = "P")]
    pub sticky: Option<f32>,
    /// Seed of the evaluation; game i uses seed + i
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Threads to play on; the result does not depend on it [default: all cores]
    #[arg(long, value_name = "N")]
    pub workers: Option<usize>,
    /// Play a baseline instead of a network
    #[arg(long, value_enum, conflicts_with = "models")]
    pub policy: Option<BaselinePolicy>,
    /// Also write the result as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Also write the games as CSV
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Also write every action as CSV, with the checksum of the stack of frames it was chosen on, its reward and the
    /// network's Q-values; of one policy only
    #[arg(long, value_name = "FILE")]
    pub actions: Option<PathBuf>,
    /// Write the best and the worst game as GIF into this folder
    #[arg(long, value_name = "DIR")]
    pub record: Option<PathBuf>,
    /// Where to run the network
    #[arg(long, value_enum, default_value = "auto")]
    pub device: DeviceChoice,
}

/// What is to the right in learning curves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HorizontalAxis {
    /// Decisions of the agent
    Steps,
    /// Frames of the game, `frame_skip` a step
    Frames,
    /// Hours of training
    Hours,
}

/// Options of `plot`.
#[derive(Debug, Args)]
pub struct PlotArgs {
    /// Run folders, all of one game; those that differ in the seed alone become one curve with a band
    #[arg(value_name = "RUN_DIR", required = true)]
    pub runs: Vec<PathBuf>,
    /// What is to the right
    #[arg(long, value_enum, default_value = "steps")]
    pub x: HorizontalAxis,
    /// The file to write, may be repeated [default: curves.svg and curves.png in RUN_DIR; here, if there are several]
    #[arg(long, value_name = "FILE.svg|FILE.png")]
    pub out: Vec<PathBuf>,
}

/// Options of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Run folder
    #[arg(value_name = "RUN_DIR")]
    pub run: PathBuf,
    /// The file to write [default: report.html in RUN_DIR]
    #[arg(long, value_name = "FILE.html")]
    pub out: Option<PathBuf>,
}

/// Options of `play`.
#[derive(Debug, Args)]
pub struct PlayArgs {
    /// Run folder or .safetensors file whose agent takes the stick; you do when left out
    #[arg(value_name = "RUN_DIR|FILE.safetensors")]
    pub model: Option<PathBuf>,
    /// Cartridge file or name; by default the agent's, or the built-in `bricks`
    #[arg(long, value_name = "FILE|NAME")]
    pub rom: Option<String>,
    /// Game mode, as numbered by ALE
    #[arg(long, value_name = "M")]
    pub mode: Option<u32>,
    /// Difficulty, as numbered by ALE
    #[arg(long, value_name = "D")]
    pub difficulty: Option<u32>,
    /// Write a GIF instead of opening a window: one game, or --frames of it; needs no display
    #[arg(long, value_name = "FILE.gif")]
    pub record: Option<PathBuf>,
    /// Stop after this many frames
    #[arg(long, value_name = "N")]
    pub frames: Option<u32>,
    /// Window pixels for one Atari scanline
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=8))]
    pub scale: u32,
    /// Probability of a random action by the agent
    #[arg(long, value_name = "P", default_value_t = 0.05)]
    pub epsilon: f64,
    /// Seed of the console and the agent
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Where to run the network
    #[arg(long, value_enum, default_value = "auto")]
    pub device: DeviceChoice,
}
