//! The command line, as clap structs; what is typed, nothing of what it does.

use atari_emulator::Translation;
use clap::builder::ArgPredicate;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// The Atari 2600 agent workshop: train, evaluate and watch DQN agents on an emulator equal to the Arcade Learning Environment.
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
    /// Train an agent; without --rom on the built-in game `bricks`, ending by itself with an evaluation
    Train(TrainArgs),
    /// Train a grid of games, presets and seeds, here or on a Slurm cluster, and sum up the scores
    Sweep(SweepArgs),
    /// Play whole games with a trained network or a baseline policy and report the scores
    Eval(EvalArgs),
    /// Draw the learning curves of one or more runs of a game, as SVG and PNG
    Plot(PlotArgs),
    /// Put a run on one page of HTML: curves, best game, evaluation, configuration
    Report(ReportArgs),
    /// Open a window and play, or watch an agent play
    Play(PlayArgs),
    /// Run a list of actions and print one checksum line a step, for comparison with ale-py
    Trace(TraceArgs),
    /// Measure this machine: emulator, environment, learner or training speed
    Bench(BenchArgs),
    /// List the built-in game and every cartridge found
    Roms(RomsArgs),
    /// List the presets of `train`, or print one with every key, its unit and its source
    Presets(PresetsArgs),
}

/// Where networks are evaluated and trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DeviceChoice {
    /// CUDA or Metal when this build has it and a device is there, else the CPU
    Auto,
    /// The CPU
    Cpu,
    /// An NVIDIA GPU (needs a build with --features cuda)
    Cuda,
    /// An Apple GPU (needs a build with --features metal)
    Metal,
}

/// Options of `train`.
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// Cartridge file, or the name of one in ./roms or $ATARI_ROMS; the built-in `bricks` when left out
    #[arg(long, value_name = "FILE|NAME")]
    pub rom: Option<String>,
    /// Hyperparameters to start from, see `atari-dqn presets`: `nature` is the default with --rom, `bricks` without
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// TOML file whose keys override the preset's
    #[arg(long, value_name = "FILE.toml")]
    pub config: Option<PathBuf>,
    /// Override one key, e.g. --set learning_rate=1e-4; may be repeated, and wins over --config
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Seed of everything random in the run
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Agent steps to train for (one step is `frame_skip` frames)
    #[arg(long, value_name = "N")]
    pub steps: Option<u64>,
    /// Where to run the network
    #[arg(long, value_enum, default_value = "auto")]
    pub device: DeviceChoice,
    /// Folder for the run's files [default: runs/GAME-PRESET-sSEED, numbered when taken]
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
    /// Go on with this run where its last checkpoint left it; only --steps (the total), --rom, --device may be said again
    #[arg(long, value_name = "RUN_DIR", conflicts_with_all = ["preset", "config", "overrides", "seed", "run_dir", "force"])]
    pub resume: Option<PathBuf>,
    /// Start even if the replay needs more memory than is free
    #[arg(long)]
    pub force: bool,
}

/// Options of `sweep`.
#[derive(Debug, Args)]
pub struct SweepArgs {
    /// Folder of the sweep; each cell of the grid is a run folder in it. A sweep that is there already goes on
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Cartridges, by file or name, between commas; what the sweep in DIR says when left out
    #[arg(long, value_name = "FILE|NAME,...", value_delimiter = ',')]
    pub roms: Vec<String>,
    /// Hyperparameters, see `atari-dqn presets`; several between commas: every game is trained with each [default: nature]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', requires = "roms")]
    pub preset: Vec<String>,
    /// Runs of each game with each preset: seeds 0 to N-1 [default: 5]
    #[arg(long, value_name = "N", requires = "roms", value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: Option<u64>,
    /// Override one key in all presets, e.g. --set learning_rate=1e-4; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", requires = "roms")]
    pub overrides: Vec<String>,
    /// Agent steps of each run
    #[arg(long, value_name = "N", requires = "roms")]
    pub steps: Option<u64>,
    /// Runs at a time, which share the cores [default: one a core; with --slurm what the cluster gives]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub jobs: Option<u32>,
    /// Where to run the networks
    #[arg(long, value_enum, default_value = "auto")]
    pub device: DeviceChoice,
    /// Start even if the replays need more memory than is free
    #[arg(long)]
    pub force: bool,
    /// Train nothing: sum up the runs that are finished
    #[arg(long, conflicts_with_all = ["roms", "cell", "slurm", "jobs"])]
    pub summary: bool,
    /// Train only this cell of the grid, as one task of the Slurm job does
    #[arg(long, value_name = "INDEX", hide = true, conflicts_with_all = ["roms", "slurm", "jobs"])]
    pub cell: Option<usize>,
    /// Submit the unfinished cells as a Slurm job array, and a job after it that sums up
    #[arg(long, help_heading = "Slurm")]
    pub slurm: bool,
    /// How it is submitted.
    #[command(flatten)]
    pub slurm_options: SlurmArgs,
}

