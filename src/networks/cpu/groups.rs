//! The convolutions of the CPU's network: a batch is cut into groups of images, each convolved by one thread.
//!
//! Images of a batch are mostly alike. A picture that resembles most of them, the base, is convolved once, and only the rows
//! that [differ](crate::networks::cpu::differences) from it are convolved image by image. An image's outputs do not depend on
//! the base or on the other images. As long as the parameters stay the same, one base can serve many batches.

use crate::networks::cpu::activation::slope_of_elu;
use crate::networks::cpu::convolution::{fractions_of, ConvShape, Convolution};
use crate::networks::cpu::differences::{set_base, Differing};
use crate::networks::cpu::for_each;
use crate::networks::cpu::kernels::{End, Left, Rows};
use crate::networks::cpu::matrix::{add, add_rows, room, transpose, vectorized};
use crate::networks::cpu::norm::{Norm, Normalized};
use crate::networks::cpu::plan::Plan;
use crate::networks::Activation;
use rayon::prelude::*;
use std::ops::Range;

/// Most groups of a batch of up to `GROUPS` * [`GROUP_IMAGES`] images: enough to keep all threads of a small machine busy (a
/// batch of 32 has 8 groups of 4).
const GROUPS: usize = 8;
/// Most images of a group; larger batches have more groups, which keep more threads busy.
const GROUP_IMAGES: usize = 8;
/// The smallest batch for which a base is convolved that serves this batch alone: it costs as much as one more image.
const LEAST_WITH_BASE: usize = 8;
/// Batches after which a base that served several is chosen again, at the earliest.
const LEAST_BATCHES: u32 = 64;

/// Parameters whose gradients one thread sums over the groups at a time.
const SUMS: usize = 4096;

/// Room for the convolutions of one evaluation.
#[derive(Clone, Debug, Default)]
pub struct ConvolutionSpace {
    groups: Vec<Group>,
    /// Images in every group but perhaps the last.
    group_images: usize,
    /// The forward pass wakes no other threads.
    pub(super) one_thread: bool,
    /// The parameters stay the same until [`forget_base`](Self::forget_base), so a base serves many batches.
    pub(super) keeps_base: bool,
    base: Base,
    /// Weights of each convolution but the first, `[output channel, patch]`, for the backward pass.
    transposed: Vec<Vec<f32>>,
}

/// The picture to which the images of a batch are compared.
#[derive(Clone, Debug, Default)]
struct Base {
    /// Whether there is a base.
    on: bool,
    /// Batches since it was chosen, if it serves several; 0 if there is none.
    batches: u32,
    /// Whether it has been taken through the convolutions.
    convolved: bool,
    /// A stack of one frame.
    observation: Vec<u8>,
    /// Working memory: the rows in which the first images differ from it.
    sample: Differing,
    group: Group,
    features: Vec<f32>,
}

impl ConvolutionSpace {
    /// Must be called when the parameters change, if one base serves many batches.
    pub fn forget_base(&mut self) {
        self.base.batches = 0;
    }

    /// Takes `observations` through all convolutions. Writes the last output to `features` `[images, features]`.
    pub fn forward(&mut self, plan: &Plan, values: &[f32], observations: &[u8], features: &mut [f32]) {
        let image_len = plan.architecture.convolutions[0].input_len();
        let images = observations.len() / image_len;
        let features_len = plan.architecture.features();
        self.group_images = images.div_ceil(GROUPS).min(GROUP_IMAGES);
        let groups = images.div_ceil(self.group_images);
        if self.groups.len() < groups {
            self.groups.resize_with(groups, Group::default);
        }
        self.base.forward(plan, values, observations, self.keeps_base);
        let base = Some(&self.base).filter(|base| base.on);
        let parts = features
            .chunks_mut(self.group_images * features_len)
            .zip(&mut self.groups)
            .zip(observations.chunks(self.group_images * image_len));
        for_each(images > 1 && !self.one_thread, parts, |((features, group), observations)| {
            group.forward(plan, values, observations, base, features);
        });
    }

