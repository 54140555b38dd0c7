//! Branches, jumps, calls and returns: the transitions between blocks.

use super::{Left, Writer, SP};
use crate::board::Board;
use crate::translate::meaning::{cycles, Condition};
use crate::translate::region::Instruction;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value};

/// The operand of a branch back to a three-byte instruction just before it.
const POLLING_OFFSET: i8 = -5;
/// The most targets that a return is compared with.
const MOST_RETURNS: usize = 6;
/// The most targets that any other computed jump is compared with.
const MOST_UNNAMED: usize = 8;

impl Writer<'_, '_> {
    /// A branch, taken if `condition` is `when`.
    pub(super) fn branch(&mut self, instruction: &Instruction, condition: Condition, when: bool) {
        self.pass(instruction);
        let holds = self.condition(condition);
        self.settle_counts();
        let taken = self.builder.create_block();
        let goes_on = self.blocks.get(&instruction.next()).copied();
        let not_taken = goes_on.unwrap_or_else(|| self.builder.create_block());
        let target = instruction.target();
        if !self.blocks.contains_key(&target) {
            self.builder.set_cold_block(taken);
        }
        let [then, other] = if when { [taken, not_taken] } else { [not_taken, taken] };
        self.builder.ins().brif(holds, then, &[], other, &[]);
        self.builder.switch_to_block(taken);
        let more = if (target ^ instruction.next()) & 0xFF00 == 0 { 1 } else { 2 };
        let cycles = self.now(more);
        self.set(self.variables.cycles, cycles);
        self.store_data_bus(instruction.operands[0]);
        if let Some(pass) = self.pass_of_a_wait(instruction, more) {
            self.wait_for_the_timer(target, pass);
        }
        self.go(target);
        if goes_on.is_none() {
            self.builder.switch_to_block(not_taken);
            self.leave_for(instruction.next(), Left::Jumped);
        }
    }

    /// For a branch that may close a two-instruction loop waiting for the timer, the cycles of one iteration; see
    /// [`crate::cpu::Bus::idle_passes`].
    fn pass_of_a_wait(&self, branch: &Instruction, more: u32) -> Option<u32> {
        if branch.operands[0] as i8 != POLLING_OFFSET || branch.target() & 0x1000 == 0 {
            return None;
        }
        let [opcode, low, high] = self.cartridge.look_ahead_carefully(branch.target())?;
        let polls = matches!(opcode, 0x2C | 0xAC..=0xAE) && u16::from_le_bytes([low, high]) & 0x1284 == 0x0284;
        polls.then(|| cycles(opcode) + cycles(branch.opcode) + more)
    }

    /// Skips iterations of such a loop, which begins at `target`. The board computes how many, and never uses up the
    /// instructions that may still be executed.
    fn wait_for_the_timer(&mut self, target: u16, pass: u32) {
        for (offset, variable) in self.variables.with_offsets() {
            let value = self.get(variable);
            self.store(value, offset);
        }
        let (target, length) = (self.number(target.into()), self.number(pass.into()));
        let call = self.builder.ins().call(self.helpers.idle_passes, &[self.board, target, length]);
        let passes = self.builder.inst_results(call)[0];
        let passed = self.builder.ins().imul_imm(passes, i64::from(pass));
        let cycles = self.get(self.variables.cycles);
        let cycles = self.builder.ins().iadd(cycles, passed);
        self.set(self.variables.cycles, cycles);
        let executed = self.builder.ins().ishl_imm(passes, 1);
        let left = self.get(self.variables.left);
        let left = self.builder.ins().isub(left, executed);
        self.set(self.variables.left, left);
    }

    /// JMP to an address in the instruction.
    pub(super) fn jump(&mut self, instruction: &Instruction) {
        self.pass(instruction);
        self.store_data_bus(instruction.operands[1]);
        self.settle_counts();
        self.go(instruction.word());
    }

