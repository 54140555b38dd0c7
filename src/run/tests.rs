//! Whole runs on a trivial game: learning, stopping, resuming.

use super::*;
use crate::algorithms::events::Event;
use crate::environments::atari::preprocess::SPACE;
use crate::environments::{Environment, Step};
use crate::observations::{Place, Space};
use crate::policy::model::BEST_FILE;
use crate::random::{Generator, Purpose};
use crate::saving::{Parts, Saving};
use std::cell::Cell;
use std::fs;
use std::sync::atomic::Ordering;

/// Shows a bright upper or lower half; the action with the same number pays 1. Ten steps are a game, a life is lost after
/// five, every third game is cut off instead of ending.
struct Guess {
    generator: Generator,
    stack: Vec<u8>,
    answer: usize,
    steps: u64,
    games: u64,
    /// Set after this many steps.
    stop: Option<(u64, Arc<AtomicBool>)>,
}

impl Guess {
    fn new(index: usize, stop: Option<(u64, Arc<AtomicBool>)>) -> Self {
        let generator = Generator::new(9 + index as u64, Purpose::Synthetic);
        Self { generator, stack: vec![0; SPACE.size()], answer: 0, steps: 0, games: 0, stop }
    }

    fn ask(&mut self, place: Place<'_>) {
        self.answer = self.generator.below(2);
        let frame = SPACE.size() / 4;
        self.stack.copy_within(frame.., 0);
        let newest = &mut self.stack[3 * frame..];
        newest.fill(0);
        newest[self.answer * frame / 2..(self.answer + 1) * frame / 2].fill(255);
        self.show(place);
    }

    fn show(&self, place: Place<'_>) {
        let Place::Pixels(place) = place else { unreachable!("its space is of pixels") };
        place.copy_from_slice(&self.stack);
    }
}

impl Environment for Guess {
    fn space(&self) -> Space {
        SPACE
    }

    fn actions(&self) -> usize {
        2
    }

    fn reset(&mut self, _: &mut Generator, place: Place<'_>) -> u32 {
        self.games += 1;
        self.steps = 0;
        self.stack.fill(0);
        self.ask(place);
        0
    }

    fn step(&mut self, action: usize, place: Place<'_>) -> Step {
        let reward = f32::from(u8::from(action == self.answer));
        if let Some((left, stop)) = &mut self.stop {
            // An algorithm with long units goes on for a while.
            *left = left.saturating_sub(1);
            stop.store(*left == 0, Ordering::Relaxed);
        }
        self.steps += 1;
        self.ask(place);
        let (over, life_lost) = (self.steps == 10, self.steps == 5);
        let truncated = over && self.games.is_multiple_of(3);
        let terminal = (over && !truncated) || life_lost;
        Step { reward, raw_reward: reward.into(), terminal, lives_lost: life_lost.into(), over, truncated }
    }

    fn episode_frames(&self) -> u64 {
        self.steps * 4
    }

    fn state(&self) -> Vec<u8> {
        postcard::to_stdvec(&(&self.generator, &self.stack, self.answer, self.steps, self.games)).unwrap()
    }

    fn restore(&mut self, state: &[u8], place: Place<'_>) -> Result<()> {
        (self.generator, self.stack, self.answer, self.steps, self.games) = postcard::from_bytes(state)?;
        self.show(place);
        Ok(())
    }
}

/// A short run with these keys set.
fn config(overrides: &[&str]) -> Config {
    let short =
        ["total_steps=1500", "learning_starts_steps=100", "epsilon_starts_steps=100", "epsilon_anneal_steps=300"];
    let small = ["epsilon_final=0", "target_sync_steps=100", "replay_capacity=1000", "batch_size=8", "gamma=0.5"];
    let rows = ["metrics_every_steps=500", "evaluation_every_steps=0"];
    let all = [short.as_slice(), &small, &rows, overrides].concat();
    let overrides: Vec<String> = all.into_iter().map(str::to_string).collect();
    Config::resolve(&Sources { preset: "bricks", overrides: &overrides, ..Sources::default() }).unwrap()
}

/// The same with PQN in five environments.
fn pqn_config(overrides: &[&str]) -> Config {
    let pqn = ["algorithm=pqn", "num_envs=5", "horizon=4", "minibatch_size=10", "epsilon_anneal_steps=1000"];
    let small = ["total_steps=1500", "network=small", "dueling=false", "gamma=0.5", "anneal_learning_rate=true"];
    let overrides = [pqn.as_slice(), &small, overrides].concat();
    let overrides: Vec<String> = overrides.into_iter().map(str::to_string).collect();
    Config::resolve(&Sources { preset: "bricks", overrides: &overrides, ..Sources::default() }).unwrap()
}

