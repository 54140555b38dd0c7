//! The meaning of the opcodes that translated code can execute.

use crate::opcode::{Mode, Opcode};

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

/// The operation and addressing mode of `opcode`, or `None` if only the interpreter executes it.
pub(super) fn decode(opcode: u8) -> Option<(Operation, Mode)> {
    use Change::{Asl, Dec, Inc, Lsr, Rol, Ror};
    use Condition::{Carry, Negative, Overflow, Zero};
    use Operation::*;
    use Register::{A, X, Y};
    let Opcode { name, mode, .. } = Opcode::of(opcode);
    let shift = |change| if mode == Mode::Implied { Accumulator(change) } else { Modify(change) };
    let operation = match name {
        "LDA" => Load(A),
        "LDX" => Load(X),
        "LDY" => Load(Y),
        "LAX" => LoadAX,
        "STA" => Store(A),
        "STX" => Store(X),
        "STY" => Store(Y),
        "SAX" => StoreAX,
        "ORA" => Ora,
        "AND" => And,
        "EOR" => Eor,
        "ADC" => Adc,
        "SBC" => Sbc,
        "CMP" => Compare(A),
        "CPX" => Compare(X),
        "CPY" => Compare(Y),
        "BIT" => Bit,
        "NOP" => Nop,
        "ASL" => shift(Asl),
        "LSR" => shift(Lsr),
        "ROL" => shift(Rol),
        "ROR" => shift(Ror),
        "INC" => Modify(Inc),
        "DEC" => Modify(Dec),
        "SLO" => ModifyThen(Asl, Then::Ora),
        "RLA" => ModifyThen(Rol, Then::And),
        "SRE" => ModifyThen(Lsr, Then::Eor),
        "RRA" => ModifyThen(Ror, Then::Adc),
        "DCP" => ModifyThen(Dec, Then::Compare),
        "ISC" => ModifyThen(Inc, Then::Sbc),
        "INX" => Step(X, 1),
        "INY" => Step(Y, 1),
        "DEX" => Step(X, -1),
        "DEY" => Step(Y, -1),
        "TAX" => Transfer(A, X),
        "TAY" => Transfer(A, Y),
        "TXA" => Transfer(X, A),
        "TYA" => Transfer(Y, A),
        "TSX" => StackToX,
        "TXS" => XToStack,
        "CLC" => SetCarry(false),
        "SEC" => SetCarry(true),
        "CLD" => ClearDecimal,
        "CLI" => SetInterruptDisable(false),
        "SEI" => SetInterruptDisable(true),
        "CLV" => ClearOverflow,
        "PHA" => PushA,
        "PHP" => PushStatus,
        "PLA" => PullA,
        "PLP" => PullStatus,
        "BPL" => Branch(Negative, false),
        "BMI" => Branch(Negative, true),
        "BVC" => Branch(Overflow, false),
        "BVS" => Branch(Overflow, true),
        "BCC" => Branch(Carry, false),
        "BCS" => Branch(Carry, true),
        "BNE" => Branch(Zero, false),
        "BEQ" => Branch(Zero, true),
        "JMP" if mode == Mode::Indirect => JumpIndirect,
        "JMP" => Jump,
        "JSR" => Call,
        "RTS" => Return,
        _ => return None,
    };
    Some((operation, mode))
}

/// Cycles of an opcode, without those for crossed pages and taken branches.
pub(super) fn cycles(opcode: u8) -> u32 {
    Opcode::of(opcode).cycles.into()
}
