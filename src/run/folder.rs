//! A run's folder: the names of its files, the lock that one process holds, and `run.toml`, which says what the run is.

use crate::files::read_text;
use crate::policy::model::{Model, BEST_FILE, MODEL_FILE};
use crate::run::checkpoints;
use crate::saving::{own_files, sealed_file};
use crate::system::files::LONGEST_DESCRIPTION;
use crate::text::faults::parse_toml;
use anyhow::{bail, Context, Result};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// The run's [`Identity`].
pub const IDENTITY_FILE: &str = "run.toml";
/// The configuration as resolved.
pub const CONFIG_FILE: &str = "config.toml";
/// The rows of metrics.
pub const METRICS_FILE: &str = "metrics.jsonl";
/// The same rows for TensorBoard.
pub const EVENTS_FILE: &str = "events.out.tfevents.run";
/// The evaluation after training.
pub const EVALUATION_FILE: &str = "evaluation.json";
/// The best game of that evaluation.
pub const BEST_GAME_FILE: &str = "best-game.gif";
/// Where the checkpoints are.
pub const CHECKPOINTS_FOLDER: &str = "checkpoints";
/// Locked by the process that trains.
const LOCK_FILE: &str = "lock";
/// Every file that a run writes into its folder, but for the lock.
const RUN_FILES: [&str; 8] =
    [IDENTITY_FILE, CONFIG_FILE, METRICS_FILE, EVENTS_FILE, MODEL_FILE, BEST_FILE, EVALUATION_FILE, BEST_GAME_FILE];

/// Whether a run writes a file of this name into its folder.
pub fn is_run_file(name: &str) -> bool {
    RUN_FILES.contains(&name)
}

/// The first file of a run that is in `folder`; `None` if there is no run.
pub fn file_of_run(folder: &Path) -> Option<&'static str> {
    RUN_FILES.into_iter().find(|file| own_files::is_there(&folder.join(file)))
}

/// How far the run in a folder is. Results decide: whoever removes the checkpoints to save room still has a finished run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// There is no run.
    NotBegun,
    /// A run began and saved nothing: it can start over.
    NothingSaved,
    /// There is a network but neither a checkpoint nor an evaluation.
    NetworkOnly,
    /// There is a checkpoint to continue from.
    Checkpoint,
    /// It is trained and evaluated.
    Finished,
}

impl RunState {
    /// That of the run in `folder`.
    pub fn of(folder: &Path) -> Self {
        let has = |file: &str| own_files::is_there(&folder.join(file));
        if has(EVALUATION_FILE) {
            Self::Finished
        } else if checkpoints::exist_in(folder) {
            Self::Checkpoint
        } else if has(MODEL_FILE) {
            // Written after the first checkpoint.
            Self::NetworkOnly
        } else if file_of_run(folder).is_some() {
            Self::NothingSaved
        } else {
            Self::NotBegun
        }
    }
}

/// Identifies a run; known from its start and never changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The kind of environment, e.g. `atari`.
    pub environment: String,
    /// The game's name; of an Atari game the one in ALE.
    pub game: String,
    /// MD5 of the cartridge, 32 hexadecimal digits; empty where there is no cartridge.
    pub cartridge_md5: String,
    /// The algorithm, e.g. `dqn`.
    pub algorithm: String,
    /// The preset the configuration began with.
    pub preset: String,
    /// Seed of everything random in the run.
    pub seed: u64,
}

impl Identity {
    /// Writes `run.toml` in `folder`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let text = toml::to_string(self).context("cannot write what the run is as TOML")?;
        sealed_file::write_atomically(&folder.join(IDENTITY_FILE), &[b"# What this run is.\n", text.as_bytes()])
    }

    /// Reads the identity of the run in `folder` from `run.toml`. The folder of an older program has none; there it
    /// comes from the network.
    ///
    /// # Errors
    /// When both are missing or unusable.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(IDENTITY_FILE);
        match fs::exists(&path) {
            Ok(false) => Self::of_network(folder),
            _ => parse_toml(&read_text(&path, LONGEST_DESCRIPTION)?)
                .with_context(|| format!("{} cannot be used", path.display())),
        }
    }

    fn of_network(folder: &Path) -> Result<Self> {
        let networks = [MODEL_FILE, BEST_FILE].map(|file| folder.join(file));
        let Some(path) = networks.into_iter().find(|path| path.exists()) else {
            bail!(
                "nothing in {} says which game it is of: there is neither {IDENTITY_FILE} nor a network ({MODEL_FILE}); give \
                 the folder of a run, or copy its {IDENTITY_FILE} back",
                folder.display()
            );
        };
        let metadata = Model::load(&path)?.metadata;
        let said = |key: &str| metadata.environment.get(key).cloned().unwrap_or_default();
        // Such programs knew nothing else.
        let (environment, algorithm) = ("atari".to_string(), "dqn".to_string());
        let (game, cartridge_md5) = (said("game"), said("cartridge_md5"));
        Ok(Self { environment, game, cartridge_md5, algorithm, preset: metadata.preset, seed: metadata.seed })
    }
}

