//! The online and the target network with the optimizer, on the CPU or on a GPU.

use crate::candle_network::CandleNetwork;
use crate::cpu_network::{CpuNetwork, Workspace};
use crate::network::{Architecture, Parameters};
use crate::optimizer::{CpuOptimizer, DeviceOptimizer, OptimizerRule, OptimizerState};
use anyhow::{ensure, Context, Result};
use candle_core::Device;
use serde::{Deserialize, Serialize};

/// Which of the two networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one that acts and learns.
    Online,
    /// The copy that values successors.
    Target,
}

/// The gradient of the loss by each Q-value, from the Q-values: both `[images, actions]`. An error stops the step before
/// anything has changed.
pub type LossGradient<'a> = &'a mut dyn FnMut(&[f32], &mut [f32]) -> Result<()>;

/// An online network that can be improved, and its target copy.
pub trait Learner: Send {
    /// The networks' shape.
    fn architecture(&self) -> &Architecture;

    /// Q-values `[images, actions]` of `observations`, `[images, 4, 84, 84]` gray values.
    fn q_values(&mut self, which: Which, observations: &[u8]) -> Result<&[f32]>;

    /// One step of the optimizer on the online network, against the gradient that follows from what `loss_gradient` says
    /// to the Q-values of `observations`.
    fn descend(&mut self, observations: &[u8], loss_gradient: LossGradient) -> Result<()>;

    /// The target network becomes a copy of the online one.
    fn sync_target(&mut self) -> Result<()>;

    /// The online network's parameters.
    fn parameters(&self) -> Result<Parameters>;

    /// Both networks and what the optimizer remembers.
    fn state(&self) -> Result<LearnerState>;

    /// Goes on from a state of such a learner, on whatever device it was.
    fn set_state(&mut self, state: LearnerState) -> Result<()>;
}

/// What a learner's future depends on, all in the order of the stored parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LearnerState {
    /// Parameters of the online network.
    pub online: Vec<f32>,
    /// Parameters of the target network.
    pub target: Vec<f32>,
    /// What the optimizer remembers.
    pub optimizer: OptimizerState,
}

impl LearnerState {
    /// The parameters of both networks, of this architecture.
    fn networks(&self, architecture: &Architecture) -> Result<[Parameters; 2]> {
        let count = architecture.parameter_count();
        let OptimizerState { first, second, .. } = &self.optimizer;
        for values in [&self.online, &self.target, first, second] {
            ensure!(values.len() == count, "it has {} numbers for a network of {count} parameters", values.len());
        }
        Ok([&self.online, &self.target]
            .map(|values| Parameters { architecture: architecture.clone(), values: values.clone() }))
    }
}

/// The learner for `device`, both networks starting from `parameters`.
pub fn new_learner(parameters: &Parameters, rule: OptimizerRule, device: &Device) -> Result<Box<dyn Learner>> {
    Ok(match device {
        Device::Cpu => Box::new(CpuLearner::new(parameters, rule)),
        device => Box::new(CandleLearner::new(parameters, rule, device)?),
    })
}

/// A [`Learner`] with the CPU's own network.
#[derive(Debug)]
pub struct CpuLearner {
    online: CpuNetwork,
    target: CpuNetwork,
    optimizer: CpuOptimizer,
    workspace: Workspace,
    gradient: Vec<f32>,
    q_gradient: Vec<f32>,
}

impl CpuLearner {
    /// Both networks start from `parameters`.
    pub fn new(parameters: &Parameters, rule: OptimizerRule) -> Self {
        let online = CpuNetwork::new(parameters);
        let count = parameters.values.len();
        Self {
            target: online.clone(),
            online,
            optimizer: CpuOptimizer::new(rule, count),
            workspace: Workspace::default(),
            gradient: vec![0.0; count],
            q_gradient: Vec::new(),
        }
    }
}

impl Learner for CpuLearner {
    fn architecture(&self) -> &Architecture {
        self.online.architecture()
    }

