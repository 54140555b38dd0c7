//! The online network with its optimizer and, where the algorithm has one, a target network; on the CPU or on a GPU.

use crate::networks::candle::CandleNetwork;
use crate::networks::cpu::matrix::add;
use crate::networks::cpu::{CpuNetwork, Workspace};
use crate::networks::evaluator::Evaluator;
use crate::networks::loss::{Loss, Shown};
use crate::networks::optimizer::{
    clip_norm, clip_norm_on_device, CpuOptimizer, DeviceOptimizer, OptimizerRule, OptimizerState,
};
use crate::networks::{finite, Architecture, Parameters};
use crate::observations::Seen;
use crate::saving;
use anyhow::{ensure, Context, Result};
use candle_core::{Device, Tensor};
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// One of the two networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The network that acts and learns.
    Online,
    /// The copy that evaluates successor states.
    Target,
}

/// An online network that is trained, and its target copy if the algorithm has one.
///
/// Without a target network, every call that concerns it returns an error.
pub trait Learner: Send {
    /// The networks' shape.
    fn architecture(&self) -> &Architecture;

    /// A network's outputs `[images, actions, width]` for `observations`; the [head](crate::networks::head::Head) defines their
    /// meaning.
    ///
    /// # Errors
    /// When the observations are not of the network's space, or the device fails.
    fn outputs(&mut self, which: Which, observations: Seen<'_>) -> Result<&[f32]>;

    /// Sets the noise of a network's noisy layers (see [`Architecture::noisy_layers`]), `None` removes it. A change of the
    /// parameters removes it too.
    ///
    /// # Errors
    /// When the device fails.
    fn set_noise(&mut self, which: Which, noise: Option<&[f32]>) -> Result<()>;

    /// One optimizer step of the online network on `loss`, whose transitions began with `observations`.
    ///
    /// # Errors
    /// [`NotFinite`](crate::networks::loss::NotFinite) before anything has changed; when the observations are not of the
    /// network's space, or the device fails.
    fn update(&mut self, observations: Seen<'_>, loss: &Loss<'_>) -> Result<Shown>;

    /// Adds the gradient of `loss` on a part of a batch to the gradient that the next [`step`](Self::step) will use: for batches that
    /// are too large for one [`update`](Self::update). The loss's norm limit is ignored. Returns the figures of the part.
    ///
    /// # Errors
    /// As for [`update`](Self::update); the gradients added so far are then forgotten.
    fn add_gradient(&mut self, observations: Seen<'_>, loss: &Loss<'_>) -> Result<Shown>;

    /// One optimizer step of the online network against the sum of the gradients added since the last one, shortened to
    /// `norm_limit`; nothing if none was added. Returns the norm of the sum before that, if there is a limit.
    ///
    /// # Errors
    /// When the device fails.
    fn step(&mut self, norm_limit: Option<f32>) -> Result<Option<f32>>;

    /// Moves the target network's parameters the fraction `tau` of the way to the online network's; 1 makes an exact copy.
    ///
    /// # Errors
    /// When the device fails.
    fn move_target(&mut self, tau: f32) -> Result<()>;

    /// A network's parameters.
    ///
    /// # Errors
    /// When the device fails.
    fn parameters(&self, which: Which) -> Result<Parameters>;

    /// A copy of a network on the same device.
    ///
    /// # Errors
    /// When the device fails.
    fn evaluator(&self, which: Which) -> Result<Evaluator>;

    /// Both networks and the state of the optimizer.
    ///
    /// # Errors
    /// When the device fails.
    fn state(&self) -> Result<LearnerState>;

    /// Continues from a state, which may come from another device.
    ///
    /// # Errors
    /// When it is the state of another network, or the device fails.
    fn set_state(&mut self, state: LearnerState) -> Result<()>;
}

/// The state of a learner, all in the order of the stored parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LearnerState {
    /// Parameters of the online network.
    pub online: Vec<f32>,
    /// Parameters of the target network; empty if there is none.
    pub target: Vec<f32>,
    /// State of the optimizer.
    pub optimizer: OptimizerState,
}

impl LearnerState {
    /// Checks that all numbers are finite. Learning with others leads nowhere, so such a state is neither saved nor continued.
    ///
    /// # Errors
    /// The first array with a number that is not.
    pub fn ensure_finite(&self, architecture: &Architecture) -> Result<()> {
        let OptimizerState { first, second, .. } = &self.optimizer;
        for (what, values) in [
            ("the online network", &self.online),
            ("the target network", &self.target),
            ("the optimizer's first moments", first),
            ("the optimizer's second moments", second),
        ] {
            if values.len() == architecture.parameter_count() {
                finite::ensure_parameters(architecture, values).with_context(|| format!("in {what}"))?;
            }
        }
        Ok(())
    }

