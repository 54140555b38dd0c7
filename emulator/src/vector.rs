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
        // Through f64, so that every platform rounds alike. (numpy's f32 cosine is one unit off in the last place now and
        // then; that can matter only within that unit of the threshold.)
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

#[cfg(test)]
mod tests {
    use super::*;
    use atari_emulator::random::MersenneTwister;
    use atari_emulator::{Environment, Settings};

    fn bricks(settings: VectorSettings) -> VectorEnvironment {
        VectorEnvironment::new(&CartridgeImage::bricks(), settings).unwrap()
    }

    /// `steps` rows of actions: held for a while, as a player would.
    fn random_actions(steps: usize, num_envs: usize, actions: usize) -> Vec<Vec<usize>> {
        let mut random = MersenneTwister::new(99);
        let mut row = vec![0; num_envs];
        let mut next = || {
            for action in &mut row {
                if random.draw().is_multiple_of(3) {
                    *action = random.draw() as usize % actions;
                }
            }
            row.clone()
        };
        (0..steps).map(|_| next()).collect()
    }

    /// Everything a batch says, to be compared.
    fn said(batch: &VectorBatch) -> impl PartialEq + fmt::Debug {
        let finals: Vec<_> = batch.final_observations().map(|(env, last)| (env, crc32fast::hash(last))).collect();
        let observations = crc32fast::hash(batch.observations);
        (observations, batch.rewards.to_vec(), format!("{batch:?}"), batch.env_ids.to_vec(), finals)
    }

