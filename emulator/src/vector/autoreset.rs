//! One environment of the vector: its episodes, which restart automatically, and its part of the observations.

use super::settings::{Autoreset, VectorSettings};
use crate::action::Action;
use crate::environment::{Environment, Settings};
use crate::image::CartridgeImage;
use crate::observation::{begin_stack, push_frame};
use crate::preprocessed::PreprocessedEnvironment;
use crate::random::MersenneTwister;

/// Data that all environments of a vector share.
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
    /// Bytes that each environment keeps for the last observation of an episode.
    pub(super) fn final_bytes(&self) -> usize {
        match self.settings.autoreset {
            Autoreset::NextStep => 0,
            Autoreset::SameStep => self.settings.stack * self.frame_bytes,
        }
    }

    /// The environment as ale-py's vector makes it: frame skip and limits are left to the vector.
    pub(super) fn environment(&self, random_seed: u32) -> Environment {
        let settings = Settings::default()
            .with_random_seed(random_seed)
            .with_sticky_probability(self.settings.sticky_probability)
            .with_translation(self.settings.translation);
        Environment::new(&self.image, settings)
    }
}

/// The effect of a reset on an environment's two generators, for sticky actions and for no-ops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// They continue.
    Continue,
    /// The cartridge is loaded again and both start from these seeds.
    Seeded { sticky: u32, noops: u32 },
}

/// The result of a step or a reset besides the observation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) reward: i32,
    pub(super) terminated: bool,
    pub(super) truncated: bool,
    pub(super) lives: i32,
    pub(super) frame_number: u32,
    pub(super) episode_frame_number: u32,
}

/// An environment whose episodes restart automatically. Its stacked observation lies in the vector's buffer.
#[derive(Clone, Debug)]
pub(super) struct AutoresetEnvironment {
    game: PreprocessedEnvironment,
    noops: MersenneTwister,
    /// Lives after the last step.
    lives: i32,
    /// Frames of the episode, without FIRE and no-ops at its start.
    elapsed: u32,
    episode_over: bool,
    pub(super) outcome: Outcome,
    /// With [`Autoreset::SameStep`] the last observation of the episode that ended last, otherwise empty.
    pub(super) final_observation: Vec<u8>,
    /// That episode ended in the last step.
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

impl AutoresetEnvironment {
    /// An environment that must be reset with seeds before its first step.
    pub(super) fn new(game: PreprocessedEnvironment, common: &Common) -> Self {
        Self {
            game,
            noops: MersenneTwister::new(0),
            lives: 0,
            elapsed: 0,
            episode_over: false,
            outcome: Outcome::default(),
            final_observation: vec![0; common.final_bytes()],
            has_final: false,
        }
    }

    /// Starts an episode: reset, FIRE, no-ops, and an observation that is black but for its newest frame.
    pub(super) fn reset(&mut self, common: &Common, start: Start, observation: &mut [u8]) {
        self.has_final = false;
        self.begin_episode(common, start, observation);
        self.episode_over = common.settings.max_episode_frames == 0 && common.settings.autoreset == Autoreset::NextStep;
        self.outcome = Outcome { truncated: self.episode_over, ..Outcome::default() };
        self.report();
    }

    fn begin_episode(&mut self, common: &Common, start: Start, observation: &mut [u8]) {
        if let Start::Seeded { sticky, noops } = start {
            *self.game.environment_mut() = common.environment(sticky);
            self.noops = MersenneTwister::new(noops);
        }
        let drawn = match common.settings.noop_max {
            0 => 0,
            range => draw_below(&mut self.noops, range),
        };
        // The console is reset also after loading, which has reset it already.
        let first = self.game.reset(drawn.saturating_sub(common.fire_reset.into()));
        begin_stack(observation, first, common.frame_bytes);
        self.elapsed = 0;
        self.lives = self.game.environment().lives();
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
        let mut life_lost = false;
        let mut over = false;
        let Self { game, lives: lives_before, elapsed, episode_over, .. } = self;
        let reward = game.hold(action, strength, |environment| {
            over = environment.game_over();
            *elapsed += 1;
            let lives = environment.lives();
            life_lost = lives < *lives_before && lives > 0;
            *episode_over = over || *elapsed >= settings.max_episode_frames || (settings.episodic_life && life_lost);
            *episode_over
        });
        push_frame(observation, game.frame(), common.frame_bytes);
        self.lives = game.environment().lives();
        let terminated = over || ((settings.life_loss_info || settings.episodic_life) && life_lost);
        self.outcome = Outcome {
            reward: if settings.reward_clipping { reward.clamp(-1, 1) } else { reward },
            terminated,
            truncated: self.elapsed >= settings.max_episode_frames && !terminated,
            ..self.outcome
        };
    }

    /// Reports the current lives and frame numbers, also when the step has started a new episode.
    fn report(&mut self) {
        self.outcome.lives = self.lives;
        self.outcome.frame_number = self.game.environment().frame_number();
        self.outcome.episode_frame_number = self.game.environment().episode_frame_number();
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
        // For a power of two no draw is rejected: the result is the top bits of the draw.
        let (mut one, mut other) = (MersenneTwister::new(5), MersenneTwister::new(5));
        for _ in 0..1000 {
            assert_eq!(draw_below(&mut one, 8), other.draw() >> 29);
        }
    }
}
