//! The files of a sweep: its grid, its configurations, and the runs in its cells.

use crate::fuzzing::{Mutator, Parser};
use crate::make_run;
use atari_dqn::run::folder::{CONFIG_FILE, EVALUATION_FILE};
use atari_dqn::sweep::grid::{Grid, Request, SWEEP_FILE};
use atari_dqn::sweep::summary::SweepSummary;
use std::fs;
use std::path::{Path, PathBuf};

/// A finished sweep.
pub struct Sweeps {
    folder: PathBuf,
    /// Paths within the folder, and contents.
    files: Vec<(PathBuf, Vec<u8>)>,
    chosen: usize,
}

impl Sweeps {
    /// Of one game, two presets and two seeds.
    pub fn new(folder: &Path) -> Self {
        let made = folder.join("made");
        make_run(&made, "bricks", &["replay_capacity=400", "final_evaluation_episodes=2"]);
        let evaluation = fs::read(made.join(EVALUATION_FILE)).unwrap();
        let owned = |words: &[&str]| words.iter().map(|word| word.to_string()).collect::<Vec<_>>();
        let request = Request {
            roms: owned(&["bricks"]),
            presets: owned(&["bricks", "pqn-cpu"]),
            seeds: 2,
            overrides: Vec::new(),
            steps: Some(1_000),
        };
        let folder = folder.join("sweep");
        fs::create_dir_all(&folder).unwrap();
        let grid = Grid::open(&folder, Some(&request)).unwrap();
        grid.write().unwrap();
        for cell in &grid.cells {
            fs::create_dir_all(cell.folder.join("checkpoints")).unwrap();
            fs::write(cell.folder.join("checkpoints/step-000000001000.checkpoint"), "").unwrap();
            fs::write(cell.folder.join(CONFIG_FILE), cell.config.to_toml().unwrap()).unwrap();
            fs::write(cell.folder.join(EVALUATION_FILE), &evaluation).unwrap();
        }
        let cell = |name: &str| Path::new(&grid.cells[0].name).join(name);
        let names = [
            SWEEP_FILE.into(),
            SWEEP_FILE.into(),
            "presets/bricks.toml".into(),
            cell(CONFIG_FILE),
            cell(EVALUATION_FILE),
        ];
        let files = names.map(|name: PathBuf| {
            let bytes = fs::read(folder.join(&name)).unwrap();
            (name, bytes)
        });
        Self { folder, files: files.to_vec(), chosen: 0 }
    }
}

impl Parser for Sweeps {
    fn make(&mut self, random: &mut Mutator) -> Vec<u8> {
        self.chosen = random.below(self.files.len());
        let other = random.below(self.files.len());
        let mut file = self.files[self.chosen].1.clone();
        random.text(&mut file, &self.files[other].1);
        file
    }

    fn read(&mut self, file: &[u8]) -> bool {
        let (name, whole) = &self.files[self.chosen];
        let path = self.folder.join(name);
        fs::write(&path, file).unwrap();
        let summary = Grid::open(&self.folder, None).and_then(|grid| SweepSummary::new(&grid));
        fs::write(&path, whole).unwrap();
        summary.map(|summary| summary.markdown()).is_ok()
    }
}
