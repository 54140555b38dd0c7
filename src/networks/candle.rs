//! The network in candle, for GPUs (and, in tests, as the reference for the CPU's own).

use crate::networks::{Architecture, Parameters};
use crate::observations::{Seen, Space};
use candle_core::{DType, Device, Result, Tensor, Var};

/// A network's parameters as candle variables on one device.
#[derive(Debug)]
pub struct CandleNetwork {
    architecture: Architecture,
    device: Device,
    /// In the order of [`Architecture::layout`].
    variables: Vec<Var>,
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
        Ok(Self { architecture, device: device.clone(), variables, noise: Vec::new() })
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

    /// The output, before any ReLU, of dense layer number `layer` (see [`Architecture::dense`]) for `x`.
    fn dense(&self, x: &Tensor, layer: usize) -> Result<Tensor> {
        let arrays = if self.architecture.design.noisy { 4 } else { 2 };
        let begin = 2 * self.architecture.convolutions.len() + layer * arrays;
        let variables = &self.variables[begin..begin + arrays];
        let (mut weight, mut bias) = (variables[0].as_tensor().clone(), variables[1].as_tensor().clone());
        if let ([_, _, weight_sigma, bias_sigma], Some((inputs, outputs))) = (variables, self.noise.get(layer)) {
            weight = (weight + (weight_sigma.as_tensor() * outputs.matmul(inputs)?)?)?;
            bias = (bias + (bias_sigma.as_tensor() * outputs.flatten_all()?)?)?;
        }
        x.matmul(&weight.t()?)?.broadcast_add(&bias)
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
        };
        for (conv, layer) in self.architecture.convolutions.iter().zip(self.variables.chunks_exact(2)) {
            let bias = layer[1].reshape((1, conv.out_channels, 1, 1))?;
            x = x.conv2d(&layer[0], 0, conv.stride, 1, 1)?.broadcast_add(&bias)?.relu()?;
        }
        x = x.flatten_from(1)?;
        let shared = self.architecture.shared.len();
        for layer in 0..shared {
            x = self.dense(&x, layer)?.relu()?;
        }
        let branch = |i: usize| {
            let hidden = self.dense(&x, shared + 2 * i)?.relu()?;
            self.dense(&hidden, shared + 2 * i + 1)
        };
        if !self.architecture.design.dueling {
            return branch(0);
        }
        // Per atom; a plain Q-value counts as one atom.
        let (actions, width) = (self.architecture.actions, self.architecture.design.head.width());
        let value = branch(0)?.reshape((images, 1, width))?;
        let advantage = branch(1)?.reshape((images, actions, width))?;
        let mean = advantage.mean_keepdim(1)?;
        advantage.broadcast_sub(&mean)?.broadcast_add(&value)?.flatten_from(1)
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
    use crate::networks::NetworkKind;
    use crate::random::{Generator, Purpose};

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
