//! The TIA, the video chip: its state, the start and end of frames, and the clock.
//!
//! Register names follow Steve Wright's "Stella Programmer's Guide" (1979). The behavior is ALE's, as measured
//! (`docs/emulator.md`). Time is counted in color clocks, three to a CPU cycle, 228 to a line. Nothing is drawn until a
//! register is about to change or be read ([`Tia::catch_up`]). Outside the display window nothing is drawn, nothing
//! collides, and no end of a line is processed.
//!
//! `tia/accesses.rs`: register writes and reads; `tia/objects.rs`: where objects show; `tia/drawing.rs`: the cursor and
//! collisions; `tia/painting.rs`: pixels; `tia/motion.rs`: positions; `tia/sound.rs`: the two channels. `tia/plain.rs`
//! is a second, slow and simple implementation for the tests.

mod accesses;
mod canvas;
mod drawing;
mod motion;
mod objects;
mod painting;
#[cfg(test)]
mod plain;
mod row;
mod saving;
mod sound;

pub(crate) use canvas::Painted;
pub use canvas::ScreenVersion;
use drawing::Cursor;
use objects::{ObjectRegisters, Objects};
use painting::{Collider, Colors, FrameBuffer};
pub(crate) use row::WIDTH;
use sound::Sound;
pub(crate) use sound::SAMPLES;

/// Color clocks of a scanline.
const LINE_CLOCKS: i32 = 228;
/// CPU cycles of a scanline.
pub(crate) const LINE_CYCLES: u32 = LINE_CLOCKS as u32 / 3;
/// Color clocks of horizontal blank, at the start of a line.
const HBLANK_CLOCKS: i32 = 68;
/// Rows of a frame buffer. A picture has at most 256 rows, one that a reset begins in mid-frame at most 300.
const BUFFER_ROWS: usize = 300;
/// Least number of rows of the screen. Below a smaller picture the frame buffer is black.
const LEAST_EXPOSED_ROWS: u32 = 200;
/// VSYNC must be held this long (one line) for its release to end the frame.
const VSYNC_CLOCKS: i32 = 228;
const NEVER: i32 = i32::MAX;
/// Capacity of the log of deferred writes, so that a byte can index it.
pub(crate) const LOG: usize = 256;
/// The number of the register WSYNC; only VSYNC and VBLANK have lower ones.
pub(crate) const WSYNC: u8 = 0x02;

const CTRLPF_SCORE: u8 = 0x02;
const CTRLPF_PRIORITY: u8 = 0x04;
const VBLANK_ON: u8 = 0x02;
const VBLANK_DUMP: u8 = 0x80;

/// What the star-field trick does to missile 0 on the current line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MissileMode {
    Normal,
    Stretched,
    Off,
}

/// Position, height and television format of the picture; fixed from one system reset to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PictureLayout {
    /// First scanline shown.
    pub(crate) first_scanline: u32,
    /// Rows drawn.
    pub(crate) height: u32,
    /// Whether HMOVE blanks eight pixels.
    pub(crate) hmove_blanks: bool,
    /// PAL: color loss on odd line counts, and longer frames before the line limit.
    pub(crate) pal: bool,
}

impl PictureLayout {
    /// Rows of the screen.
    pub(crate) fn exposed_rows(self) -> u32 {
        self.height.max(LEAST_EXPOSED_ROWS)
    }

    /// Lines after which any write to the TIA ends the frame.
    fn line_limit(self) -> i32 {
        if self.pal {
            342
        } else {
            290
        }
    }
}

/// The circuits at the TIA's six input pins; constant during a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InputPins {
    /// Resistance at INPT0 to INPT3 in ohm; [`InputPins::OPEN`] for an open pin.
    pub(crate) resistance: [i32; 4],
    /// Whether INPT4 and INPT5 are pulled to ground (fire pressed).
    pub(crate) grounded: [bool; 2],
}

impl InputPins {
    /// An infinite resistance.
    pub(crate) const OPEN: i32 = i32::MAX;
}

