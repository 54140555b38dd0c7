//! Panels of curves below each other, to be read on a phone: large letters, few lines, labels at the lines, and colors that
//! color-blind people can tell apart.
//!
//! A figure is drawn once, as SVG. The PNG is that SVG rendered with a font that is part of this program.

use crate::drawing::svg::Svg;
use crate::system::memory;
use anyhow::{anyhow, Result};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{register_font, FontStyle};
use std::ops::Range;
use std::sync::Once;

/// What a figure shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Above everything.
    pub title: String,
    /// Lines below the title, each in the color of a group of curves or in gray.
    pub key: Vec<(Option<usize>, String)>,
    /// Name and unit of the horizontal axis.
    pub x_label: String,
    /// From the top down, all with the same horizontal axis.
    pub panels: Vec<Panel>,
    /// Below everything.
    pub notes: Vec<String>,
}

/// One panel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Panel {
    /// Above the panel.
    pub title: String,
    /// Whether it is higher than the others.
    pub tall: bool,
    /// Values that the vertical axis always includes.
    pub includes: Vec<f64>,
    /// Lines.
    pub curves: Vec<Curve>,
    /// Single points.
    pub points: Vec<Point>,
    /// Dashed lines from left to right.
    pub references: Vec<(String, f64)>,
}

/// A line with its band.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// Index into [`COLORS`].
    pub color: usize,
    /// At its end.
    pub label: String,
    /// From left to right.
    pub line: Vec<(f64, f64)>,
    /// (x, lower, upper) from left to right.
    pub band: Vec<(f64, f64, f64)>,
}

/// A point, maybe with an interval.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Index into [`COLORS`].
    pub color: usize,
    /// Position.
    pub at: (f64, f64),
    /// Lower and upper end.
    pub interval: Option<(f64, f64)>,
}

/// Okabe and Ito's colors, without the yellow, which is faint on white.
pub const COLORS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(230, 159, 0),
    RGBColor(0, 0, 0),
];

const INK: RGBColor = RGBColor(40, 40, 40);
const GRAY: RGBColor = RGBColor(105, 105, 105);
const GRID: RGBColor = RGBColor(226, 226, 226);

/// Width of the picture in SVG units, as are the lengths below. A phone shows it about 400 pixels wide, and the smallest letters
/// about 12 pixels high.
const WIDTH: u32 = 800;
const TITLE: f64 = 46.0;
const TEXT: f64 = 35.0;
const SMALL: f64 = 30.0;
const MARGIN: i32 = 20;
const LEFT: i32 = 125;
const TALL: i32 = 520;
const LOW: i32 = 230;
const TICKS: i32 = 50;
const PANEL_TITLE: i32 = 56;

/// Pixels of the PNG for one unit of the SVG.
const PNG_SCALE: f32 = 1.5;

/// Values beyond this, or not finite, are left out; and a narrower axis is made wider. Outside these limits the drawing of an axis overflows
/// or does not end.
const LARGEST: f64 = 1e15;
const NARROWEST: f64 = 1e-9;

/// Names and values.
type References<'a> = Vec<(&'a str, &'a f64)>;
type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

impl Figure {
    /// The figure as SVG.
    ///
    /// # Errors
    /// When it cannot be drawn.
    pub fn svg(&self) -> Result<String> {
        use_own_font();
        let drawable = self.drawable();
        // Text can be measured only on a drawing area, so the height is found by drawing once.
        let measured = drawable.draw(&mut String::new(), 100)?;
        let mut svg = String::new();
        drawable.draw(&mut svg, measured)?;
        Ok(svg)
    }

    /// The figure without the values that no axis can show.
    fn drawable(&self) -> Self {
        let possible = |values: &[f64]| values.iter().all(|value| value.abs() <= LARGEST);
        // The horizontal axis begins at 0.
        let right = |x: f64| x >= 0.0;
        let mut figure = self.clone();
        for Panel { includes, curves, points, references, .. } in &mut figure.panels {
            includes.retain(|value| possible(&[*value]));
            references.retain(|(_, value)| possible(&[*value]));
            for curve in curves {
                curve.line.retain(|(x, y)| right(*x) && possible(&[*x, *y]));
                curve.band.retain(|(x, low, high)| right(*x) && possible(&[*x, *low, *high]));
            }
            points.retain(|Point { at: (x, y), interval, .. }| {
                let (low, high) = interval.unwrap_or((*y, *y));
                right(*x) && possible(&[*x, *y, low, high])
            });
        }
        figure
    }

