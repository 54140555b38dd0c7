//! What can be played: the trait [`Environment`], and from a configuration to one of its implementors.

pub mod atari;
pub mod cartridges;
pub mod vector;

use crate::config::Config;
use crate::environments::atari::Atari;
use crate::environments::cartridges::LoadedRom;
use crate::observations::{Place, Space};
use crate::random::Generator;
use anyhow::Result;
use serde::{Deserialize, Serialize};

/// What one step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What a learner is to learn from; clipped where the environment is configured so.
    pub reward: f32,
    /// The reward as the game gives it, of which scores are sums.
    pub raw_reward: f32,
    /// Nothing more can be earned from here, as far as a learner is concerned: the game is over, or a life was lost where that
    /// counts as an end.
    pub terminal: bool,
    /// Lives lost.
    pub lives_lost: u32,
    /// The episode is over: the environment wants a reset.
    pub over: bool,
    /// The episode was cut off by a limit, and is not over by itself.
    pub truncated: bool,
}

/// Something an agent can act in.
pub trait Environment: Send {
    /// What is seen of it.
    fn space(&self) -> Space;

    /// Actions there are, numbered from 0.
    fn actions(&self) -> usize;

    /// Starts an episode and writes its first observation to `place`. What is random at the start comes from `random`.
    /// Returns the no-op frames it began with; 0 where there are none.
    fn reset(&mut self, random: &mut Generator, place: Place<'_>) -> u32;

    /// Takes the action and writes what is then seen to `place`. After a step that is [over](Step::over) a reset must follow.
    fn step(&mut self, action: usize, place: Place<'_>) -> Step;

    /// Frames of the episode so far, or steps where the environment has no frames.
    fn episode_frames(&self) -> u64;

    /// Everything its future depends on.
    fn state(&self) -> Vec<u8>;

    /// Goes on from a [state](Self::state) of an environment made in the same way, and writes what is then seen to `place`.
    ///
    /// # Errors
    /// When it is no such state.
    fn restore(&mut self, state: &[u8], place: Place<'_>) -> Result<()>;
}

/// What is played, as far as a configuration does not say it.
#[derive(Clone)]
pub enum Spec {
    /// The game of this cartridge.
    Atari(LoadedRom),
    /// What a test makes.
    #[cfg(test)]
    Test(std::sync::Arc<dyn Fn(&Config, usize) -> Box<dyn Environment>>),
}

impl Spec {
    /// Environment number `index` of a run with this `config`, before its first reset.
    ///
    /// # Errors
    /// When the two do not go together.
    pub fn make(&self, config: &Config, index: usize) -> Result<Box<dyn Environment>> {
        match self {
            Spec::Atari(rom) => Ok(Box::new(Atari::for_training(config, rom, index))),
            #[cfg(test)]
            Spec::Test(make) => Ok(make(config, index)),
        }
    }
}
