//! The facts of each game from ALE's table: score, reward, lives, terminal, modes.
//!
//! A game is one [`Game`] value. Ordinary games are data and three one-line closures over RAM. Where a rule needs
//! memory or deviates, `adjust` has it, in the same place. The files `game/<letters>.rs` hold the entries.

mod a_to_d;
mod e_to_k;
mod l_to_r;
mod s_to_z;

use crate::action::{Action, ActionSet};
use crate::properties::{Properties, TelevisionFormat};
use crate::saved_state::{exchange, Archive, Saved, StateError};
use std::ops::{Index, RangeInclusive};

/// The memory that a rule sees: the 128 bytes of RIOT RAM by CPU address ($80 to $FF) and the cartridge's own RAM, if any.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory<'a> {
    /// RIOT RAM, byte 0 at address $80.
    pub riot: &'a [u8; 128],
    /// RAM on the cartridge (Superchip), byte 0 first; empty when it has none.
    pub cartridge: &'a [u8],
}

impl Index<u8> for Memory<'_> {
    type Output = u8;
    /// The RIOT RAM byte at CPU address `address`; $00 to $7F mirror $80 to $FF.
    fn index(&self, address: u8) -> &u8 {
        &self.riot[usize::from(address & 0x7F)]
    }
}

impl Memory<'_> {
    /// Two decimal digits, high nibble first. Nibbles are not checked: 10 to 15 count as such.
    pub fn digits(&self, address: u8) -> i32 {
        two_digits(self[address])
    }
    /// Four decimal digits in two bytes.
    pub fn digits2(&self, low: u8, high: u8) -> i32 {
        self.digits(low) + 100 * self.digits(high)
    }
    /// Six decimal digits in three bytes.
    pub fn digits3(&self, low: u8, middle: u8, high: u8) -> i32 {
        self.digits2(low, middle) + 10_000 * self.digits(high)
    }
    /// One decimal digit in the low nibble, where 10 is a blank and counts as 0 (but 11 to 15 as such).
    pub fn digit_or_blank(&self, address: u8) -> i32 {
        blank_is_zero(self[address] & 15)
    }
    /// The byte as an integer.
    pub fn byte(&self, address: u8) -> i32 {
        i32::from(self[address])
    }
    /// The byte of the cartridge's RAM with this index; 0 when it has none.
    pub fn cartridge_byte(&self, index: usize) -> u8 {
        self.cartridge.get(index).copied().unwrap_or(0)
    }
}

/// Two decimal digits in a byte, high nibble first.
fn two_digits(byte: u8) -> i32 {
    10 * i32::from(byte >> 4) + i32::from(byte & 15)
}

/// A digit where 10 stands for a blank.
fn blank_is_zero(digit: u8) -> i32 {
    if digit == 10 {
        0
    } else {
        i32::from(digit)
    }
}

/// The state of a game's rules between frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct GameState {
    /// Reward of the last frame.
    pub reward: i32,
    /// Score after the last frame.
    pub score: i32,
    /// The game is over.
    pub terminal: bool,
    /// Lives as stored; the number reported may differ, see [`Lives`].
    pub lives: i32,
    /// Anything else a rule remembers; each rule documents its own use.
    pub memory: [i32; 7],
}

/// How a frame's reward follows from the score.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reward {
    /// New score minus old score, whatever the sign.
    ScoreDifference,
    /// The difference passed through a function, e.g. a clamp or a repaired wrap-around.
    Adjusted(fn(i32) -> i32),
}

/// The number of lives that `lives()` reports.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lives {
    /// Always 0.
    None,
    /// 1 until the game is over, then 0.
    One,
    /// Read from RAM after every frame; 0 once the game is over.
    Counted(fn(&Memory) -> i32),
    /// Read from RAM after every frame and reported unchanged, also when the game is over.
    CountedToTheEnd(fn(&Memory) -> i32),
    /// Computed by [`Game::adjust`] from the number before; 0 once the game is over.
    Remembered,
}

