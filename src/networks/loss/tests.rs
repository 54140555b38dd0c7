use super::*;
use crate::networks::head::Support;
use crate::random::{Generator, Purpose};

const FIVE: Support = Support { atoms: 5, value_min: -2.0, value_max: 2.0 };

fn gradient(loss: Loss, head: Head, outputs: &[f32]) -> (Shown, Vec<f32>) {
    let mut gradient = vec![9.0; outputs.len()];
    let shown = loss.gradient(&head, outputs, &mut gradient).unwrap();
    (shown, gradient)
}

fn loss<'a>(kind: LossKind, actions: &'a [u8], targets: &'a [f32], weights: &'a [f32]) -> Loss<'a> {
    Loss { kind, actions, targets, weights, gradient_scale: 1.0, norm_limit: None }
}

#[track_caller]
fn assert_close(got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len());
    assert!(got.iter().zip(want).all(|(x, y)| (x - y).abs() < 1e-6), "{got:?}, expected {want:?}");
}

#[test]
fn a_td_error_is_clipped_in_the_gradient_or_squared() {
    assert_eq!(LossKind::Clipped.at(0.5), (0.125, -0.5));
    assert_eq!(LossKind::Clipped.at(3.0), (2.5, -1.0));
    assert_eq!(LossKind::Clipped.at(-3.0), (2.5, 1.0));
    assert_eq!(LossKind::Squared.at(-3.0), (9.0, 6.0));
}

#[test]
fn only_the_action_taken_has_a_gradient() {
    let loss = loss(LossKind::Clipped, &[1, 0], &[2.25, 1.0], &[1.0, 1.0]);
    let loss = Loss { gradient_scale: 0.5, ..loss };
    let (shown, gradient) = gradient(loss, Head::Expected, &[0.0, 0.25, 0.5, 0.0]);
    assert_eq!(gradient, [0.0, -0.5, -0.25, 0.0]);
    let expected = Shown {
        loss: (1.5 + 0.125) / 2.0,
        q_value: (0.25 + 0.5) / 2.0,
        td_error: (2.0 + 0.5) / 2.0,
        errors: vec![2.0, 0.5],
        ..Shown::default()
    };
    assert_eq!(shown, expected);
}

#[test]
fn importance_weights_multiply_loss_and_gradient_but_not_the_errors() {
    let loss = loss(LossKind::Squared, &[1, 0], &[2.0, 1.0], &[0.5, 1.0]);
    let (shown, gradient) = gradient(loss, Head::Expected, &[0.0; 4]);
    assert_eq!(gradient, [0.0, -2.0, -2.0, 0.0]);
    assert_eq!((shown.loss, shown.errors), ((0.5 * 4.0 + 1.0) / 2.0, vec![2.0, 1.0]));
}

#[test]
fn the_categorical_loss_is_the_divergence_and_vanishes_at_the_target() {
    let learn = |targets: &[f32]| {
        let loss = Loss { gradient_scale: 0.5, ..loss(LossKind::Clipped, &[1], targets, &[2.0]) };
        gradient(loss, Head::Categorical(FIVE), &[0.0; 10])
    };
    let (shown, gradient) = learn(&[0.0, 0.5, 0.5, 0.0, 0.0]);
    // The prediction is even: twice (the weight) 0.5 ln(0.5 / 0.2), two times. The mean of the atoms is 0.
    assert!((shown.loss - 2.0 * 2.5f32.ln()).abs() < 1e-6 && shown.q_value == 0.0, "{shown:?}");
    assert!((shown.td_error - 0.5).abs() < 1e-6, "the mean of the target is -0.5: {shown:?}");
    assert_close(&shown.errors, &[2.5f32.ln()]);
    assert_close(&gradient, &[0.0, 0.0, 0.0, 0.0, 0.0, 0.2, -0.3, -0.3, 0.2, 0.2]);
    assert!(learn(&[0.2; 5]).0.loss < 1e-6);
}

#[test]
fn a_loss_that_is_not_finite_is_an_error() {
    for (head, width) in [(Head::Expected, 1), (Head::Policy, 1), (Head::Categorical(FIVE), 5)] {
        let targets = vec![f32::NAN; width];
        let loss = loss(LossKind::Squared, &[1], &targets, &[1.0]);
        let error = loss.gradient(&head, &vec![0.0; 2 * width], &mut vec![0.0; 2 * width]).unwrap_err();
        assert!(error.loss.is_nan() && error.q_value == 0.0, "{error}");
    }
}

/// The spec's worked examples of Huber's loss.
#[test]
fn hubers_loss_of_three_errors() {
    assert_eq!([0.5, -1.0, 3.0].map(|error| LossKind::Clipped.at(error).0), [0.125, 0.5, 2.5]);
}

/// REINFORCE by hand, checked with PyTorch's autograd: policy softmax(W x + b), three observations.
const WEIGHT: [[f64; 2]; 2] = [[0.5, -0.25], [0.0, 0.75]];
const BIAS: [f64; 2] = [0.1, -0.1];
const OBSERVATIONS: [[f64; 2]; 3] = [[1.0, 2.0], [-1.0, 0.5], [0.0, 1.0]];
const ADVANTAGES: [f32; 3] = [0.0, -1.224_744_9, 1.224_744_9];

