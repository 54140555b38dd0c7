//! Numbers, durations and similar names as text, numbers from the text that people type, and [results](output) on standard output.

pub mod faults;
pub mod numbers;
pub mod output;

/// A number with commas between thousands: 1,234,567.
pub fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A duration in seconds as minutes and seconds (`1:05 min`) or hours and minutes (`30:00 h`).
pub fn clock(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match seconds {
        0..3600 => format!("{}:{:02} min", seconds / 60, seconds % 60),
        _ => format!("{}:{:02} h", seconds / 3600, seconds / 60 % 60),
    }
}

/// The candidate with the smallest edit distance to `word`, if that is at most half the longer one's length.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= word.len().max(candidate.len()) / 2)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance: the fewest insertions, deletions and replacements of characters that turn `a` into `b`.
pub fn distance(a: &str, b: &str) -> usize {
    strsim::levenshtein(a, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, text) in [(0, "0"), (999, "999"), (18_000, "18,000"), (1_234_567, "1,234,567")] {
            assert_eq!(with_commas(number), text);
        }
    }

    #[test]
    fn durations_are_minutes_or_hours() {
        assert_eq!((clock(65.2), clock(3600.0 * 30.0)), ("1:05 min".to_string(), "30:00 h".to_string()));
    }

    #[test]
    fn the_nearest_name_is_not_a_far_one() {
        let names = || ["nature", "rainbow"].into_iter();
        assert_eq!(nearest("natur", names()), Some("nature"));
        assert_eq!(nearest("xyzzy", names()), None);
    }
}
