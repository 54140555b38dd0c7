//! The RIOT (6532): 128 bytes of RAM, two ports of switches and sticks, and a timer.
//!
//! RAM is filled from the console's generator once, at power-on, and survives every reset. Port directions and outputs are
//! stored and have no effect, as in ALE. After its first read past zero the timer keeps counting at the prescaled rate,
//! unlike the chip's.

use crate::controller::Ports;
use crate::random::MersenneTwister;
use crate::saved_state::{exchange, Archive, Saved, StateError};

/// Where INTIM is read.
const INTIM: u16 = 0x0284;

/// log2 of the cycles a count takes, by timer register: TIM1T, TIM8T, TIM64T, T1024T.
const SHIFTS: [u32; 4] = [0, 3, 6, 10];

/// The chip.
#[derive(Clone, Debug)]
pub(crate) struct Riot {
    pub(crate) ram: [u8; 128],
    timer: Timer,
    /// SWACNT, only ever read back.
    direction_a: u8,
}

#[derive(Clone, Debug)]
struct Timer {
    /// The value last written to the timer.
    start: u32,
    /// log2 of the cycles one count takes.
    shift: u32,
    written_cycle: u32,
    /// When INTIM was first read after it had expired.
    expired_read_cycle: Option<u32>,
}

impl Riot {
    /// Byte offset of the RAM from the start of a chip.
    #[cfg(feature = "translate")]
    pub(crate) const RAM_OFFSET: usize = std::mem::offset_of!(Self, ram);

    /// A chip with RAM and timer drawn from `random`.
    pub(crate) fn new(random: &mut MersenneTwister) -> Self {
        let mut ram = [0; 128];
        for byte in &mut ram {
            *byte = random.draw() as u8;
        }
        let mut riot = Self {
            ram,
            timer: Timer { start: 0, shift: 0, written_cycle: 0, expired_read_cycle: None },
            direction_a: 0,
        };
        riot.reset(random);
        riot
    }

    /// The RIOT's part of a system reset: the timer starts at a random count, RAM keeps its bytes.
    pub(crate) fn reset(&mut self, random: &mut MersenneTwister) {
        self.timer = Timer { start: 25 + random.draw() % 75, shift: 6, written_cycle: 0, expired_read_cycle: None };
        self.direction_a = 0;
    }

    /// Rebases the time stamps: the cycle counter, now at `cycles`, will restart at 0.
    pub(crate) fn rebase_cycles(&mut self, cycles: u32) {
        self.timer.written_cycle = self.timer.written_cycle.wrapping_sub(cycles);
        if let Some(stamp) = &mut self.timer.expired_read_cycle {
            *stamp = stamp.wrapping_sub(cycles);
        }
    }

    /// Reads a port or timer register.
    pub(crate) fn read(&mut self, address: u16, cycles: u32, ports: &Ports) -> u8 {
        match address & 7 {
            0 => ports.swcha,
            1 => self.direction_a,
            2 => ports.swchb,
            3 => 0, // SWBCNT
            4 | 6 => self.timer.read(cycles),
            _ => self.timer.flag(cycles),
        }
    }

    /// The value of the timer register at `address` (A2 = 1) at cycle `cycles`, and the first cycle at which it will differ.
    /// `None` if the timer has expired: then reading has side effects.
    pub(crate) fn steady_timer(&self, address: u16, cycles: u32) -> Option<(u8, u32)> {
        let timer = &self.timer;
        let left = timer.left(cycles);
        if left < 0 {
            return None;
        }
        // In the cycle of the write itself, no time is "elapsed": that is 2^32 - 1.
        let counts =
            if address & 1 == 0 { (timer.elapsed(cycles) >> timer.shift).wrapping_add(1) } else { timer.start };
        let change = timer.written_cycle.wrapping_add(1).wrapping_add(counts << timer.shift);
        Some((if address & 1 == 0 { left as u8 } else { 0 }, change))
    }