    /// Writes the convolutions' share of the parameters' `gradient`, given the features and their gradient `[images,
    /// features]`. Must follow [`forward`](Self::forward) with the same network and observations.
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
        self.transposed.resize_with(plan.convolutions.len(), Vec::new);
        for ((to, layer), patches) in self.transposed.iter_mut().zip(&plan.convolutions).zip(&plan.patches).skip(1) {
            let (shape, weights) = (&patches.shape, &values[layer.weight.clone()]);
            transpose(weights, (shape.patch(), shape.out_channels), shape.out_channels, room(to, weights.len()));
        }
        let transposed = self.transposed.as_slice();
        let network = Network { plan, values, transposed };
        self.groups
            .par_iter_mut()
            .zip(features.par_chunks(group_images * features_len))
            .zip(feature_gradient.par_chunks(group_images * features_len))
            .zip(observations.par_chunks(group_images * image_len))
            .for_each(|(((group, features), feature_gradient), observations)| {
                group.output_gradients.resize_with(plan.convolutions.len(), Vec::new);
                if let Some(last) = group.output_gradients.last_mut() {
                    room(last, features.len()).copy_from_slice(feature_gradient);
                }
                group.backward(network, observations, features, &[]);
            });
        let groups = &self.groups[..images.div_ceil(group_images)];
        let base = &mut self.base;
        let sums = &mut gradient[..plan.convolution_parameters()];
        rayon::join(
            || {
                if base.on {
                    base.backward(network, groups);
                }
            },
            || {
                sums.par_chunks_mut(SUMS).enumerate().for_each(|(i, sums)| {
                    sums.fill(0.0);
                    groups.iter().for_each(|group| add(sums, &group.parameter_gradient[i * SUMS..]));
                });
            },
        );
        if base.on {
            add(sums, &base.group.parameter_gradient);
        }
    }
}

/// The parameters, as the backward pass needs them.
#[derive(Clone, Copy)]
struct Network<'a> {
    plan: &'a Plan,
    values: &'a [f32],
    transposed: &'a [Vec<f32>],
}

/// Images of a batch that one thread takes through all convolutions.
#[derive(Clone, Debug, Default)]
struct Group {
    /// For each convolution, the rows of its output that differ from the base.
    differing: Vec<Differing>,
    /// Output of each convolution but the last, `[images, positions, channels]`.
    outputs: Vec<Vec<f32>>,
    /// Of each convolution with a norm, the rows that were convolved.
    normalized: Vec<Normalized>,
    /// Gradient of the output of each convolution.
    output_gradients: Vec<Vec<f32>>,
    /// Gradient of the base's output of each convolution, `[positions, channels]`: the sum over the rows equal to the base.
    /// Empty if no rows were kept apart.
    base_gradients: Vec<Vec<f32>>,
    patches: PatchSpace,
    /// Where the outputs of the differing rows begin.
    places: Vec<u32>,
    /// Gradient of the outputs of the differing rows.
    rows: Vec<f32>,
    /// This group's share of the gradient of the convolutions' parameters.
    parameter_gradient: Vec<f32>,
}

