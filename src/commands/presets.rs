//! `presets`: lists the presets, or prints one.

use crate::commands::print;
use crate::config::Config;
use anyhow::{Context, Result};
use clap::Args;

/// Options of `presets`.
#[derive(Debug, Args)]
pub struct PresetsArgs {
    /// Preset to print; all are listed without one
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// The `presets` command.
pub(super) fn run(args: &PresetsArgs) -> Result<()> {
    let text = match &args.name {
        Some(name) => Config::preset_text(name)?.to_string(),
        None => Config::preset_descriptions().map(|(name, line)| format!("{name:<13} {line}\n")).collect(),
    };
    print(&text).context("cannot write to standard output")
}
