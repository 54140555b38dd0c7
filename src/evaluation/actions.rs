//! Every action of an evaluation as CSV: the observation's checksum, the action, its reward and the Q-values of all actions. With it
//! the same games can be played in another program and compared step by step.

use crate::evaluation::contestant::Contestant;
use crate::evaluation::episodes::{play_game, Decision, Episode, Spectator};
use crate::evaluation::outputs::Output;
use crate::evaluation::protocol::Protocol;
use crate::observations::Seen;
use crate::policy::Policy;
use anyhow::Result;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::AtomicBool;

const HEAD: &str = "seed,step,observation_crc32,action,reward,q_values\n";

/// The rows of one game; empty if nobody asked for them.
#[derive(Debug, Default)]
pub(super) struct Watched(String);

/// Plays game number `index` and writes down its actions; `None` if `stop` was set before its end.
///
/// # Errors
/// When the policy's values are not finite, or its device fails.
pub(super) fn play(
    contestant: &Contestant,
    policy: &mut Policy,
    protocol: &Protocol,
    index: u32,
    stop: &AtomicBool,
) -> Result<Option<(Episode, Watched)>> {
    let (mut text, mut steps, mut adviser) = (String::new(), 0, policy.share());
    let seed = protocol.seed_of(index);
    let mut tell = |Decision { seen, action, reward }: Decision<'_>| {
        steps += 1;
        let values = adviser.values(seen)?.unwrap_or_default();
        let values: Vec<String> = values.iter().map(f32::to_string).collect();
        let (checksum, action) = (checksum(seen), contestant.spec.action_number(action));
        let _ = writeln!(text, "{seed},{steps},{checksum:08x},{action},{reward},{}", values.join(" "));
        Ok(())
    };
    let game = play_game(&*contestant.spec, policy, protocol, index, Spectator::Decisions(&mut tell), stop)?;
    Ok(game.map(|game| (game, Watched(text))))
}

/// The file, written while games are played, in the order of their seeds.
pub(super) struct ActionsFile {
    output: Output,
    /// The number of the game that is written next.
    next: u32,
    /// Games that ended before an earlier one.
    waiting: BTreeMap<u32, Watched>,
    /// The first error; nothing is written after it.
    outcome: Result<()>,
    begun: bool,
}

impl ActionsFile {
    pub(super) fn new(output: Output) -> Self {
        Self { output, next: 0, waiting: BTreeMap::new(), outcome: Ok(()), begun: false }
    }

    /// Adds the actions of game number `index`.
    pub(super) fn add(&mut self, index: u32, watched: Watched) {
        self.waiting.insert(index, watched);
        while let Some(watched) = self.waiting.remove(&self.next) {
            self.next += 1;
            self.write(&watched);
        }
    }

    fn write(&mut self, Watched(text): &Watched) {
        if self.outcome.is_err() {
            return;
        }
        if !self.begun {
            self.begun = true;
            self.outcome = self.output.begin().and_then(|()| self.output.add(HEAD));
        }
        if self.outcome.is_ok() {
            self.outcome = self.output.add(text);
        }
    }

    /// Writes the games that still wait for one that never ended.
    ///
    /// # Errors
    /// The first that happened.
    pub(super) fn finish(mut self) -> Result<()> {
        for (_, watched) in std::mem::take(&mut self.waiting) {
            self.write(&watched);
        }
        self.outcome?;
        self.output.end()
    }
}

/// CRC-32 of an observation's bytes, numbers in little-endian order.
fn checksum(seen: Seen<'_>) -> u32 {
    match seen {
        Seen::Pixels(pixels) => crc32fast::hash(pixels),
        Seen::Numbers(numbers) => {
            crc32fast::hash(&numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>())
        }
        Seen::States(states) => {
            crc32fast::hash(&states.iter().flat_map(|state| state.to_le_bytes()).collect::<Vec<u8>>())
        }
    }
}
