//! What a run leaves behind and shows: files in its folder, rows of metrics, progress.

use crate::algorithms::dqn::agent::{Agent, Update};
use crate::algorithms::dqn::TrainerState;
use crate::config::Config;
use crate::networks::learner::Which;
use crate::networks::Parameters;
use crate::policy::model::{Metadata, Model, BEST_FILE, MODEL_FILE};
use crate::preprocess::Step;
use crate::random::{Generator, Purpose};
use crate::run::checkpoints::RunCheckpoints;
use crate::run::rows::{MetricsFile, RecentReturns, Row, RunningMean};
use crate::run::tensorboard::{self, EventFile};
use crate::text::clock;
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// States whose Q-values are watched during a run (the paper's second learning index).
const HELD_OUT_STATES: usize = 256;
/// Plain progress lines, where there is no terminal for a bar, come no faster than this.
const LINE_INTERVAL: Duration = Duration::from_secs(10);
/// The rows, in a run's folder.
pub const METRICS_FILE: &str = "metrics.jsonl";

/// Plays some games with these parameters during training, at this step: (games, mean return).
pub type Evaluator = Box<dyn FnMut(&Parameters) -> Result<(u64, f64)>>;

/// What a run leaves behind and shows: files in its folder, rows of metrics, progress.
pub struct RunRecord {
    folder: PathBuf,
    metrics: MetricsFile,
    events: EventFile,
    checkpoints: RunCheckpoints,
    description: RunDescription,
    metadata: Metadata,
    evaluator: Option<Evaluator>,
    progress: Progress,
    tally: Tally,
    /// When this process began, less the seconds that those before it trained.
    begun: Instant,
    /// (time, steps, updates) of the last periodic row, or of the beginning.
    last_row: (Instant, u64, u64),
}

/// What a record has counted so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Tally {
    steps: u64,
    games: u64,
    updates: u64,
    /// Of the game under way.
    game: GameTally,
    recent: RecentReturns,
    /// Highest mean return so far: of an evaluation, or of 100 training games.
    best_mean: Option<f64>,
    /// Since the last periodic row.
    loss: RunningMean,
    q_value: RunningMean,
    td_error: RunningMean,
    gradient_norm: RunningMean,
    held_out: Option<Vec<u8>>,
    held_out_generator: Generator,
}

impl Tally {
    fn solved(&self, config: &Config) -> bool {
        self.recent.is_full() && self.recent.mean().is_some_and(|mean| mean >= config.solved_at)
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

/// What a run is, whatever has become of it: the part of a checkpoint that says how to read the rest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunDescription {
    /// The preset it began with.
    pub preset: String,
    /// The game's name, as in ALE.
    pub game: String,
    /// MD5 of the cartridge.
    pub cartridge_md5: String,
    /// The configuration as TOML.
    pub config: String,
}

/// What a checkpoint holds besides the replay.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunState {
    /// What the run is.
    pub description: RunDescription,
    /// The agent at its task.
    pub trainer: TrainerState,
    /// The rows written and what they count.
    pub record: RecordState,
}

/// Where a record stands: what a checkpoint keeps of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordState {
    tally: Tally,
    /// Lengths of the files of rows.
    metrics_bytes: u64,
    events_bytes: u64,
    wall_seconds: f64,
}

impl RecordState {
    /// See [`RunRecord::solved`].
    pub fn solved(&self, config: &Config) -> bool {
        self.tally.solved(config)
    }
}

impl RunRecord {
    /// A new record in `folder`, which must exist, of a run with this `config` and a network with these `metadata`.
    ///
    /// # Errors
    /// When its files cannot be made, or another process trains there.
    pub fn create(folder: &Path, config: &Config, metadata: Metadata, evaluator: Option<Evaluator>) -> Result<Self> {
        let checkpoints = RunCheckpoints::take(folder)?;
        let tally = Tally {
            steps: 0,
            games: 0,
            updates: 0,
            game: GameTally::default(),
            recent: RecentReturns::default(),
            best_mean: None,
            loss: RunningMean::default(),
            q_value: RunningMean::default(),
            td_error: RunningMean::default(),
            gradient_norm: RunningMean::default(),
            held_out: None,
            held_out_generator: Generator::new(config.seed, Purpose::HeldOut),
        };
        let state = RecordState { tally, metrics_bytes: 0, events_bytes: 0, wall_seconds: 0.0 };
        Self::resume(folder, config, metadata, evaluator, checkpoints, state)
    }

