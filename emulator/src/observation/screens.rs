//! The last two screens of a step, and the rows in which they changed.
//!
//! Four rows in five are equal to the previous step's, and the emulator's painter knows most of them. Only rows that it
//! painted are compared here: a comparison costs a twentieth of converting a row to gray, pooling and reducing it.

use super::SCREEN_WIDTH;
use crate::screen::{Screen, ScreenVersion};

/// The two screens that a frame is computed from, as palette indices, and the rows in which they differ from the two
/// screens of the previous frame.
#[derive(Clone, Debug)]
pub(super) struct ScreenPair {
    last: Vec<u8>,
    before_last: Vec<u8>,
    /// The versions of the two screens.
    last_version: Option<ScreenVersion>,
    before_last_version: Option<ScreenVersion>,
    /// Previous content of the rows of `before_last` that changed.
    displaced: Vec<u8>,
    /// One byte for each row.
    changes: Vec<u8>,
}

/// Bits of `changes`: the row changed in the last screen, it changed in the last but one, or it must be recomputed for
/// another reason.
const LAST: u8 = 1;
const BEFORE_LAST: u8 = 2;
const OTHERWISE: u8 = 4;

impl ScreenPair {
    /// Two black screens of `height` rows, changed in every row.
    pub(super) fn new(height: usize) -> Self {
        let black = vec![0; height * SCREEN_WIDTH];
        Self {
            last: black.clone(),
            before_last: black.clone(),
            last_version: None,
            before_last_version: None,
            displaced: black,
            changes: vec![OTHERWISE; height],
        }
    }

    /// Whether the screen has the size of these two.
    #[inline]
    fn check_size(&self, screen: &Screen) {
        assert!(
            screen.pixels.len() == self.last.len() && screen.width == SCREEN_WIDTH,
            "a screen of {} rows and {} columns; the observer is for {} rows and {SCREEN_WIDTH} columns",
            screen.height,
            screen.width,
            self.changes.len(),
        );
    }

    /// Replaces the last screen.
    ///
    /// # Panics
    /// If `screen` has another size.
    pub(super) fn set_last(&mut self, screen: &Screen) {
        self.check_size(screen);
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

    /// Replaces the last screen but one. May be called once between two calls of
    /// [`forget_changes`](Self::forget_changes).
    ///
    /// # Panics
    /// If `screen` has another size.
    pub(super) fn set_before_last(&mut self, screen: &Screen) {
        self.check_size(screen);
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
    pub(super) fn last(&self) -> &[u8] {
        &self.last
    }

    /// The last screen but one.
    pub(super) fn before_last(&self) -> &[u8] {
        &self.before_last
    }

    /// The last screen but one of the previous frame.
    pub(super) fn displaced_before_last(&self) -> Vec<u8> {
        let mut screen = self.before_last.clone();
        for ((row, displaced), change) in rows_mut(&mut screen).zip(rows(&self.displaced)).zip(&self.changes) {
            if change & BEFORE_LAST != 0 {
                *row = *displaced;
            }
        }
        screen
    }

    /// Marks every row as changed: the next frame must be computed from scratch.
    pub(super) fn change_all(&mut self) {
        self.changes.iter_mut().for_each(|change| *change |= OTHERWISE);
    }

    /// One byte for each row, 0 if it did not change.
    pub(super) fn changes(&self) -> &[u8] {
        &self.changes
    }

    /// Marks every row as unchanged, after a frame was made.
    pub(super) fn forget_changes(&mut self) {
        self.changes.fill(0);
    }
}

fn rows(screen: &[u8]) -> impl Iterator<Item = &[u8; SCREEN_WIDTH]> {
    screen.as_chunks().0.iter()
}

fn rows_mut(screen: &mut [u8]) -> impl Iterator<Item = &mut [u8; SCREEN_WIDTH]> {
    screen.as_chunks_mut().0.iter_mut()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rows_that_differ_are_changed() {
        let mut pair = ScreenPair::new(3);
        let set_last = |pair: &mut ScreenPair, pixels: &[u8]| pair.set_last(&Screen::new(pixels, SCREEN_WIDTH, 3));
        let set_before_last =
            |pair: &mut ScreenPair, pixels: &[u8]| pair.set_before_last(&Screen::new(pixels, SCREEN_WIDTH, 3));
        assert!(pair.changes().iter().all(|&change| change != 0));
        pair.forget_changes();
        let mut screen = vec![0; 3 * SCREEN_WIDTH];
        set_last(&mut pair, &screen);
        set_before_last(&mut pair, &screen);
        assert_eq!(pair.changes(), [0; 3]);
        screen[SCREEN_WIDTH] = 5;
        set_last(&mut pair, &screen);
        screen[2 * SCREEN_WIDTH] = 6;
        set_before_last(&mut pair, &screen);
        assert_eq!(pair.changes(), [0, LAST | BEFORE_LAST, BEFORE_LAST]);
        assert_eq!(pair.before_last(), screen);
        assert_eq!(pair.displaced_before_last(), [0; 3 * SCREEN_WIDTH]);
        screen[2 * SCREEN_WIDTH] = 0;
        assert_eq!(pair.last(), screen);
        pair.forget_changes();
        assert_eq!(pair.displaced_before_last(), pair.before_last());
    }
}
