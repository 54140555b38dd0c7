//! Translates the cartridge's code into the host's at run time.
//!
//! The interpreter is the reference; translated code only reaches the same state sooner. An interpreter jumps to the
//! code of each opcode. The host predicts nearly every one of these jumps wrongly, which costs more than the opcode's
//! work. In translated code the 6507's branches, jumps and calls are host instructions, its registers stay in the
//! host's registers, and flags that no instruction reads are not computed.
//!
//! This file decides when code is translated, and keeps the translations. `translate/region.rs` finds code that belongs
//! together and is executed often. `translate/meaning.rs` has the meaning of the opcodes. `translate/writer.rs` writes
//! a region as a function for the compiler, Cranelift. `translate/host.rs` has the function compiled and runs it.
//!
//! Some code is not translated: decimal arithmetic, code outside plain ROM, rare opcodes. Translated code returns
//! before such an instruction, and the interpreter runs until it reaches translated code again.
//!
//! Translated code depends only on the cartridge's image and on the parts of it that the window shows. So it is kept
//! with the image and shared by all consoles that hold the image.

mod host;
mod meaning;
mod region;
#[cfg(test)]
mod tests;
mod writer;

use crate::board::Board;
use crate::cartridge::Cartridge;
use crate::cpu::{Cpu, Registers};
use crate::translation::Translation;
use host::{Code, Entered, EntryPoints, Execution};
use region::Region;
use std::fmt;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, TryLockError};

/// Interpreted instructions after which the code in the window is first translated: about 800 frames.
const PATIENCE: u32 = 3_000_000;
/// The factor by which every translation raises the number of instructions before the next.
const PATIENCE_GROWS: u32 = 8;
/// Jump targets with fewer visits are not translated.
const OFTEN: u16 = 6;
/// [`Translation::Eager`] divides the patience by this.
const EAGER: u32 = 1_000;
/// Until something is translated, visits are counted in one of this many updates, because counting costs time. Odd,
/// because many programs alternate between two tasks from frame to frame.
const LOOKED_AT: u32 = 15;
/// At every loop, translated code checks that at least this many instructions may still be executed. It executes fewer
/// between two checks.
const MOST_BETWEEN_LOOKS: u32 = 4_096;
/// The most instructions of an image that are translated; code translated again counts again.
const MOST_INSTRUCTIONS: usize = 100_000;
/// The most mappings of an image, that is different contents of the window, whose code is translated.
const MOST_MAPPINGS: usize = 128;

/// The reasons for leaving translated code, by the number that it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
enum Left {
    /// The next instruction is not in this piece, or the CPU may have to stop, or the window's contents may have
    /// changed.
    Jumped = 0,
    /// The next instruction must be interpreted.
    Interpret = 1,
}

/// The translated code of an image, and how often the rest was executed.
#[derive(Clone)]
pub(crate) struct Translations(Arc<Store>);

struct Store {
    code: Arc<Code>,
    mappings: Mutex<Vec<Arc<Entries>>>,
}

impl Translations {
    /// The translations of the image with these ROM bytes; nothing is translated yet.
    pub(crate) fn of(rom: &Arc<[u8]>) -> Self {
        Self(Arc::new(Store { code: Arc::new(Code::of(rom)), mappings: Mutex::default() }))
    }

    /// The entries of a mapping, or `None` if the image has too many mappings.
    ///
    /// # Errors
    /// [`Busy`] if another thread looks something up at the same time. To wait for it could take for ever: in a forked process
    /// the other threads are missing, and what they had locked stays locked.
    fn entries(&self, mapping: u64) -> Result<Option<Arc<Entries>>, Busy> {
        let mut mappings = match self.0.mappings.try_lock() {
            Ok(mappings) => mappings,
            Err(TryLockError::WouldBlock) => return Err(Busy),
            Err(TryLockError::Poisoned(_)) => return Ok(None),
        };
        if let Some(entries) = mappings.iter().find(|entries| entries.mapping == mapping) {
            return Ok(Some(Arc::clone(entries)));
        }
        if mappings.len() >= MOST_MAPPINGS {
            return Ok(None);
        }
        let entries = Arc::new(Entries::new(&self.0.code, mapping));
        mappings.push(Arc::clone(&entries));
        Ok(Some(entries))
    }
}

