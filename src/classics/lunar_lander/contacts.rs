//! Contacts between edges of the ground and bodies, and the impulses that keep the bodies above it.
//!
//! The ground has no mass to move, so only the body's side of each equation is here. (The engine adds zeros for the ground's side.)

use super::bodies::{Position, Shape, Velocity};
use super::ground::Edge;
use super::manifold::{Manifold, Reference};
use super::vector::{clamp, Vector};
use super::world::{LARGEST_CORRECTION, SKIN, SLOP};
use serde::{Deserialize, Serialize};

/// An edge and a body whose boxes overlap.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    /// Index of the edge.
    pub edge: u8,
    /// Index of the body.
    pub body: u8,
    /// Not disabled for the rest of the step by an impact that turned out to be none.
    pub enabled: bool,
    pub manifold: Manifold,
    /// Impacts in this step.
    pub impacts: u8,
    /// The fraction of the step at which the two touch, once it is known.
    pub impact: Option<f32>,
}

impl Contact {
    pub fn new(edge: usize, body: usize) -> Contact {
        Contact {
            edge: edge as u8,
            body: body as u8,
            enabled: true,
            manifold: Manifold::default(),
            impacts: 0,
            impact: None,
        }
    }

    pub fn touching(&self) -> bool {
        !self.manifold.points().is_empty()
    }
}

/// A point of a contact within a step.
#[derive(Clone, Copy, Default)]
struct Point {
    /// From the body's center of mass to the point.
    arm: Vector,
    normal_impulse: f32,
    tangent_impulse: f32,
    normal_mass: f32,
    tangent_mass: f32,
}

/// A contact within a step.
pub struct ContactConstraint {
    /// Index of the contact.
    pub contact: usize,
    body: usize,
    manifold: Manifold,
    friction: f32,
    inverse_mass: f32,
    inverse_inertia: f32,
    /// From the ground to the body.
    normal: Vector,
    points: [Point; 2],
    /// Points that take part in the solution of velocities.
    count: usize,
    /// Matrix from normal impulses of two points to changes of their velocities, and its inverse: first row, second row.
    matrix: [[f32; 2]; 2],
    inverse: [[f32; 2]; 2],
}

impl ContactConstraint {
    /// With the impulses of the last step times `warm`, which are not yet applied.
    pub fn new(index: usize, contact: &Contact, edge: &Edge, shape: &Shape, warm: f32) -> ContactConstraint {
        let mut points = [Point::default(); 2];
        for (point, old) in points.iter_mut().zip(contact.manifold.points()) {
            point.normal_impulse = warm * old.normal_impulse;
            point.tangent_impulse = warm * old.tangent_impulse;
        }
        ContactConstraint {
            contact: index,
            body: usize::from(contact.body),
            manifold: contact.manifold,
            friction: (edge.friction * shape.friction).sqrt(),
            inverse_mass: shape.inverse_mass,
            inverse_inertia: shape.inverse_inertia,
            normal: Vector::ZERO,
            points,
            count: contact.manifold.points().len(),
            matrix: [[0.0; 2]; 2],
            inverse: [[0.0; 2]; 2],
        }
    }

    /// Finds normal, arms and masses from the positions.
    pub fn prepare(&mut self, shapes: &[Shape; 3], positions: &[Position; 3]) {
        let position = positions[self.body];
        let transform = position.transform(shapes[self.body].local_center);
        let at_edge = self.manifold.reference == Reference::Edge;
        let (normal, plane) = match self.manifold.reference {
            Reference::Edge => (self.manifold.normal, self.manifold.plane),
            Reference::Body => (transform.rotation.rotate(self.manifold.normal), transform.apply(self.manifold.plane)),
        };
        self.normal = if at_edge { normal } else { -normal };
        let tangent = self.normal.right();
        for (point, own) in self.points.iter_mut().zip(self.manifold.points()) {
            let place = if at_edge { transform.apply(own.place) } else { own.place };
            let on_face = place + (SKIN - (place - plane).dot(normal)) * normal;
            let on_skin = place - SKIN * normal;
            point.arm = 0.5 * (on_face + on_skin) - position.center;
            let (across, along) = (point.arm.cross(self.normal), point.arm.cross(tangent));
            point.normal_mass = 1.0 / (self.inverse_mass + self.inverse_inertia * across * across);
            point.tangent_mass = 1.0 / (self.inverse_mass + self.inverse_inertia * along * along);
        }
        if self.count == 2 {
            self.prepare_pair();
        }
    }

    /// The matrix of two points; if it is nearly singular, the second point is dropped.
    fn prepare_pair(&mut self) {
        const LARGEST_CONDITION: f32 = 1000.0;
        let [c1, c2] = self.points.map(|point| point.arm.cross(self.normal));
        let k11 = self.inverse_mass + self.inverse_inertia * c1 * c1;
        let k22 = self.inverse_mass + self.inverse_inertia * c2 * c2;
        let k12 = self.inverse_mass + self.inverse_inertia * c1 * c2;
        let mut det = k11 * k22 - k12 * k12;
        if k11 * k11 < LARGEST_CONDITION * det {
            if det != 0.0 {
                det = 1.0 / det;
            }
            self.matrix = [[k11, k12], [k12, k22]];
            self.inverse = [[det * k22, -det * k12], [-det * k12, det * k11]];
        } else {
            self.count = 1;
        }
    }

