//! Times the parts of the environment with criterion: `cargo bench --bench emulator` (a minute); see README.md in this folder.
//!
//! Measures the built-in game, and any of [`GAMES`] that is in `./roms` or `$ATARI_ROMS`.

use anyhow::Result;
use atari_dqn::commands::bench::{agent_steps, frames, vector_steps};
use atari_dqn::environments::cartridges::{self, LoadedRom};
use atari_dqn::random::{Generator, Purpose};
use atari_emulator::vector::VectorSettings;
use atari_emulator::{Environment, Settings, Translation};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput};
use std::time::Duration;

/// Cartridges to measure if found.
const GAMES: [&str; 3] = ["breakout", "pong", "seaquest"];

/// Calls per iteration: a second of play or more, because a single call's time depends on the scene.
const CALLS: u64 = 60;
/// Fewer for a vector, whose environments show different scenes anyway.
const VECTOR_CALLS: u64 = 8;

/// Environments of the vector.
const ENVIRONMENTS: usize = 8;

fn main() -> Result<()> {
    let mut criterion = Criterion::default()
        .without_plots()
        .sample_size(20)
        .nresamples(5_000)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    measure(&mut criterion, &cartridges::built_in())?;
    for game in GAMES {
        match cartridges::load(game) {
            Ok(rom) => measure(&mut criterion, &rom)?,
            Err(error) => eprintln!("left out: {error:#}"),
        }
    }
    criterion.final_summary();
    Ok(())
}

/// Measures one game. The elements of a bench are the frames, steps or states in its name.
fn measure(criterion: &mut Criterion, rom: &LoadedRom) -> Result<()> {
    let mut group = criterion.benchmark_group(&rom.name);
    // Games continue from sample to sample, so only samples of equal length are comparable.
    group.sampling_mode(SamplingMode::Flat);
    calls(&mut group, "frame", CALLS, 1, frames(rom, false, Translation::Usual));
    calls(&mut group, "frame, screen read", CALLS, 1, frames(rom, true, Translation::Usual));
    calls(&mut group, "agent step", CALLS, 1, agent_steps(rom, Translation::Usual));
    let settings = VectorSettings::default().with_num_envs(ENVIRONMENTS).with_num_threads(1);
    let per_step = settings.num_envs as u64 * u64::from(settings.frame_skip);
    let mut step = vector_steps(rom, settings)?;
    let mut outcome = Ok(());
    calls(&mut group, "frame of a vector", VECTOR_CALLS, per_step, || {
        if outcome.is_ok() {
            outcome = step();
        }
    });
    outcome?;

    let mut environment = in_play(rom);
    let saved = environment.save();
    let mut restored = Ok(());
    group.throughput(Throughput::Elements(1));
    group.bench_function("save", |bencher| bencher.iter(|| environment.save()));
    group.bench_function("restore", |bencher| {
        bencher.iter(|| {
            if restored.is_ok() {
                restored = environment.restore(&saved);
            }
        });
    });
    restored?;
    group.bench_function("clone", |bencher| bencher.iter(|| environment.clone()));
    group.finish();
    Ok(())
}

/// Measures `number` calls that process `elements` elements each.
fn calls(group: &mut BenchmarkGroup<WallTime>, name: &str, number: u64, elements: u64, mut call: impl FnMut()) {
    group.throughput(Throughput::Elements(number * elements));
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            for _ in 0..number {
                call();
            }
        });
    });
}

/// An environment some seconds into a game, as checkpoints save it.
fn in_play(rom: &LoadedRom) -> Environment {
    let mut environment = Environment::new(&rom.image, Settings::default());
    let actions = environment.minimal_actions();
    let mut generator = Generator::new(0, Purpose::Exploration);
    for _ in 0..5 * CALLS {
        environment.act(actions[generator.below(actions.len())]);
        if environment.game_over() {
            environment.reset();
        }
    }
    environment
}
