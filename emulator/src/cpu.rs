//! The 6507: registers and the instruction step.
//!
//! A 6502 with 13 address lines and no interrupt pins. This is ALE's low-compatibility core. It executes whole
//! instructions and charges base cycles right after the opcode fetch, so every other access of an instruction carries
//! the time of the instruction's end. It makes no bus access that the result does not need (see `docs/emulator.md` and
//! the list "ALE, not silicon" in the crate's root).
//!
//! `cpu/decode.rs` has one row per opcode; `cpu/operations.rs` has the addressing modes and operations that the rows
//! name.

mod bus;
mod decode;
mod operations;
#[cfg(feature = "translate")]
mod registers;

use crate::opcode::{OpcodeAhead, FREQUENT};
use crate::saved_state::{exchange, Archive, Saved, StateError};
pub use bus::{Bus, Polled};
#[cfg(feature = "translate")]
pub(crate) use registers::Registers;

/// Registers and flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cpu {
    /// Accumulator.
    pub a: u8,
    /// Index register X.
    pub x: u8,
    /// Index register Y.
    pub y: u8,
    /// Stack pointer; the stack is at $0100 + SP.
    pub sp: u8,
    /// Program counter, all 16 bits (the FE scheme looks at A13).
    pub pc: u16,
    /// N and Z as the value they follow from: cheaper to set, and they are set far more often than read. Z is set when
    /// the low byte is 0, N when bit 7 or bit 15 is set: BIT and PLP take N and Z from different sources.
    sign_and_zero: u16,
    carry: bool,
    overflow: bool,
    decimal: bool,
    interrupt_disable: bool,
    jammed: bool,
}

impl Cpu {
    /// A CPU that was never reset: registers as after a reset, program counter at 0.
    pub fn new() -> Self {
        Self {
            a: 0,
            x: 0,
            y: 0,
            sp: 0xFF,
            pc: 0,
            sign_and_zero: 1,
            carry: false,
            overflow: false,
            decimal: false,
            interrupt_disable: false,
            jammed: false,
        }
    }

    /// Clears registers and flags and loads the program counter from $FFFC; takes no cycles.
    pub fn reset(&mut self, bus: &mut impl Bus) {
        *self = Self::new();
        self.pc = word(bus, 0xFFFC, 0xFFFD);
        bus.settle();
    }

    /// Executes up to `limit` whole instructions, fewer if the bus stops the CPU, and returns the bus. A jammed CPU
    /// does nothing.
    ///
    /// Inlined, so that a bus that lives in the caller can stay in the host's registers.
    #[inline(always)]
    pub fn run<B: Bus>(&mut self, bus: B, limit: u32) -> B {
        self.run_on::<B, false>(bus, limit).0
    }

    /// As [`Cpu::run`], but stops after a jump: an instruction that was not followed by the next one in memory. Also
    /// returns how many instructions may still be executed: 0 if the bus stopped the CPU.
    #[cfg(feature = "translate")]
    #[inline(always)]
    pub(crate) fn run_to_jump<B: Bus>(&mut self, bus: B, limit: u32) -> (B, u32) {
        self.run_on::<B, true>(bus, limit)
    }

    #[inline(always)]
    fn run_on<B: Bus, const TO_JUMP: bool>(&mut self, mut bus: B, limit: u32) -> (B, u32) {
        let Self { a, x, y, sp, pc, sign_and_zero, carry, overflow, decimal, interrupt_disable, jammed } = *self;
        let mut rare = Rare { sp, overflow, decimal, interrupt_disable, jammed };
        let left = if jammed { 0 } else { limit.min(i32::MAX as u32) as i32 };
        let mut running = Running { a, x, y, pc: pc.into(), sign_and_zero, carry, left, rare: &mut rare };
        loop {
            running.left -= 1;
            if running.left < 0 {
                break;
            }
            let before = running.pc;
            let ahead = bus.opcode_ahead(before as u16);
            if ahead.place() != 0 {
                running.pc = running.pc.wrapping_add(1);
                running.execute_frequent(ahead.place(), &mut bus);
            } else if ahead == OpcodeAhead::UNKNOWN {
                bus.resume();
                (running, bus) = running.run_carefully(bus);
            } else {
                running.pc = running.pc.wrapping_add(1);
                bus.latch(ahead.opcode());
                running.execute(ahead.opcode(), &mut bus, Ahead);
            }
            if TO_JUMP && (running.pc as u16).wrapping_sub(before as u16) > 3 {
                break;
            }
        }
        let Running { a, x, y, pc, sign_and_zero, carry, left, .. } = running;
        let Rare { sp, overflow, decimal, interrupt_disable, jammed } = rare;
        let pc = pc as u16;
        *self = Self { a, x, y, sp, pc, sign_and_zero, carry, overflow, decimal, interrupt_disable, jammed };
        (bus, left.max(0) as u32)
    }

