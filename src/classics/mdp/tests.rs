use super::*;

const GOOD: &str = include_str!("../tables/three-states.toml");

fn message(text: &str) -> String {
    Mdp::from_toml(text).unwrap_err().to_string()
}

#[test]
fn the_three_states_are_those_of_the_book() {
    let mdp = Mdp::three_states().unwrap();
    assert_eq!((mdp.states().len(), mdp.actions().len(), mdp.start()), (3, 3, &[0][..]));
    let possible: Vec<Vec<usize>> =
        (0..3).map(|state| (0..3).filter(|action| mdp.is_possible(state, *action)).collect()).collect();
    assert_eq!(possible, [vec![0, 1, 2], vec![0, 2], vec![1]]);
    let expected = [(0.8, 0, 40.0), (0.1, 1, 0.0), (0.1, 2, 0.0)].map(|(probability, state, reward)| Successor {
        probability,
        state,
        reward,
    });
    assert_eq!(mdp.successors(2, 1), expected);
    assert!((0..3).all(|state| !mdp.is_terminal(state)));
}

#[test]
fn the_chain_ends_in_its_absorbing_state() {
    let mdp = Mdp::four_state_chain().unwrap();
    assert_eq!((0..4).map(|state| mdp.is_terminal(state)).collect::<Vec<_>>(), [false, false, false, true]);
    // The expected number of steps from s0, s1 and s2 solves its equations.
    let steps = [16.0, 19.0, 20.0, 0.0];
    for state in 0..3 {
        let later: f64 = mdp.successors(state, 0).iter().map(|next| next.probability * steps[next.state]).sum();
        assert!((1.0 + later - steps[state]).abs() < 1e-9, "from state {state}");
    }
}

#[test]
fn all_faults_of_a_table_are_reported_at_once() {
    let text = r#"
        states = ["s0", "s1", "s1", "end", "stuck"]
        actions = ["a0", "a1", 3]
        start = "end"
        terminal = ["end", "ends"]
        discount = 0.9
        transitions = [
            ["s0", "a0", "s0", 0.7, 10],
            ["s0", "a0", "s1", 0.2, 0],
            ["s0", "b1", "s9", 1.5, 0],
            ["end", "a0", "end", 1, 0],
            ["s1", "a0", "s1", 1],
            ["s1", "a1", "s0", nan, inf],
            ["s1", "a1", "s0", "half", 0],
        ]"#;
    let message = message(text);
    for expected in [
        "unknown key `discount`; the keys are `states`, `actions`, `start`, `terminal`, `transitions`",
        "`states` has s1 twice",
        "`actions` has 3, which is no name in quotes",
        "`terminal`: unknown state ends (is it end?)",
        "`start`: end is terminal",
        "transition 3, [\"s0\", \"b1\", \"s9\", 1.5, 0]: unknown action b1 (is it a1?), unknown state s9 (is it s0?), \
         the probability 1.5 is not between 0 and 1",
        "transition 4, [\"end\", \"a0\", \"end\", 1, 0]: end is terminal and has no transitions",
        "transition 5, [\"s1\", \"a0\", \"s1\", 1], is not a list of state, action, next state, probability and reward",
        "the probability nan is not between 0 and 1, the reward inf is not a number",
        "the probability \"half\" is not between 0 and 1",
        "no action is possible in stuck, and it is not terminal",
        "the probabilities of a0 in s0 sum to 0.9, not to 1",
    ] {
        assert!(message.contains(expected), "no {expected:?} in {message:?}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let message = message("");
    for key in ["states", "actions", "start", "transitions"] {
        assert!(message.contains(&format!("the key `{key}` is missing")), "{message}");
    }
    assert!(!message.contains("terminal"), "{message}");
}

#[test]
fn other_forms_are_refused() {
    for (from, to, expected) in [
        ("start = \"s0\"", "start = []", "`start` has no state"),
        ("start = \"s0\"", "start = 0", "`start`: 0 is no state in quotes"),
        ("start = \"s0\"", "start = [\"s0\", \"s0\"]", "`start` has s0 twice"),
        ("states = [\"s0\", \"s1\", \"s2\"]", "states = 3", "`states` must be a list of one name or more"),
        ("states = [", "states = [\" \", ", "`states` has an empty name"),
        ("transitions = [", "transitions = 3 # [", "line "),
        ("start", "start start", "line 7"),
        ("0.7, 10", "0.7, nan", "the reward nan is not a number"),
        ("0.7, 10", "-0.1, 10", "the probability -0.1 is not between 0 and 1"),
    ] {
        let message = message(&GOOD.replace(from, to));
        assert!(message.contains(expected), "no {expected:?} in {message:?}");
    }
}

#[test]
fn a_transition_without_probability_is_left_out_and_short_thirds_are_enough() {
    let text = GOOD.replace(
        "[\"s1\", \"a0\", \"s1\", 1.0, 0],",
        "[\"s1\", \"a0\", \"s1\", 1, 0], [\"s1\", \"a0\", \"s2\", 0, 5],",
    );
    assert_eq!(Mdp::from_toml(&text).unwrap(), Mdp::three_states().unwrap());
    let third =
        |digits: &str| GOOD.replace("0.8, 40", &format!("{digits}, 40")).replace("0.1, 0", &format!("{digits}, 0"));
    assert!(Mdp::from_toml(&third("0.3333333")).is_ok());
    assert!(message(&third("0.333")).contains("the probabilities of a1 in s2 sum to 0.999"));
}

#[test]
fn a_table_that_would_fill_the_memory_is_refused() {
    let names = |count: usize| (0..count).map(|i| format!("\"n{i}\"")).collect::<Vec<_>>().join(",");
    let text = format!("states = [{}]\nactions = [{}]\n", names(2000), names(501));
    assert!(message(&text).contains("2000 states and 501 actions are too many: their product is at most 1000000"));
}

/// How likely each state is after some steps from s0.
#[test]
fn the_chain_spreads_as_its_matrix_says() {
    const DATA: &str = include_str!("../../../tests/data/classic/algorithms.json");
    let data: serde_json::Value = serde_json::from_str(DATA).unwrap();
    let mdp = Mdp::four_state_chain().unwrap();
    let mut likely = vec![1.0, 0.0, 0.0, 0.0];
    let mut compared = 0;
    for step in 1..=50 {
        let mut next = vec![0.0; 4];
        for (state, chance) in likely.iter().enumerate() {
            if mdp.is_terminal(state) {
                next[state] += chance;
            }
            for successor in mdp.successors(state, 0) {
                next[successor.state] += chance * successor.probability;
            }
        }
        likely = next;
        if let Some(expected) = data["markov_chain"]["after"][step.to_string()].as_array() {
            compared += 1;
            for (chance, expected) in likely.iter().zip(expected) {
                assert!((chance - expected.as_f64().unwrap()).abs() < 1e-12, "after {step} steps: {likely:?}");
            }
        }
    }
    assert_eq!(compared, 5);
}
