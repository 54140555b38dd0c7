//! The first convolution, on pictures that are mostly alike.
//!
//! The four stacks of a group are sixteen frames of one game, and most patches of them show the same background. Convolution is
//! linear: that of a frame is that of another one, the base, plus that of their difference; and where two patches are
//! equal there is nothing to compute. So the base, what two of three frames show, is convolved once, with the weights summed
//! over the channels, and of the other frames only the patches that differ. The gradient of the weights goes the same way. It made
//! training on Pong a third faster (`docs/performance.md`).

use crate::conv::{add_bias_and_rectify, multiply, room, ConvShape, Matrix};

/// Above this share of patches that differ, whole patches are multiplied instead: what there is to save no longer pays for finding
/// it. Chosen, not measured.
const WORTHWHILE: f64 = 0.5;

/// Where the frames of some stacks differ from what most of them show, the base, and by how much.
#[derive(Clone, Debug, Default)]
pub struct Differences {
    /// Gray values.
    base: Vec<u8>,
    /// As fractions, `[positions, area]`.
    base_patches: Vec<f32>,
    channels: Vec<Channel>,
    /// Squares of the stride's size where a frame differs from the base.
    cells: Vec<bool>,
    weights: Vec<f32>,
    gradients: Vec<f32>,
    products: Vec<f32>,
}

/// The patches of one channel that differ from the base's.
#[derive(Clone, Debug, Default)]
struct Channel {
    /// Their places in the output: image times positions plus position.
    rows: Vec<usize>,
    /// The differences as fractions, `[rows, area]`.
    patches: Vec<f32>,
}

impl Differences {
    /// Looks for the patches of `observations` (gray values, some stacks of frames) that differ from the base; whether they
    /// are few enough for this way of convolving to be the faster one.
    pub fn find(&mut self, shape: &ConvShape, observations: &[u8]) -> bool {
        // Of the networks there are; a patch is then made of whole cells.
        match (shape.kernel, shape.stride) {
            (8, 4) => self.find_of::<4>(shape, observations),
            (5, 5) => self.find_of::<5>(shape, observations),
            _ => false,
        }
    }

    fn find_of<const STRIDE: usize>(&mut self, shape: &ConvShape, observations: &[u8]) -> bool {
        let (plane, positions, out_side) = (shape.in_side * shape.in_side, shape.positions(), shape.out_side());
        let (cells_side, cells_in_patch) = (shape.in_side / STRIDE, shape.kernel / STRIDE);
        self.channels.resize_with(shape.in_channels, Channel::default);
        self.channels.iter_mut().for_each(|channel| channel.rows.clear());
        set_majority(&mut self.base, three_frames(observations, shape.input_len(), plane));
        let base = self.base.as_slice();
        for (image, stack) in observations.chunks_exact(shape.input_len()).enumerate() {
            for (frame, channel) in stack.chunks_exact(plane).zip(&mut self.channels) {
                self.cells.clear();
                self.cells.resize(cells_side * cells_side, false);
                mark_differences::<STRIDE>(frame, base, shape.in_side, &mut self.cells);
                for y in 0..out_side {
                    for x in 0..out_side {
                        let differs = (y..y + cells_in_patch)
                            .any(|y| self.cells[y * cells_side + x..][..cells_in_patch].contains(&true));
                        if differs {
                            channel.rows.push(image * positions + y * out_side + x);
                        }
                    }
                }
            }
        }
        let patches = observations.len() / plane * positions;
        let differing: usize = self.channels.iter().map(|channel| channel.rows.len()).sum();
        if differing as f64 > WORTHWHILE * patches as f64 {
            return false;
        }
        let one_frame = ConvShape { in_channels: 1, ..*shape };
        one_frame.gather_planes(
            base,
            room(&mut self.products, plane),
            room(&mut self.base_patches, positions * one_frame.patch()),
        );
        for (c, Channel { rows, patches }) in self.channels.iter_mut().enumerate() {
            let patches = room(patches, rows.len() * one_frame.patch());
            for (&row, patch) in rows.iter().zip(patches.chunks_exact_mut(one_frame.patch())) {
                let frame = &observations[row / positions * shape.input_len() + c * plane..][..plane];
                one_frame.gather_difference(frame, base, row % positions, patch);
            }
        }
        true
    }

