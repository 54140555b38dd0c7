//! Games as GIFs that play at real speed, and single screens as PNG.
//!
//! Of a game with 30 frames a second or more, every third frame is kept. Many games draw an object on every second frame only, and taking every second frame would
//! lose it for good. A third of 60 or of 50 frames a second is a whole number of hundredths of a second, GIF's unit of time.

use crate::drawing::Picture;
use crate::saving::own_files;
use anyhow::{Context, Result};
use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Frames from one kept frame to the next, of a game with at least [`FAST`] frames a second.
const INTERVAL: u32 = 3;
/// Slower games keep every frame.
const FAST: u32 = 30;

/// Writes a game to a GIF, frame by frame; only the part of the picture that changed is stored.
///
/// The file appears under its name when [`finish`](Self::finish) succeeds; until then it has another name beside it.
pub struct GifRecorder {
    encoder: Option<gif::Encoder<BufWriter<File>>>,
    path: PathBuf,
    part: PathBuf,
    /// The file has its name.
    finished: bool,
    /// Frames from one kept frame to the next.
    interval: u32,
    /// Hundredths of a second one kept frame is shown.
    delay: u16,
    /// Frames to leave out before the next is kept.
    left_out: u32,
    /// The pixels of the last kept frame.
    shown: Vec<u8>,
    /// The change that led to them, not yet written because its delay grows while nothing moves.
    pending: Option<gif::Frame<'static>>,
}

impl GifRecorder {
    /// Starts a recording of pictures with the size, the colors and the rate of `picture`, which is not yet recorded.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn create(path: &Path, picture: &Picture) -> Result<Self> {
        let (part, file) = own_files::create_part(path).with_context(|| format!("cannot write {}", path.display()))?;
        let colors: Vec<u8> = (0..=255).flat_map(|entry| picture.colors[usize::from(pixel_value(entry))]).collect();
        let interval = if picture.frames_per_second < FAST { 1 } else { INTERVAL };
        let (width, height) = ((picture.width * picture.pixel_width) as u16, picture.height as u16);
        let mut recorder = Self {
            encoder: None,
            path: path.to_owned(),
            part,
            finished: false,
            interval,
            delay: (100 * interval / picture.frames_per_second) as u16,
            left_out: 0,
            shown: Vec::new(),
            pending: None,
        };
        let begin = || -> Result<_, gif::EncodingError> {
            let mut encoder = gif::Encoder::new(BufWriter::new(file), width, height, &colors)?;
            encoder.set_repeat(gif::Repeat::Infinite)?;
            Ok(encoder)
        };
        let encoder = begin().with_context(|| format!("cannot write {}", recorder.part.display()))?;
        recorder.encoder = Some(encoder);
        Ok(recorder)
    }

    /// Adds the next frame of the game.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn frame(&mut self, picture: &Picture) -> Result<()> {
        if self.left_out > 0 {
            self.left_out -= 1;
            return Ok(());
        }
        self.left_out = self.interval - 1;
        let changed = if self.shown.is_empty() {
            Some(Area { left: 0, top: 0, right: picture.width, bottom: picture.height })
        } else {
            Area::of_change(&self.shown, picture)
        };
        match (changed, &mut self.pending) {
            (None, Some(pending)) if pending.delay <= u16::MAX - self.delay => {
                pending.delay += self.delay;
                return Ok(());
            }
            _ => self.write_pending()?,
        }
        // A delay has at most 655 s. After that long without a change, one pixel is drawn again unchanged.
        let area = changed.unwrap_or(Area { left: 0, top: 0, right: 1, bottom: 1 });
        self.pending = Some(gif::Frame {
            delay: self.delay,
            left: (area.left * picture.pixel_width) as u16,
            top: area.top as u16,
            width: ((area.right - area.left) * picture.pixel_width) as u16,
            height: (area.bottom - area.top) as u16,
            buffer: area.entries(picture).into(),
            ..gif::Frame::default()
        });
        self.shown.clear();
        self.shown.extend_from_slice(picture.pixels);
        Ok(())
    }

    fn write_pending(&mut self) -> Result<()> {
        if let (Some(frame), Some(encoder)) = (self.pending.take(), &mut self.encoder) {
            encoder.write_frame(&frame).with_context(|| format!("cannot write {}", self.part.display()))?;
        }
        Ok(())
    }

    /// Writes the pending frame and gives the file its name.
    ///
    /// # Errors
    /// When the file cannot be written or renamed.
    pub fn finish(mut self) -> Result<()> {
        self.write_pending()?;
        if let Some(encoder) = self.encoder.take() {
            let mut file = encoder.into_inner().with_context(|| format!("cannot write {}", self.part.display()))?;
            let flushed = file.flush().and_then(|()| file.get_ref().sync_all());
            let written = flushed.and_then(|()| fs::rename(&self.part, &self.path));
            written.with_context(|| format!("cannot write {}", self.path.display()))?;
            self.finished = true;
        }
        Ok(())
    }
}