    /// First cycle at which INTIM reads below `least`. `None` if it already does, or if reading has side effects first. An expired
    /// timer counts as below 0.
    pub(crate) fn timer_below(&self, least: u8, cycles: u32) -> Option<u32> {
        let (value, change) = self.steady_timer(INTIM, cycles)?;
        let counts = value.checked_sub(least)?;
        Some(change.wrapping_add(u32::from(counts) << self.timer.shift))
    }

    /// Writes a port or timer register.
    pub(crate) fn write(&mut self, address: u16, value: u8, cycles: u32) {
        match address & 7 {
            1 => self.direction_a = value,
            0..=3 => {}
            _ if address & 0x14 == 0x14 => {
                let shift = SHIFTS[usize::from(address & 3)];
                self.timer = Timer { start: u32::from(value), shift, written_cycle: cycles, expired_read_cycle: None };
            }
            _ => {} // edge detection
        }
    }
}

impl Saved for Riot {
    fn exchange(&mut self, archive: &mut Archive) -> Result<(), StateError> {
        let Self { ram, timer, direction_a } = self;
        archive.bytes(ram)?;
        exchange!(archive, timer, direction_a);
        Ok(())
    }
}

impl Saved for Timer {
    fn exchange(&mut self, archive: &mut Archive) -> Result<(), StateError> {
        let Self { start, shift, written_cycle, expired_read_cycle } = self;
        archive.number(start, 0..=255, "the timer's start")?;
        exchange!(archive, shift, written_cycle, expired_read_cycle);
        if !SHIFTS.contains(shift) {
            return Err(StateError::invalid("the timer's interval", shift, format!("one of {SHIFTS:?}")));
        }
        Ok(())
    }
}

impl Timer {
    fn elapsed(&self, cycles: u32) -> u32 {
        cycles.wrapping_sub(1).wrapping_sub(self.written_cycle)
    }

    /// Counts left; negative once expired.
    fn left(&self, cycles: u32) -> i32 {
        self.start.wrapping_sub(self.elapsed(cycles) >> self.shift).wrapping_sub(1) as i32
    }

    /// INTIM.
    fn read(&mut self, cycles: u32) -> u8 {
        let left = self.left(cycles);
        if left >= 0 {
            return left as u8;
        }
        let elapsed = self.elapsed(cycles);
        let past = (self.start << self.shift).wrapping_sub(elapsed).wrapping_sub(1) as i32;
        if past <= -2 && self.expired_read_cycle.is_none() {
            self.expired_read_cycle = Some(cycles);
        }
        match self.expired_read_cycle {
            Some(first_read) => {
                let offset = first_read.wrapping_sub(self.written_cycle.wrapping_add(self.start << self.shift));
                self.start.wrapping_sub(elapsed >> self.shift).wrapping_sub(offset) as u8
            }
            None => past as u8,
        }
    }

