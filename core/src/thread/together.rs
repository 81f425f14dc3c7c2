//! The thread of a run on several hosts: while it runs, one message in which all of them move at once; at the end, a message for each group.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::host::Host;
use crate::ids::AgentId;
use crate::limits::PAGE_CHARS_MAX;
use crate::output::colours;
use crate::output::same_but::SameBut;
use crate::run::{Compared, Group, Rank, Run};
use crate::text::{count, cut, size, thousands, units};
use crate::view::groups::{
    Other, Printed, Room, Shown, Told, chosen, fenced, fits, group_heading, group_output, names,
};

/// Messages for groups at most: more nobody reads. The last one names all others.
pub(super) const PAGES_MAX: usize = 8;
/// Lines that are kept to be shown while it runs.
const LINES_KEPT: usize = 40;
/// UTF-16 units of one line in the common message, without its colours.
const LINE_UNITS: usize = 100;
/// Names are padded to this; longer ones stick out.
const NAME_COLUMNS: usize = 16;
/// Characters of names in the heading of a group.
const NAMES_MAX: usize = 600;

/// What an output has at most room for on the page of a group, without heading and names.
const ROOM: Room = Room {
    lines: 60,
    units: 1_500,
    part: Shown::Ends,
};

/// Lines of one host that are shown while they may yet change.
const PENDING_LINES: u64 = 8;

/// The newest lines of all hosts, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Together {
    lines: VecDeque<(u64, AgentId)>,
    /// The text of each line, and of the newest of each host however old it is.
    text: BTreeMap<u64, String>,
    newest: HashMap<AgentId, u64>,
    next: u64,
}

impl Together {
    /// Takes the next text of a host: whole lines, and the last maybe without its end.
    pub(super) fn push(&mut self, agent: AgentId, text: &str) {
        // Of a lot of text only the end can be shown.
        let lines: Vec<&str> = text.lines().rev().take(LINES_KEPT).collect();
        for line in lines
            .into_iter()
            .rev()
            .filter(|line| !line.trim().is_empty())
        {
            let seq = self.next;
            self.next += 1;
            let line = colours::cut(line, LINE_UNITS).into_owned();
            self.text.insert(seq, line);
            self.lines.push_back((seq, agent));
            if let Some(old) = self.newest.insert(agent, seq)
                && self.lines.front().is_none_or(|(first, _)| *first > old)
            {
                self.text.remove(&old);
            }
        }
        while self.lines.len() > LINES_KEPT {
            if let Some((seq, agent)) = self.lines.pop_front()
                && self.newest.get(&agent) != Some(&seq)
            {
                self.text.remove(&seq);
            }
        }
    }

    /// The message while it runs: the newest line of each host that fits, and more of the newest.
    pub(super) fn live(&self, hosts: &BTreeMap<AgentId, Host>, run: &Run) -> String {
        let heading = format!("**{}**", count(hosts.len(), "host"));
        let footer = footer(hosts, run);
        let room = PAGE_CHARS_MAX - units(&heading) - units(&footer) - 16;
        let width = hosts.values().map(|host| host.name.as_str().len()).max();
        let width = width.unwrap_or(0).min(NAME_COLUMNS);
        let line = |agent: &AgentId, text: &str| {
            let name = hosts.get(agent).map_or("?", |host| host.name.as_str());
            let line = format!("{name:width$} │ {text}");
            format!("{}\n", colours::cut(&line, LINE_UNITS))
        };
        let mut newest: Vec<(u64, AgentId, String)> = Vec::new();
        let mut held = Vec::new();
        for (agent, seq) in &self.newest {
            let text = self.text.get(seq).map_or("", String::as_str);
            newest.push((*seq, *agent, line(agent, text)));
        }
        for (agent, host) in hosts {
            // What may yet change is newer than any line.
            let pending = host.pending();
            let lines = pending.lines().rev().filter(|line| !line.trim().is_empty());
            for (n, text) in (0..PENDING_LINES).zip(lines) {
                let these = if n == 0 { &mut newest } else { &mut held };
                these.push((u64::MAX - n, *agent, line(agent, text)));
            }
        }
        held.sort_by(|(a, ..), (b, ..)| b.cmp(a));
        newest.sort_by(|(a, a_agent, _), (b, b_agent, _)| (b, b_agent).cmp(&(a, a_agent)));
        let others = self.lines.iter().rev().filter_map(|(seq, agent)| {
            let text = self.text.get(seq)?;
            (self.newest.get(agent) != Some(seq)).then(|| (*seq, *agent, line(agent, text)))
        });
        let (mut used, mut shown) = (0, Vec::new());
        for (seq, agent, line) in newest.into_iter().chain(held).chain(others) {
            used += units(&line);
            if used > room {
                break;
            }
            shown.push((seq, agent, line));
        }
        shown.sort_by(|(a, a_agent, _), (b, b_agent, _)| (a, a_agent).cmp(&(b, b_agent)));
        let text: String = shown.into_iter().map(|(_, _, line)| line).collect();
        match text.as_str() {
            "" => format!("{heading}\n(no output yet)\n-# {footer}"),
            text => format!("{heading}\n{}\n-# {footer}", fenced(text, "")),
        }
    }
}

