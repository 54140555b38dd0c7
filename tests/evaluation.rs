//! `eval` and other results, as a person or a script meets them: nothing lost, and no more claimed than was measured.
#![allow(clippy::unwrap_used)] // helpers of tests, which clippy takes for ordinary functions

use assert_cmd::Command;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Output;

/// One short game of a player at random.
const GAME: [&str; 7] = ["eval", "--policy", "random", "--episodes", "1", "--max-episode-frames", "400"];

fn program(folder: &Path) -> Command {
    let mut command = Command::cargo_bin("atari-dqn").unwrap();
    command.current_dir(folder).env_remove("ATARI_ROMS");
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    program(folder).args(arguments).output().unwrap()
}

/// What it wrote on standard output and stderr, and its exit status.
fn said(output: &Output) -> (String, String, Option<i32>) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

/// Trains a network for a few steps in the folder `name`; returns its standard output and stderr.
#[track_caller]
fn train(folder: &Path, name: &str, more: &[&str]) -> (String, String) {
    let mut arguments = vec!["train", "--run-dir", name, "--preset", "bricks", "--steps", "240"];
    for setting in ["learning_starts_steps=40", "replay_capacity=200", "batch_size=4", "final_evaluation_episodes=0"] {
        arguments.extend(["--set", setting]);
    }
    arguments.extend(more);
    let (output, errors, status) = said(&run(folder, &arguments));
    assert_eq!(status, Some(0), "{errors}");
    (output, errors)
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn files_that_cannot_be_written_are_named_before_the_first_game() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("old.csv"), "kept").unwrap();
    fs::write(at("file"), "").unwrap();
    for (options, complaints) in [
        (vec!["--json", "nowhere/x.json", "--csv", "old.csv"], vec!["--json: cannot write nowhere/x.json"]),
        (vec!["--csv", "nowhere/x.csv", "--json", "new.json"], vec!["--csv: cannot write nowhere/x.csv"]),
        (vec!["--actions", "nowhere/x.csv", "--json", "new.json"], vec!["--actions: cannot write nowhere/x.csv"]),
        (vec!["--record", "file/games", "--json", "new.json"], vec!["cannot create file/games"]),
        (vec!["--record", "file", "--csv", "."], vec!["cannot create file", "--csv: cannot write ."]),
        (vec!["--json", "new.json", "--csv", "./new.json"], vec!["--json and --csv are one file"]),
        (vec!["--json", "-", "--csv", "-"], vec!["only one of --json, --csv and --actions"]),
        (vec!["--record", "-"], vec!["--record needs a folder"]),
    ] {
        let (output, errors, status) = said(&run(folder.path(), &[&GAME[..], &options].concat()));
        assert_eq!((output.as_str(), status), ("", Some(1)), "{options:?}: {errors}");
        for complaint in complaints {
            assert!(errors.contains(complaint), "{options:?}: no {complaint:?} in {errors}");
        }
        assert!(!at("new.json").exists(), "{options:?}: no empty file is left");
        assert_eq!(fs::read_to_string(at("old.csv")).unwrap(), "kept", "{options:?}");
    }
    train(folder.path(), "run", &[]);
    let network = fs::read(at("run/model.safetensors")).unwrap();
    let (_, errors, status) = said(&run(folder.path(), &["eval", "run", "--json", "run/model.safetensors"]));
    assert!(status == Some(1) && errors.contains("is a network to be evaluated"), "{errors}");
    assert!(fs::read(at("run/model.safetensors")).unwrap() == network);
}

