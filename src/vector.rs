//! Many environments stepped at once, with the semantics of ale-py's `AtariVectorEnv`, bit for bit.
//!
//! Each environment is preprocessed as there: FIRE and a seeded number of no-ops at the start of an episode, actions held
//! for several frames, the maximum of the last two frames, resize, the last frames stacked, rewards clipped, the next
//! episode started by itself. The same settings, seeds and actions give the same observations, rewards, flags, lives and
//! frame numbers; `scripts/ale_vector.py` writes what ale-py says in the format of `atari-dqn trace --vector`.
//!
//! ```
//! use atari_dqn::vector::{Seeds, VectorEnvironment, VectorSettings};
//! use atari_emulator::CartridgeImage;
//!
//! let settings = VectorSettings { num_envs: 4, num_threads: 2, ..VectorSettings::default() };
//! let mut environments = VectorEnvironment::new(&CartridgeImage::bricks(), settings)?;
//! environments.reset(Seeds::From(7))?;
//! let batch = environments.step(&[0, 1, 2, 3])?;
//! assert_eq!(batch.observations.len(), 4 * 4 * 84 * 84);
//! assert_eq!(batch.rewards, [0; 4]);
//! # Ok::<(), atari_dqn::vector::VectorError>(())
//! ```
//!
//! # Where it differs from ale-py
//!
//! * A batch is always all environments, in the order of their numbers. ale-py's smaller batches come in the order in
//!   which threads happen to finish, which no seed can reproduce; they are deliberately not offered.
//! * What ale-py waits for forever or crashes on (an action out of range, a step before the first reset) is a
//!   [`VectorError`], and nothing has changed. Actions are checked also for environments that are about to be reset.
//! * In ale-py the final observations of environments that did not end are uninitialised memory; here they are absent.
//! * Without a seed, ale-py starts the sticky actions of all environments from the same clock; here each has its own.
//! * skiing and lost_luggage accept nine actions. ale-py takes the number of a continuous action for an index into those,
//!   so that left and right are exchanged and other directions hang; here continuous actions are refused for them.

mod lane;
mod picture;
mod settings;

pub use settings::{ActionSpace, Autoreset, SettingFault, VectorError, VectorSettings, LARGEST_SIDE};

use atari_emulator::{Action, CartridgeImage};
use lane::{Common, Lane, Start};
use picture::FrameMaker;
use rayon::prelude::*;
use std::fmt;

/// Seeds of a reset. A seed is a C int, as in ale-py; a negative one is none.
///
/// A seeded environment loads its cartridge anew and starts both of its generators (sticky actions, no-ops) from the
/// seed; an unseeded one goes on with the generators it has. At its very first reset it has none, and takes seeds from
/// the operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seeds<'a> {
    /// None.
    None,
    /// The environments being reset get this seed, the next, and so on.
    From(i64),
    /// One for each environment being reset.
    Each(&'a [i64]),
}

/// A position of an analogue stick in polar coordinates, as ale-py's continuous actions are.
///
/// With the threshold `t` of the settings the stick is left for x < -t, right for x > t, down for y < -t and up for
/// y > t, where (x, y) = `radius` * (cos `angle`, sin `angle`) in `f32`, and the button is pressed for `fire` > t. Paddles
/// turn by `radius` times the distance of a discrete action.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ContinuousAction {
    /// How far the stick is pushed, 0 to 1.
    pub radius: f32,
    /// Where to, in radians: 0 is right, pi/2 is up. Finite; ale-py says -pi to pi.
    pub angle: f32,
    /// How far the button is pressed, 0 to 1.
    pub fire: f32,
}

impl ContinuousAction {
    /// The joystick action it is with a threshold.
    pub fn discrete(self, threshold: f32) -> Action {
        // Through f64, so that every platform rounds alike.
        let x = self.radius * f64::from(self.angle).cos() as f32;
        let y = self.radius * f64::from(self.angle).sin() as f32;
        let (left, right, down, up) = (x < -threshold, x > threshold, y < -threshold, y > threshold);
        let fire = self.fire > threshold;
        Action::ALL
            .into_iter()
            .find(|a| (a.left(), a.right(), a.down(), a.up(), a.fire()) == (left, right, down, up, fire))
            .unwrap_or(Action::Noop)
    }
}

