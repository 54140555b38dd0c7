//! PQN: Q-learning of many environments in parallel, without a replay and without a target network (Gallici et al.,
//! "Simplifying Deep Temporal Difference Learning", ICLR 2025).
//!
//! An iteration plays a few steps of every environment with fixed parameters, computes lambda returns from the values
//! that acting needed anyway, and learns from each step a few times. `Pqn::iteration` is the paper's algorithm.

mod acting;
#[cfg(test)]
mod tests;

use crate::algorithms::divergence;
use crate::algorithms::events::{Event, Standing, Update, Watch};
use crate::algorithms::Algorithm;
use crate::config::{NetworkKeys, PqnKeys};
use crate::environments::vector::{VectorEnvironment, VectorState};
use crate::experience::rollout::{LambdaReturns, Lane};
use crate::networks::learner::{new_learner_without_target, Learner, LearnerState, Which};
use crate::networks::loss::{Loss, LossKind};
use crate::networks::optimizer::OptimizerRule;
use crate::networks::{Architecture, Design, Parameters};
use crate::observations::{Observations, Space};
use crate::policy::Policy;
use crate::random::{Generator, Purpose};
use crate::saving::{self, Loading, Saving};
use acting::{Exploration, Player};
use anyhow::{ensure, Context, Result};
use candle_core::Device;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Name of its part of a checkpoint.
const PQN: &str = "pqn";

/// Most environments that one thread plays at a time on the CPU: enough for a base picture. The results do not depend on it.
const SHARD: usize = 8;

/// Iterations that take longer can be interrupted. They then begin with a copy of their state, which takes some milliseconds.
const PATIENCE: Duration = Duration::from_secs(1);

/// Images that a thread copies into a minibatch at a time.
const IMAGES_AT_ONCE: usize = 8;

/// Parallel Q-learning.
pub struct Pqn {
    horizon: usize,
    epochs: u32,
    minibatch_size: usize,
    returns: LambdaReturns,
    norm_limit: Option<f32>,
    desync_steps: u32,
    exploration: Exploration,
    learner: Box<dyn Learner>,
    /// The rollout: the steps of each environment.
    lanes: Vec<Lane>,
    /// Each environment's own random numbers, for its actions.
    explorers: Vec<Generator>,
    /// Draws the order in which the rollout's steps are learned from.
    ordering: Generator,
    /// Steps of all environments so far.
    steps: u64,
    /// One for each shard of the environments.
    players: Vec<Player>,
    shard_size: usize,
    minibatch: Minibatch,
    times: Times,
    /// Time of the last iteration; long before the first.
    last_iteration: Duration,
}

/// The state before an iteration.
struct Before {
    environments: VectorState,
    explorers: Vec<Generator>,
    ordering: Generator,
    learner: LearnerState,
}

/// Room for a minibatch.
struct Minibatch {
    space: Space,
    /// (environment, step) of every transition of the rollout, in the order of this epoch.
    order: Vec<(u32, u32)>,
    observations: Observations,
    actions: Vec<u8>,
    targets: Vec<f32>,
    weights: Vec<f32>,
}

/// Time spent on each part of training. The parts of the rollout are sums over all threads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    /// Environments.
    pub stepping: Duration,
    /// Evaluating observations and choosing actions.
    pub acting: Duration,
    /// Putting minibatches together.
    pub batches: Duration,
    /// Evaluating the network on minibatches.
    pub forward: Duration,
    /// Gradients and the optimizer.
    pub backward: Duration,
}

/// The state between two iterations.
#[derive(Serialize, Deserialize)]
struct PqnState {
    steps: u64,
    explorers: Vec<Generator>,
    ordering: Generator,
    learner: LearnerState,
}

