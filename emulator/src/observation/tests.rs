use super::*;
use crate::properties::TelevisionFormat;
use std::io::Read;
use std::path::{Path, PathBuf};

const SCREEN: usize = 210 * SCREEN_WIDTH;

fn palette() -> &'static Palette {
    Palette::of(TelevisionFormat::Ntsc)
}

fn identity() -> Colors {
    Colors::Gray(Box::new(std::array::from_fn(|value| value as u8)))
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

fn settings((rows, columns): (usize, usize), grayscale: bool) -> ObservationSettings {
    ObservationSettings::default().with_size(rows, columns).with_grayscale(grayscale)
}

/// The frame of `screens`, written over another one.
fn made_by(mut maker: FrameMaker, settings: &ObservationSettings, screens: &[&[u8]]) -> Vec<u8> {
    let mut output = vec![7; settings.frame_bytes().unwrap()];
    maker.make(screens, &vec![1; screens[0].len() / SCREEN_WIDTH], &mut output);
    output
}

fn made(indices: &[u8], height: usize, size: (usize, usize), grayscale: bool) -> Vec<u8> {
    let settings = settings(size, grayscale);
    made_by(FrameMaker::new(&settings, palette(), height), &settings, &[indices])
}

/// (row, column, got, want) of the first wrong pixel of 84 x 84.
fn first_difference(got: &[u8], want: &[u8]) -> Option<(usize, usize, u8, u8)> {
    assert_eq!((got.len(), want.len()), (SIDE * SIDE, SIDE * SIDE));
    (0..SIDE * SIDE).find(|&i| got[i] != want[i]).map(|i| (i / SIDE, i % SIDE, got[i], want[i]))
}

/// Two consecutive screens with what OpenCV 5.0.0 made of them.
struct Pair {
    previous: Vec<u8>,
    current: Vec<u8>,
    /// Gray values of the pixelwise maximum.
    maximum: Vec<u8>,
    area: Vec<u8>,
    bilinear: Vec<u8>,
}

/// The folders of picture pairs: the repository's subset, and the full set where it lies beside the repository.
fn folders_of_pairs() -> Vec<PathBuf> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![manifest.join("tests/data/preprocess")];
    folders.extend(Some(manifest.join("../../shared/testdata/preprocess")).filter(|folder| folder.is_dir()));
    folders
}

fn read_pairs(folder: &Path) -> Vec<Pair> {
    let packed = std::fs::read(folder.join("pairs.bin.gz")).unwrap();
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut bytes).unwrap();
    let records = bytes.chunks_exact(3 * SCREEN + 2 * SIDE * SIDE);
    assert!(records.remainder().is_empty());
    let pair = |record: &[u8]| {
        let mut parts = [SCREEN, SCREEN, SCREEN, SIDE * SIDE, SIDE * SIDE].into_iter().scan(record, |rest, length| {
            let (part, after) = rest.split_at(length);
            *rest = after;
            Some(part.to_vec())
        });
        let [previous, current, maximum, area, bilinear] = std::array::from_fn(|_| parts.next().unwrap());
        Pair { previous, current, maximum, area, bilinear }
    };
    records.map(pair).collect()
}

/// The gray value of every palette index in the pairs.
fn gray_table(folder: &Path) -> [u8; 256] {
    let mut gray = [0; 256];
    let csv = std::fs::read_to_string(folder.join("palette_ntsc_seen.csv")).unwrap();
    for line in csv.lines().skip(1) {
        let fields: Vec<usize> = line.split(',').map(|field| field.trim().parse().unwrap()).collect();
        gray[fields[0]] = fields[4] as u8;
    }
    gray
}

#[test]
fn pooling_and_both_resizes_equal_opencv() {
    for folder in folders_of_pairs() {
        let (pairs, gray) = (read_pairs(&folder), gray_table(&folder));
        assert!(pairs.len() > 10, "{} pairs only in {}", pairs.len(), folder.display());
        for (i, pair) in pairs.iter().enumerate() {
            for (resize, expected) in [(Resize::Area, &pair.area), (Resize::Bilinear, &pair.bilinear)] {
                let settings = ObservationSettings::default().with_resize(resize);
                let made_with = |colors, screens: &[&[u8]]| {
                    made_by(FrameMaker::with_colors(&settings, colors, 210), &settings, screens)
                };
                let what = format!("{resize:?}, pair {i} of {}", folder.display());
                let pooled = made_with(Colors::Gray(Box::new(gray)), &[&pair.current, &pair.previous]);
                assert_eq!(first_difference(&pooled, expected), None, "{what}");
                let alone = made_with(identity(), &[&pair.maximum]);
                assert_eq!(first_difference(&alone, expected), None, "{what}, from the given maximum");
            }
        }
    }
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
    let mut indices = vec![0; SCREEN];
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
    let mut indices = vec![0; SCREEN];
    for row in indices.chunks_exact_mut(SCREEN_WIDTH) {
        row[2] = 2;
    }
    // 74 * 0.5 / 2.5 = 14.8
    assert_eq!(made(&indices, 210, (210, 64), true)[..3], [15, 15, 0]);
    // The color $02 has three equal channels, which do not meet their neighbours.
    assert_eq!(made(&indices, 210, (210, 64), false)[..9], [15, 15, 15, 15, 15, 15, 0, 0, 0]);
}

