//! Classic environments as a user meets them: every algorithm is trained, stopped and resumed, evaluated, drawn and played; and the
//! traces that equal Gymnasium's.
#![allow(clippy::unwrap_used)] // helpers of tests are tests

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Output;

/// (name, options of `train`, steps of the first part, steps of the whole run) of every algorithm. Episodes are short, so that their
/// recordings are short too.
const ALGORITHMS: [(&str, &[&str], &str, &str); 9] = [
    (
        "dqn",
        &[
            "--env",
            "cartpole",
            "--set",
            "learning_starts_steps=50",
            "--set",
            "replay_capacity=150",
            "--set",
            "batch_size=8",
        ],
        "130",
        "300",
    ),
    (
        "pqn",
        &[
            "--env",
            "cartpole",
            "--preset",
            "pqn-cpu",
            "--set",
            "network=mlp",
            "--set",
            "num_envs=6",
            "--set",
            "horizon=4",
            "--set",
            "minibatch_size=8",
            "--set",
            "learning_rate_anneal_steps=480",
        ],
        "130",
        "312",
    ),
    ("reinforce", &["--preset", "cartpole-reinforce", "--set", "games_per_update=3"], "130", "300"),
    ("q-learning", &["--env", "gridworld", "--set", "epsilon_anneal_games=20"], "430", "900"),
    ("sarsa", &["--preset", "cliff-walking-sarsa"], "430", "900"),
    ("double-q", &["--preset", "cartpole-double-q", "--set", "epsilon_anneal_games=20"], "430", "900"),
    ("td", &["--preset", "mdp-td"], "430", "900"),
    ("value-iteration", &["--preset", "mdp-value-iteration", "--set", "metrics_every_steps=2"], "7", "20"),
    ("q-iteration", &["--env", "mdp", "--set", "metrics_every_steps=2"], "7", "20"),
];

fn program(folder: &Path, threads: &str, arguments: &[&str]) -> Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_atari-dqn"));
    command.current_dir(folder).env("RAYON_NUM_THREADS", threads).env_remove("ATARI_ROMS").args(arguments);
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Standard output of a command that succeeds.
#[track_caller]
fn succeed(folder: &Path, arguments: &[&str]) -> String {
    succeed_on(folder, "2", arguments)
}

#[track_caller]
fn succeed_on(folder: &Path, threads: &str, arguments: &[&str]) -> String {
    let output = program(folder, threads, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// The message of a command that fails: with status 1, or 2 if the arguments contradict each other.
#[track_caller]
fn fail(folder: &Path, status: i32, arguments: &[&str]) -> String {
    let output = program(folder, "2", arguments);
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {errors}");
    assert!(errors.contains("error: ") && !errors.contains("panicked"), "{arguments:?}: {errors}");
    errors
}

#[track_caller]
fn assert_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} not in {text:?}");
    }
}

/// The command that trains a run briefly in the folder `run`; its own options and `more` come last.
fn training<'a>(run: &'a str, steps: &'a str, own: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["train", "--run-dir", run, "--steps", steps, "--seed", "3"];
    for setting in ["metrics_every_steps=50", "final_evaluation_episodes=0", "max_episode_steps=60"] {
        arguments.extend(["--set", setting]);
    }
    arguments.extend(own);
    arguments.extend(more);
    arguments
}

/// Everything in which equal runs are equal: the bytes of the network or table, and the rows but for times.
fn result(run: &Path) -> (Vec<u8>, Vec<Value>) {
    let rows = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let timeless = |line: &str| {
        let mut row: Value = serde_json::from_str(line).unwrap();
        for key in ["wall_seconds", "steps_per_second", "updates_per_second"] {
            row.as_object_mut().unwrap().remove(key);
        }
        row
    };
    (fs::read(run.join("model.safetensors")).unwrap(), rows.lines().map(timeless).collect())
}

