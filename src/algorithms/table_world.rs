//! A small environment given as a table, for the tests of tables and planning.

use crate::algorithms::events::{Event, Update, Watch};
use crate::environments::dynamics::{Dynamics, Transition};
use crate::environments::vector::VectorEnvironment;
use crate::environments::{Environment, Step};
use crate::observations::{Place, Space};
use crate::random::{Generator, Purpose};
use crate::saving::{Parts, Saving};
use anyhow::{Context, Result};
use serde_json::Value;
use std::sync::atomic::AtomicBool;

/// An environment that draws from its transitions. Every game begins in state 0 and is cut off after `limit` steps.
#[derive(Clone)]
pub(super) struct TableWorld {
    actions: usize,
    /// The transitions of each pair of state and action, `[states, actions]`.
    transitions: Vec<Option<Vec<Transition>>>,
    limit: u64,
    /// Whether the learner may know the transitions.
    known: bool,
    state: usize,
    steps: u64,
    random: Generator,
}

/// The numbers of the specification's section on algorithms.
pub(super) fn numbers() -> Value {
    serde_json::from_str(include_str!("../../tests/data/classic/algorithms.json")).unwrap()
}

pub(super) fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

/// A table of numbers; what is impossible is negative infinity.
pub(super) fn table(value: &Value) -> Vec<f64> {
    let rows = value.as_array().unwrap().iter();
    rows.flat_map(|row| row.as_array().unwrap()).map(|value| value.as_f64().unwrap_or(f64::NEG_INFINITY)).collect()
}

impl TableWorld {
    pub(super) fn new(actions: usize, transitions: Vec<Option<Vec<Transition>>>, limit: u64) -> Self {
        let random = Generator::new(5, Purpose::Synthetic);
        Self { actions, transitions, limit, known: true, state: 0, steps: 0, random }
    }

    /// The decision process of three states in `algorithms.json`, without an end.
    pub(super) fn mdp() -> Self {
        let mdp = &numbers()["mdp"];
        let pair = |pair: usize| {
            let (state, action) = (pair / 3, pair % 3);
            let probabilities = mdp["transition_probabilities"][state][action].as_array()?;
            let probable = probabilities.iter().map(number).enumerate().filter(|(_, probability)| *probability > 0.0);
            let reward = |next: usize| number(&mdp["rewards"][state][action][next]);
            let transition =
                |(next, probability)| Transition { probability, next, reward: reward(next), terminal: false };
            Some(probable.map(transition).collect())
        };
        Self::new(3, (0..9).map(pair).collect(), 100)
    }

    /// The grid world with two teleports in `algorithms.json`; nothing is possible in its last state.
    pub(super) fn grid() -> Self {
        let grid = &numbers()["grid_world"];
        let pair = |pair: usize| {
            let (state, action) = (pair / 4, pair % 4);
            let next = grid["next"][state][action].as_u64()? as usize;
            let (reward, terminal) = (number(&grid["reward"][state][action]), next == 80);
            Some(vec![Transition { probability: 1.0, next, reward, terminal }])
        };
        Self::new(4, (0..81 * 4).map(|index| if index / 4 == 80 { None } else { pair(index) }).collect(), 0)
    }

    /// The same, cut off after this many steps; 0: never.
    pub(super) fn with_limit(self, limit: u64) -> Self {
        Self { limit, ..self }
    }

    /// The same with other draws.
    pub(super) fn with_seed(self, seed: u64) -> Self {
        Self { random: Generator::new(seed, Purpose::Synthetic), ..self }
    }

    /// The same with dynamics that nobody is told.
    pub(super) fn unknown(self) -> Self {
        Self { known: false, ..self }
    }

    pub(super) fn vector(self) -> VectorEnvironment {
        VectorEnvironment::new(&|_| Ok(Box::new(self.clone())), 1, 1).unwrap()
    }
}

impl Dynamics for TableWorld {
    fn states(&self) -> usize {
        self.transitions.len() / self.actions
    }

    fn actions(&self) -> usize {
        self.actions
    }

    fn transitions(&self, state: usize, action: usize) -> Option<Vec<Transition>> {
        self.transitions[state * self.actions + action].clone()
    }
}

fn show(state: usize, place: Place<'_>) {
    let Place::States(place) = place else { unreachable!("its space is of states") };
    place[0] = state as u32;
}

impl Environment for TableWorld {
    fn space(&self) -> Space {
        Space::States(self.states())
    }

    fn actions(&self) -> usize {
        self.actions
    }

    fn reset(&mut self, _: &mut Generator, place: Place<'_>) -> u32 {
        (self.state, self.steps) = (0, 0);
        show(0, place);
        0
    }

    fn step(&mut self, action: usize, place: Place<'_>) -> Step {
        let transitions = self.transitions[self.state * self.actions + action].as_ref();
        let transitions = transitions.expect("an impossible action was taken");
        let mut left = self.random.fraction();
        let drawn = transitions.iter().find(|transition| {
            left -= transition.probability;
            left < 0.0
        });
        let drawn = *drawn.or(transitions.last()).unwrap();
        (self.state, self.steps) = (drawn.next, self.steps + 1);
        show(self.state, place);
        let truncated = !drawn.terminal && self.steps == self.limit;
        let reward = drawn.reward as f32;
        let over = drawn.terminal || truncated;
        Step { reward, raw_reward: drawn.reward, terminal: drawn.terminal, over, truncated, ..Step::default() }
    }

    fn episode_frames(&self) -> u64 {
        self.steps
    }

    fn state(&self) -> Vec<u8> {
        postcard::to_stdvec(&(self.state, self.steps, &self.random)).unwrap()
    }

    fn restore(&mut self, state: &[u8], place: Place<'_>) -> Result<()> {
        (self.state, self.steps, self.random) = postcard::from_bytes(state).context("no such state")?;
        show(self.state, place);
        Ok(())
    }

    fn dynamics(&self) -> Option<&dyn Dynamics> {
        self.known.then_some(self)
    }
}

/// Keeps updates, and the return and the epsilon of each game.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) steps: u64,
    pub(super) updates: Vec<Update>,
    pub(super) returns: Vec<f64>,
    pub(super) epsilons: Vec<f64>,
    pub(super) truncated: u64,
    /// Steps of each game.
    pub(super) lengths: Vec<u64>,
    under_way: f64,
    interrupt: AtomicBool,
}

impl Watch for Seen {
    fn tell(&mut self, event: Event<'_>) -> Result<()> {
        match event {
            Event::Step { step, .. } => {
                self.steps += 1;
                self.under_way += step.raw_reward;
            }
            Event::Episode { epsilon, truncated, frames, .. } => {
                self.returns.push(std::mem::take(&mut self.under_way));
                self.epsilons.extend(epsilon);
                self.lengths.push(frames);
                self.truncated += u64::from(truncated);
            }
            Event::Update(update) => self.updates.push(*update),
            Event::Pause(_) => {}
        }
        Ok(())
    }

    fn stop(&self) -> bool {
        false
    }

    fn interrupt(&self) -> &AtomicBool {
        &self.interrupt
    }
}

/// Everything that the algorithm would save.
pub(super) fn saved(algorithm: &dyn crate::algorithms::Algorithm) -> Parts {
    let (folder, nothing) = (std::env::temp_dir(), Parts::default());
    let mut saving = Saving::new(&folder, &nothing);
    algorithm.save(&mut saving).unwrap();
    saving.into_parts()
}
