//! `play`: a window with the game in it, or a recording of a game as a GIF.

use crate::commands::numbers;
use crate::config::Config;
use crate::environments::atari::{AtariSpec, USUAL_FRAME_SKIP};
use crate::environments::EnvironmentSpec as _;
use crate::environments::{self, cartridges, Spec};
use crate::files::names;
use crate::networks::device::{self, DeviceChoice};
use crate::play::{self, classic, Pilot};
use crate::policy::model::{self, OpenModel};
use crate::policy::Policy;
use anyhow::{ensure, Context, Result};
use clap::Args;
use std::path::PathBuf;

/// Options of `play`.
#[derive(Debug, Args)]
pub struct PlayArgs {
    /// Run folder or .safetensors file of the agent that plays; without it you play
    #[arg(value_name = "RUN_DIR|FILE.safetensors")]
    pub model: Option<PathBuf>,
    /// ROM file or name; by default the agent's, or the built-in `bricks`
    #[arg(long, value_name = "FILE|NAME")]
    pub rom: Option<String>,
    /// Classic environment that you play, see `atari-dqn envs`
    #[arg(long, value_name = "NAME", conflicts_with_all = ["rom", "model", "mode", "difficulty"])]
    pub env: Option<String>,
    /// Game mode, as numbered by ALE
    #[arg(long, value_name = "M")]
    #[arg(value_parser = numbers::whole::<u32>(0, u32::MAX.into()))]
    pub mode: Option<u32>,
    /// Difficulty, as numbered by ALE
    #[arg(long, value_name = "D")]
    #[arg(value_parser = numbers::whole::<u32>(0, u32::MAX.into()))]
    pub difficulty: Option<u32>,
    /// Write a GIF instead of opening a window: one game, or --frames of it; needs no display
    #[arg(long, value_name = "FILE.gif")]
    pub record: Option<PathBuf>,
    /// Stop after this many frames
    #[arg(long, value_name = "N")]
    #[arg(value_parser = numbers::whole::<u32>(1, u32::MAX.into()))]
    pub frames: Option<u32>,
    /// Window pixels for one Atari scanline
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = numbers::whole::<u32>(1, 8))]
    pub scale: u32,
    /// Probability of a random action by the agent
    #[arg(long, value_name = "P", default_value_t = 0.05)]
    #[arg(value_parser = numbers::number::<f64>)]
    pub epsilon: f64,
    /// Seed of the console and the agent
    #[arg(long, value_name = "N", default_value_t = 0)]
    #[arg(value_parser = numbers::whole::<u64>(0, u64::MAX.into()))]
    pub seed: u64,
    /// Where to run the network
    #[arg(long, value_enum, default_value = "auto")]
    pub device: DeviceChoice,
}

/// The `play` command.
///
/// # Errors
/// When an option has a bad value, a model or cartridge cannot be used, no window can be opened or no file be written.
pub fn run(args: &PlayArgs) -> Result<()> {
    ensure!(
        (0.0..=1.0).contains(&args.epsilon),
        "--epsilon {} is not a probability; give a number from 0 to 1",
        args.epsilon
    );
    ensure!(args.frames != Some(0), "--frames 0 would show nothing; give at least 1");
    if let Some(path) = &args.record {
        names::check_output("--record", path, "a GIF", &["gif"])?;
    } else {
        // Before a network is loaded, which may take a while.
        play::check_display()?;
    }
    if let Some(env) = &args.env {
        let environment = Config::preset(Config::usual_preset_of(env)?)?.environment;
        return play_classic(args, &environments::spec(&environment, None)?, None);
    }
    let (spec, agent) = match &args.model {
        Some(model) => {
            let OpenModel { model, spec, .. } = model::open(Some(model), args.rom.as_deref())?;
            if spec.as_classic().is_some() {
                let policy = Policy::of(&model.learned, &device::open(args.device)?)?;
                return play_classic(args, &spec, Some(policy));
            }
            let spec = spec.as_atari().context("this environment has no window")?.clone();
            let device = device::open(args.device)?;
            (spec, Some(Policy::of(&model.learned, &device)?))
        }
        None => {
            let rom = args.rom.as_deref().map_or_else(|| Ok(cartridges::built_in()), cartridges::load)?;
            (AtariSpec::with_minimal_actions(&rom, USUAL_FRAME_SKIP), None)
        }
    };
    let console = play::new_console(&spec, args.mode, args.difficulty, args.seed)?;
    let pilot = |policy| Pilot::new(policy, &spec, args.epsilon, args.seed);
    match &args.record {
        Some(path) => {
            let policy = agent.unwrap_or_else(|| {
                warn!("no agent given: recording a random player");
                Policy::Random { actions: spec.actions.len() }
            });
            play::record(path, console, pilot(policy), args.frames)
        }
        None => play::open_window(console, &spec.name, agent.map(pilot), args.scale as usize, args.frames),
    }
}

/// A classic environment, in a window or a GIF.
fn play_classic(args: &PlayArgs, spec: &Spec, policy: Option<Policy>) -> Result<()> {
    let spec = spec.as_classic().context("this environment has no window")?;
    let Some(path) = &args.record else {
        return classic::open_window(spec, classic::Player::new(spec, policy, args.epsilon, args.seed), args.frames);
    };
    let policy = policy.unwrap_or_else(|| {
        warn!("no agent given: recording a random player");
        Policy::Random { actions: spec.actions() }
    });
    classic::record(path, classic::Player::new(spec, Some(policy), args.epsilon, args.seed), args.frames)
}
