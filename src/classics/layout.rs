//! States in a grid: how they lie, what is special about them, and where moves lead.

use std::fmt;

/// States as the cells of a grid, numbered row by row from the upper left one.
#[derive(Clone, Debug, PartialEq)]
pub struct Layout {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// What each cell is: `[rows * columns]`.
    pub marks: Vec<Mark>,
    /// The direction of each action.
    pub directions: Vec<Direction>,
}

/// What a cell of a [`Layout`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Nothing special.
    Plain,
    /// Episodes begin here.
    Start,
    /// Reaching it ends the episode well.
    Goal,
    /// Reaching it ends the episode badly.
    Hole,
    /// Entering it leads back to the start.
    Cliff,
    /// Entering it leads to the exit of the same number.
    Entrance(usize),
    /// The exit of the entrance with this number.
    Exit(usize),
}

impl Mark {
    /// Whether nobody ever acts there.
    pub fn is_passive(self) -> bool {
        !matches!(self, Mark::Plain | Mark::Start | Mark::Exit(_))
    }
}

impl fmt::Display for Mark {
    /// The letters of the mark in a picture: a capital for each kind, letter and `in` or `out` for teleports, `-` for a plain cell.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = |number: &usize| char::from(b'A' + (*number % 26) as u8);
        match self {
            Mark::Plain => f.write_str("-"),
            Mark::Start => f.write_str("S"),
            Mark::Goal => f.write_str("G"),
            Mark::Hole => f.write_str("H"),
            Mark::Cliff => f.write_str("C"),
            Mark::Entrance(number) => write!(f, "{}in", letter(number)),
            Mark::Exit(number) => write!(f, "{}out", letter(number)),
        }
    }
}

/// The direction of a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the row above.
    Up,
    /// To the row below.
    Down,
    /// To the column to the left.
    Left,
    /// To the column to the right.
    Right,
}

impl Direction {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Direction::Up => "up",
            Direction::Down => "down",
            Direction::Left => "left",
            Direction::Right => "right",
        }
    }

    /// A character that points there.
    pub fn arrow(self) -> char {
        match self {
            Direction::Up => '↑',
            Direction::Down => '↓',
            Direction::Left => '←',
            Direction::Right => '→',
        }
    }

    /// Columns to the right and rows down.
    pub fn offset(self) -> (isize, isize) {
        match self {
            Direction::Up => (0, -1),
            Direction::Down => (0, 1),
            Direction::Left => (-1, 0),
            Direction::Right => (1, 0),
        }
    }
}

/// The cell one move from `cell` in a grid of `rows` and `columns`; at the rim the same cell.
pub(super) fn moved((rows, columns): (usize, usize), cell: usize, direction: Direction) -> usize {
    let (right, down) = direction.offset();
    let row = (cell / columns).saturating_add_signed(down).min(rows - 1);
    let column = (cell % columns).saturating_add_signed(right).min(columns - 1);
    row * columns + column
}

/// The names of states that are cells, and of actions that are moves.
pub(super) fn names(cells: usize, directions: &[Direction]) -> (Vec<String>, Vec<String>) {
    let states = (0..cells).map(|cell| cell.to_string()).collect();
    (states, directions.iter().map(|direction| direction.name().to_string()).collect())
}
