//! `train`: Algorithm 1 of Mnih et al. 2015, and the run folder it leaves.

use crate::agent::{Agent, Update};
use crate::checkpoint::{Checkpoint, Metadata, BEST_FILE, MODEL_FILE};
use crate::cli::{BaselinePolicy, TrainArgs};
use crate::config::{Config, LifeLoss, Sources};
use crate::device;
use crate::eval::{self, Contestant, Policy, Protocol, Report, Setting};
use crate::learner::new_learner;
use crate::metrics::{MetricsFile, RecentReturns, Row, RunningMean};
use crate::network::{Architecture, Parameters};
use crate::player::Player;
use crate::preprocess::{AgentEnvironment, Frame, FrameStack, Step};
use crate::random::{Generator, Purpose};
use crate::recording::GifRecorder;
use crate::replay::Replay;
use crate::roms::{self, LoadedRom};
use anyhow::{bail, Context, Result};
use atari_emulator::{Action, Environment, Settings};
use candle_core::Device;
use indicatif::{ProgressBar, ProgressStyle};
use std::fs;
use std::io::{ErrorKind, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// States whose Q-values are watched during a run (the paper's second learning index).
const HELD_OUT_STATES: usize = 256;
/// Plain progress lines, where there is no terminal for a bar, come no faster than this.
const LINE_INTERVAL: Duration = Duration::from_secs(10);
/// Evaluations during training play other games than the one after it.
const EVALUATION_SEED_OFFSET: u64 = 1_000_000;

/// Something an agent can be trained on.
pub trait Task {
    /// Starts an episode with this many no-op frames.
    fn reset(&mut self, noop_frames: u32);
    /// Takes the action with this index.
    fn step(&mut self, action: usize) -> Step;
    /// What is now seen.
    fn frame(&self) -> &Frame;
    /// Frames of the episode so far.
    fn episode_frames(&self) -> u64;
}

impl Task for AgentEnvironment {
    fn reset(&mut self, noop_frames: u32) {
        AgentEnvironment::reset(self, noop_frames);
    }

    fn step(&mut self, action: usize) -> Step {
        AgentEnvironment::step(self, action)
    }

    fn frame(&self) -> &Frame {
        AgentEnvironment::frame(self)
    }

    fn episode_frames(&self) -> u64 {
        u64::from(self.environment().episode_frame_number())
    }
}

/// Deep Q-learning with experience replay, from step 0 until `config.total_steps`, until the mean return of 100 games is
/// `config.solved_at`, or until `stop` is set.
pub fn train(
    config: &Config,
    agent: &mut Agent,
    task: &mut dyn Task,
    record: &mut RunRecord,
    stop: &AtomicBool,
) -> Result<()> {
    let mut starts = Generator::new(config.seed, Purpose::Starts);
    let mut stack = FrameStack::default();
    let mut begin_episode = |agent: &mut Agent, task: &mut dyn Task, stack: &mut FrameStack| {
        task.reset(starts.below(config.noop_max as usize + 1) as u32);
        agent.begin_episode(task.frame());
        stack.begin(task.frame());
    };
    begin_episode(agent, task, &mut stack);
    for step in 0..config.total_steps {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let action = agent.act(stack.pixels(), step)?;
        let outcome = task.step(action);
        let mut reward = outcome.reward as f32;
        if config.reward_clip {
            reward = reward.clamp(-1.0, 1.0);
        }
        let terminal = outcome.terminal || (config.life_loss == LifeLoss::Terminal && outcome.life_lost);
        agent.remember(action, reward, terminal, outcome.episode_over(), task.frame());
        stack.push(task.frame());
        record.step_taken(&outcome);

        let steps = step + 1;
        if outcome.episode_over() {
            record.game_ended(steps, agent.epsilon(step), &outcome, task.episode_frames())?;
            begin_episode(agent, task, &mut stack);
        }
        if steps > config.learning_starts_steps && steps.is_multiple_of(config.train_every_steps) {
            if let Some(update) = agent.learn()? {
                record.updated(&update);
            }
        }
        if config.target_tau == 0.0 && steps.is_multiple_of(config.target_sync_steps) {
            agent.sync_target()?;
        }
        record.after_step(config, steps, agent)?;
        if outcome.episode_over() && record.solved(config) {
            record.keep_best(agent)?;
            break;
        }
    }
    Ok(())
}

/// Plays some games with these parameters during training, at this step: (games, mean return).
pub type Evaluator = Box<dyn FnMut(&Parameters) -> Result<(u64, f64)>>;

/// What a run leaves behind and shows: files in its folder, rows of metrics, progress.
pub struct RunRecord {
    folder: PathBuf,
    metrics: MetricsFile,
    metadata: Metadata,
    evaluator: Option<Evaluator>,
    progress: Progress,
    /// Highest mean return so far: of an evaluation, or of 100 training games.
    best_mean: Option<f64>,
    recent: RecentReturns,
    steps: u64,
    games: u64,
    episode_return: f64,
    episode_steps: u64,
    updates: u64,
    loss: RunningMean,
    q_value: RunningMean,
    gradient_norm: RunningMean,
    held_out: Option<Vec<u8>>,
    held_out_generator: Generator,
    begun: Instant,
    /// (time, steps, updates) of the last periodic row.
    last_row: (Instant, u64, u64),
}

impl RunRecord {
    /// A record in `folder`, which must exist, of a run with this `config` and a network with these `metadata`.
    pub fn create(folder: &Path, config: &Config, metadata: Metadata, evaluator: Option<Evaluator>) -> Result<Self> {
        let now = Instant::now();
        Ok(Self {
            folder: folder.to_path_buf(),
            metrics: MetricsFile::create(&folder.join("metrics.jsonl"))?,
            metadata,
            evaluator,
            progress: Progress::new(config.total_steps)?,
            best_mean: None,
            recent: RecentReturns::default(),
            steps: 0,
            games: 0,
            episode_return: 0.0,
            episode_steps: 0,
            updates: 0,
            loss: RunningMean::default(),
            q_value: RunningMean::default(),
            gradient_norm: RunningMean::default(),
            held_out: None,
            held_out_generator: Generator::new(config.seed, Purpose::HeldOut),
            begun: now,
            last_row: (now, 0, 0),
        })
    }

    fn wall_seconds(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    fn step_taken(&mut self, outcome: &Step) {
        self.episode_return += f64::from(outcome.reward);
        self.episode_steps += 1;
    }

    fn game_ended(&mut self, step: u64, epsilon: f64, outcome: &Step, episode_frames: u64) -> Result<()> {
        self.games += 1;
        self.recent.push(self.episode_return);
        self.metrics.write(&Row::Game {
            step,
            games: self.games,
            episode_return: std::mem::take(&mut self.episode_return),
            episode_steps: std::mem::take(&mut self.episode_steps),
            episode_frames,
            truncated: outcome.truncated,
            mean_return_100_games: self.recent.mean().unwrap_or_default(),
            epsilon,
            wall_seconds: self.wall_seconds(),
        })
    }

    fn updated(&mut self, update: &Update) {
        self.updates += 1;
        self.loss.push(f64::from(update.loss));
        self.q_value.push(f64::from(update.q_value));
        if let Some(norm) = update.gradient_norm {
            self.gradient_norm.push(f64::from(norm));
        }
    }

    /// Whether the last 100 training games are good enough to end the run.
    fn solved(&self, config: &Config) -> bool {
        self.recent.is_full() && self.recent.mean().is_some_and(|mean| mean >= config.solved_at)
    }

    /// Whatever is due after `steps` steps.
    fn after_step(&mut self, config: &Config, steps: u64, agent: &mut Agent) -> Result<()> {
        self.steps = steps;
        if steps == config.learning_starts_steps.max(1) {
            // So far the policy was random, or nearly.
            self.held_out = Some(agent.held_out_observations(HELD_OUT_STATES, &mut self.held_out_generator));
        }
        if steps.is_multiple_of(config.metrics_every_steps) {
            self.progress_row(steps, agent)?;
        }
        if config.evaluation_every_steps > 0 && steps.is_multiple_of(config.evaluation_every_steps) {
            self.evaluate(steps, agent)?;
        }
        if steps.is_multiple_of(config.checkpoint_every_steps) {
            self.save(MODEL_FILE, agent)?;
        }
        self.progress.tick(steps);
        Ok(())
    }

    fn progress_row(&mut self, step: u64, agent: &mut Agent) -> Result<()> {
        let (last_time, last_step, last_updates) =
            std::mem::replace(&mut self.last_row, (Instant::now(), step, self.updates));
        let seconds = last_time.elapsed().as_secs_f64().max(1e-9);
        let held_out = self.held_out.as_ref().filter(|observations| !observations.is_empty());
        let row = Row::Progress {
            step,
            updates: self.updates,
            mean_loss: self.loss.take(),
            mean_q_value: self.q_value.take(),
            mean_gradient_norm: self.gradient_norm.take(),
            held_out_mean_max_q: held_out.map(|observations| agent.mean_maximal_q(observations)).transpose()?,
            mean_return_100_games: self.recent.mean(),
            epsilon: agent.epsilon(step),
            replay_frames: agent.replay_len() as u64,
            steps_per_second: (step - last_step) as f64 / seconds,
            updates_per_second: (self.updates - last_updates) as f64 / seconds,
            wall_seconds: self.wall_seconds(),
        };
        self.metrics.write(&row)?;
        self.progress.show(&row);
        self.keep_best(agent)
    }

    /// Saves the network as the best if the last 100 training games are the best so far; evaluations, if there are any,
    /// decide instead.
    fn keep_best(&mut self, agent: &Agent) -> Result<()> {
        if self.evaluator.is_none() && self.recent.is_full() {
            if let Some(mean) = self.recent.mean().filter(|mean| self.best_mean.is_none_or(|best| *mean > best)) {
                self.best_mean = Some(mean);
                self.save(BEST_FILE, agent)?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, step: u64, agent: &Agent) -> Result<()> {
        let Some(evaluator) = &mut self.evaluator else { return Ok(()) };
        let (games, mean_return) = evaluator(&agent.learner().parameters()?)?;
        let best = self.best_mean.is_none_or(|best| mean_return > best);
        if best {
            self.best_mean = Some(mean_return);
            self.save(BEST_FILE, agent)?;
        }
        let wall_seconds = self.wall_seconds();
        self.metrics.write(&Row::Evaluation { step, games, mean_return, best, wall_seconds })?;
        self.progress.say(&format!("step {step}: evaluation, {games} games, mean return {mean_return:.1}"));
        Ok(())
    }

    /// Saves the network as it stands under `name`; the file's path.
    fn save(&self, name: &str, agent: &Agent) -> Result<PathBuf> {
        let path = self.folder.join(name);
        let metadata = Metadata { steps_trained: self.steps, ..self.metadata.clone() };
        Checkpoint { metadata, parameters: agent.learner().parameters()? }.save(&path)?;
        Ok(path)
    }
}

/// The progress of a run on stderr: a bar on a terminal, else a line now and then.
struct Progress {
    bar: ProgressBar,
    on_terminal: bool,
    total_steps: u64,
    last_line: Option<Instant>,
}

impl Progress {
    fn new(total_steps: u64) -> Result<Self> {
        let on_terminal = std::io::stderr().is_terminal();
        let bar = if on_terminal {
            let style = ProgressStyle::with_template("{bar:24} {percent}% of {len} steps, {msg}, {eta} left")
                .context("the progress bar's template")?;
            ProgressBar::new(total_steps).with_style(style)
        } else {
            ProgressBar::hidden()
        };
        Ok(Self { bar, on_terminal, total_steps, last_line: None })
    }

    fn tick(&self, steps: u64) {
        if self.on_terminal {
            self.bar.set_position(steps);
        }
    }

    fn show(&mut self, row: &Row) {
        let Row::Progress {
            step,
            epsilon,
            mean_return_100_games,
            steps_per_second,
            updates_per_second,
            wall_seconds,
            ..
        } = row
        else {
            return;
        };
        let mean = mean_return_100_games.map_or("no game yet".to_string(), |mean| format!("mean return {mean:.1}"));
        let message =
            format!("{steps_per_second:.0} steps/s, {updates_per_second:.0} updates/s, epsilon {epsilon:.2}, {mean}");
        if self.on_terminal {
            self.bar.set_message(message);
            return;
        }
        let due = self.last_line.is_none_or(|last| last.elapsed() >= LINE_INTERVAL);
        if due || *step == self.total_steps {
            self.last_line = Some(Instant::now());
            let left = wall_seconds / *step as f64 * (self.total_steps - step) as f64;
            eprintln!("step {step} of {}: {message}, {} left", self.total_steps, clock(left));
        }
    }

    fn say(&self, text: &str) {
        if self.on_terminal {
            self.bar.println(text);
        } else {
            eprintln!("{text}");
        }
    }
}

/// Seconds as minutes and seconds, or hours and minutes.
fn clock(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match seconds {
        0..3600 => format!("{}:{:02} min", seconds / 60, seconds % 60),
        _ => format!("{}:{:02} h", seconds / 3600, seconds / 60 % 60),
    }
}

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
    let settings = Settings {
        sticky_probability: config.sticky_probability as f32,
        random_seed: config.seed as u32,
        max_episode_frames: config.max_episode_frames,
        ..Settings::default()
    };
    let environment = Environment::new(&rom.image, settings);
    let actions = if config.full_action_space { Action::ALL.to_vec() } else { environment.minimal_actions() };
    let stop_at_life_loss = config.life_loss == LifeLoss::Terminal;
    AgentEnvironment::new(environment, config.preprocessing(), actions, stop_at_life_loss)
}

/// The `train` command.
pub fn run(args: &TrainArgs) -> Result<()> {
    let preset = args.preset.as_deref().unwrap_or(if args.rom.is_some() { "nature" } else { "bricks" });
    let config = Config::resolve(&Sources {
        preset,
        file: args.config.as_deref(),
        overrides: &args.overrides,
        seed: args.seed,
        steps: args.steps,
    })?;
    let rom = args.rom.as_deref().map_or_else(|| Ok(roms::built_in()), roms::load)?;
    eval::ensure_scores(&rom)?;
    let device = device::open(args.device)?;
    let mut environment = new_environment(&config, &rom);
    let metadata = Metadata {
        game: rom.name.clone(),
        cartridge_md5: rom.image.md5().to_string(),
        actions: environment.actions().to_vec(),
        preprocessing: config.preprocessing(),
        preset: preset.to_string(),
        seed: config.seed,
        steps_trained: 0,
    };
    let setting = eval::network_setting(&rom, &metadata);
    let folder = run_folder(args.run_dir.as_deref(), &format!("{}-{preset}-s{}", rom.name, config.seed))?;
    write_config(&folder, &config, preset, &rom)?;

    println!(
        "training on {} with preset {preset}, seed {}: {} steps of {} frames, on {}",
        rom.name,
        config.seed,
        config.total_steps,
        config.frame_skip,
        device::describe(&device)
    );
    announce_memory(config.replay_capacity.min(usize::try_from(config.total_steps).unwrap_or(usize::MAX)));
    println!("files: {}", folder.display());

    let stop = stop_on_signal()?;
    let mut agent = new_agent(&config, environment.actions().len(), &device)?;
    let evaluator = (config.evaluation_every_steps > 0).then(|| evaluator(&config, &setting, &device));
    let mut record = RunRecord::create(&folder, &config, metadata, evaluator)?;

    let outcome = train(&config, &mut agent, &mut environment, &mut record, &stop);
    record.progress.bar.finish_and_clear();
    let model = record.save(MODEL_FILE, &agent)?;
    outcome.with_context(|| format!("training broke off; the network is saved in {}", model.display()))?;
    let trained = clock(record.wall_seconds());
    let steps = record.steps;
    if record.solved(&config) {
        println!("solved: the last 100 games have a mean return of {:.1}", record.recent.mean().unwrap_or_default());
    } else if steps < config.total_steps {
        println!("stopped after {steps} steps ({trained}); the network is saved in {}", model.display());
        return Ok(());
    }
    println!("trained {steps} steps in {trained}: {}", model.display());
    drop(agent);
    final_evaluation(&config, &rom, &setting, &folder, &device, &stop)
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
    println!("playing {} games with {} and as many at random ...", protocol.episodes, path.display());
    let trained = eval::network_contestant(&checkpoint, &path, config.evaluation_epsilon, device)?;
    let random = eval::baseline_contestant(BaselinePolicy::Random);
    let random_setting = eval::baseline_setting(rom, BaselinePolicy::Random);
    let play = |setting: &Setting, contestant: &Contestant| -> Result<Option<Report>> {
        eval::evaluate(setting, contestant, &protocol, eval::default_workers(), stop)
    };
    let (Some(trained_report), Some(random_report)) = (play(setting, &trained)?, play(&random_setting, &random)?)
    else {
        println!("stopped; the evaluation is not complete");
        return Ok(());
    };
    let both = serde_json::json!({ "trained": trained_report, "random": random_report });
    let json = serde_json::to_string_pretty(&both).context("cannot write the evaluation as JSON")?;
    let json_path = folder.join("evaluation.json");
    fs::write(&json_path, json + "\n").with_context(|| format!("cannot write {}", json_path.display()))?;

    println!("\n{:>10} {:>8} {:>8} {:>8} {:>8}   95 % interval of the mean", "", "mean", "median", "lowest", "highest");
    for (name, report) in [("trained", &trained_report), ("random", &random_report)] {
        let summary = &report.summary;
        let [low, high] = summary.mean_95_percent_interval;
        println!(
            "{name:>10} {:>8.1} {:>8.1} {:>8.0} {:>8.0}   {low:.1} to {high:.1}",
            summary.mean, summary.median, summary.min, summary.max
        );
    }
    if let Some(percent) = trained_report.summary.human_normalised_percent {
        println!("human-normalised: {percent:.1} %");
    }
    println!("protocol: {}", trained_report.protocol_in_words);

    let best =
        (0..protocol.episodes).max_by_key(|&i| (trained_report.episodes[i as usize].score, std::cmp::Reverse(i)));
    let gif = folder.join("best-game.gif");
    let score = record_game(setting, trained.policy, &protocol, best.unwrap_or(0), &gif)?;
    println!("the best of these games, score {score}: {}", gif.display());
    println!("watch it play: atari-dqn play {}", folder.display());
    Ok(())
}

/// Plays game number `index` of the protocol once more, into a GIF; its score.
fn record_game(setting: &Setting, mut policy: Policy, protocol: &Protocol, index: u32, path: &Path) -> Result<i64> {
    let mut recorder: Option<GifRecorder> = None;
    let mut failure = None;
    let episode = eval::play_game(setting, &mut policy, protocol, index, |environment| {
        if failure.is_some() {
            return;
        }
        let shown = match &mut recorder {
            Some(recorder) => recorder.frame(&environment.screen()),
            None => GifRecorder::create(path, environment).and_then(|mut created| {
                let shown = created.frame(&environment.screen());
                recorder = Some(created);
                shown
            }),
        };
        failure = shown.err();
    })?;
    if let Some(error) = failure {
        return Err(error);
    }
    if let Some(recorder) = recorder {
        recorder.finish()?;
    }
    Ok(episode.score)
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
        if let Some(file) = ["config.toml", "metrics.jsonl", MODEL_FILE].iter().find(|file| path.join(file).exists()) {
            bail!(
                "{} already holds a run (there is a {file}); give another folder with --run-dir, or remove it",
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
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Says how much memory a replay of `frames` frames takes, and warns if the machine has less.
fn announce_memory(frames: usize) {
    let bytes = Replay::bytes(frames);
    println!("replay: {frames} frames, {:.2} GB of memory once full", bytes as f64 / 1e9);
    if let Some(available) = available_memory().filter(|available| *available < bytes) {
        eprintln!(
            "warning: only {:.2} GB of memory are available; a smaller replay is set with --set replay_capacity=N",
            available as f64 / 1e9
        );
    }
}

/// Bytes of memory that can be had without swapping, where the system tells (Linux).
fn available_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// A flag that Ctrl-C, or a request to end, sets; the second time the program ends at once.
fn stop_on_signal() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("\nstopping after this step and saving; once more to end at once");
    })
    .context("cannot watch for Ctrl-C")?;
    Ok(stop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preprocess::{Preprocessing, Resize, FRAME_PIXELS};

    /// Shows a bright upper or lower half; the action with the same number pays 1. Ten steps are a game, a life is lost
    /// after five, every third game is cut off instead of ending.
    struct Guess {
        generator: Generator,
        frame: Box<Frame>,
        answer: usize,
        steps: u64,
        games: u64,
        resets: Vec<u32>,
    }

    impl Guess {
        fn new() -> Self {
            let generator = Generator::new(9, Purpose::Synthetic);
            Self { generator, frame: Box::new([0; FRAME_PIXELS]), answer: 0, steps: 0, games: 0, resets: Vec::new() }
        }

        fn ask(&mut self) {
            self.answer = self.generator.below(2);
            self.frame.fill(0);
            let half = FRAME_PIXELS / 2;
            self.frame[self.answer * half..(self.answer + 1) * half].fill(255);
        }
    }

    impl Task for Guess {
        fn reset(&mut self, noop_frames: u32) {
            self.resets.push(noop_frames);
            self.games += 1;
            self.steps = 0;
            self.ask();
        }

        fn step(&mut self, action: usize) -> Step {
            let reward = i32::from(action == self.answer);
            self.steps += 1;
            self.ask();
            let over = self.steps == 10;
            let truncated = over && self.games.is_multiple_of(3);
            Step { reward, life_lost: self.steps == 5, terminal: over && !truncated, truncated }
        }

        fn frame(&self) -> &Frame {
            &self.frame
        }

        fn episode_frames(&self) -> u64 {
            self.steps * 4
        }
    }

    fn metadata() -> Metadata {
        Metadata {
            game: "guess".to_string(),
            cartridge_md5: String::new(),
            actions: vec![Action::Noop, Action::Fire],
            preprocessing: Preprocessing::new(4, Resize::Area, false),
            preset: "bricks".to_string(),
            seed: 0,
            steps_trained: 0,
        }
    }

    fn config() -> Config {
        Config {
            total_steps: 1500,
            learning_starts_steps: 100,
            epsilon_starts_steps: 100,
            epsilon_anneal_steps: 300,
            epsilon_final: 0.0,
            target_sync_steps: 100,
            replay_capacity: 1000,
            batch_size: 8,
            gamma: 0.5,
            metrics_every_steps: 500,
            ..Config::preset("bricks").unwrap()
        }
    }

    #[test]
    fn training_learns_a_game_that_can_be_seen_through() {
        let folder = tempfile::tempdir().unwrap();
        let config = config();
        let mut agent = new_agent(&config, 2, &Device::Cpu).unwrap();
        let mut record = RunRecord::create(folder.path(), &config, metadata(), None).unwrap();
        let mut task = Guess::new();
        train(&config, &mut agent, &mut task, &mut record, &AtomicBool::new(false)).unwrap();
        assert_eq!((record.steps, record.games, record.updates), (1500, 150, 350));
        assert!(task.resets.iter().all(|&noops| noops <= 30) && task.resets.iter().any(|&noops| noops > 15));
        let text = fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap();
        let last_games: Vec<f64> = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .filter(|row| row["kind"] == "game")
            .filter_map(|row| row["episode_return"].as_f64())
            .skip(120)
            .collect();
        let mean = last_games.iter().sum::<f64>() / last_games.len() as f64;
        assert!(mean > 9.5, "mean return of the last {} games: {mean}, of 10 at most", last_games.len());
    }

    #[test]
    fn a_run_ends_when_its_last_hundred_games_are_good_enough() {
        let folder = tempfile::tempdir().unwrap();
        let run = |solved_at: f64| {
            let config =
                Config { solved_at, target_tau: 0.02, gradient_clip_norm: 10.0, prioritized: true, ..config() };
            let mut agent = new_agent(&config, 2, &Device::Cpu).unwrap();
            let mut record = RunRecord::create(folder.path(), &config, metadata(), None).unwrap();
            train(&config, &mut agent, &mut Guess::new(), &mut record, &AtomicBool::new(false)).unwrap();
            (record.steps, record.games, record.solved(&config))
        };
        // A random player gets 5 of 10: the first hundred games are enough.
        assert_eq!(run(4.0), (1000, 100, true));
        assert!(folder.path().join(BEST_FILE).exists());
        assert_eq!(run(11.0), (1500, 150, false));
        let text = fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap();
        let last = text.lines().rfind(|line| line.contains("\"progress\"")).unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(last).unwrap()["mean_gradient_norm"].is_f64(), "{last}");
    }

    #[test]
    fn a_stopped_run_ends_before_its_next_step() {
        let folder = tempfile::tempdir().unwrap();
        let config = config();
        let mut agent = new_agent(&config, 2, &Device::Cpu).unwrap();
        let mut record = RunRecord::create(folder.path(), &config, metadata(), None).unwrap();
        train(&config, &mut agent, &mut Guess::new(), &mut record, &AtomicBool::new(true)).unwrap();
        assert_eq!(record.steps, 0);
    }

    #[test]
    fn durations_are_told_in_minutes_or_hours() {
        assert_eq!((clock(65.2), clock(3600.0 * 30.0)), ("1:05 min".to_string(), "30:00 h".to_string()));
    }
}