    /// The figure as PNG.
    ///
    /// # Errors
    /// When it cannot be drawn.
    pub fn png(&self) -> Result<Vec<u8>> {
        svg_to_png(&self.svg()?)
    }

    /// Draws on an area of this height. Returns the height that the figure needs.
    fn draw(&self, svg: &mut String, height: u32) -> Result<u32> {
        let root = SVGBackend::with_string(svg, (WIDTH, height)).into_drawing_area();
        root.fill(&WHITE).map_err(broken)?;
        let text_width = WIDTH as i32 - 2 * MARGIN;
        let mut y = MARGIN;
        let mut write = |text: &str, size: f64, color: RGBColor, gap: i32| -> Result<i32> {
            for line in wrapped(&root, text, size, text_width)? {
                root.draw(&Text::new(line, (MARGIN, y), font(size, color))).map_err(broken)?;
                y += (size * 1.25) as i32;
            }
            y += gap;
            Ok(y)
        };
        let mut top = write(&self.title, TITLE, INK, 4)?;
        for (color, line) in &self.key {
            top = write(line, TEXT, color.map_or(GRAY, |color| COLORS[color % COLORS.len()]), 0)?;
        }
        let x_max = self.panels.iter().filter_map(Panel::x_max).fold(0.0, f64::max);
        let x_range = 0.0..if x_max >= NARROWEST { x_max } else { 1.0 };
        let right = self.right_margin(&root)?;
        for (i, panel) in self.panels.iter().enumerate() {
            let last = i + 1 == self.panels.len();
            let height = PANEL_TITLE + if panel.tall { TALL } else { LOW } + TICKS;
            let area = root.clone().shrink((0, top), (WIDTH, height as u32));
            panel.draw(&area, x_range.clone(), right)?;
            top += height + 12;
            if last || i == 0 {
                let middle = (LEFT + WIDTH as i32 - right) / 2;
                let style = font(SMALL, INK).pos(Pos::new(HPos::Center, VPos::Top));
                root.draw(&Text::new(self.x_label.clone(), (middle, top - 12), style)).map_err(broken)?;
                top += SMALL as i32 + 8;
            }
        }
        y = top + 8;
        for note in &self.notes {
            for line in wrapped(&root, note, SMALL, text_width)? {
                root.draw(&Text::new(line, (MARGIN, y), font(SMALL, GRAY))).map_err(broken)?;
                y += (SMALL * 1.25) as i32;
            }
            y += 8;
        }
        root.present().map_err(broken)?;
        Ok((y + MARGIN) as u32)
    }

    /// Width of the margin that holds the labels at the ends of the lines.
    fn right_margin(&self, area: &Area) -> Result<i32> {
        let labels = self.panels.iter().flat_map(|panel| {
            let references = panel.shown_references().0.into_iter().map(|(name, value)| reference_label(name, *value));
            panel.curves.iter().map(|curve| curve.label.clone()).chain(references)
        });
        let mut widest = 60;
        for label in labels {
            widest = widest.max(text_width(area, &label, SMALL)?);
        }
        Ok(widest + 12 + MARGIN)
    }
}

