//! Every key of a configuration: name, type, usual value, range, unit and meaning, source of the usual value.
//!
//! The usual values describe the agent of Mnih et al., "Human-level control through deep reinforcement learning",
//! Nature 518 (2015): its Methods and Extended Data Table 1, or, where the two disagree, the authors' Lua program
//! ("release"). Features that this agent lacks are off, with the usual values of the papers that introduced them.

use crate::config::kinds::kinds;
use crate::config::section::{keys, Allowed, Fault, Faults, Key, Section};
use crate::config::values::KeyValue;
use crate::config::words::{
    Activation, DuelingForm, EpsilonKind, InitialValues, Interleaving, LifeLoss, LossKind, NetworkKind, NormKind,
    Normalization, OptimizerKind, Reduction, ResizeKind, Ties, UpdatesAt, Widths,
};
use crate::config::Config;
use toml::Value;

/// The largest number of steps or updates; any run is shorter.
const MANY: u64 = 1_000_000_000_000;
/// Frames in an observation of a game: the replay must hold at least this many, in addition to the steps of a
/// transition.
pub const FRAMES_OF_AN_OBSERVATION: usize = 4;

keys! {
    /// `[environment]`, `kind = "atari"`: how an agent meets an Atari game.
    pub struct AtariKeys {
        frame_skip: u32 = 4, 1..=60, "frames an action is held for", "Mnih et al. 2015";
        resize: ResizeKind = ResizeKind::Area, .., "how pictures become 84 x 84: area or bilinear", "ALE's own vector environment";
        full_action_space: bool = false, .., "all 18 actions instead of the game's minimal ones", "Mnih et al. 2015";
        sticky_probability: f64 = 0.0, 0.0..=1.0,
            "probability a frame that the previous action is repeated", "Mnih et al. 2015: none";
        noop_max: u32 = 30, 0..=10_000, "frames without action at the start of an episode, at most", "Mnih et al. 2015";
        fire_reset: bool = false, .., "FIRE is pressed for one frame at the start of an episode", "Mnih et al. 2015: no";
        life_loss: LifeLoss = LifeLoss::Terminal, ..,
            "a lost life: terminal (discount 0, the game continues) or ignore", "Mnih et al. 2015, release";
        reward_clip: bool = true, .., "rewards are clipped to [-1, 1] for learning", "Mnih et al. 2015";
        max_episode_frames: u32 = 108_000, ..,
            "frames after which a training episode is truncated; 0: never", "ALE's usual limit, 30 minutes";
    }
}

