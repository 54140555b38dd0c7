//! Checkpoints and the replay's segments, most with right lengths and checksums.

use crate::fuzzing::{Mutator, Parser};
use crate::make_run;
use anyhow::{ensure, Result};
use atari_dqn::algorithms;
use atari_dqn::config::{AlgorithmKeys, Config};
use atari_dqn::environments;
use atari_dqn::policy::model::Metadata;
use atari_dqn::run::checkpoints::RunCheckpoints;
use atari_dqn::run::folder::{Identity, RunFolder, EVENTS_FILE, METRICS_FILE};
use atari_dqn::run::record::{Record, RecordState};
use atari_dqn::saving::{Parts as Made, Saving};
use candle_core::Device;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::Arc;

/// Bytes of a header: kind and version, checksum, length.
const HEADER: usize = 24;
const CHECKSUM: usize = 12;
const LENGTH: usize = 16;

/// The parts of a checkpoint, as `saving.rs` writes them.
#[derive(Clone, Serialize, Deserialize)]
struct Parts {
    parts: BTreeMap<String, Vec<u8>>,
    files: BTreeSet<String>,
    with_files: BTreeSet<String>,
}

/// The part `replay`, as `experience/replay/segments.rs` writes it: frames ever added, the segments (first frame, frame after the
/// last, checksum), the priorities.
#[derive(Serialize, Deserialize)]
struct ReplayFiles {
    added: u64,
    segments: Vec<(u64, u64, u32)>,
    priorities: Option<(Vec<f64>, f64)>,
}

/// A file of the kind of `like`, with these contents.
fn sealed(like: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut file = like[..HEADER].to_vec();
    file[CHECKSUM..LENGTH].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    file[LENGTH..].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    file.extend(payload);
    file
}

/// A run's last checkpoint.
struct Sample {
    checkpoint: Vec<u8>,
    parts: Parts,
    segment: Option<Vec<u8>>,
    rows: Vec<u8>,
    events: Vec<u8>,
}

/// Runs of every algorithm, and a run folder in which their checkpoints are loaded.
struct Runs {
    samples: Vec<Sample>,
    folder: PathBuf,
}

impl Runs {
    fn new(folder: &Path) -> Self {
        let replay = ["learning_starts_steps=40", "target_sync_steps=50", "replay_capacity=400", "batch_size=4"];
        let every = ["dueling=true", "noisy=true", "categorical=true", "atoms=5", "prioritized=true", "n_step=3"];
        let vector = ["num_envs=2", "replay_compression=false", "optimizer=adam", "gradient_clip_norm=1"];
        let pqn = ["num_envs=4", "horizon=5", "minibatch_size=10", "desync_steps=0", "epochs=1"];
        let kinds: [(&str, Vec<&str>); 4] = [
            ("bricks", replay.to_vec()),
            ("bricks", [&replay[..], &every].concat()),
            ("bricks", [&replay[..], &vector].concat()),
            ("pqn-cpu", pqn.to_vec()),
        ];
        let folder = folder.join("run");
        fs::create_dir_all(folder.join("checkpoints")).unwrap();
        let samples = kinds.iter().enumerate().map(|(index, (preset, assignments))| {
            let made = folder.join(format!("made-{index}"));
            make_run(&made, preset, &[assignments, &["final_evaluation_episodes=0"][..]].concat());
            let files = fs::read_dir(made.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path());
            let (mut checkpoints, others): (Vec<PathBuf>, Vec<PathBuf>) =
                files.partition(|path| path.extension().is_some_and(|extension| extension == "checkpoint"));
            checkpoints.sort();
            let checkpoint = fs::read(checkpoints.last().unwrap()).unwrap();
            let parts: Parts = postcard::from_bytes(&checkpoint[HEADER..]).unwrap();
            for path in &others {
                fs::copy(path, folder.join("checkpoints").join(path.file_name().unwrap())).unwrap();
            }
            let segment = parts.files.first().map(|name| fs::read(folder.join("checkpoints").join(name)).unwrap());
            let [rows, events] = [METRICS_FILE, EVENTS_FILE].map(|name| fs::read(made.join(name)).unwrap());
            Sample { checkpoint, parts, segment, rows, events }
        });
        Self { samples: samples.collect(), folder: folder.clone() }
    }

