//! Exponentials, logarithms and powers with the same bits on every processor.
//!
//! The standard library passes these functions to the platform's mathematics library, whose last bits differ from one version
//! or processor to the next. Here they consist of additions, multiplications and divisions, which IEEE 754 defines to the
//! bit; so one seed gives one network on whatever CPU it is trained. Square roots are not here: IEEE 754 defines them too.

use std::f64::consts::{LOG2_E, SQRT_2};

/// The first 21 bits of ln 2; its product with an exponent is exact.
const LN_2_HIGH: f64 = 0.693_146_705_627_441_4;
/// The rest of ln 2.
const LN_2_LOW: f64 = 4.749_325_039_031_672_6e-7;
/// Adding and subtracting it rounds a number below 2^51 to the nearest integer.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
/// The smallest number with all its bits.
const SMALLEST_NORMAL: f64 = f64::MIN_POSITIVE;

/// 1/n! for n = 13 down to 2: with |r| at most ln(2)/2 the next term of e^r is below 5e-18.
const TERMS_OF_EXP: [f64; 12] = [
    1.0 / 6_227_020_800.0,
    1.0 / 479_001_600.0,
    1.0 / 39_916_800.0,
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    1.0 / 2.0,
];

/// e to the power `x`; the relative error is below 1e-15.
pub fn exp(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    // Beyond these the result is infinite or 0.
    let x = x.clamp(-800.0, 800.0);
    // x = k ln 2 + r.
    let k = (x * LOG2_E + ROUNDER) - ROUNDER;
    let r = (x - k * LN_2_HIGH) - k * LN_2_LOW;
    let series = TERMS_OF_EXP.iter().fold(0.0, |sum, term| sum * r + term);
    let fraction = 1.0 + (r + r * r * series);
    // In two steps, because 2^k can be outside the range of exponents when the result is not.
    let k = k as i64;
    fraction * two_to_the(k / 2) * two_to_the(k - k / 2)
}

/// 2 to the power `k`, which is from -1022 to 1023.
fn two_to_the(k: i64) -> f64 {
    f64::from_bits(((k + 1023) as u64) << 52)
}

/// The natural logarithm of `x`; the relative error is below 1e-15. NaN below 0.
pub fn ln(x: f64) -> f64 {
    /// 1/n for n = 23, 21, ..., 3: with |s| at most 0.172 the next term is below 2e-19.
    const TERMS: [f64; 11] = [
        1.0 / 23.0,
        1.0 / 21.0,
        1.0 / 19.0,
        1.0 / 17.0,
        1.0 / 15.0,
        1.0 / 13.0,
        1.0 / 11.0,
        1.0 / 9.0,
        1.0 / 7.0,
        1.0 / 5.0,
        1.0 / 3.0,
    ];
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    if x == f64::INFINITY {
        return x;
    }
    let (x, shift) = if x < SMALLEST_NORMAL { (x * two_to_the(54), 54) } else { (x, 0) };
    // x = m 2^e with m from sqrt(1/2) to sqrt(2).
    let bits = x.to_bits();
    let exponent = ((bits >> 52) as i64) - 1023 - shift;
    let m = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    let (m, exponent) = if m > SQRT_2 { (m / 2.0, exponent + 1) } else { (m, exponent) };
    // ln m = 2 (s + s^3/3 + s^5/5 + ...).
    let s = (m - 1.0) / (m + 1.0);
    let square = s * s;
    let series = TERMS.iter().fold(0.0, |sum, term| sum * square + term);
    let exponent = exponent as f64;
    exponent * LN_2_HIGH + (2.0 * s + (2.0 * s * square * series + exponent * LN_2_LOW))
}

/// e to the power `x`, rounded from [`exp`].
pub fn exp_f32(x: f32) -> f32 {
    exp(f64::from(x)) as f32
}

/// `x` above 0, otherwise e^x - 1, rounded from [`exp`]; NaN stays NaN. Without branches, so that a loop of it becomes vectors.
#[inline(always)]
pub fn elu(x: f32) -> f32 {
    // e^-40 is less than half of the last bit of -1.
    let exponent = f64::from(if x < -40.0 { -40.0 } else { x });
    // As in `exp`, where 2^k is a factor: here k is added to the exponent's bits, of which these are the lowest.
    let rounded = exponent * LOG2_E + ROUNDER;
    let k = rounded - ROUNDER;
    let r = (exponent - k * LN_2_HIGH) - k * LN_2_LOW;
    let series = TERMS_OF_EXP.iter().fold(0.0, |sum, term| sum * r + term);
    let fraction = 1.0 + (r + r * r * series);
    let power = f64::from_bits(fraction.to_bits().wrapping_add(rounded.to_bits() << 52));
    if x <= 0.0 {
        (power - 1.0) as f32
    } else {
        x
    }
}

/// The natural logarithm of `x`, rounded from [`ln`].
pub fn ln_f32(x: f32) -> f32 {
    ln(f64::from(x)) as f32
}

/// `base`, which is not below 0, to any power; the relative error is below 1e-15 times the larger of 1 and
/// |`exponent` ln `base`|. 1 if the exponent is 0.
pub fn power(base: f64, exponent: f64) -> f64 {
    if exponent == 0.0 {
        return 1.0;
    }
    exp(exponent * ln(base))
}

