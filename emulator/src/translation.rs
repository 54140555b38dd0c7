//! Whether the cartridge's code is translated into the host's.

/// How a console executes the cartridge's code. Only time depends on it: frames, RAM and saved states are the same.
///
/// Without the crate's feature `translate`, and on hosts that the compiler does not know, every value acts as
/// [`Translation::Off`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Translation {
    /// Everything is interpreted. The number of host instructions a frame takes is then the same in every run.
    Off,
    /// Code that is executed often is translated by another thread, which is started when there is enough of it.
    #[default]
    Usual,
    /// All code is translated as soon as it was executed a few times, and execution waits for that: for tests.
    Eager,
}
