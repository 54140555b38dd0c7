//! A grid or a table in characters, for a terminal.

use super::Values;
use crate::classics::layout::{Layout, Mark};
use crate::classics::mdp::Mdp;
use std::fmt::Write;

/// The process with a learner's `values`: a grid of values with arrows for the best actions if there is a layout, or
/// else a line for each state with its best actions. `agent` is the state to be marked with a star.
pub fn characters(mdp: &Mdp, layout: Option<&Layout>, agent: Option<usize>, values: &[f64]) -> String {
    let values = Values::new(mdp, values);
    let cells: Vec<Vec<String>> = match layout {
        Some(layout) => rows_of_grid(layout, agent, &values),
        None => rows_of_states(mdp, agent, &values),
    };
    let columns = cells.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| cells.iter().filter_map(|row| Some(row.get(column)?.chars().count())).max().unwrap_or(0);
    let widths: Vec<usize> = match layout {
        // The columns of a grid are equally wide.
        Some(_) => vec![(0..columns).map(width).max().unwrap_or(0); columns],
        None => (0..columns).map(width).collect(),
    };
    // Arrows already part the columns of a grid.
    let gap = if layout.is_some() { " " } else { "  " };
    let mut drawn = String::new();
    for row in &cells {
        let padded: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(drawn, "{}", padded.join(gap).trim_end());
    }
    drawn
}

fn rows_of_grid(layout: &Layout, agent: Option<usize>, values: &Values<'_>) -> Vec<Vec<String>> {
    let cells = layout.marks.len();
    // Equally wide, so that the numbers stand below each other.
    let most_arrows = (0..cells).map(|cell| values.best(cell).len()).max().unwrap_or(0).max(1);
    let cell = |cell: usize| {
        let mark = layout.marks[cell];
        let star = if agent == Some(cell) { "*" } else { "" };
        let value = values.of_state(cell).filter(|_| !mark.is_passive());
        let Some(value) = value else { return format!("{star}{mark}{:most_arrows$}", "") };
        let directions = values.best(cell).into_iter().filter_map(|action| layout.directions.get(action));
        let arrows: String = directions.map(|direction| direction.arrow()).collect();
        format!("{star}{}{arrows:<most_arrows$}", values.digits(value))
    };
    (0..layout.rows)
        .map(|row| (0..layout.columns).map(|column| cell(row * layout.columns + column)).collect())
        .collect()
}

fn rows_of_states(mdp: &Mdp, agent: Option<usize>, values: &Values<'_>) -> Vec<Vec<String>> {
    let mut rows = vec![["state", "value", "best"].map(String::from).to_vec()];
    for (state, name) in mdp.states().iter().enumerate() {
        let star = if agent == Some(state) { "*" } else { "" };
        let best: Vec<&str> =
            values.best(state).into_iter().filter_map(|action| Some(mdp.actions().get(action)?.as_str())).collect();
        let value = values.of_state(state).filter(|_| !mdp.is_terminal(state));
        rows.push(vec![
            format!("{star}{name}"),
            value.map_or("-".to_string(), |value| values.digits(value)),
            best.join(" or "),
        ]);
    }
    rows
}

/// The grid without values, as the first program with this world printed it: `-` for a cell without a teleport, `X` for the agent, `Ain`
/// and `Aout` for a teleport; tabs between the cells, and a line of dashes above and below.
pub fn plain_characters(layout: &Layout, agent: usize) -> String {
    let line = "-".repeat(8 * layout.columns);
    let cell = |cell: usize| match layout.marks[cell] {
        _ if cell == agent => "X".to_string(),
        Mark::Start | Mark::Goal => Mark::Plain.to_string(),
        mark => mark.to_string(),
    };
    let mut drawn = format!("{line}\n");
    for row in 0..layout.rows {
        let cells: Vec<String> = (0..layout.columns).map(|column| cell(row * layout.columns + column)).collect();
        let _ = writeln!(drawn, "{}", cells.join("\t"));
    }
    drawn + &line + "\n"
}
