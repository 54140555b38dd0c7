//! The replay on the disk, in files of some thousand frames, so a checkpoint writes only the frames since the last one. Each
//! environment has files of its own.
//!
//! A file that is full and will not change belongs to every later checkpoint until the ring has overwritten its frames.
//! Every checkpoint writes the frames after the last full file to a new file. So no file that an older checkpoint needs
//! is ever changed.

use super::ring::{Follows, Ring};
use super::{Replay, Slot};
use crate::saving::sealed_file::{self, Kind};
use crate::saving::{Loading, Saving};
use anyhow::{bail, ensure, Context, Result};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::Path;

/// Frames per file of a replay of one environment: a file has the frame numbers from one multiple of this to the next.
const SEGMENT: u64 = 8_192;
/// Fewest frames per file. With N environments a file has the Nth part of [`SEGMENT`], because every checkpoint writes the last,
/// unfinished file of each environment.
const SMALLEST_SEGMENT: u64 = 256;

const KIND: Kind = Kind { magic: *b"ATARIRPL", version: 1, name: "part of a replay" };

/// Bytes before a frame's pixels: `follows`, depth, action, reward, length of the compressed frame.
const SLOT_BYTES: usize = 1 + 1 + 1 + 4 + 2;

/// A checkpoint's record of the files of one environment's frames.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReplayFiles {
    /// Frames ever added.
    added: u64,
    segments: Vec<Segment>,
    /// What [`Priorities::state`](super::priorities::Priorities::state) gave for these frames, if transitions are drawn by
    /// priority; the largest priority is of all environments.
    priorities: Option<(Vec<f64>, f64)>,
}

/// A file of consecutive frames.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Segment {
    /// Number of its first frame.
    first: u64,
    /// Number after its last.
    end: u64,
    /// CRC-32 of its contents.
    checksum: u32,
}

impl Segment {
    fn file_name(&self, environment: usize) -> String {
        let Self { first, end, checksum } = self;
        // The first environment's files are called as they were when there was only one.
        let environment = if environment == 0 { String::new() } else { format!("e{environment}-") };
        format!("{PREFIX}{environment}{first}-{end}-{checksum:08x}{SUFFIX}")
    }
}

/// Name of an environment's part of a checkpoint; the first one's is `replay`, as when there was only one.
fn part_name(environment: usize) -> String {
    if environment == 0 {
        "replay".to_string()
    } else {
        format!("replay-{environment}")
    }
}

const PREFIX: &str = "replay-";
const SUFFIX: &str = ".bin";

impl ReplayFiles {
    /// The names of the files, which are of environment number `environment`.
    pub fn names(&self, environment: usize) -> impl Iterator<Item = String> + '_ {
        self.segments.iter().map(move |segment| segment.file_name(environment))
    }

    /// Whether `name` could be the name of such a file.
    pub fn could_be(name: &str) -> bool {
        let Some(name) = name.strip_prefix(PREFIX).and_then(|name| name.strip_suffix(SUFFIX)) else { return false };
        let is_number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
        let mut words: Vec<&str> = name.split('-').collect();
        if words.first().is_some_and(|word| word.strip_prefix('e').is_some_and(is_number)) {
            words.remove(0);
        }
        let [first, end, checksum] = words[..] else { return false };
        is_number(first)
            && is_number(end)
            && checksum.len() == 8
            && checksum.bytes().all(|byte| byte.is_ascii_hexdigit())
    }

    /// Whether the file at `path` is one, by its name and its first bytes.
    pub fn is_one(path: &Path) -> bool {
        path.file_name().and_then(|name| name.to_str()).is_some_and(Self::could_be)
            && sealed_file::is_of_kind(path, KIND)
    }
}