/// A run of that game, without its environments.
fn run_of(config: &Config, stop: &Arc<AtomicBool>) -> Run {
    let identity = Identity {
        environment: "atari".to_string(),
        game: "guess".to_string(),
        cartridge_md5: String::new(),
        algorithm: config.algorithm.kind().to_string(),
        preset: "bricks".to_string(),
        seed: 0,
    };
    let spec = environments::spec(&config.environment, None).unwrap();
    let metadata = Metadata {
        environment: spec.description(),
        preset: "bricks".to_string(),
        seed: 0,
        steps_trained: 0,
        chosen: None,
    };
    Run { config: config.clone(), spec, identity, device: Device::Cpu, metadata, stop: Arc::clone(stop) }
}

/// The environments of this run. The first one, in which the agent is trained, asks to stop after this many of its steps.
fn game(stop_after: u64, stop: &Arc<AtomicBool>) -> impl Fn(usize) -> Result<VectorEnvironment> {
    stop.store(stop_after == 0, Ordering::Relaxed);
    let first = Cell::new((stop_after > 0).then(|| (stop_after, Arc::clone(stop))));
    move |num_envs| VectorEnvironment::new(&|index| Ok(Box::new(Guess::new(index, first.take()))), num_envs, 0)
}

/// A run from its first step on, in a folder of its own.
fn begun(config: &Config, stop_after: u64) -> (tempfile::TempDir, Session) {
    let folder = tempfile::tempdir().unwrap();
    let stop = Arc::default();
    let run = run_of(config, &stop);
    let game = game(stop_after, &stop);
    let mut session = Session::new(&run, RunFolder::take(folder.path()).unwrap(), &game).unwrap();
    run.learn(&mut session).unwrap();
    run.checkpoint(&mut session).unwrap();
    (folder, session)
}

/// The state of the session, on which its future depends.
fn end(session: &Session) -> Parts {
    let (folder, nothing) = (tempfile::tempdir().unwrap(), Parts::default());
    let mut saving = Saving::new(folder.path(), &nothing);
    saving.part(ENVIRONMENTS, &session.environments.state()).unwrap();
    session.algorithm.save(&mut saving).unwrap();
    saving.into_parts()
}

/// The rows that a run has written, without the times.
fn rows(folder: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    let mut rows: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for row in &mut rows {
        for time in ["wall_seconds", "steps_per_second", "updates_per_second"] {
            row.as_object_mut().unwrap().remove(time);
        }
    }
    rows
}

/// Returns of the games, in their order.
fn returns(folder: &Path) -> Vec<f64> {
    let games = rows(folder).into_iter().filter(|row| row["kind"] == "game");
    games.map(|row| row["episode_return"].as_f64().unwrap()).collect()
}

#[test]
fn training_learns_a_trivial_game() {
    let (folder, session) = begun(&config(&[]), u64::MAX);
    let record = &session.record;
    assert_eq!((session.algorithm.steps(), record.games(), record.updates()), (1500, 150, 350));
    let returns = returns(folder.path());
    let mean = returns[120..].iter().sum::<f64>() / 30.0;
    assert!(mean > 9.5, "mean return of the last 30 games: {mean}, of 10 at most");
    let rows = rows(folder.path());
    let values = rows.iter().filter(|row| row["kind"] == "progress").map(|row| row["held_out_mean_max_q"].as_f64());
    let values: Vec<f64> = values.map(|value| value.unwrap()).collect();
    // The best action pays 1 at once, and half of that much at every later step.
    assert!(values.len() == 3 && values[2] > 1.0 && values[2] < 2.5, "{values:?}");
}

#[test]
fn four_environments_learn_a_trivial_game_with_the_same_updates_or_with_fewer_and_larger_ones() {
    for (overrides, expected) in
        [(["train_every_steps=4", "batch_size=8"], 350), (["train_every_steps=8", "batch_size=16"], 175)]
    {
        let (folder, session) = begun(&config(&[&["num_envs=4"], overrides.as_slice()].concat()), u64::MAX);
        let record = &session.record;
        assert_eq!((session.algorithm.steps(), record.games(), record.updates()), (1500, 148, expected));
        let returns = returns(folder.path());
        let mean = returns[120..].iter().sum::<f64>() / 28.0;
        assert!(mean > 9.0, "mean return of the last 28 games: {mean}, of 10 at most");
    }
}

