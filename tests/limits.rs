//! What the operating system limits or does: memory, threads, signals, special files.
#![cfg(unix)]
#![allow(clippy::unwrap_used)] // helpers of tests are tests

use assert_cmd::cargo::cargo_bin;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

#[path = "../emulator/tests/support/outside.rs"]
mod outside;

/// Longest time that any command here may take. What does not end on its own would take for ever.
const PATIENCE: Duration = Duration::from_secs(60);

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// The program, started in `folder`.
fn program(folder: &Path) -> Command {
    let mut command = Command::new(cargo_bin("atari-dqn"));
    command.current_dir(folder).env_remove("ATARI_ROMS").stdin(Stdio::null());
    command
}

/// The program by way of a shell that first does what `before` says.
fn after(before: &str, folder: &Path) -> Command {
    let mut command = Command::new("sh");
    command.current_dir(folder).env_remove("ATARI_ROMS").stdin(Stdio::null());
    command.args(["-c", &format!("{before}; exec \"$0\" \"$@\"")]).arg(cargo_bin("atari-dqn"));
    command
}

/// A process whose output goes to files, so that a full pipe does not hold it up. It is killed when a test fails.
struct Running {
    child: Child,
    stdout: File,
    stderr: File,
}

impl Running {
    fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    fn signal(&self, name: &str) {
        let killed = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for the end of a process.
#[track_caller]
fn end_of(mut running: Running) -> Output {
    let begun = Instant::now();
    while running.is_running() {
        assert!(begun.elapsed() < PATIENCE, "it did not end");
        thread::sleep(Duration::from_millis(20));
    }
    let status = running.child.wait().unwrap();
    let [stdout, stderr] = [&mut running.stdout, &mut running.stderr].map(|file| {
        let mut text = Vec::new();
        file.seek(SeekFrom::Start(0)).unwrap();
        file.read_to_end(&mut text).unwrap();
        text
    });
    Output { status, stdout, stderr }
}

#[track_caller]
fn start(command: &mut Command) -> Running {
    let (stdout, stderr) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    let child = command.stdout(stdout.try_clone().unwrap()).stderr(stderr.try_clone().unwrap()).spawn().unwrap();
    Running { child, stdout, stderr }
}

#[track_caller]
fn output_of(command: &mut Command) -> Output {
    end_of(start(command))
}

fn errors_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The one `error:` line of a command that must fail in order.
#[track_caller]
fn error_of(command: &mut Command) -> String {
    let output = output_of(command);
    let errors = errors_of(&output);
    assert!(matches!(output.status.code(), Some(1 | 2)), "{command:?}: {:?}: {errors}", output.status);
    assert!(!errors.contains("panicked"), "{command:?}: {errors}");
    let lines: Vec<&str> = errors.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(lines.len(), 1, "{command:?}: {errors}");
    lines[0].to_owned()
}

/// Standard output and standard error of a command that must succeed.
#[track_caller]
fn success_of(command: &mut Command) -> (String, String) {
    let output = output_of(command);
    let errors = errors_of(&output);
    assert!(output.status.success() && !errors.contains("panicked"), "{command:?}: {:?}: {errors}", output.status);
    (String::from_utf8_lossy(&output.stdout).into_owned(), errors)
}

#[track_caller]
fn assert_contains(text: &str, part: &str) {
    assert!(text.contains(part), "{part:?} not in {text:?}");
}

/// Arguments of a short run into the folder `run`, with these settings.
fn train<'a>(preset: &'a str, steps: &'a str, settings: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["train", "--device", "cpu", "--run-dir", "run", "--preset", preset, "--steps", steps];
    let small = ["network=small", "final_evaluation_episodes=0"];
    arguments.extend(small.into_iter().chain(settings.iter().copied()).flat_map(|setting| ["--set", setting]));
    arguments
}

// ---------------------------------------------------------------------------------------------------------------- memory

#[test]
fn a_replay_takes_the_memory_that_the_run_can_use() {
    let folder = folder();
    for (setting, compression) in [("replay_capacity=20000000", "false"), ("replay_capacity=1000000000", "true")] {
        let compression = format!("replay_compression={compression}");
        let (printed, _) = success_of(program(folder.path()).args(train("bricks", "10", &[setting, &compression])));
        assert_contains(&printed, "replay: 26 frames, ");
        fs::remove_dir_all(folder.path().join("run")).unwrap();
    }
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_made_with_advice_that_works() {
    let folder = folder();
    let run = |arguments: &[&str]| error_of(after("ulimit -v 3000000", folder.path()).args(arguments));
    let raw = ["replay_compression=false", "replay_capacity=1000000"];
    let line = run(&train("nature", "5000000", &raw));
    assert_contains(&line, "the replay 7.0");
    assert_contains(&line, "within the process's own limit (ulimit -v)");
    assert!(!line.contains("--force"), "{line}");
    let capacity = line.split("replay_capacity=").nth(1).unwrap().split([';', ' ']).next().unwrap();
    let large = ["num_envs=4096", "horizon=4000", "minibatch_size=4096"];
    assert_contains(&run(&train("pqn-cpu", "50000000", &large)), "the rollout 116.");
    let wide = ["num_envs=1024", "replay_capacity=100000", "batch_size=4096", "network=nature"];
    let line = error_of(after("ulimit -v 1000000", folder.path()).args(train("nature", "100", &wide)));
    assert_contains(&line, "networks and batches about");
    let tree = ["num_envs=2", "prioritized=true", "replay_capacity=1000000000"];
    assert_contains(&run(&train("nature", "100", &tree)), "the replay about 17.1");
    assert!(!folder.path().join("run").exists(), "nothing is left behind");
    // The capacity that was advised, in a run of a few steps that could fill it.
    let fits = [raw[0], &format!("replay_capacity={capacity}")];
    let mut child = start(after("ulimit -v 3000000", folder.path()).args(train("nature", "5000000", &fits)));
    let begun = Instant::now();
    while !folder.path().join("run/metrics.jsonl").exists() && child.is_running() {
        assert!(begun.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(20));
    }
    child.signal("KILL");
    let errors = errors_of(&end_of(child));
    assert_eq!(errors, "", "{capacity}");
}

#[test]
fn numbers_that_no_machine_has_room_for_are_errors() {
    let folder = folder();
    fs::write(folder.path().join("actions.txt"), "0\n").unwrap();
    let trace = ["trace", "--rom", "bricks", "--actions", "actions.txt", "--vector"];
    let of = |arguments: &[&str]| error_of(program(folder.path()).args(arguments));
    assert_contains(&of(&["eval", "--policy", "random", "--episodes", "4000000000"]), "allowed is 1 to 1000000");
    of(&["eval", "--policy", "random", "--episodes", "1000000000000"]);
    assert_contains(&of(&["eval", "--policy", "random", "--workers", "1000000"]), "allowed is 1 to 1024");
    assert_contains(
        &of(&["sweep", "--out", "s", "--roms", "bricks", "--seeds", "1000000000000"]),
        "allowed is 1 to 10000",
    );
    assert_contains(&of(&[&trace[..], &["1000000000"]].concat()), "of memory, and only");
    assert_contains(&of(&[&trace[..], &["9", "--stack", "1000000000"]].concat()), "of memory, and only");
    assert_contains(&of(&[&trace[..], &["9", "--threads", "1000000"]].concat()), "allowed is 0 to 1024");
    assert_contains(&of(&["bench", "vector", "--envs", "4000000000"]), "of memory, and only");
    assert_contains(&of(&["bench", "vector", "--threads", "1000000000"]), "allowed is 0 to 1024");
    assert_contains(&of(&["bench", "emulator", "--seconds", "1e300"]), "allowed is more than 0 and at most");
    let line = error_of(after("ulimit -v 1500000", folder.path()).args(trace).arg("20000"));
    assert_contains(&line, "a vector of 20000 environments");
}

/// A network's file with these metadata and no tensors.
fn network(path: &Path, actions: &str, more: &str) {
    let header = format!(
        r#"{{"__metadata__":{{"format_version":"1","network":"small","dueling":"false","noisy":"false","preset":"bricks","seed":"0",
        "steps_trained":"0","game":"bricks","cartridge_md5":"0","actions":"{actions}","frame_skip":"4","resize":"area",
        "fire_reset":"false","stack":"4","side":"84"{more}}}}}"#
    );
    let header = header.replace('\n', "");
    let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_network_file_that_describes_more_than_it_holds_is_an_error() {
    let folder = folder();
    let path = folder.path().join("x.safetensors");
    network(&path, &format!("[{}0]", "0,".repeat(1_999_999)), "");
    let eval = ["eval", "x.safetensors"];
    assert_contains(&error_of(program(folder.path()).args(eval)), "it has 2000000 actions, and a game has 18 at most");
    network(&path, "[0,1]", r#","atoms":"100000","value_min":"-1.0","value_max":"1.0""#);
    assert_contains(&error_of(after("ulimit -v 1000000", folder.path()).args(eval)), "describe a network of");
}

// --------------------------------------------------------------------------------------------------------------- threads

/// The program of a user who may start no more threads.
fn without_threads(folder: &Path) -> Option<Command> {
    use std::os::unix::fs::PermissionsExt;
    // Root may always start more, so another user is needed, who must be able to read and write everything here.
    let root = rustix::process::geteuid().is_root();
    let copy = folder.join("atari-dqn");
    fs::copy(cargo_bin("atari-dqn"), &copy).unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
    for tool in ["setpriv", "prlimit"] {
        let known = Command::new(tool).arg("--version").stdout(Stdio::null()).status();
        if !known.is_ok_and(|status| status.success()) {
            return None;
        }
    }
    let mut command = Command::new(if root { "setpriv" } else { "prlimit" });
    if root {
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "prlimit"]);
    }
    command.current_dir(folder).stdin(Stdio::null()).env_remove("RAYON_NUM_THREADS");
    command.arg("--nproc=1:1").arg(copy);
    Some(command)
}

