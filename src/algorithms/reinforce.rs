//! REINFORCE: a policy network learns from whole episodes by the gradient of its own log-probabilities (Williams, "Simple
//! statistical gradient-following algorithms for connectionist reinforcement learning", 1992).
//!
//! Each step's return is the discounted sum of the rewards to the end of its game. Normalized returns are the advantages, and the
//! loss is -advantage * log pi(action), its mean or its sum over all steps of `games_per_update` games: one update by all of
//! them, and they are forgotten. A game that a limit cuts off counts as complete: the rewards that it would still have had
//! are missing from its returns, because a policy network has no value to put in their place.
//!
//! With several environments the games that end first are learned from first, and a game goes on under the network of the latest
//! update.

mod episodes;
mod returns;
#[cfg(test)]
mod tests;

use crate::algorithms::divergence;
use crate::algorithms::events::{Event, Standing, Update, Watch};
use crate::algorithms::Algorithm;
use crate::config::{NetworkKeys, Normalization, Reduction, ReinforceKeys};
use crate::environments::vector::VectorEnvironment;
use crate::environments::Step;
use crate::networks::evaluator::Evaluator;
use crate::networks::finite;
use crate::networks::learner::{new_learner_without_target, Learner, LearnerState, Which};
use crate::networks::loss::{Loss, LossKind};
use crate::networks::optimizer::OptimizerRule;
use crate::networks::{Architecture, Design, Parameters};
use crate::observations::{Observations, Seen, Space};
use crate::policy::{self, Policy};
use crate::random::{Generator, Purpose};
use crate::saving::{self, Loading, Saving};
use anyhow::{ensure, Context, Result};
use candle_core::Device;
use episodes::Episode;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Name of its part of a checkpoint.
const REINFORCE: &str = "reinforce";

/// Steps whose gradient is computed at a time: it bounds the memory of an update. Sums depend on it.
pub const PART: usize = 256;

/// A policy gradient from whole episodes.
pub struct Reinforce {
    keys: ReinforceKeys,
    learner: Box<dyn Learner>,
    /// The network of the latest update, which acts.
    player: Evaluator,
    /// Each environment's own random numbers, for its actions.
    draws: Vec<Generator>,
    /// The episode of each environment; none before the first step.
    current: Vec<Episode>,
    /// Episodes that have ended and wait for the next update.
    complete: Vec<Episode>,
    /// Steps of all environments so far.
    steps: u64,
    /// Room for a step of all environments.
    taken: Taken,
    /// Room for a part of an update.
    part: Part,
}

/// A step of all environments.
#[derive(Default)]
struct Taken {
    actions: Vec<usize>,
    steps: Vec<Step>,
    episode_frames: Vec<u64>,
}

/// Some of the steps of an update.
struct Part {
    observations: Observations,
    actions: Vec<u8>,
    advantages: Vec<f32>,
    weights: Vec<f32>,
}

/// The state between two steps.
#[derive(Serialize, Deserialize)]
struct ReinforceState<'a> {
    steps: u64,
    draws: Cow<'a, [Generator]>,
    current: Cow<'a, [Episode]>,
    complete: Cow<'a, [Episode]>,
    learner: LearnerState,
}

impl Reinforce {
    /// The agent that these keys describe, in `environments`, whose first episodes have begun.
    ///
    /// # Errors
    /// When the number of environments is not `num_envs`, the network does not fit them, or the device has no room for it.
    pub fn new(
        keys: &ReinforceKeys,
        network: &NetworkKeys,
        seed: u64,
        environments: &VectorEnvironment,
        device: &Device,
    ) -> Result<Self> {
        let (space, actions, num_envs) = (environments.space(), environments.actions(), environments.num_envs());
        ensure!(num_envs == keys.num_envs, "num_envs is {}, and there are {num_envs} environments", keys.num_envs);
        ensure!(actions <= 256, "reinforce numbers up to 256 actions, and there are {actions}");
        let architecture = Architecture::new(Design::of_policy(network), space, actions)?;
        let mut generator = Generator::new(seed, Purpose::Weights);
        let parameters = Parameters::drawn(network.initial_values, architecture, &mut generator);
        let learner = new_learner_without_target(&parameters, OptimizerRule::of_reinforce(keys), device)?;
        let draws = (0..num_envs).map(|index| Generator::numbered(seed, Purpose::Exploration, index as u64)).collect();
        Ok(Self {
            keys: keys.clone(),
            player: learner.evaluator(Which::Online)?,
            learner,
            draws,
            current: Vec::new(),
            complete: Vec::new(),
            steps: 0,
            taken: Taken::default(),
            part: Part {
                observations: space.observations(0),
                actions: Vec::new(),
                advantages: Vec::new(),
                weights: vec![1.0; PART],
            },
        })
    }

