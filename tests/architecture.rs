//! The rooms of `src` and the direction of their imports. A room is a top module: `run.rs` and all of `run/`. Code that is only
//! compiled for tests is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms from the top floor down. A room may import rooms of lower floors, and of its own floor as long as there is no circle.
const FLOORS: [&[&str]; 8] = [
    &["main"],
    &["commands"],
    &["sweep", "reports", "play"],
    &["run"],
    &["evaluation", "algorithms"],
    &["policy", "environments"],
    &["networks", "experience", "config"],
    &["observations", "saving", "random", "text", "drawing"],
];
/// Rooms that may import less than their floor allows, and what that is.
const STRICTER: [(&str, &[&str]); 2] = [("main", &["commands"]), ("config", &["text"])];

/// One import: `from` names `to` in a line of a file.
#[derive(Debug)]
struct Import {
    from: String,
    to: String,
    place: String,
}

/// The files of `src`, without those that are compiled only for tests.
fn files() -> Vec<PathBuf> {
    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("src can be read") {
            let path = entry.expect("src can be read").path();
            if path.is_dir() {
                collect(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    collect(Path::new("src"), &mut files);
    files.sort();
    let for_tests: BTreeSet<PathBuf> = files.iter().flat_map(|file| modules_for_tests(file)).collect();
    files.retain(|file| !for_tests.contains(file));
    files
}

/// The files of the modules that `file` declares for tests only (`#[cfg(test)] mod NAME;`).
fn modules_for_tests(file: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(file).expect("src can be read");
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let below = if module_path(file).is_empty() { PathBuf::from("src") } else { file.with_extension("") };
    let modules = lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]").filter_map(|pair| {
        let declaration = pair[1].trim_start_matches("pub(crate) ").strip_prefix("mod ")?;
        Some(below.join(declaration.strip_suffix(';')?).with_extension("rs"))
    });
    modules.collect()
}

/// `["run", "record"]` for `src/run/record.rs`; empty for the crate's root.
fn module_path(file: &Path) -> Vec<String> {
    let inside = file.strip_prefix("src").expect("a file of src").with_extension("");
    let names: Vec<String> = inside.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    if names == ["lib"] {
        Vec::new()
    } else {
        names
    }
}

/// The file's lines with comments, texts and items for tests blanked out.
fn code(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut skipped_until: Option<String> = None;
    let mut for_tests = false;
    for line in text.lines() {
        let mut kept = String::new();
        if let Some(end) = &skipped_until {
            if line == end {
                skipped_until = None;
            }
        } else if line.trim() == "#[cfg(test)]" {
            for_tests = true;
        } else if for_tests {
            // rustfmt puts the end of an item below its beginning.
            if line.trim_end().ends_with('{') {
                let indentation = &line[..line.len() - line.trim_start().len()];
                skipped_until = Some(format!("{indentation}}}"));
            }
            for_tests = line.trim_start().starts_with('#');
        } else {
            kept = without_texts(line);
        }
        lines.push(kept);
    }
    lines
}

/// The line up to a comment, without the contents of texts that begin and end in it.
fn without_texts(line: &str) -> String {
    let mut kept = String::new();
    for (i, part) in line.replace("\\\"", "").split('"').enumerate() {
        if i % 2 == 0 {
            if let Some((before, _)) = part.split_once("//") {
                kept += before;
                break;
            }
            kept += part;
        }
    }
    kept
}

/// The rooms named in a line of code by paths from the crate's root, and what follows them.
fn rooms_named(line: &str, depth: usize, is_main: bool) -> Vec<String> {
    let root = if is_main { "atari_dqn::" } else { "crate::" };
    // More `super` than modules above the file lead to the root too.
    let climb = "super::".repeat(depth.max(1));
    let climbs = (depth > 0).then_some(climb.as_str());
    let mut rooms = Vec::new();
    for root in std::iter::once(root).chain(climbs) {
        for (at, _) in line.match_indices(root) {
            let before = line[..at].chars().next_back();
            if before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_' || letter == '$' || letter == ':')
            {
                continue;
            }
            let rest = &line[at + root.len()..];
            match rest.strip_prefix('{') {
                Some(group) => rooms.extend(first_names(group)),
                None => rooms.extend(first_names(rest).into_iter().next()),
            }
        }
    }
    rooms.retain(|name| name != "super");
    rooms
}

/// The first name of each path in a list of paths, up to the brace that closes it.
fn first_names(list: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0;
    let mut name = Some(String::new());
    for letter in list.chars() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                names.extend(name.take());
                name = Some(String::new());
            }
            letter if letter.is_alphanumeric() || letter == '_' => {
                if let Some(name) = &mut name {
                    name.push(letter);
                }
            }
            ' ' if name.as_ref().is_some_and(String::is_empty) => {}
            _ => names.extend(name.take()),
        }
    }
    names.extend(name);
    names.retain(|name| name.chars().next().is_some_and(char::is_lowercase));
    names
}

