//! Epsilon-greedy exploration: the explorer, and the schedule of epsilon, the probability of a random action.

use crate::arithmetic::whole_power;
use crate::config::{DqnKeys, EpsilonKind};
use crate::networks::finite;
use crate::networks::noise::draw_noise;
use crate::policy::{argmax_with_random_ties, random_action};
use crate::random::{Generator, Purpose};
use crate::saving;
use anyhow::{ensure, Result};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// Chooses actions: at random with probability epsilon, otherwise the action with the largest Q-value.
#[derive(Clone, Debug)]
pub struct Explorer {
    schedule: EpsilonSchedule,
    actions: usize,
    state: ExplorerState,
    /// The generators of the environments after the first.
    others: Vec<Generator>,
    /// The noise of noisy layers for one decision; empty if there are none.
    noise: Vec<f32>,
    time: Duration,
}

/// The state that an explorer's future depends on, without the [generators](Explorer::other_generators) of the environments
/// after the first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExplorerState {
    /// The generator of the first environment.
    exploration: Generator,
    noise: Generator,
    /// Episodes begun, of all environments together.
    episodes: u64,
}

impl Explorer {
    /// An explorer of `num_envs` environments with `actions` actions before their first episodes, with room for `noise_len`
    /// values of noise; `seed` determines its draws, and each environment has draws of its own.
    pub fn new(schedule: EpsilonSchedule, num_envs: usize, actions: usize, noise_len: usize, seed: u64) -> Self {
        let state = ExplorerState {
            exploration: Generator::new(seed, Purpose::Exploration),
            noise: Generator::new(seed, Purpose::ActingNoise),
            episodes: 0,
        };
        let others = (1..num_envs as u64).map(|index| Generator::numbered(seed, Purpose::Exploration, index));
        Self { schedule, actions, state, others: others.collect(), noise: vec![0.0; noise_len], time: Duration::ZERO }
    }

