//! Which code is translated together.
//!
//! A region is what can be reached from an address by branches, jumps and calls with known targets, as far as jumps went there
//! before and as far as it is plain ROM. It becomes one function of the host, so that all these jumps are the host's own.

use super::meaning::{bytes, bytes_of, decode, Mode, Operation};
use super::MOST_BETWEEN_LOOKS;
use crate::cartridge::Cartridge;
use std::collections::{BTreeMap, HashSet};

/// Instructions in a region, at most.
const MOST_INSTRUCTIONS: usize = MOST_BETWEEN_LOOKS as usize;
/// Instructions in a block, at most: so many writes to the TIA fit into its log in any case.
const MOST_IN_BLOCK: usize = 64;

/// An instruction that is translated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Instruction {
    pub(super) pc: u16,
    pub(super) opcode: u8,
    pub(super) operation: Operation,
    pub(super) mode: Mode,
    /// The bytes behind the opcode, whether they belong to it or not.
    pub(super) operands: [u8; 2],
}

impl Instruction {
    /// Where the next one lies.
    pub(super) fn next(&self) -> u16 {
        self.pc.wrapping_add(bytes(self.mode))
    }

    /// The operand of two bytes.
    pub(super) fn word(&self) -> u16 {
        u16::from_le_bytes(self.operands)
    }

    /// The target of a branch.
    pub(super) fn target(&self) -> u16 {
        self.next().wrapping_add_signed((self.operands[0] as i8).into())
    }

    fn ends_block(&self) -> bool {
        use Operation::{Branch, Call, Jump, JumpIndirect, Return};
        matches!(self.operation, Branch(..) | Jump | JumpIndirect | Call | Return)
    }
}

/// Instructions that are executed one after the other; only the last one can be a jump.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) start: u16,
    pub(super) instructions: Vec<Instruction>,
    /// Where it goes on if the last one is no jump.
    pub(super) next: u16,
    /// Whether the interpreter may enter here.
    pub(super) entry: bool,
}

/// Code that is translated together.
#[derive(Debug)]
pub(super) struct Region {
    /// By the address of their first instruction.
    pub(super) blocks: Vec<Block>,
    /// Instructions in all of them.
    pub(super) size: usize,
    /// For the address of a return, where it may go: behind these calls.
    pub(super) returns: BTreeMap<u16, Vec<Instruction>>,
    /// Where jumps often go that no instruction here names.
    pub(super) unnamed: Vec<u16>,
    /// Targets of jumps back: every way that executes an instruction twice goes over one of them.
    pub(super) heads: HashSet<u16>,
}

