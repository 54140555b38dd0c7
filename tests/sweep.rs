//! `sweep` as a user runs it, on the built-in game.
#![allow(clippy::unwrap_used)] // helpers of tests are tests

use assert_cmd::Command;
use std::fs;
use std::path::Path;

/// A grid of two short runs.
fn grid<'a>(steps: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["--roms", "bricks", "--preset", "bricks", "--seeds", "2", "--steps", steps];
    arguments.extend(settings());
    arguments.extend(more);
    arguments
}

fn settings() -> Vec<&'static str> {
    let settings = [
        "learning_starts_steps=40",
        "target_sync_steps=50",
        "replay_capacity=2000",
        "metrics_every_steps=60",
        "checkpoint_every_steps=100000",
        "batch_size=4",
        "final_evaluation_episodes=2",
        "evaluation_max_episode_frames=400",
    ];
    settings.into_iter().flat_map(|assignment| ["--set", assignment]).collect()
}

fn sweep(folder: &Path, arguments: &[&str]) -> assert_cmd::assert::Assert {
    let command = ["sweep", "--out", "s"];
    Command::cargo_bin("atari-dqn").unwrap().current_dir(folder).args(command).args(arguments).assert()
}

fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

#[track_caller]
fn assert_contains(text: &str, part: &str) {
    assert!(text.contains(part), "{part:?} not in {text:?}");
}

#[test]
fn a_sweep_trains_its_grid_sums_it_up_and_does_not_repeat_finished_runs() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join("s").join(name);
    let options = grid("200", &["--jobs", "2"]);
    let first = sweep(folder.path(), &options).success();
    let printed = text(&first.get_output().stdout);
    assert_contains(&printed, "2 of 2 runs are finished");
    assert_contains(&printed, "| bricks |     2 |");
    assert_contains(&text(&first.get_output().stderr), "bricks-bricks-s1: finished");
    let summary = fs::read(at("summary.json")).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&summary).unwrap();
    let scores = json["presets"][0]["games"][0]["scores"].as_array().unwrap().clone();
    for (seed, score) in scores.iter().enumerate() {
        let evaluation = fs::read(at(&format!("bricks-bricks-s{seed}/evaluation.json"))).unwrap();
        let evaluation: serde_json::Value = serde_json::from_slice(&evaluation).unwrap();
        assert_eq!(evaluation["trained"]["summary"]["mean"], *score);
    }

    let log = |seed: u32| fs::read_to_string(at(&format!("bricks-bricks-s{seed}/train.log"))).unwrap();
    let logs = [log(0), log(1)];
    for again in [options.as_slice(), &[], &["--summary"]] {
        let again = sweep(folder.path(), again).success();
        assert_contains(&text(&again.get_output().stdout), "2 of 2 runs are finished");
    }
    assert_eq!([log(0), log(1)], logs, "nothing was trained");
    assert_eq!(fs::read(at("summary.json")).unwrap(), summary);

    let other = ["--roms", "bricks", "--preset", "bricks", "--seeds", "3"];
    let refused = text(&sweep(folder.path(), &other).failure().code(1).get_output().stderr);
    assert_contains(&refused, "its number of seeds is 2, not 3; in bricks, ");
    assert_contains(&refused, "total_steps is 200, not 200000");

    // A run that was stopped while it was evaluated, and one whose checkpoints are damaged.
    let evaluation = fs::read(at("bricks-bricks-s0/evaluation.json")).unwrap();
    fs::remove_file(at("bricks-bricks-s0/evaluation.json")).unwrap();
    fs::remove_file(at("bricks-bricks-s1/evaluation.json")).unwrap();
    for file in fs::read_dir(at("bricks-bricks-s1/checkpoints")).unwrap() {
        fs::write(file.unwrap().path(), "no checkpoint").unwrap();
    }
    let failed = sweep(folder.path(), &options).failure().code(1);
    let message = text(&failed.get_output().stderr);
    assert_contains(&message, "error: 1 of 2 runs failed");
    assert_contains(&message, "\n  bricks-bricks-s1: there is no checkpoint that can be used");
    assert_contains(&text(&failed.get_output().stdout), "1 of 2 runs are finished");
    assert_eq!(fs::read(at("bricks-bricks-s0/evaluation.json")).unwrap(), evaluation, "the same games again");
}

