//! Pictures of processes with a table, alone or with a learner's values and policy: a grid or a graph, and the same
//! in characters.
//!
//! Values are a learner's table `[states, actions]`, with minus infinity for impossible actions. A table `[states]`
//! shows values without a policy.

use crate::classics::layout::Layout;
use crate::classics::mdp::Mdp;
use crate::drawing::scene::{Color, Scene, Shape};

pub mod bars;
mod characters;
mod graph;
mod grid;

pub use characters::{characters, plain_characters};

/// Text and outlines.
const INK: Color = [40, 44, 52];
/// Less important text and lines.
const FAINT: Color = [130, 136, 146];
/// The agent, and what the policy prefers.
const ACCENT: Color = [213, 94, 0];
/// The background of the highest value; that of the lowest is white.
const HIGH: Color = [120, 186, 226];

/// The process as a grid if it has a layout, or else as a graph, with the agent in state `agent` and a learner's
/// `values`.
pub fn scene(mdp: &Mdp, layout: Option<&Layout>, agent: Option<usize>, values: Option<&[f64]>) -> Scene {
    let values = Values::new(mdp, values.unwrap_or_default());
    match layout {
        Some(layout) => grid::scene(layout, agent, &values),
        None => graph::scene(mdp, agent, &values),
    }
}

/// What a learner's table says of each state.
struct Values<'a> {
    table: &'a [f64],
    /// Numbers of a state in the table.
    columns: usize,
    /// The lowest and the highest value of a state in which somebody acts.
    range: (f64, f64),
}

impl<'a> Values<'a> {
    fn new(mdp: &Mdp, table: &'a [f64]) -> Self {
        let states = mdp.states().len();
        let columns = if table.len() == states { 1 } else { mdp.actions().len() };
        let mut values = Self { table, columns, range: (f64::INFINITY, f64::NEG_INFINITY) };
        for state in (0..states).filter(|state| !mdp.is_terminal(*state)) {
            if let Some(value) = values.of_state(state) {
                values.range = (values.range.0.min(value), values.range.1.max(value));
            }
        }
        values
    }

    /// The value of `action` in `state`; `None` if it is impossible or not in the table.
    fn of_action(&self, state: usize, action: usize) -> Option<f64> {
        let value = (action < self.columns).then(|| self.table.get(state * self.columns + action))?;
        value.copied().filter(|value| value.is_finite())
    }

    /// The value of the best action.
    fn of_state(&self, state: usize) -> Option<f64> {
        (0..self.columns).filter_map(|action| self.of_action(state, action)).reduce(f64::max)
    }

    /// The best actions; none if there is no choice, or if all are equally good.
    fn best(&self, state: usize) -> Vec<usize> {
        let possible: Vec<(usize, f64)> =
            (0..self.columns).filter_map(|action| Some((action, self.of_action(state, action)?))).collect();
        let Some(highest) = self.of_state(state) else { return Vec::new() };
        // Equal values that were computed along different ways differ by rounding.
        let equal = |value: f64| highest - value <= 1e-9 * (1.0 + highest.abs());
        let best: Vec<usize> = possible.iter().filter(|(_, value)| equal(*value)).map(|(action, _)| *action).collect();
        if self.columns == 1 || (possible.len() > 1 && best.len() == possible.len()) {
            return Vec::new();
        }
        best
    }

    /// A value to one decimal; to two decimals where no value of a state is above 1.
    fn digits(&self, value: f64) -> String {
        let decimals = if self.range.0.abs().max(self.range.1.abs()) > 1.0 { 1 } else { 2 };
        let text = format!("{value:.decimals$}");
        // A small negative number must not become the negative of zero.
        match text.strip_prefix('-') {
            Some(rest) if rest.bytes().all(|c| matches!(c, b'0' | b'.')) => rest.to_string(),
            _ => text,
        }
    }

    /// The background of a state: white for the lowest value, [`HIGH`] for the highest.
    fn color(&self, state: usize) -> Option<Color> {
        let value = self.of_state(state)?;
        let (low, high) = self.range;
        let part = if high > low { ((value - low) / (high - low)).clamp(0.0, 1.0) } else { 0.0 };
        Some(mixed([255; 3], HIGH, part))
    }
}

/// `part` of the way from one color to the other.
fn mixed(from: Color, to: Color, part: f64) -> Color {
    std::array::from_fn(|i| (f64::from(from[i]) + (f64::from(to[i]) - f64::from(from[i])) * part).round() as u8)
}

fn text(center: (f64, f64), size: f64, color: Color, text: impl Into<String>) -> Shape {
    Shape::Text { center, size, color, text: text.into() }
}

fn rectangle(
    (left, top): (f64, f64),
    (width, height): (f64, f64),
    fill: Option<Color>,
    outline: Option<(Color, f64)>,
) -> Shape {
    let (right, bottom) = (left + width, top + height);
    let corners = vec![(left, top), (right, top), (right, bottom), (left, bottom)];
    Shape::Polygon {
        corners,
        fill,
        outline: outline.map(|(color, _)| color),
        line: outline.map_or(0.0, |(_, line)| line),
    }
}

/// Draws an arrow along a line of points, with its tip at the last one.
fn arrow(shapes: &mut Vec<Shape>, points: &[(f64, f64)], color: Color, width: f64, head: f64) {
    let [.., before, tip] = points else { return };
    let length = (tip.0 - before.0).hypot(tip.1 - before.1).max(1e-9);
    let (x, y) = ((tip.0 - before.0) / length, (tip.1 - before.1) / length);
    let base = (tip.0 - head * x, tip.1 - head * y);
    let mut from = points[0];
    for point in &points[1..] {
        let is_last = point == tip;
        let to = if is_last { base } else { *point };
        // A line that the head covers would show beside the tip.
        if is_last || (to.0 - tip.0).hypot(to.1 - tip.1) > head {
            shapes.push(Shape::Line { from, to, color, width });
            from = to;
        }
    }
    let side = 0.45 * head;
    let corners = vec![*tip, (base.0 - side * y, base.1 + side * x), (base.0 + side * y, base.1 - side * x)];
    shapes.push(Shape::Polygon { corners, fill: Some(color), outline: None, line: 0.0 });
}

#[cfg(test)]
mod tests;
