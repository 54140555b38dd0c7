//! Saved states with ALE's gaps, snapshots in memory, and acts that are watched.

use atari_emulator::random::MersenneTwister;
use atari_emulator::{Action, CartridgeImage, Environment, Settings, StateError};
use std::ops::ControlFlow;

/// Offsets in a saved state; the checksum is its last four bytes.
const MD5: usize = 12;
const PAYLOAD: usize = 32;
const CHECKSUM: usize = 4;

fn sticky() -> Settings {
    Settings::default().with_sticky_probability(0.25).with_sound_observation(true)
}

fn bricks() -> Environment {
    Environment::new(&CartridgeImage::bricks(), sticky())
}

fn play(environment: &mut Environment, seed: u32, steps: u32) {
    let mut random = MersenneTwister::new(seed);
    for _ in 0..steps {
        if environment.game_over() {
            environment.reset();
        }
        environment.act(Action::ALL[random.draw() as usize % 18]);
    }
}

fn screen(environment: &Environment) -> Vec<u8> {
    environment.clone().screen().pixels.to_vec()
}

#[test]
fn a_state_as_ale_saves_it_comes_back_the_same_and_saving_changes_nothing() {
    let mut original = bricks();
    for round in 0..40 {
        play(&mut original, round, 37);
        let complete = original.save();
        for include_random in [false, true] {
            let state = original.save_as_ale(include_random);
            assert!(original.save() == complete);
            let mut other = bricks();
            play(&mut other, 100 + round, 11);
            other.restore_as_ale(&state).unwrap();
            assert!(other.save_as_ale(include_random) == state);
            assert_eq!(other.ram(), original.ram());
            assert_eq!((other.lives(), other.score()), (original.lives(), original.score()));
            assert_eq!(other.frame_number(), original.frame_number());
        }
    }
}

#[test]
fn what_ale_does_not_save_stays() {
    let mut environment = bricks();
    play(&mut environment, 1, 300);
    let (with, without) = (environment.save_as_ale(true), environment.save_as_ale(false));
    assert_ne!(with, without);
    assert_eq!(with.len(), without.len() + 4 * 625);
    play(&mut environment, 2, 60);
    let (picture, audio) = (screen(&environment), *environment.audio());
    let expected = environment.save_as_ale(true);
    environment.restore_as_ale(&without).unwrap();
    assert!(screen(&environment) == picture);
    assert_eq!(*environment.audio(), audio);
    assert_ne!(environment.save_as_ale(true), with, "the environment's generator goes on");
    environment.restore_as_ale(&expected).unwrap();
    assert!(screen(&environment) == picture);
    environment.restore_as_ale(&with).unwrap();
    assert_eq!(environment.save_as_ale(true), with);
    environment.act(Action::Noop);
    assert!(screen(&environment) != picture);
}

#[test]
fn the_action_that_sticks_stays() {
    // With probability 1 no action given counts, only the one remembered from before.
    let [mut right, mut noop] = [Action::Right, Action::Noop].map(|remembered| {
        let mut before = Environment::new(&CartridgeImage::bricks(), Settings::default());
        before.act(remembered);
        let settings = Settings::default().with_sticky_probability(1.0);
        let mut environment = Environment::new(&CartridgeImage::bricks(), settings);
        environment.restore(&before.save()).unwrap();
        environment
    });
    let state = bricks().save_as_ale(true);
    for environment in [&mut right, &mut noop] {
        environment.restore_as_ale(&state).unwrap();
    }
    assert_eq!(right.ram(), noop.ram());
    for environment in [&mut right, &mut noop] {
        for _ in 0..20 {
            environment.act(Action::Left);
        }
    }
    assert_ne!(right.ram(), noop.ram());
}

