//! Experience replay: rings of single frames from which stacks are put together when a batch is drawn. An observation that is no
//! stack of pictures is a frame by itself, its bytes.
//!
//! Each environment has a ring of its own, so no transition leads from one environment to another; batches are drawn from
//! all rings together.
//!
//! Every slot holds a frame, the action taken on it and the reward. An episode's last frame has no action and serves
//! only as a successor, so a truncated episode can be bootstrapped. A lost life that counts as terminal does not end an
//! episode here: the game and the stacks continue.
//!
//! Transitions are drawn evenly or by [priority](priorities). Either way a transition may be drawn if its stack and its
//! successor can be put together; a prioritized replay keeps track of these transitions as frames come and go.

pub mod priorities;

mod frames;
mod ring;
mod segments;
#[cfg(test)]
pub(crate) mod tests;

use crate::arithmetic::power;
use crate::config::DqnKeys;
use crate::observations::{Observations, Space};
use crate::random::Generator;
use crate::system::memory::amount;
use anyhow::{anyhow, bail, Result};
use frames::Frames;
use priorities::Priorities;
use rayon::prelude::*;
use ring::{Ring, Slot, Taken, Transition};
pub use segments::ReplayFiles;

/// Bytes of the observations of a batch from which on other threads help to put it together.
const WORTH_THREADS: usize = 1 << 16;

/// How large a replay is to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayPlan {
    /// Frames it holds at most.
    pub capacity: u64,
    /// Environments, which have equal parts of it.
    pub num_envs: u64,
    /// Frames are compressed.
    pub compressed: bool,
    /// Transitions have priorities.
    pub prioritized: bool,
}

impl ReplayPlan {
    /// The replay that DQN's keys ask for.
    pub fn of(keys: &DqnKeys) -> Self {
        let DqnKeys { replay_capacity, num_envs, replay_compression: compressed, prioritized, .. } = *keys;
        let capacity = (replay_capacity / num_envs * num_envs) as u64;
        Self { capacity, num_envs: num_envs as u64, compressed, prioritized }
    }

    /// Frames that a run of this many steps keeps at most: one a step and the first of each episode. Episodes of less than 16 steps
    /// give some more.
    pub fn frames(&self, steps: u64) -> u64 {
        self.capacity.min(self.frames_of_each(steps).saturating_mul(self.num_envs))
    }

    /// The same for each environment.
    fn frames_of_each(&self, steps: u64) -> u64 {
        let steps = steps.div_ceil(self.num_envs);
        (self.capacity / self.num_envs).min(steps.saturating_add(steps / 16 + 16))
    }

    /// Bytes of the priorities' tree in a run of this many steps. The places of several environments are far apart, so a tree over
    /// all of them is needed at once.
    pub fn priority_bytes(&self, steps: u64) -> u64 {
        match (self.prioritized, self.num_envs) {
            (false, _) => 0,
            (true, 1) => Priorities::bytes(self.frames(steps)),
            (true, _) => Priorities::bytes(self.capacity),
        }
    }

    /// Bytes that `frame` takes in it, with its transition but without its priority.
    pub fn bytes_of(&self, frame: &[u8]) -> u64 {
        (frames::size(frame, self.compressed) + std::mem::size_of::<Slot>()) as u64
    }
}

/// Frames of each environment and what followed them, up to a number of frames.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The space of the observations.
    space: Space,
    /// The frames of each environment; all rings have the same capacity.
    rings: Vec<Ring>,
    /// The transitions of the batch being drawn.
    drawn: Vec<Drawn>,
    /// The priority of the transition that begins in each slot, if transitions are drawn by priority.
    priorities: Option<Priorities>,
}

/// A transition drawn for a batch.
#[derive(Clone, Copy, Debug)]
struct Drawn {
    environment: usize,
    /// Number of its first frame, in the ring of the environment.
    number: u64,
    transition: Transition,
}

/// Transitions drawn for one update.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// `[size]` observations; of pictures the oldest frame of a stack first.
    pub observations: Observations,
    /// Indices of the actions taken.
    pub actions: Vec<u8>,
    /// Sums of the next n clipped rewards, the later ones discounted.
    pub rewards: Vec<f32>,
    /// Factor of the successor's value: gamma^n, or 0 at a terminal.
    pub discounts: Vec<f32>,
    /// The observations n steps later.
    pub next_observations: Observations,
    /// Factor of each transition's loss: its importance weight, at most 1, or 1.
    pub weights: Vec<f32>,
    /// Numbers of the transitions, for [`Replay::update_priorities`]; empty if they were drawn evenly.
    pub numbers: Vec<u64>,
}

impl Batch {
    /// Transitions in it.
    pub fn size(&self) -> usize {
        self.actions.len()
    }

    fn resize(&mut self, size: usize, space: Space) {
        self.observations.resize(space, size);
        self.next_observations.resize(space, size);
        self.actions.resize(size, 0);
        self.rewards.resize(size, 0.0);
        self.discounts.resize(size, 0.0);
        self.weights.clear();
        self.weights.resize(size, 1.0);
        self.numbers.clear();
    }
}

