//! Writes a region down for the compiler.
//!
//! Every 6507 block becomes a block of the host function (and a few more), A, X, Y, N with Z, C, V, the cycles and the
//! instructions that may still be executed its variables. SP and the flag I stay in the board's registers; D is clear.
//!
//! What the interpreter leaves on the board must be left here too: what is on the data bus counts after every jump that was
//! taken (`Bus::settle`), which is a constant nearly always.

use super::meaning::{bytes, cycles, Change, Condition, Mode, Operation, Register, Then};
use super::region::{Block as Code, Instruction, Region};
use super::{Registers, MOST_BETWEEN_LOOKS};
use crate::cartridge::Cartridge;
use crate::console::Board;
use crate::tia::{Write, LINE_CYCLES, LOG, WSYNC};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64, I8};
use cranelift_codegen::ir::{self, Block, BlockArg, FuncRef, InstBuilder, MemFlags, Value};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext, Variable};
use std::collections::HashMap;
use std::mem::{offset_of, size_of};
use std::ops::Range;

/// Left to interpret the next instruction; as `Left` is numbered in `host.rs`.
const JUMPED: i64 = 0;
const INTERPRET: i64 = 1;

/// What translated code calls.
pub(super) struct Helpers {
    pub(super) read: FuncRef,
    pub(super) write: FuncRef,
    pub(super) idle_passes: FuncRef,
    pub(super) settle: FuncRef,
}

/// Writes `region` into `function`; gives the addresses of its entries in the order of their numbers.
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
    let mut variable = |ty| builder.declare_var(ty);
    let variables = Variables {
        a: variable(I32),
        x: variable(I32),
        y: variable(I32),
        sign_and_zero: variable(I32),
        carry: variable(I32),
        overflow: variable(I32),
        cycles: variable(I32),
        left: variable(I32),
    };
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
    for (offset, variable) in writer.kept() {
        let value = writer.load(offset);
        writer.builder.def_var(variable, value);
    }
    let entries: Vec<u16> = region.blocks.iter().filter(|block| block.entry).map(|block| block.start).collect();
    writer.choose(number, &entries, 0);
    for block in &region.blocks {
        writer.block(block);
    }
    writer.exit();
    writer.builder.seal_all_blocks();
    writer.builder.finalize();
    entries
}

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

/// What is known of N and Z within a block.
#[derive(Clone, Copy)]
enum SignAndZero {
    Unknown,
    /// They are those of a byte.
    Byte(Value),
    /// Of the third, which is the difference of the first two.
    Difference(Value, Value, Value),
}

/// The place in the TIA's log of writes.
#[derive(Clone, Copy)]
struct Log {
    /// The number of writes before those of this block, and the address of the next one then.
    logged: Value,
    address: Value,
    /// Writes of this block.
    written: u32,
}

/// Where an access goes.
enum Address {
    Constant(u16),
    /// Somewhere in the zero page.
    ZeroPage(Value),
    /// At most 255 bytes behind the first.
    Indexed(u16, Value),
    Computed(Value),
}

struct Writer<'a, 'b> {
    builder: FunctionBuilder<'a>,
    board: Value,
    variables: Variables,
    region: &'b Region,
    blocks: HashMap<u16, Block>,
    /// Puts all back and returns.
    exit: Block,
    cartridge: &'b Cartridge,
    /// Window addresses that are plain ROM for sure, also where the address is computed.
    plain: Range<usize>,
    helpers: &'b Helpers,
    /// Cycles since `variables.cycles` was set.
    cycles: u32,
    /// Instructions executed in the block.
    executed: u32,
    log: Option<Log>,
    sign_and_zero: SignAndZero,
}

fn registers(offset: usize) -> usize {
    Board::REGISTERS_OFFSET + offset
}

const SP: usize = Board::REGISTERS_OFFSET + offset_of!(Registers, sp);
const DECIMAL: usize = Board::REGISTERS_OFFSET + offset_of!(Registers, decimal);
const INTERRUPT_DISABLE: usize = Board::REGISTERS_OFFSET + offset_of!(Registers, interrupt_disable);

/// Small things.
impl Writer<'_, '_> {
    /// The variables and where they are kept outside.
    fn kept(&self) -> [(usize, Variable); 8] {
        let Variables { a, x, y, sign_and_zero, carry, overflow, cycles, left } = self.variables;
        [
            (registers(offset_of!(Registers, a)), a),
            (registers(offset_of!(Registers, x)), x),
            (registers(offset_of!(Registers, y)), y),
            (registers(offset_of!(Registers, sign_and_zero)), sign_and_zero),
            (registers(offset_of!(Registers, carry)), carry),
            (registers(offset_of!(Registers, overflow)), overflow),
            (registers(offset_of!(Registers, cycles)), cycles),
            (registers(offset_of!(Registers, left)), left),
        ]
    }

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

    /// A word of the board.
    fn load(&mut self, offset: usize) -> Value {
        self.builder.ins().load(I32, MemFlags::trusted(), self.board, offset as i32)
    }

