//! Tables of values: a row for each state, a column for each action. Continuous observations are divided into cells first.

pub mod states;

use crate::environments::dynamics::Dynamics;
use crate::observations::Seen;
use crate::policy::table::states::States;
use crate::random::Generator;
use anyhow::{bail, ensure, Context, Result};
use std::sync::Arc;

/// A value for each pair of a state and an action, `[states, actions]`; negative infinity where the action is impossible.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionValues {
    actions: usize,
    values: Vec<f64>,
}

impl ActionValues {
    /// All values 0.
    ///
    /// # Errors
    /// When the system has no room for them.
    pub fn zeros(states: usize, actions: usize) -> Result<Self> {
        let mut values = Vec::new();
        values
            .try_reserve_exact(states * actions)
            .with_context(|| format!("the system has no room for a table of {states} states and {actions} actions"))?;
        values.resize(states * actions, 0.0);
        Ok(Self { actions, values })
    }

    /// All values 0 but for the actions that are impossible by these dynamics.
    ///
    /// # Errors
    /// As [`zeros`](Self::zeros).
    pub fn possible(dynamics: &dyn Dynamics) -> Result<Self> {
        let mut own = Self::zeros(dynamics.states(), dynamics.actions())?;
        let actions = own.actions;
        for (pair, value) in own.values.iter_mut().enumerate() {
            if dynamics.transitions(pair / actions, pair % actions).is_none() {
                *value = f64::NEG_INFINITY;
            }
        }
        Ok(own)
    }

    /// These values, state by state.
    ///
    /// # Errors
    /// When they are not whole rows, or one of them is neither finite nor negative infinity.
    pub fn from_values(actions: usize, values: Vec<f64>) -> Result<Self> {
        ensure!(actions > 0 && values.len().is_multiple_of(actions), "a table of {actions} actions has whole rows");
        if let Some(wrong) = values.iter().find(|value| value.is_nan() || **value == f64::INFINITY) {
            bail!("a table's values are finite, or negative infinity for an impossible action, and one is {wrong}");
        }
        Ok(Self { actions, values })
    }

    /// Rows.
    pub fn states(&self) -> usize {
        self.values.len() / self.actions
    }

    /// Columns.
    pub fn actions(&self) -> usize {
        self.actions
    }

    /// All values, state by state.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The values of all actions in a state.
    pub fn row(&self, state: usize) -> &[f64] {
        &self.values[state * self.actions..(state + 1) * self.actions]
    }

    /// The values of all actions in a state.
    pub fn row_mut(&mut self, state: usize) -> &mut [f64] {
        &mut self.values[state * self.actions..(state + 1) * self.actions]
    }

    /// The value of a state: the largest of a possible action; 0 if none is possible, for then nothing is earned.
    pub fn largest(&self, state: usize) -> f64 {
        largest(self.row(state).iter().copied())
    }

    /// Adds `alpha` of the difference between `target` and the value of the pair to it. Returns the difference, and the value before;
    /// the value of an impossible action stays, with a difference of 0.
    pub fn correct(&mut self, state: usize, action: usize, target: f64, alpha: f64) -> Correction {
        let value = &mut self.values[state * self.actions + action];
        if *value == f64::NEG_INFINITY {
            return Correction::default();
        }
        correct(value, target, alpha)
    }

    /// Replaces the values by `other`'s, which are of a table of this size with the same impossible actions.
    ///
    /// # Errors
    /// When they are not.
    pub fn replace(&mut self, other: Vec<f64>) -> Result<()> {
        let own = Self::from_values(self.actions, other)?;
        let alike = |(a, b): (&f64, &f64)| (*a == f64::NEG_INFINITY) == (*b == f64::NEG_INFINITY);
        ensure!(
            own.values.len() == self.values.len() && own.values.iter().zip(&self.values).all(alike),
            "it holds a table of {} values, and this one has {}, or other actions are possible",
            own.values.len(),
            self.values.len()
        );
        *self = own;
        Ok(())
    }
}

/// A change of a table's value.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Correction {
    /// Target less value.
    pub error: f64,
    /// The value before.
    pub value: f64,
}

/// Adds `alpha` of the difference between `target` and `value` to the value.
pub fn correct(value: &mut f64, target: f64, alpha: f64) -> Correction {
    let correction = Correction { error: target - *value, value: *value };
    *value += alpha * correction.error;
    correction
}

/// The largest of the values of a state's actions; 0 if none is possible.
pub fn largest(values: impl Iterator<Item = f64>) -> f64 {
    let largest = values.fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        0.0
    } else {
        largest
    }
}

/// The action with the largest value, the first if several are equal.
pub fn first_best(actions: usize, value: impl Fn(usize) -> f64) -> usize {
    let (mut best, mut most) = (0, f64::NEG_INFINITY);
    for action in 0..actions {
        let value = value(action);
        if value > most {
            (best, most) = (action, value);
        }
    }
    best
}

