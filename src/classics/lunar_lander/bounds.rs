//! Boxes with upright sides. Bodies whose boxes are apart do not touch.

use super::vector::{Transform, Vector};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    lower: Vector,
    upper: Vector,
}

impl Bounds {
    /// Room on each side of a fat box, m.
    pub const MARGIN: f32 = 0.1;

    /// Around points of a body, with `skin` on each side.
    pub fn around(points: &[Vector], transform: &Transform, skin: f32) -> Bounds {
        let first = transform.apply(points[0]);
        let mut bounds = Bounds { lower: first, upper: first };
        for point in &points[1..] {
            let point = transform.apply(*point);
            bounds = bounds.union(Bounds { lower: point, upper: point });
        }
        bounds.grown(skin)
    }

    pub fn union(self, other: Bounds) -> Bounds {
        let least = |a: f32, b: f32| if a < b { a } else { b };
        let most = |a: f32, b: f32| if a > b { a } else { b };
        Bounds {
            lower: Vector::new(least(self.lower.x, other.lower.x), least(self.lower.y, other.lower.y)),
            upper: Vector::new(most(self.upper.x, other.upper.x), most(self.upper.y, other.upper.y)),
        }
    }

    pub fn grown(self, margin: f32) -> Bounds {
        let margin = Vector::new(margin, margin);
        Bounds { lower: self.lower - margin, upper: self.upper + margin }
    }

    /// Longer in the direction of `way`.
    pub fn stretched(mut self, way: Vector) -> Bounds {
        for (lower, upper, way) in
            [(&mut self.lower.x, &mut self.upper.x, way.x), (&mut self.lower.y, &mut self.upper.y, way.y)]
        {
            if way < 0.0 {
                *lower += way;
            } else {
                *upper += way;
            }
        }
        self
    }

    pub fn contains(&self, other: &Bounds) -> bool {
        self.lower.x <= other.lower.x
            && self.lower.y <= other.lower.y
            && other.upper.x <= self.upper.x
            && other.upper.y <= self.upper.y
    }

    pub fn overlaps(&self, other: &Bounds) -> bool {
        self.lower.x <= other.upper.x
            && self.lower.y <= other.upper.y
            && other.lower.x <= self.upper.x
            && other.lower.y <= self.upper.y
    }
}
