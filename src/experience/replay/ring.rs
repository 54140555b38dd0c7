//! The frames of one environment in the order in which they came, up to a number of frames, and what followed each.

use super::frames::{extend, Frames};
use super::priorities::Priorities;
use anyhow::{ensure, Result};
use std::collections::TryReserveError;
use std::ops::Range;

/// A ring of frames: the frame added as number t is in slot t mod capacity.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    /// Frames in an observation.
    pub(super) stack: usize,
    n_step: usize,
    gamma: f32,
    /// One for each slot.
    pub(super) frames: Frames,
    /// Up to the last slot that was used.
    pub(super) slots: Vec<Slot>,
    /// Frames ever added.
    pub(super) added: u64,
    /// The place of slot 0 in the priorities of the replay.
    first_place: usize,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slot {
    pub(super) follows: Follows,
    pub(super) action: u8,
    pub(super) reward: f32,
    /// Frames of the episode up to this one, at most a stack.
    pub(super) depth: u8,
}

/// What followed a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Follows {
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

/// A transition of n steps, fewer at the end of an episode.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transition {
    pub(super) reward: f32,
    pub(super) discount: f32,
    pub(super) successor: u64,
}

/// A step of an environment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) action: usize,
    pub(super) reward: f32,
    pub(super) terminal: bool,
    pub(super) episode_over: bool,
}

impl Ring {
    /// An empty ring with the places of `frames`, for stacks of `stack` frames and transitions over `n_step` steps discounted by
    /// `gamma` each. Its slot 0 has the place `first_place` in the priorities of the replay.
    pub(super) fn new(frames: Frames, stack: usize, n_step: usize, gamma: f32, first_place: usize) -> Self {
        Self { stack, n_step, gamma, frames, slots: Vec::new(), added: 0, first_place }
    }

    /// Takes the address space for `count` frames, or for all slots if these are fewer.
    ///
    /// # Errors
    /// When there is not as much.
    pub(super) fn reserve(&mut self, count: usize) -> Result<(), TryReserveError> {
        self.slots.try_reserve_exact(count.min(self.capacity()).saturating_sub(self.slots.len()))?;
        self.frames.reserve(count)
    }

    /// Sets slot `index`.
    pub(super) fn set_slot(&mut self, index: usize, slot: Slot) {
        extend(&mut self.slots, index + 1);
        self.slots[index] = slot;
    }

    /// Frames it has room for.
    pub(super) fn capacity(&self) -> usize {
        self.frames.places()
    }

    /// Frames held.
    pub(super) fn len(&self) -> usize {
        self.added.min(self.capacity() as u64) as usize
    }

    /// Number of the oldest frame held.
    pub(super) fn oldest(&self) -> u64 {
        self.added.saturating_sub(self.capacity() as u64)
    }

    pub(super) fn index(&self, number: u64) -> usize {
        (number % self.capacity() as u64) as usize
    }

    pub(super) fn slot(&self, number: u64) -> &Slot {
        &self.slots[self.index(number)]
    }

    /// The place of frame `number` in the priorities of the replay.
    pub(super) fn place(&self, number: u64) -> usize {
        self.first_place + self.index(number)
    }

    /// The number of the frame held whose place in the priorities is `place`.
    pub(super) fn number_at(&self, place: usize) -> u64 {
        let (newest, slot) = (self.added - 1, place - self.first_place);
        newest - ((self.index(newest) + self.capacity() - slot) % self.capacity()) as u64
    }

    fn add(&mut self, frame: &[u8], depth: u8, follows: Follows, priorities: Option<&mut Priorities>) {
        let index = self.index(self.added);
        self.frames.set(index, frame);
        self.set_slot(index, Slot { depth, follows, ..Slot::default() });
        self.added += 1;
        if let Some(priorities) = priorities {
            self.forget_incomplete(priorities);
        }
    }

    /// Called after a frame was added: transitions that lost a frame of their stack, or their own frame, to it may no
    /// longer be drawn.
    fn forget_incomplete(&self, priorities: &mut Priorities) {
        priorities.remove(self.place(self.added - 1));
        let oldest = self.oldest();
        for number in (oldest..self.added).take(if oldest > 0 { self.stack - 1 } else { 0 }) {
            if self.transition(number).is_none() {
                priorities.remove(self.place(number));
            }
        }
    }

