//! The rows of a run in `metrics.jsonl`, one JSON object a line.

use crate::saving::own_files;
use anyhow::{ensure, Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A row of `metrics.jsonl`; the key `kind` names the variant.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MetricsRow {
    /// A training game ended.
    Game {
        /// Agent steps of the run so far.
        step: u64,
        /// Games of the run so far.
        games: u64,
        /// Sum of the game's raw rewards.
        episode_return: f64,
        /// Sum of the rewards used for learning.
        clipped_return: f64,
        /// Sums of the raw rewards of each life.
        life_returns: Vec<f64>,
        /// Agent steps of the game.
        episode_steps: u64,
        /// Frames of the game, no-ops included.
        episode_frames: u64,
        /// The game was cut off by the limit.
        truncated: bool,
        /// Mean return of the last 100 games, fewer at first.
        mean_return_100_games: f64,
        /// Probability of a random action at this step, if the algorithm uses one.
        epsilon: Option<f64>,
        /// Seconds since training began.
        wall_seconds: f64,
    },
    /// Every `metrics_every_steps`.
    Progress {
        /// Agent steps of the run so far.
        step: u64,
        /// Gradient steps so far.
        updates: u64,
        /// Mean loss of the updates since the last such row.
        mean_loss: Option<f64>,
        /// Mean value of the actions in the batches since the last such row.
        mean_q_value: Option<f64>,
        /// Mean |TD error| in the batches since the last such row.
        mean_td_error: Option<f64>,
        /// Mean norm of the gradients since the last such row, before clipping; `None` without clipping.
        mean_gradient_norm: Option<f64>,
        /// Mean over the held-out states of the largest Q-value.
        held_out_mean_max_q: Option<f64>,
        /// Mean return of the last 100 games, fewer at first.
        mean_return_100_games: Option<f64>,
        /// Mean return over the environments of each one's last game, if there are several. With many environments the last 100
        /// games are mostly short ones, because these end first.
        #[serde(skip_serializing_if = "Option::is_none")]
        mean_return_last_games: Option<f64>,
        /// Probability of a random action at this step, if the algorithm uses one.
        epsilon: Option<f64>,
        /// Frames in the replay, if there is one.
        replay_frames: Option<u64>,
        /// Agent steps a second since the last such row.
        steps_per_second: f64,
        /// Gradient steps a second since the last such row.
        updates_per_second: f64,
        /// Seconds since training began.
        wall_seconds: f64,
    },
    /// An evaluation during training.
    Evaluation {
        /// Agent steps of the run so far.
        step: u64,
        /// Games played to the end.
        games: u64,
        /// Their mean raw return.
        mean_return: f64,
        /// Whether it is the best evaluation so far, for which `best.safetensors` was written.
        best: bool,
        /// Seconds since training began.
        wall_seconds: f64,
    },
}

impl MetricsRow {
    /// Agent steps of the run when it was written.
    pub fn step(&self) -> u64 {
        match self {
            MetricsRow::Game { step, .. } | MetricsRow::Progress { step, .. } | MetricsRow::Evaluation { step, .. } => {
                *step
            }
        }
    }

    /// Its numbers under their names in TensorBoard, `kind/field`; several numbers become their mean.
    ///
    /// # Errors
    /// When the row cannot be written as JSON.
    pub fn scalars(&self) -> Result<Vec<(String, f64)>> {
        let row = serde_json::to_value(self).context("cannot write a metrics row as JSON")?;
        let kind = row["kind"].as_str().unwrap_or_default();
        let number = |value: &Value| match value {
            Value::Bool(flag) => Some(f64::from(u8::from(*flag))),
            Value::Array(values) if !values.is_empty() => {
                Some(values.iter().filter_map(Value::as_f64).sum::<f64>() / values.len() as f64)
            }
            value => value.as_f64(),
        };
        let fields = row.as_object().into_iter().flatten().filter(|(name, _)| *name != "step");
        Ok(fields.filter_map(|(name, value)| Some((format!("{kind}/{name}"), number(value)?))).collect())
    }
}

/// Writes rows to a file as they come.
#[derive(Debug)]
pub struct MetricsFile {
    file: File,
    path: PathBuf,
    length: u64,
}

impl MetricsFile {
    /// Opens the file at `path` to append to its first `length` bytes; the rest is cut off. A `length` of 0 begins a
    /// new file.
    ///
    /// # Errors
    /// When it cannot be opened, or is shorter than that.
    pub fn open(path: &Path, length: u64) -> Result<Self> {
        Ok(Self { file: open_cut(path, length)?, path: path.to_path_buf(), length })
    }

    /// Bytes in the file.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there is no row yet.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds a row.
    ///
    /// # Errors
    /// When the file cannot be written to.
    pub fn write(&mut self, row: &MetricsRow) -> Result<()> {
        let mut line = serde_json::to_string(row).context("cannot write a metrics row as JSON")?;
        line.push('\n');
        // In one piece, so a program that reads meanwhile never sees half a row.
        self.file.write_all(line.as_bytes()).with_context(|| format!("cannot write to {}", self.path.display()))?;
        self.length += line.len() as u64;
        Ok(())
    }

    /// Flushes everything written to the disk.
    ///
    /// # Errors
    /// When that fails.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().with_context(|| format!("cannot write to {}", self.path.display()))
    }
}