impl Replay {
    /// The empty replay that DQN's keys ask for, for observations of `space`.
    ///
    /// # Errors
    /// When an environment's part of the capacity holds no transition.
    pub fn of(keys: &DqnKeys, space: Space) -> Result<Self> {
        // A few numbers do not get smaller.
        let compressed = keys.replay_compression && matches!(space, Space::Pixels { .. });
        let gamma = keys.gamma as f32;
        let replay = Self::new(space, keys.num_envs, keys.replay_capacity, keys.n_step, gamma, compressed)?;
        Ok(if keys.prioritized { replay.prioritized(keys.priority_exponent, keys.priority_epsilon) } else { replay })
    }

    /// Room for `capacity` frames of observations of `space`, an equal part for each of `num_envs` environments, for transitions
    /// over `n_step` steps discounted by `gamma` each; with `compressed` frames are kept compressed, without loss.
    ///
    /// # Errors
    /// When an environment's part of `capacity` holds no transition.
    pub fn new(
        space: Space,
        num_envs: usize,
        capacity: usize,
        n_step: usize,
        gamma: f32,
        compressed: bool,
    ) -> Result<Self> {
        let (stack, frame) = space.frames();
        let each = capacity / num_envs.max(1);
        if n_step == 0 || num_envs == 0 || each <= stack + n_step {
            bail!("a replay of {capacity} frames of {num_envs} environments holds no transition of {n_step} steps");
        }
        let ring = |i| Ring::new(Frames::new(frame, each, compressed), stack, n_step, gamma, i * each);
        Ok(Self { space, rings: (0..num_envs).map(ring).collect(), drawn: Vec::new(), priorities: None })
    }

    /// This replay, still empty, with priorities by which transitions can be drawn; see [`Priorities::new`].
    pub fn prioritized(mut self, exponent: f64, epsilon: f64) -> Self {
        let places = self.rings.iter().map(Ring::capacity).sum();
        self.priorities = Some(Priorities::new(places, exponent, epsilon));
        self
    }

    /// Takes the address space that a run of this many steps uses, so that a machine without it refuses at the start.
    ///
    /// # Errors
    /// When there is not as much.
    pub fn reserve(&mut self, plan: &ReplayPlan, steps: u64) -> Result<()> {
        let each = usize::try_from(plan.frames_of_each(steps)).unwrap_or(usize::MAX);
        let used = usize::try_from(plan.frames(steps)).unwrap_or(usize::MAX);
        let mut reserve = || {
            self.rings.iter_mut().try_for_each(|ring| ring.reserve(each))?;
            let places = if self.rings.len() == 1 { used } else { usize::MAX };
            self.priorities.as_mut().map_or(Ok(()), |priorities| priorities.reserve(places))
        };
        reserve().map_err(|error| {
            let (frames, frame) = (plan.frames(steps), self.rings[0].frames.size());
            let bytes = if plan.compressed { 0 } else { frames.saturating_mul(frame as u64) };
            let size = if bytes > 0 { format!(" ({})", amount(bytes)) } else { String::new() };
            anyhow!("the system has no room for a replay of {frames} frames{size}: {error}")
        })
    }

    /// The priorities of the slots, ring by ring, if there are any.
    pub fn priorities(&self) -> Option<&Priorities> {
        self.priorities.as_ref()
    }

    /// Frames held.
    pub fn len(&self) -> usize {
        self.rings.iter().map(Ring::len).sum()
    }

    /// Whether no frame was added yet.
    pub fn is_empty(&self) -> bool {
        self.rings.iter().all(|ring| ring.added == 0)
    }

    /// Begins an episode of environment number `environment` with its first frame; an unfinished previous episode of that
    /// environment counts as truncated.
    pub fn begin_episode(&mut self, environment: usize, first: &[u8]) {
        self.rings[environment].begin_episode(first, self.priorities.as_mut());
    }

    /// Adds a step of environment number `environment`: on seeing its newest frame `action` was taken, which gave `reward` and
    /// the frame `next`. `terminal` says that nothing more can be earned from there; `episode_over` that `next` is the episode's
    /// last frame, whether terminal or truncated.
    pub fn push(
        &mut self,
        environment: usize,
        action: usize,
        reward: f32,
        terminal: bool,
        episode_over: bool,
        next: &[u8],
    ) {
        let taken = Taken { action, reward, terminal, episode_over };
        self.rings[environment].push(taken, next, self.priorities.as_mut());
    }

    /// Draws `size` transitions into `batch`, with replacement; all transitions that can be put together have the same
    /// probability. `false` if there is none yet.
    pub fn sample(&mut self, size: usize, generator: &mut Generator, batch: &mut Batch) -> bool {
        batch.resize(size, self.space);
        let mut drawn = std::mem::take(&mut self.drawn);
        drawn.clear();
        drawn.extend((0..size).map_while(|_| self.draw(generator)));
        let complete = drawn.len() == size;
        if complete {
            self.put_together(&drawn, batch);
        }
        self.drawn = drawn;
        complete
    }

