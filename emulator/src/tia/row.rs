//! A set of pixels of one scanline.

/// Pixels of a scanline.
pub(crate) const WIDTH: usize = 160;

/// Words in a [`PixelRow`]. 160 = 5 x 32, so that a pattern running off the right edge continues in word 0 by itself.
pub(super) const WORDS: usize = WIDTH / 32;

/// A subset of a scanline's 160 pixels: pixel `x` is bit `x % 32` of word `x / 32`.
///
/// An object's row holds the pixels where it shows. A collision is the AND of two rows, and drawing walks over runs of
/// ones. So a scanline costs a few words instead of 160 pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PixelRow(pub(super) [u32; WORDS]);

impl PixelRow {
    /// No pixel.
    pub(super) const EMPTY: PixelRow = PixelRow([0; WORDS]);

    /// Adds `pattern`, whose bit 0 lies at pixel `x` (0 to 159), wrapping from 159 to 0.
    #[inline(always)]
    pub(super) fn place(&mut self, pattern: u32, x: u32) {
        let wide = u64::from(pattern) << (x % 32);
        let word = (x / 32) as usize % WORDS;
        self.0[word] |= wide as u32;
        self.0[(word + 1) % WORDS] |= (wide >> 32) as u32;
    }

    /// The row of `pattern`, whose bit 0 lies at pixel `x` (0 to 160), and of its copies: `offsets` has a bit for each,
    /// up to bit 64. Copies do not overlap. Wraps from 159 to 0. Has no branch, because the host could not predict it.
    #[inline]
    pub(super) fn copies(pattern: u32, offsets: u128, x: u32) -> PixelRow {
        let all = u128::from(pattern) * offsets;
        // At most 96 bits before the shift, so four words after it.
        let shifted = all << (x % 32);
        let words: [u32; 8] = std::array::from_fn(|i| if i < 4 { (shifted >> (32 * i)) as u32 } else { 0 });
        // Word by word: a vector load of words just stored would wait until the stores have left the processor.
        let order = &TURNS[(x / 32) as usize % TURNS.len()];
        PixelRow(order.map(|word| words[usize::from(word) % 8]))
    }

    /// The row whose forty 4-pixel groups are the low 40 bits of `groups`, leftmost first.
    pub(super) fn of_groups(groups: u64) -> PixelRow {
        let mut row = PixelRow::EMPTY;
        for (word, bits) in row.0.iter_mut().zip(groups.to_le_bytes()) {
            *word = stretch(bits, 4);
        }
        row
    }

    /// The pixels `first..end`, up to 160.
    #[inline]
    pub(super) fn range(first: usize, end: usize) -> PixelRow {
        let (below_first, below_end) = (&BELOW[first % (WIDTH + 1)].0, &BELOW[end % (WIDTH + 1)].0);
        PixelRow(std::array::from_fn(|word| below_end[word] & !below_first[word]))
    }

    /// Whether any of the pixels `first..end` is in the set.
    pub(super) fn any_in(&self, first: usize, end: usize) -> bool {
        PixelRow::range(first, end).0.iter().zip(&self.0).any(|(range, word)| range & word != 0)
    }
}

/// The bits of word `word` that lie in the pixels `first..end`.
#[inline(always)]
pub(super) fn word_mask(word: usize, first: usize, end: usize) -> u32 {
    let below = |x: usize| -> u32 {
        let bits = x.saturating_sub(word * 32).min(32);
        ((1u64 << bits) - 1) as u32
    };
    below(end) & !below(first)
}

/// For each rotation by 0 to 5 words, the source of every word.
static TURNS: [[u8; WORDS]; WORDS + 1] =
    [[0, 1, 2, 3, 4], [4, 0, 1, 2, 3], [3, 4, 0, 1, 2], [2, 3, 4, 0, 1], [1, 2, 3, 4, 0], [0, 1, 2, 3, 4]];

/// For every `x` the pixels left of it.
static BELOW: [PixelRow; WIDTH + 1] = {
    let mut table = [PixelRow::EMPTY; WIDTH + 1];
    let mut x = 1;
    while x <= WIDTH {
        table[x] = table[x - 1];
        table[x].0[(x - 1) / 32] |= 1 << ((x - 1) % 32);
        x += 1;
    }
    table
};

/// Every bit of `bits` repeated `times` times (2 or 4), bit 0 first.
#[inline]
pub(super) fn stretch(bits: u8, times: usize) -> u32 {
    (if times == 2 { &STRETCH_2 } else { &STRETCH_4 })[usize::from(bits)] as u32
}

static STRETCH_2: [u64; 256] = stretch_table(2);
static STRETCH_4: [u64; 256] = stretch_table(4);

/// For every byte its bits, each repeated `times` times (up to 8), bit 0 first.
pub(super) const fn stretch_table(times: u32) -> [u64; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut bit = 0;
        while bit < 8 {
            if byte >> bit & 1 == 1 {
                table[byte] |= ((1 << times) - 1) << (bit * times);
            }
            bit += 1;
        }
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixels(row: PixelRow) -> Vec<usize> {
        (0..WIDTH).filter(|&x| row.any_in(x, x + 1)).collect()
    }

    #[test]
    fn a_pattern_runs_off_the_right_edge_into_the_left() {
        let mut row = PixelRow::EMPTY;
        row.place(0b1011, 158);
        assert_eq!(pixels(row), [1, 158, 159]);
    }

    #[test]
    fn groups_are_four_pixels_each() {
        assert_eq!(pixels(PixelRow::of_groups(1 | 1 << 39)), [0, 1, 2, 3, 156, 157, 158, 159]);
    }

    #[test]
    fn word_masks_cut_a_range_of_pixels() {
        for (first, end) in [(0, 160), (0, 1), (31, 33), (64, 64), (95, 160), (5, 27)] {
            let row = PixelRow(std::array::from_fn(|word| word_mask(word, first, end)));
            assert_eq!(pixels(row), (first..end).collect::<Vec<_>>());
        }
    }
}
