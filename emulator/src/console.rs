//! The console: CPU, TIA, RIOT and cartridge on one bus, and the order in which they are powered on and reset.

use crate::bus::{Bus, OpcodeAhead, Polled};
use crate::cartridge::{Cartridge, CartridgeImage};
use crate::controller::{Controls, Ports};
use crate::cpu::Cpu;
use crate::game::{Format, Properties};
use crate::random::MersenneTwister;
use crate::riot::Riot;
use crate::saved_state::{exchange, Archive, Saved, StateError};
use crate::tia::{Painted, Picture, Tia, SAMPLES};
#[cfg(feature = "translate")]
use crate::translate::{Registers, Translated, Translation};
#[cfg(feature = "translate")]
use std::mem::offset_of;

/// Instructions after which an update returns even if the frame is not finished.
const INSTRUCTION_LIMIT: u32 = 25_000;

/// Updates run to find out the television format, and those of them that vote.
const FORMAT_UPDATES: u32 = 60;
const FORMAT_VOTES: std::ops::Range<u32> = 30..60;
/// More scanlines than this are a vote for PAL.
const NTSC_SCANLINES: i32 = 285;

/// Branches that end the wait for the timer.
const BPL: u8 = 0x10;
const BMI: u8 = 0x30;
const BNE: u8 = 0xD0;

/// A powered-on console with a cartridge in its slot.
#[derive(Clone, Debug)]
pub(crate) struct Console {
    cpu: Cpu,
    board: Board,
    properties: Properties,
    picture: Picture,
    #[cfg(feature = "translate")]
    translated: Option<Translated>,
}

/// Everything but the CPU.
#[derive(Clone, Debug)]
pub(crate) struct Board {
    /// CPU cycles since the frame began.
    cycles: u32,
    /// The byte the data bus carried last; TIA reads leave its low six bits standing.
    data_bus: u8,
    tia: Tia,
    riot: Riot,
    cartridge: Cartridge,
    ports: Ports,
    random: MersenneTwister,
    /// The CPU's, while translated code runs.
    #[cfg(feature = "translate")]
    pub(crate) registers: Registers,
}

/// The bus while the CPU runs: the time and the data bus, which every instruction changes, are kept apart from the board so
/// that they can stay in the host's registers. Only what touches a chip or a hot spot goes to the board's own code.
struct RunningBus<'a> {
    board: &'a mut Board,
    cycles: u32,
    /// As [`Board::data_bus`], which is out of date between [`Bus::settle`] and the next one. A whole word, because three bytes
    /// of padding would be kept with it.
    data_bus: u32,
}

impl Bus for RunningBus<'_> {
    #[inline(always)]
    fn read(&mut self, address: u16) -> u8 {
        let plain = if address & 0x1000 != 0 {
            self.board.cartridge.direct(address)
        } else if address & 0x0280 == 0x0080 {
            Some(self.board.riot.ram[usize::from(address & 0x7F)])
        } else {
            None
        };
        let byte = match plain {
            Some(byte) => byte,
            None => self.board.read_device(address, self.cycles, self.data_bus as u8),
        };
        self.data_bus = byte.into();
        byte
    }

    #[inline(always)]
    fn write(&mut self, address: u16, value: u8) -> bool {
        self.write_byte(address, value, false)
    }

    #[inline(always)]
    fn write_after_write(&mut self, address: u16, value: u8) -> bool {
        self.write_byte(address, value, true)
    }

    #[inline(always)]
    fn opcode_ahead(&self, pc: u16) -> OpcodeAhead {
        self.board.cartridge.opcode_ahead(pc)
    }

    #[inline(always)]
    fn operand_ahead(&self, address: u16) -> u8 {
        self.board.cartridge.operand_ahead(address)
    }

    #[inline(always)]
    fn look_ahead_carefully(&self, pc: u16) -> Option<[u8; 3]> {
        if pc & 0x1000 == 0 {
            return None;
        }
        self.board.cartridge.look_ahead_carefully(pc)
    }

    #[inline(always)]
    fn latch(&mut self, byte: u8) {
        self.data_bus = byte.into();
    }

    #[inline(always)]
    fn settle(&mut self) {
        self.board.data_bus = self.data_bus as u8;
    }

    #[inline(always)]
    fn resume(&mut self) {
        self.data_bus = self.board.data_bus.into();
    }

    #[inline(always)]
    fn idle_passes(&self, pc: u16, registers: &Polled, pass: u32) -> u32 {
        self.board.idle_passes(pc, *registers, self.cycles, pass)
    }

    #[inline(always)]
    fn add_cycles(&mut self, cycles: u32) {
        self.cycles = self.cycles.wrapping_add(cycles);
    }
}