/// A deferred register write.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Write {
    pub(crate) cycles: u32,
    pub(crate) register: u8,
    pub(crate) value: u8,
}

/// The chip.
#[derive(Clone, Debug)]
pub(crate) struct Tia {
    picture: PictureLayout,

    // The frame. All clocks are relative to the start of the frame (console's cycle counter zero).
    frame_start: i32,
    display_start: i32,
    display_end: i32,
    /// A write at this clock or later ends the frame.
    last_clock: i32,
    /// Start clock of the last access's line, so that the next access finds its place in its line without a division.
    line_start: i32,
    /// Start cycle of the line that the CPU (not the drawing) has reached; updated by WSYNC.
    waited_until: u32,
    cursor: Cursor,
    /// Clocks up to which the last two deferred accesses would have drawn.
    noted_until: i32,
    noted_before: i32,
    vsync_release: i32,
    lines_of_last_frame: i32,
    /// The last update did not finish its frame. Survives resets.
    partial: bool,
    grayed: bool,
    stop: bool,
    /// Deferred writes in the order they came; empty between updates.
    log: [Write; LOG],
    logged: u8,
    /// Writes from this cycle on cannot be deferred.
    later_until: u32,
    /// No write can be deferred: the cartridge listens to them.
    overheard: bool,
    frames: [FrameBuffer; 2],
    current_frame: usize,
    collider: Collider,
    /// Not touched by any reset.
    sound: Sound,

    // Registers.
    vblank: u8,
    colors: Colors,
    registers: ObjectRegisters,
    motion_register: [u8; 5],
    collisions: u16,
    dump_paddles: bool,
    dump_released_cycle: u32,

    // Derived from the registers.
    objects: Objects,
    last_hmove_clock: i32,
    hmove_blank_pending: bool,
    /// Counter of the star-field trick while it is on.
    star_field: Option<u8>,
    /// Positions of the missiles and the ball, where a state with ALE's gaps was restored that has them elsewhere than they
    /// show. ALE computes where they show only when they are moved or resized. A complete state does not hold the difference.
    unshown: [Option<u8>; 3],
}

impl Tia {
    /// A chip that still needs its first [`Tia::reset`].
    pub(crate) fn new(picture: PictureLayout) -> Self {
        Self::with_buffers(picture, [FrameBuffer::new(), FrameBuffer::new()], Sound::new())
    }

    /// Tells the chip that the cartridge listens to its writes, so that none can be deferred.
    pub(crate) fn set_overheard(&mut self) {
        self.overheard = true;
        self.later_until = 0;
    }

    /// The TIA's part of a system reset. These survive it: whether a frame was unfinished, whether it was grayed, which
    /// buffer is current, and the sound.
    pub(crate) fn reset(&mut self, picture: PictureLayout) {
        for frame in &mut self.frames {
            frame.clear();
        }
        // Moved, because a clone would copy the pixels.
        let empty = || FrameBuffer::without_pixels();
        let frames = std::mem::replace(&mut self.frames, [empty(), empty()]);
        *self = Self {
            partial: self.partial,
            grayed: self.grayed,
            current_frame: self.current_frame,
            overheard: self.overheard,
            ..Self::with_buffers(picture, frames, self.sound.clone())
        };
        self.place_window();
    }

    fn with_buffers(picture: PictureLayout, frames: [FrameBuffer; 2], sound: Sound) -> Self {
        let mut tia = Self {
            picture,
            frame_start: 0,
            display_start: 0,
            display_end: 0,
            last_clock: 0,
            line_start: 0,
            waited_until: 0,
            // At the frame's start, not the window's: the first real frame start moves it to the window.
            cursor: Cursor::new(0),
            noted_until: 0,
            noted_before: 0,
            vsync_release: NEVER,
            lines_of_last_frame: 0,
            partial: false,
            grayed: false,
            stop: false,
            log: [Write { cycles: 0, register: 0, value: 0 }; LOG],
            logged: 0,
            later_until: 0,
            overheard: false,
            frames,
            current_frame: 0,
            collider: Collider::new(),
            sound,
            vblank: 0,
            colors: Colors::default(),
            registers: ObjectRegisters::RESET,
            objects: Objects::OFF,
            motion_register: [0; 5],
            collisions: 0,
            dump_paddles: false,
            dump_released_cycle: 0,
            last_hmove_clock: 0,
            hmove_blank_pending: false,
            star_field: None,
            unshown: [None; 3],
        };
        tia.place_window();
        tia.find_quiet();
        tia
    }

