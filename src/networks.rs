//! Shapes of networks: layers, named parameters, initial values.
//!
//! A network's numbers are one flat vector ([`Parameters`]), divided by [`Architecture::layout`] into arrays with PyTorch's
//! names and shapes. [`cpu`] and [`candle`] evaluate them. A network's input is a [`Space`]: convolutions take
//! pixels, a network without convolutions takes any space.

pub mod candle;
pub mod cpu;
pub mod device;
pub mod evaluator;
pub mod finite;
pub mod head;
pub mod learner;
pub mod loss;
pub mod noise;
pub mod optimizer;
#[cfg(test)]
mod plain;

pub use crate::config::{Activation, DuelingForm, InitialValues, NetworkKind, NormKind, Widths};

use crate::config;
use crate::networks::cpu::convolution::ConvShape;
use crate::networks::head::{Head, Support};
use crate::networks::noise::NoisyLayer;
use crate::observations::{Seen, Space};
use crate::random::Generator;
use anyhow::{ensure, Result};

impl NetworkKind {
    /// Its name in configurations and files.
    pub fn name(self) -> &'static str {
        match self {
            NetworkKind::Nature => "nature",
            NetworkKind::Nips => "nips",
            NetworkKind::Small => "small",
            NetworkKind::Cpu => "cpu",
            NetworkKind::Mlp => "mlp",
        }
    }

    /// (output channels, kernel, stride) of the convolutions.
    fn convolutions(self) -> &'static [(usize, usize, usize)] {
        match self {
            NetworkKind::Nature => &[(32, 8, 4), (64, 4, 2), (64, 3, 1)],
            NetworkKind::Nips | NetworkKind::Small => &[(16, 8, 4), (32, 4, 2)],
            NetworkKind::Cpu => &[(32, 5, 5), (64, 5, 5)],
            NetworkKind::Mlp => &[],
        }
    }

    /// Widths of the dense hidden layers.
    fn hidden(self) -> &'static [usize] {
        match self {
            NetworkKind::Nature => &[512],
            NetworkKind::Nips | NetworkKind::Cpu => &[256],
            NetworkKind::Small => &[128],
            NetworkKind::Mlp => &[128, 128],
        }
    }

    /// This network with one branch of ordinary layers, ReLU, and a Q-value for each action.
    pub const fn plain(self) -> Design {
        Design {
            kind: self,
            layers: Widths::NONE,
            activation: Activation::Relu,
            norm: NormKind::None,
            dueling: false,
            dueling_form: DuelingForm::Mean,
            dueling_hidden: true,
            noisy: false,
            head: Head::Expected,
        }
    }
}

/// Everything about a network that does not depend on the environment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Design {
    /// Layers and their sizes.
    pub kind: NetworkKind,
    /// Widths of the hidden layers of `mlp`; empty: its own.
    pub layers: Widths,
    /// The activation after each hidden layer.
    pub activation: Activation,
    /// The norm between each linear map and its ReLU; none on the input and the output.
    pub norm: NormKind,
    /// Separate branches for value and advantage (Wang et al. 2016).
    pub dueling: bool,
    /// How Q-values follow from value and advantages, atom by atom. [`DuelingForm::Mean`] if not dueling.
    pub dueling_form: DuelingForm,
    /// Each branch has a hidden layer of its own; without it, it is a linear layer on the last shared one. True if not dueling.
    pub dueling_hidden: bool,
    /// The dense layers are noisy (Fortunato et al. 2018).
    pub noisy: bool,
    /// The meaning of the outputs for an action: a Q-value, a distribution or the logit of its probability.
    pub head: Head,
}

impl Design {
    /// The design that the section `[network]` describes.
    pub fn of(network: &config::NetworkKeys) -> Self {
        let head = if network.categorical {
            let (value_min, value_max) = (network.value_min as f32, network.value_max as f32);
            Head::Categorical(Support { atoms: network.atoms, value_min, value_max })
        } else {
            Head::Expected
        };
        let config::NetworkKeys { network: kind, layers, activation, norm, dueling, noisy, .. } = *network;
        let dueling_form = if dueling { network.dueling_form } else { DuelingForm::Mean };
        let dueling_hidden = network.dueling_hidden || !dueling;
        Self { kind, layers, activation, norm, dueling, dueling_form, dueling_hidden, noisy, head }
    }

    /// The design of the policy network that the section `[network]` describes.
    pub fn of_policy(network: &config::NetworkKeys) -> Self {
        Self { head: Head::Policy, ..Self::of(network) }
    }

