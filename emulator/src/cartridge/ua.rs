//! UA, UA Limited: two banks of 4 KiB, switched by touching $0220 (bank 0) or $0240 (bank 1).
//!
//! The hot spots lie below the window, among the TIA's mirrors; the TIA sees the access as well.
//!
//! ALE, not the chip: only these two addresses (and their 8 KiB mirrors) switch; the chip decodes fewer address lines. Bank 0
//! is in place after every reset.

use super::window::{window_offset, Mapper, Window, WINDOW_SIZE};
use crate::random::MersenneTwister;
use crate::saved_state::{Archive, StateError};

#[derive(Clone)]
pub(super) struct Ua {
    bank: usize,
}

impl Ua {
    pub fn install(window: &mut Window) -> Self {
        let mut chip = Self { bank: 0 };
        chip.select(0, window);
        chip
    }

    fn select(&mut self, bank: usize, window: &mut Window) {
        self.bank = bank;
        window.show(0, WINDOW_SIZE, bank * WINDOW_SIZE);
    }

    fn touch(&mut self, address: u16, window: &mut Window) {
        match address & 0x1FFF {
            0x0220 => self.select(0, window),
            0x0240 => self.select(1, window),
            _ => {}
        }
    }
}

impl Mapper for Ua {
    fn reset(&mut self, window: &mut Window, _: &mut MersenneTwister, _: u32) {
        self.select(0, window);
    }

    fn read(&mut self, window: &mut Window, address: u16, _: u32) -> u8 {
        // Never called: no page is hidden.
        window.rom[window_offset(address)]
    }

    fn write(&mut self, _: &mut Window, _: u16, _: u8, _: u32) {}

    fn read_low(&mut self, window: &mut Window, address: u16) -> Option<u8> {
        self.touch(address, window);
        None
    }

    fn write_low(&mut self, window: &mut Window, address: u16, _: u8) -> bool {
        self.touch(address, window);
        true
    }

    fn exchange(&mut self, window: &mut Window, archive: &mut Archive) -> Result<(), StateError> {
        archive.number(&mut self.bank, 0..=1, "the bank")?;
        self.select(self.bank, window);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::cartridge::synthetic::{numbered, reset};
    use crate::cartridge::Scheme;

    #[test]
    fn touching_0220_or_0240_switches_and_leaves_the_access_to_the_tia() {
        let mut cartridge = numbered(Scheme::Ua, 8192, 4096);
        assert!(cartridge.claims_low_addresses());
        assert_eq!(cartridge.read(0xFFFF, 0), 0);
        assert_eq!(cartridge.read_low(0x0240), None);
        assert_eq!(cartridge.read(0xFFFF, 0), 1);
        cartridge.write_low(0x2220, 0);
        assert_eq!(cartridge.read(0xF000, 0), 0);
        cartridge.write_low(0xA240, 0);
        assert_eq!(cartridge.read(0xF000, 0), 1);
        assert_eq!(reset(&mut cartridge).len(), 0);
        assert_eq!(cartridge.read(0xF000, 0), 0);
    }

    #[test]
    fn other_mirrors_of_the_tia_do_not_switch() {
        let mut cartridge = numbered(Scheme::Ua, 8192, 4096);
        for address in [0x0040, 0x0241, 0x023F, 0x0640, 0x0A40] {
            assert_eq!(cartridge.read_low(address), None);
            cartridge.write_low(address, 1);
            assert_eq!(cartridge.read(0xF000, 0), 0, "{address:x}");
        }
        cartridge.write(0x1240, 1, 0);
        assert!(!cartridge.passes_write_to_tia(0x1240));
        assert_eq!(cartridge.read(0xF000, 0), 0);
    }
}