impl Group {
    /// Takes the observations of this group's images through all convolutions and writes the last output to `features`. Rows
    /// equal to the base are copied from it.
    fn forward(&mut self, plan: &Plan, values: &[f32], observations: &[u8], base: Option<&Base>, features: &mut [f32]) {
        let count = plan.convolutions.len();
        let images = features.len() / plan.architecture.features();
        self.outputs.resize_with(count, Vec::new);
        self.differing.resize_with(count, Differing::default);
        self.normalized.resize_with(count, Normalized::default);
        for (i, (convolution, layer)) in plan.patches.iter().zip(&plan.convolutions).enumerate() {
            let shape = &convolution.shape;
            let (before, from_here) = self.outputs.split_at_mut(i);
            let output = match from_here {
                [output, _, ..] => room(output, images * shape.output_len()),
                _ => &mut *features,
            };
            let input = match before.last() {
                Some(input) => Input::Activations(input),
                None => Input::Observations(observations),
            };
            let (differing_before, differing) = self.differing.split_at_mut(i);
            let differing = &mut differing[0];
            match (base, differing_before.last()) {
                (None, _) => differing.set_all(),
                (Some(_), Some(before)) => differing.follow(shape, before, images),
                (Some(base), None) => differing.find(shape, observations, base.frame(shape)),
            }
            let apart = differing.few();
            if let (Some(_), Some(base)) = (apart, base) {
                let base_output = base.output(i, shape);
                output.chunks_exact_mut(base_output.len()).for_each(|output| output.copy_from_slice(base_output));
            }
            let norm = layer.norm.as_ref().map(|norm| Norm::new(norm, values));
            let parameters = (&values[layer.weight.clone()], &values[layer.bias.clone()]);
            let activation = plan.architecture.design.activation;
            let end = if norm.is_some() { End::Store } else { activation.end() };
            let (channels, normalized, places) = (shape.out_channels, &mut self.normalized[i], &mut self.places);
            normalized.clear();
            self.patches.visit(convolution, input, apart, images, |patches, rows| {
                let patches = (patches, rows.len());
                if let Some(apart) = apart {
                    places.clear();
                    places.extend(apart[rows].iter().map(|row| (row * channels) as u32));
                    convolution.forward(patches, parameters, (output, Rows::At(places)), end);
                    if let Some(norm) = norm {
                        norm.forward(output, places.iter().map(|place| *place as usize), normalized);
                    } else if activation == Activation::Elu {
                        for place in places.iter().map(|place| *place as usize) {
                            activation.finish(&mut output[place..place + channels]);
                        }
                    }
                } else {
                    let output = &mut output[rows.start * channels..rows.end * channels];
                    convolution.forward(patches, parameters, (output, Rows::Every(channels)), end);
                    if let Some(norm) = norm {
                        norm.forward(output, (0..rows.len()).map(|row| row * channels), normalized);
                    } else {
                        activation.finish(output);
                    }
                }
            });
        }
    }