impl Pqn {
    /// The agent that these keys describe, in `environments`, whose first episodes have begun.
    ///
    /// # Errors
    /// When the number of environments is not `num_envs`, the network does not fit them, or the device has no room for it.
    pub fn new(
        keys: &PqnKeys,
        network: &NetworkKeys,
        seed: u64,
        environments: &VectorEnvironment,
        device: &Device,
    ) -> Result<Self> {
        let (space, actions, num_envs) = (environments.space(), environments.actions(), environments.num_envs());
        ensure!(num_envs == keys.num_envs, "num_envs is {}, and there are {num_envs} environments", keys.num_envs);
        ensure!(actions <= 256, "pqn numbers up to 256 actions, and there are {actions}");
        let architecture = Architecture::new(Design::of(network), space, actions)?;
        let mut generator = Generator::new(seed, Purpose::Weights);
        let parameters = Parameters::drawn(network.initial_values, architecture, &mut generator);
        let learner = new_learner_without_target(&parameters, OptimizerRule::of_pqn(keys), device)?;
        // A GPU wants large batches: two, one of which is evaluated while the environments of the other are stepped.
        let shard_size = match device {
            Device::Cpu => num_envs.div_ceil(rayon::current_num_threads()).min(SHARD),
            _ => num_envs.div_ceil(2),
        };
        let evaluator = learner.evaluator(Which::Online)?;
        let numbered = |index| Generator::numbered(seed, Purpose::Exploration, index as u64);
        let mut lanes = vec![Lane::new(space); num_envs];
        lanes
            .iter_mut()
            .try_for_each(|lane| lane.reserve(keys.horizon))
            .with_context(|| format!("the system has no room for {} steps of {num_envs} environments", keys.horizon))?;
        Ok(Self {
            horizon: keys.horizon,
            epochs: keys.epochs,
            minibatch_size: keys.minibatch_size,
            returns: LambdaReturns {
                gamma: keys.gamma as f32,
                lambda: keys.lambda as f32,
                cut_traces: keys.cut_traces,
            },
            norm_limit: (keys.gradient_clip_norm > 0.0).then_some(keys.gradient_clip_norm as f32),
            desync_steps: keys.desync_steps,
            exploration: Exploration::of(keys, num_envs),
            learner,
            lanes,
            explorers: (0..num_envs).map(numbered).collect(),
            ordering: Generator::new(seed, Purpose::Replay),
            steps: 0,
            players: (0..num_envs.div_ceil(shard_size)).map(|_| Player::new(evaluator.share_on_one_thread())).collect(),
            shard_size,
            minibatch: Minibatch {
                space,
                order: Vec::new(),
                observations: space.observations(keys.minibatch_size),
                actions: Vec::new(),
                targets: Vec::new(),
                // The loss is half the squared error.
                weights: vec![0.5; keys.minibatch_size],
            },
            times: Times::default(),
            last_iteration: Duration::MAX,
        })
    }

    /// Parts of the environments that can be played at the same time, each by a thread.
    pub fn shards(&self) -> usize {
        self.players.len()
    }

    /// Time spent on each part so far.
    pub fn times(&self) -> Times {
        let stepping = self.players.iter().map(|player| player.stepping).sum();
        let acting = self.players.iter().map(|player| player.acting).sum();
        Times { stepping, acting, ..self.times }
    }

    /// The network that learns.
    pub fn learner(&self) -> &dyn Learner {
        &*self.learner
    }