    fn place_window(&mut self) {
        self.last_clock = self.frame_start + LINE_CLOCKS * (self.picture.line_limit() + 1);
        self.display_start = self.frame_start + LINE_CLOCKS * self.picture.first_scanline as i32;
        self.display_end = self.display_start + LINE_CLOCKS * self.picture.height as i32;
        // From the line limit on, a write ends the frame.
        self.later_until = if self.overheard { 0 } else { (self.last_clock / 3) as u32 };
    }
}

/// Byte offsets from the start of a chip, for translated code that does the work of [`Tia::write_later`].
#[cfg(feature = "translate")]
impl Tia {
    pub(crate) const LOG_OFFSET: usize = std::mem::offset_of!(Self, log);
    pub(crate) const LOGGED_OFFSET: usize = std::mem::offset_of!(Self, logged);
    pub(crate) const LATER_UNTIL_OFFSET: usize = std::mem::offset_of!(Self, later_until);
    pub(crate) const WAITED_UNTIL_OFFSET: usize = std::mem::offset_of!(Self, waited_until);
}

/// The start and end of frames and updates.
impl Tia {
    /// Whether the next update begins a new frame rather than continuing one.
    pub(crate) fn frame_finished(&self) -> bool {
        !self.partial
    }

    /// Whether a write has ended the frame since the last [`Tia::begin_update`].
    #[inline(always)]
    pub(crate) fn stopped(&self) -> bool {
        self.stop
    }

    /// Starts a frame at cycle `cycles`, which becomes cycle 0. The board rebases its other parts.
    pub(crate) fn start_frame(&mut self, cycles: u32) {
        self.current_frame ^= 1;
        let frame = &mut self.frames[self.current_frame];
        // Latch the older buffer's collisions now, before it is overwritten; the newer buffer's can wait.
        frame.collide(&mut self.collisions, &mut self.collider);
        frame.begin();
        let phase = clock(cycles).wrapping_sub(self.frame_start).rem_euclid(LINE_CLOCKS);
        self.rebase_cycles(cycles);
        self.frame_start = -phase;
        self.line_start = self.frame_start;
        self.waited_until = (self.frame_start / 3) as u32;
        self.place_window();
        self.cursor = Cursor::new(self.display_start);
        self.find_quiet();
        if self.picture.pal {
            let odd = self.color_loss();
            let Colors { player: [player0, player1], playfield, background } = &mut self.colors;
            for color in [player0, player1, playfield, background] {
                *color = (*color & 0xFE) | odd;
            }
        }
        self.grayed = false;
    }

    /// Every update begins with this, after a possible [`Tia::start_frame`].
    pub(crate) fn begin_update(&mut self) {
        self.partial = true;
        self.stop = false;
    }

    /// Every update ends with this.
    pub(crate) fn end_update(&mut self, cycles: u32) {
        self.settle();
        let lines = self.scanline(cycles);
        if self.partial {
            self.catch_up(self.noted_until);
        }
        self.blacken_behind_cursor();
        if self.partial {
            if !self.grayed {
                self.gray_from(lines);
            }
            self.grayed = true;
        } else {
            self.lines_of_last_frame = lines;
            self.grayed = false;
        }
    }

