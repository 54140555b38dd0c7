//! Environments that are sent actions and step in the background, in batches that may be smaller than their number.

use super::error::VectorError;
use super::settings::VectorSettings;
use super::stepper::{Batch, Job, Stepper};
use super::{reset_command, step_command, Command, VectorEnvironment};
use crate::action::Action;
use crate::image::CartridgeImage;
use crate::setting_fault::SettingFault;
use std::collections::VecDeque;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::{fmt, mem, process, thread};

/// An action by its index, and how far the stick is pushed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IndexedAction {
    /// Index into [`VectorQueue::actions`].
    pub index: usize,
    /// Paddles turn by this many times the distance of a usual action; 1 is a usual action. Joysticks ignore it.
    pub strength: f32,
}

/// The results of a batch besides its observations. Vectors have one entry for each environment of the batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VectorResults {
    /// The environments' numbers. The next actions sent are for these, in this order.
    pub env_ids: Vec<usize>,
    /// Rewards of the step, clipped to -1..=1 unless the settings say otherwise; 0 after a reset.
    pub rewards: Vec<i32>,
    /// The episode ended by the game's rules, or with a lost life if the settings say so.
    pub terminated: Vec<bool>,
    /// The episode was cut off by [`VectorSettings::max_episode_frames`] and has not terminated.
    pub truncated: Vec<bool>,
    /// Lives left by the game's own counting.
    pub lives: Vec<i32>,
    /// Frames since the cartridge was loaded.
    pub frame_numbers: Vec<u32>,
    /// Frames since the last reset, including FIRE and no-ops.
    pub episode_frame_numbers: Vec<u32>,
    /// Whether an episode ended in this step and the next one has begun: only with
    /// [`Autoreset::SameStep`](super::Autoreset::SameStep).
    pub restarted: Vec<bool>,
    /// What the step led to, before the next episode began: the last observations of the episodes of `restarted`
    /// environments, and the same observations as the batch's for the others. Only with
    /// [`Autoreset::SameStep`](super::Autoreset::SameStep), and only if an environment of the batch was terminated or
    /// truncated; otherwise empty.
    pub final_observations: Vec<u8>,
}

/// Environments that take actions for some of them while others are at work: EnvPool's and ale-py's `send` and `recv`.
///
/// Results come in batches of `batch_size`, in the order in which their actions were sent. So with 4 environments and
/// batches of 2 the reset gives environments 0 and 1, and the following batches are 2 and 3, 0 and 1, and so on: while
/// the caller chooses actions for two, the other two are stepped. The same seeds and actions give the same batches,
/// with any number of threads. [`send`](Self::send) returns at once, and a thread of the queue begins the work.
///
/// ```
/// use atari_emulator::vector::{IndexedAction, VectorQueue, VectorSettings};
/// use atari_emulator::CartridgeImage;
///
/// let settings = VectorSettings::default().with_num_envs(4).with_num_threads(2);
/// let mut queue = VectorQueue::new(&CartridgeImage::bricks(), settings, 2)?;
/// let mut observations = vec![0; queue.observations_len()];
/// let first = queue.reset(&[(0, 7), (1, 8), (2, 9), (3, 10)], &mut observations)?;
/// assert_eq!(first.env_ids, [0, 1]);
/// queue.send(&[IndexedAction { index: 1, strength: 1.0 }; 2])?;
/// let results = queue.recv(&mut observations)?; // meanwhile the environments 0 and 1 press FIRE
/// assert_eq!(results.env_ids, [2, 3]);
/// # Ok::<(), atari_emulator::vector::VectorError>(())
/// ```
pub struct VectorQueue {
    settings: VectorSettings,
    actions: Vec<Action>,
    batch_size: usize,
    bytes_each: usize,
    /// The environments of the batch received last; empty before the first reset.
    last_ids: Vec<usize>,
    /// Results that were asked for and not received.
    undelivered: usize,
    /// Batches sent and not received.
    sent: usize,
    shared: Arc<Shared>,
    /// Whether the thread that steps in the background was started.
    has_driver: bool,
    /// The process that the threads belong to.
    process: u32,
}

/// What the caller and the thread in the background share.
struct Shared {
    state: Mutex<State>,
    /// There is a job, or the queue was dropped. Only the thread in the background waits for it.
    sent: Condvar,
    /// A job is done.
    done: Condvar,
}

