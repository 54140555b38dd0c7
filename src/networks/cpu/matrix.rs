//! Matrix products and other loops over numbers that all layers use.

/// A borrowed matrix.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// `rows` x `columns` numbers, row after row.
    pub fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::strided(data, rows, columns, columns)
    }

    /// Rows of `columns` numbers that begin `row_stride` numbers apart.
    ///
    /// # Panics
    /// When it is empty, or `data` is too short.
    pub fn strided(data: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        assert!(rows > 0 && columns > 0 && columns <= row_stride && (rows - 1) * row_stride + columns <= data.len());
        Self { data, rows, columns, row_stride, column_stride: 1 }
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Rows and columns exchanged.
    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// `output` = `left` * `right`, row after row; with `add`, the product is added to what `output` holds. One thread.
pub fn multiply(output: &mut [f32], left: Matrix, right: Matrix, add: bool) {
    assert_eq!(left.columns, right.rows);
    assert_eq!(output.len(), left.rows * right.columns);
    // SAFETY: `Matrix` is only built with all its elements inside its slice, transposing keeps the set of elements, and
    // `output` holds exactly the product's elements and is not aliased, being a mutable borrow.
    #[allow(unsafe_code)]
    unsafe {
        gemm::gemm(
            left.rows,
            right.columns,
            left.columns,
            output.as_mut_ptr(),
            1,
            right.columns as isize,
            add,
            left.data.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.data.as_ptr(),
            right.column_stride as isize,
            right.row_stride as isize,
            1.0f32,
            1.0f32,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// Runs `work` compiled for the widest vectors of this processor; a build for any x86-64 would otherwise use vectors of
/// four. Element by element the results are the same.
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
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

/// Sets `gradient` to 0 where the output of the ReLU is 0.
pub fn mask_relu(gradient: &mut [f32], output: &[f32]) {
    vectorized(
        #[inline(always)]
        || {
            for (gradient, &output) in gradient.iter_mut().zip(output) {
                *gradient = if output > 0.0 { *gradient } else { 0.0 };
            }
        },
    );
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::random::{Generator, Purpose};

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
    fn products_equal_a_plain_triple_loop_in_every_orientation() {
        let mut generator = Generator::new(0, Purpose::Synthetic);
        let (m, k, n) = (5, 7, 3);
        let (a, b) = (numbers(&mut generator, m * k), numbers(&mut generator, k * n));
        let plain: Vec<f32> =
            (0..m * n).map(|i| (0..k).map(|j| a[i / n * k + j] * b[j * n + i % n]).sum::<f32>()).collect();
        let close = |got: &[f32], scale: f32| got.iter().zip(&plain).all(|(x, y)| (x - scale * y).abs() < 1e-5);
        let (left, right) = (Matrix::new(&a, m, k), Matrix::new(&b, k, n));
        let mut product = vec![9.0; m * n];
        multiply(&mut product, left, right, false);
        assert!(close(&product, 1.0));
        multiply(&mut product, left, right, true);
        assert!(close(&product, 2.0));
        let (mut a_t, mut b_t) = (vec![0.0; m * k], vec![0.0; k * n]);
        (0..m * k).for_each(|i| a_t[i % k * m + i / k] = a[i]);
        (0..k * n).for_each(|i| b_t[i % n * k + i / n] = b[i]);
        let (left, right) = (Matrix::new(&a_t, k, m).transposed(), Matrix::new(&b_t, n, k).transposed());
        multiply(&mut product, left, right, false);
        assert!(close(&product, 1.0));
    }
}