/// Everything the last reset or step had to say; slices have one entry for each environment, in the order of their
/// numbers.
#[derive(Clone, Copy)]
pub struct VectorBatch<'a> {
    /// (environments, stack, height, width) gray values, oldest frame first, in colour with 3 channels last.
    pub observations: &'a [u8],
    /// Rewards of the step; 0 after a reset.
    pub rewards: &'a [i32],
    /// The episode ended by the game's rules (or with the loss of a life, if so set).
    pub terminated: &'a [bool],
    /// The episode was cut off at its longest, and has not terminated.
    pub truncated: &'a [bool],
    /// Lives left by the game's own counting.
    pub lives: &'a [i32],
    /// Frames since the cartridge was loaded.
    pub frame_numbers: &'a [u32],
    /// Frames since the last reset, those of FIRE and no-ops included.
    pub episode_frame_numbers: &'a [u32],
    /// The environments' numbers: 0, 1, 2 and so on.
    pub env_ids: &'a [usize],
    lanes: &'a [Lane],
}

impl<'a> VectorBatch<'a> {
    /// The observation of environment `env`; `None` if there is no such environment.
    pub fn observation(&self, env: usize) -> Option<&'a [u8]> {
        self.observations.chunks_exact(self.observations.len() / self.lanes.len()).nth(env)
    }

    /// With [`Autoreset::SameStep`] the last observation of the episode of `env` that ended in this step; `None` if none
    /// did. (With [`Autoreset::NextStep`] [`observation`](Self::observation) is that.)
    pub fn final_observation(&self, env: usize) -> Option<&'a [u8]> {
        self.lanes.get(env).filter(|lane| lane.has_final).map(|lane| lane.final_observation.as_slice())
    }

    /// The numbers of all environments that have a [`final_observation`](Self::final_observation), with it.
    pub fn final_observations(&self) -> impl Iterator<Item = (usize, &'a [u8])> + use<'a> {
        let batch = *self;
        (0..self.lanes.len()).filter_map(move |env| batch.final_observation(env).map(|last| (env, last)))
    }
}

impl fmt::Debug for VectorBatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VectorBatch")
            .field("rewards", &self.rewards)
            .field("terminated", &self.terminated)
            .field("truncated", &self.truncated)
            .field("lives", &self.lives)
            .field("frame_numbers", &self.frame_numbers)
            .field("episode_frame_numbers", &self.episode_frame_numbers)
            .finish_non_exhaustive()
    }
}

/// Environments stepped together.
pub struct VectorEnvironment {
    common: Common,
    actions: Vec<Action>,
    lanes: Vec<Lane>,
    /// `None`: everything is done by the caller's thread.
    pool: Option<rayon::ThreadPool>,
    started: bool,
    observations: Vec<u8>,
    columns: Columns,
    /// What each environment is to do; kept between steps, as a step allocates nothing.
    commands: Vec<Command>,
}

/// The environments' outcomes, by kind.
#[derive(Default)]
struct Columns {
    rewards: Vec<i32>,
    terminated: Vec<bool>,
    truncated: Vec<bool>,
    lives: Vec<i32>,
    frame_numbers: Vec<u32>,
    episode_frame_numbers: Vec<u32>,
    env_ids: Vec<usize>,
}

#[derive(Clone, Copy, Debug)]
enum Command {
    Rest,
    Reset(Start),
    Step(Action, f32),
}

