//! Compiled code and its execution.
//!
//! The only place with unsafe code, and it cannot do without: what the compiler wrote into memory is called here, works on the
//! console's board by address, and calls back. Everything about *what* it does there is written down in `writer.rs`, whose
//! addresses all come from `offset_of!`.
#![allow(unsafe_code)]

use super::writer::{self, Helpers};
use super::region::Region;
use super::{offset, Entries, Left, MOST_INSTRUCTIONS, OFTEN};
use crate::cartridge::Cartridge;
use crate::console::Board;
use cranelift_codegen::ir::{types, AbiParam, Signature};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::FunctionBuilderContext;
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{default_libcall_names, FuncId, Linkage, Module, ModuleError};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// A translated piece: works on the board, entered at the entry of this number.
type Piece = extern "C" fn(*mut Board, u32) -> u32;

/// Where code can be entered, or nothing yet: the address of the piece in the low 48 bits, the number of the entry above it, the
/// program counter's upper three bits above that, and a one.
pub(super) struct Entry(AtomicU64);

const ADDRESS_BITS: u32 = 48;
const NUMBER_BITS: u32 = 12;

impl Entry {
    pub(super) const fn none() -> Self {
        Self(AtomicU64::new(0))
    }

    /// What is entered with this program counter.
    #[inline(always)]
    pub(super) fn at(&self, pc: u16) -> Option<Entered> {
        // Acquire: the code was written by another thread perhaps.
        let bits = self.0.load(Ordering::Acquire);
        if bits >> (ADDRESS_BITS + NUMBER_BITS) == u64::from(8 | pc >> 13) {
            Some(Entered(bits))
        } else {
            None
        }
    }

    /// Lets it be entered.
    fn set(&self, address: u64, number: u64, pc: u16) {
        if address >> ADDRESS_BITS == 0 && number >> NUMBER_BITS == 0 {
            let bits = u64::from(8 | pc >> 13) << (ADDRESS_BITS + NUMBER_BITS) | number << ADDRESS_BITS | address;
            self.0.store(bits, Ordering::Release);
        }
    }
}

/// A place in translated code.
#[derive(Clone, Copy)]
pub(super) struct Entered(u64);

impl Entered {
    /// Runs the code on the board, whose registers say where the CPU is.
    ///
    /// `entries` is where this was found, and keeps the code in memory.
    #[inline(always)]
    pub(super) fn run(self, board: &mut Board, _entries: &Entries) -> Left {
        let address = (self.0 & ((1 << ADDRESS_BITS) - 1)) as usize;
        let number = (self.0 >> ADDRESS_BITS) as u32 & ((1 << NUMBER_BITS) - 1);
        // SAFETY: only `Entry::set` makes the bits, from the address of a piece that was compiled with this signature, and the
        // memory it lies in is freed when the last `Entries` of the image is dropped. The piece uses the board by offsets that
        // `offset_of!` gave, while the exclusive borrow lasts.
        let piece = unsafe { std::mem::transmute::<usize, Piece>(address) };
        match piece(board, number) {
            0 => Left::Jumped,
            _ => Left::Interpret,
        }
    }
}

/// The compiled code of an image and its compiler.
#[derive(Default)]
pub(super) struct Code {
    compiler: Mutex<Compiler>,
    /// Whether anything was compiled.
    used: AtomicBool,
}

#[derive(Default)]
enum Compiler {
    #[default]
    NotStarted,
    Ready(Box<Ready>),
    /// There is none for this host, or it failed.
    None,
}

struct Ready {
    module: Option<JITModule>,
    context: cranelift_codegen::Context,
    builder: FunctionBuilderContext,
    helpers: [FuncId; 4],
    instructions: usize,
}

impl Drop for Ready {
    fn drop(&mut self) {
        if let Some(module) = self.module.take() {
            // SAFETY: the code is owned by all `Entries` of the image, so that none is left, and nothing else calls it.
            unsafe { module.free_memory() };
        }
    }
}

impl Code {
    /// Whether nothing is translated yet.
    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        !self.used.load(Ordering::Relaxed)
    }

    /// Translates what was executed often of what the cartridge's window shows, in a thread of its own or, if `now`, at once.
    /// `pc` is in it. Nothing happens if that cannot be done.
    #[cold]
    pub(super) fn translate(pc: u16, cartridge: &Cartridge, entries: &Arc<Entries>, now: bool) {
        if now {
            entries.code.translate_for(pc, cartridge, entries, 1);
            return;
        }
        let (cartridge, entries) = (cartridge.clone(), Arc::clone(entries));
        // Without a thread there is no translation.
        let _ = std::thread::Builder::new()
            .name("translator".into())
            .spawn(move || entries.code.translate_for(pc, &cartridge, &entries, OFTEN));
    }

    fn translate_for(&self, pc: u16, cartridge: &Cartridge, entries: &Entries, often: u16) {
        let Ok(mut compiler) = self.compiler.lock() else { return };
        if matches!(*compiler, Compiler::NotStarted) {
            *compiler = Ready::new().map_or(Compiler::None, |ready| Compiler::Ready(Box::new(ready)));
        }
        let Compiler::Ready(ready) = &mut *compiler else { return };
        if ready.instructions >= MOST_INSTRUCTIONS {
            return;
        }
        let roots = entries.visited(pc, often);
        if roots.is_empty() {
            return;
        }
        let region = Region::around(&roots, cartridge, |pc| entries.visits(pc) >= often);
        match ready.translate(&region, cartridge, entries) {
            Ok(()) => self.used.store(true, Ordering::Relaxed),
            Err(_) => *compiler = Compiler::None,
        }
    }
}

