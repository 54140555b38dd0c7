//! CliffWalking: walk along a cliff without stepping off it (Sutton and Barto, "Reinforcement Learning", example 6.6).
//!
//! States, rewards and draws are those of Gymnasium's CliffWalking-v1.

use crate::classics::layout::{moved, names, Direction, Layout, Mark};
use crate::classics::mdp::{Mdp, Successor};
use crate::classics::tabular::TabularTask;
use crate::classics::Definition;
use anyhow::Result;
use std::sync::Arc;

/// Steps after which an episode is cut off. Gymnasium has no limit, but a policy that walks in a circle would never end.
pub const LIMIT: u32 = 1000;

/// CliffWalking-v1.
pub const DEFINITION: Definition = Definition {
    name: "cliff-walking",
    about: "walk along a cliff without stepping off it (Gymnasium's CliffWalking-v1)",
    keys: &[],
    limit: |_| LIMIT,
    solved: |_| None,
    make: |_| {
        let task = cliff_walking()?;
        Ok(Arc::new(move || Box::new(task.clone())))
    },
    rule: None,
};

const ROWS: usize = 4;
const COLUMNS: usize = 12;
const START: usize = 36;
const GOAL: usize = 47;
const DIRECTIONS: [Direction; 4] = [Direction::Up, Direction::Right, Direction::Down, Direction::Left];

/// The task: every step is rewarded with -1, and a step onto the cliff with -100; it leads back to the start, and the episode
/// goes on.
///
/// # Errors
/// Never, as the grid is small.
pub fn cliff_walking() -> Result<TabularTask> {
    let marks: Vec<Mark> = (0..ROWS * COLUMNS).map(mark).collect();
    let successors = |cell: usize, action: usize| {
        let reached = moved((ROWS, COLUMNS), cell, DIRECTIONS[action]);
        let (state, reward) = if marks[reached] == Mark::Cliff { (START, -100.0) } else { (reached, -1.0) };
        vec![Successor { probability: 1.0, state, reward }]
    };
    let mdp = Mdp::from_rule(names(marks.len(), &DIRECTIONS), START, |cell| cell == GOAL, successors)?;
    let layout = Layout { rows: ROWS, columns: COLUMNS, marks, directions: DIRECTIONS.to_vec() };
    Ok(TabularTask::new(mdp, Some(layout)))
}

fn mark(cell: usize) -> Mark {
    match cell {
        START => Mark::Start,
        GOAL => Mark::Goal,
        37..GOAL => Mark::Cliff,
        _ => Mark::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classics::numpy_random::NumpyRandom;
    use crate::classics::tabular::tests::assert_equal_to_gymnasium;
    use crate::classics::Task;

    #[test]
    fn episodes_are_gymnasiums() {
        assert_equal_to_gymnasium(cliff_walking().unwrap(), "CliffWalking-v1");
    }

    #[test]
    fn the_shortest_way_along_the_cliff_returns_minus_13() {
        let mut task = cliff_walking().unwrap();
        let mut random = NumpyRandom::new(0);
        task.reset(&mut random);
        let actions = [vec![0], vec![1; 11], vec![2]].concat();
        let outcomes: Vec<_> = actions.into_iter().map(|action| task.step(action, &mut random)).collect();
        assert_eq!(outcomes.iter().map(|outcome| outcome.reward).sum::<f64>(), -13.0);
        assert_eq!(outcomes.iter().position(|outcome| outcome.terminated), Some(12));
    }
}
