//! DPC, Activision's Display Processor Chip (David Crane, 1984): Pitfall II only.
//!
//! Two banks of 4 KiB as in F8, a 2 KiB ROM that only the chip sees, and registers at $1000-$107F. They control eight
//! *data fetchers* that stream the ROM to the program, a random-number generator, and a three-voice square-wave music
//! generator, which uses fetchers 5 to 7. Reads use $1000-$103F, writes $1040-$107F; address bits 0-2 name the fetcher
//! and bits 3-5 the function.
//!
//! ALE, not the chip: the random register is clocked by every read of $1000-$107F and $1FC0-$1FFF and by every write to the
//! window, rather than all the time; music advances only when it is read, by a fixed 15750 Hz oscillator counted in
//! double precision; a system reset leaves fetchers, flags, music and random register as they are.

use super::window::{window_offset, Mapper, Window, LAST_PAGE, WINDOW_SIZE};
use crate::random::MersenneTwister;
use crate::saved_state::{exchange, Archive, Saved, StateError};

const DISPLAY_ROM: usize = 0x2000;
const LAST_DISPLAY_BYTE: usize = 0x7FF;
const FIRST_HOTSPOT: usize = 0xFF8;
const START_BANK: usize = 1;
/// The registers end at this window offset; the program follows.
const REGISTERS: usize = 0x80;
const WRITE_REGISTERS: usize = 0x40;
const COUNTER_MASK: u16 = 0x7FF;
/// The first fetcher that can make music.
const FIRST_VOICE: usize = 5;

const MUSIC_CLOCK_HZ: f64 = 15_750.0;
const CPU_CLOCK_HZ: f64 = 1_193_191.666_666_67;
/// The loudness of the three voices, by a bit for each voice that is high.
const AMPLITUDES: [u8; 8] = [0, 4, 5, 9, 6, 10, 11, 15];

/// One data fetcher: an address counter that runs downwards, and a flag that is set while it is between `top` and `bottom`.
#[derive(Clone, Copy, Default)]
struct Fetcher {
    top: u8,
    bottom: u8,
    counter: u16,
    /// 0 or $FF.
    flag: u8,
    /// The low byte of the counter is driven by the music clock; only ever set in fetchers 5 to 7.
    music: bool,
}

impl Fetcher {
    fn low(&self) -> u8 {
        self.counter as u8
    }

    fn set_low(&mut self, low: u8) {
        self.counter = self.counter & 0x700 | u16::from(low);
    }
}

impl Saved for Fetcher {
    fn exchange(&mut self, archive: &mut Archive) -> Result<(), StateError> {
        let Self { top, bottom, counter, flag, music } = self;
        exchange!(archive, top, bottom, flag, music);
        archive.number(counter, 0..=COUNTER_MASK, "a data fetcher's counter")
    }
}

#[derive(Clone)]
pub(super) struct Dpc {
    fetchers: [Fetcher; 8],
    random: u8,
    bank: usize,
    /// The time of the last update of the music, in CPU cycles.
    music_updated: u32,
    /// The fraction of a music clock that had passed by then.
    music_fraction: f64,
}

impl Dpc {
    pub fn install(window: &mut Window) -> Self {
        let mut chip = Self {
            fetchers: [Fetcher::default(); 8],
            random: 1,
            bank: START_BANK,
            music_updated: 0,
            music_fraction: 0.0,
        };
        chip.select(START_BANK, window);
        chip
    }

    fn select(&mut self, bank: usize, window: &mut Window) {
        self.bank = bank;
        window.show(REGISTERS, LAST_PAGE, bank * WINDOW_SIZE + REGISTERS);
    }

    fn touch(&mut self, offset: usize, window: &mut Window) {
        if let Some(bank @ 0..=1) = offset.checked_sub(FIRST_HOTSPOT) {
            self.select(bank, window);
        }
    }

