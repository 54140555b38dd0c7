//! One environment of the vector: ale-py's `PreprocessedEnv`.

use super::picture::FrameMaker;
use super::settings::{Autoreset, VectorSettings};
use crate::screens::ScreenPair;
use atari_emulator::random::MersenneTwister;
use atari_emulator::{Action, CartridgeImage, Environment, Settings};

/// What all environments of a vector share.
#[derive(Clone, Debug)]
pub(super) struct Common {
    pub(super) settings: VectorSettings,
    pub(super) image: CartridgeImage,
    /// FIRE is pressed at the start of an episode.
    pub(super) fire_reset: bool,
    /// Bytes of one frame of an observation.
    pub(super) frame_bytes: usize,
}

impl Common {
    /// The console as the vector environment runs it: no frame skip and no limits of its own.
    pub(super) fn environment(&self, random_seed: u32) -> Environment {
        let settings =
            Settings { random_seed, sticky_probability: self.settings.sticky_probability, ..Settings::default() };
        Environment::new(&self.image, settings)
    }
}

/// What a reset does to an environment's two generators: the sticky actions' and the no-ops'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// They go on.
    Continue,
    /// The cartridge is loaded anew and both start from these seeds.
    Seeded { sticky: u32, noops: u32 },
}

/// What a step or a reset has to say besides the observation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) reward: i32,
    pub(super) terminated: bool,
    pub(super) truncated: bool,
    pub(super) lives: i32,
    pub(super) frame_number: u32,
    pub(super) episode_frame_number: u32,
}

/// An environment with its preprocessing. Its observation lives in the vector's buffer and is lent to it.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    environment: Environment,
    noops: MersenneTwister,
    maker: FrameMaker,
    /// The last two screens of the last whole step. ale-py keeps two pictures and pools them *in place*, so that a step that
    /// ends before its last frame shows what the one before had pooled. Here the screens are kept and pooled when needed, which
    /// is the same and paints less.
    screens: ScreenPair,
    /// There has been a last screen but one since the reset.
    has_before_last: bool,
    /// The newest frame of the observation was made of both screens.
    shows_both: bool,
    lives: i32,
    elapsed: u32,
    episode_over: bool,
    pub(super) outcome: Outcome,
    /// With [`Autoreset::SameStep`] the last observation of the episode that ended last, otherwise empty.
    pub(super) final_observation: Vec<u8>,
    /// It ended in the last step.
    pub(super) has_final: bool,
}

/// The uniform integer in `0..range` that libstdc++ draws: Lemire's method, `range` at least 1.
pub(super) fn draw_below(generator: &mut MersenneTwister, range: u32) -> u32 {
    let rejected_below = range.wrapping_neg() % range;
    loop {
        let product = u64::from(generator.draw()) * u64::from(range);
        if product as u32 >= rejected_below {
            return (product >> 32) as u32;
        }
    }
}

impl Lane {
    /// An environment that has not been reset; its generators are worth nothing until then.
    pub(super) fn new(environment: Environment, maker: FrameMaker, common: &Common) -> Self {
        let screens = ScreenPair::new(maker.source_height());
        let final_bytes = match common.settings.autoreset {
            Autoreset::NextStep => 0,
            Autoreset::SameStep => common.settings.stack * common.frame_bytes,
        };
        Self {
            environment,
            noops: MersenneTwister::new(0),
            maker,
            screens,
            has_before_last: false,
            shows_both: false,
            lives: 0,
            elapsed: 0,
            episode_over: false,
            outcome: Outcome::default(),
            final_observation: vec![0; final_bytes],
            has_final: false,
        }
    }

    /// Starts an episode: reset, FIRE, no-ops, and an observation that is black but for its newest frame.
    pub(super) fn reset(&mut self, common: &Common, start: Start, observation: &mut [u8]) {
        self.has_final = false;
        self.begin_episode(common, start, observation);
        self.outcome = Outcome::default();
        self.report();
    }

    fn begin_episode(&mut self, common: &Common, start: Start, observation: &mut [u8]) {
        if let Start::Seeded { sticky, noops } = start {
            self.environment = common.environment(sticky);
            self.noops = MersenneTwister::new(noops);
        }
        // Also after loading, which has reset the console already.
        self.environment.reset();
        let mut frames = match common.settings.noop_max {
            0 => 0,
            range => draw_below(&mut self.noops, range),
        };
        if common.fire_reset {
            self.environment.act_once(Action::Fire);
            frames = frames.saturating_sub(1);
        }
        for _ in 0..frames {
            self.environment.act_once(Action::Noop);
            if self.environment.game_over() {
                self.environment.reset();
            }
        }
        self.screens.set_last(&self.environment.screen());
        self.screens.change_all();
        self.has_before_last = false;
        self.shows_both = false;
        let (older, newest) = observation.split_at_mut(observation.len() - common.frame_bytes);
        older.fill(0);
        self.maker.make(&[self.screens.last()], self.screens.changes(), newest);
        self.screens.forget_changes();
        self.elapsed = 0;
        self.lives = self.environment.lives();
        self.episode_over = false;
    }

