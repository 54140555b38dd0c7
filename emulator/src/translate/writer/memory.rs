//! Reads and writes of memory, and the instructions that work on it.

use super::{Left, Writer, SP};
use crate::board::Board;
use crate::opcode::Mode;
use crate::translate::meaning::{cycles, Change, Operation, Register, Then};
use crate::translate::region::Instruction;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I32;
use cranelift_codegen::ir::{Endianness, InstBuilder, MemFlags, Value};
use cranelift_frontend::Variable;

/// Two bytes of RAM that hold an address: they may be unaligned, and the low byte comes first on any host.
const WORD_OF_RAM: MemFlags = MemFlags::new().with_notrap().with_endianness(Endianness::Little);

/// Offset in the board of what zero-page address 0 would be if RAM, at $80 to $FF, began there.
const ZERO_PAGE: i32 = Board::RAM_OFFSET as i32 - 0x80;

/// The address of an access.
pub(super) enum Address {
    Constant(u16),
    /// Somewhere in the zero page.
    ZeroPage(Value),
    /// The second address, at most 255 bytes after the first.
    Indexed(u16, Value),
    Computed(Value),
}

/// An operand that was read.
pub(super) struct Operand {
    value: Value,
    /// Not 0 if the window's contents have changed.
    switches: Option<Value>,
}

impl Operand {
    /// An operand whose read switches no bank.
    fn plain(value: Value) -> Self {
        Self { value, switches: None }
    }
}

/// RAM and the window.
impl Writer<'_, '_> {
    /// Loads the two bytes of RAM at a constant zero-page address, as an address.
    fn load_pointer(&mut self, pointer: u8) -> Value {
        self.builder.ins().uload16(I32, WORD_OF_RAM, self.board, ZERO_PAGE + i32::from(pointer))
    }

    /// Loads the two bytes of RAM at zero-page address `index + offset`, as an address.
    pub(super) fn load_word_of_ram(&mut self, index: Value, offset: i32) -> Value {
        let place = self.indexed(index);
        self.builder.ins().uload16(I32, WORD_OF_RAM, place, ZERO_PAGE + offset)
    }

    /// Stores an address into the two bytes of RAM at zero-page address `index + offset`.
    pub(super) fn store_word_of_ram(&mut self, word: u16, index: Value, offset: i32) {
        let place = self.indexed(index);
        let word = self.number(word.into());
        self.builder.ins().istore16(WORD_OF_RAM, word, place, ZERO_PAGE + offset);
    }

    /// Whether RAM is at `address`.
    fn is_ram(&mut self, address: Value) -> Value {
        let bits = self.builder.ins().band_imm(address, 0x1280);
        self.is(IntCC::Equal, bits, 0x0080)
    }

    fn load_ram(&mut self, address: Value) -> Value {
        let place = self.builder.ins().band_imm(address, 0x7F);
        self.load_indexed(Board::RAM_OFFSET, place)
    }

    /// How far `address` lies after the first plain byte of the window, and whether it is plain.
    pub(super) fn in_window(&mut self, address: Value) -> (Value, Value) {
        let address = self.builder.ins().band_imm(address, 0x1FFF);
        let place = self.builder.ins().iadd_imm(address, -(0x1000 + self.plain.start as i64));
        let inside = self.is(IntCC::UnsignedLessThan, place, self.plain.len() as i64);
        (place, inside)
    }

    /// Loads the byte at such a place.
    pub(super) fn load_window(&mut self, place: Value) -> Value {
        self.load_indexed(Board::WINDOW_OFFSET + self.plain.start, place)
    }

    /// Whether `base` and the 255 bytes after it are plain ROM, and the window does not end there.
    fn is_plain_page(&self, base: u16) -> bool {
        let offset = usize::from(base & 0x0FFF);
        base & 0x1000 != 0 && self.plain.start <= offset && offset + 0xFF < self.plain.end
    }
}

