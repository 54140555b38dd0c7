//! `bench train`: agent steps per second of a whole training, and the time of each of its parts.

use super::{config, parts, rate, BenchArgs, Outcome, Span, WARM_UP_STEPS};
use crate::algorithms::dqn::agent::Agent;
use crate::config::Config;
use crate::environments::cartridges::LoadedRom;
use crate::networks::device;
use crate::preprocess::{AgentEnvironment, FrameStack};
use crate::run;
use anyhow::Result;
use std::time::{Duration, Instant};

/// A game, and the agent that learns from it.
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

/// Trains for `span`, after [`WARM_UP_STEPS`] steps that only fill the replay.
pub(super) fn steps_per_second(rom: &LoadedRom, args: &BenchArgs, span: Span) -> Result<Outcome> {
    let config = config(args)?;
    let environment = run::new_environment(&config, rom);
    let agent = run::new_agent(&config, environment.actions().len(), &device::open(args.device)?)?;
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
