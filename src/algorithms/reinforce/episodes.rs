//! Episodes that are being collected.

use crate::environments::Step;
use crate::observations::{Observations, Seen, Space};
use anyhow::{ensure, Result};
use serde::{Deserialize, Serialize};

/// An episode, or the part of it that has been played.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Episode {
    /// The observation that each step began with, and of an episode that goes on the present one. Of pixels, every frame once: the
    /// first stack, then the newest frame of each observation.
    observations: Observations,
    /// Index of each step's action.
    pub(super) actions: Vec<u8>,
    /// Reward of each step, to learn from.
    pub(super) rewards: Vec<f32>,
    /// Whether each step was [terminal](Step::terminal).
    pub(super) terminals: Vec<bool>,
}

/// Values that an observation of `space` adds to those before it.
fn new_values(space: Space) -> usize {
    match space {
        Space::Pixels { side, .. } => side * side,
        space => space.size(),
    }
}

impl Episode {
    /// An episode whose first observation is `seen`.
    ///
    /// # Errors
    /// When it is not of `space`.
    pub(super) fn new(space: Space, seen: Seen<'_>) -> Result<Self> {
        let mut observations = space.observations(0);
        observations.extend(seen)?;
        Ok(Self { observations, actions: Vec::new(), rewards: Vec::new(), terminals: Vec::new() })
    }

    /// Steps.
    pub(super) fn len(&self) -> usize {
        self.actions.len()
    }

    /// Adds a step.
    ///
    /// # Errors
    /// When the action is 256 or more.
    pub(super) fn push(&mut self, action: usize, step: &Step) -> Result<()> {
        self.actions.push(u8::try_from(action)?);
        self.rewards.push(step.reward);
        self.terminals.push(step.terminal);
        Ok(())
    }

    /// Adds the observation after a step that did not end the episode.
    ///
    /// # Errors
    /// When it is of another kind.
    pub(super) fn see(&mut self, space: Space, seen: Seen<'_>) -> Result<()> {
        let new = match seen {
            Seen::Pixels(pixels) => Seen::Pixels(&pixels[pixels.len() - new_values(space)..]),
            seen => seen,
        };
        self.observations.extend(new)
    }

    /// The observation that step `t` began with.
    pub(super) fn observation(&self, space: Space, t: usize) -> Seen<'_> {
        let begin = t * new_values(space);
        let range = begin..begin + space.size();
        match self.observations.seen() {
            Seen::Pixels(values) => Seen::Pixels(&values[range]),
            Seen::Numbers(values) => Seen::Numbers(&values[range]),
            Seen::States(values) => Seen::States(&values[range]),
        }
    }

    /// Checks an episode from a checkpoint; `over`: it has ended.
    ///
    /// # Errors
    /// When it is of another space or other actions, or its parts do not fit together.
    pub(super) fn ensure_sound(&self, space: Space, actions: usize, over: bool) -> Result<()> {
        let (steps, seen) = (self.len(), self.observations.seen());
        let kind = match (space, seen) {
            (Space::Pixels { .. }, Seen::Pixels(_)) | (Space::Numbers(_), Seen::Numbers(_)) => true,
            (Space::States(count), Seen::States(states)) => states.iter().all(|state| (*state as usize) < count),
            _ => false,
        };
        let values = match (over, steps) {
            (true, 0) => None,
            (true, steps) => Some(space.size() + (steps - 1) * new_values(space)),
            (false, steps) => Some(space.size() + steps * new_values(space)),
        };
        let fits = (self.rewards.len(), self.terminals.len(), Some(seen.values())) == (steps, steps, values);
        let known = self.actions.iter().all(|action| usize::from(*action) < actions);
        ensure!(kind && fits && known, "the checkpoint has an episode that is not of this environment");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stacks of two pictures of one pixel.
    #[test]
    fn of_pixels_each_frame_is_kept_once_and_every_stack_is_there() {
        let space = Space::Pixels { stack: 2, side: 1 };
        let mut episode = Episode::new(space, Seen::Pixels(&[0, 7])).unwrap();
        for (t, frame) in [8, 9, 10].into_iter().enumerate() {
            episode.push(t, &Step { reward: t as f32, ..Step::default() }).unwrap();
            episode.see(space, Seen::Pixels(&[frame - 1, frame])).unwrap();
        }
        assert_eq!(episode.observations, Observations::Pixels(vec![0, 7, 8, 9, 10]));
        let stacks = [0, 1, 2].map(|t| episode.observation(space, t));
        assert_eq!(stacks, [[0, 7], [7, 8], [8, 9]].each_ref().map(|stack| Seen::Pixels(stack)));
        assert!(episode.see(space, Seen::Numbers(&[1.0])).is_err());
        assert!(episode.push(256, &Step::default()).is_err());
    }

    #[test]
    fn an_episode_of_another_environment_or_with_missing_parts_is_refused() {
        let space = Space::States(5);
        let mut going_on = Episode::new(space, Seen::States(&[4])).unwrap();
        assert!(going_on.ensure_sound(space, 2, false).is_ok());
        assert!(going_on.ensure_sound(space, 2, true).is_err(), "an episode has a step");
        going_on.push(1, &Step::default()).unwrap();
        assert!(going_on.ensure_sound(space, 2, true).is_ok() && going_on.ensure_sound(space, 2, false).is_err());
        assert!(going_on.ensure_sound(space, 1, true).is_err(), "no such action");
        assert!(going_on.ensure_sound(Space::States(4), 2, true).is_err(), "no such state");
        assert!(going_on.ensure_sound(Space::Numbers(1), 2, true).is_err());
        going_on.rewards.clear();
        assert!(going_on.ensure_sound(space, 2, true).is_err());
    }
}
