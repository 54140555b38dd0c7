//! What a network's outputs mean and how they are taught: one expected return for each action (Mnih et al. 2015), or a
//! distribution of returns over fixed atoms (C51, Bellemare et al. 2017).
//!
//! Everything here works on plain slices, so that the CPU's own network and candle's share it.

pub use crate::config::Loss;

use crate::networks::first_maximum;

impl Loss {
    /// (loss, its derivative by the predicted value) at `error` = target - prediction.
    pub fn at(self, error: f32) -> (f32, f32) {
        match self {
            Loss::Clipped if error.abs() > 1.0 => (error.abs() - 0.5, -error.signum()),
            Loss::Clipped => (0.5 * error * error, -error),
            Loss::Squared => (error * error, -2.0 * error),
        }
    }
}

/// The returns a categorical head knows: `atoms` of them, evenly from `value_min` to `value_max`.
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
    /// From one atom to the next.
    fn spacing(&self) -> f32 {
        (self.value_max - self.value_min) / (self.atoms - 1) as f32
    }

    /// The return of atom `i`.
    fn value(&self, i: usize) -> f32 {
        self.value_min + i as f32 * self.spacing()
    }

    /// The expected return under the softmax of `logits`.
    fn expectation(&self, logits: &[f32]) -> f32 {
        let largest = largest(logits);
        let (mut sum, mut weighted) = (0.0, 0.0);
        for (i, logit) in logits.iter().enumerate() {
            let weight = (logit - largest).exp();
            sum += weight;
            weighted += weight * self.value(i);
        }
        weighted / sum
    }

    /// The mean of a distribution on the atoms.
    fn mean(&self, probabilities: &[f32]) -> f32 {
        probabilities.iter().enumerate().map(|(i, probability)| probability * self.value(i)).sum()
    }

    /// Adds to `projected` the distribution of `reward + discount * Z`, where Z has the softmax of `logits`: each atom's
    /// probability goes to the two atoms beside its new place, by nearness; what falls off an end stays there.
    fn project(&self, reward: f32, discount: f32, logits: &[f32], projected: &mut [f32]) {
        let (largest, last) = (largest(logits), (self.atoms - 1) as f32);
        let sum: f32 = logits.iter().map(|logit| (logit - largest).exp()).sum();
        for (i, logit) in logits.iter().enumerate() {
            let probability = (logit - largest).exp() / sum;
            let place = ((reward + discount * self.value(i) - self.value_min) / self.spacing()).clamp(0.0, last);
            let (lower, above) = (place.floor(), place - place.floor());
            // A place on an atom has nothing above it, and need not have an upper neighbour.
            let lower = lower as usize;
            projected[lower] += probability * (1.0 - above);
            if let Some(upper) = projected.get_mut(lower + 1) {
                *upper += probability * above;
            }
        }
    }
}

fn largest(values: &[f32]) -> f32 {
    values.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

/// What the network says about an action.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Head {
    /// Its Q-value.
    Expected,
    /// Logits of the distribution of returns over these atoms; the Q-value is its mean.
    Categorical(Support),
}

/// What the loss of a batch is about, transition by transition.
#[derive(Clone, Copy, Debug)]
pub struct Lesson<'a> {
    /// Indices of the actions taken.
    pub actions: &'a [u8],
    /// What these should have given, see [`Head::targets`].
    pub targets: &'a [f32],
    /// What each transition's loss counts for: importance weights, or ones.
    pub weights: &'a [f32],
}

/// What the loss of a batch showed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BatchLoss {
    /// Mean over the batch of the weighted loss.
    pub loss: f32,
    /// Mean over the batch of the Q-value of the action taken.
    pub q_value: f32,
    /// Mean over the batch of |TD error|: what the action should have given, less its Q-value.
    pub td_error: f32,
}

impl Head {
    /// Numbers the network gives for an action.
    pub fn width(&self) -> usize {
        match self {
            Head::Expected => 1,
            Head::Categorical(support) => support.atoms,
        }
    }

