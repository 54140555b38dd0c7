//! The record of a run: turns events into rows of metrics, progress and the best network.
//!
//! The record only receives events; it never calls the algorithm.

use crate::algorithms::events::{Event, Standing, Update, Watch};
use crate::config::{Config, RunKeys};
use crate::environments::Step;
use crate::policy::model::{Chosen, ChosenBy, Metadata, Model, BEST_FILE, LEAST_GAMES, MODEL_FILE};
use crate::policy::Policy;
use crate::run::folder::{EVENTS_FILE, METRICS_FILE};
use crate::run::progress::Progress;
use crate::run::rows::{MetricsFile, MetricsRow, RecentReturns, RunningMean};
use crate::run::tensorboard::EventFile;
use crate::saving::{self, Loading, Saving};
use anyhow::{ensure, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Name of its part of a checkpoint.
const RECORD: &str = "record";

/// Everything that a run writes and shows: rows of metrics, progress, networks.
pub struct Record {
    folder: PathBuf,
    metrics: MetricsFile,
    events: EventFile,
    metadata: Metadata,
    progress: Progress,
    tally: Tally,
    standing: Standing,
    /// The run ends when the last 100 training games have this mean return.
    solved_at: f64,
    /// The run ends after this many training games; 0: it does not.
    max_games: u64,
    /// The last 100 training games have it.
    solved: bool,
    /// Whether evaluations during training decide which network is the best, instead of the training games.
    evaluations_decide: bool,
    /// Whether the best network is kept beside the last one.
    keeps_best: bool,
    stop: Arc<AtomicBool>,
    /// When this process began, minus the seconds trained by the run's earlier processes.
    begun: Instant,
    /// (time, steps, updates) of the last periodic row, or of the beginning.
    last_row: (Instant, u64, u64),
}

/// The counts and means of a record so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Tally {
    steps: u64,
    games: u64,
    updates: u64,
    /// Tallies of the games under way, one for each environment.
    under_way: Vec<GameTally>,
    /// Return of each environment's last game.
    last_returns: Vec<Option<f64>>,
    recent: RecentReturns,
    /// Highest mean return so far: of an evaluation, or of 100 training games.
    best_mean: Option<f64>,
    /// This mean and the following ones are over the updates since the last periodic row.
    loss: RunningMean,
    q_value: RunningMean,
    td_error: RunningMean,
    gradient_norm: RunningMean,
}

impl Tally {
    /// Refuses counts that no run can have.
    fn check(&self) -> Result<()> {
        for (value, what) in [(self.steps, "steps"), (self.games, "games"), (self.updates, "updates")] {
            saving::count(value, what)?;
        }
        for game in &self.under_way {
            saving::count(game.steps, "steps of a game")?;
        }
        for mean in [&self.loss, &self.q_value, &self.td_error, &self.gradient_norm] {
            saving::count(mean.count(), "values of a mean")?;
        }
        self.recent.check()
    }

    /// Whether the last 100 training games have this mean return.
    fn solved(&self, at: f64) -> bool {
        self.recent.is_full() && self.recent.mean().is_some_and(|mean| mean >= at)
    }

    /// Whether this many training games have ended; 0 stands for infinitely many.
    fn has_played(&self, max_games: u64) -> bool {
        max_games > 0 && self.games >= max_games
    }

    /// Mean return of each environment's last game; `None` if there is one environment, or none has ended a game.
    fn mean_of_last_games(&self) -> Option<f64> {
        let ended: Vec<f64> = self.last_returns.iter().copied().flatten().collect();
        (self.last_returns.len() > 1 && !ended.is_empty()).then(|| ended.iter().sum::<f64>() / ended.len() as f64)
    }
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct GameTally {
    raw_return: f64,
    clipped_return: f64,
    steps: u64,
    /// Raw returns of the lives that ended.
    life_returns: Vec<f64>,
    /// Raw return of the life under way.
    life_return: f64,
}

/// The state of a record, as a checkpoint keeps it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RecordState {
    tally: Tally,
    /// Lengths of the files of rows.
    metrics_bytes: u64,
    events_bytes: u64,
    wall_seconds: f64,
}

impl RecordState {
    /// The state in a checkpoint.
    ///
    /// # Errors
    /// When it is missing, or is none that a run can have.
    pub fn load(from: &Loading) -> Result<Self> {
        let state: Self = from.part(RECORD)?;
        state.tally.check()?;
        Ok(state)
    }

    /// Steps of the run.
    pub fn steps(&self) -> u64 {
        self.tally.steps
    }

    /// Whether a run with this configuration is at its end before its last step.
    pub fn is_complete(&self, run: &RunKeys) -> bool {
        self.tally.solved(run.solved_at) || self.tally.has_played(run.max_games)
    }
}

