//! Converts screens to RGB or gray. Rows that did not change since the screen before are not converted again.

use super::{Screen, ScreenVersion};
use crate::palette::Palette;

/// The colors of a converted picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Colors {
    /// Red, green and blue: three bytes a pixel.
    Rgb,
    /// The luminance: one byte a pixel.
    Gray,
}

/// Converts the screens of one environment, one after the other. Rows that look as they did are not converted again:
/// eight of ten in most games.
///
/// A console paints two frame buffers in turn, and a row's changes are known within a buffer only. So the pictures of
/// two buffers are kept, up to 240 KB. Screens of other environments can be converted too; they just take longer.
///
/// ```
/// use atari_emulator::screen::{Colors, Pictures};
/// use atari_emulator::{Action, CartridgeImage, Environment, Settings};
///
/// let mut environment = Environment::new(&CartridgeImage::bricks(), Settings::default());
/// let mut pictures = Pictures::new(Colors::Rgb);
/// for _ in 0..3 {
///     environment.act(Action::Fire);
///     let mut rgb = vec![0; 3 * 210 * 160];
///     environment.screen().to_rgb(&mut rgb);
///     assert!(pictures.picture(&environment.screen()) == rgb);
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Pictures {
    colors: Colors,
    kept: [Kept; 2],
    /// The one used last.
    last: usize,
}

/// The picture of a frame buffer.
#[derive(Clone, Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    /// The state of the buffer that `bytes` show. `None`: they show no buffer.
    version: Option<ScreenVersion>,
    palette: Option<&'static Palette>,
}

impl Colors {
    /// Bytes of a pixel.
    fn channels(self) -> usize {
        match self {
            Self::Rgb => 3,
            Self::Gray => 1,
        }
    }

    fn convert(self, palette: &Palette, pixels: &[u8], bytes: &mut [u8]) {
        match self {
            Self::Rgb => palette.pixels_to_rgb(pixels, bytes),
            Self::Gray => palette.pixels_to_gray(pixels, bytes),
        }
    }
}

impl Pictures {
    /// A converter that has seen no screen.
    pub fn new(colors: Colors) -> Self {
        Self { colors, kept: [const { Kept { bytes: Vec::new(), version: None, palette: None } }; 2], last: 0 }
    }

    /// `screen` in this converter's colors, row by row: the bytes of [`Screen::to_rgb`] or [`Screen::to_gray`].
    pub fn picture(&mut self, screen: &Screen<'_>) -> &[u8] {
        let version = screen.version();
        let shows = |kept: &Kept| version.zip(kept.version).is_some_and(|(new, old)| new.same_buffer(old));
        self.last = self.kept.iter().position(shows).unwrap_or(1 - self.last);
        let kept = &mut self.kept[self.last];
        let channels = self.colors.channels();
        let length = channels * screen.pixels.len();
        let same_palette = kept.palette.is_some_and(|palette| std::ptr::eq(palette, screen.palette()));
        if kept.bytes.len() != length || !same_palette {
            *kept = Kept { bytes: vec![0; length], version: None, palette: Some(screen.palette()) };
        }
        let (width, row_bytes) = (screen.width, channels * screen.width);
        let rows = screen.pixels.chunks_exact(width.max(1));
        let mut above: &[u8] = &[];
        for (row, (pixels, changed)) in rows.zip(screen.changed_since(kept.version)).enumerate() {
            let start = row * row_bytes;
            // Many rows look like the one above them, and copying is faster than converting.
            if changed && pixels == above {
                kept.bytes.copy_within(start - row_bytes..start, start);
            } else if changed {
                self.colors.convert(screen.palette(), pixels, &mut kept.bytes[start..start + row_bytes]);
            }
            above = pixels;
        }
        kept.version = version;
        &kept.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::{Environment, Settings};
    use crate::image::CartridgeImage;
    use crate::properties::TelevisionFormat;
    use crate::random::MersenneTwister;
    use crate::Action;

    fn rgb(screen: &Screen) -> Vec<u8> {
        screen.pixels.iter().flat_map(|&index| screen.palette().rgb(index)).collect()
    }

    fn gray(screen: &Screen) -> Vec<u8> {
        screen.pixels.iter().map(|&index| screen.palette().gray()[usize::from(index)]).collect()
    }

    #[test]
    fn pictures_are_those_of_a_conversion_pixel_by_pixel() {
        for averaging in [false, true] {
            let settings = Settings::default().with_color_averaging(averaging);
            let mut environment = Environment::new(&CartridgeImage::bricks(), settings);
            let mut other = environment.clone();
            let (mut in_color, mut in_gray) = (Pictures::new(Colors::Rgb), Pictures::new(Colors::Gray));
            let mut random = MersenneTwister::new(3);
            for step in 0..600 {
                let action = Action::ALL[random.draw() as usize % 18];
                match random.draw() % 60 {
                    0 => environment = environment.clone(),
                    1 => std::mem::swap(&mut environment, &mut other),
                    2 => environment.reset(),
                    _ => _ = environment.act(action),
                }
                if !random.draw().is_multiple_of(3) {
                    let screen = environment.screen();
                    assert!(in_color.picture(&screen) == rgb(&screen), "step {step}");
                    assert!(in_gray.picture(&screen) == gray(&screen), "step {step}");
                }
            }
        }
    }

    #[test]
    fn screens_of_any_size_and_palette_are_converted() {
        let mut random = MersenneTwister::new(4);
        let mut pictures = Pictures::new(Colors::Rgb);
        for (width, height) in [(1, 1), (7, 3), (8, 1), (9, 2), (160, 4), (9, 2)] {
            let pixels: Vec<u8> = (0..width * height).map(|_| random.draw() as u8).collect();
            let screen = Screen::new(&pixels, width, height);
            assert!(pictures.picture(&screen) == rgb(&screen));
            let pal = screen.with_palette(Palette::of(TelevisionFormat::Pal));
            assert!(pictures.picture(&pal) == rgb(&pal));
        }
    }
}
