//! Reports of evaluations: as tables for the terminal, as JSON and as CSV.

use crate::evaluation::episodes::Episode;
use crate::evaluation::protocol::Protocol;
use crate::evaluation::summary::{ReferencePair, ScoreSummary};
use serde::Serialize;
use std::fmt::Write as _;

/// A whole evaluation, as `--json` writes it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EvaluationReport {
    /// The game's name.
    pub game: String,
    /// MD5 of the cartridge, if there is one.
    pub cartridge_md5: Option<String>,
    /// The network's file, or the baseline's name.
    pub policy: String,
    /// Agent steps the network was trained for.
    pub steps_trained: Option<u64>,
    /// Every game, in the order of the seeds.
    pub episodes: Vec<Episode>,
    /// All games together.
    pub summary: ScoreSummary,
    /// The conditions.
    pub protocol: Protocol,
    /// The conditions in words.
    pub protocol_in_words: String,
}

impl EvaluationReport {
    /// The table for the terminal.
    pub fn table(&self) -> String {
        let mut text = format!("{:>8} {:>6} {:>8} {:>9} {:>6}\n", "seed", "no-ops", "frames", "score", "lives");
        for episode in &self.episodes {
            let _ = writeln!(
                text,
                "{:>8} {:>6} {:>8} {:>9} {:>6}{}",
                episode.seed,
                episode.noops,
                episode.frames,
                episode.score,
                episode.lives_ended,
                if episode.truncated { "  cut off" } else { "" }
            );
        }
        let summary = &self.summary;
        let [low, high] = summary.mean_95_percent_interval;
        let _ = write!(
            text,
            "\n{}, {}\nmean {:.1} (95 % bootstrap interval {low:.1} to {high:.1}), standard deviation {:.1}\n\
             median {:.1}, lowest {:.0}, highest {:.0}\n",
            self.game, self.policy, summary.mean, summary.standard_deviation, summary.median, summary.min, summary.max
        );
        match (summary.human_normalized_percent, &summary.reference) {
            (Some(percent), Some(reference)) => {
                let _ = writeln!(
                    text,
                    "human-normalised {percent:.1} % (random {}, human {}: {})",
                    reference.random, reference.human, reference.source
                );
            }
            _ => {
                let _ = writeln!(text, "no human reference score for {}", self.game);
            }
        }
        let _ = writeln!(text, "protocol: {}", self.protocol_in_words);
        text
    }

    /// The number of the game with the highest score; the first if several are equal.
    pub fn best_game(&self) -> u32 {
        let games = self.episodes.iter().enumerate().rev();
        games.max_by(|(_, a), (_, b)| a.score.total_cmp(&b.score)).map_or(0, |(i, _)| i as u32)
    }

    /// The number of the game with the lowest score; the first if several are equal.
    pub fn worst_game(&self) -> u32 {
        let games = self.episodes.iter().enumerate();
        games.min_by(|(_, a), (_, b)| a.score.total_cmp(&b.score)).map_or(0, |(i, _)| i as u32)
    }

    /// The games as comma-separated values.
    pub fn csv(&self) -> String {
        let mut text = String::from("seed,noops,frames,score,lives_ended,truncated\n");
        for Episode { seed, noops, frames, score, lives_ended, truncated } in &self.episodes {
            let _ = writeln!(text, "{seed},{noops},{frames},{score},{lives_ended},{truncated}");
        }
        text
    }
}

/// Several evaluations by one protocol, a line each.
pub(super) fn comparison(reports: &[EvaluationReport]) -> String {
    let mut text = format!(
        "{:<18} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}  {:<22} policy\n",
        "game", "mean", "std dev", "median", "lowest", "highest", "human %", "95 % interval of mean"
    );
    for report in reports {
        let summary = &report.summary;
        let [low, high] = summary.mean_95_percent_interval;
        let human = summary.human_normalized_percent.map_or("-".to_string(), |percent| format!("{percent:.1}"));
        let _ = writeln!(
            text,
            "{:<18} {:>9.1} {:>9.1} {:>9.1} {:>9.0} {:>9.0} {human:>9}  {:<22} {}",
            report.game,
            summary.mean,
            summary.standard_deviation,
            summary.median,
            summary.min,
            summary.max,
            format!("{low:.1} to {high:.1}"),
            report.policy
        );
    }
    let mut said: Vec<String> = Vec::new();
    for report in reports {
        if let Some(ReferencePair { random, human, source }) = &report.summary.reference {
            said.push(format!("human % of {}: random {random}, human {human}: {source}", report.game));
        }
        said.push(format!("protocol: {}", report.protocol_in_words));
    }
    // Each once, in the order of the lines above.
    for (i, line) in said.iter().enumerate() {
        if !said[..i].contains(line) {
            let _ = writeln!(text, "{line}");
        }
    }
    text
}

/// The games as comma-separated values; of several policies with their names in front.
pub(super) fn csv(reports: &[EvaluationReport]) -> String {
    if let [report] = reports {
        return report.csv();
    }
    let mut text = String::new();
    for (i, report) in reports.iter().enumerate() {
        let quoted = format!("\"{}\"", report.policy.replace('"', "\"\""));
        let rows = report.csv();
        for (j, row) in rows.lines().enumerate().filter(|(j, _)| i == 0 || *j > 0) {
            let (game, policy) = if j == 0 { ("game", "policy") } else { (report.game.as_str(), quoted.as_str()) };
            let _ = writeln!(text, "{game},{policy},{row}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::summary::tests::{episode, protocol};

    #[test]
    fn the_best_and_the_worst_game_are_the_first_of_equal_ones() {
        let episodes: Vec<Episode> = [3, 9, 1, 9, 1].map(episode).to_vec();
        let report = EvaluationReport {
            game: "bricks".to_string(),
            cartridge_md5: None,
            policy: "a \"name\", with a comma".to_string(),
            steps_trained: None,
            summary: ScoreSummary::new(&episodes, "bricks", &protocol()),
            episodes,
            protocol: protocol(),
            protocol_in_words: "few games".to_string(),
        };
        assert_eq!((report.best_game(), report.worst_game()), (1, 2));
        let both = [report.clone(), report];
        let text = comparison(&both);
        assert_eq!(text.matches("protocol: few games").count(), 1, "{text}");
        assert_eq!(text.lines().count(), 4, "{text}");
        let csv = csv(&both);
        assert_eq!(csv.lines().count(), 11);
        assert!(csv.contains("\nbricks,\"a \"\"name\"\", with a comma\",0,0,100,9,5,false\n"), "{csv}");
    }
}