#[test]
fn twice_the_width_by_area_repeats_every_pixel() {
    let (indices, values) = screen(210, |row, column| (3 * row + 7 * column) as u8);
    let doubled = made(&indices, 210, (210, 320), true);
    assert!(doubled.chunks_exact(2).zip(&values).all(|(pair, &value)| pair == [value; 2]));
}

/// OpenCV takes blocks of four for this size with either method.
#[test]
fn halving_both_sides_is_the_same_by_area_and_bilinear() {
    let (indices, _) = screen(210, |row, column| ((row * 31) ^ (column * 17)) as u8);
    for grayscale in [true, false] {
        let area = settings((105, 80), grayscale);
        let bilinear = area.clone().with_resize(Resize::Bilinear);
        let [by_area, bilinear] = [area, bilinear]
            .map(|settings| made_by(FrameMaker::new(&settings, palette(), 210), &settings, &[&indices]));
        assert_eq!(by_area, bilinear);
    }
}

#[test]
fn the_resizer_for_84_by_84_agrees_with_the_one_for_any_size() {
    let (indices, _) = screen(210, |row, column| ((row * 31) ^ (column * 17)) as u8);
    let (other, _) = screen(210, |row, column| ((row * 13) ^ (column * 41)) as u8);
    let mut maker = FrameMaker::new(&ObservationSettings::default(), palette(), 210);
    let mut square = vec![0; SIDE * SIDE];
    maker.make(&[&indices, &other], &[1; 210], &mut square);
    maker.square = None;
    let mut general = vec![1; SIDE * SIDE];
    maker.make(&[&indices, &other], &[1; 210], &mut general);
    assert_eq!(general, square);
    // A third screen that adds nothing takes the general way too.
    maker.make(&[&indices, &other, &indices], &[1; 210], &mut general);
    assert_eq!(general, square);
}

#[test]
fn only_rows_that_depend_on_a_changed_row_need_be_recomputed() {
    let (before, _) = screen(210, |row, column| ((row * 31) ^ (column * 17)) as u8);
    let (mut after, mut changes) = (before.clone(), vec![0; 210]);
    for row in [0, 57, 58, 120, 209] {
        after[row * SCREEN_WIDTH..(row + 1) * SCREEN_WIDTH].fill(0x0E);
        changes[row] = 1;
    }
    for resize in [Resize::Area, Resize::Bilinear] {
        for size in [(84, 84), (84, 83), (300, 300), (105, 80), (210, 160)] {
            let settings = settings(size, true).with_resize(resize);
            let mut maker = FrameMaker::new(&settings, palette(), 210);
            let mut frame = made_by(maker.clone(), &settings, &[&before]);
            maker.make(&[&after], &changes, &mut frame);
            assert_eq!(frame, made_by(maker, &settings, &[&after]), "{resize:?} {size:?}");
        }
    }
}

#[test]
fn a_uniform_picture_stays_uniform_at_every_size() {
    for height in [210, 214, 220, 230, 250] {
        for size in [(1, 1), (42, 42), (84, 84), (100, 100), (105, 80), (210, 160), (250, 200), (50, 300), (300, 50)] {
            for resize in [Resize::Area, Resize::Bilinear] {
                for value in [0, 1, 127, 254, 255] {
                    let settings = settings(size, true).with_resize(resize);
                    let maker = FrameMaker::with_colors(&settings, identity(), height);
                    let output = made_by(maker, &settings, &[&vec![value; height * SCREEN_WIDTH]]);
                    assert!(output.iter().all(|&pixel| pixel == value), "{height} to {size:?} by {resize:?}: {value}");
                }
            }
        }
    }
}

#[test]
fn impossible_sizes_are_refused() {
    let refusal = |size, rows| Observer::new(&settings(size, true), palette(), rows).unwrap_err().to_string();
    assert_eq!(refusal((0, 84), 210), "height is 0, allowed is 1 to 4096");
    assert_eq!(refusal((84, 5000), 210), "width is 5000, allowed is 1 to 4096");
    assert_eq!(refusal((84, 84), 0), "screen_height is 0, allowed is at least 1");
}

#[test]
fn many_steps_cut_short_in_a_row_keep_few_screens_and_lose_none() {
    let screens: Vec<Vec<u8>> =
        (0..9).map(|i| screen(210, |row, column| ((row * (7 + i)) ^ (column * (31 - 2 * i))) as u8).0).collect();
    for grayscale in [true, false] {
        let settings = settings((100, 90), grayscale);
        let mut observer = Observer::new(&settings, palette(), 210).unwrap();
        let picture = |i: usize| Screen::new(&screens[i], SCREEN_WIDTH, 210);
        observer.remember(picture(0));
        observer.observe(picture(1));
        for i in 2..screens.len() {
            observer.remember(picture(i));
            let frame = observer.observe_without_last().to_vec();
            let all: Vec<&[u8]> = screens[..=i].iter().map(Vec::as_slice).collect();
            assert!(frame == made_by(FrameMaker::new(&settings, palette(), 210), &settings, &all), "{i} {grayscale}");
            assert_eq!(observer.older.len(), settings.channels());
        }
    }
}
