//! Writes a region as a function for the compiler.
//!
//! Every 6507 block becomes a block of the host function; a few more blocks are exits. The function's variables are A,
//! X, Y, N with Z, C, V, the cycles and the count of instructions that may still be executed. SP and the flag I stay in
//! the board's registers; D is clear.
//!
//! The board must end in the state in which the interpreter leaves it. That includes the byte on the data bus, which the
//! interpreter stores after every jump taken (`Bus::settle`). It is nearly always a constant.
//!
//! This file has the function's frame: its variables, its entries, the transitions between blocks, and its exits. The
//! rest is in `writer/registers.rs` (arithmetic and flags), `writer/memory.rs` (reads and writes), `writer/log.rs`
//! (deferred writes to the TIA) and `writer/flow.rs` (branches, calls and returns).
//!
//! # Memory that the function touches
//! Only the board that it is called with. Every offset comes from `offset_of!`, and every computed index is in range:
//! A, X and Y are at most 255, RAM is indexed by seven bits or after a comparison, and the window after a comparison or
//! where the 255 bytes after the base lie in it too; the TIA's log has room for every write of a block. `host.rs` relies on
//! this.

mod flow;
mod log;
mod memory;
mod registers;

use super::meaning::{cycles, Operation};
use super::region::{self, Instruction, Region};
use super::{Left, Registers, MOST_BETWEEN_LOOKS};
use crate::board::Board;
use crate::cartridge::Cartridge;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64, I8};
use cranelift_codegen::ir::{self, Block, BlockArg, FuncRef, InstBuilder, MemFlags, Value};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};
use log::Log;
use registers::SignAndZero;
use std::collections::HashMap;
use std::mem::{align_of, offset_of};
use std::ops::Range;

/// The functions that translated code calls.
pub(super) struct Helpers {
    pub(super) read: FuncRef,
    pub(super) write: FuncRef,
    pub(super) idle_passes: FuncRef,
    pub(super) settle: FuncRef,
}

/// Writes `region` into `function`. Returns the addresses at which it can be entered; an entry's number is its place in them.
pub(super) fn write(
    region: &Region,
    cartridge: &Cartridge,
    function: &mut ir::Function,
    context: &mut FunctionBuilderContext,
    helpers: &Helpers,
) -> Vec<u16> {
    let mut builder = FunctionBuilder::new(function, context);
    let entry = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    let [board, number] = *builder.block_params(entry) else { return Vec::new() };
    let variables = Variables::declare(&mut builder);
    let blocks = region.blocks.iter().map(|block| (block.start, builder.create_block())).collect();
    let exit = builder.create_block();
    let mut writer = Writer {
        builder,
        board,
        variables,
        region,
        blocks,
        exit,
        cartridge,
        plain: cartridge.longest_plain(),
        helpers,
        cycles: 0,
        executed: 0,
        log: None,
        sign_and_zero: SignAndZero::Unknown,
    };
    for (offset, variable) in writer.variables.with_offsets() {
        let value = writer.load(offset);
        writer.builder.def_var(variable, value);
    }
    let entries: Vec<u16> = region.blocks.iter().filter(|block| block.entry).map(|block| block.start).collect();
    // Without one, `choose` would never end.
    assert!(!entries.is_empty(), "a region is entered somewhere");
    writer.choose(number, &entries, 0);
    for block in &region.blocks {
        writer.block(block);
    }
    writer.exit();
    writer.builder.seal_all_blocks();
    writer.builder.finalize();
    entries
}

/// The board's [`Registers`] that are variables of the function.
#[derive(Clone, Copy)]
struct Variables {
    a: Variable,
    x: Variable,
    y: Variable,
    sign_and_zero: Variable,
    carry: Variable,
    overflow: Variable,
    cycles: Variable,
    left: Variable,
}

impl Variables {
    fn declare(builder: &mut FunctionBuilder<'_>) -> Self {
        let mut variable = || builder.declare_var(I32);
        Self {
            a: variable(),
            x: variable(),
            y: variable(),
            sign_and_zero: variable(),
            carry: variable(),
            overflow: variable(),
            cycles: variable(),
            left: variable(),
        }
    }

