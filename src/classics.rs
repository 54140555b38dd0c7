//! The classic environments of textbooks, equal to Gymnasium's bit for bit where Gymnasium has them.
//!
//! Each implements [`Task`] in a file of its own and has one line in [`DEFINITIONS`]. Its keys are part of its definition, so the
//! configuration, the commands and the lists know them from there.

use crate::drawing::scene::Scene;
use crate::observations::{Place, Space};
use anyhow::Result;
use mdp::Mdp;
use numpy_random::NumpyRandom;
use std::sync::Arc;

pub mod cartpole;
pub mod cliff_walking;
pub mod frozen_lake;
pub mod gridworld;
pub mod layout;
pub mod lunar_lander;
pub mod mdp;
pub mod numpy_random;
pub mod pictures;
pub mod tabular;

/// Every classic environment.
pub const DEFINITIONS: &[Definition] = &[
    cartpole::DEFINITION,
    lunar_lander::DEFINITION,
    gridworld::DEFINITION,
    frozen_lake::DEFINITION,
    cliff_walking::DEFINITION,
    tabular::DEFINITION,
];

/// An environment by its name: what it is, its keys, and how it is made.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// Its name, e.g. `cartpole`.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// Its own keys in a configuration.
    pub keys: &'static [OptionKey],
    /// Steps after which an episode is truncated; 0: never.
    pub limit: fn(&Options) -> u32,
    /// The mean return over 100 episodes from which Gymnasium calls it solved.
    pub solved: fn(&Options) -> Option<f64>,
    /// Reads what it needs, and returns what makes it as often as wanted.
    pub make: fn(&Options) -> Result<Maker>,
    /// The action, by an observation's numbers, of a simple rule that a person wrote: a baseline.
    pub rule: Option<Rule>,
}

/// Chooses an action by an observation's numbers.
pub type Rule = fn(&[f32]) -> usize;

/// Makes tasks that are all alike.
pub type Maker = Arc<dyn Fn() -> Box<dyn Task> + Send + Sync>;

/// A key of an environment.
#[derive(Clone, Copy, Debug)]
pub struct OptionKey {
    /// Its name.
    pub name: &'static str,
    /// Type, usual value and range.
    pub kind: OptionKind,
    /// Unit and meaning.
    pub help: &'static str,
    /// Source of the usual value.
    pub source: &'static str,
}

/// The type of a key, with its usual value and its range, both ends included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OptionKind {
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Whole(u64, u64, u64),
    /// A real number.
    Number(f64, f64, f64),
    /// A text, e.g. the name of a file.
    Text(&'static str),
}

/// The value of a key.
#[derive(Clone, Debug, PartialEq)]
pub enum OptionValue {
    /// Yes or no.
    Flag(bool),
    /// A whole number.
    Whole(u64),
    /// A real number.
    Number(f64),
    /// A text.
    Text(String),
}

impl OptionKind {
    /// The usual value.
    pub fn usual(self) -> OptionValue {
        match self {
            OptionKind::Flag(usual) => OptionValue::Flag(usual),
            OptionKind::Whole(usual, ..) => OptionValue::Whole(usual),
            OptionKind::Number(usual, ..) => OptionValue::Number(usual),
            OptionKind::Text(usual) => OptionValue::Text(usual.to_string()),
        }
    }
}

/// The values of all keys of an environment, in the order of [`Definition::keys`].
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The environment.
    pub definition: &'static Definition,
    /// The values.
    pub values: Vec<OptionValue>,
}

impl Options {
    /// The usual values.
    pub fn usual(definition: &'static Definition) -> Self {
        Self { definition, values: definition.keys.iter().map(|key| key.kind.usual()).collect() }
    }

    /// The place of the key `name`.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.definition.keys.iter().position(|key| key.name == name)
    }

    /// The value of the flag `name`; `false` if it has none.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.value(name), Some(OptionValue::Flag(true)))
    }

    /// The whole number `name`; 0 if there is none.
    pub fn whole(&self, name: &str) -> u64 {
        match self.value(name) {
            Some(OptionValue::Whole(number)) => *number,
            _ => 0,
        }
    }

    /// The number `name`; 0 if there is none.
    pub fn number(&self, name: &str) -> f64 {
        match self.value(name) {
            Some(OptionValue::Number(number)) => *number,
            _ => 0.0,
        }
    }

    /// The text `name`; empty if there is none.
    pub fn text(&self, name: &str) -> &str {
        match self.value(name) {
            Some(OptionValue::Text(text)) => text,
            _ => "",
        }
    }

    fn value(&self, name: &str) -> Option<&OptionValue> {
        self.values.get(self.place(name)?)
    }
}

impl PartialEq for Definition {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// The environment of this name.
pub fn definition(name: &str) -> Option<&'static Definition> {
    DEFINITIONS.iter().find(|definition| definition.name == name)
}

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

    /// For each number of an observation the limit up to which a table divides it into equal parts, on both sides of 0; `None` if
    /// nothing is known of them.
    fn limits(&self) -> Option<Vec<f64>> {
        None
    }

    /// The table of its transitions, if it is one.
    fn mdp(&self) -> Option<&Arc<Mdp>> {
        None
    }

    /// Its states with these values: of actions, `[states, actions]`, minus infinity where an action is impossible, or of states; with
    /// the present state if `present` is set. `None` if it has no table.
    fn scene_of_values(&self, _values: &[f64], _present: bool) -> Option<Scene> {
        None
    }

    /// The same in characters, for a terminal, without the present state.
    fn characters_of_values(&self, _values: &[f64]) -> Option<String> {
        None
    }
}
