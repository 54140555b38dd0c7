//! `eval`: whole games under a stated protocol, and what is reported of them.
//!
//! Game i of an evaluation follows from `seed + i` alone: it has a console and generators of its own. So the result is the
//! same for any number of workers, and any single game can be played again.

use crate::aggregate;
use crate::checkpoint::{self, Checkpoint, Metadata};
use crate::cli::{BaselinePolicy, EvalArgs, ProtocolName};
use crate::device;
use crate::player::Player;
use crate::preprocess::{AgentEnvironment, FrameStack, Preprocessing, Resize};
use crate::random::{Generator, Purpose};
use crate::recording::GifRecorder;
use crate::roms::{self, LoadedRom};
use crate::scores::Reference;
use anyhow::{anyhow, bail, ensure, Context, Result};
use atari_emulator::{Action, CartridgeImage, Environment, Settings};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::fmt::Write as _;
use std::fs;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::Mutex;

/// Frames the paper's random agent holds an action for.
const FRAMES_AT_10_HZ: u32 = 6;
/// Frames an agent holds an action for, where no network says otherwise.
const USUAL_FRAME_SKIP: u32 = 4;

/// The conditions games are played under.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Protocol {
    /// Whole games.
    pub episodes: u32,
    /// Probability of a random action.
    pub epsilon: f64,
    /// Frames after which a game is cut off.
    pub max_episode_frames: u32,
    /// A game begins with 0 to this many no-op frames.
    pub noop_max: u32,
    /// Probability, per frame, that the previous action is repeated.
    pub sticky_probability: f32,
    /// Game i uses this plus i.
    pub seed: u64,
}

/// Who plays.
pub enum Policy {
    /// A network.
    Network(Player),
    /// A baseline.
    Baseline(BaselinePolicy),
}

impl Policy {
    fn share(&self) -> Policy {
        match self {
            Policy::Network(player) => Policy::Network(player.share()),
            Policy::Baseline(baseline) => Policy::Baseline(*baseline),
        }
    }

    fn act(&mut self, observation: &[u8], actions: &[Action], generator: &mut Generator) -> Result<usize> {
        match self {
            Policy::Network(player) => player.act(observation, generator),
            Policy::Baseline(BaselinePolicy::Noop) => {
                Ok(actions.iter().position(|&action| action == Action::Noop).unwrap_or(0))
            }
            Policy::Baseline(BaselinePolicy::Random | BaselinePolicy::Random10Hz) => Ok(generator.below(actions.len())),
        }
    }

    /// The Q-values of `observation`; a baseline has none.
    fn q_values(&mut self, observation: &[u8]) -> Result<Vec<f32>> {
        match self {
            Policy::Network(player) => player.q_values(observation),
            Policy::Baseline(_) => Ok(Vec::new()),
        }
    }
}

/// A policy and what to call it.
pub struct Contestant {
    /// Who plays.
    pub policy: Policy,
    /// The network's file, or the baseline's name.
    pub name: String,
    /// Agent steps the network was trained for.
    pub steps_trained: Option<u64>,
}

/// What is played, and with which eyes and hands.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The game's name.
    pub game: String,
    /// The cartridge.
    pub image: CartridgeImage,
    /// Actions by index.
    pub actions: Vec<Action>,
    /// Frames and their reduction.
    pub preprocessing: Preprocessing,
}

/// One game.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Episode {
    /// Seed of the game.
    pub seed: u64,
    /// No-op frames it began with.
    pub noops: u32,
    /// Frames of the game, no-ops included.
    pub frames: u32,
    /// Sum of the raw rewards.
    pub score: i64,
    /// Lives lost.
    pub lives_ended: u32,
    /// It was cut off, and not over by itself.
    pub truncated: bool,
}

/// What those who watch a game are shown.
pub enum Moment<'a> {
    /// The console after a frame the agent played, and before the first.
    Frame(&'a mut Environment),
    /// A step of the agent, after its frames.
    Step {
        /// What the action was chosen on, `[4, 84, 84]`.
        observation: &'a [u8],
        /// The action.
        action: Action,
        /// What it earned.
        reward: i32,
    },
}

