//! Games A to D.

use super::{ActionSet, Game, GameState, Lives, Modes, Properties};
use crate::action::Action;

pub(super) static GAMES: &[Game] = &[
    Game {
        name: "beam_rider",
        md5: "79ab4123a83dc11d468fb2108ea09e2e",
        minimal_actions: ActionSet::of(&[0, 1, 2, 3, 4, 6, 7, 11, 12]),
        score: |ram| ram.digits3(0x89, 0x8A, 0x8B),
        terminal: |ram| ram[0x85] == 0xFF,
        lives: Lives::Counted(|ram| ram.byte(0x85) + 1),
        initial: GameState::with_lives(3),
        // A lost life counts only once the game says so.
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
        name: "boxing",
        md5: "c3ef5c4653212088eda54dc91d787870",
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
];

/// Breakout's rules.
const BRICK_GAME: Game = Game {
    minimal_actions: ActionSet::of(&[0, 1, 3, 4]),
    score: |ram| ram.digits(0xCD) + 100 * (ram.byte(0xCC) & 15),
    lives: Lives::Counted(|ram| ram.byte(0xB9)),
    initial: GameState::with_lives(5),
    // Before the first game the ball count is 0 as well: over is only what had five balls before.
    adjust: Some(|state, old, ram| {
        state.memory[0] = i32::from(old.memory[0] != 0 || ram[0xB9] == 5);
        state.terminal = state.memory[0] != 0 && ram[0xB9] == 0;
    }),
    modes: Modes::Select {
        available: &[0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44],
        reached: |ram, mode| u32::from(ram[0xB2]) == mode,
        press_frames: 1,
    },
    difficulties: &[0, 1],
    properties: Properties { left_paddles: true, ..Properties::DEFAULT },
    ..Game::ORDINARY
};

/// Points of the player and of the opponent; a knock-out shows as $C0 and is worth 100.
fn boxing_points(ram: &super::Memory) -> [i32; 2] {
    [0x92, 0x93].map(|address| if ram[address] == 0xC0 { 100 } else { ram.digits(address) })
}