#[cfg(target_os = "linux")]
#[test]
fn one_file_that_fails_at_the_end_does_not_lose_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["--json", "/dev/full", "--csv", "games.csv", "--actions", "actions.csv", "--record", "games"];
    let (output, errors, status) = said(&run(folder.path(), &[&GAME[..], &files].concat()));
    assert_eq!(status, Some(1), "{errors}");
    assert!(errors.contains("error: --json: cannot write /dev/full") && output.contains("mean"), "{errors}");
    let lines = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap().lines().count();
    assert!(lines("games.csv") == 2 && lines("actions.csv") > 10);
    assert!(folder.path().join("games/bricks-best.gif").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn results_that_cannot_be_printed_are_exit_status_1_in_every_command() {
    let folder = tempfile::tempdir().unwrap();
    train(folder.path(), "run", &[]);
    fs::write(folder.path().join("actions.txt"), "1\n3\n").unwrap();
    for arguments in [
        GAME.to_vec(),
        vec!["eval", "run", "--episodes", "1", "--max-episode-frames", "400"],
        vec!["eval", "run", "--episodes", "1", "--max-episode-frames", "400", "--csv", "-"],
        vec!["plot", "run"],
        vec!["report", "run"],
        vec!["presets"],
        vec!["presets", "nature"],
        vec!["roms"],
        vec!["trace", "--rom", "bricks", "--actions", "actions.txt"],
        vec!["trace", "--rom", "bricks", "--actions", "actions.txt", "--vector", "1"],
        vec!["bench", "emulator", "--frames", "4"],
        vec!["sweep", "--out", "s", "--roms", "bricks", "--slurm", "--dry-run"],
        vec!["play", "--record", "game.gif", "--frames", "10"],
    ] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_atari-dqn"));
        let output = command.current_dir(folder.path()).args(&arguments).stdout(full).output().unwrap();
        let (_, errors, status) = said(&output);
        assert_eq!(status, Some(1), "{arguments:?}: {errors}");
        assert!(errors.contains("No space left on device"), "{arguments:?}: {errors}");
    }
}

#[test]
fn json_and_csv_have_one_shape_for_one_network_and_for_several_and_may_be_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    train(folder.path(), "a", &[]);
    train(folder.path(), "b", &["--seed", "1"]);
    let games = ["--episodes", "2", "--max-episode-frames", "400"];
    let mut heads = Vec::new();
    for (models, count) in [(vec!["a"], 1), (vec!["a", "b"], 2)] {
        let files = ["--json", "games.json", "--csv", "games.csv"];
        run(folder.path(), &[&["eval"], &models[..], &games, &files].concat());
        let reports = json(&at("games.json"));
        assert_eq!(reports.as_array().map(Vec::len), Some(count), "{reports}");
        assert_eq!(reports[0]["complete"], true);
        heads.push(fs::read_to_string(at("games.csv")).unwrap().lines().next().unwrap().to_string());

        let (output, table, status) =
            said(&run(folder.path(), &[&["eval"], &models[..], &games, &["--json", "-"]].concat()));
        assert_eq!(status, Some(0), "{table}");
        assert_eq!(serde_json::from_str::<Value>(&output).unwrap(), reports);
        assert!(table.contains("protocol: 2 whole games"), "the table is on stderr: {table}");
    }
    assert_eq!(heads[0], heads[1]);
    let (output, ..) = said(&run(folder.path(), &[&["eval", "a"], &games[..], &["--actions", "-"]].concat()));
    assert!(output.starts_with("seed,step,observation_crc32,action") && !output.contains("protocol"), "{output}");
}

#[cfg(unix)]
#[test]
fn a_signal_ends_an_evaluation_with_the_games_that_ended() {
    use std::time::Duration;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for (signal, status) in [("TERM", 143), ("INT", 130)] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_atari-dqn"));
        command.args(["eval", "--policy", "random", "--episodes", "1000000", "--workers", "2"]);
        command.args(["--json", "games.json", "--csv", "games.csv", "--actions", "actions.csv", "--record", "games"]);
        command.current_dir(folder.path()).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let child = command.spawn().unwrap();
        // Actions are written while games end.
        while fs::metadata(at("actions.csv")).map_or(0, |file| file.len()) == 0 {
            std::thread::sleep(Duration::from_millis(20));
        }
        let sent = std::process::Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let (output, errors, ended) = said(&child.wait_with_output().unwrap());
        assert_eq!(ended, Some(status), "{errors}");
        assert!(output.contains("of 1000000 games") && output.contains("mean"), "{output}");
        let reports = json(&at("games.json"));
        let games = reports[0]["episodes"].as_array().unwrap();
        assert!(!games.is_empty() && reports[0]["complete"] == false, "{reports}");
        assert!(output.contains(&format!("stopped after {} of 1000000 games", games.len())), "{output}");
        let rows = fs::read_to_string(at("games.csv")).unwrap();
        assert_eq!(rows.lines().count(), 1 + games.len());
        let actions = fs::read_to_string(at("actions.csv")).unwrap();
        let seeds: std::collections::BTreeSet<&str> =
            actions.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
        assert_eq!(seeds.len(), games.len());
        fs::remove_file(at("actions.csv")).unwrap();
    }
}

