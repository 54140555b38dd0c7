//! The TIA's part of a saved state: registers, time stamps, the cursor and two pictures.

use super::drawing::Cursor;
use super::objects::{ObjectRegisters, BL, M0};
use super::row::WIDTH;
use super::{MissileMode, PictureLayout, Tia, BUFFER_ROWS, HBLANK_CLOCKS, LINE_CLOCKS};
use crate::saved_state::{exchange, Archive, Saved, StateError};

impl Tia {
    /// Saves the chip, or restores it on a console whose picture is `picture`.
    ///
    /// Saving paints the unpainted strokes and latches the collisions. With the pictures, it has all rows painted
    /// again, so it is done on a copy.
    pub(crate) fn exchange(&mut self, picture: PictureLayout, archive: &mut Archive) -> Result<(), StateError> {
        let complete = archive.complete();
        if complete && archive.restoring() {
            self.frames.iter_mut().for_each(|frame| frame.clear());
        } else {
            self.take_collisions();
        }
        if complete {
            let shown = picture.exposed_rows() as usize * WIDTH;
            let [first, second] = self.frames.each_mut().map(|frame| &mut frame.look_and_change()[..shown]);
            exchange_pictures(archive, first, second)?;
        } else if archive.restoring() {
            // The pictures stay, and what was drawn since is not painted over the restored state's next frame.
            self.frames.iter_mut().for_each(|frame| frame.paint_and_interrupt());
        }

        // The cursor is saved as the clocks left in its line and the index of its pixel.
        let mut drawn_until = self.cursor.drawn_until;
        let line_clock = drawn_until - self.cursor.line_start;
        let mut line_clocks_left = LINE_CLOCKS - line_clock;
        let mut write_position = usize::from(self.cursor.row_start) + (line_clock - HBLANK_CLOCKS).max(0) as usize;

        // A new field: exchange it below or say why that is not needed, and raise the version of the format.
        let Self {
            picture: own_picture,
            frame_start,
            display_start: _, // these three follow from `picture` and `frame_start`
            display_end: _,
            last_clock: _,
            line_start: _, // as do these two
            waited_until: _,
            cursor: _, // saved as three numbers
            noted_until,
            noted_before,
            vsync_release,
            lines_of_last_frame,
            partial,
            grayed,
            stop: _, // every update clears it first
            log: _,  // empty between updates
            logged: _,
            later_until: _,
            overheard: _, // set by the cartridge
            frames: _,    // saved as pictures
            collider: _,  // a cache
            current_frame,
            sound,
            vblank,
            colors,
            registers,
            objects: _, // follows from the registers
            motion_register,
            collisions,
            dump_paddles,
            dump_released_cycle,
            last_hmove_clock,
            hmove_blank_pending,
            star_field,
            unshown,
        } = self;
        let ObjectRegisters {
            nusiz,
            ctrlpf,
            reflected,
            playfield,
            graphics,
            old_graphics,
            missile_enabled,
            ball_enabled,
            old_ball_enabled,
            player_delayed,
            ball_delayed,
            missile_locked,
            position,
            skip_first_copy,
            playfield_reflected,
            missile0_mode,
        } = registers;
        *own_picture = picture;
        if complete {
            archive.number(current_frame, 0..=1, "the frame buffer in use")?;
        }
        archive.number(frame_start, 1 - LINE_CLOCKS..=0, "the frame's start")?;
        exchange!(archive, &mut drawn_until, &mut line_clocks_left, &mut write_position);
        exchange!(archive, noted_until, noted_before, vsync_release, lines_of_last_frame, last_hmove_clock);
        if complete {
            exchange!(archive, partial, grayed);
        }
        exchange!(archive, vblank, nusiz, ctrlpf, reflected, graphics, old_graphics);
        exchange!(archive, &mut colors.player, &mut colors.playfield, &mut colors.background);
        exchange!(archive, missile_enabled, ball_enabled, old_ball_enabled, player_delayed, ball_delayed);
        exchange!(archive, missile_locked, dump_paddles, dump_released_cycle);
        if complete {
            // ALE keeps these with the places where objects show, which its states do not hold.
            exchange!(archive, skip_first_copy, playfield_reflected, missile0_mode);
        }
        exchange!(archive, hmove_blank_pending, star_field);
        if complete {
            exchange!(archive, sound);
        }
        archive.number(playfield, 0..=0xF_FFFF, "the playfield")?;
        archive.number(collisions, 0..=0x7FFF, "the collisions")?;
        let shown = *position;
        for (object, restored) in position[M0..].iter_mut().zip(&mut *unshown) {
            *object = restored.take().unwrap_or(*object);
        }
        for object in &mut *position {
            archive.number(object, 0..=WIDTH as u8 - 1, "an object's position")?;
        }
        if !complete {
            // Saving changes nothing here; after restoring, missiles and ball show where they were.
            for (place, object) in (M0..=BL).enumerate() {
                if position[object] != shown[object] {
                    unshown[place] = Some(std::mem::replace(&mut position[object], shown[object]));
                }
            }
        }
        for nibble in motion_register {
            archive.number(nibble, 0..=15, "a motion register")?;
        }
        if star_field.is_some_and(|counter| counter > 3) {
            return Err(StateError::invalid("the star field's counter", star_field, "0 to 3"));
        }
        if archive.restoring() {
            self.line_start = self.frame_start;
            self.waited_until = (self.frame_start / 3) as u32;
            self.objects = self.registers.objects();
            self.place_window();
            self.place_cursor(drawn_until, line_clocks_left, write_position)?;
        }
        Ok(())
    }