impl Record {
    /// Opens the record in `folder` at `state`: rows written later are removed. The default `state` begins a new
    /// record. `stop` is set when the run is to stop.
    ///
    /// # Errors
    /// When its files are missing, are shorter than they were, or cannot be written to.
    pub fn open(
        folder: &Path,
        config: &Config,
        num_envs: usize,
        metadata: Metadata,
        state: RecordState,
        stop: Arc<AtomicBool>,
    ) -> Result<Self> {
        let RecordState { mut tally, metrics_bytes, events_bytes, wall_seconds } = state;
        ensure!(
            tally.under_way.is_empty() || tally.under_way.len() == num_envs,
            "the checkpoint has games of {} environments, and the run has {num_envs}",
            tally.under_way.len()
        );
        tally.under_way.resize(num_envs, GameTally::default());
        tally.last_returns.resize(num_envs, None);
        let now = Instant::now();
        let trained = Duration::try_from_secs_f64(wall_seconds).unwrap_or_default();
        Ok(Self {
            folder: folder.to_path_buf(),
            metrics: MetricsFile::open(&folder.join(METRICS_FILE), metrics_bytes)?,
            events: EventFile::open(&folder.join(EVENTS_FILE), events_bytes)?,
            metadata,
            progress: Progress::new(config.run.total_steps),
            standing: Standing::default(),
            solved_at: config.run.solved_at,
            max_games: config.run.max_games,
            solved: tally.solved(config.run.solved_at),
            evaluations_decide: config.run.evaluation_every_steps > 0,
            keeps_best: config.run.keep_best,
            stop,
            begun: now.checked_sub(trained).unwrap_or(now),
            last_row: (now, tally.steps, tally.updates),
            tally,
        })
    }

    /// Saves the record's state, after flushing all of its rows to the disk.
    ///
    /// # Errors
    /// When something cannot be written.
    pub fn save(&self, to: &mut Saving) -> Result<()> {
        self.metrics.sync()?;
        self.events.sync()?;
        to.part(RECORD, &self.state())
    }

    fn state(&self) -> RecordState {
        RecordState {
            tally: self.tally.clone(),
            metrics_bytes: self.metrics.len(),
            events_bytes: self.events.len(),
            wall_seconds: self.wall_seconds(),
        }
    }

    /// Takes the progress bar off the terminal.
    pub fn finish(&self) {
        self.progress.finish();
    }

    /// Whether the last 100 training games are good enough to end the run.
    pub fn solved(&self) -> bool {
        self.solved
    }

    /// Whether the run is at its end before its last step: it is solved, or has played all of its games.
    pub fn is_complete(&self) -> bool {
        self.solved || self.tally.has_played(self.max_games)
    }

    /// Mean return of the last 100 training games, fewer at first.
    pub fn mean_return(&self) -> Option<f64> {
        self.tally.recent.mean()
    }

    /// Updates of the run so far.
    pub fn updates(&self) -> u64 {
        self.tally.updates
    }

    /// Games of the run so far.
    pub fn games(&self) -> u64 {
        self.tally.games
    }

    /// Seconds of training so far.
    pub fn wall_seconds(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    fn step_taken(&mut self, environment: usize, step: &Step) {
        self.tally.steps += 1;
        let game = &mut self.tally.under_way[environment];
        game.raw_return += step.raw_reward;
        game.clipped_return += f64::from(step.reward);
        game.life_return += step.raw_reward;
        game.steps += 1;
        if step.lives_lost > 0 || step.over {
            game.life_returns.push(std::mem::take(&mut game.life_return));
        }
        self.progress.tick(self.tally.steps);
    }

    fn game_ended(&mut self, environment: usize, frames: u64, truncated: bool, epsilon: Option<f64>) -> Result<()> {
        let GameTally { raw_return, clipped_return, steps, life_returns, .. } =
            std::mem::take(&mut self.tally.under_way[environment]);
        self.tally.games += 1;
        self.tally.recent.push(raw_return);
        self.tally.last_returns[environment] = Some(raw_return);
        self.solved = self.tally.solved(self.solved_at);
        self.row(&MetricsRow::Game {
            step: self.tally.steps,
            games: self.tally.games,
            episode_return: raw_return,
            clipped_return,
            life_returns,
            episode_steps: steps,
            episode_frames: frames,
            truncated,
            mean_return_100_games: self.tally.recent.mean().unwrap_or_default(),
            epsilon,
            wall_seconds: self.wall_seconds(),
        })
    }

    fn updated(&mut self, update: &Update) {
        self.tally.updates += 1;
        self.tally.loss.push(f64::from(update.loss));
        self.tally.q_value.push(f64::from(update.q_value));
        self.tally.td_error.push(f64::from(update.td_error));
        if let Some(norm) = update.gradient_norm {
            self.tally.gradient_norm.push(f64::from(norm));
        }
    }

    fn row(&mut self, row: &MetricsRow) -> Result<()> {
        self.metrics.write(row)?;
        let scalars = row.scalars()?;
        let scalars: Vec<(&str, f64)> = scalars.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        self.events.write(row.step(), &scalars)
    }

    /// Writes the periodic row, with the mean of the largest values of the held-out states.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn progress_row(&mut self, held_out_mean_max_q: Option<f64>) -> Result<()> {
        let step = self.tally.steps;
        let (last_time, last_step, last_updates) =
            std::mem::replace(&mut self.last_row, (Instant::now(), step, self.tally.updates));
        let seconds = last_time.elapsed().as_secs_f64().max(1e-9);
        let row = MetricsRow::Progress {
            step,
            updates: self.tally.updates,
            mean_loss: self.tally.loss.take(),
            mean_q_value: self.tally.q_value.take(),
            mean_td_error: self.tally.td_error.take(),
            mean_gradient_norm: self.tally.gradient_norm.take(),
            held_out_mean_max_q,
            mean_return_100_games: self.tally.recent.mean(),
            mean_return_last_games: self.tally.mean_of_last_games(),
            epsilon: self.standing.epsilon,
            replay_frames: self.standing.replay_frames,
            steps_per_second: (step - last_step) as f64 / seconds,
            updates_per_second: (self.tally.updates - last_updates) as f64 / seconds,
            wall_seconds: self.wall_seconds(),
        };
        self.row(&row)?;
        self.progress.show(&row);
        Ok(())
    }

