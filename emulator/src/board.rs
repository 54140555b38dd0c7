//! TIA, RIOT and cartridge on one bus: which part a read or a write reaches, and when.

use crate::cartridge::Cartridge;
use crate::controller::Ports;
#[cfg(feature = "translate")]
use crate::cpu::Registers;
use crate::cpu::{Bus, Cpu, Polled};
use crate::opcode::OpcodeAhead;
use crate::random::MersenneTwister;
use crate::riot::Riot;
use crate::saved_state::{exchange, Archive, StateError};
use crate::tia::{PictureLayout, Tia};
#[cfg(feature = "translate")]
use std::mem::offset_of;

/// Branches that end the wait for the timer.
const BPL: u8 = 0x10;
const BMI: u8 = 0x30;
const BNE: u8 = 0xD0;

/// The board: everything in the console but the CPU.
#[derive(Clone, Debug)]
pub(crate) struct Board {
    /// CPU cycles since the frame began.
    pub(crate) cycles: u32,
    /// The last byte on the data bus. TIA reads do not drive its low six bits.
    data_bus: u8,
    pub(crate) tia: Tia,
    pub(crate) riot: Riot,
    pub(crate) cartridge: Cartridge,
    pub(crate) ports: Ports,
    /// Fills RAM and starts timers at power-on and at resets.
    random: MersenneTwister,
    /// The CPU's registers, while translated code runs.
    #[cfg(feature = "translate")]
    pub(crate) registers: Registers,
}

