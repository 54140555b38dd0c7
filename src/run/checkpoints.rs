//! The checkpoints of a run: everything that is needed to go on as if it had never stopped.
//!
//! `RUN/checkpoints/` holds the last two, each a file with the whole state but the frames of the replay, and the replay's
//! [segments](crate::experience::replay::ReplayFiles), which both share. A checkpoint counts from the moment its state file is in place,
//! which comes last; what no kept one needs is removed only after that. So whenever the program is killed, or the disk is
//! full, there is a good one left.

use crate::experience::replay::{Replay, ReplayFiles};
use crate::saving::sealed_file::{self, Kind};
use anyhow::{bail, Context, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

/// Checkpoints kept.
const KEPT: usize = 2;
const FOLDER: &str = "checkpoints";
const LOCK: &str = "lock";
const PREFIX: &str = "step-";
const SUFFIX: &str = ".checkpoint";

/// The version is to be raised whenever anything in a state changes its meaning.
const KIND: Kind = Kind { magic: *b"ATARICKP", version: 2, name: "checkpoint" };

/// A run's folder, held by this process alone, and the checkpoints in it.
#[derive(Debug)]
pub struct RunCheckpoints {
    folder: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
    /// (step, files of its replay) of the checkpoints that are there, oldest first.
    kept: Vec<(u64, ReplayFiles)>,
}

/// What a state file holds.
#[derive(Serialize, Deserialize)]
struct Stored<T> {
    replay: ReplayFiles,
    state: T,
}

impl RunCheckpoints {
    /// Takes `run`, a run's folder that exists, for this process.
    ///
    /// # Errors
    /// When another process has it, or it cannot be written to.
    pub fn take(run: &Path) -> Result<Self> {
        let path = run.join(LOCK);
        let lock = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "another process is training in {}; wait for it or stop it, or use another folder (--run-dir)",
                run.display()
            ),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()))
            }
        }
        let folder = run.join(FOLDER);
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        sealed_file::remove_unfinished(&folder);
        sealed_file::remove_unfinished(run);
        Ok(Self { folder, _lock: lock, kept: Vec::new() })
    }

    /// Saves the state and the replay as they are after `step` steps.
    ///
    /// # Errors
    /// When something cannot be written; the checkpoints of before are still there then.
    pub fn save<T: Serialize>(&mut self, step: u64, state: T, replay: &Replay) -> Result<()> {
        let nothing = ReplayFiles::default();
        let before = self.kept.last().map_or(&nothing, |(_, files)| files);
        let replay = replay.save(&self.folder, before)?;
        let stored = Stored { replay: replay.clone(), state };
        let bytes = postcard::to_stdvec(&stored).context("cannot put the state of the run into bytes")?;
        sealed_file::write(&self.path(step), KIND, &bytes)?;
        self.kept.retain(|(kept, _)| *kept != step);
        self.kept.push((step, replay));
        if self.kept.len() > KEPT {
            self.kept.drain(..self.kept.len() - KEPT);
        }
        self.remove_others();
        Ok(())
    }

    /// The newest checkpoint that can be read: its state, and the replay's frames in `replay`, made by `new_replay` from the
    /// state. `warn` is told of every newer one that cannot be used.
    ///
    /// # Errors
    /// When there is none. What could not be read is left where it is.
    pub fn load<T: DeserializeOwned>(
        &mut self,
        mut new_replay: impl FnMut(&T) -> Result<Replay>,
        mut warn: impl FnMut(String),
    ) -> Result<(T, Replay)> {
        let steps = self.steps();
        for (i, &step) in steps.iter().enumerate().rev() {
            let mut read = || -> Result<(Stored<T>, Replay)> {
                let path = self.path(step);
                let bytes = sealed_file::read(&path, KIND)?;
                let stored: Stored<T> =
                    postcard::from_bytes(&bytes).with_context(|| format!("{} cannot be used", path.display()))?;
                let mut replay = new_replay(&stored.state)?;
                replay.load(&self.folder, &stored.replay)?;
                Ok((stored, replay))
            };
            match read() {
                Ok((stored, replay)) => {
                    // Older ones are kept if they can be read at all; newer ones were refused above.
                    let mut kept: Vec<(u64, ReplayFiles)> =
                        steps[..i].iter().filter_map(|&step| Some((step, self.replay_files::<T>(step)?))).collect();
                    kept.push((step, stored.replay));
                    self.kept = kept;
                    return Ok((stored.state, replay));
                }
                Err(error) if i > 0 => {
                    warn(format!("{error:#}; going on from the checkpoint before it, of step {}", steps[i - 1]));
                }
                Err(error) => return Err(error.context("there is no checkpoint that can be used")),
            }
        }
        bail!("{} holds no checkpoint", self.folder.display())
    }

    fn replay_files<T: DeserializeOwned>(&self, step: u64) -> Option<ReplayFiles> {
        let bytes = sealed_file::read(&self.path(step), KIND).ok()?;
        Some(postcard::from_bytes::<Stored<T>>(&bytes).ok()?.replay)
    }

    fn path(&self, step: u64) -> PathBuf {
        self.folder.join(format!("{PREFIX}{step:012}{SUFFIX}"))
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }

    /// Steps of the checkpoints in the folder, in their order.
    fn steps(&self) -> Vec<u64> {
        let step = |name: String| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse().ok();
        let mut steps: Vec<u64> = self.names().into_iter().filter_map(step).collect();
        steps.sort_unstable();
        steps
    }

    /// Removes the files that no kept checkpoint needs. What cannot be removed only takes room.
    fn remove_others(&self) {
        let needed: HashSet<String> = self.kept.iter().flat_map(|(_, files)| files.names()).collect();
        for name in self.names().into_iter().filter(|name| ReplayFiles::could_be(name) && !needed.contains(name)) {
            let _ = fs::remove_file(self.folder.join(name));
        }
        for step in self.steps() {
            if !self.kept.iter().any(|(kept, _)| *kept == step) {
                let _ = fs::remove_file(self.path(step));
            }
        }
    }
}

