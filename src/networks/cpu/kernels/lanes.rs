//! Vectors of the processors, and the sizes of tiles that suit them.

use super::tiles::{column_tile, row_tile, ColumnTile, RowTile};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// A vector of a processor. Safe use of every method needs a processor that has it, and pointers to as many numbers as the
/// method reads or writes; tiles need all their elements in bounds.
#[allow(unsafe_code)]
pub(super) trait Lanes: Copy {
    /// The vector.
    type Vector: Copy;
    /// Numbers in it.
    const WIDTH: usize;
    /// Most vectors across a tile of rows.
    const ROW_VECTORS: usize;
    /// The same if there is only one row.
    const ONE_ROW_VECTORS: usize;
    /// Most vectors across a tile of columns.
    const COLUMN_VECTORS: usize;

    /// All numbers equal.
    unsafe fn splat(value: f32) -> Self::Vector;
    /// `WIDTH` numbers.
    unsafe fn load(from: *const f32) -> Self::Vector;
    /// `count` numbers, then zeros.
    unsafe fn load_first(from: *const f32, count: usize) -> Self::Vector;
    /// Stores all numbers.
    unsafe fn store(to: *mut f32, vector: Self::Vector);
    /// Stores the first `count` numbers.
    unsafe fn store_first(to: *mut f32, count: usize, vector: Self::Vector);
    /// `a` * `b` + `c`, rounded once.
    unsafe fn multiply_add(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// Sums.
    unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// 0 for numbers up to 0, and all others as they are: a NaN stays a NaN, as in PyTorch. `max` would make it 0.
    unsafe fn rectify(a: Self::Vector) -> Self::Vector;

    /// Computes a tile of up to `rows` rows from row `first` on, `vectors` across; returns the number of its rows.
    unsafe fn row_tile(vectors: usize, rows: usize, first: usize, tile: &RowTile) -> usize;
    /// Computes a tile of up to `across` numbers of each of `runs` runs, `vectors` across; returns that number.
    unsafe fn column_tile(vectors: usize, runs: usize, across: usize, tile: &ColumnTile) -> usize;

    /// The block of columns that ends at `end`: (vectors across, first column). Blocks are cut from the last column to the
    /// first; a vector that is not full is a block of its own, the last columns.
    fn block_before(end: usize, most: usize) -> (usize, usize) {
        if !end.is_multiple_of(Self::WIDTH) {
            return (1, end - end % Self::WIDTH);
        }
        let mut vectors = most;
        while vectors * Self::WIDTH > end {
            vectors /= 2;
        }
        (vectors, end - vectors * Self::WIDTH)
    }
}

/// Calls a tile of the first of these sizes that fits, and returns the size.
macro_rules! first_fitting {
    ($left:expr, [$($size:literal)+], $tile:ident<$vectors:literal, $part:literal> $arguments:tt) => {{
        $(if $left >= $size {
            $tile::<$vectors, $size, $part> $arguments;
            return $size;
        })+
        0
    }};
}

/// The methods that choose a tile, compiled for the processor's features. The sizes are as many as its registers hold.
macro_rules! tiles {
    (
        $lanes:ty, [$($feature:meta)?],
        rows { $($v:literal => $r:tt,)+ part => $part_r:tt },
        columns { $($cv:literal => $q:tt,)+ part => $part_q:tt, pairs => $pair_q:tt, part pairs => $part_pair_q:tt }
    ) => {
        unsafe fn row_tile(vectors: usize, rows: usize, first: usize, tile: &RowTile) -> usize {
            $(#[$feature])?
            unsafe fn compiled<const V: usize, const R: usize, const PART: bool>(first: usize, tile: &RowTile) {
                row_tile::<$lanes, V, R, PART>(first, tile)
            }
            if tile.last_columns < Self::WIDTH {
                return first_fitting!(rows, $part_r, compiled<1, true>(first, tile));
            }
            match vectors {
                $($v => first_fitting!(rows, $r, compiled<$v, false>(first, tile)),)+
                other => unreachable!("no tile is {other} vectors across"),
            }
        }

        unsafe fn column_tile(vectors: usize, runs: usize, across: usize, tile: &ColumnTile) -> usize {
            $(#[$feature])?
            unsafe fn one<const V: usize, const Q: usize, const PART: bool>(tile: &ColumnTile) {
                column_tile::<$lanes, V, 1, Q, PART>(tile)
            }
            $(#[$feature])?
            unsafe fn pair<const V: usize, const Q: usize, const PART: bool>(tile: &ColumnTile) {
                column_tile::<$lanes, V, 2, Q, PART>(tile)
            }
            let part = tile.last_columns < Self::WIDTH;
            match (vectors, runs) {
                (1, 2) if part => first_fitting!(across, $part_pair_q, pair<1, true>(tile)),
                (1, 2) => first_fitting!(across, $pair_q, pair<1, false>(tile)),
                (1, _) if part => first_fitting!(across, $part_q, one<1, true>(tile)),
                $(($cv, 1) => first_fitting!(across, $q, one<$cv, false>(tile)),)+
                (other, runs) => unreachable!("no tile of {runs} runs is {other} vectors across"),
            }
        }
    };
}

/// 512 bits, 32 registers.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(super) struct Avx512;

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
impl Lanes for Avx512 {
    type Vector = __m512;
    const WIDTH: usize = 16;
    const ROW_VECTORS: usize = 4;
    const ONE_ROW_VECTORS: usize = 8;
    const COLUMN_VECTORS: usize = 2;

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m512 {
        _mm512_set1_ps(value)
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m512 {
        _mm512_loadu_ps(from)
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> __m512 {
        _mm512_maskz_loadu_ps(((1u32 << count) - 1) as u16, from)
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, vector: __m512) {
        _mm512_storeu_ps(to, vector)
    }

    #[inline(always)]
    unsafe fn store_first(to: *mut f32, count: usize, vector: __m512) {
        _mm512_mask_storeu_ps(to, ((1u32 << count) - 1) as u16, vector)
    }

    #[inline(always)]
    unsafe fn multiply_add(a: __m512, b: __m512, c: __m512) -> __m512 {
        _mm512_fmadd_ps(a, b, c)
    }

    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        _mm512_add_ps(a, b)
    }

    #[inline(always)]
    unsafe fn rectify(a: __m512) -> __m512 {
        _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_NLE_UQ>(a, _mm512_setzero_ps()), a)
    }

    tiles! {
        Avx512, [target_feature(enable = "avx512f")],
        rows { 8 => [1], 4 => [6 4 3 2 1], 2 => [10 8 6 4 2 1], 1 => [10 8 6 4 2 1], part => [12 8 4 2 1] },
        columns { 2 => [8 5 4 2 1], 1 => [8 5 4 2 1], part => [8 4 2 1], pairs => [8 5 4 2 1], part pairs => [8 4 2 1] }
    }
}

/// 256 bits, 16 registers.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(super) struct Avx2;

/// The mask of the first `count` numbers of a vector of eight.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
#[inline(always)]
unsafe fn first_of_eight(count: usize) -> __m256i {
    _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
impl Lanes for Avx2 {
    type Vector = __m256;
    const WIDTH: usize = 8;
    const ROW_VECTORS: usize = 2;
    const ONE_ROW_VECTORS: usize = 8;
    const COLUMN_VECTORS: usize = 2;

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m256 {
        _mm256_set1_ps(value)
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m256 {
        _mm256_loadu_ps(from)
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> __m256 {
        _mm256_maskload_ps(from, first_of_eight(count))
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, vector: __m256) {
        _mm256_storeu_ps(to, vector)
    }

    #[inline(always)]
    unsafe fn store_first(to: *mut f32, count: usize, vector: __m256) {
        _mm256_maskstore_ps(to, first_of_eight(count), vector)
    }

    #[inline(always)]
    unsafe fn multiply_add(a: __m256, b: __m256, c: __m256) -> __m256 {
        _mm256_fmadd_ps(a, b, c)
    }

    #[inline(always)]
    unsafe fn add(a: __m256, b: __m256) -> __m256 {
        _mm256_add_ps(a, b)
    }

    #[inline(always)]
    unsafe fn rectify(a: __m256) -> __m256 {
        _mm256_and_ps(_mm256_cmp_ps::<_CMP_NLE_UQ>(a, _mm256_setzero_ps()), a)
    }

    tiles! {
        Avx2, [target_feature(enable = "avx2,fma")],
        rows { 8 => [1], 4 => [1], 2 => [6 4 2 1], 1 => [6 4 2 1], part => [6 4 2 1] },
        columns { 2 => [5 4 2 1], 1 => [8 4 2 1], part => [8 4 2 1], pairs => [5 4 2 1], part pairs => [5 4 2 1] }
    }
}

/// Four numbers, on any processor; a compiler may know vectors for them.
#[derive(Clone, Copy)]
pub(super) struct Portable;

#[allow(unsafe_code)]
impl Lanes for Portable {
    type Vector = [f32; 4];
    const WIDTH: usize = 4;
    const ROW_VECTORS: usize = 2;
    const ONE_ROW_VECTORS: usize = 4;
    const COLUMN_VECTORS: usize = 2;

    #[inline(always)]
    unsafe fn splat(value: f32) -> [f32; 4] {
        [value; 4]
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> [f32; 4] {
        from.cast::<[f32; 4]>().read_unaligned()
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> [f32; 4] {
        let mut vector = [0.0; 4];
        vector[..count].copy_from_slice(std::slice::from_raw_parts(from, count));
        vector
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, vector: [f32; 4]) {
        to.cast::<[f32; 4]>().write_unaligned(vector)
    }

    #[inline(always)]
    unsafe fn store_first(to: *mut f32, count: usize, vector: [f32; 4]) {
        std::slice::from_raw_parts_mut(to, count).copy_from_slice(&vector[..count])
    }

    #[inline(always)]
    unsafe fn multiply_add(a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        [0, 1, 2, 3].map(|i| a[i].mul_add(b[i], c[i]))
    }

    #[inline(always)]
    unsafe fn add(a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        [0, 1, 2, 3].map(|i| a[i] + b[i])
    }

    #[inline(always)]
    unsafe fn rectify(a: [f32; 4]) -> [f32; 4] {
        a.map(|value| if value <= 0.0 { 0.0 } else { value })
    }

    tiles! {
        Portable, [],
        rows { 4 => [1], 2 => [4 2 1], 1 => [4 2 1], part => [4 2 1] },
        columns { 2 => [4 2 1], 1 => [4 2 1], part => [4 2 1], pairs => [4 2 1], part pairs => [4 2 1] }
    }
}
