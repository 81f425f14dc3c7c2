//! How each host of a run ended, as two files for other programs: a table, and JSON lines.

use shanty_core::run::{Execution, Loosely, Outcome, Run};

/// How each host ended, as a table (RFC 4180).
pub(super) fn summary(run: &Run) -> String {
    let mut table =
        "run,host,result,exit_code,duration_ms,output_bytes,dropped_bytes,group\r\n".to_owned();
    for (number, group) in run.groups(&Loosely::new()).iter().enumerate() {
        for (agent, name) in &group.hosts {
            let outcome = run.execution(*agent).and_then(Execution::outcome);
            let count = |pick: fn(&Outcome) -> u64| outcome.map_or(0, pick).to_string();
            let code = group
                .how
                .exit_code()
                .map_or_else(String::new, |c| c.to_string());
            let cells = [
                run.number.0.to_string(),
                cell(name.as_str()),
                cell(&group.how.to_string()),
                code,
                count(|o| o.duration_ms),
                count(|o| o.output_bytes),
                count(|o| o.dropped_bytes),
                (number + 1).to_string(),
            ];
            table.push_str(&cells.join(","));
            table.push_str("\r\n");
        }
    }
    table
}

/// A cell that no spreadsheet takes for a formula.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
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

/// The run, then each of its executions, one JSON document a line.
pub(super) fn lines(run: &Run) -> String {
    let by = run.spec.origin.principal().to_string();
    let first = serde_json::json!({
        "event": "run", "number": run.number.0, "run": run.spec.id.to_string(), "by": by,
        "selector": run.spec.selector, "command": run.spec.what.text(), "accepted_ms": run.accepted_ms,
    });
    let mut text = format!("{first}\n");
    for (agent, execution) in run.executions() {
        let outcome = execution.outcome();
        let line = serde_json::json!({
            "event": "execution", "host": execution.name.as_str(), "agent": agent.to_string(),
            "state": execution.state(),
            "exit_code": outcome.and_then(|o| o.how.exit_code()),
            "text": outcome.map(|o| o.how.to_string()),
            "duration_ms": outcome.map(|o| o.duration_ms),
            "output_bytes": outcome.map(|o| o.output_bytes),
            "dropped_bytes": outcome.map(|o| o.dropped_bytes),
            "left_over": outcome.map(|o| o.left_over),
        });
        text.push_str(&format!("{line}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_or_leaves_its_place() {
        for (text, expected) in [
            ("web-01", "web-01"),
            ("=1+1", "'=1+1"),
            ("-x", "'-x"),
            ("@a", "'@a"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("\rx", "\"'\rx\""),
        ] {
            assert_eq!(cell(text), expected);
        }
    }
}
