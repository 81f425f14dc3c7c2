//! Which hosts somebody may see or do something to. What they may not see is to them as what does not exist.

use std::cell::{OnceCell, RefCell};
use std::sync::Arc;

use crate::ask::Right;
use crate::fleet::Seen;
use crate::history::Sight;
use crate::ids::{AgentId, RunNumber};
use crate::journal::HostEntry;
use crate::policy::{Grant, Verb};
use crate::refusal::{Code, Meant, Refusal};
use crate::run::{Options, Origin, Run, Target, What};
use crate::selector::error::mark;
use crate::selector::fold::fold;
use crate::selector::{
    Evaluator, Host, Resolution, Scope, Selector, SelectorError, SelectorErrorKind,
};
use crate::text::sentence;

use super::Context;
use super::caller::{Caller, denied, require, who_may};
use super::stop::not_found;

/// The hosts that may come back, as selectors see them. Both maps are in the order of ids, so nothing is looked up.
pub(super) fn hosts<'a>(ctx: &Context<'a>) -> Vec<Host<'a>> {
    let mut fleet = ctx.fleet.iter().peekable();
    let mut hosts = Vec::with_capacity(ctx.state.hosts.len());
    for (id, host) in ctx.state.hosts.iter().filter(|(_, host)| !host.revoked) {
        while fleet.next_if(|(agent, _)| agent < id).is_some() {}
        let presence = fleet.next_if(|(agent, _)| agent == id);
        let seen = presence.map_or(Seen::UNKNOWN, |(_, presence)| presence.seen(ctx.now_ms));
        hosts.push(with_seen(*id, host, seen));
    }
    hosts
}

/// A host as selectors see it.
pub(super) fn as_host<'a>(ctx: &Context<'a>, id: AgentId, host: &'a HostEntry) -> Host<'a> {
    with_seen(id, host, ctx.fleet.seen(id, ctx.now_ms))
}

/// A host as grants see it: by its name and labels, never by what is told of it.
pub(super) fn as_granted(id: AgentId, host: &HostEntry) -> Host<'_> {
    with_seen(id, host, Seen::UNKNOWN)
}

fn with_seen<'a>(id: AgentId, host: &'a HostEntry, seen: Seen<'a>) -> Host<'a> {
    Host {
        id,
        name: &host.enrolment.name,
        labels: &host.labels,
        online: seen.online,
        stale: seen.stale,
        draining: host.draining.is_some(),
        told: seen.told,
    }
}

/// What a grant must give whole for a run of this with these options.
pub(super) const fn to_run(what: &What, options: &Options) -> &'static [Verb] {
    match what.verb() {
        Verb::Update => &[Verb::Update],
        Verb::Manage => &[Verb::Manage],
        Verb::View | Verb::Run | Verb::Cancel | Verb::Hold | Verb::Leave if options.leave => {
            &[Verb::Run, Verb::Leave]
        }
        Verb::View | Verb::Run | Verb::Cancel | Verb::Hold | Verb::Leave => &[Verb::Run],
    }
}

/// Calls `f` with what the selector of a request may refer to.
pub(super) fn with_scope<T>(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    f: impl FnOnce(Scope<'_>) -> T,
) -> T {
    let everything = Scope {
        groups: &ctx.state.groups,
        groups_readable: true,
        groups_strict: true,
        stale: &|_| None,
        run: &|number| ctx.run_numbered(number).map(AsRef::as_ref),
        agent_version: ctx.agent_version(),
        seed: ctx.fresh.seed(),
    };
    // All hosts are looked at when the first group is named.
    let all = OnceCell::new();
    let strict = RefCell::new(None);
    let stale = |name: &str| {
        let group = ctx.state.groups.get(name)?;
        let mut strict = strict.borrow_mut();
        let evaluator = strict.get_or_insert_with(|| {
            let all: &Vec<Host<'_>> = all.get_or_init(|| hosts(ctx));
            Evaluator::new(all, everything)
        });
        let errors = evaluator.resolve(&group.selector).err()?;
        errors.first().map(|error| error.kind.to_string())
    };
    f(Scope {
        groups_readable: ctx.state.groups.is_empty() || sees_all(ctx, caller),
        groups_strict: false,
        stale: &stale,
        run: &|number| seen_run(ctx, caller, number).map(AsRef::as_ref),
        ..everything
    })
}

/// Whether somebody may see every host, and so may read anything that names one.
pub(super) fn sees_all(ctx: &Context<'_>, caller: &Caller<'_>) -> bool {
    matches!(caller, Caller::Socket { .. })
        || hosts(ctx)
            .iter()
            .all(|host| allows(ctx, caller, Verb::View, host))
}

/// A run, when the caller may see it: one that they may not see is to them as one that does not exist.
pub(super) fn seen_run<'a>(
    ctx: &Context<'a>,
    caller: &Caller<'_>,
    number: RunNumber,
) -> Option<&'a Arc<Run>> {
    let run = ctx.run_numbered(number)?;
    let may = covers_run(ctx, caller, Verb::View, &run.spec.targets);
    may.is_ok().then_some(run)
}

