//! Games E to K.

use super::{two_digits, ActionSet, Game, GameState, Lives, Memory, Modes, Properties, Reward};
use crate::action::Action;

pub(super) static GAMES: &[Game] = &[
    Game {
        name: "earthworld",
        md5: "5aea9974b975a6a844e6df10d2b861c4",
        last_read: |ram, _| ram[0xA7],
        // Clues found.
        score: |ram| ram.digits(0xA7),
        terminal: |ram| ram.digits(0xA7) == 10,
        lives: Lives::One,
        ..Game::ORDINARY
    },
    Game {
        name: "elevator_action",
        md5: "71f8bacfbdca019113f3f0801849057e",
        last_read: |ram, _| ram[0x81],
        score: |ram| ram.digits3(0x89, 0x88, 0x87),
        terminal: |ram| ram[0x83] == 0 && ram[0x81] != 0,
        lives: Lives::Counted(|ram| ram.byte(0x83)),
        initial: GameState::with_lives(4),
        start: &[(16, Action::Fire)],
        ..Game::ORDINARY
    },
    Game {
        name: "enduro",
        md5: "94b92a882f6dbaa6993a46e2dcc58402",
        last_read: |ram, _| ram[0xAF],
        minimal_actions: ActionSet::of(&[0, 1, 3, 4, 5, 8, 9, 11, 12]),
        // Cars passed: 200 on the first day, 300 on every later one.
        score: |ram| {
            let cars_left = ram.digits2(0xAB, 0xAC);
            match ram.byte(0xAD) {
                0 => 0,
                1 => 200 - cars_left,
                day => 200 + 300 * (day - 2) + (300 - cars_left),
            }
        },
        terminal: |ram| ram[0xAF] == 0xFF,
        start: &[(1, Action::Fire)],
        ..Game::ORDINARY
    },
    Game {
        name: "entombed",
        md5: "6b683be69f92958abe0e2a9945157ad5",
        last_read: |ram, _| ram[0xC7],
        score: |ram| ram.byte(0xE3),
        terminal: |ram| ram[0xC7] & 3 == 0,
        lives: Lives::One,
        start: &[(1, Action::Fire), (5, Action::Noop)],
        difficulties: &[0, 2],
        ..Game::ORDINARY
    },
    Game {
        name: "et",
        md5: "615a3bf251a38eb6638cdc7ffbde5480",
        last_read: |ram, _| ram[0x80],
        score: |ram| ram.digits3(0xE1, 0xE0, 0xDF),
        terminal: |ram| ram[0xE5] == 0xFF && ram[0x80] == 8,
        // A signed byte in ALE.
        lives: Lives::Counted(|ram| i32::from(ram[0xE5].wrapping_add(1) as i8)),
        modes: Modes::Select {
            available: &[0, 1, 2],
            reached: |ram, mode| u32::from(ram[0xEA].wrapping_sub(1)) == mode,
            press_frames: 25,
        },
        difficulties: &[0, 1, 2, 3],
        ..Game::ORDINARY
    },
    Game {
        name: "fishing_derby",
        md5: "b8865f05676e64f3bec72b9defdacfa7",
        last_read: |ram, _| ram[0xBE],
        // Pounds of the player less pounds of the opponent.
        score: |ram| ram.digits(0xBD) - ram.digits(0xBE),
        terminal: |ram| ram[0xBD] == 0x99 || ram[0xBE] == 0x99,
        difficulties: &[0, 1, 2, 3],
        ..Game::ORDINARY
    },
    Game {
        name: "flag_capture",
        md5: "30512e0e83903fc05541d2f6a6a62654",
        last_read: |ram, _| ram[0xEB],
        score: |ram| ram.digits(0xEA),
        // Time is up.
        terminal: |ram| ram[0xEB] == 0,
        lives: Lives::One,
        modes: Modes::Shown { available: &[8, 9, 10], address: 0xD6, press_frames: 2 },
        ..Game::ORDINARY
    },
    Game {
        name: "freeway",
        md5: "8e0ab801b1705a740b476b7f588c6d16",
        last_read: |ram, _| ram[0x96],
        minimal_actions: ActionSet::of(&[0, 2, 5]),
        score: |ram| ram.digits(0xE7),
        reward: Reward::Adjusted(|difference| difference.clamp(0, 1)),
        terminal: |ram| ram[0x96] == 1,
        modes: Modes::Shown { available: &[0, 1, 2, 3, 4, 5, 6, 7], address: 0x80, press_frames: 1 },
        difficulties: &[0, 1],
        ..Game::ORDINARY
    },
    Game {
        name: "frogger",
        md5: "081e2c114c9c20b61acf25fc95c71bf4",
        last_read: |ram, _| ram[0xD0],
        minimal_actions: ActionSet::of(&[0, 2, 3, 4, 5]),
        score: |ram| ram.digits2(0xCE, 0xCC),
        terminal: |ram| ram[0xD0] == 0xFF,
        lives: Lives::Counted(|ram| ram.byte(0xD0)),
        initial: GameState::with_lives(4),
        // Even numbers are games for two.
        modes: Modes::Select {
            available: &[0, 1, 2],
            reached: |ram, mode| u32::from(ram[0xDD]) == 1 + 2 * mode,
            press_frames: 2,
        },
        difficulties: &[0, 1],
        ..Game::ORDINARY
    },
    Game {
        name: "frostbite",
        md5: "4ca73eb959299471788f0b685c3ba0b5",
        last_read: |ram, _| ram[0xF1],
        score: |ram| ram.digits3(0xCA, 0xC9, 0xC8),
        terminal: |ram| ram[0xCC] & 15 == 0 && ram[0xF1] & 0x80 != 0,
        lives: Lives::Counted(|ram| (ram.byte(0xCC) & 15) + 1),
        initial: GameState::with_lives(4),
        modes: Modes::Shown { available: &[0, 2], address: 0x80, press_frames: 1 },
        ..Game::ORDINARY
    },
    Game {
        name: "galaxian",
        md5: "211774f4c5739042618be8ff67351177",
        last_read: |ram, _| ram[0xB9],
        minimal_actions: ActionSet::of(&[0, 1, 3, 4, 11, 12]),
        score: |ram| ram.digits3(0xAE, 0xAD, 0xAC),
        // The score wraps after 999,999.
        reward: Reward::Adjusted(|difference| if difference < 0 { difference + 1_000_000 } else { difference }),
        terminal: |ram| ram[0xBF] & 0x80 != 0,
        lives: Lives::Counted(|ram| ram.byte(0xB9) + 1),
        initial: GameState::with_lives(3),
        modes: Modes::Shown { available: &[1, 2, 3, 4, 5, 6, 7, 8, 9], address: 0xB3, press_frames: 1 },
        difficulties: &[0, 1],
        ..Game::ORDINARY
    },
    Game {
        name: "gopher",
        md5: "c16c79aad6272baffb8aae9a7fff0864",
        last_read: |ram, _| ram[0xB4],
        minimal_actions: ActionSet::of(&[0, 1, 2, 3, 4, 10, 11, 12]),
        score: |ram| ram.digits3(0xB2, 0xB1, 0xB0),
        // A bit for each carrot.
        terminal: |ram| ram[0xB4] & 7 == 0,
        lives: Lives::Counted(|ram| (ram.byte(0xB4) & 7).count_ones() as i32),
        initial: GameState::with_lives(3),
        start: &[(1, Action::Fire)],
        modes: Modes::Custom {
            available: &[0, 2],
            choose: |environment, _| {
                environment.soft_reset();
                environment.select_until(|ram, mode| u32::from(ram[0xD3]) == mode, 5);
            },
        },
        difficulties: &[0, 1],
        ..Game::ORDINARY
    },
    Game {
        name: "gravitar",
        md5: "8ac18076d01a6b63acf6e2cab4968940",
        last_read: |ram, _| ram[0x84],
        score: |ram| ram.digits3(0x89, 0x88, 0x87),
        terminal: |ram| ram[0x81] == 1,
        lives: Lives::Counted(|ram| if ram[0x81] == 0 { 6 } else { ram.byte(0x84) + 1 }),
        initial: GameState::with_lives(6),
        start: &[(16, Action::Fire)],
        modes: Modes::Shown { available: &[0, 1, 2, 3, 4], address: 0x80, press_frames: 10 },
        ..Game::ORDINARY
    },
    Game {
        name: "hangman",
        md5: "f16c709df0a6c52f47ff52b9d95b7d8d",
        last_read: |ram, _| ram[0xF1],
        // Words of the player less words of the computer: an episode is one word.
        score: |ram| ram.digits(0xEB) - ram.digits(0xEC),
        lives: Lives::One,
        initial: GameState { memory: [-1, 0, 0, 0, 0, 0, 0], ..GameState::with_lives(0) },
        // memory[0] is the clock a frame ago. It ticks from 255 to 0 when time is up.
        adjust: Some(|state, old, ram| {
            state.memory[0] = ram.byte(0xF1);
            let timed_out = (old.memory[0], state.memory[0]) == (255, 0);
            state.terminal = state.reward != 0 || timed_out;
        }),
        modes: Modes::Shown { available: &[0, 1, 2, 3], address: 0xEE, press_frames: 2 },
        difficulties: &[0, 1],
        ..Game::ORDINARY
    },
    Game {
        name: "haunted_house",
        md5: "f0a6e99f5875891246c3dbecbf2d2cea",
        last_read: |ram, _| ram[0x99],
        // Matches used: -1 for each, and 100 for getting out with the urn.
        score: |ram| ram.digits(0x82),
        reward: Reward::Adjusted(|difference| if difference == 0 { 0 } else { -1 }),
        terminal: |ram| ram[0x96] == 0 || haunted_house_won(ram),
        lives: Lives::Counted(|ram| ram.byte(0x96)),
        initial: GameState::with_lives(9),
        adjust: Some(|state, _, ram| {
            if haunted_house_won(ram) {
                state.reward += 100;
            }
        }),
        modes: Modes::Shown { available: &[0, 1, 2, 3, 4, 5, 6, 7, 8], address: 0xCC, press_frames: 2 },
        difficulties: &[0, 1],
        ..Game::ORDINARY
    },
    Game {
        name: "hero",
        md5: "fca4a5be1251927027f2c24774a02160",
        last_read: |ram, _| ram[0xB3],
        score: |ram| ram.digits3(0xB9, 0xB8, 0xB7),
        terminal: |ram| ram[0xB3] == 0,
        lives: Lives::Counted(|ram| ram.byte(0xB3)),
        initial: GameState::with_lives(4),
        modes: Modes::Shown { available: &[0, 1, 2, 3, 4], address: 0x80, press_frames: 1 },
        ..Game::ORDINARY
    },
    Game {
        name: "human_cannonball",
        md5: "7972e5101fa548b952d852db24ad6060",
        last_read: |ram, _| ram[0xB7],
        score: |ram| ram.digits(0xB6),
        // Seven hits or seven misses.
        terminal: |ram| ram.digits(0xB6) == 7 || ram.digits(0xB7) == 7,
        lives: Lives::One,
        // While a variant is chosen, the score shows the variant and the misses show the number of players.
        modes: Modes::Select {
            available: &[0, 1, 2, 3, 4, 5, 6, 7],
            reached: |ram, mode| u32::from(ram[0xB6].wrapping_sub(1)) == mode && ram[0xB7] == 1,
            press_frames: 2,
        },
        difficulties: &[0, 1],
        ..Game::ORDINARY
    },
    Game {
        name: "ice_hockey",
        md5: "a4c08c4994eb9d24fb78be1793e82e26",
        last_read: |ram, _| ram[0x86],
        score: |ram| ram.digits(0x8A) - ram.digits(0x8B),
        reward: Reward::Adjusted(|difference| difference.min(1)),
        // Time is up.
        terminal: |ram| ram[0x87] == 0 && ram[0x86] == 0,
        modes: Modes::Shown { available: &[0, 2], address: 0x80, press_frames: 2 },
        difficulties: &[0, 1, 2, 3],
        ..Game::ORDINARY
    },
    Game {
        name: "jamesbond",
        md5: "e51030251e440cffaab1ac63438b44ae",
        last_read: |ram, _| ram[0x8C],
        score: |ram| ram.digits3(0xDC, 0xDD, 0xDE),
        terminal: |ram| ram[0x86] & 15 == 0 && ram[0x8C] == 0x68,
        lives: Lives::Counted(|ram| (ram.byte(0x86) & 15) + 1),
        initial: GameState::with_lives(6),
        // At times $48 is added to the number.
        modes: Modes::Select {
            available: &[0, 1],
            reached: |ram, mode| [mode, mode + 0x48].contains(&u32::from(ram[0x8C])),
            press_frames: 20,
        },
        ..Game::ORDINARY
    },
    Game {
        name: "journey_escape",
        md5: "718ae62c70af4e5fd8e932fee216948a",
        last_read: |ram, _| ram[0x96],
        minimal_actions: ActionSet::of(&[0, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17]),
        score: |ram| ram.digits3(0x92, 0x91, 0x90),
        // 50,000 is the cash a game starts with.
        reward: Reward::Adjusted(|difference| if difference == 50_000 { 0 } else { difference }),
        terminal: |ram| ram[0x95] == 0 && ram[0x96] == 0,
        start: &[(1, Action::Fire)],
        difficulties: &[0, 1],
        properties: Properties { height: 230, ..Properties::DEFAULT },
        ..Game::ORDINARY
    },
    Game {
        name: "kaboom",
        md5: "5428cdfada281c569c74c7308c7f2c26",
        last_read: |ram, _| ram[0xA1],
        minimal_actions: ActionSet::of(&[0, 1, 3, 4]),
        score: |ram| ram.digits3(0xA5, 0xA4, 0xA3),
        terminal: |ram| ram[0xA1] == 0 || ram.digits3(0xA5, 0xA4, 0xA3) == 999_999,
        lives: Lives::One,
        start: &[(1, Action::Fire)],
        properties: Properties { left_paddles: true, ..Properties::DEFAULT },
        ..Game::ORDINARY
    },
    Game {
        name: "kangaroo",
        md5: "4326edb70ff20d0ee5ba58fa5cb09d60",
        last_read: |ram, _| ram[0xAD],
        score: |ram| 100 * ram.digits2(0xA8, 0xA7),
        terminal: |ram| ram[0xAD] == 0xFF,
        lives: Lives::Counted(|ram| (ram.byte(0xAD) & 7) + 1),
        initial: GameState::with_lives(3),
        // The highest bit does not belong to the number.
        modes: Modes::Select {
            available: &[0, 1],
            reached: |ram, mode| u32::from(ram[0xBA] & 0x7F) == mode,
            press_frames: 2,
        },
        ..Game::ORDINARY
    },
    Game {
        name: "keystone_kapers",
        md5: "6c1f3f2e359dbf55df462ccbcdd2f6bf",
        last_read: |ram, _| ram[0x96],
        minimal_actions: ActionSet::of(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]),
        score: |ram| ram.digits2(0x9C, 0x9B),
        terminal: |ram| ram[0x96] == 0 && ram[0x88] == 0,
        lives: Lives::Counted(|ram| ram.byte(0x96)),
        initial: GameState::with_lives(3),
        start: &[(1, Action::Reset)],
        ..Game::ORDINARY
    },
    Game {
        name: "king_kong",
        md5: "0dd4c69b5f9a7ae96a7a08329496779a",
        last_read: |ram, _| ram[0xEE],
        minimal_actions: ActionSet::of(&[0, 1, 2, 3, 4, 5]),
        score: |ram| ram.digits2(0x83, 0x82),
        terminal: |ram| ram[0xEE] == 0,
        lives: Lives::Counted(|ram| ram.byte(0xEE)),
        initial: GameState::with_lives(3),
        // Odd numbers are games for two.
        modes: Modes::Select {
            available: &[0, 1, 2, 3],
            reached: |ram, mode| u32::from(ram[0xEC]) == 2 * mode,
            press_frames: 2,
        },
        ..Game::ORDINARY
    },
    Game {
        name: "klax",
        md5: "eed9eaf1a0b6a2b9bc4c8032cb43e3fb",
        // The only game that keeps its score on the cartridge.
        score: |ram| {
            let digits = |index| two_digits(ram.cartridge_byte(index));
            digits(0x34) + 100 * digits(0x35) + 10_000 * digits(0x36)
        },
        terminal: klax_over,
        lives: Lives::One,
        start: &[(1, Action::Fire), (1, Action::Noop)],
        modes: Modes::Select {
            available: &[0, 1, 2],
            reached: |ram, mode| u32::from(ram.cartridge_byte(0x6A)) == mode,
            press_frames: 2,
        },
        ..Game::ORDINARY
    },
    Game {
        name: "koolaid",
        md5: "534e23210dd1993c828d944c6ac4d9fb",
        last_read: |ram, _| ram[0xD1],
        minimal_actions: ActionSet::of(&[0, 2, 3, 4, 5, 6, 7, 8, 9]),
        score: |ram| 100 * ram.digits2(0x81, 0x80),
        terminal: |ram| ram[0xD1] == 0x80,
        ..Game::ORDINARY
    },
    Game {
        name: "krull",
        md5: "4baada22435320d185c95b7dd2bcdb24",
        last_read: |ram, _| ram[0x80],
        score: |ram| ram.digits3(0x9E, 0x9D, 0x9C),
        terminal: |ram| ram[0x9F] == 0 && ram[0xA2] == 3 && ram[0x80] == 0x80,
        lives: Lives::Counted(|ram| (ram.byte(0x9F) & 7) + 1),
        initial: GameState::with_lives(3),
        ..Game::ORDINARY
    },
    Game {
        name: "kung_fu_master",
        md5: "5b92a93b23523ff16e2789b820e2a4c5",
        last_read: |ram, _| ram[0x9D],
        minimal_actions: ActionSet::of(&[0, 2, 3, 4, 5, 8, 9, 11, 12, 13, 14, 15, 16, 17]),
        score: |ram| ram.digits3(0x9A, 0x99, 0x98),
        terminal: |ram| ram[0x9D] == 0xFF,
        lives: Lives::Counted(|ram| (ram.byte(0x9D) & 7) + 1),
        initial: GameState::with_lives(4),
        ..Game::ORDINARY
    },
];

/// The player has left the house with the urn.
fn haunted_house_won(ram: &Memory) -> bool {
    ram[0x99] == 0x44
}

/// Too many tiles dropped, or every place of the bin taken, or the last wave done.
fn klax_over(ram: &Memory) -> bool {
    let drops_allowed = ram.cartridge_byte(0x69);
    let drops_used_up = drops_allowed > 0 && ram.cartridge_byte(0x6E) == drops_allowed;
    let bin_full = ram[0xA8] == 4 && (0xB3..=0xCB).all(|place| !matches!(ram[place], 0 | 2 | 6 | 10 | 14));
    drops_used_up || bin_full || ram.cartridge_byte(0x1D) == 0x99
}
