//! `sweep`: a grid of games, presets and seeds, each an ordinary run by a process of its own, here or on a
//! [Slurm](slurm) cluster; and what they reached, [summed up](summary).
//!
//! The runs are what is remembered: a sweep that is started again looks into their folders, passes over what is finished and
//! goes on with the rest as `train --resume` does, bit for bit.

pub mod grid;
pub mod slurm;
pub mod summary;
mod table;

use crate::commands::{Cli, Command as Subcommand, SweepArgs};
use crate::environments::cartridges;
use crate::environments::Spec;
use crate::evaluation;
use crate::run;
use crate::run::memory;
use crate::sweep::grid::{Cell, Grid, Progress};
use crate::sweep::summary::Summary;
use crate::sweep::table::Table;
use anyhow::{anyhow, bail, Context, Result};
use clap::{Parser, ValueEnum};
use indicatif::ProgressBar;
use std::collections::{HashMap, VecDeque};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use sysinfo::{Pid, ProcessesToUpdate, Signal, System};

/// What a run says, in its folder.
const LOG_FILE: &str = "train.log";
/// How often the processes are looked after.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);
/// Exit status of a run that was told twice to end.
const ENDED_AT_ONCE: i32 = 130;

/// The `sweep` command.
pub fn run(args: &SweepArgs) -> Result<()> {
    let grid = Grid::open(args)?;
    if args.summary {
        return Summary::of(&grid)?.publish(&grid);
    }
    match args.cell {
        Some(index) => train_cell(&grid, index, args),
        None if args.slurm => slurm::submit(&grid, args),
        None => train_all(&grid, args),
    }
}

/// The command line of `train` that begins the cell or goes on with it; none if it is finished.
fn train_arguments(cell: &Cell, args: &SweepArgs) -> Result<Option<Vec<OsString>>> {
    let mut arguments: Vec<OsString> = vec!["train".into(), "--rom".into(), cell.game.spec().into()];
    if let Some(device) = args.device.to_possible_value() {
        arguments.extend(["--device".into(), device.get_name().into()]);
    }
    match cell.progress()? {
        Progress::Finished => return Ok(None),
        Progress::Checkpoint => arguments.extend(["--resume".into(), cell.folder.clone().into()]),
        progress => {
            if progress == Progress::NoCheckpoint {
                cell.clear()?;
            }
            let seed = cell.config.run.seed.to_string();
            arguments.extend(["--preset".into(), cell.preset.clone().into(), "--seed".into(), seed.into()]);
            arguments.extend(["--config".into(), cell.config_file.clone().into()]);
            arguments.extend(["--run-dir".into(), cell.folder.clone().into()]);
            if args.force {
                arguments.push("--force".into());
            }
        }
    }
    Ok(Some(arguments))
}

/// Trains a cell in this process, so that a signal meets it once, whether Slurm sends it to one process or to all of them.
fn train_cell(grid: &Grid, index: usize, args: &SweepArgs) -> Result<()> {
    let last = grid.cells.len() - 1;
    let cell = grid.cells.get(index).with_context(|| format!("there is no cell {index}; they are 0 to {last}"))?;
    let Some(arguments) = train_arguments(cell, args)? else {
        say!("{} is finished", cell.name);
        return Ok(());
    };
    let words = std::iter::once(OsString::from("atari-dqn")).chain(arguments);
    match Cli::try_parse_from(words).context("cannot start the cell")?.command {
        Subcommand::Train(train) => run::run(&train),
        other => bail!("cannot start the cell: its command line means {other:?}"),
    }
}

/// A run under way.
struct Job<'a> {
    cell: &'a Cell,
    child: Child,
    row: ProgressBar,
}

/// What became of the cells.
#[derive(Default)]
struct Tally {
    finished: usize,
    stopped: usize,
    /// Names with the reason.
    failed: Vec<(String, String)>,
}

