//! Steps the environments of a [`VectorQueue`](super::VectorQueue) job by job, and collects their results in batches.

use super::autoreset::AutoresetEnvironment;
use super::queue::VectorResults;
use super::settings::Autoreset;
use super::{Command, VectorEnvironment};

/// Commands for environments, in the order in which their results are to be received. An environment may occur again.
pub(super) type Job = Vec<(usize, Command)>;

/// The results of `batch_size` environments, or of fewer while it is being filled.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Always room for `batch_size` observations.
    pub(super) observations: Vec<u8>,
    pub(super) results: VectorResults,
}

/// The environments, and the batch that their next results go to.
#[derive(Debug)]
pub(super) struct Stepper {
    pub(super) environments: VectorEnvironment,
    batch_size: usize,
    open: Option<Batch>,
    /// Batches that were received, to be filled again.
    pub(super) spare: Vec<Batch>,
}

impl Stepper {
    pub(super) fn new(environments: VectorEnvironment, batch_size: usize) -> Self {
        Self { environments, batch_size, open: None, spare: Vec::new() }
    }

    /// Bytes of one observation.
    fn bytes_each(&self) -> usize {
        self.environments.observations.len() / self.environments.envs.len()
    }

    /// Executes one command for every environment, in their order. The observations go to the caller's buffer, which
    /// has the size of a batch of all environments.
    pub(super) fn execute_all(
        &mut self,
        commands: impl Iterator<Item = Command>,
        observations: &mut [u8],
    ) -> VectorResults {
        let each = self.bytes_each();
        let environments = &mut self.environments;
        environments.commands.iter_mut().zip(commands).for_each(|(place, command)| *place = command);
        environments.run(observations.chunks_exact_mut(each).map(Some).collect());
        let mut results = VectorResults::default();
        for (id, env) in environments.envs.iter().enumerate() {
            results.push(id, env, self.batch_size);
        }
        if self.environments.settings().autoreset == Autoreset::SameStep {
            results.complete_final_observations(observations);
        }
        results
    }

    /// Executes a job. Returns the batches that it filled, in their order.
    pub(super) fn execute(&mut self, job: &[(usize, Command)]) -> Vec<Batch> {
        let mut filled = Vec::new();
        let mut rest = job;
        while !rest.is_empty() {
            self.environments.commands.fill(Command::Rest);
            let mut distinct = 0;
            for &(env, command) in rest {
                let place = &mut self.environments.commands[env];
                if !matches!(place, Command::Rest) {
                    break;
                }
                *place = command;
                distinct += 1;
            }
            let (now, later) = rest.split_at(distinct);
            self.execute_commands(now, &mut filled);
            rest = later;
        }
        filled
    }

    /// Executes the environments' commands, which `job` has too: each environment at most once.
    fn execute_commands(&mut self, job: &[(usize, Command)], filled: &mut Vec<Batch>) {
        let each = self.bytes_each();
        let mut next = || self.spare.pop().unwrap_or_default();
        let mut batches = vec![self.open.take().unwrap_or_else(&mut next)];
        let room = self.batch_size - batches[0].results.env_ids.len();
        let more = job.len().saturating_sub(room).div_ceil(self.batch_size);
        batches.extend((0..more).map(|_| next()));
        for batch in &mut batches {
            batch.observations.resize(self.batch_size * each, 0);
        }
        let mut rows: Vec<Option<&mut [u8]>> = self.environments.envs.iter().map(|_| None).collect();
        let free = batches.iter_mut().flat_map(|Batch { observations, results }| {
            observations.chunks_exact_mut(each).skip(results.env_ids.len())
        });
        for (&(env, _), row) in job.iter().zip(free) {
            rows[env] = Some(row);
        }
        self.environments.run(rows);
        let mut ids = job.iter().map(|&(env, _)| env);
        for mut batch in batches {
            let room = self.batch_size - batch.results.env_ids.len();
            for id in ids.by_ref().take(room) {
                batch.results.push(id, &self.environments.envs[id], self.batch_size);
            }
            if batch.results.env_ids.len() == self.batch_size {
                if self.environments.settings().autoreset == Autoreset::SameStep {
                    batch.results.complete_final_observations(&batch.observations);
                }
                filled.push(batch);
            } else {
                self.open = Some(batch);
            }
        }
    }

    /// Forgets the results that do not fill a batch.
    pub(super) fn forget_open(&mut self) {
        self.open = None;
    }
}

impl VectorResults {
    /// Adds the results of an environment to those of a batch of `batch_size`.
    fn push(&mut self, id: usize, env: &AutoresetEnvironment, batch_size: usize) {
        let outcome = &env.outcome;
        if env.has_final {
            let bytes = env.final_observation.len();
            let begin = self.env_ids.len() * bytes;
            self.final_observations.resize(batch_size * bytes, 0);
            self.final_observations[begin..begin + bytes].copy_from_slice(&env.final_observation);
        }
        self.restarted.push(env.has_final);
        self.env_ids.push(id);
        self.rewards.push(outcome.reward);
        self.terminated.push(outcome.terminated);
        self.truncated.push(outcome.truncated);
        self.lives.push(outcome.lives);
        self.frame_numbers.push(outcome.frame_number);
        self.episode_frame_numbers.push(outcome.episode_frame_number);
    }

    /// Fills the final observations of environments that go on, if the batch has any that do not. With
    /// [`life_loss_info`](super::VectorSettings::life_loss_info) an environment that goes on can be among the
    /// terminated.
    fn complete_final_observations(&mut self, observations: &[u8]) {
        if !self.terminated.iter().chain(&self.truncated).any(|&over| over) {
            return;
        }
        self.final_observations.resize(observations.len(), 0);
        let each = observations.len() / self.restarted.len();
        let rows = self.final_observations.chunks_exact_mut(each).zip(observations.chunks_exact(each));
        for ((last, shown), _) in rows.zip(&self.restarted).filter(|(_, &restarted)| !restarted) {
            last.copy_from_slice(shown);
        }
    }
}
