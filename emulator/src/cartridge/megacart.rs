//! MC, Megacart: the window is four windows of 1 KiB, each onto one of 128 blocks of ROM (1 KiB) or one of 64 blocks of RAM
//! (512 bytes).
//!
//! A value written to $3C-$3F chooses the block of the window at $1000, $1400, $1800 or $1C00: from $80 on it is a block of ROM,
//! below a block of RAM, of which six bits count. RAM is written at the lower half of its window and read at the upper half.
//!
//! An access to the reset vector at $1FFC and $1FFD locks the last window: it shows the last block of ROM, where the vectors
//! are, from this access on until one of the other three windows is accessed. Then the block last chosen for it appears. Every
//! reset reads the vector, but a program can do so too, or run through it.
//!
//! ALE, not the board:
//! * $0000-$003F is the cartridge's alone: reads return 0 and no write reaches the TIA. Programs must use the TIA's mirrors, for
//!   example at $40.
//! * Reading the write port returns 0 and stores 0.
//! * A reset draws the RAM anew but chooses no blocks. At power-on ALE's registers hold whatever was in the host's memory; here
//!   they hold 0.

use super::window::{window_offset, Mapper, Window, WINDOW_SIZE};
use crate::random::MersenneTwister;
use crate::saved_state::{exchange, Archive, StateError};

const BLOCK: usize = 0x400;
const WINDOWS: usize = WINDOW_SIZE / BLOCK;
const LAST_WINDOW: usize = WINDOWS - 1;
const LAST_BLOCK: u8 = 0xFF;
const RESET_VECTOR: usize = WINDOW_SIZE - 4;
const BRK_VECTOR: usize = WINDOW_SIZE - 2;
/// Values from here on choose ROM.
const FIRST_ROM: u8 = 0x80;
const RAM_BLOCK: usize = 0x200;
const RAM_BLOCKS: usize = 64;
/// The first of the four registers.
const REGISTERS: u16 = 0x3C;
const PAGE: u16 = 0x40;

#[derive(Clone)]
pub(super) struct Megacart {
    /// The value last written for each window.
    blocks: [u8; WINDOWS],
    /// The last window shows the last block.
    locked: bool,
}

/// The contents of a window.
enum Shown {
    RomFrom(usize),
    RamFrom(usize),
}

impl Megacart {
    pub fn install(window: &mut Window) -> Self {
        window.add_ram(RAM_BLOCKS * RAM_BLOCK);
        let chip = Self { blocks: [0; WINDOWS], locked: true };
        chip.arrange(window);
        chip
    }

    fn shown(&self, number: usize) -> Shown {
        let block = if self.locked && number == LAST_WINDOW { LAST_BLOCK } else { self.blocks[number] };
        match block.checked_sub(FIRST_ROM) {
            Some(block) => Shown::RomFrom(usize::from(block) * BLOCK),
            None => Shown::RamFrom(usize::from(block) % RAM_BLOCKS * RAM_BLOCK),
        }
    }

    /// Shows what can be read without side effects. While the last window is locked, a read of any other one has a side effect. The
    /// vectors are never shown, so that what is shown does not depend on the lock while the last block is the one chosen.
    fn arrange(&self, window: &mut Window) {
        for number in 0..WINDOWS {
            let (from, to) = (number * BLOCK, (number + 1) * BLOCK);
            match self.shown(number) {
                Shown::RomFrom(start) if !self.locked || number == LAST_WINDOW => {
                    window.show(from, to.min(RESET_VECTOR), start);
                }
                _ => window.hide(from, to),
            }
        }
    }

    /// Notes an access to the window. Returns the number of the small window there, and the offset in it.
    fn touch(&mut self, address: u16, window: &mut Window) -> (usize, usize) {
        let offset = window_offset(address);
        let number = offset / BLOCK;
        let locked = (RESET_VECTOR..BRK_VECTOR).contains(&offset) || self.locked && number == LAST_WINDOW;
        if self.locked != locked {
            self.locked = locked;
            self.arrange(window);
        }
        (number, offset % BLOCK)
    }
}

/// Whether an address is on the page that the cartridge takes from the TIA.
fn is_taken(address: u16) -> bool {
    address & 0x1FFF < PAGE
}

impl Mapper for Megacart {
    fn reset(&mut self, window: &mut Window, random: &mut MersenneTwister, _: u32) {
        window.randomize_ram(random);
        self.locked = true;
        self.arrange(window);
    }

    fn read(&mut self, window: &mut Window, address: u16, _: u32) -> u8 {
        let (number, offset) = self.touch(address, window);
        match self.shown(number) {
            Shown::RomFrom(start) => window.rom[start + offset],
            Shown::RamFrom(start) if offset < RAM_BLOCK => {
                window.ram[start + offset] = 0;
                0
            }
            Shown::RamFrom(start) => window.ram[start + offset - RAM_BLOCK],
        }
    }

    fn write(&mut self, window: &mut Window, address: u16, value: u8, _: u32) {
        let (number, offset) = self.touch(address, window);
        if let Shown::RamFrom(start) = self.shown(number) {
            if offset < RAM_BLOCK {
                window.ram[start + offset] = value;
            }
        }
    }

    fn read_low(&mut self, _: &mut Window, address: u16) -> Option<u8> {
        is_taken(address).then_some(0)
    }

    fn write_low(&mut self, window: &mut Window, address: u16, value: u8) -> bool {
        if !is_taken(address) {
            return true;
        }
        if let Some(number) = (address & 0x1FFF).checked_sub(REGISTERS) {
            self.blocks[usize::from(number)] = value;
            self.arrange(window);
        }
        false
    }

