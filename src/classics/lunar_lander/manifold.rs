//! Where an edge of the ground touches a body: at most two points.
//!
//! One of the two has the reference face; the facing side of the other one is clipped to it. The choice between them and the order of
//! the points decide the last bits of the solution.

use super::bodies::Shape;
use super::ground::Edge;
use super::vector::{Transform, Vector};
use super::world::{ANGULAR_SLOP, SKIN};
use serde::{Deserialize, Serialize};

/// Corners that a shape has at most.
const MOST_CORNERS: usize = 6;
/// Distance between the two shapes at which they still touch, m: both have a skin.
const REACH: f32 = 2.0 * SKIN;

/// Whose face the points lie on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reference {
    #[default]
    Edge,
    Body,
}

/// A point of contact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// In the body's coordinates if the edge is the reference, in the world's otherwise.
    pub place: Vector,
    /// Impulse along the normal in the last step, N s; the next step starts from it.
    pub normal_impulse: f32,
    /// Impulse along the edge in the last step, N s.
    pub tangent_impulse: f32,
    /// Which features of the two meet here, to recognize the point in the next step.
    id: Id,
}

/// The features that meet in a point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Id {
    edge: Feature,
    body: Feature,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Feature {
    Corner(u8),
    Face(u8),
}

impl Default for Feature {
    fn default() -> Self {
        Feature::Corner(0)
    }
}

/// The points of contact and their common normal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifold {
    pub reference: Reference,
    /// Normal of the reference face, in the coordinates of its owner.
    pub normal: Vector,
    /// A point of the reference face, in the coordinates of its owner.
    pub plane: Vector,
    points: [Point; 2],
    count: u8,
}

impl Manifold {
    pub fn points(&self) -> &[Point] {
        &self.points[..usize::from(self.count).min(2)]
    }

    pub fn points_mut(&mut self) -> &mut [Point] {
        &mut self.points[..usize::from(self.count).min(2)]
    }

    /// Takes over the impulses of the points that `before` has too.
    pub fn inherit(&mut self, before: &Manifold) {
        for point in self.points_mut() {
            if let Some(old) = before.points().iter().find(|old| old.id == point.id) {
                point.normal_impulse = old.normal_impulse;
                point.tangent_impulse = old.tangent_impulse;
            }
        }
    }
}

/// A corner of the incident side, or its cut.
#[derive(Clone, Copy, Default)]
struct Clipped {
    place: Vector,
    id: Id,
}

/// The face that clips, with everything in the world's coordinates.
struct Face {
    ends: [Vector; 2],
    /// Index of each end among the corners of the reference shape.
    indices: [u8; 2],
    normal: Vector,
}

/// Touching points of `edge` and a body with this shape and place; without impulses.
pub fn collide(edge: &Edge, shape: &Shape, transform: &Transform) -> Manifold {
    let front = edge.normal.dot(transform.apply(shape.centroid) - edge.ends[0]) >= 0.0;
    let up = if front { edge.normal } else { -edge.normal };
    let count = shape.corners.len().min(MOST_CORNERS);
    let (mut corners, mut normals) = ([Vector::ZERO; MOST_CORNERS], [Vector::ZERO; MOST_CORNERS]);
    for i in 0..count {
        corners[i] = transform.apply(shape.corners[i]);
        normals[i] = transform.rotation.rotate(shape.normals[i]);
    }
    let (corners, normals) = (&corners[..count], &normals[..count]);

    let edge_separation = corners.iter().map(|corner| up.dot(*corner - edge.ends[0])).fold(f32::MAX, lesser);
    if edge_separation > REACH {
        return Manifold::default();
    }
    let (side, separation) = farthest_side(corners, normals, &edge.ends, up);
    if separation > REACH {
        return Manifold::default();
    }
    let manifold = if separation > 0.98 * edge_separation + 0.001 {
        against_body(edge, shape, side, corners, normals[side])
    } else {
        against_edge(edge, front, corners, normals, transform)
    };
    manifold.unwrap_or_default()
}

/// The side of the body from which the edge is farthest, with the distance, -infinity if no side counts.
/// The first side that is out of reach ends the search.
fn farthest_side(corners: &[Vector], normals: &[Vector], ends: &[Vector; 2], up: Vector) -> (usize, f32) {
    let limit = -up;
    let mut farthest = (0, f32::NEG_INFINITY);
    for (i, (corner, normal)) in corners.iter().zip(normals).enumerate() {
        let inward = -*normal;
        let separation = lesser(inward.dot(*corner - ends[0]), inward.dot(*corner - ends[1]));
        if separation > REACH {
            return (i, separation);
        }
        let faces_away = (inward - limit).dot(up) < -ANGULAR_SLOP;
        if !faces_away && separation > farthest.1 {
            farthest = (i, separation);
        }
    }
    farthest
}

