//! How the probability of a random action falls during training, and how importance weights gain force.

use crate::config::{Dqn, EpsilonKind};

/// The fall of epsilon.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EpsilonSchedule {
    /// From `initial` to `last` in equal parts over `anneal_steps` agent steps after the first `starts_steps`.
    Linear {
        /// Value up to and including step `starts_steps`.
        initial: f64,
        /// Value from step `starts_steps + anneal_steps` on.
        last: f64,
        /// Agent steps before the fall begins.
        starts_steps: u64,
        /// Agent steps the fall takes.
        anneal_steps: u64,
    },
    /// Multiplied by `decay` after every training game, down to `last`.
    Exponential {
        /// Value in the first game.
        initial: f64,
        /// Least value.
        last: f64,
        /// Factor a game.
        decay: f64,
    },
}

impl EpsilonSchedule {
    /// The schedule that DQN's keys ask for.
    pub fn of(keys: &Dqn) -> Self {
        let (initial, last) = (keys.epsilon_initial, keys.epsilon_final);
        match keys.epsilon_schedule {
            EpsilonKind::Linear => Self::Linear {
                initial,
                last,
                starts_steps: keys.epsilon_starts_steps,
                anneal_steps: keys.epsilon_anneal_steps,
            },
            EpsilonKind::Exponential => Self::Exponential { initial, last, decay: keys.epsilon_decay },
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
            EpsilonSchedule::Exponential { initial, last, decay } => (initial * decay.powf(games as f64)).max(last),
        }
    }
}

/// The exponent beta of importance weights, which grows in equal parts from `initial` to 1 over `steps` agent steps
/// (Schaul et al. 2016).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BetaSchedule {
    /// Value at step 0.
    pub initial: f64,
    /// Agent steps until it is 1.
    pub steps: u64,
}

impl BetaSchedule {
    /// Beta at agent step `step`.
    pub fn beta(&self, step: u64) -> f64 {
        self.initial + (1.0 - self.initial) * (step as f64 / self.steps.max(1) as f64).min(1.0)
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
    fn a_fall_over_no_steps_is_a_drop() {
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
    fn beta_is_1_after_its_steps() {
        let schedule = BetaSchedule { initial: 0.4, steps: 1000 };
        for (step, beta) in [(0, 0.4), (500, 0.7), (1000, 1.0), (2000, 1.0)] {
            assert!((schedule.beta(step) - beta).abs() < 1e-12, "step {step}");
        }
    }
}
