//! Facts of the 256 opcodes: name, addressing mode, bytes, cycles, and place among the frequent ones.

/// An addressing mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names are the field's own
pub enum Mode {
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

impl Mode {
    /// Bytes of an instruction with this mode, opcode included.
    pub const fn bytes(self) -> u8 {
        match self {
            Mode::Implied => 1,
            Mode::Absolute | Mode::AbsoluteX | Mode::AbsoluteY | Mode::Indirect => 3,
            _ => 2,
        }
    }
}

/// Static facts about an opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opcode {
    /// The mnemonic, upper case; one of the usual ones for an undocumented opcode. `JAM` stops the CPU.
    pub name: &'static str,
    /// The addressing mode.
    pub mode: Mode,
    /// Bytes of the instruction. (BRK has one; the RTI that returns from it skips the byte after it.)
    pub bytes: u8,
    /// Base cycles; taken branches and page crossings add to them.
    pub cycles: u8,
}

impl Opcode {
    /// The facts of `opcode`.
    pub const fn of(opcode: u8) -> Self {
        let mode = mode(opcode);
        Self { name: NAMES[opcode as usize], mode, bytes: mode.bytes(), cycles: BASE_CYCLES[opcode as usize] }
    }
}

/// Opcodes of a column of the table below have the same mode in all even rows and in all odd rows, with few exceptions.
const fn mode(opcode: u8) -> Mode {
    match opcode {
        0x00 | 0x40 | 0x60 => return Mode::Implied,
        0x20 => return Mode::Absolute,
        0x6C => return Mode::Indirect,
        // Indexed by Y because these load or store X.
        0x96 | 0x97 | 0xB6 | 0xB7 => return Mode::ZeroPageY,
        0x9E | 0x9F | 0xBE | 0xBF => return Mode::AbsoluteY,
        // NOPs and LDX with an operand, where other rows of the column have JAM.
        0x82 | 0xA2 | 0xC2 | 0xE2 => return Mode::Immediate,
        _ => {}
    }
    let odd_row = opcode & 0x10 != 0;
    match opcode & 0x0F {
        0x0 if odd_row => Mode::Relative,
        0x0 | 0x9 | 0xB if !odd_row => Mode::Immediate,
        0x1 | 0x3 if odd_row => Mode::IndirectY,
        0x1 | 0x3 => Mode::IndirectX,
        0x4..=0x7 if odd_row => Mode::ZeroPageX,
        0x4..=0x7 => Mode::ZeroPage,
        0x9 | 0xB => Mode::AbsoluteY,
        0xC..=0xF if odd_row => Mode::AbsoluteX,
        0xC..=0xF => Mode::Absolute,
        _ => Mode::Implied,
    }
}

/// Mnemonics by opcode, sixteen to a row.
#[rustfmt::skip]
const NAMES: [&str; 256] = [
    "BRK", "ORA", "JAM", "SLO", "NOP", "ORA", "ASL", "SLO", "PHP", "ORA", "ASL", "ANC", "NOP", "ORA", "ASL", "SLO",
    "BPL", "ORA", "JAM", "SLO", "NOP", "ORA", "ASL", "SLO", "CLC", "ORA", "NOP", "SLO", "NOP", "ORA", "ASL", "SLO",
    "JSR", "AND", "JAM", "RLA", "BIT", "AND", "ROL", "RLA", "PLP", "AND", "ROL", "ANC", "BIT", "AND", "ROL", "RLA",
    "BMI", "AND", "JAM", "RLA", "NOP", "AND", "ROL", "RLA", "SEC", "AND", "NOP", "RLA", "NOP", "AND", "ROL", "RLA",
    "RTI", "EOR", "JAM", "SRE", "NOP", "EOR", "LSR", "SRE", "PHA", "EOR", "LSR", "ASR", "JMP", "EOR", "LSR", "SRE",
    "BVC", "EOR", "JAM", "SRE", "NOP", "EOR", "LSR", "SRE", "CLI", "EOR", "NOP", "SRE", "NOP", "EOR", "LSR", "SRE",
    "RTS", "ADC", "JAM", "RRA", "NOP", "ADC", "ROR", "RRA", "PLA", "ADC", "ROR", "ARR", "JMP", "ADC", "ROR", "RRA",
    "BVS", "ADC", "JAM", "RRA", "NOP", "ADC", "ROR", "RRA", "SEI", "ADC", "NOP", "RRA", "NOP", "ADC", "ROR", "RRA",
    "NOP", "STA", "NOP", "SAX", "STY", "STA", "STX", "SAX", "DEY", "NOP", "TXA", "ANE", "STY", "STA", "STX", "SAX",
    "BCC", "STA", "JAM", "SHA", "STY", "STA", "STX", "SAX", "TYA", "STA", "TXS", "SHS", "SHY", "STA", "SHX", "SHA",
    "LDY", "LDA", "LDX", "LAX", "LDY", "LDA", "LDX", "LAX", "TAY", "LDA", "TAX", "LXA", "LDY", "LDA", "LDX", "LAX",
    "BCS", "LDA", "JAM", "LAX", "LDY", "LDA", "LDX", "LAX", "CLV", "LDA", "TSX", "LAS", "LDY", "LDA", "LDX", "LAX",
    "CPY", "CMP", "NOP", "DCP", "CPY", "CMP", "DEC", "DCP", "INY", "CMP", "DEX", "SBX", "CPY", "CMP", "DEC", "DCP",
    "BNE", "CMP", "JAM", "DCP", "NOP", "CMP", "DEC", "DCP", "CLD", "CMP", "NOP", "DCP", "NOP", "CMP", "DEC", "DCP",
    "CPX", "SBC", "NOP", "ISC", "CPX", "SBC", "INC", "ISC", "INX", "SBC", "NOP", "SBC", "CPX", "SBC", "INC", "ISC",
    "BEQ", "SBC", "JAM", "ISC", "NOP", "SBC", "INC", "ISC", "SED", "SBC", "NOP", "ISC", "NOP", "SBC", "INC", "ISC",
];

