//! Whole games.
//!
//! Game i of an evaluation depends on `seed + i` alone: it has an environment and random numbers of its own. So the result
//! is the same for any number of workers, and any single game can be played again.

use crate::drawing::recording::GifRecorder;
use crate::drawing::Picture;
use crate::environments::EnvironmentSpec;
use crate::evaluation::contestant::Contestant;
use crate::evaluation::protocol::Protocol;
use crate::observations::Seen;
use crate::policy::Policy;
use crate::random::{Generator, Purpose};
use crate::system::threads;
use anyhow::{Context, Result};
use serde::{Serialize, Serializer};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

/// One game.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Episode {
    /// Seed of the game.
    pub seed: u64,
    /// No-op frames it began with.
    pub noops: u32,
    /// Frames of the game, no-ops included.
    pub frames: u64,
    /// Sum of the raw rewards.
    #[serde(serialize_with = "whole_numbers_as_such")]
    pub score: f64,
    /// Lives lost.
    pub lives_ended: u32,
    /// Whether a limit cut it off before its end.
    pub truncated: bool,
}

/// Writes 5.0 as 5: the scores of most games are whole numbers.
fn whole_numbers_as_such<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    match *value as i64 {
        whole if whole as f64 == *value => serializer.serialize_i64(whole),
        _ => serializer.serialize_f64(*value),
    }
}

/// An action, the observation that it was chosen on, and its reward.
pub struct Decision<'a> {
    /// The observation that the action was chosen on.
    pub seen: Seen<'a>,
    /// The action's index.
    pub action: usize,
    /// The raw reward of the step.
    pub reward: f64,
}

/// Receives a game while it is played. The first error ends the game.
pub enum Spectator<'a> {
    /// No one: frames that the policy does not look at need not be drawn.
    Nobody,
    /// Sees every frame, from the first observation on.
    Pictures(&'a mut dyn FnMut(Picture<'_>) -> Result<()>),
    /// Receives every decision after its step.
    Decisions(&'a mut dyn FnMut(Decision<'_>) -> Result<()>),
}

/// Time between two looks at the clock while no game ends.
const TICK: Duration = Duration::from_millis(500);

/// Plays game number `index` of the protocol; `None` if `stop` was set before its end.
///
/// # Errors
/// When the policy's device fails, and errors of the spectator.
pub fn play_game(
    spec: &dyn EnvironmentSpec,
    policy: &mut Policy,
    protocol: &Protocol,
    index: u32,
    mut spectator: Spectator<'_>,
    stop: &AtomicBool,
) -> Result<Option<Episode>> {
    let seed = protocol.seed_of(index);
    let mut random = Generator::new(seed, Purpose::Evaluation);
    let mut environment = spec.make(&protocol.conditions(seed));
    let mut observation = environment.space().observations(1);
    let mut next = observation.clone();
    let noops = environment.reset(&mut random, observation.place());
    if let (Spectator::Pictures(show), Some(picture)) = (&mut spectator, environment.picture()) {
        show(picture)?;
    }
    let (mut score, mut lives_ended) = (0.0, 0);
    while !stop.load(Ordering::Relaxed) {
        let action = policy.act(observation.seen(), protocol.epsilon, &mut random)?;
        let step = match &mut spectator {
            Spectator::Pictures(show) => {
                let mut shown = Ok(());
                let step = environment.step_watched(action, next.place(), &mut |picture| {
                    if shown.is_ok() {
                        shown = show(picture);
                    }
                });
                shown?;
                step
            }
            Spectator::Nobody | Spectator::Decisions(_) => environment.step(action, next.place()),
        };
        score += step.raw_reward;
        lives_ended += step.lives_lost;
        if let Spectator::Decisions(tell) = &mut spectator {
            tell(Decision { seen: observation.seen(), action, reward: step.raw_reward })?;
        }
        std::mem::swap(&mut observation, &mut next);
        if step.over {
            let frames = environment.episode_frames();
            return Ok(Some(Episode { seed, noops, frames, score, lives_ended, truncated: step.truncated }));
        }
    }
    Ok(None)
}

/// News of the games that are being played.
pub enum News<T> {
    /// A game has ended: its number, the game, and what was remembered of it.
    Ended(u32, Episode, T),
    /// Time passes.
    Tick,
}

/// Plays one game, by its number, for [`play_games`]: the game and what is remembered of it; `None` if it was stopped.
pub type PlayOne<'a, T> = dyn Fn(&mut Policy, u32) -> Result<Option<(Episode, T)>> + Sync + 'a;

