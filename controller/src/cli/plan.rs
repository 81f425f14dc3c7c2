//! What would run, shown before it does, and the word of whoever asked. What has to be asked is decided by the controller.

use std::io::{IsTerminal as _, Write as _};

use shanty_core::admission::TOO_OLD;
use shanty_core::text::{count, duration};
use shanty_core::view::terminal::{lines, one_line};
use shanty_proto::v1;
use shanty_proto::v1::run_info::Offline;

use super::client::Failure;
use super::{exit, out, words};
use crate::clock::now_ms;

/// What would run, for people.
fn text(plan: &v1::PlanReply, now_ms: u64) -> String {
    let hosts = count(plan.count as usize, "host");
    let mut text = format!("{hosts}: {}\n", plan.hosts);
    let mut line = |name: &str, what: &str| {
        text.push_str(&format!("  {name:<9} {what}\n"));
    };
    line("command", &one_line(&plan.command));
    if !plan.from.is_empty() {
        line("from", &one_line(&plan.from));
        line("signed by", &one_line(&plan.signer));
    }
    if !plan.run_as.is_empty() {
        line("as", &one_line(&plan.run_as.join(", ")));
    }
    line(
        "timeout",
        &match plan.timeout_ms {
            0 => "none".to_owned(),
            ms => duration(ms),
        },
    );
    for host in &plan.away {
        let since = match host.since_ms {
            0 => String::new(),
            since => format!(" for {}", duration(now_ms.saturating_sub(since))),
        };
        let then = match plan.offline() {
            Offline::Skip => "it is left out",
            Offline::Queue => "it is waited for",
            Offline::Fail | Offline::Unspecified => "it will fail",
        };
        line(
            "away",
            &format!("{} is {}{since}: {then}", host.name, host.why),
        );
    }
    if !plan.rollout.is_empty() {
        line("in turn", &plan.rollout);
    }
    if !plan.old.is_empty() {
        line(
            "too old",
            &format!("{} will fail. {TOO_OLD}", one_line(&plan.old)),
        );
    }
    for (name, hosts) in [
        ("there", &plan.there),
        ("excluded", &plan.excluded),
        ("no host", &plan.absent),
    ] {
        if !hosts.is_empty() {
            line(name, &one_line(hosts));
        }
    }
    text
}

/// The same for scripts.
fn json(plan: &v1::PlanReply) -> serde_json::Value {
    let away = plan.away.iter().map(
        |host| serde_json::json!({"host": host.name, "why": host.why, "since_ms": host.since_ms}),
    );
    serde_json::json!({
        "event": "plan", "command": plan.command, "hosts": plan.hosts, "count": plan.count,
        "cautions": plan.cautions, "away": away.collect::<Vec<_>>(), "excluded": plan.excluded,
        "absent": plan.absent, "run_as": plan.run_as, "timeout_ms": plan.timeout_ms,
        "offline": words::offline(plan.offline()), "from": plan.from, "there": plan.there, "old": plan.old,
        "signer": plan.signer, "rollout": plan.rollout,
    })
}

/// Prints what would run, the way that was asked for.
pub(super) fn show(plan: &v1::PlanReply, as_json: bool) -> Result<(), Failure> {
    match as_json {
        true => out::line(json(plan)),
        false => out::text(&text(plan, now_ms())),
    }
}

/// Asks about a run that somebody should see first, and gives the word that it was seen; nothing where none is needed.
pub(super) fn seen(plan: &v1::PlanReply) -> Result<Option<String>, Failure> {
    if plan.cautions.is_empty() {
        return Ok(None);
    }
    let why = format!("You are asked first: {}", plan.cautions.join(", "));
    let what = format!("{}{why}.\n", text(plan, now_ms()));
    ask(&what, &why, "Run it?")?;
    Ok(Some(plan.seen.clone()))
}

/// Asks somebody at a terminal; where nobody sits, it is refused and said what to type.
pub(super) fn ask(what: &str, why: &str, question: &str) -> Result<(), Failure> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(Failure::new(
            "E_CONFIRM",
            exit::USAGE,
            format!("{why}, and nobody sits at a terminal to say yes"),
            "Nothing was done. Add --yes when it is meant so.",
        ));
    }
    out::err(format!("{}{question} [y/N] ", lines(what)).as_bytes());
    std::io::stderr().flush().ok(); // nobody reads it
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).ok(); // no answer is no
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new(
            "E_NOT_CONFIRMED",
            exit::FAILED,
            "not confirmed: nothing was done",
            "",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_says_what_runs_where_and_what_becomes_of_the_rest() {
        let away = |name: &str, why: &str, since_ms| v1::AwayHost {
            name: name.to_owned(),
            why: why.to_owned(),
            since_ms,
        };
        let mut plan = v1::PlanReply {
            command: "echo a\nrm \u{202e}b".to_owned(),
            hosts: "web-[01-03]".to_owned(),
            count: 3,
            run_as: vec!["www".to_owned()],
            timeout_ms: 300_000,
            away: vec![
                away("web-02", "offline", 1_000),
                away("web-03", "draining", 0),
            ],
            excluded: "web-04".to_owned(),
            absent: "web-05".to_owned(),
            ..v1::PlanReply::default()
        };
        let mut shown = text(&plan, 61_000);
        plan.set_offline(Offline::Queue);
        plan.timeout_ms = 0;
        plan.count = 1;
        shown += &text(&plan, 61_000);
        insta::assert_snapshot!(shown);
    }
}
