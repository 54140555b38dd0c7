use super::*;
use crate::config::presets::{comments, PRESETS};
use std::collections::HashSet;

fn resolve(overrides: &[&str]) -> Result<Config> {
    let overrides: Vec<String> = overrides.iter().map(|text| text.to_string()).collect();
    Config::resolve(&Sources { preset: "nature", overrides: &overrides, ..Sources::default() })
}

#[test]
fn every_preset_states_only_what_differs_from_the_usual_values_with_the_reason_and_values_within_their_ranges() {
    for (name, text) in PRESETS {
        let config = Config::preset(name).unwrap();
        assert_eq!(config.faults(), Vec::<Fault>::new(), "{name}");
        let algorithm = AlgorithmKeys::usual(config.algorithm.kind()).unwrap();
        let environment = EnvironmentKeys::usual(config.environment.kind()).unwrap();
        let usual = flat(&Config { environment, algorithm, ..Config::default() }.to_table().unwrap());
        for (key, comment) in comments(text).into_iter().filter(|(key, _)| *key != KIND) {
            assert!(comment.len() > 2, "{name}: no unit and source beside {key}");
            assert_ne!(flat(&config.to_table().unwrap())[key], usual[key], "{name}: {key} is as usual");
        }
    }
}

#[test]
fn a_preset_is_shown_with_every_key_and_a_comment_and_is_read_as_it_is() {
    for name in Config::preset_names() {
        let (config, shown) = (Config::preset(name).unwrap(), Config::preset_text(name).unwrap());
        assert_eq!(Config::from_toml(&shown).unwrap(), config, "{name}");
        let keys = comments(&shown);
        let all = config.sections().into_iter().map(|(_, _, section)| section.keys().len()).sum::<usize>();
        assert_eq!(keys.len(), all + 1, "{name}: every key, and `kind`");
        for (key, comment) in keys {
            assert_eq!(comment.is_empty(), key == "kind", "{name}: {key} has no unit and source");
        }
    }
}

#[test]
fn a_key_is_in_one_section() {
    let config = Config::default();
    let mut seen: HashSet<&str> = SECTIONS.into_iter().filter(|section| *section != "network").collect();
    for key in config.sections().into_iter().flat_map(|(_, _, section)| section.keys()) {
        assert!(seen.insert(key.name), "{} is there twice", key.name);
        assert!(key.name != KIND && !key.help.is_empty() && !key.source.is_empty(), "{}", key.name);
    }
}

#[test]
fn a_key_is_set_by_its_name_alone_or_with_its_section() {
    for key in ["gamma", "algorithm.gamma"] {
        assert_eq!(resolve(&[&format!("{key}=0.5")]).unwrap().dqn().gamma, 0.5);
    }
    for network in ["network=small", "network.network=small"] {
        assert_eq!(resolve(&[network]).unwrap().network.network, NetworkKind::Small);
    }
    assert_eq!(resolve(&["algorithm=pqn", "gamma=0.5"]).unwrap().algorithm.pqn().unwrap().gamma, 0.5);
    for kind in ["algorithm=dqn", "algorithm.kind=dqn", "environment.kind=\"atari\""] {
        assert_eq!(resolve(&[kind]).unwrap(), Config::default());
    }
}

#[test]
fn sections_keys_and_kinds_that_do_not_exist_are_named_with_the_nearest() {
    for (assignment, expected) in [
        ("algoritm.gamma=1", "unknown section `algoritm` in --set; did you mean `algorithm`?"),
        ("algorithm.gama=1", "unknown key `algorithm.gama` in --set; did you mean `algorithm.gamma`? `atari-dqn presets nature` lists all keys"),
        ("run.gamma=1", "unknown key `run.gamma` in --set; did you mean `algorithm.gamma`?"),
        ("algorithm.kind=dqm", "algorithm.kind is \"dqm\" in --set: unknown kind (did you mean `dqn`?), expected `dqn` or `pqn` or "),
        ("environment=1", "environment.kind is 1 in --set: unknown kind, expected `atari` or `cartpole` or "),
        ("algorithm.gamma=x", "algorithm.gamma is \"x\" in --set: expected a number, allowed is 0 to 1; e.g. --set"),
        ("gamma=x", "e.g. --set gamma=0.99"),
        (
            "horizon=8",
            "`horizon` in --set is a key of the algorithm `pqn`, and this is `dqn`; presets with `pqn`: pqn, pqn-cpu",
        ),
        ("xyzzy=1", "unknown key `xyzzy` in --set; `atari-dqn presets nature` lists all keys of `dqn`"),
        ("network=smal", "network is \"smal\" in --set: did you mean `small`? expected `nature` or `nips` or `small`"),
        ("algorithm.horizon=8", "`algorithm.horizon` in --set is a key of the algorithm `pqn`"),
    ] {
        let error = resolve(&[assignment]).unwrap_err().to_string();
        assert!(error.starts_with("invalid configuration: ") && error.contains(expected), "{error}");
    }
}

