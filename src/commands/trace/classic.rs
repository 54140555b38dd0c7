//! `trace --env`: runs a list of actions in a classic environment and prints every observation and reward with all its bits, for
//! comparison with Gymnasium.
//!
//! Line 0 is the reset with the seed. After a line with `terminated` or `truncated` 1 the environment is reset without a seed, so its
//! generator goes on, before the next action. `scripts/compare_with_gymnasium.py` writes the same lines from Gymnasium.

use super::TraceArgs;
use crate::classics::numpy_random::NumpyRandom;
use crate::classics::{Outcome, Task};
use crate::config::{Config, Sources};
use crate::environments;
use crate::observations::Seen;
use crate::text::output;
use anyhow::{bail, ensure, Context, Result};
use std::fmt::Write as _;
use std::io::{self, BufWriter, Write};

/// The `trace --env` command.
pub(super) fn run(name: &str, args: &TraceArgs) -> Result<()> {
    let preset = Config::usual_preset_of(name)?;
    let config = Config::resolve(&Sources {
        preset,
        environment: Some(name),
        overrides: &args.overrides,
        ..Sources::default()
    })?;
    let spec = environments::spec(&config.environment, None)?;
    let spec = spec.as_classic().with_context(|| format!("{name} is no classic environment; trace it with --rom"))?;
    let mut task = spec.task();
    let text = super::read_actions(&args.actions)?;
    let actions = parse_actions(&text, task.actions().len()).with_context(|| args.actions.display().to_string())?;
    ensure!(args.seed >= 0, "--seed is {}, allowed is 0 or more for a classic environment", args.seed);
    let random = NumpyRandom::from_decimal(&args.seed.to_string())?;
    let mut out = BufWriter::new(io::stdout().lock());
    output::checked(write_trace(&mut out, &mut *task, random, spec.limit(), &actions))
}

/// The action numbers of the lines; blank lines and `#` comments are skipped.
fn parse_actions(text: &str, count: usize) -> Result<Vec<usize>> {
    let mut actions = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let word = line.split('#').next().unwrap_or_default().trim();
        if word.is_empty() {
            continue;
        }
        match word.parse() {
            Ok(action) if action < count => actions.push(action),
            _ => bail!("line {}: {word:?} is not an action; expected a number from 0 to {}", index + 1, count - 1),
        }
    }
    Ok(actions)
}

fn write_trace(
    out: &mut impl Write,
    task: &mut dyn Task,
    mut random: NumpyRandom,
    limit: Option<u32>,
    actions: &[usize],
) -> io::Result<()> {
    writeln!(out, "step,observation,reward,terminated,truncated")?;
    let mut observation = task.space().observations(1);
    task.reset(&mut random);
    task.observe(observation.place());
    write_line(out, 0, observation.seen(), Outcome { reward: 0.0, terminated: false }, false)?;
    let (mut steps, mut over) = (0, false);
    for (index, &action) in actions.iter().enumerate() {
        if over {
            task.reset(&mut random);
            steps = 0;
        }
        let outcome = task.step(action, &mut random);
        steps += 1;
        task.observe(observation.place());
        let truncated = limit.is_some_and(|limit| steps >= limit);
        over = outcome.terminated || truncated;
        write_line(out, index + 1, observation.seen(), outcome, truncated)?;
    }
    out.flush()
}

fn write_line(out: &mut impl Write, step: usize, seen: Seen<'_>, outcome: Outcome, truncated: bool) -> io::Result<()> {
    let mut observation = String::new();
    match seen {
        Seen::Numbers(numbers) => {
            for (i, number) in numbers.iter().enumerate() {
                let _ = write!(observation, "{}{:08x}", if i > 0 { ":" } else { "" }, number.to_bits());
            }
        }
        Seen::States(states) => states.iter().for_each(|state| observation += &state.to_string()),
        Seen::Pixels(_) => {}
    }
    let [terminated, truncated] = [outcome.terminated, truncated].map(u8::from);
    writeln!(out, "{step},{observation},{:016x},{terminated},{truncated}", outcome.reward.to_bits())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_numbers_of_the_environment() {
        assert_eq!(parse_actions("0\n\n1 # right\n # nothing\n2", 3).unwrap(), [0, 1, 2]);
        for (text, line) in [("0\n3", "line 2: \"3\""), ("-1", "line 1: \"-1\""), ("left", "line 1: \"left\"")] {
            let error = parse_actions(text, 3).unwrap_err().to_string();
            assert!(error.starts_with(line) && error.ends_with("from 0 to 2"), "{error}");
        }
    }
}
