//! Imports run downwards only, so the crate's modules form no circle.

#[path = "support/imports.rs"]
mod imports;

use std::fs;
use std::path::Path;

/// The rooms of `src`, lowest floor first. A room imports only rooms of lower floors.
const FLOORS: &[&[&str]] = &[
    &["action", "opcode", "properties", "saved_state", "setting_fault", "translation"],
    &["palette", "random"],
    &["cartridge", "cpu", "tia"],
    &["controller"],
    &["riot"],
    &["board"],
    &["translate"],
    &["image"],
    &["console"],
    &["game", "screen"],
    &["observation"],
    &["environment"],
    &["preprocessed"],
    &["vector"],
];

#[test]
fn imports_run_downwards() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let faults = imports::faults(&src, FLOORS);
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert!(imports::imports(&src).len() > 60, "imports are not found any more");
}

#[test]
fn imports_are_found_wherever_they_stand_but_not_in_tests() {
    let src = Path::new(env!("CARGO_TARGET_TMPDIR")).join("imports/src");
    let write = |name: &str, text: &str| {
        let file = src.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    write("lib.rs", "mod low; mod high;");
    write(
        "low.rs",
        "// crate::high\nstruct Low(&'static str);\nconst TEXT: &str = \"crate::high\";\n#[cfg(test)]\nmod tests;\n",
    );
    write("low/tests.rs", "use crate::high::High;\n");
    write("low/deep.rs", "use super::Low;\nfn f() -> super::super::high::High {}\n#[cfg(test)]\nuse crate::high;\n");
    write(
        "high.rs",
        "use crate::{low::{self, Low}, other};\nuse super::low;\nmacro_rules! m { () => { crate::Low } }\n",
    );
    let all = imports::imports(&src);
    let found: Vec<String> =
        all.iter().map(|import| format!("{}:{} {}", import.from, import.line, import.to)).collect();
    assert_eq!(found, ["high:1 low", "high:1 other", "high:2 low", "high:3 Low", "low:2 high"]);
    let faults = imports::faults(&src, &[&["low"], &["high"], &["gone"]]);
    let place = |name: &str, line: u32| format!("{}:{line}: ", src.join(name).display());
    assert_eq!(
        faults,
        [
            "gone: no such room; take it out of the table of this test".to_owned(),
            format!("{}high imports crate::other, which is no room; name the module that has it", place("high.rs", 1)),
            format!("{}high imports crate::Low, which is no room; name the module that has it", place("high.rs", 3)),
            format!("{}low (floor 0) imports high (floor 1), which is not below it", place("low/deep.rs", 2)),
        ]
    );
}
