//! Learning tables of values from steps: Q-learning, SARSA, Double Q-learning and TD(0).

mod rules;
#[cfg(test)]
mod tests;

use crate::algorithms::events::{Event, Standing, Update, Watch};
use crate::algorithms::exploration::EpsilonSchedule;
use crate::algorithms::tabular::rules::{Learner, Lesson};
use crate::algorithms::Algorithm;
use crate::config::{TabularKeys, Ties};
use crate::environments::dynamics::Transitions;
use crate::environments::vector::VectorEnvironment;
use crate::policy::table::states::States;
use crate::policy::table::{first_best, random_best, random_possible, Correction, Table, TablePolicy, Values};
use crate::policy::Policy;
use crate::random::{Generator, Purpose};
use crate::saving::{self, Loading, Saving};
use anyhow::{ensure, Context, Result};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Name of its part of a checkpoint.
const TABULAR: &str = "tabular";
/// Steps whose figures are reported as one update.
pub const STEPS_OF_AN_UPDATE: u64 = 100;

/// The value that a table's value moves toward after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Reward and discounted largest value of the next state (Watkins 1989).
    QLearning,
    /// Reward and discounted value of the next action (Rummery & Niranjan 1994).
    Sarsa,
    /// One of two tables, by a coin: its best next action, valued by the other (van Hasselt 2010).
    DoubleQ,
    /// Values of states: reward and discounted value of the next state (Sutton 1988).
    Td,
}

/// Learns a table in one environment.
pub struct Tabular {
    rule: Rule,
    learner: Learner,
    epsilon: EpsilonSchedule,
    ties: Ties,
    states: States,
    /// With TD learning: to look one step ahead for the best action. Without it, all actions are random.
    transitions: Option<Transitions>,
    progress: Progress,
}

/// The part of the state that is neither values nor counts.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Progress {
    steps: u64,
    /// Games that have ended.
    games: u64,
    exploration: Generator,
    /// Decides which of two tables learns.
    coins: Generator,
    /// The action for the present state, where it was chosen already: SARSA's.
    chosen: Option<u32>,
    recent: Recent,
}

/// Sums over the steps since the last update was reported.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Recent {
    squares: f64,
    errors: f64,
    values: f64,
}

#[derive(Serialize, Deserialize)]
struct TabularState {
    progress: Progress,
    /// The tables, or the values of states.
    values: Vec<Vec<f64>>,
    /// How often each action was chosen in each state; empty without an exploration bonus.
    counts: Vec<u32>,
}

impl Tabular {
    /// The states of a table for `environments`, of which there is one.
    ///
    /// # Errors
    /// When the observations cannot be rows of a table, or keys do not go together. The message says what would work.
    pub fn states(rule: Rule, keys: &TabularKeys, environments: &VectorEnvironment) -> Result<States> {
        let num_envs = environments.num_envs();
        ensure!(num_envs == 1, "a table is learned in one environment, and there are {num_envs}");
        if rule == Rule::Td {
            ensure!(
                keys.exploration_bonus == 0.0,
                "exploration_bonus is for values of actions, and td learns values of states; leave it out (--set \
                 exploration_bonus=0), or use q-learning"
            );
            ensure!(
                environments.dynamics().is_some() || keys.epsilon_final == 1.0,
                "td values states, so it finds the best action only by looking ahead in known dynamics, which this environment does \
                 not have; learn the values of random play (--set epsilon_initial=1 --set epsilon_final=1), or use q-learning"
            );
        }
        let limits = environments.limits();
        States::of(environments.space(), limits.as_deref(), keys.edges as usize, environments.actions())
    }

    /// A learner with a table of zeros for `environments`, of which there is one, in its first episode; what it draws follows from
    /// `seed`.
    ///
    /// # Errors
    /// As [`states`](Self::states), or when the system has no room for the table.
    pub fn new(rule: Rule, keys: &TabularKeys, seed: u64, environments: &VectorEnvironment) -> Result<Self> {
        let states = Self::states(rule, keys, environments)?;
        let (actions, dynamics) = (environments.actions(), environments.dynamics());
        let ahead = dynamics.filter(|_| rule == Rule::Td);
        let transitions = ahead.map(Transitions::of).transpose()?;
        Ok(Self {
            rule,
            learner: Learner::new(rule, keys, &states, actions, dynamics)?,
            epsilon: EpsilonSchedule::Games {
                initial: keys.epsilon_initial,
                last: keys.epsilon_final,
                anneal_games: keys.epsilon_anneal_games,
            },
            ties: keys.ties,
            states,
            transitions,
            progress: Progress {
                steps: 0,
                games: 0,
                exploration: Generator::new(seed, Purpose::Exploration),
                // Like the batch of a network, it is the choice of what learns.
                coins: Generator::new(seed, Purpose::Replay),
                chosen: None,
                recent: Recent::default(),
            },
        })
    }

    /// The values so far.
    pub fn values(&self) -> &Values {
        self.learner.values()
    }

    /// Probability of a random action in the present game.
    fn epsilon(&self) -> f64 {
        self.epsilon.epsilon(self.progress.steps, self.progress.games)
    }

