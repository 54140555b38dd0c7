//! Held-out states, whose values are tracked during training: the second learning index of Mnih et al. 2015.

use crate::environments::vector::VectorEnvironment;
use crate::networks::head::largest;
use crate::observations::{Observations, Space};
use crate::policy::Policy;
use crate::random::{Generator, Purpose};
use anyhow::{ensure, Result};

/// Number of held-out states.
const STATES: usize = 256;
/// Random steps from one to the next.
const STEPS_BETWEEN: usize = 8;
/// States evaluated at a time.
const BATCH: usize = 32;

/// States of a random player, collected before training starts in one environment of their own, so that they are from whole games
/// however many environments the algorithm has.
#[derive(Clone, Debug)]
pub struct HeldOut {
    space: Space,
    observations: Observations,
}

impl HeldOut {
    /// The states that a random player meets in `environment`, a vector of one whose first episode has just begun. They are the
    /// same for every run with this `seed`.
    ///
    /// # Errors
    /// When observations cannot be put together, which does not happen with those of one vector.
    pub fn collect(mut environment: VectorEnvironment, seed: u64) -> Result<Self> {
        let mut generator = Generator::new(seed, Purpose::HeldOut);
        let (space, actions) = (environment.space(), environment.actions());
        let mut observations = space.observations(0);
        while observations.seen().count(space) < STATES {
            for _ in 0..STEPS_BETWEEN {
                environment.step(&[generator.below(actions)]);
            }
            observations.extend(environment.observations().seen())?;
        }
        Ok(Self { space, observations })
    }

    /// The mean over the states of the largest value of an action; `None` for a policy without values.
    ///
    /// # Errors
    /// When a value is not finite, or the device fails.
    pub fn mean_max_value(&self, policy: &mut Policy) -> Result<Option<f64>> {
        let (seen, mut sum) = (self.observations.seen(), 0.0);
        for first in (0..STATES).step_by(BATCH) {
            let Some(values) = policy.values(seen.part(self.space, first, BATCH))? else {
                return Ok(None);
            };
            sum += values.chunks_exact(values.len() / BATCH).map(|values| f64::from(largest(values))).sum::<f64>();
        }
        ensure!(sum.is_finite(), "learning has diverged: the values of held-out states are not all finite ({sum})");
        Ok(Some(sum / STATES as f64))
    }
}
