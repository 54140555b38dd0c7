//! The meaning of the opcodes that translated code can execute.

use crate::opcode::BASE_CYCLES;

/// An addressing mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Implied,
    Immediate,
    ZeroPage,
    ZeroPageX,
    ZeroPageY,
    Absolute,
    AbsoluteX,
    AbsoluteY,
    IndirectX,
    IndirectY,
    Indirect,
    Relative,
}

/// A register that holds a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Register {
    A,
    X,
    Y,
}

/// How a read-modify-write changes its operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Asl,
    Lsr,
    Rol,
    Ror,
    Inc,
    Dec,
}

/// The flag that a branch depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Negative,
    Overflow,
    Carry,
    Zero,
}

/// The operation of an opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Load(Register),
    /// LAX.
    LoadAX,
    Store(Register),
    /// SAX.
    StoreAX,
    Ora,
    And,
    Eor,
    Adc,
    Sbc,
    Compare(Register),
    Bit,
    Nop,
    Modify(Change),
    /// An undocumented read-modify-write, which applies a second operation to the result.
    ModifyThen(Change, Then),
    /// ASL, LSR, ROL or ROR of A.
    Accumulator(Change),
    /// INX, DEX, INY and DEY: the register and what is added.
    Step(Register, i8),
    /// From the first register to the second.
    Transfer(Register, Register),
    /// TSX.
    StackToX,
    /// TXS.
    XToStack,
    SetCarry(bool),
    /// CLD. It does nothing, as translated code never runs in decimal mode.
    ClearDecimal,
    SetInterruptDisable(bool),
    ClearOverflow,
    PushA,
    PushStatus,
    PullA,
    PullStatus,
    /// Taken if the flag has this value.
    Branch(Condition, bool),
    Jump,
    JumpIndirect,
    /// JSR.
    Call,
    /// RTS.
    Return,
}

/// The second operation of an undocumented read-modify-write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Ora,
    And,
    Eor,
    Adc,
    Sbc,
    Compare,
}