    /// Computes this group's gradient of the convolutions' parameters, given the gradient of the last output (after its activation)
    /// in the last of `output_gradients`. The gradients of rows equal to the base are summed into `base_gradients` instead.
    /// The `base_gradients` of `others` are added to the gradient of each output.
    fn backward(&mut self, network: Network, observations: &[u8], features: &[f32], others: &[Group]) {
        let Network { plan, values, transposed } = network;
        let images = features.len() / plan.architecture.features();
        room(&mut self.parameter_gradient, plan.convolution_parameters()).fill(0.0);
        self.base_gradients.resize_with(plan.convolutions.len(), Vec::new);
        for (i, (convolution, layer)) in plan.patches.iter().zip(&plan.convolutions).enumerate().rev() {
            let (shape, channels) = (&convolution.shape, convolution.shape.out_channels);
            let output = if i + 1 == plan.convolutions.len() { features } else { &self.outputs[i] };
            let (input_gradients, output_gradient) = self.output_gradients.split_at_mut(i);
            let output_gradient = &mut output_gradient[0][..images * shape.output_len()];
            for other in others.iter().filter(|other| !other.base_gradients[i].is_empty()) {
                add(output_gradient, &other.base_gradients[i]);
            }
            let base_gradient = &mut self.base_gradients[i];
            base_gradient.clear();
            let apart = self.differing[i].few();
            let gradients = match apart {
                None => {
                    plan.architecture.design.activation.mask(output_gradient, output);
                    output_gradient
                }
                Some(apart) => {
                    base_gradient.resize(shape.output_len(), 0.0);
                    let gradients = room(&mut self.rows, apart.len() * channels);
                    let split = match plan.architecture.design.activation {
                        Activation::Relu => split_rows::<false>,
                        Activation::Elu => split_rows::<true>,
                    };
                    split((output_gradient, output), shape, apart, gradients, base_gradient);
                    gradients
                }
            };
            let own = &mut self.parameter_gradient[layer.parameters()];
            let (weight_gradient, own) = own.split_at_mut(layer.weight.len());
            let (bias_gradient, norm_gradient) = own.split_at_mut(channels);
            if let Some(norm) = &layer.norm {
                let (gain_gradient, shift_gradient) = norm_gradient.split_at_mut(channels);
                let norm = Norm::new(norm, values);
                norm.backward(&self.normalized[i], gradients, gain_gradient, shift_gradient);
            }
            add_rows(bias_gradient, gradients);
            // The observations need no gradient.
            let mut input_gradient =
                input_gradients.last_mut().map(|gradient| room(gradient, images * shape.input_len()));
            if let Some(input_gradient) = &mut input_gradient {
                input_gradient.fill(0.0);
            }
            let input = match i {
                0 => Input::Observations(observations),
                _ => Input::Activations(&self.outputs[i - 1]),
            };
            self.patches.visit(convolution, input, apart, images, |patches, rows| {
                let gradients = &gradients[rows.start * channels..rows.end * channels];
                convolution.add_weight_gradient(patches, gradients, weight_gradient);
                if let (Some(input_gradient), Rows::At(places)) = (&mut input_gradient, patches.rows) {
                    convolution.add_input_gradient(gradients, &transposed[i], places, input_gradient);
                }
            });
        }
    }
}

impl Base {
    /// Chooses the base of these observations and takes it through the convolutions, if that is likely to save time. With
    /// `keep`, a base that was chosen before stays as long as it resembles the observations.
    fn forward(&mut self, plan: &Plan, values: &[f32], observations: &[u8], keep: bool) {
        let shape = &plan.architecture.convolutions[0];
        let least = if keep { 1 } else { LEAST_WITH_BASE };
        self.on = false;
        if observations.len() < least * shape.input_len() {
            return;
        }
        let chosen = keep && self.batches > 0;
        if chosen {
            self.on = self.resembles(shape, observations);
        }
        if !chosen || (!self.on && self.batches > LEAST_BATCHES) {
            set_base(&mut self.observation, shape.in_channels, observations, shape.input_len());
            (self.batches, self.convolved) = (0, false);
            self.on = self.resembles(shape, observations);
        }
        self.batches = self.batches.saturating_add(1);
        if self.on && !self.convolved {
            let Self { observation, group, features, .. } = self;
            group.forward(plan, values, observation, None, room(features, plan.architecture.features()));
            self.convolved = true;
        }
    }