fn footer(hosts: &BTreeMap<AgentId, Host>, run: &Run) -> String {
    let ended = run
        .executions()
        .filter(|(_, e)| e.outcome().is_some())
        .count();
    let lines: u64 = hosts.values().map(Host::lines).fold(0, u64::saturating_add);
    let bytes: u64 = hosts.values().map(Host::bytes).fold(0, u64::saturating_add);
    let lines = count(usize::try_from(lines).unwrap_or(usize::MAX), "line");
    let all = thousands(hosts.len() as u64);
    format!(
        "{}/{all} ended · {lines} · {} · live",
        thousands(ended as u64),
        size(bytes)
    )
}

/// The groups of a run, with what is known of what they printed. Outputs are compared without what they may differ in.
pub(super) fn groups(hosts: &BTreeMap<AgentId, Host>, run: &Run, what: SameBut) -> Vec<Told> {
    let Compared { groups, texts } =
        run.compared(what, |agent| hosts.get(&agent).and_then(Host::whole));
    let most = groups.iter().find(|group| group.rank == Rank::Most);
    let most = most.and_then(|group| texts.get(&group.first())).cloned();
    let tell = |group: Group| {
        let host = hosts.get(&group.first());
        let mut printed = host.map_or(Printed::Unknown, |host| host.printed(run));
        let mut other = None;
        let mut left_out = SameBut::default();
        if let Some((text, found)) = texts.get(&group.first()) {
            if group.rank == Rank::Odd
                && let Some((most, _)) = &most
            {
                let (most, these) = (most.clone(), text.clone());
                other = Some(Other { most, these });
            } else if group.outputs > 1 {
                printed = Printed::text(text);
            }
            if group.outputs > 1 {
                left_out = *found;
            }
        }
        Told {
            group,
            printed,
            other,
            same_but: left_out,
        }
    };
    groups.into_iter().map(tell).collect()
}

/// How many messages the groups take.
pub(super) fn pages(groups: &[Told]) -> usize {
    groups.len().min(PAGES_MAX)
}

/// True when not all that was printed stands in the messages, so that it is attached.
pub(super) fn has_files(groups: &[Told]) -> bool {
    let whole = |told: &Told| told.group.outputs == 1 && fits(told, ROOM);
    groups.len() > PAGES_MAX || !groups.iter().all(whole)
}

/// One message of the groups.
pub(super) fn page(groups: &[Told], number: usize) -> Option<String> {
    let chosen = chosen(groups, PAGES_MAX);
    let told = groups.get(*chosen.get(number)?)?;
    let heading = group_heading(told, NAMES_MAX);
    let rest = groups.iter().enumerate();
    let rest = rest.filter(|(at, _)| !chosen.contains(at));
    let rest: Vec<&Told> = rest.map(|(_, told)| told).collect();
    let rest = match &rest[..] {
        rest @ [_, ..] if number + 1 == chosen.len() => format!("\n{}", others(rest)),
        _ => String::new(),
    };
    let around = units(&heading) + units(&rest) + 160;
    let room = Room {
        units: ROOM.units.min(PAGE_CHARS_MAX.saturating_sub(around)),
        ..ROOM
    };
    Some(match group_output(told, room) {
        Some(output) => format!("{heading}\n{output}{rest}"),
        None => format!("{heading}{rest}"),
    })
}

/// Who has no message of their own.
fn others(rest: &[&Told]) -> String {
    let hosts: usize = rest.iter().map(|told| told.group.hosts.len()).sum();
    let names = names(rest.iter().flat_map(|told| told.group.names()), 400);
    let more = count(rest.len(), "more group");
    cut(
        &format!("-# {more} of {}: {names}", count(hosts, "host")),
        600,
    )
}
