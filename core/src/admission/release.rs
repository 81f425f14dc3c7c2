//! Giving up what hosts hold of runs that are not known here.

use crate::ask::InventoryAnswer;
use crate::ids::RunId;
use crate::journal::HostChange;
use crate::policy::Verb;
use crate::refusal::Refusal;

use super::Context;
use super::caller::Caller;
use super::hosts::{known, named};
use super::inventory::Changed;

/// Asks to give up what hosts hold of runs that are not known here; gives the hosts that hold any, with how many.
pub(super) fn release(
    ctx: &Context<'_>,
    caller: &Caller<'_>,
    on: &str,
) -> Result<Changed, Refusal> {
    let hosts = known(ctx, caller, &[Verb::Manage]);
    let named = named(ctx, caller, Verb::Manage, on, &hosts)?;
    let (mut kinds, mut released) = (Vec::new(), Vec::new());
    for host in &named.hosts {
        let presence = ctx.fleet.get(host.id);
        let runs: Vec<RunId> = presence.map_or_else(Vec::new, |presence| {
            presence.unknown.iter().copied().collect()
        });
        if !runs.is_empty() {
            released.push((host.name.clone(), runs.len()));
            kinds.push(HostChange::Released { runs }.of(host.id));
        }
    }
    Ok((kinds, InventoryAnswer::Released(released)))
}
