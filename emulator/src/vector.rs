//! Many environments stepped at once, with the semantics of ale-py's `AtariVectorEnv`, bit for bit.
//!
//! Each environment is preprocessed as ale-py does it: FIRE and a seeded number of no-ops at the start of an episode,
//! actions held for several frames, the maximum of the last two screens, resize, a stack of the last frames, clipped
//! rewards, and automatic restart after an episode. The same settings, seeds and actions give the same observations,
//! rewards, flags, lives and frame numbers as ale-py. (`scripts/ale_vector.py` in the repository writes ale-py's
//! results in the format of `atari-dqn trace --vector`, for comparison.)
//!
//! ```
//! use atari_emulator::vector::{Seeds, VectorEnvironment, VectorSettings};
//! use atari_emulator::CartridgeImage;
//!
//! let settings = VectorSettings::default().with_num_envs(4).with_num_threads(2);
//! let mut environments = VectorEnvironment::new(&CartridgeImage::bricks(), settings)?;
//! environments.reset(Seeds::From(7))?;
//! let batch = environments.step(&[0, 1, 2, 3])?;
//! assert_eq!(batch.observations.len(), 4 * 4 * 84 * 84);
//! assert_eq!(batch.rewards, [0; 4]);
//! # Ok::<(), atari_emulator::vector::VectorError>(())
//! ```
//!
//! [`VectorEnvironment`] steps all environments and returns when they are done. [`VectorQueue`] steps them in the
//! background (`send`, then `recv`), in batches that may be smaller than their number.
//!
//! # Where it differs from ale-py
//!
//! * In ale-py's batches smaller than the number of environments the order depends on which threads happen to finish. A
//!   [`VectorQueue`] gives the results in the order in which their actions were sent, as ale-py does with one thread,
//!   so the same seeds and actions give the same batches. Each environment's own sequence is ale-py's in any case.
//! * A [`VectorQueue`] that is reset drops results of earlier steps. ale-py returns them as the reset's.
//! * Some calls make ale-py wait forever or crash: an action out of range, a `recv` without a `send`, batches larger
//!   than the number of environments. Here they return a [`VectorError`] and change nothing. Actions are checked also
//!   for environments that are about to be reset.
//! * A forked process can step its copy of the environments. In ale-py it waits forever.
//! * In ale-py the final observations of environments that did not end are uninitialized memory; here they are absent,
//!   and in a [`VectorQueue`] the same as the observations.
//! * Without a seed, ale-py seeds the sticky actions of all environments from the same clock; here each has its own
//!   seed.
//! * skiing and lost_luggage accept nine actions. ale-py uses the number of a continuous action as an index into the
//!   nine, so left and right are exchanged and other directions hang; here these games refuse continuous actions. (A
//!   [`VectorQueue`] takes indices with strengths, so a caller can do as ale-py does.)

mod autoreset;
mod error;
mod queue;
mod settings;
mod stepper;
mod threads;

pub use crate::setting_fault::SettingFault;
pub use error::VectorError;
pub use queue::{IndexedAction, VectorQueue, VectorResults};
pub use settings::{ActionSpace, Autoreset, VectorSettings};

use crate::action::Action;
use crate::image::CartridgeImage;
use crate::preprocessed::PreprocessedEnvironment;
use autoreset::{AutoresetEnvironment, Common, Start};
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use threads::Threads;

/// Seeds of a reset. A seed is a C int, as in ale-py; a negative one counts as no seed.
///
/// An environment with a seed loads its cartridge again and seeds both of its generators (sticky actions, no-ops).
/// Without a seed its generators continue; at its very first reset they start from random seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Seeds<'a> {
    /// No seeds.
    None,
    /// The first environment being reset gets this seed, the next one this seed + 1, and so on.
    From(i64),
    /// One seed for each environment being reset.
    Each(&'a [i64]),
}

/// A position of an analog stick in polar coordinates: ale-py's continuous action.
///
/// With the threshold `t` of the settings the stick is left for x < -t, right for x > t, down for y < -t and up for
/// y > t, where (x, y) = `radius` * (cos `angle`, sin `angle`) in `f32`. The button is pressed for `fire` > t. Paddles
/// turn by `radius` times the distance of a discrete action.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ContinuousAction {
    /// How far the stick is pushed, 0 to 1.
    pub radius: f32,
    /// The direction in radians: 0 is right, pi/2 is up. Any finite number (ale-py documents -pi to pi).
    pub angle: f32,
    /// How far the button is pressed, 0 to 1.
    pub fire: f32,
}

