//! Targets and one gradient step of DQN and its variants, on batches from the replay.

use crate::algorithms::divergence;
use crate::algorithms::events::Update;
use crate::config::DqnKeys;
use crate::experience::replay::{Batch, Replay};
use crate::networks::head::Head;
use crate::networks::learner::{Learner, LearnerState, Which};
use crate::networks::loss::{Loss, LossKind};
use crate::networks::noise::draw_noise;
use crate::networks::optimizer::OptimizerRule;
use crate::observations::{Place, Seen, Space};
use crate::random::{Generator, Purpose};
use crate::saving::{Loading, Saving};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// Name of its part of a checkpoint.
const UPDATER: &str = "updater";

/// How targets and losses are computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LearningRule {
    /// Transitions in an update.
    pub batch_size: usize,
    /// The loss of a TD error; not used by a categorical head, which has its own.
    pub loss: LossKind,
    /// The online network chooses the successor's action, the target network evaluates it (van Hasselt et al. 2016).
    pub double: bool,
    /// Factor of the batch's summed gradient.
    pub gradient_scale: f32,
    /// A longer gradient is shortened to this norm.
    pub gradient_norm_limit: Option<f32>,
    /// Successors are valued by a target network; otherwise by the online network itself.
    pub has_target: bool,
    /// After every update the target network moves this fraction of the way to the online one; 0: not at all.
    pub target_tau: f32,
    /// The exponent of importance weights, if transitions are drawn by priority; the replay must then keep priorities.
    pub beta: Option<BetaSchedule>,
}

impl LearningRule {
    /// The rule that DQN's keys ask for.
    pub fn of(keys: &DqnKeys) -> Self {
        let beta = BetaSchedule { initial: keys.priority_beta_initial, steps: keys.priority_beta_steps };
        Self {
            batch_size: keys.batch_size,
            loss: keys.loss,
            double: keys.double,
            gradient_scale: OptimizerRule::of_dqn(keys).gradient_scale(keys.batch_size),
            gradient_norm_limit: (keys.gradient_clip_norm > 0.0).then_some(keys.gradient_clip_norm as f32),
            has_target: keys.target_network,
            target_tau: keys.target_tau as f32,
            beta: keys.prioritized.then_some(beta),
        }
    }
}

/// Time spent on each part of the updates.
#[derive(Clone, Copy, Debug, Default)]
pub struct UpdateTimes {
    /// Putting batches together, and giving their transitions new priorities.
    pub batches: Duration,
    /// Evaluating successors, with the target network and, for Double DQN, the online one.
    pub targets: Duration,
    /// Evaluating the online network on batches.
    pub forward: Duration,
    /// Gradients and the optimizer.
    pub backward: Duration,
}

/// The exponent beta of importance weights, which grows linearly from `initial` to 1 over `steps` agent steps
/// (Schaul et al. 2016).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BetaSchedule {
    /// Value at step 0.
    pub initial: f64,
    /// Agent steps until it is 1.
    pub steps: u64,
}

impl BetaSchedule {
    /// Beta at agent step `step`.
    pub fn beta(&self, step: u64) -> f64 {
        self.initial + (1.0 - self.initial) * (step as f64 / self.steps.max(1) as f64).min(1.0)
    }
}

/// The state of an updater, without the replay's.
#[derive(Serialize, Deserialize)]
struct UpdaterState {
    learner: LearnerState,
    sampling: Generator,
    noise: Generator,
}

/// Updates the networks from the replay.
pub struct Updater {
    learner: Box<dyn Learner>,
    replay: Replay,
    rule: LearningRule,
    sampling: Generator,
    noise: Generator,
    batch: Batch,
    targets: Vec<f32>,
    chooser: Vec<f32>,
    q_values: Vec<f32>,
    errors: Vec<f32>,
    /// The noise of noisy layers for one network; empty if there are none.
    drawn_noise: Vec<f32>,
    times: UpdateTimes,
}

