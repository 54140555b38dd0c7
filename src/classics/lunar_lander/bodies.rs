//! The three moving bodies: the hull and two legs. Each has one convex shape.

use super::bounds::Bounds;
use super::vector::{spin, Rotation, Transform, Vector};
use super::world::SKIN;
use serde::{Deserialize, Serialize};

/// The hull's index among the bodies; legs 0 and 1 follow it. (Leg 0, made first, stands on the right.)
pub const HULL: usize = 0;

/// A body's index from its leg's.
pub const fn leg(index: usize) -> usize {
    1 + index
}

/// The outline of the hull, counter-clockwise, in pixels of which 30 are a metre.
pub const HULL_OUTLINE: [(f64, f64); 6] =
    [(17.0, -10.0), (17.0, 0.0), (14.0, 17.0), (-14.0, 17.0), (-17.0, 0.0), (-17.0, -10.0)];
/// Half the width and half the height of a leg, in the same pixels.
pub const LEG_HALVES: (f64, f64) = (2.0, 8.0);

/// The shape of a body with what follows from it. It never changes.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Corners, counter-clockwise, in the body's coordinates (m).
    pub corners: Vec<Vector>,
    /// Outward normal of the side from each corner to the next.
    pub normals: Vec<Vector>,
    /// Centroid; the engine rounds it apart from `local_center`.
    pub centroid: Vector,
    /// Center of mass in the body's coordinates.
    pub local_center: Vector,
    /// 1/kg.
    pub inverse_mass: f32,
    /// 1/(kg m²), about the center of mass.
    pub inverse_inertia: f32,
    pub friction: f32,
}

impl Shape {
    pub fn hull() -> Shape {
        let corners: Vec<Vector> = HULL_OUTLINE.iter().map(|(x, y)| meters(*x, *y)).collect();
        let normals = sides(&corners).map(|(from, to)| (to - from).right().normalized()).collect();
        let centroid = centroid(&corners);
        Shape::new(corners, normals, centroid, 5.0, 0.1)
    }

    pub fn leg() -> Shape {
        let (x, y) = LEG_HALVES;
        let corners = vec![meters(-x, -y), meters(x, -y), meters(x, y), meters(-x, y)];
        let normals = [(0.0, -1.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)].map(|(x, y)| Vector::new(x, y)).to_vec();
        Shape::new(corners, normals, Vector::ZERO, 1.0, 0.2)
    }

    fn new(corners: Vec<Vector>, normals: Vec<Vector>, centroid: Vector, density: f32, friction: f32) -> Shape {
        let Mass { mass, center, inertia } = mass(&corners, density);
        let inverse_mass = 1.0 / mass;
        let local_center = inverse_mass * (mass * center);
        let inverse_inertia = 1.0 / (inertia - mass * local_center.dot(local_center));
        Shape { corners, normals, centroid, local_center, inverse_mass, inverse_inertia, friction }
    }
}

fn meters(x: f64, y: f64) -> Vector {
    Vector::new((x / 30.0) as f32, (y / 30.0) as f32)
}

/// The sides of a polygon.
fn sides(corners: &[Vector]) -> impl Iterator<Item = (Vector, Vector)> + '_ {
    (0..corners.len()).map(|i| (corners[i], corners[(i + 1) % corners.len()]))
}

/// Sums triangles between the origin and each side.
fn centroid(corners: &[Vector]) -> Vector {
    let (mut area, mut sum) = (0.0, Vector::ZERO);
    for (from, to) in sides(corners) {
        let triangle = 0.5 * from.cross(to);
        area += triangle;
        sum += (triangle * (1.0 / 3.0)) * (from + to);
    }
    1.0 / area * sum
}

pub struct Mass {
    pub mass: f32,
    pub center: Vector,
    /// About the origin.
    pub inertia: f32,
}

/// Sums triangles between the mean of the corners and each side.
pub fn mass(corners: &[Vector], density: f32) -> Mass {
    let mut middle = Vector::ZERO;
    for corner in corners {
        middle += *corner;
    }
    middle = 1.0 / corners.len() as f32 * middle;
    let (mut area, mut center, mut inertia) = (0.0, Vector::ZERO, 0.0);
    for (from, to) in sides(corners) {
        let (e1, e2) = (from - middle, to - middle);
        let cross = e1.cross(e2);
        let triangle = 0.5 * cross;
        area += triangle;
        center += (triangle * (1.0 / 3.0)) * (e1 + e2);
        let x = e1.x * e1.x + e2.x * e1.x + e2.x * e2.x;
        let y = e1.y * e1.y + e2.y * e1.y + e2.y * e2.y;
        inertia += (0.25 * (1.0 / 3.0) * cross) * (x + y);
    }
    let mass = density * area;
    let center = 1.0 / area * center;
    let from_origin = center + middle;
    let inertia = density * inertia + mass * (from_origin.dot(from_origin) - center.dot(center));
    Mass { mass, center: from_origin, inertia }
}

