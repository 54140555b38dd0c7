//! Storage of the replay's frames: raw, or each compressed on its own without loss.
//!
//! LZ4, because a batch needs hundreds of frames, and LZ4 decompresses one in about 5 us. A frame of Pong then takes
//! 0.3 KB instead of 7. Differences between frames would be smaller still, but reading a frame would need the frames
//! before it.
//!
//! Memory is taken as frames come, not for the whole capacity: a short run with a large replay takes little.

use std::borrow::Cow;
use std::collections::TryReserveError;
use std::ops::Range;

/// A number of places for frames of one size.
#[derive(Clone, Debug)]
pub(super) struct Frames {
    /// Bytes of a frame.
    size: usize,
    /// Places for frames.
    capacity: usize,
    places: Places,
}

#[derive(Clone, Debug)]
enum Places {
    /// One after the other, up to the last that was set.
    Raw(Vec<u8>),
    /// LZ4 blocks, up to the last that was set; a frame that would not get smaller is kept raw.
    Compressed(Vec<Box<[u8]>>),
}

/// Overhead in bytes of an allocation of some hundred bytes, rounded up: the pointer to it, its length, the allocator's
/// own word and the rounding of its size.
const ALLOCATION_OVERHEAD: usize = 40;

impl Frames {
    /// `capacity` places for frames of `size` bytes.
    pub(super) fn new(size: usize, capacity: usize, compressed: bool) -> Self {
        let places = if compressed { Places::Compressed(Vec::new()) } else { Places::Raw(Vec::new()) };
        Self { size, capacity, places }
    }

    /// Takes the address space for `count` frames, or for all places if these are fewer. The system gives the memory itself
    /// when frames are set.
    ///
    /// # Errors
    /// When there is not as much.
    pub(super) fn reserve(&mut self, count: usize) -> Result<(), TryReserveError> {
        let count = count.min(self.capacity);
        match &mut self.places {
            // A product that is too large is an error of the reservation.
            Places::Raw(frames) => {
                let bytes = count.saturating_mul(self.size);
                frames.try_reserve_exact(bytes.saturating_sub(frames.len()))
            }
            Places::Compressed(frames) => frames.try_reserve_exact(count.saturating_sub(frames.len())),
        }
    }

    /// Places for frames.
    pub(super) fn places(&self) -> usize {
        self.capacity
    }

    /// Makes the place `index` exist.
    fn extend_to(&mut self, index: usize) {
        match &mut self.places {
            Places::Raw(frames) => extend(frames, (index + 1) * self.size),
            Places::Compressed(frames) => extend(frames, index + 1),
        }
    }

    /// Bytes of a frame.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    fn range(&self, index: usize) -> Range<usize> {
        index * self.size..(index + 1) * self.size
    }

    /// Puts `frame` in place `index`.
    pub(super) fn set(&mut self, index: usize, frame: &[u8]) {
        let range = self.range(index);
        self.extend_to(index);
        match &mut self.places {
            Places::Raw(frames) => frames[range].copy_from_slice(frame),
            Places::Compressed(frames) => frames[index] = compress(frame),
        }
    }

    /// Copies the frame in place `index`, which must have been set, to `output`.
    pub(super) fn copy(&self, index: usize, output: &mut [u8]) {
        match &self.places {
            Places::Raw(frames) => output.copy_from_slice(&frames[self.range(index)]),
            Places::Compressed(frames) if frames[index].len() == self.size => output.copy_from_slice(&frames[index]),
            Places::Compressed(frames) => {
                let len = lz4_flex::block::decompress_into(&frames[index], output);
                assert_eq!(len.ok(), Some(self.size), "a compressed frame was set by `compress`");
            }
        }
    }

    /// The frame in place `index`, which must have been set, in the form in which [`Places::Compressed`] keeps it.
    pub(super) fn compressed(&self, index: usize) -> Cow<'_, [u8]> {
        match &self.places {
            Places::Raw(frames) => compress(&frames[self.range(index)]).into_vec().into(),
            Places::Compressed(frames) => Cow::Borrowed(&*frames[index]),
        }
    }

    /// Puts a frame in the form of [`compressed`](Self::compressed) in place `index`; `false` if `block` is not one.
    pub(super) fn set_compressed(&mut self, index: usize, block: &[u8]) -> bool {
        let range = self.range(index);
        let mut frame = vec![0; self.size];
        if block.len() == self.size {
            frame.copy_from_slice(block);
        } else if lz4_flex::block::decompress_into(block, &mut frame).ok() != Some(self.size) {
            return false;
        }
        self.extend_to(index);
        match &mut self.places {
            Places::Raw(frames) => frames[range].copy_from_slice(&frame),
            Places::Compressed(frames) => frames[index] = block.into(),
        }
        true
    }
}

/// Makes `values` at least `length` long. Where nothing was reserved, by a sixteenth at a time: twice as much as needed, which a
/// vector takes by itself, could be more than there is.
pub(super) fn extend<T: Clone + Default>(values: &mut Vec<T>, length: usize) {
    if length > values.capacity() {
        values.reserve_exact((length + length / 16) - values.len());
    }
    if length > values.len() {
        values.resize(length, T::default());
    }
}

/// Bytes that `frame` takes, compressed or not.
pub(super) fn size(frame: &[u8], compressed: bool) -> usize {
    if compressed {
        compress(frame).len() + ALLOCATION_OVERHEAD
    } else {
        frame.len()
    }
}

fn compress(frame: &[u8]) -> Box<[u8]> {
    let block = lz4_flex::block::compress(frame);
    if block.len() < frame.len() {
        block.into_boxed_slice()
    } else {
        frame.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experience::replay::tests::{Frame, FRAME_PIXELS};
    use crate::random::{Generator, Purpose};

    #[test]
    fn frames_come_back_as_they_were_whether_they_compress_or_not() {
        let mut generator = Generator::new(3, Purpose::Synthetic);
        let noise: Frame = std::array::from_fn(|_| generator.below(256) as u8);
        let mut drawn = [17; FRAME_PIXELS];
        drawn[1000..1300].copy_from_slice(&noise[..300]);
        let all = [[0; FRAME_PIXELS], noise, drawn];
        for compressed in [false, true] {
            let mut frames = Frames::new(FRAME_PIXELS, 4, compressed);
            let mut output = [1; FRAME_PIXELS];
            for shift in 0..3 {
                (0..3).for_each(|i| frames.set(i, &all[(i + shift) % 3]));
                for i in 0..3 {
                    frames.copy(i, &mut output);
                    assert!(output == all[(i + shift) % 3], "place {i}, compressed: {compressed}");
                }
            }
        }
        assert!(size(&all[0], true) < 100 && size(&drawn, true) < 500);
        assert_eq!(size(&noise, true), FRAME_PIXELS + ALLOCATION_OVERHEAD);
    }

    #[test]
    fn a_large_capacity_takes_no_memory_before_its_frames_come() {
        for compressed in [false, true] {
            let mut frames = Frames::new(FRAME_PIXELS, 1 << 40, compressed);
            assert_eq!(frames.places(), 1 << 40);
            frames.set(0, &[7; FRAME_PIXELS]);
            frames.set(1, &[9; FRAME_PIXELS]);
            let mut output = [1; FRAME_PIXELS];
            frames.copy(1, &mut output);
            assert!(output == [9; FRAME_PIXELS]);
            assert!(frames.reserve(1 << 40).is_err(), "compressed: {compressed}");
            frames.reserve(3).unwrap();
        }
    }
}
