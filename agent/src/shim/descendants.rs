//! Finds, names and ends the descendants of a process, by `/proc`.
//!
//! The shim is the subreaper of everything below it, so that daemons and orphans stay in its tree whatever session they make.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use shanty_core::spool::{self, LEFT_NAMED_MAX, Left};

/// Looks while stopping a tree: a tree that grows faster than this is met again at the next call.
const FREEZE_LOOKS_MAX: usize = 16;

/// One live process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Process {
    pid: Pid,
    parent: Pid,
    group: Pid,
}

/// Sends TERM once to each: to the group of `leader` at once, and to every descendant of `ancestor` outside it. Then wakes those that
/// are stopped, for a stopped process does not hear.
pub(super) fn terminate(ancestor: Pid, leader: Pid) {
    killpg(leader, Signal::SIGTERM).ok(); // It ended meanwhile.
    let found = of(ancestor);
    for process in &found {
        if process.group != leader {
            kill(process.pid, Signal::SIGTERM).ok(); // It ended meanwhile.
        }
    }
    for process in &found {
        kill(process.pid, Signal::SIGCONT).ok(); // It ended meanwhile.
    }
}

/// Kills every descendant of `ancestor`, and returns whom. They are stopped first: what forks faster than one looks would never end.
/// The group of `leader` is killed even where `/proc` shows nothing.
pub(super) fn kill_all(ancestor: Pid, leader: Option<Pid>) -> BTreeSet<Pid> {
    let mut frozen = BTreeSet::new();
    for _ in 0..FREEZE_LOOKS_MAX {
        let before = frozen.len();
        for process in of(ancestor) {
            if frozen.insert(process.pid) {
                kill(process.pid, Signal::SIGSTOP).ok(); // It ended meanwhile.
            }
        }
        if frozen.len() == before {
            break;
        }
    }
    let killed: BTreeSet<_> = of(ancestor).into_iter().map(|found| found.pid).collect();
    for &pid in &killed {
        kill(pid, Signal::SIGKILL).ok(); // It ended meanwhile.
    }
    if let Some(leader) = leader {
        killpg(leader, Signal::SIGKILL).ok(); // It ended meanwhile.
    }
    killed
}

/// The live descendants of `ancestor`, with the names of their programs.
pub(super) fn named(ancestor: Pid) -> Left {
    let mut found = of(ancestor);
    found.sort_unstable();
    let process = |process: &Process| {
        let pid = process.pid;
        let name = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
        let name = String::from_utf8_lossy(&name);
        spool::Process::new(pid.as_raw().unsigned_abs(), name.trim_end_matches('\n'))
    };
    Left {
        count: u32::try_from(found.len()).unwrap_or(u32::MAX),
        named: found.iter().take(LEFT_NAMED_MAX).map(process).collect(),
    }
}

/// Every live process that descends from `ancestor`; zombies are not alive.
fn of(ancestor: Pid) -> Vec<Process> {
    let mut children: BTreeMap<Pid, Vec<Process>> = BTreeMap::new();
    for process in pids().filter_map(look) {
        children.entry(process.parent).or_default().push(process);
    }
    let mut found = Vec::new();
    let mut parents = vec![ancestor];
    while let Some(parent) = parents.pop() {
        for process in children.remove(&parent).unwrap_or_default() {
            parents.push(process.pid);
            found.push(process);
        }
    }
    found
}

/// Every live process that `/proc` shows; zombies are not alive.
pub(crate) fn living() -> impl Iterator<Item = Pid> {
    pids().filter_map(look).map(|process| process.pid)
}

/// Every process that `/proc` shows.
fn pids() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| Some(Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)))
}

fn look(pid: Pid) -> Option<Process> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    parse_stat(pid, &String::from_utf8_lossy(&stat))
}

/// `1 (name) S parent group ...`, where the name may hold spaces and parentheses.
fn parse_stat(pid: Pid, stat: &str) -> Option<Process> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    Some(Process {
        pid,
        parent: Pid::from_raw(fields.next()?.parse().ok()?),
        group: Pid::from_raw(fields.next()?.parse().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_process_cannot_lie_about_its_parent() {
        let pid = Pid::from_raw(7);
        let expected = Process {
            pid,
            parent: Pid::from_raw(3),
            group: Pid::from_raw(4),
        };
        let hostile = "7 (x) S 1 1 (y) R 3 4 4 0 -1";
        assert_eq!(parse_stat(pid, hostile), Some(expected));
        assert_eq!(parse_stat(pid, "7 (dead) Z 3 4 4"), None);
        for bad in ["", "7", "7 (x", "7 (x)", "7 (x) S", "7 (x) S a b"] {
            assert_eq!(parse_stat(pid, bad), None, "{bad}");
        }
    }
}
