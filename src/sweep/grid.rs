//! What a sweep is to train: every game with every preset from every seed.
//!
//! Its folder holds `sweep.toml`, which says that, and `presets/NAME.toml`, each a whole configuration as resolved when the sweep
//! began; so a cell that starts weeks later, on another machine or with a later version, learns as the first one did. Every
//! cell is an ordinary run folder beside them.

use crate::commands::SweepArgs;
use crate::config::{flat, Config, Sources};
use crate::environments::cartridges::{self, LoadedRom};
use crate::evaluation;
use crate::run::checkpoints;
use crate::run::folder::{RunFolder, CONFIG_FILE, EVALUATION_FILE};
use crate::saving::sealed_file;
use anyhow::{bail, ensure, Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What says which grid it is, in a sweep's folder.
pub const SWEEP_FILE: &str = "sweep.toml";
/// The configurations, in a sweep's folder.
const PRESETS_FOLDER: &str = "presets";
/// Seeds when nobody says.
const USUAL_SEEDS: u64 = 5;

/// What `sweep.toml` holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    /// Seeds 0 to this less 1.
    seeds: u64,
    presets: Vec<String>,
    games: Vec<Game>,
}

/// A game of the grid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Game {
    /// Its name.
    pub name: String,
    /// MD5 of the cartridge.
    pub cartridge_md5: String,
    /// The cartridge; none of the built-in game.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
}

impl Game {
    fn new(rom: &LoadedRom) -> Result<Self> {
        let whole = |path: &PathBuf| fs::canonicalize(path).with_context(|| format!("cannot read {}", path.display()));
        Ok(Self {
            name: rom.name.clone(),
            cartridge_md5: rom.image.md5().to_string(),
            file: rom.path.as_ref().map(whole).transpose()?,
        })
    }

    /// What `--rom` is to be told.
    pub fn spec(&self) -> PathBuf {
        self.file.clone().unwrap_or_else(|| PathBuf::from(cartridges::BUILT_IN))
    }
}

/// One run of the grid.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The name of its folder.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// What is played.
    pub game: Game,
    /// What it is trained with: the preset's name, the sweep's file for it, and what that says.
    pub preset: String,
    /// The file with the configuration.
    pub config_file: PathBuf,
    /// The configuration, this cell's seed included.
    pub config: Config,
}

/// How far a cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is no run in its folder.
    NotBegun,
    /// A run began there but left no checkpoint.
    NoCheckpoint,
    /// There is a checkpoint to go on from.
    Checkpoint,
    /// It is trained and evaluated.
    Finished,
}

impl Cell {
    /// How far it is.
    ///
    /// # Errors
    /// When what is in its folder is a run with another configuration.
    pub fn progress(&self) -> Result<Progress> {
        let path = self.folder.join(CONFIG_FILE);
        if !path.exists() {
            return Ok(Progress::NotBegun);
        }
        let differences = differences(&read_config(&path)?, &self.config)?;
        ensure!(
            differences.is_empty(),
            "the run in {} is none of this sweep: {}; move it away, or give the sweep another folder with --out",
            self.folder.display(),
            differences.join("; ")
        );
        Ok(if !checkpoints::exist_in(&self.folder) {
            Progress::NoCheckpoint
        } else if self.folder.join(EVALUATION_FILE).exists() {
            Progress::Finished
        } else {
            Progress::Checkpoint
        })
    }

    /// Removes a run that left no checkpoint, so that another can begin in its place.
    ///
    /// # Errors
    /// When another process trains there, or it cannot be removed.
    pub fn clear(&self) -> Result<()> {
        drop(RunFolder::take(&self.folder)?);
        fs::remove_dir_all(&self.folder).with_context(|| format!("cannot remove {}", self.folder.display()))
    }
}

