//! Saved states: a restored environment continues exactly as the saved one, and any other bytes are refused.

#[path = "support/outside.rs"]
mod outside;
mod program;

use atari_emulator::random::MersenneTwister;
use atari_emulator::{game, Action, CartridgeImage, Environment, Settings, StateError};
use program::*;
use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;

/// Offsets in a saved state; the checksum is its last four bytes.
const VERSION: usize = 8;
const MD5: usize = 12;
const LENGTH: usize = 28;
const PAYLOAD: usize = 32;
const CHECKSUM: usize = 4;

fn sticky() -> Settings {
    Settings::default().with_sticky_probability(0.25).with_sound_observation(true)
}

fn bricks() -> Environment {
    Environment::new(&CartridgeImage::bricks(), sticky())
}

/// Steps by random joystick actions, resets when the game is over and, rarely, does other things that a caller can do.
struct Player {
    random: MersenneTwister,
}

impl Player {
    fn new(seed: u32) -> Self {
        Self { random: MersenneTwister::new(seed) }
    }

    fn below(&mut self, end: u32) -> u32 {
        self.random.draw() % end
    }

    /// One step of all `environments`, which must stay equal.
    fn step(&mut self, environments: &mut [&mut Environment]) {
        let action = Action::ALL[self.below(18) as usize];
        let turn = [1.0, 0.5][self.below(2) as usize];
        let odd = self.below(400);
        for environment in environments {
            if environment.game_over() || odd == 0 {
                if let Some(game) = environment.game() {
                    let modes = game.available_modes();
                    environment.set_mode(modes[(action as usize) % modes.len()]).expect("a mode on offer");
                    let difficulties = game.difficulties;
                    let difficulty = difficulties[(action as usize) % difficulties.len()];
                    environment.set_difficulty(difficulty).expect("a difficulty on offer");
                }
                environment.reset();
            } else if odd == 1 {
                environment.press_select(3);
            } else {
                environment.act_with_strength(action, turn);
            }
        }
    }

    fn play(&mut self, environment: &mut Environment, steps: u32) {
        (0..steps).for_each(|_| self.step(&mut [environment]));
    }
}

/// All facts that an environment reports, except its screen.
fn facts(environment: &Environment) -> impl PartialEq + std::fmt::Debug {
    (
        *environment.ram(),
        [environment.score(), environment.lives()],
        [environment.terminal(), environment.truncated(), environment.jammed()],
        [environment.frame_number(), environment.episode_frame_number()],
        environment.screen_height(),
        *environment.audio(),
    )
}

#[track_caller]
fn assert_same_screen(one: &mut Environment, other: &mut Environment, what: &str) {
    let (one, other) = (one.screen(), other.screen());
    assert_eq!(one.height, other.height, "{what}");
    let wrong = one.pixels.iter().zip(other.pixels).position(|(a, b)| a != b);
    assert_eq!(wrong.map(|at| (at / 160, at % 160)), None, "{what}: first different (row, x)");
}

