//! The distance between two convex sets of points: the algorithm of Gilbert, Johnson and Keerthi (1988).
//!
//! Set A is an edge of the ground in the world's coordinates, set B the corners of a body. Both are taken without their skin.

use super::vector::{Transform, Vector};

/// Rounds at most.
const ROUNDS: usize = 20;

/// The simplex that a call found; the next call for the same two starts from it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cache {
    metric: f32,
    pub count: usize,
    /// Index of each vertex in A.
    pub a: [usize; 3],
    /// Index of each vertex in B.
    pub b: [usize; 3],
}

/// A point of the difference B - A.
#[derive(Clone, Copy, Default)]
struct Vertex {
    a: usize,
    b: usize,
    in_a: Vector,
    in_b: Vector,
    difference: Vector,
    /// Its part in the point that is nearest to the origin.
    weight: f32,
}

/// Up to three vertices.
struct Simplex {
    vertices: [Vertex; 3],
    count: usize,
}

/// The index of the first of the points that lie farthest in `direction`.
pub fn support(points: &[Vector], direction: Vector) -> usize {
    let mut best = 0;
    let mut most = points[0].dot(direction);
    for (i, point) in points.iter().enumerate().skip(1) {
        let value = point.dot(direction);
        if value > most {
            (best, most) = (i, value);
        }
    }
    best
}

/// The distance between `a` and `b`, which stands at `transform`.
pub fn distance(a: &[Vector], b: &[Vector], transform: &Transform, cache: &mut Cache) -> f32 {
    let vertex = |i: usize, j: usize| {
        let (in_a, in_b) = (a[i], transform.apply(b[j]));
        Vertex { a: i, b: j, in_a, in_b, difference: in_b - in_a, weight: 1.0 }
    };
    let mut simplex = Simplex::cached(cache, vertex);
    for _ in 0..ROUNDS {
        let saved = simplex.vertices;
        let known = &saved[..simplex.count];
        simplex.solve();
        if simplex.count == 3 {
            break;
        }
        let direction = simplex.direction();
        if direction.dot(direction) < f32::EPSILON * f32::EPSILON {
            break;
        }
        let new = (support(a, -direction), support(b, transform.rotation.rotate_back(direction)));
        if known.iter().any(|old| (old.a, old.b) == new) {
            break;
        }
        simplex.vertices[simplex.count] = vertex(new.0, new.1);
        simplex.count += 1;
    }
    simplex.store(cache);
    simplex.distance()
}

impl Simplex {
    /// The cached simplex, unless the sets have moved so much that it is better to start with the first points.
    fn cached(cache: &Cache, vertex: impl Fn(usize, usize) -> Vertex) -> Simplex {
        let mut simplex = Simplex { vertices: [Vertex::default(); 3], count: cache.count };
        for i in 0..cache.count {
            simplex.vertices[i] = vertex(cache.a[i], cache.b[i]);
        }
        if cache.count > 1 {
            let metric = simplex.metric();
            if metric < 0.5 * cache.metric || 2.0 * cache.metric < metric || metric < f32::EPSILON {
                simplex.count = 0;
            }
        }
        if simplex.count == 0 {
            simplex.vertices[0] = vertex(0, 0);
            simplex.count = 1;
        }
        simplex
    }

    fn store(&self, cache: &mut Cache) {
        cache.metric = self.metric();
        cache.count = self.count;
        cache.a = self.vertices.map(|vertex| vertex.a);
        cache.b = self.vertices.map(|vertex| vertex.b);
    }

    /// Its length or area.
    fn metric(&self) -> f32 {
        let [w1, w2, w3] = self.vertices.map(|vertex| vertex.difference);
        match self.count {
            2 => (w1 - w2).length(),
            3 => (w2 - w1).cross(w3 - w1),
            _ => 0.0,
        }
    }

    /// Where to look for the next vertex: from the simplex to the origin.
    fn direction(&self) -> Vector {
        let [w1, w2, _] = self.vertices.map(|vertex| vertex.difference);
        if self.count == 1 {
            return -w1;
        }
        let along = w2 - w1;
        if along.cross(-w1) > 0.0 {
            along.left()
        } else {
            along.right()
        }
    }

    /// Distance of the nearest points.
    fn distance(&self) -> f32 {
        let [v1, v2, _] = self.vertices;
        match self.count {
            1 => (v1.in_a - v1.in_b).length(),
            2 => {
                let in_a = v1.weight * v1.in_a + v2.weight * v2.in_a;
                let in_b = v1.weight * v1.in_b + v2.weight * v2.in_b;
                (in_a - in_b).length()
            }
            _ => 0.0,
        }
    }

    /// Keeps only the vertices that the point nearest to the origin needs, and finds their weights.
    fn solve(&mut self) {
        match self.count {
            2 => self.solve_segment(),
            3 => self.solve_triangle(),
            _ => {}
        }
    }

    fn keep_one(&mut self, index: usize) {
        self.vertices[0] = Vertex { weight: 1.0, ..self.vertices[index] };
        self.count = 1;
    }

    /// Keeps two vertices with weights in the ratio of the parts. The one of the higher index goes where the third one was missing.
    fn keep_two(&mut self, first: (usize, f32), second: (usize, f32)) {
        let scale = 1.0 / (first.1 + second.1);
        let new = [first, second].map(|(i, part)| Vertex { weight: part * scale, ..self.vertices[i] });
        self.vertices[..2].copy_from_slice(&new);
        self.count = 2;
    }

    fn solve_segment(&mut self) {
        let [w1, w2, _] = self.vertices.map(|vertex| vertex.difference);
        let (part1, part2) = parts(w1, w2);
        if part2 <= 0.0 {
            self.keep_one(0);
        } else if part1 <= 0.0 {
            self.keep_one(1);
        } else {
            self.keep_two((0, part1), (1, part2));
        }
    }

    fn solve_triangle(&mut self) {
        let [w1, w2, w3] = self.vertices.map(|vertex| vertex.difference);
        let (d12_1, d12_2) = parts(w1, w2);
        let (d13_1, d13_2) = parts(w1, w3);
        let (d23_1, d23_2) = parts(w2, w3);
        let area = (w2 - w1).cross(w3 - w1);
        let t1 = area * w2.cross(w3);
        let t2 = area * w3.cross(w1);
        let t3 = area * w1.cross(w2);
        if d12_2 <= 0.0 && d13_2 <= 0.0 {
            self.keep_one(0);
        } else if d12_1 > 0.0 && d12_2 > 0.0 && t3 <= 0.0 {
            self.keep_two((0, d12_1), (1, d12_2));
        } else if d13_1 > 0.0 && d13_2 > 0.0 && t2 <= 0.0 {
            self.keep_two((0, d13_1), (2, d13_2));
        } else if d12_1 <= 0.0 && d23_2 <= 0.0 {
            self.keep_one(1);
        } else if d13_1 <= 0.0 && d23_1 <= 0.0 {
            self.keep_one(2);
        } else if d23_1 > 0.0 && d23_2 > 0.0 && t1 <= 0.0 {
            self.keep_two((2, d23_2), (1, d23_1));
        } else {
            let scale = 1.0 / (t1 + t2 + t3);
            for (vertex, t) in self.vertices.iter_mut().zip([t1, t2, t3]) {
                vertex.weight = t * scale;
            }
        }
    }
}

/// The parts of the segment from `from` to `to` on both sides of the origin's foot point: of `from` and of `to`.
fn parts(from: Vector, to: Vector) -> (f32, f32) {
    let along = to - from;
    (to.dot(along), -from.dot(along))
}