struct State {
    /// `None` while a thread executes a job.
    stepper: Option<Box<Stepper>>,
    /// Sent and not begun, oldest first.
    jobs: VecDeque<Job>,
    /// Filled and not received, oldest first.
    finished: VecDeque<Batch>,
    /// Received batches, to be filled again.
    spare: Vec<Batch>,
    /// A thread panicked while it had the stepper.
    lost: bool,
    /// The queue was dropped.
    closed: bool,
}

impl State {
    /// Whether nothing is left to be done and no thread has the stepper.
    fn idle(&self) -> bool {
        self.jobs.is_empty() && self.stepper.is_some()
    }
}

impl Shared {
    fn new(state: State) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(state), sent: Condvar::new(), done: Condvar::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Executes the oldest job on this thread. Does nothing if there is none or another thread has the stepper.
    fn execute_oldest<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let Some(mut stepper) = state.stepper.take() else { return state };
        let Some(job) = state.jobs.pop_front() else {
            state.stepper = Some(stepper);
            return state;
        };
        stepper.spare.append(&mut state.spare);
        drop(state);
        let (mut state, filled) = self.work(stepper, |stepper| stepper.execute(&job));
        state.finished.extend(filled.into_iter().flatten());
        state
    }

    /// Calls `work` with the stepper and puts it back. `None` if `work` panicked; the environments are then lost.
    fn work<T>(
        &self,
        mut stepper: Box<Stepper>,
        work: impl FnOnce(&mut Stepper) -> T,
    ) -> (MutexGuard<'_, State>, Option<T>) {
        let done = catch_unwind(AssertUnwindSafe(|| work(&mut stepper))).ok();
        let mut state = self.lock();
        match done {
            Some(_) => state.stepper = Some(stepper),
            None => state.lost = true,
        }
        self.done.notify_all();
        (state, done)
    }

    /// Executes jobs until the queue is dropped.
    fn drive(&self) {
        let mut state = self.lock();
        while !state.closed {
            state = if state.stepper.is_some() && !state.jobs.is_empty() {
                self.execute_oldest(state)
            } else {
                self.sent.wait(state).unwrap_or_else(PoisonError::into_inner)
            };
        }
    }
}

impl VectorQueue {
    /// Environments with `image` in their cartridge slots, whose results come in batches of `batch_size`. They must be
    /// [`reset`](Self::reset) before the first [`send`](Self::send).
    ///
    /// # Errors
    /// As [`VectorEnvironment::new`]. [`VectorError::Settings`] also if `batch_size` is not in `1..=num_envs`.
    pub fn new(image: &CartridgeImage, settings: VectorSettings, batch_size: usize) -> Result<Self, VectorError> {
        let num_envs = settings.num_envs;
        if num_envs > 0 {
            let allowed = format!("1 to {num_envs}, the number of environments");
            SettingFault::unless((1..=num_envs).contains(&batch_size), "batch_size", &batch_size, &allowed)
                .map_err(|fault| VectorError::Settings(vec![fault]))?;
        }
        let environments = VectorEnvironment::new(image, settings)?;
        Ok(Self {
            settings: environments.settings().clone(),
            actions: environments.actions().to_vec(),
            batch_size,
            bytes_each: environments.observations.len() / num_envs,
            last_ids: Vec::new(),
            undelivered: 0,
            sent: 0,
            shared: Shared::new(State {
                stepper: Some(Box::new(Stepper::new(environments, batch_size))),
                jobs: VecDeque::new(),
                finished: VecDeque::new(),
                spare: Vec::new(),
                lost: false,
                closed: false,
            }),
            has_driver: false,
            process: process::id(),
        })
    }

    /// The settings that the environments were made with.
    pub fn settings(&self) -> &VectorSettings {
        &self.settings
    }

    /// The actions by index, in ascending ALE number; with continuous actions all eighteen.
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    /// Environments in a batch.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Bytes of a batch's observations: gray values of shape (batch, stack, height, width), oldest frame first. In
    /// color there is a last axis of 3 channels.
    pub fn observations_len(&self) -> usize {
        self.batch_size * self.bytes_each
    }

