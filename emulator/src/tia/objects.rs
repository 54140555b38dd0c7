//! Where each of the six objects shows on a scanline.

use super::row::{stretch, PixelRow};
use super::MissileMode;

/// Indices of the objects in arrays, and their bits in sets of objects.
pub(super) const P0: usize = 0;
pub(super) const P1: usize = 1;
pub(super) const M0: usize = 2;
pub(super) const M1: usize = 3;
pub(super) const BL: usize = 4;
pub(super) const PF: usize = 5;

/// The set holding just `object`.
pub(super) const fn bit(object: usize) -> u8 {
    1 << object
}

/// Offsets of the copies by NUSIZ mode.
const OFFSETS: [&[u8]; 8] = [&[0], &[0, 16], &[0, 32], &[0, 16, 32], &[0, 64], &[0], &[0, 32, 64], &[0]];

const DOUBLE: u8 = 5;
const QUAD: u8 = 7;

/// Offsets of the copies that NUSIZ value `nusiz` asks for.
pub(super) fn copies(nusiz: u8) -> &'static [u8] {
    OFFSETS[usize::from(nusiz & 7)]
}

/// Pixels a player's copy is wide.
pub(super) fn player_width(nusiz: u8) -> u32 {
    match nusiz & 7 {
        DOUBLE => 16,
        QUAD => 32,
        _ => 8,
    }
}

/// Pixels from a player's position to its missile's when RESMP releases the missile.
pub(super) fn missile_offset_in_player(nusiz: u8) -> u32 {
    match nusiz & 7 {
        DOUBLE => 8,
        QUAD => 16,
        _ => 4,
    }
}

/// The registers that decide where the six objects show on a line, and values derived from them.
#[derive(Clone, Copy, Debug)]
pub(super) struct ObjectRegisters {
    /// The twenty playfield bits, leftmost first.
    pub(super) playfield: u32,
    pub(super) nusiz: [u8; 2],
    pub(super) graphics: [u8; 2],
    pub(super) old_graphics: [u8; 2],
    pub(super) reflected: [bool; 2],
    pub(super) player_delayed: [bool; 2],
    pub(super) skip_first_copy: [bool; 2],
    pub(super) missile_enabled: [bool; 2],
    pub(super) missile_locked: [bool; 2],
    pub(super) missile0_mode: MissileMode,
    pub(super) ctrlpf: u8,
    pub(super) playfield_reflected: bool,
    pub(super) ball_enabled: bool,
    pub(super) old_ball_enabled: bool,
    pub(super) ball_delayed: bool,
    pub(super) position: [u8; 5],
}

impl ObjectRegisters {
    /// As a reset leaves them: all switched off.
    pub(super) const RESET: ObjectRegisters = ObjectRegisters {
        playfield: 0,
        nusiz: [0; 2],
        graphics: [0; 2],
        old_graphics: [0; 2],
        reflected: [false; 2],
        player_delayed: [false; 2],
        skip_first_copy: [false; 2],
        missile_enabled: [false; 2],
        missile_locked: [false; 2],
        missile0_mode: MissileMode::Normal,
        ctrlpf: 0,
        playfield_reflected: false,
        ball_enabled: false,
        old_ball_enabled: false,
        ball_delayed: false,
        position: [0; 5],
    };

    /// The word of `object` in [`Objects`].
    #[inline]
    pub(super) fn word(&self, object: usize) -> u32 {
        match object {
            P0 | P1 => self.player_word(object),
            M0 | M1 => self.missile_word(object - M0),
            BL => self.ball_word(),
            _ => self.playfield_word(),
        }
    }

    /// The words of all objects.
    pub(super) fn objects(&self) -> Objects {
        let mut objects = Objects::OFF;
        for object in [P0, P1, M0, M1, BL, PF] {
            objects.set(object, self.word(object));
        }
        objects
    }

    /// Bits 0 to 7: GRP0 or GRP1, as VDELP selects; 8 to 15: position; 16 to 18: NUSIZ; 19: reflected; 20: without its
    /// first copy.
    #[inline]
    pub(super) fn player_word(&self, player: usize) -> u32 {
        let shown = if self.player_delayed[player] { self.old_graphics[player] } else { self.graphics[player] };
        let word = u32::from(shown)
            | u32::from(self.position[player]) << 8
            | u32::from(self.nusiz[player] & 7) << 16
            | u32::from(self.reflected[player]) << 19
            | u32::from(self.skip_first_copy[player]) << 20;
        if shown == 0 {
            0
        } else {
            word
        }
    }

    /// Bit 0: on; 8 to 15: position; 16 to 21: copies and size as in NUSIZ; 24 and 25: the [`MissileMode`].
    #[inline]
    pub(super) fn missile_word(&self, missile: usize) -> u32 {
        let mode = if missile == 0 { self.missile0_mode } else { MissileMode::Normal };
        if self.missile_enabled[missile] && !self.missile_locked[missile] {
            1 | u32::from(self.position[M0 + missile]) << 8
                | u32::from(self.nusiz[missile] & 0x37) << 16
                | (mode as u32) << 24
        } else {
            0
        }
    }

    /// Bit 0: on; 8 to 15: position; 16 and 17: size.
    #[inline]
    pub(super) fn ball_word(&self) -> u32 {
        if if self.ball_delayed { self.old_ball_enabled } else { self.ball_enabled } {
            1 | u32::from(self.position[BL]) << 8 | u32::from(self.ctrlpf >> 4 & 3) << 16
        } else {
            0
        }
    }

    /// Bits 0 to 19: the playfield; 20: reflected.
    #[inline]
    pub(super) fn playfield_word(&self) -> u32 {
        if self.playfield == 0 {
            0
        } else {
            self.playfield | u32::from(self.playfield_reflected) << 20
        }
    }
}

