//! The main part of a step: all bodies, hinges and touching contacts are solved together.

use super::bodies::{Position, Velocity};
use super::contacts::ContactConstraint;
use super::joints::JointConstraint;
use super::vector::Vector;
use super::world::{World, ANGULAR_SLOP, PI, POSITION_ITERATIONS, SLOP, TIME_STEP, VELOCITY_ITERATIONS};

/// Seconds of rest after which bodies fall asleep.
const TIME_TO_SLEEP: f32 = 0.5;
/// Speed of a body at rest, m/s.
const RESTING_SPEED: f32 = 0.01;
/// Part of an overlap that one iteration corrects.
const CORRECTION: f32 = 0.2;
/// Largest way in a step, m.
const LARGEST_WAY: f32 = 2.0;
/// Largest rotation in a step, rad.
const LARGEST_ROTATION: f32 = 0.5 * PI;

impl World {
    /// Moves the bodies by a step, if any is awake.
    pub(super) fn solve(&mut self) {
        let Some((bodies, hinges)) = self.order() else {
            return;
        };
        for body in &mut self.now.bodies {
            body.wake();
        }
        let mut positions = self.now.bodies.each_ref().map(|body| body.sweep.to);
        let mut velocities = self.accelerated();
        self.now.bodies.iter_mut().for_each(|body| body.sweep.from = body.sweep.to);

        self.constrain(bodies, &positions, &mut velocities);
        let mut joints = hinges.map(|i| {
            let (hinge, joint) = (self.hinges[i], self.now.joints[i]);
            JointConstraint::new(hinge, joint, &self.shapes, &positions, &mut velocities, self.now.warm)
        });
        for _ in 0..VELOCITY_ITERATIONS {
            for joint in &mut joints {
                joint.solve_velocity(&mut velocities);
            }
            for contact in &mut self.constraints {
                contact.solve_velocity(&mut velocities);
            }
        }
        for (i, joint) in hinges.iter().zip(&joints) {
            self.now.joints[*i] = joint.joint();
        }
        for constraint in &self.constraints {
            constraint.store(&mut self.now.contacts[constraint.contact]);
        }
        for (position, velocity) in positions.iter_mut().zip(&mut velocities) {
            integrate(position, velocity, TIME_STEP);
        }
        let solved = self.solve_positions(&joints, &mut positions);

        let mut moved = [false; 3];
        for (i, body) in self.now.bodies.iter_mut().enumerate() {
            body.sweep.to = positions[i];
            body.velocity = velocities[i];
            body.place(&self.shapes[i]);
        }
        self.fall_asleep(solved);
        for (i, body) in self.now.bodies.iter_mut().enumerate() {
            moved[i] = body.refit(&self.shapes[i]);
        }
        self.find_contacts(moved);
    }

    /// The order in which the engine's search reaches bodies and hinges from the newest body that is awake.
    fn order(&self) -> Option<([usize; 3], [usize; 2])> {
        match self.now.bodies.iter().rposition(|body| body.awake)? {
            0 => Some(([0, 1, 2], [1, 0])),
            1 => Some(([1, 0, 2], [0, 1])),
            _ => Some(([2, 0, 1], [1, 0])),
        }
    }

    /// Velocities after a step of gravity and forces.
    fn accelerated(&self) -> [Velocity; 3] {
        std::array::from_fn(|i| {
            let (body, shape) = (&self.now.bodies[i], &self.shapes[i]);
            Velocity {
                linear: body.velocity.linear + TIME_STEP * (self.gravity + shape.inverse_mass * body.force),
                angular: body.velocity.angular + TIME_STEP * shape.inverse_inertia * body.torque,
            }
        })
    }

    /// Prepares the touching contacts of `bodies`, in this order.
    fn constrain(&mut self, bodies: [usize; 3], positions: &[Position; 3], velocities: &mut [Velocity; 3]) {
        self.constraints.clear();
        for body in bodies {
            for (i, contact) in self.now.contacts.iter().enumerate() {
                if usize::from(contact.body) == body && contact.enabled && contact.touching() {
                    let edge = &self.edges[usize::from(contact.edge)];
                    let mut constraint = ContactConstraint::new(i, contact, edge, &self.shapes[body], self.now.warm);
                    constraint.prepare(&self.shapes, positions);
                    constraint.warm_start(velocities);
                    self.constraints.push(constraint);
                }
            }
        }
    }

    /// Repairs positions until contacts and hinges are satisfied. Whether they were in the end.
    fn solve_positions(&self, joints: &[JointConstraint; 2], positions: &mut [Position; 3]) -> bool {
        for _ in 0..POSITION_ITERATIONS {
            let mut least: f32 = 0.0;
            for contact in &self.constraints {
                least = least.min(contact.solve_position(&self.shapes, positions, CORRECTION));
            }
            let mut solved = least >= -3.0 * SLOP;
            for joint in joints {
                solved &= joint.solve_position(&self.shapes, positions);
            }
            if solved {
                return true;
            }
        }
        false
    }

    /// Lets the bodies fall asleep when all have been at rest for half a second.
    fn fall_asleep(&mut self, solved: bool) {
        let mut least = f32::MAX;
        for body in &mut self.now.bodies {
            let Velocity { linear, angular } = body.velocity;
            let moves =
                angular * angular > ANGULAR_SLOP * ANGULAR_SLOP || linear.dot(linear) > RESTING_SPEED * RESTING_SPEED;
            body.sleep_time = if moves { 0.0 } else { body.sleep_time + TIME_STEP };
            least = least.min(body.sleep_time);
        }
        if least >= TIME_TO_SLEEP && solved {
            self.now.bodies.iter_mut().for_each(|body| body.sleep());
        }
    }
}

/// Moves a position for `time` seconds; what is too fast for the engine is slowed down.
pub(super) fn integrate(position: &mut Position, velocity: &mut Velocity, time: f32) {
    let way: Vector = time * velocity.linear;
    if way.dot(way) > LARGEST_WAY * LARGEST_WAY {
        velocity.linear = LARGEST_WAY / way.length() * velocity.linear;
    }
    let rotation = time * velocity.angular;
    if rotation * rotation > LARGEST_ROTATION * LARGEST_ROTATION {
        velocity.angular *= LARGEST_ROTATION / rotation.abs();
    }
    position.center += time * velocity.linear;
    position.angle += time * velocity.angular;
}
