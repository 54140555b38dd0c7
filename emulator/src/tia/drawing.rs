//! The drawing cursor: moves on only when somebody is about to change or read something.
//!
//! Every object has a cached [`Row`]. A collision is an AND of two rows, 32 pixels at once. Pixels are not painted here: a
//! stretch of a line becomes a stroke, and `painting.rs` paints when somebody looks at the screen.

use super::objects::{bit, BL, M0, M1, P0, P1, PF};
use super::painting::Order;
use super::row::{word_mask, Row};
use super::{Tia, CTRLPF_PRIORITY, CTRLPF_SCORE, HBLANK_CLOCKS, LINE_CLOCKS, VBLANK_ON};

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
                if until == self.display_end {
                    self.frames[self.current_frame].complete();
                }
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
            self.draw_pixels(x, x + pixels, start - x);
            self.write_position += pixels;
        }
        if self.hmove_blank_pending && line_clock < HMOVE_BLANK_END {
            let width = (HMOVE_BLANK_END - line_clock) as usize;
            self.frames[self.current_frame].blank(start, width);
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

    /// Draws the pixels `first..end` of the line whose pixel 0 is at `row_start` of the frame buffer.
    fn draw_pixels(&mut self, first: usize, end: usize, row_start: usize) {
        if self.vblank & VBLANK_ON != 0 {
            self.frames[self.current_frame].blank(row_start + first, end - first);
            return;
        }
        self.refresh_rows();
        let active = self.active;
        let several_objects = active & active.wrapping_sub(1) != 0;
        if several_objects {
            for word in first / 32..=(end - 1) / 32 {
                self.collide(word, word_mask(word, first, end));
            }
        }
        self.stroke(first, end, row_start);
        if end % 4 != 0 {
            self.over_run(first, end, row_start);
        }
    }

    fn stroke(&mut self, first: usize, end: usize, row_start: usize) {
        // A playfield that is the only active object is score-coloured even when it also has priority.
        let score = self.ctrlpf & CTRLPF_SCORE != 0;
        let priority = self.ctrlpf & CTRLPF_PRIORITY != 0 && !(score && self.active == bit(PF));
        let order = if priority {
            Order::PlayfieldFirst
        } else if score {
            Order::Score
        } else {
            Order::PlayersFirst
        };
        self.frames[self.current_frame].stroke(order, self.colours, &self.rows, row_start, first, end);
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
        self.frames[self.current_frame].rows_changed();
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
        self.stroke(end, group + 4, row_start);
    }
}
