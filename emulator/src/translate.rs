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
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// How often a jump must have gone to an address before what is there is translated. Translating an instruction takes as long as
/// interpreting it a few thousand times.
const HOT: u16 = 500;
/// The most instructions that translated code executes between two looks at how many may still be executed.
const MOST_BETWEEN_LOOKS: u32 = 4_096;
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
    /// The program counter's upper three bits and how often.
    visits: [AtomicU16; 0x1000],
    interpreted: AtomicU32,
    code: Arc<Code>,
}

const VISIT_BITS: u32 = 13;
const MOST_VISITS: u16 = (1 << VISIT_BITS) - 1;

impl Entries {
    fn new(code: &Arc<Code>) -> Self {
        Self {
            entries: [const { Entry::none() }; 0x1000],
            visits: [const { AtomicU16::new(0) }; 0x1000],
            interpreted: AtomicU32::new(0),
            code: Arc::clone(code),
        }
    }

    fn visited(&self, pc: u16) -> bool {
        let visits = self.visits[offset(pc)].load(Ordering::Relaxed);
        visits >> VISIT_BITS == pc >> 13 && visits & MOST_VISITS >= warm()
    }

    /// Where jumps went often enough, most often first, among the addresses that have the upper bits of `pc`.
    fn visited_often(&self, pc: u16) -> Vec<u16> {
        let mut found: Vec<u16> =
            (0..0x1000).map(|offset| pc & 0xF000 | offset).filter(|&pc| self.visited(pc)).collect();
        found.sort_by_key(|&pc| std::cmp::Reverse(self.visits[offset(pc)].load(Ordering::Relaxed)));
        found
    }

    /// Counts a jump to `pc`. (That visits are lost when several threads count does not matter.)
    fn visit(&self, pc: u16) {
        let visits = &self.visits[offset(pc)];
        let mut before = visits.load(Ordering::Relaxed);
        if before >> VISIT_BITS != pc >> 13 {
            before = 0;
        }
        let number = MOST_VISITS.min((before & MOST_VISITS) + 1);
        visits.store(pc >> 13 << VISIT_BITS | number, Ordering::Relaxed);
    }

    /// Counts interpreted instructions; whether they have become so many that it is time to translate.
    fn count(&self, instructions: u32) -> bool {
        let before = self.interpreted.load(Ordering::Relaxed);
        let after = before.saturating_add(instructions);
        let time = before < hot() && after >= hot();
        self.interpreted.store(after, Ordering::Relaxed);
        time
    }

    /// Forgets what was counted.
    fn count_anew(&self) {
        self.interpreted.store(0, Ordering::Relaxed);
        for visits in &self.visits {
            visits.store(0, Ordering::Relaxed);
        }
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

thread_local! { static STATS: std::cell::RefCell<std::collections::HashMap<(u16, u16, bool), (u64, u64)>> = Default::default(); }
pub(crate) fn print_stats(frames: u64) {
    STATS.with_borrow_mut(|s| {
        let mut v: Vec<_> = s.drain().collect();
        v.sort_by_key(|x| std::cmp::Reverse(x.1.0));
        let t: u64 = v.iter().filter(|x| x.0.1 != 0).map(|x| x.1.1).sum();
        let n: u64 = v.iter().filter(|x| x.0.1 != 0).map(|x| x.1.0).sum();
        let ti: u64 = v.iter().filter(|x| x.0.1 == 0).map(|x| x.1.1).sum();
        let ni: u64 = v.iter().filter(|x| x.0.1 == 0).map(|x| x.1.0).sum();
        println!("per frame: translated {} instructions in {} pieces; interpreted {} in {} bursts", t as f64 / frames as f64, n as f64 / frames as f64, ti as f64/ frames as f64, ni as f64/frames as f64);
        for ((a, b, i), (n, t)) in v.into_iter().take(std::env::var("TOP").map_or(8, |x| x.parse().unwrap())) {
            println!("{a:04x} -> {b:04x} {} {:.2} times {:.1} instructions", if i { "I" } else { "J" }, n as f64 / frames as f64, t as f64 / n as f64);
        }
    });
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
            let entered = if left >= MOST_BETWEEN_LOOKS && !cpu.decimal() { self.enter(cpu.pc, board, jumped) } else { None };
            let Some(mut entered) = entered else {
                let (pc, b) = (cpu.pc, left);
                left = board.interpret_to_jump(cpu, left);
                if let Some(entries) = self.entries.as_deref() {
                    if entries.count(b - left) {
                        entries.code.translate(cpu.pc, board.cartridge(), entries);
                    }
                }
                if stats() {
                    STATS.with_borrow_mut(|s| {
                        let e = s.entry((pc, 0, jumped)).or_insert((0u64, 0u64));
                        e.0 += 1; e.1 += u64::from(b - left);
                    });
                }
                jumped = true;
                continue;
            };
            cpu.give(&mut board.registers);
            (board.registers.cycles, board.registers.left) = (board.cycles(), left);
            let why = loop {
                let Some(entries) = self.entries.as_deref() else { break Left::Jumped };
                let before = board.registers.left;
                let start_pc = board.registers.pc;
                let why = entered.run(board, entries);
                left = board.registers.left;
                if stats() {
                    STATS.with_borrow_mut(|s| {
                        let e = s.entry((start_pc as u16, board.registers.pc as u16, why == Left::Interpret)).or_insert((0u64, 0u64));
                        e.0 += 1; e.1 += u64::from(before - left);
                    });
                }
                if why == Left::Interpret || board.registers.decimal != 0 || board.stopped() || left < MOST_BETWEEN_LOOKS {
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
        if jumped {
            entries.visit(pc);
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

fn hot() -> u32 { static H: OnceLock<u32> = OnceLock::new(); *H.get_or_init(|| std::env::var("HOT").map_or(1000000, |x| x.parse().unwrap())) }
fn warm() -> u16 { static H: OnceLock<u16> = OnceLock::new(); *H.get_or_init(|| std::env::var("WARM").map_or(40, |x| x.parse().unwrap())) }
fn stats() -> bool { static H: OnceLock<bool> = OnceLock::new(); *H.get_or_init(|| std::env::var_os("STATS").is_some()) }