impl RunningBus<'_> {
    #[inline(always)]
    fn write_byte(&mut self, address: u16, value: u8, after_write: bool) -> bool {
        self.data_bus = value.into();
        if address & 0x1280 == 0x0080 {
            self.board.riot.ram[usize::from(address & 0x7F)] = value;
            return false;
        }
        if address & 0x1080 == 0 && !after_write {
            if let Some(cycles) = self.board.tia.write_later(address, value, self.cycles) {
                self.cycles = cycles;
                return false;
            }
        }
        self.cycles = self.board.write_device(address, value, self.cycles, after_write);
        self.board.tia.stopped()
    }
}

impl Board {
    /// Lets the CPU work on the bus, which `work` gives back.
    #[inline(always)]
    fn with_bus(&mut self, work: impl FnOnce(RunningBus<'_>) -> RunningBus<'_>) {
        let (cycles, data_bus) = (self.cycles, self.data_bus.into());
        let RunningBus { board, cycles, data_bus: _ } = work(RunningBus { board: self, cycles, data_bus });
        board.cycles = cycles;
    }

    /// Interprets up to `limit` instructions.
    #[inline(always)]
    pub(crate) fn interpret(&mut self, cpu: &mut Cpu, limit: u32) {
        self.with_bus(|bus| cpu.run(bus, limit));
    }

    /// See [`Bus::idle_passes`]: how often the instruction at `pc` will read from the timer what keeps the branch behind it
    /// taken, or what it seems to have read last.
    #[inline(never)]
    fn idle_passes(&self, pc: u16, registers: Polled, cycles: u32, pass: u32) -> u32 {
        let Some([opcode, low, high]) = self.cartridge.look_ahead_carefully(pc).filter(|_| pc & 0x1000 != 0) else {
            return 0;
        };
        let address = u16::from_le_bytes([low, high]);
        if address & 0x1284 != 0x0284 {
            return 0;
        }
        let first_read = cycles.wrapping_add(4);
        // A load from INTIM forgets what the last one brought. What counts is how long the branch behind it is taken.
        if matches!(opcode, 0xAC..=0xAE) && address & 1 == 0 {
            let branch = self.cartridge.look_ahead_carefully(pc.wrapping_add(3)).map(|bytes| bytes[0]);
            let below = |least| self.riot.timer_below(least, first_read);
            let not_taken = match branch {
                Some(BNE) => below(1),
                Some(BMI) => below(0x80),
                Some(BPL) if below(0x80).is_none() => below(0),
                _ => None,
            };
            if let Some(cycle) = not_taken {
                return cycle.wrapping_sub(first_read).div_ceil(pass);
            }
        }
        let Some((value, change)) = self.riot.steady_timer(address, first_read) else { return 0 };
        let Polled { a, x, y, sign_and_zero, overflow } = registers;
        let loaded = |register| (register, sign_and_zero) == (value, u16::from(value));
        let unchanged = match opcode {
            0xAD => loaded(a),
            0xAE => loaded(x),
            0xAC => loaded(y),
            0x2C => {
                let bits = u16::from(value & 0x80) << 8 | u16::from(a & value);
                (sign_and_zero, overflow) == (bits, value & 0x40 != 0)
            }
            _ => false,
        };
        if unchanged {
            change.wrapping_sub(first_read).div_ceil(pass)
        } else {
            0
        }
    }

    /// Reads what is neither RAM nor plain ROM.
    #[inline(never)]
    fn read_device(&mut self, address: u16, cycles: u32, data_bus: u8) -> u8 {
        if address & 0x1000 != 0 {
            self.cartridge.read(address, cycles)
        } else if address & 0x0080 == 0 {
            self.read_tia(address, cycles, data_bus)
        } else {
            self.riot.read(address, cycles, &self.ports)
        }
    }

    /// Writes to anything but RAM; the cycle at which the CPU goes on.
    #[inline(never)]
    fn write_device(&mut self, address: u16, value: u8, cycles: u32, after_write: bool) -> u32 {
        if address & 0x1000 != 0 {
            self.cartridge.write(address, value, cycles);
            if self.cartridge.passes_write_to_tia(address) {
                return self.tia.write(address, value, cycles, after_write);
            }
        } else if address & 0x0080 == 0 {
            if self.cartridge.claims_low_addresses() {
                self.cartridge.write_low(address, value);
            }
            return self.tia.write(address, value, cycles, after_write);
        } else {
            self.riot.write(address, value, cycles);
        }
        cycles
    }

    fn read_tia(&mut self, address: u16, cycles: u32, data_bus: u8) -> u8 {
        if self.cartridge.claims_low_addresses() {
            if let Some(byte) = self.cartridge.read_low(address) {
                return byte;
            }
        }
        self.tia.read(address, cycles, data_bus, &self.ports.pins)
    }

    /// Puts the cycle counter back to 0 in everything that keeps a time stamp but the TIA.
    fn rebase_cycles(&mut self) {
        self.riot.rebase_cycles(self.cycles);
        self.cartridge.rebase_cycles(self.cycles);
        self.cycles = 0;
    }
}

/// What translated code and its surroundings use. Until the CPU's registers are taken back, the cycles are among them and not
/// where they are otherwise.
#[cfg(feature = "translate")]
impl Board {
    /// Where in a board things lie.
    pub(crate) const RAM_OFFSET: usize = offset_of!(Self, riot) + Riot::RAM_OFFSET;
    pub(crate) const WINDOW_OFFSET: usize = offset_of!(Self, cartridge) + Cartridge::WINDOW_OFFSET;
    pub(crate) const DATA_BUS_OFFSET: usize = offset_of!(Self, data_bus);
    pub(crate) const REGISTERS_OFFSET: usize = offset_of!(Self, registers);
    pub(crate) const LOG_OFFSET: usize = offset_of!(Self, tia) + Tia::LOG_OFFSET;
    pub(crate) const LOGGED_OFFSET: usize = offset_of!(Self, tia) + Tia::LOGGED_OFFSET;
    pub(crate) const LATER_UNTIL_OFFSET: usize = offset_of!(Self, tia) + Tia::LATER_UNTIL_OFFSET;
    pub(crate) const WAITED_UNTIL_OFFSET: usize = offset_of!(Self, tia) + Tia::WAITED_UNTIL_OFFSET;