    /// Continues from this checkpoint as `train --resume` does, for some steps, and saves again.
    fn resume(&self, sample: &Sample, checkpoint: &[u8]) -> bool {
        let path = self.folder.join("checkpoints").join("step-000000000120.checkpoint");
        fs::write(&path, checkpoint).unwrap();
        fs::write(self.folder.join(METRICS_FILE), &sample.rows).unwrap();
        fs::write(self.folder.join(EVENTS_FILE), &sample.events).unwrap();
        let loaded = self.load();
        let accepted = loaded.is_ok();
        // Learning may well diverge from such a state.
        let _ = loaded.and_then(|loaded| loaded.train(&self.folder));
        accepted
    }

    fn load(&self) -> Result<Loaded> {
        let folder = RunFolder::take(&self.folder)?;
        let mut checkpoints = RunCheckpoints::new(&folder)?;
        let ((identity, config), _) =
            checkpoints.load(|from| Ok((from.part::<(Identity, String)>("run")?, RecordState::load(from)?)), |_| ())?;
        let config = Config::from_toml(&config)?;
        ensure!(!needs_much_memory(&config), "too large for this test");
        let spec = environments::spec(&config.environment, None)?;
        let num_envs = algorithms::num_envs(&config.algorithm);
        let mut vector = environments::vector(&*spec, num_envs, config.run.seed)?;
        let mut algorithm = algorithms::make(&config, &vector, &Device::Cpu)?;
        let state = checkpoints.load(
            |from| {
                algorithm.load(from)?;
                vector.restore(from.part("environments")?)?;
                RecordState::load(from)
            },
            |_| (),
        )?;
        let metadata = Metadata {
            environment: spec.description(),
            preset: identity.preset,
            seed: config.run.seed,
            steps_trained: 0,
            chosen: None,
        };
        let stop = Arc::new(AtomicBool::new(false));
        let record = Record::open(&self.folder, &config, num_envs, metadata, state, stop)?;
        Ok(Loaded { config, vector, algorithm, record })
    }
}

/// A run that continues.
struct Loaded {
    config: Config,
    vector: environments::vector::VectorEnvironment,
    algorithm: Box<dyn algorithms::Algorithm>,
    record: Record,
}

impl Loaded {
    fn train(mut self, folder: &Path) -> Result<()> {
        let steps = self.algorithm.steps();
        // The same steps, so a checkpoint at the end of its run continues too.
        let until = steps.saturating_add(24).min(self.config.run.total_steps.saturating_add(24));
        while self.algorithm.steps() < until {
            self.algorithm.advance(&mut self.vector, until, &mut self.record)?;
        }
        self.record.progress_row(None)?;
        self.record.keep_best(&self.algorithm.policy()?)?;
        let other = folder.join("saved");
        fs::create_dir_all(&other)?;
        let before = Made::default();
        let mut saving = Saving::new(&other, &before);
        self.record.save(&mut saving)?;
        self.algorithm.save(&mut saving)?;
        fs::remove_dir_all(&other)?;
        Ok(())
    }
}

/// Whether a run with this configuration takes more memory than this test allows; a checkpoint may ask for it rightly.
fn needs_much_memory(config: &Config) -> bool {
    let network = config.network.atoms > 200;
    network
        || match &config.algorithm {
            AlgorithmKeys::Dqn(keys) => keys.replay_capacity > 5_000 || keys.num_envs > 16 || keys.batch_size > 256,
            AlgorithmKeys::Pqn(keys) => keys.num_envs > 32 || keys.horizon > 64 || keys.minibatch_size > 512,
            _ => false,
        }
}

/// Checkpoints: whole files, contents, and single parts are mutated.
pub struct Checkpoints {
    runs: Runs,
    chosen: usize,
}

