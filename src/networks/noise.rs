//! Noisy layers (Fortunato et al. 2018): a dense layer's weights are drawn anew again and again around learned means with
//! learned spreads, and that is the exploration.
//!
//! The Gaussian noise is factorised: a layer draws one number x for each input and each output, and with f(x) = sgn(x)
//! sqrt|x| its weight is `weight + weight_sigma * f(x_out) f(x_in)`, its bias `bias + bias_sigma * f(x_out)`. The f(x) of
//! all layers of a network, here called its factors, lie in one vector as [`NoisyLayer`] says. Without noise the network
//! is that of the means, which is what evaluates and plays.

use crate::random::Generator;
use std::ops::Range;

/// Where the factors of a dense layer lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoisyLayer {
    /// Those of its inputs, in the order of a stored weight's columns.
    pub inputs: Range<usize>,
    /// Those of its outputs.
    pub outputs: Range<usize>,
}

/// Draws f(x) of Gaussian x into `factors`.
pub fn draw_factors(generator: &mut Generator, factors: &mut [f32]) {
    for pair in factors.chunks_mut(2) {
        // Box and Muller: two fractions, the first not 0, make two independent Gaussian numbers.
        let radius = (-2.0 * (1.0 - generator.fraction()).ln()).sqrt();
        let (sine, cosine) = (std::f64::consts::TAU * generator.fraction()).sin_cos();
        for (factor, x) in pair.iter_mut().zip([radius * cosine, radius * sine]) {
            *factor = (x.signum() * x.abs().sqrt()) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    /// f(x)^2 = |x|: mean sqrt(2/pi), and f(x)^4 = x^2: mean 1. Signs are even.
    #[test]
    fn factors_are_signed_roots_of_gaussian_numbers() {
        let mut factors = vec![0.0f32; 100_001];
        draw_factors(&mut Generator::new(1, Purpose::Noise), &mut factors);
        let mean = |f: &dyn Fn(f64) -> f64| factors.iter().map(|x| f(f64::from(*x))).sum::<f64>() / 100_001.0;
        assert!((mean(&|x| x * x) - (2.0 / std::f64::consts::PI).sqrt()).abs() < 0.01);
        assert!((mean(&|x| x.powi(4)) - 1.0).abs() < 0.03);
        assert!((mean(&|x| x.powi(8)) - 3.0).abs() < 0.2, "x^4 of a Gaussian");
        assert!(mean(&f64::signum).abs() < 0.01);
        let neighbours: f64 = factors.windows(2).map(|pair| f64::from(pair[0] * pair[1])).sum::<f64>() / 100_000.0;
        assert!(neighbours.abs() < 0.01, "{neighbours}");
    }

    #[test]
    fn the_generator_decides() {
        let draw = |seed| {
            let mut factors = [0.0; 9];
            draw_factors(&mut Generator::new(seed, Purpose::Noise), &mut factors);
            factors
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
