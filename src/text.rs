//! Text for and from people.

/// The candidate with the fewest edits from `word`, if those are at most about half of its length.
pub fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (edit_distance(word, candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= word.len().max(candidate.len()) / 2)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions and replacements of characters that lead from `a` to `b` (Levenshtein).
pub fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_distances_are_levenshteins() {
        for (a, b, distance) in [("", "", 0), ("abc", "abc", 0), ("kitten", "sitting", 3), ("", "ab", 2)] {
            assert_eq!(edit_distance(a, b), distance, "{a} {b}");
        }
    }

    #[test]
    fn a_near_name_is_at_most_half_its_length_away() {
        let names = ["gamma", "n_step", "network"];
        assert_eq!(nearest("gama", names.into_iter()), Some("gamma"));
        assert_eq!(nearest("zzzzzz", names.into_iter()), None);
    }
}
