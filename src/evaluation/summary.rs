//! The statistics of an evaluation's scores.

use crate::evaluation::episodes::Episode;
use crate::evaluation::protocol::Protocol;
use crate::evaluation::scores::Reference;
use crate::evaluation::statistics::{self, LEAST_VALUES};
use crate::random::{Generator, Purpose};
use serde::Serialize;

/// The statistics of the scores of some games.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoreSummary {
    /// Games.
    pub episodes: usize,
    /// Mean score.
    pub mean: f64,
    /// Standard deviation of the scores (with n - 1); `None` for one game.
    pub standard_deviation: Option<f64>,
    /// Median score.
    pub median: f64,
    /// Lowest score.
    pub min: f64,
    /// Highest score.
    pub max: f64,
    /// 95 % bootstrap interval of the mean; `None` from fewer than five games, and from games with one score.
    pub mean_95_percent_interval: Option<[f64; 2]>,
    /// 0 is the paper's random agent, 100 its human; `None` if the paper lacks the game.
    #[serde(rename = "human_normalised_percent")]
    pub human_normalized_percent: Option<f64>,
    /// The scores that count as 0 and 100 %.
    pub reference: Option<ReferencePair>,
}

/// The two scores that define a human-normalized score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReferencePair {
    /// Stands for 0 %.
    pub random: f64,
    /// Stands for 100 %.
    pub human: f64,
    /// Their source.
    pub source: &'static str,
}

impl ScoreSummary {
    /// The statistics of `episodes`, at least one, of `game`. The bootstrap is seeded with the protocol's seed.
    pub fn new(episodes: &[Episode], game: &str, protocol: &Protocol) -> Self {
        let mut scores: Vec<f64> = episodes.iter().map(|episode| episode.score).collect();
        let interval = bootstrap_interval(&scores, &mut Generator::new(protocol.seed, Purpose::Bootstrap));
        scores.sort_by(f64::total_cmp);
        let count = scores.len();
        let mean = statistics::mean(&scores);
        let reference = Reference::for_games_of(game, protocol.max_episode_frames);
        Self {
            episodes: count,
            mean,
            standard_deviation: statistics::standard_deviation(&scores),
            median: statistics::median(&scores),
            min: scores[0],
            max: scores[count - 1],
            mean_95_percent_interval: interval,
            human_normalized_percent: reference.map(|reference| reference.human_normalized(mean)),
            reference: reference.map(|Reference { random, human, source, .. }| ReferencePair { random, human, source }),
        }
    }

    /// The interval of the mean, or why there is none.
    pub fn interval_in_words(&self) -> String {
        match self.mean_95_percent_interval {
            Some([low, high]) => format!("{low:.1} to {high:.1}"),
            None if self.episodes < LEAST_VALUES => format!("none from fewer than {LEAST_VALUES} games"),
            None => "none, all scores are equal".to_string(),
        }
    }
}

/// The 95 % bootstrap interval of the mean of `scores`.
fn bootstrap_interval(scores: &[f64], generator: &mut Generator) -> Option<[f64; 2]> {
    statistics::stratified_interval(&[scores.to_vec()], |resample| statistics::mean(&resample[0]), generator)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn protocol() -> Protocol {
        Protocol { episodes: 5, epsilon: 0.0, max_episode_frames: 600, noop_max: 30, sticky_probability: 0.25, seed: 7 }
    }

    pub(crate) fn episode(score: i32) -> Episode {
        Episode { seed: 0, noops: 0, frames: 100, score: f64::from(score), lives_ended: 5, truncated: false }
    }

    #[test]
    fn a_summary_has_the_usual_statistics() {
        let episodes: Vec<Episode> = [4, 1, 5, 3, 2].map(episode).to_vec();
        let summary = ScoreSummary::new(&episodes, "pong", &protocol());
        assert_eq!((summary.mean, summary.median, summary.min, summary.max), (3.0, 3.0, 1.0, 5.0));
        assert!((summary.standard_deviation.unwrap() - 2.5f64.sqrt()).abs() < 1e-12);
        let [low, high] = summary.mean_95_percent_interval.unwrap();
        assert!((1.0..2.2).contains(&low) && (3.8..5.0).contains(&high), "{low} {high}");
        // random -20.7, human 9.3
        assert!((summary.human_normalized_percent.unwrap() - 100.0 * 23.7 / 30.0).abs() < 1e-9);
        assert_eq!(ScoreSummary::new(&episodes, "pong", &protocol()), summary);
        let alone = ScoreSummary::new(&[episode(7)], "bricks", &protocol());
        assert_eq!((alone.mean, alone.standard_deviation, alone.median), (7.0, None, 7.0), "one game has no spread");
        assert_eq!(alone.mean_95_percent_interval, None);
        assert_eq!(alone.interval_in_words(), "none from fewer than 5 games");
        let alike = ScoreSummary::new(&[7; 30].map(episode), "bricks", &protocol());
        assert_eq!((alike.mean_95_percent_interval, alike.standard_deviation), (None, Some(0.0)));
        assert_eq!(alike.interval_in_words(), "none, all scores are equal");
        assert_eq!(alone.human_normalized_percent, None);
    }

    #[test]
    fn the_bootstrap_interval_covers_a_known_mean() {
        let mut generator = Generator::new(1, Purpose::Synthetic);
        let covered = (0..100)
            .filter(|_| {
                let scores: Vec<f64> = (0..30).map(|_| generator.fraction()).collect();
                let [low, high] = bootstrap_interval(&scores, &mut generator).unwrap();
                low <= 0.5 && 0.5 <= high
            })
            .count();
        assert!((87..=100).contains(&covered), "{covered} of 100");
    }
}
