//! Deep Q-learning with experience replay, step by step: Algorithm 1 of Mnih et al. 2015.

pub mod agent;

use crate::algorithms::dqn::agent::{Agent, AgentState, Update};
use crate::config::{Config, LifeLoss, Schedule};
use crate::experience::replay::Replay;
use crate::networks::learner::Which;
use crate::observations::Seen;
use crate::preprocess::{AgentEnvironment, EnvironmentState, Frame, FrameStack, Step, FRAME_PIXELS};
use crate::random::{Generator, Purpose};
use crate::run::record::RunRecord;
use anyhow::{ensure, Context, Result};
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
    interval: Interval,
}

/// With the concurrent schedule, what was done since the last copy of the target network and is not yet in the replay.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Interval {
    /// The steps taken.
    acted: Vec<Acted>,
    /// The updates made, by step.
    updates: Vec<(u64, Option<Update>)>,
}

/// A step that waits to be remembered.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Acted {
    action: u8,
    reward: f32,
    terminal: bool,
    outcome: Step,
    epsilon: f64,
    episode_frames: u64,
    /// What was then seen, as an LZ4 block.
    frame: Vec<u8>,
    /// The first frame of the next episode, if this one is over.
    beginning: Option<Vec<u8>>,
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
    /// Steps taken and remembered.
    step: u64,
    interval: Interval,
}

impl<'a> Trainer<'a> {
    /// A trainer before the first step, whose first episode has begun.
    pub fn new(config: Config, agent: Agent, task: &'a mut dyn Task) -> Self {
        let starts = Generator::new(config.seed, Purpose::Starts);
        let (stack, interval) = (FrameStack::default(), Interval::default());
        let mut trainer = Self { config, agent, task, stack, starts, step: 0, interval };
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
        let TrainerState { step, agent: agent_state, task: task_state, stack, starts, interval } = state;
        agent.set_state(agent_state, replay).context("the state of the agent cannot be used")?;
        task.restore(&task_state).context("the state of the environment cannot be used")?;
        Ok(Self { config, agent, task, stack, starts, step, interval })
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
            interval: self.interval.clone(),
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
        self.agent.explorer.begin_episode();
        self.task.reset(self.starts.below(self.config.noop_max as usize + 1) as u32);
        self.agent.remember_beginning(self.task.frame());
        self.stack.begin(self.task.frame());
    }

