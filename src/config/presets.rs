//! Configurations to start from. The files in `presets/` state only what differs from the usual values, with the reason.

use crate::config::section::Key;
use crate::config::{sources, Config, EnvironmentKeys, KIND};
use crate::text::nearest;
use anyhow::{bail, Context, Result};
use std::collections::BTreeMap;
use std::fmt::Write;
use toml::{Table, Value};

/// (name, file) of the presets.
pub(super) const PRESETS: &[(&str, &str)] = &[
    ("nature", include_str!("presets/nature.toml")),
    ("dopamine", include_str!("presets/dopamine.toml")),
    ("cleanrl", include_str!("presets/cleanrl.toml")),
    ("rainbow", include_str!("presets/rainbow.toml")),
    ("machado", include_str!("presets/machado.toml")),
    ("pqn", include_str!("presets/pqn.toml")),
    ("pqn-cpu", include_str!("presets/pqn-cpu.toml")),
    ("pong-cpu", include_str!("presets/pong-cpu.toml")),
    ("breakout-cpu", include_str!("presets/breakout-cpu.toml")),
    ("bricks", include_str!("presets/bricks.toml")),
    ("space-invaders-reinforce", include_str!("presets/space-invaders-reinforce.toml")),
    ("breakout-tf-agents", include_str!("presets/breakout-tf-agents.toml")),
    ("breakout-notebook", include_str!("presets/breakout-notebook.toml")),
    ("space-invaders-notebook", include_str!("presets/space-invaders-notebook.toml")),
    ("cartpole", include_str!("presets/cartpole.toml")),
    ("cartpole-dqn", include_str!("presets/cartpole-dqn.toml")),
    ("cartpole-fixed", include_str!("presets/cartpole-fixed.toml")),
    ("cartpole-double", include_str!("presets/cartpole-double.toml")),
    ("cartpole-prioritized", include_str!("presets/cartpole-prioritized.toml")),
    ("cartpole-dueling", include_str!("presets/cartpole-dueling.toml")),
    ("cartpole-reinforce", include_str!("presets/cartpole-reinforce.toml")),
    ("cartpole-v1-reinforce", include_str!("presets/cartpole-v1-reinforce.toml")),
    ("cartpole-q", include_str!("presets/cartpole-q.toml")),
    ("cartpole-sarsa", include_str!("presets/cartpole-sarsa.toml")),
    ("cartpole-double-q", include_str!("presets/cartpole-double-q.toml")),
    ("lunar-lander", include_str!("presets/lunar-lander.toml")),
    ("lunar-lander-udacity", include_str!("presets/lunar-lander-udacity.toml")),
    ("lunar-lander-reinforce", include_str!("presets/lunar-lander-reinforce.toml")),
    ("lunar-lander-reinforce-as-told", include_str!("presets/lunar-lander-reinforce-as-told.toml")),
    ("gridworld", include_str!("presets/gridworld.toml")),
    ("frozen-lake", include_str!("presets/frozen-lake.toml")),
    ("cliff-walking", include_str!("presets/cliff-walking.toml")),
    ("cliff-walking-sarsa", include_str!("presets/cliff-walking-sarsa.toml")),
    ("mdp", include_str!("presets/mdp.toml")),
    ("mdp-value-iteration", include_str!("presets/mdp-value-iteration.toml")),
    ("mdp-td", include_str!("presets/mdp-td.toml")),
    ("mdp-q", include_str!("presets/mdp-q.toml")),
    ("mdp-bonus", include_str!("presets/mdp-bonus.toml")),
    ("markov-chain", include_str!("presets/markov-chain.toml")),
];

/// Units, below the first lines of every preset that is shown.
const UNITS: &str = "# frame = 1/60 s of the game; step = one decision of the agent; update = one gradient step.";
/// Column of the comments of a preset that is shown.
const COMMENT_COLUMN: usize = 37;

/// A preset's file.
fn file(name: &str) -> Result<&'static str> {
    if let Some((_, text)) = PRESETS.iter().find(|(preset, _)| *preset == name) {
        return Ok(text);
    }
    let names: Vec<&str> = Config::preset_names().collect();
    let nearest =
        nearest(name, names.iter().copied()).map_or(String::new(), |near| format!(", did you mean `{near}`?"));
    bail!(
        "there is no preset `{name}`{nearest} (there are: {}); `atari-dqn presets` lists them with their purposes",
        names.join(", ")
    );
}