impl Updater {
    /// An updater of these parts; `seed` determines its draws.
    pub fn new(learner: Box<dyn Learner>, replay: Replay, rule: LearningRule, seed: u64) -> Self {
        let drawn_noise = vec![0.0; learner.architecture().noise_len()];
        Self {
            learner,
            replay,
            rule,
            sampling: Generator::new(seed, Purpose::Replay),
            noise: Generator::new(seed, Purpose::Noise),
            batch: Batch::default(),
            targets: Vec::new(),
            chooser: Vec::new(),
            q_values: Vec::new(),
            errors: Vec::new(),
            drawn_noise,
            times: UpdateTimes::default(),
        }
    }

    fn head(&self) -> Head {
        self.learner.architecture().design.head
    }

    /// Draws new noise for a network's noisy layers, if it has any.
    fn draw_noise(&mut self, which: Which) -> Result<()> {
        if self.drawn_noise.is_empty() {
            return Ok(());
        }
        draw_noise(&mut self.noise, &mut self.drawn_noise);
        self.learner.set_noise(which, Some(&self.drawn_noise))
    }

    /// The Q-values `[count, actions]` of `observations` by the online network with this noise, if there is any.
    ///
    /// # Errors
    /// When the device fails.
    pub fn q_values(&mut self, observations: Seen<'_>, noise: &[f32]) -> Result<&[f32]> {
        if !noise.is_empty() {
            self.learner.set_noise(Which::Online, Some(noise))?;
        }
        let head = self.head();
        let outputs = self.learner.outputs(Which::Online, observations)?;
        Ok(head.q_values(outputs, &mut self.q_values))
    }

    /// The networks.
    pub fn learner(&self) -> &dyn Learner {
        self.learner.as_ref()
    }

    /// One update at agent step `step` on a batch from the replay; `None` if the replay has no transition yet.
    ///
    /// # Errors
    /// When the loss is not a finite number, or the device fails.
    pub fn learn(&mut self, step: u64) -> Result<Option<Update>> {
        let begun = Instant::now();
        let (size, sampling, mut batch) = (self.rule.batch_size, &mut self.sampling, std::mem::take(&mut self.batch));
        let drawn = match self.rule.beta {
            None => self.replay.sample(size, sampling, &mut batch),
            Some(beta) => self.replay.sample_by_priority(size, beta.beta(step), sampling, &mut batch),
        };
        self.times.batches += begun.elapsed();
        let update = if drawn { self.learn_from(&batch).map(Some) } else { Ok(None) };
        if drawn && update.is_ok() {
            let begun = Instant::now();
            self.replay.update_priorities(&batch.numbers, &self.errors);
            self.times.batches += begun.elapsed();
        }
        self.batch = batch;
        update
    }

    /// One update on `batch`. It depends only on the networks, the optimizer, the noise and the batch.
    ///
    /// # Errors
    /// When the loss is not a finite number, or the device fails.
    pub fn learn_from(&mut self, batch: &Batch) -> Result<Update> {
        let begun = Instant::now();
        let head = self.head();
        let valuer = if self.rule.has_target { Which::Target } else { Which::Online };
        // One draw for the online network, which chooses and learns with it, and one for the target network.
        if self.rule.has_target {
            self.draw_noise(Which::Target)?;
        }
        self.draw_noise(Which::Online)?;
        if self.rule.double {
            let outputs = self.learner.outputs(Which::Online, batch.next_observations.seen())?;
            self.chooser.clear();
            self.chooser.extend_from_slice(head.q_values(outputs, &mut self.q_values));
        }
        let target_outputs = self.learner.outputs(valuer, batch.next_observations.seen())?;
        let chooser =
            if self.rule.double { self.chooser.as_slice() } else { head.q_values(target_outputs, &mut self.q_values) };
        head.targets(&batch.rewards, &batch.discounts, target_outputs, chooser, &mut self.targets);
        self.times.targets += begun.elapsed();

        let begun = Instant::now();
        let rule = &self.rule;
        let loss = Loss {
            kind: rule.loss,
            actions: &batch.actions,
            targets: &self.targets,
            weights: &batch.weights,
            gradient_scale: rule.gradient_scale,
            norm_limit: rule.gradient_norm_limit,
        };
        let shown = divergence::update(self.learner.as_mut(), batch.observations.seen(), &loss)?;
        if self.rule.has_target && self.rule.target_tau > 0.0 {
            self.learner.move_target(self.rule.target_tau)?;
        }
        let update = Update::from(&shown);
        self.errors = shown.errors;
        self.times.forward += shown.forward;
        self.times.backward += begun.elapsed() - shown.forward;
        Ok(update)
    }