    /// JMP to an address in memory. If that memory is not RAM, the interpreter executes it.
    pub(super) fn jump_indirect(&mut self, instruction: &Instruction) {
        let low = instruction.word();
        let high = low & 0xFF00 | low.wrapping_add(1) & 0x00FF;
        let in_ram = |address: u16| address & 0x1280 == 0x0080;
        if !in_ram(low) || !in_ram(high) {
            self.leave_for(instruction.pc, Left::Interpret);
            return;
        }
        self.pass(instruction);
        let [low, high] = [low, high].map(|address| self.load_byte(Board::RAM_OFFSET + usize::from(address & 0x7F)));
        self.store_byte(high, Board::DATA_BUS_OFFSET);
        let high = self.builder.ins().ishl_imm(high, 8);
        let target = self.builder.ins().bor(high, low);
        self.settle_counts();
        self.go_somewhere(target);
    }

    /// JSR. If the stack is outside RAM, the interpreter executes it.
    pub(super) fn call(&mut self, instruction: &Instruction) {
        let sp = self.load_byte(SP);
        let in_ram = self.within(sp, 0x81, 0x7F);
        self.need(in_ram, instruction);
        self.pass(instruction);
        let pushed = instruction.next().wrapping_sub(1);
        self.store_word_of_ram(pushed, sp, -1);
        let below = self.builder.ins().iadd_imm(sp, -2);
        self.store_byte(below, SP);
        self.store_data_bus(instruction.operands[1]);
        self.settle_counts();
        self.go(instruction.word());
    }

    /// RTS. Its usual targets are known, so it compares with them: the host predicts comparisons well, but a jump
    /// through a table badly.
    pub(super) fn return_from(&mut self, instruction: &Instruction) {
        let sp = self.load_byte(SP);
        let in_ram = self.within(sp, 0x80, 0x7E);
        self.need(in_ram, instruction);
        let pulled = self.load_word_of_ram(sp, 1);
        let above = self.builder.ins().iadd_imm(sp, 2);
        let calls = self.region.returns.get(&instruction.pc).map_or(&[][..], Vec::as_slice);
        for call in &calls[..calls.len().min(MOST_RETURNS)] {
            let expected = call.next().wrapping_sub(1);
            let matches = self.is(IntCC::Equal, pulled, expected.into());
            let (then, other) = (self.builder.create_block(), self.builder.create_block());
            self.builder.ins().brif(matches, then, &[], other, &[]);
            self.builder.switch_to_block(then);
            let (before, executed, log) = (self.cycles, self.executed, self.log);
            self.pass(instruction);
            self.store_byte(above, SP);
            // The last byte of the call: RTS reads it on the way to the next instruction.
            self.store_data_bus(call.operands[1]);
            self.settle_counts();
            self.go(call.next());
            (self.cycles, self.executed, self.log) = (before, executed, log);
            self.builder.switch_to_block(other);
        }
        // RTS reads the byte before its target. Outside plain ROM that read may have side effects, so the interpreter
        // executes it.
        let (place, in_window) = self.in_window(pulled);
        self.need(in_window, instruction);
        let byte = self.load_window(place);
        self.pass(instruction);
        self.store_byte(above, SP);
        self.store_byte(byte, Board::DATA_BUS_OFFSET);
        let target = self.builder.ins().iadd_imm(pulled, 1);
        let target = self.builder.ins().band_imm(target, 0xFFFF);
        self.settle_counts();
        self.go_somewhere(target);
    }

    /// Continues at a computed address: at a frequent target of such jumps, or outside. The counts are settled.
    fn go_somewhere(&mut self, target: Value) {
        let region = self.region;
        for &likely in region.unnamed.iter().take(MOST_UNNAMED) {
            let matches = self.is(IntCC::Equal, target, likely.into());
            let (then, other) = (self.builder.create_block(), self.builder.create_block());
            self.builder.ins().brif(matches, then, &[], other, &[]);
            self.builder.switch_to_block(then);
            self.go(likely);
            self.builder.switch_to_block(other);
        }
        self.leave(target, Left::Jumped);
    }
}
