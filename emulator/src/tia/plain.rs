//! A second TIA, the simplest that behaves as `docs/emulator.md` describes: tests compare the real one with it.
//!
//! Every access first draws all clocks before it, one at a time. For each pixel the registers decide which of the six
//! objects show there. Objects that overlap set their latches, and the pixel takes the color of the uppermost object.
//! Nothing is deferred or cached, so this chip cannot have the faults of the real chip's optimizations. The two share
//! only a few named numbers.

mod agreement;

use super::objects::{BL, M0, M1, P0, P1, PF};
use super::{
    InputPins, MissileMode, PictureLayout, BUFFER_ROWS, CTRLPF_PRIORITY, CTRLPF_SCORE, HBLANK_CLOCKS, LINE_CLOCKS,
    NEVER, VBLANK_DUMP, VBLANK_ON, VSYNC_CLOCKS, WIDTH, WSYNC,
};

/// Line clock at which an HMOVE blank ends.
const HMOVE_BLANK_END: i32 = HBLANK_CLOCKS + 8;

/// What the collision registers show in bits 7 and 6, CXM0P first.
const COLLISION_REGISTERS: [[Option<(usize, usize)>; 2]; 8] = [
    [Some((M0, P1)), Some((M0, P0))],
    [Some((M1, P0)), Some((M1, P1))],
    [Some((P0, PF)), Some((P0, BL))],
    [Some((P1, PF)), Some((P1, BL))],
    [Some((M0, PF)), Some((M0, BL))],
    [Some((M1, PF)), Some((M1, BL))],
    [Some((BL, PF)), None],
    [Some((P0, P1)), Some((M0, M1))],
];

/// HMOVE's greatest motion to the left, in pixels (negative: left), by line cycles 0 to 20.
const EARLY_LIMIT: [i32; 21] = [-7, -7, -7, -7, -6, -5, -5, -4, -3, -2, -2, -1, 0, 1, 1, 2, 3, 4, 4, 5, 6];
/// HMOVE's additional motion to the left, in pixels, by line cycles 55 to 74.
const LATE_SHIFT: [i32; 20] = [-6, -5, -4, -4, -3, -2, -1, -1, 0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8];

/// The plain chip.
pub(super) struct Plain {
    picture: PictureLayout,

    // The frame.
    frame_start: i32,
    /// Everything before this clock is drawn.
    drawn_until: i32,
    /// The line clock of `drawn_until`; 228 while the end of a drawn line has not been processed.
    line_clock: i32,
    /// The row of the frame buffer for this line.
    row: usize,
    vsync_release: i32,
    lines_of_last_frame: i32,
    partial: bool,
    grayed: bool,
    stop: bool,
    frames: [Vec<u8>; 2],
    current: usize,

    // The registers.
    vblank: u8,
    nusiz: [u8; 2],
    color_player: [u8; 2],
    color_playfield: u8,
    color_background: u8,
    ctrlpf: u8,
    reflected: [bool; 2],
    playfield: [u8; 3],
    graphics: [u8; 2],
    old_graphics: [u8; 2],
    missile_enabled: [bool; 2],
    ball_enabled: bool,
    old_ball_enabled: bool,
    motion: [u8; 5],
    player_delayed: [bool; 2],
    ball_delayed: bool,
    missile_locked: [bool; 2],
    /// Which pairs of objects have collided since CXCLR.
    met: [[bool; 6]; 6],
    dumping: bool,
    dump_released: u32,

    // Derived from the registers.
    position: [i32; 5],
    skip_first_copy: [bool; 2],
    playfield_reflected: bool,
    missile0_mode: MissileMode,
    last_hmove: i32,
    hmove_blank: bool,
    star_field: Option<u8>,
}