/// Whether `run` holds a checkpoint.
pub fn exist_in(run: &Path) -> bool {
    let entries = fs::read_dir(run.join(FOLDER)).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).any(|name| name.ends_with(SUFFIX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::{Frame, FRAME_PIXELS};

    fn frame(id: u64) -> Frame {
        let mut frame = [1; FRAME_PIXELS];
        frame[..8].copy_from_slice(&id.to_le_bytes());
        frame
    }

    fn replay(frames: u64) -> Replay {
        let mut replay = new_replay();
        replay.begin_episode(&frame(0));
        (1..frames).for_each(|id| replay.push(0, 0.0, false, false, &frame(id)));
        replay
    }

    fn new_replay() -> Replay {
        Replay::new(100_000, 1, 0.9, true)
    }

    type State = (String, u64);

    fn load(checkpoints: &mut RunCheckpoints) -> (Result<(State, usize)>, Vec<String>) {
        let mut warnings = Vec::new();
        let loaded = checkpoints.load(|_: &State| Ok(new_replay()), |warning| warnings.push(warning));
        (loaded.map(|(state, replay)| (state, replay.len())), warnings)
    }

    /// Checkpoints after 100, 20,000 and 20,001 steps.
    fn run() -> (tempfile::TempDir, RunCheckpoints) {
        let folder = tempfile::tempdir().unwrap();
        let mut checkpoints = RunCheckpoints::take(folder.path()).unwrap();
        for step in [100, 20_000, 20_001] {
            checkpoints.save(step, ("state".to_string(), step), &replay(step)).unwrap();
        }
        (folder, checkpoints)
    }

    fn files(run: &Path) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> =
            fs::read_dir(run.join(FOLDER)).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    #[test]
    fn the_last_two_are_kept_with_the_frames_they_share_and_nothing_else() {
        let (folder, mut checkpoints) = run();
        // Two full files of frames, one unfinished one of each checkpoint, and two states.
        assert_eq!(files(folder.path()).len(), 6);
        assert!(exist_in(folder.path()));
        let (loaded, warnings) = load(&mut checkpoints);
        assert_eq!((loaded.unwrap(), warnings.len()), ((("state".to_string(), 20_001), 20_001), 0));
        checkpoints.save(20_002, ("state".to_string(), 20_002), &replay(20_002)).unwrap();
        assert_eq!(files(folder.path()).len(), 6);
    }

    #[test]
    fn whatever_file_of_the_newest_is_damaged_the_one_before_is_used_and_the_reason_told() {
        let reference = run();
        for victim in files(reference.0.path()) {
            let (folder, mut checkpoints) = run();
            let path = folder.path().join(FOLDER).join(victim.file_name().unwrap());
            let whole = fs::read(&path).unwrap();
            fs::write(&path, &whole[..whole.len() / 2]).unwrap();
            let (loaded, warnings) = load(&mut checkpoints);
            match loaded {
                Ok(((_, 20_001), _)) => assert!(warnings.is_empty(), "{victim:?} is of the older one"),
                Ok(((_, 20_000), 20_000)) => assert!(warnings[0].contains("cut off"), "{warnings:?}"),
                Ok(other) => panic!("{other:?}"),
                // Frames that both need.
                Err(error) => {
                    assert!(format!("{error:#}").contains("cut off"), "{error:#}");
                    assert!(victim.to_str().unwrap().contains("replay-"), "{victim:?}");
                }
            }
            assert!(path.exists(), "what is damaged stays for whoever wants to look");
        }
    }

    #[test]
    fn a_checkpoint_that_cannot_be_written_leaves_those_of_before() {
        let (folder, mut checkpoints) = run();
        let before = files(folder.path());
        fs::create_dir(folder.path().join(FOLDER).join("step-000000030000.checkpoint.part")).unwrap();
        assert!(checkpoints.save(30_000, ("state".to_string(), 30_000), &replay(30_000)).is_err());
        assert!(before.iter().all(|path| path.exists()));
        assert_eq!(load(&mut checkpoints).0.unwrap().0 .1, 20_001);
    }

    #[test]
    fn a_folder_belongs_to_one_process_at_a_time() {
        let (folder, checkpoints) = run();
        let refusal = RunCheckpoints::take(folder.path()).unwrap_err().to_string();
        assert!(refusal.contains("another process is training in"), "{refusal}");
        drop(checkpoints);
        RunCheckpoints::take(folder.path()).unwrap();
    }

    #[test]
    fn a_folder_without_a_checkpoint_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let mut checkpoints = RunCheckpoints::take(folder.path()).unwrap();
        assert!(!exist_in(folder.path()));
        assert!(format!("{:#}", load(&mut checkpoints).0.unwrap_err()).contains("holds no checkpoint"));
    }
}
