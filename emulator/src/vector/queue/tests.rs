use super::super::settings::Autoreset;
use super::super::Seeds;
use super::*;
use crate::random::MersenneTwister;
use std::time::{Duration, Instant};

fn queue(settings: VectorSettings, batch_size: usize) -> VectorQueue {
    VectorQueue::new(&CartridgeImage::bricks(), settings, batch_size).unwrap()
}

/// Short episodes, so that there are many ends.
fn settings(num_envs: usize, num_threads: usize, autoreset: Autoreset) -> VectorSettings {
    VectorSettings {
        num_envs,
        num_threads,
        autoreset,
        max_episode_frames: 30,
        sticky_probability: 0.25,
        ..VectorSettings::default()
    }
}

/// What environment `env` does as its `nth` action.
fn action(env: usize, nth: usize) -> usize {
    MersenneTwister::new((1000 * env + nth) as u32).draw() as usize % 4
}

fn indexed(index: usize) -> IndexedAction {
    IndexedAction { index, strength: 1.0 }
}

fn starts(num_envs: usize) -> Vec<(usize, i64)> {
    (0..num_envs).map(|env| (env, 5 + env as i64)).collect()
}

/// One environment's results of one step, in a form that can be compared.
type Said = (u32, i32, bool, bool, i32, u32, u32, Option<u32>);

/// What each environment says in its steps, after the reset as its step 0, when all are stepped together.
fn said_together(settings: VectorSettings, steps: usize) -> Vec<Vec<Said>> {
    let mut environments = VectorEnvironment::new(&CartridgeImage::bricks(), settings.clone()).unwrap();
    let mut said = vec![Vec::new(); settings.num_envs];
    let mut tell = |batch: super::super::VectorBatch| {
        for (env, said) in said.iter_mut().enumerate() {
            said.push((
                crc32fast::hash(batch.observation(env).unwrap()),
                batch.rewards[env],
                batch.terminated[env],
                batch.truncated[env],
                batch.lives[env],
                batch.frame_numbers[env],
                batch.episode_frame_numbers[env],
                batch.final_observation(env).map(crc32fast::hash),
            ));
        }
    };
    tell(environments.reset(Seeds::From(5)).unwrap());
    for nth in 0..steps {
        let actions: Vec<usize> = (0..settings.num_envs).map(|env| action(env, nth)).collect();
        tell(environments.step(&actions).unwrap());
    }
    said
}

/// Adds a batch's results to what each environment has said.
fn tell(said: &mut [Vec<Said>], results: &VectorResults, observations: &[u8]) {
    let each = observations.len() / results.env_ids.len();
    for (i, &env) in results.env_ids.iter().enumerate() {
        let shown = &observations[i * each..][..each];
        let last = results.final_observations.chunks_exact(each).nth(i);
        assert!(results.restarted[i] || last.is_none_or(|last| last == shown));
        said[env].push((
            crc32fast::hash(shown),
            results.rewards[i],
            results.terminated[i],
            results.truncated[i],
            results.lives[i],
            results.frame_numbers[i],
            results.episode_frame_numbers[i],
            last.filter(|_| results.restarted[i]).map(crc32fast::hash),
        ));
    }
}

#[test]
fn every_environment_says_in_small_batches_what_it_says_in_batches_of_all() {
    for autoreset in [Autoreset::NextStep, Autoreset::SameStep] {
        let expected = said_together(settings(4, 1, autoreset), 60);
        assert!(expected[0].iter().filter(|said| said.3).count() > 5);
        for batch_size in 1..=4 {
            for num_threads in [1, 3] {
                let mut queue = queue(settings(4, num_threads, autoreset), batch_size);
                let mut observations = vec![0; queue.observations_len()];
                let mut said = vec![Vec::new(); 4];
                let mut results = queue.reset(&starts(4), &mut observations).unwrap();
                tell(&mut said, &results, &observations);
                let mut ids = results.env_ids.clone();
                while said.iter().map(Vec::len).max() <= Some(60) {
                    let actions: Vec<_> =
                        results.env_ids.iter().map(|&env| indexed(action(env, said[env].len() - 1))).collect();
                    results = if ids.len().is_multiple_of(3) {
                        queue.step(&actions, &mut observations).unwrap()
                    } else {
                        queue.send(&actions).unwrap();
                        queue.recv(&mut observations).unwrap()
                    };
                    tell(&mut said, &results, &observations);
                    ids.extend(&results.env_ids);
                }
                for (env, said) in said.iter().enumerate() {
                    assert!(said.len() > 50 && said[..] == expected[env][..said.len()], "{batch_size}, {num_threads}");
                }
                assert!(ids.iter().enumerate().all(|(i, &env)| env == i % 4), "{ids:?}");
            }
        }
    }
}

