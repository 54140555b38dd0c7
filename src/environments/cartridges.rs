//! Finding and reading cartridge files: from a path or a name to a recognized image. Errors name what was found and what is
//! expected.
//!
//! A file may be raw, gzip or a zip archive with one image in it; its first bytes decide. However large a file claims to be,
//! at most [`LARGEST_IMAGE`] + 1 bytes are unpacked.

use crate::system::files;
use crate::text;
use anyhow::{anyhow, bail, Context, Result};
use atari_emulator::{game, CartridgeImage};
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

/// Name of the game that is part of the program.
pub const BUILT_IN: &str = "bricks";

/// Largest image, in bytes; ALE reads no further either.
pub const LARGEST_IMAGE: u64 = 512 * 1024;

/// Largest zip archive, in bytes. A cartridge with its scanned manual is far smaller; the limit keeps the directory of a disk
/// image that was given by mistake out of memory.
const LARGEST_ARCHIVE: u64 = 64 * 1024 * 1024;

/// Most files named like cartridges that are looked at in a folder. All that were ever sold are some thousand.
const MOST_CARTRIDGES: usize = 10_000;
/// Most entries of a folder that are listed.
const MOST_ENTRIES: usize = 1_000_000;

/// File name extensions of cartridge images.
const EXTENSIONS: [&str; 3] = ["bin", "a26", "rom"];

/// Extensions of packed images, alone (`pong.zip`) or after the image's own (`pong.bin.gz`).
const PACKED_EXTENSIONS: [&str; 2] = ["gz", "zip"];

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
    let looks_like_path =
        path.components().count() > 1 || EXTENSIONS.iter().chain(&PACKED_EXTENSIONS).any(|e| has_extension(&path, e));
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
            (if contained { 0 } else { text::edit_distance(&wanted, &other) }, name.as_str())
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
    words += &format!(
        "names are looked up in {}; a file of type .bin, .a26, .rom, .gz or .zip will do, `{BUILT_IN}` is built in, and \
         scripts/get-roms.sh fetches the cartridges of ale-py",
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
        whole_name.or_else(|| files.iter().find(|path| plain(&stem_of(path)) == wanted)).cloned()
    })
}

/// The name in lower case with underscores: `ms_pacman` for `Ms-Pacman` and `ms pacman`.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c == '-' || c == ' ' { '_' } else { c.to_ascii_lowercase() }).collect()
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