    fn store(&mut self, value: Value, offset: usize) {
        self.builder.ins().store(MemFlags::trusted(), value, self.board, offset as i32);
    }

    /// A byte of the board.
    fn load_byte(&mut self, offset: usize) -> Value {
        self.builder.ins().uload8(I32, MemFlags::trusted(), self.board, offset as i32)
    }

    fn store_byte(&mut self, value: Value, offset: usize) {
        self.builder.ins().istore8(MemFlags::trusted(), value, self.board, offset as i32);
    }

    fn store_constant(&mut self, byte: u8, offset: usize) {
        let value = self.builder.ins().iconst(I8, i64::from(byte));
        self.builder.ins().store(MemFlags::trusted(), value, self.board, offset as i32);
    }

    /// The address on the host of the board's byte at `offset` + `index`.
    fn indexed(&mut self, index: Value) -> Value {
        let index = self.builder.ins().uextend(I64, index);
        self.builder.ins().iadd(self.board, index)
    }

    fn load_indexed(&mut self, offset: usize, index: Value) -> Value {
        let address = self.indexed(index);
        self.builder.ins().uload8(I32, MemFlags::trusted(), address, offset as i32)
    }

    fn store_indexed(&mut self, value: Value, offset: usize, index: Value) {
        let address = self.indexed(index);
        self.builder.ins().istore8(MemFlags::trusted(), value, address, offset as i32);
    }

    fn is(&mut self, condition: IntCC, value: Value, than: i64) -> Value {
        self.builder.ins().icmp_imm(condition, value, than)
    }

    /// Whether `from <= value < from + size`.
    fn within(&mut self, value: Value, from: i64, size: i64) -> Value {
        let value = self.builder.ins().iadd_imm(value, -from);
        self.is(IntCC::UnsignedLessThan, value, size)
    }

    /// Goes on in a new block if `condition` holds; the block to fill for when it does not.
    fn unless(&mut self, condition: Value) -> (Block, Block) {
        let (then, other) = (self.builder.create_block(), self.builder.create_block());
        self.builder.set_cold_block(other);
        self.builder.ins().brif(condition, then, &[], other, &[]);
        (then, other)
    }

    /// The cycle, now that `more` have passed in the instruction under way.
    fn now(&mut self, more: u32) -> Value {
        let cycles = self.get(self.variables.cycles);
        self.builder.ins().iadd_imm(cycles, i64::from(self.cycles + more))
    }

    /// Makes the data bus count.
    fn settle(&mut self, byte: u8) {
        self.store_constant(byte, Board::DATA_BUS_OFFSET);
    }

    fn set_nz(&mut self, value: Value) {
        self.sign_and_zero = SignAndZero::Byte(value);
        self.set(self.variables.sign_and_zero, value);
    }

    fn register(&self, register: Register) -> Variable {
        match register {
            Register::A => self.variables.a,
            Register::X => self.variables.x,
            Register::Y => self.variables.y,
        }
    }

    fn load_register(&mut self, register: Register, value: Value) {
        self.set(self.register(register), value);
        self.set_nz(value);
    }
}

/// Ways in and out.
impl Writer<'_, '_> {
    /// Goes to the entry of the number that was asked for. By branches, as they are predicted and a jump by table is not.
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

    /// Leaves for `pc`, before or behind an instruction.
    fn leave(&mut self, pc: Value, why: i64) {
        self.store_logged();
        let mut values: Vec<BlockArg> = Vec::with_capacity(10);
        for (_, variable) in self.kept() {
            let value = self.get(variable);
            values.push(value.into());
        }
        values[6] = self.now(0).into();
        let left = self.get(self.variables.left);
        values[7] = self.builder.ins().iadd_imm(left, -i64::from(self.executed)).into();
        let why = self.number(why);
        values.extend([BlockArg::from(pc), why.into()]);
        self.builder.ins().jump(self.exit, &values);
    }

    /// Leaves for a constant address.
    fn leave_for(&mut self, pc: u16, why: i64) {
        let pc = self.number(pc.into());
        self.leave(pc, why);
    }

    /// Leaves the instruction to the interpreter unless `condition` holds.
    fn need(&mut self, condition: Value, instruction: &Instruction) {
        let (then, other) = self.unless(condition);
        self.builder.switch_to_block(other);
        self.leave_for(instruction.pc, INTERPRET);
        self.builder.switch_to_block(then);
    }

    /// The common way out.
    fn exit(&mut self) {
        let parameters: Vec<Value> = (0..10).map(|_| self.builder.append_block_param(self.exit, I32)).collect();
        self.builder.switch_to_block(self.exit);
        for ((offset, _), &value) in self.kept().into_iter().zip(&parameters) {
            self.store(value, offset);
        }
        self.store(parameters[8], registers(offset_of!(Registers, pc)));
        self.builder.ins().return_(&[parameters[9]]);
    }