#[test]
fn without_threads_everything_is_done_on_one() {
    let folder = folder();
    let Some(mut eval) = without_threads(folder.path()) else {
        return outside::missing("setpriv and prlimit", "on Debian: apt install util-linux");
    };
    let (_, errors) =
        success_of(eval.args(["eval", "--policy", "random", "--episodes", "3", "--max-episode-frames", "400"]));
    assert_contains(&errors, "threads could be started");
    let mut trained = Vec::new();
    for variant in ["schedule=concurrent", "num_envs=3"] {
        let settings =
            [variant, "learning_starts_steps=40", "target_sync_steps=50", "replay_capacity=2000", "batch_size=4"];
        let mut command = without_threads(folder.path()).unwrap();
        success_of(command.args(train("bricks", "200", &settings)));
        trained.push(fs::read(folder.path().join("run/model.safetensors")).unwrap());
        fs::remove_dir_all(folder.path().join("run")).unwrap();
        success_of(program(folder.path()).args(train("bricks", "200", &settings)));
        assert!(
            fs::read(folder.path().join("run/model.safetensors")).unwrap() == trained[trained.len() - 1],
            "{variant}"
        );
        fs::remove_dir_all(folder.path().join("run")).unwrap();
    }
    fs::write(folder.path().join("actions.txt"), "0 0\n").unwrap();
    let mut vector = without_threads(folder.path()).unwrap();
    let trace = ["trace", "--rom", "bricks", "--actions", "actions.txt", "--vector", "2", "--threads", "2"];
    let (alone, errors) = success_of(vector.args(trace));
    assert_contains(&errors, "threads could be started");
    assert_eq!(alone, success_of(program(folder.path()).args(trace)).0);
}

