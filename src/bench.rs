//! `bench`: what a person needs to know of his own machine.

use crate::agent::{random_batch, Agent, AgentTimes};
use crate::cli::{translation, BenchArgs, BenchKind};
use crate::config::{Config, Sources};
use crate::device;
use crate::learner::Which;
use crate::player::Player;
use crate::preprocess::{AgentEnvironment, FrameStack, Preprocessing, Resize, STACK_PIXELS};
use crate::random::{Generator, Purpose};
use crate::roms::{self, LoadedRom};
use crate::train;
use anyhow::{ensure, Result};
use atari_emulator::vector::{Seeds, VectorEnvironment, VectorSettings};
use atari_emulator::{Environment, Settings, Translation};
use serde_json::json;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Transitions remembered before `bench train` starts its clock, so that batches are not all alike.
const WARM_UP_STEPS: u64 = 1_000;
/// What comes before the clock is started.
const WARM_UP: Duration = Duration::from_millis(400);

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
    ensure!(
        !args.interpret || !matches!(args.kind, BenchKind::Learner | BenchKind::Train),
        "--interpret goes with `bench emulator`, `bench env` and `bench vector` only"
    );
    let translation = translation(args.interpret);
    let rom = args.rom.as_deref().map_or_else(|| Ok(roms::built_in()), roms::load)?;
    let outcome = match args.kind {
        BenchKind::Emulator => {
            Outcome::new("frames_per_second", "frames/s, screen not read", frames_per_second(&rom, translation, span)?)
        }
        BenchKind::Env => {
            let unit = "agent steps/s of 4 frames with preprocessing";
            Outcome::new("steps_per_second", unit, steps_per_second(&rom, translation, span)?)
        }
        BenchKind::Vector => {
            let unit = "frames/s of a vector of environments with preprocessing";
            Outcome::new("frames_per_second", unit, vector_frames_per_second(&rom, args, span)?)
        }
        BenchKind::Learner => updates_per_second(args, span)?,
        BenchKind::Train => training_steps_per_second(&rom, args, span)?,
    };
    let name = match args.kind {
        BenchKind::Learner => "learner".to_string(),
        _ => rom.name,
    };
    for Rate { rate, unit, .. } in &outcome.rates {
        say!("{name}: {rate:.0} {unit}");
    }
    let total: Duration = outcome.parts.iter().map(|(_, time)| *time).sum();
    for (part, time) in &outcome.parts {
        say!("{:>6.1} %  {part}", 100.0 * time.as_secs_f64() / total.as_secs_f64().max(1e-9));
    }
    if args.json {
        let (measure, amount) =
            args.frames.map_or(("seconds", json!(args.seconds)), |frames| ("frames", json!(frames)));
        let mut object = json!({ "measured": name, measure: amount });
        outcome.rates.iter().for_each(|Rate { key, rate, .. }| object[key] = json!(rate));
        say!("{object}");
    }
    Ok(())
}

