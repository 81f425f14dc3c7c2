//! Changing what is known of hosts: labels, saved groups, and whether they take new runs.
//!
//! Labels decide who may do what. So a grant must hold a host as it is and as it would become, and who does not manage every host moves none
//! into or out of what any grant is for: nobody takes a host to where they have rights, nor out of the reach of others.

use std::collections::BTreeMap;

use crate::ask::{Answer, InventoryAnswer, InventoryAsk, SavedGroup};
use crate::ids::{AgentId, HostName, Labels, RunNumber, is_word, skeleton};
use crate::journal::{HostChange, Kind};
use crate::limits;
use crate::policy::Verb;
use crate::refusal::{Code, Refusal};
use crate::selector::{Evaluator, GROUPS_DEPTH_MAX, Group, Host, Scope, Selector};
use crate::text::{self, count};

use super::caller::{Caller, who_may};
use super::hosts::{self, bad_selector, known, named, permit, sees_all};
use super::recall::runs_named;
use super::{Change, Context, look, release};

/// Asks to change what is known of hosts.
pub(super) fn admit(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    ask: &InventoryAsk,
) -> Result<Change, Refusal> {
    let (kinds, answer) = match ask {
        InventoryAsk::Label { on, changes } => label(ctx, caller, on, changes),
        InventoryAsk::Drain { on, drain: to } => drain(ctx, caller, on, *to),
        InventoryAsk::Release { on } => release::release(ctx, caller, on),
        InventoryAsk::SaveGroup { name, on } => save_group(ctx, caller, name, on),
        InventoryAsk::RemoveGroup { name } => remove_group(ctx, caller, name),
    }?;
    let answer = Answer::Inventory(answer);
    Ok(Change { kinds, answer })
}

/// What is recorded, and what is said then.
pub(super) type Changed = (Vec<Kind>, InventoryAnswer);

/// A change of labels: `role=web old-` as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct LabelChange {
    /// Set to these values.
    set: Labels,
    /// Removed.
    remove: Vec<String>,
}

