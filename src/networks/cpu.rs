//! The network on the CPU: forward and backward by hand, no allocation after the first pass.
//!
//! The batch is cut into at most eight groups of images; a group goes through all convolutions on one thread, its
//! intermediate results staying in that core's cache. Dense layers are cut into blocks of outputs instead. Where the cuts
//! lie depends on shapes alone and partial sums are added in their order, so results are the same for any number of
//! threads.
//!
//! A batch's images are mostly alike, so only what differs from a base picture is convolved image by image (see
//! [`differences`](crate::networks::cpu::differences)); the base goes through the convolutions once, as an image of its own.
//!
//! Parameters are held in the order the matrix products want (see [`conv`](crate::networks::cpu::convolution)): the weights of convolutions have
//! their output channel last, and before it, but for the first, their input channel; the weights of the hidden layers on top
//! of them have their input channel last. [`CpuNetwork::parameters`] and [`CpuNetwork::set_parameters`] translate.
//!
//! Noisy layers are evaluated as ordinary ones, with their weights put together once a draw of noise. The gradient of a
//! spread is that of the weight times its noise.

pub mod convolution;
pub mod differences;

use crate::networks::cpu::convolution::{mask_relu, multiply, room, vectorized, ConvShape, Matrix};
use crate::networks::cpu::differences::{set_base, Differing};
use crate::networks::noise::NoisyLayer;
use crate::networks::optimizer::CHUNK;
use crate::networks::{Architecture, Parameters};
use rayon::prelude::*;
use std::ops::Range;

/// Groups a batch is cut into: more than there will be threads to spare for them, few enough that a group of a batch of
/// 32 (4 images) makes matrix products of some size.
const GROUPS: usize = 8;
/// Blocks a dense layer's outputs or inputs are cut into.
const BLOCKS: usize = 8;
/// The smallest batch for which a base picture is convolved too: it costs as much as one image more.
const LEAST_WITH_BASE: usize = 8;
/// Rows of a noisy layer's weights that are too few to wake another thread for.
const ROWS: usize = 32;

/// A network's parameters on the CPU. To evaluate them takes a [`Workspace`].
#[derive(Clone, Debug)]
pub struct CpuNetwork {
    plan: Plan,
    /// In this module's order.
    values: Vec<f32>,
    noise: Noise,
}

/// A draw of noise for the noisy layers.
#[derive(Clone, Debug, Default)]
struct Noise {
    /// Otherwise the network is that of the means.
    on: bool,
    /// As [`Architecture::noisy_layers`] says, inputs in this module's order.
    factors: Vec<f32>,
    /// What the layers are evaluated with, in the places of the means.
    values: Vec<f32>,
}

/// Where everything lies in the flat vector of parameters.
#[derive(Clone, Debug)]
struct Plan {
    architecture: Architecture,
    convolutions: Vec<LayerPlan>,
    /// (hidden layer, output layer) of each branch.
    branches: Vec<(LayerPlan, LayerPlan)>,
}

#[derive(Clone, Debug)]
struct LayerPlan {
    weight: Range<usize>,
    bias: Range<usize>,
    /// Of a noisy layer; its spreads lie behind weight and bias in the same order.
    noise: Option<NoisyLayer>,
}

impl LayerPlan {
    /// Weight and bias.
    fn means(&self) -> Range<usize> {
        self.weight.start..self.bias.end
    }

    /// The spreads of weight and bias.
    fn spreads(&self) -> Range<usize> {
        self.bias.end..self.bias.end + self.means().len()
    }
}

impl Plan {
    fn new(architecture: Architecture) -> Self {
        let mut means = architecture.layout().into_iter().filter(|spec| !spec.is_sigma()).map(|spec| spec.range());
        let mut layers = Vec::new();
        while let (Some(weight), Some(bias)) = (means.next(), means.next()) {
            layers.push(LayerPlan { weight, bias, noise: None });
        }
        let mut dense = layers.split_off(architecture.convolutions.len());
        for (layer, noise) in dense.iter_mut().zip(architecture.noisy_layers()) {
            layer.noise = Some(noise);
        }
        let convolutions = layers;
        let branches = dense.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
        Self { architecture, convolutions, branches }
    }

