use super::*;
use crate::config::{Config, NetworkKind, OptimizerKind, Widths};
use crate::environments::{self, Environment};
use crate::observations::Place;
use crate::saving::Parts;
use std::sync::atomic::AtomicBool;

/// Counts the events that it receives.
#[derive(Default)]
struct Count {
    steps: u64,
    episodes: u64,
    truncated: u64,
    /// Sum of the rewards of the last episodes, the newest last.
    scores: Vec<f32>,
    score: f32,
    updates: Vec<Update>,
    interrupt: AtomicBool,
}

impl Watch for Count {
    fn tell(&mut self, event: Event<'_>) -> Result<()> {
        match event {
            Event::Step { step, .. } => {
                self.steps += 1;
                self.score += step.reward;
            }
            Event::Episode { truncated, epsilon, .. } => {
                assert_eq!(epsilon, None);
                self.episodes += 1;
                self.truncated += u64::from(truncated);
                self.scores.push(std::mem::take(&mut self.score));
            }
            Event::Update(update) => self.updates.push(*update),
            Event::Pause(standing) => assert_eq!(standing, Standing::default()),
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

/// States of a [`Signs`].
const SIGNS: usize = 3;
/// Pixels of its pictures have the side of this many.
const SIDE: usize = 3;

/// Shows one of three signs. Each has an action that earns 1, the others earn nothing. An episode ends after `length` steps, by a limit
/// if `limited`; an earlier step is terminal if `life` is its number.
#[derive(Clone)]
struct Signs {
    space: Space,
    sign: usize,
    before: usize,
    steps: u64,
    length: u64,
    limited: bool,
    life: u64,
    random: Generator,
}

impl Signs {
    fn new(space: Space, length: u64) -> Self {
        let random = Generator::new(0, Purpose::Synthetic);
        Self { space, sign: 0, before: 0, steps: 0, length, limited: false, life: 0, random }
    }

    fn show(&self, place: Place<'_>) {
        match place {
            Place::States(place) => place[0] = self.sign as u32,
            Place::Numbers(place) => {
                place.copy_from_slice(&[0, 1, 2].map(|sign| f32::from(u8::from(sign == self.sign))))
            }
            Place::Pixels(place) => {
                // Two pictures, the newest last; the first is black at the start.
                place.fill(0);
                let (older, newest) = place.split_at_mut(SIDE * SIDE);
                newest[self.sign] = 255;
                if self.steps > 0 {
                    older[self.before] = 255;
                }
            }
        }
    }

    fn next_sign(&mut self) {
        (self.before, self.sign) = (self.sign, self.random.below(SIGNS));
    }
}

impl Environment for Signs {
    fn space(&self) -> Space {
        self.space
    }

    fn actions(&self) -> usize {
        SIGNS
    }

    fn reset(&mut self, random: &mut Generator, place: Place<'_>) -> u32 {
        (self.steps, self.random) = (0, Generator::new(random.bits(), Purpose::Synthetic));
        self.next_sign();
        self.show(place);
        0
    }

    fn step(&mut self, action: usize, place: Place<'_>) -> Step {
        let reward = f32::from(u8::from(action == SIGNS - 1 - self.sign));
        self.steps += 1;
        self.next_sign();
        self.show(place);
        let over = self.steps == self.length;
        let terminal = (over && !self.limited) || self.steps == self.life;
        Step { reward, raw_reward: reward.into(), terminal, over, truncated: over && self.limited, ..Step::default() }
    }

    fn episode_frames(&self) -> u64 {
        self.steps
    }

    fn state(&self) -> Vec<u8> {
        serde_json::to_vec(&(self.sign, self.before, self.steps, &self.random)).unwrap()
    }

    fn restore(&mut self, state: &[u8], place: Place<'_>) -> Result<()> {
        (self.sign, self.before, self.steps, self.random) = serde_json::from_slice(state)?;
        self.show(place);
        Ok(())
    }
}

const SPACES: [Space; 3] = [Space::States(SIGNS), Space::Numbers(SIGNS), Space::Pixels { stack: 2, side: SIDE }];

fn keys() -> ReinforceKeys {
    ReinforceKeys { gamma: 0.5, learning_rate: 0.02, games_per_update: 4, ..ReinforceKeys::default() }
}

fn network() -> NetworkKeys {
    NetworkKeys { network: NetworkKind::Mlp, layers: Widths::new(&[16]).unwrap(), ..NetworkKeys::default() }
}

/// Environment number i has games of `length` + i steps.
fn signs_as(num_envs: usize, space: Space, length: u64, change: impl Fn(&mut Signs)) -> VectorEnvironment {
    let make = |index: usize| -> Result<Box<dyn Environment>> {
        let mut signs = Signs::new(space, length + index as u64);
        change(&mut signs);
        Ok(Box::new(signs))
    };
    VectorEnvironment::new(&make, num_envs, 1).unwrap()
}

fn signs(num_envs: usize, space: Space) -> VectorEnvironment {
    signs_as(num_envs, space, 10, |_| {})
}

fn new(keys: &ReinforceKeys, environments: &VectorEnvironment) -> Reinforce {
    Reinforce::new(keys, &network(), 1, environments, &Device::Cpu).unwrap()
}

/// Games are 10 steps, a right action of three earns 1: a random policy has 3.3, the best 10.
#[test]
fn it_learns_from_states_numbers_and_pictures() {
    let usual = keys();
    for (keys, space) in [
        (usual.clone(), SPACES[0]),
        (usual.clone(), SPACES[1]),
        (usual.clone(), SPACES[2]),
        (ReinforceKeys { normalize: Normalization::Batch, reduction: Reduction::Sum, ..usual.clone() }, SPACES[0]),
        (ReinforceKeys { normalize: Normalization::None, gamma: 0.0, games_per_update: 1, ..usual.clone() }, SPACES[0]),
        (
            ReinforceKeys {
                optimizer: OptimizerKind::RmsProp,
                learning_rate: 0.005,
                gradient_clip_norm: 1.0,
                num_envs: 3,
                ..usual
            },
            SPACES[1],
        ),
    ] {
        let mut environments = signs_as(keys.num_envs, space, 10, |signs| signs.length = 10);
        let mut reinforce = new(&keys, &environments);
        let mut watch = Count::default();
        reinforce.advance(&mut environments, 12_000, &mut watch).unwrap();
        let mean = |scores: &[f32]| scores.iter().sum::<f32>() / scores.len() as f32;
        let (first, last) = (mean(&watch.scores[..20]), mean(&watch.scores[watch.scores.len() - 50..]));
        assert!(first < 7.0 && last > 9.0, "{keys:?}, {space}: {first}, then {last}");
        let clipped = keys.gradient_clip_norm > 0.0;
        assert!(watch.updates.iter().all(|update| update.gradient_norm.is_some() == clipped));
    }
}

#[test]
fn an_update_follows_every_so_many_whole_games_and_says_what_it_learned_from() {
    let keys = ReinforceKeys { normalize: Normalization::None, gamma: 1.0, ..keys() };
    let mut environments = signs(1, SPACES[0]);
    let mut reinforce = new(&keys, &environments);
    let mut watch = Count::default();
    reinforce.advance(&mut environments, 39, &mut watch).unwrap();
    assert_eq!((watch.steps, watch.episodes, watch.updates.len()), (39, 3, 0));
    let before = reinforce.learner().parameters(Which::Online).unwrap();
    reinforce.advance(&mut environments, 40, &mut watch).unwrap();
    assert_eq!((watch.steps, watch.episodes, watch.updates.len()), (40, 4, 1));
    assert_ne!(reinforce.learner().parameters(Which::Online).unwrap(), before);
    assert!(reinforce.complete.is_empty());
    reinforce.advance(&mut environments, 115, &mut watch).unwrap();
    assert_eq!((reinforce.steps(), watch.updates.len(), reinforce.complete.len()), (115, 2, 3));
    // A reward in step t counts for t steps: on average 5.5 of 10.
    let update = watch.updates[0];
    let score = watch.scores[..4].iter().sum::<f32>() / 4.0;
    assert!(update.q_value > 0.2 * score && update.q_value < 0.9 * score, "{update:?}, {score}");
    assert_eq!(update.td_error, update.q_value, "returns that are not normalized are the advantages");
    assert!(update.loss > 0.0 && update.gradient_norm.is_none(), "{update:?}");
}

/// An update of 4 games, learned from in parts of `PART` steps or less, against one by a learner that sees it whole.
#[test]
fn an_update_is_one_step_on_the_loss_of_all_its_games() {
    let length = PART as u64 / 3;
    for (reduction, normalize) in [
        (Reduction::Mean, Normalization::None),
        (Reduction::Sum, Normalization::Episode),
        (Reduction::Mean, Normalization::Batch),
    ] {
        // The step of RMSProp with a fixed denominator shows the gradient's length.
        let keys = ReinforceKeys {
            reduction,
            normalize,
            optimizer: OptimizerKind::RmsProp,
            rmsprop_decay: 0.999_999,
            rmsprop_epsilon: 1.0,
            learning_rate: 0.01,
            ..keys()
        };
        let mut environments = signs_as(1, SPACES[1], length, |_| {});
        let mut reinforce = new(&keys, &environments);
        let parameters = reinforce.learner().parameters(Which::Online).unwrap();
        reinforce.advance(&mut environments, 4 * length - 1, &mut Count::default()).unwrap();
        let mut episodes = reinforce.complete.clone();
        reinforce.advance(&mut environments, 4 * length, &mut Count::default()).unwrap();
        // The last game again: its actions are drawn by the same numbers.
        let mut environments = signs_as(1, SPACES[1], length, |_| {});
        let mut again = new(&ReinforceKeys { games_per_update: 5, ..keys.clone() }, &environments);
        again.advance(&mut environments, 4 * length, &mut Count::default()).unwrap();
        assert_eq!(again.complete[..3], episodes);
        episodes.push(again.complete[3].clone());

        let (advantages, _) = advantages(&keys, &episodes);
        let mut observations = SPACES[1].observations(0);
        for episode in &episodes {
            (0..episode.len()).for_each(|t| observations.extend(episode.observation(SPACES[1], t)).unwrap());
        }
        let loss = Loss {
            kind: LossKind::Squared,
            actions: &episodes.iter().flat_map(|episode| episode.actions.clone()).collect::<Vec<u8>>(),
            targets: &advantages.iter().map(|advantage| *advantage as f32).collect::<Vec<f32>>(),
            weights: &vec![1.0; advantages.len()],
            gradient_scale: if reduction == Reduction::Mean { 1.0 / advantages.len() as f32 } else { 1.0 },
            norm_limit: None,
        };
        let rule = OptimizerRule::of_reinforce(&keys);
        let mut learner = new_learner_without_target(&parameters, rule, &Device::Cpu).unwrap();
        learner.update(observations.seen(), &loss).unwrap();
        let values = |learner: &dyn Learner| learner.parameters(Which::Online).unwrap().values;
        let (got, want) = (values(reinforce.learner()), values(&*learner));
        let moved = want.iter().zip(&parameters.values).fold(0.0, |most: f32, (new, old)| most.max((new - old).abs()));
        assert!(moved > 1e-5, "{moved}");
        for (got, want) in got.iter().zip(&want) {
            assert!((got - want).abs() < 1e-3 * moved + 1e-7, "{reduction:?}: {got}, expected {want}");
        }
    }
}

#[test]
fn a_game_that_a_limit_cuts_off_counts_as_complete_and_returns_end_with_a_life() {
    let keys = ReinforceKeys { gamma: 1.0, normalize: Normalization::None, ..keys() };
    let mut environments = signs_as(1, SPACES[0], 10, |signs| (signs.limited, signs.life) = (true, 4));
    let mut reinforce = new(&keys, &environments);
    let mut watch = Count::default();
    reinforce.advance(&mut environments, 30, &mut watch).unwrap();
    assert_eq!((watch.episodes, watch.truncated, reinforce.complete.len()), (3, 3, 3));
    let episode = &reinforce.complete[0];
    let expected: Vec<bool> = (1..=10).map(|step| step == 4).collect();
    assert_eq!(episode.terminals, expected);
    let (returns, _) = advantages(&keys, std::slice::from_ref(episode));
    assert_eq!(returns[0], f64::from(episode.rewards[..4].iter().sum::<f32>()));
    assert_eq!(returns[4], f64::from(episode.rewards[4..].iter().sum::<f32>()));
}

/// The state after `until` steps of all environments, stopped and continued from a checkpoint at `stops`, on this many threads.
fn state_of(
    space: Space,
    num_envs: usize,
    threads: usize,
    until: u64,
    stops: &[u64],
) -> (LearnerState, Vec<Episode>, Observations) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let keys = ReinforceKeys { num_envs, gradient_clip_norm: 0.5, ..keys() };
        let mut environments = signs(num_envs, space);
        let mut reinforce = new(&keys, &environments);
        for stop in stops {
            reinforce.advance(&mut environments, *stop, &mut Count::default()).unwrap();
            let (folder, nothing) = (tempfile::tempdir().unwrap(), Parts::default());
            let mut saving = Saving::new(folder.path(), &nothing);
            reinforce.save(&mut saving).unwrap();
            let (parts, vector) = (saving.into_parts(), environments.state());
            environments = signs(num_envs, space);
            reinforce = new(&keys, &environments);
            reinforce.load(&Loading::new(folder.path(), &parts)).unwrap();
            environments.restore(vector).unwrap();
            assert!(reinforce.steps() >= *stop && reinforce.steps() < stop + num_envs as u64);
        }
        reinforce.advance(&mut environments, until, &mut Count::default()).unwrap();
        let episodes = [reinforce.complete.clone(), reinforce.current.clone()].concat();
        (reinforce.learner().state().unwrap(), episodes, environments.observations().clone())
    })
}

