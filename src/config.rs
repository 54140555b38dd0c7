//! Every hyperparameter of a training run: what it means, where its value comes from, what values it may have.
//!
//! A configuration is resolved in this order, later wins: preset, `--config` file, `--set key=value`, flags. Presets are
//! TOML files in `presets/` that give every key, with unit and source beside each.

use crate::algorithms::dqn::agent::LearningRule;
use crate::algorithms::exploration::{BetaSchedule, EpsilonSchedule};
use crate::experience::replay::Replay;
use crate::networks::head::{Head, Support};
use crate::networks::loss::LossKind;
use crate::networks::optimizer::{LearningRate, OptimizerRule};
use crate::networks::{Design, NetworkKind};
use crate::preprocess::{Preprocessing, Resize, STACK};
use anyhow::{bail, Context, Result};
use serde::{Deserialize, Serialize};
use std::fmt::{Display, Write as _};
use std::ops::RangeInclusive;
use std::path::Path;
use toml::{Table, Value};

/// (name, file) of the presets.
const PRESETS: [(&str, &str); 8] = [
    ("nature", include_str!("config/presets/nature.toml")),
    ("dopamine", include_str!("config/presets/dopamine.toml")),
    ("cleanrl", include_str!("config/presets/cleanrl.toml")),
    ("rainbow", include_str!("config/presets/rainbow.toml")),
    ("machado", include_str!("config/presets/machado.toml")),
    ("pong-cpu", include_str!("config/presets/pong-cpu.toml")),
    ("breakout-cpu", include_str!("config/presets/breakout-cpu.toml")),
    ("bricks", include_str!("config/presets/bricks.toml")),
];

/// What a lost life means to the learner. Reported scores are those of whole games in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LifeLoss {
    /// The transition's discount is 0; the game goes on without a reset.
    Terminal,
    /// Nothing.
    Ignore,
}

/// How acting and learning take turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// The online network acts; an update sees all steps before it. The paper's.
    Sequential,
    /// The target network acts, and updates see the steps up to its last copy: both go on at the same time until the next
    /// (Daley & Amato 2021). The results are the same on one core.
    Concurrent,
}

/// The optimizers on offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// The paper's centred RMSProp, on gradients summed over the batch.
    RmsProp,
    /// Adam, on gradients averaged over the batch.
    Adam,
}

/// The ways epsilon can fall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EpsilonKind {
    /// In equal parts over `epsilon_anneal_steps`, after `epsilon_starts_steps`.
    Linear,
    /// By the factor `epsilon_decay` a training game.
    Exponential,
}

