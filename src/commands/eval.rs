//! `eval`: play whole games with trained networks or a baseline, and report the scores.

use crate::commands::interrupt::Interrupt;
use crate::commands::numbers;
use crate::config::{self, Config};
use crate::environments;
use crate::evaluation::{self, Baseline, Contestant, Outputs, Protocol, ProtocolName};
use crate::files::names;
use crate::networks::device::{self, DeviceChoice};
use crate::policy::model::{self, OpenModel};
use crate::system::threads;
use anyhow::{ensure, Context, Result};
use candle_core::Device;
use clap::Args;
use same_file::Handle;
use std::path::{Path, PathBuf};

/// Most games of an evaluation: with as many, the mean is known to a thousandth of the scores' deviation.
const MOST_EPISODES: i128 = 1_000_000;

/// Options of `eval`.
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// Run folders or .safetensors files; several are reported in one table [default without --policy: the newest run in ./runs]
    #[arg(value_name = "RUN_DIR|FILE.safetensors")]
    pub models: Vec<PathBuf>,
    /// ROM file or name; by default the one the network was trained on
    #[arg(long, value_name = "FILE|NAME")]
    pub rom: Option<String>,
    /// Classic environment that the baseline plays, see `atari-dqn envs`
    #[arg(long, value_name = "NAME", requires = "policy", conflicts_with_all = ["rom", "models"])]
    pub env: Option<String>,
    /// Conditions of the games; the options below change single conditions
    #[arg(long, value_enum, default_value = "nature")]
    pub protocol: ProtocolName,
    /// Whole games to play [default: 30]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = numbers::whole::<u32>(1, MOST_EPISODES))]
    pub episodes: Option<u32>,
    /// Probability of a random action [default: the protocol's; in classic environments 0]
    #[arg(long, value_name = "P")]
    #[arg(value_parser = numbers::number::<f64>)]
    pub epsilon: Option<f64>,
    /// Frames after which a game is cut off (18,000 = 5 minutes) [default: the protocol's]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = numbers::whole::<u32>(1, u32::MAX.into()))]
    pub max_episode_frames: Option<u32>,
    /// Each game starts with 0 to N no-op frames [default: the protocol's]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = numbers::whole::<u32>(0, u32::MAX.into()))]
    pub noop_max: Option<u32>,
    /// Probability, per frame, that the previous action is repeated [default: the protocol's]
    #[arg(long, value_name = "P")]
    #[arg(value_parser = numbers::number::<f32>)]
    pub sticky: Option<f32>,
    /// Seed of the evaluation; game i uses seed + i
    #[arg(long, value_name = "N", default_value_t = 0)]
    #[arg(value_parser = numbers::whole::<u64>(0, u64::MAX.into()))]
    pub seed: u64,
    /// Threads to play on; the result does not depend on it [default: all cores]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = numbers::whole::<usize>(1, threads::MOST as i128))]
    pub workers: Option<usize>,
    /// Play a baseline instead of a network
    #[arg(long, value_enum, conflicts_with = "models")]
    pub policy: Option<Baseline>,
    /// Also write the results as JSON, a list with one report a network; `-` is standard output, and the table then goes to stderr
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Also write the games as CSV; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Also write every action as CSV, with the checksum of its observation, its reward and the network's Q-values; for one
    /// policy only; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub actions: Option<PathBuf>,
    /// Write the best and the worst game as GIF into this folder
    #[arg(long, value_name = "DIR")]
    pub record: Option<PathBuf>,
    /// Where to run the network
    #[arg(long, value_enum, default_value = "auto")]
    pub device: DeviceChoice,
}

/// The `eval` command. When a signal stops it, it reports the games that ended, and the exit status names the signal.
///
/// # Errors
/// When an option has a bad value, a model or cartridge cannot be used, or a file cannot be written.
pub fn run(args: &EvalArgs) -> Result<()> {
    check_names(args)?;
    // A bad option shows before anything is loaded.
    protocol_of(args, false)?;
    let interrupt = Interrupt::watch()?;
    let device = device::open(args.device)?;
    let contestants = contestants(args, &device)?;
    let classic = contestants.iter().all(|contestant| contestant.spec.as_classic().is_some());
    let protocol = protocol_of(args, classic)?;
    let outputs = Outputs {
        json: args.json.clone(),
        csv: args.csv.clone(),
        actions: args.actions.clone(),
        record: args.record.clone(),
    };
    let workers = args.workers.unwrap_or_else(evaluation::default_workers);
    evaluation::run(&contestants, &protocol, workers, &outputs, interrupt.stop())?;
    match interrupt.exit_status() {
        Some(status) => std::process::exit(status),
        None => Ok(()),
    }
}

