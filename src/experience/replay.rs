//! Experience replay: a ring of single frames from which stacks are put together when a batch is drawn.
//!
//! Every slot holds a frame, the action taken on it and the reward. An episode's last frame has no action and serves
//! only as a successor, so a truncated episode can be bootstrapped. A lost life that counts as terminal does not end an
//! episode here: the game and the stacks continue.
//!
//! Transitions are drawn evenly or by [priority](priorities). Either way a transition may be drawn if its stack and its
//! successor can be put together; a prioritized replay keeps track of these transitions as frames come and go.

pub mod priorities;

mod frames;
mod segments;

use crate::arithmetic::power;
use crate::config::DqnKeys;
use crate::observations::Space;
use crate::random::Generator;
use anyhow::{bail, Result};
use frames::Frames;
use priorities::Priorities;
use rayon::prelude::*;
pub use segments::ReplayFiles;
use std::ops::Range;

/// How large a replay is to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayPlan {
    /// Frames it holds at most.
    pub capacity: u64,
    /// Frames are compressed.
    pub compressed: bool,
    /// Transitions have priorities.
    pub prioritized: bool,
}

impl ReplayPlan {
    /// The replay that DQN's keys ask for.
    pub fn of(keys: &DqnKeys) -> Self {
        let DqnKeys { replay_capacity, replay_compression: compressed, prioritized, .. } = *keys;
        Self { capacity: replay_capacity as u64, compressed, prioritized }
    }

    /// Bytes that `frame` takes in it, with its transition.
    pub fn bytes_of(&self, frame: &[u8]) -> u64 {
        // A priority is a leaf of a tree of sums.
        let priority = if self.prioritized { 2 * std::mem::size_of::<f64>() } else { 0 };
        (frames::size(frame, self.compressed) + std::mem::size_of::<Slot>() + priority) as u64
    }
}

/// Frames and what followed them, up to a number of frames.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Frames in an observation.
    stack: usize,
    capacity: usize,
    n_step: usize,
    gamma: f32,
    /// `capacity` frames; the frame added as number t is in slot t mod capacity.
    frames: Frames,
    slots: Vec<Slot>,
    /// Frames ever added.
    added: u64,
    /// The transitions of the batch being drawn: (number of the frame, what followed it).
    drawn: Vec<(u64, Transition)>,
    /// The priority of the transition that begins in each slot, if transitions are drawn by priority.
    priorities: Option<Priorities>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    follows: Follows,
    action: u8,
    reward: f32,
    /// Frames of the episode up to this one, at most a stack.
    depth: u8,
}

/// What followed a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Follows {
    /// Not known yet: the newest frame.
    #[default]
    Open,
    /// An action and the next frame.
    Step,
    /// An action after which nothing more can be earned; then the next frame.
    Terminal,
    /// Nothing: the episode's last frame.
    Nothing,
}

/// Transitions drawn for one update.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// `[size, stack, side, side]` gray values, oldest frame of a stack first.
    pub observations: Vec<u8>,
    /// Indices of the actions taken.
    pub actions: Vec<u8>,
    /// Sums of the next n clipped rewards, the later ones discounted.
    pub rewards: Vec<f32>,
    /// Factor of the successor's value: gamma^n, or 0 at a terminal.
    pub discounts: Vec<f32>,
    /// Stacks n steps later, `[size, stack, side, side]`.
    pub next_observations: Vec<u8>,
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

    fn resize(&mut self, size: usize, observation: usize) {
        self.observations.resize(size * observation, 0);
        self.next_observations.resize(size * observation, 0);
        self.actions.resize(size, 0);
        self.rewards.resize(size, 0.0);
        self.discounts.resize(size, 0.0);
        self.weights.clear();
        self.weights.resize(size, 1.0);
        self.numbers.clear();
    }
}

/// A transition of n steps, fewer at the end of an episode.
#[derive(Clone, Copy, Debug)]
struct Transition {
    reward: f32,
    discount: f32,
    successor: u64,
}

