use super::*;
use crate::config::{Config, NetworkKind};
use crate::environments::atari::preprocess::SPACE;
use crate::environments::{self, Environment, Step};
use crate::networks::cpu::{CpuNetwork, Workspace};
use crate::networks::head::largest;
use crate::observations::{Place, Seen};
use crate::saving::Parts;
use std::sync::atomic::AtomicBool;

/// Counts the events that it receives.
#[derive(Default)]
struct Count {
    steps: u64,
    episodes: u64,
    updates: u64,
    truncated: u64,
    interrupt: AtomicBool,
}

impl Watch for Count {
    fn tell(&mut self, event: Event<'_>) -> Result<()> {
        match event {
            Event::Step { .. } => self.steps += 1,
            Event::Episode { truncated, .. } => {
                self.episodes += 1;
                self.truncated += u64::from(truncated);
            }
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

const STATES: usize = 5;

/// Five states in a row: action 1 moves on, action 0 stays. Moving on from the last one ends the episode with the reward 1, or, if
/// it has `lives`, a life: the game goes on from the first state. An episode of `limit` steps is cut off.
struct Chain {
    at: usize,
    steps: u64,
    limit: u64,
    lives: bool,
}

impl Chain {
    fn show(&self, place: Place<'_>) {
        let Place::Numbers(place) = place else { unreachable!("its space is of numbers") };
        place.fill(0.0);
        place[self.at] = 1.0;
    }
}

impl Environment for Chain {
    fn space(&self) -> Space {
        Space::Numbers(STATES)
    }

    fn actions(&self) -> usize {
        2
    }

    fn reset(&mut self, _: &mut Generator, place: Place<'_>) -> u32 {
        (self.at, self.steps) = (0, 0);
        self.show(place);
        0
    }

    fn step(&mut self, action: usize, place: Place<'_>) -> Step {
        self.steps += 1;
        let terminal = action == 1 && self.at + 1 == STATES;
        self.at = if terminal { 0 } else { self.at + action };
        let reward = f32::from(u8::from(terminal));
        let truncated = !terminal && self.steps == self.limit;
        self.show(place);
        let over = truncated || (terminal && !self.lives);
        Step { reward, raw_reward: reward.into(), terminal, over, truncated, ..Step::default() }
    }

    fn episode_frames(&self) -> u64 {
        self.steps
    }

    fn state(&self) -> Vec<u8> {
        [self.at as u64, self.steps].map(u64::to_le_bytes).concat()
    }

    fn restore(&mut self, state: &[u8], place: Place<'_>) -> Result<()> {
        let (at, steps) = state.split_first_chunk().context("too short")?;
        self.at = u64::from_le_bytes(*at) as usize;
        self.steps = u64::from_le_bytes(steps.try_into()?);
        self.show(place);
        Ok(())
    }
}

/// The same with a picture for each state: a white bar, in stacks like an Atari game's.
struct PicturedChain {
    chain: Chain,
    stack: Vec<u8>,
}

impl PicturedChain {
    fn show(&mut self, mut place: Place<'_>) {
        let frame = self.stack.len() / 4;
        self.stack.copy_within(frame.., 0);
        let newest = &mut self.stack[3 * frame..];
        newest.fill(0);
        newest[frame / STATES * self.chain.at..frame / STATES * (self.chain.at + 1)].fill(255);
        place.copy_from(Seen::Pixels(&self.stack));
    }
}

impl Environment for PicturedChain {
    fn space(&self) -> Space {
        SPACE
    }

    fn actions(&self) -> usize {
        2
    }

    fn reset(&mut self, random: &mut Generator, place: Place<'_>) -> u32 {
        self.chain.reset(random, Place::Numbers(&mut [0.0; STATES]));
        self.stack.fill(0);
        self.show(place);
        0
    }

    fn step(&mut self, action: usize, place: Place<'_>) -> Step {
        let step = self.chain.step(action, Place::Numbers(&mut [0.0; STATES]));
        self.show(place);
        step
    }

    fn episode_frames(&self) -> u64 {
        self.chain.steps
    }

    /// Copied before an iteration, and never put back.
    fn state(&self) -> Vec<u8> {
        Vec::new()
    }

    fn restore(&mut self, _: &[u8], _: Place<'_>) -> Result<()> {
        unreachable!("no iteration is interrupted")
    }
}

fn keys() -> PqnKeys {
    PqnKeys {
        num_envs: 4,
        horizon: 16,
        minibatch_size: 32,
        gamma: 0.9,
        learning_rate: 1e-2,
        epsilon_initial: 0.3,
        epsilon_final: 0.3,
        ..PqnKeys::default()
    }
}

fn chains(keys: &PqnKeys, limit: u64, lives: bool) -> VectorEnvironment {
    let make = |_| -> Result<Box<dyn Environment>> { Ok(Box::new(Chain { at: 0, steps: 0, limit, lives })) };
    VectorEnvironment::new(&make, keys.num_envs, 1).unwrap()
}

fn network(network: NetworkKind) -> NetworkKeys {
    NetworkKeys { network, ..NetworkKeys::default() }
}

fn new(keys: &PqnKeys, environments: &VectorEnvironment) -> Pqn {
    Pqn::new(keys, &network(NetworkKind::Mlp), 1, environments, &Device::Cpu).unwrap()
}

/// The values of all states and actions.
fn values(pqn: &Pqn) -> Vec<f32> {
    let states: Vec<f32> = (0..STATES * STATES).map(|i| f32::from(u8::from(i % (STATES + 1) == 0))).collect();
    pqn.policy().unwrap().values(Seen::Numbers(&states)).unwrap().unwrap().to_vec()
}

/// A terminal that is off by one, or a bootstrap from the wrong state, gives other values. Being cut off changes none, nor does it
/// matter whether the game ends or only a life.
#[test]
fn the_values_of_a_chain_are_powers_of_gamma() {
    for (limit, lives, lambda, cut_traces) in [
        (1000, false, 0.0, false),
        (1000, false, 0.65, true),
        (1000, true, 0.65, true),
        (7, false, 0.0, false),
        (7, false, 0.65, true),
    ] {
        // Without cut traces and with a lambda above 0 the values would be those of a player who explores.
        let keys = PqnKeys { lambda, cut_traces, ..keys() };
        let mut environments = chains(&keys, limit, lives);
        let mut pqn = new(&keys, &environments);
        let mut watch = Count::default();
        pqn.advance(&mut environments, 20_000, &mut watch).unwrap();
        assert_eq!(watch.truncated > 100, limit == 7);
        for (state, values) in values(&pqn).chunks_exact(2).enumerate() {
            let moving_on = 0.9f32.powi((STATES - 1 - state) as i32);
            for (got, want) in values.iter().zip([0.9 * moving_on, moving_on]) {
                let case = format!("limit {limit}, lives {lives}, lambda {lambda}, state {state}");
                assert!((got - want).abs() < 0.05, "{case}: {values:?}, {want}");
            }
        }
    }
}

/// The greedy values of the states along the way, where the paper's network meets them.
#[test]
fn the_values_of_pictures_are_powers_of_gamma() {
    let keys = PqnKeys { cut_traces: true, learning_rate: 1e-3, ..keys() };
    let chain = || Chain { at: 0, steps: 0, limit: 7, lives: false };
    let make = |_| -> Result<Box<dyn Environment>> {
        Ok(Box::new(PicturedChain { chain: chain(), stack: vec![0; SPACE.size()] }))
    };
    let mut environments = VectorEnvironment::new(&make, keys.num_envs, 1).unwrap();
    let mut pqn = Pqn::new(&keys, &normed(), 1, &environments, &Device::Cpu).unwrap();
    pqn.advance(&mut environments, 8_000, &mut Count::default()).unwrap();
    let mut seen = PicturedChain { chain: chain(), stack: vec![0; SPACE.size()] };
    let mut observation = vec![0; SPACE.size()];
    seen.reset(&mut Generator::new(1, Purpose::Synthetic), Place::Pixels(&mut observation));
    let mut policy = pqn.policy().unwrap();
    for state in 0..STATES {
        let got = largest(policy.values(Seen::Pixels(&observation)).unwrap().unwrap());
        let want = 0.9f32.powi((STATES - 1 - state) as i32);
        assert!((got - want).abs() < 0.1, "state {state}: {got}, expected {want}");
        seen.step(1, Place::Pixels(&mut observation));
    }
}

/// The network of `pqn-cpu`.
fn normed() -> NetworkKeys {
    Config::preset("pqn-cpu").unwrap().network
}

/// Frames of bricks after some random play, in a batch that has a base: each layer's gradient against central differences along
/// itself, and the batch's against that of its images one by one.
#[test]
fn the_gradient_on_real_frames_is_that_of_finite_differences_and_of_single_images() {
    const IMAGES: usize = 32;
    let config = Config::preset("bricks").unwrap();
    let spec = environments::spec(&config.environment, None).unwrap();
    let mut environments = environments::vector(&*spec, IMAGES, 1).unwrap();
    let (actions, mut random) = (environments.actions(), Generator::new(1, Purpose::Synthetic));
    for _ in 0..80 {
        let chosen: Vec<usize> = (0..IMAGES).map(|_| random.below(actions)).collect();
        environments.step(&chosen);
    }
    let seen = environments.observations().seen();
    let architecture = Architecture::new(Design::of(&normed()), SPACE, actions).unwrap();
    let mut weights = Generator::new(1, Purpose::Weights);
    let mut parameters = Parameters::drawn(normed().initial_values, architecture.clone(), &mut weights);
    // With biases and shifts of 0 a black patch is exactly where the ReLU bends.
    for bias in architecture.layout().iter().filter(|spec| spec.name.ends_with(".bias")) {
        parameters.values[bias.range()].fill_with(|| weights.symmetric(0.2));
    }
    let pulls: Vec<f32> = (0..IMAGES * actions).map(|_| random.symmetric(1.0)).collect();
    let gradient = |seen: Seen<'_>, pulls: &[f32]| {
        let (network, mut workspace) = (CpuNetwork::new(&parameters), Workspace::default());
        workspace.forward(&network, seen).unwrap();
        let mut gradient = vec![0.0; parameters.values.len()];
        workspace.backward(&network, seen, pulls, &mut gradient).unwrap();
        network.in_stored_order(&gradient)
    };
    let whole = gradient(seen, &pulls);
    let mut sum = vec![0.0; whole.len()];
    for (image, pulls) in pulls.chunks_exact(actions).enumerate() {
        let single = gradient(seen.at(SPACE, image), pulls);
        sum.iter_mut().zip(single).for_each(|(sum, value)| *sum += value);
    }
    for spec in architecture.layout() {
        let (gradient, sum) = (&whole[spec.range()], &sum[spec.range()]);
        let scale = gradient.iter().fold(0.0f32, |most, value| most.max(value.abs()));
        let furthest = gradient.iter().zip(sum).fold(0.0f32, |most, (a, b)| most.max((a - b).abs()));
        assert!(furthest <= 1e-5 * scale, "{}: {furthest} of {scale}", spec.name);

        let length = gradient.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
        let objective = |by: f64| {
            let mut moved = parameters.clone();
            for (value, slope) in moved.values[spec.range()].iter_mut().zip(gradient) {
                *value += (by * f64::from(*slope) / length) as f32;
            }
            let mut workspace = Workspace::default();
            let outputs = workspace.forward(&CpuNetwork::new(&moved), seen).unwrap();
            outputs.iter().zip(&pulls).map(|(output, pull)| f64::from(*output) * f64::from(*pull)).sum::<f64>()
        };
        let step = 1e-3;
        let slope = (objective(step) - objective(-step)) / (2.0 * step);
        assert!((slope / length - 1.0).abs() < 0.01, "{}: {length}, by differences {slope}", spec.name);
    }
}

#[test]
fn it_advances_by_whole_iterations_and_reports_each_step_and_update() {
    let keys = keys();
    let mut environments = chains(&keys, 1000, false);
    let mut pqn = new(&keys, &environments);
    let mut watch = Count::default();
    pqn.advance(&mut environments, 65, &mut watch).unwrap();
    // 4 x 16 steps an iteration, 2 epochs of 2 minibatches.
    assert_eq!((pqn.steps(), watch.steps, watch.updates), (128, 128, 8));
    assert!(watch.episodes > 0);
    assert_eq!(keys.updates_in(65), 8);
}

/// The state of a learner and the environments' observations, after `steps` steps of bricks on this many threads, stopped and
/// resumed after `stop`.
fn state_of_bricks(threads: usize, desync_steps: u32, stop: Option<u64>) -> (LearnerState, Observations) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| {
        let config = Config::preset("bricks").unwrap();
        let keys = PqnKeys {
            num_envs: 10,
            horizon: 4,
            minibatch_size: 20,
            epsilon_initial: 0.5,
            desync_steps,
            ..PqnKeys::default()
        };
        let spec = environments::spec(&config.environment, None).unwrap();
        let new = || {
            let environments = environments::vector(&*spec, keys.num_envs, 1).unwrap();
            let pqn = Pqn::new(&keys, &network(NetworkKind::Small), 1, &environments, &Device::Cpu).unwrap();
            (environments, pqn)
        };
        let (mut environments, mut pqn) = new();
        if let Some(stop) = stop {
            pqn.advance(&mut environments, stop, &mut Count::default()).unwrap();
            let (folder, nothing) = (tempfile::tempdir().unwrap(), Parts::default());
            let mut saving = Saving::new(folder.path(), &nothing);
            pqn.save(&mut saving).unwrap();
            let parts = saving.into_parts();
            let vector = environments.state();
            (environments, pqn) = new();
            pqn.load(&Loading::new(folder.path(), &parts)).unwrap();
            environments.restore(vector).unwrap();
        }
        pqn.advance(&mut environments, 160, &mut Count::default()).unwrap();
        (pqn.learner().state().unwrap(), environments.observations().clone())
    })
}

