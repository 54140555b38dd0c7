//! Instructions that work on registers: arithmetic, moves and flags.

use super::{Writer, DECIMAL, INTERRUPT_DISABLE, SP};
use crate::translate::meaning::{Change, Condition, Operation, Register, Then};
use crate::translate::region::Instruction;
use crate::translate::writer::Variables;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I32;
use cranelift_codegen::ir::{InstBuilder, Value};
use cranelift_frontend::Variable;

/// The value that N and Z follow from, as far as it is known within a block.
#[derive(Clone, Copy)]
pub(super) enum SignAndZero {
    Unknown,
    /// It is this byte.
    Byte(Value),
    /// It is the third value, the low byte of the first minus the second.
    Difference(Value, Value, Value),
}

impl Writer<'_, '_> {
    /// The variable of a register.
    pub(super) fn register(&self, register: Register) -> Variable {
        match register {
            Register::A => self.variables.a,
            Register::X => self.variables.x,
            Register::Y => self.variables.y,
        }
    }

    /// Sets a register, and N and Z with it.
    pub(super) fn load_register(&mut self, register: Register, value: Value) {
        self.set(self.register(register), value);
        self.set_nz(value);
    }

    /// Sets N and Z from a byte.
    fn set_nz(&mut self, value: Value) {
        self.sign_and_zero = SignAndZero::Byte(value);
        self.set(self.variables.sign_and_zero, value);
    }

    /// An instruction that changes one register and reads no memory.
    pub(super) fn move_register(&mut self, instruction: &Instruction) {
        use Operation as O;
        self.pass(instruction);
        match instruction.operation {
            O::Accumulator(change) => {
                let operand = self.get(self.variables.a);
                let result = self.change(change, operand);
                self.set(self.variables.a, result);
            }
            O::Step(register, step) => {
                let value = self.get(self.register(register));
                let value = self.builder.ins().iadd_imm(value, i64::from(step));
                let value = self.byte(value);
                self.load_register(register, value);
            }
            O::Transfer(from, to) => {
                let value = self.get(self.register(from));
                self.load_register(to, value);
            }
            O::StackToX => {
                let value = self.load_byte(SP);
                self.load_register(Register::X, value);
            }
            O::XToStack => {
                let value = self.get(self.variables.x);
                self.store_byte(value, SP);
            }
            _ => {}
        }
    }

    /// An instruction that sets or clears one flag.
    pub(super) fn set_flag(&mut self, instruction: &Instruction) {
        use Operation as O;
        self.pass(instruction);
        match instruction.operation {
            O::SetCarry(carry) => {
                let carry = self.number(carry.into());
                self.set(self.variables.carry, carry);
            }
            O::SetInterruptDisable(disable) => self.store_constant(disable.into(), INTERRUPT_DISABLE),
            O::ClearOverflow => {
                let overflow = self.number(0);
                self.set(self.variables.overflow, overflow);
            }
            // D is clear already.
            _ => {}
        }
    }

    /// Applies an operation that reads an operand.
    pub(super) fn apply(&mut self, operation: Operation, operand: Value) {
        use Operation as O;
        let accumulator = self.get(self.variables.a);
        match operation {
            O::Load(register) => self.load_register(register, operand),
            O::LoadAX => {
                self.set(self.variables.x, operand);
                self.load_register(Register::A, operand);
            }
            O::Ora => {
                let value = self.builder.ins().bor(accumulator, operand);
                self.load_register(Register::A, value);
            }
            O::And => {
                let value = self.builder.ins().band(accumulator, operand);
                self.load_register(Register::A, value);
            }
            O::Eor => {
                let value = self.builder.ins().bxor(accumulator, operand);
                self.load_register(Register::A, value);
            }
            O::Adc => self.add(operand),
            O::Sbc => {
                let operand = self.builder.ins().bxor_imm(operand, 0xFF);
                self.add(operand);
            }
            O::Compare(register) => self.compare(register, operand),
            O::Bit => self.test_bits(accumulator, operand),
            _ => {}
        }
    }

    /// Applies the second half of an undocumented read-modify-write to the result of the first.
    pub(super) fn apply_then(&mut self, then: Then, result: Value) {
        let operation = match then {
            Then::Ora => Operation::Ora,
            Then::And => Operation::And,
            Then::Eor => Operation::Eor,
            Then::Adc => Operation::Adc,
            Then::Sbc => Operation::Sbc,
            Then::Compare => Operation::Compare(Register::A),
        };
        self.apply(operation, result);
    }

