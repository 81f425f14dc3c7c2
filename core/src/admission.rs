//! The one function that every entry point asks: may this happen, and what exactly would happen?
//!
//! Authenticate, parse, resolve the selector to a frozen set, policy, limits: in this order, from memory. Whoever has no grant for what
//! is asked learns nothing else, no host's name and no error in a selector.

use std::cell::{OnceCell, RefCell};

use crate::ids::{AgentId, RunNumber};
use crate::journal::{HostEntry, State};
use crate::policy::{Policy, Verb, Who};
use crate::principal::Asker;
use crate::refusal::{Code, Refusal};
use crate::run::{Run, Target};
use crate::selector::complete::{self, Choice, Recent};
use crate::selector::error::mark;
use crate::selector::fold::fold;
use crate::selector::{Evaluator, Host, Resolution, Scope, Selector, SelectorError, Told};

pub use inventory::{
    GroupRow, LabelChange, admit_drain, admit_group_remove, admit_group_save, admit_groups,
    admit_labels,
};
pub use run::{Ask, Confirm, Plan, RunRequest, admit_preview, admit_run, own_preview};

mod check;
mod inventory;
mod run;

/// What decisions rest on, at one moment.
pub struct Context<'a> {
    /// The folded journal.
    pub state: &'a State,
    /// The grants.
    pub policy: &'a Policy,
    /// The guilds that are served.
    pub guilds: &'a [u64],
    /// What is known of a host at this moment.
    pub seen: &'a dyn Fn(AgentId) -> Seen<'a>,
    /// The version that agents should have.
    pub agent_version: &'a str,
    /// What a `pick:` draws by, drawn itself for this one request.
    pub seed: u64,
    /// More hosts than this are shown before anything runs on them.
    pub confirm_hosts: usize,
}

/// What is known of a host at this moment, beside the journal.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen<'a> {
    /// It has a link.
    pub online: bool,
    /// Its link has been silent for longer than it should be.
    pub stale: bool,
    /// What its agent tells.
    pub told: Told<'a>,
}

/// Runs offered while a selector is typed: each is asked for rights on every one of its hosts.
const RUNS_OFFERED_MAX: usize = 20;

/// Runs looked through for the selectors that somebody used before.
const RUNS_REMEMBERED_MAX: usize = 500;

/// Asks to see hosts; nothing typed means all that the asker may see. Gives their ids, and the normal form of what was typed.
///
/// # Errors
/// The refusal to show.
pub fn admit_hosts(
    ctx: &Context<'_>,
    asker: &Asker,
    on: &str,
) -> Result<(Vec<AgentId>, String), Refusal> {
    authenticate(ctx, asker)?;
    require_any(ctx, asker, Verb::View)?;
    let visible = visible(ctx, asker, hosts(ctx));
    if on.trim().is_empty() {
        return Ok((visible.iter().map(|host| host.id).collect(), String::new()));
    }
    let bad = |errors: Vec<SelectorError>| bad_selector(on, Verb::View, &errors);
    let selector = Selector::parse(on).map_err(bad)?;
    let resolution = with_scope(ctx, asker, |scope| selector.resolve(&visible, scope));
    let resolution = resolution.map_err(bad)?;
    Ok((resolution.hosts, selector.to_string()))
}

/// Completes a selector that is being typed, from the hosts that the asker may run on or see. Never refuses: an asker without rights
/// gets nothing.
#[must_use]
pub fn complete(ctx: &Context<'_>, asker: &Asker, typed: &str) -> Vec<Choice> {
    if authenticate(ctx, asker).is_err() {
        return Vec::new();
    }
    let hosts = known(ctx, asker, &[Verb::Run, Verb::Manage]);
    if hosts.is_empty() {
        return Vec::new();
    }
    let run = |number| seen_run(ctx, asker, number);
    let newest = || ctx.state.numbers.iter().rev();
    // Each is asked for rights on all of its hosts, so only when one is being typed.
    let wanted = if complete::is_about_runs(typed) {
        RUNS_OFFERED_MAX
    } else {
        0
    };
    let runs: Vec<&Run> = newest()
        .take(wanted)
        .filter_map(|(number, _)| run(*number))
        .collect();
    // Their own words tell nobody anything new.
    let own = newest()
        .take(RUNS_REMEMBERED_MAX)
        .filter_map(|(_, id)| ctx.state.runs.get(id))
        .filter(|run| run.spec.by == asker.principal());
    let mut selectors: Vec<&str> = Vec::new();
    for run in own {
        if !selectors.contains(&run.spec.selector.as_str()) {
            selectors.push(&run.spec.selector);
        }
    }
    let recent = Recent {
        selectors: &selectors,
        runs: &runs,
    };
    with_scope(ctx, asker, |scope| {
        complete::complete(typed, &hosts, scope, recent)
    })
}

