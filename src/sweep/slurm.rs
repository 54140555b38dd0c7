//! A sweep on a Slurm cluster: the cells as one job array, followed by a job that summarizes.
//!
//! A task may be preempted, requeued or reach its time limit at any moment. Its run then saves a checkpoint, and a later task with
//! the same index continues it.

use crate::run::folder::RunState;
use crate::saving::sealed_file;
use crate::sweep::grid::Grid;
use crate::sweep::{lock, summarize, Options};
use crate::text::output::print;
use anyhow::{bail, Context, Result};
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Seconds before a task's time limit at which Slurm signals it to save. Slurm may be up to a minute early.
const WARNING_SECONDS: u32 = 120;
/// Folder of the scripts and the jobs' output, in a sweep's folder.
const FOLDER: &str = "slurm";

/// The resources that a task requests from the cluster; passed to `sbatch` unchanged.
#[derive(Clone, Debug)]
pub struct Resources {
    /// Partition to run in.
    pub partition: Option<String>,
    /// Account to charge.
    pub account: Option<String>,
    /// Time limit of a task.
    pub time: Option<String>,
    /// Cores per task.
    pub cpus_per_task: u32,
    /// Memory per task.
    pub mem: Option<String>,
    /// Devices per task.
    pub gres: Option<String>,
}

/// The scripts of the two jobs.
#[derive(Debug)]
struct Jobs {
    folder: PathBuf,
    /// Trains one cell per task.
    cells: String,
    /// Summarizes.
    summary: String,
}

/// Submits the unfinished cells of `grid`; with `dry_run` only prints the scripts.
///
/// # Errors
/// When a run cannot be read, the scripts cannot be written, or `sbatch` is missing or refuses them.
pub fn submit(grid: &Grid, options: &Options, resources: &Resources, dry_run: bool) -> Result<()> {
    let mut unfinished = Vec::new();
    for (index, cell) in grid.cells.iter().enumerate() {
        if cell.state()? != RunState::Finished {
            unfinished.push(index);
        }
    }
    if unfinished.is_empty() {
        say!("all runs are finished; there is nothing to submit");
        return summarize(grid);
    }
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let jobs = Jobs::new(grid, &unfinished, options, resources, &program)?;
    if dry_run {
        return print(&format!("{}\n", jobs.in_words().trim_end()));
    }
    let _lock = lock(&grid.folder)?;
    grid.write()?;
    let array = sbatch(&[], &jobs.write("cells.sh", &jobs.cells)?)?;
    let (runs, all) = (unfinished.len(), grid.cells.len());
    // The array is submitted, printed or not, so its summary follows in any case.
    let printed = print(&format!("job {array}: {runs} of {all} runs; task logs: {}\n", jobs.folder.display()));
    let summary = sbatch(&[&depends_on(&array)], &jobs.write("summary.sh", &jobs.summary)?).with_context(|| {
        format!(
            "the runs are submitted, the summary is not; make it with: atari-dqn sweep --summary --out {}",
            grid.folder.display()
        )
    })?;
    printed.and(print(&format!("job {summary}: the summary, after them\n")))
}

