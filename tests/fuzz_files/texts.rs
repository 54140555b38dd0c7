//! Files of text: configurations, the rows and other files of a run's folder, action files.

use crate::fuzzing::{Mutator, Parser};
use crate::make_run;
use atari_dqn::commands::Cli;
use atari_dqn::config::{Config, Sources};
use atari_dqn::environments;
use atari_dqn::networks::{Architecture, Design};
use atari_dqn::reports::{curves, curves::HorizontalAxis, page};
use atari_dqn::run::folder::{CONFIG_FILE, EVALUATION_FILE, IDENTITY_FILE, METRICS_FILE};
use atari_dqn::run::history::RunHistory;
use clap::Parser as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Presets that the samples are made from.
const PRESETS: [&str; 5] = ["nature", "rainbow", "pqn", "pqn-cpu", "bricks"];

/// Configurations, as files and as `--set`.
pub struct Configs {
    samples: Vec<Vec<u8>>,
    path: PathBuf,
}

fn preset(name: &str) -> Config {
    Config::resolve(&Sources { preset: name, ..Sources::default() }).unwrap()
}

impl Configs {
    /// Whole presets, with sections and without, and a short file.
    pub fn new(folder: &Path) -> Self {
        let mut samples: Vec<Vec<u8>> =
            PRESETS.iter().map(|name| preset(name).to_toml().unwrap().into_bytes()).collect();
        samples.push(b"gamma = 0.9\nnetwork = \"small\"\ntotal_steps = 1_000_000\nalgorithm = \"dqn\"\n".to_vec());
        samples.push(b"[algorithm]\nkind = \"pqn\"\nnum_envs = 8\n\n[run]\nseed = 3\nsolved_at = inf\n".to_vec());
        Self { samples, path: folder.join("config.toml") }
    }
}

impl Parser for Configs {
    fn make(&mut self, random: &mut Mutator) -> Vec<u8> {
        let mut file = random.choose(&self.samples).clone();
        let other = random.choose(&self.samples);
        random.text(&mut file, other);
        file
    }

    fn read(&mut self, file: &[u8]) -> bool {
        fs::write(&self.path, file).unwrap();
        let text = String::from_utf8_lossy(file);
        let _ = Config::from_toml(&text);
        let overrides: Vec<String> = text.lines().take(100).map(str::to_string).collect();
        let typed = Config::resolve(&Sources { preset: "nature", overrides: &overrides, ..Sources::default() });
        let read = Config::resolve(&Sources { preset: "pqn", file: Some(&self.path), ..Sources::default() });
        for config in [&typed, &read].into_iter().flatten() {
            let text = config.to_toml().unwrap();
            assert_eq!(Config::from_toml(&text).unwrap().to_toml().unwrap(), text, "as it was written");
            let spec = environments::spec(&config.environment, None).unwrap();
            let (space, actions) = environments::space_and_actions(&spec.description()).unwrap();
            Architecture::new(Design::of(&config.network), space, actions).unwrap().parameter_count();
        }
        read.is_ok()
    }
}

/// The files of a run that `plot` and `report` read.
pub struct Rows {
    folder: PathBuf,
    /// Names and contents.
    files: Vec<(&'static str, Vec<u8>)>,
    chosen: usize,
    count: usize,
}

impl Rows {
    /// Of a run with evaluations.
    pub fn new(folder: &Path) -> Self {
        let folder = folder.join("run");
        make_run(
            &folder,
            "bricks",
            &[
                "evaluation_every_steps=40",
                "replay_capacity=400",
                "learning_starts_steps=40",
                "final_evaluation_episodes=2",
            ],
        );
        // The rows are half of all files.
        let names = [METRICS_FILE, METRICS_FILE, METRICS_FILE, EVALUATION_FILE, IDENTITY_FILE, CONFIG_FILE];
        let mut files: Vec<_> = names.iter().map(|name| (*name, fs::read(folder.join(name)).unwrap())).collect();
        // Two hundred games of a long run.
        let game = |i: u64| {
            format!(
                "{{\"kind\":\"game\",\"step\":{},\"games\":{i},\"episode_return\":{}.0,\"wall_seconds\":{}.5}}\n",
                400 * i,
                i % 30,
                i
            )
        };
        files[1].1 = (1..=200).map(game).collect::<String>().into_bytes();
        Self { folder, files, chosen: 0, count: 0 }
    }
}

impl Parser for Rows {
    fn make(&mut self, random: &mut Mutator) -> Vec<u8> {
        self.chosen = random.below(self.files.len());
        let other = random.below(self.files.len());
        let mut file = self.files[self.chosen].1.clone();
        random.text(&mut file, &self.files[other].1);
        file
    }

