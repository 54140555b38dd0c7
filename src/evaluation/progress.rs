//! The progress of an evaluation on stderr: a bar on a terminal, else a line now and then.

use crate::evaluation::episodes::Episode;
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Time between two plain lines.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// The progress of some games.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    policy: String,
    games: u32,
    played: u32,
    last_score: Option<f64>,
    last_line: Instant,
}

impl Progress {
    /// The progress of this many games of `policy`.
    ///
    /// # Errors
    /// When the bar cannot be made.
    pub(super) fn new(policy: &str, games: u32) -> Result<Self> {
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} games, {msg} ({eta} left)")
            .context("the progress bar's template")?;
        let bar = std::io::stderr().is_terminal().then(|| ProgressBar::new(games.into()).with_style(style));
        if let Some(bar) = &bar {
            bar.set_message("none has ended");
        }
        Ok(Self { bar, policy: policy.to_string(), games, played: 0, last_score: None, last_line: Instant::now() })
    }

    /// A game has ended.
    pub(super) fn played(&mut self, episode: &Episode) {
        self.played += 1;
        self.last_score = Some(episode.score);
        if let Some(bar) = &self.bar {
            bar.set_message(format!("last score {}", episode.score));
            bar.inc(1);
        }
    }

    /// Time passes: shows what is due.
    pub(super) fn tick(&mut self) {
        match &self.bar {
            Some(bar) => bar.tick(),
            None if self.last_line.elapsed() >= LINE_INTERVAL => {
                self.last_line = Instant::now();
                warn!("{}", self.line());
            }
            None => {}
        }
    }

    fn line(&self) -> String {
        let score = self.last_score.map_or(String::new(), |score| format!(", last score {score}"));
        format!("{} of {} games by {}{score}", self.played, self.games, self.policy)
    }

    /// Takes the bar off the terminal.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_many_games_of_how_many() {
        let mut progress = Progress::new("a.safetensors", 30).unwrap();
        assert_eq!(progress.line(), "0 of 30 games by a.safetensors");
        progress.played(&crate::evaluation::summary::tests::episode(7));
        assert_eq!(progress.line(), "1 of 30 games by a.safetensors, last score 7");
    }
}