impl Panel {
    /// Whether there is nothing to see.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty() && self.curves.iter().all(|curve| curve.line.is_empty())
    }

    /// The rightmost value. Usually it is the last of a line, but rows can be out of order.
    fn x_max(&self) -> Option<f64> {
        let lines = self.curves.iter().flat_map(|curve| curve.line.iter().map(|(x, _)| *x));
        let bands = self.curves.iter().flat_map(|curve| curve.band.iter().map(|(x, _, _)| *x));
        lines.chain(bands).chain(self.points.iter().map(|point| point.at.0)).max_by(f64::total_cmp)
    }

    /// The lowest and the highest value of curves, bands, points and `includes`.
    fn measured(&self) -> Range<f64> {
        let lines = self.curves.iter().flat_map(|curve| curve.line.iter().map(|(_, y)| *y));
        let bands = self.curves.iter().flat_map(|curve| curve.band.iter().flat_map(|(_, low, high)| [*low, *high]));
        let points = self.points.iter().flat_map(|point| {
            let (low, high) = point.interval.unwrap_or((point.at.1, point.at.1));
            [point.at.1, low, high]
        });
        let all = lines.chain(bands).chain(points).chain(self.includes.iter().copied());
        let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| (low.min(y), high.max(y)));
        if low > high {
            return 0.0..1.0;
        }
        low..high
    }

    /// The references near enough to the measured values to be drawn, and the others.
    ///
    /// With a reference of 400 on its axis, a run that reached 4 would be a flat line at the bottom.
    fn shown_references(&self) -> (References<'_>, References<'_>) {
        let Range { start, end } = self.measured();
        let span = (end - start).max(NARROWEST);
        let near = |value: f64| value <= end + 1.5 * span && value >= start - 1.5 * span;
        self.references.iter().map(|(name, value)| (name.as_str(), value)).partition(|(_, value)| near(**value))
    }

    fn y_range(&self) -> Range<f64> {
        let Range { start, end } = self.measured();
        let shown = self.shown_references().0;
        let start = shown.iter().fold(start, |low, (_, value)| low.min(**value));
        let end = shown.iter().fold(end, |high, (_, value)| high.max(**value));
        let span = if end - start >= NARROWEST.max(1e-12 * end.abs()) { end - start } else { end.abs().max(1.0) };
        // Values that begin at zero stand on the bottom line.
        let low = if start == 0.0 { 0.0 } else { start - 0.05 * span };
        low..end + 0.08 * span
    }

    fn draw(&self, area: &Area, x_range: Range<f64>, right: i32) -> Result<()> {
        area.draw(&Text::new(self.title.clone(), (MARGIN, 8), font(TEXT, INK))).map_err(broken)?;
        let y_range = self.y_range();
        let mut chart = ChartBuilder::on(area)
            .margin_top(PANEL_TITLE)
            .margin_right(right)
            .x_label_area_size(TICKS)
            .y_label_area_size(LEFT)
            .build_cartesian_2d(x_range.clone(), y_range.clone())
            .map_err(broken)?;
        let number = |value: &f64| compact(*value);
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(GRAY)
            .x_labels(5)
            .y_labels(if self.tall { 6 } else { 4 })
            .x_label_formatter(&number)
            .y_label_formatter(&number)
            .label_style(font(SMALL, INK))
            .draw()
            .map_err(broken)?;

        let (shown, others) = self.shown_references();
        for (_, value) in &shown {
            let ends = [(x_range.start, **value), (x_range.end, **value)];
            chart.draw_series(DashedLineSeries::new(ends, 9, 6, GRAY.stroke_width(2))).map_err(broken)?;
        }
        self.draw_curves(&mut chart)?;
        self.draw_labels(area, &chart, &shown, right)?;
        self.draw_far_references(area, &others)
    }

    fn draw_curves(&self, chart: &mut Chart) -> Result<()> {
        for curve in &self.curves {
            let color = COLORS[curve.color % COLORS.len()];
            if curve.band.len() > 1 {
                let upper = curve.band.iter().map(|(x, _, high)| (*x, *high));
                let lower = curve.band.iter().rev().map(|(x, low, _)| (*x, *low));
                let outline: Vec<(f64, f64)> = upper.chain(lower).collect();
                chart.draw_series([Polygon::new(outline, color.mix(0.2))]).map_err(broken)?;
            }
            chart.draw_series(LineSeries::new(curve.line.clone(), color.stroke_width(4))).map_err(broken)?;
        }
        for Point { color, at, interval } in &self.points {
            let color = COLORS[color % COLORS.len()];
            if let Some((low, high)) = interval {
                let ends = [(at.0, *low), (at.0, *high)];
                chart.draw_series([PathElement::new(ends, color.stroke_width(3))]).map_err(broken)?;
            }
            chart.draw_series([Circle::new(*at, 9, WHITE.filled())]).map_err(broken)?;
            chart.draw_series([Circle::new(*at, 7, color.filled())]).map_err(broken)?;
        }
        Ok(())
    }

    /// Names the references that are off the scale at the top or the bottom of the panel.
    fn draw_far_references(&self, area: &Area, others: &[(&str, &f64)]) -> Result<()> {
        let (_, height) = area.dim_in_pixel();
        let Range { end, .. } = self.measured();
        let side = |above: bool| {
            let names = others.iter().filter(|(_, value)| (**value > end) == above);
            names.map(|(name, value)| reference_label(name, **value)).collect::<Vec<_>>().join(", ")
        };
        let style = font(SMALL, GRAY);
        let left = LEFT + 12;
        if !side(true).is_empty() {
            let text = format!("off the scale: {}", side(true));
            area.draw(&Text::new(text, (left, PANEL_TITLE + 4), style.clone())).map_err(broken)?;
        }
        if !side(false).is_empty() {
            let text = format!("below the scale: {}", side(false));
            let bottom = height as i32 - TICKS - 4;
            let style = style.pos(Pos::new(HPos::Left, VPos::Bottom));
            area.draw(&Text::new(text, (left, bottom), style)).map_err(broken)?;
        }
        Ok(())
    }

    /// Draws the labels right of the panel, each as near to the height of its line as the others allow.
    fn draw_labels(&self, area: &Area, chart: &Chart, references: &[(&str, &f64)], right: i32) -> Result<()> {
        let (origin_x, origin_y) = area.get_base_pixel();
        let pixel = |y: f64| chart.backend_coord(&(0.0, y)).1 - origin_y;
        let mut labels: Vec<(i32, String, RGBColor)> = Vec::new();
        for curve in &self.curves {
            if let (Some((_, y)), false) = (curve.line.last(), curve.label.is_empty()) {
                labels.push((pixel(*y), curve.label.clone(), COLORS[curve.color % COLORS.len()]));
            }
        }
        labels.extend(references.iter().map(|(name, value)| (pixel(**value), reference_label(name, **value), GRAY)));
        labels.sort_by_key(|(y, ..)| *y);
        let (_, height) = area.dim_in_pixel();
        let middles =
            spread(&labels.iter().map(|(y, ..)| *y).collect::<Vec<_>>(), SMALL as i32 + 4, height as i32 - TICKS);
        let x = WIDTH as i32 - right + 10 - origin_x;
        for ((_, label, color), y) in labels.into_iter().zip(middles) {
            let style = font(SMALL, color).pos(Pos::new(HPos::Left, VPos::Center));
            area.draw(&Text::new(label, (x, y), style)).map_err(broken)?;
        }
        Ok(())
    }
}

