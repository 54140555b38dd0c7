//! LayerNorm between a linear map and its ReLU: over the channels of each position, or over the units of a dense layer.
//!
//! y = ReLU(gain * (z - mean) / sqrt(variance + epsilon) + shift), variance the mean of squares. Equal rows of z give equal
//! rows of y, so equal patches stay equal through all layers. Backward is linear in the gradient of y for a given row of z.
//!
//! Sums over a row are 16 partial sums that are folded in halves: one order, however wide the processor's vectors are.

use crate::networks::cpu::matrix::vectorized;
use crate::networks::cpu::plan::NormPlan;
use crate::networks::NORM_EPSILON;

/// Partial sums of a row.
const PARTS: usize = 16;

/// What the backward pass needs of each row, in the order in which rows were normalized.
#[derive(Clone, Debug, Default)]
pub struct Normalized {
    /// (z - mean) / sqrt(variance + epsilon), row by row.
    hats: Vec<f32>,
    /// 1 / sqrt(variance + epsilon).
    inverses: Vec<f32>,
}

/// A norm's parameters.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// Factor of each channel.
    pub gain: &'a [f32],
    /// Added to each channel after that.
    pub shift: &'a [f32],
}

impl Normalized {
    /// Forgets all rows.
    pub fn clear(&mut self) {
        self.hats.clear();
        self.inverses.clear();
    }
}

impl<'a> Norm<'a> {
    /// The norm at this place of the network's `values`.
    pub fn new(plan: &NormPlan, values: &'a [f32]) -> Self {
        Self { gain: &values[plan.gain.clone()], shift: &values[plan.shift.clone()] }
    }

    /// Replaces the rows of z that begin at these `places` of `rows` by rows of y. Appends what the backward pass needs to
    /// `kept`.
    pub fn forward(&self, rows: &mut [f32], places: impl ExactSizeIterator<Item = usize>, kept: &mut Normalized) {
        let Self { gain, shift } = *self;
        let (width, begin) = (gain.len(), kept.hats.len());
        kept.hats.resize(begin + places.len() * width, 0.0);
        let hats = &mut kept.hats[begin..];
        let inverses = &mut kept.inverses;
        vectorized(
            #[inline(always)]
            || {
                let scale = 1.0 / width as f32;
                for (place, hats) in places.zip(hats.chunks_exact_mut(width)) {
                    let row = &mut rows[place..place + width];
                    let mean = sum(row.len(), |i| row[i]) * scale;
                    hats.iter_mut().zip(&*row).for_each(|(hat, z)| *hat = z - mean);
                    let variance = sum(row.len(), |i| hats[i] * hats[i]) * scale;
                    let inverse = 1.0 / (variance + NORM_EPSILON).sqrt();
                    let each = row.iter_mut().zip(hats).zip(gain.iter().zip(shift));
                    for ((y, hat), (gain, shift)) in each {
                        *hat *= inverse;
                        let value = gain * *hat + shift;
                        // The ReLU of NaN is NaN.
                        *y = if value <= 0.0 { 0.0 } else { value };
                    }
                    inverses.push(inverse);
                }
            },
        );
    }

    /// Replaces the gradient of y, which is already 0 where y is 0, by the gradient of z. `rows` are the rows of `kept`, in
    /// their order and without gaps. Adds to the gradients of gain and shift, row by row.
    pub fn backward(&self, kept: &Normalized, rows: &mut [f32], gain_gradient: &mut [f32], shift_gradient: &mut [f32]) {
        let gain = self.gain;
        let width = gain.len();
        let hats = kept.hats.chunks_exact(width).zip(&kept.inverses);
        vectorized(
            #[inline(always)]
            || {
                let scale = 1.0 / width as f32;
                for (row, (hats, inverse)) in rows.chunks_exact_mut(width).zip(hats) {
                    let sums = gain_gradient.iter_mut().zip(shift_gradient.iter_mut());
                    for ((d, hat), (gain_sum, shift_sum)) in row.iter().zip(hats).zip(sums) {
                        *gain_sum += d * hat;
                        *shift_sum += d;
                    }
                    row.iter_mut().zip(gain).for_each(|(d, gain)| *d *= gain);
                    let mean = sum(width, |i| row[i]) * scale;
                    let slope = sum(width, |i| row[i] * hats[i]) * scale;
                    row.iter_mut().zip(hats).for_each(|(h, hat)| *h = (*h - mean - hat * slope) * inverse);
                }
            },
        );
    }
}

/// The sum of `len` numbers in this module's order.
#[inline(always)]
fn sum(len: usize, number: impl Fn(usize) -> f32) -> f32 {
    let mut parts = [0.0; PARTS];
    let whole = len - len % PARTS;
    for begin in (0..whole).step_by(PARTS) {
        for (i, part) in parts.iter_mut().enumerate() {
            *part += number(begin + i);
        }
    }
    for (i, part) in parts.iter_mut().enumerate().take(len - whole) {
        *part += number(whole + i);
    }
    let mut half = PARTS / 2;
    while half > 0 {
        for i in 0..half {
            parts[i] += parts[i + half];
        }
        half /= 2;
    }
    parts[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::cpu::matrix::tests::assert_close;

    /// z = 1, 2, 3, 6: mean 3, variance 3.5.
    #[test]
    fn four_numbers_give_the_hand_worked_norm_and_gradient() {
        let norm = Norm { gain: &[1.0; 4], shift: &[0.0; 4] };
        let mut kept = Normalized::default();
        let mut rows = [0.0, 1.0, 2.0, 3.0, 6.0];
        norm.forward(&mut rows, [1].into_iter(), &mut kept);
        assert_close(&kept.hats, &[-1.069_045, -0.534_522, 0.0, 1.603_567], 1e-6);
        assert_close(&rows, &[0.0, 0.0, 0.0, 0.0, 1.603_567], 1e-6);
        let mut gradient = [1.0, 0.0, 0.0, -1.0];
        let (mut gain, mut shift) = ([0.0; 4], [0.0; 4]);
        norm.backward(&kept, &mut gradient, &mut gain, &mut shift);
        assert_close(&gradient, &[0.152_721, -0.190_901, 0.0, 0.038_180], 1e-6);
        assert_close(&gain, &[-1.069_045, 0.0, 0.0, -1.603_567], 1e-6);
        assert_eq!(shift, [1.0, 0.0, 0.0, -1.0]);
    }

    #[test]
    fn a_sum_has_one_order_for_any_length() {
        for len in [1, 15, 16, 17, 40] {
            let mut parts = [0.0f32; 16];
            (0..len).for_each(|i| parts[i % 16] += 0.1 + i as f32 * 1e-3);
            for half in [8, 4, 2, 1] {
                (0..half).for_each(|i| parts[i] += parts[i + half]);
            }
            assert_eq!(sum(len, |i| 0.1 + i as f32 * 1e-3), parts[0]);
        }
    }
}
