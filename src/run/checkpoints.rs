//! The checkpoints of a run: everything that is needed to continue as if it had never stopped.
//!
//! `RUN/checkpoints/` holds the last two: for each a file with the whole state except the replay's frames, and the
//! replay's [segments](crate::experience::replay::ReplayFiles), which both share. The state file is written last and
//! makes a checkpoint valid; only then are the files removed that no kept checkpoint needs. So a good checkpoint is
//! left whenever the program is killed or the disk is full.
//!
//! Only files that took part in this rotation are removed. Checkpoints that cannot be read, older ones and whatever else people
//! put into the folder stay.

use crate::experience::replay::ReplayFiles;
use crate::run::folder::{self, RunFolder, CHECKPOINTS_FOLDER};
use crate::saving::sealed_file::{self, Kind};
use crate::saving::{own_files, Loading, Parts, Saving};
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
    /// (step, files) of the checkpoints that take turns, oldest first.
    kept: Vec<(u64, HashSet<String>)>,
    /// The newest of them, whose files the next one can share.
    newest: Parts,
    /// Files of checkpoints that take no part, because there were more than a run leaves.
    foreign: HashSet<String>,
    /// Files of frames that no checkpoint needs: a killed process wrote them for one that it did not finish.
    orphans: Vec<String>,
}

impl RunCheckpoints {
    /// The checkpoints in `run`.
    ///
    /// # Errors
    /// When their folder cannot be created.
    pub fn new(run: &RunFolder) -> Result<Self> {
        let folder = run.file(CHECKPOINTS_FOLDER);
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        sealed_file::remove_unfinished(&folder, |name| step_of(name).is_some() || ReplayFiles::could_be(name));
        sealed_file::remove_unfinished(run.path(), folder::is_run_file);
        let (kept, newest, foreign) = (Vec::new(), Parts::default(), HashSet::new());
        let mut checkpoints = Self { folder, kept, newest, foreign, orphans: Vec::new() };
        if checkpoints.steps().is_empty() {
            checkpoints.orphans = checkpoints.frames_without(&HashSet::new());
        }
        Ok(checkpoints)
    }

    /// Step of the newest checkpoint that was saved or loaded.
    pub fn newest_step(&self) -> Option<u64> {
        self.kept.last().map(|(step, _)| *step)
    }

    /// Saves a checkpoint after `step` steps; `fill` adds its parts.
    ///
    /// # Errors
    /// When something cannot be written; the earlier checkpoints are then kept.
    pub fn save(&mut self, step: u64, fill: impl FnOnce(&mut Saving) -> Result<()>) -> Result<()> {
        let path = self.path(step);
        if own_files::is_there(&path) && !self.kept.iter().any(|(kept, _)| *kept == step) {
            let aside = own_files::move_aside(&path)?;
            warn!("warning: {} could not be used and is now {}", path.display(), aside.display());
        }
        let mut saving = Saving::new(&self.folder, &self.newest);
        fill(&mut saving)?;
        let parts = saving.into_parts();
        let bytes = postcard::to_stdvec(&parts).context("cannot put the state of the run into bytes")?;
        sealed_file::write(&path, KIND, &bytes)?;
        self.keep(step, parts);
        Ok(())
    }

    /// Makes this checkpoint the newest and removes the files that are needed no more. One that cannot be removed only takes room.
    fn keep(&mut self, step: u64, parts: Parts) {
        let mut unneeded: HashSet<String> = std::mem::take(&mut self.orphans).into_iter().collect();
        if let Some(replaced) = self.kept.iter().position(|(kept, _)| *kept == step) {
            unneeded.extend(self.kept.remove(replaced).1);
        }
        self.kept.push((step, files(&parts)));
        self.newest = parts.with_files_only();
        for (step, files) in self.kept.drain(..self.kept.len().saturating_sub(KEPT)) {
            // First, so that there is never a checkpoint without its files.
            let _ = fs::remove_file(self.folder.join(file_name(step)));
            unneeded.extend(files);
        }
        let needed =
            |name: &String| self.foreign.contains(name) || self.kept.iter().any(|(_, files)| files.contains(name));
        for name in unneeded.into_iter().filter(|name| !needed(name)) {
            let _ = fs::remove_file(self.folder.join(name));
        }
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
                    self.loaded(&steps[..=i], parts, i + 1 == steps.len());
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
        bail!(
            "{} holds no checkpoint; copy the folder back from a backup, or start the run again with its config.toml as --config",
            self.folder.display()
        )
    }

