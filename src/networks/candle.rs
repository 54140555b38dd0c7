//! The network in candle, for GPUs (and, in tests, as the reference for the CPU's own).

use crate::networks::{one_hot, Activation, Architecture, DuelingForm, LayerArrays, Parameters, NORM_EPSILON};
use crate::observations::{Seen, Space};
use candle_core::{DType, Device, Result, Tensor, Var};

/// A network's parameters as candle variables on one device.
#[derive(Debug)]
pub struct CandleNetwork {
    architecture: Architecture,
    device: Device,
    /// In the order of [`Architecture::layout`].
    variables: Vec<Var>,
    /// The places of each layer's variables.
    layers: Vec<LayerArrays>,
    /// The number 0.
    zero: Tensor,
    /// (noise of the inputs `[1, inputs]`, noise of the outputs `[outputs, 1]`) of each noisy layer; empty: no noise.
    noise: Vec<(Tensor, Tensor)>,
}

impl CandleNetwork {
    /// A network on `device` with these parameters.
    pub fn new(parameters: &Parameters, device: &Device) -> Result<Self> {
        let architecture = parameters.architecture.clone();
        let variables = architecture
            .layout()
            .iter()
            .map(|spec| Var::from_slice(&parameters.values[spec.range()], spec.shape.as_slice(), device))
            .collect::<Result<_>>()?;
        let layers = architecture.layers();
        let zero = Tensor::zeros((), DType::F32, device)?;
        Ok(Self { architecture, device: device.clone(), variables, layers, zero, noise: Vec::new() })
    }

    /// The network's shape.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// The device it is on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The parameters, in the order of [`Architecture::layout`].
    pub fn variables(&self) -> &[Var] {
        &self.variables
    }

    /// Copies the parameters from the device.
    pub fn parameters(&self) -> Result<Parameters> {
        let mut values = Vec::with_capacity(self.architecture.parameter_count());
        for variable in &self.variables {
            values.extend(variable.flatten_all()?.to_vec1::<f32>()?);
        }
        Ok(Parameters { architecture: self.architecture.clone(), values })
    }

    /// Replaces the parameters; the architecture must be the same.
    pub fn set_parameters(&mut self, parameters: &Parameters) -> Result<()> {
        self.noise.clear();
        for (variable, spec) in self.variables.iter().zip(self.architecture.layout()) {
            let values = &parameters.values[spec.range()];
            variable.set(&Tensor::from_slice(values, spec.shape.as_slice(), &self.device)?)?;
        }
        Ok(())
    }

    /// Moves the parameters the fraction `tau` of the way to the parameters of `other`, which has the same architecture and
    /// device; 1 makes an exact copy.
    pub fn move_towards(&mut self, other: &CandleNetwork, tau: f32) -> Result<()> {
        self.noise.clear();
        for (own, theirs) in self.variables.iter().zip(&other.variables) {
            if tau >= 1.0 {
                own.set(theirs.as_tensor())?;
            } else {
                let way = (theirs.as_tensor() - own.as_tensor())?.affine(f64::from(tau), 0.0)?;
                own.set(&(own.as_tensor() + way)?)?;
            }
        }
        Ok(())
    }

    /// Sets the noise of noisy layers (see [`Architecture::noisy_layers`]), `None` removes it. A change of the parameters
    /// removes it too.
    pub fn set_noise(&mut self, noise: Option<&[f32]>) -> Result<()> {
        self.noise.clear();
        let Some(noise) = noise else { return Ok(()) };
        for layer in self.architecture.noisy_layers() {
            let inputs = Tensor::from_slice(&noise[layer.inputs.clone()], (1, layer.inputs.len()), &self.device)?;
            let outputs = Tensor::from_slice(&noise[layer.outputs.clone()], (layer.outputs.len(), 1), &self.device)?;
            self.noise.push((inputs, outputs));
        }
        Ok(())
    }

