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
    pub(super) fn active_objects(&self) -> u8 {
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
    pub(super) fn shown_graphics(&self, player: usize) -> u8 {
        if self.player_delayed[player] {
            self.old_graphics[player]
        } else {
            self.graphics[player]
        }
    }

    /// The row of a player if its graphics were `graphics`.
    pub(super) fn player_row(&self, player: usize, graphics: u8) -> Row {
        let mut row = Row::EMPTY;
        // Bit 7 is the leftmost pixel, unless reflected; a row's bit 0 is.
        let pattern = if self.reflected[player] { graphics } else { graphics.reverse_bits() };
        let nusiz = self.nusiz[player];
        let x = u32::from(self.position[player]);
        let skip = self.skip_first_copy[player];
        match nusiz & 7 {
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
    pub(super) fn missile_row(&self, missile: usize) -> Row {
        let nusiz = self.nusiz[missile];
        let mut size_code = nusiz >> 4 & 3;
        if missile == 0 {
            match self.missile0_mode {
                MissileMode::Normal => {}
                MissileMode::Stretched => size_code |= 1,
                MissileMode::Off => return Row::EMPTY,
            }
        }
        let mut row = Row::EMPTY;
        for &offset in copies(nusiz) {
            row.place(solid(size_code), u32::from(self.position[M0 + missile]) + u32::from(offset));
        }
        row
    }

    /// The row of the ball when it is switched on.
    pub(super) fn ball_row(&self) -> Row {
        let mut row = Row::EMPTY;
        row.place(solid(self.ctrlpf >> 4 & 3), u32::from(self.position[BL]));
        row
    }

    /// The row of the playfield.
    pub(super) fn playfield_row(&self) -> Row {
        let left = u64::from(self.playfield);
        let right = if self.playfield_reflected { u64::from(self.playfield.reverse_bits() >> (32 - 20)) } else { left };
        Row::of_groups(left | right << 20)
    }
}

/// 1, 2, 4 or 8 pixels.
fn solid(size_code: u8) -> u32 {
    (1 << (1 << size_code)) - 1
}
