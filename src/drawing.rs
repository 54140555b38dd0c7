//! Pictures in files: charts as SVG and PNG, games as GIF, single screens as PNG. It knows numbers and pixels, but no
//! runs and no environments.

pub mod chart;
pub mod color_table;
pub mod recording;
pub mod scene;
pub mod svg;

/// Red, green and blue of the 256 values a pixel can have.
pub type Colors = [[u8; 3]; 256];

/// One picture of a game, with indexed colors.
#[derive(Clone, Copy, Debug)]
pub struct Picture<'a> {
    /// Indices into `colors`, row by row: `height * width` of them.
    pub pixels: &'a [u8],
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// The color of each index.
    pub colors: &'a Colors,
    /// Width of a shown pixel divided by its height, rounded.
    pub pixel_width: usize,
    /// Pictures per second at the game's own speed.
    pub frames_per_second: u32,
}
