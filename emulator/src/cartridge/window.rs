//! ROM and RAM of a cartridge, and the 4 KiB window $1000-$1FFF through which the console sees them.
//!
//! The window holds a copy of the 4 KiB that it shows, and for every address whether a read has side effects. So a read
//! is one look-up with any scheme, and a bank switch copies bytes. This pays because reads are the emulator's most
//! frequent operation, while games switch banks a few times a frame at most.

use crate::opcode::OpcodeAhead;
use crate::random::MersenneTwister;
use crate::saved_state::{Archive, StateError};
use std::sync::Arc;

/// The memory that a scheme's circuit works on.
#[derive(Clone)]
pub(super) struct Window {
    /// The image.
    pub rom: Arc<[u8]>,
    /// The image's bytes as opcodes.
    rom_opcodes: Arc<[OpcodeAhead]>,
    /// RAM; empty when there is none.
    pub ram: Box<[u8]>,
    /// The bytes shown while A13 is clear; then, if A13 matters, the bytes shown while it is set; then two more bytes,
    /// so that three bytes can be read from any address.
    shown: [u8; 2 * WINDOW_SIZE + 2],
    /// Opcode at each 13-bit address; [`OpcodeAhead::UNKNOWN`] below the window, where A13 matters, and near addresses
    /// whose reads have side effects. So one look-up gives the CPU the opcode and whether it may look ahead (saves 7 %
    /// of the emulator's instructions).
    opcodes: [OpcodeAhead; 2 * WINDOW_SIZE],
    /// [`WINDOW_SIZE`] if A13 matters, otherwise 0.
    a13: usize,
    /// Window addresses whose reads have side effects: the circuit must see them.
    hidden: Addresses,
    /// Window addresses that are hidden, one or two bytes before a hidden one, or at most three before the window's end: the
    /// instruction after such a one may be in the TIA, whose undriven lines show the last byte on the bus.
    hidden_ahead: Addresses,
    /// A bit for every 64-byte page with an address in `hidden`; all bits if A13 matters. Tested first, because one
    /// word stays in a register.
    pages_hidden: u64,
    /// A number for the parts of the image in the window: sixteen bits for each KiB of the window, 0 if it shows no
    /// ROM.
    mapping: u64,
}

/// A set of window addresses.
#[derive(Clone)]
struct Addresses([u64; WINDOW_SIZE / 64]);

impl Addresses {
    #[inline(always)]
    fn contains(&self, offset: usize) -> bool {
        self.0[offset / 64] >> (offset % 64) & 1 != 0
    }

    /// A bit for every 64-byte page with an address in the set.
    fn pages(&self) -> u64 {
        self.0.iter().rev().fold(0, |pages, &word| pages << 1 | u64::from(word != 0))
    }

    /// The addresses at most two bytes before one of the set, or at most three before the window's end.
    fn needing_care(&self) -> Self {
        let mut next = u64::MAX;
        let mut ahead = self.clone();
        for (&word, ahead) in self.0.iter().zip(&mut ahead.0).rev() {
            *ahead = word | (word >> 1 | next << 63) | (word >> 2 | next << 62);
            next = word;
        }
        ahead.0[(WINDOW_SIZE - 3) / 64] |= 1 << ((WINDOW_SIZE - 3) % 64);
        ahead
    }
}

impl Window {
    /// A window without RAM that shows nothing yet: the circuit must see every read.
    pub fn new(rom: Arc<[u8]>) -> Self {
        let all = || Addresses([u64::MAX; WINDOW_SIZE / 64]);
        Self {
            rom_opcodes: rom.iter().map(|&byte| OpcodeAhead::of(byte)).collect(),
            rom,
            ram: Box::default(),
            shown: [0; 2 * WINDOW_SIZE + 2],
            opcodes: [OpcodeAhead::UNKNOWN; 2 * WINDOW_SIZE],
            a13: 0,
            hidden: all(),
            hidden_ahead: all(),
            pages_hidden: u64::MAX,
            mapping: 0,
        }
    }

    /// Adds `size` bytes of RAM; the first reset fills them.
    pub fn add_ram(&mut self, size: usize) {
        self.ram = vec![0; size].into_boxed_slice();
    }

    /// Fills the RAM as ALE does at every system reset: one draw a byte, lowest address first.
    pub fn randomize_ram(&mut self, random: &mut MersenneTwister) {
        for byte in &mut *self.ram {
            *byte = random.draw() as u8;
        }
    }

    /// The byte at `address` if its page is plain ROM. A quick test that returns `None` more often than
    /// [`Window::plain`].
    #[inline(always)]
    pub fn direct(&self, address: u16) -> Option<u8> {
        let offset = window_offset(address);
        if self.pages_hidden >> (offset / 64) & 1 == 0 {
            Some(self.shown[offset])
        } else {
            None
        }
    }

