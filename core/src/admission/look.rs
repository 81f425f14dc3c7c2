//! Questions: what somebody may see. They change nothing, and are answered from a copy of what the hub knows.

use std::sync::Arc;

use crate::ask::{Answer, GroupRow, HostsView, Question, TokenRow};
use crate::history::{Query, Wanted};
use crate::hold::HoldAnswer;
use crate::ids::{AgentId, RunId, RunNumber};
use crate::journal::TokenEntry;
use crate::policy::Verb;
use crate::principal::Asker;
use crate::refusal::Refusal;
use crate::run::Run;
use crate::selector::complete::{self as completion, Choice, Recent};
use crate::selector::{Evaluator, Group, Selector, SelectorError, is_outdated};
use crate::view::HostRow;

use super::caller::{Caller, authenticate, require};
use super::hosts::{
    bad_selector, covers_run, hosts, known, seen_run, sees_all, sight, visible, with_scope,
};
use super::rights::rights;
use super::{Context, seen, upkeep};

/// Runs offered while a selector is typed: each is asked for rights on every one of its hosts.
const RUNS_OFFERED_MAX: usize = 20;

/// Runs looked through for the selectors that somebody used before.
const RUNS_REMEMBERED_MAX: usize = 500;

/// Runs that a list looks through: somebody with few rights must not keep it busy for long.
pub(super) const RUNS_LOOKED_AT_MAX: usize = 2_000;

/// Runs that are shown with a host.
const RUNS_OF_HOST_MAX: usize = 5;

/// Answers a question, for whoever holds a copy of what the hub knows. Completion refuses nobody: an asker without rights gets nothing.
///
/// # Errors
/// The refusal to show.
pub fn look(ctx: &Context<'_>, asker: &Asker, question: &Question) -> Result<Answer, Refusal> {
    let asked = authenticate(ctx, asker).and_then(|caller| {
        // Who may not see hosts may still name those that they may run on.
        if !matches!(question, Question::Complete { .. }) {
            require(ctx, &caller, question.right(|run| ctx.what_of(run)))?;
        }
        answer(ctx, &caller, question)
    });
    match (question, asked) {
        (Question::Complete { .. } | Question::Versions, Err(_)) => Ok(Answer::Choices(Vec::new())),
        (_, asked) => asked,
    }
}

pub(super) fn answer(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    question: &Question,
) -> Result<Answer, Refusal> {
    Ok(match question {
        Question::Hosts { on } => Answer::Hosts(hosts_view(ctx, caller, on)?),
        Question::Complete { typed } => Answer::Choices(complete(ctx, caller, typed)),
        Question::Versions => Answer::Choices(upkeep::versions(ctx)),
        Question::Runs { limit } => {
            Answer::Runs(seen_runs(ctx, caller, |_| true).take(*limit).collect())
        }
        Question::Run { number } => Answer::Run(run(ctx, caller, *number)?),
        Question::RunOf { id } | Question::Edit { id } => Answer::Run(run_of(ctx, caller, *id)?),
        Question::History { wanted } => Answer::History(Box::new(query(ctx, caller, wanted)?)),
        Question::Commands => Answer::History(Box::new(query(ctx, caller, &Wanted::default())?)),
        Question::Plan(request) => Answer::Previewed(Box::new(seen::look(ctx, caller, request)?)),
        Question::PlanAgain { run, part } => {
            Answer::Previewed(Box::new(seen::look_again(ctx, caller, *run, part)?))
        }
        Question::Groups => Answer::Groups(group_rows(ctx, caller)),
        Question::Hold => Answer::Hold(HoldAnswer::Stands(ctx.state.hold.clone())),
        Question::Tokens => Answer::Tokens(tokens(ctx)),
        Question::Help(_) | Question::Whoami => Answer::Rights(Box::new(rights(ctx, caller))),
        Question::Welcome => Answer::Welcome,
    })
}

/// Hosts by selector; nothing typed means all that the caller may see.
fn hosts_view(ctx: &Context<'_>, caller: &Caller<'_>, on: &str) -> Result<HostsView, Refusal> {
    let visible = visible(ctx, caller, hosts(ctx));
    let (agents, normal) = if on.trim().is_empty() {
        let all = visible.iter().map(|host| host.id);
        (all.collect(), String::new())
    } else {
        let bad = |errors: Vec<SelectorError>| bad_selector(on, Verb::View, &errors);
        let selector = Selector::parse(on).map_err(bad)?;
        let resolution = with_scope(ctx, caller, |scope| selector.resolve(&visible, scope));
        let resolution = resolution.map_err(bad)?;
        (resolution.hosts, selector.to_string())
    };
    let full = |agent: &AgentId| {
        let presence = ctx.fleet.get(*agent);
        presence.is_some_and(|presence| !presence.spool_full.is_empty())
    };
    Ok(HostsView {
        rows: agents.iter().filter_map(|id| host_row(ctx, *id)).collect(),
        spool_full: agents.iter().copied().filter(full).collect(),
        hold: ctx.state.hold.clone(),
        normal,
        runs: match agents.as_slice() {
            [one] => last_runs_of(ctx, caller, *one),
            _ => Vec::new(),
        },
    })
}

