//! The agent's view of an Atari game: steps of several frames, 84 x 84 gray frames, the last four stacked, actions by index.
//!
//! The emulator does the work (`atari_emulator::preprocessed` and `observation`). Fixed here are the sizes that the networks
//! and the replay are built for, the rules of an episode, and what a checkpoint contains.

use crate::config::FRAMES_OF_AN_OBSERVATION;
use crate::observations::Space;
use atari_emulator::observation::ObservationSettings;
use atari_emulator::preprocessed::{CutShort, PreprocessedEnvironment, PreprocessedSettings, Step};
use atari_emulator::{Action, Environment, StateError};
use serde::{Deserialize, Serialize};

pub use atari_emulator::observation::{FrameStack, Observer, Resize};

/// Rows and columns of an observation.
pub const SIDE: usize = 84;
/// Pixels of one observation frame.
pub const FRAME_PIXELS: usize = SIDE * SIDE;
/// Frames in the stack the network sees.
pub const STACK: usize = FRAMES_OF_AN_OBSERVATION;
/// Pixels of a stack: [`STACK`] frames, oldest first.
pub const STACK_PIXELS: usize = STACK * FRAME_PIXELS;
/// What an agent sees.
pub const SPACE: Space = Space::Pixels { stack: STACK, side: SIDE };

/// One observation frame: [`SIDE`] rows of [`SIDE`] gray values.
pub type Frame = [u8; FRAME_PIXELS];

/// Room for the frames the network sees: the last [`STACK`] of an episode.
pub fn empty_stack() -> FrameStack {
    FrameStack::new(STACK, FRAME_PIXELS)
}

/// How an agent sees and controls a game.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preprocessing {
    /// Frames an action is held for, at least 1.
    pub frame_skip: u32,
    /// Reduction to 84 x 84.
    pub resize: Resize,
    /// FIRE is pressed for one frame at the start of an episode, if the game has it.
    pub fire_reset: bool,
    /// Frames in the stack; always [`STACK`].
    pub stack: u32,
    /// Rows and columns of a frame; always [`SIDE`].
    pub side: u32,
}

impl Preprocessing {
    /// With this program's stack and size.
    pub fn new(frame_skip: u32, resize: Resize, fire_reset: bool) -> Self {
        Self { frame_skip, resize, fire_reset, stack: STACK as u32, side: SIDE as u32 }
    }

    /// An observer of the screens of `environment`.
    pub fn observer(&self, environment: &Environment) -> Observer {
        Observer::new(&self.observation(), environment.palette(), environment.screen_height())
            .expect("84 x 84 is a size of frames, and a console's screen has rows")
    }

    fn observation(&self) -> ObservationSettings {
        ObservationSettings::default().with_size(SIDE, SIDE).with_resize(self.resize)
    }
}

/// An [`AgentEnvironment`] between two steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentState {
    /// [The saved emulator](Environment::save).
    pub emulator: Vec<u8>,
    /// The newest 84 x 84 frame.
    pub frame: Box<Frame>,
}

/// An environment as the agent sees it: steps of several frames, 84 x 84 observations, actions by index.
///
/// A step ends early with the end of the game, and at a lost life when so configured. It then shows its last screen alone.
#[derive(Clone, Debug)]
pub struct AgentEnvironment {
    game: PreprocessedEnvironment,
    actions: Vec<Action>,
}

impl AgentEnvironment {
    /// Wraps `environment`, which must have no frame skip of its own; an agent plays it with `actions`. With
    /// `stop_at_life_loss` a step ends with the frame that costs a life, and the game continues at the next.
    ///
    /// # Panics
    /// When `environment` has a frame skip of its own.
    pub fn new(
        environment: Environment,
        preprocessing: Preprocessing,
        actions: Vec<Action>,
        stop_at_life_loss: bool,
    ) -> Self {
        let settings = PreprocessedSettings::default()
            .with_frame_skip(preprocessing.frame_skip)
            .with_fire_reset(preprocessing.fire_reset && actions.contains(&Action::Fire))
            .with_stop_at_life_loss(stop_at_life_loss)
            .with_cut_short(CutShort::LastScreen)
            .with_observation(preprocessing.observation());
        let game = PreprocessedEnvironment::new(environment, settings)
            .expect("84 x 84 is a size of frames, and the environment is made without a frame skip");
        Self { game, actions }
    }

    /// Starts an episode: reset, FIRE if wanted, then `noop_frames` frames without input. The first observation is the
    /// screen that is then shown, alone.
    pub fn reset(&mut self, noop_frames: u32) {
        self.game.reset(noop_frames);
    }

    /// Holds the action with index `action` for the frame skip and observes the maximum of the last two screens.
    pub fn step(&mut self, action: usize) -> Step {
        self.game.step(self.actions[action])
    }

    /// As [`step`](Self::step), and calls `watch` after every frame emulated, e.g. to record it.
    pub fn step_watched(&mut self, action: usize, watch: impl FnMut(&mut Environment)) -> Step {
        self.game.step_watched(self.actions[action], watch)
    }

    /// The newest 84 x 84 frame.
    pub fn frame(&self) -> &Frame {
        self.game.frame().try_into().expect("it was made with frames of 84 x 84 gray pixels")
    }

    /// Everything the future depends on.
    pub fn state(&self) -> EnvironmentState {
        EnvironmentState { emulator: self.environment().save(), frame: Box::new(*self.frame()) }
    }

    /// Continues from a state of such an environment with the same settings.
    ///
    /// # Errors
    /// When the state is of another kind or damaged; nothing has changed then.
    pub fn set_state(&mut self, state: &EnvironmentState) -> Result<(), StateError> {
        self.environment_mut().restore(&state.emulator)?;
        self.game.set_frame(&*state.frame);
        Ok(())
    }

    /// The actions, by index.
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// The environment inside.
    pub fn environment(&self) -> &Environment {
        self.game.environment()
    }

    /// The environment inside, whose screen is only painted when it is looked at.
    pub fn environment_mut(&mut self) -> &mut Environment {
        self.game.environment_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environments::cartridges;
    use atari_emulator::Settings;

    fn bricks(preprocessing: Preprocessing, actions: Vec<Action>) -> AgentEnvironment {
        let environment = Environment::new(&cartridges::built_in().image, Settings::default());
        AgentEnvironment::new(environment, preprocessing, actions, false)
    }

    #[test]
    fn an_episode_begins_with_fire_if_that_is_an_action() {
        for (actions, frames) in [(vec![Action::Noop, Action::Fire], 6), (vec![Action::Noop], 5)] {
            let mut game = bricks(Preprocessing::new(4, Resize::Area, true), actions);
            game.reset(5);
            assert_eq!(game.environment().episode_frame_number(), frames);
        }
    }

    #[test]
    fn actions_are_indices_and_a_game_continues_from_a_state() {
        let actions = vec![Action::Right, Action::Left, Action::Fire];
        let new = || bricks(Preprocessing::new(3, Resize::Bilinear, false), actions.clone());
        let mut game = new();
        game.reset(0);
        let mut plain = game.environment().clone();
        for action in [2, 0, 1, 1, 1, 0] {
            let step = game.step(action);
            assert_eq!(step.reward, (0..3).map(|_| plain.act_once(actions[action])).sum::<i32>());
            assert_eq!(game.environment().ram(), plain.ram());
        }
        let mut resumed = new();
        resumed.set_state(&game.state()).unwrap();
        assert_eq!(resumed.state(), game.state());
        assert_eq!(resumed.step(1), game.step(1));
        assert_eq!(resumed.state(), game.state());
    }
}