/// What to do when a file of rows is not as the run left it.
const WITHOUT_ROWS: &str =
    "copy it back from a backup; without it the run cannot continue, but its network can be evaluated and \
                            played, and `train --config` with its config.toml starts it again in another folder";

/// Opens the file at `path`, cut to its first `length` bytes, to append to it; creates it if `length` is 0.
pub(crate) fn open_cut(path: &Path, length: u64) -> Result<File> {
    let open = || -> std::io::Result<File> {
        let mut file = own_files::open(path, length == 0)?;
        let found = file.metadata()?.len();
        if found < length {
            let lost = format!("it has {found} bytes, {length} were written to it; {WITHOUT_ROWS}");
            return Err(std::io::Error::other(lost));
        }
        file.set_len(length)?;
        file.seek(SeekFrom::End(0))?;
        Ok(file)
    };
    let missing = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => std::io::Error::other(format!("it is missing; {WITHOUT_ROWS}")),
        _ => error,
    };
    open().map_err(missing).with_context(|| format!("cannot continue with {}", path.display()))
}

/// Agent steps of the last row in the file at `path`; `None` if there is no row.
pub fn last_step(path: &Path) -> Option<u64> {
    /// Bytes read from the end of the file: many rows.
    const TAIL: u64 = 64 * 1024;
    let mut file = own_files::open(path, false).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL))).ok()?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    // The last line may be incomplete.
    text.lines().rev().find_map(|line| serde_json::from_str::<Value>(line).ok()?.get("step")?.as_u64())
}

/// The returns of the last 100 games.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RecentReturns {
    returns: VecDeque<f64>,
}

impl RecentReturns {
    /// Number of games.
    pub const WINDOW: usize = 100;

    /// Adds a game's return.
    pub fn push(&mut self, episode_return: f64) {
        if self.returns.len() == Self::WINDOW {
            self.returns.pop_front();
        }
        self.returns.push_back(episode_return);
    }

    /// Checks returns from a checkpoint.
    ///
    /// # Errors
    /// When there are more than [`WINDOW`](Self::WINDOW).
    pub fn check(&self) -> Result<()> {
        let count = self.returns.len();
        ensure!(
            count <= Self::WINDOW,
            "the checkpoint has the returns of {count} games, where {} are kept",
            Self::WINDOW
        );
        Ok(())
    }

    /// Whether there are 100.
    pub fn is_full(&self) -> bool {
        self.returns.len() == Self::WINDOW
    }

    /// Their mean; `None` before the first.
    pub fn mean(&self) -> Option<f64> {
        let count = self.returns.len();
        (count > 0).then(|| self.returns.iter().sum::<f64>() / count as f64)
    }
}

/// A running mean; taking it starts the next one.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct RunningMean {
    sum: f64,
    count: u64,
}

impl RunningMean {
    /// Adds a value.
    pub fn push(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    /// Values added since the last one was taken.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The mean since the last call; `None` if nothing was added.
    pub fn take(&mut self) -> Option<f64> {
        let taken = std::mem::take(self);
        (taken.count > 0).then(|| taken.sum / taken.count as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_covers_the_last_hundred_games() {
        let mut recent = RecentReturns::default();
        assert_eq!(recent.mean(), None);
        (0..150).for_each(|i| recent.push(f64::from(i)));
        assert_eq!(recent.mean(), Some(99.5));
        assert!(recent.is_full());
    }

    #[test]
    fn a_row_is_one_line_of_json_that_says_its_kind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut file = MetricsFile::open(&path, 0).unwrap();
        for games in 1..=2 {
            file.write(&MetricsRow::Evaluation { step: 5, games, mean_return: 1.5, best: true, wall_seconds: 0.25 })
                .unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let rows: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[1]["kind"].as_str(), rows[1]["games"].as_u64()), (Some("evaluation"), Some(2)));
        assert_eq!(last_step(&path), Some(5));
        assert_eq!(last_step(folder.path()), None);
    }

    #[test]
    fn a_running_mean_restarts_when_taken() {
        let mut mean = RunningMean::default();
        (1..=3).for_each(|value| mean.push(f64::from(value)));
        assert_eq!((mean.take(), mean.take()), (Some(2.0), None));
    }
}
