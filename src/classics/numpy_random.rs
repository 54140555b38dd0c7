//! The random numbers of numpy's `default_rng(seed)`, from which Gymnasium's environments draw: the same seed gives
//! Gymnasium's own episodes.
//!
//! A seed becomes 256 bits by O'Neill's seed sequence ("Developing a seed_seq alternative", 2015). They start a PCG64
//! (O'Neill, "PCG: a family of simple fast space-efficient statistically good algorithms", 2014), which `rand_pcg` has;
//! numpy's own ways from its outputs to fractions and integers are here.

use anyhow::{ensure, Result};
use rand::Rng;
use rand_pcg::Pcg64;
use serde::{Deserialize, Serialize};

/// numpy's default generator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumpyRandom {
    pcg: Pcg64,
    /// Upper half of the last output that was drawn for 32 bits; the next draw of 32 bits takes it.
    kept: Option<u32>,
}

impl NumpyRandom {
    /// `default_rng(seed)`.
    pub fn new(seed: u64) -> Self {
        Self::from_words(&[seed as u32, (seed >> 32) as u32])
    }

    /// `default_rng(seed)` for a seed of any size, in words of 32 bits, the lowest first.
    pub fn from_words(seed: &[u32]) -> Self {
        let words = generated_words(&pool(seed));
        let wide = |i: usize| u128::from(words[i]) | u128::from(words[i + 1]) << 32;
        Self { pcg: Pcg64::new(wide(0) << 64 | wide(2), wide(4) << 64 | wide(6)), kept: None }
    }

    /// `default_rng(seed)` for a seed of any size in decimal digits.
    ///
    /// # Errors
    /// When `seed` is empty or has anything but digits.
    pub fn from_decimal(seed: &str) -> Result<Self> {
        let digits = !seed.is_empty() && seed.bytes().all(|c| c.is_ascii_digit());
        ensure!(digits, "a seed is a whole number of 0 or more, and {seed:?} is not");
        let mut words: Vec<u32> = Vec::new();
        for digit in seed.bytes() {
            let mut carry = u64::from(digit - b'0');
            for word in &mut words {
                let value = u64::from(*word) * 10 + carry;
                *word = value as u32;
                carry = value >> 32;
            }
            if carry > 0 {
                words.push(carry as u32);
            }
        }
        Ok(Self::from_words(&words))
    }

    /// 64 random bits.
    pub fn bits64(&mut self) -> u64 {
        self.pcg.next_u64()
    }

    /// 32 random bits: the lower half of an output, then its upper half, however many draws of 64 bits are between
    /// them.
    pub fn bits32(&mut self) -> u32 {
        if let Some(kept) = self.kept.take() {
            return kept;
        }
        let bits = self.bits64();
        self.kept = Some((bits >> 32) as u32);
        bits as u32
    }

    /// `random()`: a fraction in [0, 1), a multiple of 2^-53.
    pub fn random(&mut self) -> f64 {
        (self.bits64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// `uniform(low, high)`: a number in [low, high).
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.random()
    }

    /// `integers(low, high)`: an integer in `low..high`. Always `low`, without a draw, when that range has no second
    /// integer.
    pub fn integers(&mut self, low: i32, high: i32) -> i32 {
        // Below 2^32, since both are 32 bits wide.
        let count = (i64::from(high) - i64::from(low)).max(1) as u64;
        if count == 1 {
            return low;
        }
        // Lemire 2019: the upper half of the product is the integer; a few lower halves are drawn again, so that none
        // is likelier.
        let mut product = u64::from(self.bits32()) * count;
        if u64::from(product as u32) < count {
            let uneven = ((1 << 32) - count) % count;
            while u64::from(product as u32) < uneven {
                product = u64::from(self.bits32()) * count;
            }
        }
        (i64::from(low) + (product >> 32) as i64) as i32
    }
}

/// Mixes a seed into 128 bits.
fn pool(seed: &[u32]) -> [u32; 4] {
    let length = seed.iter().rposition(|word| *word != 0).map_or(0, |last| last + 1);
    let seed = &seed[..length];
    let mut hash = Hash { constant: 0x43B0_D7E5, factor: 0x931E_8875 };
    let mut pool = [0; 4];
    for (i, word) in pool.iter_mut().enumerate() {
        *word = hash.next(seed.get(i).copied().unwrap_or(0));
    }
    for from in 0..4 {
        for to in (0..4).filter(|to| *to != from) {
            pool[to] = mixed(pool[to], hash.next(pool[from]));
        }
    }
    for word in seed.iter().skip(4) {
        for to in &mut pool {
            *to = mixed(*to, hash.next(*word));
        }
    }
    pool
}

/// Stretches a pool to the 256 bits that start a generator.
fn generated_words(pool: &[u32; 4]) -> [u32; 8] {
    let mut hash = Hash { constant: 0x8B51_F9DD, factor: 0x58F3_8DED };
    std::array::from_fn(|i| hash.next(pool[i % 4]))
}

/// A hash of 32 bits with a constant that changes from call to call.
struct Hash {
    constant: u32,
    factor: u32,
}

impl Hash {
    fn next(&mut self, value: u32) -> u32 {
        let value = value ^ self.constant;
        self.constant = self.constant.wrapping_mul(self.factor);
        let value = value.wrapping_mul(self.constant);
        value ^ value >> 16
    }
}

fn mixed(x: u32, y: u32) -> u32 {
    let value = x.wrapping_mul(0xCA01_F9DD).wrapping_sub(y.wrapping_mul(0x4973_F715));
    value ^ value >> 16
}

#[cfg(test)]
mod tests;
