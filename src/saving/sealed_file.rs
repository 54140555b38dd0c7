//! Files that are either complete or refused: a header states kind, version, length and checksum, and a file appears
//! under its name only when all of it is on the disk.

use crate::system::files;
use anyhow::{ensure, Context, Result};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// A kind of file, as its header states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The first eight bytes.
    pub magic: [u8; 8],
    /// Version of the contents; files of another version are refused.
    pub version: u32,
    /// Its name in messages.
    pub name: &'static str,
}

/// Magic, version, checksum, length.
const HEADER: usize = 8 + 4 + 4 + 8;
/// Extension of a file that is being written.
const UNFINISHED: &str = "part";

/// Writes `content` to `path`: first to a file beside it, which is flushed to the disk and then renamed. So there is
/// never half a file under that name, whenever the program or the machine stops.
///
/// # Errors
/// When it cannot be written, e.g. on a full disk. A previous file at `path` is then unchanged.
pub fn write_atomically(path: &Path, content: &[&[u8]]) -> Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".");
    part.push(UNFINISHED);
    let part = PathBuf::from(part);
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&part)?;
        for bytes in content {
            file.write_all(bytes)?;
        }
        file.sync_all()?;
        fs::rename(&part, path)?;
        // The new name is on the disk only when the folder is. Not every system can flush a folder.
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
        Ok(())
    };
    write().with_context(|| {
        let _ = fs::remove_file(&part);
        format!("cannot write {}", path.display())
    })
}

/// Removes the files in `folder` that were left half written when the program was killed.
pub fn remove_unfinished(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == UNFINISHED)) {
        let _ = fs::remove_file(path);
    }
}

/// Writes a file of this kind and returns its checksum.
///
/// # Errors
/// As [`write_atomically`].
pub fn write(path: &Path, kind: Kind, payload: &[u8]) -> Result<u32> {
    let checksum = crc32fast::hash(payload);
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(&kind.magic);
    header[8..12].copy_from_slice(&kind.version.to_le_bytes());
    header[12..16].copy_from_slice(&checksum.to_le_bytes());
    header[16..].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    write_atomically(path, &[&header, payload])?;
    Ok(checksum)
}

/// Reads a file of this kind and returns its contents.
///
/// # Errors
/// When it cannot be read, is of another kind or version, or is damaged; the message says which.
pub fn read(path: &Path, kind: Kind) -> Result<Vec<u8>> {
    let mut bytes = read_all(path, kind).with_context(|| format!("cannot read {}", path.display()))?;
    let payload = open(&bytes, kind).with_context(|| format!("{} cannot be used", path.display()))?;
    let begin = bytes.len() - payload;
    bytes.drain(..begin);
    Ok(bytes)
}

/// The bytes of the file; of one that does not begin like this kind only the header, so that no other file is read as a whole.
fn read_all(path: &Path, kind: Kind) -> std::io::Result<Vec<u8>> {
    let mut header = Vec::new();
    files::open(path)?.0.take(HEADER as u64).read_to_end(&mut header)?;
    if header.len() < HEADER || !header.starts_with(&kind.magic) {
        return Ok(header);
    }
    files::read(path, u64::MAX)
}

/// Checks a file of this kind and returns the length of its contents.
fn open(bytes: &[u8], kind: Kind) -> Result<usize> {
    let name = kind.name;
    let number = |from: usize| bytes[from..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    ensure!(bytes.starts_with(&kind.magic), "it is no {name}");
    ensure!(bytes.len() >= HEADER, "it is cut off: {} bytes, not even a header", bytes.len());
    let version = number(8);
    ensure!(
        version == kind.version,
        "it is a {name} of version {version}, written by another version of this program, which reads version {}",
        kind.version
    );
    let length = u64::from(number(16)) | u64::from(number(20)) << 32;
    let payload = &bytes[HEADER..];
    ensure!(
        payload.len() as u64 == length,
        "it is cut off or was added to: it holds {} bytes where it says {length}",
        payload.len()
    );
    let (found, expected) = (crc32fast::hash(payload), number(12));
    ensure!(found == expected, "it is damaged: its checksum is {found:08x} where it says {expected:08x}");
    Ok(payload.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: Kind = Kind { magic: *b"testfile", version: 3, name: "test file" };

    #[test]
    fn a_file_comes_back_whole_and_replaces_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for payload in [&b"some bytes"[..], b"", b"others"] {
            write(&path, KIND, payload).unwrap();
            assert_eq!(read(&path, KIND).unwrap(), payload);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&path, KIND, b"some bytes").unwrap();
        let whole = fs::read(&path).unwrap();
        for len in 0..whole.len() {
            fs::write(&path, &whole[..len]).unwrap();
            assert!(read(&path, KIND).is_err(), "cut to {len} bytes");
        }
        for i in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[i] ^= 0x10;
            fs::write(&path, &damaged).unwrap();
            assert!(read(&path, KIND).is_err(), "byte {i} changed");
        }
    }

    #[test]
    fn a_refusal_says_what_was_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let refusal = |kind: Kind| format!("{:#}", read(&path, kind).unwrap_err());
        assert!(refusal(KIND).contains("cannot read"));
        write(&path, KIND, b"some bytes").unwrap();
        assert!(refusal(Kind { version: 2, ..KIND }).contains("of version 3"));
        assert!(refusal(Kind { magic: *b"otherone", ..KIND }).contains("it is no test file"));
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(refusal(KIND).contains("9 bytes where it says 10"));
    }

    #[test]
    fn a_file_that_cannot_be_written_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&path, KIND, b"good").unwrap();
        // Where the new file would be written there is a folder.
        fs::create_dir(folder.path().join("file.part")).unwrap();
        assert!(format!("{:#}", write(&path, KIND, b"new").unwrap_err()).contains("cannot write"));
        assert_eq!(read(&path, KIND).unwrap(), b"good");
    }
}
