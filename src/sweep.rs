//! Many runs: a grid of games, presets and seeds. Each cell is an ordinary run in a process of its own, on this machine or on a
//! [Slurm](slurm) cluster; their scores are [summarized](summary).
//!
//! All state is in the run folders. A sweep that is started again skips finished runs and continues the others as `train --resume`
//! does, bit for bit.

pub mod grid;
pub mod parent;
pub mod slurm;
pub mod summary;
mod table;

use crate::environments;
use crate::evaluation;
use crate::networks::device::DeviceChoice;
use crate::run::folder::{RunFolder, RunState};
use crate::run::{self, memory, Start};
use crate::saving::own_files;
use crate::sweep::grid::{Cell, Grid};
use crate::sweep::summary::SweepSummary;
use crate::sweep::table::Table;
use crate::system::memory::{amount, free};
use crate::system::signals::{SignalCount, ENDED_AT_ONCE};
use crate::terminal::ProgressLine;
use anyhow::{anyhow, bail, Context, Result};
use std::collections::{HashMap, HashSet, VecDeque};
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::Duration;
use sysinfo::{Pid, ProcessesToUpdate, Signal, System};

/// Output of a cell's process, in the cell's folder.
const LOG_FILE: &str = "train.log";
/// Time between two looks at the processes.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);
/// Longest time to wait for a run of a sweep that was killed: its processes end with it, but not in the same instant.
const ENDING: Duration = Duration::from_secs(3);

/// How the cells of any grid are trained.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Runs at the same time; one per core if not given.
    pub jobs: Option<u32>,
    /// Where the networks run.
    pub device: DeviceChoice,
    /// Start even if the runs need more memory than is free.
    pub force: bool,
    /// How other processes are started.
    pub command_lines: CommandLines,
}

/// The arguments of this program for the parts of a sweep that run in processes of their own: on this machine one process per
/// run, on a cluster one task per cell. They come from the room that defines the command line, because a sweep does not know it.
#[derive(Clone, Copy, Debug)]
pub struct CommandLines {
    /// Arguments that make a run.
    pub train: fn(&Start) -> Vec<OsString>,
    /// Arguments that train a cell of the sweep in a folder, with this device and with or without force. The cell's index must follow.
    pub cell: fn(&Path, DeviceChoice, bool) -> Vec<OsString>,
    /// Arguments that summarize the sweep in a folder.
    pub summary: fn(&Path) -> Vec<OsString>,
}

/// Summarizes the finished runs.
///
/// # Errors
/// When no run is finished, a run cannot be read, or the summary cannot be written.
pub fn summarize(grid: &Grid) -> Result<()> {
    SweepSummary::new(grid)?.publish(grid)
}

/// The settings that start the cell or continue it; `None` if it is finished. `say` gets a message if a run was moved aside.
fn next_start(cell: &Cell, options: &Options, say: &dyn Fn(&str)) -> Result<Option<Start>> {
    let rom = cell.game.rom().map(|rom| {
        let text = rom.to_str().map(str::to_string);
        text.with_context(|| format!("the path {} is not UTF-8", rom.display()))
    });
    let start = Start { rom: rom.transpose()?, device: options.device, ..Start::default() };
    let state = cell.state()?;
    let stuck = cell.is_stuck(state);
    if stuck {
        let aside = cell.move_aside()?;
        say(&format!("{}: its checkpoints were removed; what is left is now in {}", cell.name, aside.display()));
    }
    Ok(match state {
        RunState::Finished => None,
        RunState::Checkpoint | RunState::NetworkOnly if !stuck => {
            Some(Start { resume: Some(cell.folder.clone()), ..start })
        }
        _ => Some(Start {
            preset: Some(cell.preset.clone()),
            config: Some(cell.config_file.clone()),
            seed: Some(cell.config.run.seed),
            run_dir: Some(cell.folder.clone()),
            force: options.force,
            ..start
        }),
    })
}

/// Trains one cell in this process. On a cluster this matters: Slurm signals one process or all of them, and either way the run
/// must get the signal once.
///
/// # Errors
/// When there is no such cell, or its run fails.
pub fn train_cell(grid: &Grid, index: usize, options: &Options) -> Result<()> {
    let last = grid.cells.len() - 1;
    let cell = grid.cells.get(index).with_context(|| format!("there is no cell {index}; they are 0 to {last}"))?;
    match next_start(cell, options, &|text| say!("{text}"))? {
        Some(start) => run::run(&start),
        None => {
            say!("{} is finished", cell.name);
            Ok(())
        }
    }
}

/// A run in a process of its own.
struct Job<'a> {
    cell: &'a Cell,
    child: Child,
    row: ProgressLine,
}

/// How the cells ended.
#[derive(Default)]
struct Tally {
    finished: usize,
    stopped: usize,
    /// Names and reasons.
    failed: Vec<(String, String)>,
}

