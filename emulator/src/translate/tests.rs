//! Programs that are executed twice, translated and interpreted.

use super::meaning::decode;
use super::Translation;
use crate::cartridge::{md5_in_hexadecimal, CartridgeImage, Scheme};
use crate::environment::{Environment, Settings};
use crate::random::MersenneTwister;
use crate::Action;

/// A generator with the few things that are needed of it here.
struct Random(MersenneTwister);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0.draw() as usize % end
    }

    fn byte(&mut self) -> u8 {
        self.0.draw() as u8
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// An operand of two bytes: the address of anything, sometimes in the upper mirrors.
    fn address(&mut self, hot_spots: &[u16]) -> u16 {
        let mirror = self.one_of(&[0x0000, 0x0000, 0x2000, 0x8000]);
        match self.below(10) {
            0..=2 => 0x0080 + self.below(0x80) as u16,
            3 => mirror | self.below(0x40) as u16,
            4 => mirror | 0x0180 | self.below(0x80) as u16,
            5 => mirror | 0x0280 | self.below(0x20) as u16,
            6 if !hot_spots.is_empty() => self.one_of(hot_spots),
            _ => 0xF000 | self.below(0x1000) as u16,
        }
    }
}

/// An image of random instructions that do not stop the CPU, at least not at once.
fn random_image(seed: u32, banks: usize, hot_spots: &[u16]) -> Vec<u8> {
    let mut random = Random(MersenneTwister::new(seed));
    let mut image = Vec::new();
    for _ in 0..banks {
        let mut bank = Vec::new();
        while bank.len() < 0xFF0 {
            let opcode = match random.below(12) {
                // Loops, stores to the TIA, subroutines and what is rare in random bytes.
                0 => random.one_of(&[0xD0, 0xF0, 0x10, 0x30, 0x90, 0xB0]),
                1 => random.one_of(&[0x85, 0x86, 0x84, 0x95, 0xE6, 0x06]),
                2 => random.one_of(&[0x20, 0x60, 0xB1, 0xB9, 0xBD, 0x91]),
                3 => random.one_of(&[0xAD, 0xA9, 0xA2, 0xA0, 0x69, 0xE9]),
                4 => random.one_of(&[0xD8, 0x9A, 0xCA, 0xA5, 0x85, 0x4C]),
                _ => random.byte(),
            };
            // Those that stop the CPU do so for good; BRK, RTI and SED are rare enough anyway.
            if opcode & 0x1F == 0x12 || matches!(opcode, 0x02 | 0x22 | 0x42 | 0x62) {
                continue;
            }
            let Some((_, mode)) = decode(opcode) else {
                bank.extend([opcode, random.byte()]);
                continue;
            };
            bank.push(opcode);
            match super::meaning::bytes(mode) {
                3 => {
                    let target = if matches!(opcode, 0x20 | 0x4C) {
                        0xF000 | random.below(0xFF0) as u16
                    } else {
                        random.address(hot_spots)
                    };
                    bank.extend(target.to_le_bytes());
                }
                2 if opcode & 0x1F == 0x10 => bank.push(random.one_of(&[0xFB, 0xF0, 0xE0, 0x02, 0x05, 0x10, 0xC0])),
                2 => {
                    let low = random.byte();
                    // Short waits, and in RAM more often than not.
                    bank.push(if random.below(3) == 0 { low } else { low | 0x80 });
                }
                _ => {}
            }
        }
        bank.resize(0x1000, 0xEA);
        let start = 0xF000 | random.below(0x100) as u16;
        bank[0xFFA..].copy_from_slice(&[start, start, start].map(u16::to_le_bytes).concat());
        image.extend(bank);
    }
    image
}

fn image_of(scheme: Scheme, bytes: &[u8]) -> CartridgeImage {
    CartridgeImage::of_scheme(bytes, md5_in_hexadecimal(bytes), scheme, None)
}

