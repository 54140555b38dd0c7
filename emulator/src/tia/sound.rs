//! The TIA's two sound channels, as ALE's raw audio observation has them: 512 samples an agent step.
//!
//! ALE applies all register writes of a step before it computes the step's samples, so only the last value of each
//! register counts. A channel has a divider and two polynomial counters, of 4 and of 5 bits, which AUDC connects in
//! sixteen ways. The counters are kept in bytes whose upper bits are shifted on, because some connections use bits that
//! have left the counter.

use crate::saved_state::{exchange, Archive, Saved, StateError};

/// Samples an agent step.
pub(crate) const SAMPLES: usize = 512;

/// Both channels.
#[derive(Clone, Debug)]
pub(crate) struct Sound {
    channels: [Channel; 2],
}

/// One channel: its registers and its counters.
#[derive(Clone, Copy, Debug)]
struct Channel {
    /// AUDC: which counters drive the output.
    control: u8,
    /// AUDF: samples between clocks, less one.
    frequency: u8,
    /// AUDV: loudness.
    volume: u8,
    /// The 4-bit counter; bit 3 is the output.
    p4: u8,
    /// The 5-bit counter.
    p5: u8,
    divider: u8,
}

impl Sound {
    /// Silence.
    pub(crate) fn new() -> Self {
        Self { channels: [Channel { control: 0, frequency: 0, volume: 0, p4: 1, p5: 1, divider: 0 }; 2] }
    }

    /// Writes AUDC0, AUDC1, AUDF0, AUDF1, AUDV0 or AUDV1 ($15 to $1A).
    pub(super) fn write(&mut self, register: u8, value: u8) {
        let index = register - 0x15;
        let channel = &mut self.channels[usize::from(index & 1)];
        match index >> 1 {
            0 => channel.control = value & 0x0F,
            1 => channel.frequency = value & 0x1F,
            _ => channel.volume = value & 0x0F,
        }
    }

    /// The next samples: 128 is silence.
    pub(crate) fn fill(&mut self, samples: &mut [u8; SAMPLES]) {
        for sample in samples {
            *sample = 128 + self.channels.iter_mut().map(Channel::next).sum::<u8>();
        }
    }
}

impl Channel {
    /// The channel's part of the next sample: 0 or four times the volume.
    fn next(&mut self) -> u8 {
        self.divider += 1;
        if self.divider > self.frequency {
            self.divider = 0;
            self.clock();
        }
        if bit(self.p4, 3) == 1 {
            4 * self.volume
        } else {
            0
        }
    }

    fn clock(&mut self) {
        // 0 and 11 hold the output high; 8 makes one long counter of both. The others clock P4 always, at two of the 31 states
        // of P5, or while P5's output is high.
        match self.control {
            0 | 11 => self.p4 = self.p4 << 1 | 1,
            1 => self.noise(),
            4 | 5 => self.tone(),
            8 => self.long_noise(),
            12 | 13 => self.slow_tone(),
            _ => {
                self.clock_p5();
                let divided = self.p5 & 0x0F == 0x08;
                let high = self.p5 & 0x10 != 0;
                match self.control {
                    2 if divided => self.noise(),
                    3 if high => self.noise(),
                    6 if divided => self.tone(),
                    7 if high => self.tone(),
                    9 => self.p4 = self.p4 << 1 | bit(self.p5, 5),
                    10 if divided => self.p4 = self.p4 << 1 | bit(self.p5, 4),
                    14 if divided => self.slow_tone(),
                    15 if high => self.slow_tone(),
                    _ => {}
                }
            }
        }
    }

    fn clock_p5(&mut self) {
        let stuck = self.p5 & 0x1F == 0;
        self.p5 = if stuck { 1 } else { self.p5 << 1 | (bit(self.p5, 4) ^ bit(self.p5, 2)) };
    }

    /// The 4-bit counter as a polynomial one.
    fn noise(&mut self) {
        let stuck = self.p4 & 0x0F == 0;
        self.p4 = if stuck { 1 } else { self.p4 << 1 | (bit(self.p4, 3) ^ bit(self.p4, 2)) };
    }

    /// Both counters as one of nine bits.
    fn long_noise(&mut self) {
        let stuck = self.p5 & 0x1F == 0 && self.p4 & 0x0F == 0;
        self.p5 = if stuck { 1 } else { self.p5 << 1 | (bit(self.p4, 3) ^ bit(self.p5, 4)) };
        self.p4 = self.p4 << 1 | bit(self.p5, 5);
    }

    /// Divide by two.
    fn tone(&mut self) {
        self.p4 = self.p4 << 1 | (bit(self.p4, 0) ^ 1);
    }

    /// Divide by six.
    fn slow_tone(&mut self) {
        let turn = self.p4 & 0x04 == 0 && self.p4 & 0x07 != 0;
        self.p4 = !self.p4 << 1 | u8::from(turn);
    }
}

impl Saved for Sound {
    fn exchange(&mut self, archive: &mut Archive) -> Result<(), StateError> {
        for Channel { control, frequency, volume, p4, p5, divider } in &mut self.channels {
            archive.number(control, 0..=0x0F, "AUDC")?;
            archive.number(frequency, 0..=0x1F, "AUDF")?;
            archive.number(volume, 0..=0x0F, "AUDV")?;
            archive.number(divider, 0..=0x1F, "a sound channel's divider")?;
            exchange!(archive, p4, p5);
        }
        Ok(())
    }
}

fn bit(value: u8, number: u32) -> u8 {
    value >> number & 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(writes: &[(u8, u8)]) -> [u8; SAMPLES] {
        let mut sound = Sound::new();
        for &(register, value) in writes {
            sound.write(register, value);
        }
        let mut samples = [0; SAMPLES];
        sound.fill(&mut samples);
        samples
    }

    /// Length of the shortest run of equal samples that repeats, once the counters have settled.
    fn period(samples: &[u8]) -> usize {
        let settled = &samples[64..];
        (1..settled.len()).find(|&period| settled[period..] == settled[..settled.len() - period]).expect("a period")
    }

    #[test]
    fn a_chip_nobody_has_written_to_is_silent() {
        assert_eq!(samples(&[]), [128; SAMPLES]);
    }

    #[test]
    fn a_pure_tone_divides_by_two_and_by_the_frequency() {
        let tone = samples(&[(0x15, 4), (0x17, 2), (0x19, 15)]);
        assert_eq!(period(&tone), 2 * 3);
        assert!(tone.iter().all(|&sample| sample == 128 || sample == 128 + 60));
    }

    #[test]
    fn the_counters_have_their_lengths() {
        // AUDC 6 halves a signal that appears twice in 31 clocks.
        for (control, length) in [(1, 15), (5, 2), (6, 31), (9, 31), (12, 6)] {
            assert_eq!(period(&samples(&[(0x15, control), (0x19, 1)])), length, "AUDC {control}");
        }
    }

    #[test]
    fn both_channels_add_up_and_unused_register_bits_do_nothing() {
        let both = samples(&[(0x15, 0xF0), (0x16, 0xF0), (0x19, 0xF3), (0x1A, 0xF5)]);
        assert_eq!(both[SAMPLES - 1], 128 + 12 + 20);
    }
}
