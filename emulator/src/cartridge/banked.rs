//! Atari's own schemes and CBS's: the whole 4 KiB window is one bank, chosen by touching a hot spot near its end.
//!
//! | scheme | banks | hot spots | start bank | RAM |
//! |---|---|---|---|---|
//! | F8 | 2 | $1FF8-$1FF9 | 1 | |
//! | F6 | 4 | $1FF6-$1FF9 | 0 | |
//! | F4 | 8 | $1FF4-$1FFB | 0 | |
//! | F8SC, F6SC, F4SC | as above | as above | as above | 128 bytes: "Superchip" |
//! | FASC | 3 | $1FF8-$1FFA | 2 | 256 bytes: CBS "RAM Plus" |
//!
//! The connector has no write line, so RAM has two ports: the lowest addresses of the window are the write port, the
//! same number of addresses after them the read port.
//!
//! ALE, not the chips: reading the write port returns the image's byte there and leaves the RAM as it was; the start
//! bank is fixed, while the chip's is random; and a hot spot of F4SC ignores *writes* (ALE compares the unmasked
//! address).

use super::window::{window_offset, Mapper, Window, WINDOW_SIZE};
use crate::random::MersenneTwister;
use crate::saved_state::{Archive, StateError};

/// The differences between the schemes of this family.
pub(super) struct Layout {
    banks: usize,
    first_hotspot: usize,
    start_bank: usize,
    ram: usize,
    writes_switch: bool,
}

impl Layout {
    pub const F8: Self = Self::new(2, 0xFF8, 1, 0);
    pub const F8_STARTING_IN_BANK_0: Self = Self::new(2, 0xFF8, 0, 0);
    pub const F6: Self = Self::new(4, 0xFF6, 0, 0);
    pub const F4: Self = Self::new(8, 0xFF4, 0, 0);
    pub const F8SC: Self = Self::new(2, 0xFF8, 1, 128);
    pub const F6SC: Self = Self::new(4, 0xFF6, 0, 128);
    pub const F4SC: Self = Self { writes_switch: false, ..Self::new(8, 0xFF4, 0, 128) };
    pub const FASC: Self = Self::new(3, 0xFF8, 2, 256);

    const fn new(banks: usize, first_hotspot: usize, start_bank: usize, ram: usize) -> Self {
        Self { banks, first_hotspot, start_bank, ram, writes_switch: true }
    }
}

#[derive(Clone)]
pub(super) struct Banked {
    layout: &'static Layout,
    bank: usize,
}

impl Banked {
    pub fn install(layout: &'static Layout, window: &mut Window) -> Self {
        window.add_ram(layout.ram);
        let mut banked = Self { layout, bank: 0 };
        banked.select(layout.start_bank, window);
        banked
    }

    fn select(&mut self, bank: usize, window: &mut Window) {
        self.bank = bank;
        let ports = 2 * self.layout.ram;
        let Layout { first_hotspot, banks, .. } = *self.layout;
        let behind = first_hotspot + banks;
        window.show(ports, first_hotspot, bank * WINDOW_SIZE + ports);
        window.show(behind, WINDOW_SIZE, bank * WINDOW_SIZE + behind);
    }

    fn touch(&mut self, offset: usize, window: &mut Window) {
        if let Some(bank) = offset.checked_sub(self.layout.first_hotspot) {
            if bank < self.layout.banks {
                self.select(bank, window);
            }
        }
    }
}

impl Mapper for Banked {
    fn reset(&mut self, window: &mut Window, random: &mut MersenneTwister, _: u32) {
        window.randomize_ram(random);
        self.select(self.layout.start_bank, window);
    }

    fn read(&mut self, window: &mut Window, address: u16, _: u32) -> u8 {
        let offset = window_offset(address);
        self.touch(offset, window);
        let ram = self.layout.ram;
        if (ram..2 * ram).contains(&offset) {
            window.ram[offset - ram]
        } else {
            window.rom[self.bank * WINDOW_SIZE + offset]
        }
    }

    fn write(&mut self, window: &mut Window, address: u16, value: u8, _: u32) {
        let offset = window_offset(address);
        if self.layout.writes_switch {
            self.touch(offset, window);
        }
        if offset < self.layout.ram {
            window.ram[offset] = value;
        }
    }