    pub(crate) fn cartridge(&self) -> &Cartridge {
        &self.cartridge
    }

    pub(crate) fn cycles(&self) -> u32 {
        self.cycles
    }

    pub(crate) fn set_cycles(&mut self, cycles: u32) {
        self.cycles = cycles;
    }

    /// Whether a write has ended the frame.
    pub(crate) fn stopped(&self) -> bool {
        self.tia.stopped()
    }

    /// Interprets up to `left` instructions until there is a jump; how many are left then.
    #[inline(never)]
    pub(crate) fn interpret_to_jump(&mut self, cpu: &mut Cpu, left: u32) -> u32 {
        let mut after = 0;
        self.with_bus(|bus| {
            let (bus, left) = cpu.run_to_jump(bus, left);
            after = left;
            bus
        });
        after
    }

    /// Interprets one instruction; how many of `left` are left then.
    pub(crate) fn interpret_one(&mut self, cpu: &mut Cpu, left: u32) -> u32 {
        self.interpret_to_jump(cpu, 1);
        if self.stopped() || cpu.jammed() {
            0
        } else {
            left - 1
        }
    }

    /// Reads anything.
    pub(crate) fn read(&mut self, address: u16, cycles: u32, data_bus: u8) -> u8 {
        RunningBus { board: self, cycles, data_bus: data_bus.into() }.read(address)
    }

