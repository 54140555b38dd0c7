//! What a step teaches: the targets of the four rules, the learning rate, and the exploration bonus.

use crate::algorithms::tabular::Rule;
use crate::config::TabularKeys;
use crate::environments::dynamics::Dynamics;
use crate::policy::table::states::States;
use crate::policy::table::{correct, first_best, largest, ActionValues, Correction, Values};
use crate::random::Generator;
use anyhow::{ensure, Context, Result};

/// A step to learn from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lesson {
    /// The state before the step.
    pub(super) state: usize,
    /// The action taken there.
    pub(super) action: usize,
    /// The reward.
    pub(super) reward: f64,
    /// The state after the step.
    pub(super) next: usize,
    /// The action chosen there; only SARSA asks for it.
    pub(super) next_action: usize,
    /// Nothing is earned after the step.
    pub(super) terminal: bool,
}

/// Values that learn.
pub(super) struct Learner {
    rule: Rule,
    gamma: f64,
    learning_rate: f64,
    decay: f64,
    bonus: Bonus,
    values: Values,
}

/// Makes actions that were chosen rarely more valuable: k / (1 + N).
struct Bonus {
    k: f64,
    actions: usize,
    /// N, how often each action was chosen in each state; empty if k is 0.
    counts: Vec<u32>,
}

impl Bonus {
    fn of(&self, state: usize, action: usize) -> f64 {
        self.counts.get(state * self.actions + action).map_or(0.0, |count| self.k / (1.0 + f64::from(*count)))
    }

    fn count(&mut self, state: usize, action: usize) {
        if let Some(count) = self.counts.get_mut(state * self.actions + action) {
            *count = count.saturating_add(1);
        }
    }
}

impl Learner {
    /// A learner whose values are 0, for `states` with `actions` actions each; `dynamics` tell which are possible.
    pub(super) fn new(
        rule: Rule,
        keys: &TabularKeys,
        states: &States,
        actions: usize,
        dynamics: Option<&dyn Dynamics>,
    ) -> Result<Self> {
        let zeros = match dynamics {
            Some(dynamics) => ActionValues::possible(dynamics)?,
            None => ActionValues::zeros(states.len(), actions)?,
        };
        ensure!(
            (zeros.states(), zeros.actions()) == (states.len(), actions),
            "the environment's dynamics are of {} states with {} actions, and it has {} with {actions}",
            zeros.states(),
            zeros.actions(),
            states.len()
        );
        let values = match rule {
            Rule::QLearning | Rule::Sarsa => Values::Actions(zeros),
            Rule::DoubleQ => Values::Double([zeros.clone(), zeros]),
            Rule::Td => Values::States(vec![0.0; states.len()], zeros),
        };
        let counted = if keys.exploration_bonus > 0.0 { states.len() * actions } else { 0 };
        let mut counts = Vec::new();
        counts.try_reserve_exact(counted).context("the system has no room for the counts of the exploration bonus")?;
        counts.resize(counted, 0);
        Ok(Self {
            rule,
            gamma: keys.gamma,
            learning_rate: keys.learning_rate,
            decay: keys.learning_rate_decay,
            bonus: Bonus { k: keys.exploration_bonus, actions, counts },
            values,
        })
    }

    /// The discount a step.
    pub(super) fn gamma(&self) -> f64 {
        self.gamma
    }

    /// The values.
    pub(super) fn values(&self) -> &Values {
        &self.values
    }

    /// Learns from a step after `steps` others. `coins` decides which of two tables learns.
    pub(super) fn learn(&mut self, lesson: &Lesson, steps: u64, coins: &mut Generator) -> Correction {
        let Lesson { state, action, reward, next, next_action, terminal } = *lesson;
        let alpha = self.learning_rate / (1.0 + self.decay * steps as f64);
        let bonus = &mut self.bonus;
        bonus.count(state, action);
        let target = |later: f64| if terminal { reward } else { reward + self.gamma * later };
        match &mut self.values {
            Values::Actions(q) | Values::Planned(_, q) => {
                let row = q.row(next);
                let later = match self.rule {
                    Rule::Sarsa => row[next_action] + bonus.of(next, next_action),
                    _ => largest(row.iter().enumerate().map(|(action, value)| value + bonus.of(next, action))),
                };
                q.correct(state, action, target(later), alpha)
            }
            Values::Double([first, second]) => {
                let (own, other) = if coins.below(2) == 0 { (first, second) } else { (second, first) };
                let row = own.row(next);
                let best = first_best(row.len(), |action| row[action] + bonus.of(next, action));
                let valued = other.row(next)[best];
                let later = if valued == f64::NEG_INFINITY { 0.0 } else { valued + bonus.of(next, best) };
                own.correct(state, action, target(later), alpha)
            }
            Values::States(v, _) => {
                let target = target(v[next]);
                correct(&mut v[state], target, alpha)
            }
        }
    }