    /// Widths of the dense hidden layers.
    fn hidden(&self) -> Vec<usize> {
        match self.layers.is_empty() {
            true => self.kind.hidden().to_vec(),
            false => self.layers.iter().collect(),
        }
    }
}

/// Added to the variance under the root of a norm, as in Gallici et al. 2025 (Flax's usual value).
pub const NORM_EPSILON: f32 = 1e-6;

/// A dense hidden layer: a linear map and the activation after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HiddenShape {
    /// Its parameters are `NAME.weight`, `NAME.bias`.
    pub name: String,
    /// Numbers out.
    pub width: usize,
}

/// A linear layer, and the hidden layer below it that belongs to it alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// The hidden layer; without one, the linear layer is on the last shared layer.
    pub hidden: Option<HiddenShape>,
    /// Name of the linear layer.
    pub output_name: &'static str,
    /// Outputs of the linear layer.
    pub outputs: usize,
}

/// A network's shape: convolutions, shared dense layers, then one or two branches.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    /// Everything that does not depend on the environment.
    pub design: Design,
    /// The observations it sees.
    pub space: Space,
    /// Actions: each has [`Head::width`] numbers in the output.
    pub actions: usize,
    /// Convolutions, each followed by the activation.
    pub convolutions: Vec<ConvShape>,
    /// The dense layers between convolutions and branches. There is one if the branches have no hidden layers.
    pub shared: Vec<HiddenShape>,
    /// One branch, or value and advantage.
    pub branches: Vec<Branch>,
}

/// A dense layer of an [`Architecture`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DenseShape {
    /// Its parameters are `NAME.weight`, `NAME.bias`.
    pub name: String,
    /// Numbers in.
    pub inputs: usize,
    /// Numbers out.
    pub outputs: usize,
}

/// The role of an array of parameters in its layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Weights of the linear map; in a noisy layer their means.
    Weight,
    /// Biases of the linear map; in a noisy layer their means.
    Bias,
    /// Deviations of noisy weights.
    WeightSigma,
    /// Deviations of noisy biases.
    BiasSigma,
    /// Factors after a norm.
    Gain,
    /// Added after a norm's gain.
    Shift,
}

/// The arrays of one layer, as indices in [`Architecture::layout`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerArrays {
    /// Weights.
    pub weight: usize,
    /// Biases.
    pub bias: usize,
    /// Deviations of weights and biases, in a noisy layer.
    pub sigmas: Option<[usize; 2]>,
    /// Gain and shift of the layer's norm, if it has one.
    pub norm: Option<[usize; 2]>,
}

/// One named array of parameters within the flat vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterSpec {
    /// Name in files.
    pub name: String,
    /// Its role.
    pub part: Part,
    /// Whether its layer is a last one, without an activation.
    pub last: bool,
    /// PyTorch's shape: (output, input, row, column), (output, input) or (output).
    pub shape: Vec<usize>,
    /// Index of its first number in the flat vector.
    pub offset: usize,
    /// Inputs of the layer it belongs to.
    pub fan_in: usize,
}

impl ParameterSpec {
    /// Numbers in it.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it is empty; it never is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it holds deviations of noisy weights, not means.
    pub fn is_sigma(&self) -> bool {
        matches!(self.part, Part::WeightSigma | Part::BiasSigma)
    }

    /// Its place in the flat vector.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.len()
    }
}

impl Architecture {
    /// The network of this `design` for observations of `space` and `actions` actions.
    ///
    /// # Errors
    /// When the design has convolutions and the space is not pixels, or too few of them; the error names both. When a norm is
    /// combined with noisy layers, branches, a categorical head or elu, which is untested; when a policy network has branches or
    /// noisy layers; when `layers` are not for `mlp`.
    pub fn new(design: Design, space: Space, actions: usize) -> Result<Self> {
        let name = design.kind.name();
        ensure!(
            space.size() > 0 && actions > 0,
            "a network needs observations and actions: {space}, {actions} actions"
        );
        let Design { norm, dueling, noisy, head, .. } = design;
        ensure!(
            norm == NormKind::None || !(noisy || dueling || matches!(head, Head::Categorical(_))),
            "the norm `channels` is untested with noisy, dueling or categorical networks"
        );
        ensure!(
            norm == NormKind::None || design.activation == Activation::Relu,
            "the norm `channels` is untested with the activation elu"
        );
        ensure!(head != Head::Policy || !(noisy || dueling), "a policy network has neither dueling nor noisy layers");
        ensure!(
            design.layers.is_empty() || design.kind.convolutions().is_empty(),
            "the network `{name}` has layers of its own; `layers` are for the network `mlp`"
        );
        let mut convolutions: Vec<ConvShape> = Vec::new();
        for &(out_channels, kernel, stride) in design.kind.convolutions() {
            let (in_channels, in_side) = match (convolutions.last(), space) {
                (Some(last), _) => (last.out_channels, last.out_side()),
                (None, Space::Pixels { stack, side }) => (stack, side),
                (None, space) => anyhow::bail!(
                    "the network `{name}` has convolutions and sees pixels, but the observations are {space}; \
                     use the network `mlp`"
                ),
            };
            ensure!(
                in_side >= kernel,
                "the network `{name}` does not fit observations of {space}: its convolution {} has a kernel of \
                 {kernel} x {kernel} and is left {in_side} x {in_side} pixels",
                convolutions.len() + 1
            );
            convolutions.push(ConvShape { in_channels, in_side, out_channels, kernel, stride });
        }
        let (shared, branches) = dense_layers(design, actions);
        Ok(Self { design, space, actions, convolutions, shared, branches })
    }