    fn clock_random(&mut self) {
        let r = self.random;
        let feedback = !(r >> 7 ^ r >> 5 ^ r >> 4 ^ r >> 3) & 1;
        self.random = r << 1 | feedback;
    }

    fn read_register(&mut self, index: usize, function: usize, window: &Window, cycles: u32) -> u8 {
        let fetcher = &mut self.fetchers[index];
        if fetcher.low() == fetcher.top {
            fetcher.flag = 0xFF;
        } else if fetcher.low() == fetcher.bottom {
            fetcher.flag = 0;
        }
        let fetcher = *fetcher;
        let display = || window.rom[DISPLAY_ROM + LAST_DISPLAY_BYTE - usize::from(fetcher.counter)];
        let byte = match function {
            0 if index < 4 => self.random,
            0 => {
                self.update_music(cycles);
                self.amplitude()
            }
            1 => display(),
            2 => display() & fetcher.flag,
            7 => fetcher.flag,
            _ => 0,
        };
        let fetcher = &mut self.fetchers[index];
        if !fetcher.music {
            fetcher.counter = fetcher.counter.wrapping_sub(1) & COUNTER_MASK;
        }
        byte
    }

    fn write_register(&mut self, index: usize, function: usize, value: u8) {
        let fetcher = &mut self.fetchers[index];
        match function {
            0 => {
                fetcher.top = value;
                fetcher.flag = 0;
            }
            1 => fetcher.bottom = value,
            2 if fetcher.music => fetcher.set_low(fetcher.top),
            2 => fetcher.set_low(value),
            3 => {
                fetcher.counter = u16::from(value & 7) << 8 | u16::from(fetcher.low());
                if index >= FIRST_VOICE {
                    fetcher.music = value & 0x10 != 0;
                }
            }
            6 => self.random = 1,
            _ => {}
        }
    }

    fn amplitude(&self) -> u8 {
        let mut high = 0;
        for (bit, voice) in self.fetchers[FIRST_VOICE..].iter().enumerate() {
            if voice.music && voice.flag != 0 {
                high |= 1 << bit;
            }
        }
        AMPLITUDES[high]
    }

    /// Lets the voices run from their last update until `cycles`.
    fn update_music(&mut self, cycles: u32) {
        // Signed: a time stamp may lie before cycle 0.
        let elapsed = cycles.wrapping_sub(self.music_updated) as i32;
        self.music_updated = cycles;
        // In this order: the sum is rounded as ALE rounds it.
        let clocks = MUSIC_CLOCK_HZ * f64::from(elapsed) / CPU_CLOCK_HZ + self.music_fraction;
        let whole = clocks as i32;
        self.music_fraction = clocks - f64::from(whole);
        if whole <= 0 {
            return;
        }
        for voice in &mut self.fetchers[FIRST_VOICE..] {
            if !voice.music {
                continue;
            }
            let period = i32::from(voice.top) + 1;
            let low = if voice.top == 0 {
                0
            } else {
                // The result is a byte: the counter wraps to the period when it falls below 0, so it stays below 256.
                let low = i32::from(voice.low()) - whole % period;
                (if low < 0 { low + period } else { low }) as u8
            };
            if low <= voice.bottom {
                voice.flag = 0;
            } else if low <= voice.top {
                voice.flag = 0xFF;
            }
            voice.set_low(low);
        }
    }
}

impl Mapper for Dpc {
    fn reset(&mut self, window: &mut Window, _: &mut MersenneTwister, cycles: u32) {
        self.music_updated = cycles;
        self.music_fraction = 0.0;
        self.select(START_BANK, window);
    }

    fn read(&mut self, window: &mut Window, address: u16, cycles: u32) -> u8 {
        let offset = window_offset(address);
        self.clock_random();
        if offset < WRITE_REGISTERS {
            return self.read_register(offset % 8, offset / 8, window, cycles);
        }
        self.touch(offset, window);
        window.rom[self.bank * WINDOW_SIZE + offset]
    }