    fn q_values(&mut self, which: Which, observations: &[u8]) -> Result<&[f32]> {
        let network = match which {
            Which::Online => &self.online,
            Which::Target => &self.target,
        };
        Ok(self.workspace.forward(network, observations))
    }

    fn descend(&mut self, observations: &[u8], loss_gradient: LossGradient) -> Result<()> {
        let q_values = self.workspace.forward(&self.online, observations);
        self.q_gradient.clear();
        self.q_gradient.resize(q_values.len(), 0.0);
        loss_gradient(q_values, &mut self.q_gradient)?;
        self.workspace.backward(&self.online, observations, &self.q_gradient, &mut self.gradient);
        self.optimizer.step(self.online.values_mut(), &self.gradient);
        Ok(())
    }

    fn sync_target(&mut self) -> Result<()> {
        self.target.copy_from(&self.online);
        Ok(())
    }

    fn parameters(&self) -> Result<Parameters> {
        Ok(self.online.parameters())
    }

    fn state(&self) -> Result<LearnerState> {
        let OptimizerState { first, second, steps } = self.optimizer.state();
        let [first, second] = [first, second].map(|values| self.online.in_stored_order(&values));
        let optimizer = OptimizerState { first, second, steps };
        let [online, target] = [&self.online, &self.target].map(|network| network.parameters().values);
        Ok(LearnerState { online, target, optimizer })
    }

    fn set_state(&mut self, state: LearnerState) -> Result<()> {
        let [online, target] = state.networks(self.online.architecture())?;
        self.online.set_parameters(&online);
        self.target.set_parameters(&target);
        let OptimizerState { first, second, steps } = state.optimizer;
        let [first, second] = [first, second].map(|values| self.online.from_stored_order(&values));
        self.optimizer.set_state(OptimizerState { first, second, steps });
        Ok(())
    }
}

/// A [`Learner`] in candle, on any device.
#[derive(Debug)]
pub struct CandleLearner {
    online: CandleNetwork,
    target: CandleNetwork,
    optimizer: DeviceOptimizer,
    q_values: Vec<f32>,
    q_gradient: Vec<f32>,
}

impl CandleLearner {
    /// Both networks start from `parameters`.
    pub fn new(parameters: &Parameters, rule: OptimizerRule, device: &Device) -> Result<Self> {
        let online = CandleNetwork::new(parameters, device).context("cannot put the network on the device")?;
        let target = CandleNetwork::new(parameters, device).context("cannot put the target network on the device")?;
        let optimizer = DeviceOptimizer::new(rule, online.variables())?;
        Ok(Self { online, target, optimizer, q_values: Vec::new(), q_gradient: Vec::new() })
    }
}

impl Learner for CandleLearner {
    fn architecture(&self) -> &Architecture {
        self.online.architecture()
    }

    fn q_values(&mut self, which: Which, observations: &[u8]) -> Result<&[f32]> {
        let network = match which {
            Which::Online => &self.online,
            Which::Target => &self.target,
        };
        self.q_values = network.forward(observations)?.flatten_all()?.to_vec1()?;
        Ok(&self.q_values)
    }

    fn descend(&mut self, observations: &[u8], loss_gradient: LossGradient) -> Result<()> {
        let q_values = self.online.forward(observations)?;
        self.q_values = q_values.flatten_all()?.to_vec1()?;
        self.q_gradient.clear();
        self.q_gradient.resize(self.q_values.len(), 0.0);
        loss_gradient(&self.q_values, &mut self.q_gradient)?;
        let gradients = self.online.gradients(&q_values, &self.q_gradient)?;
        self.optimizer.step(self.online.variables(), &gradients)?;
        Ok(())
    }

    fn sync_target(&mut self) -> Result<()> {
        Ok(self.target.copy_from(&self.online)?)
    }

    fn parameters(&self) -> Result<Parameters> {
        Ok(self.online.parameters()?)
    }

