//! Addressing modes and operations of the 6507, inlined into the rows of `decode.rs`.

use super::{word, Bus, Operands, Polled, Running};

/// Addressing modes: each consumes its operand bytes and returns the effective address.
impl Running<'_> {
    #[inline(always)]
    pub(super) fn zero_page<B: Bus, O: Operands>(&mut self, bus: &mut B, operands: O) -> u16 {
        u16::from(operands.first(self, bus))
    }

    #[inline(always)]
    pub(super) fn zero_page_x<B: Bus, O: Operands>(&mut self, bus: &mut B, operands: O) -> u16 {
        u16::from(operands.first(self, bus).wrapping_add(self.x))
    }

    #[inline(always)]
    pub(super) fn zero_page_y<B: Bus, O: Operands>(&mut self, bus: &mut B, operands: O) -> u16 {
        u16::from(operands.first(self, bus).wrapping_add(self.y))
    }

    #[inline(always)]
    pub(super) fn absolute<B: Bus, O: Operands>(&mut self, bus: &mut B, operands: O) -> u16 {
        let low = operands.first(self, bus);
        let high = operands.second(self, bus);
        u16::from_le_bytes([low, high])
    }

    /// Absolute,X for stores and read-modify-writes, whose time does not depend on the page.
    #[inline(always)]
    pub(super) fn absolute_x<B: Bus, O: Operands>(&mut self, bus: &mut B, operands: O) -> u16 {
        self.absolute(bus, operands).wrapping_add(u16::from(self.x))
    }

    /// Absolute,Y for stores and read-modify-writes.
    #[inline(always)]
    pub(super) fn absolute_y<B: Bus, O: Operands>(&mut self, bus: &mut B, operands: O) -> u16 {
        self.absolute(bus, operands).wrapping_add(u16::from(self.y))
    }

    /// Absolute,X for reads: one cycle more across a page.
    #[inline(always)]
    pub(super) fn absolute_x_read<B: Bus, O: Operands>(&mut self, bus: &mut B, operands: O) -> u16 {
        let base = self.absolute(bus, operands);
        indexed_read(bus, base, self.x)
    }

    /// Absolute,Y for reads: one cycle more across a page.
    #[inline(always)]
    pub(super) fn absolute_y_read<B: Bus, O: Operands>(&mut self, bus: &mut B, operands: O) -> u16 {
        let base = self.absolute(bus, operands);
        indexed_read(bus, base, self.y)
    }

    #[inline(always)]
    pub(super) fn indirect_x<B: Bus, O: Operands>(&mut self, bus: &mut B, operands: O) -> u16 {
        let pointer = u16::from(operands.first(self, bus).wrapping_add(self.x));
        // ALE does not wrap: a pointer at $FF takes its high byte from $0100, a TIA register.
        word(bus, pointer, pointer + 1)
    }

    /// (zp),Y for stores and read-modify-writes.
    #[inline(always)]
    pub(super) fn indirect_y<B: Bus, O: Operands>(&mut self, bus: &mut B, operands: O) -> u16 {
        let pointer = u16::from(operands.first(self, bus));
        word(bus, pointer, pointer + 1).wrapping_add(u16::from(self.y))
    }

    /// (zp),Y for reads: one cycle more across a page.
    #[inline(always)]
    pub(super) fn indirect_y_read<B: Bus, O: Operands>(&mut self, bus: &mut B, operands: O) -> u16 {
        let pointer = u16::from(operands.first(self, bus));
        let base = word(bus, pointer, pointer + 1);
        indexed_read(bus, base, self.y)
    }
}

#[inline(always)]
fn indexed_read<B: Bus>(bus: &mut B, base: u16, index: u8) -> u16 {
    let address = base.wrapping_add(u16::from(index));
    if (base ^ address) & 0xFF00 != 0 {
        bus.add_cycles(1);
    }
    address
}

/// Offset of a branch back to the instruction before it, if that has three bytes.
const POLLING_OFFSET: i8 = -5;
/// Cycles of the load and the branch, without the one or two that a taken branch adds.
const ABSOLUTE_READ_CYCLES: u32 = 4;
const BRANCH_CYCLES: u32 = 2;