/// Options of `sweep --slurm`; all but the first go to `sbatch` as they are.
#[derive(Debug, Args)]
#[command(next_help_heading = "Slurm")]
pub struct SlurmArgs {
    /// Print the job scripts and submit nothing
    #[arg(long, requires = "slurm")]
    pub dry_run: bool,
    /// Partition to run in
    #[arg(long, value_name = "NAME", requires = "slurm")]
    pub partition: Option<String>,
    /// Account to charge
    #[arg(long, value_name = "NAME", requires = "slurm")]
    pub account: Option<String>,
    /// Limit of a task's time; a cell that reaches it is saved and queued again
    #[arg(long, value_name = "TIME", requires = "slurm")]
    pub time: Option<String>,
    /// Cores of a task
    #[arg(long, value_name = "N", default_value_t = 1, requires = "slurm", value_parser = clap::value_parser!(u32).range(1..))]
    pub cpus_per_task: u32,
    /// Memory of a task
    #[arg(long, value_name = "SIZE", requires = "slurm")]
    pub mem: Option<String>,
    /// Devices of a task, e.g. gpu:1
    #[arg(long, value_name = "LIST", requires = "slurm")]
    pub gres: Option<String>,
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

/// Options of `trace`.
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// Cartridge file or name
    #[arg(long, value_name = "FILE|NAME")]
    pub rom: String,
    /// Action file: one ALE action number a line, and for paddles a strength after it if it is not 1, or `reset MODE
    /// DIFFICULTY`; with --vector a line of indices into the game's actions, one for each environment
    #[arg(long, value_name = "FILE")]
    pub actions: PathBuf,
    /// Frames each action is held for; with --vector 4 when left out
    #[arg(long, value_name = "N", default_value_t = 1, default_value_if("vector", ArgPredicate::IsPresent, "4"))]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub frame_skip: u32,
    /// Probability, per frame, that the previous action is repeated
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    pub sticky: f32,
    /// ALE's random_seed; with --vector environment i gets seed + i
    #[arg(long, value_name = "N", default_value_t = 0, allow_hyphen_values = true)]
    pub seed: i64,
    /// ALE's system_random_seed
    #[arg(long, value_name = "N", default_value_t = 4_753_849, allow_hyphen_values = true)]
    pub system_seed: i64,
    /// Game mode; set after loading, then one more reset
    #[arg(long, value_name = "M")]
    pub mode: Option<u32>,
    /// Difficulty; set after loading, then one more reset
    #[arg(long, value_name = "D")]
    pub difficulty: Option<u32>,
    /// Frames after which an episode is truncated, 0 is never; with --vector 108000 when left out
    #[arg(long, value_name = "N", default_value_t = 0, default_value_if("vector", ArgPredicate::IsPresent, "108000"))]
    pub max_frames: u32,
    /// Truncate the episode when a life is lost
    #[arg(long)]
    pub truncate_on_life_loss: bool,
    /// Least reward of an action
    #[arg(long, value_name = "R", default_value_t = i32::MIN, allow_hyphen_values = true, hide_default_value = true)]
    pub reward_min: i32,
    /// Greatest reward of an action
    #[arg(long, value_name = "R", default_value_t = i32::MAX, allow_hyphen_values = true, hide_default_value = true)]
    pub reward_max: i32,
    /// Mix every picture of the last two frames
    #[arg(long, alias = "colour-averaging")]
    pub color_averaging: bool,
    /// Add a column with the checksum of the newest 84x84 observation (then the environment is stepped frame by frame)
    #[arg(long, conflicts_with_all = ["reward_min", "reward_max"])]
    pub observation: bool,
    /// Add a column with the checksum of the 512 sound samples
    #[arg(long)]
    pub audio: bool,
    /// Interpret all cartridge code instead of translating what is executed often; only time depends on it
    #[arg(long)]
    pub interpret: bool,
    /// Write RAM and screen after this step to --dump-file
    #[arg(long, value_name = "STEP", hide = true, requires = "dump_file")]
    pub dump_step: Option<usize>,
    /// 128 bytes of RAM, then the screen's palette indices
    #[arg(long, value_name = "FILE", hide = true, requires = "dump_step")]
    pub dump_file: Option<PathBuf>,
    /// Step N environments together, as ale-py's AtariVectorEnv does, and print one line for each
    #[arg(long, value_name = "N", help_heading = "Vector of environments")]
    #[arg(conflicts_with_all = ["mode", "difficulty", "system_seed", "observation", "audio", "truncate_on_life_loss", "reward_min",
        "reward_max", "color_averaging", "dump_step", "dump_file"])]
    pub vector: Option<usize>,
    /// How those behave.
    #[command(flatten)]
    pub vector_options: VectorArgs,
}

