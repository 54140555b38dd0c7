//! MB, MegaBoy (Dynacom): sixteen banks of 4 KiB, chosen in turn: every access to $1FF0 brings the next one, after the last the
//! first.
//!
//! ALE, not the chip: bank 1 is in place after every reset, and $1FEC shows the ROM instead of the number of the bank.

use super::window::{window_offset, Mapper, Window, WINDOW_SIZE};
use crate::random::MersenneTwister;
use crate::saved_state::{Archive, StateError};

const BANKS: usize = 16;
const HOTSPOT: usize = 0xFF0;
const START_BANK: usize = 1;

#[derive(Clone)]
pub(super) struct Megaboy {
    bank: usize,
}

impl Megaboy {
    pub fn install(window: &mut Window) -> Self {
        let mut chip = Self { bank: START_BANK };
        chip.select(START_BANK, window);
        chip
    }

    fn select(&mut self, bank: usize, window: &mut Window) {
        self.bank = bank;
        let start = bank * WINDOW_SIZE;
        window.show(0, HOTSPOT, start);
        window.show(HOTSPOT + 1, WINDOW_SIZE, start + HOTSPOT + 1);
    }

    fn touch(&mut self, offset: usize, window: &mut Window) {
        if offset == HOTSPOT {
            self.select((self.bank + 1) % BANKS, window);
        }
    }
}

impl Mapper for Megaboy {
    fn reset(&mut self, window: &mut Window, _: &mut MersenneTwister, _: u32) {
        self.select(START_BANK, window);
    }

    fn read(&mut self, window: &mut Window, address: u16, _: u32) -> u8 {
        let offset = window_offset(address);
        self.touch(offset, window);
        window.rom[self.bank * WINDOW_SIZE + offset]
    }

    fn write(&mut self, window: &mut Window, address: u16, _: u8, _: u32) {
        self.touch(window_offset(address), window);
    }

    fn exchange(&mut self, window: &mut Window, archive: &mut Archive) -> Result<(), StateError> {
        let Self { bank } = self;
        archive.number(bank, 0..=BANKS - 1, "the bank")?;
        self.select(self.bank, window);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::cartridge::synthetic::{numbered, read_all, reset};
    use crate::cartridge::Scheme;

    #[test]
    fn each_access_to_1ff0_brings_the_next_bank_and_its_byte() {
        let mut cartridge = numbered(Scheme::Mb, 65_536, 4096);
        for access in 2..40 {
            let bank = (access % 16) as u8;
            assert_eq!(read_all(&mut cartridge, [0xFFF0, 0xF000, 0x1FEF, 0x3FF1, 0xFFEC, 0xFFFF]), [bank; 6]);
        }
        cartridge.write(0x5FF0, 0, 0);
        assert_eq!(cartridge.read(0x1000, 0), 8);
    }

    #[test]
    fn other_addresses_do_not_switch_and_a_reset_selects_bank_1_and_draws_nothing() {
        let mut cartridge = numbered(Scheme::Mb, 65_536, 4096);
        assert!(!cartridge.claims_low_addresses());
        for address in (0x1000..0x2000).filter(|address| *address != 0x1FF0) {
            cartridge.write(address, 0, 0);
            assert_eq!(cartridge.read(address, 0), 1, "{address:x}");
        }
        cartridge.read(0x1FF0, 0);
        assert_eq!(reset(&mut cartridge).len(), 0);
        assert_eq!(cartridge.read(0xF000, 0), 1);
    }
}
