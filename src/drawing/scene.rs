//! A picture of a few shapes, for people: written as SVG, or painted.

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
        /// Height of the letters.
        size: f64,
        /// Its color.
        color: Color,
        /// The letters.
        text: String,
    },
}
