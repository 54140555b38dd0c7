//! Where each of the six movable and fixed objects shows on a scanline.

use super::row::{stretch, Row};
use super::{MissileMode, Tia};

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

impl Tia {
    /// The objects that are switched on, whether or not they cover anything: the set that decides on the playfield's
    /// score colours and on the over-run.
    fn active_objects(&self) -> u8 {
        let mut set = 0;
        for player in [P0, P1] {
            if self.shown_graphics(player) != 0 {
                set |= bit(player);
            }
        }
        for missile in [0, 1] {
            if self.missile_enabled[missile] && !self.missile_locked[missile] {
                set |= bit(M0 + missile);
            }
        }
        if if self.ball_delayed { self.old_ball_enabled } else { self.ball_enabled } {
            set |= bit(BL);
        }
        if self.playfield != 0 {
            set |= bit(PF);
        }
        set
    }

    /// GRP0 or GRP1 as VDELP selects it.
    fn shown_graphics(&self, player: usize) -> u8 {
        if self.player_delayed[player] {
            self.old_graphics[player]
        } else {
            self.graphics[player]
        }
    }

    /// What the registers say about the objects now.
    pub(super) fn objects_now(&self) -> Objects {
        Objects {
            active: self.active_objects(),
            players: [P0, P1].map(|player| Player {
                graphics: self.shown_graphics(player),
                position: self.position[player],
                copies: self.nusiz[player] & 7,
                reflected: self.reflected[player],
                skip_first_copy: self.skip_first_copy[player],
            }),
            missiles: [0, 1].map(|missile| Missile {
                position: self.position[M0 + missile],
                copies_and_size: self.nusiz[missile] & 0x37,
                mode: if missile == 0 { self.missile0_mode } else { MissileMode::Normal },
            }),
            ball_position: self.position[BL],
            ball_size: self.ctrlpf >> 4 & 3,
            playfield: self.playfield,
            playfield_reflected: self.playfield_reflected,
        }
    }
}

/// All that decides where the six objects show on a line.
///
/// It is kept instead of the rows: of four skipped frames nobody looks at two, and most collisions nobody asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Objects {
    /// The set of objects that are switched on.
    pub(super) active: u8,
    players: [Player; 2],
    missiles: [Missile; 2],
    ball_position: u8,
    ball_size: u8,
    playfield: u32,
    playfield_reflected: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Player {
    graphics: u8,
    position: u8,
    /// Bits 0 to 2 of NUSIZ.
    copies: u8,
    reflected: bool,
    skip_first_copy: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Missile {
    position: u8,
    /// Bits 0 to 2 and 4 to 5 of NUSIZ.
    copies_and_size: u8,
    mode: MissileMode,
}

impl Objects {
    /// None of them switched on.
    pub(super) const NONE: Objects = Objects {
        active: 0,
        players: [Player { graphics: 0, position: 0, copies: 0, reflected: false, skip_first_copy: false }; 2],
        missiles: [Missile { position: 0, copies_and_size: 0, mode: MissileMode::Normal }; 2],
        ball_position: 0,
        ball_size: 0,
        playfield: 0,
        playfield_reflected: false,
    };

    /// Whether `object` shows otherwise than in `other`.
    fn differs(&self, other: &Objects, object: usize) -> bool {
        (self.active ^ other.active) & bit(object) != 0
            || match object {
                P0 | P1 => self.players[object] != other.players[object],
                M0 | M1 => self.missiles[object - M0] != other.missiles[object - M0],
                BL => (self.ball_position, self.ball_size) != (other.ball_position, other.ball_size),
                _ => (self.playfield, self.playfield_reflected) != (other.playfield, other.playfield_reflected),
            }
    }

    /// The row of `object`; empty if it is switched off.
    pub(super) fn row(&self, object: usize) -> Row {
        if self.active & bit(object) == 0 {
            return Row::EMPTY;
        }
        match object {
            P0 | P1 => self.player_row(object, self.players[object].graphics),
            M0 | M1 => self.missile_row(object - M0),
            BL => self.ball_row(),
            _ => self.playfield_row(),
        }
    }

    /// The row of a player if its graphics were `graphics`.
    pub(super) fn player_row(&self, player: usize, graphics: u8) -> Row {
        let mut row = Row::EMPTY;
        // Bit 7 is the leftmost pixel, unless reflected; a row's bit 0 is.
        let Player { position, copies: nusiz, reflected, skip_first_copy: skip, .. } = self.players[player];
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
        let Missile { position, copies_and_size: nusiz, mode } = self.missiles[missile];
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
        row.place(solid(self.ball_size), u32::from(self.ball_position));
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
        Self { objects: Objects::NONE, rows: [Row::EMPTY; 6] }
    }

    /// Those of `objects`.
    pub(super) fn of(&mut self, objects: &Objects) -> &[Row; 6] {
        if self.objects != *objects {
            for object in [P0, P1, M0, M1, BL, PF] {
                if objects.differs(&self.objects, object) {
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
