use super::*;

fn name(bytes: &[u8]) -> Option<&'static str> {
    known(bytes, bytes.len() as u64).map(|foreign| foreign.name)
}

/// A file of `length` bytes that begins with `begin`.
fn padded(begin: &[u8], length: usize) -> Vec<u8> {
    let mut bytes = begin.to_vec();
    bytes.resize(length, 0x11);
    bytes
}

/// A header as every tar program writes it; `magic` is empty in the oldest.
fn tar(magic: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 512];
    header[..8].copy_from_slice(b"pong.bin");
    header[100..108].copy_from_slice(b"0000644\0");
    header[124..136].copy_from_slice(b"00000010000\0");
    header[257..257 + magic.len()].copy_from_slice(magic);
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header.resize(10_240, 0);
    header
}

#[test]
fn every_sign_is_found_in_files_as_large_as_cartridges() {
    for &(at, sign, expected, _) in SIGNS {
        let length = (at + sign.len()).next_multiple_of(2048).next_power_of_two();
        let mut bytes = vec![0x11; length];
        bytes[at..at + sign.len()].copy_from_slice(sign);
        assert_eq!(name(&bytes), Some(expected), "{sign:?}");
        bytes[at] ^= 0x80;
        assert_eq!(name(&bytes), None, "{expected} without its sign");
    }
}

