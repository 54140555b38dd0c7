//! `play`: a window with the game in it, played by a person or by an agent, or a recording of a game as a GIF.
//!
//! Whoever holds the stick answers the same question before every frame (see [`Pilot`]), so a person can take over from
//! the agent and hand back at any moment, at any speed.

pub mod controls;
mod keys;
pub mod picture;
pub mod pilot;
mod window;

use crate::checkpoint::{self, Checkpoint};
use crate::cli::PlayArgs;
use crate::device;
use crate::recording::GifRecorder;
use crate::roms::{self, LoadedRom};
use anyhow::{ensure, Context, Result};
use atari_emulator::{Environment, Settings};
use pilot::{NetworkPilot, Pilot, RandomPilot};
use std::path::Path;

/// Frames after which a recording without --frames ends, should the game not: 5 minutes.
const LONGEST_RECORDING: u32 = 18_000;

/// The `play` command.
pub fn run(args: &PlayArgs) -> Result<()> {
    ensure!(
        (0.0..=1.0).contains(&args.epsilon),
        "--epsilon {} is not a probability; give a number from 0 to 1",
        args.epsilon
    );
    ensure!(args.frames != Some(0), "--frames 0 would show nothing; give at least 1");
    if args.record.is_none() {
        // before a network is loaded, which may take a while
        window::check_display()?;
    }
    let (rom, pilot): (LoadedRom, Option<Box<dyn Pilot>>) = match &args.model {
        Some(model) => {
            let (rom, pilot) = load_agent(model, args)?;
            (rom, Some(Box::new(pilot)))
        }
        None => (args.rom.as_deref().map_or_else(|| Ok(roms::built_in()), roms::load)?, None),
    };
    let mut environment = new_environment(&rom, args)?;
    match &args.record {
        Some(path) => {
            let pilot = pilot.unwrap_or_else(|| {
                warn!("no agent given: recording a random player");
                Box::new(RandomPilot::new(args.seed))
            });
            record(path, &mut environment, pilot, args)
        }
        None => window::play(environment, &rom.name, pilot, args),
    }
}

/// The agent in `model`, and the cartridge it is to play: the one it knows unless --rom says otherwise.
fn load_agent(model: &Path, args: &PlayArgs) -> Result<(LoadedRom, NetworkPilot)> {
    let path = checkpoint::find(Some(model))?;
    let checkpoint = Checkpoint::load(&path)?;
    let trained_on = &checkpoint.metadata;
    let rom = match &args.rom {
        Some(rom) => roms::load(rom)?,
        None => roms::load(&trained_on.game)
            .with_context(|| format!("{} plays {}; name its cartridge with --rom", path.display(), trained_on.game))?,
    };
    if rom.image.md5() != trained_on.cartridge_md5 {
        warn!(
            "warning: {} was trained on {} (md5 {}), not on this image",
            path.display(),
            trained_on.game,
            trained_on.cartridge_md5
        );
    }
    let device = device::open(args.device)?;
    let pilot = NetworkPilot::new(&checkpoint, &device, args.epsilon, args.seed)?;
    Ok((rom, pilot))
}

/// A console with the game loaded, in the mode and difficulty asked for.
fn new_environment(rom: &LoadedRom, args: &PlayArgs) -> Result<Environment> {
    let settings = Settings::default().with_random_seed(args.seed as u32);
    let mut environment = Environment::new(&rom.image, settings);
    if let Some(mode) = args.mode {
        environment.set_mode(mode).context("--mode")?;
    }
    if let Some(difficulty) = args.difficulty {
        environment.set_difficulty(difficulty).context("--difficulty")?;
    }
    if args.mode.is_some() || args.difficulty.is_some() {
        environment.reset();
    }
    Ok(environment)
}

/// Plays one game, or `--frames` of it, into a GIF.
fn record(path: &Path, environment: &mut Environment, mut pilot: Box<dyn Pilot>, args: &PlayArgs) -> Result<()> {
    let mut recorder = GifRecorder::create(path, environment)?;
    let longest = args.frames.unwrap_or(LONGEST_RECORDING);
    pilot.begin(environment);
    recorder.frame(&environment.screen())?;
    let mut score = 0;
    let mut frames = 0;
    while frames < longest && !environment.game_over() {
        let action = pilot.act(environment)?;
        score += environment.act_once(action);
        recorder.frame(&environment.screen())?;
        frames += 1;
    }
    recorder.finish()?;
    let ending = if environment.game_over() { "the whole game" } else { "cut off" };
    say!("{}: {frames} frames, {ending}, score {score}", path.display());
    Ok(())
}
