//! A convolution on the CPU: products whose left rows are patches, read where they lie in the pictures.
//!
//! Inside the network pictures are stored as (row, column, channel), the observations as channel planes. In both a patch is a
//! list of contiguous runs, and no patch is copied ([`kernels`](crate::networks::cpu::kernels)). Weights are
//! `[patch, output channel]`, so that a row of them is one run of outputs.

use crate::networks::cpu::kernels::{Begin, ColumnProduct, End, Left, Right, RowProduct, Rows};
use crate::networks::cpu::matrix::vectorized;

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

    /// Converts one patch of a picture of channel planes, gray values 0 to 255, to fractions of 255 in the order (channel,
    /// row, column), as weights are stored.
    pub fn gather_planes_at(&self, image: &[u8], position: usize, patch: &mut [f32]) {
        match self.kernel {
            8 => self.gather_planes_at_of::<8>(image, position, patch),
            5 => self.gather_planes_at_of::<5>(image, position, patch),
            4 => self.gather_planes_at_of::<4>(image, position, patch),
            3 => self.gather_planes_at_of::<3>(image, position, patch),
            other => unreachable!("no architecture begins with a {other}x{other} kernel"),
        }
    }

    /// With the kernel's width known to the compiler, a run is converted by a register or two.
    #[inline(always)]
    fn gather_planes_at_of<const KERNEL: usize>(&self, image: &[u8], position: usize, patch: &mut [f32]) {
        let (side, out_side) = (self.in_side, self.out_side());
        let corner = (position / out_side * side + position % out_side) * self.stride;
        vectorized(
            #[inline(always)]
            || {
                let planes = image[corner..].chunks(side * side);
                for (channel, plane) in patch.chunks_exact_mut(KERNEL * KERNEL).zip(planes) {
                    for row in 0..KERNEL {
                        let run = channel[row * KERNEL..].first_chunk_mut::<KERNEL>();
                        if let (Some(run), Some(pixels)) = (run, plane[row * side..].first_chunk::<KERNEL>()) {
                            *run = pixels.map(fraction);
                        }
                    }
                }
            },
        );
    }
}

/// A gray value as a fraction of 255.
#[inline(always)]
fn fraction(pixel: u8) -> f32 {
    f32::from(pixel) * (1.0 / 255.0)
}

/// Converts gray values 0 to 255 to fractions of 255.
pub fn fractions_of(pixels: &[u8], fractions: &mut [f32]) {
    vectorized(
        #[inline(always)]
        || fractions.iter_mut().zip(pixels).for_each(|(value, &pixel)| *value = fraction(pixel)),
    );
}

/// A convolution and the places of the patches in its input.
#[derive(Clone, Debug)]
pub struct Convolution {
    /// Its sizes.
    pub shape: ConvShape,
    /// Where the patch at each position begins in a picture.
    places: Vec<u32>,
    /// Where a patch's runs begin, counted from its beginning.
    runs: Vec<u32>,
    /// Numbers in a run.
    run: usize,
}

impl Convolution {
    /// The convolution of pictures stored as (row, column, channel) or, if `planes`, as (channel, row, column).
    pub fn new(shape: ConvShape, planes: bool) -> Self {
        let (channels, side, kernel) = (shape.in_channels, shape.in_side, shape.kernel);
        let pixel = if planes { 1 } else { channels };
        let corners = (0..shape.positions()).map(|position| {
            let (y, x) = (position / shape.out_side() * shape.stride, position % shape.out_side() * shape.stride);
            ((y * side + x) * pixel) as u32
        });
        let runs = (0..if planes { channels } else { 1 })
            .flat_map(|plane| (0..kernel).map(move |row| ((plane * side + row) * side * pixel) as u32))
            .collect();
        Self { shape, places: corners.collect(), runs, run: kernel * pixel }
    }

    /// Replaces `places` by the places of all patches of this many pictures, one picture after the other.
    pub fn places_in(&self, pictures: usize, places: &mut Vec<u32>) {
        places.clear();
        for picture in 0..pictures {
            let begin = (picture * self.shape.input_len()) as u32;
            places.extend(self.places.iter().map(|place| begin + place));
        }
    }

    /// Replaces `places` by the places of the patches of these rows; row = picture * positions + position.
    pub fn places_of(&self, rows: &[usize], places: &mut Vec<u32>) {
        let positions = self.places.len();
        places.clear();
        places.extend(
            rows.iter().map(|row| (row / positions * self.shape.input_len()) as u32 + self.places[row % positions]),
        );
    }

