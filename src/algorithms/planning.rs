//! Planning with known dynamics: value iteration and Q-value iteration (Bellman 1957).
//!
//! A step is one iteration over the whole table, computed from the table before it. It takes no step in the environment.

use crate::algorithms::events::{Event, Standing, Update, Watch};
use crate::algorithms::Algorithm;
use crate::config::PlanningKeys;
use crate::environments::dynamics::{Dynamics, Transitions};
use crate::environments::vector::VectorEnvironment;
use crate::environments::Step;
use crate::observations::Space;
use crate::policy::table::states::{self, States};
use crate::policy::table::{largest, ActionValues, Table, TablePolicy, Values};
use crate::policy::Policy;
use crate::saving::{self, Loading, Saving};
use anyhow::{ensure, Context, Result};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Name of its part of a checkpoint.
const PLANNING: &str = "planning";

/// The table that an iteration improves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Iteration {
    /// Of the values of states.
    Values,
    /// Of the values of actions.
    ActionValues,
}

/// Computes the values of the best policy.
pub struct Planning {
    kind: Iteration,
    gamma: f64,
    transitions: Transitions,
    /// The values of states, and those of the next iteration. Q-iteration keeps the largest value of an action in each state.
    values: Vec<f64>,
    next_values: Vec<f64>,
    /// Q-iteration's table.
    action_values: ActionValues,
    steps: u64,
}

#[derive(Serialize, Deserialize)]
struct PlanningState {
    steps: u64,
    /// The values of states, or of actions.
    values: Vec<f64>,
}

impl Planning {
    /// The dynamics of these environments.
    ///
    /// # Errors
    /// When they are not known, or the table is too large. The message says what would work.
    pub fn dynamics(environments: &VectorEnvironment) -> Result<&dyn Dynamics> {
        let dynamics = environments.dynamics().context(
            "planning needs the probability of everything that can follow an action, which only environments given as a table know; \
             learn from steps here, e.g. with q-learning for states or a few numbers, or with dqn (--set algorithm=q-learning)",
        )?;
        let (states, actions) = (dynamics.states(), dynamics.actions());
        let own = (environments.space(), environments.actions());
        ensure!(
            own == (Space::States(states), actions),
            "the environment's dynamics are of {states} states with {actions} actions, and its observations are {} with {}",
            own.0,
            own.1
        );
        states::count(own.0, 0, actions)?;
        Ok(dynamics)
    }

    /// A plan whose values are 0, for the dynamics of these environments.
    ///
    /// # Errors
    /// As [`dynamics`](Self::dynamics), or when they cannot be, or the system has no room for the table.
    pub fn new(kind: Iteration, keys: &PlanningKeys, environments: &VectorEnvironment) -> Result<Self> {
        let dynamics = Self::dynamics(environments)?;
        let states = dynamics.states();
        Ok(Self {
            kind,
            gamma: keys.gamma,
            transitions: Transitions::of(dynamics)?,
            values: vec![0.0; states],
            next_values: vec![0.0; states],
            action_values: ActionValues::possible(dynamics)?,
            steps: 0,
        })
    }

    /// Value iteration's values of states, or the largest values of Q-iteration's actions.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The values of actions: Q-iteration's, or those that follow from the values of states.
    ///
    /// # Errors
    /// When the system has no room for them.
    pub fn action_values(&self) -> Result<ActionValues> {
        let mut table = self.action_values.clone();
        if self.kind == Iteration::Values {
            for state in 0..self.values.len() {
                self.look_ahead(state, table.row_mut(state));
            }
        }
        Ok(table)
    }

    /// Writes the value of each action of a state, by the present values of states.
    fn look_ahead(&self, state: usize, row: &mut [f64]) {
        for (action, value) in row.iter_mut().enumerate() {
            *value = self.transitions.expected(state, action, self.gamma, |next| self.values[next]);
        }
    }

    /// One iteration. Returns its figures: the largest change of a value as `td_error` (the residual), the mean change as `loss`,
    /// and the mean value of a state as `q_value`.
    fn iterate(&mut self) -> Update {
        let (mut residual, mut changes, mut changed) = (0.0f64, 0.0, 0u64);
        let mut count = |before: f64, after: f64| {
            residual = residual.max((after - before).abs());
            changes += (after - before).abs();
            changed += 1;
        };
        let (transitions, gamma, values) = (&self.transitions, self.gamma, &self.values);
        for (state, next_value) in self.next_values.iter_mut().enumerate() {
            let expected = |action| transitions.expected(state, action, gamma, |next| values[next]);
            match self.kind {
                Iteration::Values => {
                    *next_value = largest((0..transitions.actions()).map(expected));
                    count(values[state], *next_value);
                }
                Iteration::ActionValues => {
                    let row = self.action_values.row_mut(state);
                    for (action, value) in row.iter_mut().enumerate().filter(|(_, value)| value.is_finite()) {
                        let before = std::mem::replace(value, expected(action));
                        count(before, *value);
                    }
                    *next_value = largest(row.iter().copied());
                }
            }
        }
        std::mem::swap(&mut self.values, &mut self.next_values);
        self.steps += 1;
        let mean_value = self.values.iter().sum::<f64>() / self.values.len().max(1) as f64;
        Update {
            loss: (changes / changed.max(1) as f64) as f32,
            q_value: mean_value as f32,
            td_error: residual as f32,
            gradient_norm: None,
        }
    }
}

impl Algorithm for Planning {
    fn advance(&mut self, _: &mut VectorEnvironment, until: u64, watch: &mut dyn Watch) -> Result<()> {
        while self.steps < until && !watch.stop() {
            let update = self.iterate();
            // A step of the run, in which nothing happens in the environment.
            watch.tell(Event::Step { environment: 0, step: &Step::default() })?;
            watch.tell(Event::Update(&update))?;
        }
        watch.tell(Event::Pause(Standing::default()))
    }

    fn steps(&self) -> u64 {
        self.steps
    }

    fn policy(&self) -> Result<Policy> {
        let action_values = self.action_values()?;
        let values = match self.kind {
            Iteration::Values => Values::Planned(self.values.clone(), action_values),
            Iteration::ActionValues => Values::Actions(action_values),
        };
        let table = Table { states: States::Numbered(self.values.len()), values };
        Ok(Policy::Table(TablePolicy::new(Arc::new(table))))
    }

    fn save(&self, to: &mut Saving) -> Result<()> {
        let values = match self.kind {
            Iteration::Values => self.values.clone(),
            Iteration::ActionValues => self.action_values.values().to_vec(),
        };
        to.part(PLANNING, &PlanningState { steps: self.steps, values })
    }

    fn load(&mut self, from: &Loading) -> Result<()> {
        let PlanningState { steps, values } = from.part(PLANNING)?;
        self.steps = saving::count(steps, "steps")?;
        match self.kind {
            Iteration::Values => {
                ensure!(
                    values.len() == self.values.len() && values.iter().all(|value| value.is_finite()),
                    "the checkpoint has {} values of states, of which there are {}, or one is not finite",
                    values.len(),
                    self.values.len()
                );
                self.values = values;
            }
            Iteration::ActionValues => {
                self.action_values.replace(values).context("the table in the checkpoint cannot be used")?;
                self.values = (0..self.values.len()).map(|state| self.action_values.largest(state)).collect();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
