//! E0, Parker Brothers: the window is four windows of 1 KiB onto eight slices of 1 KiB.
//!
//! $1FE0-$1FE7 choose the slice at $1000, $1FE8-$1FEF the one at $1400, $1FF0-$1FF7 the one at $1800; $1C00 always shows
//! slice 7.
//!
//! ALE, not the chip: slices 4, 5 and 6 are in place after every reset, where the chip's registers are random.

use super::window::{window_offset, Mapper, Window, WINDOW_SIZE};
use crate::random::MersenneTwister;
use crate::saved_state::{Archive, StateError};

const SLICE: usize = 0x400;
const LAST_SLICE: usize = 7;
const AT_RESET: [usize; 3] = [4, 5, 6];
const FIRST_HOTSPOT: usize = 0xFE0;
const BEHIND_HOTSPOTS: usize = FIRST_HOTSPOT + 3 * 8;

#[derive(Clone)]
pub(super) struct Parker {
    /// The slices that the first three quarters of the window show.
    slices: [usize; 3],
}

impl Parker {
    pub fn install(window: &mut Window) -> Self {
        window.show(3 * SLICE, FIRST_HOTSPOT, LAST_SLICE * SLICE);
        window.show(BEHIND_HOTSPOTS, WINDOW_SIZE, LAST_SLICE * SLICE + BEHIND_HOTSPOTS - 3 * SLICE);
        let mut chip = Self { slices: AT_RESET };
        chip.select_all(AT_RESET, window);
        chip
    }

    fn select_all(&mut self, slices: [usize; 3], window: &mut Window) {
        for (quarter, slice) in slices.into_iter().enumerate() {
            self.select(quarter, slice, window);
        }
    }

    fn select(&mut self, quarter: usize, slice: usize, window: &mut Window) {
        self.slices[quarter] = slice;
        window.show(quarter * SLICE, (quarter + 1) * SLICE, slice * SLICE);
    }

    fn touch(&mut self, offset: usize, window: &mut Window) {
        if let Some(hotspot) = offset.checked_sub(FIRST_HOTSPOT) {
            let (quarter, slice) = (hotspot / 8, hotspot % 8);
            if quarter < 3 {
                self.select(quarter, slice, window);
            }
        }
    }
}

impl Mapper for Parker {
    fn reset(&mut self, window: &mut Window, _: &mut MersenneTwister, _: u32) {
        self.select_all(AT_RESET, window);
    }

    fn read(&mut self, window: &mut Window, address: u16, _: u32) -> u8 {
        let offset = window_offset(address);
        self.touch(offset, window);
        // Only hot spots come here, and they lie in the last slice: the end of the image.
        window.rom[window.rom.len() - WINDOW_SIZE + offset]
    }

    fn write(&mut self, window: &mut Window, address: u16, _: u8, _: u32) {
        self.touch(window_offset(address), window);
    }

    fn exchange(&mut self, window: &mut Window, archive: &mut Archive) -> Result<(), StateError> {
        let Self { slices } = self;
        for slice in slices.iter_mut() {
            archive.number(slice, 0..=LAST_SLICE, "the slice")?;
        }
        self.select_all(self.slices, window);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::cartridge::synthetic::{numbered, read_all, reset};
    use crate::cartridge::Scheme;

    const WINDOWS: [u16; 4] = [0x1000, 0x17FF, 0x1800, 0x1C00];

    #[test]
    fn slices_4_to_7_are_in_place_after_a_reset_which_draws_nothing() {
        let mut cartridge = numbered(Scheme::E0, 8192, 1024);
        assert_eq!(read_all(&mut cartridge, WINDOWS), [4, 5, 6, 7]);
        read_all(&mut cartridge, [0x1FE0, 0x1FE8, 0x1FF0]);
        assert_eq!(read_all(&mut cartridge, WINDOWS), [0, 0, 0, 7]);
        assert_eq!(reset(&mut cartridge).len(), 0);
        assert_eq!(read_all(&mut cartridge, WINDOWS), [4, 5, 6, 7]);
    }

    #[test]
    fn each_hotspot_moves_one_window_to_one_slice_by_read_and_by_write() {
        let mut cartridge = numbered(Scheme::E0, 8192, 1024);
        for slice in 0..8 {
            cartridge.read(0xFFE0 + slice, 0);
            cartridge.write(0xFFE8 + (slice ^ 1), 0, 0);
            cartridge.read(0x3FF0 + (slice ^ 2), 0);
            let want = [slice, slice ^ 1, slice ^ 2, 7].map(|number| number as u8);
            assert_eq!(read_all(&mut cartridge, WINDOWS), want);
        }
    }

    #[test]
    fn the_neighbours_of_the_hotspots_are_plain_rom_of_the_last_slice() {
        let mut cartridge = numbered(Scheme::E0, 8192, 1024);
        assert_eq!(read_all(&mut cartridge, [0x1FDF, 0x1FE0, 0x1FF8, 0x1FFF]), [7; 4]);
        reset(&mut cartridge);
        read_all(&mut cartridge, [0x1FDF, 0x1FF8, 0x1FFF, 0x1FC0]);
        assert_eq!(read_all(&mut cartridge, WINDOWS), [4, 5, 6, 7]);
    }
}
