use super::*;
use crate::environment::{Environment, Settings};
use crate::random::MersenneTwister;
use crate::translation::Translation;

fn bricks(settings: VectorSettings) -> VectorEnvironment {
    VectorEnvironment::new(&CartridgeImage::bricks(), settings).unwrap()
}

/// `steps` rows of actions; each action is held for a while, as a player would.
fn random_actions(steps: usize, num_envs: usize, actions: usize) -> Vec<Vec<usize>> {
    let mut random = MersenneTwister::new(99);
    let mut row = vec![0; num_envs];
    let mut next = || {
        for action in &mut row {
            if random.draw().is_multiple_of(3) {
                *action = random.draw() as usize % actions;
            }
        }
        row.clone()
    };
    (0..steps).map(|_| next()).collect()
}

/// Everything in a batch, in a form that can be compared.
fn said(batch: &VectorBatch) -> impl PartialEq + fmt::Debug {
    let finals: Vec<_> = batch.final_observations().map(|(env, last)| (env, crc32fast::hash(last))).collect();
    let observations = crc32fast::hash(batch.observations);
    (observations, batch.rewards.to_vec(), format!("{batch:?}"), batch.env_ids.to_vec(), finals)
}

#[test]
fn the_defaults_stay_and_give_the_shape_of_an_observation() {
    let expected = VectorSettings {
        num_envs: 1,
        num_threads: 0,
        max_episode_frames: 108_000,
        sticky_probability: 0.0,
        action_space: ActionSpace::Minimal,
        autoreset: Autoreset::NextStep,
        height: 84,
        width: 84,
        grayscale: true,
        stack: 4,
        frame_skip: 4,
        maxpool: true,
        noop_max: 30,
        episodic_life: false,
        life_loss_info: false,
        reward_clipping: true,
        use_fire_reset: true,
        translation: Translation::Usual,
    };
    assert_eq!(VectorSettings::default(), expected);
    assert_eq!(expected.observation_shape(), [4, 84, 84]);
    let rgb = VectorSettings { grayscale: false, ..expected };
    assert_eq!((rgb.observation_shape(), rgb.observation_bytes()), (vec![4, 84, 84, 3], Some(4 * 84 * 84 * 3)));
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let play = |num_threads| {
        let mut environments = bricks(VectorSettings {
            num_envs: 5,
            num_threads,
            sticky_probability: 0.25,
            max_episode_frames: 150,
            autoreset: Autoreset::SameStep,
            ..VectorSettings::default()
        });
        let mut all = vec![said(&environments.reset(Seeds::From(3)).unwrap())];
        for actions in random_actions(100, 5, environments.actions().len()) {
            all.push(said(&environments.step(&actions).unwrap()));
        }
        all
    };
    let alone = play(1);
    assert!([2, 3, 0].into_iter().all(|threads| play(threads) == alone));
}

/// ale-py's `PreprocessedEnv`, written as in its source: two pictures, pooled in place. Gray, without a resize.
struct Model {
    settings: VectorSettings,
    environment: Environment,
    pictures: [Vec<u8>; 2],
    stack: Vec<Vec<u8>>,
    elapsed: u32,
}

impl Model {
    fn screen(&mut self) -> Vec<u8> {
        let gray = self.environment.palette().gray();
        self.environment.screen().pixels.iter().map(|&index| gray[usize::from(index)]).collect()
    }

    fn push(&mut self) {
        let [newest, before] = &mut self.pictures;
        if self.settings.maxpool {
            newest.iter_mut().zip(before).for_each(|(newest, before)| *newest = (*before).max(*newest));
        }
        self.stack.remove(0);
        self.stack.push(newest.clone());
    }

    /// A reset with FIRE and the one no-op that `noop_max` 1 draws, so that only FIRE remains.
    fn reset(&mut self) {
        self.environment.reset();
        self.environment.act_once(Action::Fire);
        let screen = self.screen();
        self.stack = vec![vec![0; screen.len()]; self.settings.stack];
        self.pictures = [screen.clone(), vec![0; screen.len()]];
        self.push();
        self.elapsed = 0;
    }

    /// Reward, terminated, truncated, and whether the episode has ended.
    fn step(&mut self, action: Action) -> (i32, bool, bool, bool) {
        let lives = self.environment.lives();
        let (mut reward, mut over, mut lost, mut cut) = (0, false, false, false);
        for k in (1..=self.settings.frame_skip).rev() {
            reward += self.environment.act_once(action);
            over = self.environment.game_over();
            self.elapsed += 1;
            lost = self.environment.lives() < lives && self.environment.lives() > 0;
            cut = self.elapsed >= self.settings.max_episode_frames;
            if over || cut || (self.settings.episodic_life && lost) {
                break;
            }
            match k {
                2 => self.pictures[1] = self.screen(),
                1 => self.pictures[0] = self.screen(),
                _ => {}
            }
        }
        self.push();
        let terminated = over || (lost && (self.settings.episodic_life || self.settings.life_loss_info));
        let ended = over || cut || (lost && self.settings.episodic_life);
        let reward = if self.settings.reward_clipping { reward.clamp(-1, 1) } else { reward };
        (reward, terminated, cut && !terminated, ended)
    }
}