#[test]
fn every_algorithm_is_trained_evaluated_drawn_and_played() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let means = |threads: &str, run: &str| {
        let line = ["eval", run, "--episodes", "3", "--max-episode-frames", "40"];
        succeed_on(folder.path(), threads, &line)
    };
    for (name, own, _, steps) in ALGORITHMS {
        let evaluated = ["--set", "final_evaluation_episodes=2", "--set", "max_episode_steps=20"];
        let output = succeed(folder.path(), &training(name, steps, own, &evaluated));
        assert_contains(&output, &["trained", "random", "watch it play: atari-dqn play"]);
        assert!(at(name).join("evaluation.json").exists() && at(name).join("best-game.gif").exists(), "{name}");
        let table = means("1", name);
        assert_contains(&table, &["of 3 games", "protocol: 3 episodes of at most"]);
        assert_eq!(table, means("5", name), "{name}");
        succeed(folder.path(), &["plot", name]);
        succeed(folder.path(), &["report", name]);
        let report = fs::read_to_string(at(name).join("report.html")).unwrap();
        assert_contains(&report, &["<svg", "data:image/"]);
        let gif = format!("{name}.gif");
        let played = succeed(folder.path(), &["play", name, "--record", &gif, "--frames", "8"]);
        assert_contains(&played, &[&gif, "return"]);
        assert!(fs::read(at(&gif)).unwrap().starts_with(b"GIF89a"), "{name}");
    }
}

#[test]
fn every_algorithm_gives_the_same_bytes_at_any_number_of_threads_and_stopped_and_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let of = |run: &str| result(&folder.path().join(run));
    for (name, own, half, steps) in ALGORITHMS {
        let [one, two, five, parts] = ["one", "two", "five", "parts"].map(|run| format!("{name}-{run}"));
        for (run, threads) in [(&one, "1"), (&two, "2"), (&five, "5")] {
            succeed_on(folder.path(), threads, &training(run, steps, own, &[]));
        }
        succeed_on(folder.path(), "2", &training(&parts, half, own, &[]));
        assert!(of(&parts).0 != of(&one).0, "{name}: something is learned between steps {half} and {steps}");
        succeed_on(folder.path(), "5", &["train", "--resume", &parts, "--steps", steps]);
        let expected = of(&one);
        assert!(!expected.1.is_empty(), "{name}");
        for run in [&two, &five, &parts] {
            let found = of(run);
            assert!(found.0 == expected.0, "{run}: the network or table");
            assert_eq!(found.1, expected.1, "{run}");
        }
    }
    let mut other = training("other", "900", ALGORITHMS[3].1, &[]);
    *other.iter_mut().find(|word| **word == "3").unwrap() = "4";
    succeed(folder.path(), &other);
    assert!(of("other").0 != of("q-learning-one").0, "another seed is another run");
}

/// A grid's values are drawn at the end of its training, and a policy network is not.
#[test]
fn training_a_grid_ends_with_its_values_in_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let line = ["--env", "gridworld", "--set", "algorithm=value-iteration"];
    let output = succeed(folder.path(), &training("grid", "30", &line, &["--set", "final_evaluation_episodes=2"]));
    assert_contains(&output, &["-11.0"]);
    let rows = |output: &str| output.lines().filter(|line| line.matches(['→', '↓', '←', '↑']).count() > 3).count();
    assert!(rows(&output) >= 9, "{output}");
}

