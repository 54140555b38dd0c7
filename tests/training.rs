//! `train` and `eval` as a user runs them, on the built-in game.
#![allow(clippy::unwrap_used)] // helpers of tests are tests

use assert_cmd::Command;
use std::fs;
use std::path::Path;

fn atari_dqn(folder: &Path, arguments: &[&str]) -> assert_cmd::assert::Assert {
    Command::cargo_bin("atari-dqn").unwrap().current_dir(folder).args(arguments).assert()
}

/// A run of some seconds; `more` comes last.
fn train_briefly<'a>(run_dir: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["train", "--run-dir", run_dir, "--preset", "bricks", "--steps", "240"];
    for assignment in [
        "learning_starts_steps=40",
        "epsilon_starts_steps=40",
        "epsilon_anneal_steps=50",
        "target_sync_steps=50",
        "replay_capacity=200",
        "metrics_every_steps=60",
        "batch_size=4",
        "final_evaluation_episodes=0",
    ] {
        arguments.extend(["--set", assignment]);
    }
    arguments.extend(more);
    arguments
}

/// The same with PQN: six environments, iterations of 24 steps.
fn train_pqn_briefly<'a>(run_dir: &'a str, steps: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["train", "--run-dir", run_dir, "--preset", "pqn-cpu", "--steps", steps];
    for assignment in [
        "num_envs=6",
        "horizon=4",
        "minibatch_size=8",
        "learning_rate_anneal_steps=240",
        "epsilon_anneal_steps=50",
        "metrics_every_steps=60",
        "final_evaluation_episodes=0",
    ] {
        arguments.extend(["--set", assignment]);
    }
    arguments.extend(more);
    arguments
}

fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

fn rows(path: &Path) -> Vec<serde_json::Value> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Evaluations during the run, each longer than the time between two.
const EVALUATIONS: [&str; 6] = [
    "--set",
    "evaluation_every_steps=70",
    "--set",
    "evaluation_steps=90",
    "--set",
    "evaluation_max_episode_frames=300",
];

#[test]
fn the_same_seed_gives_the_same_network_byte_for_byte_at_any_number_of_threads_with_and_without_evaluation() {
    let folder = tempfile::tempdir().unwrap();
    let model = |name: &str| fs::read(folder.path().join(name).join("model.safetensors")).unwrap();
    let concurrent = ["--set", "schedule=concurrent", "--set", "target_sync_steps=60"];
    let evaluated = [concurrent.as_slice(), &EVALUATIONS].concat();
    for (name, seed, threads, more) in [
        ("a", "1", "1", &[][..]),
        ("b", "1", "3", &[]),
        ("c", "2", "1", &[]),
        ("d", "1", "1", &concurrent),
        ("e", "1", "3", &concurrent),
        ("f", "1", "3", &EVALUATIONS),
        ("g", "1", "1", &evaluated),
    ] {
        Command::cargo_bin("atari-dqn")
            .unwrap()
            .current_dir(folder.path())
            .env("RAYON_NUM_THREADS", threads)
            .args(train_briefly(name, &[&["--seed", seed], more].concat()))
            .assert()
            .success();
    }
    assert!(model("a") == model("b"), "one thread and three");
    assert!(model("d") == model("e"), "one thread and three, acting and learning at the same time");
    assert!(model("a") != model("c"), "another seed is another run");
    assert!(model("a") == model("f"), "without evaluations and with");
    assert!(model("d") == model("g"), "the same, acting and learning at the same time");
    for name in ["f", "g"] {
        let rows = rows(&folder.path().join(name).join("metrics.jsonl"));
        assert_eq!(rows.iter().filter(|row| row["kind"] == "evaluation").count(), 3, "{name}");
    }
}

/// Every variant at once, on the small network for the CPU.
const ALL_VARIANTS: [&str; 24] = [
    "--set",
    "network=cpu",
    "--set",
    "dueling=true",
    "--set",
    "double=true",
    "--set",
    "n_step=3",
    "--set",
    "noisy=true",
    "--set",
    "categorical=true",
    "--set",
    "atoms=11",
    "--set",
    "prioritized=true",
    "--set",
    "target_tau=0.01",
    "--set",
    "gradient_clip_norm=1",
    "--set",
    "epsilon_schedule=exponential",
    "--set",
    "value_max=20",
];

