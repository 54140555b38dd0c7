//! Every hyperparameter of a training run: what it means, where its value comes from, what values it may have.
//!
//! A configuration is resolved in this order, later wins: preset, `--config` file, `--set key=value`, flags. Presets are
//! TOML files in `presets/` that give every key, with unit and source beside each.

use crate::agent::Loss;
use crate::network::NetworkKind;
use crate::optimizer::OptimizerRule;
use crate::preprocess::{Preprocessing, Resize, STACK};
use anyhow::{bail, Context, Result};
use serde::{Deserialize, Serialize};
use std::fmt::{Display, Write};
use std::ops::RangeInclusive;
use std::path::Path;
use toml::{Table, Value};

/// (name, file) of the presets.
const PRESETS: [(&str, &str); 2] =
    [("nature", include_str!("presets/nature.toml")), ("bricks", include_str!("presets/bricks.toml"))];

/// What a lost life means to the learner. Reported scores are those of whole games in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LifeLoss {
    /// The transition's discount is 0; the game goes on without a reset.
    Terminal,
    /// Nothing.
    Ignore,
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

    /// The network: "nature", "nips" or "small".
    pub network: NetworkKind,
    /// Value and advantage in branches of their own (Wang et al. 2016).
    pub dueling: bool,

    /// Length of the run, in steps.
    pub total_steps: u64,
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
    /// Discount a step.
    pub gamma: f64,
    /// Steps of rewards summed before the successor's value is used.
    pub n_step: usize,
    /// The online network chooses the successor's action (van Hasselt et al. 2016).
    pub double: bool,
    /// What is made of a TD error: "clipped" (Huber, delta 1) or "squared".
    pub loss: Loss,

    /// "rmsprop" (the paper's, gradients summed over the batch) or "adam" (averaged).
    pub optimizer: OptimizerKind,
    /// Learning rate of either.
    pub learning_rate: f64,
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

    /// Probability of a random action until learning starts.
    pub epsilon_initial: f64,
    /// Probability of a random action after the fall.
    pub epsilon_final: f64,
    /// Steps the linear fall takes, from the start of learning on.
    pub epsilon_anneal_steps: u64,

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

    /// The names of the presets.
    pub fn preset_names() -> impl Iterator<Item = &'static str> {
        PRESETS.iter().map(|(name, _)| *name)
    }

    /// The configuration that `sources` make together; all their faults at once if there are any.
    pub fn resolve(sources: &Sources) -> Result<Config> {
        let base = preset_table(sources.preset)?;
        let mut table = base.clone();
        let mut faults = Vec::new();
        if let Some(path) = sources.file {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let file: Table = text.parse().with_context(|| format!("{} is not TOML", path.display()))?;
            for (key, value) in file {
                let place = format!("in {}", path.display());
                override_key(&mut table, &base, &key, value, &place, &mut faults);
            }
        }
        for assignment in sources.overrides {
            match assignment.split_once('=') {
                Some((key, text)) => {
                    let (key, text) = (key.trim(), text.trim());
                    override_key(&mut table, &base, key, parse_value(text), "in --set", &mut faults);
                }
                None => faults.push(format!("--set {assignment}: expected KEY=VALUE, e.g. --set learning_rate=1e-4")),
            }
        }
        let mut config: Config =
            Value::Table(table).try_into().with_context(|| format!("preset {}", sources.preset))?;
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
        faults.within("total_steps", self.total_steps, 1..=many);
        faults.within("replay_capacity", self.replay_capacity, STACK + self.n_step.min(1_000) + 1..=1_000_000_000);
        faults.within("learning_starts_steps", self.learning_starts_steps, 0..=many);
        faults.within("train_every_steps", self.train_every_steps, 1..=1_000_000);
        faults.within("batch_size", self.batch_size, 1..=4096);
        faults.within("target_sync_steps", self.target_sync_steps, 1..=many);
        faults.within("gamma", self.gamma, 0.0..=1.0);
        faults.within("n_step", self.n_step, 1..=1_000);
        faults.within("learning_rate", self.learning_rate, 1e-9..=1.0);
        faults.within("rmsprop_decay", self.rmsprop_decay, 0.0..=0.999_999);
        faults.within("rmsprop_epsilon", self.rmsprop_epsilon, 1e-12..=1.0);
        faults.within("adam_beta1", self.adam_beta1, 0.0..=0.999_999);
        faults.within("adam_beta2", self.adam_beta2, 0.0..=0.999_999);
        faults.within("adam_epsilon", self.adam_epsilon, 1e-12..=1.0);
        faults.within("epsilon_initial", self.epsilon_initial, 0.0..=1.0);
        faults.within("epsilon_final", self.epsilon_final, 0.0..=1.0);
        faults.within("epsilon_anneal_steps", self.epsilon_anneal_steps, 0..=many);
        faults.within("evaluation_every_steps", self.evaluation_every_steps, 0..=many);
        faults.within("evaluation_steps", self.evaluation_steps, 1..=many);
        faults.within("final_evaluation_episodes", self.final_evaluation_episodes, 0..=100_000);
        faults.within("evaluation_epsilon", self.evaluation_epsilon, 0.0..=1.0);
        faults.within("evaluation_max_episode_frames", self.evaluation_max_episode_frames, 1..=u32::MAX);
        faults.within("metrics_every_steps", self.metrics_every_steps, 1..=many);
        faults.within("checkpoint_every_steps", self.checkpoint_every_steps, 1..=many);
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

    /// The optimizer's formula.
    pub fn optimizer_rule(&self) -> OptimizerRule {
        let learning_rate = self.learning_rate as f32;
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
    let Some((_, text)) = PRESETS.iter().find(|(preset, _)| *preset == name) else {
        let names: Vec<&str> = Config::preset_names().collect();
        let nearest =
            nearest(name, names.iter().copied()).map_or(String::new(), |near| format!(", did you mean `{near}`?"));
        bail!("there is no preset `{name}`{nearest} (there are: {})", names.join(", "));
    };
    text.parse().with_context(|| format!("preset {name} is not TOML"))
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

    #[test]
    fn nature_is_the_papers() {
        let config = Config::preset("nature").unwrap();
        assert_eq!((config.total_steps, config.replay_capacity, config.batch_size), (50_000_000, 1_000_000, 32));
        assert_eq!((config.learning_starts_steps, config.train_every_steps), (50_000, 4));
        assert_eq!((config.target_sync_steps, config.gamma, config.n_step), (10_000, 0.99, 1));
        assert_eq!((config.epsilon_initial, config.epsilon_final, config.epsilon_anneal_steps), (1.0, 0.1, 1_000_000));
        let expected = OptimizerRule::RmsProp { learning_rate: 2.5e-4, decay: 0.95, epsilon: 0.01 };
        assert_eq!(config.optimizer_rule(), expected);
        assert!(!config.fire_reset && config.reward_clip && !config.double && !config.dueling);
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
