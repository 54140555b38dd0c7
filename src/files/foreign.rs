//! What a file is by its content, when it is not what was asked for: an archive, a web page, a program, a picture.
//!
//! Signs that no cartridge has by accident (four bytes or more, or a structure that fits together) name a file for
//! certain; weaker ones only [suggest](suspected) what a file could be that was refused anyway.

mod words;

/// A file of another kind than the one asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// Its name, with an article: `a tar archive`.
    pub name: &'static str,
    /// The class it belongs to.
    pub class: Class,
}

/// Classes of files, which differ in what to do with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Other files are in it, or it is packed.
    Packed,
    /// A web page, which browsers save in place of a download.
    Page,
    /// Bytes written as text.
    Hexadecimal,
    /// A pointer of Git LFS in place of the file.
    Pointer,
    /// The cartridge of another console or computer.
    OtherConsole,
    /// A network, a checkpoint or another file of a run.
    OfARun,
    /// Anything else.
    Other,
}

impl Foreign {
    const fn new(name: &'static str, class: Class) -> Self {
        Self { name, class }
    }

    /// What to do about it where a cartridge is wanted.
    pub fn remedy(&self) -> &'static str {
        match self.class {
            Class::Packed => "unpack it and give the image in it, a file of type .bin, .a26 or .rom",
            Class::Page => "the download was a page with a link or a message; download the file itself",
            Class::Hexadecimal => "turn it into bytes first, e.g. with `xxd -r -p FILE > FILE.bin`",
            Class::Pointer => "fetch the file itself with `git lfs pull`",
            Class::OtherConsole => "this program plays cartridges of the Atari 2600 only",
            Class::OfARun => {
                "a network or a run folder is given to eval and play as it is, and --rom names its cartridge"
            }
            Class::Other => "give a cartridge image, a file of type .bin, .a26 or .rom",
        }
    }
}

use Class::{OfARun, Other, OtherConsole, Packed};

/// (offset, bytes there, name, class) of signs that are long enough to be certain.
const SIGNS: &[(usize, &[u8], &str, Class)] = &[
    (0, b"PK\x03\x04", "a zip archive", Packed),
    (0, b"PK\x05\x06", "a zip archive with nothing in it", Packed),
    (0, b"PK\x07\x08", "a part of a zip archive in several parts", Packed),
    (0, b"7z\xBC\xAF\x27\x1C", "a 7z archive", Packed),
    (0, b"Rar!\x1A\x07", "a rar archive", Packed),
    (0, b"\xFD7zXZ\0", "an xz file", Packed),
    (0, b"\x28\xB5\x2F\xFD", "a zstd file", Packed),
    (0, b"\x04\x22\x4D\x18", "an lz4 file", Packed),
    (0, b"\x02\x21\x4C\x18", "an lz4 file", Packed),
    (0, b"\x89LZO\0\r\n\x1A\n", "an lzop file", Packed),
    (0, b"LZIP\x01", "an lzip file", Packed),
    (0, b"MSCF\0\0\0\0", "a cab archive", Packed),
    (0, b"xar!", "a xar archive", Packed),
    (0, b"StuffIt ", "a StuffIt archive", Packed),
    (0, b"!<arch>\n", "an ar archive or a Debian package", Packed),
    (0, b"\xED\xAB\xEE\xDB", "an rpm package", Packed),
    (0, b"070701", "a cpio archive", Packed),
    (0, b"070702", "a cpio archive", Packed),
    (0, b"070707", "a cpio archive", Packed),
    (7, b"**ACE**", "an ace archive", Packed),
    (0x8001, b"CD001", "a disc image (ISO 9660)", Packed),
    (0x8001, b"BEA01", "a disc image (UDF)", Packed),
    (0x9311, b"CD001", "a disc image (ISO 9660)", Packed),
    (0, b"\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0", "an image of a CD", Packed),
    (0, b"\x89PNG\r\n\x1A\n", "a PNG picture", Other),
    (0, b"GIF87a", "a GIF picture", Other),
    (0, b"GIF89a", "a GIF picture", Other),
    (6, b"JFIF\0", "a JPEG picture", Other),
    (6, b"Exif\0", "a JPEG picture", Other),
    (0, b"II*\0\x08\0\0\0", "a TIFF picture", Other),
    (0, b"%PDF-", "a PDF document", Other),
    (0, b"%!PS-", "a PostScript document", Other),
    (0, b"{\\rtf1", "an RTF document", Other),
    (0, b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "an Office document", Other),
    (0, b"\x7FELF\x01", "a program (ELF)", Other),
    (0, b"\x7FELF\x02", "a program (ELF)", Other),
    (0, b"\xCF\xFA\xED\xFE\x07\0\0\x01", "a program (Mach-O)", Other),
    (0, b"\xCF\xFA\xED\xFE\x0C\0\0\x01", "a program (Mach-O)", Other),
    (0, b"\xCA\xFE\xBA\xBE\0\0\0", "a program (Java or Mach-O)", Other),
    (0, b"\0asm\x01\0\0\0", "a program (WebAssembly)", Other),
    (0, b"SQLite format 3\0", "an SQLite database", Other),
    (0, b"\x89HDF\r\n\x1A\n", "an HDF5 file", Other),
    (0, b"\x93NUMPY", "a NumPy array", Other),
    (4, b"ftypisom", "an MP4 film", Other),
    (4, b"ftypmp4", "an MP4 film", Other),
    (4, b"ftypM4", "an MP4 film", Other),
    (4, b"ftypqt", "a QuickTime film", Other),
    (0, b"\x1A\x45\xDF\xA3", "a Matroska or WebM film", Other),
    (0, b"OggS\0", "an Ogg file", Other),
    (0, b"fLaC\0", "a FLAC file", Other),
    (0, b"MThd\0\0\0\x06", "a MIDI file", Other),
    (8, b"WEBPVP8", "a WebP picture", Other),
    (8, b"WAVEfmt ", "a WAV file", Other),
    (8, b"AVI LIST", "an AVI film", Other),
    (0, b"NES\x1A", "a cartridge of the Nintendo Entertainment System", OtherConsole),
    (1, b"ATARI7800", "a cartridge of the Atari 7800", OtherConsole),
    (0, b"LYNX\0", "a cartridge of the Atari Lynx", OtherConsole),
    (0x104, b"\xCE\xED\x66\x66\xCC\x0D\0\x0B\x03\x73\0\x83", "a cartridge of the Game Boy", OtherConsole),
    (0x100, b"SEGA ", "a cartridge of the Sega Mega Drive", OtherConsole),
    (0, b"BPS1", "a patch for a cartridge (BPS), not a cartridge", Other),
    (0, b"UPS1", "a patch for a cartridge (UPS), not a cartridge", Other),
    (0, b"PATCH\0", "a patch for a cartridge (IPS), not a cartridge", Other),
    (0, b"ATARICKP", "a checkpoint of a run", OfARun),
    (8, b"{\"__metadata__\"", "a network in a safetensors file", OfARun),
];

