//! Dynamics: the probability of everything that can follow an action in a state. Planning needs them, and learners of tables know from
//! them which actions are possible.

use crate::classics::mdp::{Mdp, Successor};
use anyhow::{ensure, Result};

/// One of the things that can follow an action in a state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transition {
    /// Its probability.
    pub probability: f64,
    /// The next state.
    pub next: usize,
    /// The reward.
    pub reward: f64,
    /// The episode ends: nothing is earned after it.
    pub terminal: bool,
}

/// An environment whose dynamics are known; its observations are the numbers of states.
pub trait Dynamics {
    /// The number of states.
    fn states(&self) -> usize;

    /// The number of actions.
    fn actions(&self) -> usize;

    /// Everything that can follow the action in the state; `None` if the action is impossible there.
    fn transitions(&self, state: usize, action: usize) -> Option<Vec<Transition>>;
}

impl Dynamics for Mdp {
    fn states(&self) -> usize {
        self.states().len()
    }

    fn actions(&self) -> usize {
        self.actions().len()
    }

    fn transitions(&self, state: usize, action: usize) -> Option<Vec<Transition>> {
        let transition = |successor: &Successor| Transition {
            probability: successor.probability,
            next: successor.state,
            reward: successor.reward,
            terminal: self.is_terminal(successor.state),
        };
        self.is_possible(state, action).then(|| self.successors(state, action).iter().map(transition).collect())
    }
}

/// Furthest that the probabilities of an action may be from a sum of 1.
const ROUNDING: f64 = 1e-6;

/// A copy of dynamics in one piece, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Transitions {
    actions: usize,
    /// Where the transitions of each pair of state and action begin, and the end of the last.
    begins: Vec<usize>,
    all: Vec<Transition>,
}

impl Transitions {
    /// The dynamics of an environment.
    ///
    /// # Errors
    /// When probabilities do not sum to 1, a number is not finite, or a next state does not exist.
    pub fn of(dynamics: &dyn Dynamics) -> Result<Self> {
        let (states, actions) = (dynamics.states(), dynamics.actions());
        let mut own = Self { actions, begins: vec![0], all: Vec::new() };
        for (state, action) in (0..states).flat_map(|state| (0..actions).map(move |action| (state, action))) {
            if let Some(transitions) = dynamics.transitions(state, action) {
                let sum: f64 = transitions.iter().map(|transition| transition.probability).sum();
                let sound = transitions.iter().all(|transition| {
                    transition.next < states && transition.reward.is_finite() && transition.probability >= 0.0
                });
                ensure!(
                    sound && (sum - 1.0).abs() <= ROUNDING,
                    "action {action} in state {state} has probabilities whose sum is {sum}, a reward that is not finite, or a next \
                     state that does not exist"
                );
                own.all.extend(transitions);
            }
            own.begins.push(own.all.len());
        }
        Ok(own)
    }

    /// The number of states.
    pub fn states(&self) -> usize {
        (self.begins.len() - 1) / self.actions.max(1)
    }

    /// The number of actions.
    pub fn actions(&self) -> usize {
        self.actions
    }

    /// Everything that can follow the action in the state; nothing if it is impossible.
    pub fn after(&self, state: usize, action: usize) -> &[Transition] {
        let pair = state * self.actions + action;
        &self.all[self.begins[pair]..self.begins[pair + 1]]
    }

    /// The expected reward of the action in the state plus the discounted value of the next state, which `value` tells;
    /// negative infinity if the action is impossible.
    pub fn expected(&self, state: usize, action: usize, gamma: f64, value: impl Fn(usize) -> f64) -> f64 {
        let after = self.after(state, action);
        if after.is_empty() {
            return f64::NEG_INFINITY;
        }
        let worth = |transition: &Transition| {
            let later = if transition.terminal { 0.0 } else { gamma * value(transition.next) };
            transition.probability * (transition.reward + later)
        };
        after.iter().map(worth).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One state whose only possible action, of two, has these transitions.
    struct One(Vec<Transition>);

    impl Dynamics for One {
        fn states(&self) -> usize {
            1
        }

        fn actions(&self) -> usize {
            2
        }

        fn transitions(&self, _: usize, action: usize) -> Option<Vec<Transition>> {
            (action == 1).then(|| self.0.clone())
        }
    }

    #[test]
    fn an_expectation_counts_rewards_and_discounted_values_but_nothing_after_the_end() {
        let staying = Transition { probability: 0.25, next: 0, reward: 4.0, terminal: false };
        let ending = Transition { probability: 0.75, terminal: true, ..staying };
        let transitions = Transitions::of(&One(vec![staying, ending])).unwrap();
        assert_eq!((transitions.states(), transitions.actions(), transitions.after(0, 0)), (1, 2, &[][..]));
        assert_eq!(transitions.expected(0, 1, 0.5, |_| 8.0), 0.25 * (4.0 + 4.0) + 0.75 * 4.0);
        assert_eq!(transitions.expected(0, 0, 0.5, |_| 8.0), f64::NEG_INFINITY);
    }

    #[test]
    fn dynamics_that_cannot_be_are_refused() {
        let sound = Transition { probability: 1.0, next: 0, reward: 0.0, terminal: false };
        for wrong in [
            Transition { probability: 0.9, ..sound },
            Transition { probability: f64::NAN, ..sound },
            Transition { next: 1, ..sound },
            Transition { reward: f64::INFINITY, ..sound },
        ] {
            let message = Transitions::of(&One(vec![wrong])).unwrap_err().to_string();
            assert!(message.contains("action 1 in state 0"), "{message}");
        }
    }
}