    /// Ends a block's account.
    fn settle_accounts(&mut self) {
        self.store_logged();
        self.log = None;
        let cycles = self.now(0);
        self.set(self.variables.cycles, cycles);
        let left = self.get(self.variables.left);
        let left = self.builder.ins().iadd_imm(left, -i64::from(self.executed));
        self.set(self.variables.left, left);
        (self.cycles, self.executed) = (0, 0);
    }

    /// Looks, at the head of a loop, whether enough instructions may still be executed. There are never more of them up to the
    /// next head than there are in the region.
    fn look_at_left(&mut self, head: u16) {
        let left = self.get(self.variables.left);
        let enough = self.is(IntCC::UnsignedGreaterThanOrEqual, left, MOST_BETWEEN_LOOKS.into());
        let (then, other) = self.unless(enough);
        self.builder.switch_to_block(other);
        self.leave_for(head, JUMPED);
        self.builder.switch_to_block(then);
    }

    /// Goes on at `target`. Accounts are settled.
    fn go(&mut self, target: u16) {
        let Some(&block) = self.blocks.get(&target) else {
            self.leave_for(target, JUMPED);
            return;
        };
        self.builder.ins().jump(block, &[]);
    }
}

/// The TIA's log.
impl Writer<'_, '_> {
    /// Whether an instruction, which writes, does so to a TIA register in a way that the TIA leaves for later.
    fn writes_later(&self, instruction: &Instruction) -> bool {
        match instruction.mode {
            Mode::ZeroPage => self.is_written_later(instruction.operands[0].into()),
            Mode::Absolute => self.is_written_later(instruction.word()),
            _ => false,
        }
    }

    fn is_written_later(&self, address: u16) -> bool {
        address & 0x1080 == 0 && address as u8 & 0x3F >= WSYNC && !self.cartridge.claims_low_addresses()
    }

    /// Makes sure that all the block's writes to the TIA can wait, and that its log has room for them.
    fn prepare_log(&mut self, block: &Code) {
        use Operation::{Modify, ModifyThen, PushA, PushStatus, Store, StoreAX};
        // Those that the board is asked to make may end in the log too.
        let writing = |instruction: &&Instruction| {
            let operation = instruction.operation;
            matches!(operation, Store(_) | StoreAX | Modify(_) | ModifyThen(..) | PushA | PushStatus)
        };
        let writing: Vec<&Instruction> = block.instructions.iter().filter(writing).collect();
        if !writing.iter().any(|instruction| self.writes_later(instruction)) {
            return;
        }
        // At most: a crossed page and a wait in every instruction.
        let most: u32 = block.instructions.iter().map(|instruction| cycles(instruction.opcode) + 1 + LINE_CYCLES).sum();
        let until = self.load(Board::LATER_UNTIL_OFFSET);
        let last = self.now(most);
        let can_wait = self.builder.ins().icmp(IntCC::UnsignedLessThan, last, until);
        self.need(can_wait, &block.instructions[0]);
        let logged = self.load_byte(Board::LOGGED_OFFSET);
        // The last place stays free: writing there makes the writes.
        let fits = self.is(IntCC::UnsignedLessThan, logged, (LOG - writing.len()) as i64);
        let (then, other) = self.unless(fits);
        self.builder.switch_to_block(other);
        self.builder.ins().call(self.helpers.settle, &[self.board]);
        self.builder.ins().jump(then, &[]);
        self.builder.switch_to_block(then);
    }

    /// Where the block's next write goes.
    fn log(&mut self) -> Log {
        match self.log {
            Some(log) => log,
            None => {
                let logged = self.load_byte(Board::LOGGED_OFFSET);
                let place = self.builder.ins().imul_imm(logged, size_of::<Write>() as i64);
                let log = Log { logged, address: self.indexed(place), written: 0 };
                self.log = Some(log);
                log
            }
        }
    }

    fn store_logged(&mut self) {
        if let Some(Log { logged, written: written @ 1.., .. }) = self.log {
            let logged = self.builder.ins().iadd_imm(logged, i64::from(written));
            self.store_byte(logged, Board::LOGGED_OFFSET);
        }
    }

    /// Before something that makes the TIA's writes.
    fn close_log(&mut self) {
        self.store_logged();
        self.log = None;
    }

    fn write_later(&mut self, register: u8, value: Value) {
        let log = self.log();
        let offset = |field| (Board::LOG_OFFSET + log.written as usize * size_of::<Write>() + field) as i32;
        let now = self.now(0);
        self.builder.ins().store(MemFlags::trusted(), now, log.address, offset(offset_of!(Write, cycles)));
        let number = self.builder.ins().iconst(I8, i64::from(register));
        self.builder.ins().store(MemFlags::trusted(), number, log.address, offset(offset_of!(Write, register)));
        self.builder.ins().istore8(MemFlags::trusted(), value, log.address, offset(offset_of!(Write, value)));
        self.log = Some(Log { written: log.written + 1, ..log });
        if register == WSYNC {
            self.wait(now);
        }
    }