    /// Called when it becomes known what follows frame `number`: the transitions that were waiting for it may now be
    /// drawn.
    fn admit_complete(&self, number: u64, priorities: &mut Priorities) {
        let oldest = self.oldest();
        // The one n steps back; if nothing more follows in this episode, also every one in between.
        let first = (number + 1).saturating_sub(self.n_step as u64).max(oldest);
        let last = if self.slot(number).follows == Follows::Step && self.open() { first } else { number };
        for number in first..=last {
            let place = self.place(number);
            if priorities.priority(place) == 0.0 && self.transition(number).is_some() {
                priorities.insert(place);
            }
        }
    }

    /// Whether the newest frame waits for an action.
    fn open(&self) -> bool {
        self.added > 0 && self.slot(self.added - 1).follows == Follows::Open
    }

    /// See [`Replay::begin_episode`](super::Replay::begin_episode).
    pub(super) fn begin_episode(&mut self, first: &[u8], mut priorities: Option<&mut Priorities>) {
        if self.open() {
            let newest = self.added - 1;
            let index = self.index(newest);
            self.slots[index].follows = Follows::Nothing;
            if let Some(priorities) = priorities.as_deref_mut() {
                self.admit_complete(newest, priorities);
            }
        }
        self.add(first, 1, Follows::Open, priorities);
    }

    /// See [`Replay::push`](super::Replay::push).
    pub(super) fn push(&mut self, taken: Taken, next: &[u8], mut priorities: Option<&mut Priorities>) {
        debug_assert!(self.added > 0, "an episode must begin before its first step");
        let newest = self.index(self.added.saturating_sub(1));
        let slot = &mut self.slots[newest];
        slot.action = taken.action as u8;
        slot.reward = taken.reward;
        slot.follows = if taken.terminal { Follows::Terminal } else { Follows::Step };
        let depth = (slot.depth + 1).min(self.stack as u8);
        let follows = if taken.episode_over { Follows::Nothing } else { Follows::Open };
        self.add(next, depth, follows, priorities.as_deref_mut());
        if let Some(priorities) = priorities {
            self.admit_complete(self.added.saturating_sub(2), priorities);
        }
    }

    /// What followed frame `number`; `None` if it lacks an action, a frame of its stack or a successor.
    pub(super) fn transition(&self, number: u64) -> Option<Transition> {
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

    /// Checks frames that came from files: they follow each other as [`push`](Self::push) and
    /// [`begin_episode`](Self::begin_episode) add them, their actions are below `actions`, and only whole transitions have a priority.
    ///
    /// # Errors
    /// The first frame that is not so.
    pub(super) fn check(&self, actions: usize, priorities: Option<&Priorities>) -> Result<()> {
        let oldest = self.oldest();
        for number in oldest..self.added {
            let Slot { follows, action, reward, depth } = *self.slot(number);
            let newest = number + 1 == self.added;
            let possible =
                if newest { matches!(follows, Follows::Open | Follows::Nothing) } else { follows != Follows::Open };
            ensure!(possible, "frame {number} of {} is followed by {follows:?}", self.added);
            if number > oldest {
                let before = self.slot(number - 1);
                let begins = before.follows == Follows::Nothing;
                let expected = if begins { 1 } else { (before.depth + 1).min(self.stack as u8) };
                ensure!(depth == expected, "frame {number} has a stack of {depth} frames, expected were {expected}");
            }
            let acts = matches!(follows, Follows::Step | Follows::Terminal);
            ensure!(!acts || usize::from(action) < actions, "after frame {number} comes action {action} of {actions}");
            ensure!(reward.is_finite(), "after frame {number} comes a reward of {reward}");
        }
        if let Some(priorities) = priorities {
            let drawn =
                |&number: &u64| priorities.priority(self.place(number)) > 0.0 && self.transition(number).is_none();
            let wrong = (oldest..self.added).find(drawn);
            ensure!(wrong.is_none(), "frame {} has a priority, and what follows it is not known", wrong.unwrap_or(0));
        }
        Ok(())
    }

    /// The stacks at the ends of a transition, whose newest frames are `number` and `successor`.
    pub(super) fn stacks(&self, number: u64, successor: u64, observation: &mut [u8], next_observation: &mut [u8]) {
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
}
