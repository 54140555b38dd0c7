//! The activation after a hidden layer, on the CPU.

use crate::arithmetic::elu;
use crate::networks::cpu::kernels::End;
use crate::networks::cpu::matrix::{mask_relu, vectorized};
use crate::networks::Activation;

impl Activation {
    /// The end of the products of a layer with this activation; [`finish`](Self::finish) must follow.
    pub(super) fn end(self) -> End {
        match self {
            Activation::Relu => End::Rectify,
            Activation::Elu => End::Store,
        }
    }

    /// Completes the activation of the numbers that products with this [`end`](Self::end) have stored.
    pub(super) fn finish(self, numbers: &mut [f32]) {
        if self == Activation::Elu {
            vectorized(
                #[inline(always)]
                || numbers.iter_mut().for_each(|number| *number = elu(*number)),
            );
        }
    }

    /// Multiplies `gradient` by the derivative of the activation, given its `output`. Where the output is NaN, ReLU lets the
    /// gradient pass, as in PyTorch, and elu makes it NaN.
    pub(super) fn mask(self, gradient: &mut [f32], output: &[f32]) {
        match self {
            Activation::Relu => mask_relu(gradient, output),
            Activation::Elu => vectorized(
                #[inline(always)]
                || gradient.iter_mut().zip(output).for_each(|(gradient, output)| *gradient *= slope_of_elu(*output)),
            ),
        }
    }
}

/// The derivative of elu where its output is this.
#[inline(always)]
pub(super) fn slope_of_elu(output: f32) -> f32 {
    if output > 0.0 {
        1.0
    } else {
        output + 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_derivative_follows_from_the_output() {
        let sums = [2.0, 0.0, -1.0, -100.0, f32::NAN];
        let mut output = sums;
        Activation::Elu.finish(&mut output);
        assert_eq!(output[..4], [2.0, 0.0, -0.632_120_55, -1.0]);
        assert!(output[4].is_nan());
        let mut gradient = [3.0; 5];
        Activation::Elu.mask(&mut gradient, &output);
        for (got, want) in gradient.iter().zip([3.0, 3.0, 3.0 * (-1f32).exp(), 0.0]) {
            assert!((got - want).abs() < 1e-6, "{gradient:?}");
        }
        assert!(gradient[4].is_nan());
        let (mut output, mut gradient) = (sums, [3.0; 5]);
        Activation::Relu.finish(&mut output);
        assert!(output[..4] == sums[..4], "the products have done it");
        Activation::Relu.mask(&mut gradient, &[2.0, 0.0, 0.0, 0.0, f32::NAN]);
        assert_eq!(gradient, [3.0, 0.0, 0.0, 0.0, 3.0]);
    }
}