impl VectorEnvironment {
    /// Environments with `image` in their slots. They must be [`reset`](Self::reset) before their first step.
    ///
    /// # Errors
    /// [`VectorError::Settings`] with every setting that is out of range, [`VectorError::TooLarge`],
    /// [`VectorError::Threads`].
    pub fn new(image: &CartridgeImage, settings: VectorSettings) -> Result<Self, VectorError> {
        let bytes_each = settings.observation_bytes().unwrap_or(usize::MAX);
        let common = Common {
            frame_bytes: bytes_each / settings.stack.max(1),
            image: image.clone(),
            fire_reset: false,
            settings,
        };
        // Tells what the game is like; the first reset loads the cartridge into each environment.
        let template = common.environment(0);
        let settings = &common.settings;
        let faults = settings.faults(template.legal_actions().len());
        if !faults.is_empty() {
            return Err(VectorError::Settings(faults));
        }
        let num_envs = settings.num_envs;
        let too_large = || VectorError::TooLarge { num_envs, bytes_each };
        let mut observations = Vec::new();
        let bytes = num_envs.checked_mul(bytes_each).ok_or_else(too_large)?;
        observations.try_reserve_exact(bytes).map_err(|_| too_large())?;
        observations.resize(bytes, 0);
        let mut lanes = Vec::new();
        lanes.try_reserve_exact(num_envs).map_err(|_| too_large())?;

        let threads = match settings.num_threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
        .min(num_envs);
        let pool = (threads > 1)
            .then(|| {
                let name = |thread| format!("vector environment {thread}");
                rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(name).build()
            })
            .transpose()
            .map_err(|error| VectorError::Threads { threads, reason: error.to_string() })?;

        let actions = match settings.action_space {
            ActionSpace::Minimal => template.minimal_actions(),
            ActionSpace::Full | ActionSpace::Continuous { .. } => template.legal_actions(),
        };
        let fire_reset = settings.use_fire_reset && actions.contains(&Action::Fire);
        let common = Common { fire_reset, ..common };
        let settings = &common.settings;
        let (palette, rows) = (template.palette(), template.screen_height());
        let maker = FrameMaker::new(palette, rows, settings.height, settings.width, settings.grayscale);
        lanes.extend((0..num_envs).map(|_| Lane::new(template.clone(), maker.clone(), &common)));
        let columns = Columns {
            rewards: vec![0; num_envs],
            terminated: vec![false; num_envs],
            truncated: vec![false; num_envs],
            lives: vec![0; num_envs],
            frame_numbers: vec![0; num_envs],
            episode_frame_numbers: vec![0; num_envs],
            env_ids: (0..num_envs).collect(),
        };
        let commands = vec![Command::Rest; num_envs];
        Ok(Self { common, actions, lanes, pool, started: false, observations, columns, commands })
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &VectorSettings {
        &self.common.settings
    }

    /// The actions that indices stand for, in ascending number; with continuous actions all eighteen.
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// Starts a new episode in every environment. Rewards are then 0 and flags false.
    ///
    /// # Errors
    /// [`VectorError::SeedCount`], [`VectorError::SeedOutOfRange`].
    pub fn reset(&mut self, seeds: Seeds) -> Result<VectorBatch<'_>, VectorError> {
        self.reset_where(|_| true, seeds)
    }

