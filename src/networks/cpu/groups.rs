//! The convolutions of the CPU's network: a batch is cut into groups of images, each convolved by one thread.
//!
//! Images of a batch are mostly alike. A picture that resembles most of them, the base, is convolved once, and only the rows
//! that [differ](crate::networks::cpu::differences) from it are convolved image by image.

use crate::networks::cpu::convolution::ConvShape;
use crate::networks::cpu::differences::{set_base, Differing};
use crate::networks::cpu::for_each;
use crate::networks::cpu::matrix::{add, mask_relu, room};
use crate::networks::cpu::plan::Plan;
use rayon::prelude::*;

/// Groups into which a batch is cut: enough to keep all threads busy, and few enough for large matrix products (a group of a
/// batch of 32 has 4 images).
const GROUPS: usize = 8;
/// The smallest batch for which a base is convolved too: it costs as much as one more image.
const LEAST_WITH_BASE: usize = 8;

/// Room for the convolutions of one evaluation.
#[derive(Clone, Debug, Default)]
pub struct ConvolutionSpace {
    groups: Vec<Group>,
    /// Images in every group but perhaps the last.
    group_images: usize,
    base: Base,
}

/// The picture to which the images of a batch are compared.
#[derive(Clone, Debug, Default)]
struct Base {
    /// Whether there is a base.
    on: bool,
    /// A stack of one frame.
    observation: Vec<u8>,
    group: Group,
    features: Vec<f32>,
}

impl ConvolutionSpace {
    /// Takes `observations` through all convolutions. Writes the last output to `features` `[images, features]`.
    pub fn forward(&mut self, plan: &Plan, values: &[f32], observations: &[u8], features: &mut [f32]) {
        let image_len = plan.architecture.convolutions[0].input_len();
        let images = observations.len() / image_len;
        let features_len = plan.architecture.features();
        self.group_images = images.div_ceil(GROUPS);
        self.groups.resize_with(GROUPS, Group::default);
        self.base.forward(plan, values, observations);
        let base = Some(&self.base).filter(|base| base.on);
        let parts = features
            .chunks_mut(self.group_images * features_len)
            .zip(&mut self.groups)
            .zip(observations.chunks(self.group_images * image_len));
        for_each(images > 1, parts, |((features, group), observations)| {
            group.forward(plan, values, observations, base, features);
        });
    }

    /// Writes the convolutions' share of the parameters' `gradient`, given the features and their gradient `[features,
    /// images]`. Must follow [`forward`](Self::forward) with the same network and observations.
    pub fn backward(
        &mut self,
        plan: &Plan,
        values: &[f32],
        observations: &[u8],
        features: &[f32],
        feature_gradient: &[f32],
        gradient: &mut [f32],
    ) {
        let image_len = plan.architecture.convolutions[0].input_len();
        let images = observations.len() / image_len;
        let features_len = plan.architecture.features();
        let group_images = self.group_images;
        self.groups
            .par_iter_mut()
            .zip(features.par_chunks(group_images * features_len))
            .zip(observations.par_chunks(group_images * image_len))
            .enumerate()
            .for_each(|(g, ((group, features), observations))| {
                group.output_gradients.resize_with(plan.convolutions.len(), Vec::new);
                if let Some(last) = group.output_gradients.last_mut() {
                    let rows = room(last, features.len()).chunks_exact_mut(features_len).enumerate();
                    for (row, output) in rows {
                        let image = feature_gradient[g * group_images + row..].iter().step_by(images);
                        output.iter_mut().zip(image).for_each(|(output, value)| *output = *value);
                    }
                }
                group.backward(plan, values, observations, features, &[]);
            });
        let groups = &self.groups[..images.div_ceil(group_images)];
        let base = &mut self.base;
        let sums = &mut gradient[..plan.convolution_parameters()];
        rayon::join(
            || {
                if base.on {
                    base.backward(plan, values, groups);
                }
            },
            || {
                sums.fill(0.0);
                for group in groups {
                    add(sums, &group.parameter_gradient);
                }
            },
        );
        if base.on {
            add(sums, &base.group.parameter_gradient);
        }
    }
}

/// Images of a batch that one thread takes through all convolutions.
#[derive(Clone, Debug, Default)]
struct Group {
    /// For each convolution, the rows of its output that differ from the base.
    differing: Vec<Differing>,
    /// Output of each convolution but the last, `[images, positions, channels]`.
    outputs: Vec<Vec<f32>>,
    /// Gradient of the output of each convolution.
    output_gradients: Vec<Vec<f32>>,
    /// Gradient of the base's output of each convolution, `[positions, channels]`: the sum over the rows equal to the base.
    /// Empty if no rows were kept apart.
    base_gradients: Vec<Vec<f32>>,
    /// One observation as fractions.
    fractions: Vec<f32>,
    /// Gathered patches, or their gradient; large enough for the largest layer.
    patches: Vec<f32>,
    /// Output of the differing rows, or its gradient.
    rows: Vec<f32>,
    /// This group's share of the gradient of the convolutions' parameters.
    parameter_gradient: Vec<f32>,
}