impl Replay {
    /// The empty replay that DQN's keys ask for, for observations of `space`.
    ///
    /// # Errors
    /// When the observations are not pixels.
    pub fn of(keys: &DqnKeys, space: Space) -> Result<Self> {
        let (gamma, compressed) = (keys.gamma as f32, keys.replay_compression);
        let replay = Self::new(space, keys.replay_capacity, keys.n_step, gamma, compressed)?;
        Ok(if keys.prioritized { replay.prioritized(keys.priority_exponent, keys.priority_epsilon) } else { replay })
    }

    /// Room for `capacity` frames of observations of `space`, for transitions over `n_step` steps discounted by `gamma` each;
    /// with `compressed` frames are kept compressed, without loss.
    ///
    /// # Errors
    /// When the observations are not pixels, or `capacity` holds no transition.
    pub fn new(space: Space, capacity: usize, n_step: usize, gamma: f32, compressed: bool) -> Result<Self> {
        let Space::Pixels { stack, side } = space else {
            bail!("the replay keeps pictures, and these observations are {space}");
        };
        if n_step == 0 || capacity <= stack + n_step {
            bail!("a replay of {capacity} frames holds no transition of {n_step} steps");
        }
        Ok(Self {
            stack,
            capacity,
            n_step,
            gamma,
            frames: Frames::new(side * side, capacity, compressed),
            slots: vec![Slot::default(); capacity],
            added: 0,
            drawn: Vec::new(),
            priorities: None,
        })
    }

    /// This replay, still empty, with priorities by which transitions can be drawn; see [`Priorities::new`].
    pub fn prioritized(mut self, exponent: f64, epsilon: f64) -> Self {
        self.priorities = Some(Priorities::new(self.capacity, exponent, epsilon));
        self
    }

    /// The priorities of the slots, if there are any.
    pub fn priorities(&self) -> Option<&Priorities> {
        self.priorities.as_ref()
    }

    /// Values in an observation.
    fn observation_size(&self) -> usize {
        self.stack * self.frames.size()
    }

    /// Frames held.
    pub fn len(&self) -> usize {
        self.added.min(self.capacity as u64) as usize
    }

    /// Whether no frame was added yet.
    pub fn is_empty(&self) -> bool {
        self.added == 0
    }

    /// Number of the oldest frame held.
    fn oldest(&self) -> u64 {
        self.added.saturating_sub(self.capacity as u64)
    }

    fn index(&self, number: u64) -> usize {
        (number % self.capacity as u64) as usize
    }

    fn slot(&self, number: u64) -> &Slot {
        &self.slots[self.index(number)]
    }

    fn add(&mut self, frame: &[u8], depth: u8, follows: Follows) {
        let index = self.index(self.added);
        self.frames.set(index, frame);
        self.slots[index] = Slot { depth, follows, ..Slot::default() };
        self.added += 1;
        self.forget_incomplete();
    }

    /// Called after a frame was added: transitions that lost a frame of their stack, or their own frame, to it may no
    /// longer be drawn.
    fn forget_incomplete(&mut self) {
        let Some(mut priorities) = self.priorities.take() else { return };
        priorities.remove(self.index(self.added - 1));
        let oldest = self.oldest();
        for number in (oldest..self.added).take(if oldest > 0 { self.stack - 1 } else { 0 }) {
            if self.transition(number).is_none() {
                priorities.remove(self.index(number));
            }
        }
        self.priorities = Some(priorities);
    }

    /// Called when it becomes known what follows frame `number`: the transitions that were waiting for it may now be
    /// drawn.
    fn admit_complete(&mut self, number: u64) {
        let Some(mut priorities) = self.priorities.take() else { return };
        let oldest = self.oldest();
        // The one n steps back; if nothing more follows in this episode, also every one in between.
        let first = (number + 1).saturating_sub(self.n_step as u64).max(oldest);
        let last = if self.slot(number).follows == Follows::Step && self.open() { first } else { number };
        for number in first..=last {
            let index = self.index(number);
            if priorities.priority(index) == 0.0 && self.transition(number).is_some() {
                priorities.insert(index);
            }
        }
        self.priorities = Some(priorities);
    }

