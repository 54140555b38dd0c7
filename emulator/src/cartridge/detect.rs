//! Finds the scheme of an image from its size and content, as ALE does.
//!
//! No image names its scheme. The size narrows the choice. Within a size, typical byte strings (the code that switches
//! banks) or typical blanks (ROM that RAM ports hide is filled with one byte) decide, in a fixed order.

use super::{CartridgeError, Scheme};

/// Images of two banks that must start in bank 0 although nothing in their content shows it.
const F8_STARTING_IN_BANK_0: [&str; 2] = ["bc24440b59092559a1ec26055fd1270e", "75ee371ccfc4f43e7d9b8f24e1266b55"];

/// Whether the image with this MD5 is an F8 cartridge that starts in bank 0.
pub(super) fn starts_in_bank_0(md5: &str) -> bool {
    F8_STARTING_IN_BANK_0.contains(&md5)
}

/// The scheme of `bytes`, whose MD5 is `md5`.
pub(crate) fn scheme_of(bytes: &[u8], md5: &str) -> Result<Scheme, CartridgeError> {
    let size = bytes.len();
    if starts_in_bank_0(md5) && size == 8192 {
        return Ok(Scheme::F8);
    }
    let unsupported = |scheme| CartridgeError::UnsupportedScheme { size, md5: md5.to_owned(), scheme };
    match size {
        _ if size.is_multiple_of(8448) => Err(unsupported("AR (Supercharger tape)")),
        2048 | 4096 if is_cv(bytes) => Ok(Scheme::Cv),
        2048 => Ok(Scheme::TwoK),
        4096 if has_equal_halves(bytes) => Ok(Scheme::TwoK),
        4096 => Ok(Scheme::FourK),
        8192 if has_superchip(bytes) => Ok(Scheme::F8Sc),
        8192 if has_equal_halves(bytes) => Ok(Scheme::FourK),
        8192 if is_e0(bytes) => Ok(Scheme::E0),
        8192 => Ok(tigervision(bytes).unwrap_or_else(|| {
            if is_ua(bytes) {
                Scheme::Ua
            } else if is_fe(bytes) {
                Scheme::Fe
            } else {
                Scheme::F8
            }
        })),
        10240 | 10495 | 10496 => Ok(Scheme::Dpc),
        12288 => Ok(Scheme::Fasc),
        16384 if has_superchip(bytes) => Ok(Scheme::F6Sc),
        16384 if is_e7(bytes) => Ok(Scheme::E7),
        16384 => Ok(tigervision(bytes).unwrap_or(Scheme::F6)),
        32768 if has_superchip(bytes) => Ok(Scheme::F4Sc),
        32768 => Ok(tigervision(bytes).unwrap_or(Scheme::F4)),
        65536 => Ok(tigervision(bytes).unwrap_or(Scheme::Mb)),
        131_072 => Ok(tigervision(bytes).unwrap_or(Scheme::Mc)),
        // ALE would read beyond the end of a smaller one.
        ..2048 => Err(unrecognized(size, md5)),
        _ => tigervision(bytes).ok_or_else(|| unrecognized(size, md5)),
    }
}

fn unrecognized(size: usize, md5: &str) -> CartridgeError {
    CartridgeError::Unrecognized { size, md5: md5.to_owned() }
}

fn has_equal_halves(bytes: &[u8]) -> bool {
    let (first, second) = bytes.split_at(bytes.len() / 2);
    first == second
}

/// Whether every bank begins with 256 equal bytes, as the ports of a Superchip hide them.
fn has_superchip(bytes: &[u8]) -> bool {
    bytes.chunks(4096).all(|bank| all_equal(&bank[..256]))
}

fn all_equal(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == bytes[0])
}

fn is_cv(bytes: &[u8]) -> bool {
    // STA $F3FF,X and STA $F400,Y: stores into the RAM.
    has_any(bytes, &[&[0x9D, 0xFF, 0xF3], &[0x99, 0x00, 0xF4]])
}

