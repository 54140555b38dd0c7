//! The meaning of a network's outputs: one expected return for each action (Mnih et al. 2015), a distribution of returns
//! over fixed atoms (C51, Bellemare et al. 2017), or the logit of each action's probability (Williams 1992).
//!
//! Everything here works on slices, so that the CPU's own network and candle's share it.

use crate::arithmetic::{exp, exp_f32};
use crate::networks::argmax;

/// The returns of a categorical head: `atoms` of them, evenly spaced from `value_min` to `value_max`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Support {
    /// Atoms, at least 2.
    pub atoms: usize,
    /// Discounted return of the first atom.
    pub value_min: f32,
    /// Discounted return of the last atom.
    pub value_max: f32,
}

impl Support {
    /// Distance between two atoms.
    fn spacing(&self) -> f32 {
        (self.value_max - self.value_min) / (self.atoms - 1) as f32
    }

    /// The return of atom `i`.
    fn value(&self, i: usize) -> f32 {
        self.value_min + i as f32 * self.spacing()
    }

    /// The expected return under the softmax of `logits`.
    pub(super) fn expectation(&self, logits: &[f32]) -> f32 {
        let largest = largest(logits);
        let (mut sum, mut weighted) = (0.0, 0.0);
        for (i, logit) in logits.iter().enumerate() {
            let weight = exp_f32(logit - largest);
            sum += weight;
            weighted += weight * self.value(i);
        }
        weighted / sum
    }

    /// The mean of a distribution on the atoms.
    pub(super) fn mean(&self, probabilities: &[f32]) -> f32 {
        probabilities.iter().enumerate().map(|(i, probability)| probability * self.value(i)).sum()
    }

    /// Adds to `projected` the distribution of `reward + discount * Z`, where Z has the softmax of `logits`. An atom's
    /// probability is split between the two atoms beside its new place, by nearness; beyond the ends it stays on the last
    /// atom.
    pub(super) fn project(&self, reward: f32, discount: f32, logits: &[f32], projected: &mut [f32]) {
        let (largest, last) = (largest(logits), (self.atoms - 1) as f32);
        let sum: f32 = logits.iter().map(|logit| exp_f32(logit - largest)).sum();
        for (i, logit) in logits.iter().enumerate() {
            let probability = exp_f32(logit - largest) / sum;
            let place = ((reward + discount * self.value(i) - self.value_min) / self.spacing()).clamp(0.0, last);
            let (lower, above) = (place.floor(), place - place.floor());
            // The last atom has no upper neighbor, and a place on it needs none.
            let lower = lower as usize;
            projected[lower] += probability * (1.0 - above);
            if let Some(upper) = projected.get_mut(lower + 1) {
                *upper += probability * above;
            }
        }
    }
}

/// The largest of `values`; NaN if one of them is NaN.
pub fn largest(values: &[f32]) -> f32 {
    let larger = |largest: f32, &value: &f32| if value > largest || value.is_nan() { value } else { largest };
    values.iter().fold(f32::NEG_INFINITY, larger)
}

/// The meaning of a network's outputs for an action.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Head {
    /// The Q-value.
    Expected,
    /// Logits of the distribution of returns over these atoms; the Q-value is its mean.
    Categorical(Support),
    /// The logit of the action's probability: a policy, without Q-values.
    Policy,
}

/// Writes the softmax of `logits` to `probabilities`, which is as long: e^logit over the sum of all. Computed in f64 with the
/// program's own exponential, so they have the same bits on every processor. NaN if a logit is.
pub fn softmax(logits: &[f32], probabilities: &mut [f64]) {
    let largest = f64::from(largest(logits));
    let mut sum = 0.0;
    for (probability, logit) in probabilities.iter_mut().zip(logits) {
        *probability = exp(f64::from(*logit) - largest);
        sum += *probability;
    }
    probabilities.iter_mut().for_each(|probability| *probability /= sum);
}

impl Head {
    /// Numbers the network gives for an action.
    pub fn width(&self) -> usize {
        match self {
            Head::Expected | Head::Policy => 1,
            Head::Categorical(support) => support.atoms,
        }
    }

