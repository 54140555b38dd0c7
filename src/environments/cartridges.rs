//! Finding and reading cartridge files: from a path or a name to a recognized image. Errors name what was found and what is
//! expected.

mod reading;

use crate::text;
use anyhow::{anyhow, bail, Result};
use atari_emulator::{game, CartridgeImage};
use reading::read_cartridge;
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// Name of the game that is part of the program.
pub const BUILT_IN: &str = "bricks";

/// Largest image, in bytes; ALE reads no further either.
pub const LARGEST_IMAGE: u64 = 512 * 1024;

/// Most files named like cartridges that are looked at in a folder. All that were ever sold are some thousand.
const MOST_CARTRIDGES: usize = 10_000;
/// Most entries of a folder that are listed.
const MOST_ENTRIES: usize = 1_000_000;

/// File name extensions of cartridge images.
const EXTENSIONS: [&str; 3] = ["bin", "a26", "rom"];

/// Extensions of packed images, alone (`pong.zip`) or after the image's own (`pong.bin.gz`).
const PACKED_EXTENSIONS: [&str; 2] = ["gz", "zip"];

/// Extensions of archives that cannot be read. They are listed and found by name, to be told apart from missing files.
const UNREADABLE_EXTENSIONS: [&str; 10] = ["7z", "rar", "tar", "tgz", "xz", "bz2", "zst", "lz4", "lzma", "iso"];

/// A cartridge and its origin.
#[derive(Clone, Debug)]
pub struct LoadedRom {
    /// The image.
    pub image: CartridgeImage,
    /// The game's name, or the file's stem when it is no known game.
    pub name: String,
    /// The file; `None` for the built-in game.
    pub path: Option<PathBuf>,
}

/// The built-in game.
pub fn built_in() -> LoadedRom {
    LoadedRom { image: CartridgeImage::bricks(), name: BUILT_IN.to_owned(), path: None }
}

/// Loads a cartridge by path, or by name from `./roms` and `$ATARI_ROMS`; `bricks` is the built-in game.
///
/// Warns on stderr if ALE's game table does not know the image, see [`game_warning`].
///
/// # Errors
/// When there is no such file, or it is not a usable cartridge image.
pub fn load(spec: &str) -> Result<LoadedRom> {
    let rom = load_quietly(spec, &search_folders())?;
    if let Some(warning) = game_warning(&rom.image) {
        warn!("warning: {warning}");
    }
    Ok(rom)
}

/// [`load`] without the warning, looking for names in `folders`.
fn load_quietly(spec: &str, folders: &[PathBuf]) -> Result<LoadedRom> {
    if spec == BUILT_IN {
        return Ok(built_in());
    }
    let path = resolve(spec, folders)?;
    let (image, stem) = read_cartridge(&path)?;
    let name = game::identify(image.md5(), image.file_stem()).map_or(stem, |game| game.name.to_owned());
    Ok(LoadedRom { image, name, path: Some(path) })
}

/// A warning if the score of `image` cannot be read, or is read by the rules of another dump. `None` if the image is exactly a
/// supported game.
pub fn game_warning(image: &CartridgeImage) -> Option<String> {
    match game::identify(image.md5(), image.file_stem()) {
        Some(game) if game.md5 == image.md5() => None,
        Some(game) => Some(format!(
            "this is not the image of {} that the game table knows (md5 {}, expected {}); its rules are used because of the \
             file name, and score, lives and game over may be wrong",
            game.name,
            image.md5(),
            game.md5
        )),
        None => Some(format!(
            "{} (md5 {}) is not in the game table: it runs, but without score, lives or game over",
            image.file_stem().unwrap_or("this cartridge"),
            image.md5()
        )),
    }
}

/// Where names are looked up: `./roms`, then `$ATARI_ROMS`.
pub fn search_folders() -> Vec<PathBuf> {
    let variable = std::env::var_os("ATARI_ROMS").filter(|value| !value.is_empty());
    std::iter::once(PathBuf::from("roms")).chain(variable.map(PathBuf::from)).collect()
}

