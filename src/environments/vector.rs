//! Environments of one kind stepped together. The step that ends an episode also begins the next one.

use crate::environments::dynamics::Dynamics;
use crate::environments::{Environment, Step};
use crate::observations::{Observations, Place, Seen, Space};
use crate::random::{Generator, Purpose};
use anyhow::{ensure, Context, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Environments stepped together. A step gives the same bytes on any number of threads: an environment depends on nothing but
/// its own state and random numbers.
pub struct VectorEnvironment {
    space: Space,
    actions: usize,
    environments: Vec<SubEnvironment>,
    observations: Observations,
    outcomes: Outcomes,
}

/// One environment and its own random numbers.
struct SubEnvironment {
    environment: Box<dyn Environment>,
    starts: Generator,
}

/// The result of a step of all environments.
#[derive(Clone, Debug)]
pub struct Outcomes {
    /// The step of every environment.
    pub steps: Vec<Step>,
    /// Frames of the episode up to this step, of every environment.
    pub episode_frames: Vec<u64>,
    /// The last observations of the episodes that ended; stale where the step was not [over](Step::over).
    last: Observations,
    space: Space,
}

impl Outcomes {
    /// The last observation of the episode that ended in environment `index`.
    pub fn last_observation(&self, index: usize) -> Option<Seen<'_>> {
        self.steps[index].over.then(|| self.last.seen().at(self.space, index))
    }
}

/// The state that the future of a [`VectorEnvironment`] depends on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VectorState {
    environments: Vec<(Vec<u8>, Generator)>,
}

impl VectorEnvironment {
    /// `num_envs` environments, each `make(index)`, in their first episodes; `seed` is the run's.
    ///
    /// # Errors
    /// Errors of `make`; also when there is no environment, or they differ in kind.
    pub fn new(
        make: &dyn Fn(usize) -> Result<Box<dyn Environment>>,
        num_envs: usize,
        seed: u64,
    ) -> Result<VectorEnvironment> {
        let environments = (0..num_envs)
            .map(|index| {
                let environment = make(index)?;
                Ok(SubEnvironment { environment, starts: Generator::numbered(seed, Purpose::Starts, index as u64) })
            })
            .collect::<Result<Vec<SubEnvironment>>>()?;
        let first = environments.first().context("a vector needs at least one environment")?;
        let (space, actions) = (first.environment.space(), first.environment.actions());
        for SubEnvironment { environment, .. } in &environments {
            ensure!(
                environment.space() == space && environment.actions() == actions,
                "the environments of a vector must be of one kind: {space:?} with {actions} actions and {:?} with {}",
                environment.space(),
                environment.actions()
            );
        }
        let outcomes = Outcomes {
            steps: vec![Step::default(); num_envs],
            episode_frames: vec![0; num_envs],
            last: space.observations(num_envs),
            space,
        };
        let mut vector = Self { space, actions, environments, observations: space.observations(num_envs), outcomes };
        for (index, sub) in vector.environments.iter_mut().enumerate() {
            sub.environment.reset(&mut sub.starts, vector.observations.place().at(space, index));
        }
        Ok(vector)
    }

    /// Environments.
    pub fn num_envs(&self) -> usize {
        self.environments.len()
    }

    /// The space of each environment's observations.
    pub fn space(&self) -> Space {
        self.space
    }

    /// Actions of each.
    pub fn actions(&self) -> usize {
        self.actions
    }

    /// The dynamics of each, if they are known.
    pub fn dynamics(&self) -> Option<&dyn Dynamics> {
        self.environments.first()?.environment.dynamics()
    }

    /// The limits of each number of an observation, if they are known.
    pub fn limits(&self) -> Option<Vec<f64>> {
        self.environments.first()?.environment.limits()
    }

    /// The present observations of all environments.
    pub fn observations(&self) -> &Observations {
        &self.observations
    }

