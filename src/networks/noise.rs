//! Noisy layers (Fortunato et al. 2018): dense layers whose weights are sampled from learned means and deviations. The
//! sampling explores.
//!
//! The Gaussian noise is factorized. A layer draws one number x for each input and each output. With f(x) = sgn(x) sqrt|x|
//! its weight is `weight + weight_sigma * f(x_out) f(x_in)` and its bias `bias + bias_sigma * f(x_out)`. The f(x) of all
//! layers of a network are its noise, one vector that [`NoisyLayer`] divides. Without noise the network is evaluated by the
//! means, as it is in evaluations and in play.

use crate::random::Generator;
use std::ops::Range;

/// The places of a dense layer's numbers in the noise of its network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoisyLayer {
    /// f(x) of its inputs, in the order of a stored weight's columns.
    pub inputs: Range<usize>,
    /// f(x) of its outputs.
    pub outputs: Range<usize>,
}

/// Draws f(x) of Gaussian x into `noise`.
pub fn draw_noise(generator: &mut Generator, noise: &mut [f32]) {
    for pair in noise.chunks_mut(2) {
        for (number, x) in pair.iter_mut().zip(generator.normal_pair()) {
            *number = (x.signum() * x.abs().sqrt()) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    /// f(x)^2 = |x|: mean sqrt(2/pi), and f(x)^4 = x^2: mean 1. Signs are even.
    #[test]
    fn noise_is_signed_roots_of_gaussian_numbers() {
        let mut noise = vec![0.0f32; 100_001];
        draw_noise(&mut Generator::new(1, Purpose::Noise), &mut noise);
        let mean = |f: &dyn Fn(f64) -> f64| noise.iter().map(|x| f(f64::from(*x))).sum::<f64>() / 100_001.0;
        assert!((mean(&|x| x * x) - (2.0 / std::f64::consts::PI).sqrt()).abs() < 0.01);
        assert!((mean(&|x| x.powi(4)) - 1.0).abs() < 0.03);
        assert!((mean(&|x| x.powi(8)) - 3.0).abs() < 0.2, "x^4 of a Gaussian");
        assert!(mean(&f64::signum).abs() < 0.01);
        let neighbors: f64 = noise.windows(2).map(|pair| f64::from(pair[0] * pair[1])).sum::<f64>() / 100_000.0;
        assert!(neighbors.abs() < 0.01, "{neighbors}");
    }

    #[test]
    fn the_generator_decides() {
        let draw = |seed| {
            let mut noise = [0.0; 9];
            draw_noise(&mut Generator::new(seed, Purpose::Noise), &mut noise);
            noise
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
