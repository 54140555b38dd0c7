//! Translation of the cartridge's code into the host's, at run time.
//!
//! The interpreter is the truth; what is here only gets to the same state sooner. Nearly every jump of an interpreter to an
//! opcode's code is predicted wrongly by the host, and that costs more than the opcode's work. In translated code the 6507's
//! branches, jumps and calls are the host's own, the registers stay in the host's registers, and flags that nobody looks at
//! are not computed.
//!
//! `translate/region.rs` finds the code that belongs together and is executed often, `translate/meaning.rs` says what opcodes
//! do, `translate/writer.rs` writes the code down for Cranelift, and `translate/host.rs`, the only file with unsafe code, has it
//! compiled and runs it. What is not translated (decimal arithmetic, code outside plain ROM, rare opcodes, ...) leaves
//! translated code in front of the instruction, and the interpreter goes on until it meets translated code again.
//!
//! Translated code depends on the cartridge's image and on what of it the window shows, and on nothing else; so it is kept
//! with the image and shared by all consoles that have it in their slot.

mod host;
mod meaning;
mod region;
mod writer;
#[cfg(test)]
mod tests;

use crate::console::Board;
use crate::cpu::Cpu;
use host::{Code, Entered, Entry};
use std::fmt;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// How many interpreted instructions it takes until the first translation of what the window shows; some 800 frames.
const PATIENCE: u32 = 3_000_000;
/// How much longer it takes until the next one.
const PATIENCE_GROWS: u32 = 8;
/// What is jumped to less often is not translated.
const OFTEN: u16 = 6;
/// The eager are so much less patient.
const EAGER: u32 = 1_000;
/// As long as nothing is translated, only one update of so many is looked at, as that costs time. Odd, because many programs do
/// something else in every other frame.
const LOOKED_AT: u32 = 15;
/// The most instructions that translated code executes between two looks at how many may still be executed.
const MOST_BETWEEN_LOOKS: u32 = 4_096;
/// Instructions of an image that are translated at most, every translation counted.
const MOST_INSTRUCTIONS: usize = 100_000;
/// What the window shows in different ways, at most.
const MOST_MAPPINGS: usize = 128;

/// How a console deals with code that could be translated. Nothing but time depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Translation {
    /// What is executed often is translated, in a thread of its own.
    Usual,
    /// Everything is translated as soon as it was executed a few times, and waited for: for tests.
    Eager,
    /// Everything is interpreted.
    Off,
}

/// The CPU's registers as translated code has them between two of its pieces.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Registers {
    /// Accumulator; this and the two that follow are 0 to 255.
    pub(crate) a: u32,
    pub(crate) x: u32,
    pub(crate) y: u32,
    /// N and Z as [`Cpu`] has them.
    pub(crate) sign_and_zero: u32,
    /// 0 or 1.
    pub(crate) carry: u32,
    /// V in bit 7; the other bits mean nothing.
    pub(crate) overflow: u32,
    pub(crate) cycles: u32,
    /// Instructions that may still be executed.
    pub(crate) left: u32,
    pub(crate) pc: u32,
    pub(crate) sp: u8,
    pub(crate) decimal: u8,
    pub(crate) interrupt_disable: u8,
}

/// Why translated code was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    /// There was a jump to what does not belong to the piece, or the CPU may have to stop, or the window may show something else.
    Jumped,
    /// The next instruction must be interpreted.
    Interpret,
}

/// What is translated of an image, and how often what is not was executed.
#[derive(Clone, Default)]
pub(crate) struct Translations(Arc<Store>);

#[derive(Default)]
struct Store {
    code: Arc<Code>,
    mappings: Mutex<Vec<(u64, Arc<Entries>)>>,
}

