//! CartPole: balance a pole on a cart by pushing the cart to the left or to the right.
//!
//! The task is Barto, Sutton and Anderson's ("Neuronlike adaptive elements that can solve difficult learning control
//! problems", 1983), with the constants of Gymnasium's CartPole-v0 and CartPole-v1, which differ in their limit of
//! steps alone. States are
//! the same bits on every platform. They equal Gymnasium's on Linux with an x86-64 processor that has fused multiply-add; on
//! other systems Gymnasium's own sine may differ in its last bit.

use crate::classics::numpy_random::NumpyRandom;
use crate::classics::{Definition, OptionKey, OptionKind, Outcome, Task};
use crate::drawing::scene::{Scene, Shape};
use crate::observations::{Place, Space};
use anyhow::{ensure, Context, Result};
use sine::sine_cosine;
use std::f64::consts::PI;
use std::sync::Arc;

mod sine;

/// Steps after which an episode of CartPole-v0 is cut off.
pub const LIMIT_V0: u32 = 200;
/// Steps after which an episode of CartPole-v1 is cut off.
pub const LIMIT_V1: u32 = 500;

/// CartPole-v0 and v1.
pub const DEFINITION: Definition = Definition {
    name: "cartpole",
    about: "balance a pole on a cart (Gymnasium's CartPole-v1, or v0)",
    keys: &[
        OptionKey {
            name: "version",
            kind: OptionKind::Whole(1, 0, 1),
            help: "0: at most 200 steps, solved at 195; 1: at most 500, solved at 475",
            source: "Gymnasium",
        },
        OptionKey {
            name: "sutton_barto_reward",
            kind: OptionKind::Flag(false),
            help: "reward 0 a step and -1 for the last, instead of 1 a step",
            source: "Gymnasium: no",
        },
    ],
    limit: |options| if options.whole("version") == 0 { LIMIT_V0 } else { LIMIT_V1 },
    solved: |options| Some(if options.whole("version") == 0 { 195.0 } else { 475.0 }),
    make: |options| {
        let task = CartPole::new(options.flag("sutton_barto_reward"));
        Ok(Arc::new(move || Box::new(task.clone())))
    },
    // To the side to which the pole leans.
    rule: Some(|seen| usize::from(seen[2] >= 0.0)),
};

/// m/s^2.
const GRAVITY: f64 = 9.8;
/// kg.
const CART_MASS: f64 = 1.0;
/// kg.
const POLE_MASS: f64 = 0.1;
/// kg.
const TOTAL_MASS: f64 = POLE_MASS + CART_MASS;
/// Half of the pole's length, in m.
const HALF_LENGTH: f64 = 0.5;
/// kg m.
const POLE_MOMENT: f64 = POLE_MASS * HALF_LENGTH;
/// N.
const FORCE: f64 = 10.0;
/// Seconds of a step.
const TIME_STEP: f64 = 0.02;
/// The episode ends beyond this position, in m.
const FARTHEST: f64 = 2.4;
/// The episode ends beyond this angle, in rad.
const STEEPEST: f64 = 12.0 * 2.0 * PI / 360.0;
/// Each number of the first state is between minus this and this.
const START: f64 = 0.05;

/// The task. Observations are [`NUMBERS`](Self::NUMBERS) numbers, actions are 0 (push to the left) and 1 (to the
/// right).
#[derive(Clone, Debug, PartialEq)]
pub struct CartPole {
    /// Reward 0 a step and -1 for the last, as in Sutton and Barto's book, instead of 1 a step.
    sutton_barto_reward: bool,
    /// Position of the cart (m, 0 in the middle), its velocity, angle of the pole (rad, 0 upright, positive to the
    /// right), angular velocity.
    state: [f64; Self::NUMBERS],
}

impl CartPole {
    /// Numbers of an observation: position, velocity, angle and angular velocity.
    pub const NUMBERS: usize = 4;

    /// A cart at rest. With `sutton_barto_reward` a step is rewarded with 0 and the last one with -1; otherwise every
    /// step, the last included, with 1.
    pub fn new(sutton_barto_reward: bool) -> Self {
        Self { sutton_barto_reward, state: [0.0; Self::NUMBERS] }
    }
}

impl Task for CartPole {
    fn space(&self) -> Space {
        Space::Numbers(Self::NUMBERS)
    }

    fn actions(&self) -> Vec<String> {
        ["left", "right"].map(String::from).to_vec()
    }

