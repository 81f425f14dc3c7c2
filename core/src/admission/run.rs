//! Asking for a run, and confirming one that was shown first.
//!
//! What is shown is fixed: the hosts, which of them were away, the command. A press runs exactly that, or nothing.

use crate::ask::{Answer, Confirm, Part, RunOption, RunRequest};
use crate::ids::{AgentId, HostName, RunId};
use crate::journal::{Kind, Needs, Proposal};
use crate::limits;
use crate::policy::Verb;
use crate::refusal::{Code, Refusal};
use crate::run::{
    Away, Input, InputKind, Offline, Options, Phase, Rollout, Spec, Strategy, Target, What,
};
use crate::selector::{self, Host};
use crate::text::count;

use super::caller::Caller;
use super::hold::not_on_hold;
use super::hosts::{Named, as_host, covers_run, folded, known, named, permit_run};
use super::room::has_room;
use super::seen::was_seen;
use super::stop::not_found;
use super::{Change, Context, Found, characters, check, repeat, rollout, upkeep};

/// A run that may happen: exactly this, on exactly these hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The run.
    pub spec: Spec,
    /// Why the person must see it first; empty when it may run as it is.
    pub cautions: Vec<Caution>,
    /// Hosts that an exclusion removed and that the asker may see, for whoever is shown it.
    pub excluded: Vec<HostName>,
    /// Names of ranges that no host has.
    pub absent: Vec<String>,
    /// What an update finds; nothing of anything else.
    pub found: Option<Found>,
}

/// Why somebody is asked before anything runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caution {
    /// `all` was named.
    Every,
    /// More hosts than this.
    Many(usize),
    /// Some hosts are away, and nothing was said about those.
    Away,
    /// Agents are replaced.
    Update,
}

/// Asks for a run. Whoever asks on the socket looked at it before, where that is needed, and says so.
pub(super) fn admit(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    request: &RunRequest,
) -> Result<Plan, Refusal> {
    let mut plan = wanted(ctx, caller, request)?;
    if let Caller::Socket { .. } = caller {
        was_seen(&plan, request.typed.get(RunOption::Seen))?;
        plan.cautions.clear();
    }
    Ok(plan)
}

/// What somebody wants, with why they should see it first.
pub(super) fn wanted(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    request: &RunRequest,
) -> Result<Plan, Refusal> {
    not_on_hold(ctx, caller)?;
    has_room(ctx)?;
    if let Some(asked) = &request.upkeep {
        return upkeep::wanted(ctx, caller, request, asked);
    }
    let mut typed = request.typed.clone();
    let mut command = request.command.clone();
    let mut input = request.input.clone();
    if let Some(input) = &input {
        command = input.command(&command);
    }
    if let Some(like) = request.like {
        let like = ctx.run_of(like).ok_or_else(not_found)?;
        // What it was given comes along: only for who may see it.
        covers_run(ctx, caller, Verb::View, &like.spec.targets).map_err(|_| not_found())?;
        typed = typed.over(like.spec.typed());
        input = input.or_else(|| like.spec.input.clone());
    }
    let command = check::command(caller, &command)?;
    if let Some(input) = &input {
        check::input(input, &command)?;
    }
    if !check::switch(&typed, RunOption::Exact)? {
        characters::check(caller, &command)?;
    }
    let wanted = Wanted {
        what: What::Shell(command),
        input,
        offline: check::offline(typed.get(RunOption::Offline))?,
        rollout: rollout::rollout(caller, &typed)?,
        options: check::options(caller, &typed)?,
    };
    let plan = plan(ctx, caller, &request.on, wanted)?;
    check::is_kept(ctx, caller, plan.spec.input.as_ref())?;
    // What an earlier run had is cut to what there is.
    if request.typed.get(RunOption::Batch).is_some() {
        let strategy = &plan.spec.strategy;
        rollout::fits(strategy.rollout.as_ref(), plan.spec.targets.len())?;
    }
    Ok(plan)
}

