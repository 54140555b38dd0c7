//! The progress of a run on stderr.

use crate::run::rows::MetricsRow;
use crate::text::clock;
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Least time between two plain progress lines, which replace the bar where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// The progress of a run on stderr: a bar on a terminal, else a line now and then.
pub struct Progress {
    bar: ProgressBar,
    on_terminal: bool,
    total_steps: u64,
    last_line: Option<Instant>,
}

impl Progress {
    /// The progress of a run with `total_steps` steps.
    ///
    /// # Errors
    /// When the bar cannot be made.
    pub fn new(total_steps: u64) -> Result<Self> {
        let on_terminal = std::io::stderr().is_terminal();
        let bar = if on_terminal {
            let style = ProgressStyle::with_template("{bar:24} {percent}% of {len} steps, {msg}, {eta} left")
                .context("the progress bar's template")?;
            ProgressBar::new(total_steps).with_style(style)
        } else {
            ProgressBar::hidden()
        };
        Ok(Self { bar, on_terminal, total_steps, last_line: None })
    }

    /// Sets the number of steps done.
    pub fn tick(&self, steps: u64) {
        if self.on_terminal {
            self.bar.set_position(steps);
        }
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
        let mean = mean_return_100_games.map_or("no game yet".to_string(), |mean| format!("mean return {mean:.1}"));
        let epsilon = epsilon.map_or(String::new(), |epsilon| format!("epsilon {epsilon:.2}, "));
        let message = format!("{steps_per_second:.0} steps/s, {updates_per_second:.0} updates/s, {epsilon}{mean}");
        if self.on_terminal {
            self.bar.set_message(message);
            return;
        }
        let due = self.last_line.is_none_or(|last| last.elapsed() >= LINE_INTERVAL);
        if due || *step >= self.total_steps {
            self.last_line = Some(Instant::now());
            let left = wall_seconds / *step as f64 * self.total_steps.saturating_sub(*step) as f64;
            warn!("step {step} of {}: {message}, {} left", self.total_steps, clock(left));
        }
    }

    /// Takes the bar off the terminal.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Prints a line without disturbing the bar.
    pub fn say(&self, text: &str) {
        if self.on_terminal {
            self.bar.println(text);
        } else {
            warn!("{text}");
        }
    }
}
