//! OpenCV's `INTER_AREA` and `INTER_LINEAR` on 8-bit data, bit for bit.
//!
//! `INTER_AREA` is four different computations: a copy if the size is right already, averages of whole blocks if both
//! axes shrink by whole numbers, averages with fractional borders if both shrink otherwise, and an interpolation if
//! either axis grows. `INTER_LINEAR` is an interpolation in 11-bit fixed point. Channels are independent of each other.
//!
//! [`Resizer`] takes any size; [`strips`] has the one size that most learners use, 160 columns to 84, in a faster layout.

pub(super) mod strips;

/// How a picture is resized.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum Resize {
    /// Every output pixel is the average of the area it covers (OpenCV `INTER_AREA`): ale-py and gymnasium use this.
    #[default]
    Area,
    /// Linear interpolation between the four nearest pixels (OpenCV `INTER_LINEAR`).
    Bilinear,
}

/// A picture to be resized, row by row.
pub(super) trait Rows {
    /// Writes the values of `row`, channels interleaved.
    fn fill(&self, row: usize, output: &mut [u8]);
    /// Whether `row` equals the row above it, as most rows of an Atari picture do.
    fn repeats(&self, row: usize) -> bool;
}

/// Rows and columns of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) height: usize,
    pub(super) width: usize,
}

/// Resizes pictures of one size to another. It keeps its working memory, so resizing allocates nothing.
#[derive(Clone, Debug)]
pub(super) struct Resizer {
    channels: usize,
    /// Values in a row of the output.
    output_row: usize,
    method: Method,
    /// One row of the picture.
    pixels: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Method {
    Copy,
    Blocks { width: usize, height: usize, sums: Vec<u32> },
    Area { columns: Vec<AreaSpan>, rows: Vec<AreaSpan>, reduced: Vec<f32>, sums: Vec<f32> },
    Linear { columns: Vec<Tap>, rows: Vec<Tap>, sums: [Vec<i32>; 2] },
}

impl Resizer {
    /// Resizes from `source` to `output`, with `channels` values a pixel. No side may be 0.
    pub(super) fn new(resize: Resize, source: Size, output: Size, channels: usize) -> Self {
        let output_row = output.width * channels;
        Self {
            channels,
            output_row,
            method: Method::new(resize, source, output, output_row),
            pixels: vec![0; source.width * channels],
        }
    }

