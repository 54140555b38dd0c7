//! Games A to D.

use super::{
    blank_is_zero, last_frame_unscored, ActionSet, Game, GameState, Lives, Memory, Modes, Properties, Reward, Switches,
};
use crate::action::Action;

pub(super) static GAMES: &[Game] = &[
    Game {
        name: "adventure",
        md5: "4b27f5397c442d25f0c418ccdacf1926",
        last_read: |ram, _| ram[0xE0],
        terminal: |ram| adventure_won(ram) || ram[0xE0] == 2,
        // One life, reported even after the dragon has eaten it.
        lives: Lives::CountedToTheEnd(|_| 1),
        initial: GameState::with_lives(1),
        // Once won, every frame gives 1.
        adjust: Some(|state, old, ram| state.reward = old.reward.max(i32::from(adventure_won(ram)))),
        modes: Modes::Custom { available: &[0, 1, 2], choose: choose_adventure_mode },
        difficulties: &[0, 1, 2, 3],
        ..Game::ORDINARY
    },
    Game {
        name: "air_raid",
        md5: "35be55426c1fec32dfb503b4f0651572",
        last_read: |ram, _| ram[0xA7],
        minimal_actions: ActionSet::of(&[0, 1, 3, 4, 11, 12]),
        score: |ram| ram.digits3(0xAA, 0xA9, 0xA8),
        terminal: |ram| ram[0xA7] == 0xFF,
        lives: Lives::One,
        start: &[(1, Action::Fire)],
        modes: Modes::Custom {
            available: &[1, 2, 3, 4, 5, 6, 7, 8],
            choose: |console, _| {
                // The first press opens the panel.
                console.press_select(20);
                console.select_until(|ram, mode| u32::from(ram[0xAA]) == mode, 10);
            },
        },
        ..Game::ORDINARY
    },
    Game {
        name: "alien",
        md5: "f1a0a23e6464d954e3a9579c4ccd01c8",
        last_read: |ram, _| ram[0xC0],
        // Five digits, each times eight in a byte of its own; $80 is a blank.
        score: |ram| {
            let digit = |address| if ram[address] == 0x80 { 0 } else { ram.byte(address) >> 3 };
            10 * [0x83, 0x85, 0x87, 0x89, 0x8B].into_iter().fold(0, |sum, address| 10 * sum + digit(address))
        },
        terminal: |ram| ram[0xC0] & 15 == 0,
        lives: Lives::CountedToTheEnd(|ram| ram.byte(0xC0) & 15),
        initial: GameState::with_lives(3),
        modes: Modes::Shown { available: &[0, 1, 2, 3], address: 0x81, press_frames: 1 },
        difficulties: &[0, 1, 2, 3],
        ..Game::ORDINARY
    },
    Game {
        name: "amidar",
        md5: "acb7750b4d0c4bd34969802a7deb2990",
        last_read: |ram, _| ram[0xD6],
        minimal_actions: ActionSet::of(&[0, 1, 2, 3, 4, 5, 10, 11, 12, 13]),
        score: |ram| ram.digits3(0xD9, 0xDA, 0xDB),
        terminal: |ram| ram[0xD6] == 0x80,
        // ALE takes the whole nibble: three lives read as 11, the last as 8.
        lives: Lives::Counted(|ram| ram.byte(0xD6) & 15),
        initial: GameState::with_lives(3),
        difficulties: &[0, 3],
        properties: Properties { difficulty_a: true, ..Properties::DEFAULT },
        ..Game::ORDINARY
    },
    Game {
        name: "assault",
        md5: "de78b3a064d374390ac0710f95edde92",
        last_read: |ram, _| ram[0xE5],
        minimal_actions: ActionSet::of(&[0, 1, 2, 3, 4, 11, 12]),
        score: |ram| ram.digits3(0x82, 0x81, 0x80),
        terminal: |ram| ram[0xE5] == 0,
        lives: Lives::Counted(|ram| ram.byte(0xE5)),
        initial: GameState::with_lives(4),
        ..Game::ORDINARY
    },
    Game {
        name: "asterix",
        md5: "89a68746eff7f266bbf08de2483abe55",
        last_read: |ram, _| ram[0xC7],
        minimal_actions: ActionSet::of(&[0, 2, 3, 4, 5, 6, 7, 8, 9]),
        score: |ram| ram.digits3(0xE0, 0xDF, 0xDE),
        terminal: |ram| ram[0xC7] == 1 && ram[0xD3] & 15 == 1,
        lives: Lives::Counted(|ram| ram.byte(0xD3) & 15),
        initial: GameState::with_lives(3),
        start: &[(1, Action::Fire)],
        ..Game::ORDINARY
    },
    Game {
        name: "asteroids",
        md5: "ccbd36746ed4525821a8083b0d6d2c2c",
        last_read: |ram, _| ram[0xBC],
        minimal_actions: ActionSet::of(&[0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15]),
        score: |ram| 10 * ram.digits2(0xBE, 0xBD),
        // The score wraps after 99,990.
        reward: Reward::Adjusted(|difference| if difference < 0 { difference + 100_000 } else { difference }),
        terminal: |ram| ram[0xBC] >> 4 == 0,
        lives: Lives::Counted(|ram| ram.byte(0xBC) >> 4),
        initial: GameState::with_lives(4),
        modes: Modes::Shown { available: &ASTEROIDS_MODES, address: 0x80, press_frames: 2 },
        difficulties: &[0, 3],
        properties: Properties { hmove_blanks: false, ..Properties::DEFAULT },
        ..Game::ORDINARY
    },
    Game {
        name: "atlantis",
        md5: "9ad36e699ef6f45d9eb6c4cf90475c9f",
        last_read: |ram, _| ram[0xF1],
        minimal_actions: ActionSet::of(&[0, 1, 11, 12]),
        score: |ram| 100 * ram.digits3(0xA2, 0xA3, 0xA1),
        terminal: |ram| ram[0xF1] == 0xFF,
        lives: Lives::Counted(|ram| ram.byte(0xF1)),
        initial: GameState::with_lives(6),
        adjust: Some(last_frame_unscored),
        modes: Modes::Shown { available: &[0, 1, 2, 3], address: 0x8D, press_frames: 2 },
        ..Game::ORDINARY
    },
    Game {
        name: "atlantis2",
        md5: "826481f6fc53ea47c9f272f7050eedf7",
        last_read: |ram, state| if state.terminal { ram[0xF1] } else { ram[0xA3] },
        minimal_actions: ActionSet::of(&[0, 1, 11, 12]),
        // The bytes are in another order than in Atlantis.
        score: |ram| ram.digits3(0xA1, 0xA2, 0xA3),
        terminal: |ram| ram[0xF1] == 0xFF,
        // ALE leaves the number before the first frame undefined; 0 never truncates an episode.
        lives: Lives::Counted(|ram| ram.byte(0xF1)),
        ale_saves_lives: false,
        adjust: Some(last_frame_unscored),
        ..Game::ORDINARY
    },
    Game {
        name: "backgammon",
        md5: "8556b42aa05f94bc29ff39c39b11bff4",
        last_read: |ram, _| ram[0x9B],
        minimal_actions: ActionSet::of(&[1, 3, 4]),
        lives: Lives::One,
        // Once decided, the game stays over.
        adjust: Some(|state, old, ram| {
            let winner = backgammon_winner(ram);
            state.reward = if winner == 0 { old.reward } else { winner };
            state.terminal = old.terminal || winner != 0;
        }),
        // ALE's mode 0 is the cartridge's game 3.
        modes: Modes::Select { available: &[0], reached: |ram, _| ram[0xDC] == 3, press_frames: 1 },
        // The cartridge's difficulty 0, in which a new console starts nevertheless, is the board set-up.
        difficulties: &[3],
        properties: Properties { left_paddles: true, paddle_max: 1_000_000, ..Properties::DEFAULT },
        ..Game::ORDINARY
    },
    Game {
        name: "bank_heist",
        md5: "00ce0bdd43aed84a983bef38fe7f5ee3",
        last_read: |ram, _| ram[0xD5],
        score: |ram| ram.digits3(0xDA, 0xD9, 0xD8),
        terminal: |ram| ram[0xCE] == 1 && ram[0xD5] == 0,
        lives: Lives::Counted(|ram| ram.byte(0xD5)),
        // A game starts with 4.
        initial: GameState::with_lives(5),
        modes: Modes::Shown { available: &[0, 4, 8, 12, 16, 20, 24, 28], address: 0x80, press_frames: 1 },
        difficulties: &[0, 1, 2, 3],
        ..Game::ORDINARY
    },
    Game {
        name: "basic_math",
        md5: "819aeeb9a2e11deb54e6de334f843894",
        last_read: |ram, _| ram[0x86],
        minimal_actions: ActionSet::of(&[0, 1, 2, 3, 4, 5]),
        score: |ram| ram.digits(0x84),
        terminal: |ram| ram[0x86] != 0,
        lives: Lives::One,
        modes: Modes::Shown { available: &[5, 6, 7, 8], address: 0xC5, press_frames: 2 },
        difficulties: &[0, 2, 3],
        ..Game::ORDINARY
    },
    Game {
        name: "battle_zone",
        md5: "41f252a66c6301f1e8ab3612c19bc5d4",
        last_read: |ram, _| ram[0xBA],
        // Three digits, in thousands: the high nibble of one byte and both of the next.
        score: |ram| {
            let digits = [ram[0x9E] >> 4, ram[0x9E] & 15, ram[0x9D] >> 4].map(blank_is_zero);
            1000 * digits.into_iter().fold(0, |sum, digit| 10 * sum + digit)
        },
        terminal: |ram| ram[0xBA] & 15 == 0,
        lives: Lives::Counted(|ram| ram.byte(0xBA) & 15),
        initial: GameState::with_lives(5),
        modes: Modes::Shown { available: &[1, 2, 3], address: 0xA1, press_frames: 2 },
        properties: Properties { hmove_blanks: false, ..Properties::DEFAULT },
        ..Game::ORDINARY
    },
    Game {
        name: "beam_rider",
        md5: "79ab4123a83dc11d468fb2108ea09e2e",
        last_read: |ram, _| ram[0x85],
        minimal_actions: ActionSet::of(&[0, 1, 2, 3, 4, 6, 7, 11, 12]),
        score: |ram| ram.digits3(0x89, 0x8A, 0x8B),
        terminal: |ram| ram[0x85] == 0xFF,
        lives: Lives::Counted(|ram| ram.byte(0x85) + 1),
        initial: GameState::with_lives(3),
        // A lost life counts only when the game shows it.
        adjust: Some(|state, old, ram| {
            if state.lives == old.lives - 1 && ram[0x8C] != 1 {
                state.lives = old.lives;
            }
        }),
        start: &[(1, Action::Right)],
        difficulties: &[0, 1],
        ..Game::ORDINARY
    },
    Game {
        name: "berzerk",
        md5: "136f75c4dd02c29283752b7e5799f978",
        last_read: |ram, _| ram[0xDA],
        score: |ram| ram.digits3(0xDF, 0xDE, 0xDD),
        terminal: |ram| ram[0xDA] == 0xFF,
        lives: Lives::Counted(|ram| ram.byte(0xDA) + 1),
        initial: GameState::with_lives(3),
        modes: Modes::Custom {
            // Games 1 to 12 of the manual in decimal digits: 16 is $10.
            available: &[1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 18],
            choose: |console, _| {
                for _ in 0..20 {
                    console.hold(Action::Noop);
                }
                console.select_until(|ram, mode| u32::from(ram[0x80]) == mode, 2);
            },
        },
        ..Game::ORDINARY
    },
    Game {
        name: "blackjack",
        md5: "0a981c03204ac2b278ba392674682560",
        last_read: |ram, _| ram[0x86],
        minimal_actions: ActionSet::of(&[0, 1, 2, 5]),
        score: |ram| if blackjack_bust(ram) { 0 } else { ram.digits2(0x89, 0x86) },
        terminal: |ram| blackjack_bust(ram) || ram.digits2(0x89, 0x86) >= 1000,
        lives: Lives::One,
        difficulties: &[0, 1, 2, 3],
        properties: Properties { left_paddles: true, paddle_max: 795_000, ..Properties::DEFAULT },
        ..Game::ORDINARY
    },
    Game {
        name: "bowling",
        md5: "c9b7afad3bfd922e006a6bfc1d4f3fe7",
        last_read: |ram, _| ram[0xA4],
        minimal_actions: ActionSet::of(&[0, 1, 2, 5, 10, 13]),
        score: |ram| ram.digits2(0xA1, 0xA6),
        terminal: |ram| ram[0xA4] > 0x10,
        modes: Modes::Shown { available: &[0, 2, 4], address: 0x82, press_frames: 2 },
        difficulties: &[0, 1],
        ..Game::ORDINARY
    },
    Game {
        name: "boxing",
        md5: "c3ef5c4653212088eda54dc91d787870",
        // ALE looks at the clock only if nobody was knocked out.
        last_read: |ram, _| if boxing_points(ram).contains(&100) { ram[0x93] } else { ram[0x91] },
        score: |ram| {
            let [mine, theirs] = boxing_points(ram);
            mine - theirs
        },
        terminal: |ram| boxing_points(ram).contains(&100) || (ram[0x90] >> 4 == 0 && ram.digits(0x91) == 0),
        difficulties: &[0, 1, 2, 3],
        ..Game::ORDINARY
    },
    Game { name: "breakout", md5: "f34f08e5eb96e500e851a80be3277a56", ..BRICK_GAME },
    Game {
        // Our own cartridge keeps its score and balls where Breakout does, so that ALE can run it as one.
        name: "bricks",
        md5: "d11609f578486261116c3b2294524669",
        properties: Properties::DEFAULT,
        modes: Modes::Single,
        difficulties: &[0],
        ..BRICK_GAME
    },
    Game {
        name: "carnival",
        md5: "028024fb8e5e5f18ea586652f9799c96",
        last_read: |ram, _| ram[0x83],
        minimal_actions: ActionSet::of(&[0, 1, 3, 4, 11, 12]),
        score: |ram| 10 * ram.digits2(0xAE, 0xAD),
        // Out of ammunition.
        terminal: |ram| ram[0x83] == 0,
        properties: Properties { first_scanline: 26, height: 214, ..Properties::DEFAULT },
        ..Game::ORDINARY
    },
    Game {
        name: "casino",
        md5: "b816296311019ab69a21cb9e9e235d12",
        last_read: |ram, _| ram[0x9E],
        minimal_actions: ActionSet::of(&[0, 1, 2, 5]),
        score: |ram| ram.digits2(0x95, 0x8C),
        lives: Lives::One,
        adjust: Some(adjust_casino),
        start: &[(60, Action::Noop), (2, Action::Fire)],
        modes: Modes::Shown { available: &[0, 2, 3], address: 0xD4, press_frames: 2 },
        difficulties: &[0, 1, 2, 3],
        properties: Properties { left_paddles: true, ..Properties::DEFAULT },
        ..Game::ORDINARY
    },
    Game {
        name: "centipede",
        md5: "91c2098e88a6b13f977af8c003e0bca5",
        last_read: |ram, _| ram[0xA6],
        score: |ram| ram.digits3(0xF6, 0xF5, 0xF4),
        reward: Reward::Adjusted(|difference| difference.max(0)),
        terminal: |ram| ram[0xA6] & 0x40 != 0,
        lives: Lives::Counted(|ram| (ram.byte(0xED) >> 4 & 7) + 1),
        initial: GameState::with_lives(3),
        modes: Modes::Shown { available: &[0x16, 0x56], address: 0xA7, press_frames: 2 },
        ..Game::ORDINARY
    },
    Game {
        name: "chopper_command",
        md5: "c1cb228470a87beb5f36e90ac745da26",
        last_read: |ram, _| ram[0xC2],
        score: |ram| 100 * ram.digits2(0xEE, 0xEC),
        lives: Lives::CountedToTheEnd(|ram| ram.byte(0xE4) & 15),
        initial: GameState::with_lives(3),
        // Before the first game there are no lives either: memory[0] is set once a game has started.
        adjust: Some(|state, old, ram| {
            state.memory[0] = old.memory[0] | i32::from(ram[0xC2] & 1);
            state.terminal = state.memory[0] != 0 && ram[0xE4] & 15 == 0;
        }),
        modes: Modes::Shown { available: &[0, 2], address: 0xE0, press_frames: 2 },
        difficulties: &[0, 1],
        ..Game::ORDINARY
    },
    Game {
        name: "crazy_climber",
        md5: "55ef7b65066428367844342ed59f956c",
        last_read: |ram, _| ram[0xAA],
        minimal_actions: ActionSet::of(&[0, 2, 3, 4, 5, 6, 7, 8, 9]),
        // One digit in a byte.
        score: |ram| 100 * [0x85, 0x84, 0x83, 0x82].into_iter().fold(0, |sum, address| 10 * sum + ram.byte(address)),
        reward: Reward::Adjusted(|difference| difference.max(0)),
        terminal: |ram| ram[0xAA] == 0,
        lives: Lives::Counted(|ram| ram.byte(0xAA)),
        initial: GameState::with_lives(5),
        modes: Modes::Shown { available: &[0, 1, 2, 3], address: 0x80, press_frames: 2 },
        difficulties: &[0, 1],
        ..Game::ORDINARY
    },
    Game {
        name: "crossbow",
        md5: "8cd26dcf249456fe4aeb8db42d49df74",
        last_read: |ram, _| ram[0xE7],
        score: |ram| ram.digits3(0x8D, 0x8C, 0x8B),
        terminal: |ram| ram[0xE7] == 0x82,
        lives: Lives::One,
        modes: Modes::Select {
            available: &[0, 2, 4, 6],
            reached: |ram, mode| u32::from(ram[0x8D].wrapping_sub(1)) == mode,
            press_frames: 2,
        },
        difficulties: &[0, 1],
        ..Game::ORDINARY
    },
    Game {
        name: "darkchambers",
        md5: "106855474c69d08c8ffa308d47337269",
        // On a lower level the game is over, and ALE reads no more.
        last_read: |ram, state| if ram.byte(0xD5) < state.memory[0] { ram[0xD5] } else { ram[0xCA] },
        score: |ram| 10 * ram.digits2(0xCC, 0xCF),
        lives: Lives::One,
        adjust: Some(adjust_darkchambers),
        start: &[(486, Action::Noop)],
        properties: Properties { hmove_blanks: false, ..Properties::DEFAULT },
        ..Game::ORDINARY
    },
    Game {
        name: "defender",
        md5: "0f643c34e40e3f1daafd9c524d3ffe64",
        last_read: |ram, _| ram[0xC2],
        // Six digits, one in a byte.
        score: |ram| (0x9C..=0xA1).rev().fold(0, |sum, address| 10 * sum + ram.digit_or_blank(address)),
        terminal: |ram| ram[0xC2] == 0,
        lives: Lives::Counted(|ram| ram.byte(0xC2)),
        initial: GameState::with_lives(3),
        // Decimal digits: 16 is game 10.
        modes: Modes::Shown { available: &[1, 2, 3, 4, 5, 6, 7, 8, 9, 16], address: 0x9B, press_frames: 2 },
        difficulties: &[0, 1],
        ..Game::ORDINARY
    },
    Game {
        name: "demon_attack",
        md5: "f0e0addc07971561ab80d9abe1b8d333",
        last_read: |ram, _| ram[0xF1],
        minimal_actions: ActionSet::of(&[0, 1, 3, 4, 11, 12]),
        // Before a game, the score bytes hold this pattern.
        score: |ram| match [ram[0x81], ram[0x83], ram[0x85]] {
            [0xAB, 0xCD, 0xEA] => 0,
            _ => ram.digits3(0x85, 0x83, 0x81),
        },
        terminal: |ram| ram[0xF2] == 0 && ram[0xF1] == 0xBD,
        lives: Lives::Counted(|ram| ram.byte(0xF2) + 1),
        initial: GameState::with_lives(4),
        // After a reset the game is over at once in modes 3, 5 and 7: they cannot be played in ALE.
        modes: Modes::Shown { available: &[1, 3, 5, 7], address: 0xEA, press_frames: 1 },
        difficulties: &[0, 1],
        ..Game::ORDINARY
    },
    Game {
        name: "donkey_kong",
        md5: "36b20c427975760cb9cf4a47e41369e4",
        last_read: |ram, _| ram[0xA3],
        score: |ram| 100 * ram.digits2(0x88, 0x87),
        terminal: |ram| ram[0xA3] == 0 && ram[0x8F] == 0x03 && ram[0x8B] == 0x1F,
        lives: Lives::Counted(|ram| ram.byte(0xA3)),
        initial: GameState::with_lives(2),
        ..Game::ORDINARY
    },
    Game {
        name: "double_dunk",
        md5: "368d88a6c071caba60b4f778615aae94",
        last_read: |ram, _| ram[0xFE],
        score: |ram| ram.digits(0xF6) - ram.digits(0xF7),
        terminal: |ram| (ram.digits(0xF6) >= 24 || ram.digits(0xF7) >= 24) && ram[0xFE] == 0xE7,
        start: &[(1, Action::UpFire)],
        modes: Modes::Custom {
            available: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
            choose: choose_double_dunk_mode,
        },
        ..Game::ORDINARY
    },
];

