//! `sweep`: a grid of runs, or one cell of it, or its summary; and the command lines of the processes in which parts of a sweep run.

use crate::commands::numbers::{self, MOST_STEPS};
use crate::commands::train;
use crate::config::Config;
use crate::files::names;
use crate::networks::device::DeviceChoice;
use crate::sweep::grid::{Grid, Request, MOST_SEEDS};
use crate::sweep::slurm::{self, Resources};
use crate::sweep::{self, CommandLines, Options};
use anyhow::Result;
use clap::{ArgGroup, Args, ValueEnum};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Seeds per game and preset if none are given.
const USUAL_SEEDS: u64 = 5;

/// Options of `sweep`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("grid").args(["roms", "preset"]).multiple(true)))]
pub struct SweepArgs {
    /// Folder of the sweep, with a run folder for each cell of the grid. A sweep that is already there continues
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// ROM files or names, separated by commas [default: those of the sweep in DIR]
    #[arg(long, value_name = "FILE|NAME,...", value_delimiter = ',', value_parser = numbers::entry)]
    roms: Vec<String>,
    /// Hyperparameters, see `atari-dqn presets`; each game is trained with each of the presets listed; without --roms they are
    /// presets of classic environments, each for its own [default: pqn-cpu]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', value_parser = numbers::entry)]
    preset: Vec<String>,
    /// Runs per game and preset, with seeds 0 to N-1 [default: 5]
    #[arg(long, value_name = "N", requires = "grid", value_parser = numbers::whole::<u64>(1, MOST_SEEDS.into()))]
    seeds: Option<u64>,
    /// Override one key in all presets, e.g. --set learning_rate=1e-4; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", requires = "grid")]
    overrides: Vec<String>,
    /// Agent steps of each run
    #[arg(long, value_name = "N", requires = "grid")]
    #[arg(value_parser = numbers::whole::<u64>(1, MOST_STEPS.into()))]
    steps: Option<u64>,
    /// Runs at the same time; they share the cores [default: one per core; with --slurm no limit]
    #[arg(long, value_name = "N", value_parser = numbers::whole::<u32>(1, 65_536))]
    jobs: Option<u32>,
    /// Where to run the networks
    #[arg(long, value_enum, default_value = "auto")]
    device: DeviceChoice,
    /// Start even if the runs need more memory than is free
    #[arg(long)]
    force: bool,
    /// Train nothing; summarize the finished runs
    #[arg(long, conflicts_with_all = ["grid", "cell", "slurm", "jobs"])]
    summary: bool,
    /// Train only this cell of the grid; used by the tasks of the Slurm job
    #[arg(long, value_name = "INDEX", hide = true, conflicts_with_all = ["grid", "slurm", "jobs"])]
    #[arg(value_parser = numbers::whole::<usize>(0, u32::MAX.into()))]
    cell: Option<usize>,
    /// Submit the unfinished cells as a Slurm job array, followed by a job that summarizes
    #[arg(long, help_heading = "Slurm")]
    slurm: bool,
    /// How the jobs are submitted.
    #[command(flatten)]
    slurm_options: SlurmArgs,
}

/// Options of `sweep --slurm`; all but the first are passed to `sbatch` unchanged.
#[derive(Debug, Args)]
#[command(next_help_heading = "Slurm")]
pub struct SlurmArgs {
    /// Print the job scripts and submit nothing
    #[arg(long, requires = "slurm")]
    dry_run: bool,
    /// Partition to run in
    #[arg(long, value_name = "NAME", requires = "slurm")]
    partition: Option<String>,
    /// Account to charge
    #[arg(long, value_name = "NAME", requires = "slurm")]
    account: Option<String>,
    /// Time limit of a task; a cell that reaches it is saved and requeued
    #[arg(long, value_name = "TIME", requires = "slurm")]
    time: Option<String>,
    /// Cores per task
    #[arg(long, value_name = "N", default_value_t = 1, requires = "slurm", value_parser = numbers::whole::<u32>(1, 65_536))]
    cpus_per_task: u32,
    /// Memory per task
    #[arg(long, value_name = "SIZE", requires = "slurm")]
    mem: Option<String>,
    /// Devices per task, e.g. gpu:1
    #[arg(long, value_name = "LIST", requires = "slurm")]
    gres: Option<String>,
}

