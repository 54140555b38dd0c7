//! The states of a table, and how observations are numbered as one of them.

use crate::observations::{Seen, Space};
use anyhow::{bail, ensure, Context, Result};

/// Most values in a table: 400 MB.
pub const MOST_VALUES: usize = 50_000_000;

/// The states of a table, and how observations are numbered as one of them.
#[derive(Clone, Debug, PartialEq)]
pub enum States {
    /// The environment has so many, and its observations are their numbers.
    Numbered(usize),
    /// The cells that a discretizer divides observations into.
    Cells(Discretizer),
}

impl States {
    /// The states that an environment's observations have: `limits` and `edges` divide numbers into cells.
    ///
    /// # Errors
    /// When the observations are pictures, there are no limits, or there are too many states for these actions. The message says what
    /// would work.
    pub fn of(space: Space, limits: Option<&[f64]>, edges: usize, actions: usize) -> Result<Self> {
        let states = match (space, limits) {
            (Space::Numbers(numbers), Some(limits)) => {
                ensure!(limits.len() == numbers, "there are {} limits for {numbers} numbers", limits.len());
                count(space, edges, actions)?;
                Self::Cells(Discretizer::new(limits.to_vec(), edges)?)
            }
            (Space::Numbers(numbers), None) => bail!(
                "a table needs a finite number of states, and this environment does not say between which limits its {numbers} \
                 numbers are to be divided; an algorithm with a network, such as dqn, works here"
            ),
            (Space::States(_) | Space::Pixels { .. }, _) => Self::Numbered(count(space, edges, actions)?),
        };
        Ok(states)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            States::Numbered(count) => *count,
            States::Cells(discretizer) => discretizer.cells(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The space of the observations.
    pub fn space(&self) -> Space {
        match self {
            States::Numbered(count) => Space::States(*count),
            States::Cells(discretizer) => Space::Numbers(discretizer.limits.len()),
        }
    }

    /// The state of one observation.
    ///
    /// # Errors
    /// When the observation is of another space.
    pub fn number(&self, seen: Seen<'_>) -> Result<usize> {
        match (self, seen) {
            (States::Numbered(count), Seen::States(&[state])) if (state as usize) < *count => Ok(state as usize),
            (States::Cells(discretizer), Seen::Numbers(numbers)) if numbers.len() == discretizer.limits.len() => {
                Ok(discretizer.cell(numbers))
            }
            _ => bail!("the table is for {}, and the observation is another: {seen:?}", self.space()),
        }
    }
}

/// The number of states of a table for observations of `space` whose numbers are divided by `edges` edges each.
///
/// # Errors
/// When they are pictures, or there are more than [`MOST_VALUES`] pairs of a state and one of the `actions`.
pub fn count(space: Space, edges: usize, actions: usize) -> Result<usize> {
    let fits = |states: &usize| states.checked_mul(actions).is_some_and(|values| values <= MOST_VALUES);
    match space {
        Space::States(count) => {
            Some(count).filter(fits).with_context(|| format!("{count} states with {actions} actions are too many for a table"))
        }
        Space::Numbers(numbers) => {
            let cells = u32::try_from(numbers).ok().and_then(|numbers| (edges + 1).checked_pow(numbers));
            cells.filter(fits).with_context(|| {
                format!(
                    "a table for {numbers} numbers with {edges} edges each has {} to the power of {numbers} states, which are too \
                     many; use fewer (--set edges=N), or an algorithm with a network, such as dqn",
                    edges + 1
                )
            })
        }
        Space::Pixels { .. } => bail!(
            "a table has a row for each state, and the observations here are {space}, of which there are too many; use an algorithm \
             with a network, such as dqn or pqn, or an environment whose observations are states or a few numbers"
        ),
    }
}

/// Divides numbers into cells by equally spaced edges, those of the `CartPole` lessons.
#[derive(Clone, Debug, PartialEq)]
pub struct Discretizer {
    /// For each number, the last edge; the first is its negative.
    limits: Vec<f64>,
    /// The edges of each number, `[numbers, count]`.
    edges: Vec<f64>,
    /// Edges of a number.
    count: usize,
}

impl Discretizer {
    /// For each number `count` edges from minus its limit to its limit.
    ///
    /// # Errors
    /// When a limit is not positive and finite, there are fewer than 2 edges, or the cells are too many.
    pub fn new(limits: Vec<f64>, count: usize) -> Result<Self> {
        ensure!(count >= 2, "numbers are divided by at least 2 edges, and there are {count}");
        for limit in &limits {
            ensure!(*limit > 0.0 && limit.is_finite(), "numbers cannot be divided between -{limit} and {limit}");
        }
        self::count(Space::Numbers(limits.len()), count, 1)?;
        let last = count - 1;
        let edge = |limit: f64, i| if i == last { limit } else { -limit + i as f64 * (2.0 * limit / last as f64) };
        let edges = limits.iter().flat_map(|&limit| (0..count).map(move |i| edge(limit, i))).collect();
        Ok(Self { limits, edges, count })
    }

    /// For each number, the last edge.
    pub fn limits(&self) -> &[f64] {
        &self.limits
    }

    /// Edges of a number.
    pub fn edges(&self) -> usize {
        self.count
    }

    /// The number of cells: each number has one more code than edges.
    pub fn cells(&self) -> usize {
        (self.count + 1).pow(self.limits.len() as u32)
    }

    /// The code of number `index`: how many edges are less than or equal to it.
    pub fn code(&self, index: usize, number: f32) -> usize {
        let edges = &self.edges[index * self.count..(index + 1) * self.count];
        edges.partition_point(|edge| *edge <= f64::from(number))
    }

    /// The cell of these numbers; the last number's code changes fastest.
    pub fn cell(&self, numbers: &[f32]) -> usize {
        let codes = numbers.iter().enumerate();
        codes.fold(0, |cell, (index, number)| cell * (self.count + 1) + self.code(index, *number))
    }
}
