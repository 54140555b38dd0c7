//! The files that an evaluation writes.
//!
//! All are opened before the first game, so that a name that cannot be written shows at once. An existing file keeps its content
//! until there is a result. A file that fails then does not lose the others.

use crate::evaluation::contestant::Contestant;
use crate::evaluation::episodes::record_game;
use crate::evaluation::protocol::Protocol;
use crate::evaluation::report::{csv, EvaluationReport};
use crate::text::output::print;
use anyhow::{bail, ensure, Context, Error, Result};
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// The name that stands for standard output.
const STANDARD_OUTPUT: &str = "-";

/// Which files an evaluation writes. `-` stands for standard output; the table is then printed on stderr.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    /// The reports as JSON, always a list.
    pub json: Option<PathBuf>,
    /// The games as CSV, a row each.
    pub csv: Option<PathBuf>,
    /// Every action as CSV; of one contestant only.
    pub actions: Option<PathBuf>,
    /// A folder for the best and the worst game as GIF.
    pub record: Option<PathBuf>,
}

/// The files, opened.
pub(super) struct OpenOutputs {
    json: Option<Output>,
    csv: Option<Output>,
    /// Taken by the evaluation, which writes them while it plays.
    pub(super) actions: Option<Output>,
    record: Option<PathBuf>,
    /// Whether there is only one policy, so that the names of recordings need no number.
    one_policy: bool,
    /// Whether a result goes to standard output, so that the table must not.
    on_standard_output: bool,
}

impl Outputs {
    /// Opens the files and creates the folder.
    ///
    /// # Errors
    /// All that cannot be written, that are named twice, or that are a model to be evaluated.
    pub(super) fn open(&self, contestants: &[Contestant]) -> Result<OpenOutputs> {
        let named = [("--json", &self.json), ("--csv", &self.csv), ("--actions", &self.actions)];
        let on_standard_output =
            named.iter().filter(|(_, path)| path.as_deref() == Some(Path::new(STANDARD_OUTPUT))).count();
        ensure!(
            on_standard_output < 2,
            "only one of --json, --csv and --actions can be written to standard output (-)"
        );
        let (mut opened, mut faults) = (Vec::new(), Vec::new());
        for (option, path) in named {
            match path.as_deref().map(|path| Output::open(option, path)).transpose() {
                Ok(output) => opened.push(output),
                Err(fault) => faults.push(format!("{fault:#}")),
            }
        }
        if let Some(Err(fault)) = self.record.as_deref().map(prepare_folder) {
            faults.push(format!("{fault:#}"));
        }
        let files: Vec<&Output> = opened.iter().flatten().filter(|output| output.same.is_some()).collect();
        for (i, output) in files.iter().enumerate() {
            if let Some(other) = files[..i].iter().find(|other| other.same == output.same) {
                faults.push(format!("{} and {} are one file: {}", other.option, output.option, output.shown));
            }
            let is_model =
                |contestant: &&Contestant| same_file::Handle::from_path(&contestant.name).ok() == output.same;
            if contestants.iter().any(|contestant| is_model(&contestant)) {
                faults.push(format!("{} {} is a network to be evaluated", output.option, output.shown));
            }
        }
        ensure!(faults.is_empty(), "{}", faults.join("; "));
        let mut opened = opened.into_iter();
        let mut next = || opened.next().flatten();
        Ok(OpenOutputs {
            json: next(),
            csv: next(),
            actions: next(),
            record: self.record.clone(),
            one_policy: contestants.len() == 1,
            on_standard_output: on_standard_output > 0,
        })
    }
}