#[test]
fn any_number_of_threads_and_a_resumed_run_give_the_same_bytes() {
    for desync_steps in [0, 30] {
        let expected = state_of_bricks(1, desync_steps, None);
        for (threads, stop) in [(2, None), (5, None), (1, Some(40)), (2, Some(120))] {
            assert!(state_of_bricks(threads, desync_steps, stop) == expected, "{threads} threads, stopped: {stop:?}");
        }
    }
    assert!(state_of_bricks(1, 0, None).1 != state_of_bricks(1, 30, None).1);
}

#[test]
fn environments_of_a_ladder_explore_less_and_less() {
    let keys = PqnKeys { epsilon_ladder: true, ..keys() };
    let exploration = Exploration::of(&keys, 8);
    let epsilons: Vec<f64> = (0..8).map(|env| exploration.epsilon(123, 4, env)).collect();
    for (i, epsilon) in epsilons.iter().enumerate() {
        assert!((epsilon - 0.4f64.powi(1 + i as i32)).abs() < 1e-12, "{epsilons:?}");
    }
    assert_eq!(exploration.common_epsilon(123), None);
    let common = Exploration::of(&PqnKeys { epsilon_anneal_steps: 100, epsilon_final: 0.0, ..keys_of_ten() }, 10);
    assert!((common.epsilon(40, 1, 7) - 0.5).abs() < 1e-12);
}

fn keys_of_ten() -> PqnKeys {
    PqnKeys { num_envs: 10, epsilon_initial: 1.0, ..PqnKeys::default() }
}

#[test]
fn a_loss_that_is_not_finite_is_an_error_that_says_what_to_do() {
    let keys = PqnKeys { learning_rate: 1.0, gradient_clip_norm: 0.0, gamma: 1.0, lambda: 0.0, ..keys() };
    let mut environments = chains(&keys, 1000, false);
    let mut pqn = new(&keys, &environments);
    let mut state = pqn.learner.state().unwrap();
    state.online[0] = f32::INFINITY;
    pqn.learner.set_state(state).unwrap();
    let mut watch = Count::default();
    let message = format!("{:#}", pqn.advance(&mut environments, 64, &mut watch).unwrap_err());
    assert!(message.contains("learning_rate"), "{message}");
    assert_eq!((pqn.steps(), watch.steps), (64, 64), "steps that were taken are reported");
}