/// Options of `trace --vector`; what they set is described at [`VectorSettings`](atari_emulator::vector::VectorSettings).
#[derive(Debug, Args)]
#[command(next_help_heading = "Vector of environments")]
pub struct VectorArgs {
    /// Indices are into all actions that the game accepts
    #[arg(long, requires = "vector", conflicts_with = "continuous")]
    pub full_action_space: bool,
    /// Actions are radius, angle and fire of an analogue stick, which count above this threshold (ale-py's is 0.5)
    #[arg(long, value_name = "T", requires = "vector")]
    pub continuous: Option<f32>,
    /// A step that ends an episode starts the next one
    #[arg(long, requires = "vector")]
    pub same_step: bool,
    /// Rows of an observation
    #[arg(long, value_name = "N", default_value_t = 84, requires = "vector")]
    pub img_height: usize,
    /// Columns of an observation
    #[arg(long, value_name = "N", default_value_t = 84, requires = "vector")]
    pub img_width: usize,
    /// Observations in colour
    #[arg(long, requires = "vector")]
    pub rgb: bool,
    /// Frames in an observation
    #[arg(long, value_name = "N", default_value_t = 4, requires = "vector")]
    pub stack: usize,
    /// An episode starts with 0 to N-1 no-op frames
    #[arg(long, value_name = "N", default_value_t = 30, requires = "vector")]
    pub noop_max: u32,
    /// No FIRE at the start of an episode
    #[arg(long, requires = "vector")]
    pub no_fire_reset: bool,
    /// Observe the last frame alone, not the maximum of the last two
    #[arg(long, requires = "vector")]
    pub no_maxpool: bool,
    /// Rewards as the game gives them, not clamped to -1..=1
    #[arg(long, requires = "vector")]
    pub no_clip: bool,
    /// The loss of a life ends the episode
    #[arg(long, requires = "vector")]
    pub episodic_life: bool,
    /// The loss of a life is reported as a terminal, but ends nothing
    #[arg(long, requires = "vector")]
    pub life_loss_info: bool,
    /// Threads to step on, 0 for all cores; the lines do not depend on it
    #[arg(long, value_name = "N", default_value_t = 0, requires = "vector")]
    pub threads: usize,
}

/// What `--interpret` asks of the emulator.
pub fn translation(interpret: bool) -> Translation {
    if interpret {
        Translation::Off
    } else {
        Translation::Usual
    }
}

/// What `bench` measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BenchKind {
    /// Frames a second: random actions, screen not read, reset at game over
    Emulator,
    /// Agent steps a second with preprocessing: one environment, one thread
    Env,
    /// Frames a second of a vector of environments with preprocessing, all environments together
    Vector,
    /// Gradient steps a second: batch 32, the Nature network
    Learner,
    /// Agent steps a second of whole training with the `nature` settings
    Train,
}

/// Options of `bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// What to measure
    #[arg(value_enum)]
    pub kind: BenchKind,
    /// Cartridge file or name; the built-in `bricks` when left out
    #[arg(long, value_name = "FILE|NAME")]
    pub rom: Option<String>,
    /// Hyperparameters of `bench learner` and `bench train`
    #[arg(long, value_name = "NAME", default_value = "nature")]
    pub preset: String,
    /// Override one of them, e.g. --set batch_size=64; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Environments of `bench vector`
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub envs: usize,
    /// Threads of `bench vector`; 0 is one a core
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,
    /// How long to measure
    #[arg(long, value_name = "N", default_value_t = 5.0)]
    pub seconds: f64,
    /// Interpret all cartridge code instead of translating what is executed often (`emulator`, `env` and `vector` only)
    #[arg(long)]
    pub interpret: bool,
    /// Play N frames, of all environments together and in whole steps, however long it takes (`emulator` and `vector` only)
    #[arg(long, value_name = "N", conflicts_with = "seconds", value_parser = clap::value_parser!(u64).range(1..))]
    pub frames: Option<u64>,
    /// Print one JSON object on the last line
    #[arg(long)]
    pub json: bool,
    /// Where to run the network
    #[arg(long, value_enum, default_value = "auto")]
    pub device: DeviceChoice,
}

/// Options of `roms`.
#[derive(Debug, Args)]
pub struct RomsArgs {
    /// Folder to look in [default: ./roms and $ATARI_ROMS]
    #[arg(value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// Options of `presets`.
#[derive(Debug, Args)]
pub struct PresetsArgs {
    /// The preset to print; all are listed when left out
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}
