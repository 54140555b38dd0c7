//! Plays cartridges twice at the same time, once with translated code and once interpreted, and compares after every frame.
//!
//! `cargo run --release --example compare_translation -- FRAMES FOLDER [GAME...]`: all `*.bin` of the folder, or those named.

use atari_emulator::random::MersenneTwister;
use atari_emulator::{Action, CartridgeImage, Environment, Settings, Translation};
use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(frames), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("usage: compare_translation FRAMES FOLDER [GAME...]".into());
    };
    let frames: u32 = frames.parse()?;
    let games: Vec<String> = arguments.collect();
    let mut files: Vec<PathBuf> = match std::fs::read_dir(&folder) {
        Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
        Err(error) => {
            println!("skipped: no cartridges at {folder} ({error})");
            return Ok(());
        }
    };
    files.retain(|file| file.extension().is_some_and(|extension| extension == "bin"));
    files.sort();
    let mut different = 0;
    let mut compared = 0;
    for file in files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if !games.is_empty() && !games.contains(&name) {
            continue;
        }
        let Ok(image) = CartridgeImage::new(&std::fs::read(&file)?, Some(&name)) else { continue };
        match first_difference(&image, frames) {
            None => println!("{name}: equal"),
            Some(what) => {
                println!("{name}: DIFFERENT {what}");
                different += 1;
            }
        }
        compared += 1;
    }
    println!("{compared} cartridges, {different} different");
    if different > 0 {
        return Err("translated code does not do what it should".into());
    }
    Ok(())
}

fn first_difference(image: &CartridgeImage, frames: u32) -> Option<String> {
    // Two images, so that nothing is shared.
    let mut translated = Environment::new(image, Settings::default());
    let mut interpreted = translated.clone();
    interpreted.set_translation(Translation::Off);
    translated.set_translation(Translation::Eager);
    let mut random = MersenneTwister::new(1);
    for frame in 0..frames {
        let action = Action::ALL[random.draw() as usize % Action::ALL.len()];
        for environment in [&mut translated, &mut interpreted] {
            if environment.game_over() {
                environment.reset();
            }
            environment.act(action);
        }
        if translated.ram() != interpreted.ram() {
            return Some(format!("RAM in frame {frame}"));
        }
        if translated.save() != interpreted.save() {
            return Some(format!("state in frame {frame}"));
        }
        if frame % 4 == 3 && translated.screen() != interpreted.screen() {
            return Some(format!("screen in frame {frame}"));
        }
    }
    None
}
