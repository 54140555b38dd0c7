//! A run that was stopped before it had saved anything: it starts over, in the same folder, on `--resume` and on the command that
//! started it.

use crate::config::Config;
use crate::policy::model::{Model, BEST_FILE, MODEL_FILE};
use crate::run::edited;
use crate::run::folder::{self, Identity, RunFolder, RunState, CONFIG_FILE, EVENTS_FILE, IDENTITY_FILE, METRICS_FILE};
use crate::run::{rows, tensorboard};
use crate::saving::own_files;
use anyhow::{bail, ensure, Context, Result};
use std::fs;
use std::path::Path;

/// Refuses a folder for a new run with `config` if it holds a run already; one with the same configuration that saved nothing is
/// allowed, and starts over.
///
/// # Errors
/// When it holds another run, or one that saved something.
pub fn ensure_free(folder: &Path, config: &Config) -> Result<()> {
    let Some(file) = folder::file_of_run(folder) else { return Ok(()) };
    let shown = folder.display();
    let begun = if RunState::of(folder) == RunState::NothingSaved { edited::config_in(folder)? } else { None };
    let Some(begun) = begun.filter(|begun| !has_all_rows(folder, begun)) else {
        bail!("{shown} already holds a run (there is a {file}); continue it with --resume, or give another folder with --run-dir");
    };
    let differences = edited::differences(&begun, config)?;
    ensure!(
        differences.is_empty(),
        "{shown} already holds a run, which was stopped before its first checkpoint and has another configuration: {}; start it \
         over with --resume, or give another folder with --run-dir",
        differences.join("; ")
    );
    Ok(())
}

/// Refuses when the run that began in `folder` is not the one with this identity: of another cartridge, for instance.
///
/// # Errors
/// When it is another, or `run.toml` cannot be used.
pub fn ensure_same(folder: &Path, identity: &Identity) -> Result<()> {
    if !folder.join(IDENTITY_FILE).exists() {
        return Ok(());
    }
    let there = Identity::read(folder)?;
    ensure!(
        there == *identity,
        "{} holds a run of {} (MD5 {}) with preset {}, not of {} (MD5 {}) with preset {}; give another folder with --run-dir",
        folder.display(),
        there.game,
        there.cartridge_md5,
        there.preset,
        identity.game,
        identity.cartridge_md5,
        identity.preset
    );
    Ok(())
}

/// Whether the rows go to the end of the run: its checkpoints and its networks were removed, and the rows are its result.
fn has_all_rows(folder: &Path, config: &Config) -> bool {
    rows::last_step(&folder.join(METRICS_FILE)).is_some_and(|step| step >= config.run.total_steps)
}

/// Moves the rows and the network of the run that began in `folder` into a new folder in it, if there are any.
///
/// # Errors
/// When they cannot be moved.
pub fn set_aside(folder: &RunFolder) -> Result<()> {
    let longer = |file: &str, than: u64| fs::symlink_metadata(folder.file(file)).is_ok_and(|found| found.len() > than);
    if !longer(METRICS_FILE, 0) && !longer(EVENTS_FILE, tensorboard::EMPTY) && !longer(BEST_FILE, 0) {
        return Ok(());
    }
    let aside = folder.file("before");
    if own_files::is_there(&aside) {
        own_files::move_aside(&aside)?;
    }
    fs::create_dir(&aside).with_context(|| format!("cannot create {}", aside.display()))?;
    for file in [METRICS_FILE, EVENTS_FILE, BEST_FILE] {
        let path = folder.file(file);
        if own_files::is_there(&path) {
            fs::rename(&path, aside.join(file)).with_context(|| format!("cannot move {}", path.display()))?;
        }
    }
    say!("rows of the run that was stopped before its first checkpoint are now in {}", aside.display());
    Ok(())
}

/// What `--resume` can do with a run that has no checkpoint.
pub enum Rest {
    /// Its configuration, with which it starts over.
    All(Box<Config>),
    /// The evaluation; this is its configuration.
    Evaluation(Box<Config>),
}

