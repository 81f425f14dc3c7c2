//! The nearest words to one that was not found: a bounded edit distance, cheap enough for 10,000 names.

use std::collections::BTreeSet;

/// Words suggested at most.
const SUGGESTED_MAX: usize = 3;

/// Names so long may be mistyped in two places, bytes.
const LONG_NAME_BYTES: usize = 12;

/// Shorter words are other words when a letter of them is another: `db` and `dc`, `app` and `api`, `test` and `rest`.
const LONG_WORD_BYTES: usize = 5;

/// Longest word looked at, bytes: that of names and labels.
const WORD_BYTES_MAX: usize = 63;

/// The words nearest to `wanted`, nearest first: words that begin with it, and words a few edits away.
pub(crate) fn nearest<'a>(wanted: &str, words: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
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

/// True when a name is probably another one mistyped, and not the name of another host: few edits, the same numbers, and words that begin
/// alike and are long enough to be told from others.
pub(super) fn is_typo(wanted: &str, name: &str) -> bool {
    let within = 1 + usize::from(wanted.len() >= LONG_NAME_BYTES);
    let near = distance(wanted.as_bytes(), name.as_bytes(), within).is_some();
    if !near || wanted == name {
        return false;
    }
    let (wanted, name) = (parts(wanted), parts(name));
    wanted.len() == name.len() && wanted.iter().zip(&name).all(|(a, b)| is_same_part(a, b))
}

/// The words and the numbers of a name, without what is between them.
fn parts(name: &str) -> Vec<&str> {
    let sort = |c: char| (c.is_alphanumeric(), c.is_ascii_digit());
    let mut parts = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| sort(c) != sort(first)).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        if first.is_alphanumeric() {
            parts.push(part);
        }
        rest = after;
    }
    parts
}

/// The same number, or a word that was mistyped at most.
fn is_same_part(a: &str, b: &str) -> bool {
    let is_number = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    if is_number(a) || is_number(b) {
        return a.trim_start_matches('0') == b.trim_start_matches('0');
    }
    if a == b {
        return true;
    }
    let long = a.len().min(b.len()) >= LONG_WORD_BYTES;
    let near = distance(a.as_bytes(), b.as_bytes(), 1).is_some();
    // Of short words only letters may be swapped.
    let swapped = a.len() == b.len() && {
        let other = a.bytes().zip(b.bytes()).filter(|(a, b)| a != b);
        other.count() == 2
    };
    near && (long || swapped) && a.as_bytes().first() == b.as_bytes().first()
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
        // The row before the last, the last, and the one being filled. All words fit them, as was checked above.
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
    fn a_typo_is_never_the_name_of_another_host() {
        for (wanted, name) in [
            ("web01", "web-01"),
            ("web-1", "web-01"),
            ("wbe-01", "web-01"),
            ("cahce-02", "cache-02"),
            ("workr-3", "worker-3"),
            ("eu-gatway_07", "eu-gateway-07"),
            ("kubernets-api-1", "kubernetes-api-01"),
        ] {
            assert!(is_typo(wanted, name), "{wanted} {name}");
            assert!(is_typo(name, wanted), "{name} {wanted}");
        }
        for (wanted, name) in [
            ("db-02", "web-02"),
            ("db-02", "db-03"),
            ("db-02", "dc-02"),
            ("api-1", "app-1"),
            ("web-1", "web-10"),
            ("web-10", "web-01"),
            ("eu-west-1-node-1", "eu-east-1-node-1"),
            ("staging-cache-11", "staging-cache-12"),
            ("reader-1", "leader-1"),
            ("prod-db", "prod-dbs"),
            ("web-01", "web-01a"),
            ("web", "web-01"),
            ("cache", "cacheab"),
            ("x", "y"),
            ("", "a"),
        ] {
            assert!(!is_typo(wanted, name), "{wanted} {name}");
            assert!(!is_typo(name, wanted), "{name} {wanted}");
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
