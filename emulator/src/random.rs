//! MT19937, the generator behind both of ALE's random streams.
//!
//! Matsumoto & Nishimura 1998, 32-bit version, seeded from a single integer as in the authors' 2002 revision.

use crate::saved_state::{Archive, Saved, StateError};

/// A Mersenne twister with 624 words of state.
#[derive(Clone, PartialEq, Eq)]
pub struct MersenneTwister {
    words: [u32; MersenneTwister::WORDS],
    used: usize,
}

impl MersenneTwister {
    const WORDS: usize = 624;
    const SHIFT: usize = 397;

    /// The generator that `seed` starts.
    pub fn new(seed: u32) -> Self {
        let mut words = [seed; Self::WORDS];
        for i in 1..Self::WORDS {
            let previous = words[i - 1];
            words[i] = (previous ^ (previous >> 30)).wrapping_mul(1_812_433_253).wrapping_add(i as u32);
        }
        Self { words, used: Self::WORDS }
    }

    /// The next 32-bit output: one draw.
    pub fn draw(&mut self) -> u32 {
        if self.used == Self::WORDS {
            self.refill();
        }
        let mut y = self.words[self.used];
        self.used += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9D2C_5680;
        y ^= (y << 15) & 0xEFC6_0000;
        y ^ (y >> 18)
    }

    /// The next draw as a real number in [0, 1): draw / 2^32.
    pub fn draw_unit(&mut self) -> f64 {
        f64::from(self.draw()) / 4_294_967_296.0
    }

    fn refill(&mut self) {
        for i in 0..Self::WORDS {
            let y = (self.words[i] & 0x8000_0000) | (self.words[(i + 1) % Self::WORDS] & 0x7FFF_FFFF);
            let twist = if y & 1 == 0 { 0 } else { 0x9908_B0DF };
            self.words[i] = self.words[(i + Self::SHIFT) % Self::WORDS] ^ (y >> 1) ^ twist;
        }
        self.used = 0;
    }
}

impl Saved for MersenneTwister {
    fn exchange(&mut self, archive: &mut Archive) -> Result<(), StateError> {
        let Self { words, used } = self;
        words.exchange(archive)?;
        archive.number(used, 0..=Self::WORDS, "a random generator's place")
    }
}

impl std::fmt::Debug for MersenneTwister {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MersenneTwister").field("used", &self.used).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_console_stream_starts_as_ale_measured_it() {
        let mut random = MersenneTwister::new(4_753_849);
        let draws: Vec<u32> = (0..4).map(|_| random.draw()).collect();
        assert_eq!(draws, [3205607096, 2794184854, 4236690624, 2047087177]);
    }

    #[test]
    fn the_environment_stream_starts_as_ale_measured_it() {
        assert_eq!(MersenneTwister::new(0).draw(), 2357136044);
        assert_eq!(MersenneTwister::new(1).draw(), 1791095845);
        assert_eq!(MersenneTwister::new(123).draw(), 2991312382);
        assert!((MersenneTwister::new(0).draw_unit() - 0.548813502).abs() < 1e-9);
    }
}