    /// Waits until the next line starts, as `Tia::wait` does.
    fn wait(&mut self, now: Value) {
        let line = self.load(Board::WAITED_UNTIL_OFFSET);
        let cycle = self.builder.ins().isub(now, line);
        let usual = self.is(IntCC::UnsignedLessThan, cycle, LINE_CYCLES.into());
        let (then, other) = (self.builder.create_block(), self.builder.create_block());
        self.builder.set_cold_block(other);
        let in_line = self.builder.append_block_param(then, I32);
        self.builder.ins().brif(usual, then, &[cycle.into()], other, &[]);
        self.builder.switch_to_block(other);
        let remainder = self.builder.ins().urem_imm(cycle, i64::from(LINE_CYCLES));
        self.builder.ins().jump(then, &[remainder.into()]);
        self.builder.switch_to_block(then);
        let line = self.builder.ins().isub(now, in_line);
        let next_line = self.builder.ins().iadd_imm(line, i64::from(LINE_CYCLES));
        let starts_now = self.is(IntCC::Equal, in_line, 0);
        let until = self.builder.ins().select(starts_now, now, next_line);
        self.store(until, Board::WAITED_UNTIL_OFFSET);
        self.set(self.variables.cycles, until);
        self.cycles = 0;
    }
}

/// Memory.
impl Writer<'_, '_> {
    /// The address of an instruction's operand. For a read it comes with a value that is 1 if a page was crossed.
    fn address(&mut self, instruction: &Instruction, reads: bool) -> (Address, Option<Value>) {
        let Variables { x, y, .. } = self.variables;
        let zero_page = instruction.operands[0];
        let indexed = |writer: &mut Self, base: Value, index: Variable| {
            let index = writer.get(index);
            let address = writer.builder.ins().iadd(base, index);
            let address = writer.builder.ins().band_imm(address, 0xFFFF);
            let crossed = reads.then(|| {
                let low = writer.byte(base);
                let sum = writer.builder.ins().iadd(low, index);
                writer.builder.ins().ushr_imm(sum, 8)
            });
            (address, crossed)
        };
        match instruction.mode {
            Mode::ZeroPage => (Address::Constant(zero_page.into()), None),
            Mode::ZeroPageX | Mode::ZeroPageY => {
                let index = self.get(if instruction.mode == Mode::ZeroPageX { x } else { y });
                let sum = self.builder.ins().iadd_imm(index, i64::from(zero_page));
                (Address::ZeroPage(self.byte(sum)), None)
            }
            Mode::AbsoluteX | Mode::AbsoluteY => {
                let index = if instruction.mode == Mode::AbsoluteX { x } else { y };
                let base = self.number(instruction.word().into());
                let (address, crossed) = indexed(self, base, index);
                // Never across a page.
                let crossed = crossed.filter(|_| zero_page != 0);
                (Address::Indexed(instruction.word(), address), crossed)
            }
            Mode::IndirectX => {
                let x = self.get(x);
                let sum = self.builder.ins().iadd_imm(x, i64::from(zero_page));
                let pointer = self.byte(sum);
                let in_ram = self.within(pointer, 0x80, 0x7F);
                self.need(in_ram, instruction);
                let place = self.indexed(pointer);
                let offset = Board::RAM_OFFSET as i32 - 0x80;
                (Address::Computed(self.builder.ins().uload16(I32, MemFlags::trusted(), place, offset)), None)
            }
            Mode::IndirectY => {
                let offset = Board::RAM_OFFSET as i32 + i32::from(zero_page) - 0x80;
                let base = self.builder.ins().uload16(I32, MemFlags::trusted(), self.board, offset);
                let (address, crossed) = indexed(self, base, y);
                (Address::Computed(address), crossed)
            }
            _ => (Address::Constant(instruction.word()), None),
        }
    }

