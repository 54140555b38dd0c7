//! The statistics of an evaluation's scores.

use crate::evaluation::episodes::Episode;
use crate::evaluation::protocol::Protocol;
use crate::evaluation::scores::Reference;
use crate::evaluation::statistics;
use crate::random::{Generator, Purpose};
use serde::Serialize;

/// The statistics of the scores of some games.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoreSummary {
    /// Games.
    pub episodes: usize,
    /// Mean score.
    pub mean: f64,
    /// Standard deviation of the scores (with n - 1; 0 for one game).
    pub standard_deviation: f64,
    /// Median score.
    pub median: f64,
    /// Lowest score.
    pub min: f64,
    /// Highest score.
    pub max: f64,
    /// 95 % bootstrap interval of the mean.
    pub mean_95_percent_interval: [f64; 2],
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
        let squares: f64 = scores.iter().map(|score| (score - mean) * (score - mean)).sum();
        let reference = Reference::for_games_of(game, protocol.max_episode_frames);
        Self {
            episodes: count,
            mean,
            standard_deviation: (squares / (count.max(2) - 1) as f64).sqrt(),
            median: statistics::median(&scores),
            min: scores[0],
            max: scores[count - 1],
            mean_95_percent_interval: interval,
            human_normalized_percent: reference.map(|reference| reference.human_normalized(mean)),
            reference: reference.map(|Reference { random, human, source, .. }| ReferencePair { random, human, source }),
        }
    }
}

/// The 95 % bootstrap interval of the mean of `scores`.
fn bootstrap_interval(scores: &[f64], generator: &mut Generator) -> [f64; 2] {
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
        let episodes: Vec<Episode> = [4, 1, 3, 2].map(episode).to_vec();
        let summary = ScoreSummary::new(&episodes, "pong", &protocol());
        assert_eq!((summary.mean, summary.median, summary.min, summary.max), (2.5, 2.5, 1.0, 4.0));
        assert!((summary.standard_deviation - (5.0f64 / 3.0).sqrt()).abs() < 1e-12);
        let [low, high] = summary.mean_95_percent_interval;
        assert!((1.0..2.0).contains(&low) && (3.0..4.0).contains(&high), "{low} {high}");
        // random -20.7, human 9.3
        assert!((summary.human_normalized_percent.unwrap() - 100.0 * 23.2 / 30.0).abs() < 1e-9);
        assert_eq!(ScoreSummary::new(&episodes, "pong", &protocol()), summary);
        let alone = ScoreSummary::new(&[episode(7)], "bricks", &protocol());
        assert_eq!((alone.mean, alone.standard_deviation, alone.median), (7.0, 0.0, 7.0));
        assert_eq!(alone.human_normalized_percent, None);
    }

    #[test]
    fn the_bootstrap_interval_covers_a_known_mean() {
        let mut generator = Generator::new(1, Purpose::Synthetic);
        let covered = (0..100)
            .filter(|_| {
                let scores: Vec<f64> = (0..30).map(|_| generator.fraction()).collect();
                let [low, high] = bootstrap_interval(&scores, &mut generator);
                low <= 0.5 && 0.5 <= high
            })
            .count();
        assert!((87..=100).contains(&covered), "{covered} of 100");
    }
}