    /// Whether sums are decimal.
    #[cfg(feature = "translate")]
    pub(crate) fn decimal(&self) -> bool {
        self.decimal
    }

    /// Copies all registers but `cycles` and `left` to the registers of translated code.
    #[cfg(feature = "translate")]
    pub(crate) fn give(&self, registers: &mut Registers) {
        let Self { a, x, y, sp, pc, sign_and_zero, carry, overflow, decimal, interrupt_disable, jammed: _ } = *self;
        *registers = Registers {
            a: a.into(),
            x: x.into(),
            y: y.into(),
            sign_and_zero: sign_and_zero.into(),
            carry: carry.into(),
            overflow: u32::from(overflow) << 7,
            pc: pc.into(),
            sp,
            decimal: decimal.into(),
            interrupt_disable: interrupt_disable.into(),
            ..*registers
        };
    }

    /// Copies the registers back.
    #[cfg(feature = "translate")]
    pub(crate) fn take(&mut self, registers: &Registers) {
        *self = Self {
            a: registers.a as u8,
            x: registers.x as u8,
            y: registers.y as u8,
            sp: registers.sp,
            pc: registers.pc as u16,
            sign_and_zero: registers.sign_and_zero as u16,
            carry: registers.carry != 0,
            overflow: registers.overflow & 0x80 != 0,
            decimal: registers.decimal != 0,
            interrupt_disable: registers.interrupt_disable != 0,
            jammed: self.jammed,
        };
    }

    /// Whether one of the twelve undefined opcodes has stopped the CPU; only a reset helps.
    pub fn jammed(&self) -> bool {
        self.jammed
    }

    /// The status byte as PHP pushes it: N V 1 1 D I Z C.
    pub fn status(&self) -> u8 {
        let Self { sign_and_zero, overflow, decimal, interrupt_disable, carry, .. } = *self;
        u8::from(sign_and_zero & 0x8080 != 0) << 7
            | u8::from(overflow) << 6
            | 0x30
            | u8::from(decimal) << 3
            | u8::from(interrupt_disable) << 2
            | u8::from(sign_and_zero as u8 == 0) << 1
            | u8::from(carry)
    }

    /// Sets the flags from a status byte; bits 4 and 5 are ignored.
    pub fn set_status(&mut self, status: u8) {
        self.sign_and_zero = u16::from(status & 0x80) << 8 | u16::from(status & 0x02 == 0);
        self.overflow = status & 0x40 != 0;
        self.decimal = status & 0x08 != 0;
        self.interrupt_disable = status & 0x04 != 0;
        self.carry = status & 0x01 != 0;
    }
}

/// A running CPU. The registers that most instructions use are fields. The compiler keeps them in the host's registers
/// as long as no called function takes their address. The others are behind a reference.
#[derive(Debug)]
struct Running<'a> {
    a: u8,
    x: u8,
    y: u8,
    /// Program counter in the low 16 bits; the others mean nothing.
    pc: u32,
    sign_and_zero: u16,
    carry: bool,
    /// Instructions that may still be executed.
    left: i32,
    rare: &'a mut Rare,
}

/// Registers that few instructions use.
#[derive(Debug)]
struct Rare {
    sp: u8,
    overflow: bool,
    decimal: bool,
    interrupt_disable: bool,
    jammed: bool,
}