/// A sweep: its folder and its cells.
#[derive(Clone, Debug)]
pub struct Grid {
    /// The sweep's folder, from the root on.
    pub folder: PathBuf,
    /// The cells, every game and preset once before the second seed: so there is something to compare early.
    pub cells: Vec<Cell>,
    description: Description,
    /// The configurations, in the order of the presets.
    configs: Vec<Config>,
}

impl Grid {
    /// The sweep that `args` mean: a new one, which is nowhere on the disk yet, or the one in `--out`.
    ///
    /// # Errors
    /// When nothing says what to train, the one in `--out` is another, or a cartridge or a configuration has faults.
    pub fn open(args: &SweepArgs) -> Result<Self> {
        let shown = args.out.display();
        let folder = std::path::absolute(&args.out).with_context(|| format!("cannot use {shown}"))?;
        let stored = folder.join(SWEEP_FILE).exists().then(|| Self::read(&folder)).transpose()?;
        if args.roms.is_empty() {
            return stored.with_context(|| {
                format!(
                    "there is no sweep in {shown} (no {SWEEP_FILE}); say what to train, e.g. --roms pong,breakout --preset \
                     pong-cpu --seeds 5"
                )
            });
        }
        let wanted = Self::wanted(args, folder)?;
        if let Some(stored) = stored {
            let differences = stored.differences(&wanted)?;
            ensure!(
                differences.is_empty(),
                "the sweep in {shown} has another grid: {}; give another folder, or leave out --roms and what belongs to it to \
                 go on with the one that is there",
                differences.join("; ")
            );
        }
        Ok(wanted)
    }

    fn wanted(args: &SweepArgs, folder: PathBuf) -> Result<Self> {
        let presets = if args.preset.is_empty() { vec!["nature".to_string()] } else { args.preset.clone() };
        let resolve = |preset: &String| {
            let config = Config::resolve(&Sources {
                preset,
                file: None,
                overrides: &args.overrides,
                seed: Some(0),
                steps: args.steps,
            })?;
            ensure!(
                config.run.final_evaluation_episodes > 0,
                "final_evaluation_episodes is 0, and a sweep sums up just those games; set it to 1 or more, e.g. \
                 --set final_evaluation_episodes=30"
            );
            Ok(config)
        };
        let configs = presets.iter().map(resolve).collect::<Result<Vec<Config>>>()?;
        let load = |spec: &String| {
            let rom = cartridges::load(spec)?;
            evaluation::ensure_scores(&rom)?;
            Game::new(&rom)
        };
        let games = args.roms.iter().map(load).collect::<Result<Vec<Game>>>()?;
        for names in [games.iter().map(|game| &game.name).collect::<Vec<_>>(), presets.iter().collect()] {
            let mut seen = HashSet::new();
            if let Some(name) = names.into_iter().find(|name| !seen.insert(*name)) {
                bail!("{name} is there twice; name every game and every preset once");
            }
        }
        let description = Description { seeds: args.seeds.unwrap_or(USUAL_SEEDS), presets, games };
        Ok(Self::new(folder, description, configs))
    }

    fn new(folder: PathBuf, description: Description, configs: Vec<Config>) -> Self {
        let mut cells = Vec::new();
        for seed in 0..description.seeds {
            for game in &description.games {
                for (preset, config) in description.presets.iter().zip(&configs) {
                    let name = format!("{}-{preset}-s{seed}", game.name);
                    let mut config = config.clone();
                    config.run.seed = seed;
                    cells.push(Cell {
                        folder: folder.join(&name),
                        name,
                        game: game.clone(),
                        preset: preset.clone(),
                        config_file: config_file(&folder, preset),
                        config,
                    });
                }
            }
        }
        Self { folder, cells, description, configs }
    }

    fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(SWEEP_FILE);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let description: Description =
            toml::from_str(&text).with_context(|| format!("{} does not describe a sweep", path.display()))?;
        let config = |preset: &String| read_config(&config_file(folder, preset));
        let configs = description.presets.iter().map(config).collect::<Result<Vec<Config>>>()?;
        Ok(Self::new(folder.to_path_buf(), description, configs))
    }

    /// Writes what it is into its folder; `sweep.toml` comes last, so that there is no half of it.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn write(&self) -> Result<()> {
        let presets = self.folder.join(PRESETS_FOLDER);
        fs::create_dir_all(&presets).with_context(|| format!("cannot create {}", presets.display()))?;
        for (preset, config) in self.description.presets.iter().zip(&self.configs) {
            let text = format!("# {preset} as this sweep resolved it; the cells have seeds of their own.\n\n");
            let file = config_file(&self.folder, preset);
            sealed_file::write_atomically(&file, &[text.as_bytes(), config.to_toml()?.as_bytes()])?;
        }
        let text = toml::to_string(&self.description).context("cannot write the sweep as TOML")?;
        let first = "# The grid of a sweep; `atari-dqn sweep --out` with this folder goes on with it.\n\n";
        sealed_file::write_atomically(&self.folder.join(SWEEP_FILE), &[first.as_bytes(), text.as_bytes()])
    }

    /// Names of the presets.
    pub fn presets(&self) -> &[String] {
        &self.description.presets
    }

    /// The games.
    pub fn games(&self) -> &[Game] {
        &self.description.games
    }

    /// Runs of each game with each preset.
    pub fn seeds(&self) -> u64 {
        self.description.seeds
    }

    /// Where this one, which is on the disk, differs from the one wanted; a cartridge may have moved.
    fn differences(&self, wanted: &Self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let games = |grid: &Self| {
            let games = grid.games().iter().map(|game| format!("{} (MD5 {})", game.name, game.cartridge_md5));
            games.collect::<Vec<_>>().join(", ")
        };
        for (what, there, here) in [
            ("games are", games(self), games(wanted)),
            ("presets are", self.presets().join(", "), wanted.presets().join(", ")),
            ("number of seeds is", self.seeds().to_string(), wanted.seeds().to_string()),
        ] {
            if there != here {
                found.push(format!("its {what} {there}, not {here}"));
            }
        }
        if self.presets() == wanted.presets() {
            for (preset, (there, here)) in self.presets().iter().zip(self.configs.iter().zip(&wanted.configs)) {
                let differences = differences(there, here)?;
                found.extend(differences.into_iter().map(|difference| format!("in {preset}, {difference}")));
            }
        }
        Ok(found)
    }
}

fn config_file(folder: &Path, preset: &str) -> PathBuf {
    folder.join(PRESETS_FOLDER).join(format!("{preset}.toml"))
}

fn read_config(path: &Path) -> Result<Config> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Config::from_toml(&text).with_context(|| format!("{} cannot be used", path.display()))
}