    /// The output, before any norm and activation, of dense layer number `layer` (see [`Architecture::dense`]) for `x`.
    fn dense(&self, x: &Tensor, layer: usize) -> Result<Tensor> {
        let arrays = &self.layers[self.architecture.convolutions.len() + layer];
        let variable = |index: usize| self.variables[index].as_tensor();
        let (mut weight, mut bias) = (variable(arrays.weight).clone(), variable(arrays.bias).clone());
        if let (Some([weight_sigma, bias_sigma]), Some((inputs, outputs))) = (arrays.sigmas, self.noise.get(layer)) {
            weight = (weight + (variable(weight_sigma) * outputs.matmul(inputs)?)?)?;
            bias = (bias + (variable(bias_sigma) * outputs.flatten_all()?)?)?;
        }
        x.matmul(&weight.t()?)?.broadcast_add(&bias)
    }

    /// A hidden layer: [`dense`](Self::dense) with its norm and activation.
    fn hidden(&self, x: &Tensor, layer: usize) -> Result<Tensor> {
        let output = self.dense(x, layer)?;
        self.activate(output, &self.layers[self.architecture.convolutions.len() + layer])
    }

    /// The norm, if the layer has one, and the activation of a layer's output `[images, channels, ...]`. The norm is over the
    /// channels, at each position by itself.
    fn activate(&self, mut x: Tensor, layer: &LayerArrays) -> Result<Tensor> {
        if let Some([gain, shift]) = layer.norm {
            let mut shape = vec![1; x.rank()];
            shape[1] = x.dim(1)?;
            let centered = x.broadcast_sub(&x.mean_keepdim(1)?)?;
            let deviation = (centered.sqr()?.mean_keepdim(1)? + f64::from(NORM_EPSILON))?.sqrt()?;
            let (gain, shift) =
                (self.variables[gain].reshape(shape.as_slice())?, self.variables[shift].reshape(shape.as_slice())?);
            x = centered.broadcast_div(&deviation)?.broadcast_mul(&gain)?.broadcast_add(&shift)?;
        }
        if self.architecture.design.activation == Activation::Elu {
            return x.elu(1.0);
        }
        // candle's `relu` turns a NaN into 0; PyTorch's does not. Gradients pass at 0 as with candle's.
        x.broadcast_lt(&self.zero)?.where_cond(&self.zero.broadcast_as(x.shape())?, &x)
    }

    /// The outputs `[images, actions * width]` for `observations`; the [head](crate::networks::head::Head) defines their
    /// meaning. The result keeps its graph, for [`gradients`](Self::gradients).
    ///
    /// # Errors
    /// When the observations are not of the network's space, or the device fails.
    pub fn forward(&self, observations: Seen<'_>) -> anyhow::Result<Tensor> {
        let images = self.architecture.count(observations)?;
        Ok(self.forward_images(observations, images)?)
    }

    fn forward_images(&self, observations: Seen<'_>, images: usize) -> Result<Tensor> {
        let mut x = match (observations, self.architecture.space) {
            (Seen::Pixels(pixels), Space::Pixels { stack, side }) => {
                let pixels = Tensor::from_slice(pixels, (images, stack, side, side), &self.device)?;
                pixels.to_dtype(DType::F32)?.affine(1.0 / 255.0, 0.0)?
            }
            (Seen::Pixels(_), _) => unreachable!("pixels have been counted, so the space is pixels"),
            (Seen::Numbers(numbers), space) => Tensor::from_slice(numbers, (images, space.size()), &self.device)?,
            (Seen::States(states), _) => {
                let mut features = vec![0.0f32; images * self.architecture.features()];
                one_hot(states, &mut features);
                Tensor::from_vec(features, (images, self.architecture.features()), &self.device)?
            }
        };
        for (conv, layer) in self.architecture.convolutions.iter().zip(&self.layers) {
            let bias = self.variables[layer.bias].reshape((1, conv.out_channels, 1, 1))?;
            let output = x.conv2d(&self.variables[layer.weight], 0, conv.stride, 1, 1)?.broadcast_add(&bias)?;
            x = self.activate(output, layer)?;
        }
        x = x.flatten_from(1)?;
        let shared = self.architecture.shared.len();
        for layer in 0..shared {
            x = self.hidden(&x, layer)?;
        }
        let mut outputs = Vec::new();
        let mut layer = shared;
        for branch in &self.architecture.branches {
            let mut x = x.clone();
            if branch.hidden.is_some() {
                x = self.hidden(&x, layer)?;
                layer += 1;
            }
            outputs.push(self.dense(&x, layer)?);
            layer += 1;
        }
        match outputs.as_slice() {
            [value, advantage] => self.combine(value, advantage, images),
            [head] => Ok(head.clone()),
            other => unreachable!("a network has one branch or two, not {}", other.len()),
        }
    }