    #[test]
    fn the_defaults_are_those_of_ale_py() {
        let expected = VectorSettings {
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
        };
        assert_eq!(VectorSettings::default(), expected);
        assert_eq!(expected.observation_shape(), [4, 84, 84]);
        let rgb = VectorSettings { grayscale: false, ..expected };
        assert_eq!((rgb.observation_shape(), rgb.observation_bytes()), (vec![4, 84, 84, 3], Some(4 * 84 * 84 * 3)));
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bytes() {
        let play = |num_threads| {
            let mut environments = bricks(VectorSettings {
                num_envs: 5,
                num_threads,
                sticky_probability: 0.25,
                max_episode_frames: 150,
                autoreset: Autoreset::SameStep,
                ..VectorSettings::default()
            });
            let mut all = vec![said(&environments.reset(Seeds::From(3)).unwrap())];
            for actions in random_actions(100, 5, environments.actions().len()) {
                all.push(said(&environments.step(&actions).unwrap()));
            }
            all
        };
        let alone = play(1);
        assert!([2, 3, 0].into_iter().all(|threads| play(threads) == alone));
    }

    /// ale-py's `PreprocessedEnv` as its source has it: two pictures, pooled in place. No resize, in gray.
    struct Model {
        settings: VectorSettings,
        environment: Environment,
        pictures: [Vec<u8>; 2],
        stack: Vec<Vec<u8>>,
        elapsed: u32,
    }

    impl Model {
        fn screen(&mut self) -> Vec<u8> {
            let gray = self.environment.palette().gray();
            self.environment.screen().pixels.iter().map(|&index| gray[usize::from(index)]).collect()
        }

        fn push(&mut self) {
            let [newest, before] = &mut self.pictures;
            if self.settings.maxpool {
                newest.iter_mut().zip(before).for_each(|(newest, before)| *newest = (*before).max(*newest));
            }
            self.stack.remove(0);
            self.stack.push(newest.clone());
        }

        /// A reset with FIRE and the one no-op that `noop_max` 1 draws, so that only FIRE remains.
        fn reset(&mut self) {
            self.environment.reset();
            self.environment.act_once(Action::Fire);
            let screen = self.screen();
            self.stack = vec![vec![0; screen.len()]; self.settings.stack];
            self.pictures = [screen.clone(), vec![0; screen.len()]];
            self.push();
            self.elapsed = 0;
        }

        /// Reward, terminated, truncated, and whether the episode has ended.
        fn step(&mut self, action: Action) -> (i32, bool, bool, bool) {
            let lives = self.environment.lives();
            let (mut reward, mut over, mut lost, mut cut) = (0, false, false, false);
            for k in (1..=self.settings.frame_skip).rev() {
                reward += self.environment.act_once(action);
                over = self.environment.game_over();
                self.elapsed += 1;
                lost = self.environment.lives() < lives && self.environment.lives() > 0;
                cut = self.elapsed >= self.settings.max_episode_frames;
                if over || cut || (self.settings.episodic_life && lost) {
                    break;
                }
                match k {
                    2 => self.pictures[1] = self.screen(),
                    1 => self.pictures[0] = self.screen(),
                    _ => {}
                }
            }
            self.push();
            let terminated = over || (lost && (self.settings.episodic_life || self.settings.life_loss_info));
            let ended = over || cut || (lost && self.settings.episodic_life);
            let reward = if self.settings.reward_clipping { reward.clamp(-1, 1) } else { reward };
            (reward, terminated, cut && !terminated, ended)
        }
    }

    #[test]
    fn a_plain_model_that_pools_in_place_says_the_same() {
        let whole =
            VectorSettings { height: 210, width: 160, noop_max: 1, num_threads: 1, ..VectorSettings::default() };
        let mut ends = 0;
        for frame_skip in [1, 2, 3, 4] {
            for (i, max_episode_frames) in [108_000, 41, 42, 43, 44, 3].into_iter().enumerate() {
                let settings = VectorSettings {
                    frame_skip,
                    max_episode_frames,
                    maxpool: i != 3,
                    episodic_life: i == 0 && frame_skip != 3,
                    life_loss_info: frame_skip == 3,
                    reward_clipping: i % 2 == 0,
                    stack: if i == 5 { 1 } else { 2 },
                    autoreset: if i == 2 { Autoreset::SameStep } else { Autoreset::NextStep },
                    ..whole.clone()
                };
                let mut environments = bricks(settings.clone());
                let environment =
                    Environment::new(&CartridgeImage::bricks(), Settings { random_seed: 5, ..Settings::default() });
                let mut model =
                    Model { environment, settings, pictures: Default::default(), stack: Vec::new(), elapsed: 0 };
                model.reset();
                assert_eq!(environments.reset(Seeds::From(5)).unwrap().observations, model.stack.concat());
                let mut ended = false;
                let actions = environments.actions().to_vec();
                for row in random_actions(if i == 0 { 300 } else { 40 }, 1, actions.len()) {
                    let batch = environments.step(&row).unwrap();
                    let mut said = (0, false, false);
                    if ended {
                        model.reset();
                        ended = false;
                    } else {
                        let (reward, terminated, truncated, over) = model.step(actions[row[0]]);
                        said = (reward, terminated, truncated);
                        ended = over;
                        ends += u32::from(over);
                    }
                    if ended && model.settings.autoreset == Autoreset::SameStep {
                        assert_eq!(batch.final_observation(0), Some(model.stack.concat().as_slice()));
                        model.reset();
                        ended = false;
                    } else {
                        assert_eq!(batch.final_observation(0), None);
                    }
                    assert_eq!((batch.rewards[0], batch.terminated[0], batch.truncated[0]), said);
                    assert_eq!(batch.lives[0], model.environment.lives());
                    assert_eq!(batch.frame_numbers[0], model.environment.frame_number());
                    assert!(batch.observations == model.stack.concat(), "skip {frame_skip}, cap {max_episode_frames}");
                }
            }
        }
        assert!(ends > 50, "{ends}");
    }

    #[test]
    fn an_episode_starts_with_the_no_ops_its_seed_draws_and_fire_is_one_of_them() {
        let mut environments = bricks(VectorSettings { num_envs: 2, ..VectorSettings::default() });
        assert!(environments.actions().contains(&Action::Fire));
        assert_eq!(environments.reset(Seeds::From(7)).unwrap().episode_frame_numbers, [2, 26]);
        assert_eq!(environments.reset(Seeds::Each(&[8, 7])).unwrap().frame_numbers, [26, 2]);
        let mut without =
            bricks(VectorSettings { num_envs: 2, noop_max: 0, use_fire_reset: false, ..VectorSettings::default() });
        assert_eq!(without.reset(Seeds::From(7)).unwrap().episode_frame_numbers, [0, 0]);
        let mut fire_alone = bricks(VectorSettings { num_envs: 2, noop_max: 0, ..VectorSettings::default() });
        assert_eq!(fire_alone.reset(Seeds::From(7)).unwrap().episode_frame_numbers, [1, 1]);
    }

    #[test]
    fn without_a_seed_the_generators_go_on_and_the_frames_are_counted_on() {
        let mut environments = bricks(VectorSettings { num_envs: 2, ..VectorSettings::default() });
        environments.reset(Seeds::Each(&[7, 7])).unwrap();
        // Negative seeds are none.
        let batch = environments.reset(Seeds::Each(&[-1, -5])).unwrap();
        let mut random = MersenneTwister::new(7);
        let draws = [lane::draw_below(&mut random, 30), lane::draw_below(&mut random, 30)];
        assert_eq!(batch.episode_frame_numbers, [draws[1].max(1); 2]);
        assert_eq!(batch.frame_numbers, [draws[0] + draws[1].max(1); 2]);
        // The very first reset needs no seed either.
        bricks(VectorSettings::default()).reset(Seeds::None).unwrap();
    }

    #[test]
    fn the_next_step_after_an_end_starts_the_new_episode() {
        let mut environments = bricks(VectorSettings { max_episode_frames: 8, ..VectorSettings::default() });
        environments.reset(Seeds::From(1)).unwrap();
        assert_eq!(environments.step(&[0]).unwrap().truncated, [false]);
        assert_eq!(environments.step(&[0]).unwrap().truncated, [true]);
        let batch = environments.step(&[3]).unwrap();
        assert_eq!((batch.rewards, batch.terminated, batch.truncated), (&[0][..], &[false][..], &[false][..]));
        let (older, newest) = batch.observations.split_at(3 * 84 * 84);
        assert!(older.iter().all(|&pixel| pixel == 0) && newest.iter().any(|&pixel| pixel > 0));
        assert_eq!(environments.step(&[0]).unwrap().truncated, [false]);
    }

    #[test]
    fn the_same_step_keeps_the_last_observation_apart() {
        let settings = VectorSettings { max_episode_frames: 8, ..VectorSettings::default() };
        let mut next = bricks(settings.clone());
        let mut same = bricks(VectorSettings { autoreset: Autoreset::SameStep, ..settings });
        next.reset(Seeds::From(1)).unwrap();
        same.reset(Seeds::From(1)).unwrap();
        next.step(&[0]).unwrap();
        assert_eq!(same.step(&[0]).unwrap().final_observations().count(), 0);
        let ended = next.step(&[0]).unwrap().observations.to_vec();
        let batch = same.step(&[0]).unwrap();
        assert_eq!((batch.truncated, batch.final_observation(0)), (&[true][..], Some(ended.as_slice())));
        let restarted = next.step(&[0]).unwrap();
        assert_eq!(batch.observations, restarted.observations);
        assert_eq!(batch.episode_frame_numbers, restarted.episode_frame_numbers);
        assert_eq!(same.step(&[0]).unwrap().final_observation(0), None);
        assert_eq!(same.current().unwrap().final_observation(1), None);
    }

    #[test]
    fn a_masked_reset_leaves_the_others_as_they_were() {
        let settings = VectorSettings { num_envs: 3, max_episode_frames: 4, ..VectorSettings::default() };
        let mut environments = bricks(settings);
        environments.reset(Seeds::From(1)).unwrap();
        environments.step(&[0; 3]).unwrap();
        let before = environments.current().unwrap().observation(0).unwrap().to_vec();
        let batch = environments.reset_masked(&[false, true, true], Seeds::Each(&[7, 8])).unwrap();
        assert_eq!((batch.truncated, batch.observation(0)), (&[true, false, false][..], Some(before.as_slice())));
        assert_eq!(batch.episode_frame_numbers[1..], [2, 26]);
        // The one left out still has its episode to restart; the others play.
        assert_eq!(environments.step(&[0; 3]).unwrap().truncated, [false, true, true]);
    }

    #[test]
    fn every_bad_setting_is_reported_with_its_value_and_its_range() {
        let settings = VectorSettings {
            num_envs: 0,
            max_episode_frames: 0,
            sticky_probability: 1.5,
            action_space: ActionSpace::Continuous { threshold: f32::NAN },
            height: 0,
            width: 4097,
            stack: 0,
            frame_skip: 0,
            ..VectorSettings::default()
        };
        let error = VectorEnvironment::new(&CartridgeImage::bricks(), settings).unwrap_err();
        let VectorError::Settings(faults) = &error else { panic!("{error}") };
        let names: Vec<_> = faults.iter().map(|fault| fault.setting).collect();
        let expected =
            ["num_envs", "max_episode_frames", "sticky_probability", "height", "width", "stack", "frame_skip"];
        assert_eq!(names, [&expected[..], &["threshold"]].concat());
        assert!(error.to_string().contains("width is 4097, allowed is 1 to 4096"), "{error}");
        let huge = VectorSettings { num_envs: usize::MAX / 2, ..VectorSettings::default() };
        let error = VectorEnvironment::new(&CartridgeImage::bricks(), huge).unwrap_err();
        assert!(matches!(error, VectorError::TooLarge { bytes_each: 28224, .. }), "{error}");
    }

    #[test]
    fn what_is_refused_changes_nothing() {
        let mut environments = bricks(VectorSettings { num_envs: 2, ..VectorSettings::default() });
        assert_eq!(environments.step(&[0, 0]).unwrap_err(), VectorError::NotReset);
        assert_eq!(environments.current().unwrap_err(), VectorError::NotReset);
        assert_eq!(environments.reset_masked(&[true, true], Seeds::None).unwrap_err(), VectorError::NotReset);
        let far = 1 << 31;
        let error = environments.reset(Seeds::From(far - 1)).unwrap_err();
        assert_eq!(error, VectorError::SeedOutOfRange { env: 1, found: far });
        assert_eq!(environments.step(&[0, 0]).unwrap_err(), VectorError::NotReset);
        environments.reset(Seeds::From(1)).unwrap();
        let before = said(&environments.step(&[0, 0]).unwrap());
        let count = environments.actions().len();
        let errors = [
            environments.step(&[0]).unwrap_err(),
            environments.step(&[0, count]).unwrap_err(),
            environments.step_continuous(&[ContinuousAction::default(); 2]).unwrap_err(),
            environments.reset(Seeds::Each(&[1])).unwrap_err(),
            environments.reset_masked(&[true], Seeds::None).unwrap_err(),
            environments.reset_masked(&[true, false], Seeds::Each(&[1, 2])).unwrap_err(),
        ];
        let expected = [
            VectorError::ActionCount { found: 1, expected: 2 },
            VectorError::ActionOutOfRange { env: 1, found: count, actions: count },
            VectorError::ActionKind { found: "continuous", expected: "discrete" },
            VectorError::SeedCount { found: 1, expected: 2 },
            VectorError::MaskLength { found: 1, expected: 2 },
            VectorError::SeedCount { found: 2, expected: 1 },
        ];
        assert_eq!(errors, expected);
        assert_eq!(said(&environments.current().unwrap()), before);
        let mut other = bricks(VectorSettings { num_envs: 2, ..VectorSettings::default() });
        other.reset(Seeds::From(1)).unwrap();
        other.step(&[0, 0]).unwrap();
        assert_eq!(said(&environments.step(&[1, 2]).unwrap()), said(&other.step(&[1, 2]).unwrap()));
    }

    #[test]
    fn a_continuous_action_is_a_direction_past_the_threshold() {
        let discrete = |radius, angle: f32, fire| ContinuousAction { radius, angle, fire }.discrete(0.5);
        let eighth = std::f32::consts::FRAC_PI_4;
        let around = [
            Action::Right,
            Action::UpRight,
            Action::Up,
            Action::UpLeft,
            Action::Left,
            Action::DownLeft,
            Action::Down,
            Action::DownRight,
        ];
        for (i, action) in around.into_iter().enumerate() {
            assert_eq!(discrete(1.0, eighth * i as f32, 0.5), action);
        }
        assert_eq!(discrete(1.0, eighth, 0.6), Action::UpRightFire);
        assert_eq!((discrete(0.5, 0.0, 0.0), discrete(0.5, 0.0, 1.0)), (Action::Noop, Action::Fire));
    }

    #[test]
    fn continuous_actions_are_taken_and_checked() {
        let space = ActionSpace::Continuous { threshold: 0.5 };
        let mut environments = bricks(VectorSettings { action_space: space, ..VectorSettings::default() });
        assert_eq!(environments.actions().len(), 18);
        environments.reset(Seeds::From(1)).unwrap();
        environments.step_continuous(&[ContinuousAction { radius: 1.0, angle: 3.0, fire: 1.0 }]).unwrap();
        let error = environments.step(&[0]).unwrap_err();
        assert_eq!(error, VectorError::ActionKind { found: "discrete", expected: "continuous" });
        for (radius, angle, fire, wrong) in
            [(1.5, 0.0, 0.0, "radius 1.5"), (0.0, f32::INFINITY, 0.0, "angle inf"), (0.0, 0.0, f32::NAN, "fire NaN")]
        {
            let error = environments.step_continuous(&[ContinuousAction { radius, angle, fire }]).unwrap_err();
            assert!(error.to_string().starts_with(wrong), "{error}");
        }
    }
}
