//! `presets`: the settings to start a training from.

use crate::commands::PresetsArgs;
use crate::config::Config;
use anyhow::{Context, Result};
use std::io::{self, Write};

/// Prints the preset asked for, or the list of them.
///
/// # Errors
/// When there is no such preset, or nothing can be written to standard output.
pub fn show_presets(args: &PresetsArgs) -> Result<()> {
    let text = match &args.name {
        Some(name) => Config::preset_text(name)?,
        None => Config::preset_list(),
    };
    match io::stdout().lock().write_all(text.as_bytes()) {
        // The reader has seen enough, `head` for instance.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}
