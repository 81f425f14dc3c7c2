//! Steps of the authority: each is taken when it follows from how it stands, and counts when it is recorded.

use crate::ask::Answer;
use crate::authority::AuthorityChange;
use crate::journal::Kind;
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
}
