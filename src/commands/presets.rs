//! `presets`: lists the presets, or prints one.

use crate::config::Config;
use crate::text::output::print;
use anyhow::Result;
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
    print(&text)
}