/// Stopped before the first step, in the middle of a game, between games and right after an update.
#[test]
fn any_number_of_threads_and_a_resumed_run_give_the_same_bytes() {
    for space in SPACES {
        for num_envs in [1, 5] {
            let expected = state_of(space, num_envs, 1, 333, &[]);
            assert!(expected.0.optimizer.steps > 5);
            for (threads, stops) in [(3, vec![]), (1, vec![0, 7, 33]), (2, vec![20, 40, 41, 250])] {
                let got = state_of(space, num_envs, threads, 333, &stops);
                assert!(got == expected, "{space}, {num_envs} environments, {threads} threads, stopped: {stops:?}");
            }
        }
    }
}

#[test]
fn an_observation_of_a_game_is_the_one_that_its_environment_showed() {
    let mut config = Config::preset("bricks").unwrap();
    config.environment.atari_mut().unwrap().max_episode_frames = 400;
    let spec = environments::spec(&config.environment, None).unwrap();
    let mut environments = environments::vector(&*spec, 1, 1).unwrap();
    let space = environments.space();
    let keys = ReinforceKeys { games_per_update: 100, ..ReinforceKeys::default() };
    let network = NetworkKeys { network: NetworkKind::Small, ..NetworkKeys::default() };
    let mut reinforce = Reinforce::new(&keys, &network, 1, &environments, &Device::Cpu).unwrap();
    let mut shown = Vec::new();
    for step in 1..250 {
        shown.push(environments.observations().clone());
        reinforce.advance(&mut environments, step, &mut Count::default()).unwrap();
    }
    assert!(reinforce.complete.len() > 1, "{} games", reinforce.complete.len());
    let episodes = reinforce.complete.iter().chain(&reinforce.current);
    let kept = episodes.flat_map(|episode| (0..episode.len()).map(move |t| episode.observation(space, t)));
    assert!(kept.eq(shown.iter().map(Observations::seen)));
}

