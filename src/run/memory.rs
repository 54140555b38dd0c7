//! How much memory a run needs, and how much is free.

use crate::config::Config;
use crate::environments::{self, EnvironmentSpec};
use crate::experience::replay::Replay;
use crate::observations::Space;
use crate::random::{Generator, Purpose};
use anyhow::{bail, Result};
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// Random steps played to find out how well a game's frames compress.
const SAMPLE_STEPS: u64 = 500;

/// Bytes of memory available without swapping, within the limit of the container if there is one; `None` if the system
/// does not report them.
pub fn available() -> Option<u64> {
    let memory = MemoryRefreshKind::nothing().with_ram();
    let system = System::new_with_specifics(RefreshKind::nothing().with_memory(memory));
    let container = system.cgroup_limits().map_or(u64::MAX, |limits| limits.free_memory);
    Some(system.available_memory().min(container)).filter(|&bytes| bytes > 0)
}

/// Frames the replay of this run will hold at its end.
fn replay_frames(config: &Config) -> u64 {
    (config.dqn().replay_capacity as u64).min(config.run.total_steps)
}

/// Bytes that the replay of this run will take, as far as can be told beforehand: compressed frames are as large as those of
/// a few hundred random steps.
pub fn replay_bytes(config: &Config, spec: &dyn EnvironmentSpec) -> Result<u64> {
    let mut environments = environments::vector(spec, 1, config.run.seed)?;
    let Space::Pixels { side, .. } = environments.space() else { return Ok(0) };
    let steps = if config.dqn().replay_compression { SAMPLE_STEPS } else { 1 };
    let mut generator = Generator::new(config.run.seed, Purpose::Synthetic);
    let mut bytes = 0;
    for _ in 0..steps {
        let pixels = environments.observations().seen().pixels()?;
        bytes += Replay::bytes_of(&pixels[pixels.len() - side * side..], config.dqn().replay_compression) as u64;
        environments.step(&[generator.below(environments.actions())]);
    }
    // A priority is a leaf of a tree of sums.
    let priority = if config.dqn().prioritized { 2 * std::mem::size_of::<f64>() as u64 } else { 0 };
    Ok(replay_frames(config) * (bytes / steps + priority))
}

/// Prints how much memory the replay takes. Refuses to start if the machine has less, unless `force` is set.
pub fn announce_memory(config: &Config, spec: &dyn EnvironmentSpec, force: bool) -> Result<()> {
    let needed = replay_bytes(config, spec)?;
    let about = if config.dqn().replay_compression { "about " } else { "" };
    let gigabytes = |bytes: u64| bytes as f64 / 1e9;
    say!("replay: {} frames, {about}{:.2} GB of memory once full", replay_frames(config), gigabytes(needed));
    let Some(available) = available().filter(|available| *available < needed) else { return Ok(()) };
    let problem = format!(
        "the replay needs {about}{:.2} GB of memory, and only {:.2} GB are free",
        gigabytes(needed),
        gigabytes(available)
    );
    if force {
        warn!("warning: {problem}");
        return Ok(());
    }
    let compress = if config.dqn().replay_compression {
        ""
    } else {
        "--set replay_compression=true takes a fraction of it without loss; "
    };
    bail!("{problem}; {compress}a smaller replay is set with --set replay_capacity=N; --force starts all the same")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_machine_that_runs_tests_has_some_megabytes_free_and_less_than_a_petabyte() {
        let available = super::available().expect("tests run on systems that report it");
        assert!((1 << 20..1 << 50).contains(&available), "{available}");
    }
}
