//! The TIA, the video chip: registers, the frame's life, and the clock everything hangs on.
//!
//! Register names are those of Steve Wright's "Stella Programmer's Guide" (1979); behavior is ALE's, as measured
//! (`docs/emulator.md`). Time is counted in color clocks, three to a CPU cycle, 228 to a line. Nothing is drawn until a
//! register is about to change or be read ([`Tia::catch_up`]). Outside the display window nothing is drawn at all, and there
//! are no collisions and no end-of-line work either.
//!
//! `tia/objects.rs`: where objects show; `tia/drawing.rs`: the cursor and collisions; `tia/painting.rs`: pixels;
//! `tia/motion.rs`: positions; `tia/sound.rs`: the two channels. `tia/plain.rs` does it all again for the tests, slowly.

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
use objects::{Objects, Registers, BL, M0, M1, P0, P1, PF};
use painting::{Collider, Colours, FrameBuffer};
pub(crate) use row::WIDTH;
use sound::Sound;
pub(crate) use sound::SAMPLES;

/// Colour clocks of a scanline.
const LINE_CLOCKS: i32 = 228;
/// CPU cycles of a scanline.
pub(crate) const LINE_CYCLES: u32 = LINE_CLOCKS as u32 / 3;
/// Colour clocks of horizontal blank, at the start of a line.
const HBLANK_CLOCKS: i32 = 68;
/// Rows of a frame buffer; the picture is at most 256 and a picture begun by a reset in mid-frame at most 300 rows.
const BUFFER_ROWS: usize = 300;
/// A picture of at least this many rows is shown; what the frame buffer has below a smaller one is black.
const LEAST_EXPOSED_ROWS: u32 = 200;
/// VSYNC must be held this long (one line) for its release to end the frame.
const VSYNC_CLOCKS: i32 = 228;
const NEVER: i32 = i32::MAX;
/// Writes that can be left for later; as many as a byte can tell apart.
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

/// How the television and the cartridge want the picture; fixed from one system reset to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    /// First scanline shown.
    pub(crate) first_scanline: u32,
    /// Rows drawn.
    pub(crate) height: u32,
    /// Whether HMOVE blanks eight pixels.
    pub(crate) hmove_blanks: bool,
    /// PAL: colour loss on odd line counts, and longer frames before the line limit.
    pub(crate) pal: bool,
}

impl Picture {
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

/// What the TIA's six input pins are connected to; constant during a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InputPins {
    /// Resistance at INPT0 to INPT3 in ohm; [`InputPins::OPEN`] when nothing is connected.
    pub(crate) resistance: [i32; 4],
    /// Whether INPT4 and INPT5 are pulled to ground (fire pressed).
    pub(crate) grounded: [bool; 2],
}

impl InputPins {
    /// An infinite resistance.
    pub(crate) const OPEN: i32 = i32::MAX;
}

/// A write left for later.
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
    picture: Picture,

    // The frame. All clocks are relative to the start of the frame (console's cycle counter zero).
    frame_start: i32,
    display_start: i32,
    display_end: i32,
    /// A write at this clock or later ends the frame.
    last_clock: i32,
    /// The clock at which the line of the last access began, so that the next one's place in its line takes no division.
    line_start: i32,
    /// The cycle at which a line began, that of the last WSYNC or the one after it: the CPU is ahead of the writes made.
    waited_until: u32,
    cursor: Cursor,
    /// Up to where the last access that left its drawing for later should have drawn, and the one before it.
    noted_until: i32,
    noted_before: i32,
    vsync_release: i32,
    lines_of_last_frame: i32,
    /// The frame under way was not finished by the last update. Survives resets.
    partial: bool,
    greyed: bool,
    stop: bool,
    /// Writes left for later, in the order they came. None from one update to the next.
    log: [Write; LOG],
    logged: u8,
    /// Writes from this cycle on cannot be left for later.
    later_until: u32,
    /// No write can be left for later: the cartridge listens to them.
    overheard: bool,
    frames: [FrameBuffer; 2],
    current_frame: usize,
    collider: Collider,
    /// Not touched by any reset.
    sound: Sound,

    // Registers.
    vblank: u8,
    colours: Colours,
    registers: Registers,
    motion_register: [u8; 5],
    collisions: u16,
    dump_paddles: bool,
    dump_released_cycle: u32,

    // What follows from them.
    objects: Objects,
    last_hmove_clock: i32,
    hmove_blank_pending: bool,
    /// Counter of the star-field trick while it is on.
    star_field: Option<u8>,
}

