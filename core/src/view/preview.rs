//! What would run, and on which hosts, shown to one person before anything does.

use super::run::waves::{sizes, words};
use super::{
    Accent, Button, ButtonStyle, ButtonTarget, Card, Press, Texts, command_code, inline_code, input,
};
use crate::admission::{Caution, Found, TOO_OLD};
use crate::ids::{HostName, RunId};
use crate::limits;
use crate::policy::Verb;
use crate::run::{Away, Offline, Spec, Target, Update, Upkeep, What};
use crate::selector::fold::fold;
use crate::text::{count, duration, sentence};

/// Columns of a code block on a phone's card.
const COLUMNS: usize = 44;

/// How much of each kind of hosts is shown.
#[derive(Clone, Copy)]
struct Detail {
    /// Lines of names that can take it.
    ready: usize,
    /// Lines of names of each other kind.
    others: usize,
    /// Up to so many hosts that are away get a line each, which says since when.
    away_rows: usize,
}

/// From much to little: the first that fits is shown. A name has at most 63 characters, so the last always does.
const DETAILS: [Detail; 4] = [
    Detail {
        ready: 10,
        others: 4,
        away_rows: 8,
    },
    Detail {
        ready: 8,
        others: 3,
        away_rows: 3,
    },
    Detail {
        ready: 6,
        others: 2,
        away_rows: 0,
    },
    Detail {
        ready: 4,
        others: 1,
        away_rows: 0,
    },
];

/// A run that waits for the word of who asked.
#[derive(Clone, Debug)]
pub struct Preview {
    /// What would run.
    pub spec: Spec,
    /// When it is shown, milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Why somebody is asked.
    pub cautions: Vec<Caution>,
    /// Hosts that cannot take it now.
    pub away: Vec<AwayRow>,
    /// Hosts that an exclusion removed.
    pub excluded: Vec<HostName>,
    /// Names of ranges that no host has.
    pub absent: Vec<String>,
    /// The users that commands run as on these hosts.
    pub run_as: Vec<String>,
    /// What an update finds; nothing of anything else.
    pub found: Option<Found>,
}

/// A host that cannot take an order now.
#[derive(Clone, Debug)]
pub struct AwayRow {
    /// Its name.
    pub name: HostName,
    /// Why.
    pub away: Away,
    /// Since when, milliseconds since the Unix epoch; zero when nobody knows.
    pub since_ms: u64,
}

/// The preview.
#[must_use]
pub fn preview_card(preview: &Preview) -> Card {
    let spec = &preview.spec;
    let mut texts = Texts::with(heading(preview));
    texts.add(spec.input.as_ref().and_then(input::beginning));
    texts.add(Some(hosts(preview)));
    let old = preview.found.as_ref().filter(|found| !found.old.is_empty());
    texts.add(old.map(|found| {
        let too_old = count(found.old.len(), "host");
        format!("⚠ {too_old} will fail: the agent is too old. {TOO_OLD}")
    }));
    texts.add(waves(spec));
    texts.add(Some(format!(
        "-# Nothing runs before you say so, and only on the hosts shown, whoever comes or goes meanwhile. · open until <t:{}:t>",
        preview.at_ms.saturating_add(limits::PREVIEW_MS) / 1_000
    )));
    Card {
        buttons: buttons(preview),
        ..Card::new(Accent::Amber, texts.into_blocks())
    }
}

/// The preview, once it is taken back.
#[must_use]
pub fn taken_back_card() -> Card {
    let text = "### ⏹ Taken back\nNothing was run.".to_owned();
    Card::new(Accent::Grey, vec![text])
}

/// In which steps it would go.
fn waves(spec: &Spec) -> Option<String> {
    let rollout = spec.strategy.rollout.as_ref()?;
    let counts = |target: &&Target| target.away.is_none() || spec.strategy.offline != Offline::Skip;
    let counted = spec.targets.iter().filter(counts).count();
    let sizes = sizes(rollout, counted).map(|sizes| format!("{sizes}\n"));
    Some(format!(
        "{}-# {}",
        sizes.unwrap_or_default(),
        words(rollout)
    ))
}

