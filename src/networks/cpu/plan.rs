//! The layout of a network's parameters on the CPU, and its relation to the stored order.

use crate::networks::cpu::convolution::Convolution;
use crate::networks::noise::NoisyLayer;
use crate::networks::{Architecture, LayerArrays};
use std::ops::Range;

/// The places of all layers in the flat vector of parameters.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The network's shape.
    pub architecture: Architecture,
    /// The convolutions.
    pub convolutions: Vec<LayerPlan>,
    /// Their patches.
    pub patches: Vec<Convolution>,
    /// The dense layers that all branches share.
    pub shared: Vec<LayerPlan>,
    /// (hidden layer if it has one, output layer) of each branch.
    pub branches: Vec<(Option<LayerPlan>, LayerPlan)>,
}

/// The place of one layer.
#[derive(Clone, Debug)]
pub struct LayerPlan {
    /// Its weights.
    pub weight: Range<usize>,
    /// Its biases, directly after the weights.
    pub bias: Range<usize>,
    /// Noise of a noisy layer. Its deviations follow weight and bias, in the same order.
    pub noise: Option<NoisyLayer>,
    /// The norm between the layer and its activation; its parameters follow the bias.
    pub norm: Option<NormPlan>,
}

/// The place of a norm's parameters, one number for each channel or unit, in stored order.
#[derive(Clone, Debug)]
pub struct NormPlan {
    /// Factors.
    pub gain: Range<usize>,
    /// Numbers added to the products; they directly follow the factors.
    pub shift: Range<usize>,
}

impl LayerPlan {
    /// Numbers that come out of it; for a convolution its channels.
    pub fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// Numbers that go into it; for a convolution the numbers in a patch.
    pub fn inputs(&self) -> usize {
        self.weight.len() / self.bias.len()
    }

    /// Weight and bias.
    pub fn means(&self) -> Range<usize> {
        self.weight.start..self.bias.end
    }

    /// All parameters of a layer without noise: weight and bias, and gain and shift of its norm.
    pub fn parameters(&self) -> Range<usize> {
        self.weight.start..self.norm.as_ref().map_or(self.bias.end, |norm| norm.shift.end)
    }

    /// The deviations of weight and bias.
    pub fn deviations(&self) -> Range<usize> {
        self.bias.end..self.bias.end + self.means().len()
    }
}

impl Plan {
    /// The plan of a network of this shape.
    pub fn new(architecture: Architecture) -> Self {
        let layout = architecture.layout();
        let range = |index: usize| layout[index].range();
        let plan = |arrays: LayerArrays| LayerPlan {
            weight: range(arrays.weight),
            bias: range(arrays.bias),
            noise: None,
            norm: arrays.norm.map(|[gain, shift]| NormPlan { gain: range(gain), shift: range(shift) }),
        };
        let mut convolutions: Vec<LayerPlan> = architecture.layers().into_iter().map(plan).collect();
        let mut shared = convolutions.split_off(architecture.convolutions.len());
        for (layer, noise) in shared.iter_mut().zip(architecture.noisy_layers()) {
            layer.noise = Some(noise);
        }
        let mut branches = Vec::new();
        let mut of_branches = shared.split_off(architecture.shared.len()).into_iter();
        for branch in &architecture.branches {
            let hidden = branch.hidden.as_ref().and_then(|_| of_branches.next());
            branches.extend(of_branches.next().map(|output| (hidden, output)));
        }
        let shapes = architecture.convolutions.iter().enumerate();
        let patches = shapes.map(|(i, shape)| Convolution::new(*shape, i == 0)).collect();
        Self { architecture, convolutions, patches, shared, branches }
    }

    /// All dense layers.
    pub fn dense(&self) -> impl Iterator<Item = &LayerPlan> {
        let branches = self.branches.iter().flat_map(|(hidden, output)| hidden.iter().chain([output]));
        self.shared.iter().chain(branches)
    }

