//! Reports of evaluations: as tables for the terminal, as JSON and as CSV.

use crate::evaluation::episodes::Episode;
use crate::evaluation::protocol::Protocol;
use crate::evaluation::summary::{ReferencePair, ScoreSummary};
use crate::policy::model::Chosen;
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
    /// What its choice as the run's best network rests on; `None` for other networks.
    pub chosen: Option<Chosen>,
    /// Whether all games of the protocol were played to their ends; if not, the program was stopped.
    pub complete: bool,
    /// Every game that was, in the order of the seeds.
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
        let _ = write!(
            text,
            "\n{}, {}\nmean {:.1} of {} (95 % bootstrap interval {}), standard deviation {}\n\
             median {:.1}, lowest {:.0}, highest {:.0}\n",
            self.game,
            self.policy,
            summary.mean,
            games(summary.episodes),
            summary.interval_in_words(),
            or_dash(summary.standard_deviation),
            summary.median,
            summary.min,
            summary.max
        );
        self.limits().iter().for_each(|limit| text += &format!("{limit}\n"));
        match (summary.human_normalized_percent, &summary.reference) {
            (Some(percent), Some(reference)) => {
                let _ = writeln!(
                    text,
                    "human-normalised {percent:.1} % (random {}, human {}: {})",
                    reference.random, reference.human, reference.source
                );
            }
            _ if self.cartridge_md5.is_none() => {}
            _ => {
                let _ = writeln!(text, "no human reference score for {}", self.game);
            }
        }
        let _ = writeln!(text, "protocol: {}", self.protocol_in_words);
        text
    }

    /// What readers must know before they trust the statistics.
    fn limits(&self) -> Vec<String> {
        let mut limits: Vec<String> = self.chosen.iter().map(Chosen::in_words).collect();
        let (played, wanted) = (self.episodes.len(), self.protocol.episodes);
        if !self.complete {
            limits.push(format!(
                "stopped after {played} of {wanted} games; games that were still going on are left out, so long games are missing"
            ));
        }
        let game = |episode: &Episode| (episode.frames, episode.lives_ended, episode.noops, episode.score.to_bits());
        if played > 1 && self.episodes.windows(2).all(|pair| game(&pair[0]) == game(&pair[1])) {
            limits.push(format!(
                "all {played} games are the same, so they say no more than one; --epsilon, --noop-max or --sticky makes them differ"
            ));
        }
        limits
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
}

/// A number of games in words.
fn games(count: usize) -> String {
    if count == 1 {
        "1 game".to_string()
    } else {
        format!("{count} games")
    }
}

fn or_dash(number: Option<f64>) -> String {
    number.map_or("-".to_string(), |number| format!("{number:.1}"))
}

/// Several evaluations by one protocol, a line each.
pub(super) fn comparison(reports: &[&EvaluationReport]) -> String {
    let mut text = format!(
        "{:<18} {:>5} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}  {:<28} policy\n",
        "game", "games", "mean", "std dev", "median", "lowest", "highest", "human %", "95 % interval of mean"
    );
    for report in reports {
        let summary = &report.summary;
        let human = or_dash(summary.human_normalized_percent);
        let _ = writeln!(
            text,
            "{:<18} {:>5} {:>9.1} {:>9} {:>9.1} {:>9.0} {:>9.0} {human:>9}  {:<28} {}",
            report.game,
            summary.episodes,
            summary.mean,
            or_dash(summary.standard_deviation),
            summary.median,
            summary.min,
            summary.max,
            summary.interval_in_words(),
            report.policy
        );
    }
    let mut said: Vec<String> = Vec::new();
    for report in reports {
        said.extend(report.limits().into_iter().map(|limit| format!("{}: {limit}", report.policy)));
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

/// The games as comma-separated values, with the same columns for one policy and for several.
pub(super) fn csv(reports: &[&EvaluationReport]) -> String {
    let mut text = String::from("game,policy,seed,noops,frames,score,lives_ended,truncated\n");
    for report in reports {
        let (game, policy) = (&report.game, format!("\"{}\"", report.policy.replace('"', "\"\"")));
        for Episode { seed, noops, frames, score, lives_ended, truncated } in &report.episodes {
            let _ = writeln!(text, "{game},{policy},{seed},{noops},{frames},{score},{lives_ended},{truncated}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::summary::tests::{episode, protocol};

    fn report(scores: &[i32]) -> EvaluationReport {
        let episodes: Vec<Episode> = scores.iter().map(|score| episode(*score)).collect();
        EvaluationReport {
            game: "bricks".to_string(),
            cartridge_md5: None,
            policy: "a \"name\", with a comma".to_string(),
            steps_trained: None,
            chosen: None,
            complete: episodes.len() == protocol().episodes as usize,
            summary: ScoreSummary::new(&episodes, "bricks", &protocol()),
            episodes,
            protocol: protocol(),
            protocol_in_words: "few games".to_string(),
        }
    }

    #[test]
    fn a_report_says_when_its_games_are_few_cut_short_or_the_same() {
        let text = report(&[3, 9, 1, 9, 1]).table();
        assert!(text.contains("of 5 games (95 % bootstrap interval 1.") && !text.contains("stopped"), "{text}");
        let text = report(&[7]).table();
        assert!(text.contains("mean 7.0 of 1 game (95 % bootstrap interval none from fewer than 5 games)"), "{text}");
        assert!(text.contains("standard deviation -\n") && text.contains("stopped after 1 of 5 games"), "{text}");
        let (same, other) = (report(&[7; 5]), report(&[1, 2, 3]));
        assert!(same.table().contains("all 5 games are the same, so they say no more than one"), "{}", same.table());
        let text = comparison(&[&same, &other]);
        assert!(text.contains("all 5 games are the same") && text.contains("stopped after 3 of 5 games"), "{text}");
        assert!(text.contains("none, all scores are equal"), "{text}");
    }

    #[test]
    fn the_best_and_the_worst_game_are_the_first_of_equal_ones() {
        let report = report(&[3, 9, 1, 9, 1]);
        assert_eq!((report.best_game(), report.worst_game()), (1, 2));
        let both = [&report, &report];
        assert_eq!(
            csv(&[&report]).lines().next(),
            csv(&both).lines().next(),
            "the same columns for one and for several"
        );
        let text = comparison(&both);
        assert_eq!(text.matches("protocol: few games").count(), 1, "{text}");
        assert_eq!(text.lines().count(), 4, "{text}");
        let csv = csv(&both);
        assert_eq!(csv.lines().count(), 11);
        assert!(csv.contains("\nbricks,\"a \"\"name\"\", with a comma\",0,0,100,9,5,false\n"), "{csv}");
    }
}
