//! The nearest words to one that was not found: a bounded edit distance, cheap enough for 10,000 names.

use std::collections::BTreeSet;

/// Words suggested at most.
const SUGGESTED_MAX: usize = 3;

/// Longest word looked at, bytes: that of names and labels.
const WORD_BYTES_MAX: usize = 63;

/// The words nearest to `wanted`, nearest first: words that begin with it, and words a few edits away.
pub(super) fn nearest<'a>(wanted: &str, words: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    if wanted.is_empty() || wanted.len() > WORD_BYTES_MAX {
        return Vec::new();
    }
    let within = (wanted.len() / 2).clamp(1, 3);
    let mut best: BTreeSet<(usize, &str)> = BTreeSet::new();
    for word in words {
        let distance = if word.starts_with(wanted) {
            Some(1)
        } else {
            distance(wanted.as_bytes(), word.as_bytes(), within)
        };
        if let Some(distance) = distance {
            best.insert((distance, word));
            if best.len() > SUGGESTED_MAX {
                best.pop_last();
            }
        }
    }
    best.into_iter().map(|(_, word)| word).collect()
}

/// Insertions, deletions, changes and swaps of neighbours between two words, or none when there are more than `within`.
fn distance(a: &[u8], b: &[u8], within: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > within || b.len() > WORD_BYTES_MAX || a.len() > WORD_BYTES_MAX {
        return None;
    }
    let mut rows = [[0_usize; WORD_BYTES_MAX + 1]; 3];
    for (at, cell) in rows[1].iter_mut().enumerate() {
        *cell = at;
    }
    for (i, &from) in a.iter().enumerate() {
        // rows: the one before the last, the last, the one being filled.
        rows[2][0] = i + 1;
        let mut least = i + 1;
        for (j, &to) in b.iter().enumerate() {
            let change = rows[1][j] + usize::from(from != to);
            let mut cost = change.min(rows[1][j + 1] + 1).min(rows[2][j] + 1);
            let swapped = i > 0 && j > 0 && a[i - 1] == to && b[j - 1] == from;
            if swapped {
                cost = cost.min(rows[0][j - 1] + 1);
            }
            rows[2][j + 1] = cost;
            least = least.min(cost);
        }
        if least > within {
            return None;
        }
        rows.rotate_left(1);
    }
    Some(rows[1][b.len()]).filter(|&distance| distance <= within)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_edits_and_stop_early() {
        for (a, b, within, expected) in [
            ("web01", "web01", 3, Some(0)),
            ("web01", "web10", 3, Some(1)),
            ("web9", "web09", 3, Some(1)),
            ("prd", "prod", 1, Some(1)),
            ("abc", "xyz", 2, None),
            ("a", "abcd", 2, None),
            ("", "ab", 2, Some(2)),
        ] {
            assert_eq!(
                distance(a.as_bytes(), b.as_bytes(), within),
                expected,
                "{a} {b}"
            );
        }
    }

    #[test]
    fn the_nearest_come_first_and_are_few() {
        let words = ["web-01", "web-02", "db-01", "web-10", "web-03"];
        assert_eq!(nearest("web-1", words), ["web-01", "web-10", "web-02"]);
        assert_eq!(nearest("web", words), ["web-01", "web-02", "web-03"]);
        assert_eq!(nearest("cache", words), [""; 0]);
        assert_eq!(nearest(&"x".repeat(64), words), [""; 0]);
    }
}
