//! Meaning of the keys, independent of the window: the joystick, and the speed.

use atari_emulator::Action;

/// The keys, printed at the start and when H is struck.
pub const HELP: &str = "\
arrows or WASD  joystick (left and right turn a paddle)    Space  fire
R or F2         console RESET; a new game when it is over  Enter  new game at once
T or F1         console SELECT                             Tab    take the stick, or hand it back to the agent
P               pause                                      N      one frame, while paused
- + or [ ]      slower, faster (1/4x to 8x)                M      as fast as possible
F12             screenshot (PNG in this folder)            H      these lines
Esc             quit";

/// The action of a stick pushed these ways; opposite directions cancel out.
pub fn joystick(up: bool, down: bool, left: bool, right: bool, fire: bool) -> Action {
    let wanted = (up && !down, down && !up, left && !right, right && !left, fire);
    let means = |action: &Action| (action.up(), action.down(), action.left(), action.right(), action.fire()) == wanted;
    Action::ALL.into_iter().find(means).unwrap_or(Action::Noop)
}

/// How fast the game runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speed {
    /// The rate is 2 to this power times the console's.
    exponent: i32,
    /// As fast as possible instead.
    pub unlimited: bool,
}

impl Speed {
    /// The console's own.
    pub const NORMAL: Speed = Speed { exponent: 0, unlimited: false };

    /// Twice as fast, at most 8x; from "as fast as possible" back to a rate.
    pub fn faster(&mut self) {
        self.step(1);
    }

    /// Half as fast, at least 1/4x; from "as fast as possible" back to a rate.
    pub fn slower(&mut self) {
        self.step(-1);
    }

    fn step(&mut self, by: i32) {
        if self.unlimited {
            self.unlimited = false;
        } else {
            self.exponent = (self.exponent + by).clamp(-2, 3);
        }
    }

    /// Console frames for each refresh of a window that is refreshed at the console's rate.
    pub fn frames_per_refresh(self) -> f64 {
        2f64.powi(self.exponent)
    }
}

impl std::fmt::Display for Speed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.exponent {
            _ if self.unlimited => f.write_str("max speed"),
            exponent if exponent < 0 => write!(f, "1/{}x", 1 << -exponent),
            exponent => write!(f, "{}x", 1 << exponent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_joystick_action_can_be_made_and_opposites_cancel() {
        for action in Action::ALL {
            assert_eq!(joystick(action.up(), action.down(), action.left(), action.right(), action.fire()), action);
        }
        assert_eq!(joystick(true, true, false, true, false), Action::Right);
        assert_eq!(joystick(true, true, true, true, true), Action::Fire);
    }

    #[test]
    fn speed_doubles_and_halves_within_its_bounds() {
        let mut speed = Speed::NORMAL;
        let mut seen = vec![speed.to_string()];
        for _ in 0..4 {
            speed.faster();
            seen.push(speed.to_string());
        }
        assert_eq!(seen, ["1x", "2x", "4x", "8x", "8x"]);
        for _ in 0..6 {
            speed.slower();
        }
        assert_eq!(speed.to_string(), "1/4x");
        assert_eq!(speed.frames_per_refresh(), 0.25);
        speed.unlimited = true;
        assert_eq!(speed.to_string(), "max speed");
        speed.faster();
        assert_eq!(speed.to_string(), "1/4x", "leaving max speed returns to the rate before");
    }
}
