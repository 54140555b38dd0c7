//! A policy that plays frame by frame, so that a person can take the stick at any frame.

use crate::environments::atari::preprocess::{empty_stack, FrameStack, Observer, Preprocessing};
use crate::environments::atari::AtariSpec;
use crate::observations::Seen;
use crate::policy::Policy;
use crate::random::{Generator, Purpose};
use anyhow::Result;
use atari_emulator::{Action, Environment};

/// A policy asked for an action before every frame. It holds its actions, and sees the screens, exactly as in its
/// evaluation. It is also asked while a person plays and the person's actions count, so it has seen every screen when
/// it takes over.
pub struct Pilot {
    policy: Policy,
    epsilon: f64,
    actions: Vec<Action>,
    preprocessing: Preprocessing,
    random: Generator,
    observer: Option<Observer>,
    stack: FrameStack,
    action: Action,
    /// Frames for which the action is still to be held.
    frames_left: u32,
    stage: Stage,
}

/// The stages of a game.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// FIRE is to be pressed first, if the policy was trained so.
    Start,
    /// The next screen is the first to be observed.
    FirstScreen,
    Running,
}

impl Pilot {
    /// `policy` with the actions and the observations of `spec`. A network acts at random with probability `epsilon`. The
    /// same seed plays the same game.
    pub fn new(policy: Policy, spec: &AtariSpec, epsilon: f64, seed: u64) -> Self {
        Self {
            policy,
            epsilon,
            actions: spec.actions.clone(),
            preprocessing: spec.preprocessing,
            random: Generator::new(seed, Purpose::Exploration),
            observer: None,
            stack: empty_stack(),
            action: Action::Noop,
            frames_left: 0,
            stage: Stage::Start,
        }
    }

    /// A game begins.
    pub fn begin(&mut self) {
        self.stage = Stage::Start;
        self.frames_left = 0;
    }

    /// The action for the next frame. To be called once a frame.
    ///
    /// # Errors
    /// When the policy's device fails.
    pub fn act(&mut self, console: &mut Environment) -> Result<Action> {
        let observer = self.observer.get_or_insert_with(|| self.preprocessing.observer(console));
        if self.stage == Stage::Start {
            self.stage = Stage::FirstScreen;
            if self.preprocessing.fire_reset && self.actions.contains(&Action::Fire) {
                return Ok(Action::Fire);
            }
        }
        if self.stage == Stage::FirstScreen {
            self.stage = Stage::Running;
            observer.forget();
            self.stack.begin(observer.observe(console.screen()));
            self.choose()?;
        } else if self.frames_left == 0 {
            self.stack.push(observer.observe(console.screen()));
            self.choose()?;
        } else if self.frames_left == 1 {
            observer.remember(console.screen());
        }
        self.frames_left -= 1;
        Ok(self.action)
    }

    fn choose(&mut self) -> Result<()> {
        let action = self.policy.act(Seen::Pixels(self.stack.pixels()), self.epsilon, &mut self.random)?;
        self.action = self.actions[action];
        self.frames_left = self.preprocessing.frame_skip;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::environments::atari::preprocess::{AgentEnvironment, Resize, SPACE};
    use crate::networks::{Architecture, NetworkKind, Parameters};
    use atari_emulator::{CartridgeImage, Settings};
    use candle_core::Device;

    /// Asked frame by frame, the pilot acts like an agent that steps its environment four frames at a time.
    #[test]
    fn a_network_plays_as_in_its_evaluation() {
        for (frame_skip, fire_reset) in [(4, true), (4, false), (1, false), (2, true)] {
            let image = CartridgeImage::bricks();
            let environment = Environment::new(&image, Settings::default());
            let actions = environment.minimal_actions();
            let architecture = Architecture::new(NetworkKind::Small.plain(), SPACE, actions.len()).unwrap();
            let parameters = Parameters::initial(architecture, &mut Generator::new(5, Purpose::Weights));
            let mut policy = Policy::network(&parameters, &Device::Cpu).unwrap();
            let preprocessing = Preprocessing::new(frame_skip, Resize::Area, fire_reset);
            let training = config::AtariKeys::default();
            let spec = AtariSpec { name: "bricks".to_string(), image, actions, preprocessing, training };
            let mut ours = environment.clone();
            let mut pilot = Pilot::new(policy.share(), &spec, 0.0, 0);
            ours.reset();
            pilot.begin();

            let mut theirs = AgentEnvironment::new(environment, preprocessing, spec.actions.clone(), false);
            theirs.reset(0);
            let mut random = Generator::new(0, Purpose::Exploration);
            let mut stack = empty_stack();
            stack.begin(theirs.frame());
            if fire_reset {
                let action = pilot.act(&mut ours).unwrap();
                ours.act_once(action);
            }
            for step in 0..60 {
                theirs.step(policy.act(Seen::Pixels(stack.pixels()), 0.0, &mut random).unwrap());
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
