//! UA, UA Limited: two banks of 4 KiB, switched by touching $0220 (bank 0) or $0240 (bank 1).
//!
//! The hot spots lie below the window, among the TIA's mirrors; the TIA sees the access as well.
//!
//! ALE, not the chip: only these two addresses (and their 8 KiB mirrors) switch; the chip decodes fewer address lines. Bank 0
//! is in place after every reset.

use super::board::{window_offset, Board, Mapper, WINDOW};
use crate::random::MersenneTwister;

#[derive(Clone)]
pub(super) struct Ua;

impl Ua {
    pub fn install(board: &mut Board) -> Self {
        select(0, board);
        Self
    }
}

fn select(bank: usize, board: &mut Board) {
    board.show(0, WINDOW, bank * WINDOW);
}

fn touch(address: u16, board: &mut Board) {
    match address & 0x1FFF {
        0x0220 => select(0, board),
        0x0240 => select(1, board),
        _ => {}
    }
}

impl Mapper for Ua {
    fn reset(&mut self, board: &mut Board, _: &mut MersenneTwister, _: u32) {
        select(0, board);
    }

    fn read(&mut self, board: &mut Board, address: u16, _: u32) -> u8 {
        // Never asked for: no page is hidden.
        board.rom[window_offset(address)]
    }

    fn write(&mut self, _: &mut Board, _: u16, _: u8, _: u32) {}

    fn read_low(&mut self, board: &mut Board, address: u16) -> Option<u8> {
        touch(address, board);
        None
    }

    fn write_low(&mut self, board: &mut Board, address: u16, _: u8) {
        touch(address, board);
    }
}
