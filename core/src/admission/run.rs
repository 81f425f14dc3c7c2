//! Asking for a run, and confirming one that was shown first.
//!
//! What is shown is fixed: the hosts, which of them were away, the command. A press runs exactly that, or nothing.

use crate::ids::{HostName, RunId};
use crate::journal::Preview;
use crate::limits;
use crate::policy::Verb;
use crate::principal::Asker;
use crate::refusal::{Code, Refusal};
use crate::run::{Away, Offline, Phase, Spec, Target};
use crate::selector::Host;
use crate::text::count;

use super::{Context, Named, as_host, authenticate, check, folded, named, permit, require_any};

/// A command that somebody wants to run, as typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunRequest {
    /// The selector.
    pub on: String,
    /// The text for `/bin/sh -c`.
    pub command: String,
    /// A duration such as `90s`; nothing means the default.
    pub timeout: Option<String>,
    /// The user to run as; nothing means each agent's own.
    pub run_as: Option<String>,
    /// What becomes of hosts that are away: `fail`, `skip`, `queue` or `queue:2h`; nothing means that a person is asked.
    pub offline: Option<String>,
}

/// A run that may happen: exactly this, on exactly these hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The selector as typed.
    pub selector: String,
    /// The command, with line ends made plain.
    pub command: String,
    /// The user to run as.
    pub run_as: Option<String>,
    /// Milliseconds.
    pub timeout_ms: u64,
    /// The frozen set, sorted by id.
    pub targets: Vec<Target>,
    /// SHA-256 over the ids.
    pub digest: [u8; 32],
    /// The grant that allows it; nothing for the command line.
    pub grant: Option<String>,
    /// What a `pick:` of the selector drew by; nothing without one.
    pub seed: Option<u64>,
    /// What becomes of hosts that are away.
    pub offline: Offline,
    /// Why the person must see it first; empty when it may run as it is.
    pub asks: Vec<Ask>,
    /// Hosts that an exclusion removed and that the asker may see, for whoever is shown it.
    pub excluded: Vec<HostName>,
    /// Names of ranges that no host has.
    pub absent: Vec<String>,
}

impl Plan {
    /// What is recorded of it, under an id that was drawn for it.
    #[must_use]
    pub fn into_spec(self, id: RunId, asker: &Asker) -> Spec {
        Spec {
            id,
            by: asker.principal(),
            place: asker.place(),
            selector: self.selector,
            command: self.command,
            run_as: self.run_as,
            timeout_ms: self.timeout_ms,
            targets: self.targets,
            digest: self.digest,
            grant: self.grant,
            seed: self.seed,
            offline: self.offline,
        }
    }
}

/// Why somebody is asked before anything runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// `all` was named.
    Every,
    /// More hosts than this.
    Many(usize),
    /// Some hosts are away, and nothing was said about those.
    Away,
}

/// What somebody chose who was shown a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirm {
    /// Run it as it was asked for.
    AsAsked,
    /// Leave those out that were away.
    OnlineOnly,
    /// Wait for those that were away, for [`limits::QUEUE_MS`].
    Queue,
}

/// Asks for a run.
///
/// # Errors
/// The refusal to show, which says what to do next.
pub fn admit_run(ctx: &Context<'_>, asker: &Asker, request: &RunRequest) -> Result<Plan, Refusal> {
    authenticate(ctx, asker)?;
    require_any(ctx, asker, Verb::Run)?;
    not_on_hold(ctx)?;
    let command = check::command(&request.command)?;
    let timeout_ms = check::timeout(request.timeout.as_deref())?;
    let run_as = check::run_as(request.run_as.as_deref())?;
    let offline = check::offline(request.offline.as_deref())?;

    let hosts = super::known(ctx, asker, &[Verb::Run]);
    let Named {
        resolution,
        hosts: named,
        grant,
    } = named(ctx, asker, Verb::Run, &request.on, &hosts)?;
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
        some_ready(&named)?;
    }
    let excluded = hosts
        .iter()
        .filter(|host| resolution.excluded.binary_search(&host.id).is_ok());
    let any_away = targets.iter().any(|target| target.away.is_some());
    let asks = match asker {
        Asker::Local { .. } => Vec::new(),
        Asker::Discord { .. } => [
            resolution.every.then_some(Ask::Every),
            (targets.len() > ctx.confirm_hosts).then_some(Ask::Many(ctx.confirm_hosts)),
            (any_away && offline.is_none()).then_some(Ask::Away),
        ]
        .into_iter()
        .flatten()
        .collect(),
    };
    Ok(Plan {
        selector: request.on.trim().to_owned(),
        command,
        run_as,
        timeout_ms,
        digest: resolution.digest,
        grant,
        seed: resolution.drawn.then_some(ctx.seed),
        offline: offline.unwrap_or(Offline::Fail),
        asks,
        excluded: excluded.map(|host| host.name.clone()).collect(),
        absent: resolution.absent,
        targets,
    })
}

