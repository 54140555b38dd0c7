//! Atari games as an [`Environment`]: stacks of 84 x 84 gray pictures, actions by index.

mod described;
pub mod preprocess;

use crate::config::{self, LifeLoss};
use crate::drawing::{Colors, Picture};
use crate::environments::cartridges::{self, LoadedRom};
use crate::environments::{Conditions, Description, Environment, EnvironmentSpec, Spec, Step};
use crate::observations::{Place, Seen, Space};
use crate::random::{Generator, Purpose};
use anyhow::{bail, ensure, Context, Result};
use atari_emulator::{Action, CartridgeImage, Palette, Settings};
use described::Described;
use preprocess::{
    empty_stack, AgentEnvironment, EnvironmentState, FrameStack, Preprocessing, Resize, FRAME_PIXELS, SPACE,
};
use std::sync::{Arc, Once};

/// Frames an action is held for by most trained agents, and so by players that are no agents.
pub const USUAL_FRAME_SKIP: u32 = 4;

/// Frames in a row that a program may leave unfinished before a warning: 10 seconds of the game.
const UNFINISHED_FRAMES: u32 = 600;

/// How a game is presented to a learner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpisodeRules {
    /// An episode begins with 0 to this many no-op frames.
    pub noop_max: u32,
    /// A lost life is a terminal to the learner, though the game continues.
    pub life_loss_is_terminal: bool,
    /// Rewards are clipped to [-1, 1] for the learner.
    pub reward_clip: bool,
}

/// Everything from which an [`Atari`] is made.
#[derive(Clone, Debug)]
pub struct AtariSpec {
    /// The game's name.
    pub name: String,
    /// The cartridge.
    pub image: CartridgeImage,
    /// Actions by index.
    pub actions: Vec<Action>,
    /// Frame skip and reduction of the pictures.
    pub preprocessing: Preprocessing,
    /// The rules of training; the usual ones if the game comes from a model, which does not know them.
    pub training: config::AtariKeys,
}

impl AtariSpec {
    /// The game that these keys ask for, from the cartridge `rom`, by file or name; without one the built-in game.
    ///
    /// # Errors
    /// When the cartridge cannot be read, or is no supported game.
    pub fn of(keys: &config::AtariKeys, rom: Option<&str>) -> Result<Self> {
        let rom = rom.map_or_else(|| Ok(cartridges::built_in()), cartridges::load)?;
        ensure_scores(&rom)?;
        let mut spec = Self::with_minimal_actions(&rom, keys.frame_skip);
        if keys.full_action_space {
            spec.actions = Action::ALL.to_vec();
        }
        Ok(Self { preprocessing: preprocessing(keys), training: keys.clone(), ..spec })
    }

    /// The game in `rom` for policies that ignore observations: its minimal actions, each held for `frame_skip` frames.
    pub fn with_minimal_actions(rom: &LoadedRom, frame_skip: u32) -> Self {
        Self {
            name: rom.name.clone(),
            image: rom.image.clone(),
            actions: minimal_actions(&rom.image),
            preprocessing: Preprocessing::new(frame_skip, Resize::Area, false),
            training: config::AtariKeys::default(),
        }
    }

    /// The game that a model's file describes, from the cartridge `rom`, by file or name; without one from that of its name.
    ///
    /// # Errors
    /// When there is no such cartridge, or it differs from the model's by game or MD5, or lacks the model's actions.
    pub fn described(description: &Description, rom: Option<&str>) -> Result<Self> {
        let described = Described::read(description)?;
        let rom = match rom {
            Some(rom) => cartridges::load(rom)?,
            None => cartridges::load(&described.game)
                .with_context(|| format!("the network plays {}; give its cartridge with --rom", described.game))?,
        };
        described.check_cartridge(&rom)?;
        let Described { actions, preprocessing, .. } = described;
        Ok(Self { actions, preprocessing, ..Self::with_minimal_actions(&rom, preprocessing.frame_skip) })
    }

    /// Number `index` of the environments that a run with this `seed` trains in.
    pub fn training_game(&self, seed: u64, index: usize) -> Atari {
        let random_seed = match index {
            0 => seed,
            index => Generator::numbered(seed, Purpose::Environments, index as u64).bits(),
        };
        let keys = &self.training;
        let rules = EpisodeRules {
            noop_max: keys.noop_max,
            life_loss_is_terminal: keys.life_loss == LifeLoss::Terminal,
            reward_clip: keys.reward_clip,
        };
        self.game(&self.conditions(random_seed), rules)
    }

