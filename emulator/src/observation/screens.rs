//! The last two screens of a step, and what is new in them.
//!
//! Four rows in five show what they showed a step ago, and the emulator's painter knows of most. What it painted is compared;
//! making a gray, pooled and reduced row anew costs some twenty times as much as that.

use atari_emulator::{Screen, ScreenVersion};

/// Pixels in a row of the console's picture.
const WIDTH: usize = 160;

/// The screens a frame is made of, as palette indices, and the rows in which they differ from what they were when the frame
/// before was made.
#[derive(Clone, Debug)]
pub(crate) struct ScreenPair {
    last: Vec<u8>,
    before_last: Vec<u8>,
    /// The versions of the two.
    last_version: Option<ScreenVersion>,
    before_last_version: Option<ScreenVersion>,
    /// What the rows of `before_last` that are new in it showed before.
    displaced: Vec<u8>,
    /// A byte a row.
    changes: Vec<u8>,
}

/// Bits of `changes`: the row is new in the last screen, or in the last but one, or must be looked at for another reason.
const LAST: u8 = 1;
const BEFORE_LAST: u8 = 2;
const OTHERWISE: u8 = 4;

impl ScreenPair {
    /// Two black screens of `height` rows, new in every row.
    pub(crate) fn new(height: usize) -> Self {
        let black = vec![0; height * WIDTH];
        Self {
            last: black.clone(),
            before_last: black.clone(),
            last_version: None,
            before_last_version: None,
            displaced: black,
            changes: vec![OTHERWISE; height],
        }
    }

    /// The last screen is `screen`.
    pub(crate) fn set_last(&mut self, screen: &Screen) {
        let painted = screen.changed_since(self.last_version);
        for (((kept, new), change), painted) in
            rows_mut(&mut self.last).zip(rows(screen.pixels)).zip(&mut self.changes).zip(painted)
        {
            if painted && kept != new {
                *kept = *new;
                *change |= LAST;
            }
        }
        self.last_version = screen.version();
    }

    /// The last screen but one is `screen`.
    pub(crate) fn set_before_last(&mut self, screen: &Screen) {
        let kept = rows_mut(&mut self.before_last).zip(rows_mut(&mut self.displaced));
        let painted = screen.changed_since(self.before_last_version);
        for ((((kept, displaced), new), change), painted) in
            kept.zip(rows(screen.pixels)).zip(&mut self.changes).zip(painted)
        {
            if painted && kept != new {
                *displaced = *kept;
                *kept = *new;
                *change |= BEFORE_LAST;
            }
        }
        self.before_last_version = screen.version();
    }

    /// The last screen.
    pub(crate) fn last(&self) -> &[u8] {
        &self.last
    }

    /// The last screen but one.
    pub(crate) fn before_last(&self) -> &[u8] {
        &self.before_last
    }

    /// What the last screen but one was when the frame before was made.
    pub(crate) fn displaced_before_last(&self) -> Vec<u8> {
        let mut screen = self.before_last.clone();
        for ((row, displaced), change) in rows_mut(&mut screen).zip(rows(&self.displaced)).zip(&self.changes) {
            if change & BEFORE_LAST != 0 {
                *row = *displaced;
            }
        }
        screen
    }

    /// Every row counts as new: the frame to be made does not take the place of one made of the same screens.
    pub(crate) fn change_all(&mut self) {
        self.changes.iter_mut().for_each(|change| *change |= OTHERWISE);
    }

    /// A byte a row: not 0 if it is new.
    pub(crate) fn changes(&self) -> &[u8] {
        &self.changes
    }

    /// A frame was made: nothing is new.
    pub(crate) fn forget_changes(&mut self) {
        self.changes.fill(0);
    }
}

fn rows(screen: &[u8]) -> impl Iterator<Item = &[u8; WIDTH]> {
    screen.as_chunks().0.iter()
}

fn rows_mut(screen: &mut [u8]) -> impl Iterator<Item = &mut [u8; WIDTH]> {
    screen.as_chunks_mut().0.iter_mut()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rows_that_differ_from_what_they_were_are_new() {
        let mut pair = ScreenPair::new(3);
        let set_last = |pair: &mut ScreenPair, pixels: &[u8]| pair.set_last(&Screen::new(pixels, WIDTH, 3));
        let set_before_last =
            |pair: &mut ScreenPair, pixels: &[u8]| pair.set_before_last(&Screen::new(pixels, WIDTH, 3));
        assert!(pair.changes().iter().all(|&change| change != 0));
        pair.forget_changes();
        let mut screen = vec![0; 3 * WIDTH];
        set_last(&mut pair, &screen);
        set_before_last(&mut pair, &screen);
        assert_eq!(pair.changes(), [0; 3]);
        screen[WIDTH] = 5;
        set_last(&mut pair, &screen);
        screen[2 * WIDTH] = 6;
        set_before_last(&mut pair, &screen);
        assert_eq!(pair.changes(), [0, LAST | BEFORE_LAST, BEFORE_LAST]);
        assert_eq!(pair.before_last(), screen);
        assert_eq!(pair.displaced_before_last(), [0; 3 * WIDTH]);
        screen[2 * WIDTH] = 0;
        assert_eq!(pair.last(), screen);
        pair.forget_changes();
        assert_eq!(pair.displaced_before_last(), pair.before_last());
    }
}