    /// Reads the operand of an instruction at `address`. `crossed` is 1 if that takes a cycle more.
    fn read(&mut self, instruction: &Instruction, address: &Address, crossed: Option<Value>) -> Operand {
        let cycles = cycles(instruction.opcode);
        let plain = |value| Operand { value, switches: None };
        match *address {
            Address::Constant(address) if address & 0x1280 == 0x0080 => {
                plain(self.load_byte(Board::RAM_OFFSET + usize::from(address & 0x7F)))
            }
            Address::Constant(address) => {
                if let Some(byte) = self.cartridge.plain(address).filter(|_| address & 0x1000 != 0) {
                    return plain(self.number(byte.into()));
                }
                self.close_log();
                let bus = instruction.operands[usize::from(bytes(instruction.mode)) - 2];
                let (number, bus) = (self.number(address.into()), self.number(bus.into()));
                let read = self.call_read(number, cycles, bus);
                let can_switch = address & 0x1000 != 0 || self.cartridge.claims_low_addresses();
                let switches = can_switch.then(|| self.builder.ins().band_imm(read, 0x100));
                Operand { value: self.byte(read), switches }
            }
            Address::ZeroPage(address) if instruction.operands[0] < 0x80 && !self.cartridge.claims_low_addresses() => {
                // The TIA's, probably.
                self.close_log();
                let bus = self.number(instruction.operands[0].into());
                plain(self.call_read(address, cycles, bus))
            }
            Address::ZeroPage(address) => {
                let in_ram = self.builder.ins().band_imm(address, 0x80);
                self.need(in_ram, instruction);
                plain(self.load_indexed(Board::RAM_OFFSET - 0x80, address))
            }
            Address::Indexed(base, _) if self.is_plain_page(base) => {
                let index = self.get(self.index(instruction));
                plain(self.load_indexed(Board::WINDOW_OFFSET + usize::from(base & 0x0FFF), index))
            }
            Address::Indexed(base, address) if base & 0x1280 == 0 && !self.cartridge.claims_low_addresses() => {
                // The TIA's or the RIOT's; that it may reach the window is for the interpreter.
                let below = self.builder.ins().band_imm(address, 0x1000);
                let below = self.is(IntCC::Equal, below, 0);
                self.need(below, instruction);
                self.close_log();
                let bus = self.number(instruction.operands[1].into());
                let mut now = self.now(cycles);
                if let Some(crossed) = crossed {
                    now = self.builder.ins().iadd(now, crossed);
                }
                let call = self.builder.ins().call(self.helpers.read, &[self.board, address, now, bus]);
                plain(self.builder.inst_results(call)[0])
            }
            Address::Indexed(base, address) if base & 0x1000 == 0 => {
                let in_ram = self.is_ram(address);
                self.need(in_ram, instruction);
                plain(self.load_ram(address))
            }
            Address::Indexed(_, address) => {
                let (place, in_window) = self.in_window(address);
                self.need(in_window, instruction);
                plain(self.load_window(place))
            }
            Address::Computed(address) => {
                let join = self.builder.create_block();
                let value = self.builder.append_block_param(join, I32);
                let (place, in_window) = self.in_window(address);
                let (then, other) = self.unless(in_window);
                self.builder.switch_to_block(other);
                let in_ram = self.is_ram(address);
                self.need(in_ram, instruction);
                let byte = self.load_ram(address);
                self.builder.ins().jump(join, &[byte.into()]);
                self.builder.switch_to_block(then);
                let byte = self.load_window(place);
                self.builder.ins().jump(join, &[byte.into()]);
                self.builder.switch_to_block(join);
                plain(value)
            }
        }
    }

    /// A read by the board, `cycles` into the instruction, with `bus` on the data bus before.
    fn call_read(&mut self, address: Value, cycles: u32, bus: Value) -> Value {
        let now = self.now(cycles);
        let call = self.builder.ins().call(self.helpers.read, &[self.board, address, now, bus]);
        self.builder.inst_results(call)[0]
    }

    /// The index register of an instruction.
    fn index(&self, instruction: &Instruction) -> Variable {
        match instruction.mode {
            Mode::AbsoluteX | Mode::ZeroPageX | Mode::IndirectX => self.variables.x,
            _ => self.variables.y,
        }
    }

    /// Whether `base` and the 255 bytes behind it are plain ROM, and the window does not end there.
    fn is_plain_page(&self, base: u16) -> bool {
        let offset = usize::from(base & 0x0FFF);
        base & 0x1000 != 0 && self.plain.start <= offset && offset + 0xFF < self.plain.end
    }

    fn is_ram(&mut self, address: Value) -> Value {
        let bits = self.builder.ins().band_imm(address, 0x1280);
        self.is(IntCC::Equal, bits, 0x0080)
    }

    fn load_ram(&mut self, address: Value) -> Value {
        let place = self.builder.ins().band_imm(address, 0x7F);
        self.load_indexed(Board::RAM_OFFSET, place)
    }

    /// The place of `address` behind the first plain byte of the window, and whether it is plain.
    fn in_window(&mut self, address: Value) -> (Value, Value) {
        let address = self.builder.ins().band_imm(address, 0x1FFF);
        let place = self.builder.ins().iadd_imm(address, -(0x1000 + self.plain.start as i64));
        let inside = self.is(IntCC::UnsignedLessThan, place, self.plain.len() as i64);
        (place, inside)
    }

    fn load_window(&mut self, place: Value) -> Value {
        self.load_indexed(Board::WINDOW_OFFSET + self.plain.start, place)
    }

    /// The last thing an instruction does, whose cycles have passed: a write of `value`. What it leads to may be another
    /// instruction than the next one.
    fn write(&mut self, address: &Address, value: Value, next: u16) {
        let (in_ram, address, offset) = match *address {
            Address::Constant(address) if address & 0x1280 == 0x0080 => {
                self.store_byte(value, Board::RAM_OFFSET + usize::from(address & 0x7F));
                return;
            }
            Address::Constant(address) if self.is_written_later(address) => {
                self.write_later(address as u8 & 0x3F, value);
                return;
            }
            Address::Constant(address) => {
                self.close_log();
                let number = self.number(address.into());
                self.call_write(number, value, next);
                return;
            }
            Address::ZeroPage(address) => {
                (self.builder.ins().band_imm(address, 0x80), address, Board::RAM_OFFSET - 0x80)
            }
            Address::Indexed(_, address) | Address::Computed(address) => {
                (self.is_ram(address), address, Board::RAM_OFFSET)
            }
        };
        self.close_log();
        let join = self.builder.create_block();
        let (then, other) = self.unless(in_ram);
        self.builder.switch_to_block(other);
        self.call_write(address, value, next);
        self.builder.ins().jump(join, &[]);
        self.builder.switch_to_block(then);
        let place = if offset == Board::RAM_OFFSET { self.builder.ins().band_imm(address, 0x7F) } else { address };
        self.store_indexed(value, offset, place);
        self.builder.ins().jump(join, &[]);
        self.builder.switch_to_block(join);
    }

