//! How much memory and disk space a run needs, and whether there is as much.

use crate::algorithms::{self, needs};
use crate::config::{AlgorithmKeys, Config, FRAMES_OF_AN_OBSERVATION};
use crate::environments::{self, EnvironmentSpec};
use crate::experience::replay::ReplayPlan;
use crate::observations::Space;
use crate::random::{Generator, Purpose};
use crate::run::folder::CHECKPOINTS_FOLDER;
use crate::system::disk;
use crate::system::memory::{amount, free, Free};
use anyhow::{bail, Result};
use std::fs;
use std::path::Path;

/// Random steps played to find out how well a game's frames compress.
const SAMPLE_STEPS: u64 = 500;
/// Checkpoints on the disk while one is written: the two that are kept, and the new one.
const CHECKPOINTS: u64 = 3;
/// Bytes of a saved environment.
const SAVED_ENVIRONMENT: u64 = 40_000;

/// The memory of a run once its replay or its rollout is full, and the disk space of its checkpoints.
pub struct Needs {
    replay: Option<FullReplay>,
    rollout: Option<needs::RolloutPlan>,
    /// Environments, networks, batches and the program.
    others: u64,
    /// Bytes of a checkpoint without the frames of a replay.
    state: u64,
    /// Bytes of a network's or a table's file.
    network: u64,
}

/// The replay of a run at its end.
struct FullReplay {
    frames: u64,
    /// Bytes of a frame in memory, on average.
    each: u64,
    /// Bytes that do not depend on the frames.
    fixed: u64,
    compressed: bool,
    /// Bytes of a frame if frames were compressed.
    each_compressed: u64,
}

impl FullReplay {
    fn bytes(&self) -> u64 {
        self.frames.saturating_mul(self.each).saturating_add(self.fixed)
    }
}

impl Needs {
    /// The needs of this run, as far as can be told beforehand: compressed frames are as large as those of a few hundred random steps.
    /// An error if its algorithm cannot serve the environment.
    fn of(config: &Config, spec: &dyn EnvironmentSpec) -> Result<Self> {
        let mut environments = environments::vector(spec, 1, config.run.seed)?;
        let (space, actions) = (environments.space(), environments.actions());
        algorithms::ensure_fits(&config.algorithm, &environments)?;
        let network = needs::model_bytes(config, space, actions)?;
        let without_replay = Self {
            replay: None,
            rollout: needs::rollout_plan(&config.algorithm, space),
            others: needs::other_bytes(config, space, actions)?,
            // Network, target, two averages of the optimizer; a table has less.
            state: 4 * network + algorithms::num_envs(&config.algorithm) as u64 * SAVED_ENVIRONMENT,
            network,
        };
        let (Some(plan), Space::Pixels { side, .. }) = (algorithms::replay_plan(&config.algorithm), space) else {
            return Ok(without_replay);
        };
        let mut generator = Generator::new(config.run.seed, Purpose::Synthetic);
        let compressed = ReplayPlan { compressed: true, ..plan };
        let (mut bytes, mut bytes_compressed) = (0, 0);
        for _ in 0..SAMPLE_STEPS {
            let pixels = environments.observations().seen().pixels()?;
            let newest = &pixels[pixels.len() - side * side..];
            bytes += plan.bytes_of(newest);
            bytes_compressed += compressed.bytes_of(newest);
            environments.step(&[generator.below(actions)]);
        }
        let replay = FullReplay {
            frames: plan.frames(config.run.total_steps),
            each: bytes.div_ceil(SAMPLE_STEPS),
            fixed: plan.priority_bytes(config.run.total_steps),
            compressed: plan.compressed,
            each_compressed: bytes_compressed.div_ceil(SAMPLE_STEPS),
        };
        Ok(Self { replay: Some(replay), ..without_replay })
    }

    /// Bytes on the disk while a checkpoint is written. Files of frames are shared, but for the last, which each checkpoint has for
    /// itself.
    fn disk_bytes(&self) -> u64 {
        let frames = self.replay.as_ref().map_or(0, |replay| replay.frames.saturating_mul(replay.each_compressed));
        (CHECKPOINTS * self.state + 3 * self.network).saturating_add(frames).saturating_add(frames / 4)
    }

    /// Warns if the disk of the run's `folder` has less space than its checkpoints will take.
    pub fn warn_of_full_disk(&self, folder: &Path) {
        // A run that is continued has some of it already.
        let files = fs::read_dir(folder.join(CHECKPOINTS_FOLDER)).into_iter().flatten().flatten();
        let there: u64 = files.filter_map(|file| Some(file.metadata().ok()?.len())).sum();
        let needed = self.disk_bytes().saturating_sub(there);
        if let Some(free) = disk::free(folder).filter(|free| *free < needed) {
            warn!("warning: {}", self.disk_problem(folder, free));
        }
    }

