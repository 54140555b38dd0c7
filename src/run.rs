//! A run: from a configuration, or from its last checkpoint, to its last evaluation; the loop around [`Algorithm::advance`].

pub mod checkpoints;
pub mod edited;
mod estimate;
pub mod evaluations;
pub mod folder;
pub mod held_out;
pub mod history;
pub mod memory;
pub mod progress;
pub mod record;
pub mod rows;
mod start;
pub mod start_over;
mod stoppable;
#[cfg(test)]
mod switches;
pub mod tensorboard;
#[cfg(test)]
mod tests;

pub use start::Start;

use crate::algorithms::events::Watch;
use crate::algorithms::{self, Algorithm};
use crate::config::{Config, Sources};
use crate::environments::vector::VectorEnvironment;
use crate::environments::{self, Spec};
use crate::networks::device;
use crate::policy::model::{Metadata, Model, MODEL_FILE};
use crate::policy::Policy;
use crate::run::checkpoints::RunCheckpoints;
use crate::run::evaluations::TrainingEvaluation;
use crate::run::folder::{Identity, RunFolder, RunState, BEST_GAME_FILE, CONFIG_FILE, EVALUATION_FILE};
use crate::run::held_out::HeldOut;
use crate::run::record::{Record, RecordState};
use crate::run::start_over::Rest;
use crate::saving::{own_files, sealed_file, Loading};
use crate::system::signals;
use crate::text::clock;
use crate::text::output::print;
use anyhow::{bail, Context, Result};
use candle_core::Device;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::Arc;

/// Names of its parts of a checkpoint.
const DESCRIPTION: &str = "run";
const ENVIRONMENTS: &str = "environments";
const OWES_EVALUATION: &str = "owes_evaluation";

/// The identity and configuration of a run: the part of a checkpoint that is needed to read the rest.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct RunDescription {
    identity: Identity,
    /// The configuration as TOML.
    config: String,
}

/// A new run, or one that continues from its last checkpoint.
///
/// # Errors
/// Faults of the configuration, unusable ROMs, files or devices, and errors that interrupt training.
pub fn run(args: &Start) -> Result<()> {
    match &args.resume {
        Some(folder) => resume(folder, args),
        None => start(args),
    }
}

/// A new run.
fn start(args: &Start) -> Result<()> {
    let device = device::open(args.device)?;
    // A key that a file lacks has its usual value, as in files of earlier versions; `nature` has the usual values.
    let usual = if device.is_cpu() && args.config.is_none() { Config::USUAL_PRESET } else { "nature" };
    let preset = match (&args.preset, &args.env) {
        (Some(preset), _) => preset,
        (None, Some(env)) => Config::usual_preset_of(env)?,
        (None, None) => usual,
    };
    let config = Config::resolve(&Sources {
        preset,
        file: args.config.as_deref(),
        environment: args.env.as_deref(),
        overrides: &args.overrides,
        seed: args.seed,
        steps: args.steps,
    })?;
    warn_if_nothing_is_learned(&config);
    if let Some(folder) = &args.run_dir {
        start_over::ensure_free(folder, &config)?;
    }
    let spec = environments::spec(&config.environment, args.rom.as_deref())?;
    let run = Run::new(config, spec, preset, device);
    let needs = memory::announce_memory(&run.config, &*run.spec, args.force)?;
    if args.preset.is_none() && args.config.is_none() {
        estimate::announce(&run)?;
    }
    needs.warn_of_full_disk(args.run_dir.as_deref().unwrap_or(Path::new("runs")));
    let name = format!("{}-{preset}-s{}", run.identity.game, run.config.run.seed);
    let folder = RunFolder::create(args.run_dir.as_deref(), &name)?;
    // Again, now that no other process can write here.
    start_over::ensure_free(folder.path(), &run.config)?;
    start_over::ensure_same(folder.path(), &run.identity)?;
    run.begin(folder)
}

