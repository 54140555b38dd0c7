//! Stepping through a Markov decision process with a table, as the task of a learner.

use crate::classics::layout::Layout;
use crate::classics::mdp::Mdp;
use crate::classics::numpy_random::NumpyRandom;
use crate::classics::{pictures, Definition, OptionKey, OptionKind, Outcome, Task};
use crate::drawing::scene::Scene;
use crate::files::read_text;
use crate::observations::{Place, Space};
use crate::system::files::LONGEST_DESCRIPTION;
use anyhow::{ensure, Context, Result};
use std::path::Path;
use std::sync::Arc;

/// A table of one's own, or one of two that are part of this program.
pub const DEFINITION: Definition = Definition {
    name: "mdp",
    about: "a Markov decision process in a table: three states, a chain of four, or a TOML file of your own",
    keys: &[
        OptionKey {
            name: "table",
            kind: OptionKind::Text("three-states"),
            help: "three-states, chain, or a TOML file with states, actions, start, terminal and transitions",
            source: "chapter 18 of A. Geron's book",
        },
        OptionKey {
            name: "step_reward",
            kind: OptionKind::Number(0.0, -1e6, 1e6),
            help: "added to the reward of every transition",
            source: "this program's choice: none",
        },
    ],
    limit: |_| LIMIT,
    solved: |_| None,
    make: |options| {
        let mdp = match options.text("table") {
            "three-states" => Mdp::three_states()?,
            "chain" => Mdp::four_state_chain()?,
            file => {
                let text = read_text(Path::new(file), LONGEST_DESCRIPTION).context(
                    "`table` is three-states, chain, or the name of a TOML file; `atari-dqn envs mdp` says more",
                )?;
                Mdp::from_toml(&text).with_context(|| format!("{file} cannot be used"))?
            }
        };
        let task = TabularTask::new(mdp.with_step_reward(options.number("step_reward")), None);
        Ok(Arc::new(move || Box::new(task.clone())))
    },
    rule: None,
};

/// Steps after which an episode is cut off; the tables have no limit of their own.
const LIMIT: u32 = 1000;

/// A task whose observation is the number of its state.
///
/// A reset and a step draw one number each, as Gymnasium's FrozenLake and CliffWalking do, even where only one result
/// is possible. An impossible action does nothing and is rewarded with 0.
#[derive(Clone, Debug)]
pub struct TabularTask {
    mdp: Arc<Mdp>,
    /// Where the states are in a grid, if they are.
    layout: Option<Arc<Layout>>,
    state: usize,
}

impl TabularTask {
    /// A task in the first state in which an episode may begin. Its pictures are a graph, or a grid if there is a
    /// `layout`, which has a cell for each state.
    pub fn new(mdp: Mdp, layout: Option<Layout>) -> Self {
        let state = mdp.start().first().copied().unwrap_or(0);
        Self { mdp: Arc::new(mdp), layout: layout.map(Arc::new), state }
    }

    /// The process, for planning and for the names of its states.
    pub fn mdp(&self) -> &Arc<Mdp> {
        &self.mdp
    }

    /// The grid in which the states are, if they are in one.
    pub fn layout(&self) -> Option<&Layout> {
        self.layout.as_deref()
    }

    /// The number of the present state.
    pub fn present(&self) -> usize {
        self.state
    }
}

impl Task for TabularTask {
    fn space(&self) -> Space {
        Space::States(self.mdp.states().len())
    }

    fn actions(&self) -> Vec<String> {
        self.mdp.actions().to_vec()
    }

    fn reset(&mut self, random: &mut NumpyRandom) {
        let start = self.mdp.start();
        let chance = 1.0 / start.len() as f64;
        self.state = drawn(start.iter().map(|state| (chance, *state)), random).unwrap_or(0);
    }

    fn step(&mut self, action: usize, random: &mut NumpyRandom) -> Outcome {
        let successors = self.mdp.successors(self.state, action).iter();
        let Some(successor) = drawn(successors.map(|successor| (successor.probability, successor)), random) else {
            return Outcome { reward: 0.0, terminated: self.mdp.is_terminal(self.state) };
        };
        self.state = successor.state;
        Outcome { reward: successor.reward, terminated: self.mdp.is_terminal(self.state) }
    }

    fn observe(&self, place: Place<'_>) {
        if let Place::States(states) = place {
            if let Some(state) = states.first_mut() {
                *state = self.state as u32;
            }
        }
    }

    fn state(&self) -> Vec<u8> {
        (self.state as u32).to_le_bytes().to_vec()
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let state = u32::from_le_bytes(state.try_into().context("this is not the number of a state")?) as usize;
        let count = self.mdp.states().len();
        ensure!(state < count, "this is state {state} of a task with {count} states, which are numbered from 0");
        self.state = state;
        Ok(())
    }

    fn scene(&self) -> Scene {
        pictures::scene(&self.mdp, self.layout(), Some(self.state), None)
    }

    fn steps_per_second(&self) -> u32 {
        4
    }

    fn mdp(&self) -> Option<&Arc<Mdp>> {
        Some(&self.mdp)
    }

    fn scene_of_values(&self, values: &[f64], present: bool) -> Option<Scene> {
        Some(pictures::scene(&self.mdp, self.layout(), present.then_some(self.state), Some(values)))
    }

    fn characters_of_values(&self, values: &[f64]) -> Option<String> {
        Some(pictures::characters(&self.mdp, self.layout(), None, values))
    }
}

/// Draws one of `choices`, which come with their probabilities: the first for which the sum of the probabilities up
/// to it is above a number drawn from 0 to 1. `None` if there is none to choose from; the number is drawn even then.
fn drawn<T>(choices: impl Iterator<Item = (f64, T)>, random: &mut NumpyRandom) -> Option<T> {
    let number = random.random();
    let mut sum = 0.0;
    let mut last = None;
    for (probability, choice) in choices {
        sum += probability;
        if sum > number {
            return Some(choice);
        }
        // Rounding can leave the sum of all just below 1.
        last = Some(choice);
    }
    last
}

#[cfg(test)]
pub(super) mod tests;
