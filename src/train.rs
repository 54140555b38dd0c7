//! `train`: a run from its configuration to its evaluation, or from its last checkpoint on.

use crate::agent::Agent;
use crate::checkpoint::{Checkpoint, Metadata, MODEL_FILE};
use crate::cli::{BaselinePolicy, TrainArgs};
use crate::config::{Config, LifeLoss, Sources};
use crate::device;
use crate::eval::{self, Contestant, Policy, Protocol, Report, Setting};
use crate::learner::new_learner;
use crate::memory;
use crate::network::{Architecture, Parameters};
use crate::player::Player;
use crate::preprocess::AgentEnvironment;
use crate::random::{Generator, Purpose};
use crate::replay::Replay;
use crate::roms::{self, LoadedRom};
use crate::run_checkpoints::{self, RunCheckpoints};
use crate::run_log::{BEST_GAME_FILE, EVALUATION_FILE};
use crate::run_record::{clock, Evaluator, RunRecord, RunState, METRICS_FILE};
use crate::sealed_file;
use crate::trainer::Trainer;
use anyhow::{bail, Context, Result};
use atari_emulator::{Action, Environment, Settings};
use candle_core::Device;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// Random steps played to find out how well a game's frames compress.
const SAMPLE_STEPS: u64 = 500;
/// Evaluations during training play other games than the one after it.
const EVALUATION_SEED_OFFSET: u64 = 1_000_000;

/// The agent that `config` describes, for a game with `actions` actions.
pub fn new_agent(config: &Config, actions: usize, device: &Device) -> Result<Agent> {
    let architecture = Architecture::new(config.design(), actions);
    let mut parameters = Parameters::initial(architecture, &mut Generator::new(config.seed, Purpose::Weights));
    parameters.set_noisy_sigma(config.noisy_sigma as f32);
    let learner = new_learner(&parameters, config.optimizer_rule(), device)?;
    Ok(Agent::new(learner, config.replay(), config.epsilon(), config.learning_rule(), config.seed))
}

/// The environment an agent trains in, as `config` describes it.
pub fn new_environment(config: &Config, rom: &LoadedRom) -> AgentEnvironment {
    let settings = Settings::default()
        .with_sticky_probability(config.sticky_probability as f32)
        .with_random_seed(config.seed as u32)
        .with_max_episode_frames(config.max_episode_frames);
    let environment = Environment::new(&rom.image, settings);
    let actions = if config.full_action_space { Action::ALL.to_vec() } else { environment.minimal_actions() };
    let stop_at_life_loss = config.life_loss == LifeLoss::Terminal;
    AgentEnvironment::new(environment, config.preprocessing(), actions, stop_at_life_loss)
}

/// The `train` command.
pub fn run(args: &TrainArgs) -> Result<()> {
    match &args.resume {
        Some(folder) => resume(folder, args),
        None => start(args),
    }
}

/// A new run.
fn start(args: &TrainArgs) -> Result<()> {
    let preset = args.preset.as_deref().unwrap_or(if args.rom.is_some() { "nature" } else { "bricks" });
    let config = Config::resolve(&Sources {
        preset,
        file: args.config.as_deref(),
        overrides: &args.overrides,
        seed: args.seed,
        steps: args.steps,
    })?;
    let rom = args.rom.as_deref().map_or_else(|| Ok(roms::built_in()), roms::load)?;
    let mut run = Run::new(config, rom, preset, args)?;
    announce_memory(&run.config, &run.rom, args.force)?;
    run.folder = run_folder(args.run_dir.as_deref(), &format!("{}-{preset}-s{}", run.rom.name, run.config.seed))?;
    write_config(&run.folder, &run.config, preset, &run.rom)?;
    run.announce("training");

    let mut environment = new_environment(&run.config, &run.rom);
    let record = RunRecord::create(&run.folder, &run.config, run.metadata.clone(), run.evaluator())?;
    let agent = new_agent(&run.config, environment.actions().len(), &run.device)?;
    let trainer = Trainer::new(run.config.clone(), agent, &mut environment);
    run.train(trainer, record)
}

