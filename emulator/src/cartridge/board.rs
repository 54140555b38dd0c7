//! The board inside a cartridge: ROM, RAM, and what the window shows of them.
//!
//! The board keeps a copy of the 4 KiB that the window $1000-$1FFF shows, and for every address in it whether a read *does*
//! something, so that a read is one look-up whatever the scheme; a bank switch copies. Reading is what the emulator does
//! most and games switch banks a few times a frame, if at all.

use crate::bus::OpcodeAhead;
use crate::random::MersenneTwister;
use crate::saved_state::{Archive, StateError};
use std::sync::Arc;

/// What a scheme's circuit works on.
#[derive(Clone)]
pub(super) struct Board {
    /// The image.
    pub rom: Arc<[u8]>,
    /// Its bytes as opcodes.
    rom_opcodes: Arc<[OpcodeAhead]>,
    /// RAM; empty when there is none.
    pub ram: Box<[u8]>,
    /// What the window shows while A13 is clear, what it shows while A13 is set if that makes a difference, and two bytes so
    /// that three can be read from anywhere.
    window: [u8; 2 * WINDOW + 2],
    /// For the lower thirteen bits of every address the opcode there, or [`OpcodeAhead::UNKNOWN`] where the CPU must ask carefully:
    /// below the window, where A13 makes a difference and where `hidden_ahead` says so. So the CPU gets there with the look-up
    /// that it makes anyway (7 % of the emulator's instructions).
    opcodes: [OpcodeAhead; 2 * WINDOW],
    /// [`WINDOW`] if A13 makes a difference, otherwise 0.
    a13: usize,
    /// Window addresses whose reads the mapper must see.
    hidden: Addresses,
    /// Window addresses that are hidden or one or two before a hidden one, or before the window's end.
    hidden_ahead: Addresses,
    /// The 64-byte pages in which any address is in `hidden`, a bit each, and all if A13 makes a difference: asked first, as one
    /// word stays in a register.
    pages_hidden: u64,
    /// What the window shows, as a number: for each of its four KiB sixteen bits, 0 as long as nothing of the image is there.
    mapping: u64,
}

/// A set of window addresses.
#[derive(Clone)]
struct Addresses([u64; WINDOW / 64]);

impl Addresses {
    #[inline(always)]
    fn contains(&self, offset: usize) -> bool {
        self.0[offset / 64] >> (offset % 64) & 1 != 0
    }

    /// The 64-byte pages in which there is any, a bit each.
    fn pages(&self) -> u64 {
        self.0.iter().rev().fold(0, |pages, &word| pages << 1 | u64::from(word != 0))
    }

    /// The addresses from which one of the set is at most two bytes away, the byte after the window's end included.
    fn within_two_bytes(&self) -> Self {
        let mut next = u64::MAX;
        let mut ahead = self.clone();
        for (&word, ahead) in self.0.iter().zip(&mut ahead.0).rev() {
            *ahead = word | (word >> 1 | next << 63) | (word >> 2 | next << 62);
            next = word;
        }
        ahead
    }
}