impl Region {
    /// The code around `roots`, which have their upper bits in common. `visited` tells whether jumps went to an address
    /// often.
    pub(super) fn around(roots: &[u16], cartridge: &Cartridge, visited: impl Fn(u16) -> bool) -> Self {
        let mut found: BTreeMap<u16, Instruction> = BTreeMap::new();
        // What begins a block, and whether it can be entered.
        let mut leaders: BTreeMap<u16, bool> = roots.iter().map(|&root| (root, true)).collect();
        // The last one is the first to be looked at.
        let mut open: Vec<u16> = roots.iter().rev().copied().collect();
        while let Some(mut pc) = open.pop() {
            loop {
                if found.contains_key(&pc) {
                    leaders.entry(pc).or_insert(false);
                    break;
                }
                if found.len() >= MOST_INSTRUCTIONS {
                    break;
                }
                let bytes =
                    cartridge.look_ahead_carefully(pc).filter(|_| pc & 0x1000 != 0 && pc >> 13 == roots[0] >> 13);
                let Some([opcode, operands @ ..]) = bytes else { break };
                // A pointer outside RAM is read by the interpreter.
                let known =
                    decode(opcode).filter(|&(_, mode)| mode != Mode::IndirectY || (0x80..0xFF).contains(&operands[0]));
                let Some((operation, mode)) = known else {
                    // The interpreter executes it and comes back.
                    let next = pc.wrapping_add(bytes_of(opcode));
                    if bytes_of(opcode) > 1 {
                        leaders.insert(next, true);
                        open.push(next);
                    }
                    break;
                };
                let instruction = Instruction { pc, opcode, operation, mode, operands };
                found.insert(pc, instruction);
                let mut follow = |target: u16| {
                    *leaders.entry(target).or_default() |= visited(target);
                    open.push(target);
                };
                match operation {
                    Operation::Branch(..) => {
                        let target = instruction.target();
                        if visited(target) {
                            follow(target);
                        }
                        leaders.entry(instruction.next()).or_insert(false);
                    }
                    Operation::Jump => {
                        follow(instruction.word());
                        break;
                    }
                    Operation::Call => {
                        follow(instruction.next());
                        follow(instruction.word());
                        break;
                    }
                    Operation::JumpIndirect | Operation::Return => break,
                    _ => {}
                }
                pc = instruction.next();
            }
        }
        let mut blocks = Vec::new();
        let mut starts: Vec<(u16, bool)> = leaders.iter().map(|(&start, &entry)| (start, entry)).collect();
        while let Some((start, entry)) = starts.pop() {
            let mut instructions = Vec::new();
            let mut next = start;
            while let Some(&instruction) = found.get(&next) {
                instructions.push(instruction);
                next = instruction.next();
                if instruction.ends_block() || leaders.contains_key(&next) {
                    break;
                }
                if instructions.len() == MOST_IN_BLOCK {
                    leaders.insert(next, false);
                    starts.push((next, false));
                    break;
                }
            }
            if !instructions.is_empty() {
                blocks.push(Block { start, instructions, next, entry });
            }
        }
        blocks.sort_by_key(|block| block.start);
        let returns = returns(&found);
        let named: HashSet<u16> = found
            .values()
            .filter_map(|instruction| match instruction.operation {
                Operation::Branch(..) => Some(instruction.target()),
                Operation::Jump | Operation::Call => Some(instruction.word()),
                _ => None,
            })
            .chain(returns.values().flatten().map(Instruction::next))
            .collect();
        let unnamed = roots.iter().copied().filter(|root| found.contains_key(root) && !named.contains(root)).collect();
        let mut region = Self { blocks, size: found.len(), returns, unnamed, heads: HashSet::new() };
        region.heads = region.find_heads();
        region
    }

    fn find_heads(&self) -> HashSet<u16> {
        let mut heads = HashSet::new();
        for block in &self.blocks {
            let Some(last) = block.instructions.last() else { continue };
            let back = |target: &u16| *target <= block.start;
            match last.operation {
                Operation::Branch(..) => heads.extend(Some(last.target()).filter(back)),
                Operation::Jump | Operation::Call => heads.extend(Some(last.word()).filter(back)),
                Operation::Return | Operation::JumpIndirect => {
                    let calls = self.returns.get(&last.pc);
                    heads.extend(calls.into_iter().flatten().map(Instruction::next).filter(back));
                    heads.extend(self.unnamed.iter().copied().filter(back));
                }
                _ => {}
            }
            heads.extend(Some(block.next).filter(back));
        }
        heads
    }
}

/// For the address of every return the calls that it may return from.
fn returns(found: &BTreeMap<u16, Instruction>) -> BTreeMap<u16, Vec<Instruction>> {
    let mut calls: BTreeMap<u16, Vec<Instruction>> = BTreeMap::new();
    for instruction in found.values().filter(|instruction| instruction.operation == Operation::Call) {
        calls.entry(instruction.word()).or_default().push(*instruction);
    }
    let mut returns: BTreeMap<u16, Vec<Instruction>> = BTreeMap::new();
    for (target, calls) in &mut calls {
        calls.sort_by_key(|call| call.pc);
        let mut seen = HashSet::new();
        let mut open = vec![*target];
        while let Some(pc) = open.pop() {
            let Some(instruction) = found.get(&pc) else { continue };
            if !seen.insert(pc) {
                continue;
            }
            match instruction.operation {
                Operation::Return => returns.entry(pc).or_default().extend(calls.iter()),
                Operation::Jump => open.push(instruction.word()),
                Operation::JumpIndirect => {}
                Operation::Branch(..) => open.extend([instruction.target(), instruction.next()]),
                _ => open.push(instruction.next()),
            }
        }
    }
    for calls in returns.values_mut() {
        calls.sort_by_key(|call| call.pc);
    }
    returns
}
