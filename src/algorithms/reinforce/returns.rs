//! Discounted returns, and the advantages that they become.

/// A deviation below this fraction of the largest value is rounding: the values are equal.
const ROUNDING: f64 = 1e-12;

/// Appends the return of each step to `returns`: its reward and, discounted by `gamma` a step, the rewards that follow, up to the first
/// step that is [terminal](crate::environments::Step::terminal) or the last one.
pub(super) fn append_discounted(rewards: &[f32], terminals: &[bool], gamma: f64, returns: &mut Vec<f64>) {
    let begin = returns.len();
    let mut following = 0.0;
    for (reward, terminal) in rewards.iter().zip(terminals).rev() {
        if *terminal {
            following = 0.0;
        }
        following = f64::from(*reward) + gamma * following;
        returns.push(following);
    }
    returns[begin..].reverse();
}

/// Subtracts the mean of `values` and divides by their standard deviation, the root of the mean square (not of the unbiased
/// estimate). If all are equal, they become 0.
pub(super) fn normalize(values: &mut [f64]) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count;
    let largest = values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let deviation = match variance.sqrt() {
        equal if equal <= ROUNDING * largest => 1.0,
        deviation => deviation,
    };
    values.iter_mut().for_each(|value| *value = (*value - mean) / deviation);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_close(got: &[f64], want: &[f64]) {
        assert_eq!(got.len(), want.len());
        assert!(got.iter().zip(want).all(|(x, y)| (x - y).abs() < 1e-12), "{got:?}, expected {want:?}");
    }

    fn returns(rewards: &[f32], terminals: &[bool], gamma: f64) -> Vec<f64> {
        let mut returns = Vec::new();
        append_discounted(rewards, terminals, gamma, &mut returns);
        returns
    }

    /// A textbook's example: two episodes, normalized together.
    #[test]
    fn returns_and_advantages_are_those_worked_by_hand() {
        let mut all = returns(&[10.0, 0.0, -50.0], &[false, false, true], 0.8);
        assert_close(&all, &[-22.0, -40.0, -50.0]);
        append_discounted(&[10.0, 20.0], &[false, true], 0.8, &mut all);
        assert_close(&all[3..], &[26.0, 20.0]);
        assert!((all.iter().sum::<f64>() / 5.0 - -13.2).abs() < 1e-12);
        let first = all[0];
        normalize(&mut all);
        let expected =
            [-0.2843507149652278, -0.8659771773941027, -1.1891029898545886, 1.2666531848451055, 1.072777697368814];
        assert_close(&all, &expected);
        assert!(((first + 13.2) / all[0] - 30.947697814215523).abs() < 1e-9, "the population's deviation");
        let mut three = returns(&[1.0, 0.0, 2.0], &[false, false, true], 0.5);
        assert_close(&three, &[1.5, 1.0, 2.0]);
        normalize(&mut three);
        assert_close(&three, &[0.0, -1.224744871391589, 1.224744871391589]);
        // A reward is worth half its value after 13 steps at 0.95, and after 69 at 0.99.
        for (gamma, steps, share) in [(0.95, 13, 0.513), (0.99, 69, 0.4998)] {
            let mut rewards = vec![0.0; steps + 1];
            rewards[steps] = 1.0;
            assert!((returns(&rewards, &vec![false; steps + 1], gamma)[0] - share).abs() < 5e-4);
        }
    }

    #[test]
    fn returns_end_at_a_terminal_that_the_game_outlives() {
        assert_close(&returns(&[1.0, 2.0, 4.0, 8.0], &[false, true, false, false], 0.5), &[2.0, 2.0, 8.0, 8.0]);
        assert_close(&returns(&[1.0, 2.0], &[false, false], 1.0), &[3.0, 2.0]);
    }

    #[test]
    fn equal_values_become_0() {
        for value in [0.0, -3.0, 0.1, 1e-30, 1e9 + 0.1] {
            let mut values = [value; 7];
            normalize(&mut values);
            assert!(values.iter().all(|value| value.abs() < 1e-6), "{values:?}");
        }
        let mut one = [5.0];
        normalize(&mut one);
        assert_eq!(one, [0.0]);
    }
}