    /// The byte at `address` if it is plain ROM; `None` if the circuit must see the read.
    pub fn plain(&self, address: u16) -> Option<u8> {
        if self.hidden.contains(window_offset(address)) {
            None
        } else {
            Some(self.shown[self.place(address)])
        }
    }

    /// The opcode at `address` if it and the two bytes after it are plain ROM, otherwise [`OpcodeAhead::UNKNOWN`]. A
    /// quick test that finds fewer opcodes than [`Window::look_ahead_carefully`].
    #[inline(always)]
    pub fn opcode_ahead(&self, address: u16) -> OpcodeAhead {
        self.opcodes[usize::from(address) % (2 * WINDOW_SIZE)]
    }

    /// The byte at `address`, one or two after an opcode that [`Window::opcode_ahead`] knows.
    #[inline(always)]
    pub fn operand_ahead(&self, address: u16) -> u8 {
        self.shown[window_offset(address)]
    }

    /// The byte at `address` and the two after it if they are plain ROM.
    #[inline(always)]
    pub fn look_ahead_carefully(&self, address: u16) -> Option<[u8; 3]> {
        if self.hidden_ahead.contains(window_offset(address)) {
            None
        } else {
            self.shown[self.place(address)..].first_chunk().copied()
        }
    }

    /// A number for the parts of the image in the window: equal numbers mean equal contents and equal hidden addresses.
    /// `None` if address line A13 matters.
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
        for offset in 0..=WINDOW_SIZE {
            if offset == WINDOW_SIZE || self.hidden.contains(offset) {
                if offset - start > longest.len() {
                    longest = start..offset;
                }
                start = offset + 1;
            }
        }
        longest
    }

    /// Byte offset of the shown bytes from the start of a window.
    #[cfg(feature = "translate")]
    pub const WINDOW_OFFSET: usize = std::mem::offset_of!(Self, shown);

    fn place(&self, address: u16) -> usize {
        window_offset(address) | (usize::from(address >> 1) & self.a13 & WINDOW_SIZE)
    }

    /// Shows the image from `rom_offset` on at window addresses `from..to`. Addresses past the image's end are hidden.
    pub fn show(&mut self, from: usize, to: usize, rom_offset: usize) {
        let shown = self.rom.len().saturating_sub(rom_offset).min(to - from);
        self.shown[from..from + shown].copy_from_slice(&self.rom[rom_offset..rom_offset + shown]);
        self.set_hidden(from, from + shown, false);
        self.set_hidden(from + shown, to, true);
        self.set_mapping(from, to, |kilobyte| (rom_offset.wrapping_add(kilobyte).wrapping_sub(from) / 64) as u16 + 1);
        // Opcodes in the two bytes before `from` may have been unknown because of bytes in the range.
        for before in from.saturating_sub(2)..from {
            self.opcodes[WINDOW_SIZE + before] = OpcodeAhead::of(self.shown[before]);
        }
        self.opcodes[WINDOW_SIZE + from..WINDOW_SIZE + from + shown]
            .copy_from_slice(&self.rom_opcodes[rom_offset..rom_offset + shown]);
        self.hide_opcodes(from, to);
    }

    /// Shows the first 4 KiB of the image while A13 is set and the second while it is clear, in the whole window.
    pub fn show_by_a13(&mut self) {
        let (first, second) = self.rom.split_at(WINDOW_SIZE);
        self.shown[..WINDOW_SIZE].copy_from_slice(&second[..WINDOW_SIZE]);
        self.shown[WINDOW_SIZE..2 * WINDOW_SIZE].copy_from_slice(first);
        self.a13 = WINDOW_SIZE;
        self.set_hidden(0, WINDOW_SIZE, false);
        self.opcodes.fill(OpcodeAhead::UNKNOWN);
    }

    /// Hides window addresses `from..to`: the circuit sees their reads.
    pub fn hide(&mut self, from: usize, to: usize) {
        self.set_hidden(from, to, true);
        self.set_mapping(from, to, |_| 0);
        self.hide_opcodes(from, to);
    }

    /// For every KiB of `from..to`, records `shown` of its first address in `mapping`.
    fn set_mapping(&mut self, from: usize, to: usize, shown: impl Fn(usize) -> u16) {
        for part in from / 0x400..to.div_ceil(0x400) {
            let field = 16 * part;
            self.mapping = self.mapping & !(0xFFFF << field) | u64::from(shown(0x400 * part)) << field;
        }
    }

    /// Marks opcodes at `from..to`, and the two before, as unknown where the CPU must not look ahead.
    fn hide_opcodes(&mut self, from: usize, to: usize) {
        for page in from.saturating_sub(2) / 64..to.div_ceil(64) {
            let mut hidden = self.hidden_ahead.0[page];
            while hidden != 0 {
                self.opcodes[WINDOW_SIZE + 64 * page + hidden.trailing_zeros() as usize] = OpcodeAhead::UNKNOWN;
                hidden &= hidden - 1;
            }
        }
    }

    /// Adds `from..to` to the hidden addresses, or removes it. Most bank switches change nothing in this set.
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
            self.hidden_ahead = self.hidden.needing_care();
            let by_a13 = if self.a13 == 0 { 0 } else { u64::MAX };
            self.pages_hidden = self.hidden.pages() | by_a13;
        }
    }
}