#[test]
fn all_variants_together_give_the_same_network_at_any_number_of_threads_with_and_without_evaluation() {
    let folder = tempfile::tempdir().unwrap();
    let model = |name: &str| fs::read(folder.path().join(name).join("model.safetensors")).unwrap();
    let evaluated = [ALL_VARIANTS.as_slice(), &EVALUATIONS].concat();
    for (name, threads, more) in
        [("a", "1", ALL_VARIANTS.as_slice()), ("b", "3", &ALL_VARIANTS), ("c", "3", &evaluated)]
    {
        Command::cargo_bin("atari-dqn")
            .unwrap()
            .current_dir(folder.path())
            .env("RAYON_NUM_THREADS", threads)
            .args(train_briefly(name, more))
            .assert()
            .success();
    }
    assert!(model("a") == model("b"), "one thread and three");
    assert!(model("a") == model("c"), "without evaluations and with");
    let config = fs::read_to_string(folder.path().join("a/config.toml")).unwrap();
    assert!(config.contains("epsilon_final = 0.0\n"), "the noise explores");
    let rows = rows(&folder.path().join("a/metrics.jsonl"));
    let last = rows.iter().rfind(|row| row["kind"] == "progress").unwrap();
    assert!(last["mean_gradient_norm"].is_f64(), "{last}");
}

#[test]
fn every_head_is_trained_saved_evaluated_and_played() {
    let folder = tempfile::tempdir().unwrap();
    for (name, variant) in [
        ("noisy", vec!["--set", "noisy=true", "--set", "dueling=false"]),
        ("categorical", vec!["--set", "categorical=true", "--set", "dueling=false"]),
        ("dueling-categorical", vec!["--set", "categorical=true"]),
        ("all", ALL_VARIANTS.to_vec()),
    ] {
        atari_dqn(folder.path(), &train_briefly(name, &variant)).success();
        let games = ["eval", name, "--episodes", "2", "--max-episode-frames", "600"];
        let played = |more: &[&str]| {
            let output = atari_dqn(folder.path(), &[games.as_slice(), more].concat()).success();
            text(&output.get_output().stdout)
        };
        assert_eq!(played(&["--workers", "1"]), played(&["--workers", "2"]), "{name}: the means are always the same");
        let gif = format!("{name}.gif");
        atari_dqn(folder.path(), &["play", name, "--record", &gif, "--frames", "100"]).success();
        assert!(fs::read(folder.path().join(gif)).unwrap().starts_with(b"GIF89a"));
    }
}

#[test]
fn a_run_ends_early_when_it_is_solved() {
    let folder = tempfile::tempdir().unwrap();
    // Whatever it returns, a hundred games of at most 8 frames are soon played: two steps each.
    let more = ["--set", "solved_at=-1", "--set", "max_episode_frames=8", "--set", "noop_max=0"];
    let arguments = train_briefly("run", &[more.as_slice(), &["--set", "fire_reset=false"]].concat());
    let run = atari_dqn(folder.path(), &arguments).success();
    let output = text(&run.get_output().stdout);
    assert!(output.contains("solved: the last 100 games have a mean return of"), "{output}");
    let games = rows(&folder.path().join("run/metrics.jsonl")).iter().filter(|row| row["kind"] == "game").count();
    assert_eq!(games, 100);
    assert!(folder.path().join("run/best.safetensors").exists());

    // A solved run is trained for more steps on request.
    let run = atari_dqn(folder.path(), &["train", "--resume", "run", "--steps", "230"]).success();
    assert!(text(&run.get_output().stdout).contains("trained 230 steps"));
    let games = rows(&folder.path().join("run/metrics.jsonl")).iter().filter(|row| row["kind"] == "game").count();
    assert_eq!(games, 115);
}