#[test]
fn the_number_of_threads_is_bounded() {
    let folder = folder();
    for value in ["100000", "many", "-1"] {
        let mut command = program(folder.path());
        command.env("RAYON_NUM_THREADS", value).args(["eval", "--policy", "random", "--episodes", "1"]);
        assert_contains(&error_of(&mut command), &format!("RAYON_NUM_THREADS is {value}, allowed is 1 to 1024"));
    }
}

// --------------------------------------------------------------------------------------------------------------- signals

#[track_caller]
fn wait_for(what: impl Fn() -> bool) {
    let begun = Instant::now();
    while !what() {
        assert!(begun.elapsed() < PATIENCE, "it did not come to that");
        thread::sleep(Duration::from_millis(20));
    }
}

fn has_rows(metrics: &Path) -> bool {
    fs::metadata(metrics).is_ok_and(|file| file.len() > 0)
}

/// Settings of a run that never ends by itself.
const ENDLESS: [&str; 4] =
    ["learning_starts_steps=40", "replay_capacity=2000", "batch_size=4", "metrics_every_steps=50"];

#[test]
fn ignored_signals_stay_ignored_and_usr1_saves() {
    let folder = folder();
    let metrics = folder.path().join("run/metrics.jsonl");
    let mut child = start(after("trap '' HUP INT", folder.path()).args(train("bricks", "100000000", &ENDLESS)));
    wait_for(|| has_rows(&metrics));
    for name in ["HUP", "INT"] {
        child.signal(name);
        let before = fs::metadata(&metrics).unwrap().len();
        wait_for(|| fs::metadata(&metrics).unwrap().len() > before + 500);
        assert!(child.is_running(), "{name}");
    }
    child.signal("USR1");
    let output = end_of(child);
    assert!(output.status.success(), "{:?}: {}", output.status, errors_of(&output));
    assert_contains(&String::from_utf8_lossy(&output.stdout), "continue with: atari-dqn train --resume run");
    assert!(folder.path().join("run/model.safetensors").exists());
}

