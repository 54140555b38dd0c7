//! The files that an evaluation writes.

use crate::evaluation::contestant::Contestant;
use crate::evaluation::episodes::{play_game, record_game, Decision, Spectator};
use crate::evaluation::protocol::Protocol;
use crate::evaluation::report::{csv, EvaluationReport};
use crate::observations::Seen;
use anyhow::{ensure, Context, Result};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Which files an evaluation writes.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    /// The reports as JSON.
    pub json: Option<PathBuf>,
    /// The games as CSV, a row each.
    pub csv: Option<PathBuf>,
    /// Every action as CSV; of one contestant only.
    pub actions: Option<PathBuf>,
    /// A folder for the best and the worst game as GIF.
    pub record: Option<PathBuf>,
}

impl Outputs {
    /// Creates the folder, and refuses what cannot be written, before the first game.
    pub(super) fn prepare(&self, contestants: &[Contestant]) -> Result<()> {
        ensure!(
            self.actions.is_none() || contestants.len() == 1,
            "--actions writes the games of one policy, and there are {}; evaluate them one by one",
            contestants.len()
        );
        if let Some(folder) = &self.record {
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        Ok(())
    }

    pub(super) fn write(
        &self,
        contestants: &[Contestant],
        protocol: &Protocol,
        reports: &[EvaluationReport],
    ) -> Result<()> {
        if let Some(path) = &self.json {
            let json = match reports {
                [report] => serde_json::to_string_pretty(report),
                reports => serde_json::to_string_pretty(reports),
            };
            write_file(path, &(json.context("cannot write the report as JSON")? + "\n"))?;
        }
        if let Some(path) = &self.csv {
            write_file(path, &csv(reports))?;
        }
        if let (Some(path), [contestant]) = (&self.actions, contestants) {
            write_file(path, &actions_csv(contestant, protocol)?)?;
        }
        if let Some(folder) = &self.record {
            for (i, (contestant, report)) in contestants.iter().zip(reports).enumerate() {
                let name = if contestants.len() == 1 { String::new() } else { format!("{}-", i + 1) };
                for (which, index) in [("best", report.best_game()), ("worst", report.worst_game())] {
                    let path = folder.join(format!("{name}{}-{which}.gif", report.game));
                    let score = record_game(contestant, protocol, index, &path)?;
                    say!("the {which} game of {}, score {score}: {}", report.policy, path.display());
                }
            }
        }
        Ok(())
    }
}

fn write_file(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Plays the games once more and returns every action as CSV: the observation's checksum, the action, its reward and the
/// Q-values of all actions. With it the same games can be played in another program and compared step by step.
fn actions_csv(contestant: &Contestant, protocol: &Protocol) -> Result<String> {
    let mut text = String::from("seed,step,observation_crc32,action,reward,q_values\n");
    let (mut policy, mut adviser) = (contestant.policy.share(), contestant.policy.share());
    for index in 0..protocol.episodes {
        let seed = protocol.seed_of(index);
        let mut steps = 0;
        let mut tell = |Decision { seen, action, reward }: Decision<'_>| {
            steps += 1;
            let values = adviser.values(seen)?.unwrap_or_default();
            let values: Vec<String> = values.iter().map(f32::to_string).collect();
            let (checksum, action) = (checksum(seen), contestant.spec.action_number(action));
            let _ = writeln!(text, "{seed},{steps},{checksum:08x},{action},{reward},{}", values.join(" "));
            Ok(())
        };
        play_game(&*contestant.spec, &mut policy, protocol, index, Spectator::Decisions(&mut tell))?;
    }
    Ok(text)
}

/// CRC-32 of an observation's bytes, numbers in little-endian order.
fn checksum(seen: Seen<'_>) -> u32 {
    match seen {
        Seen::Pixels(pixels) => crc32fast::hash(pixels),
        Seen::Numbers(numbers) => {
            crc32fast::hash(&numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>())
        }
    }
}
