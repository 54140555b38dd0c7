//! Playing: a window with the game in it, for a person or a policy, or a recording of a policy's game as a GIF.
//!
//! A [`Pilot`] is asked for an action before every frame, as a person is. So a person can take over from it and hand back
//! at any moment, at any speed.

pub mod classic;
pub mod controls;
mod keys;
pub mod pilot;
pub mod scaler;
mod window;

pub use pilot::Pilot;
pub use window::{check_display, open_window};

use crate::drawing::recording::GifRecorder;
use crate::environments::atari::{colors, picture, warn_of_unfinished_frames, AtariSpec};
use crate::text::output::print;
use anyhow::{Context, Result};
use atari_emulator::{Environment, Settings};
use std::path::Path;

/// Frames after which a recording without a limit ends if the game does not: 5 minutes.
const LONGEST_RECORDING: u32 = 18_000;

/// A console with the game loaded, in the mode and difficulty asked for.
///
/// # Errors
/// When the game does not have them.
pub fn new_console(spec: &AtariSpec, mode: Option<u32>, difficulty: Option<u32>, seed: u64) -> Result<Environment> {
    let settings = Settings::default().with_random_seed(seed as u32);
    let mut console = Environment::new(&spec.image, settings);
    if let Some(mode) = mode {
        console.set_mode(mode).context("--mode")?;
    }
    if let Some(difficulty) = difficulty {
        console.set_difficulty(difficulty).context("--difficulty")?;
    }
    if mode.is_some() || difficulty.is_some() {
        console.reset();
    }
    Ok(console)
}

/// Plays one game, or `frames` of it, into a GIF.
///
/// # Errors
/// When the file cannot be written, or the policy's device fails.
pub fn record(path: &Path, mut console: Environment, mut pilot: Pilot, frames: Option<u32>) -> Result<()> {
    let colors = colors(console.palette());
    let mut recorder = GifRecorder::create(path, &picture(&mut console, &colors))?;
    pilot.begin();
    recorder.frame(&picture(&mut console, &colors))?;
    let longest = frames.unwrap_or(LONGEST_RECORDING);
    let (mut score, mut played) = (0, 0);
    while played < longest && !console.game_over() {
        let action = pilot.act(&mut console)?;
        score += console.act_once(action);
        warn_of_unfinished_frames(&console);
        recorder.frame(&picture(&mut console, &colors))?;
        played += 1;
    }
    recorder.finish()?;
    let ending = if console.game_over() { "the whole game" } else { "cut off" };
    print(&format!("{}: {played} frames, {ending}, score {score}\n", path.display()))
}
