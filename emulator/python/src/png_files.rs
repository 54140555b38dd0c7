//! Screens as PNG files.

use atari_emulator::Screen;
use png::{BitDepth, ColorType, Encoder, EncodingError};
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Writes `screen` in color, every pixel twice side by side, because the console's pixels are twice as wide as high.
///
/// # Errors
/// `OSError` with the number of the system's error if there is one.
pub(crate) fn write(path: &Path, screen: &Screen<'_>) -> PyResult<()> {
    let fault = |error: io::Error| {
        let what = format!(
            "cannot write the picture {}: {error}; check that its folder exists and can be written to",
            path.display()
        );
        error
            .raw_os_error()
            .map_or_else(|| PyOSError::new_err(what.clone()), |code| PyOSError::new_err((code, what.clone())))
    };
    let mut rgb = vec![0; 3 * screen.pixels.len()];
    screen.to_rgb(&mut rgb);
    let doubled: Vec<u8> = rgb.chunks_exact(3).flat_map(|pixel| [pixel, pixel]).flatten().copied().collect();
    let (width, height) = (2 * screen.width as u32, screen.height as u32);
    let mut file = BufWriter::new(File::create(path).map_err(fault)?);
    encode(&mut file, width, height, &doubled).and_then(|()| file.flush()).map_err(fault)
}

fn encode(file: &mut impl Write, width: u32, height: u32, rgb: &[u8]) -> io::Result<()> {
    let mut encoder = Encoder::new(file, width, height);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(rgb));
    written.map_err(|error| match error {
        EncodingError::IoError(error) => error,
        other => io::Error::other(other),
    })
}
