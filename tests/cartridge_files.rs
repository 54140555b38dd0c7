//! Cartridge files as people have them: raw, packed, damaged, mistaken for something else.
#![allow(clippy::unwrap_used)] // helpers of tests, which clippy takes for ordinary functions

use atari_dqn::environments::cartridges;
use flate2::{write::GzEncoder, Compression};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// An image of 4 KiB that no game table knows: an endless loop, and a reset vector to it.
fn image() -> Vec<u8> {
    let mut bytes = vec![0xEA; 4096];
    bytes[..3].copy_from_slice(&[0x4C, 0x00, 0xF0]);
    bytes[0xFFC..].copy_from_slice(&[0x00, 0xF0, 0x00, 0xF0]);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

fn load(path: &Path) -> anyhow::Result<cartridges::LoadedRom> {
    cartridges::load(path.to_str().unwrap())
}

/// The error, with its causes, of loading `path`; it must name the file.
fn complaint(path: &Path) -> String {
    let message = format!("{:#}", load(path).unwrap_err());
    assert!(message.contains(path.file_name().unwrap().to_str().unwrap()), "{message}");
    assert!(!message.contains('\n'), "one line: {message:?}");
    message
}

#[track_caller]
fn assert_contains(message: &str, part: &str) {
    assert!(message.contains(part), "{part:?} not in {message:?}");
}

#[test]
fn the_built_in_game_needs_no_file() {
    let rom = cartridges::load("bricks").unwrap();
    assert_eq!((rom.name.as_str(), rom.path), ("bricks", None));
    assert_eq!(cartridges::game_warning(&rom.image), None);
}

#[test]
fn raw_gzip_and_zip_give_the_same_image_whatever_the_file_is_called() {
    let folder = Folder::new();
    let raw = load(&folder.file("loop.bin", &image())).unwrap();
    assert_eq!(raw.image.bytes()[..], image()[..]);
    assert_eq!(raw.name, "loop");
    for (name, bytes) in [
        ("loop.bin.gz", gzip(&image())),
        ("loop.a26", gzip(&image())),
        ("loop.zip", zip(&[("loop.bin", &image())])),
        ("loop.rom", zip(&[("whatever", &image())])),
        ("loop.gz", image()),
        ("loop", image()),
    ] {
        let packed = load(&folder.file(name, &bytes)).unwrap();
        assert_eq!(packed.image.md5(), raw.image.md5(), "{name}");
    }
}

#[test]
fn an_unknown_image_runs_but_is_warned_about() {
    let folder = Folder::new();
    let unknown = load(&folder.file("loop.bin", &image())).unwrap();
    assert_contains(&cartridges::game_warning(&unknown.image).unwrap(), "not in the game table");
    let other_dump = load(&folder.file("pong.bin", &image())).unwrap();
    assert_eq!(other_dump.name, "pong");
    assert_contains(&cartridges::game_warning(&other_dump.image).unwrap(), "not the image of pong");
}

#[test]
fn a_zip_archive_is_searched_for_its_one_image() {
    let folder = Folder::new();
    let with_notes = zip(&[("notes.txt", b"hello"), ("inside/game.a26", &image()), ("__MACOSX/._game.a26", b"x")]);
    assert_eq!(load(&folder.file("archive.zip", &with_notes)).unwrap().name, "game");
    // a game's name on either file is found
    let game_inside = zip(&[("pong.bin", &image())]);
    assert_eq!(load(&folder.file("archive.zip", &game_inside)).unwrap().name, "pong");
    let game_outside = zip(&[("Video Olympics (1977).bin", &image())]);
    assert_eq!(load(&folder.file("pong.zip", &game_outside)).unwrap().name, "pong");

    let message = complaint(&folder.file("two.zip", &zip(&[("a.bin", &image()), ("b.bin", &image())])));
    assert_contains(&message, "2 cartridge images");
    assert_contains(&message, "\"a.bin\", \"b.bin\"");
    let message = complaint(&folder.file("none.zip", &zip(&[("a.txt", b"1"), ("b.txt", b"2")])));
    assert_contains(&message, "0 cartridge images");
    assert_contains(&message, "\"a.txt\"");
    assert_contains(&complaint(&folder.file("bare.zip", &zip(&[]))), "no file in it");
    assert_contains(&complaint(&folder.file("nothing.zip", &zip(&[("a.bin", b"")]))), "is empty (0 bytes)");
}

#[test]
fn truncated_and_damaged_archives_are_errors() {
    let folder = Folder::new();
    let packed = gzip(&image());
    for cut in [3, 10, 12, packed.len() - 9, packed.len() - 1] {
        assert_contains(
            &complaint(&folder.file("cut.gz", &packed[..cut])),
            if cut < 4 { "gzip" } else { "cut short or damaged" },
        );
    }
    let mut flipped = packed.clone();
    let at = flipped.len() - 6;
    flipped[at] ^= 1; // the checksum
    assert_contains(&complaint(&folder.file("flipped.gz", &flipped)), "damaged");

    let packed = zip(&[("loop.bin", &image())]);
    for cut in [4, 20, packed.len() - 10] {
        assert_contains(&complaint(&folder.file("cut.zip", &packed[..cut])), "zip archive but cannot be read");
    }
    let mut flipped = packed;
    flipped[40] ^= 0xFF; // in the packed data
    assert_contains(&complaint(&folder.file("flipped.zip", &flipped)), "cannot be unpacked");
}

#[test]
fn nothing_over_512_kib_is_unpacked() {
    let folder = Folder::new();
    let huge = vec![0; 64 << 20];
    for (name, bytes) in
        [("huge.bin", huge.clone()), ("huge.gz", gzip(&huge)), ("huge.zip", zip(&[("huge.bin", &huge)]))]
    {
        assert_contains(&complaint(&folder.file(name, &bytes)), "more than 524288 bytes");
    }
}

#[test]
fn sizes_that_are_no_cartridge_are_errors() {
    let folder = Folder::new();
    assert_contains(&complaint(&folder.file("empty.bin", b"")), "is empty (0 bytes)");
    assert_contains(&complaint(&folder.file("empty.gz", &gzip(b""))), "empty");
    for size in [1, 3, 1000, 4095, 4097, 100_000] {
        assert_contains(&complaint(&folder.file("odd.bin", &vec![1; size])), &size.to_string());
    }
}

#[test]
fn a_path_that_is_no_file_is_an_error() {
    let folder = Folder::new();
    let directory = folder.0.path().join("some_folder");
    fs::create_dir(&directory).unwrap();
    assert_contains(&complaint(&directory), "is a directory");
    assert_contains(&complaint(&folder.0.path().join("absent.bin")), "no such file");
    #[cfg(unix)]
    {
        assert_contains(&complaint(Path::new("/dev/zero")), "not a regular file");
        let dangling = folder.0.path().join("dangling.bin");
        std::os::unix::fs::symlink("nowhere", &dangling).unwrap();
        assert_contains(&complaint(&dangling), "no such file");
    }
}

/// A tar archive of one file, as GNU tar writes it: 10,240 bytes, which is also the size of a DPC cartridge.
fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    header[148..156].fill(b' ');
    header[257..265].copy_from_slice(b"ustar  \0");
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut archive = [header, content.to_vec()].concat();
    archive.resize(10_240, 0);
    archive
}

