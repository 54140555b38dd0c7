//! The progress of an evaluation on stderr: a line that is redrawn on a terminal, else a plain line now and then.

use crate::evaluation::episodes::Episode;
use crate::terminal::{self, ProgressLine};
use crate::text::clock;
use std::time::{Duration, Instant};

/// Time between two plain lines.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// The progress of some games.
pub(super) struct Progress {
    line: ProgressLine,
    redraws: bool,
    policy: String,
    games: u32,
    played: u32,
    last_score: Option<f64>,
    last_line: Instant,
}

impl Progress {
    /// The progress of this many games of `policy`.
    pub(super) fn new(policy: &str, games: u32) -> Self {
        Self {
            line: ProgressLine::new(games.into()),
            redraws: terminal::redraws(),
            policy: policy.to_string(),
            games,
            played: 0,
            last_score: None,
            last_line: Instant::now(),
        }
    }

    /// A game has ended.
    pub(super) fn played(&mut self, episode: &Episode) {
        self.played += 1;
        self.last_score = Some(episode.score);
        self.redraw();
    }

    /// Time passes: shows what is due.
    pub(super) fn tick(&mut self) {
        if self.redraws {
            self.redraw();
        } else if self.last_line.elapsed() >= LINE_INTERVAL {
            self.last_line = Instant::now();
            warn!("{}", self.plain_line(terminal::width().unwrap_or(usize::MAX)));
        }
    }

    fn redraw(&self) {
        self.line.set(self.played.into(), |left| {
            let details = match self.last_score {
                None => vec!["none has ended".to_string()],
                Some(score) => vec![format!("last score {score}"), format!("{} left", clock(left.as_secs_f64()))],
            };
            (format!("{} of {} games", self.played, self.games), details)
        });
    }

    fn plain_line(&self, width: usize) -> String {
        let head = format!("{} of {} games by {}", self.played, self.games, self.policy);
        let details: Vec<String> = self.last_score.map(|score| format!("last score {score}")).into_iter().collect();
        terminal::fitted(&head, &details, width)
    }

    /// Takes the line off the terminal.
    pub(super) fn finish(&self) {
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_many_games_of_how_many() {
        let mut progress = Progress::new("a.safetensors", 30);
        assert_eq!(progress.plain_line(80), "0 of 30 games by a.safetensors");
        progress.played(&crate::evaluation::summary::tests::episode(7));
        assert_eq!(progress.plain_line(80), "1 of 30 games by a.safetensors, last score 7");
    }
}