/// (offset, bytes there, name, class) of signs that a cartridge could have by accident.
const WEAK_SIGNS: &[(usize, &[u8], &str, Class)] = &[
    (0, b"\x1F\x8B", "a gzip file", Packed),
    (0, b"BZh", "a bzip2 file", Packed),
    (0, b"\x1F\x9D", "a file packed by compress", Packed),
    (0, b"\x1F\xA0", "a file packed by compress", Packed),
    (0, b"\x60\xEA", "an arj archive", Packed),
    (0, b"ZOO ", "a zoo archive", Packed),
    (0, b"\x5D\0\0", "an lzma file", Packed),
    (510, b"\x55\xAA", "an image of a disk", Packed),
    (0, b"MZ", "a program (EXE)", Other),
    (0, b"BM", "a BMP picture", Other),
    (0, b"\xFF\xD8\xFF", "a JPEG picture", Other),
    (0, b"ID3", "an MP3 file", Other),
    (0, b"II*\0", "a TIFF picture", Other),
    (0, b"MM\0*", "a TIFF picture", Other),
    (0, b"RIFF", "a picture, film or sound file (RIFF)", Other),
    (0, b"\x80\x02", "a Python pickle", Other),
    (0, b"\x80\x04", "a Python pickle", Other),
    (0, b"\x80\x37\x12\x40", "a cartridge of the Nintendo 64", OtherConsole),
];

/// What a file is for certain whose first bytes are `head` and whose length is `length`; `None` if it may be a cartridge.
pub fn known(head: &[u8], length: u64) -> Option<Foreign> {
    signed(head, SIGNS).or_else(|| structured(head, length)).or_else(|| words::known(head))
}

/// What a file could be that begins with `head` and was refused.
pub fn suspected(head: &[u8]) -> Option<Foreign> {
    signed(head, WEAK_SIGNS).or_else(|| words::suspected(head))
}

/// Whether a file that begins with `head` is packed by gzip. Its third byte and its flags have few allowed values, and
/// a cartridge could begin with the first two bytes.
pub fn is_gzip(head: &[u8]) -> bool {
    match head {
        [0x1F, 0x8B, 8, flags, ..] => flags & 0xE0 == 0,
        [0x1F] | [0x1F, 0x8B] | [0x1F, 0x8B, 8] => true,
        _ => false,
    }
}

