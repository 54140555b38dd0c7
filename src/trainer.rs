//! Deep Q-learning with experience replay, step by step: Algorithm 1 of Mnih et al. 2015.

use crate::agent::{Agent, AgentState};
use crate::config::{Config, LifeLoss};
use crate::preprocess::{AgentEnvironment, EnvironmentState, Frame, FrameStack, Step};
use crate::random::{Generator, Purpose};
use crate::replay::Replay;
use crate::run_record::RunRecord;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, Ordering};

/// Something an agent can be trained on.
pub trait Task: Send {
    /// Starts an episode with this many no-op frames.
    fn reset(&mut self, noop_frames: u32);
    /// Takes the action with this index.
    fn step(&mut self, action: usize) -> Step;
    /// What is now seen.
    fn frame(&self) -> &Frame;
    /// Frames of the episode so far.
    fn episode_frames(&self) -> u64;
    /// Everything its future depends on.
    fn save(&self) -> Vec<u8>;
    /// Goes back, or on, to what was saved.
    ///
    /// # Errors
    /// When `state` is not that of such a task.
    fn restore(&mut self, state: &[u8]) -> Result<()>;
}

impl Task for AgentEnvironment {
    fn reset(&mut self, noop_frames: u32) {
        AgentEnvironment::reset(self, noop_frames);
    }

    fn step(&mut self, action: usize) -> Step {
        AgentEnvironment::step(self, action)
    }

    fn frame(&self) -> &Frame {
        AgentEnvironment::frame(self)
    }

    fn episode_frames(&self) -> u64 {
        u64::from(self.environment().episode_frame_number())
    }

    fn save(&self) -> Vec<u8> {
        let EnvironmentState { mut emulator, frame } = self.state();
        emulator.splice(0..0, *frame);
        emulator
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let (frame, emulator) = state.split_first_chunk().context("the state of the environment is cut off")?;
        let state = EnvironmentState { emulator: emulator.to_vec(), frame: Box::new(*frame) };
        Ok(self.set_state(&state)?)
    }
}

/// What a trainer's future depends on, but for the replay.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrainerState {
    step: u64,
    agent: AgentState,
    task: Vec<u8>,
    stack: FrameStack,
    starts: Generator,
}

impl TrainerState {
    /// Steps taken.
    pub fn steps(&self) -> u64 {
        self.step
    }
}

/// An agent at its task, between two steps.
pub struct Trainer<'a> {
    config: Config,
    agent: Agent,
    task: &'a mut dyn Task,
    stack: FrameStack,
    /// No-op frames at the start of episodes.
    starts: Generator,
    /// Steps taken.
    step: u64,
}

impl<'a> Trainer<'a> {
    /// A trainer before the first step, whose first episode has begun.
    pub fn new(config: Config, agent: Agent, task: &'a mut dyn Task) -> Self {
        let starts = Generator::new(config.seed, Purpose::Starts);
        let mut trainer = Self { config, agent, task, stack: FrameStack::default(), starts, step: 0 };
        trainer.begin_episode();
        trainer
    }

    /// The trainer that was saved, with a new agent and a task as they were made for it, and the replay.
    ///
    /// # Errors
    /// When the state is that of another kind of agent or task.
    pub fn resume(
        config: Config,
        mut agent: Agent,
        task: &'a mut dyn Task,
        state: TrainerState,
        replay: Replay,
    ) -> Result<Self> {
        let TrainerState { step, agent: agent_state, task: task_state, stack, starts } = state;
        agent.set_state(agent_state, replay).context("the state of the agent cannot be used")?;
        task.restore(&task_state).context("the state of the environment cannot be used")?;
        Ok(Self { config, agent, task, stack, starts, step })
    }

    /// What the future depends on, but for the replay.
    ///
    /// # Errors
    /// When the networks cannot be fetched from their device.
    pub fn state(&self) -> Result<TrainerState> {
        Ok(TrainerState {
            step: self.step,
            agent: self.agent.state()?,
            task: self.task.save(),
            stack: self.stack.clone(),
            starts: self.starts.clone(),
        })
    }