    /// Every variable with the offset of its register in the board.
    fn with_offsets(&self) -> [(usize, Variable); 8] {
        let Self { a, x, y, sign_and_zero, carry, overflow, cycles, left } = *self;
        [
            (register_offset(offset_of!(Registers, a)), a),
            (register_offset(offset_of!(Registers, x)), x),
            (register_offset(offset_of!(Registers, y)), y),
            (register_offset(offset_of!(Registers, sign_and_zero)), sign_and_zero),
            (register_offset(offset_of!(Registers, carry)), carry),
            (register_offset(offset_of!(Registers, overflow)), overflow),
            (register_offset(offset_of!(Registers, cycles)), cycles),
            (register_offset(offset_of!(Registers, left)), left),
        ]
    }
}

/// Places of the last two variables in [`Variables::with_offsets`].
const CYCLES: usize = 6;
const LEFT: usize = 7;

/// The offset in the board of the byte at `offset` in its registers.
const fn register_offset(offset: usize) -> usize {
    Board::REGISTERS_OFFSET + offset
}

const PC: usize = register_offset(offset_of!(Registers, pc));
const SP: usize = register_offset(offset_of!(Registers, sp));
const DECIMAL: usize = register_offset(offset_of!(Registers, decimal));
const INTERRUPT_DISABLE: usize = register_offset(offset_of!(Registers, interrupt_disable));

// `Writer::load` and `Writer::store` mark their words as aligned.
const _: () = assert!(align_of::<Board>() >= align_of::<u32>());

/// The function under construction.
struct Writer<'a, 'b> {
    builder: FunctionBuilder<'a>,
    /// The address of the board.
    board: Value,
    variables: Variables,
    region: &'b Region,
    /// The host's block for the address of each 6507 block.
    blocks: HashMap<u16, Block>,
    /// Stores the variables on the board and returns.
    exit: Block,
    cartridge: &'b Cartridge,
    /// Window addresses that are plain ROM and that computed addresses are compared with.
    plain: Range<usize>,
    helpers: &'b Helpers,
    /// Cycles not yet added to `variables.cycles`.
    cycles: u32,
    /// Instructions executed but not yet subtracted from `variables.left`.
    executed: u32,
    /// The place in the TIA's log, once the block has written to it.
    log: Option<Log>,
    sign_and_zero: SignAndZero,
}

/// Constants, variables and the board's memory.
impl Writer<'_, '_> {
    fn number(&mut self, number: i64) -> Value {
        self.builder.ins().iconst(I32, number)
    }

    fn get(&mut self, variable: Variable) -> Value {
        self.builder.use_var(variable)
    }

    fn set(&mut self, variable: Variable, value: Value) {
        self.builder.def_var(variable, value);
    }

    /// The low byte of `value`.
    fn byte(&mut self, value: Value) -> Value {
        self.builder.ins().band_imm(value, 0xFF)
    }

    /// Loads the board's 32-bit word at `offset`, which must be aligned.
    fn load(&mut self, offset: usize) -> Value {
        assert!(offset.is_multiple_of(align_of::<u32>()), "the word at {offset} is not aligned");
        self.builder.ins().load(I32, MemFlags::trusted(), self.board, offset as i32)
    }

    /// Stores a 32-bit word at `offset` of the board, which must be aligned.
    fn store(&mut self, value: Value, offset: usize) {
        assert!(offset.is_multiple_of(align_of::<u32>()), "the word at {offset} is not aligned");
        self.builder.ins().store(MemFlags::trusted(), value, self.board, offset as i32);
    }

    /// Loads the board's byte at `offset`.
    fn load_byte(&mut self, offset: usize) -> Value {
        self.builder.ins().uload8(I32, MemFlags::trusted(), self.board, offset as i32)
    }

    /// Stores the low byte of `value`.
    fn store_byte(&mut self, value: Value, offset: usize) {
        self.builder.ins().istore8(MemFlags::trusted(), value, self.board, offset as i32);
    }

    fn store_constant(&mut self, byte: u8, offset: usize) {
        let value = self.builder.ins().iconst(I8, i64::from(byte));
        self.builder.ins().store(MemFlags::trusted(), value, self.board, offset as i32);
    }