impl Running<'_> {
    /// Executes an instruction, already counted, and the following ones until [`Bus::opcode_ahead`] knows the next opcode.
    #[inline(never)]
    fn run_carefully<B: Bus>(mut self, mut bus: B) -> (Self, B) {
        loop {
            match bus.look_ahead_carefully(self.pc as u16) {
                Some([opcode, first, second]) => {
                    self.pc = self.pc.wrapping_add(1);
                    bus.latch(opcode);
                    self.execute(opcode, &mut bus, Known([first, second]));
                }
                None => {
                    let opcode = self.fetch(&mut bus);
                    self.execute(opcode, &mut bus, Fetched);
                }
            }
            if self.left <= 0 || bus.opcode_ahead(self.pc as u16) != OpcodeAhead::UNKNOWN {
                bus.settle();
                return (self, bus);
            }
            self.left -= 1;
        }
    }

    /// Executes the instruction at `place` (1 to 16) among the frequent ones, whose operands can be read ahead.
    ///
    /// Conditional branches find the most frequent opcodes, two thirds of all instructions; a jump table finds the others. The
    /// host predicts that jump from the conditional branches before it, and instructions like INX have none: the prediction was
    /// wrong nearly every time, which cost as much as the instruction itself.
    #[inline(always)]
    fn execute_frequent(&mut self, place: u8, bus: &mut impl Bus) {
        macro_rules! among {
            ($index:literal) => {{
                bus.latch(FREQUENT[$index]);
                self.execute(FREQUENT[$index], bus, Ahead)
            }};
            ($bit:literal: $zero:tt $one:tt) => {
                if place & $bit == 0 {
                    among! $zero
                } else {
                    among! $one
                }
            };
        }
        if place == 16 {
            among!(0)
        } else {
            among!(8:
                (4: (2: (1) (1: (2) (3))) (2: (1: (4) (5)) (1: (6) (7))))
                (4: (2: (1: (8) (9)) (1: (10) (11))) (2: (1: (12) (13)) (1: (14) (15)))))
        }
    }

    /// See [`Cpu::status`].
    #[inline(always)]
    fn status(&self) -> u8 {
        let Self { sign_and_zero, carry, .. } = *self;
        let Rare { overflow, decimal, interrupt_disable, .. } = *self.rare;
        Cpu { sign_and_zero, carry, overflow, decimal, interrupt_disable, ..Cpu::new() }.status()
    }

    /// See [`Cpu::set_status`].
    #[inline(always)]
    fn set_status(&mut self, status: u8) {
        let mut cpu = Cpu::new();
        cpu.set_status(status);
        let Cpu { sign_and_zero, carry, overflow, decimal, interrupt_disable, .. } = cpu;
        (self.sign_and_zero, self.carry) = (sign_and_zero, carry);
        *self.rare = Rare { overflow, decimal, interrupt_disable, ..*self.rare };
    }

    #[inline(always)]
    fn write(&mut self, bus: &mut impl Bus, address: u16, value: u8) {
        if bus.write(address, value) {
            self.left = 0;
        }
    }

    #[inline(always)]
    fn fetch(&mut self, bus: &mut impl Bus) -> u8 {
        let byte = bus.read(self.pc as u16);
        self.pc = self.pc.wrapping_add(1);
        byte
    }
}