/// Asks for what was run before. Whoever asks on the socket looked at it before, as with [`admit`].
pub(super) fn again(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    id: RunId,
    part: &Part,
    seen: Option<&str>,
) -> Result<Plan, Refusal> {
    let mut plan = wanted_again(ctx, caller, id, part)?;
    match caller {
        Caller::Socket { .. } => {
            was_seen(&plan, seen)?;
            plan.cautions.clear();
        }
        Caller::Person { .. } => repeat::not_pressed_twice(ctx, &caller.principal(), &plan.spec)?,
    }
    Ok(plan)
}

/// What was run before: exactly that, under the rights of who asks now, as if they had typed it.
pub(super) fn wanted_again(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    id: RunId,
    part: &Part,
) -> Result<Plan, Refusal> {
    not_on_hold(ctx, caller)?;
    has_room(ctx)?;
    let run = ctx.run_of(id).ok_or_else(not_found)?;
    let wanted = Wanted {
        what: run.spec.what.clone(),
        input: run.spec.input.clone(),
        options: run.spec.options.clone(),
        offline: match part {
            Part::All | Part::Failed | Part::Odd | Part::These(_) => None,
            Part::Missed => Some(Offline::Queue {
                for_ms: limits::QUEUE_MS.1,
            }),
        },
        rollout: run.spec.strategy.rollout.clone(),
    };
    let plan = plan(ctx, caller, &part.selector(run.number), wanted)?;
    check::is_kept(ctx, caller, plan.spec.input.as_ref())?;
    Ok(plan)
}

/// What is wanted besides the hosts.
pub(super) struct Wanted {
    pub(super) what: What,
    pub(super) input: Option<Input>,
    pub(super) offline: Option<Offline>,
    pub(super) rollout: Option<Rollout>,
    pub(super) options: Options,
}

pub(super) fn plan(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    on: &str,
    wanted: Wanted,
) -> Result<Plan, Refusal> {
    let offline = wanted.offline;
    let verb = wanted.what.verb();
    let hosts = known(ctx, caller, &[verb]);
    let Named {
        resolution,
        hosts: named,
        origin,
    } = named(ctx, caller, verb, on, &hosts)?;
    let (named, found) = upkeep::fitting(ctx, caller, &wanted.what, named)?;
    if wanted.input.is_some() || wanted.options.terminal.is_own() {
        new_enough(ctx, &named, wanted.input.as_ref())?;
    }
    let origin = if wanted.options.leave {
        permit_run(ctx, caller, (&wanted.what, &wanted.options), &named)?
    } else {
        origin
    };
    let mut targets: Vec<Target> = named
        .iter()
        .map(|host| Target {
            agent: host.id,
            name: host.name.clone(),
            away: away(host),
        })
        .collect();
    targets.sort_by_key(|target| target.agent);
    if !matches!(offline, Some(Offline::Queue { .. })) {
        some_ready(caller, &named)?;
    }
    let excluded = hosts
        .iter()
        .filter(|host| resolution.excluded.binary_search(&host.id).is_ok());
    let mut cautions = cautions(ctx, resolution.every, &targets, offline);
    cautions.extend(upkeep::caution(&wanted.what));
    let ids: Vec<AgentId> = targets.iter().map(|target| target.agent).collect();
    Ok(Plan {
        cautions,
        excluded: excluded.map(|host| host.name.clone()).collect(),
        absent: resolution.absent,
        found,
        spec: Spec {
            id: ctx.fresh.run(),
            origin,
            what: wanted.what,
            input: wanted.input,
            selector: on.trim().to_owned(),
            targets,
            digest: selector::digest(&ids),
            seed: resolution.drawn.then_some(ctx.fresh.seed()),
            strategy: Strategy {
                offline: offline.unwrap_or(Offline::Fail),
                rollout: wanted.rollout,
            },
            options: wanted.options,
        },
    })
}