/// What is left to do of the run in `folder`, which has no checkpoint. `steps` is a new total, if one was given.
///
/// # Errors
/// When there is no run, or it has results and cannot continue; then nothing is touched.
pub fn rest(folder: &Path, steps: Option<u64>) -> Result<Rest> {
    let shown = folder.display();
    let removed = "its checkpoints were removed, so it cannot be trained further";
    let again =
        format!("to train it again: atari-dqn train --config {shown}/{CONFIG_FILE} --run-dir with another folder");
    let state = RunState::of(folder);
    if state == RunState::Finished {
        bail!("{shown} holds a run that is finished and evaluated; {removed}; {again}");
    }
    let config = edited::config_in(folder)?;
    let (Some(config), true) = (config, folder.join(IDENTITY_FILE).exists()) else {
        bail!(
            "{shown} holds no checkpoint to continue from, and no {IDENTITY_FILE} and {CONFIG_FILE} to start over with; start it \
             with the command that was to start it"
        );
    };
    let planned = config.run.total_steps;
    let config = config.with_total_steps(steps.unwrap_or(planned))?;
    if state == RunState::NetworkOnly {
        let trained = Model::load(&folder.join(MODEL_FILE))?.metadata.steps_trained;
        ensure!(
            trained >= config.run.total_steps && config.run.final_evaluation_episodes > 0,
            "{shown} holds a network of {trained} steps and no checkpoint; {removed}; {again}"
        );
        return Ok(Rest::Evaluation(Box::new(config)));
    }
    ensure!(!has_all_rows(folder, &config), "{shown} holds the rows of a run that is finished; {removed}; {again}");
    Ok(Rest::All(Box::new(config)))
}

/// Whether only the evaluation is missing of the run in `folder`.
pub fn needs_only_evaluation(folder: &Path) -> bool {
    matches!(rest(folder, None), Ok(Rest::Evaluation(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::folder::EVALUATION_FILE;

    fn begun() -> (tempfile::TempDir, Config) {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::preset("bricks").unwrap();
        fs::write(folder.path().join(CONFIG_FILE), config.to_toml().unwrap()).unwrap();
        fs::write(folder.path().join(IDENTITY_FILE), "").unwrap();
        (folder, config)
    }

    #[test]
    fn the_same_start_is_allowed_where_nothing_was_saved_and_another_one_is_refused_with_the_keys() {
        let (folder, config) = begun();
        ensure_free(folder.path(), &config).unwrap();
        let mut other = config.clone();
        (other.run.seed, other.dqn_mut().gamma) = (7, 0.5);
        let refusal = ensure_free(folder.path(), &other).unwrap_err().to_string();
        assert!(refusal.contains("seed is 0, not 7") && refusal.contains("gamma is"), "{refusal}");
        for file in [EVALUATION_FILE, MODEL_FILE] {
            let path = folder.path().join(file);
            fs::write(&path, "").unwrap();
            let refusal = ensure_free(folder.path(), &config).unwrap_err().to_string();
            assert!(refusal.contains("already holds a run"), "{refusal}");
            fs::remove_file(path).unwrap();
        }
        let last = format!("{{\"step\":{}}}\n", config.run.total_steps);
        fs::write(folder.path().join(METRICS_FILE), last).unwrap();
        assert!(ensure_free(folder.path(), &config).is_err(), "the rows are complete");
    }

    #[test]
    fn only_a_run_without_results_starts_over() {
        let (folder, config) = begun();
        let steps = |rest| match rest {
            Ok(Rest::All(config)) => config.run.total_steps,
            Ok(Rest::Evaluation(_)) => panic!("nothing to evaluate"),
            Err(error) => panic!("{error:#}"),
        };
        assert_eq!(steps(rest(folder.path(), None)), config.run.total_steps);
        assert_eq!(steps(rest(folder.path(), Some(9))), 9);
        fs::write(folder.path().join(METRICS_FILE), "{\"step\":9}\n").unwrap();
        assert_eq!(steps(rest(folder.path(), None)), config.run.total_steps);
        assert!(rest(folder.path(), Some(9)).is_err(), "the rows are complete");
        fs::write(folder.path().join(EVALUATION_FILE), "{}").unwrap();
        let refusal = rest(folder.path(), None).err().unwrap().to_string();
        assert!(refusal.contains("finished and evaluated") && refusal.contains("--config"), "{refusal}");
        fs::remove_file(folder.path().join(EVALUATION_FILE)).unwrap();
        fs::remove_file(folder.path().join(IDENTITY_FILE)).unwrap();
        assert!(rest(folder.path(), None).err().unwrap().to_string().contains("no run.toml"));
    }

    #[test]
    fn rows_are_moved_aside_each_time_and_kept() {
        let (folder, _) = begun();
        let taken = RunFolder::take(folder.path()).unwrap();
        set_aside(&taken).unwrap();
        assert!(!folder.path().join("before").exists(), "there are no rows");
        for text in ["first", "second"] {
            fs::write(folder.path().join(METRICS_FILE), text).unwrap();
            set_aside(&taken).unwrap();
            assert!(!folder.path().join(METRICS_FILE).exists());
        }
        let read = |name: &str| fs::read_to_string(folder.path().join(name).join(METRICS_FILE)).unwrap();
        assert_eq!((read("before.old").as_str(), read("before").as_str()), ("first", "second"));
    }
}