/// Breakout's rules.
const BRICK_GAME: Game = Game {
    minimal_actions: ActionSet::of(&[0, 1, 3, 4]),
    score: |ram| ram.digits(0xCD) + 100 * (ram.byte(0xCC) & 15),
    lives: Lives::Counted(|ram| ram.byte(0xB9)),
    initial: GameState::with_lives(5),
    // Before the first game the ball count is 0 as well: a game is over only if it had five balls before.
    adjust: Some(|state, old, ram| {
        state.memory[0] = i32::from(old.memory[0] != 0 || ram[0xB9] == 5);
        state.terminal = state.memory[0] != 0 && ram[0xB9] == 0;
    }),
    modes: Modes::Shown { available: &[0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44], address: 0xB2, press_frames: 1 },
    difficulties: &[0, 1],
    properties: Properties { left_paddles: true, ..Properties::DEFAULT },
    ..Game::ORDINARY
};

/// 0 to 31, and 128 for the children's game.
const ASTEROIDS_MODES: [u32; 33] = {
    let mut modes = [128; 33];
    let mut mode = 0;
    while mode < 32 {
        modes[mode as usize] = mode;
        mode += 1;
    }
    modes
};

/// The chalice is in the golden castle.
fn adventure_won(ram: &Memory) -> bool {
    ram[0xB9] == 0x12
}

