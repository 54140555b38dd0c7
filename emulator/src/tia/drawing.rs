//! The drawing cursor: moves on only when somebody is about to change or read something.
//!
//! Neither pixels nor collisions are computed here: a stretch of a line, or several lines that are equal, become a
//! [`Stroke`], and `painting.rs` does the rest when somebody looks at the screen or reads a collision.

use super::objects::{bit, BL, M0, M1, P0, P1, PF};
use super::painting::{Order, Stroke};
use super::row::WIDTH;
use super::{Tia, CTRLPF_PRIORITY, CTRLPF_SCORE, HBLANK_CLOCKS, LINE_CLOCKS, VBLANK_ON};

/// Line clock at which an HMOVE blank ends: eight pixels into the line.
const HMOVE_BLANK_END: i32 = HBLANK_CLOCKS + 8;

impl Tia {
    /// Draws everything before clock `until` with the registers as they are.
    #[inline(never)]
    pub(super) fn catch_up(&mut self, until: i32) {
        if until.wrapping_sub(self.noted_until) < 4 && self.drawn_until < self.noted_until && self.noted_until < until {
            self.draw_up_to(self.noted_until);
        }
        self.draw_up_to(until.max(self.noted_until));
    }

    #[inline(always)]
    fn draw_up_to(&mut self, until: i32) {
        if until < self.display_start || self.drawn_until >= self.display_end || self.drawn_until >= until {
            return;
        }
        self.draw_until(until.min(self.display_end));
    }

    fn draw_until(&mut self, until: i32) {
        loop {
            if self.line_clocks_left == LINE_CLOCKS && until - self.drawn_until > LINE_CLOCKS {
                self.draw_equal_lines(until);
            }
            let left = self.line_clocks_left;
            let line_clock = LINE_CLOCKS - left;
            // A target exactly at the line's end leaves the line unfinished: its end is processed by the next call, so
            // that a write at line cycle 0 still comes before it.
            let finishes = until - self.drawn_until > left;
            let clocks = if finishes { left } else { until - self.drawn_until };
            self.drawn_until += clocks;
            let end_clock = line_clock + clocks;
            if self.hmove_blank_pending {
                self.draw_with_hmove_blank(line_clock, end_clock);
            } else if end_clock > HBLANK_CLOCKS {
                self.draw_visible(line_clock.max(HBLANK_CLOCKS), end_clock);
            }
            if finishes {
                self.line_clocks_left = LINE_CLOCKS;
                self.end_line();
            } else {
                self.line_clocks_left = left - clocks;
            }
            if self.drawn_until == until {
                if until == self.display_end {
                    self.frames[self.current_frame].complete();
                }
                return;
            }
        }
    }

    /// Draws as many whole lines as end before `until`, at least one, if all of them are alike.
    fn draw_equal_lines(&mut self, until: i32) {
        let alike = !self.hmove_blank_pending
            && self.objects.playfield_reflected == (self.objects.ctrlpf & 1 != 0)
            && self.objects.skip_first_copy == [false; 2]
            && self.star_field.is_none();
        if alike {
            let lines = (until - self.drawn_until - 1) / LINE_CLOCKS;
            self.draw_pixels(0, WIDTH, self.write_position, lines as u32);
            self.write_position += lines as usize * WIDTH;
            self.drawn_until += lines * LINE_CLOCKS;
        }
    }

    /// Draws the clocks `from..to` of one line, all of them behind horizontal blank.
    #[inline]
    fn draw_visible(&mut self, from: i32, to: i32) {
        let first = (from - HBLANK_CLOCKS) as usize;
        let pixels = (to - from) as usize;
        self.draw_pixels(first, first + pixels, self.write_position - first, 1);
        self.write_position += pixels;
    }

    /// Draws the clocks `from..to` of one line and blackens what HMOVE takes of it.
    fn draw_with_hmove_blank(&mut self, from: i32, to: i32) {
        let start = self.write_position;
        // Where in the line the pixels begin, or would.
        let from = from.max(HBLANK_CLOCKS.min(to));
        if from < to {
            self.draw_visible(from, to);
        }
        if from < HMOVE_BLANK_END {
            let width = (HMOVE_BLANK_END - from) as usize;
            self.frames[self.current_frame].blank(start, width, 1);
            if to >= HMOVE_BLANK_END {
                self.hmove_blank_pending = false;
            }
        }
    }

    fn end_line(&mut self) {
        let reflected = self.objects.ctrlpf & 1 != 0;
        if self.objects.playfield_reflected != reflected {
            self.objects.playfield_reflected = reflected;
            self.objects_changed = true;
        }
        for player in [P0, P1] {
            if self.objects.skip_first_copy[player] {
                self.objects.skip_first_copy[player] = false;
                self.objects_changed = true;
            }
        }
        self.step_star_field();
    }

    /// Draws the pixels `first..end` of the line whose pixel 0 is at `row_start` of the frame buffer, and of the lines below
    /// it up to `lines` in all.
    fn draw_pixels(&mut self, first: usize, end: usize, row_start: usize, lines: u32) {
        if self.vblank & VBLANK_ON != 0 {
            self.frames[self.current_frame].blank(row_start + first, end - first, lines);
            return;
        }
        if self.objects_changed {
            self.frames[self.current_frame].set_objects(&self.objects);
            self.objects_changed = false;
        }
        let active = self.objects.active();
        // A playfield that is the only active object is score-coloured even when it also has priority.
        let score = self.objects.ctrlpf & CTRLPF_SCORE != 0;
        let priority = self.objects.ctrlpf & CTRLPF_PRIORITY != 0 && !(score && active == bit(PF));
        let order = if priority {
            Order::PlayfieldFirst
        } else if score {
            Order::Score
        } else {
            Order::PlayersFirst
        };
        let mut stroke = Stroke::new(order, self.colours, row_start, first..end, lines, active);
        stroke.may_over_run =
            !end.is_multiple_of(4) && OVER_RUNNING >> active & 1 != 0 && self.may_over_run(active, first, end);
        self.frames[self.current_frame].stroke(stroke);
    }

    /// Whether the stroke of the pixels `first..end` may run over its end.
    ///
    /// ALE draws in groups of four pixels in some situations and then writes up to three pixels too many. The next stroke
    /// draws over them; they stay visible only when the frame ends there. `active` is one of [`OVER_RUNNING`].
    fn may_over_run(&self, active: u8, first: usize, end: usize) -> bool {
        let with_playfield = active & bit(PF) != 0 && active != bit(PF);
        if with_playfield && self.objects.ctrlpf & CTRLPF_SCORE != 0 {
            return false;
        }
        // The chunk began at the last access before its end, also when that access left its drawing to this one.
        let x_of = |clock: i32| clock.wrapping_sub(self.drawn_until - end as i32);
        let noted = [self.noted_until, self.noted_before].map(x_of);
        let began = noted.into_iter().filter(|&x| x < end as i32).max().unwrap_or(0).max(first as i32);
        (end & !3) as i32 >= began
    }
}

/// The sets of active objects with which ALE draws in groups of four pixels: bit `set` is set.
const OVER_RUNNING: u64 = {
    let sets = [
        bit(PF),
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
        bit(PF) | bit(P0),
        bit(PF) | bit(P1),
        bit(PF) | bit(BL),
    ];
    let mut bits = 0;
    let mut i = 0;
    while i < sets.len() {
        bits |= 1 << sets[i];
        i += 1;
    }
    bits
};
