//! What somebody may do where they ask, and which grants say so. It is told to that person alone: of others' grants it names who has them,
//! so that they know whom to ask, and never on which hosts.

use std::collections::BTreeSet;

use crate::ask::{ELSEWHERE_MAX, GivenBy, Rights, VerbRights};
use crate::policy::{Grant, Verb, Who};
use crate::selector::Host;

use super::Context;
use super::caller::Caller;
use super::hosts::hosts;

/// What the caller may do here.
pub(super) fn rights(ctx: &Context<'_>, caller: &Caller<'_>) -> Rights {
    let hosts = hosts(ctx);
    let Caller::Person { who, .. } = caller else {
        return Rights {
            example: example(&mut hosts.iter()),
            ..Rights::default()
        };
    };
    let policy = &ctx.settings.policy;
    let verbs = Verb::ALL.map(|verb| verb_rights(ctx, *who, verb, &hosts));
    let may = |host: &&Host<'_>| policy.allows_host(*who, Verb::Run, host);
    let sees = |host: &&Host<'_>| policy.allows_host(*who, Verb::View, host);
    let tried = example(&mut hosts.iter().filter(may));
    Rights {
        channel: Some(who.channel),
        verbs: verbs.into(),
        elsewhere: elsewhere(ctx, *who),
        example: tried.or_else(|| example(&mut hosts.iter().filter(sees))),
    }
}

/// The other channels in which they may do something.
fn elsewhere(ctx: &Context<'_>, who: Who<'_>) -> Vec<u64> {
    let policy = &ctx.settings.policy;
    let channels = Verb::ALL.map(|verb| policy.channels_for(who, verb));
    let mut seen = BTreeSet::from([who.channel]);
    let others = channels.into_iter().flatten();
    others
        .filter(|channel| seen.insert(*channel))
        .take(ELSEWHERE_MAX)
        .collect()
}

fn verb_rights(ctx: &Context<'_>, who: Who<'_>, verb: Verb, hosts: &[Host<'_>]) -> VerbRights {
    let policy = &ctx.settings.policy;
    let given = |grant: &Grant| GivenBy {
        grant: grant.id.clone(),
        role: match grant.people.contains(&who.user) {
            true => None,
            false => grant
                .roles
                .iter()
                .copied()
                .find(|role| who.roles.contains(role)),
        },
        selector: grant.hosts.to_string(),
        hosts: hosts
            .iter()
            .filter(|host| grant.hosts.contains(host))
            .count(),
    };
    let holders = policy.holders(who.channel, verb, &[]);
    let allowed = |host: &&Host<'_>| policy.allows_host(who, verb, host);
    VerbRights {
        verb,
        by: policy.giving(who, verb).map(given).collect(),
        hosts: hosts.iter().filter(allowed).count(),
        roles: holders.roles,
        people: holders.people,
    }
}

/// The first of these hosts by name, one that is there before one that is away.
fn example<'a>(hosts: &mut dyn Iterator<Item = &'a Host<'a>>) -> Option<(String, Option<String>)> {
    let host = hosts.min_by_key(|host| (!host.online, host.draining, host.name))?;
    let labels = host.labels.to_string();
    let label = labels
        .split_whitespace()
        .find(|label| label.starts_with("role="));
    let label = label.or_else(|| labels.split_whitespace().next());
    Some((host.name.to_string(), label.map(str::to_owned)))
}
