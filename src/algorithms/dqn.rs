//! Deep Q-learning with experience replay: Algorithm 1 of Mnih et al. 2015, and its variants.

mod concurrent;
#[cfg(test)]
mod configured;
pub mod update;

use crate::algorithms::dqn::concurrent::Interval;
use crate::algorithms::dqn::update::{LearningRule, UpdateTimes, Updater};
use crate::algorithms::events::{Event, Standing, Watch};
use crate::algorithms::exploration::{EpsilonSchedule, Explorer, ExplorerState};
use crate::algorithms::Algorithm;
use crate::config::{DqnKeys, Interleaving, NetworkKeys};
use crate::environments::vector::VectorEnvironment;
use crate::experience::replay::Replay;
use crate::networks::learner::{new_learner, Which};
use crate::networks::optimizer::OptimizerRule;
use crate::networks::{Architecture, Design, Parameters};
use crate::observations::{Seen, Space};
use crate::policy::Policy;
use crate::random::{Generator, Purpose};
use crate::saving::{Loading, Saving};
use anyhow::{ensure, Context, Result};
use candle_core::Device;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// Name of its part of a checkpoint.
const DQN: &str = "dqn";

/// Deep Q-learning in one environment.
pub struct Dqn {
    schedule: UpdateSchedule,
    explorer: Explorer,
    updater: Updater,
    /// Steps taken and remembered.
    step: u64,
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
    /// Values in the newest frame of an observation, the only part of it that the replay stores.
    frame_size: usize,
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
    let learner = new_learner(&parameters, OptimizerRule::of(keys), device)?;
    Ok(Updater::new(learner, Replay::of(keys, space)?, LearningRule::of(keys), seed))
}

impl Dqn {
    /// The agent that these keys describe, in `environments`, whose first episode has begun.
    ///
    /// # Errors
    /// When there are several environments or their observations are not pixels, or the device has no room for the
    /// networks.
    pub fn new(
        keys: &DqnKeys,
        network: &NetworkKeys,
        seed: u64,
        environments: &VectorEnvironment,
        device: &Device,
    ) -> Result<Self> {
        let (space, actions) = (environments.space(), environments.actions());
        let Space::Pixels { side, .. } = space else {
            anyhow::bail!("the replay of dqn keeps pictures, and this environment shows {space}");
        };
        ensure!(
            environments.num_envs() == 1,
            "dqn learns in one environment, and there are {}",
            environments.num_envs()
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
                frame_size: side * side,
            },
            explorer: Explorer::new(EpsilonSchedule::of(keys), actions, noise_len, seed),
            updater,
            step: 0,
            interval: Interval::default(),
            stepping: Duration::ZERO,
        };
        dqn.explorer.begin_episode();
        let first = dqn.schedule.newest_frame(environments.observations().seen())?;
        dqn.updater.replay_mut().begin_episode(first);
        Ok(dqn)
    }

    /// The updater.
    pub fn updater(&self) -> &Updater {
        &self.updater
    }

    /// Time spent on each part so far.
    pub fn times(&self) -> Times {
        Times { stepping: self.stepping, acting: self.explorer.time(), updates: self.updater.times() }
    }

    /// One step, and the update and the copy that are due after it.
    fn step(&mut self, environments: &mut VectorEnvironment, watch: &mut dyn Watch) -> Result<()> {
        let Self { schedule, explorer, updater, .. } = self;
        let seen = environments.observations().seen();
        let epsilon = explorer.epsilon(self.step);
        let action = explorer.act(self.step, |noise| updater.q_values(seen, noise))?;
        let begun = Instant::now();
        let outcomes = environments.step(&[action]);
        self.stepping += begun.elapsed();
        let (step, frames, last) = (outcomes.steps[0], outcomes.episode_frames[0], outcomes.last_observation(0));
        if let Some(last) = last {
            updater.replay_mut().push(action, step.reward, step.terminal, true, schedule.newest_frame(last)?);
        }
        let newest = schedule.newest_frame(environments.observations().seen())?;
        if step.over {
            explorer.begin_episode();
            updater.replay_mut().begin_episode(newest);
        } else {
            updater.replay_mut().push(action, step.reward, step.terminal, false, newest);
        }
        self.step += 1;
        // Told only now, so that an error of the watcher finds the replay complete.
        watch.tell(Event::Step { environment: 0, step: &step })?;
        if step.over {
            let (truncated, epsilon) = (step.truncated, Some(epsilon));
            watch.tell(Event::Episode { environment: 0, frames, truncated, epsilon })?;
        }

        if schedule.updates_after(self.step) {
            if let Some(update) = updater.learn(self.step).with_context(|| format!("at step {}", self.step))? {
                watch.tell(Event::Update(&update))?;
            }
        }
        if schedule.target_copies && self.step.is_multiple_of(schedule.target_sync_steps) {
            updater.sync_target()?;
        }
        Ok(())
    }
}

impl UpdateSchedule {
    /// Whether an update follows on step number `step`, counted from 1.
    fn updates_after(&self, step: u64) -> bool {
        step > self.learning_starts_steps && step.is_multiple_of(self.train_every_steps)
    }

    /// The newest frame of a stack.
    fn newest_frame<'a>(&self, seen: Seen<'a>) -> Result<&'a [u8]> {
        let pixels = seen.pixels()?;
        Ok(&pixels[pixels.len() - self.frame_size..])
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
        self.updater.save(to)
    }

    fn load(&mut self, from: &Loading) -> Result<()> {
        let DqnState { step, explorer, interval } = from.part(DQN)?;
        self.explorer.set_state(explorer);
        (self.step, self.interval) = (step, interval);
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
        /// Asks to stop after this many steps.
        enough: u64,
        interrupt: AtomicBool,
    }

    impl Watch for Count {
        fn tell(&mut self, event: Event<'_>) -> Result<()> {
            match event {
                Event::Step { .. } => self.steps += 1,
                Event::Update(_) => self.updates += 1,
                Event::Episode { .. } | Event::Pause(_) => {}
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
        Count { steps: 0, updates: 0, enough, interrupt: AtomicBool::new(false) }
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
        let environments = environments::vector(&*spec, 1, config.run.seed).unwrap();
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
