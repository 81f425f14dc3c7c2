//! All that is known of one host, on one card.

use std::sync::Arc;

use super::fleet::{HostRow, Trouble, short_os, whole_lines};
use super::{
    Accent, Button, ButtonStyle, ButtonTarget, Card, Press, Texts, inline_code, mention,
    run_summary,
};
use crate::hold::Held;
use crate::run::Run;
use crate::said::Said;
use crate::text::{count, duration, size};

/// Characters of a mount's path.
const MOUNT_CHARS_MAX: usize = 28;

/// Characters of a fact.
const FACT_CHARS_MAX: usize = 80;
/// Characters of what each command may use.
const LIMITS_CHARS_MAX: usize = 160;

/// What to do about an identity that two machines use.
const DUPLICATED: &str = "**Two machines use the identity of this host.** The one that was there first keeps its link, the other gets none. If \
a machine was cloned with the agent's data directory, stop the agent on the clone, delete that directory there and let it join by itself. If nobody \
did that, somebody may have stolen the identity: `shanty hosts remove` ends it.";

/// What the card of a host shows besides its row.
#[derive(Clone, Copy, Debug)]
pub struct HostDetail<'a> {
    /// The row of lists.
    pub row: &'a HostRow,
    /// When it joined, milliseconds since the Unix epoch.
    pub enrolled_ms: u64,
    /// A hold that stands.
    pub hold: Option<&'a Held>,
    /// Its last runs that the asker may see, newest first.
    pub runs: &'a [Arc<Run>],
}

/// The card of one host.
#[must_use]
pub fn host_card(host: HostDetail<'_>, back: Option<Button>, now_ms: u64) -> Card {
    let row = host.row;
    let mut texts = Texts::with(heading(host, now_ms));
    texts.add(host.hold.map(|held| format!("⏸ {}", held.in_chat(now_ms))));
    texts.add(row.duplicated.then(|| DUPLICATED.to_owned()));
    texts.add(measured(row));
    texts.add(runs(host.runs));
    let accent = match row.trouble() {
        Trouble::None => Accent::Green,
        Trouble::Offline | Trouble::Duplicated => Accent::Red,
        Trouble::Stale | Trouble::Full | Trouble::Draining | Trouble::Outdated => Accent::Amber,
    };
    Card {
        buttons: back.into_iter().chain(upkeep(row)).collect(),
        ..Card::new(accent, texts.into_blocks())
    }
}

/// What its agent can be asked to do to itself. Whether somebody may is decided when they press.
fn upkeep(row: &HostRow) -> Vec<Button> {
    let name = row.name.to_string();
    let button = |label: &str, press| Button {
        label: label.to_owned(),
        target: ButtonTarget::Press(press),
        style: ButtonStyle::Secondary,
    };
    let mut buttons = Vec::new();
    if row.online {
        buttons.push(button("Doctor", Press::Doctor(name.clone())));
        if row.outdated.is_some() {
            buttons.push(button("Update", Press::Update(name)));
        }
    }
    buttons
}

fn heading(host: HostDetail<'_>, now_ms: u64) -> String {
    let row = host.row;
    let state = row.state(now_ms);
    let (dot, state) = state.split_once(' ').unwrap_or(("", state.as_str()));
    let mut lines = vec![format!("### {dot} {} · {state}", row.name)];
    if let Some(facts) = &row.facts {
        let plain = |said: &Said| said.in_chat(FACT_CHARS_MAX);
        lines.push(format!(
            "{} · {} · {} · {} CPU · {}",
            plain(&short_os(&facts.os)),
            plain(&facts.kernel),
            plain(&facts.arch),
            facts.cpus,
            size(facts.memory_bytes)
        ));
        let called = if facts.hostname.as_data() == row.name.as_str() {
            String::new()
        } else {
            format!(" · host name {}", plain(&facts.hostname))
        };
        lines.push(format!("runs as {}{called}", plain(&facts.run_as)));
        if !facts.policy_mode.is_empty() {
            lines.push(format!(
                "its owner allows by host.toml: {} · sha256 {}",
                plain(&facts.policy_mode),
                plain(&facts.policy_digest)
            ));
        }
        if !facts.limits.is_empty() {
            lines.push(format!(
                "each command: {}",
                facts.limits.in_chat(LIMITS_CHARS_MAX)
            ));
        }
    }
    let version = match row.version.is_empty() {
        true => "never linked".to_owned(),
        false => row.version.in_chat(FACT_CHARS_MAX),
    };
    let outdated = match &row.outdated {
        Some(newer) => format!(" (outdated: {newer} is there)"),
        None => String::new(),
    };
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
            mention(&draining.by)
        ));
    }
    if row.unknown > 0 {
        lines.push(format!(
            "⚠ holds {} of runs that are not known here; `shanty hosts release {}` gives them up",
            count(row.unknown, "execution"),
            row.name
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
        let mount = disk.mount.in_code(MOUNT_CHARS_MAX);
        // A long path gets a line of its own: a phone shows 36 columns.
        let between = if mount.chars().count() > 15 {
            "\n      "
        } else {
            ""
        };
        let (used, free) = (disk.used_percent(), size(disk.available_bytes));
        format!("{used:>3}% {free:>9} free  {between}{mount}")
    }));
    Some(format!(
        "```\n{}\n```",
        whole_lines(lines.into_iter(), 1_200)
    ))
}