/// The bus while the CPU runs. Every instruction changes the time and the data bus, so they are kept apart from the
/// board and can stay in the host's registers. Only accesses to a chip or a hot spot call the board's code.
struct RunningBus<'a> {
    board: &'a mut Board,
    cycles: u32,
    /// [`Board::data_bus`] as it is now; [`Bus::settle`] brings the board's own up to date. A 32-bit word, because the
    /// compiler would store three bytes of padding together with a byte.
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
    /// A board with `cartridge` in its slot, powered on but not reset. `seed` starts the generator.
    pub(crate) fn new(cartridge: Cartridge, picture: PictureLayout, ports: Ports, seed: u32) -> Self {
        let mut random = MersenneTwister::new(seed);
        let riot = Riot::new(&mut random);
        let mut tia = Tia::new(picture);
        if cartridge.claims_low_addresses() {
            tia.set_overheard();
        }
        Self {
            cycles: 0,
            data_bus: 0,
            tia,
            riot,
            cartridge,
            ports,
            random,
            #[cfg(feature = "translate")]
            registers: Registers::default(),
        }
    }

    /// A system reset of everything on the board and of the CPU. RIOT RAM, the frame buffers' roles and the mark of an
    /// unfinished frame are kept.
    pub(crate) fn reset(&mut self, cpu: &mut Cpu, picture: PictureLayout) {
        self.rebase_cycles();
        self.riot.reset(&mut self.random);
        self.tia.reset(picture);
        self.cartridge.reset(&mut self.random, self.cycles);
        self.with_bus(|mut bus| {
            cpu.reset(&mut bus);
            bus
        });
    }

    /// Begins an update: a new frame, unless the last update ended within one.
    pub(crate) fn begin_update(&mut self) {
        if self.tia.frame_finished() {
            self.tia.start_frame(self.cycles);
            self.rebase_cycles();
        }
        self.tia.begin_update();
    }

    /// Ends an update.
    pub(crate) fn end_update(&mut self) {
        self.tia.end_update(self.cycles);
    }

    /// Puts a byte on the data bus between two frames. Only a program whose next instruction lies among the TIA's registers
    /// sees it, on their undriven lines: in any other memory the next opcode replaces it.
    pub(crate) fn leave_on_data_bus(&mut self, byte: u8) {
        self.data_bus = byte;
    }

    /// Saves or restores the board and the CPU, whose bytes lie between the board's.
    pub(crate) fn exchange(
        &mut self,
        cpu: &mut Cpu,
        picture: PictureLayout,
        archive: &mut Archive,
    ) -> Result<(), StateError> {
        #[rustfmt::skip]
        let Self {
            cycles, data_bus, tia, riot, cartridge, random,
            ports: _, // set before every frame
            #[cfg(feature = "translate")] registers: _, // the CPU has its own between updates
        } = self;
        tia.exchange(picture, archive)?;
        exchange!(archive, cpu, cycles);
        if archive.complete() {
            exchange!(archive, data_bus);
        }
        exchange!(archive, riot, cartridge, random);
        Ok(())
    }

    /// Runs `work`, which lets the CPU execute on the bus and returns the bus.
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

    /// See [`Bus::idle_passes`]: how many times the load or BIT at `pc` will read a timer value that keeps the following branch
    /// taken, or that changes no register.
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
        // Each load from INTIM overwrites the value of the last one, so only the time for which the branch is taken counts.
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

    /// Reads anything but RAM and plain ROM.
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

    /// Writes to anything but RAM; returns the cycle at which the CPU continues.
    #[inline(never)]
    fn write_device(&mut self, address: u16, value: u8, cycles: u32, after_write: bool) -> u32 {
        if address & 0x1000 != 0 {
            self.cartridge.write(address, value, cycles);
            if self.cartridge.passes_write_to_tia(address) {
                return self.tia.write(address, value, cycles, after_write);
            }
        } else if address & 0x0080 == 0 {
            if self.cartridge.claims_low_addresses() && !self.cartridge.write_low(address, value) {
                return cycles;
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

    /// Restarts the cycle counter at 0 and rebases the time stamps of RIOT and cartridge. The TIA rebases its own.
    fn rebase_cycles(&mut self) {
        self.riot.rebase_cycles(self.cycles);
        self.cartridge.rebase_cycles(self.cycles);
        self.cycles = 0;
    }
}

/// The board's interface to translated code. While that runs, the cycle count is in `registers` and not in `cycles`.
#[cfg(feature = "translate")]
impl Board {
    /// Byte offsets from the start of a board.
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

    #[cfg(test)]
    pub(crate) fn data_bus(&self) -> u8 {
        self.data_bus
    }

    /// Whether a write has ended the frame.
    pub(crate) fn stopped(&self) -> bool {
        self.tia.stopped()
    }

    /// Interprets up to `left` instructions, but stops after a jump; returns how many are left.
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

    /// Interprets one instruction, or none if `left` is 0; returns how many of `left` are left.
    pub(crate) fn interpret_one(&mut self, cpu: &mut Cpu, left: u32) -> u32 {
        let Some(after) = left.checked_sub(1) else { return 0 };
        self.interpret_to_jump(cpu, 1);
        if self.stopped() || cpu.jammed() {
            0
        } else {
            after
        }
    }

    /// Reads any address.
    pub(crate) fn read(&mut self, address: u16, cycles: u32, data_bus: u8) -> u8 {
        RunningBus { board: self, cycles, data_bus: data_bus.into() }.read(address)
    }

    /// Writes to any address; returns the cycle at which the CPU continues, and whether it must stop.
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

    /// Applies the TIA's deferred writes.
    pub(crate) fn make_writes(&mut self) {
        self.tia.settle();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cartridge::Scheme;

    /// A bus that never reports how many iterations of a wait can be skipped, so the CPU executes each of them.
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

    /// A CPU and a board whose program starts the timer, waits for it with `load` and `branch`, and jams.
    fn waiting(timer: u8, start: u8, load: u8, register: u8, branch: u8) -> (Cpu, Board) {
        let mut rom = vec![0x02; 4096];
        let program = [0xA9, start, 0x8D, timer, 0x02, load, register, 0x02, branch, 0xFB, 0x85, 0x80];
        rom[..program.len()].copy_from_slice(&program);
        rom[0xFFC..0xFFE].copy_from_slice(&[0x00, 0xF0]);
        let picture = PictureLayout { first_scanline: 34, height: 210, hmove_blanks: true, pal: false };
        let mut board = Board::new(Cartridge::new(rom.into(), Scheme::FourK, ""), picture, Ports::idle(), 1);
        let mut cpu = Cpu::new();
        board.reset(&mut cpu, picture);
        (cpu, board)
    }

    #[test]
    fn waiting_for_the_timer_in_one_step_ends_as_waiting_pass_by_pass() {
        let mut skipped = 0;
        for (timer, start) in [(0x94, 250), (0x95, 200), (0x96, 3), (0x96, 200), (0x97, 255), (0x95, 0)] {
            for load in [0xAD, 0xAE, 0xAC, 0x2C] {
                for (register, branch) in
                    [0x84, 0x85].into_iter().flat_map(|r| [0xD0, 0x10, 0x30, 0xF0, 0x50].map(|b| (r, b)))
                {
                    for limit in [100, 2_001, 25_000] {
                        let (mut cpu, mut board) = waiting(timer, start, load, register, branch);
                        let (mut patient_cpu, mut patient) = (cpu, board.clone());
                        board.with_bus(|bus| cpu.run(bus, limit));
                        patient.with_bus(|bus| patient_cpu.run(Patient(bus), limit).0);
                        let case = format!("{timer:02x} {start} {load:02x} {register:02x} {branch:02x} {limit}");
                        assert_eq!(cpu, patient_cpu, "{case}");
                        assert_eq!(board.cycles, patient.cycles, "{case}");
                        assert_eq!(board.riot.ram, patient.riot.ram, "{case}");
                        skipped += board.cycles;
                    }
                }
            }
        }
        assert!(skipped > 1_000_000, "the programs waited for {skipped} cycles only");
    }
}
