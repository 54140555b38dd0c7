//! The sources of values, and their order.

use crate::config::section::Fault;
use crate::config::{AlgorithmKeys, Config, EnvironmentKeys, KIND, SECTIONS};
use crate::files::read_text;
use crate::system::files::LONGEST_DESCRIPTION;
use crate::text::faults::parse_toml;
use crate::text::nearest;
use anyhow::{bail, Context, Result};
use std::fmt::Write;
use std::path::Path;
use toml::{Table, Value};

/// The sources of a configuration.
#[derive(Clone, Debug, Default)]
pub struct Sources<'a> {
    /// Name of the preset.
    pub preset: &'a str,
    /// `--env`: the kind of environment.
    pub environment: Option<&'a str>,
    /// `--config`.
    pub file: Option<&'a Path>,
    /// `--set`, each `key=value` or `section.key=value`.
    pub overrides: &'a [String],
    /// `--seed`.
    pub seed: Option<u64>,
    /// `--steps`.
    pub steps: Option<u64>,
}

/// A key and its new value.
#[derive(Clone, Debug)]
pub(super) struct Assignment {
    /// As written: `key` or `section.key`.
    path: String,
    value: Value,
    /// Where it is written, for messages.
    place: String,
}

impl Assignment {
    fn new(path: &str, value: Value, place: &str) -> Self {
        // `algorithm = "dqn"` is short for `algorithm.kind = "dqn"`. The key `network` has no kind and is a key.
        let path = if Config::kinds(path).is_empty() { path.to_string() } else { format!("{path}.{KIND}") };
        Self { path, value, place: place.to_string() }
    }

    /// Section, if it is named, and key.
    fn parts(&self) -> (Option<&str>, &str) {
        self.path.split_once('.').map_or((None, self.path.as_str()), |(section, key)| (Some(section), key))
    }

    /// The section whose kind it sets.
    fn section_of_kind(&self) -> Option<&str> {
        match self.parts() {
            (Some(section), KIND) if !Config::kinds(section).is_empty() => Some(section),
            _ => None,
        }
    }
}

/// The keys of `table`, which is in sections, or flat as earlier versions wrote it, or both.
pub(super) fn assignments(table: &Table, place: &str) -> Vec<Assignment> {
    let mut list = Vec::new();
    for (key, value) in table {
        match value {
            Value::Table(keys) if keys.is_empty() && SECTIONS.contains(&key.as_str()) => {}
            Value::Table(keys) if !keys.is_empty() => {
                list.extend(
                    keys.iter().map(|(inner, value)| Assignment::new(&format!("{key}.{inner}"), value.clone(), place)),
                );
            }
            value => list.push(Assignment::new(key, value.clone(), place)),
        }
    }
    list
}

/// The keys of a configuration without their sections, as earlier versions wrote it. The kinds of environment and algorithm
/// are left out where they are the usual ones, and are called `environment` and `algorithm` where they are not.
pub fn flat(table: &Table) -> Table {
    let mut keys = Table::new();
    for (key, value) in table {
        match value {
            Value::Table(section) if SECTIONS.contains(&key.as_str()) => {
                for (inner, value) in section {
                    if inner != KIND {
                        keys.insert(inner.clone(), value.clone());
                    } else if value.as_str() != Config::kinds(key).first().copied() {
                        keys.insert(key.clone(), value.clone());
                    }
                }
            }
            value => {
                keys.insert(key.clone(), value.clone());
            }
        }
    }
    keys
}

/// The section of the environment.
const ENVIRONMENT: &str = SECTIONS[0];