    /// Goes on until `config.total_steps`, until the mean return of 100 games is `config.solved_at`, or until `stop` is set.
    ///
    /// # Errors
    /// When learning diverges or a file cannot be written. The trainer is then between two steps all the same.
    pub fn run(&mut self, record: &mut RunRecord, stop: &AtomicBool) -> Result<()> {
        if record.solved(&self.config) {
            // It was before it was stopped.
            return Ok(());
        }
        while self.step < self.config.total_steps && !stop.load(Ordering::Relaxed) {
            let before = self.step;
            let game_over = match self.config.schedule {
                Schedule::Sequential => self.step(record)?,
                Schedule::Concurrent => self.interval(record, stop)?,
            };
            if game_over && record.solved(&self.config) {
                return record.keep_best(&self.agent);
            }
            let every = self.config.checkpoint_every_steps;
            if self.step / every > before / every {
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
        let (reward, terminal) = lesson(config, &outcome);
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
        if updates_after(config, self.step) {
            if let Some(update) = self.agent.learn(self.step).with_context(|| format!("at step {}", self.step))? {
                record.updated(&update);
            }
        }
        if config.target_tau == 0.0 && self.step.is_multiple_of(config.target_sync_steps) {
            self.agent.sync_target()?;
        }
        record.after_step(config, self.step, &mut self.agent)?;
        Ok(outcome.episode_over())
    }

    /// The rest of the steps to the next copy of the target network, acting and learning at the same time (Daley & Amato 2021):
    /// the target network acts, and updates draw from the replay as it was at the last copy, so neither waits for the
    /// other, and the result is that of doing first the one and then the other. Whether a game ended. When `stop` is set,
    /// both stop where they are.
    fn interval(&mut self, record: &mut RunRecord, stop: &AtomicBool) -> Result<bool> {
        let Self { config, agent, task, stack, starts, step, interval } = self;
        let begin = *step;
        let end = begin + config.target_sync_steps;
        let mut evaluator = agent.learner().evaluator(Which::Target)?;
        let Agent { explorer, updater } = agent;
        let Interval { acted, updates } = interval;

        let act = || -> Result<()> {
            for step in begin + acted.len() as u64..end {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let epsilon = explorer.epsilon(step);
                let pixels = stack.pixels();
                let action = explorer.act(step, |factors| {
                    if !factors.is_empty() {
                        evaluator.set_noise(factors)?;
                    }
                    evaluator.q_values(Seen::Pixels(pixels))
                })?;
                let outcome = task.step(action);
                let (reward, terminal) = lesson(config, &outcome);
                let (episode_frames, frame) = (task.episode_frames(), lz4_flex::block::compress(task.frame()));
                stack.push(task.frame());
                let beginning = outcome.episode_over().then(|| {
                    explorer.begin_episode();
                    task.reset(starts.below(config.noop_max as usize + 1) as u32);
                    stack.begin(task.frame());
                    lz4_flex::block::compress(task.frame())
                });
                let action = action as u8;
                acted.push(Acted { action, reward, terminal, outcome, epsilon, episode_frames, frame, beginning });
            }
            Ok(())
        };
        let mut learn = || -> Result<()> {
            let done = updates.last().map_or(begin, |(step, _)| *step);
            for step in (done + 1..=end).filter(|&step| updates_after(config, step)) {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let update = updater.learn(step).with_context(|| format!("in the update of step {step}"))?;
                updates.push((step, update));
            }
            Ok(())
        };
        let (acting, learning) = std::thread::scope(|scope| {
            let acting = scope.spawn(act);
            let learning = learn();
            (acting.join(), learning)
        });
        acting.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        learning?;
        let learned = (begin + 1..=end).rfind(|&step| updates_after(config, step));
        let complete = acted.len() as u64 == end - begin && updates.last().map(|(step, _)| *step) == learned;
        if complete {
            self.remember_interval(record)
        } else {
            Ok(false)
        }
    }

    /// Puts the interval's steps into the replay, tells the record of them, and copies the target network; whether a game
    /// ended.
    fn remember_interval(&mut self, record: &mut RunRecord) -> Result<bool> {
        let Interval { acted, updates } = std::mem::take(&mut self.interval);
        let mut updates = updates.into_iter().peekable();
        let mut game_over = false;
        self.agent.sync_target()?;
        for step in acted {
            let Acted { action, reward, terminal, outcome, epsilon, episode_frames, frame, beginning } = step;
            self.agent.remember(action.into(), reward, terminal, outcome.episode_over(), &*decompress(&frame)?);
            record.step_taken(&outcome, reward);
            self.step += 1;
            if let Some(first) = beginning {
                record.game_ended(self.step, epsilon, &outcome, episode_frames)?;
                self.agent.remember_beginning(&*decompress(&first)?);
                game_over = true;
            }
            if let Some((_, Some(update))) = updates.next_if(|(step, _)| *step == self.step) {
                record.updated(&update);
            }
            record.after_step(&self.config, self.step, &mut self.agent)?;
        }
        Ok(game_over)
    }
}

/// What is learned from a step: the reward, and whether nothing more can be earned after it.
fn lesson(config: &Config, outcome: &Step) -> (f32, bool) {
    let reward = outcome.reward as f32;
    let reward = if config.reward_clip { reward.clamp(-1.0, 1.0) } else { reward };
    (reward, outcome.terminal || (config.life_loss == LifeLoss::Terminal && outcome.life_lost))
}

/// Whether an update follows on step number `step`, counted from 1.
fn updates_after(config: &Config, step: u64) -> bool {
    step > config.learning_starts_steps && step.is_multiple_of(config.train_every_steps)
}

fn decompress(block: &[u8]) -> Result<Box<Frame>> {
    let mut frame = Box::new([0; FRAME_PIXELS]);
    let length =
        lz4_flex::block::decompress_into(block, &mut *frame).context("a frame of the checkpoint is damaged")?;
    ensure!(length == FRAME_PIXELS, "a frame of the checkpoint has {length} pixels");
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{EpsilonKind, OptimizerKind};
    use crate::policy::model::{Metadata, BEST_FILE};
    use crate::preprocess::{Preprocessing, Resize, FRAME_PIXELS};
    use crate::run::checkpoints::RunCheckpoints;
    use crate::run::new_agent;
    use crate::run::record::RunState;
    use atari_emulator::Action;
    use candle_core::Device;
    use std::fs;
    use std::sync::Arc;

    /// Shows a bright upper or lower half; the action with the same number pays 1. Ten steps are a game, a life is lost
    /// after five, every third game is cut off instead of ending.
    struct Guess {
        generator: Generator,
        frame: Box<Frame>,
        answer: usize,
        steps: u64,
        games: u64,
        resets: Vec<u32>,
        /// Set after this many steps.
        stop: (u64, Arc<AtomicBool>),
    }

    impl Guess {
        fn new() -> Self {
            let generator = Generator::new(9, Purpose::Synthetic);
            let stop = (u64::MAX, Arc::default());
            let frame = Box::new([0; FRAME_PIXELS]);
            Self { generator, frame, answer: 0, steps: 0, games: 0, resets: Vec::new(), stop }
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
            self.stop.0 -= 1;
            self.stop.1.store(self.stop.0 == 0, Ordering::Relaxed);
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
    fn the_target_network_is_copied_at_its_steps_or_follows_every_update() {
        let networks = |total_steps, target_tau| {
            let folder = tempfile::tempdir().unwrap();
            let config = Config { total_steps, target_tau, ..config() };
            let agent = new_agent(&config, 2, &Device::Cpu).unwrap();
            let mut record = RunRecord::create(folder.path(), &config, metadata(), None).unwrap();
            let mut task = Guess::new();
            let mut trainer = Trainer::new(config, agent, &mut task);
            let initial = trainer.agent().learner().parameters(Which::Online).unwrap();
            trainer.run(&mut record, &AtomicBool::new(false)).unwrap();
            let [online, target] =
                [Which::Online, Which::Target].map(|which| trainer.agent().learner().parameters(which).unwrap());
            [online == initial, target == initial, target == online]
        };
        // Updates begin after step 100, copies are made every 100 steps.
        assert_eq!(networks(199, 0.0), [false, true, false]);
        assert_eq!(networks(200, 0.0), [false, false, true]);
        assert_eq!(networks(199, 0.5), [false, false, false]);
        assert_eq!(networks(200, 0.5), [false, false, false], "no copies beside the soft updates");
    }

    /// An interval is 100 steps, ten games. With the concurrent schedule nothing is learned in the first, whose steps are not
    /// yet in the replay, and what is learned in the second shows in the third, when the target network is new.
    #[test]
    fn with_the_concurrent_schedule_the_target_network_acts_and_updates_see_what_was_before_its_copy() {
        let run = |schedule, learning_starts_steps| {
            let folder = tempfile::tempdir().unwrap();
            let greedy = Config { epsilon_initial: 0.0, epsilon_final: 0.0, n_step: 1, ..config() };
            let config = Config { schedule, learning_starts_steps, total_steps: 300, ..greedy };
            let agent = new_agent(&config, 2, &Device::Cpu).unwrap();
            let mut record = RunRecord::create(folder.path(), &config, metadata(), None).unwrap();
            let mut task = Guess::new();
            Trainer::new(config, agent, &mut task).run(&mut record, &AtomicBool::new(false)).unwrap();
            let games = rows(folder.path()).into_iter().filter(|row| row["kind"] == "game");
            let returns: Vec<f64> = games.map(|row| row["episode_return"].as_f64().unwrap()).collect();
            assert_eq!(returns.len(), 30);
            (returns, record.updates())
        };
        let never = 1_000;
        let (unlearned, _) = run(Schedule::Sequential, never);
        assert_eq!(run(Schedule::Concurrent, never), (unlearned.clone(), 0));
        let (sequential, updates) = run(Schedule::Sequential, 0);
        assert_eq!(updates, 300 / 4);
        assert!(sequential[..10] != unlearned[..10], "what is learned shows at once");
        let (concurrent, updates) = run(Schedule::Concurrent, 0);
        assert_eq!(updates, 200 / 4);
        assert_eq!(concurrent[..20], unlearned[..20]);
        assert!(concurrent[20..] != unlearned[20..]);
    }

    #[test]
    fn a_run_that_is_stopped_and_resumed_anywhere_ends_as_one_that_never_stopped() {
        let plain = Config { checkpoint_every_steps: 333, total_steps: 700, ..config() };
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
        let concurrent = Config { schedule: Schedule::Concurrent, ..plain.clone() };
        resumes_exactly(concurrent.clone());
        resumes_exactly(Config { noisy: true, prioritized: true, ..concurrent });
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

        // Before learning starts, within a game, in the middle of an interval, after a checkpoint that nobody asked for.
        let folder = tempfile::tempdir().unwrap();
        let mut record = RunRecord::create(folder.path(), &config, metadata(), None).unwrap();
        let mut task = Guess::new();
        let stop = Arc::clone(&task.stop.1);
        task.stop.0 = 61;
        let mut trainer = Trainer::new(config.clone(), new_agent(&config, 2, &Device::Cpu).unwrap(), &mut task);
        trainer.run(&mut record, &stop).unwrap();
        trainer.checkpoint(&mut record).unwrap();
        for more in [49, 150, 177, 123, u64::MAX] {
            // What comes after the checkpoint is lost, and must be taken back.
            record.step_taken(&Step::default(), 0.0);
            record.game_ended(7, 0.5, &Step::default(), 0).unwrap();
            drop(record);
            let mut checkpoints = RunCheckpoints::take(folder.path()).unwrap();
            let new_replay = |_: &RunState| Ok(config.replay());
            let (state, replay) = checkpoints.load(new_replay, |warning| panic!("{warning}")).unwrap();
            record = RunRecord::resume(folder.path(), &config, metadata(), None, checkpoints, state.record).unwrap();
            let agent = new_agent(&config, 2, &Device::Cpu).unwrap();
            task = Guess::new();
            let stop = Arc::clone(&task.stop.1);
            task.stop.0 = more;
            trainer = Trainer::resume(config.clone(), agent, &mut task, state.trainer, replay).unwrap();
            trainer.run(&mut record, &stop).unwrap();
            assert!(trainer.steps() < 700 || more == u64::MAX);
            trainer.checkpoint(&mut record).unwrap();
        }
        assert_eq!(trainer.steps(), 700);
        assert!(end(&trainer) == expected, "the states differ");
        assert_eq!(rows(folder.path()), rows(reference.path()));
    }
}