    /// The agent.
    pub fn agent(&self) -> &Agent {
        &self.agent
    }

    /// Steps taken.
    pub fn steps(&self) -> u64 {
        self.step
    }

    fn begin_episode(&mut self) {
        self.task.reset(self.starts.below(self.config.noop_max as usize + 1) as u32);
        self.agent.begin_episode(self.task.frame());
        self.stack.begin(self.task.frame());
    }

    /// Goes on until `config.total_steps`, until the mean return of 100 games is `config.solved_at`, or until `stop` is set.
    ///
    /// # Errors
    /// When learning diverges or a file cannot be written. The trainer is then between two steps all the same.
    pub fn run(&mut self, record: &mut RunRecord, stop: &AtomicBool) -> Result<()> {
        while self.step < self.config.total_steps && !stop.load(Ordering::Relaxed) {
            let game_over = self.step(record)?;
            if game_over && record.solved(&self.config) {
                return record.keep_best(&self.agent);
            }
            if self.step.is_multiple_of(self.config.checkpoint_every_steps) {
                self.checkpoint(record)?;
            }
        }
        Ok(())
    }

    /// Saves the network and everything else the run needs to go on from here.
    ///
    /// # Errors
    /// When something cannot be written; the checkpoints of before are still there then.
    pub fn checkpoint(&self, record: &mut RunRecord) -> Result<()> {
        record.checkpoint(self.state()?, &self.agent)
    }