/// (key, comment) of every line with a key.
pub(super) fn comments(text: &str) -> BTreeMap<&str, &str> {
    let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" = "));
    lines.map(|(key, rest)| (key.trim(), rest.split_once(" # ").map_or("", |(_, comment)| comment.trim()))).collect()
}

impl Config {
    /// The preset of a run on a CPU if neither a preset nor a file is given.
    pub const USUAL_PRESET: &'static str = "pqn-cpu";

    /// The preset `name`: the values in its file, and the usual values for all other keys.
    ///
    /// # Errors
    /// When there is no such preset.
    pub fn preset(name: &str) -> Result<Config> {
        let table: Table = file(name)?.parse().with_context(|| format!("preset {name} is not TOML"))?;
        let mut config = Config::default();
        let mut faults = Vec::new();
        config.apply(&sources::assignments(&table, &format!("in the preset {name}")), &mut faults);
        match faults.as_slice() {
            [] => Ok(config),
            faults => bail!("preset {name}: {}", faults.join("; ")),
        }
    }

    /// The preset for the environment `kind` if none is named: the first one for it.
    ///
    /// # Errors
    /// When there is no such environment.
    pub fn usual_preset_of(kind: &str) -> Result<&'static str> {
        let of_kind = |name: &&str| Config::preset(name).is_ok_and(|preset| preset.environment.kind() == kind);
        if let Some(name) = Config::preset_names().find(of_kind) {
            return Ok(name);
        }
        let kinds = EnvironmentKeys::kinds();
        let near =
            nearest(kind, kinds.iter().copied()).map_or(String::new(), |near| format!(", did you mean `{near}`?"));
        bail!("there is no environment `{kind}`{near} (there are: {}); `atari-dqn envs` lists them", kinds.join(", "));
    }

    /// The names of the presets.
    pub fn preset_names() -> impl Iterator<Item = &'static str> {
        PRESETS.iter().map(|(name, _)| *name)
    }

    /// (name, purpose in one line) of every preset.
    pub fn preset_descriptions() -> impl Iterator<Item = (&'static str, &'static str)> {
        PRESETS.iter().map(|(name, text)| (*name, text.lines().next().unwrap_or_default().trim_start_matches("# ")))
    }

    /// The preset `name` as a file for `--config`: every key with its value, unit and source.
    ///
    /// # Errors
    /// When there is no such preset.
    pub fn preset_text(name: &str) -> Result<String> {
        let (config, text) = (Config::preset(name)?, file(name)?);
        let comments = comments(text);
        let mut shown = String::new();
        for line in text.lines().take_while(|line| line.starts_with('#')).chain([UNITS]) {
            let _ = writeln!(shown, "{line}");
        }
        for (name, kind, section) in config.sections() {
            let _ = writeln!(shown, "\n[{name}]");
            if let Some(kind) = kind {
                let _ = writeln!(shown, "{KIND} = \"{kind}\"");
            }
            for Key { name: key, help, source } in section.keys() {
                let value = section.get(key).as_ref().map(readable).unwrap_or_default();
                let assignment = format!("{key} = {value}");
                let _ = match comments.get(key) {
                    Some(comment) => writeln!(shown, "{assignment:<COMMENT_COLUMN$} # {comment}"),
                    None => writeln!(shown, "{assignment:<COMMENT_COLUMN$} # {help}; {source}"),
                };
            }
        }
        Ok(shown)
    }

    /// All presets, a line each, by environment.
    pub fn preset_list() -> String {
        let kind = |name| Config::preset(name).map_or("", |preset| preset.environment.kind());
        let mut list = String::new();
        for environment in EnvironmentKeys::kinds() {
            let _ = writeln!(list, "{}{environment}", if list.is_empty() { "" } else { "\n" });
            for (name, line) in Config::preset_descriptions().filter(|(name, _)| kind(name) == *environment) {
                let _ = writeln!(list, "  {name:<21} {line}");
            }
        }
        list
    }
}

/// The value in TOML as a person writes it: `50_000_000`, `2.5e-4`.
fn readable(value: &Value) -> String {
    match value {
        Value::Integer(number) => {
            let digits = number.to_string();
            let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
            groups.iter().map(|group| String::from_utf8_lossy(group)).collect::<Vec<_>>().join("_")
        }
        Value::Float(number) if *number != 0.0 && number.abs() < 1e-3 => format!("{number:e}"),
        value => value.to_string(),
    }
}
