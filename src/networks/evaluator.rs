//! A network that is evaluated but not trained: a copy on some device, which threads can share.

use crate::networks::candle::CandleNetwork;
use crate::networks::cpu::{CpuNetwork, Workspace};
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
}

enum Network {
    Cpu(Arc<CpuNetwork>, Box<Workspace>),
    Candle(Arc<CandleNetwork>),
}

impl Evaluator {
    /// A copy of this network on `device`.
    ///
    /// # Errors
    /// When the device has no room for it.
    pub fn new(parameters: &Parameters, device: &Device) -> Result<Self> {
        let network = match device {
            Device::Cpu => Network::Cpu(Arc::new(CpuNetwork::new(parameters)), Box::default()),
            device => Network::Candle(Arc::new(CandleNetwork::new(parameters, device)?)),
        };
        Ok(Self { network, fetched: Vec::new(), q_values: Vec::new() })
    }

    /// An evaluator of this network, without its noise.
    pub(super) fn of_cpu_network(mut network: CpuNetwork) -> Self {
        network.set_noise(None);
        let network = Network::Cpu(Arc::new(network), Box::default());
        Self { network, fetched: Vec::new(), q_values: Vec::new() }
    }

    /// Evaluates the network of `other` from now on, shared with it.
    pub fn follow(&mut self, other: &Evaluator) {
        match (&mut self.network, &other.network) {
            // The workspace stays.
            (Network::Cpu(own, _), Network::Cpu(network, _)) => *own = Arc::clone(network),
            (Network::Candle(own), Network::Candle(network)) => *own = Arc::clone(network),
            _ => *self = other.share(),
        }
    }

    /// Another evaluator of the same network, for another thread.
    pub fn share(&self) -> Self {
        let network = match &self.network {
            Network::Cpu(network, _) => Network::Cpu(Arc::clone(network), Box::default()),
            Network::Candle(network) => Network::Candle(Arc::clone(network)),
        };
        Self { network, fetched: Vec::new(), q_values: Vec::new() }
    }

    /// Another evaluator of the same network that wakes no other threads, for a caller that has other work for them.
    pub fn share_on_one_thread(&self) -> Self {
        let mut evaluator = self.share();
        if let Network::Cpu(_, workspace) = &mut evaluator.network {
            **workspace = Workspace::on_one_thread();
        }
        evaluator
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
            Network::Cpu(network, _) => Arc::get_mut(network).context(alone)?.set_noise(Some(noise)),
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
        let outputs = match &mut self.network {
            Network::Cpu(network, workspace) => workspace.forward(network, observations)?,
            Network::Candle(network) => {
                self.fetched = network.forward(observations)?.flatten_all()?.to_vec1()?;
                &self.fetched
            }
        };
        Ok(head.q_values(outputs, &mut self.q_values))
    }
}
