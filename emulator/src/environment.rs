//! The Arcade Learning Environment's semantics on top of the console: actions, rewards, lives, episodes.
//!
//! Two generators run side by side. The console's fills RAM and starts timers at power-on and at every reset; the
//! environment's decides on sticky actions, two draws for every frame whatever happens. Neither is reseeded by a reset,
//! which is why two episodes of some games start differently.

mod saving;

use crate::action::Action;
use crate::cartridge::CartridgeImage;
use crate::console::Console;
use crate::controller::Controls;
use crate::game::{self, Game, GameState, Memory, Modes, Properties};
use crate::palette::Palette;
use crate::random::MersenneTwister;
use crate::tia::{Painted, ScreenVersion, SAMPLES, WIDTH};

/// How an [`Environment`] behaves. The defaults are ALE's but for sticky actions, which ALE has on (0.25).
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Frames an action is held for by [`Environment::act`]; 0 counts as 1.
    pub frame_skip: u32,
    /// Probability, per frame, that the previous action is repeated instead of the new one; 0 and less is never, 1 and more (and
    /// what is not a number) always.
    pub sticky_probability: f32,
    /// Seed of the environment's generator (ALE's `random_seed`).
    pub random_seed: u32,
    /// Seed of the console's generator (ALE's `system_random_seed`).
    pub system_seed: u32,
    /// Frames after which an episode is truncated; 0 means never.
    pub max_episode_frames: u32,
    /// Truncate the episode when a life is lost.
    pub truncate_on_life_loss: bool,
    /// The least and the most that an act's reward can be; the most wins if they are the wrong way round.
    pub reward_range: (i32, i32),
    /// Every picture is a mixture of the last two frames (ALE's `color_averaging`).
    pub colour_averaging: bool,
    /// Every act makes [`Environment::audio`] samples (ALE's `sound_obs`).
    pub sound_observation: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            frame_skip: 1,
            sticky_probability: 0.0,
            random_seed: 0,
            system_seed: 4_753_849,
            max_episode_frames: 0,
            truncate_on_life_loss: false,
            reward_range: (i32::MIN, i32::MAX),
            colour_averaging: false,
            sound_observation: false,
        }
    }
}

/// A picture: rows of palette indices. Two are equal if they show the same.
#[derive(Clone, Copy, Debug)]
pub struct Screen<'a> {
    /// Palette indices, row by row: `height * width` of them.
    pub pixels: &'a [u8],
    /// Pixels in a row: always 160.
    pub width: usize,
    /// Rows: 210 for most NTSC games, 250 for PAL.
    pub height: usize,
    /// When its rows were painted, if they were painted and not computed.
    painted: Option<Painted<'a>>,
}

impl<'a> Screen<'a> {
    /// A picture that no console painted: `height * width` palette indices, row by row.
    pub fn new(pixels: &'a [u8], width: usize, height: usize) -> Self {
        Self { pixels, width, height, painted: None }
    }

    /// What to keep in order to ask a later screen what has [changed since](Self::changed_since); `None` if it could not tell.
    pub fn version(&self) -> Option<ScreenVersion> {
        self.painted.map(|painted| painted.version)
    }

    /// For every row whether it may show something else than in the screen whose [version](Self::version) was `version`. Where
    /// nothing is known of the two every row may: the console paints two buffers in turns, and a clone's are others.
    #[inline]
    pub fn changed_since(&self, version: Option<ScreenVersion>) -> impl Iterator<Item = bool> + use<'a> {
        let (painted_in, known) = self.painted.map_or((&[][..], 0), |painted| painted.since(version));
        (0..self.height).map(move |row| painted_in.get(row).is_none_or(|&painting| painting > known))
    }
}

impl PartialEq for Screen<'_> {
    fn eq(&self, other: &Self) -> bool {
        (self.pixels, self.width, self.height) == (other.pixels, other.width, other.height)
    }
}

impl Eq for Screen<'_> {}