/// The operation and addressing mode of `opcode`, or `None` if only the interpreter executes it. Long, but one table.
#[rustfmt::skip] // a table
pub(super) fn decode(opcode: u8) -> Option<(Operation, Mode)> {
    use Change::*;
    use Condition::*;
    use Operation::*;
    use Register::*;
    use Mode::*;
    // The addressing mode of most opcodes with bit 0 set.
    let mode = match opcode >> 2 & 7 {
        0 => IndirectX,
        1 => ZeroPage,
        2 => Immediate,
        3 => Absolute,
        4 => IndirectY,
        5 => ZeroPageX,
        6 => AbsoluteY,
        _ => AbsoluteX,
    };
    if opcode & 3 == 1 && opcode != 0x89 {
        let operation = [Ora, And, Eor, Adc, Store(A), Load(A), Compare(A), Sbc][usize::from(opcode >> 5)];
        return Some((operation, mode));
    }
    if opcode & 3 == 3 && mode != Immediate && !(0x80..0xC0).contains(&opcode) {
        let operation = match opcode >> 5 {
            0 => ModifyThen(Asl, Then::Ora),
            1 => ModifyThen(Rol, Then::And),
            2 => ModifyThen(Lsr, Then::Eor),
            3 => ModifyThen(Ror, Then::Adc),
            6 => ModifyThen(Dec, Then::Compare),
            _ => ModifyThen(Inc, Then::Sbc),
        };
        return Some((operation, mode));
    }
    Some(match opcode {
        0x06 => (Modify(Asl), ZeroPage), 0x0E => (Modify(Asl), Absolute),
        0x16 => (Modify(Asl), ZeroPageX), 0x1E => (Modify(Asl), AbsoluteX),
        0x26 => (Modify(Rol), ZeroPage), 0x2E => (Modify(Rol), Absolute),
        0x36 => (Modify(Rol), ZeroPageX), 0x3E => (Modify(Rol), AbsoluteX),
        0x46 => (Modify(Lsr), ZeroPage), 0x4E => (Modify(Lsr), Absolute),
        0x56 => (Modify(Lsr), ZeroPageX), 0x5E => (Modify(Lsr), AbsoluteX),
        0x66 => (Modify(Ror), ZeroPage), 0x6E => (Modify(Ror), Absolute),
        0x76 => (Modify(Ror), ZeroPageX), 0x7E => (Modify(Ror), AbsoluteX),
        0xC6 => (Modify(Dec), ZeroPage), 0xCE => (Modify(Dec), Absolute),
        0xD6 => (Modify(Dec), ZeroPageX), 0xDE => (Modify(Dec), AbsoluteX),
        0xE6 => (Modify(Inc), ZeroPage), 0xEE => (Modify(Inc), Absolute),
        0xF6 => (Modify(Inc), ZeroPageX), 0xFE => (Modify(Inc), AbsoluteX),
        0x0A => (Accumulator(Asl), Implied), 0x2A => (Accumulator(Rol), Implied),
        0x4A => (Accumulator(Lsr), Implied), 0x6A => (Accumulator(Ror), Implied),
        0x24 => (Bit, ZeroPage), 0x2C => (Bit, Absolute),
        0x84 => (Store(Y), ZeroPage), 0x8C => (Store(Y), Absolute), 0x94 => (Store(Y), ZeroPageX),
        0x86 => (Store(X), ZeroPage), 0x8E => (Store(X), Absolute), 0x96 => (Store(X), ZeroPageY),
        0x87 => (StoreAX, ZeroPage), 0x8F => (StoreAX, Absolute), 0x97 => (StoreAX, ZeroPageY),
        0x83 => (StoreAX, IndirectX),
        0xA0 => (Load(Y), Immediate), 0xA4 => (Load(Y), ZeroPage), 0xAC => (Load(Y), Absolute),
        0xB4 => (Load(Y), ZeroPageX), 0xBC => (Load(Y), AbsoluteX),
        0xA2 => (Load(X), Immediate), 0xA6 => (Load(X), ZeroPage), 0xAE => (Load(X), Absolute),
        0xB6 => (Load(X), ZeroPageY), 0xBE => (Load(X), AbsoluteY),
        0xA7 => (LoadAX, ZeroPage), 0xAF => (LoadAX, Absolute), 0xB7 => (LoadAX, ZeroPageY),
        0xBF => (LoadAX, AbsoluteY), 0xA3 => (LoadAX, IndirectX), 0xB3 => (LoadAX, IndirectY),
        0xC0 => (Compare(Y), Immediate), 0xC4 => (Compare(Y), ZeroPage), 0xCC => (Compare(Y), Absolute),
        0xE0 => (Compare(X), Immediate), 0xE4 => (Compare(X), ZeroPage), 0xEC => (Compare(X), Absolute),
        0xEB => (Sbc, Immediate),
        0x88 => (Step(Y, -1), Implied), 0xC8 => (Step(Y, 1), Implied),
        0xCA => (Step(X, -1), Implied), 0xE8 => (Step(X, 1), Implied),
        0x8A => (Transfer(X, A), Implied), 0x98 => (Transfer(Y, A), Implied),
        0xA8 => (Transfer(A, Y), Implied), 0xAA => (Transfer(A, X), Implied),
        0xBA => (StackToX, Implied), 0x9A => (XToStack, Implied),
        0x18 => (SetCarry(false), Implied), 0x38 => (SetCarry(true), Implied),
        0xD8 => (ClearDecimal, Implied),
        0x58 => (SetInterruptDisable(false), Implied), 0x78 => (SetInterruptDisable(true), Implied),
        0xB8 => (ClearOverflow, Implied),
        0x48 => (PushA, Implied), 0x08 => (PushStatus, Implied),
        0x68 => (PullA, Implied), 0x28 => (PullStatus, Implied),
        0x10 => (Branch(Negative, false), Relative), 0x30 => (Branch(Negative, true), Relative),
        0x50 => (Branch(Overflow, false), Relative), 0x70 => (Branch(Overflow, true), Relative),
        0x90 => (Branch(Carry, false), Relative), 0xB0 => (Branch(Carry, true), Relative),
        0xD0 => (Branch(Zero, false), Relative), 0xF0 => (Branch(Zero, true), Relative),
        0x4C => (Jump, Absolute), 0x6C => (JumpIndirect, Indirect),
        0x20 => (Call, Absolute), 0x60 => (Return, Implied),
        0x80 | 0x82 | 0x89 | 0xC2 | 0xE2 => (Nop, Immediate),
        0x04 | 0x44 | 0x64 => (Nop, ZeroPage),
        0x14 | 0x34 | 0x54 | 0x74 | 0xD4 | 0xF4 => (Nop, ZeroPageX),
        0x0C => (Nop, Absolute),
        0x1C | 0x3C | 0x5C | 0x7C | 0xDC | 0xFC => (Nop, AbsoluteX),
        0x1A | 0x3A | 0x5A | 0x7A | 0xDA | 0xEA | 0xFA => (Nop, Implied),
        _ => return None,
    })
}

/// Bytes of an instruction, also if only the interpreter executes it: to know where the next one begins. 1 where no translated code
/// follows in any case: BRK, RTI, SED and the opcodes that stop the CPU.
pub(super) fn bytes_of(opcode: u8) -> u16 {
    match decode(opcode) {
        Some((_, mode)) => bytes(mode),
        None => match opcode & 0x1F {
            0x0B => 2,
            0x03 | 0x13 => 2,
            0x1B | 0x1C | 0x1E | 0x1F => 3,
            _ => 1,
        },
    }
}

/// Bytes of an instruction with this addressing mode.
pub(super) fn bytes(mode: Mode) -> u16 {
    match mode {
        Mode::Implied => 1,
        Mode::Absolute | Mode::AbsoluteX | Mode::AbsoluteY | Mode::Indirect => 3,
        _ => 2,
    }
}

/// Cycles of an opcode, without those for crossed pages and taken branches.
pub(super) fn cycles(opcode: u8) -> u32 {
    u32::from(BASE_CYCLES[usize::from(opcode)])
}
