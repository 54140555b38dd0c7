//! Checks that numbers are finite, made where networks are read, written or acted with. A network that holds infinities or NaN
//! (not a number) must give an error, not a score.

use crate::networks::Architecture;
use thiserror::Error;

/// An array of parameters has numbers that are not finite.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("`{array}` is not finite: {count} of {len} values are NaN or infinite, the first of them is {first}")]
pub struct NotFiniteParameters {
    /// The array's name, such as `conv1.weight`.
    pub array: String,
    /// Numbers that are not finite.
    pub count: usize,
    /// All numbers of the array.
    pub len: usize,
    /// The first number that is not finite.
    pub first: f32,
}

/// Q-values of an observation are not finite, so that none of them is the largest.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[error(
    "the network's Q-values are not all finite ({value} for action {action} of {actions}), so it has no best action"
)]
pub struct NotFiniteValues {
    /// The first Q-value that is not finite.
    pub value: f32,
    /// The index of its action.
    pub action: usize,
    /// Number of actions.
    pub actions: usize,
}

/// A policy's probabilities of the actions for an observation are not numbers, so that none can be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[error("the policy's probabilities are not all numbers ({value} for action {action} of {actions}), so no action can be drawn")]
pub struct NotFiniteProbabilities {
    /// The first that is not a number from 0 to 1.
    pub value: f64,
    /// The index of its action.
    pub action: usize,
    /// Number of actions.
    pub actions: usize,
}

/// Checks numbers that are parallel to a network's parameters, in stored order.
///
/// # Errors
/// The first array with a number that is not finite.
pub fn ensure_parameters(architecture: &Architecture, values: &[f32]) -> Result<(), NotFiniteParameters> {
    for spec in architecture.layout() {
        let array = &values[spec.range()];
        let mut wrong = array.iter().filter(|value| !value.is_finite());
        if let Some(first) = wrong.next() {
            let count = 1 + wrong.count();
            return Err(NotFiniteParameters { array: spec.name, count, len: array.len(), first: *first });
        }
    }
    Ok(())
}

/// Checks the Q-values of one observation.
///
/// # Errors
/// The first that is not finite.
pub fn ensure_q_values(values: &[f32]) -> Result<(), NotFiniteValues> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(action) => Err(NotFiniteValues { value: values[action], action, actions: values.len() }),
        None => Ok(()),
    }
}

/// Checks a policy's probabilities for one observation.
///
/// # Errors
/// The first that is not finite.
pub fn ensure_probabilities(probabilities: &[f64]) -> Result<(), NotFiniteProbabilities> {
    match probabilities.iter().position(|value| !value.is_finite()) {
        Some(action) => {
            Err(NotFiniteProbabilities { value: probabilities[action], action, actions: probabilities.len() })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
