//! The grid of a sweep: every game with every preset from every seed.
//!
//! The sweep's folder holds `sweep.toml` with the grid and `presets/NAME.toml`, each a whole configuration as resolved when the
//! sweep began. So a cell that starts weeks later, on another machine or with a later version, is trained like the first one.
//! Every cell is an ordinary run folder beside them.

use crate::config::{Config, EnvironmentKeys, Sources};
use crate::environments::cartridges::{self, LoadedRom};
use crate::evaluation;
use crate::files::read_text;
use crate::run::folder::{RunFolder, RunState, CONFIG_FILE};
use crate::run::{edited, start_over};
use crate::saving::{own_files, sealed_file};
use crate::sweep::summary::{JSON_FILE, MARKDOWN_FILE};
use crate::system::files::LONGEST_DESCRIPTION;
use crate::text::faults::parse_toml;
use anyhow::{bail, ensure, Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Most runs of each game and preset.
pub const MOST_SEEDS: u64 = 10_000;

/// Description of the grid, in a sweep's folder.
pub const SWEEP_FILE: &str = "sweep.toml";
/// The configurations, in a sweep's folder.
const PRESETS_FOLDER: &str = "presets";

/// A grid to train.
#[derive(Clone, Debug)]
pub struct Request {
    /// Files or names of the ROMs; without any, the presets are of classic environments.
    pub roms: Vec<String>,
    /// Presets, each for every game.
    pub presets: Vec<String>,
    /// Seeds per game and preset: 0 to this minus 1.
    pub seeds: u64,
    /// Assignments `KEY=VALUE`, which override every preset.
    pub overrides: Vec<String>,
    /// Agent steps of each run; the preset's if not given.
    pub steps: Option<u64>,
}

/// Contents of `sweep.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    /// Seeds 0 to this minus 1.
    seeds: u64,
    presets: Vec<String>,
    games: Vec<GridGame>,
}

/// A game of the grid, or a classic environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GridGame {
    /// Its name.
    pub name: String,
    /// MD5 of the cartridge; empty for a classic environment.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cartridge_md5: String,
    /// The ROM file; none for the built-in game.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
}

impl GridGame {
    fn new(rom: &LoadedRom) -> Result<Self> {
        let whole = |path: &PathBuf| fs::canonicalize(path).with_context(|| format!("cannot read {}", path.display()));
        Ok(Self {
            name: rom.name.clone(),
            cartridge_md5: rom.image.md5().to_string(),
            file: rom.path.as_ref().map(whole).transpose()?,
        })
    }

    /// The classic environment of this name.
    fn classic(name: &str) -> Self {
        Self { name: name.to_string(), cartridge_md5: String::new(), file: None }
    }

    /// The ROM's file, or the name of the built-in game; `None` for a classic environment.
    pub fn rom(&self) -> Option<PathBuf> {
        let is_classic = self.cartridge_md5.is_empty();
        (!is_classic).then(|| self.file.clone().unwrap_or_else(|| PathBuf::from(cartridges::BUILT_IN)))
    }

    /// Whether a configuration can train it: a classic environment needs one of its own.
    fn fits(&self, config: &Config) -> bool {
        match &config.environment {
            EnvironmentKeys::Atari(_) => self.rom().is_some(),
            EnvironmentKeys::Classic(keys) => self.rom().is_none() && keys.options.definition.name == self.name,
        }
    }
}

/// One run of the grid.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The name of its folder.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// The game played.
    pub game: GridGame,
    /// Name of its preset.
    pub preset: String,
    /// The sweep's file with the preset's configuration.
    pub config_file: PathBuf,
    /// The configuration, this cell's seed included.
    pub config: Config,
}

impl Cell {
    /// How far its run is.
    ///
    /// # Errors
    /// When its folder holds a run with another configuration.
    pub fn state(&self) -> Result<RunState> {
        if let Some(config) = edited::config_in(&self.folder)? {
            let differences = edited::differences(&config, &self.config)?;
            ensure!(
                differences.is_empty(),
                "the run in {} is none of this sweep: {}; undo the edit if its {CONFIG_FILE} was edited, move it away, or give the \
                 sweep another folder with --out",
                self.folder.display(),
                differences.join("; ")
            );
        }
        Ok(RunState::of(&self.folder))
    }