/// Addresses and reads.
impl Writer<'_, '_> {
    /// The address of an instruction's operand. For a read that takes one more cycle when it crosses a page, also a
    /// value that is 1 if it does.
    fn address(&mut self, instruction: &Instruction, reads: bool) -> (Address, Option<Value>) {
        let zero_page = instruction.operands[0];
        match instruction.mode {
            Mode::ZeroPage => (Address::Constant(zero_page.into()), None),
            Mode::ZeroPageX | Mode::ZeroPageY => {
                let index = self.get(self.index(instruction));
                let sum = self.builder.ins().iadd_imm(index, i64::from(zero_page));
                (Address::ZeroPage(self.byte(sum)), None)
            }
            Mode::AbsoluteX | Mode::AbsoluteY => {
                let base = self.number(instruction.word().into());
                let (address, crossed) = self.add_index(instruction, base, reads);
                // A base at the start of a page never crosses one.
                let crossed = crossed.filter(|_| zero_page != 0);
                (Address::Indexed(instruction.word(), address), crossed)
            }
            Mode::IndirectX => {
                let x = self.get(self.variables.x);
                let sum = self.builder.ins().iadd_imm(x, i64::from(zero_page));
                let pointer = self.byte(sum);
                let in_ram = self.within(pointer, 0x80, 0x7F);
                self.need(in_ram, instruction);
                (Address::Computed(self.load_word_of_ram(pointer, 0)), None)
            }
            Mode::IndirectY => {
                let base = self.load_pointer(zero_page);
                let (address, crossed) = self.add_index(instruction, base, reads);
                (Address::Computed(address), crossed)
            }
            _ => (Address::Constant(instruction.word()), None),
        }
    }

    /// `base` plus the index register, and for reads whether that crossed a page.
    fn add_index(&mut self, instruction: &Instruction, base: Value, reads: bool) -> (Value, Option<Value>) {
        let index = self.get(self.index(instruction));
        let address = self.builder.ins().iadd(base, index);
        let address = self.builder.ins().band_imm(address, 0xFFFF);
        let crossed = reads.then(|| {
            let low = self.byte(base);
            let sum = self.builder.ins().iadd(low, index);
            self.builder.ins().ushr_imm(sum, 8)
        });
        (address, crossed)
    }

    /// The index register of an instruction.
    fn index(&self, instruction: &Instruction) -> Variable {
        match instruction.mode {
            Mode::AbsoluteX | Mode::ZeroPageX | Mode::IndirectX => self.variables.x,
            _ => self.variables.y,
        }
    }

    /// Reads the operand of an instruction at `address`. `crossed` is 1 if that takes a cycle more.
    fn read(&mut self, instruction: &Instruction, address: &Address, crossed: Option<Value>) -> Operand {
        match *address {
            Address::Constant(address) => self.read_constant(instruction, address),
            Address::ZeroPage(address) if instruction.operands[0] < 0x80 && !self.cartridge.claims_low_addresses() => {
                // Probably a register of the TIA.
                self.close_log();
                let bus = self.number(instruction.operands[0].into());
                Operand::plain(self.call_read(address, cycles(instruction.opcode), bus))
            }
            Address::ZeroPage(address) => {
                let in_ram = self.builder.ins().band_imm(address, 0x80);
                self.need(in_ram, instruction);
                Operand::plain(self.load_indexed(Board::RAM_OFFSET - 0x80, address))
            }
            Address::Indexed(base, address) => Operand::plain(self.read_indexed(instruction, base, address, crossed)),
            Address::Computed(address) => Operand::plain(self.read_computed(instruction, address)),
        }
    }

    fn read_constant(&mut self, instruction: &Instruction, address: u16) -> Operand {
        if address & 0x1280 == 0x0080 {
            return Operand::plain(self.load_byte(Board::RAM_OFFSET + usize::from(address & 0x7F)));
        }
        if let Some(byte) = self.cartridge.plain(address).filter(|_| address & 0x1000 != 0) {
            return Operand::plain(self.number(byte.into()));
        }
        self.close_log();
        let bus = instruction.operands[usize::from(instruction.mode.bytes()) - 2];
        let (number, bus) = (self.number(address.into()), self.number(bus.into()));
        let read = self.call_read(number, cycles(instruction.opcode), bus);
        let can_switch = address & 0x1000 != 0 || self.cartridge.claims_low_addresses();
        let switches = can_switch.then(|| self.builder.ins().band_imm(read, 0x100));
        Operand { value: self.byte(read), switches }
    }

    /// Reads `address`, which is at most 255 bytes after `base`.
    fn read_indexed(&mut self, instruction: &Instruction, base: u16, address: Value, crossed: Option<Value>) -> Value {
        if self.is_plain_page(base) {
            let index = self.get(self.index(instruction));
            self.load_indexed(Board::WINDOW_OFFSET + usize::from(base & 0x0FFF), index)
        } else if base & 0x1280 == 0 && !self.cartridge.claims_low_addresses() {
            // The TIA or the RIOT. If the index reaches the window, the interpreter reads.
            let below = self.builder.ins().band_imm(address, 0x1000);
            let below = self.is(IntCC::Equal, below, 0);
            self.need(below, instruction);
            self.close_log();
            let bus = self.number(instruction.operands[1].into());
            let mut now = self.now(cycles(instruction.opcode));
            if let Some(crossed) = crossed {
                now = self.builder.ins().iadd(now, crossed);
            }
            let call = self.builder.ins().call(self.helpers.read, &[self.board, address, now, bus]);
            self.builder.inst_results(call)[0]
        } else if base & 0x1000 == 0 {
            let in_ram = self.is_ram(address);
            self.need(in_ram, instruction);
            self.load_ram(address)
        } else {
            let (place, in_window) = self.in_window(address);
            self.need(in_window, instruction);
            self.load_window(place)
        }
    }

