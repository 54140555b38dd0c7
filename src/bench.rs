//! `bench`: what a person needs to know of his own machine.

use crate::agent::{random_batch, Agent};
use crate::cli::{BenchArgs, BenchKind, DeviceChoice};
use crate::config::Config;
use crate::device;
use crate::preprocess::{AgentEnvironment, FrameStack, Preprocessing, Resize};
use crate::random::{Generator, Purpose};
use crate::roms::{self, LoadedRom};
use crate::train;
use crate::vector::{Seeds, VectorEnvironment, VectorSettings};
use anyhow::{ensure, Result};
use atari_emulator::{Environment, Settings};
use serde_json::json;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Transitions remembered before `bench train` starts its clock, so that batches are not all alike.
const WARM_UP_STEPS: u64 = 1_000;

/// The `bench` command.
pub fn run(args: &BenchArgs) -> Result<()> {
    ensure!(
        args.seconds.is_finite() && args.seconds > 0.0,
        "--seconds {}: the time to measure must be more than 0 seconds",
        args.seconds
    );
    let span = match args.frames {
        None => Span::Time(Duration::from_secs_f64(args.seconds)),
        Some(frames) => {
            let counted = matches!(args.kind, BenchKind::Emulator | BenchKind::Vector);
            ensure!(counted, "--frames goes with `bench emulator` and `bench vector` only");
            Span::Frames(frames)
        }
    };
    let rom = args.rom.as_deref().map_or_else(|| Ok(roms::built_in()), roms::load)?;
    let (key, unit, rate) = match args.kind {
        BenchKind::Emulator => ("frames_per_second", "frames/s, screen not read", frames_per_second(&rom, span)?),
        BenchKind::Env => {
            ("steps_per_second", "agent steps/s of 4 frames with preprocessing", steps_per_second(&rom, span)?)
        }
        BenchKind::Vector => {
            let rate = vector_frames_per_second(&rom, args, span)?;
            ("frames_per_second", "frames/s of a vector of environments with preprocessing", rate)
        }
        BenchKind::Learner => {
            ("updates_per_second", "updates/s, batch 32, Nature network", updates_per_second(args.device, span)?)
        }
        BenchKind::Train => {
            let unit = "training steps/s, nature settings, one update every 4 steps";
            ("steps_per_second", unit, training_steps_per_second(&rom, args.device, span)?)
        }
    };
    let name = match args.kind {
        BenchKind::Learner => "learner".to_string(),
        _ => rom.name,
    };
    println!("{name}: {rate:.0} {unit}");
    if args.json {
        let (measure, amount) =
            args.frames.map_or(("seconds", json!(args.seconds)), |frames| ("frames", json!(frames)));
        println!("{}", json!({ key: rate, "measured": name, measure: amount }));
    }
    Ok(())
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
enum Span {
    Time(Duration),
    /// The same work in every run, for counting its instructions.
    Frames(u64),
}

/// Calls `step`, which plays `frames` frames, for as long as `span` says; calls a second.
fn rate(span: Span, frames: u64, mut step: impl FnMut() -> Result<()>) -> Result<f64> {
    let (chunk, time) = match span {
        // The clock is read once in a while only: a step may take less than a microsecond.
        Span::Time(time) => (16, time),
        Span::Frames(wanted) => (wanted.div_ceil(frames), Duration::ZERO),
    };
    let begun = Instant::now();
    let mut steps = 0u64;
    loop {
        for _ in 0..chunk {
            step()?;
        }
        steps += chunk;
        let elapsed = begun.elapsed();
        if elapsed >= time {
            return Ok(steps as f64 / elapsed.as_secs_f64());
        }
    }
}

/// Plays one frame a call: random actions of the minimal set, a reset at game over. With `look` the screen is read after
/// every frame.
pub fn frames(rom: &LoadedRom, look: bool) -> impl FnMut() {
    let mut environment = Environment::new(&rom.image, Settings::default());
    let actions = environment.minimal_actions();
    let mut generator = Generator::new(0, Purpose::Exploration);
    move || {
        environment.act(actions[generator.below(actions.len())]);
        if look {
            black_box(environment.screen().pixels);
        }
        if environment.game_over() {
            environment.reset();
        }
    }
}

/// Plays one step of four frames with preprocessing a call, at random as [`frames`] does.
pub fn agent_steps(rom: &LoadedRom) -> impl FnMut() {
    let environment = Environment::new(&rom.image, Settings::default());
    let actions = environment.minimal_actions();
    let choices = actions.len();
    let mut environment =
        AgentEnvironment::new(environment, Preprocessing::new(4, Resize::Area, false), actions, false);
    environment.reset(0);
    let mut generator = Generator::new(0, Purpose::Exploration);
    move || {
        if environment.step(generator.below(choices)).episode_over() {
            environment.reset(0);
        }
    }
}

/// Plays one step of all environments of a vector a call, at random.
///
/// # Errors
/// Settings that a vector refuses.
pub fn vector_steps(rom: &LoadedRom, settings: VectorSettings) -> Result<impl FnMut() -> Result<()>> {
    let mut actions = vec![0; settings.num_envs];
    let mut environments = VectorEnvironment::new(&rom.image, settings)?;
    environments.reset(Seeds::From(0))?;
    let choices = environments.actions().len();
    let mut generator = Generator::new(0, Purpose::Exploration);
    Ok(move || {
        actions.fill_with(|| generator.below(choices));
        environments.step(&actions)?;
        Ok(())
    })
}

/// The frames of resets do not count.
fn frames_per_second(rom: &LoadedRom, span: Span) -> Result<f64> {
    let mut play = frames(rom, false);
    rate(span, 1, || {
        play();
        Ok(())
    })
}

fn steps_per_second(rom: &LoadedRom, span: Span) -> Result<f64> {
    let mut play = agent_steps(rom);
    rate(span, 4, || {
        play();
        Ok(())
    })
}

/// Frames of all environments together, those of resets not counted.
fn vector_frames_per_second(rom: &LoadedRom, args: &BenchArgs, span: Span) -> Result<f64> {
    let settings = VectorSettings { num_envs: args.envs, num_threads: args.threads, ..VectorSettings::default() };
    let skip = u64::from(settings.frame_skip);
    let play = vector_steps(rom, settings)?;
    let frames = args.envs as u64 * skip;
    Ok(rate(span, frames, play)? * frames as f64)
}

/// `nature` with a replay that fits into any memory: how much of it is used does not change the time a batch takes.
fn nature() -> Result<Config> {
    Ok(Config { replay_capacity: 20_000, learning_starts_steps: WARM_UP_STEPS, ..Config::preset("nature")? })
}

fn updates_per_second(device: DeviceChoice, span: Span) -> Result<f64> {
    const ACTIONS: usize = 6;
    let config = nature()?;
    let mut agent = train::new_agent(&config, ACTIONS, &device::open(device)?)?;
    let batch = random_batch(config.batch_size, ACTIONS, &mut Generator::new(0, Purpose::Replay));
    agent.learn_from(&batch)?; // the first one allocates
    rate(span, 1, || agent.learn_from(&batch).map(drop))
}

fn training_steps_per_second(rom: &LoadedRom, device: DeviceChoice, span: Span) -> Result<f64> {
    let config = nature()?;
    let mut environment = train::new_environment(&config, rom);
    let mut agent = train::new_agent(&config, environment.actions().len(), &device::open(device)?)?;
    let mut stack = FrameStack::default();
    let begin = |agent: &mut Agent, environment: &mut AgentEnvironment, stack: &mut FrameStack| {
        environment.reset(0);
        agent.begin_episode(environment.frame());
        stack.begin(environment.frame());
    };
    begin(&mut agent, &mut environment, &mut stack);
    let mut steps = 0;
    let mut step = || -> Result<()> {
        // Epsilon is that of the end of the schedule: acting with the network costs time, acting at random does not.
        let action = agent.act(stack.pixels(), config.total_steps)?;
        let outcome = environment.step(action);
        agent.remember(action, outcome.reward as f32, outcome.terminal, outcome.episode_over(), environment.frame());
        stack.push(environment.frame());
        if outcome.episode_over() {
            begin(&mut agent, &mut environment, &mut stack);
        }
        steps += 1;
        if steps > config.learning_starts_steps && steps % config.train_every_steps == 0 {
            agent.learn()?;
        }
        Ok(())
    };
    for _ in 0..WARM_UP_STEPS {
        step()?;
    }
    rate(span, 4, step)
}