/// Plays, saves, restores and compares.
fn check(image: &CartridgeImage, seed: u32, steps: u32) {
    let name = image.file_stem().unwrap_or("?");
    let mut player = Player::new(seed);
    let mut original = Environment::new(image, sticky());
    let before = player.below(700);
    for _ in 0..before {
        player.step(&mut [&mut original]);
        // Looking at the screen must not change the saved bytes.
        if seed.is_multiple_of(2) {
            original.screen();
        }
    }

    let bytes = original.save();
    let mut fresh = Environment::new(image, sticky().with_random_seed(9).with_system_seed(9));
    let mut used = fresh.clone();
    player.play(&mut used, 30);
    used.screen();
    for restored in [&mut fresh, &mut used] {
        restored.restore(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(facts(&original) == facts(restored), "{name}: {:?}", facts(restored));
        assert_same_screen(&mut original.clone(), &mut restored.clone(), name);
        assert!(restored.save() == bytes, "{name}: not saved as it was restored");
    }

    for step in 0..steps {
        let compare_used = step < 100;
        if compare_used {
            player.step(&mut [&mut original, &mut fresh, &mut used]);
        } else {
            player.step(&mut [&mut original, &mut fresh]);
        }
        let what = format!("{name}, saved after {before} steps, step {step} after that");
        assert!(facts(&original) == facts(&fresh), "{what}");
        assert!(!compare_used || facts(&original) == facts(&used), "{what}, in the one used before");
        if step < 4 || step % 20 == 0 {
            assert_same_screen(&mut original, &mut fresh, &what);
            if compare_used {
                assert_same_screen(&mut original, &mut used, &what);
            }
        }
    }
    assert!(original.save() == fresh.save(), "{name}: saved bytes at the end");
}

#[test]
fn a_restored_environment_of_the_built_in_game_has_the_same_future() {
    for seed in 0..6 {
        check(&CartridgeImage::bricks(), seed, 2_000);
    }
}

#[test]
fn a_restored_environment_of_any_cartridge_has_the_same_future() {
    let Some(cartridges) = outside::cartridges() else { return };
    let steps = if outside::ci_is_set() { 2_000 } else { 300 };
    let next = AtomicUsize::new(0);
    let played = Mutex::new(HashSet::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from).min(8) {
            scope.spawn(|| {
                while let Some(path) = cartridges.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let bytes = std::fs::read(path).unwrap();
                    // A file that is no cartridge is passed over; a game of ALE's without a file is reported below.
                    if let Ok(image) = CartridgeImage::new(&bytes, path.file_stem().and_then(|stem| stem.to_str())) {
                        check(&image, bytes.iter().map(|&byte| u32::from(byte)).sum(), steps);
                        restore_crafted(&image, 60);
                        played.lock().unwrap().insert(image.md5().to_owned());
                    }
                }
            });
        }
    });
    let played = played.into_inner().unwrap();
    let own = CartridgeImage::bricks();
    let games = game::all().filter(|game| game.md5 != own.md5() && !played.contains(game.md5));
    outside::some_missing(&games.map(|game| game.name).collect::<Vec<_>>());
}

#[test]
fn a_frame_left_unfinished_is_gone_on_with_and_a_jammed_console_stays_jammed() {
    // Stripes, every eighth frame a loop of 55,000 instructions in the middle of the picture, then more stripes; a jam in the
    // middle of the hundredth.
    let mut program = Assembler::new();
    program.bytes(&[0xD8]).stack_at(0xFF).put(0x80, 0).vertical_sync().label("frame").inc_zp(0x80);
    program.put(GRP0, 0x5A).put(COLUP0, 0x46).lda_zp(0x80).sta_zp(PF1).sta_zp(COLUBK).wsyncs(90);
    program.lda_zp(0x80).bytes(&[0xC9, 100]).bne("on").bytes(&[0x02]); // CMP #100
    program.label("on").lda_zp(0x80).bytes(&[0x29, 7]).bne("short").ldx(107).ldy(0); // AND #7
    program.label("loop").bytes(&[0x88]).bne("loop").bytes(&[0xCA]).bne("loop"); // DEY, BNE, DEX, BNE
    program.label("short").put(COLUBK, 0x84).wsyncs(100).vertical_sync().jmp("frame");
    let mut original = program.start();
    let unlooked_at = |environment: &Environment| environment.clone().screen().pixels.to_vec();
    let (mut unfinished, mut gray) = (0, 0);
    for _ in 0..25 {
        let mut restored = program.start();
        restored.restore(&original.save()).unwrap();
        for _ in 0..7 {
            assert!(unlooked_at(&original) == unlooked_at(&restored));
            let number = original.ram()[0];
            original.act(Action::Noop);
            restored.act(Action::Noop);
            assert_eq!(original.ram(), restored.ram());
            unfinished += u32::from(original.ram()[0] == number && !original.jammed());
            gray += u32::from(original.jammed() && unlooked_at(&original)[160 * 150] < 8);
        }
        assert_eq!(original.jammed(), restored.jammed());
        assert!(original.save() == restored.save());
    }
    assert!(unfinished > 10 && gray > 10, "{unfinished} updates left a frame unfinished, {gray} were gray");
    let mut restored = program.start();
    restored.restore(&original.save()).unwrap();
    for environment in [&mut original, &mut restored] {
        environment.reset();
        assert!(!environment.jammed());
    }
    assert!(original.save() == restored.save());
}

