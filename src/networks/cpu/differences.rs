//! Finds the patches of a batch that differ from one picture, the base: only these are convolved image by image.
//!
//! The stacks of a batch are frames of one game, and most of their patches show the same background. A patch equal to the
//! base's gives the base's output in every layer above it, so it is computed once; its gradients are summed over the batch
//! and propagated once. In batches of a random player 11 % of the first convolution's patches differ in Pong, 35 % of the
//! second's and 63 % of the third's; in Breakout 12, 29 and 56 %.
//!
//! A row is a position of a convolution's output in one image of a batch; its number is image * positions + position.

use crate::networks::cpu::convolution::ConvShape;

/// With a larger share of differing rows all rows are convolved: keeping them apart costs more than it saves. Chosen, not
/// measured.
const WORTHWHILE: f64 = 0.8;

/// The rows of a group of images that differ from the base.
#[derive(Clone, Debug, Default)]
pub struct Differing {
    /// In rising order; meaningless unless `few`.
    rows: Vec<usize>,
    few: bool,
    /// Working memory: the cells of one image's frames that differ.
    marks: Vec<bool>,
    /// Working memory: the positions of one image's output that differ.
    positions: Vec<bool>,
}

impl Differing {
    /// The rows that differ, if they are few enough to be convolved by themselves.
    pub fn few(&self) -> Option<&[usize]> {
        self.few.then_some(self.rows.as_slice())
    }

    /// Declares that all rows may differ.
    pub fn set_all(&mut self) {
        self.few = false;
    }

    /// Finds the rows of the first convolution's output that differ between `observations` (stacks of frames of gray values)
    /// and a stack that repeats the frame `base`.
    pub fn find(&mut self, shape: &ConvShape, observations: &[u8], base: &[u8]) {
        // Kernels and strides of the present networks. A patch consists of whole cells of stride x stride pixels.
        match (shape.kernel, shape.stride) {
            (8, 4) => self.find_of::<4>(shape, observations, base),
            (5, 5) => self.find_of::<5>(shape, observations, base),
            _ => self.set_all(),
        }
    }

    fn find_of<const STRIDE: usize>(&mut self, shape: &ConvShape, observations: &[u8], base: &[u8]) {
        let out_side = shape.out_side();
        let (cells_side, cells_in_patch) = (shape.in_side / STRIDE, shape.kernel / STRIDE);
        self.rows.clear();
        for (image, stack) in observations.chunks_exact(shape.input_len()).enumerate() {
            self.marks.clear();
            self.marks.resize(cells_side * cells_side, false);
            for frame in stack.chunks_exact(base.len()) {
                mark_differences::<STRIDE>(frame, base, shape.in_side, &mut self.marks);
            }
            for position in 0..shape.positions() {
                let (top, left) = (position / out_side, position % out_side);
                let differs = (top..top + cells_in_patch)
                    .any(|y| self.marks[y * cells_side + left..][..cells_in_patch].contains(&true));
                if differs {
                    self.rows.push(image * shape.positions() + position);
                }
            }
        }
        self.judge(observations.len() / shape.input_len() * shape.positions());
    }

    /// Finds the rows of a convolution's output that differ in `images` images, given the differing rows of its input.
    pub fn follow(&mut self, shape: &ConvShape, input: &Differing, images: usize) {
        let Some(input) = input.few() else { return self.set_all() };
        let (in_positions, out_side) = (shape.in_side * shape.in_side, shape.out_side());
        self.rows.clear();
        for rows in input.chunk_by(|a, b| a / in_positions == b / in_positions) {
            let image = rows[0] / in_positions;
            self.positions.clear();
            self.positions.resize(shape.positions(), false);
            for place in rows.iter().map(|row| row % in_positions) {
                let [vertical, horizontal] = [place / shape.in_side, place % shape.in_side].map(|place| {
                    // The outputs whose kernel covers the place.
                    (place + 1).saturating_sub(shape.kernel).div_ceil(shape.stride)
                        ..(place / shape.stride + 1).min(out_side)
                });
                for y in vertical {
                    self.positions[y * out_side..][horizontal.clone()].fill(true);
                }
            }
            let differing = self.positions.iter().enumerate().filter(|(_, differs)| **differs);
            self.rows.extend(differing.map(|(position, _)| image * shape.positions() + position));
        }
        self.judge(images * shape.positions());
    }

    fn judge(&mut self, all: usize) {
        self.few = self.rows.len() as f64 <= WORTHWHILE * all as f64;
    }
}

/// Writes the base of `observations` (stacks of `channels` frames, `stack` pixels each) to `base`: the bitwise majority of the
/// newest frames of the first three stacks, where moving objects drop out, repeated to a stack. Of fewer stacks it is the
/// newest frame of the first.
pub fn set_base(base: &mut Vec<u8>, channels: usize, observations: &[u8], stack: usize) {
    let plane = stack / channels;
    let last = if observations.len() < 3 * stack { [1; 3] } else { [1, 2, 3] };
    let [a, b, c] = last.map(|i| &observations[i * stack - plane..i * stack]);
    base.clear();
    base.extend(a.iter().zip(b).zip(c).map(|((a, b), c)| (a & b) | (b & c) | (a & c)));
    for _ in 1..channels {
        base.extend_from_within(..plane);
    }
}