#[test]
fn a_file_is_in_sections_or_flat_or_both() {
    let text = "gamma = 0.5\nnetwork = \"cpu\"\n\n[algorithm]\nkind = \"dqn\"\nn_step = 3\n\n[run]\nseed = 9\n";
    let config = Config::from_toml(text).unwrap();
    assert_eq!((config.dqn().gamma, config.dqn().n_step, config.run.seed), (0.5, 3, 9));
    let sections = Config::from_toml("[network]\nnetwork = \"cpu\"\ndueling = true\n").unwrap();
    assert_eq!((config.network.network, sections.network.network), (NetworkKind::Cpu, NetworkKind::Cpu));
    assert_eq!(Config::from_toml("").unwrap(), Config::default());
    let error = format!("{:#}", Config::from_toml("[run]\ngama = 1\n[rum]\nseed = 1\n").unwrap_err());
    for expected in ["not one of this version of the program: ", "unknown key `run.gama`", "did you mean `run`?"] {
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn without_its_sections_a_configuration_is_as_earlier_versions_wrote_it_and_is_read_like_that() {
    for name in Config::preset_names() {
        let config = Config::preset(name).unwrap();
        let keys = flat(&config.to_table().unwrap());
        assert!(keys.values().all(|value| !value.is_table()) && !keys.contains_key(KIND));
        assert_eq!(flat(&keys), keys);
        assert_eq!(Config::from_toml(&keys.to_string()).unwrap(), config);
    }
    let other: Table = "[algorithm]\nkind = \"other\"\nrate = 1\n".parse().unwrap();
    assert_eq!(flat(&other).to_string(), "algorithm = \"other\"\nrate = 1\n");
}

/// The differences between two configurations, a line each.
fn differences(got: &Config, want: &Config) -> Vec<String> {
    let [got, want] = [got, want].map(|config| config.to_toml().unwrap());
    let lines = got.lines().zip(want.lines());
    lines.filter(|(got, want)| got != want).map(|(got, want)| format!("{got}, expected {want}")).collect()
}

/// Every value of Mnih et al. 2015, written out again from the paper and its release; no key is left out. Features that
/// their agent lacks are off, with the usual values of their own papers.
fn nature() -> Config {
    Config {
        environment: EnvironmentKeys::Atari(AtariKeys {
            frame_skip: 4,
            resize: ResizeKind::Area,
            full_action_space: false,
            sticky_probability: 0.0,
            noop_max: 30,
            fire_reset: false,
            life_loss: LifeLoss::Terminal,
            reward_clip: true,
            max_episode_frames: 108_000,
        }),
        algorithm: AlgorithmKeys::Dqn(DqnKeys {
            num_envs: 1,
            replay_capacity: 1_000_000,
            replay_compression: true,
            learning_starts_steps: 50_000,
            train_every_steps: 4,
            batch_size: 32,
            target_sync_steps: 10_000,
            schedule: Interleaving::Sequential,
            gamma: 0.99,
            loss: LossKind::Clipped,
            optimizer: OptimizerKind::RmsProp,
            learning_rate: 2.5e-4,
            rmsprop_decay: 0.95,
            rmsprop_epsilon: 0.01,
            gradient_clip_norm: 0.0,
            epsilon_schedule: EpsilonKind::Linear,
            epsilon_initial: 1.0,
            epsilon_final: 0.1,
            epsilon_starts_steps: 50_000,
            epsilon_anneal_steps: 1_000_000,
            double: false,
            n_step: 1,
            target_tau: 0.0,
            prioritized: false,
            priority_exponent: 0.6,
            priority_beta_initial: 0.4,
            priority_beta_steps: 50_000_000,
            priority_epsilon: 1e-6,
            learning_rate_final: 0.0,
            learning_rate_anneal_updates: 0,
            adam_beta1: 0.9,
            adam_beta2: 0.999,
            adam_epsilon: 1e-8,
            epsilon_decay: 0.995,
            updates_at: UpdatesAt::Steps,
            learning_starts_games: 0,
            target_sync_games: 0,
            target_network: true,
            epsilon_anneal_games: 500,
        }),
        network: NetworkKeys {
            network: NetworkKind::Nature,
            norm: NormKind::None,
            initial_values: InitialValues::Pytorch,
            layers: Widths::default(),
            activation: Activation::Relu,
            dueling: false,
            dueling_form: DuelingForm::Mean,
            dueling_hidden: true,
            noisy: false,
            noisy_sigma: 0.5,
            categorical: false,
            atoms: 51,
            value_min: -10.0,
            value_max: 10.0,
        },
        run: RunKeys {
            total_steps: 50_000_000,
            max_games: 0,
            solved_at: f64::INFINITY,
            evaluation_every_steps: 250_000,
            evaluation_steps: 125_000,
            final_evaluation_episodes: 30,
            keep_best: true,
            evaluation_epsilon: 0.05,
            evaluation_max_episode_frames: 18_000,
            metrics_every_steps: 10_000,
            checkpoint_every_steps: 250_000,
            seed: 0,
        },
    }
}

#[test]
fn pqn_has_the_published_values() {
    let config = Config::preset("pqn").unwrap();
    let pqn = config.algorithm.pqn().unwrap();
    assert_eq!((pqn.num_envs, pqn.horizon, pqn.epochs, pqn.minibatch_size), (128, 32, 2, 128));
    assert_eq!((pqn.gamma, pqn.lambda, pqn.cut_traces), (0.99, 0.65, false));
    assert_eq!((pqn.learning_rate, pqn.anneal_learning_rate, pqn.gradient_clip_norm), (2.5e-4, false, 10.0));
    assert_eq!((pqn.radam_beta1, pqn.radam_beta2, pqn.radam_epsilon), (0.9, 0.999, 1e-8));
    assert_eq!((pqn.epsilon_initial, pqn.epsilon_final, pqn.epsilon_anneal_steps), (1.0, 0.001, 5_000_000));
    let NetworkKeys { network, norm, initial_values, .. } = config.network;
    assert_eq!((network, norm, initial_values), (NetworkKind::Nature, NormKind::Channels, InitialValues::He));
    assert_eq!((config.run.total_steps, config.atari().fire_reset), (50_000_000, false));
}

#[test]
fn nature_dopamine_and_cleanrl_have_the_published_values() {
    let mut dopamine = nature();
    *dopamine.environment.atari_mut().unwrap() =
        AtariKeys { sticky_probability: 0.25, noop_max: 0, life_loss: LifeLoss::Ignore, ..dopamine.atari().clone() };
    *dopamine.dqn_mut() = DqnKeys {
        learning_starts_steps: 20_000,
        target_sync_steps: 8_000,
        loss: LossKind::Squared,
        optimizer: OptimizerKind::Adam,
        learning_rate: 6.25e-5,
        adam_epsilon: 1.5e-4,
        epsilon_final: 0.01,
        epsilon_starts_steps: 20_000,
        epsilon_anneal_steps: 250_000,
        ..dopamine.dqn().clone()
    };
    dopamine.run = RunKeys { evaluation_epsilon: 0.001, evaluation_max_episode_frames: 108_000, ..dopamine.run };
    let mut cleanrl = nature();
    *cleanrl.environment.atari_mut().unwrap() = AtariKeys { fire_reset: true, ..cleanrl.atari().clone() };
    *cleanrl.dqn_mut() = DqnKeys {
        learning_starts_steps: 80_000,
        target_sync_steps: 1_000,
        loss: LossKind::Squared,
        optimizer: OptimizerKind::Adam,
        learning_rate: 1e-4,
        priority_beta_steps: 10_000_000,
        epsilon_final: 0.01,
        epsilon_starts_steps: 0,
        ..cleanrl.dqn().clone()
    };
    cleanrl.run = RunKeys {
        total_steps: 10_000_000,
        evaluation_every_steps: 0,
        final_evaluation_episodes: 10,
        evaluation_epsilon: 0.01,
        evaluation_max_episode_frames: 108_000,
        ..cleanrl.run
    };
    for (name, expected) in [("nature", nature()), ("dopamine", dopamine), ("cleanrl", cleanrl)] {
        let preset = Config::preset(name).unwrap();
        assert_eq!(differences(&preset, &expected), Vec::<String>::new(), "{name}");
        assert_eq!(preset, expected, "{name}");
    }
}

#[test]
fn noise_takes_the_place_of_epsilon_unless_both_are_asked_for() {
    let epsilons = |overrides: &[&str]| {
        let config = resolve(overrides).unwrap();
        (config.dqn().epsilon_initial, config.dqn().epsilon_final)
    };
    assert_eq!(epsilons(&[]), (1.0, 0.1));
    assert_eq!(epsilons(&["noisy=true"]), (0.0, 0.0));
    assert_eq!(epsilons(&["noisy=true", "epsilon_final=0.01"]), (1.0, 0.01));
    assert_eq!(epsilons(&["noisy=true", "epsilon_initial=1"]), (1.0, 0.1));
}

#[test]
fn faults_of_the_variants_are_found() {
    let error = resolve(&[
        "atoms=1",
        "value_min=3",
        "value_max=3",
        "target_tau=2",
        "priority_exponent=-1",
        "priority_epsilon=0",
        "gradient_clip_norm=-1",
        "epsilon_decay=1.1",
        "solved_at=nan",
        "epsilon_schedule=cubic",
        "priority_exponant=0.5",
    ])
    .unwrap_err()
    .to_string();
    for expected in [
        "10 faults",
        "atoms is 1, allowed is 2 to 1001",
        "value_min is 3, allowed is less than value_max, 3",
        "target_tau is 2",
        "priority_exponent is -1, allowed is 0 to 1",
        "priority_epsilon is 0",
        "gradient_clip_norm is -1",
        "epsilon_decay is 1.1",
        "solved_at is NaN",
        "expected `linear` or `exponential`",
        "did you mean `priority_exponent`?",
    ] {
        assert!(error.contains(expected), "no `{expected}` in:\n{error}");
    }
}

#[test]
fn every_preset_states_its_purpose_in_a_line() {
    for (name, description) in Config::preset_descriptions() {
        assert!((20..=120).contains(&description.len()) && description.ends_with('.'), "{name}: {description}");
    }
}

#[test]
fn a_seed_that_toml_cannot_hold_is_refused() {
    let sources = Sources { preset: "nature", seed: Some(u64::MAX), ..Sources::default() };
    let error = Config::resolve(&sources).unwrap_err().to_string();
    let expected = format!("seed is {}, allowed is 0 to {}; change it with --seed N", u64::MAX, i64::MAX);
    assert_eq!(error, format!("invalid configuration: {expected}"));
}

#[test]
fn values_that_depend_on_others_are_checked_with_them() {
    for (overrides, expected) in [
        (["n_step=3", "replay_capacity=7"], "replay_capacity is 7, allowed is 8 to 1000000000;"),
        (["n_step=3", "replay_capacity=0"], "replay_capacity is 0, allowed is 8 to 1000000000;"),
        (["num_envs=100", "replay_capacity=599"], "replay_capacity is 599, allowed is 600 to 1000000000;"),
        (["schedule=concurrent", "num_envs=2"], "num_envs is 2, allowed is 1 with the concurrent schedule;"),
        (
            ["schedule=concurrent", "total_steps=15000"],
            "total_steps is 15000, allowed is a multiple of target_sync_steps, 10000, with the concurrent schedule; change \
             it with --steps N",
        ),
        (["schedule=concurrent", "target_tau=0.5"], "target_tau is 0.5, allowed is 0 with the concurrent schedule;"),
        (["norm=channels", "noisy=true"], "norm is channels, allowed is none with noisy, dueling or categorical (untested"),
        (["norm=channels", "dueling=true"], "norm is channels, allowed is none"),
        (["norm=channels", "categorical=true"], "norm is channels, allowed is none"),
        (["norm=channels", "activation=elu"], "activation is elu, allowed is relu with a norm"),
        (["network=cpu", "layers=[64, 64]"], "layers is [64, 64], allowed is [] unless the network is mlp"),
        (["environment=cartpole", "network=small"], "network is small, allowed is mlp in cartpole: the others have convolutions"),
        (["algorithm=reinforce", "dueling=true"], "dueling is true, allowed is false with reinforce, whose network has"),
        (["algorithm=reinforce", "noisy=true"], "noisy is true, allowed is false with reinforce"),
        (
            ["algorithm=pqn", "minibatch_size=100"],
            "minibatch_size is 100, allowed is a divisor of num_envs * horizon, 128 * 32 = 4096;",
        ),
        (["algorithm=pqn", "num_envs=9223372036854775807"], "num_envs is 9223372036854775807, allowed is 1 to 4096;"),
    ] {
        let error = resolve(&overrides).unwrap_err().to_string();
        assert!(error.starts_with("invalid configuration: ") && error.contains(expected), "{error}");
    }
}

/// The length of the run is written down, so that a resumed run with another length continues with the same rates.
#[test]
fn a_learning_rate_falls_over_the_length_of_the_run_if_nothing_else_is_said() {
    let resolve = |preset, overrides: &[String]| {
        let config = Config::resolve(&Sources { preset, overrides, steps: Some(5_000), ..Sources::default() }).unwrap();
        let written = Config::from_toml(&config.to_toml().unwrap()).unwrap();
        let longer = written.with_total_steps(9_000).unwrap();
        longer.algorithm.pqn().unwrap().learning_rate_anneal_steps
    };
    assert_eq!(resolve("pqn-cpu", &[]), 5_000);
    assert_eq!(resolve("pqn-cpu", &["learning_rate_anneal_steps=7000".to_string()]), 7_000);
    assert_eq!(resolve("pqn", &[]), 0, "its rate is constant");
}

#[test]
fn later_sources_win() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.toml");
    std::fs::write(&path, "batch_size = 16\ngamma = 0.5\nseed = 3\n").unwrap();
    let overrides = ["gamma = 0.9".to_string(), "optimizer=adam".to_string(), "replay_capacity=2e5".to_string()];
    let sources = Sources {
        preset: "nature",
        file: Some(&path),
        overrides: &overrides,
        seed: Some(8),
        steps: Some(100),
        ..Sources::default()
    };
    let config = Config::resolve(&sources).unwrap();
    assert_eq!(
        (config.dqn().batch_size, config.dqn().gamma, config.run.seed, config.run.total_steps),
        (16, 0.9, 8, 100)
    );
    assert_eq!((config.dqn().optimizer, config.dqn().replay_capacity), (OptimizerKind::Adam, 200_000));
    let again = Config::from_toml(&config.to_toml().unwrap()).unwrap();
    assert_eq!(again, config, "a written configuration is read back");
}

#[test]
fn all_faults_are_reported_at_once_with_field_value_range_and_flag() {
    let error = resolve(&[
        "batch_size=0",
        "gamma=1.5",
        "learning_rte=1e-3",
        "optimizer=adagrad",
        "train_every_steps=often",
        "nonsense",
    ])
    .unwrap_err()
    .to_string();
    for expected in [
        "6 faults",
        "batch_size is 0, allowed is 1 to 4096; change it with --set batch_size=",
        "gamma is 1.5, allowed is 0 to 1",
        "unknown key `learning_rte` in --set; did you mean `learning_rate`?",
        "optimizer is \"adagrad\"",
        "expected `rmsprop` or `adam`",
        "train_every_steps is \"often\"",
        "expected KEY=VALUE",
    ] {
        assert!(error.contains(expected), "no `{expected}` in:\n{error}");
    }
}

#[test]
fn an_unknown_preset_names_the_others() {
    let error = Config::preset("natur").unwrap_err().to_string();
    assert!(error.contains("did you mean `nature`") && error.contains("bricks"), "{error}");
}

#[test]
fn values_are_taken_as_people_type_them_and_refused_without_words_of_a_program() {
    for (key, text, expected) in [
        ("replay_capacity", "2_000", 2000),
        ("replay_capacity", "2e3", 2000),
        ("replay_capacity", "2k", 2000),
        ("replay_capacity", "2K", 2000),
        ("replay_capacity", "\"2,000\"", 2000),
        ("target_sync_steps", "1.5M", 1_500_000),
    ] {
        let config = resolve(&[&format!("{key}={text}")]).unwrap();
        let dqn = config.dqn();
        let value = if key == "replay_capacity" { dqn.replay_capacity as u64 } else { dqn.target_sync_steps };
        assert_eq!(value, expected, "{key}={text}");
    }
    for word in ["true", "True", "yes", "on"] {
        assert!(resolve(&[&format!("double={word}")]).unwrap().dqn().double, "{word}");
    }
    assert_eq!(resolve(&["optimizer=Adam"]).unwrap().dqn().optimizer, OptimizerKind::Adam);
    for (assignment, expected) in [
        ("batch_size=-5", "batch_size is -5 in --set: allowed is 1 to 4096"),
        ("batch_size=-1e3", "allowed is 1 to 4096"),
        ("batch_size=1e30", "allowed is 1 to 4096"),
        ("batch_size=\"-1k\"", "allowed is 1 to 4096"),
        ("batch_size=1.5", "expected a whole number, allowed is 1 to 4096"),
        ("batch_size=", "expected a whole number"),
        ("batch_size=[1]", "expected a whole number"),
        ("epsilon_final=-1", "epsilon_final is -1, allowed is 0 to 1"),
        ("noop_max=5000000000", "allowed is 0 to 10000"),
        ("double=maybe", "expected true or false"),
        ("loss=3", "expected `clipped` or `squared`"),
    ] {
        let error = resolve(&[assignment]).unwrap_err().to_string();
        assert!(error.contains(expected), "{assignment}: {error}");
        for word in ["u64", "u32", "usize", "f64", "invalid type", "invalid value", "variant", "digit"] {
            assert!(!error.contains(word), "{assignment}: {error}");
        }
    }
    let table = Config::from_toml("batch_size = \"1k\"\nsticky_probability = \"0.25\"\n").unwrap();
    assert_eq!((table.dqn().batch_size, table.atari().sticky_probability), (1000, 0.25));
}

fn assert_nonsense_is_refused(kind: &str, section: &str, key: &str) {
    let overrides = [kind.to_string(), format!("{section}.{key}=so-so")];
    let sources = Sources { preset: "nature", overrides: &overrides, ..Sources::default() };
    let error = Config::resolve(&sources).unwrap_err().to_string();
    let words = error.contains("expected `") && error.contains("` or `");
    // Not all numbers have a range.
    let expected = [
        "expected a whole number",
        "expected a number, allowed is ",
        "expected true or false",
        "expected a list of up to",
    ];
    assert!(words || expected.iter().any(|expected| error.contains(expected)), "{error}");
}

/// Every key, so that a new one cannot be forgotten.
#[test]
fn every_key_refuses_nonsense_with_its_values() {
    for algorithm in AlgorithmKeys::KINDS {
        let config = Config { algorithm: AlgorithmKeys::usual(algorithm).unwrap(), ..Config::default() };
        for (section, _, keys) in config.sections() {
            for Key { name, .. } in keys.keys() {
                assert_nonsense_is_refused(&format!("algorithm={algorithm}"), section, name);
            }
        }
    }
    for environment in EnvironmentKeys::kinds() {
        let kind = EnvironmentKeys::usual(environment).unwrap();
        // A text can be anything.
        let texts = ["table", "teleports"];
        for Key { name, .. } in kind.section().keys().into_iter().filter(|key| !texts.contains(&key.name)) {
            assert_nonsense_is_refused(&format!("environment={environment}"), "environment", name);
        }
    }
}

#[test]
fn a_configuration_may_come_from_any_editor() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.toml");
    let resolve = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        Config::resolve(&Sources { preset: "nature", file: Some(&path), ..Sources::default() })
    };
    let config = resolve(b"\xEF\xBB\xBF[algorithm]\r\nbatch_size = 16\r\n").unwrap();
    assert_eq!(config.dqn().batch_size, 16);
    let utf16: Vec<u8> = "\u{FEFF}batch_size = 16\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let message = format!("{:#}", resolve(&utf16).unwrap_err());
    assert!(message.contains("own.toml") && message.contains("UTF-16"), "{message}");
    let message = format!("{:#}", resolve(b"batch_size = 16\ngamma 0.9\n").unwrap_err());
    assert!(message.contains("own.toml is not TOML: line 2 (`gamma 0.9`)") && !message.contains('\n'), "{message}");
}