    /// CMP, CPX and CPY.
    fn compare(&mut self, register: Register, operand: Value) {
        let register = self.get(self.register(register));
        let carry = self.builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, register, operand);
        let carry = self.builder.ins().uextend(I32, carry);
        self.set(self.variables.carry, carry);
        let difference = self.builder.ins().isub(register, operand);
        let difference = self.byte(difference);
        self.set_nz(difference);
        self.sign_and_zero = SignAndZero::Difference(register, operand, difference);
    }

    /// BIT: N and V are the operand's upper bits, Z follows from the bits that A has too.
    fn test_bits(&mut self, accumulator: Value, operand: Value) {
        let overflow = self.builder.ins().ishl_imm(operand, 1);
        self.set(self.variables.overflow, overflow);
        let negative = self.builder.ins().band_imm(operand, 0x80);
        let negative = self.builder.ins().ishl_imm(negative, 8);
        let zero = self.builder.ins().band(accumulator, operand);
        let value = self.builder.ins().bor(negative, zero);
        self.set(self.variables.sign_and_zero, value);
        self.sign_and_zero = SignAndZero::Unknown;
    }

    /// ADC in binary mode. SBC is ADC of the operand's complement.
    fn add(&mut self, operand: Value) {
        let (accumulator, carry) = (self.get(self.variables.a), self.get(self.variables.carry));
        let sum = self.builder.ins().iadd(accumulator, operand);
        let sum = self.builder.ins().iadd(sum, carry);
        let result = self.byte(sum);
        let carry = self.builder.ins().ushr_imm(sum, 8);
        self.set(self.variables.carry, carry);
        let one = self.builder.ins().bxor(accumulator, sum);
        let other = self.builder.ins().bxor(operand, sum);
        let overflow = self.builder.ins().band(one, other);
        self.set(self.variables.overflow, overflow);
        self.load_register(Register::A, result);
    }

    /// Shifts, rotates, increments or decrements a byte. Sets the flags and returns the result.
    pub(super) fn change(&mut self, change: Change, operand: Value) -> Value {
        let carry = self.variables.carry;
        let result = match change {
            Change::Asl | Change::Rol => {
                let shifted = self.builder.ins().ishl_imm(operand, 1);
                let result = if change == Change::Rol {
                    let carried = self.get(carry);
                    self.builder.ins().bor(shifted, carried)
                } else {
                    shifted
                };
                let carried = self.builder.ins().ushr_imm(operand, 7);
                self.set(carry, carried);
                self.byte(result)
            }
            Change::Lsr | Change::Ror => {
                let shifted = self.builder.ins().ushr_imm(operand, 1);
                let result = if change == Change::Ror {
                    let carried = self.get(carry);
                    let carried = self.builder.ins().ishl_imm(carried, 7);
                    self.builder.ins().bor(shifted, carried)
                } else {
                    shifted
                };
                let carried = self.builder.ins().band_imm(operand, 1);
                self.set(carry, carried);
                result
            }
            Change::Inc | Change::Dec => {
                let step = if change == Change::Inc { 1 } else { -1 };
                let result = self.builder.ins().iadd_imm(operand, step);
                self.byte(result)
            }
        };
        self.set_nz(result);
        result
    }

    /// The status byte; see [`crate::cpu::Cpu::status`]. D is clear.
    pub(super) fn status(&mut self) -> Value {
        let Variables { sign_and_zero, carry, overflow, .. } = self.variables;
        let nz = self.get(sign_and_zero);
        let high = self.builder.ins().ushr_imm(nz, 8);
        let negative = self.builder.ins().bor(nz, high);
        let negative = self.builder.ins().band_imm(negative, 0x80);
        let low = self.byte(nz);
        let zero = self.is(IntCC::Equal, low, 0);
        let zero = self.builder.ins().uextend(I32, zero);
        let zero = self.builder.ins().ishl_imm(zero, 1);
        let overflow = self.get(overflow);
        let overflow = self.builder.ins().band_imm(overflow, 0x80);
        let overflow = self.builder.ins().ushr_imm(overflow, 1);
        let disable = self.load_byte(INTERRUPT_DISABLE);
        let disable = self.builder.ins().ishl_imm(disable, 2);
        let mut status = self.get(carry);
        for bits in [negative, zero, overflow, disable] {
            status = self.builder.ins().bor(status, bits);
        }
        self.builder.ins().bor_imm(status, 0x30)
    }

    /// Sets the flags from a status byte; see [`crate::cpu::Cpu::set_status`]. Returns D: unless it is 0, translated
    /// code must be left.
    pub(super) fn set_status(&mut self, status: Value) -> Value {
        let Variables { sign_and_zero, carry, overflow, .. } = self.variables;
        let negative = self.builder.ins().band_imm(status, 0x80);
        let negative = self.builder.ins().ishl_imm(negative, 8);
        let not_zero = self.builder.ins().ushr_imm(status, 1);
        let not_zero = self.builder.ins().band_imm(not_zero, 1);
        let not_zero = self.builder.ins().bxor_imm(not_zero, 1);
        let nz = self.builder.ins().bor(negative, not_zero);
        self.set(sign_and_zero, nz);
        self.sign_and_zero = SignAndZero::Unknown;
        let value = self.builder.ins().ishl_imm(status, 1);
        self.set(overflow, value);
        let value = self.builder.ins().band_imm(status, 1);
        self.set(carry, value);
        let value = self.builder.ins().ushr_imm(status, 2);
        let value = self.builder.ins().band_imm(value, 1);
        self.store_byte(value, INTERRUPT_DISABLE);
        let decimal = self.builder.ins().band_imm(status, 0x08);
        self.store_byte(decimal, DECIMAL);
        decimal
    }

    /// A value that is not 0 if the branch's condition holds.
    pub(super) fn condition(&mut self, condition: Condition) -> Value {
        let nz = self.get(self.variables.sign_and_zero);
        match (condition, self.sign_and_zero) {
            (Condition::Zero, SignAndZero::Byte(byte)) => self.is(IntCC::Equal, byte, 0),
            (Condition::Zero, SignAndZero::Difference(one, other, _)) => {
                self.builder.ins().icmp(IntCC::Equal, one, other)
            }
            (Condition::Zero, SignAndZero::Unknown) => {
                let low = self.byte(nz);
                self.is(IntCC::Equal, low, 0)
            }
            (Condition::Negative, SignAndZero::Byte(byte) | SignAndZero::Difference(_, _, byte)) => {
                self.builder.ins().band_imm(byte, 0x80)
            }
            (Condition::Negative, SignAndZero::Unknown) => self.builder.ins().band_imm(nz, 0x8080),
            (Condition::Carry, _) => self.get(self.variables.carry),
            (Condition::Overflow, _) => {
                let overflow = self.get(self.variables.overflow);
                self.builder.ins().band_imm(overflow, 0x80)
            }
        }
    }
}