    /// The parameters of the online network, of this architecture, and of the target network if there is one.
    fn networks(&self, architecture: &Architecture, with_target: bool) -> Result<(Parameters, Option<Parameters>)> {
        let count = architecture.parameter_count();
        let OptimizerState { first, second, steps } = &self.optimizer;
        saving::count(*steps, "steps of the optimizer")?;
        let target = with_target.then_some(&self.target);
        for values in [&self.online, first, second].into_iter().chain(target) {
            ensure!(values.len() == count, "it has {} numbers for a network of {count} parameters", values.len());
        }
        let parameters = |values: &Vec<f32>| Parameters { architecture: architecture.clone(), values: values.clone() };
        Ok((parameters(&self.online), target.map(parameters)))
    }
}

/// The target network of a learner.
fn present<T>(target: Option<T>) -> Result<T> {
    target.context("this algorithm has no target network")
}

/// The learner for `device`, both networks starting from `parameters`.
///
/// # Errors
/// When the device has no room for them.
pub fn new_learner(parameters: &Parameters, rule: OptimizerRule, device: &Device) -> Result<Box<dyn Learner>> {
    Ok(match device {
        Device::Cpu => Box::new(CpuLearner::new(parameters, rule)),
        device => Box::new(CandleLearner::new(parameters, rule, device)?),
    })
}

/// As [`new_learner`], for an algorithm without a target network.
///
/// # Errors
/// When the device has no room for the network.
pub fn new_learner_without_target(
    parameters: &Parameters,
    rule: OptimizerRule,
    device: &Device,
) -> Result<Box<dyn Learner>> {
    Ok(match device {
        Device::Cpu => Box::new(CpuLearner::without_target(parameters, rule)),
        device => Box::new(CandleLearner::without_target(parameters, rule, device)?),
    })
}

/// A [`Learner`] with the CPU's own network.
#[derive(Debug)]
pub struct CpuLearner {
    online: CpuNetwork,
    target: Option<CpuNetwork>,
    optimizer: CpuOptimizer,
    workspace: Workspace,
    gradient: Vec<f32>,
    /// The sum of the gradients added since the last step; empty if there is none.
    added: Vec<f32>,
    output_gradient: Vec<f32>,
    norm_sums: Vec<f64>,
}

impl CpuLearner {
    /// Both networks start from `parameters`.
    pub fn new(parameters: &Parameters, rule: OptimizerRule) -> Self {
        let learner = Self::without_target(parameters, rule);
        Self { target: Some(learner.online.clone()), ..learner }
    }

    /// There is no target network.
    fn without_target(parameters: &Parameters, rule: OptimizerRule) -> Self {
        let count = parameters.values.len();
        Self {
            online: CpuNetwork::new(parameters),
            target: None,
            optimizer: CpuOptimizer::new(rule, count),
            workspace: Workspace::default(),
            gradient: vec![0.0; count],
            added: Vec::new(),
            output_gradient: Vec::new(),
            norm_sums: Vec::new(),
        }
    }

    /// Writes the gradient of `loss` to `self.gradient`.
    fn compute_gradient(&mut self, observations: Seen<'_>, loss: &Loss<'_>) -> Result<Shown> {
        let begun = Instant::now();
        let outputs = self.workspace.forward(&self.online, observations)?;
        let forward = begun.elapsed();
        self.output_gradient.resize(outputs.len(), 0.0);
        let shown = loss.gradient(&self.online.architecture().design.head, outputs, &mut self.output_gradient)?;
        self.workspace.backward(&self.online, observations, &self.output_gradient, &mut self.gradient)?;
        Ok(Shown { forward, ..shown })
    }

    /// One optimizer step against `self.gradient`. Returns the gradient's norm if it is limited.
    fn step_against_gradient(&mut self, norm_limit: Option<f32>) -> Option<f32> {
        let clipped = norm_limit.map(|limit| clip_norm(&self.gradient, limit, &mut self.norm_sums));
        let (gradient_norm, factor) = clipped.map_or((None, 1.0), |(norm, factor)| (Some(norm), factor));
        self.optimizer.step(self.online.values_mut(), &self.gradient, factor);
        gradient_norm
    }

