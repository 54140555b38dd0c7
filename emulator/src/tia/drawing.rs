//! The drawing cursor: pixels and collisions, computed only when somebody is about to change or read something.
//!
//! Every object has a cached [`Row`]. A collision is an AND of two rows, 32 pixels at once; painting lays the objects over
//! each other from the lowest priority to the highest, eight pixels at once.

use super::objects::{bit, BL, M0, M1, P0, P1, PF};
use super::row::{word_mask, Row, WIDTH};
use super::{Tia, CTRLPF_PRIORITY, CTRLPF_SCORE, HBLANK_CLOCKS, LINE_CLOCKS, VBLANK_ON};

/// First pixel of the right half.
const MIDDLE: usize = WIDTH / 2;

/// Line clock at which an HMOVE blank ends: eight pixels into the line.
const HMOVE_BLANK_END: i32 = HBLANK_CLOCKS + 8;

/// The fifteen pairs of objects that can collide, in the order of the collision bits.
pub(super) const COLLISION_PAIRS: [(usize, usize); 15] = [
    (M0, P1),
    (M0, P0),
    (M1, P0),
    (M1, P1),
    (P0, PF),
    (P0, BL),
    (P1, PF),
    (P1, BL),
    (M0, PF),
    (M0, BL),
    (M1, PF),
    (M1, BL),
    (BL, PF),
    (P0, P1),
    (M0, M1),
];

impl Tia {
    /// Draws everything before clock `until` with the registers as they are.
    #[inline]
    pub(super) fn catch_up(&mut self, until: i32) {
        let until = until.max(self.noted_until);
        if until < self.display_start || self.drawn_until >= self.display_end || self.drawn_until >= until {
            return;
        }
        self.draw_until(until.min(self.display_end));
    }

    fn draw_until(&mut self, until: i32) {
        loop {
            let line_clock = LINE_CLOCKS - self.line_clocks_left;
            // A target exactly at the line's end leaves the line unfinished: its end is processed by the next call, so
            // that a write at line cycle 0 still comes before it.
            let finishes = until > self.drawn_until + self.line_clocks_left;
            let clocks = if finishes {
                let rest = self.line_clocks_left;
                self.line_clocks_left = LINE_CLOCKS;
                self.drawn_until += rest;
                rest
            } else {
                let part = until - self.drawn_until;
                self.line_clocks_left -= part;
                self.drawn_until = until;
                part
            };
            self.draw_chunk(line_clock, clocks);
            if finishes {
                self.end_line();
            }
            if self.drawn_until == until {
                return;
            }
        }
    }

    /// Draws `clocks` clocks of one line from `line_clock` on.
    fn draw_chunk(&mut self, line_clock: i32, clocks: i32) {
        let blank = (HBLANK_CLOCKS - line_clock).clamp(0, clocks);
        let line_clock = line_clock + blank;
        let pixels = (clocks - blank) as usize;
        let start = self.write_position;
        if pixels > 0 {
            let x = (line_clock - HBLANK_CLOCKS) as usize;
            self.draw_pixels(x, x + pixels, start);
            self.write_position += pixels;
        }
        if self.hmove_blank_pending && line_clock < HMOVE_BLANK_END {
            let width = (HMOVE_BLANK_END - line_clock) as usize;
            self.frames[self.current_frame][start..start + width].fill(0);
            if line_clock + pixels as i32 >= HMOVE_BLANK_END {
                self.hmove_blank_pending = false;
            }
        }
    }

    fn end_line(&mut self) {
        let reflected = self.ctrlpf & 1 != 0;
        if self.playfield_reflected != reflected {
            self.playfield_reflected = reflected;
            self.stale(PF);
        }
        for player in [P0, P1] {
            if self.skip_first_copy[player] {
                self.skip_first_copy[player] = false;
                self.stale(player);
            }
        }
        self.step_star_field();
    }

    /// Draws the pixels `first..end` of a line into the frame buffer from `start` on.
    fn draw_pixels(&mut self, first: usize, end: usize, start: usize) {
        if self.vblank & VBLANK_ON != 0 {
            self.frames[self.current_frame][start..start + (end - first)].fill(0);
            return;
        }
        self.refresh_rows();
        let active = self.active;
        let several_objects = active & active.wrapping_sub(1) != 0;
        for word in first / 32..=(end - 1) / 32 {
            if several_objects {
                self.collide(word, word_mask(word, first, end));
            }
            self.paint(word, first, end, start - first);
        }
        if !end.is_multiple_of(4) {
            self.over_run(first, end, start - first);
        }
    }

    /// ORs the collisions among the pixels `mask` of word `word` into the latches.
    #[inline]
    fn collide(&mut self, word: usize, mask: u32) {
        let bits: [u32; 6] = std::array::from_fn(|object| self.rows[object].0[word] & mask);
        if bits[P0] | bits[P1] | bits[M0] | bits[M1] | bits[BL] == 0 {
            return;
        }
        for (i, (a, b)) in COLLISION_PAIRS.into_iter().enumerate() {
            self.collisions |= u16::from(bits[a] & bits[b] != 0) << i;
        }
    }

