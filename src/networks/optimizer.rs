//! Gradient descent: the RMSProp of Mnih et al. 2015, Adam and RAdam.
//!
//! An [`OptimizerRule`] is the formula; [`CpuOptimizer`] applies it to a flat vector in one sweep over memory,
//! [`DeviceOptimizer`] to candle tensors on an accelerator.

use crate::arithmetic::whole_power;
use crate::config::{DqnKeys, OptimizerKind, PqnKeys, ReinforceKeys};
use crate::networks::cpu::matrix::vectorized;
use candle_core::{Tensor, Var};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The learning rate: constant, or a linear decay from `initial` to `last` over the first `updates` updates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LearningRate {
    /// Rate of the first update.
    pub initial: f32,
    /// Rate of every update after the first `updates`.
    pub last: f32,
    /// Updates until the decay ends.
    pub updates: u64,
}

impl LearningRate {
    /// A constant rate.
    pub const fn constant(rate: f32) -> Self {
        Self { initial: rate, last: rate, updates: 0 }
    }

    /// The rate of update number `step`; the first is 1.
    pub fn at(self, step: u64) -> f32 {
        let done = step.saturating_sub(1);
        if done >= self.updates {
            return self.last;
        }
        (f64::from(self.initial) + f64::from(self.last - self.initial) * (done as f64 / self.updates as f64)) as f32
    }
}

/// The formula by which a gradient changes the parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OptimizerRule {
    /// Centered RMSProp as in Mnih et al. 2015, for gradients *summed* over the batch:
    /// g <- decay g + (1 - decay) d; g2 <- decay g2 + (1 - decay) d^2; w <- w - rate d / sqrt(g2 - g^2 + epsilon).
    RmsProp {
        /// Learning rate.
        learning_rate: LearningRate,
        /// Decay of both averages.
        decay: f32,
        /// Added inside the root.
        epsilon: f32,
    },
    /// Adam (Kingma & Ba 2015), for gradients averaged over the batch; epsilon outside the root, no weight decay.
    Adam {
        /// Learning rate.
        learning_rate: LearningRate,
        /// Decay of the average gradient.
        beta1: f32,
        /// Decay of the average squared gradient.
        beta2: f32,
        /// Added to the root.
        epsilon: f32,
    },
    /// RAdam (Liu et al. 2020), for gradients averaged over the batch: Adam with shorter steps as long as few squared gradients
    /// are in their average; the very first steps do not use that average at all. No weight decay.
    RAdam {
        /// Learning rate.
        learning_rate: LearningRate,
        /// Decay of the average gradient.
        beta1: f64,
        /// Decay of the average squared gradient.
        beta2: f64,
        /// Added to the root.
        epsilon: f32,
    },
}

/// One step of RAdam.
#[derive(Clone, Copy, Debug, PartialEq)]
enum RectifiedStep {
    /// w <- w - rate m / (sqrt(v) + epsilon).
    Adaptive { rate: f32 },
    /// w <- w - rate m.
    Momentum { rate: f32 },
}

impl RectifiedStep {
    /// Step number `step`, counted from 1.
    fn new(learning_rate: LearningRate, beta1: f64, beta2: f64, step: u64) -> Self {
        let rate = f64::from(learning_rate.at(step)) / (1.0 - whole_power(beta1, step));
        let remaining = whole_power(beta2, step);
        // The number of squared gradients that count in the average: at most `longest`.
        let longest = 2.0 / (1.0 - beta2) - 1.0;
        let length = longest - 2.0 * step as f64 * remaining / (1.0 - remaining);
        if length <= 5.0 {
            return Self::Momentum { rate: rate as f32 };
        }
        let variance = |length: f64| (length - 4.0) * (length - 2.0) / length;
        let rectification = (variance(length) / variance(longest)).sqrt();
        Self::Adaptive { rate: (rate * rectification * (1.0 - remaining).sqrt()) as f32 }
    }
}

impl OptimizerRule {
    /// The optimizer that PQN's keys ask for.
    pub fn of_pqn(keys: &PqnKeys) -> Self {
        let initial = keys.learning_rate as f32;
        let learning_rate = match keys.anneal_learning_rate {
            true => LearningRate { initial, last: 0.0, updates: keys.updates_in(keys.learning_rate_anneal_steps) },
            false => LearningRate::constant(initial),
        };
        let (beta1, beta2) = (keys.radam_beta1, keys.radam_beta2);
        OptimizerRule::RAdam { learning_rate, beta1, beta2, epsilon: keys.radam_epsilon as f32 }
    }

