//! Steps of the authority: each is taken when it follows from how it stands, and counts when it is recorded.

use crate::ask::Answer;
use crate::authority::{AuthorityChange, AuthorityKey, Key};
use crate::ids::AgentId;
use crate::journal::{HostChange, Kind};
use crate::principal::Actor;
use crate::time::Now;

use super::{Effect, Hub, Reply, Ticket};

impl Hub {
    /// Records it; the answer says that it counts.
    pub(super) fn authority(
        &mut self,
        ticket: Ticket,
        actor: &Actor,
        change: AuthorityChange,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        if let Err(refusal) = self.known.state.authority.may(&change) {
            let answer = Err(refusal);
            out.push(Effect::Answer { ticket, answer });
            return;
        }
        let reply = Reply::Answer(ticket, Box::new(Answer::AuthorityChanged));
        self.append(actor, [Kind::AuthorityChanged(change)], reply, now, out);
    }

    /// A host knows a key for orders: recorded once, while it takes the place of another.
    pub(super) fn order_key_taken(
        &mut self,
        agent: AgentId,
        key: Key,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let state = &self.known.state;
        let rotating = state.authority.rotating(AuthorityKey::Orders);
        let comes = rotating.is_some_and(|rotation| rotation.to == key);
        let host = state.hosts.get(&agent);
        let knows = host.is_none_or(|host| host.revoked || host.order_key == Some(key));
        if comes && !knows {
            let kind = HostChange::OrderKeyTaken { key }.of(agent);
            self.append(&Actor::Host(agent), [kind], Reply::Nobody, now, out);
        }
    }
}
