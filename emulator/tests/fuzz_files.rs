//! Mutated saved states and cartridges: each is refused or played, without a panic.
//!
//! `cargo test --profile ci -p atari-emulator --test fuzz_files -- --files 100000 --seed 2 states`; arguments in
//! `support/fuzzing.rs`.
#![allow(clippy::unwrap_used)] // a test program without libtest

#[path = "support/fuzzing.rs"]
mod fuzzing;

use atari_emulator::{game, Action, CartridgeImage, Environment, Settings, Translation};
use fuzzing::{Entry, Mutator, Parser};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let entries = [
        Entry { name: "states", files: 2_000, open: |_| Box::new(States::new()) },
        Entry { name: "cartridges", files: 600, open: |_| Box::new(Cartridges::new()) },
    ];
    fuzzing::run(Path::new(env!("CARGO_TARGET_TMPDIR")), &entries)
}

/// Sizes of images, and the code by which their scheme is recognized.
const SCHEMES: [(usize, &[u8]); 22] = [
    (2_048, &[]),
    (2_048, &[0x9D, 0xFF, 0xF3]),
    (4_096, &[]),
    (4_096, &[0x99, 0x00, 0xF4]),
    (8_192, &[]),
    (8_192, &[0x8D, 0xE0, 0x1F]),
    (8_192, &[0x85, 0x3E, 0xA9, 0x00]),
    (8_192, &[0x85, 0x3F, 0xEA, 0x85, 0x3F]),
    (8_192, &[0x8D, 0x40, 0x02]),
    (8_192, &[0x20, 0x00, 0xD0, 0xC6, 0xC5]),
    (8_448, &[]),
    (10_240, &[]),
    (10_495, &[]),
    (12_288, &[]),
    (16_384, &[]),
    (16_384, &[0x85, 0x3F, 0xEA, 0x85, 0x3F]),
    (32_768, &[]),
    (65_536, &[]),
    (65_536, &[0x85, 0x3E, 0xA9, 0x00]),
    (131_072, &[]),
    (524_288, &[0x85, 0x3F, 0xEA, 0x85, 0x3F]),
    (524_288, &[0x85, 0x3E, 0xA9, 0x00]),
];

/// A small game: it writes to TIA, RAM and the addresses from $1000 to $1FFF in turn, and ends a frame every 256 rounds.
const PROGRAM: [u8; 40] = [
    0x78, 0xD8, 0xA2, 0xFF, 0x9A, // SEI, CLD, LDX #$FF, TXS
    0xE8, 0x85, 0x02, // INX, STA WSYNC
    0xBD, 0x00, 0xF0, 0x95, 0x06, // LDA $F000,X, STA $06,X
    0xF6, 0x80, 0xB5, 0x80, // INC $80,X, LDA $80,X
    0x9D, 0xE0, 0xFF, 0xBD, 0xE0, 0xFF, // STA $FFE0,X, LDA $FFE0,X
    0xE0, 0x00, 0xD0, 0xEA, // CPX #0, BNE
    0xA9, 0x02, 0x85, 0x00, 0x85, 0x02, // LDA #2, STA VSYNC, STA WSYNC
    0xA9, 0x00, 0x85, 0x00, // LDA #0, STA VSYNC
    0x4C, 0x05, 0xF2, // JMP
];

/// Where it is in each half of a bank.
const CODE: usize = 0x200;

/// Images of every scheme that play, and some of noise, whose frames never end and take long.
fn images() -> Vec<Vec<u8>> {
    let mut random = Mutator::new(0, "images", 0);
    let mut images = vec![CartridgeImage::bricks().bytes().to_vec()];
    for (index, (size, sign)) in SCHEMES.into_iter().enumerate() {
        let mut made = Vec::new();
        for superchip in [false, true] {
            let mut image = vec![0xEA; size];
            for (number, bank) in image.chunks_exact_mut(2_048).enumerate() {
                if superchip && number % 2 == 0 {
                    bank[..256].fill(0);
                }
                bank[CODE..][..PROGRAM.len()].copy_from_slice(&PROGRAM);
                bank[2_042..].copy_from_slice(&[0xF000 + CODE as u16; 3].map(u16::to_le_bytes).concat());
            }
            made.push(image);
        }
        if index % 5 == 0 {
            made.push(random.noise(size));
        }
        for mut image in made {
            image[1_024..][..sign.len()].copy_from_slice(sign);
            images.push(image);
        }
    }
    images
}

fn settings(translation: Translation) -> Settings {
    Settings::default().with_sticky_probability(0.25).with_sound_observation(true).with_translation(translation)
}

/// Some steps with everything that a caller may ask for.
fn play(environment: &mut Environment, steps: usize, salt: usize) {
    for step in 0..steps {
        environment.act(Action::ALL[(salt + 5 * step) % 18]);
    }
    environment.screen();
    environment.score();
    environment.lives();
    environment.audio();
}