fn runs(runs: &[Arc<Run>]) -> Option<String> {
    let lines = runs.iter().map(|run| {
        let command = inline_code(&run.spec.what.text(), 40);
        format!(
            "{} · {command} · <t:{}:R>",
            run_summary(run),
            run.accepted_ms / 1_000
        )
    });
    let lines: Vec<String> = lines.collect();
    (!lines.is_empty()).then(|| format!("**Last runs**\n{}", lines.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Disk, Facts, Metrics};
    use crate::ids::Labels;
    use crate::journal::Draining;
    use crate::principal::Principal;
    use crate::view::Listing;

    fn disk(mount: &str, available: u64) -> Disk {
        Disk {
            mount: mount.into(),
            total_bytes: 100 << 30,
            available_bytes: available << 30,
        }
    }

    fn row(text: &str, mounts: Vec<Disk>) -> HostRow {
        HostRow {
            unknown: 0,
            name: "db-02".parse().unwrap(),
            labels: Labels::parse("env=prod,role=db").unwrap(),
            online: true,
            stale: false,
            draining: Some(Draining {
                by: Principal::Discord(7),
                since_ms: 1_795_341_000_000,
            }),
            seen_ms: 1_795_341_000_000,
            version: text.into(),
            outdated: Some("1.5.0".to_owned()),
            duplicated: false,
            facts: Some(Facts {
                os: text.into(),
                kernel: text.into(),
                arch: text.into(),
                hostname: text.into(),
                containment: text.into(),
                run_as: text.into(),
                limits: text.into(),
                cpus: 16,
                memory_bytes: 16 << 30,
                boot_time_ms: 1,
                policy_mode: text.into(),
                policy_digest: text.into(),
            }),
            metrics: Some(Metrics {
                load1: 6.91,
                memory_used_bytes: 14 << 30,
                uptime_s: 3_600_000,
                disks: mounts,
            }),
        }
    }

    fn card(row: &HostRow) -> Card {
        let host = HostDetail {
            row,
            enrolled_ms: 1_795_000_000_000,
            hold: None,
            runs: &[],
        };
        let back = Button {
            label: "Back".into(),
            target: ButtonTarget::Press(Press::Page(Listing::of(""))),
            style: ButtonStyle::Secondary,
        };
        host_card(host, Some(back), 1_795_341_001_000)
    }

    #[test]
    fn all_that_is_known_stands_on_one_card() {
        let row = row("1.4.0", vec![disk("/", 59), disk("/var", 9)]);
        let card = card(&row);
        insta::assert_snapshot!(format!("{:?}\n{}", card.accent, card.texts.join("\n--\n")));
        let ids = |card: &Card| {
            let ids = card.buttons.iter().map(|button| match &button.target {
                ButtonTarget::Press(press) => press.to_string(),
                ButtonTarget::Link(link) => link.clone(),
            });
            ids.collect::<Vec<_>>()
        };
        let pressed = ["v1:hosts:0:=", "v1:doctor:db-02", "v1:update:db-02"];
        assert_eq!(ids(&card), pressed);
        let away = HostRow {
            online: false,
            ..row
        };
        assert_eq!(ids(&self::card(&away)), ["v1:hosts:0:="]);
    }

    #[test]
    fn what_an_agent_tells_can_neither_style_nor_break_the_card() {
        let hostile = "```\u{202e}@everyone <@&1> **x** [a](http://e) \0\n# ".repeat(40);
        let mounts = (0..32).map(|_| disk(&hostile, 1)).collect();
        let mut row = row(&hostile, mounts);
        for key in 0..64 {
            let key = format!("{key:0>63}");
            row.labels.insert(&key, &"v".repeat(63)).unwrap();
        }
        let card = card(&row);
        let units = |text: &String| text.encode_utf16().count();
        assert!(card.texts.iter().all(|text| units(text) <= 2_000));
        assert!(card.texts.iter().map(units).sum::<usize>() <= 4_000);
        let text = card.texts.join("\n");
        let mut parts = text.split("\n```");
        let (open, block) = (parts.next().unwrap(), parts.next().unwrap());
        for bad in [" <@&1>", " **x**", "\n# "] {
            assert!(!open.contains(bad), "{bad:?}: {open}");
        }
        for bad in ["\u{202e}", "\0", "```"] {
            assert!(
                !open.contains(bad) && !block.contains(bad),
                "{bad:?}: {text}"
            );
        }
    }
}
