//! The decode table: one row per opcode, `opcode => shape!(mode, operation)`.
//!
//! The addressing mode computes an effective address, the shape makes the bus accesses, the operation works on registers.

use super::{Bus, Operands, Running};
use crate::opcode::BASE_CYCLES;

/// The base cycles that `opcodes` have in common.
const fn base_cycles(opcodes: &[u8]) -> u32 {
    let cycles = BASE_CYCLES[opcodes[0] as usize];
    let mut i = 1;
    while i < opcodes.len() {
        assert!(BASE_CYCLES[opcodes[i] as usize] == cycles);
        i += 1;
    }
    cycles as u32
}

impl Running<'_> {
    /// Executes `opcode`, which has been fetched already.
    #[inline(always)]
    #[rustfmt::skip] // a table: one opcode a line
    pub(super) fn execute<B: Bus, O: Operands>(&mut self, opcode: u8, bus: &mut B, operands: O) {
        let cpu = self;
        // The shapes are macros: functions that take functions were not inlined, which cost a tenth of the CPU's time.
        macro_rules! read {
            ($mode:ident, $operation:ident) => {{
                let address = cpu.$mode(bus, operands);
                let operand = bus.read(address);
                cpu.$operation(operand)
            }};
        }
        macro_rules! immediate {
            ($operation:ident) => {{
                let operand = operands.first(cpu, bus);
                cpu.$operation(operand)
            }};
        }
        macro_rules! store {
            ($mode:ident, $value:expr) => {{
                let address = cpu.$mode(bus, operands);
                cpu.write(bus, address, $value)
            }};
        }
        // The unstable stores SHA, SHX, SHY, SHS: ANDed with the high byte of the indexed address plus one.
        macro_rules! store_and_high {
            ($mode:ident, $value:expr) => {{
                let address = cpu.$mode(bus, operands);
                let high = (address >> 8) as u8;
                let value = $value & high.wrapping_add(1);
                cpu.write(bus, address, value)
            }};
        }
        // One read and one write (the real chip writes twice); undocumented opcodes then use the result.
        macro_rules! modify {
            ($mode:ident, $operation:ident) => {{
                let address = cpu.$mode(bus, operands);
                let operand = bus.read(address);
                let result = cpu.$operation(operand);
                cpu.write(bus, address, result)
            }};
            ($mode:ident, $operation:ident, $then:ident) => {{
                let address = cpu.$mode(bus, operands);
                let operand = bus.read(address);
                let result = cpu.$operation(operand);
                cpu.write(bus, address, result);
                cpu.$then(result)
            }};
        }

        // Every row adds its own base cycles as a constant. A table look-up before the jump took longer.
        macro_rules! table {
            ($($($opcodes:literal)|+ => $row:expr,)*) => {
                match opcode {
                    $($($opcodes)|+ => {
                        bus.add_cycles(const { base_cycles(&[$($opcodes),+]) });
                        $row
                    })*
                }
            };
        }

        table! {
            0x00 => cpu.brk(bus, operands),
            0x01 => read!(indirect_x, ora),
            0x03 => modify!(indirect_x, asl, ora),
            0x04 => read!(zero_page, nop),
            0x05 => read!(zero_page, ora),
            0x06 => modify!(zero_page, asl),
            0x07 => modify!(zero_page, asl, ora),
            0x08 => cpu.php(bus),
            0x09 => immediate!(ora),
            0x0A => cpu.a = cpu.asl(cpu.a),
            0x0B => immediate!(anc),
            0x0C => read!(absolute, nop),
            0x0D => read!(absolute, ora),
            0x0E => modify!(absolute, asl),
            0x0F => modify!(absolute, asl, ora),
            0x10 => cpu.branch(bus, operands, !cpu.is_negative()),
            0x11 => read!(indirect_y_read, ora),
            0x13 => modify!(indirect_y, asl, ora),
            0x14 => read!(zero_page_x, nop),
            0x15 => read!(zero_page_x, ora),
            0x16 => modify!(zero_page_x, asl),
            0x17 => modify!(zero_page_x, asl, ora),
            0x18 => cpu.carry = false,
            0x19 => read!(absolute_y_read, ora),
            0x1B => modify!(absolute_y, asl, ora),
            0x1C => read!(absolute_x_read, nop),
            0x1D => read!(absolute_x_read, ora),
            0x1E => modify!(absolute_x, asl),
            0x1F => modify!(absolute_x, asl, ora),
            0x20 => cpu.jsr(bus, operands),
            0x21 => read!(indirect_x, and),
            0x23 => modify!(indirect_x, rol, and),
            0x24 => read!(zero_page, bit),
            0x25 => read!(zero_page, and),
            0x26 => modify!(zero_page, rol),
            0x27 => modify!(zero_page, rol, and),
            0x28 => cpu.plp(bus),
            0x29 => immediate!(and),
            0x2A => cpu.a = cpu.rol(cpu.a),
            0x2B => immediate!(anc),
            0x2C => read!(absolute, bit),
            0x2D => read!(absolute, and),
            0x2E => modify!(absolute, rol),
            0x2F => modify!(absolute, rol, and),
            0x30 => cpu.branch(bus, operands, cpu.is_negative()),
            0x31 => read!(indirect_y_read, and),
            0x33 => modify!(indirect_y, rol, and),
            0x34 => read!(zero_page_x, nop),
            0x35 => read!(zero_page_x, and),
            0x36 => modify!(zero_page_x, rol),
            0x37 => modify!(zero_page_x, rol, and),
            0x38 => cpu.carry = true,
            0x39 => read!(absolute_y_read, and),
            0x3B => modify!(absolute_y, rol, and),
            0x3C => read!(absolute_x_read, nop),
            0x3D => read!(absolute_x_read, and),
            0x3E => modify!(absolute_x, rol),
            0x3F => modify!(absolute_x, rol, and),
            0x40 => cpu.rti(bus),
            0x41 => read!(indirect_x, eor),
            0x43 => modify!(indirect_x, lsr, eor),
            0x44 => read!(zero_page, nop),
            0x45 => read!(zero_page, eor),
            0x46 => modify!(zero_page, lsr),
            0x47 => modify!(zero_page, lsr, eor),
            0x48 => cpu.pha(bus),
            0x49 => immediate!(eor),
            0x4A => cpu.a = cpu.lsr(cpu.a),
            0x4B => immediate!(asr),
            0x4C => cpu.jmp(bus, operands),
            0x4D => read!(absolute, eor),
            0x4E => modify!(absolute, lsr),
            0x4F => modify!(absolute, lsr, eor),
            0x50 => cpu.branch(bus, operands, !cpu.rare.overflow),
            0x51 => read!(indirect_y_read, eor),
            0x53 => modify!(indirect_y, lsr, eor),
            0x54 => read!(zero_page_x, nop),
            0x55 => read!(zero_page_x, eor),
            0x56 => modify!(zero_page_x, lsr),
            0x57 => modify!(zero_page_x, lsr, eor),
            0x58 => cpu.rare.interrupt_disable = false,
            0x59 => read!(absolute_y_read, eor),
            0x5B => modify!(absolute_y, lsr, eor),
            0x5C => read!(absolute_x_read, nop),
            0x5D => read!(absolute_x_read, eor),
            0x5E => modify!(absolute_x, lsr),
            0x5F => modify!(absolute_x, lsr, eor),
            0x60 => cpu.rts(bus),
            0x61 => read!(indirect_x, adc),
            0x63 => modify!(indirect_x, ror, adc),
            0x64 => read!(zero_page, nop),
            0x65 => read!(zero_page, adc),
            0x66 => modify!(zero_page, ror),
            0x67 => modify!(zero_page, ror, adc),
            0x68 => cpu.pla(bus),
            0x69 => immediate!(adc),
            0x6A => cpu.a = cpu.ror(cpu.a),
            0x6B => immediate!(arr),
            0x6C => cpu.jmp_indirect(bus, operands),
            0x6D => read!(absolute, adc),
            0x6E => modify!(absolute, ror),
            0x6F => modify!(absolute, ror, adc),
            0x70 => cpu.branch(bus, operands, cpu.rare.overflow),
            0x71 => read!(indirect_y_read, adc),
            0x73 => modify!(indirect_y, ror, adc),
            0x74 => read!(zero_page_x, nop),
            0x75 => read!(zero_page_x, adc),
            0x76 => modify!(zero_page_x, ror),
            0x77 => modify!(zero_page_x, ror, adc),
            0x78 => cpu.rare.interrupt_disable = true,
            0x79 => read!(absolute_y_read, adc),
            0x7B => modify!(absolute_y, ror, adc),
            0x7C => read!(absolute_x_read, nop),
            0x7D => read!(absolute_x_read, adc),
            0x7E => modify!(absolute_x, ror),
            0x7F => modify!(absolute_x, ror, adc),
            0x80 => immediate!(nop),
            0x81 => store!(indirect_x, cpu.a),
            0x82 => immediate!(nop),
            0x83 => store!(indirect_x, cpu.a & cpu.x),
            0x84 => store!(zero_page, cpu.y),
            0x85 => store!(zero_page, cpu.a),
            0x86 => store!(zero_page, cpu.x),
            0x87 => store!(zero_page, cpu.a & cpu.x),
            0x88 => cpu.y = cpu.dec(cpu.y),
            0x89 => immediate!(nop),
            0x8A => cpu.lda(cpu.x),
            0x8B => immediate!(ane),
            0x8C => store!(absolute, cpu.y),
            0x8D => store!(absolute, cpu.a),
            0x8E => store!(absolute, cpu.x),
            0x8F => store!(absolute, cpu.a & cpu.x),
            0x90 => cpu.branch(bus, operands, !cpu.carry),
            0x91 => store!(indirect_y, cpu.a),
            0x93 => store_and_high!(indirect_y, cpu.a & cpu.x),
            0x94 => store!(zero_page_x, cpu.y),
            0x95 => store!(zero_page_x, cpu.a),
            0x96 => store!(zero_page_y, cpu.x),
            0x97 => store!(zero_page_y, cpu.a & cpu.x),
            0x98 => cpu.lda(cpu.y),
            0x99 => store!(absolute_y, cpu.a),
            0x9A => cpu.rare.sp = cpu.x,
            0x9B => store_and_high!(absolute_y, cpu.shs()),
            0x9C => store_and_high!(absolute_x, cpu.y),
            0x9D => store!(absolute_x, cpu.a),
            0x9E => store_and_high!(absolute_y, cpu.x),
            0x9F => store_and_high!(absolute_y, cpu.a & cpu.x),
            0xA0 => immediate!(ldy),
            0xA1 => read!(indirect_x, lda),
            0xA2 => immediate!(ldx),
            0xA3 => read!(indirect_x, lax),
            0xA4 => read!(zero_page, ldy),
            0xA5 => read!(zero_page, lda),
            0xA6 => read!(zero_page, ldx),
            0xA7 => read!(zero_page, lax),
            0xA8 => cpu.ldy(cpu.a),
            0xA9 => immediate!(lda),
            0xAA => cpu.ldx(cpu.a),
            0xAB => immediate!(lxa),
            0xAC => read!(absolute, ldy),
            0xAD => read!(absolute, lda),
            0xAE => read!(absolute, ldx),
            0xAF => read!(absolute, lax),
            0xB0 => cpu.branch(bus, operands, cpu.carry),
            0xB1 => read!(indirect_y_read, lda),
            0xB3 => read!(indirect_y_read, lax),
            0xB4 => read!(zero_page_x, ldy),
            0xB5 => read!(zero_page_x, lda),
            0xB6 => read!(zero_page_y, ldx),
            0xB7 => read!(zero_page_y, lax),
            0xB8 => cpu.rare.overflow = false,
            0xB9 => read!(absolute_y_read, lda),
            0xBA => cpu.ldx(cpu.rare.sp),
            0xBB => read!(absolute_y_read, las),
            0xBC => read!(absolute_x_read, ldy),
            0xBD => read!(absolute_x_read, lda),
            0xBE => read!(absolute_y_read, ldx),
            0xBF => read!(absolute_y_read, lax),
            0xC0 => immediate!(cpy),
            0xC1 => read!(indirect_x, cmp),
            0xC2 => immediate!(nop),
            0xC3 => modify!(indirect_x, dec, cmp),
            0xC4 => read!(zero_page, cpy),
            0xC5 => read!(zero_page, cmp),
            0xC6 => modify!(zero_page, dec),
            0xC7 => modify!(zero_page, dec, cmp),
            0xC8 => cpu.y = cpu.inc(cpu.y),
            0xC9 => immediate!(cmp),
            0xCA => cpu.x = cpu.dec(cpu.x),
            0xCB => immediate!(sbx),
            0xCC => read!(absolute, cpy),
            0xCD => read!(absolute, cmp),
            0xCE => modify!(absolute, dec),
            0xCF => modify!(absolute, dec, cmp),
            0xD0 => cpu.branch(bus, operands, !cpu.is_zero()),
            0xD1 => read!(indirect_y_read, cmp),
            0xD3 => modify!(indirect_y, dec, cmp),
            0xD4 => read!(zero_page_x, nop),
            0xD5 => read!(zero_page_x, cmp),
            0xD6 => modify!(zero_page_x, dec),
            0xD7 => modify!(zero_page_x, dec, cmp),
            0xD8 => cpu.rare.decimal = false,
            0xD9 => read!(absolute_y_read, cmp),
            0xDB => modify!(absolute_y, dec, cmp),
            0xDC => read!(absolute_x_read, nop),
            0xDD => read!(absolute_x_read, cmp),
            0xDE => modify!(absolute_x, dec),
            0xDF => modify!(absolute_x, dec, cmp),
            0xE0 => immediate!(cpx),
            0xE1 => read!(indirect_x, sbc),
            0xE2 => immediate!(nop),
            0xE3 => modify!(indirect_x, inc, sbc),
            0xE4 => read!(zero_page, cpx),
            0xE5 => read!(zero_page, sbc),
            0xE6 => modify!(zero_page, inc),
            0xE7 => modify!(zero_page, inc, sbc),
            0xE8 => cpu.x = cpu.inc(cpu.x),
            0xE9 => immediate!(sbc),
            0xEB => immediate!(sbc),
            0xEC => read!(absolute, cpx),
            0xED => read!(absolute, sbc),
            0xEE => modify!(absolute, inc),
            0xEF => modify!(absolute, inc, sbc),
            0xF0 => cpu.branch(bus, operands, cpu.is_zero()),
            0xF1 => read!(indirect_y_read, sbc),
            0xF3 => modify!(indirect_y, inc, sbc),
            0xF4 => read!(zero_page_x, nop),
            0xF5 => read!(zero_page_x, sbc),
            0xF6 => modify!(zero_page_x, inc),
            0xF7 => modify!(zero_page_x, inc, sbc),
            0xF8 => cpu.rare.decimal = true,
            0xF9 => read!(absolute_y_read, sbc),
            0xFB => modify!(absolute_y, inc, sbc),
            0xFC => read!(absolute_x_read, nop),
            0xFD => read!(absolute_x_read, sbc),
            0xFE => modify!(absolute_x, inc),
            0xFF => modify!(absolute_x, inc, sbc),
            0x1A | 0x3A | 0x5A | 0x7A | 0xDA | 0xEA | 0xFA => {}, // NOP
            0x02 | 0x12 | 0x22 | 0x32 | 0x42 | 0x52 | 0x62 | 0x72 | 0x92 | 0xB2 | 0xD2 | 0xF2 => cpu.jam(),
        }
    }
}