    /// Whether few rows of these observations differ from it. Four images show that.
    fn resembles(&mut self, shape: &ConvShape, observations: &[u8]) -> bool {
        let Self { observation, sample, .. } = self;
        let first = &observations[..observations.len().min(4 * shape.input_len())];
        sample.find(shape, first, &observation[..shape.in_side * shape.in_side]);
        sample.few().is_some()
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
    fn backward(&mut self, network: Network, groups: &[Group]) {
        let plan = network.plan;
        let Self { observation, group, features, .. } = self;
        let features = &features[..plan.architecture.features()];
        group.output_gradients.resize_with(plan.convolutions.len(), Vec::new);
        if let Some(last) = group.output_gradients.last_mut() {
            room(last, features.len()).fill(0.0);
        }
        group.backward(network, observation, features, groups);
    }
}

/// Splits the gradient of an output: rows in `rows` are copied to `apart`, times the derivative of the activation, which is elu or
/// ReLU; all others are summed over images into `base`, and multiplied by it later, as they have the base's output.
fn split_rows<const ELU: bool>(
    (gradient, output): (&[f32], &[f32]),
    shape: &ConvShape,
    rows: &[usize],
    apart: &mut [f32],
    base: &mut [f32],
) {
    let (channels, image_len) = (shape.out_channels, shape.output_len());
    let mut rows = rows.iter().map(|row| row * channels).peekable();
    let mut apart = apart.chunks_exact_mut(channels);
    vectorized(
        #[inline(always)]
        || {
            for (image, gradient) in gradient.chunks_exact(image_len).enumerate() {
                let begin = image * image_len;
                let mut place = 0;
                while place < image_len {
                    // Rows up to the next one to be kept apart.
                    let next = rows.peek().map_or(image_len, |row| (row - begin).min(image_len));
                    let sums = base[place..next].iter_mut().zip(&gradient[place..next]);
                    sums.for_each(|(sum, gradient)| *sum += gradient);
                    place = next;
                    if place == image_len {
                        break;
                    }
                    rows.next();
                    let output = &output[begin + place..][..channels];
                    let each = apart.next().into_iter().flatten().zip(&gradient[place..]).zip(output);
                    for ((apart, &gradient), &output) in each {
                        *apart = match ELU {
                            true => gradient * slope_of_elu(output),
                            false if output > 0.0 => gradient,
                            false => 0.0,
                        };
                    }
                    place += channels;
                }
            }
        },
    );
}

/// The input of a convolution.
#[derive(Clone, Copy)]
enum Input<'a> {
    Observations(&'a [u8]),
    Activations(&'a [f32]),
}

/// How many numbers of patches are converted from gray values at once, at most: a quarter of a megabyte, which stays in a
/// core's cache.
const CONVERTED: usize = 65_536;

/// Working memory for the patches of a convolution.
#[derive(Clone, Debug, Default)]
struct PatchSpace {
    /// Gray values as fractions: a picture, or patches.
    fractions: Vec<f32>,
    /// Where the patches begin.
    places: Vec<u32>,
}

impl PatchSpace {
    /// Calls `visit` with the patches of the rows `apart`, or of all rows of the images, part by part, and with the rows'
    /// numbers, counted in that order.
    fn visit(
        &mut self,
        convolution: &Convolution,
        input: Input,
        apart: Option<&[usize]>,
        images: usize,
        mut visit: impl FnMut(Left, Range<usize>),
    ) {
        let Self { fractions, places } = self;
        let shape = &convolution.shape;
        match (input, apart) {
            (Input::Observations(pixels), None) => {
                let fractions = room(fractions, shape.input_len());
                for (image, pixels) in pixels.chunks_exact(shape.input_len()).enumerate() {
                    fractions_of(pixels, fractions);
                    let rows = image * shape.positions()..(image + 1) * shape.positions();
                    visit(convolution.patches_of_one(fractions), rows);
                }
            }
            (Input::Observations(pixels), Some(apart)) => {
                let at_once = (CONVERTED / shape.patch()).max(1);
                for (part, rows) in apart.chunks(at_once).enumerate() {
                    let patches = room(fractions, rows.len() * shape.patch());
                    for (&row, patch) in rows.iter().zip(patches.chunks_exact_mut(shape.patch())) {
                        let (image, position) = (row / shape.positions(), row % shape.positions());
                        shape.gather_planes_at(&pixels[image * shape.input_len()..], position, patch);
                    }
                    let first = part * at_once;
                    visit(Left::dense(patches, shape.patch()), first..first + rows.len());
                }
            }
            (Input::Activations(pictures), Some(apart)) => {
                convolution.places_of(apart, places);
                visit(convolution.patches(pictures, places), 0..places.len());
            }
            (Input::Activations(pictures), None) => {
                convolution.places_in(images, places);
                visit(convolution.patches(pictures, places), 0..places.len());
            }
        }
    }
}

#[cfg(test)]
mod tests;