    /// The dense layers whose input is the output of the last convolution, or an observation.
    pub fn first_dense(&self) -> impl Iterator<Item = &LayerPlan> {
        let branches = if self.shared.is_empty() { self.branches.as_slice() } else { &[] };
        self.shared.iter().take(1).chain(branches.iter().map(|(hidden, output)| hidden.as_ref().unwrap_or(output)))
    }

    /// Parameters of all convolutions; they come first.
    pub fn convolution_parameters(&self) -> usize {
        self.convolutions.last().map_or(0, |layer| layer.parameters().end)
    }

    /// Calls `visit` with (place in stored order, place in the CPU network's order) of every parameter.
    pub fn for_each_place(&self, mut visit: impl FnMut(usize, usize)) {
        let mut reordered = vec![false; self.architecture.parameter_count()];
        // In stored order a row of `inputs` numbers for each output; here a row of `outputs` numbers for each input. Stored
        // inputs are `channels` planes of `area` pixels; here the channel is last.
        let mut weights = |weight: Range<usize>, outputs: usize, (channels, area): (usize, usize)| {
            let inputs = weight.len() / outputs;
            for (output, input) in (0..outputs).flat_map(|output| (0..inputs).map(move |input| (output, input))) {
                let own_input = input % area * channels + input / area;
                visit(weight.start + output * inputs + input, weight.start + own_input * outputs + output);
            }
            reordered[weight].fill(true);
        };
        for (i, (layer, convolution)) in self.convolutions.iter().zip(&self.patches).enumerate() {
            let shape = &convolution.shape;
            // Observations are planes here too.
            let planes = if i == 0 { (1, shape.patch()) } else { (shape.in_channels, shape.kernel * shape.kernel) };
            weights(layer.weight.clone(), shape.out_channels, planes);
        }
        let last = self.patches.last().map(|last| (last.shape.out_channels, last.shape.positions()));
        let first_dense: Vec<usize> = self.first_dense().map(|layer| layer.weight.start).collect();
        for layer in self.dense() {
            let planes = last.filter(|_| first_dense.contains(&layer.weight.start)).unwrap_or((1, layer.inputs()));
            weights(layer.weight.clone(), layer.outputs(), planes);
            if layer.noise.is_some() {
                let begin = layer.deviations().start;
                weights(begin..begin + layer.weight.len(), layer.outputs(), planes);
            }
        }
        for (place, _) in reordered.iter().enumerate().filter(|(_, reordered)| !**reordered) {
            visit(place, place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::{Design, NetworkKind, NormKind};
    use crate::observations::Space;

    #[test]
    fn every_parameter_has_one_place_and_a_norms_stay_in_order() {
        let design = Design { norm: NormKind::Channels, ..NetworkKind::Nature.plain() };
        let architecture = Architecture::new(design, Space::Pixels { stack: 4, side: 84 }, 6).unwrap();
        let plan = Plan::new(architecture.clone());
        let mut places = vec![None; architecture.parameter_count()];
        plan.for_each_place(|stored, own| assert_eq!(places[stored].replace(own), None));
        let mut own: Vec<usize> = places.iter().map(|place| place.unwrap()).collect();
        for layer in plan.convolutions.iter().chain(&plan.branches[0].0) {
            let NormPlan { gain, shift } = layer.norm.as_ref().unwrap();
            assert_eq!(
                (gain.start, shift.start, gain.len(), shift.len()),
                (layer.bias.end, gain.end, layer.outputs(), layer.outputs())
            );
            assert!((gain.start..shift.end).all(|place| own[place] == place));
        }
        assert!(plan.branches[0].1.norm.is_none());
        assert_eq!(
            plan.convolution_parameters(),
            plan.branches[0].0.as_ref().unwrap().weight.start,
            "the convolutions come first"
        );
        own.sort_unstable();
        assert!(own.into_iter().eq(0..architecture.parameter_count()));
    }
}