    /// Calls `visit` with (place in stored order, place in this module's order) of every parameter.
    fn for_each_place(&self, mut visit: impl FnMut(usize, usize)) {
        let architecture = &self.architecture;
        let mut reordered = vec![false; architecture.parameter_count()];
        // In stored order a row of `inputs` numbers for each output; here a row of `outputs` numbers for each input.
        let mut convolution = |weight: &Range<usize>, outputs: usize, place_of: &dyn Fn(usize) -> usize| {
            let inputs = weight.len() / outputs;
            for (output, input) in (0..outputs).flat_map(|output| (0..inputs).map(move |input| (output, input))) {
                visit(weight.start + output * inputs + input, weight.start + place_of(input) * outputs + output);
            }
            reordered[weight.clone()].fill(true);
        };
        for (i, (layer, shape)) in self.convolutions.iter().zip(&architecture.convolutions).enumerate() {
            let (channels, area) = (shape.in_channels, shape.kernel * shape.kernel);
            let channel_last = |input: usize| input % area * channels + input / area;
            convolution(&layer.weight, shape.out_channels, if i == 0 { &|input| input } else { &channel_last });
        }
        // `outputs` rows, each of `channels` planes of `area` pixels in stored order.
        let mut dense = |weight: &Range<usize>, outputs: usize, channels: usize, area: usize| {
            for output in 0..outputs {
                let base = weight.start + output * channels * area;
                for channel in 0..channels {
                    for pixel in 0..area {
                        visit(base + channel * area + pixel, base + pixel * channels + channel);
                    }
                }
            }
            reordered[weight.clone()].fill(true);
        };
        if let Some(last) = architecture.convolutions.last() {
            for (hidden, _) in &self.branches {
                dense(&hidden.weight, architecture.hidden, last.out_channels, last.positions());
                if hidden.noise.is_some() {
                    let begin = hidden.spreads().start;
                    let weight = begin..begin + hidden.weight.len();
                    dense(&weight, architecture.hidden, last.out_channels, last.positions());
                }
            }
        }
        for (place, _) in reordered.iter().enumerate().filter(|(_, reordered)| !**reordered) {
            visit(place, place);
        }
    }
}

impl CpuNetwork {
    /// A network with these parameters.
    pub fn new(parameters: &Parameters) -> Self {
        let plan = Plan::new(parameters.architecture.clone());
        let mut network = Self { plan, values: vec![0.0; parameters.values.len()], noise: Noise::default() };
        network.set_parameters(parameters);
        network
    }

    /// The network's shape.
    pub fn architecture(&self) -> &Architecture {
        &self.plan.architecture
    }

    /// Takes over these parameters, which must be of the same architecture.
    pub fn set_parameters(&mut self, parameters: &Parameters) {
        assert_eq!(parameters.architecture, self.plan.architecture);
        self.noise.on = false;
        let values = &mut self.values;
        self.plan.for_each_place(|stored, own| values[own] = parameters.values[stored]);
    }

    /// The parameters in stored order.
    pub fn parameters(&self) -> Parameters {
        Parameters { architecture: self.plan.architecture.clone(), values: self.in_stored_order(&self.values) }
    }

    /// A vector parallel to the parameters (a gradient, say) in stored order.
    pub fn in_stored_order(&self, values: &[f32]) -> Vec<f32> {
        let mut stored_order = vec![0.0; values.len()];
        self.plan.for_each_place(|stored, own| stored_order[stored] = values[own]);
        stored_order
    }

    /// The other way round.
    pub fn from_stored_order(&self, stored_order: &[f32]) -> Vec<f32> {
        let mut values = vec![0.0; stored_order.len()];
        self.plan.for_each_place(|stored, own| values[own] = stored_order[stored]);
        values
    }

    /// The parameters in this module's order: what an optimizer changes, element by element. Noise is off then, until
    /// the next [`set_noise`](Self::set_noise).
    pub fn values_mut(&mut self) -> &mut [f32] {
        self.noise.on = false;
        &mut self.values
    }