/// `archive` with every method number of its one entry changed to `method`, and `flags` added.
fn packed_otherwise(archive: &[u8], method: u16, flags: u16) -> Vec<u8> {
    let mut bytes = archive.to_vec();
    let directory = (0..bytes.len() - 4).rfind(|&at| bytes[at..].starts_with(b"PK\x01\x02")).unwrap();
    for at in [6, directory + 8] {
        bytes[at] |= flags as u8;
        bytes[at + 2..at + 4].copy_from_slice(&method.to_le_bytes());
    }
    bytes
}

#[test]
fn files_of_other_kinds_are_named_with_what_to_do_also_when_they_are_packed() {
    let folder = Folder::new();
    let hexadecimal: String = image().iter().map(|byte| format!("{byte:02x}")).collect();
    let in_parts = [b"7z\xBC\xAF\x27\x1C\0\x04".as_slice(), &[7; 4088]].concat();
    let mut iso = vec![0; 800 * 1024];
    iso[0x8001..0x8006].copy_from_slice(b"CD001");
    let mut png = b"\x89PNG\r\n\x1A\n".to_vec();
    png.resize(2048, 3);
    for (name, bytes, what, remedy) in [
        ("game.tar", tar("pong.bin", &image()), "a tar archive", "unpack it"),
        ("game.bin", tar("pong.bin", &image()), "a tar archive", "unpack it"),
        ("game.7z", in_parts, "a 7z archive", "unpack it"),
        ("disc.iso", iso, "a disc image", "unpack it"),
        ("picture.bin", png, "a PNG picture", "give a cartridge image"),
        ("page.bin", b"<!DOCTYPE html>\n<html><body>404".repeat(70), "a web page (HTML)", "download the file itself"),
        ("digits.bin", hexadecimal.into_bytes(), "a cartridge as hexadecimal text", "xxd -r -p"),
    ] {
        for (name, bytes) in [
            (name.to_string(), bytes.clone()),
            (format!("{name}.gz"), gzip(&bytes)),
            (format!("{name}.zip"), zip(&[(name, &bytes)])),
        ] {
            let message = complaint(&folder.file(&name, &bytes));
            assert_contains(&message, what);
            assert_contains(&message, remedy);
            assert!(!message.contains("damaged"), "{message}");
        }
    }
}