    fn reset(&mut self, random: &mut NumpyRandom) {
        self.state = std::array::from_fn(|_| random.uniform(-START, START));
    }

    fn step(&mut self, action: usize, _random: &mut NumpyRandom) -> Outcome {
        let [position, velocity, angle, turn] = self.state;
        let force = if action == 1 { FORCE } else { -FORCE };
        let (sine, cosine) = sine_cosine(angle);
        // The order of the operations decides the last bit.
        let push = (force + POLE_MOMENT * (turn * turn) * sine) / TOTAL_MASS;
        let angular_acceleration =
            (GRAVITY * sine - cosine * push) / (HALF_LENGTH * (4.0 / 3.0 - POLE_MASS * (cosine * cosine) / TOTAL_MASS));
        let acceleration = push - POLE_MOMENT * angular_acceleration * cosine / TOTAL_MASS;
        // Euler's method with the velocities of before the step.
        self.state = [
            position + TIME_STEP * velocity,
            velocity + TIME_STEP * acceleration,
            angle + TIME_STEP * turn,
            turn + TIME_STEP * angular_acceleration,
        ];
        let [position, _, angle, _] = self.state;
        let terminated = !(-FARTHEST..=FARTHEST).contains(&position) || !(-STEEPEST..=STEEPEST).contains(&angle);
        let reward = match (self.sutton_barto_reward, terminated) {
            (false, _) => 1.0,
            (true, false) => 0.0,
            (true, true) => -1.0,
        };
        Outcome { reward, terminated }
    }

    fn observe(&self, place: Place<'_>) {
        if let Place::Numbers(numbers) = place {
            for (number, value) in numbers.iter_mut().zip(self.state) {
                *number = value as f32;
            }
        }
    }

    fn state(&self) -> Vec<u8> {
        self.state.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let bytes: &[u8; 8 * Self::NUMBERS] = state.try_into().context("this is no state of CartPole")?;
        let mut numbers = [0.0; Self::NUMBERS];
        for (number, bytes) in numbers.iter_mut().zip(bytes.as_chunks().0) {
            *number = f64::from_le_bytes(*bytes);
        }
        // Without this an episode from a damaged state would never end.
        ensure!(
            numbers.iter().all(|number| number.is_finite()),
            "this state of CartPole has a number that is not finite"
        );
        self.state = numbers;
        Ok(())
    }

    /// As Gymnasium draws it: a cart on a line, the pole and its axle.
    fn scene(&self) -> Scene {
        const WIDTH: f64 = 600.0;
        /// Pixels of a meter.
        const SCALE: f64 = 125.0;
        const LINE: f64 = 300.0;
        const CART: (f64, f64) = (50.0, 30.0);
        const POLE_WIDTH: f64 = 10.0;
        const AXLE: f64 = 7.5;
        let [position, _, angle, _] = self.state;
        let middle = WIDTH / 2.0 + position * SCALE;
        let (sine, cosine) = (libm::sin(angle), libm::cos(angle));
        let axle = (middle, LINE - AXLE);
        // `along` the pole from its axle, and `across` it to its right, in pixels.
        let on_pole = |along: f64, across: f64| {
            (axle.0 + along * sine + across * cosine, axle.1 - along * cosine + across * sine)
        };
        let (bottom, top) = (-POLE_WIDTH / 2.0, 2.0 * HALF_LENGTH * SCALE - POLE_WIDTH / 2.0);
        let filled =
            |corners: Vec<(f64, f64)>, color| Shape::Polygon { corners, fill: Some(color), outline: None, line: 0.0 };
        let (left, right) = (middle - CART.0 / 2.0, middle + CART.0 / 2.0);
        let (upper, lower) = (LINE - CART.1 / 2.0, LINE + CART.1 / 2.0);
        let half = POLE_WIDTH / 2.0;
        let pole = vec![on_pole(bottom, -half), on_pole(top, -half), on_pole(top, half), on_pole(bottom, half)];
        let shapes = vec![
            Shape::Line { from: (0.0, LINE), to: (WIDTH, LINE), color: [0; 3], width: 1.0 },
            filled(vec![(left, lower), (left, upper), (right, upper), (right, lower)], [0; 3]),
            filled(pole, [202, 152, 101]),
            Shape::Disc { center: axle, radius: 5.0, color: [129, 132, 203] },
        ];
        Scene { width: WIDTH as u32, height: 400, background: [255; 3], shapes }
    }