    /// Has the board write; leaves if it says stop.
    fn call_write(&mut self, address: Value, value: Value, next: u16) {
        let now = self.now(0);
        let call = self.builder.ins().call(self.helpers.write, &[self.board, address, value, now]);
        let written = self.builder.inst_results(call)[0];
        let cycles = self.builder.ins().ireduce(I32, written);
        let cycles = self.builder.ins().iadd_imm(cycles, -i64::from(self.cycles));
        self.set(self.variables.cycles, cycles);
        let stop = self.builder.ins().ushr_imm(written, 32);
        let go_on = self.is(IntCC::Equal, stop, 0);
        let (then, other) = self.unless(go_on);
        self.builder.switch_to_block(other);
        self.leave_for(next, JUMPED);
        self.builder.switch_to_block(then);
    }
}

/// An operand that was read.
struct Operand {
    value: Value,
    /// Not 0 if the window shows something else now.
    switches: Option<Value>,
}

/// Instructions.
impl Writer<'_, '_> {
    fn block(&mut self, code: &Code) {
        let block = self.blocks[&code.start];
        self.builder.switch_to_block(block);
        (self.cycles, self.executed) = (0, 0);
        (self.log, self.sign_and_zero) = (None, SignAndZero::Unknown);
        if self.region.heads.contains(&code.start) {
            self.look_at_left(code.start);
        }
        self.prepare_log(code);
        for instruction in &code.instructions {
            if !self.instruction(instruction) {
                return;
            }
        }
        self.settle_accounts();
        self.go(code.next);
    }

    /// The base cycles of an instruction have passed, and it counts as executed.
    fn pass(&mut self, instruction: &Instruction) {
        self.cycles += cycles(instruction.opcode);
        self.executed += 1;
    }

    /// Writes an instruction; whether the block goes on behind it.
    fn instruction(&mut self, instruction: &Instruction) -> bool {
        use Operation as O;
        let Variables { a, x, .. } = self.variables;
        match instruction.operation {
            O::Load(_) | O::LoadAX | O::Ora | O::And | O::Eor | O::Adc | O::Sbc | O::Compare(_) | O::Bit => {
                self.reading(instruction);
            }
            O::Nop if instruction.mode != Mode::Implied => self.reading(instruction),
            O::Nop | O::ClearDecimal => self.pass(instruction),
            O::Store(_) | O::StoreAX => {
                let (address, _) = self.address(instruction, false);
                self.pass(instruction);
                let value = match instruction.operation {
                    O::Store(register) => self.get(self.register(register)),
                    _ => {
                        let (a, x) = (self.get(a), self.get(x));
                        self.builder.ins().band(a, x)
                    }
                };
                self.write(&address, value, instruction.next());
            }
            O::Modify(change) | O::ModifyThen(change, _) => {
                let (address, _) = self.address(instruction, false);
                let operand = self.read(instruction, &address, None);
                self.pass(instruction);
                let result = self.change(change, operand.value);
                if let O::ModifyThen(_, then) = instruction.operation {
                    self.with(
                        match then {
                            Then::Ora => O::Ora,
                            Then::And => O::And,
                            Then::Eor => O::Eor,
                            Then::Adc => O::Adc,
                            Then::Sbc => O::Sbc,
                            Then::Compare => O::Compare(Register::A),
                        },
                        result,
                    );
                }
                self.write(&address, result, instruction.next());
                self.leave_if(operand.switches, instruction.next());
            }
            O::Accumulator(change) => {
                self.pass(instruction);
                let operand = self.get(a);
                let result = self.change(change, operand);
                self.set(a, result);
            }
            O::Step(register, step) => {
                self.pass(instruction);
                let value = self.get(self.register(register));
                let value = self.builder.ins().iadd_imm(value, i64::from(step));
                let value = self.byte(value);
                self.load_register(register, value);
            }
            O::Transfer(from, to) => {
                self.pass(instruction);
                let value = self.get(self.register(from));
                self.load_register(to, value);
            }
            O::StackToX => {
                self.pass(instruction);
                let value = self.load_byte(SP);
                self.load_register(Register::X, value);
            }
            O::XToStack => {
                self.pass(instruction);
                let value = self.get(x);
                self.store_byte(value, SP);
            }
            O::SetCarry(carry) => {
                self.pass(instruction);
                let carry = self.number(carry.into());
                self.set(self.variables.carry, carry);
            }
            O::SetInterruptDisable(disable) => {
                self.pass(instruction);
                self.store_constant(disable.into(), INTERRUPT_DISABLE);
            }
            O::ClearOverflow => {
                self.pass(instruction);
                let overflow = self.number(0);
                self.set(self.variables.overflow, overflow);
            }
            O::PushA | O::PushStatus => {
                self.pass(instruction);
                let value = if instruction.operation == O::PushA { self.get(a) } else { self.status() };
                let sp = self.load_byte(SP);
                let below = self.builder.ins().iadd_imm(sp, -1);
                self.store_byte(below, SP);
                let address = self.builder.ins().bor_imm(sp, 0x0100);
                self.write(&Address::Computed(address), value, instruction.next());
            }
            O::PullA | O::PullStatus => {
                let value = self.pull(instruction);
                if instruction.operation == O::PullA {
                    self.load_register(Register::A, value);
                } else {
                    self.set_status(value);
                    let decimal = self.builder.ins().band_imm(value, 0x08);
                    self.store_byte(decimal, DECIMAL);
                    self.leave_if(Some(decimal), instruction.next());
                }
            }
            O::Branch(condition, when) => {
                self.branch(instruction, condition, when);
                return false;
            }
            O::Jump => {
                self.pass(instruction);
                self.settle(instruction.operands[1]);
                self.settle_accounts();
                self.go(instruction.word());
                return false;
            }
            O::JumpIndirect => {
                self.jump_indirect(instruction);
                return false;
            }
            O::Call => {
                let sp = self.load_byte(SP);
                let in_ram = self.within(sp, 0x81, 0x7F);
                self.need(in_ram, instruction);
                self.pass(instruction);
                let place = self.indexed(sp);
                let pushed = instruction.next().wrapping_sub(1);
                let pushed = self.number(pushed.into());
                let offset = Board::RAM_OFFSET as i32 - 0x80 - 1;
                self.builder.ins().istore16(MemFlags::trusted(), pushed, place, offset);
                let below = self.builder.ins().iadd_imm(sp, -2);
                self.store_byte(below, SP);
                self.settle(instruction.operands[1]);
                self.settle_accounts();
                self.go(instruction.word());
                return false;
            }
            O::Return => {
                self.return_from(instruction);
                return false;
            }
        }
        true
    }

