//! A run as people are shown it before it runs, and the word of whoever asks on the socket that it was seen.

use crate::ask::{Part, RunRequest, YES};
use crate::fleet::Fleet;
use crate::ids::RunId;
use crate::journal::State;
use crate::refusal::{Code, Refusal};
use crate::run::{Away, Target};
use crate::text::count;
use crate::view::{AwayRow, Preview};

use super::caller::Caller;
use super::{Caution, Context, Plan, run};

/// What would run, and nothing does.
pub(super) fn look(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    request: &RunRequest,
) -> Result<Preview, Refusal> {
    let plan = run::wanted(ctx, caller, request)?;
    Ok(preview(ctx.state, ctx.fleet, plan, ctx.now_ms))
}

/// What would run again, and nothing does.
pub(super) fn look_again(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    run: RunId,
    part: &Part,
) -> Result<Preview, Refusal> {
    let plan = run::wanted_again(ctx, caller, run, part)?;
    Ok(preview(ctx.state, ctx.fleet, plan, ctx.now_ms))
}

/// Refuses what was not looked at though it should be, and what is not any more what was looked at.
pub(super) fn was_seen(plan: &Plan, seen: Option<&str>) -> Result<(), Refusal> {
    let set = hex::encode(plan.spec.digest);
    match seen {
        Some(seen) if seen == YES || seen == set => Ok(()),
        Some(_) => Err(Refusal::new(
            Code::Stale,
            "These are not the hosts that were shown any more. Nothing was run.",
            "Type the command again to see how it is now.",
        )),
        None if plan.cautions.is_empty() => Ok(()),
        None => {
            let why: Vec<String> = plan.cautions.iter().map(|c| c.text()).collect();
            Err(Refusal::new(
                Code::BadOption,
                format!("You are asked first: {}. Nothing was run.", why.join(", ")),
                "Look at it with `--dry-run`, and say `--yes` to run it.",
            ))
        }
    }
}

/// A plan as people are shown it.
pub(crate) fn preview(state: &State, fleet: &Fleet, plan: Plan, at_ms: u64) -> Preview {
    let spec = plan.spec;
    let away = spec
        .targets
        .iter()
        .filter_map(|target| away_row(state, fleet, target));
    let agents = spec.targets.iter().map(|target| target.agent);
    Preview {
        at_ms,
        cautions: plan.cautions,
        away: away.collect(),
        excluded: plan.excluded,
        absent: plan.absent,
        found: plan.found,
        run_as: fleet.users_on(agents),
        spec: spec.clone(),
    }
}

fn away_row(state: &State, fleet: &Fleet, target: &Target) -> Option<AwayRow> {
    let away = target.away?;
    let since_ms = match away {
        Away::Offline => fleet.get(target.agent).map(|p| p.heard_ms),
        Away::Draining => state
            .hosts
            .get(&target.agent)
            .and_then(|host| host.draining.as_ref())
            .map(|draining| draining.since_ms),
    };
    Some(AwayRow {
        name: target.name.clone(),
        away,
        since_ms: since_ms.unwrap_or(0),
    })
}

impl Caution {
    /// As the command line says it.
    #[must_use]
    pub fn text(self) -> String {
        match self {
            Self::Every => "`all` was named".to_owned(),
            Self::Many(max) => format!("more than {}", count(max, "host")),
            Self::Away => "some hosts cannot take it now".to_owned(),
            Self::Update => "agents are replaced".to_owned(),
        }
    }
}
