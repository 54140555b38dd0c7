//! The drawing cursor: it advances only when a register is about to change or be read.
//!
//! Neither pixels nor collisions are computed here. A part of a line, or several equal lines, become a [`Stroke`].
//! `painting.rs` computes the rest when the screen is looked at or a collision is read.

use super::objects::{P0, P1, PF};
use super::painting::Stroke;
use super::row::WIDTH;
use super::{Tia, HBLANK_CLOCKS, LINE_CLOCKS, VBLANK_ON};

/// Line clock at which an HMOVE blank ends: eight pixels into the line.
const HMOVE_BLANK_END: i32 = HBLANK_CLOCKS + HMOVE_BLANK_WIDTH;
/// Pixels at the start of a line that an HMOVE blanks.
const HMOVE_BLANK_WIDTH: i32 = 8;

/// The place up to which the picture is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    /// Everything before this clock is drawn.
    pub(super) drawn_until: i32,
    /// The clock at which the cursor's line began.
    pub(super) line_start: i32,
    /// Index of that line's first pixel in the frame buffer.
    pub(super) row_start: u16,
    /// Drawing up to this clock changes nothing, so [`Tia::catch_up`] can return at once.
    pub(super) quiet_until: i32,
    /// End, in the frame buffer, of the pixels ahead of the cursor that HMOVEs have blanked; they are drawn over if the frame gets
    /// there.
    pub(super) black_until: u16,
    /// Number of the frame's strokes before the last access that blanked any; later strokes cover the black.
    pub(super) black_place: usize,
}

impl Cursor {
    /// A cursor at clock `start`, where the picture's first line begins.
    pub(super) fn new(start: i32) -> Self {
        Self { drawn_until: start, line_start: start, row_start: 0, quiet_until: start, black_until: 0, black_place: 0 }
    }

    fn line_clock(&self) -> i32 {
        self.drawn_until - self.line_start
    }
}

impl Tia {
    /// Draws everything before clock `until` with the registers as they are.
    #[inline(always)]
    pub(super) fn catch_up(&mut self, until: i32) {
        if until.max(self.noted_until) > self.cursor.quiet_until {
            self.draw(until);
        }
    }

    #[inline(never)]
    fn draw(&mut self, until: i32) {
        let noted = self.noted_until;
        if until.wrapping_sub(noted) < 4 && self.cursor.drawn_until < noted && noted < until {
            self.draw_first(noted);
        }
        self.draw_up_to(until.max(noted));
    }

    #[cold]
    fn draw_first(&mut self, until: i32) {
        if until >= self.display_start && self.cursor.drawn_until < self.display_end {
            self.draw_up_to(until);
        }
    }

    /// Recomputes the cursor's `quiet_until`.
    pub(super) fn find_quiet(&mut self) {
        let Cursor { drawn_until, line_start, .. } = self.cursor;
        let quiet = if drawn_until >= self.display_end {
            i32::MAX
        } else if self.hmove_blank_pending {
            drawn_until
        } else {
            drawn_until.max(line_start + HBLANK_CLOCKS)
        };
        self.cursor.quiet_until = quiet.max(self.display_start - 1);
    }

    /// Draws up to `until`, which lies in or after the window; the cursor is not past the window's end.
    ///
    /// If `until` is exactly a line's end, the line stays unfinished. The next call processes its end, so a write at
    /// line cycle 0 still comes before it.
    #[inline(always)]
    fn draw_up_to(&mut self, until: i32) {
        let until = until.min(self.display_end);
        while until - self.cursor.line_start > LINE_CLOCKS {
            self.draw_to_line_end(until);
        }
        let to = until - self.cursor.line_start;
        self.draw_clocks(self.cursor.line_clock(), to);
        // The rest may be horizontal blank, where the first access determines how many pixels are blanked.
        self.cursor.drawn_until = until;
        self.cursor.quiet_until = until.max(self.cursor.line_start + HBLANK_CLOCKS);
        if until == self.display_end {
            self.cursor.quiet_until = i32::MAX;
            self.frames[self.current_frame].complete();
        }
    }

    /// Draws the rest of the cursor's line, or all lines that end before `until` if they are equal.
    #[inline(always)]
    fn draw_to_line_end(&mut self, until: i32) {
        let Cursor { line_start, row_start, .. } = self.cursor;
        let from = self.cursor.line_clock();
        let mut lines = 1;
        if from <= HBLANK_CLOCKS && self.next_line_is_alike() {
            lines = (until - line_start - 1) / LINE_CLOCKS;
            self.draw_pixels(0, WIDTH as u8, 0, lines as u16);
        } else {
            self.draw_clocks(from, LINE_CLOCKS);
            self.end_line();
        }
        self.cursor.line_start = line_start + lines * LINE_CLOCKS;
        self.cursor.drawn_until = self.cursor.line_start;
        self.cursor.row_start = row_start + lines as u16 * WIDTH as u16;
    }

