//! Finds which modules of a crate import which: reads the paths `crate::...` and `super::...` in its source.
//!
//! The unit is a *room*: a top-level module, `foo.rs` and all files under `foo/`. The crate's root (`lib.rs`, `main.rs`) and code
//! under `#[cfg(test)]` may import anything and are left out. Included with `#[path]` by a test of each crate.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// One path in one line of source that names another room.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    pub file: PathBuf,
    /// From 1.
    pub line: usize,
    /// The room that the file belongs to.
    pub from: String,
    /// The room that the path names.
    pub to: String,
}

/// All faults of the imports in the folder `src`, one line each. `floors` names all rooms, lowest floor first. A room
/// may import rooms of lower floors only, so a circle cannot exist.
pub fn faults(src: &Path, floors: &[&[&str]]) -> Vec<String> {
    let floor_of = |room: &str| floors.iter().position(|floor| floor.contains(&room));
    let files = source_files(src);
    let mut faults = Vec::new();
    let rooms: BTreeSet<String> = files.iter().map(|file| room(src, file)).collect();
    for room in &rooms {
        if floor_of(room).is_none() {
            faults.push(format!("{room}: a new room; give it a floor in the table of this test"));
        }
    }
    for room in floors.iter().copied().flatten().filter(|&&room| !rooms.contains(room)) {
        faults.push(format!("{room}: no such room; take it out of the table of this test"));
    }
    for Import { file, line, from, to } in imports(src) {
        let place = format!("{}:{line}", file.display());
        match (floor_of(&from), floor_of(&to)) {
            (Some(own), Some(other)) if other >= own => {
                faults
                    .push(format!("{place}: {from} (floor {own}) imports {to} (floor {other}), which is not below it"));
            }
            (Some(_), None) => {
                faults.push(format!(
                    "{place}: {from} imports crate::{to}, which is no room; name the module that has it"
                ));
            }
            _ => {}
        }
    }
    faults
}

/// All imports of other rooms in the folder `src`.
pub fn imports(src: &Path) -> Vec<Import> {
    let mut found = Vec::new();
    for (file, text) in &code(src) {
        let from = room(src, file);
        // How many times `super` leads to the crate's root.
        let depth = file.with_extension("").strip_prefix(src).map_or(0, |path| path.components().count());
        for (line, to) in rooms_named(text, depth) {
            if to != from {
                found.push(Import { file: file.clone(), line, from: from.clone(), to });
            }
        }
    }
    found
}

/// The files in the folder `src` with their code: comments, strings and code for tests are blanks, lines stay lines.
pub fn code(src: &Path) -> Vec<(PathBuf, String)> {
    let mut test_modules = BTreeSet::new();
    let mut sources = Vec::new();
    for file in source_files(src) {
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let (text, modules) = without_tests(&without_comments_and_strings(&text));
        test_modules.extend(modules.into_iter().map(|name| file.with_extension("").join(name)));
        sources.push((file, text));
    }
    sources.retain(|(file, _)| !test_modules.iter().any(|test| file.with_extension("").starts_with(test)));
    sources
}