impl Config {
    /// The configuration that `sources` give together.
    ///
    /// # Errors
    /// All faults at once: unknown keys, values of another type or out of their range. Also when there is no such preset, or
    /// the file cannot be read.
    pub fn resolve(sources: &Sources) -> Result<Config> {
        let preset = Config::preset(sources.preset)?;
        let mut given = Vec::new();
        let mut faults = Vec::new();
        if let Some(path) = sources.file {
            let text = read_text(path, LONGEST_DESCRIPTION)?;
            let file: Table = parse_toml(&text).with_context(|| format!("{} is not TOML", path.display()))?;
            given.extend(assignments(&file, &format!("in {}", path.display())));
        }
        if let Some(kind) = sources.environment {
            given.push(Assignment::new(ENVIRONMENT, Value::String(kind.to_string()), "in --env"));
        }
        for assignment in sources.overrides {
            match assignment.split_once('=') {
                Some((path, text)) => given.push(Assignment::new(path.trim(), parse_value(text.trim()), "in --set")),
                None => faults.push(format!("--set {assignment}: expected KEY=VALUE, e.g. --set learning_rate=1e-4")),
            }
        }
        let mut config = preset.clone();
        config.apply(&given, &mut faults);
        let epsilon_given = given.iter().any(|given| matches!(given.parts().1, "epsilon_initial" | "epsilon_final"));
        if config.network.noisy && !preset.network.noisy && !epsilon_given {
            config.leave_exploration_to_the_noise();
        }
        config.run.seed = sources.seed.unwrap_or(config.run.seed);
        config.run.total_steps = sources.steps.unwrap_or(config.run.total_steps);
        if let Some(pqn) = config.algorithm.pqn_mut() {
            if pqn.anneal_learning_rate && pqn.learning_rate_anneal_steps == 0 {
                pqn.learning_rate_anneal_steps = config.run.total_steps;
            }
        }
        faults.extend(config.faults());
        match faults.as_slice() {
            [] => Ok(config),
            [fault] => bail!("invalid configuration: {fault}"),
            faults => {
                let mut message = format!("invalid configuration, {} faults:", faults.len());
                for fault in faults {
                    let _ = write!(message, "\n  {fault}");
                }
                bail!(message)
            }
        }
    }

    /// Epsilon becomes 0 if the algorithm has one: the preset's was for a network without noise.
    fn leave_exploration_to_the_noise(&mut self) {
        let algorithm = self.algorithm.section_mut();
        for key in ["epsilon_initial", "epsilon_final"] {
            if algorithm.has(key) {
                let set = algorithm.set(key, Value::Float(0.0));
                debug_assert_eq!(set, Ok(()));
            }
        }
    }

    /// Gives the keys their values, kinds first; adds their faults to `faults`.
    pub(super) fn apply(&mut self, given: &[Assignment], faults: &mut Vec<Fault>) {
        for assignment in given {
            let Some(section) = assignment.section_of_kind() else { continue };
            if let Err(reason) = self.set_kind(section, &assignment.value) {
                let usual = Config::kinds(section).first().copied().unwrap_or_default();
                faults.push(refusal(assignment, &reason, usual));
            }
        }
        for assignment in given.iter().filter(|assignment| assignment.section_of_kind().is_none()) {
            if let Err(fault) = self.apply_key(assignment) {
                faults.push(fault);
            }
        }
    }

    fn apply_key(&mut self, assignment: &Assignment) -> Result<(), Fault> {
        let (_, key) = assignment.parts();
        let section = self.section_of(assignment)?;
        let Some(section) = self.section_mut(section) else { return Ok(()) };
        let current = section.get(key);
        section
            .set(key, assignment.value.clone())
            .map_err(|reason| refusal(assignment, &reason, &current.as_ref().map_or(String::new(), plain)))
    }