    fn state(&self) -> Result<LearnerState> {
        let [online, target] = [self.online.parameters()?.values, self.target.parameters()?.values];
        Ok(LearnerState { online, target, optimizer: self.optimizer.state()? })
    }

    fn set_state(&mut self, state: LearnerState) -> Result<()> {
        let [online, target] = state.networks(self.online.architecture())?;
        self.online.set_parameters(&online)?;
        self.target.set_parameters(&target)?;
        Ok(self.optimizer.set_state(&state.optimizer)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::NetworkKind;
    use crate::preprocess::STACK_PIXELS;
    use crate::random::{Generator, Purpose};

    const ADAM: OptimizerRule = OptimizerRule::Adam { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

    fn pixels(images: usize) -> Vec<u8> {
        let mut generator = Generator::new(5, Purpose::Synthetic);
        (0..images * STACK_PIXELS).map(|_| generator.below(256) as u8).collect()
    }

    fn largest(values: &[f32]) -> f32 {
        values.iter().fold(0.0, |largest: f32, value| largest.max(value.abs()))
    }

    /// The CPU's own network against candle's convolution and autograd: values, gradients by parameter array.
    #[test]
    fn the_cpu_network_equals_candles_forward_and_backward() {
        for (kind, dueling, images) in [
            (NetworkKind::Nature, false, 11),
            (NetworkKind::Nature, true, 3),
            (NetworkKind::Nips, true, 9),
            (NetworkKind::Small, false, 32),
            (NetworkKind::Small, false, 1),
        ] {
            let architecture = Architecture::new(kind, dueling, 6);
            let parameters = Parameters::initial(architecture.clone(), &mut Generator::new(3, Purpose::Weights));
            let network = CpuNetwork::new(&parameters);
            assert_eq!(network.parameters(), parameters, "there and back");
            let reference = CandleNetwork::new(&parameters, &Device::Cpu).unwrap();
            let observations = pixels(images);

            let mut workspace = Workspace::default();
            let q_values = workspace.forward(&network, &observations).to_vec();
            let graph = reference.forward(&observations).unwrap();
            let expected: Vec<f32> = graph.flatten_all().unwrap().to_vec1().unwrap();
            for (got, want) in q_values.iter().zip(&expected) {
                assert!((got - want).abs() < 2e-6 * largest(&expected).max(1.0), "{kind:?}: {got}, expected {want}");
            }

            let mut generator = Generator::new(4, Purpose::Synthetic);
            let q_gradient: Vec<f32> = q_values.iter().map(|_| generator.symmetric(1.0)).collect();
            let mut gradient = vec![9.0; parameters.values.len()];
            workspace.backward(&network, &observations, &q_gradient, &mut gradient);
            let gradient = network.in_stored_order(&gradient);
            let expected = reference.gradients(&graph, &q_gradient).unwrap();
            for (spec, expected) in architecture.layout().iter().zip(&expected) {
                let expected: Vec<f32> = expected.flatten_all().unwrap().to_vec1().unwrap();
                let scale = largest(&expected).max(1e-6);
                for (got, want) in gradient[spec.range()].iter().zip(&expected) {
                    assert!((got - want).abs() < 1e-4 * scale, "{kind:?} {}: {got}, expected {want}", spec.name);
                }
            }
        }
    }

    /// The directional derivative of sum(Q * c) along the gradient of each array. Large biases keep the layers clear
    /// of their ReLUs' kinks, of which a step would otherwise cross many; masks are compared with candle's above.
    #[test]
    fn the_gradient_equals_finite_differences() {
        let architecture = Architecture::new(NetworkKind::Small, true, 4);
        let mut parameters = Parameters::initial(architecture.clone(), &mut Generator::new(3, Purpose::Weights));
        for spec in architecture.layout() {
            match spec.name.as_str() {
                "conv1.bias" | "conv2.bias" => parameters.values[spec.range()].fill(3.0),
                "value_fc.bias" | "advantage_fc.bias" => parameters.values[spec.range()].fill(12.0),
                _ => (),
            }
        }
        let observations = pixels(2);
        let coefficients = [0.5f32, -1.0, 0.25, 0.75, 1.0, -0.5, 0.3, -0.8];
        let mut workspace = Workspace::default();
        let mut value = |parameters: &Parameters| -> f64 {
            let q_values = workspace.forward(&CpuNetwork::new(parameters), &observations);
            q_values.iter().zip(coefficients).map(|(q, c)| f64::from(*q) * f64::from(c)).sum()
        };
        let network = CpuNetwork::new(&parameters);
        let mut gradient = vec![0.0; parameters.values.len()];
        let mut own = Workspace::default();
        own.forward(&network, &observations);
        own.backward(&network, &observations, &coefficients, &mut gradient);
        let gradient = network.in_stored_order(&gradient);
        for spec in architecture.layout() {
            let part = &gradient[spec.range()];
            let norm = part.iter().map(|g| f64::from(*g) * f64::from(*g)).sum::<f64>().sqrt();
            let step = 1e-2;
            let moved = |sign: f64| {
                let mut moved = parameters.clone();
                for (w, g) in moved.values[spec.range()].iter_mut().zip(part) {
                    *w += (sign * step * f64::from(*g) / norm) as f32;
                }
                moved
            };
            let slope = (value(&moved(1.0)) - value(&moved(-1.0))) / (2.0 * step);
            assert!((slope - norm).abs() < 1e-3 * norm, "{}: {slope}, expected {norm}", spec.name);
        }
    }

    #[test]
    fn both_learners_take_the_same_steps_and_move_the_target_only_on_sync() {
        let architecture = Architecture::new(NetworkKind::Small, false, 3);
        let parameters = Parameters::initial(architecture, &mut Generator::new(3, Purpose::Weights));
        let observations = pixels(4);
        let mut learners: [Box<dyn Learner>; 2] = [
            Box::new(CpuLearner::new(&parameters, ADAM)),
            Box::new(CandleLearner::new(&parameters, ADAM, &Device::Cpu).unwrap()),
        ];
        let results: Vec<Vec<f32>> = learners
            .iter_mut()
            .map(|learner| {
                let before = learner.q_values(Which::Target, &observations).unwrap().to_vec();
                for _ in 0..3 {
                    let mut pull_to_one = |q: &[f32], gradient: &mut [f32]| {
                        gradient.iter_mut().zip(q).for_each(|(gradient, q)| *gradient = q - 1.0);
                        Ok(())
                    };
                    learner.descend(&observations, &mut pull_to_one).unwrap();
                }
                assert_eq!(learner.q_values(Which::Target, &observations).unwrap(), before);
                let online = learner.q_values(Which::Online, &observations).unwrap().to_vec();
                learner.sync_target().unwrap();
                assert_eq!(learner.q_values(Which::Target, &observations).unwrap(), online);
                assert_ne!(before, online);
                online
            })
            .collect();
        for (cpu, candle) in results[0].iter().zip(&results[1]) {
            assert!((cpu - candle).abs() < 1e-3, "{cpu} and {candle}");
        }
    }

    #[test]
    fn results_do_not_depend_on_the_number_of_threads() {
        let architecture = Architecture::new(NetworkKind::Nature, false, 4);
        let parameters = Parameters::initial(architecture, &mut Generator::new(3, Purpose::Weights));
        let observations = pixels(32);
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut learner = CpuLearner::new(&parameters, ADAM);
                for _ in 0..2 {
                    let mut pull = |q: &[f32], gradient: &mut [f32]| {
                        gradient.copy_from_slice(q);
                        Ok(())
                    };
                    learner.descend(&observations, &mut pull).unwrap();
                }
                learner.parameters().unwrap().values
            })
        };
        let one = run(1);
        assert!(one == run(2) && one == run(5));
    }
}
