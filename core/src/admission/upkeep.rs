//! Asking agents to update themselves, or how they are. It is a run like any other; what is different of it is said here.
//!
//! Nothing is believed of a host for rights: the version that its agent tells decides only whether there is anything to do, and each host
//! looks at the release itself.

use std::collections::BTreeMap;

use crate::ask::{RunOption, RunRequest, UpkeepRequest};
use crate::ids::HostName;
use crate::limits;
use crate::offer::Release;
use crate::refusal::{Code, Refusal};
use crate::run::{Update, Upkeep, What};
use crate::selector::Host;
use crate::selector::complete::Choice;
use crate::text::{shown, utc};
use crate::version::Version;

use super::caller::Caller;
use super::hosts::folded;
use super::run::{Plan, Wanted};
use super::{Caution, Context, check, rollout, run};

/// How hosts start an update when nobody says otherwise: one, then a quarter, then all that are left.
pub const UPDATE_BATCH: &str = "1,25%,100%";

/// The options that upkeep has; the others are of commands.
const OPTIONS: [RunOption; 7] = [
    RunOption::Timeout,
    RunOption::Offline,
    RunOption::Batch,
    RunOption::Parallel,
    RunOption::MaxFail,
    RunOption::Pause,
    RunOption::Seen,
];

/// What an update finds on its hosts, as far as they told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The versions that its hosts have, each with the number of hosts; an empty one where nothing was told.
    pub from: Vec<(String, usize)>,
    /// Those that have the version already: they are left out.
    pub there: Vec<HostName>,
    /// Those whose agents are too old to be updated from here: they are not started.
    pub old: Vec<HostName>,
    /// Who signed the release.
    pub signer: String,
}

/// What somebody wants agents to do to themselves.
pub(super) fn wanted(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    request: &RunRequest,
    asked: &UpkeepRequest,
) -> Result<Plan, Refusal> {
    let typed = &request.typed;
    let of_a_command = RunOption::ALL
        .into_iter()
        .find(|option| !OPTIONS.contains(option) && typed.get(*option).is_some());
    if let Some(option) = of_a_command {
        let option = caller.typed(option, "");
        let what = format!("{option} is for commands, and this is none. Nothing was run.");
        return Err(Refusal::new(Code::BadOption, what, "Leave it out."));
    }
    let what = what(ctx, asked)?;
    let mut options = check::options(caller, typed)?;
    if typed.get(RunOption::Timeout).is_none() {
        options.timeout_ms = match asked {
            UpkeepRequest::Update { .. } => limits::UPDATE_MS,
            UpkeepRequest::Doctor => limits::DOCTOR_MS,
        };
    }
    let in_turn = [RunOption::Batch, RunOption::Parallel];
    let usual = matches!(asked, UpkeepRequest::Update { .. })
        && in_turn
            .into_iter()
            .all(|option| typed.get(option).is_none());
    let rollout = match usual {
        true => rollout::rollout(caller, &typed.clone().with(RunOption::Batch, UPDATE_BATCH))?,
        false => rollout::rollout(caller, typed)?,
    };
    let wanted = Wanted {
        what,
        input: None,
        offline: check::offline(typed.get(RunOption::Offline))?,
        rollout,
        options,
    };
    let mut plan = run::plan(ctx, caller, &request.on, wanted)?;
    let strategy = &mut plan.spec.strategy;
    if usual && plan.spec.targets.len() == 1 {
        strategy.rollout = None;
    }
    if typed.get(RunOption::Batch).is_some() {
        rollout::fits(strategy.rollout.as_ref(), plan.spec.targets.len())?;
    }
    Ok(plan)
}

fn what(ctx: &Context<'_>, asked: &UpkeepRequest) -> Result<What, Refusal> {
    let upkeep = match asked {
        UpkeepRequest::Doctor => Upkeep::Doctor,
        UpkeepRequest::Update { version, older } => {
            let version = match (version.trim(), &ctx.offer.version) {
                // Without an offer, why there is none is said in a moment.
                ("", Some(offered)) => offered.clone(),
                ("", None) => return Err(no_release(ctx)),
                (typed, _) => typed.parse().map_err(|error| {
                    Refusal::new(
                        Code::BadOption,
                        format!(
                            "`{}` is no version: {error}. Nothing was run.",
                            shown(typed, 20)
                        ),
                        "Leave it out for the one that this controller hands out.",
                    )
                })?,
            };
            Upkeep::Update(Update {
                version,
                older: *older,
            })
        }
    };
    Ok(What::Upkeep(upkeep))
}

