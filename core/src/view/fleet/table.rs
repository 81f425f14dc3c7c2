//! The table of a page of hosts, which fits a phone.

use super::{HostRow, Trouble};
use crate::text::duration;

/// Columns of a table that a phone shows without wrapping.
const COLUMNS: usize = 36;

/// Columns of a table's row besides the name.
const BESIDE_NAME: usize = 23;

/// The longest name that stands in it whole, columns.
pub(super) const NAME_COLUMNS: usize = COLUMNS - BESIDE_NAME;

/// The table, in a block of its own.
pub(super) fn table(shown: &[&HostRow], now_ms: u64) -> String {
    let longest = shown.iter().map(|row| row.name.as_str().len()).max();
    let width = longest.unwrap_or(0).clamp(4, NAME_COLUMNS);
    let mut lines = vec![format!("  {:width$}  load  mem disk   up", "host")];
    lines.extend(shown.iter().map(|row| table_row(row, width, now_ms)));
    // Colours are a help where they are shown; the words say all.
    format!("```diff\n{}\n```", lines.join("\n"))
}

fn table_row(row: &HostRow, width: usize, now_ms: u64) -> String {
    let name = shortened(row.name.as_str(), width);
    let mark = match row.trouble() {
        Trouble::Offline => '-',
        Trouble::Duplicated
        | Trouble::Stale
        | Trouble::Full
        | Trouble::Draining
        | Trouble::Outdated => '!',
        Trouble::None => ' ',
    };
    let (Some(_), Some(metrics), true) = (&row.facts, &row.metrics, row.online) else {
        let ago = duration(now_ms.saturating_sub(row.seen_ms));
        let said = match (row.online, row.seen_ms) {
            (true, _) => "just connected".to_owned(),
            (false, 0) => "offline, never seen".to_owned(),
            (false, _) => format!("offline for {ago}"),
        };
        return format!("{mark} {name:width$}  {said}");
    };
    let shown = |percent: Option<u64>| percent.map_or("-".to_owned(), |used| format!("{used}%"));
    let up = duration(metrics.uptime_s.saturating_mul(1_000));
    let load = if metrics.load1 < 100.0 {
        format!("{:.2}", metrics.load1)
    } else {
        format!("{:.0}", metrics.load1)
    };
    format!(
        "{mark} {name:width$} {load:>5} {:>4} {:>4} {:>4}",
        shown(row.memory_percent()),
        shown(row.disk_percent()),
        up.split(' ').next().unwrap_or_default()
    )
}

/// A name in so many columns; what tells names apart is mostly at their ends.
fn shortened(name: &str, width: usize) -> String {
    let chars: Vec<char> = name.chars().collect();
    if chars.len() <= width {
        return name.to_owned();
    }
    let after = (width - 1) / 2;
    let before = chars.iter().take(width - 1 - after);
    let end = chars.iter().skip(chars.len() - after);
    before.chain(['…'].iter()).chain(end).collect()
}