fn is_e0(bytes: &[u8]) -> bool {
    // Absolute stores and loads of hot spots, in the mirrors that Parker Brothers' programmers used.
    has_any(
        bytes,
        &[
            &[0x8D, 0xE0, 0x1F],
            &[0x8D, 0xE0, 0x5F],
            &[0x8D, 0xE9, 0xFF],
            &[0xAD, 0xE9, 0xFF],
            &[0xAD, 0xED, 0xFF],
            &[0xAD, 0xF3, 0xBF],
        ],
    )
}

fn tigervision(bytes: &[u8]) -> Option<Scheme> {
    if is_3e(bytes) {
        Some(Scheme::ThreeE)
    } else if is_3f(bytes) {
        Some(Scheme::ThreeF)
    } else {
        None
    }
}

fn is_3e(bytes: &[u8]) -> bool {
    // STA $3E, LDA #0.
    hits(bytes, &[0x85, 0x3E, 0xA9, 0x00]) >= 1
}

fn is_3f(bytes: &[u8]) -> bool {
    // STA $3F; a single one may be an accident.
    hits(bytes, &[0x85, 0x3F]) >= 2
}

fn is_ua(bytes: &[u8]) -> bool {
    // STA $0240.
    hits(bytes, &[0x8D, 0x40, 0x02]) >= 1
}

fn is_fe(bytes: &[u8]) -> bool {
    // Pieces of the four known cartridges, each with a jump between the banks.
    has_any(
        bytes,
        &[
            &[0x20, 0x00, 0xD0, 0xC6, 0xC5],
            &[0x20, 0xC3, 0xF8, 0xA5, 0x82],
            &[0xD0, 0xFB, 0x20, 0x73, 0xFE],
            &[0x20, 0x00, 0xF0, 0x84, 0xD6],
        ],
    )
}

/// Whether the 512 bytes that E7's RAM ports hide are one byte repeated, and are not part of a larger blank.
fn is_e7(bytes: &[u8]) -> bool {
    const PORTS: usize = 0x3800;
    const PORTS_END: usize = PORTS + 512;
    const AROUND: usize = 32;
    let filler = bytes[PORTS];
    let differs = |range: &[u8]| range.iter().any(|byte| *byte != filler);
    all_equal(&bytes[PORTS..PORTS_END])
        && (differs(&bytes[PORTS - AROUND..PORTS]) || differs(&bytes[PORTS_END..PORTS_END + AROUND]))
}

fn has_any(bytes: &[u8], signatures: &[&[u8]]) -> bool {
    signatures.iter().any(|signature| hits(bytes, signature) >= 1)
}

