//! A grid world with teleports: a way from the upper left corner to the lower right one, through squares that lead
//! elsewhere.

use crate::classics::layout::{moved, names, Direction, Layout, Mark};
use crate::classics::mdp::{Mdp, Successor};
use crate::classics::tabular::TabularTask;
use crate::classics::{Definition, OptionKey, OptionKind};
use anyhow::{ensure, Context, Result};
use std::sync::Arc;

/// Steps after which an episode is cut off; the world itself has no limit.
pub const LIMIT: u32 = 1000;

/// The grid world of a lesson.
pub const DEFINITION: Definition = Definition {
    name: "gridworld",
    about: "a 9 x 9 grid with two teleports, from corner to corner",
    keys: &[
        OptionKey {
            name: "rows",
            kind: OptionKind::Whole(9, 1, 1_000),
            help: "rows of the grid",
            source: "the lesson that it follows",
        },
        OptionKey {
            name: "columns",
            kind: OptionKind::Whole(9, 1, 1_000),
            help: "columns of the grid",
            source: "the lesson that it follows",
        },
        OptionKey {
            name: "teleports",
            kind: OptionKind::Text("18:54 63:14"),
            help: "squares that lead elsewhere, ENTRANCE:EXIT, separated by blanks; squares are numbered from 0, row by row",
            source: "the lesson that it follows",
        },
        OptionKey {
            name: "original_rim",
            kind: OptionKind::Flag(false),
            help: "the rim is looked for only after teleporting, as in the lesson's program",
            source: "this program's choice: corrected",
        },
    ],
    limit: |_| LIMIT,
    solved: |_| None,
    make: |options| {
        let [rows, columns] = ["rows", "columns"].map(|key| options.whole(key) as usize);
        let teleports = teleports(options.text("teleports"))?;
        let task = Gridworld { rows, columns, teleports, original_rim: options.flag("original_rim") }.task()?;
        Ok(Arc::new(move || Box::new(task.clone())))
    },
    rule: None,
};

/// The teleports in a text such as `18:54 63:14`.
fn teleports(text: &str) -> Result<Vec<(usize, usize)>> {
    let pair = |word: &str| {
        let numbers = word.split_once(':').and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
        numbers.with_context(|| format!("teleports has `{word}`, expected ENTRANCE:EXIT, e.g. 18:54"))
    };
    text.split_whitespace().map(pair).collect()
}

const DIRECTIONS: [Direction; 4] = [Direction::Up, Direction::Down, Direction::Left, Direction::Right];
/// A letter for each teleport.
const MOST_TELEPORTS: usize = 26;

/// The size and the rules of a grid world.
#[derive(Clone, Debug, PartialEq)]
pub struct Gridworld {
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// Cells that lead to another one when they are entered: (entrance, exit).
    pub teleports: Vec<(usize, usize)>,
    /// Follow the original program, which looks for the rim only after teleporting: an entrance that is one number
    /// away may be reached through the rim, and a teleport from one side of the grid to the other is refused.
    pub original_rim: bool,
}

impl Default for Gridworld {
    /// The original world: 9 x 9 with two teleports. The best return is -11, in 12 steps.
    fn default() -> Self {
        Self { rows: 9, columns: 9, teleports: vec![(18, 54), (63, 14)], original_rim: false }
    }
}

