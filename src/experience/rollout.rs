//! The last T steps of every environment, and the lambda returns of these steps.

use crate::environments::Step;
use crate::observations::{Observations, Place, Seen, Space};
use anyhow::{ensure, Result};

/// How an episode ended, which decides what its last return is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    /// Nothing more can be earned.
    Terminal,
    /// A limit cut it off. The greedy value of its last observation stands for the rewards that would have followed.
    Truncated(f32),
}

/// The input of the returns: consecutive steps of one environment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// Reward of each step.
    pub rewards: Vec<f32>,
    /// The end of an episode, if one ended with the step.
    pub ends: Vec<Option<End>>,
    /// Greedy value of the observation that each step began with.
    pub values: Vec<f32>,
    /// Whether the step's action was drawn at random and is not the greedy one.
    pub explored: Vec<bool>,
    /// Greedy value of the observation after the last step.
    pub bootstrap: f32,
}

/// How far a return looks ahead.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LambdaReturns {
    /// Discount a step.
    pub gamma: f32,
    /// Weight of longer returns: 0 looks one step ahead, 1 to the end of the trace.
    pub lambda: f32,
    /// Look no further than the first action that was not greedy (Watkins's Q(lambda)). Otherwise the returns contain the
    /// rewards after such actions too (Peng's).
    pub cut_traces: bool,
}

impl LambdaReturns {
    /// Replaces `returns` by the return of each step of `trace`:
    /// G = r + gamma (lambda G' + (1 - lambda) V'), where G' is the next step's return and V' the next observation's value.
    pub fn compute(&self, trace: &Trace, returns: &mut Vec<f32>) {
        let steps = trace.rewards.len();
        returns.clear();
        returns.resize(steps, 0.0);
        let (mut following, mut next_value) = (trace.bootstrap, trace.bootstrap);
        for t in (0..steps).rev() {
            let reward = trace.rewards[t];
            let cut = self.cut_traces && trace.explored.get(t + 1) == Some(&true);
            let lambda = if cut { 0.0 } else { self.lambda };
            following = match trace.ends[t] {
                Some(End::Terminal) => reward,
                Some(End::Truncated(value)) => reward + self.gamma * value,
                None => reward + self.gamma * (lambda * following + (1.0 - lambda) * next_value),
            };
            returns[t] = following;
            next_value = trace.values[t];
        }
    }
}

/// The steps of one environment in a rollout.
#[derive(Clone, Debug)]
pub struct Lane {
    space: Space,
    /// Of pixels, every frame once: the stack that the first step began with, then a frame a step. Of numbers, the
    /// observation that each step began with, and the one after the last step.
    observations: Observations,
    /// Of pixels: how many frames of each step's stack belong to its episode. Older ones are black.
    own_frames: Vec<usize>,
    /// Index of each step's action.
    pub actions: Vec<u8>,
    /// The input of the returns.
    pub trace: Trace,
    /// The result of each step.
    pub steps: Vec<Step>,
    /// Frames of the episode up to each step.
    pub episode_frames: Vec<u64>,
    /// The return of each step.
    pub returns: Vec<f32>,
}

impl Lane {
    /// A lane without steps for observations of `space`.
    pub fn new(space: Space) -> Self {
        Self {
            space,
            observations: space.observations(0),
            own_frames: Vec::new(),
            actions: Vec::new(),
            trace: Trace::default(),
            steps: Vec::new(),
            episode_frames: Vec::new(),
            returns: Vec::new(),
        }
    }

    /// Bytes of a lane of `horizon` steps for observations of `space`.
    pub fn bytes(space: Space, horizon: u64) -> u64 {
        let observations = match space {
            Space::Pixels { stack, side } => {
                (horizon.saturating_add(stack as u64)).saturating_mul((side * side) as u64)
            }
            Space::Numbers(_) | Space::States(_) => horizon.saturating_add(1).saturating_mul(4 * space.size() as u64),
        };
        // Frames of the episode, action, reward, end, value, exploration, step, frames and return.
        let of_a_step = 8 + 1 + 4 + size_of::<Option<End>>() + 4 + 1 + size_of::<Step>() + 8 + 4;
        observations.saturating_add(horizon.saturating_mul(of_a_step as u64))
    }