    /// Takes one action in each environment. Where an episode ends the next one begins in the same step, and
    /// [`observations`](Self::observations) has its first observation.
    pub fn step(&mut self, actions: &[usize]) -> &Outcomes {
        assert_eq!(actions.len(), self.environments.len(), "one action for each environment");
        if let [sub] = self.environments.as_mut_slice() {
            // Waking other threads for one environment is a loss.
            let outcome = (&mut self.outcomes.steps[0], &mut self.outcomes.episode_frames[0]);
            sub.step(actions[0], self.observations.place(), self.outcomes.last.place(), outcome);
            return &self.outcomes;
        }
        self.shards(1).into_par_iter().zip(actions).for_each(|(mut shard, &action)| shard.step(&[action]));
        &self.outcomes
    }

    /// The environments in shards of `size`, the last perhaps smaller. Threads can step shards independently of each other;
    /// the results do not depend on the size.
    pub fn shards(&mut self, size: usize) -> Vec<Shard<'_>> {
        let Self { space, environments, observations, outcomes, .. } = self;
        let places =
            observations.place().chunks(*space, size).into_iter().zip(outcomes.last.place().chunks(*space, size));
        let outcomes = outcomes.steps.chunks_mut(size).zip(outcomes.episode_frames.chunks_mut(size));
        let shards = environments.chunks_mut(size).zip(places).zip(outcomes);
        shards
            .map(|((environments, (observations, last)), (steps, episode_frames))| Shard {
                space: *space,
                environments,
                observations,
                last,
                steps,
                episode_frames,
            })
            .collect()
    }

    /// Everything the future depends on.
    pub fn state(&self) -> VectorState {
        let state = |sub: &SubEnvironment| (sub.environment.state(), sub.starts.clone());
        VectorState { environments: self.environments.iter().map(state).collect() }
    }

    /// Continues from the state of a vector of the same kind.
    ///
    /// # Errors
    /// When it is the state of another kind or another number of environments.
    pub fn restore(&mut self, state: VectorState) -> Result<()> {
        ensure!(
            state.environments.len() == self.environments.len(),
            "the state is of {} environments, and there are {}",
            state.environments.len(),
            self.environments.len()
        );
        let restored = self.environments.iter_mut().zip(state.environments);
        for (index, (sub, (environment, starts))) in restored.enumerate() {
            let mut places = self.observations.place();
            let place = places.at(self.space, index);
            sub.environment.restore(&environment, place).context("the state of the environment cannot be used")?;
            sub.starts = starts;
        }
        Ok(())
    }
}

/// Some neighboring environments of a vector.
pub struct Shard<'a> {
    space: Space,
    environments: &'a mut [SubEnvironment],
    observations: Place<'a>,
    last: Place<'a>,
    steps: &'a mut [Step],
    episode_frames: &'a mut [u64],
}

impl Shard<'_> {
    /// The present observations of its environments.
    pub fn observations(&self) -> Seen<'_> {
        self.observations.seen()
    }

    /// Takes one action in each of its environments, as [`VectorEnvironment::step`].
    pub fn step(&mut self, actions: &[usize]) {
        for (i, (sub, &action)) in self.environments.iter_mut().zip(actions).enumerate() {
            let (observation, last) = (self.observations.at(self.space, i), self.last.at(self.space, i));
            sub.step(action, observation, last, (&mut self.steps[i], &mut self.episode_frames[i]));
        }
    }

    /// The last step of every environment.
    pub fn steps(&self) -> &[Step] {
        self.steps
    }

    /// Frames of the episode up to the last step, of every environment.
    pub fn episode_frames(&self) -> &[u64] {
        self.episode_frames
    }

    /// The last observation of the episode that ended in environment number `index` of the shard.
    pub fn last_observation(&self, index: usize) -> Option<Seen<'_>> {
        self.steps[index].over.then(|| self.last.seen().at(self.space, index))
    }
}

