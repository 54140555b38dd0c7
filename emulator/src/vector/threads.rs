//! The threads that share the tasks of a step: the caller's own, and workers that it wakes.

use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{mem, process, thread};

/// How long a thread without a task waits awake for the others' last tasks. It is a little more than a usual step of
/// one environment. A thread that sleeps instead costs the next step, or this one's end, the time to wake it.
const PATIENCE: Duration = Duration::from_micros(100);

/// The caller's thread and `count - 1` workers.
pub(super) struct Threads {
    count: usize,
    /// `None`: the caller works alone.
    workers: Option<ThreadPool>,
    /// The process that started the workers. A process forked from it has none of its threads.
    process: u32,
}

impl Threads {
    /// `count` threads, the caller's included; fewer if the operating system refuses to start so many.
    pub(super) fn new(mut count: usize) -> Self {
        let name = |worker| format!("vector environment {}", worker + 1);
        let mut workers = None;
        while count > 1 && workers.is_none() {
            workers = ThreadPoolBuilder::new().num_threads(count - 1).thread_name(name).build().ok();
            if workers.is_none() {
                count /= 2;
            }
        }
        Self { count: count.max(1), workers, process: process::id() }
    }

    /// Starts new workers if this process was forked from the one that has them.
    fn follow_fork(&mut self) {
        if self.workers.is_some() && self.process != process::id() {
            *self = Self::new(self.count);
        }
    }

    /// All threads, the caller's included.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Calls `work` once for every task of every shard. A thread takes the tasks of its own shard before the others',
    /// one at a time. So an environment's state stays in the cache of one core, and no thread is idle while a task
    /// waits.
    ///
    /// # Panics
    /// If `work` does.
    pub(super) fn run<S: ExactSizeIterator + Send>(
        &mut self,
        shards: impl Iterator<Item = S>,
        work: impl Fn(S::Item) + Sync,
    ) {
        self.follow_fork();
        let Some(workers) = &self.workers else {
            shards.for_each(|shard| shard.for_each(&work));
            return;
        };
        let shards: Vec<_> = shards.collect();
        let unfinished = AtomicUsize::new(shards.iter().map(S::len).sum());
        let working = AtomicUsize::new(self.count - 1);
        let shards: Vec<_> = shards.into_iter().map(Mutex::new).collect();
        let take_tasks = |own: usize| {
            let (before, from_own) = shards.split_at(own.min(shards.len()));
            for shard in from_own.iter().chain(before) {
                while let Some(task) = next(shard) {
                    work(task);
                    unfinished.fetch_sub(1, Ordering::Release);
                }
            }
        };
        workers.in_place_scope(|scope| {
            for _ in 1..self.count {
                scope.spawn(|_| {
                    take_tasks(rayon::current_thread_index().map_or(0, |worker| worker + 1));
                    wait_for_none(&unfinished);
                    working.fetch_sub(1, Ordering::Release);
                });
            }
            take_tasks(0);
            wait_for_none(&working);
            // Rayon puts the caller to sleep at once if a worker has not yet left its closure, which takes it
            // nanoseconds.
            thread::yield_now();
        });
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if self.process != process::id() {
            // The pool would wait for locks that the other process's workers may hold.
            mem::forget(self.workers.take());
        }
    }
}

fn next<S: Iterator>(shard: &Mutex<S>) -> Option<S::Item> {
    shard.lock().unwrap_or_else(PoisonError::into_inner).next()
}

/// Waits until `number` is 0, but not longer than [`PATIENCE`].
fn wait_for_none(number: &AtomicUsize) {
    let begun = Instant::now();
    while number.load(Ordering::Acquire) > 0 && begun.elapsed() < PATIENCE {
        // Not a busy loop: another program may need this core, possibly the thread waited for.
        thread::yield_now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::panic::{catch_unwind, AssertUnwindSafe};
    use std::sync::Condvar;

    #[test]
    fn every_task_is_done_once() {
        for count in 1..=4 {
            let mut threads = Threads::new(count);
            assert_eq!(threads.count(), count);
            for per_shard in [1, 2, 3, 7, 20] {
                let mut done = [0; 20];
                for _ in 0..50 {
                    threads.run(done.chunks_mut(per_shard).map(<[u32]>::iter_mut), |done| *done += 1);
                }
                assert_eq!(done, [50; 20], "{count} threads, {per_shard} tasks a shard");
            }
        }
    }

    /// The threads that work when each of three tasks waits for the two others.
    fn threads_of_three_tasks(shards: [usize; 3]) -> usize {
        let mut threads = Threads::new(3);
        let (met, all_met) = (Mutex::new(HashSet::new()), Condvar::new());
        threads.run(shards.into_iter().map(|tasks| 0..tasks), |_| {
            let mut met = met.lock().unwrap();
            met.insert(thread::current().id());
            all_met.notify_all();
            let _ = all_met.wait_timeout_while(met, Duration::from_secs(20), |met| met.len() < 3).unwrap();
        });
        let met = met.into_inner().unwrap();
        assert!(met.contains(&thread::current().id()), "the caller works too");
        met.len()
    }

    #[test]
    fn the_caller_and_all_workers_work_at_the_same_time() {
        assert_eq!(threads_of_three_tasks([1, 1, 1]), 3);
    }

    #[test]
    fn threads_whose_own_shard_is_empty_take_the_others_tasks() {
        assert_eq!(threads_of_three_tasks([3, 0, 0]), 3);
        assert_eq!(threads_of_three_tasks([0, 0, 3]), 3);
    }

    #[test]
    fn a_forked_process_starts_workers_of_its_own() {
        let mut threads = Threads::new(2);
        threads.process = 0;
        let done = AtomicUsize::new(0);
        threads.run([0..3, 3..5].into_iter(), |_| {
            done.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!((done.into_inner(), threads.process), (5, process::id()));
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_threads_work_on() {
        let mut threads = Threads::new(2);
        let panic = catch_unwind(AssertUnwindSafe(|| {
            threads.run([0..1, 1..2].into_iter(), |task| assert_ne!(task, 1, "task 1 fails"));
        }));
        assert!(panic.unwrap_err().downcast_ref::<String>().unwrap().contains("task 1 fails"));
        let done = AtomicUsize::new(0);
        threads.run([0..3, 3..5].into_iter(), |_| {
            done.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(done.into_inner(), 5);
    }
}
