//! The checkpoints of a run: everything that is needed to continue as if it had never stopped.
//!
//! `RUN/checkpoints/` holds the last two: for each a file with the whole state except the replay's frames, and the
//! replay's [segments](crate::experience::replay::ReplayFiles), which both share. The state file is written last and
//! makes a checkpoint valid; only then are the files removed that no kept checkpoint needs. So a good checkpoint is
//! left whenever the program is killed or the disk is full.

use crate::experience::replay::ReplayFiles;
use crate::run::folder::{RunFolder, CHECKPOINTS_FOLDER};
use crate::saving::sealed_file::{self, Kind};
use crate::saving::{Loading, Parts, Saving};
use anyhow::{bail, Context, Result};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Checkpoints kept.
const KEPT: usize = 2;
const PREFIX: &str = "step-";
const SUFFIX: &str = ".checkpoint";

/// Raise the version whenever anything in a state changes its meaning.
const KIND: Kind = Kind { magic: *b"ATARICKP", version: 4, name: "checkpoint" };

/// The checkpoints in a run's folder.
#[derive(Debug)]
pub struct RunCheckpoints {
    folder: PathBuf,
    /// (step, files) of the existing checkpoints, oldest first.
    kept: Vec<(u64, HashSet<String>)>,
    /// The newest of them, whose files the next one can share.
    newest: Parts,
}

impl RunCheckpoints {
    /// The checkpoints in `run`.
    ///
    /// # Errors
    /// When their folder cannot be created.
    pub fn new(run: &RunFolder) -> Result<Self> {
        let folder = run.file(CHECKPOINTS_FOLDER);
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        sealed_file::remove_unfinished(&folder);
        sealed_file::remove_unfinished(run.path());
        Ok(Self { folder, kept: Vec::new(), newest: Parts::default() })
    }

    /// Saves a checkpoint after `step` steps; `fill` adds its parts.
    ///
    /// # Errors
    /// When something cannot be written; the earlier checkpoints are then kept.
    pub fn save(&mut self, step: u64, fill: impl FnOnce(&mut Saving) -> Result<()>) -> Result<()> {
        let mut saving = Saving::new(&self.folder, &self.newest);
        fill(&mut saving)?;
        let parts = saving.into_parts();
        let bytes = postcard::to_stdvec(&parts).context("cannot put the state of the run into bytes")?;
        sealed_file::write(&self.path(step), KIND, &bytes)?;
        self.kept.retain(|(kept, _)| *kept != step);
        self.kept.push((step, files(&parts)));
        self.newest = parts.with_files_only();
        if self.kept.len() > KEPT {
            self.kept.drain(..self.kept.len() - KEPT);
        }
        self.remove_others();
        Ok(())
    }

    /// Returns the result of `read` for the newest checkpoint that it can use. `warn` gets a message about every newer
    /// one.
    ///
    /// # Errors
    /// When there is none. Unreadable files are left in place.
    pub fn load<T>(&mut self, mut read: impl FnMut(&Loading) -> Result<T>, mut warn: impl FnMut(String)) -> Result<T> {
        let steps = self.steps();
        for (i, &step) in steps.iter().enumerate().rev() {
            let loaded = self.parts(step).and_then(|parts| Ok((read(&Loading::new(&self.folder, &parts))?, parts)));
            match loaded {
                Ok((value, parts)) => {
                    // Older ones are kept if they can be read at all; newer ones were refused above.
                    let older = |&step: &u64| Some((step, files(&self.parts(step).ok()?)));
                    let mut kept: Vec<(u64, HashSet<String>)> = steps[..i].iter().filter_map(older).collect();
                    kept.push((step, files(&parts)));
                    (self.kept, self.newest) = (kept, parts.with_files_only());
                    return Ok(value);
                }
                Err(error) if i > 0 => {
                    warn(format!("{error:#}; continuing from the checkpoint before it, of step {}", steps[i - 1]));
                }
                Err(error) => {
                    return Err(error.context(
                        "there is no checkpoint that can be used; resume with the version of the program that wrote it, or \
                         start again with the run's config.toml as --config",
                    ))
                }
            }
        }
        bail!("{} holds no checkpoint", self.folder.display())
    }