    /// The record in `folder` as it stood: rows written after that moment are taken back.
    ///
    /// # Errors
    /// When its files are missing, are shorter than they were, or cannot be written to.
    pub fn resume(
        folder: &Path,
        config: &Config,
        metadata: Metadata,
        evaluator: Option<Evaluator>,
        checkpoints: RunCheckpoints,
        state: RecordState,
    ) -> Result<Self> {
        let description = RunDescription {
            preset: metadata.preset.clone(),
            game: metadata.game.clone(),
            cartridge_md5: metadata.cartridge_md5.clone(),
            config: config.to_toml()?,
        };
        let RecordState { tally, metrics_bytes, events_bytes, wall_seconds } = state;
        let now = Instant::now();
        let trained = Duration::try_from_secs_f64(wall_seconds).unwrap_or_default();
        Ok(Self {
            folder: folder.to_path_buf(),
            metrics: MetricsFile::open(&folder.join(METRICS_FILE), metrics_bytes)?,
            events: EventFile::open(&folder.join(tensorboard::FILE), events_bytes)?,
            checkpoints,
            description,
            metadata,
            evaluator,
            progress: Progress::new(config.total_steps)?,
            begun: now.checked_sub(trained).unwrap_or(now),
            last_row: (now, tally.steps, tally.updates),
            tally,
        })
    }

    /// Saves the network as it stands and a checkpoint of the run, all rows of the record on the disk.
    ///
    /// # Errors
    /// When something cannot be written; the checkpoints of before are still there then.
    pub fn checkpoint(&mut self, trainer: TrainerState, agent: &Agent) -> Result<()> {
        self.save(MODEL_FILE, agent)?;
        self.metrics.sync()?;
        self.events.sync()?;
        let record = RecordState {
            tally: self.tally.clone(),
            metrics_bytes: self.metrics.len(),
            events_bytes: self.events.len(),
            wall_seconds: self.wall_seconds(),
        };
        let state = RunState { description: self.description.clone(), trainer, record };
        self.checkpoints.save(self.tally.steps, state, agent.replay())
    }

    /// Takes the progress bar off the terminal.
    pub fn finish(&self) {
        self.progress.bar.finish_and_clear();
    }