/// Jumps, branches and the stack.
impl Running<'_> {
    #[inline(always)]
    pub(super) fn branch<B: Bus, O: Operands>(&mut self, bus: &mut B, operands: O, taken: bool) {
        let offset = operands.first(self, bus) as i8;
        if taken {
            let target = self.pc.wrapping_add_signed(i32::from(offset));
            let taken_cycles = if (target ^ self.pc) & 0xFF00 == 0 { 1 } else { 2 };
            bus.add_cycles(taken_cycles);
            self.pc = target;
            bus.settle();
            if offset == POLLING_OFFSET {
                self.skip_idle_passes(bus, ABSOLUTE_READ_CYCLES + BRANCH_CYCLES + taken_cycles);
            }
        }
    }

    /// Most games end their frames by waiting for the timer: a load from INTIM and a branch back, a sixth of all instructions.
    /// All iterations but the last have no effect but the passing of time, so they are skipped in one step.
    #[inline(always)]
    fn skip_idle_passes<B: Bus>(&mut self, bus: &mut B, pass: u32) {
        let Self { a, x, y, sign_and_zero, .. } = *self;
        let overflow = self.rare.overflow;
        let passes = bus
            .idle_passes(self.pc as u16, &Polled { a, x, y, sign_and_zero, overflow }, pass)
            .min((self.left as u32 / 2).saturating_sub(1));
        bus.add_cycles(passes * pass);
        self.left -= passes as i32 * 2;
    }

    #[inline(always)]
    fn push<B: Bus>(&mut self, bus: &mut B, value: u8) {
        self.write(bus, 0x0100 | u16::from(self.rare.sp), value);
        self.rare.sp = self.rare.sp.wrapping_sub(1);
    }

    #[inline(always)]
    fn push_again<B: Bus>(&mut self, bus: &mut B, value: u8) {
        if bus.write_after_write(0x0100 | u16::from(self.rare.sp), value) {
            self.left = 0;
        }
        self.rare.sp = self.rare.sp.wrapping_sub(1);
    }

    #[inline(always)]
    fn pull<B: Bus>(&mut self, bus: &mut B) -> u8 {
        self.rare.sp = self.rare.sp.wrapping_add(1);
        bus.read(0x0100 | u16::from(self.rare.sp))
    }

    /// The read of the old stack location before a pull and inside JSR. Its value is dropped. But with SP below $80 it
    /// reads a TIA register, and the data bus keeps the byte for the next access.
    #[inline(always)]
    fn dummy_stack_read<B: Bus>(&mut self, bus: &mut B) {
        bus.read(0x0100 | u16::from(self.rare.sp));
    }

    #[inline(always)]
    pub(super) fn jmp<B: Bus, O: Operands>(&mut self, bus: &mut B, operands: O) {
        self.pc = self.absolute(bus, operands).into();
        bus.settle();
    }

    #[inline(always)]
    pub(super) fn jmp_indirect<B: Bus, O: Operands>(&mut self, bus: &mut B, operands: O) {
        let pointer = self.absolute(bus, operands);
        // The NMOS defect: there is no carry into the pointer's high byte.
        let high = (pointer & 0xFF00) | (pointer.wrapping_add(1) & 0x00FF);
        self.pc = word(bus, pointer, high).into();
        bus.settle();
    }

    #[inline(always)]
    pub(super) fn jsr<B: Bus, O: Operands>(&mut self, bus: &mut B, operands: O) {
        let low = operands.first(self, bus);
        self.dummy_stack_read(bus);
        let [return_low, return_high] = (self.pc as u16).to_le_bytes();
        self.push(bus, return_high);
        self.push_again(bus, return_low);
        // The high byte is read only now: a JSR that lies in the stack page may just have overwritten it with its
        // pushes.
        let high = bus.read(self.pc as u16);
        self.pc = u16::from_le_bytes([low, high]).into();
        bus.settle();
    }

    #[inline(always)]
    pub(super) fn rts<B: Bus>(&mut self, bus: &mut B) {
        self.dummy_stack_read(bus);
        let low = self.pull(bus);
        let high = self.pull(bus);
        let address = u16::from_le_bytes([low, high]);
        bus.read(address);
        self.pc = u32::from(address) + 1;
        bus.settle();
    }

    #[inline(always)]
    pub(super) fn brk<B: Bus, O: Operands>(&mut self, bus: &mut B, operands: O) {
        operands.first(self, bus);
        let [low, high] = (self.pc as u16).to_le_bytes();
        self.push(bus, high);
        self.push_again(bus, low);
        self.push_again(bus, self.status());
        self.rare.interrupt_disable = true;
        self.pc = word(bus, 0xFFFE, 0xFFFF).into();
        bus.settle();
    }

    #[inline(always)]
    pub(super) fn rti<B: Bus>(&mut self, bus: &mut B) {
        self.dummy_stack_read(bus);
        let status = self.pull(bus);
        self.set_status(status);
        let low = self.pull(bus);
        let high = self.pull(bus);
        self.pc = u16::from_le_bytes([low, high]).into();
        bus.settle();
    }

    #[inline(always)]
    pub(super) fn pha<B: Bus>(&mut self, bus: &mut B) {
        self.push(bus, self.a);
    }

    #[inline(always)]
    pub(super) fn php<B: Bus>(&mut self, bus: &mut B) {
        self.push(bus, self.status());
    }

    #[inline(always)]
    pub(super) fn pla<B: Bus>(&mut self, bus: &mut B) {
        self.dummy_stack_read(bus);
        let value = self.pull(bus);
        self.lda(value);
    }

    #[inline(always)]
    pub(super) fn plp<B: Bus>(&mut self, bus: &mut B) {
        self.dummy_stack_read(bus);
        let status = self.pull(bus);
        self.set_status(status);
    }
}

