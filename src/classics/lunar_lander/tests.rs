use super::bodies::Shape;
use super::ground::edges;
use super::sine::sin_cos;
use super::*;
use serde_json::Value;
use std::path::Path;

/// Measured with Gymnasium 1.4.0, Box2D 2.3.10 and numpy 2.4.6 on x86-64 Linux; floats as big-endian hexadecimal.
fn data(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/classic").join(file);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn float(hex: &str) -> f32 {
    f32::from_bits(u32::from_str_radix(hex, 16).unwrap())
}

fn hex(values: impl IntoIterator<Item = f32>) -> String {
    values.into_iter().map(|value| format!("{:08x}", value.to_bits())).collect()
}

fn options(episode: &Value) -> Options {
    Options {
        gravity: episode["gravity"].as_f64().unwrap(),
        wind: episode["wind"].as_bool().unwrap(),
        wind_power: episode["wind_power"].as_f64().unwrap(),
        turbulence_power: episode["turbulence_power"].as_f64().unwrap(),
    }
}

/// The generator of an episode; without a seed the one before it goes on.
fn seed(episode: &Value, before: NumpyRandom) -> NumpyRandom {
    match &episode["seed"] {
        Value::Null => before,
        Value::String(digits) => NumpyRandom::from_decimal(digits).unwrap(),
        seed => NumpyRandom::new(seed.as_u64().unwrap()),
    }
}

/// What the engines did at each step.
fn engines(episode: &Value) -> Vec<Engines> {
    let clipped = |hex: &str| f64::from(float(hex).clamp(-1.0, 1.0));
    let continuous = |action: &Value| {
        let (main, side) = (clipped(&text(action)[..8]), clipped(&text(action)[8..]));
        Engines {
            main: if main > 0.0 { (main + 1.0) * 0.5 } else { 0.0 },
            side: if side.abs() > 0.5 { side.signum() * side.abs().clamp(0.5, 1.0) } else { 0.0 },
        }
    };
    match &episode["actions"] {
        Value::String(digits) => digits.bytes().map(|digit| Engines::of(usize::from(digit - b'0'))).collect(),
        actions => list(actions).iter().map(continuous).collect(),
    }
}

/// Whether the data has row `i`: short episodes have all of them, others every n-th and the last.
fn is_listed(episode: &Value, i: usize, last: bool) -> bool {
    let every = episode["every"].as_u64().unwrap_or(1) as usize;
    last || i % every == every - 1
}

/// A step as the data has it: six numbers, two digits for the legs, the reward.
fn line(lander: &LunarLander, outcome: Outcome) -> String {
    let seen = lander.observation();
    format!("{}{}{} {:016x}", hex(seen[..6].to_vec()), seen[6], seen[7], outcome.reward.to_bits())
}

#[test]
fn episodes_equal_gymnasiums() {
    let data = data("lunar_lander.json");
    let mut random = NumpyRandom::new(0);
    let mut steps = 0;
    for episode in list(&data["episodes"]) {
        let name = format!("{} {}", text(&episode["name"]), episode["seed"]);
        random = seed(episode, random);
        let mut lander = LunarLander::new(options(episode));
        lander.reset(&mut random);
        assert_eq!(hex(lander.observation()), text(&episode["reset"]), "{name}");
        let engines = engines(episode);
        let mut lines = list(&episode["steps"]).iter();
        let mut episode_return = 0.0;
        for (i, flown) in engines.iter().enumerate() {
            let outcome = lander.fly(*flown, &mut random);
            episode_return += outcome.reward;
            let last = i + 1 == engines.len();
            if is_listed(episode, i, last) {
                assert_eq!(line(&lander, outcome), text(lines.next().unwrap()), "{name}, step {i}");
            }
            assert_eq!(outcome.terminated, last && episode["terminated"] == true, "{name}, step {i}");
            steps += 1;
        }
        assert_eq!(lines.next(), None, "{name}");
        // The parser of JSON may be wrong in the last bit.
        let expected = episode["episode_return"].as_f64().unwrap();
        assert!((episode_return - expected).abs() < 1e-9, "{name}: {episode_return}");
    }
    assert!(steps > 1000, "{steps} steps");
}

