//! The CPU's registers in the layout that translated code reads and writes.

/// The registers between two pieces of translated code. The ones it computes with have 32 bits, so that it needs no
/// masks.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Registers {
    /// Accumulator. It, X and Y are at most 255.
    pub(crate) a: u32,
    pub(crate) x: u32,
    pub(crate) y: u32,
    /// N and Z as [`Cpu`](super::Cpu) keeps them.
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
