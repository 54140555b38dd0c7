//! Evaluation: whole games under a stated protocol, and their statistics.

pub mod contestant;
pub mod episodes;
mod outputs;
pub mod protocol;
pub mod report;
pub mod scores;
pub mod statistics;
pub mod summary;

pub use crate::environments::atari::ensure_scores;
pub use contestant::{Baseline, Contestant};
pub use episodes::{mean_return, play_game, record_game, Episode, Spectator};
pub use outputs::Outputs;
pub use protocol::{Protocol, ProtocolName};
pub use report::EvaluationReport;

use crate::terminal::ProgressLine;
use crate::text::clock;
use anyhow::{Context, Result};
use std::sync::atomic::AtomicBool;
use std::sync::Mutex;
use summary::ScoreSummary;

/// Evaluates every contestant, prints a table and writes the files asked for.
///
/// # Errors
/// When a policy's device fails, or a file cannot be written.
pub fn run(contestants: &[Contestant], protocol: &Protocol, workers: usize, outputs: &Outputs) -> Result<()> {
    outputs.prepare(contestants)?;
    let never = AtomicBool::new(false);
    let mut reports = Vec::new();
    for contestant in contestants {
        let report = evaluate(contestant, protocol, workers, &never)?.context("the evaluation was interrupted")?;
        if contestants.len() == 1 {
            say!("{}", report.table().trim_end());
        }
        reports.push(report);
    }
    if reports.len() > 1 {
        say!("{}", report::comparison(&reports).trim_end());
    }
    outputs.write(contestants, protocol, &reports)
}

/// Plays the games with a progress bar (on a terminal) and makes the report; `None` when `stop` was set meanwhile.
///
/// # Errors
/// When the policy's device fails.
pub fn evaluate(
    contestant: &Contestant,
    protocol: &Protocol,
    workers: usize,
    stop: &AtomicBool,
) -> Result<Option<EvaluationReport>> {
    let line = Mutex::new((0, ProgressLine::new(u64::from(protocol.episodes))));
    let played = |episode: &Episode| {
        let Ok(mut line) = line.lock() else { return };
        line.0 += 1;
        let (games, line) = &*line;
        line.set(*games, |left| {
            let left = format!("{} left", clock(left.as_secs_f64()));
            (format!("{games} of {} games", protocol.episodes), vec![format!("last score {}", episode.score), left])
        });
    };
    let episodes = episodes::play_games(contestant, protocol, workers, stop, &played)?;
    if let Ok(line) = line.lock() {
        line.1.clear();
    }
    Ok(episodes.map(|episodes| EvaluationReport {
        game: contestant.spec.name().to_string(),
        cartridge_md5: contestant.spec.cartridge_md5().map(str::to_string),
        policy: contestant.name.clone(),
        steps_trained: contestant.steps_trained,
        summary: ScoreSummary::new(&episodes, contestant.spec.name(), protocol),
        episodes,
        protocol: protocol.clone(),
        protocol_in_words: protocol.in_words(contestant),
    }))
}

/// Threads to play on by default: all cores, or as many as `RAYON_NUM_THREADS` leaves to this process.
pub fn default_workers() -> usize {
    rayon::current_num_threads()
}
