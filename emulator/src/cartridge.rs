//! Cartridges.
use crate::random::MersenneTwister;
use std::sync::Arc;

/// Bank-switching schemes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Scheme {
    TwoK,
    FourK,
}

/// Why bytes are not a cartridge.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CartridgeError {
    /// No byte at all.
    #[error("the image is empty")]
    Empty,
}

/// The bytes of a cartridge and what they were recognised as.
#[derive(Clone, Debug)]
pub struct CartridgeImage {
    bytes: Arc<[u8]>,
    md5: String,
    scheme: Scheme,
    file_stem: Option<String>,
}

impl CartridgeImage {
    /// Recognises `bytes`.
    pub fn new(bytes: &[u8], file_stem: Option<&str>) -> Result<Self, CartridgeError> {
        let _ = (bytes, file_stem);
        Err(CartridgeError::Empty)
    }
    /// The built-in game.
    pub fn bricks() -> Self {
        todo!()
    }
    /// The bytes.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }
    /// md5.
    pub fn md5(&self) -> &str {
        &self.md5
    }
    /// scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }
    /// stem.
    pub fn file_stem(&self) -> Option<&str> {
        self.file_stem.as_deref()
    }
}

/// A cartridge in the slot: image plus mapper state.
#[derive(Clone, Debug)]
pub struct Cartridge {
    _image: Arc<[u8]>,
}
impl Cartridge {
    /// Power-on state.
    pub fn new(image: &CartridgeImage) -> Self {
        Self { _image: image.bytes.clone() }
    }
    /// System reset.
    pub fn reset(&mut self, random: &mut MersenneTwister) {
        let _ = random;
    }
}
