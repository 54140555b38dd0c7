//! What the networks look like: layers, named parameters, initial values.
//!
//! The numbers themselves are one flat vector ([`Parameters`]), cut up by [`Architecture::layout`]; files name and shape
//! them as PyTorch would. How they are evaluated is the business of [`cpu_network`](crate::networks::cpu) and
//! [`candle_network`](crate::networks::candle).

pub mod candle;
pub mod cpu;
pub mod device;
pub mod evaluator;
pub mod head;
pub mod learner;
pub mod loss;
pub mod noise;
pub mod optimizer;
#[cfg(test)]
mod plain;

use crate::networks::cpu::convolution::ConvShape;
use crate::networks::head::Head;
use crate::networks::noise::NoisyLayer;
use crate::preprocess::{SIDE, STACK};
use crate::random::Generator;
use serde::{Deserialize, Serialize};

/// The networks on offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkKind {
    /// Mnih et al. 2015: conv 32 8x8/4, conv 64 4x4/2, conv 64 3x3/1, dense 512; 9.3 M multiply-adds a state.
    Nature,
    /// Mnih et al. 2013: conv 16 8x8/4, conv 32 4x4/2, dense 256; 3.0 M multiply-adds a state.
    Nips,
    /// For the CPU: conv 16 8x8/4, conv 32 4x4/2, dense 128; 2.6 M multiply-adds a state.
    Small,
    /// For the CPU, where hardly a pixel is seen twice: conv 32 5x5/5, conv 64 5x5/5, dense 256; 1.4 M multiply-adds a
    /// state.
    Cpu,
}

impl NetworkKind {
    /// Its name in configurations and files.
    pub fn name(self) -> &'static str {
        match self {
            NetworkKind::Nature => "nature",
            NetworkKind::Nips => "nips",
            NetworkKind::Small => "small",
            NetworkKind::Cpu => "cpu",
        }
    }

    /// (output channels, kernel, stride) of the convolutions.
    fn convolutions(self) -> &'static [(usize, usize, usize)] {
        match self {
            NetworkKind::Nature => &[(32, 8, 4), (64, 4, 2), (64, 3, 1)],
            NetworkKind::Nips | NetworkKind::Small => &[(16, 8, 4), (32, 4, 2)],
            NetworkKind::Cpu => &[(32, 5, 5), (64, 5, 5)],
        }
    }

    fn hidden(self) -> usize {
        match self {
            NetworkKind::Nature => 512,
            NetworkKind::Nips | NetworkKind::Cpu => 256,
            NetworkKind::Small => 128,
        }
    }

    /// This network with one branch of ordinary layers and a Q-value for each action.
    pub fn plain(self) -> Design {
        Design { kind: self, dueling: false, noisy: false, head: Head::Expected }
    }
}

/// What a network is made of, whatever the game.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Design {
    /// Which network.
    pub kind: NetworkKind,
    /// Value and advantage in branches of their own: Q = V + A - mean A, atom by atom (Wang et al. 2016).
    pub dueling: bool,
    /// The dense layers are noisy (Fortunato et al. 2018).
    pub noisy: bool,
    /// What is said about an action.
    pub head: Head,
}

/// A hidden layer with ReLU and the linear layer on top of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// Name of the hidden layer: its parameters are `NAME.weight`, `NAME.bias`.
    pub hidden_name: &'static str,
    /// Name of the layer on top.
    pub output_name: &'static str,
    /// Numbers that come out.
    pub outputs: usize,
}

/// A network's shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    /// What it is made of.
    pub design: Design,
    /// Actions: each has [`Head::width`] numbers in the output.
    pub actions: usize,
    /// Convolutions, each followed by a ReLU.
    pub convolutions: Vec<ConvShape>,
    /// Width of the hidden layers.
    pub hidden: usize,
    /// One branch, or value and advantage.
    pub branches: Vec<Branch>,
}

/// One named array of parameters within the flat vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterSpec {
    /// Name in files.
    pub name: String,
    /// PyTorch's shape: (output, input, row, column), (output, input) or (output).
    pub shape: Vec<usize>,
    /// Where it begins in the flat vector.
    pub offset: usize,
    /// Inputs of the layer it belongs to.
    pub fan_in: usize,
}

impl ParameterSpec {
    /// Numbers in it.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it holds no number; never.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it holds spreads of noise, not means.
    pub fn is_sigma(&self) -> bool {
        self.name.ends_with("_sigma")
    }

    /// Its place in the flat vector.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.len()
    }
}

impl Architecture {
    /// The network of this `design` for `actions` actions.
    pub fn new(design: Design, actions: usize) -> Self {
        let mut convolutions: Vec<ConvShape> = Vec::new();
        for &(out_channels, kernel, stride) in design.kind.convolutions() {
            let (in_channels, in_side) =
                convolutions.last().map_or((STACK, SIDE), |last| (last.out_channels, last.out_side()));
            convolutions.push(ConvShape { in_channels, in_side, out_channels, kernel, stride });
        }
        let width = design.head.width();
        let branches = if design.dueling {
            vec![
                Branch { hidden_name: "value_fc", output_name: "value", outputs: width },
                Branch { hidden_name: "advantage_fc", output_name: "advantage", outputs: actions * width },
            ]
        } else {
            vec![Branch { hidden_name: "fc", output_name: "head", outputs: actions * width }]
        };
        Self { design, actions, convolutions, hidden: design.kind.hidden(), branches }
    }