    /// Resizes `picture` into `output`. Where a byte of `changes` is 0, the row of the picture is the same as when
    /// `output` was written last. An output row that depends only on such rows may be left as it is.
    pub(super) fn resize(&mut self, picture: &impl Rows, changes: &[u8], output: &mut [u8]) {
        let Self { channels, output_row, method, pixels } = self;
        let channels = *channels;
        let output_rows = output.chunks_exact_mut(*output_row);
        match method {
            Method::Copy => {
                for (row, output) in output_rows.enumerate() {
                    picture.fill(row, output);
                }
            }
            Method::Blocks { width, height, sums } => {
                average_blocks(picture, (*width, *height), channels, pixels, sums, output_rows);
            }
            Method::Area { columns, rows, reduced, sums } => {
                let scratch = Scratch { pixels, reduced, sums };
                average(picture, columns, rows, channels, changes, scratch, output_rows);
            }
            Method::Linear { columns, rows, sums } => {
                interpolate(picture, columns, rows, channels, changes, pixels, sums, output_rows);
            }
        }
    }
}

impl Method {
    fn new(resize: Resize, source: Size, output: Size, output_row: usize) -> Self {
        if output == source {
            return Method::Copy;
        }
        let linear = |taps: fn(usize, usize) -> Vec<Tap>| Method::Linear {
            columns: taps(source.width, output.width),
            rows: taps(source.height, output.height),
            sums: [vec![0; output_row], vec![0; output_row]],
        };
        if resize == Resize::Bilinear {
            return linear(linear_taps);
        }
        if output.height > source.height || output.width > source.width {
            return linear(enlarging_taps);
        }
        match (whole_ratio(source.width, output.width), whole_ratio(source.height, output.height)) {
            (Some(width), Some(height)) => Method::Blocks { width, height, sums: vec![0; output_row] },
            _ => Method::Area {
                columns: area_spans(source.width, output.width),
                rows: area_spans(source.height, output.height),
                reduced: vec![0.0; output_row],
                sums: vec![0.0; output_row],
            },
        }
    }
}

/// The source pixels from `first` on that an output pixel averages on one axis.
#[derive(Clone, Debug)]
struct AreaSpan {
    first: usize,
    weights: Vec<f32>,
}

/// The weight of one source pixel in one output pixel of one axis.
struct AreaWeight {
    output: usize,
    source: usize,
    weight: f32,
}

/// OpenCV's table of area weights from `source` to `output` pixels: computed in `f64`, kept in `f32`.
fn area_weights(source: usize, output: usize) -> Vec<AreaWeight> {
    let scale = 1.0 / (output as f64 / source as f64);
    let mut table = Vec::new();
    for d in 0..output {
        let begin = d as f64 * scale;
        let end = begin + scale;
        let width = scale.min(source as f64 - begin);
        let last_whole = (end.floor() as usize).min(source - 1);
        let first_whole = (begin.ceil() as usize).min(last_whole);
        let mut add = |source: usize, weight: f64| table.push(AreaWeight { output: d, source, weight: weight as f32 });
        if first_whole as f64 - begin > 1e-3 {
            add(first_whole - 1, (first_whole as f64 - begin) / width);
        }
        for s in first_whole..last_whole {
            add(s, 1.0 / width);
        }
        if end - last_whole as f64 > 1e-3 {
            add(last_whole, (end - last_whole as f64).min(1.0).min(width) / width);
        }
    }
    table
}

/// The same table, by output pixel.
fn area_spans(source: usize, output: usize) -> Vec<AreaSpan> {
    let mut spans: Vec<AreaSpan> = Vec::with_capacity(output);
    for entry in area_weights(source, output) {
        if entry.output == spans.len() {
            spans.push(AreaSpan { first: entry.source, weights: Vec::new() });
        }
        spans[entry.output].weights.push(entry.weight);
    }
    spans
}

/// The number of source pixels in an output pixel, if OpenCV takes it for a whole number. OpenCV divides twice and
/// compares the quotient with the nearest whole number, so it misses some quotients that are whole on paper.
fn whole_ratio(source: usize, output: usize) -> Option<usize> {
    let scale = 1.0 / (output as f64 / source as f64);
    ((scale - scale.round()).abs() < f64::EPSILON).then_some(scale.round() as usize)
}

/// Two neighboring source pixels and their weights in 1/2048.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tap {
    first: usize,
    second: usize,
    weights: [i32; 2],
}

/// Two taps for each output pixel, at the positions of `INTER_LINEAR`.
fn linear_taps(source: usize, output: usize) -> Vec<Tap> {
    let scale = 1.0 / (output as f64 / source as f64);
    let tap = |d: usize| {
        let position = ((d as f64 + 0.5) * scale - 0.5) as f32;
        let first = position.floor();
        let fraction = position - first;
        // Positions before the first pixel take that pixel twice.
        let pixel = |position: f32| (position.max(0.0) as usize).min(source - 1);
        Tap {
            first: pixel(first),
            second: pixel(first + 1.0),
            weights: [fixed_point(1.0 - fraction), fixed_point(fraction)],
        }
    };
    (0..output).map(tap).collect()
}

/// Two taps for each output pixel where `INTER_AREA` enlarges. An output pixel that lies within one source pixel equals
/// it; only the others are interpolated.
fn enlarging_taps(source: usize, output: usize) -> Vec<Tap> {
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

/// `weight` in 1/2048, halves to even.
fn fixed_point(weight: f32) -> i32 {
    (weight * 2048.0).round_ties_even() as i32
}

/// `value` in 0..=255 rounded, halves to even: adding 1.5 * 2^23 leaves the integer in the low bits. (Without SSE 4.1
/// `f32::round_ties_even` is a function call a pixel.)
fn round_half_even(value: f32) -> u8 {
    (value + 12_582_912.0).to_bits() as u8
}

fn average_blocks<'a>(
    picture: &impl Rows,
    (width, height): (usize, usize),
    channels: usize,
    pixels: &mut [u8],
    sums: &mut [u32],
    output_rows: impl Iterator<Item = &'a mut [u8]>,
) {
    let share = 1.0 / (width * height) as f32;
    for (i, output) in output_rows.enumerate() {
        sums.fill(0);
        for row in i * height..(i + 1) * height {
            picture.fill(row, pixels);
            for (sums, block) in sums.chunks_exact_mut(channels).zip(pixels.chunks_exact(width * channels)) {
                for (i, &value) in block.iter().enumerate() {
                    sums[i % channels] += u32::from(value);
                }
            }
        }
        for (value, &sum) in output.iter_mut().zip(&*sums) {
            // OpenCV rounds halves up for blocks of four, and to even for all others.
            *value =
                if (width, height) == (2, 2) { ((sum + 2) >> 2) as u8 } else { round_half_even(sum as f32 * share) };
        }
    }
}