    /// The values and counts that its future depends on.
    ///
    /// # Errors
    /// When a value is not finite: no run can continue from there.
    pub(super) fn state(&self) -> Result<(Vec<Vec<f64>>, Vec<u32>)> {
        let arrays: Vec<Vec<f64>> = match &self.values {
            Values::Actions(q) | Values::Planned(_, q) => vec![q.values().to_vec()],
            Values::Double(both) => both.iter().map(|q| q.values().to_vec()).collect(),
            Values::States(v, _) => vec![v.clone()],
        };
        let sound = arrays.iter().flatten().all(|value| value.is_finite() || *value == f64::NEG_INFINITY);
        ensure!(sound, "learning has diverged; try a smaller learning rate (--set learning_rate=...)");
        Ok((arrays, self.bonus.counts.clone()))
    }

    /// Continues from the [state](Self::state) of a learner with the same configuration.
    pub(super) fn set_state(&mut self, arrays: Vec<Vec<f64>>, counts: Vec<u32>) -> Result<()> {
        let (saved, own) = (counts.len(), self.bonus.counts.len());
        ensure!(saved == own, "it counts the choices of {saved} actions, and there are {own}");
        let mut arrays = arrays.into_iter();
        let mut next = || arrays.next().context("it lacks values");
        match &mut self.values {
            Values::Actions(q) | Values::Planned(_, q) => q.replace(next()?)?,
            Values::Double(both) => both.iter_mut().try_for_each(|q| q.replace(next()?))?,
            Values::States(v, _) => {
                let saved = next()?;
                ensure!(
                    saved.len() == v.len() && saved.iter().all(|value| value.is_finite()),
                    "it has {} values of states, of which there are {}, or one is not finite",
                    saved.len(),
                    v.len()
                );
                *v = saved;
            }
        }
        self.bonus.counts = counts;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;
    use serde_json::Value;

    fn updates() -> Value {
        let all: Value = serde_json::from_str(include_str!("../../../tests/data/classic/algorithms.json")).unwrap();
        all["updates"].clone()
    }

    fn keys(of: &Value) -> TabularKeys {
        let [gamma, learning_rate] = ["gamma", "alpha"].map(|key| of[key].as_f64().unwrap());
        TabularKeys { gamma, learning_rate, ..TabularKeys::default() }
    }

    /// A learner with two states of two actions; these are its tables.
    fn learner(rule: Rule, keys: &TabularKeys, tables: &[[f64; 4]]) -> Learner {
        let mut learner = Learner::new(rule, keys, &States::Numbered(2), 2, None).unwrap();
        let counts = learner.bonus.counts.clone();
        learner.set_state(tables.iter().map(|table| table.to_vec()).collect(), counts).unwrap();
        learner
    }

    fn row(of: &Value) -> [f64; 2] {
        [&of[0], &of[1]].map(|value| value.as_f64().unwrap())
    }

    /// The step of all examples: from state 0 by action 0 to state 1.
    fn lesson(of: &Value, next_action: usize) -> Lesson {
        let reward = of["reward"].as_f64().unwrap();
        Lesson { state: 0, action: 0, reward, next: 1, next_action, terminal: false }
    }

    fn coins() -> Generator {
        Generator::new(1, Purpose::Replay)
    }

    #[track_caller]
    fn near(got: f64, want: &Value) {
        let want = want.as_f64().unwrap();
        assert!((got - want).abs() < 1e-12, "{got}, expected {want}");
    }

    #[test]
    fn q_learning_and_sarsa_give_the_values_computed_by_hand() {
        let updates = updates();
        for (rule, of) in [(Rule::QLearning, &updates["q_learning"]), (Rule::Sarsa, &updates["sarsa"])] {
            let [third, fourth] = row(&of["Q_next"]);
            let mut learner = learner(rule, &keys(of), &[[of["Q_s_a"].as_f64().unwrap(), 7.0, third, fourth]]);
            let correction = learner.learn(&lesson(of, 0), 0, &mut coins());
            near(learner.values.action_value(0, 0), &of["result"]);
            assert_eq!(correction.value, 2.0);
            assert_eq!(learner.values.possible().row(1), [third, fourth], "no other value changes");
            assert_eq!(learner.values.action_value(0, 1), 7.0);
        }
    }

    #[test]
    fn double_q_learning_gives_the_values_computed_by_hand_whichever_table_learns() {
        let updates = updates();
        let of = &updates["double_q"];
        let tables = ["1", "2"].map(|number| {
            let [third, fourth] = row(&of[format!("Q{number}_next").as_str()]);
            [of[format!("Q{number}_s_a").as_str()].as_f64().unwrap(), 0.0, third, fourth]
        });
        let (mut seen, mut coins) = ([0; 2], coins());
        for _ in 0..100 {
            let mut learner = learner(Rule::DoubleQ, &keys(of), &tables);
            learner.learn(&lesson(of, 0), 0, &mut coins);
            let Values::Double([first, second]) = &learner.values else { panic!() };
            let learned = usize::from(first.values() == tables[0]);
            if learned == 0 {
                near(first.row(0)[0], &of["result_if_Q1_is_updated"]);
                assert_eq!(second.values(), tables[1]);
            } else {
                near(second.row(0)[0], &of["result_if_Q2_is_updated"]);
            }
            seen[learned] += 1;
        }
        assert!(seen.iter().all(|count| *count > 30), "{seen:?}");
    }

    #[test]
    fn td_gives_the_value_computed_by_hand() {
        let updates = updates();
        let of = &updates["td"];
        let mut learner = Learner::new(Rule::Td, &keys(of), &States::Numbered(2), 2, None).unwrap();
        let values = ["V_s", "V_next"].map(|key| of[key].as_f64().unwrap());
        learner.set_state(vec![values.to_vec()], Vec::new()).unwrap();
        learner.learn(&lesson(of, 0), 0, &mut coins());
        let Values::States(v, _) = &learner.values else { panic!() };
        near(v[0], &of["result"]);
        assert_eq!(v[1], values[1]);
    }

    #[test]
    fn nothing_follows_a_terminal() {
        for rule in [Rule::QLearning, Rule::Sarsa, Rule::DoubleQ, Rule::Td] {
            let keys = TabularKeys { learning_rate: 0.5, ..TabularKeys::default() };
            let mut learner = Learner::new(rule, &keys, &States::Numbered(2), 2, None).unwrap();
            let table = vec![0.0, 0.0, 9.0, 9.0];
            let arrays = match rule {
                Rule::Td => vec![vec![0.0, 9.0]],
                Rule::DoubleQ => vec![table.clone(), table],
                _ => vec![table],
            };
            learner.set_state(arrays, Vec::new()).unwrap();
            let end = Lesson { state: 0, action: 0, reward: 1.0, next: 1, next_action: 0, terminal: true };
            let correction = learner.learn(&end, 0, &mut coins());
            assert_eq!(correction, Correction { error: 1.0, value: 0.0 }, "{rule:?}");
        }
    }

    #[test]
    fn the_learning_rate_falls_with_the_steps() {
        let keys = TabularKeys { learning_rate: 0.05, learning_rate_decay: 0.005, ..TabularKeys::default() };
        for (steps, alpha) in [(0, 0.05), (200, 0.025), (10_000, 0.05 / 51.0)] {
            let mut learner = learner(Rule::QLearning, &keys, &[[0.0; 4]]);
            let lesson = Lesson { state: 0, action: 0, reward: 1.0, next: 1, next_action: 0, terminal: false };
            learner.learn(&lesson, steps, &mut coins());
            assert!((learner.values.action_value(0, 0) - alpha).abs() < 1e-15, "{steps} steps");
        }
    }

    /// f = Q + k / (1 + N) of the example, by the target of a step whose reward is 0 and whose gamma and alpha are 1.
    #[test]
    fn the_exploration_bonus_makes_rare_actions_of_the_next_state_more_valuable() {
        let updates = updates();
        let of = &updates["exploration_bonus"];
        let ([third, fourth], k) = (row(&of["Q"]), of["k"].as_f64().unwrap());
        let keys = TabularKeys { gamma: 1.0, learning_rate: 1.0, exploration_bonus: k, ..TabularKeys::default() };
        let counts = row(&of["N"]).map(|count| count as u32);
        let step = |next_action| Lesson { state: 0, action: 0, reward: 0.0, next: 1, next_action, terminal: false };
        for (rule, next_action, expected) in
            [(Rule::QLearning, 0, &of["f"][1]), (Rule::Sarsa, 0, &of["f"][0]), (Rule::Sarsa, 1, &of["f"][1])]
        {
            let mut learner = learner(rule, &keys, &[[0.0, 0.0, third, fourth]]);
            learner.bonus.counts[2..].copy_from_slice(&counts);
            learner.learn(&step(next_action), 0, &mut coins());
            near(learner.values.action_value(0, 0), expected);
            assert_eq!(learner.bonus.counts, [1, 0, counts[0], counts[1]], "the choice is counted");
        }
        let mut learner = learner(Rule::DoubleQ, &keys, &[[0.0, 0.0, third, fourth], [0.0, 0.0, third, fourth]]);
        learner.bonus.counts[2..].copy_from_slice(&counts);
        assert_eq!(learner.learn(&step(0), 0, &mut coins()).error, of["f"][1].as_f64().unwrap());
    }

    #[test]
    fn a_state_that_does_not_fit_is_refused() {
        let mut learner = learner(Rule::QLearning, &TabularKeys::default(), &[[0.0; 4]]);
        for (arrays, counts, reason) in [
            (vec![], vec![], "lacks values"),
            (vec![vec![0.0; 6]], vec![], "a table of 6 values, and this one has 4"),
            (vec![vec![0.0, 0.0, f64::NAN, 0.0]], vec![], "one is NaN"),
            (vec![vec![0.0, 0.0, f64::NEG_INFINITY, 0.0]], vec![], "other actions are possible"),
            (vec![vec![0.0; 4]], vec![1], "choices of 1 actions, and there are 0"),
        ] {
            let message = format!("{:#}", learner.set_state(arrays, counts).unwrap_err());
            assert!(message.contains(reason), "no `{reason}` in: {message}");
        }
    }
}