    /// Copies the online to the target network, if there is one.
    ///
    /// # Errors
    /// When the device fails.
    pub fn sync_target(&mut self) -> Result<()> {
        if self.rule.has_target {
            self.learner.move_target(1.0)?;
        }
        Ok(())
    }

    /// The replay.
    pub fn replay(&self) -> &Replay {
        &self.replay
    }

    /// The replay, for adding to it.
    pub fn replay_mut(&mut self) -> &mut Replay {
        &mut self.replay
    }

    /// Time spent on each part so far.
    pub fn times(&self) -> UpdateTimes {
        self.times
    }

    /// Saves the networks, the optimizer, the random generators and the replay.
    ///
    /// # Errors
    /// When the networks are not finite or cannot be fetched from their device, or a file cannot be written.
    pub fn save(&self, to: &mut Saving) -> Result<()> {
        let state = UpdaterState {
            learner: divergence::sound_state(&*self.learner)?,
            sampling: self.sampling.clone(),
            noise: self.noise.clone(),
        };
        to.part(UPDATER, &state)?;
        self.replay.save(to)
    }

    /// Continues from the state that an updater with the same configuration saved.
    ///
    /// # Errors
    /// When it is missing, damaged, not finite or of another network.
    pub fn load(&mut self, from: &Loading) -> Result<()> {
        let UpdaterState { learner, sampling, noise } = from.part(UPDATER)?;
        learner.ensure_finite(self.learner.architecture())?;
        self.learner.set_state(learner)?;
        (self.sampling, self.noise) = (sampling, noise);
        self.replay.load(from, self.learner.architecture().actions)
    }
}