/// Plays game number `index` of the protocol; `watch` sees all of it.
pub fn play_game(
    setting: &Setting,
    policy: &mut Policy,
    protocol: &Protocol,
    index: u32,
    mut watch: impl FnMut(Moment),
) -> Result<Episode> {
    let seed = protocol.seed.wrapping_add(u64::from(index));
    let mut generator = Generator::new(seed, Purpose::Evaluation);
    let settings = Settings::default()
        .with_sticky_probability(protocol.sticky_probability)
        .with_random_seed(seed as u32)
        .with_max_episode_frames(protocol.max_episode_frames);
    let environment = Environment::new(&setting.image, settings);
    let mut game = AgentEnvironment::new(environment, setting.preprocessing, setting.actions.clone(), false);
    let noops = generator.below(protocol.noop_max as usize + 1) as u32;
    game.reset(noops);
    let mut stack = FrameStack::default();
    stack.begin(game.frame());
    watch(Moment::Frame(game.environment_mut()));
    let (mut score, mut lives_ended) = (0, 0);
    loop {
        let action = policy.act(stack.pixels(), &setting.actions, &mut generator)?;
        let lives = game.environment().lives();
        let step = game.step_watched(action, |environment| watch(Moment::Frame(environment)));
        score += i64::from(step.reward);
        lives_ended += (lives - game.environment().lives()).max(0) as u32;
        watch(Moment::Step { observation: stack.pixels(), action: setting.actions[action], reward: step.reward });
        stack.push(game.frame());
        if step.episode_over() {
            let frames = game.environment().episode_frame_number();
            return Ok(Episode { seed, noops, frames, score, lives_ended, truncated: step.truncated });
        }
    }
}

/// Plays all games of the protocol on `workers` threads; `played` hears of each as it ends. `None` when `stop` was set
/// meanwhile.
pub fn play_games(
    setting: &Setting,
    policy: &Policy,
    protocol: &Protocol,
    workers: usize,
    stop: &AtomicBool,
    played: &(dyn Fn(&Episode) + Sync),
) -> Result<Option<Vec<Episode>>> {
    let next = AtomicU32::new(0);
    let results: Mutex<Vec<Option<Result<Episode>>>> = Mutex::new((0..protocol.episodes).map(|_| None).collect());
    let work = || {
        let mut policy = policy.share();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= protocol.episodes || stop.load(Ordering::Relaxed) {
                return;
            }
            let result = play_game(setting, &mut policy, protocol, index, |_| ());
            if let Ok(episode) = &result {
                played(episode);
            }
            if let Ok(mut results) = results.lock() {
                results[index as usize] = Some(result);
            }
        }
    };
    crossbeam::scope(|scope| {
        for _ in 0..workers.clamp(1, protocol.episodes.max(1) as usize) {
            scope.spawn(|_| work());
        }
    })
    .map_err(|_| anyhow!("a thread that played games broke down"))?;
    let results = results.into_inner().map_err(|_| anyhow!("a thread that played games broke down"))?;
    if results.iter().any(Option::is_none) {
        return Ok(None);
    }
    Ok(Some(results.into_iter().flatten().collect::<Result<Vec<Episode>>>()?))
}

/// What is reported of the scores of some games.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Games.
    pub episodes: usize,
    /// Mean score.
    pub mean: f64,
    /// Standard deviation of the scores (with n - 1; 0 for one game).
    pub standard_deviation: f64,
    /// Median score.
    pub median: f64,
    /// Lowest score.
    pub min: f64,
    /// Highest score.
    pub max: f64,
    /// 95 % bootstrap interval of the mean.
    pub mean_95_percent_interval: [f64; 2],
    /// 0 is the paper's random agent, 100 its human; where the paper has the game.
    pub human_normalised_percent: Option<f64>,
    /// The scores that stand for 0 and 100.
    pub reference: Option<ReferencePair>,
}

/// The scores behind a human-normalised one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReferencePair {
    /// Stands for 0 %.
    pub random: f64,
    /// Stands for 100 %.
    pub human: f64,
    /// Where they come from.
    pub source: &'static str,
}

