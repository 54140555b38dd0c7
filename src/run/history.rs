//! Reads a run from its folder: its identity from `run.toml`, its configuration from `config.toml`, its history from
//! `metrics.jsonl`.
//!
//! Reading is lenient, because the run may still be under way or of another version: unknown keys, unknown kinds of
//! rows and an incomplete last line are skipped.

use crate::config;
use crate::files::read_text;
use crate::files::texts::read_text_leniently;
use crate::policy::model::MODEL_FILE;
use crate::run::folder::{Identity, CONFIG_FILE, EVALUATION_FILE, IDENTITY_FILE, METRICS_FILE};
use crate::system::files::{LONGEST_DESCRIPTION, LONGEST_LIST};
use crate::text::faults::{parse_toml, plain};
use anyhow::{anyhow, bail, ensure, Context, Result};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// When something happened.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moment {
    /// Agent steps of the run.
    pub step: u64,
    /// Seconds of training.
    pub wall_seconds: f64,
}

/// A training game that ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrainingGame {
    /// When.
    pub moment: Moment,
    /// Sum of its raw rewards.
    pub score: f64,
}

/// A periodic row; values that a run does not have (yet) are `None`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PeriodicRow {
    /// When.
    pub moment: Moment,
    /// Mean loss.
    pub loss: Option<f64>,
    /// Mean largest Q-value of the held-out states.
    pub held_out_max_q: Option<f64>,
    /// Probability of a random action.
    pub epsilon: Option<f64>,
    /// Agent steps a second.
    pub steps_per_second: Option<f64>,
}

/// An evaluation during training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// When.
    pub moment: Moment,
    /// Games played.
    pub games: u64,
    /// Their mean score.
    pub score: f64,
}

/// A run as read from its folder.
#[derive(Clone, Debug, PartialEq)]
pub struct RunHistory {
    /// The run's folder.
    pub folder: PathBuf,
    /// The game's name.
    pub game: String,
    /// MD5 of the cartridge.
    pub cartridge_md5: String,
    /// The preset it began with.
    pub preset: String,
    /// Every key of its configuration, without sections.
    pub config: toml::Table,
    /// Training games, in order.
    pub games: Vec<TrainingGame>,
    /// Periodic rows, in order.
    pub progress: Vec<PeriodicRow>,
    /// Evaluations during training, in order.
    pub evaluations: Vec<Evaluation>,
    /// A sentence for people about what was skipped.
    pub warning: Option<String>,
}

impl RunHistory {
    /// Reads the run in `folder`.
    ///
    /// # Errors
    /// When it is not a run's folder, or a file in it cannot be read.
    pub fn read(folder: &Path) -> Result<Self> {
        let shown = folder.display();
        if !folder.is_dir() {
            bail!("there is no folder {shown}; give a run's folder, e.g. runs/bricks-bricks-s0");
        }
        let has = |file: &str| folder.join(file).is_file();
        if let Some(file) = [METRICS_FILE, CONFIG_FILE].into_iter().find(|file| !has(file)) {
            ensure!(
                !has(IDENTITY_FILE) && !has(MODEL_FILE),
                "the run in {shown} has lost its {file}: copy it back from a backup; without it there are no curves, but `eval` \
                 and `play` need the network alone"
            );
            let inside = runs_in(folder);
            let advice = match inside.as_slice() {
                [] => "give the folder that `atari-dqn train` names in its line `files:`".to_string(),
                runs => format!("runs in it: {}", runs.join(", ")),
            };
            bail!("{shown} is not a run folder (no {file}); {advice}");
        }
        let path = folder.join(CONFIG_FILE);
        let sections: toml::Table = parse_toml(&read_text(&path, LONGEST_DESCRIPTION)?)
            .with_context(|| format!("{} is not TOML", path.display()))?;
        let Identity { game, cartridge_md5, preset, .. } = Identity::read(folder)?;
        let mut history = Self {
            folder: folder.to_path_buf(),
            game,
            cartridge_md5,
            preset,
            config: config::flat(&sections),
            games: Vec::new(),
            progress: Vec::new(),
            evaluations: Vec::new(),
            warning: None,
        };
        let path = folder.join(METRICS_FILE);
        history
            .read_rows(&read_text_leniently(&path, LONGEST_LIST)?)
            .with_context(|| format!("{} cannot be used", path.display()))?;
        Ok(history)
    }