    /// Whether the run in its folder has results and still cannot continue: its checkpoints were removed.
    pub fn is_stuck(&self, state: RunState) -> bool {
        match state {
            RunState::NotBegun | RunState::Checkpoint | RunState::Finished => false,
            RunState::NothingSaved => start_over::ensure_free(&self.folder, &self.config).is_err(),
            RunState::NetworkOnly => !start_over::needs_only_evaluation(&self.folder),
        }
    }

    /// Gives its folder another name, so that another run can begin in its place. Returns the new path.
    ///
    /// # Errors
    /// When another process trains there, or it cannot be renamed.
    pub fn move_aside(&self) -> Result<PathBuf> {
        let _lock = RunFolder::take(&self.folder)?;
        own_files::move_aside(&self.folder)
    }
}

/// A sweep: its folder and its cells.
#[derive(Clone, Debug)]
pub struct Grid {
    /// The sweep's folder, as an absolute path.
    pub folder: PathBuf,
    /// The cells, ordered by seed first, so that every game and preset has a result early.
    pub cells: Vec<Cell>,
    description: Description,
    /// The configurations, in the order of the presets.
    configs: Vec<Config>,
}

impl Grid {
    /// The sweep in `out`: the requested one, which is not written yet, or the one on the disk if there is no request.
    ///
    /// # Errors
    /// When there is neither, the one on the disk differs from the request, or a ROM or a configuration has faults.
    pub fn open(out: &Path, request: Option<&Request>) -> Result<Self> {
        let shown = out.display();
        let folder = std::path::absolute(out).with_context(|| format!("cannot use {shown}"))?;
        let stored = folder.join(SWEEP_FILE).exists().then(|| Self::read(&folder)).transpose()?;
        let Some(request) = request else {
            return stored.with_context(|| {
                format!(
                    "there is no sweep in {shown} (no {SWEEP_FILE}); say what to train, e.g. --roms pong,breakout --preset \
                     pong-cpu --seeds 5"
                )
            });
        };
        let requested = Self::resolve(request, folder)?;
        if let Some(stored) = stored {
            stored.ensure_same(&requested)?;
        }
        Ok(requested)
    }

    /// Refuses if `requested` has another grid than this sweep, which is on the disk.
    fn ensure_same(&self, requested: &Self) -> Result<()> {
        let differences = self.differences(requested)?;
        ensure!(
            differences.is_empty(),
            "the sweep in {} has another grid: {}; give another folder, or leave out --roms and what belongs to it to continue the \
             one that is there",
            self.folder.display(),
            differences.join("; ")
        );
        Ok(())
    }

    fn resolve(request: &Request, folder: PathBuf) -> Result<Self> {
        ensure!(
            (1..=MOST_SEEDS).contains(&request.seeds),
            "--seeds is {}, allowed is 1 to {MOST_SEEDS}",
            request.seeds
        );
        let key = |assignment: &str| assignment.split('=').next().unwrap_or_default().trim().to_string();
        if let Some(seed) = request.overrides.iter().find(|one| matches!(key(one).as_str(), "seed" | "run.seed")) {
            bail!(
                "--set {seed}: a sweep gives each run a seed of its own, 0 to N-1 with --seeds N; for one run with a certain seed use \
                 atari-dqn train --seed"
            );
        }
        let presets = &request.presets;
        let resolve = |preset: &String| {
            let config = Config::resolve(&Sources {
                preset,
                environment: None,
                file: None,
                overrides: &request.overrides,
                seed: Some(0),
                steps: request.steps,
            })?;
            ensure!(
                config.run.final_evaluation_episodes > 0,
                "final_evaluation_episodes is 0, and a sweep summarizes just those games; set it to 1 or more, e.g. \
                 --set final_evaluation_episodes=30"
            );
            Ok(config)
        };
        let configs = presets.iter().map(resolve).collect::<Result<Vec<Config>>>()?;
        let load = |spec: &String| {
            let rom = cartridges::load(spec)?;
            evaluation::ensure_scores(&rom)?;
            GridGame::new(&rom)
        };
        let mut games = request.roms.iter().map(load).collect::<Result<Vec<GridGame>>>()?;
        for (preset, config) in presets.iter().zip(&configs) {
            match (&config.environment, request.roms.is_empty()) {
                (EnvironmentKeys::Atari(_), false) => {}
                (EnvironmentKeys::Atari(_), true) => {
                    bail!("the preset {preset} is for Atari games; say which, e.g. --roms pong,breakout");
                }
                (EnvironmentKeys::Classic(keys), false) => bail!(
                    "the preset {preset} is for {}, which has no cartridge; leave out --roms, or give it a sweep of its own",
                    keys.options.definition.name
                ),
                (EnvironmentKeys::Classic(keys), true) => {
                    let game = GridGame::classic(keys.options.definition.name);
                    if !games.contains(&game) {
                        games.push(game);
                    }
                }
            }
        }
        for names in [games.iter().map(|game| &game.name).collect::<Vec<_>>(), presets.iter().collect()] {
            let mut seen = HashSet::new();
            if let Some(name) = names.into_iter().find(|name| !seen.insert(*name)) {
                bail!("{name} is there twice; name every game and every preset once");
            }
        }
        let mut seen: HashMap<&str, &str> = HashMap::new();
        for GridGame { name, cartridge_md5, .. } in games.iter().filter(|game| game.rom().is_some()) {
            if let Some(other) = seen.insert(cartridge_md5, name) {
                bail!("{other} and {name} are the same cartridge (MD5 {cartridge_md5}); name every game once");
            }
        }
        let description = Description { seeds: request.seeds, presets: presets.clone(), games };
        Ok(Self::new(folder, description, configs))
    }