/// Refuses an update to what is not handed out, or not any more.
pub(super) fn is_offered(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    what: &What,
) -> Result<(), Refusal> {
    match what {
        What::Shell(_) | What::Argv(_) | What::Upkeep(Upkeep::Doctor) => Ok(()),
        What::Upkeep(Upkeep::Update(update)) => release(ctx, caller, update).map(|_| ()),
    }
}

/// The release that an update is to.
fn release<'a>(
    ctx: &Context<'a>,
    caller: &Caller<'_>,
    update: &Update,
) -> Result<&'a Release, Refusal> {
    let Ok(release) = &ctx.offer.release else {
        return Err(no_release(ctx));
    };
    let offered = ctx.offer.version.as_ref();
    if offered != Some(&update.version) {
        let offers = offered.map_or("no agent", Version::as_str);
        let what = format!(
            "This controller hands out {offers}, and not {}. Nothing was run.",
            update.version
        );
        let next = format!(
            "Ask for {offers}, or put the release {} into the controller's folder of agents first.",
            update.version
        );
        return Err(Refusal::new(Code::Version, what, next));
    }
    if let Some(until_ms) = release.not_after_ms.filter(|until| ctx.now_ms > *until) {
        let until = match caller {
            Caller::Socket { .. } => utc(until_ms),
            Caller::Person { .. } => format!("<t:{}:f>", until_ms / 1_000),
        };
        let what = format!(
            "The release {} counted until {until}, and hosts would refuse it. Nothing was run.",
            update.version
        );
        let next = "Put a newer release, or the same one signed anew, into the controller's folder of agents.";
        return Err(Refusal::new(Code::Expired, what, next));
    }
    if update.older && !release.older_ok {
        let what = format!(
            "The release {} does not say that a newer version may go back to it, and hosts would refuse. Nothing was run.",
            update.version
        );
        let next = "Leave `older` out, or put a release there that says so.";
        return Err(Refusal::new(Code::Version, what, next));
    }
    Ok(release)
}

/// The version that is handed out, for whoever types one.
pub(super) fn versions(ctx: &Context<'_>) -> Vec<Choice> {
    let Some(version) = &ctx.offer.version else {
        return Vec::new();
    };
    let more = match &ctx.offer.release {
        Ok(release) => format!("signed by {}", shown(&release.signer, 40)),
        Err(_) => "agents cannot be updated to it".to_owned(),
    };
    vec![Choice {
        value: version.to_string(),
        label: format!("{version} · {more}"),
    }]
}

fn no_release(ctx: &Context<'_>) -> Refusal {
    let (why, next) = match &ctx.offer.release {
        Err(why) => (why.why.as_str(), why.next.clone()),
        Ok(_) => ("it hands out none", String::new()),
    };
    let what = format!("Agents cannot be updated from here: {why}. Nothing was run.");
    Refusal::new(Code::Version, what, next)
}

/// The hosts among these on which there is something to do, and what is found of an update; all of them for anything but upkeep.
pub(super) fn fitting<'h>(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    what: &What,
    named: Vec<&'h Host<'h>>,
) -> Result<(Vec<&'h Host<'h>>, Option<Found>), Refusal> {
    match what {
        What::Shell(_) | What::Argv(_) => Ok((named, None)),
        What::Upkeep(Upkeep::Doctor) => {
            some_know_how(ctx, &named, None)?;
            Ok((named, None))
        }
        What::Upkeep(Upkeep::Update(update)) => {
            let release = release(ctx, caller, update)?;
            let (there, hosts): (Vec<&Host<'_>>, Vec<&Host<'_>>) = named
                .into_iter()
                .partition(|host| host.told.version == update.version.as_str());
            if hosts.is_empty() {
                let have = if there.len() == 1 { "has" } else { "have" };
                let names = folded(&there);
                let what = format!(
                    "{names} {have} {} already: there is nothing to do. Nothing was run.",
                    update.version
                );
                let next = match caller {
                    Caller::Socket { .. } => {
                        "`shanty hosts is:outdated` shows who has an older one."
                    }
                    Caller::Person { .. } => "`/hosts on:is:outdated` shows who has an older one.",
                };
                return Err(Refusal::new(Code::Closed, what, next));
            }
            none_is_newer(caller, update, release, &hosts)?;
            some_know_how(ctx, &hosts, release.min_from.as_ref())?;
            let mut from: BTreeMap<&str, usize> = BTreeMap::new();
            for host in &hosts {
                *from.entry(host.told.version).or_default() += 1;
            }
            let old = hosts
                .iter()
                .filter(|host| is_old(ctx, host, release.min_from.as_ref()));
            let found = Found {
                from: from
                    .into_iter()
                    .map(|(version, hosts)| (version.to_owned(), hosts))
                    .collect(),
                there: there.iter().map(|host| host.name.clone()).collect(),
                old: old.map(|host| host.name.clone()).collect(),
                signer: release.signer.clone(),
            };
            Ok((hosts, Some(found)))
        }
    }
}

