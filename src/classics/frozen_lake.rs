//! FrozenLake: cross a frozen lake without falling into a hole, on ice on which one may slip.
//!
//! The maps, probabilities and draws are those of Gymnasium's FrozenLake-v1.

use crate::classics::layout::{moved, names, Direction, Layout, Mark};
use crate::classics::mdp::{Mdp, Successor};
use crate::classics::tabular::TabularTask;
use crate::classics::{Definition, OptionKey, OptionKind, Options};
use anyhow::{bail, Result};
use std::sync::Arc;

/// FrozenLake-v1.
pub const DEFINITION: Definition = Definition {
    name: "frozen-lake",
    about: "cross a frozen lake without falling into a hole (Gymnasium's FrozenLake-v1)",
    keys: &[
        OptionKey {
            name: "size",
            kind: OptionKind::Whole(4, 4, 8),
            help: "rows and columns of the map: 4 or 8",
            source: "Gymnasium",
        },
        OptionKey {
            name: "slippery",
            kind: OptionKind::Flag(true),
            help: "two moves of three go astray to a side",
            source: "Gymnasium",
        },
    ],
    limit: |options| map(options).map_or(0, Map::limit),
    solved: |options| Some(if options.whole("size") == 4 { 0.70 } else { 0.85 }),
    make: |options| {
        let Some(map) = map(options) else { bail!("size is {}, allowed is 4 or 8", options.whole("size")) };
        let task = frozen_lake(map, options.flag("slippery"))?;
        Ok(Arc::new(move || Box::new(task.clone())))
    },
    rule: None,
};

/// The map that is asked for.
fn map(options: &Options) -> Option<Map> {
    [(4, Map::Small), (8, Map::Large)].into_iter().find(|(size, _)| *size == options.whole("size")).map(|(_, map)| map)
}

/// The order of the actions. Slipping leads to the one before or after, in a circle.
const DIRECTIONS: [Direction; 4] = [Direction::Left, Direction::Down, Direction::Right, Direction::Up];
/// The probability that a move on slippery ice goes where it should.
const SUCCESS: f64 = 1.0 / 3.0;

/// One of Gymnasium's two maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Map {
    /// Four rows and columns.
    Small,
    /// Eight rows and columns.
    Large,
}

impl Map {
    /// Its rows: S is the start, F ice, H a hole, G the goal.
    fn rows(self) -> &'static [&'static str] {
        match self {
            Map::Small => &["SFFF", "FHFH", "FFFH", "HFFG"],
            Map::Large => {
                &["SFFFFFFF", "FFFFFFFF", "FFFHFFFF", "FFFFFHFF", "FFFHFFFF", "FHHFFFHF", "FHFFHFHF", "FFFHFFFG"]
            }
        }
    }

    /// Steps after which Gymnasium cuts an episode off.
    pub fn limit(self) -> u32 {
        match self {
            Map::Small => 100,
            Map::Large => 200,
        }
    }
}

/// The task on `map`. On slippery ice a move goes in its direction, or in one of the two at right angles to it, with the same
/// probability; never back.
///
/// # Errors
/// Never, as both maps are small.
pub fn frozen_lake(map: Map, is_slippery: bool) -> Result<TabularTask> {
    let rows = map.rows();
    let size = (rows.len(), rows[0].len());
    let marks: Vec<Mark> = rows.iter().flat_map(|row| row.bytes()).map(mark).collect();
    let start = marks.iter().position(|mark| *mark == Mark::Start).unwrap_or(0);
    let result = |cell: usize, action: usize, probability: f64| {
        let state = moved(size, cell, DIRECTIONS[action % DIRECTIONS.len()]);
        Successor { probability, state, reward: if marks[state] == Mark::Goal { 1.0 } else { 0.0 } }
    };
    let successors = |cell: usize, action: usize| match is_slippery {
        true => {
            let aside = (1.0 - SUCCESS) / 2.0;
            vec![result(cell, action + 3, aside), result(cell, action, SUCCESS), result(cell, action + 1, aside)]
        }
        false => vec![result(cell, action, 1.0)],
    };
    let is_terminal = |cell: usize| matches!(marks[cell], Mark::Goal | Mark::Hole);
    let mdp = Mdp::from_rule(names(marks.len(), &DIRECTIONS), start, is_terminal, successors)?;
    let layout = Layout { rows: size.0, columns: size.1, marks, directions: DIRECTIONS.to_vec() };
    Ok(TabularTask::new(mdp, Some(layout)))
}

fn mark(letter: u8) -> Mark {
    match letter {
        b'S' => Mark::Start,
        b'H' => Mark::Hole,
        b'G' => Mark::Goal,
        _ => Mark::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classics::tabular::tests::{assert_equal_to_gymnasium, gymnasium};

    #[test]
    fn episodes_are_gymnasiums() {
        for (name, map, is_slippery) in [
            ("FrozenLake-v1", Map::Small, true),
            ("FrozenLake-v1 {\"is_slippery\": false}", Map::Small, false),
            ("FrozenLake-v1 {\"map_name\": \"8x8\"}", Map::Large, true),
        ] {
            assert_equal_to_gymnasium(frozen_lake(map, is_slippery).unwrap(), name);
        }
    }

    #[test]
    fn probabilities_are_gymnasiums_to_the_last_bit() {
        let data = gymnasium("FrozenLake-v1");
        let task = frozen_lake(Map::Small, true).unwrap();
        let mdp = task.mdp();
        for (state, actions) in data["P"].as_array().unwrap().iter().enumerate() {
            for (action, expected) in actions.as_array().unwrap().iter().enumerate() {
                let place = format!("state {state}, action {action}");
                let expected = expected.as_array().unwrap();
                if mdp.is_terminal(state) {
                    // Gymnasium stays there, and says so; nobody acts there.
                    assert_eq!((expected.len(), expected[0][1].as_u64()), (1, Some(state as u64)), "{place}");
                    assert!(!mdp.is_possible(state, action), "{place}");
                    continue;
                }
                let written = |successor: &Successor| {
                    let Successor { probability, state, reward } = *successor;
                    serde_json::json!([probability, state, reward, mdp.is_terminal(state)])
                };
                let own: Vec<_> = mdp.successors(state, action).iter().map(written).collect();
                assert_eq!(&own, expected, "{place}");
            }
        }
    }

    #[test]
    fn slipping_never_leads_back() {
        let task = frozen_lake(Map::Large, true).unwrap();
        // From the middle of the ice, to the left: left, up and down.
        let reached: Vec<usize> = task.mdp().successors(9, 0).iter().map(|successor| successor.state).collect();
        assert_eq!(reached, [1, 8, 17]);
    }
}