    fn write(&mut self, window: &mut Window, address: u16, value: u8, _: u32) {
        let offset = window_offset(address);
        self.clock_random();
        if (WRITE_REGISTERS..REGISTERS).contains(&offset) {
            self.write_register(offset % 8, (offset - WRITE_REGISTERS) / 8, value);
        } else {
            self.touch(offset, window);
        }
    }

    fn rebase_cycles(&mut self, cycles: u32) {
        self.music_updated = self.music_updated.wrapping_sub(cycles);
    }

    fn exchange(&mut self, window: &mut Window, archive: &mut Archive) -> Result<(), StateError> {
        let Self { fetchers, random, bank, music_updated, music_fraction } = self;
        exchange!(archive, fetchers, random, music_updated);
        let mut fraction = if archive.complete() { *music_fraction } else { as_ale_saves(*music_fraction) };
        archive.number(&mut fraction, -1.0..=1.0, "a fraction of a music clock")?;
        if archive.restoring() {
            *music_fraction = fraction;
        }
        archive.number(bank, 0..=1, "the bank")?;
        self.select(self.bank, window);
        Ok(())
    }
}

/// ALE saves a fraction as whole hundred-millionths, rounded down. The small addition keeps a fraction that was saved before.
fn as_ale_saves(fraction: f64) -> f64 {
    (fraction * 1e8 + 1e-4).floor() / 1e8
}

#[cfg(test)]
mod tests {
    use crate::cartridge::synthetic::{of_bytes, read_all, reset};
    use crate::cartridge::{Cartridge, Scheme};

    /// Banks filled with $B0 and $B1; display data that counts upwards as the fetchers' counters do.
    fn cartridge() -> Cartridge {
        let mut bytes = vec![0xB0; 4096];
        bytes.resize(8192, 0xB1);
        bytes.extend((0..2048).rev().map(|i| (i % 251) as u8));
        of_bytes(Scheme::Dpc, &bytes)
    }

    const TOP: u16 = 0x1040;
    const BOTTOM: u16 = 0x1048;
    const COUNTER_LOW: u16 = 0x1050;
    const COUNTER_HIGH: u16 = 0x1058;
    const RESET_RANDOM: u16 = 0x1070;
    const RANDOM: u16 = 0x1000;
    const MUSIC: u16 = 0x1004;
    const DISPLAY: u16 = 0x1008;
    const MASKED_DISPLAY: u16 = 0x1010;
    const FLAG: u16 = 0x1038;

    #[test]
    fn banks_switch_as_in_f8_and_bank_1_is_in_place_after_a_reset() {
        let mut cartridge = cartridge();
        assert_eq!(read_all(&mut cartridge, [0x1080, 0x1FBF, 0x1FF7]), [0xB1; 3]);
        assert_eq!(read_all(&mut cartridge, [0x1FF8, 0x1080, 0x1FFF]), [0xB0; 3]);
        cartridge.write(0xFFF9, 0, 0);
        assert_eq!(cartridge.read(0x1080, 0), 0xB1);
        cartridge.write(0xFFF8, 0, 0);
        assert_eq!(reset(&mut cartridge).len(), 0);
        assert_eq!(cartridge.read(0x1080, 0), 0xB1);
        assert_eq!(cartridge.read(0x1040, 0), 0xB1);
    }

    #[test]
    fn the_random_register_shifts_in_the_inverted_parity_of_four_bits() {
        let mut cartridge = cartridge();
        cartridge.write(RESET_RANDOM, 0, 0);
        // 1: parity of bits 7, 5, 4, 3 is even, so a 1 enters; from 15 on bit 3 is set.
        assert_eq!(read_all(&mut cartridge, [RANDOM; 6]), [3, 7, 15, 30, 61, 122]);
    }

