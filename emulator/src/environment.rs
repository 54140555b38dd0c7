//! The Arcade Learning Environment's semantics on top of the console: actions, rewards, lives, episodes.
//!
//! Two generators run side by side. The console's fills RAM and starts timers at power-on and at every reset; the
//! environment's decides on sticky actions, two draws for every frame whatever happens. Neither is reseeded by a reset,
//! which is why two episodes of some games start differently.

mod saving;
mod settings;

use crate::action::Action;
use crate::console::Console;
use crate::controller::Controls;
use crate::game::{self, Game, GameState, Memory, Modes, Switches};
use crate::image::CartridgeImage;
use crate::palette::Palette;
use crate::properties::{Properties, TelevisionFormat};
use crate::random::MersenneTwister;
use crate::screen::Screen;
use crate::tia::{SAMPLES, WIDTH};
use crate::translation::Translation;
pub use settings::Settings;
use std::ops::ControlFlow;

/// A game mode that the game does not have.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
#[error("{game} has no mode {mode}; choose one of {available:?}")]
pub struct ModeError {
    /// The mode asked for.
    pub mode: u32,
    /// The game's name.
    pub game: String,
    /// The game's modes.
    pub available: Vec<u32>,
}

/// A difficulty that the game does not have.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
#[error("{game} has no difficulty {difficulty}; choose one of {available:?}")]
pub struct DifficultyError {
    /// The difficulty asked for.
    pub difficulty: u32,
    /// The game's name.
    pub game: String,
    /// The game's difficulties.
    pub available: Vec<u32>,
}

/// Frames without input at the start of a reset, and frames RESET is then held for.
const BOOT_FRAMES: u32 = 60;
const RESET_FRAMES: u32 = 4;

/// More frames than any game needs to reach any of its modes (video_cube's last: 920; adventure presses for random times).
const MOST_CHOOSING_FRAMES: u32 = 10_000;

/// Change of a paddle's resistance by one frame at full stick, and its least value, in ohm.
const PADDLE_DELTA: f64 = 23_000.0;
const PADDLE_MIN: i32 = 27_450;

/// One console with one cartridge, stepped by actions.
///
/// A clone is the complete state: console, game rules, both generators, sticky memory. It continues exactly as the original.
/// [`Environment::save`] turns the same state into bytes.
#[derive(Clone, Debug)]
pub struct Environment {
    console: Console,
    settings: Settings,
    random: MersenneTwister,
    /// MD5 of the cartridge image.
    md5: [u8; 16],
    game: Option<&'static Game>,
    /// The game's rules, or empty rules when the cartridge is not a known game.
    rules: &'static Game,
    properties: Properties,
    state: GameState,
    mode: u32,
    difficulty: u32,
    /// Lives before the first frame, the number that `truncate_on_life_loss` compares with.
    initial_lives: i32,
    /// The action of the last frame that was not sticky, repeated by sticky frames, and its paddle strength.
    remembered: (Action, f32),
    paddles: [i32; 2],
    frame_number: u32,
    episode_frame_number: u32,
    /// Frames in a row that the program did not end.
    unfinished_frames: u32,
    /// Frames since the choice of the mode began.
    choosing_frames: u32,
    /// The picture that color averaging computes.
    averaged: Vec<u8>,
    audio: [u8; SAMPLES],
}

impl Environment {
    /// Powers the console on with `image` in its slot and resets it once, as ALE does when it loads a cartridge.
    ///
    /// The image's MD5 alone decides on controllers and picture. Score, lives and the other rules are found by the MD5
    /// or, failing that, by the file stem. An image known by neither runs with joysticks and without a score:
    /// [`Environment::game`] is `None`.
    pub fn new(image: &CartridgeImage, settings: Settings) -> Self {
        let game = game::identify(image.md5(), image.file_stem());
        let rules = game.unwrap_or(&Game::ORDINARY);
        let properties = game::properties(image.md5());
        let mut environment = Self {
            console: Console::new(image, properties, settings.system_seed, settings.translation),
            random: MersenneTwister::new(settings.random_seed),
            settings,
            md5: image.md5_bytes(),
            game,
            rules,
            properties,
            state: rules.initial,
            mode: rules.available_modes()[0],
            difficulty: 0,
            initial_lives: rules.reported_lives(&rules.initial),
            remembered: (Action::Noop, 1.0),
            paddles: [0; 2],
            frame_number: 0,
            episode_frame_number: 0,
            unfinished_frames: 0,
            choosing_frames: 0,
            averaged: Vec::new(),
            audio: [0; SAMPLES],
        };
        environment.reset();
        environment
    }

