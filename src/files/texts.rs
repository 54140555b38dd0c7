//! Text from files as editors of all systems write it.

use crate::system::files;
use anyhow::{bail, Context, Result};
use std::path::Path;

/// Reads a text file of at most `most` bytes: UTF-8, with or without a byte order mark; the line ends of Windows and of old Macs
/// become `\n`.
///
/// # Errors
/// As [`files::read`], and when it is in another encoding; the message says what to do.
pub fn read_text(path: &Path, most: u64) -> Result<String> {
    let bytes = files::read(path, most).with_context(|| format!("cannot read {}", path.display()))?;
    decode(bytes).with_context(|| path.display().to_string())
}

/// Like [`read_text`], but bytes that are no UTF-8 are replaced: in a file that another program is still writing, a line
/// that was cut within a character is only one bad line.
///
/// # Errors
/// As [`files::read`], and when it is in UTF-16.
pub fn read_text_leniently(path: &Path, most: u64) -> Result<String> {
    let bytes = files::read(path, most).with_context(|| format!("cannot read {}", path.display()))?;
    refuse_utf16(&bytes).with_context(|| path.display().to_string())?;
    decode(String::from_utf8_lossy(&bytes).into_owned().into_bytes())
}

/// The text in a file's bytes, as [`read_text`] gives it.
///
/// # Errors
/// When they are in another encoding than UTF-8.
pub fn decode(bytes: Vec<u8>) -> Result<String> {
    refuse_utf16(&bytes)?;
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let (at, bytes) = (error.utf8_error().valid_up_to(), error.as_bytes());
            let line = 1 + bytes[..at].iter().filter(|&&byte| byte == b'\n').count();
            bail!(
                "line {line} is not UTF-8 text (byte {:#04X}); save the file in the encoding UTF-8, \
                 or convert it with: iconv -f WINDOWS-1252 -t UTF-8 FILE",
                bytes[at]
            );
        }
    };
    let text = match text.strip_prefix('\u{FEFF}') {
        Some(rest) => rest.to_string(),
        None => text,
    };
    Ok(if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text })
}

fn refuse_utf16(bytes: &[u8]) -> Result<()> {
    let marked = bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]);
    // Without a mark: ASCII in every other byte, 0 in the bytes between.
    let begin = &bytes[..bytes.len().min(64) & !1];
    let halves = |zero: usize| begin.chunks_exact(2).all(|pair| pair[zero] == 0 && pair[1 - zero] != 0);
    if marked || (begin.len() >= 4 && (halves(0) || halves(1))) {
        bail!(
            "this is text in UTF-16, as Windows writes it; save it as UTF-8 (in PowerShell: Set-Content -Encoding utf8), \
             or convert it with: iconv -f UTF-16 -t UTF-8 FILE"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_line_ends_of_other_systems_make_no_difference() {
        for text in ["a\nb\n", "\u{FEFF}a\nb\n", "\u{FEFF}a\r\nb\r\n", "a\rb\r"] {
            assert_eq!(decode(text.as_bytes().to_vec()).unwrap(), "a\nb\n", "{text:?}");
        }
        assert_eq!(decode(Vec::new()).unwrap(), "");
    }

    #[test]
    fn other_encodings_are_answered_with_what_to_do() {
        let utf16 = |mark: bool, from: fn(u16) -> [u8; 2]| -> Vec<u8> {
            let text = format!("{}seed = 1\r\n", if mark { "\u{FEFF}" } else { "" });
            text.encode_utf16().flat_map(from).collect()
        };
        for bytes in [
            utf16(true, u16::to_le_bytes),
            utf16(true, u16::to_be_bytes),
            utf16(false, u16::to_le_bytes),
            utf16(false, u16::to_be_bytes),
        ] {
            let message = decode(bytes).unwrap_err().to_string();
            assert!(message.contains("UTF-16") && message.contains("iconv -f UTF-16 -t UTF-8"), "{message}");
        }
        let message = decode(b"a\n# caf\xE9\n".to_vec()).unwrap_err().to_string();
        assert!(message.contains("line 2 is not UTF-8 text (byte 0xE9)"), "{message}");
    }
}