#[test]
fn a_stopped_run_ends_before_its_next_step() {
    assert_eq!(begun(&config(&[]), 0).1.algorithm.steps(), 0);
    assert_eq!(begun(&config(&[]), 33).1.algorithm.steps(), 33);
    assert_eq!(begun(&config(&["num_envs=4"]), 33).1.algorithm.steps(), 4 * 33);
}

#[test]
fn a_run_ends_when_its_last_hundred_games_are_good_enough() {
    let run = |solved_at: f64| {
        let solved_at = format!("solved_at={solved_at}");
        let config = config(&[&solved_at, "target_tau=0.02", "gradient_clip_norm=10", "prioritized=true"]);
        let (folder, session) = begun(&config, u64::MAX);
        let rows = rows(folder.path());
        let last = rows.iter().rfind(|row| row["kind"] == "progress").unwrap();
        assert!(last["mean_gradient_norm"].is_f64(), "{last}");
        let best = folder.path().join(BEST_FILE).exists();
        (session.algorithm.steps(), session.record.games(), session.record.solved(), best)
    };
    // A random player gets 5 of 10: the first hundred games are enough.
    assert_eq!(run(4.0), (1000, 100, true, true));
    let (steps, games, solved, _) = run(11.0);
    assert_eq!((steps, games, solved), (1500, 150, false));
}

#[test]
fn every_task_is_done_at_the_steps_at_which_it_is_due() {
    let config = config(&["metrics_every_steps=400", "checkpoint_every_steps=300"]);
    let run = run_of(&config, &Arc::default());
    assert_eq!([0, 299, 300, 399, 900, 1400].map(|step| run.next_stop(step)), [300, 300, 400, 400, 1200, 1500]);
}

/// An interval is 100 steps, ten games. With the concurrent schedule nothing is learned in the first interval, whose
/// steps are not yet in the replay. The learning in the second one shows in the third, when the target network has been
/// copied.
#[test]
fn with_the_concurrent_schedule_the_target_network_acts_and_updates_see_the_replay_as_of_its_copy() {
    let run = |schedule: &str, learning_starts_steps: u64| {
        let (schedule, starts) =
            (format!("schedule={schedule}"), format!("learning_starts_steps={learning_starts_steps}"));
        let config = config(&[&schedule, &starts, "epsilon_initial=0", "n_step=1", "total_steps=300"]);
        let (folder, session) = begun(&config, u64::MAX);
        let returns = returns(folder.path());
        assert_eq!(returns.len(), 30);
        (returns, session.record.updates())
    };
    let never = 1_000;
    let (unlearned, _) = run("sequential", never);
    assert_eq!(run("concurrent", never), (unlearned.clone(), 0));
    let (sequential, updates) = run("sequential", 0);
    assert_eq!(updates, 300 / 4);
    assert!(sequential[..10] != unlearned[..10], "learning shows at once");
    let (concurrent, updates) = run("concurrent", 0);
    assert_eq!(updates, 200 / 4);
    assert_eq!(concurrent[..20], unlearned[..20]);
    assert!(concurrent[20..] != unlearned[20..]);
}

#[test]
fn a_run_that_is_stopped_and_resumed_anywhere_ends_as_one_that_never_stopped() {
    let variants: [&[&str]; 7] = [
        &[],
        &[
            "double=true",
            "dueling=true",
            "noisy=true",
            "categorical=true",
            "prioritized=true",
            "n_step=3",
            "target_tau=0.01",
            "gradient_clip_norm=10",
        ],
        &["schedule=concurrent"],
        &["schedule=concurrent", "noisy=true", "prioritized=true"],
        &["epsilon_schedule=exponential", "optimizer=rmsprop"],
        &["num_envs=4"],
        &["num_envs=4", "noisy=true", "prioritized=true", "n_step=3", "epsilon_schedule=exponential"],
    ];
    for variant in variants {
        resumes_exactly(config(&[&["checkpoint_every_steps=333", "total_steps=700"], variant].concat()));
    }
    resumes_exactly(pqn_config(&["checkpoint_every_steps=333", "metrics_every_steps=250", "total_steps=3500"]));
}