    /// Starts a new episode: 60 frames without input, RESET, the game's mode, RESET, the game's starting actions.
    ///
    /// As on the console, RAM is not cleared and no generator is reseeded, so episodes may start differently.
    pub fn reset(&mut self) {
        self.episode_frame_number = 0;
        self.paddles = [(PADDLE_MIN + self.properties.paddle_max) / 2; 2];
        self.console.reset();
        self.emulate_frames(Action::Noop, BOOT_FRAMES);
        self.soft_reset();
        self.state = self.rules.initial;
        self.choose_mode();
        self.soft_reset();
        for &(frames, action) in self.rules.start {
            for _ in 0..frames {
                self.emulate_frames(action, 1);
            }
        }
    }

    /// Holds `action` for `frame_skip` frames and returns the sum of their rewards, clamped to `reward_range`.
    ///
    /// RESET and actions that are not legal for the game act as NOOP. Once the game is over, no frame is emulated and
    /// the reward is 0.
    pub fn act(&mut self, action: Action) -> i32 {
        self.act_with_strength(action, 1.0)
    }

    /// [`act`](Self::act) with paddles turned by `strength` times ALE's 23,000 ohm a frame. The sign of `strength` does
    /// not matter, and joysticks ignore it.
    pub fn act_with_strength(&mut self, action: Action, strength: f32) -> i32 {
        self.act_watched(action, strength, |_| ControlFlow::Continue(()))
    }

    /// [`act_with_strength`](Self::act_with_strength), but `before_frame` is called before each of the frames, also once the game
    /// is over. The screen is then that of the frame before. If it breaks, the act ends early, with the rewards so far.
    pub fn act_watched(
        &mut self,
        action: Action,
        strength: f32,
        mut before_frame: impl FnMut(&mut Self) -> ControlFlow<()>,
    ) -> i32 {
        let mut sum = 0i32;
        for _ in 0..self.settings.frame_skip.max(1) {
            if before_frame(self).is_break() {
                break;
            }
            sum = sum.saturating_add(self.act_for_one_frame(action, strength));
        }
        self.make_audio();
        let (least, most) = self.settings.reward_range;
        sum.max(least).min(most)
    }

    /// Holds `action` for one frame, whatever the frame skip is, and returns the frame's reward.
    pub fn act_once(&mut self, action: Action) -> i32 {
        let reward = self.act_for_one_frame(action, 1.0);
        self.make_audio();
        reward
    }

    fn act_for_one_frame(&mut self, action: Action, strength: f32) -> i32 {
        let sticky = f64::from(self.settings.sticky_probability);
        if self.random.draw_unit() >= sticky {
            self.remembered = (action, strength);
        }
        // ALE draws for player B too, who never acts.
        self.random.draw_unit();
        if self.game_over() {
            return 0;
        }
        let (action, strength) = self.remembered;
        let legal = self.rules.legal_actions.contains(action);
        self.emulate(if legal { action } else { Action::Noop }, strength);
        self.copy_ram();
        self.count_frame();
        self.state.reward
    }

    /// ALE makes samples at the end of every act, even when the game is over and no frame is emulated.
    fn make_audio(&mut self) {
        if self.settings.sound_observation {
            self.console.fill_sound(&mut self.audio);
        }
    }

    /// Holds the console's RESET switch for four frames: a new game without the rest of [`Environment::reset`].
    pub fn soft_reset(&mut self) {
        self.emulate_frames(Action::Reset, RESET_FRAMES);
        self.remembered = (Action::Noop, 1.0);
    }

