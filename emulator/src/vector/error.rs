//! The errors of a vector of environments.

use crate::setting_fault::SettingFault;

/// The errors of a [`VectorEnvironment`](super::VectorEnvironment). A call that returns one has changed nothing.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VectorError {
    /// Settings outside their ranges: all of them.
    #[error("{}", list(.0))]
    Settings(Vec<SettingFault>),
    /// The observations do not fit the memory.
    #[error("{num_envs} environments with {bytes_each} bytes of observation each do not fit the memory; ask for fewer, or for smaller ones")]
    TooLarge {
        /// Environments asked for.
        num_envs: usize,
        /// Bytes of one observation.
        bytes_each: usize,
    },
    /// The operating system gave no threads.
    #[error("cannot start {threads} threads: {reason}; set num_threads to 1 to do without")]
    Threads {
        /// Threads asked for.
        threads: usize,
        /// The operating system's reason.
        reason: String,
    },
    /// A step, a masked reset or [`current`](super::VectorEnvironment::current) before the first full reset.
    #[error("the environments have not been reset; call reset for all of them first")]
    NotReset,
    /// One action for each environment is needed.
    #[error("{found} actions for {expected} environments; give one for each")]
    ActionCount {
        /// Actions given.
        found: usize,
        /// Environments.
        expected: usize,
    },
    /// An index outside the action set. (ale-py waits forever in this case.)
    #[error("action {found} for environment {env}, allowed is 0 to {}", .actions - 1)]
    ActionOutOfRange {
        /// The environment, from 0.
        env: usize,
        /// The index given.
        found: usize,
        /// Actions there are.
        actions: usize,
    },
    /// A component of a continuous action outside its range.
    #[error("{component} {found} for environment {env}, allowed is {allowed}")]
    ContinuousActionOutOfRange {
        /// The environment, from 0.
        env: usize,
        /// `radius`, `angle` or `fire`.
        component: &'static str,
        /// The value given.
        found: f32,
        /// The values it can have.
        allowed: &'static str,
    },
    /// Indices where the settings ask for continuous actions, or the other way round.
    #[error("{found} actions given, but the action space is {expected}")]
    ActionKind {
        /// The kind of the actions given: `continuous` or `discrete`.
        found: &'static str,
        /// The kind that the settings ask for.
        expected: &'static str,
    },
    /// One seed for each environment being reset is needed.
    #[error("{found} seeds for {expected} environments being reset; give one for each")]
    SeedCount {
        /// Seeds given.
        found: usize,
        /// Environments being reset.
        expected: usize,
    },
    /// A seed that does not fit a C int.
    #[error("seed {found} for environment {env}, allowed is {} to {} (negative: none)", i32::MIN, i32::MAX)]
    SeedOutOfRange {
        /// The environment, from 0.
        env: usize,
        /// The seed.
        found: i64,
    },
    /// A mask has one flag for each environment.
    #[error("a reset mask of {found} flags for {expected} environments; give one for each")]
    MaskLength {
        /// Flags given.
        found: usize,
        /// Environments.
        expected: usize,
    },
}

fn list(faults: &[SettingFault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
