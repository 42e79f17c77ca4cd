//! Which known word somebody meant who mistyped it.

/// The known word nearest to `typed`, if it is near enough to be a slip or begins with it.
pub(super) fn nearest<'a>(typed: &str, known: &[&'a str]) -> Option<&'a str> {
    let most = (typed.chars().count() / 3).max(2);
    let measured = known.iter().map(|word| (far(typed, word), *word));
    measured.filter(|(far, _word)| *far <= most).min().map(|(_far, word)| word)
}

/// How far a word is from the typed one; half a word, such as a key without its unit, is near.
fn far(typed: &str, word: &str) -> usize {
    let is_half = typed.len() >= 3 && word.starts_with(typed);
    if is_half { 1 } else { distance(typed, word) }
}

/// Fewest insertions, deletions and replacements that turn one word into the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, letter) in one.chars().enumerate() {
        row = next_row(&row, above + 1, letter, &other);
    }
    row.last().copied().unwrap_or(0)
}

fn next_row(row: &[usize], first: usize, letter: char, other: &[char]) -> Vec<usize> {
    let mut next = vec![first];
    let mut left = first;
    for ((diagonal, above), theirs) in row.iter().zip(row.iter().skip(1)).zip(other) {
        let replaced = diagonal + usize::from(*theirs != letter);
        left = replaced.min(above + 1).min(left + 1);
        next.push(left);
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let known = ["beat_ms", "suspect_after_ms", "stall_ms"];
        assert_eq!(nearest("beats_ms", &known), Some("beat_ms"));
        assert_eq!(nearest("suspectafter", &known), Some("suspect_after_ms"));
        assert_eq!(nearest("suspect", &known), Some("suspect_after_ms"));
        assert_eq!(nearest("colour", &known), None);
    }

    #[test]
    fn distances_are_those_of_levenshtein() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("same", "same"), 0);
    }
}
