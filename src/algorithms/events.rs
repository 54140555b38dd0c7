//! The events that every algorithm reports while it runs.

use crate::environments::Step;
use crate::networks::loss::Shown;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::sync::atomic::AtomicBool;

/// An event of training.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// An environment took a step.
    Step {
        /// Number of the environment.
        environment: usize,
        /// Its result.
        step: &'a Step,
    },
    /// The step reported last ended an episode.
    Episode {
        /// Number of the environment.
        environment: usize,
        /// Frames of the episode, no-ops included.
        frames: u64,
        /// Whether a limit cut it off.
        truncated: bool,
        /// Probability of a random action at its last step; `None` if the algorithm explores in another way.
        epsilon: Option<f64>,
    },
    /// There was a gradient step, an iteration over a table, or a table has learned from some steps.
    Update(&'a Update),
    /// The algorithm pauses here; the last event before [`advance`](crate::algorithms::Algorithm::advance) returns.
    Pause(Standing),
}

/// The figures of an update. Of a table's they are means over its steps or its values; planning's `td_error` is the largest change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Update {
    /// Mean loss over the batch, with importance weights if there are any.
    pub loss: f32,
    /// Mean over the batch of the value of the action taken; of a policy network, the mean return.
    pub q_value: f32,
    /// Mean over the batch of |TD error|; of a policy network, of |advantage|.
    pub td_error: f32,
    /// Norm of the gradient before clipping; `None` without clipping.
    pub gradient_norm: Option<f32>,
}

impl From<&Shown> for Update {
    fn from(shown: &Shown) -> Self {
        let Shown { loss, q_value, td_error, gradient_norm, .. } = *shown;
        Self { loss, q_value, td_error, gradient_norm }
    }
}

/// The figures of an algorithm at a pause.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Standing {
    /// Probability of a random action at the next step.
    pub epsilon: Option<f64>,
    /// Frames in the replay, if there is one.
    pub replay_frames: Option<u64>,
}

/// Receives the events of an algorithm.
pub trait Watch {
    /// Receives an event.
    ///
    /// # Errors
    /// When the event cannot be recorded; the algorithm then stops where it is.
    fn tell(&mut self, event: Event<'_>) -> Result<()>;

    /// Whether to return as soon as the present unit is done.
    fn stop(&self) -> bool;

    /// Set to interrupt a unit in its middle, if the algorithm can continue from there later. [`stop`](Self::stop) must then be
    /// true, or the algorithm tries again at once.
    fn interrupt(&self) -> &AtomicBool;
}

/// Records nothing and never stops.
#[derive(Debug, Default)]
pub struct Unwatched(AtomicBool);

impl Watch for Unwatched {
    fn tell(&mut self, _: Event<'_>) -> Result<()> {
        Ok(())
    }

    fn stop(&self) -> bool {
        false
    }

    fn interrupt(&self) -> &AtomicBool {
        &self.0
    }
}
