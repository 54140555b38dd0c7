//! A trained network at the stick.

use crate::candle_network::CandleNetwork;
use crate::cpu_network::{CpuNetwork, Workspace};
use crate::network::{first_maximum, Parameters};
use crate::random::Generator;
use anyhow::Result;
use candle_core::Device;
use std::sync::Arc;

/// Evaluates one network and chooses among its actions: the one of the largest Q-value, of equal ones the first, or a
/// random one with probability epsilon.
pub struct Player {
    network: PlayerNetwork,
    actions: usize,
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
        Ok(Self { network, actions: parameters.architecture.actions, epsilon })
    }

    /// Another player with the same network, for another thread.
    pub fn share(&self) -> Self {
        let network = match &self.network {
            PlayerNetwork::Cpu(network, _) => PlayerNetwork::Cpu(Arc::clone(network), Box::default()),
            PlayerNetwork::Candle(network) => PlayerNetwork::Candle(Arc::clone(network)),
        };
        Self { network, actions: self.actions, epsilon: self.epsilon }
    }

    /// The index of the action for `observation`, `[4, 84, 84]` gray values, oldest frame first.
    pub fn act(&mut self, observation: &[u8], generator: &mut Generator) -> Result<usize> {
        if generator.fraction() < self.epsilon {
            return Ok(generator.below(self.actions));
        }
        match &mut self.network {
            PlayerNetwork::Cpu(network, workspace) => Ok(first_maximum(workspace.forward(network, observation))),
            PlayerNetwork::Candle(network) => {
                Ok(first_maximum(&network.forward(observation)?.flatten_all()?.to_vec1::<f32>()?))
            }
        }
    }

    /// The Q-values of `observation`, one for each action.
    pub fn q_values(&mut self, observation: &[u8]) -> Result<Vec<f32>> {
        match &mut self.network {
            PlayerNetwork::Cpu(network, workspace) => Ok(workspace.forward(network, observation).to_vec()),
            PlayerNetwork::Candle(network) => Ok(network.forward(observation)?.flatten_all()?.to_vec1()?),
        }
    }
}
