//! Finds code to translate together.
//!
//! A region begins at addresses to which jumps went before. It is the code in plain ROM that branches, jumps and calls
//! with known targets reach from there. It becomes one function of the host, so all these jumps are the host's own.

use super::meaning::{decode, Operation};
use super::MOST_BETWEEN_LOOKS;
use crate::cartridge::Cartridge;
use crate::opcode::{Mode, Opcode};
use crate::tia::LOG;
use std::collections::{BTreeMap, HashSet};

/// The most instructions in a region. At the head of a loop, translated code checks the count of instructions that may
/// still be executed, and continues if it is at least [`MOST_BETWEEN_LOOKS`]. A region has fewer instructions, so the
/// count stays above 0.
const MOST_INSTRUCTIONS: usize = MOST_BETWEEN_LOOKS as usize - 1;
/// The most instructions in a block: few enough for their writes to the TIA to fit into its log.
const MOST_IN_BLOCK: usize = 64;
const _: () = assert!(MOST_IN_BLOCK < LOG);

/// An instruction that is translated.
#[derive(Clone, Copy, Debug)]
pub(super) struct Instruction {
    pub(super) pc: u16,
    pub(super) opcode: u8,
    pub(super) operation: Operation,
    pub(super) mode: Mode,
    /// The two bytes after the opcode, whether or not they belong to the instruction.
    pub(super) operands: [u8; 2],
}

impl Instruction {
    /// The address of the next instruction in memory.
    pub(super) fn next(&self) -> u16 {
        self.pc.wrapping_add(self.mode.bytes().into())
    }

    /// The two-byte operand.
    pub(super) fn word(&self) -> u16 {
        u16::from_le_bytes(self.operands)
    }

    /// The target of a branch.
    pub(super) fn target(&self) -> u16 {
        self.next().wrapping_add_signed((self.operands[0] as i8).into())
    }

    /// Whether the next instruction in memory may not be the next one to be executed.
    pub(super) fn ends_block(&self) -> bool {
        use Operation::{Branch, Call, Jump, JumpIndirect, Return};
        matches!(self.operation, Branch(..) | Jump | JumpIndirect | Call | Return)
    }
}

/// Instructions that are executed one after the other. Only the last one can be a jump.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) start: u16,
    pub(super) instructions: Vec<Instruction>,
    /// The address after the last instruction.
    pub(super) next: u16,
    /// Whether the interpreter may enter here.
    pub(super) entry: bool,
}

/// Code that is translated together.
#[derive(Debug)]
pub(super) struct Region {
    /// Sorted by the address of their first instruction.
    pub(super) blocks: Vec<Block>,
    /// Instructions in all blocks.
    pub(super) size: usize,
    /// For the address of each return, the calls that it may return from.
    pub(super) returns: BTreeMap<u16, Vec<Instruction>>,
    /// Frequent targets of jumps that no instruction of the region names: computed jumps lead there.
    pub(super) unnamed: Vec<u16>,
    /// Targets of jumps back. Execution passes one of them before it repeats an instruction.
    pub(super) heads: HashSet<u16>,
}

impl Region {
    /// The code around `roots`, which have their upper three bits in common. `visited` is whether jumps often went to
    /// an address.
    pub(super) fn around(roots: &[u16], cartridge: &Cartridge, visited: impl Fn(u16) -> bool) -> Self {
        let Found { instructions: found, leaders } = Found::from(roots, cartridge, visited);
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
        let blocks = blocks(&found, leaders);
        let mut region = Self { blocks, size: found.len(), returns, unnamed, heads: HashSet::new() };
        for block in &region.blocks {
            let targets = region.successors(block);
            region.heads.extend(targets.into_iter().filter(|&target| target <= block.start));
        }
        region
    }

    /// The addresses at which execution may continue after `block`, inside the region or outside.
    pub(super) fn successors(&self, block: &Block) -> Vec<u16> {
        let mut targets = vec![block.next];
        if let Some(last) = block.instructions.last() {
            match last.operation {
                Operation::Branch(..) => targets.push(last.target()),
                Operation::Jump | Operation::Call => targets.push(last.word()),
                Operation::Return | Operation::JumpIndirect => {
                    let calls = self.returns.get(&last.pc);
                    targets.extend(calls.into_iter().flatten().map(Instruction::next));
                    targets.extend(&self.unnamed);
                }
                _ => {}
            }
        }
        targets
    }
}

/// Instructions that belong together, and the addresses where blocks begin.
struct Found {
    /// By address.
    instructions: BTreeMap<u16, Instruction>,
    /// The addresses at which a block begins, and whether the interpreter may enter there.
    leaders: BTreeMap<u16, bool>,
}

impl Found {
    /// Follows the code from `roots` on.
    fn from(roots: &[u16], cartridge: &Cartridge, visited: impl Fn(u16) -> bool) -> Self {
        let mut found: BTreeMap<u16, Instruction> = BTreeMap::new();
        let mut leaders: BTreeMap<u16, bool> = roots.iter().map(|&root| (root, true)).collect();
        // A stack: the address pushed last is followed first.
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
                // Only the interpreter can read a pointer outside RAM.
                let known =
                    decode(opcode).filter(|&(_, mode)| mode != Mode::IndirectY || (0x80..0xFF).contains(&operands[0]));
                let Some((operation, mode)) = known else {
                    // The interpreter executes the instruction, then translated code continues. Nothing follows on one-byte
                    // instructions here: BRK, RTI, SED, and the opcodes that stop the CPU.
                    let bytes = Opcode::of(opcode).bytes;
                    if bytes > 1 {
                        let next = pc.wrapping_add(bytes.into());
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
        Self { instructions: found, leaders }
    }
}

/// Divides instructions into blocks. A block begins at each of `leaders`, and where the block before would be too long.
fn blocks(found: &BTreeMap<u16, Instruction>, mut leaders: BTreeMap<u16, bool>) -> Vec<Block> {
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
    blocks
}

/// For the address of each return, the calls that it may return from.
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