    /// An action in a state, epsilon-greedy among the possible ones.
    fn choose(&mut self, state: usize, epsilon: f64) -> usize {
        let (values, random) = (self.learner.values(), &mut self.progress.exploration);
        let row = values.possible().row(state);
        if random.fraction() < epsilon {
            return random_possible(row, random);
        }
        match (values, &self.transitions) {
            (Values::States(..), None) => random_possible(row, random),
            (Values::States(of_states, _), Some(transitions)) => {
                let ahead = |action| transitions.expected(state, action, self.learner.gamma(), |next| of_states[next]);
                best(self.ties, row.len(), ahead, random)
            }
            (Values::Double([first, second]), _) => {
                let (first, second) = (first.row(state), second.row(state));
                best(self.ties, row.len(), |action| first[action] + second[action], random)
            }
            (Values::Actions(_) | Values::Planned(..), _) => best(self.ties, row.len(), |action| row[action], random),
        }
    }

    /// Takes a step and learns from it. Sutton & Barto's order for SARSA: act, observe, choose the next action, learn.
    fn step(&mut self, environments: &mut VectorEnvironment, watch: &mut dyn Watch) -> Result<()> {
        let state = self.states.number(environments.observations().seen())?;
        let epsilon = self.epsilon();
        let action = match self.progress.chosen.take() {
            Some(action) => action as usize,
            None => self.choose(state, epsilon),
        };
        let outcomes = environments.step(&[action]);
        let (step, frames) = (outcomes.steps[0], outcomes.episode_frames[0]);
        let next = match outcomes.last_observation(0) {
            Some(last) => self.states.number(last)?,
            None => self.states.number(environments.observations().seen())?,
        };
        let mut next_action = 0;
        // After the end of the game it has no value; after a limit it has, but another game follows.
        if self.rule == Rule::Sarsa && !(step.over && step.terminal) {
            next_action = self.choose(next, epsilon);
            self.progress.chosen = (!step.over).then_some(next_action as u32);
        }
        let lesson =
            Lesson { state, action, reward: f64::from(step.reward), next, next_action, terminal: step.terminal };
        let correction = self.learner.learn(&lesson, self.progress.steps, &mut self.progress.coins);
        self.progress.steps += 1;
        self.progress.games += u64::from(step.over);
        let update = self.progress.count(correction);
        // Told only now, so that an error of the watcher finds the step complete.
        watch.tell(Event::Step { environment: 0, step: &step })?;
        if step.over {
            let (truncated, epsilon) = (step.truncated, Some(epsilon));
            watch.tell(Event::Episode { environment: 0, frames, truncated, epsilon })?;
        }
        if let Some(update) = update {
            ensure!(
                update.td_error.is_finite() && update.q_value.is_finite(),
                "learning has diverged at step {}: the table's values are not all finite; try a smaller learning rate (--set \
                 learning_rate=...) or gamma",
                self.progress.steps
            );
            watch.tell(Event::Update(&update))?;
        }
        Ok(())
    }
}

/// The action with the largest value.
fn best(ties: Ties, actions: usize, value: impl Fn(usize) -> f64, random: &mut Generator) -> usize {
    match ties {
        Ties::First => first_best(actions, value),
        Ties::Random => random_best(actions, value, random),
    }
}

impl Progress {
    /// Counts the correction of the last step. Every [`STEPS_OF_AN_UPDATE`] steps: their figures.
    fn count(&mut self, correction: Correction) -> Option<Update> {
        let Correction { error, value } = correction;
        self.recent.squares += error * error;
        self.recent.errors += error.abs();
        self.recent.values += value;
        if !self.steps.is_multiple_of(STEPS_OF_AN_UPDATE) {
            return None;
        }
        let Recent { squares, errors, values } = std::mem::take(&mut self.recent);
        let [loss, td_error, q_value] = [squares, errors, values].map(|sum| (sum / STEPS_OF_AN_UPDATE as f64) as f32);
        Some(Update { loss, q_value, td_error, gradient_norm: None })
    }
}

impl Algorithm for Tabular {
    fn advance(&mut self, environments: &mut VectorEnvironment, until: u64, watch: &mut dyn Watch) -> Result<()> {
        while self.progress.steps < until && !watch.stop() {
            self.step(environments, watch)?;
        }
        watch.tell(Event::Pause(Standing { epsilon: Some(self.epsilon()), replay_frames: None }))
    }

    fn steps(&self) -> u64 {
        self.progress.steps
    }

    fn policy(&self) -> Result<Policy> {
        let table = Table { states: self.states.clone(), values: self.learner.values().clone() };
        Ok(Policy::Table(TablePolicy::new(Arc::new(table))))
    }

    fn save(&self, to: &mut Saving) -> Result<()> {
        let (values, counts) = self.learner.state()?;
        to.part(TABULAR, &TabularState { progress: self.progress.clone(), values, counts })
    }

    fn load(&mut self, from: &Loading) -> Result<()> {
        let TabularState { progress, values, counts } = from.part(TABULAR)?;
        saving::count(progress.steps, "steps")?;
        saving::count(progress.games, "games")?;
        let actions = self.learner.values().possible().actions();
        ensure!(
            progress.chosen.is_none_or(|action| (action as usize) < actions),
            "the checkpoint has chosen an action that there is not"
        );
        self.learner.set_state(values, counts).context("the table in the checkpoint cannot be used")?;
        self.progress = progress;
        Ok(())
    }
}