#[test]
fn bodies_equal_box2ds() {
    let data = data("lunar_lander_bodies.json");
    let mut random = NumpyRandom::new(0);
    for episode in list(&data["episodes"]) {
        random = seed(episode, random);
        let mut lander = LunarLander::new(Options::default());
        lander.reset(&mut random);
        // The data lists the newest edge first.
        for (edge, expected) in edges(&lander.world.now.terrain).iter().rev().zip(list(&episode["terrain"])) {
            let [from, to] = edge.ends;
            let expected: String = list(expected).iter().map(text).collect();
            assert_eq!(hex([from.x, from.y, to.x, to.y]), expected);
        }
        let mut rows = list(&episode["rows"]).iter();
        let engines = engines(episode);
        for i in 0..=engines.len() {
            let name = format!("{}, row {i}", text(&episode["name"]));
            if i > 0 {
                lander.fly(engines[i - 1], &mut random);
            }
            if !is_listed(episode, i, i == engines.len()) {
                continue;
            }
            let row = rows.next().unwrap();
            let mut words = text(row).split(' ');
            for body in &lander.world.now.bodies {
                let (place, v) = (body.transform.position, body.velocity);
                let state = [place.x, place.y, body.sweep.to.angle, v.linear.x, v.linear.y, v.angular];
                assert_eq!(hex(state), words.next().unwrap(), "{name}");
            }
            let contacts = &lander.world.now.contacts;
            let touching = contacts.iter().filter(|contact| contact.touching()).count();
            assert_eq!(format!("{}.{touching}", contacts.len()), words.next().unwrap(), "{name}");
            let awake = u8::from(lander.world.now.bodies[HULL].awake).to_string();
            assert_eq!(awake, words.next().unwrap(), "{name}");
        }
    }
}

#[test]
fn shapes_equal_box2ds() {
    let data = data("lunar_lander_bodies.json");
    for (name, shape, density) in [("lander", Shape::hull(), 5.0), ("leg", Shape::leg(), 1.0)] {
        let constants = &data["constants"][name];
        let joined = |value: &Value| -> String {
            list(value).iter().map(|pair| list(pair).iter().map(text).collect::<String>()).collect()
        };
        let flat = |vectors: &[Vector]| hex(vectors.iter().flat_map(|vector| [vector.x, vector.y]));
        assert_eq!(flat(&shape.corners), joined(&constants["vertices"]), "{name}");
        assert_eq!(flat(&shape.normals), joined(&constants["normals"]), "{name}");
        let mass = bodies::mass(&shape.corners, density);
        assert_eq!(hex([mass.mass]), text(&constants["mass"]), "{name}");
        // The engine keeps the inertia about the center, and adds again what it took away.
        let apart = mass.mass * shape.local_center.dot(shape.local_center);
        assert_eq!(hex([mass.inertia - apart + apart]), text(&constants["inertia_about_origin"]), "{name}");
        let center: String = list(&constants["local_center"]).iter().map(text).collect();
        assert_eq!(flat(&[shape.local_center]), center, "{name}");
        assert_eq!(f64::from(shape.friction), constants["friction"].as_f64().unwrap());
    }
    let centroid: String = list(&data["constants"]["lander"]["centroid"]).iter().map(text).collect();
    assert_eq!(hex([Shape::hull().centroid.x, Shape::hull().centroid.y]), centroid);
}

#[test]
fn sine_and_cosine_equal_glibcs() {
    let data = data("sincosf.json");
    for row in list(&data["rows"]) {
        let [x, sine, cosine] = [0, 1, 2].map(|i| text(&row[i]));
        let (s, c) = sin_cos(float(x));
        assert_eq!((hex([s]).as_str(), hex([c]).as_str()), (sine, cosine), "{}", float(x));
    }
}

/// Bits of glibc 2.36 for angles beyond those of ordinary play.
#[test]
fn sine_and_cosine_of_large_angles() {
    for (angle, sine, cosine) in [
        (120.0, "3f14a2ef", "3f506e2a"),
        (-121.5, "bf5a6c1e", "bf058536"),
        (1000.0, "3f53ae61", "3f0ff813"),
        (-200_000.0, "3d92555f", "3f7f587e"),
        (1e10, "bef99a64", "3f5f84c5"),
        (1e22, "bf3becc4", "3f2dd6f7"),
        (3.4e38, "be79f163", "3f7841ca"),
    ] {
        let (s, c) = sin_cos(angle);
        assert_eq!((hex([s]).as_str(), hex([c]).as_str()), (sine, cosine), "{angle}");
    }
    assert!(sin_cos(f32::INFINITY).0.is_nan() && sin_cos(f32::NAN).1.is_nan());
}