/// Trains all cells that are not finished, some at a time, and sums up.
fn train_all(grid: &Grid, args: &SweepArgs) -> Result<()> {
    fs::create_dir_all(&grid.folder).with_context(|| format!("cannot create {}", grid.folder.display()))?;
    let _lock = lock(&grid.folder)?;
    let mut tally = Tally::default();
    let mut waiting: VecDeque<&Cell> = VecDeque::new();
    for cell in &grid.cells {
        match cell.progress() {
            Ok(Progress::Finished) => tally.finished += 1,
            // What is wrong is told when its turn has come.
            _ => waiting.push_back(cell),
        }
    }
    let cores = evaluation::default_workers();
    let jobs = args.jobs.map_or(cores, |jobs| jobs as usize).clamp(1, waiting.len().max(1));
    let threads = (cores / jobs).max(1);
    check_memory(&waiting, jobs, args.force)?;
    grid.write()?;
    let signals = count_signals()?;

    let shown = grid.folder.display();
    say!(
        "{} runs, {} of them finished; {jobs} at a time with threads: {threads}; files: {shown}",
        grid.cells.len(),
        tally.finished
    );
    let mut table = Table::new(grid)?;
    let mut running: Vec<Job> = Vec::new();
    let mut signals_passed_on = 0;
    loop {
        let signals = signals.load(Ordering::Relaxed);
        while signals == 0 && running.len() < jobs {
            let Some(cell) = waiting.pop_front() else { break };
            match begin(cell, threads, args, &table) {
                Ok(Some(job)) => running.push(job),
                Ok(None) => tally.finished += 1,
                Err(error) => tally.fail(cell, format!("{error:#}"), &table),
            }
        }
        if signals > signals_passed_on {
            signals_passed_on = signals;
            running.iter_mut().for_each(|job| terminate(&mut job.child));
            table.say("stopping: the runs save a checkpoint; once more to end at once");
        }
        if running.is_empty() {
            break;
        }
        running.retain_mut(|job| match job.child.try_wait() {
            Ok(None) => true,
            ended => {
                table.remove(&job.row);
                tally.count(job.cell, ended, signals > 0, &table);
                false
            }
        });
        let counts = format!(
            "{} finished, {} running, {} waiting, {} failed",
            tally.finished,
            running.len(),
            waiting.len(),
            tally.failed.len()
        );
        table.show(running.iter().map(|job| (job.cell, &job.row)), &counts);
        thread::sleep(WATCH_INTERVAL);
    }
    table.finish();

    let stopped = signals.load(Ordering::Relaxed) > 0;
    if tally.finished > 0 && !stopped {
        Summary::of(grid)?.publish(grid)?;
    }
    if stopped || tally.stopped > 0 {
        say!(
            "stopped with {} of {} runs finished; go on with: atari-dqn sweep --out {shown}",
            tally.finished,
            grid.cells.len()
        );
    }
    tally.into_result(grid)
}

impl Tally {
    fn fail(&mut self, cell: &Cell, reason: String, table: &Table) {
        table.say(&format!("{}: failed: {reason}", cell.name));
        self.failed.push((cell.name.clone(), reason));
    }

    /// The process of `cell` has ended.
    fn count(&mut self, cell: &Cell, ended: std::io::Result<Option<ExitStatus>>, stopping: bool, table: &Table) {
        let outcome = || -> Result<Progress> {
            let status = ended.context("cannot watch it")?.context("it did not end")?;
            // While stopping, a signal also ends one that was not yet listening.
            let stopped = stopping && (status.code().is_none() || status.code() == Some(ENDED_AT_ONCE));
            if !status.success() && !stopped {
                let last = last_line(&cell.folder.join(LOG_FILE));
                return Err(match (status.code(), last) {
                    (Some(_), Some(last)) => anyhow!(last.strip_prefix("error: ").unwrap_or(&last).to_string()),
                    (_, last) => anyhow!("ended with {status}, its last line: {}", last.unwrap_or_default()),
                });
            }
            cell.progress()
        };
        match outcome() {
            Ok(Progress::Finished) => {
                self.finished += 1;
                table.say(&format!("{}: finished", cell.name));
            }
            Ok(_) => {
                self.stopped += 1;
                table.say(&format!("{}: stopped", cell.name));
            }
            Err(error) => self.fail(cell, format!("{error:#}"), table),
        }
    }

    fn into_result(self, grid: &Grid) -> Result<()> {
        if self.failed.is_empty() {
            return Ok(());
        }
        let mut message = format!(
            "{} of {} runs failed (what each said is in its {LOG_FILE}; the same command tries them again):",
            self.failed.len(),
            grid.cells.len()
        );
        for (name, reason) in self.failed {
            message += &format!("\n  {name}: {reason}");
        }
        bail!(message)
    }
}