/// The edge clipped to a side of the body.
fn against_body(edge: &Edge, shape: &Shape, side: usize, corners: &[Vector], normal: Vector) -> Option<Manifold> {
    let next = (side + 1) % corners.len();
    let face = Face { ends: [corners[side], corners[next]], indices: [side as u8, next as u8], normal };
    // The engine gives both ends index 0.
    let id = Id { edge: Feature::Face(side as u8), body: Feature::Corner(0) };
    let clipped = face.clip(edge.ends.map(|place| Clipped { place, id }), |first, index| Id {
        edge: first.edge,
        body: Feature::Corner(index),
    })?;
    let (normal, plane) = (shape.normals[side], shape.corners[side]);
    Some(face.manifold(Reference::Body, normal, plane, clipped, |place| place))
}

/// The side of the body that faces the edge, clipped to the edge.
fn against_edge(
    edge: &Edge,
    front: bool,
    corners: &[Vector],
    normals: &[Vector],
    transform: &Transform,
) -> Option<Manifold> {
    let [start, end] = edge.ends;
    let face = if front {
        Face { ends: [start, end], indices: [0, 1], normal: edge.normal }
    } else {
        Face { ends: [end, start], indices: [1, 0], normal: -edge.normal }
    };
    let mut side = 0;
    for i in 1..normals.len() {
        if face.normal.dot(normals[i]) < face.normal.dot(normals[side]) {
            side = i;
        }
    }
    let incident = [side, (side + 1) % corners.len()]
        .map(|i| Clipped { place: corners[i], id: Id { edge: Feature::Face(0), body: Feature::Corner(i as u8) } });
    let clipped = face.clip(incident, |first, index| Id {
        edge: Feature::Corner(index),
        body: Feature::Face(match first.body {
            Feature::Corner(i) | Feature::Face(i) => i,
        }),
    })?;
    let local = |place| transform.apply_back(place);
    Some(face.manifold(Reference::Edge, face.normal, face.ends[0], clipped, local))
}

impl Face {
    /// The part of `incident` between the lines through the ends of this face; `None` if fewer than two points are left.
    /// `id` names a cut: from the first point, and the index of the end that cut.
    fn clip(&self, incident: [Clipped; 2], id: impl Fn(Id, u8) -> Id) -> Option<[Clipped; 2]> {
        let side = self.normal.right();
        let first = cut(incident, side, self.ends[0], |first| id(first, self.indices[0]))?;
        cut(first, -side, self.ends[1], |first| id(first, self.indices[1]))
    }

    /// The points that are near enough to the face. `local` finds their coordinates.
    fn manifold(
        &self,
        reference: Reference,
        normal: Vector,
        plane: Vector,
        clipped: [Clipped; 2],
        local: impl Fn(Vector) -> Vector,
    ) -> Manifold {
        let mut manifold = Manifold { reference, normal, plane, ..Manifold::default() };
        for point in clipped {
            if self.normal.dot(point.place - self.ends[0]) <= REACH {
                let place = local(point.place);
                manifold.points[usize::from(manifold.count)] = Point { place, id: point.id, ..Point::default() };
                manifold.count += 1;
            }
        }
        manifold
    }
}

/// Cuts away what is beyond `end` in the direction of `side`.
fn cut(points: [Clipped; 2], side: Vector, end: Vector, id: impl Fn(Id) -> Id) -> Option<[Clipped; 2]> {
    let [first, second] = points;
    let offset = side.dot(end);
    let [d0, d1] = points.map(|point| side.dot(point.place) - offset);
    match (d0 <= 0.0, d1 <= 0.0) {
        (true, true) => return Some(points),
        (false, false) => return None,
        _ => {}
    }
    if d0 * d1 >= 0.0 {
        return None;
    }
    let place = first.place + d0 / (d0 - d1) * (second.place - first.place);
    let new = Clipped { place, id: id(first.id) };
    Some(if d0 <= 0.0 { [first, new] } else { [second, new] })
}

fn lesser(a: f32, b: f32) -> f32 {
    if a < b {
        a
    } else {
        b
    }
}