impl Summary {
    /// Of `episodes` of `game` by `protocol`, which must not be empty; the bootstrap has the protocol's seed.
    pub fn new(episodes: &[Episode], game: &str, protocol: &Protocol) -> Self {
        let mut scores: Vec<f64> = episodes.iter().map(|episode| episode.score as f64).collect();
        let interval = bootstrap_interval(&scores, &mut Generator::new(protocol.seed, Purpose::Bootstrap));
        scores.sort_by(f64::total_cmp);
        let count = scores.len();
        let mean = aggregate::mean(&scores);
        let squares: f64 = scores.iter().map(|score| (score - mean) * (score - mean)).sum();
        let reference = Reference::for_games_of(game, protocol.max_episode_frames);
        Self {
            episodes: count,
            mean,
            standard_deviation: (squares / (count.max(2) - 1) as f64).sqrt(),
            median: aggregate::median(&scores),
            min: scores[0],
            max: scores[count - 1],
            mean_95_percent_interval: interval,
            human_normalised_percent: reference.map(|reference| reference.human_normalised(mean)),
            reference: reference.map(|Reference { random, human, source, .. }| ReferencePair { random, human, source }),
        }
    }
}

/// The 95 % bootstrap interval of the mean of `scores`.
fn bootstrap_interval(scores: &[f64], generator: &mut Generator) -> [f64; 2] {
    aggregate::stratified_interval(&[scores.to_vec()], |resample| aggregate::mean(&resample[0]), generator)
}

/// A whole evaluation, as `--json` writes it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The game's name.
    pub game: String,
    /// MD5 of the cartridge.
    pub cartridge_md5: String,
    /// The network's file, or the baseline's name.
    pub policy: String,
    /// Agent steps the network was trained for.
    pub steps_trained: Option<u64>,
    /// Every game, in the order of the seeds.
    pub episodes: Vec<Episode>,
    /// All games together.
    pub summary: Summary,
    /// The conditions.
    pub protocol: Protocol,
    /// The conditions in words.
    pub protocol_in_words: String,
}

/// The conditions in words.
fn in_words(protocol: &Protocol, setting: &Setting, policy: &Policy) -> String {
    let mut words = format!(
        "{} whole games of at most {} frames ({:.1} minutes), each after 0 to {} no-op frames, raw scores; ",
        protocol.episodes,
        with_commas(u64::from(protocol.max_episode_frames)),
        f64::from(protocol.max_episode_frames) / 3600.0,
        protocol.noop_max
    );
    let frames = setting.preprocessing.frame_skip;
    let _ = match policy {
        Policy::Network(_) => write!(
            words,
            "an action every {frames} frames, random with probability {}, else the network's best (the first of equal \
             ones)",
            protocol.epsilon
        ),
        Policy::Baseline(BaselinePolicy::Noop) => write!(words, "the stick is never touched"),
        Policy::Baseline(_) => write!(words, "a random action every {frames} frames"),
    };
    let _ = write!(words, "; {} actions", setting.actions.len());
    if protocol.sticky_probability > 0.0 {
        let _ = write!(words, "; sticky actions with probability {} a frame", protocol.sticky_probability);
    }
    let _ = write!(words, "; game i has seed {} + i", protocol.seed);
    words
}

/// 1234567 as 1,234,567.
pub(crate) fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl Report {
    /// The table for the terminal.
    pub fn table(&self) -> String {
        let mut text = format!("{:>8} {:>6} {:>8} {:>9} {:>6}\n", "seed", "no-ops", "frames", "score", "lives");
        for episode in &self.episodes {
            let _ = writeln!(
                text,
                "{:>8} {:>6} {:>8} {:>9} {:>6}{}",
                episode.seed,
                episode.noops,
                episode.frames,
                episode.score,
                episode.lives_ended,
                if episode.truncated { "  cut off" } else { "" }
            );
        }
        let summary = &self.summary;
        let [low, high] = summary.mean_95_percent_interval;
        let _ = write!(
            text,
            "\n{}, {}\nmean {:.1} (95 % bootstrap interval {low:.1} to {high:.1}), standard deviation {:.1}\n\
             median {:.1}, lowest {:.0}, highest {:.0}\n",
            self.game, self.policy, summary.mean, summary.standard_deviation, summary.median, summary.min, summary.max
        );
        match (summary.human_normalised_percent, &summary.reference) {
            (Some(percent), Some(reference)) => {
                let _ = writeln!(
                    text,
                    "human-normalised {percent:.1} % (random {}, human {}: {})",
                    reference.random, reference.human, reference.source
                );
            }
            _ => {
                let _ = writeln!(text, "no human reference score for {}", self.game);
            }
        }
        let _ = writeln!(text, "protocol: {}", self.protocol_in_words);
        text
    }

    /// The number of the game with the highest score, of equal ones the first.
    pub fn best_game(&self) -> u32 {
        let scores = self.episodes.iter().zip(0..);
        scores.max_by_key(|(episode, i)| (episode.score, std::cmp::Reverse(*i))).map_or(0, |(_, i)| i)
    }

    /// The number of the game with the lowest score, of equal ones the first.
    pub fn worst_game(&self) -> u32 {
        self.episodes.iter().zip(0..).min_by_key(|(episode, _)| episode.score).map_or(0, |(_, i)| i)
    }

    /// The games as comma-separated values.
    pub fn csv(&self) -> String {
        let mut text = String::from("seed,noops,frames,score,lives_ended,truncated\n");
        for Episode { seed, noops, frames, score, lives_ended, truncated } in &self.episodes {
            let _ = writeln!(text, "{seed},{noops},{frames},{score},{lives_ended},{truncated}");
        }
        text
    }
}

