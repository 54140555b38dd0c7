//! A trained network at the stick.

use crate::candle_network::CandleNetwork;
use crate::cpu_network::{CpuNetwork, Workspace};
use crate::head::Head;
use crate::network::{first_maximum, Parameters};
use crate::random::Generator;
use anyhow::{Context, Result};
use candle_core::Device;
use std::sync::Arc;

/// Evaluates one network, noisy layers by their means, and chooses among its actions: the one of the largest Q-value, of
/// equal ones the first, or a random one with probability epsilon.
pub struct Player {
    network: PlayerNetwork,
    head: Head,
    actions: usize,
    /// The network's outputs, if they had to be fetched from a device.
    fetched: Vec<f32>,
    /// Room for the Q-values.
    room: Vec<f32>,
    epsilon: f64,
}

enum PlayerNetwork {
    Cpu(Arc<CpuNetwork>, Box<Workspace>),
    Candle(Arc<CandleNetwork>),
}

impl Player {
    /// A player with this network on `device`.
    pub fn new(parameters: &Parameters, epsilon: f64, device: &Device) -> Result<Self> {
        let network = match device {
            Device::Cpu => PlayerNetwork::Cpu(Arc::new(CpuNetwork::new(parameters)), Box::default()),
            device => PlayerNetwork::Candle(Arc::new(CandleNetwork::new(parameters, device)?)),
        };
        let architecture = &parameters.architecture;
        Ok(Self {
            network,
            head: architecture.design.head,
            actions: architecture.actions,
            room: Vec::new(),
            fetched: Vec::new(),
            epsilon,
        })
    }

    /// Another player with the same network, for another thread.
    pub fn share(&self) -> Self {
        let network = match &self.network {
            PlayerNetwork::Cpu(network, _) => PlayerNetwork::Cpu(Arc::clone(network), Box::default()),
            PlayerNetwork::Candle(network) => PlayerNetwork::Candle(Arc::clone(network)),
        };
        Self { network, room: Vec::new(), fetched: Vec::new(), ..*self }
    }

    /// The index of the action for `observation`, `[4, 84, 84]` gray values, oldest frame first.
    pub fn act(&mut self, observation: &[u8], generator: &mut Generator) -> Result<usize> {
        if generator.fraction() < self.epsilon {
            return Ok(generator.below(self.actions));
        }
        Ok(first_maximum(self.look(observation)?))
    }

    /// The Q-values of `observation`, one for each action.
    pub fn q_values(&mut self, observation: &[u8]) -> Result<Vec<f32>> {
        Ok(self.look(observation)?.to_vec())
    }

    /// From now on noisy layers have this draw of noise; see [`Learner::perturb`](crate::learner::Learner::perturb). Only for a
    /// player that [shares](Self::share) its network with none.
    pub fn perturb(&mut self, factors: &[f32]) -> Result<()> {
        let alone = "a network that others use too cannot be perturbed";
        match &mut self.network {
            PlayerNetwork::Cpu(network, _) => Arc::get_mut(network).context(alone)?.perturb(Some(factors)),
            PlayerNetwork::Candle(network) => Arc::get_mut(network).context(alone)?.perturb(Some(factors))?,
        }
        Ok(())
    }

    /// As [`q_values`](Self::q_values), without a copy.
    pub fn look(&mut self, observation: &[u8]) -> Result<&[f32]> {
        let outputs = match &mut self.network {
            PlayerNetwork::Cpu(network, workspace) => workspace.forward(network, observation),
            PlayerNetwork::Candle(network) => {
                self.fetched = network.forward(observation)?.flatten_all()?.to_vec1()?;
                &self.fetched
            }
        };
        Ok(self.head.q_values(outputs, &mut self.room))
    }
}
