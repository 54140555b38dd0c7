//! States on a circle, with arrows for the transitions.
//!
//! An action is a box beside its state, from which arrows lead to the next states. Where there is only one action,
//! arrows lead from state to state. Larger processes are drawn without labels, and very large ones not at all.

use super::{arrow, mixed, rectangle, text, Values, ACCENT, FAINT, INK};
use crate::classics::mdp::{Mdp, Successor};
use crate::drawing::scene::{Color, Scene, Shape};
use std::f64::consts::PI;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 520.0;
/// More states or transitions than these are drawn without actions and labels.
const MOST_STATES: usize = 8;
const MOST_TRANSITIONS: usize = 24;
/// More states than these are only counted.
const MOST_DISCS: usize = 100;
const LETTERS: f64 = 15.0;
const SMALL_LETTERS: f64 = 13.0;
/// Wide enough for most letters of the font, in font sizes.
const LETTER_WIDTH: f64 = 0.56;
const TERMINAL: Color = [225, 228, 232];

type Point = (f64, f64);

/// The graph of `mdp`.
pub fn scene(mdp: &Mdp, agent: Option<usize>, values: &Values<'_>) -> Scene {
    let states = mdp.states().len();
    if states > MOST_DISCS {
        return words(mdp, agent, values);
    }
    let pairs = (0..states).flat_map(|state| (0..mdp.actions().len()).map(move |action| (state, action)));
    let transitions: usize = pairs.map(|(state, action)| mdp.successors(state, action).len()).sum();
    let is_small = states <= MOST_STATES && transitions <= MOST_TRANSITIONS;
    let nodes = circle(states, is_small);
    let mut drawing = Drawing { mdp, values, boxes: Vec::new(), states: nodes, shapes: Vec::new(), labels: Vec::new() };
    match (is_small, mdp.actions().len()) {
        (false, _) => (0..states).for_each(|state| drawing.plain_arrows(state)),
        (true, 1) => (0..states).for_each(|state| drawing.chain(state)),
        (true, _) => {
            // Arrows and labels keep clear of all boxes, so these come first.
            drawing.boxes = (0..states).flat_map(|state| drawing.boxes_of(state)).collect();
            (0..drawing.boxes.len()).for_each(|number| drawing.action(number));
        }
    }
    for (area, label) in std::mem::take(&mut drawing.labels) {
        let (left, top) = (area.center.0 - area.half.0, area.center.1 - area.half.1);
        let size = (2.0 * area.half.0, 2.0 * area.half.1);
        drawing.shapes.push(rectangle((left, top), size, Some([255; 3]), None));
        drawing.shapes.push(text(area.center, SMALL_LETTERS, INK, label));
    }
    (0..drawing.boxes.len()).for_each(|number| drawing.action_box(number));
    for state in 0..states {
        drawing.state(state, agent == Some(state));
    }
    Scene { width: WIDTH as u32, height: HEIGHT as u32, background: [255; 3], shapes: drawing.shapes }
}

/// A process that is too large to be drawn, in words.
fn words(mdp: &Mdp, agent: Option<usize>, values: &Values<'_>) -> Scene {
    let mut lines = vec![format!("{} states", mdp.states().len())];
    if let Some(state) = agent.filter(|state| *state < mdp.states().len()) {
        lines.push(format!("now in {}", mdp.states()[state]));
        lines.extend(values.of_state(state).map(|value| format!("value {}", values.digits(value))));
    }
    let line = |(i, line): (usize, String)| text((WIDTH / 2.0, HEIGHT / 2.0 + 40.0 * i as f64), 24.0, INK, line);
    let shapes = lines.into_iter().enumerate().map(line).collect();
    Scene { width: WIDTH as u32, height: HEIGHT as u32, background: [255; 3], shapes }
}

/// A disc of a state (its width and height are equal) or a box of an action.
#[derive(Clone, Copy)]
struct Node {
    center: Point,
    /// Half of the width and of the height.
    half: Point,
    is_round: bool,
}

impl Node {
    /// Where a line from the center towards `point` leaves the node.
    fn rim(self, point: Point) -> Point {
        let (x, y) = direction(self.center, point);
        let reach = if self.is_round {
            self.half.0
        } else {
            (self.half.0 / x.abs().max(1e-9)).min(self.half.1 / y.abs().max(1e-9))
        };
        (self.center.0 + reach * x, self.center.1 + reach * y)
    }

    /// Whether the rectangles around two nodes have a point in common.
    fn touches(self, other: Node) -> bool {
        (self.center.0 - other.center.0).abs() < self.half.0 + other.half.0
            && (self.center.1 - other.center.1).abs() < self.half.1 + other.half.1
    }

    fn contains(self, point: Point) -> bool {
        (self.center.0 - point.0).abs() <= self.half.0 && (self.center.1 - point.1).abs() <= self.half.1
    }
}