/// Operations on registers.
impl Running<'_> {
    #[inline(always)]
    pub(super) fn set_nz(&mut self, value: u8) {
        self.sign_and_zero = u16::from(value);
    }

    #[inline(always)]
    pub(super) fn is_negative(&self) -> bool {
        self.sign_and_zero & 0x8080 != 0
    }

    #[inline(always)]
    pub(super) fn is_zero(&self) -> bool {
        self.sign_and_zero as u8 == 0
    }

    /// Stops the CPU for good.
    #[inline(always)]
    pub(super) fn jam(&mut self) {
        self.rare.jammed = true;
        self.left = 0;
    }

    /// Does nothing; the operand was read for the read's side effects.
    #[inline(always)]
    pub(super) fn nop(&mut self, _operand: u8) {}

    #[inline(always)]
    pub(super) fn lda(&mut self, operand: u8) {
        self.a = operand;
        self.set_nz(operand);
    }

    #[inline(always)]
    pub(super) fn ldx(&mut self, operand: u8) {
        self.x = operand;
        self.set_nz(operand);
    }

    #[inline(always)]
    pub(super) fn ldy(&mut self, operand: u8) {
        self.y = operand;
        self.set_nz(operand);
    }

    #[inline(always)]
    pub(super) fn and(&mut self, operand: u8) {
        self.lda(self.a & operand);
    }

    #[inline(always)]
    pub(super) fn ora(&mut self, operand: u8) {
        self.lda(self.a | operand);
    }

    #[inline(always)]
    pub(super) fn eor(&mut self, operand: u8) {
        self.lda(self.a ^ operand);
    }

    #[inline(always)]
    pub(super) fn bit(&mut self, operand: u8) {
        self.rare.overflow = operand & 0x40 != 0;
        self.sign_and_zero = u16::from(operand & 0x80) << 8 | u16::from(self.a & operand);
    }

    #[inline(always)]
    fn compare(&mut self, register: u8, operand: u8) {
        self.carry = register >= operand;
        self.set_nz(register.wrapping_sub(operand));
    }

    #[inline(always)]
    pub(super) fn cmp(&mut self, operand: u8) {
        self.compare(self.a, operand);
    }

    #[inline(always)]
    pub(super) fn cpx(&mut self, operand: u8) {
        self.compare(self.x, operand);
    }

    #[inline(always)]
    pub(super) fn cpy(&mut self, operand: u8) {
        self.compare(self.y, operand);
    }

    #[inline(always)]
    pub(super) fn adc(&mut self, operand: u8) {
        if self.rare.decimal {
            let sum = add_decimal(self.a, operand, self.carry);
            self.take_decimal(sum);
        } else {
            self.adc_binary(operand);
        }
    }

    #[inline(always)]
    fn take_decimal(&mut self, Decimal { result, carry, overflow }: Decimal) {
        self.carry = carry;
        self.rare.overflow = overflow;
        self.lda(result);
    }

    #[inline(always)]
    fn adc_binary(&mut self, operand: u8) {
        let sum = u16::from(self.a) + u16::from(operand) + u16::from(self.carry);
        let result = sum as u8;
        self.rare.overflow = !(self.a ^ operand) & (self.a ^ result) & 0x80 != 0;
        self.carry = sum > 0xFF;
        self.lda(result);
    }

    #[inline(always)]
    pub(super) fn sbc(&mut self, operand: u8) {
        if self.rare.decimal {
            let difference = subtract_decimal(self.a, operand, self.carry);
            self.take_decimal(difference);
        } else {
            self.adc_binary(!operand);
        }
    }

    #[inline(always)]
    pub(super) fn asl(&mut self, operand: u8) -> u8 {
        self.carry = operand & 0x80 != 0;
        let result = operand << 1;
        self.set_nz(result);
        result
    }

    #[inline(always)]
    pub(super) fn lsr(&mut self, operand: u8) -> u8 {
        self.carry = operand & 0x01 != 0;
        let result = operand >> 1;
        self.set_nz(result);
        result
    }

    #[inline(always)]
    pub(super) fn rol(&mut self, operand: u8) -> u8 {
        let result = operand << 1 | u8::from(self.carry);
        self.carry = operand & 0x80 != 0;
        self.set_nz(result);
        result
    }

    #[inline(always)]
    pub(super) fn ror(&mut self, operand: u8) -> u8 {
        let result = operand >> 1 | u8::from(self.carry) << 7;
        self.carry = operand & 0x01 != 0;
        self.set_nz(result);
        result
    }

    #[inline(always)]
    pub(super) fn inc(&mut self, operand: u8) -> u8 {
        let result = operand.wrapping_add(1);
        self.set_nz(result);
        result
    }

    #[inline(always)]
    pub(super) fn dec(&mut self, operand: u8) -> u8 {
        let result = operand.wrapping_sub(1);
        self.set_nz(result);
        result
    }
}