    /// Continues from the checkpoint with these parts, the last of `steps`; `newest` says that there is no newer one, not even one
    /// that cannot be used.
    fn loaded(&mut self, steps: &[u64], parts: Parts, newest: bool) {
        let Some((&step, older)) = steps.split_last() else { return };
        let read: Vec<_> = older.iter().map(|&step| Some((step, files(&self.parts(step).ok()?)))).collect();
        let all_read = newest && read.iter().all(Option::is_some);
        let mut kept: Vec<(u64, HashSet<String>)> = read.into_iter().flatten().collect();
        kept.push((step, files(&parts)));
        // A process that is killed before it removes the oldest leaves one more than are kept.
        let others = kept.len().saturating_sub(KEPT + 1);
        self.foreign = kept.drain(..others).flat_map(|(_, files)| files).collect();
        (self.kept, self.newest) = (kept, parts.with_files_only());
        // A checkpoint that cannot be read does not say which files it needs.
        let needed = self.kept.iter().flat_map(|(_, files)| files.clone()).chain(self.foreign.clone()).collect();
        self.orphans = if all_read { self.frames_without(&needed) } else { Vec::new() };
    }

    fn parts(&self, step: u64) -> Result<Parts> {
        let path = self.path(step);
        let bytes = sealed_file::read(&path, KIND)?;
        postcard::from_bytes(&bytes).with_context(|| format!("{} cannot be used", path.display()))
    }

    fn path(&self, step: u64) -> PathBuf {
        self.folder.join(file_name(step))
    }

    /// Steps of the checkpoints in the folder, in their order.
    fn steps(&self) -> Vec<u64> {
        let mut steps: Vec<u64> = names(&self.folder).filter_map(|name| step_of(&name)).collect();
        steps.sort_unstable();
        steps
    }

    /// The files of frames in the folder, without these.
    fn frames_without(&self, needed: &HashSet<String>) -> Vec<String> {
        let frames = names(&self.folder).filter(|name| ReplayFiles::is_one(&self.folder.join(name)));
        frames.filter(|name| !needed.contains(name)).collect()
    }
}

fn files(parts: &Parts) -> HashSet<String> {
    parts.files().map(str::to_string).collect()
}

fn names(folder: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok())
}

fn file_name(step: u64) -> String {
    format!("{PREFIX}{step:012}{SUFFIX}")
}

/// The step of the checkpoint in a file of this name; `None` if it is no name of a checkpoint.
fn step_of(name: &str) -> Option<u64> {
    let step = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse().ok()?;
    (file_name(step) == name).then_some(step)
}

/// Whether `run` holds a checkpoint.
pub fn exist_in(run: &Path) -> bool {
    names(&run.join(CHECKPOINTS_FOLDER)).any(|name| step_of(&name).is_some())
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
        let failed = checkpoints.save(30_000, |saving| {
            replay(30_000).save(saving)?;
            bail!("no space left")
        });
        assert!(failed.is_err() && checkpoints.newest_step() == Some(20_001));
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

    #[test]
    fn files_of_others_stay_and_frames_of_an_unfinished_checkpoint_go() {
        let (folder, _) = run();
        let at = |name: &str| folder.path().join(CHECKPOINTS_FOLDER).join(name);
        // A third checkpoint could be left by a process that was killed; a fourth is somebody's copy.
        let foreign = ["film.mkv.part", "replay-notes.bin", "step-5.checkpoint", "step-000000000009.checkpoint"];
        foreign.iter().for_each(|name| fs::write(at(name), "text").unwrap());
        let mut checkpoints = checkpoints_in(folder.path());
        load(&mut checkpoints).0.unwrap();
        let unfinished = checkpoints.save(20_500, |saving| {
            replay(20_500).save(saving)?;
            bail!("killed")
        });
        assert!(unfinished.is_err());
        let orphan = |path: &PathBuf| path.to_str().unwrap().contains("-20500-");
        assert!(files(folder.path()).iter().any(orphan));
        let mut checkpoints = checkpoints_in(folder.path());
        load(&mut checkpoints).0.unwrap();
        save(&mut checkpoints, 20_600).unwrap();
        // The checkpoint that cannot be read could need the frames.
        assert!(files(folder.path()).iter().any(orphan));
        fs::remove_file(at("step-000000000009.checkpoint")).unwrap();
        let mut checkpoints = checkpoints_in(folder.path());
        load(&mut checkpoints).0.unwrap();
        save(&mut checkpoints, 20_700).unwrap();
        assert!(!files(folder.path()).iter().any(orphan));
        assert!(foreign[..3].iter().all(|name| fs::read(at(name)).unwrap() == b"text"));
    }

    #[test]
    fn a_checkpoint_that_could_not_be_used_is_moved_aside_by_the_next_one_of_its_step() {
        let (folder, _) = run();
        let at = |name: &str| folder.path().join(CHECKPOINTS_FOLDER).join(name);
        fs::write(at("step-000000020001.checkpoint"), "damaged").unwrap();
        let mut checkpoints = checkpoints_in(folder.path());
        assert_eq!(load(&mut checkpoints).0.unwrap().0, 20_000);
        save(&mut checkpoints, 20_001).unwrap();
        assert_eq!(fs::read(at("step-000000020001.checkpoint.old")).unwrap(), b"damaged");
        assert_eq!(load(&mut checkpoints_in(folder.path())).0.unwrap().0, 20_001);
    }
}
