//! Environments: the trait [`Environment`], and [`EnvironmentSpec`], from which one is made.

pub mod atari;
pub mod cartridges;
pub mod classic;
pub mod dynamics;
pub mod vector;

use crate::classics::{self, Task};
use crate::config;
use crate::drawing::Picture;
use crate::environments::atari::AtariSpec;
use crate::environments::classic::ClassicSpec;
use crate::environments::dynamics::Dynamics;
use crate::environments::vector::VectorEnvironment;
use crate::observations::{Place, Space};
use crate::random::Generator;
use anyhow::{bail, ensure, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

/// The result of one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The reward to learn from; clipped if the environment is configured so.
    pub reward: f32,
    /// The game's own reward; scores are sums of it.
    pub raw_reward: f64,
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

/// What a policy thinks, for a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Thoughts<'a> {
    /// The values of a whole table, see [`Task::scene_of_values`].
    Values(&'a [f64]),
    /// The probability of each action in the present state.
    Probabilities(&'a [f64]),
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

    /// The same with the thoughts of a policy drawn in, where the environment knows how.
    fn picture_with(&mut self, _thoughts: Thoughts<'_>) -> Option<Picture<'_>> {
        self.picture()
    }

    /// The classic environment that this is, for a caller who knows its rules.
    fn task(&self) -> Option<&dyn Task> {
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

    /// Its dynamics, if they are known; its observations are then the numbers of their states.
    fn dynamics(&self) -> Option<&dyn Dynamics> {
        Some(&**self.task()?.mdp()?)
    }

    /// For each number of an observation the limit up to which a table divides it into equal parts, on both sides of 0; `None` if
    /// nothing is known of them.
    fn limits(&self) -> Option<Vec<f64>> {
        self.task()?.limits()
    }
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

/// Everything from which an environment is made (gymnasium's `EnvSpec`): the game, its actions, how pictures become
/// observations, and the conditions of training.
pub trait EnvironmentSpec: Debug + Send + Sync {
    /// The game's name.
    fn name(&self) -> &str;

    /// MD5 of the cartridge, if there is one.
    fn cartridge_md5(&self) -> Option<&str> {
        None
    }

    /// The number of actions.
    fn actions(&self) -> usize;

    /// The number that other programs know the action with index `action` by, e.g. ALE's number of a joystick action.
    fn action_number(&self, action: usize) -> u32 {
        action as u32
    }

    /// The index of the action that does nothing; 0 if there is none.
    fn noop(&self) -> usize {
        0
    }

    /// Frames of a step.
    fn frame_skip(&self) -> u32 {
        1
    }

    /// Number `index` of the environments that a run with this `seed` trains in, before its first reset.
    fn make_for_training(&self, seed: u64, index: usize) -> Box<dyn Environment>;

    /// An environment for an evaluation, before its first reset: nothing but the end of the game is a terminal, and rewards are
    /// not clipped.
    fn make(&self, conditions: &Conditions) -> Box<dyn Environment>;

    /// The conditions of training, with this seed: those that an evaluation shares with it.
    fn conditions(&self, seed: u64) -> Conditions;

    /// The same game for a policy that does not look and holds every action for `frame_skip` frames.
    fn for_baseline(&self, frame_skip: u32) -> Spec;

    /// What a model's file says about the environment, so that [`open`] finds it again.
    fn description(&self) -> Description;

    /// The Atari game that this is, for a caller who needs its console.
    fn as_atari(&self) -> Option<&AtariSpec> {
        None
    }

    /// The classic environment that this is.
    fn as_classic(&self) -> Option<&ClassicSpec> {
        None
    }
}

/// A shared [`EnvironmentSpec`].
pub type Spec = Arc<dyn EnvironmentSpec>;

/// What a model's file says about the environment that it was trained in: values by key, as text.
pub type Description = BTreeMap<String, String>;

/// The environment that `config` asks for; `rom` is the cartridge's file or name, the built-in game if there is none.
///
/// # Errors
/// When the cartridge cannot be read, or its score not be told.
pub fn spec(config: &config::EnvironmentKeys, rom: Option<&str>) -> Result<Spec> {
    Ok(match config {
        config::EnvironmentKeys::Atari(keys) => Arc::new(AtariSpec::of(keys, rom)?),
        config::EnvironmentKeys::Classic(keys) => {
            let name = keys.options.definition.name;
            ensure!(rom.is_none(), "{name} has no cartridge; give --rom for Atari games only");
            Arc::new(ClassicSpec::of(keys)?)
        }
    })
}

/// The observations and the number of actions of the environment in a model's file.
///
/// # Errors
/// When the description lacks something, or is of an environment that this program does not have.
pub fn space_and_actions(description: &Description) -> Result<(Space, usize)> {
    match kind(description) {
        "atari" => atari::space_and_actions(description),
        other if classics::definition(other).is_some() => classic::space_and_actions(description),
        other => unknown(other),
    }
}

/// The environment in a model's file. `rom` is the cartridge's file or name; without it the cartridge has the name of the
/// model's game.
///
/// # Errors
/// When there is no such cartridge, or it is not the one that the model was trained on.
pub fn open(description: &Description, rom: Option<&str>) -> Result<Spec> {
    match kind(description) {
        "atari" => Ok(Arc::new(AtariSpec::described(description, rom)?)),
        other if classics::definition(other).is_some() => {
            ensure!(rom.is_none(), "it was trained in {other}, which has no cartridge; leave out --rom");
            Ok(Arc::new(ClassicSpec::described(other, description)?))
        }
        other => unknown(other),
    }
}

/// The kind of environment; Atari games do not name it.
fn kind(description: &Description) -> &str {
    description.get("environment").map_or("atari", String::as_str)
}

fn unknown<T>(kind: &str) -> Result<T> {
    bail!("it was trained in the environment `{kind}`, which this program does not have")
}

/// `num_envs` environments to train in.
///
/// # Errors
/// When there is none.
pub fn vector(spec: &dyn EnvironmentSpec, num_envs: usize, seed: u64) -> Result<VectorEnvironment> {
    VectorEnvironment::new(&|index| Ok(spec.make_for_training(seed, index)), num_envs, seed)
}
