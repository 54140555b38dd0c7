//! The classic environments of textbooks, equal to Gymnasium's bit for bit where Gymnasium has them.
//!
//! Each implements [`Task`] in a file of its own.

use crate::drawing::scene::Scene;
use crate::observations::{Place, Space};
use anyhow::Result;
use numpy_random::NumpyRandom;

pub mod lunar_lander;
pub mod numpy_random;

/// The result of a step of a [`Task`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// The reward.
    pub reward: f64,
    /// The task's own end, not a limit of steps.
    pub terminated: bool,
}

/// A classic environment, without its limit of steps.
pub trait Task: Send {
    /// The space of its observations.
    fn space(&self) -> Space;

    /// What its actions do, in a word or two each.
    fn actions(&self) -> Vec<String>;

    /// Starts an episode. Draws from `random` as Gymnasium's environment draws from its generator.
    fn reset(&mut self, random: &mut NumpyRandom);

    /// Takes an action. Draws as [`reset`](Self::reset).
    fn step(&mut self, action: usize, random: &mut NumpyRandom) -> Outcome;

    /// Writes the present observation.
    fn observe(&self, place: Place<'_>);

    /// Everything its future depends on, but for the generator.
    fn state(&self) -> Vec<u8>;

    /// Continues from a [state](Self::state) of a task made in the same way.
    ///
    /// # Errors
    /// When it is no such state.
    fn restore(&mut self, state: &[u8]) -> Result<()>;

    /// The present state for people.
    fn scene(&self) -> Scene;

    /// Steps of a second at the task's own speed.
    fn steps_per_second(&self) -> u32;
}
