//! Points, rotations and transforms of the plane, in f32.
//!
//! Every operation rounds once and sums run from left to right: equality to the last bit depends on this order.

use super::sine::sin_cos;
use serde::{Deserialize, Serialize};
use std::ops::{Add, AddAssign, Mul, Neg, Sub, SubAssign};

/// A point or a direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Vector {
    pub x: f32,
    pub y: f32,
}

impl Vector {
    pub const ZERO: Vector = Vector { x: 0.0, y: 0.0 };

    pub const fn new(x: f32, y: f32) -> Vector {
        Vector { x, y }
    }

    pub fn dot(self, other: Vector) -> f32 {
        self.x * other.x + self.y * other.y
    }

    /// The third component of the cross product.
    pub fn cross(self, other: Vector) -> f32 {
        self.x * other.y - self.y * other.x
    }

    pub fn length(self) -> f32 {
        self.dot(self).sqrt()
    }

    /// This direction with length 1; itself when it is too short to have one.
    pub fn normalized(self) -> Vector {
        let length = self.length();
        if length < f32::EPSILON {
            return self;
        }
        1.0 / length * self
    }

    /// Turned to the right by 90 degrees: the cross product with a unit vector that points to the reader.
    pub fn right(self) -> Vector {
        Vector::new(self.y, -self.x)
    }

    /// Turned to the left by 90 degrees.
    pub fn left(self) -> Vector {
        Vector::new(-self.y, self.x)
    }
}

/// The velocity of a point at `arm` from the center of a body that turns at `rate` rad/s.
pub fn spin(rate: f32, arm: Vector) -> Vector {
    Vector::new(-rate * arm.y, rate * arm.x)
}

impl Add for Vector {
    type Output = Vector;
    fn add(self, other: Vector) -> Vector {
        Vector::new(self.x + other.x, self.y + other.y)
    }
}

impl Sub for Vector {
    type Output = Vector;
    fn sub(self, other: Vector) -> Vector {
        Vector::new(self.x - other.x, self.y - other.y)
    }
}

impl Neg for Vector {
    type Output = Vector;
    fn neg(self) -> Vector {
        Vector::new(-self.x, -self.y)
    }
}

impl Mul<Vector> for f32 {
    type Output = Vector;
    fn mul(self, vector: Vector) -> Vector {
        Vector::new(self * vector.x, self * vector.y)
    }
}

impl AddAssign for Vector {
    fn add_assign(&mut self, other: Vector) {
        *self = *self + other;
    }
}

impl SubAssign for Vector {
    fn sub_assign(&mut self, other: Vector) {
        *self = *self - other;
    }
}

/// A rotation, as sine and cosine of its angle.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rotation {
    pub sine: f32,
    pub cosine: f32,
}

impl Rotation {
    /// By `angle` radians, counter-clockwise.
    pub fn new(angle: f32) -> Rotation {
        let (sine, cosine) = sin_cos(angle);
        Rotation { sine, cosine }
    }

    /// `vector`, rotated.
    pub fn rotate(self, vector: Vector) -> Vector {
        Vector::new(self.cosine * vector.x - self.sine * vector.y, self.sine * vector.x + self.cosine * vector.y)
    }

    /// The vector that [`rotate`](Self::rotate) turns into `vector`.
    pub fn rotate_back(self, vector: Vector) -> Vector {
        Vector::new(self.cosine * vector.x + self.sine * vector.y, -self.sine * vector.x + self.cosine * vector.y)
    }
}

/// The place of a body: the world's coordinates of its origin, and its rotation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transform {
    pub position: Vector,
    pub rotation: Rotation,
}

impl Transform {
    /// From the position of the body's center of mass and the body's angle; `local_center` is the center in the body's coordinates.
    pub fn around(center: Vector, angle: f32, local_center: Vector) -> Transform {
        let rotation = Rotation::new(angle);
        Transform { position: center - rotation.rotate(local_center), rotation }
    }

    /// A point of the body in the world's coordinates.
    pub fn apply(&self, point: Vector) -> Vector {
        self.rotation.rotate(point) + self.position
    }

    /// A point of the world in the body's coordinates.
    pub fn apply_back(&self, point: Vector) -> Vector {
        self.rotation.rotate_back(point - self.position)
    }
}

/// `value`, but not outside `low..=high`.
pub fn clamp(value: f32, low: f32, high: f32) -> f32 {
    let value = if value < high { value } else { high };
    if low > value {
        low
    } else {
        value
    }
}