/// Continues a run from its last checkpoint; one that saved nothing starts over.
fn resume(path: &Path, args: &Start) -> Result<()> {
    if !path.is_dir() {
        bail!("--resume {}: there is no such folder; give a run's folder, e.g. runs/pong-nature-s0", path.display());
    }
    if !checkpoints::exist_in(path) {
        return continue_without_checkpoint(path, args);
    }
    let folder = RunFolder::take(path)?;
    let mut checkpoints = RunCheckpoints::new(&folder)?;
    let read = |from: &Loading| {
        // Checkpoints of earlier versions do not say whether an evaluation is owed.
        Ok((from.part(DESCRIPTION)?, RecordState::load(from)?, from.part(OWES_EVALUATION).unwrap_or(false)))
    };
    let (RunDescription { identity, config }, record, owes_evaluation) = checkpoints.load(read, |_| ())?;
    edited::check_identity(path, &identity)?;
    let config = edited::config_to_continue(path, Config::from_toml(&config)?)?;
    let planned = config.run.total_steps;
    let mut config = config.with_total_steps(args.steps.unwrap_or(planned))?;
    if args.steps.is_some() && record.is_complete(&config.run) {
        // More steps are requested of a run that ended before its last step: train them, whatever ended it.
        (config.run.solved_at, config.run.max_games) = (f64::INFINITY, 0);
    }
    // A run that was stopped during its evaluation continues with it.
    let evaluated =
        !owes_evaluation && (config.run.final_evaluation_episodes == 0 || path.join(EVALUATION_FILE).exists());
    let trained = record.steps();
    // An algorithm with long units trains some steps more than were asked for.
    let reached = config.run.total_steps <= trained;
    // The network is written after the checkpoint.
    let complete =
        evaluated && Model::load(&path.join(MODEL_FILE)).is_ok_and(|model| model.metadata.steps_trained == trained);
    if reached && (complete || config.run.total_steps < planned.min(trained)) {
        bail!("{} has {trained} steps already; give a larger total, e.g. --steps {}", path.display(), 2 * trained);
    }
    let spec = spec_of(&identity, &config, args.rom.as_deref())?;
    if let Some(end) = algorithms::learning_ends(&config.algorithm).filter(|end| config.run.total_steps > *end) {
        warn!("warning: the learning rate falls to 0 at step {end}; the steps after that will not change the network");
    }
    if !reached {
        warn_if_nothing_is_learned(&config);
    }
    let goes_on = !reached && !record.is_complete(&config.run);
    let run = Run::new(config, spec, &identity.preset, device::open(args.device)?);
    memory::announce_memory(&run.config, &*run.spec, args.force)?.warn_of_full_disk(path);
    let session = Session::resume(&run, folder, checkpoints, &|num_envs| run.environments(num_envs))?;
    let trained = session.algorithm.steps();
    run.rewrite_config(&session.folder)?;
    if goes_on {
        set_evaluation_aside(&session.folder)?;
    }
    run.announce(&format!("continuing after step {trained}"), &session.folder);
    run.train(session)
}

/// Moves the evaluation of a run that goes on aside: it is not of the network that the run will end with.
fn set_evaluation_aside(folder: &RunFolder) -> Result<()> {
    for file in [EVALUATION_FILE, BEST_GAME_FILE].map(|file| folder.file(file)) {
        if own_files::is_there(&file) {
            let aside = own_files::move_aside(&file)?;
            say!("{} is of the run so far and is now {}", file.display(), aside.display());
        }
    }
    Ok(())
}

/// Continues a run that has no checkpoint: starts it over if it saved nothing, evaluates its network if that is all that is missing.
fn continue_without_checkpoint(path: &Path, args: &Start) -> Result<()> {
    // Before the folder is locked, which leaves a file in it.
    start_over::rest(path, args.steps)?;
    let folder = RunFolder::take(path)?;
    if RunState::of(path) == RunState::Checkpoint {
        bail!("another process has just trained in {}; try again", path.display());
    }
    let rest = start_over::rest(path, args.steps)?;
    let identity = Identity::read(path)?;
    let (Rest::All(config) | Rest::Evaluation(config)) = &rest;
    let spec = spec_of(&identity, config, args.rom.as_deref())?;
    let run = Run::new((**config).clone(), spec, &identity.preset, device::open(args.device)?);
    memory::announce_memory(&run.config, &*run.spec, args.force)?;
    if let Rest::Evaluation(_) = rest {
        say!("{} holds a trained network and no checkpoint; only the evaluation is missing", path.display());
        return run.evaluate(path);
    }
    say!("{} holds no checkpoint; the run starts over with its {CONFIG_FILE}", path.display());
    memory::announce_memory(&run.config, &*run.spec, true)?;
    run.begin(folder)
}

/// The environment of the run with this identity; `rom` says where its cartridge is.
fn spec_of(identity: &Identity, config: &Config, rom: Option<&str>) -> Result<Spec> {
    let own = (!identity.cartridge_md5.is_empty()).then_some(identity.game.as_str());
    let spec = match rom {
        Some(rom) => environments::spec(&config.environment, Some(rom))?,
        None => environments::spec(&config.environment, own).with_context(|| {
            let hint = if own.is_some() { "; say where its cartridge is with --rom" } else { "" };
            format!("the run is of {}{hint}", identity.game)
        })?,
    };
    let cartridge_md5 = spec.cartridge_md5().unwrap_or_default();
    if cartridge_md5 != identity.cartridge_md5 {
        bail!(
            "the run is of {} with the MD5 {}, this cartridge is {} with {cartridge_md5}; give the right one with --rom",
            identity.game,
            identity.cartridge_md5,
            spec.name()
        );
    }
    Ok(spec)
}

