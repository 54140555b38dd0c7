//! Reading files that people name. A path can lead to a pipe that nobody writes to, to a device that never ends, or to a file
//! larger than the memory: these are refused by name before anything is read.

use crate::system::memory;
use std::fs::{self, File, FileType, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

/// Longest configuration, identity, evaluation or summary of a run or a sweep that is read, in bytes.
pub const LONGEST_DESCRIPTION: u64 = 64 * 1024 * 1024;
/// Longest list or log that is read as a whole, in bytes.
pub const LONGEST_LIST: u64 = 4 * 1024 * 1024 * 1024;

/// What the file is if it is no ordinary one, with what to give instead.
fn kind(found: FileType) -> Option<&'static str> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        for (is, kind) in [
            (found.is_fifo(), "a pipe"),
            (found.is_socket(), "a socket"),
            (found.is_char_device() || found.is_block_device(), "a device"),
        ] {
            if is {
                return Some(kind);
            }
        }
    }
    if found.is_dir() {
        return Some("a folder");
    }
    (!found.is_file()).then_some("something else")
}

/// Opens an ordinary file to read it; also returns its length in bytes.
///
/// # Errors
/// When it cannot be opened, or is a folder, a pipe, a socket or a device; the error says which.
pub fn open(path: &Path) -> io::Result<(File, u64)> {
    let refuse = |found: FileType| match kind(found) {
        Some(kind) => Err(io::Error::other(format!("it is {kind}, not a regular file"))),
        None => Ok(()),
    };
    // Opening a pipe waits for a writer, and opening some devices has effects.
    refuse(fs::metadata(path)?.file_type())?;
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        // Another program may have put a pipe in its place meanwhile.
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32);
    }
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    refuse(metadata.file_type())?;
    Ok((file, metadata.len()))
}

/// The bytes of an ordinary file that has at most `most`.
///
/// # Errors
/// As [`open`]; when the file is longer than that, or than memory is free; and when it cannot be read.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let (file, length) = open(path)?;
    let too_long = |length: String| {
        Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has {length} bytes, and at most {most} are read")))
    };
    if length > most {
        return too_long(length.to_string());
    }
    memory::ensure_free("its contents", length).map_err(|error| io::Error::new(io::ErrorKind::OutOfMemory, error))?;
    let mut bytes = Vec::new();
    let reserved = usize::try_from(length).is_ok_and(|length| bytes.try_reserve_exact(length).is_ok());
    if !reserved {
        return Err(io::Error::new(io::ErrorKind::OutOfMemory, format!("there is no memory for its {length} bytes")));
    }
    // Files of /proc have no length, and others can grow meanwhile.
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return too_long(format!("more than {most}"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn what_is_no_ordinary_file_is_named_and_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, socket) = (folder.path().join("pipe"), folder.path().join("socket"));
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for (path, kind) in [
            (folder.path(), "a folder"),
            (&pipe, "a pipe"),
            (&socket, "a socket"),
            (Path::new("/dev/zero"), "a device"),
            (Path::new("/dev/null"), "a device"),
        ] {
            let message = read(path, 100).unwrap_err().to_string();
            assert!(message.contains(kind), "{}: {message}", path.display());
        }
        assert_eq!(read(&folder.path().join("absent"), 100).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_file_is_read_up_to_its_limit_and_a_sparse_one_of_a_terabyte_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "twelve bytes").unwrap();
        assert_eq!(read(&path, 12).unwrap(), b"twelve bytes");
        assert!(read(&path, 11).unwrap_err().to_string().contains("it has 12 bytes, and at most 11"));
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert!(read(&path, LONGEST_LIST).unwrap_err().to_string().contains("it has 1099511627776 bytes"));
        let message = read(&path, u64::MAX).unwrap_err().to_string();
        assert!(message.contains("memory"), "{message}");
    }
}