/// Where the six objects show on a line. Each has one word with everything that its row depends on; the word is 0 while
/// the object is switched off.
///
/// A stroke keeps these words instead of the rows, because half of the frames and most collisions are never looked at.
/// A write that leaves the words equal changes nothing visible, even if it changes registers.
///
/// Padded from 28 to 32 bytes, two vectors: a 28-byte copy compiles to two overlapping vector stores, and reading it back stalled
/// on both (a quarter of the drawing time).
#[derive(Clone, Copy, Debug)]
#[repr(align(16))]
pub(super) struct Objects {
    pub(super) words: [u32; 6],
    /// The objects that are switched on, whether or not they cover anything: the set that decides on the playfield's score
    /// colors and on the over-run.
    active: u8,
}

impl PartialEq for Objects {
    fn eq(&self, other: &Self) -> bool {
        // `active` follows.
        self.words == other.words
    }
}

impl Eq for Objects {}

impl Objects {
    /// All switched off.
    pub(super) const OFF: Objects = Objects { words: [0; 6], active: 0 };

    /// Sets the word of `object`.
    #[inline(always)]
    pub(super) fn set(&mut self, object: usize, word: u32) {
        self.words[object] = word;
        self.active = (self.active & !bit(object)) | u8::from(word != 0) << object;
    }

    /// The set of objects that are switched on: less than 64.
    #[inline(always)]
    pub(super) fn active(&self) -> u8 {
        self.active % 64
    }

    /// The row of `object`.
    fn row(&self, object: usize) -> PixelRow {
        let word = self.words[object];
        if word == 0 {
            return PixelRow::EMPTY;
        }
        match object {
            P0 | P1 => player_row(word),
            M0 | M1 => missile_row(word),
            BL => ball_row(word),
            _ => playfield_row(word),
        }
    }

    /// The row of a player if all bits of its graphics were set.
    pub(super) fn solid_player_row(&self, player: usize) -> PixelRow {
        player_row(self.words[player] | 0xFF)
    }
}

fn position(word: u32) -> u32 {
    word >> 8 & 0xFF
}

/// The row of a player, given its [word](ObjectRegisters::player_word).
fn player_row(word: u32) -> PixelRow {
    let (graphics, nusiz, reflected, skip) = (word as u8, word >> 16 & 7, word >> 19 & 1 != 0, word >> 20 & 1);
    // Bit 7 is the leftmost pixel, unless reflected; a row's bit 0 is.
    let pattern = if reflected { graphics } else { graphics.reverse_bits() };
    let wide = [u32::from(pattern), stretch(pattern, 2), stretch(pattern, 4)];
    let (width, late) = WIDTHS[nusiz as usize];
    PixelRow::copies(wide[usize::from(width)], COPIES[skip as usize][nusiz as usize], position(word) + u32::from(late))
}

/// By NUSIZ mode: the index of a player's stretched pattern, and by how many pixels the player starts late.
const WIDTHS: [(u8, u8); 8] = [(0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (1, 1), (0, 0), (2, 1)];

/// By NUSIZ mode: a bit at the offset of every copy. The second row leaves out the first copy.
const COPIES: [[u128; 8]; 2] = {
    let mut table = [[0; 8]; 2];
    let mut mode = 0;
    while mode < 8 {
        let mut i = 0;
        while i < OFFSETS[mode].len() {
            table[0][mode] |= 1 << OFFSETS[mode][i];
            table[1][mode] |= if i == 0 { 0 } else { 1 << OFFSETS[mode][i] };
            i += 1;
        }
        mode += 1;
    }
    table
};

/// The row of a missile, given its [word](ObjectRegisters::missile_word).
fn missile_row(word: u32) -> PixelRow {
    let mode = word >> 24;
    let size_code = (word >> 20 & 3) as u8 | u8::from(mode == MissileMode::Stretched as u32);
    let pattern = if mode == MissileMode::Off as u32 { 0 } else { solid(size_code) };
    PixelRow::copies(pattern, COPIES[0][(word >> 16 & 7) as usize], position(word))
}

/// The row of the ball, given its [word](ObjectRegisters::ball_word).
fn ball_row(word: u32) -> PixelRow {
    let mut row = PixelRow::EMPTY;
    row.place(solid((word >> 16) as u8), position(word));
    row
}

/// The row of the playfield, given its [word](ObjectRegisters::playfield_word).
fn playfield_row(word: u32) -> PixelRow {
    let bits = word & 0xF_FFFF;
    let right = if word >> 20 != 0 { bits.reverse_bits() >> (32 - 20) } else { bits };
    PixelRow::of_groups(u64::from(bits) | u64::from(right) << 20)
}

/// The rows of all objects; only rows of objects that change are recomputed.
#[derive(Clone, Debug)]
pub(super) struct PixelRows {
    objects: Objects,
    rows: [PixelRow; 6],
}

impl PixelRows {
    /// Rows without pixels.
    pub(super) fn new() -> Self {
        Self { objects: Objects::OFF, rows: [PixelRow::EMPTY; 6] }
    }

    /// The rows of `objects`.
    #[inline]
    pub(super) fn of(&mut self, objects: &Objects) -> &[PixelRow; 6] {
        for object in [P0, P1, M0, M1, BL, PF] {
            if self.objects.words[object] != objects.words[object] {
                self.rows[object] = objects.row(object);
            }
        }
        self.objects = *objects;
        &self.rows
    }
}

/// A pattern of 1, 2, 4 or 8 pixels.
fn solid(size_code: u8) -> u32 {
    (1 << (1 << size_code)) - 1
}