#[test]
fn batches_sent_one_after_the_other_come_back_in_their_order() {
    let expected = said_together(settings(3, 1, Autoreset::NextStep), 12);
    let mut queue = queue(settings(3, 2, Autoreset::NextStep), 3);
    let mut observations = vec![0; queue.observations_len()];
    let mut said = vec![Vec::new(); 3];
    tell(&mut said, &queue.reset(&starts(3), &mut observations).unwrap(), &observations);
    for nth in 0..12 {
        queue.send(&[0, 1, 2].map(|env| indexed(action(env, nth)))).unwrap();
    }
    for _ in 0..12 {
        tell(&mut said, &queue.recv(&mut observations).unwrap(), &observations);
    }
    assert_eq!(said, expected);
}

/// With 5 environments and batches of 3, two batches sent at once and one received without sending bring it about.
#[test]
fn an_environment_that_is_twice_in_a_batch_takes_its_actions_in_their_order() {
    let expected = said_together(settings(5, 1, Autoreset::NextStep), 10);
    let mut queue = queue(settings(5, 2, Autoreset::NextStep), 3);
    let mut observations = vec![0; queue.observations_len()];
    let (mut said, mut taken) = (vec![Vec::new(); 5], [0; 5]);
    let mut results = queue.reset(&starts(5), &mut observations).unwrap();
    tell(&mut said, &results, &observations);
    let mut received = Vec::new();
    for sends in [2, 0, 2, 0, 1] {
        for _ in 0..sends {
            let mut next = |&env: &usize| {
                taken[env] += 1;
                indexed(action(env, taken[env] - 1))
            };
            queue.send(&results.env_ids.iter().map(&mut next).collect::<Vec<_>>()).unwrap();
        }
        results = queue.recv(&mut observations).unwrap();
        tell(&mut said, &results, &observations);
        received.push(results.env_ids.clone());
    }
    assert_eq!(received, [[3, 4, 0], [1, 2, 0], [1, 2, 1], [2, 0, 1], [2, 0, 2]]);
    for (said, expected) in said.iter().zip(&expected) {
        assert_eq!(said[..], expected[..said.len()]);
    }
}

#[test]
fn a_reset_drops_what_was_not_received_and_starts_the_round_again() {
    let mut queue = queue(settings(3, 2, Autoreset::NextStep), 2);
    let mut observations = vec![0; queue.observations_len()];
    let first = queue.reset(&starts(3), &mut observations).unwrap();
    let shown = observations.clone();
    for _ in 0..4 {
        queue.step(&[indexed(1); 2], &mut observations).unwrap();
    }
    let again = queue.reset(&starts(3), &mut observations).unwrap();
    assert_eq!((again, observations.clone()), (first, shown));
    assert_eq!(queue.step(&[indexed(1); 2], &mut observations).unwrap().env_ids, [2, 0]);
}

#[test]
fn some_environments_are_reset_and_the_others_shown_as_they_are() {
    let mut queue = queue(settings(3, 1, Autoreset::SameStep), 3);
    let mut observations = vec![0; queue.observations_len()];
    queue.reset(&starts(3), &mut observations).unwrap();
    while queue.step(&[indexed(0); 3], &mut observations).unwrap().final_observations.is_empty() {}
    let before = observations.clone();
    let results = queue.reset(&[(2, 7), (0, 8)], &mut observations).unwrap();
    let (each, [zeroth, _, second]) = (observations.len() / 3, results.episode_frame_numbers[..].try_into().unwrap());
    assert_eq!((zeroth, second, results.final_observations.len()), (26u32, 2, 0));
    assert_eq!(observations[each..2 * each], before[each..2 * each]);
    assert_eq!(queue.reset(&[], &mut observations).unwrap(), results);
}

