//! Changing what is known of hosts: labels, saved groups, and whether they take new runs.
//!
//! Labels decide who may do what. So a grant must hold a host as it is and as it would become: nobody moves a host to where they have
//! rights, nor out of the reach of others whom they could not stop otherwise.

use std::collections::BTreeMap;

use crate::ids::{AgentId, HostName, Labels, is_word};
use crate::limits;
use crate::policy::Verb;
use crate::principal::{Asker, Principal};
use crate::refusal::{Code, Refusal};
use crate::selector::{Evaluator, Group, Host, Selector};

use super::{
    Context, allows, authenticate, bad_selector, named, permit, require_any, scope, seen_run,
    sees_all,
};

/// A change of labels: `role=web old-` as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelChange {
    /// Set to these values.
    pub set: Labels,
    /// Removed.
    pub remove: Vec<String>,
}

/// A saved group, as somebody may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRow {
    /// Its name, without `@`.
    pub name: String,
    /// What it stands for; nothing when the asker may not see every host.
    pub selector: Option<String>,
    /// How many hosts of it the asker may see.
    pub hosts: usize,
    /// Who saved it last.
    pub by: Principal,
    /// When, milliseconds since the Unix epoch.
    pub saved_ms: u64,
}

impl LabelChange {
    /// Parses changes separated by spaces or commas: `key=value` sets, `key-` removes.
    ///
    /// # Errors
    /// The refusal to show.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let refuse = |what: String| {
            let next =
                "Write for example `role=web env=prod old-`: `key=value` sets, `key-` removes.";
            Refusal::new(Code::Label, format!("{what} No label was changed."), next)
        };
        let mut change = Self::default();
        for word in text.split([',', ' ', '\t']).filter(|word| !word.is_empty()) {
            match (word.split_once('='), word.strip_suffix('-')) {
                (Some((key, value)), _) => {
                    if change.set.value(key).is_some() {
                        return Err(refuse(format!("`{key}` is set twice.")));
                    }
                    let set = change.set.insert(key, value);
                    set.map_err(|error| refuse(format!("{error}.")))?;
                }
                (None, Some(key)) if is_word(key) => change.remove.push(key.to_owned()),
                (None, _) => {
                    let shown: String = word.chars().filter(|c| !c.is_control()).take(80).collect();
                    return Err(refuse(format!("`{shown}` is neither key=value nor key-.")));
                }
            }
        }
        if let Some(both) = change
            .remove
            .iter()
            .find(|key| change.set.value(key).is_some())
        {
            return Err(refuse(format!(
                "`{both}` cannot be set and removed at once."
            )));
        }
        if change == Self::default() {
            return Err(refuse("There is nothing to change.".to_owned()));
        }
        Ok(change)
    }
}

/// Asks to change the labels of hosts; gives each host that changes with all its labels from then on. `asked` has labels that were
/// asked for and are not recorded yet.
///
/// # Errors
/// The refusal to show.
pub fn admit_labels(
    ctx: &Context<'_>,
    asker: &Asker,
    on: &str,
    change: &LabelChange,
    asked: &BTreeMap<AgentId, Labels>,
) -> Result<Vec<(AgentId, HostName, Labels)>, Refusal> {
    authenticate(ctx, asker)?;
    require_any(ctx, asker, Verb::Manage)?;
    let hosts = super::hosts(ctx);
    let named = named(ctx, asker, Verb::Manage, on, &hosts)?;
    let mut changed = Vec::new();
    for host in &named.hosts {
        let now = asked.get(&host.id).unwrap_or(host.labels);
        let labels = changed_labels(now, change);
        if labels.iter().count() > limits::LABELS_MAX {
            return Err(Refusal::new(
                Code::Label,
                format!(
                    "{} would have more than {} labels. No label was changed.",
                    host.name,
                    limits::LABELS_MAX
                ),
                "Remove some first.",
            ));
        }
        if labels != *now {
            changed.push((host.id, host.name.clone(), labels));
        }
    }
    if changed.is_empty() {
        return Err(Refusal::new(
            Code::Label,
            "The hosts have exactly these labels already. No label was changed.",
            "Look at them with /hosts.",
        ));
    }
    // As they are and as they would become, under one grant.
    let becoming = changed.iter().filter_map(|(id, _, labels)| {
        let host = named.hosts.iter().find(|host| host.id == *id)?;
        Some(Host { labels, ..**host })
    });
    let becoming: Vec<Host<'_>> = becoming.collect();
    let both: Vec<&Host<'_>> = named.hosts.iter().copied().chain(&becoming).collect();
    permit(ctx, asker, Verb::Manage, &both).map_err(|_| {
        Refusal::new(
            Code::Denied,
            "With these labels a host would leave what your grant covers. No label was changed.",
            "Ask somebody whose grant covers the hosts as they are and as they would be.",
        )
    })?;
    Ok(changed)
}

