//! One observation frame of any size from one or more screens: colours, pixelwise maximum, resize.
//!
//! The resize is OpenCV's `INTER_AREA` on 8-bit data, bit for bit, which is four different computations: nothing when the
//! size is right already, averages of whole blocks when both axes shrink by whole numbers, averages with fractional
//! borders when both shrink otherwise, and an interpolation when either axis grows. Channels do not meet each other.

use crate::preprocess::{area_spans, fixed_point, round_half_even, AreaSpan, Frame, Resize, Resizer, SIDE};
use atari_emulator::Palette;

/// Pixels in a row of the console's picture.
const SCREEN_WIDTH: usize = 160;

/// Makes frames of `output_height x output_width` pixels, in gray or in three interleaved channels, of screens of one
/// height. Keeps its working memory, so that making a frame allocates nothing.
#[derive(Clone, Debug)]
pub(super) struct FrameMaker {
    colours: Colours,
    source_height: usize,
    /// Values in a row of the output.
    output_row: usize,
    method: Method,
    /// The 84 x 84 gray picture that nearly everybody wants has a reducer of its own, of constant sizes.
    standard: Option<Box<Resizer>>,
    /// One row of the pooled picture.
    pixels: Vec<u8>,
}

/// What the palette indices become.
#[derive(Clone, Debug)]
enum Colours {
    Gray(&'static [u8; 256]),
    Rgb(Box<[[u8; 3]; 256]>),
}

#[derive(Clone, Debug)]
enum Method {
    Copy,
    Blocks { width: usize, height: usize, sums: Vec<u32> },
    Area { columns: Vec<AreaSpan>, rows: Vec<AreaSpan>, reduced: Vec<f32>, sums: Vec<f32> },
    Linear { columns: Vec<Tap>, rows: Vec<Tap>, sums: [Vec<i32>; 2] },
}

/// Two neighbouring source pixels and their weights in 1/2048.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tap {
    first: usize,
    second: usize,
    weights: [i32; 2],
}

/// How many source pixels make an output pixel, if OpenCV takes that for a whole number. It divides twice and compares
/// with the nearest one, which a quotient that is whole on paper need not meet.
fn whole_ratio(source: usize, output: usize) -> Option<usize> {
    let scale = 1.0 / (output as f64 / source as f64);
    ((scale - scale.round()).abs() < f64::EPSILON).then_some(scale.round() as usize)
}

/// OpenCV's taps when `INTER_AREA` has to enlarge: not the positions of plain linear interpolation, but those at which an
/// output pixel that lies within one source pixel equals it.
fn taps(source: usize, output: usize) -> Vec<Tap> {
    let inverse = output as f64 / source as f64;
    let scale = 1.0 / inverse;
    let tap = |d: usize| {
        let first = (d as f64 * scale).floor() as usize;
        let fraction = ((d + 1) as f64 - (first + 1) as f64 * inverse) as f32;
        let fraction = if fraction <= 0.0 { 0.0 } else { fraction - fraction.floor() };
        let (first, fraction) = if first + 1 >= source { (source - 1, 0.0) } else { (first, fraction) };
        Tap {
            first,
            second: (first + 1).min(source - 1),
            weights: [fixed_point(1.0 - fraction), fixed_point(fraction)],
        }
    };
    (0..output).map(tap).collect()
}

impl Method {
    fn new(source_height: usize, output_height: usize, output_width: usize, channels: usize) -> Self {
        let output_row = output_width * channels;
        if (output_height, output_width) == (source_height, SCREEN_WIDTH) {
            return Method::Copy;
        }
        if output_height > source_height || output_width > SCREEN_WIDTH {
            return Method::Linear {
                columns: taps(SCREEN_WIDTH, output_width),
                rows: taps(source_height, output_height),
                sums: [vec![0; output_row], vec![0; output_row]],
            };
        }
        match (whole_ratio(SCREEN_WIDTH, output_width), whole_ratio(source_height, output_height)) {
            (Some(width), Some(height)) => Method::Blocks { width, height, sums: vec![0; output_row] },
            _ => Method::Area {
                columns: area_spans(SCREEN_WIDTH, output_width),
                rows: area_spans(source_height, output_height),
                reduced: vec![0.0; output_row],
                sums: vec![0.0; output_row],
            },
        }
    }
}

/// The values of one row of screens: palette indices become colours, of which the greatest counts.
struct Rows<'a> {
    screens: &'a [&'a [u8]],
    colours: &'a Colours,
}

