//! What people bring and type: files of other systems, names of outputs, numbers, terminals.
#![allow(clippy::unwrap_used)] // helpers of tests, which clippy takes for ordinary functions

use assert_cmd::Command;
use std::fs;
use std::path::Path;
use std::process::Output;

#[path = "../emulator/tests/support/outside.rs"]
mod outside;

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::cargo_bin("atari-dqn").unwrap();
    command.current_dir(folder).env_remove("ATARI_ROMS").env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    command.args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn output_of(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

#[track_caller]
fn error_of(folder: &Path, arguments: &[&str], status: i32) -> String {
    let output = run(folder, arguments);
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {errors}");
    assert!(!errors.contains("panicked"), "{arguments:?}: {errors}");
    errors
}

#[track_caller]
fn assert_contains(text: &str, part: &str) {
    assert!(text.contains(part), "{part:?} not in {text:?}");
}

/// A run of some seconds in the folder `run`.
const BRIEF_RUN: [&str; 21] = [
    "train",
    "--run-dir",
    "run",
    "--preset",
    "pqn-cpu",
    "--steps",
    "0.24k",
    "--set",
    "num_envs=6",
    "--set",
    "horizon=4",
    "--set",
    "minibatch_size=8",
    "--set",
    "metrics_every_steps=24",
    "--set",
    "checkpoint_every_steps=1M",
    "--set",
    "final_evaluation_episodes=0",
    "--set",
    "evaluation_every_steps=0",
];

/// The file as an editor of Windows saves it.
fn as_windows_saves_it(path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    fs::write(path, format!("\u{FEFF}{}", text.replace('\n', "\r\n"))).unwrap();
}

fn as_utf16(path: &Path) {
    let text = fs::read_to_string(path).unwrap();
    let bytes: Vec<u8> = format!("\u{FEFF}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_name_that_promises_another_format_is_refused_before_any_work_by_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let actions = folder.path().join("actions.txt");
    fs::write(actions, "0\n").unwrap();
    let long = ["--policy", "random", "--episodes", "1000"];
    let with = |option, name| [["eval"].as_slice(), &long, &[option, name]].concat();
    for arguments in [
        vec!["play", "--record", "x.mp4"],
        vec!["play", "--record", "x.png"],
        vec!["report", "run", "--out", "x.pdf"],
        vec!["plot", "run", "--out", "x.jpg"],
        vec!["plot", "run", "--out", "x.svg", "--out", "x.pdf"],
        with("--json", "x.csv"),
        with("--csv", "x.json"),
        with("--csv", "x.XLSX"),
        with("--actions", "x.json"),
        with("--record", "x.mp4"),
        with("--record", "x.gif"),
        vec!["train", "--run-dir", "x.csv"],
        vec!["sweep", "--out", "x.json", "--roms", "bricks"],
        vec!["trace", "--rom", "bricks", "--actions", "actions.txt", "--dump-step", "1", "--dump-file", "x.png"],
    ] {
        let errors = error_of(folder.path(), &arguments, 1);
        assert_contains(&errors, "is a suffix of ");
        assert_contains(&errors, "e.g. x");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "{arguments:?} wrote something");
    }
    assert_contains(&error_of(folder.path(), &["report", "run", "--out", "no/x.html"], 1), "there is no folder no");
}

#[test]
fn action_files_may_come_from_any_editor() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("actions.txt");
    for more in [&[][..], &["--vector", "1"]] {
        let arguments = [&["trace", "--rom", "bricks", "--actions", "actions.txt"], more].concat();
        fs::write(&path, "1\n3 # right\n\n0\n").unwrap();
        let plain = output_of(folder.path(), &arguments);
        as_windows_saves_it(&path);
        assert_eq!(output_of(folder.path(), &arguments), plain);
        fs::write(&path, "1\r3\r0\r").unwrap();
        assert_eq!(output_of(folder.path(), &arguments), plain);
        as_utf16(&path);
        let errors = error_of(folder.path(), &arguments, 1);
        assert_contains(&errors, "actions.txt: this is text in UTF-16");
        assert_contains(&errors, "iconv -f UTF-16 -t UTF-8");
    }
}

