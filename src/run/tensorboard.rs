//! TensorBoard's event files, scalars only.
//!
//! A file is a sequence of records: length (8 bytes), its checksum, the data, the data's checksum. Numbers are
//! little-endian, checksums masked CRC-32C (the TFRecord format). The data are an `Event` of TensorFlow's `event.proto`
//! in protocol buffers' wire format; the five fields that scalars need are written by hand here instead of generating
//! thousands of lines.

use crate::run::rows::open_cut;
use anyhow::{Context, Result};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes of a file without scalars: its first record.
pub const EMPTY: u64 = 42;

/// Writes scalars to an event file as they come.
#[derive(Debug)]
pub struct EventFile {
    file: File,
    path: PathBuf,
    length: u64,
}

impl EventFile {
    /// Opens the file at `path` to append to its first `length` bytes; the rest is cut off. A `length` of 0 begins a
    /// new file.
    ///
    /// # Errors
    /// When it cannot be opened, or is shorter than that.
    pub fn open(path: &Path, length: u64) -> Result<Self> {
        let mut events = Self { file: open_cut(path, length)?, path: path.to_path_buf(), length };
        if length == 0 {
            events.record(&event(0, |event| bytes_field(event, 3, b"brain.Event:2")))?;
        }
        Ok(events)
    }

    /// Bytes in the file.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether the file is empty; never, as it has a first record.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds the values of `scalars`, (name, value), at agent step `step`.
    ///
    /// # Errors
    /// When the file cannot be written to.
    pub fn write(&mut self, step: u64, scalars: &[(&str, f64)]) -> Result<()> {
        let mut summary = Vec::new();
        for (name, value) in scalars {
            let mut entry = Vec::new();
            bytes_field(&mut entry, 1, name.as_bytes());
            entry.push(2 << 3 | FIXED_32);
            entry.extend((*value as f32).to_le_bytes());
            bytes_field(&mut summary, 1, &entry);
        }
        self.record(&event(step, |event| bytes_field(event, 5, &summary)))
    }

    /// Writes a record in one piece, so a program that reads meanwhile never sees half of it.
    fn record(&mut self, data: &[u8]) -> Result<()> {
        let length = (data.len() as u64).to_le_bytes();
        let mut record = Vec::with_capacity(data.len() + 16);
        record.extend(length);
        record.extend(masked_checksum(&length).to_le_bytes());
        record.extend(data);
        record.extend(masked_checksum(data).to_le_bytes());
        self.file.write_all(&record).with_context(|| format!("cannot write to {}", self.path.display()))?;
        self.length += record.len() as u64;
        Ok(())
    }

    /// Flushes everything written to the disk.
    ///
    /// # Errors
    /// When that fails.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().with_context(|| format!("cannot write to {}", self.path.display()))
    }
}

// Wire types of protocol buffers.
const VARINT: u8 = 0;
const FIXED_64: u8 = 1;
const BYTES: u8 = 2;
const FIXED_32: u8 = 5;

/// An `Event` with the present time (field 1), `step` (field 2) and the fields that `content` adds.
fn event(step: u64, content: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
    let mut event = vec![1 << 3 | FIXED_64];
    event.extend(now.to_le_bytes());
    event.push(2 << 3 | VARINT);
    varint(&mut event, step);
    content(&mut event);
    event
}

fn bytes_field(message: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    message.push(field << 3 | BYTES);
    varint(message, bytes.len() as u64);
    message.extend(bytes);
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}

fn masked_checksum(data: &[u8]) -> u32 {
    crc32c::crc32c(data).rotate_right(15).wrapping_add(0xA282_EAD8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::folder::EVENTS_FILE;

    /// The records of a file, their checksums verified.
    fn records(path: &Path) -> Vec<Vec<u8>> {
        let bytes = std::fs::read(path).unwrap();
        let (mut rest, mut records) = (bytes.as_slice(), Vec::new());
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            let checksum = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
            let data = &rest[12..12 + length];
            assert_eq!((checksum(8), checksum(12 + length)), (masked_checksum(&rest[..8]), masked_checksum(data)));
            records.push(data.to_vec());
            rest = &rest[16 + length..];
        }
        records
    }

    #[test]
    fn a_scalar_is_an_event_with_a_summary() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(EVENTS_FILE);
        let mut file = EventFile::open(&path, 0).unwrap();
        assert_eq!(file.len(), EMPTY);
        file.write(300, &[("loss", 0.5)]).unwrap();
        assert_eq!(file.len(), std::fs::metadata(&path).unwrap().len());
        let records = records(&path);
        assert_eq!(records[0][9..], *b"\x10\x00\x1A\x0Dbrain.Event:2");
        // step 300, summary of 13 bytes: one value of 11 bytes with tag and simple_value.
        assert_eq!(records[1][9..], *b"\x10\xAC\x02\x2A\x0D\x0A\x0B\x0A\x04loss\x15\x00\x00\x00\x3F");
    }

    #[test]
    fn a_reopened_file_continues_after_its_given_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(EVENTS_FILE);
        let mut file = EventFile::open(&path, 0).unwrap();
        file.write(1, &[("a", 1.0)]).unwrap();
        let length = file.len();
        file.write(2, &[("a", 2.0)]).unwrap();
        let mut file = EventFile::open(&path, length).unwrap();
        file.write(3, &[("a", 3.0), ("b", 4.0)]).unwrap();
        let steps: Vec<u8> = records(&path).iter().map(|record| record[10]).collect();
        assert_eq!(steps, [0, 1, 3]);
        assert!(EventFile::open(&path, 1 << 20).is_err());
    }

    /// CRC-32C of 32 zero bytes, from RFC 3720, B.4.
    #[test]
    fn the_checksum_is_the_castagnoli_one() {
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8A91_36AA);
    }
}
