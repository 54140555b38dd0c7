//! The last n frames of an episode.

/// The last frames of an episode, oldest first, black before the episode's first.
///
/// ```
/// use atari_emulator::observation::FrameStack;
///
/// let mut stack = FrameStack::new(4, 84 * 84);
/// stack.begin(&[1; 84 * 84]);
/// stack.push(&[2; 84 * 84]);
/// let firsts: Vec<u8> = stack.pixels().chunks(84 * 84).map(|frame| frame[0]).collect();
/// assert_eq!(firsts, [0, 0, 1, 2]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameStack {
    pixels: Vec<u8>,
    frame_bytes: usize,
}

impl FrameStack {
    /// A black stack of `frames` frames with `frame_bytes` bytes each.
    ///
    /// # Panics
    /// If `frames` or `frame_bytes` is 0, or the stack is larger than any memory.
    pub fn new(frames: usize, frame_bytes: usize) -> Self {
        assert!(frames > 0 && frame_bytes > 0, "a stack has frames: {frames} of {frame_bytes} bytes are none");
        let bytes = frames.checked_mul(frame_bytes).expect("a stack fits the memory");
        Self { pixels: vec![0; bytes], frame_bytes }
    }

    /// A stack with these `pixels`, oldest frame first; `None` unless they are whole frames of `frame_bytes` bytes, at least
    /// one.
    pub fn from_pixels(pixels: Vec<u8>, frame_bytes: usize) -> Option<Self> {
        let whole = frame_bytes > 0 && pixels.len().is_multiple_of(frame_bytes);
        (whole && !pixels.is_empty()).then_some(Self { pixels, frame_bytes })
    }

    /// Starts an episode with its first frame.
    ///
    /// # Panics
    /// If `first` does not have `frame_bytes` bytes.
    pub fn begin(&mut self, first: &[u8]) {
        begin(&mut self.pixels, first, self.frame_bytes);
    }

    /// Adds the newest frame and drops the oldest.
    ///
    /// # Panics
    /// If `newest` does not have `frame_bytes` bytes.
    pub fn push(&mut self, newest: &[u8]) {
        push(&mut self.pixels, newest, self.frame_bytes);
    }

    /// All frames, oldest first: `frames * frame_bytes` bytes.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }
}

/// [`FrameStack::begin`] in a caller's buffer.
pub(crate) fn begin(pixels: &mut [u8], first: &[u8], frame_bytes: usize) {
    let (older, newest) = pixels.split_at_mut(pixels.len() - frame_bytes);
    older.fill(0);
    newest.copy_from_slice(first);
}

/// [`FrameStack::push`] in a caller's buffer.
pub(crate) fn push(pixels: &mut [u8], newest: &[u8], frame_bytes: usize) {
    pixels.copy_within(frame_bytes.., 0);
    let older = pixels.len() - frame_bytes;
    pixels[older..].copy_from_slice(newest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stack_starts_black_and_keeps_the_last_four_oldest_first() {
        let mut stack = FrameStack::new(4, 100);
        stack.push(&[9; 100]);
        stack.begin(&[1; 100]);
        let firsts = |stack: &FrameStack| -> Vec<u8> { stack.pixels().iter().step_by(100).copied().collect() };
        assert_eq!(firsts(&stack), [0, 0, 0, 1]);
        for value in 2..=5 {
            stack.push(&[value; 100]);
        }
        assert_eq!(firsts(&stack), [2, 3, 4, 5]);
        assert_eq!(FrameStack::from_pixels(stack.pixels().to_vec(), 100), Some(stack));
        assert_eq!(FrameStack::from_pixels(vec![0; 150], 100), None);
    }

    #[test]
    fn a_stack_without_frames_is_none() {
        for (bytes, frame_bytes) in [(0, 100), (0, 0), (100, 0)] {
            assert_eq!(FrameStack::from_pixels(vec![0; bytes], frame_bytes), None);
        }
    }

    #[test]
    #[should_panic(expected = "0 of 100 bytes are none")]
    fn a_stack_without_frames_is_not_made() {
        FrameStack::new(0, 100);
    }
}
