//! `trace`: runs a list of actions and prints one line of checksums for each step, for a step-by-step comparison with
//! ale-py.
//!
//! Without an observation column ALE's own frame skip holds an action. With one the action is repeated at frame skip 1,
//! because the last screen but one is needed too. (The result is the same except in adventure, berzerk, double_dunk and
//! video_cube, where choosing the mode takes agent steps, which are longer with a frame skip.)
//!
//! Line 0 is the state after loading. After a line with `terminal` or `truncated` 1 the environment is reset before the
//! next action. `scripts/compare_with_ale.py` writes the same lines from ale-py.

use crate::commands::{numbers, translation};
use crate::environments::atari::warn_of_unfinished_frames;
use crate::environments::cartridges;
use crate::files::{names, texts};
use crate::system::files;
use anyhow::{bail, ensure, Context, Result};
use atari_emulator::preprocessed::{PreprocessedEnvironment, PreprocessedSettings};
use atari_emulator::{Action, Environment, Settings};
use clap::builder::ArgPredicate;
use clap::Args;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use vector::VectorArgs;

mod classic;
mod vector;

/// Longest action file, in bytes. In memory a line takes up to ten times as much.
const LONGEST_ACTIONS: u64 = 256 * 1024 * 1024;

/// Options of `trace`.
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// ROM file or name
    #[arg(long, value_name = "FILE|NAME", required_unless_present = "env")]
    rom: Option<String>,
    /// Trace a classic environment instead: every observation and reward with all its bits, for comparison with Gymnasium
    #[arg(long, value_name = "NAME", help_heading = "Classic environments")]
    #[arg(conflicts_with_all = ["rom", "frame_skip", "sticky", "system_seed", "mode", "difficulty", "max_frames", "truncate_on_life_loss",
        "reward_min", "reward_max", "color_averaging", "interpret", "observation", "audio", "dump_step", "dump_file", "vector"])]
    env: Option<String>,
    /// Override one key of the environment, e.g. --set enable_wind=true; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", requires = "env", help_heading = "Classic environments")]
    overrides: Vec<String>,
    /// Action file with one step per line: an ALE action number, for paddles optionally followed by a strength, or `reset
    /// MODE DIFFICULTY`; with --vector one index into the game's actions per environment
    #[arg(long, value_name = "FILE")]
    actions: PathBuf,
    /// Frames each action is held for; with --vector 4 by default
    #[arg(long, value_name = "N", default_value_t = 1, default_value_if("vector", ArgPredicate::IsPresent, "4"))]
    #[arg(value_parser = numbers::whole::<u32>(1, u32::MAX.into()))]
    frame_skip: u32,
    /// Probability, per frame, that the previous action is repeated
    #[arg(long, value_name = "P", default_value_t = 0.0)]
    #[arg(value_parser = numbers::number::<f32>)]
    sticky: f32,
    /// ALE's random_seed; with --vector environment i gets seed + i; with --env the seed of Gymnasium's reset
    #[arg(long, value_name = "N", default_value_t = 0, allow_hyphen_values = true)]
    #[arg(value_parser = numbers::whole::<i128>(i64::MIN.into(), i128::MAX))]
    seed: i128,
    /// ALE's system_random_seed
    #[arg(long, value_name = "N", default_value_t = 4_753_849, allow_hyphen_values = true)]
    #[arg(value_parser = numbers::whole::<i64>(i64::MIN.into(), i64::MAX.into()))]
    system_seed: i64,
    /// Game mode; set after loading, followed by another reset
    #[arg(long, value_name = "M")]
    #[arg(value_parser = numbers::whole::<u32>(0, u32::MAX.into()))]
    mode: Option<u32>,
    /// Difficulty; set after loading, followed by another reset
    #[arg(long, value_name = "D")]
    #[arg(value_parser = numbers::whole::<u32>(0, u32::MAX.into()))]
    difficulty: Option<u32>,
    /// Frames after which an episode is truncated, 0 for never; with --vector 108000 by default
    #[arg(long, value_name = "N", default_value_t = 0, default_value_if("vector", ArgPredicate::IsPresent, "108000"))]
    #[arg(value_parser = numbers::whole::<u32>(0, u32::MAX.into()))]
    max_frames: u32,
    /// Truncate the episode when a life is lost
    #[arg(long)]
    truncate_on_life_loss: bool,
    /// Lower limit of an action's reward
    #[arg(long, value_name = "R", default_value_t = i32::MIN, allow_hyphen_values = true, hide_default_value = true)]
    #[arg(value_parser = numbers::whole::<i32>(i32::MIN.into(), i32::MAX.into()))]
    reward_min: i32,
    /// Upper limit of an action's reward
    #[arg(long, value_name = "R", default_value_t = i32::MAX, allow_hyphen_values = true, hide_default_value = true)]
    #[arg(value_parser = numbers::whole::<i32>(i32::MIN.into(), i32::MAX.into()))]
    reward_max: i32,
    /// Average every screen with the one before
    #[arg(long, alias = "colour-averaging")]
    color_averaging: bool,
    /// Interpret all cartridge code instead of translating what is executed often; only the time depends on it
    #[arg(long)]
    interpret: bool,
    /// Add a column with the checksum of the newest 84x84 observation (the environment is then stepped frame by frame)
    #[arg(long, conflicts_with_all = ["reward_min", "reward_max"])]
    observation: bool,
    /// Add a column with the checksum of the 512 sound samples
    #[arg(long)]
    audio: bool,
    /// Write RAM and screen after this step to --dump-file
    #[arg(long, value_name = "STEP", hide = true, requires = "dump_file")]
    #[arg(value_parser = numbers::whole::<usize>(0, u32::MAX.into()))]
    dump_step: Option<usize>,
    /// File for 128 bytes of RAM and the screen's palette indices
    #[arg(long, value_name = "FILE", hide = true, requires = "dump_step")]
    dump_file: Option<PathBuf>,
    /// Step N environments together like ale-py's AtariVectorEnv, and print one line per environment
    #[arg(long, value_name = "N", help_heading = "Vector of environments")]
    #[arg(conflicts_with_all = ["mode", "difficulty", "system_seed", "observation", "audio", "truncate_on_life_loss", "reward_min",
        "reward_max", "color_averaging", "dump_step", "dump_file"])]
    #[arg(value_parser = numbers::whole::<usize>(1, u32::MAX.into()))]
    vector: Option<usize>,
    /// Their settings.
    #[command(flatten)]
    vector_options: VectorArgs,
}