#[test]
fn files_with_short_signs_are_found_by_their_structure_and_cartridges_that_begin_so_are_left_alone() {
    for magic in [b"".as_slice(), b"ustar\0", b"ustar  "] {
        assert_eq!(name(&tar(magic)), Some("a tar archive"));
    }
    let mut damaged = tar(b"");
    damaged[0] = b'q';
    assert_eq!(name(&damaged), None);
    let mut exe = padded(b"MZ", 4096);
    assert_eq!(name(&exe), None);
    exe[0x3C..0x44].copy_from_slice(b"\x40\0\0\0PE\0\0");
    assert_eq!(name(&exe), Some("a program (EXE)"));
    assert_eq!(name(&padded(b"\x1C\x9B-lh5-", 4096)), Some("an lha archive"));
    assert_eq!(name(&padded(b"BZh9\x31\x41\x59\x26\x53\x59", 4096)), Some("a bzip2 file"));
    assert_eq!(name(&padded(b"BZh9", 4096)), None);
    assert_eq!(name(&padded(b"\x5D\0\0\x80\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 4096)), Some("an lzma file"));
    assert_eq!(name(&padded(b"\x5D\0\0\x80\0\xFF", 4096)), None);
    assert_eq!(name(&padded(b"BM\0\x10\0\0\0\0\0\0", 4096)), Some("a BMP picture"));
    assert_eq!(name(&padded(b"BM\0\x11\0\0\0\0\0\0", 4096)), None);
    for (at, sign, expected, _) in WEAK_SIGNS {
        let bytes = [vec![0x11; *at], padded(sign, 4096)].concat();
        assert_eq!(name(&bytes), None, "{expected} may be a cartridge");
        assert_eq!(suspected(&bytes).map(|foreign| foreign.name), Some(*expected));
    }
}

#[test]
fn pages_and_bytes_as_text_are_named_whatever_their_encoding() {
    let utf16 = |text: &str| -> Vec<u8> {
        std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
    };
    let page = "\r\n<!DOCTYPE HTML PUBLIC><html><head><title>404 Not Found</title>";
    let image: Vec<u8> = (0..4096u32).map(|i| (i * 7 + i / 256) as u8).collect();
    let digits = |byte: &u8| format!("{byte:02X}");
    let plain: String = image.iter().map(digits).collect();
    let lines = |width: usize, joint: &str| -> String {
        image.chunks(width).map(|line| line.iter().map(digits).collect::<Vec<_>>().join(joint) + "\r\n").collect()
    };
    let dump: String = image
        .chunks(16)
        .enumerate()
        .map(|(i, line)| format!("{:08x}: {}  ....\n", i * 16, line.iter().map(digits).collect::<Vec<_>>().join(" ")))
        .collect();
    for (bytes, expected) in [
        (page.as_bytes().to_vec(), "a web page (HTML)"),
        ([b"\xEF\xBB\xBF", page.as_bytes()].concat(), "a web page (HTML)"),
        ([b"<html><p>caf\xE9 \0".as_slice(), &[0x80; 100]].concat(), "a web page (HTML)"),
        (utf16(page), "a web page (HTML)"),
        (plain.clone().into_bytes(), "a cartridge as hexadecimal text"),
        (lines(16, " ").into_bytes(), "a cartridge as hexadecimal text"),
        (lines(16, ", 0x").replace("\r\n", ",\r\n0x").into_bytes(), "a cartridge as hexadecimal text"),
        (utf16(&plain), "a cartridge as hexadecimal text"),
        ("EA".repeat(4096).replace("EAEA", "EA EA ").into_bytes(), "a cartridge as hexadecimal text"),
        (dump.clone().into_bytes(), "a hexadecimal dump as text"),
        (dump.replace(": ", "  ").into_bytes(), "a hexadecimal dump as text"),
        (
            ":10010000214601360121470136007EFE09D2190140\n:00000001FF\n".repeat(9).into_bytes(),
            "a cartridge as text (Intel HEX)",
        ),
        (
            "S1130000285F245F2212226A000424290008237C2A\n".repeat(9).into_bytes(),
            "a cartridge as text (Motorola S-records)",
        ),
        (b"{\"a\": [1, 2], \"message\": \"not found\"}".to_vec(), "a JSON file"),
        (b"<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code></Error>".to_vec(), "an XML file"),
        (b"#!/bin/sh\necho hello\n".to_vec(), "a script"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n".to_vec(), "a pointer of Git LFS"),
        (b"Dear reader, this is no cartridge.".to_vec(), "a text"),
    ] {
        assert_eq!(name(&bytes), Some(expected), "{:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(60)]));
    }
}

/// Bytes that look random, from a linear congruential generator.
#[test]
fn random_images_are_no_files_of_other_kinds() {
    let mut state = 1u64;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    for i in 0..20_000 {
        let image: Vec<u8> = (0..2048).map(|_| byte()).collect();
        assert_eq!(name(&image), None, "image {i}");
    }
}

#[test]
fn images_are_no_texts() {
    for byte in 0..=255 {
        assert_eq!(name(&[byte; 4096]), None, "{byte}");
    }
    assert_eq!(name(&b"\xA9\x0A".repeat(1024)), None);
    assert_eq!(name(&b"A ".repeat(1024)), None, "too monotonous for a text");
}

#[test]
fn the_end_of_a_zip_archive_is_found_behind_anything() {
    let directory = [b"PK\x01\x02".as_slice(), &[0; 42]].concat();
    let mut end = b"PK\x05\x06\0\0\0\0\x01\0\x01\0".to_vec();
    end.extend(46u32.to_le_bytes());
    end.extend([0, 0, 0, 0, 5, 0]);
    let bytes = [padded(b"MZ", 700), directory, end, b"hello".to_vec()].concat();
    let length = bytes.len() as u64;
    assert!(ends_as_zip(&bytes, length));
    assert!(ends_as_zip(&bytes[700..], length));
    assert!(!ends_as_zip(&bytes[..bytes.len() - 1], length - 1), "its comment is cut off");
    let mut elsewhere = bytes;
    elsewhere[700] = 0;
    assert!(!ends_as_zip(&elsewhere, length), "no directory where its end says");
    assert!(!ends_as_zip(&[0; 30], 30) && !ends_as_zip(b"", 0));
}

#[test]
fn gzip_is_known_by_more_than_its_first_two_bytes() {
    assert!(is_gzip(b"\x1F\x8B\x08\x08name") && is_gzip(b"\x1F\x8B\x08"));
    assert!(!is_gzip(b"\x1F\x8B\x85\x80") && !is_gzip(b"\x1F\x8B\x08\xE0") && !is_gzip(b""));
}
