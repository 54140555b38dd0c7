//! Who holds the stick when no person does.

use crate::checkpoint::Checkpoint;
use crate::player::Player;
use crate::preprocess::{FrameStack, Observer, Preprocessing};
use crate::random::{Generator, Purpose};
use anyhow::Result;
use atari_emulator::{Action, Environment};
use candle_core::Device;

/// A player asked before every frame. It repeats its own actions as it sees fit and may look at every screen, also at
/// those of frames in which somebody else played.
pub trait Pilot {
    /// A game begins; `environment` shows its first screen.
    fn begin(&mut self, environment: &Environment);
    /// The action for the next frame. Called once a frame.
    fn act(&mut self, environment: &mut Environment) -> Result<Action>;
}

/// Frames a random action is held for: an agent's usual frame skip.
const RANDOM_HOLD: u32 = 4;

/// Uniformly random among the game's minimal actions.
pub struct RandomPilot {
    generator: Generator,
    action: Action,
    frames_left: u32,
}

impl RandomPilot {
    /// The same seed plays the same game.
    pub fn new(seed: u64) -> Self {
        Self { generator: Generator::new(seed, Purpose::Exploration), action: Action::Noop, frames_left: 0 }
    }
}

impl Pilot for RandomPilot {
    fn begin(&mut self, _environment: &Environment) {
        self.frames_left = 0;
    }

    fn act(&mut self, environment: &mut Environment) -> Result<Action> {
        if self.frames_left == 0 {
            let actions = environment.minimal_actions();
            self.action = actions[self.generator.below(actions.len())];
            self.frames_left = RANDOM_HOLD;
        }
        self.frames_left -= 1;
        Ok(self.action)
    }
}

/// A trained network: sees and acts exactly as in its evaluation, one frame at a time.
pub struct NetworkPilot {
    player: Player,
    actions: Vec<Action>,
    preprocessing: Preprocessing,
    generator: Generator,
    observer: Option<Observer>,
    stack: FrameStack,
    action: Action,
    /// Frames the action is still to be held for.
    frames_left: u32,
    stage: Stage,
}

/// How far a game has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// FIRE is to be pressed first, if the agent was trained so.
    Start,
    /// The next screen is the first to be observed.
    FirstScreen,
    Running,
}

impl NetworkPilot {
    /// The network of `checkpoint` on `device`, acting at random with probability `epsilon`.
    pub fn new(checkpoint: &Checkpoint, device: &Device, epsilon: f64, seed: u64) -> Result<Self> {
        Ok(Self {
            player: Player::new(&checkpoint.parameters, epsilon, device)?,
            actions: checkpoint.metadata.actions.clone(),
            preprocessing: checkpoint.metadata.preprocessing,
            generator: Generator::new(seed, Purpose::Exploration),
            observer: None,
            stack: FrameStack::default(),
            action: Action::Noop,
            frames_left: 0,
            stage: Stage::Start,
        })
    }

    fn choose(&mut self) -> Result<Action> {
        Ok(self.actions[self.player.act(self.stack.pixels(), &mut self.generator)?])
    }
}

impl Pilot for NetworkPilot {
    fn begin(&mut self, _environment: &Environment) {
        self.stage = Stage::Start;
        self.frames_left = 0;
    }

    fn act(&mut self, environment: &mut Environment) -> Result<Action> {
        let observer = self.observer.get_or_insert_with(|| self.preprocessing.observer(environment));
        if self.stage == Stage::Start {
            self.stage = Stage::FirstScreen;
            if self.preprocessing.fire_reset && self.actions.contains(&Action::Fire) {
                return Ok(Action::Fire);
            }
        }
        if self.stage == Stage::FirstScreen {
            self.stage = Stage::Running;
            observer.forget();
            self.stack.begin(observer.observe(environment.screen()));
            self.action = self.choose()?;
            self.frames_left = self.preprocessing.frame_skip;
        } else if self.frames_left == 0 {
            self.stack.push(observer.observe(environment.screen()));
            self.action = self.choose()?;
            self.frames_left = self.preprocessing.frame_skip;
        } else if self.frames_left == 1 {
            observer.remember(environment.screen());
        }
        self.frames_left -= 1;
        Ok(self.action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Metadata;
    use crate::network::{Architecture, NetworkKind, Parameters};
    use crate::preprocess::{AgentEnvironment, Resize};
    use atari_emulator::{CartridgeImage, Settings};

    /// Asked frame by frame, the pilot does what an agent does that steps its environment four frames at a time.
    #[test]
    fn a_network_plays_as_in_its_evaluation() {
        for (frame_skip, fire_reset) in [(4, true), (4, false), (1, false), (2, true)] {
            let environment = Environment::new(&CartridgeImage::bricks(), Settings::default());
            let actions = environment.minimal_actions();
            let architecture = Architecture::new(NetworkKind::Small.plain(), actions.len());
            let preprocessing = Preprocessing::new(frame_skip, Resize::Area, fire_reset);
            let checkpoint = Checkpoint {
                metadata: Metadata {
                    game: "bricks".to_string(),
                    cartridge_md5: String::new(),
                    actions: actions.clone(),
                    preprocessing,
                    preset: String::new(),
                    seed: 0,
                    steps_trained: 0,
                },
                parameters: Parameters::initial(architecture, &mut Generator::new(5, Purpose::Weights)),
            };
            let mut ours = environment.clone();
            let mut pilot = NetworkPilot::new(&checkpoint, &Device::Cpu, 0.0, 0).unwrap();
            ours.reset();
            pilot.begin(&ours);

            let mut theirs = AgentEnvironment::new(environment, preprocessing, actions, false);
            theirs.reset(0);
            let mut player = Player::new(&checkpoint.parameters, 0.0, &Device::Cpu).unwrap();
            let mut generator = Generator::new(0, Purpose::Exploration);
            let mut stack = FrameStack::default();
            stack.begin(theirs.frame());
            if fire_reset {
                let action = pilot.act(&mut ours).unwrap();
                ours.act_once(action);
            }
            for step in 0..60 {
                theirs.step(player.act(stack.pixels(), &mut generator).unwrap());
                stack.push(theirs.frame());
                for _ in 0..frame_skip {
                    let action = pilot.act(&mut ours).unwrap();
                    ours.act_once(action);
                }
                assert_eq!(ours.ram(), theirs.environment().ram(), "step {step} of {frame_skip} frames");
            }
        }
    }
}