    /// A rollout, and the updates that follow from it. A long one can be interrupted: it has then not taken place. Whether it has.
    fn iteration(&mut self, environments: &mut VectorEnvironment, watch: &mut dyn Watch) -> Result<bool> {
        let never = AtomicBool::new(false);
        let copy = if self.last_iteration > PATIENCE { Some(self.before(environments)?) } else { None };
        let interrupt = if copy.is_some() { watch.interrupt() } else { &never };
        let begun = Instant::now();
        if self.steps == 0 {
            self.desynchronize(environments, interrupt);
        }
        self.roll_out(environments, interrupt)?;
        let (returns, before) = (self.returns, self.steps);
        let mut updates = Vec::new();
        let mut learned = Ok(());
        if !interrupt.load(Ordering::Relaxed) {
            self.lanes.par_iter_mut().for_each(|lane| returns.compute(&lane.trace, &mut lane.returns));
            // On one of rayon's threads, as each update is too.
            learned = rayon::scope(|_| self.learn(&mut updates, interrupt));
        }
        if let Some(copy) = copy.filter(|_| interrupt.load(Ordering::Relaxed)) {
            self.put_back(copy, environments)?;
            return Ok(false);
        }
        self.last_iteration = begun.elapsed();
        self.steps += (self.lanes.len() * self.horizon) as u64;
        // Told only now, so that an error of the watcher finds the iteration complete.
        self.report(before, watch)?;
        updates.iter().try_for_each(|update| watch.tell(Event::Update(update)))?;
        learned.with_context(|| format!("in the iteration that ends at step {}", self.steps))?;
        Ok(true)
    }

    /// The present state.
    fn before(&self, environments: &VectorEnvironment) -> Result<Before> {
        Ok(Before {
            environments: environments.state(),
            explorers: self.explorers.clone(),
            ordering: self.ordering.clone(),
            learner: self.learner.state()?,
        })
    }

    /// Continues from an earlier state with the same number of steps.
    fn put_back(&mut self, before: Before, environments: &mut VectorEnvironment) -> Result<()> {
        environments.restore(before.environments)?;
        self.learner.set_state(before.learner)?;
        (self.explorers, self.ordering) = (before.explorers, before.ordering);
        Ok(())
    }

    /// Takes a random number of random actions in each environment, so that not all games are at the same point.
    fn desynchronize(&mut self, environments: &mut VectorEnvironment, interrupt: &AtomicBool) {
        if self.desync_steps == 0 {
            return;
        }
        let actions = environments.actions();
        let shards = environments.shards(1).into_par_iter().zip(&mut self.explorers);
        shards.for_each(|(mut shard, random)| {
            let steps = random.below(self.desync_steps as usize + 1);
            let steps = (0..steps).take_while(|_| !interrupt.load(Ordering::Relaxed));
            steps.for_each(|_| shard.step(&[random.below(actions)]));
        });
    }

    /// Plays the horizon in every environment. Shards need not wait for each other, because the parameters stay as they are.
    fn roll_out(&mut self, environments: &mut VectorEnvironment, interrupt: &AtomicBool) -> Result<()> {
        let Self { horizon, exploration, learner, lanes, explorers, steps, players, shard_size, .. } = self;
        let network = learner.evaluator(Which::Online)?;
        // On this thread, which has CUDA's context: the players' former networks are freed here.
        players.iter_mut().for_each(|player| player.follow(&network));
        let (actions, size) = (environments.actions(), *shard_size);
        let shards = environments.shards(size).into_par_iter();
        let own = lanes.par_chunks_mut(size).zip(explorers.par_chunks_mut(size)).zip(players.par_iter_mut());
        shards.zip(own).enumerate().try_for_each(|(number, (shard, ((lanes, explorers), player)))| {
            let epsilon = |t: usize, env: usize| exploration.epsilon(*steps, t, number * size + env);
            player.play(shard, *horizon, lanes, explorers, actions, epsilon, interrupt)
        })
    }

    /// Learns from the whole rollout in each epoch, in minibatches in a random order. The returns stay as they are.
    fn learn(&mut self, updates: &mut Vec<Update>, interrupt: &AtomicBool) -> Result<()> {
        let Self { lanes, ordering, minibatch, learner, times, .. } = self;
        minibatch.begin(lanes.len(), self.horizon);
        for _ in 0..self.epochs {
            ordering.shuffle(&mut minibatch.order);
            for first in (0..minibatch.order.len()).step_by(self.minibatch_size) {
                if interrupt.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let begun = Instant::now();
                minibatch.gather(lanes, first..first + self.minibatch_size);
                times.batches += begun.elapsed();
                let begun = Instant::now();
                let (seen, loss) = (minibatch.observations.seen(), minibatch.loss(self.norm_limit));
                let shown = divergence::update(learner.as_mut(), seen, &loss)?;
                times.forward += shown.forward;
                times.backward += begun.elapsed().saturating_sub(shown.forward);
                updates.push(Update::from(&shown));
            }
        }
        Ok(())
    }