/// The `trace` command.
pub(super) fn run(args: &TraceArgs) -> Result<()> {
    if let Some(path) = &args.dump_file {
        names::check_output("--dump-file", path, "bytes", &["bin", "dat", "raw"])?;
    }
    if let Some(name) = &args.env {
        return classic::run(name, args);
    }
    let rom = args.rom.as_deref().unwrap_or_default();
    if let Some(num_envs) = args.vector {
        return vector::run(num_envs, rom, args);
    }
    ensure!(
        (0.0..=1.0).contains(&args.sticky),
        "--sticky {} is not a probability; give a number from 0 to 1",
        args.sticky
    );
    ensure!(
        args.reward_min <= args.reward_max,
        "--reward-min {} is above --reward-max {}; exchange them",
        args.reward_min,
        args.reward_max
    );
    let text = read_actions(&args.actions)?;
    let actions = parse_actions(&text).with_context(|| args.actions.display().to_string())?;
    let rom = cartridges::load(rom)?;
    let settings = Settings::default()
        .with_sticky_probability(as_ale_stores(args.sticky))
        .with_frame_skip(if args.observation { 1 } else { args.frame_skip })
        .with_random_seed(seed("--seed", args.seed)?)
        .with_system_seed(seed("--system-seed", args.system_seed.into())?)
        .with_max_episode_frames(args.max_frames)
        .with_truncate_on_life_loss(args.truncate_on_life_loss)
        .with_reward_range((args.reward_min, args.reward_max))
        .with_color_averaging(args.color_averaging)
        .with_sound_observation(args.audio)
        .with_translation(translation(args.interpret));
    let mut environment = Environment::new(&rom.image, settings);
    if let Some(mode) = args.mode {
        environment.set_mode(mode)?;
    }
    if let Some(difficulty) = args.difficulty {
        environment.set_difficulty(difficulty)?;
    }
    if args.mode.is_some() || args.difficulty.is_some() {
        environment.reset();
    }
    let game = if args.observation {
        Traced::observed(environment, args.frame_skip)?
    } else {
        Traced::Plain(Box::new(environment))
    };
    match write_trace(&mut BufWriter::new(io::stdout().lock()), game, &actions, args) {
        // The reader (`| head`) has closed the pipe.
        Err(error)
            if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) =>
        {
            Ok(())
        }
        Err(error) if error.is::<io::Error>() => Err(error.context("cannot write the trace")),
        written => written,
    }
}