/// The translations cannot be looked up now.
struct Busy;

/// Images with the same bytes are equal, whatever part of them is translated.
impl PartialEq for Translations {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Translations {}

/// The code of one mapping of the window: entries into its translation, and visits of jump targets.
struct Entries {
    points: EntryPoints,
    mapping: u64,
    /// By window address: the program counter's upper three bits, and how often a jump went there.
    visits: [AtomicU16; 0x1000],
    /// Instructions interpreted since the last translation.
    interpreted: AtomicU32,
    /// Instructions to interpret before the next translation.
    patience: AtomicU32,
}

const VISIT_BITS: u32 = 13;
const MOST_VISITS: u16 = (1 << VISIT_BITS) - 1;

// Several threads may count at the same time. Some visits are then lost, which does no harm.
impl Entries {
    fn new(code: &Arc<Code>, mapping: u64) -> Self {
        Self {
            points: EntryPoints::new(code),
            mapping,
            visits: [const { AtomicU16::new(0) }; 0x1000],
            interpreted: AtomicU32::new(0),
            patience: AtomicU32::new(PATIENCE),
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

    /// The addresses with the upper bits of `pc` to which jumps went at least `often` times, most visited first.
    fn visited(&self, pc: u16, often: u16) -> Vec<u16> {
        let all = (0..0x1000).map(|offset| pc & 0xF000 | offset);
        let mut found: Vec<u16> = all.filter(|&pc| self.visits(pc) >= often).collect();
        // Other consoles that share the translations count on while this one sorts, so each count is read once.
        found.sort_by_cached_key(|&pc| std::cmp::Reverse(self.visits(pc)));
        found
    }

    /// Counts interpreted instructions. Returns whether it is time to translate.
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

    /// Translates the frequent code in the window's current contents, around the jump targets that share the upper
    /// three bits of `pc`: on a thread of its own, or, if `now`, before it returns.
    #[cold]
    fn translate(self: &Arc<Self>, pc: u16, cartridge: &Cartridge, now: bool) {
        if now {
            self.translate_visited(pc, cartridge, 1);
            return;
        }
        let (cartridge, entries) = (cartridge.clone(), Arc::clone(self));
        // If no thread can be started, nothing is translated.
        let _ = std::thread::Builder::new()
            .name("translator".into())
            .spawn(move || entries.translate_visited(pc, &cartridge, OFTEN));
    }

    fn translate_visited(&self, pc: u16, cartridge: &Cartridge, often: u16) {
        if !self.belong_to(cartridge) {
            return;
        }
        self.points.translate(cartridge, || {
            let roots = self.visited(pc, often);
            (!roots.is_empty()).then(|| Region::around(&roots, cartridge, |pc| self.visits(pc) >= often))
        });
    }

    /// Whether these entries belong to this cartridge's image and to its window's current contents.
    fn belong_to(&self, cartridge: &Cartridge) -> bool {
        self.points.belong_to(cartridge) && cartridge.mapping() == Some(self.mapping)
    }
}

fn offset(pc: u16) -> usize {
    usize::from(pc & 0x0FFF)
}

/// A console's view of the translations of its cartridge.
#[derive(Clone)]
pub(crate) struct Translated {
    translations: Translations,
    eager: bool,
    updates: u32,
    /// Instructions that translated code executed.
    executed: u64,
    /// The mapping that `entries` belong to.
    mapping: Option<u64>,
    entries: Option<Arc<Entries>>,
    /// The entries looked up so far, with their mappings.
    known: Vec<(u64, Arc<Entries>)>,
}

impl fmt::Debug for Translated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Translated").field("mapping", &self.mapping).finish_non_exhaustive()
    }
}

impl Translated {
    /// The view of these translations; `None` if the console is to interpret everything.
    pub(crate) fn new(translations: &Translations, translation: Translation) -> Option<Self> {
        (translation != Translation::Off).then(|| Self {
            translations: translations.clone(),
            eager: translation == Translation::Eager,
            updates: 0,
            executed: 0,
            mapping: None,
            entries: None,
            known: Vec::new(),
        })
    }

