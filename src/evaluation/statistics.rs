//! Statistics of many scores: robust means, and bootstrap intervals that tell how far to trust them.
//!
//! After Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice", as their `rliable` computes
//! it: strata are games, and the runs of each game are resampled.

use crate::random::Generator;

/// Resamples of a bootstrap interval.
pub const RESAMPLES: usize = 10_000;
/// Fewest values from which an interval is given. From fewer, a bootstrap interval is far narrower than it says: that of two values
/// ends at these values.
pub const LEAST_VALUES: usize = 5;
/// Fewest values of each stratum from which an interval is given: what happens in a stratum of one value is not resampled.
pub const LEAST_OF_STRATUM: usize = 3;

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

/// The sample's standard deviation, with n - 1; `None` for fewer than two values, whose spread is unknown.
pub fn standard_deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

/// A 95 % bootstrap interval of `statistic`: the 2.5th and 97.5th percentile of its values over resamples of `strata`. Each
/// stratum keeps its size; none may be empty.
///
/// `None` where the values cannot tell how far to trust the statistic: fewer than [`LEAST_VALUES`] in all or
/// [`LEAST_OF_STRATUM`] in a stratum, or no two that differ in any stratum.
pub fn stratified_interval(
    strata: &[Vec<f64>],
    statistic: impl Fn(&[Vec<f64>]) -> f64,
    generator: &mut Generator,
) -> Option<[f64; 2]> {
    let enough = strata.iter().map(Vec::len).sum::<usize>() >= LEAST_VALUES
        && strata.iter().all(|stratum| stratum.len() >= LEAST_OF_STRATUM);
    if !enough || strata.iter().all(|stratum| all_equal(stratum)) {
        return None;
    }
    let mut resample = strata.to_vec();
    let values = (0..RESAMPLES).map(|_| {
        for (drawn, stratum) in resample.iter_mut().zip(strata) {
            drawn.fill_with(|| stratum[generator.below(stratum.len())]);
        }
        statistic(&resample)
    });
    let values = sorted(values.collect());
    Some([values[RESAMPLES * 25 / 1000], values[RESAMPLES * 975 / 1000 - 1]])
}

/// Whether no two values differ.
pub fn all_equal(values: &[f64]) -> bool {
    values.windows(2).all(|pair| pair[0] == pair[1])
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
        let strata = [vec![1.0, 5.0, 2.0, 8.0], vec![10.0, 30.0, 25.0]];
        let interval = |seed| {
            stratified_interval(&strata, |strata| mean(&strata.concat()), &mut Generator::new(seed, Purpose::Bootstrap))
        };
        assert_eq!(interval(3), interval(3));
        let [low, high] = interval(3).unwrap();
        assert!(low < mean(&strata.concat()) && mean(&strata.concat()) < high, "{low} {high}");
    }

    #[test]
    fn too_few_values_and_equal_ones_have_no_interval() {
        let interval =
            |strata: &[Vec<f64>]| stratified_interval(strata, |strata| mean(&strata.concat()), &mut generator());
        let values = |count: usize| (0..count).map(|i| i as f64).collect::<Vec<f64>>();
        for (strata, given) in [
            (vec![values(1)], false),
            (vec![values(2)], false),
            (vec![values(4)], false),
            (vec![values(5)], true),
            (vec![values(3), values(3)], true),
            (vec![values(30), values(2)], false),
            (vec![vec![4.0; 30]], false),
            (vec![vec![4.0; 5], vec![-2.0; 3]], false),
            (vec![vec![4.0; 5], values(3)], true),
        ] {
            assert_eq!(interval(&strata).is_some(), given, "{strata:?}");
        }
        assert_eq!((standard_deviation(&[4.0]), standard_deviation(&[4.0, 4.0])), (None, Some(0.0)));
    }

    #[test]
    fn runs_are_drawn_within_their_game_only() {
        let strata = [vec![1.0, 2.0, 3.0], vec![100.0; 3], vec![10.0, 20.0, 10.0]];
        let kept = |resample: &[Vec<f64>]| {
            let drawn_from = |(drawn, from): (&Vec<f64>, &Vec<f64>)| {
                drawn.len() == from.len() && drawn.iter().all(|value| from.contains(value))
            };
            f64::from(u8::from(resample.iter().zip(&strata).all(drawn_from)))
        };
        assert_eq!(stratified_interval(&strata, kept, &mut generator()), Some([1.0, 1.0]));
    }

    #[test]
    fn the_interval_of_five_runs_is_as_worked_out_by_hand() {
        // Resamples of 0, 0, 0, 1, 1: the number of ones is binomial with p = 2/5. P(0) = 0.078, P(5) = 0.010, P(4) = 0.077, so
        // the percentiles are 0 and 4/5.
        let runs = [vec![0.0, 1.0, 0.0, 1.0, 0.0]];
        assert_eq!(stratified_interval(&runs, |strata| mean(&strata[0]), &mut generator()), Some([0.0, 0.8]));
    }
}
