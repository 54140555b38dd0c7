//! 2K and 4K: no circuit at all, the ROM chip straight on the connector. Atari's first cartridges and most early ones.
//!
//! A 2 KiB chip does not see A11 and so appears twice. ALE also treats 4 KiB with equal halves as 2K, and 8 KiB with equal
//! halves as 4K; both show the same bytes either way.

use super::window::{window_offset, Mapper, Window, WINDOW_SIZE};
use crate::random::MersenneTwister;

#[derive(Clone)]
pub(super) struct Fixed;

impl Fixed {
    pub fn install(window: &mut Window) -> Self {
        let seen = window.rom.len().min(WINDOW_SIZE);
        for start in (0..WINDOW_SIZE).step_by(seen) {
            window.show(start, start + seen, 0);
        }
        Self
    }
}

impl Mapper for Fixed {
    fn reset(&mut self, _: &mut Window, _: &mut MersenneTwister, _: u32) {}

    fn read(&mut self, window: &mut Window, address: u16, _: u32) -> u8 {
        window.rom[window_offset(address) % window.rom.len()]
    }

    fn write(&mut self, _: &mut Window, _: u16, _: u8, _: u32) {}
}

#[cfg(test)]
mod tests {
    use crate::cartridge::synthetic::{numbered, read_all, reset};
    use crate::cartridge::Scheme;

    #[test]
    fn two_kilobytes_appear_twice_in_the_window_and_in_every_mirror() {
        let mut cartridge = numbered(Scheme::TwoK, 2048, 64);
        let addresses = [0x1000, 0x17C0, 0x1800, 0x1FC0, 0xF03F, 0xFFFF, 0x3FC0];
        assert_eq!(read_all(&mut cartridge, addresses), [0, 31, 0, 31, 0, 31, 31]);
    }

    #[test]
    fn four_kilobytes_fill_the_window() {
        let mut cartridge = numbered(Scheme::FourK, 4096, 64);
        for page in 0..64 {
            assert_eq!(cartridge.read(0xF000 + page * 64 + 63, 0), page as u8);
        }
    }

    #[test]
    fn eight_kilobytes_with_equal_halves_show_the_first() {
        let mut cartridge = numbered(Scheme::FourK, 8192, 64);
        assert_eq!(read_all(&mut cartridge, [0x1000, 0x1FFF]), [0, 63]);
    }

    #[test]
    fn a_cartridge_without_a_circuit_ignores_writes_and_draws_nothing() {
        let mut cartridge = numbered(Scheme::FourK, 4096, 64);
        cartridge.write(0xF000, 99, 0);
        assert_eq!(cartridge.read(0xF000, 0), 0);
        assert_eq!(reset(&mut cartridge).len(), 0);
        assert!(cartridge.ram().is_empty());
        assert!(!cartridge.claims_low_addresses());
    }
}
