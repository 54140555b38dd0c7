//! Saved states: the envelope, its errors, and the archive that all parts of a console go through.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `A26STATE`, or `A26ALEST` for a state with ALE's gaps ([`Scope`]) |
//! | 4 | [`VERSION`] |
//! | 16 | MD5 of the cartridge image |
//! | 4 | length of the payload |
//! | ... | the payload: every part's own bytes, one after the other |
//! | 4 | CRC-32 of everything before |
//!
//! Numbers are little-endian. The payload has no structure of its own: each part of the console lists its fields once,
//! in [`Saved::exchange`], for both directions. It destructures itself with a pattern that names every field, so a
//! field added later cannot be forgotten. Fields that follow from other fields, from the cartridge or from the game's
//! rules are not stored but recomputed.
//!
//! A change of the bytes that `exchange` reads or writes raises [`VERSION`]; a test compares with a state made earlier.

use std::fmt::{Debug, Write as _};
use std::ops::RangeInclusive;

/// The version of the format. Other versions are not read.
pub(crate) const VERSION: u32 = 1;

const MD5: RangeInclusive<usize> = 12..=27;
const LENGTH: RangeInclusive<usize> = 28..=31;
const HEADER: usize = 32;
const CHECKSUM: usize = 4;

/// Why bytes are not a saved state that this environment can continue from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// Not a saved state, or cut off before the end of its version.
    #[error(
        "these {length} bytes are no saved state of this kind, which would begin with \"{start}\" and a version; \
         check that this is the right file and that it was copied completely"
    )]
    NotAState {
        /// Bytes given.
        length: usize,
        /// The first bytes of a saved state, as text.
        start: &'static str,
    },
    /// Saved by another version of the emulator.
    #[error(
        "the saved state has format version {found}, this emulator reads version {supported} only; \
         restore it with the emulator that saved it, or play to that point again"
    )]
    OtherVersion {
        /// The state's version.
        found: u32,
        /// The one version this emulator reads.
        supported: u32,
    },
    /// The length is wrong: cut off, or followed by other bytes.
    #[error(
        "the saved state has {found} bytes and should have {expected}; it was not copied completely or is damaged"
    )]
    WrongLength {
        /// Bytes given.
        found: usize,
        /// Bytes by the length in the state's header, or the least possible number.
        expected: usize,
    },
    /// Bytes have changed since it was saved.
    #[error(
        "the saved state is damaged: its checksum is {found:08x} and should be {expected:08x}; use another copy of it"
    )]
    Damaged {
        /// The checksum of the bytes given.
        found: u32,
        /// The checksum that was saved with them.
        expected: u32,
    },
    /// Of another cartridge, or of the same cartridge under another game's rules.
    #[error(
        "the saved state belongs to {found} (md5 {found_md5}), but this environment plays {expected} (md5 \
         {expected_md5}); restore it into an environment of its own cartridge, loaded under the same file name"
    )]
    OtherGame {
        /// The state's game, or "an unknown game".
        found: String,
        /// MD5 of the state's cartridge, 32 lower-case hexadecimal digits.
        found_md5: String,
        /// The environment's game, or "an unknown game".
        expected: String,
        /// MD5 of the environment's cartridge.
        expected_md5: String,
    },
    /// Undamaged, but it describes a state that this cartridge's console cannot be in.
    #[error(
        "the saved state has {found} for {what}, where only {allowed} is possible; \
         it is undamaged but was not saved by this emulator: restore another one"
    )]
    Invalid {
        /// The quantity with an impossible value.
        what: &'static str,
        /// Its value.
        found: String,
        /// The values that it can have.
        allowed: String,
    },
}

impl StateError {
    pub(crate) fn invalid(what: &'static str, found: impl Debug, allowed: impl Into<String>) -> Self {
        Self::Invalid { what, found: format!("{found:?}"), allowed: allowed.into() }
    }
}

/// A part of the console that can be saved.
pub(crate) trait Saved {
    /// Writes the part to `archive` or reads it from there. Never panics. After an error the part is unusable, so the
    /// caller works on a copy.
    fn exchange(&mut self, archive: &mut Archive) -> Result<(), StateError>;
}

