//! Plays random programs interpreted and translated, and compares the consoles after every frame.
//!
//! `cargo run --profile ci -p atari-emulator --example fuzz_translation -- [--minutes M | --programs N] [--seed S]
//! [--states C] [--write FOLDER]`
//!
//! Ten minutes of new seeds if nothing else is said. `--seed` is the first seed, `--states` the number of crafted saved states
//! of each program, `--write` keeps the images. The profile `ci` checks for overflows. A failure is printed with the command
//! that repeats it, and the exit status is 1.

#[path = "../tests/support/comparison.rs"]
mod comparison;
#[path = "../tests/support/programs.rs"]
mod programs;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The command line.
struct Options {
    minutes: u64,
    programs: u64,
    seed: u32,
    states: u32,
    write: Option<PathBuf>,
}

impl Options {
    fn parse() -> Result<Self, Box<dyn Error>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
        let mut options = Self { minutes: 10, programs: u64::MAX, seed: now as u32, states: 4, write: None };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
            match name.as_str() {
                "--minutes" => options.minutes = value.parse()?,
                "--programs" => (options.programs, options.minutes) = (value.parse()?, u64::MAX / 60),
                "--seed" => options.seed = value.parse()?,
                "--states" => options.states = value.parse()?,
                "--write" => options.write = Some(value.into()),
                _ => {
                    return Err(format!("{name} is no option: --minutes, --programs, --seed, --states, --write").into())
                }
            }
        }
        Ok(options)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse()?;
    let end = Duration::from_secs(options.minutes * 60);
    let start = Instant::now();
    let mut told = start;
    let mut sums = Sums::default();
    while sums.programs < options.programs && start.elapsed() < end {
        let seed = options.seed.wrapping_add(sums.programs as u32);
        if let Some(folder) = &options.write {
            write_image(folder, seed)?;
        }
        match std::panic::catch_unwind(|| comparison::compare(seed, options.states)) {
            Ok(Ok(compared)) => sums.add(&compared),
            Ok(Err(difference)) => sums.fail(seed, options.states, &difference),
            Err(_) => sums.fail(seed, options.states, "a panic"),
        }
        if told.elapsed() > Duration::from_secs(30) {
            told = Instant::now();
            eprintln!("{:.0} s: {} programs, {} failures", start.elapsed().as_secs_f64(), sums.programs, sums.failures);
        }
    }
    sums.print(options.seed, start.elapsed());
    if sums.failures > 0 {
        return Err("translated code does not do what it should".into());
    }
    Ok(())
}

fn write_image(folder: &Path, seed: u32) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join(format!("{seed}.bin")), programs::image(seed))
}

/// Sums over all programs.
#[derive(Default)]
struct Sums {
    programs: u64,
    failures: u64,
    refused: u64,
    frames: u64,
    translated: u64,
    states: [u64; 2],
    schemes: BTreeMap<String, u64>,
}

impl Sums {
    fn add(&mut self, compared: &comparison::Compared) {
        self.programs += 1;
        match compared.scheme {
            Some(scheme) => *self.schemes.entry(scheme.to_string()).or_default() += 1,
            None => self.refused += 1,
        }
        self.frames += u64::from(compared.frames);
        self.translated += compared.translated;
        for (sum, states) in self.states.iter_mut().zip(compared.states) {
            *sum += u64::from(states);
        }
    }

    fn fail(&mut self, seed: u32, states: u32, difference: &str) {
        self.programs += 1;
        self.failures += 1;
        println!("seed {seed}: {difference}; again with: --seed {seed} --programs 1 --states {states}");
    }

    fn print(&self, seed: u32, time: Duration) {
        let Self { programs, failures, refused, frames, translated, states: [denied, played], schemes } = self;
        println!("{programs} programs from seed {seed} on in {:.0} s, {failures} failures", time.as_secs_f64());
        println!("{frames} frames compared, {translated} instructions executed by translated code");
        println!("{} crafted states: {denied} refused, {played} accepted and played", denied + played);
        let schemes: Vec<String> = schemes.iter().map(|(scheme, number)| format!("{scheme} {number}")).collect();
        println!("schemes: {}; {refused} images refused", schemes.join(", "));
    }
}
