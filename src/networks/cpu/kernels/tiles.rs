//! The tiles of both products: their elements stay in registers over the whole inner dimension.

// Loops over registers: all are unrolled, and one index names the same place in several arrays.
#![allow(clippy::needless_range_loop)]

use super::lanes::Lanes;
use super::{Begin, End, Rows};
use std::ops::Range;

/// What all tiles of a block of a [`RowProduct`](super::RowProduct) have in common.
pub(super) struct RowTile<'a> {
    pub left: *const f32,
    pub left_rows: Rows<'a>,
    /// First column of the block.
    pub output: *mut f32,
    pub output_rows: Rows<'a>,
    /// The inner dimension: of each of these runs, `run` numbers from `offset` on.
    pub runs: &'a [u32],
    pub offset: usize,
    pub run: usize,
    /// First row and column of the block.
    pub right: *const f32,
    pub stride: usize,
    pub begin: Begin<'a>,
    pub end: End,
    /// Columns of the last vector.
    pub last_columns: usize,
}

/// Computes `R` rows from row `first` on, `V` vectors across; with `PART` the only vector is not full.
///
/// # Safety
/// All elements are in bounds, and the processor has these vectors.
#[allow(unsafe_code)]
#[inline(always)]
pub(super) unsafe fn row_tile<L: Lanes, const V: usize, const R: usize, const PART: bool>(
    first: usize,
    tile: &RowTile,
) {
    let part = tile.last_columns;
    let mut left = [tile.left; R];
    let mut output = [tile.output; R];
    for r in 0..R {
        left[r] = tile.left.add(tile.left_rows.begin(first + r) + tile.offset);
        output[r] = tile.output.add(tile.output_rows.begin(first + r));
    }
    let mut sums = [[L::splat(0.0); V]; R];
    match tile.begin {
        Begin::Zero => {}
        Begin::Bias(bias) => {
            for v in 0..V {
                let bias = load::<L, PART>(part, bias.as_ptr().add(v * L::WIDTH));
                for sums in &mut sums {
                    sums[v] = bias;
                }
            }
        }
        Begin::Kept => {
            for r in 0..R {
                for v in 0..V {
                    sums[r][v] = load::<L, PART>(part, output[r].add(v * L::WIDTH));
                }
            }
        }
    }
    let mut right = tile.right;
    for &run in tile.runs {
        let run = run as usize;
        for place in run..run + tile.run {
            let mut vectors = [L::splat(0.0); V];
            for v in 0..V {
                vectors[v] = load::<L, PART>(part, right.add(v * L::WIDTH));
            }
            for r in 0..R {
                let value = L::splat(*left[r].add(place));
                for v in 0..V {
                    sums[r][v] = L::multiply_add(value, vectors[v], sums[r][v]);
                }
            }
            right = right.wrapping_add(tile.stride);
        }
    }
    for r in 0..R {
        for v in 0..V {
            let to = output[r].add(v * L::WIDTH);
            let value = match tile.end {
                End::Store => sums[r][v],
                End::Rectify => L::rectify(sums[r][v]),
                End::Add => L::add(load::<L, PART>(part, to), sums[r][v]),
            };
            store::<L, PART>(part, to, value);
        }
    }
}

/// Loads a vector, or its first `part` numbers.
#[allow(unsafe_code)]
#[inline(always)]
unsafe fn load<L: Lanes, const PART: bool>(part: usize, from: *const f32) -> L::Vector {
    if PART {
        L::load_first(from, part)
    } else {
        L::load(from)
    }
}

/// Stores a vector, or its first `part` numbers.
#[allow(unsafe_code)]
#[inline(always)]
unsafe fn store<L: Lanes, const PART: bool>(part: usize, to: *mut f32, vector: L::Vector) {
    if PART {
        L::store_first(to, part, vector)
    } else {
        L::store(to, vector)
    }
}

/// A tile of a [`ColumnProduct`](super::ColumnProduct).
pub(super) struct ColumnTile<'a> {
    /// From here the rows and runs are counted.
    pub left: *const f32,
    pub left_rows: Rows<'a>,
    pub runs: [usize; 2],
    /// The inner dimension: these rows of the left factor.
    pub inner: Range<usize>,
    /// First row and column of the block.
    pub right: *const f32,
    pub right_stride: usize,
    /// Element of the first run's first number.
    pub output: *mut f32,
    pub stride: usize,
    /// From the first run's elements to the second's.
    pub run_stride: usize,
    /// Whether chains begin at what the output holds.
    pub keep: bool,
    /// Columns of the last vector.
    pub last_columns: usize,
}

/// Computes `Q` output rows for each of `S` runs, `V` vectors across; with `PART` the only vector is not full.
///
/// # Safety
/// All elements are in bounds, and the processor has these vectors.
#[allow(unsafe_code)]
#[inline(always)]
pub(super) unsafe fn column_tile<L: Lanes, const V: usize, const S: usize, const Q: usize, const PART: bool>(
    tile: &ColumnTile,
) {
    let part = tile.last_columns;
    macro_rules! output {
        ($s:expr, $q:expr, $v:expr) => {
            tile.output.add($s * tile.run_stride + $q * tile.stride + $v * L::WIDTH)
        };
    }
    let mut sums = [[[L::splat(0.0); V]; Q]; S];
    if tile.keep {
        for s in 0..S {
            for q in 0..Q {
                for v in 0..V {
                    sums[s][q][v] = load::<L, PART>(part, output!(s, q, v));
                }
            }
        }
    }
    let mut right = tile.right;
    // Not a closure: it would be compiled without the processor's features.
    macro_rules! add_row {
        ($begin:expr) => {
            let row = tile.left.add($begin);
            let mut vectors = [L::splat(0.0); V];
            for v in 0..V {
                vectors[v] = load::<L, PART>(part, right.add(v * L::WIDTH));
            }
            for s in 0..S {
                let run = row.add(tile.runs[s]);
                for q in 0..Q {
                    let value = L::splat(*run.add(q));
                    for v in 0..V {
                        sums[s][q][v] = L::multiply_add(value, vectors[v], sums[s][q][v]);
                    }
                }
            }
            right = right.wrapping_add(tile.right_stride);
        };
    }
    match tile.left_rows {
        Rows::Every(stride) => {
            for row in tile.inner.clone() {
                add_row!(row * stride);
            }
        }
        Rows::At(places) => {
            for &place in places.get_unchecked(tile.inner.clone()) {
                add_row!(place as usize);
            }
        }
    }
    for s in 0..S {
        for q in 0..Q {
            for v in 0..V {
                store::<L, PART>(part, output!(s, q, v), sums[s][q][v]);
            }
        }
    }
}
