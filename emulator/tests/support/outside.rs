//! Reports data and tools that a test needs from outside the repository when they are missing.
//!
//! Included with `#[path]` by tests of both crates; each uses some of it.
#![allow(dead_code)]

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Reports that the calling test returns early because `what` is missing. `remedy` is the advice for the reader.
///
/// # Panics
///
/// With the environment variable `CI` set: the machine that checks changes must have everything.
#[track_caller]
pub fn missing(what: &str, remedy: &str) {
    assert!(!ci_is_set(), "missing: {what}. With CI set no test may be skipped; {remedy}");
    let thread = std::thread::current();
    // Not with `eprintln`: the test harness hides its output when a test passes.
    let _ = writeln!(std::io::stderr(), "skipped {}: missing {what}; {remedy}", thread.name().unwrap_or("a test"));
}

/// Whether the environment variable `CI` is set: on the machine that checks changes, where nothing may be missing and tests may
/// take their time.
pub fn ci_is_set() -> bool {
    let checked = |value: &OsStr| !value.is_empty() && value != "0" && value != "false";
    std::env::var_os("CI").is_some_and(|value| checked(&value))
}

/// Reports that cartridges are [`missing`] if `names` has any. For tests that check those that are there.
#[track_caller]
pub fn some_missing(names: &[&str]) {
    if !names.is_empty() {
        missing(&format!("the cartridges {names:?}"), "scripts/get-roms.sh puts all of them into roms/");
    }
}

/// The files `*.bin` of `$ATARI_ROMS` or, if that is not set, of the repository's `roms` folder, sorted by name. `None`
/// after [`missing`] if there are none.
///
/// # Panics
///
/// If `ATARI_ROMS` is set and there is no `*.bin` in it.
#[track_caller]
pub fn cartridges() -> Option<Vec<PathBuf>> {
    let variable = std::env::var_os("ATARI_ROMS").filter(|value| !value.is_empty());
    // Cargo sets the manifest's folder of the crate under test; `roms` is beside the workspace's Cargo.toml.
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let beside = [manifest.join("roms"), manifest.join("../roms")].into_iter().find(|folder| folder.is_dir());
    let folder = variable.clone().map(PathBuf::from).or(beside).unwrap_or_default();
    let entries = folder.read_dir().into_iter().flatten().map(|entry| entry.expect("a readable folder").path());
    let mut found: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "bin")).collect();
    found.sort();
    assert!(!found.is_empty() || variable.is_none(), "ATARI_ROMS is set, but no *.bin is in {}", folder.display());
    if found.is_empty() {
        missing("cartridges (*.bin)", "scripts/get-roms.sh puts them into roms/, or set ATARI_ROMS to their folder");
        return None;
    }
    Some(found)
}
