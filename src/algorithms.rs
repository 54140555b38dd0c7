//! Learning algorithms: the trait [`Algorithm`], and [`make`], which builds the one that a configuration names.
//!
//! An algorithm gets environments, reports [events] and can be saved between any two calls. It knows nothing of files,
//! rows of metrics or progress bars.

mod divergence;
pub mod dqn;
pub mod events;
pub mod exploration;
pub mod needs;
pub mod planning;
pub mod pqn;
pub mod reinforce;
#[cfg(test)]
mod table_world;
pub mod tabular;

use crate::algorithms::dqn::Dqn;
use crate::algorithms::events::Watch;
use crate::algorithms::planning::{Iteration, Planning};
use crate::algorithms::pqn::Pqn;
use crate::algorithms::reinforce::Reinforce;
use crate::algorithms::tabular::{Rule, Tabular};
use crate::config::{AlgorithmKeys, Config};
use crate::environments::vector::VectorEnvironment;
use crate::experience::replay::ReplayPlan;
use crate::policy::Policy;
use crate::saving::{Loading, Saving};
use anyhow::Result;
use candle_core::Device;

/// A learning algorithm.
pub trait Algorithm: Send {
    /// Learns in the algorithm's own units (a step, a rollout, an interval between two copies of a network, an iteration), and
    /// returns after the first unit that ends at step `until` or later, or when `watch` wants to [stop](Watch::stop).
    /// Between two calls everything can be saved.
    ///
    /// # Errors
    /// When learning diverges, the device fails, or `watch` fails. The algorithm can then still be saved.
    fn advance(&mut self, environments: &mut VectorEnvironment, until: u64, watch: &mut dyn Watch) -> Result<()>;

    /// Steps taken, of all environments together.
    fn steps(&self) -> u64;

    /// A copy of its present policy, to be evaluated elsewhere.
    ///
    /// # Errors
    /// When the network cannot be fetched from its device.
    fn policy(&self) -> Result<Policy>;

    /// Saves everything that its future depends on.
    ///
    /// # Errors
    /// When a network is not finite, or a file cannot be written.
    fn save(&self, to: &mut Saving) -> Result<()>;

    /// Continues from the state that an algorithm with the same configuration saved.
    ///
    /// # Errors
    /// When it is missing, damaged or of another kind. The algorithm must then be discarded.
    fn load(&mut self, from: &Loading) -> Result<()>;
}

/// The algorithm that `config` describes, for these environments, before its first step.
///
/// # Errors
/// When configuration and environments do not fit together, or the device has no room for the networks.
pub fn make(config: &Config, environments: &VectorEnvironment, device: &Device) -> Result<Box<dyn Algorithm>> {
    let (network, seed) = (&config.network, config.run.seed);
    Ok(match &config.algorithm {
        AlgorithmKeys::Dqn(keys) => {
            let mut dqn = Dqn::new(keys, network, seed, environments, device)?;
            dqn.reserve(&ReplayPlan::of(keys), config.run.total_steps)?;
            Box::new(dqn)
        }
        AlgorithmKeys::Pqn(keys) => Box::new(Pqn::new(keys, network, seed, environments, device)?),
        AlgorithmKeys::QLearning(keys) => Box::new(Tabular::new(Rule::QLearning, keys, seed, environments)?),
        AlgorithmKeys::Sarsa(keys) => Box::new(Tabular::new(Rule::Sarsa, keys, seed, environments)?),
        AlgorithmKeys::DoubleQ(keys) => Box::new(Tabular::new(Rule::DoubleQ, keys, seed, environments)?),
        AlgorithmKeys::Td(keys) => Box::new(Tabular::new(Rule::Td, keys, seed, environments)?),
        AlgorithmKeys::ValueIteration(keys) => Box::new(Planning::new(Iteration::Values, keys, environments)?),
        AlgorithmKeys::QIteration(keys) => Box::new(Planning::new(Iteration::ActionValues, keys, environments)?),
        AlgorithmKeys::Reinforce(keys) => Box::new(Reinforce::new(keys, network, seed, environments, device)?),
    })
}

/// Checks that the algorithm can serve an environment like this one, as far as can be told without making the algorithm.
///
/// # Errors
/// When it cannot; the message says what would work.
pub fn ensure_fits(config: &AlgorithmKeys, environment: &VectorEnvironment) -> Result<()> {
    match config {
        AlgorithmKeys::QLearning(keys) => Tabular::states(Rule::QLearning, keys, environment).map(drop),
        AlgorithmKeys::Sarsa(keys) => Tabular::states(Rule::Sarsa, keys, environment).map(drop),
        AlgorithmKeys::DoubleQ(keys) => Tabular::states(Rule::DoubleQ, keys, environment).map(drop),
        AlgorithmKeys::Td(keys) => Tabular::states(Rule::Td, keys, environment).map(drop),
        AlgorithmKeys::ValueIteration(_) | AlgorithmKeys::QIteration(_) => Planning::dynamics(environment).map(drop),
        AlgorithmKeys::Dqn(_) | AlgorithmKeys::Pqn(_) | AlgorithmKeys::Reinforce(_) => Ok(()),
    }
}

/// Environments that the algorithm steps together.
pub fn num_envs(config: &AlgorithmKeys) -> usize {
    match config {
        AlgorithmKeys::Dqn(keys) => keys.num_envs,
        AlgorithmKeys::Pqn(keys) => keys.num_envs,
        AlgorithmKeys::Reinforce(keys) => keys.num_envs,
        _ => 1,
    }
}

/// The step from which the learning rate is 0, if it falls to 0 over the length that the run was planned with.
pub fn learning_ends(config: &AlgorithmKeys) -> Option<u64> {
    match config {
        AlgorithmKeys::Pqn(keys) => keys.anneal_learning_rate.then_some(keys.learning_rate_anneal_steps),
        _ => None,
    }
}

/// The step after which the first update follows.
pub fn first_update(config: &AlgorithmKeys) -> u64 {
    match config {
        AlgorithmKeys::Dqn(keys) => {
            let every = keys.train_every_steps;
            (keys.learning_starts_steps / every + 1).saturating_mul(every)
        }
        // An iteration or an episode that is begun is completed.
        _ => 1,
    }
}

/// The replay that the algorithm will fill; `None` for an algorithm without one.
pub fn replay_plan(config: &AlgorithmKeys) -> Option<ReplayPlan> {
    match config {
        AlgorithmKeys::Dqn(keys) => Some(ReplayPlan::of(keys)),
        _ => None,
    }
}
