//! The matrix products, the same bytes on every processor.
//!
//! Each element of a product is one chain of fused multiply-adds over the inner dimension in rising order, beginning at 0, at a
//! bias or at the number that stood there. Where the inner dimension is cut into blocks, the number is stored and loaded
//! again and the chain goes on. So neither the width of the vectors, nor the sizes of tiles and blocks, nor an element's
//! place in them can change a bit, and a row's result does not depend on the other rows.
//!
//! There are two products. In [`RowProduct`] the left factor's rows lie anywhere: a row is a list of runs, as the patch of a
//! convolution is in its picture, so no patch is copied. In [`ColumnProduct`] the inner dimension is these rows, as in the
//! gradient of weights.
//!
//! One source serves all widths: a trait names the operations that each processor's vectors have. x86-64 without FMA gets
//! the portable vectors, which compute fused multiply-adds in software there: the same bytes, slowly.

mod lanes;
mod tiles;

#[cfg(target_arch = "x86_64")]
use lanes::{Avx2, Avx512};
use lanes::{Lanes, Portable};
use tiles::{ColumnTile, RowTile};

/// Bytes of the right factor in a block, which are read once for every few rows: they stay in the first-level cache. Any number
/// gives the same results.
const BLOCK: usize = 32_768;

/// Where the rows of a matrix begin.
#[derive(Clone, Copy, Debug)]
pub enum Rows<'a> {
    /// This many numbers from one to the next.
    Every(usize),
    /// At these places.
    At(&'a [u32]),
}

impl Rows<'_> {
    /// Where row `row` begins.
    #[inline(always)]
    fn begin(&self, row: usize) -> usize {
        match self {
            Rows::Every(stride) => row * stride,
            Rows::At(places) => places[row] as usize,
        }
    }

    /// The last place at which one of the first `count` rows begins.
    fn last(&self, count: usize) -> usize {
        match self {
            Rows::Every(stride) => (count - 1).saturating_mul(*stride),
            Rows::At(places) => places[..count].iter().fold(0, |last, &place| last.max(place)) as usize,
        }
    }
}

/// A left factor: each row is a list of runs of numbers.
#[derive(Clone, Copy, Debug)]
pub struct Left<'a> {
    /// All numbers.
    pub values: &'a [f32],
    /// Where the rows begin.
    pub rows: Rows<'a>,
    /// Where a row's runs begin, counted from its beginning.
    pub runs: &'a [u32],
    /// Numbers in a run.
    pub run: usize,
}

impl<'a> Left<'a> {
    /// Rows without gaps, `columns` numbers each.
    pub fn dense(values: &'a [f32], columns: usize) -> Self {
        Self { values, rows: Rows::Every(columns), runs: &[0], run: columns }
    }

    /// Numbers in a row.
    pub fn columns(&self) -> usize {
        self.runs.len().saturating_mul(self.run)
    }

    /// The end of the last number of the first `rows` rows.
    fn end(&self, rows: usize) -> usize {
        let last_run = self.runs.iter().fold(0, |last, &run| last.max(run)) as usize;
        self.rows.last(rows).saturating_add(last_run).saturating_add(self.run)
    }
}

/// A right factor: `columns` numbers, then the next row `stride` numbers after the beginning of the last.
#[derive(Clone, Copy, Debug)]
pub struct Right<'a> {
    /// All numbers.
    pub values: &'a [f32],
    /// Numbers of each row that take part.
    pub columns: usize,
    /// From one row to the next.
    pub stride: usize,
}

impl<'a> Right<'a> {
    /// Rows without gaps, `columns` numbers each.
    pub fn dense(values: &'a [f32], columns: usize) -> Self {
        Self { values, columns, stride: columns }
    }

    /// The end of the last number of the first `rows` rows.
    fn end(&self, rows: usize) -> usize {
        Rows::Every(self.stride).last(rows).saturating_add(self.columns)
    }
}

/// Where an element's chain begins.
#[derive(Clone, Copy, Debug)]
pub enum Begin<'a> {
    /// At 0.
    Zero,
    /// At the bias of its column.
    Bias(&'a [f32]),
    /// At what the output holds.
    Kept,
}

