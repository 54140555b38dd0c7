//! Plays the built-in game with random actions, prints the score, and writes the last screen as a PPM picture.
//!
//! `cargo run --release -p atari-emulator --example play_random -- PICTURE.ppm [SEED]`

use atari_emulator::random::MersenneTwister;
use atari_emulator::{CartridgeImage, Environment, Settings};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let Some(picture) = arguments.next() else {
        return Err("usage: play_random PICTURE.ppm [SEED]".into());
    };
    let seed: u32 = arguments.next().map_or(Ok(0), |seed| seed.parse())?;

    // A cartridge of your own: CartridgeImage::new(&std::fs::read(path)?, Some("its file's name without .bin"))
    let image = CartridgeImage::bricks();
    let settings = Settings::default().with_frame_skip(4).with_random_seed(seed).with_max_episode_frames(18_000);
    let mut environment = Environment::new(&image, settings);
    let actions = environment.minimal_actions();
    let mut random = MersenneTwister::new(seed);
    let mut sum = 0;
    while !environment.game_over() {
        sum += environment.act(actions[random.draw() as usize % actions.len()]);
    }
    println!("rewards {sum}, score {}, {} frames", environment.score(), environment.episode_frame_number());

    let screen = environment.screen();
    let mut rgb = vec![0; 3 * screen.height * screen.width];
    screen.to_rgb(&mut rgb);
    // Binary PPM: a header of text, then red, green and blue of every pixel.
    let header = format!("P6 {} {} 255\n", screen.width, screen.height);
    std::fs::write(&picture, [header.as_bytes(), &rgb].concat()).map_err(|error| format!("{picture}: {error}"))?;
    Ok(())
}
