//! Evaluation: whole games under a stated protocol, and their statistics.

mod actions;
pub mod contestant;
pub mod episodes;
mod outputs;
mod progress;
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

use crate::policy::Policy;
use actions::{ActionsFile, Watched};
use anyhow::{bail, Error, Result};
use episodes::News;
use progress::Progress;
use std::sync::atomic::{AtomicBool, Ordering};
use summary::ScoreSummary;

/// Evaluates every contestant, prints a table and writes the files asked for. When `stop` is set, it reports and writes the games
/// that have ended by then.
///
/// # Errors
/// When a file cannot be opened, before the first game. Later, all together, when a policy fails or something cannot be printed or
/// written; everything else is then printed and written.
pub fn run(
    contestants: &[Contestant],
    protocol: &Protocol,
    workers: usize,
    outputs: &Outputs,
    stop: &AtomicBool,
) -> Result<()> {
    let mut outputs = outputs.open(contestants)?;
    let mut failed: Vec<Error> = Vec::new();
    let mut reports: Vec<(usize, EvaluationReport)> = Vec::new();
    let mut actions = outputs.actions.take().map(ActionsFile::new);
    for (number, contestant) in contestants.iter().enumerate() {
        if stop.load(Ordering::Relaxed) {
            warn!("stopped before the first game of {}", contestant.name);
            continue;
        }
        match play(contestant, protocol, workers, actions.as_mut(), stop) {
            Ok(Some(report)) => reports.push((number, report)),
            Ok(None) => warn!("stopped before a game of {} ended", contestant.name),
            Err(error) => failed.push(error.context(format!("{} cannot be evaluated", contestant.name))),
        }
    }
    failed.extend(actions.map(ActionsFile::finish).and_then(Result::err));
    let table = match reports.as_slice() {
        [] => None,
        [(_, report)] if contestants.len() == 1 => Some(report.table()),
        reports => Some(report::comparison(&reports.iter().map(|(_, report)| report).collect::<Vec<_>>())),
    };
    failed.extend(table.and_then(|table| outputs.print(&format!("{}\n", table.trim_end())).err()));
    if !reports.is_empty() {
        failed.extend(outputs.write(contestants, protocol, &reports, stop));
    }
    match failed.as_slice() {
        [] => Ok(()),
        [_] => Err(failed.remove(0)),
        failed => {
            let failed: Vec<String> = failed.iter().map(|error| format!("{error:#}")).collect();
            bail!("{}", failed.join("; "))
        }
    }
}

/// Plays the games, shows progress and makes the report of the games that ended before `stop` was set; `None` if none did.
///
/// # Errors
/// When the policy's values are not finite, or its device fails.
pub fn evaluate(
    contestant: &Contestant,
    protocol: &Protocol,
    workers: usize,
    stop: &AtomicBool,
) -> Result<Option<EvaluationReport>> {
    play(contestant, protocol, workers, None, stop)
}

/// As [`evaluate`], and writes every action.
fn play(
    contestant: &Contestant,
    protocol: &Protocol,
    workers: usize,
    mut actions: Option<&mut ActionsFile>,
    stop: &AtomicBool,
) -> Result<Option<EvaluationReport>> {
    let mut progress = Progress::new(&contestant.name, protocol.episodes);
    let mut episodes: Vec<(u32, Episode)> = Vec::new();
    let watched = actions.is_some();
    let play = |policy: &mut Policy, index: u32| {
        if watched {
            return actions::play(contestant, policy, protocol, index, stop);
        }
        let game = play_game(&*contestant.spec, policy, protocol, index, Spectator::Nobody, stop)?;
        Ok(game.map(|game| (game, Watched::default())))
    };
    let mut hear = |news: News<Watched>| match news {
        News::Ended(index, episode, watched) => {
            progress.played(&episode);
            episodes.push((index, episode));
            if let Some(actions) = &mut actions {
                actions.add(index, watched);
            }
        }
        News::Tick => progress.tick(),
    };
    let played = episodes::play_games(&contestant.policy, protocol.episodes, workers, stop, &play, &mut hear);
    progress.finish();
    played?;
    episodes.sort_by_key(|(index, _)| *index);
    let episodes: Vec<Episode> = episodes.into_iter().map(|(_, episode)| episode).collect();
    Ok((!episodes.is_empty()).then(|| EvaluationReport {
        game: contestant.spec.name().to_string(),
        cartridge_md5: contestant.spec.cartridge_md5().map(str::to_string),
        policy: contestant.name.clone(),
        steps_trained: contestant.steps_trained,
        chosen: contestant.chosen,
        complete: episodes.len() == protocol.episodes as usize,
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
