//! How much memory a run needs, and how much is free.

use crate::algorithms;
use crate::config::Config;
use crate::environments::{self, EnvironmentSpec};
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

/// The replay of a run at its end.
struct FullReplay {
    frames: u64,
    bytes: u64,
    compressed: bool,
}

/// The replay at the end of this run, as far as can be told beforehand: compressed frames are as large as those of a few hundred
/// random steps. `None` without a replay of pictures.
fn full_replay(config: &Config, spec: &dyn EnvironmentSpec) -> Result<Option<FullReplay>> {
    let Some(plan) = algorithms::replay_plan(&config.algorithm) else { return Ok(None) };
    let mut environments = environments::vector(spec, 1, config.run.seed)?;
    let Space::Pixels { side, .. } = environments.space() else { return Ok(None) };
    let steps = if plan.compressed { SAMPLE_STEPS } else { 1 };
    let mut generator = Generator::new(config.run.seed, Purpose::Synthetic);
    let mut bytes = 0;
    for _ in 0..steps {
        let pixels = environments.observations().seen().pixels()?;
        bytes += plan.bytes_of(&pixels[pixels.len() - side * side..]);
        environments.step(&[generator.below(environments.actions())]);
    }
    let frames = plan.capacity.min(config.run.total_steps);
    Ok(Some(FullReplay { frames, bytes: frames * (bytes / steps), compressed: plan.compressed }))
}

/// Bytes of memory that the replay of this run will take; 0 without a replay.
///
/// # Errors
/// When the environment cannot be made.
pub fn replay_bytes(config: &Config, spec: &dyn EnvironmentSpec) -> Result<u64> {
    Ok(full_replay(config, spec)?.map_or(0, |replay| replay.bytes))
}

/// Prints how much memory the replay takes. Refuses to start if the machine has less, unless `force` is set.
///
/// # Errors
/// When there is not enough memory, or the environment cannot be made.
pub fn announce_memory(config: &Config, spec: &dyn EnvironmentSpec, force: bool) -> Result<()> {
    let Some(FullReplay { frames, bytes: needed, compressed }) = full_replay(config, spec)? else { return Ok(()) };
    let about = if compressed { "about " } else { "" };
    let gigabytes = |bytes: u64| bytes as f64 / 1e9;
    say!("replay: {frames} frames, {about}{:.2} GB of memory once full", gigabytes(needed));
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
    let compress = if compressed { "" } else { "--set replay_compression=true takes a fraction of it without loss; " };
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
