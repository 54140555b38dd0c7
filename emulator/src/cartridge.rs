//! interim
use crate::random::MersenneTwister;
use md5::{Digest, Md5};
use std::sync::Arc;
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Scheme {
    FourK,
}
/// e
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CartridgeError {
    /// No byte at all.
    #[error("the image is empty")]
    Empty,
}
/// i
#[derive(Clone, Debug)]
pub struct CartridgeImage {
    bytes: Arc<[u8]>,
    md5: String,
    file_stem: Option<String>,
}
#[allow(missing_docs)]
impl CartridgeImage {
    pub fn new(bytes: &[u8], file_stem: Option<&str>) -> Result<Self, CartridgeError> {
        let md5 = Md5::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
        Ok(Self { bytes: bytes.into(), md5, file_stem: file_stem.map(str::to_string) })
    }
    pub fn md5(&self) -> &str {
        &self.md5
    }
    pub fn file_stem(&self) -> Option<&str> {
        self.file_stem.as_deref()
    }
}
#[derive(Clone, Debug)]
pub struct Cartridge {
    image: Arc<[u8]>,
    mask: usize,
}
#[allow(missing_docs)]
impl Cartridge {
    pub fn new(image: &CartridgeImage) -> Self {
        Self { image: image.bytes.clone(), mask: image.bytes.len() - 1 }
    }
    pub fn reset(&mut self, _random: &mut MersenneTwister, _cycles: u32) {}
    #[inline(always)]
    pub fn read(&mut self, address: u16, _cycles: u32) -> u8 {
        self.image[address as usize & self.mask & 0xFFF]
    }
    pub fn write(&mut self, _address: u16, _value: u8, _cycles: u32) {}
    pub fn rebase_cycles(&mut self, _cycles: u32) {}
    pub fn claims_low_addresses(&self) -> bool {
        false
    }
    pub fn read_low(&mut self, _address: u16) -> Option<u8> {
        None
    }
    pub fn write_low(&mut self, _address: u16, _value: u8) {}
    pub fn ram(&self) -> &[u8] {
        &[]
    }
}
