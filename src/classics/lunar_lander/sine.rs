//! Sine and cosine in f32, the same on every system.
//!
//! The trajectories of the lander depend on the last bit of these functions, and systems disagree about it. The functions here equal
//! `sinf` and `cosf` of glibc 2.28 and later: the polynomials that Arm published (Optimized Routines), in f64, rounded once.

/// 2^24 * 2 / pi.
const TURNS: f64 = f64::from_bits(0x4164_5F30_6DC9_C883);
const HALF_PI: f64 = f64::from_bits(0x3FF9_21FB_5444_2D18);
const SINE: [f64; 3] = [
    f64::from_bits(0xBFC5_5554_5995_A603),
    f64::from_bits(0x3F81_1076_0523_0BC4),
    f64::from_bits(0xBF29_94EB_3774_CF24),
];
const COSINE: [f64; 5] = [
    1.0,
    f64::from_bits(0xBFDF_FFFF_FD0C_621C),
    f64::from_bits(0x3FA5_5553_E106_8F19),
    f64::from_bits(0xBF56_C087_E89A_359D),
    f64::from_bits(0x3EF9_9343_027B_F8C3),
];

/// The sine and the cosine of `angle` (radians).
pub fn sin_cos(angle: f32) -> (f32, f32) {
    let x = f64::from(angle);
    // The angle is small if exponent and upper mantissa bits say so; that cuts a little below pi/4.
    let size = angle.to_bits() >> 20 & 0x7FF;
    if size < f32::to_bits(std::f32::consts::FRAC_PI_4) >> 20 {
        if size < f32::to_bits(1.0 / 4096.0) >> 20 {
            return (angle, 1.0);
        }
        return (sine(x, x * x) as f32, cosine(x * x) as f32);
    }
    if size < f32::to_bits(120.0) >> 20 {
        let quarters = ((x * TURNS) as i32 + (1 << 23)) >> 24;
        return in_quarter(x - f64::from(quarters) * HALF_PI, quarters);
    }
    if !angle.is_finite() {
        return (f32::NAN, f32::NAN);
    }
    let (rest, quarters) = reduce(angle.abs());
    let (sine, cosine) = in_quarter(rest, quarters);
    (if angle < 0.0 { -sine } else { sine }, cosine)
}

/// Sine and cosine of `x` plus `quarters` quarters of a turn.
fn in_quarter(x: f64, quarters: i32) -> (f32, f32) {
    let square = x * x;
    let (s, c) = (sine(x, square) as f32, cosine(square) as f32);
    match quarters & 3 {
        0 => (s, c),
        1 => (c, -s),
        2 => (-s, -c),
        _ => (-c, s),
    }
}

fn sine(x: f64, square: f64) -> f64 {
    let cube = x * square;
    let upper = SINE[1] + square * SINE[2];
    (x + cube * SINE[0]) + (cube * square) * upper
}

fn cosine(square: f64) -> f64 {
    let fourth = square * square;
    let upper = COSINE[3] + square * COSINE[4];
    let lower = COSINE[0] + square * COSINE[1];
    (lower + fourth * COSINE[2]) + (fourth * square) * upper
}

/// Whole quarters of a turn in an angle of 120 rad or more, and the rest in radians: at most half a quarter.
fn reduce(angle: f32) -> (f64, i32) {
    /// 2/pi * 2^256.
    const HIGH: u128 = 0xA2F9_836E_4E44_1529_FC27_57D1_F534_DDC0;
    const LOW: u128 = 0xDB62_9599_3C43_9041_FE51_63AB_DEBB_C561;
    // The angle is mantissa * 2^exponent.
    let exponent = (angle.to_bits() >> 23) as i32 - 150;
    let mantissa = u128::from(angle.to_bits() & 0x7F_FFFF | 0x80_0000);
    // 2/pi * 2^(exponent + 126) without the bits that only add multiples of four quarters: the shift is 26 to 147.
    let shift = 130 - exponent;
    let factor = if shift < 128 { HIGH << (128 - shift) | LOW >> shift } else { HIGH >> (shift - 128) };
    // Quarters of a turn, four at most: 2 bits before the point, 62 behind it.
    let fixed = (factor.wrapping_mul(mantissa) >> 64) as u64;
    let quarters = fixed.wrapping_add(1 << 61) >> 62;
    let rest = fixed.wrapping_sub(quarters << 62) as i64;
    (rest as f64 * (HALF_PI / (1u64 << 62) as f64), quarters as i32)
}