/// Holds SELECT for a random time: in the third variant, nothing else makes the objects' places random.
fn choose_adventure_mode(console: &mut dyn Switches, mode: u32) {
    let shown = |console: &dyn Switches| u32::from(console.memory()[0xDD] >> 1 & 3);
    while shown(console) != mode && !console.gives_up() {
        let frames = 2 + console.draw() % 256;
        console.press_select(frames);
        console.hold(Action::Noop);
    }
    console.soft_reset();
}

/// 1 when all fifteen pieces of the player are off the board, -1 when all of the computer's are. 0 while neither has
/// won, or when the board shows another number of pieces.
fn backgammon_winner(ram: &Memory) -> i32 {
    // Pieces on a point: negative for the player, positive for the computer. All sums are ALE's eight-bit ones.
    let pieces = |address: u8| ram[address] as i8;
    let points = || (0x81..=0x9B).filter(|&address| address != 0x8E).map(pieces);
    let player_out = pieces(0x80).wrapping_neg();
    let computer_out = pieces(0x8E);
    let player_in = points().filter(|&n| n < 0).fold(0i8, i8::wrapping_sub);
    let computer_in = points().filter(|&n| n > 0).fold(0i8, i8::wrapping_add);
    let total = |inside: i8, out: i8| i32::from(inside) + i32::from(out);
    let valid = total(player_in, player_out) == 15 && total(computer_in, computer_out) == 15;
    match (player_out, computer_out) {
        (15, _) if valid => 1,
        (_, 15) if valid => -1,
        _ => 0,
    }
}