    /// Starts new episodes in environments, each given with its seed ([`Seeds`](super::Seeds) says what seeds do; a
    /// negative one is none). Writes the observations of the first batch: environment 0 and the following, also those
    /// that were not reset if batches have all environments. Results of earlier steps that were not received are
    /// dropped.
    ///
    /// # Errors
    /// [`VectorError::DuplicateReset`], [`VectorError::NoSuchEnvironment`], [`VectorError::SeedOutOfRange`],
    /// [`VectorError::FirstReset`], [`VectorError::PartialReset`], [`VectorError::NotReceived`],
    /// [`VectorError::BufferLength`], [`VectorError::Forked`], [`VectorError::Lost`].
    pub fn reset(&mut self, starts: &[(usize, i64)], observations: &mut [u8]) -> Result<VectorResults, VectorError> {
        self.follow_fork()?;
        let num_envs = self.settings.num_envs;
        let started = !self.last_ids.is_empty();
        let mut commands = vec![Command::Rest; num_envs];
        for &(env, seed) in starts {
            let place = commands.get_mut(env).ok_or(VectorError::NoSuchEnvironment { found: env, num_envs })?;
            if !matches!(place, Command::Rest) {
                return Err(VectorError::DuplicateReset { env });
            }
            *place = reset_command(env, seed, started)?;
        }
        if starts.len() < num_envs && !started {
            return Err(VectorError::FirstReset { found: starts.len(), expected: num_envs });
        }
        if starts.len() < num_envs && self.batch_size < num_envs {
            return Err(VectorError::PartialReset { batch_size: self.batch_size, num_envs });
        }
        if self.sent > 0 {
            return Err(VectorError::NotReceived { batches: self.sent });
        }
        self.check_buffer(observations)?;
        let results = self.with_stepper(|stepper| {
            // An end in the previous step is no end in this one, also for environments that are not reset.
            stepper.environments.envs.iter_mut().for_each(|env| env.has_final = false);
            if self.batch_size == num_envs {
                return Ok(stepper.execute_all(commands.into_iter(), observations));
            }
            stepper.forget_open();
            Err(stepper.execute(&commands.into_iter().enumerate().collect::<Job>()))
        })?;
        self.undelivered = 0;
        match results {
            Ok(results) => Ok(self.delivered(VectorResults { final_observations: Vec::new(), ..results })),
            Err(batches) => {
                self.undelivered = num_envs;
                self.shared.lock().finished = batches.into();
                self.recv(observations)
            }
        }
    }

    /// Has the environments of the batch received last take these actions, one each, in the order of their numbers in
    /// that batch. Returns at once; the results are for [`recv`](Self::recv). Batches may be sent one after the other:
    /// each environment takes its actions in their order.
    ///
    /// # Errors
    /// [`VectorError::NotReset`], [`VectorError::ActionCount`], [`VectorError::ActionOutOfRange`],
    /// [`VectorError::Forked`], [`VectorError::Lost`].
    pub fn send(&mut self, actions: &[IndexedAction]) -> Result<(), VectorError> {
        self.follow_fork()?;
        let job = self.job(actions)?;
        let mut state = self.shared.lock();
        if state.lost {
            return Err(VectorError::Lost);
        }
        state.jobs.push_back(job);
        drop(state);
        self.undelivered += actions.len();
        self.sent += 1;
        if self.has_driver {
            self.shared.sent.notify_one();
        } else {
            let shared = Arc::clone(&self.shared);
            let driver = thread::Builder::new().name("vector queue".into()).spawn(move || shared.drive());
            // Without a thread in the background, `recv` does all the work.
            self.has_driver = driver.is_ok();
        }
        Ok(())
    }

    /// Waits for the next batch, and writes its observations.
    ///
    /// # Errors
    /// [`VectorError::NothingSent`], [`VectorError::BufferLength`], [`VectorError::Forked`], [`VectorError::Lost`].
    pub fn recv(&mut self, observations: &mut [u8]) -> Result<VectorResults, VectorError> {
        self.follow_fork()?;
        let nothing_sent = VectorError::NothingSent { found: self.undelivered, batch_size: self.batch_size };
        if self.undelivered < self.batch_size {
            return Err(nothing_sent);
        }
        self.check_buffer(observations)?;
        let mut state = self.shared.lock();
        let mut batch = loop {
            if let Some(batch) = state.finished.pop_front() {
                break batch;
            }
            if state.lost {
                return Err(VectorError::Lost);
            }
            if state.idle() {
                return Err(nothing_sent);
            }
            state = self.advance(state);
        };
        drop(state);
        observations.copy_from_slice(&batch.observations);
        let results = mem::take(&mut batch.results);
        self.shared.lock().spare.push(batch);
        Ok(self.delivered(results))
    }