fn data(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/classic").join(file);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

/// One digit a line.
fn write_actions(folder: &Path, digits: &str) {
    fs::write(folder.join("actions.txt"), digits.split("").collect::<Vec<_>>().join("\n")).unwrap();
}

/// The cells of a trace's lines, without the header.
#[track_caller]
fn trace(folder: &Path, name: &str, seed: &str, actions: &str, more: &[&str]) -> Vec<Vec<String>> {
    write_actions(folder, actions);
    let line = ["trace", "--env", name, "--seed", seed, "--actions", "actions.txt"];
    let output = succeed(folder, &[line.as_slice(), more].concat());
    let mut lines = output.lines();
    assert_eq!(lines.next(), Some("step,observation,reward,terminated,truncated"));
    let cells: Vec<Vec<String>> = lines.map(|line| line.split(',').map(str::to_string).collect()).collect();
    assert_eq!(cells.len(), actions.len() + 1);
    cells
}

fn bits(reward: f64) -> String {
    format!("{:016x}", reward.to_bits())
}

#[test]
fn traces_of_cartpole_equal_gymnasiums() {
    let folder = tempfile::tempdir().unwrap();
    for episode in list(&data("cartpole.json")["episodes"]) {
        let (actions, seed) = (episode["actions"].as_str().unwrap(), episode["seed"].to_string());
        let version = episode["env"].as_str().unwrap().replace("CartPole-v", "version=");
        let lines = trace(folder.path(), "cartpole", &seed, actions, &["--set", &version]);
        assert_eq!(lines[0][2..], [bits(0.0), "0".into(), "0".into()]);
        for (i, (line, expected)) in lines[1..].iter().zip(list(&episode["obs"])).enumerate() {
            assert_eq!(line[0], (i + 1).to_string());
            assert_eq!(line[1].replace(':', ""), expected.as_str().unwrap(), "seed {seed}, step {i}");
            assert_eq!(line[1].len(), 4 * 8 + 3);
            assert_eq!(line[2], bits(1.0));
            let last = i + 1 == actions.len();
            for (cell, key) in [(&line[3], "terminated"), (&line[4], "truncated")] {
                assert_eq!(cell == "1", last && episode[key] == true, "seed {seed}, step {i}: {key}");
            }
        }
    }
}

/// The same numbers as in the data, where the contacts of the legs are digits.
fn as_in_data(line: &[String]) -> String {
    let numbers: Vec<&str> = line[1].split(':').collect();
    let leg = |hex: &str| if hex == "3f800000" { "1" } else { "0" };
    format!("{}{}{} {}", numbers[..6].concat(), leg(numbers[6]), leg(numbers[7]), line[2])
}

/// Also with wind, another gravity, a seed above 2^64, and a second episode for which the generator goes on.
#[test]
fn traces_of_lunar_lander_equal_gymnasiums() {
    let folder = tempfile::tempdir().unwrap();
    let data = data("lunar_lander.json");
    let episodes = list(&data["episodes"]);
    let mut traced = Vec::new();
    for (place, episode) in episodes.iter().enumerate() {
        let name = episode["name"].as_str().unwrap();
        let wanted = ["random", "heuristic with wind", "heuristic, gravity -3.5", "big seed", "first of a chain"];
        let (seed, actions) = (&episode["seed"], episode["actions"].as_str());
        if !(wanted.contains(&name) && (seed == 0 || seed == 1 || name.len() > 7)) && !name.contains("limit") {
            continue;
        }
        let seed = seed.as_str().map_or(seed.to_string(), str::to_string);
        let chain = &episodes[place..place + if name.contains("chain") { 2 } else { 1 }];
        let actions =
            actions.unwrap().to_string() + chain.get(1).map_or("", |second| second["actions"].as_str().unwrap());
        let gravity = format!("gravity={}", episode["gravity"]);
        let wind = format!("enable_wind={}", episode["wind"]);
        let lines = trace(folder.path(), "lunar-lander", &seed, &actions, &["--set", &gravity, "--set", &wind]);
        assert_eq!(lines[0][1].replace(':', ""), chain[0]["reset"].as_str().unwrap(), "{name}");
        let mut lines = lines[1..].iter();
        for episode in chain {
            let mut expected = list(&episode["steps"]).iter();
            let every = episode["every"].as_u64().unwrap_or(1) as usize;
            let steps = episode["actions"].as_str().unwrap().len();
            for (i, line) in lines.by_ref().take(steps).enumerate() {
                let last = i + 1 == steps;
                if last || i % every == every - 1 {
                    assert_eq!(as_in_data(line), expected.next().unwrap().as_str().unwrap(), "{name}, step {i}");
                }
                for (cell, key) in [(&line[3], "terminated"), (&line[4], "truncated")] {
                    assert_eq!(cell == "1", last && episode[key] == true, "{name}, step {i}: {key}");
                }
            }
        }
        traced.push(name);
    }
    assert!(traced.len() >= 8 && traced.contains(&"big seed") && traced.contains(&"first of a chain"), "{traced:?}");
}

#[test]
fn traces_of_tables_have_states_and_go_on_after_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let data = data("toy_text.json");
    for (name, key) in [("frozen-lake", "FrozenLake-v1"), ("cliff-walking", "CliffWalking-v1")] {
        for run in list(&data["environments"][key]["runs"]) {
            let (seed, actions) = (run["seed"].to_string(), run["actions"].as_str().unwrap());
            let lines = trace(folder.path(), name, &seed, actions, &[]);
            assert_eq!(lines[0][1], run["start"].to_string(), "{name} {seed}");
            for (line, step) in lines[1..].iter().zip(list(&run["steps"])) {
                assert_eq!(line[1], step[0].to_string(), "{name} {seed}");
                assert_eq!(line[2], bits(step[1].as_f64().unwrap()), "{name} {seed}");
            }
            assert_eq!(lines.last().unwrap()[3] == "1", run["terminated"] == true, "{name} {seed}");
        }
    }
    // Three steps an episode: the fourth is the first of the next, from the start.
    let lines = trace(folder.path(), "gridworld", "0", "333333", &["--set", "max_episode_steps=3"]);
    let cells = |column: usize| lines.iter().map(|line| line[column].as_str()).collect::<Vec<_>>();
    assert_eq!(cells(1), ["0", "1", "2", "3", "1", "2", "3"]);
    assert_eq!(cells(4), ["0", "0", "0", "1", "0", "0", "1"]);
}