    /// Starts a new episode in the environments whose flag in `mask` is set; `seeds` are for those, in their order. The
    /// others keep what they said last, and an episode of theirs that ended is still restarted by the next step.
    ///
    /// # Errors
    /// [`VectorError::NotReset`] before the first full reset, [`VectorError::MaskLength`], [`VectorError::SeedCount`],
    /// [`VectorError::SeedOutOfRange`].
    pub fn reset_masked(&mut self, mask: &[bool], seeds: Seeds) -> Result<VectorBatch<'_>, VectorError> {
        if !self.started {
            return Err(VectorError::NotReset);
        }
        if mask.len() != self.lanes.len() {
            return Err(VectorError::MaskLength { found: mask.len(), expected: self.lanes.len() });
        }
        self.reset_where(|env| mask[env], seeds)
    }

    fn reset_where(&mut self, wanted: impl Fn(usize) -> bool, seeds: Seeds) -> Result<VectorBatch<'_>, VectorError> {
        let expected = (0..self.lanes.len()).filter(|&env| wanted(env)).count();
        if let Seeds::Each(seeds) = seeds {
            if seeds.len() != expected {
                return Err(VectorError::SeedCount { found: seeds.len(), expected });
            }
        }
        let mut nth = 0;
        for (env, command) in self.commands.iter_mut().enumerate() {
            *command = Command::Rest;
            if !wanted(env) {
                continue;
            }
            let seed = match seeds {
                Seeds::None => -1,
                Seeds::From(base) => base.saturating_add(nth as i64),
                Seeds::Each(seeds) => seeds[nth],
            };
            nth += 1;
            let seed = i32::try_from(seed).map_err(|_| VectorError::SeedOutOfRange { env, found: seed })?;
            *command = Command::Reset(match u32::try_from(seed) {
                Ok(seed) => Start::Seeded { sticky: seed, noops: seed },
                Err(_) if self.started => Start::Continue,
                Err(_) => Start::Seeded { sticky: rand::random(), noops: rand::random() },
            });
        }
        // An observation of the step before belongs to no environment any more, also to those that rest.
        self.lanes.iter_mut().for_each(|lane| lane.has_final = false);
        self.started = true;
        self.run();
        self.current()
    }

    /// One step with indices into [`actions`](Self::actions), one for each environment.
    ///
    /// # Errors
    /// [`VectorError::NotReset`], [`VectorError::ActionKind`] with continuous actions, [`VectorError::ActionCount`],
    /// [`VectorError::ActionOutOfRange`].
    pub fn step(&mut self, actions: &[usize]) -> Result<VectorBatch<'_>, VectorError> {
        if let ActionSpace::Continuous { .. } = self.common.settings.action_space {
            return Err(VectorError::ActionKind { found: "discrete", expected: "continuous" });
        }
        self.check_step(actions.len())?;
        for (env, (&index, command)) in actions.iter().zip(&mut self.commands).enumerate() {
            let action = self.actions.get(index).ok_or(VectorError::ActionOutOfRange {
                env,
                found: index,
                actions: self.actions.len(),
            })?;
            *command = Command::Step(*action, 1.0);
        }
        self.run();
        self.current()
    }

    /// One step with continuous actions, one for each environment.
    ///
    /// # Errors
    /// [`VectorError::NotReset`], [`VectorError::ActionKind`] without continuous actions, [`VectorError::ActionCount`],
    /// [`VectorError::ContinuousActionOutOfRange`].
    pub fn step_continuous(&mut self, actions: &[ContinuousAction]) -> Result<VectorBatch<'_>, VectorError> {
        let ActionSpace::Continuous { threshold } = self.common.settings.action_space else {
            return Err(VectorError::ActionKind { found: "continuous", expected: "discrete" });
        };
        self.check_step(actions.len())?;
        for (env, (&action, command)) in actions.iter().zip(&mut self.commands).enumerate() {
            let fault = |component, found, allowed| {
                Err(VectorError::ContinuousActionOutOfRange { env, component, found, allowed })
            };
            if !(0.0..=1.0).contains(&action.radius) {
                return fault("radius", action.radius, "0 to 1");
            }
            if !action.angle.is_finite() {
                return fault("angle", action.angle, "any finite number of radians");
            }
            if !(0.0..=1.0).contains(&action.fire) {
                return fault("fire", action.fire, "0 to 1");
            }
            *command = Command::Step(action.discrete(threshold), action.radius);
        }
        self.run();
        self.current()
    }

    fn check_step(&self, found: usize) -> Result<(), VectorError> {
        if !self.started {
            return Err(VectorError::NotReset);
        }
        if found != self.lanes.len() {
            return Err(VectorError::ActionCount { found, expected: self.lanes.len() });
        }
        Ok(())
    }

    /// What the last reset or step returned.
    ///
    /// # Errors
    /// [`VectorError::NotReset`] before the first reset.
    pub fn current(&self) -> Result<VectorBatch<'_>, VectorError> {
        if !self.started {
            return Err(VectorError::NotReset);
        }
        Ok(VectorBatch {
            observations: &self.observations,
            rewards: &self.columns.rewards,
            terminated: &self.columns.terminated,
            truncated: &self.columns.truncated,
            lives: &self.columns.lives,
            frame_numbers: &self.columns.frame_numbers,
            episode_frame_numbers: &self.columns.episode_frame_numbers,
            env_ids: &self.columns.env_ids,
            lanes: &self.lanes,
        })
    }

    /// Carries out the commands. An environment's whole step is one piece of work: it touches its own state and its own
    /// part of the observations only, so that the order in which threads take them shows nowhere.
    fn run(&mut self) {
        let common = &self.common;
        let work = |((lane, &command), observation): ((&mut Lane, &Command), &mut [u8])| match command {
            Command::Rest => {}
            Command::Reset(start) => lane.reset(common, start, observation),
            Command::Step(action, strength) => lane.step(common, action, strength, observation),
        };
        let each = self.observations.len() / self.lanes.len();
        match &self.pool {
            None => {
                let observations = self.observations.chunks_exact_mut(each);
                self.lanes.iter_mut().zip(&self.commands).zip(observations).for_each(work);
            }
            Some(pool) => pool.install(|| {
                let observations = self.observations.par_chunks_exact_mut(each);
                let lanes = self.lanes.par_iter_mut().zip(&self.commands).zip(observations);
                // Steps take unequally long (an episode's start is dozens of frames), so that a thread takes one at a time.
                lanes.with_max_len(1).for_each(work);
            }),
        }
        for (env, lane) in self.lanes.iter().enumerate() {
            self.columns.rewards[env] = lane.outcome.reward;
            self.columns.terminated[env] = lane.outcome.terminated;
            self.columns.truncated[env] = lane.outcome.truncated;
            self.columns.lives[env] = lane.outcome.lives;
            self.columns.frame_numbers[env] = lane.outcome.frame_number;
            self.columns.episode_frame_numbers[env] = lane.outcome.episode_frame_number;
        }
    }
}

impl fmt::Debug for VectorEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VectorEnvironment")
            .field("settings", &self.common.settings)
            .field("actions", &self.actions)
            .field("started", &self.started)
            .finish_non_exhaustive()
    }
}