impl Rows<'_> {
    fn of(screen: &[u8], row: usize) -> &[u8] {
        &screen[row * SCREEN_WIDTH..(row + 1) * SCREEN_WIDTH]
    }

    fn fill(&self, row: usize, output: &mut [u8]) {
        let (first, others) = self.screens.split_first().expect("a frame is made of at least one screen");
        let first = Self::of(first, row);
        match self.colours {
            Colours::Gray(gray) => {
                for (value, &index) in output.iter_mut().zip(first) {
                    *value = gray[usize::from(index)];
                }
            }
            Colours::Rgb(rgb) => {
                for (value, &index) in output.chunks_exact_mut(3).zip(first) {
                    value.copy_from_slice(&rgb[usize::from(index)]);
                }
            }
        }
        for other in others.iter().map(|screen| Self::of(screen, row)).filter(|&other| other != first) {
            match self.colours {
                Colours::Gray(gray) => {
                    for (value, &index) in output.iter_mut().zip(other) {
                        *value = gray[usize::from(index)].max(*value);
                    }
                }
                Colours::Rgb(rgb) => {
                    for (value, &index) in output.chunks_exact_mut(3).zip(other) {
                        for (value, &channel) in value.iter_mut().zip(&rgb[usize::from(index)]) {
                            *value = channel.max(*value);
                        }
                    }
                }
            }
        }
    }

    /// Whether `row` shows the same as the one above it, as most rows of an Atari picture do.
    fn repeats(&self, row: usize) -> bool {
        row > 0 && self.screens.iter().all(|screen| Self::of(screen, row) == Self::of(screen, row - 1))
    }
}

impl FrameMaker {
    /// Frames of `height x width`, with the colours of `palette` or their gray values, of screens with `source_height`
    /// rows.
    pub(super) fn new(
        palette: &'static Palette,
        source_height: usize,
        height: usize,
        width: usize,
        grayscale: bool,
    ) -> Self {
        let (colours, channels) = if grayscale {
            (Colours::Gray(palette.gray()), 1)
        } else {
            let mut rgb = Box::new([[0; 3]; 256]);
            for (index, colour) in (0..=u8::MAX).zip(rgb.iter_mut()) {
                *colour = palette.rgb(index);
            }
            (Colours::Rgb(rgb), 3)
        };
        let standard = grayscale && (height, width) == (SIDE, SIDE) && source_height > SIDE;
        Self {
            colours,
            source_height,
            output_row: width * channels,
            method: Method::new(source_height, height, width, channels),
            standard: standard.then(|| Box::new(Resizer::new(Resize::Area, source_height))),
            pixels: vec![0; SCREEN_WIDTH * channels],
        }
    }

    /// Writes the frame that the pixelwise maximum of `screens` (at least one, of palette indices) becomes. A byte of `changes`
    /// that is 0 tells that `output` holds the frame of screens which were the same in that row.
    pub(super) fn make(&mut self, screens: &[&[u8]], changes: &[u8], output: &mut [u8]) {
        if let (Some(resizer), Colours::Gray(gray), Ok(frame)) =
            (&self.standard, &self.colours, <&mut Frame>::try_from(&mut *output))
        {
            match screens {
                [screen] => return resizer.pool_and_resize_changes(None, screen, changes, gray, frame),
                [screen, other] => return resizer.pool_and_resize_changes(Some(other), screen, changes, gray, frame),
                _ => {}
            }
        }
        let rows = Rows { screens, colours: &self.colours };
        let channels = self.pixels.len() / SCREEN_WIDTH;
        let pixels = &mut self.pixels;
        let output_rows = output.chunks_exact_mut(self.output_row);
        match &mut self.method {
            Method::Copy => {
                for (row, output) in output_rows.enumerate() {
                    rows.fill(row, output);
                }
            }
            Method::Blocks { width, height, sums } => {
                let (width, height) = (*width, *height);
                let share = 1.0 / (width * height) as f32;
                for (i, output) in output_rows.enumerate() {
                    sums.fill(0);
                    for row in i * height..(i + 1) * height {
                        rows.fill(row, pixels);
                        for (sums, block) in sums.chunks_exact_mut(channels).zip(pixels.chunks_exact(width * channels))
                        {
                            for (i, &value) in block.iter().enumerate() {
                                sums[i % channels] += u32::from(value);
                            }
                        }
                    }
                    for (value, &sum) in output.iter_mut().zip(&*sums) {
                        // OpenCV rounds halves up for blocks of four, and to even for all others.
                        *value = if (width, height) == (2, 2) {
                            ((sum + 2) >> 2) as u8
                        } else {
                            round_half_even(sum as f32 * share)
                        };
                    }
                }
            }
            Method::Area { columns, rows: weights, reduced, sums } => {
                average(&rows, columns, weights, changes, Scratch { pixels, reduced, sums }, output_rows);
            }
            Method::Linear { columns, rows: taps, sums } => {
                let mut held = [usize::MAX; 2];
                for (tap, output) in taps.iter().zip(output_rows) {
                    // Going down, the lower row of one output row is often the upper one of the next.
                    if held[1] == tap.first && held[0] != tap.first {
                        sums.swap(0, 1);
                        held.swap(0, 1);
                    }
                    for (i, source) in [tap.first, tap.second].into_iter().enumerate() {
                        if held[i] != source {
                            rows.fill(source, pixels);
                            interpolate_row(pixels, columns, channels, &mut sums[i]);
                            held[i] = source;
                        }
                    }
                    for ((value, &above), &below) in output.iter_mut().zip(&sums[0]).zip(&sums[1]) {
                        let weighted = |sum: i32, weight: i32| (weight * (sum >> 4)) >> 16;
                        *value = ((weighted(above, tap.weights[0]) + weighted(below, tap.weights[1]) + 2) >> 2) as u8;
                    }
                }
            }
        }
    }