/// What happens to an element at the end of its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It is stored.
    Store,
    /// Its ReLU is stored; the ReLU of NaN is NaN.
    Rectify,
    /// It is added to what the output holds. Only here may rows of the output overlap, if of two that do the later one does
    /// not begin before the earlier one: additions are then made in the order of the rows.
    Add,
}

/// Output rows = left rows * right.
#[derive(Clone, Copy, Debug)]
pub struct RowProduct<'a> {
    /// The left factor.
    pub left: Left<'a>,
    /// Number of rows.
    pub rows: usize,
    /// The right factor.
    pub right: Right<'a>,
    /// Where the output's rows begin.
    pub output_rows: Rows<'a>,
    /// Where chains begin.
    pub begin: Begin<'a>,
    /// What happens at their end.
    pub end: End,
}

/// Runs a product, whose bounds have been checked, with the widest vectors of this processor.
macro_rules! run_with_widest {
    ($product:expr, $output:expr) => {
        match level() {
            // SAFETY: `level` names only what this processor has; the caller has checked the bounds.
            #[cfg(target_arch = "x86_64")]
            #[allow(unsafe_code)]
            Level::Avx512 => unsafe { $product.run_with::<Avx512>($output) },
            #[cfg(target_arch = "x86_64")]
            #[allow(unsafe_code)]
            // SAFETY: as above.
            Level::Avx2 => unsafe { $product.run_with::<Avx2>($output) },
            #[allow(unsafe_code)]
            // SAFETY: every processor has the portable vectors; the caller has checked the bounds.
            Level::Portable => unsafe { $product.run_with::<Portable>($output) },
        }
    };
}

impl RowProduct<'_> {
    /// Computes it, on one thread.
    ///
    /// # Panics
    /// When a row is empty, when an element of a factor, of the bias or of the output is out of bounds, or when
    /// [`End::Add`] is combined with another beginning than [`Begin::Zero`].
    pub fn run(&self, output: &mut [f32]) {
        let Self { left, rows, right, output_rows, begin, end } = *self;
        let inner = left.columns();
        assert!(inner > 0 && right.columns > 0);
        if rows == 0 {
            return;
        }
        assert!(left.end(rows) <= left.values.len());
        assert!(right.end(inner) <= right.values.len());
        assert!(output_rows.last(rows).saturating_add(right.columns) <= output.len());
        assert!(end != End::Add || matches!(begin, Begin::Zero));
        if let Begin::Bias(bias) = begin {
            assert!(bias.len() >= right.columns);
        }
        run_with_widest!(self, output);
    }

    /// # Safety
    /// All elements are in bounds, and the processor has these vectors.
    #[allow(unsafe_code)]
    unsafe fn run_with<L: Lanes>(&self, output: &mut [f32]) {
        let Self { left, rows, right, output_rows, begin, end } = *self;
        let mut columns_end = right.columns;
        // From the last columns to the first, because output rows may overlap (`End::Add`): an element that two rows share is
        // in an earlier column of the later row. So its sums are added in the order of the rows, however wide blocks are.
        while columns_end > 0 {
            let most = if rows == 1 { L::ONE_ROW_VECTORS } else { L::ROW_VECTORS };
            let (vectors, column) = L::block_before(columns_end, most);
            let columns = columns_end - column;
            let longest = if end == End::Add { usize::MAX } else { (BLOCK / (4 * vectors * L::WIDTH)).max(1) };
            let mut inner = 0;
            let mut block = |runs: &[u32], offset: usize, run: usize, last: bool| {
                let tile = RowTile {
                    left: left.values.as_ptr(),
                    left_rows: left.rows,
                    output: output.as_mut_ptr().wrapping_add(column),
                    output_rows,
                    runs,
                    offset,
                    run,
                    right: right.values.as_ptr().wrapping_add(inner * right.stride + column),
                    stride: right.stride,
                    begin: match begin {
                        _ if inner > 0 => Begin::Kept,
                        Begin::Bias(bias) => Begin::Bias(&bias[column..columns_end]),
                        begin => begin,
                    },
                    end: if last { end } else { End::Store },
                    last_columns: columns - (vectors - 1) * L::WIDTH,
                };
                let mut row = 0;
                while row < rows {
                    // SAFETY: the caller has checked the bounds of all elements.
                    row += unsafe { L::row_tile(vectors, rows - row, row, &tile) };
                }
                inner += runs.len() * run;
            };
            if left.run >= longest {
                for (i, run) in left.runs.iter().enumerate() {
                    for offset in (0..left.run).step_by(longest) {
                        let len = longest.min(left.run - offset);
                        let last = i + 1 == left.runs.len() && offset + len == left.run;
                        block(std::slice::from_ref(run), offset, len, last);
                    }
                }
            } else {
                let at_once = longest / left.run;
                let blocks = left.runs.len().div_ceil(at_once);
                for (i, runs) in left.runs.chunks(at_once).enumerate() {
                    block(runs, 0, left.run, i + 1 == blocks);
                }
            }
            columns_end = column;
        }
    }
}

