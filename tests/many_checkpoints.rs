//! A run with as many checkpoints as one of half a day, made in short: a checkpoint every other step. The number of its files and
//! its memory stay flat, and after many checkpoints and a resumption the result is that of a run without any.
//!
//! A run of 12 hours at the usual intervals writes 100 to 500 checkpoints. This one writes 600, and any other number with the
//! environment variable `CHECKPOINTS`; the test prints memory, files and milliseconds per checkpoint for each eighth of the run
//! (`cargo test --profile ci --test many_checkpoints -- --nocapture`).
#![allow(clippy::unwrap_used)] // helpers of tests are tests

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Steps from one checkpoint to the next.
const EVERY: u64 = 2;
/// Parts of the run that are compared.
const PARTS: usize = 8;
/// Most growth of the resident memory after the first quarter, when the replay is full: malloc keeps some of what was freed.
const TOLERANCE_KIB: u64 = 16 * 1024;
/// Files in a run's folder: lock, two of rows, two of identity and configuration, two networks, two checkpoints, three segments,
/// one that is being written.
const MOST_FILES: usize = 13;

fn train(folder: &Path, arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_atari-dqn"));
    command.current_dir(folder).arg("train").args(arguments).env("RAYON_NUM_THREADS", "1");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn settings<'a>(run: &'a str, steps: &'a str, checkpoint_every: &'a str) -> Vec<&'a str> {
    let mut arguments = vec!["--preset", "bricks", "--run-dir", run, "--steps", steps, "--set", checkpoint_every];
    for assignment in [
        "network=cpu",
        "replay_capacity=200",
        "learning_starts_steps=40",
        "target_sync_steps=50",
        "batch_size=2",
        "metrics_every_steps=50",
        "evaluation_every_steps=0",
        "final_evaluation_episodes=0",
    ] {
        arguments.extend(["--set", assignment]);
    }
    arguments
}

/// A look at a run: the step of its newest checkpoint, all its files, its resident memory in KiB, and the time.
#[derive(Clone, Copy, Debug)]
struct Look {
    step: u64,
    files: usize,
    resident: u64,
    seconds: f64,
}

/// Looks at the run until it ends.
fn watch(mut child: Child, run: &Path) -> Vec<Look> {
    let began = Instant::now();
    let mut looks = Vec::new();
    loop {
        let ended = child.try_wait().unwrap();
        let names = |path: &Path| -> Vec<String> {
            let entries = fs::read_dir(path).into_iter().flatten().flatten();
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
        };
        let checkpoints = names(&run.join("checkpoints"));
        let step = checkpoints
            .iter()
            .filter_map(|name| name.strip_prefix("step-")?.strip_suffix(".checkpoint")?.parse::<u64>().ok());
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let resident =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
        if let Some(step) = step.max() {
            // The folder `checkpoints` is itself one of the names.
            let files = checkpoints.len() + names(run).len() - 1;
            looks.push(Look { step, files, resident: resident.unwrap_or(0), seconds: began.elapsed().as_secs_f64() });
        }
        if let Some(status) = ended {
            assert!(status.success(), "{status}");
            return looks;
        }
        sleep(Duration::from_millis(10));
    }
}

/// The rows without what depends on the time.
fn rows(run: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let row = |line: &str| {
        let mut row: serde_json::Value = serde_json::from_str(line).unwrap();
        row.as_object_mut().unwrap().retain(|key, _| !key.contains("second"));
        row
    };
    text.lines().map(row).collect()
}

#[test]
fn half_a_day_of_checkpoints_takes_no_more_files_or_memory_and_changes_nothing() {
    // In memory, where there is a folder for that: the files together are gigabytes, of which few remain at any time.
    let shared_memory = Path::new("/dev/shm");
    let folder =
        if shared_memory.is_dir() { tempfile::tempdir_in(shared_memory) } else { tempfile::tempdir() }.unwrap();
    let number = std::env::var("CHECKPOINTS").map_or(600, |number| number.parse().unwrap());
    let steps = EVERY * number;
    let (half, all) = ((steps / 2).to_string(), steps.to_string());
    let (often, never) = (format!("checkpoint_every_steps={EVERY}"), format!("checkpoint_every_steps={}", 2 * steps));

    let path = |name: &str| folder.path().join(name);
    let mut looks = watch(train(folder.path(), &settings("often", &half, &often)), &path("often"));
    let first = looks.len();
    looks.extend(watch(train(folder.path(), &["--resume", "often", "--steps", &all]), &path("often")));
    let (before, after) = looks.split_at(first);
    for (process, looks) in [before, after].into_iter().enumerate() {
        let from = looks.first().unwrap().step;
        let span = (looks.last().unwrap().step - from).max(1);
        let mut residents = Vec::new();
        for part in 0..PARTS as u64 {
            let of_part: Vec<&Look> =
                looks.iter().filter(|look| (look.step - from) * PARTS as u64 / (span + 1) == part).collect();
            let (Some(start), Some(end)) = (of_part.first(), of_part.last()) else { continue };
            let files = of_part.iter().map(|look| look.files).max().unwrap();
            let resident = of_part.iter().map(|look| look.resident).max().unwrap();
            let checkpoints = ((end.step - start.step) / EVERY).max(1);
            let milliseconds = 1e3 * (end.seconds - start.seconds) / checkpoints as f64;
            println!(
                "process {process}, step {:>6}: {files} files, {resident} KiB, {milliseconds:.1} ms a checkpoint",
                end.step
            );
            residents.push(resident);
            assert!(files <= MOST_FILES, "{files} files");
        }
        let settled = *residents[..residents.len().min(PARTS / 4)].iter().max().unwrap();
        let most = *residents.iter().max().unwrap();
        assert!(most <= settled + TOLERANCE_KIB, "resident memory {residents:?} KiB");
    }
    assert_eq!(looks.last().unwrap().step, steps);

    assert!(train(folder.path(), &settings("never", &all, &never)).wait().unwrap().success());
    let model = |name: &str| fs::read(path(name).join("model.safetensors")).unwrap();
    assert!(model("often") == model("never"), "the network");
    assert_eq!(rows(&path("often")), rows(&path("never")));
}