    /// Q-values `[images, actions]` of the network's `outputs` `[images, actions, width]`. They are the outputs themselves
    /// or are written to `room`. A policy has none: its logits stand for them, which order the actions too.
    pub fn q_values<'a>(&self, outputs: &'a [f32], room: &'a mut Vec<f32>) -> &'a [f32] {
        match self {
            Head::Expected | Head::Policy => outputs,
            Head::Categorical(support) => {
                room.clear();
                room.extend(outputs.chunks_exact(support.atoms).map(|logits| support.expectation(logits)));
                room
            }
        }
    }

    /// Writes the TD targets of a batch, `[transitions, width]`, to `targets`: y = r + discount * Q_target(s', a*), or the
    /// distribution of r + discount * Z_target(s', a*) on the atoms. `target_outputs` are the target network's outputs for
    /// the successors s'. a* is the argmax of `chooser` `[transitions, actions]`: the target network's Q-values for DQN, the
    /// online network's for Double DQN (van Hasselt et al. 2016). If a Q-value there is NaN, so is the target: no action is the best.
    /// Not for policies, which have no Q-values.
    pub fn targets(
        &self,
        rewards: &[f32],
        discounts: &[f32],
        target_outputs: &[f32],
        chooser: &[f32],
        targets: &mut Vec<f32>,
    ) {
        let actions = chooser.len() / rewards.len().max(1);
        let width = self.width();
        targets.clear();
        targets.resize(rewards.len() * width, 0.0);
        let transitions = rewards.iter().zip(discounts).zip(targets.chunks_exact_mut(width));
        for (i, ((&reward, &discount), target)) in transitions.enumerate() {
            let chooser = &chooser[i * actions..(i + 1) * actions];
            let action = argmax(chooser);
            if chooser[action].is_nan() {
                target.fill(f32::NAN);
                continue;
            }
            let begin = (i * actions + action) * width;
            let successor = &target_outputs[begin..begin + width];
            match self {
                Head::Expected | Head::Policy => target[0] = reward + discount * successor[0],
                Head::Categorical(support) => support.project(reward, discount, successor, target),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Generator, Purpose};

    const FIVE: Support = Support { atoms: 5, value_min: -2.0, value_max: 2.0 };

    fn logits(probabilities: &[f32]) -> Vec<f32> {
        probabilities.iter().map(|p| p.ln()).collect()
    }

    #[track_caller]
    fn assert_close(got: &[f32], want: &[f32]) {
        assert_eq!(got.len(), want.len());
        assert!(got.iter().zip(want).all(|(x, y)| (x - y).abs() < 1e-6), "{got:?}, expected {want:?}");
    }

    #[test]
    fn a_softmax_is_the_share_of_each_exponential_however_large_the_logits() {
        let mut probabilities = [0.0; 3];
        softmax(&[1.0, 2.0, 0.0], &mut probabilities);
        for (got, want) in probabilities.iter().zip([0.244_728_471_054_797_67, 0.665_240_955_774_821_6, 0.090_030_573])
        {
            assert!((got - want).abs() < 1e-9, "{probabilities:?}");
        }
        let usual = probabilities;
        softmax(&[1001.0, 1002.0, 1000.0], &mut probabilities);
        assert_eq!(probabilities, usual);
        softmax(&[1.0, f32::NAN, 0.0], &mut probabilities);
        assert!(probabilities.iter().all(|probability| probability.is_nan()));
    }

    #[test]
    fn targets_use_the_target_networks_value_of_the_choosers_action() {
        let (target_q, online_q) = ([1.0, 2.0, 5.0, 4.0], [3.0, 0.0, 0.0, 1.0]);
        let (rewards, discounts) = ([1.0, -1.0], [0.5, 0.0]);
        let mut targets = Vec::new();
        Head::Expected.targets(&rewards, &discounts, &target_q, &target_q, &mut targets);
        assert_eq!(targets, [2.0, -1.0]);
        Head::Expected.targets(&rewards, &[0.5, 0.5], &target_q, &online_q, &mut targets);
        assert_eq!(targets, [1.5, 1.0]);
    }

    #[test]
    fn a_nan_among_the_choosers_values_is_a_nan_in_the_target_and_no_others() {
        let mut targets = Vec::new();
        let online_q = [3.0, f32::NAN, 0.0, 1.0];
        Head::Expected.targets(&[1.0, -1.0], &[0.5, 0.5], &[1.0, 2.0, 5.0, 4.0], &online_q, &mut targets);
        assert!(targets[0].is_nan() && targets[1] == 1.0, "{targets:?}");
        let logits = [0.0; 20];
        Head::Categorical(FIVE).targets(&[1.0, -1.0], &[0.5, 0.5], &logits, &online_q, &mut targets);
        assert!(targets[..5].iter().all(|x| x.is_nan()) && targets[5..].iter().all(|x| x.is_finite()), "{targets:?}");
        assert!(largest(&[1.0, f32::NAN, 2.0]).is_nan() && largest(&[1.0, f32::INFINITY]) == f32::INFINITY);
    }

    /// Worked by hand on the atoms -2, -1, 0, 1, 2.
    #[test]
    fn the_projection_shares_an_atoms_probability_between_its_new_neighbors() {
        let project = |reward, discount, probabilities: &[f32]| {
            let mut projected = [0.0; 5];
            FIVE.project(reward, discount, &logits(probabilities), &mut projected);
            projected
        };
        let even = [0.2; 5];
        // Atoms go to -0.75, -0.25, 0.25, 0.75 and 1.25.
        let expected = [0.0, 0.2 * (0.75 + 0.25), 0.2 * (0.25 + 0.75 + 0.75 + 0.25), 0.2 * (0.25 + 0.75 + 0.75), 0.05];
        assert_close(&project(0.25, 0.5, &even), &expected);
        // Exact hits stay whole, at the ends too.
        assert_close(&project(0.0, 1.0, &[0.1, 0.2, 0.3, 0.15, 0.25]), &[0.1, 0.2, 0.3, 0.15, 0.25]);
        assert_close(&project(1.0, 1.0, &even), &[0.0, 0.2, 0.2, 0.2, 0.4]);
        // Probability that would fall off an end stays on the last atom.
        assert_close(&project(-9.0, 1.0, &even), &[1.0, 0.0, 0.0, 0.0, 0.0]);
        assert_close(&project(3.5, 1.0, &even), &[0.0, 0.0, 0.0, 0.1, 0.9]);
        // A terminal transition: only the reward.
        assert_close(&project(-0.5, 0.0, &[0.1, 0.2, 0.3, 0.15, 0.25]), &[0.0, 0.5, 0.5, 0.0, 0.0]);
    }

    #[test]
    fn projections_keep_all_probability_and_the_mean_inside_the_support() {
        let support = Support { atoms: 51, value_min: -10.0, value_max: 10.0 };
        let mut random = Generator::new(1, Purpose::Synthetic);
        for _ in 0..200 {
            let logits: Vec<f32> = (0..51).map(|_| random.symmetric(3.0)).collect();
            let (reward, discount) = (random.symmetric(1.0), 0.9 * random.fraction() as f32);
            let mut projected = [0.0; 51];
            support.project(reward, discount, &logits, &mut projected);
            assert!((projected.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            let mean: f32 = projected.iter().enumerate().map(|(i, p)| p * support.value(i)).sum();
            let expected = reward + discount * support.expectation(&logits);
            assert!((mean - expected).abs() < 1e-4, "{mean}, expected {expected}");
        }
    }

    #[test]
    fn double_c51_projects_the_distribution_of_the_online_networks_action() {
        let head = Head::Categorical(FIVE);
        let low = logits(&[0.96, 0.01, 0.01, 0.01, 0.01]);
        let high = logits(&[0.01, 0.01, 0.01, 0.01, 0.96]);
        let outputs = [low, high].concat();
        let mut room = Vec::new();
        let q_values = head.q_values(&outputs, &mut room).to_vec();
        assert_close(&q_values, &[-1.9, 1.9]);
        let mut targets = Vec::new();
        head.targets(&[0.0], &[1.0], &outputs, &q_values, &mut targets);
        assert_close(&targets, &[0.01, 0.01, 0.01, 0.01, 0.96]);
        head.targets(&[0.0], &[1.0], &outputs, &[1.0, 0.5], &mut targets);
        assert_close(&targets, &[0.96, 0.01, 0.01, 0.01, 0.01]);
    }
}