    fn disk_problem(&self, folder: &Path, free: u64) -> String {
        let without_frames = CHECKPOINTS * self.state + 3 * self.network;
        let smaller =
            if without_frames < free / 2 { "; a smaller replay takes less (--set replay_capacity=N)" } else { "" };
        format!(
            "the checkpoints will take about {} once the replay is full, and {} has {} free; a checkpoint that cannot be written ends \
             the run, which can then be continued from the one before{smaller}",
            amount(self.disk_bytes()),
            folder.display(),
            amount(free)
        )
    }

    fn bytes(&self) -> u64 {
        let replay = self.replay.as_ref().map_or(0, FullReplay::bytes);
        let rollout = self.rollout.map_or(0, |rollout| rollout.bytes);
        replay.saturating_add(rollout).saturating_add(self.others)
    }

    /// What would need less, each only if it is enough.
    fn advice(&self, config: &Config, free: Free) -> Vec<String> {
        let mut advice = Vec::new();
        let left = free.bytes.saturating_sub(self.others);
        if let (Some(replay), AlgorithmKeys::Dqn(keys)) = (&self.replay, &config.algorithm) {
            let compressed = replay.frames.saturating_mul(replay.each_compressed).saturating_add(replay.fixed);
            if !replay.compressed && compressed <= left {
                advice.push("--set replay_compression=true takes a fraction of it without loss".to_string());
            }
            // With the priorities' tree, which is up to twice as large as its places.
            let priority = if keys.prioritized { 32 } else { 0 };
            let capacity = (left / (replay.each + priority)) as usize / keys.num_envs * keys.num_envs;
            let capacity = rounded_down(capacity);
            if capacity >= (FRAMES_OF_AN_OBSERVATION + keys.n_step + 1) * keys.num_envs {
                advice.push(format!("a replay of {capacity} frames fits: --set replay_capacity={capacity}"));
            }
        }
        if let (Some(rollout), AlgorithmKeys::Pqn(keys)) = (self.rollout, &config.algorithm) {
            let steps = left / (rollout.bytes / (rollout.horizon * rollout.num_envs)).max(1);
            advice.push(format!(
                "num_envs * horizon = {} * {} is {}, and about {} fit",
                keys.num_envs,
                keys.horizon,
                rollout.horizon * rollout.num_envs,
                rounded_down(steps as usize)
            ));
        }
        if self.bytes() <= free.at_best {
            advice.push("--force starts all the same".to_string());
        }
        advice
    }
}

/// The number with its first two digits, and zeros.
fn rounded_down(number: usize) -> usize {
    let unit = 10usize.pow(number.max(1).ilog10().saturating_sub(1));
    number / unit * unit
}

/// Bytes of memory that this run will take.
///
/// # Errors
/// When the environment cannot be made.
pub fn needed(config: &Config, spec: &dyn EnvironmentSpec) -> Result<u64> {
    Ok(Needs::of(config, spec)?.bytes())
}

