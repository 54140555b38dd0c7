//! A grid of cells.

use super::{arrow, mixed, rectangle, text, Values, ACCENT, FAINT, INK};
use crate::classics::layout::{Layout, Mark};
use crate::drawing::scene::{Color, Scene, Shape};
use std::ops::Range;

/// Pixels of all cells in a row or in a column, unless that leaves a cell less than [`SMALLEST`] or more than
/// [`LARGEST`].
const WIDEST: usize = 600;
const SMALLEST: usize = 4;
const LARGEST: usize = 100;
/// Around the cells.
const MARGIN: usize = 10;
/// Cells below this size are without letters.
const LETTERS: f64 = 24.0;
/// Cells below this size are without arrows.
const ARROWS: f64 = 10.0;
const ICE: Color = [236, 245, 251];
const START: Color = [255, 243, 205];
const GOAL: Color = [190, 229, 203];
const HOLE: Color = [38, 70, 110];
const CLIFF: Color = [96, 78, 66];
/// For one teleport after the other.
const TELEPORTS: [Color; 4] = [[156, 89, 160], [0, 128, 128], [176, 112, 0], [70, 90, 200]];

/// The grid of `layout`; of a very large one the cells around the agent.
pub fn scene(layout: &Layout, agent: Option<usize>, values: &Values<'_>) -> Scene {
    let size = (WIDEST / layout.columns.max(layout.rows).max(1)).clamp(SMALLEST, LARGEST);
    let (row, column) = agent.map_or((0, 0), |cell| (cell / layout.columns, cell % layout.columns));
    let (rows, columns) = (shown(layout.rows, row), shown(layout.columns, column));
    let origin = (rows.start, columns.start);
    let is_ice = layout.marks.contains(&Mark::Hole);
    let mut drawing = Drawing { layout, values, is_ice, origin, size: size as f64, shapes: Vec::new() };
    let in_row = |row: usize| columns.clone().map(move |column| row * layout.columns + column);
    let cells: Vec<(usize, Mark)> =
        rows.clone().flat_map(in_row).filter_map(|cell| Some((cell, *layout.marks.get(cell)?))).collect();
    for (cell, mark) in &cells {
        drawing.background(*cell, *mark);
    }
    for (cell, mark) in &cells {
        // The agent would cover the word.
        let is_covered = *mark == Mark::Start && agent == Some(*cell);
        if !is_covered {
            drawing.mark(*cell, *mark);
        }
        if !mark.is_passive() {
            drawing.value(*cell);
        }
    }
    if let Some(cell) = agent {
        drawing.agent(cell);
    }
    let pixels = |cells: usize| (cells * size + 2 * MARGIN) as u32;
    let (width, height) = (pixels(columns.len()), pixels(rows.len()));
    Scene { width, height, background: [255; 3], shapes: drawing.shapes }
}

/// The rows or columns to draw of `count`: all, or those around number `middle`.
fn shown(count: usize, middle: usize) -> Range<usize> {
    const MOST: usize = WIDEST / SMALLEST;
    let first = middle.saturating_sub(MOST / 2).min(count.saturating_sub(MOST));
    first..count.min(first + MOST)
}

struct Drawing<'a> {
    layout: &'a Layout,
    values: &'a Values<'a>,
    /// A grid with holes is a lake.
    is_ice: bool,
    /// The first row and column that are drawn.
    origin: (usize, usize),
    /// Of a cell, in pixels.
    size: f64,
    shapes: Vec<Shape>,
}

