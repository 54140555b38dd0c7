//! `plot`: draw the learning curves of one or more runs of a game.

use crate::files::names;
use crate::reports::curves::{self, HorizontalAxis};
use anyhow::Result;
use clap::Args;
use std::path::{Path, PathBuf};

/// Options of `plot`.
#[derive(Debug, Args)]
pub struct PlotArgs {
    /// Run folders, all of one game; those that differ in the seed alone become one curve with a band
    #[arg(value_name = "RUN_DIR", required = true)]
    pub runs: Vec<PathBuf>,
    /// Quantity on the horizontal axis
    #[arg(long, value_enum, default_value = "steps")]
    pub x: HorizontalAxis,
    /// The file to write, may be repeated [default: curves.svg and curves.png in RUN_DIR, or in the current folder for several runs]
    #[arg(long, value_name = "FILE.svg|FILE.png")]
    pub out: Vec<PathBuf>,
}

/// The `plot` command.
///
/// # Errors
/// When a run cannot be read or drawn, or a file cannot be written.
pub fn run(args: &PlotArgs) -> Result<()> {
    for path in &args.out {
        names::check_output("--out", path, "SVG or PNG", &["svg", "png"])?;
    }
    let paths = if args.out.is_empty() { default_paths(&args.runs) } else { args.out.clone() };
    curves::write(&args.runs, args.x, &paths)
}

/// In the run's folder; in the current folder if there are several runs.
fn default_paths(runs: &[PathBuf]) -> Vec<PathBuf> {
    let folder = match runs {
        [run] => run.as_path(),
        _ => Path::new(""),
    };
    ["curves.svg", "curves.png"].map(|name| folder.join(name)).to_vec()
}