/// Says so if the run will end before its first update: its network then stays as it was drawn.
pub fn warn_if_nothing_is_learned(config: &Config) {
    let (first, total) = (algorithms::first_update(&config.algorithm), config.run.total_steps);
    if first > total {
        warn!(
            "warning: nothing will be learned: the first update follows step {first}, and the run ends at step {total}; give more \
             --steps, or a smaller learning_starts_steps (--set learning_starts_steps={})",
            total / 10
        );
    }
}

/// The parts of a run that do not change while it trains.
struct Run {
    config: Config,
    spec: Spec,
    identity: Identity,
    device: Device,
    metadata: Metadata,
    stop: Arc<AtomicBool>,
}

/// Makes this many environments before their first step.
type MakeEnvironments<'a> = &'a dyn Fn(usize) -> Result<VectorEnvironment>;

/// The parts of a run that change while it trains.
struct Session {
    folder: RunFolder,
    checkpoints: RunCheckpoints,
    environments: VectorEnvironment,
    algorithm: Box<dyn Algorithm>,
    record: Record,
    held_out: HeldOut,
    /// The evaluation that is due at this step was stopped.
    owes_evaluation: bool,
}

impl Session {
    /// A session before its first step.
    fn new(run: &Run, folder: RunFolder, make: MakeEnvironments<'_>) -> Result<Self> {
        let checkpoints = RunCheckpoints::new(&folder)?;
        let (environments, algorithm) = run.first_state(make)?;
        let held_out = HeldOut::collect(make(1)?, run.config.run.seed)?;
        // Its clock starts now.
        let record = run.record(&folder, RecordState::default())?;
        Ok(Self { folder, checkpoints, environments, algorithm, record, held_out, owes_evaluation: false })
    }

    /// A session at the newest checkpoint that can be used.
    fn resume(
        run: &Run,
        folder: RunFolder,
        mut checkpoints: RunCheckpoints,
        make: MakeEnvironments<'_>,
    ) -> Result<Self> {
        // Made before a checkpoint is read, so that what fails here is not taken for a damaged checkpoint.
        let mut made = Some(run.first_state(make)?);
        let (environments, algorithm, state, owes_evaluation) = checkpoints.load(
            |from| {
                // A checkpoint that could be loaded only in part leaves nothing behind for the next attempt.
                let (mut environments, mut algorithm) = made.take().map_or_else(|| run.first_state(make), Ok)?;
                algorithm.load(from).context("the state of the algorithm cannot be used")?;
                environments.restore(from.part(ENVIRONMENTS)?)?;
                let owes_evaluation = from.part(OWES_EVALUATION).unwrap_or(false);
                Ok((environments, algorithm, RecordState::load(from)?, owes_evaluation))
            },
            |warning| warn!("warning: {warning}"),
        )?;
        let held_out = HeldOut::collect(make(1)?, run.config.run.seed)?;
        let record = run.record(&folder, state)?;
        Ok(Self { folder, checkpoints, environments, algorithm, record, held_out, owes_evaluation })
    }
}

impl Session {
    /// An evaluation during training. If a signal stops it, the session owes it: a resumed run begins with it.
    fn evaluate(&mut self, evaluation: &TrainingEvaluation, policy: &Policy, first: bool) -> Result<()> {
        let played = evaluation.play(policy)?;
        self.owes_evaluation = played.is_none();
        played.map_or(Ok(()), |(games, mean_return)| self.record.evaluated(policy, games, mean_return, first))
    }
}

impl Run {
    fn new(config: Config, spec: Spec, preset: &str, device: Device) -> Self {
        let metadata = Metadata {
            environment: spec.description(),
            preset: preset.to_string(),
            seed: config.run.seed,
            steps_trained: 0,
            chosen: None,
        };
        let identity = Identity {
            environment: config.environment.kind().to_string(),
            game: spec.name().to_string(),
            cartridge_md5: spec.cartridge_md5().unwrap_or_default().to_string(),
            algorithm: config.algorithm.kind().to_string(),
            preset: preset.to_string(),
            seed: config.run.seed,
        };
        Self { config, spec, identity, device, metadata, stop: Arc::default() }
    }

