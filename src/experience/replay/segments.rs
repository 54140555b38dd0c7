//! The replay on the disk, in files of some thousand frames, so a checkpoint writes only the frames since the last one.
//!
//! A file that is full and will not change belongs to every later checkpoint until the ring has overwritten its frames.
//! Every checkpoint writes the frames after the last full file to a new file. So no file that an older checkpoint needs
//! is ever changed.

use super::{Follows, Replay, Slot};
use crate::saving::sealed_file::{self, Kind};
use crate::saving::{Loading, Saving};
use anyhow::{bail, ensure, Context, Result};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::Path;

/// Frames per file: a file has the frame numbers from one multiple of this to the next.
const SEGMENT: u64 = 8_192;

const KIND: Kind = Kind { magic: *b"ATARIRPL", version: 1, name: "part of a replay" };

/// Bytes before a frame's pixels: `follows`, depth, action, reward, length of the compressed frame.
const SLOT_BYTES: usize = 1 + 1 + 1 + 4 + 2;

/// A checkpoint's record of the replay's files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReplayFiles {
    /// Frames ever added.
    added: u64,
    segments: Vec<Segment>,
    /// What [`Priorities::state`](super::priorities::Priorities::state) gave, if transitions are drawn by priority.
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
    fn file_name(&self) -> String {
        format!("{PREFIX}{}-{}-{:08x}{SUFFIX}", self.first, self.end, self.checksum)
    }
}

/// Name of its part of a checkpoint.
const REPLAY: &str = "replay";
const PREFIX: &str = "replay-";
const SUFFIX: &str = ".bin";

impl ReplayFiles {
    /// The names of the files.
    pub fn names(&self) -> impl Iterator<Item = String> + '_ {
        self.segments.iter().map(Segment::file_name)
    }

    /// Whether `name` could be the name of such a file.
    pub fn could_be(name: &str) -> bool {
        name.starts_with(PREFIX) && name.ends_with(SUFFIX)
    }
}

impl Replay {
    /// Saves the replay: writes the frames that the previous checkpoint's files do not hold.
    ///
    /// # Errors
    /// When a file cannot be written. The previous checkpoint's files are unchanged.
    pub fn save(&self, to: &mut Saving) -> Result<()> {
        let before = to.part_before(REPLAY).unwrap_or_default();
        let files = self.save_files(to.folder(), &before)?;
        to.part_with_files(REPLAY, &files, files.names())
    }

    /// Replaces the replay's contents by the saved ones.
    ///
    /// # Errors
    /// When a file is missing, damaged or not the one that was written. The replay must then be discarded.
    pub fn load(&mut self, from: &Loading) -> Result<()> {
        self.load_files(from.folder(), &from.part(REPLAY)?)
    }

    /// Writes to `folder` the frames that the files of `before`, which exist, do not hold. Returns the files that hold
    /// all frames.
    fn save_files(&self, folder: &Path, before: &ReplayFiles) -> Result<ReplayFiles> {
        let oldest = self.oldest();
        let mut segments = Vec::new();
        let mut first = oldest;
        while first < self.added {
            let end = ((first / SEGMENT + 1) * SEGMENT).min(self.added);
            // A file that ended with the newest frame does not say what followed that frame.
            let holds = |segment: &&Segment| segment.first <= first && segment.end == end && end < before.added;
            segments.push(match before.segments.iter().find(holds) {
                Some(segment) => segment.clone(),
                None => self.write_segment(folder, first..end)?,
            });
            first = end;
        }
        let priorities = self.priorities.as_ref().map(|priorities| {
            let (priorities, maximum) = priorities.state();
            (priorities[..self.len()].to_vec(), maximum)
        });
        Ok(ReplayFiles { added: self.added, segments, priorities })
    }

    fn write_segment(&self, folder: &Path, numbers: Range<u64>) -> Result<Segment> {
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
        sealed_file::write(&folder.join(segment.file_name()), KIND, &bytes)?;
        Ok(segment)
    }