    /// Reads the window or RAM; any other address is left to the interpreter.
    fn read_computed(&mut self, instruction: &Instruction, address: Value) -> Value {
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
        value
    }

    /// Lets the board read, `cycles` cycles into the instruction and with `bus` as the last byte on the data bus.
    fn call_read(&mut self, address: Value, cycles: u32, bus: Value) -> Value {
        let now = self.now(cycles);
        let call = self.builder.ins().call(self.helpers.read, &[self.board, address, now, bus]);
        self.builder.inst_results(call)[0]
    }
}

/// Writes to memory.
impl Writer<'_, '_> {
    /// Writes `value`: the last thing that an instruction does, when its cycles have passed. `next` is the address of the next
    /// instruction, where translated code is left if the write stops the CPU or switches banks.
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

    /// Lets the board write. Leaves if the frame ends or the window's contents change.
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
        self.leave_for(next, Left::Jumped);
        self.builder.switch_to_block(then);
    }
}

/// Instructions that access memory.
impl Writer<'_, '_> {
    /// An instruction that reads its operand and then works on registers.
    pub(super) fn operate(&mut self, instruction: &Instruction) {
        let (value, crossed, switches) = match instruction.mode {
            Mode::Implied => {
                self.pass(instruction);
                return;
            }
            Mode::Immediate => (self.number(instruction.operands[0].into()), None, None),
            _ => {
                let (address, crossed) = self.address(instruction, true);
                let Operand { value, switches } = self.read(instruction, &address, crossed);
                (value, crossed, switches)
            }
        };
        self.pass(instruction);
        if let Some(crossed) = crossed {
            let cycles = self.get(self.variables.cycles);
            let cycles = self.builder.ins().iadd(cycles, crossed);
            self.set(self.variables.cycles, cycles);
        }
        self.apply(instruction.operation, value);
        self.leave_if(switches, instruction.next());
    }

    /// STA, STX, STY and SAX.
    pub(super) fn store_register(&mut self, instruction: &Instruction) {
        let (address, _) = self.address(instruction, false);
        self.pass(instruction);
        let value = match instruction.operation {
            Operation::Store(register) => self.get(self.register(register)),
            _ => {
                let (a, x) = (self.get(self.variables.a), self.get(self.variables.x));
                self.builder.ins().band(a, x)
            }
        };
        self.write(&address, value, instruction.next());
    }

    /// A read-modify-write. Undocumented ones apply another operation to the result.
    pub(super) fn modify(&mut self, instruction: &Instruction, change: Change, then: Option<Then>) {
        let (address, _) = self.address(instruction, false);
        let operand = self.read(instruction, &address, None);
        self.pass(instruction);
        let result = self.change(change, operand.value);
        if let Some(then) = then {
            self.apply_then(then, result);
        }
        self.write(&address, result, instruction.next());
        self.leave_if(operand.switches, instruction.next());
    }

    /// PHA and PHP.
    pub(super) fn push(&mut self, instruction: &Instruction) {
        self.pass(instruction);
        let value = if instruction.operation == Operation::PushA { self.get(self.variables.a) } else { self.status() };
        let sp = self.load_byte(SP);
        let below = self.builder.ins().iadd_imm(sp, -1);
        self.store_byte(below, SP);
        let address = self.builder.ins().bor_imm(sp, 0x0100);
        self.write(&Address::Computed(address), value, instruction.next());
    }

    /// PLA.
    pub(super) fn pull_a(&mut self, instruction: &Instruction) {
        let value = self.pull(instruction);
        self.load_register(Register::A, value);
    }

    /// PLP. If it sets decimal mode, the interpreter continues.
    pub(super) fn pull_status(&mut self, instruction: &Instruction) {
        let value = self.pull(instruction);
        let decimal = self.set_status(value);
        self.leave_if(Some(decimal), instruction.next());
    }

    /// The byte that PLA or PLP pulls. Programs pull from the TIA too.
    fn pull(&mut self, instruction: &Instruction) -> Value {
        let sp = self.load_byte(SP);
        // The byte at the stack pointer is read first, and then the one above it.
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
}