/// About how many numbers of patches are gathered at once: half a megabyte, which stays in a core's cache.
const GATHERED: usize = 131_072;

/// How many images are gathered at once.
fn images_at_once(shape: &ConvShape, images: usize) -> usize {
    (GATHERED / (shape.positions() * shape.patch())).clamp(1, images)
}

/// How many of these rows are gathered at once; the parts have about equal sizes.
fn rows_at_once(shape: &ConvShape, rows: usize) -> usize {
    rows.div_ceil((rows * shape.patch()).div_ceil(GATHERED).max(1)).max(1)
}

impl Group {
    /// Takes the observations of this group's images through all convolutions and writes the last output to `features`. Rows
    /// equal to the base are copied from it.
    fn forward(&mut self, plan: &Plan, values: &[f32], observations: &[u8], base: Option<&Base>, features: &mut [f32]) {
        let convolutions = &plan.architecture.convolutions;
        let images = features.len() / plan.architecture.features();
        self.outputs.resize_with(convolutions.len(), Vec::new);
        self.differing.resize_with(convolutions.len(), Differing::default);
        for (i, (shape, layer)) in convolutions.iter().zip(&plan.convolutions).enumerate() {
            let (before, from_here) = self.outputs.split_at_mut(i);
            let output = match from_here {
                [output, _, ..] => room(output, images * shape.output_len()),
                _ => &mut *features,
            };
            let input = match before.last() {
                Some(input) => Input::Activations(input),
                None => Input::Observations(observations),
            };
            let (weights, bias) = (&values[layer.weight.clone()], &values[layer.bias.clone()]);
            let (differing_before, differing) = self.differing.split_at_mut(i);
            let differing = &mut differing[0];
            match (base, differing_before.last()) {
                (None, _) => differing.set_all(),
                (Some(_), Some(before)) => differing.follow(shape, before, images),
                (Some(base), None) => differing.find(shape, observations, base.frame(shape)),
            }
            if let (Some(rows), Some(base)) = (differing.few(), base) {
                let base_output = base.output(i, shape);
                output.chunks_exact_mut(base_output.len()).for_each(|output| output.copy_from_slice(base_output));
                for rows in rows.chunks(rows_at_once(shape, rows.len())) {
                    let products = room(&mut self.rows, rows.len() * shape.out_channels);
                    let patches = room(&mut self.patches, rows.len() * shape.patch());
                    input.gather_rows(shape, rows, patches);
                    shape.forward(patches, weights, bias, products);
                    for (&row, product) in rows.iter().zip(products.chunks_exact(shape.out_channels)) {
                        output[row * shape.out_channels..][..shape.out_channels].copy_from_slice(product);
                    }
                }
                continue;
            }
            let at_once = images_at_once(shape, images);
            for (chunk, output) in output.chunks_mut(at_once * shape.output_len()).enumerate() {
                let chunk_images = output.len() / shape.output_len();
                let input = input.beginning_at(chunk * at_once, shape);
                let patches = input.gather(shape, chunk_images, &mut self.fractions, &mut self.patches);
                shape.forward(patches, weights, bias, output);
            }
        }
    }

