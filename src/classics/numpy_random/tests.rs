use super::*;
use serde_json::Value;

/// numpy's own numbers, written by numpy 2.4.6.
const NUMPY: &str = include_str!("../../../tests/data/classic/pcg64.json");

fn seeds() -> Vec<Value> {
    let data: Value = serde_json::from_str(NUMPY).unwrap();
    data["seeds"].as_array().unwrap().clone()
}

fn decimal(seed: &Value) -> NumpyRandom {
    NumpyRandom::from_decimal(seed["seed"].as_str().unwrap()).unwrap()
}

fn hex(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap(), 16).unwrap()
}

fn hexes(values: &Value) -> Vec<u64> {
    values.as_array().unwrap().iter().map(hex).collect()
}

#[test]
fn outputs_are_numpys_for_seeds_of_any_size() {
    for seed in seeds() {
        let mut random = decimal(&seed);
        let bits: Vec<u64> = hexes(&seed["u64"]).iter().map(|_| random.bits64()).collect();
        assert_eq!(bits, hexes(&seed["u64"]), "seed {}", seed["seed"]);
        let mut random = decimal(&seed);
        let fractions: Vec<u64> = hexes(&seed["random"]).iter().map(|_| random.random().to_bits()).collect();
        assert_eq!(fractions, hexes(&seed["random"]), "seed {}", seed["seed"]);
        if let Ok(small) = seed["seed"].as_str().unwrap().parse() {
            assert_eq!(NumpyRandom::new(small), decimal(&seed));
        }
    }
}

#[test]
fn pool_words_and_state_are_numpys() {
    for seed in seeds() {
        let number: Vec<u32> = {
            let mut words = Vec::new();
            let mut rest: Vec<u8> = seed["seed"].as_str().unwrap().bytes().map(|c| c - b'0').collect();
            while rest.iter().any(|digit| *digit != 0) {
                let mut carry = 0u64;
                for digit in &mut rest {
                    let value = carry * 10 + u64::from(*digit);
                    *digit = (value >> 32) as u8;
                    carry = value & 0xFFFF_FFFF;
                }
                words.push(carry as u32);
            }
            words
        };
        let wide = |values: &[u32]| values.iter().map(|value| u64::from(*value)).collect::<Vec<_>>();
        let pool = pool(&number);
        assert_eq!(wide(&pool), hexes(&seed["pool"]), "seed {}", seed["seed"]);
        assert_eq!(wide(&generated_words(&pool)), hexes(&seed["words"]), "seed {}", seed["seed"]);
        let state = |key: &str| u128::from_str_radix(seed[key].as_str().unwrap(), 16).unwrap();
        let written = serde_json::to_string(&NumpyRandom::from_words(&number)).unwrap();
        assert!(written.contains(&state("state").to_string()), "{written} is not the state {:x}", state("state"));
        assert!(written.contains(&state("inc").to_string()), "{written} has not the increment {:x}", state("inc"));
    }
}

#[test]
fn calls_of_all_kinds_may_be_mixed() {
    for seed in seeds() {
        let mut random = decimal(&seed);
        for call in seed["mixed"].as_array().unwrap() {
            let name = call[0].as_str().unwrap();
            let same = match name {
                "random" => random.random().to_bits() == hex(&call[1]),
                "uniform(-1,1)" => random.uniform(-1.0, 1.0).to_bits() == hex(&call[1]),
                "integers(0,2)" => Some(i64::from(random.integers(0, 2))) == call[1].as_i64(),
                "integers(0,4)" => Some(i64::from(random.integers(0, 4))) == call[1].as_i64(),
                "integers(-9999,9999)" => Some(i64::from(random.integers(-9999, 9999))) == call[1].as_i64(),
                other => panic!("unknown call {other}"),
            };
            assert!(same, "seed {}: {call}", seed["seed"]);
        }
    }
}

#[test]
fn one_integer_needs_no_draw_and_a_kept_half_survives_saving() {
    let mut random = NumpyRandom::new(7);
    assert_eq!((random.integers(3, 4), random.integers(3, 3), random.integers(3, -5)), (3, 3, 3));
    assert_eq!(random, NumpyRandom::new(7));
    let first = random.bits32();
    assert_eq!(u64::from(first), NumpyRandom::new(7).bits64() & 0xFFFF_FFFF);
    let mut restored: NumpyRandom = postcard::from_bytes(&postcard::to_stdvec(&random).unwrap()).unwrap();
    assert_eq!(restored, random);
    restored.random();
    assert_eq!(
        u64::from(restored.bits32()),
        NumpyRandom::new(7).bits64() >> 32,
        "a draw of 64 bits touched the kept half"
    );
    let full = random.integers(i32::MIN, i32::MAX);
    assert!((i32::MIN..i32::MAX).contains(&full));
}

#[test]
fn leading_zeros_make_no_other_seed_and_other_text_is_refused() {
    assert_eq!(NumpyRandom::from_decimal("0042").unwrap(), NumpyRandom::new(42));
    assert_eq!(NumpyRandom::from_words(&[42, 0, 0, 0, 0, 0]), NumpyRandom::new(42));
    assert_ne!(NumpyRandom::from_words(&[42, 0, 0, 0, 0, 1]), NumpyRandom::new(42));
    for bad in ["", "-1", "1.0", "1e3", " 1", "\u{0661}"] {
        let message = NumpyRandom::from_decimal(bad).unwrap_err().to_string();
        assert!(message.contains("whole number"), "{bad:?}: {message}");
    }
}