    fn exchange(&mut self, window: &mut Window, archive: &mut Archive) -> Result<(), StateError> {
        let Self { layout, bank } = self;
        archive.number(bank, 0..=layout.banks - 1, "the bank")?;
        self.select(self.bank, window);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::cartridge::synthetic::{numbered, of_bytes, read_all, reset};
    use crate::cartridge::{Cartridge, Scheme};

    const BANK: usize = 4096;

    #[test]
    fn f8_hotspot_switches_on_write_as_well_as_read() {
        let mut cartridge = numbered(Scheme::F8, 2 * BANK, BANK);
        assert_eq!(cartridge.read(0xF300, 0), 1);
        cartridge.write(0xFFF8, 0, 0);
        assert_eq!(cartridge.read(0xF300, 0), 0);
        cartridge.read(0xFFF9, 0);
        assert_eq!(cartridge.read(0xF300, 0), 1);
    }

    #[test]
    fn a_read_of_a_hotspot_sees_the_bank_it_switches_to() {
        let mut cartridge = numbered(Scheme::F8, 2 * BANK, BANK);
        assert_eq!(read_all(&mut cartridge, [0x1FF7, 0x1FF8, 0x1FF9, 0x1FFA]), [1, 0, 1, 1]);
    }

    #[test]
    fn every_hotspot_selects_its_bank_in_every_mirror_and_its_neighbours_select_none() {
        for (scheme, first, banks) in [
            (Scheme::F8, 0xFF8, 2),
            (Scheme::F6, 0xFF6, 4),
            (Scheme::F4, 0xFF4, 8),
            (Scheme::F8Sc, 0xFF8, 2),
            (Scheme::F6Sc, 0xFF6, 4),
            (Scheme::F4Sc, 0xFF4, 8),
            (Scheme::Fasc, 0xFF8, 3),
        ] {
            let mut cartridge = numbered(scheme, usize::from(banks) * BANK, BANK);
            for mirror in [0x1000, 0x3000, 0x5000, 0x7000, 0x9000, 0xB000, 0xD000, 0xF000] {
                for bank in 0..banks {
                    let want = [bank as u8; 4];
                    let touched = cartridge.read(mirror + first + bank, 0);
                    let neighbours = [first - 1, first + banks].map(|offset| mirror + offset);
                    let [before, after] = read_all(&mut cartridge, neighbours);
                    let elsewhere = cartridge.read(mirror + 0x200, 0);
                    assert_eq!([touched, before, after, elsewhere], want, "{scheme} {mirror:x}");
                }
            }
        }
    }

    #[test]
    fn each_scheme_starts_and_is_reset_to_its_own_bank() {
        for (scheme, banks, start) in [
            (Scheme::F8, 2, 1),
            (Scheme::F6, 4, 0),
            (Scheme::F4, 8, 0),
            (Scheme::F8Sc, 2, 1),
            (Scheme::F6Sc, 4, 0),
            (Scheme::F4Sc, 8, 0),
            (Scheme::Fasc, 3, 2),
        ] {
            let mut cartridge = numbered(scheme, banks * BANK, BANK);
            assert_eq!(cartridge.read(0x1200, 0), start, "{scheme}");
            cartridge.read(0x1FF8, 0);
            cartridge.read(0x1FF9, 0);
            reset(&mut cartridge);
            assert_eq!(cartridge.read(0x1200, 0), start, "{scheme}");
        }
    }

    #[test]
    fn two_images_known_by_md5_start_in_bank_0() {
        let mut cartridge = numbered(Scheme::F8, 2 * BANK, BANK);
        let mut circuit = super::Banked::install(&super::Layout::F8_STARTING_IN_BANK_0, &mut cartridge.window);
        assert_eq!(cartridge.read(0x1200, 0), 0);
        super::Mapper::write(&mut circuit, &mut cartridge.window, 0x1FF9, 0, 0);
        assert_eq!(cartridge.read(0x1200, 0), 1);
        let random = &mut crate::random::MersenneTwister::new(1);
        super::Mapper::reset(&mut circuit, &mut cartridge.window, random, 0);
        assert_eq!(cartridge.read(0x1200, 0), 0);
    }

    #[test]
    fn f4sc_is_deaf_to_writes_to_its_hotspots() {
        let mut cartridge = numbered(Scheme::F4Sc, 8 * BANK, BANK);
        for mirror in [0x1000, 0xF000] {
            cartridge.write(mirror + 0xFF7, 0, 0);
            assert_eq!(cartridge.read(0x1200, 0), 0);
        }
        cartridge.read(0x1FF7, 0);
        assert_eq!(cartridge.read(0x1200, 0), 3);
    }

    /// A cartridge with RAM, and its number of bytes of RAM.
    fn with_ram(scheme: Scheme) -> (Cartridge, u16) {
        match scheme {
            Scheme::Fasc => (numbered(scheme, 3 * BANK, BANK), 256),
            Scheme::F8Sc => (numbered(scheme, 2 * BANK, BANK), 128),
            Scheme::F6Sc => (numbered(scheme, 4 * BANK, BANK), 128),
            _ => (numbered(scheme, 8 * BANK, BANK), 128),
        }
    }

    const WITH_RAM: [Scheme; 4] = [Scheme::F8Sc, Scheme::F6Sc, Scheme::F4Sc, Scheme::Fasc];

    #[test]
    fn ram_is_written_at_the_first_port_and_read_at_the_second() {
        for scheme in WITH_RAM {
            let (mut cartridge, size) = with_ram(scheme);
            for i in 0..size {
                cartridge.write(0x1000 + i, (i ^ 0x5A) as u8, 0);
            }
            cartridge.read(0x1FF9, 0);
            for i in 0..size {
                assert_eq!(cartridge.read(0xF000 + size + i, 0), (i ^ 0x5A) as u8, "{scheme}");
            }
            assert_eq!(cartridge.ram()[3], 3 ^ 0x5A);
            assert_eq!(cartridge.ram().len(), usize::from(size));
        }
    }

    #[test]
    fn reading_the_write_port_shows_the_image_and_leaves_the_ram_alone() {
        for scheme in WITH_RAM {
            let (mut cartridge, size) = with_ram(scheme);
            cartridge.write(0x1005, 0xEE, 0);
            cartridge.read(0x1FF8, 0);
            let bank = cartridge.read(0x1300, 0);
            assert_eq!(cartridge.read(0x1005, 0), bank, "{scheme}");
            assert_eq!(cartridge.read(0x1005 + size, 0), 0xEE, "{scheme}");
        }
    }

    #[test]
    fn writing_the_read_port_or_the_rom_does_nothing() {
        let (mut cartridge, _) = with_ram(Scheme::F8Sc);
        let before = cartridge.ram().to_vec();
        for address in [0x1080, 0x10FF, 0x1100, 0x1FF7] {
            let other = !cartridge.read(address, 0);
            cartridge.write(address, other, 0);
        }
        assert_eq!(cartridge.ram(), before);
        assert_eq!(read_all(&mut cartridge, [0x1100, 0x1FF7]), [1, 1]);
    }

    #[test]
    fn a_reset_draws_one_byte_of_ram_after_another_and_nothing_else() {
        for scheme in WITH_RAM {
            let (mut cartridge, size) = with_ram(scheme);
            let drawn = reset(&mut cartridge);
            assert_eq!(drawn.len(), usize::from(size), "{scheme}");
            assert_eq!(cartridge.ram(), drawn, "{scheme}");
        }
        assert_eq!(reset(&mut numbered(Scheme::F8, 2 * BANK, BANK)).len(), 0);
    }

    #[test]
    fn a_clone_goes_its_own_way() {
        let mut cartridge = of_bytes(Scheme::F8Sc, &[7; 2 * BANK]);
        let mut saved = cartridge.clone();
        cartridge.write(0x1000, !cartridge.ram()[0], 0);
        cartridge.read(0x1FF8, 0);
        assert_ne!(saved.read(0x1080, 0), cartridge.read(0x1080, 0));
        assert!(std::sync::Arc::ptr_eq(&saved.window.rom, &cartridge.window.rom));
    }
}