    fn load_files(&mut self, folder: &Path, files: &ReplayFiles) -> Result<()> {
        // The replay's previous contents are replaced.
        self.slots.fill(Slot::default());
        self.added = files.added;
        let mut next = self.oldest();
        for segment in &files.segments {
            let path = folder.join(segment.file_name());
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
        match (&mut self.priorities, &files.priorities) {
            (Some(own), Some((saved, maximum))) => {
                ensure!(
                    saved.len() as u64 == files.added - self.added.saturating_sub(self.capacity as u64),
                    "there are {} priorities",
                    saved.len()
                );
                let mut all = saved.clone();
                all.resize(self.capacity, 0.0);
                own.restore(&all, *maximum)?;
            }
            (None, None) => {}
            _ => bail!("priorities are kept in the checkpoint or by the replay, but not by both"),
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
            self.slots[index] = Slot { follows, action, reward: f32::from_le_bytes([r0, r1, r2, r3]), depth };
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
    use crate::experience::replay::tests::{new_replay, numbered_frame};
    use crate::random::{Generator, Purpose};
    use std::collections::HashSet;
    use std::fs;

    fn add(replay: &mut Replay, count: u64, random: &mut Generator) {
        for _ in 0..count {
            let frame = numbered_frame(random.bits());
            if replay.is_empty() || replay.slot(replay.added - 1).follows == Follows::Nothing {
                replay.begin_episode(&frame);
            } else {
                replay.push(random.below(4), 1.5, random.below(9) == 0, random.below(20) == 0, &frame);
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
            files = replay.save_files(folder.path(), &files).unwrap();
            all.push((files.clone(), batch(&mut replay)));
        }
        assert!(names(folder.path()).iter().all(|name| ReplayFiles::could_be(name)));
        for (i, (files, expected)) in all.iter().enumerate() {
            for compressed in [false, true] {
                let mut loaded = new(compressed);
                loaded.load_files(folder.path(), files).unwrap();
                assert!(batch(&mut loaded) == *expected, "save {i}, compressed: {compressed}");
            }
        }
        let mut loaded = new(false);
        loaded.load_files(folder.path(), &files).unwrap();
        batch(&mut loaded); // the same one that the saved replay drew next
        let mut other = random.clone();
        add(&mut replay, 500, &mut random);
        add(&mut loaded, 500, &mut other);
        assert!(batch(&mut loaded) == batch(&mut replay));
        assert_eq!(
            loaded.save_files(folder.path(), &files).unwrap(),
            replay.save_files(folder.path(), &files).unwrap()
        );
    }

    #[test]
    fn a_save_writes_only_new_frames() {
        let folder = tempfile::tempdir().unwrap();
        let mut random = Generator::new(2, Purpose::Synthetic);
        let mut replay = new_replay(100_000, 1, 0.9, true);
        add(&mut replay, 4 * SEGMENT + 10, &mut random);
        let files = replay.save_files(folder.path(), &ReplayFiles::default()).unwrap();
        let before = names(folder.path());
        add(&mut replay, 5, &mut random);
        let after = replay.save_files(folder.path(), &files).unwrap();
        let new: Vec<String> = names(folder.path()).difference(&before).cloned().collect();
        assert_eq!((before.len(), new.len(), after.segments.len()), (5, 1, 5));
        assert_eq!(after.names().collect::<Vec<_>>().last(), new.first());
    }

    #[test]
    fn a_replay_whose_files_are_damaged_or_missing_is_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let mut replay = new_replay(1_000, 1, 0.9, true);
        add(&mut replay, 500, &mut Generator::new(3, Purpose::Synthetic));
        let files = replay.save_files(folder.path(), &ReplayFiles::default()).unwrap();
        let path = folder.path().join(files.names().next().unwrap());
        let refusal = |files: &ReplayFiles| {
            format!("{:#}", new_replay(1_000, 1, 0.9, true).load_files(folder.path(), files).unwrap_err())
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
        fs::rename(&path, folder.path().join(forged.names().next().unwrap())).unwrap();
        let message = refusal(&forged);
        assert!(message.contains("ends within a frame") || message.contains("is followed by 9"), "{message}");
    }
}
