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
    let time = Duration::from_secs_f64(args.seconds);
    let rom = args.rom.as_deref().map_or_else(|| Ok(roms::built_in()), roms::load)?;
    let (key, unit, rate) = match args.kind {
        BenchKind::Emulator => ("frames_per_second", "frames/s, screen not read", frames_per_second(&rom, time)?),
        BenchKind::Env => {
            ("steps_per_second", "agent steps/s of 4 frames with preprocessing", steps_per_second(&rom, time)?)
        }
        BenchKind::Vector => {
            let rate = vector_frames_per_second(&rom, args, time)?;
            ("frames_per_second", "frames/s of a vector of environments with preprocessing", rate)
        }
        BenchKind::Learner => {
            ("updates_per_second", "updates/s, batch 32, Nature network", updates_per_second(args.device, time)?)
        }
        BenchKind::Train => {
            let unit = "training steps/s, nature settings, one update every 4 steps";
            ("steps_per_second", unit, training_steps_per_second(&rom, args.device, time)?)
        }
    };
    let name = match args.kind {
        BenchKind::Learner => "learner".to_string(),
        _ => rom.name,
    };
    println!("{name}: {rate:.0} {unit}");
    if args.json {
        println!("{}", json!({ key: rate, "measured": name, "seconds": args.seconds }));
    }
    Ok(())
}

/// Calls `step` until `time` has passed; calls a second.
fn rate(time: Duration, mut step: impl FnMut() -> Result<()>) -> Result<f64> {
    // The clock is read once in a while only: a step may take less than a microsecond.
    const CHUNK: u32 = 16;
    let begun = Instant::now();
    let mut steps = 0u64;
    loop {
        for _ in 0..CHUNK {
            step()?;
        }
        steps += u64::from(CHUNK);
        let elapsed = begun.elapsed();
        if elapsed >= time {
            return Ok(steps as f64 / elapsed.as_secs_f64());
        }
    }
}

/// Random actions of the minimal set, one a frame; a reset at game over, whose frames do not count.
fn frames_per_second(rom: &LoadedRom, time: Duration) -> Result<f64> {
    let mut environment = Environment::new(&rom.image, Settings::default());
    let actions = environment.minimal_actions();
    let mut generator = Generator::new(0, Purpose::Exploration);
    rate(time, || {
        environment.act(actions[generator.below(actions.len())]);
        if environment.game_over() {
            environment.reset();
        }
        Ok(())
    })
}

fn steps_per_second(rom: &LoadedRom, time: Duration) -> Result<f64> {
    let environment = Environment::new(&rom.image, Settings::default());
    let actions = environment.minimal_actions();
    let choices = actions.len();
    let mut environment =
        AgentEnvironment::new(environment, Preprocessing::new(4, Resize::Area, false), actions, false);
    environment.reset(0);
    let mut generator = Generator::new(0, Purpose::Exploration);
    rate(time, || {
        if environment.step(generator.below(choices)).episode_over() {
            environment.reset(0);
        }
        Ok(())
    })
}

/// Random actions in every environment; frames of all of them together, those of resets not counted.
fn vector_frames_per_second(rom: &LoadedRom, args: &BenchArgs, time: Duration) -> Result<f64> {
    let settings = VectorSettings { num_envs: args.envs, num_threads: args.threads, ..VectorSettings::default() };
    let frames = settings.num_envs as f64 * f64::from(settings.frame_skip);
    let mut environments = VectorEnvironment::new(&rom.image, settings)?;
    environments.reset(Seeds::From(0))?;
    let choices = environments.actions().len();
    let mut generator = Generator::new(0, Purpose::Exploration);
    let mut actions = vec![0; args.envs];
    let steps = rate(time, || {
        actions.fill_with(|| generator.below(choices));
        environments.step(&actions)?;
        Ok(())
    })?;
    Ok(steps * frames)
}

/// `nature` with a replay that fits into any memory: how much of it is used does not change the time a batch takes.
fn nature() -> Result<Config> {
    Ok(Config { replay_capacity: 20_000, learning_starts_steps: WARM_UP_STEPS, ..Config::preset("nature")? })
}

fn updates_per_second(device: DeviceChoice, time: Duration) -> Result<f64> {
    const ACTIONS: usize = 6;
    let config = nature()?;
    let mut agent = train::new_agent(&config, ACTIONS, &device::open(device)?)?;
    let batch = random_batch(config.batch_size, ACTIONS, &mut Generator::new(0, Purpose::Replay));
    agent.learn_from(&batch)?; // the first one allocates
    rate(time, || agent.learn_from(&batch).map(drop))
}

fn training_steps_per_second(rom: &LoadedRom, device: DeviceChoice, time: Duration) -> Result<f64> {
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
    rate(time, step)
}
