//! The section `[environment]`: Atari, whose keys are rows in `config/keys.rs`, or a classic environment, whose keys are part of its
//! [`Definition`].

use crate::classics::{self, Definition, OptionKind, OptionValue, Options};
use crate::config::keys::AtariKeys;
use crate::config::section::{Fault, Faults, Key, Section};
use crate::config::values::{range_in_words, KeyValue};
use crate::config::Config;
use std::sync::LazyLock;
use toml::Value;

/// `[environment]`: the environment to train in.
#[derive(Clone, Debug, PartialEq)]
pub enum EnvironmentKeys {
    /// `kind = "atari"`.
    Atari(AtariKeys),
    /// A classic environment.
    Classic(ClassicKeys),
}

/// The key that every classic environment has.
const MAX_EPISODE_STEPS: Key = Key {
    name: "max_episode_steps",
    help: "steps after which an episode is truncated; 0: as registered in Gymnasium",
    source: "Gymnasium",
};
/// Longest limit of an episode.
const MOST_EPISODE_STEPS: u32 = 1_000_000_000;

/// The keys of a classic environment.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassicKeys {
    /// Its own keys.
    pub options: Options,
    max_episode_steps: u32,
}

impl ClassicKeys {
    /// The usual values.
    pub fn usual(definition: &'static Definition) -> Self {
        Self { options: Options::usual(definition), max_episode_steps: 0 }
    }

    /// Every key with its value, as TOML.
    pub fn in_toml(&self) -> Vec<(&'static str, Value)> {
        self.keys().into_iter().filter_map(|key| Some((key.name, self.get(key.name)?))).collect()
    }

    /// Gives `key` a value.
    ///
    /// # Errors
    /// When there is no such key, or the value is of another type.
    pub fn assign(&mut self, key: &str, value: Value) -> Result<(), Fault> {
        self.set(key, value)
    }

    /// Steps after which an episode is truncated; `None`: never.
    pub fn limit(&self) -> Option<u32> {
        match (self.max_episode_steps, (self.options.definition.limit)(&self.options)) {
            (0, 0) => None,
            (0, registered) => Some(registered),
            (own, _) => Some(own),
        }
    }
}

impl EnvironmentKeys {
    /// Every kind; the first is the usual one.
    pub fn kinds() -> &'static [&'static str] {
        static KINDS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
            std::iter::once("atari").chain(classics::DEFINITIONS.iter().map(|definition| definition.name)).collect()
        });
        &KINDS
    }

    /// The kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Atari(_) => "atari",
            Self::Classic(keys) => keys.options.definition.name,
        }
    }

    /// The section of this kind with the usual values; `None` if there is no such kind.
    pub fn usual(kind: &str) -> Option<Self> {
        match kind {
            "atari" => Some(Self::default()),
            kind => classics::definition(kind).map(|definition| Self::Classic(ClassicKeys::usual(definition))),
        }
    }

    /// The keys of Atari; `None` if it is of another kind.
    pub fn atari(&self) -> Option<&AtariKeys> {
        match self {
            Self::Atari(keys) => Some(keys),
            Self::Classic(_) => None,
        }
    }

    /// The keys of Atari, to be changed; `None` if it is of another kind.
    pub fn atari_mut(&mut self) -> Option<&mut AtariKeys> {
        match self {
            Self::Atari(keys) => Some(keys),
            Self::Classic(_) => None,
        }
    }

    pub(super) fn section(&self) -> &dyn Section {
        match self {
            Self::Atari(keys) => keys,
            Self::Classic(keys) => keys,
        }
    }

    pub(super) fn section_mut(&mut self) -> &mut dyn Section {
        match self {
            Self::Atari(keys) => keys,
            Self::Classic(keys) => keys,
        }
    }
}

impl Default for EnvironmentKeys {
    fn default() -> Self {
        Self::Atari(AtariKeys::default())
    }
}

impl Section for ClassicKeys {
    fn keys(&self) -> Vec<Key> {
        let own = self.options.definition.keys.iter();
        let own = own.map(|key| Key { name: key.name, help: key.help, source: key.source });
        own.chain([MAX_EPISODE_STEPS]).collect()
    }

    fn get(&self, key: &str) -> Option<Value> {
        if key == MAX_EPISODE_STEPS.name {
            return Some(Value::Integer(self.max_episode_steps.into()));
        }
        Some(match &self.options.values[self.options.place(key)?] {
            OptionValue::Flag(flag) => Value::Boolean(*flag),
            OptionValue::Whole(number) => Value::Integer(i64::try_from(*number).ok()?),
            OptionValue::Number(number) => Value::Float(*number),
            OptionValue::Text(text) => Value::String(text.clone()),
        })
    }

    fn set(&mut self, key: &str, value: Value) -> Result<(), Fault> {
        if key == MAX_EPISODE_STEPS.name {
            self.max_episode_steps = u32::read(&value, Some(range_in_words(&(0..=MOST_EPISODE_STEPS))))?;
            return Ok(());
        }
        let Some(place) = self.options.place(key) else { return Err(format!("unknown key `{key}`")) };
        self.options.values[place] = match self.options.definition.keys[place].kind {
            OptionKind::Flag(_) => OptionValue::Flag(bool::read(&value, None)?),
            OptionKind::Whole(_, least, most) => {
                OptionValue::Whole(u64::read(&value, Some(range_in_words(&(least..=most))))?)
            }
            OptionKind::Number(_, least, most) => {
                OptionValue::Number(f64::read(&value, Some(range_in_words(&(least..=most))))?)
            }
            OptionKind::Text(_) => match value {
                Value::String(text) => OptionValue::Text(text),
                value => return Err(format!("expected a text, found {value}")),
            },
        };
        Ok(())
    }

    fn check(&self, _: &Config, faults: &mut Faults) {
        faults.within(MAX_EPISODE_STEPS.name, self.max_episode_steps, 0..=MOST_EPISODE_STEPS);
        for (key, value) in self.options.definition.keys.iter().zip(&self.options.values) {
            match (key.kind, value) {
                (OptionKind::Whole(_, least, most), OptionValue::Whole(number)) => {
                    faults.within(key.name, *number, least..=most);
                }
                (OptionKind::Number(_, least, most), OptionValue::Number(number)) => {
                    faults.within(key.name, *number, least..=most);
                }
                _ => {}
            }
        }
    }
}
