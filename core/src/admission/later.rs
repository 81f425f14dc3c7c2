//! Whether an execution may start that was asked for earlier: what waited for its host or for its turn, and what is sent anew.
//!
//! The same is asked as when somebody asks now, of whom the record names: the guild is served, the grant is there and is theirs in that
//! channel by the roles that they have now, and gives all of it on the host. Holds and drains are the launch's.

use crate::ids::AgentId;
use crate::members::{Member, Membership};
use crate::policy::{Grant, Verb, Who};
use crate::principal::Place;
use crate::run::{Origin, Spec};

use super::Context;
use super::hosts::{as_granted, to_run};

/// How it is known who asks, and with which roles.
#[derive(Clone, Copy, Debug)]
pub enum Proof<'a> {
    /// By the interaction itself, which was admitted just now.
    Asked,
    /// By what was heard of them just now.
    Heard(&'a Membership),
}

/// Why it may not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoStart {
    /// What it was asked under does not cover the host.
    Host,
    /// Whoever asked may not any more.
    Person,
}

/// Who must be heard of before it may start later than it was asked for; nobody for the socket, whose users need no grant.
#[must_use]
pub const fn asked_by(spec: &Spec) -> Option<Member> {
    match &spec.origin {
        Origin::Chat { user, place, .. } => Some(Member {
            guild: place.guild,
            user: *user,
        }),
        Origin::Socket { .. } => None,
    }
}

/// Whether a run may start on a host now.
///
/// # Errors
/// Why not.
pub fn may_start(
    ctx: &Context<'_>,
    spec: &Spec,
    agent: AgentId,
    proof: Proof<'_>,
) -> Result<(), NoStart> {
    let entry = ctx.state.hosts.get(&agent).ok_or(NoStart::Host)?;
    let Origin::Chat {
        user, place, grant, ..
    } = &spec.origin
    else {
        return Ok(());
    };
    let grants = ctx.settings.policy.grants.iter();
    let grant = grants.clone().find(|known| known.id == *grant);
    let grant = grant.filter(|grant| gives(grant, spec));
    let host = as_granted(agent, entry);
    let grant = grant
        .filter(|grant| grant.hosts.contains(&host))
        .ok_or(NoStart::Host)?;
    let roles = match proof {
        Proof::Asked => return Ok(()),
        Proof::Heard(Membership::Gone) => return Err(NoStart::Person),
        Proof::Heard(Membership::Roles(roles)) => roles,
    };
    let who = Who {
        user: *user,
        roles,
        channel: granted_in(*place),
    };
    let served = ctx.settings.guilds.contains(&place.guild);
    if served && grant.is_theirs(who) {
        Ok(())
    } else {
        Err(NoStart::Person)
    }
}

fn gives(grant: &Grant, spec: &Spec) -> bool {
    let verbs: &[Verb] = to_run(&spec.what, &spec.options);
    verbs.iter().all(|verb| grant.what.contains(verb))
}

/// The channel that grants look at: threads inherit theirs.
fn granted_in(place: Place) -> u64 {
    place.parent.unwrap_or(place.channel)
}