impl Checkpoints {
    /// Of every algorithm.
    pub fn new(folder: &Path) -> Self {
        Self { runs: Runs::new(folder), chosen: 0 }
    }
}

impl Parser for Checkpoints {
    fn make(&mut self, random: &mut Mutator) -> Vec<u8> {
        self.chosen = random.below(self.runs.samples.len());
        let sample = &self.runs.samples[self.chosen];
        let other = random.choose(&self.runs.samples);
        let mut file = sample.checkpoint.clone();
        match random.below(8) {
            0 => {
                random.bytes(&mut file, &other.checkpoint);
                return file;
            }
            1 => {
                let mut payload = file.split_off(HEADER);
                random.bytes(&mut payload, &other.checkpoint[HEADER..]);
                return sealed(&sample.checkpoint, &payload);
            }
            _ => {}
        }
        let mut parts = sample.parts.clone();
        let names: Vec<&String> = sample.parts.parts.keys().collect();
        for _ in 0..=random.below(2) {
            let name = *random.choose(&names);
            let others = other.parts.parts.get(name).unwrap_or(&other.checkpoint);
            let Some(part) = parts.parts.get_mut(name) else { continue };
            match random.below(16) {
                0 => drop(parts.parts.remove(name)),
                1 => part.clone_from(others),
                _ if name == "run" && random.one_in(2) => {
                    let (identity, config): (Identity, String) = postcard::from_bytes(part).unwrap();
                    let mut config = config.into_bytes();
                    random.text(&mut config, others);
                    let config = String::from_utf8_lossy(&config).into_owned();
                    *part = postcard::to_stdvec(&(identity, config)).unwrap();
                    break;
                }
                _ => random.bytes(part, others),
            }
        }
        sealed(&sample.checkpoint, &postcard::to_stdvec(&parts).unwrap())
    }

    fn read(&mut self, file: &[u8]) -> bool {
        self.runs.resume(&self.runs.samples[self.chosen], file)
    }
}

/// Segments of a replay: the checkpoint that names them gets their checksum.
pub struct Segments {
    runs: Runs,
    chosen: usize,
}

impl Segments {
    /// Of every kind of replay.
    pub fn new(folder: &Path) -> Self {
        let mut runs = Runs::new(folder);
        runs.samples.retain(|sample| sample.segment.is_some());
        Self { runs, chosen: 0 }
    }
}

impl Parser for Segments {
    fn make(&mut self, random: &mut Mutator) -> Vec<u8> {
        self.chosen = random.below(self.runs.samples.len());
        let whole = self.runs.samples[self.chosen].segment.as_ref().unwrap();
        let other = random.choose(&self.runs.samples).segment.as_ref().unwrap();
        if random.one_in(8) {
            let mut file = whole.clone();
            random.bytes(&mut file, other);
            return file;
        }
        let mut payload = whole[HEADER..].to_vec();
        random.bytes(&mut payload, &other[HEADER..]);
        sealed(whole, &payload)
    }

    fn read(&mut self, file: &[u8]) -> bool {
        let sample = &self.runs.samples[self.chosen];
        let mut parts = sample.parts.clone();
        let part = parts.parts.get_mut("replay").unwrap();
        let mut replay: ReplayFiles = postcard::from_bytes(part).unwrap();
        let (first, end, checksum) = &mut replay.segments[0];
        let name = |first: u64, end: u64, checksum: u32| format!("replay-{first}-{end}-{checksum:08x}.bin");
        parts.files.remove(&name(*first, *end, *checksum));
        *checksum = crc32fast::hash(file.get(HEADER..).unwrap_or_default());
        let name = name(*first, *end, *checksum);
        *part = postcard::to_stdvec(&replay).unwrap();
        parts.files.insert(name.clone());
        let path = self.runs.folder.join("checkpoints").join(name);
        let existed = path.exists();
        fs::write(&path, file).unwrap();
        let payload = postcard::to_stdvec(&parts).unwrap();
        let accepted = self.runs.resume(sample, &sealed(&sample.checkpoint, &payload));
        if !existed {
            fs::remove_file(path).unwrap();
        }
        accepted
    }
}
