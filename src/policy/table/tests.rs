use super::states::{count, Discretizer, MOST_VALUES};
use super::*;
use crate::observations::Space;
use crate::random::Purpose;

const IMPOSSIBLE: f64 = f64::NEG_INFINITY;

/// The limits of the `CartPole` lessons.
const LIMITS: [f64; 4] = [2.4, 4.0, 0.20943951, 4.0];

fn values(rows: &[[f64; 3]]) -> ActionValues {
    ActionValues::from_values(3, rows.concat()).unwrap()
}

fn policy(values: Values) -> TablePolicy {
    let states = States::Numbered(values.possible().states());
    TablePolicy::new(Arc::new(Table { states, values }))
}

#[test]
fn ten_edges_give_eleven_codes_and_an_edge_belongs_to_the_code_above() {
    let discretizer = Discretizer::new(LIMITS.to_vec(), 10).unwrap();
    assert_eq!(discretizer.cells(), 14_641);
    for (number, code) in
        [(-9.0, 0), (-2.41, 0), (-2.39, 1), (-0.1, 5), (0.0, 5), (0.27, 6), (2.39, 9), (2.41, 10), (f32::INFINITY, 10)]
    {
        assert_eq!(discretizer.code(0, number), code, "{number}");
    }
    // An edge that is the same number in f32 and f64.
    assert_eq!((discretizer.code(1, -4.0), discretizer.code(1, 4.0), discretizer.code(1, 3.999)), (1, 10, 9));
    assert_eq!(discretizer.cell(&[0.0, 0.0, 0.0, 0.0]), ((5 * 11 + 5) * 11 + 5) * 11 + 5);
    assert_eq!(discretizer.cell(&[9.0, 9.0, 9.0, 9.0]), 14_640);
    assert_eq!(discretizer.cell(&[-9.0, -9.0, -9.0, f32::NAN]), 0);
}

#[test]
fn observations_that_cannot_be_rows_are_refused_with_what_would_work() {
    let of = |space, limits: Option<&[f64]>, edges, actions| {
        States::of(space, limits, edges, actions).err().map(|error| error.to_string()).unwrap()
    };
    let pictures = of(Space::Pixels { stack: 4, side: 84 }, None, 10, 4);
    assert!(pictures.contains("4 pictures of 84 x 84 pixels") && pictures.contains("dqn"), "{pictures}");
    let unlimited = of(Space::Numbers(8), None, 10, 4);
    assert!(unlimited.contains("8 numbers") && unlimited.contains("dqn"), "{unlimited}");
    let many = of(Space::Numbers(8), Some(&[1.0; 8]), 10, 4);
    assert!(many.contains("11 to the power of 8") && many.contains("edges"), "{many}");
    assert!(of(Space::Numbers(200), Some(&[1.0; 200]), 1_000, 4).contains("too many"));
    assert!(of(Space::Numbers(2), Some(&[1.0, f64::INFINITY]), 10, 4).contains("inf"));
    assert!(of(Space::Numbers(1), Some(&[1.0, 1.0]), 10, 4).contains("2 limits for 1 numbers"));
    assert!(of(Space::States(MOST_VALUES), None, 10, 2).contains("too many"));
    assert_eq!(count(Space::States(MOST_VALUES), 10, 1).unwrap(), MOST_VALUES);
    assert_eq!(States::of(Space::Numbers(4), Some(&LIMITS), 10, 2).unwrap().len(), 14_641);
}

#[test]
fn an_observation_of_another_space_has_no_row() {
    let states = States::Numbered(3);
    assert_eq!(states.number(Seen::States(&[2])).unwrap(), 2);
    for seen in [Seen::States(&[3]), Seen::Numbers(&[1.0]), Seen::States(&[])] {
        assert!(states.number(seen).is_err());
    }
    let cells = States::Cells(Discretizer::new(vec![1.0; 2], 2).unwrap());
    assert_eq!(cells.number(Seen::Numbers(&[0.0, 2.0])).unwrap(), 5);
    assert!(cells.number(Seen::Numbers(&[0.0])).is_err() && cells.number(Seen::States(&[0])).is_err());
}

#[test]
fn impossible_actions_are_never_taken() {
    let q = values(&[[IMPOSSIBLE, -3.0, -2.0], [IMPOSSIBLE, IMPOSSIBLE, -9.0], [IMPOSSIBLE; 3]]);
    let policy = policy(Values::Actions(q));
    let mut random = Generator::new(1, Purpose::Evaluation);
    let mut seen = [0; 3];
    for _ in 0..300 {
        seen[policy.act(Seen::States(&[0]), 1.0, &mut random).unwrap()] += 1;
        assert_eq!(policy.act(Seen::States(&[1]), 0.5, &mut random).unwrap(), 2);
        assert!(policy.act(Seen::States(&[2]), 1.0, &mut random).unwrap() < 3, "none is possible");
        assert_eq!(policy.act(Seen::States(&[0]), 0.0, &mut random).unwrap(), 2);
    }
    assert!(seen[0] == 0 && seen[1] > 100 && seen[2] > 100, "{seen:?}");
}