/// The offset of `address` in the window: its low twelve bits.
#[inline(always)]
pub(super) fn window_offset(address: u16) -> usize {
    usize::from(address & 0x0FFF)
}

/// First byte of the window's last page, where the hot spots of most schemes are.
pub(super) const LAST_PAGE: usize = 0x0FC0;
/// Bytes of the window.
pub(super) const WINDOW_SIZE: usize = 0x1000;

/// A bank-switching circuit. It sees only reads of hidden addresses, but all writes.
pub(super) trait Mapper {
    /// The circuit's part of a system reset.
    fn reset(&mut self, window: &mut Window, random: &mut MersenneTwister, cycles: u32);

    /// A read of a hidden address.
    fn read(&mut self, window: &mut Window, address: u16, cycles: u32) -> u8;

    /// A write anywhere in the window.
    fn write(&mut self, window: &mut Window, address: u16, value: u8, cycles: u32);

    /// The circuit's part of a saved state: its registers. Restoring them also restores the contents of the window. A
    /// circuit without registers saves nothing.
    fn exchange(&mut self, _board: &mut Window, _archive: &mut Archive) -> Result<(), StateError> {
        Ok(())
    }

    /// Rebases the time stamps: the cycle counter, now at `cycles`, will restart at 0.
    fn rebase_cycles(&mut self, _cycles: u32) {}

    /// A read of a TIA address; only called if the scheme claims low addresses.
    fn read_low(&mut self, _board: &mut Window, _address: u16) -> Option<u8> {
        None
    }

    /// A write to a TIA address; only called if the scheme claims low addresses. Returns whether the TIA gets it too.
    fn write_low(&mut self, _board: &mut Window, _address: u16, _value: u8) -> bool {
        true
    }

    /// Whether the TIA gets a write to the window as well; only called if the scheme claims low addresses.
    fn passes_write_to_tia(&self, _address: u16) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_banks() -> Window {
        let rom: Vec<u8> = (0..2 * WINDOW_SIZE).map(|i| (i % 251) as u8).collect();
        Window::new(rom.into())
    }

    #[test]
    fn an_instruction_is_looked_ahead_to_unless_one_of_its_three_bytes_is_hidden() {
        let mut window = two_banks();
        window.show(0, 0x0FF8, WINDOW_SIZE);
        window.hide(0x0120, 0x0121);
        let hidden = |offset: u16| offset == 0x0120 || offset >= 0x0FF8;
        for offset in 0..WINDOW_SIZE as u16 {
            let address = 0xF000 | offset;
            let expected = window.rom[WINDOW_SIZE + usize::from(offset)];
            assert_eq!(window.plain(address), (!hidden(offset)).then_some(expected), "{offset:03x}");
            let ahead = window.look_ahead_carefully(address).map(|bytes| bytes[0]);
            let clear = !(offset..offset + 3).any(hidden);
            assert_eq!(ahead, clear.then_some(expected), "{offset:03x}");
            // The quick tests may know less, but must never return something else.
            assert!(window.direct(address).is_none_or(|byte| window.plain(address) == Some(byte)));
            let opcode = window.opcode_ahead(address);
            if opcode != OpcodeAhead::UNKNOWN {
                let opcode = opcode.opcode();
                let operands = [address + 1, address + 2].map(|address| window.operand_ahead(address));
                let [first, second] = operands;
                assert_eq!(window.look_ahead_carefully(address), Some([opcode, first, second]), "{offset:03x}");
            }
            assert_eq!(
                clear && OpcodeAhead::of(expected) != OpcodeAhead::UNKNOWN,
                opcode != OpcodeAhead::UNKNOWN,
                "{offset:03x}"
            );
            assert_eq!(window.opcode_ahead(offset), OpcodeAhead::UNKNOWN, "below the window");
        }
        window.show(0, WINDOW_SIZE, 0);
        assert_eq!(window.opcode_ahead(0xF120).opcode(), window.rom[0x120]);
    }

    #[test]
    fn address_line_13_chooses_between_two_images() {
        let mut window = two_banks();
        window.show_by_a13();
        for offset in [0u16, 5, 0x0800, 0x0FFC] {
            let (first, second) = (window.rom[usize::from(offset)], window.rom[WINDOW_SIZE + usize::from(offset)]);
            assert_eq!(window.plain(0xF000 | offset), Some(first));
            assert_eq!(window.plain(0xD000 | offset), Some(second));
            assert_eq!(window.opcode_ahead(0xF000 | offset), OpcodeAhead::UNKNOWN);
            assert_eq!(window.look_ahead_carefully(0xD000 | offset).map(|bytes| bytes[0]), Some(second));
        }
    }
}