    /// Moves the parameters the fraction `tau` of the way to those of `other`, which has the same architecture; 1 makes
    /// an exact copy.
    pub fn move_towards(&mut self, other: &CpuNetwork, tau: f32) {
        let values = self.values_mut();
        if tau >= 1.0 {
            return values.copy_from_slice(&other.values);
        }
        values.par_chunks_mut(CHUNK).zip(other.values.par_chunks(CHUNK)).for_each(|(own, theirs)| {
            vectorized(
                #[inline(always)]
                || own.iter_mut().zip(theirs).for_each(|(own, theirs)| *own += tau * (theirs - *own)),
            );
        });
    }

    /// From now on noisy layers have the weights that `factors` (see [`Architecture::noisy_layers`]) make, or with `None`
    /// their means; until the parameters change, which leaves the means.
    pub fn set_noise(&mut self, factors: Option<&[f32]>) {
        let architecture = &self.plan.architecture;
        let noise = &mut self.noise;
        noise.on = architecture.design.noisy && factors.is_some();
        let Some(factors) = factors.filter(|_| noise.on) else { return };
        room(&mut noise.factors, factors.len()).copy_from_slice(factors);
        if let Some(last) = architecture.convolutions.last() {
            let (channels, area) = (last.out_channels, last.positions());
            for layer in self.plan.branches.iter().filter_map(|(hidden, _)| hidden.noise.as_ref()) {
                let (stored, own) = (&factors[layer.inputs.clone()], &mut noise.factors[layer.inputs.clone()]);
                for (i, factor) in own.iter_mut().enumerate() {
                    *factor = stored[i % channels * area + i / channels];
                }
            }
        }
        let means = self.plan.convolutions.last().map_or(0, |layer| layer.bias.end);
        room(&mut noise.values, self.values.len())[..means].copy_from_slice(&self.values[..means]);
        for layer in self.plan.branches.iter().flat_map(|(hidden, output)| [hidden, output]) {
            let Some(NoisyLayer { inputs, outputs }) = &layer.noise else { continue };
            let (inputs, outputs) = (&noise.factors[inputs.clone()], &noise.factors[outputs.clone()]);
            let width = inputs.len();
            let (weights, biases) = noise.values[layer.means()].split_at_mut(layer.weight.len());
            let (means, mean_biases) = self.values[layer.means()].split_at(layer.weight.len());
            let (spreads, spread_biases) = self.values[layer.spreads()].split_at(layer.weight.len());
            let rows = weights.par_chunks_mut(width).zip(means.par_chunks(width)).zip(spreads.par_chunks(width));
            rows.zip(outputs).with_min_len(ROWS).for_each(|(((weights, means), spreads), output)| {
                let each = weights.iter_mut().zip(means).zip(spreads).zip(inputs);
                vectorized(
                    #[inline(always)]
                    || each.for_each(|(((weight, mean), spread), input)| *weight = mean + spread * (output * input)),
                );
            });
            let each = biases.iter_mut().zip(mean_biases).zip(spread_biases).zip(outputs);
            each.for_each(|(((bias, mean), spread), output)| *bias = mean + spread * output);
        }
    }

    /// What the layers are evaluated with, in the places of the means.
    fn current(&self) -> &[f32] {
        if self.noise.on {
            &self.noise.values
        } else {
            &self.values
        }
    }

    /// The gradient of the spreads from that of the means, which is that of the weights that were evaluated.
    fn add_spread_gradient(&self, gradient: &mut [f32]) {
        for layer in self.plan.branches.iter().flat_map(|(hidden, output)| [hidden, output]) {
            let Some(NoisyLayer { inputs, outputs }) = &layer.noise else { continue };
            let (before, spreads) = gradient.split_at_mut(layer.bias.end);
            let (means, spreads) = (&before[layer.means()], &mut spreads[..layer.means().len()]);
            if !self.noise.on {
                spreads.fill(0.0);
                continue;
            }
            let (inputs, outputs) = (&self.noise.factors[inputs.clone()], &self.noise.factors[outputs.clone()]);
            let (weights, biases) = spreads.split_at_mut(layer.weight.len());
            let (mean_weights, mean_biases) = means.split_at(layer.weight.len());
            let rows = weights.par_chunks_mut(inputs.len()).zip(mean_weights.par_chunks(inputs.len()));
            rows.zip(outputs).with_min_len(ROWS).for_each(|((weights, means), output)| {
                let each = weights.iter_mut().zip(means).zip(inputs);
                vectorized(
                    #[inline(always)]
                    || each.for_each(|((weight, mean), input)| *weight = mean * (output * input)),
                );
            });
            let each = biases.iter_mut().zip(mean_biases).zip(outputs);
            each.for_each(|((bias, mean), output)| *bias = mean * output);
        }
    }
}

