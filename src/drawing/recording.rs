//! Pictures for people: a game as a GIF that plays at real speed, and single screens as PNG.
//!
//! Every third frame is kept. Many games draw an object on every second frame only; taking every second frame would lose
//! it for good, and a third of 60 or of 50 frames is a whole number of the hundredths of a second that GIF counts in.

use anyhow::{Context, Result};
use atari_emulator::{Environment, Palette, Screen};
use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Frames from one kept frame to the next.
const INTERVAL: u32 = 3;

/// Pixels in a row of the console's picture.
const SCREEN_WIDTH: usize = 160;

/// Pixels are about twice as wide as high.
const WIDENED: usize = 2;

/// Writes a game to a GIF, frame by frame; only the part of the picture that changed is stored.
///
/// The file appears under its name when [`finish`](Self::finish) succeeds; until then it is `NAME.part`.
pub struct GifRecorder {
    encoder: Option<gif::Encoder<BufWriter<File>>>,
    path: PathBuf,
    part: PathBuf,
    /// Hundredths of a second one kept frame is shown.
    delay: u16,
    /// Frames to leave out before the next is kept.
    left_out: u32,
    /// The screen as of the last kept frame.
    shown: Vec<u8>,
    /// The change that led to it, not yet written because its delay grows while nothing moves.
    pending: Option<gif::Frame<'static>>,
}

impl GifRecorder {
    /// Starts a recording of what `environment` shows.
    pub fn create(path: &Path, environment: &Environment) -> Result<Self> {
        let (palette, rate) = (environment.palette(), environment.frames_per_second());
        Self::with_palette(path, palette, SCREEN_WIDTH, environment.screen_height(), rate)
    }

    /// Starts a recording of screens of this size and rate.
    pub fn with_palette(
        path: &Path,
        palette: &Palette,
        width: usize,
        height: usize,
        frames_per_second: u32,
    ) -> Result<Self> {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = File::create(&part).with_context(|| format!("cannot create {}", part.display()))?;
        let colours: Vec<u8> = (0..=255).flat_map(|entry| palette.rgb(pixel_value(entry))).collect();
        let mut encoder = gif::Encoder::new(BufWriter::new(file), (width * WIDENED) as u16, height as u16, &colours)
            .with_context(|| format!("cannot write {}", part.display()))?;
        encoder.set_repeat(gif::Repeat::Infinite).with_context(|| format!("cannot write {}", part.display()))?;
        Ok(Self {
            encoder: Some(encoder),
            path: path.to_owned(),
            part,
            delay: (100 * INTERVAL / frames_per_second) as u16,
            left_out: 0,
            shown: Vec::new(),
            pending: None,
        })
    }

    /// Adds the next frame of the game.
    pub fn frame(&mut self, screen: &Screen) -> Result<()> {
        if self.left_out > 0 {
            self.left_out -= 1;
            return Ok(());
        }
        self.left_out = INTERVAL - 1;
        let changed = if self.shown.is_empty() {
            Some(Area { left: 0, top: 0, right: screen.width, bottom: screen.height })
        } else {
            Area::of_change(&self.shown, screen)
        };
        match (changed, &mut self.pending) {
            (None, Some(pending)) if pending.delay <= u16::MAX - self.delay => {
                pending.delay += self.delay;
                return Ok(());
            }
            _ => self.write_pending()?,
        }
        // after 655 s of standstill the one changed pixel is the old one
        let area = changed.unwrap_or(Area { left: 0, top: 0, right: 1, bottom: 1 });
        self.pending = Some(gif::Frame {
            delay: self.delay,
            left: (area.left * WIDENED) as u16,
            top: area.top as u16,
            width: ((area.right - area.left) * WIDENED) as u16,
            height: (area.bottom - area.top) as u16,
            buffer: area.entries(screen).into(),
            ..gif::Frame::default()
        });
        self.shown.clear();
        self.shown.extend_from_slice(screen.pixels);
        Ok(())
    }

    fn write_pending(&mut self) -> Result<()> {
        if let (Some(frame), Some(encoder)) = (self.pending.take(), &mut self.encoder) {
            encoder.write_frame(&frame).with_context(|| format!("cannot write {}", self.part.display()))?;
        }
        Ok(())
    }