#[test]
fn presets_are_listed_and_shown_and_each_can_be_trained_with() {
    let folder = tempfile::tempdir().unwrap();
    let list = text(&atari_dqn(folder.path(), &["presets"]).success().get_output().stdout);
    let names: Vec<&str> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    for name in ["nature", "dopamine", "cleanrl", "rainbow", "machado", "pong-cpu", "breakout-cpu", "bricks"] {
        assert!(names.contains(&name), "{list}");
        let shown = text(&atari_dqn(folder.path(), &["presets", name]).success().get_output().stdout);
        fs::write(folder.path().join("shown.toml"), &shown).unwrap();
        let arguments = [
            vec!["train", "--run-dir", name, "--steps", "8", "--config", "shown.toml"],
            vec!["--set", "replay_capacity=100", "--set", "final_evaluation_episodes=0"],
            vec!["--set", "learning_starts_steps=6", "--set", "batch_size=2", "--preset", name],
        ]
        .concat();
        atari_dqn(folder.path(), &arguments).success();
    }
    let wrong = atari_dqn(folder.path(), &["presets", "rainbw"]).failure().code(1);
    assert!(text(&wrong.get_output().stderr).contains("did you mean `rainbow`?"));
}

#[test]
fn a_run_leaves_its_configuration_metrics_and_network_and_its_folder_is_not_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = train_briefly("run", &["--set", "evaluation_every_steps=120", "--set", "evaluation_steps=50"]);
    let run = atari_dqn(folder.path(), &arguments).success();
    assert!(text(&run.get_output().stdout).contains("GB of memory"));
    let run = folder.path().join("run");
    let config: toml::Table = fs::read_to_string(run.join("config.toml")).unwrap().parse().unwrap();
    assert_eq!(config["algorithm"]["batch_size"].as_integer(), Some(4));
    assert_eq!(config["run"]["total_steps"].as_integer(), Some(240));

    let rows = rows(&run.join("metrics.jsonl"));
    let kinds = |kind: &str| rows.iter().filter(|row| row["kind"] == kind).count();
    assert_eq!((kinds("progress"), kinds("evaluation")), (4, 2));
    let last = rows.iter().rfind(|row| row["kind"] == "progress").unwrap();
    assert_eq!((last["step"].as_u64(), last["updates"].as_u64()), (Some(240), Some((240 - 40) / 4)));
    assert!(last["held_out_mean_max_q"].is_f64() && last["mean_loss"].is_f64());
    assert!(run.join("best.safetensors").exists(), "the best evaluation's network");

    let refused = atari_dqn(folder.path(), &arguments).failure().code(1);
    assert!(text(&refused.get_output().stderr).contains("already holds a run"));
}

#[test]
fn a_default_run_ends_with_an_evaluation_beside_random_and_a_recording() {
    let folder = tempfile::tempdir().unwrap();
    let more = ["--set", "final_evaluation_episodes=2", "--set", "evaluation_max_episode_frames=900"];
    let mut arguments = train_briefly("ignored", &more);
    // The folder's name is the program's to choose.
    arguments.drain(1..3);
    for name in ["bricks-bricks-s0", "bricks-bricks-s0-2"] {
        let run = atari_dqn(folder.path(), &arguments).success();
        let output = text(&run.get_output().stdout);
        assert!(output.contains("trained") && output.contains("random"), "{output}");
        let run = folder.path().join("runs").join(name);
        assert!(fs::read(run.join("best-game.gif")).unwrap().starts_with(b"GIF89a"));
        let report: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(run.join("evaluation.json")).unwrap()).unwrap();
        for who in ["trained", "random"] {
            assert_eq!(report[who]["episodes"].as_array().unwrap().len(), 2);
        }
    }
    // Without arguments `eval` plays the newest run.
    let eval = atari_dqn(folder.path(), &["eval", "--episodes", "1", "--max-episode-frames", "600"]).success();
    assert!(text(&eval.get_output().stdout).contains("bricks-bricks-s0-2"));
}

