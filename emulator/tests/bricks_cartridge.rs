//! The built-in game: its image is what its source assembles to, and it plays.

use atari_emulator::{Action, CartridgeImage, Environment, Scheme, Settings};
use std::{path::Path, process::Command};

#[path = "support/outside.rs"]
mod outside;

/// RAM addresses of `cartridges/bricks.asm`, less $80.
const BALL_X: usize = 0x24;
const PADDLE_X: usize = 0x28;
const BRICKS_LEFT: usize = 0x33;

fn bricks() -> Environment {
    Environment::new(&CartridgeImage::bricks(), Settings::default())
}

#[test]
fn the_image_is_what_its_source_assembles_to() {
    if Command::new("dasm").output().is_err() {
        return outside::missing("the assembler dasm", "on Debian: apt install dasm");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = std::env::temp_dir().join(format!("bricks-{}.bin", std::process::id()));
    let status = Command::new(root.join("scripts/assemble-bricks.sh")).arg(&output).status().unwrap();
    assert!(status.success(), "scripts/assemble-bricks.sh failed");
    let assembled = std::fs::read(&output).unwrap();
    std::fs::remove_file(&output).unwrap();
    assert!(assembled == CartridgeImage::bricks().bytes(), "run scripts/assemble-bricks.sh and commit the image");
}

#[test]
fn bricks_is_a_known_game_on_a_plain_cartridge() {
    let image = CartridgeImage::bricks();
    assert_eq!(image.scheme(), Scheme::FourK);
    let environment = bricks();
    assert_eq!(environment.game().map(|game| game.name), Some("bricks"));
    assert_eq!(environment.minimal_actions(), [Action::Noop, Action::Fire, Action::Right, Action::Left]);
    assert_eq!((environment.lives(), environment.score(), environment.screen_height()), (5, 0, 210));
}

#[test]
fn a_game_nobody_plays_ends_by_itself() {
    let mut environment = bricks();
    let mut frames = 0;
    while !environment.game_over() {
        environment.act(Action::Noop);
        frames += 1;
        assert!(frames < 5_000, "five balls serve themselves and are lost");
    }
    assert_eq!(environment.lives(), 0);
}

#[test]
fn following_the_ball_scores_what_the_bricks_are_worth() {
    let mut environment = bricks();
    environment.act(Action::Fire);
    let mut score = 0;
    for _ in 0..6_000 {
        let ram = environment.ram();
        let (ball, paddle) = (i32::from(ram[BALL_X]) + 2, i32::from(ram[PADDLE_X]) + 8);
        score += environment.act(match ball - paddle {
            3.. => Action::Right,
            ..=-3 => Action::Left,
            _ => Action::Fire,
        });
    }
    assert_eq!(environment.score(), score, "rewards sum up to the score on the screen");
    assert_eq!(environment.lives(), 5, "a follower loses no ball");
    assert!(score >= 40, "a hundred seconds of play hit a few dozen bricks, got {score} points");
    let left = i32::from(environment.ram()[BRICKS_LEFT]);
    assert!((108 - left..=5 * (108 - left)).contains(&score), "{score} points for {} bricks", 108 - left);
}

#[test]
fn every_reset_starts_the_same_game() {
    let mut environment = bricks();
    let start = *environment.ram();
    for episode in 0..3 {
        for frame in 0..200 + 77 * episode {
            environment.act(Action::ALL[frame % 5]);
        }
        environment.reset();
        assert_eq!(environment.ram(), &start);
    }
}

#[test]
fn a_screen_tells_which_rows_were_painted_since_another() {
    let mut environment = bricks();
    let mut seen: Vec<(_, Vec<u8>)> = Vec::new();
    let mut told_alike = 0;
    for frame in 0..60 {
        environment.act(if frame % 3 == 0 { Action::Fire } else { Action::Right });
        let screen = environment.screen();
        for (version, pixels) in &seen {
            let rows = screen.pixels.chunks(160).zip(pixels.chunks(160));
            for ((row, before), changed) in rows.zip(screen.changed_since(*version)) {
                assert!(changed || row == before, "frame {frame}");
                told_alike += u32::from(!changed);
            }
        }
        seen.push((screen.version(), screen.pixels.to_vec()));
    }
    // Every second screen seen is in the other buffer, with which nothing can be compared.
    let most = 60 * 59 / 4 * 210;
    assert!(told_alike > most / 2, "{told_alike} of {most} rows");

    // Screens of a clone and averaged screens cannot be compared either.
    let version = seen.last().unwrap().0;
    assert!(environment.clone().screen().changed_since(version).all(|changed| changed));
    let mixing = Settings::default().with_color_averaging(true);
    let mut environment = Environment::new(&CartridgeImage::bricks(), mixing);
    assert_eq!(environment.screen().version(), None);
    assert_eq!(environment.screen().changed_since(version).filter(|&changed| changed).count(), 210);
}