/// A run goes on where its last checkpoint left it.
fn resume(folder: &Path, args: &TrainArgs) -> Result<()> {
    if !folder.is_dir() {
        bail!("--resume {}: there is no such folder; give that of a run, e.g. runs/pong-nature-s0", folder.display());
    }
    if !run_checkpoints::exist_in(folder) {
        bail!(
            "{} holds no checkpoint to go on from (they are written every `checkpoint_every_steps` steps and at the end)",
            folder.display()
        );
    }
    let mut checkpoints = RunCheckpoints::take(folder)?;
    let (state, replay) = checkpoints.load(
        |state: &RunState| Ok(Config::from_toml(&state.description.config)?.replay()),
        |warning| warn!("warning: {warning}"),
    )?;
    let RunState { description, trainer: trainer_state, record: record_state } = state;
    let config = Config::from_toml(&description.config)?;
    let trained = trainer_state.steps();
    let total_steps = args.steps.unwrap_or(config.total_steps);
    let mut config = config.with_total_steps(total_steps)?;
    if args.steps.is_some() && record_state.solved(&config) {
        // Who asks for more steps of a run that ended because it was solved wants them taken.
        config.solved_at = f64::INFINITY;
    }
    // A run that was stopped while it was evaluated goes on with that.
    let evaluated = config.final_evaluation_episodes == 0 || folder.join(EVALUATION_FILE).exists();
    if config.total_steps < trained || (config.total_steps == trained && evaluated) {
        bail!(
            "{} has {trained} steps already; say how many there shall be in all, e.g. --steps {}",
            folder.display(),
            2 * trained
        );
    }
    let rom = match &args.rom {
        Some(rom) => roms::load(rom)?,
        None if description.game == roms::built_in().name => roms::built_in(),
        None => roms::load(&description.game)
            .with_context(|| format!("the run is of {}; say where its cartridge is with --rom", description.game))?,
    };
    if rom.image.md5() != description.cartridge_md5 {
        bail!(
            "the run is of {} with the MD5 {}, this cartridge is {} with {}; give the right one with --rom",
            description.game,
            description.cartridge_md5,
            rom.name,
            rom.image.md5()
        );
    }
    let mut run = Run::new(config, rom, &description.preset, args)?;
    run.folder = folder.to_path_buf();
    write_config(folder, &run.config, &description.preset, &run.rom)?;
    run.announce(&format!("going on after step {trained}"));

    let mut environment = new_environment(&run.config, &run.rom);
    let record =
        RunRecord::resume(folder, &run.config, run.metadata.clone(), run.evaluator(), checkpoints, record_state)?;
    let agent = new_agent(&run.config, environment.actions().len(), &run.device)?;
    let trainer = Trainer::resume(run.config.clone(), agent, &mut environment, trainer_state, replay)?;
    run.train(trainer, record)
}

/// What a new run and one that goes on have in common.
struct Run {
    config: Config,
    rom: LoadedRom,
    device: Device,
    metadata: Metadata,
    setting: Setting,
    folder: PathBuf,
    stop: Arc<AtomicBool>,
}

impl Run {
    fn new(config: Config, rom: LoadedRom, preset: &str, args: &TrainArgs) -> Result<Self> {
        eval::ensure_scores(&rom)?;
        let metadata = Metadata {
            game: rom.name.clone(),
            cartridge_md5: rom.image.md5().to_string(),
            actions: new_environment(&config, &rom).actions().to_vec(),
            preprocessing: config.preprocessing(),
            preset: preset.to_string(),
            seed: config.seed,
            steps_trained: 0,
        };
        let setting = eval::network_setting(&rom, &metadata);
        let (device, stop) = (device::open(args.device)?, stop_on_signal()?);
        Ok(Self { config, rom, device, metadata, setting, folder: PathBuf::new(), stop })
    }

    fn announce(&self, what: &str) {
        say!(
            "{what} on {} with preset {}, seed {}: {} steps of {} frames, on {}",
            self.rom.name,
            self.metadata.preset,
            self.config.seed,
            self.config.total_steps,
            self.config.frame_skip,
            device::describe(&self.device)
        );
        say!("files: {}", self.folder.display());
    }

    fn evaluator(&self) -> Option<Evaluator> {
        (self.config.evaluation_every_steps > 0).then(|| evaluator(&self.config, &self.setting, &self.device))
    }

