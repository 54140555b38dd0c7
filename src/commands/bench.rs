//! `bench`: measures this machine: speed of the emulator, the environment, the learner or training.

mod training;

use crate::algorithms::dqn::new_updater;
use crate::algorithms::dqn::update::{random_batch, UpdateTimes};
use crate::algorithms::needs;
use crate::commands::{ensure_room_for, numbers, translation};
use crate::config::{Config, DqnKeys, EnvironmentKeys, Interleaving, Sources};
use crate::environments;
use crate::environments::atari::preprocess::{AgentEnvironment, Preprocessing, Resize, SPACE};
use crate::environments::atari::warn_of_unfinished_frames;
use crate::environments::cartridges::{self, LoadedRom};
use crate::networks::device::{self, DeviceChoice};
use crate::networks::learner::Which;
use crate::observations::Space;
use crate::policy::Policy;
use crate::random::{Generator, Purpose};
use crate::system::{memory, threads};
use crate::text::output::print;
use anyhow::{ensure, Context, Result};
use atari_emulator::vector::{Seeds, VectorEnvironment, VectorSettings};
use atari_emulator::{Environment, Settings, Translation};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::fmt::Write as _;
use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

/// Transitions in the replay before `bench train` starts to measure, so that its batches differ.
const WARM_UP_STEPS: u64 = 1_000;
/// Time before the measurement starts, for the translation of cartridge code and the caches.
const WARM_UP: Duration = Duration::from_millis(400);

/// Longest measurement, in seconds: a day.
const LONGEST_SECONDS: f64 = 86_400.0;

/// Environments of `bench vector` per thread, unless the user gives their number: every thread has the same work, however
/// many there are.
const ENVS_PER_THREAD: usize = 8;

/// What `bench` measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum BenchKind {
    /// Frames per second: random actions, screen not read, reset at game over
    Emulator,
    /// Agent steps per second with preprocessing: one environment, one thread
    Env,
    /// Frames per second of a vector of environments with preprocessing, all environments together
    Vector,
    /// Gradient steps per second on one batch
    Learner,
    /// Agent steps per second of a whole training
    Train,
}

/// Options of `bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// What to measure
    #[arg(value_enum)]
    kind: BenchKind,
    /// ROM file or name [default: the built-in `bricks`]
    #[arg(long, value_name = "FILE|NAME")]
    rom: Option<String>,
    /// Classic environment of `bench env`, see `atari-dqn envs`; `bench train` has that of its preset
    #[arg(long, value_name = "NAME", conflicts_with = "rom")]
    env: Option<String>,
    /// Hyperparameters of `bench learner` and `bench train`
    #[arg(long, value_name = "NAME", default_value = "nature")]
    preset: String,
    /// Override one key, e.g. --set batch_size=64; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    overrides: Vec<String>,
    /// Environments of `bench vector` [default: 8 per thread]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = numbers::whole::<usize>(0, u32::MAX.into()))]
    envs: Option<usize>,
    /// Threads of `bench vector`, 0 for one per core
    #[arg(long, value_name = "N", default_value_t = 0)]
    #[arg(value_parser = numbers::whole::<usize>(0, threads::MOST as i128))]
    threads: usize,
    /// Seconds to measure
    #[arg(long, value_name = "N", default_value_t = 5.0)]
    #[arg(value_parser = numbers::number::<f64>)]
    seconds: f64,
    /// Play N frames instead, however long it takes, rounded up to whole steps of all environments (`emulator` and `vector` only)
    #[arg(long, value_name = "N", conflicts_with = "seconds", value_parser = numbers::whole::<u64>(1, u64::MAX.into()))]
    frames: Option<u64>,
    /// Interpret all cartridge code instead of translating what is executed often (`emulator`, `env` and `vector` only)
    #[arg(long)]
    interpret: bool,
    /// Also print the result as JSON, on the last line
    #[arg(long)]
    json: bool,
    /// Where to run the network
    #[arg(long, value_enum, default_value = "auto")]
    device: DeviceChoice,
}