    /// The optimizer that DQN's keys ask for.
    pub fn of_dqn(keys: &DqnKeys) -> Self {
        let learning_rate = match keys.learning_rate_anneal_updates {
            0 => LearningRate::constant(keys.learning_rate as f32),
            updates => {
                LearningRate { initial: keys.learning_rate as f32, last: keys.learning_rate_final as f32, updates }
            }
        };
        match keys.optimizer {
            OptimizerKind::RmsProp => OptimizerRule::RmsProp {
                learning_rate,
                decay: keys.rmsprop_decay as f32,
                epsilon: keys.rmsprop_epsilon as f32,
            },
            OptimizerKind::Adam => OptimizerRule::Adam {
                learning_rate,
                beta1: keys.adam_beta1 as f32,
                beta2: keys.adam_beta2 as f32,
                epsilon: keys.adam_epsilon as f32,
            },
        }
    }

    /// The optimizer that REINFORCE's keys ask for.
    pub fn of_reinforce(keys: &ReinforceKeys) -> Self {
        let learning_rate = LearningRate::constant(keys.learning_rate as f32);
        match keys.optimizer {
            OptimizerKind::RmsProp => OptimizerRule::RmsProp {
                learning_rate,
                decay: keys.rmsprop_decay as f32,
                epsilon: keys.rmsprop_epsilon as f32,
            },
            OptimizerKind::Adam => OptimizerRule::Adam {
                learning_rate,
                beta1: keys.adam_beta1 as f32,
                beta2: keys.adam_beta2 as f32,
                epsilon: keys.adam_epsilon as f32,
            },
        }
    }

    /// Factor of a batch's summed gradient: 1, or 1 over the batch size.
    pub fn gradient_scale(&self, batch_size: usize) -> f32 {
        match self {
            OptimizerRule::RmsProp { .. } => 1.0,
            OptimizerRule::Adam { .. } | OptimizerRule::RAdam { .. } => 1.0 / batch_size as f32,
        }
    }

    /// Adam's learning rate and epsilon at step number `step` (the first is 1), corrected for the moments' start at 0:
    /// rate m/(1-b1^t) / (sqrt(v/(1-b2^t)) + e) = (rate s/(1-b1^t)) m / (sqrt(v) + e s) with s = sqrt(1-b2^t).
    fn corrected(learning_rate: LearningRate, beta1: f32, beta2: f32, epsilon: f32, step: u64) -> (f32, f32) {
        let power = |beta: f32| 1.0 - whole_power(f64::from(beta), step);
        let root = power(beta2).sqrt();
        ((f64::from(learning_rate.at(step)) * root / power(beta1)) as f32, (f64::from(epsilon) * root) as f32)
    }
}

/// The state of an optimizer, in the order of the stored parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OptimizerState {
    /// Average gradient of each parameter.
    pub first: Vec<f32>,
    /// Average squared gradient of each parameter.
    pub second: Vec<f32>,
    /// Steps taken.
    pub steps: u64,
}

/// An optimizer of a flat vector on the CPU.
#[derive(Clone, Debug)]
pub struct CpuOptimizer {
    rule: OptimizerRule,
    /// Average gradient of each parameter.
    first: Vec<f32>,
    /// Average squared gradient of each parameter.
    second: Vec<f32>,
    steps: u64,
}

/// Parameters that a thread works on at a time.
pub(crate) const CHUNK: usize = 65_536;

/// The Euclidean norm of `gradient`, all parameters together. `sums` is room for the sums of fixed pieces; these are added
/// in their order, so the result does not depend on the number of threads.
fn norm(gradient: &[f32], sums: &mut Vec<f64>) -> f32 {
    sums.resize(gradient.len().div_ceil(CHUNK), 0.0);
    sums.par_iter_mut().zip(gradient.par_chunks(CHUNK)).for_each(|(sum, piece)| {
        *sum = vectorized(
            #[inline(always)]
            || {
                // Eight independent sums, which the compiler can keep in vectors.
                let mut lanes = [0.0f64; 8];
                let (eights, rest) = piece.as_chunks::<8>();
                for eight in eights {
                    for (lane, value) in lanes.iter_mut().zip(eight) {
                        *lane += f64::from(*value) * f64::from(*value);
                    }
                }
                lanes.iter().sum::<f64>() + rest.iter().map(|value| f64::from(*value) * f64::from(*value)).sum::<f64>()
            },
        );
    });
    sums.iter().sum::<f64>().sqrt() as f32
}