/// The text of an action file.
fn read_actions(path: &Path) -> Result<String> {
    let bytes = files::read(path, LONGEST_ACTIONS)
        .with_context(|| format!("cannot read the action file {}", path.display()))?;
    texts::decode(bytes).with_context(|| path.display().to_string())
}

/// A line of an action file.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Command {
    /// An action, and how far it turns a paddle, as a multiple of ALE's usual distance.
    Act(Action, f32),
    /// Sets mode and difficulty and resets.
    Reset { mode: u32, difficulty: u32 },
}

/// The lines of an action file: one ALE action number and optionally a strength, or `reset MODE DIFFICULTY`; blank lines and
/// `#` comments are skipped.
fn parse_actions(text: &str) -> Result<Vec<Command>> {
    let mut actions = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let Some(number) = words.next() else { continue };
        let line_number = index + 1;
        if number == "reset" {
            let numbers: Option<Vec<u32>> = words.map(|word| word.parse().ok()).collect();
            let Some(&[mode, difficulty]) = numbers.as_deref() else {
                bail!("line {line_number}: {:?}; `reset` is followed by a mode and a difficulty", line.trim());
            };
            actions.push(Command::Reset { mode, difficulty });
            continue;
        }
        let Some(action) = number.parse().ok().and_then(|number| Action::from_number(number).ok()) else {
            bail!("line {line_number}: {number:?} is not an action; expected a number from 0 to 17");
        };
        let strength = match words.next().map(|word| (word, word.parse::<f32>())) {
            None => 1.0,
            Some((_, Ok(strength))) if strength.is_finite() => strength,
            Some((word, _)) => bail!("line {line_number}: {word:?} is not a strength; expected a number such as 0.5"),
        };
        if let Some(word) = words.next() {
            bail!("line {line_number}: {word:?} is too much; expected an action and at most a strength");
        }
        actions.push(Command::Act(action, strength));
    }
    Ok(actions)
}

/// The bits of a C int, as ALE takes a seed: -1 and 4294967295 are the same.
fn seed(flag: &str, value: i128) -> Result<u32> {
    u32::try_from(value).or_else(|_| i32::try_from(value).map(|negative| negative as u32)).ok().with_context(|| {
        format!("{flag} {value} does not fit 32 bits; give a number from {} to {}", i32::MIN, u32::MAX)
    })
}

/// `probability` with six significant digits: ALE keeps its settings as text of that length.
fn as_ale_stores(probability: f32) -> f32 {
    format!("{probability:.5e}").parse().unwrap_or(probability)
}

/// The game of a trace, with or without an observation column.
enum Traced {
    Plain(Box<Environment>),
    Observed(Box<PreprocessedEnvironment>),
}

impl Traced {
    /// A game whose actions are held for `frame_skip` frames, with an observation of its current screen.
    fn observed(environment: Environment, frame_skip: u32) -> Result<Self> {
        let settings = PreprocessedSettings::default().with_frame_skip(frame_skip);
        let mut game = PreprocessedEnvironment::new(environment, settings)?;
        game.observe_screen();
        Ok(Traced::Observed(Box::new(game)))
    }

    fn environment(&mut self) -> &mut Environment {
        match self {
            Traced::Plain(environment) => environment,
            Traced::Observed(game) => game.environment_mut(),
        }
    }

    /// Holds `action`, also when the game ends meanwhile: repetitions after its end emulate nothing, as in ale-py.
    fn act(&mut self, action: Action, strength: f32) -> i32 {
        match self {
            Traced::Plain(environment) => environment.act_with_strength(action, strength),
            Traced::Observed(game) => game.hold(action, strength, |_| false),
        }
    }

    fn reset(&mut self, mode: u32, difficulty: u32) -> Result<()> {
        let environment = self.environment();
        environment.set_mode(mode)?;
        environment.set_difficulty(difficulty)?;
        environment.reset();
        if let Traced::Observed(game) = self {
            game.observe_screen();
        }
        Ok(())
    }