keys! {
    /// `[algorithm]`, `kind = "dqn"`: deep Q-learning with replay, and its variants.
    pub struct DqnKeys {
        num_envs: usize = 1, 1..=1_024,
            "environments that act as one batch; for fewer and larger updates multiply train_every_steps and batch_size by it too",
            "Mnih et al. 2015";
        replay_capacity: usize = 1_000_000, 6..=1_000_000_000,
            "frames in the replay, one a step; 7 KB each if not compressed", "Mnih et al. 2015";
        replay_compression: bool = true, ..,
            "frames are compressed without loss, to 0.3 to 2 KB", "this program's choice";
        learning_starts_steps: u64 = 50_000, 0..=MANY, "steps before the first update", "Mnih et al. 2015";
        train_every_steps: u64 = 4, 1..=1_000_000,
            "steps of all environments together from one update to the next", "Mnih et al. 2015";
        updates_at: UpdatesAt = UpdatesAt::Steps, ..,
            "train_every_steps counts the run's steps, or episode-steps; or an update at episode-ends", "Mnih et al. 2015";
        learning_starts_games: u64 = 0, 0..=MANY, "training games before the first update", "Mnih et al. 2015: none";
        batch_size: usize = 32, 1..=4096, "transitions in an update", "Mnih et al. 2015";
        target_sync_steps: u64 = 10_000, 1..=MANY,
            "steps from one copy to the target network to the next",
            "Mnih et al. 2015, release (the paper's table: updates)";
        target_sync_games: u64 = 0, 0..=MANY,
            "training games from one copy to the target network to the next, instead of steps; 0: steps",
            "Mnih et al. 2015: steps";
        target_network: bool = true, ..,
            "successors are valued by a copy; false: by the online network itself", "Mnih et al. 2015";
        target_tau: f64 = 0.0, 0.0..=1.0,
            "fraction of the way that an update moves the target network; 0: copies", "Mnih et al. 2015: copies";
        schedule: Interleaving = Interleaving::Sequential, ..,
            "acting and learning: sequential, or concurrent on two cores, with rows at copies only", "Mnih et al. 2015";
        gamma: f64 = 0.99, 0.0..=1.0, "discount a step", "Mnih et al. 2015";
        n_step: usize = 1, 1..=1_000, "steps of rewards before the successor's value", "Mnih et al. 2015";
        double: bool = false, ..,
            "the online network chooses the successor's action", "van Hasselt et al. 2016 came later";
        loss: LossKind = LossKind::Clipped, ..,
            "of a TD error: clipped (Huber, delta 1) or squared; unused if categorical", "Mnih et al. 2015";
        prioritized: bool = false, .., "transitions are drawn by priority", "Schaul et al. 2016 came later";
        priority_exponent: f64 = 0.6, 0.0..=1.0,
            "alpha: a priority is the error to this power", "Schaul et al. 2016";
        priority_beta_initial: f64 = 0.4, 0.0..=1.0,
            "beta, the exponent of importance weights, at step 0", "Schaul et al. 2016";
        // Not simply the length of the run: a run that is resumed with a greater length must continue as if it had
        // always had that length.
        priority_beta_steps: u64 = 50_000_000, 1..=MANY,
            "steps until beta is 1", "Schaul et al. 2016: the length of the run";
        priority_epsilon: f64 = 1e-6, 1e-12..=1e3, "added to the error", "this program's choice";

        optimizer: OptimizerKind = OptimizerKind::RmsProp, ..,
            "rmsprop (centered, gradients summed over the batch) or adam (averaged)", "Mnih et al. 2015, release";
        learning_rate: f64 = 2.5e-4, 1e-9..=1.0, "step size of an update", "Mnih et al. 2015";
        learning_rate_final: f64 = 0.0, 0.0..=1.0,
            "step size after learning_rate_anneal_updates; unused if those are 0", "this program's choice";
        // Not simply the length of the run, as above.
        learning_rate_anneal_updates: u64 = 0, 0..=MANY,
            "updates of linear learning-rate decay; 0: none", "Mnih et al. 2015: none";
        rmsprop_decay: f64 = 0.95, 0.0..=0.999_999,
            "decay of the averages of the gradient and its square", "Mnih et al. 2015 (\"gradient momentum\")";
        rmsprop_epsilon: f64 = 0.01, 1e-12..=1.0,
            "added inside the root", "Mnih et al. 2015 (\"min squared gradient\")";
        adam_beta1: f64 = 0.9, 0.0..=0.999_999, "decay of the average gradient", "Kingma & Ba 2015";
        adam_beta2: f64 = 0.999, 0.0..=0.999_999, "decay of the average squared gradient", "Kingma & Ba 2015";
        adam_epsilon: f64 = 1e-8, 1e-12..=1.0, "added to the root", "Kingma & Ba 2015";
        gradient_clip_norm: f64 = 0.0, 0.0..=1e9,
            "largest norm of the gradient of all parameters, as the optimizer sees it; 0: any",
            "Mnih et al. 2015: any";

        epsilon_schedule: EpsilonKind = EpsilonKind::Linear, ..,
            "linear decay by steps, by games, or exponential: a factor a game", "Mnih et al. 2015";
        epsilon_initial: f64 = 1.0, 0.0..=1.0, "probability of a random action before the decay", "Mnih et al. 2015";
        epsilon_final: f64 = 0.1, 0.0..=1.0, "probability of a random action after the decay", "Mnih et al. 2015";
        epsilon_starts_steps: u64 = 50_000, 0..=MANY,
            "steps before the linear decay begins", "Mnih et al. 2015, release: when learning starts";
        epsilon_anneal_steps: u64 = 1_000_000, 0..=MANY, "steps of the linear decay", "Mnih et al. 2015";
        epsilon_decay: f64 = 0.995, 0.0..=1.0, "factor a game of the exponential decay", "LunarLander notebooks";
        epsilon_anneal_games: u64 = 500, 1..=MANY, "games of the linear decay by games", "CartPole notebooks";
    }
    check dqn_rules
}

