//! Files of a run that people may have edited: `config.toml` and `run.toml`. A run continues as it began, so an edit is neither
//! followed nor overwritten in silence.

use crate::config::Config;
use crate::run::folder::{Identity, CONFIG_FILE, IDENTITY_FILE};
use anyhow::{bail, ensure, Context, Result};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use toml::{Table, Value};

/// Keys that only say when a run ends, so that a run can continue with another value.
const END_KEYS: [&str; 2] = ["total_steps", "solved_at"];

/// The keys whose values differ, with both values: "gamma is 0.9, not 0.99".
///
/// # Errors
/// When a configuration cannot be written as TOML.
pub fn differences(there: &Config, wanted: &Config) -> Result<Vec<String>> {
    let (there, wanted) = (there.to_table()?, wanted.to_table()?);
    let section = |table: &Table, name: &String| table.get(name).and_then(Value::as_table).cloned().unwrap_or_default();
    let names: BTreeSet<&String> = there.keys().chain(wanted.keys()).collect();
    let mut found = Vec::new();
    for name in names {
        let (there, wanted) = (section(&there, name), section(&wanted, name));
        let (kind, other) = (there.get("kind"), wanted.get("kind"));
        if kind != other {
            let word = |kind: Option<&Value>| kind.map_or("none".to_string(), Value::to_string);
            found.push(format!("{name} is {}, not {}", word(kind), word(other)));
        }
        found.extend(differing_keys(&there, &wanted));
    }
    Ok(found)
}

/// The keys that both tables have with different values.
fn differing_keys(there: &Table, wanted: &Table) -> Vec<String> {
    let differs = |(key, value): (&String, &Value)| {
        let other = there.get(key).filter(|other| *other != value && key != "kind")?;
        Some(format!("{key} is {other}, not {value}"))
    };
    wanted.iter().filter_map(differs).collect()
}

/// The configuration in `config.toml` of `folder`; `None` if there is no such file.
///
/// # Errors
/// When it cannot be read or used.
pub fn config_in(folder: &Path) -> Result<Option<Config>> {
    let path = folder.join(CONFIG_FILE);
    if !path.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Config::from_toml(&text).map(Some).with_context(|| format!("{} cannot be used", path.display()))
}

/// The configuration with which a run continues whose checkpoint has `config`. The end of the run may be another in `config.toml`:
/// someone wrote it there, or the run was killed after it had been given a new one.
///
/// # Errors
/// When other keys of `config.toml` were edited, which are named, or it cannot be used.
pub fn config_to_continue(folder: &Path, mut config: Config) -> Result<Config> {
    let shown = folder.display();
    let advice = format!(
        "a run continues with the configuration it began with: undo the edit, or remove the file, which is then written again; \
         another configuration is a new run, e.g. atari-dqn train --config {shown}/{CONFIG_FILE}"
    );
    let Some(edited) = config_in(folder).with_context(|| advice.clone())? else { return Ok(config) };
    let ends = [config.run.total_steps as f64, config.run.solved_at];
    let new_ends = [edited.run.total_steps as f64, edited.run.solved_at];
    for (key, (before, now)) in END_KEYS.into_iter().zip(ends.into_iter().zip(new_ends)) {
        if before != now {
            say!("{key} is {now}, as {shown}/{CONFIG_FILE} has it; it was {before} at the last checkpoint");
        }
    }
    config.run.solved_at = edited.run.solved_at;
    let config = config.with_total_steps(edited.run.total_steps)?;
    let differences = differences(&edited, &config)?;
    ensure!(differences.is_empty(), "{shown}/{CONFIG_FILE} was edited: {}; {advice}", differences.join("; "));
    Ok(config)
}

/// Refuses when `run.toml` in `folder` is not of the run with this identity; writes it if there is none.
///
/// # Errors
/// When it was edited, or cannot be written.
pub fn check_identity(folder: &Path, identity: &Identity) -> Result<()> {
    let path = folder.join(IDENTITY_FILE);
    if !path.exists() {
        return identity.write(folder);
    }
    let advice = format!("{} does not say what the run is; remove it, and it is written again", path.display());
    let there = Identity::read(folder).context(advice.clone())?;
    let table = |identity: &Identity| Table::try_from(identity).context("cannot write what the run is as TOML");
    let differences = differing_keys(&table(&there)?, &table(identity)?);
    if !differences.is_empty() {
        bail!("{advice}: {}", differences.join("; "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preset(name: &str) -> Config {
        Config::preset(name).unwrap()
    }

    #[test]
    fn every_key_that_differs_is_named_and_the_algorithm_too() {
        let mut other = preset("bricks");
        other.dqn_mut().gamma = 0.5;
        other.run.seed = 9;
        let found = differences(&other, &preset("bricks")).unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("gamma is 0.5, not ") && found[1] == "seed is 9, not 0", "{found:?}");
        let found = differences(&preset("bricks"), &preset("pqn-cpu")).unwrap().join("; ");
        assert!(found.contains("algorithm is \"dqn\", not \"pqn\""), "{found}");
        assert_eq!(differences(&preset("pqn"), &preset("pqn")).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn an_edited_configuration_is_named_and_only_the_end_of_the_run_can_be_another() {
        let folder = tempfile::tempdir().unwrap();
        let config = preset("bricks");
        assert_eq!(config_to_continue(folder.path(), config.clone()).unwrap(), config, "no file");
        let write = |config: &Config| fs::write(folder.path().join(CONFIG_FILE), config.to_toml().unwrap()).unwrap();
        let mut edited = config.clone();
        edited.run.total_steps += 7;
        edited.run.solved_at = f64::INFINITY;
        write(&edited);
        assert_eq!(config_to_continue(folder.path(), config.clone()).unwrap(), edited);
        edited.dqn_mut().gamma = 0.5;
        write(&edited);
        let refusal = format!("{:#}", config_to_continue(folder.path(), config.clone()).unwrap_err());
        assert!(refusal.contains("was edited: gamma is 0.5, not ") && refusal.contains("--config"), "{refusal}");
        fs::write(folder.path().join(CONFIG_FILE), "gamma = []").unwrap();
        let refusal = format!("{:#}", config_to_continue(folder.path(), config).unwrap_err());
        assert!(refusal.contains("undo the edit") && refusal.contains("gamma"), "{refusal}");
    }

    #[test]
    fn an_edited_identity_is_named_and_a_missing_one_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let identity = Identity {
            environment: "atari".to_string(),
            game: "pong".to_string(),
            cartridge_md5: "abc123".to_string(),
            algorithm: "dqn".to_string(),
            preset: "nature".to_string(),
            seed: 3,
        };
        check_identity(folder.path(), &identity).unwrap();
        check_identity(folder.path(), &identity).unwrap();
        Identity { seed: 4, ..identity.clone() }.write(folder.path()).unwrap();
        let refusal = format!("{:#}", check_identity(folder.path(), &identity).unwrap_err());
        assert!(refusal.contains("remove it") && refusal.contains("seed is 4, not 3"), "{refusal}");
    }
}
