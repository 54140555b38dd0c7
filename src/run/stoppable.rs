//! An environment that ends its episode when the run is to stop, so that an evaluation of long games does not hold a signal up. The
//! game is then none that counts.

use crate::drawing::Picture;
use crate::environments::atari::AtariSpec;
use crate::environments::classic::ClassicSpec;
use crate::environments::{Conditions, Description, Environment, EnvironmentSpec, Spec, Step};
use crate::observations::{Place, Space};
use crate::random::Generator;
use anyhow::Result;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// The same environments, which end when `stop` is set. Who plays them must look at it afterwards and drop what was played.
pub(super) fn stoppable(spec: &Spec, stop: &Arc<AtomicBool>) -> Spec {
    Arc::new(StoppableSpec { spec: Arc::clone(spec), stop: Arc::clone(stop) })
}

#[derive(Debug)]
struct StoppableSpec {
    spec: Spec,
    stop: Arc<AtomicBool>,
}

struct Stoppable {
    environment: Box<dyn Environment>,
    stop: Arc<AtomicBool>,
}

impl StoppableSpec {
    fn wrap(&self, environment: Box<dyn Environment>) -> Box<dyn Environment> {
        Box::new(Stoppable { environment, stop: Arc::clone(&self.stop) })
    }
}

impl EnvironmentSpec for StoppableSpec {
    fn name(&self) -> &str {
        self.spec.name()
    }

    fn cartridge_md5(&self) -> Option<&str> {
        self.spec.cartridge_md5()
    }

    fn actions(&self) -> usize {
        self.spec.actions()
    }

    fn action_number(&self, action: usize) -> u32 {
        self.spec.action_number(action)
    }

    fn noop(&self) -> usize {
        self.spec.noop()
    }

    fn frame_skip(&self) -> u32 {
        self.spec.frame_skip()
    }

    fn make_for_training(&self, seed: u64, index: usize) -> Box<dyn Environment> {
        self.wrap(self.spec.make_for_training(seed, index))
    }

    fn make(&self, conditions: &Conditions) -> Box<dyn Environment> {
        self.wrap(self.spec.make(conditions))
    }

    fn conditions(&self, seed: u64) -> Conditions {
        self.spec.conditions(seed)
    }

    fn for_baseline(&self, frame_skip: u32) -> Spec {
        stoppable(&self.spec.for_baseline(frame_skip), &self.stop)
    }

    fn description(&self) -> Description {
        self.spec.description()
    }

    fn as_atari(&self) -> Option<&AtariSpec> {
        self.spec.as_atari()
    }

    fn as_classic(&self) -> Option<&ClassicSpec> {
        self.spec.as_classic()
    }
}

impl Stoppable {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn ended(&self, step: Step) -> Step {
        if self.stopped() {
            Step { over: true, truncated: true, ..step }
        } else {
            step
        }
    }
}

impl Environment for Stoppable {
    fn space(&self) -> Space {
        self.environment.space()
    }

    fn actions(&self) -> usize {
        self.environment.actions()
    }

    fn reset(&mut self, random: &mut Generator, place: Place<'_>) -> u32 {
        self.environment.reset(random, place)
    }

    fn step(&mut self, action: usize, place: Place<'_>) -> Step {
        let step = self.environment.step(action, place);
        self.ended(step)
    }

    fn step_watched(&mut self, action: usize, place: Place<'_>, watch: &mut dyn FnMut(Picture<'_>)) -> Step {
        let step = self.environment.step_watched(action, place, watch);
        self.ended(step)
    }

    fn picture(&mut self) -> Option<Picture<'_>> {
        self.environment.picture()
    }

    /// Very many once it is to stop: an evaluation that plays until it has enough frames has enough.
    fn episode_frames(&self) -> u64 {
        if self.stopped() {
            u64::from(u32::MAX) << 16
        } else {
            self.environment.episode_frames()
        }
    }

    fn state(&self) -> Vec<u8> {
        self.environment.state()
    }

    fn restore(&mut self, state: &[u8], place: Place<'_>) -> Result<()> {
        self.environment.restore(state, place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::environments;
    use crate::evaluation::{mean_return, Baseline, Contestant, Protocol};

    #[test]
    fn games_without_end_end_when_the_run_is_to_stop() {
        let stop = Arc::new(AtomicBool::new(false));
        let spec = stoppable(&environments::spec(&config::EnvironmentKeys::default(), None).unwrap(), &stop);
        let mut contestant = Contestant::baseline(&*spec, Baseline::Noop).unwrap();
        let protocol = Protocol {
            episodes: 1,
            epsilon: 0.0,
            max_episode_frames: u32::MAX,
            noop_max: 0,
            sticky_probability: 0.0,
            seed: 1,
        };
        let stopper = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(50));
            stopper.store(true, Ordering::Relaxed);
        });
        let (games, _) = mean_return(&*contestant.spec, &mut contestant.policy, &protocol, 1_000_000_000_000).unwrap();
        thread.join().unwrap();
        // Without the signal it would play for days.
        assert!(games > 0);
    }
}