keys! {
    /// `[algorithm]`, `kind = "pqn"`: parallel Q-learning of many environments, without replay and target network.
    pub struct PqnKeys {
        num_envs: usize = 128, 1..=4096, "environments that are stepped together", "Gallici et al. 2025";
        horizon: usize = 32, 1..=100_000, "steps of each environment in an iteration", "Gallici et al. 2025";
        epochs: u32 = 2, 1..=1_000, "times that an iteration learns from each of its steps", "Gallici et al. 2025";
        minibatch_size: usize = 128, 1..=65_536,
            "transitions in an update; it divides num_envs * horizon", "Gallici et al. 2025";
        gamma: f64 = 0.99, 0.0..=1.0, "discount a step", "Mnih et al. 2015";
        lambda: f64 = 0.65, 0.0..=1.0,
            "weight of longer returns: 0 looks one step ahead, 1 to the iteration's end", "Gallici et al. 2025";
        cut_traces: bool = false, ..,
            "returns look no further than the first action that was not greedy", "Watkins 1989; Gallici et al. 2025: no";
        learning_rate: f64 = 2.5e-4, 1e-9..=1.0, "step size of an update", "Gallici et al. 2025";
        anneal_learning_rate: bool = false, ..,
            "the step size falls linearly to 0", "Huang et al. 2022; Gallici et al. 2025: constant";
        // The length replaces 0 when a run begins, and stays when the run is resumed with another one: the rate would jump.
        learning_rate_anneal_steps: u64 = 0, 0..=MANY,
            "steps until the step size is 0; 0 stands for total_steps", "Huang et al. 2022";
        radam_beta1: f64 = 0.9, 0.0..=0.999_999, "decay of the average gradient", "Liu et al. 2020";
        radam_beta2: f64 = 0.999, 0.0..=0.999_999, "decay of the average squared gradient", "Liu et al. 2020";
        radam_epsilon: f64 = 1e-8, 1e-12..=1.0, "added to the root", "Liu et al. 2020";
        gradient_clip_norm: f64 = 10.0, 0.0..=1e9,
            "largest norm of the gradient of all parameters; 0: any", "Gallici et al. 2025";
        epsilon_initial: f64 = 1.0, 0.0..=1.0, "probability of a random action at first", "Gallici et al. 2025";
        epsilon_final: f64 = 0.001, 0.0..=1.0, "probability of a random action after its decay", "Gallici et al. 2025";
        epsilon_anneal_steps: u64 = 5_000_000, 0..=MANY,
            "steps of the linear decay", "Gallici et al. 2025: a tenth of the run";
        epsilon_ladder: bool = false, ..,
            "environment i of n has epsilon 0.4^(1 + 7 i/(n-1)) throughout", "Horgan et al. 2018";
        desync_steps: u32 = 0, 0..=100_000,
            "each environment starts with 0 to this many random steps, which do not count, nor do their rewards", "Gallici et al. 2025: none";
    }
    check pqn_rules
}

keys! {
    /// `[algorithm]`, `kind = "reinforce"`: a policy network that learns from whole episodes.
    pub struct ReinforceKeys {
        num_envs: usize = 1, 1..=1_024, "environments that act as one batch", "Williams 1992";
        gamma: f64 = 0.99, 0.0..=1.0, "discount a step", "Williams 1992: 1";
        games_per_update: u32 = 1, 1..=100_000, "whole games in an update", "Sutton & Barto 2018, section 13.3";
        normalize: Normalization = Normalization::Episode, ..,
            "returns less their mean, over their deviation: none, episode or batch", "common practice";
        reduction: Reduction = Reduction::Mean, .., "the loss is the mean or the sum over steps", "this program's choice";
        optimizer: OptimizerKind = OptimizerKind::Adam, .., "adam or rmsprop", "common practice";
        learning_rate: f64 = 1e-3, 1e-9..=1.0, "step size of an update", "this program's choice";
        rmsprop_decay: f64 = 0.95, 0.0..=0.999_999,
            "decay of the averages of the gradient and its square", "Mnih et al. 2015 (\"gradient momentum\")";
        rmsprop_epsilon: f64 = 0.01, 1e-12..=1.0,
            "added inside the root", "Mnih et al. 2015 (\"min squared gradient\")";
        adam_beta1: f64 = 0.9, 0.0..=0.999_999, "decay of the average gradient", "Kingma & Ba 2015";
        adam_beta2: f64 = 0.999, 0.0..=0.999_999, "decay of the average squared gradient", "Kingma & Ba 2015";
        adam_epsilon: f64 = 1e-8, 1e-12..=1.0, "added to the root", "Kingma & Ba 2015";
        gradient_clip_norm: f64 = 0.0, 0.0..=1e9, "largest norm of the gradient of all parameters; 0: any", "common practice";
        max_update_steps: usize = 1_000_000, 1..=100_000_000,
            "steps that an update learns from at most; more are an error", "this program's choice";
    }
    check reinforce_rules
}