    /// Numbers in the output: one action after the other, [`Head::width`] each.
    pub fn outputs(&self) -> usize {
        self.actions * self.design.head.width()
    }

    /// Inputs of the first dense layer: the last convolution's output, or an observation; of a state, one number for each state
    /// there is.
    pub fn features(&self) -> usize {
        let seen = match self.space {
            Space::States(count) => count,
            space => space.size(),
        };
        self.convolutions.last().map_or(seen, ConvShape::output_len)
    }

    /// The dense layers in the order of their parameters: shared ones, then hidden and output layer branch by branch.
    pub fn dense(&self) -> Vec<DenseShape> {
        let mut layers = Vec::new();
        let mut features = self.features();
        for HiddenShape { name, width } in &self.shared {
            layers.push(DenseShape { name: name.clone(), inputs: features, outputs: *width });
            features = *width;
        }
        for Branch { hidden, output_name, outputs } in &self.branches {
            let mut inputs = features;
            if let Some(HiddenShape { name, width }) = hidden {
                layers.push(DenseShape { name: name.clone(), inputs, outputs: *width });
                inputs = *width;
            }
            layers.push(DenseShape { name: output_name.to_string(), inputs, outputs: *outputs });
        }
        layers
    }

    /// The number of observations in `seen`.
    ///
    /// # Errors
    /// When they are not whole observations of this network's space, or there are none.
    pub fn count(&self, seen: Seen<'_>) -> Result<usize> {
        let fits = match (self.space, seen) {
            (Space::Pixels { .. }, Seen::Pixels(_)) | (Space::Numbers(_), Seen::Numbers(_)) => true,
            (Space::States(count), Seen::States(states)) => states.iter().all(|state| (*state as usize) < count),
            _ => false,
        };
        let (size, values) = (self.space.size(), seen.values());
        ensure!(
            fits && values > 0 && values.is_multiple_of(size),
            "{values} {} are not observations for a network that sees {}",
            seen.kind(),
            self.space
        );
        Ok(values / size)
    }

    /// The places of each dense layer's noise, in the order of [`dense`](Self::dense); empty if the network is not
    /// noisy.
    pub fn noisy_layers(&self) -> Vec<NoisyLayer> {
        let mut layers = Vec::new();
        let mut begin = 0;
        for DenseShape { inputs, outputs, .. } in self.dense().into_iter().filter(|_| self.design.noisy) {
            layers
                .push(NoisyLayer { inputs: begin..begin + inputs, outputs: begin + inputs..begin + inputs + outputs });
            begin += inputs + outputs;
        }
        layers
    }

    /// Numbers in a draw of noise for the whole network; 0 if it is not noisy.
    pub fn noise_len(&self) -> usize {
        self.noisy_layers().last().map_or(0, |layer| layer.outputs.end)
    }