#[test]
fn epsilon_is_the_probability_of_a_random_action() {
    let policy = policy(Values::Actions(values(&[[0.0, 1.0, 0.0]])));
    let mut random = Generator::new(1, Purpose::Evaluation);
    let acted = (0..3_000).filter(|_| policy.act(Seen::States(&[0]), 0.3, &mut random).unwrap() != 1).count();
    assert!((500..700).contains(&acted), "{acted} of 600");
}

#[test]
fn ties_go_to_the_first_or_to_any_and_only_a_tie_draws() {
    let mut random = Generator::new(1, Purpose::Exploration);
    let before = random.clone();
    assert_eq!(first_best(3, |action| [1.0, 2.0, 2.0][action]), 1);
    assert_eq!(random_best(3, |action| [1.0, 2.0, 0.0][action], &mut random), 1);
    assert_eq!(random_best(3, |_| IMPOSSIBLE, &mut random), 0);
    assert_eq!(random, before);
    let mut seen = [0; 3];
    (0..200).for_each(|_| seen[random_best(3, |action| [2.0, IMPOSSIBLE, 2.0][action], &mut random)] += 1);
    assert!(seen[0] > 70 && seen[1] == 0 && seen[2] > 70, "{seen:?}");
}

#[test]
fn two_tables_act_by_their_sum_and_show_their_mean() {
    let first = values(&[[5.0, 0.0, IMPOSSIBLE], [1.0, 1.0, 1.0]]);
    let second = values(&[[0.0, 4.0, IMPOSSIBLE], [1.0, 4.0, 1.0]]);
    let mut policy = policy(Values::Double([first, second]));
    let mut random = Generator::new(1, Purpose::Evaluation);
    let greedy = [0, 1].map(|state| policy.act(Seen::States(&[state]), 0.0, &mut random).unwrap());
    assert_eq!(greedy, [0, 1]);
    let shown = policy.values(Seen::States(&[0, 1])).unwrap();
    assert_eq!(shown, [2.5, 2.0, f32::NEG_INFINITY, 1.0, 2.5, 1.0]);
}

#[test]
fn values_of_states_say_nothing_of_actions() {
    let possible = values(&[[0.0, IMPOSSIBLE, 0.0]]);
    let mut policy = policy(Values::States(vec![7.0], possible));
    assert_eq!(policy.values(Seen::States(&[0, 0])).unwrap(), [7.0, 7.0]);
    let mut random = Generator::new(1, Purpose::Evaluation);
    let mut seen = [0; 3];
    (0..200).for_each(|_| seen[policy.act(Seen::States(&[0]), 0.0, &mut random).unwrap()] += 1);
    assert!(policy.is_random() && seen[0] > 70 && seen[1] == 0 && seen[2] > 70, "{seen:?}");
}

#[test]
fn a_state_without_possible_actions_is_worth_nothing() {
    let q = values(&[[IMPOSSIBLE; 3], [-1.0, IMPOSSIBLE, -2.0]]);
    assert_eq!((q.largest(0), q.largest(1)), (0.0, -1.0));
    let mut policy = policy(Values::Planned(vec![0.0, -1.0], q));
    assert_eq!(policy.values(Seen::States(&[0, 1])).unwrap(), [0.0, 0.0, 0.0, -1.0, f32::NEG_INFINITY, -2.0]);
}

#[test]
fn a_table_with_values_that_are_no_numbers_is_refused() {
    for wrong in [f64::NAN, f64::INFINITY] {
        let message = ActionValues::from_values(2, vec![0.0, wrong]).unwrap_err().to_string();
        assert!(message.contains(&wrong.to_string()), "{message}");
    }
    assert!(ActionValues::from_values(2, vec![0.0; 3]).is_err());
    let mut own = values(&[[0.0, IMPOSSIBLE, 0.0]]);
    assert!(own.replace(vec![0.0; 3]).is_err() && own.replace(vec![0.0; 6]).is_err());
    own.replace(vec![1.0, IMPOSSIBLE, 2.0]).unwrap();
    assert_eq!(own.correct(0, 1, 5.0, 0.5), Correction::default());
    assert_eq!(own.correct(0, 2, 5.0, 0.5), Correction { error: 3.0, value: 2.0 });
    assert_eq!(own.row(0), [1.0, IMPOSSIBLE, 3.5]);
}