#[test]
fn eval_writes_the_same_games_for_any_number_of_workers() {
    let folder = tempfile::tempdir().unwrap();
    atari_dqn(folder.path(), &train_briefly("run", &[])).success();
    let eval = |workers: &str, json: &str, csv: &str| {
        let fixed = ["eval", "run", "--episodes", "3", "--max-episode-frames", "700", "--seed", "5"];
        let more = ["--workers", workers, "--json", json, "--csv", csv];
        let played = atari_dqn(folder.path(), &[fixed.as_slice(), more.as_slice()].concat()).success();
        let output = text(&played.get_output().stdout);
        assert!(output.contains("mean") && output.contains("protocol: 3 whole games"), "{output}");
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        (read(json), read(csv))
    };
    let alone = eval("1", "one.json", "one.csv");
    assert_eq!(eval("3", "three.json", "three.csv"), alone);
    let reports: serde_json::Value = serde_json::from_str(&alone.0).unwrap();
    let report = &reports[0];
    let episode = &report["episodes"][1];
    assert_eq!(episode["seed"].as_u64(), Some(6));
    for field in ["score", "frames", "noops", "lives_ended"] {
        assert!(episode[field].is_u64(), "{field}: {episode}");
    }
    assert!(episode["truncated"].is_boolean());
    assert_eq!(report["summary"]["episodes"].as_u64(), Some(3));
    assert_eq!(report["protocol"]["epsilon"].as_f64(), Some(0.05));
    assert_eq!(alone.1.lines().count(), 4);
}

#[test]
fn eval_writes_every_action_with_its_reward_and_the_q_values_that_chose_it() {
    let folder = tempfile::tempdir().unwrap();
    atari_dqn(folder.path(), &train_briefly("run", &[])).success();
    /// (seed, step, checksum, number of the action, reward, Q-values)
    type Line = (u64, usize, String, usize, i64, Vec<f32>);
    let eval = |epsilon: &str, workers: &str| -> (Vec<Line>, serde_json::Value) {
        let fixed = ["eval", "run", "--episodes", "2", "--seed", "5", "--max-episode-frames", "3000"];
        let more = ["--epsilon", epsilon, "--workers", workers, "--actions", "actions.csv", "--json", "games.json"];
        atari_dqn(folder.path(), &[fixed.as_slice(), more.as_slice()].concat()).success();
        let csv = fs::read_to_string(folder.path().join("actions.csv")).unwrap();
        let (header, lines) = csv.split_once('\n').unwrap();
        assert_eq!(header, "seed,step,observation_crc32,action,reward,q_values");
        let lines = lines.lines().map(|line| {
            let [seed, step, checksum, action, reward, q_values] =
                line.split(',').collect::<Vec<_>>().try_into().unwrap();
            let q_values = q_values.split(' ').map(|q_value| q_value.parse().unwrap()).collect();
            let [step, action] = [step, action].map(|number| number.parse().unwrap());
            (seed.parse().unwrap(), step, checksum.to_string(), action, reward.parse().unwrap(), q_values)
        });
        let reports: serde_json::Value =
            serde_json::from_slice(&fs::read(folder.path().join("games.json")).unwrap()).unwrap();
        (lines.collect(), reports[0].clone())
    };
    /// The number of the action with the largest Q-value among the actions of `bricks`: NOOP, FIRE, RIGHT, LEFT.
    fn greedy(q_values: &[f32]) -> usize {
        assert_eq!(q_values.len(), 4);
        let best = q_values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        [0, 1, 3, 4][q_values.iter().position(|q_value| *q_value == best).unwrap()]
    }
    let half = eval("0.5", "1");
    assert_eq!(eval("0.5", "2"), half, "one worker and two");
    let (lines, report) = half;
    let random = lines.iter().filter(|line| line.3 != greedy(&line.5)).count();
    assert!((lines.len() / 4..lines.len() / 2).contains(&random), "{random} of {}: 3 of 8 are expected", lines.len());
    for episode in report["episodes"].as_array().unwrap() {
        let game: Vec<&Line> = lines.iter().filter(|line| Some(line.0) == episode["seed"].as_u64()).collect();
        let score: i64 = game.iter().map(|line| line.4).sum();
        assert!(score > 0 && Some(score) == episode["score"].as_i64(), "{score}, {episode}");
        // FIRE at the start is one more frame.
        let frames = episode["frames"].as_u64().unwrap() - episode["noops"].as_u64().unwrap() - 1;
        assert_eq!(game.len() as u64, frames.div_ceil(4));
        assert!(game.iter().map(|line| line.1).eq(1..=game.len()));
        assert!(game[0].2 != game[1].2 && game[0].2.len() == 8, "{:?}", game[0]);
    }
    let (lines, _) = eval("0", "1");
    assert!(!lines.is_empty() && lines.iter().all(|line| line.3 == greedy(&line.5)));

    let refused = atari_dqn(folder.path(), &["eval", "run", "run", "--actions", "both.csv"]).failure().code(1);
    assert!(text(&refused.get_output().stderr).contains("--actions writes the games of one policy, and there are 2"));
}