/// Submits a script and returns the job's number.
fn sbatch(options: &[&str], script: &Path) -> Result<String> {
    let output = Command::new("sbatch").arg("--parsable").args(options).arg(script).output().context(
        "cannot run sbatch, which should be on the PATH of a Slurm cluster's login machine; --dry-run prints the scripts",
    )?;
    if !output.status.success() {
        bail!("sbatch refused {}: {}", script.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    // The answer is "12" or "12;cluster".
    let answer = String::from_utf8_lossy(&output.stdout);
    Ok(answer.split([';', '\n']).next().unwrap_or_default().trim().to_string())
}

fn depends_on(job: &str) -> String {
    format!("--dependency=afterany:{job}")
}

impl Jobs {
    /// The scripts for the cells with these indices. `program` is this program's own file.
    fn new(
        grid: &Grid,
        unfinished: &[usize],
        options: &Options,
        resources: &Resources,
        program: &Path,
    ) -> Result<Self> {
        let folder = grid.folder.join(FOLDER);
        let command_lines = options.command_lines;
        let train_cell = shell_command(program, &(command_lines.cell)(&grid.folder, options.device, options.force))?;
        let summarize = shell_command(program, &(command_lines.summary)(&grid.folder))?;
        let name = grid.folder.file_name().map_or("sweep".into(), |name| name.to_string_lossy());
        // Without characters that sbatch would take for quotes or the end of the name.
        let name = name.replace(|letter: char| !letter.is_ascii_alphanumeric() && !"-_.".contains(letter), "-");
        let log = |file: &str| folder.to_string_lossy().replace('%', "%%") + "/" + file;
        let header = |lines: &[String]| {
            lines.iter().fold(String::from("#!/bin/bash\n"), |text, line| text + "#SBATCH --" + line + "\n")
        };
        let given = |name: &str, value: &Option<String>| value.as_ref().map(|value| format!("{name}={value}"));
        let where_to: Vec<String> = [given("partition", &resources.partition), given("account", &resources.account)]
            .into_iter()
            .flatten()
            .collect();

        let at_a_time = options.jobs.map_or(String::new(), |jobs| format!("%{jobs}"));
        let mut lines = vec![
            format!("job-name={name}"),
            format!("array={}{at_a_time}", ranges(unfinished)),
            format!("output=\"{}\"", log("cell-%a.log")),
            "open-mode=append".to_string(),
            "requeue".to_string(),
            format!("signal=B:USR1@{WARNING_SECONDS}"),
            format!("cpus-per-task={}", resources.cpus_per_task),
        ];
        lines.extend(
            [given("time", &resources.time), given("mem", &resources.mem), given("gres", &resources.gres)]
                .into_iter()
                .flatten(),
        );
        lines.extend_from_slice(&where_to);
        let cells = header(&lines) + &cell_task(&train_cell, resources.cpus_per_task);
        let mut lines = vec![format!("job-name={name}-summary"), format!("output=\"{}\"", log("summary.log"))];
        lines.extend(where_to);
        let summary = header(&lines) + &format!("\n{summarize}\n");
        Ok(Self { folder, cells, summary })
    }

    /// The scripts, each below the command that submits it.
    fn in_words(&self) -> String {
        let mut text = String::new();
        let folder = self.folder.display();
        let _ = writeln!(text, "# sbatch --parsable {folder}/cells.sh\n{}", self.cells);
        let _ = write!(text, "# sbatch --parsable {} {folder}/summary.sh\n{}", depends_on("JOB"), self.summary);
        text
    }

    /// Writes a script into the folder and returns its path.
    fn write(&self, name: &str, script: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        fs::create_dir_all(&self.folder).with_context(|| format!("cannot create {}", self.folder.display()))?;
        sealed_file::write_atomically(&path, &[script.as_bytes()])?;
        Ok(path)
    }
}

/// The body of the script that trains one cell. `train_cell` is the command without the cell's index, `threads` the
/// number of the run's threads.
fn cell_task(train_cell: &str, threads: u32) -> String {
    format!(
        "\n\
         export RAYON_NUM_THREADS={threads}\n\
         # Near the time limit Slurm sends USR1 to this script alone: it tells the cell to save and stop, and then requeues the task.\n\
         # When a task is requeued, preempted or cancelled, Slurm sends TERM to every process. The script does not pass it on, because\n\
         # a second signal ends the cell without saving.\n\
         requeue=\n\
         trap 'requeue=1; kill -TERM \"$cell\"' USR1\n\
         trap : TERM\n\
         {train_cell} \"$SLURM_ARRAY_TASK_ID\" &\n\
         cell=$!\n\
         wait \"$cell\"\n\
         status=$?\n\
         # A signal ends `wait` early.\n\
         while kill -0 \"$cell\" 2>/dev/null; do wait \"$cell\"; done\n\
         # Not SLURM_JOB_ID, which for one of the tasks is the number of the whole array.\n\
         task=\"${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID\"\n\
         [[ -z $requeue ]] || exec scontrol requeue \"$task\"\n\
         exit \"$status\"\n"
    )
}

/// Indices as Slurm writes them: 0-3,7.
fn ranges(indices: &[usize]) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for &index in indices {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == index => *last = index,
            _ => ranges.push((index, index)),
        }
    }
    let range =
        |(first, last): (usize, usize)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    ranges.into_iter().map(range).collect::<Vec<_>>().join(",")
}