/// Offsets in a saved state; the checksum is its last four bytes.
const MD5: usize = 12;
const LENGTH: usize = 28;
const PAYLOAD: usize = 32;
const CHECKSUM: usize = 4;

/// Saved states of many cartridges, most with their length and checksum made right.
struct States {
    /// Environments, interpreting and translating, with states that they saved.
    games: Vec<([Environment; 2], Vec<Vec<u8>>)>,
}

impl States {
    fn new() -> Self {
        let mut games = Vec::new();
        for bytes in images() {
            let Ok(image) = CartridgeImage::new(&bytes, Some("pong")) else { continue };
            let mut environment = Environment::new(&image, settings(Translation::Off));
            let mut translating = environment.clone();
            translating.set_translation(Translation::Eager);
            let mut saved = Vec::new();
            for steps in [0, 3, 20] {
                play(&mut environment, steps, saved.len());
                saved.push(environment.save());
            }
            games.push(([environment, translating], saved));
        }
        Self { games }
    }
}

impl Parser for States {
    fn make(&mut self, random: &mut Mutator) -> Vec<u8> {
        let (_, saved) = random.choose(&self.games);
        let (_, others) = random.choose(&self.games);
        let mut state = random.choose(saved).clone();
        let others = if random.one_in(2) { saved } else { others };
        let mut other = random.choose(others).clone();
        if random.one_in(8) {
            random.bytes(&mut state, &other);
            return state;
        }
        // Most fields come after the pictures, at the end.
        state.truncate(state.len() - CHECKSUM);
        other.truncate(other.len() - CHECKSUM);
        let from = if random.one_in(4) { PAYLOAD } else { state.len().saturating_sub(5_500).max(PAYLOAD) };
        let mut payload = state.split_off(from);
        random.bytes(&mut payload, &other[from.min(other.len())..]);
        state.extend(payload);
        let length = (state.len() - PAYLOAD) as u32;
        state[LENGTH..PAYLOAD].copy_from_slice(&length.to_le_bytes());
        state.extend(crc32fast::hash(&state).to_le_bytes());
        state
    }

    fn read(&mut self, file: &[u8]) -> bool {
        let md5 = file.get(MD5..LENGTH);
        let game = self.games.iter().find(|(_, saved)| Some(&saved[0][MD5..LENGTH]) == md5).unwrap_or(&self.games[0]);
        let salt = usize::from(file.last().copied().unwrap_or_default());
        // Translating takes some hundred times longer than interpreting these few frames.
        let mut environment = game.0[usize::from(salt % 64 == 0)].clone();
        let before = environment.save();
        if environment.restore(file).is_err() {
            assert!(environment.save() == before, "a refused state changed the environment");
            return false;
        }
        play(&mut environment, 3, salt);
        if salt % 16 == 1 {
            environment.reset();
            play(&mut environment, 1, salt);
        }
        let saved = environment.save();
        environment.restore(&saved).expect("what was accepted can be saved and restored");
        assert!(environment.save() == saved, "not saved as it was restored");
        true
    }
}

/// Images, under the names of all games, whose rules then read their RAM.
struct Cartridges {
    images: Vec<Vec<u8>>,
    names: Vec<&'static str>,
}

impl Cartridges {
    fn new() -> Self {
        Self { images: images(), names: game::all().map(|game| game.name).collect() }
    }
}

impl Parser for Cartridges {
    fn make(&mut self, random: &mut Mutator) -> Vec<u8> {
        // Large ones take their time, and hold nothing that smaller ones do not.
        let small: Vec<&Vec<u8>> = self.images.iter().filter(|image| image.len() < 100_000).collect();
        let mut image =
            if random.one_in(20) { random.choose(&self.images).clone() } else { (*random.choose(&small)).clone() };
        let other = *random.choose(&small);
        if random.one_in(3) {
            random.bytes(&mut image, other);
        } else {
            // Of the right size, which most schemes go by.
            let size = image.len();
            random.bytes(&mut image, other);
            image.resize(size, 0xEA);
        }
        image
    }

    fn read(&mut self, file: &[u8]) -> bool {
        let salt = crc32fast::hash(file) as usize;
        let name = self.names[salt % self.names.len()];
        let Ok(image) = CartridgeImage::new(file, (salt.is_multiple_of(3)).then_some(name)) else { return false };
        let translation = if salt % 128 == 5 { Translation::Eager } else { Translation::Off };
        let mut environment = Environment::new(&image, settings(translation));
        let modes = environment.available_modes();
        if let Some(mode) = modes.get(salt / 7 % modes.len().max(1)) {
            environment.set_mode(*mode).unwrap();
        }
        play(&mut environment, 2, salt);
        if !environment.game_over() && salt.is_multiple_of(3) {
            environment.reset();
            play(&mut environment, 2, salt);
        }
        let saved = environment.save();
        environment.restore(&saved).expect("a saved state can be restored");
        true
    }
}