#[test]
fn several_runs_are_evaluated_in_one_table_and_their_best_and_worst_games_recorded() {
    let folder = tempfile::tempdir().unwrap();
    atari_dqn(folder.path(), &train_briefly("a", &[])).success();
    atari_dqn(folder.path(), &train_briefly("b", &["--seed", "1"])).success();
    let eval = |workers: &str| {
        let games = ["eval", "a", "b", "--protocol", "machado", "--episodes", "2", "--max-episode-frames", "400"];
        let files = ["--json", "both.json", "--csv", "both.csv", "--record", "games", "--workers", workers];
        let played = atari_dqn(folder.path(), &[games.as_slice(), files.as_slice()].concat()).success();
        let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
        let files = ["both.json", "both.csv", "games/1-bricks-best.gif", "games/2-bricks-worst.gif"].map(read);
        (text(&played.get_output().stdout), files)
    };
    let alone = eval("1");
    assert!(eval("3") == alone, "one worker and three");
    let (table, [json, csv, best, worst]) = alone;
    assert!(table.contains("a/model.safetensors") && table.contains("b/model.safetensors"), "{table}");
    assert!(table.contains("sticky actions with probability 0.25"), "{table}");
    let reports: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(reports.as_array().map(Vec::len), Some(2));
    assert_eq!(text(&csv).lines().count(), 5);
    assert!(best.starts_with(b"GIF89a") && worst.starts_with(b"GIF89a"));
}

#[test]
fn a_run_has_curves_and_a_page() {
    let folder = tempfile::tempdir().unwrap();
    atari_dqn(folder.path(), &train_briefly("run", &[])).success();
    atari_dqn(folder.path(), &["plot", "run"]).success();
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    assert!(text(&read("run/curves.svg")).starts_with("<svg"));
    assert!(read("run/curves.png").starts_with(b"\x89PNG"));
    atari_dqn(folder.path(), &["report", "run"]).success();
    assert!(text(&read("run/report.html")).contains("bricks, seed 0"));
    for (arguments, reason) in [
        (vec!["plot", "."], "is not a run folder (no metrics.jsonl)"),
        (vec!["plot", "run", "--out", "x.pdf"], "must end with .svg or .png"),
        (vec!["report", "nowhere"], "there is no folder nowhere"),
    ] {
        let refused = atari_dqn(folder.path(), &arguments).failure().code(1);
        let message = text(&refused.get_output().stderr);
        assert!(message.contains(reason), "no `{reason}` in: {message}");
    }
}

#[test]
fn baselines_need_no_network() {
    let folder = tempfile::tempdir().unwrap();
    for policy in ["random", "random-10hz", "noop"] {
        let arguments = ["eval", "--policy", policy, "--episodes", "2", "--max-episode-frames", "600"];
        let played = atari_dqn(folder.path(), &arguments).success();
        assert!(text(&played.get_output().stdout).contains(policy));
    }
}

#[test]
fn mistakes_are_answered_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("junk.safetensors"), b"junk").unwrap();
    for (arguments, expected) in [
        (vec!["train", "--set", "gama=0.9", "--set", "batch_size=0"], "did you mean `gamma`"),
        (vec!["train", "--preset", "brick"], "did you mean `bricks`"),
        (vec!["train", "--set", "batch_size=8"], "is a key of the algorithm `dqn`, and this is `pqn`"),
        (vec!["bench", "learner", "--preset", "pqn-cpu"], "measures updates of dqn, and pqn-cpu is pqn"),
        (vec!["eval"], "there is no run in ./runs"),
        (vec!["eval", "nowhere.safetensors"], "cannot read nowhere.safetensors"),
        (vec!["eval", "junk.safetensors"], "not a safetensors file"),
        (vec!["eval", "--policy", "noop", "--epsilon", "2"], "--epsilon is 2"),
    ] {
        let failed = atari_dqn(folder.path(), &arguments).failure().code(1);
        let output = text(&failed.get_output().stderr);
        assert!(output.starts_with("error: ") && output.contains(expected), "{arguments:?}: {output}");
    }
}