    /// Rows of the screens it takes.
    pub(super) fn source_height(&self) -> usize {
        self.source_height
    }
}

fn interpolate_row(pixels: &[u8], columns: &[Tap], channels: usize, sums: &mut [i32]) {
    for (sums, tap) in sums.chunks_exact_mut(channels).zip(columns) {
        for (channel, sum) in sums.iter_mut().enumerate() {
            *sum = i32::from(pixels[tap.first * channels + channel]) * tap.weights[0]
                + i32::from(pixels[tap.second * channels + channel]) * tap.weights[1];
        }
    }
}

/// Working memory of [`average`].
struct Scratch<'a> {
    pixels: &'a mut [u8],
    reduced: &'a mut [f32],
    sums: &'a mut [f32],
}

fn average<'a>(
    rows: &Rows,
    columns: &[AreaSpan],
    spans: &[AreaSpan],
    changes: &[u8],
    scratch: Scratch,
    output_rows: impl Iterator<Item = &'a mut [u8]>,
) {
    let Scratch { pixels, reduced, sums } = scratch;
    let channels = pixels.len() / SCREEN_WIDTH;
    let mut reduced_row = usize::MAX;
    for (span, output) in spans.iter().zip(output_rows) {
        let sources = span.first..span.first + span.weights.len();
        if changes[sources.clone()].iter().all(|&change| change == 0) {
            continue;
        }
        sums.fill(0.0);
        for (source, &weight) in sources.zip(&span.weights) {
            if source != reduced_row {
                let above_is_reduced = reduced_row.wrapping_add(1) == source;
                if !(above_is_reduced && rows.repeats(source)) {
                    rows.fill(source, pixels);
                    reduce_row(pixels, columns, channels, reduced);
                }
                reduced_row = source;
            }
            for (sum, &value) in sums.iter_mut().zip(&*reduced) {
                *sum += value * weight;
            }
        }
        for (value, &sum) in output.iter_mut().zip(&*sums) {
            *value = round_half_even(sum);
        }
    }
}