    /// [`send`](Self::send), then [`recv`](Self::recv). If batches have all environments, the observations are written
    /// directly into the caller's buffer by the threads that make them.
    ///
    /// # Errors
    /// As `send` and `recv`.
    pub fn step(&mut self, actions: &[IndexedAction], observations: &mut [u8]) -> Result<VectorResults, VectorError> {
        self.check_buffer(observations)?;
        if self.batch_size < self.settings.num_envs || self.undelivered > 0 {
            self.send(actions)?;
            return self.recv(observations);
        }
        self.follow_fork()?;
        let commands = self.job(actions)?.into_iter().map(|(_, command)| command);
        let results = self.with_stepper(|stepper| stepper.execute_all(commands, observations))?;
        Ok(self.delivered(results))
    }

    /// Waits until everything that was sent is done, whether it was received or not. A process that is forked then can
    /// go on with the environments, in both processes.
    ///
    /// # Errors
    /// [`VectorError::Forked`], [`VectorError::Lost`].
    pub fn wait(&mut self) -> Result<(), VectorError> {
        self.follow_fork()?;
        self.wait_until_idle().map(drop)
    }

    /// Waits until the next job is done. Without a thread in the background it is done here.
    fn advance<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        // Where there is another thread, jobs are left to it: its core has the environments in its cache.
        if self.has_driver || state.stepper.is_none() {
            self.shared.done.wait(state).unwrap_or_else(PoisonError::into_inner)
        } else {
            self.shared.execute_oldest(state)
        }
    }

    fn wait_until_idle(&self) -> Result<MutexGuard<'_, State>, VectorError> {
        let mut state = self.shared.lock();
        while !state.idle() {
            if state.lost {
                return Err(VectorError::Lost);
            }
            state = self.advance(state);
        }
        Ok(state)
    }

    /// Calls `work` with the stepper, without the lock, once everything that was sent is done.
    fn with_stepper<T>(&self, work: impl FnOnce(&mut Stepper) -> T) -> Result<T, VectorError> {
        let mut state = self.wait_until_idle()?;
        let stepper = state.stepper.take().ok_or(VectorError::Lost)?;
        drop(state);
        self.shared.work(stepper, work).1.ok_or(VectorError::Lost)
    }

    /// The commands for the environments of the last batch.
    fn job(&self, actions: &[IndexedAction]) -> Result<Job, VectorError> {
        if self.last_ids.is_empty() {
            return Err(VectorError::NotReset);
        }
        if actions.len() != self.batch_size {
            return Err(VectorError::ActionCount { found: actions.len(), expected: self.batch_size });
        }
        let commands = self.last_ids.iter().zip(actions);
        commands
            .map(|(&env, action)| Ok((env, step_command(&self.actions, env, action.index, action.strength)?)))
            .collect()
    }

    fn check_buffer(&self, observations: &[u8]) -> Result<(), VectorError> {
        let (found, expected) = (observations.len(), self.observations_len());
        if found == expected {
            Ok(())
        } else {
            Err(VectorError::BufferLength { found, expected })
        }
    }

    fn delivered(&mut self, results: VectorResults) -> VectorResults {
        self.undelivered = self.undelivered.saturating_sub(self.batch_size);
        self.sent = self.sent.saturating_sub(1);
        self.last_ids.clone_from(&results.env_ids);
        results
    }

    /// In a process that was forked from the one that made the queue: takes the environments over from the threads that
    /// the new process does not have.
    ///
    /// # Errors
    /// [`VectorError::Forked`] if a thread had the environments at that moment.
    fn follow_fork(&mut self) -> Result<(), VectorError> {
        let process = process::id();
        if process == self.process {
            return Ok(());
        }
        // The lock may be held by a thread that does not exist here.
        let state = match self.shared.state.try_lock() {
            Ok(mut state) if state.stepper.is_some() || state.lost => State {
                stepper: state.stepper.take(),
                jobs: mem::take(&mut state.jobs),
                finished: mem::take(&mut state.finished),
                spare: Vec::new(),
                lost: state.lost,
                closed: false,
            },
            _ => return Err(VectorError::Forked),
        };
        // Not dropped: nothing may touch what those threads wait for.
        mem::forget(mem::replace(&mut self.shared, Shared::new(state)));
        (self.has_driver, self.process) = (false, process);
        Ok(())
    }
}

impl Drop for VectorQueue {
    fn drop(&mut self) {
        if self.process == process::id() && self.has_driver {
            self.shared.lock().closed = true;
            self.shared.sent.notify_one();
        }
    }
}

impl fmt::Debug for VectorQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VectorQueue")
            .field("settings", &self.settings)
            .field("batch_size", &self.batch_size)
            .field("undelivered", &self.undelivered)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