#[test]
#[cfg(unix)]
fn a_stopped_sweep_continues_and_ends_like_an_uninterrupted_one() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join("s").join(name);
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("atari-dqn"))
        .current_dir(folder.path())
        .args(["sweep", "--out", "s"])
        .args(grid("1200", &["--jobs", "2"]))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let begun = std::time::Instant::now();
    let rows =
        |seed: u32| fs::metadata(at(&format!("bricks-bricks-s{seed}/metrics.jsonl"))).is_ok_and(|file| file.len() > 0);
    while !(rows(0) && rows(1)) {
        assert!(begun.elapsed().as_secs() < 60, "no step within a minute");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let killed = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let mut printed = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().unwrap(), &mut printed).unwrap();
    assert!(child.wait().unwrap().success());
    assert_contains(&printed, "stopped with 0 of 2 runs finished; continue with: atari-dqn sweep --out ");
    assert!(!at("bricks-bricks-s0/evaluation.json").exists());
    let none = text(&sweep(folder.path(), &["--summary"]).failure().code(1).get_output().stderr);
    assert_contains(&none, "no run of the sweep");

    sweep(folder.path(), &[]).success();
    assert_contains(&fs::read_to_string(at("bricks-bricks-s1/train.log")).unwrap(), "continuing after step");
    let whole =
        ["train", "--rom", "bricks", "--preset", "bricks", "--seed", "1", "--steps", "1200", "--run-dir", "whole"];
    let whole = [whole.as_slice(), &settings()].concat();
    Command::cargo_bin("atari-dqn").unwrap().current_dir(folder.path()).args(whole).assert().success();
    let network = |run: std::path::PathBuf| fs::read(run.join("model.safetensors")).unwrap();
    assert!(network(at("bricks-bricks-s1")) == network(folder.path().join("whole")));
}

#[test]
fn slurm_scripts_are_printed_and_a_task_trains_its_cell() {
    let folder = tempfile::tempdir().unwrap();
    let asked = ["--slurm", "--dry-run", "--partition", "long", "--time", "90", "--mem", "4G", "--jobs", "1"];
    let printed = text(&sweep(folder.path(), &grid("60", &asked)).success().get_output().stdout);
    for line in [
        "#SBATCH --array=0-1%1\n",
        "#SBATCH --requeue\n",
        "#SBATCH --open-mode=append\n",
        "#SBATCH --signal=B:USR1@120\n",
        "#SBATCH --partition=long\n",
        "#SBATCH --time=90\n",
        "#SBATCH --mem=4G\n",
        "--cell \"$SLURM_ARRAY_TASK_ID\"",
        "--dependency=afterany:",
        " --summary\n",
    ] {
        assert_contains(&printed, line);
    }
    assert!(!folder.path().join("s").exists(), "nothing is left behind");

    // There is no sbatch on an empty PATH; the scripts for it are written all the same.
    let mut command = Command::cargo_bin("atari-dqn").unwrap();
    command.current_dir(folder.path()).env("PATH", "").args(["sweep", "--out", "s", "--slurm"]).args(grid("60", &[]));
    assert_contains(&text(&command.assert().failure().code(1).get_output().stderr), "cannot run sbatch");
    let cell = text(&sweep(folder.path(), &["--cell", "1"]).success().get_output().stdout);
    assert_contains(&cell, "trained 60 steps");
    assert_contains(&text(&sweep(folder.path(), &["--cell", "1"]).success().get_output().stdout), "s1 is finished");
    let missing = text(&sweep(folder.path(), &["--cell", "2"]).failure().code(1).get_output().stderr);
    assert_contains(&missing, "there is no cell 2; they are 0 to 1");
    let printed = text(&sweep(folder.path(), &["--slurm", "--dry-run"]).success().get_output().stdout);
    assert_contains(&printed, "#SBATCH --array=0\n");
}