/// The file meant by `spec`: a path, or a name in one of `folders`.
fn resolve(spec: &str, folders: &[PathBuf]) -> Result<PathBuf> {
    if spec.is_empty() {
        bail!("the cartridge's name is empty; give a file, or a name such as `{BUILT_IN}`");
    }
    let path = PathBuf::from(spec);
    // A folder with the name of a game (`./pong/`) does not hide the cartridge.
    if path.is_file() || (path.exists() && !path.is_dir()) {
        return Ok(path);
    }
    if let Some(found) = find_name(spec, folders) {
        return Ok(found);
    }
    if path.is_dir() {
        bail!("{spec} is a directory, not a cartridge file; `atari-dqn roms {spec}` lists what is in it");
    }
    let looks_like_path = path.components().count() > 1 || is_called_like_a_cartridge(&path);
    let problem =
        if looks_like_path { format!("{spec}: no such file") } else { format!("no cartridge is named {spec:?}") };
    Err(anyhow!("{problem}; {}", suggestions(&stem_of(&path), folders)))
}

/// The second half of an error: "did you mean", and the folders searched.
fn suggestions(wanted: &str, folders: &[PathBuf]) -> String {
    let mut known: Vec<String> = cartridge_files(folders).iter().map(|path| stem_of(path)).collect();
    known.push(BUILT_IN.to_owned());
    known.sort();
    known.dedup();
    let wanted = plain(wanted);
    let mut near: Vec<(usize, &str)> = known
        .iter()
        .map(|name| {
            let other = plain(name);
            let contained = !wanted.is_empty() && (other.contains(&wanted) || wanted.contains(&other));
            (if contained { 0 } else { text::distance(&wanted, &other) }, name.as_str())
        })
        .filter(|&(distance, name)| distance <= (name.len().min(wanted.len()) / 2).max(1))
        .collect();
    near.sort();
    let looked: Vec<String> = folders
        .iter()
        .map(|folder| format!("{}{}", folder.display(), if folder.is_dir() { "" } else { " (not there)" }))
        .collect();
    let mut words = match near.as_slice() {
        [] => String::new(),
        near => format!("did you mean {}? ", near.iter().take(3).map(|&(_, name)| name).collect::<Vec<_>>().join(", ")),
    };
    let without = if sub_folders(folders).is_empty() { "" } else { ", but not in sub-folders" };
    words += &format!(
        "names are looked up in {}{without}; a file of type .bin, .a26, .rom, .gz or .zip will do, `{BUILT_IN}` is built in, \
         scripts/get-roms.sh fetches the cartridges of ale-py, and `atari-dqn roms` lists the cartridges found",
        looked.join(" and ")
    );
    words
}

/// The cartridge called `name` in one of `folders`. Case does not matter, and `_`, `-` and blanks are the same.
fn find_name(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    if Path::new(name).components().count() != 1 {
        return None;
    }
    let wanted = plain(name);
    folders.iter().find_map(|folder| {
        let files = cartridge_files(std::slice::from_ref(folder));
        let whole_name = files.iter().find(|path| path.file_name().is_some_and(|file| file == name));
        let mut by_stem = files.iter().filter(|path| plain(&stem_of(path)) == wanted);
        let readable = by_stem.clone().find(|path| !is_unreadable(path));
        whole_name.or(readable).or_else(|| by_stem.next()).cloned()
    })
}

/// The name in lower case with underscores: `ms_pacman` for `Ms-Pacman` and `ms pacman`.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c == '-' || c == ' ' { '_' } else { c.to_ascii_lowercase() }).collect()
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

/// Whether the file is of a kind of archive that cannot be read, by its name.
fn is_unreadable(path: &Path) -> bool {
    UNREADABLE_EXTENSIONS.iter().any(|e| has_extension(path, e))
}

fn is_called_like_a_cartridge(path: &Path) -> bool {
    EXTENSIONS.iter().chain(&PACKED_EXTENSIONS).chain(&UNREADABLE_EXTENSIONS).any(|e| has_extension(path, e))
}

/// The file name without its cartridge and packing extensions: `pong` for `pong.bin.gz`. Other dots stay.
fn stem_of(path: &Path) -> String {
    let mut name = PathBuf::from(path.file_name().map_or_else(OsString::new, OsString::from));
    if PACKED_EXTENSIONS.iter().chain(&UNREADABLE_EXTENSIONS).any(|e| has_extension(&name, e)) {
        name.set_extension("");
    }
    if EXTENSIONS.iter().any(|e| has_extension(&name, e)) {
        name.set_extension("");
    }
    name.to_string_lossy().into_owned()
}