    /// Holds `action` for the frame skip, or starts a new episode if the last step of [`Autoreset::NextStep`] ended one.
    pub(super) fn step(&mut self, common: &Common, action: Action, strength: f32, observation: &mut [u8]) {
        if self.episode_over {
            return self.reset(common, Start::Continue, observation);
        }
        self.has_final = false;
        self.play(common, action, strength, observation);
        if self.episode_over && common.settings.autoreset == Autoreset::SameStep {
            self.final_observation.copy_from_slice(observation);
            self.has_final = true;
            self.begin_episode(common, Start::Continue, observation);
        }
        self.report();
    }

    fn play(&mut self, common: &Common, action: Action, strength: f32, observation: &mut [u8]) {
        let settings = &common.settings;
        let mut reward = 0i32;
        let mut life_lost = false;
        let mut over = false;
        let had_before_last = self.has_before_last;
        let mut newly_kept = false;
        for remaining in (0..settings.frame_skip).rev() {
            reward = reward.saturating_add(self.environment.act_with_strength(action, strength));
            over = self.environment.game_over();
            self.elapsed += 1;
            let lives = self.environment.lives();
            life_lost = lives < self.lives && lives > 0;
            self.episode_over =
                over || self.elapsed >= settings.max_episode_frames || (settings.episodic_life && life_lost);
            // The frame that ends the episode is not looked at.
            if self.episode_over {
                break;
            }
            // Nor are those that no observation can show: what is not looked at is not painted.
            if remaining == 1 && settings.maxpool {
                self.screens.set_before_last(&self.environment.screen());
                self.has_before_last = true;
                newly_kept = true;
            }
        }
        let frame_bytes = common.frame_bytes;
        observation.copy_within(frame_bytes.., 0);
        let newest = observation.len() - frame_bytes;
        let screens = &mut self.screens;
        if !self.episode_over {
            screens.set_last(&self.environment.screen());
            // Shifting the stack has left the last step's newest frame where the new one goes.
            if self.shows_both != self.has_before_last {
                screens.change_all();
            }
            self.shows_both = self.has_before_last;
            let pair = [screens.last(), screens.before_last()];
            let shown = if self.has_before_last { &pair[..] } else { &pair[..1] };
            self.maker.make(shown, screens.changes(), &mut observation[newest..]);
            screens.forget_changes();
        } else if newly_kept {
            // Only the last frame is missing: the last but one is pooled with what the step before had pooled.
            let older = screens.displaced_before_last();
            let all = [screens.last(), screens.before_last(), &older];
            let shown = if had_before_last { &all[..] } else { &all[..2] };
            self.maker.make(shown, &vec![1; screens.changes().len()], &mut observation[newest..]);
        } else if settings.stack > 1 {
            // Nothing new was captured: the newest frame is shown once more. (A stack of one is that frame already.)
            observation.copy_within(newest - frame_bytes..newest, newest);
        }
        self.lives = self.environment.lives();
        let terminated = over || ((settings.life_loss_info || settings.episodic_life) && life_lost);
        self.outcome = Outcome {
            reward: if settings.reward_clipping { reward.clamp(-1, 1) } else { reward },
            terminated,
            truncated: self.elapsed >= settings.max_episode_frames && !terminated,
            ..self.outcome
        };
    }

    /// Lives and frame numbers are those of the moment, also when the step has begun a new episode.
    fn report(&mut self) {
        self.outcome.lives = self.lives;
        self.outcome.frame_number = self.environment.frame_number();
        self.outcome.episode_frame_number = self.environment.episode_frame_number();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_ops_are_drawn_as_libstdcxx_draws_them() {
        // The first draws of ale-py's environments with these seeds.
        assert_eq!(draw_below(&mut MersenneTwister::new(7), 30), 2);
        assert_eq!(draw_below(&mut MersenneTwister::new(8), 30), 26);
        assert_eq!(draw_below(&mut MersenneTwister::new(9), 1), 0);
        // Every draw of a power of two is taken: it is the top bits of the draw.
        let (mut one, mut other) = (MersenneTwister::new(5), MersenneTwister::new(5));
        for _ in 0..1000 {
            assert_eq!(draw_below(&mut one, 8), other.draw() >> 29);
        }
    }
}