#[test]
fn the_files_of_a_run_may_have_been_saved_by_any_editor() {
    let folder = tempfile::tempdir().unwrap();
    output_of(folder.path(), &[&BRIEF_RUN[..], &["--set", "final_evaluation_episodes=1"]].concat());
    let page = || {
        output_of(folder.path(), &["report", "run", "--out", "page.html"]);
        fs::read(folder.path().join("page.html")).unwrap()
    };
    let before = page();
    let files = ["config.toml", "run.toml", "metrics.jsonl", "evaluation.json"]
        .map(|name| folder.path().join("run").join(name));
    files.iter().for_each(|path| as_windows_saves_it(path));
    assert!(page() == before, "the same page");
    output_of(folder.path(), &["plot", "run"]);
    for path in &files {
        let whole = fs::read(path).unwrap();
        as_utf16(path);
        assert_contains(&error_of(folder.path(), &["report", "run"], 1), "UTF-16");
        fs::write(path, whole).unwrap();
    }
    // Another form is named by place and without words of a program.
    let identity = fs::read(&files[1]).unwrap();
    fs::write(&files[1], "game = 3\n").unwrap();
    assert_contains(&error_of(folder.path(), &["report", "run"], 1), "run.toml cannot be used: ");
    let errors = error_of(folder.path(), &["report", "run"], 1);
    assert!(!errors.contains("invalid type") && !errors.contains("field"), "{errors}");
    fs::write(&files[1], identity).unwrap();
    // Rows that are missing.
    fs::remove_file(&files[2]).unwrap();
    let errors = error_of(folder.path(), &["plot", "run"], 1);
    assert_contains(&errors, "has lost its metrics.jsonl: copy it back from a backup");
    let errors = error_of(folder.path(), &["train", "--resume", "run", "--steps", "480"], 1);
    assert_contains(&errors, "metrics.jsonl: it is missing; copy it back from a backup");
}

#[test]
fn numbers_out_of_range_are_answered_with_the_range() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, allowed) in [
        (&["train", "--steps", "-5"][..], "allowed is 1 to 1000000000000"),
        (&["train", "--steps=-1M"], "allowed is 1 to 1000000000000"),
        (&["eval", "--episodes", "-1e3"], "allowed is 1 to 1000000"),
        (&["play", "--scale", "9"], "allowed is 1 to 8"),
        (&["bench", "emulator", "--frames", "many"], "expected a whole number"),
        (&["sweep", "--out", "x", "--roms", "bricks", "--seeds", "-1"], "allowed is 1 to 10000"),
    ] {
        assert_contains(&error_of(folder.path(), arguments, 2), allowed);
    }
    assert_contains(
        &error_of(folder.path(), &["eval", "--policy", "random", "--epsilon", "-0.5"], 1),
        "allowed is 0 to 1",
    );
    assert_contains(&error_of(folder.path(), &["train", "--set", "gamma=-1"], 1), "gamma is -1, allowed is 0 to 1");
}

#[test]
fn unknown_names_end_with_where_the_list_is() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, near, list) in [
        (&["train", "--preset", "natur"][..], "did you mean `nature`?", "`atari-dqn presets` lists them"),
        (&["presets", "natur"], "did you mean `nature`?", "`atari-dqn presets` lists them"),
        (&["train", "--set", "gama=1"], "did you mean `gamma`?", "`atari-dqn presets pqn` lists all keys"),
        (&["train", "--rom", "brick"], "did you mean bricks?", "`atari-dqn roms` lists the cartridges found"),
        (&["sweep", "--out", "x", "--roms", "bricks, brics"], "did you mean bricks?", "`atari-dqn roms` lists"),
        (
            &["sweep", "--out", "x", "--roms", "bricks", "--preset", "pqn, natur"],
            "did you mean `nature`?",
            "`atari-dqn presets`",
        ),
    ] {
        let errors = error_of(folder.path(), arguments, 1);
        assert_contains(&errors, near);
        assert_contains(&errors, list);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_printed_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["train", "--help"],
        &["presets"],
        &["roms"],
        &["bench", "emulator", "--frames", "10"],
        &["play", "--record", "x.gif", "--frames", "3"],
    ] {
        let status = |output: &str| {
            let output = fs::OpenOptions::new().write(true).open(output).unwrap();
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_atari-dqn"));
            command.current_dir(folder.path()).env_remove("ATARI_ROMS").args(arguments);
            command.stdout(output).stderr(std::process::Stdio::null()).status().unwrap().code()
        };
        assert_eq!((status("/dev/full"), status("/dev/null")), (Some(1), Some(0)), "{arguments:?}");
    }
}

