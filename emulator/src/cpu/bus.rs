//! The bus that a CPU needs: accesses, look-ahead and time.

use crate::opcode::OpcodeAhead;

/// The registers that a loop can change while it polls an address with a load or a BIT.
#[derive(Clone, Copy, Debug)]
pub struct Polled {
    /// Accumulator.
    pub a: u8,
    /// Index register X.
    pub x: u8,
    /// Index register Y.
    pub y: u8,
    /// N and Z as the CPU keeps them: the loaded byte; after a BIT the AND in the low byte and the operand's bit 7 in bit 15.
    pub sign_and_zero: u16,
    /// V.
    pub overflow: bool,
}

/// The 6507's side of the system bus.
///
/// The CPU owns only its registers; memory, devices and time lie behind this trait, so that a flat 64 KiB array can
/// stand in for a console in tests.
pub trait Bus {
    /// One read access.
    fn read(&mut self, address: u16) -> u8;
    /// One write access, after a read. Returns whether the CPU must stop after the current instruction.
    fn write(&mut self, address: u16, value: u8) -> bool;
    /// One write access directly after another one: the second of two pushes. Only the TIA's WSYNC treats it
    /// differently.
    fn write_after_write(&mut self, address: u16, value: u8) -> bool {
        self.write(address, value)
    }
    /// The opcode at `pc`, if reads of it and of the two bytes after it certainly have no side effects; otherwise
    /// [`OpcodeAhead::UNKNOWN`].
    fn opcode_ahead(&self, _pc: u16) -> OpcodeAhead {
        OpcodeAhead::UNKNOWN
    }
    /// The byte at `address`, one or two after an opcode that [`opcode_ahead`](Bus::opcode_ahead) returned.
    fn operand_ahead(&self, _address: u16) -> u8 {
        0
    }
    /// The opcode at `pc` and the two bytes after it, if reading them has no side effects. Asked where
    /// [`opcode_ahead`](Bus::opcode_ahead) did not know; slower and exact.
    fn look_ahead_carefully(&self, _pc: u16) -> Option<[u8; 3]> {
        None
    }
    /// Puts `byte` on the data bus: the CPU has used a byte that it had read ahead.
    fn latch(&mut self, _byte: u8) {}
    /// Publishes the last bus byte: the next fetch may come from an address where undriven lines keep it. Not called between
    /// consecutive instructions in memory that [`opcode_ahead`](Bus::opcode_ahead) knows: there the next opcode replaces the
    /// byte before anything can read it.
    fn settle(&mut self) {}
    /// Puts the byte that [`settle`](Bus::settle) published back on the bus: the next instruction is fetched through
    /// [`read`](Bus::read).
    fn resume(&mut self) {}
    /// How many iterations of a two-instruction loop can be skipped with no effect but the passing of time? The loop is the load
    /// or BIT at `pc`, about to be executed with `registers`, and the branch after it, which has just been taken; an iteration
    /// takes `pass` cycles. One more iteration is always executed normally.
    fn idle_passes(&self, _pc: u16, _registers: &Polled, _pass: u32) -> u32 {
        0
    }
    /// Lets `cycles` CPU cycles pass; the accesses that follow carry the new time.
    fn add_cycles(&mut self, cycles: u32);
}

/// A bus can be lent to the CPU.
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
