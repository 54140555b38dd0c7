//! Acting: one thread plays some of the environments to the horizon.

use crate::algorithms::exploration::EpsilonSchedule;
use crate::arithmetic::power;
use crate::config::PqnKeys;
use crate::environments::vector::Shard;
use crate::environments::Step;
use crate::experience::rollout::{Choice, End, Lane, Outcome};
use crate::networks::evaluator::Evaluator;
use crate::networks::head::largest;
use crate::observations::Seen;
use crate::policy::epsilon_greedy;
use crate::random::Generator;
use anyhow::Result;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The probability of a random action.
#[derive(Clone, Debug)]
pub(super) enum Exploration {
    /// The same in all environments.
    Common { schedule: EpsilonSchedule, num_envs: u64 },
    /// Each environment's own, throughout (Ape-X, Horgan et al. 2018).
    Ladder(Vec<f64>),
}

impl Exploration {
    /// The exploration that these keys ask for.
    pub(super) fn of(keys: &PqnKeys, num_envs: usize) -> Self {
        if keys.epsilon_ladder {
            let steps = num_envs.saturating_sub(1).max(1) as f64;
            return Self::Ladder((0..num_envs).map(|i| power(0.4, 1.0 + 7.0 * i as f64 / steps)).collect());
        }
        let schedule = EpsilonSchedule::Linear {
            initial: keys.epsilon_initial,
            last: keys.epsilon_final,
            starts_steps: 0,
            anneal_steps: keys.epsilon_anneal_steps,
        };
        Self::Common { schedule, num_envs: num_envs as u64 }
    }

    /// Epsilon of environment number `env` at step `t` of the rollout that begins after `steps` steps.
    pub(super) fn epsilon(&self, steps: u64, t: usize, env: usize) -> f64 {
        match self {
            Self::Common { schedule, num_envs } => schedule.epsilon(steps + t as u64 * num_envs, 0),
            Self::Ladder(epsilons) => epsilons[env],
        }
    }

    /// Epsilon of all environments after `steps` steps; `None` if each has its own.
    pub(super) fn common_epsilon(&self, steps: u64) -> Option<f64> {
        match self {
            Self::Common { schedule, .. } => Some(schedule.epsilon(steps, 0)),
            Self::Ladder(_) => None,
        }
    }
}

/// Plays a shard of the environments.
pub(super) struct Player {
    evaluator: Evaluator,
    actions: Vec<usize>,
    choices: Vec<Choice>,
    /// Time of the environments.
    pub(super) stepping: Duration,
    /// Time of evaluating observations and choosing actions.
    pub(super) acting: Duration,
}

impl Player {
    pub(super) fn new(evaluator: Evaluator) -> Self {
        let (stepping, acting) = (Duration::ZERO, Duration::ZERO);
        Self { evaluator, actions: Vec::new(), choices: Vec::new(), stepping, acting }
    }

    /// Plays with the network of `evaluator` from now on.
    pub(super) fn follow(&mut self, evaluator: &Evaluator) {
        self.evaluator.follow(evaluator);
    }

    /// Plays `horizon` steps of every environment in `shard` and remembers them in `lanes`. `explorers` draws their actions, one
    /// generator each. `epsilon` is the probability of a random action, given the step of the rollout and the number of the
    /// environment in the shard. Returns early when `interrupt` is set.
    #[allow(clippy::too_many_arguments)] // two of them are this one's parts of larger wholes
    pub(super) fn play(
        &mut self,
        mut shard: Shard<'_>,
        horizon: usize,
        lanes: &mut [Lane],
        explorers: &mut [Generator],
        actions: usize,
        epsilon: impl Fn(usize, usize) -> f64,
        interrupt: &AtomicBool,
    ) -> Result<()> {
        let space = self.evaluator.architecture().space;
        for (i, lane) in lanes.iter_mut().enumerate() {
            lane.begin(shard.observations().at(space, i))?;
        }
        for t in 0..horizon {
            if interrupt.load(Ordering::Relaxed) {
                return Ok(());
            }
            let begun = Instant::now();
            self.choose(shard.observations(), actions, explorers, |env| epsilon(t, env))?;
            let chosen = Instant::now();
            shard.step(&self.actions);
            self.stepping += chosen.elapsed();
            self.acting += chosen - begun;
            for (i, lane) in lanes.iter_mut().enumerate() {
                let step = shard.steps()[i];
                let end = self.end(&step, shard.last_observation(i))?;
                let outcome = Outcome { step, episode_frames: shard.episode_frames()[i], end };
                lane.push(self.actions[i], self.choices[i], outcome, shard.observations().at(space, i))?;
            }
        }
        let begun = Instant::now();
        let values = self.evaluator.q_values(shard.observations())?;
        for (lane, values) in lanes.iter_mut().zip(values.chunks_exact(actions)) {
            lane.trace.bootstrap = largest(values);
        }
        self.acting += begun.elapsed();
        Ok(())
    }

    /// Chooses an action for each of the observations.
    fn choose(
        &mut self,
        seen: Seen<'_>,
        actions: usize,
        explorers: &mut [Generator],
        epsilon: impl Fn(usize) -> f64,
    ) -> Result<()> {
        let values = self.evaluator.q_values(seen)?;
        self.actions.clear();
        self.choices.clear();
        for (i, (values, random)) in values.chunks_exact(actions).zip(explorers).enumerate() {
            let decision = epsilon_greedy(values, epsilon(i), random);
            self.actions.push(decision.action);
            self.choices.push(Choice { explored: decision.action != decision.greedy, value: values[decision.greedy] });
        }
        Ok(())
    }

    /// How the episode ended with `step`, if it did; `last` is its last observation. A lost life that counts as a terminal ends it
    /// too.
    fn end(&mut self, step: &Step, last: Option<Seen<'_>>) -> Result<Option<End>> {
        Ok(match last {
            _ if step.terminal => Some(End::Terminal),
            Some(last) => Some(End::Truncated(largest(self.evaluator.q_values(last)?))),
            None => None,
        })
    }
}
