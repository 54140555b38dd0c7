//! Where each of the six movable and fixed objects shows on a scanline.

use super::row::{stretch, Row};
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
const COPIES: [&[u8]; 8] = [&[0], &[0, 16], &[0, 32], &[0, 16, 32], &[0, 64], &[0], &[0, 32, 64], &[0]];

const DOUBLE: u8 = 5;
const QUAD: u8 = 7;

/// Offsets of the copies that NUSIZ value `nusiz` asks for.
pub(super) fn copies(nusiz: u8) -> &'static [u8] {
    COPIES[usize::from(nusiz & 7)]
}

/// Pixels a player's copy is wide.
pub(super) fn player_width(nusiz: u8) -> u32 {
    match nusiz & 7 {
        DOUBLE => 16,
        QUAD => 32,
        _ => 8,
    }
}

/// How far right of its player a missile appears when RESMP lets go of it.
pub(super) fn missile_offset_in_player(nusiz: u8) -> u32 {
    match nusiz & 7 {
        DOUBLE => 8,
        QUAD => 16,
        _ => 4,
    }
}

/// The registers, and what follows from them, that decide where the six objects show on a line.
///
/// A stroke keeps a copy of them instead of the rows: of four skipped frames nobody looks at two, and most collisions nobody
/// asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Objects {
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

/// What the row of a player depends on.
#[derive(PartialEq, Eq)]
struct Player {
    graphics: u8,
    position: u8,
    /// Bits 0 to 2 of NUSIZ.
    copies: u8,
    reflected: bool,
    skip_first_copy: bool,
}

/// What the row of a missile depends on.
#[derive(PartialEq, Eq)]
struct Missile {
    position: u8,
    /// Bits 0 to 2 and 4 to 5 of NUSIZ.
    copies_and_size: u8,
    mode: MissileMode,
}

impl Objects {
    /// As a reset leaves them: all switched off.
    pub(super) const RESET: Objects = Objects {
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

    /// The objects that are switched on, whether or not they cover anything: the set that decides on the playfield's
    /// score colours and on the over-run.
    #[inline]
    pub(super) fn active(&self) -> u8 {
        let missile = |missile: usize| self.missile_enabled[missile] && !self.missile_locked[missile];
        let ball = if self.ball_delayed { self.old_ball_enabled } else { self.ball_enabled };
        u8::from(self.shown_graphics(P0) != 0) << P0
            | u8::from(self.shown_graphics(P1) != 0) << P1
            | u8::from(missile(0)) << M0
            | u8::from(missile(1)) << M1
            | u8::from(ball) << BL
            | u8::from(self.playfield != 0) << PF
    }

    /// GRP0 or GRP1 as VDELP selects it.
    #[inline]
    fn shown_graphics(&self, player: usize) -> u8 {
        if self.player_delayed[player] {
            self.old_graphics[player]
        } else {
            self.graphics[player]
        }
    }

    fn player(&self, player: usize) -> Player {
        Player {
            graphics: self.shown_graphics(player),
            position: self.position[player],
            copies: self.nusiz[player] & 7,
            reflected: self.reflected[player],
            skip_first_copy: self.skip_first_copy[player],
        }
    }

    fn missile(&self, missile: usize) -> Missile {
        Missile {
            position: self.position[M0 + missile],
            copies_and_size: self.nusiz[missile] & 0x37,
            mode: if missile == 0 { self.missile0_mode } else { MissileMode::Normal },
        }
    }

    fn ball_size(&self) -> u8 {
        self.ctrlpf >> 4 & 3
    }

    /// Whether `object`, switched on in both, shows otherwise than in `other`.
    #[inline]
    fn differs(&self, other: &Objects, object: usize) -> bool {
        match object {
            P0 | P1 => self.player(object) != other.player(object),
            M0 | M1 => self.missile(object - M0) != other.missile(object - M0),
            BL => (self.position[BL], self.ball_size()) != (other.position[BL], other.ball_size()),
            _ => (self.playfield, self.playfield_reflected) != (other.playfield, other.playfield_reflected),
        }
    }

    /// The row of `object`, which is switched on.
    fn row(&self, object: usize) -> Row {
        match object {
            P0 | P1 => self.player_row(object, self.shown_graphics(object)),
            M0 | M1 => self.missile_row(object - M0),
            BL => self.ball_row(),
            _ => self.playfield_row(),
        }
    }

    /// The row of a player if its graphics were `graphics`.
    pub(super) fn player_row(&self, player: usize, graphics: u8) -> Row {
        let mut row = Row::EMPTY;
        // Bit 7 is the leftmost pixel, unless reflected; a row's bit 0 is.
        let Player { position, copies: nusiz, reflected, skip_first_copy: skip, .. } = self.player(player);
        let pattern = if reflected { graphics } else { graphics.reverse_bits() };
        let x = u32::from(position);
        match nusiz {
            // Wide players start one pixel late.
            DOUBLE if !skip => row.place(stretch(pattern, 2), x + 1),
            QUAD if !skip => row.place(stretch(pattern, 4), x + 1),
            DOUBLE | QUAD => {}
            _ => {
                for &offset in &copies(nusiz)[usize::from(skip)..] {
                    row.place(u32::from(pattern), x + u32::from(offset));
                }
            }
        }
        row
    }

    /// The row of a missile that is switched on.
    fn missile_row(&self, missile: usize) -> Row {
        let Missile { position, copies_and_size: nusiz, mode } = self.missile(missile);
        let mut size_code = nusiz >> 4 & 3;
        match mode {
            MissileMode::Normal => {}
            MissileMode::Stretched => size_code |= 1,
            MissileMode::Off => return Row::EMPTY,
        }
        let mut row = Row::EMPTY;
        for &offset in copies(nusiz) {
            row.place(solid(size_code), u32::from(position) + u32::from(offset));
        }
        row
    }

    /// The row of the ball when it is switched on.
    fn ball_row(&self) -> Row {
        let mut row = Row::EMPTY;
        row.place(solid(self.ball_size()), u32::from(self.position[BL]));
        row
    }

    /// The row of the playfield.
    fn playfield_row(&self) -> Row {
        let left = u64::from(self.playfield);
        let right = if self.playfield_reflected { u64::from(self.playfield.reverse_bits() >> (32 - 20)) } else { left };
        Row::of_groups(left | right << 20)
    }
}

/// The rows of all objects, worked out again only for those that change.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    objects: Objects,
    rows: [Row; 6],
}

impl Rows {
    /// Nothing.
    pub(super) fn new() -> Self {
        Self { objects: Objects::RESET, rows: [Row::EMPTY; 6] }
    }

    /// Those of `objects`.
    pub(super) fn of(&mut self, objects: &Objects) -> &[Row; 6] {
        if self.objects != *objects {
            let (old, new) = (self.objects.active(), objects.active());
            for object in [P0, P1, M0, M1, BL, PF] {
                let was = old & bit(object) != 0;
                if new & bit(object) == 0 {
                    if was {
                        self.rows[object] = Row::EMPTY;
                    }
                } else if !was || objects.differs(&self.objects, object) {
                    self.rows[object] = objects.row(object);
                }
            }
            self.objects = *objects;
        }
        &self.rows
    }
}

/// 1, 2, 4 or 8 pixels.
fn solid(size_code: u8) -> u32 {
    (1 << (1 << size_code)) - 1
}