    /// TIMINT: set on expiry, dropped by the first read of INTIM after it.
    fn flag(&self, cycles: u32) -> u8 {
        if self.left(cycles) >= 0 || self.expired_read_cycle.is_some() {
            0
        } else {
            0x80
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn riot() -> Riot {
        Riot::new(&mut MersenneTwister::new(4_753_849))
    }

    fn ports() -> Ports {
        Ports::idle()
    }

    #[test]
    fn power_on_ram_and_timer_are_those_of_ale() {
        let mut random = MersenneTwister::new(4_753_849);
        let mut riot = Riot::new(&mut random);
        assert_eq!(riot.ram[..8], [184, 150, 192, 73, 203, 85, 200, 127]);
        assert_eq!(riot.ram[120..], [167, 189, 230, 247, 171, 20, 111, 192]);
        assert_eq!(riot.ram.iter().map(|&b| u32::from(b)).sum::<u32>(), 16268);
        let mut starts = vec![riot.timer.start];
        for _ in 0..7 {
            riot.reset(&mut random);
            starts.push(riot.timer.start);
        }
        assert_eq!(starts, [58, 51, 32, 74, 65, 64, 78, 39]);
    }

    #[test]
    fn the_timer_counts_at_its_interval() {
        let mut riot = riot();
        riot.write(0x0296, 10, 100); // TIM64T
        assert_eq!(riot.read(0x0284, 101, &ports()), 9);
        assert_eq!(riot.read(0x0284, 164, &ports()), 9);
        assert_eq!(riot.read(0x0284, 165, &ports()), 8);
        assert_eq!(riot.read(0x0285, 165, &ports()), 0);
    }

    #[test]
    fn the_flag_is_dropped_by_reading_intim_and_the_count_goes_on_prescaled() {
        let mut riot = riot();
        riot.write(0x0295, 2, 0); // TIM8T: expires when 16 cycles have passed
        assert_eq!(riot.read(0x0284, 16, &ports()), 0);
        assert_eq!(riot.read(0x0284, 17, &ports()), 0xFF);
        assert_eq!(riot.read(0x0285, 17, &ports()), 0x80, "one cycle past is too early to drop the flag");
        // First read past expiry at 20: offset 20 - 16 = 4; 2 - (19 >> 3) - 4 = -4.
        assert_eq!(riot.read(0x0285, 20, &ports()), 0x80);
        assert_eq!(riot.read(0x0284, 20, &ports()), 0xFC);
        assert_eq!(riot.read(0x0285, 20, &ports()), 0);
        assert_eq!(riot.read(0x0284, 25, &ports()), 0xFB);
    }

    #[test]
    fn a_steady_timer_is_steady_until_it_changes_and_no_longer() {
        for (register, start) in [(0x0294, 200), (0x0295, 3), (0x0296, 2), (0x0297, 1), (0x0296, 0)] {
            let mut riot = riot();
            riot.write(register, start, 1000);
            // A restored timer may be read in the cycle of the write, or before it.
            for cycles in 990..1700 {
                for address in [0x0284, 0x0285] {
                    let Some((value, change)) = riot.steady_timer(address, cycles) else { continue };
                    let read = |cycles| riot.clone().read(address, cycles, &ports());
                    assert!((cycles..change).all(|cycles| read(cycles) == value), "{register:x} {cycles}");
                    assert_ne!(read(change), value, "{register:x} {cycles}");
                    assert!((cycles..change).all(|cycles| {
                        let mut after = riot.clone();
                        after.read(address, cycles, &ports());
                        after.timer.expired_read_cycle.is_none()
                    }));
                }
            }
        }
    }

    #[test]
    fn a_timer_stays_above_a_value_until_it_does_not() {
        for (register, start) in [(0x0294, 200), (0x0295, 3), (0x0296, 2), (0x0297, 1), (0x0296, 0)] {
            let mut riot = riot();
            riot.write(register, start, 1000);
            let read = |cycles| riot.clone().read(INTIM, cycles, &ports());
            for cycles in (1001..1700).step_by(7) {
                for least in [0, 1, 0x80] {
                    let Some(change) = riot.timer_below(least, cycles) else { continue };
                    assert!((cycles..change).all(|cycles| read(cycles) >= least), "{register:x} {cycles} {least}");
                    assert!(
                        (cycles..change).all(|cycles| riot.timer.left(cycles) >= 0),
                        "{register:x} {cycles} {least}"
                    );
                    let runs_out = riot.timer.left(change) < 0;
                    assert!(if least == 0 { runs_out } else { read(change) < least }, "{register:x} {cycles} {least}");
                }
            }
        }
    }

    #[test]
    fn registers_are_mirrored_and_directions_do_not_touch_the_pins() {
        let mut riot = riot();
        riot.write(0x0281, 0xFF, 0);
        assert_eq!(riot.read(0x0281, 0, &ports()), 0xFF);
        assert_eq!(riot.read(0x0289, 0, &ports()), 0xFF);
        assert_eq!(riot.read(0x0280, 0, &ports()), 0xFF);
        assert_eq!(riot.read(0x0282, 0, &ports()), 0x3F);
        assert_eq!(riot.read(0x0283, 0, &ports()), 0);
    }
}