/// All files of the crate but its roots.
fn source_files(src: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![src.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.retain(|file| !["lib.rs", "main.rs"].iter().any(|root| *file == src.join(root)));
    files.sort();
    files
}

/// The room that a file belongs to.
fn room(src: &Path, file: &Path) -> String {
    let path = file.strip_prefix(src).expect("a file in the folder").with_extension("");
    path.components().next().expect("a file").as_os_str().to_string_lossy().into_owned()
}

/// The text with comments, strings and characters as blanks; lines stay lines.
fn without_comments_and_strings(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut blank = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let length = if rest.starts_with(b"//") {
            rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            find(rest, b"*/").map_or(rest.len(), |end| end + 2)
        } else if rest[0] == b'r' && (rest.starts_with(b"r\"") || rest.starts_with(b"r#\"")) {
            let end: &[u8] = if rest[1] == b'"' { b"\"" } else { b"\"#" };
            3 + find(&rest[3..], end).map_or(rest.len() - 3, |found| found + end.len())
        } else if rest[0] == b'"' {
            let mut end = 1;
            while end < rest.len() && rest[end] != b'"' {
                end += if rest[end] == b'\\' { 2 } else { 1 };
            }
            (end + 1).min(rest.len())
        } else if rest.starts_with(b"'\\") {
            // At least one character between the backslash and the closing quote.
            3 + rest[3..].iter().position(|&byte| byte == b'\'').map_or(0, |end| end + 1)
        } else if rest[0] == b'\'' && rest.get(2) == Some(&b'\'') {
            3
        } else {
            at += 1;
            continue;
        };
        let end = (at + length).min(bytes.len());
        blank[at..end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
        at = end;
    }
    String::from_utf8(blank).expect("whole characters were replaced")
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

/// The text with items under `#[cfg(test)]` as blanks, and the modules among them that have their own files.
fn without_tests(text: &str) -> (String, Vec<String>) {
    let mut bytes = text.as_bytes().to_vec();
    let mut modules = Vec::new();
    let mut at = 0;
    while let Some(found) = find(&bytes[at..], b"#[cfg(") {
        let start = at + found;
        let end = start + find(&bytes[start..], b"]").expect("an attribute ends") + 1;
        let condition = String::from_utf8_lossy(&bytes[start..end]).into_owned();
        let words: Vec<&str> = condition.split(|c: char| !c.is_alphanumeric()).collect();
        at = end;
        if words.contains(&"test") && !words.contains(&"not") && !words.contains(&"any") {
            let item_end = end_of_item(&bytes, end);
            let item = String::from_utf8_lossy(&bytes[end..item_end]).into_owned();
            let mut words = item.split_whitespace().filter(|word| !word.starts_with("pub"));
            if let (Some("mod"), Some(name)) = (words.next(), words.next()) {
                modules.extend(name.strip_suffix(';').map(str::to_owned));
            }
            bytes[start..item_end].iter_mut().filter(|byte| **byte != b'\n').for_each(|byte| *byte = b' ');
            at = item_end;
        }
    }
    (String::from_utf8(bytes).expect("whole characters were replaced"), modules)
}

/// The end of the item, statement or field that begins at `start`.
fn end_of_item(bytes: &[u8], start: usize) -> usize {
    let mut depth = 0usize;
    for (at, &byte) in bytes.iter().enumerate().skip(start) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => {
                // A closing bracket of the surrounding item ends it: a last field without a comma.
                let Some(less) = depth.checked_sub(1) else { return at };
                depth = less;
                if depth == 0 && byte == b'}' {
                    return at + 1;
                }
            }
            b';' | b',' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    bytes.len()
}

/// The rooms that paths from the crate's root begin with, and their lines. `depth` is the depth of the file's module.
fn rooms_named(text: &str, depth: usize) -> Vec<(usize, String)> {
    let tokens = tokens(text);
    let token = |at: usize| tokens.get(at).map_or("", |token| token.1);
    let mut found = Vec::new();
    for start in 0..tokens.len() {
        if start > 0 && token(start - 1) == "::" {
            continue;
        }
        let mut at = start;
        let mut left = match token(start) {
            "crate" => 0,
            "super" => depth,
            _ => continue,
        };
        while token(at) == "super" {
            left = left.saturating_sub(1);
            if token(at + 1) == "::" && token(at + 2) == "super" {
                at += 2;
            } else {
                break;
            }
        }
        if left > 0 || token(at + 1) != "::" {
            continue;
        }
        at += 2;
        if token(at) != "{" {
            found.push((tokens[at].0, token(at).to_owned()));
            continue;
        }
        let mut open = 0;
        loop {
            match token(at) {
                "{" => open += 1,
                "}" => open -= 1,
                "" => break,
                name if open == 1 && matches!(token(at - 1), "{" | ",") => {
                    found.push((tokens[at].0, name.to_owned()));
                }
                _ => {}
            }
            if open == 0 {
                break;
            }
            at += 1;
        }
    }
    found
}

/// Words, `::` and other characters, with their lines.
fn tokens(text: &str) -> Vec<(usize, &str)> {
    let mut tokens = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let length = if is_word(first) {
                rest.find(|c: char| !is_word(c)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            tokens.push((index + 1, &rest[..length]));
            rest = rest[length..].trim_start();
        }
    }
    tokens
}
