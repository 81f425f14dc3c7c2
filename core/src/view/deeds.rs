//! What operators are told of what was done, refused and joined: a hold as in chat, everything else in a line each.

use std::collections::BTreeMap;

use super::answer::hold_card;
use super::fleet::whole_lines;
use super::{Accent, Card, escape_markdown_cut, inline_code, mention};
use crate::hold::HoldAnswer;
use crate::ids::{HostName, Labels};
use crate::journal::{Denied, VersionChange};
use crate::news::{Deed, Did, KINDS_MAX, Line, Sheet, Topic};
use crate::policy::{GrantChanges, GrantSpec};
use crate::principal::{Actor, Principal};
use crate::selector::fold::fold;
use crate::text::{count, cut, thousands};

/// Characters of a list of names.
const NAMES_CHARS_MAX: usize = 400;
/// Characters of all lines, with room for how many are left out.
const LINES_CHARS_MAX: usize = 1_800;
/// Characters of what somebody wanted who was refused, and of why.
const REFUSED_CHARS_MAX: usize = 90;
/// Roles, people or channels that are named of one grant.
const IDS_MAX: usize = 6;
/// Tokens that are named where hosts joined.
const TOKENS_MAX: usize = 4;

/// A message about what was done, who was refused, or who joined.
#[must_use]
pub fn sheet_card(sheet: &Sheet) -> Card {
    match sheet.topic {
        Topic::Done => done_card(sheet),
        Topic::Joined => joined_card(sheet),
        Topic::Refused => refused_card(sheet),
    }
}

/// Whether a message is to be heard: runs are refused from now on, or allowed again.
#[must_use]
pub fn is_loud(sheet: &Sheet) -> bool {
    sheet.lines.iter().any(|line| hold(&line.deed).is_some())
}

fn hold(deed: &Deed) -> Option<HoldAnswer> {
    if let Did::Hold(held) = &deed.did {
        return Some(HoldAnswer::Began(held.clone()));
    }
    matches!(deed.did, Did::EndHold).then_some(HoldAnswer::Ended)
}

fn done_card(sheet: &Sheet) -> Card {
    let deeds = || sheet.lines.iter().map(|line| &line.deed);
    let by_socket = |deed: &Deed| matches!(deed.by, Actor::Socket { .. });
    let all_by_socket = deeds().all(by_socket);
    // Only how it is now is worth a heading.
    let mut holds = deeds().filter_map(|deed| Some((hold(deed)?, deed)));
    let mut card = match holds.next_back() {
        Some((answer, deed)) => {
            let by = deed.who().unwrap_or(Principal::Discord(0));
            let mut card = hold_card(&answer, &by, deed.at_ms).0;
            if !all_by_socket && let Some(at) = place(&deed.by) {
                card.texts.push(format!("-# {at}"));
            }
            card
        }
        None => Card::new(Accent::Grey, Vec::new()),
    };
    let lines = deeds().flat_map(|deed| {
        let mut lines = lines(deed);
        if !all_by_socket && let (Some(line), Some(at)) = (lines.first_mut(), place(&deed.by)) {
            line.push_str(&format!(" · {at}"));
        }
        lines
    });
    let mut lines = whole_lines(lines, LINES_CHARS_MAX);
    if sheet.more > 0 {
        let more = thousands(sheet.more);
        lines.push_str(&format!(
            "\n-# … and {more} more: `shanty audit export` has them"
        ));
    }
    let lines = lines.trim_start().to_owned();
    if !lines.is_empty() {
        card.texts.push(lines);
    }
    if all_by_socket {
        card.texts.push("-# on the controller's machine".to_owned());
    }
    card
}

/// Where something was done.
fn place(by: &Actor) -> Option<String> {
    match by {
        Actor::Chat { place, .. } => Some(match place {
            Some(place) => format!("in <#{}>", place.channel),
            None => "in a direct message".to_owned(),
        }),
        Actor::Socket { .. } => Some("on the controller's machine".to_owned()),
        Actor::Host(_) | Actor::Controller => None,
    }
}