impl Gridworld {
    /// The task: every step is rewarded with -1, blocked ones too, and the step that reaches the lower right corner
    /// with 0.
    ///
    /// # Errors
    /// When the grid is too small or too large, or when its teleports contradict each other; all faults at once.
    pub fn task(&self) -> Result<TabularTask> {
        let faults = self.faults();
        ensure!(faults.is_empty(), "{}", faults.join("; "));
        let cells = self.rows * self.columns;
        let goal = cells - 1;
        let successors = |cell: usize, action: usize| {
            let state = if self.original_rim {
                self.moved_as_originally(cell, DIRECTIONS[action])
            } else {
                self.moved(cell, DIRECTIONS[action])
            };
            vec![Successor { probability: 1.0, state, reward: if state == goal { 0.0 } else { -1.0 } }]
        };
        let mdp = Mdp::from_rule(names(cells, &DIRECTIONS), 0, |cell| cell == goal, successors)?;
        let mut marks = vec![Mark::Plain; cells];
        marks[0] = Mark::Start;
        for (number, (entrance, _)) in self.teleports.iter().enumerate() {
            marks[*entrance] = Mark::Entrance(number);
        }
        // A cell that is both is an exit: an agent can be there.
        for (number, (_, exit)) in self.teleports.iter().enumerate() {
            marks[*exit] = Mark::Exit(number);
        }
        marks[goal] = Mark::Goal;
        let layout = Layout { rows: self.rows, columns: self.columns, marks, directions: DIRECTIONS.to_vec() };
        Ok(TabularTask::new(mdp, Some(layout)))
    }

    fn faults(&self) -> Vec<String> {
        let most = Mdp::MOST_PAIRS / DIRECTIONS.len();
        let cells = self.rows.saturating_mul(self.columns);
        let mut faults = Vec::new();
        if !(2..=most).contains(&cells) {
            faults.push(format!("{} rows and {} columns: allowed are 2 to {most} cells", self.rows, self.columns));
        }
        if self.teleports.len() > MOST_TELEPORTS {
            faults.push(format!("{} teleports: at most {MOST_TELEPORTS} are allowed", self.teleports.len()));
        }
        for (i, (entrance, exit)) in self.teleports.iter().enumerate() {
            let mut wrong = |reason: String| faults.push(format!("the teleport from {entrance} to {exit}: {reason}"));
            for cell in [entrance, exit].into_iter().filter(|cell| **cell >= cells) {
                wrong(format!("the grid has no cell {cell}; its cells are 0 to {}", cells.saturating_sub(1)));
            }
            if entrance == exit {
                wrong("it leads to its own entrance".to_string());
            }
            if self.teleports[..i].iter().any(|(earlier, _)| earlier == entrance) {
                wrong("another one has the same entrance".to_string());
            }
            if *entrance == 0 || entrance + 1 == cells {
                wrong("start and goal cannot be entrances".to_string());
            }
        }
        faults
    }

    fn moved(&self, cell: usize, direction: Direction) -> usize {
        match moved((self.rows, self.columns), cell, direction) {
            reached if reached == cell => cell,
            reached => self.teleported(reached),
        }
    }

    fn moved_as_originally(&self, cell: usize, direction: Direction) -> usize {
        let (right, down) = direction.offset();
        let reached =
            cell.checked_add_signed(right + down * self.columns as isize).map(|reached| self.teleported(reached));
        let Some(reached) = reached.filter(|reached| *reached < self.rows * self.columns) else { return cell };
        let (from, to, last) = (cell % self.columns, reached % self.columns, self.columns - 1);
        if (from, to) == (0, last) || (from, to) == (last, 0) {
            cell
        } else {
            reached
        }
    }