    /// The parameters in the order of the flat vector: convolutions, then dense layers. In a layer the weight comes before the
    /// bias; in noisy layers both are followed by their deviations, in normed ones by the norm's gain and shift.
    pub fn layout(&self) -> Vec<ParameterSpec> {
        let mut layout: Vec<ParameterSpec> = Vec::new();
        let mut offset = 0;
        let mut layer = |name: &str, weight_shape: Vec<usize>, noisy: bool, last: bool| {
            let outputs = vec![weight_shape[0]];
            let fan_in = weight_shape[1..].iter().product();
            let means = [("weight", Part::Weight, &weight_shape), ("bias", Part::Bias, &outputs)];
            let deviations =
                [("weight_sigma", Part::WeightSigma, &weight_shape), ("bias_sigma", Part::BiasSigma, &outputs)];
            let linear = means.into_iter().chain(deviations.into_iter().filter(|_| noisy));
            let linear = linear.map(|(part_name, part, shape)| (format!("{name}.{part_name}"), part, shape));
            let normed = self.design.norm == NormKind::Channels && !last;
            let norm = [("weight", Part::Gain), ("bias", Part::Shift)].into_iter().filter(|_| normed);
            let norm = norm.map(|(part_name, part)| (format!("{name}_norm.{part_name}"), part, &outputs));
            for (name, part, shape) in linear.chain(norm) {
                let spec = ParameterSpec { name, part, last, shape: shape.clone(), offset, fan_in };
                offset += spec.len();
                layout.push(spec);
            }
        };
        for (i, conv) in self.convolutions.iter().enumerate() {
            let shape = vec![conv.out_channels, conv.in_channels, conv.kernel, conv.kernel];
            layer(&format!("conv{}", i + 1), shape, false, false);
        }
        for DenseShape { name, inputs, outputs } in self.dense() {
            let last = self.branches.iter().any(|branch| branch.output_name == name);
            layer(&name, vec![outputs, inputs], self.design.noisy, last);
        }
        layout
    }

    /// The arrays of each layer: convolutions, then [`dense`](Self::dense) layers.
    pub fn layers(&self) -> Vec<LayerArrays> {
        let mut layers: Vec<LayerArrays> = Vec::new();
        for (i, spec) in self.layout().iter().enumerate() {
            match (spec.part, layers.last_mut()) {
                (Part::Weight, _) => layers.push(LayerArrays { weight: i, bias: i + 1, sigmas: None, norm: None }),
                (Part::WeightSigma, Some(layer)) => layer.sigmas = Some([i, i + 1]),
                (Part::Gain, Some(layer)) => layer.norm = Some([i, i + 1]),
                // The second of a pair.
                _ => {}
            }
        }
        layers
    }

    /// Numbers in the flat vector.
    pub fn parameter_count(&self) -> usize {
        self.layout().last().map_or(0, |last| last.range().end)
    }
}

/// The dense layers of a network of this design: the shared ones, and the branches. The last hidden layer belongs to the branches,
/// each of which has one like it, or is shared if they have none; its name is `fc` or ends with it.
fn dense_layers(design: Design, actions: usize) -> (Vec<HiddenShape>, Vec<Branch>) {
    let mut widths = design.hidden();
    let last = widths.pop();
    let mut shared: Vec<HiddenShape> = Vec::new();
    for (i, width) in widths.into_iter().enumerate() {
        shared.push(HiddenShape { name: format!("dense{}", i + 1), width });
    }
    let hidden = |name: &str| last.map(|width| HiddenShape { name: name.to_string(), width });
    let width = design.head.width();
    let branch = |name: &str, output_name: &'static str, outputs: usize| {
        let hidden = if design.dueling_hidden { hidden(name) } else { None };
        Branch { hidden, output_name, outputs }
    };
    if !design.dueling {
        return (shared, vec![branch("fc", "head", actions * width)]);
    }
    if !design.dueling_hidden {
        shared.extend(hidden("fc"));
    }
    let branches = [branch("value_fc", "value", width), branch("advantage_fc", "advantage", actions * width)];
    (shared, branches.to_vec())
}

/// All weights and biases of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// The network they belong to.
    pub architecture: Architecture,
    /// The numbers, in the order of [`Architecture::layout`].
    pub values: Vec<f32>,
}

/// For each of the states a 1 in its place, and 0 in the places of the others; `features` is `[states, number of states]`.
fn one_hot(states: &[u32], features: &mut [f32]) {
    features.fill(0.0);
    let width = features.len() / states.len().max(1);
    for (features, state) in features.chunks_exact_mut(width.max(1)).zip(states) {
        features[*state as usize] = 1.0;
    }
}

/// Initial deviation of noisy weights, times the root of their layer's inputs (Fortunato et al. 2018).
pub const NOISY_SIGMA: f32 = 0.5;

impl Parameters {
    /// PyTorch's initial values, as [`drawn`](Self::drawn) draws them.
    pub fn initial(architecture: Architecture, generator: &mut Generator) -> Self {
        Self::drawn(InitialValues::Pytorch, architecture, generator)
    }