/// How much of an environment a state holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Everything: a restored environment continues exactly as the saved one.
    Complete,
    /// What ALE's own states hold. These stay as they are in the environment restored into: the pictures, the frame
    /// buffer in use, the mark of an unfinished frame, the sound, the byte on the data bus, the television format, and
    /// the action that sticky actions repeat.
    Ale {
        /// Whether the environment's generator is saved. (A restored state decides for itself.)
        random: bool,
    },
}

impl Scope {
    /// The first bytes of a state.
    fn start(self) -> &'static str {
        match self {
            Self::Complete => "A26STATE",
            Self::Ale { .. } => "A26ALEST",
        }
    }
}

/// The payload of a saved state while it is written or read.
pub(crate) struct Archive<'a> {
    bytes: Bytes<'a>,
    scope: Scope,
}

enum Bytes<'a> {
    /// The bytes written so far.
    Saving(Vec<u8>),
    /// The bytes still to be read.
    Restoring(&'a [u8]),
}

/// Exchanges fields one after the other.
macro_rules! exchange {
    ($archive:expr, $($field:expr),+ $(,)?) => { $( $crate::saved_state::Saved::exchange($field, $archive)?; )+ };
}
pub(crate) use exchange;

impl<'a> Archive<'a> {
    /// An archive to write to, after `bytes`.
    pub(crate) fn saving(bytes: Vec<u8>, scope: Scope) -> Self {
        Self { bytes: Bytes::Saving(bytes), scope }
    }

    /// An archive to read `bytes` from.
    pub(crate) fn reading(bytes: &'a [u8], scope: Scope) -> Self {
        Self { bytes: Bytes::Restoring(bytes), scope }
    }

    /// How much is saved.
    pub(crate) fn scope(&self) -> Scope {
        self.scope
    }

    /// Whether everything is saved.
    pub(crate) fn complete(&self) -> bool {
        self.scope == Scope::Complete
    }

    /// Whether values are read from the archive.
    pub(crate) fn restoring(&self) -> bool {
        matches!(self.bytes, Bytes::Restoring(_))
    }

    /// The bytes written, or those not read.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        match self.bytes {
            Bytes::Saving(written) => written,
            Bytes::Restoring(rest) => rest.to_vec(),
        }
    }

    /// Exchanges `bytes`, as many as there are.
    pub(crate) fn bytes(&mut self, bytes: &mut [u8]) -> Result<(), StateError> {
        match &mut self.bytes {
            Bytes::Saving(written) => written.extend_from_slice(bytes),
            Bytes::Restoring(rest) => {
                let wanted = bytes.len();
                let Some((head, tail)) = rest.split_at_checked(wanted) else {
                    let allowed = format!("{wanted} or more");
                    return Err(StateError::invalid("the number of bytes still to read", rest.len(), allowed));
                };
                bytes.copy_from_slice(head);
                *rest = tail;
            }
        }
        Ok(())
    }

    /// Exchanges a number that must lie in `allowed`.
    pub(crate) fn number<T>(
        &mut self,
        value: &mut T,
        allowed: RangeInclusive<T>,
        what: &'static str,
    ) -> Result<(), StateError>
    where
        T: Saved + Copy + PartialOrd + Debug,
    {
        let possible = allowed.contains(value) || self.restoring();
        debug_assert!(possible, "{what} is {value:?}: the check below would refuse what is being saved");
        value.exchange(self)?;
        if allowed.contains(value) || !self.restoring() {
            Ok(())
        } else {
            Err(StateError::invalid(what, value, format!("{:?} to {:?}", allowed.start(), allowed.end())))
        }
    }

    /// Exchanges bytes as runs of equal bytes: each run as its byte and its length less one. The length takes seven
    /// bits a byte, lowest first; bit 7 is set in all its bytes but the last.
    pub(crate) fn runs(&mut self, bytes: &mut [u8]) -> Result<(), StateError> {
        const CHUNK: usize = 32;
        let mut done = 0;
        while done < bytes.len() {
            let mut value = bytes[done];
            let mut more = 0;
            if !self.restoring() {
                let rest = &bytes[done + 1..];
                // Most runs are long: whole chunks first.
                more = CHUNK * rest.chunks_exact(CHUNK).take_while(|&chunk| chunk == [value; CHUNK]).count();
                more += rest[more..].iter().take_while(|&&byte| byte == value).count();
            }
            value.exchange(self)?;
            self.length(&mut more)?;
            let left = bytes.len() - done;
            if more >= left {
                return Err(StateError::invalid("a run of pixels", more, format!("fewer than {left}")));
            }
            bytes[done..=done + more].fill(value);
            done += more + 1;
        }
        Ok(())
    }

    /// Exchanges a number below 2^28 in as few bytes as possible.
    fn length(&mut self, length: &mut usize) -> Result<(), StateError> {
        let mut rest = *length;
        let mut read = 0;
        for shift in [0, 7, 14, 21] {
            let mut byte = (rest & 0x7F) as u8 | u8::from(rest > 0x7F) << 7;
            byte.exchange(self)?;
            rest >>= 7;
            read |= usize::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                *length = read;
                return Ok(());
            }
        }
        Err(StateError::invalid("the bytes of a run's length", 5, "1 to 4"))
    }
}