/// Bit for bit everything that is saved and seen, after each of some steps.
fn future(lander: &mut LunarLander, random: &mut NumpyRandom, steps: usize) -> Vec<(Vec<u8>, String)> {
    let step = |_| {
        let action = heuristic(&lander.observation());
        let outcome = lander.step(action, random);
        (lander.state(), line(lander, outcome))
    };
    (0..steps).map(step).collect()
}

#[test]
fn a_restored_lander_has_the_same_future() {
    // Flight, landing and rest; in the wind, a crash.
    for (seed, wind, length) in [(0, false, 160), (1, true, 110)] {
        let options = Options { wind, ..Options::default() };
        let mut random = NumpyRandom::new(seed);
        let mut lander = LunarLander::new(options);
        lander.reset(&mut random);
        let mut other = LunarLander::new(options);
        for step in 0..length {
            let (state, mut same) = (lander.state(), random.clone());
            other.restore(&state).unwrap();
            assert_eq!(other.state(), state);
            let expected = future(&mut lander, &mut random, 1);
            assert_eq!(future(&mut other, &mut same, 1), expected, "seed {seed}, step {step}");
            if step % 16 == 0 {
                // A step is enough if the state is complete; a longer future shows that it is.
                other.restore(&state).unwrap();
                let mut end = LunarLander::new(options);
                end.restore(&state).unwrap();
                let (mut one, mut two) = (same.clone(), same.clone());
                assert_eq!(future(&mut other, &mut one, 40), future(&mut end, &mut two, 40));
            }
        }
        assert!(lander.world.now.crashed || !lander.world.now.bodies[HULL].awake, "seed {seed}: no end");
    }
}

#[test]
fn a_state_that_is_none_is_refused_and_changes_nothing() {
    let mut random = NumpyRandom::new(3);
    let mut lander = LunarLander::new(Options::default());
    lander.reset(&mut random);
    let before = lander.state();
    let mut unknown = lander.world.now.clone();
    unknown.contacts = vec![super::contacts::Contact::new(11, 0)];
    let mut twice = lander.world.now.clone();
    twice.contacts = vec![super::contacts::Contact::new(10, 2); 2];
    let messages = [unknown, twice].map(|now| {
        let state = postcard::to_stdvec(&(now, lander.flight)).unwrap();
        lander.restore(&state).unwrap_err().to_string()
    });
    assert_eq!(messages, ["contact of edge 11 and body 0 of 11 and 3", "two contacts of edge 10 and body 2"]);
    assert!(lander.restore(&before[..before.len() - 1]).is_err());
    assert_eq!(lander.state(), before);
}

#[test]
fn the_heuristic_plays_as_gymnasiums() {
    let data = data("lunar_lander.json");
    let mut actions = 0;
    for episode in list(&data["episodes"]) {
        let mut random = seed(episode, NumpyRandom::new(0));
        let mut lander = LunarLander::new(options(episode));
        lander.reset(&mut random);
        if text(&episode["name"]).starts_with("heuristic") {
            for (i, digit) in text(&episode["actions"]).bytes().enumerate() {
                let action = heuristic(&lander.observation());
                assert_eq!(action, usize::from(digit - b'0'), "{}, step {i}", episode["name"]);
                lander.step(action, &mut random);
                actions += 1;
            }
        }
    }
    assert!(actions > 500, "{actions} actions");
}

#[test]
fn an_action_that_does_not_exist_fires_nothing() {
    assert_eq!(Engines::of(4), Engines::of(0));
    assert_eq!(LunarLander::new(Options::default()).actions().len(), 4);
}

#[test]
fn the_picture_has_a_flame_for_the_engine_that_fired() {
    let mut random = NumpyRandom::new(5);
    let mut lander = LunarLander::new(Options::default());
    lander.reset(&mut random);
    let without = lander.scene().shapes.len();
    for (action, flames) in [(0, 0), (1, 2), (2, 2), (3, 2), (0, 0)] {
        lander.step(action, &mut random);
        let state = lander.state();
        assert_eq!(lander.scene().shapes.len(), without + flames, "action {action}");
        assert_eq!(lander.state(), state, "drawing changes nothing");
    }
}