/// Output = transposed left rows * right rows: an output row for each number of a left row. The inner dimension is the rows.
#[derive(Clone, Copy, Debug)]
pub struct ColumnProduct<'a> {
    /// The left factor.
    pub left: Left<'a>,
    /// Number of its rows.
    pub rows: usize,
    /// The right factor: a row for each left row.
    pub right: Right<'a>,
    /// Whether chains begin at what the output holds, else at 0.
    pub keep: bool,
}

/// Rows of the inner dimension in a block of a [`ColumnProduct`].
const INNER: usize = 512;

impl ColumnProduct<'_> {
    /// Computes it, `[runs * run, columns]` without gaps, on one thread.
    ///
    /// # Panics
    /// When a row is empty, when an element of a factor is out of bounds, or when the output has another size.
    pub fn run(&self, output: &mut [f32]) {
        let Self { left, rows, right, keep } = *self;
        assert!(left.columns() > 0 && right.columns > 0);
        assert_eq!(output.len(), left.columns() * right.columns);
        if rows == 0 {
            if !keep {
                output.fill(0.0);
            }
            return;
        }
        assert!(left.end(rows) <= left.values.len());
        assert!(right.end(rows) <= right.values.len());
        run_with_widest!(self, output);
    }

    /// # Safety
    /// All elements are in bounds, and the processor has these vectors.
    #[allow(unsafe_code)]
    unsafe fn run_with<L: Lanes>(&self, output: &mut [f32]) {
        let Self { left: Left { values, rows: left_rows, runs, run }, rows, right, keep } = *self;
        for first in (0..rows).step_by(INNER) {
            let mut columns_end = right.columns;
            while columns_end > 0 {
                let (vectors, column) = L::block_before(columns_end, L::COLUMN_VECTORS);
                let last_columns = columns_end - column - (vectors - 1) * L::WIDTH;
                // Only two runs fill the registers if the tile is one vector across.
                let at_once = if vectors == 1 { 2 } else { 1 };
                for (i, runs) in runs.chunks(at_once).enumerate() {
                    let mut offset = 0;
                    while offset < run {
                        let place = i * at_once * run + offset;
                        let tile = ColumnTile {
                            left: values.as_ptr().wrapping_add(offset),
                            left_rows,
                            inner: first..rows.min(first + INNER),
                            runs: [runs[0] as usize, runs[runs.len() - 1] as usize],
                            right: right.values.as_ptr().wrapping_add(first * right.stride + column),
                            right_stride: right.stride,
                            output: output.as_mut_ptr().wrapping_add(place * right.columns + column),
                            stride: right.columns,
                            run_stride: run * right.columns,
                            keep: keep || first > 0,
                            last_columns,
                        };
                        // SAFETY: the caller has checked the bounds of all elements.
                        offset += unsafe { L::column_tile(vectors, runs.len(), run - offset, &tile) };
                    }
                }
                columns_end = column;
            }
        }
    }
}

/// The vectors that a processor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
pub enum Level {
    /// Any processor.
    Portable = 1,
    /// x86-64 with AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2 = 2,
    /// x86-64 with AVX-512.
    #[cfg(target_arch = "x86_64")]
    Avx512 = 3,
}

/// The widest vectors of this processor.
fn level() -> Level {
    #[cfg(test)]
    if let Some(level) = tests::forced() {
        return level;
    }
    widest()
}

#[cfg(target_arch = "x86_64")]
fn widest() -> Level {
    if is_x86_feature_detected!("avx512f") {
        Level::Avx512
    } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        Level::Avx2
    } else {
        Level::Portable
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn widest() -> Level {
    Level::Portable
}

#[cfg(test)]
pub(crate) mod tests;
