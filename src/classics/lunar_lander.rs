//! LunarLander: land between two flags with three engines. Gymnasium's LunarLander-v3, equal to the last bit.
//!
//! A lander with two sprung legs falls towards rough ground. One engine pushes it up, two on its sides turn it. Coming
//! to rest on the ground earns 100, a crash or leaving the picture costs 100; between, moving towards the pad and
//! slowing down earn, fuel costs. Written by Oleg Klimov for OpenAI Gym, after Atari's arcade game of 1979.
//!
//! Arithmetic is in f64 outside the physics engine (`world.rs`), which is in f32 throughout.

use super::numpy_random::NumpyRandom;
use super::{Definition, OptionKey, OptionKind, Outcome, Task};
use crate::drawing::scene::Scene;
use crate::observations::{Place, Seen, Space};
use anyhow::{Context, Result};
use bodies::HULL;
use libm::{cos, sin, tanh};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use vector::Vector;
use world::{Moving, World};

mod bodies;
mod bounds;
mod contacts;
mod distance;
mod ground;
mod impacts;
mod island;
mod iterations;
mod joints;
mod manifold;
mod picture;
mod sine;
#[cfg(test)]
mod tests;
mod time_of_impact;
mod vector;
mod world;

/// Steps of a second.
const FRAMES_PER_SECOND: f64 = 50.0;
/// Pixels of the picture to a metre.
const SCALE: f64 = 30.0;
/// Size of the visible part of the world, m.
const WIDTH: f64 = 600.0 / SCALE;
const HEIGHT: f64 = 400.0 / SCALE;
/// Height of the pad between the flags, m.
const PAD_HEIGHT: f64 = HEIGHT / 4.0;

/// LunarLander-v3.
pub const DEFINITION: Definition = Definition {
    name: "lunar-lander",
    about: "land between two flags with three engines (Gymnasium's LunarLander-v3)",
    keys: &[
        OptionKey {
            name: "gravity",
            kind: OptionKind::Number(-10.0, -11.999_999, -0.000_001),
            help: "m/s^2",
            source: "Gymnasium",
        },
        OptionKey {
            name: "enable_wind",
            kind: OptionKind::Flag(false),
            help: "wind pushes and turns the lander until a leg touches the ground",
            source: "Gymnasium",
        },
        OptionKey {
            name: "wind_power",
            kind: OptionKind::Number(15.0, 0.0, 1_000.0),
            help: "largest force of the wind, N; up to 20 is advised",
            source: "Gymnasium",
        },
        OptionKey {
            name: "turbulence_power",
            kind: OptionKind::Number(1.5, 0.0, 1_000.0),
            help: "largest torque of the wind, N m; up to 2 is advised",
            source: "Gymnasium",
        },
    ],
    limit: |_| LIMIT,
    solved: |_| Some(200.0),
    make: |options| {
        let options = Options {
            gravity: options.number("gravity"),
            wind: options.flag("enable_wind"),
            wind_power: options.number("wind_power"),
            turbulence_power: options.number("turbulence_power"),
        };
        Ok(Arc::new(move || Box::new(LunarLander::new(options))))
    },
    rule: Some(|seen| seen.try_into().map_or(0, heuristic)),
};

/// Steps after which Gymnasium cuts an episode off.
const LIMIT: u32 = 1000;

/// What can be chosen about the moon.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// m/s²; Gymnasium takes -12 to 0, both exclusive.
    pub gravity: f64,
    /// Whether wind pushes and turns the lander while no leg touches the ground.
    pub wind: bool,
    /// Largest force of the wind, N; Gymnasium advises 0 to 20.
    pub wind_power: f64,
    /// Largest torque of the wind, N m; Gymnasium advises 0 to 2.
    pub turbulence_power: f64,
}

impl Default for Options {
    /// Gymnasium's: no wind.
    fn default() -> Self {
        Options { gravity: -10.0, wind: false, wind_power: 15.0, turbulence_power: 1.5 }
    }
}

/// What the engines do in a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Engines {
    /// Power of the main engine: 0 or 0.5 to 1.
    main: f64,
    /// Power of the side engines: 0 or 0.5 to 1; negative for the one that pushes to the left.
    side: f64,
}

impl Engines {
    /// Of the discrete actions.
    fn of(action: usize) -> Engines {
        match action {
            1 => Engines { main: 0.0, side: -1.0 },
            2 => Engines { main: 1.0, side: 0.0 },
            3 => Engines { main: 0.0, side: 1.0 },
            _ => Engines::default(),
        }
    }
}