    fn read_rows(&mut self, text: &str) -> Result<()> {
        let lines: Vec<&str> = text.lines().collect();
        for (i, line) in lines.iter().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let number = i + 1;
            match serde_json::from_str::<Value>(line) {
                Ok(row) => self.read_row(&row).with_context(|| format!("line {number}"))?,
                // The program may have been killed in the middle of a line, or may be writing it just now.
                Err(_) if number == lines.len() => {
                    self.warning = Some(format!(
                        "the last line of {} is not whole and is left out",
                        self.folder.join(METRICS_FILE).display()
                    ));
                }
                Err(error) => {
                    bail!(
                        "line {number} of {} is not JSON ({error}); remove the line, or take the file from a backup",
                        lines.len()
                    )
                }
            }
        }
        Ok(())
    }

    fn read_row(&mut self, row: &Value) -> Result<()> {
        let optional = |key: &str| row.get(key).and_then(Value::as_f64);
        let number = |key: &str| optional(key).ok_or_else(|| anyhow!("the row has no number `{key}`: {row}"));
        let moment =
            || -> Result<Moment> { Ok(Moment { step: number("step")? as u64, wall_seconds: number("wall_seconds")? }) };
        match row.get("kind").and_then(Value::as_str) {
            Some("game") => self.games.push(TrainingGame { moment: moment()?, score: number("episode_return")? }),
            Some("progress") => self.progress.push(PeriodicRow {
                moment: moment()?,
                loss: optional("mean_loss"),
                held_out_max_q: optional("held_out_mean_max_q"),
                epsilon: optional("epsilon"),
                steps_per_second: optional("steps_per_second"),
            }),
            Some("evaluation") => self.evaluations.push(Evaluation {
                moment: moment()?,
                games: number("games")? as u64,
                score: number("mean_return")?,
            }),
            _ => {}
        }
        Ok(())
    }

    /// The seed.
    pub fn seed(&self) -> Option<i64> {
        self.config.get("seed").and_then(toml::Value::as_integer)
    }

    /// Frames of one step.
    pub fn frame_skip(&self) -> u64 {
        let frames = self.config.get("frame_skip").and_then(toml::Value::as_integer);
        frames.and_then(|frames| u64::try_from(frames).ok()).unwrap_or(4)
    }

    /// When the last row was written.
    pub fn last_moment(&self) -> Moment {
        let games = self.games.last().map(|game| game.moment);
        let progress = self.progress.last().map(|progress| progress.moment);
        let evaluations = self.evaluations.last().map(|evaluation| evaluation.moment);
        let all = [games, progress, evaluations];
        all.into_iter().flatten().max_by(|a, b| a.wall_seconds.total_cmp(&b.wall_seconds)).unwrap_or_default()
    }

    /// The evaluation after training as the run wrote it, if it exists.
    ///
    /// # Errors
    /// When the file exists but is not JSON.
    pub fn final_evaluation(&self) -> Result<Option<Value>> {
        let path = self.folder.join(EVALUATION_FILE);
        if !path.is_file() {
            return Ok(None);
        }
        let value = serde_json::from_str(&read_text_leniently(&path, LONGEST_DESCRIPTION)?).map_err(|error| {
            let why = plain(&error.to_string());
            anyhow!("{} is not JSON: {why}; remove it, or run `eval` again", path.display())
        })?;
        Ok(Some(value))
    }
}