/// Starts the process of a cell; none if it is finished.
fn begin<'a>(cell: &'a Cell, threads: usize, args: &SweepArgs, table: &Table) -> Result<Option<Job<'a>>> {
    let Some(arguments) = train_arguments(cell, args)? else { return Ok(None) };
    let resumed = arguments.iter().any(|argument| argument == "--resume");
    fs::create_dir_all(&cell.folder).with_context(|| format!("cannot create {}", cell.folder.display()))?;
    let path = cell.folder.join(LOG_FILE);
    let log = OpenOptions::new().create(true).append(true).open(&path);
    let log = log.with_context(|| format!("cannot write {}", path.display()))?;
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let mut command = Command::new(program);
    command.args(arguments).env("RAYON_NUM_THREADS", threads.to_string()).stdin(Stdio::null());
    command.stdout(log.try_clone().with_context(|| format!("cannot write {}", path.display()))?).stderr(log);
    // Ctrl-C goes to all processes of a terminal's group. It is passed on to the runs once, and the second time a run would
    // end without a checkpoint.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let child = command.spawn().context("cannot start a process for it")?;
    table.say(&format!("{}: {}", cell.name, if resumed { "goes on" } else { "begins" }));
    Ok(Some(Job { cell, child, row: table.row(cell) }))
}

/// Asks a process to end; where that is not possible, it is ended, and will go on from its last periodic checkpoint.
fn terminate(child: &mut Child) {
    let pid = Pid::from_u32(child.id());
    let mut system = System::new();
    system.refresh_processes(ProcessesToUpdate::Some(&[pid]), false);
    if system.process(pid).and_then(|process| process.kill_with(Signal::Term)) != Some(true) {
        // It may have ended meanwhile, which is as good.
        let _ = child.kill();
    }
}

/// Counts Ctrl-C and requests to end; the third ends the program.
fn count_signals() -> Result<Arc<AtomicU32>> {
    let count = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&count);
    ctrlc::set_handler(move || {
        if counted.fetch_add(1, Ordering::Relaxed) >= 2 {
            std::process::exit(ENDED_AT_ONCE);
        }
    })
    .context("cannot watch for Ctrl-C")?;
    Ok(count)
}

/// Takes the sweep's folder for this process as long as the file is open.
fn lock(folder: &Path) -> Result<File> {
    let path = folder.join("lock");
    let lock = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            bail!("another process is sweeping in {}; wait for it or stop it, or give another --out", folder.display())
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}

/// Refuses, unless with `force`, when the replays of the runs that go on at a time need more memory than there is. Each run
/// looks for itself too, but at its start, when those beside it have not yet filled theirs.
fn check_memory(cells: &VecDeque<&Cell>, jobs: usize, force: bool) -> Result<()> {
    let mut known: HashMap<(&str, &str), u64> = HashMap::new();
    let mut needs = Vec::new();
    for cell in cells {
        let kind = (cell.game.name.as_str(), cell.preset.as_str());
        let bytes = match known.get(&kind) {
            Some(bytes) => *bytes,
            None => {
                let rom = cartridges::load(&cell.game.spec().to_string_lossy())?;
                memory::replay_bytes(&cell.config, &Spec::Atari(rom))?
            }
        };
        known.insert(kind, bytes);
        needs.push(bytes);
    }
    needs.sort_unstable();
    let needed: u64 = needs.iter().rev().take(jobs).sum();
    let Some(available) = memory::available().filter(|available| *available < needed) else { return Ok(()) };
    let problem = format!(
        "the replays of {jobs} runs at a time need about {:.2} GB of memory, and only {:.2} GB are free",
        needed as f64 / 1e9,
        available as f64 / 1e9
    );
    if force {
        warn!("warning: {problem}");
        return Ok(());
    }
    bail!(
        "{problem}; fewer --jobs need less, and so does --set replay_compression=true or a smaller --set replay_capacity=N; \
         --force starts all the same"
    )
}

/// The last line of a file that says something.
fn last_line(path: &Path) -> Option<String> {
    let text = table::tail(path)?;
    text.lines().rfind(|line| !line.trim().is_empty()).map(str::to_string)
}
