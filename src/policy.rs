//! Policies: a network, a table, a random player, or one action forever. Only here are actions chosen greedily.

pub mod model;
pub mod table;

use crate::classics::Rule;
use crate::networks::evaluator::Evaluator;
use crate::networks::finite;
use crate::networks::{argmax, Parameters};
use crate::observations::Seen;
use crate::policy::model::Learned;
use crate::policy::table::TablePolicy;
use crate::random::Generator;
use anyhow::{anyhow, Result};
use candle_core::Device;
use std::sync::Arc;

/// Something that chooses actions.
pub enum Policy {
    /// Epsilon-greedy with respect to a network's Q-values; noisy layers use their means.
    Network(Evaluator),
    /// Epsilon-greedy with respect to a table, among the possible actions.
    Table(TablePolicy),
    /// Uniformly random among this many actions.
    Random {
        /// Actions to choose from.
        actions: usize,
    },
    /// A rule that a person wrote, by an observation's numbers.
    Rule(Rule),
    /// Always the same action.
    Still {
        /// Its index.
        action: usize,
    },
}

impl Policy {
    /// A copy of this network on `device`.
    ///
    /// # Errors
    /// When the device has no room for it.
    pub fn network(parameters: &Parameters, device: &Device) -> Result<Self> {
        Ok(Policy::Network(Evaluator::new(parameters, device)?))
    }

    /// The policy of this network, on `device`, or of this table.
    ///
    /// # Errors
    /// When the device has no room for the network.
    pub fn of(learned: &Learned, device: &Device) -> Result<Self> {
        match learned {
            Learned::Network(parameters) => Self::network(parameters, device),
            Learned::Table(table) => Ok(Policy::Table(TablePolicy::new(Arc::clone(table)))),
        }
    }

    /// The same policy for another thread; a network's parameters and a table are shared, not copied.
    pub fn share(&self) -> Self {
        match self {
            Policy::Network(evaluator) => Policy::Network(evaluator.share()),
            Policy::Table(table) => Policy::Table(table.clone()),
            Policy::Random { actions } => Policy::Random { actions: *actions },
            Policy::Rule(rule) => Policy::Rule(*rule),
            Policy::Still { action } => Policy::Still { action: *action },
        }
    }

    /// The network or the table that a model's file can hold; `None` if the policy has neither.
    ///
    /// # Errors
    /// When a network's parameters cannot be fetched from the device.
    pub fn learned(&self) -> Result<Option<Learned>> {
        Ok(match self {
            Policy::Network(evaluator) => Some(Learned::Network(evaluator.parameters()?)),
            Policy::Table(table) => Some(Learned::Table(Arc::clone(table.table()))),
            Policy::Random { .. } | Policy::Rule(_) | Policy::Still { .. } => None,
        })
    }

    /// The values of a whole table for people, see [`Values::shown`](table::Values::shown); `None` if the policy is no table.
    pub fn table_values(&self) -> Option<Vec<f64>> {
        match self {
            Policy::Table(policy) => Some(policy.table().values.shown()),
            _ => None,
        }
    }

    /// The index of the action for one observation. A network or a table takes a random action with probability `epsilon`, otherwise
    /// the action with the largest Q-value, the first if several are equal. The other policies ignore `seen` and `epsilon`.
    ///
    /// # Errors
    /// When the network or the table does not take this kind of observation, its Q-values are not all finite (then no action is the best),
    /// or the device fails.
    pub fn act(&mut self, seen: Seen<'_>, epsilon: f64, random: &mut Generator) -> Result<usize> {
        match self {
            Policy::Network(evaluator) => match random_action(evaluator.architecture().actions, epsilon, random) {
                Some(action) => Ok(action),
                None => {
                    let values = evaluator.q_values(seen)?;
                    finite::ensure_q_values(values)?;
                    Ok(argmax(values))
                }
            },
            Policy::Table(table) => table.act(seen, epsilon, random),
            Policy::Random { actions } => Ok(random.below(*actions)),
            Policy::Rule(rule) => match seen {
                Seen::Numbers(numbers) => Ok(rule(numbers)),
                other => Err(anyhow!("a rule looks at numbers, and these observations are {}", other.kind())),
            },
            Policy::Still { action } => Ok(*action),
        }
    }

    /// The Q-values of the observations in `seen`, `[count, actions]`; `None` if the policy has neither network nor table. A table has
    /// negative infinity for impossible actions, and one of [values of states](table::Values::States) only one value an observation.
    ///
    /// # Errors
    /// When the network or the table does not take this kind of observations, or the device fails.
    pub fn values(&mut self, seen: Seen<'_>) -> Result<Option<&[f32]>> {
        match self {
            Policy::Network(evaluator) => evaluator.q_values(seen).map(Some),
            Policy::Table(table) => table.values(seen).map(Some),
            Policy::Random { .. } | Policy::Rule(_) | Policy::Still { .. } => Ok(None),
        }
    }
}

