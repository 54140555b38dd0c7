//! How long a run will take, measured before it begins.

use crate::algorithms;
use crate::algorithms::events::Unwatched;
use crate::config::Config;
use crate::run::Run;
use crate::text::clock;
use anyhow::Result;
use std::time::{Duration, Instant};

/// Time of the trial, after a warm-up of the same length: cartridge code is translated and memory is allocated in it.
const TRIAL: Duration = Duration::from_millis(700);

/// For a user who gave no preset: says which one was taken, how long the run will take and what else there is.
///
/// # Errors
/// When the trial fails.
pub(super) fn announce(run: &Run) -> Result<()> {
    let Run { config, identity, .. } = run;
    let description = Config::preset_descriptions().find(|(name, _)| *name == identity.preset);
    say!(
        "no preset given, so `{}`: {}",
        identity.preset,
        description.map_or(String::new(), |(_, line)| line.to_string())
    );
    // Before a replay has filled, a trial shows nothing of the time that learning takes.
    if algorithms::replay_plan(&config.algorithm).is_none() {
        let rate = steps_per_second(run)?;
        let steps = config.run.total_steps;
        let time = clock(steps as f64 / rate);
        say!("{steps} steps take about {time} here ({rate:.0} steps/s); --steps N trains for N steps");
    }
    say!("other presets: `atari-dqn presets`; the DQN of Mnih et al. 2015 is --preset nature and takes days on a CPU");
    Ok(())
}

/// Training steps a second of a trial with environments and networks of its own, which leaves the run as it is.
fn steps_per_second(run: &Run) -> Result<f64> {
    let mut environments = run.environments()?;
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
