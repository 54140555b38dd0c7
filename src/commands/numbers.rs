//! Numbers of the command line, in every form that people type. A number that is refused is answered with the range.

use crate::text::numbers;
use std::str::FromStr;

/// Names of values that are numbers. Options with such a value take negative ones too, to answer them with the range.
pub(super) const NAMES: [&str; 8] = ["N", "P", "M", "D", "R", "T", "INDEX", "STEP"];
/// Largest number of agent steps that a run may be asked for.
pub(super) const MOST_STEPS: u64 = 1_000_000_000_000;

/// Parses a whole number from `least` to `most`.
pub(super) fn whole<T: TryFrom<i128>>(
    least: i128,
    most: i128,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| {
        let allowed = format!("allowed is {least} to {most}");
        let number = numbers::whole(text)
            .ok_or_else(|| format!("expected a whole number, such as 30, 1_000_000, 1e6 or 1M; {allowed}"))?;
        T::try_from(number).ok().filter(|_| (least..=most).contains(&number)).ok_or(allowed)
    }
}

/// Parses a number with or without a fraction. Its range is the command's.
pub(super) fn number<T: FromStr + FromDouble>(text: &str) -> Result<T, String> {
    // Without a detour over another precision, wherever that is possible.
    let plain = text.trim().replace('_', "").parse().ok();
    let number = plain.or_else(|| numbers::number(text).map(T::from_double));
    number.ok_or_else(|| "expected a number, such as 0.05 or 1e-3".to_string())
}

/// Types that a double can be rounded to.
pub(super) trait FromDouble {
    fn from_double(number: f64) -> Self;
}

impl FromDouble for f64 {
    fn from_double(number: f64) -> Self {
        number
    }
}

impl FromDouble for f32 {
    fn from_double(number: f64) -> Self {
        number as f32
    }
}

/// An entry of a list, without the blanks that people put behind commas.
pub(super) fn entry(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("there is nothing between two commas, or at an end".to_string()),
        entry => Ok(entry.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use crate::commands::{command_line, Cli};
    use clap::FromArgMatches;

    /// Arguments that every command needs.
    fn needed(command: &str) -> Vec<&'static str> {
        match command {
            "trace" => vec!["--rom", "bricks", "--actions", "x"],
            "sweep" => vec!["--out", "x"],
            "bench" => vec!["emulator"],
            "plot" | "report" => vec!["x"],
            _ => vec![],
        }
    }

    fn parse(words: &[&str]) -> Result<(), String> {
        let matches = command_line().try_get_matches_from(words).map_err(|error| error.to_string())?;
        Cli::from_arg_matches(&matches).map(drop).map_err(|error| error.to_string())
    }

    /// Every option with a number, of every command: so a new one cannot be forgotten.
    #[test]
    fn every_number_is_taken_in_every_form_and_a_refused_one_is_answered_with_the_range() {
        let mut tried = 0;
        for command in command_line().get_subcommands() {
            for argument in command.get_arguments() {
                let is_number = argument
                    .get_value_names()
                    .is_some_and(|names| names.iter().any(|name| super::NAMES.contains(&name.as_str())));
                let Some(long) = argument.get_long().filter(|_| is_number) else { continue };
                let option = format!("--{long}");
                let with = |value: &str| {
                    let name = command.get_name();
                    let mut words = vec!["atari-dqn", name];
                    words.extend(needed(name));
                    if name == "sweep" && long != "cell" {
                        words.extend(["--roms", "bricks", "--slurm"]);
                    }
                    if name == "trace" && argument.get_help_heading().is_some() && long != "vector" {
                        words.extend(["--vector", "1"]);
                    }
                    if long == "dump-step" {
                        words.extend(["--dump-file", "x"]);
                    }
                    words.extend([option.as_str(), value]);
                    parse(&words).err()
                };
                let place = format!("{} {option}", command.get_name());
                tried += 1;
                for value in ["many", "", "1x", "--other", "-x"] {
                    let message = with(value).unwrap_or_else(|| panic!("{place} takes {value:?}"));
                    assert!(message.contains("expected a "), "{place} {value}: {message}");
                    for word in ["digit", "float", "literal", "out of range", "u64", "u32", "unexpected"] {
                        assert!(!message.contains(word), "{place} {value}: {message}");
                    }
                }
                // Signed ones and those with fractions have their ranges in the command.
                if let Some(message) = with("-1") {
                    assert!(message.contains("allowed is "), "{place}: {message}");
                    assert!(with("1e30").is_some_and(|message| message.contains("allowed is ")), "{place}");
                    assert!(with("1.5").is_some_and(|message| message.contains("expected a whole number")), "{place}");
                }
                for value in ["1", "1e0", "0.001k", " 1 "] {
                    assert_eq!(with(value), None, "{place} {value}");
                }
            }
        }
        assert!(tried > 40, "{tried}");
    }
}