impl Replay {
    /// Saves the replay: writes the frames that the previous checkpoint's files do not hold.
    ///
    /// # Errors
    /// When a file cannot be written. The previous checkpoint's files are unchanged.
    pub fn save(&self, to: &mut Saving) -> Result<()> {
        for environment in 0..self.rings.len() {
            let name = part_name(environment);
            let before = to.part_before(&name).unwrap_or_default();
            let files = self.save_files(environment, to.folder(), &before)?;
            to.part_with_files(&name, &files, files.names(environment))?;
        }
        Ok(())
    }

    /// Replaces the replay's contents by the saved ones, of environments with this many actions.
    ///
    /// # Errors
    /// When a file is missing, damaged or not the one that was written, or when its frames cannot follow each other. The replay must
    /// then be discarded.
    pub fn load(&mut self, from: &Loading, actions: usize) -> Result<()> {
        let files = (0..self.rings.len()).map(|environment| from.part(&part_name(environment)));
        self.load_files(from.folder(), &files.collect::<Result<Vec<ReplayFiles>>>()?)?;
        let check = |ring: &Ring| ring.check(actions, self.priorities.as_ref());
        self.rings.iter().try_for_each(check).context("the replay cannot be used")
    }

    /// Frames per file.
    fn segment(&self) -> u64 {
        (SEGMENT / self.rings.len() as u64).max(SMALLEST_SEGMENT)
    }

    /// Writes to `folder` the frames of an environment that the files of `before`, which exist, do not hold. Returns the files
    /// that hold all of them.
    fn save_files(&self, environment: usize, folder: &Path, before: &ReplayFiles) -> Result<ReplayFiles> {
        let (ring, segment) = (&self.rings[environment], self.segment());
        let mut segments = Vec::new();
        let mut first = ring.oldest();
        while first < ring.added {
            let end = ((first / segment + 1) * segment).min(ring.added);
            // A file that ended with the newest frame does not say what followed that frame.
            let holds = |segment: &&Segment| segment.first <= first && segment.end == end && end < before.added;
            segments.push(match before.segments.iter().find(holds) {
                Some(segment) => segment.clone(),
                None => ring.write_segment(environment, folder, first..end)?,
            });
            first = end;
        }
        let priorities =
            self.priorities.as_ref().map(|priorities| (priorities.of(ring.place(0), ring.len()), priorities.maximum()));
        Ok(ReplayFiles { added: ring.added, segments, priorities })
    }

    /// Replaces the contents by these, the files of each environment.
    fn load_files(&mut self, folder: &Path, files: &[ReplayFiles]) -> Result<()> {
        for (environment, (ring, files)) in self.rings.iter_mut().zip(files).enumerate() {
            ring.read_segments(environment, folder, files)?;
        }
        let mut all = Vec::new();
        let mut largest = 0.0;
        for (ring, files) in self.rings.iter().zip(files) {
            match (&self.priorities, &files.priorities) {
                (Some(_), Some((saved, maximum))) => {
                    ensure!(saved.len() == ring.len(), "there are {} priorities", saved.len());
                    all.resize(ring.place(0), 0.0);
                    all.extend_from_slice(saved);
                    largest = *maximum;
                }
                (None, None) => {}
                _ => bail!("priorities are kept in the checkpoint or by the replay, but not by both"),
            }
        }
        self.priorities.as_mut().map_or(Ok(()), |priorities| priorities.restore(&all, largest))
    }
}

impl Ring {
    fn write_segment(&self, environment: usize, folder: &Path, numbers: Range<u64>) -> Result<Segment> {
        let mut bytes = Vec::new();
        for number in numbers.clone() {
            let Slot { follows, action, reward, depth } = *self.slot(number);
            let block = self.frames.compressed(self.index(number));
            bytes.extend([follows as u8, depth, action]);
            bytes.extend(reward.to_le_bytes());
            bytes.extend((block.len() as u16).to_le_bytes());
            bytes.extend(&*block);
        }
        let segment = Segment { first: numbers.start, end: numbers.end, checksum: crc32fast::hash(&bytes) };
        sealed_file::write(&folder.join(segment.file_name(environment)), KIND, &bytes)?;
        Ok(segment)
    }