    /// Initial values from these distributions, drawn from `generator` in the order of the flat vector. In noisy layers these
    /// are the means, and the deviations are [`NOISY_SIGMA`]/sqrt(fan_in). Gains are 1 and shifts 0.
    pub fn drawn(kind: InitialValues, architecture: Architecture, generator: &mut Generator) -> Self {
        let mut values = vec![0.0; architecture.parameter_count()];
        for spec in architecture.layout() {
            let values = &mut values[spec.range()];
            let fan_in = spec.fan_in as f64;
            match (spec.part, kind) {
                (Part::Gain, _) => values.fill(1.0),
                (Part::Weight | Part::Bias, InitialValues::Pytorch) => {
                    let limit = 1.0 / (spec.fan_in as f32).sqrt();
                    values.fill_with(|| generator.symmetric(limit));
                }
                (Part::Weight, InitialValues::Glorot) => {
                    let fan_out = spec.shape[0] * spec.shape[2..].iter().product::<usize>();
                    let limit = (6.0 / (spec.fan_in + fan_out) as f64).sqrt() as f32;
                    values.fill_with(|| generator.symmetric(limit));
                }
                (Part::Weight, InitialValues::He | InitialValues::Lecun) => {
                    let variance = if kind == InitialValues::He && !spec.last { 2.0 } else { 1.0 };
                    let deviation = (variance / fan_in).sqrt();
                    values.fill_with(|| (deviation * generator.cut_normal()) as f32);
                }
                (Part::Bias | Part::Shift | Part::WeightSigma | Part::BiasSigma, _) => {}
            }
        }
        let mut parameters = Self { architecture, values };
        parameters.set_noisy_sigma(NOISY_SIGMA);
        parameters
    }

    /// Sets the deviations of noisy weights to `sigma`/sqrt(fan_in).
    pub fn set_noisy_sigma(&mut self, sigma: f32) {
        for spec in self.architecture.layout().iter().filter(|spec| spec.is_sigma()) {
            self.values[spec.range()].fill(sigma / (spec.fan_in as f32).sqrt());
        }
    }
}