    /// `output` (for each stack, positions x channels) = ReLU(convolution + `bias`); `weights` are in stored order.
    pub fn forward(&mut self, shape: &ConvShape, weights: &[f32], bias: &[f32], output: &mut [f32]) {
        let (positions, patch, outputs) = (shape.positions(), shape.patch(), shape.out_channels);
        let area = patch / shape.in_channels;
        let sums = room(&mut self.weights, outputs * area);
        for (sums, weights) in sums.chunks_exact_mut(area).zip(weights.chunks_exact(patch)) {
            sums.copy_from_slice(&weights[..area]);
            for channel in weights[area..].chunks_exact(area) {
                sums.iter_mut().zip(channel).for_each(|(sum, weight)| *sum += weight);
            }
        }
        let (first, others) = output.split_at_mut(shape.output_len());
        let base = Matrix::new(&self.base_patches, positions, area);
        multiply(first, base, Matrix::new(sums, outputs, area).transposed(), false);
        others.chunks_exact_mut(first.len()).for_each(|other| other.copy_from_slice(first));
        for (c, Channel { rows, patches }) in
            self.channels.iter().enumerate().filter(|(_, found)| !found.rows.is_empty())
        {
            let products = room(&mut self.products, rows.len() * outputs);
            let weights = Matrix::strided(&weights[c * area..], outputs, area, patch);
            multiply(products, Matrix::new(patches, rows.len(), area), weights.transposed(), false);
            for (&row, product) in rows.iter().zip(products.chunks_exact(outputs)) {
                let output = &mut output[row * outputs..][..outputs];
                output.iter_mut().zip(product).for_each(|(output, product)| *output += product);
            }
        }
        add_bias_and_rectify(output, bias);
    }

    /// Adds to the gradients of the weights (in stored order) and of the bias, given the gradient of the output before its
    /// ReLU.
    pub fn add_weight_gradient(
        &mut self,
        shape: &ConvShape,
        output_gradient: &[f32],
        weights: &mut [f32],
        bias: &mut [f32],
    ) {
        let (positions, patch, outputs) = (shape.positions(), shape.patch(), shape.out_channels);
        let area = patch / shape.in_channels;
        let product = room(&mut self.products, outputs * area);
        let mut add_to_channel = |channel: usize, product: &[f32]| {
            for (weights, product) in weights.chunks_exact_mut(patch).zip(product.chunks_exact(area)) {
                let weights = &mut weights[channel * area..][..area];
                weights.iter_mut().zip(product).for_each(|(sum, value)| *sum += value);
            }
        };
        // What all channels of all images have of the base.
        let (first, others) = output_gradient.split_at(shape.output_len());
        let sums = room(&mut self.gradients, first.len());
        sums.copy_from_slice(first);
        for other in others.chunks_exact(first.len()) {
            sums.iter_mut().zip(other).for_each(|(sum, value)| *sum += value);
        }
        for row in sums.chunks_exact(outputs) {
            bias.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        let sums = Matrix::new(sums, positions, outputs);
        multiply(product, sums.transposed(), Matrix::new(&self.base_patches, positions, area), false);
        (0..shape.in_channels).for_each(|channel| add_to_channel(channel, product));

        for (c, Channel { rows, patches }) in
            self.channels.iter().enumerate().filter(|(_, found)| !found.rows.is_empty())
        {
            let gradients = room(&mut self.gradients, rows.len() * outputs);
            for (&row, gradient) in rows.iter().zip(gradients.chunks_exact_mut(outputs)) {
                gradient.copy_from_slice(&output_gradient[row * outputs..][..outputs]);
            }
            let gradients = Matrix::new(gradients, rows.len(), outputs);
            multiply(product, gradients.transposed(), Matrix::new(patches, rows.len(), area), false);
            add_to_channel(c, product);
        }
    }
}

/// The newest frames of three stacks, or if there are fewer the last three of one.
fn three_frames(observations: &[u8], stack: usize, plane: usize) -> [&[u8]; 3] {
    let step = if observations.len() >= 3 * stack { stack } else { plane };
    [0, 1, 2].map(|i| {
        let end = if step == stack { (i + 1) * stack } else { stack - i * plane };
        &observations[end - plane..end]
    })
}

/// Bit by bit what two of three frames have: the background, without what moves over it.
fn set_majority(base: &mut Vec<u8>, [a, b, c]: [&[u8]; 3]) {
    base.clear();
    base.extend(a.iter().zip(b).zip(c).map(|((a, b), c)| (a & b) | (b & c) | (a & c)));
}

/// Sets the `cells` (squares of `STRIDE` pixels) in which two pictures of this `side` differ.
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
    use crate::conv::mask_relu;
    use crate::random::{Generator, Purpose};