/// Asks for something that a grant gives as a whole, whatever the hosts: to see runs, or to put new ones on hold.
///
/// # Errors
/// The refusal to show.
pub fn admit(ctx: &Context<'_>, asker: &Asker, verb: Verb) -> Result<(), Refusal> {
    authenticate(ctx, asker)?;
    require_any(ctx, asker, verb)
}

/// Asks to do something to a run: the grant must cover every host of it.
///
/// # Errors
/// The refusal to show. A run that the asker may not see looks like one that does not exist.
pub fn admit_on_run(
    ctx: &Context<'_>,
    asker: &Asker,
    verb: Verb,
    targets: &[Target],
) -> Result<(), Refusal> {
    authenticate(ctx, asker)?;
    require_any(ctx, asker, verb)?;
    // Hosts that were removed keep guarding what was done on them.
    let hosts: Option<Vec<Host<'_>>> = targets
        .iter()
        .map(|target| {
            Some(as_host(
                ctx,
                target.agent,
                ctx.state.hosts.get(&target.agent)?,
            ))
        })
        .collect();
    let hosts = hosts.ok_or_else(|| denied(verb))?;
    permit(ctx, asker, verb, &hosts.iter().collect::<Vec<_>>()).map(|_| ())
}

/// The hosts that may come back, as selectors see them.
#[must_use]
pub fn hosts<'a>(ctx: &Context<'a>) -> Vec<Host<'a>> {
    let entries = ctx.state.hosts.iter().filter(|(_, host)| !host.revoked);
    entries.map(|(id, host)| as_host(ctx, *id, host)).collect()
}

/// A host as selectors see it.
#[must_use]
pub fn as_host<'a>(ctx: &Context<'a>, id: AgentId, host: &'a HostEntry) -> Host<'a> {
    let seen = (ctx.seen)(id);
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

/// Calls `f` with what the selector of a request may refer to.
fn with_scope<T>(ctx: &Context<'_>, asker: &Asker, f: impl FnOnce(Scope<'_>) -> T) -> T {
    let everything = Scope {
        groups: &ctx.state.groups,
        groups_readable: true,
        groups_strict: true,
        stale: &|_| None,
        run: &|number| ctx.state.run_numbered(number),
        agent_version: ctx.agent_version,
        seed: ctx.seed,
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
        groups_readable: ctx.state.groups.is_empty() || sees_all(ctx, asker),
        groups_strict: false,
        stale: &stale,
        run: &|number| seen_run(ctx, asker, number),
        ..everything
    })
}

/// Whether somebody may see every host, and so may read anything that names one.
fn sees_all(ctx: &Context<'_>, asker: &Asker) -> bool {
    who(asker).is_none()
        || hosts(ctx)
            .iter()
            .all(|host| allows(ctx, asker, Verb::View, host))
}

/// A run, when the asker may see it: one that they may not see is to them as one that does not exist.
fn seen_run<'a>(ctx: &'a Context<'_>, asker: &Asker, number: RunNumber) -> Option<&'a Run> {
    let run = ctx.state.run_numbered(number)?;
    let may = admit_on_run(ctx, asker, Verb::View, &run.spec.targets);
    may.is_ok().then_some(run)
}

fn authenticate(ctx: &Context<'_>, asker: &Asker) -> Result<(), Refusal> {
    let Asker::Discord { bot, guild, .. } = asker else {
        return Ok(());
    };
    match guild {
        None => Err(Refusal::new(
            Code::GuildOnly,
            "Commands are taken in a server's channels, not in direct messages. Nothing was run.",
            "Ask again in a channel where you have a grant.",
        )),
        Some(guild) if !ctx.guilds.contains(guild) => Err(Refusal::new(
            Code::Guild,
            "This controller does not serve this Discord server. Nothing was run.",
            "Its operator can add the server's id to `guilds` in the configuration.",
        )),
        Some(_) if *bot => Err(denied(Verb::Run)),
        Some(_) => Ok(()),
    }
}

fn require_any(ctx: &Context<'_>, asker: &Asker, verb: Verb) -> Result<(), Refusal> {
    match who(asker) {
        Some(who) if !ctx.policy.gives_any(who, verb) => Err(denied(verb)),
        Some(_) | None => Ok(()),
    }
}

fn denied(verb: Verb) -> Refusal {
    Refusal::new(
        Code::Denied,
        format!("You have no grant to {verb} in this channel. Nothing was done."),
        "Ask the operators for a grant, or use a channel where you have one.",
    )
}

/// The person as grants see them; nothing for the admin socket, which may do everything.
fn who(asker: &Asker) -> Option<Who<'_>> {
    match asker {
        Asker::Discord {
            user,
            channel,
            parent_channel,
            roles,
            ..
        } => Some(Who {
            user: *user,
            roles,
            channel: parent_channel.unwrap_or(*channel),
        }),
        Asker::Local { .. } => None,
    }
}