/// `state` with its length and checksum corrected.
fn sealed(mut state: Vec<u8>) -> Vec<u8> {
    state.truncate(state.len() - CHECKSUM);
    let length = (state.len() - PAYLOAD) as u32;
    state[LENGTH..PAYLOAD].copy_from_slice(&length.to_le_bytes());
    let checksum = crc32fast::hash(&state);
    state.extend(checksum.to_le_bytes());
    state
}

#[test]
fn every_byte_counts_and_an_environment_survives_a_damaged_state_unchanged() {
    let mut saved = bricks();
    Player::new(1).play(&mut saved, 100);
    let state = saved.save();
    let mut environment = bricks();
    Player::new(2).play(&mut environment, 50);
    let before = environment.save();
    for at in 0..state.len() {
        let mut wrong = state.clone();
        wrong[at] ^= 0x10;
        let error = environment.restore(&wrong).unwrap_err();
        let expected = match at {
            0..VERSION => matches!(error, StateError::NotAState { .. }),
            VERSION..MD5 => matches!(error, StateError::OtherVersion { supported: 1, .. }),
            LENGTH..PAYLOAD => matches!(error, StateError::WrongLength { .. }),
            _ => matches!(error, StateError::Damaged { .. }),
        };
        assert!(expected, "byte {at}: {error:?}");
    }
    for length in 0..state.len() {
        let error = environment.restore(&state[..length]).unwrap_err();
        let expected = match length {
            0..MD5 => matches!(error, StateError::NotAState { length: found, .. } if found == length),
            _ => matches!(error, StateError::WrongLength { found, .. } if found == length),
        };
        assert!(expected, "{length} bytes: {error:?}");
    }
    let longer = [&state[..], &[0]].concat();
    let (found, expected) = (longer.len(), state.len());
    assert_eq!(environment.restore(&longer), Err(StateError::WrongLength { found, expected }));
    assert!(environment.save() == before);
    environment.restore(&state).unwrap();
    assert!(environment.save() == state);
}

/// Restores wrong states with the right checksum, and plays the accepted ones. Returns how many were refused and
/// accepted.
fn restore_crafted(image: &CartridgeImage, rounds: u32) -> [u32; 2] {
    let mut random = Player::new(3);
    let mut original = Environment::new(image, sticky());
    let name_length = usize::from(original.save()[PAYLOAD]);
    let [mut refused, mut accepted] = [0; 2];
    for round in 0..rounds {
        random.step(&mut [&mut original]);
        let mut state = original.save();
        let end = state.len() - CHECKSUM;
        match round % 10 {
            0 => state[PAYLOAD + 1 + name_length..end].fill_with(|| random.below(256) as u8),
            1 => state.truncate(end - random.below(3_000) as usize),
            2 => state.extend((0..=random.below(20)).map(|_| 0)),
            // After the pictures, where a wrong byte is noticed later.
            _ => {
                for _ in 0..=random.below(50) {
                    let at = end - 1 - random.below(5_500.min((end - PAYLOAD) as u32)) as usize;
                    state[at] =
                        [0, 1, 2, 0x7F, 0x80, 0xFF, state[at] ^ 1, random.below(256) as u8][random.below(8) as usize];
                }
            }
        }
        let mut environment = original.clone();
        match environment.restore(&sealed(state)) {
            Ok(()) => {
                accepted += 1;
                environment.screen();
                random.play(&mut environment, 8);
                environment.screen();
                if accepted % 8 == 0 {
                    environment.reset();
                    random.play(&mut environment, 3);
                }
                let again = environment.save();
                environment.restore(&again).expect("what was accepted can be saved and restored");
            }
            Err(StateError::Invalid { .. } | StateError::OtherGame { .. }) => {
                refused += 1;
                assert!(environment.save() == original.save());
            }
            Err(error) => panic!("{error}"),
        }
    }
    [refused, accepted]
}

