//! One environment as gymnasium's `AtariPreprocessing` and ale-py's `AtariVectorEnv` step it: an action is held for several
//! frames, the last two screens are pooled, and the result is resized.
//!
//! This is the crate's only loop of that kind; the vector of environments (feature `vector`) uses it too.
//!
//! ```
//! use atari_emulator::preprocessed::{PreprocessedEnvironment, PreprocessedSettings};
//! use atari_emulator::{Action, CartridgeImage, Environment, Settings};
//!
//! let environment = Environment::new(&CartridgeImage::bricks(), Settings::default());
//! let mut environment = PreprocessedEnvironment::new(environment, PreprocessedSettings::default())?;
//! let first = environment.reset(5); // 5 no-op frames
//! assert_eq!(first.len(), 84 * 84);
//! let step = environment.step(Action::Fire); // held for 4 frames
//! assert_eq!((step.reward, step.terminal), (0, false));
//! assert_eq!(environment.environment().episode_frame_number(), 5 + 4);
//! # Ok::<(), atari_emulator::SettingFault>(())
//! ```

use crate::action::Action;
use crate::environment::Environment;
use crate::observation::{ObservationSettings, Observer};
use crate::setting_fault::SettingFault;

/// How a [`PreprocessedEnvironment`] steps. The default is gymnasium's: frame skip 4, maximum of the last two screens,
/// 84 x 84 in gray.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PreprocessedSettings {
    /// Frames an action is held for; 0 counts as 1.
    pub frame_skip: u32,
    /// A step's frame is the pixelwise maximum of its last two screens; otherwise it is the last screen.
    pub maxpool: bool,
    /// FIRE is pressed for one frame at the start of an episode.
    pub fire_reset: bool,
    /// A step ends with the frame that costs a life. The game goes on at the next step.
    pub stop_at_life_loss: bool,
    /// What a step shows that ended before its last frame.
    pub cut_short: CutShort,
    /// Size and kind of the frames.
    pub observation: ObservationSettings,
}

/// What a step shows that was cut short: by the end of the episode, or by a lost life where that ends a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CutShort {
    /// What ale-py and gymnasium show. They do not look at the screen that ended the step. If the step had got as far as its
    /// last screen but one, that is pooled with everything that the previous frame showed; otherwise the previous frame is
    /// shown again.
    #[default]
    AsAle,
    /// The last screen, alone: the screens left out would have shown the same. Only a step that was cut short at its very
    /// last frame shows the maximum of two.
    LastScreen,
}

impl Default for PreprocessedSettings {
    fn default() -> Self {
        Self {
            frame_skip: 4,
            maxpool: true,
            fire_reset: false,
            stop_at_life_loss: false,
            cut_short: CutShort::AsAle,
            observation: ObservationSettings::default(),
        }
    }
}

impl PreprocessedSettings {
    /// With actions held for this many frames.
    #[must_use]
    pub fn with_frame_skip(self, frame_skip: u32) -> Self {
        Self { frame_skip, ..self }
    }

    /// With or without the maximum of two screens.
    #[must_use]
    pub fn with_maxpool(self, maxpool: bool) -> Self {
        Self { maxpool, ..self }
    }

    /// With or without FIRE at the start of an episode.
    #[must_use]
    pub fn with_fire_reset(self, fire_reset: bool) -> Self {
        Self { fire_reset, ..self }
    }

    /// With steps that end, or do not end, when a life is lost.
    #[must_use]
    pub fn with_stop_at_life_loss(self, stop_at_life_loss: bool) -> Self {
        Self { stop_at_life_loss, ..self }
    }

    /// With this frame for steps that were cut short.
    #[must_use]
    pub fn with_cut_short(self, cut_short: CutShort) -> Self {
        Self { cut_short, ..self }
    }

    /// With frames of this size and kind.
    #[must_use]
    pub fn with_observation(self, observation: ObservationSettings) -> Self {
        Self { observation, ..self }
    }
}

/// What one step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Step {
    /// Sum of the game's rewards over the frames of the step, not clipped.
    pub reward: i32,
    /// A life was lost in these frames (also with the end of the game).
    pub life_lost: bool,
    /// The game is over.
    pub terminal: bool,
    /// The episode was cut off by a limit, and is not over by itself.
    pub truncated: bool,
}

