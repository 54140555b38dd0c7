//! What the CPU sees of the rest of the console.

/// The 6507's side of the system bus.
///
/// The CPU owns only its registers; memory, devices and time lie behind this trait, so that a flat 64 KiB array can
/// stand in for a console in tests.
pub trait Bus {
    /// One read access.
    fn read(&mut self, address: u16) -> u8;
    /// One write access, after a read.
    fn write(&mut self, address: u16, value: u8);
    /// One write access right after another: a push behind a push. Only the TIA's WSYNC can tell.
    fn write_after_write(&mut self, address: u16, value: u8) {
        self.write(address, value);
    }
    /// Whether the CPU is to stop after the instruction under way.
    fn stopped(&self) -> bool {
        false
    }
    /// Lets `cycles` CPU cycles pass; the accesses that follow carry the new time.
    fn add_cycles(&mut self, cycles: u32);
}