/// Working memory of [`average`]: a row of the picture, that row reduced, and a row of sums.
struct Scratch<'a> {
    pixels: &'a mut [u8],
    reduced: &'a mut [f32],
    sums: &'a mut [f32],
}

fn average<'a>(
    picture: &impl Rows,
    columns: &[AreaSpan],
    spans: &[AreaSpan],
    channels: usize,
    changes: &[u8],
    scratch: Scratch,
    output_rows: impl Iterator<Item = &'a mut [u8]>,
) {
    let Scratch { pixels, reduced, sums } = scratch;
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
                if !(above_is_reduced && picture.repeats(source)) {
                    picture.fill(source, pixels);
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

#[allow(clippy::too_many_arguments)] // as long as the tables and the working memory of one method
fn interpolate<'a>(
    picture: &impl Rows,
    columns: &[Tap],
    taps: &[Tap],
    channels: usize,
    changes: &[u8],
    pixels: &mut [u8],
    sums: &mut [Vec<i32>; 2],
    output_rows: impl Iterator<Item = &'a mut [u8]>,
) {
    let mut held = [usize::MAX; 2];
    for (tap, output) in taps.iter().zip(output_rows) {
        if changes[tap.first] == 0 && changes[tap.second] == 0 {
            continue;
        }
        // From top to bottom, the lower row of one output row is often the upper one of the next.
        if held[1] == tap.first && held[0] != tap.first {
            sums.swap(0, 1);
            held.swap(0, 1);
        }
        for (i, source) in [tap.first, tap.second].into_iter().enumerate() {
            if held[i] != source {
                picture.fill(source, pixels);
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

fn interpolate_row(pixels: &[u8], columns: &[Tap], channels: usize, sums: &mut [i32]) {
    for (sums, tap) in sums.chunks_exact_mut(channels).zip(columns) {
        for (channel, sum) in sums.iter_mut().enumerate() {
            *sum = i32::from(pixels[tap.first * channels + channel]) * tap.weights[0]
                + i32::from(pixels[tap.second * channels + channel]) * tap.weights[1];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn area_weights_of_every_output_pixel_add_up_to_one_at_every_height() {
        for height in [160, 210, 214, 220, 230, 250] {
            let mut sums = [0.0f32; 84];
            for entry in area_weights(height, 84) {
                sums[entry.output] += entry.weight;
                assert!(entry.source < height);
            }
            assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-5), "height {height}: {sums:?}");
        }
    }

    #[test]
    fn rounding_goes_to_even() {
        for (value, rounded) in
            [(0.5, 0), (1.5, 2), (2.5, 2), (2.500_001, 3), (254.5, 254), (255.000_02, 255), (0.0, 0)]
        {
            assert_eq!(round_half_even(value), rounded, "{value}");
        }
    }

    #[test]
    fn enlarging_by_area_interpolates_only_across_the_borders_of_source_pixels() {
        // 160 to 240: of three pixels the first is the first source pixel, the second half of each, the third the second.
        let taps = enlarging_taps(160, 240);
        assert_eq!(taps[0], Tap { first: 0, second: 1, weights: [2048, 0] });
        assert_eq!(taps[1], Tap { first: 0, second: 1, weights: [1024, 1024] });
        assert_eq!((taps[2].first, taps[2].weights), (1, [2048, 0]));
        assert_eq!(taps[239], Tap { first: 159, second: 159, weights: [2048, 0] });
    }

    #[test]
    fn linear_taps_lie_around_the_middle_of_an_output_pixel() {
        // 160 to 80: the middle between two source pixels. 160 to 320: a quarter from the nearer one.
        assert!(linear_taps(160, 80)
            .iter()
            .enumerate()
            .all(|(i, &tap)| tap == Tap { first: 2 * i, second: 2 * i + 1, weights: [1024, 1024] }));
        let taps = linear_taps(160, 320);
        assert_eq!(taps[0], Tap { first: 0, second: 0, weights: [512, 1536] });
        assert_eq!(taps[1], Tap { first: 0, second: 1, weights: [1536, 512] });
        assert_eq!(taps[319], Tap { first: 159, second: 159, weights: [1536, 512] });
    }
}
