//! Tests that the parts of an agent have the values of its configuration, and with a preset the values of the papers.

use crate::algorithms::dqn::update::{BetaSchedule, LearningRule};
use crate::algorithms::exploration::EpsilonSchedule;
use crate::config::{Config, LifeLoss, NetworkKind, Sources};
use crate::environments::atari::preprocess::{Preprocessing, Resize, SPACE};
use crate::environments::atari::preprocessing;
use crate::experience::replay::Replay;
use crate::networks::head::{Head, Support};
use crate::networks::loss::LossKind;
use crate::networks::optimizer::{LearningRate, OptimizerRule};
use crate::networks::Design;

/// The gradient of clipped errors is summed over the batch, in the paper's RMSProp; Adam's is averaged.
#[test]
fn the_parts_of_an_agent_have_the_values_of_the_configuration() {
    let rule = LearningRule {
        batch_size: 32,
        loss: LossKind::Clipped,
        double: false,
        gradient_scale: 1.0,
        gradient_norm_limit: None,
        has_target: true,
        target_tau: 0.0,
        beta: None,
    };
    let linear =
        |last, starts_steps, anneal_steps| EpsilonSchedule::Linear { initial: 1.0, last, starts_steps, anneal_steps };
    let nature = Config::preset("nature").unwrap();
    assert_eq!(LearningRule::of(nature.dqn()), rule);
    assert_eq!(Design::of(&nature.network), NetworkKind::Nature.plain());
    assert_eq!(preprocessing(nature.atari()), Preprocessing::new(4, Resize::Area, false));
    assert_eq!(EpsilonSchedule::of(nature.dqn()), linear(0.1, 50_000, 1_000_000));
    let rmsprop = OptimizerRule::RmsProp { learning_rate: LearningRate::constant(2.5e-4), decay: 0.95, epsilon: 0.01 };
    assert_eq!(OptimizerRule::of_dqn(nature.dqn()), rmsprop);
    let dopamine = Config::preset("dopamine").unwrap();
    let rule = LearningRule { loss: LossKind::Squared, gradient_scale: 1.0 / 32.0, ..rule };
    assert_eq!(LearningRule::of(dopamine.dqn()), rule);
    assert_eq!(EpsilonSchedule::of(dopamine.dqn()), linear(0.01, 20_000, 250_000));
    let adam = OptimizerRule::Adam {
        learning_rate: LearningRate::constant(6.25e-5),
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1.5e-4,
    };
    assert_eq!(OptimizerRule::of_dqn(dopamine.dqn()), adam);
}

#[test]
fn rainbow_has_hessels_values_and_machado_is_nature_with_another_protocol() {
    let rainbow = Config::preset("rainbow").unwrap();
    let head = Head::Categorical(Support { atoms: 51, value_min: -10.0, value_max: 10.0 });
    assert_eq!(
        Design::of(&rainbow.network),
        Design { dueling: true, noisy: true, head, ..NetworkKind::Nature.plain() }
    );
    assert_eq!((rainbow.dqn().n_step, rainbow.dqn().double, rainbow.network.noisy_sigma), (3, true, 0.5));
    let expected = OptimizerRule::Adam {
        learning_rate: LearningRate::constant(6.25e-5),
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1.5e-4,
    };
    assert_eq!(OptimizerRule::of_dqn(rainbow.dqn()), expected);
    assert_eq!((rainbow.dqn().learning_starts_steps, rainbow.dqn().target_sync_steps), (20_000, 8_000));
    assert_eq!((rainbow.dqn().epsilon_initial, rainbow.dqn().epsilon_final), (0.0, 0.0));
    assert!(rainbow.dqn().prioritized && Replay::of(rainbow.dqn(), SPACE).unwrap().priorities().is_some());
    assert_eq!((rainbow.dqn().priority_exponent, rainbow.dqn().priority_beta_initial), (0.5, 0.4));
    let machado = Config::preset("machado").unwrap();
    assert_eq!((machado.atari().sticky_probability, machado.atari().life_loss), (0.25, LifeLoss::Ignore));
    assert!(machado.atari().full_action_space);
    assert_eq!(OptimizerRule::of_dqn(machado.dqn()), OptimizerRule::of_dqn(Config::preset("nature").unwrap().dqn()));
}

#[test]
fn the_variants_are_combined_by_their_keys() {
    let overrides = [
        "network=cpu",
        "categorical=true",
        "atoms=11",
        "value_min=-1",
        "value_max=4",
        "dueling=true",
        "target_tau=0.005",
        "gradient_clip_norm=10",
        "prioritized=true",
        "epsilon_schedule=exponential",
        "epsilon_decay=0.995",
        "epsilon_final=0.01",
        "solved_at=18",
    ]
    .map(str::to_string);
    let sources = Sources { preset: "nature", overrides: &overrides, ..Sources::default() };
    let config = Config::resolve(&sources).unwrap();
    let head = Head::Categorical(Support { atoms: 11, value_min: -1.0, value_max: 4.0 });
    assert_eq!(Design::of(&config.network), Design { dueling: true, head, ..NetworkKind::Cpu.plain() });
    let rule = LearningRule::of(config.dqn());
    assert_eq!((rule.target_tau, rule.gradient_norm_limit), (0.005, Some(10.0)));
    assert_eq!(rule.beta, Some(BetaSchedule { initial: 0.4, steps: 50_000_000 }));
    assert_eq!(
        EpsilonSchedule::of(config.dqn()),
        EpsilonSchedule::Exponential { initial: 1.0, last: 0.01, decay: 0.995 }
    );
    assert_eq!(config.run.solved_at, 18.0);
    let again = Config::from_toml(&config.to_toml().unwrap()).unwrap();
    assert_eq!(again, config);
}

#[test]
fn the_smallest_replay_that_a_configuration_allows_holds_a_transition() {
    for (n_step, least) in [(1, 6), (3, 8)] {
        let resolve = |capacity: usize| {
            let overrides = [format!("n_step={n_step}"), format!("replay_capacity={capacity}")];
            Config::resolve(&Sources { preset: "nature", overrides: &overrides, ..Sources::default() })
        };
        Replay::of(resolve(least).unwrap().dqn(), SPACE).unwrap();
        assert!(resolve(least - 1).is_err());
    }
}