/// Plays games 0 to `games` - 1 on `workers` threads. `hear` receives each as it ends, and ticks, on the caller's thread.
/// When `stop` is set, games that have not ended are left out.
///
/// # Errors
/// The first error of a game; no more games are begun then.
pub fn play_games<T: Send>(
    policy: &Policy,
    games: u32,
    workers: usize,
    stop: &AtomicBool,
    play: &PlayOne<'_, T>,
    hear: &mut dyn FnMut(News<T>),
) -> Result<()> {
    let next = AtomicU32::new(0);
    let mut outcome = Ok(());
    let work = |tell: Sender<Result<Option<(u32, Episode, T)>>>| {
        let mut policy = policy.share();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= games || stop.load(Ordering::Relaxed) {
                return;
            }
            let played = play(&mut policy, index);
            if tell.send(played.map(|game| game.map(|(episode, kept)| (index, episode, kept)))).is_err() {
                return;
            }
        }
    };
    let (tell, news) = mpsc::channel();
    let (count, work) = (workers.clamp(1, games.max(1) as usize), &work);
    let play_all = move || threads::run_on(count, || work(tell.clone()));
    let hear_all = || loop {
        match news.recv_timeout(TICK) {
            Ok(Ok(Some((index, episode, kept)))) => hear(News::Ended(index, episode, kept)),
            Ok(Ok(None)) => {}
            Ok(Err(error)) => {
                next.store(games, Ordering::Relaxed);
                outcome = std::mem::replace(&mut outcome, Ok(())).and(Err(error));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        hear(News::Tick);
    };
    let (played, ()) = threads::join(play_all, hear_all);
    outcome?;
    played.context("while playing games")
}

/// Plays the protocol's games from the first on, as many as fit in `steps` agent steps, but at least one. Returns their
/// number and their mean return. `protocol.episodes` is not used.
///
/// # Errors
/// When the policy's device fails.
pub fn mean_return(
    spec: &dyn EnvironmentSpec,
    policy: &mut Policy,
    protocol: &Protocol,
    steps: u64,
) -> Result<(u64, f64)> {
    let (mut games, mut sum, mut used) = (0, 0.0, 0);
    let never = AtomicBool::new(false);
    while used < steps {
        let Some(episode) = play_game(spec, policy, protocol, games as u32, Spectator::Nobody, &never)? else { break };
        used += episode.frames.div_ceil(u64::from(spec.frame_skip())).max(1);
        if used <= steps || games == 0 {
            games += 1;
            sum += episode.score;
        }
    }
    Ok((games, sum / games as f64))
}

/// Plays game number `index` of the protocol once more, into a GIF. Returns its score, or `None` if `stop` was set before the end;
/// then there is no GIF.
///
/// # Errors
/// When the file cannot be written, or the policy's device fails.
pub fn record_game(
    contestant: &Contestant,
    protocol: &Protocol,
    index: u32,
    path: &Path,
    stop: &AtomicBool,
) -> Result<Option<f64>> {
    let mut recorder: Option<GifRecorder> = None;
    let mut record = |picture: Picture<'_>| match &mut recorder {
        Some(recorder) => recorder.frame(&picture),
        None => recorder.insert(GifRecorder::create(path, &picture)?).frame(&picture),
    };
    let mut policy = contestant.policy.share();
    let watched = Spectator::Pictures(&mut record);
    let episode = play_game(&*contestant.spec, &mut policy, protocol, index, watched, stop)?;
    if let (Some(recorder), Some(_)) = (recorder, &episode) {
        recorder.finish()?;
    }
    Ok(episode.map(|episode| episode.score))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::environments::{self, Spec};
    use crate::evaluation::contestant::Baseline;

    fn bricks() -> Spec {
        environments::spec(&config::EnvironmentKeys::default(), None).unwrap()
    }

    fn protocol() -> Protocol {
        Protocol { episodes: 5, epsilon: 0.0, max_episode_frames: 600, noop_max: 30, sticky_probability: 0.25, seed: 7 }
    }

    /// All games of the protocol, in their order.
    fn games(contestant: &Contestant, protocol: &Protocol, workers: usize) -> Vec<Episode> {
        let stop = AtomicBool::new(false);
        let play = |policy: &mut Policy, index: u32| {
            let game = play_game(&*contestant.spec, policy, protocol, index, Spectator::Nobody, &stop)?;
            Ok(game.map(|game| (game, ())))
        };
        let mut games = Vec::new();
        let mut hear = |news| match news {
            News::Ended(index, episode, ()) => games.push((index, episode)),
            News::Tick => {}
        };
        play_games(&contestant.policy, protocol.episodes, workers, &stop, &play, &mut hear).unwrap();
        games.sort_by_key(|(index, _)| *index);
        games.into_iter().map(|(_, episode)| episode).collect()
    }

    #[test]
    fn when_asked_to_stop_the_games_that_ended_are_heard_of_and_no_others() {
        let contestant = Contestant::baseline(&*bricks(), Baseline::Random).unwrap();
        let (protocol, stop) = (protocol(), AtomicBool::new(false));
        let play = |policy: &mut Policy, index: u32| {
            // The third game is under way when the signal comes.
            stop.store(index == 2, Ordering::Relaxed);
            let game = play_game(&*contestant.spec, policy, &protocol, index, Spectator::Nobody, &stop)?;
            Ok(game.map(|game| (game, ())))
        };
        let mut heard = Vec::new();
        let mut hear = |news| match news {
            News::Ended(index, _, ()) => heard.push(index),
            News::Tick => {}
        };
        play_games(&contestant.policy, protocol.episodes, 1, &stop, &play, &mut hear).unwrap();
        assert_eq!(heard, [0, 1]);
    }

    #[test]
    fn games_do_not_depend_on_the_number_of_workers_or_on_who_watches() {
        let contestant = Contestant::baseline(&*bricks(), Baseline::Random).unwrap();
        let (spec, protocol, stop) = (&*contestant.spec, protocol(), AtomicBool::new(false));
        let play = |workers| games(&contestant, &protocol, workers);
        let alone = play(1);
        assert_eq!(play(3), alone);
        assert_eq!(alone.iter().map(|episode| episode.seed).collect::<Vec<_>>(), [7, 8, 9, 10, 11]);
        assert!(alone.iter().any(|episode| episode.noops != alone[0].noops), "each game draws its own no-ops");
        let (mut pictures, mut decisions, mut reward) = (0, 0, 0.0);
        let mut policy = contestant.policy.share();
        let mut count = |_: Picture<'_>| {
            pictures += 1;
            Ok(())
        };
        let watched =
            play_game(spec, &mut policy, &protocol, 3, Spectator::Pictures(&mut count), &stop).unwrap().unwrap();
        let mut sum = |decision: Decision<'_>| {
            decisions += 1;
            reward += decision.reward;
            Ok(())
        };
        let told = play_game(spec, &mut policy, &protocol, 3, Spectator::Decisions(&mut sum), &stop).unwrap().unwrap();
        assert_eq!((&watched, &told), (&alone[3], &alone[3]));
        assert_eq!(pictures, 1 + watched.frames - u64::from(watched.noops));
        assert_eq!((decisions, reward), ((pictures - 1).div_ceil(4), watched.score));
    }

    #[test]
    fn an_error_of_the_spectator_ends_the_game() {
        let contestant = Contestant::baseline(&*bricks(), Baseline::Noop).unwrap();
        let mut shown = 0;
        let mut fail = |_: Picture<'_>| {
            shown += 1;
            Err(anyhow::anyhow!("seen enough"))
        };
        let (mut policy, never) = (contestant.policy.share(), AtomicBool::new(false));
        let played = play_game(&*contestant.spec, &mut policy, &protocol(), 0, Spectator::Pictures(&mut fail), &never);
        assert_eq!((played.unwrap_err().to_string().as_str(), shown), ("seen enough", 1));
    }

    #[test]
    fn a_mean_return_takes_the_games_that_fit_and_at_least_one() {
        let mut contestant = Contestant::baseline(&*bricks(), Baseline::Random).unwrap();
        let games = games(&contestant, &protocol(), 1);
        let steps: Vec<u64> = games.iter().map(|game| game.frames.div_ceil(4)).collect();
        let mut mean = |steps| mean_return(&*contestant.spec, &mut contestant.policy, &protocol(), steps).unwrap();
        assert_eq!(mean(1), (1, games[0].score));
        assert_eq!(mean(steps[0] + steps[1]), (2, (games[0].score + games[1].score) / 2.0));
        assert_eq!(mean(steps[0] + steps[1] + 1), (2, (games[0].score + games[1].score) / 2.0));
    }

    #[test]
    fn whole_scores_are_written_without_a_point() {
        let episode = |score| Episode { seed: 1, noops: 2, frames: 3, score, lives_ended: 4, truncated: false };
        let json = |score| serde_json::to_string(&episode(score)).unwrap();
        assert!(json(-21.0).contains("\"score\":-21,"), "{}", json(-21.0));
        assert!(json(0.5).contains("\"score\":0.5,"), "{}", json(0.5));
    }
}