/// A run's folder, held by this process alone.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

impl RunFolder {
    /// Takes the folder at `path`, which exists, for this process.
    ///
    /// # Errors
    /// When another process has it, or it cannot be written to.
    pub fn take(path: &Path) -> Result<Self> {
        let Some(lock) = own_files::lock(&path.join(LOCK_FILE))? else {
            bail!(
                "another process is training in {}; wait for it or stop it, or use another folder (--run-dir)",
                path.display()
            );
        };
        Ok(Self { path: path.to_path_buf(), _lock: lock })
    }

    /// Waits until no process has the folder at `path`, for at most this long.
    pub fn wait_until_free(path: &Path, longest: Duration) {
        let begun = Instant::now();
        let lock = path.join(LOCK_FILE);
        while own_files::is_there(&lock) && matches!(own_files::lock(&lock), Ok(None)) && begun.elapsed() < longest {
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Takes the folder for a new run: `given`, which is created if it does not exist and whose contents the caller must check,
    /// or a new one in `runs` called `name`, numbered if that name is taken.
    ///
    /// # Errors
    /// When another process has it, or it cannot be created.
    pub fn create(given: Option<&Path>, name: &str) -> Result<Self> {
        let create =
            |path: &Path| fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()));
        if let Some(path) = given {
            create(path)?;
            return Self::take(path);
        }
        create(Path::new("runs"))?;
        for number in 1u32.. {
            let numbered = if number == 1 { name.to_string() } else { format!("{name}-{number}") };
            let path = Path::new("runs").join(numbered);
            match fs::create_dir(&path) {
                Ok(()) => return Self::take(&path),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error).with_context(|| format!("cannot create {}", path.display())),
            }
        }
        bail!("every name for a run folder is taken")
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file of this name in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let message = Identity::read(folder.path()).unwrap_err().to_string();
        assert!(message.contains("says which game"), "{message}");
        let identity = Identity {
            environment: "atari".to_string(),
            game: "pong".to_string(),
            cartridge_md5: "abc123".to_string(),
            algorithm: "dqn".to_string(),
            preset: "a \"quoted\" name".to_string(),
            seed: i64::MAX as u64,
        };
        identity.write(folder.path()).unwrap();
        assert_eq!(Identity::read(folder.path()).unwrap(), identity);
        fs::write(folder.path().join(IDENTITY_FILE), "game = 3").unwrap();
        assert!(format!("{:#}", Identity::read(folder.path()).unwrap_err()).contains("run.toml cannot be used"));
    }

    #[test]
    fn a_folder_belongs_to_one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let taken = RunFolder::take(folder.path()).unwrap();
        let refusal = RunFolder::take(folder.path()).unwrap_err().to_string();
        assert!(refusal.contains("another process is training in"), "{refusal}");
        drop(taken);
        RunFolder::take(folder.path()).unwrap();
    }

    #[test]
    fn results_decide_how_far_a_run_is() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let write = |name: &str| fs::write(at(name), "").unwrap();
        let is = |state: RunState| assert_eq!(RunState::of(folder.path()), state);
        ["lock", "train.log", "notes.txt"].into_iter().for_each(write);
        is(RunState::NotBegun);
        [CONFIG_FILE, METRICS_FILE].into_iter().for_each(write);
        is(RunState::NothingSaved);
        write(BEST_FILE);
        is(RunState::NothingSaved);
        fs::create_dir(at(CHECKPOINTS_FOLDER)).unwrap();
        write("checkpoints/step-000000000100.checkpoint");
        is(RunState::Checkpoint);
        write(MODEL_FILE);
        is(RunState::Checkpoint);
        fs::remove_dir_all(at(CHECKPOINTS_FOLDER)).unwrap();
        is(RunState::NetworkOnly);
        write(EVALUATION_FILE);
        is(RunState::Finished);
    }
}