    fn read_segments(&mut self, environment: usize, folder: &Path, files: &ReplayFiles) -> Result<()> {
        // The previous contents are replaced.
        self.slots.fill(Slot::default());
        self.added = files.added;
        let mut next = self.oldest();
        for segment in &files.segments {
            let path = folder.join(segment.file_name(environment));
            let bytes = sealed_file::read(&path, KIND)?;
            let mut read = || -> Result<()> {
                ensure!(crc32fast::hash(&bytes) == segment.checksum, "it is not the file that was written");
                ensure!(
                    segment.first <= next && next < segment.end && segment.end <= files.added,
                    "it holds frames {} to {}, expected was {next}",
                    segment.first,
                    segment.end
                );
                self.read_segment(&bytes, segment.first..segment.end)
            };
            read().with_context(|| format!("{} cannot be used", path.display()))?;
            next = segment.end;
        }
        ensure!(next == files.added, "the replay's files end with frame {next}, expected were {}", files.added);
        Ok(())
    }

    fn read_segment(&mut self, mut bytes: &[u8], numbers: Range<u64>) -> Result<()> {
        for number in numbers {
            let (slot, rest) = bytes.split_first_chunk::<SLOT_BYTES>().context("it ends within a frame")?;
            let [follows, depth, action, r0, r1, r2, r3, l0, l1] = *slot;
            let (block, rest) =
                rest.split_at_checked(u16::from_le_bytes([l0, l1]).into()).context("it ends within a frame")?;
            bytes = rest;
            if number < self.oldest() {
                continue;
            }
            let follows = [Follows::Open, Follows::Step, Follows::Terminal, Follows::Nothing]
                .into_iter()
                .find(|&known| known as u8 == follows)
                .with_context(|| format!("frame {number} is followed by {follows}"))?;
            ensure!((1..=self.stack).contains(&depth.into()), "frame {number} has a stack of {depth} frames");
            let index = self.index(number);
            self.set_slot(index, Slot { follows, action, reward: f32::from_le_bytes([r0, r1, r2, r3]), depth });
            ensure!(
                self.frames.set_compressed(index, block),
                "frame {number} is not {} pixels when decompressed",
                self.frames.size()
            );
        }
        ensure!(bytes.is_empty(), "{} bytes are left over", bytes.len());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Batch;
    use super::*;
    use crate::environments::atari::preprocess::SPACE;
    use crate::experience::replay::tests::{new_replay, numbered_frame};
    use crate::random::{Generator, Purpose};
    use crate::saving::Parts;
    use std::collections::HashSet;
    use std::fs;

    fn add(replay: &mut Replay, count: u64, random: &mut Generator) {
        for _ in 0..count {
            for environment in 0..replay.rings.len() {
                let (frame, ring) = (numbered_frame(random.bits()), &replay.rings[environment]);
                if ring.added == 0 || ring.slot(ring.added - 1).follows == Follows::Nothing {
                    replay.begin_episode(environment, &frame);
                } else {
                    let (terminal, over) = (random.below(9) == 0, random.below(20) == 0);
                    replay.push(environment, random.below(4), 1.5, terminal, over, &frame);
                }
            }
        }
    }

    fn batch(replay: &mut Replay) -> Batch {
        let mut batch = Batch::default();
        let random = &mut Generator::new(5, Purpose::Replay);
        if replay.priorities().is_some() {
            assert!(replay.sample_by_priority(64, 0.5, random, &mut batch));
            let errors: Vec<f32> = batch.numbers.iter().map(|number| (number % 17) as f32).collect();
            replay.update_priorities(&batch.numbers.clone(), &errors);
            assert!(replay.sample_by_priority(64, 0.5, random, &mut batch));
        } else {
            assert!(replay.sample(64, random, &mut batch));
        }
        batch
    }

    fn names(folder: &Path) -> HashSet<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_loaded_replay_continues_like_the_saved_one_and_older_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        let mut random = Generator::new(1, Purpose::Synthetic);
        let new = |compressed| new_replay(20_000, 3, 0.9, compressed).prioritized(0.6, 1e-6);
        let mut replay = new(true);
        let mut files = ReplayFiles::default();
        let mut all: Vec<(ReplayFiles, Batch)> = Vec::new();
        // To the end of a file exactly, one more, many more, round the ring, and further than the ring is long.
        for count in [100, SEGMENT - 100, 1, 3_000, 12_000, 1, 21_000] {
            add(&mut replay, count, &mut random);
            files = replay.save_files(0, folder.path(), &files).unwrap();
            all.push((files.clone(), batch(&mut replay)));
        }
        assert!(names(folder.path()).iter().all(|name| ReplayFiles::could_be(name)));
        for (i, (files, expected)) in all.iter().enumerate() {
            for compressed in [false, true] {
                let mut loaded = new(compressed);
                loaded.load_files(folder.path(), std::slice::from_ref(files)).unwrap();
                assert!(batch(&mut loaded) == *expected, "save {i}, compressed: {compressed}");
            }
        }
        let mut loaded = new(false);
        loaded.load_files(folder.path(), std::slice::from_ref(&files)).unwrap();
        batch(&mut loaded); // the same one that the saved replay drew next
        let mut other = random.clone();
        add(&mut replay, 500, &mut random);
        add(&mut loaded, 500, &mut other);
        assert!(batch(&mut loaded) == batch(&mut replay));
        assert_eq!(
            loaded.save_files(0, folder.path(), &files).unwrap(),
            replay.save_files(0, folder.path(), &files).unwrap()
        );
    }

