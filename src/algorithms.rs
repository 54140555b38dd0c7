//! Ways to learn: the trait [`Algorithm`], and from a configuration to one of its implementors.
//!
//! An algorithm is handed environments, [tells](events) what happens and can be saved between any two calls. It knows no files, no
//! rows and no progress bar.

pub mod dqn;
pub mod events;
pub mod exploration;

use crate::algorithms::dqn::Dqn;
use crate::algorithms::events::Watch;
use crate::config::Config;
use crate::environments::vector::VectorEnvironment;
use crate::policy::Policy;
use crate::saving::{Loading, Saving};
use anyhow::Result;
use candle_core::Device;

/// A way to learn.
pub trait Algorithm: Send {
    /// Goes on in the algorithm's own units (a step, a rollout, an interval between two copies of a network), and returns after
    /// the first unit that ends at step `until` or later, or when `watch` wants to [stop](Watch::stop). Between two calls
    /// everything can be saved.
    ///
    /// # Errors
    /// When learning diverges, the device fails, or `watch` cannot go on.
    fn advance(&mut self, environments: &mut VectorEnvironment, until: u64, watch: &mut dyn Watch) -> Result<()>;

    /// Steps taken, of all environments together.
    fn steps(&self) -> u64;

    /// What it would play with now: a copy, to be evaluated elsewhere.
    ///
    /// # Errors
    /// When the network cannot be fetched from its device.
    fn policy(&self) -> Result<Policy>;

    /// Saves everything that its future depends on.
    ///
    /// # Errors
    /// When a file cannot be written.
    fn save(&self, to: &mut Saving) -> Result<()>;

    /// Goes on from what was saved by an algorithm made of the same configuration.
    ///
    /// # Errors
    /// When it is not there, damaged or of another kind. The algorithm is then of no use.
    fn load(&mut self, from: &Loading) -> Result<()>;
}

/// The algorithm that `config` describes, for these environments, before its first step.
///
/// # Errors
/// When the two do not go together, or the device has no room for the networks.
pub fn make(config: &Config, environments: &VectorEnvironment, device: &Device) -> Result<Box<dyn Algorithm>> {
    Ok(Box::new(Dqn::new(config, environments, device)?))
}
