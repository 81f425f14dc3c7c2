//! Hosts as they are shown: as a table, one with all that is known of it, and for programs.

use shanty_core::text::{count, duration, size};
use shanty_core::view::terminal::{Align, Cell, Column, Table, Tone, one_line};
use shanty_proto::convert::{labels_from_wire, principal_from_wire};
use shanty_proto::v1;
use shanty_proto::v1::host_info::Trouble;

use crate::cli::words;

pub(super) fn table(hosts: &[v1::HostInfo], now_ms: u64) -> Table {
    let mut table = Table::new(vec![
        Column::new("NAME", Align::Left, 10),
        Column::new("STATE", Align::Left, 8),
        Column::new("CPUS", Align::Right, 4),
        Column::new("LOAD", Align::Right, 5),
        Column::new("MEM", Align::Right, 4),
        Column::new("UP", Align::Right, 8),
        Column::new("SYSTEM", Align::Left, 12),
        Column::new("LABELS", Align::Left, 12),
    ]);
    for host in hosts {
        let mut row = vec![
            Cell::new(&host.name),
            Cell::toned(tone(host.trouble()), &state(host, now_ms)),
        ];
        let known = host.facts.as_ref().zip(host.metrics.as_ref());
        row.extend(match known {
            Some((facts, metrics)) => [
                facts.cpus.to_string(),
                format!("{:.2}", metrics.load1),
                percent(metrics.memory_used_bytes, facts.memory_bytes),
                duration(metrics.uptime_s.saturating_mul(1_000)),
                system(&facts.os).to_owned(),
            ]
            .map(|text| Cell::new(&text)),
            None => ["-"; 5].map(|text| Cell::toned(Tone::Dim, text)),
        });
        row.push(Cell::new(&labels(host)));
        table.push(row);
    }
    table
}

/// What tells systems apart: that all are Linux does not.
fn system(os: &str) -> &str {
    os.strip_prefix("Linux (")
        .and_then(|rest| rest.strip_suffix(')'))
        .unwrap_or(os)
}

const fn tone(trouble: Trouble) -> Tone {
    match trouble {
        Trouble::None => Tone::Good,
        Trouble::Offline | Trouble::Duplicated => Tone::Bad,
        Trouble::Stale | Trouble::Full | Trouble::Draining | Trouble::Outdated => Tone::Warn,
        Trouble::Unspecified => Tone::Dim,
    }
}

/// In at most eight characters while something is known: what chat shows too, the worst that is wrong with it.
fn state(host: &v1::HostInfo, now_ms: u64) -> String {
    match host.trouble() {
        Trouble::Offline => away(host, now_ms),
        trouble @ (Trouble::Unspecified
        | Trouble::None
        | Trouble::Stale
        | Trouble::Full
        | Trouble::Draining
        | Trouble::Outdated
        | Trouble::Duplicated) => words::host(trouble).to_owned(),
    }
}

fn away(host: &v1::HostInfo, now_ms: u64) -> String {
    match host.seen_ms {
        0 => words::host(Trouble::Offline).to_owned(),
        seen => format!("off {}", duration(now_ms.saturating_sub(seen))),
    }
}

fn percent(part: u64, whole: u64) -> String {
    part.saturating_mul(100)
        .checked_div(whole)
        .map_or("-".to_owned(), |percent| format!("{percent}%"))
}

pub(super) fn labels(host: &v1::HostInfo) -> String {
    labels_from_wire(&host.labels)
        .map(|labels| labels.to_string())
        .unwrap_or_default()
}

/// What it holds that is not known here, and what to do about it.
pub(super) fn held(host: &v1::HostInfo, name: &str) -> String {
    let executions = usize::try_from(host.unknown_runs).unwrap_or(usize::MAX);
    let executions = count(executions, "execution");
    format!(
        "{executions} of runs that are not known here: `shanty hosts release {name}` gives them up"
    )
}