    /// The host's address of byte `index` of the board.
    fn indexed(&mut self, index: Value) -> Value {
        let index = self.builder.ins().uextend(I64, index);
        self.builder.ins().iadd(self.board, index)
    }

    /// Loads the board's byte at `offset + index`.
    fn load_indexed(&mut self, offset: usize, index: Value) -> Value {
        let address = self.indexed(index);
        self.builder.ins().uload8(I32, MemFlags::trusted(), address, offset as i32)
    }

    /// Stores the low byte of `value` at `offset + index` of the board.
    fn store_indexed(&mut self, value: Value, offset: usize, index: Value) {
        let address = self.indexed(index);
        self.builder.ins().istore8(MemFlags::trusted(), value, address, offset as i32);
    }

    /// Compares `value` with a constant.
    fn is(&mut self, condition: IntCC, value: Value, than: i64) -> Value {
        self.builder.ins().icmp_imm(condition, value, than)
    }

    /// Whether `from <= value < from + size`.
    fn within(&mut self, value: Value, from: i64, size: i64) -> Value {
        let value = self.builder.ins().iadd_imm(value, -from);
        self.is(IntCC::UnsignedLessThan, value, size)
    }

    /// Branches on `condition`, which nearly always holds. Returns the block where it holds and the one where it does not.
    fn unless(&mut self, condition: Value) -> (Block, Block) {
        let (then, other) = (self.builder.create_block(), self.builder.create_block());
        self.builder.set_cold_block(other);
        self.builder.ins().brif(condition, then, &[], other, &[]);
        (then, other)
    }

    /// The cycle after `more` cycles of the current instruction.
    fn now(&mut self, more: u32) -> Value {
        let cycles = self.get(self.variables.cycles);
        self.builder.ins().iadd_imm(cycles, i64::from(self.cycles + more))
    }

    /// Stores the data-bus byte on the board.
    fn store_data_bus(&mut self, byte: u8) {
        self.store_constant(byte, Board::DATA_BUS_OFFSET);
    }
}

/// Entries and exits.
impl Writer<'_, '_> {
    /// Jumps to the entry with this `number`, by branches: the host predicts them well, but a jump through a table
    /// badly.
    fn choose(&mut self, number: Value, entries: &[u16], first: usize) {
        if let [only] = entries {
            let target = self.blocks[only];
            self.builder.ins().jump(target, &[]);
            return;
        }
        let (low, high) = entries.split_at(entries.len() / 2);
        let below = self.is(IntCC::UnsignedLessThan, number, (first + low.len()) as i64);
        let (then, other) = (self.builder.create_block(), self.builder.create_block());
        self.builder.ins().brif(below, then, &[], other, &[]);
        self.builder.switch_to_block(then);
        self.choose(number, low, first);
        self.builder.switch_to_block(other);
        self.choose(number, high, first + low.len());
    }

    /// Leaves translated code between two instructions; the next one is at `pc`.
    fn leave(&mut self, pc: Value, why: Left) {
        self.store_logged();
        let mut values: Vec<BlockArg> = Vec::with_capacity(10);
        for (_, variable) in self.variables.with_offsets() {
            let value = self.get(variable);
            values.push(value.into());
        }
        values[CYCLES] = self.now(0).into();
        let left = self.get(self.variables.left);
        values[LEFT] = self.builder.ins().iadd_imm(left, -i64::from(self.executed)).into();
        let why = self.number(why as i64);
        values.extend([BlockArg::from(pc), why.into()]);
        self.builder.ins().jump(self.exit, &values);
    }

    /// Leaves for a constant address.
    fn leave_for(&mut self, pc: u16, why: Left) {
        let pc = self.number(pc.into());
        self.leave(pc, why);
    }

    /// Leaves for `next` if `switches` is not 0.
    fn leave_if(&mut self, switches: Option<Value>, next: u16) {
        if let Some(switches) = switches {
            let stays = self.is(IntCC::Equal, switches, 0);
            let (then, other) = self.unless(stays);
            self.builder.switch_to_block(other);
            self.leave_for(next, Left::Jumped);
            self.builder.switch_to_block(then);
        }
    }

