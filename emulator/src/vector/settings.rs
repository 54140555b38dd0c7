//! How a vector of environments behaves, and everything that can be wrong with what it is given.

use std::fmt;

/// Largest height and width of an observation, in pixels: ten times any television's, and far below what OpenCV's
/// 16-bit picture sizes could still be compared with.
pub const LARGEST_SIDE: usize = 4096;

/// What happens when an episode has ended (Gymnasium's `AutoresetMode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Autoreset {
    /// The next step ignores the environment's action and starts the new episode: reward 0, flags false.
    #[default]
    NextStep,
    /// The step that ends the episode starts the new one: observation, lives and frame numbers are the new episode's,
    /// reward and flags the old one's; the last observation is kept apart.
    SameStep,
}

/// Which actions an environment takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum ActionSpace {
    /// An index into the actions that matter to the game.
    #[default]
    Minimal,
    /// An index into all actions that the game accepts (eighteen, but nine for skiing and lost_luggage).
    Full,
    /// A position of an analogue stick, see [`ContinuousAction`](super::ContinuousAction); not for the two games that
    /// accept nine.
    Continuous {
        /// How far, from 0 to 1, the stick must be pushed along an axis, or the button pressed, to count. ALE's default
        /// is 0.5.
        threshold: f32,
    },
}

/// Settings of a [`VectorEnvironment`](super::VectorEnvironment). The defaults are those of ale-py's `AtariVectorEnv`,
/// which wants a number of environments; here it is 1.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorSettings {
    /// Environments, at least 1.
    pub num_envs: usize,
    /// Threads that step them; 0 means one for each core. Never more than environments. The results are the same bytes
    /// with any number.
    pub num_threads: usize,
    /// Frames after which an episode is truncated, at least 1; FIRE and no-ops at its start do not count.
    pub max_episode_frames: u32,
    /// Probability, per frame, that the previous action is repeated instead of the new one. (ale-py keeps six significant
    /// digits of it.)
    pub sticky_probability: f32,
    /// Which actions are taken.
    pub action_space: ActionSpace,
    /// What happens when an episode has ended.
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
        }
    }
}

/// A setting outside its range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingFault {
    /// The field of [`VectorSettings`].
    pub setting: &'static str,
    /// What it is.
    pub value: String,
    /// What it may be.
    pub allowed: String,
}

impl fmt::Display for SettingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}, allowed is {}", self.setting, self.value, self.allowed)
    }
}

/// What a [`VectorEnvironment`](super::VectorEnvironment) refuses. After an error everything is as it was before the call.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum VectorError {
    /// Settings outside their ranges: all of them.
    #[error("{}", list(.0))]
    Settings(Vec<SettingFault>),
    /// The observations do not fit the memory.
    #[error("{num_envs} environments with {bytes_each} bytes of observation each do not fit the memory; ask for fewer, or for smaller ones")]
    TooLarge {
        /// Environments asked for.
        num_envs: usize,
        /// Bytes of one observation.
        bytes_each: usize,
    },
    /// The operating system gave no threads.
    #[error("cannot start {threads} threads: {reason}; set num_threads to 1 to do without")]
    Threads {
        /// Threads asked for.
        threads: usize,
        /// Why there are none.
        reason: String,
    },
    /// A step, a look or a masked reset before the first full reset.
    #[error("the environments have not been reset; call reset for all of them first")]
    NotReset,
    /// One action for each environment is needed.
    #[error("{found} actions for {expected} environments; give one for each")]
    ActionCount {
        /// Actions given.
        found: usize,
        /// Environments.
        expected: usize,
    },
    /// An index outside the action set. (ale-py waits forever then.)
    #[error("action {found} for environment {env}, allowed is 0 to {}", .actions - 1)]
    ActionOutOfRange {
        /// The environment, from 0.
        env: usize,
        /// The index given.
        found: usize,
        /// Actions there are.
        actions: usize,
    },
    /// A component of a continuous action outside its range.
    #[error("{component} {found} for environment {env}, allowed is {allowed}")]
    ContinuousActionOutOfRange {
        /// The environment, from 0.
        env: usize,
        /// `radius`, `angle` or `fire`.
        component: &'static str,
        /// What was given.
        found: f32,
        /// What it may be.
        allowed: &'static str,
    },
    /// Indices where the settings ask for continuous actions, or the other way round.
    #[error("{found} actions given, but the action space is {expected}")]
    ActionKind {
        /// `continuous` or `discrete`.
        found: &'static str,
        /// The other one.
        expected: &'static str,
    },
    /// One seed for each environment being reset is needed.
    #[error("{found} seeds for {expected} environments being reset; give one for each")]
    SeedCount {
        /// Seeds given.
        found: usize,
        /// Environments being reset.
        expected: usize,
    },
    /// A seed that is no C int.
    #[error("seed {found} for environment {env}, allowed is {} to {} (negative: none)", i32::MIN, i32::MAX)]
    SeedOutOfRange {
        /// The environment, from 0.
        env: usize,
        /// The seed.
        found: i64,
    },
    /// A mask has one flag for each environment.
    #[error("a reset mask of {found} flags for {expected} environments; give one for each")]
    MaskLength {
        /// Flags given.
        found: usize,
        /// Environments.
        expected: usize,
    },
}

fn list(faults: &[SettingFault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl VectorSettings {
    /// Bytes of one observation: `stack * height * width`, three times that in colour; `None` if that is no number.
    pub fn observation_bytes(&self) -> Option<usize> {
        let channels = if self.grayscale { 1 } else { 3 };
        self.stack.checked_mul(self.height)?.checked_mul(self.width)?.checked_mul(channels)
    }

    /// The shape of one observation: (stack, height, width), in colour with the 3 channels last.
    pub fn observation_shape(&self) -> Vec<usize> {
        let mut shape = vec![self.stack, self.height, self.width];
        if !self.grayscale {
            shape.push(3);
        }
        shape
    }

    /// Every setting outside its range. `legal_actions` is the number of actions that the game accepts.
    pub(super) fn faults(&self, legal_actions: usize) -> Vec<SettingFault> {
        let mut faults = Vec::new();
        let mut check = |good: bool, setting, value: &dyn ToString, allowed: &dyn ToString| {
            if !good {
                faults.push(SettingFault { setting, value: value.to_string(), allowed: allowed.to_string() });
            }
        };
        check(self.num_envs > 0, "num_envs", &self.num_envs, &"at least 1");
        check(self.max_episode_frames > 0, "max_episode_frames", &self.max_episode_frames, &"at least 1");
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