/// The start and end of frames and updates.
impl Plain {
    /// A chip after its first reset.
    pub(super) fn new(picture: PictureLayout) -> Self {
        Self {
            picture,
            frame_start: 0,
            drawn_until: 0,
            line_clock: 0,
            row: 0,
            vsync_release: NEVER,
            lines_of_last_frame: 0,
            partial: false,
            grayed: false,
            stop: false,
            frames: [vec![0; WIDTH * BUFFER_ROWS], vec![0; WIDTH * BUFFER_ROWS]],
            current: 0,
            vblank: 0,
            nusiz: [0; 2],
            color_player: [0; 2],
            color_playfield: 0,
            color_background: 0,
            ctrlpf: 0,
            reflected: [false; 2],
            playfield: [0; 3],
            graphics: [0; 2],
            old_graphics: [0; 2],
            missile_enabled: [false; 2],
            ball_enabled: false,
            old_ball_enabled: false,
            motion: [0; 5],
            player_delayed: [false; 2],
            ball_delayed: false,
            missile_locked: [false; 2],
            met: [[false; 6]; 6],
            dumping: false,
            dump_released: 0,
            position: [0; 5],
            skip_first_copy: [false; 2],
            playfield_reflected: false,
            missile0_mode: MissileMode::Normal,
            last_hmove: 0,
            hmove_blank: false,
            star_field: None,
        }
    }

    /// A system reset. Three fields survive it.
    pub(super) fn reset(&mut self) {
        let Self { picture, partial, grayed, current, .. } = *self;
        *self = Self { partial, grayed, current, ..Self::new(picture) };
    }

    /// Whether the next update begins with [`Plain::start_frame`].
    pub(super) fn frame_finished(&self) -> bool {
        !self.partial
    }

    /// Whether a write has ended the frame in this update.
    pub(super) fn stopped(&self) -> bool {
        self.stop
    }

    /// Starts a frame; cycle `cycles` becomes cycle 0.
    pub(super) fn start_frame(&mut self, cycles: u32) {
        let k = clock(cycles);
        self.current = 1 - self.current;
        self.frame_start = -(k - self.frame_start).rem_euclid(LINE_CLOCKS);
        self.vsync_release = self.vsync_release.wrapping_sub(k);
        self.last_hmove = self.last_hmove.wrapping_sub(k);
        self.dump_released = self.dump_released.wrapping_sub(cycles);
        self.drawn_until = self.display_start();
        self.line_clock = 0;
        self.row = 0;
        if self.picture.pal {
            let odd = self.color_loss();
            self.color_player = self.color_player.map(|color| color & 0xFE | odd);
            self.color_playfield = self.color_playfield & 0xFE | odd;
            self.color_background = self.color_background & 0xFE | odd;
        }
        self.grayed = false;
    }

    /// Begins an update.
    pub(super) fn begin_update(&mut self) {
        self.partial = true;
        self.stop = false;
    }

    /// Ends an update.
    pub(super) fn end_update(&mut self, cycles: u32) {
        let lines = self.scanline(clock(cycles));
        if !self.partial {
            self.lines_of_last_frame = lines;
            self.grayed = false;
            return;
        }
        let PictureLayout { first_scanline, height, .. } = self.picture;
        if !self.grayed {
            for row in 0..height as usize {
                if row as i32 + first_scanline as i32 >= lines {
                    for pixel in &mut self.frames[self.current][row * WIDTH..][..WIDTH] {
                        *pixel = (*pixel & 0x0F) >> 1;
                    }
                }
            }
        }
        self.grayed = true;
    }

    /// The buffer drawn last and the other one.
    pub(super) fn frames(&self) -> [&[u8]; 2] {
        [&self.frames[self.current], &self.frames[1 - self.current]]
    }

    fn display_start(&self) -> i32 {
        self.frame_start + LINE_CLOCKS * self.picture.first_scanline as i32
    }

    fn display_end(&self) -> i32 {
        self.display_start() + LINE_CLOCKS * self.picture.height as i32
    }

    /// The scanline of clock `k`.
    fn scanline(&self, k: i32) -> i32 {
        (k - self.frame_start).div_euclid(LINE_CLOCKS)
    }

    /// The line clock of clock `k`.
    fn line_clock_of(&self, k: i32) -> i32 {
        (k - self.frame_start).rem_euclid(LINE_CLOCKS)
    }

    fn end_frame(&mut self) {
        self.stop = true;
        self.partial = false;
    }

    fn color_loss(&self) -> u8 {
        u8::from(self.picture.pal && self.lines_of_last_frame % 2 == 1)
    }
}

/// Drawing.
impl Plain {
    /// Draws everything before the clock `until`.
    fn draw(&mut self, until: i32) {
        if until < self.display_start() {
            return;
        }
        let until = until.min(self.display_end());
        while self.drawn_until < until {
            // The end of a line is processed when something after it is drawn, not with the line's last clock.
            let left = LINE_CLOCKS - self.line_clock;
            let ends = until - self.drawn_until > left;
            let clocks = if ends { left } else { until - self.drawn_until };
            self.draw_clocks(self.line_clock, self.line_clock + clocks);
            self.drawn_until += clocks;
            self.line_clock += clocks;
            if ends {
                self.end_line();
                self.line_clock = 0;
                self.row += 1;
            }
        }
    }

