//! Acting and learning at the same time (Daley & Amato 2021).
//!
//! Acting uses the target network, and updates use the replay as of the target network's last copy. Neither depends on
//! the other until the next copy, so both run in parallel and the result equals running them in turn.

use super::Dqn;
use crate::algorithms::divergence;
use crate::algorithms::events::{Event, Update, Watch};
use crate::environments::vector::VectorEnvironment;
use crate::environments::Step;
use crate::networks::learner::Which;
use crate::system::threads;
use anyhow::{ensure, Context, Result};
use serde::{Deserialize, Serialize};
use std::sync::atomic::Ordering;

/// Steps and updates since the last copy of the target network. The steps are not in the replay yet.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Interval {
    /// The steps taken.
    acted: Vec<Acted>,
    /// The updates made, by step.
    updates: Vec<(u64, Option<Update>)>,
}

/// A step that is not in the replay yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Acted {
    action: usize,
    step: Step,
    epsilon: f64,
    episode_frames: u64,
    /// The newest frame after the step, as an LZ4 block.
    frame: Vec<u8>,
    /// The first frame of the next episode, if this one is over.
    beginning: Option<Vec<u8>>,
}

impl Dqn {
    /// The rest of the steps to the next copy of the target network. When the watcher interrupts, acting and learning
    /// both stop where they are, and the next call continues from there.
    pub(super) fn interval(&mut self, environments: &mut VectorEnvironment, watch: &mut dyn Watch) -> Result<()> {
        let Self { schedule, explorer, updater, step, interval, .. } = self;
        let (begin, schedule) = (*step, *schedule);
        let end = begin + schedule.target_sync_steps;
        let mut evaluator = updater.learner().evaluator(Which::Target)?;
        let Interval { acted, updates } = interval;
        let interrupt = watch.interrupt();

        let act = || -> Result<()> {
            for step in begin + acted.len() as u64..end {
                if interrupt.load(Ordering::Relaxed) {
                    break;
                }
                let epsilon = explorer.epsilon(step);
                let seen = environments.observations().seen();
                let actions = explorer.act(step, |noise| {
                    if !noise.is_empty() {
                        evaluator.set_noise(noise)?;
                    }
                    evaluator.q_values(seen)
                })?;
                let outcomes = environments.step(&actions);
                let (step, episode_frames) = (outcomes.steps[0], outcomes.episode_frames[0]);
                let last = outcomes.last_observation(0).map(|last| schedule.newest_frame(last));
                let last = last.map(lz4_flex::block::compress);
                let newest = lz4_flex::block::compress(schedule.newest_frame(environments.observations().seen()));
                let (frame, beginning) = match last {
                    Some(last) => {
                        explorer.begin_episode();
                        (last, Some(newest))
                    }
                    None => (newest, None),
                };
                acted.push(Acted { action: actions[0], step, epsilon, episode_frames, frame, beginning });
            }
            Ok(())
        };
        let learn = || -> Result<()> {
            let done = updates.last().map_or(begin, |(step, _)| *step);
            for step in (done + 1..=end).filter(|&step| schedule.updates_after(step)) {
                if interrupt.load(Ordering::Relaxed) {
                    break;
                }
                let update = updater.learn(step).with_context(|| format!("in the update of step {step}"))?;
                updates.push((step, update));
            }
            Ok(())
        };
        let (acting, learning) = threads::join(act, learn);
        acting.map_err(|error| divergence::explained(error, updater.learner(), &[]))?;
        learning?;
        let learned = (begin + 1..=end).rfind(|&step| schedule.updates_after(step));
        let complete = acted.len() as u64 == end - begin && updates.last().map(|(step, _)| *step) == learned;
        if complete {
            self.remember_interval(watch)?;
        }
        Ok(())
    }

    /// Adds the interval's steps to the replay, reports them, and copies the target network.
    fn remember_interval(&mut self, watch: &mut dyn Watch) -> Result<()> {
        let Interval { acted, updates } = std::mem::take(&mut self.interval);
        let mut updates = updates.into_iter().peekable();
        self.updater.sync_target()?;
        let mut pixels = vec![0; self.schedule.frame_size];
        // The environment is past all of these steps, so all must reach the replay, even if the watcher fails at one of them.
        let mut told = Ok(());
        for Acted { action, step, epsilon, episode_frames: frames, frame, beginning } in acted {
            decompress(&frame, &mut pixels)?;
            self.updater.replay_mut().push(0, action, step.reward, step.terminal, step.over, &pixels);
            if let Some(first) = &beginning {
                decompress(first, &mut pixels)?;
                self.updater.replay_mut().begin_episode(0, &pixels);
            }
            self.step += 1;
            let update = updates.next_if(|(step, _)| *step == self.step).and_then(|(_, update)| update);
            let mut tell = || -> Result<()> {
                watch.tell(Event::Step { environment: 0, step: &step })?;
                if beginning.is_some() {
                    let (truncated, epsilon) = (step.truncated, Some(epsilon));
                    watch.tell(Event::Episode { environment: 0, frames, truncated, epsilon })?;
                }
                update.iter().try_for_each(|update| watch.tell(Event::Update(update)))
            };
            told = told.and_then(|()| tell());
        }
        told
    }
}

fn decompress(block: &[u8], frame: &mut [u8]) -> Result<()> {
    let length = lz4_flex::block::decompress_into(block, frame).context("a frame of the checkpoint is damaged")?;
    ensure!(length == frame.len(), "a frame of the checkpoint has {length} pixels, expected were {}", frame.len());
    Ok(())
}
