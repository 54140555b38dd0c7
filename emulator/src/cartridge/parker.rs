//! E0, Parker Brothers: the window is four windows of 1 KiB onto eight slices of 1 KiB.
//!
//! $1FE0-$1FE7 choose the slice at $1000, $1FE8-$1FEF the one at $1400, $1FF0-$1FF7 the one at $1800; $1C00 always shows
//! slice 7.
//!
//! ALE, not the chip: slices 4, 5 and 6 are in place after every reset, where the chip's registers are random.

use super::board::{window_offset, Board, Mapper, LAST_PAGE, WINDOW};
use crate::random::MersenneTwister;

const SLICE: usize = 0x400;
const LAST_SLICE: usize = 7;
const AT_RESET: [usize; 3] = [4, 5, 6];
const FIRST_HOTSPOT: usize = 0xFE0;

#[derive(Clone)]
pub(super) struct Parker;

impl Parker {
    pub fn install(board: &mut Board) -> Self {
        board.show(3 * SLICE, LAST_PAGE, LAST_SLICE * SLICE);
        select_start_slices(board);
        Self
    }
}

fn select_start_slices(board: &mut Board) {
    for (window, slice) in AT_RESET.into_iter().enumerate() {
        select(window, slice, board);
    }
}

fn select(window: usize, slice: usize, board: &mut Board) {
    board.show(window * SLICE, (window + 1) * SLICE, slice * SLICE);
}

fn touch(offset: usize, board: &mut Board) {
    if let Some(hotspot) = offset.checked_sub(FIRST_HOTSPOT) {
        let (window, slice) = (hotspot / 8, hotspot % 8);
        if window < 3 {
            select(window, slice, board);
        }
    }
}

impl Mapper for Parker {
    fn reset(&mut self, board: &mut Board, _: &mut MersenneTwister, _: u32) {
        select_start_slices(board);
    }

    fn read(&mut self, board: &mut Board, address: u16, _: u32) -> u8 {
        let offset = window_offset(address);
        touch(offset, board);
        // Only the last page comes here, and it shows the last slice: the end of the image.
        board.rom[board.rom.len() - WINDOW + offset]
    }

    fn write(&mut self, board: &mut Board, address: u16, _: u8, _: u32) {
        touch(window_offset(address), board);
    }
}