/// A terminal that closes sends HUP twice: once itself, once by its shell.
#[test]
fn the_same_signal_twice_at_once_still_saves() {
    let folder = folder();
    // Perhaps this test runs under `nohup`.
    let mut command = Command::new("env");
    command.current_dir(folder.path()).stdin(Stdio::null());
    command.arg("--default-signal=HUP").arg(cargo_bin("atari-dqn")).args(train("bricks", "100000000", &ENDLESS));
    let child = start(&mut command);
    wait_for(|| has_rows(&folder.path().join("run/metrics.jsonl")));
    child.signal("HUP");
    child.signal("HUP");
    let output = end_of(child);
    assert!(output.status.success(), "{:?}", output.status);
    assert!(folder.path().join("run/model.safetensors").exists());
}

#[test]
fn a_sweep_keeps_ignoring_what_was_ignored_and_stops_on_usr1() {
    let folder = folder();
    let settings = ENDLESS.into_iter().chain(["network=small", "final_evaluation_episodes=1"]);
    let settings: Vec<&str> = settings.flat_map(|setting| ["--set", setting]).collect();
    let sweep =
        ["sweep", "--out", "s", "--roms", "bricks", "--preset", "bricks", "--seeds", "1", "--steps", "100000000"];
    let mut child = start(after("trap '' HUP", folder.path()).args(sweep).args(settings));
    let metrics = folder.path().join("s/bricks-bricks-s0/metrics.jsonl");
    wait_for(|| has_rows(&metrics));
    child.signal("HUP");
    let before = fs::metadata(&metrics).unwrap().len();
    wait_for(|| fs::metadata(&metrics).unwrap().len() > before + 500);
    assert!(child.is_running());
    child.signal("USR1");
    let output = end_of(child);
    assert!(output.status.success(), "{:?}: {}", output.status, errors_of(&output));
    assert_contains(&String::from_utf8_lossy(&output.stdout), "stopped with 0 of 1 runs finished");
    assert!(folder.path().join("s/bricks-bricks-s0/model.safetensors").exists());
}