/// The box of an action in a state.
struct Action {
    state: usize,
    action: usize,
    node: Node,
    /// Arrows back to the state bend to the right, where no other box is; otherwise to the left.
    is_right_free: bool,
    is_best: bool,
}

/// The states, the first at the left end of the top.
fn circle(states: usize, is_small: bool) -> Vec<Node> {
    let count = states.max(1) as f64;
    let across = if is_small { (0.33 * WIDTH, 0.31 * HEIGHT) } else { (0.45 * WIDTH, 0.45 * HEIGHT) };
    let radius = if is_small { (150.0 / count).clamp(22.0, 36.0) } else { (500.0 / count).clamp(1.5, 20.0) };
    let node = |state: usize| {
        let angle = -PI / 2.0 - PI / count + 2.0 * PI * state as f64 / count;
        let center = match states {
            1 => (WIDTH / 2.0, HEIGHT / 2.0),
            _ => (WIDTH / 2.0 + across.0 * libm::cos(angle), HEIGHT / 2.0 + across.1 * libm::sin(angle)),
        };
        Node { center, half: (radius, radius), is_round: true }
    };
    (0..states).map(node).collect()
}

struct Drawing<'a> {
    mdp: &'a Mdp,
    values: &'a Values<'a>,
    states: Vec<Node>,
    boxes: Vec<Action>,
    /// From the lowest to the highest.
    shapes: Vec<Shape>,
    /// Labels of arrows and the places that they take.
    labels: Vec<(Node, String)>,
}