#[test]
#[cfg(not(feature = "cuda"))]
fn a_build_without_cuda_says_how_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let failed = atari_dqn(folder.path(), &["train", "--device", "cuda"]).failure().code(1);
    assert!(text(&failed.get_output().stderr).contains("--features cuda"));
    assert!(!folder.path().join("runs").exists(), "nothing is left behind");
}

#[test]
#[cfg(unix)]
fn a_request_to_end_saves_the_network_and_ends_well() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("atari-dqn"))
        .current_dir(folder.path())
        .args(["train", "--run-dir", "run", "--steps", "1000000", "--set", "metrics_every_steps=50"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let metrics = folder.path().join("run/metrics.jsonl");
    let begun = std::time::Instant::now();
    while fs::metadata(&metrics).map_or(true, |file| file.len() == 0) {
        assert!(begun.elapsed().as_secs() < 60, "no step within a minute");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let killed = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    assert!(child.wait().unwrap().success());
    assert!(folder.path().join("run/model.safetensors").exists());
}

/// The rows of a run without the times.
fn timeless_rows(path: &Path) -> Vec<serde_json::Value> {
    let mut rows = rows(path);
    for row in &mut rows {
        for time in ["wall_seconds", "steps_per_second", "updates_per_second"] {
            row.as_object_mut().unwrap().remove(time);
        }
    }
    rows
}

/// Also where the stop is not at the end of an iteration.
#[test]
fn pqn_gives_the_same_bytes_at_any_number_of_threads_and_stopped_and_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let run = |threads: &str, arguments: &[&str]| {
        let mut command = Command::cargo_bin("atari-dqn").unwrap();
        command.current_dir(folder.path()).env("RAYON_NUM_THREADS", threads).args(arguments).assert().success();
    };
    let model = |name: &str| fs::read(at(name).join("model.safetensors")).unwrap();
    for (name, threads, more) in [
        ("one", "1", &["--seed", "1"]),
        ("two", "2", &["--seed", "1"]),
        ("five", "5", &["--seed", "1"]),
        ("other", "2", &["--seed", "2"]),
    ] {
        run(threads, &train_pqn_briefly(name, "240", more));
    }
    run("2", &train_pqn_briefly("parts", "50", &["--seed", "1"]));
    run("1", &["train", "--resume", "parts", "--steps", "240"]);
    for name in ["two", "five", "parts"] {
        assert!(model(name) == model("one"), "{name}");
        assert_eq!(timeless_rows(&at(name).join("metrics.jsonl")), timeless_rows(&at("one").join("metrics.jsonl")));
    }
    assert!(model("other") != model("one"));
    let last = timeless_rows(&at("one").join("metrics.jsonl")).pop().unwrap();
    // Ten iterations of 24 steps, and two epochs of three minibatches in each.
    assert_eq!((last["step"].as_u64(), last["updates"].as_u64()), (Some(240), Some(60)), "{last}");
    atari_dqn(folder.path(), &["eval", "one", "--episodes", "1", "--max-episode-frames", "400"]).success();
}

#[test]
fn without_a_preset_the_run_says_what_it_is_and_how_long_it_will_take() {
    let folder = tempfile::tempdir().unwrap();
    let settings = ["--set", "num_envs=2", "--set", "horizon=2", "--set", "minibatch_size=4"];
    let line = [["train", "--steps", "8", "--set", "final_evaluation_episodes=0"].as_slice(), &settings].concat();
    let run = atari_dqn(folder.path(), &line).success();
    let output = text(&run.get_output().stdout);
    for expected in ["no preset given, so `pqn-cpu`", "8 steps take about 0:0", "--preset nature"] {
        assert!(output.contains(expected), "{output}");
    }
}

/// A key that the file lacks has its usual value, not that of the preset for a CPU.
#[test]
fn a_file_of_an_earlier_version_without_sections_trains_what_it_describes() {
    let folder = tempfile::tempdir().unwrap();
    let file = "network = \"cpu\"\ndueling = true\nreplay_capacity = 200\nfinal_evaluation_episodes = 0\n";
    fs::write(folder.path().join("old.toml"), file).unwrap();
    let run =
        atari_dqn(folder.path(), &["train", "--config", "old.toml", "--run-dir", "run", "--steps", "20"]).success();
    let output = text(&run.get_output().stdout);
    assert!(output.contains("with preset nature") && !output.contains("no preset given"), "{output}");
    let config = fs::read_to_string(folder.path().join("run/config.toml")).unwrap();
    assert!(config.contains("kind = \"dqn\"") && config.contains("norm = \"none\""), "{config}");
}

#[test]
fn a_run_that_is_resumed_past_the_end_of_its_learning_rate_is_warned() {
    let folder = tempfile::tempdir().unwrap();
    atari_dqn(folder.path(), &train_pqn_briefly("run", "48", &[])).success();
    let resume = |steps: &str| {
        let resumed = atari_dqn(folder.path(), &["train", "--resume", "run", "--steps", steps]).success();
        text(&resumed.get_output().stderr).contains("the learning rate falls to 0 at step 240")
    };
    assert!(!resume("240"));
    assert!(resume("264"));
}

#[test]
fn a_resumed_run_ends_as_one_that_never_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let evaluate = ["--set", "evaluation_every_steps=90", "--set", "evaluation_steps=40"];
    atari_dqn(folder.path(), &train_briefly("whole", &evaluate)).success();
    let mut half = train_briefly("halves", &evaluate);
    let steps = half.iter().position(|argument| *argument == "240").unwrap();
    half[steps] = "115";
    atari_dqn(folder.path(), &half).success();
    let refused = atari_dqn(folder.path(), &["train", "--resume", "halves"]).failure().code(1);
    assert!(text(&refused.get_output().stderr).contains("has 115 steps already"));
    Command::cargo_bin("atari-dqn")
        .unwrap()
        .current_dir(folder.path())
        .env("RAYON_NUM_THREADS", "3")
        .args(["train", "--resume", "halves", "--steps", "240"])
        .assert()
        .success();
    for file in ["model.safetensors", "best.safetensors"] {
        assert!(fs::read(at("whole").join(file)).unwrap() == fs::read(at("halves").join(file)).unwrap(), "{file}");
    }
    let metrics = |name: &str| timeless_rows(&at(name).join("metrics.jsonl"));
    assert_eq!(metrics("halves"), metrics("whole"));
}