    /// Three stacks of a background; in each frame another pixel is another.
    fn stacks(shape: &ConvShape) -> Vec<u8> {
        let mut generator = Generator::new(1, Purpose::Synthetic);
        let plane = shape.in_side * shape.in_side;
        let background: Vec<u8> = (0..plane).map(|_| generator.below(256) as u8).collect();
        let mut observations = background.repeat(3 * shape.in_channels);
        for (f, frame) in observations.chunks_exact_mut(plane).enumerate() {
            frame[(7 * f + 3) * shape.in_side + 5 * f] ^= 255;
        }
        observations
    }

    fn numbers(len: usize) -> Vec<f32> {
        let mut generator = Generator::new(2, Purpose::Synthetic);
        (0..len).map(|_| generator.symmetric(1.0)).collect()
    }

    #[test]
    fn outputs_and_gradients_are_those_of_whole_patches() {
        for (kernel, stride) in [(8, 4), (5, 5)] {
            let shape = ConvShape { in_channels: 4, in_side: 84, out_channels: 6, kernel, stride };
            let observations = stacks(&shape);
            let (weights, bias) = (numbers(shape.weight_len()), numbers(6));
            let mut differences = Differences::default();
            assert!(differences.find(&shape, &observations));
            let patches: usize = differences.channels.iter().map(|channel| channel.rows.len()).sum();
            let shares = (kernel / stride).pow(2);
            assert!((8..=12 * shares).contains(&patches), "a pixel is in {shares} patches at most: {patches}");
            let only_one = &observations[..shape.input_len()];
            assert!(Differences::default().find(&shape, only_one), "a single stack has a background too");

            let mut patches = vec![0.0; 3 * shape.positions() * shape.patch()];
            for (stack, patches) in observations
                .chunks_exact(shape.input_len())
                .zip(patches.chunks_exact_mut(shape.positions() * shape.patch()))
            {
                shape.gather_planes(stack, &mut vec![0.0; shape.input_len()], patches);
            }
            let (mut got, mut want) = (vec![9.0; 3 * shape.output_len()], vec![0.0; 3 * shape.output_len()]);
            shape.forward(&patches, &weights, &bias, &mut want);
            differences.forward(&shape, &weights, &bias, &mut got);
            assert_near(&got, &want);
            assert_ne!(want[..shape.output_len()], want[shape.output_len()..2 * shape.output_len()]);

            let mut gradient = numbers(want.len());
            mask_relu(&mut gradient, &want);
            let [mut got, mut want] = [(); 2].map(|()| (vec![1.0; weights.len()], vec![2.0; 6]));
            shape.add_weight_gradient(&patches, &gradient, &mut want.0, &mut want.1);
            differences.add_weight_gradient(&shape, &gradient, &mut got.0, &mut got.1);
            assert_near(&got.0, &want.0);
            assert_near(&got.1, &want.1);
        }
    }

    fn assert_near(got: &[f32], want: &[f32]) {
        for (got, want) in got.iter().zip(want) {
            assert!((got - want).abs() < 2e-5 * want.abs().max(1.0), "{got}, expected {want}");
        }
    }

    #[test]
    fn pictures_without_likeness_are_left_to_the_ordinary_way() {
        let shape = ConvShape { in_channels: 4, in_side: 84, out_channels: 6, kernel: 8, stride: 4 };
        let mut generator = Generator::new(3, Purpose::Synthetic);
        let noise: Vec<u8> = (0..shape.input_len()).map(|_| generator.below(256) as u8).collect();
        assert!(!Differences::default().find(&shape, &noise));
    }
}
