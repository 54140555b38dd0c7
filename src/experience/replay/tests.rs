use super::*;
use crate::environments::atari::preprocess::{empty_stack, FrameStack, SPACE, STACK, STACK_PIXELS};
pub(crate) use crate::environments::atari::preprocess::{Frame, FRAME_PIXELS};
use crate::random::Purpose;
use std::collections::HashMap;

pub(crate) fn new_replay(capacity: usize, n_step: usize, gamma: f32, compressed: bool) -> Replay {
    Replay::new(SPACE, 1, capacity, n_step, gamma, compressed).unwrap()
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

/// The naive replay of an environment: whole stacks, in a list, with everything that happened.
struct Naive {
    stack: FrameStack,
    seen: Vec<Seen>,
    /// The episode is over.
    over: bool,
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
    for seed in 0..90 {
        let mut random = Generator::new(seed, Purpose::Synthetic);
        let (num_envs, n) = (1 + seed as usize % 3, 1 + random.below(4));
        // Of each environment. What cannot be divided among them stays empty.
        let capacity = STACK + n + 1 + random.below(30);
        let (all, gamma) = (capacity * num_envs + random.below(num_envs), 0.5);
        let mut replay = Replay::new(SPACE, num_envs, all, n, gamma, seed % 2 == 0).unwrap().prioritized(0.6, 1e-6);
        let naive = || Naive { stack: empty_stack(), seen: Vec::new(), over: true };
        let mut naives: Vec<Naive> = (0..num_envs).map(|_| naive()).collect();
        for id in 0..(random.below(120) * num_envs) as u32 {
            let environment = random.below(num_envs);
            let naive = &mut naives[environment];
            // Now and then an episode is left unfinished, which truncates it.
            if naive.over || random.below(20) == 0 {
                if let Some(last) = naive.seen.last_mut() {
                    last.last = true;
                }
                replay.begin_episode(environment, &frame(id));
                naive.stack.begin(&frame(id));
                naive.over = false;
            } else {
                let (action, reward) = (random.below(6), random.below(3) as f32 - 1.0);
                let (terminal, truncated) = (random.below(8) == 0, random.below(12) == 0);
                // A terminal need not end the episode: a lost life.
                naive.over = truncated || (terminal && random.below(2) == 0);
                replay.push(environment, action, reward, terminal, naive.over, &frame(id));
                if let Some(last) = naive.seen.last_mut() {
                    last.then = Some((action as u8, reward, terminal));
                }
                naive.stack.push(&frame(id));
            }
            let last = naive.over;
            naive.seen.push(Seen { id, stack: ids(naive.stack.pixels()), then: None, last });
            assert_priorities_are_where_transitions_are(&replay);
        }
        let frames: usize = naives.iter().map(|naive| naive.seen.len().min(capacity)).sum();
        assert_eq!(replay.len(), frames);
        let mut expected = HashMap::new();
        naives.iter().for_each(|naive| expected.extend(naive.transitions(capacity, n, gamma)));
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
                let observation = ids(&batch.observations.seen().pixels().unwrap()[stack.clone()]);
                let got = (
                    observation,
                    batch.actions[i],
                    milli(batch.rewards[i]),
                    milli(batch.discounts[i]),
                    ids(&batch.next_observations.seen().pixels().unwrap()[stack]),
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
    let priorities = replay.priorities().unwrap();
    for ring in &replay.rings {
        for number in ring.oldest()..ring.added {
            let kept = priorities.priority(ring.place(number)) > 0.0;
            assert_eq!(kept, ring.transition(number).is_some(), "frame {number} of {}", ring.added);
        }
    }
}

/// Priorities 1, 2 and 5 with beta 1: weights 1, 1/2 and 1/5.
#[test]
fn transitions_are_drawn_by_priority_and_weighted_against_it() {
    let mut replay = new_replay(20, 1, 0.9, false).prioritized(1.0, 1e-12);
    replay.begin_episode(0, &frame(0));
    (1..=3).for_each(|id| replay.push(0, 0, 0.0, false, id == 3, &frame(id)));
    replay.update_priorities(&[0, 1, 2], &[1.0, -2.0, 5.0]);
    let mut random = Generator::new(1, Purpose::Replay);
    let (mut batch, mut counts) = (Batch::default(), [0u32; 3]);
    for _ in 0..1000 {
        assert!(replay.sample_by_priority(8, 1.0, &mut random, &mut batch));
        // One from each eighth of the sum: 1, 2 and 5 of them, whatever the generator draws.
        let drawn: Vec<u32> = batch
            .observations
            .seen()
            .pixels()
            .unwrap()
            .chunks_exact(STACK_PIXELS)
            .map(|s| ids(s)[STACK - 1] - 1)
            .collect();
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

/// Priorities 1 and 3 in two environments, whose frames have the same numbers.
#[test]
fn environments_share_the_sum_of_priorities_and_the_largest() {
    let mut replay = Replay::new(SPACE, 2, 40, 1, 0.9, false).unwrap().prioritized(1.0, 1e-12);
    for environment in 0..2 {
        replay.begin_episode(environment, &frame(environment as u32));
        replay.push(environment, environment, 0.0, false, true, &frame(9));
    }
    let mut random = Generator::new(1, Purpose::Replay);
    let mut batch = Batch::default();
    assert!(replay.sample_by_priority(4, 1.0, &mut random, &mut batch));
    assert_eq!(
        (batch.numbers.as_slice(), batch.actions.as_slice()),
        ([0, 0, 1, 1].as_slice(), [0, 0, 1, 1].as_slice())
    );
    replay.update_priorities(&[0, 1], &[1.0, 3.0]);
    assert!(replay.sample_by_priority(4, 1.0, &mut random, &mut batch));
    assert_eq!(batch.actions, [0, 1, 1, 1]);
    for (weight, want) in batch.weights.iter().zip([1.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0]) {
        assert!((weight - want).abs() < 1e-6, "{weight}, expected {want}");
    }
    replay.begin_episode(0, &frame(5));
    replay.push(0, 2, 0.0, false, false, &frame(6));
    // A new transition has the largest so far.
    assert!((replay.priorities().unwrap().total() - (1.0 + 3.0 + 3.0)).abs() < 1e-9);
}

#[test]
fn a_replay_without_priorities_draws_none() {
    let mut replay = new_replay(20, 1, 0.9, false);
    replay.begin_episode(0, &frame(0));
    replay.push(0, 0, 0.0, false, false, &frame(1));
    assert!(!replay.sample_by_priority(1, 1.0, &mut Generator::new(1, Purpose::Replay), &mut Batch::default()));
}

#[test]
fn an_error_found_after_its_transition_was_overwritten_changes_nothing() {
    let mut replay = new_replay(10, 1, 0.9, false).prioritized(1.0, 1e-12);
    replay.begin_episode(0, &frame(0));
    (1..15).for_each(|id| replay.push(0, 0, 0.0, false, false, &frame(id)));
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
        replay.begin_episode(0, &frame(0));
        for id in 1..=4 {
            let reward = [1.0, 2.0, 4.0, 100.0][id - 1];
            replay.push(0, 0, reward, id == terminal_at && id < 3, id == 4, &frame(id as u32));
        }
        let transition = replay.rings[0].transition(0).unwrap();
        assert_eq!((transition.reward, transition.discount), (reward, discount), "terminal at {terminal_at}");
    }
}

#[test]
fn transitions_are_drawn_evenly() {
    let mut replay = new_replay(50, 1, 0.99, false);
    replay.begin_episode(0, &frame(0));
    (1..200).for_each(|id| replay.push(0, 0, 0.0, false, false, &frame(id)));
    let mut random = Generator::new(1, Purpose::Replay);
    let (mut batch, mut counts) = (Batch::default(), HashMap::new());
    for _ in 0..1000 {
        replay.sample(46, &mut random, &mut batch);
        for stack in batch.observations.seen().pixels().unwrap().chunks_exact(STACK_PIXELS) {
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
    replay.begin_episode(0, &frame(0));
    assert!(!replay.sample(1, &mut random, &mut Batch::default()));
}

#[test]
fn a_truncated_episode_is_bootstrapped_through_and_a_terminal_is_not() {
    let mut random = Generator::new(1, Purpose::Replay);
    for (terminal, discount) in [(false, 0.9), (true, 0.0)] {
        let mut replay = new_replay(10, 3, 0.9, false);
        replay.begin_episode(0, &frame(0));
        replay.push(0, 2, 1.0, terminal, true, &frame(1));
        let mut batch = Batch::default();
        assert!(replay.sample(1, &mut random, &mut batch));
        assert_eq!((batch.discounts[0], batch.rewards[0], batch.actions[0]), (discount, 1.0, 2));
        assert_eq!(ids(batch.next_observations.seen().pixels().unwrap()), [0, 0, 1, 2]);
    }
}