/// Marks the `cells` (`STRIDE` x `STRIDE` pixels) in which two pictures of this `side` differ.
fn mark_differences<const STRIDE: usize>(frame: &[u8], base: &[u8], side: usize, cells: &mut [bool]) {
    let rows = frame.chunks_exact(side).zip(base.chunks_exact(side));
    for (y, (row, base)) in rows.enumerate().filter(|(_, (row, base))| row != base) {
        let cells = cells[y / STRIDE * (side / STRIDE)..].iter_mut();
        for ((cell, pixels), base) in cells.zip(row.as_chunks::<STRIDE>().0).zip(base.as_chunks::<STRIDE>().0) {
            *cell |= pixels != base;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Generator, Purpose};

    const NATURE: [ConvShape; 3] = [
        ConvShape { in_channels: 4, in_side: 84, out_channels: 32, kernel: 8, stride: 4 },
        ConvShape { in_channels: 32, in_side: 20, out_channels: 64, kernel: 4, stride: 2 },
        ConvShape { in_channels: 64, in_side: 9, out_channels: 64, kernel: 3, stride: 1 },
    ];
    const CPU: [ConvShape; 2] = [
        ConvShape { in_channels: 4, in_side: 84, out_channels: 32, kernel: 5, stride: 5 },
        ConvShape { in_channels: 32, in_side: 16, out_channels: 64, kernel: 5, stride: 5 },
    ];

    /// Stacks of one frame with some pixels changed in each copy; and the frame itself.
    fn stacks(images: usize, pixels: usize) -> (Vec<u8>, Vec<u8>) {
        let mut generator = Generator::new(1, Purpose::Synthetic);
        let background: Vec<u8> = (0..84 * 84).map(|_| generator.below(256) as u8).collect();
        let mut observations = background.repeat(images * 4);
        for frame in observations.chunks_exact_mut(84 * 84) {
            (0..pixels).for_each(|_| frame[generator.below(84 * 84)] ^= 255);
        }
        (observations, background)
    }

    fn patch(shape: &ConvShape, observations: &[u8], row: usize) -> Vec<f32> {
        let mut patch = vec![0.0; shape.patch()];
        let image = &observations[row / shape.positions() * shape.input_len()..][..shape.input_len()];
        shape.gather_planes_at(image, row % shape.positions(), &mut patch);
        patch
    }

    #[test]
    fn a_row_differs_if_a_pixel_of_its_patch_does() {
        let (observations, background) = stacks(3, 2);
        let base = background.repeat(4);
        for shape in [NATURE[0], CPU[0]] {
            let mut found = Differing::default();
            found.find(&shape, &observations, &background);
            let all = 0..3 * shape.positions();
            let differs =
                |row: &usize| patch(&shape, &observations, *row) != patch(&shape, &base, row % shape.positions());
            let want: Vec<usize> = all.filter(differs).collect();
            assert!(want.len() > 8);
            assert_eq!(found.few(), Some(want.as_slice()));
        }
    }

    /// In every layer, an output differs if an input that its kernel covers does.
    #[test]
    fn differences_spread_with_the_kernels() {
        let (observations, background) = stacks(3, 1);
        for shapes in [NATURE.as_slice(), &CPU] {
            let mut below = Differing::default();
            below.find(&shapes[0], &observations, &background);
            for shape in &shapes[1..] {
                let inputs = below.rows.clone();
                let side = shape.in_side;
                let covers = |row: usize| {
                    let (image, position) = (row / shape.positions(), row % shape.positions());
                    let (top, left) =
                        (position / shape.out_side() * shape.stride, position % shape.out_side() * shape.stride);
                    (0..shape.kernel * shape.kernel).any(|i| {
                        let place = (top + i / shape.kernel) * side + left + i % shape.kernel;
                        inputs.contains(&(image * side * side + place))
                    })
                };
                let want: Vec<usize> = (0..3 * shape.positions()).filter(|&row| covers(row)).collect();
                assert!(!want.is_empty());
                let mut found = Differing::default();
                found.follow(shape, &below, 3);
                assert_eq!(found.rows, want);
                below = Differing { few: true, ..found };
            }
        }
    }

    #[test]
    fn unlike_pictures_are_convolved_whole_in_every_layer() {
        let (observations, _) = stacks(2, 0);
        let (mut found, mut above) = (Differing::default(), Differing::default());
        let inverted: Vec<u8> = observations[..84 * 84].iter().map(|pixel| !pixel).collect();
        found.find(&NATURE[0], &observations, &inverted);
        assert_eq!(found.few(), None);
        above.follow(&NATURE[1], &found, 2);
        assert_eq!(above.few(), None);
        found.find(&NATURE[0], &observations, &observations[..84 * 84]);
        assert_eq!(found.few(), Some([].as_slice()));
    }

    /// A pixel that one of the three newest frames has changed is not in the base.
    #[test]
    fn the_base_is_the_majority_of_three_newest_frames() {
        let (mut observations, background) = stacks(4, 0);
        let plane = 84 * 84;
        for (image, pixel) in [(0, 10), (1, 20), (2, 30)] {
            observations[(image * 4 + 3) * plane + pixel] ^= 255;
            observations[image * 4 * plane + 40] ^= 255;
        }
        let mut base = Vec::new();
        set_base(&mut base, 4, &observations, 4 * plane);
        assert!(base == background.repeat(4));
    }
}