/// What a measurement showed.
struct Outcome {
    /// What was asked for first.
    rates: Vec<Rate>,
    /// Where the time went.
    parts: Vec<(&'static str, Duration)>,
}

struct Rate {
    /// In the JSON object.
    key: &'static str,
    unit: String,
    rate: f64,
}

impl Outcome {
    fn new(key: &'static str, unit: impl Into<String>, rate: f64) -> Self {
        Self { rates: vec![Rate { key, unit: unit.into(), rate }], parts: Vec::new() }
    }
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

/// Plays one frame a call: random actions of the minimal set, a reset at game over. With `look` the screen is read after
/// every frame.
pub fn frames(rom: &LoadedRom, look: bool, translation: Translation) -> impl FnMut() {
    let mut environment = Environment::new(&rom.image, Settings::default().with_translation(translation));
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

/// Frames of all environments together, those of resets not counted.
fn vector_frames_per_second(rom: &LoadedRom, args: &BenchArgs, span: Span) -> Result<f64> {
    let settings = VectorSettings::default()
        .with_num_envs(args.envs)
        .with_num_threads(args.threads)
        .with_translation(translation(args.interpret));
    let skip = u64::from(settings.frame_skip);
    let play = vector_steps(rom, settings)?;
    let frames = args.envs as u64 * skip;
    Ok(rate(span, frames, play)? * frames as f64)
}

/// The preset asked for with a replay that fits into any memory: how much of it is used does not change the time a batch takes.
/// Epsilon is that of the end of the schedule: acting with the network costs time, acting at random does not.
fn config(args: &BenchArgs) -> Result<Config> {
    let config = Config::resolve(&Sources { preset: &args.preset, overrides: &args.overrides, ..Sources::default() })?;
    Ok(Config {
        replay_capacity: config.replay_capacity.min(20_000),
        learning_starts_steps: WARM_UP_STEPS,
        epsilon_initial: config.epsilon_final,
        ..config
    })
}

/// The parts of an agent's work between two readings of its times.
fn parts(before: &AgentTimes, after: &AgentTimes) -> Vec<(&'static str, Duration)> {
    vec![
        ("choosing actions", after.acting - before.acting),
        ("putting batches together", after.batches - before.batches),
        ("evaluating successors", after.targets - before.targets),
        ("online network, forward", after.forward - before.forward),
        ("online network, backward and optimizer", after.backward - before.backward),
    ]
}

/// Updates on one batch, and decisions on one observation.
fn updates_per_second(args: &BenchArgs, span: Span) -> Result<Outcome> {
    const ACTIONS: usize = 6;
    let config = config(args)?;
    let device = device::open(args.device)?;
    let mut agent = train::new_agent(&config, ACTIONS, &device)?;
    let batch = random_batch(config.batch_size, ACTIONS, &mut Generator::new(0, Purpose::Replay));
    agent.learn_from(&batch)?; // the first one allocates
    let before = agent.times();
    let updates = rate(span, 1, || agent.learn_from(&batch).map(drop))?;
    let parts = parts(&before, &agent.times()).split_off(2);

    let mut player = Player::new(&agent.learner().parameters(Which::Online)?, 0.0, &device)?;
    let mut generator = Generator::new(0, Purpose::Exploration);
    let observation = &batch.observations[..STACK_PIXELS];
    let decisions = rate(span, 1, || player.act(observation, &mut generator).map(drop))?;

    let network = config.network.name();
    let unit = format!("updates/s, batch {}, `{network}` network", config.batch_size);
    let mut outcome = Outcome::new("updates_per_second", unit, updates);
    let unit = format!("decisions/s, one state, `{network}` network");
    outcome.rates.push(Rate { key: "decisions_per_second", unit, rate: decisions });
    Ok(Outcome { parts, ..outcome })
}

/// A game that is learned from while it is measured.
struct Training {
    config: Config,
    environment: AgentEnvironment,
    agent: Agent,
    stack: FrameStack,
    steps: u64,
    emulation: Duration,
}

impl Training {
    fn begin_episode(&mut self) {
        self.environment.reset(0);
        self.agent.begin_episode(self.environment.frame());
        self.stack.begin(self.environment.frame());
    }

    fn step(&mut self) -> Result<()> {
        let action = self.agent.act(self.stack.pixels(), self.config.total_steps)?;
        let begun = Instant::now();
        let outcome = self.environment.step(action);
        self.emulation += begun.elapsed();
        let reward = outcome.reward.signum() as f32;
        self.agent.remember(action, reward, outcome.terminal, outcome.episode_over(), self.environment.frame());
        self.stack.push(self.environment.frame());
        if outcome.episode_over() {
            self.begin_episode();
        }
        self.steps += 1;
        if self.steps > WARM_UP_STEPS && self.steps.is_multiple_of(self.config.train_every_steps) {
            self.agent.learn(self.steps)?;
        }
        if self.steps.is_multiple_of(self.config.target_sync_steps) {
            self.agent.sync_target()?;
        }
        Ok(())
    }
}

fn training_steps_per_second(rom: &LoadedRom, args: &BenchArgs, span: Span) -> Result<Outcome> {
    let config = config(args)?;
    let environment = train::new_environment(&config, rom);
    let agent = train::new_agent(&config, environment.actions().len(), &device::open(args.device)?)?;
    let every = config.train_every_steps;
    let mut training =
        Training { config, environment, agent, stack: FrameStack::default(), steps: 0, emulation: Duration::ZERO };
    training.begin_episode();
    for _ in 0..WARM_UP_STEPS {
        training.step()?;
    }
    training.emulation = Duration::ZERO;
    let before = training.agent.times();
    let steps = rate(span, 4, || training.step())?;
    let mut parts = parts(&before, &training.agent.times());
    parts.insert(0, ("emulation and preprocessing", training.emulation));
    let unit = format!("training steps/s, `{}` settings, one update every {every} steps", args.preset);
    Ok(Outcome { parts, ..Outcome::new("steps_per_second", unit, steps) })
}