    /// Chooses an action for each environment, all with the epsilon of step `step`. `q_values` evaluates the observations of
    /// all environments together, `[num_envs, actions]`, under the given noise (empty: none); it is called only if an
    /// environment does not act at random. One draw of noise serves all environments.
    ///
    /// # Errors
    /// Errors of `q_values`, and Q-values that are not finite.
    pub fn act<'q>(&mut self, step: u64, q_values: impl FnOnce(&[f32]) -> Result<&'q [f32]>) -> Result<Vec<usize>> {
        let begun = Instant::now();
        let (epsilon, actions) = (self.epsilon(step), self.actions);
        let generators = std::iter::once(&mut self.state.exploration).chain(&mut self.others);
        let chosen: Vec<Option<usize>> = generators.map(|random| random_action(actions, epsilon, random)).collect();
        if let Some(all) = chosen.iter().copied().collect() {
            return Ok(all);
        }
        if !self.noise.is_empty() {
            draw_noise(&mut self.state.noise, &mut self.noise);
        }
        let values = q_values(&self.noise)?.chunks_exact(actions);
        values.clone().try_for_each(finite::ensure_q_values)?;
        let generators = std::iter::once(&mut self.state.exploration).chain(&mut self.others);
        let each = chosen.into_iter().zip(values).zip(generators);
        let chosen = each
            .map(|((random, values), generator)| random.unwrap_or_else(|| argmax_with_random_ties(values, generator)));
        let chosen = chosen.collect();
        self.time += begun.elapsed();
        Ok(chosen)
    }

    /// Probability of a random action at step `step`, in the present episodes.
    pub fn epsilon(&self, step: u64) -> f64 {
        let under_way = 1 + self.others.len() as u64;
        self.schedule.epsilon(step, self.state.episodes.saturating_sub(under_way))
    }

    /// An episode begins, in any environment.
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

    /// Games played to their end, of all environments together.
    pub fn games(&self) -> u64 {
        self.state.episodes.saturating_sub(1 + self.others.len() as u64)
    }

    /// Continues from the state of an explorer with the same settings.
    ///
    /// # Errors
    /// When it counts more episodes than a run can have.
    pub fn set_state(&mut self, state: ExplorerState) -> Result<()> {
        saving::count(state.episodes, "episodes")?;
        self.state = state;
        Ok(())
    }

    /// The generators of the environments after the first, which belong to the state too.
    pub fn other_generators(&self) -> &[Generator] {
        &self.others
    }

    /// Replaces these generators.
    ///
    /// # Errors
    /// When they are of another number of environments.
    pub fn set_other_generators(&mut self, others: Vec<Generator>) -> Result<()> {
        let (saved, own) = (others.len() + 1, self.others.len() + 1);
        ensure!(saved == own, "the checkpoint has exploration of {saved} environments, and there are {own}");
        self.others = others;
        Ok(())
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
    /// Linear over the first `anneal_games` training games.
    Games {
        /// Value in the first game.
        initial: f64,
        /// Value after the decay.
        last: f64,
        /// Games of the decay.
        anneal_games: u64,
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
            EpsilonKind::Games => EpsilonSchedule::Games { initial, last, anneal_games: keys.epsilon_anneal_games },
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
            EpsilonSchedule::Games { last, anneal_games, .. } if games >= anneal_games => last,
            EpsilonSchedule::Games { initial, last, anneal_games } => {
                initial + (last - initial) * (games as f64 / anneal_games as f64)
            }
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
    fn a_factor_a_game_gives_the_published_values() {
        const DATA: &str = include_str!("../../tests/data/classic/algorithms.json");
        let data: serde_json::Value = serde_json::from_str(DATA).unwrap();
        let of = &data["updates"]["epsilon"];
        let schedule = EpsilonSchedule::Exponential { initial: 1.0, last: 0.0, decay: of["decay"].as_f64().unwrap() };
        let values = of["value_after"].as_object().unwrap();
        assert_eq!(values.len(), 7);
        for (games, expected) in values {
            let epsilon = schedule.epsilon(0, games.parse().unwrap());
            assert!((epsilon - expected.as_f64().unwrap()).abs() < 1e-12, "{games} games: {epsilon}");
        }
    }

    #[test]
    fn epsilon_falls_linearly_by_games() {
        let schedule = EpsilonSchedule::Games { initial: 1.0, last: 0.0, anneal_games: 4 };
        assert_eq!([0, 1, 4, 9].map(|games| schedule.epsilon(1_000, games)), [1.0, 0.75, 0.0, 0.0]);
    }

    /// The first environment has the run's own generator; the others' draws do not change its.
    #[test]
    fn each_environment_explores_with_draws_of_its_own_and_greedy_ones_are_evaluated_together() {
        let schedule = EpsilonSchedule::Linear { initial: 0.5, last: 0.5, starts_steps: 0, anneal_steps: 0 };
        let mut alone = Explorer::new(schedule, 1, 5, 0, 3);
        let mut together = Explorer::new(schedule, 3, 5, 0, 3);
        let values = [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0];
        let (mut evaluations, mut differing) = (0, 0);
        for step in 0..400 {
            let first = alone.act(step, |_| Ok(&values[..5])).unwrap();
            let all = together.act(step, |_| {
                evaluations += 1;
                Ok(&values)
            });
            let all = all.unwrap();
            assert_eq!((first.len(), all.len(), first[0]), (1, 3, all[0]));
            differing += usize::from(all[1] != all[0] + 1 || all[2] != all[0] + 2);
        }
        // All three act at random in an eighth of the steps.
        assert!((320..380).contains(&evaluations), "{evaluations}");
        assert!(differing > 200, "{differing}");
        let mut again = Explorer::new(schedule, 3, 5, 0, 3);
        again.set_state(together.state()).unwrap();
        again.set_other_generators(together.other_generators().to_vec()).unwrap();
        for step in 0..20 {
            assert_eq!(again.act(step, |_| Ok(&values)).unwrap(), together.act(step, |_| Ok(&values)).unwrap());
        }
        assert!(alone.set_other_generators(together.other_generators().to_vec()).is_err());
    }

    #[test]
    fn exponential_epsilon_counts_the_games_of_all_environments() {
        let schedule = EpsilonSchedule::Exponential { initial: 1.0, last: 0.01, decay: 0.5 };
        let mut explorer = Explorer::new(schedule, 3, 2, 0, 1);
        (0..3).for_each(|_| explorer.begin_episode());
        for expected in [1.0, 0.5, 0.25] {
            assert_eq!(explorer.epsilon(1_000), expected);
            explorer.begin_episode();
        }
    }

    #[test]
    fn exponential_epsilon_falls_when_the_next_game_begins() {
        let schedule = EpsilonSchedule::Exponential { initial: 1.0, last: 0.01, decay: 0.5 };
        let mut explorer = Explorer::new(schedule, 1, 2, 0, 1);
        for expected in [1.0, 0.5, 0.25] {
            explorer.begin_episode();
            assert_eq!(explorer.epsilon(1_000), expected);
        }
    }
}