/// What a run writes to a terminal of this width.
#[cfg(target_os = "linux")]
fn on_terminal(folder: &Path, columns: usize, environment: &[(&str, &str)]) -> Option<String> {
    let program = env!("CARGO_BIN_EXE_atari-dqn");
    let command = format!("stty cols {columns} rows 24; exec {program} {} 2>&1", BRIEF_RUN.join(" "));
    let mut script = std::process::Command::new("script");
    script.current_dir(folder).args(["-qec", &command, "/dev/null"]).stdin(std::process::Stdio::null());
    script.env_remove("LC_ALL").env_remove("LC_CTYPE").env_remove("LANG").env("TERM", "xterm");
    let output = script.envs(environment.iter().copied()).output().ok()?;
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{shown}");
    fs::remove_dir_all(folder.join("run")).unwrap();
    Some(shown)
}

/// The lines of `shown` with progress, without sequences that control the terminal.
#[cfg(target_os = "linux")]
fn progress(shown: &str) -> Vec<String> {
    let mut plain = String::new();
    let mut letters = shown.chars();
    while let Some(letter) = letters.next() {
        if letter == '\u{1B}' {
            // ESC [ numbers letter
            letters.by_ref().skip(1).find(|letter| letter.is_ascii_alphabetic());
            plain.push('\r');
        } else {
            plain.push(letter);
        }
    }
    plain.split(['\r', '\n']).filter(|line| line.contains(" of 240")).map(str::to_string).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn progress_fits_the_terminal_and_its_letters() {
    let folder = tempfile::tempdir().unwrap();
    for columns in [20, 40, 80, 100, 200] {
        let Some(shown) = on_terminal(folder.path(), columns, &[("LC_ALL", "en_US.UTF-8")]) else {
            return outside::missing("the program script", "on Debian: apt install bsdutils");
        };
        let lines = progress(&shown);
        assert!(!lines.is_empty(), "{shown:?}");
        for line in &lines {
            assert!(line.chars().count() <= columns, "{columns}: {line:?}");
        }
        assert!(columns < 40 || lines.iter().any(|line| !line.is_ascii()), "a bar: {lines:?}");
    }
    for environment in [&[("LC_ALL", "C")][..], &[("LANG", "de_DE.ISO-8859-1")], &[]] {
        let shown = on_terminal(folder.path(), 100, environment).unwrap();
        // A brief run may end before the line is drawn again: its bar may be empty.
        assert!(shown.is_ascii() && (shown.contains("--------") || shown.contains('#')), "{shown:?}");
    }
    // A terminal that cannot move its cursor.
    let shown = on_terminal(folder.path(), 60, &[("TERM", "dumb")]).unwrap();
    assert!(!shown.contains('\u{1B}'), "{shown:?}");
    let lines = progress(&shown);
    assert!(lines.iter().any(|line| line.starts_with("step ")), "{shown:?}");
    assert!(lines.iter().filter(|line| line.starts_with("step ")).all(|line| line.chars().count() <= 60), "{lines:?}");
}

#[test]
fn pipes_get_plain_lines() {
    let folder = tempfile::tempdir().unwrap();
    let errors = text(&run(folder.path(), &BRIEF_RUN).stderr);
    assert!(errors.contains("step 240 of 240") && !errors.contains('\u{1B}') && errors.is_ascii(), "{errors:?}");
}