    /// Numbers in the output: for each action those of the head, one action after the other.
    pub fn outputs(&self) -> usize {
        self.actions * self.design.head.width()
    }

    /// Numbers that come out of the last convolution.
    pub fn features(&self) -> usize {
        self.convolutions.last().map_or(0, ConvShape::output_len)
    }

    /// Where the noise of each dense layer lies if they are noisy: hidden and output layer, branch by branch.
    pub fn noisy_layers(&self) -> Vec<NoisyLayer> {
        let mut layers = Vec::new();
        let mut begin = 0;
        for branch in self.branches.iter().filter(|_| self.design.noisy) {
            for (inputs, outputs) in [(self.features(), self.hidden), (self.hidden, branch.outputs)] {
                layers.push(NoisyLayer {
                    inputs: begin..begin + inputs,
                    outputs: begin + inputs..begin + inputs + outputs,
                });
                begin += inputs + outputs;
            }
        }
        layers
    }

    /// Numbers in a draw of noise for the whole network; 0 if it is not noisy.
    pub fn noise_len(&self) -> usize {
        self.noisy_layers().last().map_or(0, |layer| layer.outputs.end)
    }

    /// The parameters in the order of the flat vector: convolutions, then branch by branch; weight before bias, and in
    /// noisy layers the spreads of both behind them.
    pub fn layout(&self) -> Vec<ParameterSpec> {
        let mut layout: Vec<ParameterSpec> = Vec::new();
        let mut offset = 0;
        let mut layer = |name: &str, weight_shape: Vec<usize>, noisy: bool| {
            let bias_shape = vec![weight_shape[0]];
            let fan_in = weight_shape[1..].iter().product();
            let means = [("weight", &weight_shape), ("bias", &bias_shape)];
            let spreads = [("weight_sigma", &weight_shape), ("bias_sigma", &bias_shape)];
            for (part, shape) in means.into_iter().chain(spreads.into_iter().filter(|_| noisy)) {
                let shape = shape.clone();
                let spec = ParameterSpec { name: format!("{name}.{part}"), shape, offset, fan_in };
                offset += spec.len();
                layout.push(spec);
            }
        };
        for (i, conv) in self.convolutions.iter().enumerate() {
            let shape = vec![conv.out_channels, conv.in_channels, conv.kernel, conv.kernel];
            layer(&format!("conv{}", i + 1), shape, false);
        }
        let noisy = self.design.noisy;
        for branch in &self.branches {
            layer(branch.hidden_name, vec![self.hidden, self.features()], noisy);
            layer(branch.output_name, vec![branch.outputs, self.hidden], noisy);
        }
        layout
    }

    /// Numbers in the flat vector.
    pub fn parameter_count(&self) -> usize {
        self.layout().last().map_or(0, |last| last.range().end)
    }
}

/// All weights and biases of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// The network they belong to.
    pub architecture: Architecture,
    /// The numbers, laid out as [`Architecture::layout`] says.
    pub values: Vec<f32>,
}

/// Initial spread of noisy layers, times the root of a layer's inputs (Fortunato et al. 2018).
pub const NOISY_SIGMA: f32 = 0.5;

impl Parameters {
    /// PyTorch's initial values: uniform in +-1/sqrt(fan_in), weights and biases alike, drawn from `generator`; of noisy
    /// layers those are the means, and the spreads are [`NOISY_SIGMA`]/sqrt(fan_in).
    pub fn initial(architecture: Architecture, generator: &mut Generator) -> Self {
        let mut values = vec![0.0; architecture.parameter_count()];
        for spec in architecture.layout().iter().filter(|spec| !spec.is_sigma()) {
            let limit = 1.0 / (spec.fan_in as f32).sqrt();
            values[spec.range()].fill_with(|| generator.symmetric(limit));
        }
        let mut parameters = Self { architecture, values };
        parameters.set_noisy_sigma(NOISY_SIGMA);
        parameters
    }

    /// The spreads of noisy layers become `sigma`/sqrt(fan_in).
    pub fn set_noisy_sigma(&mut self, sigma: f32) {
        for spec in self.architecture.layout().iter().filter(|spec| spec.is_sigma()) {
            self.values[spec.range()].fill(sigma / (spec.fan_in as f32).sqrt());
        }
    }
}