/// Undocumented operations. Where silicon is unstable they use the constants of ALE's core.
impl Running<'_> {
    #[inline(always)]
    pub(super) fn lax(&mut self, operand: u8) {
        self.lda(operand);
        self.x = operand;
    }

    #[inline(always)]
    pub(super) fn anc(&mut self, operand: u8) {
        self.and(operand);
        self.carry = self.is_negative();
    }

    #[inline(always)]
    pub(super) fn asr(&mut self, operand: u8) {
        self.a = self.lsr(self.a & operand);
    }

    #[inline(always)]
    pub(super) fn arr(&mut self, operand: u8) {
        let value = self.a & operand;
        let result = value >> 1 | u8::from(self.carry) << 7;
        if !self.rare.decimal {
            self.lda(result);
            self.carry = result & 0x40 != 0;
            self.rare.overflow = (result >> 6 ^ result >> 5) & 1 != 0;
            return;
        }
        // N and Z come from the rotated value; the decimal corrections that follow do not change them.
        self.set_nz(result);
        self.rare.overflow = (value ^ result) & 0x40 != 0;
        let mut fixed = result;
        if (value & 0x0F) + (value & 0x01) > 5 {
            fixed = (fixed & 0xF0) | (fixed.wrapping_add(6) & 0x0F);
        }
        self.carry = u16::from(value & 0xF0) + u16::from(value & 0x10) > 0x50;
        if self.carry {
            fixed = fixed.wrapping_add(0x60);
        }
        self.a = fixed;
    }

    #[inline(always)]
    pub(super) fn ane(&mut self, operand: u8) {
        self.lda((self.a | 0xEE) & self.x & operand);
    }

    #[inline(always)]
    pub(super) fn lxa(&mut self, operand: u8) {
        self.lax((self.a | 0xEE) & operand);
    }

    #[inline(always)]
    pub(super) fn sbx(&mut self, operand: u8) {
        let value = self.a & self.x;
        self.carry = value >= operand;
        self.ldx(value.wrapping_sub(operand));
    }

    #[inline(always)]
    pub(super) fn las(&mut self, operand: u8) {
        self.rare.sp &= operand;
        self.lax(self.rare.sp);
    }

    #[inline(always)]
    pub(super) fn shs(&mut self) -> u8 {
        self.rare.sp = self.a & self.x;
        self.rare.sp
    }
}

/// The result of a sum or difference in decimal mode.
struct Decimal {
    result: u8,
    carry: bool,
    overflow: bool,
}

// These two functions take and return values, so the CPU's registers need not be in memory for them.

fn add_decimal(a: u8, operand: u8, carry: bool) -> Decimal {
    let sum = decimal_value(a) + decimal_value(operand) + u32::from(carry);
    let result = decimal_digits(sum % 256);
    Decimal { result, carry: sum > 99, overflow: (a ^ result) & (result ^ operand) & 0x80 != 0 }
}

fn subtract_decimal(a: u8, operand: u8, carry: bool) -> Decimal {
    let borrow = u8::from(!carry);
    let mut difference = decimal_value(a) as i32 - decimal_value(operand) as i32 - i32::from(borrow);
    if difference < 0 {
        difference += 100;
    }
    let result = if difference >= 0 {
        decimal_digits(difference as u32)
    } else {
        // Only with nibbles above 9: ALE reads before the start of its table, which is the end of another table.
        decimal_value((256 + difference) as u8) as u8
    };
    let carry = u16::from(a) >= u16::from(operand) + u16::from(borrow);
    Decimal { result, carry, overflow: (a ^ result) & (result ^ operand) & 0x80 != 0 }
}

/// 10 x high nibble + low nibble, nibbles unchecked: 0 to 165.
fn decimal_value(byte: u8) -> u32 {
    u32::from(byte >> 4) * 10 + u32::from(byte & 0x0F)
}

/// The last two decimal digits of `value`, packed.
fn decimal_digits(value: u32) -> u8 {
    (((value % 100 / 10) << 4) | (value % 10)) as u8
}
