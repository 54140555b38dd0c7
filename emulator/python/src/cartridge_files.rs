//! Cartridges read from files. Files with the same content and name share one image, and with it the translated code.

use crate::turns::forks;
use atari_emulator::{game, CartridgeImage, LARGEST_IMAGE};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The most images that are kept. ale-py comes with 108 cartridges.
const MOST_IMAGES: usize = 128;

/// The images made so far, newest last. Used with the GIL only, so that nobody ever waits for it.
static IMAGES: Mutex<Images> = Mutex::new(Images { forks: 0, images: Vec::new() });

struct Images {
    /// Forks when the first of them was made.
    forks: u32,
    images: Vec<CartridgeImage>,
}

/// The cartridge in a file.
///
/// # Errors
/// `RuntimeError` if the file cannot be read, or is no cartridge of a game that is known by its content or its name.
pub(crate) fn load(py: Python<'_>, path: &Path) -> PyResult<CartridgeImage> {
    let bytes = read(py, path)?;
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().to_lowercase());
    if let Some(image) = kept(&bytes, stem.as_deref()) {
        return Ok(image);
    }
    let refused = |why: String| PyRuntimeError::new_err(format!("cannot load {}: {why}", path.display()));
    let image = CartridgeImage::new(&bytes, stem.as_deref()).map_err(|error| refused(error.to_string()))?;
    if game::identify(image.md5(), image.file_stem()).is_none() {
        let found = match game::identify_unscored(image.md5()) {
            Some(name) => format!("{name} needs two players and has no score, so it is no game for an agent"),
            None => format!(
                "its content (md5 {}) is none of the supported games', and neither is its name; \
                 if it is a variant of one, name the file after that game, in snake case, as space_invaders.bin",
                image.md5()
            ),
        };
        return Err(refused(found));
    }
    keep(&image);
    Ok(image)
}

/// The name of the game in a file, by its content alone.
///
/// # Errors
/// `RuntimeError` if the file cannot be read.
pub(crate) fn supported_game(py: Python<'_>, path: &Path) -> PyResult<Option<&'static str>> {
    let bytes = read(py, path)?;
    // Every supported game has a scheme that is recognized.
    let image = CartridgeImage::new(&bytes, None).ok();
    Ok(image.and_then(|image| game::identify(image.md5(), None)).map(|game| game.name))
}

/// The content of a file, cut where it is too long for a cartridge.
fn read(py: Python<'_>, path: &Path) -> PyResult<Vec<u8>> {
    let shown = path.display();
    py.detach(|| {
        let metadata = std::fs::metadata(path)?;
        // A pipe could be waited for without end.
        if !metadata.is_file() {
            let kind = if metadata.is_dir() { "a folder" } else { "not a regular file" };
            return Ok(Err(format!("{shown} is {kind}; give the path of a cartridge's file")));
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(LARGEST_IMAGE as u64 + 1).read_to_end(&mut bytes)?;
        Ok(Ok(bytes))
    })
    .map_err(|error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("ROM file doesn't exist: {shown}; check the path"),
        _ => format!("cannot read {shown}: {error}"),
    })
    .and_then(|read| read)
    .map_err(PyRuntimeError::new_err)
}

/// The image with this content and name, if it was made before in this process.
fn kept(bytes: &[u8], stem: Option<&str>) -> Option<CartridgeImage> {
    let mut images = IMAGES.lock().unwrap_or_else(PoisonError::into_inner);
    if images.forks != forks() {
        // The parent may have been translating these images' code during the fork. This process would wait for it for
        // ever, so it translates its own images.
        *images = Images { forks: forks(), images: Vec::new() };
    }
    images.images.iter().find(|image| image.file_stem() == stem && image.bytes() == bytes).cloned()
}

fn keep(image: &CartridgeImage) {
    let mut images = IMAGES.lock().unwrap_or_else(PoisonError::into_inner);
    if images.images.len() >= MOST_IMAGES {
        images.images.remove(0);
    }
    images.images.push(image.clone());
}
