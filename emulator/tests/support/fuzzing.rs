//! Feeds mutated files to parsers, each parser in a process of its own with limits on time and memory.
//!
//! A test program without libtest calls [`run`] with its parsers. It reads these arguments:
//!
//! | argument | meaning |
//! |---|---|
//! | `--files N` | files for each parser; by default each parser's own small number |
//! | `--seed N` | other mutations; the same seed, parser and index always give the same file |
//! | `--first N` | index of the first file |
//! | NAME... | only parsers whose names begin with one of these |
//!
//! A file must be read or refused: a panic (in any thread), an abort, more than [`MEMORY`] or more than [`LONGEST`] is a fault.
//! Faulty files are kept in the program's folder for temporary files, with their index.
//!
//! Included with `#[path]` by the file fuzzers of both crates.

#[path = "mutations.rs"]
mod mutations;

pub use mutations::Mutator;
use std::collections::BTreeMap;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Most memory of a parser's process, its samples included: 1 GiB. The address space has twice that, because threads reserve
/// parts that they never use.
const MEMORY: u64 = 1 << 30;
/// Longest time for a file.
const LONGEST: Duration = Duration::from_secs(10);
/// Longest time for a file when the process hardly gets a processor: one that waits forever must end too.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// Exit status of a process whose file takes too long.
const TOO_LONG: i32 = 40;
/// First word of a process that feeds files.
const WORKER: &str = "--feed";

/// A parser that gets mutated files.
pub trait Parser {
    /// A mutated file. It depends on `random` alone.
    fn make(&mut self, random: &mut Mutator) -> Vec<u8>;

    /// Reads the file, uses its contents as the program would, and returns whether it was accepted.
    fn read(&mut self, file: &[u8]) -> bool;
}

/// A parser before it has its samples.
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// Files in a short run.
    pub files: u64,
    /// Makes its samples, in an empty folder that is its own.
    pub open: fn(&Path) -> Box<dyn Parser>,
}

/// Feeds files to the parsers that the arguments name; fails if there was a fault.
pub fn run(temporary: &Path, entries: &[Entry]) -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == WORKER) {
        feed(&words[1..], entries);
        return ExitCode::SUCCESS;
    }
    // Of libtest's options, which `cargo test` passes to every test program, nothing is needed.
    let numbers = ["--files", "--seed", "--first"];
    let number = |name| {
        let place = words.iter().position(|word| word == name)?;
        let value = words.get(place + 1).and_then(|word| word.parse::<u64>().ok());
        Some(value.unwrap_or_else(|| panic!("{name} is followed by a number")))
    };
    let [files, seed, first] = numbers.map(number);
    let is_filter = |(index, word): &(usize, &String)| {
        !(word.starts_with('-') || *index > 0 && numbers.contains(&words[index - 1].as_str()))
    };
    let filters: Vec<&str> = words.iter().enumerate().filter(is_filter).map(|(_, word)| word.as_str()).collect();
    let (seed, first) = (seed.unwrap_or(1), first.unwrap_or(0));
    let mut total = Tally::default();
    for entry in entries.iter().filter(|entry| filters.is_empty() || filters.iter().any(|f| entry.name.starts_with(f)))
    {
        let began = Instant::now();
        let tally = run_parser(temporary, entry, seed, first, files.unwrap_or(entry.files));
        println!("{:<12} {tally}, {:.0} s", entry.name, began.elapsed().as_secs_f64());
        for (what, indices) in &tally.faults {
            println!("    {} times, first file {}: {what}", indices.len(), indices[0]);
        }
        total.add(tally);
    }
    println!("{:<12} {total}", "all");
    ExitCode::from(u8::from(!total.faults.is_empty()))
}

