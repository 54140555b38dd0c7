//! Environments: the trait [`Environment`], and [`EnvironmentSpec`], from which one is made.

pub mod atari;
pub mod cartridges;
pub mod vector;

use crate::config;
use crate::drawing::Picture;
use crate::environments::atari::AtariSpec;
use crate::environments::cartridges::LoadedRom;
use crate::environments::vector::VectorEnvironment;
use crate::observations::{Place, Space};
use crate::random::Generator;
use anyhow::Result;
use serde::{Deserialize, Serialize};

/// The result of one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The reward to learn from; clipped if the environment is configured so.
    pub reward: f32,
    /// The game's own reward; scores are sums of it.
    pub raw_reward: f32,
    /// To the learner, nothing more can be earned from here: the game is over, or a life was lost and that counts as an
    /// end.
    pub terminal: bool,
    /// Lives lost.
    pub lives_lost: u32,
    /// The episode is over: the environment wants a reset.
    pub over: bool,
    /// A limit cut the episode off; the game itself is not over.
    pub truncated: bool,
}

/// Something an agent can act in.
pub trait Environment: Send {
    /// The space of its observations.
    fn space(&self) -> Space;

    /// The number of actions, which are numbered from 0.
    fn actions(&self) -> usize;

    /// Starts an episode and writes its first observation to `place`. Random choices at the start come from `random`.
    /// Returns the number of no-op frames it began with.
    fn reset(&mut self, random: &mut Generator, place: Place<'_>) -> u32;

    /// Takes the action and writes the next observation to `place`. After a step that is [over](Step::over) a reset
    /// must follow.
    fn step(&mut self, action: usize, place: Place<'_>) -> Step;

    /// As [`step`](Self::step), and passes a [`picture`](Self::picture) of every frame to `watch`. Slower if frames are
    /// drawn only for that.
    fn step_watched(&mut self, action: usize, place: Place<'_>, watch: &mut dyn FnMut(Picture<'_>)) -> Step {
        let step = self.step(action, place);
        if let Some(picture) = self.picture() {
            watch(picture);
        }
        step
    }

    /// A picture of the present state, for people; `None` if the environment cannot draw one.
    fn picture(&mut self) -> Option<Picture<'_>> {
        None
    }

    /// Frames of the episode so far, or steps where the environment has no frames.
    fn episode_frames(&self) -> u64;

    /// Everything its future depends on.
    fn state(&self) -> Vec<u8>;

    /// Continues from a [state](Self::state) of an environment made in the same way, and writes the present observation
    /// to `place`.
    ///
    /// # Errors
    /// When it is no such state.
    fn restore(&mut self, state: &[u8], place: Place<'_>) -> Result<()>;
}

/// The conditions of an episode that are not part of the game.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Conditions {
    /// Seed of the environment's own random numbers.
    pub seed: u64,
    /// Frames after which an episode is cut off; 0 means never.
    pub max_episode_frames: u32,
    /// An episode begins with 0 to this many no-op frames.
    pub noop_max: u32,
    /// Probability, per frame, that the previous action is repeated.
    pub sticky_probability: f32,
}

/// Everything from which an environment is made (gymnasium's `EnvSpec`): the game, the actions, and how pictures become
/// observations.
#[derive(Clone, Debug)]
pub enum EnvironmentSpec {
    /// An Atari game.
    Atari(AtariSpec),
}

impl EnvironmentSpec {
    /// The environment that `config` describes, with this cartridge.
    pub fn of(config: &config::Environment, rom: &LoadedRom) -> Self {
        match config {
            config::Environment::Atari(keys) => Self::Atari(AtariSpec::of(keys, rom)),
        }
    }

    /// Number `index` of the environments that a run with this configuration and `seed` trains in.
    pub fn make_for_training(&self, config: &config::Environment, seed: u64, index: usize) -> Box<dyn Environment> {
        match (self, config) {
            (Self::Atari(atari), config::Environment::Atari(keys)) => {
                Box::new(atari.make_for_training(keys, seed, index))
            }
        }
    }

    /// `num_envs` environments to train in.
    ///
    /// # Errors
    /// When there is none.
    pub fn vector(&self, config: &config::Environment, num_envs: usize, seed: u64) -> Result<VectorEnvironment> {
        VectorEnvironment::new(&|index| Ok(self.make_for_training(config, seed, index)), num_envs, seed)
    }

    /// The game's name.
    pub fn name(&self) -> &str {
        let Self::Atari(atari) = self;
        &atari.name
    }

    /// MD5 of the cartridge, if there is one.
    pub fn cartridge_md5(&self) -> Option<&str> {
        let Self::Atari(atari) = self;
        Some(atari.image.md5())
    }

    /// The number of actions.
    pub fn actions(&self) -> usize {
        let Self::Atari(atari) = self;
        atari.actions.len()
    }

    /// The number that other programs know the action with index `action` by: ALE's number of a joystick action.
    pub fn action_number(&self, action: usize) -> u32 {
        let Self::Atari(atari) = self;
        atari.actions[action].number()
    }

    /// The index of the action that does nothing; 0 if there is none.
    pub fn noop(&self) -> usize {
        let Self::Atari(atari) = self;
        atari.noop()
    }

    /// Frames of a step.
    pub fn frame_skip(&self) -> u32 {
        let Self::Atari(atari) = self;
        atari.preprocessing.frame_skip
    }

    /// An environment as evaluations use it: a lost life does not end anything, rewards are not clipped. It must be
    /// [reset](Environment::reset) before its first step.
    pub fn make(&self, conditions: &Conditions) -> Box<dyn Environment> {
        let Self::Atari(atari) = self;
        Box::new(atari.make(conditions))
    }
}