/// The lines for what has no card of its own in chat: mostly one.
fn lines(deed: &Deed) -> Vec<String> {
    let did = match &deed.did {
        Did::Hold(_) | Did::EndHold | Did::Join { .. } | Did::Refused(_) => return Vec::new(),
        Did::LoadGrants(changes) => return grants(changes),
        Did::Configure {
            changes,
            grants: others,
        } => {
            let who = who(deed);
            let changes = inline_code(&changes.join("; "), 600);
            let taken = format!("⚙ {who} had the changed configuration taken: {changes}");
            let others = others.iter().flat_map(|others| grants(others));
            return std::iter::once(taken).chain(others).collect();
        }
        Did::ChangeVersion(change) => return vec![changed_version(change)],
        Did::Label(hosts) => labelled(hosts),
        Did::Drain(names) => format!("⏸ drained {}: no new runs go there", folded(names)),
        Did::Undrain(names) => format!("▶ ended the drain of {}", folded(names)),
        Did::Release(names) => format!(
            "🧹 gave up what {} held of runs that are not known here",
            folded(names)
        ),
        Did::Remove(names) => format!("🗑 removed {}", folded(names)),
        Did::FreeName(names) => format!("🔑 freed the name {}", folded(names)),
        Did::SaveGroup { name, selector } => {
            format!("💾 saved `@{name}`: {}", inline_code(selector, 300))
        }
        Did::RemoveGroup(name) => format!("🗑 removed `@{name}`"),
        Did::CreateToken {
            token,
            uses_max,
            expires_ms,
        } => {
            let hosts = count(*uses_max as usize, "host");
            let token = inline_code(token, 40);
            let until = expires_ms / 1_000;
            format!("🔑 made the join token {token} for {hosts}, until <t:{until}:f>")
        }
        Did::RotateKey(key) => format!("🔐 rotated the {}: hosts take up the new one", key.said()),
        Did::RetireKey { key, lost } if lost.is_empty() => {
            format!(
                "🔐 retired the former {}: all hosts have the new one",
                key.said()
            )
        }
        Did::RetireKey { key, lost } => format!(
            "🔐 retired the former {} before all hosts had the new one: {} must join anew",
            key.said(),
            folded(lost)
        ),
        Did::ExportRoot { shredded: true } => {
            "🔐 took the root's key off the controller".to_owned()
        }
        Did::ExportRoot { shredded: false } => "🔐 copied the root's key".to_owned(),
        Did::Update {
            number,
            version,
            selector,
            hosts,
        } => {
            let hosts = count(*hosts, "host");
            let selector = inline_code(selector, 300);
            format!("⬆ has agents updated to {version} on {hosts}: {number} on {selector}")
        }
        Did::StopUpdate {
            number,
            version,
            why,
        } => format!(
            "⛔ ended the update to {version}, {number}: {why}, and no further host started"
        ),
        Did::RevokeToken(token) => {
            format!("🔑 revoked the join token {}", inline_code(token, 40))
        }
    };
    let (mark, did) = did.split_once(' ').unwrap_or(("", &did));
    vec![format!("{mark} {} {did}", who(deed))]
}

fn changed_version(change: &VersionChange) -> String {
    let VersionChange {
        version,
        was,
        backup,
    } = change;
    let (version, was) = (
        escape_markdown_cut(version, 64),
        escape_markdown_cut(was, 64),
    );
    let changed = format!("⚙ Shanty is **{version}** now (was {was})");
    match backup.is_empty() {
        true => changed,
        false => format!(
            "{changed}; the backup of before is at {}",
            inline_code(backup, 300)
        ),
    }
}

fn who(deed: &Deed) -> String {
    match deed.who() {
        Some(who) => mention(&who),
        None => "the controller".to_owned(),
    }
}

fn labelled(hosts: &[(HostName, Labels)]) -> String {
    let names: Vec<HostName> = hosts.iter().map(|(name, _)| name.clone()).collect();
    let labels = match hosts {
        [(_, labels)] if labels.is_empty() => ": it has none now".to_owned(),
        [(_, labels)] => format!(": {}", inline_code(&labels.to_string(), 300)),
        _ => String::new(),
    };
    format!("🏷 changed the labels of {}{labels}", folded(&names))
}

fn folded(names: &[HostName]) -> String {
    let folded = fold(names.iter().map(HostName::as_str));
    format!("**{}**", cut(&folded.replace('_', "\\_"), NAMES_CHARS_MAX))
}

fn grants(changes: &GrantChanges) -> Vec<String> {
    let digest = hex::encode(changes.digest);
    let digest = digest.get(..16).unwrap_or_default();
    let hold = match changes.all {
        0 => "no grant holds now: nobody in chat may do anything".to_owned(),
        1 => "1 grant holds now".to_owned(),
        all => format!("{} hold now", count(all, "grant")),
    };
    let all_came = changes.came.len() == changes.all && changes.went.is_empty();
    let loaded = match all_came {
        true => "the grants are loaded",
        false => "other grants are loaded than before",
    };
    let mut lines = vec![format!("📜 {loaded}: {hold}, SHA-256 `{digest}…`")];
    let id = |spec: &GrantSpec| inline_code(&spec.id, 64);
    let came = changes.came.iter();
    lines.extend(came.map(|spec| format!("➕ {}: {}", id(spec), grant(spec))));
    let changed = changes.changed.iter();
    lines.extend(changed.map(|(was, now)| format!("✏ {}: {}", id(now), differs(was, now))));
    let went = changes.went.iter();
    lines.extend(went.map(|spec| format!("➖ {}: {}", id(spec), grant(spec))));
    lines
}

