//! Games L to R.

use super::{last_frame_unscored, ActionSet, Game, GameState, Lives, Memory, Modes, Properties};
use crate::action::Action;

pub(super) static GAMES: &[Game] = &[
    Game {
        name: "laser_gates",
        md5: "8e4cd60d93fcde8065c1a2b972a26377",
        last_read: |ram, _| ram[0x83],
        score: |ram| ram.digits3(0x82, 0x81, 0x80),
        terminal: |ram| ram[0x83] == 0,
        start: &[(1, Action::Reset)],
        ..Game::ORDINARY
    },
    Game {
        name: "lost_luggage",
        md5: "2d76c5d1aad506442b9e9fb67765e051",
        last_read: |ram, _| ram[0xCA],
        minimal_actions: ActionSet::of(&[0, 2, 3, 4, 5, 6, 7, 8, 9]),
        legal_actions: ActionSet::of(&[0, 2, 3, 4, 5, 6, 7, 8, 9]),
        score: |ram| ram.digits3(0x96, 0x95, 0x94),
        terminal: |ram| ram[0xCA] == 0 && ram[0xC8] == 0x0A && ram[0xA5] == 0 && ram[0xA9] == 0,
        lives: Lives::Counted(|ram| ram.byte(0xCA)),
        initial: GameState::with_lives(3),
        start: &[(1, Action::Fire)],
        // The score shows the variant: 1 or 4.
        modes: Modes::Select {
            available: &[0, 1],
            reached: |ram, mode| u32::from(ram[0x94]) == 1 + 3 * mode,
            press_frames: 2,
        },
        difficulties: &[0, 1],
        ..Game::ORDINARY
    },
    Game {
        name: "mario_bros",
        md5: "e908611d99890733be31733a979c62d8",
        last_read: |ram, _| ram[0x87],
        score: |ram| 100 * ram.digits2(0x8A, 0x89),
        terminal: |ram| ram[0x87] == 0,
        lives: Lives::Counted(|ram| ram.byte(0x87)),
        start: &[(10, Action::Noop), (7, Action::Fire)],
        modes: Modes::Shown { available: &[0, 2, 4, 6], address: 0x80, press_frames: 5 },
        ..Game::ORDINARY
    },
    Game {
        name: "miniature_golf",
        md5: "df62a658496ac98a3aa4a6ee5719c251",
        last_read: |ram, _| ram[0xAF],
        lives: Lives::One,
        adjust: Some(adjust_miniature_golf),
        difficulties: &[0, 1],
        ..Game::ORDINARY
    },
    Game {
        name: "montezuma_revenge",
        md5: "3347a6dd59049b15a38394aa2dafa585",
        last_read: |ram, _| ram[0xFE],
        score: |ram| ram.digits3(0x95, 0x94, 0x93),
        terminal: |ram| ram[0xBA] == 0 && ram[0xFE] == 0x60,
        lives: Lives::Counted(|ram| (ram.byte(0xBA) & 7) + 1),
        initial: GameState::with_lives(6),
        ..Game::ORDINARY
    },
    Game {
        name: "mr_do",
        md5: "aa7bb54d2c189a31bb1fa20099e42859",
        last_read: |ram, _| ram[0xDA],
        minimal_actions: ActionSet::of(&[0, 1, 2, 3, 4, 5, 10, 11, 12, 13]),
        score: |ram| 10 * ram.digits2(0x82, 0x83),
        terminal: |ram| ram[0xDA] == 0x40,
        lives: Lives::Counted(|ram| ram.byte(0xDB)),
        initial: GameState::with_lives(4),
        start: &[(1, Action::Fire)],
        modes: Modes::Shown { available: &[0, 1, 2, 3], address: 0x80, press_frames: 5 },
        ..Game::ORDINARY
    },
    Game {
        name: "ms_pacman",
        md5: "87e79cd41ce136fd4f72cc6e2c161bee",
        last_read: |ram, _| ram[0xA7],
        minimal_actions: ActionSet::of(&[0, 2, 3, 4, 5, 6, 7, 8, 9]),
        score: |ram| ram.digits3(0xF8, 0xF9, 0xFA),
        terminal: |ram| ram[0xFB] & 15 == 0 && ram[0xA7] == 0x53,
        lives: Lives::Counted(|ram| (ram.byte(0xFB) & 7) + 1),
        initial: GameState::with_lives(3),
        modes: Modes::Select {
            available: &[0, 1, 2, 3],
            reached: |ram, mode| match mode {
                0 => ram[0x99] == 1 && ram[0xA1] == 1,
                _ => u32::from(ram[0x99]) == mode && ram[0xA1] == 0,
            },
            press_frames: 10,
        },
        properties: Properties { hmove_blanks: false, ..Properties::DEFAULT },
        ..Game::ORDINARY
    },
    Game {
        name: "name_this_game",
        md5: "36306070f0c90a72461551a7a4f3a209",
        last_read: |ram, _| ram[0xC7],
        minimal_actions: ActionSet::of(&[0, 1, 3, 4, 11, 12]),
        score: |ram| ram.digits3(0xC6, 0xC5, 0xC4),
        terminal: |ram| ram[0xC7] & 7 == 0,
        lives: Lives::Counted(|ram| ram.byte(0xC7) & 7),
        initial: GameState::with_lives(3),
        modes: Modes::Shown { available: &[0x08, 0x18, 0x28], address: 0xDE, press_frames: 2 },
        difficulties: &[0, 1],
        ..Game::ORDINARY
    },
    Game {
        name: "othello",
        md5: "113cd09c9771ac278544b7e90efe7df2",
        last_read: |ram, _| ram[0xC0],
        minimal_actions: ActionSet::of(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        score: |ram| ram.digits(0xCE) - ram.digits(0xD0),
        lives: Lives::One,
        // memory[0] counts consecutive frames in which neither side is to move.
        adjust: Some(|state, old, ram| {
            state.memory[0] = if ram[0xC0] == 0 { old.memory[0] + 1 } else { 0 };
            state.terminal = state.memory[0] > 50;
        }),
        modes: Modes::Select {
            available: &[0, 1, 2],
            reached: |ram, mode| u32::from(ram[0xDE].wrapping_sub(1)) == mode,
            press_frames: 2,
        },
        difficulties: &[0, 2],
        ..Game::ORDINARY
    },
    Game {
        name: "pacman",
        md5: "fc2233fc116faef0d3c31541717ca2db",
        last_read: |ram, _| ram[0xE4],
        minimal_actions: ActionSet::of(&[0, 2, 3, 4, 5]),
        score: |ram| ram.digits3(0xCC, 0xCE, 0xD0),
        terminal: |ram| ram[0x98] == 0 && ram[0xE4] == 0x3F,
        lives: Lives::Counted(|ram| ram.byte(0x98) + 1),
        initial: GameState::with_lives(4),
        // The score shows the variant; the other byte is 0 when it is for one player.
        modes: Modes::Select {
            available: &[0, 1, 2, 3, 4, 5, 6, 7],
            reached: |ram, mode| u32::from(ram[0xCC].wrapping_sub(1)) == mode && ram[0xE6] == 0,
            press_frames: 2,
        },
        difficulties: &[0, 1],
        ..Game::ORDINARY
    },
    Game {
        name: "phoenix",
        md5: "7e52a95074a66640fcfde124fffd491a",
        last_read: |ram, _| ram[0xCB],
        minimal_actions: ActionSet::of(&[0, 1, 3, 4, 5, 11, 12, 13]),
        score: |ram| 100 * ram.digits2(0xC8, 0xC9) + 10 * (ram.byte(0xC7) >> 4),
        terminal: |ram| ram[0xCC] == 0x80,
        lives: Lives::Counted(|ram| ram.byte(0xCB) & 7),
        initial: GameState::with_lives(5),
        ..Game::ORDINARY
    },
    Game {
        name: "pitfall",
        md5: "3e90cf23106f2e08b2781e41299de556",
        last_read: |ram, _| ram[0x9E],
        score: |ram| ram.digits3(0xD7, 0xD6, 0xD5),
        terminal: |ram| ram[0x80] >> 4 == 0 && ram[0x9E] != 0,
        // The byte holds the picture of the lives left, not their number.
        lives: Lives::Counted(|ram| match ram[0x80] >> 4 {
            0xA => 3,
            0x8 => 2,
            _ => 1,
        }),
        initial: GameState { score: 2000, ..GameState::with_lives(3) },
        start: &[(1, Action::Up)],
        ..Game::ORDINARY
    },
    Game {
        name: "pitfall2",
        md5: "6d842c96d5a01967be9680080dd5be54",
        last_read: |ram, _| ram[0xC7],
        score: |ram| ram.digits3(0xC9, 0xC8, 0xC7),
        terminal: |ram| ram.digits3(0xC9, 0xC8, 0xC7) == 199_000,
        lives: Lives::One,
        initial: GameState { score: 4000, ..GameState::with_lives(1) },
        start: &[(1, Action::Up)],
        ..Game::ORDINARY
    },
    Game {
        name: "pong",
        md5: "60e0ea3cbe0913d39803477945e9e5ec",
        last_read: |ram, _| ram[0x8E],
        minimal_actions: ActionSet::of(&[0, 1, 3, 4, 11, 12]),
        score: |ram| ram.byte(0x8E) - ram.byte(0x8D),
        terminal: |ram| ram[0x8D] == 21 || ram[0x8E] == 21,
        modes: Modes::Shown { available: &[0, 1], address: 0x96, press_frames: 2 },
        difficulties: &[0, 1, 2, 3],
        properties: Properties { left_paddles: true, right_paddles: true, swap_paddles: true, ..Properties::DEFAULT },
        ..Game::ORDINARY
    },
    Game {
        name: "pooyan",
        md5: "4799a40b6e889370b7ee55c17ba65141",
        last_read: |ram, _| ram[0x98],
        minimal_actions: ActionSet::of(&[0, 1, 2, 5, 10, 13]),
        score: |ram| ram.digits3(0x8A, 0x89, 0x88),
        terminal: |ram| ram[0x96] == 0 && ram[0x98] == 5,
        lives: Lives::Counted(|ram| (ram.byte(0x96) & 7) + 1),
        initial: GameState::with_lives(3),
        modes: Modes::Custom {
            available: &[0x0A, 0x1E, 0x32, 0x46],
            choose: |environment, _| {
                // The first press leaves the title.
                environment.press_select(2);
                environment.select_until(|ram, mode| u32::from(ram[0xBD]) == mode, 2);
            },
        },
        properties: Properties { first_scanline: 26, height: 220, ..Properties::DEFAULT },
        ..Game::ORDINARY
    },
    Game {
        name: "private_eye",
        md5: "ef3a4f64b6494ba770862768caf04b86",
        last_read: |ram, _| ram[0xC2],
        score: |ram| ram.digits3(0xCA, 0xC9, 0xC8),
        terminal: |ram| ram[0xC2] > 1,
        initial: GameState { score: 1000, ..GameState::with_lives(0) },
        start: &[(1, Action::Up)],
        modes: Modes::Shown { available: &[0, 1, 2, 3, 4], address: 0x80, press_frames: 2 },
        difficulties: &[0, 1, 2, 3],
        ..Game::ORDINARY
    },
    Game {
        name: "qbert",
        md5: "484b0076816a104875e00467d431c2d2",
        last_read: |ram, state| if state.terminal { ram[0x88] } else { ram[0xD9] },
        minimal_actions: ActionSet::of(&[0, 1, 2, 3, 4, 5]),
        score: |ram| ram.digits3(0xDB, 0xDA, 0xD9),
        lives: Lives::Remembered,
        initial: GameState { memory: [2, 0, 0, 0, 0, 0, 0], ..GameState::with_lives(4) },
        // memory[0] is the life byte of the frame before, as a signed number. Lives only go down: bonus lives are not
        // counted.
        adjust: Some(|state, old, ram| {
            let before = old.memory[0];
            let lives = i32::from(ram[0x88] as i8);
            state.terminal = ram[0x88] == 0xFE || (ram[0x88] == 2 && before == -1);
            if lives == before - 1 {
                state.lives -= 1;
            }
            state.memory[0] = lives;
            last_frame_unscored(state, old, ram);
        }),
        difficulties: &[0, 1],
        properties: Properties { first_scanline: 40, ..Properties::DEFAULT },
        ..Game::ORDINARY
    },
    Game {
        name: "riverraid",
        md5: "393948436d1f4cc3192410bb918f9724",
        last_read: |ram, _| ram[0xC0],
        // Six digits, each times eight in a byte of its own; anything else is a blank.
        score: |ram| {
            let digit = |address| match ram.byte(address) {
                byte @ 0..=72 if byte % 8 == 0 => byte / 8,
                _ => 0,
            };
            [0xCD, 0xCF, 0xD1, 0xD3, 0xD5, 0xD7].into_iter().fold(0, |sum, address| 10 * sum + digit(address))
        },
        // Each life is worth eight, but a game starts with $58 and its last plane is $59.
        lives: Lives::Counted(|ram| match ram.byte(0xC0) {
            0x58 => 4,
            0x59 => 1,
            byte => byte / 8 + 1,
        }),
        initial: GameState { memory: [0x58, 0, 0, 0, 0, 0, 0], ..GameState::with_lives(4) },
        // memory[0] is the life byte of the frame before: the game is over when the next game is offered.
        adjust: Some(|state, old, ram| {
            state.memory[0] = ram.byte(0xC0);
            state.terminal = (old.memory[0], state.memory[0]) == (0x59, 0x58);
        }),
        difficulties: &[0, 1],
        ..Game::ORDINARY
    },
    Game {
        name: "road_runner",
        md5: "ce5cc62608be2cd3ed8abd844efb8919",
        last_read: |ram, _| ram[0xBD],
        // Four digits, one in a byte.
        score: |ram| 100 * (0xC9..=0xCC).rev().fold(0, |sum, address| 10 * sum + ram.digit_or_blank(address)),
        terminal: |ram| ram[0xC4] & 7 == 0 && (ram[0xB9] != 0 || ram[0xBD] != 0),
        lives: Lives::Counted(|ram| (ram.byte(0xC4) & 7) + 1),
        initial: GameState::with_lives(3),
        ..Game::ORDINARY
    },
    Game {
        name: "robotank",
        md5: "4f618c2429138e0280969193ed6c107e",
        last_read: |ram, _| ram[0xA8],
        // Squadrons of twelve, and tanks of the one in play.
        score: |ram| 12 * ram.byte(0xB6) + ram.byte(0xB5),
        terminal: |ram| ram[0xA8] == 0 && ram[0xB4] == 0xFF,
        lives: Lives::Counted(|ram| (ram.byte(0xA8) & 15) + 1),
        initial: GameState::with_lives(4),
        ..Game::ORDINARY
    },
];

/// The reward of a hole is its par less its strokes, given when the number of the hole changes. The course ends when
/// that number becomes 0.
///
/// Between holes the display shows the number of the hole and its par; in play, the strokes and 0. Strokes are counted
/// on from hole to hole, and a counter that has decreased has wrapped.
fn adjust_miniature_golf(state: &mut GameState, old: &GameState, ram: &Memory) {
    let [mut hole, mut par, mut wrapped, mut strokes, mut at_start, ..] = old.memory;
    let (left, right, shown_hole) = (ram.digits(0x87), ram.digits(0x88), ram.digits(0xAF));
    state.reward = 0;
    state.terminal = old.terminal;
    if shown_hole != hole {
        let used = strokes + wrapped - at_start;
        if used > 0 {
            state.reward = par - used;
        }
        state.terminal |= shown_hole == 0;
        (hole, wrapped, at_start) = (shown_hole, 0, strokes);
    }
    if right != 0 {
        par = right;
    } else {
        if left < strokes {
            wrapped += strokes;
        }
        strokes = left;
    }
    state.memory = [hole, par, wrapped, strokes, at_start, 0, 0];
}
