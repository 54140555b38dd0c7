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
//! The connector has no write line, so RAM has two ports: the lowest addresses of the window write, the same number after
//! them read.
//!
//! ALE, not the chips: reading the write port returns the image's byte there and leaves the RAM as it was; the start bank is
//! fixed where the chip's is random; and a hot spot of F4SC is deaf to *writes* (ALE compares the unmasked address).

use super::board::{window_offset, Board, Mapper, LAST_PAGE, WINDOW};
use crate::random::MersenneTwister;

/// What tells the schemes of this family apart.
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
    pub const F4SC: Self = Self {
        writes_switch: false,
        ..Self::new(8, 0xFF4, 0, 128)
    };
    pub const FASC: Self = Self::new(3, 0xFF8, 2, 256);

    const fn new(banks: usize, first_hotspot: usize, start_bank: usize, ram: usize) -> Self {
        Self {
            banks,
            first_hotspot,
            start_bank,
            ram,
            writes_switch: true,
        }
    }
}

#[derive(Clone)]
pub(super) struct Banked {
    layout: &'static Layout,
    bank: usize,
}

impl Banked {
    pub fn install(layout: &'static Layout, board: &mut Board) -> Self {
        board.add_ram(layout.ram);
        let mut banked = Self { layout, bank: 0 };
        banked.select(layout.start_bank, board);
        banked
    }

    fn select(&mut self, bank: usize, board: &mut Board) {
        self.bank = bank;
        let ports = 2 * self.layout.ram;
        board.show(ports, LAST_PAGE, bank * WINDOW + ports);
    }

    fn touch(&mut self, offset: usize, board: &mut Board) {
        if let Some(bank) = offset.checked_sub(self.layout.first_hotspot) {
            if bank < self.layout.banks {
                self.select(bank, board);
            }
        }
    }
}

impl Mapper for Banked {
    fn reset(&mut self, board: &mut Board, random: &mut MersenneTwister, _: u32) {
        board.randomise_ram(random);
        self.select(self.layout.start_bank, board);
    }

    fn read(&mut self, board: &mut Board, address: u16, _: u32) -> u8 {
        let offset = window_offset(address);
        self.touch(offset, board);
        let ram = self.layout.ram;
        if (ram..2 * ram).contains(&offset) {
            board.ram[offset - ram]
        } else {
            board.rom[self.bank * WINDOW + offset]
        }
    }

    fn write(&mut self, board: &mut Board, address: u16, value: u8, _: u32) {
        let offset = window_offset(address);
        if self.layout.writes_switch {
            self.touch(offset, board);
        }
        if offset < self.layout.ram {
            board.ram[offset] = value;
        }
    }
}
