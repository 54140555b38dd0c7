//! Games S to Z.

use super::{ActionSet, Game, GameState, Lives, Memory, Modes, Properties, Reward, Switches};
use crate::action::Action;

pub(super) static GAMES: &[Game] = &[
    Game {
        name: "seaquest",
        md5: "240bfbac5163af4df5ae713985386f92",
        last_read: |ram, _| ram[0xBB],
        score: |ram| ram.digits3(0xBA, 0xB9, 0xB8),
        terminal: |ram| ram[0xA3] != 0,
        lives: Lives::Counted(|ram| ram.byte(0xBB) + 1),
        initial: GameState::with_lives(4),
        difficulties: &[0, 1],
        ..Game::ORDINARY
    },
    Game {
        name: "sir_lancelot",
        md5: "dd0cbe5351551a538414fb9e37fc56e8",
        last_read: |ram, _| ram[0xA9],
        minimal_actions: ActionSet::of(&[0, 1, 3, 4, 11, 12]),
        score: |ram| ram.digits3(0xA0, 0x9F, 0x9E),
        terminal: |ram| ram[0xA9] == 0 && ram[0xA7] == 0xA0,
        lives: Lives::Counted(|ram| ram.byte(0xA9)),
        initial: GameState::with_lives(3),
        start: &[(1, Action::Reset), (1, Action::Left)],
        ..Game::ORDINARY
    },
    Game {
        name: "skiing",
        md5: "b76fbadc8ffb1f83e2ca08b6fb4d6c9f",
        last_read: |ram, _| ram[0x91],
        minimal_actions: ActionSet::of(&[0, 3, 4]),
        legal_actions: ActionSet::of(&[0, 2, 3, 4, 5, 6, 7, 8, 9]),
        // Hundredths of a second: minutes in binary, the rest in digits. Each costs 1.
        score: |ram| 6000 * ram.byte(0xE8) + ram.digits2(0xEA, 0xE9),
        reward: Reward::Adjusted(|difference| -difference),
        terminal: |ram| ram[0x91] == 0xFF,
        start: &[(16, Action::Down)],
        ..Game::ORDINARY
    },
    Game {
        name: "solaris",
        md5: "e72eb8d4410152bdcb69e7fba327b420",
        last_read: |ram, _| ram[0xD9],
        score: |ram| 10 * ram.digits3(0xDC, 0xDD, 0xDE),
        terminal: |ram| ram[0xD9] == 0,
        lives: Lives::Counted(|ram| ram.byte(0xD9) & 15),
        initial: GameState::with_lives(3),
        ..Game::ORDINARY
    },
    Game {
        name: "space_invaders",
        md5: "72ffbef6504b75e69ee1045af9075f66",
        last_read: |ram, _| ram[0x98],
        minimal_actions: ActionSet::of(&[0, 1, 3, 4, 11, 12]),
        score: |ram| ram.digits2(0xE8, 0xE6),
        // The score wraps after 9,999.
        reward: Reward::Adjusted(|difference| if difference < 0 { difference + 10_000 } else { difference }),
        terminal: |ram| ram[0x98] & 0x80 != 0 || ram[0xC9] == 0,
        lives: Lives::Counted(|ram| ram.byte(0xC9)),
        initial: GameState::with_lives(3),
        modes: Modes::Shown {
            available: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
            address: 0xDC,
            press_frames: 2,
        },
        difficulties: &[0, 1],
        ..Game::ORDINARY
    },
    Game {
        name: "space_war",
        md5: "b702641d698c60bcdc922dbd8c9dd49c",
        last_read: |ram, _| ram[0x80],
        score: |ram| ram.digits(0xA7),
        terminal: |ram| ram.digits(0xA7) == 10 || ram[0x80] == 0,
        lives: Lives::One,
        // The score shows the variant.
        modes: Modes::Select {
            available: &[6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17],
            reached: |ram, mode| ram.digits(0xA7) as u32 == mode,
            press_frames: 2,
        },
        ..Game::ORDINARY
    },
    Game {
        name: "star_gunner",
        md5: "a3c1c70024d7aabb41381adbfb6d3b25",
        last_read: |ram, _| ram[0x87],
        // Four digits, one in a byte.
        score: |ram| 100 * (0x83..=0x86).rev().fold(0, |sum, address| 10 * sum + ram.digit_or_blank(address)),
        terminal: |ram| ram[0x87] == 0,
        lives: Lives::Remembered,
        initial: GameState::with_lives(5),
        // memory[0] is set once a game has started, that is has shown five lives; until then the byte means nothing.
        adjust: Some(|state, old, ram| {
            state.memory[0] = i32::from(old.memory[0] != 0 || ram[0x87] == 5);
            state.lives = if state.memory[0] != 0 { ram.byte(0x87) & 15 } else { 5 };
        }),
        modes: Modes::Shown { available: &[0, 1, 2, 3], address: 0xF4, press_frames: 15 },
        ..Game::ORDINARY
    },
    Game {
        name: "superman",
        md5: "a9531c763077464307086ec9a1fd057d",
        last_read: |ram, _| ram[0x9F],
        // The clock in seconds. The last frame's reward is the time that remained until 99:59.
        score: |ram| 60 * ram.digits(0xE3) + ram.digits(0xE2),
        terminal: |ram| ram[0x9F] & 0x40 != 0 && [ram[0x80], ram[0x81]] == [0xAC, 0xF2],
        lives: Lives::One,
        adjust: Some(|state, _, _| state.reward = if state.terminal { 5999 - state.score } else { 0 }),
        difficulties: &[0, 1, 2, 3],
        ..Game::ORDINARY
    },
    Game {
        name: "surround",
        md5: "4d7517ae69f95cfbc053be01312b7dba",
        last_read: |ram, _| ram[0xF7],
        minimal_actions: ActionSet::of(&[0, 2, 3, 4, 5]),
        score: |ram| ram.digits(0xF7) - ram.digits(0xF6),
        terminal: |ram| ram.digits(0xF6) == 10 || ram.digits(0xF7) == 10,
        lives: Lives::One,
        // Variant 2 is for two.
        modes: Modes::Select {
            available: &[0, 2],
            reached: |ram, mode| u32::from(ram[0xF9]) == mode + 1,
            press_frames: 2,
        },
        difficulties: &[0, 1, 2, 3],
        properties: Properties { swap_ports: true, ..Properties::DEFAULT },
        ..Game::ORDINARY
    },
    Game {
        name: "tennis",
        md5: "42cdd6a9e42a3639e190722b8ea3fc51",
        last_read: |ram, _| ram[0xC8],
        // Games, player less opponent.
        score: |ram| ram.byte(0xC7) - ram.byte(0xC8),
        terminal: |ram| {
            let [player, opponent] = [ram[0xC7], ram[0xC8]];
            let won = |a: u8, b: u8| a == 7 || (a >= 6 && a.saturating_sub(b) >= 2);
            won(player, opponent) || won(opponent, player)
        },
        // A frame in which no game is decided rewards points within the game; memory[0] is their difference.
        adjust: Some(|state, old, ram| {
            state.memory[0] = ram.byte(0xC5) - ram.byte(0xC6);
            if state.reward == 0 {
                state.reward = state.memory[0] - old.memory[0];
            }
        }),
        modes: Modes::Shown { available: &[0, 2], address: 0x80, press_frames: 2 },
        difficulties: &[0, 1, 2, 3],
        ..Game::ORDINARY
    },
    Game {
        name: "tetris",
        md5: "b0e1ee07fbc73493eac5651a52f90f00",
        last_read: |ram, _| ram[0xF3],
        minimal_actions: ActionSet::of(&[0, 1, 3, 4, 5]),
        score: |ram| ram.digits2(0xF1, 0xF2),
        reward: Reward::Adjusted(|difference| difference.max(0)),
        terminal: |ram| ram[0xF3] & 0x80 != 0,
        adjust: Some(|state, _, _| {
            if state.terminal {
                state.score = 0;
            }
        }),
        ..Game::ORDINARY
    },
    Game {
        name: "tic_tac_toe_3d",
        md5: "0db4f4150fecf77e4ce72ca4d04c052f",
        last_read: |ram, _| ram[0xD9],
        minimal_actions: ActionSet::of(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        lives: Lives::One,
        adjust: Some(adjust_tic_tac_toe_3d),
        modes: Modes::Shown { available: &[0, 1, 2, 3, 4, 5, 6, 7, 8], address: 0x88, press_frames: 2 },
        difficulties: &[0, 2],
        ..Game::ORDINARY
    },
    Game {
        name: "time_pilot",
        md5: "fc2104dd2dadf9a6176c1c1c8f87ced9",
        last_read: |ram, _| ram[0xA0],
        minimal_actions: ActionSet::of(&[0, 1, 2, 3, 4, 5, 10, 11, 12, 13]),
        score: |ram| 100 * ram.digits2(0x8D, 0x8F),
        terminal: |ram| ram[0xA0] != 0,
        lives: Lives::Remembered,
        initial: GameState::with_lives(5),
        // The byte is right only while a game is on.
        adjust: Some(|state, _, ram| {
            if ram[0x80] & 15 == 2 {
                state.lives = (ram.byte(0x8B) & 7) + 1;
            }
        }),
        difficulties: &[0, 1, 2],
        ..Game::ORDINARY
    },
    Game {
        name: "trondead",
        md5: "fb27afe896e7c928089307b32e5642ee",
        last_read: |ram, _| ram[0xC8],
        score: |ram| ram.digits3(0xBF, 0xBE, 0xBD),
        // Deaths are counted, not lives.
        terminal: |ram| ram[0xC8] == 5,
        lives: Lives::Counted(|ram| 5 - ram.byte(0xC8)),
        initial: GameState::with_lives(5),
        difficulties: &[0, 1],
        ..Game::ORDINARY
    },
    Game {
        name: "turmoil",
        md5: "7a5463545dfb2dcfdafa6074b2f2c15e",
        last_read: |ram, _| ram[0xB9],
        minimal_actions: ActionSet::of(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12]),
        score: |ram| 10 * (ram.digits2(0x89, 0x8A) + ram.byte(0xD3)),
        terminal: |ram| ram[0xB9] == 0 && ram[0xC5] == 1,
        lives: Lives::Counted(|ram| ram.byte(0xB9)),
        // A game starts with 3.
        initial: GameState::with_lives(4),
        start: &[(1, Action::Fire)],
        modes: Modes::Shown { available: &[0, 1, 2, 3, 4, 5, 6, 7, 8], address: 0xEA, press_frames: 2 },
        ..Game::ORDINARY
    },
    Game {
        name: "tutankham",
        md5: "085322bae40d904f53bdcc56df0593fc",
        last_read: |ram, _| ram[0x81],
        minimal_actions: ActionSet::of(&[0, 2, 3, 4, 5, 10, 11, 12]),
        score: |ram| ram.digits2(0x9C, 0x9A),
        terminal: |ram| ram[0x9E] == 0 && ram[0x81] != 0x84,
        lives: Lives::Counted(|ram| ram.byte(0x9E) & 3),
        initial: GameState::with_lives(3),
        modes: Modes::Shown { available: &[0, 4, 8, 12], address: 0xAB, press_frames: 2 },
        ..Game::ORDINARY
    },
    Game {
        name: "up_n_down",
        md5: "a499d720e7ee35c62424de882a3351b6",
        last_read: |ram, _| ram[0x94],
        minimal_actions: ActionSet::of(&[0, 1, 2, 5, 10, 13]),
        score: |ram| ram.digits3(0x82, 0x81, 0x80),
        terminal: |ram| ram[0x94] > 0x40 && ram[0x86] & 15 == 0,
        lives: Lives::Counted(|ram| (ram.byte(0x86) & 15) + 1),
        initial: GameState::with_lives(5),
        start: &[(1, Action::Fire)],
        difficulties: &[0, 1, 2, 3],
        properties: Properties { first_scanline: 30, ..Properties::DEFAULT },
        ..Game::ORDINARY
    },
    Game {
        name: "venture",
        md5: "3e899eba0ca8cd2972da1ae5479b4f0d",
        last_read: |ram, _| ram[0xBF],
        score: |ram| 100 * ram.digits2(0xC8, 0xC7),
        terminal: |ram| ram[0xC6] == 0 && ram[0xCD] == 0xFF && ram[0xBF] & 0x80 != 0,
        lives: Lives::Counted(|ram| (ram.byte(0xC6) & 7) + 1),
        initial: GameState::with_lives(4),
        difficulties: &[0, 1, 2, 3],
        ..Game::ORDINARY
    },
    Game {
        name: "video_checkers",
        md5: "539d26b6e9df0da8e7465f0f5ad863b7",
        last_read: |ram, _| ram[0xA2],
        minimal_actions: ActionSet::of(&[1, 6, 7, 8, 9]),
        lives: Lives::One,
        adjust: Some(adjust_video_checkers),
        modes: Modes::Custom {
            available: &[1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19],
            choose: |console, mode| {
                console.state_mut().memory[GIVEAWAY] = i32::from(mode >= 11);
                // Decimal digits: game 11 is $11.
                console.select_until(|ram, mode| u32::from(ram[0xF6]) == mode + 6 * (mode / 10), 1);
            },
        },
        ..Game::ORDINARY
    },
    Game {
        name: "video_chess",
        md5: "f0b7db930ca0e548c41a97160b9f6275",
        last_read: |ram, _| ram[0xE1],
        minimal_actions: ActionSet::of(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        lives: Lives::One,
        // $82 marks the player's turn; while the computer thinks, the result's byte holds other values. The end is
        // final.
        adjust: Some(|state, old, ram| {
            state.reward = match (ram[0xE1], ram[0xEE]) {
                (0x82, 0) => 1,
                (0x82, 1) => -1,
                _ => 0,
            };
            state.terminal = old.terminal || state.reward != 0;
        }),
        modes: Modes::Shown { available: &[0, 1, 2, 3, 4], address: 0xEA, press_frames: 1 },
        ..Game::ORDINARY
    },
    Game {
        name: "video_cube",
        md5: "3f540a30fdee0b20aed7288e4a5ea528",
        last_read: |ram, _| ram[0xDB],
        score: video_cube_faces,
        terminal: |ram| video_cube_faces(ram) == 6,
        lives: Lives::One,
        // memory[0] is the clock a frame ago. It ticks from 255 to 0 when time is up, and that costs 1.
        adjust: Some(|state, old, ram| {
            state.memory[0] = ram.byte(0xDB);
            if (old.memory[0], state.memory[0]) == (255, 0) {
                state.reward = -1;
                state.terminal = true;
            }
        }),
        start: &[(61, Action::Noop), (1, Action::Fire), (2, Action::Noop)],
        modes: Modes::Custom { available: &VIDEO_CUBE_MODES, choose: choose_video_cube_mode },
        difficulties: &[0, 1],
        ..Game::ORDINARY
    },
    Game {
        name: "video_pinball",
        md5: "107cc025334211e6d29da0b6be46aec7",
        last_read: |ram, _| ram[0xA8],
        minimal_actions: ActionSet::of(&[0, 1, 2, 3, 4, 5, 10, 11, 12]),
        score: |ram| ram.digits3(0xB0, 0xB2, 0xB4),
        terminal: |ram| ram[0xAF] & 1 != 0,
        // An extra ball, if there is one, and the number of the ball in play.
        lives: Lives::Counted(|ram| 4 + (ram.byte(0xA8) & 1) - (ram.byte(0x99) & 7)),
        initial: GameState::with_lives(3),
        modes: Modes::Shown { available: &[0, 2], address: 0xC1, press_frames: 2 },
        difficulties: &[0, 1],
        ..Game::ORDINARY
    },
    Game {
        name: "wizard_of_wor",
        md5: "7e8aa18bc9502eb57daaf5e7c1e94da7",
        last_read: |ram, _| ram[0xD7],
        minimal_actions: ActionSet::of(&[0, 1, 2, 3, 4, 5, 10, 11, 12, 13]),
        // The highest digit carries a mark worth 8.
        score: |ram| match ram.digits2(0x86, 0x88) {
            marked @ 8000.. => 100 * (marked - 8000),
            hundreds => 100 * hundreds,
        },
        terminal: |ram| ram[0x8D] & 15 == 0 && ram[0xF4] == 0xF8,
        lives: Lives::Remembered,
        initial: GameState::with_lives(3),
        adjust: Some(|state, _, ram| {
            if ram[0xD7] & 1 == 0 {
                state.lives = ram.byte(0x8D) & 15;
            }
        }),
        difficulties: &[0, 1],
        properties: Properties { swap_ports: true, ..Properties::DEFAULT },
        ..Game::ORDINARY
    },
    Game {
        name: "word_zapper",
        md5: "ec3beb6d8b5689e867bafb5d5f507491",
        last_read: |ram, _| ram[0xDE],
        // Words done: the byte counts from 2 down to -1.
        score: |ram| 2 - i32::from(ram[0xDC] as i8),
        terminal: |ram| ram[0xDC] == 0xFF || ram.digits(0xDE) == 0,
        lives: Lives::One,
        // While this byte is 0 the rules read nothing: every frame repeats the last state and its reward.
        adjust: Some(|state, old, ram| {
            if ram.digits(0xCF) == 0 {
                *state = *old;
            }
        }),
        start: &[(486, Action::Noop), (1, Action::Fire), (2, Action::Noop)],
        modes: Modes::Shown {
            available: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23],
            address: 0xDB,
            press_frames: 2,
        },
        difficulties: &[0, 1, 2, 3],
        ..Game::ORDINARY
    },
    Game {
        name: "yars_revenge",
        md5: "c5930d0e8cdae3e037349bfa08e871be",
        last_read: |ram, _| ram[0x9E],
        score: |ram| ram.digits3(0xE2, 0xE1, 0xE0),
        terminal: |ram| ram[0x9E] >> 4 == 0,
        lives: Lives::Counted(|ram| ram.byte(0x9E) >> 4),
        initial: GameState::with_lives(4),
        start: &[(1, Action::Fire)],
        modes: Modes::Custom {
            available: &[0x00, 0x20, 0x40, 0x60],
            choose: |console, _| {
                // The first press leaves the title.
                console.press_select(2);
                console.select_until(|ram, mode| u32::from(ram[0xE3]) == mode, 1);
            },
        },
        difficulties: &[0, 1],
        ..Game::ORDINARY
    },
    Game {
        name: "zaxxon",
        md5: "eea0da9b987d661264cce69a7c13c3bd",
        last_read: |ram, _| ram[0xEA],
        score: |ram| 100 * ram.digits2(0xE9, 0xE8),
        terminal: |ram| ram[0xEA] & 7 == 0,
        lives: Lives::Counted(|ram| ram.byte(0xEA) & 7),
        initial: GameState::with_lives(5),
        modes: Modes::Shown { available: &[0x00, 0x08, 0x10, 0x18], address: 0x82, press_frames: 10 },
        ..Game::ORDINARY
    },
];