/// The index of the largest of `values`; of equal ones the lowest.
pub fn argmax(values: &[f32]) -> usize {
    let mut best = 0;
    for (i, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = i;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::head::Support;
    use crate::random::Purpose;

    #[test]
    fn nature_has_the_papers_shapes_under_their_names() {
        let architecture = Architecture::new(NetworkKind::Nature.plain(), 4);
        let shapes: Vec<(String, Vec<usize>)> =
            architecture.layout().into_iter().map(|spec| (spec.name, spec.shape)).collect();
        let expected: Vec<(String, Vec<usize>)> = [
            ("conv1.weight", vec![32, 4, 8, 8]),
            ("conv1.bias", vec![32]),
            ("conv2.weight", vec![64, 32, 4, 4]),
            ("conv2.bias", vec![64]),
            ("conv3.weight", vec![64, 64, 3, 3]),
            ("conv3.bias", vec![64]),
            ("fc.weight", vec![512, 3136]),
            ("fc.bias", vec![512]),
            ("head.weight", vec![4, 512]),
            ("head.bias", vec![4]),
        ]
        .into_iter()
        .map(|(name, shape)| (name.to_string(), shape))
        .collect();
        assert_eq!(shapes, expected);
        assert_eq!(architecture.parameter_count(), 1_686_180);
    }

    #[test]
    fn dueling_puts_value_and_advantage_in_place_of_the_head() {
        let architecture = Architecture::new(Design { dueling: true, ..NetworkKind::Nips.plain() }, 6);
        let names: Vec<String> = architecture.layout().into_iter().skip(4).map(|spec| spec.name).collect();
        assert_eq!(
            names,
            [
                "value_fc.weight",
                "value_fc.bias",
                "value.weight",
                "value.bias",
                "advantage_fc.weight",
                "advantage_fc.bias",
                "advantage.weight",
                "advantage.bias"
            ]
        );
    }

    #[test]
    fn initial_values_fill_the_range_of_their_layer_and_follow_the_seed() {
        let architecture = Architecture::new(NetworkKind::Small.plain(), 4);
        let draw = |seed| Parameters::initial(architecture.clone(), &mut Generator::new(seed, Purpose::Weights));
        let parameters = draw(1);
        for spec in architecture.layout() {
            let limit = 1.0 / (spec.fan_in as f32).sqrt();
            let values = &parameters.values[spec.range()];
            let largest = values.iter().fold(0.0f32, |a, b| a.max(b.abs()));
            assert!(largest <= limit, "{}", spec.name);
            assert!(values.len() < 100 || largest > 0.95 * limit, "{}", spec.name);
        }
        assert_eq!(draw(1), parameters);
        assert_ne!(draw(2), parameters);
    }

    #[test]
    fn a_categorical_dueling_head_has_atoms_for_the_value_and_for_every_action() {
        let head = Head::Categorical(Support { atoms: 51, value_min: -10.0, value_max: 10.0 });
        let design = Design { dueling: true, head, ..NetworkKind::Cpu.plain() };
        let architecture = Architecture::new(design, 6);
        assert_eq!((architecture.features(), architecture.hidden, architecture.outputs()), (576, 256, 306));
        let shape = |name: &str| architecture.layout().into_iter().find(|spec| spec.name == name).unwrap().shape;
        assert_eq!(shape("conv2.weight"), [64, 32, 5, 5]);
        assert_eq!((shape("value.weight"), shape("advantage.weight")), (vec![51, 256], vec![306, 256]));
    }

    #[test]
    fn noisy_layers_have_spreads_and_factors_for_inputs_and_outputs() {
        let architecture = Architecture::new(Design { noisy: true, ..NetworkKind::Small.plain() }, 4);
        let layout = architecture.layout();
        let names: Vec<&str> = layout.iter().skip(4).map(|spec| spec.name.as_str()).collect();
        let parts = ["weight", "bias", "weight_sigma", "bias_sigma"];
        let expected: Vec<String> =
            ["fc", "head"].iter().flat_map(|layer| parts.map(|part| format!("{layer}.{part}"))).collect();
        assert_eq!(names, expected);
        assert_eq!((&layout[6].shape, &layout[7].shape), (&vec![128, 2592], &vec![128]));
        assert_eq!(architecture.noise_len(), 2592 + 128 + 128 + 4);
        assert_eq!(architecture.noisy_layers()[1], NoisyLayer { inputs: 2720..2848, outputs: 2848..2852 });
        assert_eq!(Architecture::new(NetworkKind::Small.plain(), 4).noise_len(), 0);

        let draw = |seed: u64| Parameters::initial(architecture.clone(), &mut Generator::new(seed, Purpose::Weights));
        let mut parameters = draw(1);
        let sigma = |parameters: &Parameters, i: usize| parameters.values[layout[i].range()].to_vec();
        assert_eq!(sigma(&parameters, 7), [0.5 / (2592f32).sqrt(); 128]);
        assert_eq!(sigma(&parameters, 11), [0.5 / (128f32).sqrt(); 4]);
        parameters.set_noisy_sigma(0.0);
        assert!(sigma(&parameters, 6).iter().all(|value| *value == 0.0));
    }

    #[test]
    fn of_equal_maxima_the_first_counts() {
        assert_eq!(argmax(&[1.0, 3.0, 3.0, 2.0]), 1);
        assert_eq!(argmax(&[-1.0]), 0);
    }
}
