//! The network in candle, for GPUs (and, in tests, as the reference for the CPU's own).

use crate::network::{Architecture, Parameters};
use candle_core::{DType, Device, Result, Tensor, Var};

/// A network's parameters as candle variables on one device.
#[derive(Debug)]
pub struct CandleNetwork {
    architecture: Architecture,
    device: Device,
    /// In the order of [`Architecture::layout`].
    variables: Vec<Var>,
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
        Ok(Self { architecture, device: device.clone(), variables })
    }

    /// The network's shape.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// The parameters, in the order of [`Architecture::layout`].
    pub fn variables(&self) -> &[Var] {
        &self.variables
    }

    /// The parameters, back from the device.
    pub fn parameters(&self) -> Result<Parameters> {
        let mut values = Vec::with_capacity(self.architecture.parameter_count());
        for variable in &self.variables {
            values.extend(variable.flatten_all()?.to_vec1::<f32>()?);
        }
        Ok(Parameters { architecture: self.architecture.clone(), values })
    }

    /// Takes over these parameters, which must be of the same architecture.
    pub fn set_parameters(&self, parameters: &Parameters) -> Result<()> {
        for (variable, spec) in self.variables.iter().zip(self.architecture.layout()) {
            let values = &parameters.values[spec.range()];
            variable.set(&Tensor::from_slice(values, spec.shape.as_slice(), &self.device)?)?;
        }
        Ok(())
    }

    /// Copies the parameters of `other`, which has the same architecture and device.
    pub fn copy_from(&self, other: &CandleNetwork) -> Result<()> {
        for (own, theirs) in self.variables.iter().zip(&other.variables) {
            own.set(theirs.as_tensor())?;
        }
        Ok(())
    }

    /// Q-values `[images, actions]` of `observations`, `[images, 4, 84, 84]` gray values. The result remembers how it
    /// came about, for [`gradients`](Self::gradients).
    pub fn forward(&self, observations: &[u8]) -> Result<Tensor> {
        let first = self.architecture.convolutions[0];
        let images = observations.len() / first.input_len();
        let shape = (images, first.in_channels, first.in_side, first.in_side);
        let pixels = Tensor::from_slice(observations, shape, &self.device)?;
        let mut x = pixels.to_dtype(DType::F32)?.affine(1.0 / 255.0, 0.0)?;
        let mut layers = self.variables.chunks_exact(2);
        for (conv, layer) in self.architecture.convolutions.iter().zip(layers.by_ref()) {
            let bias = layer[1].reshape((1, conv.out_channels, 1, 1))?;
            x = x.conv2d(&layer[0], 0, conv.stride, 1, 1)?.broadcast_add(&bias)?.relu()?;
        }
        let features = x.flatten_from(1)?;
        let dense = |x: &Tensor, layer: &[Var]| x.matmul(&layer[0].t()?)?.broadcast_add(&layer[1]);
        let mut outputs = Vec::with_capacity(2);
        while let (Some(hidden), Some(output)) = (layers.next(), layers.next()) {
            outputs.push(dense(&dense(&features, hidden)?.relu()?, output)?);
        }
        match outputs.as_slice() {
            [value, advantage] => {
                let mean = advantage.mean_keepdim(1)?;
                advantage.broadcast_sub(&mean)?.broadcast_add(value)
            }
            _ => Ok(outputs.swap_remove(0)),
        }
    }

    /// Gradients of the variables, in their order, given `q_values` as [`forward`](Self::forward) gave them and their
    /// gradient `[images, actions]`.
    pub fn gradients(&self, q_values: &Tensor, q_gradient: &[f32]) -> Result<Vec<Tensor>> {
        let q_gradient = Tensor::from_slice(q_gradient, q_values.shape(), &self.device)?;
        let store = (q_values * q_gradient)?.sum_all()?.backward()?;
        self.variables
            .iter()
            .map(|variable| match store.get(variable) {
                Some(gradient) => Ok(gradient.clone()),
                None => variable.zeros_like(),
            })
            .collect()
    }
}