    /// Writes to anything; the cycle at which the CPU goes on, and whether it is to stop.
    pub(crate) fn write(&mut self, address: u16, value: u8, cycles: u32) -> (u32, bool) {
        let mut bus = RunningBus { board: self, cycles, data_bus: 0 };
        let stop = bus.write(address, value);
        (bus.cycles, stop)
    }

    /// See [`Bus::idle_passes`].
    pub(crate) fn idle_passes_of_registers(&self, pc: u16, pass: u32) -> u32 {
        let Registers { a, x, y, sign_and_zero, overflow, cycles, left, .. } = self.registers;
        let [a, x, y] = [a, x, y].map(|register| register as u8);
        let overflow = overflow & 0x80 != 0;
        let registers = Polled { a, x, y, sign_and_zero: sign_and_zero as u16, overflow };
        self.idle_passes(pc, registers, cycles, pass).min((left / 2).saturating_sub(1))
    }

    /// Makes the TIA's writes that were left for later.
    pub(crate) fn make_writes(&mut self) {
        self.tia.settle();
    }
}

/// Where a cartridge with these properties wants the picture on a television of this format.
fn picture_of(properties: &Properties, format: Format) -> Picture {
    let pal = format == Format::Pal;
    let taller = pal && properties.height == Properties::DEFAULT.height;
    Picture {
        first_scanline: properties.first_scanline,
        height: if taller { 250 } else { properties.height },
        hmove_blanks: properties.hmove_blanks,
        pal,
    }
}

impl Saved for Console {
    /// The television format goes along because finding it out depends on what was in RAM, and so on the seed.
    fn exchange(&mut self, archive: &mut Archive) -> Result<(), StateError> {
        #[rustfmt::skip]
        let Self {
            cpu, board, properties, picture,
            #[cfg(feature = "translate")] translated: _,
        } = self;
        let mut pal = picture.pal;
        exchange!(archive, &mut pal);
        *picture = picture_of(properties, if pal { Format::Pal } else { Format::Ntsc });
        // The ports are set before every frame.
        #[rustfmt::skip]
        let Board {
            cycles, data_bus, tia, riot, cartridge, ports: _, random,
            #[cfg(feature = "translate")] registers: _,
        } = board;
        tia.exchange(*picture, archive)?;
        exchange!(archive, cpu, cycles, data_bus, riot, cartridge, random);
        Ok(())
    }
}

impl Console {
    /// Powers a console on. `seed` starts its generator, which fills RAM and starts timers.
    pub(crate) fn new(image: &CartridgeImage, properties: Properties, seed: u32) -> Self {
        let mut random = MersenneTwister::new(seed);
        let riot = Riot::new(&mut random);
        let picture = picture_of(&properties, Format::Ntsc);
        let untouched = Controls::untouched(properties.difficulty_a);
        let mut console = Self {
            cpu: Cpu::new(),
            board: Board {
                cycles: 0,
                data_bus: 0,
                tia: Tia::new(picture),
                riot,
                cartridge: Cartridge::new(image),
                ports: Ports::new(&untouched, &properties),
                random,
                #[cfg(feature = "translate")]
                registers: Registers::default(),
            },
            properties,
            picture,
            #[cfg(feature = "translate")]
            translated: Translated::new(image.translations(), Translation::Usual),
        };
        if console.board.cartridge.claims_low_addresses() {
            console.board.tia.set_overheard();
        }
        let format = properties.format.unwrap_or_else(|| console.detect_format());
        console.picture = picture_of(&properties, format);
        console.reset();
        console
    }

    /// Runs sixty frames and counts lines. What they leave in RAM stays there.
    fn detect_format(&mut self) -> Format {
        self.reset();
        let mut votes = 0;
        for update in 0..FORMAT_UPDATES {
            self.update();
            if FORMAT_VOTES.contains(&update) && self.board.tia.scanline(self.board.cycles) > NTSC_SCANLINES {
                votes += 1;
            }
        }
        if votes >= 15 {
            Format::Pal
        } else {
            Format::Ntsc
        }
    }

    /// A system reset: everything but RIOT RAM, the frame buffers' roles and an unfinished frame's mark.
    pub(crate) fn reset(&mut self) {
        let board = &mut self.board;
        board.rebase_cycles();
        board.riot.reset(&mut board.random);
        board.tia.reset(self.picture);
        board.cartridge.reset(&mut board.random, board.cycles);
        board.with_bus(|mut bus| {
            self.cpu.reset(&mut bus);
            bus
        });
    }