/// Some runs directly in `folder`.
fn runs_in(folder: &Path) -> Vec<String> {
    const SHOWN: usize = 3;
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut runs: Vec<String> = entries
        .filter(|path| path.join(METRICS_FILE).is_file() && path.join(CONFIG_FILE).is_file())
        .map(|path| path.display().to_string())
        .take(SHOWN)
        .collect();
    runs.sort();
    runs
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Writes a folder like a run's: these lines in `metrics.jsonl`, these keys and the seed in `config.toml`.
    pub(crate) fn fake_run(folder: &Path, game: &str, seed: u64, keys: &str, metrics: &str) {
        fs::create_dir_all(folder).unwrap();
        let identity = Identity {
            environment: "atari".to_string(),
            game: game.to_string(),
            cartridge_md5: "abc123".to_string(),
            algorithm: "dqn".to_string(),
            preset: "nature".to_string(),
            seed,
        };
        identity.write(folder).unwrap();
        fs::write(folder.join(CONFIG_FILE), format!("frame_skip = 4\nseed = {seed}\n{keys}\n")).unwrap();
        fs::write(folder.join(METRICS_FILE), metrics).unwrap();
    }

    /// Rows of a run of this many games. Game i scores `score(i)` and ends at step 100 i.
    pub(crate) fn fake_rows(games: u64, score: impl Fn(u64) -> f64) -> String {
        let mut text = String::new();
        for i in 1..=games {
            let (step, wall_seconds, score) = (100 * i, i as f64, score(i));
            let mut row = |row: Value| text.push_str(&format!("{row}\n"));
            row(serde_json::json!({
                "kind": "game", "step": step, "episode_return": score, "wall_seconds": wall_seconds, "new_key": [1]
            }));
            row(serde_json::json!({
                "kind": "progress", "step": step, "mean_loss": 1.0 / i as f64, "held_out_mean_max_q": i as f64 / 10.0,
                "epsilon": 0.1, "steps_per_second": 250.0, "wall_seconds": wall_seconds
            }));
        }
        text
    }

    const GAME: &str = r#"{"kind":"game","step":8,"episode_return":-3.0,"wall_seconds":0.5,"later":{"a":1}}"#;

    #[test]
    fn rows_are_read_whatever_else_they_hold_and_unknown_kinds_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let rows = [
            GAME,
            r#"{"kind":"weather","sun":true}"#,
            r#"{"kind":"progress","step":10,"mean_loss":null,"epsilon":0.5,"wall_seconds":1.0}"#,
            r#"{"kind":"evaluation","step":12,"games":3,"mean_return":7.5,"wall_seconds":2.0}"#,
        ];
        fake_run(folder.path(), "pong", 3, "", &rows.join("\n"));
        let history = RunHistory::read(folder.path()).unwrap();
        assert_eq!(
            (history.game.as_str(), history.preset.as_str(), history.cartridge_md5.as_str()),
            ("pong", "nature", "abc123")
        );
        assert_eq!((history.seed(), history.frame_skip(), history.warning.clone()), (Some(3), 4, None));
        assert_eq!(history.games, [TrainingGame { moment: Moment { step: 8, wall_seconds: 0.5 }, score: -3.0 }]);
        assert_eq!((history.progress[0].loss, history.progress[0].epsilon), (None, Some(0.5)));
        assert_eq!((history.evaluations[0].games, history.evaluations[0].score), (3, 7.5));
        assert_eq!(history.last_moment().step, 12);
    }

    #[test]
    fn a_last_line_that_is_cut_off_is_left_out_with_a_warning_and_one_in_the_middle_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        fake_run(folder.path(), "pong", 3, "", &format!("{GAME}\n{}", &GAME[..20]));
        let history = RunHistory::read(folder.path()).unwrap();
        assert_eq!(history.games.len(), 1);
        assert!(history.warning.unwrap().contains("is not whole"));
        fake_run(folder.path(), "pong", 3, "", &format!("{GAME}\n{}\n{GAME}\n", &GAME[..20]));
        let message = format!("{:#}", RunHistory::read(folder.path()).unwrap_err());
        assert!(message.contains("line 2 of 3 is not JSON"), "{message}");
    }

    #[test]
    fn a_folder_without_a_run_is_refused_with_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |path: &Path| format!("{:#}", RunHistory::read(path).unwrap_err());
        assert!(refused(&folder.path().join("nowhere")).contains("there is no folder"));
        assert!(refused(folder.path()).contains("is not a run folder (no metrics.jsonl)"));
        fs::write(folder.path().join(METRICS_FILE), "").unwrap();
        assert!(refused(folder.path()).contains("is not a run folder (no config.toml)"));
        fs::write(folder.path().join(CONFIG_FILE), "seed = 1\n").unwrap();
        assert!(refused(folder.path()).contains("says which game"));
        fake_run(&folder.path().join("inner"), "pong", 3, "", "");
        fs::remove_file(folder.path().join(METRICS_FILE)).unwrap();
        assert!(refused(folder.path()).contains("runs in it: ") && refused(folder.path()).contains("inner"));
        fake_run(folder.path(), "pong", 3, "", "");
        fs::remove_file(folder.path().join(METRICS_FILE)).unwrap();
        assert!(refused(folder.path()).contains("has lost its metrics.jsonl: copy it back"));
        fake_run(folder.path(), "pong", 3, "", r#"{"kind":"game","step":8}"#);
        assert!(refused(folder.path()).contains("no number `wall_seconds`"));
    }
}