impl LabelChange {
    /// Parses changes separated by spaces or commas: `key=value` sets, `key-` removes.
    fn parse(text: &str) -> Result<Self, Refusal> {
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
                    let shown = text::shown(word, 80);
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

/// Asks to change the labels of hosts; gives each host that changes with all its labels from then on.
fn label(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    on: &str,
    changes: &str,
) -> Result<Changed, Refusal> {
    let change = &LabelChange::parse(changes)?;
    let hosts = known(ctx, caller, &[Verb::Manage]);
    let named = named(ctx, caller, Verb::Manage, on, &hosts)?;
    let mut changed: Vec<(&Host<'_>, Labels)> = Vec::new();
    for &host in &named.hosts {
        // What was asked just before may not be recorded yet.
        let now = about_to_be(ctx, host).labels;
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
            changed.push((host, labels));
        }
    }
    if changed.is_empty() {
        return Err(Refusal::new(
            Code::Label,
            "The hosts have exactly these labels already. No label was changed.",
            "Look at them with /hosts.",
        ));
    }
    may_become(ctx, caller, &changed)?;
    let record =
        |(host, labels): &(&Host<'_>, Labels)| HostChange::Labelled(labels.clone()).of(host.id);
    let kinds = changed.iter().map(record).collect();
    let told = |(host, labels): (&Host<'_>, Labels)| (host.name.clone(), labels);
    let told = changed.into_iter().map(told).collect();
    Ok((kinds, InventoryAnswer::Labelled(told)))
}

/// A grant must cover hosts as they are and as they would become, and no grant of anybody may gain or lose one by it: else whoever
/// manages hosts could give themselves every other right on them. Only who manages every host may do that.
fn may_become(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    changed: &[(&Host<'_>, Labels)],
) -> Result<(), Refusal> {
    let becoming: Vec<Host<'_>> = changed
        .iter()
        .map(|(host, labels)| Host { labels, ..**host })
        .collect();
    // As they are, as what is being recorded makes them, and as they would be.
    let about: Vec<Host<'_>> = changed
        .iter()
        .map(|(host, _)| about_to_be(ctx, host))
        .collect();
    let all: Vec<&Host<'_>> = changed
        .iter()
        .map(|(host, _)| *host)
        .chain(&about)
        .chain(&becoming)
        .collect();
    if permit(ctx, caller, Verb::Manage, &all).is_err() {
        let what =
            "With these labels a host would not be among yours any more. No label was changed.";
        return Err(Refusal::new(
            Code::Denied,
            what,
            who_labels(ctx, caller, &all),
        ));
    }
    let moves = ctx.settings.policy.grants.iter().any(|grant| {
        let now = changed.iter().map(|(host, _)| *host);
        let mut moves = now.zip(&about).zip(&becoming);
        moves.any(|((now, about), then)| {
            let then = grant.hosts.contains(then);
            grant.hosts.contains(now) != then || grant.hosts.contains(about) != then
        })
    });
    if moves && !manages_all(ctx, caller) {
        let what = "These labels would change who may do what on a host. No label was changed.";
        let hosts = hosts::hosts(ctx);
        let every: Vec<&Host<'_>> = hosts.iter().chain(&becoming).collect();
        return Err(Refusal::new(
            Code::Denied,
            what,
            who_labels(ctx, caller, &every),
        ));
    }
    Ok(())
}

/// Who may change the labels of hosts such as these.
fn who_labels(ctx: &Context<'_>, caller: &Caller<'_>, hosts: &[&Host<'_>]) -> String {
    let names = match caller {
        Caller::Person { who, .. } => who_may(ctx, who.channel, Verb::Manage, hosts),
        Caller::Socket { .. } => None,
    };
    names.map_or_else(
        || "`shanty hosts label` on the controller's machine does it.".to_owned(),
        |names| format!("{names} may."),
    )
}

/// A host as what is being recorded makes it.
fn about_to_be<'a>(ctx: &'a Context<'_>, host: &Host<'a>) -> Host<'a> {
    let about = ctx.under_way.hosts.get(&host.id);
    about.map_or(*host, |about| hosts::as_host(ctx, host.id, about))
}

/// Whether one grant lets somebody manage every host.
fn manages_all(ctx: &Context<'_>, caller: &Caller<'_>) -> bool {
    let hosts = hosts::hosts(ctx);
    permit(ctx, caller, Verb::Manage, &hosts.iter().collect::<Vec<_>>()).is_ok()
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
fn drain(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    on: &str,
    drain: bool,
) -> Result<Changed, Refusal> {
    let hosts = known(ctx, caller, &[Verb::Manage]);
    let named = named(ctx, caller, Verb::Manage, on, &hosts)?;
    // What was asked just before may not be recorded yet.
    let new = named
        .hosts
        .iter()
        .filter(|host| about_to_be(ctx, host).draining != drain);
    let (agents, names): (Vec<AgentId>, Vec<HostName>) =
        new.map(|host| (host.id, host.name.clone())).unzip();
    let record = |agent| HostChange::Drained { on: drain }.of(agent);
    let kinds = agents.into_iter().map(record).collect();
    Ok((kinds, InventoryAnswer::Drained { names, drain }))
}

/// Asks to save a selector under a name; gives the name without `@`, what it will stand for, and how many hosts that is. It must stand for
/// hosts now, all of which a grant covers, as must what the name stood for.
fn save_group(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    name: &str,
    on: &str,
) -> Result<Changed, Refusal> {
    let name = group_name(name)?;
    let selector =
        Selector::parse_for_group(on).map_err(|errors| bad_selector(on, Verb::Manage, &errors))?;
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
    free_name(ctx, caller, name)?;
    may_change(ctx, caller, name)?;
    let hosts = known(ctx, caller, &[Verb::Manage]);
    let named = named(ctx, caller, Verb::Manage, on, &hosts)?;
    if let Some(way) = circle(groups, name, &selector) {
        let told = match sees_all(ctx, caller) {
            true => format!(": {way}"),
            false => String::new(),
        };
        return Err(Refusal::new(
            Code::Selector,
            format!("`@{name}` would hold itself{told}. No group was saved."),
            "Leave it out of what it stands for.",
        ));
    }
    if depth(groups, name, &selector) > GROUPS_DEPTH_MAX {
        return Err(Refusal::new(
            Code::Selector,
            format!(
                "Groups would hold one another more than {GROUPS_DEPTH_MAX} deep. No group was saved."
            ),
            "Write what `@…` stands for instead of its name.",
        ));
    }
    let kind = Kind::GroupSaved {
        name: name.to_owned(),
        selector: selector.to_string(),
    };
    let saved = SavedGroup {
        name: name.to_owned(),
        selector,
        hosts: named.hosts.len(),
    };
    Ok((vec![kind], InventoryAnswer::GroupSaved(saved)))
}

/// Asks to remove a saved group; gives its name without `@`. One that others are made of stays.
fn remove_group(ctx: &Context<'_>, caller: &Caller<'_>, name: &str) -> Result<Changed, Refusal> {
    let name = group_name(name)?;
    if !ctx.state.groups.contains_key(name) {
        return Err(no_group(name));
    }
    if let Err(denied) = may_change(ctx, caller, name) {
        // One of hosts that the asker may not see is to them as one that does not exist.
        let rows = look::group_rows(ctx, caller);
        let seen = rows.iter().any(|row| row.name == name);
        return Err(if seen { denied } else { no_group(name) });
    }
    let holders = ctx.state.groups.iter();
    let holders: Vec<String> = holders
        .filter(|(_, group)| group.selector.groups().contains(&name))
        .map(|(holder, _)| format!("`@{holder}`"))
        .collect();
    if holders.is_empty() {
        let name = name.to_owned();
        let kind = Kind::GroupRemoved { name: name.clone() };
        return Ok((vec![kind], InventoryAnswer::GroupRemoved { name }));
    }
    let holders = match sees_all(ctx, caller) {
        true => holders.join(", "),
        false => count(holders.len(), "other group"),
    };
    Err(Refusal::new(
        Code::Selector,
        format!("`@{name}` is part of {holders}. No group was removed."),
        "Change or remove those first.",
    ))
}

/// Whether a group may be saved under this name: not beside one that would be taken for it, nor over one that the asker may not see. Of such
/// a one nothing is told, also not which of the two it is.
fn free_name(ctx: &Context<'_>, caller: &Caller<'_>, name: &str) -> Result<(), Refusal> {
    let alike = skeleton(name);
    let groups = ctx.state.groups.keys();
    let alike: Vec<&String> = groups.filter(|other| skeleton(other) == alike).collect();
    if alike.is_empty() {
        return Ok(());
    }
    let rows = look::group_rows(ctx, caller);
    let own = |other: &String| {
        let group = ctx.state.groups.get(other);
        group.is_some_and(|group| group.by == caller.principal())
    };
    let listed = |other: &String| rows.iter().any(|row| row.name == *other);
    let seen = |other: &String| sees_all(ctx, caller) || own(other) || listed(other);
    let next = "Use another name.";
    for other in alike {
        if !seen(other) && may_change(ctx, caller, other).is_err() {
            let what =
                format!("`@{name}` cannot be the name of a group here. Nothing was changed.");
            return Err(Refusal::new(Code::Name, what, next));
        }
        if other != name {
            let what = format!(
                "`@{name}` would be taken for the group `@{other}`: 0 and o, 1 and l, m and rn, w and vv, and `-`, `_` and `.` look alike. Nothing was changed."
            );
            return Err(Refusal::new(Code::NameConfusable, what, next));
        }
    }
    Ok(())
}

fn group_name(name: &str) -> Result<&str, Refusal> {
    let bare = name.trim().trim_start_matches('@');
    if is_word(bare) {
        return Ok(bare);
    }
    let shown = text::shown(name, 80);
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
        "`/group list` and `shanty groups` show all.",
    )
}

/// Whoever changes a group changes what others mean by its name. Who manages every host may; another only when a grant covers every host
/// that it stands for, and either its hosts are the same at every moment and to everybody, or they saved it themselves.
fn may_change(ctx: &Context<'_>, caller: &Caller<'_>, name: &str) -> Result<(), Refusal> {
    let Some(group) = ctx.state.groups.get(name) else {
        return Ok(());
    };
    if manages_all(ctx, caller) {
        return Ok(());
    }
    let own = group.by == caller.principal();
    let lasting = group.selector.is_lasting(&ctx.state.groups);
    let hosts = hosts::hosts(ctx);
    let scope = Scope {
        groups: &ctx.state.groups,
        run: &|number| ctx.run_numbered(number).map(AsRef::as_ref),
        agent_version: ctx.agent_version(),
        ..Scope::empty()
    };
    let members = Evaluator::new(&hosts, scope).hosts(&group.selector);
    // Whoever it stands for is not known without every run that it names.
    let runs = runs_named(ctx, &group.selector.to_string());
    let is_known = |number: &RunNumber| ctx.run_numbered(*number).is_some();
    let covered = runs.iter().all(is_known) && permit(ctx, caller, Verb::Manage, &members).is_ok();
    if covered && (own || lasting && !members.is_empty()) {
        return Ok(());
    }
    Err(Refusal::new(
        Code::Denied,
        format!("`@{name}` stands for hosts that you may not change. Nothing was changed."),
        "Use another name, or ask somebody who may change those hosts.",
    ))
}

/// How a group would hold itself: `@a` holds `@b`, which holds `@a`. Each group is looked at once.
fn circle(groups: &BTreeMap<String, Group>, name: &str, selector: &Selector) -> Option<String> {
    // Every group that it would hold, with the one that holds it.
    let mut held_by: BTreeMap<&str, &str> = BTreeMap::new();
    let mut open: Vec<(&str, &Selector)> = vec![(name, selector)];
    while let Some((holder, selector)) = open.pop() {
        for held in selector.groups() {
            if held == name {
                return Some(way(&held_by, name, holder));
            }
            if !held_by.contains_key(held) {
                held_by.insert(held, holder);
                open.extend(groups.get(held).map(|group| (held, &group.selector)));
            }
        }
    }
    None
}

fn way(held_by: &BTreeMap<&str, &str>, name: &str, last: &str) -> String {
    let mut back = vec![last];
    while let Some(holder) = back.last().and_then(|held| held_by.get(held)) {
        back.push(holder);
    }
    let between = back.iter().rev().skip(1);
    let shown: Vec<String> = between
        .chain([&name])
        .map(|held| format!("`@{held}`"))
        .collect();
    format!("`@{name}` holds {}", shown.join(", which holds "))
}

/// How deep groups hold one another at most, once this one is saved. There is no circle in them.
fn depth(groups: &BTreeMap<String, Group>, name: &str, selector: &Selector) -> usize {
    fn below<'g>(
        name: &'g str,
        held: &dyn Fn(&str) -> Vec<&'g str>,
        known: &mut BTreeMap<&'g str, usize>,
    ) -> usize {
        if let Some(depth) = known.get(name) {
            return *depth;
        }
        // Ends also where a damaged journal has a circle.
        known.insert(name, 1);
        let deepest = held(name)
            .into_iter()
            .map(|held_name| below(held_name, held, known))
            .max();
        let depth = 1 + deepest.unwrap_or(0);
        known.insert(name, depth);
        depth
    }
    let held = |of: &str| {
        if of == name {
            return selector.groups();
        }
        groups
            .get(of)
            .map_or_else(Vec::new, |group| group.selector.groups())
    };
    let mut known = BTreeMap::new();
    let names = groups.keys().map(String::as_str).chain([name]);
    names
        .map(|name| below(name, &held, &mut known))
        .max()
        .unwrap_or(0)
}