/// Trains all cells that are not finished, several at the same time, and summarizes them. After a signal the runs save and stop.
///
/// # Errors
/// When another process works on this sweep, the runs need more memory than is free, or runs fail; then all failures at once.
pub fn train_all(grid: &Grid, options: &Options) -> Result<()> {
    let _lock = lock(&grid.folder)?;
    // A cell whose state cannot be read fails when its turn comes.
    let is_finished = |cell: &&Cell| matches!(cell.state(), Ok(RunState::Finished));
    let (finished, waiting): (Vec<&Cell>, Vec<&Cell>) = grid.cells.iter().partition(is_finished);
    let cores = evaluation::default_workers();
    let jobs = options.jobs.map_or(cores, |jobs| jobs as usize).clamp(1, waiting.len().max(1));
    let threads = (cores / jobs).max(1);
    check_memory(&waiting, jobs, options.force)?;
    let mut presets = HashSet::new();
    waiting.iter().filter(|cell| presets.insert(&cell.preset)).for_each(|cell| {
        run::warn_if_nothing_is_learned(&cell.config);
    });
    grid.write()?;
    let signals = SignalCount::begin();

    let shown = grid.folder.display();
    say!(
        "{} runs, {} of them finished; {jobs} at a time with threads: {threads}; files: {shown}",
        grid.cells.len(),
        finished.len()
    );
    let mut pool = Pool {
        options,
        threads,
        jobs,
        waiting: waiting.into(),
        running: Vec::new(),
        tally: Tally { finished: finished.len(), ..Tally::default() },
        table: Table::new(grid),
    };
    pool.run(&signals);
    let tally = pool.tally;

    let stopped = signals.count() > 0;
    if tally.finished > 0 && !stopped {
        summarize(grid)?;
    }
    if stopped || tally.stopped > 0 {
        say!(
            "stopped with {} of {} runs finished; continue with: atari-dqn sweep --out {shown}",
            tally.finished,
            grid.cells.len()
        );
    }
    tally.into_result(grid)
}

/// The processes of a sweep on this machine.
struct Pool<'a> {
    options: &'a Options,
    /// Threads of each run.
    threads: usize,
    /// Most runs at the same time.
    jobs: usize,
    waiting: VecDeque<&'a Cell>,
    running: Vec<Job<'a>>,
    tally: Tally,
    table: Table,
}

impl Pool<'_> {
    /// Runs all that are waiting. After a signal no more are begun, and each signal is passed on to those that are running; the third
    /// ends the program.
    fn run(&mut self, signals: &SignalCount) {
        let mut signals_passed_on = 0;
        loop {
            let signals = signals.count();
            if signals > 2 {
                std::process::exit(ENDED_AT_ONCE);
            }
            if signals == 0 {
                self.begin_waiting();
            }
            if signals > signals_passed_on {
                signals_passed_on = signals;
                self.running.iter_mut().for_each(|job| terminate(&mut job.child));
                self.table.say("stopping: the runs save a checkpoint; a second signal ends at once");
            }
            if self.running.is_empty() {
                break;
            }
            self.count_ended(signals > 0);
            let counts = format!(
                "{} finished, {} running, {} waiting, {} failed",
                self.tally.finished,
                self.running.len(),
                self.waiting.len(),
                self.tally.failed.len()
            );
            self.table.show(self.running.iter().map(|job| (job.cell, &job.row)), &counts);
            thread::sleep(WATCH_INTERVAL);
        }
        self.table.finish();
    }

    /// Starts processes while there are free places and cells that wait.
    fn begin_waiting(&mut self) {
        while self.running.len() < self.jobs {
            let Some(cell) = self.waiting.pop_front() else { break };
            match begin(cell, self.threads, self.options, &self.table) {
                Ok(Some(job)) => self.running.push(job),
                Ok(None) => self.tally.finished += 1,
                Err(error) => self.tally.fail(cell, format!("{error:#}"), &self.table),
            }
        }
    }

    /// Takes the processes that ended off the table and into the tally.
    fn count_ended(&mut self, stopping: bool) {
        let Self { running, tally, table, .. } = self;
        running.retain_mut(|job| match job.child.try_wait() {
            Ok(None) => true,
            ended => {
                table.remove(&job.row);
                tally.count(job.cell, ended, stopping, table);
                false
            }
        });
    }
}

impl Tally {
    fn fail(&mut self, cell: &Cell, reason: String, table: &Table) {
        table.say(&format!("{}: failed: {reason}", cell.name));
        self.failed.push((cell.name.clone(), reason));
    }