macro_rules! saved_numbers {
    ($($number:ty)+) => { $(
        impl Saved for $number {
            fn exchange(&mut self, archive: &mut Archive) -> Result<(), StateError> {
                let mut bytes = self.to_le_bytes();
                archive.bytes(&mut bytes)?;
                *self = <$number>::from_le_bytes(bytes);
                Ok(())
            }
        }
    )+ };
}
saved_numbers!(u8 u16 u32 i32 f32 f64);

/// Indices: four bytes on every machine.
impl Saved for usize {
    fn exchange(&mut self, archive: &mut Archive) -> Result<(), StateError> {
        // Nothing in a console is as large as 2^32.
        let mut number = *self as u32;
        number.exchange(archive)?;
        *self = number as usize;
        Ok(())
    }
}

impl Saved for bool {
    fn exchange(&mut self, archive: &mut Archive) -> Result<(), StateError> {
        let mut byte = u8::from(*self);
        archive.number(&mut byte, 0..=1, "a flag")?;
        *self = byte == 1;
        Ok(())
    }
}

impl<T: Saved, const N: usize> Saved for [T; N] {
    fn exchange(&mut self, archive: &mut Archive) -> Result<(), StateError> {
        self.iter_mut().try_for_each(|item| item.exchange(archive))
    }
}

impl<T: Saved + Default> Saved for Option<T> {
    fn exchange(&mut self, archive: &mut Archive) -> Result<(), StateError> {
        let mut some = self.is_some();
        some.exchange(archive)?;
        if !some {
            *self = None;
            return Ok(());
        }
        self.get_or_insert_default().exchange(archive)
    }
}

/// Saves `part`, which plays the cartridge with this MD5 by the rules of the game named `rules` (empty: none). Saving
/// everything repaints the pictures, which takes time, so `part` should be a copy.
pub(crate) fn save(part: &mut impl Saved, scope: Scope, md5: [u8; 16], rules: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(16 * 1024);
    bytes.extend(scope.start().as_bytes());
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(md5);
    bytes.extend([0; 4]);
    bytes.push(rules.len() as u8);
    bytes.extend(rules.bytes());
    let mut archive = Archive::saving(bytes, scope);
    let written = part.exchange(&mut archive);
    debug_assert_eq!(written, Ok(()), "writing cannot fail");
    let mut bytes = archive.into_bytes();
    let length = (bytes.len() - HEADER) as u32;
    bytes[LENGTH].copy_from_slice(&length.to_le_bytes());
    let checksum = crc32fast::hash(&bytes);
    bytes.extend(checksum.to_le_bytes());
    bytes
}

