//! `shanty runs search`: runs by words of their command or of what they printed.

use shanty_core::text::thousands;
use shanty_core::view::terminal::{Look, Tone};
use shanty_proto::convert::principal_from_wire;
use shanty_proto::v1;

use super::one_line;
use super::rows::{Row, table};
use crate::cli::client::{Client, Failure};
use crate::cli::{AdminArgs, exit, out};
use crate::clock::now_ms;

pub(super) async fn search(
    client: &Client,
    wanted: v1::Wanted,
    limit: u32,
    admin: &AdminArgs,
) -> Result<u8, Failure> {
    let request = v1::HistoryRequest {
        wanted: Some(wanted),
        limit,
    };
    let reply = client
        .call(|mut api| async move { api.history(request).await })
        .await?;
    if admin.json {
        let lines = reply.runs.iter().map(|run| format!("{}\n", json(run)));
        out::text(&lines.collect::<String>())?;
        reply.short.iter().for_each(out::note);
        return Ok(exit::OK);
    }
    if !reply.runs.is_empty() {
        let table = table(reply.runs.iter().map(Row::of_history), now_ms());
        let rows = out::rendered(&table);
        out::text(&with_hits(
            &rows,
            &reply.runs,
            out::Terminal::of_stdout().look(),
        ))?;
    }
    end(&reply)?;
    reply.short.iter().for_each(out::note);
    Ok(exit::OK)
}

/// Rows of a table, and below each where the words were found in what was printed. Headers have nothing below them.
fn with_hits(rows: &str, runs: &[v1::HistoryRun], look: Look) -> String {
    let headers = rows.lines().count().saturating_sub(runs.len());
    let mut text = String::new();
    for (at, row) in rows.lines().enumerate() {
        text.push_str(&format!("{row}\n"));
        let run = at.checked_sub(headers).and_then(|at| runs.get(at));
        let Some(run) = run.filter(|run| !run.hit_text.is_empty()) else {
            continue;
        };
        let hit = one_line(&format!("{}: {}", run.hit_host, run.hit_text));
        let hit = look.fit(&format!("      {hit}"));
        text.push_str(&format!("{}\n", look.paint(Tone::Dim, &hit)));
    }
    text
}

fn end(reply: &v1::HistoryReply) -> Result<(), Failure> {
    if reply.runs.is_empty() && reply.total == 0 {
        out::line("Nothing was found.")?;
    } else if let Some(said) = unseen(reply.runs.len() as u64, reply) {
        out::note(said);
    }
    Ok(())
}

/// What there is beside what is shown. More than was counted is told as what is certain: a count that ended early does not know.
fn unseen(shown: u64, reply: &v1::HistoryReply) -> Option<String> {
    let total = thousands(reply.total);
    match (reply.total <= shown, reply.more) {
        (true, false) => None,
        (true, true) => Some(format!("There may be more than these {shown}.")),
        (false, false) => Some(format!("{shown} of {total}; --limit shows more.")),
        (false, true) => Some(format!("{shown} of at least {total}; --limit shows more.")),
    }
}

/// What the history knows of a run.
pub(super) fn json(run: &v1::HistoryRun) -> serde_json::Value {
    let by = run.by.as_ref().and_then(|by| principal_from_wire(by).ok());
    let some = |number: u64| (number > 0).then_some(number);
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    serde_json::json!({
        "event": "found", "number": run.number, "run": run.run, "state": run.state,
        "accepted_ms": run.accepted_ms, "closed_ms": some(run.closed_ms),
        "by": by.map(|by| by.to_string()), "name": run.name,
        // Ids are larger than what numbers of JSON hold everywhere.
        "guild": some(run.guild).map(|id| id.to_string()),
        "channel": some(run.channel).map(|id| id.to_string()),
        "selector": run.selector, "hosts": run.hosts, "ok": run.ok, "counted": run.counted,
        "as": text(&run.run_as), "timeout_ms": run.timeout_ms, "took_ms": run.took_ms,
        "command": run.command,
        "hit": text(&run.hit_text).map(|text| serde_json::json!({"host": run.hit_host, "text": text})),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_shown_is_told_as_far_as_it_is_known() {
        let said = |total, more| {
            let reply = v1::HistoryReply {
                total,
                more,
                ..v1::HistoryReply::default()
            };
            unseen(10, &reply).unwrap_or_default()
        };
        assert_eq!(said(10, false), "");
        assert_eq!(said(42, false), "10 of 42; --limit shows more.");
        assert_eq!(
            said(1_000, true),
            "10 of at least 1,000; --limit shows more."
        );
        for stopped in [0, 10] {
            assert_eq!(said(stopped, true), "There may be more than these 10.");
        }
    }

    #[test]
    fn a_hit_stands_below_its_run_and_fits_the_terminal() {
        let run = |hit_host: &str, hit_text: &str| v1::HistoryRun {
            hit_host: hit_host.to_owned(),
            hit_text: hit_text.to_owned(),
            ..v1::HistoryRun::default()
        };
        let runs = [
            run("", ""),
            run("db-01", "no space\tleft on device"),
            run("", ""),
        ];
        let look = |width| Look {
            width,
            colours: false,
        };
        assert_eq!(
            with_hits("#3\n#2\n#1\n", &runs, look(None)),
            "#3\n#2\n      db-01: no space␉left on device\n#1\n"
        );
        assert_eq!(
            with_hits("RUN\n#3\n#2\n#1\n", &runs, look(Some(20))),
            "RUN\n#3\n#2\n      db-01: no spa…\n#1\n"
        );
    }
}