/// The results of a parser.
#[derive(Default)]
struct Tally {
    files: u64,
    accepted: u64,
    /// Longest time for a file, in microseconds, and its index.
    slowest: (u64, u64),
    /// Most resident memory of its process, in bytes.
    memory: u64,
    /// Indices of the files, by fault.
    faults: BTreeMap<String, Vec<u64>>,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.files += other.files;
        self.accepted += other.accepted;
        self.slowest = self.slowest.max(other.slowest);
        self.memory = self.memory.max(other.memory);
        for (what, indices) in other.faults {
            self.faults.entry(what).or_default().extend(indices);
        }
    }

    fn fault(&mut self, what: &str, index: u64) {
        self.faults.entry(what.replace('\n', " / ")).or_default().push(index);
    }

    /// One line for the numbers and one for each fault.
    fn to_text(&self) -> String {
        let Self { files, accepted, slowest, memory, faults } = self;
        let mut text = format!("{files} {accepted} {} {} {memory}\n", slowest.0, slowest.1);
        for (what, indices) in faults {
            let indices: Vec<String> = indices.iter().map(u64::to_string).collect();
            text += &format!("{}\t{what}\n", indices.join(" "));
        }
        text
    }

    fn of_text(text: &str) -> Option<Self> {
        let numbers = |text: &str| text.split(' ').map(str::parse).collect::<Result<Vec<u64>, _>>().ok();
        let mut lines = text.lines();
        let [files, accepted, time, index, memory] = *numbers(lines.next()?)? else { return None };
        let faults = lines.map(|line| {
            let (indices, what) = line.split_once('\t')?;
            Some((what.to_string(), numbers(indices)?))
        });
        Some(Self { files, accepted, slowest: (time, index), memory, faults: faults.collect::<Option<_>>()? })
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { files, accepted, slowest: (time, index), memory, faults } = self;
        let faults: usize = faults.values().map(Vec::len).sum();
        let (time, memory) = (*time as f64 / 1e3, memory >> 20);
        write!(f, "{files:>7} files, {accepted:>6} accepted, {faults} faults; slowest {time:.0} ms (file {index}), {memory} MiB")
    }
}

