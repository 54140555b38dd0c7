//! Tests that every variant's switch changes what it should and nothing else. An agent, its replay and its game are
//! built from the configuration `nature` with and without one switch, and compared on all sides.
//!
//! That a side changes *rightly* is tested where it is made: targets in [`head`](crate::networks::head), losses in
//! [`loss`](crate::networks::loss), the networks in [`networks`](crate::networks) and [`learner`](crate::networks::learner),
//! transitions and priorities in [`replay`](crate::experience::replay), optimizers and schedules in their files, the concurrent
//! schedule in the tests of a run.

use crate::algorithms::dqn::update::random_batch;
use crate::algorithms::dqn::{new_updater, Dqn};
use crate::algorithms::events::{Event, Watch};
use crate::algorithms::exploration::EpsilonSchedule;
use crate::algorithms::Algorithm;
use crate::config::{self, Config, LifeLoss, Sources};
use crate::environments::atari::preprocess::SPACE;
use crate::environments::atari::{Atari, AtariSpec};
use crate::environments::vector::VectorEnvironment;
use crate::environments::{Environment, Step};
use crate::experience::replay::Batch;
use crate::networks::learner::Which;
use crate::networks::{Architecture, Design};
use crate::observations::{Place, Space};
use crate::random::{Generator, Purpose};
use anyhow::Result;
use candle_core::Device;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

/// Steps of the scripted environment.
const STEPS: u64 = 100;
/// Rewards of the scripted environment, over and over.
const REWARDS: [f32; 4] = [0.0, 3.0, -2.0, 1.0];

/// Plays the same whatever the actions: rewards of all sizes, a life lost every 7 steps, a game over every 20.
struct Script {
    life_loss_is_terminal: bool,
    reward_clip: bool,
    actions: usize,
    pixel: u8,
    steps: u64,
    /// The actions taken.
    taken: Arc<Mutex<Vec<usize>>>,
}

impl Script {
    /// A stack of equal frames shows the last step.
    fn show(&self, place: Place<'_>) {
        let Place::Pixels(place) = place else { unreachable!("its space is of pixels") };
        place.fill(self.pixel);
    }
}

impl Environment for Script {
    fn space(&self) -> Space {
        SPACE
    }

    fn actions(&self) -> usize {
        self.actions
    }

    fn reset(&mut self, _: &mut Generator, place: Place<'_>) -> u32 {
        self.pixel = 255 - self.pixel;
        self.show(place);
        0
    }

    fn step(&mut self, action: usize, place: Place<'_>) -> Step {
        self.taken.lock().unwrap().push(action);
        let raw_reward = REWARDS[self.steps as usize % REWARDS.len()];
        self.steps += 1;
        self.pixel = self.steps as u8;
        self.show(place);
        let (over, life_lost) = (self.steps.is_multiple_of(20), self.steps.is_multiple_of(7));
        Step {
            reward: if self.reward_clip { raw_reward.clamp(-1.0, 1.0) } else { raw_reward },
            raw_reward: raw_reward.into(),
            terminal: over || (life_lost && self.life_loss_is_terminal),
            lives_lost: life_lost.into(),
            over,
            truncated: false,
        }
    }

    fn episode_frames(&self) -> u64 {
        0
    }

    fn state(&self) -> Vec<u8> {
        Vec::new()
    }

    fn restore(&mut self, _: &[u8], _: Place<'_>) -> Result<()> {
        Ok(())
    }
}

/// Adds up the raw rewards of episodes.
#[derive(Default)]
struct Scores {
    under_way: f64,
    ended: Vec<f64>,
    updates: u64,
    interrupt: AtomicBool,
}

impl Watch for Scores {
    fn tell(&mut self, event: Event<'_>) -> Result<()> {
        match event {
            Event::Step { step, .. } => self.under_way += step.raw_reward,
            Event::Episode { .. } => self.ended.push(std::mem::take(&mut self.under_way)),
            Event::Update(_) => self.updates += 1,
            Event::Pause(_) => {}
        }
        Ok(())
    }