/// The factor that shortens a gradient of this `norm` to `limit`; `None` if it is not longer.
fn clip_factor(norm: f32, limit: f32) -> Option<f32> {
    (norm > limit).then(|| limit / norm)
}

/// The norm of `gradient`, and the factor that shortens it to the norm `limit` if it is longer (else 1). `sums` is room for
/// partial sums.
pub fn clip_norm(gradient: &[f32], limit: f32, sums: &mut Vec<f64>) -> (f32, f32) {
    let norm = norm(gradient, sums);
    (norm, clip_factor(norm, limit).unwrap_or(1.0))
}

/// [`clip_norm`] for the gradients of candle variables.
pub fn clip_norm_on_device(gradients: &mut [Tensor], limit: f32) -> candle_core::Result<f32> {
    // Summed on the device, so that the host waits for it only once.
    let squares =
        gradients.iter().map(|gradient| gradient.sqr()?.sum_all()).collect::<candle_core::Result<Vec<_>>>()?;
    let norm = Tensor::stack(&squares, 0)?.sum_all()?.sqrt()?.to_scalar::<f32>()?;
    if let Some(factor) = clip_factor(norm, limit) {
        for gradient in gradients {
            *gradient = gradient.affine(f64::from(factor), 0.0)?;
        }
    }
    Ok(norm)
}

impl CpuOptimizer {
    /// An optimizer of `parameter_count` numbers that has seen no gradient yet.
    pub fn new(rule: OptimizerRule, parameter_count: usize) -> Self {
        Self { rule, first: vec![0.0; parameter_count], second: vec![0.0; parameter_count], steps: 0 }
    }

    /// The formula.
    pub fn rule(&self) -> &OptimizerRule {
        &self.rule
    }

    /// Its state, in the order of the vector.
    pub fn state(&self) -> OptimizerState {
        OptimizerState { first: self.first.clone(), second: self.second.clone(), steps: self.steps }
    }

    /// Continues from a state, which must have the same length.
    pub fn set_state(&mut self, state: OptimizerState) {
        assert_eq!((state.first.len(), state.second.len()), (self.first.len(), self.second.len()));
        (self.first, self.second, self.steps) = (state.first, state.second, state.steps);
    }

    /// One step against `gradient` times `factor`.
    pub fn step(&mut self, values: &mut [f32], gradient: &[f32], factor: f32) {
        self.steps += 1;
        let moments = self.first.par_chunks_mut(CHUNK).zip(self.second.par_chunks_mut(CHUNK));
        let chunks = values.par_chunks_mut(CHUNK).zip(gradient.par_chunks(CHUNK)).zip(moments);
        match self.rule {
            OptimizerRule::RmsProp { learning_rate, decay, epsilon } => {
                let learning_rate = learning_rate.at(self.steps);
                chunks.for_each(|((values, gradient), (first, second))| {
                    let each = values.iter_mut().zip(gradient).zip(first).zip(second);
                    vectorized(
                        #[inline(always)]
                        || {
                            for (((w, d), g), g2) in each {
                                let d = d * factor;
                                *g = decay * *g + (1.0 - decay) * d;
                                *g2 = decay * *g2 + (1.0 - decay) * d * d;
                                *w -= learning_rate * d / (*g2 - *g * *g + epsilon).sqrt();
                            }
                        },
                    );
                });
            }
            OptimizerRule::Adam { learning_rate, beta1, beta2, epsilon } => {
                let (rate, epsilon) = OptimizerRule::corrected(learning_rate, beta1, beta2, epsilon, self.steps);
                chunks.for_each(|((values, gradient), (first, second))| {
                    let each = values.iter_mut().zip(gradient).zip(first).zip(second);
                    vectorized(
                        #[inline(always)]
                        || {
                            for (((w, d), m), v) in each {
                                let d = d * factor;
                                *m = beta1 * *m + (1.0 - beta1) * d;
                                *v = beta2 * *v + (1.0 - beta2) * d * d;
                                *w -= rate * *m / (v.sqrt() + epsilon);
                            }
                        },
                    );
                });
            }
            OptimizerRule::RAdam { learning_rate, beta1, beta2, epsilon } => {
                let step = RectifiedStep::new(learning_rate, beta1, beta2, self.steps);
                let (new1, new2) = ((1.0 - beta1) as f32, (1.0 - beta2) as f32);
                let (beta1, beta2) = (beta1 as f32, beta2 as f32);
                chunks.for_each(|((values, gradient), (first, second))| {
                    let each = values.iter_mut().zip(gradient).zip(first).zip(second);
                    vectorized(
                        #[inline(always)]
                        || match step {
                            RectifiedStep::Adaptive { rate } => {
                                for (((w, d), m), v) in each {
                                    let d = d * factor;
                                    *m = beta1 * *m + new1 * d;
                                    *v = beta2 * *v + new2 * d * d;
                                    *w -= rate * *m / (v.sqrt() + epsilon);
                                }
                            }
                            RectifiedStep::Momentum { rate } => {
                                for (((w, d), m), v) in each {
                                    let d = d * factor;
                                    *m = beta1 * *m + new1 * d;
                                    *v = beta2 * *v + new2 * d * d;
                                    *w -= rate * *m;
                                }
                            }
                        },
                    );
                });
            }
        }
    }
}

