//! Deep Q-learning with experience replay: Algorithm 1 of Mnih et al. 2015, and its variants.
//!
//! With one environment this is the paper's sequential algorithm. N environments act as one batch: N steps are taken with the
//! same parameters, then the updates and copies follow that are due after each of these steps. So the number of updates a step
//! stays the same, N / `train_every_steps` at once; with `train_every_steps` and `batch_size` N times as large there is one
//! update on N times as many transitions instead, which takes less time and learns less from each.

mod concurrent;
#[cfg(test)]
mod configured;
pub mod update;

use crate::algorithms::divergence;
use crate::algorithms::dqn::concurrent::Interval;
use crate::algorithms::dqn::update::{LearningRule, UpdateTimes, Updater};
use crate::algorithms::events::{Event, Standing, Watch};
use crate::algorithms::exploration::{EpsilonSchedule, Explorer, ExplorerState};
use crate::algorithms::Algorithm;
use crate::config::{DqnKeys, Interleaving, NetworkKeys, UpdatesAt};
use crate::environments::vector::VectorEnvironment;
use crate::environments::Step;
use crate::experience::replay::{Replay, ReplayPlan};
use crate::networks::learner::{new_learner, new_learner_without_target, Which};
use crate::networks::optimizer::OptimizerRule;
use crate::networks::{Architecture, Design, Parameters};
use crate::observations::{Seen, Space};
use crate::policy::Policy;
use crate::random::{Generator, Purpose};
use crate::saving::{self, Loading, Saving};
use anyhow::{ensure, Context, Result};
use candle_core::Device;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// Name of its part of a checkpoint.
const DQN: &str = "dqn";
/// Name of the part with the exploration of the environments after the first; absent if there is only one.
const OTHER_EXPLORATION: &str = "other exploration";
/// Name of the part with the steps of each episode so far; absent where nothing counts them.
const EPISODE_STEPS: &str = "episode steps";

/// Deep Q-learning in one or several environments.
pub struct Dqn {
    schedule: UpdateSchedule,
    explorer: Explorer,
    updater: Updater,
    /// Steps taken and remembered, of all environments together.
    step: u64,
    /// Steps of each environment's episode so far.
    episode_steps: Vec<u64>,
    interval: Interval,
    stepping: Duration,
}

/// After which steps the networks change, and how acting and updating take turns.
#[derive(Clone, Copy, Debug)]
struct UpdateSchedule {
    interleaving: Interleaving,
    learning_starts_steps: u64,
    train_every_steps: u64,
    target_sync_steps: u64,
    /// Whether the target network is copied at intervals, instead of following every update.
    target_copies: bool,
    /// Bytes of the newest frame of an observation, the only part of it that the replay stores.
    frame_size: usize,
    /// What `train_every_steps` counts.
    updates_at: UpdatesAt,
    /// Games before the first update.
    learning_starts_games: u64,
    /// Games from one copy to the next, instead of steps; 0: steps.
    target_sync_games: u64,
}

/// Time spent on each part of training.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    /// Environments.
    pub stepping: Duration,
    /// Choosing actions.
    pub acting: Duration,
    /// Updates.
    pub updates: UpdateTimes,
}

/// The agent's state, without the updater's.
#[derive(Serialize, Deserialize)]
struct DqnState {
    step: u64,
    explorer: ExplorerState,
    interval: Interval,
}

/// The updater that these keys describe, for observations of `space` and this many actions; what it draws follows from `seed`.
///
/// # Errors
/// When the replay cannot keep such observations, or the device has no room for the networks.
pub fn new_updater(
    keys: &DqnKeys,
    network: &NetworkKeys,
    seed: u64,
    (space, actions): (Space, usize),
    device: &Device,
) -> Result<Updater> {
    let architecture = Architecture::new(Design::of(network), space, actions)?;
    let mut generator = Generator::new(seed, Purpose::Weights);
    let mut parameters = Parameters::drawn(network.initial_values, architecture, &mut generator);
    parameters.set_noisy_sigma(network.noisy_sigma as f32);
    let make = if keys.target_network { new_learner } else { new_learner_without_target };
    let learner = make(&parameters, OptimizerRule::of_dqn(keys), device)?;
    Ok(Updater::new(learner, Replay::of(keys, space)?, LearningRule::of(keys), seed))
}