/// Plays the games with a progress bar (on a terminal) and makes the report; `None` when `stop` was set meanwhile.
pub fn evaluate(
    setting: &Setting,
    contestant: &Contestant,
    protocol: &Protocol,
    workers: usize,
    stop: &AtomicBool,
) -> Result<Option<Report>> {
    let bar = if std::io::stderr().is_terminal() {
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} games, {msg} ({eta} left)")
            .context("the progress bar's template")?;
        ProgressBar::new(u64::from(protocol.episodes)).with_style(style)
    } else {
        ProgressBar::hidden()
    };
    let played = |episode: &Episode| {
        bar.set_message(format!("last score {}", episode.score));
        bar.inc(1);
    };
    let episodes = play_games(setting, &contestant.policy, protocol, workers, stop, &played)?;
    bar.finish_and_clear();
    Ok(episodes.map(|episodes| Report {
        game: setting.game.clone(),
        cartridge_md5: setting.image.md5().to_string(),
        policy: contestant.name.clone(),
        steps_trained: contestant.steps_trained,
        summary: Summary::new(&episodes, &setting.game, protocol),
        episodes,
        protocol: protocol.clone(),
        protocol_in_words: in_words(protocol, setting, &contestant.policy),
    }))
}

/// Threads to use when nobody says: all cores, or as many as `RAYON_NUM_THREADS` leaves to this process.
pub fn default_workers() -> usize {
    rayon::current_num_threads()
}

/// The cartridge a network is to play: the one given, else its own.
pub fn rom_for(metadata: &Metadata, rom: Option<&str>) -> Result<LoadedRom> {
    match rom {
        Some(spec) => roms::load(spec),
        None => roms::load(&metadata.game)
            .with_context(|| format!("the network plays {}; give its cartridge with --rom", metadata.game)),
    }
}

/// Refuses a cartridge that is not the network's: by its MD5, by the game, by the actions.
pub fn check_match(metadata: &Metadata, rom: &LoadedRom) -> Result<()> {
    ensure!(metadata.game == rom.name, "the network was trained on {}, this cartridge is {}", metadata.game, rom.name);
    ensure!(
        metadata.cartridge_md5 == rom.image.md5(),
        "the network was trained on the {} cartridge with MD5 {}, this one has {}",
        metadata.game,
        metadata.cartridge_md5,
        rom.image.md5()
    );
    let environment = Environment::new(&rom.image, Settings::default());
    let (minimal, all) = (environment.minimal_actions(), Action::ALL.to_vec());
    ensure!(
        metadata.actions == minimal || metadata.actions == all,
        "the network chooses among the actions {:?}, which are neither the minimal actions of {} ({minimal:?}) nor all 18",
        metadata.actions,
        rom.name
    );
    Ok(())
}