    /// Trains to the end, or until a signal; leaves a checkpoint in any case.
    fn train(&self, mut trainer: Trainer, mut record: RunRecord) -> Result<()> {
        let outcome = trainer.run(&mut record, &self.stop);
        record.finish();
        let saved = trainer.checkpoint(&mut record);
        let folder = self.folder.display();
        outcome.with_context(|| match &saved {
            Ok(()) => format!("training broke off; everything up to there is saved in {folder}"),
            Err(_) => format!(
                "training broke off, and no checkpoint could be written any more; \
                 go on from the one before with: atari-dqn train --resume {folder}"
            ),
        })?;
        saved?;
        let trained = clock(record.wall_seconds());
        let steps = trainer.steps();
        if record.solved(&self.config) {
            say!("solved: the last 100 games have a mean return of {:.1}", record.mean_return().unwrap_or_default());
        } else if steps < self.config.total_steps {
            say!("stopped after {steps} steps ({trained}); go on with: atari-dqn train --resume {folder}");
            return Ok(());
        }
        say!("trained {steps} steps in {trained}: {}", self.folder.join(MODEL_FILE).display());
        drop((trainer, record));
        final_evaluation(&self.config, &self.rom, &self.setting, &self.folder, &self.device, &self.stop)
    }
}

/// Plays with the best network and with the random policy, prints and writes both results, and records the best game.
fn final_evaluation(
    config: &Config,
    rom: &LoadedRom,
    setting: &Setting,
    folder: &Path,
    device: &Device,
    stop: &AtomicBool,
) -> Result<()> {
    if config.final_evaluation_episodes == 0 {
        return Ok(());
    }
    let path = crate::checkpoint::find(Some(folder))?;
    let checkpoint = Checkpoint::load(&path)?;
    let mut protocol = evaluation_protocol(config);
    protocol.episodes = config.final_evaluation_episodes;
    say!("playing {} games with {} and as many at random ...", protocol.episodes, path.display());
    let trained = eval::network_contestant(&checkpoint, &path, config.evaluation_epsilon, device)?;
    let random = eval::baseline_contestant(BaselinePolicy::Random);
    let random_setting = eval::baseline_setting(rom, BaselinePolicy::Random);
    let play = |setting: &Setting, contestant: &Contestant| -> Result<Option<Report>> {
        eval::evaluate(setting, contestant, &protocol, eval::default_workers(), stop)
    };
    let (Some(trained_report), Some(random_report)) = (play(setting, &trained)?, play(&random_setting, &random)?)
    else {
        say!(
            "stopped; the evaluation is not complete; go on with it with: atari-dqn train --resume {}",
            folder.display()
        );
        return Ok(());
    };
    let both = serde_json::json!({ "trained": trained_report, "random": random_report });
    let json = serde_json::to_string_pretty(&both).context("cannot write the evaluation as JSON")?;
    sealed_file::write_atomically(&folder.join(EVALUATION_FILE), &[json.as_bytes(), b"\n"])?;

    say!("\n{:>10} {:>8} {:>8} {:>8} {:>8}   95 % interval of the mean", "", "mean", "median", "lowest", "highest");
    for (name, report) in [("trained", &trained_report), ("random", &random_report)] {
        let summary = &report.summary;
        let [low, high] = summary.mean_95_percent_interval;
        say!(
            "{name:>10} {:>8.1} {:>8.1} {:>8.0} {:>8.0}   {low:.1} to {high:.1}",
            summary.mean,
            summary.median,
            summary.min,
            summary.max
        );
    }
    if let Some(percent) = trained_report.summary.human_normalised_percent {
        say!("human-normalised: {percent:.1} %");
    }
    say!("protocol: {}", trained_report.protocol_in_words);

    let best =
        (0..protocol.episodes).max_by_key(|&i| (trained_report.episodes[i as usize].score, std::cmp::Reverse(i)));
    let gif = folder.join(BEST_GAME_FILE);
    let score = eval::record_game(setting, trained.policy, &protocol, best.unwrap_or(0), &gif)?;
    say!("the best of these games, score {score}: {}", gif.display());
    say!("watch it play: atari-dqn play {}", folder.display());
    Ok(())
}

fn evaluation_protocol(config: &Config) -> Protocol {
    Protocol {
        episodes: 1,
        epsilon: config.evaluation_epsilon,
        max_episode_frames: config.evaluation_max_episode_frames,
        noop_max: config.noop_max,
        sticky_probability: config.sticky_probability as f32,
        seed: config.seed,
    }
}

