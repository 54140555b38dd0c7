use super::*;
use crate::classics::frozen_lake::{frozen_lake, Map};
use crate::classics::gridworld::Gridworld;
use crate::classics::tabular::TabularTask;
use crate::classics::Task;

/// Q-values of the process with three states and a discount of 0.9.
const THREE_STATES: [f64; 9] =
    [18.919, 17.027, 13.622, -0.04, f64::NEG_INFINITY, -4.88, f64::NEG_INFINITY, 50.134, f64::NEG_INFINITY];

fn words(scene: &Scene) -> Vec<&str> {
    let word = |shape: &'_ Shape| match shape {
        Shape::Text { text, .. } => Some(text.len()),
        _ => None,
    };
    assert!(scene.shapes.iter().filter_map(word).all(|length| length > 0), "empty text");
    scene
        .shapes
        .iter()
        .filter_map(|shape| if let Shape::Text { text, .. } = shape { Some(text.as_str()) } else { None })
        .collect()
}

fn has_accent(shape: &Shape) -> bool {
    match shape {
        Shape::Polygon { fill, outline, .. } => [*fill, *outline].contains(&Some(ACCENT)),
        Shape::Line { color, .. } | Shape::Disc { color, .. } | Shape::Text { color, .. } => *color == ACCENT,
    }
}

#[test]
fn a_graph_shows_states_actions_probabilities_and_rewards() {
    let task = TabularTask::new(Mdp::three_states().unwrap(), None);
    let scene = task.scene();
    let words = words(&scene);
    for word in ["s0", "s1", "s2", "a0", "a1", "a2", "0.7, +10", "0.3", "-50", "0.8, +40", "0.1"] {
        assert!(words.contains(&word), "no {word} among {words:?}");
    }
    assert_eq!(words.iter().filter(|word| word.starts_with('a')).count(), 6, "impossible actions are not drawn");
    assert!(scene.paint().is_ok());
}

#[test]
fn a_graph_shows_values_and_the_best_actions() {
    let mdp = Mdp::three_states().unwrap();
    let scene = scene(&mdp, None, None, Some(&THREE_STATES));
    let words = words(&scene);
    for word in ["18.9", "17.0", "0.0", "-4.9", "50.1"] {
        assert!(words.contains(&word), "no {word} among {words:?}");
    }
    let boxes = scene
        .shapes
        .iter()
        .filter(|shape| matches!(shape, Shape::Polygon { fill: Some(ACCENT), outline: Some(_), .. }));
    assert_eq!(boxes.count(), 3, "one best action for each state");
}

#[test]
fn grids_and_graphs_of_any_size_can_be_painted() {
    for (rows, columns) in [(1, 2), (2, 1), (2, 4), (5, 7), (3, 90), (200, 2)] {
        let world = Gridworld { rows, columns, teleports: Vec::new(), original_rim: false };
        let task = world.task().unwrap();
        let values = vec![-1.5; 4 * rows * columns];
        for layout in [task.layout(), None] {
            let scene = scene(task.mdp(), layout, Some(0), Some(&values));
            let painted = scene.paint().unwrap();
            assert!(painted.width <= 900 && painted.height <= 900, "{} x {}", painted.width, painted.height);
        }
    }
}

#[test]
fn of_a_very_large_grid_the_cells_around_the_agent_are_drawn() {
    let world = Gridworld { rows: 1, columns: 250_000, teleports: Vec::new(), original_rim: false };
    let task = world.task().unwrap();
    for agent in [0, 76, 200_000, 249_999] {
        let scene = scene(task.mdp(), task.layout(), Some(agent), None);
        assert_eq!((scene.width, scene.height), (620, 24));
        let face = scene.shapes.iter().find(|shape| matches!(shape, Shape::Disc { .. }));
        let Some(Shape::Disc { center, .. }) = face else { panic!("no agent") };
        assert!((10.0..610.0).contains(&center.0), "agent in {agent} at {center:?}");
    }
}