impl SubEnvironment {
    fn step(&mut self, action: usize, mut seen: Place<'_>, mut last: Place<'_>, outcome: (&mut Step, &mut u64)) {
        let (step, episode_frames) = outcome;
        *step = self.environment.step(action, seen.reborrow());
        *episode_frames = self.environment.episode_frames();
        if step.over {
            last.copy_from(seen.seen());
            self.environment.reset(&mut self.starts, seen);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts its steps; `length` of them are an episode, whose first observation is a random number.
    struct Counter {
        length: u64,
        start: f32,
        steps: u64,
    }

    impl Counter {
        fn show(&self, place: Place<'_>) {
            let Place::Numbers(place) = place else { unreachable!("its space is of numbers") };
            place.copy_from_slice(&[self.start, self.steps as f32]);
        }
    }

    impl Environment for Counter {
        fn space(&self) -> Space {
            Space::Numbers(2)
        }

        fn actions(&self) -> usize {
            2
        }

        fn reset(&mut self, random: &mut Generator, place: Place<'_>) -> u32 {
            (self.start, self.steps) = (random.symmetric(1.0), 0);
            self.show(place);
            0
        }

        fn step(&mut self, action: usize, place: Place<'_>) -> Step {
            self.steps += 1;
            self.show(place);
            let over = self.steps == self.length;
            Step { reward: action as f32, terminal: over, over, ..Step::default() }
        }

        fn episode_frames(&self) -> u64 {
            self.steps
        }

        fn state(&self) -> Vec<u8> {
            [self.start.to_le_bytes().as_slice(), &self.steps.to_le_bytes()].concat()
        }

        fn restore(&mut self, state: &[u8], place: Place<'_>) -> Result<()> {
            let (start, steps) = state.split_first_chunk().context("too short")?;
            self.start = f32::from_le_bytes(*start);
            self.steps = u64::from_le_bytes(steps.try_into()?);
            self.show(place);
            Ok(())
        }
    }

    fn vector(num_envs: usize, seed: u64) -> VectorEnvironment {
        let make = |index: usize| -> Result<Box<dyn Environment>> {
            Ok(Box::new(Counter { length: 2 + index as u64, start: 0.0, steps: 0 }))
        };
        VectorEnvironment::new(&make, num_envs, seed).unwrap()
    }

    #[test]
    fn an_episode_that_ends_is_followed_by_the_next_in_the_same_step() {
        let mut vector = vector(2, 1);
        let space = vector.space();
        let first = vector.observations().clone();
        assert_ne!(first.seen().at(space, 0), first.seen().at(space, 1), "each has random numbers of its own");
        assert_eq!(vector.step(&[1, 0]).steps[0], Step { reward: 1.0, ..Step::default() });
        let outcomes = vector.step(&[0, 0]).clone();
        assert!(outcomes.steps[0].over && !outcomes.steps[1].over);
        assert_eq!(outcomes.episode_frames, [2, 2]);
        let Some(Seen::Numbers(&[start, steps])) = outcomes.last_observation(0) else { panic!("{outcomes:?}") };
        assert_eq!((Seen::Numbers(&[start, 0.0]), steps), (first.seen().at(space, 0), 2.0));
        assert!(outcomes.last_observation(1).is_none());
        let Seen::Numbers(now) = vector.observations().seen() else { panic!() };
        assert!(now[0] != start && now[1] == 0.0 && now[3] == 2.0, "{now:?}");
    }

    #[test]
    fn a_restored_vector_continues_like_the_first_on_any_number_of_threads() {
        let mut first = vector(5, 3);
        first.step(&[0; 5]);
        let state = first.state();
        let mut expected = Vec::new();
        for _ in 0..20 {
            let steps = first.step(&[1; 5]).steps.clone();
            expected.push((steps, first.observations().clone()));
        }
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut again = vector(5, 9);
            again.restore(state.clone()).unwrap();
            for expected in &expected {
                let steps = pool.install(|| again.step(&[1; 5]).steps.clone());
                assert_eq!((&steps, again.observations()), (&expected.0, &expected.1));
            }
        }
        assert!(vector(4, 3).restore(state).is_err());
    }
}