/// The `bench` command.
pub(super) fn run(args: &BenchArgs) -> Result<()> {
    ensure!(
        args.seconds > 0.0 && args.seconds <= LONGEST_SECONDS,
        "--seconds is {}, allowed is more than 0 and at most {LONGEST_SECONDS}",
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
    ensure!(
        !args.interpret || !matches!(args.kind, BenchKind::Learner | BenchKind::Train),
        "--interpret goes with `bench emulator`, `bench env` and `bench vector` only"
    );
    let translation = translation(args.interpret);
    ensure!(args.env.is_none() || args.kind == BenchKind::Env, "--env goes with `bench env` only");
    let rom = args.rom.as_deref().map_or_else(|| Ok(cartridges::built_in()), cartridges::load)?;
    let measurement = match args.kind {
        BenchKind::Emulator => Measurement::new(
            "frames_per_second",
            "frames/s, screen not read",
            frames_per_second(&rom, translation, span)?,
        ),
        BenchKind::Env if args.env.is_some() => {
            let unit = "steps/s, random actions";
            Measurement::new("steps_per_second", unit, classic_steps_per_second(args, span)?)
        }
        BenchKind::Env => {
            let unit = "agent steps/s of 4 frames with preprocessing";
            Measurement::new("steps_per_second", unit, steps_per_second(&rom, translation, span)?)
        }
        BenchKind::Vector => {
            let unit = "frames/s of a vector of environments with preprocessing";
            Measurement::new("frames_per_second", unit, vector_frames_per_second(&rom, args, span)?)
        }
        BenchKind::Learner => updates_per_second(args, span)?,
        BenchKind::Train => training::steps_per_second(args, span)?,
    };
    let name = match args.kind {
        BenchKind::Learner => "learner".to_string(),
        BenchKind::Train => training_name(args)?.unwrap_or(rom.name),
        _ => args.env.clone().unwrap_or(rom.name),
    };
    let mut text = String::new();
    for Rate { rate, unit, .. } in &measurement.rates {
        let _ = writeln!(text, "{name}: {rate:.0} {unit}");
    }
    let total: Duration = measurement.parts.iter().map(|(_, time)| *time).sum();
    for (part, time) in &measurement.parts {
        let _ = writeln!(text, "{:>6.1} %  {part}", 100.0 * time.as_secs_f64() / total.as_secs_f64().max(1e-9));
    }
    if args.json {
        let (measure, amount) =
            args.frames.map_or(("seconds", json!(args.seconds)), |frames| ("frames", json!(frames)));
        let mut object = json!({ "measured": name, measure: amount });
        measurement.rates.iter().for_each(|Rate { key, rate, .. }| object[key] = json!(rate));
        let _ = writeln!(text, "{object}");
    }
    print(&text)
}

/// Result of a measurement.
struct Measurement {
    /// The requested rate, then others.
    rates: Vec<Rate>,
    /// Time of each part of the work, if measured.
    parts: Vec<(&'static str, Duration)>,
}

struct Rate {
    /// Key in the JSON object.
    key: &'static str,
    unit: String,
    rate: f64,
}

impl Measurement {
    fn new(key: &'static str, unit: impl Into<String>, rate: f64) -> Self {
        Self { rates: vec![Rate { key, unit: unit.into(), rate }], parts: Vec::new() }
    }
}

/// Length of a measurement.
#[derive(Clone, Copy, Debug)]
enum Span {
    Time(Duration),
    /// The same work in every run, so that its instructions can be counted.
    Frames(u64),
}

/// Calls `step`, which plays `frames` frames, over the whole `span` and returns the calls per second.
fn rate(span: Span, frames: u64, mut step: impl FnMut() -> Result<()>) -> Result<f64> {
    let (chunk, time) = match span {
        // The clock is read only every 16 steps, because a step may take less than a microsecond.
        Span::Time(time) => (16, time),
        Span::Frames(wanted) => (wanted.div_ceil(frames), Duration::ZERO),
    };
    // Cartridge code is translated in the first tenths of a second of play.
    let warm_up = time.min(WARM_UP);
    let begun = Instant::now();
    while begun.elapsed() < warm_up {
        step()?;
    }
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

/// Name of the classic environment that `bench train` trains in, if it is one.
fn training_name(args: &BenchArgs) -> Result<Option<String>> {
    let sources = Sources { preset: &args.preset, overrides: &args.overrides, ..Sources::default() };
    Ok(match Config::resolve(&sources)?.environment {
        EnvironmentKeys::Atari(_) => None,
        EnvironmentKeys::Classic(keys) => Some(keys.options.definition.name.to_string()),
    })
}

/// Steps of a classic environment with random actions.
fn classic_steps_per_second(args: &BenchArgs, span: Span) -> Result<f64> {
    let preset = Config::usual_preset_of(args.env.as_deref().unwrap_or_default())?;
    let sources =
        Sources { preset, environment: args.env.as_deref(), overrides: &args.overrides, ..Sources::default() };
    let spec = environments::spec(&Config::resolve(&sources)?.environment, None)?;
    let mut environments = environments::vector(&*spec, 1, 0)?;
    let mut generator = Generator::new(0, Purpose::Exploration);
    let actions = spec.actions();
    rate(span, 1, || {
        environments.step(&[generator.below(actions)]);
        Ok(())
    })
}

/// Plays one frame per call: random actions of the minimal set, a reset at game over. With `look` the screen is read after
/// every frame.
pub fn frames(rom: &LoadedRom, look: bool, translation: Translation) -> impl FnMut() {
    let mut environment = Environment::new(&rom.image, Settings::default().with_translation(translation));
    let actions = environment.minimal_actions();
    let mut generator = Generator::new(0, Purpose::Exploration);
    move || {
        environment.act(actions[generator.below(actions.len())]);
        warn_of_unfinished_frames(&environment);
        if look {
            black_box(environment.screen().pixels);
        }
        if environment.game_over() {
            environment.reset();
        }
    }
}

/// Plays one step of four frames with preprocessing per call, with random actions.
pub fn agent_steps(rom: &LoadedRom, translation: Translation) -> impl FnMut() {
    let environment = Environment::new(&rom.image, Settings::default().with_translation(translation));
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

/// Plays one step of all environments of a vector per call, with random actions.
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

/// Frames of resets are not counted.
fn frames_per_second(rom: &LoadedRom, translation: Translation, span: Span) -> Result<f64> {
    let mut play = frames(rom, false, translation);
    rate(span, 1, || {
        play();
        Ok(())
    })
}

fn steps_per_second(rom: &LoadedRom, translation: Translation, span: Span) -> Result<f64> {
    let mut play = agent_steps(rom, translation);
    rate(span, 4, || {
        play();
        Ok(())
    })
}

/// Frames of all environments together; frames of resets are not counted.
fn vector_frames_per_second(rom: &LoadedRom, args: &BenchArgs, span: Span) -> Result<f64> {
    let threads = match args.threads {
        0 => thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let envs = args.envs.unwrap_or_else(|| threads.saturating_mul(ENVS_PER_THREAD));
    let settings = VectorSettings::default()
        .with_num_envs(envs)
        .with_num_threads(threads)
        .with_translation(translation(args.interpret));
    ensure_room_for(&settings)?;
    let skip = u64::from(settings.frame_skip);
    let play = vector_steps(rom, settings)?;
    let frames = envs as u64 * skip;
    Ok(rate(span, frames, play)? * frames as f64)
}

/// The preset and overrides asked for, which must be of DQN, with two changes. The replay is small enough for any memory, because its size does not
/// change the time a batch takes. Epsilon has its final value from the start, because acting with the network takes time and
/// acting at random does not.
fn config(args: &BenchArgs) -> Result<(Config, DqnKeys)> {
    let sources = Sources { preset: &args.preset, overrides: &args.overrides, ..Sources::default() };
    let mut config = Config::resolve(&sources)?;
    let kind = config.algorithm.kind();
    let dqn = config.algorithm.dqn_mut();
    let dqn = dqn.with_context(|| {
        format!("`bench learner` measures updates of dqn, and {} is {kind}; `bench train` measures it", args.preset)
    })?;
    ensure!(
        dqn.schedule == Interleaving::Sequential,
        "`bench` measures the sequential schedule; leave out schedule=concurrent"
    );
    dqn.replay_capacity = dqn.replay_capacity.min(20_000);
    dqn.learning_starts_steps = WARM_UP_STEPS;
    dqn.epsilon_initial = dqn.epsilon_final;
    let keys = dqn.clone();
    Ok((config, keys))
}

/// Refuses a configuration that would take more memory than is free; the replay is small here.
fn ensure_room(config: &Config, space: Space, actions: usize) -> Result<()> {
    let rollout = needs::rollout_plan(&config.algorithm, space).map_or(0, |rollout| rollout.bytes);
    memory::ensure_free("the measurement", needs::other_bytes(config, space, actions)?.saturating_add(rollout))
}

/// Time of each part of an update between two readings.
fn parts(before: &UpdateTimes, after: &UpdateTimes) -> Vec<(&'static str, Duration)> {
    vec![
        ("putting batches together", after.batches - before.batches),
        ("evaluating successors", after.targets - before.targets),
        ("online network, forward", after.forward - before.forward),
        ("online network, backward and optimizer", after.backward - before.backward),
    ]
}

/// Updates on one batch, and decisions on one observation.
fn updates_per_second(args: &BenchArgs, span: Span) -> Result<Measurement> {
    const ACTIONS: usize = 6;
    let (config, keys) = config(args)?;
    ensure_room(&config, SPACE, ACTIONS)?;
    let device = device::open(args.device)?;
    let mut updater = new_updater(&keys, &config.network, config.run.seed, (SPACE, ACTIONS), &device)?;
    let batch = random_batch(SPACE, keys.batch_size, ACTIONS, &mut Generator::new(0, Purpose::Replay));
    updater.learn_from(&batch)?; // The first update allocates.
    let before = updater.times();
    let updates = rate(span, 1, || updater.learn_from(&batch).map(drop))?;
    let parts = parts(&before, &updater.times()).split_off(1);

    let mut policy = Policy::network(&updater.learner().parameters(Which::Online)?, &device)?;
    let mut generator = Generator::new(0, Purpose::Exploration);
    let observation = batch.observations.seen().at(SPACE, 0);
    let decisions = rate(span, 1, || policy.act(observation, 0.0, &mut generator).map(drop))?;

    let network = config.network.network.name();
    let unit = format!("updates/s, batch {}, `{network}` network", keys.batch_size);
    let mut measurement = Measurement::new("updates_per_second", unit, updates);
    let unit = format!("decisions/s, one state, `{network}` network");
    measurement.rates.push(Rate { key: "decisions_per_second", unit, rate: decisions });
    Ok(Measurement { parts, ..measurement })
}