    /// Computes this group's gradient of the convolutions' parameters, given the gradient of the last output (after its ReLU)
    /// in the last of `output_gradients`. The gradients of rows equal to the base are summed into `base_gradients` instead.
    /// The `base_gradients` of `others` are added to the gradient of each output.
    fn backward(&mut self, plan: &Plan, values: &[f32], observations: &[u8], features: &[f32], others: &[Group]) {
        let convolutions = &plan.architecture.convolutions;
        let images = features.len() / plan.architecture.features();
        room(&mut self.parameter_gradient, plan.convolution_parameters()).fill(0.0);
        self.base_gradients.resize_with(convolutions.len(), Vec::new);
        for (i, (shape, layer)) in convolutions.iter().zip(&plan.convolutions).enumerate().rev() {
            let output = if i + 1 == convolutions.len() { features } else { &self.outputs[i] };
            let (input_gradients, output_gradient) = self.output_gradients.split_at_mut(i);
            let output_gradient = &mut output_gradient[0][..images * shape.output_len()];
            for other in others.iter().filter(|other| !other.base_gradients[i].is_empty()) {
                add(output_gradient, &other.base_gradients[i]);
            }
            mask_relu(output_gradient, output);
            // The observations need no gradient.
            let mut input_gradient =
                input_gradients.last_mut().map(|gradient| room(gradient, images * shape.input_len()));
            if let Some(input_gradient) = &mut input_gradient {
                input_gradient.fill(0.0);
            }
            let (weight_gradient, bias_gradient) =
                self.parameter_gradient[layer.means()].split_at_mut(layer.weight.len());
            let weights = &values[layer.weight.clone()];
            let input = match i {
                0 => Input::Observations(observations),
                _ => Input::Activations(&self.outputs[i - 1]),
            };
            let base_gradient = &mut self.base_gradients[i];
            base_gradient.clear();
            if let Some(rows) = self.differing[i].few() {
                base_gradient.resize(shape.output_len(), 0.0);
                let gradients = room(&mut self.rows, rows.len() * shape.out_channels);
                split_rows(output_gradient, shape, rows, gradients, base_gradient);
                let at_once = rows_at_once(shape, rows.len());
                for (rows, gradients) in rows.chunks(at_once).zip(gradients.chunks(at_once * shape.out_channels)) {
                    let patches = room(&mut self.patches, rows.len() * shape.patch());
                    input.gather_rows(shape, rows, patches);
                    shape.add_weight_gradient(patches, gradients, weight_gradient, bias_gradient);
                    if let Some(input_gradient) = &mut input_gradient {
                        shape.patch_gradient(gradients, weights, patches);
                        for (row, patch) in rows.iter().zip(patches.chunks_exact(shape.patch())) {
                            let (image, position) = (row / shape.positions(), row % shape.positions());
                            let image = &mut input_gradient[image * shape.input_len()..][..shape.input_len()];
                            shape.scatter_add_at(patch, position, image);
                        }
                    }
                }
                continue;
            }
            let at_once = images_at_once(shape, images);
            for (chunk, output_gradient) in output_gradient.chunks(at_once * shape.output_len()).enumerate() {
                let first = chunk * at_once;
                let chunk_images = output_gradient.len() / shape.output_len();
                let input = input.beginning_at(first, shape);
                let patches = input.gather(shape, chunk_images, &mut self.fractions, &mut self.patches);
                shape.add_weight_gradient(patches, output_gradient, weight_gradient, bias_gradient);
                if let Some(input_gradient) = &mut input_gradient {
                    shape.patch_gradient(output_gradient, weights, patches);
                    let images = input_gradient[first * shape.input_len()..].chunks_exact_mut(shape.input_len());
                    for (patches, image) in patches.chunks_exact(shape.positions() * shape.patch()).zip(images) {
                        shape.scatter_add(patches, image);
                    }
                }
            }
        }
    }
}

impl Base {
    /// Chooses the base of these observations and takes it through the convolutions, if that is likely to save time.
    fn forward(&mut self, plan: &Plan, values: &[f32], observations: &[u8]) {
        let shape = &plan.architecture.convolutions[0];
        self.on = observations.len() >= LEAST_WITH_BASE * shape.input_len();
        if !self.on {
            return;
        }
        set_base(&mut self.observation, shape.in_channels, observations, shape.input_len());
        // Four images show whether the batch is alike.
        let Self { observation, group, features, .. } = self;
        let mut sample = Differing::default();
        let plane = shape.in_side * shape.in_side;
        sample.find(shape, &observations[..4 * shape.input_len()], &observation[..plane]);
        self.on = sample.few().is_some();
        if self.on {
            group.forward(plan, values, observation, None, room(features, plan.architecture.features()));
        }
    }

    /// The frame that its stack repeats.
    fn frame(&self, shape: &ConvShape) -> &[u8] {
        &self.observation[..shape.in_side * shape.in_side]
    }

    /// The output of convolution `i`, which has this shape.
    fn output(&self, i: usize, shape: &ConvShape) -> &[f32] {
        let outputs = &self.group.outputs;
        let output = if i + 1 == outputs.len() { &self.features } else { &outputs[i] };
        &output[..shape.output_len()]
    }

    /// Computes the gradient of the convolutions' parameters from all rows of `groups` that equal the base.
    fn backward(&mut self, plan: &Plan, values: &[f32], groups: &[Group]) {
        let Self { observation, group, features, .. } = self;
        let features = &features[..plan.architecture.features()];
        group.output_gradients.resize_with(plan.convolutions.len(), Vec::new);
        if let Some(last) = group.output_gradients.last_mut() {
            room(last, features.len()).fill(0.0);
        }
        group.backward(plan, values, observation, features, groups);
    }
}

/// Splits an output gradient: rows in `rows` are copied to `apart`; all others are summed over images into `base`.
fn split_rows(gradient: &[f32], shape: &ConvShape, rows: &[usize], apart: &mut [f32], base: &mut [f32]) {
    let channels = shape.out_channels;
    let (mut rows, mut apart) = (rows.iter().peekable(), apart.chunks_exact_mut(channels));
    for (row, gradient) in gradient.chunks_exact(channels).enumerate() {
        if rows.next_if(|differing| **differing == row).is_some() {
            if let Some(apart) = apart.next() {
                apart.copy_from_slice(gradient);
            }
        } else {
            add(&mut base[row % shape.positions() * channels..][..channels], gradient);
        }
    }
}