#[test]
fn wrong_states_are_refused_and_change_nothing() {
    let mut environment = bricks();
    play(&mut environment, 4, 50);
    let state = environment.save_as_ale(true);
    let complete = environment.save();
    let refused = |environment: &mut Environment, bytes: &[u8]| {
        let error = environment.restore_as_ale(bytes).unwrap_err();
        assert!(environment.save() == complete, "{error}");
        error
    };
    for at in 0..state.len() {
        let mut wrong = state.clone();
        wrong[at] ^= 0x10;
        refused(&mut environment, &wrong);
    }
    for length in (0..state.len()).step_by(97) {
        refused(&mut environment, &state[..length]);
    }
    let error = refused(&mut environment, &complete);
    assert!(error.to_string().contains("A26ALEST"), "{error}");
    assert!(environment.restore(&state).is_err());
    let mut other = state.clone();
    other[MD5] ^= 1;
    assert!(matches!(refused(&mut environment, &sealed(other)), StateError::OtherGame { .. }));
}

/// `state` with its checksum corrected.
fn sealed(mut state: Vec<u8>) -> Vec<u8> {
    state.truncate(state.len() - CHECKSUM);
    let checksum = crc32fast::hash(&state);
    state.extend(checksum.to_le_bytes());
    state
}

#[test]
fn crafted_states_are_refused_or_played() {
    let mut random = MersenneTwister::new(8);
    let mut original = bricks();
    let [mut refused, mut accepted] = [0; 2];
    for round in 0..1_000 {
        play(&mut original, round, 1);
        let mut state = original.save_as_ale(true);
        let end = state.len() - CHECKSUM;
        for _ in 0..=random.draw() % 30 {
            let at = end - 1 - random.draw() as usize % (end - PAYLOAD);
            state[at] = [0, 1, 2, 0x7F, 0x80, 0xFF, random.draw() as u8][random.draw() as usize % 7];
        }
        let mut environment = original.clone();
        if environment.restore_as_ale(&sealed(state)).is_ok() {
            accepted += 1;
            environment.screen();
            play(&mut environment, round, 8);
            let again = environment.save_as_ale(true);
            environment.restore_as_ale(&again).expect("what was accepted can be saved and restored");
        } else {
            refused += 1;
            assert!(environment.save() == original.save());
        }
    }
    assert!(accepted > 100 && refused > 100, "{accepted} accepted, {refused} refused");
}

#[test]
fn an_environment_continues_from_another_ones_position_with_its_own_settings() {
    let mut original = bricks();
    play(&mut original, 5, 200);
    let mut other = Environment::new(&CartridgeImage::bricks(), Settings::default().with_frame_skip(4));
    other.continue_from(&original).unwrap();
    assert!(other.save() == original.save());
    assert!(screen(&other) == screen(&original));
    assert_eq!(other.settings().frame_skip, 4);
    let foreign = CartridgeImage::new(&[0xEA; 4096], None).unwrap();
    let foreign = Environment::new(&foreign, Settings::default());
    assert!(matches!(other.continue_from(&foreign), Err(StateError::OtherGame { .. })));
    assert!(other.save() == original.save());
}

#[test]
fn a_watched_act_shows_the_screen_before_each_frame_and_can_be_ended() {
    let settings = Settings::default().with_frame_skip(6);
    let mut watched = Environment::new(&CartridgeImage::bricks(), settings.clone());
    let mut plain = watched.clone();
    let mut single = Environment::new(&CartridgeImage::bricks(), Settings::default());
    for step in 0..300 {
        let action = Action::ALL[step % 18];
        let mut screens = Vec::new();
        let reward = watched.act_watched(action, 1.0, |environment| {
            screens.push(environment.screen().pixels.to_vec());
            ControlFlow::Continue(())
        });
        assert_eq!(reward, plain.act(action));
        assert_eq!(screens.len(), 6);
        for seen in screens {
            assert!(single.screen().pixels == seen, "step {step}");
            single.act(action);
        }
        assert!(watched.save() == plain.save());
    }
    watched.reset();
    let before = watched.frame_number();
    let mut frames = 0;
    watched.act_watched(Action::Noop, 1.0, |_| {
        frames += 1;
        if frames > 2 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert_eq!(watched.frame_number(), before + 2);
}
