//! The agent: acts epsilon-greedily, remembers, and learns by temporal differences (DQN).

use crate::learner::{Learner, Which};
use crate::network::first_maximum;
use crate::preprocess::{Frame, STACK_PIXELS};
use crate::random::{Generator, Purpose};
use crate::replay::{Batch, Replay};
use crate::schedule::EpsilonSchedule;
use anyhow::{ensure, Result};
use serde::{Deserialize, Serialize};

/// What is made of a TD error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Loss {
    /// The error clipped to [-1, 1] is the gradient: Huber's loss with delta 1.
    Clipped,
    /// The error squared.
    Squared,
}

impl Loss {
    /// (loss, its derivative by the predicted value) at `error` = target - prediction.
    pub fn at(self, error: f32) -> (f32, f32) {
        match self {
            Loss::Clipped if error.abs() > 1.0 => (error.abs() - 0.5, -error.signum()),
            Loss::Clipped => (0.5 * error * error, -error),
            Loss::Squared => (error * error, -2.0 * error),
        }
    }
}

/// How targets and losses are made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LearningRule {
    /// Transitions in an update.
    pub batch_size: usize,
    /// What is made of a TD error.
    pub loss: Loss,
    /// The online network chooses the successor's action, the target network values it (van Hasselt et al. 2016).
    pub double: bool,
    /// What the summed gradient of the batch is multiplied by.
    pub gradient_scale: f32,
}

/// y = r + discount * Q_target(s', a*) for every transition into `targets`; a* maximises `chooser`, which is Q_target for
/// DQN and Q_online for Double DQN. Q-values are `[transitions, actions]`.
pub fn td_targets(rewards: &[f32], discounts: &[f32], target_q: &[f32], chooser: &[f32], targets: &mut Vec<f32>) {
    let actions = target_q.len() / rewards.len().max(1);
    targets.clear();
    targets.extend(rewards.iter().zip(discounts).enumerate().map(|(i, (reward, discount))| {
        let row = i * actions..(i + 1) * actions;
        reward + discount * target_q[row.clone()][first_maximum(&chooser[row])]
    }));
}

/// The gradient of the loss, times `scale`, by the Q-values `[transitions, actions]`; returns the mean loss.
pub fn td_gradient(
    loss: Loss,
    scale: f32,
    actions: &[u8],
    targets: &[f32],
    q_values: &[f32],
    gradient: &mut [f32],
) -> f32 {
    let width = q_values.len() / actions.len().max(1);
    gradient.fill(0.0);
    let mut sum = 0.0;
    for (i, (&action, &target)) in actions.iter().zip(targets).enumerate() {
        let place = i * width + usize::from(action);
        let (value, derivative) = loss.at(target - q_values[place]);
        gradient[place] = scale * derivative;
        sum += value;
    }
    sum / actions.len().max(1) as f32
}

/// What an update showed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Update {
    /// Mean loss over the batch.
    pub loss: f32,
    /// Mean over the batch of the value of the action taken.
    pub q_value: f32,
}

/// The parts an agent is made of.
pub struct Agent {
    learner: Box<dyn Learner>,
    replay: Replay,
    schedule: EpsilonSchedule,
    rule: LearningRule,
    exploration: Generator,
    sampling: Generator,
    batch: Batch,
    targets: Vec<f32>,
    chooser: Vec<f32>,
}

impl Agent {
    /// An agent of these parts; what it draws follows from `seed`.
    pub fn new(
        learner: Box<dyn Learner>,
        replay: Replay,
        schedule: EpsilonSchedule,
        rule: LearningRule,
        seed: u64,
    ) -> Self {
        Self {
            learner,
            replay,
            schedule,
            rule,
            exploration: Generator::new(seed, Purpose::Exploration),
            sampling: Generator::new(seed, Purpose::Replay),
            batch: Batch::default(),
            targets: Vec::new(),
            chooser: Vec::new(),
        }
    }

    /// The index of the action for `observation` (`[4, 84, 84]`) at agent step `step`.
    pub fn act(&mut self, observation: &[u8], step: u64) -> Result<usize> {
        let actions = self.learner.architecture().actions;
        if self.exploration.fraction() < self.schedule.epsilon(step) {
            return Ok(self.exploration.below(actions));
        }
        let q_values = self.learner.q_values(Which::Online, observation)?;
        Ok(any_maximum(q_values, &mut self.exploration))
    }

    /// Probability of a random action at agent step `step`.
    pub fn epsilon(&self, step: u64) -> f64 {
        self.schedule.epsilon(step)
    }

    /// An episode begins with this frame.
    pub fn begin_episode(&mut self, first: &Frame) {
        self.replay.begin_episode(first);
    }

    /// Remembers a step; see [`Replay::push`].
    pub fn remember(&mut self, action: usize, reward: f32, terminal: bool, episode_over: bool, next: &Frame) {
        self.replay.push(action, reward, terminal, episode_over, next);
    }