/// Plays whole games until `evaluation_steps` are used up; the same games every time.
fn evaluator(config: &Config, setting: &Setting, device: &Device) -> Evaluator {
    let (config, setting, device) = (config.clone(), setting.clone(), device.clone());
    let mut protocol = evaluation_protocol(&config);
    protocol.seed = protocol.seed.wrapping_add(EVALUATION_SEED_OFFSET);
    Box::new(move |parameters| {
        let mut policy = Policy::Network(Player::new(parameters, protocol.epsilon, &device)?);
        let (mut games, mut sum, mut steps) = (0u64, 0i64, 0u64);
        while steps < config.evaluation_steps {
            let episode = eval::play_game(&setting, &mut policy, &protocol, games as u32, |_| ())?;
            steps += u64::from(episode.frames.div_ceil(config.frame_skip).max(1));
            if steps <= config.evaluation_steps || games == 0 {
                games += 1;
                sum += episode.score;
            }
        }
        Ok((games, sum as f64 / games as f64))
    })
}

/// The folder for the run's files, created: the one given, which must hold no run, or a new one in `runs`.
fn run_folder(given: Option<&Path>, name: &str) -> Result<PathBuf> {
    let create = |path: &Path| fs::create_dir_all(path).with_context(|| format!("cannot create {}", path.display()));
    if let Some(path) = given {
        if let Some(file) = ["config.toml", METRICS_FILE, MODEL_FILE].iter().find(|file| path.join(file).exists()) {
            bail!(
                "{} already holds a run (there is a {file}); go on with it by --resume, or give another folder with --run-dir",
                path.display()
            );
        }
        create(path)?;
        return Ok(path.to_path_buf());
    }
    create(Path::new("runs"))?;
    for number in 1u32.. {
        let numbered = if number == 1 { name.to_string() } else { format!("{name}-{number}") };
        let path = Path::new("runs").join(numbered);
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error).with_context(|| format!("cannot create {}", path.display())),
        }
    }
    bail!("every name for a run folder is taken")
}

fn write_config(folder: &Path, config: &Config, preset: &str, rom: &LoadedRom) -> Result<()> {
    let path = folder.join("config.toml");
    let text = format!(
        "# The configuration of this run as resolved: preset {preset}, game {} (MD5 {}).\n\
         # It can be given to `atari-dqn train --config` again.\n\n{}",
        rom.name,
        rom.image.md5(),
        config.to_toml()?
    );
    sealed_file::write_atomically(&path, &[text.as_bytes()])
}

/// Frames the replay of this run will hold at its end.
fn replay_frames(config: &Config) -> u64 {
    (config.replay_capacity as u64).min(config.total_steps)
}

/// Bytes that the replay of this run will take, as far as can be told beforehand: compressed frames are as large as those of
/// [`SAMPLE_STEPS`] random steps.
pub(crate) fn replay_bytes(config: &Config, rom: &LoadedRom) -> u64 {
    let mut environment = new_environment(config, rom);
    let steps = if config.replay_compression { SAMPLE_STEPS } else { 1 };
    let mut generator = Generator::new(config.seed, Purpose::Synthetic);
    environment.reset(0);
    let mut bytes = 0;
    for _ in 0..steps {
        bytes += Replay::bytes_of(environment.frame(), config.replay_compression) as u64;
        if environment.step(generator.below(environment.actions().len())).episode_over() {
            environment.reset(0);
        }
    }
    // A priority is a leaf of a tree of sums.
    let priority = if config.prioritized { 2 * std::mem::size_of::<f64>() as u64 } else { 0 };
    replay_frames(config) * (bytes / steps + priority)
}

/// Says how much memory the replay takes, and refuses to start if the machine has less, unless with `force`.
fn announce_memory(config: &Config, rom: &LoadedRom, force: bool) -> Result<()> {
    let needed = replay_bytes(config, rom);
    let about = if config.replay_compression { "about " } else { "" };
    let gigabytes = |bytes: u64| bytes as f64 / 1e9;
    say!("replay: {} frames, {about}{:.2} GB of memory once full", replay_frames(config), gigabytes(needed));
    let Some(available) = memory::available().filter(|available| *available < needed) else { return Ok(()) };
    let problem = format!(
        "the replay needs {about}{:.2} GB of memory, and only {:.2} GB are free",
        gigabytes(needed),
        gigabytes(available)
    );
    if force {
        warn!("warning: {problem}");
        return Ok(());
    }
    let compress = if config.replay_compression {
        ""
    } else {
        "--set replay_compression=true takes a fraction of it without loss; "
    };
    bail!("{problem}; {compress}a smaller replay is set with --set replay_capacity=N; --force starts all the same")
}

/// A flag that Ctrl-C, or a request to end, sets; the second time the program ends at once.
fn stop_on_signal() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        warn!("\nstopping after this step and saving; once more to end at once");
    })
    .context("cannot watch for Ctrl-C")?;
    Ok(stop)
}
