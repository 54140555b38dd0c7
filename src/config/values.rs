//! Values of keys as people write them.

use crate::text::{nearest, numbers};
use serde::de::value::Error;
use serde::de::{DeserializeOwned, Deserializer, Visitor};
use std::ops::RangeInclusive;
use toml::Value;

/// The type of a key's value.
pub trait KeyValue: Sized {
    /// Reads a value. Numbers and words may be quoted, because `--set` takes `1M` and `adam` without quotes.
    ///
    /// # Errors
    /// The values that are expected, in words, when it is not of this type. `range` is the key's range in words, if it has one.
    fn read(value: &Value, range: Option<String>) -> Result<Self, String>;
}

/// The whole number that a value stands for.
fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Integer(number) => Some(i128::from(*number)),
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => Some(*number as i128),
        Value::String(text) => numbers::whole(text),
        _ => None,
    }
}

/// "expected a whole number, allowed is 1 to 32"
fn expected(kind: &str, range: Option<String>) -> String {
    let range = range.map_or(String::new(), |range| format!(", allowed is {range}"));
    format!("expected {kind}{range}")
}

macro_rules! whole_numbers {
    ($($kind:ty),*) => {
        $(impl KeyValue for $kind {
            fn read(value: &Value, range: Option<String>) -> Result<Self, String> {
                let number = whole(value).ok_or_else(|| expected("a whole number", range.clone()))?;
                let limits = || format!("{} to {}", <$kind>::MIN, <$kind>::MAX);
                number.try_into().map_err(|_| format!("allowed is {}", range.unwrap_or_else(limits)))
            }
        })*
    };
}
whole_numbers!(u32, u64, usize);

impl KeyValue for f64 {
    fn read(value: &Value, range: Option<String>) -> Result<Self, String> {
        let number = match value {
            Value::Float(number) => Some(*number),
            Value::Integer(number) => Some(*number as f64),
            Value::String(text) => numbers::number(text),
            _ => None,
        };
        number.ok_or_else(|| expected("a number", range))
    }
}

impl KeyValue for bool {
    fn read(value: &Value, _: Option<String>) -> Result<Self, String> {
        let word = value.as_str().map(str::to_ascii_lowercase);
        match (value.as_bool(), word.as_deref()) {
            (Some(value), _) => Ok(value),
            (None, Some("true" | "yes" | "on")) => Ok(true),
            (None, Some("false" | "no" | "off")) => Ok(false),
            _ => Err("expected true or false".to_string()),
        }
    }
}

/// Types whose values are words.
pub trait Word: DeserializeOwned {}

impl<T: Word> KeyValue for T {
    fn read(value: &Value, _: Option<String>) -> Result<Self, String> {
        let word = value.as_str().unwrap_or_default().to_ascii_lowercase();
        let words = words::<T>();
        if let Ok(read) = T::deserialize(Value::String(word.clone())) {
            return Ok(read);
        }
        let near =
            nearest(&word, words.iter().copied()).map_or(String::new(), |near| format!("did you mean `{near}`? "));
        let listed: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
        Err(format!("{near}expected {}", listed.join(" or ")))
    }
}

/// The words that are values of `T`.
fn words<T: DeserializeOwned>() -> &'static [&'static str] {
    let mut names = Names(&[]);
    // It never makes a value.
    let _ = T::deserialize(&mut names);
    names.0
}

/// Keeps the names of an enum's variants.
struct Names(&'static [&'static str]);

impl<'de> Deserializer<'de> for &mut Names {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(serde::de::Error::custom("only the names of an enum are asked for"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0 = variants;
        self.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// "1 to 32"
pub(super) fn range_in_words<T: std::fmt::Display>(range: &RangeInclusive<T>) -> String {
    format!("{} to {}", range.start(), range.end())
}
