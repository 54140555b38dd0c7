//! What the networks look like: layers, named parameters, initial values.
//!
//! The numbers themselves are one flat vector ([`Parameters`]), cut up by [`Architecture::layout`]; files name and shape
//! them as PyTorch would. How they are evaluated is the business of [`cpu_network`](crate::cpu_network) and
//! [`candle_network`](crate::candle_network).

use crate::conv::ConvShape;
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
}

impl NetworkKind {
    /// Its name in configurations and files.
    pub fn name(self) -> &'static str {
        match self {
            NetworkKind::Nature => "nature",
            NetworkKind::Nips => "nips",
            NetworkKind::Small => "small",
        }
    }

    /// (output channels, kernel, stride) of the convolutions.
    fn convolutions(self) -> &'static [(usize, usize, usize)] {
        match self {
            NetworkKind::Nature => &[(32, 8, 4), (64, 4, 2), (64, 3, 1)],
            NetworkKind::Nips | NetworkKind::Small => &[(16, 8, 4), (32, 4, 2)],
        }
    }

    fn hidden(self) -> usize {
        match self {
            NetworkKind::Nature => 512,
            NetworkKind::Nips => 256,
            NetworkKind::Small => 128,
        }
    }
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Architecture {
    /// Which network.
    pub kind: NetworkKind,
    /// Value and advantage in branches of their own: Q = V + A - mean A (Wang et al. 2016).
    pub dueling: bool,
    /// Actions: numbers in the output.
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

    /// Its place in the flat vector.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.len()
    }
}

impl Architecture {
    /// The network `kind` for `actions` actions.
    pub fn new(kind: NetworkKind, dueling: bool, actions: usize) -> Self {
        let mut convolutions: Vec<ConvShape> = Vec::new();
        for &(out_channels, kernel, stride) in kind.convolutions() {
            let (in_channels, in_side) =
                convolutions.last().map_or((STACK, SIDE), |last| (last.out_channels, last.out_side()));
            convolutions.push(ConvShape { in_channels, in_side, out_channels, kernel, stride });
        }
        let branches = if dueling {
            vec![
                Branch { hidden_name: "value_fc", output_name: "value", outputs: 1 },
                Branch { hidden_name: "advantage_fc", output_name: "advantage", outputs: actions },
            ]
        } else {
            vec![Branch { hidden_name: "fc", output_name: "head", outputs: actions }]
        };
        Self { kind, dueling, actions, convolutions, hidden: kind.hidden(), branches }
    }

    /// Numbers that come out of the last convolution.
    pub fn features(&self) -> usize {
        self.convolutions.last().map_or(0, ConvShape::output_len)
    }

    /// The parameters in the order of the flat vector: convolutions, then branch by branch; weight before bias.
    pub fn layout(&self) -> Vec<ParameterSpec> {
        let mut layout: Vec<ParameterSpec> = Vec::new();
        let mut offset = 0;
        let mut layer = |name: &str, weight_shape: Vec<usize>| {
            let outputs = weight_shape[0];
            let fan_in = weight_shape[1..].iter().product();
            for (part, shape) in [("weight", weight_shape), ("bias", vec![outputs])] {
                let spec = ParameterSpec { name: format!("{name}.{part}"), shape, offset, fan_in };
                offset += spec.len();
                layout.push(spec);
            }
        };
        for (i, conv) in self.convolutions.iter().enumerate() {
            layer(&format!("conv{}", i + 1), vec![conv.out_channels, conv.in_channels, conv.kernel, conv.kernel]);
        }
        for branch in &self.branches {
            layer(branch.hidden_name, vec![self.hidden, self.features()]);
            layer(branch.output_name, vec![branch.outputs, self.hidden]);
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

impl Parameters {
    /// PyTorch's initial values: uniform in +-1/sqrt(fan_in), weights and biases alike, drawn from `generator`.
    pub fn initial(architecture: Architecture, generator: &mut Generator) -> Self {
        let mut values = Vec::with_capacity(architecture.parameter_count());
        for spec in architecture.layout() {
            let limit = 1.0 / (spec.fan_in as f32).sqrt();
            values.extend((0..spec.len()).map(|_| generator.symmetric(limit)));
        }
        Self { architecture, values }
    }
}

/// The index of the largest of `values`; of equal ones the lowest.
pub fn first_maximum(values: &[f32]) -> usize {
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
    use crate::random::Purpose;

    #[test]
    fn nature_has_the_papers_shapes_under_their_names() {
        let architecture = Architecture::new(NetworkKind::Nature, false, 4);
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
        let architecture = Architecture::new(NetworkKind::Nips, true, 6);
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
        let architecture = Architecture::new(NetworkKind::Small, false, 4);
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
    fn of_equal_maxima_the_first_counts() {
        assert_eq!(first_maximum(&[1.0, 3.0, 3.0, 2.0]), 1);
        assert_eq!(first_maximum(&[-1.0]), 0);
    }
}