    /// Whether the last 100 training games are good enough to end the run.
    pub fn solved(&self, config: &Config) -> bool {
        self.tally.solved(config)
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

    /// A step gave `outcome`, of which `reward` was learned from.
    pub fn step_taken(&mut self, outcome: &Step, reward: f32) {
        let game = &mut self.tally.game;
        game.raw_return += f64::from(outcome.reward);
        game.clipped_return += f64::from(reward);
        game.life_return += f64::from(outcome.reward);
        game.steps += 1;
        if outcome.life_lost || outcome.episode_over() {
            game.life_returns.push(std::mem::take(&mut game.life_return));
        }
    }

    /// The game ended with step `step`.
    ///
    /// # Errors
    /// When the row cannot be written.
    pub fn game_ended(&mut self, step: u64, epsilon: f64, outcome: &Step, episode_frames: u64) -> Result<()> {
        let GameTally { raw_return, clipped_return, steps, life_returns, .. } = std::mem::take(&mut self.tally.game);
        self.tally.games += 1;
        self.tally.recent.push(raw_return);
        self.row(&Row::Game {
            step,
            games: self.tally.games,
            episode_return: raw_return,
            clipped_return,
            life_returns,
            episode_steps: steps,
            episode_frames,
            truncated: outcome.truncated,
            mean_return_100_games: self.tally.recent.mean().unwrap_or_default(),
            epsilon,
            wall_seconds: self.wall_seconds(),
        })
    }

    fn row(&mut self, row: &Row) -> Result<()> {
        self.metrics.write(row)?;
        let scalars = row.scalars()?;
        let scalars: Vec<(&str, f64)> = scalars.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        self.events.write(row.step(), &scalars)
    }

    /// There was an update.
    pub fn updated(&mut self, update: &Update) {
        self.tally.updates += 1;
        self.tally.loss.push(f64::from(update.loss));
        self.tally.q_value.push(f64::from(update.q_value));
        self.tally.td_error.push(f64::from(update.td_error));
        if let Some(norm) = update.gradient_norm {
            self.tally.gradient_norm.push(f64::from(norm));
        }
    }

    /// Whatever is due after `steps` steps.
    ///
    /// # Errors
    /// When the evaluation fails or a file cannot be written.
    pub fn after_step(&mut self, config: &Config, steps: u64, agent: &mut Agent) -> Result<()> {
        self.tally.steps = steps;
        if steps == config.learning_starts_steps.max(1) {
            // So far the policy was random, or nearly.
            self.tally.held_out =
                Some(agent.held_out_observations(HELD_OUT_STATES, &mut self.tally.held_out_generator));
        }
        if steps.is_multiple_of(config.metrics_every_steps) {
            self.progress_row(steps, agent)?;
        }
        if config.evaluation_every_steps > 0 && steps.is_multiple_of(config.evaluation_every_steps) {
            self.evaluate(steps, agent)?;
        }
        self.progress.tick(steps);
        Ok(())
    }

    fn progress_row(&mut self, step: u64, agent: &mut Agent) -> Result<()> {
        let (last_time, last_step, last_updates) =
            std::mem::replace(&mut self.last_row, (Instant::now(), step, self.tally.updates));
        let seconds = last_time.elapsed().as_secs_f64().max(1e-9);
        let held_out = self.tally.held_out.as_ref().filter(|observations| !observations.is_empty());
        let row = Row::Progress {
            step,
            updates: self.tally.updates,
            mean_loss: self.tally.loss.take(),
            mean_q_value: self.tally.q_value.take(),
            mean_td_error: self.tally.td_error.take(),
            mean_gradient_norm: self.tally.gradient_norm.take(),
            held_out_mean_max_q: held_out.map(|observations| agent.mean_maximal_q(observations)).transpose()?,
            mean_return_100_games: self.tally.recent.mean(),
            epsilon: agent.epsilon(step),
            replay_frames: agent.replay_len() as u64,
            steps_per_second: (step - last_step) as f64 / seconds,
            updates_per_second: (self.tally.updates - last_updates) as f64 / seconds,
            wall_seconds: self.wall_seconds(),
        };
        self.row(&row)?;
        self.progress.show(&row);
        self.keep_best(agent)
    }

    /// Saves the network as the best if the last 100 training games are the best so far; evaluations, if there are any,
    /// decide instead.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_best(&mut self, agent: &Agent) -> Result<()> {
        if self.evaluator.is_none() && self.tally.recent.is_full() {
            if let Some(mean) =
                self.tally.recent.mean().filter(|mean| self.tally.best_mean.is_none_or(|best| *mean > best))
            {
                self.tally.best_mean = Some(mean);
                self.save(BEST_FILE, agent)?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, step: u64, agent: &Agent) -> Result<()> {
        let Some(evaluator) = &mut self.evaluator else { return Ok(()) };
        let (games, mean_return) = evaluator(&agent.learner().parameters(Which::Online)?)?;
        let best = self.tally.best_mean.is_none_or(|best| mean_return > best);
        if best {
            self.tally.best_mean = Some(mean_return);
            self.save(BEST_FILE, agent)?;
        }
        let wall_seconds = self.wall_seconds();
        self.row(&Row::Evaluation { step, games, mean_return, best, wall_seconds })?;
        self.progress.say(&format!("step {step}: evaluation, {games} games, mean return {mean_return:.1}"));
        Ok(())
    }

    /// Saves the network as it stands under `name`; the file's path.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn save(&self, name: &str, agent: &Agent) -> Result<PathBuf> {
        let path = self.folder.join(name);
        let metadata = Metadata { steps_trained: self.tally.steps, ..self.metadata.clone() };
        Model { metadata, parameters: agent.learner().parameters(Which::Online)? }.save(&path)?;
        Ok(path)
    }
}

/// The progress of a run on stderr: a bar on a terminal, else a line now and then.
struct Progress {
    bar: ProgressBar,
    on_terminal: bool,
    total_steps: u64,
    last_line: Option<Instant>,
}

impl Progress {
    fn new(total_steps: u64) -> Result<Self> {
        let on_terminal = std::io::stderr().is_terminal();
        let bar = if on_terminal {
            let style = ProgressStyle::with_template("{bar:24} {percent}% of {len} steps, {msg}, {eta} left")
                .context("the progress bar's template")?;
            ProgressBar::new(total_steps).with_style(style)
        } else {
            ProgressBar::hidden()
        };
        Ok(Self { bar, on_terminal, total_steps, last_line: None })
    }

    fn tick(&self, steps: u64) {
        if self.on_terminal {
            self.bar.set_position(steps);
        }
    }

    fn show(&mut self, row: &Row) {
        let Row::Progress {
            step,
            epsilon,
            mean_return_100_games,
            steps_per_second,
            updates_per_second,
            wall_seconds,
            ..
        } = row
        else {
            return;
        };
        let mean = mean_return_100_games.map_or("no game yet".to_string(), |mean| format!("mean return {mean:.1}"));
        let message =
            format!("{steps_per_second:.0} steps/s, {updates_per_second:.0} updates/s, epsilon {epsilon:.2}, {mean}");
        if self.on_terminal {
            self.bar.set_message(message);
            return;
        }
        let due = self.last_line.is_none_or(|last| last.elapsed() >= LINE_INTERVAL);
        if due || *step == self.total_steps {
            self.last_line = Some(Instant::now());
            let left = wall_seconds / *step as f64 * (self.total_steps - step) as f64;
            warn!("step {step} of {}: {message}, {} left", self.total_steps, clock(left));
        }
    }

    fn say(&self, text: &str) {
        if self.on_terminal {
            self.bar.println(text);
        } else {
            warn!("{text}");
        }
    }
}