    /// The network that learns.
    pub fn learner(&self) -> &dyn Learner {
        &*self.learner
    }

    fn space(&self) -> Space {
        self.learner.architecture().space
    }

    /// Takes a step in every environment, and makes the updates for which it completes the episodes.
    fn step(&mut self, environments: &mut VectorEnvironment, watch: &mut dyn Watch) -> Result<()> {
        self.ensure_room()?;
        self.choose(environments.observations().seen())?;
        let outcomes = environments.step(&self.taken.actions);
        self.taken.steps.clone_from(&outcomes.steps);
        self.taken.episode_frames.clone_from(&outcomes.episode_frames);
        self.remember(environments.observations().seen())?;
        self.steps += self.taken.steps.len() as u64;
        let mut updates = Vec::new();
        let learned = self.learn(&mut updates);
        // Told only now, so that an error of the watcher finds the step complete.
        for (environment, step) in self.taken.steps.iter().enumerate() {
            watch.tell(Event::Step { environment, step })?;
            if step.over {
                let (frames, truncated) = (self.taken.episode_frames[environment], step.truncated);
                watch.tell(Event::Episode { environment, frames, truncated, epsilon: None })?;
            }
        }
        updates.iter().try_for_each(|update| watch.tell(Event::Update(update)))?;
        learned.with_context(|| format!("in the update at step {}", self.steps))
    }

    /// Checks that the episodes may grow by another step each.
    fn ensure_room(&self) -> Result<()> {
        let collected: usize = self.complete.iter().chain(&self.current).map(Episode::len).sum();
        let most = self.keys.max_update_steps;
        ensure!(
            collected + self.current.len() <= most,
            "{collected} steps of {} games and of {} that are not over wait for an update, and max_update_steps is {most}; \
             set it higher if there is memory for it, games_per_update lower, or limit the length of a game",
            self.complete.len(),
            self.current.len()
        );
        Ok(())
    }

    /// Draws an action for each environment from the policy's probabilities.
    fn choose(&mut self, seen: Seen<'_>) -> Result<()> {
        let Self { learner, player, draws, taken, .. } = self;
        let actions = learner.architecture().actions;
        taken.actions.clear();
        let draw_all = || -> Result<()> {
            let probabilities = player.probabilities(seen)?.context("the network is not a policy")?;
            for (probabilities, random) in probabilities.chunks_exact(actions).zip(draws) {
                finite::ensure_probabilities(probabilities)?;
                taken.actions.push(policy::draw(probabilities, random));
            }
            Ok(())
        };
        draw_all().map_err(|error| divergence::explained(error, &**learner, &[]))
    }

    /// Adds the step to the episodes. `seen` are the observations after it, the next episode's first where one ended.
    fn remember(&mut self, seen: Seen<'_>) -> Result<()> {
        let space = self.space();
        for (i, step) in self.taken.steps.iter().enumerate() {
            let episode = &mut self.current[i];
            episode.push(self.taken.actions[i], step)?;
            let seen = seen.at(space, i);
            if step.over {
                self.complete.push(std::mem::replace(episode, Episode::new(space, seen)?));
            } else {
                episode.see(space, seen)?;
            }
        }
        Ok(())
    }

    /// Makes an update for every `games_per_update` complete games.
    fn learn(&mut self, updates: &mut Vec<Update>) -> Result<()> {
        let games = self.keys.games_per_update as usize;
        while self.complete.len() >= games {
            updates.push(self.update(games)?);
            self.complete.drain(..games);
            self.player.follow(&self.learner.evaluator(Which::Online)?);
        }
        Ok(())
    }