    fn stop(&self) -> bool {
        false
    }

    fn interrupt(&self) -> &AtomicBool {
        &self.interrupt
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

/// The built-in game as `config` presents it.
fn bricks(config: &Config) -> Atari {
    AtariSpec::of(config.atari(), None).unwrap().training_game(config.run.seed, 0)
}

/// The results of a configuration by name, as bytes to compare.
type Sides = BTreeMap<&'static str, Vec<u8>>;

fn bytes(value: impl Serialize) -> Vec<u8> {
    postcard::to_stdvec(&value).unwrap()
}

fn sides(config: &Config) -> Sides {
    let mut sides = game(config);
    sides.extend(scripted_run(config));
    sides.extend(updates(config));
    let at = [(0, 0), (STEPS, 0), (STEPS + 500_000, 0), (STEPS, 3)];
    let schedule = EpsilonSchedule::of(config.dqn());
    sides.insert("epsilon", bytes(at.map(|(step, games)| schedule.epsilon(step, games))));
    sides
}

/// The game itself, played with the same action indices and without no-ops: the observations, and the steps as the
/// learner sees them.
fn game(config: &Config) -> Sides {
    let mut starts = Generator::new(1, Purpose::Starts);
    let mut started = bricks(config);
    let mut observations = started.space().observations(1);
    let noop_frames = [(); 5].map(|()| started.reset(&mut starts, observations.place()));

    let mut keys = config.atari().clone();
    keys.noop_max = 0;
    let without_noops = Config { environment: config::EnvironmentKeys::Atari(keys), ..config.clone() };
    let mut environment = bricks(&without_noops);
    let mut random = Generator::new(1, Purpose::Synthetic);
    let (mut seen, mut learned) = (Vec::new(), Vec::new());
    environment.reset(&mut starts, observations.place());
    for _ in 0..300 {
        let checksum = crc32fast::hash(observations.seen().pixels().unwrap());
        let step = environment.step(random.below(4), observations.place());
        seen.push((checksum, step.raw_reward, step.lives_lost, step.over, step.truncated));
        learned.push((step.reward, step.terminal));
        if step.over {
            environment.reset(&mut starts, observations.place());
        }
    }
    assert!(
        seen.iter().any(|(.., lives_lost, _, _)| *lives_lost > 0) && seen.iter().any(|(_, reward, ..)| *reward > 0.0)
    );
    Sides::from([("game", bytes(seen)), ("learned from", bytes(learned)), ("starts", bytes(noop_frames))])
}

/// The actions and transitions in the scripted environment, before the first update.
fn scripted_run(config: &Config) -> Sides {
    let actions = bricks(config).actions();
    let taken = Arc::<Mutex<Vec<usize>>>::default();
    let make = |_| -> Result<Box<dyn Environment>> {
        Ok(Box::new(Script {
            life_loss_is_terminal: config.atari().life_loss == LifeLoss::Terminal,
            reward_clip: config.atari().reward_clip,
            actions,
            pixel: 0,
            steps: 0,
            taken: Arc::clone(&taken),
        }))
    };
    let mut environments = VectorEnvironment::new(&make, 1, config.run.seed).unwrap();
    let mut dqn = Dqn::new(config.dqn(), &config.network, config.run.seed, &environments, &Device::Cpu).unwrap();
    let mut scores = Scores::default();
    dqn.advance(&mut environments, STEPS, &mut scores).unwrap();
    assert_eq!((dqn.steps(), scores.updates), (STEPS, 0));
    // The switches do not change scores: 20 steps are five times all rewards.
    assert_eq!(scores.ended, [5.0 * f64::from(REWARDS.iter().sum::<f32>()); 5]);
    let mut replay = dqn.updater().replay().clone();
    let mut random = Generator::new(1, Purpose::Synthetic);
    let (mut evenly, mut by_priority) = (Batch::default(), Batch::default());
    assert!(replay.sample(64, &mut random, &mut evenly));
    replay.sample_by_priority(64, 0.4, &mut random, &mut by_priority);
    let Batch { observations, rewards, discounts, next_observations, .. } = evenly;
    let taken = taken.lock().unwrap().clone();
    Sides::from([
        ("actions", bytes(taken)),
        ("transitions", bytes((observations, rewards, discounts, next_observations))),
        ("drawn by priority", bytes((by_priority.numbers, by_priority.weights))),
    ])
}

/// A new network, and some updates of it on one batch.
fn updates(config: &Config) -> Sides {
    let environment = bricks(config);
    let (space, actions) = (environment.space(), environment.actions());
    let mut updater =
        new_updater(config.dqn(), &config.network, config.run.seed, (space, actions), &Device::Cpu).unwrap();
    let layout = Architecture::new(Design::of(&config.network), space, actions).unwrap().layout();
    let parameters = updater.learner().parameters(Which::Online).unwrap();
    let means = layout.iter().filter(|spec| !spec.is_sigma());
    let means: Vec<&[f32]> = means.map(|spec| &parameters.values[spec.range()]).collect();
    let shapes: Vec<(&str, &[usize])> = layout.iter().map(|spec| (spec.name.as_str(), spec.shape.as_slice())).collect();
    let mut sides = Sides::from([("network", bytes(&shapes)), ("weights", bytes(&means))]);
    let batch = random_batch(space, 8, 4, &mut Generator::new(1, Purpose::Synthetic));
    let first = updater.learn_from(&batch).unwrap();
    let [online, target] =
        [Which::Online, Which::Target].map(|which| updater.learner().parameters(which).unwrap().values);
    sides.extend([
        ("predictions", bytes(first.q_value)),
        ("losses", bytes((first.loss, first.td_error))),
        ("gradient norm", bytes(first.gradient_norm)),
        ("step", bytes(online)),
        ("target network", bytes(target)),
    ]);
    // Long enough for the online network to prefer other actions than the target network does.
    let later = [(); 20].map(|()| updater.learn_from(&batch).unwrap());
    sides.insert("later losses", bytes(later.map(|update| (update.loss, update.td_error))));
    sides
}

/// The sides that depend on the network's shape.
const NETWORK: [&str; 7] = ["network", "weights", "predictions", "losses", "step", "target network", "later losses"];

#[test]
fn every_switch_changes_what_it_should_and_nothing_else() {
    let off = sides(&config(&[]));
    assert!(sides(&config(&[])) == off, "the same seed gives the same everything");
    let noisy = ["network", "predictions", "losses", "step", "target network", "later losses", "epsilon", "actions"];
    let switches: [(&[&str], &[&str]); 27] = [
        // Both networks are the same until the first update is made.
        (&["double=true"], &["later losses"]),
        (&["dueling=true"], &NETWORK),
        (&["categorical=true"], &NETWORK),
        // The means equal the weights of an ordinary network.
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
        (&["life_loss=ignore"], &["game", "learned from", "transitions"]),
        // The rewards of these steps are 0 and 1.
        (&["reward_clip=false"], &["transitions"]),
        (&["fire_reset=true"], &["game", "learned from"]),
        (&["sticky_probability=0.25"], &["game", "learned from"]),
        (&["full_action_space=true"], &[NETWORK.as_slice(), &["game", "learned from", "actions"]].concat()),
        (&["frame_skip=3"], &["game", "learned from"]),
        (&["resize=bilinear"], &["game"]),
        (&["noop_max=0"], &["starts"]),
        (&["gamma=0.5"], &["transitions"]),
        (&["network=small"], &NETWORK),
        (&["initial_values=he"], &NETWORK[1..]),
        (&["norm=channels"], &NETWORK),
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