/// Room for one evaluation: intermediate results of a batch, kept for the backward pass.
#[derive(Clone, Debug, Default)]
pub struct Workspace {
    groups: Vec<Group>,
    /// Images in every group but perhaps the last.
    group_images: usize,
    base: Base,
    /// Output of the last convolution, `[images, features]`.
    features: Vec<f32>,
    /// Gradient of `features`: [`BLOCKS`] blocks of features, each `[block, images]`.
    feature_gradients: Vec<Vec<f32>>,
    branches: Vec<BranchSpace>,
    /// `[images, actions, width]`.
    outputs: Vec<f32>,
}

/// The picture that the images of a batch are compared with.
#[derive(Clone, Debug, Default)]
struct Base {
    /// Whether there is one.
    on: bool,
    /// A stack of one frame.
    observation: Vec<u8>,
    group: Group,
    features: Vec<f32>,
}

#[derive(Clone, Debug, Default)]
struct BranchSpace {
    /// `[hidden, images]`.
    hidden: Vec<f32>,
    hidden_gradient: Vec<f32>,
    /// `[images, outputs]`.
    output: Vec<f32>,
    output_gradient: Vec<f32>,
}

#[derive(Clone, Debug, Default)]
struct Group {
    /// Of each convolution, the rows of its output that are not the base's.
    differing: Vec<Differing>,
    /// Output of each convolution but the last, `[images, positions, channels]`.
    outputs: Vec<Vec<f32>>,
    /// Gradient of the output of each convolution.
    output_gradients: Vec<Vec<f32>>,
    /// Gradient of the base's output of each convolution, `[positions, channels]`: the sum over the rows that are the
    /// base's. Empty where no rows were kept apart.
    base_gradients: Vec<Vec<f32>>,
    /// One observation as fractions.
    fractions: Vec<f32>,
    /// Gathered patches, or their gradient; as large as the largest layer needs.
    patches: Vec<f32>,
    /// Output of the differing rows, or its gradient.
    rows: Vec<f32>,
    /// This group's share of the gradient of the convolutions' parameters.
    parameter_gradient: Vec<f32>,
}

/// Numbers in the patches gathered at once, about: as many as stay in a core's cache (half a megabyte).
const GATHERED: usize = 131_072;

/// How many images are gathered at once.
fn images_at_once(shape: &ConvShape, images: usize) -> usize {
    (GATHERED / (shape.positions() * shape.patch())).clamp(1, images)
}

/// How many of these rows are gathered at once: parts of about equal size.
fn rows_at_once(shape: &ConvShape, rows: usize) -> usize {
    rows.div_ceil((rows * shape.patch()).div_ceil(GATHERED).max(1)).max(1)
}

impl Group {
    /// Observations of this group's images through all convolutions; the last one's output goes to `features`. Rows that are
    /// the base's are copied from it.
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

