//! Programs executed twice, translated and interpreted; and an invariant of every region.

use super::meaning::decode;
use super::region::{Block, Region};
use super::MOST_BETWEEN_LOOKS;
use crate::cartridge::Scheme;
use crate::environment::{Environment, Settings};
use crate::image::{md5_in_hexadecimal, CartridgeImage};
use crate::random::MersenneTwister;
use crate::translation::Translation;
use crate::Action;
use std::collections::HashMap;

/// Random numbers in the forms that the tests need.
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

    /// A two-byte operand: an address in any part of memory, sometimes in an upper mirror.
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

/// An image of random instructions, without those that stop the CPU for good.
fn random_image(seed: u32, banks: usize, hot_spots: &[u16]) -> Vec<u8> {
    let mut random = Random(MersenneTwister::new(seed));
    let mut image = Vec::new();
    for _ in 0..banks {
        let mut bank = Vec::new();
        while bank.len() < 0xFF0 {
            let opcode = match random.below(12) {
                // Loops, stores to the TIA, subroutines, and other opcodes that are rare among random bytes.
                0 => random.one_of(&[0xD0, 0xF0, 0x10, 0x30, 0x90, 0xB0]),
                1 => random.one_of(&[0x85, 0x86, 0x84, 0x95, 0xE6, 0x06]),
                2 => random.one_of(&[0x20, 0x60, 0xB1, 0xB9, 0xBD, 0x91]),
                3 => random.one_of(&[0xAD, 0xA9, 0xA2, 0xA0, 0x69, 0xE9]),
                4 => random.one_of(&[0xD8, 0x9A, 0xCA, 0xA5, 0x85, 0x4C]),
                _ => random.byte(),
            };
            // These stop the CPU. BRK, RTI and SED are rare enough to stay.
            if opcode & 0x1F == 0x12 || matches!(opcode, 0x02 | 0x22 | 0x42 | 0x62) {
                continue;
            }
            let Some((_, mode)) = decode(opcode) else {
                bank.extend([opcode, random.byte()]);
                continue;
            };
            bank.push(opcode);
            match mode.bytes() {
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
                    // An immediate, or an address that is in RAM more often than not.
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

/// A Megacart of random instructions: its last block chooses four blocks of ROM before it jumps there.
fn random_megacart(seed: u32) -> Vec<u8> {
    let mut image = random_image(seed, 32, &[0x003C, 0x003D, 0x003E, 0xF000, 0xF200, 0xF600]);
    let last_block = image.len() - 1024;
    let choices = [(0x3C, 0x80), (0x3D, 0x81), (0x3E, 0x82), (0x3F, 0x83)];
    let mut code: Vec<u8> = choices.iter().flat_map(|&(register, block)| [0xA9, block, 0x85, register]).collect();
    code.extend([0x4C, 0x00, 0xF0]);
    image[last_block..][..code.len()].copy_from_slice(&code);
    image[last_block + 1020..][..2].copy_from_slice(&[0x00, 0xFC]);
    image
}

/// Plays two consoles, one with translated code, and compares them after every frame. Each has an image of its own, so
/// they share nothing. Returns how many instructions translated code executed.
fn compare(image: impl Fn() -> CartridgeImage, frames: u32, what: &str) -> u64 {
    let [mut translated, mut interpreted] = [Translation::Eager, Translation::Off]
        .map(|translation| Environment::new(&image(), Settings::default().with_translation(translation)));
    for frame in 0..frames {
        let action = Action::ALL[frame as usize * 7 / 4 % 18];
        translated.act(action);
        interpreted.act(action);
        // RAM, registers, cycles, the chips.
        assert!(translated.save() == interpreted.save(), "{what}: state in frame {frame}");
        if frame % 3 == 0 {
            assert!(translated.screen() == interpreted.screen(), "{what}: screen in frame {frame}");
        }
    }
    translated.executed_by_translated_code()
}

#[test]
fn translated_code_ends_as_interpreted_code_does() {
    let executed: u64 = (0..80)
        .map(|seed| compare(|| image_of(Scheme::FourK, &random_image(seed, 1, &[])), 40, &format!("seed {seed}")))
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
        (Scheme::Mb, 16, &[0xFFF0]),
    ] {
        let executed: u64 = (0..15)
            .map(|seed| {
                let image = || image_of(scheme, &random_image(1_000 + seed, banks, hot_spots));
                compare(image, 25, &format!("{scheme}, seed {seed}"))
            })
            .sum();
        // Only FE, where address line 13 chooses the bank, is interpreted throughout.
        assert_eq!(executed > 20_000, scheme != Scheme::Fe, "{scheme}: {executed} instructions");
    }
}

#[test]
fn a_megacart_is_translated_as_it_is_interpreted() {
    let executed: u64 = (0..15)
        .map(|seed| compare(|| image_of(Scheme::Mc, &random_megacart(2_000 + seed)), 25, &format!("MC, seed {seed}")))
        .sum();
    assert!(executed > 20_000, "{executed} instructions");
}

#[test]
fn the_game_that_comes_with_the_crate_plays_the_same() {
    let executed = compare(CartridgeImage::bricks, 600, "bricks");
    assert!(executed > 500_000, "translated code executed {executed} instructions only");
}

/// An image whose program loops to $F00F, and after about 20,000 instructions jumps to the JAM just before that address.
fn jamming_image() -> CartridgeImage {
    #[rustfmt::skip]
    let program = [
        0xA0, 0x1A,       // F000 LDY #26
        0xA2, 0x00,       // F002 LDX #0
        0x4C, 0x0F, 0xF0, // F004 JMP $F00F
        0x88,             // F007 DEY
        0xD0, 0xF8,       // F008 BNE $F002
        0xEA, 0xEA, 0xEA, 0xEA,
        0x02,             // F00E JAM
        0xE6, 0x80,       // F00F INC $80
        0xCA,             // F011 DEX
        0xD0, 0xFB,       // F012 BNE $F00F
        0x4C, 0x07, 0xF0, // F014 JMP $F007
    ];
    let mut bytes = vec![0xEA; 0x1000];
    bytes[..program.len()].copy_from_slice(&program);
    bytes[0xFFA..].copy_from_slice(&[0x00, 0xF0].repeat(3));
    image_of(Scheme::FourK, &bytes)
}

#[test]
fn a_jammed_console_stays_jammed_where_translated_code_can_be_entered() {
    let executed = compare(jamming_image, 5, "a loop behind a JAM");
    assert!(executed > 10_000, "translated code executed {executed} instructions only");
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
        let mut environment = Environment::new(&image, Settings::default().with_translation(Translation::Off));
        play(&mut environment);
        environment.save()
    };
    std::thread::scope(|scope| {
        for translation in [Translation::Usual, Translation::Eager, Translation::Usual, Translation::Eager] {
            let (image, expected) = (image.clone(), &expected);
            scope.spawn(move || {
                let mut environment = Environment::new(&image, Settings::default().with_translation(translation));
                play(&mut environment);
                assert!(environment.save() == *expected);
            });
        }
    });
}

#[test]
fn translated_code_stays_when_its_image_and_the_console_that_translated_it_are_gone() {
    let [mut translated, mut interpreted] = [(); 2].map(|()| {
        let settings = Settings::default().with_translation(Translation::Eager);
        let mut environment = Environment::new(&CartridgeImage::bricks(), settings);
        play(&mut environment);
        environment
    });
    interpreted.set_translation(Translation::Off);
    translated = translated.clone();
    play(&mut translated);
    play(&mut interpreted);
    assert!(translated.executed_by_translated_code() > 500_000);
    assert!(translated.save() == interpreted.save());
}

/// An image whose program executes `nops` NOPs, an opcode that only the interpreter knows, and starts again. It ends no
/// frame, so every update executes exactly as many instructions as it may.
fn straight_image(nops: usize) -> CartridgeImage {
    let mut bytes = vec![0xEA; nops];
    bytes.extend([0x0B, 0x00, 0x4C, 0x00, 0xF0]);
    bytes.resize(0x1000, 0x02);
    bytes[0xFFA..].copy_from_slice(&[0x00, 0xF0].repeat(3));
    image_of(Scheme::FourK, &bytes)
}

#[test]
fn a_piece_as_long_as_the_window_executes_no_instruction_too_many() {
    let executed: u64 = (4_075..=4_085)
        .map(|nops| {
            assert!(region_of(&straight_image(nops), &[0xF000]).size > nops);
            compare(|| straight_image(nops), 15, &format!("{nops} NOPs"))
        })
        .sum();
    assert!(executed > 1_000_000, "translated code executed {executed} instructions only");
}

/// The region around `roots` if jumps went everywhere.
fn region_of(image: &CartridgeImage, roots: &[u16]) -> Region {
    let mut cartridge = image.cartridge();
    cartridge.reset(&mut MersenneTwister::new(1), 0);
    Region::around(roots, &cartridge, |_| true)
}

/// The most instructions executed from the start of a block to the head of a loop or to an exit of the region. `None`
/// in `longest` marks a block that is still being searched: reaching it again would execute an instruction twice.
fn longest_way(
    region: &Region,
    blocks: &HashMap<u16, &Block>,
    longest: &mut HashMap<u16, Option<usize>>,
    from: u16,
) -> usize {
    match longest.get(&from) {
        Some(Some(known)) => return *known,
        Some(None) => panic!("a loop without a head at {from:04x}"),
        None => {}
    }
    longest.insert(from, None);
    let block = blocks[&from];
    let mut behind = 0;
    for target in region.successors(block) {
        if blocks.contains_key(&target) && !region.heads.contains(&target) {
            behind = behind.max(longest_way(region, blocks, longest, target));
        }
    }
    let way = block.instructions.len() + behind;
    longest.insert(from, Some(way));
    way
}

/// Translated code subtracts from the count of instructions that may still be executed, but checks it only at heads,
/// where it is at least [`MOST_BETWEEN_LOOKS`]. The count must not pass 0 before the next head.
#[test]
fn fewer_instructions_lie_between_two_looks_than_may_be_executed() {
    let mut longest_of_all = 0;
    for seed in 0..200 {
        let mut random = Random(MersenneTwister::new(seed));
        let image = image_of(Scheme::FourK, &random_image(seed, 1, &[]));
        let roots: Vec<u16> = (0..1 + random.below(12)).map(|_| 0xF000 | random.below(0x1000) as u16).collect();
        let region = region_of(&image, &roots);
        assert!(region.size < MOST_BETWEEN_LOOKS as usize);
        let blocks: HashMap<u16, &Block> = region.blocks.iter().map(|block| (block.start, block)).collect();
        let mut longest = HashMap::new();
        for block in &region.blocks {
            let way = longest_way(&region, &blocks, &mut longest, block.start);
            assert!(way <= region.size, "seed {seed}: {way} instructions from {:04x}", block.start);
            longest_of_all = longest_of_all.max(way);
        }
    }
    assert!(longest_of_all > 100, "no way is longer than {longest_of_all} instructions");
}
