//! From a file to a recognized image. A file may be raw, gzip or a zip archive with one image in it; its content decides.
//! A file of another kind is named for what it is, with what to do. However large a file claims to be, at most
//! [`LARGEST_IMAGE`] + 1 bytes are unpacked.

use super::{has_extension, stem_of, EXTENSIONS, LARGEST_IMAGE};
use crate::files::foreign;
use crate::system::files;
use anyhow::{anyhow, bail, Context, Result};
use atari_emulator::{game, CartridgeImage};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

/// Largest zip archive, in bytes. A cartridge with its scanned manual is far smaller; the limit keeps the directory of a disk
/// image that was given by mistake out of memory.
const LARGEST_ARCHIVE: u64 = 64 * 1024 * 1024;
/// Bytes at the end of a file in which a zip archive's end can be: 22, and a comment.
const ZIP_END: u64 = 22 + 0xFFFF;
/// What to do with an archive that this program cannot unpack.
const UNPACK: &str = "unpack it with another program and give the image in it, a file of type .bin, .a26 or .rom";

/// Reads and recognizes a cartridge file. Also returns its stem, from the name of the file or of the image packed in it.
pub(super) fn read_cartridge(path: &Path) -> Result<(CartridgeImage, String)> {
    let shown = path.display();
    let (mut file, size) = files::open(path).with_context(|| format!("cannot read {shown}"))?;
    let head = read_bounded(&mut file).with_context(|| format!("cannot read {shown}"))?;
    let (bytes, stem, inside) = if head.is_empty() {
        bail!("{shown} is empty (0 bytes); a cartridge has at least 2,048");
    } else if foreign::is_gzip(&head) {
        let unpacked = flate2::bufread::MultiGzDecoder::new(BufReader::new(head.as_slice().chain(file)));
        let bytes = read_bounded(unpacked)
            .with_context(|| format!("{shown} is gzip but cannot be unpacked (cut short or damaged?)"))?;
        if foreign::is_gzip(&bytes) {
            bail!("{shown} is gzip, and holds a gzip file: it was packed twice; unpack it once, e.g. with gunzip");
        }
        (bytes, stem_of(path), "what is packed in it ")
    } else if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        let (bytes, stem) = read_zip(path, file, size)?;
        (bytes, stem, "what is packed in it ")
    } else {
        refuse_program_with_archive(path, &mut file, size)?;
        (head, stem_of(path), "")
    };
    let length = if inside.is_empty() { size } else { bytes.len() as u64 };
    if let Some(found) = foreign::known(&bytes, length) {
        bail!("{shown} is not a cartridge: {inside}{} {}; {}", verb(inside), found.name, found.remedy());
    }
    if bytes.len() as u64 > LARGEST_IMAGE {
        bail!("{shown} holds more than {LARGEST_IMAGE} bytes (512 KiB); no Atari 2600 cartridge is that large");
    }
    let image = CartridgeImage::new(&bytes, Some(&stem)).with_context(|| match foreign::suspected(&bytes) {
        Some(found) => {
            format!(
                "{shown} is not a usable cartridge image (it begins like {}; if it is, {})",
                found.name,
                found.remedy()
            )
        }
        None => format!("{shown} is not a usable cartridge image"),
    })?;
    Ok((image, stem))
}

/// The verb after `inside`, which is empty for the file itself.
fn verb(inside: &str) -> &'static str {
    if inside.is_empty() {
        "it is"
    } else {
        "is"
    }
}