/// Refuses output files whose names promise another format. Whether they can be written is seen when all are opened together.
fn check_names(args: &EvalArgs) -> Result<()> {
    let EvalArgs { json, csv, actions, record, .. } = args;
    for (option, path, format, suffix) in
        [("--json", json, "JSON", "json"), ("--csv", csv, "CSV", "csv"), ("--actions", actions, "CSV", "csv")]
    {
        path.as_deref().map_or(Ok(()), |path| names::check_format(option, path, format, &[suffix]))?;
    }
    record.as_deref().map_or(Ok(()), |folder| names::check_folder_format("--record", folder))
}

/// The baseline or the models. All are loaded before the first game, so that a mistake shows at once.
fn contestants(args: &EvalArgs, device: &Device) -> Result<Vec<Contestant>> {
    if let Some(baseline) = args.policy {
        let environment = match &args.env {
            Some(env) => Config::preset(Config::usual_preset_of(env)?)?.environment,
            None => config::EnvironmentKeys::default(),
        };
        let spec = environments::spec(&environment, args.rom.as_deref())?;
        return Ok(vec![Contestant::baseline(&*spec, baseline)?]);
    }
    let models: Vec<Option<&Path>> = match args.models.as_slice() {
        [] => vec![None],
        models => models.iter().map(|model| Some(model.as_path())).collect(),
    };
    ensure!(
        args.actions.is_none() || models.len() == 1,
        "--actions writes the games of one policy, and there are {}; evaluate them one by one",
        models.len()
    );
    let mut files: Vec<Handle> = Vec::new();
    let mut contestants: Vec<Contestant> = Vec::new();
    for model in models {
        let OpenModel { path, model, spec } = model::open(model, args.rom.as_deref())?;
        let file = Handle::from_path(&path).with_context(|| format!("cannot read {}", path.display()))?;
        // Known by the file itself, whatever its name: through a link or another spelling it is the same network.
        if let Some(earlier) = files.iter().position(|earlier| *earlier == file) {
            warn!("warning: {} is the same file as {}, so it counts once", path.display(), contestants[earlier].name);
            continue;
        }
        files.push(file);
        contestants.push(Contestant::model(&model, &path, spec, device)?);
    }
    Ok(contestants)
}

/// The named protocol, changed by the options for single conditions. It is for Atari games: in classic environments policies are
/// greedy, and episodes have the environment's own limit.
fn protocol_of(args: &EvalArgs, classic: bool) -> Result<Protocol> {
    let named = Protocol::named(args.protocol);
    let named = match classic {
        true => Protocol { epsilon: 0.0, max_episode_frames: 0, noop_max: 0, sticky_probability: 0.0, ..named },
        false => named,
    };
    let protocol = Protocol {
        episodes: args.episodes.unwrap_or(named.episodes),
        epsilon: args.epsilon.unwrap_or(named.epsilon),
        max_episode_frames: args.max_episode_frames.unwrap_or(named.max_episode_frames),
        noop_max: args.noop_max.unwrap_or(named.noop_max),
        sticky_probability: args.sticky.unwrap_or(named.sticky_probability),
        seed: args.seed,
    };
    let mut faults = Vec::new();
    if !(0.0..=1.0).contains(&protocol.epsilon) {
        faults.push(format!("--epsilon is {}, allowed is 0 to 1", protocol.epsilon));
    }
    if !(0.0..=1.0).contains(&protocol.sticky_probability) {
        faults.push(format!("--sticky is {}, allowed is 0 to 1", protocol.sticky_probability));
    }
    ensure!(faults.is_empty(), "{}", faults.join("; "));
    Ok(protocol)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::{Cli, Command};
    use clap::Parser;

    #[test]
    fn flags_win_over_the_protocol_named() {
        let parse = |arguments: &[&str]| {
            let cli = Cli::try_parse_from([["atari-dqn", "eval"].as_slice(), arguments].concat()).unwrap();
            let Command::Eval(args) = cli.command else { panic!("not eval") };
            protocol_of(&args, false)
        };
        let nature = parse(&[]).unwrap();
        assert_eq!((nature.epsilon, nature.max_episode_frames, nature.noop_max), (0.05, 18_000, 30));
        assert_eq!((nature.episodes, nature.sticky_probability), (30, 0.0));
        let dopamine = parse(&["--protocol", "dopamine", "--epsilon", "0.01"]).unwrap();
        assert_eq!((dopamine.epsilon, dopamine.max_episode_frames, dopamine.noop_max), (0.01, 108_000, 0));
        assert_eq!(parse(&["--protocol", "machado"]).unwrap().sticky_probability, 0.25);
        let message = parse(&["--protocol", "machado", "--sticky", "2"]).unwrap_err().to_string();
        assert!(message.contains("--sticky is 2, allowed is 0 to 1"), "{message}");
    }
}
