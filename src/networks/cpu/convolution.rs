//! A convolution on the CPU: patches gathered into a matrix, then a matrix product.
//!
//! Inside the network pictures are stored as (row, column, channel). So a patch's row is one contiguous run to copy, and a
//! whole group of images is one matrix product. Weights are `[patch, output channel]`: products then need no transposing,
//! which took half of the second convolution's time. The order of every sum depends on the shapes alone, never on the
//! number of threads.

use crate::networks::cpu::matrix::{multiply, vectorized, Matrix};

/// A convolution without padding of square pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvShape {
    /// Channels of the input.
    pub in_channels: usize,
    /// Rows and columns of the input.
    pub in_side: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Rows and columns of the kernel.
    pub kernel: usize,
    /// Pixels from one patch to the next.
    pub stride: usize,
}

impl ConvShape {
    /// Rows and columns of the output.
    pub fn out_side(&self) -> usize {
        (self.in_side - self.kernel) / self.stride + 1
    }

    /// Positions of the kernel: pixels of the output.
    pub fn positions(&self) -> usize {
        self.out_side() * self.out_side()
    }

    /// Numbers in a patch.
    pub fn patch(&self) -> usize {
        self.in_channels * self.kernel * self.kernel
    }

    /// Numbers in an input picture.
    pub fn input_len(&self) -> usize {
        self.in_channels * self.in_side * self.in_side
    }

    /// Numbers in an output picture.
    pub fn output_len(&self) -> usize {
        self.out_channels * self.positions()
    }

    /// Numbers in the weights.
    pub fn weight_len(&self) -> usize {
        self.out_channels * self.patch()
    }

    /// Gathers the patches of one picture of channel planes, gray values 0 to 255, as fractions of 255: `positions` rows of
    /// `patch` numbers in the order (channel, row, column), as weights are stored. `fractions` is room for the picture.
    pub fn gather_planes(&self, image: &[u8], fractions: &mut [f32], patches: &mut [f32]) {
        // The whole picture first: most pixels are in several patches, and long rows convert faster than short runs.
        vectorized(
            #[inline(always)]
            || {
                for (fraction, &pixel) in fractions.iter_mut().zip(image) {
                    *fraction = f32::from(pixel) * (1.0 / 255.0);
                }
            },
        );
        match self.kernel {
            8 => self.gather_planes_of::<8>(fractions, patches),
            5 => self.gather_planes_of::<5>(fractions, patches),
            4 => self.gather_planes_of::<4>(fractions, patches),
            3 => self.gather_planes_of::<3>(fractions, patches),
            other => unreachable!("no architecture begins with a {other}x{other} kernel"),
        }
    }

    /// With the kernel's width known to the compiler, a run is copied by a register or two instead of a call.
    fn gather_planes_of<const KERNEL: usize>(&self, image: &[f32], patches: &mut [f32]) {
        let (side, out_side) = (self.in_side, self.out_side());
        for (position, patch) in patches.chunks_exact_mut(self.patch()).enumerate() {
            let corner = (position / out_side * side + position % out_side) * self.stride;
            for (channel, plane) in patch.chunks_exact_mut(KERNEL * KERNEL).zip(image[corner..].chunks(side * side)) {
                for row in 0..KERNEL {
                    let run = channel[row * KERNEL..].first_chunk_mut::<KERNEL>();
                    if let (Some(run), Some(pixels)) = (run, plane[row * side..].first_chunk::<KERNEL>()) {
                        *run = *pixels;
                    }
                }
            }
        }
    }

    /// The patch at `position` of a picture as in [`gather_planes`](Self::gather_planes).
    pub fn gather_planes_at(&self, image: &[u8], position: usize, patch: &mut [f32]) {
        match self.kernel {
            8 => self.gather_planes_at_of::<8>(image, position, patch),
            5 => self.gather_planes_at_of::<5>(image, position, patch),
            4 => self.gather_planes_at_of::<4>(image, position, patch),
            3 => self.gather_planes_at_of::<3>(image, position, patch),
            other => unreachable!("no architecture begins with a {other}x{other} kernel"),
        }
    }

