//! The hinges between hull and legs: each has two limits and a motor that turns the leg.

use super::bodies::{leg, Position, Shape, Velocity, HULL};
use super::vector::{clamp, likely_within, spin, Rotation, Vector};
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

    fn limit(&self, positions: &[Position; 3]) -> Limit {
        let angle = self.angle(positions);
        if angle <= self.lower {
            Limit::Lower
        } else if angle >= self.upper {
            Limit::Upper
        } else {
            Limit::Free
        }
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

impl Joint {
    /// The impulses that a step begins with: the last step's times `warm`, and the limit's only if it is the same
    /// limit.
    fn begun(mut self, limit: Limit, warm: f32) -> Joint {
        if limit != self.limit || limit == Limit::Free {
            self.limit_impulse = 0.0;
        }
        self.limit = limit;
        self.linear = warm * self.linear;
        self.limit_impulse *= warm;
        self.motor_impulse *= warm;
        self
    }
}

/// The impulse that one iteration adds to a hinge, but for the motor's.
#[derive(Clone, Copy, Default)]
pub struct Impulse {
    linear: Vector,
    limit: f32,
    /// Whether the limit let go, which makes the impulse depend on the sum before it.
    let_go: bool,
}

/// A hinge within a step.
#[derive(Clone)]
pub struct JointConstraint {
    hinge: Hinge,
    /// Inverse masses and inertias of hull and leg.
    masses: [f32; 2],
    inertias: [f32; 2],
    arms: [Vector; 2],
    matrix: Matrix,
    motor_mass: f32,
    joint: Joint,
}

/// From impulses (along x, along y, angular) to changes of velocity: a symmetric matrix, prepared for many solutions.
#[derive(Clone)]
struct Matrix {
    x: [f32; 3],
    y: [f32; 3],
    /// The cross product of the last two columns, which every solution needs.
    y_cross_z: [f32; 3],
    z: [f32; 3],
    /// Reciprocal determinants: of all, of the part along x and y.
    all: f32,
    plane: f32,
}

impl Matrix {
    fn new(x: [f32; 3], y: [f32; 3], z: [f32; 3]) -> Matrix {
        let y_cross_z = cross(y, z);
        let all = reciprocal(dot(x, y_cross_z));
        Matrix { x, y, y_cross_z, z, all, plane: reciprocal(x[0] * y[1] - x[1] * x[1]) }
    }

    /// The impulse along x and y that changes velocities by `b`.
    fn solve_plane(&self, b: Vector) -> Vector {
        let [xx, xy, _] = self.x;
        Vector::new(self.plane * (self.y[1] * b.x - xy * b.y), self.plane * (xx * b.y - xy * b.x))
    }

    /// The linear and the angular impulse that change velocities by these, by Cramer's rule.
    fn solve(&self, linear: Vector, angular: f32) -> (Vector, f32) {
        let b = [linear.x, linear.y, angular];
        let x = self.all * dot(b, self.y_cross_z);
        let y = self.all * dot(self.x, cross(b, self.z));
        let z = self.all * dot(self.x, cross(self.y, b));
        (Vector::new(x, y), z)
    }
}

impl JointConstraint {
    /// Prepares a step and applies the last step's impulses times `warm`.
    pub fn new(
        hinge: Hinge,
        joint: Joint,
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
        let joint = joint.begun(hinge.limit(positions), warm);
        let constraint = JointConstraint {
            hinge,
            masses,
            inertias: [ia, ib],
            arms: [a, b],
            matrix: Matrix::new([xx, xy, xz], [xy, yy, yz], [xz, yz, zz]),
            motor_mass: 1.0 / zz,
            joint,
        };
        let turn = |arm: Vector| arm.cross(joint.linear) + joint.motor_impulse + joint.limit_impulse;
        let (mut hull, mut leg) = (velocities[HULL], velocities[hinge.leg]);
        constraint.apply(&mut hull, &mut leg, joint.linear, [turn(a), turn(b)]);
        velocities[HULL] = hull;
        velocities[hinge.leg] = leg;
        constraint
    }

    /// What the next step starts from.
    pub fn joint(&self) -> Joint {
        self.joint
    }

    /// The leg's index among the bodies.
    pub fn leg(&self) -> usize {
        self.hinge.leg
    }

    pub fn motor_impulse(&self) -> f32 {
        self.joint.motor_impulse
    }

    pub fn set_motor_impulse(&mut self, impulse: f32) {
        self.joint.motor_impulse = impulse;
    }

    /// Applies `impulse` to hull and leg, in opposite directions, with the angular impulse of each.
    #[inline(always)]
    fn apply(&self, hull: &mut Velocity, leg: &mut Velocity, impulse: Vector, turns: [f32; 2]) {
        hull.linear -= self.masses[0] * impulse;
        hull.angular -= self.inertias[0] * turns[0];
        leg.linear += self.masses[1] * impulse;
        leg.angular += self.inertias[1] * turns[1];
    }

    /// An iteration: motor, then limit and anchors.
    #[inline(always)]
    pub fn solve_velocity(&mut self, hull: &mut Velocity, leg: &mut Velocity) -> Impulse {
        self.solve_motor(hull, leg);
        let [a, b] = self.arms;
        let apart = leg.at(b) - hull.linear - spin(hull.angular, a);
        let impulse = self.holding(apart, leg.angular - hull.angular);
        self.joint.linear += impulse.linear;
        let turns = if self.joint.limit == Limit::Free {
            [a.cross(impulse.linear), b.cross(impulse.linear)]
        } else {
            [a.cross(impulse.linear) + impulse.limit, b.cross(impulse.linear) + impulse.limit]
        };
        self.apply(hull, leg, impulse.linear, turns);
        impulse
    }

    #[inline(always)]
    fn solve_motor(&mut self, hull: &mut Velocity, leg: &mut Velocity) {
        const MOST: f32 = TIME_STEP * TORQUE;
        let too_fast = leg.angular - hull.angular - self.hinge.speed;
        let before = self.joint.motor_impulse;
        let wanted = before + -self.motor_mass * too_fast;
        // The motor that is at its limit and wants more does nothing.
        if (before == MOST && wanted >= MOST) || (before == -MOST && wanted <= -MOST) {
            return;
        }
        self.joint.motor_impulse = likely_within(wanted, -MOST, MOST);
        let impulse = self.joint.motor_impulse - before;
        hull.angular -= self.inertias[0] * impulse;
        leg.angular += self.inertias[1] * impulse;
    }

    /// The impulse that stops the anchors from moving apart, and the leg from turning beyond a limit.
    #[inline(always)]
    fn holding(&mut self, apart: Vector, turning: f32) -> Impulse {
        if self.joint.limit == Limit::Free {
            return Impulse { linear: self.matrix.solve_plane(-apart), ..Impulse::default() };
        }
        let (linear, limit) = self.matrix.solve(apart, turning);
        let impulse = Impulse { linear: -linear, limit: -limit, let_go: false };
        if self.holds(&impulse) {
            self.joint.limit_impulse += impulse.limit;
            return impulse;
        }
        // The limit only pushes: it lets go, and the anchors are solved for alone.
        let before = self.joint.limit_impulse;
        self.joint.limit_impulse = 0.0;
        let [xz, yz, _] = self.matrix.z;
        let linear = self.matrix.solve_plane(-apart + before * Vector::new(xz, yz));
        Impulse { linear, limit: -before, let_go: true }
    }

    /// Whether the limit still pushes after this impulse.
    #[inline(always)]
    pub fn holds(&self, impulse: &Impulse) -> bool {
        let total = self.joint.limit_impulse + impulse.limit;
        match self.joint.limit {
            _ if impulse.let_go => false,
            Limit::Free => true,
            Limit::Lower => total >= 0.0,
            Limit::Upper => total <= 0.0,
        }
    }

    /// Adds the same impulse as an earlier iteration, which [holds](Self::holds).
    pub fn repeat(&mut self, impulse: &Impulse) {
        self.joint.linear += impulse.linear;
        self.joint.limit_impulse += impulse.limit;
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
        let scale = reciprocal(xx * yy - xy * xy);
        let impulse = -Vector::new(scale * (yy * apart.x - xy * apart.y), scale * (xx * apart.y - xy * apart.x));
        positions[HULL].center -= ma * impulse;
        positions[HULL].angle -= ia * a.cross(impulse);
        positions[leg].center += mb * impulse;
        positions[leg].angle += ib * b.cross(impulse);
        apart.length() <= SLOP && angular_error <= ANGULAR_SLOP
    }
}

fn reciprocal(determinant: f32) -> f32 {
    if determinant != 0.0 {
        1.0 / determinant
    } else {
        determinant
    }
}

fn dot(a: [f32; 3], b: [f32; 3]) -> f32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: [f32; 3], b: [f32; 3]) -> [f32; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}
