//! The hinges between hull and legs: each has two limits and a motor that turns the leg.

use super::bodies::{leg, Position, Shape, Velocity, HULL};
use super::vector::{clamp, Rotation, Vector};
use super::world::{ANGULAR_SLOP, LARGEST_TURN, SLOP, TIME_STEP};
use serde::{Deserialize, Serialize};

/// Largest torque of the motor, N m.
const TORQUE: f32 = 40.0;

/// The fixed properties of a hinge. The hull's anchor is its origin.
#[derive(Clone, Copy, Debug)]
pub struct Hinge {
    /// The leg's index among the bodies.
    pub leg: usize,
    /// Anchor in the leg's coordinates, m.
    anchor: Vector,
    /// Angle between hull and leg that counts as 0, rad.
    reference: f32,
    lower: f32,
    upper: f32,
    /// The motor's speed, rad/s.
    speed: f32,
}

impl Hinge {
    /// The hinge of leg 0 or 1.
    pub fn new(index: usize) -> Hinge {
        let side = if index == 0 { -1.0 } else { 1.0 };
        let (lower, upper) = if index == 0 { (0.9 - 0.5, 0.9) } else { (-0.9, -0.9 + 0.5) };
        Hinge {
            leg: leg(index),
            anchor: Vector::new((side * 20.0 / 30.0) as f32, (18.0 / 30.0) as f32),
            reference: (side * 0.05) as f32,
            lower: lower as f32,
            upper: upper as f32,
            speed: (0.3 * side) as f32,
        }
    }

    /// Angle between hull and leg, rad.
    fn angle(&self, positions: &[Position; 3]) -> f32 {
        positions[self.leg].angle - positions[HULL].angle - self.reference
    }

    /// Vectors from the centers of mass to the anchors: the hull's and the leg's.
    fn arms(&self, shapes: &[Shape; 3], positions: &[Position; 3]) -> (Vector, Vector) {
        let arm = |body: usize, anchor: Vector| {
            Rotation::new(positions[body].angle).rotate(anchor - shapes[body].local_center)
        };
        (arm(HULL, Vector::ZERO), arm(self.leg, self.anchor))
    }
}

/// The limit that a hinge is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Limit {
    #[default]
    Free,
    Lower,
    Upper,
}

/// What a hinge remembers from step to step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Joint {
    /// Impulse that keeps the anchors together, N s.
    linear: Vector,
    /// Impulse of the limit, N m s.
    limit_impulse: f32,
    motor_impulse: f32,
    limit: Limit,
}

/// A hinge within a step.
pub struct JointConstraint {
    hinge: Hinge,
    /// Inverse masses and inertias of hull (a) and leg (b).
    masses: [f32; 2],
    inertias: [f32; 2],
    arms: [Vector; 2],
    /// Columns of the symmetric 3 x 3 matrix from impulses to changes of velocity: along x, along y, angular.
    columns: [[f32; 3]; 3],
    motor_mass: f32,
    joint: Joint,
}

impl JointConstraint {
    /// Prepares a step and applies the last step's impulses times `warm`.
    pub fn new(
        hinge: Hinge,
        mut joint: Joint,
        shapes: &[Shape; 3],
        positions: &[Position; 3],
        velocities: &mut [Velocity; 3],
        warm: f32,
    ) -> JointConstraint {
        let (a, b) = hinge.arms(shapes, positions);
        let masses = [shapes[HULL].inverse_mass, shapes[hinge.leg].inverse_mass];
        let [ia, ib] = [shapes[HULL].inverse_inertia, shapes[hinge.leg].inverse_inertia];
        let mass = masses[0] + masses[1];
        let xx = mass + a.y * a.y * ia + b.y * b.y * ib;
        let xy = -a.y * a.x * ia - b.y * b.x * ib;
        let xz = -a.y * ia - b.y * ib;
        let yy = mass + a.x * a.x * ia + b.x * b.x * ib;
        let yz = a.x * ia + b.x * ib;
        let zz = ia + ib;

        let angle = hinge.angle(positions);
        let limit = if angle <= hinge.lower {
            Limit::Lower
        } else if angle >= hinge.upper {
            Limit::Upper
        } else {
            Limit::Free
        };
        if limit != joint.limit || limit == Limit::Free {
            joint.limit_impulse = 0.0;
        }
        joint.limit = limit;
        joint.linear = Vector::new(joint.linear.x * warm, joint.linear.y * warm);
        joint.limit_impulse *= warm;
        joint.motor_impulse *= warm;

        let constraint = JointConstraint {
            hinge,
            masses,
            inertias: [ia, ib],
            arms: [a, b],
            columns: [[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]],
            motor_mass: 1.0 / zz,
            joint,
        };
        let turn = |arm: Vector| arm.cross(joint.linear) + joint.motor_impulse + joint.limit_impulse;
        constraint.apply(velocities, joint.linear, turn(a), turn(b));
        constraint
    }

    /// What the next step starts from.
    pub fn joint(&self) -> Joint {
        self.joint
    }

