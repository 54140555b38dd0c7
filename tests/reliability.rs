//! Nothing is lost: killed and raced starts, edited and foreign files, as a user meets them, on the built-in game.
#![cfg(unix)]
#![allow(clippy::unwrap_used)] // helpers of tests are tests

use assert_cmd::Command;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// The keys of a short run with rows, without a checkpoint before its end.
const SETTINGS: [&str; 8] = [
    "learning_starts_steps=40",
    "target_sync_steps=50",
    "replay_capacity=400",
    "metrics_every_steps=20",
    "checkpoint_every_steps=100000",
    "batch_size=4",
    "final_evaluation_episodes=1",
    "evaluation_max_episode_frames=200",
];

fn settings() -> Vec<&'static str> {
    SETTINGS.into_iter().flat_map(|setting| ["--set", setting]).collect()
}

/// The arguments that train a run of this many steps in `run`.
fn train<'a>(run: &'a str, steps: &'a str, seed: &'a str) -> Vec<&'a str> {
    let mut words = vec!["train", "--preset", "bricks", "--run-dir", run, "--steps", steps, "--seed", seed];
    words.extend(settings());
    words
}

/// The arguments of a sweep of two runs of this many steps.
fn sweep(steps: &str) -> Vec<&str> {
    let mut words =
        vec!["sweep", "--out", "s", "--roms", "bricks", "--preset", "bricks", "--seeds", "2", "--jobs", "2"];
    words.extend(["--steps", steps]);
    words.extend(settings());
    words
}

fn atari_dqn(folder: &Path, arguments: &[&str]) -> assert_cmd::assert::Assert {
    Command::cargo_bin("atari-dqn").unwrap().current_dir(folder).args(arguments).assert()
}

/// The program at work, with no output.
fn begun(folder: &Path, arguments: &[&str]) -> Child {
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("atari-dqn"));
    command.current_dir(folder).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

#[track_caller]
fn wait_until(what: &str, happened: impl Fn() -> bool) {
    let begun = Instant::now();
    while !happened() {
        assert!(begun.elapsed().as_secs() < 60, "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn has_rows(run: &Path) -> bool {
    fs::metadata(run.join("metrics.jsonl")).is_ok_and(|file| file.len() > 0)
}

fn error(assert: &assert_cmd::assert::Assert) -> String {
    String::from_utf8_lossy(&assert.get_output().stderr).into_owned()
}

#[track_caller]
fn assert_contains(text: &str, part: &str) {
    assert!(text.contains(part), "{part:?} not in {text:?}");
}

fn model(run: PathBuf) -> Vec<u8> {
    fs::read(run.join("model.safetensors")).unwrap()
}

#[test]
fn a_run_killed_before_its_first_checkpoint_starts_over_on_resume_and_on_the_same_command() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    atari_dqn(folder.path(), &train("whole", "1500", "1")).success();
    for (run, resumed) in [("resumed", true), ("started", false)] {
        let command = train(run, "1500", "1");
        let mut child = begun(folder.path(), &command);
        wait_until("a row", || has_rows(&at(run)));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!at(run).join("model.safetensors").exists());
        // Another run is refused with the key that differs.
        let other = atari_dqn(folder.path(), &train(run, "1500", "2")).failure().code(1);
        assert_contains(&error(&other), "seed is 1, not 2");
        let again = if resumed { vec!["train", "--resume", run] } else { command };
        let again = atari_dqn(folder.path(), &again).success();
        assert_contains(&String::from_utf8_lossy(&again.get_output().stdout), "before its first checkpoint");
        assert!(model(at(run)) == model(at("whole")), "{run}");
        assert!(has_rows(&at(run).join("before")), "the rows of the killed run stay");
    }
}

#[test]
fn of_four_starts_at_once_one_trains_and_its_configuration_stays() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    // Short runs: the first is over before the last one takes the folder.
    let starts: Vec<Child> = ["1", "2", "3", "4"].map(|seed| begun(folder.path(), &train("run", "1", seed))).into();
    let ended = starts.into_iter().map(|mut child| child.wait().unwrap().success());
    assert_eq!(ended.filter(|success| *success).count(), 1);
    let seed_in = |name: &str| {
        let text = fs::read_to_string(run.join(name)).unwrap();
        text.lines().find_map(|line| line.strip_prefix("seed = ").map(str::to_string)).unwrap()
    };
    let seed = seed_in("run.toml");
    assert_eq!(seed_in("config.toml"), seed);
    let network = model(run);
    assert_contains(&String::from_utf8_lossy(&network), &format!("\"seed\":\"{seed}\""));
}

#[test]
fn files_of_others_in_a_run_folder_stay_and_links_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join("run").join(name);
    let diary = folder.path().join("diary");
    fs::create_dir_all(at("checkpoints")).unwrap();
    let foreign =
        ["film.mkv.part", "model.safetensors.part", "checkpoints/replay-of-pong.bin", "checkpoints/film.part", "notes"];
    for file in foreign.map(at).into_iter().chain([diary.clone()]) {
        fs::write(file, "mine").unwrap();
    }
    for link in ["lock", "metrics.jsonl", "events.out.tfevents.run"] {
        std::os::unix::fs::symlink(&diary, at(link)).unwrap();
        atari_dqn(folder.path(), &train("run", "20", "1")).failure().code(1);
        assert_eq!(fs::read(&diary).unwrap(), b"mine", "through {link}");
        fs::remove_file(at(link)).unwrap();
    }
    for link in ["model.safetensors.atari-dqn-part", "config.toml.atari-dqn-part"] {
        std::os::unix::fs::symlink(&diary, at(link)).unwrap();
    }
    atari_dqn(folder.path(), &train("run", "20", "1")).success();
    atari_dqn(folder.path(), &["train", "--resume", "run", "--steps", "40"]).success();
    for file in foreign.map(at).into_iter().chain([diary]) {
        assert_eq!(fs::read(&file).unwrap(), b"mine", "{}", file.display());
    }
}