    fn teleported(&self, cell: usize) -> usize {
        self.teleports.iter().find(|(entrance, _)| *entrance == cell).map_or(cell, |(_, exit)| *exit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classics::numpy_random::NumpyRandom;
    use crate::classics::Task;
    use serde_json::Value;

    /// The next state for each state and action, by the original program's rules; written by an enumeration.
    const ORIGINAL: &str = include_str!("../../tests/data/classic/gridworld.json");

    fn next(world: &Gridworld) -> Vec<Vec<usize>> {
        let task = world.task().unwrap();
        let mdp = task.mdp();
        let of =
            |state: usize| (0..4).flat_map(|action| mdp.successors(state, action)).map(|next| next.state).collect();
        (0..mdp.states().len()).map(of).collect()
    }

    #[test]
    fn only_a_move_through_the_rim_differs_from_the_original() {
        let data: Value = serde_json::from_str(ORIGINAL).unwrap();
        let mut expected: Vec<Vec<usize>> = serde_json::from_value(data["next"].clone()).unwrap();
        assert_eq!(next(&Gridworld { original_rim: true, ..Gridworld::default() })[..80], expected[..80]);
        assert_eq!(expected[62][3], 14, "to the right of 62");
        expected[62][3] = 62;
        assert_eq!(next(&Gridworld::default())[..80], expected[..80]);
    }

    #[test]
    fn the_best_way_returns_minus_11() {
        let mut task = Gridworld::default().task().unwrap();
        let mut random = NumpyRandom::new(0);
        task.reset(&mut random);
        // Down to 9, onto the teleport to 54, and along the teleport that leads back.
        let actions = [1, 1, 3, 1, 3, 1, 3, 3, 3, 3, 3, 3];
        let outcomes: Vec<_> = actions.iter().map(|action| (task.step(*action, &mut random), task.present())).collect();
        let states: Vec<usize> = outcomes.iter().map(|(_, state)| *state).collect();
        assert_eq!(states, [9, 54, 55, 64, 65, 74, 75, 76, 77, 78, 79, 80]);
        assert_eq!(outcomes.iter().map(|(outcome, _)| outcome.reward).sum::<f64>(), -11.0);
        assert_eq!(outcomes.iter().position(|(outcome, _)| outcome.terminated), Some(11));
    }

    #[test]
    fn the_best_returns_are_those_of_the_original_world() {
        let data: Value = serde_json::from_str(ORIGINAL).unwrap();
        let expected: Vec<f64> = serde_json::from_value(data["V_star"].clone()).unwrap();
        let best_returns = |world: Gridworld| {
            let task = world.task().unwrap();
            let mdp = task.mdp();
            let mut values = vec![0.0; 81];
            for _ in 0..20 {
                let best = |state: usize| {
                    let actions = (0..4).flat_map(|action| mdp.successors(state, action));
                    let returns = actions.map(|successor| successor.reward + values[successor.state]);
                    returns.reduce(f64::max).unwrap_or(0.0)
                };
                values = (0..81).map(best).collect();
            }
            values
        };
        assert_eq!(best_returns(Gridworld::default())[..80], expected);
        assert_eq!(best_returns(Gridworld { teleports: Vec::new(), ..Gridworld::default() })[0], -15.0);
    }

    #[test]
    fn a_blocked_move_costs_a_step() {
        let mut task = Gridworld::default().task().unwrap();
        let mut random = NumpyRandom::new(0);
        task.reset(&mut random);
        assert_eq!((task.step(2, &mut random).reward, task.present()), (-1.0, 0));
        // A rim beside an entrance: nothing teleports.
        let beside = Gridworld { rows: 2, columns: 2, teleports: vec![(1, 2)], original_rim: false };
        assert_eq!(next(&beside)[0], [0, 2, 0, 2]);
    }

    #[test]
    fn all_faults_of_a_world_are_reported_at_once() {
        let teleports = vec![(1, 99), (3, 3), (1, 2), (0, 5), (8, 4)];
        let world = Gridworld { rows: 3, columns: 3, teleports, original_rim: false };
        let message = world.task().unwrap_err().to_string();
        for expected in [
            "the teleport from 1 to 99: the grid has no cell 99; its cells are 0 to 8",
            "the teleport from 3 to 3: it leads to its own entrance",
            "the teleport from 1 to 2: another one has the same entrance",
            "the teleport from 0 to 5: start and goal cannot be entrances",
            "the teleport from 8 to 4: start and goal",
        ] {
            assert!(message.contains(expected), "{message}");
        }
        for (rows, columns) in [(0, 9), (1, 1), (usize::MAX, 2)] {
            let world = Gridworld { rows, columns, teleports: Vec::new(), original_rim: false };
            assert!(world.task().unwrap_err().to_string().contains("allowed are 2 to 250000 cells"));
        }
    }
}