impl Dqn {
    /// The agent that these keys describe, in `environments`, whose first episode has begun.
    ///
    /// # Errors
    /// When the number of environments is not `num_envs`, or the device has no room for the networks.
    pub fn new(
        keys: &DqnKeys,
        network: &NetworkKeys,
        seed: u64,
        environments: &VectorEnvironment,
        device: &Device,
    ) -> Result<Self> {
        let (space, actions) = (environments.space(), environments.actions());
        let num_envs = environments.num_envs();
        ensure!(num_envs == keys.num_envs, "num_envs is {}, and there are {num_envs} environments", keys.num_envs);
        ensure!(
            num_envs == 1 || keys.schedule == Interleaving::Sequential,
            "the concurrent schedule is for one environment, and there are {num_envs}"
        );
        ensure!(actions <= 256, "the replay of dqn numbers up to 256 actions, and there are {actions}");
        let updater = new_updater(keys, network, seed, (space, actions), device)?;
        let noise_len = updater.learner().architecture().noise_len();
        let mut dqn = Self {
            schedule: UpdateSchedule {
                interleaving: keys.schedule,
                learning_starts_steps: keys.learning_starts_steps,
                train_every_steps: keys.train_every_steps,
                target_sync_steps: keys.target_sync_steps,
                target_copies: keys.target_tau == 0.0,
                frame_size: space.frames().1,
                updates_at: keys.updates_at,
                learning_starts_games: keys.learning_starts_games,
                target_sync_games: keys.target_sync_games,
            },
            explorer: Explorer::new(EpsilonSchedule::of(keys), num_envs, actions, noise_len, seed),
            updater,
            step: 0,
            episode_steps: vec![0; num_envs],
            interval: Interval::default(),
            stepping: Duration::ZERO,
        };
        for i in 0..num_envs {
            dqn.explorer.begin_episode();
            let first = dqn.schedule.newest_frame(environments.observations().seen().at(space, i));
            dqn.updater.replay_mut().begin_episode(i, first);
        }
        Ok(dqn)
    }

    /// Takes the address space for the replay of a run of this many steps.
    ///
    /// # Errors
    /// When there is not as much.
    pub fn reserve(&mut self, plan: &ReplayPlan, steps: u64) -> Result<()> {
        self.updater.replay_mut().reserve(plan, steps)
    }

    /// The updater.
    pub fn updater(&self) -> &Updater {
        &self.updater
    }

    /// Time spent on each part so far.
    pub fn times(&self) -> Times {
        Times { stepping: self.stepping, acting: self.explorer.time(), updates: self.updater.times() }
    }

    /// One step of every environment, and the updates and copies that are due after these steps.
    fn step(&mut self, environments: &mut VectorEnvironment, watch: &mut dyn Watch) -> Result<()> {
        let Self { schedule, explorer, updater, .. } = self;
        let schedule = *schedule;
        let seen = environments.observations().seen();
        let epsilon = explorer.epsilon(self.step);
        let actions = explorer
            .act(self.step, |noise| updater.q_values(seen, noise))
            .map_err(|error| divergence::explained(error, updater.learner(), &[]))?;
        let (steps, episode_frames) = self.take(&actions, environments)?;
        let taken = self.step + 1..=self.step + steps.len() as u64;
        self.step = *taken.end();
        // Told only now, so that an error of the watcher finds the replay complete.
        for (environment, (step, frames)) in steps.iter().zip(episode_frames).enumerate() {
            watch.tell(Event::Step { environment, step })?;
            if step.over {
                let (truncated, epsilon) = (step.truncated, Some(epsilon));
                watch.tell(Event::Episode { environment, frames, truncated, epsilon })?;
            }
        }

        let mut games = self.explorer.games() - steps.iter().filter(|step| step.over).count() as u64;
        for (environment, (number, step)) in taken.zip(&steps).enumerate() {
            self.episode_steps[environment] += 1;
            if schedule.is_due(number, self.episode_steps[environment], step.over, games) {
                if let Some(update) = self.updater.learn(number).with_context(|| format!("at step {number}"))? {
                    watch.tell(Event::Update(&update))?;
                }
            }
            if step.over {
                self.episode_steps[environment] = 0;
                games += 1;
            }
            if schedule.copies_after(number, step.over, games) {
                self.updater.sync_target()?;
            }
        }
        Ok(())
    }

