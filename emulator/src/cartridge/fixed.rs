//! 2K and 4K: no circuit at all, the ROM chip straight on the connector. Atari's first cartridges and most early ones.
//!
//! A 2 KiB chip does not see A11 and so appears twice. ALE also treats 4 KiB with equal halves as 2K, and 8 KiB with equal
//! halves as 4K; both show the same bytes either way.

use super::board::{window_offset, Board, Mapper, WINDOW};
use crate::random::MersenneTwister;

#[derive(Clone)]
pub(super) struct Fixed;

impl Fixed {
    pub fn install(board: &mut Board) -> Self {
        let seen = board.rom.len().min(WINDOW);
        for start in (0..WINDOW).step_by(seen) {
            board.show(start, start + seen, 0);
        }
        Self
    }
}

impl Mapper for Fixed {
    fn reset(&mut self, _: &mut Board, _: &mut MersenneTwister, _: u32) {}

    fn read(&mut self, board: &mut Board, address: u16, _: u32) -> u8 {
        board.rom[window_offset(address) % board.rom.len()]
    }

    fn write(&mut self, _: &mut Board, _: u16, _: u8, _: u32) {}
}
