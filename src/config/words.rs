//! The words that some keys take as values.

use crate::config::values::{KeyValue, Word};
use serde::{Deserialize, Serialize};
use toml::Value;

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
    /// Linearly over `epsilon_anneal_games` training games.
    Games,
}

/// When DQN updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpdatesAt {
    /// Every `train_every_steps` steps of the run.
    Steps,
    /// Every `train_every_steps` steps of an episode.
    EpisodeSteps,
    /// Once at the end of every episode.
    EpisodeEnds,
}

/// Which of several actions with the same, largest value is greedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ties {
    /// The first.
    First,
    /// A random one.
    Random,
}

/// Over which steps returns are normalized: less their mean, divided by their standard deviation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalization {
    /// Not at all.
    None,
    /// Each episode by itself.
    Episode,
    /// All episodes of an update together.
    Batch,
}

/// How the loss of an update is made of its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reduction {
    /// Their mean.
    Mean,
    /// Their sum.
    Sum,
}

/// The form of a dueling network's Q-values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DuelingForm {
    /// V + A - mean A (Wang et al. 2016, equation 9).
    Mean,
    /// V + A - max A (equation 8).
    Maximum,
}

/// What follows each hidden layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// max(x, 0).
    Relu,
    /// x where x > 0, otherwise e^x - 1 (Clevert et al. 2016).
    Elu,
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
    /// Weights uniform in +-sqrt(6/(fan_in + fan_out)); biases 0 (Glorot & Bengio 2010).
    Glorot,
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
    /// A multilayer perceptron for states of a few numbers, without convolutions: dense 128, dense 128, or `layers`.
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
impl Word for UpdatesAt {}
impl Word for Ties {}
impl Word for Normalization {}
impl Word for Reduction {}
impl Word for DuelingForm {}
impl Word for Activation {}

/// Widths of dense layers, at most [`Widths::MOST`] of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(into = "Vec<u32>")]
pub struct Widths([u32; Widths::MOST]);

impl Widths {
    /// Most layers.
    pub const MOST: usize = 6;
    /// Widest layer.
    pub const WIDEST: u32 = 65_536;
    /// No layers.
    pub const NONE: Self = Self([0; Self::MOST]);

    /// These widths; `None` if there are too many, or one is 0 or too large.
    pub fn new(widths: &[u32]) -> Option<Self> {
        let mut own = Self::default();
        own.0.get_mut(..widths.len())?.copy_from_slice(widths);
        widths.iter().all(|width| (1..=Self::WIDEST).contains(width)).then_some(own)
    }

    /// The widths.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().take_while(|width| **width > 0).map(|width| *width as usize)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0[0] == 0
    }
}

impl From<Widths> for Vec<u32> {
    fn from(widths: Widths) -> Self {
        widths.0.into_iter().take_while(|width| *width > 0).collect()
    }
}

impl KeyValue for Widths {
    fn read(value: &Value, _: Option<String>) -> Result<Self, String> {
        let expected =
            || format!("expected a list of up to {} widths from 1 to {}, e.g. [64, 64]", Self::MOST, Self::WIDEST);
        let widths = value.as_array().ok_or_else(expected)?;
        let widths: Result<Vec<u32>, String> = widths.iter().map(|width| u32::read(width, None)).collect();
        Self::new(&widths.map_err(|_| expected())?).ok_or_else(expected)
    }
}
