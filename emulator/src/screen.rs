//! The picture of a console as palette indices.

mod pictures;

use crate::palette::Palette;
use crate::properties::TelevisionFormat;
use crate::tia::{Painted, WIDTH};

pub use crate::tia::ScreenVersion;
pub use pictures::{Colors, Pictures};

/// A picture: rows of palette indices. Two pictures are equal if they have the same size and the same indices.
#[derive(Clone, Copy, Debug)]
pub struct Screen<'a> {
    /// Palette indices, row by row: `height * width` of them.
    pub pixels: &'a [u8],
    /// Pixels in a row: 160 if a console made the picture.
    pub width: usize,
    /// Rows: 210 for most NTSC games, 250 for PAL.
    pub height: usize,
    palette: &'static Palette,
    /// When each row was painted; `None` for a picture that was computed.
    painted: Option<Painted<'a>>,
}

impl<'a> Screen<'a> {
    /// A picture that no console painted, with NTSC colors. `pixels` are palette indices, row by row.
    ///
    /// # Panics
    /// If there are not `height * width` of them.
    pub fn new(pixels: &'a [u8], width: usize, height: usize) -> Self {
        let found = pixels.len();
        assert!(height.checked_mul(width) == Some(found), "{found} pixels are no {height} rows of {width}");
        Self { pixels, width, height, palette: Palette::of(TelevisionFormat::Ntsc), painted: None }
    }

    /// The first `height` rows of a console's frame buffer.
    pub(crate) fn of_painted(painted: Painted<'a>, height: usize, palette: &'static Palette) -> Self {
        let pixels = &painted.pixels[..height * WIDTH];
        Self { pixels, width: WIDTH, height, palette, painted: Some(painted) }
    }

    /// The same picture in the colors of `palette`.
    pub fn with_palette(self, palette: &'static Palette) -> Self {
        Self { palette, ..self }
    }

    /// The colors of the indices.
    pub fn palette(&self) -> &'static Palette {
        self.palette
    }

    /// Writes red, green and blue of every pixel to `rgb`, row by row: ALE's `getScreenRGB`.
    ///
    /// # Panics
    /// If `rgb` does not have `3 * height * width` bytes.
    pub fn to_rgb(&self, rgb: &mut [u8]) {
        assert_eq!(rgb.len(), 3 * self.pixels.len(), "an RGB picture takes three bytes a pixel");
        self.palette.pixels_to_rgb(self.pixels, rgb);
    }

    /// Writes the luminance of every pixel to `gray`, row by row: ALE's `getScreenGrayscale`.
    ///
    /// # Panics
    /// If `gray` does not have `height * width` bytes.
    pub fn to_gray(&self, gray: &mut [u8]) {
        assert_eq!(gray.len(), self.pixels.len(), "a gray picture takes one byte a pixel");
        self.palette.pixels_to_gray(self.pixels, gray);
    }

    /// Identifies this screen for [`changed_since`](Self::changed_since) of a later one. `None` for a picture that was
    /// computed.
    pub fn version(&self) -> Option<ScreenVersion> {
        self.painted.map(|painted| painted.version)
    }

    /// For every row, whether it may differ from the screen with this [version](Self::version). All true if the two
    /// cannot be compared: the console paints two buffers in turn, and a clone has buffers of its own.
    #[inline]
    pub fn changed_since(&self, version: Option<ScreenVersion>) -> impl Iterator<Item = bool> + use<'a> {
        let (painted_in, known) = self.painted.map_or((&[][..], 0), |painted| painted.since(version));
        (0..self.height).map(move |row| painted_in.get(row).is_none_or(|&painting| painting > known))
    }
}

impl PartialEq for Screen<'_> {
    fn eq(&self, other: &Self) -> bool {
        (self.pixels, self.width, self.height) == (other.pixels, other.width, other.height)
    }
}

impl Eq for Screen<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pixel_is_converted_by_the_palette() {
        let pal = Palette::of(TelevisionFormat::Pal);
        let screen = Screen::new(&[0x24, 0x0E], 2, 1);
        let (mut rgb, mut gray) = ([0; 6], [0; 2]);
        screen.to_rgb(&mut rgb);
        screen.to_gray(&mut gray);
        assert_eq!((rgb, gray), ([0xA2, 0x62, 0x21, 0xEC, 0xEC, 0xEC], [110, 236]));
        screen.with_palette(pal).to_rgb(&mut rgb);
        assert_eq!(rgb[..3], pal.rgb(0x24));
    }

    #[test]
    #[should_panic(expected = "7 pixels are no 2 rows of 4")]
    fn a_picture_that_misses_pixels_is_refused() {
        Screen::new(&[0; 7], 4, 2);
    }
}
