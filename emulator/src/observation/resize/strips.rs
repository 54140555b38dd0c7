//! 160 columns to 84 by area, in gray: the size that most learners use, four columns at a time.
//!
//! 160 columns become 84 as four times 40 become 21. A row is reduced in four strips of equal geometry, whose pixels lie
//! side by side in a vector. The sums are added in the order of [`Resizer`](super::Resizer), so the result is the same.

use super::{area_spans, area_weights, round_half_even, AreaSpan, AreaWeight};
use crate::observation::SCREEN_WIDTH;

/// Rows and columns of the output.
pub(in crate::observation) const SIDE: usize = 84;

/// The output: [`SIDE`] rows of [`SIDE`] gray values.
pub(in crate::observation) type Square = [u8; SIDE * SIDE];

const STRIPS: usize = 4;
const STRIP_PIXELS: usize = SCREEN_WIDTH / STRIPS;
const STRIP_OUTPUT: usize = SIDE / STRIPS;

/// A reduced row.
type Strips = [[f32; STRIPS]; STRIP_OUTPUT];
/// A row's gray values, and one element more so that three can always be read.
type StripPixels = [[f32; STRIPS]; STRIP_PIXELS + 1];

/// Reduces screens of one height to 84 x 84; all weights are computed beforehand.
#[derive(Clone, Debug)]
pub(in crate::observation) struct SquareResizer {
    columns: Box<Columns>,
    rows: Vec<AreaSpan>,
}

/// The weights of the three source pixels from `first[d]` on in the average for output column `d` of a strip; unused
/// ones are 0.
#[derive(Clone, Debug)]
struct Columns {
    first: [usize; STRIP_OUTPUT],
    weights: [[[f32; STRIPS]; 3]; STRIP_OUTPUT],
}

impl Columns {
    fn new() -> Self {
        let mut columns = Self { first: [usize::MAX; STRIP_OUTPUT], weights: [[[0.0; STRIPS]; 3]; STRIP_OUTPUT] };
        for AreaWeight { output, source, weight } in area_weights(SCREEN_WIDTH, SIDE) {
            let (strip, output) = (output / STRIP_OUTPUT, output % STRIP_OUTPUT);
            let source = source - strip * STRIP_PIXELS;
            // A weight of 0 after the last entry does not change an f32 sum of non-negative terms.
            if columns.first[output] == usize::MAX {
                columns.first[output] = source;
            }
            columns.weights[output][source - columns.first[output]][strip] = weight;
        }
        columns
    }

    fn apply(&self, pixels: &StripPixels, output: &mut Strips) {
        for ((output, &first), [left, middle, right]) in output.iter_mut().zip(&self.first).zip(&self.weights) {
            let source = &pixels[first..first + 3];
            for strip in 0..STRIPS {
                output[strip] =
                    source[0][strip] * left[strip] + source[1][strip] * middle[strip] + source[2][strip] * right[strip];
            }
        }
    }
}

/// The rows of a picture as gray values, from one screen or from the pixelwise maximum of two.
struct GrayRows<'a> {
    current: &'a [[u8; SCREEN_WIDTH]],
    previous: Option<&'a [[u8; SCREEN_WIDTH]]>,
    gray: [f32; 256],
}

impl<'a> GrayRows<'a> {
    fn new(current: &'a [u8], previous: Option<&'a [u8]>, gray: &[u8; 256]) -> Self {
        let rows = |screen: &'a [u8]| screen.as_chunks().0;
        Self { current: rows(current), previous: previous.map(rows), gray: gray.map(f32::from) }
    }

    /// The row in the current screen, and in the previous one if it differs.
    fn row(&self, row: usize) -> (&[u8; SCREEN_WIDTH], Option<&[u8; SCREEN_WIDTH]>) {
        let current = &self.current[row];
        (current, self.previous.map(|previous| &previous[row]).filter(|previous| *previous != current))
    }

    fn value(&self, index: u8) -> f32 {
        self.gray[usize::from(index)]
    }

    /// Writes the row in strips.
    fn fill(&self, row: usize, output: &mut StripPixels) {
        let (current, previous) = self.row(row);
        for (i, output) in output[..STRIP_PIXELS].iter_mut().enumerate() {
            *output = std::array::from_fn(|strip| self.value(current[strip * STRIP_PIXELS + i]));
        }
        if let Some(previous) = previous {
            for (i, output) in output[..STRIP_PIXELS].iter_mut().enumerate() {
                *output = std::array::from_fn(|strip| {
                    let other = self.value(previous[strip * STRIP_PIXELS + i]);
                    if other > output[strip] {
                        other
                    } else {
                        output[strip]
                    }
                });
            }
        }
    }

    /// Whether the row equals the one above it. Two rows of three do in the average Atari picture, and a comparison
    /// costs a tenth of reducing the row.
    fn repeats(&self, row: usize) -> bool {
        let same = |screen: &[[u8; SCREEN_WIDTH]]| screen[row] == screen[row - 1];
        row > 0 && same(self.current) && self.previous.is_none_or(same)
    }
}

impl SquareResizer {
    /// A resizer for screens of `height` rows, more than 84.
    pub(in crate::observation) fn new(height: usize) -> Self {
        Self { columns: Box::new(Columns::new()), rows: area_spans(height, SIDE) }
    }

    /// Reduces the gray values of `current`, or their pixelwise maximum with the gray values of `previous`, to 84 x 84
    /// in `output`. The screens are palette indices, `gray` has their gray values. Where a byte of `changes` is 0, the
    /// row of the screens is the same as when `output` was written last. Output rows that depend only on such rows are
    /// left as they are.
    pub(in crate::observation) fn resize(
        &self,
        previous: Option<&[u8]>,
        current: &[u8],
        changes: &[u8],
        gray: &[u8; 256],
        output: &mut Square,
    ) {
        let picture = GrayRows::new(current, previous, gray);
        let mut pixels = [[0.0; STRIPS]; STRIP_PIXELS + 1];
        let mut reduced = [[0.0; STRIPS]; STRIP_OUTPUT];
        let mut reduced_row = usize::MAX;
        for (span, output) in self.rows.iter().zip(output.as_chunks_mut::<SIDE>().0) {
            let sources = span.first..span.first + span.weights.len();
            if changes[sources.clone()].iter().all(|&change| change == 0) {
                continue;
            }
            let mut sums = [[0.0; STRIPS]; STRIP_OUTPUT];
            for (source, &weight) in sources.zip(&span.weights) {
                // Neighboring output rows share at most one source row.
                if source != reduced_row {
                    let above_is_reduced = reduced_row.wrapping_add(1) == source;
                    if !(above_is_reduced && picture.repeats(source)) {
                        picture.fill(source, &mut pixels);
                        self.columns.apply(&pixels, &mut reduced);
                    }
                    reduced_row = source;
                }
                for (sums, values) in sums.iter_mut().zip(&reduced) {
                    for (sum, value) in sums.iter_mut().zip(values) {
                        *sum += value * weight;
                    }
                }
            }
            for (strip, output) in output.chunks_exact_mut(STRIP_OUTPUT).enumerate() {
                for (pixel, sums) in output.iter_mut().zip(&sums) {
                    *pixel = round_half_even(sums[strip]);
                }
            }
        }
    }
}