/// All imports from one room to another. Items of the crate's root that are no rooms, such as macros, are not there.
fn imports() -> Vec<Import> {
    let mut imports = Vec::new();
    for file in files() {
        let path = module_path(&file);
        let Some(from) = path.first() else { continue };
        let text = fs::read_to_string(&file).expect("src can be read");
        let lines = code(&text);
        let mut i = 0;
        while i < lines.len() {
            // A `use` over several lines is read as one.
            let mut line = lines[i].clone();
            let first = i;
            let trimmed = line.trim_start();
            if trimmed.starts_with("use ") || trimmed.starts_with("pub use ") || trimmed.starts_with("pub(crate) use ")
            {
                while !line.contains(';') && i + 1 < lines.len() {
                    i += 1;
                    line = format!("{line} {}", lines[i].trim());
                }
            }
            for to in rooms_named(&line, path.len(), from == "main") {
                if to != *from {
                    imports.push(Import { from: from.clone(), to, place: format!("{}:{}", file.display(), first + 1) });
                }
            }
            i += 1;
        }
    }
    imports
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

/// What is wrong with an import, if anything.
fn fault(import: &Import) -> Option<String> {
    let Import { from, to, place } = import;
    let Some((above, below)) = floor(from).zip(floor(to)) else {
        let strange = if floor(from).is_none() { from } else { to };
        return Some(format!("{place}: {from} imports {to}, but {strange} is on none of the FLOORS"));
    };
    if below < above {
        return Some(format!("{place}: {from} imports {to}, which is above it"));
    }
    let (_, allowed) = STRICTER.iter().find(|(room, _)| room == from)?;
    (!allowed.contains(&to.as_str())).then(|| format!("{place}: {from} imports {to}; it may import only {allowed:?}"))
}

/// The rooms from which one gets back to themselves, with the imports that lead from one of them to another.
fn circles(imports: &[Import]) -> Vec<String> {
    let mut reached: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for import in imports {
        reached.entry(&import.from).or_default().insert(&import.to);
    }
    // As many rounds as there are rooms are enough for the longest way.
    for _ in 0..reached.len() {
        let before = reached.clone();
        for rooms in reached.values_mut() {
            let further: Vec<&str> = rooms.iter().filter_map(|room| before.get(room)).flatten().copied().collect();
            rooms.extend(further);
        }
    }
    let leads = |from: &str, to: &str| reached.get(from).is_some_and(|rooms| rooms.contains(to));
    let in_circle = imports.iter().filter(|import| leads(&import.to, &import.from));
    in_circle.map(|import| format!("{}: {} imports {} in a circle", import.place, import.from, import.to)).collect()
}

#[test]
fn rooms_import_downwards_and_there_is_no_circle() {
    let imports = imports();
    assert!(imports.len() > 50, "only {} imports found; does this test still read the code?", imports.len());
    // Circles are looked for among the other imports, because an import upwards closes many.
    let (downwards, others): (Vec<Import>, Vec<Import>) = imports.into_iter().partition(|i| fault(i).is_none());
    let faults: Vec<String> = others.iter().filter_map(fault).chain(circles(&downwards)).collect();
    assert!(faults.is_empty(), "{} imports against the direction:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn every_room_is_on_a_floor() {
    let rooms: BTreeSet<String> = files().iter().filter_map(|file| module_path(file).into_iter().next()).collect();
    let strange: Vec<&String> = rooms.iter().filter(|room| floor(room).is_none()).collect();
    assert!(strange.is_empty(), "not on a floor: {strange:?}; add them to FLOORS where they belong");
}

/// Choices that are values of options derive `ValueEnum` where they belong; everything else of clap is in `commands`.
#[test]
fn only_the_commands_know_clap() {
    let mut faults = Vec::new();
    for file in files().iter().filter(|file| module_path(file).first().is_none_or(|room| room != "commands")) {
        for (i, line) in code(&fs::read_to_string(file).expect("src can be read")).iter().enumerate() {
            if line.contains("clap::") && line.trim() != "use clap::ValueEnum;" && !line.contains("clap::ValueEnum)") {
                faults.push(format!("{}:{}: {}", file.display(), i + 1, line.trim()));
            }
        }
    }
    assert!(faults.is_empty(), "clap outside of commands:\n{}", faults.join("\n"));
}

#[test]
fn the_reader_of_imports_sees_groups_and_paths_and_skips_comments_texts_and_tests() {
    let named = |line: &str| rooms_named(&without_texts(line), 2, false);
    assert_eq!(named("use crate::run::{self, Start};"), ["run"]);
    assert_eq!(named("use crate::{evaluation, run::{log, record}, text};"), ["evaluation", "run", "text"]);
    assert_eq!(named("    let x = crate::policy::model::find(y)?; // crate::play::run"), ["policy"]);
    assert_eq!(named(r#"say!("crate::play::run {}", super::x());"#), Vec::<String>::new());
    assert_eq!(named("use super::super::random::Generator;"), ["random"]);
    let text = "#[cfg(test)]\nuse crate::a;\nlet b = 1;\n#[cfg(test)]\nmod tests {\n    use crate::c;\n}\nlet d = 2;\n";
    let kept: Vec<String> = code(text).into_iter().filter(|line| !line.is_empty()).collect();
    assert_eq!(kept, ["let b = 1;", "let d = 2;"]);
}