#[test]
fn a_plain_model_that_pools_in_place_says_the_same() {
    let whole = VectorSettings { height: 210, width: 160, noop_max: 1, num_threads: 1, ..VectorSettings::default() };
    let mut ends = 0;
    for frame_skip in [1, 2, 3, 4] {
        for (i, max_episode_frames) in [108_000, 41, 42, 43, 44, 3].into_iter().enumerate() {
            let settings = VectorSettings {
                frame_skip,
                max_episode_frames,
                maxpool: i != 3,
                episodic_life: i == 0 && frame_skip != 3,
                life_loss_info: frame_skip == 3,
                reward_clipping: i % 2 == 0,
                stack: if i == 5 { 1 } else { 2 },
                autoreset: if i == 2 { Autoreset::SameStep } else { Autoreset::NextStep },
                ..whole.clone()
            };
            let mut environments = bricks(settings.clone());
            let environment = Environment::new(&CartridgeImage::bricks(), Settings::default().with_random_seed(5));
            let mut model =
                Model { environment, settings, pictures: Default::default(), stack: Vec::new(), elapsed: 0 };
            model.reset();
            assert_eq!(environments.reset(Seeds::From(5)).unwrap().observations, model.stack.concat());
            let mut ended = false;
            let actions = environments.actions().to_vec();
            for row in random_actions(if i == 0 { 300 } else { 40 }, 1, actions.len()) {
                let batch = environments.step(&row).unwrap();
                let mut said = (0, false, false);
                if ended {
                    model.reset();
                    ended = false;
                } else {
                    let (reward, terminated, truncated, over) = model.step(actions[row[0]]);
                    said = (reward, terminated, truncated);
                    ended = over;
                    ends += u32::from(over);
                }
                if ended && model.settings.autoreset == Autoreset::SameStep {
                    assert_eq!(batch.final_observation(0), Some(model.stack.concat().as_slice()));
                    model.reset();
                    ended = false;
                } else {
                    assert_eq!(batch.final_observation(0), None);
                }
                assert_eq!((batch.rewards[0], batch.terminated[0], batch.truncated[0]), said);
                assert_eq!(batch.lives[0], model.environment.lives());
                assert_eq!(batch.frame_numbers[0], model.environment.frame_number());
                assert!(batch.observations == model.stack.concat(), "skip {frame_skip}, cap {max_episode_frames}");
            }
        }
    }
    assert!(ends > 50, "{ends}");
}

#[test]
fn an_episode_starts_with_the_no_ops_its_seed_draws_and_fire_is_one_of_them() {
    let mut environments = bricks(VectorSettings { num_envs: 2, ..VectorSettings::default() });
    assert!(environments.actions().contains(&Action::Fire));
    assert_eq!(environments.reset(Seeds::From(7)).unwrap().episode_frame_numbers, [2, 26]);
    assert_eq!(environments.reset(Seeds::Each(&[8, 7])).unwrap().frame_numbers, [26, 2]);
    let mut without =
        bricks(VectorSettings { num_envs: 2, noop_max: 0, use_fire_reset: false, ..VectorSettings::default() });
    assert_eq!(without.reset(Seeds::From(7)).unwrap().episode_frame_numbers, [0, 0]);
    let mut fire_alone = bricks(VectorSettings { num_envs: 2, noop_max: 0, ..VectorSettings::default() });
    assert_eq!(fire_alone.reset(Seeds::From(7)).unwrap().episode_frame_numbers, [1, 1]);
}

#[test]
fn without_a_seed_the_generators_go_on_and_the_frames_are_counted_on() {
    let mut environments = bricks(VectorSettings { num_envs: 2, ..VectorSettings::default() });
    environments.reset(Seeds::Each(&[7, 7])).unwrap();
    // Negative seeds count as none.
    let batch = environments.reset(Seeds::Each(&[-1, -5])).unwrap();
    let mut random = MersenneTwister::new(7);
    let draws = [autoreset::draw_below(&mut random, 30), autoreset::draw_below(&mut random, 30)];
    assert_eq!(batch.episode_frame_numbers, [draws[1].max(1); 2]);
    assert_eq!(batch.frame_numbers, [draws[0] + draws[1].max(1); 2]);
    // The very first reset needs no seed either.
    bricks(VectorSettings::default()).reset(Seeds::None).unwrap();
}

