//! E7, M Network (Mattel): 16 KiB of ROM and 2 KiB of RAM.
//!
//! | window | shows |
//! |---|---|
//! | $1000-$17FF | one of the 2 KiB slices 0-6 of the ROM, chosen at $1FE0-$1FE6; or after $1FE7 1 KiB of RAM, written at $1000-$13FF and read at $1400-$17FF |
//! | $1800-$19FF | 256 bytes of the other 1 KiB of RAM, one of four blocks chosen at $1FE8-$1FEB: written at $1800-$18FF, read at $1900-$19FF |
//! | $1A00-$1FFF | the end of slice 7 |
//!
//! ALE, not the chip: slice 0 and block 0 are in place after every reset; reading a write port shows slice 7 and
//! leaves the RAM alone.

use super::window::{window_offset, Mapper, Window, LAST_PAGE};
use crate::random::MersenneTwister;
use crate::saved_state::{Archive, StateError};

const SLICE: usize = 0x800;
/// The slice that always fills the end of the window; in the lower window, its number stands for RAM.
const LAST_SLICE: usize = 7;
/// Bytes of the RAM shown in the lower window.
const LOWER_RAM: usize = 0x400;
/// Bytes of one block of the RAM shown at $1800.
const BLOCK: usize = 0x100;
const BLOCK_WRITE: usize = 0x800;
const BLOCK_READ: usize = BLOCK_WRITE + BLOCK;
const FIXED_ROM: usize = BLOCK_READ + BLOCK;

#[derive(Clone)]
pub(super) struct MNetwork {
    slice: usize,
    block: usize,
}

impl MNetwork {
    pub fn install(window: &mut Window) -> Self {
        window.add_ram(2 * LOWER_RAM);
        window.show(FIXED_ROM, LAST_PAGE, LAST_SLICE * SLICE + FIXED_ROM - SLICE);
        let mut chip = Self { slice: 0, block: 0 };
        chip.select(0, window);
        chip
    }

    fn select(&mut self, slice: usize, window: &mut Window) {
        self.slice = slice;
        if slice == LAST_SLICE {
            window.hide(0, SLICE);
        } else {
            window.show(0, SLICE, slice * SLICE);
        }
    }

    fn touch(&mut self, offset: usize, window: &mut Window) {
        match offset {
            0xFE0..=0xFE7 => self.select(offset - 0xFE0, window),
            0xFE8..=0xFEB => self.block = offset - 0xFE8,
            _ => {}
        }
    }

    fn block_start(&self) -> usize {
        LOWER_RAM + self.block * BLOCK
    }
}

impl Mapper for MNetwork {
    fn reset(&mut self, window: &mut Window, random: &mut MersenneTwister, _: u32) {
        window.randomize_ram(random);
        self.block = 0;
        self.select(0, window);
    }

    fn read(&mut self, window: &mut Window, address: u16, _: u32) -> u8 {
        let offset = window_offset(address);
        self.touch(offset, window);
        match offset {
            LOWER_RAM..SLICE if self.slice == LAST_SLICE => window.ram[offset - LOWER_RAM],
            BLOCK_READ..FIXED_ROM => window.ram[self.block_start() + offset - BLOCK_READ],
            _ => window.rom[LAST_SLICE * SLICE + offset % SLICE],
        }
    }

    fn write(&mut self, window: &mut Window, address: u16, value: u8, _: u32) {
        let offset = window_offset(address);
        self.touch(offset, window);
        match offset {
            0..LOWER_RAM if self.slice == LAST_SLICE => window.ram[offset] = value,
            BLOCK_WRITE..BLOCK_READ => window.ram[self.block_start() + offset - BLOCK_WRITE] = value,
            _ => {}
        }
    }

    fn exchange(&mut self, window: &mut Window, archive: &mut Archive) -> Result<(), StateError> {
        let Self { slice, block } = self;
        archive.number(slice, 0..=LAST_SLICE, "the slice")?;
        archive.number(block, 0..=LOWER_RAM / BLOCK - 1, "the block of RAM")?;
        self.select(self.slice, window);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::cartridge::synthetic::{numbered, read_all, reset};
    use crate::cartridge::Scheme;

    #[test]
    fn seven_hotspots_choose_the_slice_of_the_lower_window() {
        let mut cartridge = numbered(Scheme::E7, 16384, 2048);
        assert_eq!(read_all(&mut cartridge, [0x1000, 0x17FF, 0x1A00, 0x1FFF]), [0, 0, 7, 7]);
        for slice in 0..7 {
            cartridge.read(0xFFE0 + slice, 0);
            assert_eq!(read_all(&mut cartridge, [0x1000, 0x17FF]), [slice as u8; 2]);
            cartridge.write(0xFFE0 + 6 - slice, 0, 0);
            assert_eq!(cartridge.read(0x1000, 0), 6 - slice as u8);
        }
    }

    #[test]
    fn the_eighth_puts_a_kilobyte_of_ram_there() {
        let mut cartridge = numbered(Scheme::E7, 16384, 64);
        cartridge.read(0x1FE7, 0);
        for i in 0..1024 {
            cartridge.write(0x1000 + i, (i % 251) as u8, 0);
        }
        for i in 0..1024 {
            assert_eq!(cartridge.read(0x1400 + i, 0), (i % 251) as u8);
        }
        // The write port shows slice 7.
        assert_eq!(cartridge.read(0x1040, 0), 225);
        cartridge.read(0x1FE1, 0);
        assert_eq!(read_all(&mut cartridge, [0x1040, 0x1440]), [33, 49]);
        cartridge.write(0x1000, 77, 0);
        assert_eq!(cartridge.ram()[0], 0);
    }

    #[test]
    fn four_blocks_of_ram_share_the_ports_at_1800() {
        let mut cartridge = numbered(Scheme::E7, 16384, 64);
        for block in 0..4 {
            cartridge.write(0x1FE8 + block, 0, 0);
            for i in 0..256 {
                cartridge.write(0x1800 + i, (i ^ block) as u8, 0);
            }
        }
        for block in 0..4 {
            cartridge.read(0x1FE8 + block, 0);
            assert_eq!(cartridge.read(0x1907, 0), (7 ^ block) as u8);
            assert_eq!(cartridge.read(0x18C0, 0), 227);
        }
        read_all(&mut cartridge, [0x1FE8, 0x1FEC, 0x1FFF]);
        assert_eq!(cartridge.read(0x1907, 0), 7);
    }

    #[test]
    fn a_reset_draws_both_kilobytes_and_selects_slice_0_and_block_0() {
        let mut cartridge = numbered(Scheme::E7, 16384, 2048);
        read_all(&mut cartridge, [0x1FE7, 0x1FEB]);
        let drawn = reset(&mut cartridge);
        assert_eq!(drawn.len(), 2048);
        assert_eq!(cartridge.ram(), drawn);
        assert_eq!(read_all(&mut cartridge, [0x1000, 0x1900]), [0, drawn[1024]]);
    }
}
