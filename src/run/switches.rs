//! Every variant's switch changes what it should and nothing else: an agent, its replay and its game are made of the
//! configuration `nature` with one switch and without, and looked at from all sides.
//!
//! That a side changes *rightly* is tested where it is made: targets in [`head`](crate::networks::head), losses in [`loss`](crate::networks::loss), the networks in
//! [`network`](crate::networks) and [`learner`](crate::networks::learner), transitions and priorities in [`replay`](crate::experience::replay),
//! optimizers and schedules in their files, the concurrent schedule in [`trainer`](crate::algorithms::dqn).

use crate::algorithms::dqn::agent::random_batch;
use crate::algorithms::dqn::{Task, Trainer};
use crate::config::{Config, Sources};
use crate::environments::cartridges;
use crate::experience::replay::Batch;
use crate::networks::learner::Which;
use crate::policy::model::Metadata;
use crate::preprocess::{Frame, Step, FRAME_PIXELS};
use crate::random::{Generator, Purpose};
use crate::run::record::{RunRecord, METRICS_FILE};
use crate::run::{new_agent, new_environment};
use anyhow::Result;
use candle_core::Device;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::AtomicBool;

/// Steps of the scripted task.
const STEPS: u64 = 100;
/// Rewards of the scripted task, over and over.
const REWARDS: [i32; 4] = [0, 3, -2, 1];

/// Plays the same whatever is done: rewards of all sizes, a life lost every 7 steps, a game over every 20.
struct Script {
    frame: Box<Frame>,
    steps: u64,
    actions: Vec<usize>,
    starts: Vec<u32>,
}

impl Task for Script {
    fn reset(&mut self, noop_frames: u32) {
        self.starts.push(noop_frames);
        self.frame.fill(255 - self.starts.len() as u8);
    }

    fn step(&mut self, action: usize) -> Step {
        self.actions.push(action);
        let reward = REWARDS[self.steps as usize % REWARDS.len()];
        self.steps += 1;
        self.frame.fill(self.steps as u8);
        let terminal = self.steps.is_multiple_of(20);
        Step { reward, life_lost: self.steps.is_multiple_of(7), terminal, truncated: false }
    }

    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn episode_frames(&self) -> u64 {
        0
    }

    fn save(&self) -> Vec<u8> {
        Vec::new()
    }

    fn restore(&mut self, _: &[u8]) -> Result<()> {
        Ok(())
    }
}

/// `nature`, small and short, with these keys set.
fn config(overrides: &[&str]) -> Config {
    let brief = ["network=cpu", "replay_capacity=200", "total_steps=100", "learning_starts_steps=100"];
    let longer = ["target_sync_steps=100", "epsilon_starts_steps=100", "evaluation_every_steps=0"];
    let overrides: Vec<String> =
        [&brief, longer.as_slice(), overrides].concat().iter().map(|s| s.to_string()).collect();
    Config::resolve(&Sources { preset: "nature", overrides: &overrides, ..Sources::default() }).unwrap()
}

/// What a configuration makes, by name, as bytes to compare.
type Sides = BTreeMap<&'static str, Vec<u8>>;

fn bytes(value: impl Serialize) -> Vec<u8> {
    postcard::to_stdvec(&value).unwrap()
}

fn sides(config: &Config) -> Sides {
    let mut sides = game(config);
    sides.extend(scripted_run(config));
    sides.extend(updates(config));
    let at = [(0, 0), (STEPS, 0), (STEPS + 500_000, 0), (STEPS, 3)];
    let schedule = config.epsilon();
    sides.insert("epsilon", bytes(at.map(|(step, games)| schedule.epsilon(step, games))));
    sides
}

/// The game itself, met with the same indices of actions.
fn game(config: &Config) -> Sides {
    let mut environment = new_environment(config, &cartridges::built_in());
    let mut random = Generator::new(1, Purpose::Synthetic);
    let mut seen = Vec::new();
    environment.reset(3);
    for _ in 0..300 {
        let checksum = crc32fast::hash(environment.frame());
        let step = environment.step(random.below(4));
        seen.push((checksum, step));
        if step.episode_over() {
            environment.reset(3);
        }
    }
    assert!(seen.iter().any(|(_, step)| step.life_lost) && seen.iter().any(|(_, step)| step.reward > 0));
    Sides::from([("game", bytes(seen))])
}

