//! The configuration of a training run: what its keys mean, where their values come from, which values they may have.
//!
//! It has four sections: `[environment]` and `[algorithm]`, whose keys depend on their `kind`, `[network]` and `[run]`. Every
//! key is one row in `config/keys.rs`. A configuration starts from the usual values; then come, later ones winning: preset,
//! `--config` file, `--set key=value`, flags.

mod environment;
mod keys;
mod kinds;
mod presets;
mod section;
mod sources;
mod values;
mod words;

pub use environment::{ClassicKeys, EnvironmentKeys};
pub use keys::*;
pub use sources::{flat, Sources};
pub use words::{
    Activation, DuelingForm, EpsilonKind, InitialValues, Interleaving, LifeLoss, LossKind, NetworkKind, NormKind,
    Normalization, OptimizerKind, Reduction, ResizeKind, Ties, UpdatesAt, Widths,
};

use crate::config::section::{Fault, Faults, Key, Section};
use crate::text::faults::parse_toml;
use crate::text::nearest;
use anyhow::{bail, Context, Result};
use std::fmt::Write;
use toml::{Table, Value};

/// Names of the sections, in the order in which they are written.
pub const SECTIONS: [&str; 4] = ["environment", "algorithm", "network", "run"];
/// The key that names the environment or the algorithm of a section.
const KIND: &str = "kind";

/// Every hyperparameter. A *frame* is 1/60 s of the game (1/50 s on PAL); a *step* is one decision of the agent, `frame_skip`
/// frames; an *update* is one gradient step. The default has the usual values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// The environment to train in.
    pub environment: EnvironmentKeys,
    /// The learning algorithm.
    pub algorithm: AlgorithmKeys,
    /// The network's layers and outputs.
    pub network: NetworkKeys,
    /// Length, evaluations and files of the run.
    pub run: RunKeys,
}

impl Config {
    /// Name, kind if it has one, and keys of every section.
    fn sections(&self) -> [(&'static str, Option<&'static str>, &dyn Section); 4] {
        let [environment, algorithm, network, run] = SECTIONS;
        [
            (environment, Some(self.environment.kind()), self.environment.section()),
            (algorithm, Some(self.algorithm.kind()), self.algorithm.section()),
            (network, None, &self.network),
            (run, None, &self.run),
        ]
    }

    /// The keys of the section of this name.
    fn section_mut(&mut self, name: &str) -> Option<&mut dyn Section> {
        match name {
            "environment" => Some(self.environment.section_mut()),
            "algorithm" => Some(self.algorithm.section_mut()),
            "network" => Some(&mut self.network),
            "run" => Some(&mut self.run),
            _ => None,
        }
    }

    /// The kinds that the section of this name can have; empty if it has no kinds.
    fn kinds(section: &str) -> &'static [&'static str] {
        match section {
            "environment" => EnvironmentKeys::kinds(),
            "algorithm" => AlgorithmKeys::KINDS,
            _ => &[],
        }
    }

    /// Makes the section one of this kind, with the usual values if it was of another.
    ///
    /// # Errors
    /// When there is no such kind.
    fn set_kind(&mut self, section: &str, kind: &Value) -> Result<(), Fault> {
        let wanted = kind.as_str().unwrap_or_default();
        let unknown = || {
            let known: Vec<String> = Self::kinds(section).iter().map(|kind| format!("`{kind}`")).collect();
            let near = nearest(wanted, Self::kinds(section).iter().copied());
            let near = near.map_or(String::new(), |near| format!(" (did you mean `{near}`?)"));
            format!("unknown kind{near}, expected {}", known.join(" or "))
        };
        match section {
            "environment" if wanted != self.environment.kind() => {
                self.environment = EnvironmentKeys::usual(wanted).ok_or_else(unknown)?;
            }
            "algorithm" if wanted != self.algorithm.kind() => {
                self.algorithm = AlgorithmKeys::usual(wanted).ok_or_else(unknown)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Values out of their range.
    fn faults(&self) -> Vec<Fault> {
        let mut faults = Faults::default();
        for (_, _, section) in self.sections() {
            section.check(self, &mut faults);
        }
        faults.into_sentences()
    }

    /// This configuration with another length of the run.
    ///
    /// # Errors
    /// When the length does not fit the other values.
    pub fn with_total_steps(mut self, total_steps: u64) -> Result<Config> {
        self.run.total_steps = total_steps;
        match self.faults().as_slice() {
            [] => Ok(self),
            faults => bail!("{}", faults.join("; ")),
        }
    }

    /// The configuration in TOML that [`to_toml`](Self::to_toml) wrote, or an earlier version of the program, without sections.
    /// A key that is not in it has its usual value.
    ///
    /// # Errors
    /// When it is not TOML, or has unknown keys or values of another type.
    pub fn from_toml(text: &str) -> Result<Config> {
        let read = || -> Result<Config> {
            let mut config = Config::default();
            let mut faults = Vec::new();
            config.apply(&sources::assignments(&parse_toml(text)?, "there"), &mut faults);
            match faults.as_slice() {
                [] => Ok(config),
                faults => bail!("{}", faults.join("; ")),
            }
        };
        read().context("the run's configuration is not one of this version of the program")
    }

    /// The configuration as TOML, every key.
    ///
    /// # Errors
    /// When a value cannot be written as TOML: a seed above `i64::MAX`.
    pub fn to_toml(&self) -> Result<String> {
        let mut text = String::new();
        for (name, kind, section) in self.sections() {
            let _ = writeln!(text, "{}[{name}]", if text.is_empty() { "" } else { "\n" });
            if let Some(kind) = kind {
                let _ = writeln!(text, "{KIND} = \"{kind}\"");
            }
            for Key { name: key, .. } in section.keys() {
                let value = section.get(key).with_context(|| format!("cannot write the value of {key} as TOML"))?;
                let _ = writeln!(text, "{key} = {value}");
            }
        }
        Ok(text)
    }

    /// The configuration as a table of sections.
    ///
    /// # Errors
    /// As for [`to_toml`](Self::to_toml).
    pub fn to_table(&self) -> Result<Table> {
        self.to_toml()?.parse().context("the configuration is no TOML")
    }
}

#[cfg(test)]
mod tests;

/// For tests, which know what they configure.
#[cfg(test)]
impl Config {
    pub(crate) fn atari(&self) -> &AtariKeys {
        self.environment.atari().unwrap()
    }

    pub(crate) fn dqn(&self) -> &DqnKeys {
        self.algorithm.dqn().unwrap()
    }

    pub(crate) fn dqn_mut(&mut self) -> &mut DqnKeys {
        self.algorithm.dqn_mut().unwrap()
    }
}