    /// Keeps `policy` as the best if the last 100 training games are the best so far; evaluations, if there are any, decide
    /// instead.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_best(&mut self, policy: &Policy) -> Result<()> {
        let mean = self.tally.recent.mean().filter(|_| self.tally.recent.is_full() && !self.evaluations_decide);
        if let Some(mean) = mean.filter(|mean| self.tally.best_mean.is_none_or(|best| *mean > best)) {
            self.tally.best_mean = Some(mean);
            let games = RecentReturns::WINDOW as u64;
            self.write_best(policy, Chosen { by: ChosenBy::TrainingGames, games, mean_return: mean })?;
        }
        Ok(())
    }

    /// Records an evaluation of `policy`: the mean return of `games` games. `first` is the run's first evaluation.
    ///
    /// The network is the best if the mean is the highest so far. Means of fewer than [`LEAST_GAMES`] games are not compared,
    /// because they are mostly chance: such an evaluation replaces no network. Only the first one is written in any case, until an
    /// evaluation of enough games replaces it, whatever its mean.
    ///
    /// # Errors
    /// When the row cannot be written, or the network if it is the best.
    pub fn evaluated(&mut self, policy: &Policy, games: u64, mean_return: f64, first: bool) -> Result<()> {
        let step = self.tally.steps;
        let chosen = Chosen { by: ChosenBy::Evaluation, games, mean_return };
        let highest = chosen.is_sound() && self.tally.best_mean.is_none_or(|best| mean_return > best);
        if highest {
            self.tally.best_mean = Some(mean_return);
        }
        let best = highest || (first && !chosen.is_sound());
        if best {
            self.write_best(policy, chosen)?;
        }
        let wall_seconds = self.wall_seconds();
        self.row(&MetricsRow::Evaluation { step, games, mean_return, best, wall_seconds })?;
        self.progress.say(&format!("step {step}: evaluation, games: {games}, mean return {mean_return:.1}"));
        if first && !chosen.is_sound() && self.keeps_best {
            self.progress.say(&format!(
                "warning: it takes {LEAST_GAMES} games to tell which network is better; with a larger evaluation_steps an evaluation \
                 has more, without one the last network counts as the best"
            ));
        }
        Ok(())
    }

    /// Writes the network as it stands.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_model(&self, policy: &Policy) -> Result<()> {
        self.write_network(MODEL_FILE, policy, None)
    }

    fn write_best(&self, policy: &Policy, chosen: Chosen) -> Result<()> {
        if self.keeps_best {
            self.write_network(BEST_FILE, policy, Some(chosen))?;
        }
        Ok(())
    }

    fn write_network(&self, name: &str, policy: &Policy, chosen: Option<Chosen>) -> Result<()> {
        let Some(learned) = policy.learned()? else { return Ok(()) };
        let metadata = Metadata { steps_trained: self.tally.steps, chosen, ..self.metadata.clone() };
        Model { metadata, learned }.save(&self.folder.join(name))
    }
}

impl Watch for Record {
    fn tell(&mut self, event: Event<'_>) -> Result<()> {
        match event {
            Event::Step { environment, step } => self.step_taken(environment, step),
            Event::Episode { environment, frames, truncated, epsilon } => {
                self.game_ended(environment, frames, truncated, epsilon)?;
            }
            Event::Update(update) => self.updated(update),
            Event::Pause(standing) => self.standing = standing,
        }
        Ok(())
    }

    fn stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.is_complete()
    }

    fn interrupt(&self) -> &AtomicBool {
        &self.stop
    }
}
