//! The ground: a chain of separate edges that never move.

use super::bounds::Bounds;
use super::vector::{Rotation, Transform, Vector};
use super::world::SKIN;

/// Corners of the terrain, from left to right.
pub const POINTS: usize = 11;

/// A line segment that can be touched from both sides.
#[derive(Clone, Copy, Debug)]
pub struct Edge {
    pub ends: [Vector; 2],
    /// To the right of the way from the first end to the second.
    pub normal: Vector,
    pub friction: f32,
    /// Box with room around it.
    pub fat: Bounds,
}

impl Edge {
    fn new(from: Vector, to: Vector, friction: f32) -> Edge {
        let still = Transform { position: Vector::ZERO, rotation: Rotation { sine: 0.0, cosine: 1.0 } };
        Edge {
            ends: [from, to],
            normal: (to - from).normalized().right(),
            friction,
            fat: Bounds::around(&[from, to], &still, SKIN).grown(Bounds::MARGIN),
        }
    }
}

/// All edges in the engine's order: a base over the full width at height 0, which the terrain can dip to, then the terrain.
pub fn edges(terrain: &[Vector; POINTS]) -> Vec<Edge> {
    let base = Edge::new(Vector::ZERO, Vector::new(20.0, 0.0), 0.2);
    let slopes = terrain.windows(2).map(|ends| Edge::new(ends[0], ends[1], 0.1));
    std::iter::once(base).chain(slopes).collect()
}
