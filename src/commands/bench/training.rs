//! `bench train`: agent steps per second of a whole training, and the time of each of its parts.

use super::{config, ensure_room, parts, rate, BenchArgs, Measurement, Span, WARM_UP, WARM_UP_STEPS};
use crate::algorithms::dqn::Dqn;
use crate::algorithms::events::Unwatched;
use crate::algorithms::pqn::Pqn;
use crate::algorithms::Algorithm;
use crate::config::{AlgorithmKeys, Config, PqnKeys, Sources};
use crate::environments::{self, EnvironmentSpec};
use crate::networks::device;
use anyhow::{bail, Result};
use std::time::Instant;

/// Agent steps per second of the training that the preset describes, after a warm-up.
pub(super) fn steps_per_second(args: &BenchArgs, span: Span) -> Result<Measurement> {
    let sources = Sources { preset: &args.preset, overrides: &args.overrides, ..Sources::default() };
    let config = Config::resolve(&sources)?;
    let spec = environments::spec(&config.environment, args.rom.as_deref())?;
    let space = environments::vector(&*spec, 1, config.run.seed)?.space();
    ensure_room(&config, space, spec.actions())?;
    match &config.algorithm {
        AlgorithmKeys::Dqn(_) => of_dqn(args, &*spec, span),
        AlgorithmKeys::Pqn(keys) => of_pqn(args, &config, keys, &*spec, span),
        other => bail!("the algorithm `{}` is not measured here", other.kind()),
    }
}

/// Trains for `span`, after [`WARM_UP_STEPS`] steps that only fill the replay.
fn of_dqn(args: &BenchArgs, spec: &dyn EnvironmentSpec, span: Span) -> Result<Measurement> {
    let (config, keys) = config(args)?;
    let mut environments = environments::vector(spec, keys.num_envs, config.run.seed)?;
    let mut dqn = Dqn::new(&keys, &config.network, config.run.seed, &environments, &device::open(args.device)?)?;
    let mut watch = Unwatched::default();
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

/// Trains for `span` with the last epsilon.
fn of_pqn(
    args: &BenchArgs,
    config: &Config,
    keys: &PqnKeys,
    spec: &dyn EnvironmentSpec,
    span: Span,
) -> Result<Measurement> {
    let keys = PqnKeys { epsilon_initial: keys.epsilon_final, ..keys.clone() };
    let mut environments = environments::vector(spec, keys.num_envs, config.run.seed)?;
    let device = device::open(args.device)?;
    let mut pqn = Pqn::new(&keys, &config.network, config.run.seed, &environments, &device)?;
    let mut watch = Unwatched::default();
    let mut iteration = |pqn: &mut Pqn| {
        let next = pqn.steps() + 1;
        pqn.advance(&mut environments, next, &mut watch)
    };
    // The first iteration allocates, and cartridge code is translated.
    let begun = Instant::now();
    while begun.elapsed() < WARM_UP {
        iteration(&mut pqn)?;
    }
    let time = match span {
        Span::Time(time) => time,
        Span::Frames(_) => bail!("--frames goes with `bench emulator` and `bench vector` only"),
    };
    let (before, first, begun) = (pqn.times(), pqn.steps(), Instant::now());
    while begun.elapsed() < time {
        iteration(&mut pqn)?;
    }
    let steps = (pqn.steps() - first) as f64 / begun.elapsed().as_secs_f64();
    let after = pqn.times();
    // The parts of a rollout are sums over the threads that play at the same time.
    let threads = rayon::current_num_threads().min(pqn.shards()) as u32;
    let parts = vec![
        ("emulation and preprocessing", (after.stepping - before.stepping) / threads),
        ("choosing actions", (after.acting - before.acting) / threads),
        ("putting minibatches together", after.batches - before.batches),
        ("network, forward", after.forward - before.forward),
        ("network, backward and optimizer", after.backward - before.backward),
    ];
    let unit = format!(
        "training steps/s, `{}` settings, {} environments, {} epochs in minibatches of {}",
        args.preset, keys.num_envs, keys.epochs, keys.minibatch_size
    );
    Ok(Measurement { parts, ..Measurement::new("steps_per_second", unit, steps) })
}