/// What becomes of the scripted task before there is an update.
fn scripted_run(config: &Config) -> Sides {
    let folder = tempfile::tempdir().unwrap();
    let metadata = Metadata {
        game: "script".to_string(),
        cartridge_md5: String::new(),
        actions: Vec::new(),
        preprocessing: config.preprocessing(),
        preset: "nature".to_string(),
        seed: 0,
        steps_trained: 0,
    };
    let mut record = RunRecord::create(folder.path(), config, metadata, None).unwrap();
    let frame = Box::new([0; FRAME_PIXELS]);
    let mut script = Script { frame, steps: 0, actions: Vec::new(), starts: Vec::new() };
    let actions = new_environment(config, &cartridges::built_in()).actions().len();
    let agent = new_agent(config, actions, &Device::Cpu).unwrap();
    let mut trainer = Trainer::new(config.clone(), agent, &mut script);
    trainer.run(&mut record, &AtomicBool::new(false)).unwrap();
    assert_eq!((trainer.steps(), record.updates()), (STEPS, 0));
    let mut replay = trainer.agent().replay().clone();
    let mut random = Generator::new(1, Purpose::Synthetic);
    let (mut evenly, mut by_priority) = (Batch::default(), Batch::default());
    assert!(replay.sample(64, &mut random, &mut evenly));
    replay.sample_by_priority(64, 0.4, &mut random, &mut by_priority);
    let text = fs::read_to_string(folder.path().join(METRICS_FILE)).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let scores: Vec<f64> = rows.filter_map(|row| row["episode_return"].as_f64()).collect();
    // Whatever is learned of it: 20 steps are five times all rewards.
    assert_eq!(scores, [f64::from(5 * REWARDS.iter().sum::<i32>()); 5]);
    let Batch { observations, rewards, discounts, next_observations, .. } = evenly;
    Sides::from([
        ("actions", bytes(&script.actions)),
        ("starts", bytes(&script.starts)),
        ("transitions", bytes((observations, rewards, discounts, next_observations))),
        ("drawn by priority", bytes((by_priority.numbers, by_priority.weights))),
    ])
}

/// A new network, and some updates of it on one batch.
fn updates(config: &Config) -> Sides {
    let actions = new_environment(config, &cartridges::built_in()).actions().len();
    let mut agent = new_agent(config, actions, &Device::Cpu).unwrap();
    let parameters = agent.learner().parameters(Which::Online).unwrap();
    let layout = parameters.architecture.layout();
    let means = layout.iter().filter(|spec| !spec.is_sigma());
    let means: Vec<&[f32]> = means.map(|spec| &parameters.values[spec.range()]).collect();
    let shapes: Vec<(&str, &[usize])> = layout.iter().map(|spec| (spec.name.as_str(), spec.shape.as_slice())).collect();
    let mut sides = Sides::from([("network", bytes(&shapes)), ("weights", bytes(&means))]);
    let batch = random_batch(8, 4, &mut Generator::new(1, Purpose::Synthetic));
    let first = agent.learn_from(&batch).unwrap();
    let [online, target] =
        [Which::Online, Which::Target].map(|which| agent.learner().parameters(which).unwrap().values);
    sides.extend([
        ("predictions", bytes(first.q_value)),
        ("losses", bytes((first.loss, first.td_error))),
        ("gradient norm", bytes(first.gradient_norm)),
        ("step", bytes(online)),
        ("target network", bytes(target)),
    ]);
    // Long enough for the online network to prefer other actions than the target network does.
    let later = [(); 20].map(|()| agent.learn_from(&batch).unwrap());
    sides.insert("later losses", bytes(later.map(|update| (update.loss, update.td_error))));
    sides
}

/// What depends on the form of the network.
const NETWORK: [&str; 7] = ["network", "weights", "predictions", "losses", "step", "target network", "later losses"];

#[test]
fn every_switch_changes_what_it_should_and_nothing_else() {
    let off = sides(&config(&[]));
    assert!(sides(&config(&[])) == off, "the same seed gives the same everything");
    let noisy = ["network", "predictions", "losses", "step", "target network", "later losses", "epsilon", "actions"];
    let switches: [(&[&str], &[&str]); 25] = [
        // Both networks are the same until the first update is made.
        (&["double=true"], &["later losses"]),
        (&["dueling=true"], &NETWORK),
        (&["categorical=true"], &NETWORK),
        // The means are those of an ordinary network.
        (&["noisy=true"], &noisy),
        (&["noisy=true", "epsilon_final=0.1"], &noisy[..6]),
        (&["n_step=3"], &["transitions"]),
        (&["prioritized=true"], &["drawn by priority"]),
        (&["target_tau=0.5"], &["target network", "later losses"]),
        (&["loss=squared"], &["losses", "step", "later losses"]),
        (&["optimizer=adam"], &["step", "later losses"]),
        (&["gradient_clip_norm=0.01"], &["gradient norm", "step", "later losses"]),
        (&["epsilon_schedule=exponential", "epsilon_decay=0.5"], &["epsilon", "actions"]),
        // Without updates both networks are one, and it does not matter which of them acts.
        (&["schedule=concurrent"], &[]),
        (&["life_loss=ignore"], &["game", "transitions"]),
        (&["reward_clip=false"], &["transitions"]),
        (&["fire_reset=true"], &["game"]),
        (&["sticky_probability=0.25"], &["game"]),
        (&["full_action_space=true"], &[NETWORK.as_slice(), &["game", "actions"]].concat()),
        (&["frame_skip=3"], &["game"]),
        (&["resize=bilinear"], &["game"]),
        (&["noop_max=0"], &["starts"]),
        (&["gamma=0.5"], &["transitions"]),
        (&["network=small"], &NETWORK),
        (&["learning_rate=1e-3"], &["step", "later losses"]),
        // The first update has the initial rate.
        (&["learning_rate_anneal_updates=2"], &["later losses"]),
    ];
    let mut wrong = Vec::new();
    for (switch, expected) in switches {
        let on = sides(&config(switch));
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        let changed: Vec<&str> =
            off.iter().filter(|(side, value)| on[*side] != **value).map(|(side, _)| *side).collect();
        if changed != expected {
            wrong.push(format!("{switch:?} changes {changed:?}, expected {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