    /// Sets what is pressed from now on.
    pub(crate) fn set_controls(&mut self, controls: &Controls) {
        self.board.ports = Ports::new(controls, &self.properties);
    }

    /// Runs until the frame ends or 25,000 instructions have passed: one ALE frame.
    pub(crate) fn update(&mut self) {
        let board = &mut self.board;
        if board.tia.frame_finished() {
            board.tia.start_frame(board.cycles);
            board.rebase_cycles();
        }
        board.tia.begin_update();
        self.run(INSTRUCTION_LIMIT);
        self.board.tia.end_update(self.board.cycles);
    }

    /// Lets the CPU execute up to `limit` instructions.
    fn run(&mut self, limit: u32) {
        #[cfg(feature = "translate")]
        if let Some(translated) = &mut self.translated {
            translated.run(&mut self.cpu, &mut self.board, limit);
            return;
        }
        self.board.interpret(&mut self.cpu, limit);
    }

    /// How the cartridge's code is executed from now on.
    #[cfg(feature = "translate")]
    pub(crate) fn set_translation(&mut self, translation: Translation) {
        self.translated = Translated::new(self.board.cartridge.translations(), translation);
    }

    /// Instructions that translated code executed.
    #[cfg(feature = "translate")]
    pub(crate) fn executed_by_translated_code(&self) -> u64 {
        self.translated.as_ref().map_or(0, Translated::executed)
    }

    /// The screen, and more rows than are shown.
    pub(crate) fn screen(&mut self) -> Painted<'_> {
        self.board.tia.frame()
    }

    /// The screen and the one before it.
    pub(crate) fn last_two_screens(&mut self) -> [&[u8]; 2] {
        let pixels = self.exposed_rows() as usize * crate::tia::WIDTH;
        self.board.tia.last_two_frames().map(|frame| &frame[..pixels])
    }

    /// The sound samples of the agent step that ends now.
    pub(crate) fn fill_sound(&mut self, samples: &mut [u8; SAMPLES]) {
        self.board.tia.sound_mut().fill(samples);
    }

    /// Rows of the screen.
    pub(crate) fn exposed_rows(&self) -> u32 {
        self.picture.exposed_rows()
    }

    /// The television format found.
    pub(crate) fn format(&self) -> Format {
        if self.picture.pal {
            Format::Pal
        } else {
            Format::Ntsc
        }
    }

    /// RIOT RAM.
    pub(crate) fn ram(&self) -> &[u8; 128] {
        &self.board.riot.ram
    }

    /// RIOT RAM, to be changed from outside.
    pub(crate) fn ram_mut(&mut self) -> &mut [u8; 128] {
        &mut self.board.riot.ram
    }

    /// RAM on the cartridge; empty when it has none.
    pub(crate) fn cartridge_ram(&self) -> &[u8] {
        self.board.cartridge.ram()
    }

    /// Whether the program has run into an undefined opcode.
    pub(crate) fn jammed(&self) -> bool {
        self.cpu.jammed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bus that says of no wait how long it takes.
    struct Patient<'a>(RunningBus<'a>);