/// Base cycles by opcode. `$A7` (LAX zp) takes 4 here, an oddity of ALE's table.
#[rustfmt::skip]
pub(crate) const BASE_CYCLES: [u8; 256] = [
    7, 6, 2, 8, 3, 3, 5, 5, 3, 2, 2, 2, 4, 4, 6, 6,
    2, 5, 2, 8, 4, 4, 6, 6, 2, 4, 2, 7, 4, 4, 7, 7,
    6, 6, 2, 8, 3, 3, 5, 5, 4, 2, 2, 2, 4, 4, 6, 6,
    2, 5, 2, 8, 4, 4, 6, 6, 2, 4, 2, 7, 4, 4, 7, 7,
    6, 6, 2, 8, 3, 3, 5, 5, 3, 2, 2, 2, 3, 4, 6, 6,
    2, 5, 2, 8, 4, 4, 6, 6, 2, 4, 2, 7, 4, 4, 7, 7,
    6, 6, 2, 8, 3, 3, 5, 5, 4, 2, 2, 2, 5, 4, 6, 6,
    2, 5, 2, 8, 4, 4, 6, 6, 2, 4, 2, 7, 4, 4, 7, 7,
    2, 6, 2, 6, 3, 3, 3, 3, 2, 2, 2, 2, 4, 4, 4, 4,
    2, 6, 2, 6, 4, 4, 4, 4, 2, 5, 2, 5, 5, 5, 5, 5,
    2, 6, 2, 6, 3, 3, 3, 4, 2, 2, 2, 2, 4, 4, 4, 4,
    2, 5, 2, 5, 4, 4, 4, 4, 2, 4, 2, 4, 4, 4, 4, 4,
    2, 6, 2, 8, 3, 3, 5, 5, 2, 2, 2, 2, 4, 4, 6, 6,
    2, 5, 2, 8, 4, 4, 6, 6, 2, 4, 2, 7, 4, 4, 7, 7,
    2, 6, 2, 8, 3, 3, 5, 5, 2, 2, 2, 2, 4, 4, 6, 6,
    2, 5, 2, 8, 4, 4, 6, 6, 2, 4, 2, 7, 4, 4, 7, 7,
];

/// The sixteen opcodes that games execute most often, two thirds of all instructions, in the order in which the CPU
/// compares them. The first has place 16, the others places 1 to 15.
pub(crate) const FREQUENT: [u8; 16] =
    [0x85, 0xB1, 0xD0, 0xA5, 0x10, 0xA9, 0xF0, 0x88, 0x86, 0xAD, 0xCA, 0xB9, 0x84, 0xB5, 0xB0, 0xEA];

/// The place of every opcode among [`FREQUENT`], 0 for the others.
static FREQUENT_PLACE: [u8; 256] = {
    let mut places = [0; 256];
    let mut i = 1;
    while i < FREQUENT.len() {
        places[FREQUENT[i] as usize] = i as u8;
        i += 1;
    }
    places[FREQUENT[0] as usize] = 16;
    places
};

/// The place of `opcode` among the frequent ones, 0 if it is none of them.
fn frequent_place(opcode: u8) -> u8 {
    FREQUENT_PLACE[usize::from(opcode)]
}

/// An opcode that was read ahead, with its place among the frequent ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpcodeAhead {
    opcode: u8,
    place: u8,
}

impl OpcodeAhead {
    /// Nothing is known about the opcode. $02 can stand for "unknown" because it halts the CPU, so a program executes it at
    /// most once.
    pub const UNKNOWN: Self = Self { opcode: 0x02, place: 0 };

    /// Look-ahead to `opcode`; [`OpcodeAhead::UNKNOWN`] if it is $02.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_agree_with_names() {
        for opcode in 0..=u8::MAX {
            let Opcode { name, mode, cycles, .. } = Opcode::of(opcode);
            let branch = name.starts_with('B') && !matches!(name, "BIT" | "BRK");
            assert_eq!(mode == Mode::Relative, branch, "{opcode:02X} {name}");
            if matches!(name, "JAM" | "BRK" | "RTI" | "RTS") || name.starts_with('T') || name.starts_with('P') {
                assert_eq!(mode, Mode::Implied, "{opcode:02X} {name}");
            }
            if mode == Mode::Immediate {
                assert_eq!(cycles, 2, "{opcode:02X} {name}");
            }
        }
    }

    #[test]
    fn the_frequent_opcodes_know_their_places() {
        for (index, opcode) in FREQUENT.into_iter().enumerate() {
            let place = if index == 0 { 16 } else { index as u8 };
            assert_eq!(OpcodeAhead::of(opcode).place(), place);
        }
        assert_eq!(OpcodeAhead::of(0x02), OpcodeAhead::UNKNOWN);
    }
}
