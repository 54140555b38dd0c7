//! The host's side: has regions compiled, keeps the compiled code in memory, and runs it.
//!
//! The only file with unsafe code. It calls compiled code, which accesses the console's board by address and calls
//! back. `writer.rs` lists the memory that compiled code touches.
//!
//! Types keep the promises that make this safe:
//! * [`Code`] owns the memory of all code of an image, and frees none of it before it is dropped.
//! * [`EntryPoints`] hold the code that they lead into, and nothing else can make an [`Entered`], which borrows them. So an entry
//!   cannot outlive its code or lead into other code.
//! * An [`Execution`] borrows the board, and has filled its registers from a CPU.

use super::region::Region;
use super::writer::{self, Helpers};
use super::{offset, Left, MOST_INSTRUCTIONS};
use crate::board::Board;
use crate::cartridge::Cartridge;
use crate::cpu::{Cpu, Registers};
use cranelift_codegen::ir::{types, AbiParam, Endianness, Signature};
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::FunctionBuilderContext;
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{default_libcall_names, FuncId, Linkage, Module, ModuleError};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

/// A translated region: runs on the board from the entry with this number, and returns a [`Left`].
type Piece = unsafe extern "C" fn(*mut Board, u32) -> u32;

/// A place where code is entered, as one word that threads can exchange: the address of the piece in the low 48 bits,
/// then the number of the entry, the program counter's upper three bits, and a one. 0 while there is no code.
struct Entry(AtomicU64);

const ADDRESS_BITS: u32 = 48;
const NUMBER_BITS: u32 = 12;

/// The entries of translated code by window address, and the code that they lead into.
pub(super) struct EntryPoints {
    entries: [Entry; 0x1000],
    code: Arc<Code>,
}

/// A place where translated code can be entered. Borrows the entry points, and with them the code.
pub(super) struct Entered<'a> {
    bits: u64,
    code: PhantomData<&'a EntryPoints>,
}

impl EntryPoints {
    /// Entry points into `code`, none of them in use yet.
    pub(super) fn new(code: &Arc<Code>) -> Self {
        Self { entries: [const { Entry(AtomicU64::new(0)) }; 0x1000], code: Arc::clone(code) }
    }

    /// Whether they lead into code of this cartridge's image.
    pub(super) fn belong_to(&self, cartridge: &Cartridge) -> bool {
        self.code.is_of(cartridge)
    }

    /// The entry at this program counter, if there is one.
    #[inline(always)]
    pub(super) fn at(&self, pc: u16) -> Option<Entered<'_>> {
        // Acquire: another thread may have written the code.
        let bits = self.entries[offset(pc)].0.load(Ordering::Acquire);
        if bits >> (ADDRESS_BITS + NUMBER_BITS) == u64::from(8 | pc >> 13) {
            Some(Entered { bits, code: PhantomData })
        } else {
            None
        }
    }

    /// Opens an entry.
    ///
    /// # Safety
    /// `address` must be the address of a finished [`Piece`] in the code that these entry points hold.
    #[allow(unsafe_code, reason = "declares what `Execution::run` relies on")]
    unsafe fn open(&self, address: u64, number: u64, pc: u16) {
        if address >> ADDRESS_BITS == 0 && number >> NUMBER_BITS == 0 {
            let bits = u64::from(8 | pc >> 13) << (ADDRESS_BITS + NUMBER_BITS) | number << ADDRESS_BITS | address;
            self.entries[offset(pc)].0.store(bits, Ordering::Release);
        }
    }

    /// Has a region of the window's current contents compiled, and opens its entries. Does nothing if there is no
    /// compiler for the host, if enough of the image is compiled, or if `region` finds nothing.
    pub(super) fn translate(&self, cartridge: &Cartridge, region: impl FnOnce() -> Option<Region>) {
        let compiler = self.code.compiler.get_or_init(|| Compiler::new().map(Mutex::new));
        let Some(Ok(mut compiler)) = compiler.as_ref().map(Mutex::lock) else { return };
        if compiler.failed || compiler.instructions >= MOST_INSTRUCTIONS {
            return;
        }
        let Some(region) = region().filter(|region| !region.blocks.is_empty()) else { return };
        let Ok((address, entries)) = compiler.compile(&region, cartridge) else {
            // The code compiled before is kept because entries lead into it.
            compiler.failed = true;
            return;
        };
        for (number, pc) in entries.into_iter().enumerate() {
            #[allow(unsafe_code, reason = "this is where the address comes from")]
            // SAFETY: the compiler, which belongs to the code that these entry points hold, has finished a piece at `address`.
            unsafe {
                self.open(address, number as u64, pc);
            }
        }
        self.code.used.store(true, Ordering::Relaxed);
    }
}