    /// Environments and algorithm before their first step.
    fn first_state(&self, make: MakeEnvironments<'_>) -> Result<(VectorEnvironment, Box<dyn Algorithm>)> {
        let environments = make(algorithms::num_envs(&self.config.algorithm))?;
        let algorithm = algorithms::make(&self.config, &environments, &self.device)?;
        Ok((environments, algorithm))
    }

    fn environments(&self, num_envs: usize) -> Result<VectorEnvironment> {
        environments::vector(&*self.spec, num_envs, self.config.run.seed)
    }

    fn record(&self, folder: &RunFolder, state: RecordState) -> Result<Record> {
        let num_envs = algorithms::num_envs(&self.config.algorithm);
        Record::open(folder.path(), &self.config, num_envs, self.metadata.clone(), state, Arc::clone(&self.stop))
    }

    /// Trains from the first step on in `folder`, which holds no run or one that saved nothing.
    fn begin(&self, folder: RunFolder) -> Result<()> {
        start_over::set_aside(&folder)?;
        self.write_config(&folder, &self.config_text(&self.config)?)?;
        // Last: with it `--resume` can start the run over.
        self.identity.write(folder.path())?;
        self.announce("training", &folder);
        let session = Session::new(self, folder, &|num_envs| self.environments(num_envs))?;
        self.train(session)
    }

    /// `config.toml` with this configuration.
    fn config_text(&self, config: &Config) -> Result<String> {
        let Identity { preset, game, .. } = &self.identity;
        let cartridge = self.spec.cartridge_md5().map_or(String::new(), |md5| format!(" (MD5 {md5})"));
        Ok(format!(
            "# The configuration of this run as resolved: preset {preset}, game {game}{cartridge}.\n\
             # It can be given to `atari-dqn train --config` again.\n\n{}",
            config.to_toml()?
        ))
    }

    fn write_config(&self, folder: &RunFolder, text: &str) -> Result<()> {
        sealed_file::write_atomically(&folder.file(CONFIG_FILE), &[text.as_bytes()])
    }