/// Plays both ways and compares after every frame; the instructions that translated code executed.
fn compare(image: &CartridgeImage, frames: u32, what: &str) -> u64 {
    let mut translated = Environment::new(image, Settings::default());
    let mut interpreted = translated.clone();
    translated.set_translation(Translation::Eager);
    interpreted.set_translation(Translation::Off);
    for frame in 0..frames {
        let action = Action::ALL[frame as usize * 7 / 4 % 18];
        translated.act(action);
        interpreted.act(action);
        // RAM, registers, cycles, the chips.
        assert!(translated.save() == interpreted.save(), "{what}: state in frame {frame}");
        if frame % 3 == 0 {
            assert!(translated.screen() == interpreted.screen(), "{what}: screen in frame {frame}");
        }
        if translated.jammed() {
            break;
        }
    }
    translated.console().executed_by_translated_code()
}

#[test]
fn translated_code_ends_as_interpreted_code_does() {
    let executed: u64 = (0..80)
        .map(|seed| compare(&image_of(Scheme::FourK, &random_image(seed, 1, &[])), 40, &format!("seed {seed}")))
        .sum();
    assert!(executed > 500_000, "translated code executed {executed} instructions only");
}

#[test]
fn banks_are_switched_by_translated_code_as_by_interpreted_code() {
    for (scheme, banks, hot_spots) in [
        (Scheme::F8, 2, &[0xFFF8, 0xFFF9][..]),
        (Scheme::F6, 4, &[0xFFF6, 0xFFF7, 0xFFF8, 0xFFF9]),
        (Scheme::F8Sc, 2, &[0xFFF8, 0xFFF9, 0xF000, 0xF010, 0xF080, 0xF090]),
        (Scheme::Fasc, 3, &[0xFFF8, 0xFFF9, 0xFFFA, 0xF001, 0xF101]),
        (Scheme::E0, 2, &[0xFFE0, 0xFFE9, 0xFFF2, 0xFFE3, 0xFFED]),
        (Scheme::E7, 4, &[0xFFE0, 0xFFE1, 0xFFE7, 0xFFE9, 0xF800, 0xF900]),
        (Scheme::Fe, 2, &[]),
        (Scheme::Ua, 2, &[0x0220, 0x0240]),
        (Scheme::ThreeF, 2, &[0x003F, 0x0002]),
        (Scheme::ThreeE, 2, &[0x003F, 0x003E, 0xF400]),
        (Scheme::Cv, 1, &[0xF000, 0xF400]),
    ] {
        let executed: u64 = (0..15)
            .map(|seed| {
                let image = image_of(scheme, &random_image(1_000 + seed, banks, hot_spots));
                compare(&image, 25, &format!("{scheme}, seed {seed}"))
            })
            .sum();
        // Where address line 13 makes a difference everything is interpreted.
        assert_eq!(executed > 20_000, scheme != Scheme::Fe, "{scheme}: {executed} instructions");
    }
}

#[test]
fn the_game_that_comes_with_the_crate_plays_the_same() {
    let executed = compare(&CartridgeImage::bricks(), 600, "bricks");
    assert!(executed > 500_000, "translated code executed {executed} instructions only");
}

fn play(environment: &mut Environment) {
    for _ in 0..1_500 {
        environment.act(Action::Fire);
    }
}

#[test]
fn several_threads_share_what_is_translated() {
    let image = CartridgeImage::bricks();
    let expected = {
        let mut environment = Environment::new(&image, Settings::default());
        environment.set_translation(Translation::Off);
        play(&mut environment);
        environment.save()
    };
    std::thread::scope(|scope| {
        for translation in [Translation::Usual, Translation::Eager, Translation::Usual, Translation::Eager] {
            let (image, expected) = (image.clone(), &expected);
            scope.spawn(move || {
                let mut environment = Environment::new(&image, Settings::default());
                environment.set_translation(translation);
                play(&mut environment);
                assert!(environment.save() == *expected);
            });
        }
    });
}