/// A mode the game does not offer.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{game} has no mode {mode}; choose one of {available:?}")]
pub struct ModeError {
    /// What was asked for.
    pub mode: u32,
    /// The game's name.
    pub game: String,
    /// What it offers.
    pub available: Vec<u32>,
}

/// A difficulty the game does not offer.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{game} has no difficulty {difficulty}; choose one of {available:?}")]
pub struct DifficultyError {
    /// What was asked for.
    pub difficulty: u32,
    /// The game's name.
    pub game: String,
    /// What it offers.
    pub available: Vec<u32>,
}

/// Frames without input at the start of a reset, and frames RESET is then held for.
const BOOT_FRAMES: u32 = 60;
const RESET_FRAMES: u32 = 4;

/// More presses of SELECT than any game needs to reach any of its modes (turmoil: 93).
const MOST_PRESSES: u32 = 1_000;

/// What one frame at full stick adds to a paddle's resistance, and the least it can be, in ohm.
const PADDLE_DELTA: f64 = 23_000.0;
const PADDLE_MIN: i32 = 27_450;

/// One console with one cartridge, stepped by actions.
///
/// A clone is the complete state: console, game rules, both generators, sticky memory. It goes on exactly as the original.
/// [`Environment::save`] makes the same into bytes.
#[derive(Clone, Debug)]
pub struct Environment {
    console: Console,
    settings: Settings,
    random: MersenneTwister,
    /// Of the cartridge image.
    md5: [u8; 16],
    game: Option<&'static Game>,
    /// The game's rules, or rules that see nothing when the cartridge is not a known game.
    rules: &'static Game,
    properties: Properties,
    state: GameState,
    mode: u32,
    difficulty: u32,
    /// Lives before the first frame: what `truncate_on_life_loss` compares with.
    initial_lives: i32,
    /// The action held since the last frame that was not sticky, and how far a paddle is turned for it.
    remembered: (Action, f32),
    paddles: [i32; 2],
    frame_number: u32,
    episode_frame_number: u32,
    /// Colour averaging's picture.
    averaged: Vec<u8>,
    audio: [u8; SAMPLES],
}

impl Environment {
    /// Powers the console on with `image` in its slot and resets it once, as ALE does when it loads a cartridge.
    ///
    /// Controllers and picture follow from the image's MD5 alone; score, lives and the rest from the MD5 or, failing
    /// that, from the file stem. An image that is neither runs with joysticks and without a score: [`Environment::game`]
    /// is `None`.
    pub fn new(image: &CartridgeImage, settings: Settings) -> Self {
        let game = game::identify(image.md5(), image.file_stem());
        let rules = game.unwrap_or(&Game::ORDINARY);
        let properties = game::properties(image.md5());
        let mut environment = Self {
            console: Console::new(image, properties, settings.system_seed),
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
            averaged: Vec::new(),
            audio: [0; SAMPLES],
        };
        environment.reset();
        environment
    }

    /// Starts a new episode: 60 frames without input, RESET, the game's mode, RESET, the game's starting actions.
    ///
    /// RAM is not cleared and no generator is reseeded, as on the console: an episode may start differently from the last.
    pub fn reset(&mut self) {
        self.episode_frame_number = 0;
        self.paddles = [(PADDLE_MIN + self.properties.paddle_max) / 2; 2];
        self.console.reset();
        for _ in 0..BOOT_FRAMES {
            self.emulate(Action::Noop, 1.0);
        }
        self.soft_reset();
        self.state = self.rules.initial;
        self.choose_mode();
        self.soft_reset();
        for &(frames, action) in self.rules.start {
            for _ in 0..frames {
                self.emulate(action, 1.0);
            }
        }
    }

    /// Holds `action` for `frame_skip` frames and returns the sum of their rewards, clamped to `reward_range`.
    ///
    /// An action that is not legal for the game acts as NOOP, and so does RESET. Once the game is over nothing is emulated
    /// and the reward is 0.
    pub fn act(&mut self, action: Action) -> i32 {
        self.act_with_strength(action, 1.0)
    }