    /// Leaves the instruction to the interpreter unless `condition` holds.
    fn need(&mut self, condition: Value, instruction: &Instruction) {
        let (then, other) = self.unless(condition);
        self.builder.switch_to_block(other);
        self.leave_for(instruction.pc, Left::Interpret);
        self.builder.switch_to_block(then);
    }

    /// Fills the block that all exits pass through.
    fn exit(&mut self) {
        let parameters: Vec<Value> = (0..10).map(|_| self.builder.append_block_param(self.exit, I32)).collect();
        self.builder.switch_to_block(self.exit);
        for ((offset, _), &value) in self.variables.with_offsets().into_iter().zip(&parameters) {
            self.store(value, offset);
        }
        self.store(parameters[8], PC);
        self.builder.ins().return_(&[parameters[9]]);
    }

    /// Writes pending cycle and instruction counts to their variables, and the number of writes in the log to the board.
    fn settle_counts(&mut self) {
        self.close_log();
        let cycles = self.now(0);
        self.set(self.variables.cycles, cycles);
        let left = self.get(self.variables.left);
        let left = self.builder.ins().iadd_imm(left, -i64::from(self.executed));
        self.set(self.variables.left, left);
        (self.cycles, self.executed) = (0, 0);
    }

    /// At the head of a loop, leaves unless at least [`MOST_BETWEEN_LOOKS`] instructions may still be executed. A
    /// region has fewer instructions, and each of them is executed at most once before the next head; so the count
    /// stays above 0.
    fn check_left(&mut self, head: u16) {
        let left = self.get(self.variables.left);
        let enough = self.is(IntCC::UnsignedGreaterThanOrEqual, left, MOST_BETWEEN_LOOKS.into());
        let (then, other) = self.unless(enough);
        self.builder.switch_to_block(other);
        self.leave_for(head, Left::Jumped);
        self.builder.switch_to_block(then);
    }

    /// Continues at `target`. The counts are settled.
    fn go(&mut self, target: u16) {
        let Some(&block) = self.blocks.get(&target) else {
            self.leave_for(target, Left::Jumped);
            return;
        };
        self.builder.ins().jump(block, &[]);
    }
}

/// Blocks and their instructions.
impl Writer<'_, '_> {
    fn block(&mut self, code: &region::Block) {
        let block = self.blocks[&code.start];
        self.builder.switch_to_block(block);
        (self.cycles, self.executed) = (0, 0);
        (self.log, self.sign_and_zero) = (None, SignAndZero::Unknown);
        if self.region.heads.contains(&code.start) {
            self.check_left(code.start);
        }
        self.prepare_log(code);
        for instruction in &code.instructions {
            if !self.instruction(instruction) {
                return;
            }
        }
        self.settle_counts();
        self.go(code.next);
    }

    /// Counts the base cycles of an instruction, and the instruction as executed.
    fn pass(&mut self, instruction: &Instruction) {
        self.cycles += cycles(instruction.opcode);
        self.executed += 1;
    }

    /// Writes an instruction. Returns whether the block continues after it.
    fn instruction(&mut self, instruction: &Instruction) -> bool {
        use Operation as O;
        match instruction.operation {
            O::Load(_) | O::LoadAX | O::Ora | O::And | O::Eor | O::Adc | O::Sbc | O::Compare(_) | O::Bit | O::Nop => {
                self.operate(instruction);
            }
            O::Accumulator(_) | O::Step(..) | O::Transfer(..) | O::StackToX | O::XToStack => {
                self.move_register(instruction)
            }
            O::SetCarry(_) | O::SetInterruptDisable(_) | O::ClearOverflow | O::ClearDecimal => {
                self.set_flag(instruction)
            }
            O::Store(_) | O::StoreAX => self.store_register(instruction),
            O::Modify(change) => self.modify(instruction, change, None),
            O::ModifyThen(change, then) => self.modify(instruction, change, Some(then)),
            O::PushA | O::PushStatus => self.push(instruction),
            O::PullA => self.pull_a(instruction),
            O::PullStatus => self.pull_status(instruction),
            O::Branch(condition, when) => self.branch(instruction, condition, when),
            O::Jump => self.jump(instruction),
            O::JumpIndirect => self.jump_indirect(instruction),
            O::Call => self.call(instruction),
            O::Return => self.return_from(instruction),
        }
        !instruction.ends_block()
    }
}