/// The exploring half of epsilon-greedy: with probability `epsilon` the index of a random action. Draws one number, and a
/// second one for the action. It is separate from the greedy half because then Q-values are computed only where needed.
pub fn random_action(actions: usize, epsilon: f64, random: &mut Generator) -> Option<usize> {
    (random.fraction() < epsilon).then(|| random.below(actions))
}

/// An action chosen in training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The index of the action.
    pub action: usize,
    /// The index of the action with the largest value, the first if several are equal.
    pub greedy: usize,
}

/// With probability `epsilon` a random action, otherwise the greedy one. Draws as [`random_action`].
pub fn epsilon_greedy(values: &[f32], epsilon: f64, random: &mut Generator) -> Decision {
    let greedy = argmax(values);
    Decision { action: random_action(values.len(), epsilon, random).unwrap_or(greedy), greedy }
}

/// The index of the largest of `values`; `random` breaks ties. Draws a number only if there is a tie.
///
/// Used in training: untrained networks give many actions equal values, and always taking the first would explore less.
pub fn argmax_with_random_ties(values: &[f32], random: &mut Generator) -> usize {
    let first = argmax(values);
    let ties = values.iter().filter(|value| **value == values[first]).count();
    if ties < 2 {
        return first;
    }
    let chosen = random.below(ties);
    values.iter().enumerate().filter(|(_, value)| **value == values[first]).nth(chosen).map_or(first, |(i, _)| i)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::{Architecture, NetworkKind};
    use crate::observations::Space;
    use crate::random::Purpose;

    #[test]
    fn ties_are_broken_by_the_generator_in_training() {
        let mut random = Generator::new(1, Purpose::Exploration);
        let mut seen = [0; 3];
        (0..100).for_each(|_| seen[argmax_with_random_ties(&[2.0, 1.0, 2.0], &mut random)] += 1);
        assert!(seen[0] > 30 && seen[1] == 0 && seen[2] > 30, "{seen:?}");
    }

    #[test]
    fn a_network_is_epsilon_greedy_and_draws_the_fraction_before_the_action() {
        let space = Space::Pixels { stack: 4, side: 84 };
        let architecture = Architecture::new(NetworkKind::Small.plain(), space, 5).unwrap();
        let parameters = Parameters::initial(architecture, &mut Generator::new(5, Purpose::Weights));
        let mut policy = Policy::network(&parameters, &Device::Cpu).unwrap();
        let pixels: Vec<u8> = (0..space.size()).map(|i| (i % 251) as u8).collect();
        let seen = Seen::Pixels(&pixels);
        let values = policy.values(seen).unwrap().unwrap().to_vec();
        let mut random = Generator::new(3, Purpose::Evaluation);
        let mut expected = random.clone();
        for _ in 0..50 {
            let action = policy.share().act(seen, 0.5, &mut random).unwrap();
            let explores = expected.fraction() < 0.5;
            assert_eq!(action, if explores { expected.below(5) } else { argmax(&values) });
        }
        assert_eq!(random, expected);
        assert_eq!(policy.learned().unwrap(), Some(Learned::Network(parameters)));
    }

    #[test]
    fn a_network_whose_values_are_not_finite_plays_no_action() {
        let space = Space::Pixels { stack: 4, side: 84 };
        let architecture = Architecture::new(NetworkKind::Small.plain(), space, 5).unwrap();
        let sound = Parameters::initial(architecture, &mut Generator::new(5, Purpose::Weights));
        let pixels = vec![100; space.size()];
        // A weight of the first convolution, and the bias of the last action.
        for place in [0, sound.values.len() - 1] {
            let mut parameters = sound.clone();
            parameters.values[place] = f32::NAN;
            let mut policy = Policy::network(&parameters, &Device::Cpu).unwrap();
            let mut random = Generator::new(3, Purpose::Evaluation);
            let error = policy.act(Seen::Pixels(&pixels), 0.0, &mut random).unwrap_err().to_string();
            assert!(error.contains("Q-values are not all finite (NaN for action"), "{error}");
            policy.act(Seen::Pixels(&pixels), 1.0, &mut random).unwrap();
        }
    }

    #[test]
    fn a_random_player_draws_one_number_an_action_and_a_still_one_none() {
        let mut random = Generator::new(3, Purpose::Evaluation);
        let mut expected = random.clone();
        let seen = Seen::Numbers(&[]);
        let action = Policy::Random { actions: 7 }.act(seen, 1.0, &mut random).unwrap();
        assert_eq!(action, expected.below(7));
        assert_eq!(Policy::Still { action: 2 }.act(seen, 1.0, &mut random).unwrap(), 2);
        assert_eq!(random, expected);
        assert!(Policy::Random { actions: 7 }.values(seen).unwrap().is_none());
    }
}
