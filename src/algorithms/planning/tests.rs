use super::*;
use crate::algorithms::table_world::{number, numbers, saved, table, Seen, TableWorld};

fn planning(kind: Iteration, gamma: f64) -> (VectorEnvironment, Planning) {
    let environments = TableWorld::mdp().vector();
    let planning = Planning::new(kind, &PlanningKeys { gamma }, &environments).unwrap();
    (environments, planning)
}

#[track_caller]
fn near(got: &[f64], want: &[f64], within: f64) {
    assert_eq!(got.len(), want.len());
    let equal = got.iter().zip(want).all(|(got, want)| got == want || (got - want).abs() <= within);
    assert!(equal, "{got:?}, expected {want:?}");
}

#[test]
fn q_iteration_has_the_values_and_residuals_of_the_decision_process_after_each_number_of_iterations() {
    let mdp = &numbers()["mdp"];
    for (gamma, of) in mdp["gammas"].as_object().unwrap() {
        let (mut environments, mut planning) = planning(Iteration::ActionValues, gamma.parse().unwrap());
        let mut seen = Seen::default();
        for iterations in [1, 2, 3, 10, 20, 50, 100] {
            planning.advance(&mut environments, iterations, &mut seen).unwrap();
            let key = iterations.to_string();
            near(planning.action_values().unwrap().values(), &table(&of["Q_after"][&key]), 1e-12);
            let residual = f64::from(seen.updates.last().unwrap().td_error);
            let expected = number(&of["residual_after"][&key]);
            assert!((residual - expected).abs() <= 1e-6 * expected + 1e-14, "{residual}, expected {expected}");
        }
        assert_eq!((planning.steps(), seen.steps, seen.updates.len()), (100, 100, 100));
        let below = seen.updates.iter().position(|update| update.td_error < 1e-6);
        planning.advance(&mut environments, 2_000, &mut seen).unwrap();
        let below = below.or_else(|| seen.updates.iter().position(|update| update.td_error < 1e-6)).unwrap();
        assert_eq!(below as u64 + 1, of["iterations_until_residual_below_1e_6"].as_u64().unwrap());
        near(planning.action_values().unwrap().values(), &table(&of["Q_star"]), 1e-9);
        let stars: Vec<f64> = of["V_star"].as_array().unwrap().iter().map(number).collect();
        near(planning.values(), &stars, 1e-9);
        assert_eq!(policy(&planning), of["policy"].as_array().unwrap().iter().map(number).collect::<Vec<f64>>());
    }
}

/// The greedy action of each state.
fn policy(planning: &Planning) -> Vec<f64> {
    use crate::observations::Seen;
    use crate::random::{Generator, Purpose};
    let mut policy = planning.policy().unwrap();
    let mut random = Generator::new(1, Purpose::Evaluation);
    (0..3).map(|state| policy.act(Seen::States(&[state]), 0.0, &mut random).unwrap() as f64).collect()
}

/// After n iterations the values of states are the largest of Q-iteration's n-th table, and those of actions its next one.
#[test]
fn value_iteration_agrees_with_q_iteration() {
    for gamma in [0.9, 0.95] {
        let (mut environments, mut values) = planning(Iteration::Values, gamma);
        let (_, mut q) = planning(Iteration::ActionValues, gamma);
        let mut seen = Seen::default();
        for iterations in [1, 2, 7, 50] {
            values.advance(&mut environments, iterations, &mut seen).unwrap();
            q.advance(&mut environments, iterations, &mut Seen::default()).unwrap();
            assert_eq!(values.values(), q.values());
            let mut next = Seen::default();
            q.advance(&mut environments, iterations + 1, &mut next).unwrap();
            assert_eq!(values.action_values().unwrap(), q.action_values().unwrap());
            let mean = values.values().iter().sum::<f64>() / 3.0;
            assert_eq!(seen.updates.last().unwrap().q_value, mean as f32);
            (_, q) = planning(Iteration::ActionValues, gamma);
        }
        assert_eq!(seen.updates[0].td_error, 32.0, "of 7, 0 and 32");
    }
}

#[test]
fn the_second_state_changes_its_mind_where_the_specification_says() {
    let flips = number(&numbers()["mdp"]["gamma_where_s1_flips"]);
    for (gamma, action) in [(flips - 1e-6, 0.0), (flips + 1e-6, 2.0)] {
        let (mut environments, mut planning) = planning(Iteration::Values, gamma);
        planning.advance(&mut environments, 3_000, &mut Seen::default()).unwrap();
        assert_eq!(policy(&planning), [0.0, action, 1.0]);
    }
}

#[test]
fn a_grid_with_an_end_has_the_lengths_of_its_paths_as_values() {
    let grid = &numbers()["grid_world"];
    let mut environments = TableWorld::grid().vector();
    let mut planning = Planning::new(Iteration::Values, &PlanningKeys { gamma: 1.0 }, &environments).unwrap();
    planning.advance(&mut environments, 30, &mut Seen::default()).unwrap();
    let expected: Vec<f64> = grid["V_star"].as_array().unwrap().iter().map(number).collect();
    assert_eq!(planning.values(), [expected, vec![0.0]].concat(), "and nothing in the last state");
}

#[test]
fn a_plan_that_was_saved_and_loaded_continues_like_the_first() {
    for kind in [Iteration::Values, Iteration::ActionValues] {
        let (mut environments, mut whole) = planning(kind, 0.9);
        whole.advance(&mut environments, 20, &mut Seen::default()).unwrap();
        let (_, mut part) = planning(kind, 0.9);
        part.advance(&mut environments, 7, &mut Seen::default()).unwrap();
        let parts = saved(&part);
        let (_, mut resumed) = planning(kind, 0.9);
        let folder = std::env::temp_dir();
        resumed.load(&Loading::new(&folder, &parts)).unwrap();
        resumed.advance(&mut environments, 20, &mut Seen::default()).unwrap();
        assert_eq!(saved(&resumed), saved(&whole));
        assert_eq!(resumed.values(), whole.values());
        let mut grid = Planning::new(kind, &PlanningKeys::default(), &TableWorld::grid().vector()).unwrap();
        assert!(grid.load(&Loading::new(&folder, &parts)).is_err(), "of another table");
    }
}

#[test]
fn an_environment_whose_dynamics_are_not_known_is_refused() {
    let unknown = TableWorld::mdp().unknown();
    let refused = Planning::new(Iteration::Values, &PlanningKeys::default(), &unknown.vector());
    let message = refused.err().map(|error| error.to_string()).unwrap();
    assert!(message.contains("q-learning"), "{message}");
}