#[test]
fn what_is_packed_twice_or_unpacks_itself_is_named_so() {
    let folder = Folder::new();
    let once = zip(&[("loop.bin", &image())]);
    let itself = [b"MZ\x90\0 a program that unpacks what follows".as_slice(), &[9; 3000], &once].concat();
    for (name, bytes, what) in [
        ("twice.gz", gzip(&gzip(&image())), "packed twice"),
        ("twice.zip", zip(&[("loop.zip", &once)]), "a zip archive"),
        ("zipped.gz", gzip(&once), "a zip archive"),
        ("gzipped.zip", zip(&[("loop.bin", &gzip(&image()))]), "packed once more"),
        ("setup.exe", itself, "unpacks itself"),
    ] {
        let message = complaint(&folder.file(name, &bytes));
        assert_contains(&message, what);
        assert_contains(&message, "unpack it");
        assert!(!message.contains("damaged"), "{message}");
    }
}

#[test]
fn zip_archives_packed_by_other_methods_or_encrypted_are_not_called_damaged() {
    let folder = Folder::new();
    let plain = zip(&[("loop.bin", &image())]);
    for (method, flags, what) in [
        (12, 0, "by bzip2"),
        (14, 0, "by LZMA"),
        (9, 0, "by Deflate64"),
        (93, 0, "by Zstandard"),
        (6, 0, "by Implode"),
        (77, 0, "by a method unknown"),
        (8, 1, "encrypted with a password"),
        (99, 1, "encrypted with a password"),
    ] {
        let message = complaint(&folder.file("other.zip", &packed_otherwise(&plain, method, flags)));
        assert_contains(&message, what);
        assert_contains(&message, "not supported; unpack it");
        assert!(!message.contains("damaged"), "{message}");
    }
}

/// Images whose first bytes are another format's by accident, and images filled with one byte.
#[test]
fn images_that_begin_like_other_files_are_still_cartridges() {
    let folder = Folder::new();
    for begin in [b"MZ".as_slice(), b"BM", b"\x1F\x8B\x85\x80", b"BZh9", b"ID3\x90", b"\xFF\xFE", b"\x60\xEA", b"<!"] {
        let mut bytes = image();
        bytes[..begin.len()].copy_from_slice(begin);
        assert_eq!(load(&folder.file("game.bin", &bytes)).unwrap().image.bytes(), bytes, "{begin:?}");
    }
    for byte in [0, b' ', b'A', 0xEA, 0xFF] {
        load(&folder.file("game.bin", &[byte; 4096])).unwrap();
    }
}

/// Every cartridge in $ATARI_ROMS, where there are some.
#[test]
fn no_cartridge_of_a_known_game_is_taken_for_another_file() {
    let games = cartridges::all_in(&cartridges::search_folders());
    for (name, image) in games {
        assert!(image.is_ok(), "{name}: {:#}", image.unwrap_err());
    }
}