#[test]
fn what_is_refused_says_why_and_changes_nothing() {
    let of = |num_envs, batch_size| {
        VectorQueue::new(&CartridgeImage::bricks(), settings(num_envs, 1, Autoreset::NextStep), batch_size)
            .map_err(|error| error.to_string())
            .unwrap_err()
    };
    assert_eq!(of(2, 3), "batch_size is 3, allowed is 1 to 2, the number of environments");
    assert_eq!(of(2, 0), "batch_size is 0, allowed is 1 to 2, the number of environments");
    assert_eq!(of(0, 0), "num_envs is 0, allowed is at least 1");

    let mut small = queue(settings(3, 1, Autoreset::NextStep), 2);
    let mut buffer = vec![0; small.observations_len()];
    assert_eq!(small.send(&[indexed(0); 2]), Err(VectorError::NotReset));
    assert_eq!(small.recv(&mut buffer), Err(VectorError::NothingSent { found: 0, batch_size: 2 }));
    let found = small.reset(&[(0, 1), (2, 1)], &mut buffer).unwrap_err();
    assert_eq!(found, VectorError::FirstReset { found: 2, expected: 3 });
    small.reset(&starts(3), &mut buffer).unwrap();
    let found = small.reset(&[(0, 1), (2, 1)], &mut buffer).unwrap_err();
    assert_eq!(found, VectorError::PartialReset { batch_size: 2, num_envs: 3 });
    assert_eq!(small.recv(&mut buffer), Err(VectorError::NothingSent { found: 1, batch_size: 2 }));
    let found = small.send(&[indexed(0), indexed(4)]).unwrap_err();
    assert_eq!(found, VectorError::ActionOutOfRange { env: 1, found: 4, actions: 4 });
    assert_eq!(small.send(&[indexed(0)]), Err(VectorError::ActionCount { found: 1, expected: 2 }));
    small.send(&[indexed(0); 2]).unwrap();
    let found = small.reset(&starts(3), &mut buffer).unwrap_err();
    assert_eq!(found, VectorError::NotReceived { batches: 1 });
    let (found, expected) = (buffer.len() - 1, buffer.len());
    let error = VectorError::BufferLength { found, expected };
    assert_eq!(small.recv(&mut buffer[1..]), Err(error.clone()));
    assert_eq!(small.step(&[indexed(0); 2], &mut buffer[1..]), Err(error));
    let results = small.recv(&mut buffer).unwrap();
    assert_eq!(results.env_ids, [2, 0]);

    let mut all = queue(settings(2, 1, Autoreset::NextStep), 2);
    all.reset(&starts(2), &mut buffer).unwrap();
    let errors = [
        (vec![(0, 1), (0, 2)], VectorError::DuplicateReset { env: 0 }),
        (vec![(2, 1)], VectorError::NoSuchEnvironment { found: 2, num_envs: 2 }),
        (vec![(1, 1 << 31)], VectorError::SeedOutOfRange { env: 1, found: 1 << 31 }),
    ];
    for (starts, error) in errors {
        assert_eq!(all.reset(&starts, &mut buffer), Err(error));
    }
    assert_eq!(all.recv(&mut buffer), Err(VectorError::NothingSent { found: 0, batch_size: 2 }));
    let mut other = queue(settings(2, 1, Autoreset::NextStep), 2);
    let mut others = buffer.clone();
    other.reset(&starts(2), &mut others).unwrap();
    let actions = [indexed(1), indexed(2)];
    assert_eq!(all.step(&actions, &mut buffer).unwrap(), other.step(&actions, &mut others).unwrap());
    assert_eq!(buffer, others);
}

