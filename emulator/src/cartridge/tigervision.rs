//! 3F, Tigervision: a window of 2 KiB at $1000 onto any 2 KiB of the image; $1800-$1FFF always shows its last 2 KiB.
//! 3E, a later home-made extension: the same with 32 KiB of RAM.
//!
//! The bank number is a *value*, written to $00-$3F, where the TIA's write registers are (the TIA gets the write too). 3E
//! keeps this for $3F only and uses $3E for one of 32 RAM banks of 1 KiB, read at $1000-$13FF and written at $1400-$17FF.
//!
//! ALE, not the board:
//! * Of the TIA's mirrors only $0000-$003F switches.
//! * Reads of $0000-$003F never reach the TIA. They return the byte at the same offset in the lower window.
//! * A write to the window, unless it reaches RAM, is treated as a write to the TIA: it reaches the TIA, and
//!   $1000-$103F switches too.
//! * Bank 0 is in place after every reset.

use super::window::{window_offset, Mapper, Window, WINDOW_SIZE};
use crate::random::MersenneTwister;
use crate::saved_state::{Archive, StateError};

const BANK: usize = 0x800;
const RAM_BANK: usize = 0x400;
const RAM_BANKS: usize = 32;

#[derive(Clone)]
pub(super) struct Tigervision {
    lower: Lower,
    has_ram: bool,
}

/// The contents of the lower window.
#[derive(Clone, Copy)]
enum Lower {
    RomFrom(usize),
    RamFrom(usize),
}

impl Tigervision {
    pub fn install(has_ram: bool, window: &mut Window) -> Self {
        if has_ram {
            window.add_ram(RAM_BANKS * RAM_BANK);
        }
        window.show(BANK, WINDOW_SIZE, window.rom.len() - BANK);
        let mut chip = Self { lower: Lower::RomFrom(0), has_ram };
        chip.select_rom(0, window);
        chip
    }

    fn select_rom(&mut self, value: u8, window: &mut Window) {
        let start = usize::from(value) % (window.rom.len() / BANK) * BANK;
        self.lower = Lower::RomFrom(start);
        window.show(0, BANK, start);
    }

    fn select_ram(&mut self, value: u8, window: &mut Window) {
        self.lower = Lower::RamFrom(usize::from(value) % RAM_BANKS * RAM_BANK);
        window.hide(0, BANK);
    }

    /// The byte of RAM that a write to this offset of the window changes.
    fn ram_byte(&self, offset: usize) -> Option<usize> {
        match self.lower {
            Lower::RamFrom(start) if (RAM_BANK..BANK).contains(&offset) => Some(start + offset - RAM_BANK),
            _ => None,
        }
    }

    /// The byte `offset` into the lower window.
    fn lower_byte(&self, offset: usize, window: &Window) -> u8 {
        match self.lower {
            Lower::RomFrom(start) => window.rom[start + offset],
            Lower::RamFrom(start) => window.ram[start + offset % RAM_BANK],
        }
    }
}

/// The register at an address of the TIA's first page; `None` on other pages.
fn register(address: u16) -> Option<usize> {
    let address = usize::from(address & 0x1FFF);
    (address < 0x40).then_some(address)
}

impl Mapper for Tigervision {
    fn reset(&mut self, window: &mut Window, random: &mut MersenneTwister, _: u32) {
        window.randomize_ram(random);
        self.select_rom(0, window);
    }

    fn read(&mut self, window: &mut Window, address: u16, _: u32) -> u8 {
        // Only the lower window is ever hidden.
        self.lower_byte(window_offset(address) % BANK, window)
    }

    fn write(&mut self, window: &mut Window, address: u16, value: u8, _: u32) {
        match self.ram_byte(window_offset(address)) {
            Some(byte) => window.ram[byte] = value,
            None => {
                self.write_low(window, address & 0x0FFF, value);
            }
        }
    }

    fn read_low(&mut self, window: &mut Window, address: u16) -> Option<u8> {
        register(address).map(|offset| self.lower_byte(offset, window))
    }

    fn write_low(&mut self, window: &mut Window, address: u16, value: u8) -> bool {
        match (register(address), self.has_ram) {
            (Some(_), false) | (Some(0x3F), true) => self.select_rom(value, window),
            (Some(0x3E), true) => self.select_ram(value, window),
            _ => {}
        }
        true
    }

