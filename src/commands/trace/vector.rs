//! `trace --vector N`: the lines of N environments stepped together, for comparison with ale-py's `AtariVectorEnv`.
//!
//! A line of the action file is a step: N indices into the game's minimal (or full) action set, or with `--continuous`
//! N times radius, angle and fire. `reset` followed by N flags 0 or 1 resets the environments with a 1, and takes a seed
//! for each of them if there are more numbers. Blank lines and `#` comments are skipped.
//!
//! Every step, from the reset as step 0, gives N lines: the environment's number, reward, the two flags (0 for all after a
//! `reset` line), lives, frame numbers, and checksums of its stacked observation and of the final one (`-` if there is
//! none).

use super::{as_ale_stores, read_actions, TraceArgs};
use crate::commands::{ensure_room_for, numbers, translation};
use crate::environments::cartridges;
use crate::system::threads;
use anyhow::{ensure, Context, Result};
use atari_emulator::vector::{
    ActionSpace, Autoreset, ContinuousAction, Seeds, VectorBatch, VectorEnvironment, VectorError, VectorSettings,
};
use clap::Args;
use std::io::{self, BufWriter, Write};

/// Options of `trace --vector`; what they set is described at [`VectorSettings`](crate::vector::VectorSettings).
#[derive(Debug, Args)]
#[command(next_help_heading = "Vector of environments")]
pub struct VectorArgs {
    /// Actions are indices into all actions, not into the game's minimal set
    #[arg(long, requires = "vector", conflicts_with = "continuous")]
    full_action_space: bool,
    /// Actions are radius, angle and fire of an analog stick; values above this threshold count (ale-py: 0.5)
    #[arg(long, value_name = "T", requires = "vector")]
    #[arg(value_parser = numbers::number::<f32>)]
    continuous: Option<f32>,
    /// A step that ends an episode also starts the next one
    #[arg(long, requires = "vector")]
    same_step: bool,
    /// Rows of an observation
    #[arg(long, value_name = "N", default_value_t = 84, requires = "vector")]
    #[arg(value_parser = numbers::whole::<usize>(1, u32::MAX.into()))]
    img_height: usize,
    /// Columns of an observation
    #[arg(long, value_name = "N", default_value_t = 84, requires = "vector")]
    #[arg(value_parser = numbers::whole::<usize>(1, u32::MAX.into()))]
    img_width: usize,
    /// Observations in color
    #[arg(long, requires = "vector")]
    rgb: bool,
    /// Frames per observation
    #[arg(long, value_name = "N", default_value_t = 4, requires = "vector")]
    #[arg(value_parser = numbers::whole::<usize>(1, u32::MAX.into()))]
    stack: usize,
    /// An episode starts with 0 to N-1 no-op frames
    #[arg(long, value_name = "N", default_value_t = 30, requires = "vector")]
    #[arg(value_parser = numbers::whole::<u32>(0, u32::MAX.into()))]
    noop_max: u32,
    /// Do not press FIRE at the start of an episode
    #[arg(long, requires = "vector")]
    no_fire_reset: bool,
    /// Observe only the last frame, not the maximum of the last two
    #[arg(long, requires = "vector")]
    no_maxpool: bool,
    /// Do not clamp rewards to -1..=1
    #[arg(long, requires = "vector")]
    no_clip: bool,
    /// Losing a life ends the episode
    #[arg(long, requires = "vector")]
    episodic_life: bool,
    /// Losing a life is reported as terminal, but the episode continues
    #[arg(long, requires = "vector")]
    life_loss_info: bool,
    /// Threads, 0 for one per core; the output does not depend on it
    #[arg(long, value_name = "N", default_value_t = 0, requires = "vector")]
    #[arg(value_parser = numbers::whole::<usize>(0, threads::MOST as i128))]
    threads: usize,
}

/// One line of the action file.
#[derive(Clone, Debug, PartialEq)]
enum Command {
    Step(Vec<usize>),
    StepContinuous(Vec<ContinuousAction>),
    Reset { mask: Vec<bool>, seeds: Vec<i64> },
}