    /// Applies `impulse` to hull and leg, in opposite directions, with the angular impulse of each.
    fn apply(&self, velocities: &mut [Velocity; 3], impulse: Vector, turn_a: f32, turn_b: f32) {
        let a = &mut velocities[HULL];
        a.linear -= self.masses[0] * impulse;
        a.angular -= self.inertias[0] * turn_a;
        let b = &mut velocities[self.hinge.leg];
        b.linear += self.masses[1] * impulse;
        b.angular += self.inertias[1] * turn_b;
    }

    /// An iteration: motor, then limit and anchors.
    pub fn solve_velocity(&mut self, velocities: &mut [Velocity; 3]) {
        const MOST: f32 = TIME_STEP * TORQUE;
        let leg = self.hinge.leg;
        let too_fast = velocities[leg].angular - velocities[HULL].angular - self.hinge.speed;
        let before = self.joint.motor_impulse;
        self.joint.motor_impulse = clamp(before + -self.motor_mass * too_fast, -MOST, MOST);
        let impulse = self.joint.motor_impulse - before;
        velocities[HULL].angular -= self.inertias[0] * impulse;
        velocities[leg].angular += self.inertias[1] * impulse;

        let [a, b] = self.arms;
        let (hull, leg) = (velocities[HULL], velocities[leg]);
        let apart = leg.at(b) - hull.linear - super::vector::spin(hull.angular, a);
        if self.joint.limit == Limit::Free {
            let impulse = self.solve_2x2(-apart);
            self.joint.linear += impulse;
            return self.apply(velocities, impulse, a.cross(impulse), b.cross(impulse));
        }
        let (mut impulse, mut turn) = self.solve_3x3(apart, leg.angular - hull.angular);
        let total = self.joint.limit_impulse + turn;
        let pulls = match self.joint.limit {
            Limit::Lower => total < 0.0,
            _ => total > 0.0,
        };
        if pulls {
            // The limit only pushes: it lets go, and the anchors are solved for alone.
            let [xz, yz, _] = self.columns[2];
            let limit = self.joint.limit_impulse;
            impulse = self.solve_2x2(-apart + limit * Vector::new(xz, yz));
            turn = -limit;
            self.joint.limit_impulse = 0.0;
        } else {
            self.joint.limit_impulse = total;
        }
        self.joint.linear += impulse;
        self.apply(velocities, impulse, a.cross(impulse) + turn, b.cross(impulse) + turn);
    }

    /// The impulse that changes the anchors' relative velocity by `change`.
    fn solve_2x2(&self, change: Vector) -> Vector {
        let [[xx, xy, _], [_, yy, _], _] = self.columns;
        solve_2x2(xx, xy, yy, change)
    }

    /// The linear and the angular impulse that stop these relative velocities.
    fn solve_3x3(&self, linear: Vector, angular: f32) -> (Vector, f32) {
        let [x, y, z] = self.columns;
        let b = [linear.x, linear.y, angular];
        let mut det = dot(x, cross(y, z));
        if det != 0.0 {
            det = 1.0 / det;
        }
        (Vector::new(-(det * dot(b, cross(y, z))), -(det * dot(x, cross(b, z)))), -(det * dot(x, cross(y, b))))
    }

    /// Moves hull and leg towards where limits and anchors want them. Whether they were near enough.
    pub fn solve_position(&self, shapes: &[Shape; 3], positions: &mut [Position; 3]) -> bool {
        let leg = self.hinge.leg;
        let [ma, mb] = self.masses;
        let [ia, ib] = self.inertias;
        let mut angular_error = 0.0;
        if self.joint.limit != Limit::Free {
            let angle = self.hinge.angle(positions);
            let correction = if self.joint.limit == Limit::Lower {
                let beyond = angle - self.hinge.lower;
                angular_error = -beyond;
                clamp(beyond + ANGULAR_SLOP, -LARGEST_TURN, 0.0)
            } else {
                let beyond = angle - self.hinge.upper;
                angular_error = beyond;
                clamp(beyond - ANGULAR_SLOP, 0.0, LARGEST_TURN)
            };
            let impulse = -self.motor_mass * correction;
            positions[HULL].angle -= ia * impulse;
            positions[leg].angle += ib * impulse;
        }
        let (a, b) = self.hinge.arms(shapes, positions);
        let apart = positions[leg].center + b - positions[HULL].center - a;
        let mass = ma + mb;
        let xx = mass + ia * a.y * a.y + ib * b.y * b.y;
        let xy = -ia * a.x * a.y - ib * b.x * b.y;
        let yy = mass + ia * a.x * a.x + ib * b.x * b.x;
        let impulse = -solve_2x2(xx, xy, yy, apart);
        positions[HULL].center -= ma * impulse;
        positions[HULL].angle -= ia * a.cross(impulse);
        positions[leg].center += mb * impulse;
        positions[leg].angle += ib * b.cross(impulse);
        apart.length() <= SLOP && angular_error <= ANGULAR_SLOP
    }
}

fn solve_2x2(xx: f32, xy: f32, yy: f32, b: Vector) -> Vector {
    let mut det = xx * yy - xy * xy;
    if det != 0.0 {
        det = 1.0 / det;
    }
    Vector::new(det * (yy * b.x - xy * b.y), det * (xx * b.y - xy * b.x))
}

fn dot(a: [f32; 3], b: [f32; 3]) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}