    /// Takes these actions, one in each environment, and remembers the steps. Returns them, and the frames of each episode.
    fn take(&mut self, actions: &[usize], environments: &mut VectorEnvironment) -> Result<(Vec<Step>, Vec<u64>)> {
        let (schedule, replay) = (self.schedule, self.updater.replay_mut());
        let begun = Instant::now();
        let outcomes = environments.step(actions);
        self.stepping += begun.elapsed();
        let (steps, episode_frames) = (outcomes.steps.clone(), outcomes.episode_frames.clone());
        for (i, (action, step)) in actions.iter().zip(&steps).enumerate() {
            if let Some(last) = outcomes.last_observation(i) {
                replay.push(i, *action, step.reward, step.terminal, true, schedule.newest_frame(last));
            }
        }
        let (space, seen) = (environments.space(), environments.observations().seen());
        for (i, (action, step)) in actions.iter().zip(&steps).enumerate() {
            let newest = schedule.newest_frame(seen.at(space, i));
            if step.over {
                self.explorer.begin_episode();
                replay.begin_episode(i, newest);
            } else {
                replay.push(i, *action, step.reward, step.terminal, false, newest);
            }
        }
        Ok((steps, episode_frames))
    }
}

impl UpdateSchedule {
    /// Whether an update follows on step number `step` of the run and number `episode_step` of its episode, both counted from 1,
    /// which may end the episode, after `games` games.
    fn is_due(&self, step: u64, episode_step: u64, over: bool, games: u64) -> bool {
        let now = match self.updates_at {
            UpdatesAt::Steps => step.is_multiple_of(self.train_every_steps),
            UpdatesAt::EpisodeSteps => episode_step.is_multiple_of(self.train_every_steps),
            UpdatesAt::EpisodeEnds => over,
        };
        now && step > self.learning_starts_steps && games >= self.learning_starts_games
    }

    /// Whether the target network is copied after step number `step`, which may have ended game number `games`.
    fn copies_after(&self, step: u64, over: bool, games: u64) -> bool {
        self.target_copies
            && match self.target_sync_games {
                0 => step.is_multiple_of(self.target_sync_steps),
                every => over && games.is_multiple_of(every),
            }
    }

    /// In the concurrent schedule: whether an update follows on step number `step`, counted from 1.
    fn updates_after(&self, step: u64) -> bool {
        step > self.learning_starts_steps && step.is_multiple_of(self.train_every_steps)
    }

    /// The bytes of the newest frame of an observation.
    fn newest_frame<'a>(&self, seen: Seen<'a>) -> &'a [u8] {
        let bytes = seen.bytes();
        &bytes[bytes.len() - self.frame_size..]
    }
}

impl Algorithm for Dqn {
    fn advance(&mut self, environments: &mut VectorEnvironment, until: u64, watch: &mut dyn Watch) -> Result<()> {
        while self.step < until && !watch.stop() {
            match self.schedule.interleaving {
                Interleaving::Sequential => self.step(environments, watch)?,
                Interleaving::Concurrent => self.interval(environments, watch)?,
            }
        }
        let epsilon = Some(self.explorer.epsilon(self.step));
        watch.tell(Event::Pause(Standing { epsilon, replay_frames: Some(self.updater.replay().len() as u64) }))
    }

