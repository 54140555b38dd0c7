//! Progress of a sweep on stderr: a row per running cell above a line of counts, redrawn in place; without a terminal a line per
//! cell every half minute. When a cell begins, ends or fails, a line says so and stays.

use crate::run::folder::METRICS_FILE;
use crate::sweep::grid::{Cell, Grid};
use crate::system::files;
use crate::terminal::{self, ProgressLine};
use crate::text::with_commas;
use indicatif::{MultiProgress, ProgressBar};
use serde_json::Value;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes read from the end of a file: some hundred rows. Many environments end that many games between two periodic rows.
const TAIL: u64 = 256 * 1024;
/// Time between two drawings of the rows.
const REDRAW_INTERVAL: Duration = Duration::from_secs(1);
/// Time between two lines of a cell without a terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(30);

/// Progress of a run, from the last rows of its metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Standing {
    step: u64,
    mean_return: Option<f64>,
    steps_per_second: Option<f64>,
}

impl Standing {
    /// The progress of the run in `folder`, which may not have begun yet.
    fn read(folder: &Path) -> Self {
        tail(&folder.join(METRICS_FILE)).map_or_else(Self::default, |text| Self::of_rows(&text))
    }

    /// The progress from rows of metrics; the first and the last may be incomplete.
    fn of_rows(text: &str) -> Self {
        let mut standing = Self::default();
        for row in text.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            let number = |key: &str| row.get(key).and_then(Value::as_f64);
            standing.step = standing.step.max(number("step").unwrap_or_default() as u64);
            standing.mean_return = standing.mean_return.or_else(|| number("mean_return_100_games"));
            standing.steps_per_second = standing.steps_per_second.or_else(|| number("steps_per_second"));
            if standing.mean_return.is_some() && standing.steps_per_second.is_some() {
                break;
            }
        }
        standing
    }

    /// Mean return and speed.
    fn in_words(&self, total_steps: u64) -> [String; 2] {
        let mean = self.mean_return.map_or("no game yet".to_string(), |mean| format!("mean return {mean:.1}"));
        let speed = match self.steps_per_second {
            _ if self.step >= total_steps => "evaluation".to_string(),
            Some(speed) => format!("{speed:.0} steps/s"),
            None => "- steps/s".to_string(),
        };
        [mean, speed]
    }
}

/// The end of a file, if it can be read.
pub fn tail(path: &Path) -> Option<String> {
    let (mut file, length) = files::open(path).ok()?;
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL))).ok()?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The rows and the counts.
pub struct Table {
    redraws: bool,
    rows: MultiProgress,
    counts: ProgressBar,
    /// Characters of the longest name.
    name_width: usize,
    drawn: Instant,
}

impl Table {
    /// A table without rows.
    pub fn new(grid: &Grid) -> Self {
        let redraws = terminal::redraws();
        let name_width = grid.cells.iter().map(|cell| cell.name.chars().count()).max().unwrap_or_default();
        let rows = MultiProgress::new();
        let counts = if redraws { rows.add(ProgressBar::no_length()) } else { ProgressBar::hidden() };
        counts.set_style(terminal::whole_line());
        Self { redraws, rows, counts, name_width, drawn: Instant::now() }
    }

    /// Adds a row.
    pub fn row(&self, cell: &Cell) -> ProgressLine {
        ProgressLine::in_table(&self.rows, &self.counts, cell.config.run.total_steps)
    }

    /// Removes a row.
    pub fn remove(&self, row: &ProgressLine) {
        row.clear();
        self.rows.remove(row.bar());
    }

    /// A line that stays.
    pub fn say(&self, text: &str) {
        if self.redraws {
            // An error means that the terminal is gone; the sweep continues without it.
            let _ = self.rows.println(text);
        } else {
            warn!("{text}");
        }
    }

    /// Updates the rows and the counts if they are due.
    pub fn show<'a>(&mut self, jobs: impl Iterator<Item = (&'a Cell, &'a ProgressLine)>, counts: &str) {
        if self.drawn.elapsed() < if self.redraws { REDRAW_INTERVAL } else { LINE_INTERVAL } {
            return;
        }
        self.drawn = Instant::now();
        for (cell, row) in jobs {
            let (standing, total) = (Standing::read(&cell.folder), cell.config.run.total_steps);
            let details = standing.in_words(total);
            if self.redraws {
                row.set(standing.step, |_| {
                    let (percent, total, width) = (row.percent(standing.step), with_commas(total), self.name_width);
                    (format!("{:width$} {percent:>3}% of {total} steps", cell.name), details.to_vec())
                });
            } else {
                let head = format!("{}: step {} of {total}", cell.name, standing.step);
                warn!("{}", terminal::fitted(&head, &details, terminal::width().unwrap_or(usize::MAX)));
            }
        }
        if self.redraws {
            self.counts.set_message(counts.to_string());
        } else {
            warn!("{counts}");
        }
    }

    /// Takes the table off the terminal.
    pub fn finish(&self) {
        self.counts.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_stands_where_its_last_rows_say_whatever_else_they_hold() {
        let text = r#"ep": 4, "mean_return_100_games": 9.0}
{"kind":"progress","step":100,"mean_return_100_games":null,"steps_per_second":250.4}
{"kind":"game","step":120,"mean_return_100_games":3.5}
{"kind":"evaluation","step":130,"mean_return":7.0}
{"kind":"game","st"#;
        let standing = Standing::of_rows(text);
        assert_eq!(standing, Standing { step: 130, mean_return: Some(3.5), steps_per_second: Some(250.4) });
        assert_eq!(standing.in_words(1000), ["mean return 3.5", "250 steps/s"]);
        assert_eq!(standing.in_words(130), ["mean return 3.5", "evaluation"]);
        assert_eq!(Standing::read(Path::new("nowhere")).in_words(10), ["no game yet", "- steps/s"]);
    }
}
