//! Whether the cartridge's code is translated into the host's.

/// How a console executes the cartridge's code. Only time depends on it: frames, RAM and saved states are the same.
///
/// Without the crate's feature `translate`, and on hosts that the compiler does not know, every value acts as
/// [`Translation::Off`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Translation {
    /// Everything is interpreted. A frame then takes the same number of host instructions in every run.
    Off,
    /// A thread translates code that is executed often. It is started once there is enough of such code.
    #[default]
    Usual,
    /// All code is translated once it was executed a few times, and execution waits for the translation: for tests.
    Eager,
}