fn host_row(ctx: &Context<'_>, agent: AgentId) -> Option<(AgentId, u64, HostRow)> {
    let host = ctx.state.hosts.get(&agent)?;
    let presence = ctx.fleet.get(agent);
    let seen = ctx.fleet.seen(agent, ctx.now_ms);
    let row = HostRow {
        name: host.enrolment.name.clone(),
        labels: host.labels.clone(),
        online: seen.online,
        stale: seen.stale,
        draining: host.draining.clone(),
        seen_ms: presence.map_or(0, |presence| presence.heard_ms),
        version: seen.told.version.into(),
        outdated: is_outdated(seen.told.version, ctx.agent_version())
            .then(|| ctx.agent_version().to_owned()),
        duplicated: presence.is_some_and(|presence| presence.is_duplicated(ctx.now_ms)),
        facts: seen.told.facts.cloned(),
        metrics: seen.told.metrics.cloned(),
        unknown: presence.map_or(0, |presence| presence.unknown.len()),
    };
    Some((agent, host.enrolled_ms, row))
}

fn last_runs_of(ctx: &Context<'_>, caller: &Caller<'_>, agent: AgentId) -> Vec<Arc<Run>> {
    seen_runs(ctx, caller, |run| run.execution(agent).is_some())
        .take(RUNS_OF_HOST_MAX)
        .collect()
}

fn seen_runs<'a>(
    ctx: &'a Context<'_>,
    caller: &'a Caller<'_>,
    wanted: impl Fn(&Run) -> bool + 'a,
) -> impl Iterator<Item = Arc<Run>> + 'a {
    let newest = ctx.newest_numbers().take(RUNS_LOOKED_AT_MAX);
    let runs = newest.filter_map(|number| ctx.run_numbered(number));
    runs.filter(move |run| wanted(run))
        .filter(|run| covers_run(ctx, caller, Verb::View, &run.spec.targets).is_ok())
        .cloned()
}

/// What of the history the caller may look for.
fn query(ctx: &Context<'_>, caller: &Caller<'_>, wanted: &Wanted) -> Result<Query, Refusal> {
    let query = wanted.checked(sight(ctx, caller), ctx.now_ms)?;
    let Some(on) = wanted.on.as_deref() else {
        return Ok(query);
    };
    let visible = visible(ctx, caller, hosts(ctx));
    let bad = |errors: Vec<SelectorError>| bad_selector(on, Verb::View, &errors);
    let selector = Selector::parse(on).map_err(bad)?;
    let resolution = with_scope(ctx, caller, |scope| selector.resolve(&visible, scope));
    let on = resolution.map_err(bad)?.hosts.into_iter().collect();
    Ok(Query {
        on: Some(on),
        ..query
    })
}

/// One run. One that the caller may not see looks like one that does not exist.
fn run(ctx: &Context<'_>, caller: &Caller<'_>, number: RunNumber) -> Result<Arc<Run>, Refusal> {
    let run = seen_run(ctx, caller, number);
    run.cloned().ok_or_else(super::stop::not_found)
}

/// The run of a card, by the same rule.
fn run_of(ctx: &Context<'_>, caller: &Caller<'_>, id: RunId) -> Result<Arc<Run>, Refusal> {
    let number = ctx.state.runs.number_of(id);
    run(ctx, caller, number.ok_or_else(super::stop::not_found)?)
}

/// Completes a selector that is being typed, from the hosts that the caller may run on or see.
fn complete(ctx: &Context<'_>, caller: &Caller<'_>, typed: &str) -> Vec<Choice> {
    let hosts = known(ctx, caller, &[Verb::Run, Verb::Manage, Verb::Update]);
    if hosts.is_empty() {
        return Vec::new();
    }
    // Each is asked for rights on all of its hosts, so only when one is being typed.
    let wanted = if completion::is_about_runs(typed) {
        RUNS_OFFERED_MAX
    } else {
        0
    };
    let newest = ctx.state.runs.newest_whole().take(wanted);
    let runs: Vec<&Run> = newest
        .filter_map(|run| seen_run(ctx, caller, run.number))
        .map(AsRef::as_ref)
        .collect();
    // Their own words tell nobody anything new.
    let own = ctx
        .state
        .runs
        .newest_whole()
        .take(RUNS_REMEMBERED_MAX)
        .filter(|run| run.spec.origin.principal() == caller.principal());
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
    with_scope(ctx, caller, |scope| {
        completion::complete(typed, &hosts, scope, recent)
    })
}

/// Saved groups that have hosts which the caller may see.
pub(super) fn group_rows(ctx: &Context<'_>, caller: &Caller<'_>) -> Vec<GroupRow> {
    let readable = sees_all(ctx, caller);
    let visible = visible(ctx, caller, hosts(ctx));
    with_scope(ctx, caller, |scope| {
        let mut evaluator = Evaluator::new(&visible, scope);
        let row = |(name, group): (&String, &Group)| {
            let hosts = evaluator.count(&group.selector);
            (readable || hosts > Some(0)).then(|| GroupRow {
                name: name.clone(),
                selector: readable.then(|| group.selector.to_string()),
                hosts,
                by: group.by.clone(),
                saved_ms: group.saved_ms,
            })
        };
        ctx.state.groups.iter().filter_map(row).collect()
    })
}

fn tokens(ctx: &Context<'_>) -> Vec<TokenRow> {
    let row = |(id, token): (&String, &TokenEntry)| TokenRow {
        id: id.clone(),
        labels: token.labels.clone(),
        names: token.names.clone(),
        uses: token.uses,
        uses_max: token.uses_max,
        expires_ms: token.expires_ms,
        revoked: token.revoked,
    };
    ctx.state.tokens.iter().map(row).collect()
}