    /// Rebases the time stamps: the cycle counter, now at `cycles`, will restart at 0.
    fn rebase_cycles(&mut self, cycles: u32) {
        let shift = clock(cycles);
        for stamp in [
            &mut self.frame_start,
            &mut self.noted_until,
            &mut self.noted_before,
            // NEVER is shifted too. So without a VSYNC it decreases by a frame's length in every frame.
            &mut self.vsync_release,
            &mut self.last_hmove_clock,
        ] {
            *stamp = stamp.wrapping_sub(shift);
        }
        self.dump_released_cycle = self.dump_released_cycle.wrapping_sub(cycles);
    }

    /// The scanline of cycle `cycles`, counted from the start of the frame.
    pub(crate) fn scanline(&self, cycles: u32) -> i32 {
        clock(cycles).wrapping_sub(self.frame_start).div_euclid(LINE_CLOCKS)
    }

    /// The last frame, painted now if it was not before.
    pub(crate) fn frame(&mut self) -> Painted<'_> {
        self.take_collisions();
        self.frames[self.current_frame].look()
    }

    /// The last frame and the one before it; ALE's color averaging mixes them.
    pub(crate) fn last_two_frames(&mut self) -> [&[u8]; 2] {
        self.take_collisions();
        let [first, second] = self.frames.each_mut().map(|frame| frame.look().pixels);
        if self.current_frame == 0 {
            [first, second]
        } else {
            [second, first]
        }
    }

    /// The sound channels.
    pub(crate) fn sound_mut(&mut self) -> &mut Sound {
        &mut self.sound
    }

    /// Latches the collisions in everything drawn so far.
    fn take_collisions(&mut self) {
        for frame in &mut self.frames {
            frame.collide(&mut self.collisions, &mut self.collider);
        }
    }

    /// Turns the rest of an unfinished frame gray, as ALE shows a program that hangs.
    fn gray_from(&mut self, lines: i32) {
        let first = self.picture.first_scanline as usize;
        let from = usize::try_from(lines).unwrap_or(0).max(first) - first;
        let height = self.picture.height as usize;
        if from < height {
            self.take_collisions();
            for pixel in &mut self.frames[self.current_frame].look_and_change()[from * WIDTH..height * WIDTH] {
                *pixel = (*pixel & 0x0F) >> 1;
            }
        }
    }

    /// Bit 0 of all colors: set if a PAL television loses color because the last frame had an odd number of lines.
    fn color_loss(&self) -> u8 {
        u8::from(self.picture.pal && self.lines_of_last_frame & 1 != 0)
    }

    #[cold]
    fn end_frame(&mut self, k: i32) {
        self.catch_up(k);
        self.stop = true;
        self.partial = false;
    }

    /// Notes an access that changes nothing visible, and defers its drawing up to `until`. ALE draws at every access.
    /// The difference shows in three cases only: in the over-run of ALE's drawing, in a frame left unfinished, and when
    /// a later change would have taken effect before `until`.
    #[inline(always)]
    fn note_access(&mut self, until: i32) {
        if until > self.noted_until {
            // The earlier access is so close that the over-run of ALE's drawing for it could stay visible.
            if until.wrapping_sub(self.noted_until) < 4 {
                self.catch_up(self.noted_until);
            }
            self.noted_before = self.noted_until;
            self.noted_until = until;
        }
    }

    /// The position of the access at clock `k` in its line, in clocks.
    #[inline(always)]
    fn line_clock(&mut self, k: i32) -> i32 {
        let since = k.wrapping_sub(self.line_start);
        if (0..LINE_CLOCKS).contains(&since) {
            return since;
        }
        let next = since.wrapping_sub(LINE_CLOCKS);
        let line_clock = if (0..LINE_CLOCKS).contains(&next) { next } else { since.rem_euclid(LINE_CLOCKS) };
        self.line_start = k.wrapping_sub(line_clock);
        line_clock
    }
}

/// The position of a cycle in its line, given its distance from the start of an earlier line.
#[cold]
fn remainder(cycle: u32) -> u32 {
    cycle % LINE_CYCLES
}

/// The color clock of a cycle.
fn clock(cycles: u32) -> i32 {
    cycles.wrapping_mul(3) as i32
}
