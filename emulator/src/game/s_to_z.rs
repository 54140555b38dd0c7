//! Games S to Z.

use super::{ActionSet, Game, GameState, Lives, Modes, Reward};

pub(super) static GAMES: &[Game] = &[
    Game {
        name: "seaquest",
        md5: "240bfbac5163af4df5ae713985386f92",
        score: |ram| ram.digits3(0xBA, 0xB9, 0xB8),
        terminal: |ram| ram[0xA3] != 0,
        lives: Lives::Counted(|ram| ram.byte(0xBB) + 1),
        initial: GameState::with_lives(4),
        difficulties: &[0, 1],
        ..Game::ORDINARY
    },
    Game {
        name: "space_invaders",
        md5: "72ffbef6504b75e69ee1045af9075f66",
        minimal_actions: ActionSet::of(&[0, 1, 3, 4, 11, 12]),
        score: |ram| ram.digits2(0xE8, 0xE6),
        // The score wraps after 9,999.
        reward: Reward::Adjusted(|difference| if difference < 0 { difference + 10_000 } else { difference }),
        terminal: |ram| ram[0x98] & 0x80 != 0 || ram[0xC9] == 0,
        lives: Lives::Counted(|ram| ram.byte(0xC9)),
        initial: GameState::with_lives(3),
        modes: Modes::Select {
            available: &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
            reached: |ram, mode| u32::from(ram[0xDC]) == mode,
            press_frames: 2,
        },
        difficulties: &[0, 1],
        ..Game::ORDINARY
    },
];
