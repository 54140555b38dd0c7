//! `train`: one run, a new one or one that continues; and the command line that starts such a run in a process of its own.

use crate::commands::numbers::{self, MOST_STEPS};
use crate::files::names;
use crate::networks::device::DeviceChoice;
use crate::run::{self, Start};
use crate::sweep::parent;
use anyhow::Result;
use clap::{Args, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// Options of `train`.
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// ROM file, or the name of one in ./roms or $ATARI_ROMS [default: the built-in `bricks`]
    #[arg(long, value_name = "FILE|NAME")]
    rom: Option<String>,
    /// Classic environment to train in, see `atari-dqn envs` [default: an Atari game]
    #[arg(long, value_name = "NAME", conflicts_with = "rom")]
    env: Option<String>,
    /// Hyperparameters, see `atari-dqn presets` [default: of an environment its own; `nature` on a GPU or with --config, otherwise `pqn-cpu`]
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// TOML file whose keys override the preset's
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// Override one key, e.g. --set learning_rate=1e-4; may be repeated and takes precedence over --config
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Seed of all random generators of the run
    #[arg(long, value_name = "N")]
    #[arg(value_parser = numbers::whole::<u64>(0, i64::MAX.into()))]
    seed: Option<u64>,
    /// Agent steps to train for (one step is `frame_skip` frames)
    #[arg(long, value_name = "N")]
    #[arg(value_parser = numbers::whole::<u64>(1, MOST_STEPS.into()))]
    steps: Option<u64>,
    /// Where to run the network
    #[arg(long, value_enum, default_value = "auto")]
    device: DeviceChoice,
    /// Folder for the run's files [default: runs/GAME-PRESET-sSEED, with a number if that exists]
    #[arg(long, value_name = "DIR")]
    run_dir: Option<PathBuf>,
    /// Continue this run from its last checkpoint; can be combined only with --steps (total), --rom, --device
    /// and --force
    #[arg(long, value_name = "RUN_DIR", conflicts_with_all = ["env", "preset", "config", "overrides", "seed", "run_dir"])]
    resume: Option<PathBuf>,
    /// Start even if the run needs more memory than is free
    #[arg(long)]
    force: bool,
    /// End at once when standard input ends; given by a sweep, whose runs end with it
    #[arg(long, hide = true)]
    end_with_input: bool,
}

/// The `train` command.
pub(super) fn run(args: &TrainArgs) -> Result<()> {
    if args.end_with_input {
        parent::end_with_input()?;
    }
    if let Some(folder) = &args.run_dir {
        names::check_output_folder("--run-dir", folder)?;
    }
    run::run(&args.start())
}

impl TrainArgs {
    fn start(&self) -> Start {
        Start {
            rom: self.rom.clone(),
            env: self.env.clone(),
            preset: self.preset.clone(),
            config: self.config.clone(),
            overrides: self.overrides.clone(),
            seed: self.seed,
            steps: self.steps,
            device: self.device,
            run_dir: self.run_dir.clone(),
            resume: self.resume.clone(),
            force: self.force,
        }
    }
}

/// The arguments, `train` first, with which a sweep has another process of this program make the run that `start` describes.
pub(super) fn command_line(start: &Start) -> Vec<OsString> {
    // No field is left out: a new option of a run must be passed on.
    let Start { rom, env, preset, config, overrides, seed, steps, device, run_dir, resume, force } = start;
    let mut words: Vec<OsString> = vec!["train".into(), "--end-with-input".into()];
    let mut option = |name: &str, value: Option<OsString>| {
        words.extend(value.into_iter().flat_map(|value| [name.into(), value]));
    };
    option("--rom", rom.clone().map(OsString::from));
    option("--env", env.clone().map(OsString::from));
    option("--device", device.to_possible_value().map(|device| device.get_name().into()));
    option("--resume", resume.clone().map(OsString::from));
    option("--preset", preset.clone().map(OsString::from));
    option("--seed", seed.map(|seed| seed.to_string().into()));
    option("--steps", steps.map(|steps| steps.to_string().into()));
    option("--config", config.clone().map(OsString::from));
    overrides.iter().for_each(|assignment| option("--set", Some(assignment.into())));
    option("--run-dir", run_dir.clone().map(OsString::from));
    if *force {
        words.push("--force".into());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::{Cli, Command};
    use clap::Parser;

    #[test]
    fn a_command_line_means_the_run_it_was_made_for() {
        let new = Start {
            rom: Some("roms/pong.bin".to_string()),
            env: None,
            preset: Some("nature".to_string()),
            config: Some("own.toml".into()),
            overrides: vec!["gamma=0.9".to_string(), "batch_size=8".to_string()],
            seed: Some(3),
            steps: Some(1000),
            device: DeviceChoice::Cpu,
            run_dir: Some("runs/it's one".into()),
            resume: None,
            force: true,
        };
        let resumed = Start { resume: Some("runs/a".into()), steps: Some(7), ..Start::default() };
        let classic = Start { env: Some("cartpole".to_string()), ..Start::default() };
        for start in [new, classic, resumed, Start::default()] {
            let words = std::iter::once("atari-dqn".into()).chain(command_line(&start));
            let Command::Train(args) = Cli::try_parse_from(words).unwrap().command else { panic!("not train") };
            assert!(args.end_with_input && args.start() == start, "{start:?}");
        }
    }
}