    fn gather_planes_at_of<const KERNEL: usize>(&self, image: &[u8], position: usize, patch: &mut [f32]) {
        let (side, out_side) = (self.in_side, self.out_side());
        let corner = (position / out_side * side + position % out_side) * self.stride;
        for (channel, plane) in patch.chunks_exact_mut(KERNEL * KERNEL).zip(image[corner..].chunks(side * side)) {
            for row in 0..KERNEL {
                let run = channel[row * KERNEL..].first_chunk_mut::<KERNEL>();
                if let (Some(run), Some(pixels)) = (run, plane[row * side..].first_chunk::<KERNEL>()) {
                    *run = pixels.map(|pixel| f32::from(pixel) * (1.0 / 255.0));
                }
            }
        }
    }

    /// Gathers the patches of one (row, column, channel) picture: `positions` rows of `patch` numbers in the order (row,
    /// column, channel).
    pub fn gather(&self, image: &[f32], patches: &mut [f32]) {
        for (position, patch) in patches.chunks_exact_mut(self.patch()).enumerate() {
            self.gather_at(image, position, patch);
        }
    }

    /// The patch at `position` of such a picture.
    #[inline]
    pub fn gather_at(&self, image: &[f32], position: usize, patch: &mut [f32]) {
        let run_len = self.kernel * self.in_channels;
        for (row, run) in patch.chunks_exact_mut(run_len).enumerate() {
            let begin = self.run_begin(position, row);
            run.copy_from_slice(&image[begin..begin + run_len]);
        }
    }

    /// Adds a patch to the pixels from which [`gather_at`](Self::gather_at) copies it.
    #[inline]
    pub fn scatter_add_at(&self, patch: &[f32], position: usize, image: &mut [f32]) {
        let run_len = self.kernel * self.in_channels;
        for (row, run) in patch.chunks_exact(run_len).enumerate() {
            let begin = self.run_begin(position, row);
            for (sum, &value) in image[begin..begin + run_len].iter_mut().zip(run) {
                *sum += value;
            }
        }
    }

    /// Adds every patch to the pixels from which [`gather`](Self::gather) copies it.
    pub fn scatter_add(&self, patches: &[f32], image: &mut [f32]) {
        for (position, patch) in patches.chunks_exact(self.patch()).enumerate() {
            self.scatter_add_at(patch, position, image);
        }
    }

    /// Index in a (row, column, channel) picture at which kernel row `row` of the patch at `position` begins.
    fn run_begin(&self, position: usize, row: usize) -> usize {
        let out_side = self.out_side();
        let (y, x) = (position / out_side * self.stride + row, position % out_side * self.stride);
        (y * self.in_side + x) * self.in_channels
    }

    /// `output` (positions x channels) = ReLU(`patches` * `weights` + `bias`), for any number of pictures; `weights` are
    /// `[patch, output channel]`.
    pub fn forward(&self, patches: &[f32], weights: &[f32], bias: &[f32], output: &mut [f32]) {
        let rows = output.len() / self.out_channels;
        let weights = Matrix::new(weights, self.patch(), self.out_channels);
        multiply(output, Matrix::new(patches, rows, self.patch()), weights, false);
        add_bias_and_rectify(output, bias);
    }

    /// Adds to the gradients of the weights (`[patch, output channel]`) and of the bias, given the gradient of the
    /// output before its ReLU.
    pub fn add_weight_gradient(&self, patches: &[f32], output_gradient: &[f32], weights: &mut [f32], bias: &mut [f32]) {
        let rows = output_gradient.len() / self.out_channels;
        let patches = Matrix::new(patches, rows, self.patch());
        multiply(weights, patches.transposed(), Matrix::new(output_gradient, rows, self.out_channels), true);
        for pixel in output_gradient.chunks_exact(self.out_channels) {
            for (sum, &value) in bias.iter_mut().zip(pixel) {
                *sum += value;
            }
        }
    }

    /// Writes the gradient of the patches, given the gradient of the output before its ReLU.
    pub fn patch_gradient(&self, output_gradient: &[f32], weights: &[f32], patches: &mut [f32]) {
        let rows = output_gradient.len() / self.out_channels;
        let weights = Matrix::new(weights, self.patch(), self.out_channels);
        multiply(patches, Matrix::new(output_gradient, rows, self.out_channels), weights.transposed(), false);
    }
}