#[test]
fn an_edited_configuration_is_neither_followed_nor_overwritten_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("run/config.toml");
    atari_dqn(folder.path(), &train("run", "40", "1")).success();
    let written = fs::read_to_string(&config).unwrap();
    let edited = written.replace("gamma = 0.9", "gamma = 0.8").replace("batch_size = 4", "batch_size = 8");
    fs::write(&config, &edited).unwrap();
    let resume = ["train", "--resume", "run", "--steps", "60"];
    let refused = error(&atari_dqn(folder.path(), &resume).failure().code(1));
    for part in ["batch_size is 8, not 4", "gamma is 0.8", "undo the edit", "train --config run/config.toml"] {
        assert_contains(&refused, part);
    }
    assert_eq!(fs::read_to_string(&config).unwrap(), edited, "the edit stays");
    // Notes are no edit of a key. The new length is written, and the notes stay beside it.
    let noted = format!("# my notes\n{written}");
    fs::write(&config, &noted).unwrap();
    atari_dqn(folder.path(), &resume).success();
    assert_eq!(fs::read_to_string(folder.path().join("run/config.toml.old")).unwrap(), noted);
    assert_contains(&fs::read_to_string(&config).unwrap(), "total_steps = 60");
    // The evaluation is of the longer run, and the earlier one stays.
    for evaluation in ["evaluation.json", "evaluation.json.old"] {
        assert!(folder.path().join("run").join(evaluation).exists(), "{evaluation}");
    }
    // The length can be edited.
    let longer = fs::read_to_string(&config).unwrap().replace("total_steps = 60", "total_steps = 80");
    fs::write(&config, &longer).unwrap();
    let resumed = atari_dqn(folder.path(), &["train", "--resume", "run"]).success();
    assert_contains(&String::from_utf8_lossy(&resumed.get_output().stdout), "trained 80 steps");
    assert_eq!(fs::read_to_string(&config).unwrap(), longer);
}

#[test]
fn a_finished_run_stays_when_its_checkpoints_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join("s").join(name);
    atari_dqn(folder.path(), &sweep("60")).success();
    let cells = ["bricks-bricks-s0", "bricks-bricks-s1"];
    for cell in cells {
        fs::remove_dir_all(at(cell).join("checkpoints")).unwrap();
        fs::write(at(cell).join("notes.txt"), "mine").unwrap();
    }
    let before = cells.map(|cell| (model(at(cell)), fs::read(at(cell).join("evaluation.json")).unwrap()));
    let log = fs::read(at(cells[0]).join("train.log")).unwrap();
    atari_dqn(folder.path(), &["sweep", "--out", "s"]).success();
    atari_dqn(folder.path(), &sweep("60")).success();
    let resumed = atari_dqn(folder.path(), &["train", "--resume", "s/bricks-bricks-s0"]).failure().code(1);
    assert_contains(&error(&resumed), "finished and evaluated");
    assert_eq!(cells.map(|cell| (model(at(cell)), fs::read(at(cell).join("evaluation.json")).unwrap())), before);
    assert_eq!(fs::read(at(cells[0]).join("train.log")).unwrap(), log, "nothing was trained");
    // Only the evaluation is missing: the network is evaluated, not trained.
    fs::remove_file(at(cells[0]).join("evaluation.json")).unwrap();
    // The network is all that is left of a run that was not finished: it is moved aside, and another begins.
    fs::remove_file(at(cells[1]).join("evaluation.json")).unwrap();
    fs::remove_file(at(cells[1]).join("model.safetensors")).unwrap();
    atari_dqn(folder.path(), &["sweep", "--out", "s"]).success();
    assert_eq!(fs::read(at(cells[0]).join("evaluation.json")).unwrap(), before[0].1);
    assert_eq!(fs::read(at("bricks-bricks-s1.old/notes.txt")).unwrap(), b"mine");
    assert!(model(at(cells[1])) == before[1].0 && at("bricks-bricks-s0/notes.txt").exists());
}

#[test]
#[cfg(target_os = "linux")]
fn the_runs_of_a_killed_sweep_end_with_it_and_the_next_sweep_continues() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join("s").join(name);
    let mut child = begun(folder.path(), &sweep("700"));
    wait_until("rows of both", || has_rows(&at("bricks-bricks-s0")) && has_rows(&at("bricks-bricks-s1")));
    child.kill().unwrap();
    child.wait().unwrap();
    // At once: the runs may still be ending.
    atari_dqn(folder.path(), &["sweep", "--out", "s"]).success();
    for seed in ["0", "1"] {
        let log = fs::read_to_string(at(&format!("bricks-bricks-s{seed}/train.log"))).unwrap();
        assert_contains(&log, "trained 700 steps");
        assert!(!log.contains("another process"), "{log}");
    }
    let runs = fs::read_dir("/proc").unwrap().flatten().filter(|process| {
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(&at("bricks").display().to_string())
    });
    assert_eq!(runs.count(), 0, "runs of the killed sweep are left");
}