fn signed(head: &[u8], signs: &[(usize, &[u8], &'static str, Class)]) -> Option<Foreign> {
    let sign = signs.iter().find(|(at, bytes, ..)| head.get(*at..).is_some_and(|rest| rest.starts_with(bytes)))?;
    Some(Foreign::new(sign.2, sign.3))
}

/// Files whose signs are short, but whose first fields fit together.
fn structured(head: &[u8], length: u64) -> Option<Foreign> {
    let number = |at: usize| Some(u32::from_le_bytes(*head.get(at..)?.first_chunk()?));
    if is_tar(head) {
        return Some(Foreign::new("a tar archive", Packed));
    }
    // "-lh5-": the method of the first file, behind the lengths of its header.
    if matches!(head.get(2..7), Some([b'-', b'l', b'h' | b'z', b'0'..=b'9' | b'd' | b's', b'-'])) {
        return Some(Foreign::new("an lha archive", Packed));
    }
    // After the block size comes the magic of the first block, or of the end: digits of pi, or of its square root.
    let block = head.get(4..10);
    if head.starts_with(b"BZh")
        && (block == Some(b"\x31\x41\x59\x26\x53\x59") || block == Some(b"\x17\x72\x45\x38\x50\x90"))
    {
        return Some(Foreign::new("a bzip2 file", Packed));
    }
    // lzma: properties, a dictionary whose size is a power of two, an unknown or a plausible length.
    if head.first() == Some(&0x5D) && number(1).is_some_and(|size| size >= 4096 && size.is_power_of_two()) {
        let unpacked = head.get(5..13).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
        if unpacked.is_some_and(|size| size == u64::MAX || (size >= length.saturating_sub(64) && size < 1 << 40)) {
            return Some(Foreign::new("an lzma file", Packed));
        }
    }
    if head.starts_with(b"MZ") {
        let second = number(0x3C).and_then(|at| head.get(at as usize..));
        let windows = second
            .is_some_and(|at| [b"PE\0\0".as_slice(), b"NE", b"LE", b"LX"].iter().any(|magic| at.starts_with(magic)));
        if windows {
            return Some(Foreign::new("a program (EXE)", Other));
        }
    }
    if head.starts_with(b"BM") && number(2) == u32::try_from(length).ok() && number(6) == Some(0) {
        return Some(Foreign::new("a BMP picture", Other));
    }
    // ID3's lengths have seven bits a byte.
    if let [b'I', b'D', b'3', 2..=4, _, _, a, b, c, d, ..] = head {
        if (a | b | c | d) & 0x80 == 0 {
            return Some(Foreign::new("an MP3 file", Other));
        }
    }
    None
}

/// Whether the first 512 bytes are a file's header in a tar archive, of whatever age: its checksum is right.
fn is_tar(head: &[u8]) -> bool {
    let Some(header) = head.get(..512) else { return false };
    let digits: Vec<u8> = header[148..156].iter().copied().filter(|byte| !matches!(byte, b' ' | 0)).collect();
    let Ok(text) = std::str::from_utf8(&digits) else { return false };
    let Ok(stated) = u32::from_str_radix(text, 8) else { return false };
    let sum = |range: std::ops::Range<usize>| header[range].iter().map(|&byte| u32::from(byte)).sum::<u32>();
    // The field itself counts as eight blanks.
    header[0] != 0 && stated == sum(0..148) + 8 * u32::from(b' ') + sum(156..512)
}

/// Whether `tail`, the end of a file of `length` bytes, is the end of a zip archive: a directory that lies where its end
/// says. With anything in front it is a program or a script that unpacks itself.
pub fn ends_as_zip(tail: &[u8], length: u64) -> bool {
    const END: usize = 22;
    (0..=tail.len().saturating_sub(END)).rev().any(|at| {
        let Some([b'P', b'K', 5, 6, rest @ ..]) = tail.get(at..) else { return false };
        let short = |at: usize| rest.get(at..)?.first_chunk().map(|bytes| u64::from(u16::from_le_bytes(*bytes)));
        let number = |at: usize| rest.get(at..)?.first_chunk().map(|bytes| u64::from(u32::from_le_bytes(*bytes)));
        let (Some(comment), Some(directory)) = (short(16), number(8)) else { return false };
        let fits = at as u64 + END as u64 + comment == tail.len() as u64 && directory + END as u64 <= length;
        // The directory is just before its end, as far as this tail goes.
        let begin = (at as u64).checked_sub(directory).and_then(|begin| tail.get(begin as usize..));
        fits && begin.is_none_or(|begin| begin.starts_with(b"PK\x01\x02"))
    })
}

#[cfg(test)]
mod tests;