    /// The outputs of a dueling network, given the outputs of its branches. Per atom; a plain Q-value counts as one atom.
    fn combine(&self, value: &Tensor, advantage: &Tensor, images: usize) -> Result<Tensor> {
        let (actions, width) = (self.architecture.actions, self.architecture.design.head.width());
        let value = value.reshape((images, 1, width))?;
        let advantage = advantage.reshape((images, actions, width))?;
        let baseline = match self.architecture.design.dueling_form {
            DuelingForm::Mean => advantage.mean_keepdim(1)?,
            // Not `max_keepdim`, whose gradient goes to each of several equal maxima.
            DuelingForm::Maximum => advantage.gather(&advantage.argmax_keepdim(1)?, 1)?,
        };
        advantage.broadcast_sub(&baseline)?.broadcast_add(&value)?.flatten_from(1)
    }

    /// Gradients of the variables, in their order, given `outputs` from [`forward`](Self::forward) and their gradient.
    pub fn gradients(&self, outputs: &Tensor, output_gradient: &[f32]) -> Result<Vec<Tensor>> {
        let output_gradient = Tensor::from_slice(output_gradient, outputs.shape(), &self.device)?;
        let store = (outputs * output_gradient)?.sum_all()?.backward()?;
        self.variables
            .iter()
            .map(|variable| match store.get(variable) {
                // Without detaching, a gradient keeps the graph of its pass, and an optimizer's moments keep every graph since the
                // first: 80 GB of GPU memory were full after 2,500 updates.
                Some(gradient) => Ok(gradient.detach()),
                None => variable.zeros_like(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::{plain, Design, InitialValues, NetworkKind, NormKind};
    use crate::observations::Observations;
    use crate::random::{Generator, Purpose};

    /// A normed network and the plain one in f64: outputs, and derivatives of sum(output * c), by central differences of the
    /// plain network: in every array by the parameter with the largest gradient and by two others. Parameters are drawn until
    /// no step of a difference can pass a ReLU's kink.
    #[test]
    fn a_normed_network_equals_the_plain_one_and_its_gradient_finite_differences() {
        const STEP: f64 = 1e-6;
        const KINK: f64 = 1e-5;
        let pictures = Space::Pixels { stack: 4, side: 84 };
        for (kind, space) in [
            (NetworkKind::Nature, Space::Pixels { stack: 2, side: 44 }),
            (NetworkKind::Small, pictures),
            (NetworkKind::Cpu, pictures),
            (NetworkKind::Mlp, Space::Numbers(7)),
        ] {
            let design = Design { norm: NormKind::Channels, ..kind.plain() };
            let architecture = Architecture::new(design, space, 4).unwrap();
            let mut generator = Generator::new(3, Purpose::Weights);
            let images = 2;
            let observations = match space {
                Space::Pixels { .. } => {
                    Observations::Pixels((0..images * space.size()).map(|_| generator.below(256) as u8).collect())
                }
                Space::Numbers(_) => {
                    Observations::Numbers((0..images * space.size()).map(|_| generator.symmetric(2.0)).collect())
                }
                Space::States(_) => unreachable!("no network here sees states"),
            };
            let parameters = loop {
                let mut parameters = Parameters::drawn(InitialValues::He, architecture.clone(), &mut generator);
                for spec in architecture.layout().iter().filter(|spec| spec.shape.len() == 1) {
                    // Biases, gains and shifts that matter.
                    parameters.values[spec.range()].iter_mut().for_each(|value| *value += generator.symmetric(0.3));
                }
                if plain::nearest_kink(&parameters, None, observations.seen()) > KINK {
                    break parameters;
                }
            };
            let network = CandleNetwork::new(&parameters, &Device::Cpu).unwrap();
            let graph = network.forward(observations.seen()).unwrap();
            let outputs: Vec<f32> = graph.flatten_all().unwrap().to_vec1().unwrap();
            let mut values: Vec<f64> = parameters.values.iter().map(|value| f64::from(*value)).collect();
            let expected = plain::outputs(&architecture, &values, None, observations.seen());
            for (got, want) in outputs.iter().zip(&expected) {
                assert!((f64::from(*got) - want).abs() < 1e-5, "{kind:?}: {got}, expected {want}");
            }

            let coefficients: Vec<f32> = outputs.iter().map(|_| generator.symmetric(1.0)).collect();
            let gradients = network.gradients(&graph, &coefficients).unwrap();
            let mut derivative = |place: usize| {
                let value = values[place];
                let [above, below] = [value + STEP, value - STEP].map(|moved| {
                    values[place] = moved;
                    let outputs = plain::outputs(&architecture, &values, None, observations.seen());
                    outputs.iter().zip(&coefficients).map(|(x, c)| x * f64::from(*c)).sum::<f64>()
                });
                values[place] = value;
                (above - below) / (2.0 * STEP)
            };
            for (spec, gradient) in architecture.layout().iter().zip(&gradients) {
                let gradient: Vec<f32> = gradient.flatten_all().unwrap().to_vec1().unwrap();
                let largest = gradient.iter().enumerate().max_by(|x, y| x.1.abs().total_cmp(&y.1.abs())).unwrap().0;
                let scale = f64::from(gradient[largest].abs());
                for place in [largest, generator.below(gradient.len()), generator.below(gradient.len())] {
                    let (got, want) = (f64::from(gradient[place]), derivative(spec.offset + place));
                    let allowed = 1e-4 * want.abs().max(0.01 * scale);
                    assert!((got - want).abs() <= allowed, "{kind:?} {} {place}: {got}, expected {want}", spec.name);
                }
            }
        }
    }

    /// Worked by hand (mean 3, variance 3.5): z = 1, 2, 3, 6 become -1.069045, -0.534522, 0, 1.603567.
    #[test]
    fn the_norms_variance_is_the_mean_of_squares() {
        let mut numbers = [1.0, 2.0, 3.0, 6.0];
        plain::normalize(&mut numbers, [&[1.0; 4], &[0.0; 4]]);
        for (got, want) in numbers.iter().zip([-1.069_045, -0.534_522, 0.0, 1.603_567]) {
            assert!((got - want).abs() < 1e-6, "{got}, expected {want}");
        }
    }

    #[test]
    fn gradients_do_not_keep_the_graph_of_their_pass() {
        let architecture =
            Architecture::new(NetworkKind::Small.plain(), Space::Pixels { stack: 2, side: 40 }, 2).unwrap();
        let parameters = Parameters::initial(architecture, &mut Generator::new(0, Purpose::Weights));
        let network = CandleNetwork::new(&parameters, &Device::Cpu).unwrap();
        let outputs = network.forward(Seen::Pixels(&[100; 2 * 40 * 40])).unwrap();
        let gradients = network.gradients(&outputs, &[1.0, -1.0]).unwrap();
        assert!(outputs.track_op());
        assert!(gradients.iter().all(|gradient| !gradient.track_op()));
    }
}