#[test]
fn the_next_step_after_an_end_starts_the_new_episode() {
    let mut environments = bricks(VectorSettings { max_episode_frames: 8, ..VectorSettings::default() });
    environments.reset(Seeds::From(1)).unwrap();
    assert_eq!(environments.step(&[0]).unwrap().truncated, [false]);
    assert_eq!(environments.step(&[0]).unwrap().truncated, [true]);
    let batch = environments.step(&[3]).unwrap();
    assert_eq!((batch.rewards, batch.terminated, batch.truncated), (&[0][..], &[false][..], &[false][..]));
    let (older, newest) = batch.observations.split_at(3 * 84 * 84);
    assert!(older.iter().all(|&pixel| pixel == 0) && newest.iter().any(|&pixel| pixel > 0));
    assert_eq!(environments.step(&[0]).unwrap().truncated, [false]);
}

#[test]
fn the_same_step_keeps_the_last_observation_apart() {
    let settings = VectorSettings { max_episode_frames: 8, ..VectorSettings::default() };
    let mut next = bricks(settings.clone());
    let mut same = bricks(VectorSettings { autoreset: Autoreset::SameStep, ..settings });
    next.reset(Seeds::From(1)).unwrap();
    same.reset(Seeds::From(1)).unwrap();
    next.step(&[0]).unwrap();
    assert_eq!(same.step(&[0]).unwrap().final_observations().count(), 0);
    let ended = next.step(&[0]).unwrap().observations.to_vec();
    let batch = same.step(&[0]).unwrap();
    assert_eq!((batch.truncated, batch.final_observation(0)), (&[true][..], Some(ended.as_slice())));
    let restarted = next.step(&[0]).unwrap();
    assert_eq!(batch.observations, restarted.observations);
    assert_eq!(batch.episode_frame_numbers, restarted.episode_frame_numbers);
    assert_eq!(same.step(&[0]).unwrap().final_observation(0), None);
    assert_eq!(same.current().unwrap().final_observation(1), None);
}

#[test]
fn a_masked_reset_leaves_the_others_as_they_were() {
    let settings = VectorSettings { num_envs: 3, max_episode_frames: 4, ..VectorSettings::default() };
    let mut environments = bricks(settings);
    environments.reset(Seeds::From(1)).unwrap();
    environments.step(&[0; 3]).unwrap();
    let before = environments.current().unwrap().observation(0).unwrap().to_vec();
    let batch = environments.reset_masked(&[false, true, true], Seeds::Each(&[7, 8])).unwrap();
    assert_eq!((batch.truncated, batch.observation(0)), (&[true, false, false][..], Some(before.as_slice())));
    assert_eq!(batch.episode_frame_numbers[1..], [2, 26]);
    // The environment that was left out still has to restart its episode; the others play.
    assert_eq!(environments.step(&[0; 3]).unwrap().truncated, [false, true, true]);
}

/// ale-py's frame numbers for breakout with a limit of 0 differ from bricks' by nothing but the no-ops that seed 1
/// draws.
#[test]
fn an_episode_of_no_frames_is_truncated_as_it_begins() {
    let settings = VectorSettings { max_episode_frames: 0, ..VectorSettings::default() };
    let mut next = bricks(settings.clone());
    next.reset(Seeds::From(1)).unwrap();
    for expected in [29, 21, 27] {
        let batch = next.step(&[0]).unwrap();
        assert_eq!((batch.truncated, batch.episode_frame_numbers), (&[true][..], &[expected][..]));
    }
    let same = |max_episode_frames| {
        let mut same =
            bricks(VectorSettings { autoreset: Autoreset::SameStep, max_episode_frames, ..settings.clone() });
        same.reset(Seeds::From(1)).unwrap();
        let steps: Vec<_> = (0..3).map(|_| said(&same.step(&[0]).unwrap())).collect();
        steps
    };
    assert_eq!(same(0), same(1));
}

#[test]
fn every_bad_setting_is_reported_with_its_value_and_its_range() {
    let settings = VectorSettings {
        num_envs: 0,
        sticky_probability: 1.5,
        action_space: ActionSpace::Continuous { threshold: f32::NAN },
        height: 0,
        width: 4097,
        stack: 0,
        frame_skip: 0,
        ..VectorSettings::default()
    };
    let error = VectorEnvironment::new(&CartridgeImage::bricks(), settings).unwrap_err();
    let VectorError::Settings(faults) = &error else { panic!("{error}") };
    let names: Vec<_> = faults.iter().map(|fault| fault.setting).collect();
    let expected = ["num_envs", "sticky_probability", "height", "width", "stack", "frame_skip"];
    assert_eq!(names, [&expected[..], &["threshold"]].concat());
    assert!(error.to_string().contains("width is 4097, allowed is 1 to 4096"), "{error}");
    let huge = VectorSettings { num_envs: usize::MAX / 2, ..VectorSettings::default() };
    let error = VectorEnvironment::new(&CartridgeImage::bricks(), huge).unwrap_err();
    assert!(matches!(error, VectorError::TooLarge { bytes_each: 28224, .. }), "{error}");
}