/// Everything but physics that changes in an episode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Flight {
    /// Places in the course of the wind: of the force, of the torque.
    wind: [i32; 2],
    /// The potential from whose changes rewards come, after the last step.
    shaping: f64,
    /// The engines in the last step; for the picture only.
    engines: Engines,
}

/// The task.
pub struct LunarLander {
    options: Options,
    world: World,
    flight: Flight,
}

impl LunarLander {
    /// Over level ground, until it is [reset](Task::reset).
    pub fn new(options: Options) -> LunarLander {
        let ground = terrain(&[PAD_HEIGHT; ground::POINTS + 1]);
        LunarLander { options, world: World::new(ground, options.gravity), flight: Flight::default() }
    }

    /// Takes a step with these engines.
    fn fly(&mut self, engines: Engines, random: &mut NumpyRandom) -> Outcome {
        if self.options.wind && self.world.now.legs_touch == [false; 2] {
            self.blow();
        }
        self.thrust(engines, random);
        self.flight.engines = engines;
        self.world.step();

        let state = self.measure();
        let [x, y, vx, vy, angle, _, leg0, leg1] = state;
        let shaping = -100.0 * (x * x + y * y).sqrt() - 100.0 * (vx * vx + vy * vy).sqrt() - 100.0 * angle.abs()
            + 10.0 * leg0
            + 10.0 * leg1;
        let mut reward = shaping - self.flight.shaping;
        self.flight.shaping = shaping;
        reward -= engines.main * 0.30;
        reward -= engines.side.abs() * 0.03;

        let mut terminated = false;
        if self.world.now.crashed || x.abs() >= 1.0 {
            (reward, terminated) = (-100.0, true);
        }
        if !self.world.now.bodies[HULL].awake {
            (reward, terminated) = (100.0, true);
        }
        Outcome { reward, terminated }
    }

    /// Lets the wind act in the coming step.
    fn blow(&mut self) {
        let strength = |place: i32| {
            let place = f64::from(place);
            tanh(sin(0.02 * place) + sin(std::f64::consts::PI * 0.01 * place))
        };
        let [force, torque] = &mut self.flight.wind;
        let hull = &mut self.world.now.bodies[HULL];
        hull.wake();
        hull.force += Vector::new((strength(*force) * self.options.wind_power) as f32, 0.0);
        hull.torque += (strength(*torque) * self.options.turbulence_power) as f32;
        *force = force.wrapping_add(1);
        *torque = torque.wrapping_add(1);
    }

    /// Fires the engines. They shake: two draws in every step, whatever is fired.
    fn thrust(&mut self, engines: Engines, random: &mut NumpyRandom) {
        /// Distances from the hull's middle, pixels: of the main engine down, of the side engines sideways and up.
        const MAIN_DOWN: f64 = 4.0;
        const SIDE_AWAY: f64 = 12.0;
        const SIDE_UP: f64 = 14.0;
        /// Half the width of the hull, pixels. Gymnasium uses it where `SIDE_AWAY` was meant.
        const HALF_HULL: f64 = 17.0;
        let hull = &mut self.world.now.bodies[HULL];
        let angle = f64::from(hull.sweep.to.angle);
        let (s, c) = (sin(angle), cos(angle));
        let side = (-c, s);
        let shake = [0; 2].map(|_| random.uniform(-1.0, 1.0) / SCALE);
        let (x, y) = (f64::from(hull.transform.position.x), f64::from(hull.transform.position.y));
        let shape = &self.world.shapes[HULL];
        let vector = |x: f64, y: f64| Vector::new(x as f32, y as f32);
        if engines.main > 0.0 {
            let ox = s * (MAIN_DOWN / SCALE + 2.0 * shake[0]) + side.0 * shake[1];
            let oy = -c * (MAIN_DOWN / SCALE + 2.0 * shake[0]) - side.1 * shake[1];
            let impulse = vector(-ox * 13.0 * engines.main, -oy * 13.0 * engines.main);
            hull.push(shape, impulse, vector(x + ox, y + oy));
        }
        if engines.side != 0.0 {
            let (direction, power) = (engines.side.signum(), engines.side.abs());
            let k = 3.0 * shake[1] + direction * SIDE_AWAY / SCALE;
            let ox = s * shake[0] + side.0 * k;
            let oy = -c * shake[0] - side.1 * k;
            let impulse = vector(-ox * 0.6 * power, -oy * 0.6 * power);
            hull.push(shape, impulse, vector(x + ox - s * HALF_HULL / SCALE, y + oy + c * SIDE_UP / SCALE));
        }
    }