/// A line of four shows in a return address on the stack, and another byte whether it is the player's. A full board,
/// all 64 places taken, is a draw. The end is final.
fn adjust_tic_tac_toe_3d(state: &mut GameState, old: &GameState, ram: &Memory) {
    let line = [ram[0xFE], ram[0xFF]] == [0x10, 0xF3];
    state.reward = match ram[0xE1] {
        _ if !line => 0,
        0x08 => 1,
        _ => -1,
    };
    let board_full = (0x9A..=0xD9).all(|place| ram[place] != 0);
    state.terminal = old.terminal || line || board_full;
}

/// Video Checkers' memory: 1 in the modes in which the first without pieces wins.
const GIVEAWAY: usize = 0;

/// A side without pieces has lost, and the end is final. While nothing is decided, each frame repeats the last reward.
fn adjust_video_checkers(state: &mut GameState, old: &GameState, ram: &Memory) {
    // Four rows of eight bytes with one between them that is no square; each side has men and kings.
    let mut squares = (0x80..=0xA2).filter(|address| !matches!(address, 0x88 | 0x91 | 0x9A)).map(|square| ram[square]);
    let computer_lives = squares.clone().any(|piece| matches!(piece, 0x90 | 0xA0));
    let player_lives = squares.any(|piece| matches!(piece, 0x10 | 0x20));
    let winner = match (player_lives, computer_lives) {
        (false, _) => -1,
        (true, false) => 1,
        (true, true) => 0,
    };
    state.reward = match winner {
        0 => old.reward,
        _ if state.memory[GIVEAWAY] != 0 => -winner,
        _ => winner,
    };
    state.terminal = old.terminal || winner != 0;
}

/// Video Cube's modes are 100 times the cube (0 and 1 are the same) plus one of three games.
const VIDEO_CUBE_MODES: [u32; 153] = {
    let mut modes = [0; 153];
    let mut i = 0;
    while i < 153 {
        modes[i as usize] = 100 * (i / 3) + i % 3;
        i += 1;
    }
    modes
};

/// Selects one of three games, then walks right to the cube wanted.
fn choose_video_cube_mode(console: &mut dyn Switches, mode: u32) {
    console.select_until(|ram, mode| u32::from(ram[0xFB] & 0x1F) == [0, 2, 8][mode as usize % 100], 2);
    let cube = (mode / 100).max(1);
    while console.memory().digits(0x9F) as u32 != cube && !console.game_over() && !console.gives_up() {
        console.hold(Action::Right);
    }
}

/// Faces of a single color; a face is nine bytes in a row.
fn video_cube_faces(ram: &Memory) -> i32 {
    let faces = (0..6).map(|face| 0xA0 + 9 * face);
    faces.filter(|&first| (first..first + 9).all(|place| ram[place] == ram[first])).count() as i32
}