/// Console operations for a rule that chooses a game mode. [`Environment`](crate::Environment) implements them.
pub(crate) trait Switches {
    /// Holds `action` as an agent's act does, for all frames of the frame skip; nothing happens once the game is over.
    fn hold(&mut self, action: Action);
    /// Holds SELECT for `frames` frames, then lets go of everything for one.
    fn press_select(&mut self, frames: u32);
    /// Presses SELECT for `press_frames` frames until `reached` holds for the wanted mode, then makes a soft reset.
    fn select_until(&mut self, reached: fn(&Memory, u32) -> bool, press_frames: u32);
    /// Holds RESET for four frames.
    fn soft_reset(&mut self);
    /// The memory that the rules see now.
    fn memory(&self) -> Memory<'_>;
    /// Whether the game has ended or was cut off.
    fn game_over(&self) -> bool;
    /// Whether the mode wanted will never be reached: a foreign cartridge under a game's file name may have no such menu, and a
    /// small frame limit may end the episode and so stop actions. ALE would wait forever. Every loop asks.
    fn gives_up(&self) -> bool;
    /// Draws a number from the environment's generator.
    fn draw(&mut self) -> u32;
    /// The state of the rules.
    fn state_mut(&mut self) -> &mut GameState;
}

/// How a mode is chosen.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Modes {
    /// Only mode 0; nothing is pressed.
    Single,
    /// SELECT is pressed (for `press_frames` frames) until the byte at `address` is the mode; then a soft reset.
    Shown {
        /// The modes on offer, the default first.
        available: &'static [u32],
        /// Where the cartridge keeps the number of its game variant.
        address: u8,
        /// Frames SELECT is held for.
        press_frames: u32,
    },
    /// SELECT is pressed until `reached` holds; then a soft reset.
    Select {
        /// The modes on offer, the default first.
        available: &'static [u32],
        /// Whether the cartridge is at this mode.
        reached: fn(&Memory, u32) -> bool,
        /// Frames SELECT is held for.
        press_frames: u32,
    },
    /// Anything else.
    Custom {
        /// The modes on offer, the default first.
        available: &'static [u32],
        /// Brings the console to the mode, soft reset included.
        choose: fn(&mut dyn Switches, u32),
    },
}

/// Everything ALE knows of one game: facts for everyone, and the rules by which an [`Environment`](crate::Environment) keeps
/// the score.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Game {
    /// Snake-case name: the stem of its usual file name.
    pub name: &'static str,
    /// MD5 of the cartridge image, 32 lower-case hexadecimal digits.
    pub md5: &'static str,
    /// The byte that ALE's rules read last after a frame, given RAM and the new state. It stays on the data bus.
    pub(crate) last_read: fn(&Memory, &GameState) -> u8,
    /// The actions that matter to this game.
    pub minimal_actions: ActionSet,
    /// The actions an agent may send; others act as NOOP.
    pub legal_actions: ActionSet,
    /// Score shown by the cartridge.
    pub(crate) score: fn(&Memory) -> i32,
    /// Reward rule.
    pub(crate) reward: Reward,
    /// Whether the game is over, from RAM alone.
    pub(crate) terminal: fn(&Memory) -> bool,
    /// Lives rule.
    pub(crate) lives: Lives,
    /// Whether ALE saves the lives with a state. If not, `lives` is that from before a restore, until the next frame.
    pub(crate) ale_saves_lives: bool,
    /// State after the game's own reset: lives and memory before a frame was seen.
    pub(crate) initial: GameState,
    /// Runs after the ordinary rules, in games that need more: gets the state before the frame and may change the new
    /// one.
    pub(crate) adjust: Option<fn(&mut GameState, &GameState, &Memory)>,
    /// Frames pressed right after a reset: (count, action).
    pub(crate) start: &'static [(u32, Action)],
    /// How a mode is chosen.
    pub(crate) modes: Modes,
    /// Difficulty numbers on offer.
    pub difficulties: &'static [u32],
    /// Controllers and picture.
    pub properties: Properties,
}

impl Game {
    /// The values that most games have in common; entries override the ones that differ.
    pub(crate) const ORDINARY: Game = Game {
        name: "",
        md5: "",
        last_read: |ram, _| ram[0xFF],
        minimal_actions: ActionSet::ALL,
        legal_actions: ActionSet::ALL,
        score: |_| 0,
        reward: Reward::ScoreDifference,
        terminal: |_| false,
        lives: Lives::None,
        ale_saves_lives: true,
        initial: GameState::with_lives(0),
        adjust: None,
        start: &[],
        modes: Modes::Single,
        difficulties: &[0],
        properties: Properties::DEFAULT,
    };

