//! Cartridges in zip and gzip files.

use crate::fuzzing::{Mutator, Parser};
use atari_dqn::environments::cartridges;
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use zip::write::SimpleFileOptions;
use zip::CompressionMethod;

/// A signature and (place, length) of each field behind it.
type Structure = (&'static [u8], &'static [(usize, usize)]);

/// Signatures in zip files, with the places of the fields behind them, counted from the signature.
const STRUCTURES: [Structure; 6] = [
    // Header of a file: version, flags, method, checksum, sizes, lengths of the name and of the extra field.
    (b"PK\x03\x04", &[(4, 2), (6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)]),
    // Entry of the directory: the same, then the comment's length, disk, attributes, place of the header.
    (
        b"PK\x01\x02",
        &[(6, 2), (8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2), (34, 2), (38, 4), (42, 4)],
    ),
    // End of the directory: disks, entries, size, place, the comment's length.
    (b"PK\x05\x06", &[(4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2)]),
    // The same in 64 bits, and the place of that.
    (b"PK\x06\x06", &[(4, 8), (12, 2), (16, 4), (24, 8), (32, 8), (40, 8), (48, 8)]),
    (b"PK\x06\x07", &[(4, 4), (8, 8), (16, 4)]),
    // Descriptor after a file: checksum and sizes.
    (b"PK\x07\x08", &[(4, 4), (8, 4), (12, 4)]),
];

/// Archives of one kind.
pub struct Archives {
    samples: Vec<Vec<u8>>,
    path: PathBuf,
}

/// Contents: the built-in game, an image of one byte, a text, many zeros.
fn contents() -> Vec<Vec<u8>> {
    let image = atari_emulator::CartridgeImage::bricks().bytes().to_vec();
    vec![image, vec![0xEA; 4_096], b"read me\n".repeat(40), vec![0; 3_000_000], Vec::new()]
}

impl Archives {
    /// Zip archives: packed and stored, one file and several, folders, comments, with sizes of 64 bits.
    pub fn zip(folder: &Path) -> Self {
        let mut samples = Vec::new();
        let contents = contents();
        for method in [CompressionMethod::Deflated, CompressionMethod::Stored] {
            for large in [false, true] {
                for (index, content) in contents.iter().enumerate() {
                    // Most of the time would go to the three million zeros.
                    if content.len() > 1_000_000 && (method == CompressionMethod::Stored || large) {
                        continue;
                    }
                    let options = SimpleFileOptions::default().compression_method(method).large_file(large);
                    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
                    if index % 2 == 1 {
                        archive.add_directory("games/", options).unwrap();
                        archive.start_file("games/notes.txt", options).unwrap();
                        archive.write_all(&contents[2]).unwrap();
                        archive.set_comment("a comment").unwrap();
                    }
                    archive.start_file("games/pong.bin", options).unwrap();
                    archive.write_all(content).unwrap();
                    samples.push(archive.finish().unwrap().into_inner());
                }
            }
        }
        Self { samples, path: folder.join("game.zip") }
    }

    /// Gzip files: packed well and not at all, with every optional field, one and several members.
    pub fn gzip(folder: &Path) -> Self {
        let mut samples = Vec::new();
        for content in contents() {
            for level in [Compression::none(), Compression::fast(), Compression::best()] {
                if content.len() > 1_000_000 && level != Compression::best() {
                    continue;
                }
                let mut plain = GzEncoder::new(Vec::new(), level);
                plain.write_all(&content).unwrap();
                let plain = plain.finish().unwrap();
                let named = GzBuilder::new().filename("pong.bin").comment("a comment").extra(&b"ab\x04\x00abcd"[..]);
                let mut named = named.mtime(1_000_000_000).write(Vec::new(), level);
                named.write_all(&content).unwrap();
                let named = named.finish().unwrap();
                samples.push([&plain[..], &named].concat());
                samples.extend([plain, named]);
            }
        }
        Self { samples, path: folder.join("game.bin.gz") }
    }
}

impl Parser for Archives {
    fn make(&mut self, random: &mut Mutator) -> Vec<u8> {
        let mut file = random.choose(&self.samples).clone();
        let other = random.choose(&self.samples).clone();
        for _ in 0..random.below(3) {
            let (signature, fields) = *random.choose(&STRUCTURES);
            let places: Vec<usize> = (0..file.len()).filter(|&at| file[at..].starts_with(signature)).collect();
            if let Some(&at) = places.get(random.below(places.len())) {
                let (offset, width) = *random.choose(fields);
                let value = random.extreme(file.len());
                random.put(&mut file, at + offset, width, value);
            }
        }
        if random.one_in(2) {
            random.bytes(&mut file, &other);
        }
        file
    }

    fn read(&mut self, file: &[u8]) -> bool {
        fs::write(&self.path, file).unwrap();
        cartridges::load(self.path.to_str().unwrap()).is_ok()
    }
}