/// Plays the action file with `num_envs` environments.
pub(super) fn run(num_envs: usize, rom: &str, args: &TraceArgs) -> Result<()> {
    let settings = settings(num_envs, args);
    ensure_room_for(&settings)?;
    let text = read_actions(&args.actions)?;
    let commands = parse(&text, num_envs, args.vector_options.continuous.is_some())
        .with_context(|| args.actions.display().to_string())?;
    let rom = cartridges::load(rom)?;
    let mut environments = VectorEnvironment::new(&rom.image, settings)?;
    let mut out = BufWriter::new(io::stdout().lock());
    match write_trace(&mut out, &mut environments, i64::try_from(args.seed)?, &commands) {
        // the reader (`| head`) has seen enough
        Err(error)
            if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) =>
        {
            Ok(())
        }
        Err(error) if error.is::<io::Error>() => Err(error.context("cannot write the trace")),
        written => written,
    }
}

fn settings(num_envs: usize, args: &TraceArgs) -> VectorSettings {
    let VectorArgs { full_action_space, continuous, same_step, img_height, img_width, rgb, stack, .. } =
        args.vector_options;
    let VectorArgs { noop_max, no_fire_reset, no_maxpool, no_clip, episodic_life, life_loss_info, threads, .. } =
        args.vector_options;
    let action_space = match continuous {
        Some(threshold) => ActionSpace::Continuous { threshold },
        None if full_action_space => ActionSpace::Full,
        None => ActionSpace::Minimal,
    };
    VectorSettings::default()
        .with_num_envs(num_envs)
        .with_num_threads(threads)
        .with_max_episode_frames(args.max_frames)
        .with_sticky_probability(as_ale_stores(args.sticky))
        .with_action_space(action_space)
        .with_autoreset(if same_step { Autoreset::SameStep } else { Autoreset::NextStep })
        .with_height(img_height)
        .with_width(img_width)
        .with_grayscale(!rgb)
        .with_stack(stack)
        .with_frame_skip(args.frame_skip)
        .with_maxpool(!no_maxpool)
        .with_noop_max(noop_max)
        .with_episodic_life(episodic_life)
        .with_life_loss_info(life_loss_info)
        .with_reward_clipping(!no_clip)
        .with_use_fire_reset(!no_fire_reset)
        .with_translation(translation(args.interpret))
}

fn parse(text: &str, num_envs: usize, continuous: bool) -> Result<Vec<Command>> {
    let mut commands = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
        let command = match words.split_first() {
            None => continue,
            Some((&"reset", rest)) => parse_reset(rest, num_envs),
            Some(_) if continuous => parse_continuous(&words),
            Some(_) => numbers(&words).context("an action is an index, a whole number from 0 on").map(Command::Step),
        };
        commands.push(command.with_context(|| format!("line {}: {:?}", index + 1, line.trim()))?);
    }
    Ok(commands)
}

fn parse_reset(words: &[&str], num_envs: usize) -> Result<Command> {
    let numbers: Vec<i64> = numbers(words)?;
    ensure!(
        numbers.len() >= num_envs && numbers[..num_envs].iter().all(|flag| (0..=1).contains(flag)),
        "`reset` is followed by {num_envs} flags, 0 or 1, and then by seeds, if any"
    );
    let (flags, seeds) = numbers.split_at(num_envs);
    Ok(Command::Reset { mask: flags.iter().map(|&flag| flag == 1).collect(), seeds: seeds.to_vec() })
}

fn parse_continuous(words: &[&str]) -> Result<Command> {
    let numbers: Vec<f32> = numbers(words)?;
    ensure!(numbers.len().is_multiple_of(3), "an action is three numbers, radius, angle and fire");
    let action = |three: &[f32]| ContinuousAction { radius: three[0], angle: three[1], fire: three[2] };
    Ok(Command::StepContinuous(numbers.chunks_exact(3).map(action).collect()))
}

fn numbers<T: std::str::FromStr>(words: &[&str]) -> Result<Vec<T>> {
    words.iter().map(|word| word.parse().ok().with_context(|| format!("{word:?} is no such number"))).collect()
}

fn write_trace(
    out: &mut impl Write,
    environments: &mut VectorEnvironment,
    seed: i64,
    commands: &[Command],
) -> Result<()> {
    writeln!(
        out,
        "step,env,reward,terminated,truncated,lives,frame_number,episode_frame_number,observation_crc32,final_observation_crc32"
    )?;
    write_step(out, 0, &environments.reset(Seeds::From(seed))?, true)?;
    for (step, command) in (1..).zip(commands) {
        let batch = carry_out(environments, command).with_context(|| format!("step {step}"))?;
        write_step(out, step, &batch, matches!(command, Command::Reset { .. }))?;
    }
    out.flush().map_err(Into::into)
}