    /// Draws the clocks `from..to` of the line.
    fn draw_clocks(&mut self, from: i32, to: i32) {
        let visible = from.max(HBLANK_CLOCKS);
        for line_clock in visible..to {
            self.draw_pixel(line_clock - HBLANK_CLOCKS);
        }
        if visible < to {
            self.over_run(visible - HBLANK_CLOCKS, to - HBLANK_CLOCKS);
        }
        if self.hmove_blank && from < HMOVE_BLANK_END {
            // One pixel for each clock from the last clock drawn, or from the first visible clock, to the blank's end.
            let blank = HMOVE_BLANK_END - if from < HBLANK_CLOCKS { to.min(HBLANK_CLOCKS) } else { from };
            for x in 0..blank {
                self.set_pixel(visible - HBLANK_CLOCKS + x, 0);
            }
            if to >= HMOVE_BLANK_END {
                self.hmove_blank = false;
            }
        }
    }

    fn draw_pixel(&mut self, x: i32) {
        if self.vblank & VBLANK_ON != 0 {
            self.set_pixel(x, 0);
            return;
        }
        let shows = self.objects_at(x);
        for a in P0..=PF {
            for b in P0..=PF {
                if shows[a] && shows[b] {
                    self.met[a][b] = true;
                }
            }
        }
        self.set_pixel(x, self.color(x, shows));
    }

    /// ALE's over-run: with some sets of objects it draws up to three pixels too many after the pixels `first..end`.
    /// This happens if `end` lies within a group of four pixels and no movable object is in that group.
    fn over_run(&mut self, first: i32, end: i32) {
        let group = end / 4 * 4;
        if self.vblank & VBLANK_ON != 0 || end == group || group < first {
            return;
        }
        let active: Vec<usize> = (P0..=PF).filter(|&object| self.is_active(object)).collect();
        let in_groups = match active[..] {
            [PF] | [P0] | [P1] | [P0, P1] | [M0] | [M1] | [M0, M1] => true,
            [BL] | [M0, BL] | [M1, BL] | [P1, BL] => true,
            [P0, PF] | [P1, PF] | [BL, PF] => self.ctrlpf & CTRLPF_SCORE == 0,
            _ => false,
        };
        let covered = active.iter().filter(|&&object| object != PF).any(|&object| {
            (group..group + 4).any(|x| match object {
                P0 | P1 => self.graphics_bit_at(object, x).is_some(),
                _ => self.objects_at(x)[object],
            })
        });
        if in_groups && !covered {
            for x in end..group + 4 {
                self.set_pixel(x, self.color(x, self.objects_at(x)));
            }
        }
    }

    fn set_pixel(&mut self, x: i32, color: u8) {
        self.frames[self.current][self.row * WIDTH + x as usize] = color;
    }

    fn end_line(&mut self) {
        self.playfield_reflected = self.ctrlpf & 1 != 0;
        self.skip_first_copy = [false; 2];
        if let Some(counter) = self.star_field {
            let counter = (counter + 1) % 4;
            self.star_field = Some(counter);
            let (step, mode) = [
                (18, MissileMode::Normal),
                (33, MissileMode::Stretched),
                (0, MissileMode::Off),
                (17, MissileMode::Normal),
            ][usize::from(counter)];
            self.position[M0] = wrap(self.position[M0] - step);
            self.missile0_mode = mode;
        }
    }

    fn is_active(&self, object: usize) -> bool {
        match object {
            P0 | P1 => self.shown_graphics(object) != 0,
            M0 | M1 => self.missile_enabled[object - M0] && !self.missile_locked[object - M0],
            BL if self.ball_delayed => self.old_ball_enabled,
            BL => self.ball_enabled,
            _ => self.playfield[0] & 0xF0 != 0 || self.playfield[1] != 0 || self.playfield[2] != 0,
        }
    }

    fn shown_graphics(&self, player: usize) -> u8 {
        if self.player_delayed[player] {
            self.old_graphics[player]
        } else {
            self.graphics[player]
        }
    }