    /// Whether the newest frame waits for an action.
    fn open(&self) -> bool {
        self.added > 0 && self.slot(self.added - 1).follows == Follows::Open
    }

    /// Begins an episode with its first frame; an unfinished previous episode counts as truncated.
    pub fn begin_episode(&mut self, first: &[u8]) {
        if let Some(newest) = self.added.checked_sub(1) {
            let index = self.index(newest);
            if self.slots[index].follows == Follows::Open {
                self.slots[index].follows = Follows::Nothing;
                self.admit_complete(newest);
            }
        }
        self.add(first, 1, Follows::Open);
    }

    /// Adds a step: on seeing the newest frame `action` was taken, which gave `reward` and the frame `next`. `terminal`
    /// says that nothing more can be earned from there; `episode_over` that `next` is the episode's last frame, whether
    /// terminal or truncated.
    pub fn push(&mut self, action: usize, reward: f32, terminal: bool, episode_over: bool, next: &[u8]) {
        debug_assert!(!self.is_empty(), "an episode must begin before its first step");
        let (newest, stack) = (self.index(self.added.saturating_sub(1)), self.stack as u8);
        let slot = &mut self.slots[newest];
        slot.action = action as u8;
        slot.reward = reward;
        slot.follows = if terminal { Follows::Terminal } else { Follows::Step };
        let depth = (slot.depth + 1).min(stack);
        self.add(next, depth, if episode_over { Follows::Nothing } else { Follows::Open });
        self.admit_complete(self.added.saturating_sub(2));
    }

    /// What followed frame `number`; `None` if it lacks an action, a frame of its stack or a successor.
    fn transition(&self, number: u64) -> Option<Transition> {
        let oldest = self.oldest();
        if number + 1 < oldest + u64::from(self.slot(number).depth) || self.slot(number).follows == Follows::Nothing {
            return None;
        }
        let (mut reward, mut discount, mut successor) = (0.0, 1.0, number);
        for _ in 0..self.n_step {
            let slot = self.slot(successor);
            match slot.follows {
                Follows::Open => return None,
                Follows::Nothing => break,
                Follows::Step | Follows::Terminal => reward += discount * slot.reward,
            }
            successor += 1;
            discount *= self.gamma;
            if slot.follows == Follows::Terminal {
                discount = 0.0;
                break;
            }
        }
        Some(Transition { reward, discount, successor })
    }

    /// The stacks at the ends of a transition, whose newest frames are `number` and `successor`.
    fn stacks(&self, number: u64, successor: u64, observation: &mut [u8], next_observation: &mut [u8]) {
        let size = self.frames.size();
        let before = self.fill_stack(number, observation, |_, _| false);
        self.fill_stack(successor, next_observation, |frame, output| {
            // Most frames are in both; taking one from the other stack is cheaper than decompressing it again.
            let known = before.contains(&frame);
            if known {
                let place = self.stack - (number + 1 - frame) as usize;
                output.copy_from_slice(&observation[place * size..(place + 1) * size]);
            }
            known
        });
    }

    /// Writes the stack whose newest frame is `number` to `output` and returns the frames' numbers. `known` is tried
    /// first for every frame.
    fn fill_stack(&self, number: u64, output: &mut [u8], known: impl Fn(u64, &mut [u8]) -> bool) -> Range<u64> {
        let depth = u64::from(self.slot(number).depth);
        let numbers = number + 1 - depth..number + 1;
        let (black, frames) = output.split_at_mut((self.stack - depth as usize) * self.frames.size());
        black.fill(0);
        for (number, frame) in numbers.clone().zip(frames.chunks_exact_mut(self.frames.size())) {
            if !known(number, frame) {
                self.frames.copy(self.index(number), frame);
            }
        }
        numbers
    }

