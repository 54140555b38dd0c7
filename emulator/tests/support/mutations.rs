//! Mutations of files: bytes, numbers in binary form, and text. The same seed, parser and index give the same mutations.
//!
//! Included with `#[path]` by the file fuzzers of both crates; each uses some of it.
#![allow(dead_code)]

use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64;

/// Integers that lengths, counts and offsets are replaced by.
const EXTREMES: [u64; 18] = [
    0,
    1,
    2,
    7,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x10_0000,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFFF,
    0x1_0000_0000,
    1 << 40,
    i64::MAX as u64,
    u64::MAX,
];

/// Texts that numbers and words of a text are replaced by.
const ODD_WORDS: [&str; 46] = [
    "0",
    "-0",
    "1",
    "-1",
    "2",
    "255",
    "256",
    "65536",
    "20000000",
    "1000000000",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "-2147483649",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "340282366920938463463374607431768211456",
    "1e6",
    "1e-400",
    "1e308",
    "-1e308",
    "1e400",
    "5e-324",
    "0.1",
    "3.5",
    "1_000",
    "0x10",
    "00",
    "nan",
    "inf",
    "-inf",
    "true",
    "false",
    "null",
    "\"\"",
    "\"a\"",
    "\"\\u0000\"",
    "[]",
    "{}",
    "[1, 2]",
    "{\"a\" = 1}",
    "1979-05-27T07:32:00Z",
    "\"\"\"",
];

/// Pieces of text that may surprise a parser.
const ODD_PIECES: [&[u8]; 18] = [
    b"\xEF\xBB\xBF",
    b"\xFF\xFE",
    b"\xFF",
    b"\xC0\x80",
    b"\xED\xA0\x80",
    b"\0",
    b"\r",
    b"\r\n",
    b"\n",
    b"\t",
    b"\"",
    b"\\",
    b"=",
    b"#",
    b".",
    b"\x1B[2J",
    "\u{2028}".as_bytes(),
    "\u{1F600}".as_bytes(),
];

/// Draws mutations.
pub struct Mutator {
    random: Pcg64,
}