/// Two images are equal if their bytes are.
impl PartialEq for Translations {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Translations {}

/// Where translated code can be entered while the window shows certain parts of the image, and how often jumps went where.
struct Entries {
    entries: [Entry; 0x1000],
    /// The program counter's upper three bits and how often.
    visits: [AtomicU16; 0x1000],
    /// Instructions interpreted since the last translation, and how many it takes until the next.
    interpreted: AtomicU32,
    patience: AtomicU32,
    /// Also keeps the code in memory.
    code: Arc<Code>,
}

const VISIT_BITS: u32 = 13;
const MOST_VISITS: u16 = (1 << VISIT_BITS) - 1;

// Several threads may count at the same time. That some visits are lost then does not matter.
impl Entries {
    fn new(code: &Arc<Code>) -> Self {
        Self {
            entries: [const { Entry::none() }; 0x1000],
            visits: [const { AtomicU16::new(0) }; 0x1000],
            interpreted: AtomicU32::new(0),
            patience: AtomicU32::new(PATIENCE),
            code: Arc::clone(code),
        }
    }

    /// How often jumps went to `pc`.
    fn visits(&self, pc: u16) -> u16 {
        let visits = self.visits[offset(pc)].load(Ordering::Relaxed);
        if visits >> VISIT_BITS == pc >> 13 {
            visits & MOST_VISITS
        } else {
            0
        }
    }

    /// Counts a jump to `pc`.
    fn visit(&self, pc: u16) {
        let visits = MOST_VISITS.min(self.visits(pc) + 1);
        self.visits[offset(pc)].store(pc >> 13 << VISIT_BITS | visits, Ordering::Relaxed);
    }

    /// Where jumps went often, most often first, among the addresses that have the upper bits of `pc`.
    fn visited(&self, pc: u16, often: u16) -> Vec<u16> {
        let all = (0..0x1000).map(|offset| pc & 0xF000 | offset);
        let mut found: Vec<u16> = all.filter(|&pc| self.visits(pc) >= often).collect();
        found.sort_by_key(|&pc| std::cmp::Reverse(self.visits(pc)));
        found
    }

    /// Counts interpreted instructions; whether they have become so many that it is time to translate.
    fn count(&self, instructions: u32, eager: bool) -> bool {
        let interpreted = self.interpreted.load(Ordering::Relaxed).saturating_add(instructions);
        let patience = self.patience.load(Ordering::Relaxed);
        let enough = interpreted >= if eager { patience / EAGER } else { patience };
        self.interpreted.store(if enough { 0 } else { interpreted }, Ordering::Relaxed);
        if enough {
            self.patience.store(patience.saturating_mul(PATIENCE_GROWS), Ordering::Relaxed);
        }
        enough
    }
}

fn offset(pc: u16) -> usize {
    usize::from(pc & 0x0FFF)
}

/// What a console knows of its cartridge's translations.
#[derive(Clone)]
pub(crate) struct Translated {
    translations: Translations,
    eager: bool,
    updates: u32,
    /// Instructions that translated code executed.
    #[cfg(test)]
    executed: u64,
    /// What the window showed when `entries` was looked up.
    mapping: Option<u64>,
    entries: Option<Arc<Entries>>,
    known: Vec<(u64, Arc<Entries>)>,
}

impl fmt::Debug for Translated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Translated").field("mapping", &self.mapping).finish_non_exhaustive()
    }
}

/// Whether the process's environment asks for the interpreter alone, to compare with.
fn interpreter_wanted() -> bool {
    static WANTED: OnceLock<bool> = OnceLock::new();
    *WANTED.get_or_init(|| std::env::var_os("ATARI_DQN_INTERPRET").is_some_and(|value| value == "1"))
}

impl Translated {
    /// Of an image; `None` if none are wanted.
    pub(crate) fn new(translations: &Translations, translation: Translation) -> Option<Self> {
        (translation != Translation::Off && !interpreter_wanted()).then(|| Self {
            translations: translations.clone(),
            eager: translation == Translation::Eager,
            updates: 0,
            #[cfg(test)]
            executed: 0,
            mapping: None,
            entries: None,
            known: Vec::new(),
        })
    }