/// All that is known of a host, each thing on a line.
pub(super) fn detail(host: &v1::HostInfo, now_ms: u64) -> String {
    let mut text = format!("{}  {}\n", one_line(&host.name), state(host, now_ms));
    let mut line = |name: &str, what: &str| {
        text.push_str(&format!("  {name:<12} {}\n", one_line(what)));
    };
    if let Some(Ok(by)) = host.draining_by.as_ref().map(principal_from_wire) {
        let since = duration(now_ms.saturating_sub(host.draining_since_ms));
        line("draining", &format!("for {since}, asked by {by}"));
    }
    if host.duplicated {
        line(
            "identity",
            "two machines use it: the first keeps its link, the other gets none. Stop the agent on the copy and let it join by itself",
        );
    }
    if host.unknown_runs > 0 {
        line("holds", &held(host, &host.name));
    }
    line("labels", &labels(host));
    let newer = match host.offered.as_str() {
        "" => String::new(),
        newer => format!(": {newer} is there"),
    };
    line("agent", &format!("{} {}{newer}", host.agent, host.version));
    if let Some(facts) = &host.facts {
        let v1::Facts {
            os, kernel, arch, ..
        } = facts;
        line("system", &format!("{os} · {kernel} · {arch}"));
        line("host name", &facts.hostname);
        line("CPUs", &facts.cpus.to_string());
        line("memory", &size(facts.memory_bytes));
        line(
            "runs as",
            &format!("{} (contained by {})", facts.run_as, facts.containment),
        );
        if !facts.policy_mode.is_empty() {
            let (mode, digest) = (&facts.policy_mode, &facts.policy_digest);
            line("host.toml", &format!("mode {mode} · sha256 {digest}"));
        }
        if !facts.limits.is_empty() {
            line("each command", &facts.limits);
        }
    }
    if let Some(metrics) = &host.metrics {
        line("load", &format!("{:.2}", metrics.load1));
        line("memory used", &size(metrics.memory_used_bytes));
        line("up", &duration(metrics.uptime_s.saturating_mul(1_000)));
        for disk in &metrics.disks {
            let free = size(disk.available_bytes);
            let all = size(disk.total_bytes);
            line("disk", &format!("{} · {free} free of {all}", disk.mount));
        }
    }
    text
}

pub(super) fn json(host: &v1::HostInfo) -> serde_json::Value {
    let facts = host.facts.as_ref().map(|facts| {
        serde_json::json!({
            "os": facts.os, "kernel": facts.kernel, "arch": facts.arch, "hostname": facts.hostname,
            "cpus": facts.cpus, "memory_bytes": facts.memory_bytes, "containment": facts.containment,
            "run_as": facts.run_as, "boot_time_ms": facts.boot_time_ms, "limits": facts.limits,
            "policy_mode": facts.policy_mode, "policy_digest": facts.policy_digest,
        })
    });
    let metrics = host.metrics.as_ref().map(|metrics| {
        let disks = metrics.disks.iter().map(|disk| {
            serde_json::json!({
                "mount": disk.mount, "total_bytes": disk.total_bytes,
                "available_bytes": disk.available_bytes,
            })
        });
        serde_json::json!({
            "load1": metrics.load1, "memory_used_bytes": metrics.memory_used_bytes,
            "uptime_s": metrics.uptime_s, "disks": disks.collect::<Vec<_>>(),
        })
    });
    serde_json::json!({
        "agent": host.agent, "name": host.name, "labels": host.labels, "online": host.online,
        "seen_ms": host.seen_ms, "version": host.version, "enrolled_ms": host.enrolled_ms,
        "state": words::host(host.trouble()), "stale": host.stale, "outdated": host.outdated, "offered": host.offered, "duplicated": host.duplicated,
        "draining_since_ms": host.draining_since_ms, "unknown_runs": host.unknown_runs,
        "spool_full": host.spool_full, "facts": facts, "metrics": metrics,
    })
}

#[cfg(test)]
mod tests {
    use shanty_core::view::terminal::Look;

    use super::*;

    fn host(name: &str, trouble: Trouble, labels: &[(&str, &str)], os: &str) -> v1::HostInfo {
        let labels = labels.iter().map(|(k, v)| ((*k).into(), (*v).into()));
        v1::HostInfo {
            name: name.to_owned(),
            labels: labels.collect(),
            trouble: trouble.into(),
            online: trouble != Trouble::Offline,
            seen_ms: 1_000,
            facts: (!os.is_empty()).then(|| v1::Facts {
                os: os.to_owned(),
                cpus: 8,
                memory_bytes: 16 << 30,
                ..v1::Facts::default()
            }),
            metrics: (!os.is_empty()).then(|| v1::Metrics {
                load1: 0.25,
                memory_used_bytes: 4 << 30,
                uptime_s: 90_000,
                disks: vec![],
            }),
            ..v1::HostInfo::default()
        }
    }

    #[test]
    fn hosts_are_told_apart_on_terminals_of_any_width() {
        let web = [("role", "web"), ("env", "prod")];
        let hosts = [
            host("web-01", Trouble::None, &web, "Linux (Debian GNU/Linux 12)"),
            host("web-02", Trouble::Offline, &web, ""),
            host(
                "a-rather-long-name-01",
                Trouble::Draining,
                &[],
                "Linux (\u{1b}[2Jevil\n)",
            ),
        ];
        let table = table(&hosts, 61_000);
        let widths = [None, Some(100), Some(80), Some(40), Some(20)];
        let shown = widths.map(|width| {
            let colours = false;
            format!("{width:?}\n{}", table.render(Look { width, colours }))
        });
        insta::assert_snapshot!(shown.join("\n"));
        assert!(!shown.concat().contains('\u{1b}'));
        assert!(detail(&hosts[2], 0).contains("␛[2Jevil⏎"));
    }
}
