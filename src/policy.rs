//! Policies: a network of Q-values, a network of probabilities, a table, a rule, a random player, or one action forever. Only here are
//! actions chosen greedily or drawn from probabilities.

pub mod model;
pub mod table;

use crate::classics::Rule;
use crate::networks::evaluator::Evaluator;
use crate::networks::head::Head;
use crate::networks::{argmax, finite, Parameters};
use crate::observations::Seen;
use crate::policy::model::Learned;
use crate::policy::table::TablePolicy;
use crate::random::Generator;
use anyhow::{anyhow, Context, Result};
use candle_core::Device;
use std::sync::Arc;

/// Something that chooses actions.
pub enum Policy {
    /// Epsilon-greedy with respect to a network's Q-values; noisy layers use their means.
    Network(Evaluator),
    /// Epsilon-greedy with respect to a table, among the possible actions.
    Table(TablePolicy),
    /// A policy network, whose outputs are the logits of a softmax over the actions. It plays and is evaluated as it was trained: its
    /// actions are drawn from these probabilities, and epsilon means nothing.
    Softmax {
        /// The network.
        evaluator: Evaluator,
        /// Whether to take the most probable action instead, the first of equal ones.
        greedy: bool,
    },
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
    /// A copy of this network on `device`. Its head decides whether actions are chosen by Q-values or drawn.
    ///
    /// # Errors
    /// When the device has no room for it.
    pub fn network(parameters: &Parameters, device: &Device) -> Result<Self> {
        Ok(Self::of_network(Evaluator::new(parameters, device)?))
    }

    /// The policy of this network.
    pub fn of_network(evaluator: Evaluator) -> Self {
        match evaluator.architecture().design.head {
            Head::Policy => Policy::Softmax { evaluator, greedy: false },
            Head::Expected | Head::Categorical(_) => Policy::Network(evaluator),
        }
    }

    /// The same, but a policy network takes its most probable action.
    pub fn greedy(self) -> Self {
        match self {
            Policy::Softmax { evaluator, .. } => Policy::Softmax { evaluator, greedy: true },
            other => other,
        }
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
            Policy::Softmax { evaluator, greedy } => Policy::Softmax { evaluator: evaluator.share(), greedy: *greedy },
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
            Policy::Network(evaluator) | Policy::Softmax { evaluator, .. } => {
                Some(Learned::Network(evaluator.parameters()?))
            }
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
    /// the action with the largest Q-value, the first if several are equal. A policy network's action is drawn, with one number of
    /// `random`, unless it is greedy; it ignores `epsilon`. The other policies ignore `seen` and `epsilon`.
    ///
    /// # Errors
    /// When the network or the table does not take this kind of observation, its outputs are not all finite (then no action is the
    /// best), or the device fails.
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
            Policy::Softmax { evaluator, greedy } => {
                let probabilities = evaluator.probabilities(seen)?.context("the network is not a policy")?;
                finite::ensure_probabilities(probabilities)?;
                Ok(if *greedy { most_probable(probabilities) } else { draw(probabilities, random) })
            }
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
            Policy::Softmax { .. } | Policy::Random { .. } | Policy::Rule(_) | Policy::Still { .. } => Ok(None),
        }
    }

    /// The probabilities from which a policy network draws its actions for the observations in `seen`, `[count, actions]`, to be
    /// shown; `None` for other policies.
    ///
    /// # Errors
    /// When the network does not take this kind of observations, or the device fails.
    pub fn probabilities(&mut self, seen: Seen<'_>) -> Result<Option<&[f64]>> {
        match self {
            Policy::Softmax { evaluator, .. } => evaluator.probabilities(seen),
            _ => Ok(None),
        }
    }
}

/// The index of an action drawn from its probability. Draws one number.
pub fn draw(probabilities: &[f64], random: &mut Generator) -> usize {
    let (fraction, mut sum) = (random.fraction(), 0.0);
    for (action, probability) in probabilities.iter().enumerate() {
        sum += probability;
        if fraction < sum {
            return action;
        }
    }
    // Rounding can leave the sum slightly below 1.
    most_probable(probabilities)
}

/// The index of the largest of `probabilities`, the first if several are equal.
fn most_probable(probabilities: &[f64]) -> usize {
    let larger = |best: usize, (action, probability): (usize, &f64)| match *probability > probabilities[best] {
        true => action,
        false => best,
    };
    probabilities.iter().enumerate().fold(0, larger)
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
    use crate::networks::{Architecture, Design, NetworkKind};
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
    fn a_policy_network_draws_its_actions_from_its_probabilities_unless_it_is_greedy() {
        let design = Design { head: Head::Policy, ..NetworkKind::Mlp.plain() };
        let architecture = Architecture::new(design, Space::Numbers(2), 3).unwrap();
        let mut parameters = Parameters::initial(architecture, &mut Generator::new(5, Purpose::Weights));
        // Biases that make the second action the most probable one.
        let last = parameters.values.len() - 2;
        parameters.values[last] += 1.0;
        let mut policy = Policy::network(&parameters, &Device::Cpu).unwrap();
        let seen = Seen::Numbers(&[0.5, -1.0]);
        let probabilities = policy.probabilities(seen).unwrap().unwrap().to_vec();
        assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{probabilities:?}");
        assert!(policy.values(seen).unwrap().is_none(), "it has no Q-values");
        let mut random = Generator::new(3, Purpose::Evaluation);
        let mut expected = random.clone();
        let mut counts = [0u32; 3];
        for _ in 0..4_000 {
            counts[policy.act(seen, 1.0, &mut random).unwrap()] += 1;
            expected.fraction();
        }
        assert_eq!(random, expected, "one number an action");
        for (count, probability) in counts.iter().zip(&probabilities) {
            assert!((f64::from(*count) / 4_000.0 - probability).abs() < 0.03, "{counts:?}, {probabilities:?}");
        }
        let mut greedy = policy.share().greedy();
        assert!((0..20).all(|_| greedy.act(seen, 1.0, &mut random).unwrap() == 1));
        assert_eq!(random, expected);
        assert_eq!(greedy.share().learned().unwrap(), Some(Learned::Network(parameters.clone())));
        parameters.values[last] = f32::INFINITY;
        let error = Policy::network(&parameters, &Device::Cpu).unwrap().act(seen, 0.0, &mut random).unwrap_err();
        assert!(error.to_string().contains("no action can be drawn"), "{error}");
        let mut network = Policy::Random { actions: 3 };
        assert!(network.probabilities(seen).unwrap().is_none());
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
