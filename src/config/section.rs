//! A section of the configuration: a struct with one row a key, declared by `keys!`.

use crate::config::values::range_in_words;
use crate::config::Config;
use std::fmt::Display;
use std::ops::{RangeFull, RangeInclusive};
use toml::Value;

/// Something wrong with a configuration, as one sentence.
pub type Fault = String;

/// The documentation of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The key's name.
    pub name: &'static str,
    /// Unit and meaning.
    pub help: &'static str,
    /// Source of the usual value.
    pub source: &'static str,
}

/// A section of the configuration, with its keys by name.
pub trait Section {
    /// The keys, in the order in which they are written.
    fn keys(&self) -> Vec<Key>;

    /// The value of `key`; `None` if there is no such key.
    fn get(&self, key: &str) -> Option<Value>;

    /// Gives `key` a value. The range is not checked here, because it can depend on other keys.
    ///
    /// # Errors
    /// When there is no such key, or the value is of another type.
    fn set(&mut self, key: &str, value: Value) -> Result<(), Fault>;

    /// Adds the values that are out of their range. `config` is the configuration that this section is part of.
    fn check(&self, config: &Config, faults: &mut Faults);

    /// Whether `key` is in this section.
    fn has(&self, key: &str) -> bool {
        self.keys().iter().any(|known| known.name == key)
    }
}

/// Declares a section. A row is `key: type = usual value, range, "unit and meaning", "source of the usual value";`. The range is
/// `..` where every value of the type is allowed. `check` names a function for rules between several keys.
macro_rules! keys {
    (
        $(#[$attribute:meta])*
        pub struct $section:ident {
            $($key:ident: $kind:ty = $usual:expr, $allowed:expr, $help:literal, $source:literal;)*
        }
        $(check $check:path)?
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $section {
            $(#[doc = concat!($help, "; ", $source, ".")] pub $key: $kind,)*
        }

        impl Default for $section {
            /// The usual values.
            fn default() -> Self {
                Self { $($key: $usual),* }
            }
        }

        impl Section for $section {
            fn keys(&self) -> Vec<Key> {
                vec![$(Key { name: stringify!($key), help: $help, source: $source }),*]
            }

            fn get(&self, key: &str) -> Option<Value> {
                $(if key == stringify!($key) {
                    return Value::try_from(self.$key).ok();
                })*
                None
            }

            fn set(&mut self, key: &str, value: Value) -> Result<(), Fault> {
                $(if key == stringify!($key) {
                    self.$key = KeyValue::read(&value, Allowed::<$kind>::in_words(&$allowed))?;
                    return Ok(());
                })*
                Err(format!("unknown key `{key}`"))
            }

            fn check(&self, config: &Config, faults: &mut Faults) {
                $(faults.within(stringify!($key), self.$key, $allowed);)*
                $($check(self, config, faults);)?
                let _ = config;
            }
        }
    };
}
pub(super) use keys;

/// Which values of a type a key may have.
pub(super) trait Allowed<T> {
    /// If the value is not allowed: the value and the allowed ones, in words.
    fn refused(&self, value: &T) -> Option<(String, String)>;

    /// The allowed values in words; `None` if they are all of the type.
    fn in_words(&self) -> Option<String>;
}

impl<T: PartialOrd + Display> Allowed<T> for RangeInclusive<T> {
    fn refused(&self, value: &T) -> Option<(String, String)> {
        (!self.contains(value)).then(|| (value.to_string(), range_in_words(self)))
    }

    fn in_words(&self) -> Option<String> {
        Some(range_in_words(self))
    }
}

impl<T> Allowed<T> for RangeFull {
    fn refused(&self, _: &T) -> Option<(String, String)> {
        None
    }

    fn in_words(&self) -> Option<String> {
        None
    }
}

/// Values out of their range, at most one sentence a key.
#[derive(Default)]
pub struct Faults {
    list: Vec<(&'static str, Fault)>,
}

impl Faults {
    /// Adds `value` of `key` if it is not allowed.
    pub(super) fn within<T>(&mut self, key: &'static str, value: T, allowed: impl Allowed<T>) {
        if let Some((value, allowed)) = allowed.refused(&value) {
            self.add(key, value, &allowed);
        }
    }

    /// Adds `value` of `key`, with the allowed values in words; an earlier fault of the key is replaced.
    pub(super) fn add(&mut self, key: &'static str, value: impl Display, allowed: &str) {
        let flag = match key {
            "total_steps" => "--steps N".to_string(),
            "seed" => "--seed N".to_string(),
            key => format!("--set {key}=..."),
        };
        let fault = format!("{key} is {value}, allowed is {allowed}; change it with {flag}");
        match self.list.iter_mut().find(|(other, _)| *other == key) {
            Some((_, earlier)) => *earlier = fault,
            None => self.list.push((key, fault)),
        }
    }

    /// The sentences.
    pub(super) fn into_sentences(self) -> Vec<Fault> {
        self.list.into_iter().map(|(_, fault)| fault).collect()
    }
}