impl Tia {
    /// A chip that still needs its first [`Tia::reset`].
    pub(crate) fn new(picture: Picture) -> Self {
        Self::with_buffers(picture, [FrameBuffer::new(), FrameBuffer::new()], Sound::new())
    }

    /// Tells the chip that the cartridge listens to its writes, so that none can be left for later.
    pub(crate) fn set_overheard(&mut self) {
        self.overheard = true;
        self.later_until = 0;
    }

    /// The TIA's part of a system reset. Whether a frame was unfinished, whether it was greyed, which buffer is current and
    /// the sound survive it.
    pub(crate) fn reset(&mut self, picture: Picture) {
        for frame in &mut self.frames {
            frame.clear();
        }
        // Moved, as a clone would copy the pixels.
        let empty = || FrameBuffer::without_pixels();
        let frames = std::mem::replace(&mut self.frames, [empty(), empty()]);
        *self = Self {
            partial: self.partial,
            greyed: self.greyed,
            current_frame: self.current_frame,
            overheard: self.overheard,
            ..Self::with_buffers(picture, frames, self.sound.clone())
        };
        self.place_window();
    }

    fn with_buffers(picture: Picture, frames: [FrameBuffer; 2], sound: Sound) -> Self {
        let mut tia = Self {
            picture,
            frame_start: 0,
            display_start: 0,
            display_end: 0,
            last_clock: 0,
            line_start: 0,
            waited_until: 0,
            // It stays at the frame's start, not at the window's: only the first real frame start moves it there.
            cursor: Cursor::new(0),
            noted_until: 0,
            noted_before: 0,
            vsync_release: NEVER,
            lines_of_last_frame: 0,
            partial: false,
            greyed: false,
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
            colours: Colours::default(),
            registers: Registers::RESET,
            objects: Objects::OFF,
            motion_register: [0; 5],
            collisions: 0,
            dump_paddles: false,
            dump_released_cycle: 0,
            last_hmove_clock: 0,
            hmove_blank_pending: false,
            star_field: None,
        };
        tia.place_window();
        tia.find_quiet();
        tia
    }

    fn place_window(&mut self) {
        self.last_clock = self.frame_start + LINE_CLOCKS * (self.picture.line_limit() + 1);
        self.display_start = self.frame_start + LINE_CLOCKS * self.picture.first_scanline as i32;
        self.display_end = self.display_start + LINE_CLOCKS * self.picture.height as i32;
        // The line limit, at which a write ends the frame.
        self.later_until = if self.overheard { 0 } else { (self.last_clock / 3) as u32 };
    }
}

/// Where in a chip things lie that translated code uses as [`Tia::write_later`] does.
#[cfg(feature = "translate")]
impl Tia {
    pub(crate) const LOG_OFFSET: usize = std::mem::offset_of!(Self, log);
    pub(crate) const LOGGED_OFFSET: usize = std::mem::offset_of!(Self, logged);
    pub(crate) const LATER_UNTIL_OFFSET: usize = std::mem::offset_of!(Self, later_until);
    pub(crate) const WAITED_UNTIL_OFFSET: usize = std::mem::offset_of!(Self, waited_until);
}