    fn steps_per_second(&self) -> u32 {
        50
    }

    /// Where episodes end, and for the speeds the limits of a lesson.
    fn limits(&self) -> Option<Vec<f64>> {
        Some(vec![FARTHEST, 4.0, 0.209_439_51, 4.0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    /// Episodes of Gymnasium 1.4.0.
    const GYMNASIUM: &str = include_str!("../../tests/data/classic/cartpole.json");

    fn episodes() -> Vec<Value> {
        let data: Value = serde_json::from_str(GYMNASIUM).unwrap();
        data["episodes"].as_array().unwrap().clone()
    }

    fn observed(task: &CartPole) -> String {
        let mut numbers = [0.0; CartPole::NUMBERS];
        task.observe(Place::Numbers(&mut numbers));
        numbers.iter().map(|number| format!("{:08x}", number.to_bits())).collect()
    }

    fn bits(task: &CartPole) -> String {
        task.state.iter().map(|number| format!("{:016x}", number.to_bits())).collect()
    }

    fn actions(episode: &Value) -> Vec<usize> {
        episode["actions"].as_str().unwrap().bytes().map(|action| usize::from(action - b'0')).collect()
    }

    fn reset(episode: &Value, task: &mut CartPole) -> NumpyRandom {
        let mut random = NumpyRandom::new(episode["seed"].as_u64().unwrap());
        task.reset(&mut random);
        random
    }

    #[test]
    fn episodes_are_gymnasiums_to_the_last_bit() {
        for episode in episodes() {
            let name = format!("{} with seed {}", episode["name"], episode["seed"]);
            let mut task = CartPole::new(false);
            let mut random = reset(&episode, &mut task);
            assert_eq!(bits(&task), episode["reset"].as_str().unwrap(), "{name}");
            let last = actions(&episode).len() - 1;
            for (i, action) in actions(&episode).into_iter().enumerate() {
                let outcome = task.step(action, &mut random);
                assert_eq!(observed(&task), episode["obs"][i].as_str().unwrap(), "{name}, step {i}");
                let terminated = i == last && episode["terminated"].as_bool().unwrap();
                assert_eq!(outcome, Outcome { reward: 1.0, terminated }, "{name}, step {i}");
            }
            assert_eq!(bits(&task), episode["last_state"].as_str().unwrap(), "{name}");
            let limit = if episode["env"] == "CartPole-v0" { LIMIT_V0 } else { LIMIT_V1 };
            assert_eq!(episode["truncated"].as_bool().unwrap(), last + 1 == limit as usize, "{name}");
        }
    }

    #[test]
    fn sutton_and_bartos_reward_is_minus_1_at_the_end_only() {
        let episode = &episodes()[0];
        let mut task = CartPole::new(true);
        let mut random = reset(episode, &mut task);
        let rewards: Vec<f64> =
            actions(episode).into_iter().map(|action| task.step(action, &mut random).reward).collect();
        assert_eq!(rewards.last(), Some(&-1.0));
        assert!(rewards[..rewards.len() - 1].iter().all(|reward| *reward == 0.0));
    }

    #[test]
    fn the_episode_ends_beyond_the_limits_and_not_on_them() {
        let beyond = |value: f64| f64::from_bits(value.to_bits() + 1);
        for (index, limit) in [(0, FARTHEST), (2, STEEPEST)] {
            for (sign, side) in [(1.0, "upper"), (-1.0, "lower")] {
                for (value, ends) in [(limit, false), (beyond(limit), true)] {
                    let mut task = CartPole::new(false);
                    task.state[index] = sign * value;
                    let outcome = task.step(0, &mut NumpyRandom::new(0));
                    assert_eq!(outcome.terminated, ends, "number {index}, {side} limit");
                }
            }
        }
    }

    #[test]
    fn a_restored_task_has_the_same_future_and_damaged_states_are_refused() {
        let mut task = CartPole::new(false);
        let mut random = reset(&episodes()[0], &mut task);
        task.step(1, &mut random);
        let mut other = CartPole::new(false);
        other.restore(&task.state()).unwrap();
        assert_eq!(other.step(0, &mut random), task.step(0, &mut random));
        assert_eq!(other, task);
        let before = other.clone();
        for damaged in [vec![], vec![0; 31], [vec![0; 24], f64::NAN.to_le_bytes().to_vec()].concat()] {
            assert!(other.restore(&damaged).is_err());
            assert_eq!(other, before);
        }
    }
}