fn resumes_exactly(config: Config) {
    let num_envs = algorithms::num_envs(&config.algorithm) as u64;
    let (reference, session) = begun(&config, u64::MAX);
    let expected = end(&session);

    // Before learning starts, within a game, in the middle of an interval, after a checkpoint that was not requested.
    let (folder, mut session) = begun(&config, 61 / num_envs);
    for more in [49, 150, 177, 123, u64::MAX].map(|steps| steps / num_envs) {
        // Steps after the checkpoint are lost, and their rows must be removed.
        session.record.tell(Event::Step { environment: 0, step: &Step::default() }).unwrap();
        let lost = Event::Episode { environment: 0, frames: 7, truncated: false, epsilon: Some(0.5) };
        session.record.tell(lost).unwrap();
        drop(session);
        let stop = Arc::default();
        let run = run_of(&config, &stop);
        let game = game(more, &stop);
        let taken = RunFolder::take(folder.path()).unwrap();
        let checkpoints = RunCheckpoints::new(&taken).unwrap();
        session = Session::resume(&run, taken, checkpoints, &game).unwrap();
        run.learn(&mut session).unwrap();
        assert!(session.algorithm.steps() < config.run.total_steps || more > config.run.total_steps);
        run.checkpoint(&mut session).unwrap();
    }
    assert_eq!(session.algorithm.steps(), config.run.total_steps);
    assert!(end(&session) == expected, "the states differ");
    assert_eq!(rows(folder.path()), rows(reference.path()));
}

/// A signal that comes when an evaluation is due, or within it, leaves the evaluation to the resumed run.
#[test]
fn an_evaluation_that_was_stopped_is_made_up_for() {
    let config = config(&[
        "total_steps=300",
        "evaluation_every_steps=150",
        "evaluation_steps=200",
        "metrics_every_steps=150",
        "checkpoint_every_steps=100000",
    ]);
    let (reference, session) = begun(&config, u64::MAX);
    let expected = end(&session);
    let (folder, session) = begun(&config, 150);
    assert!(session.owes_evaluation && session.algorithm.steps() == 150);
    drop(session);
    let stop = Arc::default();
    let run = run_of(&config, &stop);
    let game = game(u64::MAX, &stop);
    let taken = RunFolder::take(folder.path()).unwrap();
    let checkpoints = RunCheckpoints::new(&taken).unwrap();
    let mut session = Session::resume(&run, taken, checkpoints, &game).unwrap();
    run.learn(&mut session).unwrap();
    assert!(end(&session) == expected, "the states differ");
    assert_eq!(rows(folder.path()), rows(reference.path()));
    let evaluations = rows(folder.path()).iter().filter(|row| row["kind"] == "evaluation").count();
    assert_eq!(evaluations, 2);
}

/// Nothing can be written in the place of a folder: the first network that is the best so far fails the step that found it.
#[test]
fn an_error_within_a_step_reaches_no_checkpoint_and_a_resumed_run_does_the_step_again() {
    let often = ["metrics_every_steps=70", "checkpoint_every_steps=300", "total_steps=1300", "keep_best=true"];
    let configs = [
        config(&[&["gradient_clip_norm=10"], often.as_slice()].concat()),
        config(&[&["num_envs=4"], often.as_slice()].concat()),
        pqn_config(&[&["evaluation_every_steps=0"], often.as_slice()].concat()),
    ];
    for config in configs {
        let (reference, session) = begun(&config, u64::MAX);
        let expected = end(&session);
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(BEST_FILE)).unwrap();
        let stop = Arc::default();
        let run = run_of(&config, &stop);
        let game = game(u64::MAX, &stop);
        let session = Session::new(&run, RunFolder::take(folder.path()).unwrap(), &game).unwrap();
        let message = format!("{:#}", run.train(session).unwrap_err());
        let saved = "saved is step 9";
        assert!(message.contains(saved) && message.contains("continue from there with: atari-dqn train"), "{message}");
        fs::remove_dir(folder.path().join(BEST_FILE)).unwrap();
        let taken = RunFolder::take(folder.path()).unwrap();
        let checkpoints = RunCheckpoints::new(&taken).unwrap();
        let mut session = Session::resume(&run, taken, checkpoints, &game).unwrap();
        assert!((900..1000).contains(&session.algorithm.steps()), "{}", session.algorithm.steps());
        run.learn(&mut session).unwrap();
        run.checkpoint(&mut session).unwrap();
        assert!(end(&session) == expected, "the states differ");
        assert_eq!(rows(folder.path()), rows(reference.path()));
        for network in [MODEL_FILE, BEST_FILE] {
            let read = |folder: &tempfile::TempDir| fs::read(folder.path().join(network)).unwrap();
            assert!(read(&folder) == read(&reference), "{network}");
        }
    }
}