/// Whether somebody may do something to a run: one grant must cover every host of it.
pub(super) fn covers_run(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    verb: Verb,
    targets: &[Target],
) -> Result<(), Refusal> {
    require(ctx, caller, Right::Grant(verb))?;
    // Hosts that were removed keep guarding what was done on them.
    let host = |target: &Target| {
        let entry = ctx.state.hosts.get(&target.agent)?;
        Some(as_granted(target.agent, entry))
    };
    let hosts: Option<Vec<Host<'_>>> = targets.iter().map(host).collect();
    let hosts = hosts.ok_or_else(|| match caller {
        Caller::Person { who, .. } => denied(ctx, *who, verb),
        Caller::Socket { .. } => not_found(),
    })?;
    permit(ctx, caller, verb, &hosts.iter().collect::<Vec<_>>()).map(|_| ())
}

/// The runs that the caller may see, as [`covers_run`] decides of each: hosts that were removed keep guarding what was done on them.
pub(super) fn sight(ctx: &Context<'_>, caller: &Caller<'_>) -> Sight {
    let who = match caller {
        Caller::Socket { .. } => return Sight::Everything,
        Caller::Person { who, .. } => *who,
    };
    let under = |grant: &Grant| {
        let hosts = ctx.state.hosts.iter();
        let covered = hosts.filter(|(id, host)| grant.hosts.contains(&as_granted(**id, host)));
        covered.map(|(id, _)| *id).collect()
    };
    let grants = ctx.settings.policy.giving(who, Verb::View);
    Sight::Under(grants.map(under).collect())
}

fn allows(ctx: &Context<'_>, caller: &Caller<'_>, verb: Verb, host: &Host<'_>) -> bool {
    match caller {
        Caller::Socket { .. } => true,
        Caller::Person { who, .. } => ctx.settings.policy.allows_host(*who, verb, host),
    }
}

pub(super) fn visible<'a>(
    ctx: &Context<'a>,
    caller: &Caller<'_>,
    mut hosts: Vec<Host<'a>>,
) -> Vec<Host<'a>> {
    hosts.retain(|host| allows(ctx, caller, Verb::View, host));
    hosts
}

/// The hosts that the caller may see, or do one of these to. A host of which they may do none is to them as one that does not exist: no
/// selector of theirs stands for it, so that nothing tells its name, and nothing tells that a guess was right.
pub(super) fn known<'a>(ctx: &Context<'a>, caller: &Caller<'_>, verbs: &[Verb]) -> Vec<Host<'a>> {
    let mut hosts = hosts(ctx);
    hosts.retain(|host| {
        let mut any = [Verb::View].iter().chain(verbs);
        any.any(|verb| allows(ctx, caller, *verb, host))
    });
    hosts
}

/// What a selector stands for among the hosts that the caller knows, when one grant gives the verb on every host of it.
pub(super) fn named<'a>(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    verb: Verb,
    on: &str,
    known: &'a [Host<'a>],
) -> Result<Named<'a>, Refusal> {
    let resolution = Selector::parse(on)
        .and_then(|selector| with_scope(ctx, caller, |scope| selector.resolve(known, scope)))
        .map_err(|errors| bad_selector(on, verb, &errors))?;
    let named: Vec<&Host<'_>> = known
        .iter()
        .filter(|host| resolution.contains(host.id))
        .collect();
    let origin = permit(ctx, caller, verb, &named)?;
    Ok(Named {
        resolution,
        hosts: named,
        origin,
    })
}

/// Hosts that somebody may do something to.
pub(super) struct Named<'a> {
    /// What the selector stands for.
    pub(super) resolution: Resolution,
    /// The same hosts.
    pub(super) hosts: Vec<&'a Host<'a>>,
    /// Who asks, and what allows it.
    pub(super) origin: Origin,
}