/// What is asked about an update: from where it goes to where, and who vouches for that.
fn update(preview: &Preview, update: &Update) -> String {
    let hosts = count(preview.spec.targets.len(), "host");
    let version = &update.version;
    let found = preview.found.as_ref();
    let mut line = match found {
        Some(found) => format!("{} → {version}", inline_code(&found.from_words(), 160)),
        None => format!("to {version}"),
    };
    if let Some(found) = found.filter(|found| !found.signer.is_empty()) {
        line.push_str(&format!(" · signed by {}", inline_code(&found.signer, 60)));
    }
    format!("### ❓ Update the agents of {hosts} to {version}?\n{line}")
}

fn heading(preview: &Preview) -> String {
    let spec = &preview.spec;
    let mut meta = vec![inline_code(&spec.selector, 200)];
    meta.push(match spec.options.timeout_ms {
        0 => "no timeout".to_owned(),
        ms => format!("timeout {}", duration(ms)),
    });
    let users = match &spec.options.run_as {
        Some(user) => user.clone(),
        None => preview
            .run_as
            .iter()
            .take(3)
            .cloned()
            .collect::<Vec<_>>()
            .join("/"),
    };
    if !users.is_empty() && spec.what.upkeep().is_none() {
        meta.push(format!("as {users}"));
    }
    let given = spec.input.as_ref().map(|given| input::line(given) + "\n");
    if spec.options.terminal.is_own() {
        meta.push("on a terminal".to_owned());
    }
    if spec.options.leave {
        meta.push("may leave processes running".to_owned());
    }
    let hosts = count(spec.targets.len(), "host");
    let asked = match &spec.what {
        What::Shell(_) | What::Argv(_) => {
            let command = command_code(&spec.what.text(), 900);
            format!("### ❓ Run this on {hosts}?\n{command}")
        }
        What::Upkeep(Upkeep::Update(to)) => update(preview, to),
        What::Upkeep(Upkeep::Doctor) => {
            format!("### ❓ Let the agents of {hosts} look how they are?")
        }
    };
    format!(
        "{asked}\n{}-# {}\n{}",
        given.unwrap_or_default(),
        meta.join(" · "),
        why(preview)
    )
}

/// Why it is shown first: `More than 10 hosts, and 3 cannot run it now.`
fn why(preview: &Preview) -> String {
    let size = preview.cautions.iter().find_map(|caution| caution.size());
    let away = match preview.away.len() {
        0 => None,
        n => Some(format!("{n} cannot run it now")),
    };
    let said: Vec<String> = size.into_iter().chain(away).collect();
    let why = sentence(&said.join(", and "));
    if !preview.cautions.contains(&Caution::Update) {
        return why;
    }
    let goes_on = "Their agents are replaced, or come back as they were; what runs there goes on.";
    match said.is_empty() {
        true => goes_on.to_owned(),
        false => format!("{goes_on} {why}"),
    }
}

/// The hosts, in as much detail as a text block has room for. How many there are of each kind is always there.
fn hosts(preview: &Preview) -> String {
    let room = limits::TEXT_DISPLAY_CHARS_MAX - 100;
    let mut block = String::new();
    for detail in DETAILS {
        block = hosts_in(preview, detail);
        if block.encode_utf16().count() <= room {
            break;
        }
    }
    block
}

fn hosts_in(preview: &Preview, detail: Detail) -> String {
    let ready = preview
        .spec
        .targets
        .iter()
        .filter(|target| target.away.is_none());
    let ready: Vec<&str> = ready.map(|target| target.name.as_str()).collect();
    let mut lines = vec![format!("ready {}", ready.len())];
    lines.extend(wrapped(&fold(ready), detail.ready));
    for away in [Away::Offline, Away::Draining] {
        let rows: Vec<&AwayRow> = preview.away.iter().filter(|row| row.away == away).collect();
        if rows.is_empty() {
            continue;
        }
        lines.push(format!("{} {}", away.as_str(), rows.len()));
        if rows.len() > detail.away_rows {
            let names = rows.iter().map(|row| row.name.as_str());
            lines.extend(wrapped(&fold(names), detail.others));
        } else {
            lines.extend(rows.iter().map(|row| away_line(row, preview.at_ms)));
        }
    }
    let excluded: Vec<&str> = preview.excluded.iter().map(HostName::as_str).collect();
    let absent: Vec<&str> = preview.absent.iter().map(String::as_str).collect();
    let found = |of: fn(&Found) -> &Vec<HostName>| match &preview.found {
        Some(found) => of(found).iter().map(HostName::as_str).collect(),
        None => Vec::new(),
    };
    let there: Vec<&str> = found(|found| &found.there);
    let old: Vec<&str> = found(|found| &found.old);
    for (word, names) in [
        ("there already", there),
        ("too old, will fail", old),
        ("excluded", excluded),
        ("no such host", absent),
    ] {
        if !names.is_empty() {
            lines.push(format!("{word} {}", names.len()));
            lines.extend(wrapped(&fold(names), detail.others));
        }
    }
    format!("```\n{}\n```", lines.join("\n"))
}