impl Drawing<'_> {
    /// A point in `cell`, from (0, 0) in its upper left corner to (1, 1).
    fn at(&self, cell: usize, x: f64, y: f64) -> (f64, f64) {
        let (row, column) = (cell / self.layout.columns - self.origin.0, cell % self.layout.columns - self.origin.1);
        let along = |cells: usize, part: f64| MARGIN as f64 + (cells as f64 + part) * self.size;
        (along(column, x), along(row, y))
    }

    fn background(&mut self, cell: usize, mark: Mark) {
        let plain = match mark {
            Mark::Start => START,
            Mark::Goal => GOAL,
            Mark::Cliff => CLIFF,
            Mark::Plain | Mark::Hole if self.is_ice => ICE,
            _ => [255; 3],
        };
        let fill = if mark.is_passive() { plain } else { self.values.color(cell).unwrap_or(plain) };
        let line = (self.size / 40.0).clamp(0.2, 1.0);
        let outline = Some((mixed(FAINT, [255; 3], 0.45), line));
        self.shapes.push(rectangle(self.at(cell, 0.0, 0.0), (self.size, self.size), Some(fill), outline));
    }

    fn mark(&mut self, cell: usize, mark: Mark) {
        let middle = self.at(cell, 0.5, 0.5);
        match mark {
            Mark::Plain => {}
            Mark::Start => self.corner(cell, "start", FAINT),
            Mark::Goal => self.flag(cell),
            Mark::Hole => {
                self.shapes.push(Shape::Disc { center: middle, radius: 0.36 * self.size, color: HOLE });
                let inside = (middle.0 + 0.03 * self.size, middle.1 + 0.05 * self.size);
                let dark = mixed(HOLE, [0; 3], 0.45);
                self.shapes.push(Shape::Disc { center: inside, radius: 0.29 * self.size, color: dark });
            }
            Mark::Cliff => {
                let rock = mixed(CLIFF, [255; 3], 0.22);
                for (left, top, right, bottom) in [(0.08, 0.42, 0.48, 0.92), (0.44, 0.18, 0.92, 0.92)] {
                    let corners = vec![
                        self.at(cell, left, bottom),
                        self.at(cell, (left + right) / 2.0 - 0.03, top),
                        self.at(cell, right, bottom),
                    ];
                    self.shapes.push(Shape::Polygon { corners, fill: Some(rock), outline: None, line: 0.0 });
                }
            }
            Mark::Entrance(number) => {
                let color = TELEPORTS[number % TELEPORTS.len()];
                self.shapes.push(Shape::Disc { center: middle, radius: 0.38 * self.size, color });
                self.shapes.push(Shape::Disc { center: middle, radius: 0.32 * self.size, color: [255; 3] });
                self.shapes.push(Shape::Disc { center: middle, radius: 0.27 * self.size, color });
                if self.size >= LETTERS {
                    let letter = mark.to_string().chars().take(1).collect::<String>();
                    self.shapes.push(text(middle, 0.34 * self.size, [255; 3], letter));
                }
            }
            Mark::Exit(number) => {
                let color = TELEPORTS[number % TELEPORTS.len()];
                let side = 0.92 * self.size;
                let corner = self.at(cell, 0.04, 0.04);
                self.shapes.push(rectangle(corner, (side, side), None, Some((color, 0.05 * self.size))));
                let letter = mark.to_string().chars().take(1).collect::<String>();
                self.corner(cell, &format!("{letter} out"), color);
            }
        }
    }

    /// A word in the upper left corner of a cell.
    fn corner(&mut self, cell: usize, word: &str, color: Color) {
        if self.size >= LETTERS {
            let size = (0.17 * self.size).max(8.0);
            let (left, top) = self.at(cell, 0.09, 0.08);
            let middle = (left + 0.25 * size * word.len() as f64, top + 0.5 * size);
            self.shapes.push(text(middle, size, color, word));
        }
    }

    fn flag(&mut self, cell: usize) {
        let (foot, top) = (self.at(cell, 0.36, 0.84), self.at(cell, 0.36, 0.16));
        let width = 0.05 * self.size;
        self.shapes.push(Shape::Line { from: foot, to: top, color: INK, width });
        let corners = vec![top, self.at(cell, 0.78, 0.32), self.at(cell, 0.36, 0.48)];
        self.shapes.push(Shape::Polygon { corners, fill: Some([0, 158, 115]), outline: None, line: 0.0 });
    }

    /// The value of a state as a number, and the best actions as arrows from the middle of the upper part.
    fn value(&mut self, cell: usize) {
        let has_letters = self.size >= LETTERS;
        if let Some(value) = self.values.of_state(cell).filter(|_| has_letters) {
            let digits = self.values.digits(value);
            // Long numbers in smaller digits.
            let size = (0.24 * self.size).min(1.5 * self.size / digits.len() as f64).max(6.0);
            self.shapes.push(text(self.at(cell, 0.5, 0.81), size, INK, digits));
        }
        if self.size < ARROWS {
            return;
        }
        let directions = self.values.best(cell).into_iter().filter_map(|action| self.layout.directions.get(action));
        let offsets: Vec<(isize, isize)> = directions.map(|direction| direction.offset()).collect();
        // A single arrow is drawn through the middle, several of them from there.
        let (back, reach) = if offsets.len() == 1 { (0.18, 0.2) } else { (0.0, 0.26) };
        let (middle, scale) = if has_letters { (0.38, 1.0) } else { (0.5, 1.5) };
        for (right, down) in offsets {
            let along = |part: f64| self.at(cell, 0.5 + part * right as f64, middle + part * down as f64);
            let points = [along(-back * scale), along(reach * scale)];
            arrow(&mut self.shapes, &points, ACCENT, (0.045 * self.size).max(1.0), (0.15 * self.size).max(4.0));
        }
    }

    /// The agent: a face, or where a value stands a frame around it.
    fn agent(&mut self, cell: usize) {
        if cell >= self.layout.marks.len() {
            return;
        }
        let is_bare = self.values.of_state(cell).is_none() || self.layout.marks[cell].is_passive();
        if !is_bare {
            let corner = self.at(cell, 0.04, 0.04);
            let side = 0.92 * self.size;
            self.shapes.push(rectangle(corner, (side, side), None, Some((ACCENT, 0.08 * self.size))));
        }
        let (x, y, radius) = if is_bare { (0.5, 0.54, 0.27) } else { (0.82, 0.19, 0.14) };
        let dark = mixed(ACCENT, [0; 3], 0.35);
        let disc =
            |at: (f64, f64), part: f64, color: Color| Shape::Disc { center: at, radius: part * self.size, color };
        let mut shapes =
            vec![disc(self.at(cell, x, y), radius + 0.03, dark), disc(self.at(cell, x, y), radius, ACCENT)];
        for side in [-0.38, 0.38] {
            let eye = self.at(cell, x + side * radius, y - 0.2 * radius);
            shapes.push(disc(eye, 0.24 * radius, [255; 3]));
            shapes.push(disc((eye.0, eye.1 + 0.05 * radius * self.size), 0.12 * radius, INK));
        }
        self.shapes.extend(shapes);
    }
}