/// The file name without its cartridge and packing extensions: `pong` for `pong.bin.gz`. Other dots stay.
fn stem_of(path: &Path) -> String {
    let mut name = PathBuf::from(path.file_name().map_or_else(OsString::new, OsString::from));
    if PACKED_EXTENSIONS.iter().any(|e| has_extension(&name, e)) {
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
    let is_cartridge = |path: &PathBuf| EXTENSIONS.iter().chain(&PACKED_EXTENSIONS).any(|e| has_extension(path, e));
    let entries = entries.take(MOST_ENTRIES + 1).flatten().map(|entry| entry.path());
    let (mut entries_seen, mut paths) = (0, Vec::new());
    for path in entries {
        entries_seen += 1;
        paths.extend(is_cartridge(&path).then_some(path));
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

/// All cartridge files in `folders`, each once, sorted by file name: its name and its image, or why that cannot be used.
pub fn all_in(folders: &[PathBuf]) -> impl Iterator<Item = (String, Result<CartridgeImage>)> {
    cartridge_files(folders).into_iter().map(|path| match read_cartridge(&path) {
        Ok((image, stem)) => (stem, Ok(image)),
        Err(error) => (stem_of(&path), Err(error)),
    })
}

/// Reads and recognizes a cartridge file. Also returns its stem, from the name of the file or of the image packed in it.
fn read_cartridge(path: &Path) -> Result<(CartridgeImage, String)> {
    let shown = path.display();
    let (mut file, length) = files::open(path).with_context(|| format!("cannot read {shown}"))?;
    let mut magic = Vec::with_capacity(4);
    (&mut file).take(4).read_to_end(&mut magic).with_context(|| format!("cannot read {shown}"))?;
    file.rewind().with_context(|| format!("cannot read {shown}"))?;

    let (bytes, stem) = match magic.as_slice() {
        [] => bail!("{shown} is empty (0 bytes); a cartridge has at least 2,048"),
        [0x1F, 0x8B, ..] => {
            let unpacked = flate2::bufread::MultiGzDecoder::new(BufReader::new(file));
            let bytes = read_bounded(unpacked)
                .with_context(|| format!("{shown} is gzip but cannot be unpacked (cut short or damaged?)"))?;
            (bytes, stem_of(path))
        }
        [b'P', b'K', 3, 4] | [b'P', b'K', 5, 6] => read_zip(path, file, length)?,
        _ => (read_bounded(file).with_context(|| format!("cannot read {shown}"))?, stem_of(path)),
    };
    if bytes.len() as u64 > LARGEST_IMAGE {
        bail!("{shown} holds more than {LARGEST_IMAGE} bytes (512 KiB); no Atari 2600 cartridge is that large");
    }
    let image =
        CartridgeImage::new(&bytes, Some(&stem)).with_context(|| format!("{shown} is not a usable cartridge image"))?;
    Ok((image, stem))
}

/// Reads to the end, but at most one byte more than the largest image has.
fn read_bounded(source: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(LARGEST_IMAGE + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The one image in a zip archive and its stem.
fn read_zip(path: &Path, file: File, size: u64) -> Result<(Vec<u8>, String)> {
    let shown = path.display();
    if size > LARGEST_ARCHIVE {
        bail!("{shown} is a zip archive of {size} bytes; one of a cartridge has at most {LARGEST_ARCHIVE}");
    }
    let mut archive = zip::ZipArchive::new(BufReader::new(file))
        .with_context(|| format!("{shown} is a zip archive but cannot be read (cut short or damaged?)"))?;
    let files: Vec<(usize, PathBuf)> = (0..archive.len())
        .filter_map(|i| Some((i, archive.name_for_index(i)?.ok()?.into_owned())))
        .filter(|(_, name)| !name.ends_with('/') && !name.starts_with("__MACOSX/"))
        .map(|(i, name)| (i, PathBuf::from(name)))
        .collect();
    let images: Vec<&(usize, PathBuf)> =
        files.iter().filter(|(_, name)| EXTENSIONS.iter().any(|e| has_extension(name, e))).collect();
    // A single file is taken for the image whatever its name is.
    let (index, name) = match (images.as_slice(), files.as_slice()) {
        ([only], _) => only,
        ([], [only]) => only,
        ([], []) => bail!("{shown} is a zip archive with no file in it"),
        (images, files) => {
            let names: Vec<String> = files.iter().take(10).map(|(_, name)| format!("{name:?}")).collect();
            let more = if files.len() > names.len() {
                format!(" and {} more", files.len() - names.len())
            } else {
                String::new()
            };
            bail!(
                "{shown} is a zip archive with {} cartridge images where one is expected; it holds {}{more}: unpack the one you want",
                images.len(),
                names.join(", ")
            );
        }
    };
    let entry = archive.by_index(*index).with_context(|| format!("{shown}: {name:?} inside cannot be unpacked"))?;
    let bytes =
        read_bounded(entry).with_context(|| format!("{shown}: {name:?} inside cannot be unpacked (damaged?)"))?;
    let inside = stem_of(name);
    // If one of the two names is a known game's, it counts: `pong.zip` may hold "Video Olympics (1977).bin".
    let known = |stem: &str| game::all().any(|game| game.name.eq_ignore_ascii_case(stem));
    let outside = stem_of(path);
    let stem = if !known(&inside) && known(&outside) { outside } else { inside };
    if bytes.is_empty() {
        bail!("{shown}: {name:?} inside is empty (0 bytes)");
    }
    Ok((bytes, stem))
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
        fs::create_dir(folder.path().join("qbert.bin")).unwrap();
        let folders = [folder.path().to_owned()];
        assert!(find_name("ms_pacman", &folders).unwrap().ends_with("Ms-Pacman.a26"));
        assert!(find_name("pong", &folders).unwrap().ends_with("pong.bin.gz"));
        assert!(find_name("pong.bin.gz", &folders).unwrap().ends_with("pong.bin.gz"));
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
        let message = resolve("invaders", &folders).unwrap_err().to_string();
        assert!(message.contains("did you mean space_invaders?"), "{message}");
        let message = resolve("zzzzzzzz", &folders).unwrap_err().to_string();
        assert!(!message.contains("did you mean"), "{message}");
    }
}
