//! A changed configuration: recorded first, and what decisions rest on from then on.

use std::sync::Arc;

use crate::admission::Settings;
use crate::journal::Kind;
use crate::principal::Actor;
use crate::time::Now;

use super::{Effect, Hub, Reply, Ticket};

/// What a configuration says now.
#[derive(Debug)]
pub struct Configured {
    /// Who had it taken.
    pub actor: Actor,
    /// What decisions rest on.
    pub settings: Settings,
    /// What changed, for people.
    pub changes: Vec<String>,
}

impl Hub {
    /// Records it; the answer says that it counts.
    pub(super) fn configured(
        &mut self,
        ticket: Ticket,
        to: Configured,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let changes = to.changes;
        let mut kinds = vec![Kind::PolicyChanged { changes }];
        let grants = to.settings.policy.specs();
        if *self.known.state.grants != grants[..] {
            kinds.push(Kind::GrantsLoaded(grants));
        }
        let reply = Reply::Configured(ticket, Arc::new(to.settings));
        self.append(&to.actor, kinds, reply, now, out);
    }
}