/// Creates the folder and makes sure that files can be created in it.
fn prepare_folder(folder: &Path) -> Result<()> {
    if folder == Path::new(STANDARD_OUTPUT) {
        bail!("--record needs a folder, so it cannot be - (standard output)");
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let probe = folder.join(format!("writable-{}.part", std::process::id()));
    let made = OpenOptions::new().write(true).create_new(true).open(&probe);
    made.with_context(|| format!("cannot write in {}", folder.display()))?;
    fs::remove_file(&probe).with_context(|| format!("cannot write in {}", folder.display()))
}

impl OpenOutputs {
    /// Prints a table or a line for people.
    ///
    /// # Errors
    /// When it cannot be printed.
    pub(super) fn print(&self, text: &str) -> Result<()> {
        if self.on_standard_output {
            warn!("{}", text.trim_end());
            return Ok(());
        }
        print(text)
    }

    /// Writes the reports, then records games, unless `stop` is set. Returns what failed; all else is written.
    pub(super) fn write(
        mut self,
        contestants: &[Contestant],
        protocol: &Protocol,
        reports: &[(usize, EvaluationReport)],
        stop: &AtomicBool,
    ) -> Vec<Error> {
        let mut failed = Vec::new();
        let all: Vec<&EvaluationReport> = reports.iter().map(|(_, report)| report).collect();
        if let Some(output) = self.json.take() {
            let json = serde_json::to_string_pretty(&all).context("cannot write the reports as JSON");
            failed.extend(json.and_then(|json| output.write(&(json + "\n"))).err());
        }
        if let Some(output) = self.csv.take() {
            failed.extend(output.write(&csv(&all)).err());
        }
        for (number, report) in reports {
            for (which, index) in [("best", report.best_game()), ("worst", report.worst_game())] {
                let recorded = self.record(&contestants[*number], *number, protocol, report, (which, index), stop);
                failed.extend(recorded.err());
            }
        }
        if self.record.is_some() && stop.load(Ordering::Relaxed) {
            warn!("stopped, so not all games that --record asks for are recorded");
        }
        failed
    }

    /// Records a game, if that was asked for.
    fn record(
        &self,
        contestant: &Contestant,
        number: usize,
        protocol: &Protocol,
        report: &EvaluationReport,
        (which, index): (&str, u32),
        stop: &AtomicBool,
    ) -> Result<()> {
        let Some(folder) = &self.record else { return Ok(()) };
        let name = if self.one_policy { String::new() } else { format!("{}-", number + 1) };
        let path = folder.join(format!("{name}{}-{which}.gif", report.game));
        let Some(score) = record_game(contestant, protocol, index, &path, stop)? else { return Ok(()) };
        self.print(&format!("the {which} game of {}, score {score}: {}\n", report.policy, path.display()))
    }
}

/// An opened file, or standard output.
pub(super) struct Output {
    option: &'static str,
    shown: String,
    /// `None` is standard output.
    file: Option<BufWriter<File>>,
    /// The identity of an ordinary file.
    same: Option<same_file::Handle>,
    path: PathBuf,
    /// This program has created it, and it is still empty.
    created: bool,
}

impl Output {
    fn open(option: &'static str, path: &Path) -> Result<Self> {
        let mut output = Self {
            option,
            shown: path.display().to_string(),
            file: None,
            same: None,
            path: path.to_path_buf(),
            created: false,
        };
        if path == Path::new(STANDARD_OUTPUT) {
            return Ok(output);
        }
        let open = || -> std::io::Result<(File, bool)> {
            match OpenOptions::new().write(true).create_new(true).open(path) {
                Ok(file) => Ok((file, true)),
                // Its content stays until there is a result.
                Err(_) => Ok((OpenOptions::new().write(true).create(true).truncate(false).open(path)?, false)),
            }
        };
        let (file, created) = open().with_context(|| format!("{option}: cannot write {}", path.display()))?;
        output.created = created;
        if file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            output.same = same_file::Handle::from_path(path).ok();
        }
        output.file = Some(BufWriter::new(file));
        Ok(output)
    }

    /// Replaces the content by `text`.
    fn write(mut self, text: &str) -> Result<()> {
        self.begin()?;
        self.add(text)?;
        self.end()
    }

    /// Removes the old content.
    pub(super) fn begin(&mut self) -> Result<()> {
        self.created = false;
        match &self.file {
            Some(file) if self.same.is_some() => file.get_ref().set_len(0).with_context(|| self.fault()),
            _ => Ok(()),
        }
    }

    /// Adds text.
    pub(super) fn add(&mut self, text: &str) -> Result<()> {
        let written = match &mut self.file {
            Some(file) => file.write_all(text.as_bytes()),
            None => return print(text),
        };
        written.with_context(|| self.fault())
    }

    /// Writes what is still in memory.
    pub(super) fn end(mut self) -> Result<()> {
        let written = self.file.as_mut().map_or(Ok(()), BufWriter::flush);
        written.with_context(|| self.fault())
    }

    fn fault(&self) -> String {
        format!("{}: cannot write {}", self.option, self.shown)
    }
}

impl Drop for Output {
    /// Removes a file that was created for results that never came.
    fn drop(&mut self) {
        if self.created {
            let _ = fs::remove_file(&self.path);
        }
    }
}
