//! The board inside a cartridge: ROM, RAM, and what the window shows of them.
//!
//! The window $1000-$1FFF is 64 pages of 64 bytes, the grain at which ALE lets a cartridge claim addresses. The board keeps a
//! copy of the 4 KiB that the window shows, so that a read is one look-up whatever the scheme; a bank switch copies. Reading
//! is what the emulator does most and games switch banks a few times a frame, if at all.

use crate::random::MersenneTwister;
use crate::saved_state::{Archive, StateError};
use std::sync::Arc;

/// Bytes in a page.
const PAGE: usize = 64;
/// What a scheme's circuit works on.
#[derive(Clone)]
pub(super) struct Board {
    /// The image.
    pub rom: Arc<[u8]>,
    /// RAM; empty when there is none.
    pub ram: Box<[u8]>,
    window: [u8; WINDOW + 3],
    /// Bit `page` is set if the mapper must see reads of that page.
    hidden: u64,
    /// Bit `page` is set if an instruction that begins in that page may touch a hidden one.
    hidden_ahead: u64,
}

impl Board {
    /// A board with no RAM whose every read goes through the mapper.
    pub fn new(rom: Arc<[u8]>) -> Self {
        Self { rom, ram: Box::default(), window: [0; WINDOW + 3], hidden: u64::MAX, hidden_ahead: u64::MAX }
    }

    /// Solders `size` bytes of RAM in. What they hold before the first reset is never seen.
    pub fn add_ram(&mut self, size: usize) {
        self.ram = vec![0; size].into_boxed_slice();
    }

    /// Fills the RAM as ALE does at every system reset: one draw a byte, lowest address first.
    pub fn randomise_ram(&mut self, random: &mut MersenneTwister) {
        for byte in &mut *self.ram {
            *byte = random.draw() as u8;
        }
    }

    /// The byte at `address` if its page is plain ROM; `None` if the mapper must see the read.
    #[inline(always)]
    pub fn direct(&self, address: u16) -> Option<u8> {
        let offset = window_offset(address);
        if self.hidden >> (offset / PAGE) & 1 == 0 {
            Some(self.window[offset])
        } else {
            None
        }
    }

    /// The byte at `address` and the three after it if the first three are plain ROM.
    #[inline(always)]
    pub fn look_ahead(&self, address: u16) -> Option<[u8; 4]> {
        let offset = window_offset(address);
        if self.hidden_ahead >> (offset / PAGE) & 1 == 0 {
            self.window[offset..].first_chunk().copied()
        } else {
            None
        }
    }

    fn pages_changed(&mut self) {
        self.hidden_ahead = self.hidden | self.hidden >> 1 | 1 << 63;
    }

    /// Shows the image from `rom_offset` on at window addresses `from..to` (offsets into the window, whole pages). Pages
    /// past the image's end go through the mapper.
    pub fn show(&mut self, from: usize, to: usize, rom_offset: usize) {
        for (page, bytes) in (from / PAGE..).zip(self.window[from..to].chunks_exact_mut(PAGE)) {
            let start = rom_offset + page * PAGE - from;
            match self.rom.get(start..start + PAGE) {
                Some(shown) => {
                    bytes.copy_from_slice(shown);
                    self.hidden &= !(1 << page);
                }
                None => self.hidden |= 1 << page,
            }
        }
        self.pages_changed();
    }

    /// Sends reads of window addresses `from..to` through the mapper.
    pub fn hide(&mut self, from: usize, to: usize) {
        for page in from / PAGE..to / PAGE {
            self.hidden |= 1 << page;
        }
        self.pages_changed();
    }
}

/// Where `address` lies in the window: its low twelve bits.
#[inline(always)]
pub(super) fn window_offset(address: u16) -> usize {
    usize::from(address & 0x0FFF)
}

/// First byte of the window's last page, where the hot spots of most schemes are.
pub(super) const LAST_PAGE: usize = 0x0FC0;
/// The end of the window.
pub(super) const WINDOW: usize = 0x1000;

/// A bank-switching circuit. Its reads are only asked for on pages that the table hides; its writes, always.
pub(super) trait Mapper {
    /// The circuit's part of a system reset.
    fn reset(&mut self, board: &mut Board, random: &mut MersenneTwister, cycles: u32);

    /// A read of a hidden page.
    fn read(&mut self, board: &mut Board, address: u16, cycles: u32) -> u8;

    /// A write anywhere in the window.
    fn write(&mut self, board: &mut Board, address: u16, value: u8, cycles: u32);

    /// The circuit's part of a saved state: its registers. What the window shows follows from them and is put in place
    /// again. A circuit without registers has nothing to do.
    fn exchange(&mut self, _board: &mut Board, _archive: &mut Archive) -> Result<(), StateError> {
        Ok(())
    }

    /// The cycle counter, now at `cycles`, is about to go back to 0.
    fn rebase_cycles(&mut self, _cycles: u32) {}

    /// A read of a TIA address; only asked for if the scheme claims low addresses.
    fn read_low(&mut self, _board: &mut Board, _address: u16) -> Option<u8> {
        None
    }

    /// A write to a TIA address; only told if the scheme claims low addresses.
    fn write_low(&mut self, _board: &mut Board, _address: u16, _value: u8) {}

    /// Whether the TIA gets a write to the window as well; only asked if the scheme claims low addresses.
    fn passes_write_to_tia(&self, _address: u16) -> bool {
        false
    }
}