/// An optimizer of candle variables on any device.
#[derive(Debug)]
pub struct DeviceOptimizer {
    rule: OptimizerRule,
    /// (average gradient, average squared gradient) of each variable.
    moments: Vec<(Tensor, Tensor)>,
    steps: u64,
}

impl DeviceOptimizer {
    /// An optimizer of `variables` that has seen no gradient yet.
    pub fn new(rule: OptimizerRule, variables: &[Var]) -> candle_core::Result<Self> {
        let moments = variables
            .iter()
            .map(|variable| Ok((variable.zeros_like()?, variable.zeros_like()?)))
            .collect::<candle_core::Result<_>>()?;
        Ok(Self { rule, moments, steps: 0 })
    }

    /// The formula.
    pub fn rule(&self) -> &OptimizerRule {
        &self.rule
    }

    /// Its state, one variable after the other.
    pub fn state(&self) -> candle_core::Result<OptimizerState> {
        let mut state = OptimizerState { first: Vec::new(), second: Vec::new(), steps: self.steps };
        for (first, second) in &self.moments {
            state.first.extend(first.flatten_all()?.to_vec1::<f32>()?);
            state.second.extend(second.flatten_all()?.to_vec1::<f32>()?);
        }
        Ok(state)
    }

    /// Continues from a state of variables of these shapes.
    pub fn set_state(&mut self, state: &OptimizerState) -> candle_core::Result<()> {
        let mut begin = 0;
        for (first, second) in &mut self.moments {
            let range = begin..begin + first.elem_count();
            let tensor = |values: &[f32]| Tensor::from_slice(&values[range.clone()], first.shape(), first.device());
            (*first, *second) = (tensor(&state.first)?, tensor(&state.second)?);
            begin = range.end;
        }
        self.steps = state.steps;
        Ok(())
    }

