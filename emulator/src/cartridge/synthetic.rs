//! Synthetic cartridges for tests: the byte at an address identifies the part of the image.

use super::{Cartridge, Scheme};
use crate::random::MersenneTwister;

/// A cartridge whose image has parts of `part` bytes, each filled with its own number, reset once.
pub(super) fn numbered(scheme: Scheme, size: usize, part: usize) -> Cartridge {
    let bytes: Vec<u8> = (0..size).map(|i| (i / part) as u8).collect();
    of_bytes(scheme, &bytes)
}

/// A cartridge of these bytes, without recognizing its scheme, reset once.
pub(super) fn of_bytes(scheme: Scheme, bytes: &[u8]) -> Cartridge {
    let mut cartridge = Cartridge::new(bytes.into(), scheme, "");
    cartridge.reset(&mut MersenneTwister::new(1), 0);
    cartridge
}

/// Resets the cartridge. Returns the low byte of every random number drawn.
pub(super) fn reset(cartridge: &mut Cartridge) -> Vec<u8> {
    let mut used = MersenneTwister::new(2);
    cartridge.reset(&mut used, 0);
    let mut fresh = MersenneTwister::new(2);
    let mut drawn = Vec::new();
    while fresh != used {
        assert!(drawn.len() < 1 << 17, "the generators never meet");
        drawn.push(fresh.draw() as u8);
    }
    drawn
}

/// The bytes read at these addresses, in order.
pub(super) fn read_all<const N: usize>(cartridge: &mut Cartridge, addresses: [u16; N]) -> [u8; N] {
    addresses.map(|address| cartridge.read(address, 0))
}
