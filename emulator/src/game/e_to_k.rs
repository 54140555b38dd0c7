//! Games E to K.

use super::{ActionSet, Game, Modes, Reward};
use crate::action::Action;

pub(super) static GAMES: &[Game] = &[
    Game {
        name: "enduro",
        md5: "94b92a882f6dbaa6993a46e2dcc58402",
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
        name: "freeway",
        md5: "8e0ab801b1705a740b476b7f588c6d16",
        minimal_actions: ActionSet::of(&[0, 2, 5]),
        score: |ram| ram.digits(0xE7),
        reward: Reward::Adjusted(|difference| difference.clamp(0, 1)),
        terminal: |ram| ram[0x96] == 1,
        modes: Modes::Select {
            available: &[0, 1, 2, 3, 4, 5, 6, 7],
            reached: |ram, mode| u32::from(ram[0x80]) == mode,
            press_frames: 1,
        },
        difficulties: &[0, 1],
        ..Game::ORDINARY
    },
];
