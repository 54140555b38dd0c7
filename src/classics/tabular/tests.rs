use super::*;
use serde_json::Value;

/// Tables and episodes of Gymnasium 1.4.0.
const GYMNASIUM: &str = include_str!("../../../tests/data/classic/toy_text.json");

/// The data of one of Gymnasium's environments.
pub fn gymnasium(environment: &str) -> Value {
    let mut data: Value = serde_json::from_str(GYMNASIUM).unwrap();
    data["environments"][environment].take()
}

/// Compares `task` with all episodes of one of Gymnasium's environments.
pub fn assert_equal_to_gymnasium(mut task: TabularTask, environment: &str) {
    let data = gymnasium(environment);
    let runs = data["runs"].as_array().unwrap();
    assert!(!runs.is_empty());
    for run in runs {
        let name = format!("{environment} with seed {}", run["seed"]);
        let mut random = NumpyRandom::new(run["seed"].as_u64().unwrap());
        task.reset(&mut random);
        assert_eq!(observed(&task), run["start"].as_u64().unwrap(), "{name}");
        let (actions, steps) = (run["actions"].as_str().unwrap(), run["steps"].as_array().unwrap());
        assert_eq!(actions.len(), steps.len(), "{name}");
        for (i, (action, step)) in actions.bytes().zip(steps).enumerate() {
            let outcome = task.step(usize::from(action - b'0'), &mut random);
            assert_eq!(observed(&task), step[0].as_u64().unwrap(), "{name}, step {i}");
            let terminated = i == steps.len() - 1 && run["terminated"].as_bool().unwrap();
            let expected = Outcome { reward: step[1].as_f64().unwrap(), terminated };
            assert_eq!(outcome, expected, "{name}, step {i}");
        }
    }
}

fn observed(task: &TabularTask) -> u64 {
    let mut observation = task.space().observations(1);
    task.observe(observation.place());
    match observation.seen() {
        crate::observations::Seen::States([state]) => u64::from(*state),
        other => panic!("{other:?} is not the number of a state"),
    }
}

fn three_states() -> TabularTask {
    TabularTask::new(Mdp::three_states().unwrap(), None)
}

#[test]
fn an_impossible_action_does_nothing_but_draws() {
    let mut task = three_states();
    let mut random = NumpyRandom::new(3);
    task.reset(&mut random);
    task.restore(&1u32.to_le_bytes()).unwrap();
    let mut other = random.clone();
    assert_eq!(task.step(1, &mut random), Outcome { reward: 0.0, terminated: false });
    assert_eq!(task.present(), 1);
    other.random();
    assert_eq!(random, other, "a step draws one number");
}

#[test]
fn results_come_as_often_as_their_probability_says() {
    let mut task = three_states();
    let mut random = NumpyRandom::new(1);
    let mut counts = [0; 3];
    for _ in 0..10_000 {
        task.restore(&2u32.to_le_bytes()).unwrap();
        let outcome = task.step(1, &mut random);
        assert_eq!(outcome.reward, if task.present() == 0 { 40.0 } else { 0.0 });
        counts[task.present()] += 1;
    }
    // Standard deviations are 40 and 30.
    for (count, expected) in counts.iter().zip([8000, 1000, 1000]) {
        assert!((expected - 200..=expected + 200).contains(count), "{counts:?}");
    }
}

#[test]
fn a_chain_reaches_its_absorbing_state_after_16_steps_on_average() {
    let mut task = TabularTask::new(Mdp::four_state_chain().unwrap(), None);
    let mut random = NumpyRandom::new(5);
    let mut steps = 0;
    for _ in 0..2000 {
        task.reset(&mut random);
        loop {
            steps += 1;
            let outcome = task.step(0, &mut random);
            assert_eq!(outcome.reward, 0.0);
            if outcome.terminated {
                break;
            }
        }
        assert_eq!(task.present(), 3);
    }
    assert!((15.0..17.0).contains(&(f64::from(steps) / 2000.0)), "{steps} steps in 2000 episodes");
}

#[test]
fn several_starts_are_equally_likely() {
    let text = include_str!("../tables/four-state-chain.toml").replace("start = \"s0\"", "start = [\"s2\", \"s0\"]");
    let mut task = TabularTask::new(Mdp::from_toml(&text).unwrap(), None);
    let mut random = NumpyRandom::new(5);
    let mut counts = [0; 4];
    for _ in 0..1000 {
        task.reset(&mut random);
        counts[task.present()] += 1;
    }
    assert_eq!((counts[1], counts[3], counts[0] + counts[2]), (0, 0, 1000));
    assert!((420..580).contains(&counts[0]), "{counts:?}");
}

#[test]
fn a_restored_task_is_in_the_same_state_and_others_are_refused() {
    let mut task = three_states();
    task.restore(&2u32.to_le_bytes()).unwrap();
    let mut other = three_states();
    other.restore(&task.state()).unwrap();
    assert_eq!(other.present(), 2);
    for damaged in [vec![], vec![0; 3], 3u32.to_le_bytes().to_vec()] {
        assert!(other.restore(&damaged).is_err());
        assert_eq!(other.present(), 2);
    }
}
