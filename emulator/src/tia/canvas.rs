//! The pixels of a frame buffer, and when each of its rows was painted last.
//!
//! An agent that sees every fourth frame would have to compare all pixels to find out that four rows in five have not
//! changed. The painter knows it at no cost: it skips lines that are drawn as before.

use super::row::WIDTH;
use super::BUFFER_ROWS;
use std::sync::atomic::{AtomicU64, Ordering};

/// Identifies a state of one frame buffer: the buffer, and how often it had been painted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScreenVersion {
    canvas: u64,
    painting: u64,
}

impl ScreenVersion {
    /// Whether both are states of the same frame buffer.
    pub(crate) fn same_buffer(self, other: Self) -> bool {
        self.canvas == other.canvas
    }
}

/// A view of a [`Canvas`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Painted<'a> {
    /// Rows of 160 palette indices; more rows than the screen shows.
    pub(crate) pixels: &'a [u8],
    /// The painting that touched each row last.
    painted_in: &'a [u64],
    pub(crate) version: ScreenVersion,
}

impl<'a> Painted<'a> {
    /// For every row the number of the last painting that touched it; and the number of the last painting in `version`,
    /// or 0 if `version` belongs to another canvas.
    #[inline]
    pub(crate) fn since(self, version: Option<ScreenVersion>) -> (&'a [u64], u64) {
        // The first painting is 1.
        let known =
            version.filter(|version| version.canvas == self.version.canvas).map_or(0, |version| version.painting);
        (self.painted_in, known)
    }
}

/// Palette indices in rows of 160.
#[derive(Debug)]
pub(super) struct Canvas {
    pixels: Box<[u8]>,
    /// The last painting that touched each row.
    painted_in: Box<[u64]>,
    /// Identifies the canvas; unique in this process.
    id: u64,
    /// Paintings so far.
    painting: u64,
}

fn new_id() -> u64 {
    static IDS: AtomicU64 = AtomicU64::new(0);
    IDS.fetch_add(1, Ordering::Relaxed)
}

impl Clone for Canvas {
    fn clone(&self) -> Self {
        Self { pixels: self.pixels.clone(), painted_in: self.painted_in.clone(), id: new_id(), painting: self.painting }
    }
}

impl Canvas {
    /// A black canvas.
    pub(super) fn new() -> Self {
        Self {
            pixels: vec![0; WIDTH * BUFFER_ROWS].into_boxed_slice(),
            painted_in: vec![1; BUFFER_ROWS].into_boxed_slice(),
            id: new_id(),
            painting: 1,
        }
    }

    /// A canvas without pixels, a placeholder while the real one is moved.
    pub(super) fn without_pixels() -> Self {
        Self { pixels: Box::default(), painted_in: Box::default(), id: new_id(), painting: 1 }
    }

    /// All pixels, mutable; all rows count as painted.
    pub(super) fn all_pixels_mut(&mut self) -> &mut [u8] {
        self.begin_painting();
        self.painted_in.fill(self.painting);
        &mut self.pixels
    }

    /// Begins a painting: rows painted from now on are newer than every version so far.
    pub(super) fn begin_painting(&mut self) {
        self.painting += 1;
    }

    /// The pixels, to paint `lines` rows, the first of which begins at pixel index `row_start`.
    #[inline]
    pub(super) fn rows_mut(&mut self, row_start: usize, lines: usize) -> &mut [u8] {
        let first = row_start / WIDTH;
        self.painted_in[first..first + lines].fill(self.painting);
        &mut self.pixels
    }

    /// A view of the canvas as it is now.
    pub(super) fn painted(&self) -> Painted<'_> {
        let version = ScreenVersion { canvas: self.id, painting: self.painting };
        Painted { pixels: &self.pixels, painted_in: &self.painted_in, version }
    }
}