impl Drawing<'_> {
    fn state(&mut self, state: usize, has_agent: bool) {
        let Node { center, half: (radius, _), .. } = self.states[state];
        let is_terminal = self.mdp.is_terminal(state);
        let plain = if is_terminal { TERMINAL } else { [255; 3] };
        let value = self.values.of_state(state).filter(|_| !is_terminal);
        let fill = if is_terminal { plain } else { self.values.color(state).unwrap_or(plain) };
        let (rim, color) = if has_agent { (0.14 * radius, ACCENT) } else { (0.05 * radius, INK) };
        let mut disc = |radius: f64, color: Color| self.shapes.push(Shape::Disc { center, radius, color });
        disc(radius + rim.max(1.0), color);
        disc(radius, fill);
        if is_terminal {
            disc(radius - 2.0 * rim.max(1.0), INK);
            disc(radius - 3.0 * rim.max(1.0), fill);
        }
        if radius < LETTERS {
            return;
        }
        let fitting =
            |word: &str| LETTERS.min(1.7 * radius / (LETTER_WIDTH * word.chars().count().max(1) as f64)).max(6.0);
        let name = &self.mdp.states()[state];
        match value {
            None => self.shapes.push(text(center, fitting(name), INK, name)),
            Some(value) => {
                let digits = self.values.digits(value);
                self.shapes.push(text((center.0, center.1 - 0.28 * radius), fitting(name), INK, name));
                self.shapes.push(text((center.0, center.1 + 0.3 * radius), fitting(&digits), INK, digits));
            }
        }
    }

    /// The boxes of a state's possible actions, around it.
    fn boxes_of(&self, state: usize) -> Vec<Action> {
        let node = self.states[state];
        let possible: Vec<usize> =
            (0..self.mdp.actions().len()).filter(|action| self.mdp.is_possible(state, *action)).collect();
        let wanted: Vec<f64> = possible.iter().map(|action| self.wanted_angle(state, *action)).collect();
        let angles = spread(&wanted);
        let best = self.values.best(state);
        let is_best = |action: usize| best.contains(&action);
        let made = |(action, angle): (usize, f64)| {
            let name = &self.mdp.actions()[action];
            let value = self.values.of_action(state, action).map(|value| self.values.digits(value));
            let letters = name.chars().count().max(value.as_ref().map_or(0, String::len));
            let half_width = (0.5 * SMALL_LETTERS * LETTER_WIDTH * letters as f64 + 6.0).max(13.0);
            let half = (half_width, if value.is_some() { 17.0 } else { 11.0 });
            let distance = node.half.0 + 46.0;
            let center = (node.center.0 + distance * libm::cos(angle), node.center.1 + distance * libm::sin(angle));
            // The angles to the next box, turning to either side.
            let gap = |sign: f64| {
                let turns = angles.iter().map(|other| (sign * (other - angle)).rem_euclid(2.0 * PI));
                turns.filter(|turn| *turn > 1e-6).fold(2.0 * PI, f64::min)
            };
            let is_right_free = gap(-1.0) >= gap(1.0);
            Action {
                state,
                action,
                node: Node { center, half, is_round: false },
                is_right_free,
                is_best: is_best(action),
            }
        };
        possible.into_iter().zip(angles.iter().copied()).map(made).collect()
    }

    /// The line from a state to one of its actions, and the arrows from there.
    fn action(&mut self, number: usize) {
        let Action { state, action, node, is_right_free, is_best } = self.boxes[number];
        let own = self.states[state];
        let (from, to) = (own.rim(node.center), node.rim(own.center));
        let (color, width) = if is_best { (ACCENT, 3.0) } else { (FAINT, 1.5) };
        self.shapes.push(Shape::Line { from, to, color, width });
        let bend = if is_right_free { 0.75 } else { -0.75 };
        self.transitions((state, Some(number)), node, self.mdp.successors(state, action), |next| {
            curve(node, next, bend)
        });
    }

    fn action_box(&mut self, number: usize) {
        let Action { state, action, node: Node { center, half, .. }, is_best, .. } = self.boxes[number];
        let (fill, ink) = if is_best { (ACCENT, [255; 3]) } else { (mixed(FAINT, [255; 3], 0.8), INK) };
        let outline = Some((if is_best { ACCENT } else { FAINT }, 1.0));
        let corner = (center.0 - half.0, center.1 - half.1);
        self.shapes.push(rectangle(corner, (2.0 * half.0, 2.0 * half.1), Some(fill), outline));
        let value = self.values.of_action(state, action).map(|value| self.values.digits(value));
        let above = if value.is_some() { 7.5 } else { 0.0 };
        self.shapes.push(text((center.0, center.1 - above), SMALL_LETTERS, ink, &self.mdp.actions()[action]));
        if let Some(value) = value {
            self.shapes.push(text((center.0, center.1 + 8.0), SMALL_LETTERS, ink, value));
        }
    }

    /// The arrows of a state with its only action.
    fn chain(&mut self, state: usize) {
        let own = self.states[state];
        self.transitions((state, None), own, self.mdp.successors(state, 0), loop_outwards);
    }

    /// The angle from a state in which its action would best be: towards the other states to which it leads, or
    /// outwards.
    fn wanted_angle(&self, state: usize, action: usize) -> f64 {
        let from = self.states[state].center;
        let mut sum = (0.0, 0.0);
        for successor in self.mdp.successors(state, action).iter().filter(|successor| successor.state != state) {
            let (x, y) = direction(from, self.states[successor.state].center);
            sum = (sum.0 + successor.probability * x, sum.1 + successor.probability * y);
        }
        if sum.0.hypot(sum.1) < 1e-6 {
            sum = direction((WIDTH / 2.0, HEIGHT / 2.0), from);
        }
        libm::atan2(sum.1, sum.0)
    }

    /// Arrows from `node`, which is the state itself or the box with the given number, to the next states, with their
    /// probabilities and rewards; `back` is the way back to the state.
    fn transitions(
        &mut self,
        (state, number): (usize, Option<usize>),
        node: Node,
        successors: &[Successor],
        back: impl Fn(Node) -> Vec<Point>,
    ) {
        let is_best = number.is_some_and(|number| self.boxes[number].is_best);
        let color = if is_best { ACCENT } else { mixed(INK, FAINT, 0.5) };
        for successor in successors {
            let next = self.states[successor.state];
            let points = match successor.state == state {
                true => back(next),
                false => self.clear_curve(node, next),
            };
            arrow(&mut self.shapes, &points, color, 1.5 + successor.probability, 11.0);
            let label = label(successor, successors.len());
            if !label.is_empty() {
                self.place_label(&points, label);
            }
        }
    }

    /// A curve between two nodes that crosses as few other nodes as possible.
    fn clear_curve(&self, from: Node, to: Node) -> Vec<Point> {
        let crossed = |points: &[Point]| {
            let nodes = self.boxes.iter().map(|action| action.node).chain(self.states.iter().copied());
            let others = nodes.filter(|node| ![from.center, to.center].contains(&node.center));
            others.filter(|node| points.iter().any(|point| node.contains(*point))).count()
        };
        let curves = [0.12, -0.12, 0.24, -0.24].map(|bend| curve(from, to, bend));
        curves.into_iter().min_by_key(|points| crossed(points)).unwrap_or_default()
    }

    /// Puts a label on an arrow, where it covers nothing if there is such a place.
    fn place_label(&mut self, points: &[Point], label: String) {
        let width = SMALL_LETTERS * LETTER_WIDTH * label.chars().count() as f64 + 4.0;
        let half = (width / 2.0, SMALL_LETTERS / 2.0 + 1.0);
        let place = |part: f64| {
            let center = points[(part * (points.len() - 1) as f64) as usize];
            Node { center, half, is_round: false }
        };
        let covered = |place: &Node| {
            let boxes = self.boxes.iter().map(|action| action.node);
            let labels = self.labels.iter().map(|(node, _)| *node);
            boxes.chain(labels).chain(self.states.iter().copied()).filter(|node| node.touches(*place)).count()
        };
        let places = [0.45, 0.35, 0.55, 0.65, 0.25].map(place);
        if let Some(free) = places.into_iter().min_by_key(covered) {
            self.labels.push((free, label));
        }
    }

    /// Arrows to the other states to which any action leads, those of a best action in the accent color.
    fn plain_arrows(&mut self, state: usize) {
        let best = self.values.best(state);
        let mut next: Vec<(usize, bool)> = (0..self.mdp.actions().len())
            .flat_map(|action| {
                self.mdp.successors(state, action).iter().map(move |successor| (successor.state, action))
            })
            .filter(|(next, _)| *next != state)
            .map(|(next, action)| (next, best.contains(&action)))
            .collect();
        // Of several arrows to the same state the one in the accent color is last, and above the others.
        next.sort_unstable_by_key(|(next, is_best)| (*is_best, *next));
        next.dedup();
        let head = (0.5 * self.states[state].half.0).clamp(2.0, 8.0);
        for (next, is_best) in next {
            let color = if is_best { ACCENT } else { mixed(FAINT, [255; 3], 0.4) };
            let points = curve(self.states[state], self.states[next], 0.06);
            arrow(&mut self.shapes, &points, color, head / 8.0, head);
        }
    }
}