    /// If a lost life is a terminal to the learner, a step ends with the frame that costs it.
    fn game(&self, conditions: &Conditions, rules: EpisodeRules) -> Atari {
        let settings = Settings::default()
            .with_sticky_probability(conditions.sticky_probability)
            .with_random_seed(conditions.seed as u32)
            .with_max_episode_frames(conditions.max_episode_frames);
        let environment = atari_emulator::Environment::new(&self.image, settings);
        let stop_at_life_loss = rules.life_loss_is_terminal;
        let game = AgentEnvironment::new(environment, self.preprocessing, self.actions.clone(), stop_at_life_loss);
        Atari::new(game, rules)
    }
}

impl EnvironmentSpec for AtariSpec {
    fn name(&self) -> &str {
        &self.name
    }

    fn cartridge_md5(&self) -> Option<&str> {
        Some(self.image.md5())
    }

    fn actions(&self) -> usize {
        self.actions.len()
    }

    fn action_number(&self, action: usize) -> u32 {
        self.actions[action].number()
    }

    fn noop(&self) -> usize {
        self.actions.iter().position(|&action| action == Action::Noop).unwrap_or(0)
    }

    fn frame_skip(&self) -> u32 {
        self.preprocessing.frame_skip
    }

    fn make_for_training(&self, seed: u64, index: usize) -> Box<dyn Environment> {
        Box::new(self.training_game(seed, index))
    }

    fn make(&self, conditions: &Conditions) -> Box<dyn Environment> {
        let rules = EpisodeRules { noop_max: conditions.noop_max, life_loss_is_terminal: false, reward_clip: false };
        Box::new(self.game(conditions, rules))
    }

    fn conditions(&self, seed: u64) -> Conditions {
        Conditions {
            seed,
            max_episode_frames: self.training.max_episode_frames,
            noop_max: self.training.noop_max,
            sticky_probability: self.training.sticky_probability as f32,
        }
    }

    fn for_baseline(&self, frame_skip: u32) -> Spec {
        Arc::new(Self {
            actions: minimal_actions(&self.image),
            preprocessing: Preprocessing::new(frame_skip, Resize::Area, false),
            ..self.clone()
        })
    }

    fn description(&self) -> Description {
        let described = Described {
            game: self.name.clone(),
            cartridge_md5: self.image.md5().to_string(),
            actions: self.actions.clone(),
            preprocessing: self.preprocessing,
        };
        described.write()
    }

    fn as_atari(&self) -> Option<&AtariSpec> {
        Some(self)
    }
}

fn minimal_actions(image: &CartridgeImage) -> Vec<Action> {
    atari_emulator::Environment::new(image, Settings::default()).minimal_actions()
}

/// The preprocessing that these keys ask for.
pub fn preprocessing(keys: &config::AtariKeys) -> Preprocessing {
    let resize = match keys.resize {
        config::ResizeKind::Area => Resize::Area,
        config::ResizeKind::Bilinear => Resize::Bilinear,
    };
    Preprocessing::new(keys.frame_skip, resize, keys.fire_reset)
}

/// Refuses a cartridge whose score cannot be read because it is not a supported game.
///
/// # Errors
/// When the game is not supported.
pub fn ensure_scores(rom: &LoadedRom) -> Result<()> {
    if atari_emulator::Environment::new(&rom.image, Settings::default()).game().is_none() {
        bail!(
            "{} (MD5 {}) is no supported game: it can be played, but its score cannot be read; \
             `atari-dqn roms` lists what is supported",
            rom.name,
            rom.image.md5()
        );
    }
    Ok(())
}

/// Warns, once in this process, of a program that ends no frames any more: each takes a hundred times as long as a game's, and nothing
/// will happen.
pub fn warn_of_unfinished_frames(console: &atari_emulator::Environment) {
    static WARNED: Once = Once::new();
    if console.unfinished_frames() < UNFINISHED_FRAMES {
        return;
    }
    let why = if console.jammed() {
        "it has run into an undefined opcode, and the picture stands still"
    } else {
        "each takes about a hundred times as long as a game's"
    };
    WARNED.call_once(|| {
        warn!(
            "warning: the cartridge's program has not ended a picture for {UNFINISHED_FRAMES} frames ({why}); it is no working game, \
             or not one for this console"
        );
    });
}

/// The colors of a television standard.
pub fn colors(palette: &Palette) -> Colors {
    std::array::from_fn(|index| palette.rgb(index as u8))
}