    /// The patches at these places of pictures, as a factor.
    pub fn patches<'a>(&'a self, pictures: &'a [f32], places: &'a [u32]) -> Left<'a> {
        Left { values: pictures, rows: Rows::At(places), runs: &self.runs, run: self.run }
    }

    /// The patches of one picture, as a factor.
    pub fn patches_of_one<'a>(&'a self, picture: &'a [f32]) -> Left<'a> {
        self.patches(picture, &self.places)
    }

    /// Writes `patches` * `weights` + `bias`, or its ReLU if `end` is [`End::Rectify`], for the first `rows` patches. Each has
    /// a row of channels, which begins where `output_rows` says; `weights` are `[patch, output channel]`.
    pub fn forward(
        &self,
        (patches, rows): (Left, usize),
        (weights, bias): (&[f32], &[f32]),
        (output, output_rows): (&mut [f32], Rows),
        end: End,
    ) {
        let right = Right::dense(weights, self.shape.out_channels);
        RowProduct { left: patches, rows, right, output_rows, begin: Begin::Bias(bias), end }.run(output);
    }

    /// Adds to the gradient of the weights (`[patch, output channel]`), given the gradient of the output before its ReLU,
    /// a row of channels for each patch.
    pub fn add_weight_gradient(&self, patches: Left, output_gradient: &[f32], weights: &mut [f32]) {
        let channels = self.shape.out_channels;
        let right = Right::dense(output_gradient, channels);
        ColumnProduct { left: patches, rows: output_gradient.len() / channels, right, keep: true }.run(weights);
    }

    /// Adds to the gradient of pictures in (row, column, channel), given the gradient of the output before its ReLU, a row of
    /// channels for the patch at each of `places`, in rising order; `transposed` are the weights, `[output channel, patch]`.
    pub fn add_input_gradient(
        &self,
        output_gradient: &[f32],
        transposed: &[f32],
        places: &[u32],
        input_gradient: &mut [f32],
    ) {
        // Kernel row by kernel row: `End::Add` needs output rows that begin one after the other.
        for (i, run) in self.runs.iter().enumerate() {
            let right = Right { values: &transposed[i * self.run..], columns: self.run, stride: self.shape.patch() };
            let product = RowProduct {
                left: Left::dense(output_gradient, self.shape.out_channels),
                rows: places.len(),
                right,
                output_rows: Rows::At(places),
                begin: Begin::Zero,
                end: End::Add,
            };
            product.run(&mut input_gradient[*run as usize..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::cpu::matrix::tests::{assert_close, numbers};
    use crate::networks::cpu::matrix::{mask_relu, transpose};
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
            [(3, 9, 4, 3, 1), (2, 20, 5, 4, 2), (4, 12, 3, 5, 5), (3, 15, 21, 4, 3)]
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
            let convolution = Convolution::new(shape, false);
            let patches = (convolution.patches_of_one(&image), shape.positions());
            let mut output = vec![0.0; shape.output_len()];
            let to = (output.as_mut_slice(), Rows::Every(out_channels));
            convolution.forward(patches, (&weights, &bias), to, End::Rectify);
            assert_close(&planes(&output, out_channels), &flat(&y), 1e-5);

            let mut gradient = upstream.clone();
            mask_relu(&mut gradient, &output);
            let mut dw = vec![0.0; stored.len()];
            convolution.add_weight_gradient(convolution.patches_of_one(&image), &gradient, &mut dw);
            let dw_stored: Vec<f32> = (0..stored.len()).map(|i| dw[place(i)]).collect();
            assert_close(&dw_stored, &flat(grads.get(&w).unwrap()), 1e-4);

            let mut transposed = vec![0.0; weights.len()];
            transpose(&weights, (shape.patch(), out_channels), out_channels, &mut transposed);
            let (mut dx, mut places) = (vec![0.0; image.len()], Vec::new());
            convolution.places_in(1, &mut places);
            convolution.add_input_gradient(&gradient, &transposed, &places, &mut dx);
            assert_close(&planes(&dx, in_channels), &flat(grads.get(&x).unwrap()), 1e-4);
        }
    }

    /// A patch converted by itself, and the same patch in the whole picture: the same bits, the pixels in their places.
    #[test]
    fn a_patch_of_gray_values_is_the_same_by_itself_and_in_its_picture() {
        let mut generator = Generator::new(2, Purpose::Synthetic);
        for (kernel, stride) in [(8, 4), (5, 5)] {
            let shape = ConvShape { in_channels: 4, in_side: 84, out_channels: 1, kernel, stride };
            let image: Vec<u8> = (0..shape.input_len()).map(|_| generator.below(256) as u8).collect();
            let mut picture = vec![0.0; image.len()];
            fractions_of(&image, &mut picture);
            let convolution = Convolution::new(shape, true);
            let mut patch = vec![0.0; shape.patch()];
            for position in [0, 1, shape.out_side(), shape.positions() - 1] {
                shape.gather_planes_at(&image, position, &mut patch);
                let begin = convolution.places[position] as usize;
                let whole =
                    convolution.runs.iter().flat_map(|run| &picture[begin + *run as usize..][..convolution.run]);
                assert!(whole.eq(&patch));
            }
            let (channel, y, x) = (3, 2, 1);
            let pixel = image[channel * 84 * 84 + y * 84 + x];
            shape.gather_planes_at(&image, 0, &mut patch);
            assert!((patch[(channel * kernel + y) * kernel + x] - f32::from(pixel) / 255.0).abs() < 1e-7);
        }
    }
}
