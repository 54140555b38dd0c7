//! The time at which a moving body touches an edge of the ground: conservative advancement along separating axes.

use super::bodies::{Shape, Sweep};
use super::distance::{distance, support, Cache};
use super::vector::{Transform, Vector};
use super::world::{SKIN, SLOP};

/// The distance that counts as touching, m: the skins overlap a little.
const TARGET: f32 = 2.0 * SKIN - 3.0 * SLOP;
const TOLERANCE: f32 = 0.25 * SLOP;
/// Separating axes that are tried at most.
const ROUNDS: usize = 20;
/// Pairs of points that are tried along an axis at most.
const PAIRS: usize = 16;
/// Steps of the root finder at most.
const TRIES: usize = 50;

/// The two shapes and their motion: the edge stands still.
struct Motion<'a> {
    edge: &'a [Vector; 2],
    shape: &'a Shape,
    sweep: Sweep,
}

/// The axis along which the two are apart.
#[derive(Clone, Copy)]
enum Axis {
    /// Between two points, in the world's coordinates.
    Points(Vector),
    /// The edge's normal and its middle.
    Edge(Vector, Vector),
    /// Normal and middle of a side of the body, in the body's coordinates.
    Side(Vector, Vector),
}

/// Points of the edge and of the body; a face needs none on its own shape.
type Pair = (usize, usize);

/// The fraction of `sweep` at which the body touches the edge; `None` if it does not, or if they overlap from the start.
pub fn time_of_impact(edge: &[Vector; 2], shape: &Shape, sweep: Sweep) -> Option<f32> {
    let motion = Motion { edge, shape, sweep: sweep.wrapped() };
    let mut cache = Cache::default();
    let mut time = 0.0;
    for _ in 0..ROUNDS {
        let transform = motion.transform(time);
        let apart = distance(edge, &shape.corners, &transform, &mut cache);
        if apart <= 0.0 {
            return None;
        }
        if apart < TARGET + TOLERANCE {
            return Some(time);
        }
        match motion.advance(motion.axis(&cache, &transform), time) {
            Advance::To(later) => time = later,
            Advance::Touches => return Some(time),
            Advance::Misses => return None,
        }
    }
    None
}

/// The result of one axis.
enum Advance {
    /// No impact before this time.
    To(f32),
    /// An impact at the time at which the axis was found.
    Touches,
    /// No impact at all, or none that can be found.
    Misses,
}

impl Motion<'_> {
    fn transform(&self, time: f32) -> Transform {
        self.sweep.at(time).transform(self.shape.local_center)
    }

    /// The axis that belongs to the nearest points in `cache`.
    fn axis(&self, cache: &Cache, transform: &Transform) -> Axis {
        let corners = &self.shape.corners;
        let in_edge = self.edge[cache.a[0]];
        let in_body = transform.apply(corners[cache.b[0]]);
        if cache.count == 1 {
            return Axis::Points((in_body - in_edge).normalized());
        }
        if cache.a[0] == cache.a[1] {
            let (from, to) = (corners[cache.b[0]], corners[cache.b[1]]);
            let normal = (to - from).right().normalized();
            let middle = 0.5 * (from + to);
            let separation = (in_edge - transform.apply(middle)).dot(transform.rotation.rotate(normal));
            return Axis::Side(if separation < 0.0 { -normal } else { normal }, middle);
        }
        let (from, to) = (in_edge, self.edge[cache.a[1]]);
        let normal = (to - from).right().normalized();
        let middle = 0.5 * (from + to);
        let separation = (in_body - middle).dot(normal);
        Axis::Edge(if separation < 0.0 { -normal } else { normal }, middle)
    }

    /// The pair of points that is deepest along `axis` at `time`, with its separation.
    fn deepest(&self, axis: Axis, time: f32) -> (Pair, f32) {
        let transform = self.transform(time);
        let corners = &self.shape.corners;
        let pair = match axis {
            Axis::Points(axis) => (support(self.edge, axis), support(corners, transform.rotation.rotate_back(-axis))),
            Axis::Edge(normal, _) => (0, support(corners, transform.rotation.rotate_back(-normal))),
            Axis::Side(normal, _) => (support(self.edge, -transform.rotation.rotate(normal)), 0),
        };
        (pair, self.separation_at(axis, pair, &transform))
    }

    /// The separation of `pair` along `axis` at `time`.
    fn separation(&self, axis: Axis, pair: Pair, time: f32) -> f32 {
        self.separation_at(axis, pair, &self.transform(time))
    }

    fn separation_at(&self, axis: Axis, (a, b): Pair, transform: &Transform) -> f32 {
        let in_body = || transform.apply(self.shape.corners[b]);
        match axis {
            Axis::Points(axis) => (in_body() - self.edge[a]).dot(axis),
            Axis::Edge(normal, middle) => (in_body() - middle).dot(normal),
            Axis::Side(normal, middle) => {
                (self.edge[a] - transform.apply(middle)).dot(transform.rotation.rotate(normal))
            }
        }
    }

    /// Looks for the latest time up to which `axis` keeps the two apart, from `time` on.
    fn advance(&self, axis: Axis, time: f32) -> Advance {
        let mut end = 1.0;
        for _ in 0..PAIRS {
            let (pair, at_end) = self.deepest(axis, end);
            if at_end > TARGET + TOLERANCE {
                return Advance::Misses;
            }
            if at_end > TARGET - TOLERANCE {
                return Advance::To(end);
            }
            let at_start = self.separation(axis, pair, time);
            if at_start < TARGET - TOLERANCE {
                return Advance::Misses;
            }
            if at_start <= TARGET + TOLERANCE {
                return Advance::Touches;
            }
            end = self.root(axis, pair, (time, at_start), (end, at_end));
        }
        Advance::To(time)
    }

    /// A time between `before` and `after`, each with its separation, at which the pair is at the target distance.
    fn root(&self, axis: Axis, pair: Pair, before: (f32, f32), after: (f32, f32)) -> f32 {
        let ((mut t1, mut s1), (mut t2, mut s2)) = (before, after);
        for attempt in 0..TRIES {
            let time = if attempt % 2 == 1 { t1 + (TARGET - s1) * (t2 - t1) / (s2 - s1) } else { 0.5 * (t1 + t2) };
            let separation = self.separation(axis, pair, time);
            if (separation - TARGET).abs() < TOLERANCE {
                return time;
            }
            if separation > TARGET {
                (t1, s1) = (time, separation);
            } else {
                (t2, s2) = (time, separation);
            }
        }
        after.0
    }
}