/// Confirms a run that the asker was shown: it runs on the hosts that were shown, whoever has come and gone since. Everything but the
/// set of hosts is decided anew.
///
/// # Errors
/// The refusal to show. Nothing is run.
pub fn admit_preview(
    ctx: &Context<'_>,
    asker: &Asker,
    id: RunId,
    choice: Confirm,
    now_ms: u64,
) -> Result<Spec, Refusal> {
    authenticate(ctx, asker)?;
    require_any(ctx, asker, Verb::Run)?;
    let preview = own_preview(ctx, asker, id)?;
    if now_ms > preview.at_ms.saturating_add(limits::PREVIEW_MS) {
        return Err(gone("It was shown too long ago to be confirmed now."));
    }
    not_on_hold(ctx)?;
    let mut hosts = Vec::with_capacity(preview.spec.targets.len());
    for target in &preview.spec.targets {
        match ctx.state.hosts.get(&target.agent) {
            Some(entry) if !entry.revoked => hosts.push(as_host(ctx, target.agent, entry)),
            Some(_) | None => {
                let what = format!("{} was removed since this was shown.", target.name);
                return Err(gone(&what));
            }
        }
    }
    let all: Vec<&Host<'_>> = hosts.iter().collect();
    let grant = permit(ctx, asker, Verb::Run, &all)?;
    let offline = match choice {
        Confirm::AsAsked => preview.spec.offline,
        Confirm::OnlineOnly => Offline::Skip,
        Confirm::Queue => Offline::Queue {
            for_ms: limits::QUEUE_MS.1,
        },
    };
    let left_out = |target: &Target| offline == Offline::Skip && target.away.is_some();
    let counted: Vec<&Host<'_>> = hosts
        .iter()
        .zip(&preview.spec.targets)
        .filter(|(_, target)| !left_out(target))
        .map(|(host, _)| host)
        .collect();
    if !matches!(offline, Offline::Queue { .. }) {
        some_ready(&counted)?;
    }
    Ok(Spec {
        place: asker.place(),
        grant,
        offline,
        ..preview.spec.clone()
    })
}

/// What the asker was shown, while it waits for their word.
///
/// # Errors
/// It is not theirs, or there is none any more.
pub fn own_preview<'a>(
    ctx: &Context<'a>,
    asker: &Asker,
    id: RunId,
) -> Result<&'a Preview, Refusal> {
    if let Some(preview) = ctx.state.previews.get(&id) {
        return match preview.spec.by == asker.principal() {
            true => Ok(preview),
            false => Err(gone("It was shown to somebody else.")),
        };
    }
    match ctx.state.runs.get(&id) {
        Some(run) if run.spec.by != asker.principal() => {
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

fn not_on_hold(ctx: &Context<'_>) -> Result<(), Refusal> {
    if !ctx.state.hold {
        return Ok(());
    }
    Err(Refusal::new(
        Code::Hold,
        "New runs are on hold. Nothing was run.",
        "Somebody with the right to do so can end it with `/hold state:off` or `shanty hold off`.",
    ))
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

/// Refuses when no host can take an order.
fn some_ready(hosts: &[&Host<'_>]) -> Result<(), Refusal> {
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
    Err(Refusal::new(
        Code::AllOffline,
        what,
        "Look with /hosts how they are, or wait for them with `offline:queue:24h`.",
    ))
}

impl Ask {
    /// As the preview says it.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::Every => "`all` was named".to_owned(),
            Self::Many(max) => format!("more than {}", count(max, "host")),
            Self::Away => "some hosts cannot take it now".to_owned(),
        }
    }
}
