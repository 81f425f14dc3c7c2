//! `shanty runs diff`: what changed between two runs.

use shanty_core::text::count;
use shanty_proto::v1;

use super::one_line;
use super::rows::by;
use crate::cli::client::{Client, Failure};
use crate::cli::{AdminArgs, exit, out};

pub(super) async fn diff(
    client: &Client,
    request: v1::BetweenRequest,
    admin: &AdminArgs,
) -> Result<u8, Failure> {
    let reply = client
        .call(|mut api| async move { api.between(request).await })
        .await?;
    let text: String = if admin.json {
        reply.changes.iter().map(json).collect()
    } else {
        shown(&reply)
    };
    out::text(&text)?;
    Ok(exit::OK)
}

fn shown(reply: &v1::BetweenReply) -> String {
    let mut text = String::new();
    for (mark, run) in [("-", &reply.from), ("+", &reply.to)] {
        if let Some(run) = run {
            let by = by(run.by.as_ref(), &run.by_name);
            let command = one_line(&run.command);
            text.push_str(&format!(
                "{mark} #{} · {} · by {by} · {command}\n",
                run.number, run.hosts
            ));
        }
    }
    for change in &reply.changes {
        let hosts = count(usize::try_from(change.count).unwrap_or(usize::MAX), "host");
        text.push_str(&format!(
            "\n{}  {hosts} · {}\n",
            change.hosts,
            words(change)
        ));
        for line in change.lines.as_deref().unwrap_or_default().lines() {
            text.push_str(&format!("  {line}\n"));
        }
    }
    if reply.left_out > 0 {
        let more = usize::try_from(reply.left_out).unwrap_or(usize::MAX);
        text.push_str(&format!(
            "\n{} not compared: there is no room for them.\n",
            count(more, "more host")
        ));
    }
    text
}

/// What changed, in words: the lines follow.
fn words(change: &v1::BetweenChange) -> String {
    let how = match (&change.from, &change.to) {
        (Some(from), Some(to)) if from == to => from.clone(),
        (Some(from), Some(to)) => format!("{from} → {to}"),
        (Some(_), None) => return "only in the first run".to_owned(),
        (None, _) => return "only in the second run".to_owned(),
    };
    match change.lines.as_deref() {
        Some("") if change.from == change.to => format!("{how} · nothing changed"),
        Some("") => format!("{how} · the same output"),
        Some(_) => how,
        None => format!("{how} · not compared: the output is not there any more"),
    }
}

fn json(change: &v1::BetweenChange) -> String {
    let line = serde_json::json!({
        "event": "change", "hosts": change.hosts, "count": change.count,
        "from": change.from, "to": change.to, "lines": change.lines,
    });
    format!("{line}\n")
}