keys! {
    /// `[algorithm]` of the kinds `q-learning`, `sarsa`, `double-q` and `td`: tables of values.
    pub struct TabularKeys {
        gamma: f64 = 0.99, 0.0..=1.0, "discount a step", "this program's choice";
        learning_rate: f64 = 0.1, 1e-9..=1.0, "alpha, the part of an error that a step corrects", "Sutton & Barto 2018";
        learning_rate_decay: f64 = 0.0, 0.0..=1e6,
            "d: alpha falls as 1/(1 + d k), k steps of the run", "Sutton & Barto 2018: constant";
        epsilon_initial: f64 = 1.0, 0.0..=1.0, "probability of a random action at first", "this program's choice";
        epsilon_final: f64 = 0.0, 0.0..=1.0, "probability of a random action after the decay", "this program's choice";
        epsilon_anneal_games: u64 = 1_000, 1..=MANY, "games of the linear decay", "this program's choice";
        exploration_bonus: f64 = 0.0, 0.0..=1e9,
            "k: successors are valued by Q + k/(1 + N), N times the action was chosen", "Sutton & Barto 2018: none";
        ties: Ties = Ties::Random, .., "which of several best actions is greedy: first or random", "this program's choice";
        edges: u32 = 10, 2..=1_000,
            "numbers are divided by this many equally spaced edges; unused if the environment has states",
            "CartPole lessons";
    }
    check tabular_rules
}

keys! {
    /// `[algorithm]` of the kinds `value-iteration` and `q-iteration`: planning in a known table. A step is an iteration.
    pub struct PlanningKeys {
        gamma: f64 = 0.9, 0.0..=1.0, "discount a step", "this program's choice";
    }
    check planning_rules
}

keys! {
    /// `[network]`: the network's layers and outputs.
    pub struct NetworkKeys {
        network: NetworkKind = NetworkKind::Nature, .., "layers: nature, nips, small, cpu or mlp", "Mnih et al. 2015";
        norm: NormKind = NormKind::None, ..,
            "none, or channels: LayerNorm before each ReLU, over the channels of a position or the units of a layer",
            "Ba et al. 2016 came later; Gallici et al. 2025 need it";
        initial_values: InitialValues = InitialValues::Pytorch, ..,
            "pytorch (uniform, +-1/sqrt(inputs)), he (normal, sqrt(2/inputs)), lecun (normal, sqrt(1/inputs)) or glorot (uniform, +-sqrt(6/(inputs + outputs)))",
            "Mnih et al. 2015, release: Torch's";
        layers: Widths = Widths::default(), .., "widths of the hidden layers of mlp, e.g. [64, 64]; []: its own, [128, 128]",
            "this program's choice";
        activation: Activation = Activation::Relu, .., "after each hidden layer: relu or elu", "Mnih et al. 2015";
        dueling: bool = false, .., "value and advantage in separate branches", "Wang et al. 2016 came later";
        dueling_form: DuelingForm = DuelingForm::Mean, ..,
            "Q = V + A less the mean of A, or less its maximum", "Wang et al. 2016";
        dueling_hidden: bool = true, .., "each branch has a hidden layer of its own", "Wang et al. 2016";
        noisy: bool = false, ..,
            "noise in the dense layers explores, with epsilon 0 unless that is given too",
            "Fortunato et al. 2018 came later";
        noisy_sigma: f64 = 0.5, 0.0..=10.0,
            "initial deviation of the noise, times 1/sqrt(inputs)", "Fortunato et al. 2018";
        categorical: bool = false, ..,
            "distributions of returns instead of means (C51)", "Bellemare et al. 2017 came later";
        atoms: usize = 51, 2..=1_001, "returns in a distribution", "Bellemare et al. 2017";
        value_min: f64 = -10.0, -1e6..=1e6, "discounted return of the first atom", "Bellemare et al. 2017";
        value_max: f64 = 10.0, -1e6..=1e6, "discounted return of the last atom", "Bellemare et al. 2017";
    }
    check network_rules
}