impl Drop for GifRecorder {
    /// Removes the file of an abandoned recording.
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_file(&self.part);
        }
    }
}

/// The color table's entry of a pixel value. Even values come first: Atari pictures have almost no others, and pixels below
/// 128 pack better.
fn entry(pixel: u8) -> u8 {
    pixel.rotate_right(1)
}

/// The pixel value of a color table entry.
fn pixel_value(entry: u8) -> u8 {
    entry.rotate_left(1)
}

/// A rectangle of pixels; right and bottom are just outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Area {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

impl Area {
    /// The smallest area that holds every pixel in which `picture` differs from `before`.
    fn of_change(before: &[u8], picture: &Picture) -> Option<Area> {
        let width = picture.width;
        let mut area: Option<Area> = None;
        for (y, (old, new)) in before.chunks_exact(width).zip(picture.pixels.chunks_exact(width)).enumerate() {
            if old == new {
                continue;
            }
            let differs = |x: &usize| old[*x] != new[*x];
            let left = (0..width).find(differs)?;
            let right = (0..width).rev().find(differs)? + 1;
            let grown = area.get_or_insert(Area { left, top: y, right, bottom: y + 1 });
            *grown = Area { left: grown.left.min(left), top: grown.top, right: grown.right.max(right), bottom: y + 1 };
        }
        area
    }

    /// Color table entries of the area, each repeated by the pixel's width.
    fn entries(self, picture: &Picture) -> Vec<u8> {
        (self.top..self.bottom)
            .flat_map(|y| &picture.pixels[y * picture.width + self.left..y * picture.width + self.right])
            .flat_map(|&pixel| std::iter::repeat_n(entry(pixel), picture.pixel_width))
            .collect()
    }
}

/// Writes `picture` as a PNG to the first free of `STEM-0001.png`, `STEM-0002.png`, ... in `folder`. Returns the path.
///
/// # Errors
/// When the file cannot be written, or all 9999 exist.
pub fn save_screenshot(folder: &Path, stem: &str, picture: &Picture) -> Result<PathBuf> {
    for number in 1..=9999 {
        let path = folder.join(format!("{stem}-{number:04}.png"));
        match File::options().write(true).create_new(true).open(&path) {
            Ok(file) => {
                write_png(file, picture).with_context(|| format!("cannot write {}", path.display()))?;
                return Ok(path);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("cannot create {}", path.display())),
        }
    }
    anyhow::bail!("{}-0001.png to -9999.png are all there; move some away", folder.join(stem).display())
}

fn write_png(file: File, picture: &Picture) -> Result<()> {
    let (width, height) = ((picture.width * picture.pixel_width) as u32, picture.height as u32);
    let mut encoder = png::Encoder::new(BufWriter::new(file), width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let color = |&pixel: &u8| std::iter::repeat_n(picture.colors[usize::from(pixel)], picture.pixel_width);
    let data: Vec<u8> = picture.pixels.iter().flat_map(color).flatten().collect();
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
        let area = |pixels: &[u8]| {
            let colors = &[[0; 3]; 256];
            let picture = Picture { pixels, width: 8, height: 5, colors, pixel_width: 2, frames_per_second: 60 };
            Area::of_change(&before, &picture)
        };
        assert_eq!(area(&after), None);
        after[8 + 6] = 1;
        assert_eq!(area(&after), Some(Area { left: 6, top: 1, right: 7, bottom: 2 }));
        after[3 * 8 + 2] = 1;
        assert_eq!(area(&after), Some(Area { left: 2, top: 1, right: 7, bottom: 4 }));
    }
}