    /// The modes on offer, the default first.
    pub fn available_modes(&self) -> &'static [u32] {
        match self.modes {
            Modes::Single => &[0],
            Modes::Shown { available, .. } | Modes::Select { available, .. } | Modes::Custom { available, .. } => {
                available
            }
        }
    }

    /// Updates `state` from the RAM after a frame.
    pub(crate) fn after_frame(&self, state: &mut GameState, memory: &Memory) {
        let old = *state;
        state.score = (self.score)(memory);
        let difference = state.score - old.score;
        state.reward = match self.reward {
            Reward::ScoreDifference => difference,
            Reward::Adjusted(adjust) => adjust(difference),
        };
        state.terminal = (self.terminal)(memory);
        if let Lives::Counted(lives) | Lives::CountedToTheEnd(lives) = self.lives {
            state.lives = lives(memory);
        }
        if let Some(adjust) = self.adjust {
            adjust(state, &old, memory);
        }
    }

    /// The lives that `lives()` reports in `state`.
    pub(crate) fn reported_lives(&self, state: &GameState) -> i32 {
        match self.lives {
            Lives::None => 0,
            Lives::CountedToTheEnd(_) => state.lives,
            _ if state.terminal => 0,
            Lives::One => 1,
            Lives::Counted(_) | Lives::Remembered => state.lives,
        }
    }
}

impl GameState {
    /// A fresh state with `lives` lives.
    pub const fn with_lives(lives: i32) -> GameState {
        GameState { reward: 0, score: 0, terminal: false, lives, memory: [0; 7] }
    }
}

/// Numbers accepted from a saved state. Rules' numbers are far smaller, and sums of a few of these still fit into 32
/// bits.
const SAVED_NUMBERS: RangeInclusive<i32> = -(1 << 28)..=1 << 28;

impl Saved for GameState {
    fn exchange(&mut self, archive: &mut Archive) -> Result<(), StateError> {
        let Self { reward, score, terminal, lives, memory } = self;
        for number in [reward, score, lives].into_iter().chain(memory) {
            archive.number(number, SAVED_NUMBERS, "reward, score, lives or a rule's memory")?;
        }
        exchange!(archive, terminal);
        Ok(())
    }
}

/// For [`Game::adjust`]: the frame that ends the game gives no reward, and its score is not read.
fn last_frame_unscored(state: &mut GameState, old: &GameState, _: &Memory) {
    if state.terminal {
        state.reward = 0;
        state.score = old.score;
    }
}

/// Every supported game, by name.
pub fn all() -> impl Iterator<Item = &'static Game> {
    [a_to_d::GAMES, e_to_k::GAMES, l_to_r::GAMES, s_to_z::GAMES].into_iter().flatten()
}

/// The game with this snake-case name, as `ms_pacman`.
pub fn by_name(name: &str) -> Option<&'static Game> {
    all().find(|game| game.name == name)
}

/// The game of a cartridge: by the image's MD5, else by the stem of its file name, in any case of letters.
pub fn identify(md5: &str, file_stem: Option<&str>) -> Option<&'static Game> {
    let stem = file_stem.map(str::to_ascii_lowercase);
    all().find(|game| game.md5 == md5).or_else(|| by_name(&stem?))
}

/// A cartridge that is shipped with ALE although it has no rules for it: two players are needed.
struct Unscored {
    name: &'static str,
    md5: &'static str,
    properties: Properties,
}

static UNSCORED: &[Unscored] = &[
    Unscored {
        name: "combat",
        md5: "0ef64cdbecccb7049752a3de0b7ade14",
        properties: Properties { first_scanline: 39, height: 256, ..Properties::DEFAULT },
    },
    Unscored { name: "joust", md5: "3276c777cbe97cdd2b4a63ffc16b7151", properties: Properties::DEFAULT },
    Unscored {
        name: "maze_craze",
        md5: "ed2218b3075d15eaa34e3356025ccca3",
        properties: Properties { format: Some(TelevisionFormat::Pal), ..Properties::DEFAULT },
    },
    Unscored {
        name: "warlords",
        md5: "cbe5a166550a8129a5e6d374901dffad",
        properties: Properties { left_paddles: true, right_paddles: true, ..Properties::DEFAULT },
    },
];

