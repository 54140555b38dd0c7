//! Saves environments to bytes and restores them.

use super::{Environment, PADDLE_MIN};
use crate::action::Action;
use crate::game;
use crate::saved_state::{self, exchange, hexadecimal, Archive, Saved, Scope, StateError};

impl Environment {
    /// The complete state as bytes, some 8 KiB, for [`Environment::restore`]. Changes nothing.
    ///
    /// The bytes hold console, RAM, screen, lives, score, frame numbers, sticky memory, both generators, mode and
    /// difficulty. They do not hold the [`Settings`](super::Settings): these describe how an environment is used, not
    /// its state.
    pub fn save(&self) -> Vec<u8> {
        saved_state::save(&mut self.clone(), Scope::Complete, self.md5, self.rules.name)
    }

    /// Restores a state [saved](Environment::save) by this environment or by another one with the same cartridge,
    /// perhaps in another run of the program.
    ///
    /// The environment keeps its own settings. If they equal the saved environment's, it continues exactly as that one
    /// would have. (Seeds may differ because the generators' states are restored.) So a trainer that makes its
    /// environments from the same configuration resumes exactly, and a state saved in training can be evaluated without
    /// sticky actions.
    ///
    /// # Errors
    /// [`StateError`] if `bytes` are not a saved state, have another format version, belong to another game, are
    /// damaged, or describe an impossible state. The environment then stays as it was.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.restore_scope(Scope::Complete, bytes)
    }

    /// Continues from the position of `other`, an environment with the same cartridge, as if it had been
    /// [saved](Environment::save) there and [restored](Environment::restore) here: completely, but with this
    /// environment's settings. Takes some microseconds, as a clone does.
    ///
    /// # Errors
    /// [`StateError::OtherGame`] if `other` plays another cartridge, or the same by another game's rules. The
    /// environment then stays as it was.
    pub fn continue_from(&mut self, other: &Environment) -> Result<(), StateError> {
        let [own, found] = [&*self, other].map(|environment| (environment.md5, environment.rules.name));
        if own != found {
            return Err(saved_state::other_game(found, own, game_name));
        }
        let settings = self.settings.clone();
        self.clone_from(other);
        if settings.translation != self.settings.translation {
            self.set_translation(settings.translation);
        }
        self.settings = settings;
        Ok(())
    }

    /// The position as bytes, some 3 KiB (5 with `include_random`), with exactly the gaps of ALE's own saved states,
    /// for [`Environment::restore_as_ale`]. Changes nothing.
    ///
    /// The bytes hold console, RAM, lives, score, frame numbers, the console's generator, mode and difficulty. They
    /// hold the environment's generator only if `include_random`. They do not hold the screen, the sound, the action
    /// that sticky actions repeat, whether the last frame was finished, and the settings.
    pub fn save_as_ale(&mut self, include_random: bool) -> Vec<u8> {
        let (md5, rules) = (self.md5, self.rules.name);
        saved_state::save(self, Scope::Ale { random: include_random }, md5, rules)
    }

    /// Restores a position saved by [`Environment::save_as_ale`], as ALE would: everything that the bytes do not hold
    /// stays as it is. So the screen shows the old picture until the next frame, and sticky actions may repeat an
    /// action from before.
    ///
    /// # Errors
    /// As [`Environment::restore`]. The environment then stays as it was.
    pub fn restore_as_ale(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.restore_scope(Scope::Ale { random: false }, bytes)
    }

    fn restore_scope(&mut self, scope: Scope, bytes: &[u8]) -> Result<(), StateError> {
        let mut restored = self.clone();
        saved_state::restore(&mut restored, scope, bytes, self.md5, self.rules.name, game_name)?;
        *self = restored;
        Ok(())
    }
}

impl Saved for Environment {
    fn exchange(&mut self, archive: &mut Archive) -> Result<(), StateError> {
        // A new field: exchange it below or say why that is not needed, and raise the version of the format.
        let Self {
            console,
            settings: _,
            random,
            md5: _,
            game: _,
            rules,
            properties,
            state,
            mode,
            difficulty,
            initial_lives: _, // a fact of the rules
            remembered: (action, strength),
            paddles,
            frame_number,
            episode_frame_number,
            // It counts 64 or more at the end of a reset if no frame was finished in it, whatever it was before; less
            // does not matter.
            unfinished_frames: _,
            choosing_frames: _, // used during a reset only
            averaged: _,        // recomputed whenever the screen is read
            audio,
        } = self;
        let complete = archive.complete();
        exchange!(archive, console);
        let mut with_random = archive.scope() != Scope::Ale { random: false };
        if !complete {
            exchange!(archive, &mut with_random);
        }
        if with_random {
            exchange!(archive, random);
        }
        let lives = state.lives;
        let without_lives = !complete && !rules.ale_saves_lives;
        if without_lives {
            state.lives = 0;
        }
        exchange!(archive, state);
        if without_lives {
            state.lives = lives;
        }
        exchange!(archive, mode, difficulty);
        if complete {
            exchange!(archive, action, strength);
        }
        exchange!(archive, frame_number, episode_frame_number);
        if complete {
            archive.runs(audio)?;
        }
        for paddle in paddles {
            archive.number(paddle, PADDLE_MIN..=properties.paddle_max, "a paddle's resistance")?;
        }
        let modes = rules.available_modes();
        if !modes.contains(mode) {
            return Err(StateError::invalid("the mode", mode, format!("one of {modes:?}")));
        }
        // Every environment starts at difficulty 0, whether or not the game offers it.
        if *difficulty != 0 && !rules.difficulties.contains(difficulty) {
            let allowed = format!("0 or one of {:?}", rules.difficulties);
            return Err(StateError::invalid("the difficulty", difficulty, allowed));
        }
        Ok(())
    }
}

impl Saved for Action {
    fn exchange(&mut self, archive: &mut Archive) -> Result<(), StateError> {
        let mut number = self.number();
        number.exchange(archive)?;
        let action = Action::from_number(number).ok().or((number == Action::Reset.number()).then_some(Action::Reset));
        *self = action.ok_or_else(|| StateError::invalid("the remembered action", number, "0 to 17, or 40"))?;
        Ok(())
    }
}

/// The name of the game: from its rules if there are any, otherwise from the cartridge.
fn game_name(md5: [u8; 16], rules: &str) -> String {
    let md5 = hexadecimal(md5);
    let known = || game::identify(&md5, None).map(|game| game.name).or_else(|| game::identify_unscored(&md5));
    if rules.is_empty() { known().unwrap_or("an unknown game") } else { rules }.to_string()
}