/// `base` to a whole power, by squaring; the relative error is below 2.3e-16 times the exponent.
pub fn whole_power(base: f64, exponent: u64) -> f64 {
    let (mut result, mut square, mut rest) = (1.0, base, exponent);
    while rest > 0 {
        if rest & 1 == 1 {
            result *= square;
        }
        square *= square;
        rest >>= 1;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_near(got: f64, want: f64, error: f64, what: &str) {
        assert!((got - want).abs() <= error * want.abs(), "{what}: {got:e}, expected {want:e}");
    }

    /// Numbers over the whole range in which both functions have finite results.
    #[test]
    fn exponentials_and_logarithms_are_the_standard_librarys_to_14_digits() {
        for i in -70_000..=70_000 {
            let x = f64::from(i) * 0.010_123;
            assert_near(exp(x), x.exp(), 1e-14, &format!("exp {x}"));
            let y = x.exp() * (1.0 + f64::from(i % 97) * 0.007);
            assert_near(ln(y), y.ln(), 1e-14, &format!("ln {y}"));
            let near_one = 1.0 + f64::from(i) * 1e-6;
            assert_near(ln(near_one), near_one.ln(), 1e-14, &format!("ln {near_one}"));
        }
        // No accuracy is lost where a logarithm is nearly 0.
        for tiny in [1e-3f64, 1e-6, 1e-9, -1e-4, -1e-8] {
            let exact = tiny.mul_add(-tiny / 2.0, tiny) + tiny.powi(3) / 3.0 - tiny.powi(4) / 4.0;
            let rounded = 1.0 + tiny;
            assert_near(ln(rounded), exact + (rounded - 1.0 - tiny) / rounded, 1e-12, &format!("ln 1 + {tiny}"));
        }
    }

    #[test]
    fn the_ends_of_the_range_are_infinite_0_or_not_a_number() {
        assert_eq!((exp(0.0), ln(1.0)), (1.0, 0.0));
        assert_eq!(
            (exp(f64::INFINITY), exp(710.0), exp(-746.0), exp(f64::NEG_INFINITY)),
            (f64::INFINITY, f64::INFINITY, 0.0, 0.0)
        );
        assert!(exp(709.7).is_finite() && exp(-745.0) > 0.0);
        assert_eq!((ln(0.0), ln(f64::INFINITY)), (f64::NEG_INFINITY, f64::INFINITY));
        assert!(exp(f64::NAN).is_nan() && ln(f64::NAN).is_nan() && ln(-1.0).is_nan());
        assert_near(ln(f64::from_bits(1)), f64::from_bits(1).ln(), 1e-14, "the smallest number");
        assert_near(exp(-740.0), (-740f64).exp(), 1e-1, "a number with few bits");
        assert!(exp_f32(f32::NAN).is_nan() && exp_f32(f32::NEG_INFINITY) == 0.0 && ln_f32(0.0) == f32::NEG_INFINITY);
    }

    /// The numbers of a short f32 at every exponent, both signs.
    #[test]
    fn elu_is_the_exponential_less_one_below_0_and_nothing_above() {
        for i in 0..=u16::MAX {
            let x = f32::from_bits(u32::from(i) << 16 | 0x1234);
            let want = if x > 0.0 || x.is_nan() { x } else { (exp(f64::from(x)) - 1.0) as f32 };
            assert!(elu(x).to_bits() == want.to_bits() || (x.is_nan() && elu(x).is_nan()), "{x:e}: {:e}", elu(x));
        }
        assert_eq!([elu(0.0), elu(-0.0), elu(2.5), elu(-1.0e9), elu(f32::NEG_INFINITY)], [0.0, 0.0, 2.5, -1.0, -1.0]);
        assert_eq!([elu(-1.0), elu(-0.25), elu(-1e-6)], [-0.632_120_55, -0.221_199_22, -9.999_995e-7]);
        assert!(elu(f32::NAN).is_nan() && elu(f32::INFINITY) == f32::INFINITY);
    }

    #[test]
    fn powers_are_the_standard_librarys() {
        for (base, exponent) in [(0.3, 0.6), (1e-12, 0.5), (7.5, 0.0), (0.0, 0.0), (0.0, 0.4), (1.0, 0.7), (1e300, 1.0)]
        {
            assert_near(power(base, exponent), f64::powf(base, exponent), 1e-12, &format!("{base}^{exponent}"));
        }
        assert_eq!(power(1.0, 0.4), 1.0);
        for (base, exponent) in [(0.9, 0), (0.9, 1), (0.999, 10_000), (0.5, 3), (0.999_999, 5_000_000), (0.0, 3)] {
            assert_near(
                whole_power(base, exponent),
                f64::powf(base, exponent as f64),
                2.3e-16 * exponent as f64,
                &format!("{base}^{exponent}"),
            );
        }
        assert_eq!(whole_power(0.5, 100_000), 0.0);
    }

    /// The same on every processor; a change here makes every seed mean another run.
    #[test]
    fn the_last_bits_are_these() {
        let bits = [exp(1.0), exp(-3.7), exp(0.1), ln(10.0), ln(0.3), power(0.37, 0.6), whole_power(0.999, 1_000)];
        assert_eq!(bits.map(f64::to_bits), PINNED);
    }
    const PINNED: [u64; 7] = [
        0x4005_bf0a_8b14_576a,
        0x3f99_511f_c687_1044,
        0x3ff1_aec7_b35a_00d4,
        0x4002_6bb1_bbb5_5516,
        0xbff3_4378_fcbd_a721,
        0x3fe1_9f65_7344_9fc5,
        0x3fd7_8852_6411_edac,
    ];
}
