//! Protocols: the conditions that games are played under.

use crate::environments::classic::ClassicSpec;
use crate::environments::{Conditions, EnvironmentSpec as _};
use crate::evaluation::contestant::Contestant;
use crate::policy::Policy;
use crate::text::with_commas;
use clap::ValueEnum;
use serde::Serialize;
use std::fmt::Write as _;

/// The conditions games are played under.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Protocol {
    /// Number of whole games.
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

/// Conditions that published scores were measured under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProtocolName {
    /// Mnih et al. 2015: epsilon 0.05, 18,000 frames, up to 30 no-ops, no sticky actions
    Nature,
    /// Machado et al. 2018: epsilon 0.01, 18,000 frames, no no-ops, sticky actions 0.25
    Machado,
    /// Dopamine: epsilon 0.001, 108,000 frames, no no-ops, sticky actions 0.25
    Dopamine,
}

impl Protocol {
    /// The protocol of this name, with 30 games and seed 0.
    pub fn named(name: ProtocolName) -> Self {
        let nature = Self {
            episodes: 30,
            epsilon: 0.05,
            max_episode_frames: 18_000,
            noop_max: 30,
            sticky_probability: 0.0,
            seed: 0,
        };
        match name {
            ProtocolName::Nature => nature,
            ProtocolName::Machado => Self { epsilon: 0.01, noop_max: 0, sticky_probability: 0.25, ..nature },
            ProtocolName::Dopamine => {
                Self { epsilon: 0.001, max_episode_frames: 108_000, noop_max: 0, sticky_probability: 0.25, ..nature }
            }
        }
    }

    /// The seed of game number `index`.
    pub(super) fn seed_of(&self, index: u32) -> u64 {
        self.seed.wrapping_add(u64::from(index))
    }

    /// The environment's share of the conditions, for the game with this seed.
    pub(super) fn conditions(&self, seed: u64) -> Conditions {
        Conditions {
            seed,
            max_episode_frames: self.max_episode_frames,
            noop_max: self.noop_max,
            sticky_probability: self.sticky_probability,
        }
    }

    /// The conditions under which `contestant` plays, in words.
    pub(super) fn in_words(&self, contestant: &Contestant) -> String {
        if let Some(spec) = contestant.spec.as_classic() {
            return self.in_words_of_classic(contestant, spec);
        }
        let mut words = format!(
            "{} whole games of at most {} frames ({:.1} minutes), each after 0 to {} no-op frames, raw scores; ",
            self.episodes,
            with_commas(u64::from(self.max_episode_frames)),
            f64::from(self.max_episode_frames) / 3600.0,
            self.noop_max
        );
        let frames = contestant.spec.frame_skip();
        let best = |whose: &str| {
            format!(
                "an action every {frames} frames, random with probability {}, else the {whose}'s best (the first of equal ones)",
                self.epsilon
            )
        };
        let _ = match &contestant.policy {
            Policy::Network(_) => write!(words, "{}", best("network")),
            Policy::Table(policy) if policy.is_random() => {
                write!(words, "a random one of the possible actions every {frames} frames")
            }
            Policy::Table(_) => write!(words, "{}", best("table")),
            Policy::Softmax { greedy: false, .. } => {
                write!(words, "an action every {frames} frames, drawn from the network's probabilities")
            }
            Policy::Softmax { greedy: true, .. } => {
                write!(words, "an action every {frames} frames, the network's most probable one")
            }
            Policy::Still { .. } => write!(words, "the stick is never touched"),
            Policy::Rule(_) => write!(words, "a rule that a person wrote"),
            Policy::Random { .. } => write!(words, "a random action every {frames} frames"),
        };
        let _ = write!(words, "; {} actions", contestant.spec.actions());
        if self.sticky_probability > 0.0 {
            let _ = write!(words, "; sticky actions with probability {} a frame", self.sticky_probability);
        }
        let _ = write!(words, "; game i has seed {} + i", self.seed);
        words
    }

    /// The same in a classic environment, which has steps instead of frames.
    fn in_words_of_classic(&self, contestant: &Contestant, spec: &ClassicSpec) -> String {
        let limit = spec.limit_of(self.max_episode_frames);
        let limit = limit.map_or(String::new(), |limit| format!(" of at most {} steps", with_commas(limit.into())));
        let mut words = format!("{} episodes{limit}, returns without discount; ", self.episodes);
        let _ = match &contestant.policy {
            Policy::Table(policy) if policy.is_random() => write!(words, "random ones of the possible actions"),
            Policy::Network(_) | Policy::Table(_) => write!(
                words,
                "an action at random with probability {}, else the best (the first of equal ones)",
                self.epsilon
            ),
            Policy::Softmax { greedy: false, .. } => write!(words, "actions drawn from the network's probabilities"),
            Policy::Softmax { greedy: true, .. } => write!(words, "the network's most probable action"),
            Policy::Still { .. } => write!(words, "always the action {}", spec.noop()),
            Policy::Random { .. } => write!(words, "random actions"),
            Policy::Rule(_) => write!(words, "the actions of a rule that a person wrote"),
        };
        let _ = write!(words, "; episode i is Gymnasium's of seed {} + i", self.seed);
        words
    }
}
