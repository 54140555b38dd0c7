//! How a vector of environments behaves.

use crate::observation::{ObservationSettings, LARGEST_SIDE};
use crate::preprocessed::PreprocessedSettings;
use crate::setting_fault::SettingFault;
use crate::translation::Translation;
use std::fmt;

/// How the next episode starts after one has ended (gymnasium's `AutoresetMode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Autoreset {
    /// The next step ignores the environment's action and starts the new episode: reward 0, flags false.
    #[default]
    NextStep,
    /// The step that ends the episode starts the new one. Observation, lives and frame numbers are the new episode's;
    /// reward and flags are the old one's, whose last observation is kept apart.
    SameStep,
}

/// Which actions an environment takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum ActionSpace {
    /// An index into the actions that matter to the game.
    #[default]
    Minimal,
    /// An index into all actions that the game accepts (eighteen, but nine for skiing and lost_luggage).
    Full,
    /// A position of an analogue stick, see [`ContinuousAction`](super::ContinuousAction); not for the two games that
    /// accept nine.
    Continuous {
        /// How far, from 0 to 1, the stick must be pushed along an axis, or the button pressed, to count. ale-py's
        /// default is 0.5.
        threshold: f32,
    },
}

/// Settings of a [`VectorEnvironment`](super::VectorEnvironment). The defaults are ale-py's for `AtariVectorEnv`, with
/// one environment; the names are gymnasium's.
///
/// ```
/// # use atari_emulator::vector::{Autoreset, VectorSettings};
/// let settings = VectorSettings::default().with_num_envs(8).with_autoreset(Autoreset::SameStep);
/// assert_eq!((settings.num_envs, settings.observation_shape()), (8, vec![4, 84, 84]));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct VectorSettings {
    /// Number of environments, at least 1.
    pub num_envs: usize,
    /// Threads that step them, the calling thread included; 0 means one for each core. There are never more threads
    /// than environments. Any number gives the same bytes.
    pub num_threads: usize,
    /// Frames after which an episode is truncated; FIRE and no-ops at its start do not count. 0 truncates it as it
    /// begins: with [`Autoreset::NextStep`] every step is a reset, as in ale-py; with [`Autoreset::SameStep`] 0 is the
    /// same as 1.
    pub max_episode_frames: u32,
    /// Probability, for each frame, that the previous action is repeated instead of the new one. (ale-py keeps six
    /// significant digits of it.)
    pub sticky_probability: f32,
    /// Which actions the environments take.
    pub action_space: ActionSpace,
    /// How the next episode starts after one has ended.
    pub autoreset: Autoreset,
    /// Rows of an observation, 1 to [`LARGEST_SIDE`].
    pub height: usize,
    /// Columns of an observation, 1 to [`LARGEST_SIDE`].
    pub width: usize,
    /// One gray value a pixel; otherwise red, green and blue.
    pub grayscale: bool,
    /// Frames in an observation, at least 1.
    pub stack: usize,
    /// Frames an action is held for, at least 1.
    pub frame_skip: u32,
    /// The observed frame is the pixelwise maximum of the last two.
    pub maxpool: bool,
    /// An episode starts with fewer frames than this without input (FIRE counts as one of them); 0 means none.
    pub noop_max: u32,
    /// Losing a life ends the episode, with a full reset.
    pub episodic_life: bool,
    /// Losing a life sets `terminated`, without ending the episode.
    pub life_loss_info: bool,
    /// A step's reward is clamped to -1..=1.
    pub reward_clipping: bool,
    /// FIRE is pressed for one frame at the start of an episode, if it is among the actions.
    pub use_fire_reset: bool,
    /// Whether cartridge code is translated into the host's; only time depends on it.
    pub translation: Translation,
}

impl Default for VectorSettings {
    fn default() -> Self {
        Self {
            num_envs: 1,
            num_threads: 0,
            max_episode_frames: 108_000,
            sticky_probability: 0.0,
            action_space: ActionSpace::Minimal,
            autoreset: Autoreset::NextStep,
            height: 84,
            width: 84,
            grayscale: true,
            stack: 4,
            frame_skip: 4,
            maxpool: true,
            noop_max: 30,
            episodic_life: false,
            life_loss_info: false,
            reward_clipping: true,
            use_fire_reset: true,
            translation: Translation::Usual,
        }
    }
}