    /// [`act`](Self::act) with paddles turned by `strength` times ALE's 23,000 ohm a frame; its sign does not matter, and
    /// joysticks ignore it.
    pub fn act_with_strength(&mut self, action: Action, strength: f32) -> i32 {
        let sum = (0..self.settings.frame_skip.max(1))
            .map(|_| self.act_for_one_frame(action, strength))
            .fold(0, i32::saturating_add);
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
        // Player B, who never does anything, has a draw as well.
        self.random.draw_unit();
        if self.game_over() {
            return 0;
        }
        let (action, strength) = self.remembered;
        let legal = self.rules.legal_actions.contains(action);
        self.emulate(if legal { action } else { Action::Noop }, strength);
        self.count_frame();
        self.state.reward
    }

    /// ALE makes the samples at the end of an act, also when the game is over and no frame is emulated.
    fn make_audio(&mut self) {
        if self.settings.sound_observation {
            self.console.fill_sound(&mut self.audio);
        }
    }

    /// Holds the console's RESET switch for four frames: a new game without the rest of [`Environment::reset`].
    pub fn soft_reset(&mut self) {
        for _ in 0..RESET_FRAMES {
            self.emulate(Action::Reset, 1.0);
        }
        self.remembered = (Action::Noop, 1.0);
    }

    /// Holds SELECT for `frames` frames, then lets go of everything for one. Counts as one frame, and only that one is seen
    /// by the game's rules.
    pub fn press_select(&mut self, frames: u32) {
        let controls = Controls { select: true, ..self.controls(Action::Noop) };
        self.console.set_controls(&controls);
        for _ in 0..frames {
            self.console.update();
        }
        self.emulate(Action::Noop, 1.0);
        self.count_frame();
    }

    /// One frame with `action`, and the game's rules after it.
    fn emulate(&mut self, action: Action, strength: f32) {
        if self.properties.has_paddles() {
            self.turn_paddle(action, strength);
        }
        let controls = self.controls(action);
        self.console.set_controls(&controls);
        self.console.update();
        let memory = Memory { riot: self.console.ram(), cartridge: self.console.cartridge_ram() };
        self.rules.after_frame(&mut self.state, &memory);
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
        // To the right is towards less resistance.
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

    /// How the cartridge's code is executed from now on: for comparisons, as nothing but time depends on it.
    #[doc(hidden)]
    #[cfg(feature = "translate")]
    pub fn set_translation(&mut self, translation: crate::Translation) {
        self.console.set_translation(translation);
    }

    /// Instructions that translated code has executed since [`Environment::set_translation`]: shows that a comparison compared
    /// something.
    #[doc(hidden)]
    #[cfg(feature = "translate")]
    pub fn executed_by_translated_code(&self) -> u64 {
        self.console.executed_by_translated_code()
    }

    /// A draw of the environment's generator.
    pub(crate) fn draw(&mut self) -> u32 {
        self.random.draw()
    }

    /// What the game's rules remember.
    pub(crate) fn state_mut(&mut self) -> &mut GameState {
        &mut self.state
    }

    fn count_frame(&mut self) {
        self.frame_number = self.frame_number.wrapping_add(1);
        self.episode_frame_number = self.episode_frame_number.wrapping_add(1);
    }

    fn choose_mode(&mut self) {
        match self.rules.modes {
            Modes::Single => {}
            Modes::Shown { address, press_frames, .. } => {
                self.select_until(|ram, mode| u32::from(ram[address]) == mode, press_frames);
            }
            Modes::Select { reached, press_frames, .. } => self.select_until(reached, press_frames),
            Modes::Custom { choose, .. } => choose(self, self.mode),
        }
    }

    /// Presses SELECT for `press_frames` frames until `reached` holds for the mode wanted, then makes a soft reset.
    ///
    /// Gives up after [`MOST_PRESSES`]: a foreign cartridge under a game's file name may never get there, and ALE would hang.
    pub(crate) fn select_until(&mut self, reached: impl Fn(&Memory, u32) -> bool, press_frames: u32) {
        for _ in 0..MOST_PRESSES {
            if reached(&self.memory(), self.mode) {
                break;
            }
            self.press_select(press_frames);
        }
        self.soft_reset();
    }

    /// What the game's rules see now.
    pub(crate) fn memory(&self) -> Memory<'_> {
        Memory { riot: self.console.ram(), cartridge: self.console.cartridge_ram() }
    }