#[test]
fn games_that_outgrow_an_update_are_an_error_that_says_what_to_do() {
    let keys = ReinforceKeys { max_update_steps: 25, ..keys() };
    let mut environments = signs(1, SPACES[0]);
    let mut reinforce = new(&keys, &environments);
    let mut watch = Count::default();
    let message = format!("{:#}", reinforce.advance(&mut environments, 100, &mut watch).unwrap_err());
    assert_eq!(
        message,
        "25 steps of 2 games and of 1 that are not over wait for an update, and max_update_steps is 25; set it higher if \
         there is memory for it, games_per_update lower, or limit the length of a game"
    );
    assert_eq!((reinforce.steps(), watch.steps), (25, 25));
    let nothing = Parts::default();
    reinforce.save(&mut Saving::new(std::path::Path::new("nowhere"), &nothing)).unwrap();
    // Two games of 10 steps and what is played of a third fit.
    let keys = ReinforceKeys { games_per_update: 2, ..keys };
    let mut reinforce = new(&keys, &signs(1, SPACES[0]));
    reinforce.advance(&mut signs(1, SPACES[0]), 100, &mut Count::default()).unwrap();
}

#[test]
fn a_checkpoint_of_another_environment_is_refused() {
    let (folder, nothing) = (tempfile::tempdir().unwrap(), Parts::default());
    let save = |space: Space, num_envs: usize| {
        let keys = ReinforceKeys { num_envs, ..keys() };
        let mut environments = signs(num_envs, space);
        let mut reinforce = new(&keys, &environments);
        reinforce.advance(&mut environments, 15, &mut Count::default()).unwrap();
        let mut saving = Saving::new(folder.path(), &nothing);
        reinforce.save(&mut saving).unwrap();
        saving.into_parts()
    };
    let load = |parts: &Parts| {
        let mut reinforce = new(&keys(), &signs(1, SPACES[0]));
        reinforce.load(&Loading::new(folder.path(), parts)).map_err(|error| format!("{error:#}"))
    };
    load(&save(SPACES[0], 1)).unwrap();
    assert!(load(&save(SPACES[1], 1)).unwrap_err().contains("not of this environment"));
    assert!(load(&save(SPACES[0], 2)).unwrap_err().contains("2 environments"));
    assert!(load(&nothing).unwrap_err().contains("no part `reinforce`"));
}