/// Replaces `output`, rows as long as `bias`, by ReLU(`output` + `bias`).
pub fn add_bias_and_rectify(output: &mut [f32], bias: &[f32]) {
    vectorized(
        #[inline(always)]
        || {
            for pixel in output.chunks_exact_mut(bias.len()) {
                for (value, &bias) in pixel.iter_mut().zip(bias) {
                    *value = (*value + bias).max(0.0);
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::cpu::matrix::mask_relu;
    use crate::networks::cpu::matrix::tests::{assert_close, numbers};
    use crate::random::{Generator, Purpose};
    use candle_core::{Device, Tensor, Var};

    /// (row, column, channel) to (channel, row, column).
    fn planes(image: &[f32], channels: usize) -> Vec<f32> {
        let pixels = image.len() / channels;
        (0..image.len()).map(|i| image[i % pixels * channels + i / pixels]).collect()
    }

    #[test]
    fn forward_and_gradients_equal_candles_convolution() {
        let mut generator = Generator::new(1, Purpose::Synthetic);
        for (in_channels, in_side, out_channels, kernel, stride) in
            [(3, 9, 4, 3, 1), (2, 20, 5, 4, 2), (4, 12, 3, 5, 5)]
        {
            let shape = ConvShape { in_channels, in_side, out_channels, kernel, stride };
            let image = numbers(&mut generator, shape.input_len());
            let stored = numbers(&mut generator, shape.weight_len());
            let bias = numbers(&mut generator, out_channels);
            let upstream = numbers(&mut generator, shape.output_len());

            let device = Device::Cpu;
            let side = (1, in_channels, in_side, in_side);
            let x = Var::from_vec(planes(&image, in_channels), side, &device).unwrap();
            let w = Var::from_vec(stored.clone(), (out_channels, in_channels, kernel, kernel), &device).unwrap();
            let b = Var::from_vec(bias.clone(), (1, out_channels, 1, 1), &device).unwrap();
            let y = x.conv2d(&w, 0, stride, 1, 1).unwrap().broadcast_add(&b).unwrap().relu().unwrap();
            let up = Tensor::from_vec(planes(&upstream, out_channels), y.shape(), &device).unwrap();
            let grads = (&y * &up).unwrap().sum_all().unwrap().backward().unwrap();
            let flat = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();

            let area = kernel * kernel;
            let place = |i: usize| (i % area * in_channels + i / area % in_channels) * out_channels + i / shape.patch();
            let mut weights = vec![0.0; stored.len()];
            (0..stored.len()).for_each(|i| weights[place(i)] = stored[i]);
            let mut patches = vec![0.0; shape.positions() * shape.patch()];
            shape.gather(&image, &mut patches);
            let mut output = vec![0.0; shape.output_len()];
            shape.forward(&patches, &weights, &bias, &mut output);
            assert_close(&planes(&output, out_channels), &flat(&y), 1e-5);

            let mut gradient = upstream.clone();
            mask_relu(&mut gradient, &output);
            let (mut dw, mut db) = (vec![0.0; stored.len()], vec![0.0; out_channels]);
            shape.add_weight_gradient(&patches, &gradient, &mut dw, &mut db);
            let dw_stored: Vec<f32> = (0..stored.len()).map(|i| dw[place(i)]).collect();
            assert_close(&dw_stored, &flat(grads.get(&w).unwrap()), 1e-4);
            assert_close(&db, &flat(grads.get(&b).unwrap()), 1e-4);

            shape.patch_gradient(&gradient, &weights, &mut patches);
            let mut dx = vec![0.0; image.len()];
            shape.scatter_add(&patches, &mut dx);
            assert_close(&planes(&dx, in_channels), &flat(grads.get(&x).unwrap()), 1e-4);
        }
    }

    #[test]
    fn planes_of_gray_values_give_the_patches_of_their_fractions() {
        let shape = ConvShape { in_channels: 4, in_side: 84, out_channels: 1, kernel: 8, stride: 4 };
        let mut generator = Generator::new(2, Purpose::Synthetic);
        let image: Vec<u8> = (0..shape.input_len()).map(|_| generator.below(256) as u8).collect();
        let mut patches = vec![0.0; shape.positions() * shape.patch()];
        shape.gather_planes(&image, &mut vec![0.0; image.len()], &mut patches);
        for (position, channel, y, x) in [(0, 0, 0, 0), (399, 3, 7, 7), (21, 2, 3, 5), (19, 1, 0, 7)] {
            let pixel = image[channel * 84 * 84 + (position / 20 * 4 + y) * 84 + position % 20 * 4 + x];
            let got = patches[position * 256 + channel * 64 + y * 8 + x];
            assert!((got - f32::from(pixel) / 255.0).abs() < 1e-7);
        }
    }
}