    /// Whether nothing changes at the end of the line, so that the next line looks the same.
    fn next_line_is_alike(&self) -> bool {
        !self.hmove_blank_pending
            && self.registers.playfield_reflected == (self.registers.ctrlpf & 1 != 0)
            && self.registers.skip_first_copy == [false; 2]
            && self.star_field.is_none()
    }

    /// Draws the clocks `from..to` of the cursor's line.
    #[inline(always)]
    fn draw_clocks(&mut self, from: i32, to: i32) {
        let visible = from.max(HBLANK_CLOCKS);
        let mut black_until = 0;
        let mut blackens_ahead = false;
        if self.hmove_blank_pending && from < HMOVE_BLANK_END {
            // ALE blanks eight pixels, plus one for each clock of the horizontal blank that is left at the access. The pixels
            // after the access are drawn later.
            if to < HMOVE_BLANK_END {
                blackens_ahead = true;
                let blackened = visible - HBLANK_CLOCKS + HMOVE_BLANK_END - visible.min(to).max(from);
                self.cursor.black_until = self.cursor.black_until.max(self.cursor.row_start + blackened as u16);
            } else {
                self.hmove_blank_pending = false;
            }
            black_until = HMOVE_BLANK_WIDTH as u8;
        }
        if visible < to {
            self.draw_pixels((visible - HBLANK_CLOCKS) as u8, (to - HBLANK_CLOCKS) as u8, black_until, 1);
        }
        if blackens_ahead {
            self.cursor.black_place = self.frames[self.current_frame].strokes();
        }
    }

    fn end_line(&mut self) {
        let reflected = self.registers.ctrlpf & 1 != 0;
        if self.registers.playfield_reflected != reflected {
            self.registers.playfield_reflected = reflected;
            self.objects.set(PF, self.registers.playfield_word());
        }
        for player in [P0, P1] {
            if self.registers.skip_first_copy[player] {
                self.registers.skip_first_copy[player] = false;
                self.objects.set(player, self.registers.player_word(player));
            }
        }
        self.step_star_field();
    }

    /// Draws the pixels `first..end` of the cursor's line and of the lines below it, `lines` lines in all. Pixels before
    /// `black_until` are black.
    #[inline(always)]
    fn draw_pixels(&mut self, first: u8, end: u8, black_until: u8, lines: u16) {
        let stroke = Stroke {
            objects: self.objects,
            colors: self.colors,
            row_start: self.cursor.row_start,
            lines,
            first,
            end,
            black_until,
            ctrlpf: self.registers.ctrlpf,
            blank: self.vblank & VBLANK_ON != 0,
            may_over_run: !end.is_multiple_of(4) && self.may_over_run(first, end),
        };
        self.frames[self.current_frame].stroke(stroke);
    }

    /// Whether a stroke at the pixels `first..end` of the cursor's line may over-run its end.
    ///
    /// ALE draws in groups of four pixels in some situations and then writes up to three pixels too many. The next stroke
    /// draws over them; they stay visible only when the frame ends there.
    fn may_over_run(&self, first: u8, end: u8) -> bool {
        // ALE's part of the line began at the last access before its end, even if that access deferred its drawing to
        // this one.
        let x_of = |clock: i32| clock.wrapping_sub(self.cursor.line_start + HBLANK_CLOCKS);
        let noted = [self.noted_until, self.noted_before].map(x_of);
        let began = noted.into_iter().filter(|&x| x < i32::from(end)).max().unwrap_or(0).max(i32::from(first));
        i32::from(end & !3) >= began
    }

    /// The frame or the update ends: pixels that HMOVE blanked ahead of the cursor stay black.
    pub(super) fn blacken_behind_cursor(&mut self) {
        let Cursor { row_start, black_until, black_place, drawn_until, .. } = self.cursor;
        let x = (self.cursor.line_clock() - HBLANK_CLOCKS).max(0) as u16;
        if drawn_until < self.display_end && black_until > row_start + x {
            let black = Stroke::black(row_start, x as u8, (black_until - row_start) as u8);
            let frame = &mut self.frames[self.current_frame];
            frame.insert_stroke(black_place, black);
            // Only once: the next update may draw over it.
            self.cursor.black_until = 0;
        }
    }
}