/// A board on which translated code works. The CPU's registers are on the board meanwhile.
pub(super) struct Execution<'a> {
    /// Its registers came from a CPU, so that A, X and Y are at most 255. Translated code keeps them so.
    board: &'a mut Board,
}

impl<'a> Execution<'a> {
    /// Moves the CPU's registers to the board. Up to `left` instructions may be executed.
    #[inline(always)]
    pub(super) fn begin(cpu: &Cpu, board: &'a mut Board, left: u32) -> Self {
        cpu.give(&mut board.registers);
        (board.registers.cycles, board.registers.left) = (board.cycles(), left);
        Self { board }
    }

    /// Runs translated code. It must belong to the window's current contents, or the console executes another program; memory
    /// is safe in any case.
    #[inline(always)]
    #[allow(unsafe_code, reason = "code that was compiled at run time can only be called by its address")]
    pub(super) fn run(&mut self, entered: Entered<'_>) -> Left {
        let address = (entered.bits & ((1 << ADDRESS_BITS) - 1)) as usize;
        let number = (entered.bits >> ADDRESS_BITS) as u32 & ((1 << NUMBER_BITS) - 1);
        let address = std::ptr::with_exposed_provenance::<()>(address);
        // SAFETY: `EntryPoints::at` took the bits from an entry that `EntryPoints::open` stored: the address of a piece
        // in code that the entry points hold, and `entered` borrows them. The code was compiled with the signature of a
        // piece. It uses the board only, while `self` borrows the board exclusively: by offsets that `offset_of!` gave
        // plus
        // * A, X, Y or SP (at most 255 each), or bits of an address, compared with or masked to the 128 bytes of RAM;
        // * a 12-bit place in the window's 4096 bytes, compared with the length of its plain part (`in_window`) or computed
        //   from a constant base with 255 plain bytes after it (`is_plain_page`);
        // * the place of a write in the TIA's log, where `prepare_log` has made room for every write of a block.
        // None of these bounds depends on the cartridge that is in the slot. So if `entered` belongs to other contents of
        // the window, or to another image, the code executes the wrong program but touches the board only.
        let left = unsafe {
            let piece = std::mem::transmute::<*const (), Piece>(address);
            piece(self.board, number)
        };
        if left == Left::Jumped as u32 {
            Left::Jumped
        } else {
            Left::Interpret
        }
    }

    /// The registers between two pieces.
    #[inline(always)]
    pub(super) fn registers(&self) -> &Registers {
        &self.board.registers
    }

    /// The board, whose cycle count is out of date.
    #[inline(always)]
    pub(super) fn board(&self) -> &Board {
        self.board
    }

    /// Moves the registers back to the CPU. Returns how many instructions may still be executed.
    #[inline(always)]
    pub(super) fn end(self, cpu: &mut Cpu) -> u32 {
        self.board.set_cycles(self.board.registers.cycles);
        cpu.take(&self.board.registers);
        self.board.registers.left
    }
}

/// The compiled code of an image, and its compiler.
pub(super) struct Code {
    /// The image's bytes, by which it is recognized.
    rom: Arc<[u8]>,
    /// Started when it is first needed, and never replaced because entries lead into its module's memory. `None` if
    /// there is no compiler for this host.
    compiler: OnceLock<Option<Mutex<Compiler>>>,
    /// Whether anything was compiled.
    used: AtomicBool,
}

impl Code {
    /// Code of the image with these ROM bytes, none of it compiled yet.
    pub(super) fn of(rom: &Arc<[u8]>) -> Self {
        Self { rom: Arc::clone(rom), compiler: OnceLock::new(), used: AtomicBool::new(false) }
    }

    /// Whether this is the code of the cartridge's image. An image and its cartridges share their bytes; equal bytes at
    /// another address belong to another image.
    #[inline(always)]
    pub(super) fn is_of(&self, cartridge: &Cartridge) -> bool {
        Arc::ptr_eq(&self.rom, cartridge.rom())
    }

    /// Whether nothing is translated yet.
    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        !self.used.load(Ordering::Relaxed)
    }
}

