//! Sine and cosine of small angles with the same last bit as glibc's, which Gymnasium uses.
//!
//! The last bit of a sine depends on how it is computed. Over 500 steps of an unstable pole such a bit can grow until
//! an observation differs: with another good sine (crate `libm`) this happened in 2 of 2,000 episodes. So the way of
//! glibc 2.28 and later on x86-64 processors with fused multiply-add is followed here, operation by operation: a
//! polynomial below 0.126, and above it the sine and the cosine of the nearest multiple of 1/128 with a polynomial
//! for the rest (Gal and Bachelis, "An accurate elementary mathematical library for the IEEE floating point
//! standard", 1991). On a thousand million random angles it gave the same bits.

/// Sine and cosine of angles up to this size, in rad, are glibc's; 12 degrees and a little.
const LARGEST: f64 = 0.21;
/// Sines below this size are a polynomial.
const SMALL: f64 = 0.126;
/// Adding and subtracting it rounds to a multiple of 1/128.
const ROUNDER: f64 = 52_776_558_133_248.0;

/// Sine and cosine of `angle`, in rad.
pub fn sine_cosine(angle: f64) -> (f64, f64) {
    let size = angle.abs();
    if size <= LARGEST {
        let sine = if size < SMALL { small_sine(size) } else { sine(size) };
        return (sine.copysign(angle), cosine(size));
    }
    // An episode ends before an angle is as large, so that it does not matter which sine this is.
    (libm::sin(angle), libm::cos(angle))
}

/// The sine's Taylor series; its later coefficients are a little changed for the angles left out.
fn small_sine(x: f64) -> f64 {
    const TERMS: [f64; 5] = [
        -2.502_201_484_831_839_8e-8,
        2.755_729_806_860_771e-6,
        -0.000_198_412_698_344_146_42,
        0.008_333_333_333_332_329,
        -0.166_666_666_666_666_66,
    ];
    let square = x * x;
    let sum = TERMS.into_iter().reduce(|sum, term| sum.mul_add(square, term)).unwrap_or_default();
    x + sum * x * square
}

/// The sine of an angle from [`SMALL`] to [`LARGEST`].
fn sine(x: f64) -> f64 {
    let Near { sine, sine_rest, cosine, cosine_rest, rest, square } = Near::of(x);
    let rest_sine = rest + rest * square * rest_cubic(square);
    let correction = rest_sine.mul_add(cosine_rest, sine_rest);
    let correction = (-sine).mul_add(rest_cosine(square), correction);
    sine + cosine.mul_add(rest_sine, correction)
}

/// The cosine of an angle from 0 to [`LARGEST`].
fn cosine(x: f64) -> f64 {
    let Near { sine, sine_rest, cosine, cosine_rest, rest, square } = Near::of(x);
    let rest_sine = (rest * square).mul_add(rest_cubic(square), rest);
    let correction = (-rest_sine).mul_add(sine_rest, cosine_rest);
    let correction = (-cosine).mul_add(rest_cosine(square), correction);
    cosine + (-sine).mul_add(rest_sine, correction)
}

/// (sin x - x) / x^3 for a square of at most 2^-16.
fn rest_cubic(square: f64) -> f64 {
    square.mul_add(8.333_332_142_857_223e-3, -1.666_666_666_666_648_8e-1)
}

/// 1 - cos x for a square of at most 2^-16.
fn rest_cosine(square: f64) -> f64 {
    let terms = square.mul_add(1.388_888_740_079_376e-3, -4.166_666_666_666_644e-2);
    square * square.mul_add(terms, 0.5)
}

/// An angle as a multiple of 1/128 and a rest.
struct Near {
    /// The multiple's sine, and its difference to the exact one.
    sine: f64,
    sine_rest: f64,
    /// The multiple's cosine, and its difference to the exact one.
    cosine: f64,
    cosine_rest: f64,
    /// The angle minus the multiple, and the square of that.
    rest: f64,
    square: f64,
}

