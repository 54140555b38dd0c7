//! Loops over numbers that all layers use.

use rayon::prelude::*;

/// Runs `work` compiled for the widest vectors of this processor; a build for any x86-64 would otherwise use vectors of
/// four. Rust neither reorders sums nor fuses a product with a sum, so the results are the same on every processor.
pub fn vectorized<R>(work: impl FnOnce() -> R) -> R {
    struct Work<F>(F);
    impl<F: FnOnce() -> R, R> pulp::WithSimd for Work<F> {
        type Output = R;
        #[inline(always)]
        fn with_simd<S: pulp::Simd>(self, simd: S) -> R {
            simd.vectorize(self.0)
        }
    }
    pulp::Arch::new().dispatch(Work(work))
}

/// Grows `buffer` to `len` if it is shorter and borrows that much of it.
pub fn room(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    &mut buffer[..len]
}

/// Adds `values` to `sums`, element by element.
pub fn add(sums: &mut [f32], values: &[f32]) {
    vectorized(
        #[inline(always)]
        || sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value),
    );
}

/// Adds each row of `values`, as long as `sums`, to `sums`: the rows in their order.
pub fn add_rows(sums: &mut [f32], values: &[f32]) {
    vectorized(
        #[inline(always)]
        || {
            for row in values.chunks_exact(sums.len()) {
                sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
        },
    );
}

/// Sets `gradient` to 0 where the output of the ReLU is 0. Where it is NaN the gradient stays, as in PyTorch.
pub fn mask_relu(gradient: &mut [f32], output: &[f32]) {
    vectorized(
        #[inline(always)]
        || {
            for (gradient, &output) in gradient.iter_mut().zip(output) {
                *gradient = if output <= 0.0 { 0.0 } else { *gradient };
            }
        },
    );
}

/// Rows and columns of a square that is transposed at once.
const SQUARE: usize = 16;

/// Writes the transposed of `rows` x `columns` numbers, whose rows begin `stride` numbers apart, to `to` without gaps.
pub fn transpose(from: &[f32], (rows, columns): (usize, usize), stride: usize, to: &mut [f32]) {
    for top in (0..rows).step_by(SQUARE) {
        for left in (0..columns).step_by(SQUARE) {
            let bottom = rows.min(top + SQUARE);
            for column in left..columns.min(left + SQUARE) {
                let to = &mut to[column * rows + top..column * rows + bottom];
                let from = from[top * stride + column..].iter().step_by(stride);
                to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
            }
        }
    }
}

/// [`transpose`] of numbers without gaps, on several threads.
pub fn transpose_in_parallel(from: &[f32], (rows, columns): (usize, usize), to: &mut [f32]) {
    to.par_chunks_mut(SQUARE * rows).enumerate().for_each(|(part, to)| {
        transpose(&from[part * SQUARE..], (rows, to.len() / rows), columns, to);
    });
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::random::Generator;

    pub(crate) fn numbers(generator: &mut Generator, count: usize) -> Vec<f32> {
        (0..count).map(|_| generator.symmetric(1.0)).collect()
    }

    pub(crate) fn assert_close(got: &[f32], want: &[f32], tolerance: f32) {
        assert_eq!(got.len(), want.len());
        for (i, (got, want)) in got.iter().zip(want).enumerate() {
            assert!((got - want).abs() <= tolerance * want.abs().max(1.0), "element {i}: {got}, expected {want}");
        }
    }

    #[test]
    fn transposing_exchanges_rows_and_columns() {
        for (rows, columns, stride) in [(1, 5, 5), (17, 33, 40), (16, 16, 16), (3, 1, 2), (20, 50, 50)] {
            let from: Vec<f32> = (0..rows * stride).map(|i| i as f32).collect();
            let mut to = vec![0.0; rows * columns];
            transpose(&from, (rows, columns), stride, &mut to);
            assert!((0..to.len()).all(|i| to[i] == from[i % rows * stride + i / rows]));
            if stride == columns {
                let mut parallel = vec![0.0; to.len()];
                transpose_in_parallel(&from, (rows, columns), &mut parallel);
                assert_eq!(parallel, to);
            }
        }
    }
}