/// Where an instruction's operand bytes come from.
trait Operands: Copy {
    /// The byte after the opcode.
    fn first<B: Bus>(self, cpu: &mut Running<'_>, bus: &mut B) -> u8;
    /// The byte after that.
    fn second<B: Bus>(self, cpu: &mut Running<'_>, bus: &mut B) -> u8;
}

/// Operands are read one by one.
#[derive(Clone, Copy)]
struct Fetched;

impl Operands for Fetched {
    #[inline(always)]
    fn first<B: Bus>(self, cpu: &mut Running<'_>, bus: &mut B) -> u8 {
        cpu.fetch(bus)
    }

    #[inline(always)]
    fn second<B: Bus>(self, cpu: &mut Running<'_>, bus: &mut B) -> u8 {
        cpu.fetch(bus)
    }
}

/// Operands follow the opcode in memory whose reads have no side effects.
#[derive(Clone, Copy)]
struct Ahead;

impl Ahead {
    #[inline(always)]
    fn take<B: Bus>(cpu: &mut Running<'_>, bus: &mut B) -> u8 {
        let byte = bus.operand_ahead(cpu.pc as u16);
        cpu.pc = cpu.pc.wrapping_add(1);
        bus.latch(byte);
        byte
    }
}

impl Operands for Ahead {
    #[inline(always)]
    fn first<B: Bus>(self, cpu: &mut Running<'_>, bus: &mut B) -> u8 {
        Self::take(cpu, bus)
    }

    #[inline(always)]
    fn second<B: Bus>(self, cpu: &mut Running<'_>, bus: &mut B) -> u8 {
        Self::take(cpu, bus)
    }
}

/// Operands were read together with the opcode.
#[derive(Clone, Copy)]
struct Known([u8; 2]);

impl Known {
    #[inline(always)]
    fn take<B: Bus>(self, index: usize, cpu: &mut Running<'_>, bus: &mut B) -> u8 {
        cpu.pc = cpu.pc.wrapping_add(1);
        bus.latch(self.0[index]);
        self.0[index]
    }
}

impl Operands for Known {
    #[inline(always)]
    fn first<B: Bus>(self, cpu: &mut Running<'_>, bus: &mut B) -> u8 {
        self.take(0, cpu, bus)
    }

    #[inline(always)]
    fn second<B: Bus>(self, cpu: &mut Running<'_>, bus: &mut B) -> u8 {
        self.take(1, cpu, bus)
    }
}

impl Saved for Cpu {
    /// Flags are saved as the status byte, so that their layout here can change.
    fn exchange(&mut self, archive: &mut Archive) -> Result<(), StateError> {
        let mut status = self.status();
        #[rustfmt::skip]
        let Self {
            a, x, y, sp, pc, jammed,
            sign_and_zero: _, carry: _, overflow: _, decimal: _, interrupt_disable: _,
        } = self;
        exchange!(archive, a, x, y, sp, pc, jammed, &mut status);
        self.set_status(status);
        Ok(())
    }
}

impl Default for Cpu {
    fn default() -> Self {
        Self::new()
    }
}

/// A little-endian word. The low address is read first, so the data bus holds the high byte afterwards.
#[inline(always)]
fn word(bus: &mut impl Bus, low: u16, high: u16) -> u16 {
    let low = bus.read(low);
    let high = bus.read(high);
    u16::from_le_bytes([low, high])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opcode::{Mode, Opcode};

    /// 64 KiB of RAM.
    struct Flat(Vec<u8>, u32);

    impl Bus for Flat {
        fn read(&mut self, address: u16) -> u8 {
            self.0[usize::from(address)]
        }
        fn write(&mut self, address: u16, value: u8) -> bool {
            self.0[usize::from(address)] = value;
            false
        }
        fn add_cycles(&mut self, cycles: u32) {
            self.1 += cycles;
        }
    }

    #[test]
    fn an_instruction_takes_the_bytes_and_cycles_of_its_opcode() {
        for opcode in 0..=u8::MAX {
            let facts = Opcode::of(opcode);
            if matches!(facts.name, "BRK" | "JSR" | "RTS" | "RTI" | "JMP") {
                continue;
            }
            let mut ram = vec![0; 0x1_0000];
            ram[0x1000] = opcode;
            let mut bus = Flat(ram, 0);
            let mut cpu = Cpu { pc: 0x1000, ..Cpu::new() };
            bus = cpu.run(bus, 1);
            assert_eq!(cpu.jammed(), facts.name == "JAM", "{opcode:02X}");
            // A branch goes to the instruction after it whether it is taken or not: its offset is 0.
            assert_eq!(cpu.pc, 0x1000 + u16::from(facts.bytes), "{opcode:02X} {}", facts.name);
            let taken = bus.1 - u32::from(facts.cycles);
            assert!(taken == 0 || facts.mode == Mode::Relative && taken == 1, "{opcode:02X} {}", facts.name);
        }
    }
}