/// The name of a cartridge that runs with the right controllers and picture but has neither score nor lives: one of the
/// four two-player games ALE comes with. [`identify`] does not know them.
pub fn identify_unscored(md5: &str) -> Option<&'static str> {
    UNSCORED.iter().find(|cartridge| cartridge.md5 == md5).map(|cartridge| cartridge.name)
}

/// The controllers and the picture of the image with this MD5.
pub(crate) fn properties(md5: &str) -> Properties {
    let scored = all().map(|game| (game.md5, game.properties));
    let unscored = UNSCORED.iter().map(|cartridge| (cartridge.md5, cartridge.properties));
    scored.chain(unscored).find(|entry| entry.0 == md5).map_or(Properties::DEFAULT, |entry| entry.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn there_are_104_games_and_our_own_in_alphabetical_order() {
        let names: Vec<_> = all().map(|game| game.name).collect();
        assert_eq!(names.iter().filter(|&&name| name != "bricks").count(), 104);
        assert_eq!(names.len(), 105);
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
        assert!(UNSCORED.iter().all(|cartridge| !names.contains(&cartridge.name)));
    }

    #[test]
    fn every_cartridge_has_its_own_md5() {
        let mut seen = HashSet::new();
        for md5 in all().map(|game| game.md5).chain(UNSCORED.iter().map(|cartridge| cartridge.md5)) {
            assert!(md5.len() == 32 && md5.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')), "{md5}");
            assert!(seen.insert(md5), "{md5} twice");
        }
    }

    #[test]
    fn minimal_actions_are_legal() {
        for game in all() {
            let minimal = game.minimal_actions.actions();
            assert!(!minimal.is_empty(), "{}", game.name);
            assert!(minimal.into_iter().all(|action| game.legal_actions.contains(action)), "{}", game.name);
        }
    }

    #[test]
    fn modes_and_difficulties_ascend_from_the_default() {
        for game in all() {
            for numbers in [game.available_modes(), game.difficulties] {
                assert!(!numbers.is_empty(), "{}", game.name);
                assert!(numbers.is_sorted_by(|a, b| a < b), "{}: {numbers:?}", game.name);
            }
            assert!(game.difficulties.iter().all(|&difficulty| difficulty < 4), "{}", game.name);
        }
    }

    #[test]
    fn a_cartridge_is_known_by_its_md5_before_its_file_name() {
        let pong = "60e0ea3cbe0913d39803477945e9e5ec";
        assert_eq!(identify(pong, Some("tennis")).map(|game| game.name), Some("pong"));
        assert_eq!(identify("", Some("TENNIS")).map(|game| game.name), Some("tennis"));
        assert!(identify("", Some("tenni")).is_none());
        assert!(identify("", None).is_none());
    }

    #[test]
    fn two_player_cartridges_have_a_name_and_properties_but_no_rules() {
        let warlords = "cbe5a166550a8129a5e6d374901dffad";
        assert!(identify(warlords, Some("warlords")).is_none());
        assert_eq!(identify_unscored(warlords), Some("warlords"));
        assert!(properties(warlords).right_paddles);
        assert_eq!(properties(""), Properties::DEFAULT);
    }

    #[test]
    fn digits_are_not_checked_but_a_blank_may_count_as_zero() {
        let mut riot = [0; 128];
        riot[..3].copy_from_slice(&[0x12, 0xFA, 0xCB]);
        let ram = Memory { riot: &riot, cartridge: &[7] };
        assert_eq!([ram.digits(0x80), ram.digits(0x81), ram.digits(0x82)], [12, 160, 131]);
        assert_eq!([ram.digit_or_blank(0x80), ram.digit_or_blank(0x81), ram.digit_or_blank(0x82)], [2, 0, 11]);
        assert_eq!(ram.digits2(0x80, 0x81), 16_012);
        assert_eq!(ram[0x00], ram[0x80]);
        assert_eq!([ram.cartridge_byte(0), ram.cartridge_byte(1)], [7, 0]);
    }
}