#[test]
fn crafted_states_are_refused_or_played() {
    let [refused, accepted] = restore_crafted(&CartridgeImage::bricks(), 1_500);
    assert!(accepted > 100 && refused > 300, "{accepted} accepted, {refused} refused");
}

#[test]
fn messages_tell_what_was_found_what_was_expected_and_what_to_do() {
    let state = bricks().save();
    let mut environment = bricks();
    let mut message = |bytes: &[u8]| environment.restore(bytes).unwrap_err().to_string();
    let told = |message: &str, parts: &[&str]| {
        for part in parts {
            assert!(message.contains(part), "{message:?} does not say {part:?}");
        }
    };
    told(&message(b"GIF89a"), &["these 6 bytes are no saved state", "A26STATE", "the right file"]);
    let mut wrong = state.clone();
    wrong[VERSION] = 77;
    told(&message(&wrong), &["version 77", "reads version 1 only", "the emulator that saved it"]);
    told(&message(&state[..100]), &["100 bytes", &format!("should have {}", state.len()), "not copied completely"]);
    wrong = state.clone();
    wrong[PAYLOAD + 50] ^= 1;
    told(&message(&wrong), &["is damaged", "checksum", "another copy"]);
    wrong = state.clone();
    let pong = [0x60, 0xE0, 0xEA, 0x3C, 0xBE, 0x09, 0x13, 0xD3, 0x98, 0x03, 0x47, 0x79, 0x45, 0xE9, 0xE5, 0xEC];
    wrong[MD5..LENGTH].copy_from_slice(&pong);
    wrong.drain(PAYLOAD + 1..PAYLOAD + 7);
    wrong[PAYLOAD] = 0;
    let parts =
        ["belongs to pong (md5 60e0ea3cbe0913d39803477945e9e5ec)", "plays bricks (md5 ", "of its own cartridge"];
    told(&message(&sealed(wrong)), &parts);
}

#[test]
fn a_state_belongs_to_one_cartridge_and_to_the_rules_it_was_played_by() {
    let image = |fill: u8, stem: Option<&str>| CartridgeImage::new(&[fill; 4096], stem).unwrap();
    let environment = |fill, stem| Environment::new(&image(fill, stem), Settings::default());
    let state = environment(1, Some("pong")).save();
    assert!(environment(1, Some("Pong")).restore(&state).is_ok());
    for (fill, stem, name) in [(2, Some("pong"), "pong"), (1, Some("tennis"), "tennis"), (1, None, "an unknown game")] {
        match environment(fill, stem).restore(&state) {
            Err(StateError::OtherGame { found, found_md5, expected, expected_md5 }) => {
                assert_eq!((found.as_str(), expected.as_str()), ("pong", name));
                assert_eq!(expected_md5 == found_md5, fill == 1);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn settings_are_those_of_the_environment_restored_into() {
    let mut original = Environment::new(&CartridgeImage::bricks(), sticky().with_frame_skip(4));
    Player::new(5).play(&mut original, 20);
    let mut restored = bricks();
    restored.restore(&original.save()).unwrap();
    assert_eq!(restored.settings(), &sticky());
    original.act(Action::Right);
    for _ in 0..4 {
        restored.act(Action::Right);
    }
    assert_eq!(original.ram(), restored.ram());
}

/// A state saved by an earlier build. If this fails although nothing but the format changed, raise `VERSION` in
/// `saved_state.rs`, delete the file and run the test once more: it writes a new file.
#[test]
fn the_format_is_that_of_the_state_in_the_repository() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bricks.state");
    let mut environment = bricks();
    Player::new(6).play(&mut environment, 333);
    let state = environment.save();
    let Ok(committed) = std::fs::read(&path) else {
        std::fs::write(&path, state).unwrap();
        panic!("{} was not there and has been made: commit it with the format's new version", path.display());
    };
    let mut restored = bricks();
    restored.restore(&committed).unwrap();
    assert!(facts(&restored) == facts(&environment));
    assert_same_screen(&mut restored, &mut environment, "the committed state");
    assert!(committed == state, "the same moment is now saved differently: raise VERSION in saved_state.rs");
}
