//! Horizontal motion: HMOVE, the strobes that set positions, and the star-field trick.
//!
//! Positions change at once. There is no motion clock; two HMOVEs simply add up.

use super::objects::{copies, missile_offset_in_player, player_width, BL, M0, M1, P0};
use super::row::WIDTH;
use super::{MissileMode, Tia, HBLANK_CLOCKS, LINE_CYCLES};

/// How far right an HMOVE strobed at line cycle `cycle` (0 to 75) moves an object whose HM register holds `nibble`.
const fn motion(cycle: i32, nibble: u8) -> i32 {
    const fn max(a: i32, b: i32) -> i32 {
        if a > b {
            a
        } else {
            b
        }
    }
    let written = if nibble < 8 { -(nibble as i32) } else { 16 - nibble as i32 };
    // The later the strobe, the fewer of the extra clocks reach the object.
    let quarter = (3 * cycle + 1).div_euclid(4);
    match cycle {
        75 => written,
        0..=20 => max(written, max(quarter - 9, -7)),
        21..=54 => 0,
        _ => -max(quarter - 47 - written, 0),
    }
}

/// [`motion`] by cycle and nibble.
static MOTION: [[i8; 16]; LINE_CYCLES as usize] = {
    let mut table = [[0; 16]; LINE_CYCLES as usize];
    let mut cycle = 0;
    while cycle < table.len() {
        let mut nibble = 0;
        while nibble < 16 {
            table[cycle][nibble] = motion(cycle as i32, nibble as u8) as i8;
            nibble += 1;
        }
        cycle += 1;
    }
    table
};

/// A position plus [`WIDTH`], wrapped into the line.
static WRAPPED: [u8; 512] = {
    let mut table = [0; 512];
    let mut x = 0;
    while x < table.len() {
        table[x] = (x % WIDTH) as u8;
        x += 1;
    }
    table
};

fn wrap(x: i32) -> u8 {
    x.rem_euclid(WIDTH as i32) as u8
}

impl Tia {
    /// HMOVE ($2A) at clock `k`.
    #[inline(never)]
    pub(super) fn hmove(&mut self, k: i32) {
        let cycle = self.line_clock(k) / 3;
        let blanks = self.picture.hmove_blanks && (cycle <= 20 || cycle == 75);
        let table = &MOTION[cycle as usize % MOTION.len()];
        let motions = self.motion_register.map(|nibble| table[usize::from(nibble % 16)]);
        let restored = [M0, M1, BL].map(|object| self.show_where_restored(object)) != [false; 3];
        let undoes = self.registers.skip_first_copy != [false; 2] || self.star_field.is_some() || restored;
        if motions == [0; 5] && !undoes {
            self.access(k, 0, blanks);
        } else {
            let moves = motions.iter().zip(&self.objects.words).any(|(&motion, &word)| motion != 0 && word != 0);
            let changes = undoes || moves;
            self.access(k, 0, changes || blanks);
            for (position, motion) in self.registers.position.iter_mut().zip(motions) {
                // An HMOVE moves at most eight pixels to the left and fifteen to the right.
                let moved = i32::from(*position) + i32::from(motion) + WIDTH as i32;
                *position = WRAPPED[moved as usize % WRAPPED.len()];
            }
            if changes {
                self.registers.skip_first_copy = [false; 2];
                self.registers.missile0_mode = MissileMode::Normal;
                self.star_field = None;
                self.objects = self.registers.objects();
            }
        }
        self.last_hmove_clock = k;
        if blanks {
            // Accesses before the HMOVE must not blank any pixels, so the cursor moves up to this one.
            if k >= self.display_start && self.cursor.drawn_until < k.min(self.display_end) {
                self.cursor.drawn_until = k;
            }
            self.hmove_blank_pending = true;
            self.find_quiet();
        }
    }

    /// Moves a missile or the ball to the position of a restored state. Returns whether it was elsewhere.
    #[inline(always)]
    pub(super) fn show_where_restored(&mut self, object: usize) -> bool {
        match self.unshown[object - M0].take() {
            Some(position) => {
                self.registers.position[object] = position;
                true
            }
            None => false,
        }
    }

    /// RESP0 or RESP1 ($10, $11) at clock `k`.
    #[inline(never)]
    pub(super) fn reset_player(&mut self, player: usize, k: i32) {
        self.access(k, 0, true);
        let line_clock = self.line_clock(k);
        let new = if line_clock < HBLANK_CLOCKS { 3 } else { wrap(line_clock - HBLANK_CLOCKS + 5) };
        let distance = u32::from(wrap(i32::from(new) - i32::from(self.registers.position[player])));
        let nusiz = self.registers.nusiz[player];
        let inside = |from: u32, length: u32| {
            copies(nusiz).iter().any(|&o| distance.wrapping_sub(o.into()).wrapping_sub(from) < length)
        };
        let delay_zone = inside(0, 4);
        if inside(4, player_width(nusiz)) {
            // A copy that is being drawn is finished at its old place.
            self.catch_up(k.wrapping_add(11));
        }
        self.registers.skip_first_copy[player] = !delay_zone;
        self.registers.position[player] = new;
        self.objects.set(player, self.registers.player_word(player));
    }

