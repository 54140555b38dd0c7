//! Translated code does the same as interpreted code, in the built-in game and in real ones.
//!
//! Two environments play the same actions. One translates its cartridge's code, the other interprets it. Each has an
//! image of its own, so they share nothing.
#![cfg(feature = "translate")]

#[path = "support/outside.rs"]
mod outside;

use atari_emulator::random::MersenneTwister;
use atari_emulator::{Action, CartridgeImage, Environment, Settings, Translation};

/// Real games, at least one for each bank-switching scheme that has games and can be translated.
const GAMES: [(&str, &str); 8] = [
    ("breakout", "2K"),
    ("seaquest", "4K"),
    ("ms_pacman", "F8"),
    ("elevator_action", "F8SC"),
    ("road_runner", "F6"),
    ("klax", "F6SC"),
    ("montezuma_revenge", "E0"),
    ("pitfall2", "DPC"),
];
/// Plays both environments and compares them after every frame.
fn compare(name: &str, bytes: &[u8], frames: u32) {
    let [mut translated, mut interpreted] = [Translation::Eager, Translation::Off].map(|translation| {
        // An image has its own copy of the bytes.
        let image = CartridgeImage::new(bytes, Some(name)).expect("a cartridge of a known scheme");
        Environment::new(&image, Settings::default().with_translation(translation))
    });
    let mut random = MersenneTwister::new(1);
    let mut action = Action::Noop;
    for frame in 0..frames {
        // Held for eight frames, so that the games get somewhere.
        if frame % 8 == 0 {
            action = Action::ALL[random.draw() as usize % Action::ALL.len()];
        }
        let [reward, expected_reward] = [&mut translated, &mut interpreted].map(|environment| {
            if environment.game_over() {
                environment.reset();
            }
            environment.act(action)
        });
        assert_eq!(reward, expected_reward, "{name}: reward in frame {frame}");
        assert_eq!(translated.ram(), interpreted.ram(), "{name}: RAM in frame {frame}");
        assert!(translated.screen() == interpreted.screen(), "{name}: screen in frame {frame}");
        assert!(translated.save() == interpreted.save(), "{name}: saved state in frame {frame}");
    }
    assert_eq!(interpreted.executed_by_translated_code(), 0, "{name}: the interpreting console");
    let executed = translated.executed_by_translated_code();
    let least = u64::from(frames) * 500;
    assert!(executed > least, "{name}: translated code executed {executed} instructions only in {frames} frames");
}

#[test]
fn the_built_in_game_plays_the_same_translated() {
    compare("bricks", CartridgeImage::bricks().bytes(), 1_500);
}

#[test]
fn real_games_play_the_same_translated() {
    let Some(cartridges) = outside::cartridges() else { return };
    let frames = if outside::ci_is_set() { 3_000 } else { 500 };
    let mut missing = Vec::new();
    for (name, scheme) in GAMES {
        let Some(path) = cartridges.iter().find(|path| path.file_stem().is_some_and(|stem| stem == name)) else {
            missing.push(name);
            continue;
        };
        let bytes = std::fs::read(path).expect("a readable file");
        let image = CartridgeImage::new(&bytes, Some(name)).expect("a cartridge of a known scheme");
        assert_eq!(image.scheme().to_string(), scheme, "{name}");
        compare(name, &bytes, frames);
    }
    if !missing.is_empty() {
        let what = format!("cartridges of {} of {} games: {}", missing.len(), GAMES.len(), missing.join(", "));
        outside::missing(&what, "scripts/get-roms.sh fetches them");
    }
}
