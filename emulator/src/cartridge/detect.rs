//! Which scheme an image uses, judged from its size and content as ALE judges it.
//!
//! No image says so itself. Size narrows the choice; within a size, telltale byte strings (the code that switches banks) or
//! telltale blanks (where RAM ports hide the ROM, it is filled with one byte) decide, in a fixed order.

use super::{CartridgeError, Scheme};

/// Images of two banks that must start in bank 0 and carry no sign of it.
const F8_STARTING_IN_BANK_0: [&str; 2] = [
    "bc24440b59092559a1ec26055fd1270e",
    "75ee371ccfc4f43e7d9b8f24e1266b55",
];

/// Whether the image with this MD5 is an F8 cartridge that starts in bank 0.
pub(super) fn starts_in_bank_0(md5: &str) -> bool {
    F8_STARTING_IN_BANK_0.contains(&md5)
}

/// The scheme of `bytes`, whose MD5 is `md5`.
pub(super) fn scheme_of(bytes: &[u8], md5: &str) -> Result<Scheme, CartridgeError> {
    let size = bytes.len();
    if starts_in_bank_0(md5) && size == 8192 {
        return Ok(Scheme::F8);
    }
    let unsupported = |scheme| CartridgeError::UnsupportedScheme {
        size,
        md5: md5.to_owned(),
        scheme,
    };
    match size {
        _ if size % 8448 == 0 => Err(unsupported("AR (Supercharger tape)")),
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
        65536 => tigervision(bytes).ok_or_else(|| unsupported("MB (MegaBoy)")),
        131_072 => tigervision(bytes).ok_or_else(|| unsupported("MC (Megacart)")),
        // ALE would run a smaller one off the end of its bytes.
        2048.. => tigervision(bytes).ok_or_else(|| unrecognised(size, md5)),
        _ => Err(unrecognised(size, md5)),
    }
}

fn unrecognised(size: usize, md5: &str) -> CartridgeError {
    CartridgeError::Unrecognised {
        size,
        md5: md5.to_owned(),
    }
}

fn has_equal_halves(bytes: &[u8]) -> bool {
    let (first, second) = bytes.split_at(bytes.len() / 2);
    first == second
}

/// Every bank begins with 256 equal bytes: nobody could read them behind the ports of a Superchip.
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
    // STA $3F; once may be an accident.
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

/// The 512 bytes that E7's RAM ports hide are one byte repeated, and are not part of a larger blank.
fn is_e7(bytes: &[u8]) -> bool {
    const PORTS: usize = 0x3800;
    const PORTS_END: usize = PORTS + 512;
    const AROUND: usize = 32;
    let filler = bytes[PORTS];
    let differs = |range: &[u8]| range.iter().any(|byte| *byte != filler);
    all_equal(&bytes[PORTS..PORTS_END])
        && (differs(&bytes[PORTS - AROUND..PORTS])
            || differs(&bytes[PORTS_END..PORTS_END + AROUND]))
}

fn has_any(bytes: &[u8], signatures: &[&[u8]]) -> bool {
    signatures.iter().any(|signature| hits(bytes, signature) >= 1)
}

/// How often `signature` is found, counted as ALE counts: the last place where it would fit is never tried, and after a hit
/// the byte that follows it is passed over.
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