/// The `eval` command.
pub fn run(args: &EvalArgs) -> Result<()> {
    let protocol = protocol_of(args)?;
    let device = device::open(args.device)?;
    let players = match args.policy {
        Some(baseline) => {
            let rom = args.rom.as_deref().map_or_else(|| Ok(roms::built_in()), roms::load)?;
            ensure_scores(&rom)?;
            vec![(baseline_setting(&rom, baseline), baseline_contestant(baseline))]
        }
        None => {
            let models: Vec<Option<&Path>> = match args.models.as_slice() {
                [] => vec![None],
                models => models.iter().map(|model| Some(model.as_path())).collect(),
            };
            // All of them before the first game, so that a mistake shows at once.
            let load = |model| load_network(model, args.rom.as_deref(), protocol.epsilon, &device);
            models.into_iter().map(load).collect::<Result<Vec<(Setting, Contestant)>>>()?
        }
    };
    ensure!(
        args.actions.is_none() || players.len() == 1,
        "--actions writes the games of one policy, and there are {}; evaluate them one by one",
        players.len()
    );
    if let Some(folder) = &args.record {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let workers = args.workers.unwrap_or_else(default_workers);
    let never = AtomicBool::new(false);
    let mut reports = Vec::new();
    for (setting, contestant) in &players {
        let report =
            evaluate(setting, contestant, &protocol, workers, &never)?.context("the evaluation was interrupted")?;
        if players.len() == 1 {
            say!("{}", report.table().trim_end());
        }
        reports.push(report);
    }
    if reports.len() > 1 {
        say!("{}", comparison(&reports).trim_end());
    }
    if let Some(path) = &args.json {
        let json = match reports.as_slice() {
            [report] => serde_json::to_string_pretty(report),
            reports => serde_json::to_string_pretty(reports),
        };
        write_file(path, &(json.context("cannot write the report as JSON")? + "\n"))?;
    }
    if let Some(path) = &args.csv {
        write_file(path, &csv(&reports))?;
    }
    if let (Some(path), [(setting, contestant)]) = (&args.actions, players.as_slice()) {
        write_file(path, &actions_csv(setting, &contestant.policy, &protocol)?)?;
    }
    if let Some(folder) = &args.record {
        for (i, ((setting, contestant), report)) in players.iter().zip(&reports).enumerate() {
            let name = if players.len() == 1 { String::new() } else { format!("{}-", i + 1) };
            for (which, index) in [("best", report.best_game()), ("worst", report.worst_game())] {
                let path = folder.join(format!("{name}{}-{which}.gif", report.game));
                let score = record_game(setting, contestant.policy.share(), &protocol, index, &path)?;
                say!("the {which} game of {}, score {score}: {}", report.policy, path.display());
            }
        }
    }
    Ok(())
}

/// A network at its game.
fn load_network(
    model: Option<&Path>,
    rom: Option<&str>,
    epsilon: f64,
    device: &candle_core::Device,
) -> Result<(Setting, Contestant)> {
    let path = checkpoint::find(model)?;
    let checkpoint = Checkpoint::load(&path)?;
    let rom = rom_for(&checkpoint.metadata, rom)?;
    check_match(&checkpoint.metadata, &rom).with_context(|| format!("{} cannot play here", path.display()))?;
    Ok((network_setting(&rom, &checkpoint.metadata), network_contestant(&checkpoint, &path, epsilon, device)?))
}

/// Plays game number `index` of the protocol once more, into a GIF; its score.
pub fn record_game(setting: &Setting, mut policy: Policy, protocol: &Protocol, index: u32, path: &Path) -> Result<i64> {
    let mut recorder: Option<GifRecorder> = None;
    let mut failure = None;
    let episode = play_game(setting, &mut policy, protocol, index, |moment| {
        let Moment::Frame(environment) = moment else { return };
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

/// Several evaluations by one protocol, a line each.
fn comparison(reports: &[Report]) -> String {
    let mut text = format!(
        "{:<18} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}  {:<22} policy\n",
        "game", "mean", "std dev", "median", "lowest", "highest", "human %", "95 % interval of mean"
    );
    for report in reports {
        let summary = &report.summary;
        let [low, high] = summary.mean_95_percent_interval;
        let human = summary.human_normalised_percent.map_or("-".to_string(), |percent| format!("{percent:.1}"));
        let _ = writeln!(
            text,
            "{:<18} {:>9.1} {:>9.1} {:>9.1} {:>9.0} {:>9.0} {human:>9}  {:<22} {}",
            report.game,
            summary.mean,
            summary.standard_deviation,
            summary.median,
            summary.min,
            summary.max,
            format!("{low:.1} to {high:.1}"),
            report.policy
        );
    }
    let mut said: Vec<String> = Vec::new();
    for report in reports {
        if let Some(ReferencePair { random, human, source }) = &report.summary.reference {
            said.push(format!("human % of {}: random {random}, human {human}: {source}", report.game));
        }
        said.push(format!("protocol: {}", report.protocol_in_words));
    }
    // Each once, in the order of the lines above.
    for (i, line) in said.iter().enumerate() {
        if !said[..i].contains(line) {
            let _ = writeln!(text, "{line}");
        }
    }
    text
}

/// The games as comma-separated values; of several policies with their names in front.
fn csv(reports: &[Report]) -> String {
    if let [report] = reports {
        return report.csv();
    }
    let mut text = String::new();
    for (i, report) in reports.iter().enumerate() {
        let quoted = format!("\"{}\"", report.policy.replace('"', "\"\""));
        let rows = report.csv();
        for (j, row) in rows.lines().enumerate().filter(|(j, _)| i == 0 || *j > 0) {
            let (game, policy) = if j == 0 { ("game", "policy") } else { (report.game.as_str(), quoted.as_str()) };
            let _ = writeln!(text, "{game},{policy},{row}");
        }
    }
    text
}

/// Plays the games once more: every action of theirs as comma-separated values, with what it was chosen on, what it earned
/// and the Q-values of all actions, so that the same games can be played elsewhere and compared step by step.
fn actions_csv(setting: &Setting, policy: &Policy, protocol: &Protocol) -> Result<String> {
    let mut text = String::from("seed,step,observation_crc32,action,reward,q_values\n");
    let (mut policy, mut adviser) = (policy.share(), policy.share());
    for index in 0..protocol.episodes {
        let seed = protocol.seed.wrapping_add(u64::from(index));
        let (mut steps, mut failure) = (0, None);
        play_game(setting, &mut policy, protocol, index, |moment| {
            let Moment::Step { observation, action, reward } = moment else { return };
            steps += 1;
            match adviser.q_values(observation) {
                Ok(q_values) => {
                    let q_values: Vec<String> = q_values.iter().map(f32::to_string).collect();
                    let (checksum, action) = (crc32fast::hash(observation), action.number());
                    let _ = writeln!(text, "{seed},{steps},{checksum:08x},{action},{reward},{}", q_values.join(" "));
                }
                Err(error) => failure = Some(error),
            }
        })?;
        if let Some(error) = failure {
            return Err(error);
        }
    }
    Ok(text)
}

fn write_file(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Refuses a cartridge whose score nobody knows how to read.
pub fn ensure_scores(rom: &LoadedRom) -> Result<()> {
    if Environment::new(&rom.image, Settings::default()).game().is_none() {
        bail!(
            "{} (MD5 {}) is no supported game: it can be played, but its score cannot be read; \
             `atari-dqn roms` lists what is supported",
            rom.name,
            rom.image.md5()
        );
    }
    Ok(())
}

/// How a baseline plays: the minimal actions, each held as long as its name says.
pub fn baseline_setting(rom: &LoadedRom, baseline: BaselinePolicy) -> Setting {
    let frame_skip = match baseline {
        BaselinePolicy::Random10Hz => FRAMES_AT_10_HZ,
        BaselinePolicy::Random | BaselinePolicy::Noop => USUAL_FRAME_SKIP,
    };
    Setting {
        game: rom.name.clone(),
        actions: Environment::new(&rom.image, Settings::default()).minimal_actions(),
        image: rom.image.clone(),
        preprocessing: Preprocessing::new(frame_skip, Resize::Area, false),
    }
}

/// A baseline and its name.
pub fn baseline_contestant(baseline: BaselinePolicy) -> Contestant {
    let name = format!("the baseline {}", baseline_name(baseline));
    Contestant { policy: Policy::Baseline(baseline), name, steps_trained: None }
}

/// How a network plays: as it was trained.
pub fn network_setting(rom: &LoadedRom, metadata: &Metadata) -> Setting {
    Setting {
        game: rom.name.clone(),
        image: rom.image.clone(),
        actions: metadata.actions.clone(),
        preprocessing: metadata.preprocessing,
    }
}

/// A network and the file it came from.
pub fn network_contestant(
    checkpoint: &Checkpoint,
    path: &Path,
    epsilon: f64,
    device: &candle_core::Device,
) -> Result<Contestant> {
    let player = Player::new(&checkpoint.parameters, epsilon, device)?;
    Ok(Contestant {
        policy: Policy::Network(player),
        name: path.display().to_string(),
        steps_trained: Some(checkpoint.metadata.steps_trained),
    })
}

fn baseline_name(baseline: BaselinePolicy) -> &'static str {
    match baseline {
        BaselinePolicy::Random => "random",
        BaselinePolicy::Random10Hz => "random-10hz",
        BaselinePolicy::Noop => "noop",
    }
}

/// The protocol of this name, with 30 games and seed 0.
fn named_protocol(name: ProtocolName) -> Protocol {
    let nature = Protocol {
        episodes: 30,
        epsilon: 0.05,
        max_episode_frames: 18_000,
        noop_max: 30,
        sticky_probability: 0.0,
        seed: 0,
    };
    match name {
        ProtocolName::Nature => nature,
        ProtocolName::Machado => Protocol { epsilon: 0.01, noop_max: 0, sticky_probability: 0.25, ..nature },
        ProtocolName::Dopamine => {
            Protocol { epsilon: 0.001, max_episode_frames: 108_000, noop_max: 0, sticky_probability: 0.25, ..nature }
        }
    }
}

fn protocol_of(args: &EvalArgs) -> Result<Protocol> {
    let named = named_protocol(args.protocol);
    let protocol = Protocol {
        episodes: args.episodes.unwrap_or(named.episodes),
        epsilon: args.epsilon.unwrap_or(named.epsilon),
        max_episode_frames: args.max_episode_frames.unwrap_or(named.max_episode_frames),
        noop_max: args.noop_max.unwrap_or(named.noop_max),
        sticky_probability: args.sticky.unwrap_or(named.sticky_probability),
        seed: args.seed,
    };
    let mut faults = Vec::new();
    if protocol.episodes == 0 {
        faults.push("--episodes is 0, allowed is 1 or more".to_string());
    }
    if !(0.0..=1.0).contains(&protocol.epsilon) {
        faults.push(format!("--epsilon is {}, allowed is 0 to 1", protocol.epsilon));
    }
    if protocol.max_episode_frames == 0 {
        faults.push("--max-episode-frames is 0, allowed is 1 or more".to_string());
    }
    if !(0.0..=1.0).contains(&protocol.sticky_probability) {
        faults.push(format!("--sticky is {}, allowed is 0 to 1", protocol.sticky_probability));
    }
    if args.workers == Some(0) {
        faults.push("--workers is 0, allowed is 1 or more".to_string());
    }
    ensure!(faults.is_empty(), "{}", faults.join("; "));
    Ok(protocol)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn protocol() -> Protocol {
        Protocol { episodes: 5, epsilon: 0.0, max_episode_frames: 600, noop_max: 30, sticky_probability: 0.25, seed: 7 }
    }

    fn episode(score: i64) -> Episode {
        Episode { seed: 0, noops: 0, frames: 100, score, lives_ended: 5, truncated: false }
    }

    #[test]
    fn a_summary_has_the_usual_statistics() {
        let episodes: Vec<Episode> = [4, 1, 3, 2].map(episode).to_vec();
        let summary = Summary::new(&episodes, "pong", &protocol());
        assert_eq!((summary.mean, summary.median, summary.min, summary.max), (2.5, 2.5, 1.0, 4.0));
        assert!((summary.standard_deviation - (5.0f64 / 3.0).sqrt()).abs() < 1e-12);
        let [low, high] = summary.mean_95_percent_interval;
        assert!((1.0..2.0).contains(&low) && (3.0..4.0).contains(&high), "{low} {high}");
        // random -20.7, human 9.3
        assert!((summary.human_normalised_percent.unwrap() - 100.0 * 23.2 / 30.0).abs() < 1e-9);
        assert_eq!(Summary::new(&episodes, "pong", &protocol()), summary);
        let alone = Summary::new(&[episode(7)], "bricks", &protocol());
        assert_eq!((alone.mean, alone.standard_deviation, alone.median), (7.0, 0.0, 7.0));
        assert_eq!(alone.human_normalised_percent, None);
    }

    #[test]
    fn flags_win_over_the_protocol_named() {
        let parse = |arguments: &[&str]| {
            let cli = Cli::try_parse_from([["atari-dqn", "eval"].as_slice(), arguments].concat()).unwrap();
            let Command::Eval(args) = cli.command else { panic!("not eval") };
            protocol_of(&args)
        };
        let nature = parse(&[]).unwrap();
        assert_eq!((nature.epsilon, nature.max_episode_frames, nature.noop_max), (0.05, 18_000, 30));
        assert_eq!((nature.episodes, nature.sticky_probability), (30, 0.0));
        let dopamine = parse(&["--protocol", "dopamine", "--epsilon", "0.01"]).unwrap();
        assert_eq!((dopamine.epsilon, dopamine.max_episode_frames, dopamine.noop_max), (0.01, 108_000, 0));
        assert_eq!(parse(&["--protocol", "machado"]).unwrap().sticky_probability, 0.25);
        let message = parse(&["--protocol", "machado", "--sticky", "2"]).unwrap_err().to_string();
        assert!(message.contains("--sticky is 2, allowed is 0 to 1"), "{message}");
    }

    #[test]
    fn the_best_and_the_worst_game_are_the_first_of_equal_ones() {
        let episodes: Vec<Episode> = [3, 9, 1, 9, 1].map(episode).to_vec();
        let report = Report {
            game: "bricks".to_string(),
            cartridge_md5: String::new(),
            policy: "a \"name\", with a comma".to_string(),
            steps_trained: None,
            summary: Summary::new(&episodes, "bricks", &protocol()),
            episodes,
            protocol: protocol(),
            protocol_in_words: "few games".to_string(),
        };
        assert_eq!((report.best_game(), report.worst_game()), (1, 2));
        let both = [report.clone(), report];
        let text = comparison(&both);
        assert_eq!(text.matches("protocol: few games").count(), 1, "{text}");
        assert_eq!(text.lines().count(), 4, "{text}");
        let csv = csv(&both);
        assert_eq!(csv.lines().count(), 11);
        assert!(csv.contains("\nbricks,\"a \"\"name\"\", with a comma\",0,0,100,9,5,false\n"), "{csv}");
    }

    #[test]
    fn the_bootstrap_interval_covers_a_known_mean() {
        let mut generator = Generator::new(1, Purpose::Synthetic);
        let covered = (0..100)
            .filter(|_| {
                let scores: Vec<f64> = (0..30).map(|_| generator.fraction()).collect();
                let [low, high] = bootstrap_interval(&scores, &mut generator);
                low <= 0.5 && 0.5 <= high
            })
            .count();
        assert!((87..=100).contains(&covered), "{covered} of 100");
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, text) in [(0, "0"), (999, "999"), (18_000, "18,000"), (1_234_567, "1,234,567")] {
            assert_eq!(with_commas(number), text);
        }
    }

    #[test]
    fn games_do_not_depend_on_the_number_of_workers() {
        let rom = roms::built_in();
        let setting = baseline_setting(&rom, BaselinePolicy::Random);
        let protocol = protocol();
        let stop = AtomicBool::new(false);
        let policy = Policy::Baseline(BaselinePolicy::Random);
        let play = |workers| play_games(&setting, &policy, &protocol, workers, &stop, &|_| ()).unwrap().unwrap();
        let alone = play(1);
        assert_eq!(play(3), alone);
        assert_eq!(alone.iter().map(|episode| episode.seed).collect::<Vec<_>>(), [7, 8, 9, 10, 11]);
        assert!(alone.iter().any(|episode| episode.noops != alone[0].noops), "no-ops are drawn anew");
        let mut policy = policy.share();
        assert_eq!(play_game(&setting, &mut policy, &protocol, 3, |_| ()).unwrap(), alone[3]);
    }

    #[test]
    fn a_network_plays_only_the_cartridge_and_the_actions_it_was_trained_with() {
        let rom = roms::built_in();
        let metadata = Metadata {
            game: rom.name.clone(),
            cartridge_md5: rom.image.md5().to_string(),
            actions: Environment::new(&rom.image, Settings::default()).minimal_actions(),
            preprocessing: Preprocessing::new(4, Resize::Area, true),
            preset: "bricks".to_string(),
            seed: 0,
            steps_trained: 0,
        };
        assert!(check_match(&metadata, &rom).is_ok());
        assert!(check_match(&Metadata { actions: Action::ALL.to_vec(), ..metadata.clone() }, &rom).is_ok());
        for (metadata, reason) in [
            (Metadata { game: "pong".to_string(), ..metadata.clone() }, "trained on pong, this cartridge is bricks"),
            (Metadata { cartridge_md5: "0".repeat(32), ..metadata.clone() }, "MD5 00000"),
            (Metadata { actions: vec![Action::Noop, Action::Up], ..metadata.clone() }, "[Noop, Up]"),
        ] {
            let message = check_match(&metadata, &rom).unwrap_err().to_string();
            assert!(message.contains(reason), "no `{reason}` in: {message}");
        }
    }
}