/// Feeds files `first` to `first + files` to a parser. A process that ends early is followed by another one.
fn run_parser(temporary: &Path, entry: &Entry, seed: u64, first: u64, files: u64) -> Tally {
    let folder = temporary.join(format!("fuzz-{}-{}", entry.name, std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for temporary files");
    let mut total = Tally::default();
    let end = first + files;
    let mut next = first;
    while next < end {
        let numbers = [seed, next, end].map(|number| number.to_string());
        let program = std::env::current_exe().expect("this program's file");
        // Without a shell that can limit memory, it is measured only.
        let script = format!("ulimit -v {} 2>/dev/null; exec \"$0\" \"$@\"", (2 * MEMORY) >> 10);
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).arg(program).arg(WORKER).arg(entry.name).args(numbers).arg(&folder);
        // Each of malloc's arenas reserves address space.
        command.env("MALLOC_ARENA_MAX", "2").env("RUST_BACKTRACE", "0").env("RAYON_NUM_THREADS", "2");
        let log = fs::File::create(folder.join("log")).expect("a log");
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).status().expect("a process");
        let report = fs::read_to_string(folder.join("report")).unwrap_or_default();
        let tally = Tally::of_text(&report);
        let at = fs::read(folder.join("at")).ok().and_then(|at| Some(u64::from_le_bytes(at.try_into().ok()?)));
        let done = status.success() && tally.is_some();
        total.add(tally.unwrap_or_default());
        if done {
            break;
        }
        let log = fs::read(folder.join("log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let last = log.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default().to_string();
        let Some(at) = at.filter(|at| (next..end).contains(at)) else {
            total.fault(&format!("no samples: {status}: {last}"), next);
            break;
        };
        // What the process counted since its last report is lost, except for this.
        total.files = at + 1 - first;
        let what =
            if status.code() == Some(TOO_LONG) { "takes too long".to_string() } else { format!("{status}: {last}") };
        total.fault(&what, at);
        next = at + 1;
    }
    let kept = fs::read_dir(&folder).into_iter().flatten().flatten().any(|entry| is_kept(&entry.path()));
    if kept {
        println!("    faulty files are kept in {}", folder.display());
    } else {
        let _ = fs::remove_dir_all(&folder);
    }
    total
}

fn is_kept(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "faulty")
}

fn kept(folder: &Path, index: u64) -> PathBuf {
    folder.join(format!("{index}.faulty"))
}

/// The file that is being read, for the threads that watch.
struct Current {
    index: AtomicU64,
    bytes: Mutex<Vec<u8>>,
    /// When it began and the processor time of this process then; `None` between two files.
    began: Mutex<Option<(Instant, Duration)>>,
}

/// The process of a parser: NAME SEED FIRST END FOLDER.
fn feed(words: &[String], entries: &[Entry]) {
    let [name, seed, first, end, folder] = words else { panic!("not enough arguments") };
    let [seed, first, end] = [seed, first, end].map(|word| word.parse::<u64>().expect("a number"));
    let (entry, folder) = (entries.iter().find(|entry| entry.name == name).expect("a parser"), Path::new(folder));
    let _ = fs::remove_file(folder.join("report"));
    let _ = fs::remove_file(folder.join("at"));
    let work = folder.join("work");
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work).expect("a folder");
    let mut parser = (entry.open)(&work);

    let panics = Arc::new(Mutex::new(Vec::<String>::new()));
    let heard = Arc::clone(&panics);
    panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map_or(String::new(), |place| format!("{}:{}", place.file(), place.line()));
        let payload = panic.payload();
        let text =
            payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let what = text.unwrap_or("a panic").to_string();
        heard.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(format!("panicked at {place}: {what}"));
    }));
    let current = Arc::new(Current { index: AtomicU64::new(first), bytes: Mutex::default(), began: Mutex::new(None) });
    let (watched, keep) = (Arc::clone(&current), folder.to_path_buf());
    std::thread::spawn(move || watch(&watched, &keep));

    let mut tally = Tally::default();
    for index in first..end {
        fs::write(folder.join("at"), index.to_le_bytes()).expect("a note of the index");
        let file = parser.make(&mut Mutator::new(seed, name, index));
        current.index.store(index, Ordering::Relaxed);
        current.bytes.lock().expect("a lock").clone_from(&file);
        let began = Instant::now();
        *current.began.lock().expect("a lock") = Some((began, processor_time()));
        let accepted = panic::catch_unwind(AssertUnwindSafe(|| parser.read(&file)));
        *current.began.lock().expect("a lock") = None;
        tally.files += 1;
        tally.accepted += u64::from(matches!(accepted, Ok(true)));
        tally.slowest = tally.slowest.max((began.elapsed().as_micros() as u64, index));
        let mut faults = std::mem::take(&mut *panics.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
        let memory = most_memory();
        if memory > MEMORY && tally.memory <= MEMORY {
            faults.push(format!("{} MiB of memory", memory >> 20));
        }
        tally.memory = tally.memory.max(memory);
        for what in &faults {
            tally.fault(what, index);
            fs::write(kept(folder, index), &file).expect("a faulty file");
        }
        if !faults.is_empty() || index + 1 == end || index % 4096 == 0 {
            fs::write(folder.join("report"), tally.to_text()).expect("a report");
        }
    }
}

/// Ends the process if a file takes too long.
fn watch(current: &Current, folder: &Path) {
    loop {
        std::thread::sleep(Duration::from_millis(100));
        let Some((began, processor)) = *current.began.lock().expect("a lock") else { continue };
        // On a machine that is busy with other things, half of the time may be theirs.
        let busy = processor_time().saturating_sub(processor);
        if (began.elapsed() > LONGEST && busy > LONGEST / 2) || began.elapsed() > LONGEST_WAIT {
            let index = current.index.load(Ordering::Relaxed);
            let _ = fs::write(kept(folder, index), &*current.bytes.lock().expect("a lock"));
            std::process::exit(TOO_LONG);
        }
    }
}

/// Processor time of this process, where the system tells it.
fn processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // User and system time are the 12th and 13th field after the name in brackets, in hundredths of a second.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    Duration::from_millis(fields.filter_map(|field| field.parse::<u64>().ok()).sum::<u64>() * 10)
}

/// The most resident memory that this process had, where the system tells it.
fn most_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0) << 10
}