    fn steps(&self) -> u64 {
        self.step
    }

    fn policy(&self) -> Result<Policy> {
        Ok(Policy::Network(self.updater.learner().evaluator(Which::Online)?))
    }

    fn save(&self, to: &mut Saving) -> Result<()> {
        let state = DqnState { step: self.step, explorer: self.explorer.state(), interval: self.interval.clone() };
        to.part(DQN, &state)?;
        if self.schedule.updates_at == UpdatesAt::EpisodeSteps {
            to.part(EPISODE_STEPS, &self.episode_steps)?;
        }
        let others = self.explorer.other_generators();
        if !others.is_empty() {
            to.part(OTHER_EXPLORATION, &others)?;
        }
        self.updater.save(to)
    }

    fn load(&mut self, from: &Loading) -> Result<()> {
        let DqnState { step, explorer, interval } = from.part(DQN)?;
        self.explorer.set_state(explorer)?;
        if !self.explorer.other_generators().is_empty() {
            self.explorer.set_other_generators(from.part(OTHER_EXPLORATION)?)?;
        }
        if self.schedule.updates_at == UpdatesAt::EpisodeSteps {
            let steps: Vec<u64> = from.part(EPISODE_STEPS)?;
            ensure!(
                steps.len() == self.episode_steps.len(),
                "the checkpoint has episodes of {} environments",
                steps.len()
            );
            self.episode_steps = steps;
        }
        (self.step, self.interval) = (saving::count(step, "steps")?, interval);
        self.updater.load(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::environments;
    use crate::saving::Parts;
    use std::sync::atomic::AtomicBool;

    /// Counts the events that it receives.
    struct Count {
        steps: u64,
        updates: u64,
        episodes: usize,
        /// Asks to stop after this many steps.
        enough: u64,
        interrupt: AtomicBool,
    }

    impl Watch for Count {
        fn tell(&mut self, event: Event<'_>) -> Result<()> {
            match event {
                Event::Step { .. } => self.steps += 1,
                Event::Update(_) => self.updates += 1,
                Event::Episode { .. } => self.episodes += 1,
                Event::Pause(_) => {}
            }
            Ok(())
        }

        fn stop(&self) -> bool {
            self.steps >= self.enough
        }

        fn interrupt(&self) -> &AtomicBool {
            &self.interrupt
        }
    }

    fn count(enough: u64) -> Count {
        Count { steps: 0, updates: 0, episodes: 0, enough, interrupt: AtomicBool::new(false) }
    }

    fn config() -> Config {
        let mut config = Config::preset("bricks").unwrap();
        let dqn = config.dqn_mut();
        (dqn.learning_starts_steps, dqn.target_sync_steps) = (100, 100);
        (dqn.replay_capacity, dqn.batch_size) = (1000, 8);
        config
    }

    fn new(config: &Config) -> (VectorEnvironment, Dqn) {
        let spec = environments::spec(&config.environment, None).unwrap();
        let environments = environments::vector(&*spec, config.dqn().num_envs, config.run.seed).unwrap();
        let dqn = Dqn::new(config.dqn(), &config.network, config.run.seed, &environments, &Device::Cpu).unwrap();
        (environments, dqn)
    }

    #[test]
    fn it_advances_to_the_given_step_or_until_the_watcher_asks_to_stop() {
        let (mut environments, mut dqn) = new(&config());
        let mut watch = count(150);
        dqn.advance(&mut environments, 120, &mut watch).unwrap();
        assert_eq!((dqn.steps(), watch.steps, watch.updates), (120, 120, 5));
        dqn.advance(&mut environments, 500, &mut watch).unwrap();
        assert_eq!((dqn.steps(), watch.steps, watch.updates), (150, 150, 12));
    }

    #[test]
    fn the_target_network_is_copied_at_its_steps_or_follows_every_update() {
        let networks = |steps, target_tau| {
            let mut config = config();
            config.dqn_mut().target_tau = target_tau;
            let (mut environments, mut dqn) = new(&config);
            let parameters = |dqn: &Dqn, which| dqn.updater().learner().parameters(which).unwrap();
            let initial = parameters(&dqn, Which::Online);
            dqn.advance(&mut environments, steps, &mut count(u64::MAX)).unwrap();
            let [online, target] = [Which::Online, Which::Target].map(|which| parameters(&dqn, which));
            [online == initial, target == initial, target == online]
        };
        // Updates begin after step 100, copies are made every 100 steps.
        assert_eq!(networks(199, 0.0), [false, true, false]);
        assert_eq!(networks(200, 0.0), [false, false, true]);
        assert_eq!(networks(199, 0.5), [false, false, false]);
        assert_eq!(networks(200, 0.5), [false, false, false], "no copies beside the soft updates");
    }

    /// The updates follow after the steps 104, 108, ... as with one environment, several of them at once.
    #[test]
    fn several_environments_have_the_same_updates_a_step() {
        for (num_envs, train_every_steps, until, steps, updates) in [
            (1, 4, 300, 300, 50),
            (4, 4, 299, 300, 50),
            (6, 4, 300, 300, 50),
            (16, 4, 310, 320, 55),
            (32, 32, 320, 320, 7),
        ] {
            let mut config = config();
            let dqn = config.dqn_mut();
            // One step makes a transition, so there are some in every environment before the first update.
            (dqn.num_envs, dqn.train_every_steps, dqn.n_step) = (num_envs, train_every_steps, 1);
            let (mut environments, mut dqn) = new(&config);
            let mut watch = count(u64::MAX);
            dqn.advance(&mut environments, until, &mut watch).unwrap();
            assert_eq!((dqn.steps(), watch.steps, watch.updates), (steps, steps, updates), "{num_envs} environments");
            // A frame of each step, and each episode's first.
            let frames = steps as usize + num_envs + watch.episodes;
            assert_eq!(dqn.updater().replay().len(), frames.min(1000 / num_envs * num_envs));
        }
    }

    /// Copies are due after the steps 100 and 200.
    #[test]
    fn the_target_network_is_copied_when_several_environments_pass_its_step() {
        let mut config = config();
        config.dqn_mut().num_envs = 8;
        let (mut environments, mut dqn) = new(&config);
        let target = |dqn: &Dqn| dqn.updater().learner().parameters(Which::Target).unwrap();
        let initial = target(&dqn);
        dqn.advance(&mut environments, 192, &mut count(u64::MAX)).unwrap();
        assert!(target(&dqn) == initial);
        dqn.advance(&mut environments, 200, &mut count(u64::MAX)).unwrap();
        assert!(target(&dqn) != initial);
    }

    #[test]
    fn several_environments_give_the_same_bytes_on_any_number_of_threads() {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut config = config();
                (config.dqn_mut().num_envs, config.dqn_mut().prioritized) = (4, true);
                let (mut environments, mut dqn) = new(&config);
                dqn.advance(&mut environments, 300, &mut count(u64::MAX)).unwrap();
                let (folder, nothing) = (tempfile::tempdir().unwrap(), Parts::default());
                let mut saving = Saving::new(folder.path(), &nothing);
                dqn.save(&mut saving).unwrap();
                saving.into_parts()
            })
        };
        let one = run(1);
        assert!(one == run(2) && one == run(5));
    }

    #[test]
    fn a_state_of_another_network_is_refused() {
        let (_, small) = new(&config());
        let (folder, nothing) = (tempfile::tempdir().unwrap(), Parts::default());
        let mut saving = Saving::new(folder.path(), &nothing);
        small.save(&mut saving).unwrap();
        let parts = saving.into_parts();
        let loading = Loading::new(folder.path(), &parts);
        new(&config()).1.load(&loading).unwrap();
        let mut config = config();
        config.network.dueling = !config.network.dueling;
        let (_, mut other) = new(&config);
        assert!(other.load(&loading).is_err());
    }
}