#[test]
fn a_run_that_cannot_be_resumed_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |arguments: &[&str], reason: &str| {
        let refused = atari_dqn(folder.path(), arguments).failure();
        let message = text(&refused.get_output().stderr);
        assert!(message.contains(reason), "no `{reason}` in: {message}");
    };
    refused(&["train", "--resume", "nowhere"], "there is no such folder");
    fs::create_dir(folder.path().join("empty")).unwrap();
    refused(&["train", "--resume", "empty"], "holds no checkpoint");
    refused(&["train", "--resume", "empty", "--seed", "3"], "cannot be used with");
    atari_dqn(folder.path(), &train_briefly("run", &[])).success();
    let checkpoints = folder.path().join("run/checkpoints");
    let state = fs::read_dir(&checkpoints).unwrap().map(|entry| entry.unwrap().path());
    let state = state.filter(|path| path.extension().is_some_and(|end| end == "checkpoint")).max().unwrap();
    let bytes = fs::read(&state).unwrap();
    fs::write(&state, &bytes[..bytes.len() / 2]).unwrap();
    refused(&["train", "--resume", "run", "--steps", "300"], "it is cut off");
    let mut newer = bytes.clone();
    newer[8] += 1;
    fs::write(&state, &newer).unwrap();
    refused(&["train", "--resume", "run", "--steps", "300"], "written by another version of this program");
    fs::write(&state, &bytes).unwrap();
    atari_dqn(folder.path(), &["train", "--resume", "run", "--steps", "244"]).success();
}
