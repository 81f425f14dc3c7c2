//! All that is known of one host, on one card.

use super::fleet::{HostRow, Trouble, whole_lines};
use super::{Accent, Button, Card, Texts, escape_markdown, inline_code, run_summary};
use crate::ids::AgentId;
use crate::run::Run;
use crate::text::{duration, size};

/// What the card of a host shows besides its row.
#[derive(Clone, Copy, Debug)]
pub struct HostDetail<'a> {
    /// The row of lists.
    pub row: &'a HostRow,
    /// Its id.
    pub agent: AgentId,
    /// When it joined, milliseconds since the Unix epoch.
    pub enrolled_ms: u64,
    /// Its last runs that the asker may see, newest first.
    pub runs: &'a [Run],
}

/// The card of one host.
#[must_use]
pub fn host_card(host: HostDetail<'_>, back: Option<Button>, now_ms: u64) -> Card {
    let row = host.row;
    let mut texts = Texts::with(heading(host, now_ms));
    texts.add(measured(row));
    texts.add(runs(host.runs));
    texts.add(Some(format!("-# id `{}`", host.agent)));
    let accent = match row.trouble() {
        Trouble::None => Accent::Green,
        Trouble::Offline => Accent::Red,
        Trouble::Stale | Trouble::Full | Trouble::Draining | Trouble::Outdated => Accent::Amber,
    };
    Card {
        buttons: back.into_iter().collect(),
        ..Card::new(accent, texts.into_blocks())
    }
}

fn heading(host: HostDetail<'_>, now_ms: u64) -> String {
    let row = host.row;
    let state = row.state(now_ms);
    let (dot, state) = state.split_once(' ').unwrap_or(("", state.as_str()));
    let mut lines = vec![format!("### {dot} {} · {state}", row.name)];
    if let Some(facts) = &row.facts {
        let plain = |text: &str| escape_markdown(&text.chars().take(60).collect::<String>());
        lines.push(format!(
            "{} · {} · {} · {} CPU · {}",
            plain(&facts.os),
            plain(&facts.kernel),
            plain(&facts.arch),
            facts.cpus,
            size(facts.memory_bytes)
        ));
        lines.push(format!(
            "runs as {} · contained by {} · calls itself {}",
            plain(&facts.run_as),
            plain(&facts.containment),
            plain(&facts.hostname)
        ));
    }
    let version = match row.version.as_str() {
        "" => "never linked".to_owned(),
        version => escape_markdown(version),
    };
    let outdated = if row.outdated { " (outdated)" } else { "" };
    let joined = host.enrolled_ms / 1_000;
    lines.push(format!("agent {version}{outdated} · joined <t:{joined}:d>"));
    let labels = match row.labels.is_empty() {
        true => "no labels".to_owned(),
        false => format!("labels {}", inline_code(&row.labels.to_string(), 600)),
    };
    lines.push(labels);
    if let Some(draining) = &row.draining {
        lines.push(format!(
            "takes no new runs since <t:{}:R>, asked by {}",
            draining.since_ms / 1_000,
            draining.by
        ));
    }
    lines.join("\n")
}

fn measured(row: &HostRow) -> Option<String> {
    let metrics = row.metrics.as_ref()?;
    let memory = row
        .memory_percent()
        .map_or("-".to_owned(), |used| format!("{used}%"));
    let mut lines = vec![format!(
        "load {:.2}   mem {memory}   up {}",
        metrics.load1,
        duration(metrics.uptime_s.saturating_mul(1_000))
    )];
    let mut disks: Vec<_> = metrics
        .disks
        .iter()
        .filter(|disk| disk.total_bytes > 0)
        .collect();
    disks.sort_by_key(|disk| std::cmp::Reverse(disk.used_percent()));
    lines.extend(disks.iter().map(|disk| {
        let mut mount = String::new();
        for c in disk
            .mount
            .chars()
            .take(28)
            .map(|c| if c == '`' { '\'' } else { c })
        {
            crate::output::sanitise::push_visible(c, &mut mount);
        }
        let (used, free) = (disk.used_percent(), size(disk.available_bytes));
        format!("{used:>3}%  {mount:28} {free} free")
    }));
    Some(format!(
        "```\n{}\n```",
        whole_lines(lines.into_iter(), 1_200)
    ))
}

fn runs(runs: &[Run]) -> Option<String> {
    let lines = runs.iter().map(|run| {
        let command = inline_code(&run.spec.command, 40);
        format!(
            "{} · {command} · <t:{}:R>",
            run_summary(run),
            run.accepted_ms / 1_000
        )
    });
    let lines: Vec<String> = lines.collect();
    (!lines.is_empty()).then(|| format!("**Last runs**\n{}", lines.join("\n")))
}