/// The index of the largest of `values`; the lowest index if several are equal. NaN counts as the largest, as in PyTorch, so a
/// caller that looks at the value of this index sees every NaN.
pub fn argmax(values: &[f32]) -> usize {
    let mut best = 0;
    for (i, value) in values.iter().enumerate() {
        if value.is_nan() {
            return i;
        }
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

    const SPACE: Space = Space::Pixels { stack: 4, side: 84 };

    fn of_pictures(design: Design, actions: usize) -> Architecture {
        Architecture::new(design, SPACE, actions).unwrap()
    }

    #[test]
    fn nature_has_the_papers_shapes_under_their_names() {
        let architecture = of_pictures(NetworkKind::Nature.plain(), 4);
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
        let architecture = of_pictures(Design { dueling: true, ..NetworkKind::Nips.plain() }, 6);
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
        let architecture = of_pictures(NetworkKind::Small.plain(), 4);
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
    fn a_norm_has_a_gain_and_a_shift_for_each_channel_or_unit_after_its_layers_bias() {
        let normed = |kind: NetworkKind| Design { norm: NormKind::Channels, ..kind.plain() };
        let names = |architecture: &Architecture| -> Vec<(String, usize)> {
            let layout = architecture.layout().into_iter();
            layout.filter(|spec| spec.shape.len() == 1).map(|spec| (spec.name, spec.shape[0])).collect()
        };
        let expected = |list: &[(&str, usize)]| -> Vec<(String, usize)> {
            list.iter().map(|(name, len)| (name.to_string(), *len)).collect()
        };
        let nature = of_pictures(normed(NetworkKind::Nature), 4);
        assert_eq!(
            names(&nature),
            expected(&[
                ("conv1.bias", 32),
                ("conv1_norm.weight", 32),
                ("conv1_norm.bias", 32),
                ("conv2.bias", 64),
                ("conv2_norm.weight", 64),
                ("conv2_norm.bias", 64),
                ("conv3.bias", 64),
                ("conv3_norm.weight", 64),
                ("conv3_norm.bias", 64),
                ("fc.bias", 512),
                ("fc_norm.weight", 512),
                ("fc_norm.bias", 512),
                ("head.bias", 4),
            ])
        );
        assert_eq!(nature.parameter_count(), 1_686_180 + 2 * (32 + 64 + 64 + 512));
        let mlp = Architecture::new(normed(NetworkKind::Mlp), Space::Numbers(8), 3).unwrap();
        assert_eq!(
            names(&mlp),
            expected(&[
                ("dense1.bias", 128),
                ("dense1_norm.weight", 128),
                ("dense1_norm.bias", 128),
                ("fc.bias", 128),
                ("fc_norm.weight", 128),
                ("fc_norm.bias", 128),
                ("head.bias", 3),
            ])
        );
        let last = mlp.layers().pop().unwrap();
        assert_eq!(last, LayerArrays { weight: 8, bias: 9, sigmas: None, norm: None });
        assert_eq!(mlp.layers()[0], LayerArrays { weight: 0, bias: 1, sigmas: None, norm: Some([2, 3]) });
        let noisy = Design { noisy: true, ..normed(NetworkKind::Small) };
        assert!(Architecture::new(noisy, SPACE, 4).unwrap_err().to_string().contains("untested"));
    }

    #[test]
    fn normal_initial_values_have_the_deviations_of_their_kind() {
        let design = Design { norm: NormKind::Channels, ..NetworkKind::Small.plain() };
        let architecture = of_pictures(design, 6);
        for (kind, hidden) in [(InitialValues::He, 2.0f64), (InitialValues::Lecun, 1.0)] {
            let draw = |seed| {
                Parameters::drawn(kind, architecture.clone(), &mut Generator::new(seed, Purpose::Weights)).values
            };
            let values = draw(1);
            assert!(values == draw(1) && values != draw(2));
            for spec in architecture.layout() {
                let values = &values[spec.range()];
                match spec.part {
                    Part::Gain => assert!(values.iter().all(|value| *value == 1.0), "{}", spec.name),
                    Part::Weight => {
                        let variance = if spec.last { 1.0 } else { hidden };
                        let expected = (variance / spec.fan_in as f64).sqrt();
                        let sum: f64 = values.iter().map(|value| f64::from(*value).powi(2)).sum();
                        let deviation = (sum / values.len() as f64).sqrt();
                        let tolerance = if values.len() > 100_000 { 0.02 } else { 0.1 };
                        assert!((deviation / expected - 1.0).abs() < tolerance, "{}: {deviation}", spec.name);
                        let largest = values.iter().fold(0.0f32, |a, b| a.max(b.abs()));
                        assert!(f64::from(largest) < 2.000_001 * expected / 0.879_625_66, "{}", spec.name);
                    }
                    _ => assert!(values.iter().all(|value| *value == 0.0), "{}", spec.name),
                }
            }
        }
        // PyTorch's leave a norm as it is too.
        let pytorch = Parameters::initial(architecture.clone(), &mut Generator::new(1, Purpose::Weights));
        let gain = architecture.layout().into_iter().find(|spec| spec.part == Part::Gain).unwrap();
        assert!(pytorch.values[gain.range()].iter().all(|value| *value == 1.0));
    }

    #[test]
    fn a_categorical_dueling_head_has_atoms_for_the_value_and_for_every_action() {
        let head = Head::Categorical(Support { atoms: 51, value_min: -10.0, value_max: 10.0 });
        let design = Design { dueling: true, head, ..NetworkKind::Cpu.plain() };
        let architecture = of_pictures(design, 6);
        assert_eq!((architecture.features(), architecture.outputs()), (576, 306));
        let shape = |name: &str| architecture.layout().into_iter().find(|spec| spec.name == name).unwrap().shape;
        assert_eq!(shape("conv2.weight"), [64, 32, 5, 5]);
        assert_eq!((shape("value.weight"), shape("advantage.weight")), (vec![51, 256], vec![306, 256]));
    }

    #[test]
    fn noisy_layers_have_deviations_and_noise_for_inputs_and_outputs() {
        let architecture = of_pictures(Design { noisy: true, ..NetworkKind::Small.plain() }, 4);
        let layout = architecture.layout();
        let names: Vec<&str> = layout.iter().skip(4).map(|spec| spec.name.as_str()).collect();
        let parts = ["weight", "bias", "weight_sigma", "bias_sigma"];
        let expected: Vec<String> =
            ["fc", "head"].iter().flat_map(|layer| parts.map(|part| format!("{layer}.{part}"))).collect();
        assert_eq!(names, expected);
        assert_eq!((&layout[6].shape, &layout[7].shape), (&vec![128, 2592], &vec![128]));
        assert_eq!(architecture.noise_len(), 2592 + 128 + 128 + 4);
        assert_eq!(architecture.noisy_layers()[1], NoisyLayer { inputs: 2720..2848, outputs: 2848..2852 });
        assert_eq!(of_pictures(NetworkKind::Small.plain(), 4).noise_len(), 0);

        let draw = |seed: u64| Parameters::initial(architecture.clone(), &mut Generator::new(seed, Purpose::Weights));
        let mut parameters = draw(1);
        let sigma = |parameters: &Parameters, i: usize| parameters.values[layout[i].range()].to_vec();
        assert_eq!(sigma(&parameters, 7), [0.5 / (2592f32).sqrt(); 128]);
        assert_eq!(sigma(&parameters, 11), [0.5 / (128f32).sqrt(); 4]);
        parameters.set_noisy_sigma(0.0);
        assert!(sigma(&parameters, 6).iter().all(|value| *value == 0.0));
    }

    #[test]
    fn argmax_is_the_first_of_equal_maxima() {
        assert_eq!(argmax(&[1.0, 3.0, 3.0, 2.0]), 1);
        assert_eq!(argmax(&[-1.0]), 0);
        assert_eq!(argmax(&[1.0, f32::NAN, f32::INFINITY, f32::NAN]), 1, "NaN counts as the largest");
    }

    #[test]
    fn a_network_without_convolutions_has_dense_layers_that_its_branches_share() {
        let design = Design { dueling: true, noisy: true, ..NetworkKind::Mlp.plain() };
        let architecture = Architecture::new(design, Space::Numbers(8), 3).unwrap();
        let layers: Vec<(String, usize, usize)> =
            architecture.dense().into_iter().map(|layer| (layer.name, layer.inputs, layer.outputs)).collect();
        let expected = [
            ("dense1", 8, 128),
            ("value_fc", 128, 128),
            ("value", 128, 1),
            ("advantage_fc", 128, 128),
            ("advantage", 128, 3),
        ];
        assert_eq!(layers, expected.map(|(name, inputs, outputs)| (name.to_string(), inputs, outputs)));
        assert_eq!(architecture.layout()[0].shape, [128, 8]);
        assert_eq!(architecture.noise_len(), 8 + 128 + 2 * (128 + 128) + (128 + 1) + (128 + 3));
        let pixels = Architecture::new(NetworkKind::Mlp.plain(), Space::Pixels { stack: 1, side: 10 }, 3).unwrap();
        assert_eq!(pixels.features(), 100);
    }

    fn layers_of(design: Design) -> Vec<(String, usize, usize)> {
        let architecture = Architecture::new(design, Space::Numbers(8), 4).unwrap();
        architecture.dense().into_iter().map(|layer| (layer.name, layer.inputs, layer.outputs)).collect()
    }

    #[test]
    fn layers_are_the_hidden_layers_of_an_mlp_and_the_last_is_fc() {
        let of = |widths: &[u32]| Design { layers: Widths::new(widths).unwrap(), ..NetworkKind::Mlp.plain() };
        let named = |list: &[(&str, usize, usize)]| -> Vec<(String, usize, usize)> {
            list.iter().map(|(name, inputs, outputs)| (name.to_string(), *inputs, *outputs)).collect()
        };
        assert_eq!(layers_of(of(&[5])), named(&[("fc", 8, 5), ("head", 5, 4)]));
        let three = [("dense1", 8, 64), ("dense2", 64, 32), ("fc", 32, 16), ("head", 16, 4)];
        assert_eq!(layers_of(of(&[64, 32, 16])), named(&three));
        assert_eq!(layers_of(of(&[])), named(&[("dense1", 8, 128), ("fc", 128, 128), ("head", 128, 4)]));
        // C7's: branches without hidden layers of their own.
        let dueling = Design { dueling: true, dueling_hidden: false, ..of(&[32, 16]) };
        let straight = [("dense1", 8, 32), ("fc", 32, 16), ("value", 16, 1), ("advantage", 16, 4)];
        assert_eq!(layers_of(dueling), named(&straight));
        let dueling = Design { dueling_hidden: true, ..dueling };
        assert_eq!(layers_of(dueling).len(), 5);
        let refused = Architecture::new(Design { layers: of(&[5]).layers, ..NetworkKind::Small.plain() }, SPACE, 4);
        let message = refused.unwrap_err().to_string();
        assert_eq!(message, "the network `small` has layers of its own; `layers` are for the network `mlp`");
    }

    #[test]
    fn a_policy_network_has_one_logit_an_action_and_no_branches() {
        let policy = Design { head: Head::Policy, ..NetworkKind::Mlp.plain() };
        assert_eq!(Architecture::new(policy, Space::States(9), 4).unwrap().outputs(), 4);
        for design in [Design { dueling: true, ..policy }, Design { noisy: true, ..policy }] {
            let message = Architecture::new(design, Space::States(9), 4).unwrap_err().to_string();
            assert_eq!(message, "a policy network has neither dueling nor noisy layers");
        }
        let normed = Design { norm: NormKind::Channels, ..policy };
        assert!(Architecture::new(normed, Space::Numbers(4), 2).is_ok());
        let elu = Design { activation: Activation::Elu, ..normed };
        assert!(Architecture::new(elu, Space::Numbers(4), 2).unwrap_err().to_string().contains("untested"));
    }

    #[test]
    fn glorots_initial_values_are_uniform_between_the_roots_of_6_over_inputs_and_outputs() {
        let design = Design { layers: Widths::new(&[64, 32]).unwrap(), ..NetworkKind::Mlp.plain() };
        let architecture = Architecture::new(design, Space::Numbers(8), 4).unwrap();
        let draw = |seed| {
            let mut generator = Generator::new(seed, Purpose::Weights);
            Parameters::drawn(InitialValues::Glorot, architecture.clone(), &mut generator).values
        };
        let values = draw(1);
        assert!(values == draw(1) && values != draw(2));
        let limits = [(72.0f32, 0.288_675), (96.0, 0.25), (36.0, 0.408_248)];
        let mut limits = limits.into_iter();
        for spec in architecture.layout() {
            let values = &values[spec.range()];
            if spec.part == Part::Bias {
                assert!(values.iter().all(|value| *value == 0.0), "{}", spec.name);
                continue;
            }
            let (sum, limit) = limits.next().unwrap();
            assert!((limit - (6.0 / sum).sqrt()).abs() < 1e-6);
            let largest = values.iter().fold(0.0f32, |a, b| a.max(b.abs()));
            let mean = values.iter().sum::<f32>() / values.len() as f32;
            assert!(largest <= limit + 1e-6 && largest > 0.95 * limit, "{}: {largest}, limit {limit}", spec.name);
            assert!(mean.abs() < 0.2 * limit, "{}: {mean}", spec.name);
        }
        // Of a convolution, inputs and outputs both count the positions of the kernel.
        let pictures = of_pictures(NetworkKind::Small.plain(), 4);
        let drawn = Parameters::drawn(InitialValues::Glorot, pictures, &mut Generator::new(1, Purpose::Weights));
        let first = &drawn.values[drawn.architecture.layout()[0].range()];
        let limit = (6.0f32 / (64.0 * (4.0 + 16.0))).sqrt();
        let largest = first.iter().fold(0.0f32, |a, b| a.max(b.abs()));
        assert!(largest <= limit && largest > 0.99 * limit, "{largest}, limit {limit}");
    }

    #[test]
    fn different_pictures_give_different_features() {
        let features = |stack, side| {
            let architecture =
                Architecture::new(NetworkKind::Nature.plain(), Space::Pixels { stack, side }, 2).unwrap();
            (architecture.layout()[0].shape[1], architecture.features())
        };
        assert_eq!(features(1, 84), (1, 3136));
        assert_eq!(features(3, 44), (3, 4 * 64));
    }

    #[test]
    fn a_network_that_cannot_see_the_observations_is_an_error_that_names_both() {
        let message = |kind: NetworkKind, space| Architecture::new(kind.plain(), space, 2).unwrap_err().to_string();
        assert_eq!(
            message(NetworkKind::Small, Space::Numbers(4)),
            "the network `small` has convolutions and sees pixels, but the observations are 4 numbers; \
             use the network `mlp`"
        );
        assert_eq!(
            message(NetworkKind::Nature, Space::Pixels { stack: 4, side: 20 }),
            "the network `nature` does not fit observations of 4 pictures of 20 x 20 pixels: its convolution 3 has a \
             kernel of 3 x 3 and is left 1 x 1 pixels"
        );
        assert!(message(NetworkKind::Mlp, Space::Numbers(0)).contains("0 numbers"));
    }

    #[test]
    fn observations_of_another_space_are_an_error() {
        let pixels = of_pictures(NetworkKind::Small.plain(), 2);
        assert_eq!(pixels.count(Seen::Pixels(&[0; 2 * 4 * 84 * 84])).unwrap(), 2);
        let message = pixels.count(Seen::Numbers(&[0.0; 4 * 84 * 84])).unwrap_err().to_string();
        assert_eq!(message, "28224 numbers are not observations for a network that sees 4 pictures of 84 x 84 pixels");
        assert!(pixels.count(Seen::Pixels(&[0; 100])).is_err());
        assert!(pixels.count(Seen::Pixels(&[])).is_err());
    }
}