/// Moves sorted positions so that they are at least `gap` apart and at most `limit`.
fn spread(positions: &[i32], gap: i32, limit: i32) -> Vec<i32> {
    let mut moved = positions.to_vec();
    for i in 1..moved.len() {
        moved[i] = moved[i].max(moved[i - 1] + gap);
    }
    let mut limit = limit;
    for position in moved.iter_mut().rev() {
        *position = (*position).min(limit);
        limit = *position - gap;
    }
    moved
}

fn reference_label(name: &str, value: f64) -> String {
    format!("{name} {}", compact(value))
}

/// A number in few characters: 12.5k, 3M, 0.02.
pub fn compact(value: f64) -> String {
    let magnitude = value.abs();
    let (scaled, suffix) = match magnitude {
        1e9.. => (value / 1e9, "G"),
        1e6.. => (value / 1e6, "M"),
        1e4.. => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let decimals = match scaled.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        0.1.. => 3,
        _ => 5,
    };
    let text = format!("{scaled:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{}{suffix}", if text == "-0" { "0" } else { text })
}

fn font(size: f64, color: RGBColor) -> TextStyle<'static> {
    (FontFamily::SansSerif, size).into_font().color(&color)
}

fn text_width(area: &Area, text: &str, size: f64) -> Result<i32> {
    let (width, _) = area.estimate_text_size(text, &font(size, INK)).map_err(broken)?;
    // Letters in the SVG are 1.24 times smaller than plotters measures them, but the reader's sans serif font may be wider than
    // this program's.
    Ok((f64::from(width) * 0.95) as i32)
}

/// `text` in lines that are at most `width` wide.
fn wrapped(area: &Area, text: &str, size: f64, width: i32) -> Result<Vec<String>> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let longer = lines.last().map(|line| format!("{line} {word}"));
        match (longer, lines.last_mut()) {
            (Some(longer), Some(line)) if text_width(area, &longer, size)? <= width => *line = longer,
            _ => lines.push(word.to_string()),
        }
    }
    Ok(lines)
}

fn broken(error: impl std::fmt::Debug) -> anyhow::Error {
    anyhow!("the curves cannot be drawn: {error:?}")
}

fn use_own_font() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Registering fails only for a damaged font. Then plotters estimates the size of text.
        let _ = register_font("sans-serif", FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
    });
}