    /// Places the cursor. The saved pixel index must agree with its line and column, and all lines to the window's end
    /// must fit into the buffer.
    fn place_cursor(&mut self, drawn: i32, left: i32, write_position: usize) -> Result<(), StateError> {
        let in_window = (self.frame_start..=self.display_end).contains(&drawn) && (0..=LINE_CLOCKS).contains(&left);
        let row_start = in_window.then(|| {
            let line_clock = LINE_CLOCKS - left;
            let x = (line_clock - HBLANK_CLOCKS).max(0) as usize;
            let lines = (self.display_end - drawn + line_clock + LINE_CLOCKS - 1) / LINE_CLOCKS;
            let row_start = write_position.checked_sub(x);
            row_start.filter(|start| start % WIDTH == 0 && start / WIDTH + lines as usize <= BUFFER_ROWS)
        });
        let Some(row_start) = row_start.flatten() else {
            let cursor = (drawn, left, write_position);
            return Err(StateError::invalid("the drawing cursor", cursor, "a place inside the picture"));
        };
        let line_start = drawn + left - LINE_CLOCKS;
        self.cursor = Cursor { drawn_until: drawn, line_start, row_start: row_start as u16, ..Cursor::new(drawn) };
        self.find_quiet();
        Ok(())
    }
}

impl Saved for MissileMode {
    fn exchange(&mut self, archive: &mut Archive) -> Result<(), StateError> {
        let modes = [Self::Normal, Self::Stretched, Self::Off];
        let mut number = *self as u8;
        archive.number(&mut number, 0..=2, "the missile's mode")?;
        *self = modes[usize::from(number)];
        Ok(())
    }
}

/// Exchanges two pictures that have much in common: the second as its differences from the first, and the first as the
/// differences of each row from the row above.
fn exchange_pictures(archive: &mut Archive, first: &mut [u8], second: &mut [u8]) -> Result<(), StateError> {
    let rows = first.len() / WIDTH;
    if !archive.restoring() {
        toggle(second, first);
        (1..rows).rev().for_each(|row| toggle_by_row_above(first, row));
    }
    archive.runs(first)?;
    archive.runs(second)?;
    (1..rows).for_each(|row| toggle_by_row_above(first, row));
    toggle(second, first);
    Ok(())
}

/// Turns `pixels` into the difference from `others`, and back.
fn toggle(pixels: &mut [u8], others: &[u8]) {
    pixels.iter_mut().zip(others).for_each(|(pixel, other)| *pixel ^= other);
}

fn toggle_by_row_above(picture: &mut [u8], row: usize) {
    let (above, below) = picture.split_at_mut(row * WIDTH);
    toggle(&mut below[..WIDTH], &above[(row - 1) * WIDTH..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saved_state::Scope;

    #[test]
    fn pictures_come_back_the_same() {
        let noise = |factor: usize| (0..WIDTH * 5).map(|i| ((i * factor) >> 7) as u8).collect::<Vec<_>>();
        let (first, second) = (noise(31), noise(37));
        let written = {
            let mut archive = Archive::saving(Vec::new(), Scope::Complete);
            exchange_pictures(&mut archive, &mut first.clone(), &mut second.clone()).unwrap();
            archive.into_bytes()
        };
        let (mut one, mut two) = (vec![1; WIDTH * 5], vec![2; WIDTH * 5]);
        exchange_pictures(&mut Archive::reading(&written, Scope::Complete), &mut one, &mut two).unwrap();
        assert!(one == first && two == second);
    }
}
