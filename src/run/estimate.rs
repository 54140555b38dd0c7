//! How long a run will take, measured before it begins.

use crate::algorithms;
use crate::algorithms::events::Unwatched;
use crate::config::Config;
use crate::run::Run;
use crate::text::{clock, with_commas};
use anyhow::Result;
use std::time::{Duration, Instant};

/// Time of the trial, after a warm-up of the same length: cartridge code is translated and memory is allocated in it.
const TRIAL: Duration = Duration::from_millis(700);

/// For a user who gave no preset: prints which one was taken, how long the run will take and which others there are.
///
/// # Errors
/// When the trial fails.
pub(super) fn announce(run: &Run) -> Result<()> {
    let Run { config, identity, .. } = run;
    let description = Config::preset_descriptions().find(|(name, _)| *name == identity.preset);
    say!("no preset given, so `{}`:\n  {}", identity.preset, description.map_or("", |(_, line)| line));
    // An algorithm with a replay does not learn until that holds thousands of steps, so a short trial would not measure learning.
    if algorithms::replay_plan(&config.algorithm).is_none() {
        let rate = steps_per_second(run)?;
        let (steps, time) = (config.run.total_steps, clock(config.run.total_steps as f64 / rate));
        say!("{} steps take about {time} here ({rate:.0} steps/s); --steps N trains for N steps", with_commas(steps));
    }
    let slow = run.device.is_cpu() && config.environment.atari().is_some();
    let days = if slow { "; --preset nature (Mnih et al. 2015) takes days on a CPU" } else { "" };
    say!("others: `atari-dqn presets`{days}");
    Ok(())
}

/// Training steps a second of a trial with environments and networks of its own, which leaves the run as it is.
fn steps_per_second(run: &Run) -> Result<f64> {
    let mut environments = run.environments(algorithms::num_envs(&run.config.algorithm))?;
    let mut algorithm = algorithms::make(&run.config, &environments, &run.device)?;
    let mut train = |time: Duration| -> Result<f64> {
        let (begun, first) = (Instant::now(), algorithm.steps());
        while begun.elapsed() < time {
            let next = algorithm.steps() + 1;
            algorithm.advance(&mut environments, next, &mut Unwatched::default())?;
        }
        Ok((algorithm.steps() - first) as f64 / begun.elapsed().as_secs_f64())
    };
    train(TRIAL)?;
    train(TRIAL)
}