/// The action with the largest value; `random` breaks ties. Draws a number only if there is a tie.
pub fn random_best(actions: usize, value: impl Fn(usize) -> f64, random: &mut Generator) -> usize {
    let (mut best, mut most, mut ties) = (0, f64::NEG_INFINITY, 0);
    for action in 0..actions {
        let value = value(action);
        if value > most {
            (best, most, ties) = (action, value, 1);
        } else if value == most {
            ties += 1;
        }
    }
    // Where no action is possible the first is as good as any.
    if ties < 2 || most == f64::NEG_INFINITY {
        return best;
    }
    let chosen = random.below(ties);
    (best..actions).filter(|action| value(*action) == most).nth(chosen).unwrap_or(best)
}

/// A random one of the possible actions, which have a value in `row`; of all if none is possible. Draws one number.
pub fn random_possible(row: &[f64], random: &mut Generator) -> usize {
    let possible = row.iter().filter(|value| **value > f64::NEG_INFINITY).count();
    if possible == 0 || possible == row.len() {
        return random.below(row.len());
    }
    let chosen = random.below(possible);
    (0..row.len()).filter(|action| row[*action] > f64::NEG_INFINITY).nth(chosen).unwrap_or(0)
}

/// The values that an algorithm has learned or computed.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Of actions: Q-learning's, SARSA's and Q-iteration's.
    Actions(ActionValues),
    /// The two tables of Double Q-learning (van Hasselt 2010), which acts by their sum.
    Double([ActionValues; 2]),
    /// Of states under a policy, with 0 for each possible action: TD learning's. They say nothing of actions, so a random one is
    /// taken.
    States(Vec<f64>, ActionValues),
    /// Of states, and of actions looking one step ahead: value iteration's.
    Planned(Vec<f64>, ActionValues),
}

impl Values {
    /// A table with its impossible actions.
    pub fn possible(&self) -> &ActionValues {
        match self {
            Values::Actions(values) | Values::States(_, values) | Values::Planned(_, values) => values,
            Values::Double([first, _]) => first,
        }
    }

    /// The value to act by, of a pair of state and action; 0 for all possible actions if only states have values.
    pub fn action_value(&self, state: usize, action: usize) -> f64 {
        match self {
            Values::Actions(values) | Values::States(_, values) | Values::Planned(_, values) => {
                values.row(state)[action]
            }
            Values::Double([first, second]) => 0.5 * (first.row(state)[action] + second.row(state)[action]),
        }
    }
}

impl Values {
    /// The values for people: of all actions, `[states, actions]`, negative infinity for impossible ones, or of the states if actions
    /// have none.
    pub fn shown(&self) -> Vec<f64> {
        if let Values::States(values, _) = self {
            return values.clone();
        }
        let possible = self.possible();
        let pairs = (0..possible.states()).flat_map(|state| (0..possible.actions()).map(move |action| (state, action)));
        pairs.map(|(state, action)| self.action_value(state, action)).collect()
    }
}

/// A table that is finished: states and values.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The states.
    pub states: States,
    /// Their values.
    pub values: Values,
}

/// Acts by a table. Threads can share the table.
#[derive(Clone, Debug)]
pub struct TablePolicy {
    table: Arc<Table>,
    /// Room for values that are shown.
    shown: Vec<f32>,
}

impl TablePolicy {
    /// The policy of this table.
    pub fn new(table: Arc<Table>) -> Self {
        Self { table, shown: Vec::new() }
    }

    /// The table.
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// Whether every action is random, because only states have values.
    pub fn is_random(&self) -> bool {
        matches!(self.table.values, Values::States(..))
    }

    /// The action for one observation: with probability `epsilon` a random possible one, otherwise the best, the first if several are
    /// equal. If only states have values, it is always random.
    ///
    /// # Errors
    /// When the observation is of another space.
    pub fn act(&self, seen: Seen<'_>, epsilon: f64, random: &mut Generator) -> Result<usize> {
        let Table { states, values } = &*self.table;
        let state = states.number(seen)?;
        let row = values.possible().row(state);
        if self.is_random() || random.fraction() < epsilon {
            return Ok(random_possible(row, random));
        }
        Ok(first_best(row.len(), |action| values.action_value(state, action)))
    }

    /// The values of the observations: of their actions, `[count, actions]`, negative infinity for impossible ones, or of the states,
    /// `[count, 1]`, if actions have none. Of Double Q-learning's tables the mean. 0 where no action is possible.
    ///
    /// # Errors
    /// When the observations are of another space.
    pub fn values(&mut self, seen: Seen<'_>) -> Result<&[f32]> {
        let Table { states, values } = &*self.table;
        self.shown.clear();
        let space = states.space();
        for index in 0..seen.count(space) {
            let state = states.number(seen.at(space, index))?;
            if let Values::States(of_states, _) = values {
                self.shown.push(of_states[state] as f32);
                continue;
            }
            let row = values.possible().row(state);
            let none = row.iter().all(|value| *value == f64::NEG_INFINITY);
            let shown = (0..row.len()).map(|action| if none { 0.0 } else { values.action_value(state, action) as f32 });
            self.shown.extend(shown);
        }
        Ok(&self.shown)
    }
}

#[cfg(test)]
mod tests;