    /// Does `work` on a batch of these observations: on one of rayon's threads if it has many parallel parts, because each part that
    /// begins on a thread of another kind puts that to sleep and wakes one of rayon's. Small work has none.
    fn in_pool<R: Send>(&mut self, observations: Seen<'_>, work: impl FnOnce(&mut Self) -> R + Send) -> R {
        let images = observations.count(self.online.architecture().space);
        match self.online.is_small_for(images) {
            true => work(self),
            false => rayon::scope(|_| work(self)),
        }
    }
}

impl Learner for CpuLearner {
    fn architecture(&self) -> &Architecture {
        self.online.architecture()
    }

    fn outputs(&mut self, which: Which, observations: Seen<'_>) -> Result<&[f32]> {
        let network = match which {
            Which::Online => &self.online,
            Which::Target => present(self.target.as_ref())?,
        };
        self.workspace.forward(network, observations)
    }

    fn set_noise(&mut self, which: Which, noise: Option<&[f32]>) -> Result<()> {
        match which {
            Which::Online => self.online.set_noise(noise),
            Which::Target => present(self.target.as_mut())?.set_noise(noise),
        }
        Ok(())
    }

    fn update(&mut self, observations: Seen<'_>, loss: &Loss<'_>) -> Result<Shown> {
        self.in_pool(observations, |learner| {
            let shown = learner.compute_gradient(observations, loss)?;
            Ok(Shown { gradient_norm: learner.step_against_gradient(loss.norm_limit), ..shown })
        })
    }

    fn add_gradient(&mut self, observations: Seen<'_>, loss: &Loss<'_>) -> Result<Shown> {
        let shown = self.in_pool(observations, |learner| learner.compute_gradient(observations, loss));
        if shown.is_err() {
            self.added.clear();
        } else if self.added.is_empty() {
            self.added.extend_from_slice(&self.gradient);
        } else {
            add(&mut self.added, &self.gradient);
        }
        shown
    }

    fn step(&mut self, norm_limit: Option<f32>) -> Result<Option<f32>> {
        if self.added.is_empty() {
            return Ok(None);
        }
        self.gradient.copy_from_slice(&self.added);
        self.added.clear();
        Ok(self.step_against_gradient(norm_limit))
    }

    fn move_target(&mut self, tau: f32) -> Result<()> {
        present(self.target.as_mut())?.move_towards(&self.online, tau);
        Ok(())
    }

    fn parameters(&self, which: Which) -> Result<Parameters> {
        Ok(match which {
            Which::Online => self.online.parameters(),
            Which::Target => present(self.target.as_ref())?.parameters(),
        })
    }

    fn evaluator(&self, which: Which) -> Result<Evaluator> {
        Ok(Evaluator::of_cpu_network(match which {
            Which::Online => self.online.clone(),
            Which::Target => present(self.target.as_ref())?.clone(),
        }))
    }

    fn state(&self) -> Result<LearnerState> {
        let OptimizerState { first, second, steps } = self.optimizer.state();
        let [first, second] = [first, second].map(|values| self.online.in_stored_order(&values));
        let optimizer = OptimizerState { first, second, steps };
        let values = |network: &CpuNetwork| network.parameters().values;
        let (online, target) = (values(&self.online), self.target.as_ref().map(values).unwrap_or_default());
        Ok(LearnerState { online, target, optimizer })
    }

    fn set_state(&mut self, state: LearnerState) -> Result<()> {
        let (online, target) = state.networks(self.online.architecture(), self.target.is_some())?;
        self.online.set_parameters(&online);
        if let (Some(own), Some(target)) = (&mut self.target, target) {
            own.set_parameters(&target);
        }
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
    target: Option<CandleNetwork>,
    optimizer: DeviceOptimizer,
    /// The sum of the gradients added since the last step; empty if there is none.
    added: Vec<Tensor>,
    outputs: Vec<f32>,
    output_gradient: Vec<f32>,
}

impl CandleLearner {
    /// Both networks start from `parameters`.
    pub fn new(parameters: &Parameters, rule: OptimizerRule, device: &Device) -> Result<Self> {
        let learner = Self::without_target(parameters, rule, device)?;
        let target = CandleNetwork::new(parameters, device).context("cannot put the target network on the device")?;
        Ok(Self { target: Some(target), ..learner })
    }

