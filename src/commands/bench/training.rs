//! `bench train`: agent steps per second of a whole training, and the time of each of its parts.

use super::{config, parts, rate, BenchArgs, Measurement, Span, WARM_UP_STEPS};
use crate::algorithms::dqn::Dqn;
use crate::algorithms::events::{Event, Watch};
use crate::algorithms::Algorithm;
use crate::environments;
use crate::networks::device;
use anyhow::Result;
use std::sync::atomic::AtomicBool;

/// Records nothing and never stops.
struct Unrecorded(AtomicBool);

impl Watch for Unrecorded {
    fn tell(&mut self, _: Event<'_>) -> Result<()> {
        Ok(())
    }

    fn stop(&self) -> bool {
        false
    }

    fn interrupt(&self) -> &AtomicBool {
        &self.0
    }
}

/// Trains for `span`, after [`WARM_UP_STEPS`] steps that only fill the replay.
pub(super) fn steps_per_second(args: &BenchArgs, span: Span) -> Result<Measurement> {
    let (config, keys) = config(args)?;
    let spec = environments::spec(&config.environment, args.rom.as_deref())?;
    let mut environments = environments::vector(&*spec, keys.num_envs, config.run.seed)?;
    let mut dqn = Dqn::new(&keys, &config.network, config.run.seed, &environments, &device::open(args.device)?)?;
    let mut watch = Unrecorded(AtomicBool::new(false));
    dqn.advance(&mut environments, WARM_UP_STEPS, &mut watch)?;
    let before = dqn.times();
    // A call takes one step of every environment.
    let calls = rate(span, 4, || {
        let next = dqn.steps() + 1;
        dqn.advance(&mut environments, next, &mut watch)
    })?;
    let steps = calls * keys.num_envs as f64;
    let after = dqn.times();
    let mut all = vec![
        ("emulation and preprocessing", after.stepping - before.stepping),
        ("choosing actions", after.acting - before.acting),
    ];
    all.extend(parts(&before.updates, &after.updates));
    let every = keys.train_every_steps;
    let unit = format!("training steps/s, `{}` settings, one update every {every} steps", args.preset);
    Ok(Measurement { parts: all, ..Measurement::new("steps_per_second", unit, steps) })
}
