//! The words that some keys take as values.

use crate::config::values::Word;
use serde::{Deserialize, Serialize};

/// How a picture is reduced to 84 x 84.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResizeKind {
    /// Every output pixel is the average of the area it covers (OpenCV `INTER_AREA`).
    Area,
    /// Linear interpolation between the four nearest pixels (OpenCV `INTER_LINEAR`).
    Bilinear,
}

/// What a lost life means to the learner. Reported scores are sums over whole games in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LifeLoss {
    /// The transition's discount is 0; the game continues without a reset.
    Terminal,
    /// Nothing.
    Ignore,
}

/// How acting and learning take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interleaving {
    /// The online network acts; an update sees all steps before it. The paper's.
    Sequential,
    /// The target network acts, and updates see the steps up to its last copy: both run at the same time until the next
    /// copy (Daley & Amato 2021). The results are the same on one core.
    Concurrent,
}

/// The loss of a TD error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LossKind {
    /// The error clipped to [-1, 1] is the gradient: Huber's loss with delta 1.
    Clipped,
    /// The error squared.
    Squared,
}

/// The optimizers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// The paper's centered RMSProp, on gradients summed over the batch.
    RmsProp,
    /// Adam, on gradients averaged over the batch.
    Adam,
}

/// The ways epsilon can fall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EpsilonKind {
    /// Linearly over `epsilon_anneal_steps`, after `epsilon_starts_steps`.
    Linear,
    /// By the factor `epsilon_decay` a training game.
    Exponential,
}

/// Normalization inside a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NormKind {
    /// None.
    None,
    /// LayerNorm (Ba et al. 2016) between each linear map and its ReLU, over the channels of each position by themselves, or
    /// over the units of a dense layer.
    Channels,
}

/// The distributions from which a network's initial values are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InitialValues {
    /// PyTorch's usual ones: weights and biases uniform in +-1/sqrt(fan_in).
    Pytorch,
    /// Weights normal, cut at two deviations, with deviation sqrt(2/fan_in), in the last layers sqrt(1/fan_in); biases 0
    /// (He et al. 2015, as in Gallici et al. 2025).
    He,
    /// Weights normal, cut at two deviations, with deviation sqrt(1/fan_in); biases 0 (LeCun et al. 1998).
    Lecun,
}

/// The networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkKind {
    /// Mnih et al. 2015: conv 32 8x8/4, conv 64 4x4/2, conv 64 3x3/1, dense 512; 9.3 M multiply-adds a state of 4 x 84 x 84.
    Nature,
    /// Mnih et al. 2013: conv 16 8x8/4, conv 32 4x4/2, dense 256; 3.0 M multiply-adds a state of 4 x 84 x 84.
    Nips,
    /// For the CPU: conv 16 8x8/4, conv 32 4x4/2, dense 128; 2.6 M multiply-adds a state of 4 x 84 x 84.
    Small,
    /// For the CPU, with hardly overlapping patches: conv 32 5x5/5, conv 64 5x5/5, dense 256; 1.4 M multiply-adds a state of
    /// 4 x 84 x 84.
    Cpu,
    /// A multilayer perceptron for states of a few numbers, without convolutions: dense 128, dense 128.
    Mlp,
}

impl Word for ResizeKind {}
impl Word for LifeLoss {}
impl Word for Interleaving {}
impl Word for LossKind {}
impl Word for OptimizerKind {}
impl Word for EpsilonKind {}
impl Word for NormKind {}
impl Word for InitialValues {}
impl Word for NetworkKind {}
