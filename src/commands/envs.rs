//! `envs`: lists the classic environments, or describes one with its keys.

use crate::classics::{self, Definition, OptionKind, OptionValue, Options};
use crate::config::{ClassicKeys, Config};
use crate::environments::classic::ClassicSpec;
use crate::text::output::print;
use anyhow::Result;
use clap::Args;
use std::fmt::Write as _;

/// Options of `envs`.
#[derive(Debug, Args)]
pub struct EnvsArgs {
    /// Environment to describe; without a name all are listed
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// The `envs` command.
pub(super) fn run(args: &EnvsArgs) -> Result<()> {
    let text = match &args.name {
        None => list(),
        Some(name) => {
            // Also the error for a name that does not exist.
            Config::usual_preset_of(name)?;
            match classics::definition(name) {
                Some(definition) => describe(definition)?,
                None => "atari        Atari 2600 games; `atari-dqn roms` lists them\n".to_string(),
            }
        }
    };
    print(&text)
}

fn list() -> String {
    let atari = ("atari", "Atari 2600 games, by --rom; `atari-dqn roms` lists them");
    let classics = classics::DEFINITIONS.iter().map(|definition| (definition.name, definition.about));
    let all = std::iter::once(atari).chain(classics);
    all.map(|(name, about)| format!("{name:<15} {about}\n")).collect()
}

fn describe(definition: &'static Definition) -> Result<String> {
    let options = Options::usual(definition);
    let spec = ClassicSpec::of(&ClassicKeys::usual(definition))?;
    let task = spec.task();
    let mut text = format!("{}: {}\n\n", definition.name, definition.about);
    let _ = writeln!(text, "observations  {}", task.space());
    let actions = task.actions();
    let names: Vec<String> = actions.iter().enumerate().map(|(i, name)| format!("{i} {name}")).collect();
    let _ = writeln!(text, "actions       {}", names.join(", "));
    let limit = spec.limit().map_or("none".to_string(), |limit| format!("{limit} steps"));
    let _ = writeln!(text, "limit         {limit} (max_episode_steps)");
    if let Some(solved) = (definition.solved)(&options) {
        let _ = writeln!(text, "solved at     a mean return of {solved} over 100 episodes");
    }
    let of_it = Config::preset_names()
        .filter(|name| Config::preset(name).is_ok_and(|preset| preset.environment.kind() == definition.name));
    let _ = writeln!(text, "presets       {}", of_it.collect::<Vec<_>>().join(", "));
    for (i, key) in definition.keys.iter().enumerate() {
        let head = if i == 0 { "keys          " } else { "              " };
        let usual = match key.kind.usual() {
            OptionValue::Flag(flag) => flag.to_string(),
            OptionValue::Whole(number) => number.to_string(),
            OptionValue::Number(number) => number.to_string(),
            OptionValue::Text(text) => format!("\"{text}\""),
        };
        let range = match key.kind {
            OptionKind::Whole(_, least, most) => format!(", {least} to {most}"),
            OptionKind::Number(_, least, most) => format!(", {least} to {most}"),
            OptionKind::Flag(_) | OptionKind::Text(_) => String::new(),
        };
        let _ = writeln!(text, "{head}{} = {usual}{range}: {}", key.name, key.help);
    }
    Ok(text)
}