/// Whether the score line shows a word instead of a number.
fn blackjack_bust(ram: &Memory) -> bool {
    ram[0x86] == 0x0B && ram[0x89] == 0xBB
}

/// Points of the player and of the opponent; a knock-out shows as $C0 and is worth 100.
fn boxing_points(ram: &Memory) -> [i32; 2] {
    [0x92, 0x93].map(|address| if ram[address] == 0xC0 { 100 } else { ram.digits(address) })
}

/// Card games end when the player is broke, or when the cards are down. While the cards are down, each frame repeats
/// the last reward. Variant 3 (solitaire poker) has its own sign of the end.
fn adjust_casino(state: &mut GameState, old: &GameState, ram: &Memory) {
    if ram[0xD4] == 3 {
        state.terminal = state.score > 0 && ram[0x9E] == 0xAA;
        return;
    }
    let locked = ram[0xD3] & 0x80 != 0;
    if locked {
        state.reward = old.reward;
    }
    state.terminal = state.score == 0 || (ram.digits(0x9E) > 0 && locked);
}

/// The game is over when level or score fall back, or when health is gone: there is no other sign. `memory[0]` is the
/// level.
fn adjust_darkchambers(state: &mut GameState, old: &GameState, ram: &Memory) {
    let level = ram.byte(0xD5);
    let fell_back = level < old.memory[0] || state.score < old.score;
    state.memory[0] = level.max(old.memory[0]);
    if fell_back {
        state.reward = 0;
        state.score = old.score;
    }
    let exhausted = level >= old.memory[0] && ram[0xCA] & 0x1F == 0;
    state.terminal = old.terminal || fell_back || exhausted;
}