    /// The screen as the last frame left it. Looking is what makes the emulator paint it: frames nobody looks at cost less.
    pub fn screen(&mut self) -> Screen<'_> {
        let height = self.screen_height();
        if self.settings.colour_averaging {
            let averages = self.palette().averages();
            let [current, previous] = self.console.last_two_screens();
            let mixed = current.iter().zip(previous).map(|(&a, &b)| averages[usize::from(a) << 8 | usize::from(b)]);
            self.averaged.clear();
            self.averaged.extend(mixed);
            return Screen::new(&self.averaged, WIDTH, height);
        }
        let painted = self.console.screen();
        Screen { painted: Some(painted), ..Screen::new(&painted.pixels[..height * WIDTH], WIDTH, height) }
    }

    /// The sound of the last act: 512 samples, 128 is silence, for the time of one frame whatever the frame skip is. All 0
    /// without [`Settings::sound_observation`], and before the first act. A reset does not stop the sound.
    pub fn audio(&self) -> &[u8; 512] {
        &self.audio
    }

    /// Rows of the screen: 210 for most NTSC games, 250 for PAL.
    pub fn screen_height(&self) -> usize {
        self.console.exposed_rows() as usize
    }

    /// The colours of the screen's indices.
    pub fn palette(&self) -> &'static Palette {
        Palette::of(self.console.format())
    }

    /// Frames a second on a television: 60 (NTSC) or 50 (PAL).
    pub fn frames_per_second(&self) -> u32 {
        match self.console.format() {
            game::Format::Ntsc => 60,
            game::Format::Pal => 50,
        }
    }

    /// The 128 bytes of RIOT RAM, CPU addresses $80 to $FF.
    pub fn ram(&self) -> &[u8; 128] {
        self.console.ram()
    }

    /// The same, to be changed; the game sees it at its next frame.
    pub fn ram_mut(&mut self) -> &mut [u8; 128] {
        self.console.ram_mut()
    }

    /// Lives left by the game's own counting; 0 or 1 for games without lives.
    pub fn lives(&self) -> i32 {
        self.rules.reported_lives(&self.state)
    }

    /// The game has ended by its own rules.
    pub fn terminal(&self) -> bool {
        self.state.terminal
    }

    /// The episode was cut off: too many frames, or a lost life with `truncate_on_life_loss`.
    pub fn truncated(&self) -> bool {
        let limit = self.settings.max_episode_frames;
        (limit > 0 && self.episode_frame_number >= limit)
            || (self.settings.truncate_on_life_loss && self.lives() < self.initial_lives)
    }

    /// Terminal or truncated.
    pub fn game_over(&self) -> bool {
        self.terminal() || self.truncated()
    }

    /// Score as the game shows it.
    pub fn score(&self) -> i32 {
        self.state.score
    }

    /// Frames since the cartridge was loaded, those of resets not counted.
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

    /// The actions that matter to the game, in ascending number.
    pub fn minimal_actions(&self) -> Vec<Action> {
        self.rules.minimal_actions.actions()
    }

    /// The actions the game accepts, in ascending number.
    pub fn legal_actions(&self) -> Vec<Action> {
        self.rules.legal_actions.actions()
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether an undefined opcode has stopped the CPU. Frames still pass, the picture stands still; a reset helps.
    pub fn jammed(&self) -> bool {
        self.console.jammed()
    }

    /// Chooses the game mode that the next reset brings about.
    ///
    /// # Errors
    /// When the game does not have it; the message lists those it has.
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
    /// When the game does not offer it; the message lists what it offers.
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