    impl Bus for Patient<'_> {
        fn read(&mut self, address: u16) -> u8 {
            self.0.read(address)
        }
        fn write(&mut self, address: u16, value: u8) -> bool {
            self.0.write(address, value)
        }
        fn write_after_write(&mut self, address: u16, value: u8) -> bool {
            self.0.write_after_write(address, value)
        }
        fn add_cycles(&mut self, cycles: u32) {
            self.0.add_cycles(cycles);
        }
    }

    /// A console whose program, which does not end a frame, calls, branches both ways and counts in RAM.
    #[cfg(feature = "translate")]
    fn counting() -> Console {
        let mut rom = vec![0x02; 4096];
        #[rustfmt::skip]
        let program = [
            0xE6, 0x80, 0x20, 0x20, 0xF0, 0xC8, 0x98, 0x29, 0x07, 0xF0, 0x02, 0x65, 0x81, 0x85, 0x81, 0x85, 0x06,
            0x4C, 0x00, 0xF0,
        ];
        rom[..program.len()].copy_from_slice(&program);
        let subroutine = [0xA2, 0x05, 0xCA, 0xF6, 0x90, 0x10, 0xFB, 0xC6, 0x82, 0xD0, 0x02, 0xE6, 0x83, 0x60];
        rom[0x20..0x20 + subroutine.len()].copy_from_slice(&subroutine);
        rom[0xFFC..0xFFE].copy_from_slice(&[0x00, 0xF0]);
        let image = CartridgeImage::new(&rom, None).unwrap();
        let properties = Properties { format: Some(Format::Ntsc), ..Properties::DEFAULT };
        Console::new(&image, properties, 1)
    }

    #[cfg(feature = "translate")]
    #[test]
    fn translated_code_stops_at_exactly_the_instruction_where_interpreted_code_does() {
        let mut translated = counting();
        let mut interpreted = translated.clone();
        translated.set_translation(Translation::Eager);
        interpreted.set_translation(Translation::Off);
        let limits = (1..200).chain(4_000..4_300).chain([INSTRUCTION_LIMIT; 3]).chain(4_096..4_200);
        for (round, limit) in [INSTRUCTION_LIMIT, 7].into_iter().chain(limits).enumerate() {
            for console in [&mut translated, &mut interpreted] {
                // The frame goes on.
                console.board.tia.begin_update();
                console.board.cycles %= 10_000;
                console.run(limit);
            }
            assert_eq!(translated.cpu, interpreted.cpu, "round {round}, limit {limit}");
            assert_eq!(translated.board.cycles, interpreted.board.cycles, "round {round}, limit {limit}");
            assert_eq!(translated.board.data_bus, interpreted.board.data_bus, "round {round}, limit {limit}");
            assert_eq!(translated.ram(), interpreted.ram(), "round {round}, limit {limit}");
        }
        let executed = translated.executed_by_translated_code();
        assert!(executed > 30_000, "translated code executed {executed} instructions only");
    }

    /// A console whose program starts the timer, waits for it with `load` and `branch`, and jams.
    fn waiting(timer: u8, start: u8, load: u8, register: u8, branch: u8) -> Console {
        let mut rom = vec![0x02; 4096];
        let program = [0xA9, start, 0x8D, timer, 0x02, load, register, 0x02, branch, 0xFB, 0x85, 0x80];
        rom[..program.len()].copy_from_slice(&program);
        rom[0xFFC..0xFFE].copy_from_slice(&[0x00, 0xF0]);
        let image = CartridgeImage::new(&rom, None).unwrap();
        let properties = Properties { format: Some(Format::Ntsc), ..Properties::DEFAULT };
        Console::new(&image, properties, 1)
    }

    #[test]
    fn waiting_for_the_timer_in_one_step_ends_as_waiting_pass_by_pass() {
        let mut skipped = 0;
        for (timer, start) in [(0x94, 250), (0x95, 200), (0x96, 3), (0x96, 200), (0x97, 255), (0x95, 0)] {
            for load in [0xAD, 0xAE, 0xAC, 0x2C] {
                for (register, branch) in
                    [0x84, 0x85].into_iter().flat_map(|r| [0xD0, 0x10, 0x30, 0xF0, 0x50].map(|b| (r, b)))
                {
                    for limit in [100, 2_001, INSTRUCTION_LIMIT] {
                        let mut console = waiting(timer, start, load, register, branch);
                        let mut patient = console.clone();
                        console.board.with_bus(|bus| console.cpu.run(bus, limit));
                        patient.board.with_bus(|bus| patient.cpu.run(Patient(bus), limit).0);
                        let case = format!("{timer:02x} {start} {load:02x} {register:02x} {branch:02x} {limit}");
                        assert_eq!(console.cpu, patient.cpu, "{case}");
                        assert_eq!(console.board.cycles, patient.board.cycles, "{case}");
                        assert_eq!(console.ram(), patient.ram(), "{case}");
                        skipped += console.board.cycles;
                    }
                }
            }
        }
        assert!(skipped > 1_000_000, "the programs waited for {skipped} cycles only");
    }
}