/// Prints how much memory a large replay or rollout takes. Refuses to start if the process can have less, unless `force` is set.
///
/// # Errors
/// When there is not enough memory, or the environment cannot be made.
pub fn announce_memory(config: &Config, spec: &dyn EnvironmentSpec, force: bool) -> Result<Needs> {
    let needs = Needs::of(config, spec)?;
    let mut parts = Vec::new();
    if let Some(replay) = &needs.replay {
        let about = if replay.compressed { "about " } else { "" };
        say!("replay: {} frames, {about}{} of memory once full", replay.frames, amount(replay.bytes()));
        parts.push(format!("the replay {about}{}", amount(replay.bytes())));
    }
    if let Some(rollout) = needs.rollout {
        let (horizon, num_envs) = (rollout.horizon, rollout.num_envs);
        say!("rollout: {horizon} steps of {num_envs} environments, {} of memory", amount(rollout.bytes));
        parts.push(format!("the rollout {}", amount(rollout.bytes)));
    }
    parts.push(format!("environments, networks and batches about {}", amount(needs.others)));
    let Some(free) = free().filter(|free| free.bytes < needs.bytes()) else { return Ok(needs) };
    let problem = format!(
        "the run needs {} of memory ({}), and only {}",
        amount(needs.bytes()),
        parts.join(", "),
        free.in_words()
    );
    if force {
        warn!("warning: {problem}");
        return Ok(needs);
    }
    let advice = needs.advice(config, free);
    if advice.is_empty() {
        bail!("{problem}");
    }
    bail!("{problem}; {}", advice.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;
    use crate::system::memory::Limit;

    fn config(preset: &str, overrides: &[&str]) -> Config {
        let overrides: Vec<String> = overrides.iter().map(|setting| setting.to_string()).collect();
        Config::resolve(&Sources { preset, overrides: &overrides, ..Sources::default() }).unwrap()
    }

    fn needs(config: &Config) -> Needs {
        Needs::of(config, &*environments::spec(&config.environment, None).unwrap()).unwrap()
    }

    #[test]
    fn a_replay_is_counted_as_long_as_the_run_can_fill_it() {
        let bytes = |overrides: &[&str]| needs(&config("nature", overrides)).replay.unwrap().bytes();
        let raw = ["replay_compression=false"];
        let of_a_short_run = [raw[0], "total_steps=10", "replay_capacity=20000000"];
        assert!(bytes(&of_a_short_run) < 1_000_000);
        assert!(bytes(&[raw[0], "total_steps=100000000", "replay_capacity=20000000"]) > 20_000_000 * 7_056);
        assert!(bytes(&["total_steps=10", "replay_capacity=1000000000"]) < 1_000_000);
        // The places of several environments lie apart in the tree.
        let several = ["total_steps=10", "replay_capacity=1000000000", "prioritized=true", "num_envs=2"];
        assert!(bytes(&several) > 16_000_000_000);
        assert!(bytes(&[several[0], several[1], several[2]]) < 1_000_000);
    }

    #[test]
    fn a_rollout_counts_with_every_step_of_every_environment() {
        let needs = needs(&config("pqn-cpu", &["num_envs=4096", "horizon=1000", "minibatch_size=4096"]));
        assert!(needs.replay.is_none());
        assert!((4_096 * 1_004 * 7_056..5_000_000_000 * 8).contains(&needs.rollout.unwrap().bytes));
        assert!(needs.bytes() > needs.rollout.unwrap().bytes);
    }

    #[test]
    fn checkpoints_of_a_large_replay_are_counted_and_a_smaller_one_is_advised() {
        let nature = needs(&config("nature", &[]));
        let few = needs(&config("nature", &["total_steps=100"]));
        assert!(nature.disk_bytes() > 100_000_000 + few.disk_bytes() && few.disk_bytes() > 3 * 4 * few.network);
        let problem = nature.disk_problem(Path::new("runs"), nature.disk_bytes() - 1);
        assert!(problem.contains("and runs has") && problem.contains("replay_capacity"), "{problem}");
        let problem = few.disk_problem(Path::new("runs"), 1_000);
        assert!(!problem.contains("replay_capacity"), "the networks alone take more: {problem}");
    }

    #[test]
    fn large_batches_count() {
        let others = |batch: &str| needs(&config("nature", &[batch])).others;
        assert!(others("batch_size=4096") > others("batch_size=32") + 4_064 * 2 * 28_224);
    }

    #[test]
    fn advice_is_given_only_when_it_works() {
        let advice = |overrides: &[&str], bytes: u64, at_best: u64| {
            let config = config("nature", overrides);
            needs(&config).advice(&config, Free { bytes, at_best, limit: Limit::Machine }).join("; ")
        };
        let raw = ["replay_compression=false"];
        let some = advice(&raw, 4_000_000_000, 16_000_000_000);
        assert!(
            some.contains("replay_compression=true") && some.contains("replay_capacity=") && some.contains("--force"),
            "{some}"
        );
        let none = advice(&raw, 10_000_000, 20_000_000);
        assert_eq!(none, "", "the networks alone take more");
        let compressed = advice(&["total_steps=100000000", "replay_capacity=1000000000"], 4_000_000_000, 5_000_000_000);
        assert!(!compressed.contains("compression") && !compressed.contains("force"), "{compressed}");
        let capacity: usize = compressed.split("replay_capacity=").nth(1).unwrap().parse().unwrap();
        let smaller = config("nature", &["total_steps=100000000", &format!("replay_capacity={capacity}")]);
        assert!(needs(&smaller).bytes() <= 4_000_000_000, "{capacity}");
    }

    #[test]
    fn numbers_are_rounded_down_to_two_digits() {
        assert_eq!([0, 7, 12, 99, 129, 56_789].map(rounded_down), [0, 7, 12, 99, 120, 56_000]);
    }
}