    /// Which objects show at `x`.
    fn objects_at(&self, x: i32) -> [bool; 6] {
        [
            self.player_at(P0, x),
            self.player_at(P1, x),
            self.missile_at(M0, x),
            self.missile_at(M1, x),
            self.is_active(BL) && self.from(BL, x) < 1 << (self.ctrlpf >> 4 & 3),
            self.playfield_at(x),
        ]
    }

    /// How far `x` lies right of an object.
    fn from(&self, object: usize, x: i32) -> i32 {
        wrap(x - self.position[object])
    }

    fn player_at(&self, player: usize, x: i32) -> bool {
        let graphics = self.shown_graphics(player);
        if graphics == 0 {
            return false;
        }
        match self.graphics_bit_at(player, x) {
            Some(bit) if self.reflected[player] => graphics >> (7 - bit) & 1 != 0,
            Some(bit) => graphics >> bit & 1 != 0,
            None => false,
        }
    }

    /// Which bit of a player's graphics lies at `x`, unless reflected.
    fn graphics_bit_at(&self, player: usize, x: i32) -> Option<i32> {
        let distance = self.from(player, x);
        let skip = self.skip_first_copy[player];
        match self.nusiz[player] & 7 {
            // Wide players come one pixel late.
            5 if (1..17).contains(&distance) && !skip => Some(7 - (distance - 1) / 2),
            7 if (1..33).contains(&distance) && !skip => Some(7 - (distance - 1) / 4),
            5 | 7 => None,
            nusiz => {
                for &offset in copies(nusiz) {
                    if (offset..offset + 8).contains(&distance) && !(offset == 0 && skip) {
                        return Some(7 - (distance - offset));
                    }
                }
                None
            }
        }
    }

    fn missile_at(&self, object: usize, x: i32) -> bool {
        if !self.is_active(object) {
            return false;
        }
        let nusiz = self.nusiz[object - M0];
        let mut size_code = nusiz >> 4 & 3;
        if object == M0 {
            match self.missile0_mode {
                MissileMode::Normal => {}
                MissileMode::Stretched => size_code |= 1,
                MissileMode::Off => return false,
            }
        }
        let distance = self.from(object, x);
        copies(nusiz).iter().any(|&offset| (offset..offset + (1 << size_code)).contains(&distance))
    }

    fn playfield_at(&self, x: i32) -> bool {
        let column = x / 4;
        let column = match column {
            0..20 => column,
            _ if self.playfield_reflected => 39 - column,
            _ => column - 20,
        };
        let [pf0, pf1, pf2] = self.playfield;
        match column {
            0..4 => pf0 >> (4 + column) & 1 != 0,
            4..12 => pf1 >> (11 - column) & 1 != 0,
            _ => pf2 >> (column - 12) & 1 != 0,
        }
    }

    /// The color at `x`, where the objects `shows` show.
    fn color(&self, x: i32, shows: [bool; 6]) -> u8 {
        let [player0, player1, missile0, missile1, ball, playfield] = shows;
        let left = x < WIDTH as i32 / 2;
        let score = self.ctrlpf & CTRLPF_SCORE != 0;
        let priority = self.ctrlpf & CTRLPF_PRIORITY != 0;
        let [color0, color1] = self.color_player;
        let alone = self.is_active(PF) && !(P0..=BL).any(|object| self.is_active(object));
        if alone {
            match (playfield, score, left) {
                (false, ..) => self.color_background,
                (true, false, _) => self.color_playfield,
                (true, true, true) => color0,
                (true, true, false) => color1,
            }
        } else if priority && (playfield || ball) {
            self.color_playfield
        } else if player0 || missile0 || (!priority && playfield && score && left) {
            color0
        } else if player1 || missile1 || (playfield && score) {
            color1
        } else if playfield || ball {
            self.color_playfield
        } else {
            self.color_background
        }
    }
}

