//! Plays ten games in one process for a long time and prints its resident memory, which must stay flat.
//!
//! `cargo run --release -p atari-emulator --example soak -- FRAMES FOLDER` plays FRAMES in all, on one thread: every game is a
//! vector of eight environments, and the games take turns. The cartridges are those of [`GAMES`] in FOLDER, as NAME.bin; without a
//! folder it plays the built-in game only. It fails if the memory grows after the first quarter, see [`TOLERANCE`].

use atari_emulator::vector::{Seeds, VectorEnvironment, VectorSettings};
use atari_emulator::CartridgeImage;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Instant;

/// Games of different bank switching, length and controllers.
const GAMES: [&str; 10] = [
    "asteroids",
    "breakout",
    "enduro",
    "ms_pacman",
    "pitfall2",
    "pong",
    "private_eye",
    "qbert",
    "seaquest",
    "space_invaders",
];

/// Environments of a game.
const ENVIRONMENTS: usize = 8;
/// Steps of a game before it is the next one's turn.
const TURN: u64 = 500;
/// Lines of the report.
const LINES: u64 = 40;
/// Most growth of the resident memory after the first quarter of the frames, in KiB: translated code comes in pieces, and malloc
/// keeps what was freed.
const TOLERANCE: u64 = 16 * 1024;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (frames, folder) = match arguments.as_slice() {
        [frames] => (frames, None),
        [frames, folder] => (frames, Some(Path::new(folder))),
        _ => return Err("usage: soak FRAMES [FOLDER]".into()),
    };
    let frames: u64 = frames.parse()?;
    let images = match folder {
        None => vec![CartridgeImage::bricks()],
        Some(folder) => {
            let image = |name: &&str| -> Result<CartridgeImage, Box<dyn Error>> {
                let path = folder.join(format!("{name}.bin"));
                let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                Ok(CartridgeImage::new(&bytes, Some(name))?)
            };
            GAMES.iter().map(image).collect::<Result<Vec<_>, _>>()?
        }
    };
    let settings = VectorSettings::default().with_num_envs(ENVIRONMENTS).with_num_threads(1);
    let mut games = Vec::new();
    for image in &images {
        let mut game = VectorEnvironment::new(image, settings.clone())?;
        game.reset(Seeds::From(0))?;
        games.push(game);
    }
    let per_step = (ENVIRONMENTS as u64) * u64::from(settings.frame_skip);
    let began = Instant::now();
    let (mut played, mut lines, mut episodes, mut random) = (0, 0, 0u64, 1u32);
    let (mut settled, mut most) = (0, 0);
    println!("games {}, environments {ENVIRONMENTS} each, frames {frames}", games.len());
    println!("     frames  seconds  episodes  resident KiB");
    'all: loop {
        for game in &mut games {
            let count = game.actions().len() as u32;
            for _ in 0..TURN {
                let actions: [usize; ENVIRONMENTS] = std::array::from_fn(|_| {
                    // A linear congruential generator (Numerical Recipes); its upper bits are the random ones.
                    random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (random >> 16) as usize % count as usize
                });
                let batch = game.step(&actions)?;
                episodes +=
                    batch.terminated.iter().zip(batch.truncated).filter(|(over, cut)| **over || **cut).count() as u64;
                played += per_step;
                if played >= frames * lines / LINES {
                    let resident = resident_kib();
                    let seconds = began.elapsed().as_secs_f64();
                    println!("{played:>11} {seconds:>8.0} {episodes:>9} {resident:>13}");
                    lines += 1;
                    if played <= frames / 4 {
                        settled = resident.max(settled);
                    }
                    most = resident.max(most);
                }
                if played >= frames {
                    break 'all;
                }
            }
        }
    }
    println!("most in the first quarter {settled} KiB, afterwards {most} KiB");
    if most > settled + TOLERANCE {
        return Err(format!("the memory grew by {} KiB", most - settled).into());
    }
    Ok(())
}

/// Resident memory of this process in KiB; 0 where the system does not tell it.
fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