impl Near {
    fn of(x: f64) -> Self {
        let multiple = (ROUNDER + x) - ROUNDER;
        let rest = x - multiple;
        let number = ((multiple * 128.0) as usize).min(TABLE.len() - 1);
        let [sine, sine_rest, cosine, cosine_rest] = TABLE[number].map(f64::from_bits);
        Self { sine, sine_rest, cosine, cosine_rest, rest, square: rest * rest }
    }
}

/// The bits of the sine of each multiple of 1/128, of what is missing from it, and of the cosine and what is missing
/// from it.
#[rustfmt::skip]
const TABLE: [[u64; 4]; 28] = [
    [0x0000_0000_0000_0000, 0x0000_0000_0000_0000, 0x3FF0_0000_0000_0000, 0x0000_0000_0000_0000],
    [0x3F7F_FFEA_AAAE_EEEF, 0xBC1E_45E2_EC67_B77C, 0x3FEF_FFC0_0015_5552, 0x3C8F_4A01_A019_6DAE],
    [0x3F8F_FFAA_AAEE_EED5, 0xBC02_AB63_9A9F_0776, 0x3FEF_FF00_0155_549F, 0x3C82_8A28_A03A_5EF3],
    [0x3F97_FF70_0103_3255, 0x3BFE_FE2B_5152_7336, 0x3FEF_FDC0_06BF_F7E6, 0x3C8A_E6DA_E869_77BD],
    [0x3F9F_FEAA_AEEE_E86F, 0xBC3C_D406_FB22_4AE2, 0x3FEF_FC00_1555_27D3, 0xBC83_B544_92D8_9B5B],
    [0x3FA3_FEB2_B12D_45D5, 0x3C34_EC54_203D_1C11, 0x3FEF_F9C0_3414_A7BA, 0x3C69_91F4_BE6C_59BF],
    [0x3FA7_FDC0_1032_FBA9, 0xBC45_99BD_F46E_997A, 0x3FEF_F700_6BFD_F99F, 0xBC78_B3B5_6064_8D5F],
    [0x3FAB_FC6D_7858_6DAC, 0x3C18_E4FD_03DB_F236, 0x3FEF_F3C0_C810_3A31, 0x3C74_856D_BDDC_0E66],
    [0x3FAF_FAAA_EEED_4EDB, 0xBC42_D16D_3268_4B69, 0x3FEF_F001_5549_F4D3, 0x3C83_2838_7B99_426F],
    [0x3FB1_FC34_3D80_8BEF, 0xBC5F_3D32_E6F3_BE4F, 0x3FEF_EBC2_22A8_EF9F, 0x3C57_9349_34F5_4C77],
    [0x3FB3_FACB_12D1_755B, 0xBC59_2191_5299_468B, 0x3FEF_E703_4129_EF6F, 0xBC6C_BF43_37C9_6F97],
    [0x3FB5_F911_FD10_B737, 0xBC50_184F_02BE_9102, 0x3FEF_E1C4_C3C8_73EB, 0xBC35_A9C9_057C_4A02],
    [0x3FB7_F701_0325_50E4, 0x3C3A_FC2D_1800_501A, 0x3FEF_DC06_BF7E_6B9B, 0x3C83_1902_B535_F8DB],
    [0x3FB9_F490_2D55_D1F9, 0x3C52_696D_7EAC_1DC1, 0x3FEF_D5C9_4B43_E000, 0xBC62_E768_CB4F_92F9],
    [0x3FBB_F1B7_8568_391D, 0x3C5E_9184_1DEA_4CC8, 0x3FEF_CF0C_800E_99B1, 0x3C6E_A3D7_86D1_86AC],
    [0x3FBD_EE6F_16C1_CCE6, 0xBC45_0F8E_2FB7_1673, 0x3FEF_C7D0_78D1_BC88, 0x3C80_75D2_447D_B685],
    [0x3FBF_EAAE_EE86_EE36, 0xBC4A_FCB2_BCC6_F03B, 0x3FEF_C015_527D_5BD3, 0x3C8B_68F3_5094_EFB8],
    [0x3FC0_F337_8DDD_71D1, 0x3C6D_8468_724F_0F9E, 0x3FEF_B7DB_2BFE_0695, 0x3C82_1DAD_F4F6_5AB1],
    [0x3FC1_F0D3_D7AF_CEAF, 0xBC66_EF95_0997_69A5, 0x3FEF_AF22_263C_4BD3, 0xBC55_2ACE_133A_2769],
    [0x3FC2_EE28_5E4A_B88F, 0xBC6E_4D0F_05DE_E058, 0x3FEF_A5EA_641C_36F2, 0x3C40_4DA6_ED17_CC7C],
    [0x3FC3_EB31_2C5D_66CB, 0x3C64_7D66_6B66_CB91, 0x3FEF_9C34_0A7C_C428, 0x3C8C_5B6B_063B_7462],
    [0x3FC4_E7EA_4DC5_F27B, 0x3C59_49DB_2AC0_72FC, 0x3FEF_91FF_4037_4D01, 0xBC67_D03F_4D3A_9E4C],
    [0x3FC5_E44F_CFA1_26F3, 0xBC66_F443_063F_89B6, 0x3FEF_874C_2E1E_ECF6, 0xBC8C_6514_E133_2B16],
    [0x3FC6_E05D_C05A_4D4C, 0xBBD3_2C5C_8B81_C919, 0x3FEF_7C1A_FEFF_DE24, 0xBC78_F55B_C475_40B1],
    [0x3FC7_DC10_2FBA_F2B5, 0x3C45_AB50_E23C_97C3, 0x3FEF_706B_DF9E_CE1C, 0xBC86_98C8_0C36_DCB4],
    [0x3FC8_D763_2EFA_A944, 0xBC62_0FA2_62CB_B953, 0x3FEF_643E_FEB8_2ACD, 0x3C76_B00A_C1FE_28AC],
    [0x3FC9_D252_D0CE_C312, 0x3C59_C43D_80B1_137D, 0x3FEF_5794_8CFF_6797, 0x3C6E_3A0D_3E03_B1D4],
    [0x3FCA_CCDB_297A_0765, 0xBC59_883B_57D6_CDEA, 0x3FEF_4A6C_BD1E_3A79, 0x3C81_3DF0_EDAE_BB57],
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Angles with glibc 2.36's sine and cosine, each as the bits of an f64. In half of them crate `libm` has another
    /// last bit.
    const GLIBC: &str = include_str!("../../../tests/data/classic/sine.txt");

    #[test]
    fn sines_and_cosines_are_glibcs() {
        let mut angles = 0;
        for line in GLIBC.lines() {
            let numbers: Vec<f64> =
                line.split(' ').map(|number| f64::from_bits(u64::from_str_radix(number, 16).unwrap())).collect();
            let [angle, sine, cosine] = numbers[..] else { panic!("{line}") };
            assert_eq!(sine_cosine(angle), (sine, cosine), "angle {angle}");
            angles += 1;
        }
        assert_eq!(angles, 60);
    }

    #[test]
    fn other_angles_have_a_good_sine_too() {
        for angle in [0.0, -0.0, 1e-300, 0.2, 0.21, 0.2100001, -0.5, 3.0, 1e10] {
            let (sine, cosine) = sine_cosine(angle);
            assert!((sine - libm::sin(angle)).abs() <= 1e-16, "angle {angle}");
            assert!((cosine - libm::cos(angle)).abs() <= 2e-16, "angle {angle}");
        }
        assert!(sine_cosine(-0.0).0.is_sign_negative());
        assert!(sine_cosine(f64::NAN).0.is_nan());
    }

    #[test]
    fn the_table_is_accurate() {
        for (number, row) in TABLE.iter().enumerate() {
            let angle = number as f64 / 128.0;
            let [sine, sine_rest, cosine, cosine_rest] = row.map(f64::from_bits);
            assert!(
                (sine - libm::sin(angle)).abs() < 1e-16 && (cosine - libm::cos(angle)).abs() < 2e-16,
                "row {number}"
            );
            assert!(sine_rest.abs() < 1.4e-17 && cosine_rest.abs() < 5.6e-17, "row {number}");
        }
    }
}