    /// Holds SELECT for `frames` frames, then releases everything for one. Only that last frame is counted in the frame
    /// numbers and passed to the game's rules.
    pub fn press_select(&mut self, frames: u32) {
        let controls = Controls { select: true, ..self.controls(Action::Noop) };
        self.console.set_controls(&controls);
        for _ in 0..frames {
            self.console.update();
        }
        self.choosing_frames = self.choosing_frames.saturating_add(frames);
        self.emulate_frames(Action::Noop, 1);
        self.count_frame();
    }

    /// Emulates one frame with `action`, then applies the game's rules. Their last read of RAM remains on the data bus.
    fn emulate(&mut self, action: Action, strength: f32) {
        if self.properties.has_paddles() {
            self.turn_paddle(action, strength);
        }
        let controls = self.controls(action);
        self.console.set_controls(&controls);
        self.console.update();
        let memory = Memory { riot: self.console.ram(), cartridge: self.console.cartridge_ram() };
        self.rules.after_frame(&mut self.state, &memory);
        self.choosing_frames = self.choosing_frames.saturating_add(1);
        self.unfinished_frames =
            if self.console.frame_finished() { 0 } else { self.unfinished_frames.saturating_add(1) };
        let last_read = (self.rules.last_read)(&memory, &self.state);
        self.console.leave_on_data_bus(last_read);
    }

    /// Emulates `frames` frames with `action`, which ends as ALE's emulation of several frames does: with a copy of RAM.
    fn emulate_frames(&mut self, action: Action, frames: u32) {
        for _ in 0..frames {
            self.emulate(action, 1.0);
        }
        self.copy_ram();
    }

    /// ALE copies RIOT RAM when it has emulated the frames asked for: one in an action, more in a reset. The byte copied last
    /// stays on the data bus.
    fn copy_ram(&mut self) {
        let last = self.console.ram()[0x7F];
        self.console.leave_on_data_bus(last);
    }

    fn controls(&self, action: Action) -> Controls {
        let paddles = self.properties.has_paddles();
        Controls {
            stick: [if paddles { Action::Noop } else { action }, Action::Noop],
            paddle: [self.paddles[0], self.paddles[1], 0, 0],
            paddle_fire: [paddles && action.fire(), false],
            select: false,
            reset: action == Action::Reset,
            difficulty_a: [self.difficulty & 1 != 0, self.difficulty & 2 != 0],
        }
    }

    fn turn_paddle(&mut self, action: Action, strength: f32) {
        let turn = PADDLE_DELTA * f64::from(strength).abs();
        // Turning right lowers the resistance.
        let change = if action.right() {
            -turn
        } else if action.left() {
            turn
        } else {
            0.0
        };
        // Player B's paddle stays where it is.
        self.paddles[0] = self.paddles[0].saturating_add(change as i32).clamp(PADDLE_MIN, self.properties.paddle_max);
    }

    /// Changes [`Settings::translation`], so that tests can compare clones that execute code differently.
    #[doc(hidden)]
    pub fn set_translation(&mut self, translation: Translation) {
        self.settings.translation = translation;
        self.console.set_translation(translation);
    }

    /// Instructions that translated code has executed since this environment was made, or since
    /// [`Environment::set_translation`]. With it, tests check that translated code ran at all.
    #[doc(hidden)]
    #[cfg(feature = "translate")]
    pub fn executed_by_translated_code(&self) -> u64 {
        self.console.executed_by_translated_code()
    }

    fn count_frame(&mut self) {
        self.frame_number = self.frame_number.wrapping_add(1);
        self.episode_frame_number = self.episode_frame_number.wrapping_add(1);
    }

    fn choose_mode(&mut self) {
        self.choosing_frames = 0;
        match self.rules.modes {
            Modes::Single => {}
            Modes::Shown { address, press_frames, .. } => {
                self.press_select_until(|ram, mode| u32::from(ram[address]) == mode, press_frames);
            }
            Modes::Select { reached, press_frames, .. } => self.press_select_until(reached, press_frames),
            Modes::Custom { choose, .. } => {
                let mode = self.mode;
                choose(self, mode);
            }
        }
    }