fn reduce_row(pixels: &[u8], columns: &[AreaSpan], channels: usize, reduced: &mut [f32]) {
    for (reduced, column) in reduced.chunks_exact_mut(channels).zip(columns) {
        for (channel, value) in reduced.iter_mut().enumerate() {
            let source = pixels[column.first * channels + channel..].iter().step_by(channels);
            *value =
                column.weights.iter().zip(source).fold(0.0, |sum, (weight, &pixel)| sum + f32::from(pixel) * weight);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atari_emulator::Format;

    fn palette() -> &'static Palette {
        Palette::of(Format::Ntsc)
    }

    /// A screen whose gray values are near `value(row, column)`, and those gray values.
    fn screen(height: usize, value: impl Fn(usize, usize) -> u8) -> (Vec<u8>, Vec<u8>) {
        let gray = palette().gray();
        let index = |wanted: u8| (0..=255u8).step_by(2).min_by_key(|&i| gray[usize::from(i)].abs_diff(wanted)).unwrap();
        let indices: Vec<u8> =
            (0..height * SCREEN_WIDTH).map(|i| index(value(i / SCREEN_WIDTH, i % SCREEN_WIDTH))).collect();
        let values = indices.iter().map(|&i| gray[usize::from(i)]).collect();
        (indices, values)
    }

    fn made(indices: &[u8], height: usize, (rows, columns): (usize, usize), grayscale: bool) -> Vec<u8> {
        let mut output = vec![7; rows * columns * if grayscale { 1 } else { 3 }];
        FrameMaker::new(palette(), height, rows, columns, grayscale).make(&[indices], &vec![1; height], &mut output);
        output
    }

    #[test]
    fn the_screens_own_size_is_not_resized() {
        let (indices, values) = screen(210, |row, column| (row + column) as u8);
        assert_eq!(made(&indices, 210, (210, 160), true), values);
        let rgb = made(&indices, 210, (210, 160), false);
        assert!(rgb.chunks_exact(3).zip(&indices).all(|(got, &index)| got == palette().rgb(index)));
    }

    #[test]
    fn blocks_of_four_round_halves_up_and_other_blocks_to_even() {
        // $02 is gray 74 and $00 is 0: 74 / 4 = 18.5 goes up to 19 in a block of four.
        let mut indices = vec![0; 210 * SCREEN_WIDTH];
        indices[0] = 2;
        assert_eq!(made(&indices, 210, (105, 80), true)[..2], [19, 0]);
        // In a block of two by one, (111 + 74) / 2 = 92.5 goes down to 92.
        indices[..2].copy_from_slice(&[2, 4]);
        assert_eq!(palette().gray()[4], 111);
        assert_eq!(made(&indices, 210, (210, 80), true)[..2], [92, 0]);
        // (74 + 111) / 6 = 30.83
        assert_eq!(made(&indices, 210, (70, 80), true)[..2], [31, 0]);
    }

    #[test]
    fn fractional_areas_weigh_their_borders() {
        // 160 columns to 64: 2.5 each, so that the first takes 1, 1, 0.5 and the second 0.5, 1, 1.
        let mut indices = vec![0; 210 * SCREEN_WIDTH];
        for row in indices.chunks_exact_mut(SCREEN_WIDTH) {
            row[2] = 2;
        }
        // 74 * 0.5 / 2.5 = 14.8
        assert_eq!(made(&indices, 210, (210, 64), true)[..3], [15, 15, 0]);
        // The colour $02 has three equal channels, which do not meet their neighbours.
        assert_eq!(made(&indices, 210, (210, 64), false)[..9], [15, 15, 15, 15, 15, 15, 0, 0, 0]);
    }

    #[test]
    fn enlarging_interpolates_only_across_the_borders_of_source_pixels() {
        // Twice the width: every pixel lies within one source pixel and repeats it.
        let (indices, values) = screen(210, |row, column| (3 * row + 7 * column) as u8);
        let doubled = made(&indices, 210, (210, 320), true);
        assert!(doubled.chunks_exact(2).zip(&values).all(|(pair, &value)| pair == [value; 2]));
        // 160 to 240: of three pixels the first is the first source pixel, the second half of each, the third the second.
        let taps = taps(160, 240);
        assert_eq!(taps[0], Tap { first: 0, second: 1, weights: [2048, 0] });
        assert_eq!(taps[1], Tap { first: 0, second: 1, weights: [1024, 1024] });
        assert_eq!((taps[2].first, taps[2].weights), (1, [2048, 0]));
        assert_eq!(taps[239], Tap { first: 159, second: 159, weights: [2048, 0] });
    }

    #[test]
    fn the_reducer_for_84_by_84_agrees_with_the_one_for_any_size() {
        let (indices, _) = screen(210, |row, column| ((row * 31) ^ (column * 17)) as u8);
        let (other, _) = screen(210, |row, column| ((row * 13) ^ (column * 41)) as u8);
        let mut maker = FrameMaker::new(palette(), 210, SIDE, SIDE, true);
        let mut standard = vec![0; SIDE * SIDE];
        maker.make(&[&indices, &other], &[1; 210], &mut standard);
        maker.standard = None;
        let mut general = vec![1; SIDE * SIDE];
        maker.make(&[&indices, &other], &[1; 210], &mut general);
        assert_eq!(general, standard);
        // A third screen that adds nothing takes the general way too.
        maker.make(&[&indices, &other, &indices], &[1; 210], &mut general);
        assert_eq!(general, standard);
    }

    #[test]
    fn a_uniform_picture_stays_uniform_at_every_size() {
        for height in [210, 214, 230, 250] {
            let indices = vec![0x0E; height * SCREEN_WIDTH];
            for size in
                [(1, 1), (42, 42), (84, 84), (100, 100), (105, 80), (210, 160), (250, 200), (50, 300), (300, 50)]
            {
                let output = made(&indices, height, size, true);
                assert!(output.iter().all(|&value| value == 0xEC), "{height} to {size:?}");
            }
        }
    }
}