keys! {
    /// `[run]`: length, evaluations and files of a run.
    pub struct RunKeys {
        total_steps: u64 = 50_000_000, 1..=MANY, "steps of the run (200 million frames)", "Mnih et al. 2015";
        max_games: u64 = 0, 0..=MANY, "training games after which the run ends; 0: only total_steps counts", "Mnih et al. 2015: none";
        solved_at: f64 = f64::INFINITY, f64::NEG_INFINITY..=f64::INFINITY,
            "mean return of the last 100 training games that ends the run; inf: never", "Mnih et al. 2015: never";
        evaluation_every_steps: u64 = 250_000, 0..=MANY,
            "steps from one evaluation during training to the next; 0: none", "Mnih et al. 2015, release";
        evaluation_steps: u64 = 125_000, 1..=MANY,
            "steps of such an evaluation; an unfinished game counts only if it is the first",
            "Mnih et al. 2015, release";
        final_evaluation_episodes: u32 = 30, 0..=100_000,
            "games of the network after training, and of the random policy; 0: none", "Mnih et al. 2015";
        keep_best: bool = true, ..,
            "the network with the best mean of 100 training games, or of an evaluation, is kept beside the last one, and evaluated",
            "Mnih et al. 2015";
        evaluation_epsilon: f64 = 0.05, 0.0..=1.0, "probability of a random action in evaluations", "Mnih et al. 2015";
        evaluation_max_episode_frames: u32 = 18_000, 1..=u32::MAX,
            "frames after which a game of an evaluation is cut off", "Mnih et al. 2015: 5 minutes";
        metrics_every_steps: u64 = 10_000, 1..=MANY,
            "steps from one periodic row in metrics.jsonl to the next", "this program's choice";
        checkpoint_every_steps: u64 = 250_000, 1..=MANY,
            "steps from one checkpoint to the next", "Mnih et al. 2015, release";
        // TOML has no larger integers.
        seed: u64 = 0, 0..=i64::MAX as u64, "seed of everything random in the run", "this program's choice";
    }
}

kinds! {
    /// `[algorithm]`: the learning algorithm.
    pub enum AlgorithmKeys {
        Dqn(DqnKeys) = "dqn", dqn, dqn_mut;
        Pqn(PqnKeys) = "pqn", pqn, pqn_mut;
        Reinforce(ReinforceKeys) = "reinforce", reinforce, reinforce_mut;
        QLearning(TabularKeys) = "q-learning", q_learning, q_learning_mut;
        Sarsa(TabularKeys) = "sarsa", sarsa, sarsa_mut;
        DoubleQ(TabularKeys) = "double-q", double_q, double_q_mut;
        Td(TabularKeys) = "td", td, td_mut;
        ValueIteration(PlanningKeys) = "value-iteration", value_iteration, value_iteration_mut;
        QIteration(PlanningKeys) = "q-iteration", q_iteration, q_iteration_mut;
    }
}

impl Default for AlgorithmKeys {
    fn default() -> Self {
        Self::Dqn(DqnKeys::default())
    }
}

/// The replay holds at least one transition of each environment; the concurrent schedule has one environment, ends with a copy,
/// and needs copies.
fn dqn_rules(dqn: &DqnKeys, config: &Config, faults: &mut Faults) {
    let least = FRAMES_OF_AN_OBSERVATION + dqn.n_step.clamp(1, 1_000) + 1;
    faults.within("replay_capacity", dqn.replay_capacity, least * dqn.num_envs.clamp(1, 1_024)..=1_000_000_000);
    if dqn.schedule == Interleaving::Concurrent {
        if dqn.num_envs > 1 {
            faults.add("num_envs", dqn.num_envs, "1 with the concurrent schedule");
        }
        let (total, sync) = (config.run.total_steps, dqn.target_sync_steps);
        if !total.is_multiple_of(sync.max(1)) {
            let allowed = format!("a multiple of target_sync_steps, {sync}, with the concurrent schedule");
            faults.add("total_steps", total, &allowed);
        }
        let steps = "steps, with the concurrent schedule";
        if dqn.updates_at != UpdatesAt::Steps {
            faults.add("updates_at", "not steps", steps);
        }
        for (key, games) in
            [("learning_starts_games", dqn.learning_starts_games), ("target_sync_games", dqn.target_sync_games)]
        {
            if games > 0 {
                faults.add(key, games, "0 with the concurrent schedule");
            }
        }
        if !dqn.target_network {
            faults.add("target_network", false, "true with the concurrent schedule");
        }
        if dqn.target_tau > 0.0 {
            faults.add("target_tau", dqn.target_tau, "0 with the concurrent schedule");
        }
    }
}

