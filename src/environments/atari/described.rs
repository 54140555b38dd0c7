//! What a model's file says about the Atari game that it was trained on.

use crate::environments::atari::minimal_actions;
use crate::environments::atari::preprocess::{Preprocessing, Resize, SIDE, STACK};
use crate::environments::cartridges::LoadedRom;
use crate::environments::Description;
use crate::text::faults::plain;
use anyhow::{anyhow, ensure, Context, Result};
use atari_emulator::Action;
use serde::de::DeserializeOwned;

/// Actions of a joystick.
const MOST_ACTIONS: usize = Action::ALL.len();
/// Most frames that a model may hold an action for, as in a configuration.
const LARGEST_FRAME_SKIP: u32 = 60;

/// The game and how the model sees it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Described {
    /// The game's name, as in ALE.
    pub game: String,
    /// MD5 of the cartridge, 32 hexadecimal digits.
    pub cartridge_md5: String,
    /// The action of each network output.
    pub actions: Vec<Action>,
    /// Frame skip and reduction of the pictures.
    pub preprocessing: Preprocessing,
}

impl Described {
    pub(super) fn write(&self) -> Description {
        let actions: Vec<String> = self.actions.iter().map(|action| action.number().to_string()).collect();
        let resize = match self.preprocessing.resize {
            Resize::Area => "area",
            Resize::Bilinear => "bilinear",
        };
        let strings = [
            ("game", self.game.clone()),
            ("cartridge_md5", self.cartridge_md5.clone()),
            ("actions", format!("[{}]", actions.join(","))),
            ("frame_skip", self.preprocessing.frame_skip.to_string()),
            ("resize", resize.to_string()),
            ("fire_reset", self.preprocessing.fire_reset.to_string()),
            ("stack", self.preprocessing.stack.to_string()),
            ("side", self.preprocessing.side.to_string()),
        ];
        strings.into_iter().map(|(key, value)| (key.to_string(), value)).collect()
    }

    pub(super) fn read(description: &Description) -> Result<Self> {
        let text = |key: &str| description.get(key).with_context(|| format!("its metadata lack `{key}`"));
        let numbers: Vec<u32> = json(text("actions")?, "actions")?;
        ensure!(
            numbers.len() <= MOST_ACTIONS,
            "it has {} actions, and a game has {MOST_ACTIONS} at most",
            numbers.len()
        );
        let actions = numbers.into_iter().map(Action::from_number).collect::<Result<Vec<Action>, _>>()?;
        ensure!(!actions.is_empty(), "it has no actions");
        let resize = text("resize")?;
        let preprocessing = Preprocessing {
            frame_skip: json(text("frame_skip")?, "frame_skip")?,
            resize: serde_json::from_value(resize.as_str().into())
                .map_err(|error| anyhow!("its metadata have `resize` = `{resize}`: {}", plain(&error.to_string())))?,
            fire_reset: json(text("fire_reset")?, "fire_reset")?,
            stack: json(text("stack")?, "stack")?,
            side: json(text("side")?, "side")?,
        };
        ensure!(
            preprocessing.stack as usize == STACK
                && preprocessing.side as usize == SIDE
                && (1..=LARGEST_FRAME_SKIP).contains(&preprocessing.frame_skip),
            "it sees {} frames of {side} x {side}, {} frames a step; this program makes {STACK} of {SIDE} x {SIDE}, and holds an action \
             for 1 to {LARGEST_FRAME_SKIP}",
            preprocessing.stack,
            preprocessing.frame_skip,
            side = preprocessing.side,
        );
        let (game, cartridge_md5) = (text("game")?.clone(), text("cartridge_md5")?.clone());
        Ok(Self { game, cartridge_md5, actions, preprocessing })
    }

    /// Refuses a cartridge other than the one the model was trained on, by game, by MD5 and by actions.
    pub(super) fn check_cartridge(&self, rom: &LoadedRom) -> Result<()> {
        ensure!(self.game == rom.name, "the network was trained on {}, this cartridge is {}", self.game, rom.name);
        ensure!(
            self.cartridge_md5 == rom.image.md5(),
            "the network was trained on the {} cartridge with MD5 {}, this one has {}",
            self.game,
            self.cartridge_md5,
            rom.image.md5()
        );
        let (minimal, all) = (minimal_actions(&rom.image), Action::ALL.to_vec());
        ensure!(
            self.actions == minimal || self.actions == all,
            "the network chooses among the actions {:?}, which are neither the minimal actions of {} ({minimal:?}) nor all 18",
            self.actions,
            rom.name
        );
        Ok(())
    }
}

fn json<T: DeserializeOwned>(text: &str, key: &str) -> Result<T> {
    serde_json::from_str(text)
        .map_err(|error| anyhow!("its metadata have `{key}` = `{text}`: {}", plain(&error.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environments::cartridges;

    #[test]
    fn a_network_plays_only_the_cartridge_and_the_actions_it_was_trained_with() {
        let rom = cartridges::built_in();
        let described = Described {
            game: "bricks".to_string(),
            cartridge_md5: rom.image.md5().to_string(),
            actions: minimal_actions(&rom.image),
            preprocessing: Preprocessing::new(4, Resize::Area, true),
        };
        assert_eq!(Described::read(&described.write()).unwrap(), described);
        assert!(described.check_cartridge(&rom).is_ok());
        assert!(Described { actions: Action::ALL.to_vec(), ..described.clone() }.check_cartridge(&rom).is_ok());
        for (described, reason) in [
            (Described { game: "pong".to_string(), ..described.clone() }, "trained on pong, this cartridge is bricks"),
            (Described { cartridge_md5: "0".repeat(32), ..described.clone() }, "MD5 00000"),
            (Described { actions: vec![Action::Noop, Action::Up], ..described.clone() }, "[Noop, Up]"),
        ] {
            let message = described.check_cartridge(&rom).unwrap_err().to_string();
            assert!(message.contains(reason), "no `{reason}` in: {message}");
        }
    }
}