    /// The byte that PLA or PLP pulls. Programs pull from the TIA too.
    fn pull(&mut self, instruction: &Instruction) -> Value {
        let sp = self.load_byte(SP);
        // The byte under the stack pointer is read too.
        let in_ram = self.within(sp, 0x80, 0x7F);
        if self.cartridge.claims_low_addresses() {
            self.need(in_ram, instruction);
        } else {
            self.close_log();
        }
        self.pass(instruction);
        let above = self.builder.ins().iadd_imm(sp, 1);
        self.store_byte(above, SP);
        let join = self.builder.create_block();
        let value = self.builder.append_block_param(join, I32);
        let (then, other) = self.unless(in_ram);
        self.builder.switch_to_block(other);
        let mut bus = self.number(instruction.opcode.into());
        for sp in [sp, above] {
            let sp = self.byte(sp);
            let address = self.builder.ins().bor_imm(sp, 0x0100);
            bus = self.call_read(address, 0, bus);
        }
        self.builder.ins().jump(join, &[bus.into()]);
        self.builder.switch_to_block(then);
        let byte = self.load_indexed(Board::RAM_OFFSET - 0x80 + 1, sp);
        self.builder.ins().jump(join, &[byte.into()]);
        self.builder.switch_to_block(join);
        value
    }

    /// An instruction that reads its operand and then works on registers.
    fn reading(&mut self, instruction: &Instruction) {
        let (value, crossed, switches) = if instruction.mode == Mode::Immediate {
            (self.number(instruction.operands[0].into()), None, None)
        } else {
            let (address, crossed) = self.address(instruction, true);
            let Operand { value, switches } = self.read(instruction, &address, crossed);
            (value, crossed, switches)
        };
        self.pass(instruction);
        if let Some(crossed) = crossed {
            let cycles = self.get(self.variables.cycles);
            let cycles = self.builder.ins().iadd(cycles, crossed);
            self.set(self.variables.cycles, cycles);
        }
        self.with(instruction.operation, value);
        self.leave_if(switches, instruction.next());
    }

    /// Leaves behind an instruction if `switches` is not 0.
    fn leave_if(&mut self, switches: Option<Value>, next: u16) {
        if let Some(switches) = switches {
            let stays = self.is(IntCC::Equal, switches, 0);
            let (then, other) = self.unless(stays);
            self.builder.switch_to_block(other);
            self.leave_for(next, JUMPED);
            self.builder.switch_to_block(then);
        }
    }

