//! A network that is evaluated but not trained: a copy on some device, which threads can share.

use crate::networks::candle::CandleNetwork;
use crate::networks::cpu::{CpuNetwork, Workspace};
use crate::networks::head::{softmax, Head};
use crate::networks::{Architecture, Parameters};
use crate::observations::Seen;
use anyhow::{Context, Result};
use candle_core::Device;
use std::sync::Arc;

/// Evaluates one network; noisy layers by their means unless [`set_noise`](Self::set_noise) says otherwise.
pub struct Evaluator {
    network: Network,
    /// The network's outputs, fetched from a GPU.
    fetched: Vec<f32>,
    /// Room for the Q-values.
    q_values: Vec<f32>,
    /// Room for a policy's probabilities.
    probabilities: Vec<f64>,
}

enum Network {
    /// With room for its evaluation, which keeps a base.
    Cpu(Arc<CpuNetwork>, Box<Workspace>),
    Candle(Arc<CandleNetwork>),
}

impl Network {
    fn cpu(network: Arc<CpuNetwork>, workspace: Workspace) -> Self {
        Self::Cpu(network, Box::new(workspace.keeping_base()))
    }

    /// The outputs for `observations`, perhaps in `fetched`.
    fn outputs<'a>(&'a mut self, observations: Seen<'_>, fetched: &'a mut Vec<f32>) -> Result<&'a [f32]> {
        match self {
            Network::Cpu(network, workspace) => workspace.forward(network, observations),
            Network::Candle(network) => {
                *fetched = network.forward(observations)?.flatten_all()?.to_vec1()?;
                Ok(fetched)
            }
        }
    }
}

impl Evaluator {
    /// A copy of this network on `device`.
    ///
    /// # Errors
    /// When the device has no room for it.
    pub fn new(parameters: &Parameters, device: &Device) -> Result<Self> {
        let network = match device {
            Device::Cpu => Network::cpu(Arc::new(CpuNetwork::new(parameters)), Workspace::default()),
            device => Network::Candle(Arc::new(CandleNetwork::new(parameters, device)?)),
        };
        Ok(Self::of(network))
    }

    /// An evaluator of this network, without its noise.
    pub(super) fn of_cpu_network(mut network: CpuNetwork) -> Self {
        network.set_noise(None);
        Self::of(Network::cpu(Arc::new(network), Workspace::default()))
    }

    fn of(network: Network) -> Self {
        Self { network, fetched: Vec::new(), q_values: Vec::new(), probabilities: Vec::new() }
    }

    /// Evaluates the network of `other` from now on, shared with it.
    pub fn follow(&mut self, other: &Evaluator) {
        match (&mut self.network, &other.network) {
            (Network::Cpu(own, workspace), Network::Cpu(network, _)) => {
                *own = Arc::clone(network);
                workspace.forget_base();
            }
            (Network::Candle(own), Network::Candle(network)) => *own = Arc::clone(network),
            _ => *self = other.share(),
        }
    }

    /// Another evaluator of the same network, for another thread.
    pub fn share(&self) -> Self {
        let network = match &self.network {
            Network::Cpu(network, _) => Network::cpu(Arc::clone(network), Workspace::default()),
            Network::Candle(network) => Network::Candle(Arc::clone(network)),
        };
        Self::of(network)
    }

    /// Another evaluator of the same network that wakes no other threads, for a caller that has other work for them.
    pub fn share_on_one_thread(&self) -> Self {
        match &self.network {
            Network::Cpu(network, _) => Self::of(Network::cpu(Arc::clone(network), Workspace::on_one_thread())),
            Network::Candle(_) => self.share(),
        }
    }

    /// The network's shape.
    pub fn architecture(&self) -> &Architecture {
        match &self.network {
            Network::Cpu(network, _) => network.architecture(),
            Network::Candle(network) => network.architecture(),
        }
    }

    /// The network's parameters.
    ///
    /// # Errors
    /// When they cannot be fetched from the device.
    pub fn parameters(&self) -> Result<Parameters> {
        Ok(match &self.network {
            Network::Cpu(network, _) => network.parameters(),
            Network::Candle(network) => network.parameters()?,
        })
    }

    /// Sets the noise of noisy layers; see [`Learner::set_noise`](crate::networks::learner::Learner::set_noise).
    ///
    /// # Errors
    /// When the network is [shared](Self::share), or the device fails.
    pub fn set_noise(&mut self, noise: &[f32]) -> Result<()> {
        let alone = "the noise of a network that others use too cannot be set";
        match &mut self.network {
            Network::Cpu(network, workspace) => {
                workspace.forget_base();
                Arc::get_mut(network).context(alone)?.set_noise(Some(noise));
            }
            Network::Candle(network) => Arc::get_mut(network).context(alone)?.set_noise(Some(noise))?,
        }
        Ok(())
    }

    /// The Q-values of `observations`: `[count, actions]`.
    ///
    /// # Errors
    /// When the observations are not of the network's space, or the device fails.
    pub fn q_values(&mut self, observations: Seen<'_>) -> Result<&[f32]> {
        let head = self.architecture().design.head;
        let outputs = self.network.outputs(observations, &mut self.fetched)?;
        Ok(head.q_values(outputs, &mut self.q_values))
    }

    /// A policy's probabilities of the actions for `observations`: `[count, actions]`. `None` if the network is not a policy.
    ///
    /// # Errors
    /// When the observations are not of the network's space, or the device fails.
    pub fn probabilities(&mut self, observations: Seen<'_>) -> Result<Option<&[f64]>> {
        let (head, actions) = (self.architecture().design.head, self.architecture().actions);
        if head != Head::Policy {
            return Ok(None);
        }
        let logits = self.network.outputs(observations, &mut self.fetched)?;
        self.probabilities.resize(logits.len(), 0.0);
        let each = logits.chunks_exact(actions).zip(self.probabilities.chunks_exact_mut(actions));
        each.for_each(|(logits, probabilities)| softmax(logits, probabilities));
        Ok(Some(&self.probabilities))
    }
}
