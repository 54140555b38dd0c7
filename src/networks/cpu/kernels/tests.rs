use super::*;
use crate::networks::cpu::matrix::tests::numbers;
use crate::random::{Generator, Purpose};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

/// The level that all products use, if it is not 0. To other tests that run meanwhile it makes no difference.
static FORCED: AtomicU8 = AtomicU8::new(0);
/// Held by the test that forces a level.
static FORCING: Mutex<()> = Mutex::new(());

pub(super) fn forced() -> Option<Level> {
    let forced = FORCED.load(Ordering::Relaxed);
    levels().into_iter().find(|level| *level as u8 == forced)
}

/// The levels of this processor, the portable one first.
pub(crate) fn levels() -> Vec<Level> {
    let mut levels = vec![Level::Portable];
    #[cfg(target_arch = "x86_64")]
    levels.extend([Level::Avx2, Level::Avx512].into_iter().filter(|level| *level as u8 <= widest() as u8));
    levels
}

/// Runs `work` with the products of one level.
pub(crate) fn with_level<R>(level: Level, work: impl FnOnce() -> R) -> R {
    let _held = FORCING.lock().unwrap_or_else(PoisonError::into_inner);
    FORCED.store(level as u8, Ordering::Relaxed);
    let result = work();
    FORCED.store(0, Ordering::Relaxed);
    result
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Runs `product` at every level and checks that the output has the bits of `want`.
fn check(want: &[f32], output: &[f32], what: &str, product: impl Fn(&mut [f32])) {
    for level in levels() {
        let mut output = output.to_vec();
        with_level(level, || product(&mut output));
        assert!(bits(&output) == bits(want), "{what}, {level:?}");
    }
}

/// Chains of `mul_add` in rising order, at every width and with rests of every size.
#[test]
fn a_row_product_is_one_chain_for_every_element_at_every_width() {
    let mut generator = Generator::new(1, Purpose::Synthetic);
    for (rows, runs, run, columns) in
        [(1, 1, 300, 200), (7, 1, 5, 1), (13, 3, 4, 18), (6, 2, 130, 64), (23, 5, 8, 33), (3, 40, 8, 128), (2, 1, 1, 7)]
    {
        // Runs lie apart, rows overlap.
        let places: Vec<u32> = (0..rows as u32).map(|row| row * 3).collect();
        let starts: Vec<u32> = (0..runs as u32).map(|i| i * (run as u32 + 2)).collect();
        let (inner, stride) = (runs * run, columns + 3);
        let values = numbers(&mut generator, rows * 3 + runs * (run + 2));
        let right = numbers(&mut generator, inner * stride);
        let (bias, held) = (numbers(&mut generator, columns), numbers(&mut generator, rows * columns));
        let left = |row: usize, k: usize| values[places[row] as usize + starts[k / run] as usize + k % run];
        let chain = |row: usize, column: usize, begin: f32| {
            (0..inner).fold(begin, |sum, k| left(row, k).mul_add(right[k * stride + column], sum))
        };
        let cases = [
            (Begin::Zero, End::Store),
            (Begin::Bias(&bias), End::Store),
            (Begin::Bias(&bias), End::Rectify),
            (Begin::Kept, End::Store),
            (Begin::Zero, End::Add),
        ];
        for (begin, end) in cases {
            let want: Vec<f32> = (0..rows * columns)
                .map(|i| {
                    let (row, column) = (i / columns, i % columns);
                    let sum = match begin {
                        Begin::Zero => chain(row, column, 0.0),
                        Begin::Bias(bias) => chain(row, column, bias[column]),
                        Begin::Kept => chain(row, column, held[i]),
                    };
                    match end {
                        End::Store => sum,
                        End::Rectify if sum <= 0.0 => 0.0,
                        End::Rectify => sum,
                        End::Add => held[i] + sum,
                    }
                })
                .collect();
            let product = RowProduct {
                left: Left { values: &values, rows: Rows::At(&places), runs: &starts, run },
                rows,
                right: Right { values: &right, columns, stride },
                output_rows: Rows::Every(columns),
                begin,
                end,
            };
            check(&want, &held, &format!("{rows} x {inner} x {columns}, {begin:?}, {end:?}"), |output| {
                product.run(output)
            });
        }
    }
}

/// Rows of the output that overlap: what is added to an element, is added in the order of the rows.
#[test]
fn products_are_added_to_overlapping_rows_in_their_order() {
    let mut generator = Generator::new(2, Purpose::Synthetic);
    for (rows, inner, columns, step) in [(19, 5, 192, 64), (9, 3, 40, 7), (30, 2, 128, 32)] {
        let (values, right) = (numbers(&mut generator, rows * inner), numbers(&mut generator, inner * columns));
        let mut want = numbers(&mut generator, rows * step + columns);
        let held = want.clone();
        for row in 0..rows {
            for column in 0..columns {
                let each = (0..inner).map(|k| (values[row * inner + k], right[k * columns + column]));
                want[row * step + column] += each.fold(0.0, |sum: f32, (a, b)| a.mul_add(b, sum));
            }
        }
        let product = RowProduct {
            left: Left::dense(&values, inner),
            rows,
            right: Right::dense(&right, columns),
            output_rows: Rows::Every(step),
            begin: Begin::Zero,
            end: End::Add,
        };
        check(&want, &held, &format!("{rows} rows of {columns}, {step} apart"), |output| product.run(output));
    }
}

#[test]
fn a_column_product_is_one_chain_for_every_element_at_every_width() {
    let mut generator = Generator::new(3, Purpose::Synthetic);
    for (rows, runs, run, columns) in
        [(1, 1, 9, 3), (700, 3, 8, 16), (5, 2, 5, 35), (33, 1, 13, 64), (4, 5, 7, 20), (9, 4, 3, 1), (1100, 1, 2, 48)]
    {
        let places: Vec<u32> = (0..rows as u32).map(|row| row * 2).collect();
        let starts: Vec<u32> = (0..runs as u32).map(|i| i * (run as u32 + 1)).collect();
        let values = numbers(&mut generator, rows * 2 + runs * (run + 1));
        let right = numbers(&mut generator, rows * columns);
        let held = numbers(&mut generator, runs * run * columns);
        for keep in [false, true] {
            let want: Vec<f32> = (0..held.len())
                .map(|i| {
                    let (number, column) = (i / columns, i % columns);
                    let offset = starts[number / run] as usize + number % run;
                    let begin = if keep { held[i] } else { 0.0 };
                    (0..rows).fold(begin, |sum, row| {
                        values[places[row] as usize + offset].mul_add(right[row * columns + column], sum)
                    })
                })
                .collect();
            let product = ColumnProduct {
                left: Left { values: &values, rows: Rows::At(&places), runs: &starts, run },
                rows,
                right: Right::dense(&right, columns),
                keep,
            };
            check(&want, &held, &format!("{rows} rows of {runs} x {run}, {columns}, {keep}"), |output| {
                product.run(output)
            });
        }
    }
    let mut output = [1.0; 6];
    let none = ColumnProduct { left: Left::dense(&[], 3), rows: 0, right: Right::dense(&[], 2), keep: true };
    none.run(&mut output);
    assert_eq!(output, [1.0; 6]);
    ColumnProduct { keep: false, ..none }.run(&mut output);
    assert_eq!(output, [0.0; 6]);
}

/// Unchecked pointers depend on these refusals.
#[test]
fn products_refuse_elements_out_of_bounds() {
    let panics = |product: &dyn Fn()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(product)).is_err();
    // Two left rows of two runs of 2 numbers: elements 0, 1, 3, 4 and 3, 4, 6, 7; a right factor of 4 x 3.
    let numbers = [0.0; 32];
    let left = Left { values: &numbers[..8], rows: Rows::At(&[0, 3]), runs: &[0, 3], run: 2 };
    let right = Right { values: &numbers[..15], columns: 3, stride: 4 };
    let bias = Begin::Bias(&numbers[..3]);
    let row = RowProduct { left, rows: 2, right, output_rows: Rows::At(&[4, 0]), begin: bias, end: End::Store };
    let run = |product: RowProduct, output: usize| panics(&|| product.run(&mut vec![0.0; output]));
    assert!(!run(row, 7), "all is in bounds");
    for (i, wrong) in [
        RowProduct { left: Left { values: &numbers[..7], ..left }, ..row },
        RowProduct { left: Left { rows: Rows::At(&[4, 0]), ..left }, ..row },
        RowProduct { left: Left { rows: Rows::At(&[0]), ..left }, ..row },
        RowProduct { left: Left { runs: &[4, 0], ..left }, ..row },
        RowProduct { left: Left { rows: Rows::Every(usize::MAX), ..left }, ..row },
        RowProduct { left: Left { run: 0, ..left }, ..row },
        RowProduct { right: Right { values: &numbers[..14], ..right }, ..row },
        RowProduct { right: Right { stride: usize::MAX, ..right }, ..row },
        RowProduct { right: Right { columns: 0, ..right }, ..row },
        RowProduct { output_rows: Rows::At(&[0, 5]), ..row },
        RowProduct { output_rows: Rows::At(&[0]), ..row },
        RowProduct { begin: Begin::Bias(&numbers[..2]), ..row },
        RowProduct { end: End::Add, ..row },
    ]
    .into_iter()
    .enumerate()
    {
        assert!(run(wrong, 7), "row product {i}");
    }
    assert!(run(row, 6), "an output that is too short");

    let right = Right { values: &numbers[..7], columns: 3, stride: 4 };
    let column = ColumnProduct { left, rows: 2, right, keep: false };
    let run = |product: ColumnProduct, output: usize| panics(&|| product.run(&mut vec![0.0; output]));
    assert!(!run(column, 12), "all is in bounds");
    for (i, wrong) in [
        ColumnProduct { left: Left { values: &numbers[..7], ..left }, ..column },
        ColumnProduct { left: Left { rows: Rows::At(&[0]), ..left }, ..column },
        ColumnProduct { left: Left { run: 0, ..left }, ..column },
        ColumnProduct { right: Right { values: &numbers[..6], ..right }, ..column },
        ColumnProduct { right: Right { columns: 0, ..right }, ..column },
    ]
    .into_iter()
    .enumerate()
    {
        assert!(run(wrong, 12), "column product {i}");
    }
    assert!(run(column, 11) && run(column, 13), "an output of another size");
}
