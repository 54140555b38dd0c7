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
    /// A step, a masked reset or [`current`](super::VectorEnvironment::current) before the first full reset.
    #[error("the environments have not been reset; call reset for all of them first")]
    NotReset,
    /// One action for each environment is needed; in a [`VectorQueue`](super::VectorQueue) for each of a batch.
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
    /// The first reset of a [`VectorQueue`](super::VectorQueue) must be of all environments.
    #[error("the first reset is of {found} of {expected} environments; reset all of them first")]
    FirstReset {
        /// Environments to be reset.
        found: usize,
        /// Environments.
        expected: usize,
    },
    /// A reset of some environments while batches are smaller than their number.
    #[error("a reset of some of {num_envs} environments needs batches of all; these are of {batch_size}; reset all")]
    PartialReset {
        /// Environments in a batch.
        batch_size: usize,
        /// Environments.
        num_envs: usize,
    },
    /// A reset names an environment twice.
    #[error("environment {env} is to be reset twice; name it once")]
    DuplicateReset {
        /// The environment, from 0.
        env: usize,
    },
    /// There is no environment of this number.
    #[error("no environment has the number {found}; there are {num_envs}, counted from 0")]
    NoSuchEnvironment {
        /// The number given.
        found: usize,
        /// Environments.
        num_envs: usize,
    },
    /// Nothing that could be received was sent. (ale-py waits forever in this case.)
    #[error("no results to receive: {found} environments are at work, a batch has {batch_size}; send actions first")]
    NothingSent {
        /// Environments with results that were not received.
        found: usize,
        /// Environments in a batch.
        batch_size: usize,
    },
    /// A reset while batches that were sent have not been received. (ale-py mixes their results with later ones.)
    #[error("{batches} batches were sent and not received; receive them before the reset")]
    NotReceived {
        /// Batches.
        batches: usize,
    },
    /// The caller's buffer for observations has another size.
    #[error("a buffer of {found} bytes for the observations of a batch, which are {expected} bytes")]
    BufferLength {
        /// Its bytes.
        found: usize,
        /// The batch's.
        expected: usize,
    },
    /// This process was forked while the environments were stepped in the process before it.
    #[error("the process was forked while these environments were stepped; receive what was sent before a fork, or make new ones here")]
    Forked,
    /// A thread panicked while it stepped the environments. That is a fault of the emulator.
    #[error("a thread panicked while it stepped these environments, so they are lost; please report the fault, and make new ones")]
    Lost,
}

fn list(faults: &[SettingFault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
