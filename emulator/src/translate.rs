//! Translation of the cartridge's code into the host's, at run time.
//!
//! The interpreter is the truth; what is here only gets to the same state sooner. Nearly every jump of an interpreter to an
//! opcode's code is predicted wrongly by the host, and that costs more than the opcode's work. In translated code the 6507's
//! branches, jumps and calls are the host's own, the registers stay in the host's registers, and flags that nobody looks at
//! are not computed.
//!
//! `translate/region.rs` finds the code that belongs together and is executed often, `translate/opcodes.rs` says what opcodes
//! do, `translate/code.rs` writes the code down for Cranelift, and `translate/host.rs`, the only file with unsafe code, has it
//! compiled and runs it. What is not translated (decimal arithmetic, code outside plain ROM, rare opcodes, ...) leaves
//! translated code in front of the instruction, and the interpreter goes on until it meets translated code again.
//!
//! Translated code depends on the cartridge's image and on what of it the window shows, and on nothing else; so it is kept
//! with the image and shared by all consoles that have it in their slot.

mod code;
mod host;
mod opcodes;
mod region;
#[cfg(test)]
mod tests;

use crate::console::Board;
use crate::cpu::Cpu;
use host::{Code, Entered, Entry};
use std::fmt;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// How often a jump must have gone to an address before what is there is translated. Translating an instruction takes as long as
/// interpreting it a few thousand times.
const HOT: u16 = 500;
/// The most instructions that translated code executes between two looks at how many may still be executed.
const MOST_BETWEEN_LOOKS: u32 = 1_024;
/// Instructions of an image that are translated at most, mappings counted apart.
const MOST_INSTRUCTIONS: usize = 30_000;
/// What the window shows in different ways, at most.
const MOST_MAPPINGS: usize = 128;

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

/// Where translated code can be entered while the window shows certain parts of the image, and how often jumps went where it
/// cannot yet.
struct Entries {
    entries: [Entry; 0x1000],
    visits: [AtomicU16; 0x1000],
    code: Arc<Code>,
}

impl Entries {
    fn new(code: &Arc<Code>) -> Self {
        Self {
            entries: [const { Entry::none() }; 0x1000],
            visits: [const { AtomicU16::new(0) }; 0x1000],
            code: Arc::clone(code),
        }
    }

    fn visited(&self, pc: u16) -> bool {
        self.visits[offset(pc)].load(Ordering::Relaxed) > 0
    }

    /// Counts a jump to `pc`; whether it is time to translate what is there.
    fn visit(&self, pc: u16) -> bool {
        let visits = &self.visits[offset(pc)];
        let before = visits.load(Ordering::Relaxed);
        if before <= HOT {
            // (Other threads may count at the same time; that some visits are lost then does not matter.)
            visits.store(before + 1, Ordering::Relaxed);
        }
        before == HOT
    }
}

fn offset(pc: u16) -> usize {
    usize::from(pc & 0x0FFF)
}

/// What a console knows of its cartridge's translations.
#[derive(Clone)]
pub(crate) struct Translated {
    translations: Translations,
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

/// Whether the environment asks for the interpreter alone, to compare with.
fn interpreter_wanted() -> bool {
    static WANTED: OnceLock<bool> = OnceLock::new();
    *WANTED.get_or_init(|| std::env::var_os("ATARI_DQN_INTERPRET").is_some_and(|value| value == "1"))
}

impl Translated {
    /// Of an image; `None` if the environment does not want any.
    pub(crate) fn new(translations: &Translations) -> Option<Self> {
        (!interpreter_wanted()).then(|| Self {
            translations: translations.clone(),
            mapping: None,
            entries: None,
            known: Vec::new(),
        })
    }

    /// Executes up to `limit` instructions until the board says stop, as [`Cpu::run`] does.
    pub(crate) fn run(&mut self, cpu: &mut Cpu, board: &mut Board, limit: u32) {
        let mut left = limit;
        // Whether it was a jump that led to where the CPU is.
        let mut jumped = true;
        while left > 0 {
            let entered = if left >= MOST_BETWEEN_LOOKS { self.enter(cpu.pc, board, jumped) } else { None };
            let Some(mut entered) = entered else {
                left = board.interpret_to_jump(cpu, left);
                jumped = true;
                continue;
            };
            cpu.give(&mut board.registers);
            (board.registers.cycles, board.registers.left) = (board.cycles(), left);
            let why = loop {
                let Some(entries) = self.entries.as_deref() else { break Left::Jumped };
                let why = entered.run(board, entries);
                left = board.registers.left;
                if why == Left::Interpret || board.stopped() || left < MOST_BETWEEN_LOOKS {
                    break why;
                }
                match self.enter(board.registers.pc as u16, board, true) {
                    Some(next) => entered = next,
                    None => {
                        // That jump is counted.
                        break why;
                    }
                }
            };
            board.set_cycles(board.registers.cycles);
            cpu.take(&board.registers);
            if board.stopped() {
                return;
            }
            left = match why {
                Left::Interpret => board.interpret_one(cpu, left),
                Left::Jumped => board.interpret_to_jump(cpu, left),
            };
            jumped = why == Left::Jumped;
        }
    }

    /// The translated code at `pc`, which is made now if jumps went there often enough.
    fn enter(&mut self, pc: u16, board: &Board, jumped: bool) -> Option<Entered> {
        if pc & 0x1000 == 0 {
            return None;
        }
        let mapping = board.cartridge().mapping();
        if mapping != self.mapping {
            self.follow(mapping);
        }
        let entries = self.entries.as_ref()?;
        let entry = &entries.entries[offset(pc)];
        if let Some(entered) = entry.at(pc) {
            return Some(entered);
        }
        if jumped && entries.visit(pc) {
            self.translations.0.code.translate(pc, board.cartridge(), entries);
            return entry.at(pc);
        }
        None
    }

    /// The window shows something else.
    #[cold]
    fn follow(&mut self, mapping: Option<u64>) {
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
