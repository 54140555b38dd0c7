//! Epsilon-greedy exploration: the explorer, and the schedule of epsilon, the probability of a random action.

use crate::arithmetic::whole_power;
use crate::config::{DqnKeys, EpsilonKind};
use crate::networks::noise::draw_noise;
use crate::policy::argmax_with_random_ties;
use crate::random::{Generator, Purpose};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// Chooses actions: at random with probability epsilon, otherwise the action with the largest Q-value.
#[derive(Clone, Debug)]
pub struct Explorer {
    schedule: EpsilonSchedule,
    actions: usize,
    state: ExplorerState,
    /// The noise of noisy layers for one decision; empty if there are none.
    noise: Vec<f32>,
    time: Duration,
}

/// The state that an explorer's future depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExplorerState {
    exploration: Generator,
    noise: Generator,
    /// Episodes begun.
    episodes: u64,
}

impl Explorer {
    /// An explorer among `actions` actions before the first episode, with room for `noise_len` values of noise; `seed`
    /// determines its draws.
    pub fn new(schedule: EpsilonSchedule, actions: usize, noise_len: usize, seed: u64) -> Self {
        let state = ExplorerState {
            exploration: Generator::new(seed, Purpose::Exploration),
            noise: Generator::new(seed, Purpose::ActingNoise),
            episodes: 0,
        };
        Self { schedule, actions, state, noise: vec![0.0; noise_len], time: Duration::ZERO }
    }

    /// Chooses an action for step `step`. `q_values` evaluates the observation under the given noise (empty: none).
    ///
    /// # Errors
    /// Errors of `q_values`.
    pub fn act<'q>(&mut self, step: u64, q_values: impl FnOnce(&[f32]) -> Result<&'q [f32]>) -> Result<usize> {
        let begun = Instant::now();
        if self.state.exploration.fraction() < self.epsilon(step) {
            return Ok(self.state.exploration.below(self.actions));
        }
        if !self.noise.is_empty() {
            draw_noise(&mut self.state.noise, &mut self.noise);
        }
        let action = argmax_with_random_ties(q_values(&self.noise)?, &mut self.state.exploration);
        self.time += begun.elapsed();
        Ok(action)
    }

    /// Probability of a random action at step `step`, in the present episode.
    pub fn epsilon(&self, step: u64) -> f64 {
        self.schedule.epsilon(step, self.state.episodes.saturating_sub(1))
    }

    /// An episode begins.
    pub fn begin_episode(&mut self) {
        self.state.episodes += 1;
    }

    /// Time spent on actions that were not random.
    pub fn time(&self) -> Duration {
        self.time
    }

    /// The state that its future depends on.
    pub fn state(&self) -> ExplorerState {
        self.state.clone()
    }

    /// Continues from the state of an explorer with the same settings.
    pub fn set_state(&mut self, state: ExplorerState) {
        self.state = state;
    }
}

/// The decay of epsilon.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EpsilonSchedule {
    /// Linear, from `initial` to `last` over `anneal_steps` agent steps after the first `starts_steps`.
    Linear {
        /// Value up to and including step `starts_steps`.
        initial: f64,
        /// Value from step `starts_steps + anneal_steps` on.
        last: f64,
        /// Agent steps before the decay begins.
        starts_steps: u64,
        /// Agent steps of the decay.
        anneal_steps: u64,
    },
    /// Multiplied by `decay` after every training game, down to `last`.
    Exponential {
        /// Value in the first game.
        initial: f64,
        /// Lowest value.
        last: f64,
        /// Factor per game.
        decay: f64,
    },
}

impl EpsilonSchedule {
    /// The schedule that DQN's keys ask for.
    pub fn of(keys: &DqnKeys) -> Self {
        let (initial, last) = (keys.epsilon_initial, keys.epsilon_final);
        match keys.epsilon_schedule {
            EpsilonKind::Linear => EpsilonSchedule::Linear {
                initial,
                last,
                starts_steps: keys.epsilon_starts_steps,
                anneal_steps: keys.epsilon_anneal_steps,
            },
            EpsilonKind::Exponential => EpsilonSchedule::Exponential { initial, last, decay: keys.epsilon_decay },
        }
    }

    /// Probability of a random action at agent step `step` (the first is 0), with `games` played to their end.
    pub fn epsilon(&self, step: u64, games: u64) -> f64 {
        match *self {
            EpsilonSchedule::Linear { initial, last, starts_steps, anneal_steps } => {
                let fallen = step.saturating_sub(starts_steps);
                if fallen >= anneal_steps {
                    return last;
                }
                initial + (last - initial) * (fallen as f64 / anneal_steps as f64)
            }
            EpsilonSchedule::Exponential { initial, last, decay } => (initial * whole_power(decay, games)).max(last),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epsilon_falls_linearly_after_its_start() {
        let schedule =
            EpsilonSchedule::Linear { initial: 1.0, last: 0.1, starts_steps: 50_000, anneal_steps: 1_000_000 };
        for (step, epsilon) in [(0, 1.0), (50_000, 1.0), (550_000, 0.55), (1_050_000, 0.1), (9_999_999, 0.1)] {
            assert!((schedule.epsilon(step, 9) - epsilon).abs() < 1e-12, "step {step}");
        }
    }

    #[test]
    fn a_decay_over_no_steps_is_immediate() {
        let schedule = EpsilonSchedule::Linear { initial: 1.0, last: 0.0, starts_steps: 10, anneal_steps: 0 };
        assert_eq!(schedule.epsilon(10, 0), 0.0);
    }

    #[test]
    fn exponential_epsilon_falls_game_by_game_to_its_least_value() {
        let schedule = EpsilonSchedule::Exponential { initial: 1.0, last: 0.01, decay: 0.5 };
        for (games, epsilon) in [(0, 1.0), (1, 0.5), (3, 0.125), (6, 0.015625), (7, 0.01), (100_000, 0.01)] {
            assert_eq!(schedule.epsilon(123, games), epsilon, "{games} games");
        }
    }

    #[test]
    fn exponential_epsilon_falls_when_the_next_game_begins() {
        let schedule = EpsilonSchedule::Exponential { initial: 1.0, last: 0.01, decay: 0.5 };
        let mut explorer = Explorer::new(schedule, 2, 0, 1);
        for expected in [1.0, 0.5, 0.25] {
            explorer.begin_episode();
            assert_eq!(explorer.epsilon(1_000), expected);
        }
    }
}