    /// One step against `gradients`, in the order of the variables.
    pub fn step(&mut self, variables: &[Var], gradients: &[Tensor]) -> candle_core::Result<()> {
        self.steps += 1;
        let average = |old: &Tensor, new: &Tensor, decay: f32| {
            old.affine(f64::from(decay), 0.0)? + new.affine(1.0 - f64::from(decay), 0.0)?
        };
        for ((variable, gradient), (first, second)) in variables.iter().zip(gradients).zip(&mut self.moments) {
            let change = match self.rule {
                OptimizerRule::RmsProp { learning_rate, decay, epsilon } => {
                    *first = average(first, gradient, decay)?;
                    *second = average(second, &gradient.sqr()?, decay)?;
                    let root = ((&*second - first.sqr()?)? + f64::from(epsilon))?.sqrt()?;
                    (gradient.affine(f64::from(learning_rate.at(self.steps)), 0.0)? / root)?
                }
                OptimizerRule::Adam { learning_rate, beta1, beta2, epsilon } => {
                    let (rate, epsilon) = OptimizerRule::corrected(learning_rate, beta1, beta2, epsilon, self.steps);
                    *first = average(first, gradient, beta1)?;
                    *second = average(second, &gradient.sqr()?, beta2)?;
                    (first.affine(f64::from(rate), 0.0)? / (second.sqrt()? + f64::from(epsilon))?)?
                }
                OptimizerRule::RAdam { learning_rate, beta1, beta2, epsilon } => {
                    *first = average(first, gradient, beta1 as f32)?;
                    *second = average(second, &gradient.sqr()?, beta2 as f32)?;
                    match RectifiedStep::new(learning_rate, beta1, beta2, self.steps) {
                        RectifiedStep::Adaptive { rate } => {
                            (first.affine(f64::from(rate), 0.0)? / (second.sqrt()? + f64::from(epsilon))?)?
                        }
                        RectifiedStep::Momentum { rate } => first.affine(f64::from(rate), 0.0)?,
                    }
                }
            };
            variable.set(&(variable.as_tensor() - change)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    const RMSPROP: OptimizerRule =
        OptimizerRule::RmsProp { learning_rate: LearningRate::constant(0.1), decay: 0.5, epsilon: 0.01 };
    const ADAM: OptimizerRule =
        OptimizerRule::Adam { learning_rate: LearningRate::constant(0.1), beta1: 0.5, beta2: 0.75, epsilon: 0.01 };
    const GRADIENTS: [f32; 3] = [1.0, -2.0, 0.5];

    /// w after each of the gradients, from w = 1, with both implementations.
    fn walk(rule: OptimizerRule) -> [f32; 3] {
        walk_against(rule, GRADIENTS)
    }

    fn walk_against<const N: usize>(rule: OptimizerRule, gradients: [f32; N]) -> [f32; N] {
        let (mut values, mut optimizer) = ([1.0f32], CpuOptimizer::new(rule, 1));
        let variable = Var::from_slice(&[1.0f32], 1, &Device::Cpu).unwrap();
        let variables = [variable];
        let mut on_device = DeviceOptimizer::new(rule, &variables).unwrap();
        gradients.map(|gradient| {
            optimizer.step(&mut values, &[gradient], 1.0);
            on_device.step(&variables, &[Tensor::new(&[gradient], &Device::Cpu).unwrap()]).unwrap();
            let other = variables[0].to_vec1::<f32>().unwrap()[0];
            assert!((values[0] - other).abs() < 1e-6, "{} and {other}", values[0]);
            values[0]
        })
    }

    /// Worked by hand: g, g2 = 0.5, 0.5 then -0.75, 2.25 then -0.125, 1.25, so
    /// w = 1 - 0.1/sqrt(0.26), + 0.2/sqrt(1.6975), - 0.05/sqrt(1.244375).
    #[test]
    fn rmsprop_is_centered_with_epsilon_inside_the_root_and_without_velocity() {
        let expected = [0.803_884, 0.957_390, 0.912_567];
        for (got, want) in walk(RMSPROP).iter().zip(expected) {
            assert!((got - want).abs() < 2e-6, "{got}, expected {want}");
        }
    }

    /// Worked by hand: m, v = 0.5, 0.25 then -0.75, 1.1875 then -0.125, 0.953125; corrected m = 1, -1, -1/7 and
    /// v = 1, 19/7, 61/37; so w = 1 - 0.1/1.01, + 0.1/(sqrt(19/7) + 0.01), + (0.1/7)/(sqrt(61/37) + 0.01).
    #[test]
    fn adam_corrects_both_moments_and_has_epsilon_outside_the_root() {
        let expected = [0.900_990, 0.961_322, 0.972_362];
        for (got, want) in walk(ADAM).iter().zip(expected) {
            assert!((got - want).abs() < 2e-6, "{got}, expected {want}");
        }
    }

    /// Checked against PyTorch's RAdam.
    #[test]
    fn radam_takes_plain_steps_at_first_and_then_rectified_ones() {
        let gradients = [1.0, -2.0, 0.5, 1.0, 1.0, -1.0, 2.0, 0.25];
        for (beta1, beta2, expected) in [
            (0.9, 0.999, [0.9, 0.957_895, 0.975_976, 0.959_721, 0.923_016, 0.922_851, 0.921_751, 0.920_471]),
            (0.5, 0.9, [0.9, 1.0, 1.014_286, 0.967_619, 0.893_425, 0.896_619, 0.873_692, 0.854_800]),
        ] {
            let learning_rate = LearningRate::constant(0.1);
            let rule = OptimizerRule::RAdam { learning_rate, beta1, beta2, epsilon: 1e-8 };
            for (got, want) in walk_against(rule, gradients).iter().zip(expected) {
                assert!((got - want).abs() < 1e-6, "{got}, expected {want}");
            }
        }
    }

    #[test]
    fn radam_warms_up_over_some_thousand_steps() {
        let rate = LearningRate::constant(1.0);
        assert!(matches!(RectifiedStep::new(rate, 0.9, 0.999, 5), RectifiedStep::Momentum { .. }));
        for (step, expected) in [(6, 0.0258), (100, 0.2153), (1_000, 0.6453), (10_000, 0.9998)] {
            let RectifiedStep::Adaptive { rate } = RectifiedStep::new(rate, 0.9, 0.999, step) else { panic!() };
            let correction = (1.0 - 0.999f64.powi(step as i32)).sqrt() / (1.0 - 0.9f64.powi(step as i32));
            let got = f64::from(rate) / correction;
            assert!((got - expected).abs() < 6e-5, "step {step}: {got}, expected {expected}");
        }
    }

    /// The walks above with 0.1, 0.05 and 0: half of the second step, and none of the third.
    #[test]
    fn a_decaying_rate_is_the_last_one_after_its_updates() {
        let falling = LearningRate { initial: 0.1, last: 0.0, updates: 2 };
        assert_eq!([1, 2, 3, 4].map(|step| falling.at(step)), [0.1, 0.05, 0.0, 0.0]);
        assert_eq!([1, 9].map(|step| LearningRate::constant(0.1).at(step)), [0.1; 2]);
        let rmsprop = OptimizerRule::RmsProp { learning_rate: falling, decay: 0.5, epsilon: 0.01 };
        let adam = OptimizerRule::Adam { learning_rate: falling, beta1: 0.5, beta2: 0.75, epsilon: 0.01 };
        for (rule, expected) in
            [(rmsprop, [0.803_884, 0.880_637, 0.880_637]), (adam, [0.900_990, 0.931_156, 0.931_156])]
        {
            for (got, want) in walk(rule).iter().zip(expected) {
                assert!((got - want).abs() < 2e-6, "{got}, expected {want}");
            }
        }
    }

    /// 3, 4 and 12 have the norm 13.
    #[test]
    fn a_gradient_longer_than_the_limit_is_shortened_to_it_and_its_norm_returned() {
        for (limit, expected) in [(13.0, [3.0, 4.0, 12.0]), (6.5, [1.5, 2.0, 6.0])] {
            let gradient = [3.0f32, 4.0, 12.0];
            let (norm, factor) = clip_norm(&gradient, limit, &mut Vec::new());
            assert_eq!((norm, gradient.map(|value| value * factor)), (13.0, expected));
            // A step of plain momentum moves by the shortened gradient.
            let rule = OptimizerRule::RAdam {
                learning_rate: LearningRate::constant(1.0),
                beta1: 0.0,
                beta2: 0.999,
                epsilon: 1e-8,
            };
            let mut values = [0.0; 3];
            CpuOptimizer::new(rule, 3).step(&mut values, &gradient, factor);
            assert_eq!(values, expected.map(|value: f32| -value));
            let tensor = |values: &[f32]| Tensor::new(values, &Device::Cpu).unwrap();
            let mut tensors = [tensor(&[3.0, 4.0]), tensor(&[12.0])];
            assert_eq!(clip_norm_on_device(&mut tensors, limit).unwrap(), 13.0);
            assert_eq!(tensors[0].to_vec1::<f32>().unwrap(), expected[..2]);
            assert_eq!(tensors[1].to_vec1::<f32>().unwrap(), expected[2..]);
        }
    }

    #[test]
    fn a_long_gradients_norm_is_the_norm_of_all_its_pieces() {
        let gradient: Vec<f32> = (0..3 * CHUNK + 5).map(|i| (i % 7) as f32).collect();
        let expected = gradient.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt() as f32;
        assert_eq!(norm(&gradient, &mut Vec::new()), expected);
    }

    #[test]
    fn the_paper_sums_the_gradient_over_the_batch_and_adam_averages_it() {
        assert_eq!(RMSPROP.gradient_scale(32), 1.0);
        assert_eq!(ADAM.gradient_scale(32), 1.0 / 32.0);
    }
}