/// Signals at these moments, in milliseconds after the start: while files are read, the replay is reserved, networks are made.
#[test]
fn a_signal_during_the_start_ends_the_program_at_once() {
    for moment in [0, 20, 100, 300] {
        let folder = folder();
        let child =
            start(program(folder.path()).args(train("nature", "100000000", &["noop_max=10000", "network=nature"])));
        thread::sleep(Duration::from_millis(moment));
        child.signal("TERM");
        let begun = Instant::now();
        let output = end_of(child);
        // Ended by the signal, or saved.
        assert!(output.status.code().is_none_or(|code| code == 0), "{moment}: {:?}", output.status);
        assert!(begun.elapsed() < Duration::from_secs(20), "{moment}");
    }
}

#[test]
fn a_signal_during_an_evaluation_stops_it() {
    // One during training that would take days, and one after it.
    let during = ["evaluation_every_steps=60", "evaluation_steps=1000000000000", "metrics_every_steps=60"];
    let after = ["final_evaluation_episodes=100000", "metrics_every_steps=60"];
    for (settings, message) in [(&during[..], "stopped after 60 steps"), (&after[..], "the evaluation is not complete")]
    {
        let folder = folder();
        let child = start(program(folder.path()).args(train("bricks", "60", settings)));
        wait_for(|| has_rows(&folder.path().join("run/metrics.jsonl")));
        thread::sleep(Duration::from_millis(500));
        child.signal("TERM");
        let output = end_of(child);
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{:?}: {}", output.status, errors_of(&output));
        assert!(folder.path().join("run/model.safetensors").exists());
        assert_contains(&printed, message);
        assert_contains(&printed, "train --resume run");
        // It begins with the evaluation again.
        let again = start(program(folder.path()).args(["train", "--resume", "run"]));
        thread::sleep(Duration::from_secs(2));
        again.signal("TERM");
        let output = end_of(again);
        let (printed, errors) = (String::from_utf8_lossy(&output.stdout).into_owned(), errors_of(&output));
        assert!(!errors.contains("error:"), "{errors}");
        assert!(printed.contains("continuing after step 60") || !output.status.success(), "{printed}");
    }
}

#[test]
fn a_signal_during_a_long_iteration_of_pqn_is_obeyed_and_nothing_is_lost() {
    let folder = folder();
    let settings = ["num_envs=8", "horizon=20000", "minibatch_size=40", "epochs=50", "metrics_every_steps=1000"];
    let child = start(program(folder.path()).args(train("pqn-cpu", "160000", &settings)));
    wait_for(|| folder.path().join("run/metrics.jsonl").exists());
    thread::sleep(Duration::from_secs(2));
    child.signal("TERM");
    let output = end_of(child);
    assert!(output.status.success(), "{:?}: {}", output.status, errors_of(&output));
    assert_contains(&String::from_utf8_lossy(&output.stdout), "stopped after 0 steps");
}

// --------------------------------------------------------------------------------------------------------- special files

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn pipes_devices_sockets_and_sparse_files_are_named_and_not_read() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    fifo(&at("pipe"));
    fifo(&at("pipe.bin"));
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    File::create(at("huge")).unwrap().set_len(1 << 43).unwrap();
    fs::write(at("actions.txt"), "0\n").unwrap();
    for (file, kind) in
        [("pipe", "a pipe"), ("/dev/zero", "a device"), ("socket", "a socket"), ("huge", "8796093022208 bytes")]
    {
        let named = |arguments: &[&str]| {
            let line = error_of(program(folder.path()).args(arguments));
            assert_contains(&line, kind);
            assert_contains(&line, file);
        };
        named(&["eval", file]);
        named(&["play", file, "--record", "x.gif"]);
        named(&["train", "--config", file, "--run-dir", "run"]);
        named(&["trace", "--rom", "bricks", "--actions", file]);
        named(&["trace", "--rom", "bricks", "--vector", "2", "--actions", file]);
        if file != "huge" {
            named(&["train", "--rom", file, "--run-dir", "run"]);
            named(&["eval", "--policy", "random", "--rom", file]);
            named(&["play", "--rom", file, "--record", "x.gif"]);
            named(&["trace", "--rom", file, "--actions", "actions.txt"]);
            named(&["sweep", "--out", "s", "--roms", file]);
        }
    }
    assert_contains(&error_of(program(folder.path()).args(["play", "--rom", "huge", "--record", "x.gif"])), "512 KiB");
    let (listed, _) = success_of(program(folder.path()).args(["roms", "."]));
    assert_contains(&listed, "it is a pipe");
    assert!(!at("run").exists());
}

