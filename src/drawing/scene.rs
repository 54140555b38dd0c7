//! A picture of a few shapes, for people: written as SVG, or painted.
//!
//! What is painted is the SVG, so both look the same.

use crate::drawing::svg::{Painted, Svg};
use anyhow::Result;
use std::fmt::Write;

/// Red, green and blue.
pub type Color = [u8; 3];

/// Shapes on a background, the first one lowest.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// What is behind the shapes.
    pub background: Color,
    /// The shapes.
    pub shapes: Vec<Shape>,
}

/// A shape. Coordinates are in pixels from the upper left corner.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A filled polygon with an outline of `line` pixels.
    Polygon {
        /// Corners.
        corners: Vec<(f64, f64)>,
        /// Color of the inside; `None` leaves it as it is.
        fill: Option<Color>,
        /// Color of the outline; `None` for none.
        outline: Option<Color>,
        /// Width of the outline.
        line: f64,
    },
    /// A line.
    Line {
        /// One end.
        from: (f64, f64),
        /// The other end.
        to: (f64, f64),
        /// Its color.
        color: Color,
        /// Its width.
        width: f64,
    },
    /// A filled disc.
    Disc {
        /// Its middle.
        center: (f64, f64),
        /// Its radius.
        radius: f64,
        /// Its color.
        color: Color,
    },
    /// A line of text.
    Text {
        /// Its middle.
        center: (f64, f64),
        /// Font size: the height of a line.
        size: f64,
        /// Its color.
        color: Color,
        /// The letters.
        text: String,
    },
}

/// Where the baseline of a line of text is below its middle, in font sizes.
const BASELINE: f64 = 0.35;

impl Scene {
    /// The scene as SVG.
    pub fn svg(&self) -> String {
        let (width, height) = (self.width, self.height);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"{}\"/>\n",
            hex(self.background)
        );
        for shape in &self.shapes {
            svg.push_str(&shape.svg());
            svg.push('\n');
        }
        svg.push_str("</svg>\n");
        svg
    }

    /// The scene as pixels, `width` x `height` of them.
    ///
    /// # Errors
    /// When it has no pixels, or too many.
    pub fn paint(&self) -> Result<Painted> {
        Svg::parse(&self.svg())?.paint(1.0)
    }
}

impl Shape {
    fn svg(&self) -> String {
        match self {
            Shape::Polygon { corners, fill, outline, line } => {
                let mut points = String::new();
                for (x, y) in corners {
                    let separator = if points.is_empty() { "" } else { " " };
                    // Writing to a string cannot fail.
                    let _ = write!(points, "{separator}{},{}", short(*x), short(*y));
                }
                let fill = fill.map_or("none".to_string(), hex);
                let outline = outline.map_or(String::new(), |color| {
                    format!(" stroke=\"{}\" stroke-width=\"{}\" stroke-linejoin=\"round\"", hex(color), short(*line))
                });
                format!("<polygon points=\"{points}\" fill=\"{fill}\"{outline}/>")
            }
            Shape::Line { from, to, color, width } => {
                let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(short);
                let stroke = format!("stroke=\"{}\" stroke-width=\"{}\"", hex(*color), short(*width));
                format!("<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" {stroke} stroke-linecap=\"round\"/>")
            }
            Shape::Disc { center, radius, color } => {
                let [x, y, r] = [center.0, center.1, *radius].map(short);
                format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{r}\" fill=\"{}\"/>", hex(*color))
            }
            Shape::Text { center, size, color, text } => {
                let [x, y, height] = [center.0, center.1 + BASELINE * size, *size].map(short);
                let font = format!("font-family=\"sans-serif\" font-size=\"{height}\" text-anchor=\"middle\"");
                format!("<text x=\"{x}\" y=\"{y}\" {font} fill=\"{}\">{}</text>", hex(*color), escaped(text))
            }
        }
    }
}

fn hex([red, green, blue]: Color) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// A hundredth of a pixel is fine enough. Numbers that are not finite would make the SVG invalid.
fn short(number: f64) -> String {
    if !number.is_finite() {
        return "0".to_string();
    }
    let text = format!("{number:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0" } else { text }.to_string()
}

/// Text in which no character means anything to SVG. Control characters, which XML does not allow, are left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars().filter(|c| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}')) {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene(shapes: Vec<Shape>) -> Scene {
        Scene { width: 40, height: 20, background: [10, 20, 30], shapes }
    }

    fn pixel(painted: &Painted, x: usize, y: usize) -> Color {
        let at = 3 * (y * painted.width as usize + x);
        [painted.rgb[at], painted.rgb[at + 1], painted.rgb[at + 2]]
    }

    #[test]
    fn shapes_are_painted_where_they_are_the_later_above_the_earlier() {
        let corners = vec![(0.0, 0.0), (20.0, 0.0), (20.0, 20.0), (0.0, 20.0)];
        let polygon = Shape::Polygon { corners, fill: Some([255, 0, 0]), outline: Some([0, 255, 0]), line: 2.0 };
        let disc = Shape::Disc { center: (10.0, 10.0), radius: 4.0, color: [0, 0, 255] };
        let line = Shape::Line { from: (25.0, 10.0), to: (38.0, 10.0), color: [255; 3], width: 4.0 };
        let painted = scene(vec![polygon, disc, line]).paint().unwrap();
        assert_eq!((painted.width, painted.height, painted.rgb.len()), (40, 20, 2400));
        for ((x, y), color) in [
            ((22, 3), [10, 20, 30]),
            ((3, 3), [255, 0, 0]),
            ((10, 10), [0, 0, 255]),
            ((0, 10), [0, 255, 0]),
            ((30, 10), [255; 3]),
            ((30, 2), [10, 20, 30]),
        ] {
            assert_eq!(pixel(&painted, x, y), color, "at {x}, {y}");
        }
    }

    #[test]
    fn text_is_painted_around_its_middle_whatever_its_characters() {
        let text =
            |text: &str| Shape::Text { center: (20.0, 10.0), size: 16.0, color: [255; 3], text: text.to_string() };
        let painted = scene(vec![text("H")]).paint().unwrap();
        let white = |y: usize| (0..40).filter(|x| pixel(&painted, *x, y)[0] > 60).count();
        assert!(white(10) > 4, "the bar of an H is in its middle");
        assert_eq!((white(1), white(18)), (0, 0));
        let strange = scene(vec![text("<a&b>\"'\u{0}\u{ffff}")]);
        assert!(strange.svg().contains(">&lt;a&amp;b&gt;\"'<"), "{}", strange.svg());
        assert!(strange.paint().is_ok());
    }

    #[test]
    fn numbers_are_short_and_never_invalid() {
        for (number, text) in
            [(1.0, "1"), (-0.001, "0"), (2.505, "2.5"), (120.0, "120"), (f64::NAN, "0"), (f64::INFINITY, "0")]
        {
            assert_eq!(short(number), text);
        }
        let nowhere = Shape::Disc { center: (f64::NAN, 1e300), radius: f64::INFINITY, color: [1; 3] };
        assert!(scene(vec![nowhere]).paint().is_ok());
        assert!(Scene { width: 0, ..scene(Vec::new()) }.paint().is_err());
    }
}