struct Compiler {
    /// Dropped by hand, because `free_memory` consumes the module.
    module: ManuallyDrop<JITModule>,
    context: cranelift_codegen::Context,
    builder: FunctionBuilderContext,
    helpers: [FuncId; 4],
    /// Instructions compiled.
    instructions: usize,
    /// A compilation has failed; no other is tried.
    failed: bool,
}

impl Drop for Compiler {
    #[allow(unsafe_code, reason = "a module does not free its memory by itself")]
    fn drop(&mut self) {
        // SAFETY: the module is taken once, as the compiler is dropped. That happens together with its `Code`. All entry points
        // that lead into the code hold it, and every `Entered` borrows entry points, so that none of the code is running or can
        // be entered.
        unsafe { ManuallyDrop::take(&mut self.module).free_memory() };
    }
}

impl Compiler {
    /// A compiler for this host, if there is one.
    fn new() -> Option<Self> {
        let mut flags = settings::builder();
        for (name, value) in [
            ("use_colocated_libcalls", "false"),
            ("is_pic", "false"),
            // Optimizations would double the compilation time without making the code faster.
            ("opt_level", "none"),
            ("unwind_info", "false"),
            ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
        ] {
            flags.set(name, value).ok()?;
        }
        let isa = cranelift_native::builder().ok()?.finish(settings::Flags::new(flags)).ok()?;
        if !is_supported(&*isa) {
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
            module: ManuallyDrop::new(module),
            builder: FunctionBuilderContext::new(),
            helpers: ids,
            instructions: 0,
            failed: false,
        })
    }

    /// Compiles a region. Returns the address of the piece, and the addresses of its entries in the order of their numbers.
    fn compile(&mut self, region: &Region, cartridge: &Cartridge) -> Result<(u64, Vec<u16>), Box<ModuleError>> {
        self.instructions += region.size;
        let entries = self.write(region, cartridge);
        let piece = self.module.declare_anonymous_function(&self.context.func.signature).map_err(Box::new)?;
        self.module.define_function(piece, &mut self.context).map_err(Box::new)?;
        self.module.clear_context(&mut self.context);
        self.module.finalize_definitions().map_err(Box::new)?;
        Ok((self.module.get_finalized_function(piece).expose_provenance() as u64, entries))
    }

    /// Writes a region as the function of the compiler's context. Returns the addresses of its entries.
    fn write(&mut self, region: &Region, cartridge: &Cartridge) -> Vec<u16> {
        self.context.func.signature = signature(&self.module);
        let [read, write, idle_passes, settle] =
            self.helpers.map(|helper| self.module.declare_func_in_func(helper, &mut self.context.func));
        let helpers = Helpers { read, write, idle_passes, settle };
        writer::write(region, cartridge, &mut self.context.func, &mut self.builder, &helpers)
    }
}

/// Whether translated code can run on this host. The writer uses addresses of 64 bits, was never tried on big-endian
/// hosts, and passes 32-bit numbers to C functions as x86-64 and AArch64 want them (RISC-V wants them sign-extended). The
/// interpreter runs everywhere.
fn is_supported(isa: &dyn TargetIsa) -> bool {
    let known = matches!(isa.name(), "x64" | "aarch64");
    known && isa.pointer_type() == types::I64 && isa.endianness() == Endianness::Little
}

/// The signature of a [`Piece`].
fn signature(module: &JITModule) -> Signature {
    let mut signature = module.make_signature();
    signature.params.extend([types::I64, types::I32].map(AbiParam::new));
    signature.returns.push(AbiParam::new(types::I32));
    signature
}

/// Reads any address. Returns the byte, and bit 8 if the window's contents have changed.
///
/// # Safety
/// Only for translated code: `board` must be the board that it runs on, and it must not use the board until the call
/// returns.
#[allow(unsafe_code, reason = "called by translated code, which has the board by address")]
unsafe extern "C" fn read(board: *mut Board, address: u32, cycles: u32, data_bus: u32) -> u32 {
    // SAFETY: guaranteed by the caller.
    let board = unsafe { &mut *board };
    let mapping = board.cartridge().mapping();
    let byte = board.read(address as u16, cycles, data_bus as u8);
    u32::from(byte) | u32::from(mapping != board.cartridge().mapping()) << 8
}