#[test]
fn special_files_in_the_folder_of_a_run_or_a_sweep_are_named() {
    let folder = folder();
    let settings = ["learning_starts_steps=40", "replay_capacity=2000", "batch_size=4"];
    success_of(program(folder.path()).args(train("bricks", "60", &settings)));
    let run = folder.path().join("run");
    for (file, command) in [
        ("config.toml", &["plot", "run"][..]),
        ("metrics.jsonl", &["plot", "run"]),
        ("metrics.jsonl", &["report", "run"]),
        ("run.toml", &["report", "run"]),
        ("model.safetensors", &["eval", "run"]),
        ("checkpoints/step-000000000060.checkpoint", &["train", "--resume", "run", "--steps", "90"]),
    ] {
        let (path, kept) = (run.join(file), folder.path().join("kept"));
        fs::rename(&path, &kept).unwrap();
        let huge = || File::create(&path).unwrap().set_len(1 << 43).unwrap();
        for make in [&huge as &dyn Fn(), &|| fifo(&path)] {
            make();
            error_of(program(folder.path()).args(command));
            fs::remove_file(&path).unwrap();
        }
        fs::rename(&kept, &path).unwrap();
    }
    fs::create_dir(folder.path().join("s")).unwrap();
    fifo(&folder.path().join("s/sweep.toml"));
    assert_contains(&error_of(program(folder.path()).args(["sweep", "--out", "s"])), "sweep.toml");
}

#[test]
fn a_folder_of_very_many_files_is_looked_at_in_part() {
    let folder = folder();
    fs::create_dir(folder.path().join("roms")).unwrap();
    for i in 0..12_000 {
        File::create(folder.path().join(format!("roms/game-{i:05}.bin"))).unwrap();
    }
    let (listed, errors) = success_of(program(folder.path()).arg("roms"));
    assert_contains(&errors, "warning: roms has more files than a folder of cartridges; 10000 of them are looked at");
    assert_eq!(listed.lines().count(), 1 + 10_000 + 1);
    error_of(program(folder.path()).args(["play", "--rom", "absent", "--record", "x.gif"]));
}

#[test]
fn a_program_that_never_ends_a_frame_is_named_after_a_while() {
    let folder = folder();
    let mut rom = vec![0xEA; 4096];
    rom[..3].copy_from_slice(&[0x4C, 0x00, 0xF0]);
    rom[0xFFC..0xFFE].copy_from_slice(&[0x00, 0xF0]);
    fs::write(folder.path().join("loop.bin"), rom).unwrap();
    fs::write(folder.path().join("actions.txt"), "0\n".repeat(700)).unwrap();
    let trace = ["trace", "--rom", "loop.bin", "--actions", "actions.txt"];
    let (lines, errors) = success_of(program(folder.path()).args(trace));
    assert_eq!(lines.lines().count(), 702);
    assert_eq!(errors.matches("has not ended a picture for 600 frames").count(), 1, "{errors}");
    fs::write(folder.path().join("actions.txt"), "0\n".repeat(700)).unwrap();
    let (_, errors) = success_of(program(folder.path()).args(["trace", "--rom", "bricks", "--actions", "actions.txt"]));
    assert_eq!(errors, "");
}