/// Reads to the end, but at most one byte more than the largest image has.
fn read_bounded(source: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(LARGEST_IMAGE + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Refuses a file that ends as a zip archive but does not begin as one.
fn refuse_program_with_archive(path: &Path, file: &mut File, length: u64) -> Result<()> {
    let mut tail = Vec::new();
    let read = file.seek(SeekFrom::Start(length.saturating_sub(ZIP_END)));
    read.and_then(|_| file.take(ZIP_END).read_to_end(&mut tail))
        .with_context(|| format!("cannot read {}", path.display()))?;
    if foreign::ends_as_zip(&tail, length) {
        bail!(
            "{} is a zip archive with a program or something else in front, one that unpacks itself; {UNPACK} (unzip does it too)",
            path.display()
        );
    }
    Ok(())
}

/// The one image in a zip archive and its stem.
fn read_zip(path: &Path, mut file: File, size: u64) -> Result<(Vec<u8>, String)> {
    let shown = path.display();
    if size > LARGEST_ARCHIVE {
        bail!("{shown} is a zip archive of {size} bytes; one of a cartridge has at most {LARGEST_ARCHIVE}");
    }
    file.rewind().with_context(|| format!("cannot read {shown}"))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| match error {
        ZipError::UnsupportedArchive(reason) => {
            anyhow!("{shown} is a zip archive of a kind that is not supported ({reason}); {UNPACK}")
        }
        error => anyhow::Error::new(error)
            .context(format!("{shown} is a zip archive but cannot be read (cut short or damaged?)")),
    })?;
    let (index, name) = the_image(path, &archive)?;
    let damaged = || format!("{shown}: {name:?} inside cannot be unpacked (damaged?)");
    let packed = archive.by_index_raw(index).map_err(|error| match error {
        ZipError::UnsupportedArchive(reason) => {
            anyhow!("{shown}: {name:?} inside is packed in a way that is not supported ({reason}); {UNPACK}")
        }
        error => anyhow::Error::new(error).context(damaged()),
    })?;
    if packed.encrypted() {
        bail!("{shown}: {name:?} inside is encrypted with a password, which is not supported; {UNPACK}");
    }
    if let Some(method) = other_method(packed.compression()) {
        bail!("{shown}: {name:?} inside is packed by {method}, which is not supported; {UNPACK}");
    }
    drop(packed);
    let entry = archive.by_index(index).with_context(damaged)?;
    let bytes = read_bounded(entry).with_context(damaged)?;
    let inside = stem_of(&name);
    // If one of the two names is a known game's, it counts: `pong.zip` may hold "Video Olympics (1977).bin".
    let known = |stem: &str| game::all().any(|game| game.name.eq_ignore_ascii_case(stem));
    let outside = stem_of(path);
    let stem = if !known(&inside) && known(&outside) { outside } else { inside };
    if bytes.is_empty() {
        bail!("{shown}: {name:?} inside is empty (0 bytes)");
    }
    if foreign::is_gzip(&bytes) {
        bail!("{shown}: {name:?} inside is packed once more, by gzip; {UNPACK}");
    }
    Ok((bytes, stem))
}

/// Index and name of the image among the files of a zip archive.
fn the_image<R: Read + Seek>(path: &Path, archive: &ZipArchive<R>) -> Result<(usize, PathBuf)> {
    let shown = path.display();
    let files: Vec<(usize, PathBuf)> = (0..archive.len())
        .filter_map(|i| Some((i, archive.name_for_index(i)?.ok()?.into_owned())))
        .filter(|(_, name)| !name.ends_with('/') && !name.starts_with("__MACOSX/"))
        .map(|(i, name)| (i, PathBuf::from(name)))
        .collect();
    let images: Vec<&(usize, PathBuf)> =
        files.iter().filter(|(_, name)| EXTENSIONS.iter().any(|e| has_extension(name, e))).collect();
    // A single file is taken for the image whatever its name is.
    match (images.as_slice(), files.as_slice()) {
        ([only], _) => Ok((*only).clone()),
        ([], [only]) => Ok(only.clone()),
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
    }
}

/// The name of a compression method that cannot be unpacked; `None` for the two that can.
fn other_method(method: CompressionMethod) -> Option<String> {
    let names = [
        (CompressionMethod::SHRINK, "Shrink"),
        (CompressionMethod::IMPLODE, "Implode"),
        (CompressionMethod::DEFLATE64, "Deflate64"),
        (CompressionMethod::BZIP2, "bzip2"),
        (CompressionMethod::LZMA, "LZMA"),
        (CompressionMethod::ZSTD, "Zstandard"),
        (CompressionMethod::XZ, "xz"),
        (CompressionMethod::PPMD, "PPMd"),
    ];
    match method {
        CompressionMethod::Stored | CompressionMethod::Deflated => None,
        method => Some(match names.iter().find(|(known, _)| *known == method) {
            Some((_, name)) => name.to_string(),
            None => "a method unknown to this program".to_string(),
        }),
    }
}