    /// What an operation does with its operand.
    fn with(&mut self, operation: Operation, operand: Value) {
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
            O::Compare(register) => {
                let register = self.get(self.register(register));
                let carry = self.builder.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, register, operand);
                let carry = self.builder.ins().uextend(I32, carry);
                self.set(self.variables.carry, carry);
                let difference = self.builder.ins().isub(register, operand);
                let difference = self.byte(difference);
                self.set_nz(difference);
                self.sign_and_zero = SignAndZero::Difference(register, operand, difference);
            }
            O::Bit => {
                let overflow = self.builder.ins().ishl_imm(operand, 1);
                self.set(self.variables.overflow, overflow);
                let negative = self.builder.ins().band_imm(operand, 0x80);
                let negative = self.builder.ins().ishl_imm(negative, 8);
                let zero = self.builder.ins().band(accumulator, operand);
                let value = self.builder.ins().bor(negative, zero);
                self.set(self.variables.sign_and_zero, value);
                self.sign_and_zero = SignAndZero::Unknown;
            }
            _ => {}
        }
    }

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

    fn change(&mut self, change: Change, operand: Value) -> Value {
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

    /// See [`crate::cpu::Cpu::status`].
    fn status(&mut self) -> Value {
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

    /// See [`crate::cpu::Cpu::set_status`].
    fn set_status(&mut self, status: Value) {
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
    }
}

/// Jumps.
impl Writer<'_, '_> {
    /// Not 0 if the branch's condition holds.
    fn condition(&mut self, condition: Condition) -> Value {
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

    fn branch(&mut self, instruction: &Instruction, condition: Condition, when: bool) {
        self.pass(instruction);
        let holds = self.condition(condition);
        self.settle_accounts();
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
        self.settle(instruction.operands[0]);
        if let Some(pass) = self.pass_of_a_wait(instruction, more) {
            self.wait_for_the_timer(target, pass);
        }
        self.go(target);
        if goes_on.is_none() {
            self.builder.switch_to_block(not_taken);
            self.leave_for(instruction.next(), JUMPED);
        }
    }

    /// The cycles of a pass if a branch may end one that only waits for the timer; see `Running::skip_idle_passes`.
    fn pass_of_a_wait(&self, branch: &Instruction, more: u32) -> Option<u32> {
        if branch.operands[0] as i8 != POLLING_OFFSET || branch.target() & 0x1000 == 0 {
            return None;
        }
        let [opcode, low, high] = self.cartridge.look_ahead_carefully(branch.target())?;
        let polls = matches!(opcode, 0x2C | 0xAC..=0xAE) && u16::from_le_bytes([low, high]) & 0x1284 == 0x0284;
        polls.then(|| cycles(opcode) + cycles(branch.opcode) + more)
    }

    fn wait_for_the_timer(&mut self, target: u16, pass: u32) {
        for (offset, variable) in self.kept() {
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

    fn jump_indirect(&mut self, instruction: &Instruction) {
        let low = instruction.word();
        let high = low & 0xFF00 | low.wrapping_add(1) & 0x00FF;
        let in_ram = |address: u16| address & 0x1280 == 0x0080;
        if !in_ram(low) || !in_ram(high) {
            self.leave_for(instruction.pc, INTERPRET);
            return;
        }
        self.pass(instruction);
        let [low, high] = [low, high].map(|address| self.load_byte(Board::RAM_OFFSET + usize::from(address & 0x7F)));
        self.store_byte(high, Board::DATA_BUS_OFFSET);
        let high = self.builder.ins().ishl_imm(high, 8);
        let target = self.builder.ins().bor(high, low);
        self.settle_accounts();
        self.go_somewhere(target);
    }

    /// Goes on at a computed address: where such jumps often lead, or outside. Accounts are settled.
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
        self.leave(target, JUMPED);
    }

    /// RTS. Where it may go is known often; a comparison with that is predicted, a jump through a table is not.
    fn return_from(&mut self, instruction: &Instruction) {
        let sp = self.load_byte(SP);
        let in_ram = self.within(sp, 0x80, 0x7E);
        self.need(in_ram, instruction);
        let place = self.indexed(sp);
        let offset = Board::RAM_OFFSET as i32 - 0x80 + 1;
        let pulled = self.builder.ins().uload16(I32, MemFlags::trusted(), place, offset);
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
            // The last byte of the call.
            self.settle(call.operands[1]);
            self.settle_accounts();
            self.go(call.next());
            (self.cycles, self.executed, self.log) = (before, executed, log);
            self.builder.switch_to_block(other);
        }
        // The byte before the target is read; what else that may do is for the interpreter.
        let (place, in_window) = self.in_window(pulled);
        self.need(in_window, instruction);
        let byte = self.load_window(place);
        self.pass(instruction);
        self.store_byte(above, SP);
        self.store_byte(byte, Board::DATA_BUS_OFFSET);
        let target = self.builder.ins().iadd_imm(pulled, 1);
        let target = self.builder.ins().band_imm(target, 0xFFFF);
        self.settle_accounts();
        self.go_somewhere(target);
    }
}

/// A branch back by this much goes to the instruction before it, if that has three bytes.
const POLLING_OFFSET: i8 = -5;
/// Targets that a return is compared with, at most.
const MOST_RETURNS: usize = 6;
/// Targets that any other computed jump is compared with, at most.
const MOST_UNNAMED: usize = 8;