#[test]
fn environments_are_listed_and_described() {
    let folder = tempfile::tempdir().unwrap();
    let all = succeed(folder.path(), &["envs"]);
    let names: Vec<&str> = all.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let classics = ["cartpole", "lunar-lander", "gridworld", "frozen-lake", "cliff-walking", "mdp"];
    assert_eq!(names, [&["atari"], classics.as_slice()].concat());
    let presets = succeed(folder.path(), &["presets"]);
    for name in classics {
        let described = succeed(folder.path(), &["envs", name]);
        assert_contains(&described, &[name, "observations  ", "actions       0 ", "presets       "]);
        assert!(presets.lines().any(|line| line == name), "{name} is a heading in {presets}");
        let of_it = described.lines().find_map(|line| line.strip_prefix("presets       ")).unwrap();
        for preset in of_it.split(", ") {
            let shown = succeed(folder.path(), &["presets", preset]);
            assert_contains(&shown, &[&format!("kind = \"{name}\"")]);
        }
    }
    assert_contains(&succeed(folder.path(), &["envs", "cartpole"]), &["4 numbers", "0 left, 1 right", "500 steps"]);
    assert_contains(&fail(folder.path(), 1, &["envs", "cartpol"]), &["did you mean `cartpole`?"]);
}

#[test]
fn a_sweep_trains_presets_of_several_environments() {
    let folder = tempfile::tempdir().unwrap();
    let mut line = vec!["sweep", "--preset", "gridworld,cartpole-reinforce", "--seeds", "2", "--out", "d"];
    line.extend(["--steps", "300", "--jobs", "2"]);
    for setting in ["final_evaluation_episodes=2", "max_episode_steps=30"] {
        line.extend(["--set", setting]);
    }
    assert_contains(&succeed(folder.path(), &line), &["4 of 4 runs are finished", "gridworld", "cartpole"]);
    let summary: Value = serde_json::from_slice(&fs::read(folder.path().join("d/summary.json")).unwrap()).unwrap();
    let scores: Vec<usize> = list(&summary["presets"])
        .iter()
        .flat_map(|preset| list(&preset["games"]).iter().map(|game| list(&game["scores"]).len()))
        .collect();
    assert_eq!(scores, [2, 2], "{summary}");
    assert_contains(&succeed(folder.path(), &["sweep", "--out", "d", "--summary"]), &["4 of 4 runs are finished"]);
}

/// The returns of the games of a baseline.
fn returns(folder: &Path, policy: &str, episodes: &str) -> Vec<f64> {
    let line = ["eval", "--env", "cartpole", "--policy", policy, "--episodes", episodes, "--json", "games.json"];
    succeed(folder, &line);
    let reports: Value = serde_json::from_slice(&fs::read(folder.join("games.json")).unwrap()).unwrap();
    list(&reports[0]["episodes"]).iter().map(|game| game["score"].as_f64().unwrap()).collect()
}

/// The rule that follows the pole's angle: a mean of 42 in the notebook that it is from, and never more than 72.
#[test]
fn a_rule_and_random_actions_are_baselines() {
    let folder = tempfile::tempdir().unwrap();
    let ruled = returns(folder.path(), "rule", "500");
    let mean = ruled.iter().sum::<f64>() / 500.0;
    assert_eq!(ruled.len(), 500);
    assert!((40.0..44.0).contains(&mean) && ruled.iter().all(|game| (15.0..=72.0).contains(game)), "{mean}");
    let random = returns(folder.path(), "random", "500");
    let mean = random.iter().sum::<f64>() / 500.0;
    assert!((19.0..26.0).contains(&mean), "{mean}");
    let line = ["eval", "--env", "gridworld", "--policy", "rule", "--episodes", "1"];
    assert_contains(&fail(folder.path(), 1, &line), &["nobody wrote a rule for gridworld", "--policy random"]);
}