/// Writes to any address. Returns the cycle at which the CPU continues, and bit 32 if translated code must return after
/// the instruction.
///
/// # Safety
/// As for [`read`].
#[allow(unsafe_code, reason = "called by translated code, which has the board by address")]
unsafe extern "C" fn write(board: *mut Board, address: u32, value: u32, cycles: u32) -> u64 {
    // SAFETY: guaranteed by the caller.
    let board = unsafe { &mut *board };
    let mapping = board.cartridge().mapping();
    let (cycles, stop) = board.write(address as u16, value as u8, cycles);
    u64::from(cycles) | u64::from(stop || mapping != board.cartridge().mapping()) << 32
}

/// How many iterations of a wait for the timer at `pc` can be skipped, given the board's registers.
///
/// # Safety
/// As for [`read`].
#[allow(unsafe_code, reason = "called by translated code, which has the board by address")]
unsafe extern "C" fn idle_passes(board: *mut Board, pc: u32, pass: u32) -> u32 {
    // SAFETY: guaranteed by the caller.
    let board = unsafe { &*board };
    board.idle_passes_of_registers(pc as u16, pass)
}

/// Applies the TIA's deferred writes.
///
/// # Safety
/// As for [`read`].
#[allow(unsafe_code, reason = "called by translated code, which has the board by address")]
unsafe extern "C" fn settle(board: *mut Board) {
    // SAFETY: guaranteed by the caller.
    let board = unsafe { &mut *board };
    board.make_writes();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::CartridgeImage;
    use crate::random::MersenneTwister;
    use cranelift_codegen::ir::{InstructionData, MemFlags, Opcode};

    /// The flags, offset and opcode of a load or store.
    fn access(data: &InstructionData) -> Option<(MemFlags, i32, Opcode)> {
        match *data {
            InstructionData::Load { flags, offset, opcode, .. }
            | InstructionData::Store { flags, offset, opcode, .. } => Some((flags, offset.into(), opcode)),
            _ => None,
        }
    }

    #[test]
    fn only_accesses_that_are_aligned_say_so_and_those_of_two_bytes_are_little_endian() {
        let mut cartridge = CartridgeImage::bricks().cartridge();
        cartridge.reset(&mut MersenneTwister::new(1), 0);
        // LDA (zp),Y and (zp,X), JSR and RTS access two bytes of RAM at once.
        let start = u16::from_le_bytes([0xFC, 0xFD].map(|low| cartridge.plain(0xFF00 | low).unwrap()));
        let region = Region::around(&[start], &cartridge, |_| true);
        let Some(mut compiler) = Compiler::new() else {
            let supported = cfg!(all(any(target_arch = "x86_64", target_arch = "aarch64"), target_endian = "little"));
            assert!(!supported, "there is no compiler for this host, but there should be");
            return;
        };
        compiler.write(&region, &cartridge);
        let function = &compiler.context.func;
        let mut of_two_bytes = 0;
        for block in function.layout.blocks() {
            for instruction in function.layout.block_insts(block) {
                let data = &function.dfg.insts[instruction];
                let Some((flags, offset, opcode)) = access(data) else { continue };
                match opcode {
                    Opcode::Uload8 | Opcode::Istore8 => {}
                    Opcode::Uload16 | Opcode::Istore16 => {
                        assert!(!flags.aligned(), "{data:?}");
                        assert_eq!(flags.explicit_endianness(), Some(Endianness::Little), "{data:?}");
                        of_two_bytes += 1;
                    }
                    Opcode::Load | Opcode::Store => {
                        let value = data.arguments(&function.dfg.value_lists)[0];
                        let stores_byte = opcode == Opcode::Store && function.dfg.value_type(value) == types::I8;
                        assert!(stores_byte || !flags.aligned() || offset % 4 == 0, "{data:?}");
                    }
                    _ => panic!("an access of another kind: {data:?}"),
                }
            }
        }
        assert!(of_two_bytes > 10, "{of_two_bytes} accesses of two bytes only");
    }

    #[test]
    fn entry_points_hold_their_code_and_belong_to_the_cartridges_of_its_image_only() {
        let [one, other] = [(); 2].map(|()| CartridgeImage::bricks());
        let cartridge = one.cartridge();
        let code = Arc::new(Code::of(cartridge.rom()));
        let points = EntryPoints::new(&code);
        assert!(points.belong_to(&cartridge) && points.belong_to(&one.cartridge()));
        assert!(!points.belong_to(&other.cartridge()));
        assert_eq!(Arc::strong_count(&code), 2);
        assert!((0xF000..=0xFFFF).all(|pc| points.at(pc).is_none()));
    }
}
