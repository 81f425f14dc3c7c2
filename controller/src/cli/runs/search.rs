//! `shanty runs search`: runs by words of their command or of what they printed.

use shanty_core::text::{cut, duration, thousands};
use shanty_proto::convert::principal_from_wire;
use shanty_proto::v1;

use super::one_line;
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
    let mut text = String::new();
    for run in &reply.runs {
        let shown = if admin.json {
            format!("{}\n", json(run))
        } else {
            lines(run)
        };
        text.push_str(&shown);
    }
    if !admin.json {
        text.push_str(&end(&reply));
    }
    out::text(&text)?;
    Ok(exit::OK)
}

/// A run, and below it where the words were found in what it printed.
fn lines(run: &v1::HistoryRun) -> String {
    let ago = duration(now_ms().saturating_sub(run.accepted_ms));
    let command = cut(&one_line(&run.command), 51);
    let hosts = cut(&run.hosts, 40);
    let mut text = format!(
        "#{:<5} {ago:>10} ago  {:10}  {}  {hosts}  {command}\n",
        run.number,
        result(run),
        run.name,
    );
    if !run.hit_text.is_empty() {
        let hit = one_line(&run.hit_text);
        text.push_str(&format!("        {}: {hit}\n", run.hit_host));
    }
    text
}

/// How it went, in a word or as a count.
fn result(run: &v1::HistoryRun) -> String {
    match run.state.as_str() {
        "ok" | "failed" => format!("{}/{} ok", run.ok, run.counted),
        other => other.to_owned(),
    }
}

fn end(reply: &v1::HistoryReply) -> String {
    let shown = reply.runs.len() as u64;
    match (reply.total, reply.more) {
        (0, false) => "Nothing was found.\n".to_owned(),
        (total, false) if total <= shown => String::new(),
        (total, more) => {
            let more = if more { "more than " } else { "" };
            format!(
                "{shown} of {more}{}; --limit shows more.\n",
                thousands(total)
            )
        }
    }
}

/// What the history knows of a run.
pub(super) fn json(run: &v1::HistoryRun) -> serde_json::Value {
    let by = run.by.as_ref().and_then(|by| principal_from_wire(by).ok());
    let some = |number: u64| (number > 0).then_some(number);
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    serde_json::json!({
        "event": "run", "number": run.number, "run": run.run, "state": run.state,
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