    #[test]
    fn the_random_register_is_clocked_by_every_write_and_by_reads_of_hidden_pages_only() {
        let mut cartridge = cartridge();
        cartridge.write(RESET_RANDOM, 0, 0);
        read_all(&mut cartridge, [0x1080, 0x1500, 0x1FBF]);
        assert_eq!(cartridge.read(RANDOM, 0), 3);
        read_all(&mut cartridge, [0x1FC0]);
        assert_eq!(cartridge.read(RANDOM, 0), 15);
        cartridge.write(0x1500, 0, 0);
        assert_eq!(cartridge.read(RANDOM, 0), 61);
    }

    #[test]
    fn a_fetcher_streams_the_display_data_backwards_and_wraps() {
        let mut cartridge = cartridge();
        cartridge.write(COUNTER_LOW + 2, 0x01, 0);
        cartridge.write(COUNTER_HIGH + 2, 0xF8, 0);
        let want = [1, 0, (2047 % 251) as u8, (2046 % 251) as u8];
        assert_eq!(read_all(&mut cartridge, [DISPLAY + 2; 4]), want);
    }

    #[test]
    fn the_flag_rises_at_the_top_and_falls_at_the_bottom() {
        let mut cartridge = cartridge();
        cartridge.write(TOP, 8, 0);
        cartridge.write(BOTTOM, 6, 0);
        cartridge.write(COUNTER_LOW, 9, 0);
        cartridge.write(COUNTER_HIGH, 0, 0);
        assert_eq!(read_all(&mut cartridge, [MASKED_DISPLAY; 4]), [0, 8, 7, 0]);
        assert_eq!(read_all(&mut cartridge, [FLAG, 0x1018]), [0, 0]);
        cartridge.write(COUNTER_LOW, 8, 0);
        assert_eq!(cartridge.read(FLAG, 0), 0xFF);
        cartridge.write(TOP, 8, 0);
        assert_eq!(cartridge.read(FLAG, 0), 0);
    }

    /// Fetcher 5 as a voice of period 10, high while its counter is above 5.
    fn playing() -> Cartridge {
        let mut cartridge = cartridge();
        cartridge.write(TOP + 5, 9, 0);
        cartridge.write(BOTTOM + 5, 5, 0);
        cartridge.write(COUNTER_HIGH + 5, 0x10, 0);
        cartridge.write(COUNTER_LOW + 5, 77, 0); // In music mode the counter starts from the top instead.
        cartridge
    }

    /// CPU cycles in which `clocks` music clocks and a little more pass.
    fn after(clocks: f64) -> u32 {
        (clocks * 1_193_191.67 / 15_750.0) as u32 + 1
    }

    #[test]
    fn a_voice_counts_music_clocks_and_is_heard_while_high() {
        let mut cartridge = playing();
        assert_eq!(cartridge.read(MUSIC, after(1.0)), 4);
        assert_eq!(cartridge.read(MUSIC, after(3.0)), 4);
        assert_eq!(cartridge.read(MUSIC, after(4.0)), 0);
        assert_eq!(cartridge.read(MUSIC, after(9.0)), 0);
        assert_eq!(cartridge.read(MUSIC, after(10.0)), 4);
    }

    #[test]
    fn going_back_to_cycle_0_does_not_disturb_the_music() {
        let (mut one, mut other) = (playing(), playing());
        let mut start = 0;
        for cycles in (0..400_000).step_by(137) {
            if cycles % 3 == 0 {
                other.rebase_cycles(cycles - start);
                start = cycles;
            }
            assert_eq!(one.read(MUSIC, cycles), other.read(MUSIC, cycles - start));
        }
    }

    #[test]
    fn a_system_reset_leaves_fetchers_music_and_random_register_alone() {
        let mut cartridge = playing();
        cartridge.write(RESET_RANDOM, 0, 0);
        reset(&mut cartridge);
        assert_eq!(cartridge.read(RANDOM, 0), 3);
        assert_eq!(cartridge.read(MUSIC, after(1.0)), 4);
    }
}
