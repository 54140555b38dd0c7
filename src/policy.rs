//! What can act: the one place where actions are chosen greedily.

pub mod model;

use crate::networks::evaluator::Evaluator;
use crate::networks::{argmax, Parameters};
use crate::observations::Seen;
use crate::random::Generator;
use anyhow::Result;
use candle_core::Device;

/// Evaluates one network, noisy layers by their means, and chooses among its actions: the one of the largest Q-value, of
/// equal ones the first, or a random one with probability epsilon.
pub struct Player {
    evaluator: Evaluator,
    epsilon: f64,
}

impl Player {
    /// A player with this network on `device`.
    pub fn new(parameters: &Parameters, epsilon: f64, device: &Device) -> Result<Self> {
        Ok(Self { evaluator: Evaluator::new(parameters, device)?, epsilon })
    }

    /// Another player with the same network, for another thread.
    pub fn share(&self) -> Self {
        Self { evaluator: self.evaluator.share(), epsilon: self.epsilon }
    }

    /// The index of the action for `observation`, `[4, 84, 84]` gray values, oldest frame first.
    pub fn act(&mut self, observation: &[u8], generator: &mut Generator) -> Result<usize> {
        if generator.fraction() < self.epsilon {
            return Ok(generator.below(self.evaluator.architecture().actions));
        }
        Ok(argmax(self.evaluator.q_values(Seen::Pixels(observation))?))
    }

    /// The Q-values of `observation`, one for each action.
    pub fn q_values(&mut self, observation: &[u8]) -> Result<Vec<f32>> {
        Ok(self.evaluator.q_values(Seen::Pixels(observation))?.to_vec())
    }
}

/// What can act.
pub enum Policy {
    /// A network.
    Network(Evaluator),
}

impl Policy {
    /// The values of all actions for each of the observations, `[count, actions]`; `None` where the policy has none.
    ///
    /// # Errors
    /// When the device fails.
    pub fn values(&mut self, seen: Seen<'_>) -> Result<Option<&[f32]>> {
        match self {
            Policy::Network(evaluator) => Ok(Some(evaluator.q_values(seen)?)),
        }
    }

    /// The parameters of its network.
    ///
    /// # Errors
    /// When they cannot be fetched from the device.
    pub fn parameters(&self) -> Result<Parameters> {
        match self {
            Policy::Network(evaluator) => evaluator.parameters(),
        }
    }
}

/// The index of the largest of `values`; `generator` chooses among equal ones.
pub fn any_maximum(values: &[f32], generator: &mut Generator) -> usize {
    let first = argmax(values);
    let ties = values.iter().filter(|value| **value == values[first]).count();
    if ties < 2 {
        return first;
    }
    let chosen = generator.below(ties);
    values.iter().enumerate().filter(|(_, value)| **value == values[first]).nth(chosen).map_or(first, |(i, _)| i)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    #[test]
    fn ties_are_broken_by_the_generator_in_training() {
        let mut generator = Generator::new(1, Purpose::Exploration);
        let mut seen = [0; 3];
        (0..100).for_each(|_| seen[any_maximum(&[2.0, 1.0, 2.0], &mut generator)] += 1);
        assert!(seen[0] > 30 && seen[1] == 0 && seen[2] > 30, "{seen:?}");
    }
}