/// Sets the four options of the menu, one for each bit of `mode`.
fn choose_double_dunk_mode(console: &mut dyn Switches, mode: u32) {
    // Where the menu's cursor is, and the options chosen.
    const CURSOR: u8 = 0xB0;
    const OPTIONS: u8 = 0x80;
    // The menu takes an action only after the stick was released.
    fn push(console: &mut dyn Switches, action: Action, done: impl Fn(&Memory) -> bool) {
        while !done(&console.memory()) && !console.game_over() && !console.gives_up() {
            console.hold(action);
            console.hold(Action::Noop);
        }
    }
    fn next_line(console: &mut dyn Switches) {
        let line = console.memory()[CURSOR];
        push(console, Action::Down, |ram| ram[CURSOR] != line);
    }

    console.press_select(1);
    next_line(console);
    // Three-point shots, ten seconds, three seconds, fouls.
    for (bit, option) in [0x08, 0x10, 0x04, 0x20].into_iter().enumerate() {
        next_line(console);
        if mode >> bit & 1 == 1 {
            push(console, Action::Right, |ram| ram[OPTIONS] & option != 0);
        } else {
            push(console, Action::Left, |ram| ram[OPTIONS] & option == 0);
        }
    }
    console.soft_reset();
    console.hold(Action::UpFire);
    console.hold(Action::Noop);
}