    /// Executes up to `limit` instructions, fewer if the board stops the CPU, as [`Cpu::run`] does.
    pub(crate) fn run(&mut self, cpu: &mut Cpu, board: &mut Board, limit: u32) {
        self.updates = self.updates.wrapping_add(1);
        let passed_over = !self.eager && !self.updates.is_multiple_of(LOOKED_AT) && self.translations.0.code.is_empty();
        // The translations must belong to the image in this board's slot.
        if passed_over || !self.translations.0.code.is_of(board.cartridge()) {
            board.interpret(cpu, limit);
            return;
        }
        let mut left = limit;
        // A jammed CPU stays as it is, also where the address after the opcode that stopped it can be entered.
        while left > 0 && !cpu.jammed() {
            // Translated code never runs in decimal mode.
            let may_enter = left >= MOST_BETWEEN_LOOKS && !cpu.decimal();
            let after = if may_enter { self.run_translated(cpu, board, left) } else { None };
            left = match after {
                Some(after) => after,
                None => self.interpret(cpu, board, left),
            };
        }
    }

    /// Instructions that translated code executed.
    pub(crate) fn executed(&self) -> u64 {
        self.executed
    }

    /// Runs translated code as long as there is some. Returns how many of `left` instructions are left, or `None` if nothing is
    /// translated here.
    fn run_translated(&mut self, cpu: &mut Cpu, board: &mut Board, left: u32) -> Option<u32> {
        let mut entered = self.enter(cpu.pc, board)?;
        let mut execution = Execution::begin(cpu, board, left);
        let why = loop {
            let why = execution.run(entered);
            let Registers { pc, left, decimal, .. } = *execution.registers();
            let stopped = execution.board().stopped();
            if why == Left::Interpret || decimal != 0 || stopped || left < MOST_BETWEEN_LOOKS {
                break why;
            }
            let Some(next) = self.enter(pc as u16, execution.board()) else { break why };
            entered = next;
        };
        let after = execution.end(cpu);
        // Translated code only counts down, and never below 0.
        self.executed += u64::from(left.saturating_sub(after));
        Some(if board.stopped() {
            0
        } else if why == Left::Interpret && after > 0 {
            board.interpret_one(cpu, after)
        } else {
            after
        })
    }

    /// Interprets up to the first jump. Returns how many of `left` instructions are left.
    fn interpret(&mut self, cpu: &mut Cpu, board: &mut Board, left: u32) -> u32 {
        let after = board.interpret_to_jump(cpu, left);
        // The window may have been switched meanwhile.
        self.follow(board.cartridge().mapping());
        if let Some(entries) = &self.entries {
            entries.visit(cpu.pc);
            let weight = if self.eager { 1 } else { LOOKED_AT };
            // 0 is also returned when the frame has ended. The number of executed instructions is then unknown.
            let executed = if after > 0 { left.saturating_sub(after) } else { 0 };
            if entries.count(executed.saturating_mul(weight), self.eager) {
                entries.translate(cpu.pc, board.cartridge(), self.eager);
            }
        }
        after
    }

    /// The entry of translated code at `pc`.
    fn enter(&mut self, pc: u16, board: &Board) -> Option<Entered<'_>> {
        if pc & 0x1000 == 0 {
            return None;
        }
        self.follow(board.cartridge().mapping());
        self.entries.as_ref()?.points.at(pc)
    }

    /// Selects the entries for the window's current contents.
    #[inline(always)]
    fn follow(&mut self, mapping: Option<u64>) {
        if mapping != self.mapping {
            self.look_up(mapping);
        }
    }

    #[inline(never)]
    fn look_up(&mut self, mapping: Option<u64>) {
        (self.mapping, self.entries) = (None, None);
        let Some(wanted) = mapping else { return };
        if let Some((_, entries)) = self.known.iter().find(|known| known.0 == wanted) {
            (self.mapping, self.entries) = (mapping, Some(Arc::clone(entries)));
            return;
        }
        // While the translations are busy, the mapping counts as not looked up, so that this is tried again.
        let Ok(entries) = self.translations.entries(wanted) else { return };
        if let Some(entries) = &entries {
            self.known.push((wanted, Arc::clone(entries)));
        }
        (self.mapping, self.entries) = (mapping, entries);
    }
}