fn changed_labels(now: &Labels, change: &LabelChange) -> Labels {
    let mut labels = Labels::default();
    let kept = now
        .iter()
        .filter(|(key, _)| !change.remove.iter().any(|gone| gone == key));
    for (key, value) in kept.chain(change.set.iter()) {
        labels.insert(key, value).ok(); // both were checked when they were made
    }
    labels
}

/// Asks that hosts take no new runs, or take them again; gives those for which that is new.
///
/// # Errors
/// The refusal to show.
pub fn admit_drain(
    ctx: &Context<'_>,
    asker: &Asker,
    on: &str,
    drain: bool,
) -> Result<Vec<(AgentId, HostName)>, Refusal> {
    authenticate(ctx, asker)?;
    require_any(ctx, asker, Verb::Manage)?;
    let hosts = super::hosts(ctx);
    let named = named(ctx, asker, Verb::Manage, on, &hosts)?;
    let new = named.hosts.iter().filter(|host| host.draining != drain);
    Ok(new.map(|host| (host.id, host.name.clone())).collect())
}

/// Asks to save a selector under a name; gives the name without `@` and what it will stand for. It must stand for hosts now, all of which a grant covers, as must what the name stood for.
///
/// # Errors
/// The refusal to show.
pub fn admit_group_save(
    ctx: &Context<'_>,
    asker: &Asker,
    name: &str,
    on: &str,
) -> Result<(String, Selector), Refusal> {
    authenticate(ctx, asker)?;
    require_any(ctx, asker, Verb::Manage)?;
    let name = group_name(name)?;
    let selector = Selector::parse_for_group(on).map_err(|errors| bad_selector(on, &errors))?;
    let groups = &ctx.state.groups;
    if !groups.contains_key(name) && groups.len() >= limits::GROUPS_MAX {
        return Err(Refusal::new(
            Code::TooLong,
            format!(
                "There are {} groups already. No group was saved.",
                limits::GROUPS_MAX
            ),
            "Remove one first.",
        ));
    }
    if let Some(way) = circle(groups, name, &selector) {
        return Err(Refusal::new(
            Code::Selector,
            format!("`@{name}` would hold itself: {way}. No group was saved."),
            "Leave it out of what it stands for.",
        ));
    }
    may_change(ctx, asker, name)?;
    let hosts = super::hosts(ctx);
    named(ctx, asker, Verb::Manage, on, &hosts)?;
    Ok((name.to_owned(), selector))
}

/// Asks to remove a saved group; gives its name without `@`. One that others are made of stays.
///
/// # Errors
/// The refusal to show.
pub fn admit_group_remove(ctx: &Context<'_>, asker: &Asker, name: &str) -> Result<String, Refusal> {
    authenticate(ctx, asker)?;
    require_any(ctx, asker, Verb::Manage)?;
    let name = group_name(name)?;
    // One of hosts that the asker may not see is to them as one that does not exist.
    let known = admit_groups(ctx, asker).is_ok_and(|rows| rows.iter().any(|row| row.name == name));
    if !ctx.state.groups.contains_key(name) || !(known || may_change(ctx, asker, name).is_ok()) {
        return Err(no_group(name));
    }
    may_change(ctx, asker, name)?;
    let holders = ctx.state.groups.iter();
    let holders: Vec<String> = holders
        .filter(|(_, group)| group.selector.groups().contains(&name))
        .map(|(holder, _)| format!("`@{holder}`"))
        .collect();
    if holders.is_empty() {
        return Ok(name.to_owned());
    }
    Err(Refusal::new(
        Code::Selector,
        format!(
            "`@{name}` is part of {}. No group was removed.",
            holders.join(", ")
        ),
        "Change or remove those first.",
    ))
}