    fn read(&mut self, file: &[u8]) -> bool {
        let path = self.folder.join(self.files[self.chosen].0);
        fs::write(&path, file).unwrap();
        self.count += 1;
        let accepted = RunHistory::read(&self.folder).is_ok_and(|run| {
            let axes = [HorizontalAxis::Steps, HorizontalAxis::Frames, HorizontalAxis::Hours];
            let figure = curves::figure(std::slice::from_ref(&run), axes[self.count % 3]);
            let drawn = figure.and_then(|figure| figure.svg()).is_ok();
            // Pictures of dots take ten times longer.
            if self.count.is_multiple_of(64) {
                let _ = curves::write(
                    std::slice::from_ref(&self.folder),
                    axes[self.count / 64 % 3],
                    &[self.folder.join("a.png")],
                );
            }
            page::page(&run).is_ok() && drawn
        });
        fs::write(&path, &self.files[self.chosen].1).unwrap();
        accepted
    }
}

/// Action files of `trace`, with and without `--vector`.
pub struct Actions {
    path: PathBuf,
    chosen: usize,
}

/// Options, and an action file for them.
const ACTION_FILES: [(&[&str], &str); 5] = [
    (&["--interpret"], "# start\n1\n3 0.5\n4\n\n11 # right and fire\n12 1e-3\n0\n17\n"),
    (&["--interpret", "--audio", "--sticky", "0.25"], "1\nreset 0 0\n3\nreset 0 0\n4 -0.25\n3 3e38\n"),
    (&["--interpret", "--observation", "--frame-skip", "3"], "1\n3\n4\r\n0\nreset 0 0\n1\n"),
    (
        &["--interpret", "--vector", "2", "--threads", "1", "--noop-max", "2"],
        "0 1\n2 3\nreset 1 0\n1 1\nreset 1 1 7 -8\n",
    ),
    (
        &["--interpret", "--vector", "2", "--threads", "1", "--continuous", "0.5", "--noop-max", "2"],
        "1 0 0 0.5 3.1 1\nreset 0 1 5\n0.2 -3.1 1 1 1.5 0\n",
    ),
];

impl Actions {
    /// In `folder`.
    pub fn new(folder: &Path) -> Self {
        Self { path: folder.join("actions.txt"), chosen: 0 }
    }
}

impl Parser for Actions {
    fn make(&mut self, random: &mut Mutator) -> Vec<u8> {
        self.chosen = random.below(ACTION_FILES.len());
        let mut file = ACTION_FILES[self.chosen].1.as_bytes().to_vec();
        let other = random.choose(&ACTION_FILES).1.as_bytes();
        random.text(&mut file, other);
        file
    }

    fn read(&mut self, file: &[u8]) -> bool {
        fs::write(&self.path, file).unwrap();
        let path = self.path.to_str().unwrap();
        let words = ["atari-dqn", "trace", "--rom", "bricks", "--actions", path];
        let options = ACTION_FILES[self.chosen].0;
        Cli::try_parse_from(words.iter().chain(options)).unwrap().command.run().is_ok()
    }
}