    /// `description` has at most [`MOST_SEEDS`] seeds.
    fn new(folder: PathBuf, description: Description, configs: Vec<Config>) -> Self {
        let mut cells = Vec::new();
        for seed in 0..description.seeds {
            for game in &description.games {
                for (preset, config) in description.presets.iter().zip(&configs).filter(|(_, config)| game.fits(config))
                {
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
        let description: Description = parse_toml(&read_text(&path, LONGEST_DESCRIPTION)?)
            .with_context(|| format!("{} does not describe a sweep", path.display()))?;
        let seeds = description.seeds;
        ensure!(
            (1..=MOST_SEEDS).contains(&seeds),
            "{} has {seeds} seeds, allowed is 1 to {MOST_SEEDS}",
            path.display()
        );
        let config = |preset: &String| read_config(&config_file(folder, preset));
        let configs = description.presets.iter().map(config).collect::<Result<Vec<Config>>>()?;
        Ok(Self::new(folder.to_path_buf(), description, configs))
    }

    /// Writes the grid into its folder, which this process has locked; `sweep.toml` comes last, because with it the sweep counts
    /// as written. Files that say the same already are left as they are.
    ///
    /// # Errors
    /// When that cannot be written, or another process has written another grid.
    pub fn write(&self) -> Result<()> {
        let stored = self.folder.join(SWEEP_FILE).exists().then(|| Self::read(&self.folder)).transpose()?;
        if let Some(stored) = &stored {
            stored.ensure_same(self)?;
        }
        let presets = self.folder.join(PRESETS_FOLDER);
        fs::create_dir_all(&presets).with_context(|| format!("cannot create {}", presets.display()))?;
        sealed_file::remove_unfinished(&self.folder, |name| [SWEEP_FILE, JSON_FILE, MARKDOWN_FILE].contains(&name));
        sealed_file::remove_unfinished(&presets, |name| {
            name.strip_suffix(".toml").is_some_and(|name| self.presets().iter().any(|preset| preset == name))
        });
        for (preset, config) in self.description.presets.iter().zip(&self.configs) {
            let file = config_file(&self.folder, preset);
            if own_files::is_there(&file) {
                if read_config(&file).is_ok_and(|there| there == *config) {
                    continue;
                }
                let aside = own_files::move_aside(&file)?;
                say!("{} is another configuration and is now {}", file.display(), aside.display());
            }
            let text = format!("# {preset} as this sweep resolved it; the cells have seeds of their own.\n\n");
            sealed_file::write_atomically(&file, &[text.as_bytes(), config.to_toml()?.as_bytes()])?;
        }
        if stored.is_some_and(|stored| stored.description == self.description) {
            return Ok(());
        }
        let text = toml::to_string(&self.description).context("cannot write the sweep as TOML")?;
        let first = "# The grid of a sweep; `atari-dqn sweep --out` with this folder continues it.\n\n";
        sealed_file::write_atomically(&self.folder.join(SWEEP_FILE), &[first.as_bytes(), text.as_bytes()])
    }

    /// Names of the presets.
    pub fn presets(&self) -> &[String] {
        &self.description.presets
    }

    /// The games.
    pub fn games(&self) -> &[GridGame] {
        &self.description.games
    }

    /// Runs of each game with each preset.
    pub fn seeds(&self) -> u64 {
        self.description.seeds
    }

    /// The differences of this sweep, which is on the disk, from the wanted one. ROM files may have moved.
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
                let differences = edited::differences(there, here)?;
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
    let text = read_text(path, LONGEST_DESCRIPTION)?;
    Config::from_toml(&text).with_context(|| format!("{} cannot be used", path.display()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::run::folder::EVALUATION_FILE;

    /// A request for these ROMs and presets, with this number of seeds and these overrides.
    pub(crate) fn request(roms: &[&str], presets: &[&str], seeds: u64, overrides: &[&str]) -> Request {
        let owned = |words: &[&str]| words.iter().map(|word| word.to_string()).collect::<Vec<_>>();
        Request { roms: owned(roms), presets: owned(presets), seeds, overrides: owned(overrides), steps: None }
    }

    /// The built-in game with these presets.
    pub(crate) fn grid(folder: &Path, presets: &[&str], seeds: u64) -> Grid {
        Grid::open(folder, Some(&request(&["bricks"], presets, seeds, &[]))).unwrap()
    }

    #[test]
    fn every_game_has_every_preset_and_a_seed_is_complete_before_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let grid = grid(folder.path(), &["bricks", "pong-cpu"], 2);
        let names: Vec<&str> = grid.cells.iter().map(|cell| cell.name.as_str()).collect();
        assert_eq!(names, ["bricks-bricks-s0", "bricks-pong-cpu-s0", "bricks-bricks-s1", "bricks-pong-cpu-s1"]);
        assert_eq!((grid.cells[3].config.run.seed, grid.cells[3].preset.as_str()), (1, "pong-cpu"));
        assert!(!folder.path().join(SWEEP_FILE).exists(), "nothing is written yet");
    }

    #[test]
    fn a_sweep_may_have_been_saved_by_any_editor() {
        let folder = tempfile::tempdir().unwrap();
        let written = grid(folder.path(), &["bricks"], 2);
        written.write().unwrap();
        for path in [folder.path().join(SWEEP_FILE), config_file(folder.path(), "bricks")] {
            let text = fs::read_to_string(&path).unwrap();
            fs::write(&path, format!("\u{FEFF}{}", text.replace('\n', "\r\n"))).unwrap();
        }
        let again = Grid::open(folder.path(), None).unwrap();
        assert_eq!((again.description, again.configs), (written.description, written.configs));
        fs::write(folder.path().join(SWEEP_FILE), "seeds = -1\npresets = []\ngames = []\n").unwrap();
        let message = format!("{:#}", Grid::open(folder.path(), None).unwrap_err());
        assert!(message.contains("sweep.toml does not describe a sweep: line 1 (`seeds = -1`)"), "{message}");
        assert!(message.contains("expected a whole number of 0 or more"), "{message}");
    }

    #[test]
    fn a_sweep_on_the_disk_continues_and_another_grid_is_refused_with_the_difference() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |request: Option<&Request>| format!("{:#}", Grid::open(folder.path(), request).unwrap_err());
        assert!(refused(None).contains("there is no sweep in"));
        let with = |setting: &str| Request { steps: Some(300), ..request(&["bricks"], &["bricks"], 2, &[setting]) };
        Grid::open(folder.path(), Some(&with("gamma=0.9"))).unwrap().write().unwrap();
        for request in [None, Some(with("gamma=0.9")), Some(with("gamma=9e-1"))] {
            let again = Grid::open(folder.path(), request.as_ref()).unwrap();
            assert_eq!((again.cells.len(), again.cells[1].config.dqn().gamma), (2, 0.9));
        }
        let message = refused(Some(&with("gamma=0.8")));
        assert!(message.contains("another grid: in bricks, gamma is 0.9, not 0.8;"), "{message}");
        let message = refused(Some(&request(&["bricks"], &["pong-cpu"], 5, &[])));
        assert!(
            message.contains("its presets are bricks, not pong-cpu; its number of seeds is 2, not 5;"),
            "{message}"
        );
    }

    #[test]
    fn a_grid_without_evaluations_or_with_a_cell_twice_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |request: Request| format!("{:#}", Grid::open(folder.path(), Some(&request)).unwrap_err());
        let none = request(&["bricks"], &["bricks"], 5, &["final_evaluation_episodes=0"]);
        assert!(refused(none).contains("final_evaluation_episodes is 0"));
        assert!(refused(request(&["bricks", "bricks"], &["nature"], 5, &[])).contains("bricks is there twice"));
        assert!(refused(request(&["bricks"], &["nature", "nature"], 5, &[])).contains("nature is there twice"));
        for seed in ["seed=5", "run.seed=5", " seed = 5"] {
            let message = refused(request(&["bricks"], &["bricks"], 5, &[seed]));
            assert!(message.contains("a seed of its own") && message.contains("--seeds N"), "{message}");
        }
    }

    #[test]
    fn a_cell_is_as_far_as_its_results_say_and_a_strange_run_there_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let grid = grid(folder.path(), &["bricks"], 1);
        let cell = &grid.cells[0];
        let at = |name: &str| cell.folder.join(name);
        assert_eq!(cell.state().unwrap(), RunState::NotBegun);
        fs::create_dir_all(at("checkpoints")).unwrap();
        let write = |config: &Config| fs::write(at(CONFIG_FILE), config.to_toml().unwrap()).unwrap();
        write(&cell.config);
        assert_eq!(cell.state().unwrap(), RunState::NothingSaved);
        assert!(!cell.is_stuck(RunState::NothingSaved));
        fs::write(at("checkpoints/step-000000000001.checkpoint"), "").unwrap();
        assert_eq!(cell.state().unwrap(), RunState::Checkpoint);
        fs::write(at(EVALUATION_FILE), "{}").unwrap();
        fs::remove_dir_all(at("checkpoints")).unwrap();
        assert_eq!(cell.state().unwrap(), RunState::Finished, "without checkpoints, which take room");
        let mut other = cell.config.clone();
        other.dqn_mut().batch_size = 7;
        write(&other);
        let message = cell.state().unwrap_err().to_string();
        assert!(message.contains("none of this sweep: batch_size is 7, not 32;"), "{message}");
    }

    #[test]
    fn a_run_with_results_that_cannot_continue_is_moved_aside_whole() {
        let folder = tempfile::tempdir().unwrap();
        let grid = grid(folder.path(), &["bricks"], 1);
        let cell = &grid.cells[0];
        fs::create_dir_all(&cell.folder).unwrap();
        fs::write(cell.folder.join(CONFIG_FILE), cell.config.to_toml().unwrap()).unwrap();
        fs::write(cell.folder.join("notes.txt"), "what I saw").unwrap();
        for file in ["model.safetensors", "metrics.jsonl"] {
            let last = format!("{{\"step\":{}}}\n", cell.config.run.total_steps);
            fs::write(cell.folder.join(file), last).unwrap();
            assert!(cell.is_stuck(cell.state().unwrap()), "{file}");
        }
        let aside = cell.move_aside().unwrap();
        assert_eq!(fs::read(aside.join("notes.txt")).unwrap(), b"what I saw");
        assert_eq!(cell.state().unwrap(), RunState::NotBegun);
    }

    #[test]
    fn a_sweep_that_another_process_has_begun_meanwhile_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let [first, second] = [2, 3].map(|seeds| grid(folder.path(), &["bricks"], seeds));
        first.write().unwrap();
        let path = folder.path().join(SWEEP_FILE);
        let noted = format!("# my notes\n{}", fs::read_to_string(&path).unwrap());
        fs::write(&path, &noted).unwrap();
        assert!(second.write().unwrap_err().to_string().contains("number of seeds is 2, not 3"));
        first.write().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), noted, "a file that says the same stays");
    }

    #[test]
    fn a_configuration_of_another_origin_is_moved_aside() {
        let folder = tempfile::tempdir().unwrap();
        let presets = folder.path().join(PRESETS_FOLDER);
        fs::create_dir(&presets).unwrap();
        fs::write(presets.join("bricks.toml"), "mine").unwrap();
        grid(folder.path(), &["bricks"], 1).write().unwrap();
        assert_eq!(fs::read(presets.join("bricks.toml.old")).unwrap(), b"mine");
        assert_eq!(Grid::open(folder.path(), None).unwrap().cells.len(), 1);
    }
}