/// The files directly in `folders` that are named like cartridges, sorted by name, each once. Folders that cannot be read are
/// skipped.
fn cartridge_files(folders: &[PathBuf]) -> Vec<PathBuf> {
    let mut seen = HashSet::new();
    let mut files = Vec::new();
    for folder in folders {
        for path in named_like_cartridges(folder) {
            // ./roms and $ATARI_ROMS are often the same folder.
            if !path.is_dir() && seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())) {
                files.push(path);
            }
        }
    }
    files.sort_by(|a, b| a.file_name().cmp(&b.file_name()).then_with(|| a.cmp(b)));
    files
}

/// The paths in `folder` that are named like cartridges. Of a folder with very many only the first by name, with a warning.
fn named_like_cartridges(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let entries = entries.take(MOST_ENTRIES + 1).flatten().map(|entry| entry.path());
    let (mut entries_seen, mut paths) = (0, Vec::new());
    for path in entries {
        entries_seen += 1;
        paths.extend(is_called_like_a_cartridge(&path).then_some(path));
    }
    if paths.len() > MOST_CARTRIDGES || entries_seen > MOST_ENTRIES {
        paths.sort_unstable();
        paths.truncate(MOST_CARTRIDGES);
        warn!(
            "warning: {} has more files than a folder of cartridges; {} of them are looked at",
            folder.display(),
            paths.len()
        );
    }
    paths
}

/// The folders directly in `folders`, sorted, except hidden ones. Nothing is looked up in them.
pub fn sub_folders(folders: &[PathBuf]) -> Vec<PathBuf> {
    let listed = |folder: &PathBuf| Some(fs::read_dir(folder).ok()?.take(MOST_ENTRIES).flatten());
    let entries = folders.iter().filter_map(listed).flatten();
    let is_hidden = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let mut found: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| path.is_dir() && !is_hidden(path)).collect();
    found.sort();
    found
}

/// All cartridge files in `folders`, each once, sorted by file name: its name and its image, or why that cannot be used.
pub fn all_in(folders: &[PathBuf]) -> impl Iterator<Item = (String, Result<CartridgeImage>)> {
    cartridge_files(folders).into_iter().map(|path| match read_cartridge(&path) {
        Ok((image, stem)) => (stem, Ok(image)),
        Err(error) => (stem_of(&path), Err(error)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stem_loses_its_cartridge_and_packing_extensions_only() {
        for (file, stem) in [
            ("roms/pong.bin", "pong"),
            ("pong.BIN.gz", "pong"),
            ("pong.zip", "pong"),
            ("Dr. Who v1.2.a26", "Dr. Who v1.2"),
            ("notes.txt", "notes.txt"),
        ] {
            assert_eq!(stem_of(Path::new(file)), stem, "{file}");
        }
    }

    #[test]
    fn names_are_found_whatever_their_case_and_joints() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("Ms-Pacman.a26"), [0; 4]).unwrap();
        fs::write(folder.path().join("pong.bin.gz"), [0; 4]).unwrap();
        fs::write(folder.path().join("pong.7z"), [0; 4]).unwrap();
        fs::write(folder.path().join("freeway.7z"), [0; 4]).unwrap();
        fs::create_dir(folder.path().join("qbert.bin")).unwrap();
        let folders = [folder.path().to_owned()];
        assert!(find_name("ms_pacman", &folders).unwrap().ends_with("Ms-Pacman.a26"));
        assert!(find_name("pong", &folders).unwrap().ends_with("pong.bin.gz"));
        assert!(find_name("pong.bin.gz", &folders).unwrap().ends_with("pong.bin.gz"));
        assert!(find_name("freeway", &folders).unwrap().ends_with("freeway.7z"), "to be told what it is");
        assert_eq!(find_name("qbert", &folders), None);
        assert_eq!(find_name("../pong", &folders), None);
    }

    #[test]
    fn a_misspelt_name_is_answered_with_the_nearest_ones_and_the_folders() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["seaquest.bin", "pong.bin", "space_invaders.bin"] {
            fs::write(folder.path().join(name), [0; 4]).unwrap();
        }
        let folders = [folder.path().to_owned(), folder.path().join("absent")];
        let message = resolve("seaqest", &folders).unwrap_err().to_string();
        assert!(message.contains("did you mean seaquest?"), "{message}");
        assert!(message.contains("absent (not there)"), "{message}");
        assert!(message.ends_with("`atari-dqn roms` lists the cartridges found"), "{message}");
        let message = resolve("invaders", &folders).unwrap_err().to_string();
        assert!(message.contains("did you mean space_invaders?"), "{message}");
        let message = resolve("zzzzzzzz", &folders).unwrap_err().to_string();
        assert!(!message.contains("did you mean"), "{message}");
    }
}