/// Probability and reward of a transition; nothing of what goes without saying.
fn label(successor: &Successor, siblings: usize) -> String {
    let rounded = |number: f64| (number * 1000.0).round() / 1000.0;
    let probability = if siblings > 1 || successor.probability < 1.0 {
        rounded(successor.probability).to_string()
    } else {
        String::new()
    };
    match (probability.is_empty(), successor.reward) {
        (_, 0.0) => probability,
        (true, reward) => format!("{:+}", rounded(reward)),
        (false, reward) => format!("{probability}, {:+}", rounded(reward)),
    }
}

/// A bend from the rim of one node to the rim of the other, aside to the right by `bend` of their distance.
fn curve(from: Node, to: Node, bend: f64) -> Vec<Point> {
    let ((x0, y0), (x1, y1)) = (from.center, to.center);
    let control = ((x0 + x1) / 2.0 - 2.0 * bend * (y1 - y0), (y0 + y1) / 2.0 + 2.0 * bend * (x1 - x0));
    bent(from.rim(control), control, to.rim(control))
}

/// A loop from a node on the rim of the picture back to itself.
fn loop_outwards(node: Node) -> Vec<Point> {
    let (x, y) = direction((WIDTH / 2.0, HEIGHT / 2.0), node.center);
    let reach = 1.5 * node.half.0;
    let middle = (node.center.0 + reach * x, node.center.1 + reach * y);
    // Three quarters of a circle that cuts the node's rim.
    let radius = 0.85 * node.half.0;
    let angle = libm::atan2(y, x);
    let point = |part: usize| {
        let turned = angle - 0.75 * PI + 1.5 * PI * part as f64 / 24.0;
        (middle.0 + radius * libm::cos(turned), middle.1 + radius * libm::sin(turned))
    };
    (0..=24).map(point).filter(|point| distance(*point, node.center) >= node.half.0 + 1.0).collect()
}

/// A quadratic Bezier curve.
fn bent(from: Point, control: Point, to: Point) -> Vec<Point> {
    let point = |part: usize| {
        let t = f64::from(part as u32) / 20.0;
        let along = |a: f64, b: f64, c: f64| (1.0 - t) * (1.0 - t) * a + 2.0 * t * (1.0 - t) * b + t * t * c;
        (along(from.0, control.0, to.0), along(from.1, control.1, to.1))
    };
    (0..=20).map(point).collect()
}

/// Angles near the wanted ones, at least 62 degrees apart if there are not too many.
fn spread(wanted: &[f64]) -> Vec<f64> {
    let least = (2.0 * PI / wanted.len().max(1) as f64).min(62.0 / 180.0 * PI);
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]));
    let mut angles = wanted.to_vec();
    for _ in 0..100 {
        for (i, first) in order.iter().enumerate() {
            let second = order[(i + 1) % order.len()];
            let turn = if i + 1 == order.len() { 2.0 * PI } else { 0.0 };
            let missing = least - (angles[second] + turn - angles[*first]);
            if missing > 1e-6 && second != *first {
                angles[*first] -= missing / 2.0;
                angles[second] += missing / 2.0;
            }
        }
    }
    angles
}

fn distance(from: Point, to: Point) -> f64 {
    (to.0 - from.0).hypot(to.1 - from.1)
}

/// Length 1, from one point to the other.
fn direction(from: Point, to: Point) -> Point {
    let length = distance(from, to);
    if length < 1e-9 {
        return (1.0, 0.0);
    }
    ((to.0 - from.0) / length, (to.1 - from.1) / length)
}