    /// Draws `size` transitions into `batch`, with replacement; all transitions that can be put together have the same
    /// probability. `false` if there is none yet.
    pub fn sample(&mut self, size: usize, generator: &mut Generator, batch: &mut Batch) -> bool {
        batch.resize(size, self.observation_size());
        let oldest = self.oldest();
        let mut drawn = std::mem::take(&mut self.drawn);
        drawn.clear();
        drawn.extend((0..size).map_while(|_| self.draw(oldest, generator)));
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
        batch.resize(size, self.observation_size());
        let Some(priorities) = self.priorities.as_ref().filter(|priorities| priorities.total() > 0.0) else {
            return false;
        };
        let newest = self.added - 1;
        let mut drawn = std::mem::take(&mut self.drawn);
        drawn.clear();
        drawn.extend((0..size).map(|i| {
            let place = priorities.find((i as f64 + generator.fraction()) / size as f64);
            let number = newest - ((self.index(newest) + self.capacity - place) % self.capacity) as u64;
            let Some(transition) = self.transition(number) else {
                unreachable!("a transition with a priority can be put together");
            };
            (number, transition)
        }));
        batch.numbers.extend(drawn.iter().map(|(number, _)| *number));
        self.put_together(&drawn, batch);
        self.drawn = drawn;
        let Some(priorities) = &self.priorities else { return false };
        // N and the sum of all priorities are the same for all transitions and cancel out.
        let priority = |number: u64| priorities.priority(self.index(number));
        let least = batch.numbers.iter().map(|number| priority(*number)).fold(f64::INFINITY, f64::min);
        for (weight, number) in batch.weights.iter_mut().zip(&batch.numbers) {
            *weight = power(least / priority(*number), beta) as f32;
        }
        true
    }

    /// Sets the priorities of the transitions `numbers` (of a [`Batch`]) from their errors.
    pub fn update_priorities(&mut self, numbers: &[u64], errors: &[f32]) {
        let (capacity, oldest) = (self.capacity as u64, self.added.saturating_sub(self.capacity as u64));
        if let Some(priorities) = &mut self.priorities {
            // The slot of a transition that was overwritten since belongs to another one.
            for (number, error) in numbers.iter().zip(errors).filter(|(number, _)| **number >= oldest) {
                priorities.update((number % capacity) as usize, *error);
            }
        }
    }

    /// Puts the transitions `drawn` into `batch`, which has room for as many.
    fn put_together(&self, drawn: &[(u64, Transition)], batch: &mut Batch) {
        for (i, (number, transition)) in drawn.iter().enumerate() {
            batch.actions[i] = self.slot(*number).action;
            batch.rewards[i] = transition.reward;
            batch.discounts[i] = transition.discount;
        }
        let observations = batch.observations.par_chunks_exact_mut(self.observation_size());
        let next_observations = batch.next_observations.par_chunks_exact_mut(self.observation_size());
        drawn.par_iter().zip(observations).zip(next_observations).for_each(
            |(((number, transition), observation), next_observation)| {
                self.stacks(*number, transition.successor, observation, next_observation);
            },
        );
    }

