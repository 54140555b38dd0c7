//! Deferred writes to the TIA: translated code puts them into the TIA's log, as `Tia::write_later` does.

use super::Writer;
use crate::board::Board;
use crate::opcode::Mode;
use crate::tia::{Write, LINE_CYCLES, LOG, WSYNC};
use crate::translate::meaning::{cycles, Operation};
use crate::translate::region::{Block, Instruction};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I8};
use cranelift_codegen::ir::{InstBuilder, MemFlags, Value};
use std::mem::{align_of, offset_of, size_of};

/// The place in the TIA's log of writes.
#[derive(Clone, Copy)]
pub(super) struct Log {
    /// The number of writes in the log when the block first wrote to it.
    logged: Value,
    /// The host's address of the board, plus the size of these writes in bytes.
    address: Value,
    /// Writes that this block has added.
    written: u32,
}

// `Writer::write_later` marks the cycles of a write as aligned.
const _: () = assert!(
    Board::LOG_OFFSET.is_multiple_of(align_of::<u32>())
        && size_of::<Write>().is_multiple_of(align_of::<u32>())
        && offset_of!(Write, cycles).is_multiple_of(align_of::<u32>())
);

impl Writer<'_, '_> {
    /// Whether the instruction writes to a TIA register whose writes can be deferred.
    fn writes_later(&self, instruction: &Instruction) -> bool {
        match instruction.mode {
            Mode::ZeroPage => self.is_written_later(instruction.operands[0].into()),
            Mode::Absolute => self.is_written_later(instruction.word()),
            _ => false,
        }
    }

    /// Whether writes to this address can be deferred.
    pub(super) fn is_written_later(&self, address: u16) -> bool {
        address & 0x1080 == 0 && address as u8 & 0x3F >= WSYNC && !self.cartridge.claims_low_addresses()
    }

    /// Makes sure that all the block's writes to the TIA can be deferred, and that the log has room for them.
    pub(super) fn prepare_log(&mut self, block: &Block) {
        use Operation::{Modify, ModifyThen, PushA, PushStatus, Store, StoreAX};
        // Writes made by the board may enter the log too.
        let writing = |instruction: &&Instruction| {
            let operation = instruction.operation;
            matches!(operation, Store(_) | StoreAX | Modify(_) | ModifyThen(..) | PushA | PushStatus)
        };
        let writing: Vec<&Instruction> = block.instructions.iter().filter(writing).collect();
        if !writing.iter().any(|instruction| self.writes_later(instruction)) {
            return;
        }
        // The longest time that the block can take: a crossed page and a WSYNC in every instruction.
        let most: u32 = block.instructions.iter().map(|instruction| cycles(instruction.opcode) + 1 + LINE_CYCLES).sum();
        let until = self.load(Board::LATER_UNTIL_OFFSET);
        let last = self.now(most);
        let can_wait = self.builder.ins().icmp(IntCC::UnsignedLessThan, last, until);
        self.need(can_wait, &block.instructions[0]);
        let logged = self.load_byte(Board::LOGGED_OFFSET);
        // The last place stays free: a write into it makes the TIA execute the log.
        let fits = self.is(IntCC::UnsignedLessThan, logged, (LOG - writing.len()) as i64);
        let (then, other) = self.unless(fits);
        self.builder.switch_to_block(other);
        self.builder.ins().call(self.helpers.settle, &[self.board]);
        self.builder.ins().jump(then, &[]);
        self.builder.switch_to_block(then);
    }

    /// Where the block's next write goes.
    fn next_in_log(&mut self) -> Log {
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

    /// Stores the number of writes in the log if the block has added any.
    pub(super) fn store_logged(&mut self) {
        if let Some(Log { logged, written: written @ 1.., .. }) = self.log {
            let logged = self.builder.ins().iadd_imm(logged, i64::from(written));
            self.store_byte(logged, Board::LOGGED_OFFSET);
        }
    }

    /// Stores the number of writes before code that may change the log.
    pub(super) fn close_log(&mut self) {
        self.store_logged();
        self.log = None;
    }

    /// Adds a write to the log.
    pub(super) fn write_later(&mut self, register: u8, value: Value) {
        let log = self.next_in_log();
        let offset = |field| (Board::LOG_OFFSET + log.written as usize * size_of::<Write>() + field) as i32;
        let now = self.now(0);
        self.builder.ins().store(MemFlags::trusted(), now, log.address, offset(offset_of!(Write, cycles)));
        let number = self.builder.ins().iconst(I8, i64::from(register));
        self.builder.ins().store(MemFlags::trusted(), number, log.address, offset(offset_of!(Write, register)));
        self.builder.ins().istore8(MemFlags::trusted(), value, log.address, offset(offset_of!(Write, value)));
        self.log = Some(Log { written: log.written + 1, ..log });
        if register == WSYNC {
            self.wait_for_line(now);
        }
    }

    /// Waits until the next line starts, as `Tia::wait` does.
    fn wait_for_line(&mut self, now: Value) {
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