/// Every hyperparameter. A *frame* is 1/60 s of the game (1/50 s on PAL); a *step* is one decision of the agent,
/// `frame_skip` frames; an *update* is one gradient step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Frames an action is held for.
    pub frame_skip: u32,
    /// How the picture is reduced to 84 x 84: "area" or "bilinear".
    pub resize: Resize,
    /// All 18 actions instead of those that matter to the game.
    pub full_action_space: bool,
    /// Probability, per frame, that the previous action is repeated instead of the chosen one.
    pub sticky_probability: f64,
    /// An episode begins with 0 to this many no-op frames.
    pub noop_max: u32,
    /// FIRE is pressed for one frame at the start of an episode.
    pub fire_reset: bool,
    /// What a lost life means to the learner: "terminal" or "ignore".
    pub life_loss: LifeLoss,
    /// Rewards are clipped to [-1, 1] for learning.
    pub reward_clip: bool,
    /// Frames after which a training episode is truncated; 0 means never.
    pub max_episode_frames: u32,

    /// The network: "nature", "nips", "small" or "cpu".
    pub network: NetworkKind,
    /// Value and advantage in branches of their own (Wang et al. 2016).
    pub dueling: bool,
    /// Noise in the dense layers explores (Fortunato et al. 2018). Epsilon is 0 then, unless it is given beside it.
    pub noisy: bool,
    /// Initial spread of the noise, times the root of a layer's inputs.
    pub noisy_sigma: f64,
    /// Distributions of returns instead of their means (C51, Bellemare et al. 2017).
    pub categorical: bool,
    /// Returns such a distribution is over.
    pub atoms: usize,
    /// Discounted return of the first atom.
    pub value_min: f64,
    /// Discounted return of the last atom.
    pub value_max: f64,

    /// Length of the run, in steps.
    pub total_steps: u64,
    /// The run ends early when the mean return of the last 100 training games reaches this; inf means never.
    pub solved_at: f64,
    /// Frames the replay holds, one a step.
    pub replay_capacity: usize,
    /// The replay keeps its frames compressed, without loss.
    pub replay_compression: bool,
    /// Steps taken before the first update.
    pub learning_starts_steps: u64,
    /// Steps from one update to the next.
    pub train_every_steps: u64,
    /// Transitions in an update.
    pub batch_size: usize,
    /// Steps from one copy of the online to the target network to the next.
    pub target_sync_steps: u64,
    /// Fraction of the way to the online network that the target network moves after every update; 0 means copies every
    /// `target_sync_steps` instead.
    pub target_tau: f64,
    /// How acting and learning take turns: "sequential", or "concurrent" on two cores.
    pub schedule: Schedule,
    /// Discount a step.
    pub gamma: f64,
    /// Steps of rewards summed before the successor's value is used.
    pub n_step: usize,
    /// The online network chooses the successor's action (van Hasselt et al. 2016).
    pub double: bool,
    /// What is made of a TD error: "clipped" (Huber, delta 1) or "squared"; unused if `categorical`.
    pub loss: LossKind,
    /// Transitions are drawn by priority (Schaul et al. 2016).
    pub prioritized: bool,
    /// A priority is the error to this power (alpha): 0 is uniform.
    pub priority_exponent: f64,
    /// Force of the importance weights at step 0 (beta).
    pub priority_beta_initial: f64,
    /// Steps that beta takes to 1, on a line. Not simply the length of the run: a run that is resumed to a greater length must go
    /// on as it would have gone.
    pub priority_beta_steps: u64,
    /// Added to the error.
    pub priority_epsilon: f64,

    /// "rmsprop" (the paper's, gradients summed over the batch) or "adam" (averaged).
    pub optimizer: OptimizerKind,
    /// Learning rate of either.
    pub learning_rate: f64,
    /// Learning rate after its fall, if it falls.
    #[serde(default)]
    pub learning_rate_final: f64,
    /// Updates the learning rate takes to its final value, on a line; 0 means that it stays. Not simply the length of the run: a
    /// run that is resumed to a greater length must go on as it would have gone.
    #[serde(default)]
    pub learning_rate_anneal_updates: u64,
    /// Decay of RMSProp's averages of the gradient and of its square.
    pub rmsprop_decay: f64,
    /// Added inside RMSProp's root.
    pub rmsprop_epsilon: f64,
    /// Decay of Adam's average gradient.
    pub adam_beta1: f64,
    /// Decay of Adam's average squared gradient.
    pub adam_beta2: f64,
    /// Added to Adam's root.
    pub adam_epsilon: f64,
    /// A gradient, of all parameters together, whose norm is larger is shortened to it; 0 means none is. Where gradients
    /// are summed over the batch it is the sum's norm.
    pub gradient_clip_norm: f64,

    /// How epsilon, the probability of a random action, falls: "linear" or "exponential".
    pub epsilon_schedule: EpsilonKind,
    /// Probability of a random action before the fall.
    pub epsilon_initial: f64,
    /// Probability of a random action after the fall.
    pub epsilon_final: f64,
    /// Steps before the linear fall begins.
    pub epsilon_starts_steps: u64,
    /// Steps the linear fall takes.
    pub epsilon_anneal_steps: u64,
    /// What the exponential schedule multiplies epsilon by after every training game.
    pub epsilon_decay: f64,

    /// Steps from one evaluation during training to the next; 0 means none.
    pub evaluation_every_steps: u64,
    /// Steps such an evaluation takes; games not finished by then do not count, unless it is the first.
    pub evaluation_steps: u64,
    /// Whole games played with the best network after training, and as many by the random policy; 0 means none.
    pub final_evaluation_episodes: u32,
    /// Probability of a random action in evaluations.
    pub evaluation_epsilon: f64,
    /// Frames after which a game of an evaluation is cut off.
    pub evaluation_max_episode_frames: u32,

    /// Steps from one periodic row in `metrics.jsonl` to the next.
    pub metrics_every_steps: u64,
    /// Steps from one saving of the network to the next.
    pub checkpoint_every_steps: u64,
    /// Seed of everything random in the run.
    pub seed: u64,
}

/// Where a configuration comes from.
#[derive(Clone, Debug, Default)]
pub struct Sources<'a> {
    /// Name of the preset.
    pub preset: &'a str,
    /// `--config`.
    pub file: Option<&'a Path>,
    /// `--set`, each `key=value`.
    pub overrides: &'a [String],
    /// `--seed`.
    pub seed: Option<u64>,
    /// `--steps`.
    pub steps: Option<u64>,
}

/// Something wrong with a configuration, as one sentence.
type Fault = String;

