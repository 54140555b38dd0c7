//! The Arcade Learning Environment's semantics on top of the console.
use crate::action::Action;
use crate::cartridge::CartridgeImage;
use crate::game::Game;

/// How an [`Environment`] behaves; the defaults are ALE's but for sticky actions, which are off.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Frames an action is held for; at least 1.
    pub frame_skip: u32,
    /// Probability, per frame, that the previous action is repeated instead.
    pub sticky_probability: f32,
    /// Seed of the environment's generator (sticky actions).
    pub random_seed: u32,
    /// Seed of the console's generator (power-on RAM, timer).
    pub system_seed: u32,
    /// Frames after which an episode is truncated; 0 means never.
    pub max_episode_frames: u32,
    /// Truncate when a life is lost.
    pub truncate_on_life_loss: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            frame_skip: 1,
            sticky_probability: 0.0,
            random_seed: 0,
            system_seed: 4_753_849,
            max_episode_frames: 0,
            truncate_on_life_loss: false,
        }
    }
}

/// A picture: `height` rows of 160 palette indices.
#[derive(Clone, Copy, Debug)]
pub struct Screen<'a> {
    /// Row-major palette indices, `height * 160`.
    pub pixels: &'a [u8],
    /// Pixels in a row: always 160.
    pub width: usize,
    /// Rows: 210 on most NTSC games, 250 on PAL.
    pub height: usize,
}

/// One console with one cartridge, stepped by actions.
#[derive(Clone, Debug)]
pub struct Environment {}

/// A mode the game does not offer.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("mode {mode} is not offered by {game}; it has {available:?}")]
pub struct ModeError {
    /// What was asked for.
    pub mode: u32,
    /// The game's name.
    pub game: String,
    /// What it offers.
    pub available: Vec<u32>,
}

/// A difficulty the game does not offer.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("difficulty {difficulty} is not offered by {game}; it has {available:?}")]
pub struct DifficultyError {
    /// What was asked for.
    pub difficulty: u32,
    /// The game's name.
    pub game: String,
    /// What it offers.
    pub available: Vec<u32>,
}

#[allow(missing_docs, clippy::todo, unused_variables)]
impl Environment {
    /// Powers the console on and performs ALE's first reset.
    pub fn new(image: &CartridgeImage, settings: Settings) -> Self {
        todo!()
    }
    pub fn reset(&mut self) {
        todo!()
    }
    /// Holds `action` for `frame_skip` frames; the sum of the rewards.
    pub fn act(&mut self, action: Action) -> i32 {
        todo!()
    }
    /// One repetition of `action` (one frame, whatever the frame skip is); its reward.
    pub fn act_once(&mut self, action: Action) -> i32 {
        todo!()
    }
    pub fn screen(&self) -> Screen<'_> {
        todo!()
    }
    pub fn ram(&self) -> &[u8; 128] {
        todo!()
    }
    pub fn palette(&self) -> &'static crate::palette::Palette {
        todo!()
    }
    pub fn lives(&self) -> i32 {
        todo!()
    }
    pub fn terminal(&self) -> bool {
        todo!()
    }
    pub fn truncated(&self) -> bool {
        todo!()
    }
    /// terminal or truncated
    pub fn game_over(&self) -> bool {
        todo!()
    }
    pub fn frame_number(&self) -> u32 {
        todo!()
    }
    pub fn episode_frame_number(&self) -> u32 {
        todo!()
    }
    /// `None` when the cartridge is not a supported game.
    pub fn game(&self) -> Option<&'static Game> {
        todo!()
    }
    pub fn minimal_actions(&self) -> Vec<Action> {
        todo!()
    }
    pub fn legal_actions(&self) -> Vec<Action> {
        todo!()
    }
    pub fn settings(&self) -> &Settings {
        todo!()
    }
    /// takes effect at the next reset
    pub fn set_mode(&mut self, mode: u32) -> Result<(), ModeError> {
        todo!()
    }
    /// takes effect at the next frame
    pub fn set_difficulty(&mut self, difficulty: u32) -> Result<(), DifficultyError> {
        todo!()
    }
}