    /// Writes `config.toml` if it is missing or the run has another end. A file with notes of people is moved aside.
    fn rewrite_config(&self, folder: &RunFolder) -> Result<()> {
        let path = folder.file(CONFIG_FILE);
        if let Some(there) = edited::config_in(folder.path())? {
            if there == self.config {
                return Ok(());
            }
            let as_written = self.config_text(&there)?;
            if fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))? != as_written {
                let aside = own_files::move_aside(&path)?;
                say!("{} was edited and is now {}", path.display(), aside.display());
            }
        }
        self.write_config(folder, &self.config_text(&self.config)?)
    }

    fn announce(&self, what: &str, folder: &RunFolder) {
        // Only games have frames.
        let of_frames = match self.config.environment.atari() {
            Some(keys) => format!(" of {} frames", keys.frame_skip),
            None => String::new(),
        };
        say!(
            "{what} on {} with preset {}, seed {}: {} steps{of_frames}, on {}",
            self.identity.game,
            self.identity.preset,
            self.config.run.seed,
            self.config.run.total_steps,
            device::describe(&self.device)
        );
        say!("files: {}", folder.path().display());
    }

    /// Trains to the end, or until a signal, and saves.
    ///
    /// An error can leave a step half done, with rows or events missing. So nothing is saved after one: the checkpoint before it
    /// stays the last, and a resumed run does the step again.
    fn train(&self, mut session: Session) -> Result<()> {
        // Until now there was nothing to save, and a signal ended the program as it does any other.
        signals::stop_on_signal(&self.stop, "stopping soon and saving");
        let outcome = self.learn(&mut session);
        session.record.finish();
        // A signal during an evaluation ends the learning without an error: the evaluation is owed, and saved as such.
        let saved = outcome.and_then(|()| self.checkpoint(&mut session));
        saved.with_context(|| broken_off(&session))?;
        let Session { folder, algorithm, record, environments, checkpoints, held_out, owes_evaluation } = session;
        let shown = folder.path().display();
        let trained = clock(record.wall_seconds());
        let steps = algorithm.steps();
        if record.solved() {
            say!("solved: the last 100 games have a mean return of {:.1}", record.mean_return().unwrap_or_default());
        } else if record.is_complete() && !owes_evaluation {
            say!("all {} games are played", record.games());
        } else if steps < self.config.run.total_steps || owes_evaluation {
            say!("stopped after {steps} steps ({trained}); continue with: atari-dqn train --resume {shown}");
            return Ok(());
        }
        say!("trained {steps} steps in {trained}: {}", folder.file(MODEL_FILE).display());
        if let Some(values) = self.characters_of(&algorithm.policy()?) {
            print(&format!("\n{values}\n"))?;
        }
        // They take memory that the evaluation may need, the replay most of all.
        drop((algorithm, record, environments, checkpoints, held_out));
        self.evaluate(folder.path())
    }

    /// What a table has learned, drawn in characters; `None` if the policy is no table, or its states are not the environment's.
    fn characters_of(&self, policy: &Policy) -> Option<String> {
        let (values, task) = (policy.table_values()?, self.spec.as_classic()?.task());
        task.mdp()?;
        task.characters_of_values(&values)
    }

    /// Evaluates the trained network.
    fn evaluate(&self, folder: &Path) -> Result<()> {
        evaluations::final_evaluation(&self.config, &self.spec, folder, &self.device, &self.stop).with_context(|| {
            format!(
                "the run is trained and saved, its evaluation is not; repeat that with: atari-dqn train --resume {}",
                folder.display()
            )
        })
    }

    /// Advances from one due task to the next.
    fn learn(&self, session: &mut Session) -> Result<()> {
        let config = &self.config;
        let evaluation =
            (config.run.evaluation_every_steps > 0).then(|| TrainingEvaluation::new(config, &self.spec, &self.stop));
        if let Some(evaluation) = evaluation.as_ref().filter(|_| session.owes_evaluation) {
            let policy = session.algorithm.policy()?;
            let first = session.algorithm.steps() < config.run.evaluation_every_steps.saturating_mul(2);
            session.evaluate(evaluation, &policy, first)?;
            if session.record.is_complete() && !session.owes_evaluation {
                return session.record.keep_best(&policy);
            }
        }
        while session.algorithm.steps() < config.run.total_steps && !session.record.stop() {
            let before = session.algorithm.steps();
            session.algorithm.advance(&mut session.environments, self.next_stop(before), &mut session.record)?;
            let step = session.algorithm.steps();
            let due = |every: u64| every > 0 && step / every > before / every;
            let (row, evaluate) = (due(config.run.metrics_every_steps), due(config.run.evaluation_every_steps));
            let complete = session.record.is_complete();
            if row || evaluate || complete {
                let mut policy = session.algorithm.policy()?;
                if row {
                    session.record.progress_row(session.held_out.mean_max_value(&mut policy)?)?;
                    session.record.keep_best(&policy)?;
                }
                if let Some(evaluation) = evaluation.as_ref().filter(|_| evaluate) {
                    let first = before < config.run.evaluation_every_steps;
                    session.evaluate(evaluation, &policy, first)?;
                    if session.owes_evaluation {
                        return Ok(());
                    }
                }
                if complete {
                    return session.record.keep_best(&policy);
                }
            }
            if due(config.run.checkpoint_every_steps) {
                self.checkpoint(session)?;
            }
        }
        Ok(())
    }

    /// The first step after `step` at which something is due.
    fn next_stop(&self, step: u64) -> u64 {
        let config = &self.config;
        let due =
            [config.run.metrics_every_steps, config.run.evaluation_every_steps, config.run.checkpoint_every_steps];
        let next = due.into_iter().filter(|&every| every > 0).map(|every| (step / every + 1) * every);
        next.fold(config.run.total_steps, u64::min)
    }

    /// Saves everything that the run needs to continue from here, and then the network: where there is a network, there was a
    /// checkpoint.
    fn checkpoint(&self, session: &mut Session) -> Result<()> {
        let Session { checkpoints, environments, algorithm, record, owes_evaluation, .. } = session;
        checkpoints.save(algorithm.steps(), |to| {
            to.part(DESCRIPTION, &RunDescription { identity: self.identity.clone(), config: self.config.to_toml()? })?;
            to.part(ENVIRONMENTS, &environments.state())?;
            to.part(OWES_EVALUATION, owes_evaluation)?;
            record.save(to)?;
            algorithm.save(to)
        })?;
        record.write_model(&algorithm.policy()?)
    }
}

/// What is saved of a session that an error ended, and how to continue.
fn broken_off(session: &Session) -> String {
    let (step, shown) = (session.algorithm.steps(), session.folder.path().display());
    let how = format!("atari-dqn train --resume {shown}");
    match session.checkpoints.newest_step() {
        Some(saved) => {
            format!("training broke off after step {step}; saved is step {saved}; continue from there with: {how}")
        }
        None => format!("training broke off after step {step}, before the first checkpoint; start over with: {how}"),
    }
}