    /// Takes room for `horizon` steps: no more than that, and before the first of them.
    ///
    /// # Errors
    /// When there is not as much memory.
    pub fn reserve(&mut self, horizon: usize) -> Result<()> {
        let values = match self.space {
            Space::Pixels { stack, side } => (horizon.saturating_add(stack)).saturating_mul(side * side),
            space => horizon.saturating_add(1).saturating_mul(space.size()),
        };
        self.observations.reserve(values)?;
        self.own_frames.try_reserve_exact(horizon.saturating_add(1))?;
        self.actions.try_reserve_exact(horizon)?;
        let Trace { rewards, ends, values, explored, .. } = &mut self.trace;
        rewards.try_reserve_exact(horizon)?;
        ends.try_reserve_exact(horizon)?;
        values.try_reserve_exact(horizon)?;
        explored.try_reserve_exact(horizon)?;
        self.steps.try_reserve_exact(horizon)?;
        self.episode_frames.try_reserve_exact(horizon)?;
        self.returns.try_reserve_exact(horizon)?;
        Ok(())
    }

    /// Forgets all steps. The next one begins with `observation`.
    ///
    /// # Errors
    /// When the observation is of another kind.
    pub fn begin(&mut self, observation: Seen<'_>) -> Result<()> {
        self.observations.clear();
        self.observations.extend(observation)?;
        self.own_frames.clear();
        if let Space::Pixels { stack, .. } = self.space {
            self.own_frames.push(stack);
        }
        self.actions.clear();
        self.trace.rewards.clear();
        self.trace.ends.clear();
        self.trace.values.clear();
        self.trace.explored.clear();
        self.steps.clear();
        self.episode_frames.clear();
        Ok(())
    }

    /// Adds a step: the index of its `action`, how that was chosen, and its outcome. `next` is the observation that follows; after
    /// the end of an episode, the next episode's first.
    ///
    /// # Errors
    /// When the observation is of another kind, or the action is 256 or more.
    pub fn push(&mut self, action: usize, choice: Choice, outcome: Outcome, next: Seen<'_>) -> Result<()> {
        let Outcome { step, episode_frames, end } = outcome;
        self.actions.push(u8::try_from(action)?);
        self.trace.rewards.push(step.reward);
        self.trace.ends.push(end);
        self.trace.values.push(choice.value);
        self.trace.explored.push(choice.explored);
        self.steps.push(step);
        self.episode_frames.push(episode_frames);
        match (self.space, next) {
            (Space::Pixels { stack, side }, Seen::Pixels(pixels)) => {
                ensure!(pixels.len() == self.space.size(), "{} pixels are no stack of {}", pixels.len(), self.space);
                let before = self.own_frames.last().copied().unwrap_or(stack);
                self.own_frames.push(if step.over { 1 } else { (before + 1).min(stack) });
                self.observations.extend(Seen::Pixels(&pixels[pixels.len() - side * side..]))
            }
            (_, next) => self.observations.extend(next),
        }
    }

    /// Writes the observation that step `t` began with to `place`.
    ///
    /// # Panics
    /// When `place` is not of the lane's space, or there is no such step.
    pub fn observation(&self, t: usize, mut place: Place<'_>) {
        match (self.space, self.observations.seen(), &mut place) {
            (Space::Pixels { stack, side }, Seen::Pixels(frames), Place::Pixels(place)) => {
                let frame = side * side;
                let black = (stack - self.own_frames[t]) * frame;
                place[..black].fill(0);
                place[black..].copy_from_slice(&frames[t * frame + black..(t + stack) * frame]);
            }
            (space, seen, place) => place.copy_from(seen.at(space, t)),
        }
    }
}

/// How an action was chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// Whether it was drawn at random and is not the greedy one.
    pub explored: bool,
    /// Greedy value of the observation.
    pub value: f32,
}