    /// Draws `size` transitions by priority into `batch`, one from each of `size` equal parts of the sum of priorities
    /// (Schaul et al. 2016, appendix B.2.1), with importance weights (N P(i))^-`beta` divided by the largest of the batch.
    /// `false` if there is none yet, or no priorities are kept.
    pub fn sample_by_priority(&mut self, size: usize, beta: f64, generator: &mut Generator, batch: &mut Batch) -> bool {
        batch.resize(size, self.space);
        let Some(priorities) = self.priorities.as_ref().filter(|priorities| priorities.total() > 0.0) else {
            return false;
        };
        let mut drawn = std::mem::take(&mut self.drawn);
        drawn.clear();
        drawn.extend((0..size).map(|i| {
            let place = priorities.find((i as f64 + generator.fraction()) / size as f64);
            let environment = place / self.rings[0].capacity();
            let number = self.rings[environment].number_at(place);
            let Some(drawn) = self.transition(environment, number) else {
                unreachable!("a transition with a priority can be put together");
            };
            drawn
        }));
        // N and the sum of all priorities are the same for all transitions and cancel out.
        let priority = |drawn: &Drawn| priorities.priority(self.rings[drawn.environment].place(drawn.number));
        let least = drawn.iter().map(priority).fold(f64::INFINITY, f64::min);
        for (weight, drawn) in batch.weights.iter_mut().zip(&drawn) {
            *weight = power(least / priority(drawn), beta) as f32;
        }
        let num_envs = self.rings.len() as u64;
        batch.numbers.extend(drawn.iter().map(|drawn| drawn.number * num_envs + drawn.environment as u64));
        self.put_together(&drawn, batch);
        self.drawn = drawn;
        true
    }

    /// Sets the priorities of the transitions `numbers` (of a [`Batch`]) from their errors.
    pub fn update_priorities(&mut self, numbers: &[u64], errors: &[f32]) {
        let Some(priorities) = &mut self.priorities else { return };
        let num_envs = self.rings.len() as u64;
        for (number, error) in numbers.iter().zip(errors) {
            let (ring, number) = (&self.rings[(number % num_envs) as usize], number / num_envs);
            // The slot of a transition that was overwritten since belongs to another one.
            if number >= ring.oldest() {
                priorities.update(ring.place(number), *error);
            }
        }
    }

    /// Puts the transitions `drawn` into `batch`, which has room for as many.
    fn put_together(&self, drawn: &[Drawn], batch: &mut Batch) {
        for (i, Drawn { environment, number, transition }) in drawn.iter().enumerate() {
            batch.actions[i] = self.rings[*environment].slot(*number).action;
            batch.rewards[i] = transition.reward;
            batch.discounts[i] = transition.discount;
        }
        let (stack, frame) = self.space.frames();
        let size = stack * frame;
        let observations = batch.observations.bytes_mut();
        let next_observations = batch.next_observations.bytes_mut();
        let put = |((drawn, observation), next_observation): ((&Drawn, &mut [u8]), &mut [u8])| {
            let Drawn { environment, number, transition } = drawn;
            self.rings[*environment].stacks(*number, transition.successor, observation, next_observation);
        };
        if drawn.len() * size < WORTH_THREADS {
            let places = observations.chunks_exact_mut(size).zip(next_observations.chunks_exact_mut(size));
            drawn.iter().zip(places).for_each(|(drawn, (place, next))| put(((drawn, place), next)));
        } else {
            let places = observations.par_chunks_exact_mut(size);
            drawn.par_iter().zip(places).zip(next_observations.par_chunks_exact_mut(size)).for_each(put);
        }
    }

    /// The transition that begins with frame `number` of an environment, if it can be put together.
    fn transition(&self, environment: usize, number: u64) -> Option<Drawn> {
        let transition = self.rings[environment].transition(number)?;
        Some(Drawn { environment, number, transition })
    }

    fn draw(&self, generator: &mut Generator) -> Option<Drawn> {
        let len = self.len();
        // Nearly every frame can be drawn; a replay in which hardly any can is searched instead.
        for _ in 0..if len == 0 { 0 } else { 1000 } {
            let mut frame = generator.below(len);
            let mut environment = 0;
            while frame >= self.rings[environment].len() {
                frame -= self.rings[environment].len();
                environment += 1;
            }
            let number = self.rings[environment].oldest() + frame as u64;
            if let Some(drawn) = self.transition(environment, number) {
                return Some(drawn);
            }
        }
        let rings = self.rings.iter().enumerate();
        let frames = rings.flat_map(|(i, ring)| (ring.oldest()..ring.added).map(move |number| (i, number)));
        let usable: Vec<Drawn> =
            frames.filter_map(|(environment, number)| self.transition(environment, number)).collect();
        usable.get(generator.below(usable.len().max(1))).copied()
    }
}