/// A batch of random observations, actions, rewards and terminals, to measure or test learning without a game.
pub fn random_batch(space: Space, size: usize, actions: usize, generator: &mut Generator) -> Batch {
    let mut draw = || {
        let mut observations = space.observations(size);
        match observations.place() {
            Place::Pixels(pixels) => pixels.fill_with(|| generator.below(256) as u8),
            Place::Numbers(numbers) => numbers.fill_with(|| generator.symmetric(1.0)),
            Place::States(states) => {
                let Space::States(count) = space else { return observations };
                states.fill_with(|| generator.below(count) as u32);
            }
        }
        observations
    };
    let (observations, next_observations) = (draw(), draw());
    Batch {
        observations,
        next_observations,
        actions: (0..size).map(|_| generator.below(actions) as u8).collect(),
        rewards: (0..size).map(|_| generator.below(3) as f32 - 1.0).collect(),
        discounts: (0..size).map(|_| if generator.below(10) == 0 { 0.0 } else { 0.99 }).collect(),
        weights: vec![1.0; size],
        numbers: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithms::exploration::{EpsilonSchedule, Explorer};
    use crate::config::Widths;
    use crate::environments::atari::preprocess::{FRAME_PIXELS, SPACE, STACK_PIXELS};
    use crate::networks::argmax;
    use crate::networks::head::Support;
    use crate::networks::learner::CpuLearner;
    use crate::networks::optimizer::{LearningRate, OptimizerRule};
    use crate::networks::{Activation, Architecture, Design, DuelingForm, NetworkKind, NormKind, Parameters};

    const RMSPROP: OptimizerRule =
        OptimizerRule::RmsProp { learning_rate: LearningRate::constant(2.5e-4), decay: 0.95, epsilon: 0.01 };
    const ATOMS: Head = Head::Categorical(Support { atoms: 29, value_min: -2.0, value_max: 12.0 });

    /// An explorer and an updater.
    struct Agent {
        explorer: Explorer,
        updater: Updater,
    }

    impl Agent {
        fn act(&mut self, observation: &[u8], step: u64) -> usize {
            let Self { explorer, updater } = self;
            explorer.act(step, |noise| updater.q_values(Seen::Pixels(observation), noise)).unwrap()[0]
        }
    }

    /// The settings of an agent in these tests.
    #[derive(Clone, Copy, Debug)]
    struct Variant {
        design: Design,
        optimizer: OptimizerRule,
        batch_size: usize,
        double: bool,
        n_step: usize,
        norm_limit: Option<f32>,
        tau: f32,
        prioritized: bool,
        num_envs: usize,
    }

    const PLAIN: Variant = Variant {
        design: Design {
            kind: NetworkKind::Cpu,
            layers: Widths::NONE,
            activation: Activation::Relu,
            norm: NormKind::None,
            dueling: false,
            dueling_form: DuelingForm::Mean,
            dueling_hidden: true,
            noisy: false,
            head: Head::Expected,
        },
        optimizer: OptimizerRule::Adam {
            learning_rate: LearningRate::constant(2e-3),
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
        },
        batch_size: 16,
        double: false,
        n_step: 1,
        norm_limit: None,
        tau: 0.0,
        prioritized: false,
        num_envs: 1,
    };

    /// All variants together.
    const RAINBOW: Variant = Variant {
        design: Design { dueling: true, noisy: true, head: ATOMS, ..PLAIN.design },
        double: true,
        n_step: 2,
        norm_limit: Some(10.0),
        tau: 0.02,
        prioritized: true,
        ..PLAIN
    };

    const REPLAY: usize = 2000;

    const SCHEDULE: EpsilonSchedule =
        EpsilonSchedule::Linear { initial: 1.0, last: 0.1, starts_steps: 0, anneal_steps: 100 };

    fn agent(variant: Variant) -> Agent {
        let architecture = Architecture::new(variant.design, SPACE, 2).unwrap();
        let parameters = Parameters::initial(architecture, &mut Generator::new(1, Purpose::Weights));
        let rule = LearningRule {
            batch_size: variant.batch_size,
            loss: LossKind::Clipped,
            double: variant.double,
            gradient_scale: variant.optimizer.gradient_scale(variant.batch_size),
            gradient_norm_limit: variant.norm_limit,
            has_target: true,
            target_tau: variant.tau,
            beta: variant.prioritized.then_some(BetaSchedule { initial: 0.4, steps: 100 }),
        };
        let mut replay = Replay::new(SPACE, variant.num_envs, REPLAY, variant.n_step, 0.9, false).unwrap();
        if variant.prioritized {
            replay = replay.prioritized(0.6, 1e-6);
        }
        let noise_len = parameters.architecture.noise_len();
        Agent {
            explorer: Explorer::new(SCHEDULE, variant.num_envs, 2, noise_len, 1),
            updater: Updater::new(Box::new(CpuLearner::new(&parameters, variant.optimizer)), replay, rule, 1),
        }
    }

    #[test]
    fn one_batch_overfits() {
        let double_dueling =
            Variant { double: true, design: Design { dueling: true, ..PLAIN.design }, batch_size: 8, ..PLAIN };
        let categorical = Variant { design: Design { head: ATOMS, ..PLAIN.design }, ..double_dueling };
        for (variant, updates) in
            [(double_dueling, 60), (Variant { optimizer: RMSPROP, ..double_dueling }, 150), (categorical, 60)]
        {
            let mut agent = agent(variant);
            let batch = random_batch(SPACE, 8, 2, &mut Generator::new(2, Purpose::Synthetic));
            let first = agent.updater.learn_from(&batch).unwrap().loss;
            let mut last = first;
            for _ in 0..updates {
                last = agent.updater.learn_from(&batch).unwrap().loss;
            }
            assert!(last < 0.02 * first, "{variant:?}: loss {first} became {last}");
        }
    }

    /// Two states: `there` pays 1 for action 0 and stays, `here` pays nothing and action 1 leads there.
    ///
    /// Q* is 1/(1 - 0.9) = 10 and 0.9 * 9 = 8.1 there, 0.9 * 9 = 8.1 and 0.9 * 10 = 9 here. A two-step return contains
    /// a step of the random policy that acted, so it ends in both states equally often. With h = 0.45 + b the largest
    /// value here and h + 1 the largest there, the successor contributes b = 0.81 (h + 1/2), which gives b = 4.05; the
    /// returns are 1 + 0.45 + b and b there, b and 0.45 + b here. The older frames of a stack do not matter, but every
    /// stack must occur often enough for chance to even out.
    #[test]
    fn a_two_state_toy_is_solved_by_every_variant_and_by_all_together() {
        let one_step = [[10.0, 8.1], [8.1, 9.0]];
        let two_step = [[5.5, 4.05], [4.05, 4.5]];
        let with = |design| Variant { design, ..PLAIN };
        for (name, variant, expected) in [
            ("plain, network small", with(NetworkKind::Small.plain()), one_step),
            ("plain", PLAIN, one_step),
            ("double", Variant { double: true, ..PLAIN }, one_step),
            ("dueling", with(Design { dueling: true, ..PLAIN.design }), one_step),
            ("two steps", Variant { n_step: 2, ..PLAIN }, two_step),
            ("soft target", Variant { tau: 0.05, ..PLAIN }, one_step),
            ("clipped norm", Variant { norm_limit: Some(0.5), ..PLAIN }, one_step),
            ("prioritized", Variant { prioritized: true, ..PLAIN }, one_step),
            ("four environments", Variant { num_envs: 4, ..PLAIN }, one_step),
            ("four environments, prioritized", Variant { num_envs: 4, prioritized: true, ..PLAIN }, one_step),
            ("noisy", with(Design { noisy: true, ..PLAIN.design }), one_step),
            ("categorical", with(Design { head: ATOMS, ..PLAIN.design }), one_step),
            ("everything", RAINBOW, two_step),
        ] {
            let mut agent = agent(variant);
            let (mut here, mut there) = ([0u8; FRAME_PIXELS], [0u8; FRAME_PIXELS]);
            here[..FRAME_PIXELS / 2].fill(200);
            there[FRAME_PIXELS / 2..].fill(200);
            let mut random = Generator::new(7, Purpose::Synthetic);
            let mut are_there = vec![false; variant.num_envs];
            (0..variant.num_envs).for_each(|i| agent.updater.replay.begin_episode(i, &here));
            for step in variant.num_envs..REPLAY {
                let environment = step % variant.num_envs;
                let is_there = &mut are_there[environment];
                let action = random.below(2);
                let reward = f32::from(u8::from(*is_there && action == 0));
                *is_there = if *is_there { action == 0 } else { action == 1 };
                let next = if *is_there { &there } else { &here };
                agent.updater.replay.push(environment, action, reward, false, false, next);
            }
            // Through a ReLU the noise does not average to 0. So the network of the means, which is tested here, is
            // slightly off the returns that the noisy networks learned.
            let tolerance = if variant.design.noisy { 2.0 } else { 0.8 };
            let mut drawn = Batch::default();
            assert!(agent.updater.replay.sample(20, &mut random, &mut drawn));
            let observations = drawn.observations.seen().pixels().unwrap().to_vec();
            let (head, mut room) = (variant.design.head, Vec::new());
            let mut wrong = Some(String::new());
            for update in 1..=2000 {
                let shown = agent.updater.learn(0).unwrap().unwrap();
                assert_eq!(shown.gradient_norm.is_some(), variant.norm_limit.is_some());
                if variant.tau == 0.0 && update % 10 == 0 {
                    agent.updater.sync_target().unwrap();
                }
                if update % 100 != 0 {
                    continue;
                }
                agent.updater.learner.set_noise(Which::Online, None).unwrap();
                wrong = observations.chunks_exact(STACK_PIXELS).find_map(|observation| {
                    let expected = if observation[STACK_PIXELS - 1] > 0 { expected[0] } else { expected[1] };
                    let outputs = agent.updater.learner.outputs(Which::Online, Seen::Pixels(observation)).unwrap();
                    let q_values = head.q_values(outputs, &mut room);
                    let near = q_values.iter().zip(expected).all(|(got, want)| (got - want).abs() < tolerance);
                    let right = near && argmax(q_values) == argmax(&expected);
                    (!right).then(|| format!("{q_values:?}, expected {expected:?}"))
                });
                if wrong.is_none() {
                    break;
                }
            }
            assert_eq!(wrong, None, "{name}");
        }
    }

    /// The result of a run of updates must depend on the seed alone.
    #[test]
    fn noise_and_priorities_follow_the_seed() {
        let run = |seed: u64| {
            let mut agent = agent(RAINBOW);
            agent.updater.noise = Generator::new(seed, Purpose::Noise);
            let mut random = Generator::new(7, Purpose::Synthetic);
            agent.updater.replay.begin_episode(0, &[0; FRAME_PIXELS]);
            let mut actions = Vec::new();
            for step in 0..150 {
                let action = agent.act(&[(step % 5) as u8; STACK_PIXELS], step);
                let frame = [random.below(256) as u8; FRAME_PIXELS];
                agent.updater.replay.push(0, action, (action == 1).into(), false, false, &frame);
                if step > 20 && step % 10 == 0 {
                    agent.updater.learn(0).unwrap();
                }
                actions.push(action);
            }
            let priorities = agent.updater.replay.priorities().unwrap().clone();
            (actions, agent.updater.learner.parameters(Which::Online).unwrap(), priorities)
        };
        let first = run(1);
        assert!(run(1) == first);
        assert!(run(2).1 != first.1);
    }

    #[test]
    fn the_noise_is_new_at_every_step_and_absent_in_a_copy_to_be_evaluated() {
        let mut agent = agent(Variant { design: Design { noisy: true, ..PLAIN.design }, ..PLAIN });
        let greedy = EpsilonSchedule::Linear { initial: 0.0, last: 0.0, starts_steps: 0, anneal_steps: 0 };
        agent.explorer = Explorer::new(greedy, 1, 2, agent.updater.learner().architecture().noise_len(), 1);
        let observation = [77u8; STACK_PIXELS];
        let mut seen = Vec::new();
        let mut copies = Vec::new();
        for step in 0..3 {
            agent.act(&observation, step);
            seen.push(agent.updater.learner.outputs(Which::Online, Seen::Pixels(&observation)).unwrap().to_vec());
            let mut copy = agent.updater.learner().evaluator(Which::Online).unwrap();
            copies.push(copy.q_values(Seen::Pixels(&observation)).unwrap().to_vec());
        }
        assert!(seen[0] != seen[1] && seen[1] != seen[2]);
        assert!(copies[0] == copies[1] && copies[1] == copies[2]);
    }

    #[test]
    fn a_loss_that_is_not_finite_is_an_error_that_says_what_to_do() {
        for design in [PLAIN.design, RAINBOW.design] {
            let mut agent = agent(Variant { design, ..PLAIN });
            let mut batch = random_batch(SPACE, 4, 2, &mut Generator::new(2, Purpose::Synthetic));
            batch.rewards[0] = f32::NAN;
            let before = agent.updater.learner.parameters(Which::Online).unwrap();
            let message = agent.updater.learn_from(&batch).unwrap_err().to_string();
            assert!(message.contains("learning_rate"), "{message}");
            assert!(agent.updater.learner.parameters(Which::Online).unwrap() == before);
        }
    }

    #[test]
    fn beta_is_1_after_its_steps() {
        let schedule = BetaSchedule { initial: 0.4, steps: 1000 };
        for (step, beta) in [(0, 0.4), (500, 0.7), (1000, 1.0), (2000, 1.0)] {
            assert!((schedule.beta(step) - beta).abs() < 1e-12, "step {step}");
        }
    }
}