impl ContinuousAction {
    /// The joystick action for this position, given a threshold for direction and button.
    pub fn discrete(self, threshold: f32) -> Action {
        // In f64, so that every platform rounds in the same way. (numpy's f32 cosine is sometimes off by one unit in
        // the last place, which matters only where x or y is within that unit of the threshold.)
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

/// The result of the last reset or step. Slices have one entry for each environment, in the order of their numbers.
#[derive(Clone, Copy)]
pub struct VectorBatch<'a> {
    /// Gray values of shape (environments, stack, height, width), oldest frame first. In color there is a last axis of
    /// 3 channels.
    pub observations: &'a [u8],
    /// Rewards of the step, clipped to -1..=1 unless the settings say otherwise; 0 after a reset.
    pub rewards: &'a [i32],
    /// The episode ended by the game's rules, or with a lost life if the settings say so.
    pub terminated: &'a [bool],
    /// The episode was cut off by [`VectorSettings::max_episode_frames`] and has not terminated.
    pub truncated: &'a [bool],
    /// Lives left by the game's own counting.
    pub lives: &'a [i32],
    /// Frames since the cartridge was loaded.
    pub frame_numbers: &'a [u32],
    /// Frames since the last reset, including FIRE and no-ops.
    pub episode_frame_numbers: &'a [u32],
    /// The environments' numbers: 0, 1, 2 and so on.
    pub env_ids: &'a [usize],
    envs: &'a [AutoresetEnvironment],
}

impl<'a> VectorBatch<'a> {
    /// The observation of environment `env`; `None` if there is no such environment.
    pub fn observation(&self, env: usize) -> Option<&'a [u8]> {
        self.observations.chunks_exact(self.observations.len() / self.envs.len()).nth(env)
    }

    /// The last observation of the episode that ended in `env` in this step, with [`Autoreset::SameStep`]; `None` if
    /// none ended. (With [`Autoreset::NextStep`] it is the [`observation`](Self::observation).)
    pub fn final_observation(&self, env: usize) -> Option<&'a [u8]> {
        self.envs.get(env).filter(|env| env.has_final).map(|env| env.final_observation.as_slice())
    }

    /// The number and the [`final_observation`](Self::final_observation) of every environment that has one.
    pub fn final_observations(&self) -> impl Iterator<Item = (usize, &'a [u8])> + use<'a> {
        let batch = *self;
        (0..self.envs.len()).filter_map(move |env| batch.final_observation(env).map(|last| (env, last)))
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

/// Environments stepped together, all with the same cartridge and settings.
pub struct VectorEnvironment {
    common: Common,
    actions: Vec<Action>,
    envs: Vec<AutoresetEnvironment>,
    threads: Threads,
    started: bool,
    observations: Vec<u8>,
    columns: Columns,
    /// The task of each environment.
    commands: Vec<Command>,
}

/// The environments' outcomes, one column for each kind.
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
    /// Environments with `image` in their cartridge slots. They must be [`reset`](Self::reset) before their first step.
    ///
    /// # Errors
    /// [`VectorError::Settings`] with every setting that is out of range, [`VectorError::TooLarge`].
    pub fn new(image: &CartridgeImage, settings: VectorSettings) -> Result<Self, VectorError> {
        let bytes_each = settings.observation_bytes().unwrap_or(usize::MAX);
        let common = Common {
            frame_bytes: bytes_each / settings.stack.max(1),
            image: image.clone(),
            fire_reset: false,
            settings,
        };
        // Needed for the game's properties only. The first reset loads the cartridge into each environment.
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
        // Room for the final observations too, which each environment allocates for itself: given back below.
        let final_bytes = common.final_bytes().checked_mul(num_envs).ok_or_else(too_large)?;
        let all_bytes = bytes.checked_add(final_bytes).ok_or_else(too_large)?;
        observations.try_reserve_exact(all_bytes).map_err(|_| too_large())?;
        observations.resize(bytes, 0);
        observations.shrink_to_fit();
        let mut envs = Vec::new();
        envs.try_reserve_exact(num_envs).map_err(|_| too_large())?;

        let threads = match settings.num_threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
        .min(num_envs);
        let threads = Threads::new(threads);

        let actions = match settings.action_space {
            ActionSpace::Minimal => template.minimal_actions(),
            ActionSpace::Full | ActionSpace::Continuous { .. } => template.legal_actions(),
        };
        let fire_reset = settings.use_fire_reset && actions.contains(&Action::Fire);
        let common = Common { fire_reset, ..common };
        let game = PreprocessedEnvironment::new(template, common.settings.preprocessing(fire_reset))
            .map_err(|fault| VectorError::Settings(vec![fault]))?;
        envs.extend((0..num_envs).map(|_| AutoresetEnvironment::new(game.clone(), &common)));
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
        Ok(Self { common, actions, envs, threads, started: false, observations, columns, commands })
    }

    /// The settings that the vector was made with.
    pub fn settings(&self) -> &VectorSettings {
        &self.common.settings
    }

    /// The actions by index, in ascending ALE number; with continuous actions all eighteen.
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

    /// Starts a new episode in the environments whose flag in `mask` is set; `seeds` are for these, in their order. The
    /// others keep their last result. If their episode has ended, the next step still restarts it.
    ///
    /// # Errors
    /// [`VectorError::NotReset`] before the first full reset, [`VectorError::MaskLength`], [`VectorError::SeedCount`],
    /// [`VectorError::SeedOutOfRange`].
    pub fn reset_masked(&mut self, mask: &[bool], seeds: Seeds) -> Result<VectorBatch<'_>, VectorError> {
        if !self.started {
            return Err(VectorError::NotReset);
        }
        if mask.len() != self.envs.len() {
            return Err(VectorError::MaskLength { found: mask.len(), expected: self.envs.len() });
        }
        self.reset_where(|env| mask[env], seeds)
    }

    fn reset_where(&mut self, wanted: impl Fn(usize) -> bool, seeds: Seeds) -> Result<VectorBatch<'_>, VectorError> {
        let expected = (0..self.envs.len()).filter(|&env| wanted(env)).count();
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
            *command = reset_command(env, seed, self.started)?;
        }
        // The final observations belong to the previous step, also in environments that are not reset.
        self.envs.iter_mut().for_each(|env| env.has_final = false);
        self.started = true;
        self.run_all();
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
            *command = step_command(&self.actions, env, index, 1.0)?;
        }
        self.run_all();
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
        self.run_all();
        self.current()
    }

    fn check_step(&self, found: usize) -> Result<(), VectorError> {
        if !self.started {
            return Err(VectorError::NotReset);
        }
        if found != self.envs.len() {
            return Err(VectorError::ActionCount { found, expected: self.envs.len() });
        }
        Ok(())
    }

    /// The result of the last reset or step, once more.
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
            envs: &self.envs,
        })
    }

    /// Executes the commands and fills the columns.
    fn run_all(&mut self) {
        self.run(self.envs.iter().map(|_| None).collect());
        for (i, AutoresetEnvironment { outcome, .. }) in self.envs.iter().enumerate() {
            self.columns.rewards[i] = outcome.reward;
            self.columns.terminated[i] = outcome.terminated;
            self.columns.truncated[i] = outcome.truncated;
            self.columns.lives[i] = outcome.lives;
            self.columns.frame_numbers[i] = outcome.frame_number;
            self.columns.episode_frame_numbers[i] = outcome.episode_frame_number;
        }
    }

    /// Executes the commands, and copies the observation of every environment that has a row into it. An environment's
    /// whole step is one task. It touches only its own state, its own part of the observations and its own row, so the
    /// order in which threads take the tasks does not matter.
    fn run(&mut self, mut rows: Vec<Option<&mut [u8]>>) {
        let common = &self.common;
        let work = |(((env, &command), observation), row): Task| {
            match command {
                Command::Rest => {}
                Command::Reset(start) => env.reset(common, start, observation),
                Command::Step(action, strength) => env.step(common, action, strength, observation),
            }
            if let Some(row) = row {
                row.copy_from_slice(observation);
            }
        };
        let each = self.observations.len() / self.envs.len();
        // Neighboring environments are stepped by the same thread as far as possible. It takes one at a time, because steps
        // differ in length (the start of an episode takes dozens of frames).
        let per_thread = self.envs.len().div_ceil(self.threads.count());
        let observations = self.observations.chunks_mut(per_thread * each);
        let envs = self.envs.chunks_mut(per_thread).zip(self.commands.chunks(per_thread));
        let shards =
            envs.zip(observations).zip(rows.chunks_mut(per_thread)).map(|(((envs, commands), observations), rows)| {
                envs.iter_mut().zip(commands).zip(observations.chunks_exact_mut(each)).zip(rows)
            });
        self.threads.run(shards, work);
    }
}