/// The result of an action.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// The step.
    pub step: Step,
    /// Frames of the episode so far.
    pub episode_frames: u64,
    /// How the episode ended for the learner, if it did.
    pub end: Option<End>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::environments;
    use crate::random::{Generator, Purpose};

    /// Worked by hand: gamma 0.9, rewards 0, 1, 0, 0, values 0.5, 0.6, 0.2, 0.4, bootstrap 0.8. With lambda 0.5,
    /// y3 = 0.9 * 0.8 = 0.72, y2 = 0.9 * (0.5 * 0.72 + 0.5 * 0.4) = 0.504, y1 = 1 + 0.9 * (0.5 * 0.504 + 0.5 * 0.2) = 1.3168,
    /// y0 = 0.9 * (0.5 * 1.3168 + 0.5 * 0.6) = 0.86256.
    #[test]
    fn returns_are_those_worked_by_hand() {
        let trace = Trace {
            rewards: vec![0.0, 1.0, 0.0, 0.0],
            ends: vec![None; 4],
            values: vec![0.5, 0.6, 0.2, 0.4],
            explored: vec![false; 4],
            bootstrap: 0.8,
        };
        let mut terminal = trace.clone();
        (terminal.rewards[3], terminal.ends[2]) = (-1.0, Some(End::Terminal));
        let mut truncated = trace.clone();
        truncated.ends[1] = Some(End::Truncated(0.7));
        // The returns before an action that explored end with the value there: y1 = 1 + 0.9 * 0.2.
        let mut explored = trace.clone();
        explored.explored[2] = true;
        for (trace, lambda, cut_traces, expected) in [
            (&trace, 0.5, false, [0.86256, 1.3168, 0.504, 0.72]),
            (&trace, 0.0, false, [0.54, 1.18, 0.36, 0.72]),
            (&trace, 1.0, false, [1.42488, 1.5832, 0.648, 0.72]),
            (&terminal, 0.5, false, [0.7605, 1.09, 0.0, -0.28]),
            (&truncated, 0.5, false, [1.0035, 1.63, 0.504, 0.72]),
            (&explored, 0.5, false, [0.86256, 1.3168, 0.504, 0.72]),
            (&explored, 0.5, true, [0.801, 1.18, 0.504, 0.72]),
        ] {
            let mut returns = Vec::new();
            LambdaReturns { gamma: 0.9, lambda, cut_traces }.compute(trace, &mut returns);
            for (got, want) in returns.iter().zip(expected) {
                assert!((got - want).abs() < 1e-6, "lambda {lambda}: {returns:?}, expected {expected:?}");
            }
        }
    }

    /// Through lost lives and the ends of games, which bricks has within these steps.
    #[test]
    fn a_lane_gives_back_the_stacks_of_its_environment() {
        let mut config = Config::preset("bricks").unwrap();
        config.environment.atari_mut().unwrap().max_episode_frames = 700;
        let spec = environments::spec(&config.environment, None).unwrap();
        let mut vector = environments::vector(&*spec, 1, 1).unwrap();
        let space = vector.space();
        let mut random = Generator::new(1, Purpose::Synthetic);
        let mut lane = Lane::new(space);
        let mut ended = 0;
        for _ in 0..4 {
            let mut shown = Vec::new();
            lane.begin(vector.observations().seen()).unwrap();
            for _ in 0..100 {
                shown.push(vector.observations().clone());
                let action = random.below(vector.actions());
                let step = vector.step(&[action]).steps[0];
                ended += usize::from(step.over);
                let choice = Choice { explored: true, value: 0.0 };
                let outcome = Outcome { step, episode_frames: 0, end: None };
                lane.push(action, choice, outcome, vector.observations().seen()).unwrap();
            }
            for (t, shown) in shown.iter().enumerate() {
                let mut got = space.observations(1);
                lane.observation(t, got.place());
                assert!(got == *shown, "step {t}");
            }
        }
        assert!(ended > 1, "{ended} games ended");
    }
}
