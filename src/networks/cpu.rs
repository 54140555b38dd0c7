//! The network on the CPU: forward and backward by hand, no allocation after the first pass.
//!
//! The batch is cut into groups of at most eight images. A group goes through all convolutions on one thread, so its
//! intermediate results stay in that core's cache ([`groups`]). Dense layers are cut into blocks of outputs instead
//! ([`dense`]). The cuts depend on shapes alone and partial sums are added in their order, so results are the same for any
//! number of threads.
//!
//! Results have the same bytes on every processor. The matrix products ([`kernels`]) consist of fused multiply-adds in a fixed
//! order; all other operations are single IEEE 754 operations in a fixed order. A processor without fused multiply-add (x86-64
//! without FMA) gets the same bytes too, slowly: it computes them in software.
//!
//! Parameters are held in an order that suits the matrix products: weights have their output last, and before it (except in
//! the first convolution) their input channel. [`CpuNetwork::parameters`] and [`CpuNetwork::set_parameters`] translate.
//!
//! Products of a few thousand numbers are computed on the caller's thread: waking others takes longer.
//!
//! Noisy layers are evaluated as ordinary ones; their weights are computed once for each draw of noise. The gradient of a
//! deviation is the gradient of the weight times its noise.

mod activation;
pub mod convolution;
pub mod dense;
pub mod differences;
pub mod groups;
pub mod kernels;
pub mod matrix;
pub mod norm;
pub mod plan;

use crate::networks::cpu::dense::DenseSpace;
use crate::networks::cpu::groups::ConvolutionSpace;
use crate::networks::cpu::matrix::{room, vectorized};
use crate::networks::cpu::plan::Plan;
use crate::networks::noise::NoisyLayer;
use crate::networks::optimizer::CHUNK;
use crate::networks::{one_hot, Architecture, Parameters};
use crate::observations::Seen;
use anyhow::Result;
use rayon::prelude::*;

/// Multiply-adds of a product that is not worth waking other threads for: about as long as that takes. Results do not depend on it.
/// Chosen, not measured.
const SMALL: usize = 1 << 20;

/// Fewest numbers of a noisy layer's weights for which another thread is woken.
const NUMBERS: usize = 1 << 14;