    /// Reports the steps of the rollout in the order in which they were taken; `before` is the number of steps before the rollout.
    fn report(&self, before: u64, watch: &mut dyn Watch) -> Result<()> {
        for t in 0..self.horizon {
            for (environment, lane) in self.lanes.iter().enumerate() {
                let step = &lane.steps[t];
                watch.tell(Event::Step { environment, step })?;
                if step.over {
                    let (frames, truncated) = (lane.episode_frames[t], step.truncated);
                    let epsilon = Some(self.exploration.epsilon(before, t, environment));
                    watch.tell(Event::Episode { environment, frames, truncated, epsilon })?;
                }
            }
        }
        Ok(())
    }
}

impl Minibatch {
    /// Begins a rollout of this size.
    fn begin(&mut self, num_envs: usize, horizon: usize) {
        self.order.clear();
        self.order.extend((0..num_envs as u32).flat_map(|env| (0..horizon as u32).map(move |t| (env, t))));
    }

    /// Copies the transitions in these places of the order.
    fn gather(&mut self, lanes: &[Lane], places: std::ops::Range<usize>) {
        let order = &self.order[places];
        let chunks = self.observations.place().chunks(self.space, IMAGES_AT_ONCE).into_par_iter();
        let space = self.space;
        chunks.zip(order.par_chunks(IMAGES_AT_ONCE)).for_each(|(mut place, order)| {
            for (i, &(env, t)) in order.iter().enumerate() {
                lanes[env as usize].observation(t as usize, place.at(space, i));
            }
        });
        self.actions.clear();
        self.actions.extend(order.iter().map(|&(env, t)| lanes[env as usize].actions[t as usize]));
        self.targets.clear();
        self.targets.extend(order.iter().map(|&(env, t)| lanes[env as usize].returns[t as usize]));
    }

    /// Half the mean squared distance between the values of the actions taken and their returns.
    fn loss(&self, norm_limit: Option<f32>) -> Loss<'_> {
        Loss {
            kind: LossKind::Squared,
            actions: &self.actions,
            targets: &self.targets,
            weights: &self.weights,
            gradient_scale: 1.0 / self.actions.len() as f32,
            norm_limit,
        }
    }
}

impl Algorithm for Pqn {
    fn advance(&mut self, environments: &mut VectorEnvironment, until: u64, watch: &mut dyn Watch) -> Result<()> {
        while self.steps < until && !watch.stop() {
            if !self.iteration(environments, watch)? {
                break;
            }
        }
        watch.tell(Event::Pause(Standing { epsilon: self.exploration.common_epsilon(self.steps), replay_frames: None }))
    }

    fn steps(&self) -> u64 {
        self.steps
    }

    fn policy(&self) -> Result<Policy> {
        Ok(Policy::Network(self.learner.evaluator(Which::Online)?))
    }

    fn save(&self, to: &mut Saving) -> Result<()> {
        let (explorers, ordering) = (self.explorers.clone(), self.ordering.clone());
        let learner = divergence::sound_state(&*self.learner)?;
        to.part(PQN, &PqnState { steps: self.steps, explorers, ordering, learner })
    }

    fn load(&mut self, from: &Loading) -> Result<()> {
        let PqnState { steps, explorers, ordering, learner } = from.part(PQN)?;
        ensure!(
            explorers.len() == self.explorers.len(),
            "the checkpoint has exploration of {} environments, and there are {}",
            explorers.len(),
            self.explorers.len()
        );
        learner.ensure_finite(self.learner.architecture())?;
        self.learner.set_state(learner)?;
        (self.steps, self.explorers, self.ordering) = (saving::count(steps, "steps")?, explorers, ordering);
        Ok(())
    }
}
