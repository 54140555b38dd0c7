//! Imports run downwards only, so the rooms of `src` form no circle. A room is a top module: `run.rs` and all of `run/`. Code that
//! is compiled only for tests is left out.

#[path = "../emulator/tests/support/imports.rs"]
mod imports;

use std::fs;
use std::path::Path;

/// The rooms of `src`, lowest floor first: a room imports only rooms of lower floors. The configuration stands so low that it
/// can import little more than `files` and `text`: it says what was asked for, and each room makes its own part of that.
const FLOORS: &[&[&str]] = &[
    &["arithmetic", "system", "terminal", "text"],
    &["files", "saving"],
    &["drawing", "observations", "random"],
    &["classics"],
    &["config"],
    &["environments", "networks"],
    &["experience", "policy"],
    &["algorithms", "evaluation"],
    &["run"],
    &["play", "reports", "sweep"],
    &["commands"],
];

fn src() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))
}

#[test]
fn imports_run_downwards() {
    let faults = imports::faults(src(), FLOORS);
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    assert!(imports::imports(src()).len() > 50, "imports are not found any more");
}

#[test]
fn the_program_is_its_commands() {
    let main = fs::read_to_string(src().join("main.rs")).unwrap();
    let named: Vec<&str> = main.split("atari_dqn::").skip(1).collect();
    assert!(!named.is_empty() && named.iter().all(|rest| rest.starts_with("commands::")), "{main}");
}

/// Choices that are values of options derive `ValueEnum` where they belong; everything else of clap is in `commands`.
#[test]
fn only_the_commands_know_clap() {
    let mut faults = Vec::new();
    for (file, code) in imports::code(src()) {
        if file.starts_with(src().join("commands")) || file == src().join("commands.rs") {
            continue;
        }
        for (i, line) in code.lines().map(str::trim).enumerate() {
            if line.contains("clap::") && line != "use clap::ValueEnum;" && !line.contains("clap::ValueEnum)") {
                faults.push(format!("{}:{}: {line}", file.display(), i + 1));
            }
        }
    }
    assert!(faults.is_empty(), "clap outside of commands:\n{}", faults.join("\n"));
}
