//! The settings of an environment.

use crate::translation::Translation;

/// How an [`Environment`](crate::Environment) behaves. The defaults are ALE's, except that sticky actions are off (ALE: 0.25).
///
/// Start from the defaults and change what differs; later versions may add settings:
///
/// ```
/// use atari_emulator::Settings;
///
/// let settings = Settings::default().with_frame_skip(4).with_sticky_probability(0.25).with_random_seed(1);
/// assert_eq!(settings.frame_skip, 4);
/// assert_eq!(settings.max_episode_frames, 0);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// Frames for which [`Environment::act`](crate::Environment::act) holds an action; 0 counts as 1. Default 1.
    pub frame_skip: u32,
    /// Probability, per frame, that the previous action is repeated instead of the new one. 0 and less is never; 1, more and NaN
    /// are always. Default 0.
    pub sticky_probability: f32,
    /// Seed of the environment's generator (ALE's `random_seed`), which decides on sticky actions. Default 0.
    pub random_seed: u32,
    /// Seed of the console's generator (ALE's `system_random_seed`), which fills RAM and starts timers. Default 4753849.
    pub system_seed: u32,
    /// Frames after which an episode is truncated; 0 means never. Default 0.
    pub max_episode_frames: u32,
    /// Whether the loss of a life truncates the episode. Default false.
    pub truncate_on_life_loss: bool,
    /// Least and greatest reward of an act. If they are swapped, the greatest wins. Default: all of `i32`.
    pub reward_range: (i32, i32),
    /// Whether every picture is a mixture of the last two frames (ALE's `color_averaging`). Default false.
    pub color_averaging: bool,
    /// Whether every act makes samples for [`Environment::audio`](crate::Environment::audio) (ALE's `sound_obs`). Default false.
    pub sound_observation: bool,
    /// Whether the cartridge's code is translated into the host's; only time depends on it. Without the crate's feature
    /// `translate` everything is interpreted. Default [`Translation::Usual`].
    pub translation: Translation,
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
            reward_range: (i32::MIN, i32::MAX),
            color_averaging: false,
            sound_observation: false,
            translation: Translation::Usual,
        }
    }
}

/// One setter per field; each returns the changed settings.
impl Settings {
    /// Sets [`frame_skip`](Self::frame_skip).
    #[must_use]
    pub fn with_frame_skip(mut self, frame_skip: u32) -> Self {
        self.frame_skip = frame_skip;
        self
    }

    /// Sets [`sticky_probability`](Self::sticky_probability).
    #[must_use]
    pub fn with_sticky_probability(mut self, sticky_probability: f32) -> Self {
        self.sticky_probability = sticky_probability;
        self
    }

    /// Sets [`random_seed`](Self::random_seed).
    #[must_use]
    pub fn with_random_seed(mut self, random_seed: u32) -> Self {
        self.random_seed = random_seed;
        self
    }

    /// Sets [`system_seed`](Self::system_seed).
    #[must_use]
    pub fn with_system_seed(mut self, system_seed: u32) -> Self {
        self.system_seed = system_seed;
        self
    }

    /// Sets [`max_episode_frames`](Self::max_episode_frames).
    #[must_use]
    pub fn with_max_episode_frames(mut self, max_episode_frames: u32) -> Self {
        self.max_episode_frames = max_episode_frames;
        self
    }

    /// Sets [`truncate_on_life_loss`](Self::truncate_on_life_loss).
    #[must_use]
    pub fn with_truncate_on_life_loss(mut self, truncate_on_life_loss: bool) -> Self {
        self.truncate_on_life_loss = truncate_on_life_loss;
        self
    }

    /// Sets [`reward_range`](Self::reward_range).
    #[must_use]
    pub fn with_reward_range(mut self, reward_range: (i32, i32)) -> Self {
        self.reward_range = reward_range;
        self
    }

    /// Sets [`color_averaging`](Self::color_averaging).
    #[must_use]
    pub fn with_color_averaging(mut self, color_averaging: bool) -> Self {
        self.color_averaging = color_averaging;
        self
    }

    /// Sets [`sound_observation`](Self::sound_observation).
    #[must_use]
    pub fn with_sound_observation(mut self, sound_observation: bool) -> Self {
        self.sound_observation = sound_observation;
        self
    }

    /// Sets [`translation`](Self::translation).
    #[must_use]
    pub fn with_translation(mut self, translation: Translation) -> Self {
        self.translation = translation;
        self
    }
}