impl Config {
    /// The preset `name` as it stands.
    pub fn preset(name: &str) -> Result<Config> {
        let table = preset_table(name)?;
        Value::Table(table).try_into().with_context(|| format!("preset {name}"))
    }

    /// The file of the preset `name`.
    pub fn preset_text(name: &str) -> Result<&'static str> {
        if let Some((_, text)) = PRESETS.iter().find(|(preset, _)| *preset == name) {
            return Ok(text);
        }
        let names: Vec<&str> = Config::preset_names().collect();
        let nearest =
            nearest(name, names.iter().copied()).map_or(String::new(), |near| format!(", did you mean `{near}`?"));
        bail!("there is no preset `{name}`{nearest} (there are: {})", names.join(", "));
    }

    /// (name, what it is for in one line) of every preset.
    pub fn preset_descriptions() -> impl Iterator<Item = (&'static str, &'static str)> {
        PRESETS.iter().map(|(name, text)| (*name, text.lines().next().unwrap_or_default().trim_start_matches("# ")))
    }

    /// The names of the presets.
    pub fn preset_names() -> impl Iterator<Item = &'static str> {
        PRESETS.iter().map(|(name, _)| *name)
    }

    /// The configuration that `sources` make together; all their faults at once if there are any.
    pub fn resolve(sources: &Sources) -> Result<Config> {
        let base = preset_table(sources.preset)?;
        let mut table = base.clone();
        let mut faults = Vec::new();
        let mut epsilon_given = false;
        let mut note = |key: &str| epsilon_given |= matches!(key, "epsilon_initial" | "epsilon_final");
        if let Some(path) = sources.file {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let file: Table = text.parse().with_context(|| format!("{} is not TOML", path.display()))?;
            for (key, value) in file {
                let place = format!("in {}", path.display());
                note(&key);
                override_key(&mut table, &base, &key, value, &place, &mut faults);
            }
        }
        for assignment in sources.overrides {
            match assignment.split_once('=') {
                Some((key, text)) => {
                    let (key, text) = (key.trim(), text.trim());
                    note(key);
                    override_key(&mut table, &base, key, parse_value(text), "in --set", &mut faults);
                }
                None => faults.push(format!("--set {assignment}: expected KEY=VALUE, e.g. --set learning_rate=1e-4")),
            }
        }
        let mut config: Config =
            Value::Table(table).try_into().with_context(|| format!("preset {}", sources.preset))?;
        if config.noisy && !epsilon_given && base.get("noisy") == Some(&Value::Boolean(false)) {
            // The noise explores; the preset's epsilon was for a network without.
            (config.epsilon_initial, config.epsilon_final) = (0.0, 0.0);
        }
        config.seed = sources.seed.unwrap_or(config.seed);
        config.total_steps = sources.steps.unwrap_or(config.total_steps);
        faults.extend(config.faults());
        match faults.as_slice() {
            [] => Ok(config),
            [fault] => bail!("the configuration has a fault: {fault}"),
            faults => {
                let mut message = format!("the configuration has {} faults:", faults.len());
                for fault in faults {
                    let _ = write!(message, "\n  {fault}");
                }
                bail!(message)
            }
        }
    }

    /// Values out of their range.
    fn faults(&self) -> Vec<Fault> {
        let mut faults = Faults::default();
        let many = 1_000_000_000_000u64;
        faults.within("frame_skip", self.frame_skip, 1..=60);
        faults.within("sticky_probability", self.sticky_probability, 0.0..=1.0);
        faults.within("noop_max", self.noop_max, 0..=10_000);
        faults.within("noisy_sigma", self.noisy_sigma, 0.0..=10.0);
        faults.within("atoms", self.atoms, 2..=1_001);
        faults.within("value_min", self.value_min, -1e6..=1e6);
        faults.within("value_max", self.value_max, -1e6..=1e6);
        if self.value_min >= self.value_max {
            faults.add("value_min", self.value_min, format!("less than value_max, {}", self.value_max));
        }
        faults.within("total_steps", self.total_steps, 1..=many);
        faults.within("solved_at", self.solved_at, f64::NEG_INFINITY..=f64::INFINITY);
        faults.within("replay_capacity", self.replay_capacity, STACK + self.n_step.min(1_000) + 1..=1_000_000_000);
        faults.within("learning_starts_steps", self.learning_starts_steps, 0..=many);
        faults.within("train_every_steps", self.train_every_steps, 1..=1_000_000);
        faults.within("batch_size", self.batch_size, 1..=4096);
        faults.within("target_sync_steps", self.target_sync_steps, 1..=many);
        faults.within("target_tau", self.target_tau, 0.0..=1.0);
        faults.within("gamma", self.gamma, 0.0..=1.0);
        faults.within("n_step", self.n_step, 1..=1_000);
        faults.within("priority_exponent", self.priority_exponent, 0.0..=1.0);
        faults.within("priority_beta_initial", self.priority_beta_initial, 0.0..=1.0);
        faults.within("priority_beta_steps", self.priority_beta_steps, 1..=many);
        faults.within("priority_epsilon", self.priority_epsilon, 1e-12..=1e3);
        faults.within("learning_rate", self.learning_rate, 1e-9..=1.0);
        faults.within("learning_rate_final", self.learning_rate_final, 0.0..=1.0);
        faults.within("learning_rate_anneal_updates", self.learning_rate_anneal_updates, 0..=many);
        faults.within("rmsprop_decay", self.rmsprop_decay, 0.0..=0.999_999);
        faults.within("rmsprop_epsilon", self.rmsprop_epsilon, 1e-12..=1.0);
        faults.within("adam_beta1", self.adam_beta1, 0.0..=0.999_999);
        faults.within("adam_beta2", self.adam_beta2, 0.0..=0.999_999);
        faults.within("adam_epsilon", self.adam_epsilon, 1e-12..=1.0);
        faults.within("gradient_clip_norm", self.gradient_clip_norm, 0.0..=1e9);
        faults.within("epsilon_initial", self.epsilon_initial, 0.0..=1.0);
        faults.within("epsilon_final", self.epsilon_final, 0.0..=1.0);
        faults.within("epsilon_starts_steps", self.epsilon_starts_steps, 0..=many);
        faults.within("epsilon_anneal_steps", self.epsilon_anneal_steps, 0..=many);
        faults.within("epsilon_decay", self.epsilon_decay, 0.0..=1.0);
        faults.within("evaluation_every_steps", self.evaluation_every_steps, 0..=many);
        faults.within("evaluation_steps", self.evaluation_steps, 1..=many);
        faults.within("final_evaluation_episodes", self.final_evaluation_episodes, 0..=100_000);
        faults.within("evaluation_epsilon", self.evaluation_epsilon, 0.0..=1.0);
        faults.within("evaluation_max_episode_frames", self.evaluation_max_episode_frames, 1..=u32::MAX);
        faults.within("metrics_every_steps", self.metrics_every_steps, 1..=many);
        faults.within("checkpoint_every_steps", self.checkpoint_every_steps, 1..=many);
        if self.schedule == Schedule::Concurrent {
            let sync = self.target_sync_steps;
            if !self.total_steps.is_multiple_of(sync.max(1)) {
                let allowed = format!("with the concurrent schedule a multiple of target_sync_steps, {sync}");
                faults.add("total_steps", self.total_steps, allowed);
            }
            if self.target_tau > 0.0 {
                faults.add("target_tau", self.target_tau, "with the concurrent schedule 0".to_string());
            }
        }
        if self.seed > i64::MAX as u64 {
            // TOML has no larger integers, and config.toml must hold it.
            faults.add("seed", self.seed, format!("0 to {}", i64::MAX));
        }
        faults.list
    }

    /// How the agent meets the game.
    pub fn preprocessing(&self) -> Preprocessing {
        Preprocessing::new(self.frame_skip, self.resize, self.fire_reset)
    }

    /// What the network is made of.
    pub fn design(&self) -> Design {
        let head = if self.categorical {
            let (value_min, value_max) = (self.value_min as f32, self.value_max as f32);
            Head::Categorical(Support { atoms: self.atoms, value_min, value_max })
        } else {
            Head::Expected
        };
        Design { kind: self.network, dueling: self.dueling, noisy: self.noisy, head }
    }

    /// How the agent learns.
    pub fn learning_rule(&self) -> LearningRule {
        LearningRule {
            batch_size: self.batch_size,
            loss: self.loss,
            double: self.double,
            gradient_scale: self.optimizer_rule().gradient_scale(self.batch_size),
            gradient_norm_limit: (self.gradient_clip_norm > 0.0).then_some(self.gradient_clip_norm as f32),
            target_tau: self.target_tau as f32,
            beta: self
                .prioritized
                .then_some(BetaSchedule { initial: self.priority_beta_initial, steps: self.priority_beta_steps }),
        }
    }

    /// How epsilon falls.
    pub fn epsilon(&self) -> EpsilonSchedule {
        let (initial, last) = (self.epsilon_initial, self.epsilon_final);
        match self.epsilon_schedule {
            EpsilonKind::Linear => EpsilonSchedule::Linear {
                initial,
                last,
                starts_steps: self.epsilon_starts_steps,
                anneal_steps: self.epsilon_anneal_steps,
            },
            EpsilonKind::Exponential => EpsilonSchedule::Exponential { initial, last, decay: self.epsilon_decay },
        }
    }

    /// An empty replay.
    pub fn replay(&self) -> Replay {
        let replay = Replay::new(self.replay_capacity, self.n_step, self.gamma as f32, self.replay_compression);
        if self.prioritized {
            replay.prioritized(self.priority_exponent, self.priority_epsilon)
        } else {
            replay
        }
    }

    /// The optimizer's formula.
    pub fn optimizer_rule(&self) -> OptimizerRule {
        let learning_rate = match self.learning_rate_anneal_updates {
            0 => LearningRate::constant(self.learning_rate as f32),
            updates => {
                LearningRate { initial: self.learning_rate as f32, last: self.learning_rate_final as f32, updates }
            }
        };
        match self.optimizer {
            OptimizerKind::RmsProp => OptimizerRule::RmsProp {
                learning_rate,
                decay: self.rmsprop_decay as f32,
                epsilon: self.rmsprop_epsilon as f32,
            },
            OptimizerKind::Adam => OptimizerRule::Adam {
                learning_rate,
                beta1: self.adam_beta1 as f32,
                beta2: self.adam_beta2 as f32,
                epsilon: self.adam_epsilon as f32,
            },
        }
    }

    /// The configuration in TOML that [`to_toml`](Self::to_toml) wrote.
    pub fn from_toml(text: &str) -> Result<Config> {
        toml::from_str(text).context("the run's configuration is not one of this version of the program")
    }

    /// The same with another length.
    ///
    /// # Errors
    /// When that does not go with the other values.
    pub fn with_total_steps(self, total_steps: u64) -> Result<Config> {
        let config = Config { total_steps, ..self };
        match config.faults().as_slice() {
            [] => Ok(config),
            faults => bail!("{}", faults.join("; ")),
        }
    }

    /// The configuration as TOML, every key.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).context("cannot write the configuration as TOML")
    }
}

