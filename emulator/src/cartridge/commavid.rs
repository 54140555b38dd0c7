//! CV, CommaVid: 2 KiB of ROM at $1800 and 1 KiB of RAM below it, read at $1000-$13FF and written at $1400-$17FF.
//! MagiCard and Video Life.
//!
//! An image of 4 KiB is a snapshot of a running cartridge: its second half is the ROM, and its first 1 KiB is the
//! content of the RAM after a reset.
//!
//! ALE, not the chip: reading the write port shows the image and leaves the RAM alone.
//!
//! ALE 0.12.1 itself often crashes on an image of 2 KiB, because it reads a pointer that it never set. Where the pointer
//! happens to be null it continues, and that is the behavior here.

use super::window::{window_offset, Mapper, Window, WINDOW_SIZE};
use crate::random::MersenneTwister;

const RAM: usize = 0x400;
const ROM: usize = 0x800;

#[derive(Clone)]
pub(super) struct CommaVid;

impl CommaVid {
    pub fn install(window: &mut Window) -> Self {
        window.add_ram(RAM);
        window.show(ROM, WINDOW_SIZE, window.rom.len() - ROM);
        Self
    }
}

impl Mapper for CommaVid {
    fn reset(&mut self, window: &mut Window, random: &mut MersenneTwister, _: u32) {
        if window.rom.len() > ROM {
            window.ram.copy_from_slice(&window.rom[..RAM]);
        } else {
            window.randomize_ram(random);
        }
    }

    fn read(&mut self, window: &mut Window, address: u16, _: u32) -> u8 {
        let offset = window_offset(address);
        if offset < RAM {
            window.ram[offset]
        } else {
            window.rom[window.rom.len() - ROM + offset % ROM]
        }
    }

    fn write(&mut self, window: &mut Window, address: u16, value: u8, _: u32) {
        let offset = window_offset(address);
        if (RAM..2 * RAM).contains(&offset) {
            window.ram[offset - RAM] = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::cartridge::synthetic::{numbered, read_all, reset};
    use crate::cartridge::Scheme;

    #[test]
    fn ram_is_read_below_and_written_above() {
        let mut cartridge = numbered(Scheme::Cv, 2048, 64);
        for i in 0..RAM {
            cartridge.write(0x1400 + i, (i % 251) as u8, 0);
            cartridge.write(0x1000 + i, 255, 0);
        }
        for i in 0..RAM {
            assert_eq!(cartridge.read(0xF000 + i, 0), (i % 251) as u8);
        }
    }

    const RAM: u16 = 1024;

    #[test]
    fn the_rom_lies_in_the_upper_half_and_under_the_write_port() {
        let mut small = numbered(Scheme::Cv, 2048, 64);
        assert_eq!(read_all(&mut small, [0x1800, 0x1FFF, 0x1400, 0x17FF]), [0, 31, 16, 31]);
        let mut large = numbered(Scheme::Cv, 4096, 64);
        assert_eq!(read_all(&mut large, [0x1800, 0x1FFF, 0x1400, 0x17FF]), [32, 63, 48, 63]);
    }

    #[test]
    fn a_reset_of_the_small_image_draws_the_ram() {
        let mut cartridge = numbered(Scheme::Cv, 2048, 64);
        let drawn = reset(&mut cartridge);
        assert_eq!(drawn.len(), 1024);
        assert_eq!(cartridge.ram(), drawn);
    }

    #[test]
    fn a_reset_of_the_large_image_copies_its_first_kilobyte_and_draws_nothing() {
        let mut cartridge = numbered(Scheme::Cv, 4096, 64);
        cartridge.write(0x1400, 99, 0);
        assert_eq!(cartridge.read(0x1000, 0), 99);
        assert_eq!(reset(&mut cartridge).len(), 0);
        assert_eq!(read_all(&mut cartridge, [0x1000, 0x13FF]), [0, 15]);
    }
}
