//! The real binary, as a person or a script meets it.
#![allow(clippy::unwrap_used)] // helpers of tests, which clippy takes for ordinary functions

use assert_cmd::Command;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use tempfile::TempDir;

#[path = "../emulator/tests/support/outside.rs"]
mod outside;

/// The program, started in `folder`, where no cartridge is and no display.
fn program(folder: &Path) -> Command {
    let mut command = Command::cargo_bin("atari-dqn").unwrap();
    command.current_dir(folder).env_remove("ATARI_ROMS").env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    command
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    program(folder).args(arguments).output().unwrap()
}

/// Standard output of a run that must succeed.
#[track_caller]
fn output_of(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {:?} {errors}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// The one `error:` line of a run that must fail with status 1.
#[track_caller]
fn error_of(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {errors}");
    let lines: Vec<&str> = errors.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(lines.len(), 1, "{arguments:?}: {errors}");
    assert!(!errors.contains("panicked"), "{arguments:?}: {errors}");
    lines[0].to_owned()
}

#[track_caller]
fn assert_contains(text: &str, part: &str) {
    assert!(text.contains(part), "{part:?} not in {text:?}");
}

fn actions_file(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("actions.txt");
    fs::write(&path, text).unwrap();
    path
}

/// 300 actions that start a game of bricks and move about.
fn some_actions() -> String {
    (0..300).map(|i| format!("{}\n", [1, 3, 3, 4, 0][i / 7 % 5])).collect()
}

#[test]
fn help_names_every_command_and_version_the_package() {
    let folder = folder();
    let help = output_of(folder.path(), &["--help"]);
    for command in ["train", "sweep", "eval", "plot", "report", "play", "trace", "bench", "roms", "presets"] {
        assert_contains(&help, &format!("\n  {command} "));
        assert_contains(&output_of(folder.path(), &[command, "--help"]), "Usage: atari-dqn");
    }
    assert_contains(&output_of(folder.path(), &["--version"]), env!("CARGO_PKG_VERSION"));
    assert!(!output_of(folder.path(), &["trace", "--help"]).contains("colour"), "former spellings are hidden");
    assert!(
        !output_of(folder.path(), &["trace", "--help"]).contains("dump"),
        "the options of the comparison script are hidden"
    );
}

#[test]
fn wrong_usage_exits_with_2() {
    let folder = folder();
    for arguments in [
        vec![],
        vec!["dance"],
        vec!["trace"],
        vec!["trace", "--rom", "bricks"],
        vec!["trace", "--rom", "bricks", "--actions", "x", "--frame-skip", "0"],
        vec!["play", "--scale", "99"],
        vec!["eval", "--episodes", "many"],
        vec!["eval", "some_run", "--policy", "random"],
        vec!["train", "--device", "abacus"],
        vec!["sweep", "--roms", "bricks"],
        vec!["sweep", "--out", "x", "--steps", "9"],
        vec!["roms", "a", "b"],
    ] {
        let output = run(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn an_unknown_cartridge_name_is_one_line_that_says_where_was_looked() {
    let folder = folder();
    fs::create_dir(folder.path().join("roms")).unwrap();
    fs::write(folder.path().join("roms/seaquest.bin"), [0; 16]).unwrap();
    actions_file(folder.path(), "0\n");
    let line = error_of(folder.path(), &["trace", "--rom", "seaqest", "--actions", "actions.txt"]);
    assert_contains(&line, "no cartridge is named \"seaqest\"");
    assert_contains(&line, "did you mean seaquest?");
    assert_contains(&line, "roms");
    let line = error_of(folder.path(), &["trace", "--rom", "games/pong.bin", "--actions", "actions.txt"]);
    assert_contains(&line, "games/pong.bin: no such file");
    let line = error_of(folder.path(), &["play", "--rom", "roms", "--record", "x.gif"]);
    assert_contains(&line, "roms is a directory");
}

#[test]
fn names_are_found_in_the_folder_named_by_the_environment() {
    let (folder, elsewhere) = (folder(), folder());
    let line = error_of(folder.path(), &["play", "--rom", "tiny", "--record", "x.gif"]);
    assert_contains(&line, "no cartridge is named");
    fs::write(elsewhere.path().join("tiny.a26"), [0; 16]).unwrap();
    let output = program(folder.path())
        .env("ATARI_ROMS", elsewhere.path())
        .args(["play", "--rom", "tiny", "--record", "x.gif"])
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_contains(&errors, "tiny.a26 is not a usable cartridge image");
}

#[test]
fn trace_prints_the_state_after_loading_and_one_line_an_action() {
    let folder = folder();
    actions_file(folder.path(), "# go\n1\n\n3 # right\n4\n");
    let csv = output_of(folder.path(), &["trace", "--rom", "bricks", "--actions", "actions.txt"]);
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(
        lines[0],
        "step,reward,lives,terminal,truncated,frame_number,episode_frame_number,ram_crc32,screen_crc32"
    );
    assert_eq!(lines.len(), 5);
    for (step, line) in lines[1..].iter().enumerate() {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields[0], step.to_string());
        assert_eq!(fields.len(), 9);
        for checksum in &fields[7..] {
            assert!(checksum.len() == 8 && checksum.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')), "{line}");
        }
    }
    assert!(lines[1].starts_with("0,0,"), "{csv}");
    let with_observation =
        output_of(folder.path(), &["trace", "--rom", "bricks", "--actions", "actions.txt", "--observation"]);
    for (line, longer) in lines.iter().zip(with_observation.lines()) {
        let (same, last) = longer.rsplit_once(',').unwrap();
        assert_eq!(&same, line);
        assert!(last == "observation_crc32" || last.len() == 8, "{longer}");
    }
}

#[test]
fn trace_repeats_itself_and_its_seed_matters_only_with_sticky_actions() {
    let folder = folder();
    actions_file(folder.path(), &some_actions());
    let trace = |more: &[&str]| {
        output_of(folder.path(), &[&["trace", "--rom", "bricks", "--actions", "actions.txt"], more].concat())
    };
    let plain = trace(&[]);
    assert_eq!(plain, trace(&[]));
    assert_eq!(plain, trace(&["--seed", "7"]));
    let averaged = trace(&["--color-averaging"]);
    assert_ne!(averaged, plain);
    assert_eq!(averaged, trace(&["--colour-averaging"]), "the former spelling, which scripts use");
    let sticky = trace(&["--sticky", "0.5"]);
    assert_eq!(sticky, trace(&["--sticky", "0.5", "--seed", "0"]));
    assert_ne!(sticky, trace(&["--sticky", "0.5", "--seed", "1"]));
    assert_ne!(sticky, plain);
}

#[test]
fn an_action_held_by_frame_skip_is_that_action_repeated() {
    let folder = folder();
    let trace = |actions: &str, more: &[&str]| {
        actions_file(folder.path(), actions);
        output_of(folder.path(), &[&["trace", "--rom", "bricks", "--actions", "actions.txt"], more].concat())
    };
    let held = trace("1\n3\n4\n", &["--frame-skip", "4"]);
    let repeated = trace("1\n1\n1\n1\n3\n3\n3\n3\n4\n4\n4\n4\n", &[]);
    let states = |csv: &str, every: usize| -> Vec<String> {
        csv.lines().skip(1).step_by(every).map(|line| line.split(',').skip(2).collect::<Vec<_>>().join(",")).collect()
    };
    assert_eq!(states(&held, 1), states(&repeated, 4));
}

#[test]
fn a_bad_action_file_is_an_error_with_line_and_content() {
    let folder = folder();
    let arguments = ["trace", "--rom", "bricks", "--actions", "actions.txt"];
    assert_contains(&error_of(folder.path(), &arguments), "cannot read the action file actions.txt");
    for (text, complaint) in [
        ("0\n1\n18\n", "actions.txt: line 3: \"18\" is not an action"),
        ("left\n", "actions.txt: line 1: \"left\""),
        ("0\n\n-1\n", "line 3: \"-1\""),
    ] {
        actions_file(folder.path(), text);
        assert_contains(&error_of(folder.path(), &arguments), complaint);
    }
    actions_file(folder.path(), "0\n");
    assert_contains(
        &error_of(folder.path(), &[&arguments[..], &["--sticky", "1.5"]].concat()),
        "--sticky 1.5 is not a probability",
    );
    assert_contains(&error_of(folder.path(), &[&arguments[..], &["--mode", "9999"]].concat()), "mode 9999");
    assert_contains(
        &error_of(folder.path(), &[&arguments[..], &["--seed", "5000000000"]].concat()),
        "does not fit 32 bits",
    );
}

#[cfg(unix)]
#[test]
fn trace_ends_quietly_when_its_reader_ends() {
    use std::io::{BufRead, BufReader, Read};
    use std::process::Stdio;
    let folder = folder();
    actions_file(folder.path(), &some_actions().repeat(20));
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_atari-dqn"))
        .args(["trace", "--rom", "bricks", "--actions", "actions.txt"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert_contains(&first, "step,reward");
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert_eq!(errors, "");
    assert!(child.wait().unwrap().success());
}

#[test]
fn roms_lists_the_built_in_game_and_every_file_good_or_bad() {
    let folder = folder();
    assert_contains(&output_of(folder.path(), &["roms"]), "\nbricks ");
    fs::create_dir(folder.path().join("roms")).unwrap();
    fs::write(folder.path().join("roms/zero.bin"), []).unwrap();
    fs::write(folder.path().join("roms/Another One.a26"), [0xEA; 4096]).unwrap();
    fs::write(folder.path().join("roms/notes.txt"), "not listed").unwrap();
    let table = output_of(folder.path(), &["roms"]);
    let names: Vec<&str> = table.lines().map(|line| line.split("  ").next().unwrap()).collect();
    assert_eq!(names, ["NAME", "Another One", "bricks", "zero"]);
    assert_contains(table.lines().nth(1).unwrap(), "not in the game table");
    assert_contains(table.lines().nth(2).unwrap(), "supported");
    assert_contains(table.lines().nth(3).unwrap(), "empty");
    assert_eq!(table, output_of(folder.path(), &["roms", "roms"]));
    assert_contains(&error_of(folder.path(), &["roms", "nowhere"]), "cannot list nowhere");
    let said = |folder: &Path| String::from_utf8(run(folder, &["roms"]).stderr).unwrap();
    assert_contains(&said(folder.path()), "1 usable cartridges of 2 files in roms, and the built-in game");
    assert!(!said(folder.path()).contains("sub-folders"));
    fs::create_dir(folder.path().join("roms/more")).unwrap();
    fs::write(folder.path().join("roms/packed.7z"), b"7z\xBC\xAF\x27\x1C\0\x04").unwrap();
    assert_contains(&said(folder.path()), "1 usable cartridges of 3 files");
    assert_contains(
        &said(folder.path()),
        "not looked into: 1 sub-folders (roms/more); list one with: atari-dqn roms roms/more",
    );
    assert_contains(&output_of(folder.path(), &["roms"]), "it is a 7z archive; unpack it");
    assert_contains(&error_of(folder.path(), &["roms", "roms/zero.bin"]), "is a file");
}

#[test]
fn play_without_a_display_says_so_and_names_a_way_that_needs_none() {
    let folder = folder();
    let line = error_of(folder.path(), &["play"]);
    assert_contains(&line, "no display");
    assert_contains(&line, "--record");
    if cfg!(target_os = "linux") {
        // a display that is not there
        let output = program(folder.path()).env("DISPLAY", ":987").arg("play").output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert_contains(&errors, "error: cannot open a window");
        assert_contains(&errors, "--record");
        assert!(!errors.contains("panicked"), "{errors}");
    }
}

#[test]
fn a_recording_needs_no_display_and_plays_at_the_speed_of_the_game() {
    let folder = folder();
    let said = output_of(folder.path(), &["play", "--record", "game.gif", "--frames", "300"]);
    assert_contains(&said, "game.gif: 300 frames");
    let file = fs::File::open(folder.path().join("game.gif")).unwrap();
    let mut decoder = gif::DecodeOptions::new().read_info(file).unwrap();
    assert_eq!((decoder.width(), decoder.height()), (320, 210));
    let (mut frames, mut hundredths) = (0, 0);
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        frames += 1;
        hundredths += u32::from(frame.delay);
    }
    assert!(frames > 10, "{frames}");
    // 301 screens, 60 a second, in steps of three
    assert!((500..=505).contains(&hundredths), "{hundredths}");
    assert!(!folder.path().join("game.gif.part").exists());
    // the same game again
    let first = fs::read(folder.path().join("game.gif")).unwrap();
    output_of(folder.path(), &["play", "--record", "again.gif", "--frames", "300"]);
    assert_eq!(first, fs::read(folder.path().join("again.gif")).unwrap());
    output_of(folder.path(), &["play", "--record", "again.gif", "--frames", "300", "--seed", "1"]);
    assert_ne!(first, fs::read(folder.path().join("again.gif")).unwrap());

    assert_contains(&error_of(folder.path(), &["play", "--record", "nowhere/game.gif"]), "cannot create");
}

/// Xvfb, stopped when dropped, and its display.
#[cfg(target_os = "linux")]
struct Display {
    server: std::process::Child,
    name: String,
}

#[cfg(target_os = "linux")]
impl Display {
    fn open() -> Option<Self> {
        use std::io::{BufRead, BufReader};
        let mut server = std::process::Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", "1280x1024x24"])
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .ok()?;
        let mut number = String::new();
        BufReader::new(server.stdout.take()?).read_line(&mut number).ok()?;
        Some(Self { server, name: format!(":{}", number.trim()) })
    }
}

#[cfg(target_os = "linux")]
impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn play_opens_a_window_runs_at_sixty_frames_a_second_and_ends_after_the_frames_asked_for() {
    let Some(display) = Display::open() else {
        return outside::missing("the X server Xvfb", "on Debian: apt install xvfb");
    };
    let folder = folder();
    let began = std::time::Instant::now();
    let output =
        program(folder.path()).env("DISPLAY", &display.name).args(["play", "--frames", "90"]).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    if errors.contains("failed to load") {
        // They are loaded at run time.
        let remedy = format!("on Debian: apt install libx11-6 libxcursor1; the program wrote: {errors}");
        return outside::missing("X client libraries", &remedy);
    }
    assert!(output.status.success(), "{errors}");
    assert_contains(&String::from_utf8(output.stdout).unwrap(), "screenshot");
    // at least the time the frames take; a busy machine may need longer
    assert!(began.elapsed() >= std::time::Duration::from_millis(1_400), "{:?}", began.elapsed());
}

#[test]
fn bench_gives_a_rate_as_a_sentence_and_as_json() {
    let folder = folder();
    for kind in ["emulator", "env", "vector"] {
        let output = output_of(folder.path(), &["bench", kind, "--seconds", "0.05", "--json"]);
        let lines: Vec<&str> = output.lines().collect();
        assert!(lines[0].starts_with("bricks: "), "{output}");
        let json: serde_json::Value = serde_json::from_str(lines[1]).unwrap();
        let rate = ["frames_per_second", "steps_per_second"].iter().find_map(|&key| json[key].as_f64());
        assert!(rate.is_some_and(|rate| rate > 0.0), "{output}");
    }
    let error = error_of(folder.path(), &["bench", "vector", "--envs", "0"]);
    assert_contains(&error, "num_envs is 0, allowed is at least 1");
}

#[test]
fn bench_plays_a_number_of_frames_instead_of_a_time() {
    let folder = folder();
    for kind in ["emulator", "vector"] {
        let output = output_of(folder.path(), &["bench", kind, "--frames", "50", "--threads", "1", "--json"]);
        let json: serde_json::Value = serde_json::from_str(output.lines().nth(1).unwrap()).unwrap();
        assert_eq!((&json["frames"], &json["seconds"]), (&serde_json::json!(50), &serde_json::Value::Null), "{output}");
        assert!(json["frames_per_second"].as_f64().is_some_and(|rate| rate > 0.0), "{output}");
    }
    let error = error_of(folder.path(), &["bench", "learner", "--frames", "50"]);
    assert_contains(&error, "--frames goes with `bench emulator` and `bench vector` only");
    for wrong in [&["--frames", "0"][..], &["--frames", "50", "--seconds", "1"]] {
        assert_eq!(run(folder.path(), &[&["bench", "emulator"], wrong].concat()).status.code(), Some(2), "{wrong:?}");
    }
}
