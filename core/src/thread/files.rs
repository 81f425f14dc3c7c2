//! The files with all of the output: their names, what stands in which, and the words above them.

use std::collections::BTreeMap;

use super::FilePart;
use super::host::Host;
use crate::ids::{AgentId, RunNumber};
use crate::limits::{LOG_FIRST_BYTES, LOG_LAST_BYTES};
use crate::text::{count, cut, size};

/// What stands above the files of a run on one host.
pub(super) fn text_of_one(host: &Host, run: RunNumber) -> String {
    let (name, number) = (&host.name, run.0);
    let all = amount(host.lines(), host.bytes());
    let note = if let Some(missing) = host.missing() {
        format!("{all}; {missing}")
    } else if host.bytes() <= LOG_FIRST_BYTES {
        format!("all output: {all}")
    } else {
        let (first, last) = (LOG_FIRST_BYTES, host.bytes() - end_at(host));
        let (first, last) = (size(first), size(last));
        format!("{all}: attached are the first {first} and the last {last}")
    };
    format!("**{name}** · {note}\n-# also: `shanty runs output {number} --host {name}`")
}

/// What stands above the files of a run on several.
pub(super) fn text_of_several(
    hosts: &BTreeMap<AgentId, Host>,
    run: RunNumber,
    note: Option<&str>,
) -> String {
    let number = run.0;
    let lines = hosts.values().map(Host::lines).fold(0, u64::saturating_add);
    let bytes = hosts.values().map(Host::bytes).fold(0, u64::saturating_add);
    let (hosts, all) = (count(hosts.len(), "host"), amount(lines, bytes));
    // With a note it is not all there.
    let what = note.map_or("all output", |_| "output");
    let note = note.map_or_else(String::new, |note| format!("\n{}", cut(note, 900)));
    format!("**{hosts}** · {what}: {all}{note}\n-# also: `shanty runs output {number}`")
}

/// The files of a run on one host: all of it, or its beginning and its end.
pub(super) fn parts(host: &Host, run: RunNumber) -> Vec<FilePart> {
    let part = |what: &str, bytes| FilePart {
        name: format!("{}.{}{what}.log", host.name, run.0),
        bytes,
    };
    if host.bytes() <= LOG_FIRST_BYTES {
        return vec![part("", 0..host.bytes())];
    }
    vec![
        part(".first", 0..LOG_FIRST_BYTES),
        part(".last", end_at(host)..host.bytes()),
    ]
}

/// Where the end of an output begins that is too long for one file.
fn end_at(host: &Host) -> u64 {
    let bytes = host.bytes();
    bytes.saturating_sub(LOG_LAST_BYTES).max(LOG_FIRST_BYTES)
}

fn amount(lines: u64, bytes: u64) -> String {
    let lines = usize::try_from(lines).unwrap_or(usize::MAX);
    format!("{}, {}", count(lines, "line"), size(bytes))
}