    /// Applies the impulses that the step starts from.
    pub fn warm_start(&self, velocities: &mut [Velocity; 3]) {
        let velocity = &mut velocities[self.body];
        for point in &self.points[..self.count] {
            let impulse = point.normal_impulse * self.normal + point.tangent_impulse * self.normal.right();
            velocity.angular += self.inverse_inertia * point.arm.cross(impulse);
            velocity.linear += self.inverse_mass * impulse;
        }
    }

    /// An iteration: friction, then the normal impulses.
    pub fn solve_velocity(&mut self, velocities: &mut [Velocity; 3]) {
        let velocity = &mut velocities[self.body];
        let tangent = self.normal.right();
        for point in &mut self.points[..self.count] {
            let sliding = velocity.at(point.arm).dot(tangent);
            let limit = self.friction * point.normal_impulse;
            let total = clamp(point.tangent_impulse + point.tangent_mass * -sliding, -limit, limit);
            let impulse = (total - point.tangent_impulse) * tangent;
            point.tangent_impulse = total;
            velocity.linear += self.inverse_mass * impulse;
            velocity.angular += self.inverse_inertia * point.arm.cross(impulse);
        }
        if self.count == 1 {
            let point = &mut self.points[0];
            let approach = velocity.at(point.arm).dot(self.normal);
            let total = positive(point.normal_impulse + -point.normal_mass * approach);
            let impulse = (total - point.normal_impulse) * self.normal;
            point.normal_impulse = total;
            velocity.linear += self.inverse_mass * impulse;
            velocity.angular += self.inverse_inertia * point.arm.cross(impulse);
        } else if self.count == 2 {
            self.solve_pair(velocity);
        }
    }

    /// Normal impulses of both points at once: a linear complementarity problem with four cases.
    fn solve_pair(&mut self, velocity: &mut Velocity) {
        let [first, second] = &mut self.points;
        let before = [first.normal_impulse, second.normal_impulse];
        let old = times(&self.matrix, before);
        let b = [velocity.at(first.arm).dot(self.normal) - old[0], velocity.at(second.arm).dot(self.normal) - old[1]];
        let both = times(&self.inverse, b).map(|impulse| -impulse);
        let only_first = -first.normal_mass * b[0];
        let only_second = -second.normal_mass * b[1];
        let after = if both[0] >= 0.0 && both[1] >= 0.0 {
            both
        } else if only_first >= 0.0 && self.matrix[1][0] * only_first + b[1] >= 0.0 {
            [only_first, 0.0]
        } else if only_second >= 0.0 && self.matrix[0][1] * only_second + b[0] >= 0.0 {
            [0.0, only_second]
        } else if b[0] >= 0.0 && b[1] >= 0.0 {
            [0.0, 0.0]
        } else {
            return;
        };
        let impulses = [(after[0] - before[0]) * self.normal, (after[1] - before[1]) * self.normal];
        let turn = first.arm.cross(impulses[0]) + second.arm.cross(impulses[1]);
        velocity.linear += self.inverse_mass * (impulses[0] + impulses[1]);
        velocity.angular += self.inverse_inertia * turn;
        first.normal_impulse = after[0];
        second.normal_impulse = after[1];
    }

    /// Keeps the impulses for the next step.
    pub fn store(&self, contact: &mut Contact) {
        for (old, point) in contact.manifold.points_mut().iter_mut().zip(&self.points[..self.count]) {
            old.normal_impulse = point.normal_impulse;
            old.tangent_impulse = point.tangent_impulse;
        }
    }

    /// Moves the body out of the ground by a part (`factor`) of the depth. The separation that was found, 0 at most.
    pub fn solve_position(&self, shapes: &[Shape; 3], positions: &mut [Position; 3], factor: f32) -> f32 {
        let position = &mut positions[self.body];
        let mut least = 0.0;
        for point in self.manifold.points() {
            let transform = position.transform(shapes[self.body].local_center);
            let (normal, place, separation) = match self.manifold.reference {
                Reference::Edge => {
                    let normal = self.manifold.normal;
                    let place = transform.apply(point.place);
                    (normal, place, (place - self.manifold.plane).dot(normal) - SKIN - SKIN)
                }
                Reference::Body => {
                    let normal = transform.rotation.rotate(self.manifold.normal);
                    let plane = transform.apply(self.manifold.plane);
                    (-normal, point.place, (point.place - plane).dot(normal) - SKIN - SKIN)
                }
            };
            if separation < least {
                least = separation;
            }
            let arm = place - position.center;
            let correction = clamp(factor * (separation + SLOP), -LARGEST_CORRECTION, 0.0);
            let across = arm.cross(normal);
            let mass = self.inverse_mass + self.inverse_inertia * across * across;
            let impulse = (if mass > 0.0 { -correction / mass } else { 0.0 }) * normal;
            position.center += self.inverse_mass * impulse;
            position.angle += self.inverse_inertia * arm.cross(impulse);
        }
        least
    }
}

/// `value`, or 0 if it is not greater.
fn positive(value: f32) -> f32 {
    if value > 0.0 {
        value
    } else {
        0.0
    }
}

fn times(matrix: &[[f32; 2]; 2], vector: [f32; 2]) -> [f32; 2] {
    let [x, y] = vector;
    [matrix[0][0] * x + matrix[0][1] * y, matrix[1][0] * x + matrix[1][1] * y]
}
