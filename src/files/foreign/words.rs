//! Files of text: web pages, bytes written as text, and others.

use super::{Class, Foreign};
use std::collections::BTreeSet;

/// A text has at least this many different characters; a cartridge filled with a few bytes has not.
const FEWEST_CHARACTERS: usize = 8;
/// Lines that are looked at.
const LINES: usize = 64;

/// What the text is that begins with `head`; `None` if it is no text, or so monotonous that it may be a cartridge.
pub(super) fn known(head: &[u8]) -> Option<Foreign> {
    if is_page(head) {
        return Some(Foreign::new("a web page (HTML)", Class::Page));
    }
    let text = text(head)?;
    let different = text.chars().collect::<BTreeSet<char>>().len();
    if different > 2 {
        if let Some(name) = bytes_as_text(&text) {
            return Some(Foreign::new(name, Class::Hexadecimal));
        }
    }
    let begin = text.trim_start();
    let named = [
        ("version https://git-lfs.github.com/", "a pointer of Git LFS", Class::Pointer),
        ("#!", "a script", Class::Other),
        ("begin 6", "a uuencoded file", Class::Packed),
    ];
    if let Some((_, name, class)) = named.iter().find(|(sign, ..)| begin.starts_with(sign)) {
        return Some(Foreign::new(name, *class));
    }
    if different >= 32 && is_base64(&text) {
        return Some(Foreign::new("a file as base64 text", Class::Packed));
    }
    let is_text = different >= FEWEST_CHARACTERS && text.contains(char::is_whitespace);
    let is_xml = begin.starts_with("<?xml") || begin.starts_with("<svg");
    let is_json = begin.starts_with(['{', '[']) && begin.contains('"');
    let name = if is_xml {
        "an XML file"
    } else if is_json {
        "a JSON file"
    } else {
        "a text"
    };
    is_text.then(|| Foreign::new(name, Class::Other))
}

/// A text of few different characters.
pub(super) fn suspected(head: &[u8]) -> Option<Foreign> {
    text(head).map(|_| Foreign::new("a text", Class::Other))
}

/// A web page, whatever its encoding.
fn is_page(head: &[u8]) -> bool {
    // In UTF-16 every other byte is 0.
    let begin = head.iter().take(2048).filter(|&&byte| byte != 0);
    let begin: String = begin.map(|&byte| char::from(byte).to_ascii_lowercase()).collect();
    let begin = begin.trim_start_matches(['\u{EF}', '\u{BB}', '\u{BF}', '\u{FE}', '\u{FF}']).trim_start();
    let starts = ["<!doctype html", "<html", "<head>", "<body"].iter().any(|sign| begin.starts_with(sign));
    starts || ((begin.starts_with("<!--") || begin.starts_with("<?xml")) && begin.contains("<html"))
}

/// The text, if it is one: printable characters in UTF-8 or, with a byte order mark, UTF-16.
fn text(head: &[u8]) -> Option<String> {
    let utf16 = |from: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = head[2..].chunks_exact(2).map(|pair| from([pair[0], pair[1]])).collect();
        String::from_utf16(&units).ok()
    };
    let text = match head {
        [0xFF, 0xFE, ..] => utf16(u16::from_le_bytes)?,
        [0xFE, 0xFF, ..] => utf16(u16::from_be_bytes)?,
        _ => {
            let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
            match std::str::from_utf8(head) {
                Ok(text) => text.to_string(),
                // The last character was cut in two.
                Err(error) if error.error_len().is_none() => {
                    String::from_utf8_lossy(&head[..error.valid_up_to()]).into_owned()
                }
                Err(_) => return None,
            }
        }
    };
    let printable = |letter: char| !letter.is_control() || matches!(letter, '\t' | '\n' | '\r' | '\u{C}' | '\u{1A}');
    (!text.is_empty() && text.chars().all(printable)).then_some(text)
}

fn is_hexadecimal(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The words of a line without the punctuation of lists.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let separate = |letter: char| letter.is_whitespace() || matches!(letter, ',' | ';' | '{' | '}' | '[' | ']' | '"');
    line.split(separate).filter(|word| !word.is_empty())
}

/// The first lines that are not empty; the last of them may have been cut off and is left out.
fn first_lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> =
        text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).take(LINES).collect();
    if lines.len() > 1 {
        lines.pop();
    }
    lines
}

/// Bytes as digits: plain hexadecimal, a dump with addresses, Intel HEX or Motorola S-records.
fn bytes_as_text(text: &str) -> Option<&'static str> {
    let lines = first_lines(text);
    let all = |is: &dyn Fn(&str) -> bool| !lines.is_empty() && lines.iter().all(|line| is(line));
    let record = |line: &str, sign: char| line.len() > 8 && line.strip_prefix(sign).is_some_and(is_hexadecimal);
    if all(&|line| record(line, ':')) {
        return Some("a cartridge as text (Intel HEX)");
    }
    if all(&|line| record(line, 'S')) {
        return Some("a cartridge as text (Motorola S-records)");
    }
    let number = |word: &str| {
        let prefixes = ["0x", "0X", "\\x", "$"];
        is_hexadecimal(prefixes.iter().find_map(|prefix| word.strip_prefix(prefix)).unwrap_or(word))
    };
    let long = text.bytes().filter(u8::is_ascii_hexdigit).count() >= 16;
    if long && all(&|line| words(line).all(number)) {
        return Some("a cartridge as hexadecimal text");
    }
    // "00000000: 4c00 f0ea  L..." and "00000000  4c 00 f0 ea  |L...|"; hexdump shows equal lines as a star.
    let dump = |line: &str| {
        let mut words = words(line);
        let address = words.next().unwrap_or_default().trim_end_matches(':');
        let bytes = words.next().unwrap_or_default();
        line == "*" || (address.len() >= 4 && is_hexadecimal(address) && bytes.len() <= 8 && is_hexadecimal(bytes))
    };
    (lines.len() > 1 && all(&dump)).then_some("a hexadecimal dump as text")
}

fn is_base64(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    first_lines(text).iter().all(|line| line.len() >= 32 && line.bytes().all(letter))
}