impl Step {
    /// Whether the environment wants a reset.
    pub fn episode_over(&self) -> bool {
        self.terminal || self.truncated
    }
}

/// An environment with steps of several frames, and frames as a learner sees them.
#[derive(Clone, Debug)]
pub struct PreprocessedEnvironment {
    environment: Environment,
    observer: Observer,
    settings: PreprocessedSettings,
}

impl PreprocessedEnvironment {
    /// Wraps `environment`. Its frame is black until the first [`reset`](Self::reset).
    ///
    /// # Errors
    /// [`SettingFault`] when `environment` has a frame skip of its own, or a side of the frames is 0 or above
    /// [`LARGEST_SIDE`](crate::observation::LARGEST_SIDE).
    pub fn new(environment: Environment, settings: PreprocessedSettings) -> Result<Self, SettingFault> {
        let own = environment.settings().frame_skip;
        let allowed = "1, because the preprocessing holds an action for several frames";
        SettingFault::unless(own <= 1, "the environment's own frame_skip", &own, &allowed)?;
        let observer = Observer::new(&settings.observation, environment.palette(), environment.screen_height())?;
        Ok(Self { environment, observer, settings })
    }

    /// Starts an episode: reset, FIRE if wanted, then `noop_frames` frames without input (after another reset should the
    /// game end meanwhile). Returns the frame of the screen that is then shown, alone.
    pub fn reset(&mut self, noop_frames: u32) -> &[u8] {
        self.environment.reset();
        if self.settings.fire_reset {
            self.environment.act_once(Action::Fire);
        }
        for _ in 0..noop_frames {
            self.environment.act_once(Action::Noop);
            if self.environment.game_over() {
                self.environment.reset();
            }
        }
        self.observe_screen()
    }

    /// Holds `action` for the frame skip, or until the episode ends, or until a life is lost where that ends a step. The new
    /// frame is [`frame`](Self::frame).
    ///
    /// Once the episode is over nothing is emulated; reset it.
    pub fn step(&mut self, action: Action) -> Step {
        self.step_watched(action, |_| ())
    }

    /// As [`step`](Self::step), and calls `watch` after every frame, for instance to record it.
    pub fn step_watched(&mut self, action: Action, mut watch: impl FnMut(&mut Environment)) -> Step {
        let lives = self.environment.lives();
        let stop_at_life_loss = self.settings.stop_at_life_loss;
        let mut life_lost = false;
        let reward = self.hold(action, 1.0, |environment| {
            watch(environment);
            life_lost = environment.lives() < lives;
            environment.game_over() || (stop_at_life_loss && life_lost)
        });
        let terminal = self.environment.terminal();
        Step { reward, life_lost, terminal, truncated: self.environment.truncated() && !terminal }
    }

    /// Holds `action` for the frame skip, with paddles turned by `strength` times the usual distance, and makes the new
    /// frame. `ends` is asked after every frame whether it cuts the step short. Returns the sum of the rewards.
    ///
    /// This is [`step`](Self::step) for a caller with rules of its own for the end of an episode.
    pub fn hold(&mut self, action: Action, strength: f32, mut ends: impl FnMut(&mut Environment) -> bool) -> i32 {
        let mut reward = 0i32;
        let mut ended = false;
        for remaining in (0..self.settings.frame_skip.max(1)).rev() {
            reward = reward.saturating_add(self.environment.act_with_strength(action, strength));
            ended = ends(&mut self.environment);
            if ended {
                break;
            }
            // Looking at a screen is what paints it, so only this one and the last are looked at.
            if remaining == 1 && self.settings.maxpool {
                self.observer.remember(self.environment.screen());
            }
        }
        if ended && self.settings.cut_short == CutShort::AsAle {
            self.observer.observe_without_last();
        } else {
            self.observer.observe(self.environment.screen());
        }
        reward
    }

    /// Makes the frame of the current screen, alone: for a caller that has changed the environment.
    pub fn observe_screen(&mut self) -> &[u8] {
        self.observer.forget();
        self.observer.observe(self.environment.screen())
    }

    /// The newest frame: [`ObservationSettings::frame_bytes`] values, row by row, in color with interleaved channels.
    pub fn frame(&self) -> &[u8] {
        self.observer.frame()
    }

