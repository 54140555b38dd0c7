//! The settings with which a run is started.

use crate::networks::device::DeviceChoice;
use std::path::PathBuf;

/// What to train, or which run to continue. In a continued run only `steps`, `rom`, `device` and `force` are
/// used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// ROM file or name; the built-in game if there is none. A continued run finds the ROM by the name of its game.
    pub rom: Option<String>,
    /// The classic environment to train in, instead of an Atari game.
    pub env: Option<String>,
    /// Preset to start from; if there is none, `nature` on a GPU or with `config`, otherwise `pqn-cpu`.
    pub preset: Option<String>,
    /// TOML file whose keys override the preset's.
    pub config: Option<PathBuf>,
    /// Assignments `KEY=VALUE`, which override both.
    pub overrides: Vec<String>,
    /// Seed of all random generators.
    pub seed: Option<u64>,
    /// Agent steps in all.
    pub steps: Option<u64>,
    /// Where the network runs.
    pub device: DeviceChoice,
    /// Folder for the run's files; a new one in `runs` if there is none.
    pub run_dir: Option<PathBuf>,
    /// Folder of the run to continue from its last checkpoint.
    pub resume: Option<PathBuf>,
    /// Start even if the run needs more memory than is free.
    pub force: bool,
}
