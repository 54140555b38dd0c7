//! DPC, Activision's Display Processor Chip (David Crane, 1984): Pitfall II only.
//!
//! Two banks of 4 KiB as in F8, a 2 KiB ROM that only the chip sees, and behind $1000-$107F eight *data fetchers* that
//! stream that ROM to the program, a random-number generator, and a three-voice square-wave music generator made of
//! fetchers 5 to 7. Reads use $1000-$103F, writes $1040-$107F; address bits 0-2 name the fetcher and bits 3-5 the function.
//!
//! ALE, not the chip: the random register is clocked by every read of $1000-$107F and $1FC0-$1FFF and by every write to the
//! window, rather than all the time; music advances only when it is read, by a fixed 15750 Hz oscillator counted in
//! double precision; a system reset leaves fetchers, flags, music and random register as they are.

use super::board::{window_offset, Board, Mapper, LAST_PAGE, WINDOW};
use crate::random::MersenneTwister;

const DISPLAY_ROM: usize = 0x2000;
const LAST_DISPLAY_BYTE: usize = 0x7FF;
const FIRST_HOTSPOT: usize = 0xFF8;
const START_BANK: usize = 1;
/// Registers end here; what follows is program.
const REGISTERS: usize = 0x80;
const WRITE_REGISTERS: usize = 0x40;
const COUNTER_MASK: u16 = 0x7FF;
/// The first fetcher that can make music.
const FIRST_VOICE: usize = 5;

const MUSIC_CLOCK_HZ: f64 = 15_750.0;
const CPU_CLOCK_HZ: f64 = 1_193_191.666_666_67;
/// The three voices' loudness, by which of them are high.
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

#[derive(Clone)]
pub(super) struct Dpc {
    fetchers: [Fetcher; 8],
    random: u8,
    bank: usize,
    /// When the music was last brought up to date, in CPU cycles.
    music_updated: u32,
    /// The part of a music clock that had passed by then.
    music_fraction: f64,
}

impl Dpc {
    pub fn install(board: &mut Board) -> Self {
        let mut chip = Self {
            fetchers: [Fetcher::default(); 8],
            random: 1,
            bank: START_BANK,
            music_updated: 0,
            music_fraction: 0.0,
        };
        chip.select(START_BANK, board);
        chip
    }

    fn select(&mut self, bank: usize, board: &mut Board) {
        self.bank = bank;
        board.show(REGISTERS, LAST_PAGE, bank * WINDOW + REGISTERS);
    }

    fn touch(&mut self, offset: usize, board: &mut Board) {
        match offset.checked_sub(FIRST_HOTSPOT) {
            Some(bank @ 0..=1) => self.select(bank, board),
            _ => {}
        }
    }

    fn clock_random(&mut self) {
        let r = self.random;
        let feedback = !(r >> 7 ^ r >> 5 ^ r >> 4 ^ r >> 3) & 1;
        self.random = r << 1 | feedback;
    }

    fn read_register(&mut self, index: usize, function: usize, board: &Board, cycles: u32) -> u8 {
        let fetcher = &mut self.fetchers[index];
        if fetcher.low() == fetcher.top {
            fetcher.flag = 0xFF;
        } else if fetcher.low() == fetcher.bottom {
            fetcher.flag = 0;
        }
        let fetcher = *fetcher;
        let display = || board.rom[DISPLAY_ROM + LAST_DISPLAY_BYTE - usize::from(fetcher.counter)];
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
        // Signed: a stamp may lie before cycle 0.
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
                // As a byte: the result lies below 256, for the counter wraps to the period when it falls below 0.
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
    fn reset(&mut self, board: &mut Board, _: &mut MersenneTwister, cycles: u32) {
        self.music_updated = cycles;
        self.music_fraction = 0.0;
        self.select(START_BANK, board);
    }

    fn read(&mut self, board: &mut Board, address: u16, cycles: u32) -> u8 {
        let offset = window_offset(address);
        self.clock_random();
        if offset < WRITE_REGISTERS {
            return self.read_register(offset % 8, offset / 8, board, cycles);
        }
        self.touch(offset, board);
        board.rom[self.bank * WINDOW + offset]
    }

    fn write(&mut self, board: &mut Board, address: u16, value: u8, _: u32) {
        let offset = window_offset(address);
        self.clock_random();
        if (WRITE_REGISTERS..REGISTERS).contains(&offset) {
            self.write_register(offset % 8, (offset - WRITE_REGISTERS) / 8, value);
        } else {
            self.touch(offset, board);
        }
    }

    fn rebase_cycles(&mut self, cycles: u32) {
        self.music_updated = self.music_updated.wrapping_sub(cycles);
    }
}