    /// One update on a batch from the replay; `None` if the replay has no transition yet.
    pub fn learn(&mut self) -> Result<Option<Update>> {
        if !self.replay.sample(self.rule.batch_size, &mut self.sampling, &mut self.batch) {
            return Ok(None);
        }
        let batch = std::mem::take(&mut self.batch);
        let update = self.learn_from(&batch);
        self.batch = batch;
        update.map(Some)
    }

    /// One update on `batch`: what it does depends on the networks, the optimizer and the batch alone.
    pub fn learn_from(&mut self, batch: &Batch) -> Result<Update> {
        if self.rule.double {
            self.chooser.clear();
            self.chooser.extend_from_slice(self.learner.q_values(Which::Online, &batch.next_observations)?);
        }
        let target_q = self.learner.q_values(Which::Target, &batch.next_observations)?;
        let chooser = if self.rule.double { self.chooser.as_slice() } else { target_q };
        td_targets(&batch.rewards, &batch.discounts, target_q, chooser, &mut self.targets);

        let (rule, targets) = (&self.rule, &self.targets);
        let mut update = Update::default();
        self.learner.descend(&batch.observations, &mut |q_values, gradient| {
            update.loss = td_gradient(rule.loss, rule.gradient_scale, &batch.actions, targets, q_values, gradient);
            let width = q_values.len() / batch.size();
            let taken = batch.actions.iter().enumerate().map(|(i, &action)| q_values[i * width + usize::from(action)]);
            update.q_value = taken.sum::<f32>() / batch.size() as f32;
            // Before the step, so that the parameters stay the last good ones.
            ensure!(
                update.loss.is_finite() && update.q_value.is_finite(),
                "the loss is no longer a finite number (loss {}, mean Q-value {}): learning has diverged; \
                 try a smaller learning rate (--set learning_rate=...)",
                update.loss,
                update.q_value
            );
            Ok(())
        })?;
        Ok(update)
    }

    /// The target network becomes a copy of the online one.
    pub fn sync_target(&mut self) -> Result<()> {
        self.learner.sync_target()
    }

    /// The online network with its parameters.
    pub fn learner(&self) -> &dyn Learner {
        self.learner.as_ref()
    }

    /// Frames in the replay.
    pub fn replay_len(&self) -> usize {
        self.replay.len()
    }

    /// Up to `count` observations from the replay, `[n, 4, 84, 84]`, to watch Q-values on; drawn with `generator`.
    pub fn held_out_observations(&self, count: usize, generator: &mut Generator) -> Vec<u8> {
        let mut batch = Batch::default();
        if self.replay.sample(count, generator, &mut batch) {
            batch.observations
        } else {
            Vec::new()
        }
    }

    /// The mean over `observations` of the largest Q-value.
    pub fn mean_maximal_q(&mut self, observations: &[u8]) -> Result<f64> {
        let actions = self.learner.architecture().actions;
        let mut sum = 0.0;
        for chunk in observations.chunks(32 * STACK_PIXELS) {
            let q_values = self.learner.q_values(Which::Online, chunk)?;
            sum += q_values.chunks_exact(actions).map(|row| f64::from(row[first_maximum(row)])).sum::<f64>();
        }
        Ok(sum / (observations.len() / STACK_PIXELS).max(1) as f64)
    }
}

/// The index of the largest of `values`; `generator` chooses among equal ones.
fn any_maximum(values: &[f32], generator: &mut Generator) -> usize {
    let first = first_maximum(values);
    let ties = values.iter().filter(|value| **value == values[first]).count();
    if ties < 2 {
        return first;
    }
    let chosen = generator.below(ties);
    values.iter().enumerate().filter(|(_, value)| **value == values[first]).nth(chosen).map_or(first, |(i, _)| i)
}