/// Register writes and reads.
impl Plain {
    /// Writes `value` to the register `address & $3F`; returns the cycle at which the CPU continues.
    pub(super) fn write(&mut self, address: u16, value: u8, cycles: u32, after_write: bool) -> u32 {
        let register = (address & 0x3F) as u8;
        let k = clock(cycles);
        let line_clock = self.line_clock_of(k);
        let bit = |number: u8| value >> number & 1 != 0;
        self.draw(k + delay(register, line_clock / 3));
        if self.scanline(k) > if self.picture.pal { 342 } else { 290 } {
            self.end_frame();
        }
        match register {
            // VSYNC
            0x00 => {
                if bit(1) {
                    self.vsync_release = k.wrapping_add(VSYNC_CLOCKS);
                } else if k >= self.vsync_release {
                    self.vsync_release = NEVER;
                    self.end_frame();
                }
            }
            // VBLANK
            0x01 => {
                let dumped = self.vblank & VBLANK_DUMP != 0;
                if !dumped && bit(7) {
                    self.dumping = true;
                }
                if dumped && !bit(7) {
                    self.dumping = false;
                    self.dump_released = cycles;
                }
                self.vblank = value;
            }
            WSYNC if !after_write && line_clock != 0 => return cycles + ((LINE_CLOCKS - line_clock) / 3) as u32,
            // NUSIZ0, NUSIZ1
            0x04 | 0x05 => {
                let player = usize::from(register - 0x04);
                self.nusiz[player] = value;
                self.skip_first_copy[player] = false;
                if player == 0 {
                    self.missile0_mode = MissileMode::Normal;
                }
            }
            // COLUP0, COLUP1, COLUPF, COLUBK
            0x06 | 0x07 => self.color_player[usize::from(register - 0x06)] = value & 0xFE | self.color_loss(),
            0x08 => self.color_playfield = value & 0xFE | self.color_loss(),
            0x09 => self.color_background = value & 0xFE | self.color_loss(),
            // CTRLPF
            0x0A => {
                self.ctrlpf = value;
                if line_clock < 147 {
                    self.playfield_reflected = bit(0);
                }
            }
            // REFP0, REFP1
            0x0B | 0x0C => self.reflected[usize::from(register - 0x0B)] = bit(3),
            // PF0, PF1, PF2
            0x0D..=0x0F => self.playfield[usize::from(register - 0x0D)] = value,
            // RESP0, RESP1
            0x10 | 0x11 => self.reset_player(usize::from(register - 0x10), k),
            // RESM0, RESM1, RESBL
            0x12..=0x14 => {
                let normal = if line_clock < HBLANK_CLOCKS { 2 } else { wrap(line_clock - HBLANK_CLOCKS + 4) };
                let since_hmove = k.wrapping_sub(self.last_hmove);
                let (object, position) = match (register, since_hmove, line_clock) {
                    (0x12, 60, 69) => (M0, 8),
                    (0x12, ..) => (M0, normal),
                    (0x13, 9, 18) => (M1, 3),
                    (0x13, ..) => (M1, normal),
                    (_, 54, 60 | 69) => (BL, 10),
                    (_, 9, 18) => (BL, 3),
                    (_, 21, 30) => (BL, 6),
                    (_, 18, 27) => (BL, 5),
                    _ => (BL, normal),
                };
                self.position[object] = position;
                if object == M0 {
                    self.missile0_mode = MissileMode::Normal;
                }
            }
            // GRP0, GRP1
            0x1B => {
                self.graphics[0] = value;
                self.old_graphics[1] = self.graphics[1];
            }
            0x1C => {
                self.graphics[1] = value;
                self.old_graphics[0] = self.graphics[0];
                self.old_ball_enabled = self.ball_enabled;
            }
            // ENAM0, ENAM1, ENABL
            0x1D | 0x1E => self.missile_enabled[usize::from(register - 0x1D)] = bit(1),
            0x1F => self.ball_enabled = bit(1),
            // HMP0, HMP1, HMM0, HMM1, HMBL
            0x20..=0x24 => {
                let object = usize::from(register - 0x20);
                if object == M0 && k == self.last_hmove.wrapping_add(63) && self.motion[M0] == 7 && value >> 4 == 6 {
                    self.star_field = Some(0);
                }
                self.motion[object] = value >> 4;
            }
            // VDELP0, VDELP1, VDELBL
            0x25 | 0x26 => self.player_delayed[usize::from(register - 0x25)] = bit(0),
            0x27 => self.ball_delayed = bit(0),
            // RESMP0, RESMP1
            0x28 | 0x29 => {
                let missile = usize::from(register - 0x28);
                if self.missile_locked[missile] && !bit(1) {
                    let centre = match self.nusiz[missile] & 7 {
                        5 => 8,
                        7 => 16,
                        _ => 4,
                    };
                    self.position[M0 + missile] = wrap(self.position[P0 + missile] + centre);
                    if missile == 0 {
                        self.missile0_mode = MissileMode::Normal;
                    }
                }
                self.missile_locked[missile] = bit(1);
            }
            // HMOVE
            0x2A => {
                let cycle = line_clock / 3;
                if self.picture.hmove_blanks && (cycle <= 20 || cycle == 75) {
                    self.hmove_blank = true;
                }
                for object in P0..=BL {
                    self.position[object] = wrap(self.position[object] + motion(cycle, self.motion[object]));
                }
                self.skip_first_copy = [false; 2];
                self.missile0_mode = MissileMode::Normal;
                self.star_field = None;
                self.last_hmove = k;
            }
            // HMCLR
            0x2B => self.motion = [0; 5],
            // CXCLR
            0x2C => self.met = [[false; 6]; 6],
            // RSYNC, sound and addresses without a register
            _ => {}
        }
        cycles
    }

