//! States on a circle, with arrows for the transitions.
//!
//! An action is a box beside its state, from which arrows lead to the next states. Where there is only one action, arrows lead
//! from state to state. Larger processes are drawn without labels, and very large ones not at all.

use super::{arrow, mixed, one_decimal, rectangle, text, Values, ACCENT, FAINT, INK};
use crate::drawing::scene::{Color, Scene, Shape};
use crate::classics::mdp::{Mdp, Successor};
use std::f64::consts::PI;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 520.0;
/// More states or transitions than these are drawn without actions and labels.
const MOST_STATES: usize = 8;
const MOST_TRANSITIONS: usize = 48;
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
    let mut drawing = Drawing { mdp, values, states: circle(states, is_small), shapes: Vec::new(), labels: Vec::new() };
    for state in 0..states {
        match (is_small, mdp.actions().len()) {
            (false, _) => drawing.plain_arrows(state),
            (true, 1) => drawing.transitions(drawing.states[state], state, mdp.successors(state, 0), None),
            (true, _) => drawing.actions(state),
        }
    }
    let labels = std::mem::take(&mut drawing.labels);
    drawing.shapes.extend(labels);
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
        lines.extend(values.of_state(state).map(|value| format!("value {}", one_decimal(value))));
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
    /// From the lowest to the highest.
    shapes: Vec<Shape>,
    /// Above all arrows.
    labels: Vec<Shape>,
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
                let digits = one_decimal(value);
                self.shapes.push(text((center.0, center.1 - 0.28 * radius), fitting(name), INK, name));
                self.shapes.push(text((center.0, center.1 + 0.3 * radius), fitting(&digits), INK, digits));
            }
        }
    }

    /// The possible actions of a state and their transitions.
    fn actions(&mut self, state: usize) {
        let node = self.states[state];
        let possible: Vec<usize> =
            (0..self.mdp.actions().len()).filter(|action| self.mdp.is_possible(state, *action)).collect();
        let wanted: Vec<f64> = possible.iter().map(|action| self.wanted_angle(state, *action)).collect();
        let best = self.values.best(state);
        for (action, angle) in possible.iter().zip(spread(&wanted)) {
            let name = &self.mdp.actions()[*action];
            let value = self.values.of_action(state, *action).map(one_decimal);
            let letters = name.chars().count().max(value.as_ref().map_or(0, |value| value.len()));
            let half = (
                (0.5 * SMALL_LETTERS * LETTER_WIDTH * letters as f64 + 6.0).max(13.0),
                if value.is_some() { 17.0 } else { 11.0 },
            );
            let distance = node.half.0 + 46.0;
            let center = (node.center.0 + distance * libm::cos(angle), node.center.1 + distance * libm::sin(angle));
            let action_node = Node { center, half, is_round: false };
            let is_best = best.contains(action);
            let color = if is_best { ACCENT } else { FAINT };
            let (from, to) = (node.rim(center), action_node.rim(node.center));
            self.shapes.push(Shape::Line { from, to, color, width: if is_best { 3.0 } else { 1.5 } });
            self.transitions(action_node, state, self.mdp.successors(state, *action), Some(is_best));
            let (left, top) = (center.0 - half.0, center.1 - half.1);
            let fill = if is_best { ACCENT } else { mixed(FAINT, [255; 3], 0.8) };
            let ink = if is_best { [255; 3] } else { INK };
            self.labels.push(rectangle((left, top), (2.0 * half.0, 2.0 * half.1), Some(fill), Some((color, 1.0))));
            let above = if value.is_some() { 7.5 } else { 0.0 };
            self.labels.push(text((center.0, center.1 - above), SMALL_LETTERS, ink, name));
            if let Some(value) = value {
                self.labels.push(text((center.0, center.1 + 8.0), SMALL_LETTERS, ink, value));
            }
        }
    }

    /// The angle from a state in which its action would best be: towards the other states to which it leads, or outwards.
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

    /// Arrows from `node`, which is `state` or one of its actions, to the next states, with their probabilities and rewards.
    fn transitions(&mut self, node: Node, state: usize, successors: &[Successor], is_best: Option<bool>) {
        let color = if is_best == Some(true) { ACCENT } else { mixed(INK, FAINT, 0.5) };
        let own = self.states[state];
        for successor in successors {
            let next = self.states[successor.state];
            let points = match (successor.state == state, is_best) {
                (false, _) => curve(node, next, 0.12),
                (true, Some(_)) => curve(node, next, 0.75),
                (true, None) => loop_outwards(own),
            };
            // Beside an arrow towards the state itself the place is at its bend, on others nearer to where they begin.
            let place = if successor.state == state { 0.5 } else { 0.42 };
            let middle = points[(place * (points.len() - 1) as f64) as usize];
            arrow(&mut self.shapes, &points, color, 1.5 + successor.probability, 11.0);
            let label = label(successor, successors.len());
            if !label.is_empty() {
                let size = (SMALL_LETTERS * LETTER_WIDTH * label.chars().count() as f64 + 4.0, SMALL_LETTERS + 2.0);
                let corner = (middle.0 - size.0 / 2.0, middle.1 - size.1 / 2.0);
                self.labels.insert(0, text(middle, SMALL_LETTERS, INK, label));
                self.labels.insert(0, rectangle(corner, size, Some([255; 3]), None));
            }
        }
    }

    /// Lines to the other states to which any action leads.
    fn plain_arrows(&mut self, state: usize) {
        let pairs = (0..self.mdp.actions().len()).flat_map(|action| self.mdp.successors(state, action));
        let mut next: Vec<usize> = pairs.map(|successor| successor.state).filter(|next| *next != state).collect();
        next.sort_unstable();
        next.dedup();
        let head = (0.5 * self.states[state].half.0).clamp(2.0, 8.0);
        for next in next {
            let points = curve(self.states[state], self.states[next], 0.06);
            arrow(&mut self.shapes, &points, mixed(FAINT, [255; 3], 0.4), head / 8.0, head);
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