/// What a grant says, in the order in which a configuration says it.
fn said(spec: &GrantSpec) -> [(&'static str, String); 4] {
    let roles = spec.roles.iter().map(|role| format!("<@&{role}>"));
    let people = spec.people.iter().map(|user| format!("<@{user}>"));
    let channels = spec.channels.iter().map(|channel| format!("<#{channel}>"));
    [
        ("for", listed(roles.chain(people))),
        ("in", listed(channels)),
        ("may", spec.what.join(", ")),
        ("on", inline_code(&spec.hosts, 120)),
    ]
}

fn grant(spec: &GrantSpec) -> String {
    let said = said(spec);
    said.map(|(word, text)| format!("{word} {text}")).join(" ")
}

fn differs(was: &GrantSpec, now: &GrantSpec) -> String {
    let fields = said(was).into_iter().zip(said(now));
    let differs = fields.filter(|((_, was), (_, now))| was != now);
    let shown = differs.map(|((word, was), (_, now))| format!("{word} {now}, not {was} any more"));
    let shown: Vec<String> = shown.collect();
    match shown.is_empty() {
        true => "other roles, people or channels than can be named here".to_owned(),
        false => shown.join("; "),
    }
}

fn listed(ids: impl Iterator<Item = String>) -> String {
    let mut ids: Vec<String> = ids.collect();
    let others = ids.len().saturating_sub(IDS_MAX);
    ids.truncate(IDS_MAX);
    let shown = ids.join(", ");
    match others {
        0 => shown,
        others => format!("{shown} and {others} more"),
    }
}

fn joined_card(sheet: &Sheet) -> Card {
    let mut tokens: BTreeMap<&str, Vec<HostName>> = BTreeMap::new();
    for (name, token) in sheet.joined() {
        tokens.entry(token).or_default().push(name.clone());
    }
    let all = sheet.lines.len() as u64 + sheet.more;
    let hosts = count(usize::try_from(all).unwrap_or(usize::MAX), "host");
    let mut text = format!("### 🟢 {hosts} joined");
    for (token, names) in tokens.iter().take(TOKENS_MAX) {
        let token = inline_code(token, 40);
        text.push_str(&format!("\n{} with the join token {token}", folded(names)));
    }
    if tokens.len() > TOKENS_MAX || sheet.more > 0 {
        text.push_str("\n-# … and more: `shanty hosts` shows all");
    }
    Card::new(Accent::Green, vec![text])
}

fn refused_card(sheet: &Sheet) -> Card {
    let times: u64 = sheet.lines.iter().map(|line| line.times).sum();
    let heading = match times.saturating_add(sheet.more) {
        1 => "### ✖ Somebody was refused".to_owned(),
        all => format!("### ✖ {} attempts were refused", thousands(all)),
    };
    let lines = whole_lines(sheet.lines.iter().filter_map(refused), LINES_CHARS_MAX);
    let mut text = format!("{heading}\n{lines}");
    if sheet.more > 0 {
        let more = thousands(sheet.more);
        let kinds = match sheet.more_kinds {
            0 | 1 => String::new(),
            KINDS_MAX.. => format!(" of {} kinds or more", thousands(KINDS_MAX as u64)),
            kinds => format!(" of {} kinds", thousands(kinds as u64)),
        };
        text.push_str(&format!(
            "\n-# … and {more} more{kinds}: `shanty audit export` has them"
        ));
    }
    Card::new(Accent::Amber, vec![text])
}

fn refused(line: &Line) -> Option<String> {
    let Did::Refused(Denied { asked, text, .. }) = &line.deed.did else {
        return None;
    };
    let mut shown = who(&line.deed);
    // Where only the number is known, nobody knows where.
    if !asked.is_empty() {
        if let Some(at) = place(&line.deed.by) {
            shown.push_str(&format!(" {at}"));
        }
        shown.push_str(&format!(": {}", inline_code(asked, REFUSED_CHARS_MAX)));
    }
    let why = escape_markdown_cut(text, REFUSED_CHARS_MAX);
    shown.push_str(&format!(" · {why}"));
    if line.times > 1 {
        let (times, since) = (thousands(line.times), line.first_ms / 1_000);
        shown.push_str(&format!(" · **{times} times** since <t:{since}:t>"));
    }
    Some(shown)
}

#[cfg(test)]
mod tests;
