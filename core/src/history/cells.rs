//! A run as a line of a table for other programs: CSV that no spreadsheet takes for a formula.

use super::Entry;

/// What the columns are.
pub const CSV_HEAD: &str = "number,accepted_ms,closed_ms,by,name,guild,channel,as,timeout_ms,state,ok,hosts,took_ms,selector,names,command\r\n";

/// One run, with the name of who asked, as a line with its end.
#[must_use]
pub fn csv_line(entry: &Entry, name: &str) -> String {
    let some = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
    let cells = [
        entry.number.0.to_string(),
        entry.accepted_ms.to_string(),
        some(Some(entry.closed_ms).filter(|ms| *ms > 0)),
        entry.by.to_string(),
        name.to_owned(),
        some(entry.place.map(|(guild, _)| guild)),
        some(entry.place.map(|(_, channel)| channel)),
        entry.run_as.clone().unwrap_or_default(),
        entry.timeout_ms.to_string(),
        entry.stand.as_str().to_owned(),
        entry.ok.to_string(),
        entry.counted.to_string(),
        some(entry.took_ms),
        entry.selector.clone(),
        entry.hosts.clone(),
        entry.command.clone(),
    ];
    let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
    format!("{}\r\n", cells.join(","))
}

/// A cell as RFC 4180 has it, which no spreadsheet takes for a formula: what looks like one begins with `'`, and is text there.
#[must_use]
pub fn cell(text: &str) -> String {
    // Some programs take the wide forms of these for them too, and some look behind spaces.
    let first = text.trim_start_matches(' ').chars().next();
    let formula = first.is_some_and(|first| "=+-@＝＋－＠\t\r\n".contains(first));
    let text = if formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}