    /// The section that has the key of `assignment`.
    fn section_of(&self, assignment: &Assignment) -> Result<&'static str, Fault> {
        let Assignment { path, place, .. } = assignment;
        // The nearest name, then where all of them are listed.
        let hint = |near: Option<String>| match (near, self.list_of_keys()) {
            (Some(near), list) => format!("; did you mean `{near}`? {list}"),
            (None, list) => format!("; {list}"),
        };
        let (named, key) = assignment.parts();
        let having: Vec<&str> =
            self.sections().into_iter().filter(|(_, _, keys)| keys.has(key)).map(|(name, ..)| name).collect();
        match (named, having.as_slice()) {
            (None, [only]) => Ok(only),
            (None, []) => {
                if let Some(fault) = self.key_of_another_kind(assignment) {
                    return Err(fault);
                }
                let keys = self.sections().into_iter().flat_map(|(_, _, keys)| keys.keys()).map(|key| key.name);
                let near = nearest(key, keys.chain(SECTIONS)).map(str::to_string);
                Err(format!("unknown key `{key}` {place}{}", hint(near)))
            }
            (None, several) => {
                let names: Vec<String> = several.iter().map(|section| format!("`{section}.{key}`")).collect();
                Err(format!("`{key}` {place} can be {}: write one of these", names.join(" or ")))
            }
            (Some(named), having) => {
                let Some((name, _, keys)) = self.sections().into_iter().find(|(name, ..)| *name == named) else {
                    let near = nearest(named, SECTIONS.into_iter()).map(str::to_string);
                    let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                    let sections = SECTIONS.join(", ");
                    return Err(format!("unknown section `{named}` {place}{near} (the sections are {sections})"));
                };
                if having.contains(&name) {
                    return Ok(name);
                }
                if let Some(fault) = self.key_of_another_kind(assignment) {
                    return Err(fault);
                }
                let near = match having.first() {
                    Some(other) => Some(format!("{other}.{key}")),
                    None => nearest(key, keys.keys().iter().map(|key| key.name)).map(|near| format!("{name}.{near}")),
                };
                Err(format!("unknown key `{path}` {place}{}", hint(near)))
            }
        }
    }
}

impl Config {
    /// The fault of a key that another algorithm or environment has than the one that is configured.
    fn key_of_another_kind(&self, assignment: &Assignment) -> Option<Fault> {
        let (section, key) = assignment.parts();
        let [environment, algorithm, ..] = SECTIONS;
        let within = |name: &str| section.is_none_or(|section| section == name);
        let of_algorithm = |kind: &&&str| AlgorithmKeys::usual(kind).is_some_and(|keys| keys.section().has(key));
        let of_environment = |kind: &&&str| EnvironmentKeys::usual(kind).is_some_and(|keys| keys.section().has(key));
        let kind_of = |preset: &Config, what: &str| {
            if what == algorithm {
                preset.algorithm.kind()
            } else {
                preset.environment.kind()
            }
        };
        let found = AlgorithmKeys::KINDS.iter().find(of_algorithm).filter(|_| within(algorithm));
        let found = found.map(|kind| (algorithm, *kind)).or_else(|| {
            let kind = EnvironmentKeys::kinds().iter().find(of_environment).filter(|_| within(environment))?;
            Some((environment, *kind))
        });
        let (what, kind) = found?;
        let of_kind = |name: &&str| Config::preset(name).is_ok_and(|preset| kind_of(&preset, what) == kind);
        let presets: Vec<&str> = Config::preset_names().filter(of_kind).collect();
        Some(format!(
            "`{}` {} is a key of the {what} `{kind}`, and this is `{}`; presets with `{kind}`: {}; {}",
            assignment.path,
            assignment.place,
            kind_of(self, what),
            presets.join(", "),
            self.list_of_keys()
        ))
    }

    /// Where all keys of this configuration are listed.
    fn list_of_keys(&self) -> String {
        let own = self.algorithm.kind();
        let mut names = Config::preset_names();
        let name = names.find(|name| Config::preset(name).is_ok_and(|preset| preset.algorithm.kind() == own));
        format!("`atari-dqn presets {}` lists all keys of `{own}`", name.unwrap_or_default())
    }
}

/// The fault of a value that the key does not accept; `example` is one that it does.
fn refusal(Assignment { path, value, place }: &Assignment, reason: &str, example: &str) -> Fault {
    format!("{path} is {value} {place}: {reason}; e.g. --set {path}={example}")
}

/// The value as one would type it after `--set key=`.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}

/// Parses a TOML value; any other text is a string, so strings need no quotes.
fn parse_value(text: &str) -> Value {
    format!("value = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(text.to_string()))
}