fn allows(ctx: &Context<'_>, asker: &Asker, verb: Verb, host: &Host<'_>) -> bool {
    who(asker).is_none_or(|who| ctx.policy.allows_host(who, verb, host))
}

fn visible<'a>(ctx: &Context<'a>, asker: &Asker, mut hosts: Vec<Host<'a>>) -> Vec<Host<'a>> {
    hosts.retain(|host| allows(ctx, asker, Verb::View, host));
    hosts
}

/// The hosts that the asker may see, or do one of these to. A host of which they may do none is to them as one that does not exist: no
/// selector of theirs stands for it, so that nothing tells its name, and nothing tells that a guess was right.
fn known<'a>(ctx: &Context<'a>, asker: &Asker, verbs: &[Verb]) -> Vec<Host<'a>> {
    let mut hosts = hosts(ctx);
    hosts.retain(|host| {
        let mut any = [Verb::View].iter().chain(verbs);
        any.any(|verb| allows(ctx, asker, *verb, host))
    });
    hosts
}

/// What a selector stands for among the hosts that the asker knows, when one grant gives the verb on every host of it.
fn named<'a>(
    ctx: &Context<'_>,
    asker: &Asker,
    verb: Verb,
    on: &str,
    known: &'a [Host<'a>],
) -> Result<Named<'a>, Refusal> {
    let resolution = Selector::parse(on)
        .and_then(|selector| with_scope(ctx, asker, |scope| selector.resolve(known, scope)))
        .map_err(|errors| bad_selector(on, verb, &errors))?;
    let named: Vec<&Host<'_>> = known
        .iter()
        .filter(|host| resolution.contains(host.id))
        .collect();
    let grant = permit(ctx, asker, verb, &named)?;
    Ok(Named {
        resolution,
        hosts: named,
        grant,
    })
}

/// Hosts that somebody may do something to.
struct Named<'a> {
    resolution: Resolution,
    hosts: Vec<&'a Host<'a>>,
    /// The grant that allows it; nothing for the command line.
    grant: Option<String>,
}

fn permit(
    ctx: &Context<'_>,
    asker: &Asker,
    verb: Verb,
    hosts: &[&Host<'_>],
) -> Result<Option<String>, Refusal> {
    let Some(who) = who(asker) else {
        return Ok(None);
    };
    let outside = match ctx.policy.grant_for(who, verb, hosts) {
        Ok(grant) => return Ok(Some(grant.id.clone())),
        Err(outside) => outside,
    };
    if outside.is_empty() {
        return Err(Refusal::new(
            Code::Denied,
            format!(
                "No single grant of yours lets you {} all of these hosts. Nothing was done.",
                to(verb)
            ),
            "Do it in parts: one for each grant.",
        ));
    }
    let viewable: Vec<&Host<'_>> = outside
        .iter()
        .copied()
        .filter(|host| ctx.policy.allows_host(who, Verb::View, host))
        .collect();
    let what = if viewable.len() == outside.len() {
        format!(
            "You may not {} {}. Nothing was done.",
            to(verb),
            folded(&viewable)
        )
    } else {
        format!(
            "You may not {} {} of these hosts. Nothing was done.",
            to(verb),
            outside.len()
        )
    };
    Err(Refusal::new(
        Code::Denied,
        what,
        "Name only hosts that your grants cover.",
    ))
}

/// The verb before the names of hosts.
fn to(verb: Verb) -> String {
    match verb {
        Verb::Manage => "manage".to_owned(),
        Verb::View | Verb::Run | Verb::Cancel | Verb::Hold => format!("{verb} on"),
    }
}

fn bad_selector(on: &str, verb: Verb, errors: &[SelectorError]) -> Refusal {
    let shown: Vec<String> = errors
        .iter()
        .map(|error| {
            let hint = if error.hint.is_empty() {
                String::new()
            } else {
                format!("; {}", error.hint)
            };
            format!(
                "{}
{error}{hint}",
                mark(on, error)
            )
        })
        .collect();
    let shown = shown.join(
        "
",
    );
    Refusal::new(
        Code::Selector,
        match verb {
            Verb::Run => format!("The selector does not name hosts. Nothing was run.\n{shown}"),
            Verb::View | Verb::Cancel | Verb::Hold | Verb::Manage => {
                format!("The selector does not name hosts. Nothing was done.\n{shown}")
            }
        },
        "Names, globs, ranges and labels work: `web-01`, `web*`, `web[01-03]`, `role=web env=prod`, `!db-02`, `all`.",
    )
}

fn folded(hosts: &[&Host<'_>]) -> String {
    fold(hosts.iter().map(|host| host.name.as_str()))
}

#[cfg(test)]
mod tests;