/// The `sweep` command.
pub(super) fn run(args: &SweepArgs) -> Result<()> {
    names::check_output_folder("--out", &args.out)?;
    let grid = Grid::open(&args.out, args.request().as_ref())?;
    if args.summary {
        return sweep::summarize(&grid);
    }
    let options = args.options();
    match args.cell {
        Some(index) => sweep::train_cell(&grid, index, &options),
        None if args.slurm => {
            slurm::submit(&grid, &options, &args.slurm_options.resources(), args.slurm_options.dry_run)
        }
        None => sweep::train_all(&grid, &options),
    }
}

impl SweepArgs {
    /// The requested grid; `None` if only a folder is given.
    fn request(&self) -> Option<Request> {
        (!(self.roms.is_empty() && self.preset.is_empty())).then(|| Request {
            roms: self.roms.clone(),
            presets: if self.preset.is_empty() { vec![Config::USUAL_PRESET.to_string()] } else { self.preset.clone() },
            seeds: self.seeds.unwrap_or(USUAL_SEEDS),
            overrides: self.overrides.clone(),
            steps: self.steps,
        })
    }

    fn options(&self) -> Options {
        Options {
            jobs: self.jobs,
            device: self.device,
            force: self.force,
            command_lines: CommandLines {
                train: train::command_line,
                cell: cell_command_line,
                summary: summary_command_line,
            },
        }
    }
}

impl SlurmArgs {
    fn resources(&self) -> Resources {
        Resources {
            partition: self.partition.clone(),
            account: self.account.clone(),
            time: self.time.clone(),
            cpus_per_task: self.cpus_per_task,
            mem: self.mem.clone(),
            gres: self.gres.clone(),
        }
    }
}

/// The arguments, all but the cell's index at the end, with which another process trains a cell of the sweep in `folder`.
fn cell_command_line(folder: &Path, device: DeviceChoice, force: bool) -> Vec<OsString> {
    let mut words: Vec<OsString> = vec!["sweep".into(), "--out".into(), folder.into()];
    if let Some(device) = device.to_possible_value() {
        words.extend(["--device".into(), device.get_name().into()]);
    }
    if force {
        words.push("--force".into());
    }
    words.push("--cell".into());
    words
}

/// The arguments with which another process summarizes the sweep in `folder`.
fn summary_command_line(folder: &Path) -> Vec<OsString> {
    vec!["sweep".into(), "--out".into(), folder.into(), "--summary".into()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::{Cli, Command};
    use clap::Parser;

    fn parse(words: impl IntoIterator<Item = OsString>) -> SweepArgs {
        let words = std::iter::once("atari-dqn".into()).chain(words);
        let Command::Sweep(args) = Cli::try_parse_from(words).unwrap().command else { panic!("not sweep") };
        args
    }

    #[test]
    fn command_lines_for_other_processes_parse_to_their_arguments() {
        let folder = Path::new("/sweeps/one");
        for (device, force) in [(DeviceChoice::Cpu, true), (DeviceChoice::Auto, false)] {
            let words = cell_command_line(folder, device, force).into_iter().chain(["7".into()]);
            let args = parse(words);
            assert_eq!((args.out.as_path(), args.cell, args.device, args.force), (folder, Some(7), device, force));
        }
        let args = parse(summary_command_line(folder));
        assert!(args.summary && args.out == folder);
    }

    #[test]
    fn omitted_options_have_the_usual_values_and_no_roms_means_no_request() {
        let args = parse(["sweep", "--out", "x", "--roms", "pong,bricks"].map(OsString::from));
        let request = args.request().unwrap();
        assert_eq!(
            (request.roms.len(), request.presets, request.seeds),
            (2, vec![Config::USUAL_PRESET.to_string()], 5)
        );
        assert!(parse(["sweep", "--out", "x"].map(OsString::from)).request().is_none());
    }
}
