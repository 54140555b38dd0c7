//! Joystick actions, numbered as in the Arcade Learning Environment.

use std::fmt;

/// One of the eighteen joystick actions or the console's RESET switch.
///
/// The discriminant is ALE's action number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[allow(missing_docs)] // the names are the field's own
pub enum Action {
    Noop = 0,
    Fire = 1,
    Up = 2,
    Right = 3,
    Left = 4,
    Down = 5,
    UpRight = 6,
    UpLeft = 7,
    DownRight = 8,
    DownLeft = 9,
    UpFire = 10,
    RightFire = 11,
    LeftFire = 12,
    DownFire = 13,
    UpRightFire = 14,
    UpLeftFire = 15,
    DownRightFire = 16,
    DownLeftFire = 17,
    /// The console's RESET switch; only start sequences use it, an agent's RESET becomes `Noop`.
    Reset = 40,
}

impl Action {
    /// The eighteen joystick actions in ALE's order.
    pub const ALL: [Action; 18] = [
        Action::Noop,
        Action::Fire,
        Action::Up,
        Action::Right,
        Action::Left,
        Action::Down,
        Action::UpRight,
        Action::UpLeft,
        Action::DownRight,
        Action::DownLeft,
        Action::UpFire,
        Action::RightFire,
        Action::LeftFire,
        Action::DownFire,
        Action::UpRightFire,
        Action::UpLeftFire,
        Action::DownRightFire,
        Action::DownLeftFire,
    ];

    /// The joystick action with ALE's `number`, 0 to 17.
    ///
    /// # Errors
    /// When there is none. (ALE ends the process over some such numbers and takes others for NOOP.)
    pub fn from_number(number: u32) -> Result<Action, ActionError> {
        Action::ALL.get(number as usize).copied().ok_or(ActionError { number })
    }

    /// ALE's number of this action.
    pub fn number(self) -> u32 {
        self as u32
    }

    /// Whether the stick is pushed up.
    pub fn up(self) -> bool {
        use Action::*;
        matches!(self, Up | UpRight | UpLeft | UpFire | UpRightFire | UpLeftFire)
    }

    /// Whether the stick is pulled down.
    pub fn down(self) -> bool {
        use Action::*;
        matches!(self, Down | DownRight | DownLeft | DownFire | DownRightFire | DownLeftFire)
    }

    /// Whether the stick is pushed left.
    pub fn left(self) -> bool {
        use Action::*;
        matches!(self, Left | UpLeft | DownLeft | LeftFire | UpLeftFire | DownLeftFire)
    }

    /// Whether the stick is pushed right.
    pub fn right(self) -> bool {
        use Action::*;
        matches!(self, Right | UpRight | DownRight | RightFire | UpRightFire | DownRightFire)
    }

    /// Whether the fire button is pressed.
    pub fn fire(self) -> bool {
        self == Action::Fire || (Action::UpFire..=Action::DownLeftFire).contains(&self)
    }
}

impl fmt::Display for Action {
    /// Writes ALE's name of the action: `UPRIGHTFIRE`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{self:?}").to_uppercase())
    }
}

/// A number that is no joystick action's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no joystick action {number}; they go from 0 (NOOP) to 17 (DOWNLEFTFIRE)")]
pub struct ActionError {
    /// What was asked for.
    pub number: u32,
}

/// A set of joystick actions; iterates in ascending number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ActionSet(u32);

impl ActionSet {
    /// All eighteen.
    pub const ALL: ActionSet = ActionSet((1 << 18) - 1);

    /// The set of these ALE action numbers.
    pub const fn of(numbers: &[u8]) -> ActionSet {
        let mut bits = 0;
        let mut i = 0;
        while i < numbers.len() {
            assert!(numbers[i] < 18, "joystick actions are numbered 0 to 17");
            bits |= 1 << numbers[i];
            i += 1;
        }
        ActionSet(bits)
    }

    /// Whether `action` is in the set (RESET never is).
    pub const fn contains(self, action: Action) -> bool {
        (action as u32) < 18 && self.0 >> (action as u32) & 1 == 1
    }

    /// The actions, in ascending number.
    pub fn actions(self) -> Vec<Action> {
        Action::ALL.into_iter().filter(|&a| self.contains(a)).collect()
    }
}

impl fmt::Debug for ActionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.actions()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_names_its_own_action_and_its_directions() {
        for (i, action) in Action::ALL.into_iter().enumerate() {
            assert_eq!(action.number() as usize, i);
            let name = action.to_string();
            assert_eq!(action.up(), name.contains("UP"), "{name}");
            assert_eq!(action.down(), name.contains("DOWN"), "{name}");
            assert_eq!(action.left(), name.contains("LEFT"), "{name}");
            assert_eq!(action.right(), name.contains("RIGHT"), "{name}");
            assert_eq!(action.fire(), name.contains("FIRE"), "{name}");
        }
        let error = Action::from_number(18).unwrap_err();
        assert_eq!(error.to_string(), "there is no joystick action 18; they go from 0 (NOOP) to 17 (DOWNLEFTFIRE)");
    }

    #[test]
    fn action_sets_iterate_in_ascending_number() {
        let set = ActionSet::of(&[4, 0, 12]);
        assert_eq!(set.actions(), [Action::Noop, Action::Left, Action::LeftFire]);
        assert!(!set.contains(Action::Reset));
    }
}