/// Restores `part` from the bytes that [`save`] wrote for a part with the same cartridge and the same rules. If they
/// are others, `game_name` finds the game's name for the error, from a cartridge's MD5 and the name of its rules.
pub(crate) fn restore(
    part: &mut impl Saved,
    scope: Scope,
    bytes: &[u8],
    md5: [u8; 16],
    rules: &str,
    game_name: fn([u8; 16], &str) -> String,
) -> Result<(), StateError> {
    let start = scope.start();
    let not_a_state = StateError::NotAState { length: bytes.len(), start };
    let version = bytes.strip_prefix(start.as_bytes()).and_then(|rest| rest.first_chunk()).ok_or(not_a_state)?;
    let found = u32::from_le_bytes(*version);
    if found != VERSION {
        return Err(StateError::OtherVersion { found, supported: VERSION });
    }
    let shortest = HEADER + CHECKSUM;
    let wrong_length = |expected| StateError::WrongLength { found: bytes.len(), expected };
    let (checked, checksum) = bytes.split_last_chunk().ok_or(wrong_length(shortest))?;
    let (Some(found_md5), Some(length)) = (array(checked, MD5), array(checked, LENGTH)) else {
        return Err(wrong_length(shortest));
    };
    let expected = shortest.saturating_add(u32::from_le_bytes(length) as usize);
    if bytes.len() != expected {
        return Err(wrong_length(expected));
    }
    let (found, expected) = (crc32fast::hash(checked), u32::from_le_bytes(*checksum));
    if found != expected {
        return Err(StateError::Damaged { found, expected });
    }

    let mut archive = Archive::reading(&checked[HEADER..], scope);
    let mut name_length = 0u8;
    name_length.exchange(&mut archive)?;
    let mut name = vec![0; name_length.into()];
    archive.bytes(&mut name)?;
    if (found_md5, name.as_slice()) != (md5, rules.as_bytes()) {
        return Err(other_game((found_md5, &String::from_utf8_lossy(&name)), (md5, rules), game_name));
    }
    part.exchange(&mut archive)?;
    match archive.bytes {
        Bytes::Restoring(rest @ [_, ..]) => {
            Err(StateError::invalid("the number of bytes after the last", rest.len(), "0"))
        }
        _ => Ok(()),
    }
}

/// The error for a state of the game `found` where one of the game `expected` is needed; both are an MD5 and the name
/// of the rules.
pub(crate) fn other_game(
    found: ([u8; 16], &str),
    expected: ([u8; 16], &str),
    game_name: fn([u8; 16], &str) -> String,
) -> StateError {
    StateError::OtherGame {
        found: game_name(found.0, found.1),
        found_md5: hexadecimal(found.0),
        expected: game_name(expected.0, expected.1),
        expected_md5: hexadecimal(expected.0),
    }
}

fn array<const N: usize>(bytes: &[u8], range: RangeInclusive<usize>) -> Option<[u8; N]> {
    bytes.get(range)?.try_into().ok()
}

pub(crate) fn hexadecimal(md5: [u8; 16]) -> String {
    md5.iter().fold(String::with_capacity(32), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(mut write: impl FnMut(&mut Archive) -> Result<(), StateError>) -> Vec<u8> {
        let mut archive = Archive::saving(Vec::new(), Scope::Complete);
        write(&mut archive).unwrap();
        archive.into_bytes()
    }

    fn reading(bytes: &[u8]) -> Archive<'_> {
        Archive::reading(bytes, Scope::Complete)
    }

    #[test]
    fn runs_are_short_where_bytes_repeat_and_come_back_the_same() {
        let mut bytes = vec![7; 300];
        bytes.extend([1, 2, 2]);
        bytes.resize(70_000, 0);
        let written = saved(|archive| archive.runs(&mut bytes));
        assert_eq!(written, [7, 0xAB, 2, 1, 0, 2, 1, 0, 0xC0, 0xA0, 4]);
        let mut read = vec![9; 70_000];
        reading(&written).runs(&mut read).unwrap();
        assert!(read == bytes);
    }

    #[test]
    fn a_run_past_the_end_or_without_an_end_is_refused() {
        for wrong in [[5, 4, 0, 0, 0], [5, 0xFF, 0xFF, 0xFF, 0xFF], [5, 0, 5, 0x83, 0]] {
            let error = reading(&wrong).runs(&mut [0; 4]).unwrap_err();
            assert!(matches!(error, StateError::Invalid { .. }), "{error}");
        }
        assert!(reading(&[5, 3]).runs(&mut [0; 4]).is_ok());
    }

    #[test]
    fn numbers_out_of_range_are_told_with_the_range() {
        let error = reading(&[3]).number(&mut 0u8, 0..=2, "the bank").unwrap_err();
        assert_eq!(error, StateError::invalid("the bank", 3, "0 to 2"));
        assert!(error.to_string().contains("3 for the bank, where only 0 to 2 is possible"), "{error}");
        assert!(matches!(true.exchange(&mut reading(&[2])), Err(StateError::Invalid { .. })));
    }
}
