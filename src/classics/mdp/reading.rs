//! Reading a table in TOML, and everything that can be wrong with one.

use crate::classics::mdp::{Mdp, Successor};
use crate::text::faults::parse_toml;
use crate::text::nearest;
use anyhow::{bail, Result};
use std::collections::HashMap;
use toml::{Table, Value};

/// How far the probabilities of an action may be from summing to 1: some digits of a third are enough.
const SUM_TOLERANCE: f64 = 1e-6;
const KEYS: [&str; 5] = ["states", "actions", "start", "terminal", "transitions"];

/// As [`Mdp::from_toml`].
pub fn read(text: &str) -> Result<Mdp> {
    let mut table: Table = parse_toml(text)?;
    let mut faults = Vec::new();
    for key in table.keys().filter(|key| !KEYS.contains(&key.as_str())) {
        faults.push(format!("unknown key `{key}`; the keys are {}", KEYS.map(|key| format!("`{key}`")).join(", ")));
    }
    let states = Names::read(&mut table, "states", "state", &mut faults);
    let actions = Names::read(&mut table, "actions", "action", &mut faults);
    let pairs = states.list.len().saturating_mul(actions.list.len());
    if pairs > Mdp::MOST_PAIRS {
        let counts = format!("{} states and {} actions", states.list.len(), actions.list.len());
        bail!("{counts} are too many: their product is at most {}", Mdp::MOST_PAIRS);
    }
    let terminal = match table.remove("terminal") {
        Some(value) => states.chosen(&value, "terminal", &mut faults),
        None => Vec::new(),
    };
    let start = match table.remove("start") {
        Some(value) => states.chosen(&value, "start", &mut faults),
        None => {
            faults.push("the key `start` is missing: the state in which episodes begin, or a list of them".to_string());
            Vec::new()
        }
    };
    let mut is_terminal = vec![false; states.list.len()];
    terminal.iter().for_each(|state| is_terminal[*state] = true);
    for state in start.iter().filter(|state| is_terminal[**state]) {
        faults.push(format!("`start`: {} is terminal", states.list[*state]));
    }
    let mut reading = Reading { states: &states, actions: &actions, terminal: &is_terminal, pairs: Vec::new(), faults };
    reading.pairs.resize_with(pairs, Pair::default);
    reading.transitions(table.remove("transitions"));
    reading.check_pairs();
    let Reading { pairs, faults, .. } = reading;
    if !faults.is_empty() {
        bail!("{}", faults.join("; "));
    }
    let successors = pairs.into_iter().map(|pair| pair.successors).collect();
    Ok(Mdp { states: states.list, actions: actions.list, start, terminal: is_terminal, successors })
}

/// The names of the states or of the actions.
struct Names {
    /// `state` or `action`.
    kind: &'static str,
    list: Vec<String>,
    index: HashMap<String, usize>,
}

impl Names {
    fn read(table: &mut Table, key: &str, kind: &'static str, faults: &mut Vec<String>) -> Self {
        let mut names = Self { kind, list: Vec::new(), index: HashMap::new() };
        match table.remove(key) {
            None => faults.push(format!("the key `{key}` is missing: a list of the {key}' names")),
            Some(Value::Array(values)) if !values.is_empty() => {
                for value in values {
                    names.add(&value, key, faults);
                }
            }
            Some(_) => faults.push(format!("`{key}` must be a list of one name or more")),
        }
        names
    }

    fn add(&mut self, value: &Value, key: &str, faults: &mut Vec<String>) {
        match value {
            Value::String(name) if name.trim().is_empty() => faults.push(format!("`{key}` has an empty name")),
            Value::String(name) if self.index.contains_key(name) => faults.push(format!("`{key}` has {name} twice")),
            Value::String(name) => {
                self.index.insert(name.clone(), self.list.len());
                self.list.push(name.clone());
            }
            other => faults.push(format!("`{key}` has {other}, which is no name in quotes")),
        }
    }

    /// The number of the name in `value`, or the reason why there is none.
    fn find(&self, value: &Value) -> Result<usize, String> {
        let Value::String(name) = value else {
            return Err(format!("{value} is no {} in quotes", self.kind));
        };
        self.index.get(name).copied().ok_or_else(|| {
            let similar = nearest(name, self.list.iter().map(String::as_str));
            let hint = similar.map(|similar| format!(" (is it {similar}?)")).unwrap_or_default();
            format!("unknown {} {name}{hint}", self.kind)
        })
    }