    /// One step; whether a game ended with it.
    fn step(&mut self, record: &mut RunRecord) -> Result<bool> {
        let config = &self.config;
        let action = self.agent.act(self.stack.pixels(), self.step)?;
        let outcome = self.task.step(action);
        let mut reward = outcome.reward as f32;
        if config.reward_clip {
            reward = reward.clamp(-1.0, 1.0);
        }
        let terminal = outcome.terminal || (config.life_loss == LifeLoss::Terminal && outcome.life_lost);
        self.agent.remember(action, reward, terminal, outcome.episode_over(), self.task.frame());
        self.stack.push(self.task.frame());
        record.step_taken(&outcome, reward);
        let epsilon = self.agent.epsilon(self.step);
        self.step += 1;

        if outcome.episode_over() {
            record.game_ended(self.step, epsilon, &outcome, self.task.episode_frames())?;
            self.begin_episode();
        }
        let config = &self.config;
        if self.step > config.learning_starts_steps && self.step.is_multiple_of(config.train_every_steps) {
            let update = self.agent.learn().with_context(|| format!("at step {}", self.step))?;
            if let Some(update) = update {
                record.updated(&update);
            }
        }
        if config.target_tau == 0.0 && self.step.is_multiple_of(config.target_sync_steps) {
            self.agent.sync_target()?;
        }
        record.after_step(config, self.step, &mut self.agent)?;
        Ok(outcome.episode_over())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::{Metadata, BEST_FILE};
    use crate::config::{EpsilonKind, OptimizerKind};
    use crate::preprocess::{Preprocessing, Resize, FRAME_PIXELS};
    use crate::run_checkpoints::RunCheckpoints;
    use crate::run_record::RunState;
    use crate::train::new_agent;
    use atari_emulator::Action;
    use candle_core::Device;
    use std::fs;

    /// Shows a bright upper or lower half; the action with the same number pays 1. Ten steps are a game, a life is lost
    /// after five, every third game is cut off instead of ending.
    struct Guess {
        generator: Generator,
        frame: Box<Frame>,
        answer: usize,
        steps: u64,
        games: u64,
        resets: Vec<u32>,
    }

    impl Guess {
        fn new() -> Self {
            let generator = Generator::new(9, Purpose::Synthetic);
            Self { generator, frame: Box::new([0; FRAME_PIXELS]), answer: 0, steps: 0, games: 0, resets: Vec::new() }
        }

        fn ask(&mut self) {
            self.answer = self.generator.below(2);
            self.frame.fill(0);
            let half = FRAME_PIXELS / 2;
            self.frame[self.answer * half..(self.answer + 1) * half].fill(255);
        }
    }

    impl Task for Guess {
        fn reset(&mut self, noop_frames: u32) {
            self.resets.push(noop_frames);
            self.games += 1;
            self.steps = 0;
            self.ask();
        }

        fn step(&mut self, action: usize) -> Step {
            let reward = i32::from(action == self.answer);
            self.steps += 1;
            self.ask();
            let over = self.steps == 10;
            let truncated = over && self.games.is_multiple_of(3);
            Step { reward, life_lost: self.steps == 5, terminal: over && !truncated, truncated }
        }

        fn frame(&self) -> &Frame {
            &self.frame
        }

        fn episode_frames(&self) -> u64 {
            self.steps * 4
        }

        fn save(&self) -> Vec<u8> {
            postcard::to_stdvec(&(&self.generator, self.frame.to_vec(), self.answer, self.steps, self.games)).unwrap()
        }

        fn restore(&mut self, state: &[u8]) -> Result<()> {
            let frame: Vec<u8>;
            (self.generator, frame, self.answer, self.steps, self.games) = postcard::from_bytes(state)?;
            self.frame.copy_from_slice(&frame);
            Ok(())
        }
    }

    fn metadata() -> Metadata {
        Metadata {
            game: "guess".to_string(),
            cartridge_md5: String::new(),
            actions: vec![Action::Noop, Action::Fire],
            preprocessing: Preprocessing::new(4, Resize::Area, false),
            preset: "bricks".to_string(),
            seed: 0,
            steps_trained: 0,
        }
    }

    fn config() -> Config {
        Config {
            total_steps: 1500,
            learning_starts_steps: 100,
            epsilon_starts_steps: 100,
            epsilon_anneal_steps: 300,
            epsilon_final: 0.0,
            target_sync_steps: 100,
            replay_capacity: 1000,
            batch_size: 8,
            gamma: 0.5,
            metrics_every_steps: 500,
            ..Config::preset("bricks").unwrap()
        }
    }

    #[test]
    fn training_learns_a_game_that_can_be_seen_through() {
        let folder = tempfile::tempdir().unwrap();
        let config = config();
        let agent = new_agent(&config, 2, &Device::Cpu).unwrap();
        let mut record = RunRecord::create(folder.path(), &config, metadata(), None).unwrap();
        let mut task = Guess::new();
        let mut trainer = Trainer::new(config, agent, &mut task);
        trainer.run(&mut record, &AtomicBool::new(false)).unwrap();
        assert_eq!((trainer.steps(), record.games(), record.updates()), (1500, 150, 350));
        assert!(task.resets.iter().all(|&noops| noops <= 30) && task.resets.iter().any(|&noops| noops > 15));
        let text = fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap();
        let last_games: Vec<f64> = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .filter(|row| row["kind"] == "game")
            .filter_map(|row| row["episode_return"].as_f64())
            .skip(120)
            .collect();
        let mean = last_games.iter().sum::<f64>() / last_games.len() as f64;
        assert!(mean > 9.5, "mean return of the last {} games: {mean}, of 10 at most", last_games.len());
    }

    #[test]
    fn a_stopped_run_ends_before_its_next_step() {
        let folder = tempfile::tempdir().unwrap();
        let config = config();
        let agent = new_agent(&config, 2, &Device::Cpu).unwrap();
        let mut record = RunRecord::create(folder.path(), &config, metadata(), None).unwrap();
        let mut task = Guess::new();
        let mut trainer = Trainer::new(config, agent, &mut task);
        trainer.run(&mut record, &AtomicBool::new(true)).unwrap();
        assert_eq!(trainer.steps(), 0);
    }

    #[test]
    fn a_run_ends_when_its_last_hundred_games_are_good_enough() {
        let run = |solved_at: f64| {
            let folder = tempfile::tempdir().unwrap();
            let config =
                Config { solved_at, target_tau: 0.02, gradient_clip_norm: 10.0, prioritized: true, ..config() };
            let agent = new_agent(&config, 2, &Device::Cpu).unwrap();
            let mut record = RunRecord::create(folder.path(), &config, metadata(), None).unwrap();
            let mut task = Guess::new();
            let mut trainer = Trainer::new(config.clone(), agent, &mut task);
            trainer.run(&mut record, &AtomicBool::new(false)).unwrap();
            let rows = rows(folder.path());
            let last = rows.iter().rfind(|row| row["kind"] == "progress").unwrap();
            assert!(last["mean_gradient_norm"].is_f64(), "{last}");
            let best = folder.path().join(BEST_FILE).exists();
            (trainer.steps(), record.games(), record.solved(&config), best)
        };
        // A random player gets 5 of 10: the first hundred games are enough.
        assert_eq!(run(4.0), (1000, 100, true, true));
        let (steps, games, solved, _) = run(11.0);
        assert_eq!((steps, games, solved), (1500, 150, false));
    }

    /// What a run has written, but for the times.
    fn rows(folder: &std::path::Path) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
        let mut rows: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for row in &mut rows {
            for time in ["wall_seconds", "steps_per_second", "updates_per_second"] {
                row.as_object_mut().unwrap().remove(time);
            }
        }
        rows
    }

