//! 3F, Tigervision: a window of 2 KiB at $1000 onto any 2 KiB of the image; $1800-$1FFF always shows its last 2 KiB.
//! 3E, a later home-made extension: the same with 32 KiB of RAM.
//!
//! The bank number is a *value*, written to $00-$3F, where the TIA's write registers are (the TIA gets the write too). 3E
//! keeps this for $3F only and uses $3E for one of 32 RAM banks of 1 KiB, read at $1000-$13FF and written at $1400-$17FF.
//!
//! ALE, not the board: only addresses $0000-$003F (and their 8 KiB mirrors) switch, none of the TIA's other mirrors; reads
//! there never reach the TIA but see the byte that lies as far into the lower window; bank 0 is in place after every reset.

use super::board::{window_offset, Board, Mapper, WINDOW};
use crate::random::MersenneTwister;

const BANK: usize = 0x800;
const RAM_BANK: usize = 0x400;
const RAM_BANKS: usize = 32;

#[derive(Clone)]
pub(super) struct Tigervision {
    lower: Lower,
    has_ram: bool,
}

/// What the lower window shows.
#[derive(Clone, Copy)]
enum Lower {
    RomFrom(usize),
    RamFrom(usize),
}

impl Tigervision {
    pub fn install(has_ram: bool, board: &mut Board) -> Self {
        if has_ram {
            board.add_ram(RAM_BANKS * RAM_BANK);
        }
        board.show(BANK, WINDOW, board.rom.len() - BANK);
        let mut chip = Self {
            lower: Lower::RomFrom(0),
            has_ram,
        };
        chip.select_rom(0, board);
        chip
    }

    fn select_rom(&mut self, value: u8, board: &mut Board) {
        let start = usize::from(value) % (board.rom.len() / BANK) * BANK;
        self.lower = Lower::RomFrom(start);
        board.show(0, BANK, start);
    }

    fn select_ram(&mut self, value: u8, board: &mut Board) {
        self.lower = Lower::RamFrom(usize::from(value) % RAM_BANKS * RAM_BANK);
        board.hide(0, BANK);
    }

    /// The byte `offset` into the lower window.
    fn lower_byte(&self, offset: usize, board: &Board) -> u8 {
        match self.lower {
            Lower::RomFrom(start) => board.rom[start + offset],
            Lower::RamFrom(start) => board.ram[start + offset % RAM_BANK],
        }
    }
}

/// The register an address of the TIA's first page stands for; `None` on other pages.
fn register(address: u16) -> Option<usize> {
    let address = usize::from(address & 0x1FFF);
    (address < 0x40).then_some(address)
}

impl Mapper for Tigervision {
    fn reset(&mut self, board: &mut Board, random: &mut MersenneTwister, _: u32) {
        board.randomise_ram(random);
        self.select_rom(0, board);
    }

    fn read(&mut self, board: &mut Board, address: u16, _: u32) -> u8 {
        // Only the lower window is ever hidden.
        self.lower_byte(window_offset(address) % BANK, board)
    }

    fn write(&mut self, board: &mut Board, address: u16, value: u8, _: u32) {
        self.write_low(board, address & 0x0FFF, value);
        if let Lower::RamFrom(start) = self.lower {
            let offset = window_offset(address);
            if (RAM_BANK..2 * RAM_BANK).contains(&offset) {
                board.ram[start + offset - RAM_BANK] = value;
            }
        }
    }

    fn read_low(&mut self, board: &mut Board, address: u16) -> Option<u8> {
        register(address).map(|offset| self.lower_byte(offset, board))
    }

    fn write_low(&mut self, board: &mut Board, address: u16, value: u8) {
        match (register(address), self.has_ram) {
            (Some(_), false) | (Some(0x3F), true) => self.select_rom(value, board),
            (Some(0x3E), true) => self.select_ram(value, board),
            _ => {}
        }
    }
}
