//! How one text differs from another, as a person reads it in a `diff` block: lines that are gone, lines that came, a little around them.

use similar::{ChangeTag, TextDiff};

use crate::text::{count, prefix, units};

/// Lines around a change.
const AROUND: usize = 1;

/// The changes from one text to another in at most so many lines and UTF-16 units, each line with its end: `-` what only the first has,
/// `+` what only the second has. When there are more, a last line says how many.
#[must_use]
pub fn changes(from: &str, to: &str, lines_max: usize, units_max: usize) -> String {
    let diff = TextDiff::from_lines(from, to);
    let mut lines = Vec::new();
    for (at, group) in diff.grouped_ops(AROUND).iter().enumerate() {
        if at > 0 {
            lines.push("  …\n".to_owned());
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let mark = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            let line = change.value().trim_end_matches('\n');
            lines.push(format!("{mark}{line}\n"));
        }
    }
    fitting(&lines, lines_max, units_max)
}

fn fitting(lines: &[String], lines_max: usize, units_max: usize) -> String {
    const MORE: usize = "… 18446744073709551615 more lines\n".len();
    let all: usize = lines.iter().map(|line| units(line)).sum();
    if lines.len() <= lines_max && all <= units_max {
        return lines.concat();
    }
    let mut text = String::new();
    let mut used = MORE;
    let mut shown = 0;
    for line in lines.iter().take(lines_max.saturating_sub(1)) {
        used += units(line);
        if used > units_max {
            break;
        }
        text.push_str(line);
        shown += 1;
    }
    if shown == 0
        && let Some(first) = lines.first()
    {
        // A line that is longer than all the room shows its beginning.
        let room = units_max.saturating_sub(MORE + 2);
        text = format!("{}…\n", prefix(first.trim_end_matches('\n'), room));
        shown = 1;
    }
    let more = lines.len() - shown;
    if more > 0 {
        text.push_str(&format!("… {}\n", count(more, "more line")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_shown_with_a_line_around_them() {
        assert_eq!(
            changes("6.1.0-37\n", "6.1.0-33", 9, 900),
            "-6.1.0-37\n+6.1.0-33\n"
        );
        let from = "a\nb\nc\nd\ne\nf\ng\nh\n";
        let to = "a\nB\nc\nd\ne\nf\ng\nh\ni\n";
        assert_eq!(changes(from, to, 20, 900), " a\n-b\n+B\n c\n  …\n h\n+i\n");
        assert_eq!(changes("same\n", "same\n", 9, 900), "");
        assert_eq!(changes("", "x\n", 9, 900), "+x\n");
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let from: String = (0..30).map(|n| format!("{n}\n")).collect();
        let shown = changes(&from, "", 5, 900);
        assert_eq!(shown, "-0\n-1\n-2\n-3\n… 26 more lines\n");
        let shown = changes(&from, "", 50, 60);
        assert!(
            units(&shown) <= 60 && shown.ends_with(" more lines\n"),
            "{shown}"
        );
        let long = "x".repeat(5_000);
        let shown = changes("", &long, 5, 100);
        assert!(units(&shown) <= 100, "{shown}");
        assert!(
            shown.starts_with("+xxx") && shown.ends_with("…\n"),
            "{shown}"
        );
    }
}
