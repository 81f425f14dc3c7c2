//! Lists: hosts and runs, in tables that fit a phone.

use super::{Accent, Card, inline_code, run_summary};
use crate::facts::{Facts, Metrics};
use crate::ids::{HostName, Labels};
use crate::run::Run;
use crate::text::{count, duration};

/// Rows of a list on one card.
const ROWS_MAX: usize = 15;

/// A host as lists show it.
#[derive(Clone, Debug)]
pub struct HostRow {
    /// Its name.
    pub name: HostName,
    /// Its labels.
    pub labels: Labels,
    /// True while it has a link.
    pub online: bool,
    /// When a message of it was last seen, milliseconds since the Unix epoch; zero means never.
    pub seen_ms: u64,
    /// The agent's version.
    pub version: String,
    /// Told by the agent.
    pub facts: Option<Facts>,
    /// Told by the agent.
    pub metrics: Option<Metrics>,
}

/// The card of `/hosts`: trouble first.
#[must_use]
pub fn hosts_card(mut rows: Vec<HostRow>, selector: &str, now_ms: u64) -> Card {
    rows.sort_by(|a, b| (a.online, &a.name).cmp(&(b.online, &b.name)));
    let offline = rows.iter().filter(|row| !row.online).count();
    let filter = if selector.is_empty() {
        String::new()
    } else {
        format!(" · {}", inline_code(selector, 120))
    };
    let heading = format!(
        "### Hosts{filter} · {} · 🟢 {} online · ⚪ {offline} offline",
        rows.len(),
        rows.len() - offline
    );
    if rows.is_empty() {
        let text = format!(
            "{heading}\nNo host has joined yet. `shanty token create` makes a token for one."
        );
        return Card {
            accent: Accent::Amber,
            texts: vec![text],
            buttons: Vec::new(),
        };
    }
    let shown = rows.iter().take(ROWS_MAX);
    let mut texts = vec![heading];
    let width = shown
        .clone()
        .map(|row| row.name.as_str().len())
        .max()
        .unwrap_or(0)
        .clamp(4, 20);
    let mut table = vec![format!("  {:width$}  cpu  load   mem  disk  up", "host")];
    table.extend(shown.clone().map(|row| table_row(row, width, now_ms)));
    texts.push(format!("```\n{}\n```", table.join("\n")));
    texts.push(shown.map(about).collect::<Vec<_>>().join("\n"));
    if rows.len() > ROWS_MAX {
        let rest = count(rows.len() - ROWS_MAX, "more host");
        texts.push(format!(
            "-# and {rest}: narrow the list with `on:`, or use `shanty hosts`"
        ));
    }
    let accent = if offline == 0 {
        Accent::Green
    } else {
        Accent::Amber
    };
    Card {
        accent,
        texts,
        buttons: Vec::new(),
    }
}

/// The card of `/runs`: newest first.
#[must_use]
pub fn runs_card(runs: &[&Run]) -> Card {
    let heading = format!("### Runs · last {}", runs.len());
    let mut lines = vec![heading];
    if runs.is_empty() {
        lines.push("Nothing was run yet. Try `/run on:all command:uptime`.".to_owned());
    }
    for run in runs.iter().take(10) {
        lines.push(format!(
            "{} · {} · {} · <t:{}:R>",
            run_summary(run),
            inline_code(&run.spec.command, 40),
            run.spec.by,
            run.accepted_ms / 1_000
        ));
    }
    Card {
        accent: Accent::Blue,
        texts: vec![lines.join("\n")],
        buttons: Vec::new(),
    }
}

fn table_row(row: &HostRow, width: usize, now_ms: u64) -> String {
    let name: String = row.name.as_str().chars().take(width).collect();
    let (Some(facts), Some(metrics), true) = (&row.facts, &row.metrics, row.online) else {
        let seen = match row.seen_ms {
            0 => "never seen".to_owned(),
            seen => format!("last seen {} ago", duration(now_ms.saturating_sub(seen))),
        };
        return if row.online {
            format!("+ {name:width$}  just connected")
        } else {
            format!("- {name:width$}  offline, {seen}")
        };
    };
    let disk = metrics
        .disks
        .iter()
        .filter(|disk| disk.total_bytes > 0)
        .map(|disk| {
            percent(
                disk.total_bytes.saturating_sub(disk.available_bytes),
                disk.total_bytes,
            )
        })
        .max()
        .map_or("-".to_owned(), |used| format!("{used}%"));
    let memory = percent(metrics.memory_used_bytes, facts.memory_bytes);
    format!(
        "+ {name:width$} {:>4} {:>5.2} {memory:>4}% {disk:>5}  {}",
        facts.cpus,
        metrics.load1,
        duration(metrics.uptime_s.saturating_mul(1_000))
    )
}

fn about(row: &HostRow) -> String {
    let labels = row.labels.to_string();
    let labels = if labels.is_empty() {
        String::new()
    } else {
        format!(" · `{labels}`")
    };
    let facts = row.facts.as_ref().map_or_else(String::new, |facts| {
        let plain = |text: &str| super::escape_markdown(&text.chars().take(40).collect::<String>());
        format!(
            " · {} · {} · {} · as {}",
            plain(&facts.os),
            plain(&facts.kernel),
            plain(&facts.arch),
            plain(&facts.run_as)
        )
    });
    format!("-# **{}**{labels}{facts}", row.name)
}

fn percent(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100).checked_div(whole).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Disk;

    #[test]
    fn hosts_in_trouble_come_first() {
        let up = HostRow {
            name: "web-01".parse().unwrap(),
            labels: Labels::parse("role=web,env=prod").unwrap(),
            online: true,
            seen_ms: 1_000,
            version: "0.1.0".into(),
            facts: Some(Facts {
                os: "Debian GNU/Linux 12".into(),
                kernel: "6.1.0-37-amd64".into(),
                arch: "x86_64".into(),
                cpus: 2,
                memory_bytes: 16 << 30,
                run_as: "shanty".into(),
                ..Facts::default()
            }),
            metrics: Some(Metrics {
                load1: 0.42,
                memory_used_bytes: 6 << 30,
                uptime_s: 3_600_000,
                disks: vec![Disk {
                    mount: "/".into(),
                    total_bytes: 100,
                    available_bytes: 49,
                }],
            }),
        };
        let down = HostRow {
            name: "db-01".parse().unwrap(),
            online: false,
            facts: None,
            metrics: None,
            ..up.clone()
        };
        let card = hosts_card(vec![up, down], "env=prod", 241_000);
        insta::assert_snapshot!(card.texts.join("\n--\n"));
    }
}