    fn observation(&self) -> Option<&[u8]> {
        match self {
            Traced::Plain(_) => None,
            Traced::Observed(game) => Some(game.frame()),
        }
    }
}

fn write_trace(out: &mut impl Write, mut game: Traced, actions: &[Command], args: &TraceArgs) -> Result<()> {
    write!(out, "step,reward,lives,terminal,truncated,frame_number,episode_frame_number,ram_crc32,screen_crc32")?;
    for (column, wanted) in [(",observation_crc32", args.observation), (",audio_crc32", args.audio)] {
        write!(out, "{}", if wanted { column } else { "" })?;
    }
    writeln!(out)?;
    for step in 0..=actions.len() {
        let mut reward = 0;
        if step > 0 {
            match actions[step - 1] {
                Command::Reset { mode, difficulty } => {
                    game.reset(mode, difficulty).with_context(|| format!("step {step}"))?;
                }
                Command::Act(action, strength) => {
                    if game.environment().game_over() {
                        game.environment().reset();
                    }
                    reward = game.act(action, strength);
                }
            }
        }
        let observation = game.observation().map(crc32fast::hash);
        let environment = game.environment();
        warn_of_unfinished_frames(environment);
        let audio = args.audio.then(|| crc32fast::hash(environment.audio()));
        write_line(out, step, reward, environment, [observation, audio])?;
        if let (true, Some(path)) = (args.dump_step == Some(step), &args.dump_file) {
            let mut bytes = environment.ram().to_vec();
            bytes.extend(environment.screen().pixels);
            fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    out.flush()?;
    Ok(())
}

/// One line; `checksums` are the optional columns.
fn write_line(
    out: &mut impl Write,
    step: usize,
    reward: i32,
    environment: &mut Environment,
    checksums: [Option<u32>; 2],
) -> io::Result<()> {
    let lives = environment.lives();
    let [terminal, truncated] = [environment.terminal(), environment.truncated()].map(u8::from);
    let (frame, episode_frame) = (environment.frame_number(), environment.episode_frame_number());
    let ram = crc32fast::hash(environment.ram());
    let screen = crc32fast::hash(environment.screen().pixels);
    write!(out, "{step},{reward},{lives},{terminal},{truncated},{frame},{episode_frame},{ram:08x},{screen:08x}")?;
    for checksum in checksums.into_iter().flatten() {
        write!(out, ",{checksum:08x}")?;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn action_files_may_hold_blank_lines_and_comments() {
        let actions = parse_actions("# start\n1\n\n 4 0.5 # left\nreset 3 1\n17\r\n").unwrap();
        let reset = Command::Reset { mode: 3, difficulty: 1 };
        let act = Command::Act;
        assert_eq!(actions, [act(Action::Fire, 1.0), act(Action::Left, 0.5), reset, act(Action::DownLeftFire, 1.0)]);
    }

    #[test]
    fn a_bad_action_is_reported_with_its_line_and_content() {
        for (text, line) in [
            ("0\n18\n", "line 2: \"18\""),
            ("\nfire\n", "line 2: \"fire\""),
            ("-1", "line 1: \"-1\""),
            ("1 hard", "line 1: \"hard\""),
            ("1 nan", "line 1: \"nan\""),
            ("1 2 3", "line 1: \"3\""),
            ("0\nreset 1", "line 2: \"reset 1\""),
        ] {
            let message = parse_actions(text).unwrap_err().to_string();
            assert!(message.starts_with(line), "{message}");
        }
    }

    #[test]
    fn seeds_wrap_as_c_ints_do() {
        assert_eq!(seed("--seed", -1).unwrap(), u32::MAX);
        assert_eq!(seed("--seed", 4_294_967_295).unwrap(), u32::MAX);
        assert_eq!(seed("--seed", -2_147_483_648).unwrap(), 1 << 31);
        assert!(seed("--seed", 1 << 32).is_err());
        assert!(seed("--seed", -2_147_483_649).is_err());
    }

    #[test]
    fn probabilities_keep_six_significant_digits_as_in_ale() {
        assert_eq!(as_ale_stores(0.25), 0.25);
        assert_eq!(as_ale_stores(0.123_456_79), 0.123_457);
        assert_eq!(as_ale_stores(0.0), 0.0);
    }
}