impl PqnKeys {
    /// Steps of all environments in an iteration.
    pub fn iteration_steps(&self) -> usize {
        self.num_envs * self.horizon
    }

    /// Updates within `steps` steps, rounded up to whole iterations.
    pub fn updates_in(&self, steps: u64) -> u64 {
        let updates = u64::from(self.epochs) * (self.iteration_steps() / self.minibatch_size) as u64;
        steps.div_ceil(self.iteration_steps() as u64) * updates
    }
}

/// An iteration consists of whole minibatches.
fn pqn_rules(pqn: &PqnKeys, _: &Config, faults: &mut Faults) {
    // Values far out of their ranges are faults already.
    let Some(steps) = pqn.num_envs.checked_mul(pqn.horizon) else { return };
    if pqn.minibatch_size > 0 && !steps.is_multiple_of(pqn.minibatch_size) {
        let allowed = format!("a divisor of num_envs * horizon, {} * {} = {steps}", pqn.num_envs, pqn.horizon);
        faults.add("minibatch_size", pqn.minibatch_size, &allowed);
    }
}

/// A policy network has probabilities: no values, and no other exploration.
fn reinforce_rules(_: &ReinforceKeys, config: &Config, faults: &mut Faults) {
    let NetworkKeys { dueling, noisy, categorical, .. } = config.network;
    for (key, on) in [("dueling", dueling), ("noisy", noisy), ("categorical", categorical)] {
        if on {
            faults.add(key, on, "false with reinforce, whose network has probabilities instead of values");
        }
    }
}

/// Epsilon does not rise, and there is no network.
fn tabular_rules(keys: &TabularKeys, config: &Config, faults: &mut Faults) {
    no_network(config, faults);
    if keys.epsilon_final > keys.epsilon_initial {
        faults.add("epsilon_final", keys.epsilon_final, &format!("at most epsilon_initial, {}", keys.epsilon_initial));
    }
}

/// There is no network.
fn planning_rules(_: &PlanningKeys, config: &Config, faults: &mut Faults) {
    no_network(config, faults);
}

/// Variants of networks are refused with a table. The other keys of networks have no effect.
fn no_network(config: &Config, faults: &mut Faults) {
    let NetworkKeys { categorical, dueling, noisy, .. } = config.network;
    let variants = [("categorical", categorical), ("dueling", dueling), ("noisy", noisy)];
    for (key, _) in variants.into_iter().filter(|(_, on)| *on) {
        let kind = config.algorithm.kind();
        faults.add(key, true, &format!("false with {kind}, which has a table and no network (dqn has one)"));
    }
}

/// A distribution has a width; a norm goes with neither noisy layers nor dueling or categorical outputs, nor with elu; convolutions
/// have layers of their own, and they see pixels, which classic environments have not.
fn network_rules(network: &NetworkKeys, config: &Config, faults: &mut Faults) {
    let NetworkKeys { value_min, value_max, .. } = network;
    if value_min >= value_max {
        faults.add("value_min", value_min, &format!("less than value_max, {value_max}"));
    }
    if network.norm == NormKind::Channels && (network.noisy || network.dueling || network.categorical) {
        faults.add("norm", "channels", "none with noisy, dueling or categorical (untested together)");
    }
    if network.norm == NormKind::Channels && network.activation == Activation::Elu {
        faults.add("activation", "elu", "relu with a norm (untested together)");
    }
    if network.network == NetworkKind::Mlp {
        return;
    }
    if config.environment.atari().is_none() {
        // The others have a table and no network.
        if !matches!(config.algorithm, AlgorithmKeys::Dqn(_) | AlgorithmKeys::Pqn(_) | AlgorithmKeys::Reinforce(_)) {
            return;
        }
        let kind = network.get("network").and_then(|kind| kind.as_str().map(str::to_string)).unwrap_or_default();
        let allowed = format!("mlp in {}: the others have convolutions and see pixels", config.environment.kind());
        faults.add("network", kind, &allowed);
    } else if !network.layers.is_empty() {
        let widths = Vec::from(network.layers);
        faults.add(
            "layers",
            format!("{widths:?}"),
            "[] unless the network is mlp: the others have layers of their own",
        );
    }
}
