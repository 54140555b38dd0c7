//! Losses as values: a [`Learner`](crate::networks::learner::Learner) evaluates one on its outputs.

pub use crate::config::LossKind;

use crate::arithmetic::{exp, exp_f32, ln, ln_f32};
use crate::networks::head::{largest, Head};
use std::time::Duration;

impl LossKind {
    /// (loss, its derivative by the predicted value) at `error` = target - prediction.
    pub fn at(self, error: f32) -> (f32, f32) {
        match self {
            LossKind::Clipped if error.abs() > 1.0 => (error.abs() - 0.5, -error.signum()),
            LossKind::Clipped => (0.5 * error * error, -error),
            LossKind::Squared => (error * error, -2.0 * error),
        }
    }
}

/// The loss of a batch of transitions: the temporal-difference loss of Q-values, or a policy's, -advantage * log pi(action), whose
/// gradient by a logit is (pi - onehot) * advantage (Williams 1992).
#[derive(Clone, Copy, Debug)]
pub struct Loss<'a> {
    /// The loss of one TD error. Ignored by a categorical head, whose loss is the Kullback-Leibler divergence, and by a policy.
    pub kind: LossKind,
    /// Index of the action taken in each transition.
    pub actions: &'a [u8],
    /// `[transitions, width]`: the value or distribution that each action should have had, see [`Head::targets`]. Of a policy, the
    /// advantage of each action.
    pub targets: &'a [f32],
    /// Factor of each transition's loss: its importance weight, or 1.
    pub weights: &'a [f32],
    /// Factor of the summed gradient of the batch.
    pub gradient_scale: f32,
    /// A gradient longer than this is shortened to it, all parameters together.
    pub norm_limit: Option<f32>,
}

/// The figures of a gradient step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shown {
    /// Mean over the batch of the weighted loss.
    pub loss: f32,
    /// Mean over the batch of the Q-value of the action taken; 0 of a policy.
    pub q_value: f32,
    /// Mean over the batch of |TD error|: the target's value minus the Q-value of the action taken. Of a policy, mean |advantage|.
    pub td_error: f32,
    /// Each transition's error, which becomes its priority: |TD error|, or the divergence of a categorical head's
    /// prediction from its target (Hessel et al. 2018). Of a policy, |advantage|.
    pub errors: Vec<f32>,
    /// Norm of the gradient before it was clipped; `None` without a limit.
    pub gradient_norm: Option<f32>,
    /// Time until the outputs were evaluated.
    pub forward: Duration,
}

/// The loss or the mean Q-value is infinite or not a number.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("the loss is no longer a finite number (loss {loss}, mean Q-value {q_value})")]
pub struct NotFinite {
    /// Mean over the batch of the weighted loss.
    pub loss: f32,
    /// Mean over the batch of the Q-value of the action taken.
    pub q_value: f32,
}

impl Loss<'_> {
    /// Writes the gradient of the batch's summed loss, times `gradient_scale`, by the network's `outputs`. Both are
    /// `[transitions, actions, width]`. Returns all figures but the gradient's norm and the forward time.
    ///
    /// # Errors
    /// [`NotFinite`].
    pub fn gradient(&self, head: &Head, outputs: &[f32], gradient: &mut [f32]) -> Result<Shown, NotFinite> {
        let size = self.actions.len().max(1);
        let (row, width) = (outputs.len() / size, head.width());
        gradient.fill(0.0);
        let mut sums = Shown { errors: Vec::with_capacity(size), ..Shown::default() };
        let transitions = self.actions.iter().zip(self.weights).zip(self.targets.chunks_exact(width));
        for (i, ((&action, &weight), target)) in transitions.enumerate() {
            if *head == Head::Policy {
                let (outputs, gradient) = (&outputs[i * row..(i + 1) * row], &mut gradient[i * row..(i + 1) * row]);
                let scale = f64::from(self.gradient_scale * weight);
                sums.loss += weight * policy_gradient(outputs, usize::from(action), target[0], scale, gradient);
                sums.errors.push(target[0].abs());
                sums.td_error += target[0].abs();
                continue;
            }
            let begin = i * row + usize::from(action) * width;
            let outputs = &outputs[begin..begin + width];
            let gradient = &mut gradient[begin..begin + width];
            match head {
                Head::Expected | Head::Policy => {
                    let error = target[0] - outputs[0];
                    let (value, derivative) = self.kind.at(error);
                    gradient[0] = self.gradient_scale * weight * derivative;
                    sums.errors.push(error.abs());
                    sums.loss += weight * value;
                    sums.q_value += outputs[0];
                    sums.td_error += error.abs();
                }
                Head::Categorical(support) => {
                    let divergence = divergence_gradient(target, outputs, self.gradient_scale * weight, gradient);
                    sums.errors.push(divergence);
                    sums.loss += weight * divergence;
                    let q_value = support.expectation(outputs);
                    sums.q_value += q_value;
                    sums.td_error += (support.mean(target) - q_value).abs();
                }
            }
        }
        let size = size as f32;
        let (loss, q_value) = (sums.loss / size, sums.q_value / size);
        if !(loss.is_finite() && q_value.is_finite()) {
            return Err(NotFinite { loss, q_value });
        }
        Ok(Shown { loss, q_value, td_error: sums.td_error / size, ..sums })
    }
}

/// -`advantage` * log pi(`action`), where pi is the softmax of `logits`, and its gradient by the logits times `scale`.
fn policy_gradient(logits: &[f32], action: usize, advantage: f32, scale: f64, gradient: &mut [f32]) -> f32 {
    let (largest, advantage) = (f64::from(largest(logits)), f64::from(advantage));
    let sum: f64 = logits.iter().map(|logit| exp(f64::from(*logit) - largest)).sum();
    let log_sum = largest + ln(sum);
    for (i, (gradient, logit)) in gradient.iter_mut().zip(logits).enumerate() {
        let probability = exp(f64::from(*logit) - log_sum);
        let chosen = if i == action { 1.0 } else { 0.0 };
        *gradient = (scale * advantage * (probability - chosen)) as f32;
    }
    (-advantage * (f64::from(logits[action]) - log_sum)) as f32
}

/// The divergence of the softmax of `logits` from `target`, and its gradient by the logits times `scale`.
fn divergence_gradient(target: &[f32], logits: &[f32], scale: f32, gradient: &mut [f32]) -> f32 {
    let largest = largest(logits);
    let sum: f32 = logits.iter().map(|logit| exp_f32(logit - largest)).sum();
    let log_sum = ln_f32(sum);
    let mut divergence = 0.0;
    for ((&wanted, logit), gradient) in target.iter().zip(logits).zip(gradient) {
        let log_probability = logit - largest - log_sum;
        *gradient = scale * (exp_f32(log_probability) - wanted);
        // 0 ln 0 = 0; a NaN must reach the result.
        if wanted != 0.0 {
            divergence += wanted * (ln_f32(wanted) - log_probability);
        }
    }
    // Rounding may leave a value slightly below 0. A NaN stays a NaN.
    if divergence < 0.0 {
        0.0
    } else {
        divergence
    }
}

#[cfg(test)]
mod tests;