#[test]
fn values_of_another_size_or_without_a_number_are_left_out() {
    let mdp = Mdp::three_states().unwrap();
    for values in [&[][..], &[1.0, 2.0][..], &[f64::NAN; 9][..], &[f64::NEG_INFINITY; 9][..]] {
        assert_eq!(scene(&mdp, None, Some(0), Some(values)).paint().map(|painted| painted.width).unwrap(), 640);
        assert_eq!(characters(&mdp, None, None, values).lines().count(), 4);
    }
    let states = scene(&mdp, None, None, Some(&[1.0, 2.0, 3.0]));
    assert!(words(&states).contains(&"3.0"));
    assert!(!states.shapes.iter().any(has_accent), "values of states are no policy");
}

#[test]
fn a_grid_points_with_arrows_and_not_where_all_actions_are_equally_good() {
    let task = frozen_lake(Map::Small, true).unwrap();
    let arrows = |values: &[f64]| {
        let scene = scene(task.mdp(), task.layout(), None, Some(values));
        scene.shapes.iter().filter(|shape| matches!(shape, Shape::Polygon { fill: Some(ACCENT), .. })).count()
    };
    assert_eq!(arrows(&[0.0; 64]), 0);
    // Of the 16 states four are holes and one is the goal.
    assert_eq!(arrows(&[0.0, 1.0, 0.0, 0.0].repeat(16)), 11);
    assert_eq!(arrows(&[0.0, 1.0, 1.0, 0.0].repeat(16)), 22);
}

#[test]
fn a_grid_in_characters_has_values_arrows_and_marks() {
    let task = frozen_lake(Map::Small, true).unwrap();
    let mut values = [0.25, 0.5, 0.0, 0.0].repeat(16);
    values[4..8].copy_from_slice(&[-12.25, -12.25, -13.0, -13.0]);
    let drawn = characters(task.mdp(), task.layout(), Some(0), &values);
    let expected = [
        " *0.5↓  -12.2←↓   0.5↓    0.5↓",
        "  0.5↓      H     0.5↓      H",
        "  0.5↓    0.5↓    0.5↓      H",
        "    H     0.5↓    0.5↓      G",
    ];
    assert_eq!(drawn.lines().collect::<Vec<_>>(), expected, "{drawn}");
}

#[test]
fn small_values_have_two_decimals_and_zero_has_no_sign() {
    let mdp = Mdp::three_states().unwrap();
    let digits = |largest: f64, value: f64| Values::new(&mdp, &[0.0, -0.5, largest]).digits(value);
    assert_eq!([digits(1.0, 0.123), digits(1.0, -0.004), digits(1.0, -0.006)], ["0.12", "0.00", "-0.01"]);
    assert_eq!([digits(2.0, 0.123), digits(2.0, -0.04), digits(-70.0, -0.06)], ["0.1", "0.0", "-0.1"]);
}

#[test]
fn a_table_in_characters_names_the_best_actions() {
    let mdp = Mdp::three_states().unwrap();
    let expected = "state  value  best\n   s0   18.9    a0\n  *s1    0.0    a0\n   s2   50.1    a1\n";
    assert_eq!(characters(&mdp, None, Some(1), &THREE_STATES), expected);
}

#[test]
fn the_plain_picture_is_that_of_the_first_program() {
    let task = Gridworld::default().task().unwrap();
    let drawn = plain_characters(task.layout().unwrap(), 0);
    let lines: Vec<&str> = drawn.lines().collect();
    assert_eq!(lines.len(), 11);
    assert!(lines[0].len() > 9 && lines[0].bytes().all(|c| c == b'-'));
    assert_eq!((lines[0], lines[1]), (lines[10], "X\t-\t-\t-\t-\t-\t-\t-\t-"));
    assert_eq!(lines[2], "-\t-\t-\t-\t-\tBout\t-\t-\t-");
    assert_eq!((&lines[3][..5], &lines[7][..6], &lines[8][..5]), ("Ain\t-", "Aout\t-", "Bin\t-"));
}