fn cautions(
    ctx: &Context<'_>,
    every: bool,
    targets: &[Target],
    offline: Option<Offline>,
) -> Vec<Caution> {
    let max = ctx.settings.confirm_hosts;
    let any_away = targets.iter().any(|target| target.away.is_some());
    let all = [
        every.then_some(Caution::Every),
        (targets.len() > max).then_some(Caution::Many(max)),
        (any_away && offline.is_none()).then_some(Caution::Away),
    ];
    all.into_iter().flatten().collect()
}

/// Confirms a run that the asker was shown: it runs on the hosts that were shown, whoever has come and gone since. Everything but the
/// set of hosts is decided anew.
pub(super) fn confirm(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    id: RunId,
    choice: Confirm,
) -> Result<Spec, Refusal> {
    let proposal = own_proposal(ctx, caller, id)?;
    if ctx.under_way.accepted.contains(&id) {
        let what = "This is being confirmed already. Nothing was run twice.";
        let next = "Its card is about to come.";
        return Err(Refusal::new(Code::Stale, what, next));
    }
    if ctx.under_way.given_up.contains(&id) {
        let what = "This was taken back. Nothing was run.";
        let next = "Type the command again.";
        return Err(Refusal::new(Code::Stale, what, next));
    }
    if ctx.now_ms > proposal.until_ms {
        return Err(gone("It was shown too long ago to be confirmed now."));
    }
    not_on_hold(ctx, caller)?;
    has_room(ctx)?;
    let shown = &proposal.spec;
    let mut hosts = Vec::with_capacity(shown.targets.len());
    for target in &shown.targets {
        match ctx.state.hosts.get(&target.agent) {
            Some(entry) if !entry.revoked => hosts.push(as_host(ctx, target.agent, entry)),
            Some(_) | None => {
                let what = format!("{} was removed since this was shown.", target.name);
                return Err(gone(&what));
            }
        }
    }
    let all: Vec<&Host<'_>> = hosts.iter().collect();
    let origin = permit_run(ctx, caller, (&shown.what, &shown.options), &all)?;
    upkeep::is_offered(ctx, caller, &shown.what)?;
    check::is_kept(ctx, caller, shown.input.as_ref())?;
    let offline = match choice {
        Confirm::AsAsked => shown.strategy.offline,
        Confirm::OnlineOnly => Offline::Skip,
        Confirm::Queue => Offline::Queue {
            for_ms: limits::QUEUE_MS.1,
        },
    };
    let left_out = |target: &Target| offline == Offline::Skip && target.away.is_some();
    let counted: Vec<&Host<'_>> = hosts
        .iter()
        .zip(&shown.targets)
        .filter(|(_, target)| !left_out(target))
        .map(|(host, _)| host)
        .collect();
    if !matches!(offline, Offline::Queue { .. }) {
        some_ready(caller, &counted)?;
    }
    Ok(Spec {
        origin,
        strategy: Strategy {
            offline,
            ..shown.strategy.clone()
        },
        ..shown.clone()
    })
}

/// Takes back a run that the asker was shown.
pub(super) fn take_back(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    run: RunId,
) -> Result<Change, Refusal> {
    own_proposal(ctx, caller, run)?;
    if ctx.under_way.accepted.contains(&run) {
        let what = "This is being confirmed already.";
        let next = "Stop it with the button on its card.";
        return Err(Refusal::new(Code::Stale, what, next));
    }
    let reason = "taken back by who asked".to_owned();
    let kind = Kind::Expired { run, reason };
    Ok(Change::one(kind, Answer::TakenBack))
}

