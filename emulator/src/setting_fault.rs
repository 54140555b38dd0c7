//! A setting outside its range.

use std::fmt;

/// A setting outside its range: what it is and what it can be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SettingFault {
    /// The field of the settings.
    pub setting: &'static str,
    /// Its value.
    pub value: String,
    /// The values it can have.
    pub allowed: String,
}

impl SettingFault {
    /// A fault unless the setting's `value` is `good`.
    pub(crate) fn unless(
        good: bool,
        setting: &'static str,
        value: &dyn fmt::Display,
        allowed: &dyn fmt::Display,
    ) -> Result<(), Self> {
        if good {
            return Ok(());
        }
        Err(Self { setting, value: value.to_string(), allowed: allowed.to_string() })
    }
}

impl fmt::Display for SettingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}, allowed is {}", self.setting, self.value, self.allowed)
    }
}

impl std::error::Error for SettingFault {}
