//! What an algorithm tells while it goes on, in words that fit all of them.

use crate::environments::Step;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::sync::atomic::AtomicBool;

/// Something that happened.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// An environment took a step.
    Step {
        /// Number of the environment.
        environment: usize,
        /// What it did.
        step: &'a Step,
    },
    /// An episode ended with the step just told.
    Episode {
        /// Number of the environment.
        environment: usize,
        /// Frames of the episode, no-ops included.
        frames: u64,
        /// It was cut off by a limit.
        truncated: bool,
        /// Probability of a random action at its last step; `None` where the algorithm explores otherwise.
        epsilon: Option<f64>,
    },
    /// There was a gradient step.
    Update(&'a Update),
    /// The algorithm pauses here; the last event before [`advance`](crate::algorithms::Algorithm::advance) returns.
    Pause(Standing),
}

/// What an update showed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Update {
    /// Mean loss over the batch, with importance weights if there are any.
    pub loss: f32,
    /// Mean over the batch of the value of the action taken.
    pub q_value: f32,
    /// Mean over the batch of |TD error|.
    pub td_error: f32,
    /// Norm of the gradient before it was clipped, if it is to be clipped.
    pub gradient_norm: Option<f32>,
}

/// Where an algorithm stands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Standing {
    /// Probability of a random action at the next step.
    pub epsilon: Option<f64>,
    /// Frames in the replay, if there is one.
    pub replay_frames: Option<u64>,
}

/// Who is told.
pub trait Watch {
    /// Something happened.
    ///
    /// # Errors
    /// When it cannot be written down; the algorithm then stops where it is.
    fn tell(&mut self, event: Event<'_>) -> Result<()>;

    /// Whether to return as soon as the present unit is done.
    fn stop(&self) -> bool;

    /// Set when a unit is to break off in its middle, if it can go on from there later.
    fn interrupt(&self) -> &AtomicBool;
}