#[test]
fn what_does_not_fit_is_refused_with_what_would() {
    let folder = tempfile::tempdir().unwrap();
    let train = ["train", "--run-dir", "run", "--steps", "100"];
    for (options, parts) in [
        (&["--env", "nonesuch"][..], &["there is no environment `nonesuch`", "lunar-lander", "atari-dqn envs"][..]),
        (&["--env", "lunarlander"], &["did you mean `lunar-lander`?"]),
        (&["--rom", "bricks", "--set", "algorithm=q-learning"], &["a table has a row for each state", "dqn or pqn"]),
        (&["--env", "cartpole", "--set", "network=small"], &["network is small", "mlp", "--set network="]),
        (&["--env", "cartpole", "--preset", "pqn-cpu"], &["mlp", "--set network="]),
        (&["--env", "gridworld", "--set", "categorical=true"], &["categorical is true", "a table and no network"]),
        (
            &["--env", "cartpole", "--set", "algorithm=value-iteration"],
            &["planning needs the probability", "only environments given as a table", "q-learning"],
        ),
        (&["--env", "lunar-lander", "--set", "gravity=-20"], &["gravity", "allowed is"]),
        (&["--env", "frozen-lake", "--set", "size=5"], &["size"]),
        (&["--env", "cartpole", "--set", "slippery=true"], &["slippery"]),
        (&["--env", "mdp", "--set", "table=none.toml"], &["none.toml", "atari-dqn envs mdp"]),
        (&["--env", "mdp", "--set", "table=."], &["`table` is three-states, chain"]),
    ] {
        assert_contains(&fail(folder.path(), 1, &[&train, options].concat()), parts);
        assert!(!folder.path().join("run").exists(), "{options:?}: no folder is left");
    }
    let both = fail(folder.path(), 2, &["train", "--env", "cartpole", "--rom", "bricks"]);
    assert_contains(&both, &["'--env <NAME>' cannot be used with '--rom"]);
}

const FAULTY_TABLE: &str = r#"
states = ["a", "b"]
actions = ["x"]
start = "c"
wrong = 1
transitions = [["a", "x", "b", 0.5, 1], ["b", "y", "a", 1.0, 0], ["a", "z"]]
"#;

#[test]
fn all_faults_of_a_table_are_named_at_once() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("own.toml"), FAULTY_TABLE).unwrap();
    let line = ["train", "--env", "mdp", "--set", "table=own.toml", "--run-dir", "run", "--steps", "5"];
    let faults = ["own.toml", "unknown key `wrong`", "`start`: unknown state c", "transition 2", "unknown action y"];
    let more = ["transition 3", "the probabilities of x in a sum to 0.5", "no action is possible in b"];
    assert_contains(&fail(folder.path(), 1, &line), &[&faults[..], &more].concat());
    for (name, content) in [("own.toml", "states = ["), ("own.toml", ""), ("own.toml", "\u{0}\u{1}")] {
        fs::write(folder.path().join(name), content).unwrap();
        assert_contains(&fail(folder.path(), 1, &line), &["own.toml"]);
    }
}

#[test]
fn bad_traces_and_foreign_cartridges_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    write_actions(folder.path(), "012");
    let trace = |more: &[&str], status: i32| {
        fail(folder.path(), status, &[&["trace", "--actions", "actions.txt", "--env"], more].concat())
    };
    assert_contains(&trace(&["cartpole"], 1), &["\"2\" is not an action", "from 0 to 1"]);
    assert_contains(&trace(&["lunar-lander", "--seed", "-1"], 1), &["--seed is -1"]);
    assert_contains(&trace(&["lunar-lander", "--set", "wind=true"], 1), &["wind"]);
    assert_contains(&trace(&["atari"], 1), &["--rom"]);
    trace(&["cartpole", "--rom", "bricks"], 2);

    succeed(folder.path(), &training("run", "7", &["--env", "mdp"], &[]));
    let resumed = fail(folder.path(), 1, &["train", "--resume", "run", "--rom", "bricks", "--steps", "20"]);
    assert_contains(&resumed, &["--rom", "mdp"]);
    let evaluated = fail(folder.path(), 1, &["eval", "run", "--rom", "bricks", "--episodes", "1"]);
    assert_contains(&evaluated, &["mdp"]);
    succeed(folder.path(), &["train", "--resume", "run", "--steps", "20"]);
}
