//! Opening files without harm to files of others: symbolic links are not followed, nothing is truncated by opening it, and what
//! is in the way is moved aside instead of being replaced.
//!
//! A run's folder can come from anywhere, so a name in it proves nothing: `lock` could be a link to somebody's diary.

use anyhow::{bail, Context, Result};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

/// Ends the name of a file that is being written. No other program ends its files like this (`.part` is common), so a file of
/// this name that is left in a run's folder was left by a process of this program that was killed.
const PART: &str = ".atari-dqn-part";
/// Most files of one name and another number.
const MOST_NUMBERS: u32 = 10_000;

/// Opens a file to read and write, and leaves its contents; with `create` it is made if there is none.
///
/// # Errors
/// When it is a symbolic link or no ordinary file, does not exist without `create`, or cannot be opened.
pub fn open(path: &Path, create: bool) -> std::io::Result<File> {
    checked(path, OpenOptions::new().read(true).write(true).create(create).truncate(false))
}

/// Opens a file to write at its end; it is made if there is none.
///
/// # Errors
/// As for [`open`].
pub fn open_to_append(path: &Path) -> std::io::Result<File> {
    checked(path, OpenOptions::new().append(true).create(true))
}

fn checked(path: &Path, options: &mut OpenOptions) -> std::io::Result<File> {
    let link = || Error::other("it is a symbolic link, which could lead to any file; remove the link");
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        // A FIFO without a reader would be waited for. Ordinary files do not know the flag.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
        std::os::unix::fs::OpenOptionsExt::custom_flags(options, flags.cast_signed());
    }
    let is_link = || fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    if cfg!(not(unix)) && is_link() {
        return Err(link());
    }
    let file = options.open(path).map_err(|error| if is_link() { link() } else { error })?;
    if !file.metadata()?.is_file() {
        return Err(Error::other("it is no ordinary file"));
    }
    Ok(file)
}

/// Locks the file at `path`, which is made if there is none, until the returned file is closed; `None` if another process has
/// locked it.
///
/// # Errors
/// When it cannot be opened or its file system knows no locks.
pub fn lock(path: &Path) -> Result<Option<File>> {
    let file = open(path, true).with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}

/// Makes the file in which the later contents of `path` are written, beside it: its path and the open file.
///
/// # Errors
/// When it cannot be made.
pub fn create_part(path: &Path) -> std::io::Result<(PathBuf, File)> {
    for number in 1..MOST_NUMBERS {
        let part = numbered(path, number, PART);
        // Fails where there is anything of that name, a symbolic link too.
        match OpenOptions::new().write(true).create_new(true).open(&part) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            opened => return Ok((part, opened?)),
        }
    }
    Err(Error::other("too many unfinished files of its name are there"))
}

/// The name of the file of which `name` is an unfinished version; `None` if it is the name of no unfinished file.
pub fn finished_name(name: &str) -> Option<&str> {
    let name = name.strip_suffix(PART)?;
    let numbered = name.rsplit_once('.').filter(|(_, number)| number.parse().is_ok_and(|number: u32| number > 1));
    Some(numbered.map_or(name, |(name, _)| name))
}

/// Gives a file or a folder another name, `NAME.old` or one with a number, and returns its new path.
///
/// # Errors
/// When it cannot be renamed.
pub fn move_aside(path: &Path) -> Result<PathBuf> {
    let free = (1..MOST_NUMBERS).map(|number| numbered(path, number, ".old")).find(|aside| !is_there(aside));
    let Some(aside) = free else { bail!("too many old versions of {}", path.display()) };
    fs::rename(path, &aside).with_context(|| format!("cannot move {} aside", path.display()))?;
    Ok(aside)
}

/// Whether there is anything at `path`, be it a link that leads nowhere.
pub fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// `path` with `end`, and from the second one on with a number before it.
fn numbered(path: &Path, number: u32, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    if number > 1 {
        name.push(format!(".{number}"));
    }
    name.push(end);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_link_is_neither_followed_nor_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("diary"), "dear diary").unwrap();
        for name in ["lock", "log", "file.atari-dqn-part"] {
            std::os::unix::fs::symlink(at("diary"), at(name)).unwrap();
        }
        assert!(format!("{:#}", lock(&at("lock")).unwrap_err()).contains("symbolic link"));
        assert!(open(&at("lock"), false).unwrap_err().to_string().contains("symbolic link"));
        assert!(open_to_append(&at("log")).unwrap_err().to_string().contains("symbolic link"));
        let (part, _) = create_part(&at("file")).unwrap();
        assert_eq!(part, at("file.2.atari-dqn-part"));
        assert_eq!(fs::read(at("diary")).unwrap(), b"dear diary");
    }

    #[test]
    fn an_opened_file_keeps_its_contents_and_one_process_can_lock_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        fs::write(&path, "text").unwrap();
        let locked = lock(&path).unwrap();
        assert!(locked.is_some() && lock(&path).unwrap().is_none());
        drop(locked);
        assert!(lock(&path).unwrap().is_some());
        assert_eq!(fs::read(&path).unwrap(), b"text");
        assert!(open(folder.path(), false).is_err(), "a folder");
    }

    #[test]
    fn what_is_moved_aside_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let moved = ["one", "two", "three"].map(|text| {
            fs::write(&path, text).unwrap();
            move_aside(&path).unwrap()
        });
        let found = moved.each_ref().map(|path| fs::read_to_string(path).unwrap());
        assert_eq!((found, path.exists()), (["one", "two", "three"].map(String::from), false));
        assert_eq!(moved[1], folder.path().join("file.2.old"));
    }

    #[test]
    fn an_unfinished_file_has_the_name_of_a_finished_one() {
        let folder = tempfile::tempdir().unwrap();
        let parts = [(); 2].map(|()| create_part(&folder.path().join("a.7.bin")).unwrap().0);
        for part in &parts {
            assert_eq!(finished_name(part.file_name().unwrap().to_str().unwrap()), Some("a.7.bin"));
        }
        assert_ne!(parts[0], parts[1]);
        assert_eq!((finished_name("film.mkv.part"), finished_name("a.bin")), (None, None));
    }
}