    #[test]
    fn a_run_that_is_stopped_and_resumed_anywhere_ends_as_one_that_never_stopped() {
        let plain = Config { checkpoint_every_steps: 333, ..config() };
        resumes_exactly(plain.clone());
        let everything = Config {
            double: true,
            dueling: true,
            noisy: true,
            categorical: true,
            prioritized: true,
            n_step: 3,
            target_tau: 0.01,
            gradient_clip_norm: 10.0,
            ..plain.clone()
        };
        resumes_exactly(everything);
        resumes_exactly(Config {
            epsilon_schedule: EpsilonKind::Exponential,
            optimizer: OptimizerKind::RmsProp,
            ..plain
        });
    }

    fn resumes_exactly(config: Config) {
        let end = |trainer: &Trainer| postcard::to_stdvec(&trainer.state().unwrap()).unwrap();
        let reference = tempfile::tempdir().unwrap();
        let mut record = RunRecord::create(reference.path(), &config, metadata(), None).unwrap();
        let mut task = Guess::new();
        let mut trainer = Trainer::new(config.clone(), new_agent(&config, 2, &Device::Cpu).unwrap(), &mut task);
        trainer.run(&mut record, &AtomicBool::new(false)).unwrap();
        let expected = end(&trainer);

        let folder = tempfile::tempdir().unwrap();
        let first = Config { total_steps: 61, ..config.clone() };
        let mut record = RunRecord::create(folder.path(), &first, metadata(), None).unwrap();
        let mut task = Guess::new();
        let mut trainer = Trainer::new(first.clone(), new_agent(&first, 2, &Device::Cpu).unwrap(), &mut task);
        trainer.run(&mut record, &AtomicBool::new(false)).unwrap();
        trainer.checkpoint(&mut record).unwrap();
        // Before learning starts, within a game, with an episode's end, after a checkpoint that nobody asked for.
        for total_steps in [110, 400, 777, 1000, 1500] {
            // What comes after the checkpoint is lost, and must be taken back.
            trainer.run(&mut record, &AtomicBool::new(false)).unwrap();
            record.step_taken(&Step::default(), 0.0);
            record.game_ended(7, 0.5, &Step::default(), 0).unwrap();
            drop(record);
            let mut checkpoints = RunCheckpoints::take(folder.path()).unwrap();
            let new_replay = |_: &RunState| Ok(config.replay());
            let (state, replay) = checkpoints.load(new_replay, |warning| panic!("{warning}")).unwrap();
            let config = Config { total_steps, ..config.clone() };
            record = RunRecord::resume(folder.path(), &config, metadata(), None, checkpoints, state.record).unwrap();
            let agent = new_agent(&config, 2, &Device::Cpu).unwrap();
            task = Guess::new();
            trainer = Trainer::resume(config, agent, &mut task, state.trainer, replay).unwrap();
            trainer.run(&mut record, &AtomicBool::new(false)).unwrap();
            trainer.checkpoint(&mut record).unwrap();
        }
        assert!(end(&trainer) == expected, "the states differ");
        assert_eq!(rows(folder.path()), rows(reference.path()));
    }
}
