//! CV, CommaVid: 2 KiB of ROM at $1800 and 1 KiB of RAM below it, read at $1000-$13FF and written at $1400-$17FF.
//! MagiCard and Video Life.
//!
//! An image of 4 KiB is a snapshot made from a running cartridge: its second half is the ROM, and its first 1 KiB is what the
//! RAM holds after a reset.
//!
//! ALE, not the chip: reading the write port leaves the RAM alone.

use super::board::{window_offset, Board, Mapper, WINDOW};
use crate::random::MersenneTwister;

const RAM: usize = 0x400;
const ROM: usize = 0x800;

#[derive(Clone)]
pub(super) struct CommaVid;

impl CommaVid {
    pub fn install(board: &mut Board) -> Self {
        board.add_ram(RAM);
        board.show(ROM, WINDOW, board.rom.len() - ROM);
        Self
    }
}

impl Mapper for CommaVid {
    fn reset(&mut self, board: &mut Board, random: &mut MersenneTwister, _: u32) {
        if board.rom.len() > ROM {
            board.ram.copy_from_slice(&board.rom[..RAM]);
        } else {
            board.randomise_ram(random);
        }
    }

    fn read(&mut self, board: &mut Board, address: u16, _: u32) -> u8 {
        let offset = window_offset(address);
        if offset < RAM {
            board.ram[offset]
        } else {
            board.rom[board.rom.len() - ROM + offset % ROM]
        }
    }

    fn write(&mut self, board: &mut Board, address: u16, value: u8, _: u32) {
        let offset = window_offset(address);
        if (RAM..2 * RAM).contains(&offset) {
            board.ram[offset - RAM] = value;
        }
    }
}