/// The input of a convolution.
#[derive(Clone, Copy)]
enum Input<'a> {
    Observations(&'a [u8]),
    Activations(&'a [f32]),
}

impl<'a> Input<'a> {
    /// The images from number `first` on.
    fn beginning_at(self, first: usize, shape: &ConvShape) -> Self {
        match self {
            Input::Observations(pixels) => Input::Observations(&pixels[first * shape.input_len()..]),
            Input::Activations(numbers) => Input::Activations(&numbers[first * shape.input_len()..]),
        }
    }

    /// Gathers the patches of the first `images`.
    fn gather<'p>(
        self,
        shape: &ConvShape,
        images: usize,
        fractions: &mut Vec<f32>,
        buffer: &'p mut Vec<f32>,
    ) -> &'p mut [f32] {
        let image_patches = shape.positions() * shape.patch();
        let patches = room(buffer, images * image_patches);
        for (image, patches) in patches.chunks_exact_mut(image_patches).enumerate() {
            let span = image * shape.input_len()..(image + 1) * shape.input_len();
            match self {
                Input::Observations(pixels) => {
                    shape.gather_planes(&pixels[span], room(fractions, shape.input_len()), patches)
                }
                Input::Activations(numbers) => shape.gather(&numbers[span], patches),
            }
        }
        patches
    }

    /// Gathers the patches of these rows of the output.
    fn gather_rows(self, shape: &ConvShape, rows: &[usize], patches: &mut [f32]) {
        for (&row, patch) in rows.iter().zip(patches.chunks_exact_mut(shape.patch())) {
            let (image, position) = (row / shape.positions(), row % shape.positions());
            let span = image * shape.input_len()..(image + 1) * shape.input_len();
            match self {
                Input::Observations(pixels) => shape.gather_planes_at(&pixels[span], position, patch),
                Input::Activations(numbers) => shape.gather_at(&numbers[span], position, patch),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::cpu::matrix::tests::assert_close;
    use crate::networks::cpu::{CpuNetwork, Workspace};
    use crate::networks::{Architecture, NetworkKind, Parameters};
    use crate::observations::{Seen, Space};
    use crate::random::{Generator, Purpose};

    const SIDE: usize = 84;

    /// Batches too small for a base are convolved whole.
    #[test]
    fn a_batch_compared_to_a_base_gives_the_results_of_single_images() {
        let space = Space::Pixels { stack: 4, side: SIDE };
        let architecture = Architecture::new(NetworkKind::Nature.plain(), space, 3).unwrap();
        let parameters = Parameters::initial(architecture.clone(), &mut Generator::new(1, Purpose::Weights));
        let network = CpuNetwork::new(&parameters);
        let mut generator = Generator::new(2, Purpose::Synthetic);
        let background: Vec<u8> = (0..SIDE * SIDE).map(|_| generator.below(256) as u8).collect();
        let mut observations = background.repeat(16 * 4);
        for (i, frame) in observations.chunks_exact_mut(SIDE * SIDE).enumerate() {
            frame[SIDE * (10 + i) + 20] ^= 255;
        }
        let gradients: Vec<f32> = (0..16 * 3).map(|_| generator.symmetric(1.0)).collect();

        let mut whole = Workspace::default();
        let outputs = whole.forward(&network, Seen::Pixels(&observations)).unwrap().to_vec();
        let mut gradient = vec![0.0; parameters.values.len()];
        whole.backward(&network, Seen::Pixels(&observations), &gradients, &mut gradient).unwrap();
        assert!(whole.convolutions.base.on);
        let few =
            whole.convolutions.groups.iter().map(|group| group.differing.iter().filter_map(Differing::few).count());
        assert_eq!(few.collect::<Vec<_>>(), [3; GROUPS], "every convolution keeps its differing rows apart");

        let (mut one_by_one, mut sum) = (Workspace::default(), vec![0.0; gradient.len()]);
        for ((image, want), gradients) in
            observations.chunks_exact(space.size()).zip(outputs.chunks_exact(3)).zip(gradients.chunks_exact(3))
        {
            let image = Seen::Pixels(image);
            assert_close(one_by_one.forward(&network, image).unwrap(), want, 1e-5);
            assert!(!one_by_one.convolutions.base.on);
            let mut gradient = vec![0.0; sum.len()];
            one_by_one.backward(&network, image, gradients, &mut gradient).unwrap();
            sum.iter_mut().zip(&gradient).for_each(|(sum, value)| *sum += value);
        }
        assert_close(&gradient, &sum, 2e-5);
    }
}