    fn parts(&self, step: u64) -> Result<Parts> {
        let path = self.path(step);
        let bytes = sealed_file::read(&path, KIND)?;
        postcard::from_bytes(&bytes).with_context(|| format!("{} cannot be used", path.display()))
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

    /// Removes the files that no kept checkpoint needs. A file that cannot be removed only takes room.
    fn remove_others(&self) {
        let needed: HashSet<String> = self.kept.iter().flat_map(|(_, files)| files.clone()).collect();
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

fn files(parts: &Parts) -> HashSet<String> {
    parts.files().map(str::to_string).collect()
}

/// Whether `run` holds a checkpoint.
pub fn exist_in(run: &Path) -> bool {
    let entries = fs::read_dir(run.join(CHECKPOINTS_FOLDER)).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).any(|name| name.ends_with(SUFFIX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experience::replay::tests::{self as replay_tests, numbered_frame};
    use crate::experience::replay::Replay;

    fn replay(frames: u64) -> Replay {
        let mut replay = new_replay();
        replay.begin_episode(0, &numbered_frame(0));
        (1..frames).for_each(|id| replay.push(0, 0, 0.0, false, false, &numbered_frame(id)));
        replay
    }

    fn new_replay() -> Replay {
        replay_tests::new_replay(100_000, 1, 0.9, true)
    }

    fn save(checkpoints: &mut RunCheckpoints, step: u64) -> Result<()> {
        checkpoints.save(step, |saving| {
            saving.part("step", &step)?;
            replay(step).save(saving)
        })
    }

    /// The step saved and the frames of the replay; warnings.
    fn load(checkpoints: &mut RunCheckpoints) -> (Result<(u64, usize)>, Vec<String>) {
        let mut warnings = Vec::new();
        let read = |from: &Loading| {
            let mut replay = new_replay();
            replay.load(from, 4)?;
            Ok((from.part("step")?, replay.len()))
        };
        (checkpoints.load(read, |warning| warnings.push(warning)), warnings)
    }

    fn checkpoints_in(run: &Path) -> RunCheckpoints {
        RunCheckpoints::new(&RunFolder::take(run).unwrap()).unwrap()
    }

    /// Checkpoints after 100, 20,000 and 20,001 steps.
    fn run() -> (tempfile::TempDir, RunCheckpoints) {
        let folder = tempfile::tempdir().unwrap();
        let mut checkpoints = checkpoints_in(folder.path());
        for step in [100, 20_000, 20_001] {
            save(&mut checkpoints, step).unwrap();
        }
        (folder, checkpoints)
    }

    fn files(run: &Path) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> =
            fs::read_dir(run.join(CHECKPOINTS_FOLDER)).unwrap().map(|entry| entry.unwrap().path()).collect();
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
        assert_eq!((loaded.unwrap(), warnings.len()), ((20_001, 20_001), 0));
        save(&mut checkpoints, 20_002).unwrap();
        assert_eq!(files(folder.path()).len(), 6);
    }

    #[test]
    fn if_any_file_of_the_newest_is_damaged_the_one_before_is_used_with_a_warning() {
        let reference = run();
        for victim in files(reference.0.path()) {
            let (folder, mut checkpoints) = run();
            let path = folder.path().join(CHECKPOINTS_FOLDER).join(victim.file_name().unwrap());
            let whole = fs::read(&path).unwrap();
            fs::write(&path, &whole[..whole.len() / 2]).unwrap();
            let (loaded, warnings) = load(&mut checkpoints);
            match loaded {
                Ok((20_001, _)) => assert!(warnings.is_empty(), "{victim:?} is of the older one"),
                Ok((20_000, 20_000)) => assert!(warnings[0].contains("cut off"), "{warnings:?}"),
                Ok(other) => panic!("{other:?}"),
                // Frames that both checkpoints need.
                Err(error) => {
                    assert!(format!("{error:#}").contains("cut off"), "{error:#}");
                    assert!(victim.to_str().unwrap().contains("replay-"), "{victim:?}");
                }
            }
            assert!(path.exists(), "damaged files stay, for people to look at");
        }
    }

    #[test]
    fn a_checkpoint_that_cannot_be_written_leaves_the_earlier_ones() {
        let (folder, mut checkpoints) = run();
        let before = files(folder.path());
        fs::create_dir(folder.path().join(CHECKPOINTS_FOLDER).join("step-000000030000.checkpoint.part")).unwrap();
        assert!(save(&mut checkpoints, 30_000).is_err());
        assert!(before.iter().all(|path| path.exists()));
        assert_eq!(load(&mut checkpoints).0.unwrap().0, 20_001);
    }

    #[test]
    fn a_folder_without_a_checkpoint_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let mut checkpoints = checkpoints_in(folder.path());
        assert!(!exist_in(folder.path()));
        assert!(format!("{:#}", load(&mut checkpoints).0.unwrap_err()).contains("holds no checkpoint"));
    }
}