    /// Paints those of the pixels `first..end` that lie in word `word` of the line whose pixel 0 is at `row_start`.
    #[inline]
    fn paint(&mut self, word: usize, first: usize, end: usize, row_start: usize) {
        let row = |object: usize| self.rows[object].0[word];
        let [colour0, colour1] = self.colours.player;
        let layer0 = (row(P0) | row(M0), colour0);
        let layer1 = (row(P1) | row(M1), colour1);
        let layer_playfield = (row(PF) | row(BL), self.colours.playfield);
        // Lowest priority first. A playfield that is the only active object is score-coloured even when it also has
        // priority.
        let score = self.ctrlpf & CTRLPF_SCORE != 0;
        let priority = self.ctrlpf & CTRLPF_PRIORITY != 0 && !(score && self.active == bit(PF));
        if priority {
            self.blend(word, first, end, row_start, [layer1, layer0, layer_playfield]);
        } else if score {
            let left = row(PF) & word_mask(word, 0, MIDDLE);
            let right = row(PF) & word_mask(word, MIDDLE, WIDTH);
            // In score mode the left half of the playfield hides player and missile 1.
            let ball = (row(BL), self.colours.playfield);
            self.blend(word, first, end, row_start, [ball, (right, colour1), layer1, (left, colour0), layer0]);
        } else {
            self.blend(word, first, end, row_start, [layer_playfield, layer1, layer0]);
        }
    }

    /// Writes the background and over it `layers`, each a word of pixels and a colour, eight pixels at a time.
    #[inline(always)]
    fn blend<const N: usize>(
        &mut self,
        word: usize,
        first: usize,
        end: usize,
        row_start: usize,
        layers: [(u32, u8); N],
    ) {
        let mask = word_mask(word, first, end);
        let background = splat(self.colours.background);
        let pixels = &mut self.frames[self.current_frame][row_start + word * 32..][..32];
        if layers.iter().fold(0, |all, layer| all | layer.0) & mask == 0 {
            pixels[first.max(word * 32) - word * 32..end.min(word * 32 + 32) - word * 32].fill(self.colours.background);
            return;
        }
        for (byte, eight) in pixels.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            let range = (mask >> (8 * byte)) as u8;
            if range == 0 {
                continue;
            }
            let mut value = background;
            for (bits, colour) in layers {
                let lit = BYTE_MASKS[usize::from((bits >> (8 * byte)) as u8)];
                value = (value & !lit) | (splat(colour) & lit);
            }
            let inside = BYTE_MASKS[usize::from(range)];
            *eight = ((u64::from_le_bytes(*eight) & !inside) | (value & inside)).to_le_bytes();
        }
    }

    /// Recomputes the rows of objects that changed since they were last drawn.
    #[inline]
    fn refresh_rows(&mut self) {
        if self.stale_rows == 0 {
            return;
        }
        self.active = self.active_objects();
        for object in [P0, P1, M0, M1, BL, PF] {
            if self.stale_rows & bit(object) != 0 {
                self.rows[object] = if self.active & bit(object) == 0 {
                    Row::EMPTY
                } else {
                    match object {
                        P0 | P1 => self.player_row(object, self.shown_graphics(object)),
                        M0 | M1 => self.missile_row(object - M0),
                        BL => self.ball_row(),
                        _ => self.playfield_row(),
                    }
                };
            }
        }
        self.stale_rows = 0;
    }

    /// ALE draws in groups of four pixels in some situations and then writes up to three pixels too many. The next chunk
    /// draws over them; they stay visible only when the frame ends there.
    fn over_run(&mut self, first: usize, end: usize, row_start: usize) {
        let group = end & !3;
        // The chunk began at the last access before its end, also when that access left its drawing to this one.
        let x_of = |clock: i32| clock - (self.drawn_until - end as i32);
        let noted = [self.noted_until, self.noted_before].map(x_of);
        let began = noted.into_iter().filter(|&x| x < end as i32).max().unwrap_or(0).max(first as i32);
        if (group as i32) < began {
            return;
        }
        const OBJECTS_ALONE: [u8; 10] = [
            bit(P0),
            bit(P1),
            bit(P0) | bit(P1),
            bit(M0),
            bit(M1),
            bit(M0) | bit(M1),
            bit(BL),
            bit(BL) | bit(M0),
            bit(BL) | bit(M1),
            bit(BL) | bit(P1),
        ];
        let active = self.active;
        let with_playfield = [bit(PF) | bit(P0), bit(PF) | bit(P1), bit(PF) | bit(BL)];
        let watched = if active == bit(PF) {
            0
        } else if OBJECTS_ALONE.contains(&active) {
            active
        } else if with_playfield.contains(&active) && self.ctrlpf & CTRLPF_SCORE == 0 {
            active & !bit(PF)
        } else {
            return;
        };
        let covers = |object: usize| match object {
            P0 | P1 => self.player_row(object, 0xFF).any_in(group, group + 4),
            _ => self.rows[object].any_in(group, group + 4),
        };
        if (P0..=BL).any(|object| watched & bit(object) != 0 && covers(object)) {
            return;
        }
        self.paint(group / 32, end, group + 4, row_start);
    }
}

/// The four colour registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Colours {
    /// COLUP0 and COLUP1.
    pub(super) player: [u8; 2],
    /// COLUPF: playfield and ball.
    pub(super) playfield: u8,
    /// COLUBK.
    pub(super) background: u8,
}

/// Eight pixels of one colour.
fn splat(colour: u8) -> u64 {
    u64::from(colour) * 0x0101_0101_0101_0101
}

/// For every byte the u64 whose byte `i` is $FF where bit `i` is set.
static BYTE_MASKS: [u64; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut bit = 0;
        while bit < 8 {
            if byte >> bit & 1 == 1 {
                table[byte] |= 0xFF << (8 * bit);
            }
            bit += 1;
        }
        byte += 1;
    }
    table
};
