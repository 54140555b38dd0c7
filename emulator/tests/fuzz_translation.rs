//! Random programs play the same translated and interpreted, and so do crafted saved states of them. A few of what the example
//! `fuzz_translation` tries by thousands.
#![cfg(feature = "translate")]

#[path = "support/comparison.rs"]
mod comparison;
#[path = "support/programs.rs"]
mod programs;

use comparison::compare;
use std::collections::HashSet;

/// Programs compared, always the same ones.
const PROGRAMS: u32 = 150;

#[test]
fn random_programs_and_crafted_states_play_the_same_translated() {
    let mut schemes = HashSet::new();
    let (mut frames, mut translated, mut states) = (0, 0, [0; 2]);
    for seed in 0..PROGRAMS {
        let compared = compare(seed, 6).unwrap_or_else(|difference| {
            panic!("{difference}; try --example fuzz_translation -- --seed {seed} --programs 1")
        });
        schemes.extend(compared.scheme);
        frames += compared.frames;
        translated += compared.translated;
        states = [states[0] + compared.states[0], states[1] + compared.states[1]];
    }
    assert!(schemes.len() >= 17, "{} schemes only", schemes.len());
    assert!(frames > PROGRAMS * 10, "{frames} frames only");
    assert!(translated > 20_000_000, "translated code executed {translated} instructions only");
    assert!(states[0] > 50 && states[1] > 200, "{} crafted states were refused, {} accepted", states[0], states[1]);
}