/// The program and its arguments as a command of the shell.
fn shell_command(program: &Path, arguments: &[OsString]) -> Result<String> {
    let words = std::iter::once(program.as_os_str()).chain(arguments.iter().map(OsString::as_os_str)).map(quoted);
    Ok(words.collect::<Result<Vec<String>>>()?.join(" "))
}

/// A word of the shell, in quotes unless it is a plain option or name.
fn quoted(word: &OsStr) -> Result<String> {
    let text = word.to_str().with_context(|| format!("the path {} is not UTF-8", word.display()))?;
    let plain = !text.is_empty() && text.chars().all(|letter| letter.is_ascii_lowercase() || letter == '-');
    Ok(if plain { text.to_string() } else { format!("'{}'", text.replace('\'', r"'\''")) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks::device::DeviceChoice;
    use crate::sweep::grid::tests::grid;
    use crate::sweep::CommandLines;

    #[test]
    fn indices_are_put_into_ranges() {
        assert_eq!(ranges(&[0, 1, 2, 5, 7, 8]), "0-2,5,7-8");
        assert_eq!(ranges(&[4]), "4");
    }

    #[test]
    fn the_scripts_contain_the_requested_resources_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("it's 50 %");
        let grid = grid(&folder, &["bricks"], 3);
        let options = Options {
            jobs: Some(2),
            device: DeviceChoice::Cpu,
            force: false,
            command_lines: CommandLines {
                train: |_| Vec::new(),
                cell: |folder, _, _| vec!["sweep".into(), folder.into(), "--cell".into()],
                summary: |_| vec!["sweep".into(), "--summary".into()],
            },
        };
        let resources = Resources {
            partition: None,
            account: Some("lab".to_string()),
            time: Some("2:00:00".to_string()),
            cpus_per_task: 4,
            mem: None,
            gres: Some("gpu:1".to_string()),
        };
        let jobs = Jobs::new(&grid, &[0, 2], &options, &resources, Path::new("/bin/atari-dqn")).unwrap();
        let options: Vec<&str> = jobs.cells.lines().filter_map(|line| line.strip_prefix("#SBATCH --")).collect();
        assert_eq!(options[..2], ["job-name=it-s-50--", "array=0,2%2"]);
        assert!(
            options[2].starts_with("output=\"/") && options[2].ends_with("it's 50 %%/slurm/cell-%a.log\""),
            "{options:?}"
        );
        let rest = [
            "open-mode=append",
            "requeue",
            "signal=B:USR1@120",
            "cpus-per-task=4",
            "time=2:00:00",
            "gres=gpu:1",
            "account=lab",
        ];
        assert_eq!(options[3..], rest);
        assert!(jobs.cells.contains("export RAYON_NUM_THREADS=4\n"), "{}", jobs.cells);
        assert!(jobs.cells.contains(r#"it'\''s 50 %' --cell "$SLURM_ARRAY_TASK_ID" &"#), "{}", jobs.cells);
        assert!(jobs.cells.contains("task=\"${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID\"\n"), "{}", jobs.cells);
        assert!(jobs.summary.ends_with(" --summary\n") && !jobs.summary.contains("gres"), "{}", jobs.summary);
    }
}