impl Board {
    /// A board with no RAM whose every read goes through the mapper.
    pub fn new(rom: Arc<[u8]>) -> Self {
        let all = || Addresses([u64::MAX; WINDOW / 64]);
        Self {
            rom_opcodes: rom.iter().map(|&byte| OpcodeAhead::of(byte)).collect(),
            rom,
            ram: Box::default(),
            window: [0; 2 * WINDOW + 2],
            opcodes: [OpcodeAhead::UNKNOWN; 2 * WINDOW],
            a13: 0,
            hidden: all(),
            hidden_ahead: all(),
            pages_hidden: u64::MAX,
            mapping: 0,
        }
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

    /// The byte at `address` if it certainly is plain ROM; [`Board::plain`] knows better.
    #[inline(always)]
    pub fn direct(&self, address: u16) -> Option<u8> {
        let offset = window_offset(address);
        if self.pages_hidden >> (offset / 64) & 1 == 0 {
            Some(self.window[offset])
        } else {
            None
        }
    }

    /// The byte at `address` if it is plain ROM; `None` if the mapper must see the read.
    pub fn plain(&self, address: u16) -> Option<u8> {
        if self.hidden.contains(window_offset(address)) {
            None
        } else {
            Some(self.window[self.place(address)])
        }
    }

    /// The opcode at `address` if it and the two bytes behind it certainly are plain ROM, otherwise [`OpcodeAhead::UNKNOWN`];
    /// [`Board::look_ahead_carefully`] knows better.
    #[inline(always)]
    pub fn opcode_ahead(&self, address: u16) -> OpcodeAhead {
        self.opcodes[usize::from(address) % (2 * WINDOW)]
    }

    /// The byte at `address`, one or two behind an opcode that [`Board::opcode_ahead`] knows.
    #[inline(always)]
    pub fn operand_ahead(&self, address: u16) -> u8 {
        self.window[window_offset(address)]
    }

    /// The byte at `address` and the two behind it if they are plain ROM.
    #[inline(always)]
    pub fn look_ahead_carefully(&self, address: u16) -> Option<[u8; 3]> {
        if self.hidden_ahead.contains(window_offset(address)) {
            None
        } else {
            self.window[self.place(address)..].first_chunk().copied()
        }
    }

    /// What the window shows, as a number: two equal ones of one image show the same and hide the same. `None` if it depends
    /// on address line 13 too.
    #[cfg(feature = "translate")]
    #[inline(always)]
    pub fn mapping(&self) -> Option<u64> {
        (self.a13 == 0).then_some(self.mapping)
    }

    /// The longest run of window addresses that are plain ROM.
    #[cfg(feature = "translate")]
    pub fn longest_plain(&self) -> std::ops::Range<usize> {
        let mut longest = 0..0;
        let mut start = 0;
        for offset in 0..=WINDOW {
            if offset == WINDOW || self.hidden.contains(offset) {
                if offset - start > longest.len() {
                    longest = start..offset;
                }
                start = offset + 1;
            }
        }
        longest
    }

    /// Where in a board the bytes of the window lie.
    #[cfg(feature = "translate")]
    pub const WINDOW_OFFSET: usize = std::mem::offset_of!(Self, window);

    fn place(&self, address: u16) -> usize {
        window_offset(address) | (usize::from(address >> 1) & self.a13 & WINDOW)
    }

    /// Shows the image from `rom_offset` on at window addresses `from..to`. Those past the image's end go through the mapper.
    pub fn show(&mut self, from: usize, to: usize, rom_offset: usize) {
        let shown = self.rom.len().saturating_sub(rom_offset).min(to - from);
        self.window[from..from + shown].copy_from_slice(&self.rom[rom_offset..rom_offset + shown]);
        self.set_hidden(from, from + shown, false);
        self.set_hidden(from + shown, to, true);
        self.set_mapping(from, to, |kilobyte| (rom_offset.wrapping_add(kilobyte).wrapping_sub(from) / 64) as u16 + 1);
        // An opcode counts as unknown for the two bytes behind it too.
        for before in from.saturating_sub(2)..from {
            self.opcodes[WINDOW + before] = OpcodeAhead::of(self.window[before]);
        }
        self.opcodes[WINDOW + from..WINDOW + from + shown]
            .copy_from_slice(&self.rom_opcodes[rom_offset..rom_offset + shown]);
        self.hide_opcodes(from, to);
    }

    /// Shows the first 4 KiB of the image while A13 is set and the second while it is clear, in the whole window.
    pub fn show_by_a13(&mut self) {
        let (first, second) = self.rom.split_at(WINDOW);
        self.window[..WINDOW].copy_from_slice(&second[..WINDOW]);
        self.window[WINDOW..2 * WINDOW].copy_from_slice(first);
        self.a13 = WINDOW;
        self.set_hidden(0, WINDOW, false);
        self.opcodes.fill(OpcodeAhead::UNKNOWN);
    }

    /// Sends reads of window addresses `from..to` through the mapper.
    pub fn hide(&mut self, from: usize, to: usize) {
        self.set_hidden(from, to, true);
        self.set_mapping(from, to, |_| 0);
        self.hide_opcodes(from, to);
    }

    /// Writes down that the KiB parts of the window in which `from..to` lies show what `shown` says of their first address.
    fn set_mapping(&mut self, from: usize, to: usize, shown: impl Fn(usize) -> u16) {
        for part in from / 0x400..to.div_ceil(0x400) {
            let field = 16 * part;
            self.mapping = self.mapping & !(0xFFFF << field) | u64::from(shown(0x400 * part)) << field;
        }
    }

    /// Takes away the opcodes at `from..to`, and the two before, that the CPU must not look ahead to.
    fn hide_opcodes(&mut self, from: usize, to: usize) {
        for page in from.saturating_sub(2) / 64..to.div_ceil(64) {
            let mut hidden = self.hidden_ahead.0[page];
            while hidden != 0 {
                self.opcodes[WINDOW + 64 * page + hidden.trailing_zeros() as usize] = OpcodeAhead::UNKNOWN;
                hidden &= hidden - 1;
            }
        }
    }

    /// Most bank switches change nothing here.
    fn set_hidden(&mut self, from: usize, to: usize, hidden: bool) {
        let mut changed = false;
        for (i, word) in self.hidden.0.iter_mut().enumerate().take(to.div_ceil(64)).skip(from / 64) {
            let below = |end: usize| match end.saturating_sub(64 * i) {
                bits @ 0..64 => (1 << bits) - 1,
                _ => u64::MAX,
            };
            let bits = below(to) & !below(from);
            let new = if hidden { *word | bits } else { *word & !bits };
            changed |= new != *word;
            *word = new;
        }
        if changed {
            self.hidden_ahead = self.hidden.within_two_bytes();
            let by_a13 = if self.a13 == 0 { 0 } else { u64::MAX };
            self.pages_hidden = self.hidden.pages() | by_a13;
        }
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

/// A bank-switching circuit. Its reads are only asked for at addresses that the board hides; its writes, always.
pub(super) trait Mapper {
    /// The circuit's part of a system reset.
    fn reset(&mut self, board: &mut Board, random: &mut MersenneTwister, cycles: u32);

    /// A read of a hidden address.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn board() -> Board {
        let rom: Vec<u8> = (0..2 * WINDOW).map(|i| (i % 251) as u8).collect();
        Board::new(rom.into())
    }

    #[test]
    fn an_instruction_is_looked_ahead_to_unless_one_of_its_three_bytes_is_hidden() {
        let mut board = board();
        board.show(0, 0x0FF8, WINDOW);
        board.hide(0x0120, 0x0121);
        let hidden = |offset: u16| offset == 0x0120 || offset >= 0x0FF8;
        for offset in 0..WINDOW as u16 {
            let address = 0xF000 | offset;
            let expected = board.rom[WINDOW + usize::from(offset)];
            assert_eq!(board.plain(address), (!hidden(offset)).then_some(expected), "{offset:03x}");
            let ahead = board.look_ahead_carefully(address).map(|bytes| bytes[0]);
            let clear = !(offset..offset + 3).any(hidden);
            assert_eq!(ahead, clear.then_some(expected), "{offset:03x}");
            // What is asked first may know less, but never something else.
            assert!(board.direct(address).is_none_or(|byte| board.plain(address) == Some(byte)));
            let opcode = board.opcode_ahead(address);
            if opcode != OpcodeAhead::UNKNOWN {
                let opcode = opcode.opcode();
                let operands = [address + 1, address + 2].map(|address| board.operand_ahead(address));
                let [first, second] = operands;
                assert_eq!(board.look_ahead_carefully(address), Some([opcode, first, second]), "{offset:03x}");
            }
            assert_eq!(
                clear && OpcodeAhead::of(expected) != OpcodeAhead::UNKNOWN,
                opcode != OpcodeAhead::UNKNOWN,
                "{offset:03x}"
            );
            assert_eq!(board.opcode_ahead(offset), OpcodeAhead::UNKNOWN, "below the window");
        }
        board.show(0, WINDOW, 0);
        assert_eq!(board.opcode_ahead(0xF120).opcode(), board.rom[0x120]);
    }

    #[test]
    fn address_line_13_chooses_between_two_images() {
        let mut board = board();
        board.show_by_a13();
        for offset in [0u16, 5, 0x0800, 0x0FFC] {
            let (first, second) = (board.rom[usize::from(offset)], board.rom[WINDOW + usize::from(offset)]);
            assert_eq!(board.plain(0xF000 | offset), Some(first));
            assert_eq!(board.plain(0xD000 | offset), Some(second));
            assert_eq!(board.opcode_ahead(0xF000 | offset), OpcodeAhead::UNKNOWN);
            assert_eq!(board.look_ahead_carefully(0xD000 | offset).map(|bytes| bytes[0]), Some(second));
        }
    }
}