/// Renders an SVG as PNG.
fn svg_to_png(svg: &str) -> Result<Vec<u8>> {
    let svg = Svg::parse(svg)?;
    let (width, height) = svg.size(PNG_SCALE);
    // The picture, and its pixels without transparency.
    memory::ensure_free(&format!("a picture of {width} x {height} pixels"), 7 * u64::from(width) * u64::from(height))?;
    svg.paint(PNG_SCALE)?.png()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure() -> Figure {
        let curve = Curve {
            color: 1,
            label: "43".to_string(),
            line: vec![(0.0, 1.0), (10.0, 43.0)],
            band: vec![(0.0, 0.0, 2.0), (10.0, 40.0, 50.0)],
        };
        let panel = Panel {
            title: "score <&>".to_string(),
            tall: true,
            curves: vec![curve],
            points: vec![Point { color: 0, at: (12.0, 44.0), interval: Some((40.0, 48.0)) }],
            references: vec![("human".to_string(), 60.0), ("DQN".to_string(), 9000.0)],
            ..Panel::default()
        };
        Figure {
            title: "a title that is so long that it has to go on in a second line of the picture".to_string(),
            key: vec![(Some(1), "a group".to_string())],
            x_label: "steps".to_string(),
            panels: vec![panel],
            notes: vec!["a note".to_string()],
        }
    }

    #[test]
    fn a_figure_is_svg_with_escaped_text_and_the_png_is_not_blank() {
        let svg = figure().svg().unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{svg}");
        assert!(svg.contains("score &lt;&amp;&gt;") && svg.contains("human 60"), "{svg}");
        assert!(svg.contains("off the scale: DQN 9000"), "{svg}");
        let png = figure().png().unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!(info.width, 1200);
        let title = &pixels[..info.line_size * 150];
        assert!(title.iter().filter(|&&value| value < 128).count() > 3000, "letters need no fonts of the system");
    }

    #[test]
    fn a_reference_far_off_does_not_flatten_the_curve() {
        let panel = &figure().panels[0];
        assert_eq!(panel.shown_references().0, [("human", &60.0)]);
        assert!(panel.y_range().end < 70.0);
    }

    #[test]
    fn a_flat_curve_and_an_empty_panel_have_an_axis_too() {
        let flat = Curve { line: vec![(0.0, 0.1), (1.0, 0.1)], ..Curve::default() };
        for curves in [vec![flat], vec![]] {
            let panel = Panel { curves, ..Panel::default() };
            assert!(panel.y_range().start < panel.y_range().end);
            let figure = Figure { panels: vec![panel], ..figure() };
            figure.svg().unwrap();
        }
    }

    #[test]
    fn values_that_no_axis_can_show_are_left_out() {
        let extremes =
            [f64::MAX, f64::MIN, f64::INFINITY, f64::NAN, 1e16, f64::MIN_POSITIVE, 5e-324, -5e-324, 0.0, 1e15];
        for x in extremes {
            for y in extremes {
                let line = vec![(0.0, 1.0), (x, y), (1.0, 0.5)];
                let curve = Curve { band: vec![(0.0, -y, y), (x, y, x)], line, ..Curve::default() };
                let points = vec![Point { color: 0, at: (x, y), interval: Some((y, x)) }];
                let references = vec![("human".to_string(), y)];
                let panel = Panel { curves: vec![curve], points, references, includes: vec![x], ..Panel::default() };
                let svg = Figure { panels: vec![panel], ..figure() }.svg().unwrap();
                assert!(svg.len() < 100_000, "{x} {y}: {} bytes", svg.len());
            }
        }
    }

    #[test]
    fn labels_are_moved_apart_and_stay_inside() {
        assert_eq!(spread(&[10, 12, 50], 10, 100), [10, 20, 50]);
        assert_eq!(spread(&[90, 95, 99], 10, 100), [80, 90, 100]);
        assert_eq!(spread(&[], 10, 100), [0; 0]);
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (-20.7, "-20.7"),
            (0.05, "0.05"),
            (0.3, "0.3"),
            (9000.0, "9000"),
            (12_850.0, "12.8k"),
            (50_000_000.0, "50M"),
            (200_000.0, "200k"),
            (1e10, "10G"),
            (401.2, "401"),
        ] {
            assert_eq!(compact(value), text);
        }
    }
}
