//! The drawing cursor: pixels and collisions, computed only when somebody is about to change or read something.
//!
//! A chunk of a line is drawn object by object: every object has a cached [`Row`], a collision is an AND of two rows and
//! painting goes from the lowest priority to the highest, so that the cost follows the lit pixels and not the width.

use super::objects::{bit, BL, M0, M1, P0, P1, PF};
use super::row::{word_mask, Row, WIDTH, WORDS};
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
        self.collide(first, end);
        let mut painter = Painter {
            row_start: start - first,
            first,
            end,
            pixels: &mut self.frames[self.current_frame],
            rows: &self.rows,
        };
        painter.pixels[start..start + (end - first)].fill(self.colours.background);
        if active != 0 {
            painter.paint(active, self.ctrlpf, &self.colours);
        }
        if end % 4 != 0 {
            self.over_run(first, end, start);
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

    /// ORs the collisions among the pixels `first..end` into the collision latches.
    fn collide(&mut self, first: usize, end: usize) {
        if self.active & (self.active - u8::from(self.active != 0)) == 0 {
            return; // fewer than two objects
        }
        for word in first / 32..=(end - 1) / 32 {
            let mask = word_mask(word, first, end);
            let bits: [u32; 6] = std::array::from_fn(|object| self.rows[object].0[word] & mask);
            let movable = bits[P0] | bits[P1] | bits[M0] | bits[M1] | bits[BL];
            if movable == 0 {
                continue;
            }
            for (i, (a, b)) in COLLISION_PAIRS.into_iter().enumerate() {
                self.collisions |= u16::from(bits[a] & bits[b] != 0) << i;
            }
        }
    }

    /// ALE draws in groups of four pixels in some situations and then writes up to three pixels too many. The next chunk
    /// draws over them; they stay visible only when the frame ends there.
    fn over_run(&mut self, first: usize, end: usize, start: usize) {
        let group = end & !3;
        if group < first {
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
        let from = start + (end - first);
        let width = group + 4 - end;
        let mut painter = Painter {
            row_start: start - first,
            first: end,
            end: group + 4,
            pixels: &mut self.frames[self.current_frame],
            rows: &self.rows,
        };
        painter.pixels[from..from + width].fill(self.colours.background);
        painter.paint(active, self.ctrlpf, &self.colours);
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

/// Paints the pixels `first..end` of the line whose pixel 0 lies at `row_start` of `pixels`.
struct Painter<'a> {
    row_start: usize,
    first: usize,
    end: usize,
    pixels: &'a mut [u8],
    rows: &'a [Row; 6],
}

impl Painter<'_> {
    /// Paints all objects, those of lowest priority first.
    fn paint(&mut self, active: u8, ctrlpf: u8, colours: &Colours) {
        let [colour0, colour1] = colours.player;
        let score = ctrlpf & CTRLPF_SCORE != 0;
        let playfield_alone = active == bit(PF);
        // A playfield that is the only active object is score-coloured even when it also has priority.
        if ctrlpf & CTRLPF_PRIORITY != 0 && !playfield_alone {
            self.paint_both(P1, M1, colour1);
            self.paint_both(P0, M0, colour0);
            self.paint_both(PF, BL, colours.playfield);
        } else if score {
            self.paint_one(BL, 0, WIDTH, colours.playfield);
            self.paint_one(PF, MIDDLE, WIDTH, colour1);
            self.paint_both(P1, M1, colour1);
            // In score mode the left half of the playfield hides player and missile 1.
            self.paint_one(PF, 0, MIDDLE, colour0);
            self.paint_both(P0, M0, colour0);
        } else {
            self.paint_both(PF, BL, colours.playfield);
            self.paint_both(P1, M1, colour1);
            self.paint_both(P0, M0, colour0);
        }
    }

    fn paint_both(&mut self, a: usize, b: usize, colour: u8) {
        let (a, b) = (&self.rows[a].0, &self.rows[b].0);
        let union: [u32; WORDS] = std::array::from_fn(|word| a[word] | b[word]);
        self.fill(&union, self.first, self.end, colour);
    }

    fn paint_one(&mut self, object: usize, first: usize, end: usize, colour: u8) {
        let row = self.rows[object].0;
        self.fill(&row, first.max(self.first), end.min(self.end), colour);
    }

    /// Writes `colour` to the pixels of `row` within `first..end`, run by run.
    #[inline]
    fn fill(&mut self, row: &[u32; WORDS], first: usize, end: usize, colour: u8) {
        if first >= end {
            return;
        }
        for word in first / 32..=(end - 1) / 32 {
            let mut bits = row[word] & word_mask(word, first, end);
            while bits != 0 {
                let from = bits.trailing_zeros();
                let length = (!(bits >> from)).trailing_zeros();
                let start = self.row_start + word * 32 + from as usize;
                self.pixels[start..start + length as usize].fill(colour);
                if from + length >= 32 {
                    break;
                }
                bits &= u32::MAX << (from + length);
            }
        }
    }
}