/// What allows something on every one of these hosts.
pub(super) fn permit(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    verb: Verb,
    hosts: &[&Host<'_>],
) -> Result<Origin, Refusal> {
    let (who, name, place) = match caller {
        Caller::Socket { user } => {
            let user = (*user).to_owned();
            return Ok(Origin::Socket { user });
        }
        Caller::Person { who, name, place } => (*who, *name, *place),
    };
    let policy = &ctx.settings.policy;
    let outside = match policy.grant_for(who, verb, hosts) {
        Ok(grant) => {
            return Ok(Origin::Chat {
                user: who.user,
                name: name.to_owned(),
                place,
                grant: grant.id.clone(),
            });
        }
        Err(outside) => outside,
    };
    if outside.is_empty() {
        let what = format!(
            "You may not {} all of these at once: no grant of yours covers them together. Nothing was done.",
            to(verb)
        );
        let part = folded(&policy.largest_part(who, verb, hosts));
        let next = format!("Do it in parts, first on {part}.");
        return Err(Refusal::new(Code::Denied, what, next));
    }
    let viewable: Vec<&Host<'_>> = outside
        .iter()
        .copied()
        .filter(|host| policy.allows_host(who, Verb::View, host))
        .collect();
    let leave = match outside.len() {
        1 => "Leave it out",
        _ => "Leave them out",
    };
    let to = to(verb);
    if viewable.len() < outside.len() {
        let n = outside.len();
        let what = format!("You may not {to} {n} of these hosts. Nothing was done.");
        let next = "Name only hosts that `/hosts` shows you.";
        return Err(Refusal::new(Code::Denied, what, next));
    }
    let next = match who_may(ctx, who.channel, verb, &viewable) {
        Some(names) => format!("{leave}, or ask {names}, who may."),
        None => format!("{leave}: nobody may here."),
    };
    let what = format!("You may not {to} {}. Nothing was done.", folded(&viewable));
    // Whoever does it instead must be allowed all of it.
    let others = who_may(ctx, who.channel, verb, hosts);
    Err(Refusal::new(Code::Denied, what, next).but_others_may(others))
}

/// What allows a run with these options on hosts that may be run on: one grant that gives all of it.
pub(super) fn permit_run(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    (what, options): (&What, &Options),
    hosts: &[&Host<'_>],
) -> Result<Origin, Refusal> {
    let origin = permit(ctx, caller, what.verb(), hosts)?;
    let (Caller::Person { who, name, place }, true) = (caller, options.leave) else {
        return Ok(origin);
    };
    let policy = &ctx.settings.policy;
    let grant = policy.grant_with(*who, to_run(what, options), hosts);
    let grant = grant.ok_or_else(|| {
        let others = who_may(ctx, who.channel, Verb::Leave, hosts);
        let next = match &others {
            Some(names) => format!("Leave `leave:` out, or ask {names}, who may."),
            None => "Leave `leave:` out: nobody may here.".to_owned(),
        };
        let what = "You may run this here, but not leave processes running. Nothing was run.";
        Refusal::new(Code::Denied, what, next).but_others_may(others)
    })?;
    Ok(Origin::Chat {
        user: who.user,
        name: (*name).to_owned(),
        place: *place,
        grant: grant.id.clone(),
    })
}

/// The verb before the names of hosts.
fn to(verb: Verb) -> String {
    match verb {
        Verb::Manage => "change".to_owned(),
        Verb::Update => "update".to_owned(),
        Verb::Leave => "leave processes running on".to_owned(),
        Verb::View | Verb::Run | Verb::Cancel | Verb::Hold => format!("{verb} on"),
    }
}

pub(super) fn bad_selector(on: &str, verb: Verb, errors: &[SelectorError]) -> Refusal {
    let nothing = match verb {
        Verb::Run => "Nothing was run.",
        Verb::View | Verb::Cancel | Verb::Hold | Verb::Manage | Verb::Leave | Verb::Update => {
            "Nothing was done."
        }
    };
    let (what, next) = match errors {
        // A backtick would end the code span of the heading, and a card's block has none.
        [error] if !on.contains('`') => one_mistake(on, error, nothing),
        errors => mistakes(on, errors, nothing),
    };
    Refusal {
        meant: meant(on, errors).map(Box::new),
        ..Refusal::new(Code::Selector, what, next)
    }
}

/// What helps where nothing better is known.
const EXAMPLES: &str =
    "Write for example `web-01`, `web*`, `web[01-03]`, `role=web env=prod`, `all !db-02`.";

/// What is wrong, marked where that says more, and what to do about just that.
fn one_mistake(on: &str, error: &SelectorError, nothing: &str) -> (String, String) {
    let mut what = format!("{} {nothing}", sentence(&error.kind.to_string()));
    let part = on.get(error.start..error.end).unwrap_or_default();
    let is_all = part.trim() == on.trim() || matches!(error.kind, SelectorErrorKind::TooLong(_));
    if !is_all {
        what.push('\n');
        what.push_str(&mark(on, error));
    }
    let next = match error.hint.as_str() {
        "" => EXAMPLES.to_owned(),
        hint => sentence(hint),
    };
    (what, next)
}

/// Each place with what is wrong there.
fn mistakes(on: &str, errors: &[SelectorError], nothing: &str) -> (String, String) {
    let places = match errors.len() {
        1 => String::new(),
        n => format!(" in {n} places"),
    };
    let mut what = format!("The hosts are named wrongly{places}. {nothing}");
    for error in errors {
        let hint = match error.hint.as_str() {
            "" => String::new(),
            hint => format!("; {hint}"),
        };
        what.push_str(&format!("\n{}\n{error}{hint}", mark(on, error)));
    }
    (what, EXAMPLES.to_owned())
}

/// What was meant, when one name is all that is wrong and another one is near.
fn meant(on: &str, errors: &[SelectorError]) -> Option<Meant> {
    let [error] = errors else { return None };
    let name = error.nearest.clone()?;
    let typed = on.get(error.start..error.end)?.to_owned();
    let (before, after) = (on.get(..error.start)?, on.get(error.end..)?);
    let on = format!("{before}{name}{after}");
    Some(Meant::Name { typed, name, on })
}

pub(super) fn folded(hosts: &[&Host<'_>]) -> String {
    fold(hosts.iter().map(|host| host.name.as_str()))
}