#[test]
fn what_is_refused_changes_nothing() {
    let mut environments = bricks(VectorSettings { num_envs: 2, ..VectorSettings::default() });
    assert_eq!(environments.step(&[0, 0]).unwrap_err(), VectorError::NotReset);
    assert_eq!(environments.current().unwrap_err(), VectorError::NotReset);
    assert_eq!(environments.reset_masked(&[true, true], Seeds::None).unwrap_err(), VectorError::NotReset);
    let far = 1 << 31;
    let error = environments.reset(Seeds::From(far - 1)).unwrap_err();
    assert_eq!(error, VectorError::SeedOutOfRange { env: 1, found: far });
    assert_eq!(environments.step(&[0, 0]).unwrap_err(), VectorError::NotReset);
    environments.reset(Seeds::From(1)).unwrap();
    let before = said(&environments.step(&[0, 0]).unwrap());
    let count = environments.actions().len();
    let errors = [
        environments.step(&[0]).unwrap_err(),
        environments.step(&[0, count]).unwrap_err(),
        environments.step_continuous(&[ContinuousAction::default(); 2]).unwrap_err(),
        environments.reset(Seeds::Each(&[1])).unwrap_err(),
        environments.reset_masked(&[true], Seeds::None).unwrap_err(),
        environments.reset_masked(&[true, false], Seeds::Each(&[1, 2])).unwrap_err(),
    ];
    let expected = [
        VectorError::ActionCount { found: 1, expected: 2 },
        VectorError::ActionOutOfRange { env: 1, found: count, actions: count },
        VectorError::ActionKind { found: "continuous", expected: "discrete" },
        VectorError::SeedCount { found: 1, expected: 2 },
        VectorError::MaskLength { found: 1, expected: 2 },
        VectorError::SeedCount { found: 2, expected: 1 },
    ];
    assert_eq!(errors, expected);
    assert_eq!(said(&environments.current().unwrap()), before);
    let mut other = bricks(VectorSettings { num_envs: 2, ..VectorSettings::default() });
    other.reset(Seeds::From(1)).unwrap();
    other.step(&[0, 0]).unwrap();
    assert_eq!(said(&environments.step(&[1, 2]).unwrap()), said(&other.step(&[1, 2]).unwrap()));
}

#[test]
fn a_continuous_action_is_a_direction_past_the_threshold() {
    let discrete = |radius, angle: f32, fire| ContinuousAction { radius, angle, fire }.discrete(0.5);
    let eighth = std::f32::consts::FRAC_PI_4;
    let around = [
        Action::Right,
        Action::UpRight,
        Action::Up,
        Action::UpLeft,
        Action::Left,
        Action::DownLeft,
        Action::Down,
        Action::DownRight,
    ];
    for (i, action) in around.into_iter().enumerate() {
        assert_eq!(discrete(1.0, eighth * i as f32, 0.5), action);
    }
    assert_eq!(discrete(1.0, eighth, 0.6), Action::UpRightFire);
    assert_eq!((discrete(0.5, 0.0, 0.0), discrete(0.5, 0.0, 1.0)), (Action::Noop, Action::Fire));
}

#[test]
fn continuous_actions_are_taken_and_checked() {
    let space = ActionSpace::Continuous { threshold: 0.5 };
    let mut environments = bricks(VectorSettings { action_space: space, ..VectorSettings::default() });
    assert_eq!(environments.actions().len(), 18);
    environments.reset(Seeds::From(1)).unwrap();
    environments.step_continuous(&[ContinuousAction { radius: 1.0, angle: 3.0, fire: 1.0 }]).unwrap();
    let error = environments.step(&[0]).unwrap_err();
    assert_eq!(error, VectorError::ActionKind { found: "discrete", expected: "continuous" });
    for (radius, angle, fire, wrong) in
        [(1.5, 0.0, 0.0, "radius 1.5"), (0.0, f32::INFINITY, 0.0, "angle inf"), (0.0, 0.0, f32::NAN, "fire NaN")]
    {
        let error = environments.step_continuous(&[ContinuousAction { radius, angle, fire }]).unwrap_err();
        assert!(error.to_string().starts_with(wrong), "{error}");
    }
}
