//! The TIA's part of a saved state: registers, time stamps, the cursor and two pictures.

use super::drawing::Cursor;
use super::objects::Registers;
use super::row::WIDTH;
use super::{MissileMode, Picture, Tia, BUFFER_ROWS, HBLANK_CLOCKS, LINE_CLOCKS};
use crate::saved_state::{exchange, Archive, Saved, StateError};

impl Tia {
    /// Saves the chip, or restores it on a console whose picture is `picture`.
    ///
    /// Saving paints what is left to paint and counts out the collisions, so it is done on a copy.
    pub(crate) fn exchange(&mut self, picture: Picture, archive: &mut Archive) -> Result<(), StateError> {
        if archive.restoring() {
            self.frames.iter_mut().for_each(|frame| frame.clear());
        } else {
            self.take_collisions();
        }
        let shown = picture.exposed_rows() as usize * WIDTH;
        let [first, second] = self.frames.each_mut().map(|frame| &mut frame.look_and_change()[..shown]);
        archive.pictures(first, second)?;

        // The cursor as clocks left in its line and the place of the pixel it is at.
        let mut drawn_until = self.cursor.drawn_until;
        let line_clock = drawn_until - self.cursor.line_start;
        let mut line_clocks_left = LINE_CLOCKS - line_clock;
        let mut write_position = usize::from(self.cursor.row_start) + (line_clock - HBLANK_CLOCKS).max(0) as usize;

        // A new field: exchange it below, or say why it need not be, and raise the version of the format.
        let Self {
            picture: own_picture,
            frame_start,
            display_start: _, // these three follow from `picture` and `frame_start`
            display_end: _,
            last_clock: _,
            line_start: _, // and so do these two
            waited_until: _,
            cursor: _, // as three numbers
            noted_until,
            noted_before,
            vsync_release,
            lines_of_last_frame,
            partial,
            greyed,
            stop: _, // every update clears it first
            log: _,  // made when the update ended
            logged: _,
            later_until: _,
            overheard: _, // by the cartridge
            frames: _,    // as pictures
            collider: _,  // remembers what it could find again
            current_frame,
            sound,
            vblank,
            colours,
            registers,
            objects: _, // follows from the registers
            motion_register,
            collisions,
            dump_paddles,
            dump_released_cycle,
            last_hmove_clock,
            hmove_blank_pending,
            star_field,
        } = self;
        let Registers {
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
        archive.number(current_frame, 0..=1, "the frame buffer in use")?;
        archive.number(frame_start, 1 - LINE_CLOCKS..=0, "the frame's start")?;
        exchange!(archive, &mut drawn_until, &mut line_clocks_left, &mut write_position);
        exchange!(archive, noted_until, noted_before, vsync_release, lines_of_last_frame, last_hmove_clock);
        exchange!(archive, partial, greyed, vblank, nusiz, ctrlpf, reflected, graphics, old_graphics);
        exchange!(archive, &mut colours.player, &mut colours.playfield, &mut colours.background);
        exchange!(archive, missile_enabled, ball_enabled, old_ball_enabled, player_delayed, ball_delayed);
        exchange!(archive, missile_locked, dump_paddles, dump_released_cycle, skip_first_copy, playfield_reflected);
        exchange!(archive, missile0_mode, hmove_blank_pending, star_field, sound);
        archive.number(playfield, 0..=0xF_FFFF, "the playfield")?;
        archive.number(collisions, 0..=0x7FFF, "the collisions")?;
        for object in position {
            archive.number(object, 0..=WIDTH as u8 - 1, "an object's position")?;
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

    /// The cursor must write where its line and column are, and every line to the window's end must fit into the buffer.
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