/// Saved groups that have hosts which the asker may see.
///
/// # Errors
/// The refusal to show.
pub fn admit_groups(ctx: &Context<'_>, asker: &Asker) -> Result<Vec<GroupRow>, Refusal> {
    authenticate(ctx, asker)?;
    require_any(ctx, asker, Verb::View)?;
    let readable = sees_all(ctx, asker);
    let mut visible = super::hosts(ctx);
    visible.retain(|host| allows(ctx, asker, Verb::View, host));
    let run = |number| seen_run(ctx, asker, number);
    let mut evaluator = Evaluator::new(&visible, scope(ctx, asker, &run));
    let row = |(name, group): (&String, &Group)| {
        let hosts = evaluator.count(&group.selector);
        (readable || hosts > 0).then(|| GroupRow {
            name: name.clone(),
            selector: readable.then(|| group.selector.to_string()),
            hosts,
            by: group.by.clone(),
            saved_ms: group.saved_ms,
        })
    };
    Ok(ctx.state.groups.iter().filter_map(row).collect())
}

fn group_name(name: &str) -> Result<&str, Refusal> {
    let bare = name.trim().trim_start_matches('@');
    if is_word(bare) {
        return Ok(bare);
    }
    let shown: String = name.chars().filter(|c| !c.is_control()).take(80).collect();
    Err(Refusal::new(
        Code::Name,
        format!("`{shown}` is not the name of a group. Nothing was changed."),
        "Groups are named as hosts are: 1 to 63 of a-z, 0-9, `.`, `_` and `-`, with a letter or digit at both ends.",
    ))
}

fn no_group(name: &str) -> Refusal {
    Refusal::new(
        Code::NotFound,
        format!("There is no group `@{name}`. Nothing was changed."),
        "`/agent group list` and `shanty groups` show all.",
    )
}

/// Whoever changes a group changes what others mean by its name: a grant must cover every host that it stands for. One that stands for
/// nothing now hurts nobody.
fn may_change(ctx: &Context<'_>, asker: &Asker, name: &str) -> Result<(), Refusal> {
    if !ctx.state.groups.contains_key(name) {
        return Ok(());
    }
    let hosts = super::hosts(ctx);
    let covered = members(ctx, asker, name, &hosts);
    if covered.is_empty() || permit(ctx, asker, Verb::Manage, &covered).is_ok() {
        return Ok(());
    }
    Err(Refusal::new(
        Code::Denied,
        format!("`@{name}` stands for hosts that your grants do not cover. Nothing was changed."),
        "Use another name, or ask somebody who may manage those hosts.",
    ))
}

/// The hosts of a saved group among these; names in it that no host has any more are passed over.
fn members<'h>(
    ctx: &Context<'_>,
    asker: &Asker,
    name: &str,
    hosts: &'h [Host<'h>],
) -> Vec<&'h Host<'h>> {
    let run = |number| seen_run(ctx, asker, number);
    match ctx.state.groups.get(name) {
        Some(group) => Evaluator::new(hosts, scope(ctx, asker, &run)).hosts(&group.selector),
        None => Vec::new(),
    }
}

/// How a group would hold itself: `@a, @b, @a`.
fn circle(groups: &BTreeMap<String, Group>, name: &str, selector: &Selector) -> Option<String> {
    let mut seen: Vec<&str> = Vec::new();
    let mut ways: Vec<Vec<&str>> = selector
        .groups()
        .into_iter()
        .map(|held| vec![held])
        .collect();
    while let Some(way) = ways.pop() {
        let last = *way.last()?;
        if last == name {
            let shown: Vec<String> = way.iter().map(|held| format!("`@{held}`")).collect();
            return Some(format!("`@{name}` holds {}", shown.join(", which holds ")));
        }
        if !seen.contains(&last) {
            seen.push(last);
            let held = groups.get(last).map(|group| group.selector.groups());
            for next in held.into_iter().flatten() {
                ways.push([way.as_slice(), &[next]].concat());
            }
        }
    }
    None
}