/// A setter for each field.
macro_rules! setters {
    ($($setter:ident, $field:ident: $type:ty;)*) => {
        impl VectorSettings {
            $(
                #[doc = concat!("With this [`", stringify!($field), "`](Self::", stringify!($field), ").")]
                #[must_use]
                pub fn $setter(mut self, $field: $type) -> Self {
                    self.$field = $field;
                    self
                }
            )*
        }
    };
}

setters! {
    with_num_envs, num_envs: usize;
    with_num_threads, num_threads: usize;
    with_max_episode_frames, max_episode_frames: u32;
    with_sticky_probability, sticky_probability: f32;
    with_action_space, action_space: ActionSpace;
    with_autoreset, autoreset: Autoreset;
    with_height, height: usize;
    with_width, width: usize;
    with_grayscale, grayscale: bool;
    with_stack, stack: usize;
    with_frame_skip, frame_skip: u32;
    with_maxpool, maxpool: bool;
    with_noop_max, noop_max: u32;
    with_episodic_life, episodic_life: bool;
    with_life_loss_info, life_loss_info: bool;
    with_reward_clipping, reward_clipping: bool;
    with_use_fire_reset, use_fire_reset: bool;
    with_translation, translation: Translation;
}

impl VectorSettings {
    /// Bytes of one observation: `stack * height * width`, three times that in color; `None` if that exceeds `usize`.
    pub fn observation_bytes(&self) -> Option<usize> {
        self.observation().frame_bytes()?.checked_mul(self.stack)
    }

    /// The shape of one observation: (stack, height, width), in color (stack, height, width, 3).
    pub fn observation_shape(&self) -> Vec<usize> {
        let mut shape = vec![self.stack];
        shape.extend(self.observation().shape());
        shape
    }

    /// One frame of an observation.
    fn observation(&self) -> ObservationSettings {
        ObservationSettings::default().with_size(self.height, self.width).with_grayscale(self.grayscale)
    }

    /// How each environment steps. Ends of episodes and lost lives are the vector's business.
    pub(super) fn preprocessing(&self, fire_reset: bool) -> PreprocessedSettings {
        PreprocessedSettings::default()
            .with_frame_skip(self.frame_skip)
            .with_maxpool(self.maxpool)
            .with_fire_reset(fire_reset)
            .with_observation(self.observation())
    }

    /// Every setting outside its range. `legal_actions` is the number of actions that the game accepts.
    pub(super) fn faults(&self, legal_actions: usize) -> Vec<SettingFault> {
        let mut faults = Vec::new();
        let mut check = |good: bool, setting, value: &dyn fmt::Display, allowed: &dyn fmt::Display| {
            faults.extend(SettingFault::unless(good, setting, value, allowed).err());
        };
        check(self.num_envs > 0, "num_envs", &self.num_envs, &"at least 1");
        let sticky = self.sticky_probability;
        check((0.0..=1.0).contains(&sticky), "sticky_probability", &sticky, &"0 to 1");
        let sides = format!("1 to {LARGEST_SIDE}");
        check((1..=LARGEST_SIDE).contains(&self.height), "height", &self.height, &sides);
        check((1..=LARGEST_SIDE).contains(&self.width), "width", &self.width, &sides);
        check(self.stack > 0, "stack", &self.stack, &"at least 1");
        check(self.frame_skip > 0, "frame_skip", &self.frame_skip, &"at least 1");
        if let ActionSpace::Continuous { threshold } = self.action_space {
            check((0.0..=1.0).contains(&threshold), "threshold", &threshold, &"0 to 1");
            let allowed = format!("Minimal or Full: the game accepts {legal_actions} actions, a stick needs all 18");
            check(legal_actions == 18, "action_space", &"Continuous", &allowed);
        }
        faults
    }
}
