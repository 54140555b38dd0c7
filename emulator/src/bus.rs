//! What the CPU sees of the rest of the console.

use crate::cpu::frequent_place;

/// What a load or a BIT changes in the CPU.
#[derive(Clone, Copy, Debug)]
pub struct Polled {
    /// Accumulator.
    pub a: u8,
    /// Index register X.
    pub x: u8,
    /// Index register Y.
    pub y: u8,
    /// N and Z as the CPU keeps them: the byte a load brought; for a BIT the AND, and bit 7 of the operand in bit 15.
    pub sign_and_zero: u16,
    /// V.
    pub overflow: bool,
}

/// An opcode that was looked ahead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpcodeAhead {
    opcode: u8,
    place: u8,
}

impl OpcodeAhead {
    /// Nothing is known about the opcode. (As an opcode it is one of those that stop the CPU, which are met once at most.)
    pub const UNKNOWN: Self = Self { opcode: 0x02, place: 0 };

    /// `opcode` itself; [`OpcodeAhead::UNKNOWN`] if it is $02.
    pub fn of(opcode: u8) -> Self {
        Self { opcode, place: frequent_place(opcode) }
    }

    /// The opcode.
    #[inline(always)]
    pub fn opcode(self) -> u8 {
        self.opcode
    }

    /// Its place among the frequent opcodes, 0 if it is none of them.
    #[inline(always)]
    pub(crate) fn place(self) -> u8 {
        self.place
    }
}

/// The 6507's side of the system bus.
///
/// The CPU owns only its registers; memory, devices and time lie behind this trait, so that a flat 64 KiB array can
/// stand in for a console in tests.
pub trait Bus {
    /// One read access.
    fn read(&mut self, address: u16) -> u8;
    /// One write access, after a read. Returns whether the CPU is to stop after the instruction under way.
    fn write(&mut self, address: u16, value: u8) -> bool;
    /// One write access right after another: a push behind a push. Only the TIA's WSYNC can tell.
    fn write_after_write(&mut self, address: u16, value: u8) -> bool {
        self.write(address, value)
    }
    /// The opcode at `pc`, if reading it and the two bytes behind it certainly does nothing but put them on the data bus;
    /// otherwise [`OpcodeAhead::UNKNOWN`].
    fn opcode_ahead(&self, _pc: u16) -> OpcodeAhead {
        OpcodeAhead::UNKNOWN
    }
    /// The byte at `address`, one or two behind an opcode that [`opcode_ahead`](Bus::opcode_ahead) knew.
    fn operand_ahead(&self, _address: u16) -> u8 {
        0
    }
    /// The opcode at `pc` and the two bytes behind it where [`opcode_ahead`](Bus::opcode_ahead) knew nothing; the last word on
    /// whether reading them does something.
    fn look_ahead_carefully(&self, _pc: u16) -> Option<[u8; 3]> {
        None
    }
    /// `byte` was on the data bus: the CPU has used a byte it had looked ahead to.
    fn latch(&mut self, _byte: u8) {}
    /// What is on the data bus now counts: the next instruction may be read from where nothing drives all of its lines. Not
    /// called between instructions that follow each other in memory that [`opcode_ahead`](Bus::opcode_ahead) knows, as the
    /// opcode of the next one comes over the bus before anything can ask.
    fn settle(&mut self) {}
    /// An instruction is about to be read from anywhere else; what [`settle`](Bus::settle) found is on the data bus.
    fn resume(&mut self) {}
    /// The CPU is about to execute the load or BIT at `pc` after a branch back from behind it, with what is in `registers`. How
    /// often will the two go on like that so that nothing remains of it but the time, given that they are executed once more
    /// after that? `pass` is the cycles that both instructions take together.
    fn idle_passes(&self, _pc: u16, _registers: &Polled, _pass: u32) -> u32 {
        0
    }
    /// Lets `cycles` CPU cycles pass; the accesses that follow carry the new time.
    fn add_cycles(&mut self, cycles: u32);
}

/// A bus may be lent to the CPU.
impl<B: Bus> Bus for &mut B {
    fn read(&mut self, address: u16) -> u8 {
        (**self).read(address)
    }
    fn write(&mut self, address: u16, value: u8) -> bool {
        (**self).write(address, value)
    }
    fn write_after_write(&mut self, address: u16, value: u8) -> bool {
        (**self).write_after_write(address, value)
    }
    fn opcode_ahead(&self, pc: u16) -> OpcodeAhead {
        (**self).opcode_ahead(pc)
    }
    fn operand_ahead(&self, address: u16) -> u8 {
        (**self).operand_ahead(address)
    }
    fn look_ahead_carefully(&self, pc: u16) -> Option<[u8; 3]> {
        (**self).look_ahead_carefully(pc)
    }
    fn latch(&mut self, byte: u8) {
        (**self).latch(byte);
    }
    fn settle(&mut self) {
        (**self).settle();
    }
    fn resume(&mut self) {
        (**self).resume();
    }
    fn idle_passes(&self, pc: u16, registers: &Polled, pass: u32) -> u32 {
        (**self).idle_passes(pc, registers, pass)
    }
    fn add_cycles(&mut self, cycles: u32) {
        (**self).add_cycles(cycles);
    }
}
