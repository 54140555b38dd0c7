//! The progress of a run on stderr.

use crate::run::rows::MetricsRow;
use crate::terminal::{self, ProgressLine};
use crate::text::{clock, with_commas};
use std::time::{Duration, Instant};

/// Least time between two plain progress lines, where a line cannot be redrawn.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// The progress of a run on stderr: a line that is redrawn on a terminal, else a plain line now and then.
pub struct Progress {
    line: ProgressLine,
    redraws: bool,
    total_steps: u64,
    /// Of the last periodic row, the most important first.
    details: Vec<String>,
    last_line: Option<Instant>,
}

impl Progress {
    /// The progress of a run with `total_steps` steps.
    pub fn new(total_steps: u64) -> Self {
        let redraws = terminal::redraws();
        Self { line: ProgressLine::new(total_steps), redraws, total_steps, details: Vec::new(), last_line: None }
    }

    /// Sets the number of steps done.
    pub fn tick(&self, steps: u64) {
        self.line.set(steps, |left| {
            let head = format!("{}% of {} steps", self.line.percent(steps), with_commas(self.total_steps));
            let left = format!("{} left", clock(left.as_secs_f64()));
            (head, std::iter::once(left).chain(self.details.iter().cloned()).collect())
        });
    }

    /// Shows a periodic row.
    pub fn show(&mut self, row: &MetricsRow) {
        let MetricsRow::Progress {
            step,
            epsilon,
            mean_return_100_games,
            steps_per_second,
            updates_per_second,
            wall_seconds,
            ..
        } = row
        else {
            return;
        };
        self.details = vec![
            format!("{steps_per_second:.0} steps/s"),
            mean_return_100_games.map_or("no game yet".to_string(), |mean| format!("mean return {mean:.1}")),
            epsilon.map_or(String::new(), |epsilon| format!("epsilon {epsilon:.2}")),
            format!("{updates_per_second:.0} updates/s"),
        ];
        if self.redraws {
            return;
        }
        let due = self.last_line.is_none_or(|last| last.elapsed() >= LINE_INTERVAL);
        if due || *step >= self.total_steps {
            self.last_line = Some(Instant::now());
            let left = wall_seconds / *step as f64 * self.total_steps.saturating_sub(*step) as f64;
            let head = format!("step {step} of {}", self.total_steps);
            let details: Vec<String> =
                std::iter::once(format!("{} left", clock(left))).chain(self.details.iter().cloned()).collect();
            warn!("{}", terminal::fitted(&head, &details, terminal::width().unwrap_or(usize::MAX)));
        }
    }

    /// Takes the line off the terminal.
    pub fn finish(&self) {
        self.line.clear();
    }

    /// Prints a line without disturbing the progress.
    pub fn say(&self, text: &str) {
        if self.redraws {
            self.line.say(text);
        } else {
            warn!("{text}");
        }
    }
}