    /// Writes what is left and gives the file its name.
    pub fn finish(mut self) -> Result<()> {
        self.write_pending()?;
        if let Some(encoder) = self.encoder.take() {
            let mut file = encoder.into_inner().with_context(|| format!("cannot write {}", self.part.display()))?;
            file.flush().with_context(|| format!("cannot write {}", self.part.display()))?;
        }
        fs::rename(&self.part, &self.path)
            .with_context(|| format!("cannot rename {} to {}", self.part.display(), self.path.display()))
    }
}

impl Drop for GifRecorder {
    /// An abandoned recording leaves nothing behind.
    fn drop(&mut self) {
        if self.encoder.take().is_some() {
            let _ = fs::remove_file(&self.part);
        }
    }
}

/// The colour table's entry of a pixel value: the 128 even values first, because the odd ones almost never occur and the
/// picture packs better with 7-bit entries.
fn entry(pixel: u8) -> u8 {
    pixel.rotate_right(1)
}

/// The pixel value of a colour table entry.
fn pixel_value(entry: u8) -> u8 {
    entry.rotate_left(1)
}

/// A rectangle of screen pixels; right and bottom are just outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Area {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

impl Area {
    /// The smallest area that holds every pixel in which `screen` differs from `before`.
    fn of_change(before: &[u8], screen: &Screen) -> Option<Area> {
        let mut area: Option<Area> = None;
        for (y, (old, new)) in
            before.chunks_exact(screen.width).zip(screen.pixels.chunks_exact(screen.width)).enumerate()
        {
            if old == new {
                continue;
            }
            let differs = |x: &usize| old[*x] != new[*x];
            let left = (0..screen.width).find(differs)?;
            let right = (0..screen.width).rev().find(differs)? + 1;
            let grown = area.get_or_insert(Area { left, top: y, right, bottom: y + 1 });
            *grown = Area { left: grown.left.min(left), top: grown.top, right: grown.right.max(right), bottom: y + 1 };
        }
        area
    }

    /// Colour table entries of the area, each pixel twice.
    fn entries(self, screen: &Screen) -> Vec<u8> {
        (self.top..self.bottom)
            .flat_map(|y| &screen.pixels[y * screen.width + self.left..y * screen.width + self.right])
            .flat_map(|&pixel| [entry(pixel); WIDENED])
            .collect()
    }
}

/// Writes `screen` as a PNG (width doubled) to the first free of `STEM-0001.png`, `STEM-0002.png`, ... in `folder`; its path.
pub fn save_screenshot(folder: &Path, stem: &str, screen: &Screen, palette: &Palette) -> Result<PathBuf> {
    for number in 1..=9999 {
        let path = folder.join(format!("{stem}-{number:04}.png"));
        match File::options().write(true).create_new(true).open(&path) {
            Ok(file) => {
                write_png(file, screen, palette).with_context(|| format!("cannot write {}", path.display()))?;
                return Ok(path);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("cannot create {}", path.display())),
        }
    }
    anyhow::bail!("{}-0001.png to -9999.png are all there; move some away", folder.join(stem).display())
}

fn write_png(file: File, screen: &Screen, palette: &Palette) -> Result<()> {
    let mut encoder = png::Encoder::new(BufWriter::new(file), (screen.width * WIDENED) as u32, screen.height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let data: Vec<u8> = screen.pixels.iter().flat_map(|&pixel| [palette.rgb(pixel); WIDENED]).flatten().collect();
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&data)?;
    writer.finish()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pixel_value_has_its_own_entry_and_even_ones_fit_seven_bits() {
        for pixel in 0..=255 {
            assert_eq!(pixel_value(entry(pixel)), pixel);
            assert_eq!(entry(pixel) < 128, pixel % 2 == 0);
        }
    }

    #[test]
    fn the_changed_area_is_the_smallest_rectangle_around_all_changes() {
        let before = vec![0; 8 * 5];
        let mut after = before.clone();
        let area = |pixels: &[u8]| Area::of_change(&before, &Screen::new(pixels, 8, 5));
        assert_eq!(area(&after), None);
        after[8 + 6] = 1;
        assert_eq!(area(&after), Some(Area { left: 6, top: 1, right: 7, bottom: 2 }));
        after[3 * 8 + 2] = 1;
        assert_eq!(area(&after), Some(Area { left: 2, top: 1, right: 7, bottom: 4 }));
    }
}
