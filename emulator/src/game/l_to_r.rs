//! Games L to R.

use super::{ActionSet, Game, GameState, Lives, Modes, Properties};
use crate::action::Action;

pub(super) static GAMES: &[Game] = &[
    Game {
        name: "montezuma_revenge",
        md5: "3347a6dd59049b15a38394aa2dafa585",
        score: |ram| ram.digits3(0x95, 0x94, 0x93),
        terminal: |ram| ram[0xBA] == 0 && ram[0xFE] == 0x60,
        lives: Lives::Counted(|ram| (ram.byte(0xBA) & 7) + 1),
        initial: GameState::with_lives(6),
        ..Game::ORDINARY
    },
    Game {
        name: "ms_pacman",
        md5: "87e79cd41ce136fd4f72cc6e2c161bee",
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
        name: "pitfall2",
        md5: "6d842c96d5a01967be9680080dd5be54",
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
        minimal_actions: ActionSet::of(&[0, 1, 3, 4, 11, 12]),
        score: |ram| ram.byte(0x8E) - ram.byte(0x8D),
        terminal: |ram| ram[0x8D] == 21 || ram[0x8E] == 21,
        modes: Modes::Select { available: &[0, 1], reached: |ram, mode| u32::from(ram[0x96]) == mode, press_frames: 2 },
        difficulties: &[0, 1, 2, 3],
        properties: Properties { left_paddles: true, right_paddles: true, swap_paddles: true, ..Properties::DEFAULT },
        ..Game::ORDINARY
    },
    Game {
        name: "qbert",
        md5: "484b0076816a104875e00467d431c2d2",
        minimal_actions: ActionSet::of(&[0, 1, 2, 3, 4, 5]),
        score: |ram| ram.digits3(0xDB, 0xDA, 0xD9),
        lives: Lives::Remembered,
        initial: GameState { memory: [2, 0, 0, 0, 0, 0, 0], ..GameState::with_lives(4) },
        // memory[0] is the life byte of the frame before, as a signed number. Lives only go down: bonus lives are not
        // counted. The score of the frame that ends the game is not read.
        adjust: Some(|state, old, ram| {
            let before = old.memory[0];
            let lives = i32::from(ram[0x88] as i8);
            state.terminal = ram[0x88] == 0xFE || (ram[0x88] == 2 && before == -1);
            if lives == before - 1 {
                state.lives -= 1;
            }
            state.memory[0] = lives;
            if state.terminal {
                state.reward = 0;
                state.score = old.score;
            }
        }),
        difficulties: &[0, 1],
        properties: Properties { first_scanline: 40, ..Properties::DEFAULT },
        ..Game::ORDINARY
    },
];