/// An environment with its command, its observation, and where to copy that.
type Task<'a, 'b> = (((&'a mut AutoresetEnvironment, &'a Command), &'a mut [u8]), &'a mut Option<&'b mut [u8]>);

/// The command for a step of environment `env` with the action at `index`.
fn step_command(actions: &[Action], env: usize, index: usize, strength: f32) -> Result<Command, VectorError> {
    let out_of_range = VectorError::ActionOutOfRange { env, found: index, actions: actions.len() };
    actions.get(index).map(|&action| Command::Step(action, strength)).ok_or(out_of_range)
}

/// The command for a reset of environment `env` with a seed as ale-py takes it, after or at the first reset of all.
fn reset_command(env: usize, seed: i64, started: bool) -> Result<Command, VectorError> {
    let seed = i32::try_from(seed).map_err(|_| VectorError::SeedOutOfRange { env, found: seed })?;
    Ok(Command::Reset(match u32::try_from(seed) {
        Ok(seed) => Start::Seeded { sticky: seed, noops: seed },
        Err(_) if started => Start::Continue,
        Err(_) => Start::Seeded { sticky: random_seed(), noops: random_seed() },
    }))
}

/// A seed that differs from call to call, except by chance: each hasher of the standard library has random keys.
fn random_seed() -> u32 {
    RandomState::new().hash_one(()) as u32
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

#[cfg(test)]
mod tests;