/// The console's screen, whose [`colors`] are `colors`. The emulator paints the screen only for this call.
pub fn picture<'a>(console: &'a mut atari_emulator::Environment, colors: &'a Colors) -> Picture<'a> {
    let frames_per_second = console.frames_per_second();
    let screen = console.screen();
    Picture {
        pixels: screen.pixels,
        width: screen.width,
        height: screen.height,
        colors,
        // A television picture is 4:3: 160 pixels are as wide as 280 rows are high.
        pixel_width: 2,
        frames_per_second,
    }
}

/// The observations and the number of actions of the game that a model's file describes.
///
/// # Errors
/// When the description lacks something, or observations are not of this program's size.
pub fn space_and_actions(description: &Description) -> Result<(Space, usize)> {
    Ok((SPACE, Described::read(description)?.actions.len()))
}

/// An Atari game.
#[derive(Clone, Debug)]
pub struct Atari {
    game: AgentEnvironment,
    stack: FrameStack,
    rules: EpisodeRules,
    colors: Box<Colors>,
}

impl Atari {
    /// The environment of `game` by these rules; it must be [reset](Environment::reset) before its first step.
    pub fn new(game: AgentEnvironment, rules: EpisodeRules) -> Self {
        let colors = Box::new(colors(game.environment().palette()));
        Self { game, stack: empty_stack(), rules, colors }
    }

    /// Writes the observation after `step` to `place`, and returns the step's result; there were `lives` lives before
    /// it.
    fn after(&mut self, step: atari_emulator::preprocessed::Step, lives: i32, place: Place<'_>) -> Step {
        warn_of_unfinished_frames(self.game.environment());
        self.stack.push(self.game.frame());
        self.show(place);
        let raw_reward = step.reward as f32;
        Step {
            reward: if self.rules.reward_clip { raw_reward.clamp(-1.0, 1.0) } else { raw_reward },
            raw_reward: f64::from(step.reward),
            terminal: step.terminal || (self.rules.life_loss_is_terminal && step.life_lost),
            lives_lost: (lives - self.game.environment().lives()).max(0) as u32,
            over: step.episode_over(),
            truncated: step.truncated,
        }
    }

    fn show(&self, mut place: Place<'_>) {
        place.copy_from(Seen::Pixels(self.stack.pixels()));
    }
}

impl Environment for Atari {
    fn space(&self) -> Space {
        SPACE
    }

    fn actions(&self) -> usize {
        self.game.actions().len()
    }

    fn reset(&mut self, random: &mut Generator, place: Place<'_>) -> u32 {
        let noop_frames = random.below(self.rules.noop_max as usize + 1) as u32;
        self.game.reset(noop_frames);
        self.stack.begin(self.game.frame());
        self.show(place);
        noop_frames
    }

    fn step(&mut self, action: usize, place: Place<'_>) -> Step {
        let lives = self.game.environment().lives();
        let step = self.game.step(action);
        self.after(step, lives, place)
    }

    fn step_watched(&mut self, action: usize, place: Place<'_>, watch: &mut dyn FnMut(Picture<'_>)) -> Step {
        let lives = self.game.environment().lives();
        let step = self.game.step_watched(action, |console| watch(picture(console, &self.colors)));
        self.after(step, lives, place)
    }

    fn picture(&mut self) -> Option<Picture<'_>> {
        Some(picture(self.game.environment_mut(), &self.colors))
    }

    fn episode_frames(&self) -> u64 {
        u64::from(self.game.environment().episode_frame_number())
    }

    fn state(&self) -> Vec<u8> {
        let EnvironmentState { mut emulator, .. } = self.game.state();
        // Of the stack, the environment needs only the newest frame back.
        emulator.splice(0..0, self.stack.pixels().iter().copied());
        emulator
    }

    fn restore(&mut self, state: &[u8], place: Place<'_>) -> Result<()> {
        let pixels = self.space().size();
        ensure!(state.len() > pixels, "the state of the environment is cut off: it has {} bytes", state.len());
        let (stack, emulator) = state.split_at(pixels);
        let newest = stack.last_chunk().context("a stack holds a frame")?;
        let state = EnvironmentState { emulator: emulator.to_vec(), frame: Box::new(*newest) };
        self.game.set_state(&state)?;
        self.stack = FrameStack::from_pixels(stack.to_vec(), FRAME_PIXELS).context("a stack holds whole frames")?;
        self.show(place);
        Ok(())
    }
}
