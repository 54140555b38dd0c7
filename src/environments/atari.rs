//! Atari games as an [`Environment`]: stacks of 84 x 84 gray pictures, actions by index.

use crate::config::{self, Config, LifeLoss};
use crate::environments::cartridges::LoadedRom;
use crate::environments::{Environment, Step};
use crate::observations::{Place, Seen, Space};
use crate::preprocess::{AgentEnvironment, EnvironmentState, Frame, FrameStack, Preprocessing, Resize, SIDE, STACK};
use crate::random::{Generator, Purpose};
use anyhow::{ensure, Context, Result};
use atari_emulator::{Action, Settings};

/// The preprocessing that these keys ask for.
pub fn preprocessing(keys: &config::Atari) -> Preprocessing {
    let resize = match keys.resize {
        config::Resize::Area => Resize::Area,
        config::Resize::Bilinear => Resize::Bilinear,
    };
    Preprocessing::new(keys.frame_skip, resize, keys.fire_reset)
}

/// The environment number `index` that a run trains in, as `config` describes it.
pub fn new_environment(config: &Config, rom: &LoadedRom, index: usize) -> AgentEnvironment {
    let random_seed = match index {
        0 => config.run.seed as u32,
        index => Generator::numbered(config.run.seed, Purpose::Environments, index as u64).bits() as u32,
    };
    let settings = Settings {
        sticky_probability: config.atari().sticky_probability as f32,
        random_seed,
        max_episode_frames: config.atari().max_episode_frames,
        ..Settings::default()
    };
    let environment = atari_emulator::Environment::new(&rom.image, settings);
    let actions = if config.atari().full_action_space { Action::ALL.to_vec() } else { environment.minimal_actions() };
    let stop_at_life_loss = config.atari().life_loss == LifeLoss::Terminal;
    AgentEnvironment::new(environment, preprocessing(config.atari()), actions, stop_at_life_loss)
}

/// What a learner makes of a game.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// An episode begins with 0 to this many no-op frames.
    pub noop_max: u32,
    /// A lost life is a terminal to the learner, though the game goes on.
    pub life_loss_is_terminal: bool,
    /// Rewards are clipped to [-1, 1] for the learner.
    pub reward_clip: bool,
}

/// An Atari game.
#[derive(Clone, Debug)]
pub struct Atari {
    game: AgentEnvironment,
    stack: FrameStack,
    rules: Rules,
}

impl Atari {
    /// `game` as it is, by these rules; it must be [reset](Environment::reset) before its first step.
    pub fn new(game: AgentEnvironment, rules: Rules) -> Self {
        Self { game, stack: FrameStack::default(), rules }
    }

    /// The environment number `index` that a run trains in.
    pub fn for_training(config: &Config, rom: &LoadedRom, index: usize) -> Self {
        let rules = Rules {
            noop_max: config.atari().noop_max,
            life_loss_is_terminal: config.atari().life_loss == LifeLoss::Terminal,
            reward_clip: config.atari().reward_clip,
        };
        Self::new(new_environment(config, rom, index), rules)
    }

    fn show(&self, mut place: Place<'_>) {
        let written = place.write(Seen::Pixels(self.stack.pixels()));
        debug_assert!(written.is_ok(), "{written:?}");
    }
}

impl Environment for Atari {
    fn space(&self) -> Space {
        Space::Pixels { stack: STACK, side: SIDE }
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
        self.stack.push(self.game.frame());
        self.show(place);
        let raw_reward = step.reward as f32;
        Step {
            reward: if self.rules.reward_clip { raw_reward.clamp(-1.0, 1.0) } else { raw_reward },
            raw_reward,
            terminal: step.terminal || (self.rules.life_loss_is_terminal && step.life_lost),
            lives_lost: (lives - self.game.environment().lives()).max(0) as u32,
            over: step.episode_over(),
            truncated: step.truncated,
        }
    }

    fn episode_frames(&self) -> u64 {
        u64::from(self.game.environment().episode_frame_number())
    }

    fn state(&self) -> Vec<u8> {
        let EnvironmentState { mut emulator, .. } = self.game.state();
        // The newest frame of the stack is the one that the environment needs back.
        emulator.splice(0..0, self.stack.pixels().iter().copied());
        emulator
    }

    fn restore(&mut self, state: &[u8], place: Place<'_>) -> Result<()> {
        let pixels = self.space().size();
        ensure!(state.len() > pixels, "the state of the environment is cut off: it has {} bytes", state.len());
        let (stack, emulator) = state.split_at(pixels);
        let frames: &[Frame] = stack.as_chunks().0;
        let newest = frames.last().context("a stack holds a frame")?;
        let state = EnvironmentState { emulator: emulator.to_vec(), frame: Box::new(*newest) };
        self.game.set_state(&state)?;
        self.stack.begin(&frames[0]);
        frames[1..].iter().for_each(|frame| self.stack.push(frame));
        self.show(place);
        Ok(())
    }
}