#[test]
fn a_network_that_is_not_finite_is_refused_by_every_command_that_reads_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run/model.safetensors");
    train(folder.path(), "run", &["--set", "keep_best=false"]);
    let sound = fs::read(&path).unwrap();
    let begin = 8 + u64::from_le_bytes(sound[..8].try_into().unwrap()) as usize;
    for (place, number, name) in [
        (begin, f32::NAN, "conv1.weight"),
        (begin, f32::INFINITY, "conv1.weight"),
        (sound.len() - 4, f32::NEG_INFINITY, ".bias"),
    ] {
        let mut bytes = sound.clone();
        bytes[place..place + 4].copy_from_slice(&number.to_le_bytes());
        fs::write(&path, &bytes).unwrap();
        for arguments in [
            vec!["eval", "run", "--episodes", "1"],
            vec!["eval", "run/model.safetensors", "--episodes", "1"],
            vec!["play", "run", "--record", "x.gif"],
        ] {
            let (output, errors, status) = said(&run(folder.path(), &arguments));
            assert_eq!((output.as_str(), status), ("", Some(1)), "{arguments:?}: {errors}");
            assert!(errors.contains(name) && errors.contains("is not finite"), "{arguments:?}: {errors}");
        }
    }
    // Finite, but the sums are not: no action is played as if it were the best.
    let mut bytes = sound.clone();
    for number in bytes[begin..].chunks_exact_mut(4) {
        number.copy_from_slice(&f32::MAX.to_le_bytes());
    }
    fs::write(&path, &bytes).unwrap();
    let (_, errors, status) = said(&run(folder.path(), &["eval", "run", "--episodes", "1", "--epsilon", "0"]));
    assert!(status == Some(1) && errors.contains("Q-values are not all finite"), "{errors}");
}