/// Environments that were sent something work on without anybody waiting for them.
#[test]
fn what_was_sent_is_done_in_the_background() {
    let mut queue = queue(settings(2, 1, Autoreset::NextStep), 2);
    let mut observations = vec![0; queue.observations_len()];
    queue.reset(&starts(2), &mut observations).unwrap();
    queue.send(&[indexed(0); 2]).unwrap();
    let begun = Instant::now();
    while queue.shared.lock().finished.is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(20));
        thread::sleep(Duration::from_millis(1));
    }
    (0..5).for_each(|_| queue.send(&[indexed(0); 2]).unwrap());
    queue.wait().unwrap();
    assert_eq!(queue.shared.lock().finished.len(), 6);
    // A queue that is dropped with work to do leaves nothing behind that waits for it.
    (0..50).for_each(|_| queue.send(&[indexed(0); 2]).unwrap());
    let shared = Arc::downgrade(&queue.shared);
    drop(queue);
    while shared.strong_count() > 0 {
        assert!(begun.elapsed() < Duration::from_secs(20));
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn without_a_thread_in_the_background_what_was_sent_is_done_when_it_is_received() {
    let expected = said_together(settings(2, 1, Autoreset::NextStep), 3);
    let mut queue = queue(settings(2, 1, Autoreset::NextStep), 2);
    let mut observations = vec![0; queue.observations_len()];
    let mut said = vec![Vec::new(); 2];
    tell(&mut said, &queue.reset(&starts(2), &mut observations).unwrap(), &observations);
    for nth in 0..3 {
        let job = queue.job(&[0, 1].map(|env| indexed(action(env, nth)))).unwrap();
        queue.shared.lock().jobs.push_back(job);
    }
    (queue.undelivered, queue.sent) = (6, 3);
    for _ in 0..3 {
        tell(&mut said, &queue.recv(&mut observations).unwrap(), &observations);
    }
    assert!(said == expected && !queue.has_driver);
    assert_eq!(queue.recv(&mut observations), Err(VectorError::NothingSent { found: 0, batch_size: 2 }));
}

#[test]
fn after_a_panic_every_call_says_that_the_environments_are_lost() {
    let mut queue = queue(settings(1, 1, Autoreset::NextStep), 1);
    let mut observations = vec![0; queue.observations_len()];
    queue.reset(&starts(1), &mut observations).unwrap();
    assert_eq!(queue.with_stepper(|_| panic!("as a test")), Err::<(), _>(VectorError::Lost));
    assert_eq!(queue.step(&[indexed(0)], &mut observations), Err(VectorError::Lost));
    assert_eq!(queue.reset(&starts(1), &mut observations), Err(VectorError::Lost));
    assert_eq!(queue.send(&[indexed(0)]), Err(VectorError::Lost));
}

/// As in a forked child: another process, and no thread of the first one answers any more.
#[test]
fn a_forked_process_goes_on_with_threads_of_its_own() {
    let expected = said_together(settings(2, 1, Autoreset::NextStep), 2);
    let mut queue = queue(settings(2, 2, Autoreset::NextStep), 2);
    let mut observations = vec![0; queue.observations_len()];
    let mut said = vec![Vec::new(); 2];
    tell(&mut said, &queue.reset(&starts(2), &mut observations).unwrap(), &observations);
    queue.send(&[0, 1].map(|env| indexed(action(env, 0)))).unwrap();
    tell(&mut said, &queue.recv(&mut observations).unwrap(), &observations);

    let before = Arc::clone(&queue.shared);
    (queue.process, queue.has_driver) = (0, true);
    queue.send(&[0, 1].map(|env| indexed(action(env, 1)))).unwrap();
    tell(&mut said, &queue.recv(&mut observations).unwrap(), &observations);
    assert!(said == expected && !Arc::ptr_eq(&before, &queue.shared));
    before.lock().closed = true;
    before.sent.notify_one();

    // A fork while the other thread has the environments, or the lock.
    let shared = Arc::clone(&queue.shared);
    let stepper = shared.lock().stepper.take();
    queue.process = 0;
    assert_eq!(queue.step(&[indexed(0); 2], &mut observations), Err(VectorError::Forked));
    shared.lock().stepper = stepper;
    let locked = shared.lock();
    assert_eq!(queue.step(&[indexed(0); 2], &mut observations), Err(VectorError::Forked));
    drop(locked);
    queue.step(&[indexed(0); 2], &mut observations).unwrap();
    shared.lock().closed = true;
    shared.sent.notify_one();
}