fn carry_out<'a>(environments: &'a mut VectorEnvironment, command: &Command) -> Result<VectorBatch<'a>, VectorError> {
    match command {
        Command::Step(actions) => environments.step(actions),
        Command::StepContinuous(actions) => environments.step_continuous(actions),
        Command::Reset { mask, seeds } if seeds.is_empty() => environments.reset_masked(mask, Seeds::None),
        Command::Reset { mask, seeds } => environments.reset_masked(mask, Seeds::Each(seeds)),
    }
}

fn write_step(out: &mut impl Write, step: usize, batch: &VectorBatch, reset: bool) -> io::Result<()> {
    let each = batch.observations.len() / batch.env_ids.len();
    for (&env, observation) in batch.env_ids.iter().zip(batch.observations.chunks_exact(each)) {
        // ale-py's reset returns neither rewards nor flags.
        let (reward, terminated, truncated) = if reset {
            (0, 0, 0)
        } else {
            (batch.rewards[env], u8::from(batch.terminated[env]), u8::from(batch.truncated[env]))
        };
        let (lives, frame, episode_frame) =
            (batch.lives[env], batch.frame_numbers[env], batch.episode_frame_numbers[env]);
        let checksum = crc32fast::hash(observation);
        write!(out, "{step},{env},{reward},{terminated},{truncated},{lives},{frame},{episode_frame},{checksum:08x},")?;
        match batch.final_observation(env) {
            Some(last) => writeln!(out, "{:08x}", crc32fast::hash(last))?,
            None => writeln!(out, "-")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_step_of_all_environments_or_a_reset_of_some() {
        let commands = parse("0 3 # both\n\nreset 0 1\nreset 1 1 7 -1\n", 2, false).unwrap();
        let reset = |mask: [bool; 2], seeds: &[i64]| Command::Reset { mask: mask.to_vec(), seeds: seeds.to_vec() };
        assert_eq!(commands[0], Command::Step(vec![0, 3]));
        assert_eq!(commands[1..], [reset([false, true], &[]), reset([true, true], &[7, -1])]);
        let actions = vec![ContinuousAction { radius: 1.0, angle: -0.5, fire: 0.0 }];
        assert_eq!(parse("1 -0.5 0", 1, true).unwrap(), [Command::StepContinuous(actions)]);
    }

    #[test]
    fn a_bad_line_is_reported_with_its_number_and_content() {
        for (text, continuous) in
            [("-1 0", false), ("x", false), ("reset 2 0", false), ("reset 1", false), ("1 2", true)]
        {
            let message = parse(&format!("\n{text}"), 2, continuous).unwrap_err().to_string();
            assert!(message.starts_with("line 2: "), "{message}");
        }
    }

    #[test]
    fn every_step_has_a_line_for_every_environment_and_ended_episodes_a_final_observation() {
        let commands = parse("0 1\n2 3\nreset 0 1 7\n0 0\n", 2, false).unwrap();
        let settings =
            VectorSettings::default().with_num_envs(2).with_max_episode_frames(8).with_autoreset(Autoreset::SameStep);
        let mut environments = VectorEnvironment::new(&cartridges::built_in().image, settings).unwrap();
        let mut out = Vec::new();
        write_trace(&mut out, &mut environments, 7, &commands).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
        assert_eq!(lines.len(), 1 + 5 * 2);
        assert!(lines.iter().all(|line| line.len() == 10));
        for (i, line) in lines[1..].iter().enumerate() {
            assert_eq!(line[..2], [(i / 2).to_string(), (i % 2).to_string()]);
            // Two steps of four frames are an episode.
            assert_eq!(line[9] != "-", line[0] == "2");
        }
        // Seeds 7 and 8 draw 2 and 26 no-ops; the reset with seed 7 draws 2 again.
        assert_eq!([lines[1][7], lines[2][7], lines[8][7]], ["2", "26", "2"]);
        assert_eq!(lines[8][8], lines[1][8]);
    }
}