/// The update after step 48 makes parameters that are not finite. One run ends with it, the other goes on.
#[test]
fn a_run_that_diverges_says_so_and_leaves_no_network_that_is_not_finite() {
    let folder = tempfile::tempdir().unwrap();
    let settings = ["learning_starts_steps=40", "replay_capacity=200", "batch_size=4", "loss=squared", "noisy=true"];
    let wild = ["learning_rate=1", "optimizer=rmsprop", "rmsprop_epsilon=1e-12", "target_sync_steps=4"];
    let settings = settings.iter().chain(&wild).chain(&["network=nature", "final_evaluation_episodes=0"]);
    for steps in ["48", "100"] {
        let mut arguments = vec!["train", "--run-dir", steps, "--preset", "bricks", "--steps", steps];
        settings.clone().for_each(|setting| arguments.extend(["--set", setting]));
        let (_, errors, status) = said(&run(folder.path(), &arguments));
        assert_eq!(status, Some(1), "{errors}");
        assert!(errors.contains("learning has diverged") && errors.contains("a smaller learning rate"), "{errors}");
        assert!(errors.contains("conv1.weight"), "{errors}");
        for name in ["model.safetensors", "best.safetensors"] {
            assert!(!folder.path().join(steps).join(name).exists(), "{steps}: {name}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_network_given_twice_counts_once_under_any_name() {
    let folder = tempfile::tempdir().unwrap();
    train(folder.path(), "run", &["--set", "metrics_every_steps=60"]);
    train(folder.path(), "other", &["--set", "metrics_every_steps=60", "--seed", "1"]);
    std::os::unix::fs::symlink("run", folder.path().join("link")).unwrap();
    fs::hard_link(folder.path().join("run/model.safetensors"), folder.path().join("hard.safetensors")).unwrap();
    let names = ["run", "./run/", "link", "other/../run/model.safetensors", "hard.safetensors", "other"];
    let games = ["--episodes", "1", "--max-episode-frames", "400", "--json", "games.json"];
    let (table, errors, status) = said(&run(folder.path(), &[&["eval"], &names[..], &games].concat()));
    assert_eq!(status, Some(0), "{errors}");
    assert_eq!(errors.matches("so it counts once").count(), 4, "{errors}");
    assert_eq!(table.matches("bricks  ").count(), 2, "{table}");
    assert_eq!(json(&folder.path().join("games.json")).as_array().unwrap().len(), 2);

    let (_, errors, status) = said(&run(folder.path(), &["plot", "run", "./run", "link", "other", "--out", "x.svg"]));
    assert_eq!(status, Some(0), "{errors}");
    assert_eq!(errors.matches("so the run counts once").count(), 2, "{errors}");
    let picture = fs::read_to_string(folder.path().join("x.svg")).unwrap();
    assert!(picture.contains("2 runs"), "run and other");
}

#[test]
fn few_games_and_equal_ones_have_no_interval() {
    let folder = tempfile::tempdir().unwrap();
    let game = |more: &[&str]| {
        let (output, errors, status) = said(&run(folder.path(), &[&GAME[..], &["--json", "x.json"], more].concat()));
        assert_eq!(status, Some(0), "{errors}");
        (output, json(&folder.path().join("x.json"))[0]["summary"].clone())
    };
    let (output, summary) = game(&[]);
    assert!(output.contains("of 1 game ") && output.contains("none from fewer than 5 games"), "{output}");
    assert!(summary["mean_95_percent_interval"].is_null() && summary["standard_deviation"].is_null(), "{summary}");
    let still = ["eval", "--policy", "noop", "--episodes", "6", "--max-episode-frames", "400", "--noop-max", "0"];
    let (output, errors, _) = said(&run(folder.path(), &still));
    assert!(output.contains("all 6 games are the same, so they say no more than one"), "{output}{errors}");
    assert!(!output.contains("0.0 to 0.0"), "{output}");
}

#[test]
fn a_sweep_gives_its_runs_their_seeds_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (_, errors, status) =
        said(&run(folder.path(), &["sweep", "--out", "s", "--roms", "bricks", "--set", "seed=5"]));
    assert!(status == Some(1) && errors.contains("--seeds N"), "{errors}");
    assert!(!folder.path().join("s").exists());
}

#[test]
fn a_run_that_ends_before_learning_begins_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (_, errors) = train(folder.path(), "never", &["--set", "learning_starts_steps=240"]);
    assert!(errors.contains("warning: nothing will be learned: the first update follows step 244"), "{errors}");
    let (_, errors) = train(folder.path(), "late", &["--set", "learning_starts_steps=236"]);
    assert!(!errors.contains("nothing will be learned"), "{errors}");
    let resumed = run(folder.path(), &["train", "--resume", "never", "--steps", "243"]);
    assert!(said(&resumed).1.contains("nothing will be learned"), "{:?}", said(&resumed));
}

#[test]
fn the_best_network_tells_on_how_many_games_it_rests_and_a_handful_replaces_none() {
    let folder = tempfile::tempdir().unwrap();
    let evaluated = |name: &str, steps: &str| {
        let steps = format!("evaluation_steps={steps}");
        let more = ["evaluation_every_steps=60", &steps, "max_episode_frames=40", "evaluation_max_episode_frames=40"];
        let more: Vec<&str> = more.iter().flat_map(|setting| ["--set", setting]).collect();
        let (_, errors) = train(folder.path(), name, &[&more[..], &["--set", "final_evaluation_episodes=1"]].concat());
        let rows = fs::read_to_string(folder.path().join(name).join("metrics.jsonl")).unwrap();
        let rows: Vec<Value> = rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
        let evaluations: Vec<Value> = rows.into_iter().filter(|row| row["kind"] == "evaluation").collect();
        assert_eq!(evaluations.len(), 4);
        (evaluations, errors)
    };
    let (few, errors) = evaluated("few", "30");
    assert!(few.iter().all(|row| row["games"].as_u64().unwrap() < 10), "{few:?}");
    let best: Vec<&Value> = few.iter().map(|row| &row["best"]).collect();
    assert_eq!(best, [true, false, false, false]);
    assert!(errors.contains("it takes 10 games to tell which network is better"), "{errors}");
    let network = fs::read(folder.path().join("few/best.safetensors")).unwrap();
    assert!(String::from_utf8_lossy(&network).contains("\"chosen_games\":"));
    let (output, ..) = said(&run(folder.path(), &["eval", "few", "--episodes", "1", "--max-episode-frames", "400"]));
    assert!(
        output.contains("few/model.safetensors"),
        "the last network, because the best rests on a handful: {output}"
    );

    let (many, errors) = evaluated("many", "200");
    assert!(many.iter().all(|row| row["games"].as_u64().unwrap() >= 10), "{many:?}");
    assert!(many[0]["best"] == true && !errors.contains("it takes 10 games"), "{errors}");
    let (output, ..) = said(&run(folder.path(), &["eval", "many", "--episodes", "1", "--max-episode-frames", "400"]));
    assert!(
        output.contains("many/best.safetensors") && output.contains("chosen as the best by a mean return of"),
        "{output}"
    );
}