#[derive(Default)]
struct Faults {
    list: Vec<Fault>,
}

impl Faults {
    fn within<T: PartialOrd + Display + Copy>(&mut self, field: &str, value: T, range: RangeInclusive<T>) {
        if !range.contains(&value) {
            self.add(field, value, format!("{} to {}", range.start(), range.end()));
        }
    }

    fn add(&mut self, field: &str, value: impl Display, allowed: String) {
        let flag = match field {
            "total_steps" => "--steps N".to_string(),
            "seed" => "--seed N".to_string(),
            field => format!("--set {field}=..."),
        };
        self.list.push(format!("{field} is {value}, allowed is {allowed}; change it with {flag}"));
    }
}

fn preset_table(name: &str) -> Result<Table> {
    Config::preset_text(name)?.parse().with_context(|| format!("preset {name} is not TOML"))
}

/// Puts `value` under `key` if there is such a key in `base` and the value is of its kind.
fn override_key(table: &mut Table, base: &Table, key: &str, value: Value, place: &str, faults: &mut Vec<Fault>) {
    let Some(current) = base.get(key) else {
        let hint = nearest(key, base.keys().map(String::as_str))
            .map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        faults.push(format!("unknown key `{key}` {place}{hint}"));
        return;
    };
    // 1e6 is a float in TOML; where a whole number is wanted it will do.
    let value = match (current, value) {
        (Value::Integer(_), Value::Float(float)) if float.fract() == 0.0 && float.abs() < 9e15 => {
            Value::Integer(float as i64)
        }
        (_, value) => value,
    };
    let mut trial = base.clone();
    trial.insert(key.to_string(), value.clone());
    match Value::Table(trial).try_into::<Config>() {
        Ok(_) => {
            table.insert(key.to_string(), value);
        }
        Err(error) => {
            let reason = error.message().lines().next().unwrap_or_default().to_string();
            faults.push(format!("{key} is {value} {place}: {reason}; e.g. --set {key}={}", plain(current)));
        }
    }
}

