//! Joystick actions, numbered as in the Arcade Learning Environment.

use std::fmt;
use std::iter::FusedIterator;
use std::str::FromStr;

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
    /// [`ActionError`] for 18 and more. (ALE ends the process for some of these numbers and treats others as NOOP.)
    pub fn from_number(number: u32) -> Result<Action, ActionError> {
        Action::ALL.get(number as usize).copied().ok_or(ActionError { number: number.into() })
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

/// Converts ALE's action number, 0 to 17. Any other number is an error, including 40 ([`Action::Reset`]).
impl TryFrom<u8> for Action {
    type Error = ActionError;
    fn try_from(number: u8) -> Result<Self, ActionError> {
        Action::from_number(number.into())
    }
}

/// Converts ALE's action number, 0 to 17. Any other number is an error, including 40 ([`Action::Reset`]).
impl TryFrom<u32> for Action {
    type Error = ActionError;
    fn try_from(number: u32) -> Result<Self, ActionError> {
        Action::from_number(number)
    }
}

/// ALE's number of the action.
impl From<Action> for u8 {
    fn from(action: Action) -> u8 {
        action as u8
    }
}

/// Converts ALE's action number, 0 to 17. Any other number is an error, including 40 ([`Action::Reset`]).
impl TryFrom<i32> for Action {
    type Error = ActionError;
    fn try_from(number: i32) -> Result<Self, ActionError> {
        u32::try_from(number).map_err(|_| ActionError { number: number.into() }).and_then(Action::from_number)
    }
}

/// Parses ALE's name of the action, in upper or lower case: `UPRIGHTFIRE`.
impl FromStr for Action {
    type Err = ActionNameError;
    fn from_str(name: &str) -> Result<Self, ActionNameError> {
        let all = || Action::ALL.into_iter().chain([Action::Reset]);
        let found = all().find(|action| action.to_string().eq_ignore_ascii_case(name));
        found.ok_or_else(|| ActionNameError { name: name.to_owned() })
    }
}

/// Error of parsing: no action has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no action {name:?}; actions are named as in ALE: NOOP, FIRE, UP, ..., DOWNLEFTFIRE")]
#[non_exhaustive]
pub struct ActionNameError {
    /// The name.
    pub name: String,
}

/// Error of a conversion: no joystick action has this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no joystick action {number}; they go from 0 (NOOP) to 17 (DOWNLEFTFIRE)")]
#[non_exhaustive]
pub struct ActionError {
    /// The number.
    pub number: i64,
}

/// A set of joystick actions; iterates in ascending number.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ActionSet(u32);

impl ActionSet {
    /// All eighteen.
    pub const ALL: ActionSet = ActionSet((1 << 18) - 1);

    /// The set of the actions with these ALE numbers.
    ///
    /// # Panics
    /// If a number is greater than 17.
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

    /// How many actions are in the set.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether no action is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The actions, in ascending number.
    pub fn iter(self) -> ActionSetIter {
        ActionSetIter(self.0)
    }

    /// The actions as a vector, in ascending number: an agent's action `i` is element `i`.
    pub fn actions(self) -> Vec<Action> {
        self.iter().collect()
    }
}

/// The actions of an [`ActionSet`], in ascending number.
#[derive(Clone, Debug)]
pub struct ActionSetIter(u32);

impl Iterator for ActionSetIter {
    type Item = Action;
    fn next(&mut self) -> Option<Action> {
        let action = Action::ALL.get(self.0.trailing_zeros() as usize).copied()?;
        self.0 &= self.0 - 1;
        Some(action)
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

impl ExactSizeIterator for ActionSetIter {
    fn len(&self) -> usize {
        self.0.count_ones() as usize
    }
}

impl FusedIterator for ActionSetIter {}

impl IntoIterator for ActionSet {
    type Item = Action;
    type IntoIter = ActionSetIter;
    fn into_iter(self) -> ActionSetIter {
        self.iter()
    }
}

impl IntoIterator for &ActionSet {
    type Item = Action;
    type IntoIter = ActionSetIter;
    fn into_iter(self) -> ActionSetIter {
        self.iter()
    }
}

/// The set of the actions with these ALE numbers, in any order. A number above 17 is an error.
impl TryFrom<&[u8]> for ActionSet {
    type Error = ActionError;
    fn try_from(numbers: &[u8]) -> Result<Self, ActionError> {
        numbers.iter().map(|&number| Action::try_from(number)).collect()
    }
}

/// Parses names of joystick actions, separated by spaces or commas: what [`Display`](fmt::Display) writes is read back. A
/// text without a name is the empty set. RESET is an error, because no set contains it.
impl FromStr for ActionSet {
    type Err = ActionNameError;
    fn from_str(names: &str) -> Result<Self, ActionNameError> {
        let names = names.split(|separator: char| separator == ',' || separator.is_whitespace());
        let parse = |name: &str| match name.parse() {
            Ok(Action::Reset) => Err(ActionNameError { name: name.to_owned() }),
            parsed => parsed,
        };
        names.filter(|name| !name.is_empty()).map(parse).collect()
    }
}

/// Collects a set. RESET is dropped because no set contains it.
impl FromIterator<Action> for ActionSet {
    fn from_iter<T: IntoIterator<Item = Action>>(actions: T) -> Self {
        let joystick = actions.into_iter().filter(|&action| action != Action::Reset);
        ActionSet(joystick.fold(0, |bits, action| bits | 1 << action.number()))
    }
}

/// Writes the actions' names with spaces between them.
impl fmt::Display for ActionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.iter().map(|action| action.to_string()).collect();
        f.pad(&names.join(" "))
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
    fn numbers_and_names_lead_back_to_the_action() {
        for action in Action::ALL {
            assert_eq!(Action::try_from(action.number() as u8), Ok(action));
            assert_eq!(Action::try_from(action.number() as i32), Ok(action));
            assert_eq!(action.to_string().to_lowercase().parse(), Ok(action));
        }
        for action in Action::ALL {
            assert_eq!(Action::try_from(action.number()), Ok(action));
            assert_eq!(u32::from(u8::from(action)), action.number());
        }
        assert_eq!(Action::try_from(18u32), Err(ActionError { number: 18 }));
        assert_eq!("reset".parse(), Ok(Action::Reset));
        assert_eq!(Action::try_from(40u8), Err(ActionError { number: 40 }));
        assert_eq!(Action::try_from(-1), Err(ActionError { number: -1 }));
        let error = "jump".parse::<Action>().unwrap_err();
        assert!(error.to_string().starts_with("there is no action \"jump\""), "{error}");
    }

    #[test]
    fn action_sets_iterate_in_ascending_number() {
        let set = ActionSet::of(&[4, 0, 12]);
        assert_eq!(set.actions(), [Action::Noop, Action::Left, Action::LeftFire]);
        assert!(!set.contains(Action::Reset));
        assert_eq!((set.len(), set.iter().len(), ActionSet::ALL.len()), (3, 3, 18));
        assert!(ActionSet::of(&[]).is_empty());
        assert_eq!(set.to_string(), "NOOP LEFT LEFTFIRE");
        assert_eq!((&set).into_iter().collect::<Vec<_>>(), set.actions());
        assert_eq!(set.into_iter().chain([Action::Reset]).collect::<ActionSet>(), set);
    }

    #[test]
    fn action_sets_are_read_from_names_and_numbers() {
        for set in [ActionSet::ALL, ActionSet::of(&[4, 0, 12]), ActionSet::of(&[])] {
            assert_eq!(set.to_string().parse(), Ok(set));
            assert_eq!(set.to_string().to_lowercase().replace(' ', ", ").parse(), Ok(set));
            let numbers: Vec<u8> = set.iter().map(u8::from).collect();
            assert_eq!(ActionSet::try_from(&numbers[..]), Ok(set));
        }
        for name in ["jump", "RESET"] {
            let error = format!("NOOP {name}").parse::<ActionSet>().unwrap_err();
            assert_eq!(error, ActionNameError { name: name.to_owned() });
        }
        assert_eq!(ActionSet::try_from(&[1, 18][..]), Err(ActionError { number: 18 }));
    }
}