    /// The process of `cell` has ended.
    fn count(&mut self, cell: &Cell, ended: std::io::Result<Option<ExitStatus>>, stopping: bool, table: &Table) {
        let outcome = || -> Result<RunState> {
            let status = ended.context("cannot watch it")?.context("it did not end")?;
            // A process that does not handle signals yet is ended by them; while stopping that is no failure.
            let stopped = stopping && (status.code().is_none() || status.code() == Some(ENDED_AT_ONCE));
            if !status.success() && !stopped {
                let last = last_line(&cell.folder.join(LOG_FILE));
                return Err(match (status.code(), last) {
                    (Some(_), Some(last)) => anyhow!(last.strip_prefix("error: ").unwrap_or(&last).to_string()),
                    (_, last) => anyhow!("ended with {status}, its last line: {}", last.unwrap_or_default()),
                });
            }
            cell.state()
        };
        match outcome() {
            Ok(RunState::Finished) => {
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
            "{} of {} runs failed (each run's output is in its {LOG_FILE}; the same command tries them again):",
            self.failed.len(),
            grid.cells.len()
        );
        for (name, reason) in self.failed {
            message += &format!("\n  {name}: {reason}");
        }
        bail!(message)
    }
}

/// Starts the process of a cell; `None` if the cell is finished.
fn begin<'a>(cell: &'a Cell, threads: usize, options: &Options, table: &Table) -> Result<Option<Job<'a>>> {
    RunFolder::wait_until_free(&cell.folder, ENDING);
    let Some(start) = next_start(cell, options, &|text| table.say(text))? else { return Ok(None) };
    fs::create_dir_all(&cell.folder).with_context(|| format!("cannot create {}", cell.folder.display()))?;
    let path = cell.folder.join(LOG_FILE);
    let log = own_files::open_to_append(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let mut command = Command::new(program);
    command
        .args((options.command_lines.train)(&start))
        .env("RAYON_NUM_THREADS", threads.to_string())
        .stdin(parent::pipe());
    command.stdout(log.try_clone().with_context(|| format!("cannot write {}", path.display()))?).stderr(log);
    // A terminal sends Ctrl-C to all processes of its group. In groups of their own the runs get only the signal that is passed
    // on to them; a second one would end them without a checkpoint.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let child = command.spawn().context("cannot start a process for it")?;
    table.say(&format!("{}: {}", cell.name, if start.resume.is_some() { "continues" } else { "begins" }));
    Ok(Some(Job { cell, child, row: table.row(cell) }))
}

/// Asks a process to save and end. Where that is impossible, kills it; its run continues from the last periodic checkpoint.
fn terminate(child: &mut Child) {
    let pid = Pid::from_u32(child.id());
    let mut system = System::new();
    system.refresh_processes(ProcessesToUpdate::Some(&[pid]), false);
    if system.process(pid).and_then(|process| process.kill_with(Signal::Term)) != Some(true) {
        // An error means that it has already ended.
        let _ = child.kill();
    }
}

/// Creates the sweep's folder if it does not exist, and locks it until the file is closed.
fn lock(folder: &Path) -> Result<File> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    own_files::lock(&folder.join("lock"))?.with_context(|| {
        format!("another process is sweeping in {}; wait for it or stop it, or give another --out", folder.display())
    })
}

/// Refuses, unless with `force`, if the runs that train at the same time need more memory than is free. Each run checks its own need
/// too, but only at its start, when the other runs have not filled their replays yet.
fn check_memory(cells: &[&Cell], jobs: usize, force: bool) -> Result<()> {
    let mut known: HashMap<(&str, &str), u64> = HashMap::new();
    let mut needs = Vec::new();
    for cell in cells {
        let kind = (cell.game.name.as_str(), cell.preset.as_str());
        let bytes = match known.get(&kind) {
            Some(bytes) => *bytes,
            None => {
                let rom = cell.game.rom().map(|rom| rom.to_string_lossy().into_owned());
                let spec = environments::spec(&cell.config.environment, rom.as_deref())?;
                memory::needed(&cell.config, &*spec)?
            }
        };
        known.insert(kind, bytes);
        needs.push(bytes);
    }
    needs.sort_unstable_by(|a, b| b.cmp(a));
    let of_the_largest = |jobs: usize| needs.iter().take(jobs).fold(0, |sum: u64, need| sum.saturating_add(*need));
    let needed = of_the_largest(jobs);
    let Some(free) = free().filter(|free| free.bytes < needed) else { return Ok(()) };
    let problem =
        format!("{jobs} runs at a time need about {} of memory, and only {}", amount(needed), free.in_words());
    if force {
        warn!("warning: {problem}");
        return Ok(());
    }
    let mut advice = Vec::new();
    if let Some(fewer) = (1..jobs).rev().find(|&fewer| of_the_largest(fewer) <= free.bytes) {
        advice.push(format!("--jobs {fewer} needs about {}", amount(of_the_largest(fewer))));
    }
    if needed <= free.at_best {
        advice.push("--force starts all the same".to_string());
    }
    if advice.is_empty() {
        advice
            .push("smaller replays or fewer environments (--set replay_capacity=N, num_envs=N) need less".to_string());
    }
    bail!("{problem}; {}", advice.join("; "))
}

/// The last line of a file that is not blank.
fn last_line(path: &Path) -> Option<String> {
    let text = table::tail(path)?;
    text.lines().rfind(|line| !line.trim().is_empty()).map(str::to_string)
}