    /// There is no target network.
    fn without_target(parameters: &Parameters, rule: OptimizerRule, device: &Device) -> Result<Self> {
        let online = CandleNetwork::new(parameters, device).context("cannot put the network on the device")?;
        let optimizer = DeviceOptimizer::new(rule, online.variables())?;
        let (added, outputs, output_gradient) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self { online, target: None, optimizer, added, outputs, output_gradient })
    }

    /// The gradients of `loss`, and its figures.
    fn gradients(&mut self, observations: Seen<'_>, loss: &Loss<'_>) -> Result<(Vec<Tensor>, Shown)> {
        let begun = Instant::now();
        let outputs = self.online.forward(observations)?;
        self.outputs = outputs.flatten_all()?.to_vec1()?;
        let forward = begun.elapsed();
        self.output_gradient.resize(self.outputs.len(), 0.0);
        let head = &self.online.architecture().design.head;
        let shown = loss.gradient(head, &self.outputs, &mut self.output_gradient)?;
        let gradients = self.online.gradients(&outputs, &self.output_gradient)?;
        Ok((gradients, Shown { forward, ..shown }))
    }

    /// One optimizer step. Returns the gradients' norm if it is limited.
    fn step_against(&mut self, mut gradients: Vec<Tensor>, norm_limit: Option<f32>) -> Result<Option<f32>> {
        let gradient_norm = norm_limit.map(|limit| clip_norm_on_device(&mut gradients, limit)).transpose()?;
        self.optimizer.step(self.online.variables(), &gradients)?;
        self.online.set_noise(None)?;
        Ok(gradient_norm)
    }
}

impl Learner for CandleLearner {
    fn architecture(&self) -> &Architecture {
        self.online.architecture()
    }

    fn outputs(&mut self, which: Which, observations: Seen<'_>) -> Result<&[f32]> {
        let network = match which {
            Which::Online => &self.online,
            Which::Target => present(self.target.as_ref())?,
        };
        self.outputs = network.forward(observations)?.flatten_all()?.to_vec1()?;
        Ok(&self.outputs)
    }

    fn set_noise(&mut self, which: Which, noise: Option<&[f32]>) -> Result<()> {
        Ok(match which {
            Which::Online => self.online.set_noise(noise),
            Which::Target => present(self.target.as_mut())?.set_noise(noise),
        }?)
    }

    fn update(&mut self, observations: Seen<'_>, loss: &Loss<'_>) -> Result<Shown> {
        let (gradients, shown) = self.gradients(observations, loss)?;
        Ok(Shown { gradient_norm: self.step_against(gradients, loss.norm_limit)?, ..shown })
    }

    fn add_gradient(&mut self, observations: Seen<'_>, loss: &Loss<'_>) -> Result<Shown> {
        let added = std::mem::take(&mut self.added);
        let (gradients, shown) = self.gradients(observations, loss)?;
        self.added = match added.as_slice() {
            [] => gradients,
            added => added.iter().zip(&gradients).map(|(sum, more)| sum + more).collect::<candle_core::Result<_>>()?,
        };
        Ok(shown)
    }

    fn step(&mut self, norm_limit: Option<f32>) -> Result<Option<f32>> {
        match std::mem::take(&mut self.added) {
            added if added.is_empty() => Ok(None),
            added => self.step_against(added, norm_limit),
        }
    }

    fn move_target(&mut self, tau: f32) -> Result<()> {
        Ok(present(self.target.as_mut())?.move_towards(&self.online, tau)?)
    }

    fn parameters(&self, which: Which) -> Result<Parameters> {
        Ok(match which {
            Which::Online => self.online.parameters()?,
            Which::Target => present(self.target.as_ref())?.parameters()?,
        })
    }

    fn evaluator(&self, which: Which) -> Result<Evaluator> {
        Evaluator::new(&self.parameters(which)?, self.online.device())
    }

    fn state(&self) -> Result<LearnerState> {
        let online = self.online.parameters()?.values;
        let target = self.target.as_ref().map_or(Ok(Vec::new()), |target| target.parameters().map(|all| all.values))?;
        Ok(LearnerState { online, target, optimizer: self.optimizer.state()? })
    }

    fn set_state(&mut self, state: LearnerState) -> Result<()> {
        let (online, target) = state.networks(self.online.architecture(), self.target.is_some())?;
        self.online.set_parameters(&online)?;
        if let (Some(own), Some(target)) = (&mut self.target, target) {
            own.set_parameters(&target)?;
        }
        Ok(self.optimizer.set_state(&state.optimizer)?)
    }
}

#[cfg(test)]
mod tests;
