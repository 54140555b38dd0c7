//! Contestants: who plays, and what.

use crate::environments::atari::USUAL_FRAME_SKIP;
use crate::environments::classic::ClassicSpec;
use crate::environments::{EnvironmentSpec, Spec};
use crate::policy::model::{Chosen, Model};
use crate::policy::Policy;
use anyhow::{Context, Result};
use candle_core::Device;
use clap::ValueEnum;
use std::path::Path;

/// Frames the paper's random agent holds an action for.
const FRAMES_AT_10_HZ: u32 = 6;

/// Policies that need no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Baseline {
    /// A new uniformly random action every step
    Random,
    /// A new uniformly random action every 6th frame (the paper's 10 Hz random agent)
    #[value(name = "random-10hz")]
    Random10Hz,
    /// Never touches the stick; in a classic environment always its first action
    Noop,
    /// A simple rule that a person wrote; CartPole and LunarLander have one
    Rule,
}

/// A policy, its name, and the game it plays.
pub struct Contestant {
    /// The game, with the policy's actions and preprocessing.
    pub spec: Spec,
    /// Who plays.
    pub policy: Policy,
    /// The model's file, or the baseline's name.
    pub name: String,
    /// Agent steps the network was trained for.
    pub steps_trained: Option<u64>,
    /// What its choice as the run's best network rests on.
    pub chosen: Option<Chosen>,
}

impl Contestant {
    /// A baseline with the game's minimal actions, each held as long as the baseline's name says.
    ///
    /// # Errors
    /// When the environment has no rule, and a rule is to play.
    pub fn baseline(spec: &dyn EnvironmentSpec, baseline: Baseline) -> Result<Self> {
        let (name, frame_skip) = match baseline {
            Baseline::Random => ("random", USUAL_FRAME_SKIP),
            Baseline::Random10Hz => ("random-10hz", FRAMES_AT_10_HZ),
            Baseline::Noop => ("noop", USUAL_FRAME_SKIP),
            Baseline::Rule => ("rule", USUAL_FRAME_SKIP),
        };
        let spec = spec.for_baseline(frame_skip);
        let policy = match baseline {
            Baseline::Random | Baseline::Random10Hz => Policy::Random { actions: spec.actions() },
            Baseline::Noop => Policy::Still { action: spec.noop() },
            Baseline::Rule => {
                let rule = spec.as_classic().and_then(ClassicSpec::rule);
                let name = spec.name();
                Policy::Rule(rule.with_context(|| format!("nobody wrote a rule for {name}; --policy random plays it"))?)
            }
        };
        Ok(Self { spec, policy, name: format!("the baseline {name}"), steps_trained: None, chosen: None })
    }

    /// A model from the file `path`, playing `spec` on `device`.
    ///
    /// # Errors
    /// When the device has no room for the network.
    pub fn model(model: &Model, path: &Path, spec: Spec, device: &Device) -> Result<Self> {
        Ok(Self {
            spec,
            policy: Policy::of(&model.learned, device)?,
            name: path.display().to_string(),
            steps_trained: Some(model.metadata.steps_trained),
            chosen: model.metadata.chosen,
        })
    }
}