    /// Q-values `[images, actions]` of the network's `outputs` `[images, actions, width]`; `room` holds them where they
    /// are not the outputs themselves.
    pub fn q_values<'a>(&self, outputs: &'a [f32], room: &'a mut Vec<f32>) -> &'a [f32] {
        match self {
            Head::Expected => outputs,
            Head::Categorical(support) => {
                room.clear();
                room.extend(outputs.chunks_exact(support.atoms).map(|logits| support.expectation(logits)));
                room
            }
        }
    }

    /// What each transition's action should have given, `[transitions, width]`, into `targets`: y = r + discount *
    /// Q_target(s', a*), or the distribution of r + discount * Z_target(s', a*) on the atoms. `target_outputs` are the
    /// target network's for the successors; a* is the maximum of `chooser` `[transitions, actions]`, which holds the
    /// target network's Q-values for DQN and the online network's for Double DQN (van Hasselt et al. 2016).
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
            let action = first_maximum(&chooser[i * actions..(i + 1) * actions]);
            let begin = (i * actions + action) * width;
            let successor = &target_outputs[begin..begin + width];
            match self {
                Head::Expected => target[0] = reward + discount * successor[0],
                Head::Categorical(support) => support.project(reward, discount, successor, target),
            }
        }
    }

    /// The gradient of the batch's summed loss, times `scale`, by the network's `outputs` `[transitions, actions,
    /// width]`. `errors` becomes each transition's error, by which it is prioritised:
    /// |TD error|, or the Kullback-Leibler divergence of prediction from target, which is the categorical head's loss
    /// (Hessel et al. 2018; `loss` says nothing there).
    pub fn loss_gradient(
        &self,
        loss: Loss,
        scale: f32,
        lesson: Lesson,
        outputs: &[f32],
        gradient: &mut [f32],
        errors: &mut Vec<f32>,
    ) -> BatchLoss {
        let size = lesson.actions.len().max(1);
        let (row, width) = (outputs.len() / size, self.width());
        gradient.fill(0.0);
        errors.clear();
        let mut sums = BatchLoss::default();
        let transitions = lesson.actions.iter().zip(lesson.weights).zip(lesson.targets.chunks_exact(width));
        for (i, ((&action, &weight), target)) in transitions.enumerate() {
            let begin = i * row + usize::from(action) * width;
            let outputs = &outputs[begin..begin + width];
            let gradient = &mut gradient[begin..begin + width];
            match self {
                Head::Expected => {
                    let error = target[0] - outputs[0];
                    let (value, derivative) = loss.at(error);
                    gradient[0] = scale * weight * derivative;
                    errors.push(error.abs());
                    sums.loss += weight * value;
                    sums.q_value += outputs[0];
                    sums.td_error += error.abs();
                }
                Head::Categorical(support) => {
                    let divergence = divergence_gradient(target, outputs, scale * weight, gradient);
                    errors.push(divergence);
                    sums.loss += weight * divergence;
                    let q_value = support.expectation(outputs);
                    sums.q_value += q_value;
                    sums.td_error += (support.mean(target) - q_value).abs();
                }
            }
        }
        let size = size as f32;
        BatchLoss { loss: sums.loss / size, q_value: sums.q_value / size, td_error: sums.td_error / size }
    }
}

