//! Files that are either complete or refused: a header states kind, version, length and checksum, and a file appears
//! under its name only when all of it is on the disk.

use crate::saving::own_files;
use crate::system::files;
use anyhow::{ensure, Context, Result};
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

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
/// Error number of a failed input or output, on Unix.
const EIO: i32 = 5;

/// Writes `content` to `path`: first to a file beside it, which is flushed to the disk and then renamed. So there is
/// never half a file under that name, whenever the program or the machine stops.
///
/// # Errors
/// When it cannot be written, e.g. on a full disk. A previous file at `path` is then unchanged.
pub fn write_atomically(path: &Path, content: &[&[u8]]) -> Result<()> {
    let write = || -> std::io::Result<()> {
        let (part, mut file) = own_files::create_part(path)?;
        let mut fill = || -> std::io::Result<()> {
            for bytes in content {
                file.write_all(bytes)?;
            }
            file.sync_all()?;
            fs::rename(&part, path)
        };
        fill().inspect_err(|_| {
            let _ = fs::remove_file(&part);
        })?;
        flush_folder_of(path);
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Flushes the folder of `path` to the disk: after a power cut a new name is there only if the folder was flushed. The file is
/// complete, so a failure is a warning; a disk that is broken will fail the next file.
fn flush_folder_of(path: &Path) {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return };
    // Not every system can open or flush a folder.
    let Ok(file) = File::open(folder) else { return };
    let Err(error) = file.sync_all() else { return };
    let full = matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
    if full || error.raw_os_error() == Some(EIO) {
        warn!(
            "warning: cannot flush {} to the disk ({error}); after a power cut {} may be missing",
            folder.display(),
            path.display()
        );
    }
}

/// Removes the files in `folder` that a killed process of this program left half written, if the whole file's name `is_own`.
pub fn remove_unfinished(folder: &Path, is_own: impl Fn(&str) -> bool) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        if name.to_str().and_then(own_files::finished_name).is_some_and(&is_own) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether the file at `path` begins like one of this kind.
pub fn is_of_kind(path: &Path, kind: Kind) -> bool {
    let mut magic = [0; 8];
    let read = own_files::open(path, false).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && magic == kind.magic
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
        // A folder takes no file's place.
        let taken = folder.path().join("folder");
        fs::create_dir(&taken).unwrap();
        assert!(format!("{:#}", write(&taken, KIND, b"new").unwrap_err()).contains("cannot write"));
        assert!(format!("{:#}", write(&path.join("below"), KIND, b"new").unwrap_err()).contains("cannot write"));
        assert_eq!(read(&path, KIND).unwrap(), b"good");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no unfinished file stays");
    }

    #[test]
    fn only_unfinished_files_of_own_names_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let foreign = ["film.mkv.part", "file.part", "other.atari-dqn-part"];
        for name in foreign.into_iter().chain(["file.atari-dqn-part", "file.2.atari-dqn-part"]) {
            fs::write(folder.path().join(name), name).unwrap();
        }
        remove_unfinished(folder.path(), |name| name == "file");
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert!(left == 3 && foreign.iter().all(|name| folder.path().join(name).exists()));
    }
}