    /// The numbers of the names in `value`: one, or a list of them without a name twice.
    fn chosen(&self, value: &Value, key: &str, faults: &mut Vec<String>) -> Vec<usize> {
        let values = match value {
            Value::Array(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        if values.is_empty() && key == "start" {
            faults.push("`start` has no state".to_string());
        }
        let mut chosen = Vec::new();
        for value in values {
            match self.find(value) {
                Ok(index) if chosen.contains(&index) => faults.push(format!("`{key}` has {} twice", self.list[index])),
                Ok(index) => chosen.push(index),
                Err(fault) => faults.push(format!("`{key}`: {fault}")),
            }
        }
        chosen
    }
}

/// The transitions of an action in a state.
#[derive(Default)]
struct Pair {
    successors: Vec<Successor>,
    /// A transition has a fault, so the sum says nothing.
    faulty: bool,
}

struct Reading<'a> {
    states: &'a Names,
    actions: &'a Names,
    terminal: &'a [bool],
    pairs: Vec<Pair>,
    faults: Vec<String>,
}

impl Reading<'_> {
    fn transitions(&mut self, value: Option<Value>) {
        match value {
            None => self.faults.push("the key `transitions` is missing: a list of transitions".to_string()),
            Some(Value::Array(rows)) => {
                for (i, row) in rows.iter().enumerate() {
                    self.transition(i + 1, row);
                }
            }
            Some(_) => self.faults.push("`transitions` must be a list of transitions".to_string()),
        }
    }

    /// Adds transition number `number`, or its faults.
    fn transition(&mut self, number: usize, row: &Value) {
        let Some([state, action, next, probability, reward]) = row.as_array().map(Vec::as_slice) else {
            let form = "a list of state, action, next state, probability and reward";
            self.faults.push(format!("transition {number}, {row}, is not {form}"));
            return;
        };
        let mut wrong = Vec::new();
        let mut checked = |result: Result<usize, String>| result.map_err(|fault| wrong.push(fault)).ok();
        let (from, action) = (checked(self.states.find(state)), checked(self.actions.find(action)));
        let next = checked(self.states.find(next));
        if let Some(from) = from.filter(|state| self.terminal[*state]) {
            wrong.push(format!("{} is terminal and has no transitions", self.states.list[from]));
        }
        let chance = number_in(probability).filter(|chance| (0.0..=1.0).contains(chance));
        if chance.is_none() {
            wrong.push(format!("the probability {probability} is not between 0 and 1"));
        }
        let gain = number_in(reward).filter(|reward| reward.is_finite());
        if gain.is_none() {
            wrong.push(format!("the reward {reward} is not a number"));
        }
        let pair = from.zip(action).map(|(state, action)| &mut self.pairs[state * self.actions.list.len() + action]);
        match (pair, next, chance, gain) {
            (Some(pair), Some(state), Some(probability), Some(reward)) => {
                pair.successors.push(Successor { probability, state, reward });
            }
            (Some(pair), ..) => pair.faulty = true,
            (None, ..) => {}
        }
        if !wrong.is_empty() {
            self.faults.push(format!("transition {number}, {row}: {}", wrong.join(", ")));
        }
    }

    /// Checks the sums of the probabilities, and that each state is terminal or has a possible action.
    fn check_pairs(&mut self) {
        for (state, name) in self.states.list.iter().enumerate() {
            let of_state = state * self.actions.list.len()..(state + 1) * self.actions.list.len();
            let pairs = &mut self.pairs[of_state];
            let unused = |pair: &Pair| pair.successors.is_empty() && !pair.faulty;
            if pairs.iter().all(unused) && !self.terminal[state] {
                self.faults.push(format!("no action is possible in {name}, and it is not terminal"));
            }
            for (pair, action) in pairs.iter_mut().zip(&self.actions.list) {
                let sum: f64 = pair.successors.iter().map(|successor| successor.probability).sum();
                if !unused(pair) && !pair.faulty && (sum - 1.0).abs() > SUM_TOLERANCE {
                    let rounded = (sum * 1e9).round() / 1e9;
                    self.faults.push(format!("the probabilities of {action} in {name} sum to {rounded}, not to 1"));
                }
                pair.successors.retain(|successor| successor.probability > 0.0);
            }
        }
    }
}

/// A whole number or a fraction.
fn number_in(value: &Value) -> Option<f64> {
    match value {
        Value::Float(number) => Some(*number),
        Value::Integer(number) => Some(*number as f64),
        _ => None,
    }
}
