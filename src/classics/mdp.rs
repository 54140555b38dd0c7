//! A Markov decision process with a table: states, actions, and the probabilities and rewards of each action's results.

use anyhow::{ensure, Result};

mod reading;

/// A possible result of an action in a state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Successor {
    /// Between 0 and 1; those of an action in a state sum to 1.
    pub probability: f64,
    /// The next state.
    pub state: usize,
    /// The reward of this transition.
    pub reward: f64,
}

/// States, actions and transitions. States and actions are numbered from 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Mdp {
    states: Vec<String>,
    actions: Vec<String>,
    start: Vec<usize>,
    terminal: Vec<bool>,
    /// Of state 0 for each action, then of state 1 and so on. Empty where the action is impossible.
    successors: Vec<Vec<Successor>>,
}

impl Mdp {
    /// The largest number of states times actions.
    pub const MOST_PAIRS: usize = 1_000_000;

    /// The process with three states and three actions, after Géron's book.
    ///
    /// # Errors
    /// Never, as long as its file has no fault.
    pub fn three_states() -> Result<Self> {
        Self::from_toml(include_str!("tables/three-states.toml"))
    }

    /// The Markov chain with four states, the last of them absorbing, after Géron's book.
    ///
    /// # Errors
    /// Never, as long as its file has no fault.
    pub fn four_state_chain() -> Result<Self> {
        Self::from_toml(include_str!("tables/four-state-chain.toml"))
    }

    /// A process from a table in TOML, as in `tables/three-states.toml`: the keys `states` and `actions` (names), `start` (a state or
    /// several, equally likely), `terminal` (states, may be left out) and `transitions`, each of them a state, an action, the next
    /// state, the probability and the reward.
    ///
    /// # Errors
    /// All faults at once: keys, unknown names, probabilities that are none or do not sum to 1, states without a possible action.
    pub fn from_toml(text: &str) -> Result<Self> {
        reading::read(text)
    }

    /// A process in which `successors` tells the results of each action in each state; none of a terminal state.
    ///
    /// # Errors
    /// When it has too many states.
    pub(super) fn from_rule(
        (states, actions): (Vec<String>, Vec<String>),
        start: usize,
        is_terminal: impl Fn(usize) -> bool,
        successors: impl Fn(usize, usize) -> Vec<Successor>,
    ) -> Result<Self> {
        let pairs = states.len().saturating_mul(actions.len());
        let most = Self::MOST_PAIRS;
        ensure!(pairs <= most, "{} states are too many: states times actions are at most {most}", states.len());
        let terminal: Vec<bool> = (0..states.len()).map(is_terminal).collect();
        let of_pair = |pair: usize| match (pair / actions.len(), pair % actions.len()) {
            (state, _) if terminal[state] => Vec::new(),
            (state, action) => successors(state, action),
        };
        let successors = (0..pairs).map(of_pair).collect();
        Ok(Self { states, actions, start: vec![start], terminal, successors })
    }

    /// The same with `reward` added to that of every transition.
    pub fn with_step_reward(mut self, reward: f64) -> Self {
        self.successors.iter_mut().flatten().for_each(|successor| successor.reward += reward);
        self
    }

    /// The names of the states.
    pub fn states(&self) -> &[String] {
        &self.states
    }

    /// The names of the actions.
    pub fn actions(&self) -> &[String] {
        &self.actions
    }

    /// The states in which episodes begin, equally likely.
    pub fn start(&self) -> &[usize] {
        &self.start
    }

    /// Whether episodes end on reaching `state`.
    pub fn is_terminal(&self, state: usize) -> bool {
        self.terminal[state]
    }

    /// The possible results of `action` in `state`; none if the action is impossible there or the state is terminal.
    pub fn successors(&self, state: usize, action: usize) -> &[Successor] {
        &self.successors[state * self.actions.len() + action]
    }

    /// Whether `action` can be taken in `state`.
    pub fn is_possible(&self, state: usize, action: usize) -> bool {
        !self.successors(state, action).is_empty()
    }
}

#[cfg(test)]
mod tests;
