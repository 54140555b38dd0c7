//! Who holds the stick when no person does.

use anyhow::Result;
use atari_emulator::{Action, Environment};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// A player asked before every frame. It repeats its own actions as it sees fit and may look at every screen, also at
/// those of frames in which somebody else played.
pub trait Pilot {
    /// A game begins; `environment` shows its first screen.
    fn begin(&mut self, environment: &Environment);
    /// The action for the next frame. Called once a frame.
    fn act(&mut self, environment: &Environment) -> Result<Action>;
}

/// Frames a random action is held for: an agent's usual frame skip.
const RANDOM_HOLD: u32 = 4;

/// Uniformly random among the game's minimal actions.
pub struct RandomPilot {
    random: Pcg64Mcg,
    action: Action,
    frames_left: u32,
}

impl RandomPilot {
    /// The same seed plays the same game.
    pub fn new(seed: u64) -> Self {
        Self { random: Pcg64Mcg::seed_from_u64(seed), action: Action::Noop, frames_left: 0 }
    }
}

impl Pilot for RandomPilot {
    fn begin(&mut self, _environment: &Environment) {
        self.frames_left = 0;
    }

    fn act(&mut self, environment: &Environment) -> Result<Action> {
        if self.frames_left == 0 {
            let actions = environment.minimal_actions();
            self.action = actions[self.random.random_range(0..actions.len())];
            self.frames_left = RANDOM_HOLD;
        }
        self.frames_left -= 1;
        Ok(self.action)
    }
}