impl Ready {
    fn new() -> Option<Self> {
        let mut flags = settings::builder();
        for (name, value) in [
            ("use_colocated_libcalls", "false"),
            ("is_pic", "false"),
            // Its optimisations take as long again as all else and make the code no faster.
            ("opt_level", "none"),
            ("unwind_info", "false"),
            ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
        ] {
            flags.set(name, value).ok()?;
        }
        let isa = cranelift_native::builder().ok()?.finish(settings::Flags::new(flags)).ok()?;
        if isa.pointer_type() != types::I64 {
            return None;
        }
        let mut builder = JITBuilder::with_isa(isa, default_libcall_names());
        builder.symbol("read", read as *const u8);
        builder.symbol("write", write as *const u8);
        builder.symbol("idle_passes", idle_passes as *const u8);
        builder.symbol("settle", settle as *const u8);
        let mut module = JITModule::new(builder);
        let helpers = [
            ("read", &[types::I32; 3][..], Some(types::I32)),
            ("write", &[types::I32; 3], Some(types::I64)),
            ("idle_passes", &[types::I32; 2], Some(types::I32)),
            ("settle", &[], None),
        ];
        let mut ids = [FuncId::from_u32(0); 4];
        for (id, (name, parameters, result)) in ids.iter_mut().zip(helpers) {
            let mut signature = module.make_signature();
            signature.params.push(AbiParam::new(types::I64));
            signature.params.extend(parameters.iter().copied().map(AbiParam::new));
            signature.returns.extend(result.map(AbiParam::new));
            *id = module.declare_function(name, Linkage::Import, &signature).ok()?;
        }
        Some(Self {
            context: module.make_context(),
            module: Some(module),
            builder: FunctionBuilderContext::new(),
            helpers: ids,
            instructions: 0,
        })
    }

    fn translate(&mut self, region: &Region, cartridge: &Cartridge, entries: &Entries) -> Result<(), Box<ModuleError>> {
        let Some(module) = &mut self.module else { return Ok(()) };
        if region.blocks.is_empty() {
            return Ok(());
        }
        self.instructions += region.size;
        self.context.func.signature = signature(module);
        let [read, write, idle_passes, settle] =
            self.helpers.map(|helper| module.declare_func_in_func(helper, &mut self.context.func));
        let helpers = Helpers { read, write, idle_passes, settle };
        let entered = writer::write(region, cartridge, &mut self.context.func, &mut self.builder, &helpers);
        let piece = module.declare_anonymous_function(&self.context.func.signature).map_err(Box::new)?;
        module.define_function(piece, &mut self.context).map_err(Box::new)?;
        module.clear_context(&mut self.context);
        module.finalize_definitions().map_err(Box::new)?;
        let address = module.get_finalized_function(piece) as u64;
        for (number, pc) in entered.into_iter().enumerate() {
            entries.entries[offset(pc)].set(address, number as u64, pc);
        }
        Ok(())
    }
}

/// That of a [`Piece`].
fn signature(module: &JITModule) -> Signature {
    let mut signature = module.make_signature();
    signature.params.extend([types::I64, types::I32].map(AbiParam::new));
    signature.returns.push(AbiParam::new(types::I32));
    signature
}

/// A read of anything: the byte, and bit 8 if the window shows something else now.
extern "C" fn read(board: *mut Board, address: u32, cycles: u32, data_bus: u32) -> u32 {
    // SAFETY: translated code hands on the board that it works on, and uses nothing of it until the call returns.
    let board = unsafe { &mut *board };
    let mapping = board.cartridge().mapping();
    let byte = board.read(address as u16, cycles, data_bus as u8);
    u32::from(byte) | u32::from(mapping != board.cartridge().mapping()) << 8
}

/// A write to anything: the cycle at which the CPU goes on, and bit 32 if translated code must be left behind the instruction.
extern "C" fn write(board: *mut Board, address: u32, value: u32, cycles: u32) -> u64 {
    // SAFETY: as in `read`.
    let board = unsafe { &mut *board };
    let mapping = board.cartridge().mapping();
    let (cycles, stop) = board.write(address as u16, value as u8, cycles);
    u64::from(cycles) | u64::from(stop || mapping != board.cartridge().mapping()) << 32
}

/// How often a wait for the timer at `pc` can be passed at once, given the board's registers.
extern "C" fn idle_passes(board: *mut Board, pc: u32, pass: u32) -> u32 {
    // SAFETY: as in `read`.
    let board = unsafe { &*board };
    board.idle_passes_of_registers(pc as u16, pass)
}

/// Makes the TIA's writes that were left for later.
extern "C" fn settle(board: *mut Board) {
    // SAFETY: as in `read`.
    let board = unsafe { &mut *board };
    board.make_writes();
}