    /// Executes up to `limit` instructions until the board says stop, as [`Cpu::run`] does.
    pub(crate) fn run(&mut self, cpu: &mut Cpu, board: &mut Board, limit: u32) {
        self.updates = self.updates.wrapping_add(1);
        if !self.eager && !self.updates.is_multiple_of(LOOKED_AT) && self.translations.0.code.is_empty() {
            board.interpret(cpu, limit);
            return;
        }
        let mut left = limit;
        while left > 0 {
            // Translated code never runs in decimal mode.
            let entered = if left >= MOST_BETWEEN_LOOKS && !cpu.decimal() { self.enter(cpu.pc, board) } else { None };
            left = match entered {
                Some(entered) => self.run_translated(entered, cpu, board, left),
                None => self.interpret(cpu, board, left),
            };
        }
    }

    /// Instructions that translated code executed.
    #[cfg(test)]
    pub(crate) fn executed(&self) -> u64 {
        self.executed
    }

    /// Runs translated code as long as there is some; how many of `left` instructions are left then.
    fn run_translated(&mut self, mut entered: Entered, cpu: &mut Cpu, board: &mut Board, left: u32) -> u32 {
        cpu.give(&mut board.registers);
        (board.registers.cycles, board.registers.left) = (board.cycles(), left);
        let why = loop {
            let Some(entries) = self.entries.as_deref() else { break Left::Jumped };
            let why = entered.run(board, entries);
            let Registers { pc, left, decimal, .. } = board.registers;
            if why == Left::Interpret || decimal != 0 || board.stopped() || left < MOST_BETWEEN_LOOKS {
                break why;
            }
            let Some(next) = self.enter(pc as u16, board) else { break why };
            entered = next;
        };
        board.set_cycles(board.registers.cycles);
        cpu.take(&board.registers);
        #[cfg(test)]
        {
            self.executed += u64::from(left - board.registers.left);
        }
        let left = board.registers.left;
        if board.stopped() {
            0
        } else if why == Left::Interpret {
            board.interpret_one(cpu, left)
        } else {
            left
        }
    }

    /// Interprets until there is a jump; how many of `left` instructions are left then.
    fn interpret(&mut self, cpu: &mut Cpu, board: &mut Board, left: u32) -> u32 {
        let after = board.interpret_to_jump(cpu, left);
        // The window may have been switched on the way.
        self.follow(board.cartridge().mapping());
        if let Some(entries) = &self.entries {
            entries.visit(cpu.pc);
            let weight = if self.eager { 1 } else { LOOKED_AT };
            // None are left also when the frame ended.
            let executed = if after > 0 { left - after } else { 0 };
            if entries.count(executed * weight, self.eager) {
                Code::translate(cpu.pc, board.cartridge(), entries, self.eager);
            }
        }
        after
    }

    /// The translated code at `pc`.
    fn enter(&mut self, pc: u16, board: &Board) -> Option<Entered> {
        if pc & 0x1000 == 0 {
            return None;
        }
        self.follow(board.cartridge().mapping());
        self.entries.as_ref()?.entries[offset(pc)].at(pc)
    }

    /// Takes the entries that belong to what the window shows.
    #[inline(always)]
    fn follow(&mut self, mapping: Option<u64>) {
        if mapping != self.mapping {
            self.look_up(mapping);
        }
    }

    #[inline(never)]
    fn look_up(&mut self, mapping: Option<u64>) {
        self.mapping = mapping;
        self.entries = mapping.and_then(|mapping| {
            if let Some((_, entries)) = self.known.iter().find(|known| known.0 == mapping) {
                return Some(Arc::clone(entries));
            }
            let store = &self.translations.0;
            let mut mappings = store.mappings.lock().ok()?;
            let entries = match mappings.iter().find(|known| known.0 == mapping) {
                Some((_, entries)) => Arc::clone(entries),
                None if mappings.len() >= MOST_MAPPINGS => return None,
                None => {
                    let entries = Arc::new(Entries::new(&store.code));
                    mappings.push((mapping, Arc::clone(&entries)));
                    entries
                }
            };
            self.known.push((mapping, Arc::clone(&entries)));
            Some(entries)
        });
    }
}
