//! Statistics of many scores: robust means, and bootstrap intervals that tell how far to trust them.
//!
//! After Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice", as their `rliable` computes
//! it: strata are games, and the runs of each game are resampled.

use crate::random::Generator;

/// Resamples of a bootstrap interval.
pub const RESAMPLES: usize = 10_000;

/// The mean; `values` must not be empty.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The median; for an even number of values the mean of the middle two. `values` must not be empty.
pub fn median(values: &[f64]) -> f64 {
    let sorted = sorted(values.to_vec());
    (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0
}

/// The interquartile mean: the mean without the lowest and the highest quarter of the values. A quarter is rounded
/// down: of five values one is dropped at either end. `values` must not be empty.
pub fn interquartile_mean(values: &[f64]) -> f64 {
    let quarter = values.len() / 4;
    mean(&sorted(values.to_vec())[quarter..values.len() - quarter])
}

/// A 95 % bootstrap interval of `statistic`: the 2.5th and 97.5th percentile of its values over resamples of `strata`. Each
/// stratum keeps its size; none may be empty.
pub fn stratified_interval(
    strata: &[Vec<f64>],
    statistic: impl Fn(&[Vec<f64>]) -> f64,
    generator: &mut Generator,
) -> [f64; 2] {
    let mut resample = strata.to_vec();
    let values = (0..RESAMPLES).map(|_| {
        for (drawn, stratum) in resample.iter_mut().zip(strata) {
            drawn.fill_with(|| stratum[generator.below(stratum.len())]);
        }
        statistic(&resample)
    });
    let values = sorted(values.collect());
    [values[RESAMPLES * 25 / 1000], values[RESAMPLES * 975 / 1000 - 1]]
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    fn generator() -> Generator {
        Generator::new(1, Purpose::Bootstrap)
    }

    #[test]
    fn the_interquartile_mean_is_the_mean_of_the_middle_half() {
        // Of eight values, two are dropped at either end: (3 + 4 + 5 + 6) / 4, whatever the values at the ends.
        assert_eq!(interquartile_mean(&[8.0, 1.0, 6.0, 3.0, 4.0, 5.0, 2.0, 7.0]), 4.5);
        assert_eq!(interquartile_mean(&[1e9, -1e9, 6.0, 3.0, 4.0, 5.0, 2.0, 7.0]), 4.5);
        // Of five values, a quarter is 1.25, so one is dropped at either end: (20 + 30 + 70) / 3.
        assert_eq!(interquartile_mean(&[70.0, 10.0, 30.0, 900.0, 20.0]), 40.0);
        // Of three values, none is dropped.
        assert_eq!(interquartile_mean(&[1.0, 2.0, 6.0]), 3.0);
        assert_eq!(interquartile_mean(&[7.0]), 7.0);
    }

    #[test]
    fn medians_of_odd_and_even_numbers_of_values() {
        assert_eq!((median(&[3.0, 1.0, 9.0]), median(&[4.0, 1.0, 9.0, 2.0]), median(&[5.0])), (3.0, 3.0, 5.0));
    }

    #[test]
    fn the_same_seed_gives_the_same_interval() {
        let strata = [vec![1.0, 5.0, 2.0, 8.0], vec![10.0, 30.0]];
        let interval = |seed| {
            stratified_interval(&strata, |strata| mean(&strata.concat()), &mut Generator::new(seed, Purpose::Bootstrap))
        };
        assert_eq!(interval(3), interval(3));
        let [low, high] = interval(3);
        assert!(low < mean(&strata.concat()) && mean(&strata.concat()) < high, "{low} {high}");
    }

    #[test]
    fn an_interval_of_identical_numbers_has_no_width() {
        let strata = [vec![4.0; 5], vec![-2.0; 3]];
        assert_eq!(stratified_interval(&strata, |strata| mean(&strata[0]), &mut generator()), [4.0, 4.0]);
        assert_eq!(stratified_interval(&strata, |strata| median(&strata[1]), &mut generator()), [-2.0, -2.0]);
    }

    #[test]
    fn runs_are_drawn_within_their_game_only() {
        let strata = [vec![1.0, 2.0, 3.0], vec![100.0], vec![10.0, 20.0]];
        let kept = |resample: &[Vec<f64>]| {
            let drawn_from = |(drawn, from): (&Vec<f64>, &Vec<f64>)| {
                drawn.len() == from.len() && drawn.iter().all(|value| from.contains(value))
            };
            f64::from(u8::from(resample.iter().zip(&strata).all(drawn_from)))
        };
        assert_eq!(stratified_interval(&strata, kept, &mut generator()), [1.0, 1.0]);
    }

    #[test]
    fn the_interval_of_two_runs_is_as_worked_out_by_hand() {
        // Resamples of (0, 1) are 00, 01, 10, 11: their means are 0 and 1 with probability 1/4 each, far more than 2.5 %.
        assert_eq!(stratified_interval(&[vec![0.0, 1.0]], |strata| mean(&strata[0]), &mut generator()), [0.0, 1.0]);
    }
}