    fn draw(&self, oldest: u64, generator: &mut Generator) -> Option<(u64, Transition)> {
        let len = self.len();
        // Nearly every frame can be drawn; a replay in which hardly any can is searched instead.
        for _ in 0..if len == 0 { 0 } else { 1000 } {
            let number = oldest + generator.below(len) as u64;
            if let Some(transition) = self.transition(number) {
                return Some((number, transition));
            }
        }
        let usable: Vec<u64> = (oldest..self.added).filter(|&number| self.transition(number).is_some()).collect();
        let number = *usable.get(generator.below(usable.len().max(1)))?;
        Some((number, self.transition(number)?))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::environments::atari::preprocess::{empty_stack, FrameStack, SPACE, STACK, STACK_PIXELS};
    pub(crate) use crate::environments::atari::preprocess::{Frame, FRAME_PIXELS};
    use crate::random::Purpose;
    use std::collections::HashMap;

    pub(crate) fn new_replay(capacity: usize, n_step: usize, gamma: f32, compressed: bool) -> Replay {
        Replay::new(SPACE, capacity, n_step, gamma, compressed).unwrap()
    }

    /// A frame that can be told from others by `id`, never black.
    pub(crate) fn numbered_frame(id: u64) -> Frame {
        let mut frame = [1; FRAME_PIXELS];
        frame[..8].copy_from_slice(&id.to_le_bytes());
        frame
    }

    fn frame(id: u32) -> Frame {
        numbered_frame(u64::from(id))
    }

    /// (id + 1) of each frame of a stack, 0 for black.
    fn ids(stack: &[u8]) -> [u32; STACK] {
        let mut ids = [0; STACK];
        for (id, frame) in ids.iter_mut().zip(stack.chunks_exact(FRAME_PIXELS)) {
            if frame[FRAME_PIXELS - 1] != 0 {
                *id = u32::from_le_bytes([frame[0], frame[1], frame[2], frame[3]]) + 1;
            }
        }
        ids
    }

    /// The naive replay: whole stacks, in a list, with everything that happened.
    struct Naive {
        stack: FrameStack,
        seen: Vec<Seen>,
    }

    struct Seen {
        id: u32,
        stack: [u32; STACK],
        /// (action, reward, terminal)
        then: Option<(u8, f32, bool)>,
        last: bool,
    }

    type Transition = ([u32; STACK], u8, i64, i64, [u32; STACK]);

    fn milli(value: f32) -> i64 {
        (f64::from(value) * 1000.0).round() as i64
    }

    impl Naive {
        fn transitions(&self, capacity: usize, n: usize, gamma: f32) -> HashMap<u32, Transition> {
            let oldest = self.seen.len().saturating_sub(capacity);
            let mut result = HashMap::new();
            for (t, seen) in self.seen.iter().enumerate() {
                let frames = seen.stack.iter().filter(|&&id| id != 0).count();
                if t + 1 < oldest + frames {
                    continue;
                }
                let (mut reward, mut discount, mut at) = (0.0, 1.0, t);
                let complete = loop {
                    if at - t == n || (self.seen[at].last && at > t) {
                        break true;
                    }
                    let Some((_, r, terminal)) = self.seen[at].then else {
                        break false;
                    };
                    reward += discount * r;
                    discount *= gamma;
                    at += 1;
                    if terminal {
                        discount = 0.0;
                        break true;
                    }
                };
                if let (true, Some((action, ..))) = (complete, seen.then) {
                    let transition = (seen.stack, action, milli(reward), milli(discount), self.seen[at].stack);
                    result.insert(seen.id, transition);
                }
            }
            result
        }
    }

    #[test]
    fn every_sample_is_a_transition_of_the_naive_replay_and_every_such_transition_is_drawn() {
        for seed in 0..60 {
            let mut random = Generator::new(seed, Purpose::Synthetic);
            let n = 1 + random.below(4);
            let capacity = STACK + n + 1 + random.below(30);
            let gamma = 0.5;
            let mut replay = new_replay(capacity, n, gamma, seed % 2 == 0).prioritized(0.6, 1e-6);
            let mut naive = Naive { stack: empty_stack(), seen: Vec::new() };
            let mut over = true;
            for id in 0..random.below(120) as u32 {
                // Now and then an episode is left unfinished, which truncates it.
                if over || random.below(20) == 0 {
                    if let Some(last) = naive.seen.last_mut() {
                        last.last = true;
                    }
                    replay.begin_episode(&frame(id));
                    naive.stack.begin(&frame(id));
                    over = false;
                } else {
                    let (action, reward) = (random.below(6), random.below(3) as f32 - 1.0);
                    let (terminal, truncated) = (random.below(8) == 0, random.below(12) == 0);
                    // A terminal need not end the episode: a lost life.
                    over = truncated || (terminal && random.below(2) == 0);
                    replay.push(action, reward, terminal, over, &frame(id));
                    if let Some(last) = naive.seen.last_mut() {
                        last.then = Some((action as u8, reward, terminal));
                    }
                    naive.stack.push(&frame(id));
                }
                naive.seen.push(Seen { id, stack: ids(naive.stack.pixels()), then: None, last: over });
                assert_priorities_are_where_transitions_are(&replay);
            }
            let mut expected = naive.transitions(capacity, n, gamma);
            let mut batch = Batch::default();
            assert_eq!(replay.sample(4, &mut random, &mut batch), !expected.is_empty(), "seed {seed}");
            let usable = expected.len();
            let mut unseen = expected.clone();
            for i in 0..if usable == 0 { 0 } else { 200 } {
                if i % 2 == 0 {
                    assert!(replay.sample(8, &mut random, &mut batch));
                } else {
                    assert!(replay.sample_by_priority(8, 0.5, &mut random, &mut batch));
                    let errors: Vec<f32> = batch.numbers.iter().map(|_| random.symmetric(3.0)).collect();
                    replay.update_priorities(&batch.numbers, &errors);
                }
                for i in 0..batch.size() {
                    let stack = i * STACK_PIXELS..(i + 1) * STACK_PIXELS;
                    let observation = ids(&batch.observations[stack.clone()]);
                    let got = (
                        observation,
                        batch.actions[i],
                        milli(batch.rewards[i]),
                        milli(batch.discounts[i]),
                        ids(&batch.next_observations[stack]),
                    );
                    let id = observation[STACK - 1] - 1;
                    assert_eq!(expected.get_mut(&id), Some(&mut got.clone()), "seed {seed}, frame {id}");
                    unseen.remove(&id);
                }
            }
            assert!(unseen.is_empty(), "seed {seed}: never drawn: {unseen:?}");
        }
    }

    /// A slot has a priority if and only if its frame begins a transition.
    #[track_caller]
    fn assert_priorities_are_where_transitions_are(replay: &Replay) {
        let oldest = replay.added.saturating_sub(replay.capacity as u64);
        let priorities = replay.priorities().unwrap();
        for number in oldest..replay.added {
            let kept = priorities.priority(replay.index(number)) > 0.0;
            assert_eq!(kept, replay.transition(number).is_some(), "frame {number} of {}", replay.added);
        }
    }

    /// Priorities 1, 2 and 5 with beta 1: weights 1, 1/2 and 1/5.
    #[test]
    fn transitions_are_drawn_by_priority_and_weighted_against_it() {
        let mut replay = new_replay(20, 1, 0.9, false).prioritized(1.0, 1e-12);
        replay.begin_episode(&frame(0));
        (1..=3).for_each(|id| replay.push(0, 0.0, false, id == 3, &frame(id)));
        replay.update_priorities(&[0, 1, 2], &[1.0, -2.0, 5.0]);
        let mut random = Generator::new(1, Purpose::Replay);
        let (mut batch, mut counts) = (Batch::default(), [0u32; 3]);
        for _ in 0..1000 {
            assert!(replay.sample_by_priority(8, 1.0, &mut random, &mut batch));
            // One from each eighth of the sum: 1, 2 and 5 of them, whatever the generator draws.
            let drawn: Vec<u32> =
                batch.observations.chunks_exact(STACK_PIXELS).map(|s| ids(s)[STACK - 1] - 1).collect();
            drawn.iter().for_each(|&id| counts[id as usize] += 1);
            for (id, weight) in drawn.iter().zip(&batch.weights) {
                assert!((weight - [1.0, 0.5, 0.2][*id as usize]).abs() < 1e-6, "{id}: {weight}");
            }
        }
        assert_eq!(counts, [1000, 2000, 5000]);
        replay.sample_by_priority(8, 0.0, &mut random, &mut batch);
        assert_eq!(batch.weights, [1.0; 8], "beta 0 gives equal weights");
        replay.update_priorities(&[0, 1], &[0.0, 0.0]);
        replay.sample_by_priority(8, 0.5, &mut random, &mut batch);
        assert_eq!((batch.numbers.as_slice(), batch.weights.as_slice()), ([2; 8].as_slice(), [1.0; 8].as_slice()));
        replay.sample(2, &mut random, &mut batch);
        assert!(batch.numbers.is_empty() && batch.weights == [1.0; 2]);
    }

    #[test]
    fn a_replay_without_priorities_draws_none() {
        let mut replay = new_replay(20, 1, 0.9, false);
        replay.begin_episode(&frame(0));
        replay.push(0, 0.0, false, false, &frame(1));
        assert!(!replay.sample_by_priority(1, 1.0, &mut Generator::new(1, Purpose::Replay), &mut Batch::default()));
    }

    #[test]
    fn an_error_found_after_its_transition_was_overwritten_changes_nothing() {
        let mut replay = new_replay(10, 1, 0.9, false).prioritized(1.0, 1e-12);
        replay.begin_episode(&frame(0));
        (1..15).for_each(|id| replay.push(0, 0.0, false, false, &frame(id)));
        let before = replay.priorities().unwrap().clone();
        replay.update_priorities(&[2], &[9.0]);
        assert!(*replay.priorities().unwrap() == before);
        replay.update_priorities(&[12], &[9.0]);
        assert!(*replay.priorities().unwrap() != before);
    }

    /// Rewards 1, 2, 4 with gamma 0.5: 1 + 1 + 1, and gamma^3 for the value after them.
    #[test]
    fn n_step_returns_sum_discounted_rewards_and_stop_at_a_terminal() {
        for (terminal_at, reward, discount) in [(3, 3.0, 0.125), (2, 2.0, 0.0), (1, 1.0, 0.0)] {
            let mut replay = new_replay(20, 3, 0.5, false);
            replay.begin_episode(&frame(0));
            for id in 1..=4 {
                let reward = [1.0, 2.0, 4.0, 100.0][id - 1];
                replay.push(0, reward, id == terminal_at && id < 3, id == 4, &frame(id as u32));
            }
            let transition = replay.transition(0).unwrap();
            assert_eq!((transition.reward, transition.discount), (reward, discount), "terminal at {terminal_at}");
        }
    }

    #[test]
    fn transitions_are_drawn_evenly() {
        let mut replay = new_replay(50, 1, 0.99, false);
        replay.begin_episode(&frame(0));
        (1..200).for_each(|id| replay.push(0, 0.0, false, false, &frame(id)));
        let mut random = Generator::new(1, Purpose::Replay);
        let (mut batch, mut counts) = (Batch::default(), HashMap::new());
        for _ in 0..1000 {
            replay.sample(46, &mut random, &mut batch);
            for stack in batch.observations.chunks_exact(STACK_PIXELS) {
                *counts.entry(ids(stack)[STACK - 1]).or_insert(0u32) += 1;
            }
        }
        // 50 frames: the oldest three lack part of their stack, the newest has no successor.
        assert_eq!(counts.len(), 46);
        assert!(counts.values().all(|count| (850..1150).contains(count)), "{counts:?}");
    }

    #[test]
    fn an_empty_replay_gives_no_batch() {
        let mut random = Generator::new(1, Purpose::Replay);
        let mut replay = new_replay(10, 1, 0.99, false);
        assert!(!replay.sample(1, &mut random, &mut Batch::default()));
        replay.begin_episode(&frame(0));
        assert!(!replay.sample(1, &mut random, &mut Batch::default()));
    }

    #[test]
    fn a_truncated_episode_is_bootstrapped_through_and_a_terminal_is_not() {
        let mut random = Generator::new(1, Purpose::Replay);
        for (terminal, discount) in [(false, 0.9), (true, 0.0)] {
            let mut replay = new_replay(10, 3, 0.9, false);
            replay.begin_episode(&frame(0));
            replay.push(2, 1.0, terminal, true, &frame(1));
            let mut batch = Batch::default();
            assert!(replay.sample(1, &mut random, &mut batch));
            assert_eq!((batch.discounts[0], batch.rewards[0], batch.actions[0]), (discount, 1.0, 2));
            assert_eq!(ids(&batch.next_observations), [0, 0, 1, 2]);
        }
    }
}