/// Velocity of a body.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Velocity {
    /// Of the center of mass, m/s.
    pub linear: Vector,
    /// rad/s.
    pub angular: f32,
}

impl Velocity {
    pub const ZERO: Velocity = Velocity { linear: Vector::ZERO, angular: 0.0 };

    /// Velocity of the point at `arm` from the center of mass.
    pub fn at(&self, arm: Vector) -> Vector {
        self.linear + spin(self.angular, arm)
    }
}

/// Position of a body.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// The center of mass, m.
    pub center: Vector,
    /// rad.
    pub angle: f32,
}

impl Position {
    pub fn transform(&self, local_center: Vector) -> Transform {
        Transform::around(self.center, self.angle, local_center)
    }
}

/// The motion of a body within a step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// At time `start`.
    pub from: Position,
    /// At the end of the step.
    pub to: Position,
    /// A fraction of the step.
    pub start: f32,
}

impl Sweep {
    /// The position at a fraction `t` of the way.
    pub fn at(&self, t: f32) -> Position {
        Position {
            center: (1.0 - t) * self.from.center + t * self.to.center,
            angle: (1.0 - t) * self.from.angle + t * self.to.angle,
        }
    }

    /// Moves the beginning on to the fraction `start` of the step.
    pub fn advance(&mut self, start: f32) {
        self.from = self.at((start - self.start) / (1.0 - self.start));
        self.start = start;
    }

    /// The same motion with angles from 0 to a turn at the beginning.
    pub fn wrapped(mut self) -> Sweep {
        let turn = 2.0 * super::world::PI;
        let turns = turn * (self.from.angle / turn).floor();
        self.from.angle -= turns;
        self.to.angle -= turns;
        self
    }
}

/// A moving body.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Body {
    /// The present place; follows from the end of `sweep`.
    pub transform: Transform,
    pub sweep: Sweep,
    pub velocity: Velocity,
    /// Sum for this step, N.
    pub force: Vector,
    /// Sum for this step, N m.
    pub torque: f32,
    /// Seconds without motion worth the name.
    pub sleep_time: f32,
    pub awake: bool,
    /// A box around the shape with room to move in.
    pub fat: Bounds,
}

impl Body {
    /// At rest.
    pub fn new(shape: &Shape, position: Vector, angle: f32) -> Body {
        let transform = Transform { position, rotation: Rotation::new(angle) };
        let position = Position { center: transform.apply(shape.local_center), angle };
        Body {
            transform,
            sweep: Sweep { from: position, to: position, start: 0.0 },
            velocity: Velocity::ZERO,
            force: Vector::ZERO,
            torque: 0.0,
            sleep_time: 0.0,
            awake: true,
            fat: Bounds::around(&shape.corners, &transform, SKIN).grown(Bounds::MARGIN),
        }
    }

    pub fn wake(&mut self) {
        if !self.awake {
            self.awake = true;
            self.sleep_time = 0.0;
        }
    }

    pub fn sleep(&mut self) {
        self.awake = false;
        self.sleep_time = 0.0;
        self.velocity = Velocity::ZERO;
        self.force = Vector::ZERO;
        self.torque = 0.0;
    }

    /// Changes the velocity at once; the impulse (N s) acts at the world's `point`.
    pub fn push(&mut self, shape: &Shape, impulse: Vector, point: Vector) {
        self.wake();
        self.velocity.linear += shape.inverse_mass * impulse;
        self.velocity.angular += shape.inverse_inertia * (point - self.sweep.to.center).cross(impulse);
    }

    /// Sets the transform from the end of the sweep.
    pub fn place(&mut self, shape: &Shape) {
        self.transform = self.sweep.to.transform(shape.local_center);
    }

    /// Ends the motion at the fraction `alpha` of the step.
    pub fn stop_at(&mut self, shape: &Shape, alpha: f32) {
        self.sweep.advance(alpha);
        self.sweep.to = self.sweep.from;
        self.place(shape);
    }

    /// Makes the fat box contain the motion of the step. Whether it was changed.
    pub fn refit(&mut self, shape: &Shape) -> bool {
        let before = self.sweep.from.transform(shape.local_center);
        let bounds =
            Bounds::around(&shape.corners, &before, SKIN).union(Bounds::around(&shape.corners, &self.transform, SKIN));
        if self.fat.contains(&bounds) {
            return false;
        }
        self.fat = bounds.grown(Bounds::MARGIN).stretched(2.0 * (self.transform.position - before.position));
        true
    }
}