/// The frame's life.
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

    /// Starts a frame at cycle `cycles`, which becomes cycle 0. The console rebases its other parts.
    pub(crate) fn start_frame(&mut self, cycles: u32) {
        self.current_frame ^= 1;
        let frame = &mut self.frames[self.current_frame];
        // Those of the frame just drawn can wait for a CXCLR; those of the one before it would be lost.
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
            let odd = self.colour_loss();
            let Colours { player: [player0, player1], playfield, background } = &mut self.colours;
            for colour in [player0, player1, playfield, background] {
                *colour = (*colour & 0xFE) | odd;
            }
        }
        self.greyed = false;
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
            if !self.greyed {
                self.grey_from(lines);
            }
            self.greyed = true;
        } else {
            self.lines_of_last_frame = lines;
            self.greyed = false;
        }
    }

    /// The cycle counter is about to go back to 0.
    fn rebase_cycles(&mut self, cycles: u32) {
        let shift = clock(cycles);
        for stamp in [
            &mut self.frame_start,
            &mut self.noted_until,
            &mut self.noted_before,
            // Also when it holds "never", which so sinks by a frame's length every frame without a VSYNC.
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

    /// The frame drawn last, painted now if nobody has looked at it before.
    pub(crate) fn frame(&mut self) -> Painted<'_> {
        self.take_collisions();
        self.frames[self.current_frame].look()
    }

    /// The same frame and the one before it, of which ALE's colour averaging makes one picture.
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

    /// Latches the collisions of all that was drawn so far.
    fn take_collisions(&mut self) {
        for frame in &mut self.frames {
            frame.collide(&mut self.collisions, &mut self.collider);
        }
    }

    /// What is left of an unfinished frame turns gray, as ALE shows a program that hangs.
    fn grey_from(&mut self, lines: i32) {
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

    /// PAL televisions lose colour when frames have an odd number of lines; shown by bit 0 of the colours.
    fn colour_loss(&self) -> u8 {
        u8::from(self.picture.pal && self.lines_of_last_frame & 1 != 0)
    }

    #[cold]
    fn end_frame(&mut self, k: i32) {
        self.catch_up(k);
        self.stop = true;
        self.partial = false;
    }

    /// An access that leaves drawing up to `until` for later, because it changes nothing that is drawn. ALE draws at every
    /// access; that can be seen only by its over-run, in a frame left unfinished, and when a later change would have
    /// taken effect before `until`.
    #[inline(always)]
    fn note_access(&mut self, until: i32) {
        if until > self.noted_until {
            // So close behind another access ALE's over-run of the earlier one could stay visible.
            if until.wrapping_sub(self.noted_until) < 4 {
                self.catch_up(self.noted_until);
            }
            self.noted_before = self.noted_until;
            self.noted_until = until;
        }
    }

    /// The place of clock `k`, that of an access, in its line.
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

/// The cycle in its line, of a cycle some lines later.
#[cold]
fn remainder(cycle: u32) -> u32 {
    cycle % LINE_CYCLES
}

/// The colour clock of a cycle.
fn clock(cycles: u32) -> i32 {
    cycles.wrapping_mul(3) as i32
}

/// Register writes and reads.
impl Tia {
    /// Writes `value` to the register `address & $3F` at cycle `cycles`, and returns the cycle at which the CPU goes on: WSYNC
    /// makes it wait, unless the access before was a write too.
    #[inline(never)]
    pub(crate) fn write(&mut self, address: u16, value: u8, cycles: u32, after_write: bool) -> u32 {
        self.settle();
        if clock(cycles) >= self.last_clock {
            self.end_frame(clock(cycles));
        }
        self.apply(address as u8 & 0x3F, value, cycles);
        if address as u8 & 0x3F == WSYNC && !after_write {
            self.wait(cycles)
        } else {
            cycles
        }
    }

    /// Leaves a write, which does not come right behind another, for later; `None` if the CPU must know now what comes of it.
    ///
    /// As every write but the few that may end the frame can wait, the CPU's loop makes no call, and the writes are then made one
    /// after the other (5 % of the emulator's instructions).
    #[inline(always)]
    pub(crate) fn write_later(&mut self, address: u16, value: u8, cycles: u32) -> Option<u32> {
        let register = address as u8 & 0x3F;
        if register < WSYNC || cycles >= self.later_until {
            return None;
        }
        self.log[usize::from(self.logged)] = Write { cycles, register, value };
        self.logged = self.logged.wrapping_add(1);
        if self.logged == 0 {
            self.make_writes(LOG);
        }
        Some(if register == WSYNC { self.wait(cycles) } else { cycles })
    }

    /// The cycle until which WSYNC at cycle `cycles` makes the CPU wait: the start of the next line, or no time at all if a line
    /// starts now.
    #[inline(always)]
    fn wait(&mut self, cycles: u32) -> u32 {
        let mut cycle = cycles.wrapping_sub(self.waited_until);
        if cycle >= LINE_CYCLES {
            cycle = remainder(cycle);
        }
        self.waited_until = if cycle == 0 { cycles } else { cycles.wrapping_sub(cycle).wrapping_add(LINE_CYCLES) };
        self.waited_until
    }

    /// Makes the writes left for later.
    #[inline(always)]
    pub(crate) fn settle(&mut self) {
        if self.logged > 0 {
            self.make_writes(usize::from(self.logged));
        }
    }

    /// Makes the first `number` writes of the log, which are all.
    #[inline(never)]
    fn make_writes(&mut self, number: usize) {
        self.logged = 0;
        for i in 0..number.min(LOG) {
            let Write { cycles, register, value } = self.log[i];
            self.apply(register, value, cycles);
        }
    }

    /// What a write of `value` to `register` at cycle `cycles` does.
    #[inline(always)]
    fn apply(&mut self, register: u8, value: u8, cycles: u32) {
        let k = clock(cycles);
        let bit = |number: u8| value >> number & 1 != 0;
        // Two thirds of the writes change nothing that is drawn or collides: waits, motion registers, sound, and values that
        // are already there. `access` is told; it comes before the change.
        match register {
            // VSYNC
            0x00 => {
                self.access(k, 0, false);
                if bit(1) {
                    self.vsync_release = k.wrapping_add(VSYNC_CLOCKS);
                } else if k >= self.vsync_release {
                    self.vsync_release = NEVER;
                    self.end_frame(k);
                }
            }
            // VBLANK
            0x01 => {
                self.access(k, 1, (value ^ self.vblank) & VBLANK_ON != 0);
                if value & !self.vblank & VBLANK_DUMP != 0 {
                    self.dump_paddles = true;
                } else if !value & self.vblank & VBLANK_DUMP != 0 {
                    self.dump_paddles = false;
                    self.dump_released_cycle = cycles;
                }
                self.vblank = value;
            }
            // NUSIZ0, NUSIZ1
            0x04 => self.set_nusiz(0, value, k),
            0x05 => self.set_nusiz(1, value, k),
            // COLUP0, COLUP1, COLUPF, COLUBK
            0x06 => {
                let colour = self.colour(value);
                self.access(k, 0, colour != self.colours.player[0]);
                self.colours.player[0] = colour;
            }
            0x07 => {
                let colour = self.colour(value);
                self.access(k, 0, colour != self.colours.player[1]);
                self.colours.player[1] = colour;
            }
            0x08 => {
                let colour = self.colour(value);
                self.access(k, 0, colour != self.colours.playfield);
                self.colours.playfield = colour;
            }
            0x09 => {
                let colour = self.colour(value);
                self.access(k, 0, colour != self.colours.background);
                self.colours.background = colour;
            }
            // CTRLPF: the reflection of a line is settled before its middle
            0x0A => {
                let changes = value != self.registers.ctrlpf || self.registers.playfield_reflected != bit(0);
                self.access(k, 0, changes);
                if changes {
                    self.registers.ctrlpf = value;
                    if self.line_clock(k) < 147 {
                        self.registers.playfield_reflected = bit(0);
                    }
                    self.objects.set(PF, self.registers.playfield_word());
                    self.objects.set(BL, self.registers.ball_word());
                }
            }
            // REFP0, REFP1
            register @ (0x0B | 0x0C) => {
                let player = usize::from(register - 0x0B);
                let changes = bit(3) != self.registers.reflected[player];
                self.access(k, 1, changes);
                self.registers.reflected[player] = bit(3);
                self.objects.set(player, self.registers.player_word(player));
            }
            // PF0, PF1, PF2
            register @ 0x0D..=0x0F => {
                let playfield = self.playfield_with(register, value);
                // By the cycle in its line, which has a multiple of four.
                let delay = [4, 5, 2, 3][(k.wrapping_sub(self.frame_start) as u32 / 3 % 4) as usize];
                let changes = playfield != self.registers.playfield;
                self.access(k, delay, changes);
                if changes {
                    self.registers.playfield = playfield;
                    self.objects.set(PF, self.registers.playfield_word());
                }
            }
            // RESP0, RESP1
            0x10 => self.reset_player(0, k),
            0x11 => self.reset_player(1, k),
            // RESM0, RESM1, RESBL
            0x12 => self.reset_narrow(M0, k),
            0x13 => self.reset_narrow(M1, k),
            0x14 => self.reset_narrow(BL, k),
            // AUDC0, AUDC1, AUDF0, AUDF1, AUDV0, AUDV1
            register @ 0x15..=0x1A => {
                self.access(k, 0, false);
                self.sound.write(register, value);
            }
            // GRP0, GRP1: each also copies the other's delayed graphics; what counts is what is shown
            0x1B => {
                let Registers { player_delayed: [delayed0, delayed1], graphics, old_graphics, .. } = self.registers;
                let changes = (!delayed0 && value != graphics[0]) || (delayed1 && old_graphics[1] != graphics[1]);
                self.access(k, 1, changes);
                self.registers.graphics[0] = value;
                self.registers.old_graphics[1] = graphics[1];
                if changes {
                    self.objects.set(P0, self.registers.player_word(0));
                    self.objects.set(P1, self.registers.player_word(1));
                }
            }
            0x1C => {
                let Registers { player_delayed: [delayed0, delayed1], graphics, old_graphics, .. } = self.registers;
                let Registers { ball_delayed, ball_enabled, old_ball_enabled, .. } = self.registers;
                let changes = (!delayed1 && value != graphics[1])
                    || (delayed0 && old_graphics[0] != graphics[0])
                    || (ball_delayed && old_ball_enabled != ball_enabled);
                self.access(k, 1, changes);
                self.registers.graphics[1] = value;
                self.registers.old_graphics[0] = graphics[0];
                self.registers.old_ball_enabled = ball_enabled;
                if changes {
                    self.objects.set(P0, self.registers.player_word(0));
                    self.objects.set(P1, self.registers.player_word(1));
                    self.objects.set(BL, self.registers.ball_word());
                }
            }
            // ENAM0, ENAM1, ENABL
            register @ (0x1D | 0x1E) => {
                let missile = usize::from(register - 0x1D);
                let changes = bit(1) != self.registers.missile_enabled[missile];
                self.access(k, 0, changes);
                if changes {
                    self.registers.missile_enabled[missile] = bit(1);
                    self.objects.set(M0 + missile, self.registers.missile_word(missile));
                }
            }
            0x1F => {
                let changes = !self.registers.ball_delayed && bit(1) != self.registers.ball_enabled;
                self.access(k, 0, changes);
                self.registers.ball_enabled = bit(1);
                if changes {
                    self.objects.set(BL, self.registers.ball_word());
                }
            }
            // HMP0, HMP1, HMM0, HMM1, HMBL
            register @ 0x20..=0x24 => {
                let object = usize::from(register - 0x20);
                let arms_star_field = object == M0 && self.arms_star_field(k, value >> 4);
                self.access(k, 0, arms_star_field);
                if arms_star_field {
                    self.star_field = Some(0);
                }
                self.motion_register[object] = value >> 4;
            }
            // VDELP0, VDELP1, VDELBL
            register @ (0x25 | 0x26) => {
                let player = usize::from(register - 0x25);
                let changes = bit(0) != self.registers.player_delayed[player];
                self.access(k, 0, changes);
                self.registers.player_delayed[player] = bit(0);
                self.objects.set(player, self.registers.player_word(player));
            }
            0x27 => {
                let changes = bit(0) != self.registers.ball_delayed;
                self.access(k, 0, changes);
                self.registers.ball_delayed = bit(0);
                self.objects.set(BL, self.registers.ball_word());
            }
            // RESMP0, RESMP1
            0x28 => self.lock_missile(0, bit(1), k),
            0x29 => self.lock_missile(1, bit(1), k),
            // HMOVE
            0x2A => self.hmove(k),
            // HMCLR
            0x2B => {
                self.access(k, 0, false);
                self.motion_register = [0; 5];
            }
            // CXCLR
            0x2C => {
                self.access(k, 0, true);
                self.collisions = 0;
                for frame in &mut self.frames {
                    frame.clear_collisions();
                }
            }
            // WSYNC ($02) is the CPU's business; RSYNC ($03) and $2D to $3F have no effect.
            _ => self.access(k, 0, false),
        }
    }

    /// NUSIZ0 or NUSIZ1, which also undo what RESPx and the star field did.
    #[inline(never)]
    fn set_nusiz(&mut self, player: usize, value: u8, k: i32) {
        let set = |registers: &mut Registers| {
            registers.nusiz[player] = value;
            registers.skip_first_copy[player] = false;
            if player == 0 {
                registers.missile0_mode = MissileMode::Normal;
            }
        };
        let mut after = self.registers;
        set(&mut after);
        let changes = [player, M0 + player].into_iter().any(|object| after.word(object) != self.objects.words[object])
            || (player == 0 && self.star_field.is_some());
        self.access(k, 8, changes);
        set(&mut self.registers);
        self.objects.set(player, self.registers.player_word(player));
        self.objects.set(M0 + player, self.registers.missile_word(player));
    }

    /// What every write does first: draws what came before it, up to `delay` clocks after `k` because some are seen by the
    /// pixels a little later. `changes` tells whether the write changes anything that is
    /// drawn or collides from then on; if not, drawing can wait.
    #[inline(always)]
    fn access(&mut self, k: i32, delay: i32, changes: bool) {
        // What a pending HMOVE blank takes depends on the next access.
        if changes || self.hmove_blank_pending {
            self.catch_up(k.wrapping_add(delay));
        } else {
            self.note_access(k.wrapping_add(delay));
        }
    }

    /// Reads the register `address & $0F`: one or two bits on top of what the data bus last carried.
    pub(crate) fn read(&mut self, address: u16, cycles: u32, data_bus: u8, pins: &InputPins) -> u8 {
        self.settle();
        self.catch_up(clock(cycles));
        let register = usize::from(address & 0x0F);
        if register < 8 {
            self.take_collisions();
        }
        let high = match register {
            // CXM0P to CXM1FB: two latches each; CXBLPF one; CXPPMM two
            0..=5 => self.collision_bits(2 * register, 2 * register + 1),
            6 => self.collision_bits(12, 12) & 0x80,
            7 => self.collision_bits(13, 14),
            8..=11 => u8::from(self.paddle_charged(pins.resistance[register - 8], cycles)) << 7,
            12 | 13 => u8::from(!pins.grounded[register - 12]) << 7,
            _ => 0,
        };
        high | (data_bus & 0x3F)
    }

    fn collision_bits(&self, bit7: usize, bit6: usize) -> u8 {
        ((self.collisions >> bit7 & 1) << 7 | (self.collisions >> bit6 & 1) << 6) as u8
    }

    /// Whether the capacitor behind `resistance` ohm has charged since the dump transistor let go of it.
    fn paddle_charged(&self, resistance: i32, cycles: u32) -> bool {
        if resistance == 0 {
            return true;
        }
        if resistance == InputPins::OPEN || self.dump_paddles {
            return false;
        }
        // 10 nF and 1.19 MHz; the order of the products is ALE's and matters to the last digit.
        let needed = 1.6 * f64::from(resistance) * 0.01e-6 * 1.19e6;
        // Unsigned: a stamp of an earlier frame makes the sum huge, and the bit stays 0.
        cycles > self.dump_released_cycle.wrapping_add(needed as u32)
    }

    fn colour(&self, value: u8) -> u8 {
        (value & 0xFE) | self.colour_loss()
    }

    /// The playfield bits after a write of `value` to PF0 (high nibble, drawn bit 4 first), PF1 (bit 7 first) or PF2 (bit 0
    /// first).
    fn playfield_with(&self, register: u8, value: u8) -> u32 {
        let (shift, mask, bits) = match register {
            0x0D => (0, 0xF, u32::from(value >> 4)),
            0x0E => (4, 0xFF, u32::from(value.reverse_bits())),
            _ => (12, 0xFF, u32::from(value)),
        };
        (self.registers.playfield & !(mask << shift)) | bits << shift
    }
}