impl Mutator {
    /// The mutations of file `index` for `parser`.
    pub fn new(seed: u64, parser: &str, index: u64) -> Self {
        // FNV-1a of all three: neighboring files have nothing in common.
        let parts = seed.to_le_bytes().into_iter().chain(parser.bytes()).chain(index.to_le_bytes());
        let hash =
            parts.fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3));
        Self { random: Pcg64::seed_from_u64(hash) }
    }

    /// A number below `end`; 0 if that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        if end == 0 {
            0
        } else {
            self.random.random_range(0..end)
        }
    }

    /// Whether an event of probability 1/`n` happens.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of `items`.
    pub fn choose<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// Random bytes.
    pub fn noise(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.random.fill_bytes(&mut bytes);
        bytes
    }

    /// An integer that a length or an offset of a file with `length` bytes is replaced by.
    pub fn extreme(&mut self, length: usize) -> u64 {
        match self.below(4) {
            0 => (length as u64).wrapping_add(self.below(5) as u64).wrapping_sub(2),
            1 => self.random.next_u64() >> self.below(64),
            _ => *self.choose(&EXTREMES),
        }
    }

    /// Puts the lowest `width` bytes of `value` at `at`, as far as they fit.
    pub fn put(&mut self, file: &mut [u8], at: usize, width: usize, value: u64) {
        let bytes = value.to_le_bytes();
        for (place, byte) in file.iter_mut().skip(at).zip(&bytes[..width.min(8)]) {
            *place = *byte;
        }
    }

    /// A place in a file of this length. Headers and ends are more likely.
    fn place(&mut self, length: usize) -> usize {
        match self.below(4) {
            0 => self.below(length.min(64)),
            1 => length.saturating_sub(1 + self.below(64)),
            _ => self.below(length),
        }
    }

    /// How many mutations a file gets: mostly one, at most 16.
    fn count(&mut self) -> usize {
        let most = *self.choose(&[1, 1, 1, 2, 4, 16]);
        1 + self.below(most)
    }

    /// Mutates bytes; `other` is another sample, from which pieces come.
    pub fn bytes(&mut self, file: &mut Vec<u8>, other: &[u8]) {
        for _ in 0..self.count() {
            self.one_of_bytes(file, other);
        }
    }

    fn one_of_bytes(&mut self, file: &mut Vec<u8>, other: &[u8]) {
        let length = file.len();
        let at = self.place(length);
        match self.below(12) {
            0 | 1 if length > 0 => file[at] ^= 1 << self.below(8),
            2 if length > 0 => file[at] = *self.choose(&[0, 1, 0x7F, 0x80, 0xFE, 0xFF]),
            3 if length > 0 => file[at] = self.noise(1)[0],
            4 if self.one_in(3) => file.truncate(at),
            5 => {
                let count = 1 + self.below(16);
                let bytes = if self.one_in(2) { self.noise(count) } else { vec![self.noise(1)[0]; 64 * count] };
                file.splice(at..at, bytes);
            }
            6 => {
                let count = self.below(64);
                file.drain(at..(at + count).min(length));
            }
            7 => {
                let from = self.place(length);
                let piece = file[from..(from + 1 + self.below(256)).min(length)].to_vec();
                let end = if self.one_in(2) { (at + piece.len()).min(length) } else { at };
                file.splice(at..end, piece);
            }
            8 if self.one_in(2) => {
                let from = if self.one_in(2) { at.min(other.len()) } else { self.place(other.len()) };
                file.truncate(at);
                file.extend(&other[from..]);
            }
            9 | 10 => {
                let width = *self.choose(&[1, 2, 4, 8]);
                let value = self.extreme(length);
                let value = if self.one_in(4) { value.swap_bytes() >> (64 - 8 * width) } else { value };
                self.put(file, at, width, value);
            }
            _ if length > 0 => file[at] = file[at].wrapping_add(*self.choose(&[1, 0xFF, 2, 0xFE])),
            _ => file.push(0),
        }
    }

    /// Mutates text; `other` is another sample, from which lines and words come.
    pub fn text(&mut self, file: &mut Vec<u8>, other: &[u8]) {
        for _ in 0..self.count() {
            self.one_of_text(file, other);
        }
    }

    fn one_of_text(&mut self, file: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(file.len() + 1);
        match self.below(16) {
            0..=4 => {
                let numbers = pieces(file, |byte| byte.is_ascii_digit() || b"+-._eE".contains(&byte));
                let numbers: Vec<_> = numbers.into_iter().filter(|range| file[range.start].is_ascii_digit()).collect();
                if let Some(range) = numbers.get(self.below(numbers.len())) {
                    let word = *self.choose(&ODD_WORDS);
                    file.splice(range.clone(), word.bytes());
                }
            }
            5 | 6 => {
                let word = *self.choose(&ODD_WORDS);
                self.replace_word(file, word.as_bytes());
            }
            7 => {
                let words = pieces(other, is_of_word);
                if let Some(range) = words.get(self.below(words.len())) {
                    self.replace_word(file, &other[range.clone()]);
                }
            }
            8..=10 => self.lines(file, other),
            11 | 12 => {
                let piece = *self.choose(&ODD_PIECES);
                file.splice(at..at, piece.iter().copied());
            }
            13 => {
                let piece = *self.choose(&["[", "{\"a\":", "a.", "[[", "\"", "9", "\\u", " ", "\n"]);
                let times = *self.choose(&[1, 10, 100, 1_000, 10_000]);
                file.splice(at..at, piece.repeat(times).into_bytes());
            }
            14 if self.one_in(4) => file.truncate(at),
            _ => self.one_of_bytes(file, other),
        }
    }

    fn replace_word(&mut self, file: &mut Vec<u8>, word: &[u8]) {
        let words = pieces(file, is_of_word);
        if let Some(range) = words.get(self.below(words.len())) {
            file.splice(range.clone(), word.iter().copied());
        }
    }

    /// Deletes, repeats or exchanges lines, or takes one from `other`.
    fn lines(&mut self, file: &mut Vec<u8>, other: &[u8]) {
        let lines = pieces(file, |byte| byte != b'\n');
        let Some(one) = lines.get(self.below(lines.len())).cloned() else { return };
        let end = (one.end + 1).min(file.len());
        match self.below(4) {
            0 => drop(file.drain(one.start..end)),
            1 => {
                let line = file[one.start..end].to_vec();
                file.splice(one.start..one.start, line);
            }
            2 => {
                let second = lines[self.below(lines.len())].clone();
                if one.end < second.start {
                    let (first, later) = (file[one.clone()].to_vec(), file[second.clone()].to_vec());
                    file.splice(second, first);
                    file.splice(one, later);
                }
            }
            _ => {
                let strange = pieces(other, |byte| byte != b'\n');
                if let Some(range) = strange.get(self.below(strange.len())) {
                    file.splice(one.start..one.start, other[range.clone()].iter().chain(b"\n").copied());
                }
            }
        }
    }
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)
}

/// The longest stretches whose bytes all belong.
fn pieces(file: &[u8], belongs: impl Fn(u8) -> bool) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    for stretch in file.chunk_by(|a, b| belongs(*a) == belongs(*b)) {
        if belongs(stretch[0]) {
            found.push(at..at + stretch.len());
        }
        at += stretch.len();
    }
    found
}