    /// The observation before it is rounded to f32.
    fn measure(&self) -> [f64; 8] {
        let hull = &self.world.now.bodies[HULL];
        let (position, velocity) = (hull.transform.position, hull.velocity);
        let leg = |i: usize| f64::from(u8::from(self.world.now.legs_touch[i]));
        [
            (f64::from(position.x) - WIDTH / 2.0) / (WIDTH / 2.0),
            (f64::from(position.y) - (PAD_HEIGHT + 18.0 / SCALE)) / (HEIGHT / 2.0),
            f64::from(velocity.linear.x) * (WIDTH / 2.0) / FRAMES_PER_SECOND,
            f64::from(velocity.linear.y) * (HEIGHT / 2.0) / FRAMES_PER_SECOND,
            f64::from(hull.sweep.to.angle),
            20.0 * f64::from(velocity.angular) / FRAMES_PER_SECOND,
            leg(0),
            leg(1),
        ]
    }

    fn observation(&self) -> [f32; 8] {
        self.measure().map(|value| value as f32)
    }
}

/// Corners of the ground, smoothed from 12 heights; the pad in the middle is level.
fn terrain(heights: &[f64; ground::POINTS + 1]) -> [Vector; ground::POINTS] {
    let mut heights = *heights;
    heights[3..8].fill(PAD_HEIGHT);
    std::array::from_fn(|i| {
        let before = heights[if i == 0 { heights.len() - 1 } else { i - 1 }];
        let y = 0.33 * (before + heights[i] + heights[i + 1]);
        Vector::new((WIDTH / (ground::POINTS - 1) as f64 * i as f64) as f32, y as f32)
    })
}

impl Task for LunarLander {
    fn space(&self) -> Space {
        Space::Numbers(8)
    }

    fn actions(&self) -> Vec<String> {
        ["nothing", "left engine", "main engine", "right engine"].map(String::from).to_vec()
    }

    fn reset(&mut self, random: &mut NumpyRandom) {
        let heights = [0; ground::POINTS + 1].map(|_| random.uniform(0.0, HEIGHT / 2.0));
        self.world = World::new(terrain(&heights), self.options.gravity);
        self.flight = Flight::default();
        let [x, y] = [0; 2].map(|_| random.uniform(-1000.0, 1000.0) as f32);
        self.world.now.bodies[HULL].force = Vector::new(x, y);
        if self.options.wind {
            self.flight.wind = [0; 2].map(|_| random.integers(-9999, 9999));
        }
        self.fly(Engines::default(), random);
    }

    /// An unknown action fires nothing.
    fn step(&mut self, action: usize, random: &mut NumpyRandom) -> Outcome {
        self.fly(Engines::of(action), random)
    }

    fn observe(&self, mut place: Place<'_>) {
        place.copy_from(Seen::Numbers(&self.observation()));
    }

    fn state(&self) -> Vec<u8> {
        postcard::to_stdvec(&(&self.world.now, &self.flight)).unwrap_or_default()
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let (now, flight): (Moving, Flight) = postcard::from_bytes(state).context("a lander's state")?;
        self.world.restore(now)?;
        self.flight = flight;
        Ok(())
    }

    fn scene(&self) -> Scene {
        picture::scene(&self.world.now, self.flight.engines)
    }

    fn steps_per_second(&self) -> u32 {
        FRAMES_PER_SECOND as u32
    }
}

/// Gymnasium's scripted player, which lands most of the time: the action after the `observation` of eight numbers.
pub fn heuristic(observation: &[f32; 8]) -> usize {
    let [x, y, vx, vy, angle, turning, leg0, leg1] = *observation;
    let target_angle = (x * 0.5 + vx).clamp(-0.4, 0.4);
    let target_height = 0.55 * x.abs();
    let mut turn = (target_angle - angle) * 0.5 - turning;
    let mut lift = (target_height - y) * 0.5 - vy * 0.5;
    if leg0 != 0.0 || leg1 != 0.0 {
        turn = 0.0;
        lift = -vy * 0.5;
    }
    if lift > turn.abs() && lift > 0.05 {
        2
    } else if turn < -0.05 {
        3
    } else if turn > 0.05 {
        1
    } else {
        0
    }
}