/// The value as one would type it after `--set key=`.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}

/// A TOML value; what is none is a string, so that strings need no quotes.
fn parse_value(text: &str) -> Value {
    format!("value = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(text.to_string()))
}

/// The candidate with the fewest edits from `word`, if those are at most about half of it.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (edit_distance(word, candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= word.len().max(candidate.len()) / 2)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions and replacements of characters that lead from `a` to `b` (Levenshtein).
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(overrides: &[&str]) -> Result<Config> {
        let overrides: Vec<String> = overrides.iter().map(|text| text.to_string()).collect();
        Config::resolve(&Sources { preset: "nature", overrides: &overrides, ..Sources::default() })
    }

    #[test]
    fn every_preset_gives_every_key_a_comment_and_a_value_within_its_range() {
        for (name, text) in PRESETS {
            let config = Config::preset(name).unwrap();
            assert_eq!(config.faults(), Vec::<Fault>::new(), "{name}");
            for line in text.lines().filter(|line| line.contains(" = ") && !line.starts_with('#')) {
                assert!(line.contains(" # "), "{name}: no unit and source beside {line}");
            }
        }
    }

    /// The differences between two configurations, a line each.
    fn differences(got: &Config, want: &Config) -> Vec<String> {
        let [got, want] = [got, want].map(|config| config.to_toml().unwrap());
        let lines = got.lines().zip(want.lines());
        lines.filter(|(got, want)| got != want).map(|(got, want)| format!("{got}, expected {want}")).collect()
    }

    /// Every value of Mnih et al. 2015, written out again from the paper and its release; no key is left out. What their agent
    /// does not have is off, with the usual values of its own paper for whoever turns it on.
    fn nature() -> Config {
        Config {
            // What is seen and done: the screens of four frames become one observation, as ALE's own environments make it.
            frame_skip: 4,
            resize: Resize::Area,
            full_action_space: false,
            sticky_probability: 0.0,
            noop_max: 30,
            fire_reset: false,
            life_loss: LifeLoss::Terminal,
            reward_clip: true,
            max_episode_frames: 108_000,
            network: NetworkKind::Nature,
            // 200 million frames; learning in step with the target copies of the release, not the paper's table.
            total_steps: 50_000_000,
            solved_at: f64::INFINITY,
            replay_capacity: 1_000_000,
            replay_compression: true,
            learning_starts_steps: 50_000,
            train_every_steps: 4,
            batch_size: 32,
            target_sync_steps: 10_000,
            schedule: Schedule::Sequential,
            gamma: 0.99,
            loss: LossKind::Clipped,
            optimizer: OptimizerKind::RmsProp,
            learning_rate: 2.5e-4,
            rmsprop_decay: 0.95,
            rmsprop_epsilon: 0.01,
            gradient_clip_norm: 0.0,
            epsilon_schedule: EpsilonKind::Linear,
            epsilon_initial: 1.0,
            epsilon_final: 0.1,
            epsilon_starts_steps: 50_000,
            epsilon_anneal_steps: 1_000_000,
            evaluation_every_steps: 250_000,
            evaluation_steps: 125_000,
            final_evaluation_episodes: 30,
            evaluation_epsilon: 0.05,
            evaluation_max_episode_frames: 18_000,
            // Later papers.
            double: false,
            dueling: false,
            n_step: 1,
            target_tau: 0.0,
            noisy: false,
            noisy_sigma: 0.5,
            categorical: false,
            atoms: 51,
            value_min: -10.0,
            value_max: 10.0,
            prioritized: false,
            priority_exponent: 0.6,
            priority_beta_initial: 0.4,
            priority_beta_steps: 50_000_000,
            priority_epsilon: 1e-6,
            learning_rate_final: 0.0,
            learning_rate_anneal_updates: 0,
            adam_beta1: 0.9,
            adam_beta2: 0.999,
            adam_epsilon: 1e-8,
            epsilon_decay: 0.995,
            // Of this program.
            metrics_every_steps: 10_000,
            checkpoint_every_steps: 250_000,
            seed: 0,
        }
    }

    #[test]
    fn nature_dopamine_and_cleanrl_are_what_is_published_in_every_value() {
        let dopamine = Config {
            sticky_probability: 0.25,
            noop_max: 0,
            life_loss: LifeLoss::Ignore,
            learning_starts_steps: 20_000,
            target_sync_steps: 8_000,
            loss: LossKind::Squared,
            optimizer: OptimizerKind::Adam,
            learning_rate: 6.25e-5,
            adam_epsilon: 1.5e-4,
            epsilon_final: 0.01,
            epsilon_starts_steps: 20_000,
            epsilon_anneal_steps: 250_000,
            evaluation_epsilon: 0.001,
            evaluation_max_episode_frames: 108_000,
            ..nature()
        };
        let cleanrl = Config {
            fire_reset: true,
            total_steps: 10_000_000,
            learning_starts_steps: 80_000,
            target_sync_steps: 1_000,
            loss: LossKind::Squared,
            optimizer: OptimizerKind::Adam,
            learning_rate: 1e-4,
            priority_beta_steps: 10_000_000,
            epsilon_final: 0.01,
            epsilon_starts_steps: 0,
            evaluation_every_steps: 0,
            final_evaluation_episodes: 10,
            evaluation_epsilon: 0.01,
            evaluation_max_episode_frames: 108_000,
            ..nature()
        };
        for (name, expected) in [("nature", nature()), ("dopamine", dopamine), ("cleanrl", cleanrl)] {
            let preset = Config::preset(name).unwrap();
            assert_eq!(differences(&preset, &expected), Vec::<String>::new(), "{name}");
            assert_eq!(preset, expected, "{name}");
        }
    }

    /// The gradient of clipped errors is summed over the batch, in the paper's RMSProp; Adam's is averaged.
    #[test]
    fn what_the_agent_is_made_of_has_the_values_of_the_configuration() {
        let rule = LearningRule {
            batch_size: 32,
            loss: LossKind::Clipped,
            double: false,
            gradient_scale: 1.0,
            gradient_norm_limit: None,
            target_tau: 0.0,
            beta: None,
        };
        let linear = |last, starts_steps, anneal_steps| EpsilonSchedule::Linear {
            initial: 1.0,
            last,
            starts_steps,
            anneal_steps,
        };
        let nature = nature();
        assert_eq!(nature.learning_rule(), rule);
        assert_eq!(nature.design(), NetworkKind::Nature.plain());
        assert_eq!(nature.preprocessing(), Preprocessing::new(4, Resize::Area, false));
        assert_eq!(nature.epsilon(), linear(0.1, 50_000, 1_000_000));
        let rmsprop =
            OptimizerRule::RmsProp { learning_rate: LearningRate::constant(2.5e-4), decay: 0.95, epsilon: 0.01 };
        assert_eq!(nature.optimizer_rule(), rmsprop);
        let dopamine = Config::preset("dopamine").unwrap();
        let rule = LearningRule { loss: LossKind::Squared, gradient_scale: 1.0 / 32.0, ..rule };
        assert_eq!(dopamine.learning_rule(), rule);
        assert_eq!(dopamine.epsilon(), linear(0.01, 20_000, 250_000));
        let adam = OptimizerRule::Adam {
            learning_rate: LearningRate::constant(6.25e-5),
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1.5e-4,
        };
        assert_eq!(dopamine.optimizer_rule(), adam);
    }

    #[test]
    fn rainbow_is_all_of_hessels_and_machado_is_nature_by_his_protocol() {
        let rainbow = Config::preset("rainbow").unwrap();
        let head = Head::Categorical(Support { atoms: 51, value_min: -10.0, value_max: 10.0 });
        assert_eq!(rainbow.design(), Design { kind: NetworkKind::Nature, dueling: true, noisy: true, head });
        assert_eq!((rainbow.n_step, rainbow.double, rainbow.noisy_sigma), (3, true, 0.5));
        let expected = OptimizerRule::Adam {
            learning_rate: LearningRate::constant(6.25e-5),
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1.5e-4,
        };
        assert_eq!(rainbow.optimizer_rule(), expected);
        assert_eq!((rainbow.learning_starts_steps, rainbow.target_sync_steps), (20_000, 8_000));
        assert_eq!((rainbow.epsilon_initial, rainbow.epsilon_final), (0.0, 0.0));
        assert!(rainbow.prioritized && rainbow.replay().priorities().is_some());
        assert_eq!((rainbow.priority_exponent, rainbow.priority_beta_initial), (0.5, 0.4));
        let machado = Config::preset("machado").unwrap();
        assert_eq!((machado.sticky_probability, machado.life_loss), (0.25, LifeLoss::Ignore));
        assert!(machado.full_action_space);
        assert_eq!(machado.optimizer_rule(), Config::preset("nature").unwrap().optimizer_rule());
    }

    #[test]
    fn noise_takes_the_place_of_epsilon_unless_both_are_asked_for() {
        let epsilons = |overrides: &[&str]| {
            let config = resolve(overrides).unwrap();
            (config.epsilon_initial, config.epsilon_final)
        };
        assert_eq!(epsilons(&[]), (1.0, 0.1));
        assert_eq!(epsilons(&["noisy=true"]), (0.0, 0.0));
        assert_eq!(epsilons(&["noisy=true", "epsilon_final=0.01"]), (1.0, 0.01));
        assert_eq!(epsilons(&["noisy=true", "epsilon_initial=1"]), (1.0, 0.1));
    }

    #[test]
    fn the_variants_are_combined_by_their_keys() {
        let config = resolve(&[
            "network=cpu",
            "categorical=true",
            "atoms=11",
            "value_min=-1",
            "value_max=4",
            "dueling=true",
            "target_tau=0.005",
            "gradient_clip_norm=10",
            "prioritized=true",
            "epsilon_schedule=exponential",
            "epsilon_decay=0.995",
            "epsilon_final=0.01",
            "solved_at=18",
        ])
        .unwrap();
        let head = Head::Categorical(Support { atoms: 11, value_min: -1.0, value_max: 4.0 });
        assert_eq!(config.design(), Design { kind: NetworkKind::Cpu, dueling: true, noisy: false, head });
        let rule = config.learning_rule();
        assert_eq!((rule.target_tau, rule.gradient_norm_limit), (0.005, Some(10.0)));
        assert_eq!(rule.beta, Some(BetaSchedule { initial: 0.4, steps: 50_000_000 }));
        assert_eq!(config.epsilon(), EpsilonSchedule::Exponential { initial: 1.0, last: 0.01, decay: 0.995 });
        assert_eq!(config.solved_at, 18.0);
        let again: Config = toml::from_str(&config.to_toml().unwrap()).unwrap();
        assert_eq!(again, config);
        assert_eq!(resolve(&["solved_at=inf"]).unwrap().solved_at, f64::INFINITY);
    }

    #[test]
    fn faults_of_the_variants_are_found() {
        let error = resolve(&[
            "atoms=1",
            "value_min=3",
            "value_max=3",
            "target_tau=2",
            "priority_exponent=-1",
            "priority_epsilon=0",
            "gradient_clip_norm=-1",
            "epsilon_decay=1.1",
            "solved_at=nan",
            "epsilon_schedule=cubic",
            "priority_exponant=0.5",
        ])
        .unwrap_err()
        .to_string();
        for expected in [
            "10 faults",
            "atoms is 1, allowed is 2 to 1001",
            "value_min is 3, allowed is less than value_max, 3",
            "target_tau is 2",
            "priority_exponent is -1, allowed is 0 to 1",
            "priority_epsilon is 0",
            "gradient_clip_norm is -1",
            "epsilon_decay is 1.1",
            "solved_at is NaN",
            "expected `linear` or `exponential`",
            "did you mean `priority_exponent`?",
        ] {
            assert!(error.contains(expected), "no `{expected}` in:\n{error}");
        }
    }

    #[test]
    fn every_preset_says_in_a_line_what_it_is_for() {
        for (name, description) in Config::preset_descriptions() {
            assert!((20..=120).contains(&description.len()) && description.ends_with('.'), "{name}: {description}");
        }
    }

    #[test]
    fn later_sources_win() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("own.toml");
        std::fs::write(&path, "batch_size = 16\ngamma = 0.5\nseed = 3\n").unwrap();
        let overrides = ["gamma = 0.9".to_string(), "optimizer=adam".to_string(), "replay_capacity=2e5".to_string()];
        let sources =
            Sources { preset: "nature", file: Some(&path), overrides: &overrides, seed: Some(8), steps: Some(100) };
        let config = Config::resolve(&sources).unwrap();
        assert_eq!((config.batch_size, config.gamma, config.seed, config.total_steps), (16, 0.9, 8, 100));
        assert_eq!((config.optimizer, config.replay_capacity), (OptimizerKind::Adam, 200_000));
        let again: Config = toml::from_str(&config.to_toml().unwrap()).unwrap();
        assert_eq!(again, config, "what is written can be read");
    }

    #[test]
    fn all_faults_are_reported_at_once_with_field_value_range_and_flag() {
        let error = resolve(&[
            "batch_size=0",
            "gamma=1.5",
            "learning_rte=1e-3",
            "optimizer=adagrad",
            "train_every_steps=often",
            "nonsense",
        ])
        .unwrap_err()
        .to_string();
        for expected in [
            "6 faults",
            "batch_size is 0, allowed is 1 to 4096; change it with --set batch_size=",
            "gamma is 1.5, allowed is 0 to 1",
            "unknown key `learning_rte` in --set; did you mean `learning_rate`?",
            "optimizer is \"adagrad\"",
            "expected `rmsprop` or `adam`",
            "train_every_steps is \"often\"",
            "expected KEY=VALUE",
        ] {
            assert!(error.contains(expected), "no `{expected}` in:\n{error}");
        }
    }

    #[test]
    fn an_unknown_preset_names_the_others() {
        let error = Config::preset("natur").unwrap_err().to_string();
        assert!(error.contains("did you mean `nature`") && error.contains("bricks"), "{error}");
    }

    #[test]
    fn edit_distances_are_levenshteins() {
        for (a, b, distance) in [("", "", 0), ("abc", "abc", 0), ("kitten", "sitting", 3), ("", "ab", 2)] {
            assert_eq!(edit_distance(a, b), distance, "{a} {b}");
        }
    }
}