fn none_is_newer(
    caller: &Caller<'_>,
    update: &Update,
    release: &Release,
    hosts: &[&Host<'_>],
) -> Result<(), Refusal> {
    let newer = |host: &&Host<'_>| {
        let version = host.told.version.parse::<Version>();
        version.is_ok_and(|version| update.version.is_older_than(&version))
    };
    let newer: Vec<&Host<'_>> = hosts.iter().copied().filter(newer).collect();
    if newer.is_empty() || update.older {
        return Ok(());
    }
    let have = if newer.len() == 1 { "has" } else { "have" };
    let what = format!(
        "{} {have} a newer agent than {}. Nothing was run.",
        folded(&newer),
        update.version
    );
    let leave = if newer.len() == 1 { "it" } else { "them" };
    let next = match (release.older_ok, caller) {
        (true, Caller::Socket { .. }) => {
            format!("Leave {leave} out, or go back with `--older`.")
        }
        (true, Caller::Person { .. }) => {
            format!("Leave {leave} out, or go back with `older:true`.")
        }
        (false, _) => format!(
            "Leave {leave} out: the release {} does not say that a newer version may go back to it.",
            update.version
        ),
    };
    Err(Refusal::new(Code::Version, what, next))
}

/// True for a host whose agent cannot do it; what it told says so, so it has a link.
fn is_old(ctx: &Context<'_>, host: &Host<'_>, min_from: Option<&Version>) -> bool {
    let presence = ctx.fleet.get(host.id);
    let Some(presence) = presence.filter(|presence| presence.link.is_some()) else {
        return false;
    };
    let version = host.told.version.parse::<Version>().ok();
    let before = min_from.zip(version.as_ref());
    !presence.takes_upkeep || before.is_some_and(|(min, version)| version.is_older_than(min))
}

/// Refuses when every host that could be told is too old for it.
fn some_know_how(
    ctx: &Context<'_>,
    hosts: &[&Host<'_>],
    min_from: Option<&Version>,
) -> Result<(), Refusal> {
    let online = hosts.iter().copied().filter(|host| host.online);
    let (old, able): (Vec<&Host<'_>>, Vec<&Host<'_>>) =
        online.partition(|host| is_old(ctx, host, min_from));
    if old.is_empty() || !able.is_empty() {
        return Ok(());
    }
    let agents = if old.len() == 1 {
        "agent is"
    } else {
        "agents are"
    };
    let what = format!(
        "The {agents} too old for this: {}. Nothing was run.",
        folded(&old)
    );
    Err(Refusal::new(Code::Version, what, TOO_OLD))
}

/// What helps where an agent is too old to be updated from here.
pub const TOO_OLD: &str = "Install the new one over it once: run the line of `/host add`, or of `shanty token create --install`, there; the host keeps its identity.";

impl Found {
    /// From which versions, in words: `0.1.0`, or `0.1.0 on 3, 0.1.1 on 2`.
    #[must_use]
    pub fn from_words(&self) -> String {
        let named = |version: &str| match version {
            "" => "unknown".to_owned(),
            version => shown(version, 32),
        };
        match self.from.as_slice() {
            [(one, _)] => named(one),
            all => {
                let each = all.iter().take(5);
                let each = each.map(|(version, hosts)| format!("{} on {hosts}", named(version)));
                let mut words = each.collect::<Vec<_>>().join(", ");
                if all.len() > 5 {
                    words.push_str(" …");
                }
                words
            }
        }
    }
}

/// What makes somebody look first: always, of an update.
pub(super) const fn caution(what: &What) -> Option<Caution> {
    match what {
        What::Shell(_) | What::Argv(_) | What::Upkeep(Upkeep::Doctor) => None,
        What::Upkeep(Upkeep::Update(_)) => Some(Caution::Update),
    }
}
