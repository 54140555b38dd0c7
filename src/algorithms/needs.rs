//! Memory that an algorithm takes, known before anything is made.

use crate::algorithms::{num_envs, reinforce};
use crate::config::{AlgorithmKeys, Config};
use crate::experience::rollout::Lane;
use crate::networks::{Architecture, Design};
use crate::observations::Space;
use crate::policy::table::states;
use anyhow::Result;

/// Copies of the parameters: network, its target, two averages of the optimizer, gradient, and copies that act, are evaluated and
/// are saved.
const PARAMETER_COPIES: u64 = 8;
/// Copies of a table: the one that learns, its counts, and copies that are evaluated, are put into bytes and are written.
const TABLE_COPIES: u64 = 6;
/// Bytes of a learning step for each number that a layer reads or writes for an image. With `nature`, batches of 1,024 instead of 32
/// took 284 MB more, which is 3.2 without the observations; this has some room.
const BYTES_OF_A_NUMBER: u64 = 5;
/// Bytes of one environment: the console, its pictures and the stack.
pub const ENVIRONMENT_BYTES: u64 = 400_000;
/// Steps of REINFORCE's games that memory is planned for: how long games will be is not known before, and most updates have fewer.
const COLLECTED: usize = 10_000;
/// Bytes of the program itself, with the translated code of a game.
const PROGRAM: u64 = 40_000_000;

/// The steps that an algorithm without a replay learns from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RolloutPlan {
    /// Steps of each environment.
    pub horizon: u64,
    /// Environments.
    pub num_envs: u64,
    /// Bytes of all of them.
    pub bytes: u64,
}

/// The rollout that the algorithm will fill; `None` for an algorithm without one.
pub fn rollout_plan(config: &AlgorithmKeys, space: Space) -> Option<RolloutPlan> {
    let AlgorithmKeys::Pqn(keys) = config else { return None };
    let (horizon, num_envs) = (keys.horizon as u64, keys.num_envs as u64);
    // The order of an epoch, beside the lanes.
    let bytes = num_envs.saturating_mul(Lane::bytes(space, horizon).saturating_add(8 * horizon));
    Some(RolloutPlan { horizon, num_envs, bytes })
}

/// Bytes of the values of the algorithm's tables; `None` for an algorithm with a network.
///
/// # Errors
/// When there can be no table of these observations, or it is too large. The message says what would work.
pub fn table_bytes(config: &AlgorithmKeys, space: Space, actions: usize) -> Result<Option<u64>> {
    let (edges, tables) = match config {
        AlgorithmKeys::QLearning(keys) | AlgorithmKeys::Sarsa(keys) => (keys.edges, 1),
        // Td's second table tells which actions are possible.
        AlgorithmKeys::DoubleQ(keys) | AlgorithmKeys::Td(keys) => (keys.edges, 2),
        AlgorithmKeys::ValueIteration(_) | AlgorithmKeys::QIteration(_) => (0, 2),
        AlgorithmKeys::Dqn(_) | AlgorithmKeys::Pqn(_) | AlgorithmKeys::Reinforce(_) => return Ok(None),
    };
    let states = states::count(space, edges as usize, actions)?;
    Ok(Some(8 * tables * (states * actions) as u64))
}

/// Bytes of a network's or a table's file.
///
/// # Errors
/// When network or table do not fit the observations.
pub fn model_bytes(config: &Config, space: Space, actions: usize) -> Result<u64> {
    if let Some(bytes) = table_bytes(&config.algorithm, space, actions)? {
        return Ok(bytes);
    }
    Ok(4 * Architecture::new(Design::of(&config.network), space, actions)?.parameter_count() as u64)
}

/// Bytes of environments, networks or tables, batches and the program itself: all but a replay or a rollout.
///
/// # Errors
/// When network or table do not fit the observations.
pub fn other_bytes(config: &Config, space: Space, actions: usize) -> Result<u64> {
    if let Some(bytes) = table_bytes(&config.algorithm, space, actions)? {
        return Ok(PROGRAM + ENVIRONMENT_BYTES + TABLE_COPIES * bytes);
    }
    let batch = match &config.algorithm {
        // Observations and successors.
        AlgorithmKeys::Dqn(keys) => [keys.batch_size, 2 * space.size()],
        AlgorithmKeys::Pqn(keys) => [keys.minibatch_size, space.size()],
        AlgorithmKeys::Reinforce(keys) => [keys.max_update_steps.min(reinforce::PART), space.size()],
        _ => return Ok(PROGRAM + ENVIRONMENT_BYTES),
    };
    let architecture = Architecture::new(Design::of(&config.network), space, actions)?;
    let [images, bytes_of_image] = batch.map(|number| number as u64);
    let convolved: usize = architecture.convolutions.iter().map(|shape| shape.input_len() + shape.output_len()).sum();
    let dense: usize = architecture.dense().iter().map(|layer| layer.inputs + layer.outputs).sum();
    let workspace = BYTES_OF_A_NUMBER * (convolved + dense) as u64;
    let parameters = 4 * PARAMETER_COPIES * architecture.parameter_count() as u64;
    let collected = match &config.algorithm {
        AlgorithmKeys::Reinforce(keys) => Lane::bytes(space, keys.max_update_steps.min(COLLECTED) as u64),
        _ => 0,
    };
    Ok(PROGRAM
        + parameters
        + collected
        + num_envs(&config.algorithm) as u64 * ENVIRONMENT_BYTES
        + images * (bytes_of_image + workspace))
}
