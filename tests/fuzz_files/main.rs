//! Mutated files of every kind that the program reads: each is read or refused, without a panic, an abort, more than 10 seconds or
//! more than 1 GiB.
//!
//! `cargo test --profile ci --test fuzz_files -- --files 100000 --seed 2 zip gzip`; arguments in
//! `emulator/tests/support/fuzzing.rs`. Saved states and cartridges: `emulator/tests/fuzz_files.rs`.
#![allow(clippy::unwrap_used)] // a test program without libtest

mod archives;
mod checkpoints;
#[path = "../../emulator/tests/support/fuzzing.rs"]
mod fuzzing;
mod networks;
mod sweeps;
mod texts;

use fuzzing::Entry;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

fn main() -> ExitCode {
    let entries = [
        Entry { name: "zip", files: 3_000, open: |folder| Box::new(archives::Archives::zip(folder)) },
        Entry { name: "gzip", files: 3_000, open: |folder| Box::new(archives::Archives::gzip(folder)) },
        Entry { name: "networks", files: 500, open: |_| Box::new(networks::Networks::new()) },
        Entry { name: "checkpoints", files: 200, open: |folder| Box::new(checkpoints::Checkpoints::new(folder)) },
        Entry { name: "segments", files: 200, open: |folder| Box::new(checkpoints::Segments::new(folder)) },
        Entry { name: "configs", files: 2_000, open: |folder| Box::new(texts::Configs::new(folder)) },
        Entry { name: "rows", files: 1_000, open: |folder| Box::new(texts::Rows::new(folder)) },
        Entry { name: "actions", files: 1_000, open: |folder| Box::new(texts::Actions::new(folder)) },
        Entry { name: "sweeps", files: 500, open: |folder| Box::new(sweeps::Sweeps::new(folder)) },
    ];
    fuzzing::run(Path::new(env!("CARGO_TARGET_TMPDIR")), &entries)
}

/// Makes a short run of the built-in game in `folder`, with these assignments `KEY=VALUE` besides the usual ones.
fn make_run(folder: &Path, preset: &str, assignments: &[&str]) {
    let usual = [
        "total_steps=120",
        "metrics_every_steps=20",
        "checkpoint_every_steps=60",
        "evaluation_max_episode_frames=200",
        "evaluation_steps=50",
        "network=small",
    ];
    let mut command = Command::new(env!("CARGO_BIN_EXE_atari-dqn"));
    command.args(["train", "--preset", preset, "--run-dir"]).arg(folder);
    for assignment in usual.iter().chain(assignments) {
        command.args(["--set", assignment]);
    }
    let output = command.stdin(Stdio::null()).output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