/// How often `signature` is found, counted as ALE counts: the last place where it would fit is never tried, and after a
/// hit the next byte is skipped.
fn hits(bytes: &[u8], signature: &[u8]) -> usize {
    let mut found = 0;
    let mut start = 0;
    while start + signature.len() < bytes.len() {
        if bytes[start..].starts_with(signature) {
            found += 1;
            start += signature.len() + 1;
        } else {
            start += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An image without any sign in it.
    fn plain(size: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..size).map(|i| (i * 7 + i / 256 * 13 + i / 4096 * 5) as u8).collect();
        bytes[17] ^= 0x55;
        bytes
    }

    fn marked(size: usize, marks: &[(usize, &[u8])]) -> Vec<u8> {
        let mut bytes = plain(size);
        for (offset, mark) in marks {
            bytes[*offset..][..mark.len()].copy_from_slice(mark);
        }
        bytes
    }

    fn scheme(bytes: &[u8]) -> String {
        match scheme_of(bytes, "") {
            Ok(scheme) => scheme.to_string(),
            Err(CartridgeError::UnsupportedScheme { scheme, .. }) => scheme.to_owned(),
            Err(CartridgeError::Unrecognized { .. }) => "unrecognized".to_owned(),
            Err(error) => panic!("{error}"),
        }
    }

    const CV: &[u8] = &[0x9D, 0xFF, 0xF3];
    const E0: &[u8] = &[0xAD, 0xF3, 0xBF];
    const THREE_E: &[u8] = &[0x85, 0x3E, 0xA9, 0x00];
    const ONE_3F: &[u8] = &[0x85, 0x3F];
    const THREE_F: &[u8] = &[0x85, 0x3F, 0x00, 0x85, 0x3F];
    const UA: &[u8] = &[0x8D, 0x40, 0x02];
    const FE: &[u8] = &[0x20, 0x00, 0xD0, 0xC6, 0xC5];

    #[test]
    fn size_alone_decides_an_image_without_signs() {
        for (size, want) in [
            (1, "unrecognized"),
            (2047, "unrecognized"),
            (2048, "2K"),
            (2049, "unrecognized"),
            (4096, "4K"),
            (6144, "unrecognized"),
            (8192, "F8"),
            (8448, "AR (Supercharger tape)"),
            (25344, "AR (Supercharger tape)"),
            (10239, "unrecognized"),
            (10240, "DPC"),
            (10495, "DPC"),
            (10496, "DPC"),
            (10497, "unrecognized"),
            (12288, "FASC"),
            (16384, "F6"),
            (32768, "F4"),
            (65536, "MB"),
            (131_072, "MC"),
            (262_144, "unrecognized"),
        ] {
            let bytes: Vec<u8> = (0..size).map(|i| (i ^ i >> 8 ^ i >> 12) as u8).collect();
            assert_eq!(scheme(&bytes), want, "{size}");
        }
    }

    #[test]
    fn signs_decide_in_ales_order() {
        for (bytes, want) in [
            (marked(2048, &[(100, CV)]), "CV"),
            (marked(2048, &[(100, THREE_F)]), "2K"),
            (marked(4096, &[(100, &[0x99, 0x00, 0xF4])]), "CV"),
            (plain(2048).repeat(2), "2K"),
            (marked(2048, &[(100, CV)]).repeat(2), "CV"),
            (vec![0; 4096], "2K"),
            (vec![0; 8192], "F8SC"),
            (plain(4096).repeat(2), "4K"),
            (marked(4096, &[(100, E0)]).repeat(2), "4K"),
            (marked(8192, &[(100, THREE_E), (8100, E0)]), "E0"),
            (marked(8192, &[(100, THREE_F), (8100, THREE_E)]), "3E"),
            (marked(8192, &[(100, UA), (8100, THREE_F)]), "3F"),
            (marked(8192, &[(100, FE), (8100, UA)]), "UA"),
            (marked(8192, &[(100, FE)]), "FE"),
            (marked(8192, &[(100, CV)]), "F8"),
            (marked(12288, &[(100, THREE_F)]), "FASC"),
            (marked(10240, &[(100, THREE_F)]), "DPC"),
            (marked(16384, &[(0x3800, &[1; 512]), (100, THREE_F)]), "E7"),
            (marked(16384, &[(100, THREE_F), (8100, THREE_E)]), "3E"),
            (marked(16384, &[(100, THREE_F)]), "3F"),
            (marked(16384, &[(100, E0)]), "F6"),
            (marked(32768, &[(100, THREE_E)]), "3E"),
            (marked(32768, &[(100, THREE_F)]), "3F"),
            (marked(65536, &[(100, THREE_F)]), "3F"),
            (marked(131_072, &[(100, THREE_E)]), "3E"),
            (marked(524_288, &[(100, THREE_F)]), "3F"),
            (marked(6144, &[(100, THREE_F)]), "3F"),
            (marked(2049, &[(100, THREE_E)]), "3E"),
            (marked(2047, &[(100, THREE_F)]), "unrecognized"),
            (marked(8448, &[(100, THREE_F)]), "AR (Supercharger tape)"),
        ] {
            assert_eq!(scheme(&bytes), want, "{} bytes", bytes.len());
        }
    }

    #[test]
    fn every_signature_is_known() {
        for (want, size, signatures) in [
            ("CV", 4096, vec![CV, &[0x99, 0x00, 0xF4]]),
            ("UA", 8192, vec![UA]),
            (
                "FE",
                8192,
                vec![
                    FE,
                    &[0x20, 0xC3, 0xF8, 0xA5, 0x82],
                    &[0xD0, 0xFB, 0x20, 0x73, 0xFE],
                    &[0x20, 0x00, 0xF0, 0x84, 0xD6],
                ],
            ),
            (
                "E0",
                8192,
                vec![
                    &[0x8D, 0xE0, 0x1F],
                    &[0x8D, 0xE0, 0x5F],
                    &[0x8D, 0xE9, 0xFF],
                    &[0xAD, 0xE9, 0xFF],
                    &[0xAD, 0xED, 0xFF],
                    E0,
                ],
            ),
        ] {
            for signature in signatures {
                assert_eq!(scheme(&marked(size, &[(3000, signature)])), want);
                let almost = &signature[..signature.len() - 1];
                assert_ne!(scheme(&marked(size, &[(3000, almost)])), want);
            }
        }
    }

    #[test]
    fn the_last_place_where_a_signature_would_fit_is_never_tried() {
        assert_eq!(scheme(&marked(8192, &[(8189, E0)])), "F8");
        assert_eq!(scheme(&marked(8192, &[(8188, E0)])), "E0");
        assert_eq!(scheme(&marked(8192, &[(100, ONE_3F), (8190, ONE_3F)])), "F8");
        assert_eq!(scheme(&marked(8192, &[(100, ONE_3F), (8189, ONE_3F)])), "3F");
    }

    #[test]
    fn after_a_hit_one_byte_is_passed_over() {
        assert_eq!(scheme(&marked(8192, &[(100, ONE_3F)])), "F8");
        assert_eq!(scheme(&marked(8192, &[(100, &ONE_3F.repeat(2))])), "F8");
        assert_eq!(scheme(&marked(8192, &[(100, &ONE_3F.repeat(3))])), "3F");
        assert_eq!(scheme(&marked(8192, &[(100, THREE_F)])), "3F");
    }

    #[test]
    fn a_superchip_needs_256_equal_bytes_at_the_start_of_every_bank() {
        for (size, want, without) in [(8192, "F8SC", "F8"), (16384, "F6SC", "F6"), (32768, "F4SC", "F4")] {
            let mut bytes = plain(size);
            for (number, bank) in bytes.chunks_mut(4096).enumerate() {
                bank[..256].fill(number as u8);
            }
            assert_eq!(scheme(&bytes), want);
            let last_bank = size - 4096;
            bytes[last_bank + 255] ^= 1;
            assert_eq!(scheme(&bytes), without);
        }
    }

    #[test]
    fn e7_needs_a_blank_of_512_bytes_that_ends_within_32_bytes_of_the_ports() {
        let blank = |from: usize, to: usize| scheme(&marked(16384, &[(from, &vec![0x11; to - from])]));
        assert_eq!(blank(0x3800, 0x3A00), "E7");
        assert_eq!(blank(0x3800, 0x39FF), "F6");
        assert_eq!(blank(0x3801, 0x3A00), "F6");
        assert_eq!(blank(0x37E0, 0x3A20), "F6");
        assert_eq!(blank(0x37E1, 0x3A20), "E7");
        assert_eq!(blank(0x37E0, 0x3A1F), "E7");
    }

    #[test]
    fn two_images_are_f8_by_their_md5_whatever_they_contain() {
        let bytes = marked(8192, &[(100, E0)]);
        for md5 in F8_STARTING_IN_BANK_0 {
            assert_eq!(scheme_of(&bytes, md5), Ok(Scheme::F8));
            assert!(starts_in_bank_0(md5));
        }
        assert!(!starts_in_bank_0(""));
    }
}