    /// One optimizer step on the first `games` complete games.
    fn update(&mut self, games: usize) -> Result<Update> {
        let space = self.space();
        let Self { keys, learner, complete, part, .. } = self;
        let episodes = &complete[..games];
        let (advantages, mean_return) = advantages(keys, episodes);
        let steps = advantages.len() as f32;
        let gradient_scale = match keys.reduction {
            Reduction::Mean => 1.0 / steps,
            Reduction::Sum => 1.0,
        };
        let mut update = Update { q_value: mean_return as f32, ..Update::default() };
        let all = episodes.iter().flat_map(|episode| (0..episode.len()).map(move |t| (episode, t)));
        let mut all = all.zip(advantages).peekable();
        while all.peek().is_some() {
            part.clear();
            all.by_ref().take(PART).try_for_each(|((episode, t), advantage)| {
                part.actions.push(episode.actions[t]);
                part.advantages.push(advantage as f32);
                part.observations.extend(episode.observation(space, t))
            })?;
            let (seen, loss) = (part.observations.seen(), part.loss(gradient_scale));
            let shown = divergence::add_gradient(learner.as_mut(), seen, &loss)?;
            let share = part.actions.len() as f32 / steps;
            update.loss += share * shown.loss;
            update.td_error += share * shown.td_error;
        }
        let norm_limit = (keys.gradient_clip_norm > 0.0).then_some(keys.gradient_clip_norm as f32);
        update.gradient_norm = learner.step(norm_limit)?;
        Ok(update)
    }
}

/// The advantage of every step of these episodes, and the mean of their returns.
fn advantages(keys: &ReinforceKeys, episodes: &[Episode]) -> (Vec<f64>, f64) {
    let (mut advantages, mut sum) = (Vec::new(), 0.0);
    for Episode { rewards, terminals, .. } in episodes {
        let begin = advantages.len();
        returns::append_discounted(rewards, terminals, keys.gamma, &mut advantages);
        sum += advantages[begin..].iter().sum::<f64>();
        if keys.normalize == Normalization::Episode {
            returns::normalize(&mut advantages[begin..]);
        }
    }
    if keys.normalize == Normalization::Batch {
        returns::normalize(&mut advantages);
    }
    let mean = sum / advantages.len() as f64;
    (advantages, mean)
}

impl Part {
    fn clear(&mut self) {
        self.observations.clear();
        self.actions.clear();
        self.advantages.clear();
    }

    /// -advantage * log pi(action), summed and scaled.
    fn loss(&self, gradient_scale: f32) -> Loss<'_> {
        Loss {
            kind: LossKind::Squared,
            actions: &self.actions,
            targets: &self.advantages,
            weights: &self.weights,
            gradient_scale,
            norm_limit: None,
        }
    }
}

impl Algorithm for Reinforce {
    fn advance(&mut self, environments: &mut VectorEnvironment, until: u64, watch: &mut dyn Watch) -> Result<()> {
        if self.current.is_empty() {
            let (space, seen) = (self.space(), environments.observations().seen());
            let first = (0..environments.num_envs()).map(|i| Episode::new(space, seen.at(space, i)));
            self.current = first.collect::<Result<_>>()?;
        }
        while self.steps < until && !watch.stop() {
            self.step(environments, watch)?;
        }
        watch.tell(Event::Pause(Standing::default()))
    }

    fn steps(&self) -> u64 {
        self.steps
    }

    fn policy(&self) -> Result<Policy> {
        Ok(Policy::of_network(self.learner.evaluator(Which::Online)?))
    }

    fn save(&self, to: &mut Saving) -> Result<()> {
        let state = ReinforceState {
            steps: self.steps,
            draws: Cow::Borrowed(&self.draws),
            current: Cow::Borrowed(&self.current),
            complete: Cow::Borrowed(&self.complete),
            learner: divergence::sound_state(&*self.learner)?,
        };
        to.part(REINFORCE, &state)
    }

    fn load(&mut self, from: &Loading) -> Result<()> {
        let ReinforceState { steps, draws, current, complete, learner } = from.part(REINFORCE)?;
        let num_envs = self.draws.len();
        ensure!(
            draws.len() == num_envs && (current.is_empty() || current.len() == num_envs),
            "the checkpoint has {} environments with {} episodes, and there are {num_envs} environments",
            draws.len(),
            current.len()
        );
        let (space, actions) = (self.space(), self.learner.architecture().actions);
        current.iter().try_for_each(|episode| episode.ensure_sound(space, actions, false))?;
        complete.iter().try_for_each(|episode| episode.ensure_sound(space, actions, true))?;
        learner.ensure_finite(self.learner.architecture())?;
        self.learner.set_state(learner)?;
        self.player.follow(&self.learner.evaluator(Which::Online)?);
        (self.steps, self.draws) = (saving::count(steps, "steps")?, draws.into_owned());
        (self.current, self.complete) = (current.into_owned(), complete.into_owned());
        Ok(())
    }
}