    /// RESP0 or RESP1.
    fn reset_player(&mut self, player: usize, k: i32) {
        let line_clock = self.line_clock_of(k);
        let new = if line_clock < HBLANK_CLOCKS { 3 } else { wrap(line_clock - HBLANK_CLOCKS + 5) };
        let distance = self.from(player, new);
        let nusiz = self.nusiz[player];
        let width = match nusiz & 7 {
            5 => 16,
            7 => 32,
            _ => 8,
        };
        let about_to_start = copies(nusiz).iter().any(|&offset| (offset..offset + 4).contains(&distance));
        let being_drawn = copies(nusiz).iter().any(|&offset| (offset + 4..offset + 4 + width).contains(&distance));
        if being_drawn {
            self.draw(k + 11);
        }
        self.position[player] = new;
        self.skip_first_copy[player] = !about_to_start;
    }

    /// Reads the register `address & $0F`.
    pub(super) fn read(&mut self, address: u16, cycles: u32, data_bus: u8, pins: &InputPins) -> u8 {
        self.draw(clock(cycles));
        let register = usize::from(address & 0x0F);
        let [bit7, bit6] = match register {
            0..8 => COLLISION_REGISTERS[register].map(|pair| pair.is_some_and(|(a, b)| self.met[a][b])),
            8..12 => [self.paddle(pins.resistance[register - 8], cycles), false],
            12 | 13 => [!pins.grounded[register - 12], false],
            _ => [false; 2],
        };
        u8::from(bit7) << 7 | u8::from(bit6) << 6 | data_bus & 0x3F
    }

    fn paddle(&self, resistance: i32, cycles: u32) -> bool {
        let needed = (((1.6 * f64::from(resistance)) * 1e-8) * 1_190_000.0) as u32;
        match resistance {
            0 => true,
            InputPins::OPEN => false,
            _ => !self.dumping && cycles > self.dump_released.wrapping_add(needed),
        }
    }
}

/// Clocks from a write at this line cycle until the pixels show it.
fn delay(register: u8, line_cycle: i32) -> i32 {
    match register {
        0x01 | 0x0B | 0x0C | 0x1B | 0x1C => 1,
        0x04 | 0x05 | 0x12 | 0x13 => 8,
        0x0D..=0x0F => match line_cycle % 4 {
            0 => 4,
            1 => 5,
            2 => 2,
            _ => 3,
        },
        _ => 0,
    }
}

/// Where the copies of a player and its missile begin.
fn copies(nusiz: u8) -> &'static [i32] {
    match nusiz & 7 {
        1 => &[0, 16],
        2 => &[0, 32],
        3 => &[0, 16, 32],
        4 => &[0, 64],
        6 => &[0, 32, 64],
        _ => &[0],
    }
}

/// How many pixels to the right an HMOVE at this line cycle moves an object.
fn motion(cycle: i32, nibble: u8) -> i32 {
    let written = if nibble < 8 { -i32::from(nibble) } else { 16 - i32::from(nibble) };
    match cycle {
        0..=20 => written.max(EARLY_LIMIT[cycle as usize]),
        21..=54 => 0,
        55..=74 => (written - LATE_SHIFT[cycle as usize - 55]).min(0),
        _ => written,
    }
}

fn wrap(x: i32) -> i32 {
    x.rem_euclid(WIDTH as i32)
}

fn clock(cycles: u32) -> i32 {
    cycles as i32 * 3
}