    #[test]
    fn the_frames_of_several_environments_are_in_files_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let mut random = Generator::new(4, Purpose::Synthetic);
        let new = || Replay::new(SPACE, 3, 12_000, 2, 0.9, true).unwrap().prioritized(0.6, 1e-6);
        let mut replay = new();
        let save = |replay: &Replay, before: &Parts| {
            let mut saving = Saving::new(folder.path(), before);
            replay.save(&mut saving).unwrap();
            saving.into_parts()
        };
        let mut saved = Parts::default();
        // Within a file, over the end of one, and round the ring of 4,000 frames.
        for count in [100, 3_000, 3_000] {
            add(&mut replay, count, &mut random);
            saved = save(&replay, &saved);
            let mut loaded = new();
            loaded.load(&Loading::new(folder.path(), &saved), 4).unwrap();
            assert!(batch(&mut loaded) == batch(&mut replay));
        }
        assert_eq!(saved.files().filter(|name| name.starts_with("replay-e2-")).count(), 3);
        assert!(saved.files().all(ReplayFiles::could_be));
        let before: HashSet<String> = names(folder.path());
        add(&mut replay, 1, &mut random);
        save(&replay, &saved);
        assert_eq!(names(folder.path()).difference(&before).count(), 3, "one new file for each environment");
        let mut other = Replay::new(SPACE, 4, 12_000, 2, 0.9, true).unwrap().prioritized(0.6, 1e-6);
        assert!(other.load(&Loading::new(folder.path(), &saved), 4).is_err());
    }

    #[test]
    fn other_files_are_not_taken_for_frames() {
        for name in [
            "replay-notes.bin",
            "replay-.bin",
            "replay-1-2.bin",
            "replay-e-1-2-00000000.bin",
            "replay-1-2-0000000g.bin",
        ] {
            assert!(!ReplayFiles::could_be(name), "{name}");
        }
        assert!(ReplayFiles::could_be("replay-e12-0-100-89abcdef.bin"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("replay-0-100-89abcdef.bin");
        fs::write(&path, "a film of a hundred frames").unwrap();
        assert!(!ReplayFiles::is_one(&path));
    }

    #[test]
    fn a_save_writes_only_new_frames() {
        let folder = tempfile::tempdir().unwrap();
        let mut random = Generator::new(2, Purpose::Synthetic);
        let mut replay = new_replay(100_000, 1, 0.9, true);
        add(&mut replay, 4 * SEGMENT + 10, &mut random);
        let files = replay.save_files(0, folder.path(), &ReplayFiles::default()).unwrap();
        let before = names(folder.path());
        add(&mut replay, 5, &mut random);
        let after = replay.save_files(0, folder.path(), &files).unwrap();
        let new: Vec<String> = names(folder.path()).difference(&before).cloned().collect();
        assert_eq!((before.len(), new.len(), after.segments.len()), (5, 1, 5));
        assert_eq!(after.names(0).collect::<Vec<_>>().last(), new.first());
    }

    #[test]
    fn frames_that_cannot_follow_each_other_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let replay = || new_replay(1_000, 1, 0.9, true).prioritized(0.6, 1e-6);
        let mut whole = replay();
        add(&mut whole, 300, &mut Generator::new(3, Purpose::Synthetic));
        let load = |change: &dyn Fn(&mut Ring)| {
            let mut changed = whole.clone();
            change(&mut changed.rings[0]);
            let nothing = Parts::default();
            let mut saving = Saving::new(folder.path(), &nothing);
            changed.save(&mut saving).unwrap();
            let parts = saving.into_parts();
            replay().load(&Loading::new(folder.path(), &parts), 4).map_err(|error| format!("{error:#}"))
        };
        load(&|_| ()).unwrap();
        let step = (0..300).find(|&number| whole.rings[0].slot(number).follows == Follows::Step).unwrap() as usize;
        for (change, what) in [
            (&(|ring: &mut Ring| ring.slots[299].follows = Follows::Step) as &dyn Fn(&mut Ring), "is followed by Step"),
            (&|ring: &mut Ring| ring.slots[299 - 1].follows = Follows::Open, "is followed by Open"),
            (&|ring: &mut Ring| ring.slots[step].action = 4, "comes action 4 of 4"),
            (&|ring: &mut Ring| ring.slots[step].reward = f32::NAN, "a reward of NaN"),
            (
                &|ring: &mut Ring| ring.slots[step + 1].depth = if ring.slots[step + 1].depth == 1 { 2 } else { 1 },
                "a stack of",
            ),
        ] {
            let message = load(change).unwrap_err();
            assert!(message.contains(what), "{message:?} does not say {what:?}");
        }
    }

    #[test]
    fn a_replay_whose_files_are_damaged_or_missing_is_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let mut replay = new_replay(1_000, 1, 0.9, true);
        add(&mut replay, 500, &mut Generator::new(3, Purpose::Synthetic));
        let files = replay.save_files(0, folder.path(), &ReplayFiles::default()).unwrap();
        let path = folder.path().join(files.names(0).next().unwrap());
        let refusal = |files: &ReplayFiles| {
            format!(
                "{:#}",
                new_replay(1_000, 1, 0.9, true).load_files(folder.path(), std::slice::from_ref(files)).unwrap_err()
            )
        };
        let mut other = files.clone();
        other.segments[0].end -= 1;
        other.added -= 1;
        assert!(refusal(&other).contains("cannot read"), "another file name");
        let mut fewer = files.clone();
        fewer.segments.clear();
        assert!(refusal(&fewer).contains("end with frame 0, expected were 500"));
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 10]).unwrap();
        assert!(refusal(&files).contains("cut off"));
        let payload = vec![9; 100];
        sealed_file::write(&path, KIND, &payload).unwrap();
        assert!(refusal(&files).contains("not the file that was written"));
        let mut forged = files.clone();
        forged.segments[0].checksum = crc32fast::hash(&payload);
        fs::rename(&path, folder.path().join(forged.names(0).next().unwrap())).unwrap();
        let message = refusal(&forged);
        assert!(message.contains("ends within a frame") || message.contains("is followed by 9"), "{message}");
    }
}