/// The keys with other values, each in words.
fn differences(there: &Config, wanted: &Config) -> Result<Vec<String>> {
    let (there, wanted) = (flat(&there.to_table()?), flat(&wanted.to_table()?));
    let differs = |(key, value): (&String, &toml::Value)| {
        let other = there.get(key).filter(|other| *other != value)?;
        Some(format!("{key} is {other}, not {value}"))
    };
    Ok(wanted.iter().filter_map(differs).collect())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::commands::{Cli, Command};
    use clap::Parser;

    /// What these options of `sweep` mean.
    pub(crate) fn args(folder: &Path, options: &[&str]) -> SweepArgs {
        let command = ["atari-dqn", "sweep", "--out", folder.to_str().unwrap()];
        let Command::Sweep(args) = Cli::try_parse_from([command.as_slice(), options].concat()).unwrap().command else {
            panic!("not sweep")
        };
        args
    }

    pub(crate) fn grid(folder: &Path, options: &[&str]) -> Result<Grid> {
        Grid::open(&args(folder, options))
    }

    #[test]
    fn every_game_has_every_preset_and_a_seed_is_complete_before_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let grid = grid(folder.path(), &["--roms", "bricks", "--preset", "bricks,pong-cpu", "--seeds", "2"]).unwrap();
        let names: Vec<&str> = grid.cells.iter().map(|cell| cell.name.as_str()).collect();
        assert_eq!(names, ["bricks-bricks-s0", "bricks-pong-cpu-s0", "bricks-bricks-s1", "bricks-pong-cpu-s1"]);
        assert_eq!((grid.cells[3].config.run.seed, grid.cells[3].preset.as_str()), (1, "pong-cpu"));
        assert!(!folder.path().join(SWEEP_FILE).exists(), "nothing is written yet");
    }

    #[test]
    fn a_sweep_on_the_disk_goes_on_as_it_is_and_another_is_refused_with_the_difference() {
        let folder = tempfile::tempdir().unwrap();
        assert!(format!("{:#}", grid(folder.path(), &[]).unwrap_err()).contains("there is no sweep in"));
        let options = ["--roms", "bricks", "--preset", "bricks", "--seeds", "2", "--steps", "300", "--set"];
        let with = |setting: &'static str| [options.as_slice(), &[setting]].concat();
        grid(folder.path(), &with("gamma=0.9")).unwrap().write().unwrap();
        for options in [vec![], with("gamma=0.9"), with("gamma=9e-1")] {
            let again = grid(folder.path(), &options).unwrap();
            assert_eq!((again.cells.len(), again.cells[1].config.dqn().gamma), (2, 0.9));
        }
        let refused = |options: &[&str]| format!("{:#}", grid(folder.path(), options).unwrap_err());
        let message = refused(&with("gamma=0.8"));
        assert!(message.contains("another grid: in bricks, gamma is 0.9, not 0.8;"), "{message}");
        let message = refused(&["--roms", "bricks", "--preset", "pong-cpu"]);
        assert!(
            message.contains("its presets are bricks, not pong-cpu; its number of seeds is 2, not 5;"),
            "{message}"
        );
    }

    #[test]
    fn what_would_sum_up_to_nothing_or_name_a_cell_twice_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |options: &[&str]| format!("{:#}", grid(folder.path(), options).unwrap_err());
        let none = ["--roms", "bricks", "--preset", "bricks", "--set", "final_evaluation_episodes=0"];
        assert!(refused(&none).contains("final_evaluation_episodes is 0"));
        assert!(refused(&["--roms", "bricks,bricks"]).contains("bricks is there twice"));
        assert!(refused(&["--roms", "bricks", "--preset", "nature,nature"]).contains("nature is there twice"));
    }

    #[test]
    fn a_cell_is_as_far_as_its_folder_says_and_a_strange_run_there_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let grid = grid(folder.path(), &["--roms", "bricks", "--preset", "bricks", "--seeds", "1"]).unwrap();
        let cell = &grid.cells[0];
        assert_eq!(cell.progress().unwrap(), Progress::NotBegun);
        fs::create_dir_all(cell.folder.join("checkpoints")).unwrap();
        let write = |config: &Config| fs::write(cell.folder.join(CONFIG_FILE), config.to_toml().unwrap()).unwrap();
        write(&cell.config);
        assert_eq!(cell.progress().unwrap(), Progress::NoCheckpoint);
        fs::write(cell.folder.join("checkpoints/step-1.checkpoint"), "").unwrap();
        assert_eq!(cell.progress().unwrap(), Progress::Checkpoint);
        fs::write(cell.folder.join(EVALUATION_FILE), "{}").unwrap();
        assert_eq!(cell.progress().unwrap(), Progress::Finished);
        let mut other = cell.config.clone();
        other.dqn_mut().batch_size = 7;
        write(&other);
        let message = cell.progress().unwrap_err().to_string();
        assert!(message.contains("none of this sweep: batch_size is 7, not 32;"), "{message}");
        cell.clear().unwrap();
        assert_eq!(cell.progress().unwrap(), Progress::NotBegun);
    }
}
