//! Plays each cartridge on two consoles, one with translated code and one that interprets, and compares them after every frame.
//!
//! `cargo run --release --example compare_translation -- FRAMES FOLDER [GAME...]` plays all `*.bin` of the folder, or only the
//! games named. It fails if a cartridge differs, or if none was found. `tests/translation.rs` does the same with a few games.

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
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("no cartridges at {folder}: {error}"))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "bin"));
    files.sort();
    let mut different = 0;
    let mut compared = 0;
    for file in files {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if !games.is_empty() && !games.contains(&name) {
            continue;
        }
        // Two images, so the consoles share nothing.
        let bytes = std::fs::read(&file)?;
        let images = [(); 2].map(|()| CartridgeImage::new(&bytes, Some(&name)));
        let [Ok(translated), Ok(interpreted)] = images else { continue };
        match first_difference(&translated, &interpreted, frames) {
            None => println!("{name}: equal"),
            Some(what) => {
                println!("{name}: DIFFERENT {what}");
                different += 1;
            }
        }
        compared += 1;
    }
    println!("{compared} cartridges, {different} different");
    if compared == 0 {
        return Err(format!("nothing was compared; {folder} has no such cartridge").into());
    }
    if different > 0 {
        return Err("translated code does not do what it should".into());
    }
    Ok(())
}

/// Plays random actions on both images until something differs. Returns the difference.
fn first_difference(translated: &CartridgeImage, interpreted: &CartridgeImage, frames: u32) -> Option<String> {
    let mut translated = Environment::new(translated, Settings::default().with_translation(Translation::Eager));
    let mut interpreted = Environment::new(interpreted, Settings::default().with_translation(Translation::Off));
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