    fn exchange(&mut self, window: &mut Window, archive: &mut Archive) -> Result<(), StateError> {
        let Self { blocks, locked } = self;
        archive.bytes(blocks)?;
        exchange!(archive, locked);
        self.arrange(window);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::cartridge::synthetic::{numbered, read_all, reset};
    use crate::cartridge::{Cartridge, Scheme};

    const WINDOWS: [u16; 4] = [0x1000, 0x17FF, 0x1800, 0xFC00];

    /// A cartridge whose ROM blocks hold their numbers.
    fn cartridge() -> Cartridge {
        numbered(Scheme::Mc, 131_072, 1024)
    }

    fn choose(cartridge: &mut Cartridge, blocks: [u8; 4]) {
        for (register, block) in (0x3C..).zip(blocks) {
            assert!(!cartridge.write_low(register, block), "the TIA gets no write");
        }
    }

    #[test]
    fn four_registers_choose_the_blocks_of_four_windows() {
        let mut cartridge = cartridge();
        choose(&mut cartridge, [0x83, 0x84, 0xFE, 0x80]);
        assert_eq!(read_all(&mut cartridge, WINDOWS), [3, 4, 126, 0]);
        assert!(!cartridge.write_low(0xE03F, 0x85));
        assert_eq!(cartridge.read(0xFFFF, 0), 5);
    }

    #[test]
    fn the_last_window_shows_the_last_block_until_another_window_is_accessed() {
        for address in [0x1000, 0x1BFF, 0xF400] {
            for write in [false, true] {
                let mut cartridge = cartridge();
                choose(&mut cartridge, [0x81, 0x82, 0x83, 0x84]);
                cartridge.write(0x1C00, 0, 0);
                cartridge.read_low(0x3F);
                assert_eq!(read_all(&mut cartridge, [0xFC00, 0xFFFC, 0x1FFF]), [127; 3]);
                if write {
                    cartridge.write(address, 0, 0);
                } else {
                    cartridge.read(address, 0);
                }
                assert_eq!(cartridge.read(0xFFFB, 0), 4);
                reset(&mut cartridge);
                assert_eq!(read_all(&mut cartridge, [0xFFFB, 0x1000, 0xFFFB]), [127, 1, 4]);
            }
        }
    }

    #[test]
    fn an_access_to_the_reset_vector_locks_the_last_window_again() {
        let addresses =
            [(0x1FFB, false), (0x1FFC, true), (0xFFFC, true), (0xDFFD, true), (0xFFFE, false), (0xFFFF, false)];
        for (address, locks) in addresses {
            for block in [0x84, 4] {
                let mut cartridge = cartridge();
                choose(&mut cartridge, [0x81, 0x82, 0x83, block]);
                let [_, chosen] = read_all(&mut cartridge, [0x1000, 0xFF00]);
                assert_ne!(chosen, 127);
                let shown = if locks { 127 } else { chosen };

                let read = cartridge.read(address, 0);
                assert!(!locks || read == 127, "{address:04x}: the access itself is one to the last block");
                assert_eq!(
                    read_all(&mut cartridge, [0xFF00, 0x1800, 0xFF00]),
                    [shown, 3, chosen],
                    "{address:04x} read"
                );

                cartridge.write(address, 0, 0);
                assert_eq!(
                    read_all(&mut cartridge, [0xFF00, 0x1400, 0xFF00]),
                    [shown, 2, chosen],
                    "{address:04x} written"
                );
            }
        }
    }

    #[test]
    fn ram_is_written_at_the_lower_half_of_a_window_and_read_at_the_upper_one() {
        let mut cartridge = cartridge();
        for block in 0..64 {
            choose(&mut cartridge, [block + 64, 0x80, 0x80, 0x80]);
            cartridge.write(0xF000, block, 0);
            cartridge.write(0xF1FF, block + 100, 0);
            cartridge.write(0xF200, 99, 0);
        }
        for block in 0..64 {
            choose(&mut cartridge, [0x80, block, 0x80, 0x80]);
            assert_eq!(read_all(&mut cartridge, [0xF600, 0xF7FF]), [block, block + 100]);
        }
        assert_eq!(read_all(&mut cartridge, [0xF400, 0xF600, 0xF7FF]), [0, 0, 163], "reading the write port clears");
        cartridge.write(0xF000, 1, 0);
        assert_eq!(cartridge.read(0xF000, 0), 0, "ROM cannot be written");
    }

    #[test]
    fn the_first_page_is_the_cartridges_and_its_mirrors_are_the_tias() {
        let mut cartridge = cartridge();
        assert!(cartridge.claims_low_addresses());
        choose(&mut cartridge, [0x81, 0x82, 0x83, 0x84]);
        assert_eq!(cartridge.read_low(0x000C), Some(0));
        assert!(!cartridge.write_low(0x0002, 1));
        for address in [0x4C, 0x7C, 0x013C, 0x023C] {
            assert_eq!(cartridge.read_low(address), None);
            assert!(cartridge.write_low(address, 0x90));
        }
        assert!(!cartridge.passes_write_to_tia(0x1009));
        assert_eq!(read_all(&mut cartridge, WINDOWS), [1, 2, 3, 4]);
    }

    #[test]
    fn a_reset_draws_all_of_the_ram_and_keeps_the_blocks() {
        let mut cartridge = cartridge();
        choose(&mut cartridge, [0x85, 3, 0x86, 0x87]);
        let drawn = reset(&mut cartridge);
        assert_eq!(drawn.len(), 32_768);
        assert_eq!(cartridge.ram(), drawn);
        assert_eq!(read_all(&mut cartridge, [0x1000, 0x1600]), [5, drawn[3 * 512]]);
    }
}