    /// Computes this group's gradient of the convolutions' parameters, given that of the last output (after its ReLU) in
    /// the last of `output_gradients`; what goes to rows that are the base's is left in `base_gradients`. To the gradient
    /// of each output is added that of `others`, if there are any.
    fn backward(&mut self, plan: &Plan, values: &[f32], observations: &[u8], features: &[f32], others: &[Group]) {
        let convolutions = &plan.architecture.convolutions;
        let images = features.len() / plan.architecture.features();
        let gradient_len = plan.convolutions.last().map_or(0, |layer| layer.bias.end);
        room(&mut self.parameter_gradient, gradient_len).fill(0.0);
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
                self.parameter_gradient[layer.weight.start..layer.bias.end].split_at_mut(layer.weight.len());
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
                part(output_gradient, shape, rows, gradients, base_gradient);
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
    /// Chooses the base of these observations and takes it through the convolutions, if that promises to pay.
    fn forward(&mut self, plan: &Plan, values: &[f32], observations: &[u8]) {
        let shape = &plan.architecture.convolutions[0];
        self.on = observations.len() >= LEAST_WITH_BASE * shape.input_len();
        if !self.on {
            return;
        }
        set_base(&mut self.observation, shape.in_channels, observations, shape.input_len());
        // A sample tells whether the batch is alike.
        let Self { observation, group, features, .. } = self;
        let mut sample = Differing::default();
        let plane = shape.in_side * shape.in_side;
        sample.find(shape, &observations[..4 * shape.input_len()], &observation[..plane]);
        self.on = sample.few().is_some();
        if self.on {
            group.forward(plan, values, observation, None, room(features, plan.architecture.features()));
        }
    }

    /// The frame that its stack is made of.
    fn frame(&self, shape: &ConvShape) -> &[u8] {
        &self.observation[..shape.in_side * shape.in_side]
    }

    /// The output of convolution `i`, which has this shape.
    fn output(&self, i: usize, shape: &ConvShape) -> &[f32] {
        let outputs = &self.group.outputs;
        let output = if i + 1 == outputs.len() { &self.features } else { &outputs[i] };
        &output[..shape.output_len()]
    }

    /// Computes the gradient of the convolutions' parameters that comes of all rows that are the base's.
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

/// Parts the gradient of a convolution's output into those of `rows`, one after the other, and the sum over the images of all
/// other rows, which is added to `base`.
fn part(gradient: &[f32], shape: &ConvShape, rows: &[usize], apart: &mut [f32], base: &mut [f32]) {
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

    /// The patches of the first `images`.
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

    /// The patches that make these rows of the output.
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

/// Calls `work` for every item, in parallel if there are `many` images; waking other threads for one is a loss.
fn for_each<I>(many: bool, items: I, work: impl Fn(I::Item) + Sync + Send)
where
    I: Iterator + Send,
    I::Item: Send,
{
    if many {
        items.par_bridge().for_each(work);
    } else {
        items.for_each(work);
    }
}

impl Workspace {
    /// The outputs `[images, actions, width]` for `observations`, `[images, 4, 84, 84]` gray values; what they mean is the
    /// [head](crate::networks::head::Head)'s business.
    pub fn forward(&mut self, network: &CpuNetwork, observations: &[u8]) -> &[f32] {
        let (plan, values) = (&network.plan, network.current());
        let architecture = &plan.architecture;
        let image_len = architecture.convolutions[0].input_len();
        let images = observations.len() / image_len;
        let features_len = architecture.features();
        self.group_images = images.div_ceil(GROUPS);
        self.groups.resize_with(GROUPS, Group::default);
        room(&mut self.features, images * features_len);
        let many = images > 1;
        self.base.forward(plan, values, observations);
        let base = Some(&self.base).filter(|base| base.on);
        let parts = self.features[..images * features_len]
            .chunks_mut(self.group_images * features_len)
            .zip(&mut self.groups)
            .zip(observations.chunks(self.group_images * image_len));
        for_each(many, parts, |((features, group), observations)| {
            group.forward(plan, values, observations, base, features);
        });

        let features = Matrix::new(&self.features, images, features_len);
        self.branches.resize_with(plan.branches.len(), BranchSpace::default);
        let hidden_len = architecture.hidden;
        for (space, (hidden_layer, output_layer)) in self.branches.iter_mut().zip(&plan.branches) {
            let block = hidden_len.div_ceil(BLOCKS);
            let weights = &values[hidden_layer.weight.clone()];
            let parts = room(&mut space.hidden, hidden_len * images)
                .chunks_mut(block * images)
                .zip(weights.chunks(block * features_len))
                .zip(values[hidden_layer.bias.clone()].chunks(block));
            for_each(many, parts, |((hidden, weights), bias)| {
                multiply(hidden, Matrix::new(weights, bias.len(), features_len), features.transposed(), false);
                for (row, &bias) in hidden.chunks_exact_mut(images).zip(bias) {
                    row.iter_mut().for_each(|value| *value = (*value + bias).max(0.0));
                }
            });
            let bias = &values[output_layer.bias.clone()];
            let output = room(&mut space.output, images * bias.len());
            let hidden = Matrix::new(&space.hidden, hidden_len, images);
            let weights = Matrix::new(&values[output_layer.weight.clone()], bias.len(), hidden_len);
            multiply(output, hidden.transposed(), weights.transposed(), false);
            for row in output.chunks_exact_mut(bias.len()) {
                row.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias);
            }
        }
        self.combine_branches(architecture, images);
        &self.outputs[..images * architecture.outputs()]
    }

    /// The head as it is, or V + A - mean A: for each atom, if the head has atoms.
    fn combine_branches(&mut self, architecture: &Architecture, images: usize) {
        let (row, width) = (architecture.outputs(), architecture.design.head.width());
        let outputs = room(&mut self.outputs, images * row);
        match self.branches.as_slice() {
            [head] => outputs.copy_from_slice(&head.output[..images * row]),
            [value, advantage] => {
                let rows = outputs.chunks_exact_mut(row).zip(value.output.chunks_exact(width));
                for ((outputs, values), advantages) in rows.zip(advantage.output.chunks_exact(row)) {
                    for (atom, value) in values.iter().enumerate() {
                        let advantages = advantages[atom..].iter().step_by(width);
                        let mean = advantages.clone().sum::<f32>() / architecture.actions as f32;
                        for (output, advantage) in outputs[atom..].iter_mut().step_by(width).zip(advantages) {
                            *output = value + advantage - mean;
                        }
                    }
                }
            }
            other => unreachable!("a network has one branch or two, not {}", other.len()),
        }
    }

    /// The gradients of the branches' outputs from that of the network's.
    fn split_gradient(&mut self, gradient: &[f32], architecture: &Architecture, images: usize) {
        let (row, width) = (architecture.outputs(), architecture.design.head.width());
        match self.branches.as_mut_slice() {
            [head] => room(&mut head.output_gradient, images * row).copy_from_slice(gradient),
            [value, advantage] => {
                let values = room(&mut value.output_gradient, images * width);
                let advantages = room(&mut advantage.output_gradient, images * row);
                let rows = gradient.chunks_exact(row).zip(values.chunks_exact_mut(width));
                for ((gradient, values), advantages) in rows.zip(advantages.chunks_exact_mut(row)) {
                    for (atom, value) in values.iter_mut().enumerate() {
                        let outputs = gradient[atom..].iter().step_by(width);
                        *value = outputs.clone().sum();
                        let mean = *value / architecture.actions as f32;
                        for (advantage, output) in advantages[atom..].iter_mut().step_by(width).zip(outputs) {
                            *advantage = output - mean;
                        }
                    }
                }
            }
            other => unreachable!("a network has one branch or two, not {}", other.len()),
        }
    }

    /// The gradient of the parameters (in this module's order) into `gradient`, given that of the outputs. Must follow
    /// [`forward`](Self::forward) with the same network and observations.
    pub fn backward(
        &mut self,
        network: &CpuNetwork,
        observations: &[u8],
        output_gradient: &[f32],
        gradient: &mut [f32],
    ) {
        let (plan, values) = (&network.plan, network.current());
        let architecture = &plan.architecture;
        let image_len = architecture.convolutions[0].input_len();
        let images = observations.len() / image_len;
        let (features_len, hidden_len) = (architecture.features(), architecture.hidden);
        self.split_gradient(output_gradient, architecture, images);

        let feature_block = features_len.div_ceil(BLOCKS);
        self.feature_gradients.resize_with(BLOCKS, Vec::new);
        let features = &self.features[..images * features_len];
        for (i, (space, (hidden_layer, output_layer))) in self.branches.iter_mut().zip(&plan.branches).enumerate() {
            let outputs = output_layer.bias.len();
            let output_gradient = Matrix::new(&space.output_gradient, images, outputs);
            let hidden = Matrix::new(&space.hidden, hidden_len, images);
            let weight_gradient = &mut gradient[output_layer.weight.clone()];
            multiply(weight_gradient, output_gradient.transposed(), hidden.transposed(), false);
            let bias_gradient = &mut gradient[output_layer.bias.clone()];
            bias_gradient.fill(0.0);
            for row in space.output_gradient[..images * outputs].chunks_exact(outputs) {
                bias_gradient.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
            let weights = Matrix::new(&values[output_layer.weight.clone()], outputs, hidden_len);
            let hidden_gradient = room(&mut space.hidden_gradient, hidden_len * images);
            multiply(hidden_gradient, weights.transposed(), output_gradient.transposed(), false);
            mask_relu(hidden_gradient, &space.hidden);

            let hidden_gradient = &*hidden_gradient;
            let block = hidden_len.div_ceil(BLOCKS);
            let (weight_gradient, bias_gradient) =
                gradient[hidden_layer.weight.start..hidden_layer.bias.end].split_at_mut(hidden_layer.weight.len());
            let parts = weight_gradient
                .par_chunks_mut(block * features_len)
                .zip(bias_gradient.par_chunks_mut(block))
                .zip(hidden_gradient.par_chunks(block * images));
            parts.for_each(|((weights, bias), hidden_gradient)| {
                let left = Matrix::new(hidden_gradient, bias.len(), images);
                multiply(weights, left, Matrix::new(features, images, features_len), false);
                for (sum, row) in bias.iter_mut().zip(hidden_gradient.chunks_exact(images)) {
                    *sum = row.iter().sum();
                }
            });

            let weights = &values[hidden_layer.weight.clone()];
            let hidden_gradient = Matrix::new(hidden_gradient, hidden_len, images);
            self.feature_gradients.par_iter_mut().enumerate().for_each(|(b, output)| {
                let columns = feature_columns(b, feature_block, features_len);
                let weights = Matrix::strided(&weights[columns.start..], hidden_len, columns.len(), features_len);
                let output = room(output, columns.len() * images);
                multiply(output, weights.transposed(), hidden_gradient, i > 0);
            });
        }

        let group_images = self.group_images;
        let feature_gradients = &self.feature_gradients;
        self.groups
            .par_iter_mut()
            .zip(features.par_chunks(group_images * features_len))
            .zip(observations.par_chunks(group_images * image_len))
            .enumerate()
            .for_each(|(g, ((group, features), observations))| {
                group.output_gradients.resize_with(architecture.convolutions.len(), Vec::new);
                if let Some(last) = group.output_gradients.last_mut() {
                    let rows = room(last, features.len()).chunks_exact_mut(features_len).enumerate();
                    for (row, output) in rows {
                        for (b, block) in feature_gradients.iter().enumerate() {
                            let columns = feature_columns(b, feature_block, features_len);
                            let image = block[g * group_images + row..].iter().step_by(images);
                            output[columns].iter_mut().zip(image).for_each(|(output, value)| *output = *value);
                        }
                    }
                }
                group.backward(plan, values, observations, features, &[]);
            });
        let groups = &self.groups[..images.div_ceil(group_images)];
        let base = &mut self.base;
        let gradient_len = plan.convolutions.last().map_or(0, |layer| layer.bias.end);
        let sums = &mut gradient[..gradient_len];
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
        network.add_spread_gradient(gradient);
    }
}

/// Adds the first of `values` to `sums`.
fn add(sums: &mut [f32], values: &[f32]) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

/// The columns of block `b`.
fn feature_columns(b: usize, block: usize, features: usize) -> Range<usize> {
    (b * block).min(features)..((b + 1) * block).min(features)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::cpu::convolution::tests::assert_close;
    use crate::networks::head::{Head, Support};
    use crate::networks::{Design, NetworkKind};
    use crate::preprocess::{FRAME_PIXELS, SIDE, STACK, STACK_PIXELS};
    use crate::random::{Generator, Purpose};

    fn dueling(head: Head) -> Architecture {
        Architecture::new(Design { dueling: true, head, ..NetworkKind::Cpu.plain() }, 3)
    }

    fn workspace(outputs: [Vec<f32>; 2]) -> Workspace {
        let branches = outputs.map(|output| BranchSpace { output, ..BranchSpace::default() }).to_vec();
        Workspace { branches, ..Workspace::default() }
    }

    /// Advantages 1, 2 and 6 have the mean 3.
    #[test]
    fn dueling_adds_to_the_value_what_an_action_has_over_the_mean_advantage() {
        let architecture = dueling(Head::Expected);
        let mut workspace = workspace([vec![10.0, -1.0], vec![1.0, 2.0, 6.0, 0.0, 0.0, 3.0]]);
        workspace.combine_branches(&architecture, 2);
        assert_eq!(workspace.outputs, [8.0, 9.0, 13.0, -2.0, -2.0, 1.0]);
        workspace.split_gradient(&[3.0, 0.0, 0.0, 1.0, 1.0, 1.0], &architecture, 2);
        assert_eq!(workspace.branches[0].output_gradient, [3.0, 3.0]);
        assert_eq!(workspace.branches[1].output_gradient, [2.0, -1.0, -1.0, 0.0, 0.0, 0.0]);
    }

    /// Two atoms: the advantages of the first are 1, 2 and 6, those of the second 0, 3 and 3.
    #[test]
    fn dueling_with_atoms_does_so_atom_by_atom() {
        let architecture = dueling(Head::Categorical(Support { atoms: 2, value_min: 0.0, value_max: 1.0 }));
        let mut workspace = workspace([vec![10.0, 20.0], vec![1.0, 0.0, 2.0, 3.0, 6.0, 3.0]]);
        workspace.combine_branches(&architecture, 1);
        assert_eq!(workspace.outputs, [8.0, 18.0, 9.0, 21.0, 13.0, 21.0]);
        workspace.split_gradient(&[0.0, 3.0, 3.0, 0.0, 0.0, 0.0], &architecture, 1);
        assert_eq!(workspace.branches[0].output_gradient, [3.0, 3.0]);
        assert_eq!(workspace.branches[1].output_gradient, [-1.0, 2.0, 2.0, -1.0, -1.0, -1.0]);
    }

    /// Batches too small for a base are convolved whole.
    #[test]
    fn a_batch_compared_with_a_base_gives_what_its_images_give_by_themselves() {
        let architecture = Architecture::new(NetworkKind::Nature.plain(), 3);
        let parameters = Parameters::initial(architecture.clone(), &mut Generator::new(1, Purpose::Weights));
        let network = CpuNetwork::new(&parameters);
        let mut generator = Generator::new(2, Purpose::Synthetic);
        let background: Vec<u8> = (0..FRAME_PIXELS).map(|_| generator.below(256) as u8).collect();
        let mut observations = background.repeat(16 * STACK);
        for (i, frame) in observations.chunks_exact_mut(FRAME_PIXELS).enumerate() {
            frame[SIDE * (10 + i) + 20] ^= 255;
        }
        let gradients: Vec<f32> = (0..16 * 3).map(|_| generator.symmetric(1.0)).collect();

        let mut whole = Workspace::default();
        let outputs = whole.forward(&network, &observations).to_vec();
        let mut gradient = vec![0.0; parameters.values.len()];
        whole.backward(&network, &observations, &gradients, &mut gradient);
        assert!(whole.base.on);
        let few = whole.groups.iter().map(|group| group.differing.iter().filter_map(Differing::few).count());
        assert_eq!(few.collect::<Vec<_>>(), [3; GROUPS], "every convolution keeps its differing rows apart");

        let (mut one_by_one, mut sum) = (Workspace::default(), vec![0.0; gradient.len()]);
        for ((image, want), gradients) in
            observations.chunks_exact(STACK_PIXELS).zip(outputs.chunks_exact(3)).zip(gradients.chunks_exact(3))
        {
            assert_close(one_by_one.forward(&network, image), want, 1e-5);
            assert!(!one_by_one.base.on);
            let mut gradient = vec![0.0; sum.len()];
            one_by_one.backward(&network, image, gradients, &mut gradient);
            sum.iter_mut().zip(&gradient).for_each(|(sum, value)| *sum += value);
        }
        assert_close(&gradient, &sum, 2e-5);
    }
}