/// The gradient by the weights and the bias of a linear layer, given the gradient by its two outputs.
fn by_parameters(gradient: &[f32]) -> ([[f64; 2]; 2], [f64; 2]) {
    let (mut weight, mut bias) = ([[0.0; 2]; 2], [0.0; 2]);
    for (gradient, x) in gradient.chunks_exact(2).zip(OBSERVATIONS) {
        for output in 0..2 {
            bias[output] += f64::from(gradient[output]);
            (0..2).for_each(|input| weight[output][input] += f64::from(gradient[output]) * x[input]);
        }
    }
    (weight, bias)
}

#[test]
fn a_policys_loss_and_gradient_are_those_worked_by_hand() {
    let outputs: Vec<f32> = OBSERVATIONS
        .iter()
        .flat_map(|x| [0, 1].map(|i| (WEIGHT[i][0] * x[0] + WEIGHT[i][1] * x[1] + BIAS[i]) as f32))
        .collect();
    for (scale, times) in [(1.0 / 3.0, 1.0), (1.0, 3.0)] {
        let loss = loss(LossKind::Squared, &[1, 0, 1], &ADVANTAGES, &[1.0; 3]);
        let (shown, gradient) = gradient(Loss { gradient_scale: scale, ..loss }, Head::Policy, &outputs);
        assert!((shown.loss - -0.326_598_63).abs() < 1e-6, "{shown:?}");
        assert!((shown.td_error - 2.449_489_7 / 3.0).abs() < 1e-6 && shown.q_value == 0.0, "{shown:?}");
        let (weight, bias) = by_parameters(&gradient);
        let expected = [[-0.281_680_902_384, 0.267_407_839_272], [0.281_680_902_384, -0.267_407_839_272]];
        for (got, want) in weight.concat().iter().zip(expected.concat()) {
            assert!((got - times * want).abs() < 1e-6, "{weight:?}");
        }
        assert!((bias[0] - times * 0.408_248_290_464).abs() < 1e-6 && (bias[0] + bias[1]).abs() < 1e-7, "{bias:?}");
    }
}

/// Binary cross entropy with the target 1 - action of p(left) = sigmoid(w x + c), times the advantage: the policy with the logits
/// (w x + c, 0), whose gradient by the first logit is the same.
#[test]
fn the_sigmoid_form_is_the_softmax_of_two_actions() {
    let logits: Vec<f32> = OBSERVATIONS.iter().flat_map(|x| [(0.5 * x[0] - 0.25 * x[1] + 0.1) as f32, 0.0]).collect();
    let mut probabilities = [0.0; 2];
    for (logits, left) in logits.chunks_exact(2).zip([0.524_979_187_479, 0.371_683_811_705, 0.462_570_154_656]) {
        crate::networks::head::softmax(logits, &mut probabilities);
        assert!((probabilities[0] - left).abs() < 1e-7, "{probabilities:?}");
    }
    let loss = loss(LossKind::Squared, &[0, 1, 0], &ADVANTAGES, &[1.0; 3]);
    let (_, gradient) = gradient(Loss { gradient_scale: 1.0 / 3.0, ..loss }, Head::Policy, &logits);
    let (weight, bias) = by_parameters(&gradient);
    for (got, want) in weight[0].iter().zip([0.151_739_280_722, -0.295_274_455_967]) {
        assert!((got - want).abs() < 1e-6, "{weight:?}");
    }
    assert!((bias[0] - -0.371_144_096_327).abs() < 1e-6, "{bias:?}");
}

/// The gradient in f32 against central differences of the loss in f64.
#[test]
fn the_gradient_of_either_loss_equals_finite_differences() {
    let support = Support { atoms: 7, value_min: -3.0, value_max: 3.0 };
    for (head, kind) in [
        (Head::Expected, LossKind::Clipped),
        (Head::Expected, LossKind::Squared),
        (Head::Categorical(support), LossKind::Clipped),
        (Head::Policy, LossKind::Squared),
    ] {
        let mut random = Generator::new(2, Purpose::Synthetic);
        let width = head.width();
        let (actions, weights) = ([1u8, 0, 2], [0.5f32, 1.0, 0.25]);
        let outputs: Vec<f32> = (0..9 * width).map(|_| random.symmetric(2.0)).collect();
        let targets: Vec<f32> = match head {
            Head::Expected | Head::Policy => vec![0.3, -0.4, 5.0],
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
                let one = match (head, kind) {
                    (Head::Policy, _) => {
                        let all = &outputs[3 * i..3 * (i + 1)];
                        -f64::from(target[0]) * (out[0] - all.iter().map(|x| x.exp()).sum::<f64>().ln())
                    }
                    (Head::Categorical(_), _) => {
                        let log_sum = out.iter().map(|x| x.exp()).sum::<f64>().ln();
                        target.iter().zip(out).map(|(&m, x)| f64::from(m) * (log_sum - x)).sum::<f64>()
                    }
                    (Head::Expected, LossKind::Squared) => (f64::from(target[0]) - out[0]).powi(2),
                    (Head::Expected, LossKind::Clipped) => {
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
        let loss = Loss { gradient_scale: scale as f32, ..loss(kind, &actions, &targets, &weights) };
        let (_, gradient) = gradient(loss, head, &outputs);
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