/// The divergence of the softmax of `logits` from `target`, and its gradient by the logits times `scale`.
fn divergence_gradient(target: &[f32], logits: &[f32], scale: f32, gradient: &mut [f32]) -> f32 {
    let largest = largest(logits);
    let sum: f32 = logits.iter().map(|logit| (logit - largest).exp()).sum();
    let log_sum = sum.ln();
    let mut divergence = 0.0;
    for ((&wanted, logit), gradient) in target.iter().zip(logits).zip(gradient) {
        let log_probability = logit - largest - log_sum;
        *gradient = scale * (log_probability.exp() - wanted);
        // 0 ln 0 = 0; a NaN must come through.
        if wanted != 0.0 {
            divergence += wanted * (wanted.ln() - log_probability);
        }
    }
    // Rounding may leave a little less than 0 (and a NaN stays one).
    if divergence < 0.0 {
        0.0
    } else {
        divergence
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Generator, Purpose};

    const FIVE: Support = Support { atoms: 5, value_min: -2.0, value_max: 2.0 };

    /// (what was shown, the gradient, the errors) of a batch.
    fn learn(head: Head, loss: Loss, scale: f32, lesson: Lesson, outputs: &[f32]) -> (BatchLoss, Vec<f32>, Vec<f32>) {
        let (mut gradient, mut errors) = (vec![9.0; outputs.len()], vec![7.0; 9]);
        let shown = head.loss_gradient(loss, scale, lesson, outputs, &mut gradient, &mut errors);
        (shown, gradient, errors)
    }

    fn logits(probabilities: &[f32]) -> Vec<f32> {
        probabilities.iter().map(|p| p.ln()).collect()
    }

    #[track_caller]
    fn assert_close(got: &[f32], want: &[f32]) {
        assert_eq!(got.len(), want.len());
        assert!(got.iter().zip(want).all(|(x, y)| (x - y).abs() < 1e-6), "{got:?}, expected {want:?}");
    }

    #[test]
    fn a_td_error_is_clipped_in_the_gradient_or_squared() {
        assert_eq!(Loss::Clipped.at(0.5), (0.125, -0.5));
        assert_eq!(Loss::Clipped.at(3.0), (2.5, -1.0));
        assert_eq!(Loss::Clipped.at(-3.0), (2.5, 1.0));
        assert_eq!(Loss::Squared.at(-3.0), (9.0, 6.0));
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
    fn only_the_action_taken_has_a_gradient() {
        let lesson = Lesson { actions: &[1, 0], targets: &[2.25, 1.0], weights: &[1.0, 1.0] };
        let (shown, gradient, errors) = learn(Head::Expected, Loss::Clipped, 0.5, lesson, &[0.0, 0.25, 0.5, 0.0]);
        assert_eq!(gradient, [0.0, -0.5, -0.25, 0.0]);
        assert_eq!(
            shown,
            BatchLoss { loss: (1.5 + 0.125) / 2.0, q_value: (0.25 + 0.5) / 2.0, td_error: (2.0 + 0.5) / 2.0 }
        );
        assert_eq!(errors, [2.0, 0.5]);
    }

    #[test]
    fn importance_weights_multiply_loss_and_gradient_but_not_the_errors() {
        let lesson = Lesson { actions: &[1, 0], targets: &[2.0, 1.0], weights: &[0.5, 1.0] };
        let (shown, gradient, errors) = learn(Head::Expected, Loss::Squared, 1.0, lesson, &[0.0; 4]);
        assert_eq!(gradient, [0.0, -2.0, -2.0, 0.0]);
        assert_eq!((shown.loss, errors.as_slice()), ((0.5 * 4.0 + 1.0) / 2.0, [2.0, 1.0].as_slice()));
    }

    /// Worked by hand on the atoms -2, -1, 0, 1, 2.
    #[test]
    fn the_projection_shares_an_atoms_probability_between_its_new_neighbours() {
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
        // What would fall off an end stays on its last atom.
        assert_close(&project(-9.0, 1.0, &even), &[1.0, 0.0, 0.0, 0.0, 0.0]);
        assert_close(&project(3.5, 1.0, &even), &[0.0, 0.0, 0.0, 0.1, 0.9]);
        // A terminal: nothing but the reward.
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

    #[test]
    fn the_categorical_loss_is_the_divergence_and_vanishes_at_the_target() {
        let learn = |targets: &[f32]| {
            let lesson = Lesson { actions: &[1], targets, weights: &[2.0] };
            learn(Head::Categorical(FIVE), Loss::Clipped, 0.5, lesson, &[0.0; 10])
        };
        let (shown, gradient, errors) = learn(&[0.0, 0.5, 0.5, 0.0, 0.0]);
        // The prediction is even: twice (the weight) 0.5 ln(0.5 / 0.2), two times. The mean of the atoms is 0.
        assert!((shown.loss - 2.0 * 2.5f32.ln()).abs() < 1e-6 && shown.q_value == 0.0, "{shown:?}");
        assert!((shown.td_error - 0.5).abs() < 1e-6, "the mean of the target is -0.5: {shown:?}");
        assert_close(&errors, &[2.5f32.ln()]);
        assert_close(&gradient, &[0.0, 0.0, 0.0, 0.0, 0.0, 0.2, -0.3, -0.3, 0.2, 0.2]);
        assert!(learn(&[0.2; 5]).0.loss < 1e-6);
        assert!(learn(&[f32::NAN; 5]).0.loss.is_nan(), "what is broken must show");
    }

    /// The loss in f64 beside the gradient in f32, by central differences.
    #[test]
    fn the_gradient_of_either_loss_equals_finite_differences() {
        let support = Support { atoms: 7, value_min: -3.0, value_max: 3.0 };
        for (head, loss) in [
            (Head::Expected, Loss::Clipped),
            (Head::Expected, Loss::Squared),
            (Head::Categorical(support), Loss::Clipped),
        ] {
            let mut random = Generator::new(2, Purpose::Synthetic);
            let width = head.width();
            let (actions, weights) = ([1u8, 0, 2], [0.5f32, 1.0, 0.25]);
            let outputs: Vec<f32> = (0..9 * width).map(|_| random.symmetric(2.0)).collect();
            let targets: Vec<f32> = match head {
                Head::Expected => vec![0.3, -0.4, 5.0],
                Head::Categorical(_) => {
                    let mut targets = vec![0.0; 3 * width];
                    for target in targets.chunks_exact_mut(width) {
                        let successor: Vec<f32> = (0..width).map(|_| random.symmetric(1.0)).collect();
                        support.project(0.3, 0.9, &successor, target);
                    }
                    targets
                }
            };
            let scale = 0.125;
            let value = |outputs: &[f64]| -> f64 {
                let mut sum = 0.0;
                for i in 0..3 {
                    let begin = (i * 3 + usize::from(actions[i])) * width;
                    let (out, target) = (&outputs[begin..begin + width], &targets[i * width..(i + 1) * width]);
                    let one = match (head, loss) {
                        (Head::Categorical(_), _) => {
                            let log_sum = out.iter().map(|x| x.exp()).sum::<f64>().ln();
                            target.iter().zip(out).map(|(&m, x)| f64::from(m) * (log_sum - x)).sum::<f64>()
                        }
                        (Head::Expected, Loss::Squared) => (f64::from(target[0]) - out[0]).powi(2),
                        (Head::Expected, Loss::Clipped) => {
                            let error = (f64::from(target[0]) - out[0]).abs();
                            if error > 1.0 {
                                error - 0.5
                            } else {
                                0.5 * error * error
                            }
                        }
                    };
                    sum += f64::from(weights[i]) * one;
                }
                scale * sum
            };
            let lesson = Lesson { actions: &actions, targets: &targets, weights: &weights };
            let (_, gradient, _) = learn(head, loss, scale as f32, lesson, &outputs);
            let exact: Vec<f64> = outputs.iter().map(|x| f64::from(*x)).collect();
            for (i, got) in gradient.iter().enumerate() {
                let moved = |step: f64| {
                    let mut moved = exact.clone();
                    moved[i] += step;
                    value(&moved)
                };
                let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                assert!((f64::from(*got) - slope).abs() < 1e-6 + 1e-4 * slope.abs(), "{head:?}: {got}, {slope}");
            }
        }
    }
}