    /// Replaces the newest frame: with the environment's saved state, which has the screen but not the frame, this is what a
    /// saved step is resumed from.
    ///
    /// With [`CutShort::LastScreen`] all later frames are then the same as without the interruption. With
    /// [`CutShort::AsAle`] a step that is cut short may be pooled with screens that an earlier frame showed, and these are
    /// not saved: its frame can differ, until a step was not cut short or the environment was reset.
    ///
    /// # Panics
    /// When `frame` has another size.
    pub fn set_frame(&mut self, frame: &[u8]) {
        self.observer.set_frame(frame);
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &PreprocessedSettings {
        &self.settings
    }

    /// The environment inside.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The environment inside, for instance to look at its screen or to restore a saved state. Its screen must keep its
    /// height, or the next frame panics.
    pub fn environment_mut(&mut self) -> &mut Environment {
        &mut self.environment
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::MersenneTwister;
    use crate::{CartridgeImage, Settings};

    fn bricks(fire_reset: bool, stop_at_life_loss: bool, cut_short: CutShort) -> PreprocessedEnvironment {
        let environment = Environment::new(&CartridgeImage::bricks(), Settings::default());
        let settings = PreprocessedSettings { fire_reset, stop_at_life_loss, cut_short, ..Default::default() };
        PreprocessedEnvironment::new(environment, settings).unwrap()
    }

    /// The position of the first wrong value, what it is and what it should be.
    fn first_difference(got: &[u8], want: &[u8]) -> Option<(usize, u8, u8)> {
        assert_eq!(got.len(), want.len());
        (0..got.len()).find(|&i| got[i] != want[i]).map(|i| (i, got[i], want[i]))
    }

    #[test]
    fn an_episode_begins_with_fire_if_wanted_and_then_the_no_ops() {
        let beginning = |fire_reset: bool, by_hand: &[Action]| {
            let mut game = bricks(fire_reset, false, CutShort::AsAle);
            game.reset(5);
            let mut expected = bricks(false, false, CutShort::AsAle);
            expected.reset(0);
            for &action in by_hand {
                expected.environment.act_once(action);
            }
            expected.observe_screen();
            assert_eq!(game.environment().episode_frame_number() as usize, by_hand.len());
            assert_eq!(game.environment().ram(), expected.environment().ram());
            assert_eq!(first_difference(game.frame(), expected.frame()), None);
        };
        let fire_first = [Action::Fire, Action::Noop, Action::Noop, Action::Noop, Action::Noop, Action::Noop];
        beginning(false, &fire_first[1..]);
        beginning(true, &fire_first);
    }

    /// Steps of the last frame's kind, beside a plain game that is played frame by frame.
    #[test]
    fn a_step_repeats_its_action_sums_the_rewards_and_ends_with_a_lost_life_if_that_is_wanted() {
        for stop_at_life_loss in [false, true] {
            let mut game = bricks(false, stop_at_life_loss, CutShort::LastScreen);
            let actions = game.environment().minimal_actions();
            let mut random = MersenneTwister::new(1);
            let (mut cut_short, mut lost, mut earned) = (0, 0, 0);
            game.reset(0);
            for _ in 0..1000 {
                let action = actions[random.draw() as usize % 4];
                let mut plain = game.environment().clone();
                let mut observer =
                    Observer::new(&ObservationSettings::default(), plain.palette(), plain.screen_height()).unwrap();
                let (lives, begun) = (plain.lives(), plain.episode_frame_number());
                let (mut reward, mut frames) = (0, 0);
                while frames < 4 && !plain.game_over() && !(stop_at_life_loss && plain.lives() < lives) {
                    if frames == 3 {
                        observer.remember(plain.screen());
                    }
                    reward += plain.act_once(action);
                    frames += 1;
                }
                let step = game.step(action);
                assert_eq!(game.environment().episode_frame_number() - begun, frames);
                assert_eq!((step.reward, step.terminal), (reward, plain.terminal()));
                assert_eq!(step.life_lost, plain.lives() < lives);
                assert_eq!(first_difference(game.frame(), observer.observe(plain.screen())), None);
                cut_short += usize::from(frames < 4 && !step.terminal);
                (lost, earned) = (lost + usize::from(step.life_lost), earned + reward);
                if step.episode_over() {
                    game.reset(0);
                }
            }
            assert!(lost > 5 && earned > 5 && (cut_short > 0) == stop_at_life_loss, "{lost} {earned} {cut_short}");
        }
    }

    /// gymnasium's `AtariPreprocessing` keeps two pictures and pools them in place, before it resizes.
    #[test]
    fn steps_that_are_cut_short_show_what_gymnasium_shows_also_without_a_reset() {
        for grayscale in [true, false] {
            steps_that_are_cut_short(grayscale);
        }
    }

    fn steps_that_are_cut_short(grayscale: bool) {
        let whole = ObservationSettings::default().with_size(210, 160).with_grayscale(grayscale);
        let bytes = whole.frame_bytes().unwrap();
        let environment = Environment::new(&CartridgeImage::bricks(), Settings::default());
        let settings = PreprocessedSettings::default().with_observation(whole);
        let mut game = PreprocessedEnvironment::new(environment, settings).unwrap();
        game.reset(0);
        let values = |environment: &mut Environment| -> Vec<u8> {
            let mut values = vec![0; bytes];
            if grayscale {
                environment.screen().to_gray(&mut values);
            } else {
                environment.screen().to_rgb(&mut values);
            }
            values
        };
        let mut random = MersenneTwister::new(3);
        let (mut newest, mut before) = (game.frame().to_vec(), vec![0; bytes]);
        for step in 0..400 {
            // 1 to 3: cut short after so many frames, often several times in a row; 5: not at all.
            let cut_after = [1, 2, 3, 3, 3, 4, 5, 5][random.draw() as usize % 8];
            let action = [Action::Fire, Action::Left, Action::Right][random.draw() as usize % 3];
            let mut plain = game.environment().clone();
            for frame in 1..=4 {
                plain.act_once(action);
                if frame == cut_after {
                    break;
                }
                match frame {
                    3 => before = values(&mut plain),
                    4 => newest = values(&mut plain),
                    _ => {}
                }
            }
            newest.iter_mut().zip(&before).for_each(|(newest, before)| *newest = (*newest).max(*before));
            let mut frame = 0;
            game.hold(action, 1.0, |_| {
                frame += 1;
                frame == cut_after
            });
            assert_eq!(first_difference(game.frame(), &newest), None, "step {step}, cut after {cut_after}");
            if plain.game_over() {
                game.reset(0);
                (newest, before) = (game.frame().to_vec(), vec![0; bytes]);
            }
        }
    }

    #[test]
    fn a_saved_step_is_resumed_with_its_frame() {
        let mut game = bricks(false, false, CutShort::LastScreen);
        game.reset(3);
        for _ in 0..20 {
            game.step(Action::Fire);
        }
        let (state, frame) = (game.environment().save(), game.frame().to_vec());
        let mut resumed = bricks(false, false, CutShort::LastScreen);
        resumed.environment_mut().restore(&state).unwrap();
        resumed.set_frame(&frame);
        assert_eq!(first_difference(resumed.frame(), game.frame()), None);
        for step in 0..50 {
            let action = [Action::Left, Action::Right][step % 2];
            assert_eq!(resumed.step(action), game.step(action));
            assert_eq!(first_difference(resumed.frame(), game.frame()), None, "step {step}");
        }
    }

    #[test]
    fn an_environment_with_a_frame_skip_of_its_own_and_a_frame_without_columns_are_refused() {
        let environment =
            |frame_skip| Environment::new(&CartridgeImage::bricks(), Settings::default().with_frame_skip(frame_skip));
        let refusal = |environment, observation| {
            let settings = PreprocessedSettings::default().with_observation(observation);
            PreprocessedEnvironment::new(environment, settings).unwrap_err().to_string()
        };
        let message = refusal(environment(4), ObservationSettings::default());
        assert!(message.starts_with("the environment's own frame_skip is 4, allowed is 1"), "{message}");
        let message = refusal(environment(1), ObservationSettings::default().with_size(84, 0));
        assert_eq!(message, "width is 0, allowed is 1 to 4096");
    }

    #[test]
    #[should_panic(expected = "a screen of 250 rows")]
    fn an_environment_of_another_screen_height_is_noticed() {
        let mut game = bricks(false, false, CutShort::AsAle);
        game.observer.observe(crate::Screen::new(&[0; 160 * 250], 160, 250));
    }
}
