//! `presets`: lists the presets, or prints one.

use crate::commands::print;
use crate::config::Config;
use anyhow::{Context, Result};
use clap::Args;

/// Options of `presets`.
#[derive(Debug, Args)]
pub struct PresetsArgs {
    /// Preset to print; without a name all are listed
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// The `presets` command.
pub(super) fn run(args: &PresetsArgs) -> Result<()> {
    let text = match &args.name {
        Some(name) => Config::preset_text(name)?,
        None => Config::preset_list(),
    };
    print(&text).context("cannot write to standard output")
}
