//! `report`: put a run on one page of HTML.

use crate::files::names;
use crate::reports::page;
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;

/// Options of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Run folder
    #[arg(value_name = "RUN_DIR")]
    pub run: PathBuf,
    /// The file to write [default: report.html in RUN_DIR]
    #[arg(long, value_name = "FILE.html")]
    pub out: Option<PathBuf>,
}

/// The `report` command.
///
/// # Errors
/// When a file of the run cannot be read, or the page cannot be written.
pub fn run(args: &ReportArgs) -> Result<()> {
    if let Some(path) = &args.out {
        names::check_output("--out", path, "HTML", &["html", "htm", "xhtml"])?;
    }
    page::write(&args.run, args.out.as_deref())
}