    fn exchange(&mut self, window: &mut Window, archive: &mut Archive) -> Result<(), StateError> {
        let Self { lower, has_ram } = self;
        let (mut ram, mut bank) = match *lower {
            Lower::RomFrom(start) => (0u8, start / BANK),
            Lower::RamFrom(start) => (1, start / RAM_BANK),
        };
        archive.number(&mut ram, 0..=u8::from(*has_ram), "RAM in the lower window")?;
        let banks = if ram == 1 { RAM_BANKS } else { window.rom.len() / BANK };
        archive.number(&mut bank, 0..=banks - 1, "the bank")?;
        // The bank is a byte, because there are at most 256 banks of 2 KiB.
        if ram == 1 {
            self.select_ram(bank as u8, window);
        } else {
            self.select_rom(bank as u8, window);
        }
        Ok(())
    }

    fn passes_write_to_tia(&self, address: u16) -> bool {
        self.ram_byte(window_offset(address)).is_none()
    }
}

#[cfg(test)]
mod tests {
    use crate::cartridge::synthetic::{numbered, read_all, reset};
    use crate::cartridge::Scheme;

    #[test]
    fn a_value_written_to_the_first_tia_page_is_the_bank() {
        let mut cartridge = numbered(Scheme::ThreeF, 8192, 2048);
        assert!(cartridge.claims_low_addresses());
        assert_eq!(read_all(&mut cartridge, [0x1000, 0x17FF, 0x1800, 0x1FFF]), [0, 0, 3, 3]);
        for (address, value, bank) in [(0x3F, 2, 2), (0x00, 3, 3), (0x3E, 5, 1), (0x203F, 254, 2)] {
            cartridge.write_low(address, value);
            assert_eq!(read_all(&mut cartridge, [0x1000, 0x17FF, 0x1800]), [bank, bank, 3]);
        }
        assert_eq!(reset(&mut cartridge).len(), 0);
        assert_eq!(cartridge.read(0x1000, 0), 0);
    }

    #[test]
    fn other_tia_pages_do_not_switch() {
        let mut cartridge = numbered(Scheme::ThreeF, 8192, 2048);
        for address in [0x40, 0x7F, 0x13F, 0x23F] {
            cartridge.write_low(address, 2);
            assert_eq!(cartridge.read_low(address), None);
            assert_eq!(cartridge.read(0x1000, 0), 0);
        }
    }

    #[test]
    fn reads_of_the_first_tia_page_see_the_lower_window() {
        let mut cartridge = numbered(Scheme::ThreeF, 8192, 2048);
        cartridge.write_low(0x3F, 2);
        assert_eq!(cartridge.read_low(0x0002), Some(2));
        assert_eq!(cartridge.read_low(0x203F), Some(2));
    }

    #[test]
    fn writes_to_the_window_count_as_writes_to_the_tia() {
        let mut cartridge = numbered(Scheme::ThreeF, 8192, 2048);
        cartridge.write(0xF010, 2, 0);
        assert_eq!(cartridge.read(0x1000, 0), 2);
        cartridge.write(0xF040, 1, 0);
        assert_eq!(cartridge.read(0x1000, 0), 2);
        assert!(cartridge.passes_write_to_tia(0xF809));
    }

    #[test]
    fn with_ram_only_3f_and_3e_switch() {
        let mut cartridge = numbered(Scheme::ThreeE, 8192, 2048);
        cartridge.write_low(0x3D, 2);
        assert_eq!(cartridge.read(0x1000, 0), 0);
        cartridge.write_low(0x3F, 6);
        assert_eq!(read_all(&mut cartridge, [0x1000, 0x1FFF]), [2, 3]);
        for bank in 0..32 {
            cartridge.write_low(0x3E, bank);
            cartridge.write(0x1400, bank, 0);
            cartridge.write(0x17FF, bank + 100, 0);
            cartridge.write(0x1000, 255, 0);
            cartridge.write(0x1800, 255, 0);
        }
        for bank in 0..32 {
            cartridge.write_low(0x3E, bank + 32);
            // The write port reads the same.
            let addresses = [0x1000, 0x13FF, 0x1400, 0x17FF, 0x1800];
            let want = [bank, bank + 100, bank, bank + 100, 3];
            assert_eq!(read_all(&mut cartridge, addresses), want);
            assert_eq!(cartridge.read_low(0x00), Some(bank));
        }
        assert!(!cartridge.passes_write_to_tia(0x1400));
        assert!(cartridge.passes_write_to_tia(0x13FF));
        cartridge.write_low(0x3F, 1);
        assert_eq!(read_all(&mut cartridge, [0x1000, 0x1400]), [1, 1]);
    }

    #[test]
    fn a_reset_draws_all_of_the_ram() {
        let mut cartridge = numbered(Scheme::ThreeE, 8192, 2048);
        cartridge.write_low(0x3E, 0);
        let drawn = reset(&mut cartridge);
        assert_eq!(drawn.len(), 32768);
        assert_eq!(cartridge.ram(), drawn);
        assert_eq!(cartridge.read(0x1000, 0), 0);
    }
}