    /// Presses SELECT for `press_frames` frames until `reached` holds for the mode wanted, then makes a soft reset.
    ///
    /// [Gives up](Switches::gives_up) with a foreign cartridge.
    fn press_select_until(&mut self, reached: impl Fn(&Memory, u32) -> bool, press_frames: u32) {
        while !reached(&Switches::memory(self), self.mode) && !self.gives_up() {
            self.press_select(press_frames);
        }
        self.soft_reset();
    }

    /// The screen after the last frame. It is painted only now, so frames that are never looked at cost less.
    pub fn screen(&mut self) -> Screen<'_> {
        let (height, palette) = (self.screen_height(), self.palette());
        if self.settings.color_averaging {
            let averages = palette.averages();
            let [current, previous] = self.console.last_two_screens();
            let mixed = current.iter().zip(previous).map(|(&a, &b)| averages[usize::from(a) << 8 | usize::from(b)]);
            self.averaged.clear();
            self.averaged.extend(mixed);
            return Screen::new(&self.averaged, WIDTH, height).with_palette(palette);
        }
        Screen::of_painted(self.console.screen(), height, palette)
    }

    /// The sound of the last act: 512 unsigned 8-bit samples, of which 128 is silence. They cover the time of one frame
    /// whatever the frame skip is. All are 0 without [`Settings::sound_observation`] and before the first act. A reset
    /// does not stop the sound.
    pub fn audio(&self) -> &[u8; 512] {
        &self.audio
    }

    /// Rows of the screen: 210 for most NTSC games, 250 for PAL.
    pub fn screen_height(&self) -> usize {
        self.console.exposed_rows() as usize
    }

    /// The colors of the screen's palette indices.
    pub fn palette(&self) -> &'static Palette {
        Palette::of(self.console.format())
    }

    /// Frames a second on a television: 60 (NTSC) or 50 (PAL).
    pub fn frames_per_second(&self) -> u32 {
        match self.console.format() {
            TelevisionFormat::Ntsc => 60,
            TelevisionFormat::Pal => 50,
        }
    }

    /// The 128 bytes of RIOT RAM, CPU addresses $80 to $FF.
    pub fn ram(&self) -> &[u8; 128] {
        self.console.ram()
    }

    /// RIOT RAM, mutable; the game sees changes in its next frame.
    pub fn ram_mut(&mut self) -> &mut [u8; 128] {
        self.console.ram_mut()
    }

    /// Writes `value` to the byte of RIOT RAM with this index, 0 to 127, as ALE's `setRAM` does: over the bus, where it remains.
    /// Returns whether there is such a byte.
    pub fn write_ram(&mut self, index: usize, value: u8) -> bool {
        let Some(byte) = self.console.ram_mut().get_mut(index) else { return false };
        *byte = value;
        self.console.leave_on_data_bus(value);
        true
    }

    /// Lives left by the game's own counting; 0 or 1 for games without lives.
    pub fn lives(&self) -> i32 {
        self.rules.reported_lives(&self.state)
    }

    /// Whether the game has ended by its own rules.
    pub fn terminal(&self) -> bool {
        self.state.terminal
    }

    /// Whether the episode was cut off: too many frames, or a lost life with `truncate_on_life_loss`.
    pub fn truncated(&self) -> bool {
        let limit = self.settings.max_episode_frames;
        (limit > 0 && self.episode_frame_number >= limit)
            || (self.settings.truncate_on_life_loss && self.lives() < self.initial_lives)
    }

    /// Whether the episode is terminal or truncated.
    pub fn game_over(&self) -> bool {
        self.terminal() || self.truncated()
    }

    /// The score as the game shows it.
    pub fn score(&self) -> i32 {
        self.state.score
    }

    /// Frames since the cartridge was loaded, without the frames of resets.
    pub fn frame_number(&self) -> u32 {
        self.frame_number
    }

    /// Frames since the last reset. Games whose mode must be selected start above 0.
    pub fn episode_frame_number(&self) -> u32 {
        self.episode_frame_number
    }

    /// The game's facts; `None` when the cartridge is not a supported game.
    pub fn game(&self) -> Option<&'static Game> {
        self.game
    }

    /// The controllers and the picture of the cartridge.
    pub fn properties(&self) -> &Properties {
        &self.properties
    }

    /// The actions that matter to the game, in ascending number.
    pub fn minimal_actions(&self) -> Vec<Action> {
        self.rules.minimal_actions.actions()
    }

    /// The actions that the game accepts, in ascending number.
    pub fn legal_actions(&self) -> Vec<Action> {
        self.rules.legal_actions.actions()
    }

    /// MD5 of the cartridge image, as [`CartridgeImage::md5`] writes it: 32 lower-case hexadecimal digits.
    pub fn md5(&self) -> String {
        self.md5.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The settings that the environment was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether an undefined opcode has stopped the CPU. Until a reset, frames still pass and the picture stands still.
    pub fn jammed(&self) -> bool {
        self.console.jammed()
    }

    /// Frames in a row, up to the last one, that the program did not end by itself: after 25,000 instructions the next frame begins.
    /// A program that never ends a frame is emulated about a hundred times slower than a game, unless it is [jammed](Self::jammed).
    pub fn unfinished_frames(&self) -> u32 {
        self.unfinished_frames
    }

    /// The game mode of the episodes after the next reset: the game's first until [`set_mode`](Self::set_mode) has chosen
    /// another.
    pub fn mode(&self) -> u32 {
        self.mode
    }

    /// The modes that the game has, in ascending order, the default first; `[0]` for a cartridge without a supported game.
    pub fn available_modes(&self) -> &'static [u32] {
        self.rules.available_modes()
    }

    /// The setting of the difficulty switches: bit 0 the left one, bit 1 the right one. 0 until
    /// [`set_difficulty`](Self::set_difficulty).
    pub fn difficulty(&self) -> u32 {
        self.difficulty
    }

    /// The difficulties that the game has, in ascending order; `[0]` for a cartridge without a supported game.
    pub fn available_difficulties(&self) -> &'static [u32] {
        self.rules.difficulties
    }

    /// Chooses the game mode for the episodes after the next reset.
    ///
    /// # Errors
    /// [`ModeError`] if the game does not have the mode; its message lists the available modes.
    pub fn set_mode(&mut self, mode: u32) -> Result<(), ModeError> {
        let available = self.rules.available_modes();
        if !available.contains(&mode) {
            return Err(ModeError { mode, game: self.name(), available: available.to_vec() });
        }
        self.mode = mode;
        Ok(())
    }

    /// Sets the difficulty switches (bit 0 left, bit 1 right) from the next frame on.
    ///
    /// # Errors
    /// [`DifficultyError`] if the game does not have the difficulty; its message lists the available difficulties.
    pub fn set_difficulty(&mut self, difficulty: u32) -> Result<(), DifficultyError> {
        let available = self.rules.difficulties;
        if !available.contains(&difficulty) {
            return Err(DifficultyError { difficulty, game: self.name(), available: available.to_vec() });
        }
        self.difficulty = difficulty;
        Ok(())
    }

    fn name(&self) -> String {
        self.game.map_or("a cartridge without a supported game", |game| game.name).to_string()
    }
}

impl Switches for Environment {
    fn hold(&mut self, action: Action) {
        self.act(action);
    }

    fn press_select(&mut self, frames: u32) {
        Environment::press_select(self, frames);
    }

    fn select_until(&mut self, reached: fn(&Memory, u32) -> bool, press_frames: u32) {
        self.press_select_until(reached, press_frames);
    }

    fn soft_reset(&mut self) {
        Environment::soft_reset(self);
    }

    fn memory(&self) -> Memory<'_> {
        Memory { riot: self.console.ram(), cartridge: self.console.cartridge_ram() }
    }

    fn game_over(&self) -> bool {
        Environment::game_over(self)
    }

    fn gives_up(&self) -> bool {
        // A program that has not ended a frame since the reset has no menu, and each of its frames takes a hundred times as long.
        self.choosing_frames >= MOST_CHOOSING_FRAMES || self.unfinished_frames >= BOOT_FRAMES + RESET_FRAMES
    }

    fn draw(&mut self) -> u32 {
        self.random.draw()
    }

    fn state_mut(&mut self) -> &mut GameState {
        &mut self.state
    }
}