#[test]
fn a_network_that_is_not_finite_is_an_error_that_says_what_to_do() {
    let mut environments = signs(1, SPACES[0]);
    let mut reinforce = new(&keys(), &environments);
    let mut state = reinforce.learner().state().unwrap();
    state.online.fill(f32::INFINITY);
    reinforce.learner.set_state(state).unwrap();
    reinforce.player.follow(&reinforce.learner.evaluator(Which::Online).unwrap());
    let message = format!("{:#}", reinforce.advance(&mut environments, 10, &mut Count::default()).unwrap_err());
    assert!(message.contains("learning has diverged") && message.contains("learning_rate"), "{message}");
    assert_eq!(reinforce.steps(), 0);
}

#[test]
fn its_policy_draws_actions_and_a_network_with_values_is_refused() {
    let environments = signs(1, SPACES[0]);
    let mut policy = new(&keys(), &environments).policy().unwrap();
    assert!(matches!(policy, Policy::Softmax { greedy: false, .. }));
    assert_eq!(policy.probabilities(Seen::States(&[0, 1])).unwrap().unwrap().len(), 2 * SIGNS);
    let dueling = NetworkKeys { dueling: true, ..network() };
    let refused = Reinforce::new(&keys(), &dueling, 1, &environments, &Device::Cpu).err().unwrap();
    assert_eq!(refused.to_string(), "a policy network has neither dueling nor noisy layers");
    let several = ReinforceKeys { num_envs: 2, ..keys() };
    assert!(Reinforce::new(&several, &network(), 1, &environments, &Device::Cpu).is_err());
}