    /// RESM0, RESM1 or RESBL ($12 to $14) at clock `k`; `object` is M0, M1 or BL.
    #[inline(never)]
    pub(super) fn reset_narrow(&mut self, object: usize, k: i32) {
        let line_clock = self.line_clock(k);
        let since_hmove = k.wrapping_sub(self.last_hmove_clock);
        let position = match (object, since_hmove, line_clock) {
            // Strobes in the middle of a motion, hard-wired in ALE for the games that do it.
            (M0, 60, 69) => 8,
            (M1, 9, 18) | (BL, 9, 18) => 3,
            (BL, 54, 60) | (BL, 54, 69) => 10,
            (BL, 21, 30) => 6,
            (BL, 18, 27) => 5,
            _ if line_clock < HBLANK_CLOCKS => 2,
            _ => wrap(line_clock - HBLANK_CLOCKS + 4),
        };
        let delay = if object == BL { 0 } else { 8 };
        let changes = self.objects.words[object] != 0 || (object == M0 && self.star_field.is_some());
        self.access(k, delay, changes);
        self.show_where_restored(object);
        self.registers.position[object] = position;
        if object == M0 {
            self.registers.missile0_mode = MissileMode::Normal;
        }
        self.objects.set(object, self.registers.word(object));
    }

    /// RESMP0 or RESMP1 ($28, $29) at clock `k`.
    #[inline(never)]
    pub(super) fn lock_missile(&mut self, missile: usize, locked: bool, k: i32) {
        let changes = locked != self.registers.missile_locked[missile];
        self.access(k, 0, changes);
        if !changes {
            return;
        }
        if !locked {
            self.show_where_restored(M0 + missile);
            let centre = missile_offset_in_player(self.registers.nusiz[missile]) as i32;
            self.registers.position[M0 + missile] = wrap(i32::from(self.registers.position[P0 + missile]) + centre);
            if missile == 0 {
                self.registers.missile0_mode = MissileMode::Normal;
            }
        }
        self.registers.missile_locked[missile] = locked;
        self.objects.set(M0 + missile, self.registers.missile_word(missile));
    }

    /// Whether writing `nibble` to HMM0 at clock `k` starts the star field: 7 to 6, exactly 21 cycles after an HMOVE
    /// ("Cosmic Ark").
    pub(super) fn arms_star_field(&self, k: i32, nibble: u8) -> bool {
        k == self.last_hmove_clock.wrapping_add(63) && self.motion_register[M0] == 7 && nibble == 6
    }

    /// At the end of a line the star field moves missile 0 to the left.
    pub(super) fn step_star_field(&mut self) {
        let Some(counter) = self.star_field.as_mut() else { return };
        *counter = (*counter + 1) % 4;
        let (step, mode) = match *counter {
            0 => (18, MissileMode::Normal),
            1 => (33, MissileMode::Stretched),
            2 => (0, MissileMode::Off),
            _ => (17, MissileMode::Normal),
        };
        self.registers.missile0_mode = mode;
        self.registers.position[M0] = wrap(i32::from(self.registers.position[M0]) - step);
        self.objects.set(M0, self.registers.missile_word(0));
    }
}

#[cfg(test)]
mod tests {
    use super::motion;

    #[test]
    fn motion_follows_both_tables_of_the_specification() {
        let least = [-7, -7, -7, -7, -6, -5, -5, -4, -3, -2, -2, -1, 0, 1, 1, 2, 3, 4, 4, 5, 6];
        let late = [-6, -5, -4, -4, -3, -2, -1, -1, 0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8];
        for nibble in 0..16u8 {
            let written = if nibble < 8 { -i32::from(nibble) } else { 16 - i32::from(nibble) };
            for (cycle, &limit) in least.iter().enumerate() {
                assert_eq!(motion(cycle as i32, nibble), written.max(limit), "cycle {cycle}");
            }
            for cycle in 21..=54 {
                assert_eq!(motion(cycle, nibble), 0);
            }
            for (i, &k) in late.iter().enumerate() {
                assert_eq!(motion(55 + i as i32, nibble), (written - k).min(0), "cycle {}", 55 + i);
            }
            assert_eq!(motion(75, nibble), written);
        }
    }
}
