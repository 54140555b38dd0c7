//! Free space on disks.

use std::path::Path;

/// Bytes that this user can still write to the file system of `path`, or of its nearest folder that exists; `None` if the system
/// does not report them.
#[cfg(unix)]
pub fn free(path: &Path) -> Option<u64> {
    let path = std::path::absolute(path).ok()?;
    let folder = path.ancestors().find(|folder| folder.is_dir())?;
    let system = rustix::fs::statvfs(folder).ok()?;
    // Virtual file systems without a size report 0 blocks.
    (system.f_blocks > 0).then(|| system.f_bavail.saturating_mul(system.f_frsize))
}

/// As above, for systems that are not asked.
#[cfg(not(unix))]
pub fn free(_: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_folder_that_does_not_exist_yet_is_on_the_disk_of_the_one_above_it() {
        let folder = tempfile::tempdir().unwrap();
        let free = free(&folder.path().join("new/run")).expect("the disk of the tests reports its space");
        assert!(free > 0 && free < 1 << 60, "{free}");
    }
}