/// What the asker was shown, while it waits for their word.
fn own_proposal<'a>(
    ctx: &Context<'a>,
    caller: &Caller<'_>,
    id: RunId,
) -> Result<&'a Proposal, Refusal> {
    let principal = caller.principal();
    if let Some(proposal) = ctx.state.proposals.get(&id) {
        let own = match proposal.needs {
            Needs::OwnWord => proposal.spec.origin.principal() == principal,
        };
        return match own {
            true => Ok(proposal),
            false => Err(gone("It was shown to somebody else.")),
        };
    }
    match ctx.run_of(id) {
        Some(run) if run.spec.origin.principal() != principal => {
            Err(gone("This preview is not open any more."))
        }
        Some(run) if matches!(run.phase, Phase::Expired(_)) => {
            let what = format!(
                "This was confirmed as {}, which was not started.",
                run.number
            );
            Err(gone(&what))
        }
        Some(run) => Err(Refusal::new(
            Code::Stale,
            format!(
                "This was confirmed already: it is {}. Nothing was run twice.",
                run.number
            ),
            "Its card is in the channel.",
        )),
        None => Err(gone("This preview is not open any more.")),
    }
}

fn gone(what: &str) -> Refusal {
    Refusal::new(
        Code::Stale,
        format!("{what} Nothing was run."),
        "Type the command again to see how it is now.",
    )
}

const fn away(host: &Host<'_>) -> Option<Away> {
    if !host.online {
        Some(Away::Offline)
    } else if host.draining {
        Some(Away::Draining)
    } else {
        None
    }
}

/// Refuses what the agents of some hosts are too old for. One that is away now is asked when it is back, and then refuses by itself.
fn new_enough(
    ctx: &Context<'_>,
    hosts: &[&Host<'_>],
    input: Option<&Input>,
) -> Result<(), Refusal> {
    let old = |host: &&Host<'_>| {
        let presence = ctx.fleet.get(host.id);
        presence.is_some_and(|presence| presence.link.is_some() && !presence.takes_input)
    };
    let old: Vec<&Host<'_>> = hosts.iter().copied().filter(old).collect();
    if old.is_empty() {
        return Ok(());
    }
    let what = match input {
        Some(input) => match input.kind {
            InputKind::Stdin => "standard input",
            InputKind::Script => "a script",
        },
        None => "a terminal",
    };
    let agents = if old.len() == 1 {
        "agent is"
    } else {
        "agents are"
    };
    let names = folded(&old);
    Err(Refusal::new(
        Code::Unsupported,
        format!("The {agents} too old to give a command {what}: {names}. Nothing was run."),
        "Leave those hosts out, or install the agent of the controller's version there.",
    ))
}

/// Refuses when no host can take an order.
fn some_ready(caller: &Caller<'_>, hosts: &[&Host<'_>]) -> Result<(), Refusal> {
    if hosts.iter().any(|host| away(host).is_none()) {
        return Ok(());
    }
    let (draining, offline): (Vec<&Host<'_>>, Vec<&Host<'_>>) =
        hosts.iter().copied().partition(|host| host.online);
    let what = if draining.is_empty() {
        format!(
            "None of the hosts is online: {}. Nothing was run.",
            folded(&offline)
        )
    } else {
        let also = match offline.is_empty() {
            true => String::new(),
            false => format!(", {} offline", folded(&offline)),
        };
        let are = if draining.len() == 1 { "is" } else { "are" };
        let names = folded(&draining);
        format!("None of the hosts takes new runs: {names} {are} draining{also}. Nothing was run.")
    };
    let look = match caller {
        Caller::Socket { .. } => "`shanty hosts`",
        Caller::Person { .. } => "/hosts",
    };
    let wait = caller.typed(RunOption::Offline, "queue:24h");
    let next = format!("Look with {look} how they are, or wait for them with {wait}.");
    Err(Refusal::new(Code::AllOffline, what, next))
}

impl Caution {
    /// True for what makes a run large.
    #[must_use]
    pub const fn is_danger(self) -> bool {
        match self {
            Self::Every | Self::Many(_) | Self::Update => true,
            Self::Away => false,
        }
    }

    /// What makes it large, as a part of a sentence; nothing for what does not.
    #[must_use]
    pub fn size(self) -> Option<String> {
        match self {
            Self::Every => Some("`all` was named".to_owned()),
            Self::Many(max) => Some(format!("more than {}", count(max, "host"))),
            Self::Away | Self::Update => None,
        }
    }
}