fn away_line(row: &AwayRow, at_ms: u64) -> String {
    let ago = duration(at_ms.saturating_sub(row.since_ms));
    let since = match (row.away, row.since_ms) {
        (_, 0) => "never seen".to_owned(),
        (Away::Offline, _) => format!("last seen {ago} ago"),
        (Away::Draining, _) => format!("for {ago}"),
    };
    format!("  {}  {since}", row.name)
}

/// Folded names in lines that break after a comma; that there are more is said.
fn wrapped(names: &str, lines_max: usize) -> Vec<String> {
    if names.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![String::new()];
    for part in names.split_inclusive(',') {
        match lines.last_mut() {
            Some(line) if line.is_empty() || line.len() + part.len() <= COLUMNS => {
                line.push_str(part);
            }
            Some(_) | None => lines.push(part.to_owned()),
        }
    }
    let more = lines.len() > lines_max;
    lines.truncate(lines_max);
    let mut lines: Vec<String> = lines.into_iter().map(|line| format!("  {line}")).collect();
    if more {
        lines.push("  … and more".to_owned());
    }
    lines
}

fn buttons(preview: &Preview) -> Vec<Button> {
    let spec = &preview.spec;
    let (all, away) = (spec.targets.len(), preview.away.len());
    let ready = all - away.min(all);
    let button = |label: String, press: fn(RunId) -> Press, style| Button {
        label,
        target: ButtonTarget::Press(press(spec.id)),
        style,
    };
    let queue_for = |for_ms| format!("queue {away} for {}", duration(for_ms));
    let run = match (away, spec.strategy.offline) {
        (0, _) if spec.what.verb() == Verb::Update => format!("Update {}", count(all, "host")),
        (0, _) => format!("Run on {}", count(all, "host")),
        (_, Offline::Skip) => format!("Run on {ready}, leave {away} out"),
        (_, Offline::Fail) => format!("Run on {all}, {away} will fail"),
        (_, Offline::Queue { for_ms }) if ready == 0 => {
            format!("Queue on {away} for {}", duration(for_ms))
        }
        (_, Offline::Queue { for_ms }) => format!("Run on {ready}, {}", queue_for(for_ms)),
    };
    // What is known to fail in part is seldom what somebody wants.
    let (whole, part) = match (away, spec.strategy.offline) {
        (1.., Offline::Fail) => (ButtonStyle::Secondary, ButtonStyle::Primary),
        (_, Offline::Fail | Offline::Skip | Offline::Queue { .. }) => {
            (ButtonStyle::Primary, ButtonStyle::Secondary)
        }
    };
    // Many hosts at once are named as what they are.
    let many = preview.cautions.iter().any(|caution| caution.is_danger());
    let (whole, part) = if many {
        (danger(whole), danger(part))
    } else {
        (whole, part)
    };
    let mut buttons = vec![button(run, Press::Go, whole)];
    let queues = matches!(spec.strategy.offline, Offline::Queue { .. });
    if away > 0 && ready > 0 && spec.strategy.offline != Offline::Skip {
        let draining = preview.away.iter().any(|row| row.away == Away::Draining);
        let those = if draining { "ready" } else { "online" };
        let label = format!("Run on {ready} {those} only");
        buttons.push(button(label, Press::Online, part));
    }
    if away > 0 && !queues {
        let label = format!("Run on {ready}, {}", queue_for(limits::QUEUE_MS.1));
        buttons.push(button(label, Press::Queue, ButtonStyle::Secondary));
    }
    buttons.push(button(
        "Take back".to_owned(),
        Press::Drop,
        ButtonStyle::Secondary,
    ));
    buttons
}

/// What most people want, where it is also what can do the most harm.
const fn danger(style: ButtonStyle) -> ButtonStyle {
    match style {
        ButtonStyle::Primary | ButtonStyle::Danger => ButtonStyle::Danger,
        ButtonStyle::Secondary => ButtonStyle::Secondary,
    }
}

#[cfg(test)]
mod tests;