/// A batch of random pixels, actions, rewards and terminals, to measure or test learning without a game.
pub fn random_batch(size: usize, actions: usize, generator: &mut Generator) -> Batch {
    let mut pixels = || (0..size * STACK_PIXELS).map(|_| generator.below(256) as u8).collect();
    let (observations, next_observations) = (pixels(), pixels());
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
    use crate::learner::CpuLearner;
    use crate::network::{Architecture, NetworkKind, Parameters};
    use crate::optimizer::OptimizerRule;
    use crate::preprocess::FRAME_PIXELS;

    const ADAM: OptimizerRule = OptimizerRule::Adam { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
    const RMSPROP: OptimizerRule = OptimizerRule::RmsProp { learning_rate: 2.5e-4, decay: 0.95, epsilon: 0.01 };

    fn agent(optimizer: OptimizerRule, batch_size: usize, double: bool, dueling: bool) -> Agent {
        let architecture = Architecture::new(NetworkKind::Small, dueling, 2);
        let parameters = Parameters::initial(architecture, &mut Generator::new(1, Purpose::Weights));
        let rule = LearningRule {
            batch_size,
            loss: Loss::Clipped,
            double,
            gradient_scale: optimizer.gradient_scale(batch_size),
        };
        let schedule = EpsilonSchedule { initial: 1.0, last: 0.1, starts_steps: 0, anneal_steps: 100 };
        Agent::new(Box::new(CpuLearner::new(&parameters, optimizer)), Replay::new(100, 1, 0.9), schedule, rule, 1)
    }

    #[test]
    fn a_td_error_is_clipped_in_the_gradient_or_squared() {
        assert_eq!(Loss::Clipped.at(0.5), (0.125, -0.5));
        assert_eq!(Loss::Clipped.at(3.0), (2.5, -1.0));
        assert_eq!(Loss::Clipped.at(-3.0), (2.5, 1.0));
        assert_eq!(Loss::Squared.at(-3.0), (9.0, 6.0));
    }

    #[test]
    fn targets_use_the_target_networks_value_of_the_choosers_action() {
        let (target_q, online_q) = ([1.0, 2.0, 5.0, 4.0], [3.0, 0.0, 0.0, 1.0]);
        let (rewards, discounts) = ([1.0, -1.0], [0.5, 0.0]);
        let mut targets = Vec::new();
        td_targets(&rewards, &discounts, &target_q, &target_q, &mut targets);
        assert_eq!(targets, [2.0, -1.0]);
        td_targets(&rewards, &[0.5, 0.5], &target_q, &online_q, &mut targets);
        assert_eq!(targets, [1.5, 1.0]);
    }

    #[test]
    fn only_the_action_taken_has_a_gradient() {
        let mut gradient = [9.0; 4];
        let loss = td_gradient(Loss::Clipped, 0.5, &[1, 0], &[2.0, 0.5], &[0.0, 0.0, 0.0, 0.0], &mut gradient);
        assert_eq!(gradient, [0.0, -0.5, -0.25, 0.0]);
        assert_eq!(loss, (1.5 + 0.125) / 2.0);
    }

    #[test]
    fn one_batch_overfits() {
        for (optimizer, updates) in [(ADAM, 60), (RMSPROP, 150)] {
            let mut agent = agent(optimizer, 8, true, true);
            let batch = random_batch(8, 2, &mut Generator::new(2, Purpose::Synthetic));
            let first = agent.learn_from(&batch).unwrap().loss;
            let mut last = first;
            for _ in 0..updates {
                last = agent.learn_from(&batch).unwrap().loss;
            }
            assert!(last < 0.02 * first, "{optimizer:?}: loss {first} became {last}");
        }
    }

    /// Two states: `there` pays 1 for action 0 and stays, `here` pays nothing and action 1 leads there.
    #[test]
    fn a_two_state_toy_is_solved() {
        for double in [false, true] {
            let mut agent = agent(ADAM, 16, double, false);
            let (mut here, mut there) = ([0u8; FRAME_PIXELS], [0u8; FRAME_PIXELS]);
            here[..FRAME_PIXELS / 2].fill(200);
            there[FRAME_PIXELS / 2..].fill(200);
            let mut random = Generator::new(7, Purpose::Synthetic);
            let mut is_there = false;
            agent.begin_episode(&here);
            for _ in 0..99 {
                let action = random.below(2);
                let reward = f32::from(u8::from(is_there && action == 0));
                is_there = if is_there { action == 0 } else { action == 1 };
                agent.remember(action, reward, false, false, if is_there { &there } else { &here });
            }
            for update in 0..500 {
                agent.learn().unwrap();
                if update % 10 == 0 {
                    agent.sync_target().unwrap();
                }
            }
            let observations = agent.held_out_observations(20, &mut random);
            for observation in observations.chunks_exact(STACK_PIXELS) {
                // Q*: there 1/(1 - 0.9) = 10 and 0.9 * 9 = 8.1; here 0.9 * 9 = 8.1 and 0.9 * 10 = 9.
                let expected = if observation[STACK_PIXELS - 1] > 0 { [10.0, 8.1] } else { [8.1, 9.0] };
                let q_values = agent.learner.q_values(Which::Online, observation).unwrap();
                for (got, want) in q_values.iter().zip(expected) {
                    assert!((got - want).abs() < 0.8, "double {double}: {q_values:?}, expected {expected:?}");
                }
                assert_eq!(first_maximum(q_values), first_maximum(&expected));
            }
        }
    }

    #[test]
    fn ties_are_broken_by_the_generator_in_training() {
        let mut generator = Generator::new(1, Purpose::Exploration);
        let mut seen = [0; 3];
        (0..100).for_each(|_| seen[any_maximum(&[2.0, 1.0, 2.0], &mut generator)] += 1);
        assert!(seen[0] > 30 && seen[1] == 0 && seen[2] > 30, "{seen:?}");
    }

    #[test]
    fn a_loss_that_is_not_finite_is_an_error_that_says_what_to_do() {
        let mut agent = agent(ADAM, 4, false, false);
        let mut batch = random_batch(4, 2, &mut Generator::new(2, Purpose::Synthetic));
        batch.rewards[0] = f32::NAN;
        let message = agent.learn_from(&batch).unwrap_err().to_string();
        assert!(message.contains("learning_rate"), "{message}");
    }
}