/// A network's parameters on the CPU. A [`Workspace`] evaluates them.
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
    /// If false, the network uses the means.
    on: bool,
    /// The draw: [`Architecture::noisy_layers`], inputs in this module's order.
    numbers: Vec<f32>,
    /// Weights and biases under this noise, in the places of the means.
    values: Vec<f32>,
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

    /// Replaces the parameters; the architecture must be the same.
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

    /// The inverse of [`in_stored_order`](Self::in_stored_order).
    pub fn from_stored_order(&self, stored_order: &[f32]) -> Vec<f32> {
        let mut values = vec![0.0; stored_order.len()];
        self.plan.for_each_place(|stored, own| values[own] = stored_order[stored]);
        values
    }

    /// The parameters in this module's order, for an optimizer, which works element by element. Removes the noise until
    /// the next [`set_noise`](Self::set_noise).
    pub fn values_mut(&mut self) -> &mut [f32] {
        self.noise.on = false;
        &mut self.values
    }

    /// Moves the parameters the fraction `tau` of the way to the parameters of `other`, which has the same architecture; 1
    /// makes an exact copy.
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

    /// Sets the noise of noisy layers (see [`Architecture::noisy_layers`]), `None` removes it. A change of the parameters
    /// removes it too; the network then uses the means.
    pub fn set_noise(&mut self, noise: Option<&[f32]>) {
        let plan = &self.plan;
        let own = &mut self.noise;
        own.on = plan.architecture.design.noisy && noise.is_some();
        let Some(noise) = noise.filter(|_| own.on) else { return };
        room(&mut own.numbers, noise.len()).copy_from_slice(noise);
        if let Some(last) = plan.architecture.convolutions.last() {
            let (channels, area) = (last.out_channels, last.positions());
            for layer in plan.first_dense().filter_map(|layer| layer.noise.as_ref()) {
                let (stored, own) = (&noise[layer.inputs.clone()], &mut own.numbers[layer.inputs.clone()]);
                for (i, number) in own.iter_mut().enumerate() {
                    *number = stored[i % channels * area + i / channels];
                }
            }
        }
        let before = plan.convolution_parameters();
        room(&mut own.values, self.values.len())[..before].copy_from_slice(&self.values[..before]);
        for layer in plan.dense() {
            let Some(NoisyLayer { inputs, outputs }) = &layer.noise else { continue };
            let (inputs, outputs) = (&own.numbers[inputs.clone()], &own.numbers[outputs.clone()]);
            let width = outputs.len();
            let (weights, biases) = own.values[layer.means()].split_at_mut(layer.weight.len());
            let (means, mean_biases) = self.values[layer.means()].split_at(layer.weight.len());
            let (sigmas, sigma_biases) = self.values[layer.deviations()].split_at(layer.weight.len());
            let rows = weights.par_chunks_mut(width).zip(means.par_chunks(width)).zip(sigmas.par_chunks(width));
            rows.zip(inputs).with_min_len((NUMBERS / width).max(1)).for_each(|(((weights, means), sigmas), input)| {
                let each = weights.iter_mut().zip(means).zip(sigmas).zip(outputs);
                vectorized(
                    #[inline(always)]
                    || each.for_each(|(((weight, mean), sigma), output)| *weight = mean + sigma * (output * input)),
                );
            });
            let each = biases.iter_mut().zip(mean_biases).zip(sigma_biases).zip(outputs);
            each.for_each(|(((bias, mean), sigma), output)| *bias = mean + sigma * output);
        }
    }

    /// Whether no part of an update for so many images wakes other threads.
    pub fn is_small_for(&self, images: usize) -> bool {
        let small = |weights: usize| images.saturating_mul(weights) <= SMALL && weights <= NUMBERS;
        let dense = self.plan.convolutions.is_empty() && self.values.len() <= CHUNK;
        dense && self.plan.dense().all(|layer| small(layer.weight.len()))
    }

    /// The weights and biases under the present noise, in the places of the means.
    fn current(&self) -> &[f32] {
        if self.noise.on {
            &self.noise.values
        } else {
            &self.values
        }
    }

    /// Writes the gradient of the deviations, given the gradient of the weights under the noise in the places of the means.
    fn add_sigma_gradient(&self, gradient: &mut [f32]) {
        for layer in self.plan.dense() {
            let Some(NoisyLayer { inputs, outputs }) = &layer.noise else { continue };
            let (before, sigmas) = gradient.split_at_mut(layer.bias.end);
            let (means, sigmas) = (&before[layer.means()], &mut sigmas[..layer.means().len()]);
            if !self.noise.on {
                sigmas.fill(0.0);
                continue;
            }
            let (inputs, outputs) = (&self.noise.numbers[inputs.clone()], &self.noise.numbers[outputs.clone()]);
            let (weights, biases) = sigmas.split_at_mut(layer.weight.len());
            let (mean_weights, mean_biases) = means.split_at(layer.weight.len());
            let rows = weights.par_chunks_mut(outputs.len()).zip(mean_weights.par_chunks(outputs.len()));
            rows.zip(inputs).with_min_len((NUMBERS / outputs.len()).max(1)).for_each(|((weights, means), input)| {
                let each = weights.iter_mut().zip(means).zip(outputs);
                vectorized(
                    #[inline(always)]
                    || each.for_each(|((weight, mean), output)| *weight = mean * (output * input)),
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
    convolutions: ConvolutionSpace,
    /// Inputs of the first dense layer, `[images, features]`: the last convolution's output, or the observations.
    features: Vec<f32>,
    /// Gradient of the last convolution's output, `[images, features]`.
    feature_gradient: Vec<f32>,
    dense: DenseSpace,
}

impl Workspace {
    /// Room for evaluations whose forward pass runs on the caller's thread alone, for a caller that has other work for the
    /// other threads.
    pub fn on_one_thread() -> Self {
        let mut workspace = Self::default();
        workspace.convolutions.one_thread = true;
        workspace.dense.scratch.one_thread = true;
        workspace
    }

    /// Room for evaluations of one network, whose parameters stay the same until [`forget_base`](Self::forget_base).
    pub fn keeping_base(mut self) -> Self {
        self.convolutions.keeps_base = true;
        self
    }

    /// Must be called before the evaluation of other parameters, if the workspace [keeps a base](Self::keeping_base).
    pub fn forget_base(&mut self) {
        self.convolutions.forget_base();
    }

    /// The outputs `[images, actions, width]` for `observations`; the [head](crate::networks::head::Head) defines their
    /// meaning.
    ///
    /// # Errors
    /// When the observations are not of the network's space.
    pub fn forward(&mut self, network: &CpuNetwork, observations: Seen<'_>) -> Result<&[f32]> {
        let (plan, values) = (&network.plan, network.current());
        let images = plan.architecture.count(observations)?;
        let features_len = plan.architecture.features();
        let features = room(&mut self.features, images * features_len);
        match observations {
            Seen::Pixels(pixels) if !plan.convolutions.is_empty() => {
                self.convolutions.forward(plan, values, pixels, features);
            }
            Seen::Pixels(pixels) => {
                let each = features.iter_mut().zip(pixels);
                each.for_each(|(feature, &pixel)| *feature = f32::from(pixel) * (1.0 / 255.0));
            }
            Seen::Numbers(numbers) => features.copy_from_slice(numbers),
            Seen::States(states) => one_hot(states, features),
        }
        Ok(self.dense.forward(plan, values, &self.features[..images * features_len], images))
    }

    /// Writes the gradient of the parameters (in this module's order) to `gradient`, given the gradient of the outputs. Must
    /// follow [`forward`](Self::forward) with the same network and observations.
    ///
    /// # Errors
    /// When the observations are not of the network's space.
    pub fn backward(
        &mut self,
        network: &CpuNetwork,
        observations: Seen<'_>,
        output_gradient: &[f32],
        gradient: &mut [f32],
    ) -> Result<()> {
        let (plan, values) = (&network.plan, network.current());
        let images = plan.architecture.count(observations)?;
        let features_len = plan.architecture.features();
        let features = &self.features[..images * features_len];
        if plan.convolutions.is_empty() {
            // Observations need no gradient.
            self.dense.backward(plan, values, features, output_gradient, gradient, None);
        } else {
            let feature_gradient = room(&mut self.feature_gradient, images * features_len);
            self.dense.backward(plan, values, features, output_gradient, gradient, Some(feature_gradient));
            let pixels = observations.pixels()?;
            self.convolutions.backward(plan, values, pixels, features, feature_gradient, gradient);
        }
        network.add_sigma_gradient(gradient);
        Ok(())
    }
}

/// Calls `work` for every item, on several threads if `parallel`. Waking other threads for one image is a loss.
fn for_each<I>(parallel: bool, items: I, work: impl Fn(I::Item) + Sync + Send)
where
    I: Iterator + Send,
    I::Item: Send,
{
    if parallel {
        items.par_bridge().for_each(work);
    } else {
        items.for_each(work);
    }
}
